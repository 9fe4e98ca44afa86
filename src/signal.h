/*
 * Ctrl-C done properly: a signal is noted, waits end early, things are cleaned
 * up, and then the process dies of that very signal, so that a shell's loop stops too.
 *
 * For a program's main thread (the CLI), never for a library's host.
 */
#ifndef ENT_SIGNAL_H
#define ENT_SIGNAL_H

#include "err.h"

/*
 * From now on note SIGINT and SIGTERM, where they are not ignored, instead of
 * dying. Returns a descriptor that becomes and stays readable once one came,
 * or -1. A second call returns the same descriptor.
 */
int ent_signal_catch(struct ent_err *err);

/* Restore the default action and die of the signal that came; returns only if none did. */
void ent_signal_die(void);

#endif
