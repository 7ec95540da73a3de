/* How large the next slice of a clean-up is. */
#include "service/gc.h"
#include "unit.h"

static uint32_t
next(uint32_t rows, uint64_t us, bool full, bool failed)
{
	const struct slice slice = { .removed = rows, .full = full, .look_us = us / 2, .remove_us = us };

	return gc_size_next((struct gc_size){ rows }, &slice, failed).rows;
}

static void
grows_while_quick(void **state)
{
	(void)state;
	assert_int_equal(next(100, GC_REMOVE_US / 2, true, false), 125);
	assert_int_equal(next(GC_ROWS_MIN, 1, true, false), GC_ROWS_MIN + 1);
	assert_int_equal(next(CHORE_SLICE_MAX, 1, true, false), CHORE_SLICE_MAX);
	assert_int_equal(next(CHORE_SLICE_MAX - 1, 1, true, false), CHORE_SLICE_MAX);
}

static void
shrinks_to_what_the_time_was_enough_for(void **state)
{
	const struct slice looked = { .full = true, .look_us = GC_LOOK_US * 2, .remove_us = GC_REMOVE_US / 2 };

	(void)state;
	assert_int_equal(gc_size_next((struct gc_size){ 1000 }, &looked, false).rows, 500);
	assert_int_equal(next(1000, (uint64_t)GC_REMOVE_US * 4, true, false), 250);
	assert_int_equal(next(1000, UINT64_C(3600000000), true, false), GC_ROWS_MIN);
	assert_int_equal(next(1000, GC_REMOVE_US * 2, true, true), 500);
	assert_int_equal(next(GC_ROWS_MIN, 1, false, true), GC_ROWS_MIN);
}

static void
learns_nothing_of_a_slice_that_was_not_full(void **state)
{
	(void)state;
	assert_int_equal(next(400, 1, false, false), 400);
	assert_int_equal(next(400, (uint64_t)GC_REMOVE_US * 9, false, false), 400);
}

static void
from_the_first_size_to_the_largest(void **state)
{
	uint32_t rows = gc_size_first().rows;
	int slices = 0;

	(void)state;
	for (; rows < CHORE_SLICE_MAX && slices < 100; slices++)
		rows = next(rows, 1, true, false);
	assert_in_range(slices, 5, 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_while_quick),
		cmocka_unit_test(shrinks_to_what_the_time_was_enough_for),
		cmocka_unit_test(learns_nothing_of_a_slice_that_was_not_full),
		cmocka_unit_test(from_the_first_size_to_the_largest),
	};

	return cmocka_run_group_tests_name("gc", tests, NULL, NULL);
}
