/* A piece of somebody else's bytes, without a NUL at its end. */
#ifndef ENT_SLICE_H
#define ENT_SLICE_H

#include <stdbool.h>
#include <stddef.h>

struct ent_slice {
	const char *at;
	size_t len;
};

/* Move what stands before the first `mark` into *first, and drop the mark. false: there is none; all moved.
 */
bool ent_slice_cut(struct ent_slice *rest, char mark, struct ent_slice *first);

bool ent_slice_is(struct ent_slice slice, const char *text);

#endif
