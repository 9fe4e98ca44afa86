#include "text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Decode the character at s; returns its length, 0 where it is not UTF-8 (RFC 3629). */
static size_t decode(const unsigned char *s, size_t n, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = *s < 0x80 ? 1 : *s >> 5 == 6 ? 2 : *s >> 4 == 14 ? 3 : *s >> 3 == 30 ? 4 : 0;
	size_t i;

	if (len == 0 || len > n)
		return 0;
	*c = len == 1 ? *s : *s & (0x7fu >> len);
	for (i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		*c = *c << 6 | (s[i] & 0x3fu);
	}
	if (*c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return len;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

size_t ent_text_clean(const char *text, size_t n, char *out, size_t room)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t at = 0, len = 0;

	while (at < n && s[at] != '\r' && s[at] != '\n') {
		uint32_t c = 0;
		size_t width = decode(s + at, n - at, &c);
		bool good = width > 0 && !is_control(c);

		if (len + (good ? width : 1) >= room)
			break;
		if (good)
			memcpy(out + len, s + at, width);
		else
			out[len] = '?';
		len += good ? width : 1;
		at += width > 0 ? width : 1;
	}
	out[len] = '\0';
	return len;
}
