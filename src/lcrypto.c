/*
 * entra.crypto: what needs libcrypto; certificates are in lcert.c.
 *
 * Every function that can fail returns nil, message, code (see lbind.h).
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "lbind.h"
#include "lcert.h"
#include "seal.h"

enum { RANDOM_MAX = 4096, SEALED_MAX = 64 * 1024 * 1024 };

static struct ent_bytes check_bytes(lua_State *L, int arg)
{
	struct ent_bytes b;

	b.data = (const unsigned char *)luaL_checklstring(L, arg, &b.len);
	return b;
}

static const unsigned char *check_exactly(lua_State *L, int arg, size_t n)
{
	struct ent_bytes b = check_bytes(L, arg);

	luaL_argcheck(L, b.len == n, arg, "wrong length");
	return b.data;
}

/* ready() -> true; what follows is quick then */
static int crypto_ready(lua_State *L)
{
	struct ent_err err;

	if (ent_seal_ready(&err) != 0)
		return lbind_fail(L, &err);
	lua_pushboolean(L, 1);
	return 1;
}

/* random(n) -> n bytes */
static int crypto_random(lua_State *L)
{
	lua_Number n = luaL_checknumber(L, 1);
	struct ent_buf *out;
	unsigned char *to;
	struct ent_err err;

	luaL_argcheck(L, n >= 1 && n <= RANDOM_MAX, 1, "between 1 and 4096 bytes");
	out = lbind_buffer(L, RANDOM_MAX);
	to = ent_buf_grow(out, (size_t)n, &err);
	if (!to || ent_random(to, (size_t)n, &err) != 0)
		return lbind_fail(L, &err);
	out->len = (size_t)n;
	return lbind_push_buffer(L, out);
}

typedef int sealer(const unsigned char *key, const unsigned char *nonce, struct ent_bytes aad,
                   struct ent_bytes in, struct ent_buf *out, struct ent_err *err);

static int run(lua_State *L, sealer *verb)
{
	const unsigned char *key = check_exactly(L, 1, ENT_SEAL_KEY);
	const unsigned char *nonce = check_exactly(L, 2, ENT_SEAL_NONCE);
	struct ent_bytes aad = check_bytes(L, 3), in = check_bytes(L, 4);
	struct ent_buf *out = lbind_buffer(L, SEALED_MAX);
	struct ent_err err;

	return verb(key, nonce, aad, in, out, &err) == 0 ? lbind_push_buffer(L, out) : lbind_fail(L, &err);
}

/* seal(key, nonce, aad, plain) -> sealed bytes, the tag last */
static int crypto_seal(lua_State *L)
{
	return run(L, ent_seal);
}

/* unseal(key, nonce, aad, sealed) -> plain | nil, message, "forged" */
static int crypto_unseal(lua_State *L)
{
	return run(L, ent_unseal);
}

/* sha256(bytes) -> 32 bytes */
static int crypto_sha256(lua_State *L)
{
	struct ent_bytes b = check_bytes(L, 1);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	struct ent_err err;

	if (EVP_Digest(b.data, b.len, digest, &n, EVP_sha256(), NULL) != 1) {
		ent_err_set(&err, "openssl", "SHA-256 failed");
		return lbind_fail(L, &err);
	}
	lua_pushlstring(L, (const char *)digest, n);
	return 1;
}

/* equal(a, b) -> whether two strings are the same, in a time that tells nothing but their lengths */
static int crypto_equal(lua_State *L)
{
	struct ent_bytes a = check_bytes(L, 1), b = check_bytes(L, 2);

	lua_pushboolean(L, a.len == b.len && CRYPTO_memcmp(a.data, b.data, a.len) == 0);
	return 1;
}

/* version() -> "OpenSSL 3.0.19 …", the library in use, not the one compiled against */
static int crypto_version(lua_State *L)
{
	lua_pushstring(L, OpenSSL_version(OPENSSL_VERSION));
	return 1;
}

/*
 * forgo_error_texts(): OpenSSL's words for its failures are not loaded, in the whole process and for good,
 * unless they are already; those of libssl are, all the same. For a program that is its own master.
 */
static int crypto_forgo_error_texts(lua_State *L)
{
	(void)L;
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
	return 0;
}

static const luaL_Reg functions[] = {
    {"ready", crypto_ready},
    {"random", crypto_random},
    {"seal", crypto_seal},
    {"unseal", crypto_unseal},
    {"sha256", crypto_sha256},
    {"equal", crypto_equal},
    {"forgo_error_texts", crypto_forgo_error_texts},
    {"version", crypto_version},
    {NULL, NULL},
};

ENT_EXPORT int luaopen_entra_crypto(lua_State *L);

int luaopen_entra_crypto(lua_State *L)
{
	luaL_newlib(L, functions);
	lcert_open(L);
	return 1;
}
