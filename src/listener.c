#define _GNU_SOURCE /* accept4 */
#include "listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "def.h"
#include "page.h"

/* A browser's head holds the cookies of whatever it was ever served from localhost. */
enum { HEAD_MOST = 32 * 1024, READ_STEP = 4096, PORT_TRIES = 32 };

/* Seconds: for a request to come in whole; for its reply to be taken; without a look at the doors after the
 * system would not open them. */
static const double request_time = 10, reply_time = 1, deaf_time = 0.1;

/* ---- the doors ---- */

/* A listening socket, or -errno. */
static int open_door(const struct sockaddr *address, socklen_t size)
{
	static const int yes = 1;
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), why;

	if (fd < 0)
		return -errno;
	/*
	 * SO_REUSEADDR, because the connections of the last sign-in, in TIME_WAIT, would keep a fixed port
	 * busy for a minute. Linux lets nobody listen on a port that is listened on for all that;
	 * SO_REUSEPORT would, and is not set.
	 */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 && bind(fd, address, size) == 0 &&
	    listen(fd, SOMAXCONN) == 0)
		return fd;
	why = errno;
	close(fd);
	return -why;
}

static int open_ipv4(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return open_door((const struct sockaddr *)&address, sizeof address);
}

static int open_ipv6(int port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	address.sin6_addr = in6addr_loopback;
	return open_door((const struct sockaddr *)&address, sizeof address);
}

static int port_of(int fd)
{
	struct sockaddr_in address = {0};
	socklen_t size = sizeof address;

	return getsockname(fd, (struct sockaddr *)&address, &size) == 0 ? ntohs(address.sin_port) : -errno;
}

static void close_doors(struct ent_listener *listener)
{
	size_t i;

	for (i = 0; i < ENT_COUNT(listener->doors); i++) {
		if (listener->doors[i] >= 0)
			close(listener->doors[i]);
		listener->doors[i] = -1;
	}
}

/*
 * 0 or -errno. Both addresses or none: "localhost" may mean either, and whoever listened on the other would
 * be sent the code.
 */
static int open_doors(struct ent_listener *listener, int port)
{
	int rc = listener->doors[0] = open_ipv4(port);

	if (rc >= 0)
		rc = listener->port = port_of(listener->doors[0]);
	if (rc >= 0) {
		rc = listener->doors[1] = open_ipv6(listener->port);
		if (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL) /* a machine without IPv6 */
			rc = 0;
	}
	if (rc < 0)
		close_doors(listener);
	return rc < 0 ? rc : 0;
}

bool ent_listener_is_open(const struct ent_listener *listener)
{
	return listener->doors[0] >= 0;
}

int ent_listener_open(struct ent_listener *listener, int port, const char *path, struct ent_err *err)
{
	int tries = port == 0 ? PORT_TRIES : 1, rc;

	if (strlen(path) >= sizeof listener->path)
		return ent_err_set(err, "too_big", "the path is longer than %zu bytes",
		                   sizeof listener->path - 1);
	memcpy(listener->path, path, strlen(path) + 1);
	do {
		rc = open_doors(listener, port);
	} while (rc == -EADDRINUSE && --tries > 0);
	return rc == 0 ? 0 : ent_err_sys(err, -rc, "cannot listen on port %d of localhost", port);
}

/* ---- connections ---- */

static void drop(struct ent_connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	connection->scanned = connection->sent = 0;
	ent_buf_free(&connection->in);
	ent_buf_free(&connection->out);
}

/* The connection that has the least time left; NULL: there is none. */
static struct ent_connection *next_to_go(struct ent_listener *listener)
{
	struct ent_connection *next = NULL;
	size_t i;

	for (i = 0; i < ENT_LISTENER_CONNECTIONS; i++) {
		struct ent_connection *c = &listener->connections[i];

		if (c->fd >= 0 && (!next || c->deadline < next->deadline))
			next = c;
	}
	return next;
}

static struct ent_connection *make_place(struct ent_listener *listener)
{
	struct ent_connection *next;
	size_t i;

	for (i = 0; i < ENT_LISTENER_CONNECTIONS; i++) {
		if (listener->connections[i].fd < 0)
			return &listener->connections[i];
	}
	next = next_to_go(listener);
	drop(next);
	return next;
}

static bool is_passing(int why)
{
	return why == EAGAIN || why == EWOULDBLOCK || why == EINTR;
}

/*
 * The peer closes when it has read our reply to the end. Closing first, with bytes of its own unread, would
 * reset the connection and might take the reply with it.
 */
static void see_off(struct ent_connection *connection)
{
	char scrap[READ_STEP];
	ssize_t n = recv(connection->fd, scrap, sizeof scrap, 0);

	if (n == 0 || (n < 0 && !is_passing(errno)))
		drop(connection);
}

static void speak(struct ent_connection *connection)
{
	const struct ent_buf *out = &connection->out;
	ssize_t n =
	    send(connection->fd, out->data + connection->sent, out->len - connection->sent, MSG_NOSIGNAL);

	if (n < 0 && is_passing(errno))
		return;
	connection->sent += n > 0 ? (size_t)n : 0;
	if (n < 0 || (connection->sent == out->len && shutdown(connection->fd, SHUT_WR) != 0))
		drop(connection);
}

static void answer(struct ent_connection *connection, enum ent_page page, bool with_body)
{
	struct ent_err unsaid;

	ent_buf_free(&connection->in);
	connection->deadline = ent_clock_monotonic() + reply_time;
	if (ent_page_write(page, with_body, &connection->out, &unsaid) == 0)
		speak(connection);
	else
		drop(connection);
}

/* ---- requests ---- */

/* What one wait is about. */
struct errand {
	const struct ent_listener_wait *wait;
	struct ent_redirect *out;
};

static enum ent_page judge(const struct ent_listener *listener, const struct ent_request *request,
                           const struct errand *errand)
{
	const struct ent_redirect *out = errand->out;

	if (!ent_request_is_for(request, listener->port))
		return ENT_PAGE_STRAY;
	if (!ent_slice_is(request->method, "GET"))
		return ENT_PAGE_METHOD;
	if (!ent_slice_is(request->path, listener->path))
		return ENT_PAGE_NOT_FOUND;
	if (!ent_redirect_read(request->query, errand->out) ||
	    !ent_redirect_has_state(out, errand->wait->state, errand->wait->state_len) ||
	    (out->code[0] == '\0') == (out->error[0] == '\0'))
		return ENT_PAGE_STRAY;
	return out->code[0] != '\0' ? ENT_PAGE_SIGNED_IN : ENT_PAGE_REFUSED;
}

/* From now on nobody is served but this one. */
static void shut_out_all_but(struct ent_listener *listener, const struct ent_connection *connection)
{
	size_t i;

	close_doors(listener);
	for (i = 0; i < ENT_LISTENER_CONNECTIONS; i++) {
		if (&listener->connections[i] != connection)
			drop(&listener->connections[i]);
	}
}

static void respond(struct ent_listener *listener, struct ent_connection *connection,
                    const struct errand *errand)
{
	struct ent_request request;
	enum ent_page page = ENT_PAGE_STRAY;

	if (ent_request_parse((const char *)connection->in.data, connection->scanned, &request))
		page = judge(listener, &request, errand);
	if (page == ENT_PAGE_SIGNED_IN || page == ENT_PAGE_REFUSED)
		shut_out_all_but(listener, connection);
	answer(connection, page, !ent_slice_is(request.method, "HEAD"));
}

static void hear(struct ent_listener *listener, struct ent_connection *connection,
                 const struct errand *errand)
{
	struct ent_buf *in = &connection->in;
	size_t left = in->ceiling - in->len;
	size_t step = left < READ_STEP ? left : READ_STEP;
	struct ent_err unsaid;
	void *to = ent_buf_grow(in, step, &unsaid);
	ssize_t n = to ? recv(connection->fd, to, step, 0) : 0;

	if (n < 0 && is_passing(errno))
		return;
	if (n <= 0) {
		drop(connection);
		return;
	}
	in->len += (size_t)n;
	switch (ent_request_end((const char *)in->data, in->len, &connection->scanned)) {
	case ENT_REQUEST_BAD:
		answer(connection, ENT_PAGE_STRAY, true);
		break;
	case ENT_REQUEST_PART:
		if (in->len == in->ceiling)
			answer(connection, ENT_PAGE_TOO_BIG, true);
		break;
	case ENT_REQUEST_WHOLE:
		respond(listener, connection, errand);
	}
}

static void serve(struct ent_listener *listener, struct ent_connection *connection,
                  const struct errand *errand)
{
	if (connection->out.len == 0)
		hear(listener, connection, errand);
	else if (connection->sent < connection->out.len)
		speak(connection);
	else
		see_off(connection);
}

static void let_in(struct ent_listener *listener, int door, const struct errand *errand)
{
	struct ent_connection *connection;
	int fd = accept4(door, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0) {
		/* Out of descriptors or memory, most likely. The door stays readable: to look again at once
		 * would be to spin. */
		if (!is_passing(errno) && errno != ECONNABORTED)
			listener->deaf_until = ent_clock_monotonic() + deaf_time;
		return;
	}
	connection = make_place(listener);
	connection->fd = fd;
	connection->deadline = ent_clock_monotonic() + request_time;
	/* The request is mostly there already; served at once, it cannot be pushed out by the next. */
	serve(listener, connection, errand);
}

/* ---- waiting ---- */

enum { WAKE, INPUT, DOORS, FIRST = DOORS + 2, POLLED = FIRST + ENT_LISTENER_CONNECTIONS };

static int to_ms(double seconds)
{
	/* One hour at a time keeps the conversion inside an int. */
	return seconds <= 0 ? 0 : seconds > 3600 ? 3600000 : (int)(seconds * 1000) + 1;
}

/* Sleep until something happens or is due. */
static int look(struct ent_listener *listener, double end, const struct ent_listener_wait *wait,
                struct pollfd fds[POLLED], struct ent_err *err)
{
	const struct ent_connection *next = next_to_go(listener);
	double now = ent_clock_monotonic();
	bool deaf = now < listener->deaf_until;
	size_t i;

	/* Once the redirect has come, the end of the wait is none of its delivery. */
	if (next && (next->deadline < end || !ent_listener_is_open(listener)))
		end = next->deadline;
	if (deaf && listener->deaf_until < end)
		end = listener->deaf_until;
	fds[WAKE] = (struct pollfd){wait->wake, POLLIN, 0};
	fds[INPUT] = (struct pollfd){listener->doors[0] < 0 ? -1 : wait->input, POLLIN, 0};
	for (i = 0; i < ENT_COUNT(listener->doors); i++)
		fds[DOORS + i] = (struct pollfd){deaf ? -1 : listener->doors[i], POLLIN, 0};
	for (i = 0; i < ENT_LISTENER_CONNECTIONS; i++) {
		const struct ent_connection *c = &listener->connections[i];

		fds[FIRST + i] = (struct pollfd){c->fd, c->sent < c->out.len ? POLLOUT : POLLIN, 0};
	}
	if (poll(fds, POLLED, to_ms(end - now)) < 0 && errno != EINTR)
		return ent_err_sys(err, errno, "cannot wait for the browser");
	if (fds[WAKE].revents != 0)
		return ent_err_set(err, "interrupted", "interrupted");
	return fds[INPUT].revents == 0 ? 0 : ent_err_set(err, "input", "there is something to read");
}

/* Those inside before those at the doors, who may push them out. */
static void tend(struct ent_listener *listener, const struct pollfd fds[POLLED], const struct errand *errand)
{
	double now = ent_clock_monotonic();
	size_t i;

	for (i = 0; i < ENT_LISTENER_CONNECTIONS; i++) {
		struct ent_connection *c = &listener->connections[i];

		if (c->fd >= 0 && fds[FIRST + i].revents != 0)
			serve(listener, c, errand);
		if (c->fd >= 0 && c->deadline <= now)
			drop(c);
	}
	for (i = 0; i < ENT_COUNT(listener->doors); i++) {
		if (listener->doors[i] >= 0 && fds[DOORS + i].revents != 0)
			let_in(listener, listener->doors[i], errand);
	}
}

int ent_listener_wait(struct ent_listener *listener, const struct ent_listener_wait *wait,
                      struct ent_redirect *out, struct ent_err *err)
{
	const struct errand errand = {wait, out};
	double end = ent_clock_monotonic() + wait->seconds;
	struct pollfd fds[POLLED];

	for (;;) {
		if (look(listener, end, wait, fds, err) != 0)
			return -1;
		tend(listener, fds, &errand);
		if (!ent_listener_is_open(listener)) { /* it has come */
			if (!next_to_go(listener))
				return 0;
		} else if (ent_clock_monotonic() >= end) {
			return ent_err_set(err, "timeout", "nobody came back from the browser in time");
		}
	}
}

void ent_listener_init(struct ent_listener *listener)
{
	size_t i;

	memset(listener, 0, sizeof *listener);
	listener->doors[0] = listener->doors[1] = -1;
	for (i = 0; i < ENT_LISTENER_CONNECTIONS; i++) {
		struct ent_connection *c = &listener->connections[i];

		c->fd = -1;
		c->in.ceiling = HEAD_MOST;
		c->out.ceiling = ENT_PAGE_MOST;
	}
}

void ent_listener_close(struct ent_listener *listener)
{
	shut_out_all_but(listener, NULL);
}
