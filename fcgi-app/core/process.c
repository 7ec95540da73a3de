#include "core/process.h"

#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { FILL = 0xff, MMAP_THRESHOLD = 256 * 1024 };

void
process_harden(void)
{
	const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
#ifndef LATCH_SANITIZED /* the leak check traces its own process */
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
	(void)umask(077);
	/* A log that has reached the size it may have is a write that fails, as on a full disk, and not the end. */
	(void)signal(SIGXFSZ, SIG_IGN);
	/* Left to itself malloc would raise its threshold with the first large hash that libargon2 frees, and then keep them. */
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	(void)mallopt(M_PERTURB, FILL);
}
