#define _GNU_SOURCE /* O_CLOEXEC, O_NOFOLLOW, O_DIRECTORY beside C11 */
#include "draft.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "file.h"

static const char suffix[] = ".tmp";
enum { TAIL = 1 + 16 + 4 };

static int name_of(const struct ent_draft *draft, char name[static PATH_MAX], struct ent_err *err)
{
	if (snprintf(name, PATH_MAX, "%s%s", draft->path, draft->tail) >= PATH_MAX)
		return ent_err_sys(err, ENAMETOOLONG, "%.60s…", draft->path);
	return 0;
}

/* Make the file under a new name and lock it. 0: done, 1: to be tried once more, -1: failed. */
static int attempt(struct ent_draft *draft, struct ent_err *err)
{
	char name[PATH_MAX];
	unsigned char tag[8];

	if (getrandom(tag, sizeof tag, 0) != (ssize_t)sizeof tag)
		return ent_err_sys(err, errno, "no random bytes from the kernel");
	snprintf(draft->tail, sizeof draft->tail, ".%02x%02x%02x%02x%02x%02x%02x%02x%s", tag[0], tag[1],
	         tag[2], tag[3], tag[4], tag[5], tag[6], tag[7], suffix);
	if (name_of(draft, name, err) != 0)
		return -1;
	draft->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (draft->fd < 0)
		return errno == EINTR ? 1 : ent_err_sys(err, errno, "cannot write %s", draft->path);
	/* A sweeper that came between may have taken it for a dead one's. Where there are no locks there are
	 * no sweepers either. */
	if ((flock(draft->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) ||
	    (access(name, F_OK) != 0 && errno == ENOENT)) {
		ent_draft_drop(draft);
		return 1;
	}
	return 0;
}

static int take_room(const struct ent_draft *draft, struct ent_err *err)
{
	int errnum;

	do
		errnum = posix_fallocate(draft->fd, 0, (off_t)draft->room);
	while (errnum == EINTR);
	if (errnum == 0 || errnum == EINVAL || errnum == EOPNOTSUPP || errnum == ENOSYS || errnum == ENODEV)
		return 0;
	return ent_err_sys(err, errnum, "cannot write %s", draft->path);
}

int ent_draft_begin(struct ent_draft *draft, const char *path, size_t room, struct ent_err *err)
{
	int rc;

	draft->fd = -1;
	draft->room = room;
	if (snprintf(draft->path, sizeof draft->path, "%s", path) >= PATH_MAX)
		return ent_err_sys(err, ENAMETOOLONG, "%.60s…", path);
	do
		rc = attempt(draft, err);
	while (rc > 0);
	if (rc == 0 && room > 0)
		rc = take_room(draft, err);
	if (rc != 0)
		ent_draft_drop(draft);
	return rc;
}

void ent_draft_drop(struct ent_draft *draft)
{
	char name[PATH_MAX];
	struct ent_err ignored;

	if (draft->fd < 0)
		return;
	if (name_of(draft, name, &ignored) == 0)
		unlink(name);
	close(draft->fd);
	draft->fd = -1;
}

/* A signal that was caught is no reason to lose what is to be kept. */
static int sync_fd(int fd)
{
	int rc;

	do
		rc = fsync(fd);
	while (rc != 0 && errno == EINTR);
	return rc;
}

/* Write it all, and give back what room is left over. */
static int write_all(const struct ent_draft *draft, const unsigned char *bytes, size_t n)
{
	size_t left = n;
	int rc = 0;

	while (left > 0) {
		ssize_t done = write(draft->fd, bytes, left);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		bytes += done;
		left -= (size_t)done;
	}
	if (draft->room > n)
		do
			rc = ftruncate(draft->fd, (off_t)n);
		while (rc != 0 && errno == EINTR);
	return rc;
}

/*
 * A quota or a network file system may report a failed write only at a close.
 * The lock stays with a second descriptor, lest somebody sweep the draft
 * before it has its name.
 */
static int report_late(struct ent_draft *draft)
{
	int held = fcntl(draft->fd, F_DUPFD_CLOEXEC, 0);
	int rc;

	if (held < 0)
		return -1;
	rc = close(draft->fd);
	draft->fd = held;
	return rc != 0 && errno != EINTR ? -1 : 0;
}

static int fill(struct ent_draft *draft, const void *bytes, size_t n, bool durable, struct ent_err *err)
{
	if (write_all(draft, bytes, n) != 0 || (durable && sync_fd(draft->fd) != 0) ||
	    report_late(draft) != 0)
		return ent_err_sys(err, errno, "cannot write %s", draft->path);
	return 0;
}

/* Put the folder part of path ("." if none) into dir, and return where the file's own name starts. */
static const char *split_path(const char *path, char dir[static PATH_MAX], struct ent_err *err)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;

	if (n >= PATH_MAX - 1) {
		ent_err_sys(err, ENAMETOOLONG, "%.60s…", path);
		return NULL;
	}
	if (!slash)
		strcpy(dir, ".");
	else if (n == 0)
		strcpy(dir, "/");
	else {
		memcpy(dir, path, n);
		dir[n] = '\0';
	}
	return slash ? slash + 1 : path;
}

static int sync_folder_of(const char *path, struct ent_err *err)
{
	char dir[PATH_MAX];
	int fd, rc = 0;

	if (!split_path(path, dir, err))
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Some file systems cannot sync a folder: EINVAL means that there is nothing more to do. */
	if (fd < 0 || (sync_fd(fd) != 0 && errno != EINVAL))
		rc = ent_err_sys(err, errno, "cannot sync %s", dir);
	if (fd >= 0)
		close(fd);
	return rc;
}

int ent_draft_replace(struct ent_draft *draft, const void *bytes, size_t n, bool durable, struct ent_err *err)
{
	char name[PATH_MAX];

	if (name_of(draft, name, err) != 0 || fill(draft, bytes, n, durable, err) != 0)
		return -1;
	if (rename(name, draft->path) != 0)
		return ent_err_sys(err, errno, "cannot replace %s", draft->path);
	close(draft->fd);
	draft->fd = -1;
	return durable ? sync_folder_of(draft->path, err) : 0;
}

int ent_draft_create(struct ent_draft *draft, const void *bytes, size_t n, bool durable, struct ent_err *err)
{
	char name[PATH_MAX];

	if (name_of(draft, name, err) != 0 || fill(draft, bytes, n, durable, err) != 0)
		return -1;
	/* link, not rename: it alone refuses to replace what another process made meanwhile. */
	if (link(name, draft->path) != 0)
		return ent_err_sys(err, errno, "cannot create %s", draft->path);
	ent_draft_drop(draft);
	return durable ? sync_folder_of(draft->path, err) : 0;
}

struct sweep {
	const char *dir;
	const char *name; /* whose drafts go; NULL: everybody's */
};

/* Is this the name of a draft of what is called name (NULL: of anything)? */
static bool is_draft(const char *entry, const char *name)
{
	size_t len = strlen(entry);
	const char *tail;

	if (len <= TAIL)
		return false;
	tail = entry + len - TAIL;
	if (*tail != '.' || strspn(tail + 1, "0123456789abcdef") != 16 || strcmp(tail + 17, suffix) != 0)
		return false;
	return !name || (strlen(name) == len - TAIL && strncmp(entry, name, len - TAIL) == 0);
}

static int sweep_one(const char *entry, void *arg)
{
	const struct sweep *of = arg;
	char victim[PATH_MAX];
	int fd;

	if (!is_draft(entry, of->name) || snprintf(victim, PATH_MAX, "%s/%s", of->dir, entry) >= PATH_MAX)
		return 0;
	fd = open(victim, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlink(victim);
	close(fd);
	return 0;
}

int ent_draft_sweep(const char *path, struct ent_err *err)
{
	char dir[PATH_MAX];
	struct sweep of = {dir, split_path(path, dir, err)};

	return of.name ? ent_dir_each(dir, sweep_one, &of, err) : -1;
}

int ent_draft_sweep_folder(const char *dir, struct ent_err *err)
{
	struct sweep of = {dir, NULL};

	return ent_dir_each(dir, sweep_one, &of, err);
}
