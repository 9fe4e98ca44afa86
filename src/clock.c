#include "clock.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

static double read_clock(clockid_t id)
{
	struct timespec t = {0, 0};

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double ent_clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

double ent_clock_monotonic(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

int ent_clock_wait(double seconds, int wake, struct ent_err *err)
{
	return ent_clock_watch(seconds, wake, -1, err);
}

int ent_clock_watch(double seconds, int wake, int input, struct ent_err *err)
{
	double end = ent_clock_monotonic() + seconds;
	/* poll passes over a descriptor of -1. */
	struct pollfd fds[] = {{wake, POLLIN, 0}, {input, POLLIN, 0}};

	for (;;) {
		double left = end - ent_clock_monotonic();
		int n;

		if (left <= 0)
			return 0;
		/* One hour at a time keeps the conversion inside an int. */
		n = poll(fds, 2, left > 3600 ? 3600000 : (int)(left * 1000) + 1);
		if (n > 0 && fds[0].revents)
			return ent_err_set(err, "interrupted", "interrupted");
		if (n > 0)
			return ent_err_set(err, "input", "there is something to read");
		if (n < 0 && errno != EINTR)
			return ent_err_sys(err, errno, "cannot wait");
	}
}
