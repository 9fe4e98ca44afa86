/*
 * How a C function says why it failed.
 *
 * A fallible function takes `struct ent_err *err` last, returns 0 or -1 and
 * fills `err` exactly when it returns -1. Nothing here allocates, so an error
 * can be reported when memory is short. The text never holds a secret: callers
 * put in names of files and settings, never their contents.
 */
#ifndef ENT_ERR_H
#define ENT_ERR_H

#include "def.h"

struct ent_err {
	const char *code; /* static string, for programs: "ENOENT", "timeout", … */
	char text[512];   /* one sentence without a full stop, for people */
};

/* Fill err and return -1, so that `return ent_err_set(…)` is the whole story. */
int ent_err_set(struct ent_err *err, const char *code, const char *fmt, ...) ENT_PRINTF(3, 4);

/*
 * The same for a failed system call: code is errno's name, and the text ends
 * with what it means. Takes errno as a value because formatting may change it.
 */
int ent_err_sys(struct ent_err *err, int errnum, const char *fmt, ...) ENT_PRINTF(3, 4);

#endif
