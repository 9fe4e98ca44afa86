/*
 * base64url without padding (RFC 4648 section 5, RFC 7515 section 2).
 *
 * Decoding is strict: no padding, white space or foreign character, and unused
 * bits must be zero, so that every byte string has exactly one spelling.
 */
#ifndef ENT_BASE64_H
#define ENT_BASE64_H

#include "buf.h"

int ent_base64url_encode(const void *bytes, size_t n, struct ent_buf *out, struct ent_err *err);

/* Fails with "base64" for text that is not base64url. */
int ent_base64url_decode(const char *text, size_t n, struct ent_buf *out, struct ent_err *err);

#endif
