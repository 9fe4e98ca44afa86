#define _GNU_SOURCE /* O_CLOEXEC, O_NOFOLLOW beside C11 */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"

/* flock knows no deadline, so a waiter asks again and again, ever more calmly. */
static const double first_pause = 0.001, longest_pause = 0.025;

/* Open and try once. 0: held, 1: somebody else holds it, -1: failed. */
static int attempt(struct ent_lock *lock, const char *path, struct ent_err *err)
{
	struct stat mine, there;

	if (lock->fd < 0)
		lock->fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (lock->fd < 0)
		return errno == EINTR ? 1 : ent_file_unopened(path, errno, err);
	if (fstat(lock->fd, &mine) != 0)
		return ent_err_sys(err, errno, "cannot look at the lock %s", path);
	if (ent_file_check(path, ENT_FILE_SECRET, &mine, err) != 0)
		return -1;
	if (flock(lock->fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK || errno == EINTR
		           ? 1
		           : ent_err_sys(err, errno, "cannot lock %s", path);
	/* A lock on a file that was removed or replaced meanwhile excludes nobody. */
	if (stat(path, &there) == 0 && mine.st_dev == there.st_dev && mine.st_ino == there.st_ino)
		return 0;
	ent_lock_release(lock);
	return 1;
}

int ent_lock_take(struct ent_lock *lock, const char *path, double seconds, int wake, bool *waited,
                  struct ent_err *err)
{
	double end = ent_clock_monotonic() + seconds;
	double pause = first_pause;

	lock->fd = -1;
	*waited = false;
	for (;;) {
		int rc = attempt(lock, path, err);
		double left;

		if (rc == 0)
			return 0;
		left = end - ent_clock_monotonic();
		if (rc > 0 && left <= 0)
			ent_err_set(err, "timeout", "another process holds the lock %s", path);
		if (rc < 0 || left <= 0 || ent_clock_wait(pause < left ? pause : left, wake, err) != 0) {
			ent_lock_release(lock);
			return -1;
		}
		*waited = true;
		pause = pause * 2 < longest_pause ? pause * 2 : longest_pause;
	}
}

void ent_lock_release(struct ent_lock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	lock->fd = -1;
}
