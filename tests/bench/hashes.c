/* hashes SECONDS PROCESSES MEMORY_KIB PASSES PARALLELISM: argon2id in a bare loop; prints verifications a second in all. */
#include <argon2.h>

#include "rates.h"

static char encoded[256];

static int
begin(unsigned i, char **argv)
{
	(void)i;
	return argon2id_hash_encoded(number(argv[4]), number(argv[3]), number(argv[5]), "correct horse battery", 21,
	                             "sixteen bytes ok", 16, 32, encoded, sizeof(encoded));
}

static int
once(void)
{
	return argon2id_verify(encoded, "correct horse battery", 21);
}

int
main(int argc, char **argv)
{
	const struct work work = { begin, once, argv };

	return argc == 6 ? print_rate(&work, number(argv[2]), number(argv[1])) : 2;
}
