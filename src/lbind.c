#include "lbind.h"

#include <string.h>

static const char buffer_type[] = "entra.buffer";

int lbind_fail(lua_State *L, const struct ent_err *err)
{
	lua_pushnil(L);
	lua_pushstring(L, err->text);
	lua_pushstring(L, err->code);
	return 3;
}

int lbind_true_or_fail(lua_State *L, int rc, const struct ent_err *err)
{
	if (rc != 0)
		return lbind_fail(L, err);
	lua_pushboolean(L, 1);
	return 1;
}

void lbind_type(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction finaliser)
{
	if (!luaL_newmetatable(L, name)) {
		lua_pop(L, 1);
		return;
	}
	lua_newtable(L);
	if (methods)
		luaL_setfuncs(L, methods, 0);
	lua_setfield(L, -2, "__index");
	lua_pushstring(L, name);
	lua_setfield(L, -2, "__name");
	lua_pushcfunction(L, finaliser);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, "__close");
	lua_setfield(L, -2, "__gc");
	/* Scripts must not reach the finaliser and call it on something else. */
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

static int buffer_gc(lua_State *L)
{
	struct ent_buf *buf = luaL_checkudata(L, 1, buffer_type);

	ent_buf_free(buf);
	return 0;
}

struct ent_buf *lbind_buffer(lua_State *L, size_t ceiling)
{
	struct ent_buf *buf;

	lbind_type(L, buffer_type, NULL, buffer_gc);
	buf = lua_newuserdata(L, sizeof *buf);
	memset(buf, 0, sizeof *buf);
	buf->ceiling = ceiling;
	luaL_getmetatable(L, buffer_type);
	lua_setmetatable(L, -2);
	return buf;
}

int lbind_push_buffer(lua_State *L, struct ent_buf *buf)
{
	lua_pushlstring(L, buf->len > 0 ? (const char *)buf->data : "", buf->len);
	ent_buf_free(buf);
	return 1;
}

const char *lbind_check_cstring(lua_State *L, int arg)
{
	size_t n;
	const char *s = luaL_checklstring(L, arg, &n);

	luaL_argcheck(L, strlen(s) == n, arg, "string contains a NUL byte");
	return s;
}

double lbind_opt_seconds(lua_State *L, int arg, double absent)
{
	double seconds = luaL_optnumber(L, arg, absent);

	luaL_argcheck(L, seconds >= 0 && seconds <= 1e9, arg, "seconds out of range");
	return seconds;
}

int lbind_opt_fd(lua_State *L, int arg)
{
	lua_Number fd = luaL_optnumber(L, arg, -1);

	luaL_argcheck(L, fd >= -1 && fd < 65536, arg, "not a descriptor");
	return (int)fd;
}
