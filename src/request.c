#include "request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "def.h"

static bool is_control(unsigned char c)
{
	return c < ' ' || c == 0x7f;
}

enum ent_request_end ent_request_end(const char *bytes, size_t n, size_t *scanned)
{
	size_t i;

	for (i = *scanned; i < n; i++) {
		unsigned char c = (unsigned char)bytes[i];
		bool after_cr = i > 0 && bytes[i - 1] == '\r';

		*scanned = i + 1;
		if (after_cr != (c == '\n'))
			return ENT_REQUEST_BAD;
		if (c == '\n' && i >= 3 && memcmp(bytes + i - 3, "\r\n\r\n", 4) == 0)
			return ENT_REQUEST_WHOLE;
		if (is_control(c) && c != '\r' && c != '\n' && c != '\t')
			return ENT_REQUEST_BAD;
	}
	return ENT_REQUEST_PART;
}

static bool cut_line(struct ent_slice *rest, struct ent_slice *line)
{
	if (!ent_slice_cut(rest, '\n', line) || line->len == 0 || line->at[line->len - 1] != '\r')
		return false;
	line->len--;
	return true;
}

/* RFC 9110 §5.6.2 */
static bool is_token(struct ent_slice s)
{
	static const char allowed[] = "!#$%&'*+-.^_`|~0123456789"
	                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (!memchr(allowed, s.at[i], sizeof allowed - 1))
			return false;
	}
	return s.len > 0;
}

/* A target in origin form, of visible ASCII. */
static bool is_target(struct ent_slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];

		if (c <= ' ' || c >= 0x7f || c == '#')
			return false;
	}
	return s.len > 0 && s.at[0] == '/';
}

static bool is_http_1(struct ent_slice s)
{
	return s.len == 8 && memcmp(s.at, "HTTP/1.", 7) == 0 && s.at[7] >= '0' && s.at[7] <= '9';
}

static bool read_request_line(struct ent_slice line, struct ent_request *out)
{
	struct ent_slice target;

	if (!ent_slice_cut(&line, ' ', &out->method) || !ent_slice_cut(&line, ' ', &target))
		return false;
	if (!is_token(out->method) || !is_target(target) || !is_http_1(line))
		return false;
	ent_slice_cut(&target, '?', &out->path);
	out->query = target;
	return true;
}

static struct ent_slice trim(struct ent_slice s)
{
	while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
		s.at++;
		s.len--;
	}
	while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
		s.len--;
	return s;
}

bool ent_request_parse(const char *head, size_t n, struct ent_request *out)
{
	struct ent_slice rest = {head, n}, line, name;
	int hosts = 0;

	memset(out, 0, sizeof *out);
	if (!cut_line(&rest, &line) || !read_request_line(line, out))
		return false;
	while (cut_line(&rest, &line)) {
		if (line.len == 0) /* the line that ends the head */
			return hosts == 1;
		/* A folded line and a space before the colon make no name. */
		if (!ent_slice_cut(&line, ':', &name) || !is_token(name))
			return false;
		if (name.len == 4 && strncasecmp(name.at, "Host", 4) == 0) {
			out->host = trim(line);
			hosts++;
		}
	}
	return false;
}

bool ent_request_is_for(const struct ent_request *request, int port)
{
	static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
	char behind[16];
	size_t i;

	snprintf(behind, sizeof behind, ":%d", port);
	for (i = 0; i < ENT_COUNT(names); i++) {
		struct ent_slice rest = request->host;
		size_t n = strlen(names[i]);

		if (rest.len < n || strncasecmp(rest.at, names[i], n) != 0)
			continue;
		rest.at += n;
		rest.len -= n;
		/* The port that http has by default is left out (RFC 9110 §4.2.1). */
		if (ent_slice_is(rest, behind) || (rest.len == 0 && port == 80))
			return true;
	}
	return false;
}
