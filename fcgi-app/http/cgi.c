#include "http/cgi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"

/* Ten seconds for the request and ten for the answer, as with FastCGI, and as long for what is between: hash lanes and
 * database have limits of their own, which come to less. */
enum { ALL_S = (2 * CONNECTION_READ_MS + CONNECTION_WRITE_MS) / 1000 };

static bool
has(char *const *environment, struct str beginning)
{
	for (; *environment != NULL; environment++)
		if (str_starts(str_of(*environment), beginning))
			return true;
	return false;
}

bool
cgi_asked(int input, char *const *environment)
{
	int listening = 0;
	socklen_t size = sizeof(listening);

	if (getsockopt(input, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening)
		return false;
	return has(environment, STR("GATEWAY_INTERFACE=CGI/")) && has(environment, STR("REQUEST_METHOD="));
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

/* Tokens and cookies came in it: whoever may read /proc/PID/environ finds nothing any more. */
static void
empty(char **environment)
{
	for (char **one = environment; *one != NULL; one++)
		explicit_bzero(*one, strlen(*one));
	environment[0] = NULL;
}

/* One read(2) of what is there, or will be before the deadline. 0: the end; -1: failed, or too late. */
static ssize_t
take(char *to, size_t n, uint64_t deadline_us)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	for (;;) {
		const uint64_t now = clock_mono_us();
		if (now >= deadline_us || poll(&input, 1, (int)((deadline_us - now) / 1000) + 1) == 0)
			return -1;
		const ssize_t got = read(STDIN_FILENO, to, n);
		if (got >= 0 || (errno != EINTR && errno != EAGAIN))
			return got;
	}
}

/* A body that is refused is read to its end all the same: a web server that hands it over on a socket, as Apache's mod_cgid
 * does, would meet a broken connection in the place of the answer. */
static void
throw_away(uint64_t n, uint64_t deadline_us)
{
	char some[16 * 1024];

	while (n > 0) {
		const ssize_t got = take(some, n < sizeof(some) ? n : sizeof(some), deadline_us);
		if (got <= 0)
			return;
		n -= (uint64_t)got;
	}
}

/* Exactly what was announced: more than that a script must not read (RFC 3875, 4.2), and without an announcement nothing. */
static bool
read_body(struct arena *arena, struct str content_length, struct request *out, uint64_t deadline_us)
{
	uint64_t announced = 0;
	size_t n = 0;

	if (content_length.n > 0 && !parse_u64(content_length, &announced))
		return false;
	out->body_large = announced > BODY_MAX;
	if (out->body_large) {
		throw_away(announced, deadline_us);
		return true;
	}
	char *body = arena_alloc(arena, announced);
	if (body == NULL)
		return false;
	while (n < announced) {
		const ssize_t got = take(body + n, announced - n, deadline_us);
		if (got <= 0)
			return false;
		n += (size_t)got;
	}
	out->body = (struct str){ body, n };
	return true;
}

bool
cgi_read(char **environment, struct arena *arena, struct request *out)
{
	const uint64_t deadline_us = clock_mono_us() + (uint64_t)CONNECTION_READ_MS * 1000;
	struct str content_length;

	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(ALL_S);
	const bool there = request_of_environment(environment, arena, out, &content_length);
	empty(environment);
	if (there && read_body(arena, content_length, out, deadline_us))
		return true;
	log_info("request broken off");
	return false;
}

/* ---- Answering --------------------------------------------------------------------------------------------------- */

static bool
send_all(struct str text)
{
	while (text.n > 0) {
		const ssize_t sent = write(STDOUT_FILENO, text.p, text.n);
		if (sent < 0 && errno != EINTR)
			return false;
		if (sent > 0)
			text = (struct str){ text.p + sent, text.n - (size_t)sent };
	}
	return true;
}

/* In the place of what the web server waits for the end of. Never closed alone: the next descriptor would take its number. */
static void
hang_up(int first, int last)
{
	const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = first; fd <= last; fd++)
		if (nowhere < 0 || dup2(nowhere, fd) < 0)
			(void)close(fd);
	if (nowhere > last)
		(void)close(nowhere);
}

void
cgi_send(const struct request *request, const struct response *response)
{
	struct response_text text;

	response_write(response, request->head, &text);
	(void)alarm(CONNECTION_WRITE_MS / 1000);
	/* A web server that is gone has nobody to tell. */
	if (send_all((struct str){ text.head, text.head_n }))
		(void)send_all(text.body);
	hang_up(STDOUT_FILENO, STDOUT_FILENO);
}

bool
cgi_let_go(void)
{
	const pid_t pid = fork();

	if (pid < 0)
		return false;
	/* Not exit(3): what is open, the connection to the database say, is the other's now, and must not be closed in form. */
	if (pid > 0)
		_exit(EXIT_SUCCESS);
	(void)setsid();
	hang_up(STDIN_FILENO, STDERR_FILENO);
	(void)alarm(CGI_AFTER_S);
	return true;
}
