#include "unit.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "http/records.h"
#include "http/request.h"
#include "http/response.h"

enum { ARENA_SIZE = 512 * 1024, ID = 7, WIRE_MAX = 400 * 1024 };

/* What a web server sends, as it is put together. */
static struct {
	unsigned char p[WIRE_MAX];
	size_t n;
} wire;

static struct arena arena;
static struct connection connection;

static int
begin(void **state)
{
	(void)state;
	wire.n = 0;
	connection.fd = -1;
	connection.at = connection.n = 0;
	return arena_open(&arena, ARENA_SIZE) ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	connection_close(&connection, false);
	arena_close(&arena);
	return 0;
}

static void
put(const void *p, size_t n)
{
	assert_true(n <= sizeof(wire.p) - wire.n);
	if (n > 0)
		memcpy(wire.p + wire.n, p, n);
	wire.n += n;
}

static unsigned char padding_n; /* behind each record */

static void
put_record(unsigned type, unsigned id, const void *content, size_t n)
{
	static const unsigned char padding[255] = { 0xee };
	unsigned char header[RECORD_HEADER_SIZE];

	record_encode((enum record_type)type, id, n, header);
	header[6] = padding_n;
	put(header, sizeof(header));
	put(content, n);
	put(padding, padding_n);
}

static void
put_begin(unsigned role, bool keep)
{
	const unsigned char content[RECORD_BEGIN_SIZE] = { 0, (unsigned char)role, keep };

	put_record(RECORD_BEGIN, ID, content, sizeof(content));
}

/* Appends a name-value pair; lengths always in four bytes, which is allowed for short ones. */
static size_t
pair(char *out, const char *name, struct str value)
{
	const size_t lengths[] = { strlen(name), value.n };
	size_t n = 0;

	for (int i = 0; i < 2; i++) {
		out[n++] = (char)(0x80 | (lengths[i] >> 24 & 0x7f));
		out[n++] = (char)(lengths[i] >> 16 & 0xff);
		out[n++] = (char)(lengths[i] >> 8 & 0xff);
		out[n++] = (char)(lengths[i] & 0xff);
	}
	memcpy(out + n, name, lengths[0]);
	n += lengths[0];
	memcpy(out + n, value.p, value.n);
	return n + value.n;
}

static void
put_params(const char *method, const char *path, const char *content_length)
{
	char params[512];
	size_t n = pair(params, "REQUEST_METHOD", str_of(method));

	n += pair(params + n, "PATH_INFO", str_of(path));
	if (content_length != NULL)
		n += pair(params + n, "CONTENT_LENGTH", str_of(content_length));
	put_record(RECORD_PARAMS, ID, params, n);
	put_record(RECORD_PARAMS, ID, NULL, 0);
}

static void
put_request(const char *path, const char *body, bool keep)
{
	char length[24];

	(void)snprintf(length, sizeof(length), "%zu", strlen(body));
	put_begin(ROLE_RESPONDER, keep);
	put_params("POST", path, length);
	if (body[0] != '\0')
		put_record(RECORD_STDIN, ID, body, strlen(body));
	put_record(RECORD_STDIN, ID, NULL, 0);
}

/* Has the wire's bytes come on a connection, at most `step` at a time, and then its end; the web server's side is
 * returned. */
static int
arrive(size_t step)
{
	int ends[2];
	int size = WIRE_MAX;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	(void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (size_t at = 0; at < wire.n; at += step) {
		const size_t part = wire.n - at < step ? wire.n - at : step;
		assert_int_equal(send(ends[1], wire.p + at, part, MSG_DONTWAIT), part);
	}
	assert_int_equal(shutdown(ends[1], SHUT_WR), 0);
	connection.fd = ends[0];
	connection_begin(&connection, 2000);
	return ends[1];
}

static bool
read_one(struct request *out, struct exchange *exchange)
{
	return request_read(&connection, &arena, exchange, out);
}

static bool
arrives_whole(struct request *out, struct exchange *exchange)
{
	const int peer = arrive(4096);
	const bool read = read_one(out, exchange);

	(void)close(peer);
	return read;
}

/* ---- Records --------------------------------------------------------------------------------------------------- */

static void
a_pair_is_never_longer_than_what_came(void **state)
{
	const struct {
		struct str bytes;
		bool good;
	} cases[] = {
		{ STR("\x01\x01"
		      "ab"),
		  true },
		{ STR("\x00\x00"), true },
		{ STR("\x80\x00\x00\x01\x01"
		      "ab"),
		  true },
		{ STR("\x01\x02"
		      "ab"),
		  false },
		{ STR("\xff\xff\xff\xff\x01"
		      "ab"),
		  false },
		{ STR("\x01\xff\xff\xff\xff"
		      "ab"),
		  false },
		{ STR("\xff\xff\xff\xff\xff\xff\xff\xff"
		      "ab"),
		  false },
		{ STR("\xff\xff\xff\xfd\x01"
		      "ab"),
		  false },
		{ STR("\x01"), false },
		{ STR("\x80\x00\x00"), false },
		{ STR("\x01\x80"), false },
		{ STR(""), false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct str rest = cases[i].bytes, name, value;
		assert_int_equal(record_pair(&rest, &name, &value), cases[i].good);
		assert_int_equal(rest.n, cases[i].good ? 0 : cases[i].bytes.n);
	}
}

static void
a_record_of_another_version_is_none(void **state)
{
	unsigned char header[RECORD_HEADER_SIZE];
	struct record record;

	(void)state;
	record_encode(RECORD_STDIN, 0xabcd, 0xfedc, header);
	header[6] = 3;
	assert_true(record_decode(header, &record));
	assert_int_equal(record.type, RECORD_STDIN);
	assert_int_equal(record.id, 0xabcd);
	assert_int_equal(record.content_n, 0xfedc);
	assert_int_equal(record.padding_n, 3);
	header[0] = 2;
	assert_false(record_decode(header, &record));
}

/* ---- Requests -------------------------------------------------------------------------------------------------- */

static void
a_request_is_read_however_it_is_cut(void **state)
{
	static const size_t steps[] = { 1, 3, 7, 8, 4096 };

	for (size_t i = 0; i < COUNT(steps); i++) {
		struct request request;
		struct exchange exchange;
		(void)begin(state);
		put_request("/auth/login", "{\"a\":1}", true);
		const int peer = arrive(steps[i]);
		assert_true(read_one(&request, &exchange));
		assert_int_equal(request.method, METHOD_POST);
		assert_true(str_eq(request.path, STR("/auth/login")));
		assert_true(str_eq(request.body, STR("{\"a\":1}")));
		assert_true(exchange.keep && exchange.whole && !request.malformed);
		assert_int_equal(exchange.id, ID);
		(void)close(peer);
		(void)end(state);
	}
}

static void
every_request_that_is_cut_short_is_dropped(void **state)
{
	wire.n = 0;
	put_request("/x", "body", false);
	const size_t whole = wire.n;

	for (size_t n = 0; n < whole; n++) {
		struct request request;
		struct exchange exchange;
		(void)begin(state);
		put_request("/x", "body", false);
		wire.n = n;
		assert_false(arrives_whole(&request, &exchange));
		assert_int_equal(connection.touched, n > 0);
		(void)end(state);
	}
}

static void
requests_follow_each_other_on_a_kept_connection(void **state)
{
	struct request request;
	struct exchange exchange;

	(void)state;
	put_request("/first", "one", true);
	put_request("/second", "two", false);
	const int peer = arrive(4096);
	assert_true(read_one(&request, &exchange));
	assert_true(connection_has_more(&connection));
	connection_wipe(&connection);
	arena_reset(&arena);
	assert_true(read_one(&request, &exchange));
	assert_true(str_eq(request.path, STR("/second")));
	assert_true(str_eq(request.body, STR("two")));
	assert_false(exchange.keep);
	(void)close(peer);
}

static void
padding_and_pairs_cut_by_records_are_no_matter(void **state)
{
	char params[256];
	struct request request;
	struct exchange exchange;
	size_t n = pair(params, "REQUEST_METHOD", STR("POST"));

	(void)state;
	n += pair(params + n, "PATH_INFO", STR("/x"));
	n += pair(params + n, "CONTENT_LENGTH", STR("5"));
	padding_n = 255;
	for (int i = 0; i < 2; i++) {
		put_begin(ROLE_RESPONDER, true);
		for (size_t at = 0; at < n; at += 7)
			put_record(RECORD_PARAMS, ID, params + at, n - at < 7 ? n - at : 7);
		put_record(RECORD_PARAMS, ID, NULL, 0);
		put_record(RECORD_STDIN, ID, "he", 2);
		put_record(RECORD_STDIN, ID, "llo", 3);
		put_record(RECORD_STDIN, ID, NULL, 0);
	}
	padding_n = 0;
	const int peer = arrive(4096);
	for (int i = 0; i < 2; i++) {
		assert_true(read_one(&request, &exchange));
		assert_true(str_eq(request.path, STR("/x")));
		assert_true(str_eq(request.body, STR("hello")));
		arena_reset(&arena);
	}
	assert_false(connection_has_more(&connection));
	(void)close(peer);
}

/* However many reads it took: what came first is longer here than what came last. */
static void
what_was_taken_is_wiped(void **state)
{
	static char secret[6000];
	struct request request;
	struct exchange exchange;
	int ends[2];

	(void)state;
	memset(secret, 'S', sizeof(secret));
	put_begin(ROLE_RESPONDER, true);
	put_params("POST", "/x", "6000");
	put_record(RECORD_STDIN, ID, secret, sizeof(secret));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(send(ends[1], wire.p, wire.n, 0), wire.n);
	connection.fd = ends[0];
	connection_begin(&connection, 100);
	assert_false(read_one(&request, &exchange)); /* the end of the body is not there: it waits */
	assert_non_null(memchr(connection.raw, 'S', sizeof(connection.raw)));
	wire.n = 0;
	put_record(RECORD_STDIN, ID, NULL, 0);
	assert_int_equal(send(ends[1], wire.p, wire.n, 0), wire.n);
	connection_begin(&connection, 100);
	assert_true(connection_take(&connection, wire.p, wire.n));
	connection_wipe(&connection);
	assert_null(memchr(connection.raw, 'S', sizeof(connection.raw)));
	(void)close(ends[1]);
}

static void
a_request_that_does_not_arrive_in_time_is_dropped(void **state)
{
	struct request request;
	struct exchange exchange;
	int ends[2];

	(void)state;
	put_begin(ROLE_RESPONDER, false);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(send(ends[1], wire.p, wire.n, 0), wire.n);
	connection.fd = ends[0];
	const uint64_t start = clock_mono_us();
	connection_begin(&connection, 50);
	assert_false(read_one(&request, &exchange));
	const uint64_t us = clock_mono_us() - start;
	assert_true(us >= 50 * 1000 && us < 2000 * 1000);
	(void)close(ends[1]);
}

/* What has to be there, in the wrong order, of another request, or of no request at all. */
static void
a_stream_that_is_no_request_is_dropped(void **state)
{
	for (int wrong = 0; wrong < 8; wrong++) {
		struct request request;
		struct exchange exchange;
		(void)begin(state);
		if (wrong == 0)
			put_record(9, 0,
			           "\x0e\x00"
			           "FCGI_MAX_CONNS",
			           16); /* FCGI_GET_VALUES */
		if (wrong == 1)
			put_record(RECORD_PARAMS, ID, NULL, 0);
		put_begin(ROLE_RESPONDER, false);
		if (wrong == 2)
			put_begin(ROLE_RESPONDER, false);
		if (wrong == 3)
			put_record(RECORD_STDIN, ID, "x", 1);
		if (wrong == 4)
			put_record(RECORD_PARAMS, ID + 1, NULL, 0);
		if (wrong == 5)
			put_record(RECORD_ABORT, ID, NULL, 0);
		if (wrong == 6)
			put_record(RECORD_PARAMS, ID, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
		put_params("POST", "/x", "4");
		put_record(RECORD_STDIN, ID, "body", wrong == 7 ? 3 : 4);
		put_record(RECORD_STDIN, ID, NULL, 0);
		assert_false(arrives_whole(&request, &exchange));
		(void)end(state);
	}
}

static void
parameters_beyond_the_bounds_make_a_request_malformed(void **state)
{
	static char filler[60000];

	memset(filler, 'x', sizeof(filler));
	for (int wrong = 0; wrong < 5; wrong++) {
		char params[16 * 1024];
		struct request request;
		struct exchange exchange;
		size_t n = pair(params, "REQUEST_METHOD", STR("GET"));
		(void)begin(state);
		put_begin(ROLE_RESPONDER, false);
		if (wrong == 0)
			n += pair(params + n, "HTTP_AUTHORIZATION", (struct str){ filler, HEADER_VALUE_MAX + 1 });
		if (wrong == 1)
			n += pair(params + n, "PATH_INFO", STR("/a\0b"));
		for (int i = 0; wrong == 2 && i < 201; i++)
			n += pair(params + n, "HTTP_X", STR("y"));
		if (wrong != 4) /* there, the method comes behind what is too long */
			put_record(RECORD_PARAMS, ID, params, n);
		for (int i = 0; wrong >= 3 && i < 2; i++)
			put_record(RECORD_PARAMS, ID, filler, sizeof(filler));
		if (wrong == 4)
			put_record(RECORD_PARAMS, ID, params, n);
		put_record(RECORD_PARAMS, ID, NULL, 0);
		put_record(RECORD_STDIN, ID, NULL, 0);
		assert_true(arrives_whole(&request, &exchange));
		assert_true(request.malformed);
		assert_true(exchange.whole);
		(void)end(state);
	}
}

static void
a_body_over_the_bound_is_not_read_to_its_end(void **state)
{
	static const char *const announced[] = { NULL, "65537", "18446744073709551615" };
	static char filler[BODY_MAX / 2 + 1];

	for (size_t i = 0; i < COUNT(announced); i++) {
		struct request request;
		struct exchange exchange;
		(void)begin(state);
		put_begin(ROLE_RESPONDER, true);
		put_params("POST", "/x", announced[i]);
		put_record(RECORD_STDIN, ID, filler, sizeof(filler));
		put_record(RECORD_STDIN, ID, filler, sizeof(filler));
		put_record(RECORD_STDIN, ID, NULL, 0);
		assert_true(arrives_whole(&request, &exchange));
		assert_true(request.body_large);
		assert_false(exchange.whole);
		assert_int_equal(request.body.n, 0);
		(void)end(state);
	}
}

/* lighttpd never ends an authorizer's input: who reads it waits for ever. */
static void
an_authorizers_input_is_left_alone(void **state)
{
	struct request request;
	struct exchange exchange;

	(void)state;
	put_begin(ROLE_AUTHORIZER, true);
	put_params("POST", "/x", NULL);
	assert_true(arrives_whole(&request, &exchange));
	assert_int_equal(exchange.role, ROLE_AUTHORIZER);
	assert_true(request.authorizer);
	assert_false(exchange.keep);
	assert_false(exchange.whole);
	/* The page's own. */
	assert_null(request.path.p);
	assert_null(request.query.p);
}

/* ---- Responses ------------------------------------------------------------------------------------------------- */

/* Sends it, and gives what the web server gets of STDOUT; the records have to be well formed. */
static struct str
sent(const struct response *response, bool head)
{
	static unsigned char raw[WIRE_MAX], out[WIRE_MAX];
	int ends[2], size = WIRE_MAX;
	size_t n = 0, out_n = 0;
	struct record record = { 0 };

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	(void)setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	connection.fd = ends[0];
	assert_true(response_send(&connection, ID, head, response));
	connection_close(&connection, false);
	for (ssize_t got; (got = read(ends[1], raw + n, sizeof(raw) - n)) > 0;)
		n += (size_t)got;
	(void)close(ends[1]);
	for (size_t at = 0; at < n; at += record.content_n + record.padding_n) {
		assert_true(record_decode(raw + at, &record));
		assert_int_equal(record.id, ID);
		at += RECORD_HEADER_SIZE;
		assert_true(record.content_n <= n - at);
		if (record.type == RECORD_END)
			continue;
		assert_int_equal(record.type, RECORD_STDOUT);
		memcpy(out + out_n, raw + at, record.content_n);
		out_n += record.content_n;
	}
	assert_int_equal(record.type, RECORD_END);
	return (struct str){ (char *)out, out_n };
}

static void
a_response_is_its_head_and_its_body(void **state)
{
	struct response response = { .status = 201, .content_type = "text/plain", .body = STR("hello") };

	(void)state;
	response_header(&response, "X-One", STR("1"));
	assert_true(
		str_eq(sent(&response, false),
	           STR("Status: 201 Created\r\nX-One: 1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")));
	assert_true(
		str_eq(sent(&response, true),
	           STR("Status: 201 Created\r\nX-One: 1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n")));
	assert_true(str_eq(sent(&(const struct response){ .status = 204 }, false), STR("Status: 204 No Content\r\n\r\n")));
}

static void
a_long_body_arrives_whole(void **state)
{
	static char body[200 * 1000];
	const struct response response = { .status = 200, .content_type = "x/y", .body = { body, sizeof(body) } };

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)('a' + i % 23);
	const struct str got = sent(&response, false);
	assert_true(got.n > sizeof(body));
	assert_memory_equal(got.p + got.n - sizeof(body), body, sizeof(body));
}

static void
a_head_that_is_too_long_becomes_a_500(void **state)
{
	static char filler[HEAD_MAX / 2];
	struct response response = { .status = 200, .content_type = "text/plain", .body = STR("hello") };

	(void)state;
	memset(filler, 'x', sizeof(filler));
	for (int i = 0; i < 2; i++)
		response_header(&response, "X-Long", (struct str){ filler, sizeof(filler) });
	assert_true(str_eq(sent(&response, false), STR("Status: 500 Internal Server Error\r\n\r\n")));
}

/* A web server that went away must cost neither the process (SIGPIPE) nor time. */
static void
a_peer_that_is_gone_fails_the_sending(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	(void)close(ends[1]);
	connection.fd = ends[0];
	assert_false(response_send(&connection, ID, false, &(const struct response){ .status = 204 }));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_is_never_longer_than_what_came),
		cmocka_unit_test(a_record_of_another_version_is_none),
		cmocka_unit_test(a_request_is_read_however_it_is_cut),
		cmocka_unit_test(every_request_that_is_cut_short_is_dropped),
		cmocka_unit_test_setup_teardown(requests_follow_each_other_on_a_kept_connection, begin, end),
		cmocka_unit_test_setup_teardown(padding_and_pairs_cut_by_records_are_no_matter, begin, end),
		cmocka_unit_test_setup_teardown(what_was_taken_is_wiped, begin, end),
		cmocka_unit_test_setup_teardown(a_request_that_does_not_arrive_in_time_is_dropped, begin, end),
		cmocka_unit_test(a_stream_that_is_no_request_is_dropped),
		cmocka_unit_test(parameters_beyond_the_bounds_make_a_request_malformed),
		cmocka_unit_test(a_body_over_the_bound_is_not_read_to_its_end),
		cmocka_unit_test_setup_teardown(an_authorizers_input_is_left_alone, begin, end),
		cmocka_unit_test_setup_teardown(a_response_is_its_head_and_its_body, begin, end),
		cmocka_unit_test_setup_teardown(a_long_body_arrives_whole, begin, end),
		cmocka_unit_test_setup_teardown(a_head_that_is_too_long_becomes_a_500, begin, end),
		cmocka_unit_test_setup_teardown(a_peer_that_is_gone_fails_the_sending, begin, end),
	};

	return cmocka_run_group_tests_name("fcgi", tests, NULL, NULL);
}
