/* Text that came from elsewhere, made fit for a terminal and for one line of a log. */
#ifndef ENT_TEXT_H
#define ENT_TEXT_H

#include "buf.h"

/*
 * Append the first line of text, at most `most` bytes of it, cut between
 * characters. What could steer a terminal or reorder what is read (C0, DEL, C1
 * and bidirectional controls) and what is not UTF-8 becomes '?'.
 */
int ent_text_clean(const char *text, size_t n, size_t most, struct ent_buf *out, struct ent_err *err);

#endif
