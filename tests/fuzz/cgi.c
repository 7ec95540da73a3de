/*
 * cgi.c: whatever stands in the environment and on standard input, what comes of it is a request within its bounds, with a body
 * of exactly what was announced; and nothing is left in the environment.
 *
 * The input is the environment, each variable ended by NUL, and behind an empty one what is on standard input.
 */
#include "http/cgi.h"

#include <sys/mman.h>
#include <unistd.h>

#include "bounds.h"

enum { ARENA_SIZE = 512 * 1024, INPUT_MAX = 256 * 1024, VARIABLES_MAX = 2048 };

static struct arena arena;
static int input = -1;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	input = memfd_create("standard input", 0);
	if (input < 0 || dup2(input, STDIN_FILENO) < 0 || !arena_open(&arena, ARENA_SIZE))
		abort();
	return 0;
}

static void
put_on_standard_input(struct str body)
{
	if (ftruncate(input, 0) != 0 || pwrite(input, body.p, body.n, 0) != (ssize_t)body.n
	    || lseek(input, 0, SEEK_SET) != 0)
		abort();
}

/* Cuts the text into variables; what is behind the empty one is left in *rest. */
static size_t
cut(struct str *rest, char *environment[VARIABLES_MAX])
{
	size_t n = 0;

	while (rest->n > 0 && n < VARIABLES_MAX - 1) {
		char *one = unconst(rest->p);
		const size_t length = strlen(one);
		*rest = (struct str){ one + length + 1, rest->n - length - 1 };
		if (length == 0)
			break;
		environment[n++] = one;
	}
	environment[n] = NULL;
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[INPUT_MAX];
	static char *environment[VARIABLES_MAX];
	struct request request;

	if (size == 0 || size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	struct str body = { text, size + 1 };
	const size_t n = cut(&body, environment);
	char *const *const kept = environment;
	char *first = environment[0];
	put_on_standard_input(body);
	const bool there = cgi_read(environment, &arena, &request);
	(void)alarm(0);
	HOLDS(kept[0] == NULL && (n == 0 || first[0] == '\0'));
	if (there) {
		is_within_bounds(&arena, &request);
		HOLDS(!request.authorizer);
		HOLDS(request.body.n == 0 || (request.body.n <= body.n && memcmp(request.body.p, body.p, request.body.n) == 0));
	}
	arena_reset(&arena);
	return 0;
}
