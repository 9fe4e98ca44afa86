#include "ldraft.h"

#include "draft.h"
#include "lbind.h"

static const char draft_type[] = "entra.draft";

typedef int draft_verb(struct ent_draft *draft, const void *bytes, size_t n, bool durable,
                       struct ent_err *err);

/* A draft from its beginning to its end. */
static int write_file(lua_State *L, draft_verb *verb)
{
	const char *path = lbind_check_cstring(L, 1);
	size_t n;
	const char *bytes = luaL_checklstring(L, 2, &n);
	bool durable = lua_toboolean(L, 3);
	struct ent_draft draft;
	struct ent_err err;
	int rc = ent_draft_begin(&draft, path, 0, &err);

	if (rc == 0)
		rc = verb(&draft, bytes, n, durable, &err);
	ent_draft_drop(&draft);
	return lbind_true_or_fail(L, rc, &err);
}

/* file_replace(path, bytes [, durable]) -> true */
static int core_file_replace(lua_State *L)
{
	return write_file(L, ent_draft_replace);
}

/* file_create(path, bytes [, durable]) -> true | nil, message, "EEXIST", … */
static int core_file_create(lua_State *L)
{
	return write_file(L, ent_draft_create);
}

/* file_draft(path, room) -> draft: `room` bytes of the disk, taken for what path is to be replaced by */
static int core_file_draft(lua_State *L)
{
	const char *path = lbind_check_cstring(L, 1);
	lua_Number room = luaL_checknumber(L, 2);
	struct ent_draft *draft;
	struct ent_err err;

	luaL_argcheck(L, room >= 0 && room < 1e9, 2, "size out of range");
	draft = lua_newuserdata(L, sizeof *draft);
	draft->fd = -1;
	luaL_getmetatable(L, draft_type);
	lua_setmetatable(L, -2);
	return ent_draft_begin(draft, path, (size_t)room, &err) == 0 ? 1 : lbind_fail(L, &err);
}

/* draft:replace(bytes [, durable]) -> true; whatever comes of it, this was its only use */
static int draft_replace(lua_State *L)
{
	struct ent_draft *draft = luaL_checkudata(L, 1, draft_type);
	size_t n;
	const char *bytes = luaL_checklstring(L, 2, &n);
	bool durable = lua_toboolean(L, 3);
	struct ent_err err;
	int rc;

	luaL_argcheck(L, draft->fd >= 0, 1, "draft was used or dropped");
	rc = ent_draft_replace(draft, bytes, n, durable, &err);
	ent_draft_drop(draft);
	return lbind_true_or_fail(L, rc, &err);
}

/* draft:drop(); a second call, and one after replace, does nothing */
static int draft_drop(lua_State *L)
{
	ent_draft_drop(luaL_checkudata(L, 1, draft_type));
	return 0;
}

/* file_sweep(path) -> true: its drafts that killed writers left are gone */
static int core_file_sweep(lua_State *L)
{
	struct ent_err err;

	return lbind_true_or_fail(L, ent_draft_sweep(lbind_check_cstring(L, 1), &err), &err);
}

/* dir_sweep(path) -> true: so are those of every file in a folder of ours alone */
static int core_dir_sweep(lua_State *L)
{
	struct ent_err err;

	return lbind_true_or_fail(L, ent_draft_sweep_folder(lbind_check_cstring(L, 1), &err), &err);
}

static const luaL_Reg functions[] = {
    {"file_replace", core_file_replace}, {"file_create", core_file_create}, {"file_draft", core_file_draft},
    {"file_sweep", core_file_sweep},     {"dir_sweep", core_dir_sweep},     {NULL, NULL},
};

static const luaL_Reg draft_methods[] = {
    {"replace", draft_replace},
    {"drop", draft_drop},
    {NULL, NULL},
};

void ldraft_open(lua_State *L)
{
	lbind_type(L, draft_type, draft_methods, draft_drop);
	luaL_setfuncs(L, functions, 0);
}
