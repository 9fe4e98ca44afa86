#include "slice.h"

#include <string.h>

bool ent_slice_cut(struct ent_slice *rest, char mark, struct ent_slice *first)
{
	const char *end = rest->len > 0 ? memchr(rest->at, mark, rest->len) : NULL;
	size_t step;

	*first = *rest;
	if (end)
		first->len = (size_t)(end - rest->at);
	step = first->len + (end ? 1 : 0);
	rest->at += step;
	rest->len -= step;
	return end != NULL;
}

bool ent_slice_is(struct ent_slice slice, const char *text)
{
	return slice.len == strlen(text) && (slice.len == 0 || memcmp(slice.at, text, slice.len) == 0);
}
