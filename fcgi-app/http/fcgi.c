#include "http/fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
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

enum {
	PARAMS_MAX = 200,
	DRAIN_US = 2000000,
	ACCEPT_PAUSE_MS = 100,
	RESPONDER = 1 /* FCGI_RESPONDER (FastCGI 1.0, 5.1) */
};

struct fcgi {
	FCGX_Request request;
	int listener, epoll;
	sigset_t waiting;        /* the signal mask while waiting: everything let through */
	bool open;               /* between accept and finish */
	uint64_t drain_until_us; /* 0: not draining */
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

	if (fcgi == NULL)
		return NULL;
	fcgi->listener = listener;
	fcgi->epoll = -1;
	fcgi->request.ipcFd = -1; /* what FCGX_Free goes by, should this fail before FCGX_InitRequest */
	if (getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || !listening) {
		log_error("standard input is no listening socket: start this with spawn-fcgi (see latch-fcgi(8))");
		fcgi_close(fcgi);
		return NULL;
	}
	/* Blocked for good, and let through in wait_for_work alone: libfcgi takes a signal in a read for the end of the
	 * stream, and spins when one comes before the first record. */
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
	    || epoll_ctl(fcgi->epoll, EPOLL_CTL_ADD, listener, &event) != 0 || FCGX_Init() != 0
	    || FCGX_InitRequest(&fcgi->request, listener, FCGI_FAIL_ACCEPT_ON_INTR) != 0) {
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
	FCGX_Free(&fcgi->request, 1);
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
	struct pollfd kept = { .fd = fcgi->request.ipcFd, .events = POLLIN };
	const struct timespec at_once = { 0, 0 };

	if (kept.fd < 0)
		return epoll_pwait(fcgi->epoll, &event, 1, draining ? 0 : -1, &fcgi->waiting);
	const int ready = ppoll(&kept, 1, draining ? &at_once : NULL, &fcgi->waiting);
	if (ready == 0) /* draining, and nothing has come on it */
		FCGX_Free(&fcgi->request, 1);
	return ready;
}

/* True when there may be something to accept; false when this worker is to end. */
static bool
wait_for_work(struct fcgi *fcgi)
{
	for (;;) {
		if (stop_asked && fcgi->drain_until_us == 0)
			fcgi->drain_until_us = clock_mono_us() + DRAIN_US;
		const bool draining = fcgi->drain_until_us != 0, kept = fcgi->request.ipcFd >= 0;
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

/* clang-format off */
#define WANTED(name, member) { { (name), sizeof(name) - 1 }, offsetof(struct request, member) }
/* clang-format on */

static const struct wanted {
	struct str name;
	size_t at;
} wanted[] = {
	WANTED("REQUEST_METHOD", method_name), WANTED("PATH_INFO", path),
	WANTED("SCRIPT_NAME", script),         WANTED("CONTENT_TYPE", content_type),
	WANTED("REMOTE_ADDR", remote_addr),    WANTED("HTTP_AUTHORIZATION", authorization),
	WANTED("HTTP_ORIGIN", origin),         WANTED("HTTP_IF_NONE_MATCH", if_none_match),
};

static void
read_parameter(struct request *out, const char *parameter, struct str *content_length)
{
	struct str value = str_of(parameter);
	const struct str name = str_cut(&value, '=');

	if (str_eq(name, STR("CONTENT_LENGTH")) && content_length->p == NULL)
		*content_length = value;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		struct str *member = (struct str *)(void *)((char *)out + wanted[i].at);
		if (!str_eq(name, wanted[i].name))
			continue;
		if (member == &out->authorization && member->p != NULL)
			out->authorization_twice = true;
		if (member->p == NULL) /* the first counts, as everywhere with FastCGI */
			*member = value;
		if (value.n > HEADER_VALUE_MAX)
			out->malformed = true;
		return;
	}
}

const char *
method_name(enum method method)
{
	static const char *const names[METHOD__COUNT] = { "-", "GET", "POST", "PATCH", "OPTIONS" };

	return names[method];
}

static void
read_method(struct request *out)
{
	out->head = str_eq(out->method_name, STR("HEAD"));
	out->method = out->head ? METHOD_GET : METHOD_OTHER;
	for (enum method m = METHOD_GET; m < METHOD__COUNT; m++)
		if (str_eq(out->method_name, str_of(method_name(m))))
			out->method = m;
}

/* False when the client broke off. A body that was not read to its end must not stay on a kept connection, where it would
 * be taken for FastCGI records: a whole request could be forged in it. */
static bool
read_body(struct fcgi *fcgi, struct arena *arena, struct str content_length, struct request *out)
{
	uint64_t announced = 0;
	const bool known = content_length.n > 0;

	if (known && !parse_u64(content_length, &announced))
		return false;
	out->body_large = announced > BODY_MAX;
	char *body = out->body_large ? NULL : arena_alloc(arena, BODY_MAX + 1);
	if (body == NULL) {
		fcgi->request.keepConnection = 0;
		return out->body_large;
	}
	size_t n = 0;
	for (int got = 1; got > 0 && n <= BODY_MAX; n += (size_t)got)
		got = FCGX_GetStr(body + n, (int)(BODY_MAX + 1 - n), fcgi->request.in);
	if (n > BODY_MAX) {
		out->body_large = true;
		fcgi->request.keepConnection = 0;
		return true;
	}
	arena_trim(arena, body, n);
	out->body = (struct str){ body, n };
	return FCGX_GetError(fcgi->request.in) == 0 && (!known || n == announced);
}

/* Reads what was accepted; false when it is to be dropped. */
static bool
read_request(struct fcgi *fcgi, struct arena *arena, struct request *out)
{
	struct str content_length = { 0 };
	size_t n = 0;

	*out = (struct request){ 0 };
	/* Accepting succeeds also when the parameters were cut short. */
	if (FCGX_GetError(fcgi->request.in) != 0)
		return false;
	for (char **p = fcgi->request.envp; *p != NULL; p++, n++)
		read_parameter(out, *p, &content_length);
	if (out->method_name.n == 0)
		return false;
	out->malformed = out->malformed || n > PARAMS_MAX;
	if (out->path.n == 0)
		out->path = STR("/");
	read_method(out);
	return read_body(fcgi, arena, content_length, out);
}

bool
fcgi_next(struct fcgi *fcgi, struct arena *arena, struct request *out)
{
	while (wait_for_work(fcgi)) {
		const int rc = FCGX_Accept_r(&fcgi->request);
		if (rc == -EAGAIN || rc == -EINTR)
			continue;
		if (rc < 0) {
			/* Out of descriptors, say: trying at once again would only burn the processor. */
			log_error("FastCGI accept: error %d", -rc);
			(void)poll(NULL, 0, ACCEPT_PAUSE_MS);
			continue;
		}
		fcgi->open = true;
		/* As an authorizer no status at all would let everybody in. */
		if (fcgi->request.role != RESPONDER) {
			(void)FCGX_PutS("Status: 403\r\n\r\n", fcgi->request.out);
			log_warn("FastCGI role %d refused", fcgi->request.role);
		} else if (read_request(fcgi, arena, out)) {
			return true;
		} else {
			log_info("request broken off");
		}
		fcgi->request.keepConnection = 0;
		fcgi_finish(fcgi);
		arena_reset(arena);
	}
	return false;
}

/* ---- Answering ------------------------------------------------------------------------------------------------- */

void
response_header(struct response *response, const char *name, struct str value)
{
	if (response->nheaders < HEADERS_MAX)
		response->headers[response->nheaders++] = (struct header){ name, value };
	else
		log_error("response header %s: no room left", name);
}

/* nginx sends the phrase on as it is, and without one a status line that some clients refuse. */
static const char *
reason_phrase(uint16_t status)
{
	static const struct {
		uint16_t status;
		const char *phrase;
	} phrases[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 422, "Unprocessable Content" },
		{ 500, "Internal Server Error" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < COUNT(phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Status";
}

void
fcgi_send(struct fcgi *fcgi, const struct request *request, const struct response *response)
{
	FCGX_Stream *out = fcgi->request.out;
	char line[128];

	(void)snprintf(line, sizeof(line), "Status: %u %s\r\n", response->status, reason_phrase(response->status));
	(void)FCGX_PutS(line, out);
	for (size_t i = 0; i < response->nheaders; i++) {
		(void)FCGX_PutS(response->headers[i].name, out);
		(void)FCGX_PutS(": ", out);
		(void)FCGX_PutStr(response->headers[i].value.p, (int)response->headers[i].value.n, out);
		(void)FCGX_PutS("\r\n", out);
	}
	if (response->content_type != NULL) {
		(void)snprintf(line, sizeof(line), "Content-Type: %s\r\nContent-Length: %zu\r\n", response->content_type,
		               response->body.n);
		(void)FCGX_PutS(line, out);
	}
	(void)FCGX_PutS("\r\n", out);
	if (response->content_type != NULL && !request->head && response->body.n > 0)
		(void)FCGX_PutStr(response->body.p, (int)response->body.n, out);
}

void
fcgi_finish(struct fcgi *fcgi)
{
	static const char *const secret[] = { "HTTP_AUTHORIZATION=", "HTTP_COOKIE=" };

	if (!fcgi->open)
		return;
	fcgi->open = false;
	for (char **p = fcgi->request.envp; p != NULL && *p != NULL; p++)
		for (size_t i = 0; i < COUNT(secret); i++)
			if (strncmp(*p, secret[i], strlen(secret[i])) == 0)
				explicit_bzero(*p, strlen(*p));
	FCGX_Finish_r(&fcgi->request);
}
