/* RSA signatures of JSON Web Tokens (RFC 7518 sections 3.3 and 3.5), with whatever provider holds the key. */
#ifndef ENT_SIGN_H
#define ENT_SIGN_H

#include <openssl/types.h>

#include "seal.h"

enum ent_sign_alg {
	ENT_SIGN_PS256, /* PSS, SHA-256, MGF1 with SHA-256, a salt of 32 bytes */
	ENT_SIGN_RS256  /* PKCS #1 v1.5, SHA-256 */
};

/* Append the signature of bytes. */
int ent_sign(EVP_PKEY *key, enum ent_sign_alg alg, struct ent_bytes bytes, struct ent_buf *out,
             struct ent_err *err);

#endif
