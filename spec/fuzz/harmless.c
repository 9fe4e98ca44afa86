#include "text.h"

#include <stdint.h>

/* A reader of UTF-8 (RFC 3629) of its own, so that it does not share a mistake with the one under test. */
static size_t sequence(const uint8_t *s, size_t n, uint32_t *code)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	size_t length, i;

	for (length = 1; length <= 4; length++) {
		if ((s[0] & forms[length - 1].mask) == forms[length - 1].lead)
			break;
	}
	if (length > 4 || length > n)
		return 0;
	*code = s[0] & (uint8_t)~forms[length - 1].mask;
	for (i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < forms[length - 1].least || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return length;
}

bool is_harmless(const char *text, size_t n)
{
	const uint8_t *s = (const uint8_t *)text;
	size_t used;
	uint32_t c;

	for (; n > 0; s += used, n -= used) {
		used = sequence(s, n, &c);
		if (used == 0 || c < 0x20 || (c >= 0x7f && c <= 0x9f))
			return false;
		if (c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
		    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff)
			return false;
	}
	return true;
}
