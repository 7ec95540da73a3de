/* foreign.c: a hash of another program costs no more than its bounds allow, is read within its text, and fits one password. */
#include "auth/foreign.h"
#include "auth/password.h"
#include "fuzz.h"

/* So much work is done for an input. */
enum { BCRYPT_TRIED = 4, ROUNDS_TRIED = 2048, KIB_TRIED = 64 };

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

static bool
within(struct str part, const char *text)
{
	return part.p == NULL || (part.p >= text && part.p + part.n <= text + strlen(text));
}

/* Whether it is within its bounds; and cheap. */
static bool
is_cheap(const struct foreign *foreign)
{
	switch (foreign->kind) {
	case FOREIGN_BCRYPT:
	case FOREIGN_WORDPRESS:
		HOLDS(foreign->cost >= BCRYPT_COST_MIN && foreign->cost <= BCRYPT_COST_MAX);
		return foreign->cost <= BCRYPT_TRIED;
	case FOREIGN_SHA512_CRYPT:
		HOLDS(foreign->cost >= SHA512_CRYPT_ROUNDS_MIN && foreign->cost <= SHA512_CRYPT_ROUNDS_MAX);
		return foreign->cost <= ROUNDS_TRIED;
	case FOREIGN_YESCRYPT:
		HOLDS(foreign->cost <= YESCRYPT_KIB_MAX);
		return foreign->cost <= KIB_TRIED;
	case FOREIGN_PHPASS:
		HOLDS(foreign->cost >= 1 << PHPASS_LOG2_MIN && foreign->cost <= 1 << PHPASS_LOG2_MAX);
		return foreign->cost <= ROUNDS_TRIED;
	case FOREIGN_DJANGO:
		HOLDS(foreign->cost >= 1 && foreign->cost <= DJANGO_ITERATIONS_MAX);
		return foreign->cost <= ROUNDS_TRIED;
	}
	HOLDS(false);
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct foreign foreign;
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (foreign_read(text, &foreign) != NULL) {
		HOLDS(text[0] == '$' || password_hash_refused(text) != NULL);
	} else {
		HOLDS(password_hash_refused(text) == NULL);
		HOLDS(password_outdated(&hasher, text));
		HOLDS(foreign.hash.n >= 20 && within(foreign.hash, text) && within(foreign.salt, text));
		if (is_cheap(&foreign)) {
			/* The committed inputs are of the first. */
			const enum err err = password_verify(&hasher, text, STR("seven-Otters-drum"));
			HOLDS(err == OK || err == ERR_CREDENTIALS);
			HOLDS(password_verify(&hasher, text, STR("another")) == ERR_CREDENTIALS);
		}
	}
	free(text);
	return 0;
}
