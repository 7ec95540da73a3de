/* What sessions are made of: tickets, the worker's memory, cookies, and the small functions beneath them. */
#include "unit.h"

#include <string.h>

#include "auth/base64.h"
#include "auth/ticket.h"
#include "core/text.h"
#include "http/cookie.h"
#include "service/memory.h"

static const struct master_key KEY = { { 7 } }, OTHER_KEY = { { 8 } };

/* ---- Tickets ------------------------------------------------------------------------------------------------------ */

static void
a_ticket_says_what_it_was_made_of(void **state)
{
	const struct ticket in = { uuid_new(), uuid_new(), 0xfedcba98 };
	struct tickets tickets;
	struct ticket out;
	char text[TICKET_LENGTH + 1];

	(void)state;
	assert_int_equal(tickets_open(&tickets, &KEY), OK);
	assert_int_equal(ticket_make(&tickets, TICKET_REFRESH, &in, text), OK);
	assert_int_equal(strlen(text), TICKET_LENGTH);
	assert_int_equal(ticket_read(&tickets, TICKET_REFRESH, str_of(text), &out), OK);
	assert_string_equal(out.session.text, in.session.text);
	assert_string_equal(out.user.text, in.user.text);
	assert_int_equal(out.counter, in.counter);
	tickets_close(&tickets);
}

static void
a_ticket_of_another_kind_or_key_is_none(void **state)
{
	const struct ticket in = { uuid_new(), uuid_new(), 1 };
	struct tickets tickets, others;
	struct ticket out;
	char text[TICKET_LENGTH + 1];

	(void)state;
	assert_int_equal(tickets_open(&tickets, &KEY), OK);
	assert_int_equal(tickets_open(&others, &OTHER_KEY), OK);
	assert_int_equal(ticket_make(&tickets, TICKET_COOKIE, &in, text), OK);
	assert_int_equal(ticket_read(&tickets, TICKET_REFRESH, str_of(text), &out), ERR_TOKEN);
	assert_int_equal(ticket_read(&tickets, TICKET_DEVICE, str_of(text), &out), ERR_TOKEN);
	assert_int_equal(ticket_read(&others, TICKET_COOKIE, str_of(text), &out), ERR_TOKEN);
	tickets_close(&tickets);
	tickets_close(&others);
}

static void
a_ticket_of_which_one_bit_differs_is_none(void **state)
{
	const struct ticket in = { uuid_new(), uuid_new(), 1 };
	struct tickets tickets;
	struct ticket out;
	char text[TICKET_LENGTH + 1], changed[TICKET_LENGTH + 1];
	unsigned char bytes[TICKET_LENGTH];
	size_t n;

	(void)state;
	assert_int_equal(tickets_open(&tickets, &KEY), OK);
	assert_int_equal(ticket_make(&tickets, TICKET_REFRESH, &in, text), OK);
	assert_true(base64url_decode(str_of(text), bytes, sizeof(bytes), &n));
	for (size_t bit = 0; bit < 8 * n; bit++) {
		bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
		(void)base64url_encode(bytes, n, changed);
		bytes[bit / 8] ^= (unsigned char)(1U << bit % 8);
		for (enum ticket_kind kind = TICKET_REFRESH; kind <= TICKET_DEVICE; kind++)
			assert_int_equal(ticket_read(&tickets, kind, str_of(changed), &out), ERR_TOKEN);
	}
	for (size_t length = 0; length < TICKET_LENGTH; length++)
		assert_int_equal(ticket_read(&tickets, TICKET_REFRESH, (struct str){ text, length }, &out), ERR_TOKEN);
	assert_int_equal(ticket_read(&tickets, TICKET_REFRESH, (struct str){ 0 }, &out), ERR_TOKEN);
	tickets_close(&tickets);
}

/* ---- Memory ------------------------------------------------------------------------------------------------------- */

static struct remembered
somebody(unsigned char digest, const char *email)
{
	struct remembered entry = { .user = uuid_new(), .session = uuid_new(), .expires_at_s = 1000, .until_ms = 60000 };

	memset(entry.digest, digest, sizeof(entry.digest));
	assert_true(str_copy(entry.email, sizeof(entry.email), str_of(email)));
	return entry;
}

static void
whom_the_worker_remembers_it_forgets_in_time(void **state)
{
	struct memory memory;
	const struct remembered ada = somebody(1, "ada@example.org");

	(void)state;
	assert_int_equal(memory_open(&memory), OK);
	assert_null(memory_get(&memory, ada.digest, 0, 0));
	memory_put(&memory, &ada);
	assert_string_equal(memory_get(&memory, ada.digest, 59999, 999)->email, "ada@example.org");
	assert_null(memory_get(&memory, ada.digest, 60000, 999));
	assert_null(memory_get(&memory, ada.digest, 59999, 1000));
	memory_close(&memory);
}

static void
a_session_that_ended_is_forgotten_and_no_other(void **state)
{
	struct memory memory;
	const struct remembered ada = somebody(1, "ada@example.org"), bob = somebody(2, "bob@example.org");

	(void)state;
	assert_int_equal(memory_open(&memory), OK);
	memory_put(&memory, &ada);
	memory_put(&memory, &bob);
	memory_forget(&memory, &ada.session);
	assert_null(memory_get(&memory, ada.digest, 0, 0));
	assert_non_null(memory_get(&memory, bob.digest, 0, 0));
	memory_clear(&memory);
	assert_null(memory_get(&memory, bob.digest, 0, 0));
	memory_close(&memory);
}

static void
who_shares_a_slot_is_not_taken_for_its_holder(void **state)
{
	struct memory memory;
	struct remembered ada = somebody(1, "ada@example.org"), eve = ada;

	(void)state;
	eve.digest[TOKEN_DIGEST_SIZE - 1] ^= 1;
	assert_int_equal(memory_open(&memory), OK);
	memory_put(&memory, &ada);
	assert_null(memory_get(&memory, eve.digest, 0, 0));
	memory_put(&memory, &eve);
	assert_null(memory_get(&memory, ada.digest, 0, 0));
	assert_non_null(memory_get(&memory, eve.digest, 0, 0));
	memory_close(&memory);
}

/* ---- Cookies ------------------------------------------------------------------------------------------------------ */

static void
a_cookie_is_found_by_its_whole_name(void **state)
{
	static const struct {
		const char *header, *value;
		unsigned n;
	} cases[] = {
		{ "latch=x", "x", 1 },
		{ "a=b; latch=x; c=d", "x", 1 },
		{ "a=b;latch=x;c=d", "x", 1 },
		{ "latch=", "", 1 },
		{ "latch=a=b", "a=b", 1 },
		{ "latch=x; latch=y", "y", 2 },
		{ "latch", NULL, 0 },
		{ "Latch=x", NULL, 0 },
		{ "xlatch=x; latchx=x; __Host-latch=x", NULL, 0 },
		{ "a=latch=x", NULL, 0 },
		{ "", NULL, 0 },
		{ ";;=;", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned n;
		const struct str value = cookie_find(str_of(cases[i].header), STR("latch"), &n);
		assert_int_equal(n, cases[i].n);
		assert_int_equal(value.p != NULL, cases[i].value != NULL);
		if (value.p != NULL)
			assert_true(str_eq(value, str_of(cases[i].value)));
	}
}

/* ---- Beneath ------------------------------------------------------------------------------------------------------ */

static void
an_id_comes_back_from_its_bytes_and_knows_its_time(void **state)
{
	const int64_t before_ms = clock_now().ms;
	const struct uuid id = uuid_new();
	unsigned char bytes[16];

	(void)state;
	uuid_pack(&id, bytes);
	assert_string_equal(uuid_unpack(bytes).text, id.text);
	assert_in_range(uuid_time_ms(&id), before_ms, clock_now().ms);
}

static void
text_is_shown_up_to_whole_code_points(void **state)
{
	static const struct {
		const char *text;
		size_t points;
		const char *shown;
	} cases[] = {
		{ "curl/7.88.1", 200, "curl/7.88.1" },
		{ "curl", 2, "cu" },
		{ "a\u00e4\u20ac\U0001f600z", 4, "a\u00e4\u20ac\U0001f600" },
		{ "a\u00e4", 1, "a" },
		{ "ab\ncd", 200, NULL },
		{ "\xff", 200, NULL },
		{ "", 200, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct str shown = text_shown(str_of(cases[i].text), cases[i].points);
		assert_int_equal(shown.p != NULL, cases[i].shown != NULL);
		if (shown.p != NULL)
			assert_true(str_eq(shown, str_of(cases[i].shown)));
	}
	assert_null(text_shown((struct str){ 0 }, 200).p);
}

static void
a_url_knows_its_origin_and_whether_it_is_here(void **state)
{
	static const struct {
		const char *url, *origin;
		bool https, loopback;
	} cases[] = {
		{ "http://127.0.0.1:8080", "http://127.0.0.1:8080", false, true },
		{ "http://localhost/auth-api", "http://localhost", false, true },
		{ "http://[::1]:80/x", "http://[::1]:80", false, true },
		{ "http://127.0.0.1.example.org", "http://127.0.0.1.example.org", false, false },
		{ "http://localhost.example.org:80", "http://localhost.example.org:80", false, false },
		{ "https://auth.example.org/x/y", "https://auth.example.org", true, false },
		{ "https://localhost", "https://localhost", true, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct str url = str_of(cases[i].url);
		assert_true(str_eq(url_origin(url), str_of(cases[i].origin)));
		assert_int_equal(url_is_https(url), cases[i].https);
		assert_int_equal(url_is_loopback(url), cases[i].loopback);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_says_what_it_was_made_of),
		cmocka_unit_test(a_ticket_of_another_kind_or_key_is_none),
		cmocka_unit_test(a_ticket_of_which_one_bit_differs_is_none),
		cmocka_unit_test(whom_the_worker_remembers_it_forgets_in_time),
		cmocka_unit_test(a_session_that_ended_is_forgotten_and_no_other),
		cmocka_unit_test(who_shares_a_slot_is_not_taken_for_its_holder),
		cmocka_unit_test(a_cookie_is_found_by_its_whole_name),
		cmocka_unit_test(an_id_comes_back_from_its_bytes_and_knows_its_time),
		cmocka_unit_test(text_is_shown_up_to_whole_code_points),
		cmocka_unit_test(a_url_knows_its_origin_and_whether_it_is_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
