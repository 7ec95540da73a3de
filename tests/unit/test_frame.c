/* What workers and latch-outbound say to each other, and the addresses that are out of bounds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/frame.h"
#include "core/reserved.h"
#include "unit.h"

enum { ARENA_SIZE = 512 * 1024 };

static struct arena arena;

static const char *const headers[] = { "Accept: application/json", "Authorization: Basic abc", NULL };
static const struct frame_request good = {
	.method = "POST",
	.url = "https://op.example/token?x=1",
	.headers = headers,
	.body = { "a=b\0c", 5 },
	.ca_file = "/etc/ca.pem",
	.allow_private = true,
	.connect_ms = 100,
	.total_ms = 30000,
	.head_max = 1024,
	.body_max = 1048576,
};

/* Takes a frame apart as the program does; false: it does not take it. */
static bool
taken(struct str frame, struct frame_request *out)
{
	struct frame_request_head head;
	size_t n;

	if (frame.p == NULL || frame.n < sizeof(head))
		return false;
	memcpy(&head, frame.p, sizeof(head));
	if (!frame_request_size(&head, &n))
		return false;
	assert_int_equal(n, frame.n - sizeof(head));
	/* Of exactly this size: what reads beyond is seen by the sanitizers. */
	char *bytes = test_malloc(n);
	memcpy(bytes, frame.p + sizeof(head), n);
	const bool is = frame_decode_request(&head, bytes, &arena, out);
	if (is && out->body.p != NULL)
		assert_memory_equal(out->body.p, bytes + n - out->body.n, out->body.n);
	test_free(bytes);
	return is;
}

static void
a_request_comes_as_it_was_given(void **state)
{
	struct frame_request_head head;
	struct frame_request out;
	size_t n;

	(void)state;
	arena_reset(&arena);
	const struct str frame = frame_encode_request(&good, &arena);
	assert_non_null(frame.p);
	memcpy(&head, frame.p, sizeof(head));
	assert_true(frame_request_size(&head, &n));
	assert_int_equal(n + sizeof(head), frame.n);
	assert_true(frame_decode_request(&head, frame.p + sizeof(head), &arena, &out));
	assert_string_equal(out.method, "POST");
	assert_string_equal(out.url, good.url);
	assert_string_equal(out.headers[0], headers[0]);
	assert_string_equal(out.headers[1], headers[1]);
	assert_null(out.headers[2]);
	assert_true(str_eq(out.body, good.body));
	assert_string_equal(out.ca_file, good.ca_file);
	assert_true(out.allow_private);
	assert_int_equal(out.connect_ms, 100);
	assert_int_equal(out.total_ms, 30000);
	assert_int_equal(out.head_max, 1024);
	assert_int_equal(out.body_max, 1048576);

	const struct str least = frame_encode_request(
		&(const struct frame_request){
			.url = "https://op.example", .connect_ms = 1, .total_ms = 1, .head_max = 1, .body_max = 1 },
		&arena);
	memcpy(&head, least.p, sizeof(head));
	assert_true(frame_decode_request(&head, least.p + sizeof(head), &arena, &out));
	assert_string_equal(out.method, "GET");
	assert_null(out.headers[0]);
	assert_null(out.body.p);
	assert_null(out.ca_file);
	assert_false(out.allow_private);
}

static bool
encodes(struct frame_request request)
{
	arena_reset(&arena);
	return frame_encode_request(&request, &arena).p != NULL;
}

/* n bytes of text, and the NUL. */
static const char *
long_text(size_t n, const char *begin)
{
	static char text[FRAME_BODY_MAX + 2];

	memset(text, 'A', n);
	memcpy(text, begin, strlen(begin));
	text[n] = '\0';
	return text;
}

static void
every_field_has_its_bound_and_its_form(void **state)
{
	static const char *const bad_urls[] = { "", "https://a/\r\nX: y", "https://a/ b", "https://\xc3\xa9/", "a\tb" };
	static const char *const bad_headers[] = { "X: a\r\nY: b", "X: a\n", "no colon", ": x", "X y: z", "X: a\x7f" };
	const char *many[FRAME_HEADERS_MAX + 2] = { NULL }, *one[2] = { NULL };
	struct frame_request r = good;

	(void)state;
	for (size_t i = 0; i < COUNT(bad_urls); i++) {
		r.url = bad_urls[i];
		assert_false(encodes(r));
	}
	r.url = NULL;
	assert_false(encodes(r));
	for (size_t more = 0; more < 2; more++) {
		r = good;
		r.url = long_text(FRAME_URL_MAX + more, "https://");
		assert_true(encodes(r) == (more == 0));
		r = good;
		r.method = long_text(FRAME_METHOD_MAX + more, "GET");
		assert_true(encodes(r) == (more == 0));
		r = good;
		r.ca_file = long_text(FRAME_PATH_MAX + more, "/");
		assert_true(encodes(r) == (more == 0));
		r = good;
		r.body = (struct str){ long_text(FRAME_BODY_MAX + more, ""), FRAME_BODY_MAX + more };
		assert_true(encodes(r) == (more == 0));
		r = good;
		one[0] = long_text(FRAME_HEADERS_BYTES_MAX - 1 + more, "X:");
		r.headers = one;
		assert_true(encodes(r) == (more == 0));
		for (size_t i = 0; i < FRAME_HEADERS_MAX + more; i++)
			many[i] = "X: y";
		r.headers = many;
		assert_true(encodes(r) == (more == 0));
		r = good;
		r.total_ms = (uint32_t)(FRAME_MS_MAX + more);
		assert_true(encodes(r) == (more == 0));
		r = good;
		r.head_max = (uint32_t)(FRAME_HEAD_MAX + more);
		assert_true(encodes(r) == (more == 0));
		r = good;
		r.body_max = (uint32_t)(FRAME_ANSWER_MAX + more);
		assert_true(encodes(r) == (more == 0));
	}
	for (size_t i = 0; i < COUNT(bad_headers); i++) {
		r = good;
		one[0] = bad_headers[i];
		r.headers = one;
		assert_false(encodes(r));
	}
	r = good;
	r.method = "get";
	assert_false(encodes(r));
	r = good;
	r.ca_file = "ca.pem";
	assert_false(encodes(r));
	r = good;
	r.connect_ms = 0;
	assert_false(encodes(r));
}

/* Whatever a worker that was taken over may send: each byte of a good frame by each other value is taken or refused, and nothing
 * beyond the frame is read. What is taken has the form of what may be sent. */
static void
a_frame_that_was_tampered_with_is_refused_or_is_another_good_one(void **state)
{
	unsigned refused = 0;
	struct frame_request out;

	(void)state;
	arena_reset(&arena);
	const struct str frame = frame_encode_request(&good, &arena);
	const size_t size = frame.n;
	char *whole = test_malloc(size), *copy = test_malloc(size);
	memcpy(whole, frame.p, size);
	memcpy(copy, whole, size);
	for (size_t at = 0; at < size; copy[at] = whole[at], at++)
		for (unsigned by = 1; by < 256; by++) {
			struct frame_request_head head;
			size_t n;
			arena_reset(&arena);
			copy[at] = (char)(whole[at] ^ (int)by);
			memcpy(&head, copy, sizeof(head));
			/* The program reads as many bytes as the head says. */
			if (!frame_request_size(&head, &n) || n != size - sizeof(head) || !taken((struct str){ copy, size }, &out))
				refused++;
		}
	test_free(whole);
	assert_true(refused > 48 * 200);
	test_free(copy);
}

static void
two_numbers_that_both_lie_do_not_lead_out_of_a_frame(void **state)
{
	struct frame_request_head head;
	struct frame_request out;

	(void)state;
	arena_reset(&arena);
	const struct str frame = frame_encode_request(&good, &arena);
	char *copy = test_malloc(frame.n);
	memcpy(copy, frame.p, frame.n);
	memcpy(&head, frame.p, sizeof(head));
	/* The URL is a byte longer, and the path a byte shorter: neither ends where it should. */
	head.numbers[7]++;
	head.numbers[8]--;
	memcpy(copy, &head, sizeof(head));
	assert_false(taken((struct str){ copy, frame.n }, &out));
	/* The method takes the first byte of the URL: what is left of that would be one too. */
	memcpy(&head, frame.p, sizeof(head));
	head.numbers[6]++;
	head.numbers[7]--;
	memcpy(copy, &head, sizeof(head));
	assert_false(taken((struct str){ copy, frame.n }, &out));
	/* A body that is not there, and yet has bytes. */
	memcpy(&head, frame.p, sizeof(head));
	head.numbers[10] = 0;
	memcpy(copy, &head, sizeof(head));
	assert_false(taken((struct str){ copy, frame.n }, &out));
	test_free(copy);
}

static void
an_answer_is_no_larger_than_was_asked_for(void **state)
{
	const struct outbound_response answer = {
		.status = 200, .head = { "HTTP/1.1 200 OK\r\n", 17 }, .body = { "{}", 2 }, .took_ms = 7
	};
	const struct frame_answer_head head = frame_answer_head(OUTBOUND_OK, &answer, (struct str){ 0 });
	struct frame_request request = { .head_max = 17, .body_max = 2 };
	struct frame_answer_head other = head;
	struct outbound_response out;
	char why[OUTBOUND_WHY_SIZE];
	size_t n;

	(void)state;
	assert_true(frame_answer_size(&head, &request, &n));
	assert_int_equal(n, 19);
	assert_int_equal(frame_decode_answer(&head, "HTTP/1.1 200 OK\r\n{}", &out, why), OUTBOUND_OK);
	assert_int_equal(out.status, 200);
	assert_true(str_eq(out.body, STR("{}")));
	assert_true(str_eq(out.head, answer.head));
	assert_int_equal(out.took_ms, 7);
	request.body_max = 1;
	assert_false(frame_answer_size(&head, &request, &n));
	request = (struct frame_request){ .head_max = 16, .body_max = 2 };
	assert_false(frame_answer_size(&head, &request, &n));
	request = (struct frame_request){ .head_max = 17, .body_max = 2 };
	for (uint32_t bad = OUTBOUND_NO_PROGRAM; bad < 100; bad++) {
		other.numbers[1] = bad;
		assert_false(frame_answer_size(&other, &request, &n));
	}
	other.numbers[1] = OUTBOUND_TIMEOUT; /* with a body */
	assert_false(frame_answer_size(&other, &request, &n));
	other = head;
	other.numbers[2] = 0;
	assert_false(frame_answer_size(&other, &request, &n));
	other.numbers[2] = 1000;
	assert_false(frame_answer_size(&other, &request, &n));

	/* What a server put into a certificate, say, is not to forge a line of the log. */
	const struct outbound_response nothing = { 0 };
	const struct frame_answer_head failed = frame_answer_head(OUTBOUND_BROKEN, &nothing, STR("a\nb\x1b\xffz"));
	assert_true(frame_answer_size(&failed, &request, &n));
	assert_int_equal(frame_decode_answer(&failed, "a\nb\x1b\xffz", &out, why), OUTBOUND_BROKEN);
	assert_string_equal(why, "a?b??z");
	static const char longest[OUTBOUND_WHY_SIZE + 1];
	const struct frame_answer_head wordy =
		frame_answer_head(OUTBOUND_BROKEN, &nothing, (struct str){ longest, OUTBOUND_WHY_SIZE });
	assert_false(frame_answer_size(&wordy, &request, &n));
}

static bool
reserved(const char *text)
{
	struct address_list list;
	struct address address;

	reserved_addresses(&list);
	assert_true(address_parse(str_of(text), &address));
	return address_in(&list, &address);
}

static void
addresses_of_nobody_on_the_internet_are_in_the_table(void **state)
{
	static const char *const in[] = {
		"0.0.0.0",
		"0.1.2.3",
		"10.0.0.1",
		"10.255.255.255",
		"100.64.0.1",
		"100.127.255.255",
		"127.0.0.1",
		"127.255.255.254",
		"169.254.169.254",
		"169.254.170.2",
		"172.16.0.1",
		"172.31.255.255",
		"192.0.0.1",
		"192.0.0.170",
		"192.0.2.1",
		"192.88.99.1",
		"192.168.0.1",
		"192.168.255.255",
		"198.18.0.1",
		"198.19.255.255",
		"198.51.100.1",
		"203.0.113.9",
		"224.0.0.1",
		"239.255.255.255",
		"240.0.0.1",
		"255.255.255.255",
		"::",
		"::1",
		"::127.0.0.1",
		"::8.8.8.8",
		"::ffff:127.0.0.1",
		"::ffff:169.254.169.254",
		"::ffff:10.0.0.1",
		"::ffff:a00:1",
		"::ffff:0:7f00:1",
		"::ffff:0:8.8.8.8",
		"64:ff9b::7f00:1",
		"64:ff9b::10.0.0.1",
		"64:ff9b::169.254.169.254",
		"64:ff9b::192.168.1.1",
		"64:ff9b::255.255.255.255",
		"64:ff9b::0.0.0.0",
		"64:ff9b:1::8.8.8.8",
		"64:ff9b:1:ffff::1",
		"100::1",
		"200::1",
		"400::1",
		"800::1",
		"1fff:ffff::1",
		"2001::1",
		"2001:0:4136:e378:8000:63bf:3fff:fdd2",
		"2001:2::1",
		"2001:10::1",
		"2001:20::1",
		"2001:db8::1",
		"2002:7f00:1::",
		"2002:a00:1::1",
		"2002:a9fe:a9fe::1",
		"2002:808:808::1",
		"3fff::1",
		"3fff:fff::1",
		"4000::1",
		"5f00::1",
		"8000::1",
		"fbff::1",
		"fc00::1",
		"fd00:ec2::254",
		"fdff::1",
		"fe00::1",
		"fe80::1",
		"febf::1",
		"fec0::1",
		"ff02::1",
		"ff0e::1",
		"ffff:ffff::1",
	};
	static const char *const out[] = {
		"1.1.1.1",          "9.255.255.255",    "11.0.0.0",          "100.63.255.255",  "100.128.0.0",
		"126.255.255.255",  "128.0.0.0",        "169.253.255.255",   "169.255.0.0",     "172.15.255.255",
		"172.32.0.0",       "192.0.1.0",        "192.0.3.0",         "192.88.98.255",   "192.88.100.0",
		"192.167.255.255",  "192.169.0.0",      "198.17.255.255",    "198.20.0.0",      "198.51.99.255",
		"198.51.101.0",     "203.0.112.255",    "203.0.114.0",       "223.255.255.255", "8.8.8.8",
		"::ffff:8.8.8.8",   "64:ff9b::8.8.8.8", "64:ff9b::11.0.0.0", "2000::1",         "2001:200::1",
		"2001:db7:ffff::1", "2001:db9::1",      "2003::1",           "2606:4700::1111", "2a00:1450::200e",
		"3ffe:ffff::1",     "3fff:1000::1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(in); i++)
		if (!reserved(in[i])) {
			print_error("%s may be connected to\n", in[i]);
			assert_true(false);
		}
	for (size_t i = 0; i < COUNT(out); i++)
		if (reserved(out[i])) {
			print_error("%s may not be connected to\n", out[i]);
			assert_true(false);
		}
}

static int
set_up(void **state)
{
	(void)state;
	return arena_open(&arena, ARENA_SIZE) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_close(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_comes_as_it_was_given),
		cmocka_unit_test(every_field_has_its_bound_and_its_form),
		cmocka_unit_test(a_frame_that_was_tampered_with_is_refused_or_is_another_good_one),
		cmocka_unit_test(two_numbers_that_both_lie_do_not_lead_out_of_a_frame),
		cmocka_unit_test(an_answer_is_no_larger_than_was_asked_for),
		cmocka_unit_test(addresses_of_nobody_on_the_internet_are_in_the_table),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
