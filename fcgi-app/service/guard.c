#include "service/guard.h"

#include "core/log.h"

static enum err
forbid(struct reason *why, const char *detail)
{
	why->detail = detail;
	return ERR_FORBIDDEN;
}

static enum err
by_rules(const struct rules *rules, const struct guarded *asked, const struct rule_line **rule_out, struct reason *why)
{
	char buf[TARGET_PATH_MAX];
	struct str path;

	if (!target_path(asked->target, buf, &path))
		return forbid(why,
		              "This address cannot be held against the rules: it is too long, or can be read in several ways.");
	*rule_out = rules_find(rules, asked->method, path);
	return *rule_out != NULL ? OK : forbid(why, "No rule lets anybody in here.");
}

enum err
guard_requirement(const struct app *app, const struct guarded *asked, struct str *require_out,
                  const struct rule_line **rule_out, struct reason *why)
{
	*rule_out = NULL;
	*require_out = asked->require.p != NULL ? asked->require : STR("user");
	if (asked->require.p == NULL && app->rules.lines != NULL) {
		const enum err err = by_rules(&app->rules, asked, rule_out, why);
		if (err != OK)
			return err;
		*require_out = (*rule_out)->require;
	}
	if (str_eq(*require_out, STR("nobody")))
		return forbid(why, "Nobody is let in here.");
	if (is_requirement(*require_out))
		return OK;
	log_error("LATCH_REQUIRE=\"%.*s\" is no requirement: nobody is let in", (int)asked->require.n, asked->require.p);
	return forbid(why, "What this requires is misspelt in the web server's configuration: see latch's log.");
}

bool
guard_lets_anybody_in(struct str require)
{
	return str_eq(require, STR("public"));
}

static struct str
behind(struct str word, struct str prefix)
{
	return (struct str){ word.p + prefix.n, word.n - prefix.n };
}

static bool
meets(struct str word, const struct principal *who)
{
	const struct str role = STR("role:"), permission = STR("permission:");

	if (str_starts(word, role))
		return words_have(str_of(who->user.roles), behind(word, role));
	if (str_starts(word, permission))
		return permits(who->user.roles, who->permissions, behind(word, permission));
	if (str_eq(word, STR("verified")))
		return who->user.email_verified;
	return str_eq(word, STR("user")) || str_eq(word, STR("public"));
}

enum err
guard_admits(struct str require, const struct principal *who)
{
	while (require.p != NULL)
		if (!meets(str_cut(&require, ' '), who))
			return ERR_FORBIDDEN;
	return OK;
}
