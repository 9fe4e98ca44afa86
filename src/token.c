#include "token.h"

#include <curl/curl.h> /* the numbers of its errors; nothing of it is called */
#include <string.h>
#include <strings.h>

#include "text.h"

/* ---- members of a reply ---- */

/* token_type first: that a token is of a kind we cannot use matters more than its looks. */
static const struct ent_field success[] = {
    {"token_type", NULL, "token_type", ENT_KIND_BEARER, true},
    {"access_token", NULL, "access_token", ENT_KIND_VISIBLE, true},
    {"expires_in", NULL, "expires_in", ENT_KIND_COUNT, false},
    {"ext_expires_in", NULL, "ext_expires_in", ENT_KIND_COUNT, false},
    {"refresh_in", NULL, "refresh_in", ENT_KIND_COUNT, false},
    {"expires_on", NULL, "expires_on", ENT_KIND_COUNT, false},
    {"scope", NULL, "scope", ENT_KIND_TEXT, false},
    {"refresh_token", NULL, "refresh_token", ENT_KIND_TEXT, false},
    {"id_token", NULL, "id_token", ENT_KIND_TEXT, false},
    {"client_info", NULL, "client_info", ENT_KIND_TEXT, false},
};

/* What a person is shown must not steer a terminal: hence VISIBLE and PROSE. */
static const struct ent_field device_code[] = {
    {"device_code", NULL, "device_code", ENT_KIND_TEXT, true},
    {"user_code", NULL, "user_code", ENT_KIND_VISIBLE, true},
    {"verification_uri", "verification_url", "verification_uri", ENT_KIND_VISIBLE, true},
    {"expires_in", NULL, "expires_in", ENT_KIND_COUNT, true},
    {"interval", NULL, "interval", ENT_KIND_COUNT, false},
    {"message", NULL, "message", ENT_KIND_PROSE, false},
};

static const struct ent_field refusal[] = {
    {"error", NULL, "error", ENT_KIND_WORD, false},
    {"suberror", NULL, "suberror", ENT_KIND_WORD, false},
    {"error_description", NULL, "description", ENT_KIND_PROSE, false},
    {"error_codes", NULL, "error_codes", ENT_KIND_CODES, false},
    {"correlation_id", NULL, "correlation_id", ENT_KIND_TAG, false},
    {"trace_id", NULL, "trace_id", ENT_KIND_TAG, false},
    {"timestamp", NULL, "timestamp", ENT_KIND_TAG, false},
    {"claims", NULL, "claims", ENT_KIND_TEXT, false},
    {"interval", NULL, "interval", ENT_KIND_COUNT, false},
};

const struct ent_fields ent_token_success = {success, ENT_COUNT(success)};
const struct ent_fields ent_token_device_code = {device_code, ENT_COUNT(device_code)};
const struct ent_fields ent_token_refusal = {refusal, ENT_COUNT(refusal)};

/* ---- shapes ---- */

enum { WORD_MAX = 64 };

static bool is_letter(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool any(unsigned char c)
{
	(void)c;
	return true;
}

static bool in_visible(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\';
}

static bool in_word(unsigned char c)
{
	return is_letter(c) || c == '_';
}

static bool in_tag(unsigned char c)
{
	return is_letter(c) || is_digit(c) || c == ':' || c == '.' || c == ' ' || c == '-';
}

bool ent_token_shape(enum ent_kind kind, const char *text, size_t n)
{
	static const struct {
		bool (*allows)(unsigned char c);
		size_t most;
	} shapes[] = {
	    [ENT_KIND_TEXT] = {any, (size_t)-1},
	    [ENT_KIND_VISIBLE] = {in_visible, (size_t)-1},
	    [ENT_KIND_WORD] = {in_word, WORD_MAX},
	    [ENT_KIND_TAG] = {in_tag, WORD_MAX},
	};
	size_t i;

	if (kind == ENT_KIND_BEARER)
		return n == 6 && strncasecmp(text, "Bearer", 6) == 0;
	if ((size_t)kind >= ENT_COUNT(shapes) || !shapes[kind].allows || n == 0 || n > shapes[kind].most)
		return false;
	for (i = 0; i < n; i++) {
		if (!shapes[kind].allows((unsigned char)text[i]))
			return false;
	}
	return true;
}

#define COUNT_MAX 9007199254740992.0 /* 2^53: up to here a double is exact */

bool ent_token_is_count(double x)
{
	/* The first comparison is false for NaN too, and the cast is defined after it. */
	return x >= 0 && x <= COUNT_MAX && (double)(long long)x == x;
}

bool ent_token_read_count(const char *text, size_t n, double *out)
{
	double x = 0;
	size_t i;

	*out = 0;
	if (n == 0 || n > 16) /* 2^53 has 16 digits */
		return false;
	for (i = 0; i < n; i++) {
		if (!is_digit((unsigned char)text[i]))
			return false;
		x = x * 10 + (text[i] - '0');
	}
	if (!ent_token_is_count(x))
		return false;
	*out = x;
	return true;
}

size_t ent_token_prose(const char *text, size_t n, char out[ENT_TOKEN_PROSE + 1])
{
	return ent_text_clean(text, n, out, ENT_TOKEN_PROSE + 1);
}

double ent_token_aadsts(const char *text)
{
	double number;
	size_t digits;

	if (strncmp(text, "AADSTS", 6) != 0)
		return 0;
	digits = strspn(text + 6, "0123456789");
	return ent_token_read_count(text + 6, digits, &number) ? number : 0;
}

void ent_token_media(const char *header, char out[ENT_TOKEN_MEDIA])
{
	size_t n = strcspn(header, "; \t"), i;

	out[0] = '\0';
	if (n >= ENT_TOKEN_MEDIA)
		return;
	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)header[i];

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c + ('a' - 'A'));
		if (!is_letter(c) && !is_digit(c) && !strchr("/.+-", c)) {
			out[0] = '\0';
			return;
		}
		out[i] = (char)c;
	}
	out[n] = '\0';
}

void ent_token_header(const char *line, size_t n, const char *name, char out[ENT_TOKEN_HEADER])
{
	size_t skip = strlen(name);

	if (n <= skip || line[skip] != ':' || strncasecmp(line, name, skip) != 0)
		return;
	line += skip + 1;
	n -= skip + 1;
	while (n > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		n--;
	}
	while (n > 0 && strchr(" \t\r\n", line[n - 1]))
		n--;
	n = n < ENT_TOKEN_HEADER ? n : 0;
	memcpy(out, line, n);
	out[n] = '\0';
}

/* ---- why there is no reply ---- */

/* Lower case at the start unless it is an abbreviation, no full stop at the end, nothing harmful. */
static void tidy(const char *text, char out[ENT_TOKEN_PROSE + 1])
{
	static const char *const noise[] = {"SSL certificate problem: ", "SSL: "};
	size_t i, n;

	for (i = 0; i < ENT_COUNT(noise); i++) {
		if (strncmp(text, noise[i], strlen(noise[i])) == 0)
			text += strlen(noise[i]);
	}
	n = ent_token_prose(text, strlen(text), out);
	while (n > 0 && (out[n - 1] == '.' || out[n - 1] == ' '))
		out[--n] = '\0';
	if (strncmp(out, "OpenSSL", 7) == 0)
		return;
	if (n > 1 && out[0] >= 'A' && out[0] <= 'Z' && out[1] >= 'a' && out[1] <= 'z')
		out[0] = (char)(out[0] + ('a' - 'A'));
}

static int say_tls(const struct ent_break *facts, struct ent_err *err)
{
	/* A handshake that the network cut off is no verdict about the certificate. */
	static const char *const cut[] = {"SSL_ERROR_SYSCALL", "reset by peer", "unexpected eof"};
	const char *host = facts->host;
	char text[ENT_TOKEN_PROSE + 1];
	size_t i;

	for (i = 0; facts->curl == CURLE_SSL_CONNECT_ERROR && i < ENT_COUNT(cut); i++) {
		if (strstr(facts->trouble, cut[i]))
			return ent_err_set(err, "connect", "%s broke off the TLS handshake", host);
	}
	tidy(facts->trouble[0] != '\0' ? facts->trouble : facts->words, text);
	return ent_err_set(err, "tls", "no trusted connection to %s: %s", host, text);
}

/* Only the text tells whether it was the proxy that could not be reached, or not be spoken to. */
static bool is_proxy_unreachable(const struct ent_break *facts)
{
	static const char start[] = "Failed to connect to ";
	const char *named = facts->trouble + sizeof start - 1;
	size_t n = strlen(facts->host);

	if (strncmp(facts->trouble, start, sizeof start - 1) == 0)
		return strncasecmp(named, facts->host, n) != 0 || named[n] != ' ';
	return strncmp(facts->trouble, "Unsupported proxy", 17) == 0;
}

static int say_connect(const struct ent_break *facts, struct ent_err *err)
{
	bool proxy = is_proxy_unreachable(facts);
	const char *to = proxy ? "the proxy for " : "";

	if (facts->os != 0)
		ent_err_sys(err, facts->os, "cannot connect to %s%s", to, facts->host);
	else
		ent_err_set(err, "connect", "cannot connect to %s%s", to, facts->host);
	err->code = proxy ? "proxy" : "connect";
	return -1;
}

static int say_timeout(const struct ent_break *facts, struct ent_err *err)
{
	if (facts->late)
		return ent_err_set(err, "timeout", "%s did not answer in time", facts->host);
	if (!facts->named)
		return ent_err_set(err, "resolve", "no address for %s was found in time", facts->host);
	return ent_err_set(err, "connect", "no connection to %s was made in time", facts->host);
}

static int say_other(const struct ent_break *facts, struct ent_err *err)
{
	char text[ENT_TOKEN_PROSE + 1];

	/* Not libcurl's error buffer: it may quote what the server sent. */
	tidy(facts->words, text);
	return ent_err_set(err, "transfer", "the exchange with %s broke off: %s", facts->host, text);
}

int ent_token_broken(const struct ent_break *facts, struct ent_err *err)
{
	const char *host = facts->host;

	if (facts->no_memory || facts->curl == CURLE_OUT_OF_MEMORY)
		return ent_err_set(err, "ENOMEM", "out of memory");
	if (facts->proxy_status >= 300)
		return ent_err_set(err, "proxy", "the proxy refused a connection to %s (status %ld)", host,
		                   facts->proxy_status);
	switch (facts->curl) {
	case CURLE_OPERATION_TIMEDOUT:
		return say_timeout(facts, err);
	case CURLE_COULDNT_RESOLVE_HOST:
		return ent_err_set(err, "resolve", "no address for %s was found", host);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return ent_err_set(err, "proxy", "no address for the proxy for %s was found", host);
	case CURLE_COULDNT_CONNECT:
		return say_connect(facts, err);
	case CURLE_WRITE_ERROR: /* our own refusal */
	case CURLE_FILESIZE_EXCEEDED:
		return ent_err_set(err, "too_big", "%s answered with more than 1 MiB", host);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_ENGINE_INITFAILED:
		return say_tls(facts, err);
	default:
		return say_other(facts, err);
	}
}

/* ---- what the whole reply means ---- */

static bool is_temporary(const char *error)
{
	return strcasecmp(error, "temporarily_unavailable") == 0 || strcasecmp(error, "server_error") == 0;
}

static int say_garbled(const struct ent_facts *facts, struct ent_err *err)
{
	const char *what = "something other than JSON";

	if (facts->body == ENT_BODY_OBJECT)
		what = "an error that is not one of OAuth";
	else if (facts->body == ENT_BODY_JSON)
		what = "JSON that is not an object";
	else if (facts->body == ENT_BODY_EMPTY)
		what = "an empty body";
	else if (strstr(facts->media, "json"))
		what = "malformed JSON";
	else if (facts->media[0] != '\0')
		return ent_err_set(err, "garbled", "%s answered with %s instead of JSON", facts->host,
		                   facts->media);
	return ent_err_set(err, "garbled", "%s answered with %s", facts->host, what);
}

int ent_token_judge(const struct ent_facts *facts, struct ent_err *err)
{
	const char *host = facts->host;
	long status = facts->status;

	if (status >= 300 && status < 400)
		return ent_err_set(err, "redirect", "%s answered with a redirect (status %ld)", host, status);
	if (status == 429)
		return ent_err_set(err, "throttled", "%s asks for fewer requests (status 429)", host);
	if (status >= 500)
		return ent_err_set(err, "server", "%s is in trouble (status %ld)", host, status);
	if (facts->error && is_temporary(facts->error))
		return ent_err_set(err, "server", "%s is temporarily unavailable (status %ld)", host, status);
	if (facts->error)
		return ent_err_set(err, "oauth", "%s refused the request (status %ld)", host, status);
	if (status != 200)
		return ent_err_set(err, "http", "%s answered with status %ld", host, status);
	if (facts->body != ENT_BODY_OBJECT || facts->has_error)
		return say_garbled(facts, err);
	return 0;
}

int ent_token_blame(const struct ent_field *field, const char *host, struct ent_err *err)
{
	if (field->kind == ENT_KIND_BEARER)
		return ent_err_set(err, "token_type", "%s gave a token that is not a bearer token", host);
	return ent_err_set(err, "garbled", "%s answered with a missing or malformed %s", host, field->name);
}

/* ---- trying again ---- */

bool ent_token_again(const struct ent_attempt *attempt)
{
	if (!attempt->code)
		return attempt->status >= 500 && !attempt->retry_after && attempt->repeatable;
	/* These two happen before a byte of the request is sent. */
	if (strcmp(attempt->code, "resolve") == 0 || strcmp(attempt->code, "connect") == 0)
		return true;
	return strcmp(attempt->code, "transfer") == 0 && attempt->repeatable;
}
