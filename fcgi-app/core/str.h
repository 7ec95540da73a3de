/*
 * str.h: text with a length, owned by somebody else.
 *
 * A struct str never owns memory: it points into the request's arena, into a literal, or into a buffer whose header
 * says how long it lives. p == NULL is "absent" and is different from "" (p set, n 0). The bytes need not end in NUL.
 */
#ifndef LATCH_CORE_STR_H
#define LATCH_CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"

struct arena;

struct str {
	const char *p;
	size_t n;
};

/* A member of an input that tells "not sent" from "sent as null" (RFC 7396: null clears). */
struct maybe_str {
	enum { MAYBE_ABSENT, MAYBE_NULL, MAYBE_SET } state;
	struct str value;
};

/* The same of true and false. */
struct maybe_bool {
	enum { BOOL_ABSENT, BOOL_FALSE, BOOL_TRUE } state;
};

/* Several of an input; p NULL: not sent. */
struct strs {
	const struct str *p;
	size_t n;
};

/* A short run of bytes, kept where it stands: a sealed key, a row's binary column. */
struct bytes {
	size_t n;
	unsigned char p[3072];
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })

/* NULL gives an absent str. */
struct str str_of(const char *c);

bool str_eq(struct str a, struct str b);
/* ASCII letters compare without case; every other byte exactly. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);

/* Splits s at the first `at`: returns what is before it and leaves the rest in *s. Without one, returns all of s and
 * makes *s absent. */
struct str str_cut(struct str *s, char at);
/* Without leading and trailing spaces and tabs. */
struct str str_trim(struct str s);

/* Whether a list of words, separated by commas, has this one, which is not empty. */
bool words_have(struct str words, struct str word);

/* Copies into the arena with a NUL behind it; absent when the arena is full. */
struct str str_dup(struct arena *arena, struct str s);
/* printf into the arena; absent when the arena is full. */
struct str str_printf(struct arena *arena, const char *fmt, ...) PRINTF(2, 3);

/* With everything but unreserved characters (RFC 3986, 2.3) and those of `kept` percent-encoded, as a query or a form wants it;
 * absent when the arena is full. */
struct str str_percent_encode(struct arena *arena, struct str s, const char *kept);

/* Copies s into buf[size] with a NUL; false, and buf "", when it does not fit. */
bool str_copy(char *buf, size_t size, struct str s) MUST_USE;

/* Decimal digits only, no sign, no space, at most UINT64_MAX. */
bool parse_u64(struct str s, uint64_t *out) MUST_USE;

/* A to Z as a to z; every other byte as it is. */
char ascii_lower(char c);
/* Two lower-case digits a byte, and a NUL: out has 2n + 1 bytes. */
void hex_encode(const void *bytes, size_t n, char *out);
/* 0 to 15; -1 for what is no hexadecimal digit. */
int hex_digit(char c);

/* Code points of valid UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF, no NUL);
 * -1 when s is not that. */
long utf8_length(struct str s);

#endif
