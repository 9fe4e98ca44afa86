#define _GNU_SOURCE /* O_CLOEXEC, O_NOFOLLOW, O_DIRECTORY, realpath beside C11 */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

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
