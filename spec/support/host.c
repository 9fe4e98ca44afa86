/*
 * A Lua interpreter of a dozen lines, for `make asan`: linked with the
 * sanitizers' runtime itself, it needs no LD_PRELOAD, which every child
 * process would inherit.
 */
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

int main(int argc, char **argv)
{
	lua_State *L = luaL_newstate();
	int i, failed;

	if (!L || argc < 2)
		return EXIT_FAILURE;
	luaL_openlibs(L);
	lua_newtable(L);
	for (i = 0; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_rawseti(L, -2, i - 1);
	}
	lua_setglobal(L, "arg");
	failed = luaL_dofile(L, argv[1]);
	if (failed)
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
	lua_close(L);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
