/* outbound.c: latch-outbound, which asks other servers for a worker. See core/courier.h, core/frame.h. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/frame.h"
#include "core/process.h"
#include "core/reserved.h"

enum { CPU_S = 10, FILES = 64, MEMORY_MIB = 512 };

/* Beyond what is asked: what one worker asks in a sign-in. */
struct client {
	struct outbound *outbound;
	struct arena arena;
	struct address_list never;
	bool was_private; /* a connection to a private address may have been kept */
};

static bool
limit(__rlimit_resource_t resource, rlim_t most)
{
	const struct rlimit both = { most, most };

	return setrlimit(resource, &both) == 0;
}

/* What a server could do at most who found a hole in what reads its answer. No limit that cannot be had is done without. */
static bool
confine(void)
{
	process_harden();
	closefrom(STDERR_FILENO + 1);
	(void)alarm(OUTBOUND_LIFE_S);
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
	    && limit(RLIMIT_CPU, CPU_S) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NOFILE, FILES)
#ifndef LATCH_SANITIZED /* its shadow takes terabytes of addresses */
	    && limit(RLIMIT_AS, (rlim_t)MEMORY_MIB << 20)
#endif
	    && chdir("/") == 0;
}

/* False: the input ended, or broke. */
static bool
read_all(void *to, size_t n)
{
	char *at = to;

	while (n > 0) {
		const ssize_t got = read(STDIN_FILENO, at, n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		n -= (size_t)got;
	}
	return true;
}

static bool
write_all(const void *from, size_t n)
{
	const char *at = from;

	while (n > 0) {
		const ssize_t put = write(STDOUT_FILENO, at, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		at += put;
		n -= (size_t)put;
	}
	return true;
}

static bool
ask(struct client *client, const struct frame_request *asked)
{
	struct outbound_response answer;
	char why[OUTBOUND_WHY_SIZE] = "";
	const struct outbound_request request = {
		.method = asked->method,
		.url = asked->url,
		.headers = asked->headers,
		.body = asked->body,
		.ca_file = asked->ca_file,
		/* No connection to where this request may not go is taken up again. */
		.fresh = client->was_private && !asked->allow_private,
		.https_only = !asked->allow_private,
		.never = asked->allow_private ? NULL : &client->never,
		.connect_ms = asked->connect_ms,
		.total_ms = asked->total_ms,
		.head_max = asked->head_max,
		.body_max = asked->body_max,
	};

	client->was_private = client->was_private || asked->allow_private;
	const enum outbound_result result = outbound_ask(client->outbound, &request, &client->arena, &answer, why);
	const struct str words = str_of(result == OUTBOUND_OK ? "" : why);
	const struct frame_answer_head head = frame_answer_head(result, &answer, words);
	return write_all(&head, sizeof(head)) && write_all(answer.head.p, answer.head.n)
	    && write_all(answer.body.p, answer.body.n) && write_all(words.p, words.n);
}

/* One frame; false: there is none, or nobody to hear the answer. */
static bool
serve(struct client *client)
{
	struct frame_request_head head;
	struct frame_request request;
	size_t n;

	if (!read_all(&head, sizeof(head)) || !frame_request_size(&head, &n))
		return false;
	char *bytes = arena_alloc(&client->arena, n);
	const bool done = bytes != NULL && read_all(bytes, n)
	               && frame_decode_request(&head, bytes, &client->arena, &request) && ask(client, &request);
	arena_reset(&client->arena);
	return done;
}

int
main(int argc, char **argv)
{
	struct client client = { 0 };

	(void)argv;
	if (argc != 1 || isatty(STDIN_FILENO)) {
		static const char says[] =
			"latch-outbound: the workers start this, to ask identity providers; see outbound_program in "
			"latch.conf(5)\n";
		(void)!write(STDERR_FILENO, says, sizeof(says) - 1);
		return 2;
	}
	if (clearenv() != 0 || !confine() || !arena_open(&client.arena, FRAME_ARENA))
		return EXIT_FAILURE;
	reserved_addresses(&client.never);
	client.outbound = outbound_open();
	for (unsigned n = 0; client.outbound != NULL && n < OUTBOUND_REQUESTS_MAX && serve(&client); n++)
		;
	const bool ok = client.outbound != NULL;
	outbound_close(client.outbound);
	arena_close(&client.arena);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
