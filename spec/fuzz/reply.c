/* What a server sends, before and beside its JSON: header lines, media types, numbers, words, prose. */
#include "fuzz.h"
#include "text.h"

#include "../../src/token.h"

static void read_numbers(const char *text, size_t n)
{
	double x;

	if (ent_token_read_count(text, n, &x)) {
		CHECK(n > 0 && ent_token_is_count(x) && x >= 0 && x <= 9007199254740992.0);
		CHECK(strspn(text, "0123456789") >= n);
	} else {
		CHECK(x == 0);
	}
	x = ent_token_aadsts(text);
	CHECK(ent_token_is_count(x));
	CHECK(x == 0 || strncmp(text, "AADSTS", 6) == 0);
}

static void read_header(const char *text, size_t n)
{
	char media[ENT_TOKEN_MEDIA], value[ENT_TOKEN_HEADER];
	size_t i;

	ent_token_media(text, media);
	CHECK(strlen(media) < sizeof media);
	for (i = 0; media[i]; i++)
		CHECK(media[i] > ' ' && media[i] != ';' && !(media[i] >= 'A' && media[i] <= 'Z'));
	memset(value, 'x', sizeof value);
	value[0] = '\0';
	ent_token_header(text, n, "Retry-After", value);
	CHECK(memchr(value, '\0', sizeof value));
}

static void judge(const char *text, const uint8_t *data, size_t size)
{
	static const char *const codes[] = {"redirect", "throttled", "server", "oauth", "http", "garbled"};
	struct ent_facts facts = {0};
	struct ent_err err;
	size_t i;

	facts.host = "login.example";
	facts.media = "application/json";
	facts.status = size > 1 ? 100 + (data[0] * 256 + data[1]) % 500 : 200;
	facts.body = (enum ent_body)(size > 2 ? data[2] % 4 : 0);
	facts.error = ent_token_shape(ENT_KIND_WORD, text, size) ? text : NULL;
	facts.has_error = facts.error != NULL;
	if (ent_token_judge(&facts, &err) == 0) {
		CHECK(facts.status == 200 && facts.body == ENT_BODY_OBJECT && !facts.has_error);
		return;
	}
	for (i = 0; i < sizeof codes / sizeof *codes; i++) {
		if (strcmp(err.code, codes[i]) == 0)
			return;
	}
	CHECK(!"a code that the header does not name");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char prose[ENT_TOKEN_PROSE + 1], *text = malloc(size + 1);
	enum ent_kind kind;
	size_t n;

	CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	read_numbers(text, strlen(text));
	read_header(text, strlen(text));
	judge(text, data, size);
	n = ent_token_prose(text, size, prose);
	CHECK(n <= ENT_TOKEN_PROSE && prose[n] == '\0' && is_harmless(prose, n));
	for (kind = ENT_KIND_VISIBLE; kind <= ENT_KIND_TAG; kind++) {
		if (kind != ENT_KIND_PROSE && ent_token_shape(kind, text, size))
			CHECK(is_harmless(text, size) && strlen(text) == size);
	}
	free(text);
	return 0;
}
