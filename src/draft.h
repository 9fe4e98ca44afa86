/*
 * A file's next contents on their way: a temporary beside it, "<path>.<16 hex
 * digits>.tmp", which in the end takes the file's name.
 *
 * Its writer holds an flock on it for as long as it lives. So whoever finds a
 * draft can tell whether anybody is still at it, and what a killed writer left
 * can be swept by the next one, whatever lock the two write under.
 *
 * Failure codes are errno's names.
 */
#ifndef ENT_DRAFT_H
#define ENT_DRAFT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct ent_draft {
	int fd;              /* -1: there is none, or not any more */
	size_t room;         /* bytes of the disk that are its own already */
	char path[PATH_MAX]; /* what it is to become */
	char tail[24];       /* path and tail are its name until then */
};

/*
 * Begin a draft of path, 0600, empty. With `room`, so many bytes of the disk
 * are taken at once, so that a disk that is full says so before the contents
 * are there (a file system that cannot promise room is not asked to).
 * On failure there is none; ent_draft_drop may be called all the same.
 */
int ent_draft_begin(struct ent_draft *draft, const char *path, size_t room, struct ent_err *err);

/*
 * Write bytes and put them in path's place. A kill at any moment leaves the old
 * contents or the new, whole; so does a failure (the new ones only where
 * nothing but the folder's sync failed). With `durable` data and folder are
 * synced, so that power loss is covered too.
 */
int ent_draft_replace(struct ent_draft *draft, const void *bytes, size_t n, bool durable,
                      struct ent_err *err);

/* The same, but fails with "EEXIST" and changes nothing where path exists: the first writer wins. */
int ent_draft_create(struct ent_draft *draft, const void *bytes, size_t n, bool durable, struct ent_err *err);

/* Remove what is left of it; once it has replaced path, nothing is. */
void ent_draft_drop(struct ent_draft *draft);

/* Remove the drafts of path that killed writers left. */
int ent_draft_sweep(const char *path, struct ent_err *err);

/* The same for every file of a folder, which must be ours alone: others may use such names as well. */
int ent_draft_sweep_folder(const char *dir, struct ent_err *err);

#endif
