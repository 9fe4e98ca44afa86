/*
 * What every binding file shares.
 *
 * The failure tuple: a C function called from Lua returns its value, or
 * nil, message, code (strings). Misuse by a programmer raises instead.
 *
 * Buffers: C memory that is alive across a Lua call that can raise belongs to
 * a userdata with a finaliser, so that an error (out of memory, say) frees and
 * wipes it. lbind_buffer is that userdata: prepare it first, acquire later.
 */
#ifndef ENT_LBIND_H
#define ENT_LBIND_H

#include "buf.h"
#include "compat.h"

/* Push nil, message, code; returns 3. */
int lbind_fail(lua_State *L, const struct ent_err *err);

/* Push true where rc is 0, else the failure. */
int lbind_true_or_fail(lua_State *L, int rc, const struct ent_err *err);

/* Push a userdata that owns an empty buffer. */
struct ent_buf *lbind_buffer(lua_State *L, size_t ceiling);

/* Push the buffer's bytes as a string, then free the buffer; returns 1. */
int lbind_push_buffer(lua_State *L, struct ent_buf *buf);

/* Register a userdata type: its methods, its finaliser (also __close), its __name. Leaves the stack as it
 * was. */
void lbind_type(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction finaliser);

/* luaL_checklstring that also refuses embedded NUL bytes: for what becomes a C string. */
const char *lbind_check_cstring(lua_State *L, int arg);

/* A number of seconds, 0 or more and bounded; `absent` where the argument is nil. */
double lbind_opt_seconds(lua_State *L, int arg, double absent);

/* A descriptor to watch, -1 where the argument is nil. */
int lbind_opt_fd(lua_State *L, int arg);

#endif
