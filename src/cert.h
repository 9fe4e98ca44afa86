/*
 * An app's certificate and its private key: read, matched, described.
 *
 * Sources are added one by one (PEM text, PFX bytes, an OpenSSL store URI, in
 * any mixture); ent_cert_settle then finds the certificate that belongs to the
 * key, orders those that certify it, and refuses what Entra would not take.
 * Whether it is valid today is for the caller, who knows the time.
 *
 * PFX is decoded in a library context of its own, where the legacy provider is
 * loaded as well (RC2, 3DES); what comes out lives in the default context. Keys
 * of other providers (hardware) stay where they are and only sign.
 *
 * Owner: whoever declared the zeroed struct; ent_cert_free once, also after a
 * failure. OpenSSL wipes keys as it frees them. No message holds a password, a
 * key, or the query of a URI (where a PIN may stand).
 */
#ifndef ENT_CERT_H
#define ENT_CERT_H

#include <stdint.h>

#include <openssl/types.h>
#include <openssl/x509.h>

#include "seal.h"

enum { ENT_CERT_SHA1 = 20, ENT_CERT_SHA256 = 32, ENT_CERT_SUBJECT = 256, ENT_CERT_KEY_BITS = 2048 };

struct ent_cert {
	EVP_PKEY *key;
	STACK_OF(X509) * chain; /* once settled: ours first, each certified by the next */
};

/*
 * Add what a source holds: certificates, and a key, which replaces one that was
 * added before. password may be NULL. The codes of a failure:
 * "password_needed"  encrypted, and no password was given
 * "password"         the password is wrong
 * "unsupported"      encrypted in a way that this OpenSSL does not have
 * "garbled"          not what it should be
 * "store"            the URI cannot be opened
 */
int ent_cert_add_pem(struct ent_cert *cert, struct ent_bytes pem, const char *password, struct ent_err *err);
int ent_cert_add_pfx(struct ent_cert *cert, struct ent_bytes pfx, const char *password, struct ent_err *err);
int ent_cert_add_uri(struct ent_cert *cert, const char *uri, const char *password, struct ent_err *err);

/* For the sources: take over a certificate, also where that fails; take over a key, NULL for none. */
int ent_cert_keep(struct ent_cert *cert, X509 *found, struct ent_err *err);
void ent_cert_keep_key(struct ent_cert *cert, EVP_PKEY *found);

/* Fails with "no_key", "no_certificate", "key_type", "key_bits", or "key_mismatch". */
int ent_cert_settle(struct ent_cert *cert, struct ent_err *err);

struct ent_cert_facts {
	unsigned char sha1[ENT_CERT_SHA1], sha256[ENT_CERT_SHA256]; /* of the DER: the thumbprints */
	int64_t not_before, not_after;                              /* seconds since 1970 */
	int bits;
	char subject[ENT_CERT_SUBJECT]; /* for people, harmless to a terminal */
};

/* Of a settled certificate. */
int ent_cert_facts(const struct ent_cert *cert, struct ent_cert_facts *facts, struct ent_err *err);

/* Append the DER of the chain's certificate number i, from 0; "none" past the last. */
int ent_cert_der(const struct ent_cert *cert, int i, struct ent_buf *out, struct ent_err *err);

/*
 * Append key (PKCS#8, not encrypted) and chain as PEM, which ent_cert_add_pem
 * reads back: for sealing. Fails with "not_exportable" for a key that stays in its device.
 */
int ent_cert_pem(const struct ent_cert *cert, struct ent_buf *out, struct ent_err *err);

/* Wipe and release; what is left is an empty one. */
void ent_cert_free(struct ent_cert *cert);

#endif
