/* Is this fit for a terminal, and for one line? */
#ifndef FUZZ_TEXT_H
#define FUZZ_TEXT_H

#include <stdbool.h>
#include <stddef.h>

bool is_harmless(const char *text, size_t n);

#endif
