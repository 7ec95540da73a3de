#include "core/text.h"

#include <string.h>

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

/* Labels of 1 to 63 letters, digits and inner hyphens (RFC 1035, 2.3.1; RFC 1123, 2.1). */
static bool
is_domain(struct str s)
{
	size_t labels = 0;

	if (str_eq_nocase(s, STR("localhost")))
		return true;
	do {
		const struct str label = str_cut(&s, '.');
		if (label.n < 1 || label.n > 63 || label.p[0] == '-' || label.p[label.n - 1] == '-')
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (!is_alnum(label.p[i]) && label.p[i] != '-')
				return false;
		labels++;
	} while (s.p != NULL);
	return labels >= 2;
}

bool
is_email(struct str s)
{
	if (s.n > 254)
		return false;

	struct str domain = s;
	const struct str local = str_cut(&domain, '@');
	if (local.n < 1 || local.n > 64 || domain.p == NULL)
		return false;
	for (size_t i = 0; i < local.n; i++) {
		const bool dot = local.p[i] == '.';
		if (!dot && !is_alnum(local.p[i]) && !is_one_of(local.p[i], "!#$%&'*+-/=?^_`{|}~"))
			return false;
		if (dot && (i == 0 || i == local.n - 1 || local.p[i - 1] == '.'))
			return false;
	}
	return is_domain(domain);
}

bool
is_username(struct str s)
{
	if (s.n < 3 || s.n > 32)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]) && !is_one_of(s.p[i], "._-"))
			return false;
	return true;
}

static bool
is_small_word(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_one_of(s.p[i], "abcdefghijklmnopqrstuvwxyz0123456789._-"))
			return false;
	return s.n > 0 && !is_one_of(s.p[0], "._-");
}

bool
is_role_name(struct str s)
{
	return s.n <= 32 && is_small_word(s);
}

bool
is_permission(struct str s)
{
	size_t parts = 0;

	if (s.n > 40)
		return false;
	for (; s.p != NULL; parts++)
		if (!is_small_word(str_cut(&s, ':')))
			return false;
	return parts >= 2;
}

bool
is_phone_number(struct str s)
{
	if (s.n < 9 || s.n > 16 || s.p[0] != '+' || s.p[1] == '0')
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return true;
}

/* C0, DEL and C1; lines and paragraphs, which end where it is shown; what turns the text around it, over its own end (Unicode
 * TR9: embeddings, overrides, isolates); and what nobody sees and no script needs, by which two names look like one. */
static bool
is_hidden_control(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x2028 && point <= 0x202e)
	    || (point >= 0x2066 && point <= 0x2069) || point == 0x200b || point == 0x2060 || point == 0xfeff;
}

/* Blanks, and the joiners and marks of direction that scripts need between letters. */
static bool
is_empty(uint32_t point)
{
	return point == ' ' || point == 0xa0 || (point >= 0x200c && point <= 0x200f);
}

/* The next code point of UTF-8; what is none goes byte by byte. */
static uint32_t
next_point(struct str *rest)
{
	const unsigned char first = (unsigned char)rest->p[0];
	const size_t n = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	uint32_t point = n == 1 ? first : first & (0xffU >> (n + 1));
	size_t used = 1;

	while (used < n && used < rest->n && ((unsigned char)rest->p[used] & 0xc0) == 0x80)
		point = point << 6 | ((unsigned char)rest->p[used++] & 0x3fU);
	*rest = (struct str){ rest->p + used, rest->n - used };
	return point;
}

bool
is_display_name(struct str s)
{
	bool visible = false;

	while (s.n > 0) {
		const uint32_t point = next_point(&s);
		if (is_hidden_control(point))
			return false;
		visible = visible || !is_empty(point);
	}
	return visible;
}

struct str
text_shown(struct str s, size_t points)
{
	size_t n = 0;

	if (s.p == NULL || utf8_length(s) < 0 || !is_display_name(s))
		return (struct str){ 0 };
	/* A byte that does not continue a code point begins one (RFC 3629, 3). */
	for (; n < s.n; n++)
		if ((s.p[n] & 0xc0) != 0x80 && points-- == 0)
			break;
	return (struct str){ s.p, n };
}
