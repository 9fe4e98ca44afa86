#include "tty.h"

#include <sys/stat.h>
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
