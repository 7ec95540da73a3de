#include "core/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/arena.h"

struct str
str_of(const char *c)
{
	return (struct str){ c, c != NULL ? strlen(c) : 0 };
}

bool
str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void
hex_encode(const void *bytes, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
str_eq_nocase(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
			return false;
	return true;
}

bool
str_starts(struct str s, struct str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

struct str
str_cut(struct str *s, char at)
{
	const struct str all = *s;
	const char *mark = all.n > 0 ? memchr(all.p, at, all.n) : NULL;

	if (mark == NULL) {
		*s = (struct str){ 0 };
		return all;
	}
	const size_t before = (size_t)(mark - all.p);
	*s = (struct str){ mark + 1, all.n - before - 1 };
	return (struct str){ all.p, before };
}

bool
words_have(struct str words, struct str word)
{
	while (words.p != NULL)
		if (str_eq(str_cut(&words, ','), word))
			return true;
	return false;
}

struct str
str_trim(struct str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

struct str
str_dup(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.n + 1);

	if (copy == NULL || s.p == NULL)
		return (struct str){ 0 };
	memcpy(copy, s.p, s.n);
	return (struct str){ copy, s.n };
}

struct str
str_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	const int needed = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (needed < 0)
		return (struct str){ 0 };

	const size_t size = (size_t)needed + 1;
	char *text = arena_alloc(arena, size);
	if (text == NULL)
		return (struct str){ 0 };
	va_start(args, fmt);
	vsnprintf(text, size, fmt, args);
	va_end(args);
	return (struct str){ text, size - 1 };
}

struct str
str_percent_encode(struct arena *arena, struct str s, const char *kept)
{
	static const char digits[] = "0123456789ABCDEF";
	char *out = arena_alloc(arena, 3 * s.n + 1);
	size_t n = 0;

	if (out == NULL)
		return (struct str){ 0 };
	for (size_t i = 0; i < s.n; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		const char lower = ascii_lower((char)c);
		if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9')
		    || (c != '\0' && (strchr("-._~", c) != NULL || strchr(kept, c) != NULL))) {
			out[n++] = (char)c;
			continue;
		}
		out[n++] = '%';
		out[n++] = digits[c >> 4];
		out[n++] = digits[c & 15];
	}
	return (struct str){ out, n };
}

bool
str_copy(char *buf, size_t size, struct str s)
{
	buf[0] = '\0';
	if (s.n >= size)
		return false;
	if (s.n > 0)
		memcpy(buf, s.p, s.n);
	buf[s.n] = '\0';
	return true;
}

bool
parse_u64(struct str s, uint64_t *out)
{
	uint64_t value = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		const uint64_t digit = (uint64_t)(s.p[i] - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return true;
}

/* Bytes of the UTF-8 sequence that starts at p, of which `left` bytes are there; 0 when it is none (RFC 3629, 4). */
static size_t
utf8_sequence(const unsigned char *p, size_t left)
{
	static const struct {
		unsigned char first, last;         /* the lead byte */
		unsigned char second, second_last; /* the byte after it; any further one is 80..BF */
		size_t length;
	} forms[] = {
		{ 0x01, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t f = 0; f < COUNT(forms); f++) {
		const size_t n = forms[f].length;
		if (p[0] < forms[f].first || p[0] > forms[f].last)
			continue;
		if (n > left || (n > 1 && (p[1] < forms[f].second || p[1] > forms[f].second_last)))
			return 0;
		for (size_t i = 2; i < n; i++)
			if ((p[i] & 0xc0) != 0x80)
				return 0;
		return n;
	}
	return 0;
}

long
utf8_length(struct str s)
{
	long points = 0;

	for (size_t i = 0; i < s.n; points++) {
		const size_t length = utf8_sequence((const unsigned char *)s.p + i, s.n - i);
		if (length == 0)
			return -1;
		i += length;
	}
	return points;
}
