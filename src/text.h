/* Text that came from elsewhere, made fit for a terminal and for one line of a log. */
#ifndef ENT_TEXT_H
#define ENT_TEXT_H

#include <stddef.h>

/*
 * Copy the first line of text, as much of it as fits into room bytes with the
 * final NUL, cut between characters. What could steer a terminal or reorder
 * what is read (C0, DEL, C1 and bidirectional controls, line separators, U+FEFF) and what is not UTF-8
 * becomes '?'. Returns the length.
 */
size_t ent_text_clean(const char *text, size_t n, char *out, size_t room);

#endif
