/* A worker on a listening socket that others hold too. */
#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http/fcgi.h"

enum { ARENA_SIZE = 512 * 1024, WITHIN_MS = 3000, STEP_MS = 20 };

static int listener = -1;

static int
begin(void **state)
{
	const struct sockaddr_un any = { .sun_family = AF_UNIX };

	(void)state;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* A name of the kernel's choice. */
	return listener >= 0 && bind(listener, (const struct sockaddr *)&any, sizeof(any.sun_family)) == 0
	            && listen(listener, 8) == 0
	         ? 0
	         : -1;
}

static int
end(void **state)
{
	(void)state;
	return close(listener);
}

static void
work(void)
{
	struct arena arena;
	struct request request;
	struct fcgi *fcgi = fcgi_open(listener, false);

	if (fcgi == NULL || !arena_open(&arena, ARENA_SIZE))
		_exit(2);
	while (fcgi_next(fcgi, &arena, &request))
		fcgi_finish(fcgi);
	_exit(0);
}

/* Its exit status, or -1 when it had to be killed. */
static int
status_of(pid_t worker)
{
	int status;

	for (int ms = 0; ms < WITHIN_MS; ms += STEP_MS) {
		if (waitpid(worker, &status, WNOHANG) == worker)
			return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
		(void)usleep(STEP_MS * 1000);
	}
	(void)kill(worker, SIGKILL);
	(void)waitpid(worker, &status, 0);
	return -1;
}

/* A worker that waits, ended by this signal; `blocking`: with the socket's O_NONBLOCK taken away meanwhile. */
static int
ended_by(int signal, bool blocking)
{
	const pid_t worker = fork();

	if (worker == 0)
		work();
	assert_true(worker > 0);
	while ((fcntl(listener, F_GETFL) & O_NONBLOCK) == 0)
		(void)usleep(1000);
	(void)usleep(STEP_MS * 1000 * 5);
	if (blocking)
		assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
	assert_int_equal(kill(worker, signal), 0);
	return status_of(worker);
}

static void
sigterm_ends_it(void **state)
{
	(void)state;
	assert_int_equal(ended_by(SIGTERM, false), 0);
}

static void
the_signals_of_multiwatch_end_it(void **state)
{
	(void)state;
	assert_int_equal(ended_by(SIGUSR1, false), 0);
	assert_int_equal(fcntl(listener, F_SETFL, 0), 0);
	assert_int_equal(ended_by(SIGUSR2, false), 0);
}

/* As systemd does when it starts what ExecReload= says. */
static void
it_ends_though_the_socket_was_made_to_block(void **state)
{
	(void)state;
	assert_int_equal(ended_by(SIGUSR1, true), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sigterm_ends_it, begin, end),
		cmocka_unit_test_setup_teardown(the_signals_of_multiwatch_end_it, begin, end),
		cmocka_unit_test_setup_teardown(it_ends_though_the_socket_was_made_to_block, begin, end),
	};

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
