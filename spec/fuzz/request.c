/* What a browser, or anybody else, sends to the loopback listener. */
#include "fuzz.h"
#include "text.h"

#include "../../src/redirect.h"

static void check_redirect(const struct ent_redirect *redirect)
{
	size_t i, j;

	for (i = 0; i < ENT_REDIRECT_FIELDS; i++) {
		const struct ent_redirect_field *field = &ent_redirect_fields[i];
		const char *value = (const char *)redirect + field->at;
		size_t n = strnlen(value, field->room);

		CHECK(n < field->room);
		if (field->prose)
			CHECK(is_harmless(value, n));
		for (j = 0; !field->prose && j < n; j++)
			CHECK(value[j] >= ' ' && value[j] < 0x7f);
	}
}

static void check_inside(struct ent_slice slice, const char *head, size_t n)
{
	CHECK(slice.len == 0 || (slice.at >= head && slice.at + slice.len <= head + n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *head = (const char *)data;
	struct ent_request request;
	struct ent_redirect redirect;
	struct ent_slice query = {head, size};
	size_t scanned = 0, slowly = 0, i;
	enum ent_request_end end = ent_request_end(head, size, &scanned), piecewise = ENT_REQUEST_PART;

	/* Byte by byte it is the same as at once. */
	for (i = 1; i <= size && piecewise == ENT_REQUEST_PART; i++)
		piecewise = ent_request_end(head, i, &slowly);
	if (size > 0)
		CHECK(piecewise == end && (end != ENT_REQUEST_WHOLE || slowly == scanned));
	if (end == ENT_REQUEST_WHOLE && ent_request_parse(head, scanned, &request)) {
		check_inside(request.method, head, scanned);
		check_inside(request.path, head, scanned);
		check_inside(request.query, head, scanned);
		check_inside(request.host, head, scanned);
		(void)ent_request_is_for(&request, 51703);
		if (ent_redirect_read(request.query, &redirect))
			check_redirect(&redirect);
	}
	if (ent_redirect_read(query, &redirect)) {
		check_redirect(&redirect);
		CHECK(!ent_redirect_has_state(&redirect, "", 0));
	}
	return 0;
}
