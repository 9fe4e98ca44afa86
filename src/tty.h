/* What a standard descriptor is connected to. */
#ifndef ENT_TTY_H
#define ENT_TTY_H

/* "terminal", "pipe", "file", or "other" (a socket, /dev/null, another device, closed). */
const char *ent_tty_kind(int fd);

#endif
