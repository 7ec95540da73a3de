#include "unit.h"

#include <string.h>

#include "service/throttle_rules.h"

static const struct config config = { .login_address_free = 20, .register_per_hour = 30, .refresh_per_minute = 600 };

enum { SECOND = 1000, NOW = 1000000000 };

/* A row with so many failures; retry_at lies wait_ms ahead, updated_at age_ms back. */
static struct throttle_row
row_of(uint32_t failures, int64_t wait_ms, int64_t age_ms)
{
	return (struct throttle_row){
		.failures = failures, .retry_at = { NOW + wait_ms }, .updated_at = { NOW - age_ms }, .now = { NOW }
	};
}

/* Fails as often as it may, each time as soon as it may; how long all the waiting took. */
static uint64_t
fail_until(const struct throttle_rule *rule, uint32_t failures)
{
	struct throttle_row row = { .now = { NOW } };
	uint64_t waited_ms = 0;

	for (uint32_t i = 0; i < failures; i++) {
		const struct throttle_change next = throttle_next(rule, i == 0 ? NULL : &row);
		row.failures = next.failures;
		row.updated_at.ms = row.now.ms - (int64_t)next.age_ms;
		row.retry_at.ms = row.now.ms + (int64_t)next.delay_ms;
		if (throttle_ended(rule, &row))
			break;
		const uint64_t wait_ms = throttle_wait_ms(rule, &row);
		assert_true(wait_ms == next.delay_ms);
		row.now.ms += (int64_t)wait_ms;
		waited_ms += wait_ms;
		assert_true(throttle_wait_ms(rule, &row) == 0);
	}
	return waited_ms;
}

static void
delays_double_after_the_free_ones_and_stay_at_the_longest(void **state)
{
	const struct throttle_rule rule = throttle_rule(&config, THROTTLE_ACCOUNT);

	(void)state;
	assert_true(throttle_next(&rule, NULL).delay_ms == 0);
	for (uint32_t failures = 0; failures < 5; failures++) {
		const struct throttle_row row = row_of(failures, 0, 0);
		assert_int_equal(throttle_next(&rule, &row).failures, failures + 1);
		assert_true(throttle_next(&rule, &row).delay_ms == 0);
	}
	for (uint32_t failures = 5; failures < 99; failures++) {
		const struct throttle_row row = row_of(failures, 0, 0);
		const uint64_t seconds = failures - 5 < 10 ? UINT64_C(1) << (failures - 5) : 900;
		assert_true(throttle_next(&rule, &row).delay_ms == seconds * SECOND);
	}
	assert_true(fail_until(&rule, 5) == 0);
	assert_true(fail_until(&rule, 15) == 1023 * SECOND);
}

static void
after_a_hundred_failures_no_waiting_helps(void **state)
{
	static const enum throttle_kind kinds[] = { THROTTLE_ACCOUNT, THROTTLE_UNKNOWN, THROTTLE_DEVICE };

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		const struct throttle_rule rule = throttle_rule(&config, kinds[i]);
		struct throttle_row row = row_of(99, -1, 1);
		assert_true(throttle_wait_ms(&rule, &row) == 0);
		row = row_of(throttle_next(&rule, &row).failures, -80000 * (int64_t)SECOND, 80000 * (int64_t)SECOND);
		assert_int_equal(row.failures, 100);
		assert_true(throttle_ended(&rule, &row));
		assert_true(throttle_wait_ms(&rule, &row) == 900 * SECOND);
	}
}

static void
a_name_that_nobody_has_is_treated_as_an_account_is(void **state)
{
	const struct throttle_rule account = throttle_rule(&config, THROTTLE_ACCOUNT),
							   unknown = throttle_rule(&config, THROTTLE_UNKNOWN);

	(void)state;
	assert_string_equal(account.detail, unknown.detail);
	assert_string_equal(account.last, unknown.last);
	for (uint32_t failures = 0; failures <= 100; failures++) {
		const struct throttle_row row = row_of(failures, 500, 500);
		const struct throttle_change a = throttle_next(&account, &row), u = throttle_next(&unknown, &row);
		assert_true(a.failures == u.failures && a.delay_ms == u.delay_ms && a.age_ms == u.age_ms);
		assert_true(throttle_wait_ms(&account, &row) == throttle_wait_ms(&unknown, &row));
		assert_true(throttle_ended(&account, &row) == throttle_ended(&unknown, &row));
	}
}

static void
an_account_forgets_nothing_and_an_unknown_name_after_a_day(void **state)
{
	const struct throttle_row day = row_of(100, -1, 86400 * (int64_t)SECOND),
							  less = row_of(100, -1, 86400 * (int64_t)SECOND - 1);
	const struct throttle_rule account = throttle_rule(&config, THROTTLE_ACCOUNT),
							   unknown = throttle_rule(&config, THROTTLE_UNKNOWN);

	(void)state;
	assert_int_equal(throttle_counted(&account, &day), 100);
	assert_int_equal(throttle_counted(&unknown, &less), 100);
	assert_int_equal(throttle_counted(&unknown, &day), 0);
	assert_false(throttle_ended(&unknown, &day));
	assert_true(account.lasting);
	assert_false(unknown.lasting);
}

static void
an_address_is_forgiven_one_failure_each_half_minute(void **state)
{
	const struct throttle_rule rule = throttle_rule(&config, THROTTLE_ADDRESS);
	struct throttle_row row = row_of(21, -1, 29999);

	(void)state;
	assert_int_equal(throttle_counted(&rule, &row), 21);
	row = row_of(21, -1, 30000);
	assert_int_equal(throttle_counted(&rule, &row), 20);
	row = row_of(21, -1, 21 * 30000);
	assert_int_equal(throttle_counted(&rule, &row), 0);
	/* The time that has run towards the next one is not lost, or who fails every 29 s would be forgiven none. */
	row = row_of(21, -1, 29000);
	assert_true(throttle_next(&rule, &row).age_ms == 29000);
	row = row_of(21, -1, 65000);
	assert_true(throttle_next(&rule, &row).age_ms == 5000);
	assert_int_equal(throttle_next(&rule, &row).failures, 20);
	/* But nobody saves up for later. */
	row = row_of(2, -1, 1000000);
	assert_true(throttle_next(&rule, &row).age_ms == 0);
	assert_int_equal(throttle_next(&rule, &row).failures, 1);
}

static void
an_address_waits_five_minutes_at_most(void **state)
{
	const struct throttle_rule rule = throttle_rule(&config, THROTTLE_ADDRESS);
	const struct throttle_row first = row_of(20, 0, 0), many = row_of(4000000000, 0, 0),
							  most = row_of(UINT32_MAX, 0, 0);

	(void)state;
	assert_true(throttle_next(&rule, &first).delay_ms == 1 * SECOND);
	assert_true(throttle_next(&rule, &many).delay_ms == 300 * SECOND);
	assert_int_equal(throttle_next(&rule, &most).failures, UINT32_MAX);
	assert_false(throttle_ended(&rule, &most));
}

static void
a_rate_is_given_at_once_and_then_evenly(void **state)
{
	const struct throttle_rule rule = throttle_rule(&config, THROTTLE_REGISTER);

	(void)state;
	assert_true(fail_until(&rule, 29) == 0);
	assert_true(fail_until(&rule, 30) == 120 * SECOND);
	assert_true(fail_until(&rule, 60) == 31 * 120 * SECOND);
}

static void
refreshes_are_charged_in_batches_that_are_a_small_part(void **state)
{
	struct config c = config;
	struct throttle_rule rule = throttle_rule(&c, THROTTLE_REFRESH);

	(void)state;
	assert_int_equal(rule.unit, 16);
	assert_int_equal(throttle_next(&rule, NULL).failures, 16);
	assert_true(fail_until(&rule, 36) == 0);
	assert_true(fail_until(&rule, 37) == (16 * 38 - 600) * 100);
	c.refresh_per_minute = 10;
	rule = throttle_rule(&c, THROTTLE_REFRESH);
	assert_int_equal(rule.unit, 1);
	assert_true(fail_until(&rule, 9) == 0);
	assert_true(fail_until(&rule, 10) == 6 * SECOND);
	c.refresh_per_minute = 100000;
	rule = throttle_rule(&c, THROTTLE_REFRESH);
	assert_int_equal(rule.unit, 16);
	assert_true(rule.forgive_ms >= 1);
}

static void
a_limit_of_zero_is_none(void **state)
{
	const struct config none = { 0 };

	(void)state;
	assert_true(throttle_rule(&none, THROTTLE_ADDRESS).off);
	assert_true(throttle_rule(&none, THROTTLE_REGISTER).off);
	assert_true(throttle_rule(&none, THROTTLE_REFRESH).off);
	assert_false(throttle_rule(&none, THROTTLE_ACCOUNT).off);
	for (int kind = 0; kind < THROTTLE__COUNT; kind++)
		assert_false(throttle_rule(&config, (enum throttle_kind)kind).off);
}

static void
a_clock_that_jumped_locks_nobody_out(void **state)
{
	const struct throttle_rule rule = throttle_rule(&config, THROTTLE_ACCOUNT);
	const int64_t hour = 3600 * (int64_t)SECOND;
	struct throttle_row row = row_of(8, 4 * SECOND + hour, -hour); /* it went back after the eighth failure */

	(void)state;
	assert_true(throttle_wait_ms(&rule, &row) == 0);
	assert_int_equal(throttle_counted(&rule, &row), 8);
	assert_int_equal(throttle_next(&rule, &row).failures, 9);
	assert_true(throttle_next(&rule, &row).age_ms == 0);
	row = row_of(8, 3 * SECOND - hour, hour); /* it went forward */
	assert_true(throttle_wait_ms(&rule, &row) == 0);
	assert_int_equal(throttle_counted(&rule, &row), 8);
	/* What another node's clock is ahead is waited for, but no longer than the rule says. */
	row = row_of(8, 4 * SECOND + 500, -500);
	assert_true(throttle_wait_ms(&rule, &row) == 4 * SECOND);
	row = row_of(8, 3 * SECOND, 1 * SECOND);
	assert_true(throttle_wait_ms(&rule, &row) == 3 * SECOND);
}

static void
a_limit_that_was_raised_holds_at_once(void **state)
{
	struct config c = config;
	const struct throttle_row row = row_of(30, 300 * SECOND, 0);
	struct throttle_rule rule = throttle_rule(&c, THROTTLE_ADDRESS);

	(void)state;
	assert_true(throttle_wait_ms(&rule, &row) == 300 * SECOND);
	c.login_address_free = 100;
	rule = throttle_rule(&c, THROTTLE_ADDRESS);
	assert_true(throttle_wait_ms(&rule, &row) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_double_after_the_free_ones_and_stay_at_the_longest),
		cmocka_unit_test(after_a_hundred_failures_no_waiting_helps),
		cmocka_unit_test(a_name_that_nobody_has_is_treated_as_an_account_is),
		cmocka_unit_test(an_account_forgets_nothing_and_an_unknown_name_after_a_day),
		cmocka_unit_test(an_address_is_forgiven_one_failure_each_half_minute),
		cmocka_unit_test(an_address_waits_five_minutes_at_most),
		cmocka_unit_test(a_rate_is_given_at_once_and_then_evenly),
		cmocka_unit_test(refreshes_are_charged_in_batches_that_are_a_small_part),
		cmocka_unit_test(a_limit_of_zero_is_none),
		cmocka_unit_test(a_clock_that_jumped_locks_nobody_out),
		cmocka_unit_test(a_limit_that_was_raised_holds_at_once),
	};

	return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
