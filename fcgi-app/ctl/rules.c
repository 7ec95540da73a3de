/* rules.c: latchctl rules ...: the file that says what guarded pages require. */
#include <stdio.h>
#include <string.h>

#include "ctl/output.h"
#include "service/account.h"
#include "service/guard.h"

struct rule_shown {
	uint32_t line;
	struct str methods, path, require;
};

static const struct field rule_fields[] = {
	SHOWN(struct rule_shown, line),
	SHOWN(struct rule_shown, methods),
	SHOWN(struct rule_shown, path),
	SHOWN(struct rule_shown, require),
};
static const struct schema rule_row = SCHEMA("Rule", struct rule_shown, rule_fields);

/* The path as it was written, but for a slash at its end. */
static struct rule_shown
shown(const struct rule_line *rule, char *buf, size_t size)
{
	(void)snprintf(buf, size, "%s%.*s", rule->exactly ? "=" : "", (int)rule->path.n, rule->path.p);
	return (struct rule_shown){ rule->line, rule->methods, rule->path.n > 0 ? str_of(buf) : STR("/"), rule->require };
}

/* Rules that never count are complained about: what they were to forbid may be open. */
static int
show_rules(const struct options *options, const struct rules *rules)
{
	struct output out = output_begin(options, &rule_row);
	char path[TARGET_PATH_MAX + 2];
	int rc = EXIT_OK;

	for (size_t i = 0; i < rules->n && rc == EXIT_OK; i++) {
		const struct rule_shown row = shown(&rules->lines[i], path, sizeof(path));
		rc = output_rows(&out, &row, 1);
	}
	for (size_t i = 0; i < rules->n; i++) {
		const struct rule_line *before = rules_before(rules, i);
		if (before == NULL)
			continue;
		(void)fprintf(stderr, "latchctl: line %u never counts: line %u, before it, fits whatever it fits\n",
		              rules->lines[i].line, before->line);
		rc = EXIT_FAILED;
	}
	return rc;
}

/* The configured file has been read when this runs, and what is wrong with it was said. */
int
command_rules_check(struct app *app, const struct options *options, char **operands)
{
	struct rules rules = { 0 };

	if (operands[0] == NULL && app->rules.lines == NULL)
		return complain("rules_file is not set in latch.conf; latchctl rules check FILE looks at another");
	if (operands[0] == NULL)
		return show_rules(options, &app->rules);
	const int rc = rules_load(&rules, operands[0], stderr) ? show_rules(options, &rules) : EXIT_FAILED;
	rules_close(&rules);
	return rc;
}

/* ---- rules test --------------------------------------------------------------------------------------------------- */

/* "-": nobody, *out is then zeros. */
static int
read_person(struct app *app, const char *who, struct principal *out)
{
	struct holder holder;

	*out = (struct principal){ 0 };
	if (strcmp(who, "-") == 0)
		return EXIT_OK;
	if (!connected(app))
		return EXIT_AWAY;
	enum err err = account_find(app, str_of(who), &out->user);
	explicit_bzero(out->user.password_hash, sizeof(out->user.password_hash));
	if (err == OK)
		err = roles_holder(app->db, &out->user.id, &holder);
	if (err == ERR_NO_ROW) {
		(void)complain("there is no such user");
		return EXIT_MISSING;
	}
	if (err != OK)
		return complain_err(app, err, NULL);
	memcpy(out->permissions, holder.permissions, sizeof(out->permissions));
	return EXIT_OK;
}

static bool
explain_person(const struct principal *who, struct str require)
{
	const bool nobody = who->user.id.text[0] == '\0', active = strcmp(who->user.status, "active") == 0;
	bool all = true;

	if (guard_lets_anybody_in(require)) {
		(void)puts("public: anybody gets in");
		return true;
	}
	if (nobody || !active) {
		(void)printf("%s\n", nobody ? "nobody is signed in" : "the account is not active: it cannot sign in");
		return false;
	}
	while (require.p != NULL) {
		const struct str word = str_cut(&require, ' ');
		const bool met = guard_admits(word, who) == OK;
		(void)printf("%.*s: %s\n", (int)word.n, word.p, met ? "yes" : "no");
		all = all && met;
	}
	return all;
}

int
command_rules_test(struct app *app, const struct options *options, char **operands)
{
	const struct guarded asked = { .method = str_of(operands[0]), .target = str_of(operands[1]) };
	const struct rule_line *rule;
	struct principal who;
	struct str require;
	struct reason why = { 0 };
	char path[TARGET_PATH_MAX + 2];

	(void)options;
	const int rc = read_person(app, operands[2], &who);
	if (rc != EXIT_OK)
		return rc;
	const enum err err = guard_requirement(app, &asked, &require, &rule, &why);
	if (rule != NULL) {
		const struct rule_shown row = shown(rule, path, sizeof(path));
		(void)printf("line %u: %.*s %.*s %.*s\n", row.line, (int)row.methods.n, row.methods.p, (int)row.path.n,
		             row.path.p, (int)row.require.n, row.require.p);
	} else if (err == OK) {
		(void)puts("no rules_file: user");
	}
	if (err != OK)
		(void)puts(why.detail);
	const bool in = err == OK && explain_person(&who, require);
	(void)puts(in ? "let in" : "refused");
	return in ? EXIT_OK : EXIT_REFUSED;
}
