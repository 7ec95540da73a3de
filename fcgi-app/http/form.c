#include "http/form.h"

/* The byte that the escape at p stands for ("%41"), of which `left` characters are there; -1 for a broken one. */
static int
escaped_byte(const char *p, size_t left)
{
	const int high = left >= 3 ? hex_digit(p[1]) : -1, low = left >= 3 ? hex_digit(p[2]) : -1;

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* '+' is a space, %XX a byte; false for half an escape and for NUL. */
static bool
decode(struct str raw, struct arena *arena, struct str *out)
{
	char *text = arena_alloc(arena, raw.n + 1);
	size_t n = 0;

	if (text == NULL)
		return false;
	for (size_t i = 0; i < raw.n; i++) {
		const bool escape = raw.p[i] == '%';
		const int c = escape ? escaped_byte(raw.p + i, raw.n - i) : raw.p[i] == '+' ? ' ' : raw.p[i];
		if (c == 0 || (escape && c < 0))
			return false;
		text[n++] = (char)c;
		i += escape ? 2 : 0;
	}
	*out = (struct str){ text, n };
	return true;
}

struct pair {
	struct str name, value;
};

static const struct pair *
find_pair(const struct pair *pairs, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(name, pairs[i].name))
			return &pairs[i];
	return NULL;
}

static bool
split(struct str body, struct arena *arena, struct pair pairs[FORM_FIELDS_MAX], size_t *n)
{
	while (body.p != NULL) {
		struct pair pair;
		struct str raw_value = str_cut(&body, '&');
		const struct str raw_name = str_cut(&raw_value, '=');

		if (raw_name.n == 0 && raw_value.n == 0)
			continue;
		if (*n == FORM_FIELDS_MAX || !decode(raw_name, arena, &pair.name) || !decode(raw_value, arena, &pair.value))
			return false;
		if (utf8_length(pair.name) < 0 || utf8_length(pair.value) < 0 || find_pair(pairs, *n, pair.name) != NULL)
			return false;
		pairs[(*n)++] = pair;
	}
	return true;
}

enum err
form_decode(const struct schema *schema, struct str body, struct arena *arena, void **out, struct reason *why)
{
	struct pair pairs[FORM_FIELDS_MAX];
	size_t n = 0;

	*out = arena_alloc(arena, schema->size);
	if (*out == NULL)
		return ERR_INTERNAL;
	if (!split(body, arena, pairs, &n))
		return ERR_BAD_REQUEST;
	for (size_t i = 0; i < schema->n; i++) {
		const struct pair *pair = find_pair(pairs, n, str_of(schema->fields[i].name));
		if (pair != NULL)
			field_accept(&schema->fields[i], pair->value, arena, *out, why);
		else
			field_missing(&schema->fields[i], why);
	}
	return why->n > 0 ? ERR_FIELDS : OK;
}
