/* Whatever comes in, what comes out is harmless, fits, and what was harmless stays as it is. */
#include "fuzz.h"
#include "text.h"

#include "../../src/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	char out[512], small[8];
	size_t n = ent_text_clean(text, size, out, sizeof out), line;

	CHECK(n < sizeof out && out[n] == '\0');
	CHECK(is_harmless(out, n));
	CHECK(strlen(out) == n);
	if (size < sizeof out && is_harmless(text, size))
		CHECK(n == size && memcmp(out, text, n) == 0);
	for (line = 0; line < size && text[line] != '\n' && text[line] != '\r'; line++)
		continue;
	CHECK(n <= line);

	n = ent_text_clean(text, size, small, sizeof small);
	CHECK(n < sizeof small && small[n] == '\0' && is_harmless(small, n));
	return 0;
}
