/*
 * A disk that fails, for `LD_PRELOAD`: the FAIL_AT-th call that would change something below FAIL_UNDER is
 * answered with FAIL_HOW. All such calls are appended to FAIL_LOG, one name a line, so that a spec can fail
 * each of them in turn without knowing them. These are the calls of libc that entra makes; crash_spec.lua
 * holds them against strace, which sees every other as well.
 *
 * FAIL_HOW: an error (EIO, ENOSPC, EDQUOT, EINTR), `short` (a write of one byte), or a death: `before` or
 * `after` the call. An error strikes every call from FAIL_AT on where FAIL_AND_ON is set, as a full disk
 * does.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
	const char *name;
	int number;
} errors[] = {{"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EINTR", EINTR}};

enum verdict { PASS, FAIL, SHORT, DIE_AFTER };

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static void note(const char *name)
{
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
	ssize_t (*put)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
	int fd = real(setting("FAIL_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	char line[32];
	int n = snprintf(line, sizeof line, "%s\n", name);

	if (fd < 0 || put(fd, line, (size_t)n) != n)
		abort();
	close(fd);
}

static enum verdict judge(const char *path, const char *name)
{
	static int count;
	const char *how = setting("FAIL_HOW"), *under = setting("FAIL_UNDER");
	int at = atoi(setting("FAIL_AT"));
	size_t i;

	if (*under == '\0' || strncmp(path, under, strlen(under)) != 0)
		return PASS;
	note(name);
	count++;
	if (at == 0 || count < at || (count > at && *setting("FAIL_AND_ON") == '\0'))
		return PASS;
	for (i = 0; i < sizeof errors / sizeof *errors; i++) {
		if (strcmp(how, errors[i].name) == 0) {
			errno = errors[i].number;
			return FAIL;
		}
	}
	if (strcmp(how, "before") == 0)
		raise(SIGKILL);
	return strcmp(how, "after") == 0 ? DIE_AFTER : strcmp(how, "short") == 0 ? SHORT : PASS;
}

static int settle(enum verdict verdict, int result)
{
	if (verdict == DIE_AFTER)
		raise(SIGKILL);
	return result;
}

static enum verdict judge_fd(int fd, const char *name)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	if (n < 0)
		return PASS;
	path[n] = '\0';
	return judge(path, name);
}

#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

int open(const char *path, int flags, ...)
{
	REAL(open);
	mode_t mode = 0;
	enum verdict verdict;

	if (flags & O_CREAT) {
		va_list args;

		va_start(args, flags);
		mode = (mode_t)va_arg(args, int);
		va_end(args);
	}
	verdict = flags & O_CREAT ? judge(path, "open") : PASS;
	return verdict == FAIL ? -1 : settle(verdict, real(path, flags, mode));
}

ssize_t write(int fd, const void *bytes, size_t n)
{
	REAL(write);
	enum verdict verdict = judge_fd(fd, "write");
	ssize_t done;

	if (verdict == FAIL)
		return -1;
	done = real(fd, bytes, verdict == SHORT && n > 1 ? 1 : n);
	settle(verdict, 0);
	return done;
}

int fsync(int fd)
{
	REAL(fsync);
	enum verdict verdict = judge_fd(fd, "fsync");

	return verdict == FAIL ? -1 : settle(verdict, real(fd));
}

int ftruncate(int fd, off_t size)
{
	REAL(ftruncate);
	enum verdict verdict = judge_fd(fd, "ftruncate");

	return verdict == FAIL ? -1 : settle(verdict, real(fd, size));
}

/* The one that returns its errno. */
int posix_fallocate(int fd, off_t from, off_t size)
{
	REAL(posix_fallocate);
	enum verdict verdict = judge_fd(fd, "fallocate");

	return verdict == FAIL ? errno : settle(verdict, real(fd, from, size));
}

int rename(const char *from, const char *to)
{
	REAL(rename);
	enum verdict verdict = judge(to, "rename");

	return verdict == FAIL ? -1 : settle(verdict, real(from, to));
}

int link(const char *from, const char *to)
{
	REAL(link);
	enum verdict verdict = judge(to, "link");

	return verdict == FAIL ? -1 : settle(verdict, real(from, to));
}

int unlink(const char *path)
{
	REAL(unlink);
	enum verdict verdict = judge(path, "unlink");

	return verdict == FAIL ? -1 : settle(verdict, real(path));
}

int mkdir(const char *path, mode_t mode)
{
	REAL(mkdir);
	enum verdict verdict = judge(path, "mkdir");

	return verdict == FAIL ? -1 : settle(verdict, real(path, mode));
}
