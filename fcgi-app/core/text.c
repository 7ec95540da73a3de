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

bool
is_display_name(struct str s)
{
	bool visible = false;

	for (size_t i = 0; i < s.n; i++) {
		const unsigned char c = (unsigned char)s.p[i];
		/* C0, DEL, and C1 in its UTF-8 form (C2 80 to C2 9F). */
		if (c < 0x20 || c == 0x7f)
			return false;
		if (c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0)
			return false;
		visible = visible || c != ' ';
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
