/*
 * entra.core: all that a cache hit needs, from libc alone; writing files is in ldraft.c.
 *
 * Every function that can fail returns nil, message, code (see lbind.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base64.h"
#include "clock.h"
#include "file.h"
#include "jwt.h"
#include "lbind.h"
#include "ldraft.h"
#include "lock.h"
#include "record.h"
#include "text.h"

static const char lock_type[] = "entra.lock";

/* Most bytes of anything this module decodes; files name their own bound. */
enum { TEXT_MAX = 16 * 1024 * 1024 };

/* ---- time ---- */

/* now() -> seconds since 1970, with a fraction */
static int core_now(lua_State *L)
{
	lua_pushnumber(L, ent_clock_wall());
	return 1;
}

/* monotonic() -> seconds since some fixed moment */
static int core_monotonic(lua_State *L)
{
	lua_pushnumber(L, ent_clock_monotonic());
	return 1;
}

/* wait(seconds [, wake_fd [, input_fd]]) -> true | nil, message, "interrupted" or "input" */
static int core_wait(lua_State *L)
{
	double seconds = lbind_opt_seconds(L, 1, 0);
	int wake = lbind_opt_fd(L, 2), input = lbind_opt_fd(L, 3);
	struct ent_err err;

	return lbind_true_or_fail(L, ent_clock_watch(seconds, wake, input, &err), &err);
}

/* ---- text ---- */

/* base64url_encode(bytes) -> text */
static int core_base64url_encode(lua_State *L)
{
	size_t n;
	const char *bytes = luaL_checklstring(L, 1, &n);
	struct ent_buf *out = lbind_buffer(L, TEXT_MAX);
	struct ent_err err;

	return ent_base64url_encode(bytes, n, out, &err) == 0 ? lbind_push_buffer(L, out)
	                                                      : lbind_fail(L, &err);
}

/* base64url_decode(text) -> bytes */
static int core_base64url_decode(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	struct ent_buf *out = lbind_buffer(L, TEXT_MAX);
	struct ent_err err;

	return ent_base64url_decode(text, n, out, &err) == 0 ? lbind_push_buffer(L, out)
	                                                     : lbind_fail(L, &err);
}

/* jwt_split(text) -> header bytes, payload bytes, signature text | nil, message, "parts" or "base64" */
static int core_jwt_split(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	struct ent_buf *header = lbind_buffer(L, TEXT_MAX), *payload = lbind_buffer(L, TEXT_MAX);
	struct ent_jwt jwt = {header, payload, NULL, 0};
	struct ent_err err;

	if (ent_jwt_split(text, n, &jwt, &err) != 0)
		return lbind_fail(L, &err);
	lbind_push_buffer(L, header);
	lbind_push_buffer(L, payload);
	lua_pushlstring(L, jwt.signature, jwt.signature_len);
	return 3;
}

/* clean(text, most_bytes) -> its first line, fit for a terminal */
static int core_clean(lua_State *L)
{
	size_t n;
	const char *text = luaL_checklstring(L, 1, &n);
	lua_Number most = luaL_checknumber(L, 2);
	struct ent_buf *out;
	unsigned char *to;
	struct ent_err err;

	luaL_argcheck(L, most >= 0 && most <= TEXT_MAX, 2, "size out of range");
	if (most > (lua_Number)n)
		most = (lua_Number)n; /* cleaning never lengthens */
	out = lbind_buffer(L, TEXT_MAX);
	to = ent_buf_grow(out, (size_t)most, &err);
	if (!to)
		return lbind_fail(L, &err);
	out->len = ent_text_clean(text, n, (char *)to, (size_t)most + 1);
	return lbind_push_buffer(L, out);
}

/* ---- files ---- */

/* An argument "secret" (the default), "public" or "any" */
static enum ent_file_trust opt_trust(lua_State *L, int arg)
{
	static const char *const names[] = {"secret", "public", "any", NULL};
	static const enum ent_file_trust trusts[] = {ENT_FILE_SECRET, ENT_FILE_PUBLIC, ENT_FILE_ANY};

	return trusts[luaL_checkoption(L, arg, "secret", names)];
}

/* file_read(path, most_bytes [, trust]) -> bytes */
static int core_file_read(lua_State *L)
{
	const char *path = lbind_check_cstring(L, 1);
	lua_Number most = luaL_checknumber(L, 2);
	enum ent_file_trust trust = opt_trust(L, 3);
	struct ent_buf *out;
	struct ent_err err;

	luaL_argcheck(L, most >= 0 && most < 1e9, 2, "size out of range");
	out = lbind_buffer(L, (size_t)most);
	return ent_file_read(path, trust, out, &err) == 0 ? lbind_push_buffer(L, out) : lbind_fail(L, &err);
}

/* file_identity(path) -> text that is another one after any change of the file */
static int core_file_identity(lua_State *L)
{
	char identity[ENT_FILE_IDENTITY];
	struct ent_err err;

	if (ent_file_identity(lbind_check_cstring(L, 1), identity, &err) != 0)
		return lbind_fail(L, &err);
	lua_pushstring(L, identity);
	return 1;
}

/* The functions of one path alone: verb(path) -> true */
static int path_verb(lua_State *L, int verb(const char *path, struct ent_err *err))
{
	struct ent_err err;

	return lbind_true_or_fail(L, verb(lbind_check_cstring(L, 1), &err), &err);
}

static int core_file_remove(lua_State *L)
{
	return path_verb(L, ent_file_remove);
}

static int core_file_set_aside(lua_State *L)
{
	return path_verb(L, ent_file_set_aside);
}

/* file_target(path) -> where it leads, links resolved */
static int core_file_target(lua_State *L)
{
	const char *path = lbind_check_cstring(L, 1);
	char target[PATH_MAX];
	struct ent_err err;

	if (ent_file_target(path, target, &err) != 0)
		return lbind_fail(L, &err);
	lua_pushstring(L, target);
	return 1;
}

static int core_dir_make(lua_State *L)
{
	return path_verb(L, ent_dir_make);
}

/* dir_check(path [, trust]) -> true */
static int core_dir_check(lua_State *L)
{
	const char *path = lbind_check_cstring(L, 1);
	enum ent_file_trust trust = opt_trust(L, 2);
	struct ent_err err;

	return lbind_true_or_fail(L, ent_dir_check(path, trust, &err), &err);
}

static int core_dir_writable(lua_State *L)
{
	return path_verb(L, ent_dir_writable);
}

struct name_list {
	struct ent_buf *buf; /* names, each followed by its NUL */
	struct ent_err *err;
};

static int add_name(const char *name, void *arg)
{
	const struct name_list *list = arg;

	return ent_buf_add(list->buf, name, strlen(name) + 1, list->err);
}

/* dir_list(path) -> {name, …} in no order */
static int core_dir_list(lua_State *L)
{
	const char *path = lbind_check_cstring(L, 1);
	struct ent_err err = {NULL, ""};
	struct name_list list = {lbind_buffer(L, TEXT_MAX), &err};
	size_t at = 0;
	int i = 0;

	if (ent_dir_each(path, add_name, &list, &err) != 0 || err.code)
		return lbind_fail(L, &err);
	lua_newtable(L);
	while (at < list.buf->len) {
		const char *name = (const char *)list.buf->data + at;

		lua_pushstring(L, name);
		lua_rawseti(L, -2, ++i);
		at += strlen(name) + 1;
	}
	return 1;
}

/* euid() -> the user whose rights count */
static int core_euid(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)geteuid());
	return 1;
}

/* ---- lock ---- */

/* lock(path, seconds [, wake_fd]) -> lock, waited | nil, message, "timeout" or "interrupted" or … */
static int core_lock(lua_State *L)
{
	const char *path = lbind_check_cstring(L, 1);
	double seconds = lbind_opt_seconds(L, 2, 0);
	int wake = lbind_opt_fd(L, 3);
	struct ent_lock *lock = lua_newuserdata(L, sizeof *lock);
	struct ent_err err;
	bool waited;

	lock->fd = -1;
	luaL_getmetatable(L, lock_type);
	lua_setmetatable(L, -2);
	if (ent_lock_take(lock, path, seconds, wake, &waited, &err) != 0)
		return lbind_fail(L, &err);
	lua_pushboolean(L, waited);
	return 2;
}

/* lock:release(); a second call does nothing */
static int lock_release(lua_State *L)
{
	ent_lock_release(luaL_checkudata(L, 1, lock_type));
	return 0;
}

/* ---- records ---- */

/* A field of the table at index 1 that is a string of exactly n bytes (0: any length). */
static const char *record_string(lua_State *L, const char *field, size_t n, size_t *len)
{
	const char *s;

	lua_getfield(L, 1, field);
	s = lua_tolstring(L, -1, len);
	if (!s || (n > 0 && *len != n))
		luaL_error(L, "record field '%s' is not a string of the right length", field);
	return s; /* the table keeps it alive */
}

static int64_t record_time(lua_State *L, const char *field)
{
	lua_Number t;

	lua_getfield(L, 1, field);
	t = lua_isnil(L, -1) ? 0 : lua_tonumber(L, -1);
	lua_pop(L, 1);
	return t >= 0 && t < 1e15 ? (int64_t)t : 0;
}

/* record_head{name, key_id, nonce [, expires_on, refresh_on]} -> the bytes before the sealed ones */
static int core_record_head(lua_State *L)
{
	struct ent_record rec;
	struct ent_buf *out;
	struct ent_err err;
	size_t n;

	luaL_checktype(L, 1, LUA_TTABLE);
	memset(&rec, 0, sizeof rec);
	rec.expires_on = record_time(L, "expires_on");
	rec.refresh_on = record_time(L, "refresh_on");
	memcpy(rec.key_id, record_string(L, "key_id", ENT_RECORD_KEY_ID, &n), ENT_RECORD_KEY_ID);
	memcpy(rec.nonce, record_string(L, "nonce", ENT_RECORD_NONCE, &n), ENT_RECORD_NONCE);
	rec.name = (const unsigned char *)record_string(L, "name", 0, &rec.name_len);
	out = lbind_buffer(L, TEXT_MAX);
	return ent_record_head(&rec, out, &err) == 0 ? lbind_push_buffer(L, out) : lbind_fail(L, &err);
}

static void set_bytes(lua_State *L, const char *field, const void *bytes, size_t n)
{
	lua_pushlstring(L, bytes, n);
	lua_setfield(L, -2, field);
}

/* record_parse(bytes) -> {name, key_id, nonce, expires_on, refresh_on, head, sealed} | nil, message, code */
static int core_record_parse(lua_State *L)
{
	size_t n;
	const char *bytes = luaL_checklstring(L, 1, &n);
	struct ent_record rec;
	struct ent_err err;

	if (ent_record_parse(&rec, bytes, n, &err) != 0)
		return lbind_fail(L, &err);
	lua_createtable(L, 0, 7);
	set_bytes(L, "name", rec.name, rec.name_len);
	set_bytes(L, "key_id", rec.key_id, sizeof rec.key_id);
	set_bytes(L, "nonce", rec.nonce, sizeof rec.nonce);
	set_bytes(L, "head", bytes, rec.head_len);
	set_bytes(L, "sealed", rec.sealed, rec.sealed_len);
	lua_pushnumber(L, (lua_Number)rec.expires_on);
	lua_setfield(L, -2, "expires_on");
	lua_pushnumber(L, (lua_Number)rec.refresh_on);
	lua_setfield(L, -2, "refresh_on");
	return 1;
}

/* record_file(name) -> the file's name of the record called `name`: 16 hex digits */
static int core_record_file(lua_State *L)
{
	size_t n;
	const char *name = luaL_checklstring(L, 1, &n);
	char hex[17];

	snprintf(hex, sizeof hex, "%016" PRIx64, ent_record_hash(name, n));
	lua_pushstring(L, hex);
	return 1;
}

static const luaL_Reg functions[] = {
    {"now", core_now},
    {"monotonic", core_monotonic},
    {"wait", core_wait},
    {"base64url_encode", core_base64url_encode},
    {"base64url_decode", core_base64url_decode},
    {"jwt_split", core_jwt_split},
    {"clean", core_clean},
    {"file_read", core_file_read},
    {"file_identity", core_file_identity},
    {"file_remove", core_file_remove},
    {"file_set_aside", core_file_set_aside},
    {"file_target", core_file_target},
    {"dir_make", core_dir_make},
    {"dir_check", core_dir_check},
    {"dir_writable", core_dir_writable},
    {"dir_list", core_dir_list},
    {"euid", core_euid},
    {"lock", core_lock},
    {"record_head", core_record_head},
    {"record_parse", core_record_parse},
    {"record_file", core_record_file},
    {NULL, NULL},
};

static const luaL_Reg lock_methods[] = {
    {"release", lock_release},
    {NULL, NULL},
};

ENT_EXPORT int luaopen_entra_core(lua_State *L);

int luaopen_entra_core(lua_State *L)
{
	lbind_type(L, lock_type, lock_methods, lock_release);
	luaL_newlib(L, functions);
	ldraft_open(L);
	return 1;
}
