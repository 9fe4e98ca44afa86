/*
 * entra.http: the OAuth exchange, over libcurl.
 *
 * client:post returns its reply, or nil, message, code and, when the server
 * answered, a table of details. Misuse by a programmer raises.
 */
#include <string.h>

#include "form.h"
#include "http.h"
#include "lbind.h"
#include "lfield.h"
#include "ljson.h"
#include "token.h"

static const char client_type[] = "entra.http";

struct client {
	struct ent_http http;
	bool closed;
};

/* ---- arguments ---- */

static const struct ent_fields *expect_field(lua_State *L)
{
	const char *s = lfield_push(L, 2, "expect") == LUA_TSTRING ? lua_tostring(L, -1) : "";
	const struct ent_fields *fields = strcmp(s, "token") == 0         ? &ent_token_success
	                                  : strcmp(s, "device_code") == 0 ? &ent_token_device_code
	                                                                  : NULL;

	if (!fields)
		lfield_misuse(L, "expect", "\"token\" or \"device_code\"");
	lua_pop(L, 1);
	return fields;
}

static struct ent_http *check_client(lua_State *L)
{
	struct client *client = luaL_checkudata(L, 1, client_type);

	luaL_argcheck(L, !client->closed, 1, "client is closed");
	return &client->http;
}

/* The form, an array of {name, value}, into the client. No message ever shows a value. */
static int read_form(lua_State *L, struct ent_http *http, struct ent_err *err)
{
	int i, n, rc = 0;

	if (lfield_push(L, 2, "form") != LUA_TTABLE)
		lfield_misuse(L, "form", "an array of {name, value}");
	n = (int)lua_rawlen(L, -1);
	for (i = 1; rc == 0 && i <= n; i++) {
		size_t name_len = 0, value_len = 0;
		const char *name, *value;

		lua_rawgeti(L, -1, i);
		if (!lua_istable(L, -1))
			lfield_misuse(L, "form", "an array of {name, value}");
		lua_rawgeti(L, -1, 1);
		lua_rawgeti(L, -2, 2);
		if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
			lfield_misuse(L, "form", "an array of {name, value}, all of them strings");
		name = lua_tolstring(L, -2, &name_len);
		value = lua_tolstring(L, -1, &value_len);
		rc = ent_form_add(&http->form, name, name_len, value, value_len, err);
		lua_pop(L, 3);
	}
	lua_pop(L, 1);
	return rc;
}

/* "Name: value", the name a token (RFC 9110 §5.6.2) and nothing that could begin another line. */
static bool is_header(const char *line, size_t n)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
	                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t name = strspn(line, token), i;

	if (name == 0 || n < name + 3 || line[name] != ':' || line[name + 1] != ' ' || line[name + 2] == ' ')
		return false;
	for (i = name; i < n; i++) {
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			return false;
	}
	return true;
}

static int read_headers(lua_State *L, struct ent_http *http, struct ent_err *err)
{
	int i, n, rc = 0, type = lfield_push(L, 2, "headers");

	if (type != LUA_TNIL && type != LUA_TTABLE)
		lfield_misuse(L, "headers", "an array of strings");
	n = type == LUA_TTABLE ? (int)lua_rawlen(L, -1) : 0;
	for (i = 1; rc == 0 && i <= n; i++) {
		const char *line;
		size_t len = 0;

		lua_rawgeti(L, -1, i);
		line = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
		if (!line || !is_header(line, len))
			lfield_misuse(L, "headers", "an array of \"Name: value\" without control characters");
		rc = ent_http_add_header(http, line, err);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return rc;
}

/* ---- the reply ---- */

static void set_count(lua_State *L, int table, const char *name, double x)
{
	if (x < 0)
		return;
	ljson_push_count(L, x);
	lua_setfield(L, table, name);
}

/* The number of Entra's error: the first code, else what the description begins with. */
static void set_aadsts(lua_State *L, int details)
{
	double number = 0;

	lua_getfield(L, details, "error_codes");
	lua_getfield(L, details, "description");
	if (lua_istable(L, -2)) {
		lua_rawgeti(L, -2, 1);
		number = lua_tonumber(L, -1);
		lua_pop(L, 1);
	} else if (lua_isstring(L, -1)) {
		number = ent_token_aadsts(lua_tostring(L, -1));
	}
	lua_pop(L, 2);
	set_count(L, details, "aadsts", number > 0 ? number : -1);
}

/* Push the table of what is known about a refusal; `object` is the decoded body or nil. */
static void push_details(lua_State *L, int object, const struct ent_http_reply *reply)
{
	int details;

	lua_newtable(L);
	details = lua_gettop(L);
	if (lua_istable(L, object))
		ljson_take(L, object, details, &ent_token_refusal);
	set_aadsts(L, details);
	set_count(L, details, "status", (double)reply->status);
	set_count(L, details, "retry_after", reply->retry_after);
	set_count(L, details, "date", reply->date);
}

static void push_success(lua_State *L, const struct ent_http_reply *reply)
{
	lua_newtable(L);
	set_count(L, lua_gettop(L), "date", reply->date);
	lua_pushnumber(L, reply->seconds);
	lua_setfield(L, -2, "seconds");
}

/* Push what the reply means: its fields, or nil, message, code, details. */
static int push_answer(lua_State *L, struct ent_http *http, const struct ent_fields *expected)
{
	struct ent_facts facts = {http->host,         http->reply.media, NULL,
	                          http->reply.status, ENT_BODY_EMPTY,    false};
	const struct ent_field *bad = NULL;
	struct ent_err err;
	int object, details;

	facts.body = ljson_decode(L, &http->reply.body);
	ent_buf_free(&http->reply.body);
	object = lua_gettop(L);
	push_details(L, object, &http->reply);
	details = object + 1;
	lua_getfield(L, details, "error"); /* stays on the stack: facts point to it */
	facts.error = lua_tostring(L, -1);
	facts.has_error = facts.body == ENT_BODY_OBJECT && ljson_has(L, object, "error");
	if (ent_token_judge(&facts, &err) == 0) {
		push_success(L, &http->reply);
		bad = ljson_take(L, object, lua_gettop(L), expected);
		if (!bad)
			return 1;
		ent_token_blame(bad, http->host, &err);
	}
	lbind_fail(L, &err);
	lua_pushvalue(L, details);
	return 4;
}

/* ---- methods ---- */

/*
 * client:post{
 *   url, form = {{name, value}, …}, expect = "token" | "device_code", timeout = seconds,
 *   [connect_timeout = 10,] [headers = {"Name: value", …},] [wake = descriptor,]
 *   [repeatable = false,] [retry = true]
 * } -> reply | nil, message, code [, details]
 *
 * The fields of a reply and of details are listed in token.c; a reply also has
 * date and seconds, details also aadsts, status, retry_after and date. The codes are
 * those of ent_http_post, ent_token_judge and ent_token_blame.
 */
static int client_post(lua_State *L)
{
	struct ent_http *http = check_client(L);
	struct ent_http_request request;
	const struct ent_fields *expected;
	struct ent_err err;

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	/* Before anything is sent: a code must not be spent on a reply that cannot be read. */
	ljson_prepare(L);
	expected = expect_field(L);
	request.timeout = lfield_number(L, 2, "timeout", 0, 86400, -1);
	request.connect_timeout = lfield_number(L, 2, "connect_timeout", 0, 86400, 10);
	request.wake = (int)lfield_number(L, 2, "wake", -1, 65535, -1);
	request.repeatable = lfield_flag(L, 2, "repeatable", false);
	request.retry = lfield_flag(L, 2, "retry", true);
	request.url = lfield_string(L, 2, "url", true);
	ent_http_clear(http);
	if (read_form(L, http, &err) != 0 || read_headers(L, http, &err) != 0 ||
	    ent_http_post(http, &request, &err) != 0) {
		ent_http_clear(http);
		return lbind_fail(L, &err);
	}
	return push_answer(L, http, expected);
}

/* client:close(); a second call does nothing */
static int client_close(lua_State *L)
{
	struct client *client = luaL_checkudata(L, 1, client_type);

	if (!client->closed)
		ent_http_free(&client->http);
	client->closed = true;
	return 0;
}

/* ---- functions ---- */

/* new{user_agent = string [, ca_file = path] [, ca_path = path]} -> client */
static int http_new(lua_State *L)
{
	const char *user_agent, *ca_file, *ca_path;
	struct client *client;
	struct ent_err err;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	user_agent = lfield_string(L, 1, "user_agent", true);
	ca_file = lfield_string(L, 1, "ca_file", false);
	ca_path = lfield_string(L, 1, "ca_path", false);
	client = lua_newuserdata(L, sizeof *client);
	ent_http_init(&client->http);
	client->closed = false;
	luaL_getmetatable(L, client_type);
	lua_setmetatable(L, -2);
	if (ent_http_configure(&client->http, user_agent, ca_file, ca_path, &err) != 0)
		return lbind_fail(L, &err);
	return 1;
}

/* version() -> "libcurl/7.88.1 …", the library in use, not the one compiled against */
static int http_version(lua_State *L)
{
	lua_pushstring(L, ent_http_version());
	return 1;
}

static const luaL_Reg client_methods[] = {
    {"post", client_post},
    {"close", client_close},
    {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"new", http_new},
    {"version", http_version},
    {NULL, NULL},
};

ENT_EXPORT int luaopen_entra_http(lua_State *L);

int luaopen_entra_http(lua_State *L)
{
	lbind_type(L, client_type, client_methods, client_close);
	luaL_newlib(L, functions);
	return 1;
}
