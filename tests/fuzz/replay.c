/* replay.c: a fuzz target without libFuzzer, for compilers that have none: runs each file that it is given, once. */
#include "fuzz.h"

enum { INPUT_MAX = 1024 * 1024 };

/* A buffer of exactly that size: one byte past its end is then seen by a sanitizer. */
static int
run(const char *path)
{
	static uint8_t all[INPUT_MAX];
	FILE *f = fopen(path, "rbe");

	if (f == NULL) {
		perror(path);
		return 1;
	}
	const size_t n = fread(all, 1, sizeof(all), f);
	uint8_t *input = malloc(n > 0 ? n : 1);
	if (input == NULL || fclose(f) != 0)
		abort();
	memcpy(input, all, n);
	(void)LLVMFuzzerTestOneInput(input, n);
	free(input);
	return 0;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	(void)LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		failed |= run(argv[i]);
	return failed;
}
