/*
 * pair ROUNDS COMMAND [ARG …] -- COMMAND [ARG …]
 *
 * Times two commands as whole processes, in turn and in changing order, so that
 * whatever else the machine does hits both alike. Prints the medians in ms,
 * the median of the rounds' ratios first/second, and the first's peak memory in KiB.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

enum { ROUNDS_MAX = 2000, WARM_UP = 3 };

extern char **environ;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Wall time of one run; exits if the command fails, since a failing command is fast. */
static double run(char **argv, const posix_spawn_file_actions_t *quiet, long *peak)
{
	struct rusage used;
	double started = now();
	pid_t pid;
	int status;

	if (posix_spawnp(&pid, argv[0], quiet, NULL, argv, environ) != 0 ||
	    wait4(pid, &status, 0, &used) < 0 || status != 0) {
		fprintf(stderr, "pair: %s failed\n", argv[0]);
		exit(EXIT_FAILURE);
	}
	if (used.ru_maxrss > *peak)
		*peak = used.ru_maxrss;
	return now() - started;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof *v, ascending);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

int main(int argc, char **argv)
{
	static double a[ROUNDS_MAX], b[ROUNDS_MAX], ratio[ROUNDS_MAX];
	int rounds = argc > 1 ? atoi(argv[1]) : 0, i;
	char **first = argv + 2, **second = NULL;
	posix_spawn_file_actions_t quiet;
	long peak_a = 0, peak_b = 0;

	for (i = 2; i < argc; i++)
		if (strcmp(argv[i], "--") == 0) {
			argv[i] = NULL;
			second = argv + i + 1;
		}
	if (rounds < 1 || rounds > ROUNDS_MAX || !second || !*second || !*first) {
		fprintf(stderr, "usage: pair ROUNDS COMMAND [ARG …] -- COMMAND [ARG …]\n");
		return EXIT_FAILURE;
	}
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	for (i = -WARM_UP; i < rounds; i++) {
		int at = i < 0 ? 0 : i;

		if (i % 2)
			a[at] = run(first, &quiet, &peak_a);
		b[at] = run(second, &quiet, &peak_b);
		if (i % 2 == 0)
			a[at] = run(first, &quiet, &peak_a);
		ratio[at] = a[at] / b[at];
	}
	printf("%.3f %.3f %.3f %ld\n", median(a, rounds), median(b, rounds), median(ratio, rounds), peak_a);
	return EXIT_SUCCESS;
}
