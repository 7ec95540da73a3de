#include "auth/foreign.h"

#include <string.h>

enum {
	BCRYPT_SALT = 22,
	BCRYPT_HASH = 31,
	SHA512_CRYPT_SALT_MAX = 16,
	SHA512_CRYPT_HASH = 86,
	YESCRYPT_SALT_MAX = 86,
	YESCRYPT_HASH = 43,
	PHPASS_SALT = 8,
	PHPASS_HASH = 22,
	DJANGO_SALT_MAX = 128,
	DJANGO_HASH = 44,
};

static const char malformed[] = "is malformed", too_costly[] = "costs more than a second to verify: see latchctl(1)";

static const char itoa64[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Of crypt(3)'s letters; -1 for what is none. */
static int
letter_value(char c)
{
	const char *at = c != '\0' ? strchr(itoa64, c) : NULL;

	return at != NULL ? (int)(at - itoa64) : -1;
}

static bool
letters(struct str s, size_t min, size_t max)
{
	if (s.p == NULL || s.n < min || s.n > max)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (letter_value(s.p[i]) < 0)
			return false;
	return true;
}

/* What crypt(3) takes in a salt of sha512-crypt. */
static bool
salt_of_any(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("!*:;\\", s.p[i]) != NULL)
			return false;
	return s.n <= SHA512_CRYPT_SALT_MAX;
}

static struct str
behind(struct str s, size_t n)
{
	return (struct str){ s.p + n, s.n - n };
}

/* Digits without a zero before them. */
static bool
number(struct str s, uint64_t *out)
{
	return s.p != NULL && s.n > 0 && s.p[0] != '0' && parse_u64(s, out);
}

/* $2y$10$ and 53 letters. */
static const char *
read_bcrypt(struct str text, struct foreign *out)
{
	uint64_t cost;

	if (text.n != 7 + BCRYPT_SALT + BCRYPT_HASH || text.p[3] != '$' || text.p[6] != '$'
	    || !parse_u64((struct str){ text.p + 4, 2 }, &cost) || cost < BCRYPT_COST_MIN
	    || !letters(behind(text, 7), BCRYPT_SALT + BCRYPT_HASH, BCRYPT_SALT + BCRYPT_HASH))
		return malformed;
	out->cost = (uint32_t)cost;
	out->setting = text.p;
	out->hash = behind(text, 7 + BCRYPT_SALT);
	return cost <= BCRYPT_COST_MAX ? NULL : too_costly;
}

static const char *
read_wordpress(struct str text, struct foreign *out)
{
	return read_bcrypt(behind(text, 3), out);
}

/* $6$, perhaps rounds=N$, salt$hash. */
static const char *
read_sha512_crypt(struct str text, struct foreign *out)
{
	const struct str word = STR("rounds=");
	struct str rest = behind(text, 3);
	uint64_t rounds = SHA512_CRYPT_ROUNDS_DEFAULT;

	if (str_starts(rest, word)) {
		if (!number(behind(str_cut(&rest, '$'), word.n), &rounds) || rounds < SHA512_CRYPT_ROUNDS_MIN)
			return malformed;
	}
	if (rest.p == NULL)
		return malformed;
	const struct str salt = str_cut(&rest, '$');
	if (!salt_of_any(salt) || !letters(rest, SHA512_CRYPT_HASH, SHA512_CRYPT_HASH))
		return malformed;
	out->cost = rounds <= SHA512_CRYPT_ROUNDS_MAX ? (uint32_t)rounds : 0;
	out->setting = text.p;
	out->hash = rest;
	return out->cost > 0 ? NULL : too_costly;
}

/* $y$, then j (the flavour that crypt(5) has), one letter for N, one for r, and none for what nobody sets: j9T is 4096 blocks
 * of 4 KiB. A letter above 47 would begin a number of several. */
static const char *
read_yescrypt(struct str text, struct foreign *out)
{
	enum { SINGLE_MAX = 47, N_LOG2_MIN = 2, LOG2_MAX = 24 };
	struct str rest = behind(text, 3);
	const struct str parameters = str_cut(&rest, '$');

	if (rest.p == NULL || parameters.n < 3 || !letters(parameters, 3, 16))
		return malformed;
	const struct str salt = str_cut(&rest, '$');
	if (!letters(salt, 0, YESCRYPT_SALT_MAX) || !letters(rest, YESCRYPT_HASH, YESCRYPT_HASH))
		return malformed;
	const int n_log2 = letter_value(parameters.p[1]) + 1, r = letter_value(parameters.p[2]) + 1;
	if (parameters.p[0] != 'j' || parameters.n != 3 || r > SINGLE_MAX + 1)
		return "is a yescrypt hash with parameters that latch does not take";
	if (n_log2 < N_LOG2_MIN)
		return malformed;
	/* 128 bytes a block and r. */
	if (n_log2 > LOG2_MAX || ((uint64_t)r << n_log2) / 8 > YESCRYPT_KIB_MAX)
		return too_costly;
	out->cost = (uint32_t)(((uint64_t)r << n_log2) / 8);
	out->setting = text.p;
	out->hash = rest;
	return NULL;
}

/* $P$, a letter for the rounds' logarithm, salt, hash. */
static const char *
read_phpass(struct str text, struct foreign *out)
{
	if (text.n != 4 + PHPASS_SALT + PHPASS_HASH
	    || !letters(behind(text, 3), 1 + PHPASS_SALT + PHPASS_HASH, 1 + PHPASS_SALT + PHPASS_HASH))
		return malformed;
	const int rounds_log2 = letter_value(text.p[3]);
	if (rounds_log2 < PHPASS_LOG2_MIN || rounds_log2 > 30)
		return malformed;
	out->cost = (uint32_t)1 << rounds_log2;
	out->salt = (struct str){ text.p + 4, PHPASS_SALT };
	out->hash = behind(text, 4 + PHPASS_SALT);
	return rounds_log2 <= PHPASS_LOG2_MAX ? NULL : too_costly;
}

/* pbkdf2_sha256$iterations$salt$hash: the salt is text, the hash padded base64 of 32 bytes. */
static const char *
read_django(struct str text, struct foreign *out)
{
	uint64_t iterations;

	(void)str_cut(&text, '$');
	if (!number(str_cut(&text, '$'), &iterations) || text.p == NULL)
		return malformed;
	out->salt = str_cut(&text, '$');
	if (out->salt.n == 0 || out->salt.n > DJANGO_SALT_MAX || text.p == NULL || text.n != DJANGO_HASH
	    || text.p[DJANGO_HASH - 1] != '=')
		return malformed;
	out->hash = (struct str){ text.p, DJANGO_HASH - 1 };
	out->cost = iterations <= DJANGO_ITERATIONS_MAX ? (uint32_t)iterations : 0;
	return out->cost > 0 ? NULL : too_costly;
}

static const struct {
	const char *prefix;
	enum foreign_kind kind;
	const char *(*read)(struct str text, struct foreign *out);
} kinds[] = {
	{ "$2a$", FOREIGN_BCRYPT, read_bcrypt },
	{ "$2b$", FOREIGN_BCRYPT, read_bcrypt },
	{ "$2y$", FOREIGN_BCRYPT, read_bcrypt },
	{ "$wp$2y$", FOREIGN_WORDPRESS, read_wordpress },
	{ "$6$", FOREIGN_SHA512_CRYPT, read_sha512_crypt },
	{ "$y$", FOREIGN_YESCRYPT, read_yescrypt },
	{ "$P$", FOREIGN_PHPASS, read_phpass },
	{ "$H$", FOREIGN_PHPASS, read_phpass },
	{ "pbkdf2_sha256$", FOREIGN_DJANGO, read_django },
};

const char *
foreign_read(const char *text, struct foreign *out)
{
	const struct str all = str_of(text);

	*out = (struct foreign){ 0 };
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (str_starts(all, str_of(kinds[i].prefix))) {
			out->kind = kinds[i].kind;
			return kinds[i].read(all, out);
		}
	return "is of a kind that latch does not verify: see latchctl(1)";
}
