/* One dialect of the Lua C API, 5.3's, on Lua 5.1 to 5.4 and LuaJIT. */
#ifndef ENT_COMPAT_H
#define ENT_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM == 501

#define lua_rawlen(L, i) lua_objlen((L), (i))

#ifndef LUA_OK
#define LUA_OK 0
#endif

/* LuaJIT 2.1 has these two of its own, under the same names. */
#if !defined(LUAJIT_VERSION_NUM) && !defined(luaL_newlibtable)
static inline void luaL_setfuncs(lua_State *L, const luaL_Reg *l, int nup)
{
	(void)nup; /* entra's libraries have no upvalues */
	for (; l->name; l++) {
		lua_pushcfunction(L, l->func);
		lua_setfield(L, -2, l->name);
	}
}

static inline void *luaL_testudata(lua_State *L, int i, const char *type)
{
	void *p = lua_touserdata(L, i);

	if (!p || !lua_getmetatable(L, i))
		return NULL;
	luaL_getmetatable(L, type);
	p = lua_rawequal(L, -1, -2) ? p : NULL;
	lua_pop(L, 2);
	return p;
}
#endif

#ifndef luaL_newlib
#define luaL_newlib(L, l) (lua_newtable(L), luaL_setfuncs((L), (l), 0))
#endif

#endif
#endif
