#include "http/csv.h"

#include <string.h>

enum { RECORD_MAX = 8192 };

/* ---- Decoding ---------------------------------------------------------------------------------------------------- */

static struct str
behind(struct str s, size_t n)
{
	return (struct str){ s.p + n, s.n - n };
}

static enum err
complain(const char **detail, const char *text)
{
	*detail = text;
	return ERR_BAD_REQUEST;
}

static enum err
not_csv(const char **detail)
{
	return complain(detail, "is no CSV: a quote stands where none can, or is not closed");
}

/* How long the inside of quotes is as it stands there, from behind the first one; the text's length where none closes it. */
static size_t
quoted_length(struct str text)
{
	size_t i = 0;

	while (i < text.n && (text.p[i] != '"' || (i + 1 < text.n && text.p[i + 1] == '"')))
		i += text.p[i] == '"' ? 2 : 1;
	return i;
}

/* A cell in quotes, of which the first has been taken. */
static enum err
take_quoted(struct str *rest, struct arena *arena, struct str *out, const char **detail)
{
	const size_t length = quoted_length(*rest);
	char *text = arena_alloc(arena, length);
	size_t n = 0;

	if (length >= rest->n)
		return not_csv(detail);
	if (text == NULL)
		return ERR_INTERNAL;
	for (size_t i = 0; i < length; i++) {
		text[n++] = rest->p[i];
		i += rest->p[i] == '"' ? 1 : 0;
	}
	*out = (struct str){ text, n };
	*rest = behind(*rest, length + 1);
	return OK;
}

/* The next cell; *rest is absent behind the last. */
static enum err
take_cell(struct str *rest, struct arena *arena, struct str *out, const char **detail)
{
	if (rest->n == 0 || rest->p[0] != '"') {
		*out = str_cut(rest, ',');
		return out->n == 0 || memchr(out->p, '"', out->n) == NULL ? OK : not_csv(detail);
	}
	*rest = behind(*rest, 1);
	const enum err err = take_quoted(rest, arena, out, detail);
	if (err != OK)
		return err;
	if (rest->n > 0 && rest->p[0] != ',')
		return not_csv(detail);
	if (rest->n == 0)
		rest->p = NULL;
	else
		*rest = behind(*rest, 1);
	return OK;
}

static enum err
split(struct str record, struct arena *arena, struct str cells[CSV_COLUMNS_MAX], size_t *n, const char **detail)
{
	*n = 0;
	while (record.p != NULL) {
		if (*n == CSV_COLUMNS_MAX)
			return complain(detail, "has more than 64 columns");
		const enum err err = take_cell(&record, arena, &cells[(*n)++], detail);
		if (err != OK)
			return err;
	}
	return OK;
}

static const struct field *
find_field(const struct schema *schema, struct str name)
{
	for (size_t i = 0; i < schema->n; i++)
		if (str_eq_nocase(name, str_of(schema->fields[i].name)))
			return &schema->fields[i];
	return NULL;
}

static bool
has_column(const struct csv_columns *columns, const struct field *field)
{
	for (size_t i = 0; i < columns->n; i++)
		if (columns->fields[i] == field)
			return true;
	return false;
}

enum err
csv_read_columns(const struct schema *schema, struct str record, struct arena *arena, struct csv_columns *out,
                 struct str *unknown, const char **detail)
{
	struct str cells[CSV_COLUMNS_MAX];
	size_t n;
	const enum err err = split(record, arena, cells, &n, detail);

	*out = (struct csv_columns){ .n = 0 };
	*unknown = (struct str){ 0 };
	for (size_t i = 0; err == OK && i < n; i++) {
		const struct str name = str_trim(cells[i]);
		const struct field *field = find_field(schema, name);
		if (field != NULL && has_column(out, field))
			return complain(detail, "names a column twice");
		out->fields[out->n++] = field;
		if (field != NULL)
			continue;
		*unknown = unknown->p == NULL
		             ? name
		             : str_printf(arena, "%.*s, %.*s", (int)unknown->n, unknown->p, (int)name.n, name.p);
		if (unknown->p == NULL)
			return ERR_INTERNAL;
	}
	return err;
}

static void
accept_bool(const struct field *field, struct str cell, struct maybe_bool *out, struct reason *why)
{
	const bool yes = str_eq_nocase(cell, STR("true")) || str_eq(cell, STR("1"));

	if (!yes && !str_eq_nocase(cell, STR("false")) && !str_eq(cell, STR("0")))
		(void)reason_field(why, field->name, "wrong_type", "must be true or false");
	out->state = yes ? BOOL_TRUE : BOOL_FALSE;
}

static enum err
accept_list(const struct field *field, struct str cell, struct arena *arena, struct strs *out, struct reason *why)
{
	struct str *items = arena_alloc(arena, (field->most + 1) * sizeof(*items));
	size_t n = 0;

	if (items == NULL)
		return ERR_INTERNAL;
	while (cell.p != NULL) {
		if (n == field->most)
			return reason_field(why, field->name, "too_long", "has too many items");
		field_accept_item(field, str_trim(str_cut(&cell, ',')), arena, &items[n++], why);
	}
	*out = (struct strs){ items, n };
	return OK;
}

/* What is wrong with the value is in *why: the other cells are looked at, too. */
static enum err
accept(const struct field *field, struct str cell, struct arena *arena, void *out, struct reason *why)
{
	void *member = (char *)out + field->at;

	if (field->kind == KIND_STRS)
		return accept_list(field, cell, arena, member, why) == ERR_INTERNAL ? ERR_INTERNAL : OK;
	if (field->kind == KIND_MAYBE_BOOL)
		accept_bool(field, cell, member, why);
	else
		field_accept(field, cell, arena, out, why);
	return OK;
}

/* Of the column that is this field's; "" where there is none. */
static struct str
cell_under(const struct field *field, const struct csv_columns *columns, const struct str *cells)
{
	for (size_t i = 0; i < columns->n; i++)
		if (columns->fields[i] == field)
			return cells[i];
	return STR("");
}

enum err
csv_decode(const struct schema *schema, const struct csv_columns *columns, struct str record, struct arena *arena,
           void **out, struct reason *why, const char **detail)
{
	struct str cells[CSV_COLUMNS_MAX];
	size_t n;
	enum err err = split(record, arena, cells, &n, detail);

	*out = arena_alloc(arena, schema->size);
	if (err != OK)
		return err;
	if (*out == NULL)
		return ERR_INTERNAL;
	if (n != columns->n)
		return complain(detail, n < columns->n ? "has fewer cells than there are columns"
		                                       : "has more cells than there are columns");
	for (size_t i = 0; i < schema->n && err == OK; i++) {
		const struct str cell = cell_under(&schema->fields[i], columns, cells);
		if (cell.n > 0)
			err = accept(&schema->fields[i], cell, arena, *out, why);
		else
			field_missing(&schema->fields[i], why);
	}
	if (err != OK)
		return err;
	return why->n > 0 ? ERR_FIELDS : OK;
}

/* ---- Encoding ---------------------------------------------------------------------------------------------------- */

static void
put(struct str *out, char *text, char c)
{
	if (out->n < RECORD_MAX)
		text[out->n] = c;
	out->n++;
}

static void
put_cell(struct str *out, char *text, struct str cell)
{
	bool quoted = cell.n > 0 && (cell.p[0] == ' ' || cell.p[cell.n - 1] == ' ');

	for (size_t i = 0; i < cell.n; i++)
		quoted = quoted || strchr("\",\r\n", cell.p[i]) != NULL;
	if (quoted)
		put(out, text, '"');
	for (size_t i = 0; i < cell.n; i++) {
		if (cell.p[i] == '"')
			put(out, text, '"');
		put(out, text, cell.p[i]);
	}
	if (quoted)
		put(out, text, '"');
}

static struct str
cell_of(const struct field *field, const void *in, char time[TIMESTAMP_SIZE])
{
	const void *member = (const char *)in + field->at;

	if (field->kind == KIND_BOOL)
		return *(const bool *)member ? STR("true") : STR("false");
	if (field->kind == KIND_TIMESTAMP) {
		if (field->nullable && ((const struct timestamp *)member)->ms == 0)
			return STR("");
		timestamp_format(*(const struct timestamp *)member, time);
		return str_of(time);
	}
	return str_of(member); /* text, words, an id */
}

static enum err
encode(const struct schema *schema, const void *in, struct arena *arena, struct str *out)
{
	char time[TIMESTAMP_SIZE];
	char *text = arena_alloc(arena, RECORD_MAX);

	*out = (struct str){ text, 0 };
	if (text == NULL)
		return ERR_INTERNAL;
	for (size_t i = 0; i < schema->n; i++) {
		const struct field *field = &schema->fields[i];
		if (i > 0)
			put(out, text, ',');
		put_cell(out, text, in != NULL ? cell_of(field, in, time) : str_of(field->name));
	}
	put(out, text, '\r');
	put(out, text, '\n');
	return out->n <= RECORD_MAX ? OK : ERR_INTERNAL;
}

enum err
csv_encode_columns(const struct schema *schema, struct arena *arena, struct str *out)
{
	return encode(schema, NULL, arena, out);
}

enum err
csv_encode(const struct schema *schema, const void *in, struct arena *arena, struct str *out)
{
	return encode(schema, in, arena, out);
}
