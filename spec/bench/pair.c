/*
 * pair [-a N] [-b N] [-x FILE] ROUNDS [NAME=VALUE …] COMMAND [ARG …] -- [NAME=VALUE …] COMMAND [ARG …]
 *
 * Times two commands as whole processes, in turn and in changing order, so that
 * whatever else the machine does hits both alike. Prints the medians in ms,
 * the median of the rounds' ratios first/second, and the first's peak memory in KiB.
 *
 * -a N, -b N   start N of the first, of the second at once, and wait for the last
 * -x FILE      remove FILE before every run: nothing is cached then
 * NAME=VALUE   goes into the environment, and stays there: to be given to both commands
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
#include <unistd.h>

enum { ROUNDS_MAX = 2000, WARM_UP = 3, COPIES_MAX = 1024 };

extern char **environ;

struct command {
	char **argv;
	int copies;
	long peak; /* KiB */
};

static posix_spawn_file_actions_t quiet;
static const char *forget;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Wall time of one run; exits if the command fails, since a failing command is fast. */
static double run(struct command *c)
{
	struct rusage used;
	char **argv = c->argv;
	double started;
	pid_t pid;
	int i, status;

	while (*argv && strchr(*argv, '='))
		putenv(*argv++);
	if (forget)
		unlink(forget);
	started = now();
	for (i = 0; i < c->copies; i++)
		if (!*argv || posix_spawnp(&pid, *argv, &quiet, NULL, argv, environ) != 0)
			goto failed;
	for (i = 0; i < c->copies; i++) {
		if (wait4(-1, &status, 0, &used) < 0 || status != 0)
			goto failed;
		if (used.ru_maxrss > c->peak)
			c->peak = used.ru_maxrss;
	}
	return now() - started;
failed:
	fprintf(stderr, "pair: %s failed\n", *argv ? *argv : "no command");
	exit(EXIT_FAILURE);
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

static int usage(void)
{
	fprintf(stderr, "usage: pair [-a N] [-b N] [-x FILE] ROUNDS [NAME=VALUE …] COMMAND [ARG …] -- …\n");
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static double a[ROUNDS_MAX], b[ROUNDS_MAX], ratio[ROUNDS_MAX];
	struct command first = {NULL, 1, 0}, second = {NULL, 1, 0};
	int option, rounds, i;

	while ((option = getopt(argc, argv, "+a:b:x:")) != -1)
		switch (option) {
		case 'a':
			first.copies = atoi(optarg);
			break;
		case 'b':
			second.copies = atoi(optarg);
			break;
		case 'x':
			forget = optarg;
			break;
		default:
			return usage();
		}
	rounds = optind < argc ? atoi(argv[optind]) : 0;
	first.argv = argv + optind + 1;
	for (i = optind + 1; i < argc && !second.argv; i++)
		if (strcmp(argv[i], "--") == 0) {
			argv[i] = NULL;
			second.argv = argv + i + 1;
		}
	if (rounds < 1 || rounds > ROUNDS_MAX || !second.argv || !*second.argv || !*first.argv)
		return usage();
	if (first.copies < 1 || first.copies > COPIES_MAX || second.copies < 1 || second.copies > COPIES_MAX)
		return usage();
	posix_spawn_file_actions_init(&quiet);
	posix_spawn_file_actions_addopen(&quiet, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
	for (i = -WARM_UP; i < rounds; i++) {
		int at = i < 0 ? 0 : i;

		if (i % 2)
			a[at] = run(&first);
		b[at] = run(&second);
		if (i % 2 == 0)
			a[at] = run(&first);
		ratio[at] = a[at] / b[at];
	}
	printf("%.3f %.3f %.3f %ld\n", median(a, rounds), median(b, rounds), median(ratio, rounds),
	       first.peak);
	return EXIT_SUCCESS;
}
