#include "redirect.h"

#include <string.h>

#include "def.h"
#include "text.h"

#define FIELD(name, prose)                                                                                   \
	{                                                                                                    \
#name, offsetof(struct ent_redirect, name), sizeof((struct ent_redirect *)0)->name, prose    \
	}

const struct ent_redirect_field ent_redirect_fields[ENT_REDIRECT_FIELDS] = {
    FIELD(state, false), FIELD(code, false),         FIELD(client_info, false),      FIELD(iss, false),
    FIELD(error, true),  FIELD(error_subcode, true), FIELD(error_description, true),
};

static int hex(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/*
 * Undo application/x-www-form-urlencoded, as far as room reaches: what did not fit stays in *rest.
 * false: a malformed escape.
 */
static bool decode(struct ent_slice *rest, char *out, size_t room, size_t *len)
{
	for (*len = 0; *len < room && rest->len > 0; ++*len) {
		size_t width = *rest->at == '%' ? 3 : 1;
		int c = *rest->at == '+' ? ' ' : *rest->at;

		if (rest->len < width)
			return false;
		if (width == 3) {
			int high = hex((unsigned char)rest->at[1]), low = hex((unsigned char)rest->at[2]);

			if (high < 0 || low < 0)
				return false;
			c = high * 16 + low;
		}
		out[*len] = (char)c;
		rest->at += width;
		rest->len -= width;
	}
	return true;
}

static bool is_printable(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (s[i] < ' ' || s[i] > '~')
			return false;
	}
	return true;
}

/* Entra's descriptions have several lines, the later ones with the ids that support asks for. */
static size_t join_lines(char *s, size_t n)
{
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		if (s[i] != '\r')
			s[len++] = s[i] == '\n' ? ' ' : s[i];
	}
	return len;
}

static bool read_prose(struct ent_slice value, char *out, size_t room)
{
	char plain[4096];
	size_t n;

	if (!decode(&value, plain, sizeof plain, &n))
		return false;
	ent_text_clean(plain, join_lines(plain, n), out, room);
	return true;
}

static bool read_exact(struct ent_slice value, char *out, size_t room)
{
	size_t n;

	/* The last byte of out is the NUL that ent_redirect_read has put there. */
	return decode(&value, out, room - 1, &n) && value.len == 0 && is_printable(out, n);
}

static bool read_parameter(struct ent_slice name, struct ent_slice value, struct ent_redirect *out)
{
	size_t i;

	for (i = 0; i < ENT_REDIRECT_FIELDS; i++) {
		const struct ent_redirect_field *field = &ent_redirect_fields[i];
		char *to = (char *)out + field->at;

		if (value.len == 0 || !ent_slice_is(name, field->name))
			continue;
		if (*to != '\0')
			return false;
		return field->prose ? read_prose(value, to, field->room) : read_exact(value, to, field->room);
	}
	return true;
}

bool ent_redirect_read(struct ent_slice query, struct ent_redirect *out)
{
	struct ent_slice value, name;

	memset(out, 0, sizeof *out);
	while (query.len > 0) {
		ent_slice_cut(&query, '&', &value);
		ent_slice_cut(&value, '=', &name);
		if (!read_parameter(name, value, out))
			return false;
	}
	return true;
}

bool ent_redirect_has_state(const struct ent_redirect *redirect, const char *state, size_t n)
{
	volatile unsigned char differences = 0;
	size_t i;

	if (n == 0 || strlen(redirect->state) != n)
		return false;
	for (i = 0; i < n; i++)
		differences |= (unsigned char)(redirect->state[i] ^ state[i]);
	return differences == 0;
}
