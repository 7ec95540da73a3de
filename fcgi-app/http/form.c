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

static const struct field *
find_field(const struct schema *schema, struct str name, size_t *index)
{
	for (size_t i = 0; i < schema->n; i++) {
		if (!str_eq(name, str_of(schema->fields[i].name)))
			continue;
		*index = i;
		return &schema->fields[i];
	}
	return NULL;
}

enum err
form_decode(const struct schema *schema, struct str body, struct arena *arena, void **out, struct reason *why)
{
	bool seen[REASON_FIELDS_MAX] = { false };

	*out = arena_alloc(arena, schema->size);
	if (*out == NULL || schema->n > COUNT(seen))
		return ERR_INTERNAL;
	while (body.p != NULL) {
		struct str name, value, raw_value = str_cut(&body, '&');
		const struct str raw_name = str_cut(&raw_value, '=');
		size_t i;

		if (!decode(raw_name, arena, &name) || !decode(raw_value, arena, &value))
			return ERR_BAD_REQUEST;
		const struct field *field = find_field(schema, name, &i);
		if (field == NULL)
			continue;
		if (seen[i])
			return ERR_BAD_REQUEST;
		seen[i] = true;
		field_accept(field, value, arena, *out, why);
	}
	for (size_t i = 0; i < schema->n; i++)
		if (!seen[i])
			field_missing(&schema->fields[i], why);
	return why->n > 0 ? ERR_FIELDS : OK;
}
