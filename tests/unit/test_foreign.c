/* Password hashes of other programs: vectors_foreign.h has them. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "auth/foreign.h"
#include "auth/password.h"
#include "vectors_foreign.h"

#define broken(...)               \
	do {                          \
		print_error(__VA_ARGS__); \
		assert_true(false);       \
	} while (0)

static struct hasher hasher;

static int
make_hasher(void **state)
{
	static const struct config config = { .argon2_memory_kib = 8, .argon2_passes = 1 };

	(void)state;
	return hasher_init(&hasher, &config, NULL) == OK ? 0 : -1;
}

static enum err
tried(const char *hash, const char *password)
{
	return password_verify(&hasher, hash, str_of(password));
}

static void
what_other_programs_hashed_fits_its_password(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(foreign_vectors); i++) {
		const struct foreign_vector *v = &foreign_vectors[i];
		if (tried(v->hash, v->password) != OK)
			broken("%s does not fit %s", v->password, v->hash);
		assert_null(password_hash_refused(v->hash));
		assert_true(password_outdated(&hasher, v->hash));
		assert_true(strlen(v->hash) <= 255);
	}
}

static void
it_fits_no_other(void **state)
{
	static const char *const others[] = { "seven-Otters-drun", "seven-Otters-dru", "Seven-Otters-drum", "", "x" };

	(void)state;
	for (size_t i = 0; i < COUNT(foreign_vectors); i++)
		for (size_t k = 0; k < COUNT(others); k++)
			if (tried(foreign_vectors[i].hash, others[k]) != ERR_CREDENTIALS)
				broken("%s fits %s", others[k], foreign_vectors[i].hash);
}

/* Whatever letter of the hash is another one. */
static void
an_altered_hash_fits_nothing(void **state)
{
	char hash[256];

	(void)state;
	for (size_t i = 0; i < COUNT(foreign_vectors); i++) {
		const struct foreign_vector *v = &foreign_vectors[i];
		/* Not the last: it has bits to spare. */
		for (size_t back = 2; back <= 20; back += 6) {
			(void)snprintf(hash, sizeof(hash), "%s", v->hash);
			char *c = hash + strlen(hash) - back;
			*c = *c == 'a' ? 'b' : 'a';
			if (tried(hash, v->password) != ERR_CREDENTIALS)
				broken("%s fits %s", v->password, hash);
		}
	}
}

/* What is said of it in foreign.h: the program that made the hash saw no more, and ours sees all. */
static void
bcrypt_sees_72_bytes_and_its_successor_all(void **state)
{
	char anew[PHC_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(foreign_vectors); i++) {
		const struct foreign_vector *v = &foreign_vectors[i];
		if (strcmp(v->password, LONG) != 0)
			continue;
		const bool cuts = strncmp(v->hash, "$2", 2) == 0;
		assert_int_equal(tried(v->hash, LONG_72), cuts ? OK : ERR_CREDENTIALS);
		assert_int_equal(tried(v->hash, LONG_72 "-and-something-else"), cuts ? OK : ERR_CREDENTIALS);
	}
	assert_int_equal(password_hash(&hasher, STR(LONG), anew), OK);
	assert_int_equal(tried(anew, LONG), OK);
	assert_int_equal(tried(anew, LONG_72), ERR_CREDENTIALS);
	assert_int_equal(tried(anew, LONG_72 "-and-something-else"), ERR_CREDENTIALS);
}

/* crypt(3) ends a password at a NUL: no password with one is taken for its beginning. */
static void
a_nul_ends_no_password(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(foreign_vectors); i++)
		if (strcmp(foreign_vectors[i].password, PLAIN) == 0)
			assert_int_equal(password_verify(&hasher, foreign_vectors[i].hash, STR(PLAIN "\0x")), ERR_CREDENTIALS);
}

/* 256 characters of four bytes. bcrypt takes it, as it was taken where it came from; crypt(3) takes no 512 bytes. */
static void
the_longest_password_is_compared_or_refused(void **state)
{
	char longest[PASSWORD_BYTES_MAX];

	(void)state;
	memset(longest, 'p', sizeof(longest));
	for (size_t i = 0; i < COUNT(foreign_vectors); i++)
		assert_int_equal(password_verify(&hasher, foreign_vectors[i].hash, (struct str){ longest, sizeof(longest) }),
		                 ERR_CREDENTIALS);
}

#define SALT53 "RBBrJfPCOdvNmG1kpFdSEO03S/EySK7515bSSQPpocb.6fj5zWyOS"
#define HASH86 "sbM.GUAGQB8JHZmhaVVwDOnPKcIOsCtCavjpOIenTuaW3keWvd9o0U7oRd8jwuR.F1uxI.03rqbUdTI.IJEWF/"
#define HASH43 "IF49Bu6vTWFx8BPjFJ6vBU0rTRkifkPHs3.JF0djNX2"
#define HASH44 "SRfdXUeN1piiRTP2qem7dqnDRa7a3UHr6T8p45jow+c="

static const char too_costly[] = "costs more", malformed[] = "is malformed", other[] = "is ";

static const struct {
	const char *text, *says;
} refused[] = {
	{ "$2y$15$" SALT53, too_costly },
	{ "$2y$31$" SALT53, too_costly },
	{ "$wp$2y$15$" SALT53, too_costly },
	{ "$2y$03$" SALT53, malformed },
	{ "$2y$5$" SALT53, malformed },
	{ "$2y$ 5$" SALT53, malformed },
	{ "$2y$05$" SALT53 "x", malformed },
	{ "$2y$05$", malformed },
	{ "$2y$05$!" SALT53, malformed },
	{ "$2x$05$" SALT53, other },
	{ "$wp$2a$05$" SALT53, other },
	{ "$6$rounds=1000001$salt$" HASH86, too_costly },
	{ "$6$rounds=999999999$salt$" HASH86, too_costly },
	{ "$6$rounds=18446744073709551617$salt$" HASH86, malformed },
	{ "$6$rounds=999$salt$" HASH86, malformed },
	{ "$6$rounds=01000$salt$" HASH86, malformed },
	{ "$6$rounds=$salt$" HASH86, malformed },
	{ "$6$saltsaltsaltsalts$" HASH86, malformed },
	{ "$6$sa lt$" HASH86, malformed },
	{ "$6$salt$" HASH43, malformed },
	{ "$6$salt", malformed },
	{ "$6$", malformed },
	{ "$y$jET$salt$" HASH43, too_costly }, /* 512 MiB */
	{ "$y$jzT$salt$" HASH43, too_costly },
	{ "$y$j9z$salt$" HASH43, other },
	{ "$y$j9T.$salt$" HASH43, other },
	{ "$y$k9T$salt$" HASH43, other },
	{ "$y$j9T$salt$" HASH43 "x", malformed },
	{ "$y$j9T$$", malformed },
	{ "$y$", malformed },
	{ "$P$B4vYc48GqNgilmMEAtLKxA.XIAaZqX/7", malformed },
	{ "$P$H4vYc48GqNgilmMEAtLKxA.XIAaZqX/", too_costly },
	{ "$P$44vYc48GqNgilmMEAtLKxA.XIAaZqX/", malformed },
	{ "$P$z4vYc48GqNgilmMEAtLKxA.XIAaZqX/", malformed },
	{ "$P$", malformed },
	{ "pbkdf2_sha256$2000001$salt$" HASH44, too_costly },
	{ "pbkdf2_sha256$99999999999$salt$" HASH44, too_costly },
	{ "pbkdf2_sha256$0$salt$" HASH44, malformed },
	{ "pbkdf2_sha256$-1$salt$" HASH44, malformed },
	{ "pbkdf2_sha256$1000$$" HASH44, malformed },
	{ "pbkdf2_sha256$1000$salt$" HASH43, malformed },
	{ "pbkdf2_sha256$1000$salt", malformed },
	{ "pbkdf2_sha256$", malformed },
	{ "pbkdf2_sha1$1000$salt$" HASH44, other },
	{ "$argon2i$v=19$m=262144,t=17,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "is no argon2" },
	{ "$argon2d$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "is no argon2" },
	{ "$1$salt$qJH7.N4xYta3aEG/dfqo/0", other },
	{ "5f4dcc3b5aa765d61d8327deb882cf99", other },
	{ "password", other },
	{ "!", other },
	{ "*", other },
	{ "$", other },
	{ "", other },
};

static void
what_is_too_costly_malformed_or_unknown_is_refused_and_fits_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		const char *says = password_hash_refused(refused[i].text);
		if (says == NULL || strncmp(says, refused[i].says, strlen(refused[i].says)) != 0)
			broken("%s: %s, not %s", refused[i].text, says != NULL ? says : "taken", refused[i].says);
		assert_int_equal(tried(refused[i].text, PLAIN), ERR_CREDENTIALS);
		assert_true(password_outdated(&hasher, refused[i].text));
	}
}

/* The bounds themselves are taken. */
static void
the_most_that_is_taken_is_taken(void **state)
{
	static const char *const most[] = {
		"$2y$14$" SALT53,
		"$6$rounds=1000000$salt$" HASH86,
		"$y$jDT$salt$" HASH43,
		"$P$G4vYc48GqNgilmMEAtLKxA.XIAaZqX/",
		"pbkdf2_sha256$2000000$salt$" HASH44,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(most); i++)
		if (password_hash_refused(most[i]) != NULL)
			broken("%s %s", most[i], password_hash_refused(most[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_other_programs_hashed_fits_its_password),
		cmocka_unit_test(it_fits_no_other),
		cmocka_unit_test(an_altered_hash_fits_nothing),
		cmocka_unit_test(bcrypt_sees_72_bytes_and_its_successor_all),
		cmocka_unit_test(a_nul_ends_no_password),
		cmocka_unit_test(the_longest_password_is_compared_or_refused),
		cmocka_unit_test(what_is_too_costly_malformed_or_unknown_is_refused_and_fits_nothing),
		cmocka_unit_test(the_most_that_is_taken_is_taken),
	};

	return cmocka_run_group_tests(tests, make_hasher, NULL);
}
