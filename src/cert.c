#include "cert.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "text.h"

static int out_of_memory(struct ent_err *err)
{
	return ent_err_set(err, "ENOMEM", "out of memory");
}

int ent_cert_keep(struct ent_cert *cert, X509 *found, struct ent_err *err)
{
	if (!cert->chain)
		cert->chain = sk_X509_new_null();
	if (!cert->chain || sk_X509_push(cert->chain, found) == 0) {
		X509_free(found);
		return out_of_memory(err);
	}
	return 0;
}

void ent_cert_keep_key(struct ent_cert *cert, EVP_PKEY *found)
{
	EVP_PKEY_free(cert->key);
	cert->key = found;
}

/* The key that belongs to one of the certificates decides which of them is ours. */
static int leaf_of(const struct ent_cert *cert)
{
	int i;

	for (i = 0; i < sk_X509_num(cert->chain); i++)
		if (X509_check_private_key(sk_X509_value(cert->chain, i), cert->key) == 1)
			return i;
	return -1;
}

/* The certificate among the rest that certifies the one given; taken out of there. */
static X509 *issuer_of(X509 *subject, STACK_OF(X509) * rest)
{
	int i;

	for (i = 0; i < sk_X509_num(rest); i++)
		if (X509_check_issued(sk_X509_value(rest, i), subject) == X509_V_OK)
			return sk_X509_delete(rest, i);
	return NULL;
}

/* Ours first, each certified by the next; what certifies none of them is dropped. */
static int order(struct ent_cert *cert, int leaf, struct ent_err *err)
{
	STACK_OF(X509) *rest = cert->chain;
	X509 *next = sk_X509_delete(rest, leaf);
	int rc = 0;

	cert->chain = NULL;
	while (next && rc == 0) {
		X509 *subject = next;

		rc = ent_cert_keep(cert, subject, err);
		next = rc == 0 ? issuer_of(subject, rest) : NULL;
	}
	sk_X509_pop_free(rest, X509_free);
	return rc;
}

int ent_cert_settle(struct ent_cert *cert, struct ent_err *err)
{
	int bits, leaf;

	if (!cert->key)
		return ent_err_set(err, "no_key", "there is no private key");
	if (sk_X509_num(cert->chain) <= 0)
		return ent_err_set(err, "no_certificate", "there is no certificate");
	if (!EVP_PKEY_is_a(cert->key, "RSA"))
		return ent_err_set(err, "key_type", "the private key is not RSA but %.40s",
		                   EVP_PKEY_get0_type_name(cert->key) ? EVP_PKEY_get0_type_name(cert->key)
		                                                      : "something else");
	bits = EVP_PKEY_get_bits(cert->key);
	if (bits < ENT_CERT_KEY_BITS)
		return ent_err_set(err, "key_bits", "the private key has %d bits, fewer than %d", bits,
		                   ENT_CERT_KEY_BITS);
	leaf = leaf_of(cert);
	ERR_clear_error();
	if (leaf < 0)
		return ent_err_set(err, "key_mismatch", "the private key belongs to another certificate");
	return order(cert, leaf, err);
}

static int seconds_of(const ASN1_TIME *time, int64_t *out)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days, seconds, ok = epoch && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;

	ASN1_TIME_free(epoch);
	*out = ok ? (int64_t)days * 86400 + seconds : 0;
	return ok ? 0 : -1;
}

static void subject_of(X509 *leaf, char out[static ENT_CERT_SUBJECT])
{
	BIO *text = BIO_new(BIO_s_mem());
	char *bytes = NULL;
	long n = 0;

	if (text && X509_NAME_print_ex(text, X509_get_subject_name(leaf), 0,
	                               XN_FLAG_ONELINE & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) >= 0)
		n = BIO_get_mem_data(text, &bytes);
	ent_text_clean(bytes, n > 0 ? (size_t)n : 0, out, ENT_CERT_SUBJECT);
	BIO_free(text);
}

int ent_cert_facts(const struct ent_cert *cert, struct ent_cert_facts *facts, struct ent_err *err)
{
	X509 *leaf = sk_X509_value(cert->chain, 0);
	int rc = 0;

	memset(facts, 0, sizeof *facts);
	facts->bits = EVP_PKEY_get_bits(cert->key);
	if (X509_digest(leaf, EVP_sha1(), facts->sha1, NULL) != 1 ||
	    X509_digest(leaf, EVP_sha256(), facts->sha256, NULL) != 1 ||
	    seconds_of(X509_get0_notBefore(leaf), &facts->not_before) != 0 ||
	    seconds_of(X509_get0_notAfter(leaf), &facts->not_after) != 0)
		rc = ent_err_set(err, "garbled", "the certificate is damaged");
	subject_of(leaf, facts->subject);
	ERR_clear_error();
	return rc;
}

int ent_cert_der(const struct ent_cert *cert, int i, struct ent_buf *out, struct ent_err *err)
{
	X509 *one = sk_X509_value(cert->chain, i);
	unsigned char *to;
	int n;

	if (!one)
		return ent_err_set(err, "none", "no such certificate");
	n = i2d_X509(one, NULL);
	if (n <= 0)
		return ent_err_set(err, "garbled", "the certificate is damaged");
	to = ent_buf_grow(out, (size_t)n, err);
	if (!to)
		return -1;
	i2d_X509(one, &to);
	out->len += (size_t)n;
	return 0;
}

int ent_cert_pem(const struct ent_cert *cert, struct ent_buf *out, struct ent_err *err)
{
	BIO *text = BIO_new(BIO_s_mem()); /* wipes as it grows, and at the end */
	char *bytes;
	int i, rc = -1;
	long n;

	if (!text)
		return out_of_memory(err);
	if (PEM_write_bio_PKCS8PrivateKey(text, cert->key, NULL, NULL, 0, NULL, NULL) != 1) {
		ent_err_set(err, "not_exportable", "the private key does not leave its device");
		goto out;
	}
	for (i = 0; i < sk_X509_num(cert->chain); i++)
		if (PEM_write_bio_X509(text, sk_X509_value(cert->chain, i)) != 1) {
			out_of_memory(err);
			goto out;
		}
	n = BIO_get_mem_data(text, &bytes);
	rc = ent_buf_add(out, bytes, (size_t)n, err);
out:
	ERR_clear_error();
	BIO_free(text);
	return rc;
}

void ent_cert_free(struct ent_cert *cert)
{
	EVP_PKEY_free(cert->key);
	sk_X509_pop_free(cert->chain, X509_free);
	cert->key = NULL;
	cert->chain = NULL;
}
