/* What a process that holds secrets owes its user. */
#ifndef ENT_HARDEN_H
#define ENT_HARDEN_H

#include "err.h"

/* No core file, no ptrace by other processes of the same user, no readable /proc/PID/mem. */
int ent_harden(struct ent_err *err);

#endif
