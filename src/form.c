#include "form.h"

#include <stdbool.h>

static bool is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == '_' || c == '~';
}

static size_t encoded_len(const char *bytes, size_t n)
{
	size_t len = n, i;

	for (i = 0; i < n; i++)
		len += is_unreserved((unsigned char)bytes[i]) ? 0 : 2;
	return len;
}

static unsigned char *encode(const char *bytes, size_t n, unsigned char *to)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (is_unreserved(c)) {
			*to++ = c;
			continue;
		}
		*to++ = '%';
		*to++ = (unsigned char)hex[c >> 4];
		*to++ = (unsigned char)hex[c & 15];
	}
	return to;
}

int ent_form_add(struct ent_buf *out, const char *name, size_t name_len, const char *value, size_t value_len,
                 struct ent_err *err)
{
	size_t need = 2 + encoded_len(name, name_len) + encoded_len(value, value_len);
	unsigned char *at = ent_buf_grow(out, need, err);

	if (!at)
		return -1;
	if (out->len > 0)
		*at++ = '&';
	at = encode(name, name_len, at);
	*at++ = '=';
	at = encode(value, value_len, at);
	*at = '\0';
	out->len = (size_t)(at - out->data);
	return 0;
}
