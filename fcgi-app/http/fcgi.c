#include "http/fcgi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "http/records.h"

enum { DRAIN_US = 2000000, DRAIN_READ_MS = 500, ACCEPT_PAUSE_MS = 100, LOOK_US = 50000 };

struct fcgi {
	int listener, epoll;
	int listener_flags; /* F_GETFL's, with O_NONBLOCK */
	bool authorizer_only;
	sigset_t waiting;        /* the signal mask while waiting: those of stop_signals let through */
	uint64_t drain_until_us; /* 0: not draining */
	uint64_t looked_us;      /* for a signal, last */

	struct connection connection;
	struct exchange exchange;
	bool open;    /* a request is in hand: between fcgi_next and fcgi_finish */
	bool replied; /* and was answered */
};

/* multiwatch ends its workers by the second, and hands the third on to them while it goes on itself. */
static const int stop_signals[] = { SIGTERM, SIGUSR1, SIGUSR2 };

/* Async-signal-safe: the one thing a handler may touch. */
static volatile sig_atomic_t stop_asked;

static void
on_stop(int signal)
{
	(void)signal;
	stop_asked = 1;
}

struct fcgi *
fcgi_open(int listener, bool authorizer_only)
{
	struct fcgi *fcgi = calloc(1, sizeof(*fcgi));
	int listening = 0;
	socklen_t size = sizeof(listening);
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct sigaction action = { .sa_handler = on_stop };
	sigset_t block;

	if (fcgi == NULL) {
		log_error("out of memory");
		return NULL;
	}
	fcgi->listener = listener;
	fcgi->authorizer_only = authorizer_only;
	fcgi->epoll = -1;
	fcgi->connection.fd = -1;
	if (getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || !listening) {
		log_error("standard input is no listening socket: start this with spawn-fcgi (see latch-fcgi(8))");
		fcgi_close(fcgi);
		return NULL;
	}
	/* Blocked for good, let through where this waits and looked for where it does not: so none comes in the middle of a
	 * request, and none is lost between two. */
	(void)sigemptyset(&block);
	for (size_t i = 0; i < COUNT(stop_signals); i++)
		(void)sigaddset(&block, stop_signals[i]);
	(void)sigprocmask(SIG_BLOCK, &block, &fcgi->waiting);
	for (size_t i = 0; i < COUNT(stop_signals); i++) {
		(void)sigdelset(&fcgi->waiting, stop_signals[i]);
		(void)sigaction(stop_signals[i], &action, NULL);
	}

	/* Workers wait in epoll, exclusively: poll would wake all of them for each connection. */
	fcgi->epoll = epoll_create1(EPOLL_CLOEXEC);
	const int flags = fcntl(listener, F_GETFL);
	fcgi->listener_flags = flags | O_NONBLOCK;
	if (fcgi->epoll < 0 || flags < 0 || fcntl(listener, F_SETFL, fcgi->listener_flags) != 0
	    || epoll_ctl(fcgi->epoll, EPOLL_CTL_ADD, listener, &event) != 0) {
		log_error("FastCGI socket: %s", strerror(errno));
		fcgi_close(fcgi);
		return NULL;
	}
	return fcgi;
}

void
fcgi_close(struct fcgi *fcgi)
{
	if (fcgi == NULL)
		return;
	connection_close(&fcgi->connection, false);
	if (fcgi->epoll >= 0)
		(void)close(fcgi->epoll);
	free(fcgi);
}

/* ---- Accepting ------------------------------------------------------------------------------------------------- */

/* A worker that is never idle never waits, and no signal reaches it but here. */
bool
fcgi_stopping(struct fcgi *fcgi)
{
	sigset_t pending;

	fcgi->looked_us = clock_mono_us();
	if (stop_asked || sigpending(&pending) != 0)
		return stop_asked;
	for (size_t i = 0; i < COUNT(stop_signals); i++)
		if (sigismember(&pending, stop_signals[i]) == 1)
			stop_asked = 1;
	return stop_asked;
}

/* True when this worker is to end. */
static bool
ending(struct fcgi *fcgi)
{
	const uint64_t now = clock_mono_us();
	const bool stop = now - fcgi->looked_us > LOOK_US ? fcgi_stopping(fcgi) : stop_asked;

	if (stop && fcgi->drain_until_us == 0)
		fcgi->drain_until_us = now + DRAIN_US;
	return fcgi->drain_until_us != 0 && now > fcgi->drain_until_us;
}

/* Waits for a connection; false when this worker is to end, for it is draining and none is there. */
static bool
wait_for_connection(struct fcgi *fcgi)
{
	struct epoll_event event;

	if (fcgi->drain_until_us != 0)
		return false;
	if (epoll_pwait(fcgi->epoll, &event, 1, -1, &fcgi->waiting) < 0 && errno != EINTR) {
		log_error("FastCGI wait: %s", strerror(errno));
		(void)poll(NULL, 0, ACCEPT_PAUSE_MS);
	}
	return true;
}

/* Waits for the next request on the connection that the web server kept; false when there is none yet. */
static bool
kept_ready(struct fcgi *fcgi)
{
	struct pollfd kept = { .fd = fcgi->connection.fd, .events = POLLIN };
	const struct timespec at_once = { 0, 0 };

	if (connection_has_more(&fcgi->connection))
		return true;
	const int ready = ppoll(&kept, 1, fcgi->drain_until_us != 0 ? &at_once : NULL, &fcgi->waiting);
	if (ready == 0 || (ready < 0 && errno != EINTR)) /* draining, and nothing has come on it */
		connection_close(&fcgi->connection, false);
	return ready > 0;
}

/* Takes what waits on the listener. Before anything is waited for: a busy worker saves itself a system call each time. */
static bool
accept_one(struct fcgi *fcgi)
{
	/* All who hold the socket share this flag, and systemd takes it away whenever it starts a program with it. Then all
	 * workers would wait here, where no signal reaches them. */
	(void)fcntl(fcgi->listener, F_SETFL, fcgi->listener_flags);
	fcgi->connection.fd = accept4(fcgi->listener, NULL, NULL, SOCK_CLOEXEC);
	if (fcgi->connection.fd >= 0)
		return true;
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		/* Out of descriptors, say: trying at once again would only burn the processor. */
		log_error("FastCGI accept: %s", strerror(errno));
		(void)poll(NULL, 0, ACCEPT_PAUSE_MS);
	}
	return false;
}

enum next { NEXT_READY, NEXT_NONE_YET, NEXT_NEVER };

static enum next
next_connection(struct fcgi *fcgi)
{
	if (ending(fcgi))
		return NEXT_NEVER;
	if (fcgi->connection.fd >= 0)
		return kept_ready(fcgi) ? NEXT_READY : NEXT_NONE_YET;
	if (accept_one(fcgi))
		return NEXT_READY;
	return wait_for_connection(fcgi) ? NEXT_NONE_YET : NEXT_NEVER;
}

static bool
takes_role(const struct fcgi *fcgi, unsigned role)
{
	return role == ROLE_AUTHORIZER || (role == ROLE_RESPONDER && !fcgi->authorizer_only);
}

bool
fcgi_next(struct fcgi *fcgi, struct arena *arena, struct request *out)
{
	enum next next;

	while ((next = next_connection(fcgi)) != NEXT_NEVER) {
		if (next == NEXT_NONE_YET)
			continue;
		connection_begin(&fcgi->connection, fcgi->drain_until_us != 0 ? DRAIN_READ_MS : CONNECTION_READ_MS);
		fcgi->open = true;
		fcgi->replied = false;
		const bool there = request_read(&fcgi->connection, arena, &fcgi->exchange, out);
		if (there && takes_role(fcgi, fcgi->exchange.role))
			return true;
		if (there) {
			fcgi_send(fcgi, out, &(const struct response){ .status = 403 });
			log_warn("FastCGI role %u refused", fcgi->exchange.role);
		} else if (fcgi->connection.touched) {
			log_info("request broken off");
		}
		fcgi->exchange.keep = false;
		fcgi_finish(fcgi);
		arena_reset(arena);
	}
	return false;
}

void
fcgi_send(struct fcgi *fcgi, const struct request *request, const struct response *response)
{
	fcgi->replied = true;
	/* A web server that is gone has nobody to tell. */
	if (!response_send(&fcgi->connection, fcgi->exchange.id, request->head, response))
		fcgi->exchange.keep = false;
}

void
fcgi_finish(struct fcgi *fcgi)
{
	if (!fcgi->open)
		return;
	fcgi->open = false;
	connection_wipe(&fcgi->connection);
	/* What of a body was not read would be taken for the next request, which a client could so forge. */
	if (!fcgi->exchange.keep || !fcgi->exchange.whole)
		connection_close(&fcgi->connection, fcgi->replied && !fcgi->exchange.whole);
}
