/* inject.c: the switch of inject.h, and the clock. */
#include "inject.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES = 24 };

struct control *control;
static int inside;

void
inject_resolve(void *function, size_t size, const char *name)
{
	void *address = dlsym(RTLD_NEXT, name);

	memcpy(function, &address, size);
}

void
inject_enter(void)
{
	inside++;
}

void
inject_leave(void)
{
	inside--;
}

static void
trace(const char *what)
{
	void *frames[FRAMES];

	(void)dprintf(STDERR_FILENO, "injected: %s fails, called from\n", what);
	backtrace_symbols_fd(frames, backtrace(frames, FRAMES), STDERR_FILENO);
}

bool
inject_due(enum domain domain, const char *what)
{
	struct control *c = control;

	if (c == NULL || c->domain != domain || (domain == DOMAIN_DATABASE && inside > 0))
		return false;
	c->counted++;
	if (c->nth == 0 || (c->forever != 0 ? c->counted < c->nth : c->counted != c->nth))
		return false;
	c->hits++;
	memset(c->what, 0, sizeof(c->what));
	memcpy(c->what, what, strnlen(what, sizeof(c->what) - 1));
	if (c->trace != 0) {
		c->domain = DOMAIN_NONE; /* this allocates */
		trace(what);
		c->domain = domain;
	}
	return true;
}

__attribute__((constructor)) static void
open_control(void)
{
	const char *path = getenv("INJECT_FILE");
	const int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *mapped = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (mapped != MAP_FAILED)
		control = mapped;
}

/* ---- main() ---------------------------------------------------------------------------------------------------- */

typedef int main_function(int, char **, char **);
typedef int start_function(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

static main_function *real_main;

static int
counted_main(int argc, char **argv, char **environment)
{
	if (control != NULL && control->at_main != DOMAIN_NONE)
		control->domain = control->at_main;
	return real_main(argc, argv, environment);
}

/* What glibc's entry code calls with main(): before it, the loader allocates, and that is none of the program's. */
int __libc_start_main(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);

int
__libc_start_main(main_function *program, int argc, char **argv, void (*init)(void), void (*fini)(void),
                  void (*loader_fini)(void), void *stack_end)
{
	start_function *start = NULL;

	RESOLVE(start, "__libc_start_main");
	real_main = program;
	return start(counted_main, argc, argv, init, fini, loader_fini, stack_end);
}

/* The first wait for a request: the boot is over, and what was to fail in it fails no more. */
int
epoll_pwait(int epoll, struct epoll_event *events, int max, int timeout_ms, const sigset_t *mask)
{
	static int (*next)(int, struct epoll_event *, int, int, const sigset_t *);

	if (control != NULL && control->at_main != DOMAIN_NONE)
		control->at_main = control->domain = DOMAIN_NONE;
	if (next == NULL)
		RESOLVE(next, "epoll_pwait");
	return next(epoll, events, max, timeout_ms, mask);
}

/* ---- The clock, and waiting ------------------------------------------------------------------------------------ */

static int64_t
shift_s(void)
{
	return control != NULL ? control->shift_s : 0;
}

int
clock_gettime(clockid_t clock, struct timespec *out)
{
	const int rc = (int)syscall(SYS_clock_gettime, clock, out);

	if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		out->tv_sec += shift_s();
	return rc;
}

time_t
time(time_t *out)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (out != NULL)
		*out = now.tv_sec;
	return now.tv_sec;
}

int
gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	*out = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}

/* A worker that cannot boot waits here, for its supervisor's sake. */
unsigned
sleep(unsigned seconds)
{
	(void)seconds;
	return 0;
}
