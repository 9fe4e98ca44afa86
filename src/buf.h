/*
 * A growing byte buffer with a ceiling, for bytes that may be secret.
 *
 * Owner: whoever declared it; call ent_buf_free once, also after a failure.
 * Every block it gives back to malloc is wiped first, the ones outgrown too,
 * which is why this is not realloc.
 */
#ifndef ENT_BUF_H
#define ENT_BUF_H

#include <stddef.h>

#include "err.h"

struct ent_buf {
	unsigned char *data; /* NULL while empty; otherwise followed by a NUL byte */
	size_t len;
	size_t room;    /* bytes allocated, the NUL's included */
	size_t ceiling; /* most bytes it will ever hold */
};

/* clang-format off */
#define ENT_BUF_INIT(most) {NULL, 0, 0, (most)}
/* clang-format on */

/* Append n bytes. Fails with "too_big" over the ceiling, "ENOMEM" without memory; the contents stay. */
int ent_buf_add(struct ent_buf *buf, const void *bytes, size_t n, struct ent_err *err);

/* Make room for n more bytes and return where they go (NULL: failed, as above). The caller adds to len. */
unsigned char *ent_buf_grow(struct ent_buf *buf, size_t n, struct ent_err *err);

/* Wipe, release and leave an empty buffer with the same ceiling. */
void ent_buf_free(struct ent_buf *buf);

/* Overwrite memory in a way that no optimiser removes. n may be 0, p then NULL. */
void ent_wipe(void *p, size_t n);

#endif
