/*
 * entra.loopback: what a sign-in in a browser needs: one redirect taken (listen). From libc alone.
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
 * listener:wait{state = string, timeout = seconds, [wake = descriptor]}
 *   -> {[code =,] [client_info =,] [iss =,] [error =, error_description =, error_subcode =]}
 *    | nil, message, "timeout" or "interrupted"
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

static const luaL_Reg listener_methods[] = {
    {"port", listener_port},
    {"wait", listener_wait},
    {"close", listener_close},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"listen", loopback_listen},
    {NULL, NULL},
};

ENT_EXPORT int luaopen_entra_loopback(lua_State *L);

int luaopen_entra_loopback(lua_State *L)
{
	lbind_type(L, listener_type, listener_methods, listener_close);
	luaL_newlib(L, functions);
	return 1;
}
