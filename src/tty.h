/* What a standard descriptor is connected to, and a question at the terminal. */
#ifndef ENT_TTY_H
#define ENT_TTY_H

#include "buf.h"

/* "terminal", "pipe", "file", or "other" (a socket, /dev/null, another device, closed). */
const char *ent_tty_kind(int fd);

/*
 * Write a question to standard error and append the line that is typed on
 * standard input, a terminal, without its end and without echo. What was typed
 * ahead is dropped, and the terminal is as before in any case. Fails with
 * "interrupted" once the descriptor wake (-1: none) is readable, "eof" where
 * the input ends, "too_big" past the ceiling.
 */
int ent_tty_ask_hidden(const char *question, int wake, struct ent_buf *answer, struct ent_err *err);

#endif
