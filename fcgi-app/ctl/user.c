/* user.c: latchctl user ... */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "ctl/command.h"
#include "service/account.h"

enum { PAGE = 100, GENERATED = 20 /* 120 bits */ };

static int
find(struct app *app, const char *who, struct user *out)
{
	if (!connected(app))
		return EXIT_AWAY;
	const enum err err = account_find(app, str_of(who), out);
	return err == OK ? EXIT_OK : complain_err(app, err, NULL);
}

/* From a prompt, standard input, or made here; a made one is shown when it has been set. */
static bool
get_password(const struct app *app, const struct options *options, char *password, size_t size)
{
	const uint32_t shortest = app->config.password_min;

	if (!options->generate_password)
		return read_password(password, size);
	generate_password(password, shortest > GENERATED ? shortest : GENERATED);
	return true;
}

int
command_user_add(struct app *app, const struct options *options, char **operands)
{
	char password[PASSWORD_BYTES_MAX + 2];
	struct user user;
	struct reason why = { 0 };
	const struct str email = str_of(operands[0]), username = str_of(options->username), name = str_of(options->name);

	if (!is_email(email))
		(void)reason_field(&why, "email", "invalid", "must be an e-mail address, in ASCII");
	if (username.p != NULL && !is_username(username))
		(void)reason_field(&why, "username", "invalid", "must be 3 to 32 of a-z A-Z 0-9 . _ -");
	if (name.p != NULL && (utf8_length(name) < 1 || utf8_length(name) > 200 || !is_display_name(name)))
		(void)reason_field(&why, "name", "invalid",
		                   "must be 1 to 200 characters of visible UTF-8 text without control characters");
	if (why.n > 0)
		return complain_err(app, ERR_FIELDS, &why);
	if (!connected(app))
		return EXIT_AWAY;
	if (!get_password(app, options, password, sizeof(password)))
		return EXIT_FAILED;

	const struct registration in = { .email = email, .password = str_of(password), .username = username, .name = name };
	const enum err err = account_register(app, &in, NULL, &user, &why);
	if (err == OK) {
		(void)printf("id: %s\nemail: %s\n", user.id.text, user.email);
		if (options->generate_password)
			(void)printf("password: %s\n", password);
	}
	explicit_bzero(password, sizeof(password));
	explicit_bzero(&user, sizeof(user));
	return err == OK ? EXIT_OK : complain_err(app, err, &why);
}

/* Until when wrong passwords keep a log-in of an unknown device out. */
static int
show_throttle(struct app *app, const struct user *user)
{
	struct account_throttle throttle;
	char until[TIMESTAMP_SIZE] = "";
	const enum err err = throttle_of_account(app, &user->id, &throttle);

	if (err != OK)
		return complain_err(app, err, NULL);
	if (throttle.wait_ms > 0)
		timestamp_format(throttle.retry_at, until);
	(void)printf("failed_logins: %u\nslowed_until: %s\n", throttle.failures,
	             throttle.ended ? "a device signs in that did before, a new password, or latchctl user enable" : until);
	return EXIT_OK;
}

int
command_user_show(struct app *app, const struct options *options, char **operands)
{
	struct user user;
	char created[TIMESTAMP_SIZE], updated[TIMESTAMP_SIZE], seen[TIMESTAMP_SIZE] = "never";
	const int rc = find(app, operands[0], &user);

	(void)options;
	if (rc != EXIT_OK)
		return rc;
	timestamp_format(user.created_at, created);
	timestamp_format(user.updated_at, updated);
	if (user.last_login_at.ms != 0)
		timestamp_format(user.last_login_at, seen);
	(void)printf("id: %s\nemail: %s\nemail_verified: %s\nusername: %s\nname: %s\nphone_number: %s\nstatus: %s\n",
	             user.id.text, user.email, user.email_verified ? "true" : "false", user.username, user.name,
	             user.phone_number, user.status);
	(void)printf("created_at: %s\nupdated_at: %s\nlast_login_at: %s\n", created, updated, seen);
	explicit_bzero(user.password_hash, sizeof(user.password_hash));
	return show_throttle(app, &user);
}

int
command_user_list(struct app *app, const struct options *options, char **operands)
{
	static struct user page[PAGE];
	struct str after = { 0 };
	size_t n;

	(void)options;
	(void)operands;
	if (!connected(app))
		return EXIT_AWAY;
	(void)printf("%-36s %-9s %-20s %s\n", "ID", "STATUS", "USERNAME", "EMAIL");
	do {
		const enum err err = account_list(app, after, page, PAGE, &n);
		if (err != OK)
			return complain_err(app, err, NULL);
		for (size_t i = 0; i < n; i++)
			(void)printf("%-36s %-9s %-20s %s\n", page[i].id.text, page[i].status,
			             page[i].username[0] != '\0' ? page[i].username : "-", page[i].email);
		after = str_of(n > 0 ? page[n - 1].id.text : NULL);
	} while (n == PAGE);
	explicit_bzero(page, sizeof(page));
	return EXIT_OK;
}

int
command_user_set_password(struct app *app, const struct options *options, char **operands)
{
	char password[PASSWORD_BYTES_MAX + 2];
	struct user user;
	struct reason why = { 0 };
	const int rc = find(app, operands[0], &user);

	if (rc != EXIT_OK)
		return rc;
	if (!get_password(app, options, password, sizeof(password)))
		return EXIT_FAILED;
	const enum err err = account_set_password(app, &user, str_of(password), "password", NULL, &why);
	if (err == OK) {
		(void)puts("The password is set; all sessions have ended; failed log-ins are forgotten.");
		if (options->generate_password)
			(void)printf("password: %s\n", password);
	}
	explicit_bzero(password, sizeof(password));
	explicit_bzero(&user, sizeof(user));
	return err == OK ? EXIT_OK : complain_err(app, err, &why);
}

static int
set_enabled(struct app *app, const char *who, bool enabled)
{
	struct user user;
	const int rc = find(app, who, &user);

	if (rc != EXIT_OK)
		return rc;
	explicit_bzero(user.password_hash, sizeof(user.password_hash));
	const enum err err = account_set_enabled(app, &user.id, enabled);
	if (err != OK)
		return complain_err(app, err, NULL);
	(void)printf(
		"%s is %s\n", user.email,
		enabled
			? "active; failed log-ins are forgotten, but not those of an address or of a browser that has signed in "
			  "before"
			: "disabled; all sessions have ended");
	return EXIT_OK;
}

int
command_user_disable(struct app *app, const struct options *options, char **operands)
{
	(void)options;
	return set_enabled(app, operands[0], false);
}

int
command_user_enable(struct app *app, const struct options *options, char **operands)
{
	(void)options;
	return set_enabled(app, operands[0], true);
}

int
command_user_delete(struct app *app, const struct options *options, char **operands)
{
	struct user user;
	char question[320];
	const int rc = find(app, operands[0], &user);

	if (rc != EXIT_OK)
		return rc;
	explicit_bzero(user.password_hash, sizeof(user.password_hash));
	(void)snprintf(question, sizeof(question), "Delete %s and all that is theirs?", user.email);
	if (!confirmed(options, question))
		return EXIT_FAILED;
	const enum err err = account_delete(app, &user, NULL);
	if (err != OK)
		return complain_err(app, err, NULL);
	(void)printf("%s is deleted\n", user.email);
	return EXIT_OK;
}
