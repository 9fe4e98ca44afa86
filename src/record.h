/*
 * The layout of one sealed record in a file:
 *
 *   offset  0  magic "ENTRAREC"           24  refresh_on, s since 1970 (0: none)
 *           8  version, 1                 32  key id, 8 bytes
 *           9  algorithm, 1 = AES-256-GCM 40  nonce, 12 bytes
 *          10  flags, 0                   52  length of the name, 4 bytes
 *          16  expires_on (0: never)      56  the name, then the sealed bytes, their tag last
 *
 * Numbers are big-endian. Everything before the sealed bytes is their
 * additional authenticated data, so a record that was renamed, or whose
 * header was touched, does not open. This file knows no cryptography.
 */
#ifndef ENT_RECORD_H
#define ENT_RECORD_H

#include <stdint.h>

#include "buf.h"

enum { ENT_RECORD_KEY_ID = 8, ENT_RECORD_NONCE = 12, ENT_RECORD_NAME_MAX = 4096 };

struct ent_record {
	int64_t expires_on, refresh_on;
	unsigned char key_id[ENT_RECORD_KEY_ID];
	unsigned char nonce[ENT_RECORD_NONCE];
	const unsigned char *name; /* borrowed, and so is sealed */
	size_t name_len;
	const unsigned char *sealed; /* set by parse only */
	size_t sealed_len;
	size_t head_len; /* bytes before sealed; set by parse only */
};

/* Append everything that stands before the sealed bytes. Fails with "too_big" for a long name. */
int ent_record_head(const struct ent_record *rec, struct ent_buf *out, struct ent_err *err);

/*
 * Take bytes apart; rec points into them. Fails with "damaged" for what is no
 * record, "newer" for a layout of a later version, which must be left untouched.
 */
int ent_record_parse(struct ent_record *rec, const void *bytes, size_t n, struct ent_err *err);

/* FNV-1a, 64 bits, of an entry's name: its file's name. Not a secret and not a check. */
uint64_t ent_record_hash(const void *bytes, size_t n);

#endif
