#include "lcert.h"

#include <string.h>

#include "cert.h"
#include "lbind.h"
#include "sign.h"

static const char cert_type[] = "entra.certificate";

enum { CERT_MAX = 1024 * 1024, SIGNATURE_MAX = 4096, SOURCES_MAX = 8 };

static struct ent_cert *check_cert(lua_State *L)
{
	struct ent_cert *cert = luaL_checkudata(L, 1, cert_type);

	luaL_argcheck(L, cert->key && cert->chain, 1, "certificate is closed");
	return cert;
}

static int cert_close(lua_State *L)
{
	ent_cert_free(luaL_checkudata(L, 1, cert_type));
	return 0;
}

/* Add the source on top of the stack: a table with one of the fields pem, pfx, uri. The strings are the
 * table's. */
static int add(lua_State *L, struct ent_cert *cert, const char *password, struct ent_err *err)
{
	static const struct {
		const char *field;
		int (*verb)(struct ent_cert *cert, struct ent_bytes bytes, const char *password,
		            struct ent_err *err);
	} kinds[] = {{"pem", ent_cert_add_pem}, {"pfx", ent_cert_add_pfx}};
	size_t i;

	luaL_checktype(L, -1, LUA_TTABLE);
	for (i = 0; i < ENT_COUNT(kinds); i++) {
		struct ent_bytes bytes;

		lua_getfield(L, -1, kinds[i].field);
		/* A number's text would be on the stack alone. */
		bytes.data = lua_type(L, -1) == LUA_TSTRING
		                 ? (const unsigned char *)lua_tolstring(L, -1, &bytes.len)
		                 : NULL;
		lua_pop(L, 1);
		if (bytes.data)
			return kinds[i].verb(cert, bytes, password, err);
	}
	lua_getfield(L, -1, "uri");
	return ent_cert_add_uri(cert, lbind_check_cstring(L, lua_gettop(L)), password, err);
}

/*
 * certificate(sources [, password]) -> certificate | nil, message, code (see cert.h), number of the source
 * sources: an array of {pem = text}, {pfx = bytes}, {uri = OpenSSL store URI}, each of which may hold
 * certificates and a key
 */
static int crypto_certificate(lua_State *L)
{
	const char *password = lua_isnoneornil(L, 2) ? NULL : lbind_check_cstring(L, 2);
	struct ent_cert *cert;
	struct ent_err err;
	int i, n;

	luaL_checktype(L, 1, LUA_TTABLE);
	n = (int)lua_rawlen(L, 1);
	luaL_argcheck(L, n >= 1 && n <= SOURCES_MAX, 1, "between 1 and 8 sources");
	cert = lua_newuserdata(L, sizeof *cert);
	memset(cert, 0, sizeof *cert);
	luaL_getmetatable(L, cert_type);
	lua_setmetatable(L, -2);
	for (i = 1; i <= n; i++) {
		int top = lua_gettop(L);

		lua_rawgeti(L, 1, i);
		if (add(L, cert, password, &err) != 0) {
			lbind_fail(L, &err);
			lua_pushnumber(L, i);
			return 4;
		}
		lua_settop(L, top);
	}
	return ent_cert_settle(cert, &err) == 0 ? 1 : lbind_fail(L, &err);
}

static void set_bytes(lua_State *L, const char *field, const void *bytes, size_t n)
{
	lua_pushlstring(L, bytes, n);
	lua_setfield(L, -2, field);
}

static void set_number(lua_State *L, const char *field, lua_Number n)
{
	lua_pushnumber(L, n);
	lua_setfield(L, -2, field);
}

/* certificate:facts() -> {sha1, sha256 (bytes), not_before, not_after (seconds since 1970), subject, bits} */
static int cert_facts(lua_State *L)
{
	const struct ent_cert *cert = check_cert(L);
	struct ent_cert_facts facts;
	struct ent_err err;

	if (ent_cert_facts(cert, &facts, &err) != 0)
		return lbind_fail(L, &err);
	lua_createtable(L, 0, 6);
	set_bytes(L, "sha1", facts.sha1, sizeof facts.sha1);
	set_bytes(L, "sha256", facts.sha256, sizeof facts.sha256);
	set_bytes(L, "subject", facts.subject, strlen(facts.subject));
	set_number(L, "not_before", (lua_Number)facts.not_before);
	set_number(L, "not_after", (lua_Number)facts.not_after);
	set_number(L, "bits", facts.bits);
	return 1;
}

/* certificate:chain() -> {DER, …}, ours first */
static int cert_chain(lua_State *L)
{
	const struct ent_cert *cert = check_cert(L);
	struct ent_err err;
	int i;

	lua_newtable(L);
	for (i = 0; i < sk_X509_num(cert->chain); i++) {
		struct ent_buf *out = lbind_buffer(L, CERT_MAX);

		if (ent_cert_der(cert, i, out, &err) != 0)
			return lbind_fail(L, &err);
		lbind_push_buffer(L, out);
		lua_rawseti(L, -3, i + 1);
		lua_pop(L, 1);
	}
	return 1;
}

/* certificate:pem() -> key (not encrypted) and chain: to be sealed */
static int cert_pem(lua_State *L)
{
	const struct ent_cert *cert = check_cert(L);
	struct ent_buf *out = lbind_buffer(L, CERT_MAX);
	struct ent_err err;

	return ent_cert_pem(cert, out, &err) == 0 ? lbind_push_buffer(L, out) : lbind_fail(L, &err);
}

/* certificate:sign("PS256" or "RS256", text) -> signature bytes */
static int cert_sign(lua_State *L)
{
	static const char *const names[] = {"PS256", "RS256", NULL};
	static const enum ent_sign_alg algs[] = {ENT_SIGN_PS256, ENT_SIGN_RS256};
	const struct ent_cert *cert = check_cert(L);
	int alg = luaL_checkoption(L, 2, NULL, names);
	struct ent_bytes text;
	struct ent_buf *out;
	struct ent_err err;

	text.data = (const unsigned char *)luaL_checklstring(L, 3, &text.len);
	out = lbind_buffer(L, SIGNATURE_MAX);
	return ent_sign(cert->key, algs[alg], text, out, &err) == 0 ? lbind_push_buffer(L, out)
	                                                            : lbind_fail(L, &err);
}

static const luaL_Reg methods[] = {
    {"facts", cert_facts}, {"chain", cert_chain}, {"pem", cert_pem},
    {"sign", cert_sign},   {"close", cert_close}, {NULL, NULL},
};

void lcert_open(lua_State *L)
{
	lbind_type(L, cert_type, methods, cert_close);
	lua_pushcfunction(L, crypto_certificate);
	lua_setfield(L, -2, "certificate");
}
