/*
 * One HTTPS POST with a form, with the caution that secrets ask for: TLS 1.2
 * or later with verification, no redirects, no cookies, no netrc, a ceiling
 * on what comes back, one deadline for everything, and an interrupt that ends
 * it at once. Proxies are taken from the environment by libcurl itself.
 *
 * The only file that calls libcurl. It does not read the reply's body (token.h
 * does), does not call Lua, starts no thread of its own and catches no signal;
 * SIGPIPE is held back from the calling thread while libcurl works.
 *
 * Owner: whoever declared the struct; ent_http_init first, ent_http_free last.
 * Not to be moved in between, nor used by two threads at once or after fork().
 * Everything a request needs is kept in here, so that nothing leaks if its
 * preparation is given up half-way.
 *
 * What is secret (form, reply) is wiped here; libcurl's and OpenSSL's own
 * buffers hold copies that nobody outside can wipe.
 */
#ifndef ENT_HTTP_H
#define ENT_HTTP_H

#include <stdbool.h>

#include "buf.h"
#include "token.h"

enum { ENT_HTTP_MOST = 1024 * 1024 }; /* bytes of a form, of a reply and of its headers */

struct curl_slist;

struct ent_http_reply {
	long status;
	double seconds;     /* how long the transfer took, earlier attempts and pauses left out */
	double date;        /* the server's clock: seconds since 1970, -1 if it did not say */
	double retry_after; /* seconds, 0 to 3600, -1 if it did not say */
	char media[ENT_TOKEN_MEDIA];
	struct ent_buf body;
};

enum ent_http_header { ENT_HTTP_DATE, ENT_HTTP_RETRY_AFTER, ENT_HTTP_CONTENT_TYPE, ENT_HTTP_HEADERS };

struct ent_http {
	struct ent_buf form; /* to be filled with ent_form_add before each post */
	struct ent_http_reply reply;
	char host[256]; /* of the request, for messages */

	/* The rest is http.c's own. */
	struct ent_buf user_agent, ca_file, ca_path;
	struct curl_slist *headers;
	void *easy, *multi;
	size_t head;         /* bytes of headers that came in */
	struct ent_err sink; /* why the reply was refused while it came in */
	char seen[ENT_HTTP_HEADERS][ENT_TOKEN_HEADER];
	char trouble[256]; /* what libcurl says about a failure */
};

struct ent_http_request {
	const char *url;
	double timeout;         /* seconds for everything: names, connecting, retries, pauses */
	double connect_timeout; /* seconds for names, TCP and TLS of one attempt */
	int wake;               /* a descriptor whose becoming readable ends it, or -1; not read from */
	bool repeatable;        /* sending it twice does no harm */
	bool retry;             /* try a second time where ent_token_again allows it */
};

/* Make an empty client; allocates nothing. */
void ent_http_init(struct ent_http *http);

/*
 * Set the User-Agent and what to trust; each is copied, each may be NULL. A CA
 * file or a folder of hashed CA certificates replaces the default trust. Without
 * them a folder is preferred to the bundle: it costs 0.006 ms instead of 15.9.
 */
int ent_http_configure(struct ent_http *http, const char *user_agent, const char *ca_file,
                       const char *ca_path, struct ent_err *err);

/* Forget the last request and reply, wiping them; connections are kept. */
void ent_http_clear(struct ent_http *http);

/* Add a line "Name: value", without line breaks, to the next request. */
int ent_http_add_header(struct ent_http *http, const char *line, struct ent_err *err);

/*
 * POST the form, at most twice, and fill `reply`: 0 for any whole reply, whatever
 * its status. Form and headers are wiped in any case. The codes of a failure:
 * "url"          not an https URL, or one with a user name in it
 * "interrupted"  by the wake descriptor
 * "timeout"      the deadline
 * "resolve"      no address for the host
 * "connect"      no connection, or no TLS handshake in time: nothing was sent
 * "proxy"        the proxy from the environment would not do it
 * "tls"          not to be trusted, or no common version
 * "transfer"     the connection broke; the server may have acted on the request
 * "too_big"      the reply is larger than ENT_HTTP_MOST
 * "ENOMEM"
 * The client is as good as new after each of them.
 */
int ent_http_post(struct ent_http *http, const struct ent_http_request *request, struct ent_err *err);

/* Wipe and release everything; what is left is an empty client. Works on zeroed memory too. */
void ent_http_free(struct ent_http *http);

/* "libcurl/7.88.1 …": the library in use, not the one compiled against. */
const char *ent_http_version(void);

#endif
