/*
 * hashes SECONDS PROCESSES MEMORY_KIB PASSES: argon2id in a bare loop; prints verifications a second in all.
 *
 * With libsodium, as latch; with -DLIBARGON2 with libargon2 (hashes-libargon2), which keeps its memory from one to the next.
 */
#ifdef LIBARGON2
#include <argon2.h>
#else
#include <sodium.h>
#endif

#include "rates.h"

static char encoded[256];

static int
begin(unsigned i, char **argv)
{
	(void)i;
#ifdef LIBARGON2
	return argon2id_hash_encoded(number(argv[4]), number(argv[3]), 1, "correct horse battery", 21, "sixteen bytes ok",
	                             16, 32, encoded, sizeof(encoded));
#else
	if (sodium_init() < 0)
		return 1;
	return crypto_pwhash_str_alg(encoded, "correct horse battery", 21, number(argv[4]), (size_t)number(argv[3]) * 1024,
	                             crypto_pwhash_ALG_ARGON2ID13);
#endif
}

static int
once(void)
{
#ifdef LIBARGON2
	return argon2id_verify(encoded, "correct horse battery", 21);
#else
	return crypto_pwhash_str_verify(encoded, "correct horse battery", 21);
#endif
}

int
main(int argc, char **argv)
{
	const struct work work = { begin, once, argv };

	return argc == 5 ? print_rate(&work, number(argv[2]), number(argv[1])) : 2;
}
