#include "core/process.h"

#include <malloc.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { FILL = 0xff };

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
	(void)mallopt(M_PERTURB, FILL);
}
