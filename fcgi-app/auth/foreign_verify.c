/* foreign_verify.c: the work of auth/foreign.h, which auth/foreign.c reads. */
#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/foreign.h"
#include "auth/password.h"
#include "core/log.h"

enum { BCRYPT_BYTES = 72, MD5_BYTES = 16, SHA384_BYTES = 48, PBKDF2_BYTES = 32 };

static enum err
compared(struct str hash, const char *tried)
{
	return strlen(tried) == hash.n && CRYPTO_memcmp(tried, hash.p, hash.n) == 0 ? OK : ERR_CREDENTIALS;
}

static enum err
failed(const char *what)
{
	log_error("%s: out of memory, or OpenSSL lacks it", what);
	return ERR_INTERNAL;
}

/* ---- crypt(3) ---------------------------------------------------------------------------------------------------- */

/* Its answer begins with the setting; of bcrypt's the last bits of the salt's last letter, which mean nothing, may be written
 * otherwise. So the hash alone is compared. */
static enum err
verify_crypt(const struct foreign *foreign, struct str password)
{
	struct crypt_data data; /* 32 KiB */
	char phrase[CRYPT_MAX_PASSPHRASE_SIZE];
	enum err err = ERR_CREDENTIALS;

	if (foreign->kind == FOREIGN_BCRYPT && password.n > BCRYPT_BYTES)
		password.n = BCRYPT_BYTES;
	if (foreign->kind == FOREIGN_SHA512_CRYPT && (password.n + 64) * foreign->cost > SHA512_CRYPT_WORK_MAX)
		return ERR_CREDENTIALS;
	/* Longer ones crypt(3) does not take, and so never did. */
	if (!str_copy(phrase, sizeof(phrase), password))
		return ERR_CREDENTIALS;
	memset(&data, 0, sizeof(data));
	errno = 0;
	const char *answer = crypt_r(phrase, foreign->setting, &data);
	if (answer != NULL && answer[0] != '*') {
		const size_t n = strlen(answer);
		err = n >= foreign->hash.n ? compared(foreign->hash, answer + n - foreign->hash.n) : ERR_CREDENTIALS;
	} else if (errno == ENOMEM) {
		err = failed("crypt");
	}
	explicit_bzero(phrase, sizeof(phrase));
	explicit_bzero(&data, sizeof(data));
	return err;
}

/* ---- WordPress --------------------------------------------------------------------------------------------------- */

/* As PHP's trim(). */
static struct str
trimmed(struct str s)
{
	static const char blanks[] = " \t\n\r\v";

	while (s.n > 0 && memchr(blanks, s.p[0], sizeof(blanks)) != NULL)
		s = (struct str){ s.p + 1, s.n - 1 };
	while (s.n > 0 && memchr(blanks, s.p[s.n - 1], sizeof(blanks)) != NULL)
		s.n--;
	return s;
}

static enum err
verify_wordpress(const struct foreign *foreign, struct str password)
{
	static const char key[] = "wp-sha384";
	const struct str plain = trimmed(password);
	struct foreign bcrypt = *foreign;
	unsigned char mac[SHA384_BYTES];
	char text[BASE64_SIZE(SHA384_BYTES)];
	unsigned n = 0;

	if (HMAC(EVP_sha384(), key, sizeof(key) - 1, (const unsigned char *)plain.p, plain.n, mac, &n) == NULL)
		return failed("hmac");
	bcrypt.kind = FOREIGN_BCRYPT;
	const size_t length = base64_encode(mac, n, text); /* 48 bytes need no padding */
	const enum err err = verify_crypt(&bcrypt, (struct str){ text, length });
	explicit_bzero(mac, sizeof(mac));
	explicit_bzero(text, sizeof(text));
	return err;
}

/* ---- phpass ------------------------------------------------------------------------------------------------------ */

/* Its own base64: letters of crypt(3), the low bits first. */
static void
phpass_encode(const unsigned char hash[MD5_BYTES], char out[23])
{
	static const char letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	size_t n = 0;

	for (size_t i = 0; i < MD5_BYTES; i += 3) {
		uint32_t bits = hash[i];
		bits |= i + 1 < MD5_BYTES ? (uint32_t)hash[i + 1] << 8 : 0;
		bits |= i + 2 < MD5_BYTES ? (uint32_t)hash[i + 2] << 16 : 0;
		for (size_t k = 0; k < 4 && n < 22; k++, bits >>= 6)
			out[n++] = letters[bits & 63];
	}
	out[n] = '\0';
}

static bool
md5_of_two(EVP_MD_CTX *context, const void *first, size_t first_n, struct str second, unsigned char out[MD5_BYTES])
{
	return EVP_DigestInit_ex(context, NULL, NULL) == 1 && EVP_DigestUpdate(context, first, first_n) == 1
	    && EVP_DigestUpdate(context, second.p, second.n) == 1 && EVP_DigestFinal_ex(context, out, NULL) == 1;
}

static bool
phpass_rounds(EVP_MD_CTX *context, const struct foreign *foreign, struct str password, unsigned char hash[MD5_BYTES])
{
	bool good = EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1
	         && md5_of_two(context, foreign->salt.p, foreign->salt.n, password, hash);

	for (uint32_t i = 0; good && i < foreign->cost; i++)
		good = md5_of_two(context, hash, MD5_BYTES, password, hash);
	return good;
}

static enum err
phpass_once(const struct foreign *foreign, struct str password)
{
	unsigned char hash[MD5_BYTES];
	char text[23];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	const bool good = context != NULL && phpass_rounds(context, foreign, password, hash);

	EVP_MD_CTX_free(context);
	if (!good)
		return failed("md5");
	phpass_encode(hash, text);
	const enum err err = compared(foreign->hash, text);
	explicit_bzero(hash, sizeof(hash));
	explicit_bzero(text, sizeof(text));
	return err;
}

/* WordPress trimmed passwords before it hashed them, others that use phpass did not. */
static enum err
verify_phpass(const struct foreign *foreign, struct str password)
{
	const struct str plain = trimmed(password);
	const enum err err = phpass_once(foreign, password);

	return err == ERR_CREDENTIALS && plain.n != password.n ? phpass_once(foreign, plain) : err;
}

/* ---- Django ------------------------------------------------------------------------------------------------------ */

static enum err
verify_django(const struct foreign *foreign, struct str password)
{
	unsigned char hash[PBKDF2_BYTES], tried[PBKDF2_BYTES];
	size_t n;

	if (!base64_decode(foreign->hash, hash, sizeof(hash), &n) || n != sizeof(hash))
		return ERR_CREDENTIALS;
	if (PKCS5_PBKDF2_HMAC(password.p, (int)password.n, (const unsigned char *)foreign->salt.p, (int)foreign->salt.n,
	                      (int)foreign->cost, EVP_sha256(), sizeof(tried), tried)
	    != 1)
		return failed("pbkdf2");
	const enum err err = CRYPTO_memcmp(tried, hash, sizeof(hash)) == 0 ? OK : ERR_CREDENTIALS;
	explicit_bzero(tried, sizeof(tried));
	return err;
}

enum err
foreign_verify(const struct foreign *foreign, struct str password)
{
	/* To crypt(3) a password ends at a NUL; and none of more bytes can have been set. */
	if (password.n > PASSWORD_BYTES_MAX || (password.n > 0 && memchr(password.p, '\0', password.n) != NULL))
		return ERR_CREDENTIALS;
	switch (foreign->kind) {
	case FOREIGN_BCRYPT:
	case FOREIGN_SHA512_CRYPT:
	case FOREIGN_YESCRYPT:
		return verify_crypt(foreign, password);
	case FOREIGN_WORDPRESS:
		return verify_wordpress(foreign, password);
	case FOREIGN_PHPASS:
		return verify_phpass(foreign, password);
	case FOREIGN_DJANGO:
		return verify_django(foreign, password);
	}
	return ERR_INTERNAL;
}
