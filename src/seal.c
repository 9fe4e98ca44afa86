#include "seal.h"

#include <limits.h>
#include <pthread.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

/* Fetched once, by whichever thread comes first, and never freed: the module is never unloaded (-z nodelete).
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *aes_256_gcm;

static void fetch(void)
{
	aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
}

int ent_seal_ready(struct ent_err *err)
{
	pthread_once(&once, fetch);
	if (!aes_256_gcm)
		return ent_err_set(err, "openssl", "this OpenSSL has no AES-256-GCM");
	return 0;
}

static int fits(size_t n)
{
	return n <= INT_MAX - ENT_SEAL_TAG;
}

int ent_seal(const unsigned char key[ENT_SEAL_KEY], const unsigned char nonce[ENT_SEAL_NONCE],
             struct ent_bytes aad, struct ent_bytes plain, struct ent_buf *out, struct ent_err *err)
{
	EVP_CIPHER_CTX *ctx = NULL;
	unsigned char *to;
	int n, rc = -1;

	if (ent_seal_ready(err) != 0)
		return -1;
	if (!fits(aad.len) || !fits(plain.len))
		return ent_err_set(err, "too_big", "too much to seal");
	to = ent_buf_grow(out, plain.len + ENT_SEAL_TAG, err);
	if (!to)
		return -1;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || EVP_EncryptInit_ex2(ctx, aes_256_gcm, key, nonce, NULL) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, aad.data, (int)aad.len) != 1 ||
	    EVP_EncryptUpdate(ctx, to, &n, plain.data, (int)plain.len) != 1 ||
	    EVP_EncryptFinal_ex(ctx, to + plain.len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, ENT_SEAL_TAG, to + plain.len) != 1) {
		ent_err_set(err, "openssl", "OpenSSL cannot seal");
		goto out;
	}
	out->len += plain.len + ENT_SEAL_TAG;
	rc = 0;
out:
	EVP_CIPHER_CTX_free(ctx);
	return rc;
}

int ent_unseal(const unsigned char key[ENT_SEAL_KEY], const unsigned char nonce[ENT_SEAL_NONCE],
               struct ent_bytes aad, struct ent_bytes sealed, struct ent_buf *out, struct ent_err *err)
{
	EVP_CIPHER_CTX *ctx = NULL;
	unsigned char *to, tag[ENT_SEAL_TAG];
	size_t len, i;
	int n, rc = -1;

	if (ent_seal_ready(err) != 0)
		return -1;
	if (sealed.len < ENT_SEAL_TAG || !fits(sealed.len) || !fits(aad.len))
		return ent_err_set(err, "forged", "does not open with this key");
	len = sealed.len - ENT_SEAL_TAG;
	for (i = 0; i < ENT_SEAL_TAG; i++)
		tag[i] = sealed.data[len + i];
	to = ent_buf_grow(out, len, err);
	if (!to)
		return -1;
	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || EVP_DecryptInit_ex2(ctx, aes_256_gcm, key, nonce, NULL) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, ENT_SEAL_TAG, tag) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &n, aad.data, (int)aad.len) != 1 ||
	    EVP_DecryptUpdate(ctx, to, &n, sealed.data, (int)len) != 1) {
		ent_err_set(err, "openssl", "OpenSSL cannot unseal");
		goto out;
	}
	if (EVP_DecryptFinal_ex(ctx, to + len, &n) != 1) {
		ent_wipe(to, len); /* what did not verify must not be used, not even by mistake */
		ent_err_set(err, "forged", "does not open with this key");
		goto out;
	}
	out->len += len;
	rc = 0;
out:
	EVP_CIPHER_CTX_free(ctx);
	return rc;
}

int ent_random(void *bytes, size_t n, struct ent_err *err)
{
	if (ent_seal_ready(err) != 0)
		return -1;
	if (RAND_priv_bytes_ex(NULL, bytes, n, 256) != 1)
		return ent_err_set(err, "openssl", "OpenSSL has no random bytes");
	return 0;
}
