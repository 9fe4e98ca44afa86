#include "lfield.h"

int lfield_push(lua_State *L, int table, const char *name)
{
	lua_getfield(L, table, name);
	return lua_type(L, -1);
}

int lfield_misuse(lua_State *L, const char *name, const char *should)
{
	return luaL_error(L, "field '%s' should be %s", name, should);
}

const char *lfield_string(lua_State *L, int table, const char *name, bool required)
{
	int type = lfield_push(L, table, name);
	size_t n = 0, i;
	const char *s;

	if (type == LUA_TNIL && !required)
		return NULL;
	if (type != LUA_TSTRING)
		lfield_misuse(L, name, "a string");
	s = lua_tolstring(L, -1, &n);
	for (i = 0; i < n; i++) {
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			lfield_misuse(L, name, "a string without control characters");
	}
	if (n == 0)
		lfield_misuse(L, name, "a string that is not empty");
	return s;
}

double lfield_number(lua_State *L, int table, const char *name, double least, double most, double absent)
{
	int type = lfield_push(L, table, name);
	double x = type == LUA_TNIL ? absent : lua_tonumber(L, -1);

	if ((type != LUA_TNUMBER && type != LUA_TNIL) || !(x >= least && x <= most))
		lfield_misuse(L, name, "a number in range");
	lua_pop(L, 1);
	return x;
}

bool lfield_flag(lua_State *L, int table, const char *name, bool absent)
{
	int type = lfield_push(L, table, name);
	bool flag = type == LUA_TNIL ? absent : lua_toboolean(L, -1);

	if (type != LUA_TNIL && type != LUA_TBOOLEAN)
		lfield_misuse(L, name, "a boolean");
	lua_pop(L, 1);
	return flag;
}
