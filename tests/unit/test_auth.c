#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/base64.h"
#include "auth/common_passwords.h"
#include "auth/keyring.h"
#include "auth/password.h"
#include "auth/seal.h"
#include "core/random.h"

/* ---- base64url --------------------------------------------------------------------------------------------------- */

static void
base64url_has_one_form(void **state)
{
	static const char *const refused[] = { "A",    "AB",   "AAB",   "AA==", "AA=",     "A A",
		                                   "AA\n", "+/+/", "AAAAA", "A.AA", "\xc3\xa4" };
	unsigned char bytes[4];
	size_t n;

	(void)state;
	assert_true(base64url_decode(STR(""), bytes, sizeof(bytes), &n));
	assert_int_equal(n, 0);
	assert_true(base64url_decode(STR("-_8"), bytes, sizeof(bytes), &n));
	assert_int_equal(n, 2);
	assert_memory_equal(bytes, "\xfb\xff", 2);
	for (size_t i = 0; i < COUNT(refused); i++)
		assert_false(base64url_decode(str_of(refused[i]), bytes, sizeof(bytes), &n));
	assert_false(base64url_decode(STR("AAAAAAA"), bytes, 4, &n)); /* five bytes */
}

static void
base64url_comes_back(void **state)
{
	unsigned char in[64], out[64];
	char text[BASE64_SIZE(64)];
	size_t back;

	(void)state;
	random_bytes(in, sizeof(in));
	for (size_t n = 0; n <= sizeof(in); n++) {
		const size_t length = base64url_encode(in, n, text);
		assert_int_equal(length, strlen(text));
		assert_true(base64url_decode((struct str){ text, length }, out, sizeof(out), &back));
		assert_int_equal(back, n);
		assert_memory_equal(in, out, n);
	}
}

/* ---- Sealing ----------------------------------------------------------------------------------------------------- */

static void
what_is_sealed_opens_with_its_key_purpose_and_label_only(void **state)
{
	struct master_key key = { { 1 } }, other = { { 2 } };
	struct bytes sealed, plain;

	(void)state;
	assert_int_equal(seal(&key, STR("p"), STR("l"), "secret", 6, &sealed), OK);
	assert_int_equal(sealed.n, 6 + SEAL_OVERHEAD);
	assert_null(memmem(sealed.p, sealed.n, "secret", 6));
	assert_int_equal(unseal(&key, STR("p"), STR("l"), &sealed, &plain), OK);
	assert_int_equal(plain.n, 6);
	assert_memory_equal(plain.p, "secret", 6);
	assert_int_equal(unseal(&other, STR("p"), STR("l"), &sealed, &plain), ERR_INTERNAL);
	assert_int_equal(unseal(&key, STR("q"), STR("l"), &sealed, &plain), ERR_INTERNAL);
	assert_int_equal(unseal(&key, STR("p"), STR("m"), &sealed, &plain), ERR_INTERNAL);
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 1;
		assert_int_equal(unseal(&key, STR("p"), STR("l"), &sealed, &plain), ERR_INTERNAL);
		sealed.p[i] ^= 1;
	}
	sealed.n = SEAL_OVERHEAD - 1;
	assert_int_equal(unseal(&key, STR("p"), STR("l"), &sealed, &plain), ERR_INTERNAL);
}

static const char *
temporary_file(const char *text, mode_t mode)
{
	static char path[64];

	(void)snprintf(path, sizeof(path), "/tmp/latch-unit-XXXXXX");
	const int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
	return path;
}

static void
a_key_file_is_64_digits_that_nobody_else_may_read(void **state)
{
	static const char digits[] = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
	char text[80], complaint[256];
	struct master_key key;

	(void)state;
	(void)snprintf(text, sizeof(text), "%s\n", digits);
	const char *path = temporary_file(text, 0600);
	assert_true(master_key_load(path, &key, complaint, sizeof(complaint)));
	assert_int_equal(key.bytes[31], 0xff);
	assert_int_equal(chmod(path, geteuid() == 0 ? 0660 : 0640), 0);
	assert_false(master_key_load(path, &key, complaint, sizeof(complaint)));
	assert_int_equal(unlink(path), 0);
	assert_false(master_key_load(path, &key, complaint, sizeof(complaint)));
	text[63] = 'x';
	path = temporary_file(text, 0600);
	assert_false(master_key_load(path, &key, complaint, sizeof(complaint)));
	assert_null(strstr(complaint, digits + 40)); /* the complaint does not quote it */
	assert_int_equal(unlink(path), 0);
	path = temporary_file("", 0600);
	assert_false(master_key_load(path, &key, complaint, sizeof(complaint)));
	assert_int_equal(unlink(path), 0);
}

/* ---- Signatures -------------------------------------------------------------------------------------------------- */

static void
a_key_signs_exports_imports_and_verifies(void **state)
{
	static const size_t length[] = { [TOKEN_ES256] = 64, [TOKEN_RS256] = 384, [TOKEN_HS256] = 32 };
	unsigned char signature[JWS_SIGNATURE_MAX];
	struct bytes exported;
	char jwk[JWK_TEXT_MAX];
	size_t n;

	(void)state;
	for (enum token_alg alg = TOKEN_ES256; alg <= TOKEN_HS256; alg++) {
		struct jws_key *key = jws_key_generate(alg), *other = jws_key_generate(alg);
		assert_int_equal(jws_key_export(key, &exported), OK);
		struct jws_key *again = jws_key_import(alg, &exported);
		assert_non_null(again);
		assert_int_equal(jws_sign(key, STR("input"), signature, &n), OK);
		assert_int_equal(n, length[alg]);
		assert_true(jws_verify(again, STR("input"), signature, n));
		assert_false(jws_verify(again, STR("inpuT"), signature, n));
		assert_false(jws_verify(other, STR("input"), signature, n));
		assert_false(jws_verify(again, STR("input"), signature, n - 1));
		assert_false(jws_verify(again, STR("input"), signature, 0));
		signature[n - 1] ^= 1;
		assert_false(jws_verify(again, STR("input"), signature, n));
		assert_int_equal(jws_key_jwk(key, jwk), OK);
		assert_true((jwk[0] == '\0') == (alg == TOKEN_HS256));
		assert_null(strstr(jwk, "\"d\""));
		for (enum token_alg wrong = TOKEN_ES256; wrong <= TOKEN_HS256; wrong++)
			if (wrong != alg)
				assert_null(jws_key_import(wrong, &exported));
		jws_key_free(key);
		jws_key_free(other);
		jws_key_free(again);
	}
}

static void
es256_takes_no_number_out_of_range(void **state)
{
	static const unsigned char order[32] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
		                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
		                                     0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
	unsigned char signature[JWS_SIGNATURE_MAX], changed[65] = { 0 };
	size_t n;
	struct jws_key *key = jws_key_generate(TOKEN_ES256);

	(void)state;
	assert_int_equal(jws_sign(key, STR("x"), signature, &n), OK);
	assert_false(jws_verify(key, STR("x"), changed, 64)); /* both zero */
	for (int half = 0; half < 2; half++) {
		memcpy(changed, signature, 64);
		memset(changed + 32 * half, 0, 32);
		assert_false(jws_verify(key, STR("x"), changed, 64));
		memcpy(changed + 32 * half, order, 32);
		assert_false(jws_verify(key, STR("x"), changed, 64));
		memset(changed + 32 * half, 0xff, 32);
		assert_false(jws_verify(key, STR("x"), changed, 64));
	}
	memcpy(changed, signature, 64);
	assert_true(jws_verify(key, STR("x"), changed, 64));
	assert_false(jws_verify(key, STR("x"), changed, 63));
	assert_false(jws_verify(key, STR("x"), changed, 65));
	jws_key_free(key);
}

/* ---- Keys and tokens --------------------------------------------------------------------------------------------- */

static void
the_newest_key_whose_time_has_come_signs(void **state)
{
	static struct keyring ring;
	struct key keys[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		char kid[] = { (char)('a' + i), '\0' };
		assert_int_equal(key_init(&keys[i], str_of(kid), TOKEN_ES256, (struct timestamp){ 1000 * (i + 1) },
		                          jws_key_generate(TOKEN_ES256)),
		                 OK);
	}
	assert_int_equal(keyring_replace(&ring, keys, 3), OK);
	assert_null(keyring_signer(&ring, (struct timestamp){ 999 }));
	assert_string_equal(keyring_signer(&ring, (struct timestamp){ 1000 })->kid, "a");
	assert_string_equal(keyring_signer(&ring, (struct timestamp){ 2999 })->kid, "b");
	assert_string_equal(keyring_signer(&ring, (struct timestamp){ 3000 })->kid, "c");
	assert_non_null(strstr(ring.jwks, "\"kid\":\"c\"")); /* published before it signs */
	const unsigned before = ring.generation;
	assert_int_equal(keyring_replace(&ring, keys + 1, 2), OK);
	assert_true(ring.generation != before);
	assert_null(keyring_find(&ring, STR("a")));
	keyring_clear(&ring);
}

static void
keys_that_do_not_fit_change_nothing(void **state)
{
	static struct keyring ring;
	struct key keys[KEYRING_MAX + 1], long_name;
	char kid[] = "a", too_long[KID_SIZE + 1];

	(void)state;
	memset(too_long, 'k', KID_SIZE);
	too_long[KID_SIZE] = '\0';
	assert_int_equal(
		key_init(&long_name, str_of(too_long), TOKEN_HS256, (struct timestamp){ 0 }, jws_key_generate(TOKEN_HS256)),
		ERR_INTERNAL);
	assert_int_equal(key_init(&long_name, STR("a"), TOKEN_HS256, (struct timestamp){ 0 }, NULL), ERR_INTERNAL);
	for (size_t i = 0; i < COUNT(keys); i++, kid[0]++)
		assert_int_equal(
			key_init(&keys[i], str_of(kid), TOKEN_HS256, (struct timestamp){ 0 }, jws_key_generate(TOKEN_HS256)), OK);
	assert_int_equal(keyring_replace(&ring, keys, 1), OK);
	const unsigned before = ring.generation;
	assert_int_equal(keyring_replace(&ring, keys, COUNT(keys)), ERR_INTERNAL); /* and frees all but the first */
	assert_int_equal(ring.generation, before);
	assert_int_equal(ring.n, 1);
	assert_string_equal(ring.keys[0].kid, "a");
	unsigned char signature[JWS_SIGNATURE_MAX];
	size_t n;
	assert_int_equal(jws_sign(ring.keys[0].jws, STR("x"), signature, &n), OK);
	keyring_clear(&ring);
	assert_int_equal(ring.n, 0);
}

/* ---- Passwords --------------------------------------------------------------------------------------------------- */

static struct hasher
cheap_hasher(void)
{
	static const struct config config = { .argon2_memory_kib = 1024, .argon2_passes = 1 };
	struct hasher hasher;

	assert_int_equal(hasher_init(&hasher, &config, NULL), OK);
	return hasher;
}

static void
a_hash_verifies_its_password_and_no_other(void **state)
{
	struct hasher hasher = cheap_hasher();
	char phc[PHC_SIZE], again[PHC_SIZE];

	(void)state;
	assert_int_equal(password_hash(&hasher, STR("p\xc3\xa4ss"), phc), OK);
	assert_int_equal(password_hash(&hasher, STR("p\xc3\xa4ss"), again), OK);
	assert_string_not_equal(phc, again); /* the salt */
	assert_memory_equal(phc, "$argon2id$v=19$m=1024,t=1,p=1$", 30);
	assert_int_equal(password_verify(&hasher, phc, STR("p\xc3\xa4ss")), OK);
	assert_int_equal(password_verify(&hasher, phc, STR("pa\xcc\x88ss")), ERR_CREDENTIALS); /* NFD */
	assert_int_equal(password_verify(&hasher, phc, STR("")), ERR_CREDENTIALS);
	assert_int_equal(password_verify_nobody(&hasher, STR("p\xc3\xa4ss")), ERR_CREDENTIALS);
	assert_false(password_outdated(&hasher, phc));
	hasher.today.passes = 2;
	assert_true(password_outdated(&hasher, phc));
}

static void
a_stored_hash_cannot_ask_for_the_machine(void **state)
{
	static const char *const refused[] = {
		"",
		"x",
		"$argon2d$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=16$m=1024,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=262145,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=4294967297,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=1024,t=17,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=1024,t=1,p=9$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=1024,t=0,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=-1,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=1024,t=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=1024,t=1,p=1",
		"$argon2id$v=19$m=1024,t=1,p=1$!$!",
		"$argon2id$v=19$m=262144,t=5,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", /* each within its bound */
		"$argon2id$v=19$m=01024,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=31,t=1,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbA$aGFzaGhhc2hoYXNoaGFzaA",    /* 7 bytes of salt */
		"$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFz",     /* 15 bytes of hash */
		"$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA==", /* padding */
		"$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaB",   /* bits behind the last byte */
		"$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$__FzaGhhc2hoYXNoaGFzaA",   /* the other alphabet */
		"$argon2id$v=19$m=1024,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA$",
		"$argon2id$v=19$m=1024,t=1,p=1,x=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
	};
	struct hasher hasher = cheap_hasher();
	struct phc phc;

	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		assert_false(phc_read(refused[i], &phc));
		assert_int_equal(password_verify(&hasher, refused[i], STR("x")), ERR_CREDENTIALS);
	}
}

/* Made by libargon2: other systems' hashes come in so. */
static void
a_hash_that_another_program_wrote_verifies(void **state)
{
	static const char *const written[] = {
		"$argon2id$v=19$m=8,t=1,p=1$MDEyMzQ1Njc$fNMJaoijK3DgeP32miNXsw",
		"$argon2id$v=19$m=1024,t=3,p=2$MDEyMzQ1Njc4OWFiY2RlZjA$7fR+udJStLcRBqOCR/SHK+mCxdioENj2tNNLKxoqAm37",
		"$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$qhGYb1MyPEE+aES/CN6NCQDLQrWvmzyI+WAxnX2ZLmI",
		"$argon2id$v=19$m=4096,t=1,p=4$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nw"
		"$yxCTimDCC3T4Oju34vQ7luPrfhNqYVV1PNlmMvXEAD98L9JcMGwyTUX52qu+ynoca0uG04uG5JMnU9EclKOZEA",
	};
	struct hasher hasher = cheap_hasher();

	(void)state;
	for (size_t i = 0; i < COUNT(written); i++) {
		assert_int_equal(password_verify(&hasher, written[i], STR("pw")), OK);
		assert_int_equal(password_verify(&hasher, written[i], STR("px")), ERR_CREDENTIALS);
		assert_int_equal(password_verify(&hasher, written[i], STR("")), ERR_CREDENTIALS);
		assert_true(password_outdated(&hasher, written[i]));
	}
}

static unsigned long
pages_mapped(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu", &pages), 1);
	(void)fclose(file);
	return pages;
}

static void
the_memory_of_a_hash_goes_back(void **state)
{
	struct hasher hasher = cheap_hasher();
	char text[PHC_SIZE];
	const unsigned long before = pages_mapped();

	(void)state;
	hasher.today.memory_kib = 19456;
	assert_int_equal(password_hash(&hasher, STR("x"), text), OK);
	assert_int_equal(password_verify(&hasher, text, STR("x")), OK);
	assert_true(pages_mapped() < before + 1024 * 1024 / 4096);
}

/* Not a wrong password: who has the right one is not to hear 401 because memory is out. */
static void
a_hash_without_memory_is_no_wrong_password(void **state)
{
	static const char *const foreign = "$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaA";
	struct hasher hasher = cheap_hasher();
	char text[PHC_SIZE], again[PHC_SIZE];
	struct rlimit old, tight;

	(void)state;
#ifdef LATCH_SANITIZED /* the sanitizer's own memory would be limited too */
	skip();
#endif
	hasher.today.memory_kib = 65536;
	assert_int_equal(password_hash(&hasher, STR("x"), text), OK);
	assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
	tight = (struct rlimit){ pages_mapped() * 4096 + 16UL * 1024 * 1024, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
	const enum err right = password_verify(&hasher, text, STR("x")),
				   theirs = password_verify(&hasher, foreign, STR("x")),
				   nobody = password_verify_nobody(&hasher, STR("x")), fresh = password_hash(&hasher, STR("x"), again);
	assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
	assert_int_equal(right, ERR_INTERNAL);
	assert_int_equal(theirs, ERR_INTERNAL);
	assert_int_equal(nobody, ERR_INTERNAL);
	assert_int_equal(fresh, ERR_INTERNAL);
}

static void
common_passwords_are_found_in_any_case(void **state)
{
	struct common_passwords list;
	char complaint[256];
	const char *path = temporary_file("123456789\npassword\npassword1\nqwertyuiop\n", 0644);

	(void)state;
	assert_true(common_passwords_open(&list, path, true, complaint, sizeof(complaint)));
	assert_int_equal(unlink(path), 0);
	assert_true(common_passwords_has(&list, STR("123456789")));
	assert_true(common_passwords_has(&list, STR("PassWord")));
	assert_true(common_passwords_has(&list, STR("password1")));
	assert_true(common_passwords_has(&list, STR("qwertyuiop")));
	assert_false(common_passwords_has(&list, STR("password12")));
	assert_false(common_passwords_has(&list, STR("passwor")));
	assert_false(common_passwords_has(&list, STR("a")));
	assert_false(common_passwords_has(&list, STR("zzz")));
	assert_false(common_passwords_has(&list, STR("")));
	common_passwords_close(&list);
	assert_false(common_passwords_has(&list, STR("password")));
}

static void
an_unsorted_list_is_refused_with_its_line(void **state)
{
	struct common_passwords list;
	char complaint[256];
	const char *path = temporary_file("b\na\n", 0644);

	(void)state;
	assert_false(common_passwords_open(&list, path, true, complaint, sizeof(complaint)));
	assert_non_null(strstr(complaint, ":2:"));
	assert_int_equal(unlink(path), 0);
	assert_false(common_passwords_open(&list, path, true, complaint, sizeof(complaint)));
	assert_true(common_passwords_open(&list, "", true, complaint, sizeof(complaint)));
}

static void
an_empty_list_and_a_directory_are_refused(void **state)
{
	struct common_passwords list;
	char complaint[256] = "";
	const char *path = temporary_file("", 0644);

	(void)state;
	assert_false(common_passwords_open(&list, path, true, complaint, sizeof(complaint)));
	assert_non_null(strstr(complaint, "1 byte"));
	assert_int_equal(unlink(path), 0);
	assert_false(common_passwords_open(&list, "/tmp", true, complaint, sizeof(complaint)));
	assert_non_null(strstr(complaint, "common_passwords /tmp: must be a file"));
	assert_null(list.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64url_has_one_form),
		cmocka_unit_test(base64url_comes_back),
		cmocka_unit_test(what_is_sealed_opens_with_its_key_purpose_and_label_only),
		cmocka_unit_test(a_key_file_is_64_digits_that_nobody_else_may_read),
		cmocka_unit_test(a_key_signs_exports_imports_and_verifies),
		cmocka_unit_test(es256_takes_no_number_out_of_range),
		cmocka_unit_test(the_newest_key_whose_time_has_come_signs),
		cmocka_unit_test(keys_that_do_not_fit_change_nothing),
		cmocka_unit_test(a_hash_verifies_its_password_and_no_other),
		cmocka_unit_test(a_stored_hash_cannot_ask_for_the_machine),
		cmocka_unit_test(a_hash_that_another_program_wrote_verifies),
		cmocka_unit_test(the_memory_of_a_hash_goes_back),
		cmocka_unit_test(a_hash_without_memory_is_no_wrong_password),
		cmocka_unit_test(common_passwords_are_found_in_any_case),
		cmocka_unit_test(an_unsorted_list_is_refused_with_its_line),
		cmocka_unit_test(an_empty_list_and_a_directory_are_refused),
	};

	return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
