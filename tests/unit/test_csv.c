/* CSV records, and times as other programs write them. */
#include "unit.h"

#include <string.h>

#include "core/clock.h"
#include "http/csv.h"

struct row {
	struct str a, b;
	struct maybe_bool yes;
	struct strs list;
};

static const struct field fields[] = {
	FIELD(struct row, a, .required = true, .max = 10),
	FIELD(struct row, b, .max = 10),
	FIELD(struct row, yes, .required = false),
	FIELD(struct row, list, .max = 5, .most = 3),
};
static const struct schema schema = SCHEMA("Row", struct row, fields);

static struct arena arena;

static int
open_arena(void **state)
{
	(void)state;
	return arena_open(&arena, 256 * 1024) ? 0 : -1;
}

static enum err
decode(const char *columns, const char *record, struct row **out, struct reason *why)
{
	struct csv_columns read;
	struct str unknown;
	const char *detail;
	void *row = NULL;

	*why = (struct reason){ 0 };
	arena_reset(&arena);
	enum err err = csv_read_columns(&schema, str_of(columns), &arena, &read, &unknown, &detail);
	if (err == OK)
		err = csv_decode(&schema, &read, str_of(record), &arena, &row, why, &detail);
	*out = row;
	return err;
}

#define IS(cell, text) assert_true(str_eq((cell), STR(text)))

static void
cells_are_what_stands_between_commas_and_in_quotes(void **state)
{
	struct row *row;
	struct reason why;

	(void)state;
	assert_int_equal(decode("a,b", "x,y", &row, &why), OK);
	IS(row->a, "x");
	IS(row->b, "y");
	assert_int_equal(decode("b,a", "\"1,\"\"2\"\"\r\n3\",\" \"", &row, &why), OK);
	IS(row->b, "1,\"2\"\r\n3");
	IS(row->a, " ");
	assert_int_equal(decode("A , other,b", "x,\"\",", &row, &why), OK);
	IS(row->a, "x");
	assert_null(row->b.p);
	assert_int_equal(decode("a,yes,list", "\"x\",TRUE,\"p, q\"", &row, &why), OK);
	assert_int_equal(row->yes.state, BOOL_TRUE);
	assert_int_equal(row->list.n, 2);
	IS(row->list.p[0], "p");
	IS(row->list.p[1], "q");
	assert_int_equal(decode("a,yes", "x,", &row, &why), OK);
	assert_int_equal(row->yes.state, BOOL_ABSENT);
	assert_null(row->list.p);
}

static void
what_is_no_csv_or_does_not_fit_is_refused(void **state)
{
	static const char *const records[] = { "x\"y,z", "\"x\"y,z", "\"x,y", "\"", "x", "x,y,z", "" };
	struct row *row;
	struct reason why;

	(void)state;
	for (size_t i = 0; i < COUNT(records); i++)
		assert_int_equal(decode("a,b", records[i], &row, &why), ERR_BAD_REQUEST);
	assert_int_equal(decode("a,A", "x,y", &row, &why), ERR_BAD_REQUEST);
	assert_int_equal(decode("a,\"b", "x,y", &row, &why), ERR_BAD_REQUEST);
	assert_int_equal(decode("a,b", ",y", &row, &why), ERR_FIELDS);
	assert_string_equal(why.fields[0].code, "required");
	assert_int_equal(decode("b", "y", &row, &why), ERR_FIELDS);
	assert_int_equal(decode("a", "12345678901", &row, &why), ERR_FIELDS);
	assert_int_equal(decode("a", "\xff", &row, &why), ERR_FIELDS);
	assert_int_equal(decode("a,yes", "x,maybe", &row, &why), ERR_FIELDS);
	assert_int_equal(decode("a,list", "x,\"1,2,3,4\"", &row, &why), ERR_FIELDS);
	assert_int_equal(decode("a,list", "x,123456", &row, &why), ERR_FIELDS);
}

static void
without_memory_nothing_is_called_no_csv_and_nothing_is_left_out(void **state)
{
	static const char record[] = "\"x\",\"p, q\",\"1\"\"2\",yes";
	struct arena small;
	struct csv_columns read;
	struct str unknown;
	const char *detail = NULL;
	unsigned good = 0, full = 0;

	(void)state;
	assert_int_equal(csv_read_columns(&schema, STR("a,list,b,other"), &arena, &read, &unknown, &detail), OK);
	assert_true(arena_open(&small, 4096));
	for (size_t left = 0; left < 1024; left++) {
		struct reason why = { 0 };
		void *out = NULL;
		arena_reset(&small);
		assert_non_null(arena_alloc(&small, 4096 - left));
		const enum err err = csv_decode(&schema, &read, STR(record), &small, &out, &why, &detail);
		const struct row *row = out;
		assert_true(err == OK || err == ERR_INTERNAL || err == ERR_FIELDS);
		if (err == ERR_FIELDS)
			assert_string_equal(why.fields[0].detail, "does not fit in memory with the rest");
		full += err != OK;
		good += err == OK;
		if (err != OK)
			continue;
		assert_int_equal(row->list.n, 2);
		IS(row->b, "1\"2");
	}
	arena_close(&small);
	assert_true(good > 100 && full > 100);
}

static void
cells_in_quotes_take_as_much_memory_as_they_are_long(void **state)
{
	static const struct field none[] = { FIELD(struct row, a, .max = 1) };
	static const struct schema only_a = SCHEMA("Row", struct row, none);
	static char record[64 * 1024];
	struct csv_columns read = { .n = CSV_COLUMNS_MAX };
	struct reason why = { 0 };
	const char *detail = NULL;
	void *row;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < CSV_COLUMNS_MAX; i++) {
		memset(record + n, 'x', 1002);
		record[n] = record[n + 1001] = '"';
		record[n + 1002] = ',';
		n += 1003;
	}
	arena_reset(&arena);
	assert_int_equal(csv_decode(&only_a, &read, (struct str){ record, n - 1 }, &arena, &row, &why, &detail), OK);
	assert_true(arena.used < 70 * 1024);
}

struct written {
	char text[40];
	bool yes;
	struct timestamp at, never;
};

static void
what_is_written_has_quotes_where_it_needs_them(void **state)
{
	static const struct field out_fields[] = {
		FIELD(struct written, text, .nullable = true),
		FIELD(struct written, yes, .nullable = false),
		FIELD(struct written, at, .nullable = false),
		FIELD(struct written, never, .nullable = true),
	};
	static const struct schema out = SCHEMA("Written", struct written, out_fields);
	static const struct {
		const char *text, *cell;
	} cells[] = { { "", "" }, { "plain", "plain" }, { "a,b", "\"a,b\"" }, { "\"", "\"\"\"\"" }, { " x", "\" x\"" } };
	struct written row = { .at = { 1000 } };
	struct str text;

	(void)state;
	assert_int_equal(csv_encode_columns(&out, &arena, &text), OK);
	IS(text, "text,yes,at,never\r\n");
	for (size_t i = 0; i < COUNT(cells); i++) {
		arena_reset(&arena);
		assert_true(str_copy(row.text, sizeof(row.text), str_of(cells[i].text)));
		assert_int_equal(csv_encode(&out, &row, &arena, &text), OK);
		const struct str expected = str_printf(&arena, "%s,false,1970-01-01T00:00:01.000Z,\r\n", cells[i].cell);
		assert_true(str_eq(text, expected));
	}
}

static void
times_are_read_as_they_are_written_here_and_elsewhere(void **state)
{
	static const struct {
		const char *text, *is;
	} times[] = {
		{ "2026-01-31T23:59:59.999Z", "2026-01-31T23:59:59.999Z" },
		{ "2026-01-31 23:59:59", "2026-01-31T23:59:59.000Z" },
		{ "2026-01-31t23:59:59z", "2026-01-31T23:59:59.000Z" },
		{ "2026-01-31 23:59:59.123456", "2026-01-31T23:59:59.123Z" },
		{ "2026-01-31T23:59:59.5+01:30", "2026-01-31T22:29:59.500Z" },
		{ "2026-01-31T23:59:59-01:00", "2026-02-01T00:59:59.000Z" },
		{ "2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z" },
		{ "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z" },
		{ "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z" },
	};
	static const char *const refused[] = {
		"",
		"2026-01-31",
		"2026-01-31T",
		"2026-01-31T23:59",
		"2026-01-31T23:59:59.Z",
		"2026-01-31T23:59:59 Z",
		"2026-01-31T23:59:59Zx",
		"2026-01-31T23:59:59+0100",
		"2026-01-31T23:59:59+24:00",
		"2026-02-29T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z",
		"2026-01-01T00:00:60Z",
		"1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+01:00",
		"0000-00-00 00:00:00",
		"+026-01-31T23:59:59Z",
		"20260131T235959Z",
		"31.1.2026",
	};
	struct timestamp time;
	char text[TIMESTAMP_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		assert_true(timestamp_parse(str_of(times[i].text), &time));
		timestamp_format(time, text);
		assert_string_equal(text, times[i].is);
	}
	for (size_t i = 0; i < COUNT(refused); i++)
		if (timestamp_parse(str_of(refused[i]), &time)) {
			print_error("%s\n", refused[i]);
			assert_true(false);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_what_stands_between_commas_and_in_quotes),
		cmocka_unit_test(what_is_no_csv_or_does_not_fit_is_refused),
		cmocka_unit_test(without_memory_nothing_is_called_no_csv_and_nothing_is_left_out),
		cmocka_unit_test(cells_in_quotes_take_as_much_memory_as_they_are_long),
		cmocka_unit_test(what_is_written_has_quotes_where_it_needs_them),
		cmocka_unit_test(times_are_read_as_they_are_written_here_and_elsewhere),
	};

	return cmocka_run_group_tests_name("csv", tests, open_arena, NULL);
}
