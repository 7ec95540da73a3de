/*
 * output.h: what commands print, from field tables (http/schema.h), in one of three forms.
 *
 * With --json an object a line (JSON lines), whatever stands at the other end. Else lists are a table with headings on a
 * terminal, whose lines are cut to its width, and elsewhere a row a line, its fields separated by tabs, without headings: so
 * cut(1) and awk(1) need no options. A single thing is "name: value" a line.
 */
#ifndef LATCH_CTL_OUTPUT_H
#define LATCH_CTL_OUTPUT_H

#include "ctl/command.h"
#include "http/json.h"

/* The members of a struct that are shown: "" and the time 0 are null in JSON, and nothing elsewhere. */
#define SHOWN(type, member) FIELD(type, member, .nullable = true)
#define SHOWN_IN(type, in, member) FIELD_IN(type, in, member, .nullable = true)
#define SHOWN_WORDS(type, in, member) FIELD_WORDS(type, in, member, .nullable = true)

enum { OUTPUT_COLUMNS_MAX = 16 };

/* A list in progress. */
struct output {
	const struct schema *schema;
	bool json, table;
	size_t terminal;                   /* columns that it has */
	size_t widths[OUTPUT_COLUMNS_MAX]; /* of the table so far; 0 before its heading */
};

struct output output_begin(const struct options *options, const struct schema *schema);
/* Rows of the list, n structs of schema->size. Columns grow where later rows need it. Returns the exit status. */
int output_rows(struct output *out, const void *rows, size_t n);
/* A single thing, of the same kind of struct. */
int output_one(const struct options *options, const struct schema *schema, const void *row);

#endif
