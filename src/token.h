/*
 * What a reply of the token or device-code endpoint means: the rules of
 * RFC 6749 §5, RFC 8628 §3.2 and of Entra ID, as tables and pure functions.
 *
 * Calls neither libcurl nor Lua: http.c brings the reply, ljson.c its members,
 * and both ask here. Nothing allocates; every answer is a value.
 *
 * What a server says is an enemy's text until it went through here: messages
 * (struct ent_err) never hold any of it, details only in the shapes below.
 */
#ifndef ENT_TOKEN_H
#define ENT_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* ---- members of a reply ---- */

enum ent_kind {
	ENT_KIND_TEXT,    /* a string, any bytes */
	ENT_KIND_VISIBLE, /* printable ASCII without space, quote and backslash: fit for a header */
	ENT_KIND_PROSE,   /* text for people: ent_token_prose makes it one harmless line */
	ENT_KIND_WORD,    /* [A-Za-z_]{1,64} */
	ENT_KIND_TAG,     /* [A-Za-z0-9:. -]{1,64} */
	ENT_KIND_BEARER,  /* "Bearer", in any case */
	ENT_KIND_COUNT,   /* whole number from 0 to 2^53, also written as a string */
	ENT_KIND_CODES    /* array of such numbers */
};

struct ent_field {
	const char *name;  /* as the server calls it */
	const char *alias; /* also as the server calls it, or NULL */
	const char *as;    /* as Lua sees it */
	enum ent_kind kind;
	bool required;
};

struct ent_fields {
	const struct ent_field *list;
	size_t n;
};

extern const struct ent_fields ent_token_success;     /* a token */
extern const struct ent_fields ent_token_device_code; /* a device code */
extern const struct ent_fields ent_token_refusal;     /* an error reply; nothing in it is required */

/* Has a string this shape? Only for the kinds whose strings are passed on as they are. */
bool ent_token_shape(enum ent_kind kind, const char *text, size_t n);

/* Is x a whole number from 0 to 2^53? */
bool ent_token_is_count(double x);

/* The same, written in decimal digits. Fails by returning false, *out then 0. */
bool ent_token_read_count(const char *text, size_t n, double *out);

enum { ENT_TOKEN_PROSE = 400 }; /* bytes, without the NUL */

/*
 * The first line of what a server wrote, harmless to a terminal: control and
 * bidirectional-control characters and invalid UTF-8 become '?', and it is cut
 * at a character boundary. `out` is NUL-terminated. Returns its length.
 */
size_t ent_token_prose(const char *text, size_t n, char out[ENT_TOKEN_PROSE + 1]);

/* nnnn of a text that begins with "AADSTSnnnn", else 0. */
double ent_token_aadsts(const char *text);

enum { ENT_TOKEN_MEDIA = 64 };

/* The media type in a Content-Type header, lower case, parameters cut; "" if it is none. */
void ent_token_media(const char *header, char out[ENT_TOKEN_MEDIA]);

enum { ENT_TOKEN_HEADER = 96 };

/* Keep the value of the header line if it has this name; one that is too long counts as empty. */
void ent_token_header(const char *line, size_t n, const char *name, char out[ENT_TOKEN_HEADER]);

/* ---- why there is no reply ---- */

struct ent_break {
	const char *host;
	const char *trouble; /* libcurl's error buffer; may quote a certificate */
	const char *words;   /* libcurl's own words for `curl` */
	int curl;            /* the CURLcode; never CURLE_OK */
	int os;              /* errno of the failed connect, 0 if unknown */
	long proxy_status;   /* of the proxy's answer to CONNECT, 0 if there was none */
	bool late;           /* the deadline has passed */
	bool named;          /* the host's address was found */
	bool no_memory;      /* for the reply */
};

/* Say why the transfer failed, with one of the codes of ent_http_post; returns -1. */
int ent_token_broken(const struct ent_break *facts, struct ent_err *err);

/* ---- what the whole reply means ---- */

enum ent_body {
	ENT_BODY_EMPTY,
	ENT_BODY_OTHER, /* not JSON */
	ENT_BODY_JSON,  /* JSON, but no object */
	ENT_BODY_OBJECT
};

struct ent_facts {
	const char *host;
	const char *media; /* from ent_token_media */
	const char *error; /* the member `error`, if it is an ENT_KIND_WORD, else NULL */
	long status;
	enum ent_body body;
	bool has_error; /* there is a member `error`, of whatever type */
};

/*
 * 0: success, as far as status and body go; the fields are still to be checked. Otherwise the code is
 * "redirect"   3xx, which must not be followed with a secret
 * "throttled"  429, whatever the body says
 * "server"     5xx, whatever the body says, or an OAuth error that calls itself temporary
 * "oauth"      an OAuth error, also under status 200
 * "http"       any other status that is not 200
 * "garbled"    200 with anything but a JSON object
 */
int ent_token_judge(const struct ent_facts *facts, struct ent_err *err);

/* Say that this field is missing or malformed; returns -1. Code "token_type" for that field, else "garbled".
 */
int ent_token_blame(const struct ent_field *field, const char *host, struct ent_err *err);

/* ---- trying again ---- */

struct ent_attempt {
	const char *code; /* how the transfer failed, NULL when a reply came */
	long status;      /* of the reply */
	bool retry_after; /* the reply says when to come back */
	bool repeatable;  /* sending it twice does no harm (false: redeeming a code) */
};

/* May the request be sent once more, after a pause of about a second? */
bool ent_token_again(const struct ent_attempt *attempt);

#endif
