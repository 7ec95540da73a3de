#include "unit.h"

#include <stdalign.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/lanes.h"
#include "core/pool.h"
#include "core/random.h"
#include "core/str.h"
#include "core/text.h"

static void
utf8_counts_code_points_and_refuses_what_is_none(void **state)
{
	const struct {
		struct str text;
		long points;
	} cases[] = {
		{ STR(""), 0 },
		{ STR("abc"), 3 },
		{ STR("\xc3\xa4"), 1 },
		{ STR("\xf0\x9f\x94\x90"), 1 },
		{ STR("\xf4\x8f\xbf\xbd"), 1 },
		{ STR("\xf4\x90\x80\x80"), -1 }, /* above U+10FFFF */
		{ STR("\xc0\x80"), -1 },         /* overlong NUL */
		{ STR("\xe0\x80\xaf"), -1 },     /* overlong / */
		{ STR("\xed\xa0\x80"), -1 },     /* surrogate */
		{ STR("\xc3"), -1 },
		{ STR("\x80"), -1 },
		{ STR("\xff"), -1 },
		{ STR("a\0b"), -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(utf8_length(cases[i].text), cases[i].points);
}

static void
numbers_are_digits_that_fit(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_true(parse_u64(STR("18446744073709551615"), &n));
	assert_true(n == UINT64_MAX);
	assert_false(parse_u64(STR("18446744073709551616"), &n));
	assert_false(parse_u64(STR(""), &n));
	assert_false(parse_u64(STR("-1"), &n));
	assert_false(parse_u64(STR("+1"), &n));
	assert_false(parse_u64(STR(" 1"), &n));
	assert_false(parse_u64(STR("1x"), &n));
}

static void
bytes_become_hexadecimal_and_back(void **state)
{
	char text[2 * 3 + 1];

	(void)state;
	hex_encode("\x00\x9f\xff", 3, text);
	assert_string_equal(text, "009fff");
	assert_int_equal(hex_digit('f'), 15);
	assert_int_equal(hex_digit('A'), 10);
	assert_int_equal(hex_digit('g'), -1);
	assert_int_equal(hex_digit('\0'), -1);
}

static void
cutting_tells_an_empty_rest_from_none(void **state)
{
	struct str rest = STR("a,,b,");

	(void)state;
	assert_true(str_eq(str_cut(&rest, ','), STR("a")));
	assert_true(str_eq(str_cut(&rest, ','), STR("")));
	assert_true(str_eq(str_cut(&rest, ','), STR("b")));
	assert_non_null(rest.p);
	assert_true(str_eq(str_cut(&rest, ','), STR("")));
	assert_null(rest.p);
}

static void
email_addresses_are_what_mail_servers_take(void **state)
{
	const struct str good[] = { STR("a@b.cd"), STR("a.b+c@x-y.example"), STR("o'hara@localhost") };
	const struct str bad[] = { STR(""),         STR("a"),        STR("@b.cd"),   STR("a@"),       STR("a@b"),
		                       STR("a@b@c.de"), STR(".a@b.cd"),  STR("a.@b.cd"), STR("a..b@c.d"), STR("a b@c.de"),
		                       STR("a@-b.cd"),  STR("a@b-.cd"),  STR("a@b..cd"), STR("a@b.cd."),  STR("\xc3\xa4@b.cd"),
		                       STR("a@b.cd\n"), STR("a@b.cd\0x") };
	char local[65 + 5];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(is_email(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(is_email(bad[i]));
	memset(local, 'a', 65);
	memcpy(local + 65, "@b.cd", 5);
	assert_false(is_email((struct str){ local, 70 }));
	assert_true(is_email((struct str){ local + 1, 69 }));
}

static void
user_names_never_look_like_addresses(void **state)
{
	(void)state;
	assert_true(is_username(STR("a.b_c-9")));
	assert_false(is_username(STR("ab")));
	assert_false(is_username(STR("abcdefghijabcdefghijabcdefghijabc")));
	assert_false(is_username(STR("a@b")));
	assert_false(is_username(STR("a b")));
	assert_false(is_username(STR("ab\n")));
}

static void
a_role_and_a_permission_are_small_words(void **state)
{
	static const char *const roles[] = { "a", "admin", "9x", "a.b_c-d", "abcdefghijabcdefghijabcdefghijab" };
	static const char *const no_roles[] = {
		"", "A", "-a", ".a", "_a", "a b", "a,b", "a:b", "a/b", "\xc3\xa4", "abcdefghijabcdefghijabcdefghijabc"
	};
	static const char *const permissions[] = { "a:b", "users:read", "a:b:c", "9:9", "a.b:c-d_e" };
	static const char *const no_permissions[] = {
		"", "a", ":", "a:", ":a", "a::b", "A:b", "a:b,c:d", "a: b", "a:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	};

	(void)state;
	for (size_t i = 0; i < COUNT(roles); i++)
		assert_true(is_role_name(str_of(roles[i])));
	for (size_t i = 0; i < COUNT(no_roles); i++)
		assert_false(is_role_name(str_of(no_roles[i])));
	assert_false(is_role_name((struct str){ "a\0b", 3 }));
	for (size_t i = 0; i < COUNT(permissions); i++)
		assert_true(is_permission(str_of(permissions[i])));
	for (size_t i = 0; i < COUNT(no_permissions); i++)
		assert_false(is_permission(str_of(no_permissions[i])));
}

static void
a_list_has_whole_words_only(void **state)
{
	(void)state;
	assert_true(words_have(STR("admin"), STR("admin")));
	assert_true(words_have(STR("a,admin,b"), STR("admin")));
	assert_true(words_have(STR("a,b"), STR("b")));
	assert_false(words_have(STR(""), STR("admin")));
	assert_false(words_have((struct str){ 0 }, STR("admin")));
	assert_false(words_have(STR("administrator,xadmin,admin2"), STR("admin")));
	assert_false(words_have(STR("a,b"), STR("a,b")));
}

static void
phone_numbers_are_e164(void **state)
{
	(void)state;
	assert_true(is_phone_number(STR("+4930123456")));
	assert_true(is_phone_number(STR("+123456789012345")));
	assert_false(is_phone_number(STR("+1234567890123456")));
	assert_false(is_phone_number(STR("+0301234567")));
	assert_false(is_phone_number(STR("4930123456")));
	assert_false(is_phone_number(STR("+49 30 123456")));
}

static void
names_hold_no_control_character(void **state)
{
	(void)state;
	assert_true(is_display_name(STR("Ada \xf0\x9f\x94\x90")));
	assert_false(is_display_name(STR("   ")));
	assert_false(is_display_name(STR("a\tb")));
	assert_false(is_display_name(STR("a\x7f")));
	assert_false(is_display_name(STR("a\xc2\x85"))); /* NEL, a C1 control */
	assert_true(is_display_name(STR("a\xc2\xa0")));
	/* The last before each range and the first behind it. */
	assert_true(is_display_name(STR("a\xe2\x80\xa7 \xe2\x80\xaf \xe2\x81\xa5 \xe2\x81\xaa \xe2\x81\x9f \xef\xbb\xbe")));
	assert_false(is_display_name(STR("a\xe2\x80\xa8")));
	assert_false(is_display_name(STR("a\xe2\x80\xaa")));
	assert_false(is_display_name(STR("a\xe2\x80\xae")));
	assert_false(is_display_name(STR("a\xe2\x81\xa6")));
	assert_false(is_display_name(STR("a\xe2\x81\xa9")));
	assert_false(is_display_name(STR("\xef\xbb\xbf"
	                                 "a")));
	assert_false(is_display_name(STR("\xe2\x80\x8d \xe2\x80\x8f"))); /* nothing to be seen */
	assert_true(is_display_name(STR("\xe2\x80\x8d"
	                                "a")));
}

static void
an_arena_gives_zeroed_memory_wipes_it_and_ends(void **state)
{
	struct arena arena;

	(void)state;
	assert_true(arena_open(&arena, 4096));
	char *a = arena_alloc(&arena, 100), *b = arena_alloc(&arena, 100);
	assert_non_null(a);
	assert_true(b >= a + 100);
	assert_true((uintptr_t)b % _Alignof(max_align_t) == 0);
	memset(a, 'x', 100);
	assert_null(arena_alloc(&arena, 4096));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	arena_reset(&arena);
	assert_int_equal(a[50], 0);
	assert_ptr_equal(arena_alloc(&arena, 4096), a);
	arena_close(&arena);
}

static void
what_is_trimmed_is_given_out_again(void **state)
{
	struct arena arena;

	(void)state;
	assert_true(arena_open(&arena, 4096));
	char *a = arena_alloc(&arena, 4000);
	arena_trim(&arena, a, 16);
	assert_ptr_equal(arena_alloc(&arena, 1), a + 16);
	arena_close(&arena);
}

static void
a_pool_starts_anew_and_wiped_when_all_is_given_back(void **state)
{
	unsigned char *a = pool_alloc(24), *b = pool_alloc(1);

	(void)state;
	assert_int_equal((uintptr_t)b % alignof(max_align_t), 0);
	memset(a, 'x', 24);
	*b = 'y';
	pool_free(a);
	assert_int_equal(*b, 'y');
	pool_free(b);
	unsigned char *again = pool_alloc(24);
#ifndef LATCH_SANITIZED /* there, memory comes from the heap */
	assert_ptr_equal(again, a);
	for (int i = 0; i < 24; i++)
		assert_int_equal(again[i], 0);
#endif
	pool_free(again);
}

static void
what_does_not_fit_the_pool_comes_from_the_heap(void **state)
{
	unsigned char *pieces[100];

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		pieces[i] = pool_alloc(1000);
		assert_non_null(pieces[i]);
		memset(pieces[i], (int)i, 1000);
	}
	for (size_t i = 0; i < COUNT(pieces); i++) {
		assert_int_equal(pieces[i][0], i);
		assert_int_equal(pieces[i][999], i);
		pool_free(pieces[i]);
	}
#ifndef LATCH_SANITIZED /* the sanitizer ends the program where malloc says no */
	assert_null(pool_alloc(PTRDIFF_MAX));
	assert_null(pool_alloc(SIZE_MAX));
#endif
	pool_free(NULL);
}

/* Against the C library, on the last moment of every month and the first of the next. */
static void
times_agree_with_the_calendar_to_the_year_9999(void **state)
{
	char text[TIMESTAMP_SIZE], expected[64];

	(void)state;
	for (int month = 1; month < (9999 - 1970) * 12; month++) {
		struct tm tm = { .tm_year = 70, .tm_mon = month, .tm_mday = 1 };
		const time_t first = timegm(&tm);
		for (time_t at = first - 1; at <= first; at++) {
			struct tm parts;
			(void)gmtime_r(&at, &parts);
			(void)strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.678Z", &parts);
			timestamp_format((struct timestamp){ (int64_t)at * 1000 + 678 }, text);
			assert_string_equal(text, expected);
		}
	}
}

static void
times_are_written_and_read_in_utc(void **state)
{
	char text[TIMESTAMP_SIZE];
	const struct timestamp t = timestamp_from_utc(2024, 2, 29, 23, 59, 59, 7);

	(void)state;
	assert_true(t.ms == INT64_C(1709251199007));
	timestamp_format(t, text);
	assert_string_equal(text, "2024-02-29T23:59:59.007Z");
	timestamp_format((struct timestamp){ INT64_MAX }, text);
	assert_string_equal(text, "9999-12-31T23:59:59.999Z");
	timestamp_format((struct timestamp){ INT64_MIN }, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
}

static void
ids_are_uuid7_and_differ(void **state)
{
	const struct uuid a = uuid_new(), b = uuid_new();

	(void)state;
	assert_true(uuid_valid(str_of(a.text)));
	assert_int_equal(a.text[14], '7');
	assert_non_null(strchr("89ab", a.text[19]));
	assert_string_not_equal(a.text, b.text);
	assert_false(uuid_valid(STR("01932c07-209c-7c11-8b0e-6a3f5d2e9c4")));
	assert_false(uuid_valid(STR("01932c07-209c-7c11-8b0e-6a3f5d2e9c4g")));
	assert_false(uuid_valid(STR("01932c07x209c-7c11-8b0e-6a3f5d2e9c41")));
}

static void
an_id_is_read_in_lower_case(void **state)
{
	struct uuid id;

	(void)state;
	assert_true(uuid_parse(STR("01932C07-209c-7c11-8B0E-6a3f5d2e9c4F"), &id));
	assert_string_equal(id.text, "01932c07-209c-7c11-8b0e-6a3f5d2e9c4f");
	assert_false(uuid_parse(STR("01932c07-209c-7c11-8b0e-6a3f5d2e9c4"), &id));
	assert_false(uuid_parse((struct str){ 0 }, &id));
}

static void
every_error_has_a_face(void **state)
{
	(void)state;
	for (int e = 0; e < ERR__COUNT; e++) {
		assert_non_null(problems[e].slug);
		assert_non_null(problems[e].title);
		assert_non_null(problems[e].detail);
		assert_true(problems[e].status >= 200 && problems[e].status < 600);
		const bool later = problems[e].status == 503 || problems[e].status == 429;
		assert_true(later == (problems[e].retry_after_s > 0));
		assert_true((problems[e].status == 401) <= (problems[e].challenge != NULL));
	}
}

static void
a_field_is_complained_about_once_and_the_table_ends(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i",
		                                 "j", "k", "l", "m", "n", "o", "p", "q", "r" };
	struct reason why = { 0 };

	(void)state;
	assert_int_equal(reason_field(&why, "a", "x", "x"), ERR_FIELDS);
	assert_int_equal(reason_field(&why, "a", "y", "y"), ERR_FIELDS);
	assert_int_equal(why.n, 1);
	assert_string_equal(why.fields[0].code, "x");
	for (size_t i = 0; i < COUNT(names); i++)
		(void)reason_field(&why, names[i], "x", "x");
	assert_int_equal(why.n, REASON_FIELDS_MAX);
}

/* ---- Lanes ------------------------------------------------------------------------------------------------------- */

static int
lane_file(void **state)
{
	static char path[] = "/tmp/latch-unit-lanes-XXXXXX";
	const int fd = mkstemp(path);

	*state = path;
	return fd < 0 ? -1 : close(fd);
}

static int
remove_lane_file(void **state)
{
	struct lanes l;

	if (lanes_open(&l, LANES_HASH, *state, 1, 0, 0) != OK || semctl(l.set, 0, IPC_RMID) != 0)
		return -1;
	return unlink(*state);
}

static void
lanes_are_counted_across_processes_and_a_killed_one_gives_its_lane_back(void **state)
{
	struct lanes mine, theirs;
	int ready[2];

	assert_int_equal(lanes_open(&mine, LANES_HASH, *state, 1, 0, 50), OK);
	assert_int_equal(pipe(ready), 0);
	const pid_t child = fork();
	if (child == 0) {
		char c =
			lanes_open(&theirs, LANES_HASH, *state, 1, 0, 50) == OK && lanes_enter(&theirs, false) == OK ? 'y' : 'n';
		(void)!write(ready[1], &c, 1);
		(void)pause();
		_exit(0);
	}
	char c = 0;
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_true(lanes_full(&mine));
	assert_int_equal(lanes_enter(&mine, false), ERR_BUSY); /* no queue: at once */
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_false(lanes_full(&mine));
	assert_int_equal(lanes_enter(&mine, false), OK);
	lanes_leave(&mine);
	(void)close(ready[0]);
	(void)close(ready[1]);
}

static void
a_lane_in_the_queue_waits_its_time_and_no_longer(void **state)
{
	struct lanes a, b, c;

	assert_int_equal(lanes_open(&a, LANES_HASH, *state, 1, 1, 60), OK);
	assert_int_equal(lanes_open(&b, LANES_HASH, *state, 1, 1, 60), OK);
	assert_int_equal(lanes_open(&c, LANES_HASH, *state, 1, 1, 60), OK);
	assert_int_equal(lanes_enter(&a, false), OK);
	assert_false(lanes_full(&b)); /* one place in the queue */
	assert_int_equal(lanes_enter(&b, false), ERR_BUSY);
	assert_true(lanes_waited_us(&b) >= 50000);
	assert_true(lanes_waited_us(&b) == 0);
	lanes_leave(&a);
	assert_int_equal(lanes_enter(&c, false), OK); /* b gave its place in the queue back */
	lanes_leave(&c);
}

/* Waits until somebody has so many of a semaphore left, or a second has passed. */
static bool
comes_to(const struct lanes *l, bool full)
{
	for (int i = 0; i < 100 && lanes_full(l) != full; i++)
		(void)usleep(10000);
	return lanes_full(l) == full;
}

static void
one_client_does_not_fill_the_queue(void **state)
{
	struct lanes busy, other;

	assert_int_equal(lanes_open(&busy, LANES_HASH, *state, 1, 2, 0), OK);
	lanes_for(&busy, "192.0.2.1");
	assert_int_equal(lanes_enter(&busy, false), OK);
	assert_false(lanes_full(&busy));
	const pid_t child = fork(); /* the same client once more: it waits */
	if (child == 0) {
		struct lanes again;
		const bool ok = lanes_open(&again, LANES_HASH, *state, 1, 2, 5000) == OK;
		lanes_for(&again, "192.0.2.1");
		_exit(ok && lanes_enter(&again, false) == OK ? 0 : 1);
	}
	assert_true(comes_to(&busy, true));
	assert_int_equal(lanes_open(&other, LANES_HASH, *state, 1, 2, 50), OK);
	lanes_for(&other, "192.0.2.1");
	assert_int_equal(lanes_enter(&other, false), ERR_BUSY);
	assert_int_equal(lanes_waited_us(&other), 0); /* at once */
	lanes_for(&other, "192.0.2.2");
	assert_false(lanes_full(&other));
	assert_int_equal(lanes_enter(&other, false), ERR_BUSY);
	assert_true(lanes_waited_us(&other) >= 40000); /* after it has waited */
	lanes_leave(&busy);
	int status = 1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(comes_to(&busy, false));
	assert_int_equal(lanes_enter(&other, false), OK);
	lanes_leave(&other);
}

static void
a_dear_one_goes_alone_and_holds_up_nothing_else(void **state)
{
	struct lanes a, b, c;

	assert_int_equal(lanes_open(&a, LANES_HASH, *state, 3, 0, 50), OK);
	assert_int_equal(lanes_open(&b, LANES_HASH, *state, 3, 0, 50), OK);
	assert_int_equal(lanes_open(&c, LANES_HASH, *state, 3, 0, 50), OK);
	assert_int_equal(lanes_enter(&a, true), OK);
	assert_int_equal(lanes_enter(&b, true), ERR_BUSY);
	assert_int_equal(lanes_enter(&b, false), OK);
	assert_int_equal(lanes_enter(&c, false), OK); /* who waited for nothing has no lane */
	lanes_leave(&c);
	lanes_leave(&a);
	assert_int_equal(lanes_enter(&c, true), OK);
	lanes_leave(&c);
	lanes_leave(&b);
}

static void
the_set_is_resized_by_whoever_opens_it_with_other_numbers(void **state)
{
	struct lanes a;

	assert_int_equal(lanes_open(&a, LANES_HASH, *state, 3, 2, 0), OK);
	for (int i = 0; i < 3; i++)
		assert_int_equal(lanes_enter(&a, false), OK);
	assert_int_equal(lanes_enter(&a, false), ERR_BUSY);
	for (int i = 0; i < 3; i++)
		lanes_leave(&a);
	assert_int_equal(lanes_open(&a, LANES_HASH, *state, 1, 0, 0), OK);
	assert_int_equal(lanes_enter(&a, false), OK);
	assert_int_equal(lanes_enter(&a, false), ERR_BUSY);
	lanes_leave(&a);
}

static void
a_set_that_was_removed_is_made_anew(void **state)
{
	struct lanes a;

	assert_int_equal(lanes_open(&a, LANES_HASH, *state, 1, 0, 0), OK);
	assert_int_equal(semctl(a.set, 0, IPC_RMID), 0);
	assert_int_equal(lanes_enter(&a, false), OK);
	assert_int_equal(lanes_enter(&a, false), ERR_BUSY);
	lanes_leave(&a);
}

static void
what_is_spared_is_a_quarter_of_the_workers(void **state)
{
	(void)state;
	assert_int_equal(lanes_spared(2), 1);
	assert_int_equal(lanes_spared(7), 1);
	assert_int_equal(lanes_spared(8), 2);
	assert_int_equal(lanes_spared(1024), 256);
	assert_true(lanes_default(19456) >= 1);
	assert_int_equal(lanes_default(UINT32_MAX), 1);
}

static void
outbound_lanes_are_a_set_of_their_own_of_which_one_client_has_half(void **state)
{
	struct lanes hash, first, second, none;

	assert_int_equal(lanes_open(&hash, LANES_HASH, *state, 1, 0, 0), OK);
	assert_int_equal(lanes_open(&first, LANES_OUTBOUND, *state, 2, 0, 0), OK);
	assert_int_equal(lanes_open(&second, LANES_OUTBOUND, *state, 2, 0, 0), OK);
	assert_int_not_equal(hash.set, first.set);
	assert_int_equal(lanes_enter(&hash, false), OK);
	lanes_for(&first, "192.0.2.1");
	lanes_for(&second, "192.0.2.1");
	assert_int_equal(lanes_enter(&first, false), OK); /* with no hash lane free */
	assert_int_equal(lanes_enter(&second, false), ERR_BUSY);
	lanes_for(&second, "192.0.2.2");
	assert_int_equal(lanes_enter(&second, false), OK);
	lanes_leave(&second);
	lanes_leave(&first);
	lanes_leave(&hash);
	assert_int_equal(lanes_open(&none, LANES_OUTBOUND, *state, 0, 0, 0), OK);
	assert_true(lanes_full(&none));
	assert_int_equal(lanes_enter(&none, false), ERR_BUSY);
	assert_int_equal(semctl(none.set, 0, IPC_RMID), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_role_and_a_permission_are_small_words),
		cmocka_unit_test(a_list_has_whole_words_only),
		cmocka_unit_test(utf8_counts_code_points_and_refuses_what_is_none),
		cmocka_unit_test(numbers_are_digits_that_fit),
		cmocka_unit_test(bytes_become_hexadecimal_and_back),
		cmocka_unit_test(cutting_tells_an_empty_rest_from_none),
		cmocka_unit_test(email_addresses_are_what_mail_servers_take),
		cmocka_unit_test(user_names_never_look_like_addresses),
		cmocka_unit_test(phone_numbers_are_e164),
		cmocka_unit_test(names_hold_no_control_character),
		cmocka_unit_test(an_arena_gives_zeroed_memory_wipes_it_and_ends),
		cmocka_unit_test(what_is_trimmed_is_given_out_again),
		cmocka_unit_test(a_pool_starts_anew_and_wiped_when_all_is_given_back),
		cmocka_unit_test(what_does_not_fit_the_pool_comes_from_the_heap),
		cmocka_unit_test(times_are_written_and_read_in_utc),
		cmocka_unit_test(times_agree_with_the_calendar_to_the_year_9999),
		cmocka_unit_test(ids_are_uuid7_and_differ),
		cmocka_unit_test(an_id_is_read_in_lower_case),
		cmocka_unit_test(every_error_has_a_face),
		cmocka_unit_test(a_field_is_complained_about_once_and_the_table_ends),
		cmocka_unit_test(one_client_does_not_fill_the_queue),
		cmocka_unit_test(a_dear_one_goes_alone_and_holds_up_nothing_else),
		cmocka_unit_test(lanes_are_counted_across_processes_and_a_killed_one_gives_its_lane_back),
		cmocka_unit_test(a_lane_in_the_queue_waits_its_time_and_no_longer),
		cmocka_unit_test(the_set_is_resized_by_whoever_opens_it_with_other_numbers),
		cmocka_unit_test(a_set_that_was_removed_is_made_anew),
		cmocka_unit_test(what_is_spared_is_a_quarter_of_the_workers),
		cmocka_unit_test(outbound_lanes_are_a_set_of_their_own_of_which_one_client_has_half),
	};

	return cmocka_run_group_tests_name("core", tests, lane_file, remove_lane_file);
}
