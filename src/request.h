/*
 * The head of an HTTP/1 request (RFC 9112): where it ends and what it says.
 *
 * Strict on purpose, for one kind of client, a browser following a redirect:
 * CRLF and nothing else ends a line, one Host, a target that begins with "/".
 * Pure functions over bytes: they allocate nothing, keep nothing and know
 * nothing of sockets. The slices they hand out point into the bytes given.
 */
#ifndef ENT_REQUEST_H
#define ENT_REQUEST_H

#include "slice.h"

struct ent_request {
	struct ent_slice method;
	struct ent_slice path;  /* as sent, still percent-encoded, without the query */
	struct ent_slice query; /* behind the "?", empty where there is none */
	struct ent_slice host;  /* the value of the Host header */
};

enum ent_request_end { ENT_REQUEST_PART, ENT_REQUEST_WHOLE, ENT_REQUEST_BAD };

/*
 * Look for the empty line that ends the head. *scanned is where the last call
 * stopped, 0 at first, so that each byte is looked at once however slowly it
 * comes; after ENT_REQUEST_WHOLE it is the head's length. Bytes that no head can
 * hold are BAD as soon as they are seen.
 */
enum ent_request_end ent_request_end(const char *bytes, size_t n, size_t *scanned);

/* Read a whole head of n bytes. false: it is not one that we understand. */
bool ent_request_parse(const char *head, size_t n, struct ent_request *out);

/*
 * Whether Host names this machine's loopback and this port. A page of a foreign
 * site whose name was made to point to 127.0.0.1 (DNS rebinding) sends that name.
 */
bool ent_request_is_for(const struct ent_request *request, int port);

#endif
