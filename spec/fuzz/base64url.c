/* Every byte string has exactly one spelling, and every spelling one meaning. */
#include "fuzz.h"

#include "../../src/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ent_buf text = ENT_BUF_INIT(1 << 20), bytes = ENT_BUF_INIT(1 << 20);
	struct ent_err err;

	CHECK(ent_base64url_encode(data, size, &text, &err) == 0);
	CHECK(text.len == (size * 4 + 2) / 3);
	CHECK(ent_base64url_decode((const char *)text.data, text.len, &bytes, &err) == 0);
	CHECK(bytes.len == size && (size == 0 || memcmp(bytes.data, data, size) == 0));
	ent_buf_free(&text);
	ent_buf_free(&bytes);

	if (ent_base64url_decode((const char *)data, size, &bytes, &err) == 0) {
		CHECK(ent_base64url_encode(bytes.data, bytes.len, &text, &err) == 0);
		CHECK(text.len == size && (size == 0 || memcmp(text.data, data, size) == 0));
	} else {
		CHECK(strcmp(err.code, "base64") == 0);
	}
	ent_buf_free(&text);
	ent_buf_free(&bytes);
	return 0;
}
