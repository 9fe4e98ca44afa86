#include "ljson.h"

#include <string.h>

/* The registry's key of the decoder is this variable's address. */
static const char decoder_key = 0;

enum { DEPTH_MAX = 32, CODES_MAX = 16 };

/* Call the setting `name` of the cjson instance on top with the value on top of that; pops the value. */
static void set_up(lua_State *L, const char *name)
{
	lua_getfield(L, -2, name);
	if (lua_isfunction(L, -1)) {
		lua_insert(L, -2);
		lua_call(L, 1, 0);
		return;
	}
	lua_pop(L, 2);
}

void ljson_prepare(lua_State *L)
{
	int top = lua_gettop(L);

	luaL_checkstack(L, 8, NULL);
	lua_pushlightuserdata(L, (void *)&decoder_key);
	lua_rawget(L, LUA_REGISTRYINDEX);
	if (!lua_isnil(L, -1)) {
		lua_settop(L, top);
		return;
	}
	lua_getglobal(L, "require");
	lua_pushliteral(L, "cjson");
	lua_call(L, 1, 1);
	/* An instance of our own: the settings of the shared one belong to the program. */
	lua_getfield(L, -1, "new");
	if (lua_isfunction(L, -1)) {
		lua_call(L, 0, 1);
		lua_pushinteger(L, DEPTH_MAX);
		set_up(L, "decode_max_depth");
		lua_pushboolean(L, 0);
		set_up(L, "decode_invalid_numbers");
	} else {
		lua_pop(L, 1);
	}
	lua_pushlightuserdata(L, (void *)&decoder_key);
	lua_getfield(L, -2, "decode");
	lua_rawset(L, LUA_REGISTRYINDEX);
	lua_settop(L, top);
}

enum ent_body ljson_decode(lua_State *L, const struct ent_buf *text)
{
	int top = lua_gettop(L), rc;
	enum ent_body body = ENT_BODY_OTHER;

	if (text->len == 0) {
		lua_pushnil(L);
		return ENT_BODY_EMPTY;
	}
	luaL_checkstack(L, 8, NULL);
	lua_pushlightuserdata(L, (void *)&decoder_key);
	lua_rawget(L, LUA_REGISTRYINDEX);
	lua_pushlstring(L, (const char *)text->data, text->len);
	rc = lua_pcall(L, 1, 1, 0);
	if (rc == LUA_ERRMEM)
		lua_error(L);
	/* A bare `null` is a light userdata, an array has a first element. */
	if (rc == LUA_OK)
		body = ENT_BODY_JSON;
	if (rc == LUA_OK && lua_istable(L, -1)) {
		lua_rawgeti(L, -1, 1);
		if (lua_isnil(L, -1))
			body = ENT_BODY_OBJECT;
		lua_pop(L, 1);
	}
	if (body != ENT_BODY_OBJECT) {
		lua_settop(L, top);
		lua_pushnil(L);
	}
	return body;
}

/* Push the member, with cjson.null (the NULL light userdata) turned into nil. */
static void push_member(lua_State *L, int object, const char *name)
{
	lua_pushstring(L, name);
	lua_rawget(L, object);
	if (lua_islightuserdata(L, -1) && !lua_touserdata(L, -1)) {
		lua_pop(L, 1);
		lua_pushnil(L);
	}
}

bool ljson_has(lua_State *L, int object, const char *name)
{
	bool has;

	push_member(L, object, name);
	has = !lua_isnil(L, -1);
	lua_pop(L, 1);
	return has;
}

void ljson_push_count(lua_State *L, double x)
{
#if LUA_VERSION_NUM >= 503
	lua_pushinteger(L, (lua_Integer)x);
#else
	lua_pushnumber(L, x);
#endif
}

/* ---- one member: each replaces nothing, pushes one value and returns true, or pushes none ---- */

static bool push_count(lua_State *L, int at)
{
	double x = 0;
	size_t n;
	const char *s;

	if (lua_type(L, at) == LUA_TNUMBER) {
		x = lua_tonumber(L, at);
		if (!ent_token_is_count(x))
			return false;
	} else if (lua_type(L, at) == LUA_TSTRING) {
		s = lua_tolstring(L, at, &n);
		if (!ent_token_read_count(s, n, &x))
			return false;
	} else {
		return false;
	}
	ljson_push_count(L, x);
	return true;
}

static bool push_codes(lua_State *L, int at)
{
	int list, i, n = 0;

	if (!lua_istable(L, at))
		return false;
	lua_newtable(L);
	list = lua_gettop(L);
	for (i = 1; i <= CODES_MAX; i++) {
		lua_rawgeti(L, at, i);
		if (push_count(L, lua_gettop(L)))
			lua_rawseti(L, list, ++n);
		lua_settop(L, list);
	}
	if (n == 0)
		lua_pop(L, 1);
	return n > 0;
}

static bool push_string(lua_State *L, int at, enum ent_kind kind)
{
	char prose[ENT_TOKEN_PROSE + 1];
	const char *s;
	size_t n;

	if (lua_type(L, at) != LUA_TSTRING)
		return false;
	s = lua_tolstring(L, at, &n);
	if (kind == ENT_KIND_PROSE) {
		n = ent_token_prose(s, n, prose);
		if (n > 0)
			lua_pushlstring(L, prose, n);
		return n > 0;
	}
	if (!ent_token_shape(kind, s, n))
		return false;
	if (kind == ENT_KIND_BEARER)
		lua_pushliteral(L, "Bearer");
	else
		lua_pushvalue(L, at);
	return true;
}

static bool push_field(lua_State *L, int at, enum ent_kind kind)
{
	if (kind == ENT_KIND_COUNT)
		return push_count(L, at);
	if (kind == ENT_KIND_CODES)
		return push_codes(L, at);
	return push_string(L, at, kind);
}

/* Some servers write "" for what they do not have. */
static bool is_absent(lua_State *L, int at)
{
	return lua_isnil(L, at) || (lua_type(L, at) == LUA_TSTRING && lua_rawlen(L, at) == 0);
}

const struct ent_field *ljson_take(lua_State *L, int object, int into, const struct ent_fields *fields)
{
	const struct ent_field *bad = NULL;
	int top = lua_gettop(L), at = top + 1;
	size_t i;

	luaL_checkstack(L, 8, NULL);
	for (i = 0; i < fields->n; i++) {
		const struct ent_field *field = &fields->list[i];

		push_member(L, object, field->name);
		if (lua_isnil(L, at) && field->alias) {
			lua_pop(L, 1);
			push_member(L, object, field->alias);
		}
		if (!is_absent(L, at) && push_field(L, at, field->kind))
			lua_setfield(L, into, field->as);
		else if (!bad && (field->required || !is_absent(L, at)))
			bad = field;
		lua_settop(L, top);
	}
	return bad;
}
