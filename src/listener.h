/*
 * Where a sign-in in a browser ends: one redirect to this machine's loopback,
 * taken among whatever else comes to that port (RFC 8252 §7.3, §8.3).
 *
 * Any program and any web page on this machine can send requests here. What ends the wait
 * is a GET of the right path, for a loopback host, with the right state; all else is
 * answered and forgotten. Connections are few, small and short-lived, and a new one pushes
 * out the one with the least time left: nobody holds the door by being slow or many.
 *
 * Not done here: making the state, redeeming the code, TLS (RFC 8252 wants none).
 * No thread, no signal handler; SIGPIPE cannot arise.
 *
 * Owner: whoever declared the struct; ent_listener_init first, ent_listener_close
 * last. Not for two threads at once.
 */
#ifndef ENT_LISTENER_H
#define ENT_LISTENER_H

#include "buf.h"
#include "redirect.h"

enum { ENT_LISTENER_CONNECTIONS = 16, ENT_LISTENER_PATH = 256 };

/* One connection: its request is read, its reply written, and then the peer's end awaited. */
struct ent_connection {
	int fd;            /* -1: free */
	double deadline;   /* on the monotonic clock; then it is closed, whatever it is at */
	struct ent_buf in; /* the head of the request, as far as it came */
	size_t scanned;
	struct ent_buf out; /* the reply; empty while the request is not whole */
	size_t sent;
};

struct ent_listener {
	int doors[2]; /* 127.0.0.1 and ::1; -1: none */
	int port;
	char path[ENT_LISTENER_PATH];

	/* The rest is listener.c's own. */
	struct ent_connection connections[ENT_LISTENER_CONNECTIONS];
	double deaf_until; /* no connection is accepted before */
};

struct ent_listener_wait {
	const char *state;
	size_t state_len;
	double seconds;
	int wake;  /* see ent_clock_wait; -1: none */
	int input; /* where a person may paste the redirect instead: "input" once it is readable; -1: none */
};

void ent_listener_init(struct ent_listener *listener);

/*
 * Listen on the same port of 127.0.0.1 and ::1, the first alone on a machine without
 * IPv6; port 0: one that is free. The path must be matched exactly.
 * Fails with errno's name: "EADDRINUSE" where either address has the port taken.
 */
int ent_listener_open(struct ent_listener *listener, int port, const char *path, struct ent_err *err);

bool ent_listener_is_open(const struct ent_listener *listener);

/*
 * Wait for the redirect, on a listener that is open. When it has come, nothing listens any
 * more while its page is delivered, which takes a second at most.
 * Fails with "timeout", "interrupted" or "input". Where that leaves the listener open, this may be called
 * again, and nothing that has begun to arrive is lost. An interrupted delivery closes it, and the
 * redirect is gone.
 */
int ent_listener_wait(struct ent_listener *listener, const struct ent_listener_wait *wait,
                      struct ent_redirect *out, struct ent_err *err);

/* Close everything; a second call does nothing. */
void ent_listener_close(struct ent_listener *listener);

#endif
