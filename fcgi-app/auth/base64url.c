#include "auth/base64url.h"

#include <openssl/evp.h>
#include <string.h>

enum { DECODED_MAX = 1024 };

size_t
base64url_encode(const void *bytes, size_t n, char *out)
{
	size_t length = (size_t)EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);

	while (length > 0 && out[length - 1] == '=')
		length--;
	out[length] = '\0';
	for (size_t i = 0; i < length; i++)
		out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
	return length;
}

/* OpenSSL's decoder wants whole groups of the other alphabet and is generous; encoding again is what decides. */
bool
base64url_decode(struct str text, void *out, size_t max, size_t *n_out)
{
	char standard[BASE64URL_SIZE(DECODED_MAX)], again[BASE64URL_SIZE(DECODED_MAX)];
	unsigned char decoded[DECODED_MAX + 3];
	const size_t groups = (text.n + 3) / 4 * 4, n = text.n / 4 * 3 + (text.n % 4 > 0 ? text.n % 4 - 1 : 0);

	*n_out = 0;
	if (text.n == 0)
		return true;
	if (text.n % 4 == 1 || n > max || n > DECODED_MAX || groups >= sizeof(standard))
		return false;
	for (size_t i = 0; i < groups; i++) {
		const char c = i < text.n ? text.p[i] : '=';
		standard[i] = c == '-' ? '+' : c == '_' ? '/' : c;
	}
	if (EVP_DecodeBlock(decoded, (unsigned char *)standard, (int)groups) < 0)
		return false;
	if (base64url_encode(decoded, n, again) != text.n || memcmp(again, text.p, text.n) != 0)
		return false;
	memcpy(out, decoded, n);
	*n_out = n;
	return true;
}
