/* What is written as a form holds nothing but unreserved characters and escapes, and reads back as it was. */
#include "fuzz.h"

#include "../../src/form.h"

static int hex(unsigned char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Read one value back, checking its spelling; returns where it ends. */
static size_t read_back(const struct ent_buf *form, size_t at, const uint8_t *want, size_t n)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	size_t i;

	for (i = 0; i < n; i++, at++) {
		CHECK(at < form->len);
		if (form->data[at] == '%') {
			CHECK(at + 2 < form->len && hex(form->data[at + 1]) >= 0 &&
			      hex(form->data[at + 2]) >= 0);
			CHECK(hex(form->data[at + 1]) * 16 + hex(form->data[at + 2]) == want[i]);
			at += 2;
		} else {
			CHECK(form->data[at] == want[i] && want[i] != 0 && strchr(unreserved, want[i]));
		}
	}
	return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t cut = size > 0 ? data[0] % size : 0, at;
	const char *name = (const char *)data, *value = name + cut;
	struct ent_buf form = ENT_BUF_INIT(1 << 20), tight = ENT_BUF_INIT(64);
	struct ent_err err;
	size_t before;

	CHECK(ent_form_add(&form, name, cut, value, size - cut, &err) == 0);
	CHECK(ent_form_add(&form, value, size - cut, name, cut, &err) == 0);
	at = read_back(&form, 0, data, cut);
	CHECK(form.data[at] == '=');
	at = read_back(&form, at + 1, data + cut, size - cut);
	CHECK(form.data[at] == '&');
	at = read_back(&form, at + 1, data + cut, size - cut);
	CHECK(form.data[at] == '=');
	CHECK(read_back(&form, at + 1, data, cut) == form.len);

	/* Too much leaves what was there. */
	CHECK(ent_form_add(&tight, "a", 1, "b", 1, &err) == 0);
	before = tight.len;
	if (ent_form_add(&tight, name, cut, value, size - cut, &err) != 0)
		CHECK(tight.len == before && strcmp(err.code, "too_big") == 0);
	ent_buf_free(&form);
	ent_buf_free(&tight);
	return 0;
}
