#define _GNU_SOURCE /* pipe2 */
#include "signal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static int self_pipe[2] = {-1, -1};

static void note(int sig)
{
	int saved = errno;
	ssize_t n;

	caught = sig;
	/* A full pipe is readable as well: whatever write says, the waiter wakes. */
	n = write(self_pipe[1], "", 1);
	(void)n;
	errno = saved;
}

static int catch_one(int sig, struct ent_err *err)
{
	struct sigaction old, now = {0};

	if (sigaction(sig, NULL, &old) != 0)
		return ent_err_sys(err, errno, "cannot look at signal %d", sig);
	if (old.sa_handler == SIG_IGN) /* nohup and background jobs of sh: stay deaf */
		return 0;
	now.sa_handler = note;
	sigemptyset(&now.sa_mask);
	return sigaction(sig, &now, NULL) == 0 ? 0 : ent_err_sys(err, errno, "cannot catch signal %d", sig);
}

int ent_signal_catch(struct ent_err *err)
{
	if (self_pipe[0] >= 0)
		return self_pipe[0];
	if (pipe2(self_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
		return ent_err_sys(err, errno, "cannot make a pipe");
	if (catch_one(SIGINT, err) != 0 || catch_one(SIGTERM, err) != 0)
		return -1;
	return self_pipe[0];
}

void ent_signal_die(void)
{
	if (caught == 0)
		return;
	signal(caught, SIG_DFL);
	raise(caught);
	_exit(128 + caught); /* blocked, or a PID namespace's init */
}
