#include "service/migrate.h"

#include <openssl/sha.h>
#include <string.h>

#include "db/migrations.h"
#include "db/sql.h"

enum { APPLIED_MAX = 999, STEP_MAX = 64 * 1024, STATEMENT_MAX = 8192 };

uint32_t
schema_version(void)
{
	return migrations[migrations_n - 1].version;
}

/* Of the text without its braces, as the first releases had it: a database that they made goes on. */
static enum err
checksum(const char *sql, char out[65])
{
	static char plain[STEP_MAX];
	unsigned char digest[SHA256_DIGEST_LENGTH];

	if (!sql_expand(sql, NULL, plain, sizeof(plain)))
		return ERR_INTERNAL;
	(void)SHA256((const unsigned char *)plain, strlen(plain), digest);
	hex_encode(digest, sizeof(digest), out);
	return OK;
}

static enum err
run_step(struct db *owner, const struct migration *step)
{
	struct str rest = str_of(step->sql);
	char statement[STATEMENT_MAX];

	while (rest.n > 0) {
		const char *end = memmem(rest.p, rest.n, ";\n", 2);
		const struct str one = { rest.p, end != NULL ? (size_t)(end - rest.p) : rest.n };
		rest = end != NULL ? (struct str){ end + 2, rest.n - one.n - 2 } : (struct str){ 0 };
		if (!str_copy(statement, sizeof(statement), one))
			return ERR_INTERNAL;
		const enum err err = db_run_text(owner, statement);
		if (err != OK)
			return err;
	}
	struct migration_row row = { .version = step->version };
	(void)snprintf(row.name, sizeof(row.name), "%s", step->name);
	const enum err err = checksum(step->sql, row.checksum);
	return err == OK ? migrations_insert(owner, &row) : err;
}

/* Whether this is what was applied. A step that had to become another one and comes to the same says which it was: the checksum
 * stands in its text. */
static enum err
is_step(const struct migration_row *row, const struct migration *step, bool *is)
{
	char expected[65];
	const enum err err = checksum(step->sql, expected);

	*is = row->version == step->version
	   && (strcmp(row->checksum, expected) == 0
	       || (strlen(row->checksum) == sizeof(expected) - 1 && strstr(step->sql, row->checksum) != NULL));
	return err;
}

/* Compares what was applied with what this program knows. */
static enum err
check_applied(const struct migration_row *rows, size_t n, FILE *report)
{
	bool is;

	if (n > migrations_n) {
		(void)fprintf(report, "the database has schema version %u, this program only %u: install the newer latch\n",
		              rows[n - 1].version, schema_version());
		return ERR_CONFLICT;
	}
	for (size_t i = 0; i < n; i++) {
		if (is_step(&rows[i], &migrations[i], &is) != OK)
			return ERR_INTERNAL;
		if (is)
			continue;
		(void)fprintf(report, "schema step %u (%s) is not what was applied to this database: restore the file\n",
		              rows[i].version, rows[i].name);
		return ERR_CONFLICT;
	}
	return OK;
}

enum err
migrate(struct db *owner, FILE *report)
{
	static struct migration_row rows[APPLIED_MAX];
	size_t n = 0;
	enum err err = db_begin_request(owner);

	if (err == OK)
		err = migrations_lock(owner);
	if (err == OK)
		err = migrations_init(owner);
	if (err == OK)
		err = migrations_all(owner, rows, COUNT(rows), &n);
	if (err == OK)
		err = check_applied(rows, n, report);
	for (size_t i = n; err == OK && i < migrations_n; i++) {
		err = run_step(owner, &migrations[i]);
		if (err == OK)
			(void)fprintf(report, "applied %s\n", migrations[i].name);
	}
	if (err == OK)
		(void)fprintf(report, "schema version %u\n", schema_version());
	return err;
}
