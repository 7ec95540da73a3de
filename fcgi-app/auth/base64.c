#include "auth/base64.h"

#include <openssl/evp.h>
#include <string.h>

enum { DECODED_MAX = 1024 };

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

/* OpenSSL's decoder wants whole groups and is generous; encoding again is what decides. */
bool
base64_decode(struct str text, void *out, size_t max, size_t *n_out)
{
	char padded[BASE64_SIZE(DECODED_MAX)], again[BASE64_SIZE(DECODED_MAX)];
	unsigned char decoded[DECODED_MAX + 3];
	const size_t groups = (text.n + 3) / 4 * 4, n = text.n / 4 * 3 + (text.n % 4 > 0 ? text.n % 4 - 1 : 0);

	*n_out = 0;
	if (text.n == 0)
		return true;
	if (text.n % 4 == 1 || n > max || n > DECODED_MAX || groups >= sizeof(padded))
		return false;
	memset(padded, '=', groups);
	memcpy(padded, text.p, text.n);
	if (EVP_DecodeBlock(decoded, (unsigned char *)padded, (int)groups) < 0)
		return false;
	if (base64_encode(decoded, n, again) != text.n || memcmp(again, text.p, text.n) != 0)
		return false;
	memcpy(out, decoded, n);
	*n_out = n;
	return true;
}

bool
base64url_decode(struct str text, void *out, size_t max, size_t *n_out)
{
	char common[BASE64_SIZE(DECODED_MAX)];

	*n_out = 0;
	if (text.n >= sizeof(common) || (text.n > 0 && (memchr(text.p, '+', text.n) || memchr(text.p, '/', text.n))))
		return false;
	if (text.n > 0)
		memcpy(common, text.p, text.n);
	exchange(common, text.n, '-', '+');
	exchange(common, text.n, '_', '/');
	return base64_decode((struct str){ common, text.n }, out, max, n_out);
}
