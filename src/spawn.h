/*
 * Other people's programs: a browser, a clipboard tool. No shell ever sees an argument.
 *
 * What they do not get from us:
 *  - descriptors: 0 is the input or /dev/null, 1 and 2 are /dev/null, the rest is closed;
 *  - signals: every disposition is the default, none is blocked;
 *  - secrets in the environment: a variable is left out if its name begins with AZURE_ or
 *    ENTRA_ (our own inputs and outputs, most of them secret, none of use to others), or
 *    is one of the four that hand a workload its credentials: ACTIONS_ID_TOKEN_REQUEST_TOKEN,
 *    IDENTITY_HEADER, MSI_SECRET, SYSTEM_ACCESSTOKEN. No guessing by words like TOKEN:
 *    desktops pass harmless tokens to the programs they start, which need them.
 * Working directory, umask and limits stay as they are.
 */
#ifndef ENT_SPAWN_H
#define ENT_SPAWN_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

enum { ENT_SPAWN_INPUT = 64 * 1024 }; /* bytes: what a pipe holds */

struct ent_spawn {
	/* Ends with NULL. [0] without a slash is looked for in our PATH, in its absolute entries only. */
	const char *const *argv;
	/* Ends with NULL; NULL: none. "NAME=value" sets a variable, the filter notwithstanding, "NAME" leaves
	 * one out. */
	const char *const *environment;

	/* Nobody waits for it: a session of its own, so that Ctrl-C here is nothing to it, and no child of
	 * ours, so that nobody has to bury it. Without input. */
	bool detach;

	/* Otherwise: bytes for its standard input, and how long it may take. It is killed when that is over.
	 */
	const void *input;
	size_t input_len;
	double seconds;
	int wake; /* see ent_clock_wait; -1: none */
};

/*
 * Run a program; without `detach` until it has ended well.
 * Fails with errno's name where it could not be started ("ENOENT": there is none), "status" where
 * it ended with another status than 0, "timeout", "interrupted", "too_big" (the input).
 * May be called in a process with threads. The text names argv[0] and no other argument.
 */
int ent_spawn(const struct ent_spawn *spawn, struct ent_err *err);

#endif
