/* export.c: latchctl user export: all users as the lines that latchctl user import takes. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/arena.h"
#include "ctl/command.h"
#include "ctl/user_fields.h"
#include "http/csv.h"
#include "http/json.h"
#include "service/account.h"

enum { PAGE = 500, ARENA_SIZE = 64 * 1024 };

/* What is written is as good as the table of passwords. */
static bool
output_is_fit(const struct options *options)
{
	struct stat status;

	if (isatty(STDOUT_FILENO) == 1 && !options->yes) {
		(void)complain("standard output is a terminal, and password hashes go there: send it to a file, or add --yes");
		return false;
	}
	if (fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		(void)fprintf(stderr,
		              "latchctl: the file that this goes to may be opened by others (mode %03o), and password hashes "
		              "stand in it: chmod 600 it, and begin with umask 077 the next time\n",
		              (unsigned)(status.st_mode & 0777));
	return true;
}

static bool
put(struct str text)
{
	return fwrite(text.p, 1, text.n, stdout) == text.n;
}

static bool
write_user(const struct user *user, bool csv, struct arena *arena)
{
	struct str text = { 0 };

	arena_reset(arena);
	if (csv)
		return csv_encode(&user_line_out, user, arena, &text) == OK && put(text);
	return json_encode(&user_line_out, user, arena, &text) == OK && put(text) && put(STR("\n"));
}

static int
not_written(void)
{
	(void)fprintf(stderr, "latchctl: standard output: %s\n", strerror(errno));
	return EXIT_FAILED;
}

static bool
write_columns(struct arena *arena)
{
	struct str text;

	return csv_encode_columns(&user_line_out, arena, &text) == OK && put(text);
}

static int
write_all(struct app *app, bool csv, struct arena *arena)
{
	static struct user page[PAGE];
	struct uuid last;
	struct str after = { 0 };
	size_t n = PAGE;

	while (n == PAGE) {
		if (!connected(app))
			return EXIT_AWAY;
		const enum err err = account_list(app, after, page, PAGE, &n);
		if (err != OK)
			return complain_err(app, err, NULL);
		for (size_t i = 0; i < n; i++)
			if (!write_user(&page[i], csv, arena))
				return not_written();
		if (n > 0)
			last = page[n - 1].id;
		after = str_of(last.text);
		explicit_bzero(page, sizeof(page));
	}
	return fflush(stdout) == 0 ? EXIT_OK : not_written();
}

int
command_user_export(struct app *app, const struct options *options, char **operands)
{
	struct arena arena;
	bool csv = false;

	(void)operands;
	if (!user_format(options->format, &csv))
		return EXIT_USAGE;
	if (!output_is_fit(options))
		return EXIT_FAILED;
	if (!connected(app))
		return EXIT_AWAY;
	/* Before the first of them: half an export is one too. */
	const struct audit_entry entry = { .event = AUDIT_EXPORT, .target = csv ? STR("csv") : STR("json") };
	const enum err err = audit_write_alone(app, &entry);
	if (err != OK)
		return complain_err(app, err, NULL);
	if (!arena_open(&arena, ARENA_SIZE))
		return complain("out of memory");
	const int rc = csv && !write_columns(&arena) ? not_written() : write_all(app, csv, &arena);
	arena_close(&arena);
	return rc;
}
