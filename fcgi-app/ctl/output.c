#include "ctl/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ARENA_SIZE = 256 * 1024, TERMINAL_WIDTH = 80 };

struct output
output_begin(const struct options *options, const struct schema *schema)
{
	struct output out = { .schema = schema, .json = options->json, .terminal = TERMINAL_WIDTH };
	struct winsize size;

	out.table = !out.json && isatty(STDOUT_FILENO) == 1;
	if (out.table && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		out.terminal = size.ws_col;
	return out;
}

/* ---- Cells -------------------------------------------------------------------------------------------------------- */

/* A member as text; "" where JSON has null. */
static struct str
cell(const struct field *field, const void *row, char scratch[TIMESTAMP_SIZE])
{
	const void *member = (const char *)row + field->at;

	switch (field->kind) {
	case KIND_STR:
		return ((const struct str *)member)->p != NULL ? *(const struct str *)member : STR("");
	case KIND_TEXT:
	case KIND_WORDS:
	case KIND_UUID:
		return str_of(member);
	case KIND_BOOL:
		return *(const bool *)member ? STR("true") : STR("false");
	case KIND_U32:
		(void)snprintf(scratch, TIMESTAMP_SIZE, "%u", *(const uint32_t *)member);
		return str_of(scratch);
	case KIND_TIMESTAMP:
		if (((const struct timestamp *)member)->ms == 0)
			return STR("");
		timestamp_format(*(const struct timestamp *)member, scratch);
		return str_of(scratch);
	case KIND_MAYBE_STR:
	case KIND_STRS:
	case KIND_MAYBE_BOOL:
		break; /* of inputs */
	}
	return STR("");
}

/* Nothing in a row steers a terminal, or ends a field or a line. */
static void
put(FILE *out, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		const unsigned char c = (unsigned char)text.p[i];
		(void)fputc(c < ' ' || c == 0x7f ? ' ' : c, out);
	}
}

static size_t
points(struct str text)
{
	const long n = utf8_length(text);

	return n >= 0 ? (size_t)n : text.n;
}

/* ---- Tables ------------------------------------------------------------------------------------------------------- */

/* "GOOD UNTIL" for good_until. */
static struct str
heading(const struct field *field, char scratch[40])
{
	size_t n = 0;

	for (; n < 39 && field->name[n] != '\0'; n++) {
		const char c = field->name[n];
		scratch[n] = (char)(c == '_' ? ' ' : c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
	}
	scratch[n] = '\0';
	return str_of(scratch);
}

/* What stands in a table: a dash for nothing. */
static struct str
table_cell(const struct field *field, const void *row, char scratch[TIMESTAMP_SIZE])
{
	const struct str text = cell(field, row, scratch);

	return text.n > 0 ? text : STR("-");
}

static void
widen(size_t *width, struct str text)
{
	if (points(text) > *width)
		*width = points(text);
}

/* The first `width` code points of a line. */
static void
put_cut(const char *line, size_t width)
{
	size_t n = 0;

	for (; *line != '\0'; line++) {
		n += ((unsigned char)*line & 0xc0) != 0x80;
		if (n > width)
			break;
		(void)putchar(*line);
	}
	(void)putchar('\n');
}

/* One line of the table: `row` NULL: the headings. */
static int
put_line(const struct output *out, const void *row)
{
	char *line = NULL, scratch[TIMESTAMP_SIZE > 40 ? TIMESTAMP_SIZE : 40];
	size_t size = 0;
	FILE *text = open_memstream(&line, &size);

	if (text == NULL)
		return complain("out of memory");
	for (size_t i = 0; i < out->schema->n; i++) {
		const struct field *field = &out->schema->fields[i];
		const struct str shown = row == NULL ? heading(field, scratch) : table_cell(field, row, scratch);
		put(text, shown);
		if (i + 1 < out->schema->n)
			(void)fprintf(text, "%*s", (int)(out->widths[i] - points(shown) + 2), "");
	}
	const bool whole = fclose(text) == 0;
	if (whole)
		put_cut(line, out->terminal);
	free(line);
	return whole ? EXIT_OK : complain("out of memory");
}

static int
put_table(struct output *out, const char *rows, size_t n)
{
	const bool headed = out->widths[0] > 0;
	char scratch[TIMESTAMP_SIZE > 40 ? TIMESTAMP_SIZE : 40];
	int rc = EXIT_OK;

	for (size_t i = 0; i < out->schema->n; i++) {
		const struct field *field = &out->schema->fields[i];
		widen(&out->widths[i], heading(field, scratch));
		for (size_t r = 0; r < n; r++)
			widen(&out->widths[i], table_cell(field, rows + r * out->schema->size, scratch));
	}
	if (!headed)
		rc = put_line(out, NULL);
	for (size_t r = 0; r < n && rc == EXIT_OK; r++)
		rc = put_line(out, rows + r * out->schema->size);
	return rc;
}

/* ---- All three ---------------------------------------------------------------------------------------------------- */

static int
put_json(const struct schema *schema, const char *rows, size_t n)
{
	struct arena arena;
	struct str line;
	enum err err = OK;

	if (!arena_open(&arena, ARENA_SIZE))
		return complain("out of memory");
	for (size_t r = 0; r < n && err == OK; r++) {
		err = json_encode(schema, rows + r * schema->size, &arena, &line);
		if (err == OK)
			(void)printf("%.*s\n", (int)line.n, line.p);
		arena_reset(&arena);
	}
	arena_close(&arena);
	return err == OK ? EXIT_OK : complain("out of memory, or the database holds what is no UTF-8");
}

int
output_rows(struct output *out, const void *rows, size_t n)
{
	char scratch[TIMESTAMP_SIZE];

	if (out->json)
		return put_json(out->schema, rows, n);
	if (out->table)
		return put_table(out, rows, n);
	for (size_t r = 0; r < n; r++)
		for (size_t i = 0; i < out->schema->n; i++) {
			put(stdout, cell(&out->schema->fields[i], (const char *)rows + r * out->schema->size, scratch));
			(void)putchar(i + 1 < out->schema->n ? '\t' : '\n');
		}
	return EXIT_OK;
}

int
output_one(const struct options *options, const struct schema *schema, const void *row)
{
	char scratch[TIMESTAMP_SIZE];

	if (options->json)
		return put_json(schema, row, 1);
	for (size_t i = 0; i < schema->n; i++) {
		(void)printf("%s: ", schema->fields[i].name);
		put(stdout, cell(&schema->fields[i], row, scratch));
		(void)putchar('\n');
	}
	return EXIT_OK;
}
