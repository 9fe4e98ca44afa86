#define _GNU_SOURCE /* pipe2, dup3, closefrom, _Fork */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "def.h"
#include "slice.h"

extern char **environ;

enum { PATHS_MOST = 256 * 1024 };

/* All that the child needs, made before the fork: behind it nothing may allocate. */
struct plan {
	struct ent_buf paths; /* where the program may be, each with its NUL */
	const char **environment;
	int input; /* descriptor, -1: none */
};

/* ---- where the program is ---- */

static int add_path(struct ent_buf *paths, struct ent_slice folder, const char *name, struct ent_err *err)
{
	if (ent_buf_add(paths, folder.at, folder.len, err) != 0 || ent_buf_add(paths, "/", 1, err) != 0)
		return -1;
	return ent_buf_add(paths, name, strlen(name) + 1, err);
}

static int find(const char *name, struct ent_buf *paths, struct ent_err *err)
{
	const char *path = getenv("PATH");
	struct ent_slice rest, folder;

	if (strchr(name, '/'))
		return ent_buf_add(paths, name, strlen(name) + 1, err);
	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	rest = (struct ent_slice){path, strlen(path)};
	while (rest.len > 0) {
		ent_slice_cut(&rest, ':', &folder);
		/* Nothing that happens to lie in the current folder must run. */
		if (folder.len > 0 && folder.at[0] == '/' && add_path(paths, folder, name, err) != 0)
			return -1;
	}
	return 0;
}

/* ---- what it may know ---- */

static bool is_withheld(const char *variable)
{
	static const char *const beginnings[] = {
	    "AZURE_",           "ENTRA_",      "ACTIONS_ID_TOKEN_REQUEST_TOKEN=",
	    "IDENTITY_HEADER=", "MSI_SECRET=", "SYSTEM_ACCESSTOKEN=",
	};
	size_t i;

	for (i = 0; i < ENT_COUNT(beginnings); i++) {
		if (strncmp(variable, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	}
	return false;
}

/* Whether the caller has his own idea of this variable. */
static bool is_named(const char *variable, const char *const *changes)
{
	for (; *changes; changes++) {
		size_t n = strcspn(*changes, "=");

		if (strncmp(variable, *changes, n) == 0 && variable[n] == '=')
			return true;
	}
	return false;
}

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list[n])
		n++;
	return n;
}

static const char **make_environment(const char *const *changes)
{
	static const char *const none[] = {NULL};
	const char *const *inherited = environ ? (const char *const *)environ : none;
	const char **out, **to;

	changes = changes ? changes : none;
	out = to = calloc(count(inherited) + count(changes) + 1, sizeof *out);
	if (!out)
		return NULL;
	for (; *inherited; inherited++) {
		if (!is_withheld(*inherited) && !is_named(*inherited, changes))
			*to++ = *inherited;
	}
	for (; *changes; changes++) {
		if (strchr(*changes, '='))
			*to++ = *changes;
	}
	return out;
}

/* ---- what it reads ---- */

/*
 * A pipe that holds all of its input already: nobody need stand by and feed it, it cannot answer with
 * SIGPIPE, and the bytes are copied nowhere else.
 */
static int fill_pipe(const void *bytes, size_t n, struct ent_err *err)
{
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return ent_err_sys(err, errno, "cannot make a pipe");
	rc = fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0 && (n == 0 || write(ends[1], bytes, n) == (ssize_t)n);
	close(ends[1]);
	if (rc)
		return ends[0];
	close(ends[0]);
	return ent_err_set(err, "too_big", "more input than a pipe holds");
}

/* ---- behind the fork: async-signal-safe functions only ---- */

enum { REPORT = 3 }; /* where the child keeps the pipe that tells why exec failed; exec closes it */

/* To a number that is neither 0, 1, 2 nor REPORT: any of them may have been closed in this process. */
static int out_of_the_way(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, REPORT + 1);
}

/* 0 or errno. *report is where to tell of a failure: it moves. */
static int arrange_descriptors(int input, int *report)
{
	int null = out_of_the_way(open("/dev/null", O_RDWR | O_CLOEXEC)), moved = out_of_the_way(*report);

	input = input >= 0 ? out_of_the_way(input) : null;
	if (null < 0 || moved < 0 || input < 0)
		return errno;
	*report = moved;
	if (dup2(input, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
	    dup3(moved, REPORT, O_CLOEXEC) < 0)
		return errno;
	*report = REPORT;
	closefrom(REPORT + 1);
	return 0;
}

static void forget_signals(void)
{
	struct sigaction plain = {0};
	sigset_t none;
	int i;

	plain.sa_handler = SIG_DFL;
	for (i = 1; i < NSIG; i++)
		sigaction(i, &plain, NULL); /* refused for some, which have no other */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Try one path after the other, as execvp does, but never hand a file to a shell. Returns errno. */
static int execute(const struct ent_spawn *spawn, const struct plan *plan)
{
	const char *path = (const char *)plan->paths.data, *end = path + plan->paths.len;
	int why = ENOENT;

	for (; path < end; path += strlen(path) + 1) {
		execve(path, (char *const *)spawn->argv, (char *const *)plan->environment);
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			return errno;
		if (errno == EACCES)
			why = EACCES;
	}
	return why;
}

static _Noreturn void become(const struct ent_spawn *spawn, const struct plan *plan, int report)
{
	int why = 0;
	ssize_t n;

	if (spawn->detach) {
		pid_t pid = setsid() < 0 ? -1 : _Fork();

		if (pid > 0)
			_exit(0);
		why = pid < 0 ? errno : 0;
	}
	if (why == 0)
		why = arrange_descriptors(plan->input, &report);
	if (why == 0) {
		forget_signals();
		why = execute(spawn, plan);
	}
	n = write(report, &why, sizeof why);
	(void)n;
	_exit(127);
}

/* ---- in front of it ---- */

static pid_t fork_quietly(const struct ent_spawn *spawn, const struct plan *plan, int report)
{
	sigset_t all, before;
	pid_t pid;
	int why;

	/* The child must not run our handlers: they would write into our self-pipe. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		become(spawn, plan, report);
	why = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = why;
	return pid;
}

static pid_t bury(pid_t pid, int *status)
{
	pid_t rc;

	do {
		rc = waitpid(pid, status, 0);
	} while (rc < 0 && errno == EINTR);
	return rc;
}

/* Start it; detached, there is no *pid of it afterwards. */
static int start(const struct ent_spawn *spawn, const struct plan *plan, pid_t *pid, struct ent_err *err)
{
	int report[2], why = 0, status;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC) != 0)
		return ent_err_sys(err, errno, "cannot make a pipe");
	*pid = fork_quietly(spawn, plan, report[1]);
	if (*pid < 0)
		why = errno;
	close(report[1]);
	do { /* until exec closes the other end, or the child tells what is wrong */
		n = read(report[0], &why, sizeof why);
	} while (n < 0 && errno == EINTR);
	close(report[0]);
	if (*pid > 0 && (spawn->detach || why != 0))
		bury(*pid, &status);
	return why == 0 ? 0 : ent_err_sys(err, why, "cannot run %s", spawn->argv[0]);
}

static int judge(const char *name, int status, struct ent_err *err)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		return ent_err_set(err, "status", "%s ended with status %d", name, WEXITSTATUS(status));
	return ent_err_set(err, "status", "%s died of signal %d", name, WTERMSIG(status));
}

/* Asked again and again, ever more calmly: a signal handler for the child's end is the host's to have. */
static int await(const struct ent_spawn *spawn, pid_t pid, struct ent_err *err)
{
	static const double first_pause = 0.001, longest_pause = 0.025;
	double end = ent_clock_monotonic() + spawn->seconds, pause = first_pause;
	int status = 0;

	for (;;) {
		pid_t rc = waitpid(pid, &status, WNOHANG);
		double left = end - ent_clock_monotonic();

		if (rc == pid)
			return judge(spawn->argv[0], status, err);
		if (rc < 0 && errno == ECHILD) /* the host has seen to it: SIGCHLD ignored, or a handler */
			return 0;
		if (left <= 0)
			ent_err_set(err, "timeout", "%s did not end in time", spawn->argv[0]);
		if (left <= 0 || ent_clock_wait(pause < left ? pause : left, spawn->wake, err) != 0)
			break;
		pause = pause * 2 < longest_pause ? pause * 2 : longest_pause;
	}
	kill(pid, SIGKILL);
	bury(pid, &status);
	return -1;
}

int ent_spawn(const struct ent_spawn *spawn, struct ent_err *err)
{
	struct plan plan = {ENT_BUF_INIT(PATHS_MOST), NULL, -1};
	pid_t pid = -1;
	int rc = -1;

	if (find(spawn->argv[0], &plan.paths, err) != 0)
		goto out;
	plan.environment = make_environment(spawn->environment);
	if (!plan.environment) {
		ent_err_set(err, "ENOMEM", "out of memory");
		goto out;
	}
	if (spawn->input && (plan.input = fill_pipe(spawn->input, spawn->input_len, err)) < 0)
		goto out;
	rc = start(spawn, &plan, &pid, err);
out:
	ent_buf_free(&plan.paths);
	free(plan.environment);
	if (plan.input >= 0)
		close(plan.input);
	return rc == 0 && !spawn->detach ? await(spawn, pid, err) : rc;
}
