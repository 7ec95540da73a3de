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

enum { DRAIN_US = 2000000, DRAIN_READ_MS = 500, ACCEPT_PAUSE_MS = 100 };

struct fcgi {
	int listener, epoll;
	sigset_t waiting;        /* the signal mask while waiting: SIGTERM and SIGUSR1 let through */
	uint64_t drain_until_us; /* 0: not draining */

	struct connection connection;
	struct exchange exchange;
	bool open;    /* a request is in hand: between fcgi_next and fcgi_finish */
	bool replied; /* and was answered */
};

/* Async-signal-safe: the one thing a handler may touch. */
static volatile sig_atomic_t stop_asked;

static void
on_stop(int signal)
{
	(void)signal;
	stop_asked = 1;
}

struct fcgi *
fcgi_open(int listener)
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
	fcgi->epoll = -1;
	fcgi->connection.fd = -1;
	if (getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || !listening) {
		log_error("standard input is no listening socket: start this with spawn-fcgi (see latch-fcgi(8))");
		fcgi_close(fcgi);
		return NULL;
	}
	/* Blocked for good, and let through in wait_for_work alone: so none comes in the middle of a request, and none is lost
	 * between two. */
	(void)sigemptyset(&block);
	(void)sigaddset(&block, SIGTERM);
	(void)sigaddset(&block, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &block, &fcgi->waiting);
	(void)sigdelset(&fcgi->waiting, SIGTERM);
	(void)sigdelset(&fcgi->waiting, SIGUSR1);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGUSR1, &action, NULL);

	/* Workers wait in epoll, exclusively: poll would wake all of them for each connection. */
	fcgi->epoll = epoll_create1(EPOLL_CLOEXEC);
	const int flags = fcntl(listener, F_GETFL);
	if (fcgi->epoll < 0 || flags < 0 || fcntl(listener, F_SETFL, flags | O_NONBLOCK) != 0
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

/* The descriptor that the next request comes from: a connection that the web server kept, else the listener. */
static int
wait_ready(struct fcgi *fcgi, bool draining)
{
	struct epoll_event event;
	struct pollfd kept = { .fd = fcgi->connection.fd, .events = POLLIN };
	const struct timespec at_once = { 0, 0 };

	if (connection_has_more(&fcgi->connection))
		return 1;
	if (kept.fd < 0)
		return epoll_pwait(fcgi->epoll, &event, 1, draining ? 0 : -1, &fcgi->waiting);
	const int ready = ppoll(&kept, 1, draining ? &at_once : NULL, &fcgi->waiting);
	if (ready == 0) /* draining, and nothing has come on it */
		connection_close(&fcgi->connection, false);
	return ready;
}

/* True when there may be something to accept; false when this worker is to end. */
static bool
wait_for_work(struct fcgi *fcgi)
{
	for (;;) {
		if (stop_asked && fcgi->drain_until_us == 0)
			fcgi->drain_until_us = clock_mono_us() + DRAIN_US;
		const bool draining = fcgi->drain_until_us != 0, kept = fcgi->connection.fd >= 0;
		if (draining && clock_mono_us() > fcgi->drain_until_us)
			return false;
		const int ready = wait_ready(fcgi, draining);
		if (ready > 0)
			return true;
		if (ready < 0 && errno != EINTR) {
			log_error("FastCGI wait: %s", strerror(errno));
			(void)poll(NULL, 0, ACCEPT_PAUSE_MS);
		}
		if (draining && !kept)
			return false;
	}
}

/* What waits on the listener, if it is still there. */
static bool
accept_one(struct fcgi *fcgi)
{
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

bool
fcgi_next(struct fcgi *fcgi, struct arena *arena, struct request *out)
{
	while (wait_for_work(fcgi)) {
		if (fcgi->connection.fd < 0 && !accept_one(fcgi))
			continue;
		connection_begin(&fcgi->connection, fcgi->drain_until_us != 0 ? DRAIN_READ_MS : CONNECTION_READ_MS);
		fcgi->open = true;
		fcgi->replied = false;
		const bool there = request_read(&fcgi->connection, arena, &fcgi->exchange, out);
		if (there && fcgi->exchange.role == ROLE_RESPONDER)
			return true;
		if (there) {
			/* As an authorizer no status at all would let everybody in. */
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
