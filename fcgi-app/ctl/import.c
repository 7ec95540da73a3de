/* import.c: latchctl user import: a file of users, in batches, with a report of each line that was not taken. */
#include "service/import.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/progress.h"
#include "ctl/seen.h"
#include "ctl/source.h"
#include "ctl/user_fields.h"
#include "http/csv.h"
#include "http/json.h"

enum { ARENA_SIZE = 512 * 1024, RETRY_PAUSE_MS = 500, RETRY_US_MAX = 30000000 };

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

struct import {
	struct app *app;
	struct source source;
	struct csv_columns columns;
	struct arena arena;
	struct seen seen;
	struct import_batch batch;
	struct progress progress;
	uint64_t added, exist, refused;
	uint64_t without; /* a password, of those that were not refused */
	bool told;        /* that there are members that are not taken */
};

/* ---- The report ---------------------------------------------------------------------------------------------------- */

static void
report(struct import *import, uint64_t line, const char *field, const char *detail)
{
	progress_clear(&import->progress);
	(void)fprintf(stderr, "line %llu: %s%s%s\n", (unsigned long long)line, field, field[0] != '\0' ? " " : "", detail);
}

static void
refuse(struct import *import, uint64_t line, const struct reason *why)
{
	for (size_t i = 0; i < why->n; i++)
		report(import, line, why->fields[i].field, why->fields[i].detail);
	import->refused++;
}

static void
refuse_whole(struct import *import, uint64_t line, const char *detail)
{
	report(import, line, "", detail);
	import->refused++;
}

static void
count_batch(struct import *import)
{
	for (size_t i = 0; i < import->batch.n; i++) {
		const struct import_row *row = &import->batch.rows[i];
		switch (row->outcome) {
		case IMPORT_ADDED:
			import->added++;
			break;
		case IMPORT_EXISTS:
			import->exist++;
			if (row->field != NULL)
				report(import, row->line, row->field, "is not as in the account that there is: left as it is");
			break;
		case IMPORT_REFUSED:
			import->refused++;
			report(import, row->line, row->field, row->detail);
			break;
		}
	}
}

/* ---- Writing ------------------------------------------------------------------------------------------------------- */

/* Tries for half a minute: the database may be started anew, or somebody else may hold rows. */
static int
write_batch(struct import *import)
{
	struct import_batch *batch = &import->batch;
	const uint64_t began_us = clock_mono_us();
	enum err err = ERR_DB;

	batch->again = false;
	while (batch->n > 0 && err == ERR_DB) {
		err = db_begin_request(import->app->db) == OK ? import_write(import->app, batch) : ERR_DB;
		if (err == OK)
			count_batch(import);
		else if (err != ERR_DB || interrupted || clock_mono_us() - began_us > RETRY_US_MAX
		         || db_schema_disagrees(import->app->db)) {
			progress_clear(&import->progress);
			(void)complain_err(import->app, err, NULL);
			(void)fprintf(stderr, "latchctl: stopped at line %llu; what stands before it is imported: run it again\n",
			              (unsigned long long)batch->rows[0].line);
			return EXIT_AWAY;
		} else {
			batch->again = true;
			(void)poll(NULL, 0, RETRY_PAUSE_MS);
		}
	}
	explicit_bzero(batch->rows, batch->n * sizeof(batch->rows[0]));
	batch->n = 0;
	return EXIT_OK;
}

/* ---- Reading ------------------------------------------------------------------------------------------------------- */

/* A name that another line of the file has. */
static void
check_seen(struct import *import, char kind, const char *field, const char *name, uint64_t line, struct reason *why)
{
	const struct str text = str_of(name);

	if (text.n == 0)
		return;
	const uint64_t before = seen_before(&import->seen, kind, text, line);
	if (before == 0)
		return;
	const struct str detail =
		before == UINT64_MAX ? STR("does not fit in memory with the others")
							 : str_printf(&import->arena, "is that of line %llu as well", (unsigned long long)before);
	(void)reason_field(why, field, "twice", detail.p != NULL ? detail.p : "is that of another line as well");
}

/* Once, of the first line that has some: a hash under another name would be lost without a word. */
static void
tell_others(struct import *import, struct str text)
{
	const struct str others = json_others(&user_line_in, text, &import->arena);

	if (others.p == NULL)
		return;
	import->told = true;
	progress_clear(&import->progress);
	(void)fprintf(stderr, "line %llu, and perhaps others:\n", (unsigned long long)import->source.line);
	(void)complain_of("members that are not taken", others);
}

static enum err
decode(struct import *import, struct str text, void **line, struct reason *why, const char **detail)
{
	if (import->source.csv)
		return csv_decode(&user_line_in, &import->columns, text, &import->arena, line, why, detail);
	const enum err err = json_decode(&user_line_in, text, &import->arena, line, why);
	if (err == ERR_JSON)
		*detail = "is not a JSON object";
	if (err == OK && !import->told)
		tell_others(import, text);
	return err;
}

static void
read_line(struct import *import, struct str text)
{
	const uint64_t at = import->source.line;
	struct import_row *row = &import->batch.rows[import->batch.n];
	struct reason why = { 0 };
	const char *detail = NULL;
	void *line = NULL;

	if (import->source.too_long) {
		refuse_whole(import, at,
		             import->source.open ? "has a quote that is not closed: nothing behind it was read"
		                                 : "is longer than 64 KiB");
		return;
	}
	enum err err = decode(import, text, &line, &why, &detail);
	if (import->source.csv && err == ERR_BAD_REQUEST)
		source_back(&import->source);
	if (err == OK)
		err = import_read(line, row, &why);
	if (err == OK) {
		check_seen(import, 'e', "email", row->user.email, at, &why);
		check_seen(import, 'u', "username", row->user.username, at, &why);
		if (row->has_id)
			check_seen(import, 'i', "id", row->user.id.text, at, &why);
	}
	if (err == OK && why.n == 0) {
		row->line = at;
		import->without += row->user.password_hash[0] == '\0';
		import->batch.n++;
	} else if (why.n > 0) {
		refuse(import, at, &why);
	} else {
		refuse_whole(import, at, detail != NULL ? detail : "does not fit in memory");
	}
}

static bool
read_columns(struct import *import)
{
	struct str text, unknown;
	const char *detail = NULL;
	bool has_email = false;

	if (!source_next(&import->source, &text))
		return true;
	if (csv_read_columns(&user_line_in, text, &import->arena, &import->columns, &unknown, &detail) != OK) {
		(void)fprintf(stderr, "latchctl: line %llu, the columns' names: %s\n", (unsigned long long)import->source.line,
		              detail != NULL ? detail : "do not fit in memory");
		return false;
	}
	for (size_t i = 0; i < import->columns.n; i++)
		has_email =
			has_email || (import->columns.fields[i] != NULL && strcmp(import->columns.fields[i]->name, "email") == 0);
	if (!has_email) {
		(void)complain("the first line does not name the columns: there is no email");
		return false;
	}
	if (unknown.p != NULL)
		(void)complain_of("columns that are not taken", unknown);
	return true;
}

static void
tell(struct import *import)
{
	const struct source *source = &import->source;

	import->progress.done = source->lines;
	if (source->size > 0 && source->read > 0)
		import->progress.expected = source->lines * source->size / source->read;
	progress_tell(&import->progress);
}

static int
read_all(struct import *import)
{
	struct str text;
	int rc = EXIT_OK;

	if (import->source.csv && !read_columns(import))
		return EXIT_FAILED;
	while (rc == EXIT_OK && !interrupted && source_next(&import->source, &text)) {
		arena_reset(&import->arena);
		read_line(import, text);
		if (import->batch.n == COUNT(import->batch.rows))
			rc = write_batch(import);
		tell(import);
	}
	return rc == EXIT_OK ? write_batch(import) : rc;
}

/* ---- The command --------------------------------------------------------------------------------------------------- */

static int
summarize(struct import *import, int rc)
{
	const bool dry = import->batch.dry_run;

	progress_clear(&import->progress);
	import->progress.done = import->added + import->exist + import->refused;
	(void)printf("%llu users: %llu %s, %llu already there, %llu refused; %.1f s, %.0f/s\n",
	             (unsigned long long)import->progress.done, (unsigned long long)import->added,
	             dry ? "would be added" : "added", (unsigned long long)import->exist,
	             (unsigned long long)import->refused, progress_seconds(&import->progress),
	             progress_rate(&import->progress));
	if (import->without > 0)
		(void)printf("%llu without a password: nobody can sign in to these before latchctl user set-password\n",
		             (unsigned long long)import->without);
	if (interrupted)
		return complain("interrupted; run it again for the rest");
	if (rc == EXIT_OK && import->refused > 0)
		return EXIT_REFUSED;
	return rc;
}

static int
run(struct import *import, const char *path, const struct options *options)
{
	if (!source_open(&import->source, path)) {
		(void)fprintf(stderr, "latchctl: %s: %s\n", path, strerror(errno));
		return EXIT_FAILED;
	}
	/* Looked at in any case: it skips a byte order mark. */
	import->source.csv = source_looks_like_csv(&import->source);
	if (!user_format(options->format, &import->source.csv))
		return EXIT_USAGE;
	import->progress = progress_begin(options->dry_run ? "dry run" : "import", "lines", 0);
	int rc = read_all(import);
	if (!source_close(&import->source)) {
		(void)fprintf(stderr, "latchctl: %s: cannot be read to its end\n", path);
		rc = EXIT_FAILED;
	}
	return summarize(import, rc);
}

int
command_user_import(struct app *app, const struct options *options, char **operands)
{
	static struct import import;
	const struct sigaction action = { .sa_handler = on_interrupt };

	import.app = app;
	import.batch.allow_roles = options->allow_roles;
	import.batch.dry_run = options->dry_run;
	if (!arena_open(&import.arena, ARENA_SIZE))
		return complain("out of memory");
	if (!connected(app))
		return EXIT_AWAY;
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	const int rc = run(&import, operands[0], options);
	seen_free(&import.seen);
	arena_close(&import.arena);
	return rc;
}
