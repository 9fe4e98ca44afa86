#include "jwt.h"

#include <string.h>

#include "base64.h"

static size_t count_parts(const char *text, size_t n)
{
	size_t parts = 1, i;

	for (i = 0; i < n; i++)
		parts += text[i] == '.';
	return parts;
}

int ent_jwt_split(const char *text, size_t n, struct ent_jwt *jwt, struct ent_err *err)
{
	const char *end = text + n, *payload, *signature;
	size_t parts = count_parts(text, n);

	jwt->signature = NULL;
	jwt->signature_len = 0;
	if (parts != 3)
		return ent_err_set(err, "parts", "a JWT has three parts, this has %zu", parts);
	payload = (const char *)memchr(text, '.', n) + 1;
	signature = (const char *)memchr(payload, '.', (size_t)(end - payload)) + 1;
	if (ent_base64url_decode(text, (size_t)(payload - 1 - text), jwt->header, err) != 0)
		return -1;
	if (ent_base64url_decode(payload, (size_t)(signature - 1 - payload), jwt->payload, err) != 0)
		return -1;
	jwt->signature = signature;
	jwt->signature_len = (size_t)(end - signature);
	return 0;
}
