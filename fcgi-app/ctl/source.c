#include "ctl/source.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

bool
source_open(struct source *source, const char *path)
{
	struct stat status;

	source->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	source->csv = source->too_long = false;
	source->size = source->read = source->line = source->lines = 0;
	if (source->file == NULL)
		return false;
	if (fstat(fileno(source->file), &status) == 0 && S_ISREG(status.st_mode))
		source->size = (uint64_t)status.st_size;
	else if (S_ISDIR(status.st_mode)) {
		errno = EISDIR;
		return false;
	}
	return true;
}

static int
next_byte(struct source *source)
{
	const int c = getc_unlocked(source->file);

	source->read += c != EOF;
	source->lines += c == '\n';
	return c;
}

/* U+FEFF, with which spreadsheets begin a file. */
static void
skip_mark(struct source *source)
{
	static const unsigned char mark[] = { 0xef, 0xbb, 0xbf };
	int c = getc_unlocked(source->file);

	if (c == mark[0]) {
		(void)getc_unlocked(source->file);
		(void)getc_unlocked(source->file);
		source->read += sizeof(mark);
	} else if (c != EOF) {
		(void)ungetc(c, source->file);
	}
}

bool
source_looks_like_csv(struct source *source)
{
	int c;

	skip_mark(source);
	do
		c = next_byte(source);
	while (c == ' ' || c == '\t' || c == '\r' || c == '\n');
	if (c == EOF)
		return false;
	(void)ungetc(c, source->file);
	source->read--;
	return c != '{';
}

/* Whether the byte opens or closes a cell: a quote does at a cell's beginning, and within it, where two of them are one. */
static bool
turns(int c, bool quoted, int before)
{
	return c == '"' && (quoted || before == ',' || before == '"');
}

/* A record may be too long for the text. A quote that nobody closes would take all that follows with it: it ends there. */
static void
keep(struct source *source, int c, size_t *n, bool *quoted)
{
	if (*n < SOURCE_RECORD_MAX) {
		source->text[(*n)++] = (char)c;
		return;
	}
	source->too_long = true;
	*quoted = false;
}

/* Up to a line end outside of quotes, or the end; its length. */
static size_t
read_record(struct source *source, int *last)
{
	size_t n = 0;
	bool quoted = false;
	int before = ',';

	source->line = source->lines + 1;
	source->too_long = false;
	for (;;) {
		const int c = *last = next_byte(source);
		if (c == EOF || (c == '\n' && !(quoted && source->csv)))
			break;
		quoted = quoted != turns(c, quoted, before);
		before = c;
		keep(source, c, &n, &quoted);
	}
	return n > 0 && source->text[n - 1] == '\r' ? n - 1 : n;
}

bool
source_next(struct source *source, struct str *out)
{
	for (int last = 0; last != EOF;) {
		const size_t n = read_record(source, &last);
		*out = (struct str){ source->text, n };
		if (str_trim(*out).n > 0)
			return true;
	}
	return false;
}

bool
source_close(struct source *source)
{
	const bool good = ferror(source->file) == 0;

	if (source->file != stdin)
		(void)fclose(source->file);
	explicit_bzero(source->text, sizeof(source->text));
	return good;
}
