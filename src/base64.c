#include "base64.h"

#include <stdint.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int ent_base64url_encode(const void *bytes, size_t n, struct ent_buf *out, struct ent_err *err)
{
	const unsigned char *in = bytes;
	size_t whole = n / 3, rest = n % 3, i;
	unsigned char *to;

	if (n > out->ceiling)
		return ent_err_set(err, "too_big", "more than %zu bytes", out->ceiling);
	to = ent_buf_grow(out, whole * 4 + (rest ? rest + 1 : 0), err);
	if (!to)
		return -1;
	for (i = 0; i < whole; i++, in += 3) {
		*to++ = (unsigned char)alphabet[in[0] >> 2];
		*to++ = (unsigned char)alphabet[(in[0] & 3) << 4 | in[1] >> 4];
		*to++ = (unsigned char)alphabet[(in[1] & 15) << 2 | in[2] >> 6];
		*to++ = (unsigned char)alphabet[in[2] & 63];
	}
	if (rest > 0) {
		unsigned second = rest == 2 ? in[1] : 0;

		*to++ = (unsigned char)alphabet[in[0] >> 2];
		*to++ = (unsigned char)alphabet[(in[0] & 3u) << 4 | second >> 4];
		if (rest == 2)
			*to++ = (unsigned char)alphabet[(second & 15) << 2];
	}
	*to = '\0';
	out->len = (size_t)(to - out->data);
	return 0;
}

/* The six bits a character stands for, or -1. Not table-driven by address: secrets pass here. */
static int sextet(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int ent_base64url_decode(const char *text, size_t n, struct ent_buf *out, struct ent_err *err)
{
	unsigned char *to = ent_buf_grow(out, n / 4 * 3 + 2, err);
	uint32_t bits = 0;
	unsigned held = 0; /* bits waiting in `bits` */
	size_t i;

	if (!to)
		return -1;
	for (i = 0; i < n; i++) {
		int six = sextet((unsigned char)text[i]);

		if (six < 0)
			return ent_err_set(err, "base64", "not base64url: foreign character at %zu", i + 1);
		bits = (bits << 6 | (uint32_t)six) & 0xffff;
		held += 6;
		if (held >= 8) {
			held -= 8;
			*to++ = (unsigned char)(bits >> held);
		}
	}
	if (held == 6 || (bits & ((1u << held) - 1)) != 0)
		return ent_err_set(err, "base64", "not base64url: cut short");
	*to = '\0';
	out->len = (size_t)(to - out->data);
	return 0;
}
