#include "auth/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/random.h"

enum { NONCE = 12, TAG = 16, HEX_DIGITS = 64 };

static bool
read_hex(const char *hex, unsigned char *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high * 16 + low);
	}
	return true;
}

/* Nobody but the owner may read it. A file of root's may also be its group's to read: so a service cannot change it. */
static bool
is_private(const struct stat *st)
{
	const mode_t open_to_others = st->st_uid == 0 ? 037 : 077;

	return S_ISREG(st->st_mode) && (st->st_mode & open_to_others) == 0;
}

bool
master_key_load(const char *path, struct master_key *out, char *complaint, size_t complaint_size)
{
	char text[HEX_DIGITS + 2];
	struct stat st;
	bool ok = false;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0) {
		(void)snprintf(complaint, complaint_size, "key_file %s: %s", path, strerror(errno));
	} else if (!is_private(&st)) {
		(void)snprintf(complaint, complaint_size,
		               "key_file %s: others may read it; chmod 600 it (or root:group and 440)", path);
	} else {
		const ssize_t got = read(fd, text, sizeof(text));
		const bool whole = got == HEX_DIGITS || (got == HEX_DIGITS + 1 && text[HEX_DIGITS] == '\n');
		ok = whole && read_hex(text, out->bytes, sizeof(out->bytes));
		if (!ok)
			(void)snprintf(complaint, complaint_size,
			               "key_file %s: must be 64 hexadecimal digits (openssl rand -hex 32)", path);
	}
	explicit_bzero(text, sizeof(text));
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

/* RFC 5869 without a salt: the master key is uniformly random already. */
bool
seal_derive(const struct master_key *master, struct str purpose, unsigned char out[32])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	struct master_key key = *master;
	char digest[] = "SHA256", info[64];
	bool ok = ctx != NULL && str_copy(info, sizeof(info), purpose);

	if (ok) {
		const OSSL_PARAM params[] = {
			OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
			OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key.bytes, sizeof(key.bytes)),
			OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, purpose.n),
			OSSL_PARAM_construct_end(),
		};
		ok = EVP_KDF_derive(ctx, out, 32, params) == 1;
	}
	explicit_bzero(&key, sizeof(key));
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return ok;
}

enum err
seal(const struct master_key *master, struct str purpose, struct str label, const void *plain, size_t n,
     struct bytes *out)
{
	unsigned char key[32];
	int length;

	if (n + SEAL_OVERHEAD > sizeof(out->p) || !seal_derive(master, purpose, key))
		return ERR_INTERNAL;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	random_bytes(out->p, NONCE);
	const bool ok = ctx != NULL && EVP_EncryptInit_ex2(ctx, EVP_aes_256_gcm(), key, out->p, NULL) == 1
	             && EVP_EncryptUpdate(ctx, NULL, &length, (const unsigned char *)label.p, (int)label.n) == 1
	             && EVP_EncryptUpdate(ctx, out->p + NONCE, &length, plain, (int)n) == 1
	             && EVP_EncryptFinal_ex(ctx, out->p + NONCE + n, &length) == 1
	             && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, out->p + NONCE + n) == 1;
	EVP_CIPHER_CTX_free(ctx);
	explicit_bzero(key, sizeof(key));
	out->n = ok ? n + SEAL_OVERHEAD : 0;
	return ok ? OK : ERR_INTERNAL;
}

enum err
unseal(const struct master_key *master, struct str purpose, struct str label, const struct bytes *sealed,
       struct bytes *plain_out)
{
	unsigned char key[32], tag[TAG];
	int length;

	plain_out->n = 0;
	if (sealed->n < SEAL_OVERHEAD || sealed->n > sizeof(sealed->p) || !seal_derive(master, purpose, key))
		return ERR_INTERNAL;
	const size_t n = sealed->n - SEAL_OVERHEAD;
	memcpy(tag, sealed->p + NONCE + n, TAG);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const bool ok = ctx != NULL && EVP_DecryptInit_ex2(ctx, EVP_aes_256_gcm(), key, sealed->p, NULL) == 1
	             && EVP_DecryptUpdate(ctx, NULL, &length, (const unsigned char *)label.p, (int)label.n) == 1
	             && EVP_DecryptUpdate(ctx, plain_out->p, &length, sealed->p + NONCE, (int)n) == 1
	             && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1
	             && EVP_DecryptFinal_ex(ctx, plain_out->p + n, &length) == 1;
	EVP_CIPHER_CTX_free(ctx);
	explicit_bzero(key, sizeof(key));
	if (!ok) {
		explicit_bzero(plain_out, sizeof(*plain_out));
		return ERR_INTERNAL;
	}
	plain_out->n = n;
	return OK;
}
