#include "unit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/metrics.h"

enum { ROUTES = 3, LAYOUT = 7 };

static int
key_file(void **state)
{
	static char path[] = "/tmp/latch-unit-metrics-XXXXXX";
	const int fd = mkstemp(path);

	*state = path;
	return fd < 0 ? -1 : close(fd);
}

/* The segments that are attached nowhere and were made by this process are those of these tests. */
static void
remove_segments(void)
{
	struct shm_info all;
	const int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&all);

	for (int i = 0; i <= last; i++) {
		struct shmid_ds one;
		const int id = shmctl(i, SHM_STAT, &one);
		if (id >= 0 && one.shm_nattch == 0 && one.shm_cpid == getpid())
			(void)shmctl(id, IPC_RMID, NULL);
	}
}

/* The one that this process has just made and is attached to. */
static int
segment(void)
{
	struct shm_info all;
	const int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&all);
	int found = -1;

	for (int i = 0; i <= last; i++) {
		struct shmid_ds one;
		const int id = shmctl(i, SHM_STAT, &one);
		if (id >= 0 && one.shm_nattch == 1 && one.shm_lpid == getpid())
			found = id;
	}
	return found;
}

static int
remove_key_file(void **state)
{
	metrics_close();
	remove_segments();
	return unlink(*state);
}

/* So that each test begins at 0. */
static int
begin_anew(void **state)
{
	(void)state;
	metrics_close();
	remove_segments();
	return 0;
}

static void
counts_of_a_process_that_is_killed_stay(void **state)
{
	enum { PROCESSES = 12, EACH = 20000 };
	struct route_counts counts;
	int status;

	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	assert_true(metrics_shared());
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() != 0)
			continue;
		metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
		for (int n = 0; n < EACH; n++) {
			metrics_add(COUNT_LOGIN_WRONG, 1);
			metrics_request(1, n % 2 == 0 ? 200 : 503, 700);
		}
		(void)raise(SIGKILL);
	}
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	assert_int_equal(metrics_count(COUNT_LOGIN_WRONG), PROCESSES * EACH);
	assert_int_equal(metrics_count(COUNT_STARTS), PROCESSES + 1);
	metrics_route(1, &counts);
	assert_int_equal(counts.n, PROCESSES * EACH);
	assert_int_equal(counts.classes[0], PROCESSES * EACH / 2);
	assert_int_equal(counts.classes[3], PROCESSES * EACH / 2);
	assert_int_equal(counts.sum_us, UINT64_C(700) * PROCESSES * EACH);
	metrics_route(0, &counts);
	assert_int_equal(counts.n, 0);
	metrics_route(2, &counts);
	assert_int_equal(counts.n, 0);
}

/* What is forked has the copy of who forked it. */
static void
two_that_have_one_copy_lose_nothing(void **state)
{
	enum { PROCESSES = 3, EACH = 3000000 };
	int status;

	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() != 0)
			continue;
		for (int n = 0; n < EACH; n++)
			metrics_add(COUNT_LOGIN_OK, 1);
		_exit(0);
	}
	for (int i = 0; i < PROCESSES; i++)
		assert_true(wait(&status) > 0 && status == 0);
	assert_int_equal(metrics_count(COUNT_LOGIN_OK), PROCESSES * EACH);
}

static void
what_was_counted_outlives_the_processes(void **state)
{
	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	const int64_t since_s = metrics_since_s();
	metrics_add(COUNT_HASHES, 5);
	metrics_close();
	assert_int_equal(metrics_count(COUNT_HASHES), 0);
	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	assert_int_equal(metrics_count(COUNT_HASHES), 5);
	assert_true(since_s > 0 && metrics_since_s() == since_s);
}

static void
a_program_with_other_routes_counts_elsewhere(void **state)
{
	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	metrics_add(COUNT_HASHES, 5);
	metrics_open(*state, ROUTES, LAYOUT + 1, METRICS_OF_A_WORKER);
	assert_true(metrics_shared());
	assert_int_equal(metrics_count(COUNT_HASHES), 0);
	metrics_open(*state, ROUTES + 1, LAYOUT, METRICS_OF_A_WORKER);
	assert_int_equal(metrics_count(COUNT_HASHES), 0);
	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	assert_int_equal(metrics_count(COUNT_HASHES), 5);
}

/* A request of so long is in the bucket whose bound is not below it. */
static void
durations_fall_into_their_buckets(void **state)
{
	static const struct {
		uint64_t us;
		size_t bucket;
	} cases[] = {
		{ 0, 0 },        { 100, 0 },      { 101, 1 },      { 250, 1 },         { 251, 2 },     { 999, 3 },
		{ 1000, 3 },     { 1001, 4 },     { 25000, 7 },    { 100000, 9 },      { 999999, 12 }, { 1000000, 12 },
		{ 1000001, 13 }, { 5000000, 14 }, { 5000001, 15 }, { UINT32_MAX, 15 },
	};
	struct route_counts counts;
	uint64_t all[METRICS_BUCKETS] = { 0 }, sum_us = 0;

	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	for (size_t i = 0; i < COUNT(cases); i++) {
		metrics_request(2, 404, cases[i].us);
		all[cases[i].bucket]++;
		sum_us += cases[i].us;
	}
	metrics_route(2, &counts);
	assert_memory_equal(counts.buckets, all, sizeof(all));
	assert_int_equal(counts.sum_us, sum_us);
	assert_int_equal(counts.classes[2], COUNT(cases));
}

static void
a_status_or_route_that_is_none_harms_nothing(void **state)
{
	struct route_counts counts;

	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	metrics_request(ROUTES, 200, 1);
	metrics_request(0, 0, 1);
	metrics_request(0, 199, 1);
	metrics_request(0, 999, 1);
	metrics_route(0, &counts);
	assert_int_equal(counts.n, 3);
	assert_int_equal(counts.classes[3], 3);
	assert_int_equal(metrics_count(COUNT_LOGIN_OK), 0);
	metrics_route(ROUTES, &counts);
	assert_int_equal(counts.n, 0);
}

/* What anybody could have made, or may write to, is nobody's to count in. */
static void
a_segment_that_others_may_open_is_not_used(void **state)
{
	struct shmid_ds info;

	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	metrics_add(COUNT_HASHES, 5);
	const int id = segment();
	assert_int_equal(shmctl(id, IPC_STAT, &info), 0);
	metrics_close();

	info.shm_perm.mode = 0660;
	assert_int_equal(shmctl(id, IPC_SET, &info), 0);
	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	assert_false(metrics_shared());
	metrics_add(COUNT_HASHES, 1);
	assert_int_equal(metrics_count(COUNT_HASHES), 1);
	metrics_close();

	info.shm_perm.mode = 0600;
	assert_int_equal(shmctl(id, IPC_SET, &info), 0);
	if (geteuid() == 0) {
		info.shm_perm.uid = 65534;
		assert_int_equal(shmctl(id, IPC_SET, &info), 0);
		metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
		assert_false(metrics_shared());
		metrics_close();
		info.shm_perm.uid = 0;
		assert_int_equal(shmctl(id, IPC_SET, &info), 0);
	}
	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	assert_true(metrics_shared());
	assert_int_equal(metrics_count(COUNT_HASHES), 5);
}

static void
without_a_key_file_a_process_counts_for_itself(void **state)
{
	(void)state;
	metrics_open("/nowhere/key", ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	assert_false(metrics_shared());
	metrics_add(COUNT_HASHES, 2);
	assert_int_equal(metrics_count(COUNT_HASHES), 2);
}

static void
a_sample_is_found_out_by_one_and_grows_old(void **state)
{
	uint32_t value;

	metrics_open(*state, ROUTES, LAYOUT, METRICS_OF_A_WORKER);
	assert_false(metrics_sample(60, &value));
	assert_true(metrics_sample_due(1));
	assert_false(metrics_sample_due(1));
	metrics_sample_put(UINT32_MAX);
	assert_true(metrics_sample(60, &value));
	assert_int_equal(value, UINT32_MAX);
	(void)sleep(2);
	assert_false(metrics_sample(0, &value));
	assert_true(metrics_sample(60, &value));
	assert_true(metrics_sample_due(60));
}

/* A counter that no row shows, or two do, would be counted in vain, or be believed twice. */
static void
every_counter_and_gauge_is_shown_once(void **state)
{
	unsigned counters[COUNTS] = { 0 }, gauges[GAUGES] = { 0 };

	(void)state;
	for (size_t i = 0; i < metrics_n; i++) {
		assert_int_equal(strncmp(metrics[i].name, "latch_", 6), 0);
		assert_non_null(metrics[i].help);
		assert_true((metrics[i].n > 1) <= (metrics[i].label != NULL));
		for (size_t v = 0; v < metrics[i].n; v++) {
			const unsigned at = metrics[i].values[v].at;
			assert_true((metrics[i].label != NULL) == (metrics[i].values[v].is != NULL));
			assert_true(at < (unsigned)(metrics[i].kind == METRIC_COUNTER ? COUNTS : GAUGES));
			(metrics[i].kind == METRIC_COUNTER ? counters : gauges)[at]++;
		}
	}
	for (size_t i = 0; i < COUNTS; i++)
		assert_int_equal(counters[i], 1);
	for (size_t i = 0; i < GAUGES; i++)
		assert_int_equal(gauges[i], 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(counts_of_a_process_that_is_killed_stay, begin_anew),
		cmocka_unit_test_setup(two_that_have_one_copy_lose_nothing, begin_anew),
		cmocka_unit_test_setup(what_was_counted_outlives_the_processes, begin_anew),
		cmocka_unit_test_setup(a_program_with_other_routes_counts_elsewhere, begin_anew),
		cmocka_unit_test_setup(durations_fall_into_their_buckets, begin_anew),
		cmocka_unit_test_setup(a_status_or_route_that_is_none_harms_nothing, begin_anew),
		cmocka_unit_test_setup(a_segment_that_others_may_open_is_not_used, begin_anew),
		cmocka_unit_test_setup(without_a_key_file_a_process_counts_for_itself, begin_anew),
		cmocka_unit_test_setup(a_sample_is_found_out_by_one_and_grows_old, begin_anew),
		cmocka_unit_test(every_counter_and_gauge_is_shown_once),
	};

	return cmocka_run_group_tests_name("metrics", tests, key_file, remove_key_file);
}
