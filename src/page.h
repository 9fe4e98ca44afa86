/*
 * What a browser is told when it comes back from a sign-in: whole HTTP replies.
 *
 * Every byte is written down here. Nothing that came from a request or a server is ever
 * part of a page, so there is nothing to escape; no scripts, no links, nothing to load.
 */
#ifndef ENT_PAGE_H
#define ENT_PAGE_H

#include "slice.h"
#include "buf.h"

enum ent_page {
	ENT_PAGE_SIGNED_IN, /* 200 */
	ENT_PAGE_REFUSED,   /* 200: the redirect was in order, what it says is not */
	ENT_PAGE_STRAY,     /* 400: not the sign-in that is waited for */
	ENT_PAGE_NOT_FOUND, /* 404 */
	ENT_PAGE_METHOD,    /* 405 */
	ENT_PAGE_TOO_BIG,   /* 431 */
};

enum { ENT_PAGE_MOST = 4096 }; /* bytes of a reply */

/* Append the reply, its header alone where with_body is false (HEAD). */
int ent_page_write(enum ent_page page, bool with_body, struct ent_buf *out, struct ent_err *err);

#endif
