/*
 * An exclusive lock between processes, and between threads: flock on an empty file.
 *
 * The kernel lets go of it when its holder dies. flock and not POSIX locks,
 * which another descriptor of the same process closing would silently drop.
 */
#ifndef ENT_LOCK_H
#define ENT_LOCK_H

#include <stdbool.h>

#include "err.h"

struct ent_lock {
	int fd; /* -1: not held */
};

/*
 * Take the lock named by path, creating its file, within `seconds` (0: at once or not).
 * waited says whether somebody else held it first. `wake`: see ent_clock_wait.
 * Fails with "timeout", "interrupted", or as reading a file of ours alone does (file.h).
 */
int ent_lock_take(struct ent_lock *lock, const char *path, double seconds, int wake, bool *waited,
                  struct ent_err *err);

/* Let go; a lock that is not held is left alone. The file stays: removing it would split its waiters. */
void ent_lock_release(struct ent_lock *lock);

#endif
