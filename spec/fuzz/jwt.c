/* What is taken apart goes together again to the same text. */
#include "fuzz.h"

#include "../../src/base64.h"
#include "../../src/jwt.h"

static void add_part(struct ent_buf *text, const struct ent_buf *part)
{
	struct ent_err err;

	CHECK(ent_base64url_encode(part->data, part->len, text, &err) == 0);
	CHECK(ent_buf_add(text, ".", 1, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ent_buf header = ENT_BUF_INIT(1 << 16), payload = ENT_BUF_INIT(1 << 16),
	               text = ENT_BUF_INIT(1 << 20);
	struct ent_jwt jwt = {&header, &payload, NULL, 0};
	struct ent_err err;

	if (ent_jwt_split((const char *)data, size, &jwt, &err) == 0) {
		CHECK(jwt.signature >= (const char *)data &&
		      jwt.signature + jwt.signature_len == (const char *)data + size);
		add_part(&text, &header);
		add_part(&text, &payload);
		CHECK(ent_buf_add(&text, jwt.signature, jwt.signature_len, &err) == 0);
		CHECK(text.len == size && memcmp(text.data, data, size) == 0);
	} else {
		CHECK(strcmp(err.code, "parts") == 0 || strcmp(err.code, "base64") == 0 ||
		      strcmp(err.code, "too_big") == 0);
	}
	ent_buf_free(&header);
	ent_buf_free(&payload);
	ent_buf_free(&text);
	return 0;
}
