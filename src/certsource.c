#define _GNU_SOURCE /* memmem */
#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>

#include "cert.h"

/* A password that OpenSSL may ask for, and whether it did. */
struct secret {
	const char *password;
	bool asked;
};

static int tell(char *buf, int size, int rwflag, void *arg)
{
	struct secret *secret = arg;
	size_t n = secret->password ? strlen(secret->password) : 0;

	(void)rwflag;
	secret->asked = true;
	if (!secret->password || n > (size_t)size)
		return -1;
	memcpy(buf, secret->password, n);
	return (int)n;
}

/* Is this the cause, as opposed to what the decoders say after every failure? */
static bool is_unsupported(unsigned long e)
{
	int lib = ERR_GET_LIB(e), reason = ERR_GET_REASON(e);

	if (lib == ERR_LIB_OSSL_DECODER || lib == ERR_LIB_OSSL_STORE)
		return false;
	return reason == ERR_R_UNSUPPORTED || (lib == ERR_LIB_EVP && reason == EVP_R_UNSUPPORTED_ALGORITHM) ||
	       (lib == ERR_LIB_PKCS12 && reason == PKCS12_R_UNKNOWN_DIGEST_ALGORITHM);
}

/* Why `what` did not open; empties OpenSSL's queue. */
static int closed(const struct secret *secret, const char *what, struct ent_err *err)
{
	unsigned long e;
	bool unsupported = false;

	while ((e = ERR_get_error()) != 0)
		if (is_unsupported(e))
			unsupported = true;
	if (unsupported)
		return ent_err_set(err, "unsupported",
		                   "%s is encrypted in a way that this OpenSSL does not have", what);
	if (!secret->asked)
		return ent_err_set(err, "garbled", "%s is damaged, or something else", what);
	if (!secret->password)
		return ent_err_set(err, "password_needed", "%s is encrypted, and no password is known", what);
	return ent_err_set(err, "password", "the password does not open %s", what);
}

/* ---- PEM ---- */

static bool holds(struct ent_bytes text, const char *word)
{
	return memmem(text.data, text.len, word, strlen(word)) != NULL;
}

/* Without a function to tell the password, OpenSSL would ask for it at the terminal. */
static int add_pem_certificates(struct ent_cert *cert, BIO *text, struct secret *secret, struct ent_err *err)
{
	X509 *one;

	while ((one = PEM_read_bio_X509(text, NULL, tell, secret)) != NULL)
		if (ent_cert_keep(cert, one, err) != 0)
			return -1;
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return ent_err_set(err, "garbled", "the certificate is damaged");
	return 0;
}

/*
 * What is sealed, and most files, are RSA in PKCS #8 without encryption: told so, OpenSSL reads it in half
 * the time that trying all its decoders takes. NULL: anything else.
 */
static EVP_PKEY *read_common_key(struct ent_bytes pem, BIO *text, struct secret *secret)
{
	EVP_PKEY *key = NULL;
	unsigned char *der = NULL;
	const unsigned char *at;
	long n = 0;

	if (!holds(pem, "-----BEGIN PRIVATE KEY-----"))
		return NULL;
	if (PEM_bytes_read_bio(&der, &n, NULL, PEM_STRING_PKCS8INF, text, tell, secret) == 1) {
		at = der;
		key = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &at, n);
		OPENSSL_clear_free(der, (size_t)n);
	}
	(void)BIO_reset(text);
	return key;
}

int ent_cert_add_pem(struct ent_cert *cert, struct ent_bytes pem, const char *password, struct ent_err *err)
{
	struct secret secret = {password, false};
	BIO *text = pem.len <= INT_MAX ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
	EVP_PKEY *key;
	int rc;

	ERR_clear_error();
	if (!text)
		return ent_err_set(err, "ENOMEM", "out of memory");
	rc = add_pem_certificates(cert, text, &secret, err);
	if (rc == 0 && holds(pem, "PRIVATE KEY-----")) {
		(void)BIO_reset(text);
		key = read_common_key(pem, text, &secret);
		ERR_clear_error();
		if (!key)
			key = PEM_read_bio_PrivateKey(text, NULL, tell, &secret);
		if (key)
			ent_cert_keep_key(cert, key);
		else
			rc = closed(&secret, "the private key", err);
	}
	ERR_clear_error();
	BIO_free(text);
	return rc;
}

/* ---- PFX ---- */

/* A library context that knows what old PFX files are encrypted with. */
struct museum {
	OSSL_LIB_CTX *ctx;
	OSSL_PROVIDER *standard, *legacy; /* legacy may be missing: then such a file is "unsupported" */
};

static void museum_close(struct museum *m)
{
	if (m->legacy)
		OSSL_PROVIDER_unload(m->legacy);
	if (m->standard)
		OSSL_PROVIDER_unload(m->standard);
	OSSL_LIB_CTX_free(m->ctx);
}

static int museum_open(struct museum *m, struct ent_err *err)
{
	m->standard = m->legacy = NULL;
	m->ctx = OSSL_LIB_CTX_new();
	if (m->ctx)
		m->standard = OSSL_PROVIDER_load(m->ctx, "default");
	if (!m->standard) {
		museum_close(m);
		return ent_err_set(err, "openssl", "OpenSSL cannot load its default provider");
	}
	m->legacy = OSSL_PROVIDER_load(m->ctx, "legacy");
	ERR_clear_error();
	return 0;
}

/* The same key in the default library context, where it can outlive the museum. */
static EVP_PKEY *key_out(const EVP_PKEY *key)
{
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
	EVP_PKEY *fresh = plain ? EVP_PKCS82PKEY(plain) : NULL;

	PKCS8_PRIV_KEY_INFO_free(plain);
	return fresh;
}

static X509 *certificate_out(const X509 *one)
{
	unsigned char *der = NULL;
	int n = i2d_X509(one, &der);
	const unsigned char *at = der;
	X509 *fresh = n > 0 ? d2i_X509(NULL, &at, n) : NULL;

	OPENSSL_free(der);
	return fresh;
}

static int take_out(struct ent_cert *cert, const EVP_PKEY *key, const X509 *leaf, const STACK_OF(X509) * more,
                    struct ent_err *err)
{
	X509 *fresh = leaf ? certificate_out(leaf) : NULL;
	int i, rc = fresh ? ent_cert_keep(cert, fresh, err) : 0;

	for (i = 0; rc == 0 && i < sk_X509_num(more); i++) {
		fresh = certificate_out(sk_X509_value(more, i));
		rc = fresh ? ent_cert_keep(cert, fresh, err) : 0;
	}
	if (rc == 0 && key)
		ent_cert_keep_key(cert, key_out(key));
	return rc;
}

/* Open it and take everything out. PKCS12_parse says nothing of whether there was a password to know. */
static int unpack(struct ent_cert *cert, PKCS12 *pfx, struct secret *secret, struct ent_err *err)
{
	EVP_PKEY *key = NULL;
	X509 *leaf = NULL;
	STACK_OF(X509) *more = NULL;
	int rc;

	if (!PKCS12_mac_present(pfx))
		return ent_err_set(err, "unsupported", "the PFX file has no MAC to check the password with");
	secret->asked = true;
	if (PKCS12_parse(pfx, secret->password, &key, &leaf, &more) != 1)
		return closed(secret, "the PFX file", err);
	rc = take_out(cert, key, leaf, more, err);
	EVP_PKEY_free(key);
	X509_free(leaf);
	sk_X509_pop_free(more, X509_free);
	return rc;
}

int ent_cert_add_pfx(struct ent_cert *cert, struct ent_bytes bytes, const char *password, struct ent_err *err)
{
	struct secret secret = {password, false};
	const unsigned char *at = bytes.data;
	struct museum museum;
	PKCS12 *pfx;
	int rc;

	if (museum_open(&museum, err) != 0)
		return -1;
	/* The empty PFX carries the library context; d2i fills it and frees it where it fails. */
	pfx = PKCS12_init_ex(NID_pkcs7_data, museum.ctx, NULL);
	if (pfx && bytes.len <= LONG_MAX && d2i_PKCS12(&pfx, &at, (long)bytes.len))
		rc = unpack(cert, pfx, &secret, err);
	else
		rc = closed(&secret, "the PFX file", err);
	ERR_clear_error();
	PKCS12_free(pfx);
	museum_close(&museum);
	return rc;
}

/* ---- OpenSSL stores ---- */

/* 1: a load failed, or nothing is there; OpenSSL's queue says why. */
static int add_from_store(struct ent_cert *cert, OSSL_STORE_CTX *store, struct ent_err *err)
{
	bool found = false;

	while (!OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info;
		EVP_PKEY *key;
		X509 *one;

		ERR_clear_error();
		info = OSSL_STORE_load(store);
		/* The end of a file is an error too, but one without words. */
		if (!info && OSSL_STORE_error(store) && ERR_peek_error() != 0)
			return 1;
		one = info ? OSSL_STORE_INFO_get1_CERT(info) : NULL;
		key = info ? OSSL_STORE_INFO_get1_PKEY(info) : NULL;
		OSSL_STORE_INFO_free(info);
		found = found || one || key;
		if (key)
			ent_cert_keep_key(cert, key);
		if (one && ent_cert_keep(cert, one, err) != 0)
			return -1;
	}
	return found ? 0 : 1;
}

int ent_cert_add_uri(struct ent_cert *cert, const char *uri, const char *password, struct ent_err *err)
{
	struct secret secret = {password, false};
	UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(tell, 0);
	OSSL_STORE_CTX *store = NULL;
	int rc;

	ERR_clear_error();
	if (ui)
		store = OSSL_STORE_open_ex(uri, NULL, NULL, ui, &secret, NULL, NULL, NULL);
	/* A query may hold a PIN. */
	if (!store)
		rc = ent_err_set(err, "store", "no OpenSSL store can open %.*s", (int)strcspn(uri, "?"), uri);
	else
		rc = add_from_store(cert, store, err);
	if (rc == 1)
		rc = closed(&secret, "what the URI names", err);
	ERR_clear_error();
	OSSL_STORE_close(store);
	UI_destroy_method(ui);
	return rc;
}
