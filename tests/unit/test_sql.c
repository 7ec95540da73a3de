/* The names of tables in SQL: what becomes of them, and that none was forgotten. */
#include "db/sql.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "db/db.h"
#include "service/migrate.h"
#include "unit.h"

enum { TABLES_MAX = 64, WORD_MAX = 64 };

static void
puts_the_prefix_before_names_in_braces(void **state)
{
	char out[64];

	(void)state;
	assert_true(sql_expand("SELECT {a}.x FROM {a}, {b_c}", "", out, sizeof(out)));
	assert_string_equal(out, "SELECT `a`.x FROM `a`, `b_c`");
	assert_true(sql_expand("SELECT {a}.x FROM {a}, {b_c}", "p1_", out, sizeof(out)));
	assert_string_equal(out, "SELECT `p1_a`.x FROM `p1_a`, `p1_b_c`");
	assert_true(sql_expand("SELECT {a}.x FROM {a}", NULL, out, sizeof(out)));
	assert_string_equal(out, "SELECT a.x FROM a");
	assert_true(sql_expand("", "p", out, sizeof(out)));
	assert_string_equal(out, "");
	assert_true(sql_expand("COMMIT", "p", out, sizeof(out)));
	assert_string_equal(out, "COMMIT");
}

static void
refuses_braces_that_do_not_match_and_what_does_not_fit(void **state)
{
	static const char *const bad[] = { "{", "}", "{a", "a}", "{a{b}}", "{a}}", "{{a}", "{a} {", "}}", "}a}" };
	char out[16];

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(sql_expand(bad[i], "p", out, sizeof(out)));
		assert_false(sql_expand(bad[i], NULL, out, sizeof(out)));
	}
	assert_false(sql_expand("FROM {abcdefghij}", "", out, sizeof(out)));
	assert_true(sql_expand("FROM {abcdef}", "", out, sizeof("FROM `abcdef`")));
	assert_false(sql_expand("FROM {abcdef}", "", out, sizeof("FROM `abcdef`") - 1));
	assert_false(sql_expand("FROM {abcdef}", "p", out, sizeof("FROM `abcdef`")));
}

/* ---- Nothing forgotten ------------------------------------------------------------------------------------------- */

static const struct stmt_table *const tables[] = {
	&users_statements,         &user_admin_statements,   &user_import_statements, &sessions_statements,
	&sessions_rare_statements, &signing_keys_statements, &throttles_statements,   &housekeeping_statements,
	&changes_statements,       &roles_statements,        &audit_statements,       &audit_rare_statements,
	&migrations_statements,    &server_statements
};

/* The tables that schema/ makes, and the one that it does not. (Keys have some constraint's name, and stay bare.) */
static char names[TABLES_MAX][WORD_MAX];
static size_t names_n;

static bool
is_name(const char *word)
{
	for (size_t i = 0; i < names_n; i++)
		if (strcmp(names[i], word) == 0)
			return true;
	return false;
}

static void
add_name(const char *p, size_t n)
{
	char word[WORD_MAX];

	(void)snprintf(word, sizeof(word), "%.*s", (int)n, p);
	/* users.roles is a column, too: what comes before it tells. */
	if (is_name(word) || strcmp(word, "roles") == 0)
		return;
	assert_true(names_n < TABLES_MAX);
	memcpy(names[names_n++], word, sizeof(word));
}

static int
know_names(void **state)
{
	(void)state;
	names_n = 0;
	add_name("schema_migrations", 17);
	for (size_t i = 0; i < migrations_n; i++)
		for (const char *p = migrations[i].sql; (p = strstr(p, "CREATE TABLE ")) != NULL; p++) {
			const char *name = strchr(p, '{');
			add_name(name + 1, strcspn(name + 1, "}"));
		}
	return names_n > 10 ? 0 : -1;
}

/* The next word in upper and lower case, digits and _; what stands in quotes, in a comment or behind a dot is none. *braced: in
 * braces. NULL at the end. */
static const char *
next_word(const char *p, char word[WORD_MAX], bool *braced)
{
	for (; *p != '\0'; p++) {
		if (*p == '\'')
			p += 1 + strcspn(p + 1, "'");
		else if (p[0] == '-' && p[1] == '-')
			p += strcspn(p, "\n") - 1;
		else if (isalpha((unsigned char)*p) || *p == '_')
			break;
	}
	if (*p == '\0')
		return NULL;
	size_t n = 0;
	while (isalnum((unsigned char)p[n]) || p[n] == '_')
		n++;
	*braced = p[-1] == '{' && p[n] == '}';
	(void)snprintf(word, WORD_MAX, "%.*s", (int)n, p);
	return p + n;
}

static bool
among(const char *word, const char *const *all)
{
	for (; *all != NULL; all++)
		if (strcmp(*all, word) == 0)
			return true;
	return false;
}

/* Behind these a table's name follows, a parenthesis, or one of the others. */
static const char *const before[] = { "FROM",  "JOIN",       "STRAIGHT_JOIN", "INTO", "UPDATE",
	                                  "TABLE", "REFERENCES", "CONSTRAINT",    NULL };
static const char *const between[] = { "IF", "NOT", "EXISTS", "IGNORE", NULL };
static const char *const instead[] = { "SELECT", "DUAL", "JSON_TABLE", "information_schema", "chains", NULL };

static void
look_through(const char *what, const char *sql)
{
	static char copy[SQL_MAX];
	char word[WORD_MAX] = "", last[WORD_MAX] = "";
	bool braced = false;
	const int n = snprintf(copy, sizeof(copy), " %s", sql); /* next_word looks at what is before a word */

	assert_in_range(n, 2, sizeof(copy) - 1);
	for (const char *p = copy; (p = next_word(p, word, &braced)) != NULL;) {
		const bool bare = !braced && (is_name(word) || (among(last, before) && !among(word, instead)));
		if (among(word, between))
			continue;
		if (bare)
			print_error("%s: %s stands without braces behind %s\n", what, word, last);
		assert_false(bare);
		memcpy(last, word, sizeof(last));
	}
}

static void
every_table_in_every_statement_stands_in_braces(void **state)
{
	size_t n = 0;

	(void)state;
	for (size_t t = 0; t < COUNT(tables); t++)
		for (size_t i = 0; i < tables[t]->n; i++, n++)
			look_through(tables[t]->stmts[i].name, tables[t]->stmts[i].sql);
	assert_true(n > 100);
}

static void
every_table_and_constraint_in_the_schema_stands_in_braces(void **state)
{
	(void)state;
	for (size_t i = 0; i < migrations_n; i++)
		look_through(migrations[i].name, migrations[i].sql);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_the_prefix_before_names_in_braces),
		cmocka_unit_test(refuses_braces_that_do_not_match_and_what_does_not_fit),
		cmocka_unit_test_setup(every_table_in_every_statement_stands_in_braces, know_names),
		cmocka_unit_test_setup(every_table_and_constraint_in_the_schema_stands_in_braces, know_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
