/* hashes SECONDS PROCESSES MEMORY_KIB PASSES PARALLELISM: argon2id in a bare loop; prints verifications a second in all. */
#include <argon2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/str.h"

static unsigned
number(const char *text)
{
	uint64_t value = 0;

	if (!parse_u64(str_of(text), &value))
		_exit(2);
	return (unsigned)value;
}

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A process's rate, through the pipe. */
static void
loop(double seconds, const char *encoded, int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	const double start = now_s();
	double end = start, rate;
	int n = 0;

	for (; end - start < seconds; n++, end = now_s())
		if (argon2id_verify(encoded, "correct horse battery", 21) != ARGON2_OK)
			_exit(1);
	rate = n / (end - start);
	_exit(write(out, &rate, sizeof(rate)) == sizeof(rate) ? 0 : 1);
}

int
main(int argc, char **argv)
{
	char encoded[256];
	double sum = 0, rate;
	int ends[2], status;

	if (argc != 6 || pipe(ends) != 0)
		return 2;
	const unsigned memory = number(argv[3]), passes = number(argv[4]), lanes = number(argv[5]);
	if (argon2id_hash_encoded(passes, memory, lanes, "correct horse battery", 21, "sixteen bytes ok", 16, 32, encoded,
	                          sizeof(encoded))
	    != ARGON2_OK)
		return 1;
	const unsigned processes = number(argv[2]);
	for (unsigned i = 0; i < processes; i++)
		if (fork() == 0)
			loop(number(argv[1]), encoded, ends[1]);
	for (unsigned i = 0; i < processes; i++)
		if (wait(&status) < 0 || status != 0 || read(ends[0], &rate, sizeof(rate)) != sizeof(rate))
			return 1;
		else
			sum += rate;
	(void)printf("%.2f\n", sum);
	return 0;
}
