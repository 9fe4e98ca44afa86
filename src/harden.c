#define _GNU_SOURCE /* prctl */
#include "harden.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int ent_harden(struct ent_err *err)
{
	struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return ent_err_sys(err, errno, "cannot turn core files off");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return ent_err_sys(err, errno, "cannot make the process undumpable");
	return 0;
}
