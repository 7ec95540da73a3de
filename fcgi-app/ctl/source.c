#include "ctl/source.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

bool
source_open(struct source *source, const char *path)
{
	struct stat status;

	source->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	source->csv = source->too_long = source->open = source->ended = false;
	source->size = source->read = source->line = source->lines = 0;
	source->length = source->at = source->end = 0;
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
	const int c = source->at < source->end ? (unsigned char)source->back[source->at++] : getc_unlocked(source->file);

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

/* Where in a cell a byte stands. CLOSED: directly behind the quote that closed it, where another one opens it again: two of them
 * are one. */
enum place { CELL_BEGIN, CELL_PLAIN, CELL_QUOTED, CELL_CLOSED };

static enum place
behind(enum place place, int c)
{
	if (place == CELL_QUOTED)
		return c == '"' ? CELL_CLOSED : CELL_QUOTED;
	if (c == '"')
		return place == CELL_PLAIN ? CELL_PLAIN : CELL_QUOTED;
	return c == ',' ? CELL_BEGIN : CELL_PLAIN;
}

/* Up to a line end outside of quotes, or the end; its length. One that does not fit into the text is read to its end all the
 * same: what stands within quotes is somebody's text, and must never be taken for a record. */
static size_t
read_record(struct source *source, int *last)
{
	enum place place = CELL_BEGIN;

	source->line = source->lines + 1;
	source->too_long = false;
	source->length = 0;
	for (;;) {
		const int c = *last = next_byte(source);
		source->ended = c == '\n';
		if (c == EOF || (c == '\n' && !(source->csv && place == CELL_QUOTED)))
			break;
		place = behind(place, c);
		if (source->length < SOURCE_RECORD_MAX)
			source->text[source->length++] = (char)c;
		else
			source->too_long = true;
	}
	source->open = source->csv && place == CELL_QUOTED;
	return source->length > 0 && source->text[source->length - 1] == '\r' ? source->length - 1 : source->length;
}

/* What came from there has left room for it; what came from the file has left nothing there. */
void
source_back(struct source *source)
{
	const char *end = memchr(source->text, '\n', source->length);

	if (end == NULL)
		return;
	const size_t n = source->length - (size_t)(end + 1 - source->text), left = source->end - source->at;
	const size_t ended = source->ended ? 1 : 0;
	memmove(source->back + n + ended, source->back + source->at, left);
	memcpy(source->back, end + 1, n);
	if (source->ended)
		source->back[n] = '\n';
	source->at = 0;
	source->end = n + ended + left;
	source->read -= n + ended;
	source->lines = source->line;
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
	explicit_bzero(source->back, sizeof(source->back));
	return good;
}
