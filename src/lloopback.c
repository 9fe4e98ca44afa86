/*
 * entra.loopback: what a sign-in in a browser needs: other people's programs
 * started (spawn), and one redirect taken (listen). From libc alone.
 *
 * A module beside entra.host, which every run of the CLI loads, because a cached token
 * needs none of this.
 *
 * Every function that can fail returns nil, message, code (see lbind.h).
 */
#include <string.h>

#include "lbind.h"
#include "lfield.h"
#include "listener.h"
#include "spawn.h"

static const char listener_type[] = "entra.listener";

/* ---- the listener ---- */

struct loopback {
	struct ent_listener listener;
	struct ent_redirect redirect; /* here, so that it is wiped if pushing it fails */
};

static void wipe_redirect(struct loopback *loopback)
{
	ent_wipe(&loopback->redirect, sizeof loopback->redirect);
}

/* listener:close(); a second call does nothing */
static int listener_close(lua_State *L)
{
	struct loopback *loopback = luaL_checkudata(L, 1, listener_type);

	ent_listener_close(&loopback->listener);
	wipe_redirect(loopback);
	return 0;
}

static struct loopback *check_listener(lua_State *L)
{
	struct loopback *loopback = luaL_checkudata(L, 1, listener_type);

	luaL_argcheck(L, ent_listener_is_open(&loopback->listener), 1, "listener is closed");
	return loopback;
}

/* listener:port() -> the port it listens on */
static int listener_port(lua_State *L)
{
	lua_pushinteger(L, check_listener(L)->listener.port);
	return 1;
}

/* What was asked for is left out: the state. */
static int push_redirect(lua_State *L, const struct ent_redirect *redirect)
{
	size_t i;

	lua_newtable(L);
	for (i = 0; i < ENT_REDIRECT_FIELDS; i++) {
		const struct ent_redirect_field *field = &ent_redirect_fields[i];
		const char *value = (const char *)redirect + field->at;

		if (*value == '\0' || value == redirect->state)
			continue;
		lua_pushstring(L, value);
		lua_setfield(L, -2, field->name);
	}
	return 1;
}

/*
 * listener:wait{state = string, timeout = seconds, [wake = descriptor,] [input = descriptor]}
 *   -> {[code =,] [client_info =,] [iss =,] [error =, error_description =, error_subcode =]}
 *    | nil, message, "timeout", "interrupted" or "input"
 *
 * Either code or error is there. The error's three are harmless text; code is secret. With a redirect the
 * listener is closed; after a timeout it goes on listening, and wait may be called again.
 */
static int listener_wait(lua_State *L)
{
	struct loopback *loopback = check_listener(L);
	struct ent_listener_wait wait;
	struct ent_err err;
	int pushed;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	wait.seconds = lfield_number(L, 2, "timeout", 0, 86400, -1);
	wait.wake = (int)lfield_number(L, 2, "wake", -1, 65535, -1);
	wait.input = (int)lfield_number(L, 2, "input", -1, 65535, -1);
	wait.state = lfield_string(L, 2, "state", true);
	wait.state_len = strlen(wait.state);
	pushed = ent_listener_wait(&loopback->listener, &wait, &loopback->redirect, &err) == 0
	             ? push_redirect(L, &loopback->redirect)
	             : lbind_fail(L, &err);
	wipe_redirect(loopback);
	return pushed;
}

static const char *path_field(lua_State *L)
{
	const char *path = lfield_string(L, 1, "path", false);

	if (path && (path[0] != '/' || strpbrk(path, "?# ")))
		lfield_misuse(L, "path", "a path that begins with '/', without query");
	return path ? path : "/";
}

static int port_field(lua_State *L)
{
	double port = lfield_number(L, 1, "port", 0, 65535, 0);

	if (port != (int)port)
		lfield_misuse(L, "port", "a whole number");
	return (int)port;
}

/* listen{[port = 0,] [path = "/"]} -> listener on 127.0.0.1 and ::1 | nil, message, "EADDRINUSE" or … */
static int loopback_listen(lua_State *L)
{
	struct loopback *loopback;
	struct ent_err err;
	const char *path;
	int port;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	port = port_field(L);
	path = path_field(L);
	loopback = lua_newuserdata(L, sizeof *loopback);
	ent_listener_init(&loopback->listener);
	luaL_getmetatable(L, listener_type);
	lua_setmetatable(L, -2);
	return ent_listener_open(&loopback->listener, port, path, &err) == 0 ? 1 : lbind_fail(L, &err);
}

/* ---- other people's programs ---- */

/* A list of n strings and its NULL, in memory that Lua looks after; pushes it. */
static const char **push_list(lua_State *L, size_t n)
{
	const char **list = lua_newuserdata(L, (n + 1) * sizeof *list);

	memset(list, 0, (n + 1) * sizeof *list);
	return list;
}

/* The string on top, which its table keeps alive; popped. */
static const char *take_string(lua_State *L, const char *field)
{
	size_t n = 0;
	const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;

	if (!s || strlen(s) != n)
		lfield_misuse(L, field, "of strings without NUL bytes");
	lua_pop(L, 1);
	return s;
}

/* Leaves the list on the stack. */
static const char *const *argv_field(lua_State *L)
{
	int i, n, table;
	const char **list;

	if (lfield_push(L, 1, "argv") != LUA_TTABLE || lua_rawlen(L, -1) == 0)
		lfield_misuse(L, "argv", "an array that begins with the program's name");
	table = lua_gettop(L);
	n = (int)lua_rawlen(L, table);
	list = push_list(L, (size_t)n);
	for (i = 0; i < n; i++) {
		lua_rawgeti(L, table, i + 1);
		list[i] = take_string(L, "argv");
	}
	if (list[0][0] == '\0')
		lfield_misuse(L, "argv", "an array that begins with the program's name");
	return list;
}

/* "NAME=value" of a string, "NAME" of false: pushed. */
static void push_change(lua_State *L, int name, int value)
{
	bool gone = lua_type(L, value) == LUA_TBOOLEAN && !lua_toboolean(L, value);

	if (lua_type(L, name) != LUA_TSTRING || lua_rawlen(L, name) == 0 ||
	    strchr(lua_tostring(L, name), '='))
		lfield_misuse(L, "environment", "a table with names of variables");
	if (!gone && lua_type(L, value) != LUA_TSTRING)
		lfield_misuse(L, "environment", "a table of strings or false");
	lua_pushvalue(L, name);
	if (gone)
		return;
	lua_pushliteral(L, "=");
	lua_pushvalue(L, value);
	lua_concat(L, 3);
}

/* Leaves the list, and a table that keeps its strings alive, on the stack. NULL where the field is nil. */
static const char *const *environment_field(lua_State *L)
{
	int type = lfield_push(L, 1, "environment"), table = lua_gettop(L), n = 0, i;
	const char **list;

	if (type == LUA_TNIL)
		return NULL;
	if (type != LUA_TTABLE)
		lfield_misuse(L, "environment", "a table of strings or false");
	lua_newtable(L);
	lua_pushnil(L);
	while (lua_next(L, table)) {
		push_change(L, lua_gettop(L) - 1, lua_gettop(L));
		lua_rawseti(L, table + 1, ++n);
		lua_pop(L, 1);
	}
	list = push_list(L, (size_t)n);
	for (i = 0; i < n; i++) {
		lua_rawgeti(L, table + 1, i + 1);
		list[i] = take_string(L, "environment");
	}
	return list;
}

/*
 * spawn{
 *   argv = {program, …}, [environment = {NAME = value or false, …},]
 *   [detach = false] | [stdin = bytes,] [timeout = 5,] [wake = descriptor]
 * } -> true | nil, message, code
 *
 * What the program is given, and the codes, are in spawn.h. `false` leaves a variable out.
 */
static int loopback_spawn(lua_State *L)
{
	struct ent_spawn spawn = {0};
	struct ent_err err;
	int type;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	spawn.argv = argv_field(L);
	spawn.environment = environment_field(L);
	spawn.detach = lfield_flag(L, 1, "detach", false);
	spawn.seconds = lfield_number(L, 1, "timeout", 0, 86400, 5);
	spawn.wake = (int)lfield_number(L, 1, "wake", -1, 65535, -1);
	type = lfield_push(L, 1, "stdin");
	if (type != LUA_TNIL && (type != LUA_TSTRING || spawn.detach))
		lfield_misuse(L, "stdin", "a string, and nil with detach");
	if (type == LUA_TSTRING)
		spawn.input = lua_tolstring(L, -1, &spawn.input_len);
	if (ent_spawn(&spawn, &err) != 0)
		return lbind_fail(L, &err);
	lua_pushboolean(L, 1);
	return 1;
}

static const luaL_Reg listener_methods[] = {
    {"port", listener_port},
    {"wait", listener_wait},
    {"close", listener_close},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"listen", loopback_listen},
    {"spawn", loopback_spawn},
    {NULL, NULL},
};

ENT_EXPORT int luaopen_entra_loopback(lua_State *L);

int luaopen_entra_loopback(lua_State *L)
{
	lbind_type(L, listener_type, listener_methods, listener_close);
	luaL_newlib(L, functions);
	return 1;
}
