/* Where the system keeps the certificates it trusts. */
#ifndef ENT_TRUST_H
#define ENT_TRUST_H

#include <stdbool.h>

/*
 * Does the folder hold certificates by their hash, as `openssl rehash` links them? Then OpenSSL opens
 * the one it needs, where reading a whole bundle costs 16 ms.
 */
bool ent_trust_is_hashed(const char *path);

#endif
