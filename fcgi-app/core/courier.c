#include "core/courier.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/log.h"
#include "core/metrics.h"

_Static_assert(COUNT_OUTBOUND_NO_PROGRAM - COUNT_OUTBOUND_OK == OUTBOUND_NO_PROGRAM, "a count for each result");

/* ---- The program -------------------------------------------------------------------------------------------------- */

/* What is left to the child: its end of the pair as standard input and output, and the log. Its signals are as if nobody had
 * touched them, and in a process group of its own those for the pool's do not reach it: its worker has a request in hand. */
static int
spawn(pid_t *pid, const char *program, int end)
{
	static char name[] = "latch-outbound";
	char *const argv[] = { name, NULL }, *const environment[] = { NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	int rc = posix_spawn_file_actions_init(&files);
	if (rc != 0)
		return rc;
	rc = posix_spawnattr_init(&how);
	if (rc == 0) {
		if ((rc = posix_spawn_file_actions_adddup2(&files, end, STDIN_FILENO)) == 0
		    && (rc = posix_spawn_file_actions_adddup2(&files, end, STDOUT_FILENO)) == 0
		    && (rc = posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1)) == 0
		    && (rc = posix_spawnattr_setsigmask(&how, &none)) == 0
		    && (rc = posix_spawnattr_setsigdefault(&how, &all)) == 0 && (rc = posix_spawnattr_setpgroup(&how, 0)) == 0
		    && (rc = posix_spawnattr_setflags(&how,
		                                      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
		           == 0)
			rc = posix_spawn(pid, program, &files, &how, argv, environment);
		(void)posix_spawnattr_destroy(&how);
	}
	(void)posix_spawn_file_actions_destroy(&files);
	return rc;
}

/* Sockets and not pipes: to write to a pipe that nobody reads would be SIGPIPE, and only send() can do without. */
static bool
start(struct courier *courier, const char *program)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
		log_error("%s: %s", program, strerror(errno));
		return false;
	}
	const int rc = spawn(&courier->pid, program, ends[1]);
	(void)close(ends[1]);
	if (rc == 0) {
		courier->socket = ends[0];
		return true;
	}
	(void)close(ends[0]);
	courier->pid = 0;
	log_error("%s: %s", program, strerror(rc));
	return false;
}

/* It has nothing to put in order: so nothing is waited for but the kernel. */
static void
stop(struct courier *courier)
{
	if (courier->pid == 0)
		return;
	(void)close(courier->socket);
	(void)kill(courier->pid, SIGKILL);
	while (waitpid(courier->pid, NULL, 0) < 0 && errno == EINTR)
		;
	courier->pid = 0;
	courier->socket = -1;
}

enum outbound_result
courier_open(struct courier *courier, const char *program, struct lanes *lanes, uint32_t total_ms)
{
	*courier = (struct courier){ .socket = -1, .deadline_us = clock_mono_us() + (uint64_t)total_ms * 1000 };
	const enum err err = lanes_enter(lanes, false);
	if (err == ERR_BUSY)
		return OUTBOUND_BUSY;
	if (err == OK) {
		courier->lanes = lanes;
		if (start(courier, program))
			return OUTBOUND_OK;
	}
	metrics_add(COUNT_OUTBOUND_NO_PROGRAM, 1);
	return OUTBOUND_NO_PROGRAM;
}

void
courier_close(struct courier *courier)
{
	stop(courier);
	if (courier->lanes != NULL)
		lanes_leave(courier->lanes);
	courier->lanes = NULL;
}

/* ---- Questions and answers ---------------------------------------------------------------------------------------- */

enum moved { MOVED_ALL, MOVED_TOO_LATE, MOVED_NO_FURTHER };

/* Until it can be gone on with; false: the time is over. */
static bool
await(int fd, short events, uint64_t until_us)
{
	struct pollfd one = { .fd = fd, .events = events };

	for (;;) {
		const uint64_t now = clock_mono_us();
		/* Rounded up: a wait of 0 would make it spin through the last millisecond. */
		const int rc = now < until_us ? poll(&one, 1, (int)((until_us - now + 999) / 1000)) : 0;
		if (rc > 0 || (rc < 0 && errno != EINTR))
			return true;
		if (rc == 0)
			return false;
	}
}

static enum moved
move(int fd, char *bytes, size_t n, bool out, uint64_t until_us)
{
	while (n > 0) {
		const ssize_t done = out ? send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) : recv(fd, bytes, n, MSG_DONTWAIT);
		if (done > 0) {
			bytes += done;
			n -= (size_t)done;
			continue;
		}
		if (done == 0 || (errno != EAGAIN && errno != EINTR))
			return MOVED_NO_FURTHER;
		if (!await(fd, out ? POLLOUT : POLLIN, until_us))
			return MOVED_TOO_LATE;
	}
	return MOVED_ALL;
}

/* Whether something came that was not asked for, or the end. */
static bool
spoke_unasked(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0 || (errno != EAGAIN && errno != EINTR);
}

static enum outbound_result
exchange(struct courier *courier, const struct frame_request *request, struct str frame, struct arena *arena,
         struct outbound_response *out, char why[OUTBOUND_WHY_SIZE])
{
	const uint64_t until_us = clock_mono_us() + ((uint64_t)request->total_ms + COURIER_GRACE_MS) * 1000;
	struct frame_answer_head head;
	char *bytes = NULL;
	size_t n;

	if (spoke_unasked(courier->socket))
		return OUTBOUND_NO_PROGRAM;
	enum moved moved = move(courier->socket, unconst(frame.p), frame.n, true, until_us);
	if (moved == MOVED_ALL)
		moved = move(courier->socket, (char *)&head, sizeof(head), false, until_us);
	if (moved == MOVED_ALL) {
		if (!frame_answer_size(&head, request, &n) || (bytes = arena_alloc(arena, n)) == NULL)
			return OUTBOUND_NO_PROGRAM;
		moved = move(courier->socket, bytes, n, false, until_us);
	}
	if (moved != MOVED_ALL)
		return moved == MOVED_TOO_LATE ? OUTBOUND_TIMEOUT : OUTBOUND_NO_PROGRAM;
	return frame_decode_answer(&head, bytes, out, why);
}

static enum outbound_result
ask(struct courier *courier, const struct frame_request *asked, struct arena *arena, struct outbound_response *out,
    char why[OUTBOUND_WHY_SIZE])
{
	const uint64_t now_us = clock_mono_us();
	const uint64_t left_ms = courier->deadline_us > now_us ? (courier->deadline_us - now_us) / 1000 : 0;
	struct frame_request request = *asked;

	if (courier->pid == 0 || courier->asked++ == OUTBOUND_REQUESTS_MAX)
		return OUTBOUND_NO_PROGRAM;
	if (left_ms == 0)
		return OUTBOUND_TIMEOUT;
	if (request.total_ms > left_ms)
		request.total_ms = (uint32_t)left_ms;
	if (request.connect_ms > request.total_ms)
		request.connect_ms = request.total_ms;
	const struct str frame = frame_encode_request(&request, arena);
	if (frame.p == NULL)
		return OUTBOUND_NO_URL;
	const enum outbound_result result = exchange(courier, &request, frame, arena, out, why);
	explicit_bzero(unconst(frame.p), frame.n);
	/* Our own clock, and not the program's: what it says now would be taken for the answer to the next question. */
	if (result == OUTBOUND_NO_PROGRAM || (result == OUTBOUND_TIMEOUT && why[0] == '\0'))
		stop(courier);
	return result;
}

enum outbound_result
courier_ask(struct courier *courier, const struct frame_request *request, struct arena *arena,
            struct outbound_response *out, char why[OUTBOUND_WHY_SIZE])
{
	static const char *const words[OUTBOUND_RESULTS] = {
		[OUTBOUND_NO_URL] = "it is nothing that may be asked",
		[OUTBOUND_TIMEOUT] = "its time is over",
		[OUTBOUND_NO_PROGRAM] = "latch-outbound did not start, died, or gave no answer that is one",
	};

	*out = (struct outbound_response){ 0 };
	why[0] = '\0';
	const enum outbound_result result = ask(courier, request, arena, out, why);
	metrics_add(COUNT_OUTBOUND_OK + (enum count)result, 1);
	if (why[0] == '\0' && words[result] != NULL)
		(void)snprintf(why, OUTBOUND_WHY_SIZE, "%s", words[result]);
	return result;
}
