/*
 * JSON replies as Lua tables: the only file that calls lua-cjson.
 *
 * lua-cjson builds the table; which members are looked at, and what they must
 * be, token.h says. Members that it does not name are never touched.
 */
#ifndef ENT_LJSON_H
#define ENT_LJSON_H

#include "buf.h"
#include "compat.h"
#include "token.h"

/* Load lua-cjson, once. Raises where it is not installed, so call it before anything is sent. */
void ljson_prepare(lua_State *L);

/*
 * Decode; pushes exactly one value, the table for ENT_BODY_OBJECT, else nil.
 * Malformed text does not raise, lack of memory does. An array that is not
 * empty is ENT_BODY_JSON; an empty one cannot be told from an empty object.
 */
enum ent_body ljson_decode(lua_State *L, const struct ent_buf *text);

/* Has the table at `object` (absolute index) a member of that name which is not null? */
bool ljson_has(lua_State *L, int object, const char *name);

/*
 * Copy the members named in `fields` from the table at `object` to the one at
 * `into` (absolute indices), changed as their kind says; null and optional empty strings
 * count as absent. Returns the first field that is missing or malformed and
 * goes on with the others, so a lenient caller ignores the result.
 */
const struct ent_field *ljson_take(lua_State *L, int object, int into, const struct ent_fields *fields);

/* Push a whole number, as an integer where Lua has those. */
void ljson_push_count(lua_State *L, double x);

#endif
