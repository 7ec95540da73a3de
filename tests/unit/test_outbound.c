/* Requests to other servers: bounded in size, time and addresses. The other server is a child that says one text to each who comes. */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/outbound.h"
#include "unit.h"

enum { ARENA_SIZE = 256 * 1024, HEAD_MAX_BYTES = 1024, BODY_MAX_BYTES = 4096, TOTAL_MS = 1500 };

static struct outbound *outbound;
static struct arena arena;

/* ---- The other server --------------------------------------------------------------------------------------------- */

struct other {
	pid_t pid;
	char url[64];
};

/* Reads what is asked, sends the text `times` times, and then closes, or with `stays` does not. */
static void
serve(int listener, const char *text, size_t times, bool stays)
{
	char asked[4096];

	for (;;) {
		const int peer = accept(listener, NULL, NULL);
		(void)!read(peer, asked, sizeof(asked));
		for (size_t i = 0; i < times && send(peer, text, strlen(text), MSG_NOSIGNAL) > 0; i++)
			;
		if (stays)
			(void)sleep(60);
		(void)close(peer);
	}
}

static struct other
start(const char *text, size_t times, bool stays)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(at);
	struct other other;
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (const struct sockaddr *)(const void *)&at, size), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)(void *)&at, &size), 0);
	assert_int_equal(listen(listener, 8), 0);
	(void)snprintf(other.url, sizeof(other.url), "http://127.0.0.1:%u/x", ntohs(at.sin_port));
	other.pid = fork();
	if (other.pid == 0) {
		(void)alarm(60);
		serve(listener, text, times, stays);
	}
	(void)close(listener);
	return other;
}

static void
stop(struct other other)
{
	(void)kill(other.pid, SIGKILL);
	(void)waitpid(other.pid, NULL, 0);
}

static enum outbound_result
ask(const char *url, const struct address_list *never, struct outbound_response *answer)
{
	static char why[OUTBOUND_WHY_SIZE];
	const struct outbound_request request = { .url = url,
		                                      .never = never,
		                                      .connect_ms = TOTAL_MS,
		                                      .total_ms = TOTAL_MS,
		                                      .head_max = HEAD_MAX_BYTES,
		                                      .body_max = BODY_MAX_BYTES };

	arena_reset(&arena);
	const enum outbound_result result = outbound_ask(outbound, &request, &arena, answer, why);
	assert_true(result == OUTBOUND_OK || why[0] != '\0');
	return result;
}

static enum outbound_result
ask_of(const char *text, size_t times, bool stays, struct outbound_response *answer)
{
	const struct other other = start(text, times, stays);
	const enum outbound_result result = ask(other.url, NULL, answer);

	stop(other);
	return result;
}

/* ---- Tests -------------------------------------------------------------------------------------------------------- */

static void
an_answer_is_taken_apart(void **state)
{
	static const char text[] =
		"HTTP/1.1 103 Early Hints\r\nLink: </early>\r\n\r\nHTTP/1.1 404 Not Found\r\nX-One:  a \r\nx-ONE: b\r\n"
		"X-Empty:\r\nContent-Length: 4\r\n\r\nbody";
	struct outbound_response answer;

	(void)state;
	assert_int_equal(ask_of(text, 1, false, &answer), OUTBOUND_OK);
	assert_int_equal(answer.status, 404);
	assert_true(str_eq(answer.body, STR("body")));
	assert_true(str_eq(outbound_header(&answer, "x-one", 0), STR("a")));
	assert_true(str_eq(outbound_header(&answer, "X-One", 1), STR("b")));
	assert_null(outbound_header(&answer, "X-One", 2).p);
	assert_non_null(outbound_header(&answer, "X-Empty", 0).p);
	assert_null(outbound_header(&answer, "Link", 0).p);
	assert_null(outbound_header(&answer, "HTTP/1.1 404 Not Found", 0).p);
	assert_true(answer.peer_known);
	assert_int_equal(answer.certificate_until.ms, 0);
}

static void
a_redirect_is_not_followed(void **state)
{
	struct outbound_response answer;

	(void)state;
	assert_int_equal(
		ask_of("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", 1, false, &answer),
		OUTBOUND_OK);
	assert_int_equal(answer.status, 302);
}

static void
what_is_packed_stays_packed(void **state)
{
	struct outbound_response answer;

	(void)state;
	assert_int_equal(
		ask_of("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 1, false, &answer),
		OUTBOUND_OK);
	assert_true(str_eq(answer.body, STR("abc")));
}

static void
heads_and_bodies_have_their_bounds(void **state)
{
	static const char thousand[] =
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";
	char text[HEAD_MAX_BYTES + 256];
	struct outbound_response answer;

	(void)state;
	/* To the byte: the head and the body that still fit, and one byte more. */
	for (int more = 0; more < 2; more++) {
		const int fill = HEAD_MAX_BYTES - (int)strlen("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \r\n\r\n") + more;
		(void)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: %0*d\r\n\r\n", fill, 0);
		assert_int_equal(ask_of(text, 1, false, &answer), more == 0 ? OUTBOUND_OK : OUTBOUND_TOO_LARGE);
	}
	assert_int_equal(ask_of("HTTP/1.1 103 Early Hints\r\n\r\n", 1000000, false, &answer), OUTBOUND_TOO_LARGE);
	for (int more = 0; more < 2; more++) {
		static char whole[BODY_MAX_BYTES + 64];
		(void)snprintf(whole, sizeof(whole), "HTTP/1.1 200 OK\r\n\r\n%0*d", BODY_MAX_BYTES + more, 0);
		assert_int_equal(ask_of(whole, 1, false, &answer), more == 0 ? OUTBOUND_OK : OUTBOUND_TOO_LARGE);
	}
	(void)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n%s", thousand);
	assert_int_equal(ask_of(text, 1000000, false, &answer), OUTBOUND_TOO_LARGE);
}

static void
a_head_that_breaks_off_is_no_answer(void **state)
{
	static const char *const texts[] = { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Ha", "HTTP/1.1 200 OK\r\n",
		                                 "HTTP/1.1 200 OK" };
	struct outbound_response answer;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(ask_of(texts[i], 1, false, &answer), OUTBOUND_BROKEN);
	assert_int_equal(ask_of("HTTP/1.1 200 OK\nContent-Length: 0\n\n", 1, false, &answer), OUTBOUND_OK);
}

static void
who_says_nothing_is_left_in_time(void **state)
{
	static const char *const texts[] = { "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" };
	struct outbound_response answer;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const uint64_t began = clock_mono_us();
		assert_int_equal(ask_of(texts[i], 1, true, &answer), OUTBOUND_TIMEOUT);
		assert_in_range(clock_mono_us() - began, TOTAL_MS * 900ULL, TOTAL_MS * 3000ULL);
	}
}

static void
an_address_that_is_out_of_bounds_is_not_connected_to(void **state)
{
	static const char *const ranges[] = { "127.0.0.0/8", "127.0.0.1" };
	const struct other other = start("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1, false);
	struct address_list never = { .n = 1 };
	struct outbound_response answer;
	char by_name[64];

	(void)state;
	/* Of a name it is what it leads to that counts. */
	(void)snprintf(by_name, sizeof(by_name), "http://localhost:%s", strrchr(other.url, ':') + 1);
	for (size_t i = 0; i < COUNT(ranges); i++) {
		assert_null(address_range_parse(str_of(ranges[i]), &never.ranges[0]));
		assert_int_equal(ask(other.url, &never, &answer), OUTBOUND_FORBIDDEN);
		assert_int_equal(ask(by_name, &never, &answer), OUTBOUND_FORBIDDEN);
		assert_null(answer.head.p);
	}
	assert_null(address_range_parse(STR("10.0.0.0/8"), &never.ranges[0]));
	assert_int_equal(ask(other.url, &never, &answer), OUTBOUND_OK);
	stop(other);
}

static void
no_url_is_told_from_nobody_there(void **state)
{
	static const char *const none[] = { "",
		                                "x://y/",
		                                "file:///etc/passwd",
		                                "ftp://127.0.0.1/",
		                                "http://",
		                                "http://u:p@127.0.0.1/",
		                                "gopher://127.0.0.1:1/",
		                                "http://a b/" };
	struct outbound_response answer;

	(void)state;
	for (size_t i = 0; i < COUNT(none); i++)
		if (ask(none[i], NULL, &answer) != OUTBOUND_NO_URL) {
			print_error("%s\n", none[i]);
			assert_true(false);
		}
	assert_int_equal(ask("http://127.0.0.1:1/", NULL, &answer), OUTBOUND_UNREACHABLE);
	assert_int_equal(ask_of("what is this?\r\n", 1, false, &answer), OUTBOUND_BROKEN);
	assert_int_equal(ask_of("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", 1, false, &answer), OUTBOUND_BROKEN);
}

static void
dates_are_those_of_http(void **state)
{
	struct timestamp at;

	(void)state;
	assert_true(outbound_date(STR("Sun, 06 Nov 1994 08:49:37 GMT"), &at));
	assert_int_equal(at.ms, 784111777000);
	assert_true(outbound_date(STR("Nov  6 08:49:37 1994 GMT"), &at));
	assert_int_equal(at.ms, 784111777000);
	assert_false(outbound_date(STR("soon"), &at));
	assert_false(outbound_date((struct str){ 0 }, &at));
}

static int
set_up(void **state)
{
	(void)state;
	/* Neither a proxy nor a netrc of the environment is used. */
	(void)setenv("http_proxy", "http://127.0.0.1:1", 1);
	(void)setenv("all_proxy", "http://127.0.0.1:1", 1);
	outbound = outbound_open();
	return outbound != NULL && arena_open(&arena, ARENA_SIZE) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	outbound_close(outbound);
	arena_close(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_taken_apart),
		cmocka_unit_test(a_redirect_is_not_followed),
		cmocka_unit_test(what_is_packed_stays_packed),
		cmocka_unit_test(heads_and_bodies_have_their_bounds),
		cmocka_unit_test(a_head_that_breaks_off_is_no_answer),
		cmocka_unit_test(who_says_nothing_is_left_in_time),
		cmocka_unit_test(an_address_that_is_out_of_bounds_is_not_connected_to),
		cmocka_unit_test(no_url_is_told_from_nobody_there),
		cmocka_unit_test(dates_are_those_of_http),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
