/* session.c: latchctl session ... */
#include "service/session.h"

#include <string.h>

#include "ctl/output.h"
#include "service/account.h"
#include "service/admin.h"

static const struct field session_fields[] = {
	SHOWN(struct session, id),        SHOWN(struct session, created_at), SHOWN(struct session, last_seen_at),
	SHOWN(struct session, transport), SHOWN(struct session, ip),         SHOWN(struct session, user_agent),
};
static const struct schema session_row = SCHEMA("Session", struct session, session_fields);

static int
find(struct app *app, const char *who, struct uuid *out)
{
	struct user user;

	if (!connected(app))
		return EXIT_AWAY;
	const enum err err = account_find(app, str_of(who), &user);
	explicit_bzero(user.password_hash, sizeof(user.password_hash));
	*out = user.id;
	return err == OK ? EXIT_OK : complain_err(app, err, NULL);
}

int
command_session_list(struct app *app, const struct options *options, char **operands)
{
	static struct session rows[SESSIONS_PER_USER_MAX];
	struct output out = output_begin(options, &session_row);
	const struct str newest = { 0 };
	struct uuid user;
	size_t n;
	const int rc = find(app, operands[0], &user);

	if (rc != EXIT_OK)
		return rc;
	const enum err err = session_list(app, &user, newest, rows, COUNT(rows), &n);
	return err == OK ? output_rows(&out, rows, n) : complain_err(app, err, NULL);
}

static int
end_all(struct app *app, const char *who, const struct uuid *user)
{
	struct reason why = { 0 };
	const enum err err = admin_end_sessions(app, NULL, user, &why);

	if (err != OK)
		return complain_err(app, err, &why);
	(void)printf("all sessions of %s have ended\n", who);
	return EXIT_OK;
}

static int
end_one(struct app *app, const char *text, const struct uuid *user)
{
	struct uuid session;
	const enum err err = uuid_parse(str_of(text), &session) ? session_end(app, &session, user) : ERR_NO_ROW;

	if (err == ERR_NO_ROW) {
		(void)fprintf(stderr, "latchctl: no such session, or it has ended: %s\n", text);
		return EXIT_MISSING;
	}
	if (err != OK)
		return complain_err(app, err, NULL);
	(void)printf("%s has ended\n", session.text);
	return EXIT_OK;
}

int
command_session_end(struct app *app, const struct options *options, char **operands)
{
	struct uuid user;
	int rc;

	if (options->all != (operands[1] == NULL)) {
		(void)complain("say which: a session, or --all");
		return EXIT_USAGE;
	}
	rc = find(app, operands[0], &user);
	if (rc == EXIT_OK && options->all)
		return end_all(app, operands[0], &user);
	for (size_t i = 1; rc == EXIT_OK && operands[i] != NULL; i++)
		rc = end_one(app, operands[i], &user);
	return rc;
}
