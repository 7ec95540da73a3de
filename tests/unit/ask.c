/*
 * ask PROGRAM LANE-FILE LANES TOTAL_MS: a worker's courier, driven by lines, for tests/http/outbound.test.mjs.
 *
 * Says {"open":"ok","pid":1234}. Then a line on standard input is a question, "METHOD URL CA PRIVATE CONNECT_MS TOTAL_MS HEAD_MAX
 * BODY_MAX BODY", one space between two and "-" for none, and gets a line as an answer; at its end the courier is closed, and the last
 * line says what is left of the child.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/wait.h>

#include "core/courier.h"

static const char *const names[OUTBOUND_RESULTS] = {
	"ok", "no_url", "unreachable", "forbidden", "not_trusted", "timeout", "too_large", "broken", "no_program", "busy",
};

static uint32_t
number(struct str *rest)
{
	uint64_t n = 0;

	return parse_u64(str_cut(rest, ' '), &n) ? (uint32_t)n : 0;
}

static const char *
word(struct str *rest, struct arena *arena)
{
	const struct str text = str_cut(rest, ' ');

	return str_eq(text, STR("-")) ? NULL : str_dup(arena, text).p;
}

static void
print_text(const char *name, const char *p, size_t n)
{
	(void)printf(",\"%s\":\"", name);
	for (size_t i = 0; i < n; i++)
		if (p[i] >= ' ' && p[i] <= '~' && p[i] != '"' && p[i] != '\\')
			(void)putchar(p[i]);
		else
			(void)printf("\\u%04x", (unsigned)(unsigned char)p[i]);
	(void)putchar('"');
}

static void
ask(struct courier *courier, struct str line, struct arena *arena)
{
	struct outbound_response answer;
	struct frame_request request = { 0 };
	char why[OUTBOUND_WHY_SIZE];

	request.method = word(&line, arena);
	request.url = word(&line, arena);
	request.ca_file = word(&line, arena);
	request.allow_private = number(&line) == 1;
	request.connect_ms = number(&line);
	request.total_ms = number(&line);
	request.head_max = number(&line);
	request.body_max = number(&line);
	if (!str_eq(line, STR("-")))
		request.body = line;
	const uint64_t began = clock_mono_us();
	const enum outbound_result result = courier_ask(courier, &request, arena, &answer, why);
	(void)printf("{\"result\":\"%s\",\"status\":%u,\"us\":%llu", names[result], answer.status,
	             (unsigned long long)(clock_mono_us() - began));
	print_text("head", answer.head.p, answer.head.n);
	print_text("body", answer.body.p, answer.body.n);
	print_text("why", why, strlen(why));
	(void)puts("}");
}

int
main(int argc, char **argv)
{
	static char line[FRAME_BODY_MAX + 8192];
	struct courier courier;
	struct lanes lanes;
	struct lanes_use use;
	struct arena arena;
	struct rusage used;
	uint64_t places, total_ms;

	if (argc != 5 || !parse_u64(str_of(argv[3]), &places) || !parse_u64(str_of(argv[4]), &total_ms)
	    || !arena_open(&arena, 4 << 20) || lanes_open(&lanes, LANES_OUTBOUND, argv[2], (uint32_t)places, 0, 0) != OK)
		return 2;
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	const uint64_t began = clock_mono_us();
	const enum outbound_result opened = courier_open(&courier, argv[1], &lanes, (uint32_t)total_ms);
	(void)printf("{\"open\":\"%s\",\"pid\":%d,\"us\":%llu}\n", names[opened], (int)courier.pid,
	             (unsigned long long)(clock_mono_us() - began));
	while (fgets(line, sizeof(line), stdin) != NULL) {
		struct str rest = str_of(line);
		ask(&courier, str_cut(&rest, '\n'), &arena);
		arena_reset(&arena);
	}
	courier_close(&courier);
	/* The set outlives who uses it, and nobody but the last one here knows that it is of a test. */
	if (lanes_look(&lanes, &use) && use.in_use == 0)
		(void)semctl(lanes.set, 0, IPC_RMID);
	const bool childless = waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
	(void)getrusage(RUSAGE_CHILDREN, &used);
	(void)printf("{\"childless\":%s,\"kib\":%ld,\"cpu_us\":%ld}\n", childless ? "true" : "false", used.ru_maxrss,
	             used.ru_utime.tv_usec + used.ru_stime.tv_usec);
	arena_close(&arena);
	return 0;
}
