/* A record that parses is spelled in one way only, and points nowhere but into its own bytes. */
#include "fuzz.h"

#include "../../src/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ent_record record, again;
	struct ent_buf head = ENT_BUF_INIT(1 << 16);
	struct ent_err err;

	if (ent_record_parse(&record, data, size, &err) != 0) {
		CHECK(strcmp(err.code, "damaged") == 0 || strcmp(err.code, "newer") == 0);
		return 0;
	}
	CHECK(record.name >= data && record.name + record.name_len <= data + size);
	CHECK(record.sealed >= data && record.sealed + record.sealed_len == data + size);
	CHECK(record.head_len + record.sealed_len == size);
	CHECK(ent_record_head(&record, &head, &err) == 0);
	CHECK(head.len == record.head_len && memcmp(head.data, data, head.len) == 0);
	CHECK(ent_buf_add(&head, record.sealed, record.sealed_len, &err) == 0 || size > (1 << 16));
	if (head.len == size)
		CHECK(ent_record_parse(&again, head.data, head.len, &err) == 0);
	ent_buf_free(&head);
	return 0;
}
