/*
 * csv.h: records of comma-separated values (RFC 4180), from and to the same structs as JSON. The first record names the
 * columns by their fields' names.
 *
 * A cell in quotes may hold commas, line ends and quotes, these doubled. An empty cell is one that was not sent. A boolean is
 * true, false, 1 or 0; the items of a list stand in one cell, with commas between them.
 */
#ifndef LATCH_HTTP_CSV_H
#define LATCH_HTTP_CSV_H

#include "http/schema.h"

enum { CSV_COLUMNS_MAX = 64 };

/* What the columns of a file are: NULL for one that is no field. */
struct csv_columns {
	const struct field *fields[CSV_COLUMNS_MAX];
	size_t n;
};

/* Reads the first record. ERR_BAD_REQUEST: it is no CSV, has too many columns, or one twice; *detail says which. The names of
 * columns that are no field are put into *unknown, with commas between them; absent: there are none. ERR_INTERNAL: the arena is
 * full; here and below. */
enum err csv_read_columns(const struct schema *schema, struct str record, struct arena *arena, struct csv_columns *out,
                          struct str *unknown, const char **detail) MUST_USE;

/* Decodes a record, without its line end, as json_decode does. ERR_BAD_REQUEST: it is no CSV, or has more or fewer cells than
 * there are columns; *detail says which. ERR_FIELDS: also where a value does not fit into the arena. ERR_INTERNAL. */
enum err csv_decode(const struct schema *schema, const struct csv_columns *columns, struct str record,
                    struct arena *arena, void **out, struct reason *why, const char **detail) MUST_USE;

/* The first record of what csv_encode writes, and the struct as a record; with their line ends. ERR_INTERNAL. */
enum err csv_encode_columns(const struct schema *schema, struct arena *arena, struct str *out) MUST_USE;
enum err csv_encode(const struct schema *schema, const void *in, struct arena *arena, struct str *out) MUST_USE;

#endif
