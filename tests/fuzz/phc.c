/* phc.c: a stored hash costs no more than its bounds allow, is written in one way, and says to libsodium what it says to us. */
#include <sodium.h>

#include "auth/password.h"
#include "fuzz.h"

enum { MEMORY_KIB_HASHED = 64, PASSES_HASHED = 2 };

static struct hasher hasher;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct config config = { .argon2_memory_kib = 8, .argon2_passes = 1 };

	(void)argc;
	(void)argv;
	HOLDS(hasher_init(&hasher, &config, NULL) == OK);
	return 0;
}

static void
within_bounds(const struct phc *phc)
{
	HOLDS(phc->memory_kib >= 8 * phc->parallelism && phc->memory_kib <= ARGON2_MEMORY_KIB_MAX);
	HOLDS(phc->passes >= 1 && phc->passes <= ARGON2_PASSES_MAX);
	HOLDS(phc->memory_kib * phc->passes <= ARGON2_WORK_MAX);
	HOLDS(phc->parallelism >= 1 && phc->parallelism <= ARGON2_PARALLELISM_MAX);
	HOLDS(phc->salt_n >= PHC_SALT_MIN && phc->salt_n <= PHC_SALT_MAX);
	HOLDS(phc->hash_n >= PHC_HASH_MIN && phc->hash_n <= PHC_HASH_MAX);
}

static void
both_agree(const char *text, const char *password)
{
	const size_t n = strlen(password);
	const bool theirs = strncmp(text, "$argon2id$", 10) == 0 ? crypto_pwhash_argon2id_str_verify(text, password, n) == 0
	                                                         : crypto_pwhash_argon2i_str_verify(text, password, n) == 0;

	HOLDS(password_verify(&hasher, text, str_of(password)) == (theirs ? OK : ERR_CREDENTIALS));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct phc phc;
	char again[PHC_SIZE], *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (phc_read(text, &phc)) {
		within_bounds(&phc);
		phc_write(&phc, again);
		HOLDS(strcmp(again, text) == 0);
		HOLDS(password_outdated(&hasher, text)
		      == (phc.argon2i || phc.memory_kib != 8 || phc.passes != 1 || phc.parallelism != 1 || phc.salt_n != 16));
		if (phc.memory_kib <= MEMORY_KIB_HASHED && phc.passes <= PASSES_HASHED) {
			both_agree(text, "seven-Otters-drum");
			both_agree(text, "another");
		}
	} else {
		HOLDS(password_outdated(&hasher, text));
		/* What is no PHC string may be another program's hash, and costly: tests/fuzz/foreign.c. */
		if (password_hash_refused(text) != NULL)
			HOLDS(password_verify(&hasher, text, STR("seven-Otters-drum")) == ERR_CREDENTIALS);
	}
	free(text);
	return 0;
}
