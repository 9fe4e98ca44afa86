#include "tty.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

const char *ent_tty_kind(int fd)
{
	struct stat st;

	if (isatty(fd))
		return "terminal";
	if (fstat(fd, &st) != 0)
		return "other";
	return S_ISFIFO(st.st_mode) ? "pipe" : S_ISREG(st.st_mode) ? "file" : "other";
}

static void say(const char *text)
{
	ssize_t n = write(STDERR_FILENO, text, strlen(text));

	(void)n; /* a question that nobody sees is not answered */
}

/* One line, as the terminal hands it out: whole, when it is ended. */
static int read_line(int wake, struct ent_buf *answer, struct ent_err *err)
{
	struct pollfd watched[] = {{STDIN_FILENO, POLLIN, 0}, {wake, POLLIN, 0}};
	unsigned char c;
	ssize_t n;

	for (;;) {
		if (poll(watched, 2, -1) < 0) {
			if (errno != EINTR)
				return ent_err_sys(err, errno, "cannot wait for the terminal");
			continue;
		}
		if (watched[1].revents != 0)
			return ent_err_set(err, "interrupted", "cancelled");
		if (watched[0].revents == 0)
			continue;
		n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ent_err_sys(err, errno, "cannot read from the terminal");
		if (n == 0)
			return ent_err_set(err, "eof", "no answer was given");
		if (c == '\n')
			return 0;
		if (ent_buf_add(answer, &c, 1, err) != 0)
			return -1;
		ent_wipe(&c, 1);
	}
}

int ent_tty_ask_hidden(const char *question, int wake, struct ent_buf *answer, struct ent_err *err)
{
	struct termios before, silent;
	int rc;

	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return ent_err_sys(err, errno, "standard input is not a terminal");
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	silent.c_lflag |= ICANON | ECHONL;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) != 0)
		return ent_err_sys(err, errno, "cannot silence the terminal");
	say(question);
	rc = read_line(wake, answer, err);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	if (rc != 0)
		say("\n");
	return rc;
}
