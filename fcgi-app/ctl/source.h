/* source.h: a file of lines, or of CSV records, one after the other. */
#ifndef LATCH_CTL_SOURCE_H
#define LATCH_CTL_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/str.h"

enum { SOURCE_RECORD_MAX = 64 * 1024 };

struct source {
	FILE *file;
	bool csv;       /* a record goes on behind a line end within quotes */
	uint64_t size;  /* of the file; 0: not known */
	uint64_t read;  /* bytes so far */
	uint64_t line;  /* on which the present record begins; 1 is the first */
	uint64_t lines; /* line ends so far */
	bool too_long;  /* the present record is: what came of it is not to be used */
	char text[SOURCE_RECORD_MAX];
};

/* Opens the file; "-": standard input. False: errno says why. */
bool source_open(struct source *source, const char *path) MUST_USE;
/* Whether what comes first is not an opening brace, blanks and a byte order mark aside: then it is CSV. */
bool source_looks_like_csv(struct source *source);
/* The next record that is not empty, without its line end, in source->text; false at the end. */
bool source_next(struct source *source, struct str *out) MUST_USE;
/* Whether it ended because it could not be read. Closes it and wipes what was read. */
bool source_close(struct source *source) MUST_USE;

#endif
