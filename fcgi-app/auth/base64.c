#include "auth/base64.h"

#include <openssl/evp.h>
#include <string.h>

enum { CHUNK_TEXT = 1024, CHUNK_BYTES = CHUNK_TEXT / 4 * 3 };

size_t
base64_encode(const void *bytes, size_t n, char *out)
{
	size_t length = (size_t)EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);

	while (length > 0 && out[length - 1] == '=')
		length--;
	out[length] = '\0';
	return length;
}

/* Puts b where a is. */
static void
exchange(char *text, size_t n, char a, char b)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] == a)
			text[i] = b;
}

size_t
base64url_encode(const void *bytes, size_t n, char *out)
{
	const size_t length = base64_encode(bytes, n, out);

	exchange(out, length, '+', '-');
	exchange(out, length, '/', '_');
	return length;
}

/* One chunk of the common alphabet, or of the other one. OpenSSL's decoder wants whole groups and is generous; encoding again is
 * what decides. */
static bool
decode_chunk(struct str text, bool url, unsigned char decoded[CHUNK_BYTES], size_t *n_out)
{
	char padded[CHUNK_TEXT + 1], again[BASE64_SIZE(CHUNK_BYTES)];
	const size_t groups = (text.n + 3) / 4 * 4, n = text.n / 4 * 3 + (text.n % 4 > 0 ? text.n % 4 - 1 : 0);

	if (text.n % 4 == 1 || (url && (memchr(text.p, '+', text.n) != NULL || memchr(text.p, '/', text.n) != NULL)))
		return false;
	memset(padded, '=', groups);
	memcpy(padded, text.p, text.n);
	if (url) {
		exchange(padded, text.n, '-', '+');
		exchange(padded, text.n, '_', '/');
	}
	if (EVP_DecodeBlock(decoded, (unsigned char *)padded, (int)groups) < 0)
		return false;
	*n_out = n;
	return base64_encode(decoded, n, again) == text.n && memcmp(again, padded, text.n) == 0;
}

/* All chunks but the last are whole groups, so that none of them can end in the middle. */
static bool
decode(struct str text, bool url, unsigned char *out, size_t max, size_t *n_out)
{
	unsigned char decoded[CHUNK_BYTES];
	size_t n;

	*n_out = 0;
	while (text.n > 0) {
		const struct str chunk = { text.p, text.n < CHUNK_TEXT ? text.n : CHUNK_TEXT };
		if (!decode_chunk(chunk, url, decoded, &n) || n > max - *n_out)
			return false;
		memcpy(out + *n_out, decoded, n);
		*n_out += n;
		text = (struct str){ text.p + chunk.n, text.n - chunk.n };
	}
	return true;
}

bool
base64_decode(struct str text, void *out, size_t max, size_t *n_out)
{
	return decode(text, false, out, max, n_out);
}

bool
base64url_decode(struct str text, void *out, size_t max, size_t *n_out)
{
	return decode(text, true, out, max, n_out);
}
