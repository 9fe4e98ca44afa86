#include "record.h"

#include <string.h>

static const unsigned char magic[8] = {'E', 'N', 'T', 'R', 'A', 'R', 'E', 'C'};

enum {
	VERSION = 1,
	AES_256_GCM = 1,
	AT_VERSION = 8,
	AT_ALGORITHM = 9,
	AT_FLAGS = 10,
	AT_EXPIRES = 16,
	AT_REFRESH = 24,
	AT_KEY_ID = 32,
	AT_NONCE = 40,
	AT_NAME_LEN = 52,
	FIXED = 56
};

static void put(unsigned char *to, uint64_t value, size_t n)
{
	while (n-- > 0) {
		to[n] = (unsigned char)(value & 0xff);
		value >>= 8;
	}
}

static uint64_t get(const unsigned char *from, size_t n)
{
	uint64_t value = 0;

	while (n-- > 0)
		value = value << 8 | *from++;
	return value;
}

int ent_record_head(const struct ent_record *rec, struct ent_buf *out, struct ent_err *err)
{
	unsigned char head[FIXED] = {0};

	if (rec->name_len > ENT_RECORD_NAME_MAX)
		return ent_err_set(err, "too_big", "the name of a record is longer than %d bytes",
		                   ENT_RECORD_NAME_MAX);
	memcpy(head, magic, sizeof magic);
	head[AT_VERSION] = VERSION;
	head[AT_ALGORITHM] = AES_256_GCM;
	put(head + AT_EXPIRES, (uint64_t)rec->expires_on, 8);
	put(head + AT_REFRESH, (uint64_t)rec->refresh_on, 8);
	memcpy(head + AT_KEY_ID, rec->key_id, ENT_RECORD_KEY_ID);
	memcpy(head + AT_NONCE, rec->nonce, ENT_RECORD_NONCE);
	put(head + AT_NAME_LEN, rec->name_len, 4);
	if (ent_buf_add(out, head, sizeof head, err) != 0)
		return -1;
	return ent_buf_add(out, rec->name, rec->name_len, err);
}

int ent_record_parse(struct ent_record *rec, const void *bytes, size_t n, struct ent_err *err)
{
	const unsigned char *in = bytes;

	memset(rec, 0, sizeof *rec);
	if (n < FIXED || memcmp(in, magic, sizeof magic) != 0)
		return ent_err_set(err, "damaged", "not a record");
	if (in[AT_VERSION] > VERSION)
		return ent_err_set(err, "newer", "written by a newer version of entra (layout %d)",
		                   in[AT_VERSION]);
	/* Flags are for a later layout, which has another version. */
	if (in[AT_VERSION] != VERSION || in[AT_ALGORITHM] != AES_256_GCM || get(in + AT_FLAGS, 6) != 0)
		return ent_err_set(err, "damaged", "a record of an unknown kind");
	rec->name_len = (size_t)get(in + AT_NAME_LEN, 4);
	if (rec->name_len > ENT_RECORD_NAME_MAX || rec->name_len > n - FIXED)
		return ent_err_set(err, "damaged", "a record cut short");
	rec->expires_on = (int64_t)get(in + AT_EXPIRES, 8);
	rec->refresh_on = (int64_t)get(in + AT_REFRESH, 8);
	memcpy(rec->key_id, in + AT_KEY_ID, ENT_RECORD_KEY_ID);
	memcpy(rec->nonce, in + AT_NONCE, ENT_RECORD_NONCE);
	rec->name = in + FIXED;
	rec->head_len = FIXED + rec->name_len;
	rec->sealed = in + rec->head_len;
	rec->sealed_len = n - rec->head_len;
	return 0;
}

uint64_t ent_record_hash(const void *bytes, size_t n)
{
	const unsigned char *in = bytes;
	uint64_t hash = 0xcbf29ce484222325u;

	while (n-- > 0)
		hash = (hash ^ *in++) * 0x100000001b3u;
	return hash;
}
