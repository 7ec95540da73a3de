/* cookie.c: a Cookie header gives what stands in it under the name, and counts how often. */
#include "http/cookie.h"
#include "fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str name = STR("__Host-latch");
	char *header = malloc(size + 1);
	unsigned n, doubled;

	if (header == NULL)
		return 0;
	memcpy(header, data, size);
	const struct str value = cookie_find((struct str){ header, size }, name, &n);
	HOLDS((n == 0) == (value.p == NULL));
	HOLDS(value.p == NULL || (value.p >= header && value.p + value.n <= header + size));
	HOLDS(value.p == NULL || memchr(value.p, ';', value.n) == NULL);
	HOLDS(n == 0 || has_bytes((struct str){ header, size }, name));

	/* Twice the header holds it twice as often. */
	char *two = malloc(2 * size + 1);
	if (two != NULL) {
		memcpy(two, data, size);
		two[size] = ';';
		memcpy(two + size + 1, data, size);
		(void)cookie_find((struct str){ two, 2 * size + 1 }, name, &doubled);
		HOLDS(doubled == 2 * n);
	}
	free(two);
	free(header);
	return 0;
}
