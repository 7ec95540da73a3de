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
	bool open;      /* the file has ended within quotes */
	size_t length;  /* of the present record in the text, without the line end behind it */
	bool ended;     /* there is one */
	char text[SOURCE_RECORD_MAX];
	char back[SOURCE_RECORD_MAX + 1]; /* what is read before the file goes on: bytes `at` up to `end` */
	size_t at, end;
};

/* Opens the file; "-": standard input. False: errno says why. */
bool source_open(struct source *source, const char *path) MUST_USE;
/* Whether what comes first is not an opening brace, blanks and a byte order mark aside: then it is CSV. */
bool source_looks_like_csv(struct source *source);
/* The next record that is not empty, without its line end, in source->text; false at the end. */
bool source_next(struct source *source, struct str *out) MUST_USE;
/* Goes back to behind the first line end in the present record, which is no CSV: a quote that nothing closes takes what follows
 * with it only where that can be. Nothing is done where there is no line end in it. */
void source_back(struct source *source);
/* Whether it ended because it could not be read. Closes it and wipes what was read. */
bool source_close(struct source *source) MUST_USE;

#endif
