/* Time, and waiting for it. Seconds throughout. */
#ifndef ENT_CLOCK_H
#define ENT_CLOCK_H

#include "err.h"

/* Seconds since 1970-01-01 UTC; may jump when the administrator sets the clock. */
double ent_clock_wall(void);

/* Seconds since some fixed moment; never jumps. For deadlines inside one process. */
double ent_clock_monotonic(void);

/*
 * Sleep. `wake` is a descriptor whose becoming readable ends the sleep early
 * with the code "interrupted" (-1: none); it is not read from.
 */
int ent_clock_wait(double seconds, int wake, struct ent_err *err);

/* The same, ended also by a second descriptor, with the code "input". */
int ent_clock_watch(double seconds, int wake, int input, struct ent_err *err);

#endif
