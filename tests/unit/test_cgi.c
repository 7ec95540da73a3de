/* One request as CGI has it: when it is one, what is read of the environment and of standard input, what is written. */
#include "http/cgi.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "unit.h"

enum { ARENA_SIZE = 512 * 1024, VARIABLES_MAX = 300, OUTPUT_MAX = 96 * 1024 };

static struct arena arena;
static struct request request;

/* As a process has it: strings that may be written to, and NULL. */
static char text[256 * 1024];
static char *environment[VARIABLES_MAX + 1];
static size_t text_n, variables_n;

static int
begin(void **state)
{
	(void)state;
	text_n = variables_n = 0;
	memset(text, 0, sizeof(text));
	environment[0] = NULL;
	return arena_open(&arena, ARENA_SIZE) ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	(void)alarm(0);
	arena_close(&arena);
	return 0;
}

/* For the next request of one test. */
static void
again(void)
{
	arena_close(&arena);
	assert_int_equal(begin(NULL), 0);
}

static void
set(const char *name, const char *value)
{
	const int n = snprintf(text + text_n, sizeof(text) - text_n, "%s=%s", name, value);

	assert_true(n > 0 && (size_t)n < sizeof(text) - text_n && variables_n < VARIABLES_MAX);
	environment[variables_n++] = text + text_n;
	environment[variables_n] = NULL;
	text_n += (size_t)n + 1;
}

static void
set_request(const char *method, const char *path, const char *content_length)
{
	set("GATEWAY_INTERFACE", "CGI/1.1");
	set("REQUEST_METHOD", method);
	set("PATH_INFO", path);
	if (content_length != NULL)
		set("CONTENT_LENGTH", content_length);
}

/* Has standard input hold this much; `open`: and no end behind it. The descriptor of the other side. */
static int
feed(const char *body, size_t n, bool open)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	(void)fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
	assert_int_equal(write(ends[1], body, n), n);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	(void)close(ends[0]);
	if (open)
		return ends[1];
	(void)close(ends[1]);
	return -1;
}

static bool
reads(void)
{
	return cgi_read(environment, &arena, &request);
}

static void
is(struct str got, const char *wanted)
{
	assert_int_equal(got.n, strlen(wanted));
	assert_memory_equal(got.p, wanted, got.n);
}

/* ---- When -------------------------------------------------------------------------------------------------------- */

static void
it_is_cgi_by_the_environment_and_where_nothing_listens(void **state)
{
	int ends[2];
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(bind(listener, &(const struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_false(cgi_asked(ends[0], environment));
	set("REQUEST_METHOD", "GET");
	assert_false(cgi_asked(ends[0], environment));
	set("GATEWAY_INTERFACE", "CGI/1.1");
	assert_true(cgi_asked(ends[0], environment));
	assert_true(cgi_asked(-1, environment));
	assert_false(cgi_asked(listener, environment));
	(void)close(ends[0]);
	(void)close(ends[1]);
	(void)close(listener);
}

/* ---- What is read ------------------------------------------------------------------------------------------------ */

static void
parameters_that_count_are_read_and_no_others(void **state)
{
	(void)state;
	set("HTTP_PROXY", "http://192.0.2.1:8080");
	set("LD_PRELOAD", "/tmp/evil.so");
	set_request("GET", "/users/me", NULL);
	set("SCRIPT_NAME", "/auth/latch.cgi");
	set("QUERY_STRING", "a=b=c");
	set("REMOTE_ADDR", "192.0.2.7");
	set("HTTP_AUTHORIZATION", "Bearer a=b");
	set("HTTP_COOKIE", "");
	(void)feed("", 0, false);
	assert_true(reads());
	assert_int_equal(request.method, METHOD_GET);
	is(request.path, "/users/me");
	is(request.script, "/auth/latch.cgi");
	is(request.query, "a=b=c");
	is(request.remote_addr, "192.0.2.7");
	is(request.authorization, "Bearer a=b");
	assert_true(request.cookie.p != NULL && request.cookie.n == 0);
	assert_false(request.malformed);
}

static void
the_environment_is_empty_and_wiped_afterwards(void **state)
{
	(void)state;
	set("HTTP_PROXY", "http://192.0.2.1:8080");
	set_request("GET", "/", NULL);
	set("HTTP_AUTHORIZATION", "Bearer secret");
	(void)feed("", 0, false);
	assert_true(reads());
	assert_null(environment[0]);
	assert_null(memmem(text, sizeof(text), "secret", 6));
	assert_null(memmem(text, sizeof(text), "192.0.2.1", 9));
	is(request.authorization, "Bearer secret");
}

static void
without_a_method_it_is_no_request_and_without_a_path_it_is_the_root(void **state)
{
	(void)state;
	set("PATH_INFO", "/users/me");
	(void)feed("", 0, false);
	assert_false(reads());
	again();
	set("REQUEST_METHOD", "HEAD");
	assert_true(reads());
	is(request.path, "/");
	assert_true(request.head && request.method == METHOD_GET);
}

static void
too_many_and_too_long_parameters_are_malformed(void **state)
{
	static char long_value[70 * 1024];

	(void)state;
	(void)feed("", 0, false);
	set_request("GET", "/", NULL);
	for (int i = 0; i < 190; i++)
		set("HTTP_X_MANY", "1");
	assert_true(reads());
	assert_false(request.malformed);

	again();
	for (int i = 0; i < 201; i++)
		set("HTTP_X_MANY", "1");
	set_request("GET", "/", NULL);
	assert_true(reads());
	assert_true(request.malformed);

	again();
	memset(long_value, 'x', HEADER_VALUE_MAX + 1);
	set_request("GET", "/", NULL);
	set("HTTP_ORIGIN", long_value);
	assert_true(reads());
	assert_true(request.malformed);

	again();
	memset(long_value, 'x', 65 * 1024);
	set("HTTP_X_ANY", long_value);
	set_request("GET", "/", NULL);
	assert_true(reads());
	assert_true(request.malformed);

	again();
	set_request("GET", "/", NULL);
	set("HTTP_AUTHORIZATION", "Bearer a");
	set("HTTP_AUTHORIZATION", "Bearer b");
	assert_true(reads());
	assert_true(request.authorization_twice);
}

/* ---- The body ---------------------------------------------------------------------------------------------------- */

static void
a_body_is_read_to_what_was_announced_and_no_further(void **state)
{
	(void)state;
	set_request("POST", "/auth/login", "5");
	const int peer = feed("12345 and what is not ours", 26, true); /* which does not end either */
	assert_true(reads());
	is(request.body, "12345");
	(void)close(peer);
}

static void
without_an_announcement_there_is_no_body_and_nothing_is_waited_for(void **state)
{
	static const char *const lengths[] = { NULL, "", "0" };

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		again();
		set_request("POST", "/auth/login", lengths[i]);
		const int peer = feed("x", 1, true);
		const uint64_t since_us = clock_mono_us();
		assert_true(reads());
		assert_int_equal(request.body.n, 0);
		assert_true(clock_mono_us() - since_us < 1000000);
		(void)close(peer);
	}
}

static void
a_body_may_have_64_kib_and_no_more(void **state)
{
	static char body[BODY_MAX];

	(void)state;
	memset(body, 'b', sizeof(body));
	set_request("POST", "/", "65536");
	(void)feed(body, sizeof(body), false);
	assert_true(reads());
	assert_int_equal(request.body.n, BODY_MAX);
	assert_false(request.body_large);
	assert_memory_equal(request.body.p, body, sizeof(body));

	again();
	set_request("POST", "/", "65537");
	const int peer = feed("b", 1, true);
	assert_true(reads());
	assert_true(request.body_large);
	assert_int_equal(request.body.n, 0);
	(void)close(peer);
}

static void
a_body_that_ends_early_or_has_no_length_that_is_one_is_broken_off(void **state)
{
	static const char *const lengths[] = { "6", "65536", "-1", "5x", " 5", "0x5", "99999999999999999999999" };

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		again();
		set_request("POST", "/", lengths[i]);
		(void)feed("12345", 5, false);
		const uint64_t since_us = clock_mono_us();
		assert_false(reads());
		assert_true(clock_mono_us() - since_us < 1000000); /* not when the time is up */
	}
}

/* ---- The answer -------------------------------------------------------------------------------------------------- */

static char output[OUTPUT_MAX];

/* What the other process writes to its end while it answers. */
static size_t
answered(bool head, const struct response *response, bool let_go)
{
	int ends[2];
	size_t n = 0;
	ssize_t got;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	const pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)close(ends[1]);
		cgi_send(&(const struct request){ .head = head }, response);
		/* Behind the answer nothing reaches the web server. */
		(void)!write(STDOUT_FILENO, "late", 4);
		if (let_go && cgi_let_go())
			(void)sleep(2);
		_exit(0);
	}
	(void)close(ends[1]);
	while ((got = read(ends[0], output + n, sizeof(output) - n)) > 0)
		n += (size_t)got;
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return n;
}

static void
status_comes_first_and_a_head_has_no_body(void **state)
{
	static char body[70 * 1024];
	struct response response = { .status = 404, .content_type = "text/plain", .body = STR("gone\n") };
	static const char head[] =
		"Status: 404 Not Found\r\nX-One: 1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n";

	(void)state;
	response_header(&response, "X-One", STR("1"));
	is((struct str){ output, answered(false, &response, false) },
	   "Status: 404 Not Found\r\nX-One: 1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\ngone\n");
	is((struct str){ output, answered(true, &response, false) }, head);
	memset(body, 'b', sizeof(body));
	response.body = (struct str){ body, sizeof(body) };
	assert_int_equal(answered(false, &response, false), sizeof(head) - 1 + 4 + sizeof(body));
	assert_memory_equal(output + sizeof(head) - 1 + 4, body, sizeof(body));
}

static void
what_goes_on_afterwards_keeps_nobody_waiting(void **state)
{
	const struct response response = { .status = 204 };
	const uint64_t since_us = clock_mono_us();

	(void)state;
	assert_true(answered(false, &response, true) > 0);
	assert_true(clock_mono_us() - since_us < 1000000);
}

static void
sigterm_does_not_end_what_was_begun(void **state)
{
	(void)state;
	set_request("GET", "/", NULL);
	(void)feed("", 0, false);
	assert_true(reads());
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(raise(SIGPIPE), 0);
	assert_true(alarm(0) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_cgi_by_the_environment_and_where_nothing_listens, begin, end),
		cmocka_unit_test_setup_teardown(parameters_that_count_are_read_and_no_others, begin, end),
		cmocka_unit_test_setup_teardown(the_environment_is_empty_and_wiped_afterwards, begin, end),
		cmocka_unit_test_setup_teardown(without_a_method_it_is_no_request_and_without_a_path_it_is_the_root, begin,
		                                end),
		cmocka_unit_test_setup_teardown(too_many_and_too_long_parameters_are_malformed, begin, end),
		cmocka_unit_test_setup_teardown(a_body_is_read_to_what_was_announced_and_no_further, begin, end),
		cmocka_unit_test_setup_teardown(without_an_announcement_there_is_no_body_and_nothing_is_waited_for, begin, end),
		cmocka_unit_test_setup_teardown(a_body_may_have_64_kib_and_no_more, begin, end),
		cmocka_unit_test_setup_teardown(a_body_that_ends_early_or_has_no_length_that_is_one_is_broken_off, begin, end),
		cmocka_unit_test_setup_teardown(status_comes_first_and_a_head_has_no_body, begin, end),
		cmocka_unit_test_setup_teardown(what_goes_on_afterwards_keeps_nobody_waiting, begin, end),
		cmocka_unit_test_setup_teardown(sigterm_does_not_end_what_was_begun, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
