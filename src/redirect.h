/*
 * What comes back from a sign-in: the query of an authorization response (RFC
 * 6749 §4.1.2), read out of a request that anybody may have made.
 *
 * Pure functions over bytes, without allocation. There are no errors here: a query
 * is a response that can be understood, or it is nothing.
 */
#ifndef ENT_REDIRECT_H
#define ENT_REDIRECT_H

#include "request.h"

/* C strings, empty where the query does not have them. Holds secrets: wipe it. */
struct ent_redirect {
	char state[256];
	char code[8192];
	char client_info[4096];
	char iss[256];
	char error[128];
	char error_subcode[128];
	char error_description[2048];
};

struct ent_redirect_field {
	const char *name; /* in the query */
	size_t at;        /* in the struct */
	size_t room;
	/* For people: cleaned (text.h), on one line, cut where it is too long. All others are printable ASCII
	 * and whole. */
	bool prose;
};

enum { ENT_REDIRECT_FIELDS = 7 };
extern const struct ent_redirect_field ent_redirect_fields[ENT_REDIRECT_FIELDS];

/*
 * Read a query; names that are not listed above are ignored, as §4.1.2 asks.
 * false: a field comes twice (§3.1), does not fit, holds a malformed escape or a
 * byte it must not. A parameter without a value counts as left out (§3.1).
 */
bool ent_redirect_read(struct ent_slice query, struct ent_redirect *out);

/* Whether its state is this one, in a time that does not tell where they differ. The empty state never is. */
bool ent_redirect_has_state(const struct ent_redirect *redirect, const char *state, size_t n);

#endif
