/* base64url.c: what is decoded, and only that, is the canonical form; and it comes back. */
#include "auth/base64.h"
#include "fuzz.h"

enum { DECODED_MAX = 1024 };

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* RFC 4648, 5, from the table in the text and bit by bit, so that it shares no mistake with what it is compared with. */
static bool
reference_decode(struct str text, unsigned char *out, size_t *n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned bits = 0, held = 0;

	*n = 0;
	for (size_t i = 0; i < text.n; i++) {
		const char *at = text.p[i] != '\0' ? strchr(alphabet, text.p[i]) : NULL;
		if (at == NULL)
			return false;
		held = held << 6 | (unsigned)(at - alphabet);
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		out[(*n)++] = (unsigned char)(held >> bits);
		held &= (1U << bits) - 1;
	}
	return bits < 6 && held == 0;
}

static void
decodes_what_is_canonical(struct str text)
{
	unsigned char decoded[DECODED_MAX], *expected = malloc(text.n + 1);
	char again[BASE64_SIZE(DECODED_MAX)];
	size_t n = 0, expected_n = 0;

	if (expected == NULL)
		return;
	const bool canonical = reference_decode(text, expected, &expected_n);
	const bool accepted = base64url_decode(text, decoded, sizeof(decoded), &n);
	HOLDS(accepted == (canonical && expected_n <= DECODED_MAX));
	HOLDS(accepted || n == 0);
	if (accepted) {
		HOLDS(n == expected_n && memcmp(decoded, expected, n) == 0);
		HOLDS(base64url_encode(decoded, n, again) == text.n && memcmp(again, text.p, text.n) == 0);
		HOLDS(n == 0 || !base64url_decode(text, decoded, n - 1, &n));
	}
	free(expected);
}

/* Into buffers of exactly the promised sizes. */
static void
comes_back(struct str bytes)
{
	const size_t size = BASE64_SIZE(bytes.n);
	char *text = malloc(size);
	unsigned char *decoded = malloc(bytes.n + 1);
	size_t n;

	if (text == NULL || decoded == NULL)
		abort();
	const size_t length = base64url_encode(bytes.p, bytes.n, text);
	HOLDS(length < size && text[length] == '\0' && strlen(text) == length);
	HOLDS(base64url_decode((struct str){ text, length }, decoded, bytes.n, &n));
	HOLDS(n == bytes.n && memcmp(decoded, bytes.p, n) == 0);
	free(text);
	free(decoded);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str input = { (const char *)data, size };

	decodes_what_is_canonical(input);
	if (size > 0 && size <= DECODED_MAX)
		comes_back(input);
	return 0;
}
