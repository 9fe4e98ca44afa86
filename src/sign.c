#include "sign.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

static int sign(EVP_MD_CTX *ctx, EVP_PKEY *key, enum ent_sign_alg alg, struct ent_bytes bytes,
                struct ent_buf *out, struct ent_err *err)
{
	EVP_PKEY_CTX *how;
	size_t n = 0;
	unsigned char *to;

	if (EVP_DigestSignInit_ex(ctx, &how, "SHA256", NULL, NULL, key, NULL) != 1)
		return -1;
	if (alg == ENT_SIGN_PS256 && (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) != 1 ||
	                              EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) != 1))
		return -1;
	if (EVP_DigestSign(ctx, NULL, &n, bytes.data, bytes.len) != 1)
		return -1;
	to = ent_buf_grow(out, n, err);
	if (!to || EVP_DigestSign(ctx, to, &n, bytes.data, bytes.len) != 1)
		return -1;
	out->len += n;
	return 0;
}

int ent_sign(EVP_PKEY *key, enum ent_sign_alg alg, struct ent_bytes bytes, struct ent_buf *out,
             struct ent_err *err)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int rc;

	/* What went wrong in a device says nothing that a person could act on; only its queue must be clean.
	 */
	ent_err_set(err, "openssl", "the private key cannot sign with %s",
	            alg == ENT_SIGN_PS256 ? "PS256" : "RS256");
	ERR_clear_error();
	rc = ctx ? sign(ctx, key, alg, bytes, out, err) : -1;
	ERR_clear_error();
	EVP_MD_CTX_free(ctx);
	return rc;
}
