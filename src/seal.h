/*
 * Authenticated encryption (AES-256-GCM) and random bytes.
 *
 * Uses OpenSSL's default library context, which TLS needs anyway: a context of
 * its own would cost every cold exchange a second start of the providers.
 */
#ifndef ENT_SEAL_H
#define ENT_SEAL_H

#include "buf.h"

enum { ENT_SEAL_KEY = 32, ENT_SEAL_NONCE = 12, ENT_SEAL_TAG = 16 };

struct ent_bytes {
	const unsigned char *data;
	size_t len;
};

/* Start OpenSSL and fetch the cipher now: 1 ms that the first of the calls below costs otherwise. */
int ent_seal_ready(struct ent_err *err);

/* Append the ciphertext of plain, then the tag. Never use one (key, nonce) twice. */
int ent_seal(const unsigned char key[ENT_SEAL_KEY], const unsigned char nonce[ENT_SEAL_NONCE],
             struct ent_bytes aad, struct ent_bytes plain, struct ent_buf *out, struct ent_err *err);

/* The reverse. Fails with "forged" where key, nonce, aad or a single bit of sealed is another; out stays
 * empty. */
int ent_unseal(const unsigned char key[ENT_SEAL_KEY], const unsigned char nonce[ENT_SEAL_NONCE],
               struct ent_bytes aad, struct ent_bytes sealed, struct ent_buf *out, struct ent_err *err);

/* n bytes from OpenSSL's private DRBG. */
int ent_random(void *bytes, size_t n, struct ent_err *err);

#endif
