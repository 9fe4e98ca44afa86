/*
 * Named arguments: the fields of the table that a function was called with.
 *
 * A field of the wrong type or out of range is a programmer's misuse and raises, naming the field
 * and never its value.
 */
#ifndef ENT_LFIELD_H
#define ENT_LFIELD_H

#include <stdbool.h>

#include "compat.h"

/* Push the field of the table at `table`; returns its type. */
int lfield_push(lua_State *L, int table, const char *name);

/* Raise: the field should be something else. Does not return. */
int lfield_misuse(lua_State *L, const char *name, const char *should);

/*
 * A string that is not empty and without control characters, left on the stack so that it
 * lives as long as the call. NULL where the field is nil and not `required`.
 */
const char *lfield_string(lua_State *L, int table, const char *name, bool required);

/* A number from `least` to `most`; `absent` where the field is nil. One out of range makes it required. */
double lfield_number(lua_State *L, int table, const char *name, double least, double most, double absent);

bool lfield_flag(lua_State *L, int table, const char *name, bool absent);

#endif
