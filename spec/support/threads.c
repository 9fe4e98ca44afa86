/*
 * Two threads, each with a Lua state of its own, run one Lua file at the same
 * time: for `make tsan`. Both start at a barrier, so that what is made ready at
 * the first use (libcurl, OpenSSL) is made ready by both at once.
 *
 * threads FILE ARGUMENT...
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

enum { THREADS = 2 };

static pthread_barrier_t barrier;
static int argc;
static char **argv;

static void *run(void *number)
{
	lua_State *L = luaL_newstate();
	int i, failed;

	if (!L)
		return "no memory";
	luaL_openlibs(L);
	lua_newtable(L);
	for (i = 2; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_rawseti(L, -2, i - 1);
	}
	lua_pushstring(L, number);
	lua_setfield(L, -2, "thread");
	lua_setglobal(L, "arg");
	failed = luaL_loadfile(L, argv[1]);
	pthread_barrier_wait(&barrier);
	failed = failed || lua_pcall(L, 0, 0, 0);
	if (failed)
		fprintf(stderr, "thread %s: %s\n", (const char *)number, lua_tostring(L, -1));
	lua_close(L);
	return failed ? "failed" : NULL;
}

int main(int count, char **values)
{
	static char *const names[THREADS] = {"1", "2"};
	pthread_t threads[THREADS];
	int i, failures = 0;

	argc = count;
	argv = values;
	if (argc < 2 || pthread_barrier_init(&barrier, NULL, THREADS) != 0)
		return EXIT_FAILURE;
	for (i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, run, names[i]) != 0)
			return EXIT_FAILURE;
	}
	for (i = 0; i < THREADS; i++) {
		void *problem = NULL;

		pthread_join(threads[i], &problem);
		failures += problem != NULL;
	}
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
