#define _GNU_SOURCE /* O_CLOEXEC, O_NOFOLLOW, O_DIRECTORY, realpath beside C11 */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A temporary is "<path>.<16 hex digits>.tmp". */
static const char tmp_suffix[] = ".tmp";
enum { TMP_TAIL = 1 + 16 + 4 };

static int check_owner(const char *path, const struct stat *st, struct ent_err *err)
{
	if (st->st_uid == geteuid())
		return 0;
	return ent_err_set(err, "owner", "%s belongs to user %u, not to you", path, (unsigned)st->st_uid);
}

static int check_trust(const char *path, enum ent_file_trust trust, const struct stat *st,
                       struct ent_err *err)
{
	unsigned mode = (unsigned)st->st_mode & 0777;

	if (trust == ENT_FILE_SECRET && check_owner(path, st, err) != 0)
		return -1;
	if (trust == ENT_FILE_SECRET && (mode & 077) != 0)
		return ent_err_set(err, "mode", "%s is open to others (mode %03o)", path, mode);
	if (trust == ENT_FILE_PUBLIC && (mode & 022) != 0)
		return ent_err_set(err, "mode", "%s may be written by others (mode %03o)", path, mode);
	return 0;
}

int ent_file_check(const char *path, enum ent_file_trust trust, const struct stat *st, struct ent_err *err)
{
	if (!S_ISREG(st->st_mode))
		return ent_err_set(err, "not_regular", "%s is not a regular file", path);
	return check_trust(path, trust, st, err);
}

static int refuse_link(const char *path, struct ent_err *err)
{
	return ent_err_set(err, "symlink", "%s is a symbolic link", path);
}

int ent_file_unopened(const char *path, int errnum, struct ent_err *err)
{
	struct stat st;

	if (errnum == ELOOP)
		return refuse_link(path, err);
	/* A folder, or a socket. */
	if (errnum == EISDIR || errnum == ENXIO)
		return ent_err_set(err, "not_regular", "%s is not a regular file", path);
	if (errnum == EACCES && lstat(path, &st) == 0) {
		if (check_owner(path, &st, err) != 0)
			return -1;
		if ((st.st_mode & 0600) != 0600)
			return ent_err_set(err, "mode", "%s is closed to you (mode %03o)", path,
			                   (unsigned)st.st_mode & 0777);
	}
	return ent_err_sys(err, errnum, "cannot open %s", path);
}

/* Is there nothing left to read? For a buffer that is full to the ceiling. */
static int expect_end(int fd, const char *path, const struct ent_buf *out, struct ent_err *err)
{
	char more;

	if (read(fd, &more, 1) == 0)
		return 0;
	return ent_err_set(err, "too_big", "%s is larger than %zu bytes", path, out->ceiling);
}

static int read_all(int fd, const char *path, struct ent_buf *out, struct ent_err *err)
{
	while (out->len < out->ceiling) {
		unsigned char *at = ent_buf_grow(out, 1, err);
		ssize_t n;

		if (!at)
			return -1;
		n = read(fd, at, out->room - out->len - 1);
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ent_err_sys(err, errno, "cannot read %s", path);
		if ((size_t)n > out->ceiling - out->len)
			return ent_err_set(err, "too_big", "%s is larger than %zu bytes", path, out->ceiling);
		out->len += (size_t)n;
	}
	return expect_end(fd, path, out, err);
}

int ent_file_read(const char *path, enum ent_file_trust trust, struct ent_buf *out, struct ent_err *err)
{
	/* O_NONBLOCK: a FIFO put in our place must not make us wait. */
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (trust == ENT_FILE_PUBLIC ? 0 : O_NOFOLLOW);
	int fd = open(path, flags);
	struct stat st;
	int rc = -1;

	if (fd < 0)
		return ent_file_unopened(path, errno, err);
	if (fstat(fd, &st) != 0) {
		ent_err_sys(err, errno, "cannot look at %s", path);
		goto out;
	}
	if (ent_file_check(path, trust, &st, err) != 0)
		goto out;
	if (st.st_size > 0 && (size_t)st.st_size > out->ceiling - out->len) {
		ent_err_set(err, "too_big", "%s is larger than %zu bytes", path, out->ceiling);
		goto out;
	}
	/* One allocation for all of it, and the byte that read wants to say that there is no more. */
	if (out->len + (size_t)st.st_size < out->ceiling && !ent_buf_grow(out, (size_t)st.st_size + 1, err))
		goto out;
	rc = read_all(fd, path, out, err);
out:
	close(fd);
	return rc;
}

int ent_file_identity(const char *path, char out[ENT_FILE_IDENTITY], struct ent_err *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return ent_err_sys(err, errno, "cannot look at %s", path);
	snprintf(out, ENT_FILE_IDENTITY, "%llx:%llx:%lld:%lld.%09ld:%lld.%09ld",
	         (unsigned long long)st.st_dev, (unsigned long long)st.st_ino, (long long)st.st_size,
	         (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec,
	         st.st_ctim.tv_nsec);
	return 0;
}

static int write_all(int fd, const char *path, const unsigned char *bytes, size_t n, struct ent_err *err)
{
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return ent_err_sys(err, errno, "cannot write %s", path);
		bytes += done;
		n -= (size_t)done;
	}
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
	if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
		rc = ent_err_sys(err, errno, "cannot sync %s", dir);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* Write bytes to a new temporary beside path, whose name goes to tmp. On failure no file is left. */
static int write_temporary(const char *path, const void *bytes, size_t n, bool durable,
                           char tmp[static PATH_MAX], struct ent_err *err)
{
	unsigned char tag[8];
	int fd, rc = -1;

	if (getrandom(tag, sizeof tag, 0) != (ssize_t)sizeof tag)
		return ent_err_sys(err, errno, "no random bytes from the kernel");
	if (snprintf(tmp, PATH_MAX, "%s.%02x%02x%02x%02x%02x%02x%02x%02x%s", path, tag[0], tag[1], tag[2],
	             tag[3], tag[4], tag[5], tag[6], tag[7], tmp_suffix) >= PATH_MAX)
		return ent_err_sys(err, ENAMETOOLONG, "%.60s…", path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return ent_err_sys(err, errno, "cannot create %s", tmp);
	if (write_all(fd, tmp, bytes, n, err) != 0)
		goto out;
	if (durable && fsync(fd) != 0) {
		ent_err_sys(err, errno, "cannot sync %s", tmp);
		goto out;
	}
	rc = 0;
out:
	/* A quota or network file system may report a failed write only here. */
	if (close(fd) != 0 && errno != EINTR && rc == 0)
		rc = ent_err_sys(err, errno, "cannot write %s", tmp);
	if (rc != 0)
		unlink(tmp);
	return rc;
}

int ent_file_replace(const char *path, const void *bytes, size_t n, bool durable, struct ent_err *err)
{
	char tmp[PATH_MAX];

	if (write_temporary(path, bytes, n, durable, tmp, err) != 0)
		return -1;
	if (rename(tmp, path) != 0) {
		ent_err_sys(err, errno, "cannot replace %s", path);
		unlink(tmp);
		return -1;
	}
	return durable ? sync_folder_of(path, err) : 0;
}

int ent_file_create(const char *path, const void *bytes, size_t n, struct ent_err *err)
{
	char tmp[PATH_MAX];
	int rc;

	if (write_temporary(path, bytes, n, true, tmp, err) != 0)
		return -1;
	/* link, not rename: it alone refuses to replace what another process made meanwhile. */
	rc = link(tmp, path);
	if (rc != 0)
		ent_err_sys(err, errno, "cannot create %s", path);
	unlink(tmp);
	return rc == 0 ? sync_folder_of(path, err) : -1;
}

int ent_file_remove(const char *path, struct ent_err *err)
{
	if (unlink(path) != 0 && errno != ENOENT)
		return ent_err_sys(err, errno, "cannot remove %s", path);
	return 0;
}

int ent_file_set_aside(const char *path, struct ent_err *err)
{
	char to[PATH_MAX];

	if (snprintf(to, sizeof to, "%s.broken", path) >= PATH_MAX)
		return ent_err_sys(err, ENAMETOOLONG, "%.60s…", path);
	if (rename(path, to) != 0)
		return ent_err_sys(err, errno, "cannot move %s aside", path);
	return 0;
}

int ent_file_target(const char *path, char target[static PATH_MAX], struct ent_err *err)
{
	if (realpath(path, target))
		return 0;
	if (errno != ENOENT)
		return ent_err_sys(err, errno, "cannot find out where %s leads", path);
	if (snprintf(target, PATH_MAX, "%s", path) >= PATH_MAX)
		return ent_err_sys(err, ENAMETOOLONG, "%.60s…", path);
	return 0;
}

static int make_parents(const char *path, struct ent_err *err)
{
	char part[PATH_MAX];
	size_t i, n = strlen(path);
	int errnum;

	if (n >= sizeof part)
		return ent_err_sys(err, ENAMETOOLONG, "%.60s…", path);
	for (i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		/* EROFS and EACCES of a parent that exists: only the last word, on path itself, counts. */
		errnum = mkdir(part, 0700) == 0 ? EEXIST : errno;
		if (errnum != EEXIST && access(part, X_OK) != 0)
			return ent_err_sys(err, errnum, "cannot make the folder %s", part);
	}
	return 0;
}

int ent_dir_check(const char *path, enum ent_file_trust trust, struct ent_err *err)
{
	struct stat st;
	struct statvfs fs;

	if ((trust == ENT_FILE_PUBLIC ? stat(path, &st) : lstat(path, &st)) != 0)
		return errno == ENOENT ? 0 : ent_err_sys(err, errno, "cannot look at the folder %s", path);
	if (S_ISLNK(st.st_mode))
		return refuse_link(path, err);
	if (!S_ISDIR(st.st_mode))
		return ent_err_set(err, "not_folder", "%s is not a folder", path);
	if (check_trust(path, trust, &st, err) == 0)
		return 0;
	/* A mounted ConfigMap is 0777, and yet nobody here may write it. */
	return trust == ENT_FILE_PUBLIC && statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0 ? 0 : -1;
}

int ent_dir_writable(const char *path, struct ent_err *err)
{
	if (access(path, W_OK | X_OK) != 0)
		return ent_err_sys(err, errno, "cannot write to the folder %s", path);
	return 0;
}

int ent_dir_make(const char *path, struct ent_err *err)
{
	if (make_parents(path, err) != 0)
		return -1;
	return ent_dir_check(path, ENT_FILE_SECRET, err);
}

int ent_dir_each(const char *path, int visit(const char *name, void *arg), void *arg, struct ent_err *err)
{
	DIR *folder = opendir(path);
	struct dirent *e;

	if (!folder)
		return ent_err_sys(err, errno, "cannot list %s", path);
	while ((e = readdir(folder)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && visit(e->d_name, arg) != 0)
			break;
	closedir(folder);
	return 0;
}

struct sweep {
	const char *dir, *name; /* of the file whose temporaries go */
};

static int sweep_one(const char *entry, void *arg)
{
	const struct sweep *of = arg;
	size_t n = strlen(of->name), len = strlen(entry);
	char victim[PATH_MAX];

	if (len == n + TMP_TAIL && strncmp(entry, of->name, n) == 0 && entry[n] == '.' &&
	    strspn(entry + n + 1, "0123456789abcdef") == 16 && strcmp(entry + n + 17, tmp_suffix) == 0 &&
	    snprintf(victim, sizeof victim, "%s/%s", of->dir, entry) < PATH_MAX)
		unlink(victim);
	return 0;
}

int ent_file_sweep(const char *path, struct ent_err *err)
{
	char dir[PATH_MAX];
	struct sweep of = {dir, split_path(path, dir, err)};

	return of.name ? ent_dir_each(dir, sweep_one, &of, err) : -1;
}
