/*
 * entra.host: what a person's program needs from the system, from libc alone.
 *
 * Every function that can fail returns nil, message, code (see lbind.h).
 */
#include <dlfcn.h>
#include <unistd.h>

#include "harden.h"
#include "lbind.h"
#include "signal.h"
#include "tty.h"

enum { ANSWER_MAX = 1024 };

/* harden() -> true */
static int host_harden(lua_State *L)
{
	struct ent_err err;

	if (ent_harden(&err) != 0)
		return lbind_fail(L, &err);
	lua_pushboolean(L, 1);
	return 1;
}

/* catch_signals() -> descriptor that becomes readable at SIGINT or SIGTERM */
static int host_catch_signals(lua_State *L)
{
	struct ent_err err;
	int fd = ent_signal_catch(&err);

	if (fd < 0)
		return lbind_fail(L, &err);
	lua_pushnumber(L, fd);
	return 1;
}

/* die_of_signal(): die of the signal that was caught; returns if there was none */
static int host_die_of_signal(lua_State *L)
{
	(void)L;
	ent_signal_die();
	return 0;
}

/* kind(fd) -> "terminal" | "pipe" | "file" | "other" */
static int host_kind(lua_State *L)
{
	lua_pushstring(L, ent_tty_kind((int)luaL_checknumber(L, 1)));
	return 1;
}

/* ask_hidden(question [, wake_fd]) -> the line typed on standard input, without echo | nil, message, code */
static int host_ask_hidden(lua_State *L)
{
	const char *question = lbind_check_cstring(L, 1);
	int wake = lbind_opt_fd(L, 2);
	struct ent_buf *answer = lbind_buffer(L, ANSWER_MAX);
	struct ent_err err;

	return ent_tty_ask_hidden(question, wake, answer, &err) == 0 ? lbind_push_buffer(L, answer)
	                                                             : lbind_fail(L, &err);
}

/*
 * load_lazily(path) -> whether the shared object could be loaded. Lua's loader binds every function of an
 * object and of all its libraries at once; what was loaded before stays as it was. libcurl brings thirty
 * libraries, of which an exchange calls little.
 */
static int host_load_lazily(lua_State *L)
{
	lua_pushboolean(L, dlopen(lbind_check_cstring(L, 1), RTLD_LAZY | RTLD_LOCAL) != NULL);
	return 1;
}

/*
 * exit(status): end the process at once. Standard output must have been flushed; libraries' exit handlers,
 * which would tidy up memory that the kernel takes back anyway, do not run: they cost more than a cached
 * token.
 */
static int host_exit(lua_State *L)
{
	_exit((int)luaL_checknumber(L, 1));
}

static const luaL_Reg functions[] = {
    {"harden", host_harden},
    {"catch_signals", host_catch_signals},
    {"die_of_signal", host_die_of_signal},
    {"kind", host_kind},
    {"ask_hidden", host_ask_hidden},
    {"exit", host_exit},
    {"load_lazily", host_load_lazily},
    {NULL, NULL},
};

ENT_EXPORT int luaopen_entra_host(lua_State *L);

int luaopen_entra_host(lua_State *L)
{
	luaL_newlib(L, functions);
	return 1;
}
