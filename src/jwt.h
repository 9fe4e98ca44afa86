/* Taking a compact JWS apart (RFC 7515 section 7.1), without believing a word of it. */
#ifndef ENT_JWT_H
#define ENT_JWT_H

#include "buf.h"

struct ent_jwt {
	struct ent_buf *header, *payload; /* the caller's: decoded bytes, JSON if the token is honest */
	const char *signature;            /* borrowed: the third part, still base64url */
	size_t signature_len;
};

/*
 * Fill jwt, whose two buffers the caller sets and owns. Fails with "parts" for
 * anything but three parts, "base64" for a part that does not decode, "too_big"
 * over the buffers' ceilings.
 */
int ent_jwt_split(const char *text, size_t n, struct ent_jwt *jwt, struct ent_err *err);

#endif
