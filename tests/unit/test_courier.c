/* The worker's side of an outbound call: whatever the program does, the worker has an answer in time, its lane back and no child. The
 * programs are scripts here, and BUILD/latch-outbound, which is beside this test. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/courier.h"
#include "unit.h"

enum { ARENA_SIZE = 512 * 1024, TOTAL_MS = 300 };

static char folder[] = "/tmp/latch-unit-courier-XXXXXX";
static char script[sizeof(folder) + 16], lane_file[sizeof(folder) + 16], real[4096];
static struct arena arena;
static struct lanes lanes;

static const struct frame_request request = { .url = "https://127.0.0.1:1/",
	                                          .body = { "secret=Sesam", 12 },
	                                          .connect_ms = TOTAL_MS,
	                                          .total_ms = TOTAL_MS,
	                                          .head_max = 1024,
	                                          .body_max = 1024 };

static void
write_script(const char *text)
{
	FILE *f = fopen(script, "we");

	assert_non_null(f);
	(void)fprintf(f, "#!/bin/sh\n%s\n", text);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(script, 0700), 0);
}

static bool
childless(void)
{
	return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static bool
lane_is_free(void)
{
	struct lanes_use use;

	return lanes_look(&lanes, &use) && use.in_use == 0 && use.lanes == 1;
}

/* Opens, asks twice, closes; the first answer. */
static enum outbound_result
result_of(const char *program, char why[OUTBOUND_WHY_SIZE])
{
	struct outbound_response answer;
	struct courier courier;
	char again[OUTBOUND_WHY_SIZE];

	arena_reset(&arena);
	const enum outbound_result opened = courier_open(&courier, program, &lanes, 5000);
	const enum outbound_result first = courier_ask(&courier, &request, &arena, &answer, why);
	assert_true(why[0] != '\0' && answer.status == 0 && answer.body.n == 0);
	/* What was said to it is gone from the memory. */
	assert_null(memmem(arena.base, arena.used, "Sesam", 5));
	const enum outbound_result second = courier_ask(&courier, &request, &arena, &answer, again);
	assert_true(opened == OUTBOUND_OK || first == opened);
	if (courier.pid == 0) {
		assert_true(childless());
		assert_int_equal(second, OUTBOUND_NO_PROGRAM);
	}
	courier_close(&courier);
	courier_close(&courier);
	assert_true(childless());
	assert_true(lane_is_free());
	return first;
}

static enum outbound_result
result_of_script(const char *text)
{
	char why[OUTBOUND_WHY_SIZE];

	write_script(text);
	return result_of(script, why);
}

/* ---- Tests -------------------------------------------------------------------------------------------------------- */

static void
a_program_that_is_none_is_told(void **state)
{
	char why[OUTBOUND_WHY_SIZE];

	(void)state;
	assert_int_equal(result_of("/nowhere/latch-outbound", why), OUTBOUND_NO_PROGRAM);
	assert_non_null(strstr(why, "latch-outbound"));
	assert_int_equal(result_of(lane_file, why), OUTBOUND_NO_PROGRAM); /* may not be executed */
}

static void
a_program_that_ends_is_told_and_is_no_sigpipe(void **state)
{
	(void)state;
	/* As a worker has it from who started it. */
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	const uint64_t began = clock_mono_us();
	assert_int_equal(result_of_script("exit 0"), OUTBOUND_NO_PROGRAM);
	assert_int_equal(result_of_script("exec <&- >&-; sleep 20"), OUTBOUND_NO_PROGRAM);
	assert_int_equal(result_of_script("kill -9 $$"), OUTBOUND_NO_PROGRAM);
	assert_int_equal(result_of_script("head -c 20 >/dev/null; kill -9 $$"), OUTBOUND_NO_PROGRAM);
	assert_in_range(clock_mono_us() - began, 0, 4000000);
}

static void
a_program_that_hangs_is_left_in_time(void **state)
{
	static const char *const texts[] = { "exec sleep 30", "trap '' TERM HUP INT PIPE; while :; do :; done",
		                                 "kill -STOP $$",
		                                 /* All of an answer but its last byte. */
		                                 "printf "
		                                 "'1aol\\000\\000\\000\\000\\310\\000\\000\\000\\000\\000\\000\\000\\000\\000\\"
		                                 "000\\000\\002\\000\\000\\000\\000\\000"
		                                 "\\000\\000{'; exec sleep 30" };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		/* Only what is said when asked is read: this one speaks at once, and is to be asked before. */
		char text[512];
		(void)snprintf(text, sizeof(text), "head -c 80 >/dev/null; %s", texts[i]);
		const uint64_t began = clock_mono_us();
		assert_int_equal(result_of_script(text), OUTBOUND_TIMEOUT);
		assert_in_range(clock_mono_us() - began, (TOTAL_MS + COURIER_GRACE_MS) * 1000 - 2000, 2000000);
	}
}

static void
rubbish_is_no_answer(void **state)
{
	static const char *const texts[] = {
		"cat /dev/zero",
		"yes",
		"cat",
		"head -c 80 >/dev/null; yes",
		/* A mark, and then lengths of 4 GiB. */
		"head -c 80 >/dev/null; printf '1aol\\000\\000\\000\\000\\310\\000\\000\\000\\000\\000\\000\\000'; yes '\377' "
		"| tr -d '\\n'",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		const uint64_t began = clock_mono_us();
		assert_int_equal(result_of_script(texts[i]), OUTBOUND_NO_PROGRAM);
		assert_in_range(clock_mono_us() - began, 0, 1500000);
	}
}

/* It would be taken for the answer to the next question, which is another person's. */
static void
what_comes_after_an_answer_is_not_taken_for_the_next(void **state)
{
	struct outbound_response answer;
	struct courier courier;
	char why[OUTBOUND_WHY_SIZE];

	(void)state;
	arena_reset(&arena);
	write_script("answer() { printf "
	             "'1aol\\000\\000\\000\\000\\310\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\000\\001\\000\\000"
	             "\\000\\000\\000\\000\\000'\"$1\"; }\n"
	             "head -c 80 >/dev/null; answer a; answer b; exec sleep 20");
	assert_int_equal(courier_open(&courier, script, &lanes, 5000), OUTBOUND_OK);
	assert_int_equal(courier_ask(&courier, &request, &arena, &answer, why), OUTBOUND_OK);
	assert_int_equal(answer.status, 200);
	assert_true(str_eq(answer.body, STR("a")));
	(void)usleep(100000);
	assert_int_equal(courier_ask(&courier, &request, &arena, &answer, why), OUTBOUND_NO_PROGRAM);
	assert_true(childless());
	courier_close(&courier);
}

/* What this program tells of itself when it is started in the place of latch-outbound. */
struct probed {
	bool environment, descriptor, blocked, ignored, in_a_group;
	int standard; /* how many of 0, 1, 2 are open */
};

static void
probe(void)
{
	struct probed is = { .environment = environ[0] != NULL, .in_a_group = getpgrp() != getpid() };
	struct sigaction action = { 0 };
	sigset_t blocked;

	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0) {
			is.standard += fd <= 2 ? 1 : 0;
			is.descriptor = is.descriptor || fd > 2;
		}
	(void)sigprocmask(SIG_BLOCK, NULL, &blocked);
	for (int signal = 1; signal < SIGRTMIN - 2; signal++) {
		is.blocked = is.blocked || sigismember(&blocked, signal) == 1;
		is.ignored = is.ignored || (sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
	}
	(void)!write(STDOUT_FILENO, &is, sizeof(is));
	_exit(0);
}

static void
the_program_gets_no_environment_no_descriptor_and_no_signal_mask(void **state)
{
	struct probed is = { 0 };
	struct courier courier;
	sigset_t stop, before;
	/* Without O_CLOEXEC, as what a library opens may be. */
	const int leaks = open("/dev/null", O_RDONLY);

	(void)state;
	assert_int_equal(setenv("LATCH_DB_PASSWORD", "Sesam", 1), 0);
	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &stop, &before);
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	assert_int_equal(courier_open(&courier, "/proc/self/exe", &lanes, 1000), OUTBOUND_OK);
	assert_int_equal(recv(courier.socket, &is, sizeof(is), MSG_WAITALL), sizeof(is));
	courier_close(&courier);
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	assert_int_equal(unsetenv("LATCH_DB_PASSWORD"), 0);
	(void)close(leaks);
	assert_false(is.environment);
	assert_false(is.descriptor);
	assert_int_equal(is.standard, 3);
	assert_false(is.blocked);
	assert_false(is.ignored);
	assert_false(is.in_a_group);
}

static void
who_finds_no_lane_hears_so_at_once(void **state)
{
	struct outbound_response answer;
	struct courier first, second;
	struct lanes other;
	char why[OUTBOUND_WHY_SIZE];

	(void)state;
	assert_int_equal(lanes_open(&other, LANES_OUTBOUND, lane_file, 1, 0, 0), OK);
	assert_int_equal(courier_open(&first, real, &lanes, 1000), OUTBOUND_OK);
	const uint64_t began = clock_mono_us();
	assert_int_equal(courier_open(&second, real, &other, 1000), OUTBOUND_BUSY);
	assert_in_range(clock_mono_us() - began, 0, 50000);
	assert_int_equal(courier_ask(&second, &request, &arena, &answer, why), OUTBOUND_NO_PROGRAM);
	courier_close(&second); /* what it does not hold it does not give back */
	assert_int_equal(courier_open(&second, real, &other, 1000), OUTBOUND_BUSY);
	courier_close(&second);
	courier_close(&first);
	assert_true(lane_is_free());
}

static void
what_may_not_be_asked_does_not_reach_the_program(void **state)
{
	static const char *const headers[] = { "X: a\r\nHost: b", NULL };
	struct frame_request bad = request;
	struct outbound_response answer;
	struct courier courier;
	char why[OUTBOUND_WHY_SIZE];

	(void)state;
	arena_reset(&arena);
	bad.headers = headers;
	assert_int_equal(courier_open(&courier, real, &lanes, 1000), OUTBOUND_OK);
	assert_int_equal(courier_ask(&courier, &bad, &arena, &answer, why), OUTBOUND_NO_URL);
	assert_int_equal(courier_ask(&courier, &request, &arena, &answer, why), OUTBOUND_FORBIDDEN);
	courier_close(&courier);
}

/* The program itself, without a worker: it takes what has the form of a frame, and ends with its input. */
static int
fed(const char *bytes, size_t n, char *out, size_t *got)
{
	int in[2], back[2], status = -1;

	assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0);
	const pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(back[1], STDOUT_FILENO);
		(void)execl(real, "latch-outbound", (char *)NULL);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(back[1]);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)!write(in[1], bytes, n);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)close(in[1]);
	*got = 0;
	for (ssize_t some; (some = read(back[0], out + *got, 512 - *got)) > 0;)
		*got += (size_t)some;
	(void)close(back[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
the_program_ends_with_its_input_and_with_the_first_thing_that_is_no_frame(void **state)
{
	static const char http[] = "POST /token HTTP/1.1\r\nHost: op.example\r\nContent-Length: 0\r\n\r\n";
	char out[512];
	size_t got;

	(void)state;
	arena_reset(&arena);
	const struct str frame = frame_encode_request(&request, &arena);
	assert_int_equal(fed("", 0, out, &got), 0);
	assert_int_equal(got, 0);
	assert_int_equal(fed(frame.p, frame.n - 1, out, &got), 0);
	assert_int_equal(got, 0);
	assert_int_equal(fed(http, sizeof(http) - 1, out, &got), 0);
	assert_int_equal(got, 0);
	assert_int_equal(fed(frame.p, frame.n, out, &got), 0);
	assert_in_range(got, sizeof(struct frame_answer_head), sizeof(out));
	assert_memory_equal(out + 4, (&(const uint32_t){ OUTBOUND_FORBIDDEN }), 4);
}

static void
the_program_takes_so_many_requests_and_no_more(void **state)
{
	struct outbound_response answer;
	struct courier courier;
	char why[OUTBOUND_WHY_SIZE];

	(void)state;
	assert_int_equal(courier_open(&courier, real, &lanes, 20000), OUTBOUND_OK);
	for (unsigned i = 0; i < OUTBOUND_REQUESTS_MAX; i++) {
		arena_reset(&arena);
		assert_int_equal(courier_ask(&courier, &request, &arena, &answer, why), OUTBOUND_FORBIDDEN);
	}
	/* The program has ended by itself, and so nobody needed to kill it. */
	siginfo_t info = { 0 };
	assert_int_equal(waitid(P_PID, (id_t)courier.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(info.si_code, CLD_EXITED);
	assert_int_equal(courier_ask(&courier, &request, &arena, &answer, why), OUTBOUND_NO_PROGRAM);
	courier_close(&courier);
	assert_true(childless());
}

/* PR_SET_PDEATHSIG: nothing is left of a worker that is killed in the middle of a sign-in, and its lane is free. */
static void
the_program_dies_with_its_worker(void **state)
{
	int told[2];
	pid_t program = 0;

	(void)state;
	assert_int_equal(pipe(told), 0);
	const pid_t worker = fork();
	if (worker == 0) {
		struct courier courier;
		const bool ok = courier_open(&courier, real, &lanes, 20000) == OUTBOUND_OK;
		/* Its input does not end with the worker, for somebody else holds that too. */
		if (fork() == 0) {
			(void)close(told[1]);
			(void)alarm(10);
			(void)pause();
		}
		(void)usleep(300000);
		(void)!write(told[1], ok ? &courier.pid : &(pid_t){ 0 }, sizeof(pid_t));
		(void)pause();
		_exit(0);
	}
	(void)close(told[1]);
	assert_int_equal(read(told[0], &program, sizeof(program)), sizeof(program));
	(void)close(told[0]);
	assert_true(program > 0 && kill(program, 0) == 0);
	(void)kill(worker, SIGKILL);
	assert_int_equal(waitpid(worker, NULL, 0), worker);
	int left = 100;
	char path[64], status[256] = "";
	for (; left > 0; left--) {
		(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)program);
		const int fd = open(path, O_RDONLY | O_CLOEXEC);
		const ssize_t got = fd < 0 ? 0 : read(fd, status, sizeof(status) - 1);
		if (fd >= 0)
			(void)close(fd);
		status[got > 0 ? got : 0] = '\0';
		/* A zombie is for init to reap. */
		if (got <= 0 || strstr(status, ") Z ") != NULL)
			break;
		(void)usleep(20000);
	}
	assert_true(left > 0);
	assert_true(lane_is_free());
}

static int
set_up(void **state)
{
	const ssize_t n = readlink("/proc/self/exe", real, sizeof(real) - 32);

	(void)state;
	if (n <= 0 || mkdtemp(folder) == NULL || !arena_open(&arena, ARENA_SIZE))
		return -1;
	real[n] = '\0';
	*strrchr(real, '/') = '\0';
	(void)snprintf(strrchr(real, '/'), 32, "/latch-outbound");
	(void)snprintf(script, sizeof(script), "%s/program", folder);
	(void)snprintf(lane_file, sizeof(lane_file), "%s/lanes", folder);
	const int fd = open(lane_file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	(void)close(fd);
	return fd >= 0 && lanes_open(&lanes, LANES_OUTBOUND, lane_file, 1, 0, 0) == OK ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	(void)unlink(script);
	(void)unlink(lane_file);
	(void)rmdir(folder);
	arena_close(&arena);
	return semctl(lanes.set, 0, IPC_RMID);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_that_is_none_is_told),
		cmocka_unit_test(a_program_that_ends_is_told_and_is_no_sigpipe),
		cmocka_unit_test(a_program_that_hangs_is_left_in_time),
		cmocka_unit_test(rubbish_is_no_answer),
		cmocka_unit_test(what_comes_after_an_answer_is_not_taken_for_the_next),
		cmocka_unit_test(the_program_gets_no_environment_no_descriptor_and_no_signal_mask),
		cmocka_unit_test(who_finds_no_lane_hears_so_at_once),
		cmocka_unit_test(what_may_not_be_asked_does_not_reach_the_program),
		cmocka_unit_test(the_program_ends_with_its_input_and_with_the_first_thing_that_is_no_frame),
		cmocka_unit_test(the_program_takes_so_many_requests_and_no_more),
		cmocka_unit_test(the_program_dies_with_its_worker),
	};

	if (argc == 1 && strcmp(argv[0], "latch-outbound") == 0)
		probe();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
