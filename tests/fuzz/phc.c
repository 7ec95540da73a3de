/*
 * phc.c: a stored hash decides nothing that costs more than its bounds allow; and what argon2 makes of it is what we read.
 *
 * The linker puts __wrap_argon2id_verify in the place of argon2's: so what would cost much is seen and not done.
 */
#include <argon2.h>

#include "auth/password.h"
#include "fuzz.h"

enum { MEMORY_KIB_HASHED = 64, PASSES_HASHED = 2, SLACK = 64 * 1024 };

int __real_argon2id_verify(const char *encoded, const void *password, size_t n);
int __wrap_argon2id_verify(const char *encoded, const void *password, size_t n);

static struct hasher hasher;
static bool called;
static size_t largest; /* of the allocations that argon2 made */

/* The sanitizers' own (sanitizer/allocator_interface.h, which gcc lacks); without them nothing is measured. */
__attribute__((weak)) int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                                                    void (*on_free)(const volatile void *));

static void
on_malloc(const volatile void *p, size_t size)
{
	(void)p;
	largest = size > largest ? size : largest;
}

static void
on_free(const volatile void *p)
{
	(void)p;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct config config = { .argon2_memory_kib = 8, .argon2_passes = 1, .argon2_parallelism = 1 };

	(void)argc;
	(void)argv;
	hasher_init(&hasher, &config, NULL);
	if (__sanitizer_install_malloc_and_free_hooks != NULL)
		(void)__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
	return 0;
}

/* The number behind "name=", as argon2 would read it: the first of that name. 0: none. */
static unsigned long long
number_after(const char *phc, const char *name)
{
	const char *at = strstr(phc, name);

	return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

int
__wrap_argon2id_verify(const char *encoded, const void *password, size_t n)
{
	const unsigned long long memory = number_after(encoded, "m="), passes = number_after(encoded, "t="),
							 lanes = number_after(encoded, "p=");

	called = true;
	HOLDS(strlen(encoded) < PASSWORD_HASH_SIZE && strncmp(encoded, "$argon2id$v=19$m=", 17) == 0);
	HOLDS(memory >= 1 && memory <= ARGON2_MEMORY_KIB_MAX);
	HOLDS(passes >= 1 && passes <= ARGON2_PASSES_MAX);
	HOLDS(lanes >= 1 && lanes <= ARGON2_PARALLELISM_MAX);
	if (memory > MEMORY_KIB_HASHED || passes > PASSES_HASHED)
		return ARGON2_VERIFY_MISMATCH;
	largest = 0;
	const int rc = __real_argon2id_verify(encoded, password, n);
	HOLDS(largest <= memory * 1024 + SLACK);
	return rc;
}

/* Parameters of today's are spelled in one way. */
static void
is_of_today(const char *phc)
{
	HOLDS(number_after(phc, "m=") == hasher.memory_kib && number_after(phc, "t=") == hasher.passes);
	HOLDS(number_after(phc, "p=") == hasher.parallelism);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *phc = malloc(size + 1);

	if (phc == NULL)
		return 0;
	memcpy(phc, data, size);
	phc[size] = '\0';
	called = false;
	const enum err err = password_verify(&hasher, phc, STR("seven-Otters-drum"));
	HOLDS(err == OK || err == ERR_CREDENTIALS || err == ERR_INTERNAL);
	HOLDS(called || err == ERR_INTERNAL);
	const bool outdated = password_outdated(&hasher, phc);
	HOLDS(called || outdated);
	if (!outdated)
		is_of_today(phc);
	free(phc);
	return 0;
}
