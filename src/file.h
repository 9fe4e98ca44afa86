/*
 * Small files, looked at before they are believed, and the folders they live in.
 *
 * What this does not do: write (draft.h), lock (lock.h), understand contents (record.h).
 * Failure codes are errno's names, or "too_big", or what makes us refuse to use
 * what stands there: "mode", "owner", "symlink", "not_regular", "not_folder".
 */
#ifndef ENT_FILE_H
#define ENT_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "buf.h"

/* Who may have touched a file, or a folder, that we use. */
enum ent_file_trust {
	ENT_FILE_SECRET, /* ours alone: no symlink, owner = euid, no group or other bits */
	ENT_FILE_PUBLIC, /* anybody may own or read it, only its owner may write it */
	ENT_FILE_ANY     /* whoever it belongs to, but no symlink: to be looked at, not believed */
};

/* Is the opened file that st describes a regular one that may be trusted so? */
int ent_file_check(const char *path, enum ent_file_trust trust, const struct stat *st, struct ent_err *err);

/* The failure of open(path) with this errno; where others are the reason, it names them. */
int ent_file_unopened(const char *path, int errnum, struct ent_err *err);

/* Read a whole regular file, appending to out; out's ceiling bounds it. The checks look at the opened file.
 */
int ent_file_read(const char *path, enum ent_file_trust trust, struct ent_buf *out, struct ent_err *err);

/*
 * Which file path names, and in which state: device, inode, size, times of change and of change of the inode,
 * in ns. Two equal answers mean that nobody has written to it. Follows symbolic links.
 */
enum { ENT_FILE_IDENTITY = 128 };
int ent_file_identity(const char *path, char out[ENT_FILE_IDENTITY], struct ent_err *err);

/* Remove path; a path that is not there is a success. */
int ent_file_remove(const char *path, struct ent_err *err);

/* Rename path, out of the way and for good, to "path.broken". */
int ent_file_set_aside(const char *path, struct ent_err *err);

/* Where path leads, every link resolved; path itself where nothing is there. */
int ent_file_target(const char *path, char target[static PATH_MAX], struct ent_err *err);

/* Make path and its missing parents, 0700, and check that path itself is a folder of ours alone. */
int ent_dir_make(const char *path, struct ent_err *err);

/* The check alone; a folder that is not there is a success. */
int ent_dir_check(const char *path, enum ent_file_trust trust, struct ent_err *err);

/* May we make something in this folder? */
int ent_dir_writable(const char *path, struct ent_err *err);

/* Call visit(name, arg) for every entry of a folder but "." and ".."; stops at its first non-zero answer. */
int ent_dir_each(const char *path, int visit(const char *name, void *arg), void *arg, struct ent_err *err);

#endif
