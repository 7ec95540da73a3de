/* user.c: latchctl user ... */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "ctl/output.h"
#include "db/roles.h"
#include "service/admin.h"
#include "service/user_list.h"

enum { PAGE = 100, LIST_ARENA = 1024 * 1024, GENERATED = 20 /* 120 bits */ };

/* Also anew, when a person has been waited for: the connection may be gone, and what was read, old. */
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

/* The password last: where none was made it is left out. */
struct added_user {
	struct uuid id;
	char email[255];
	char password[PASSWORD_BYTES_MAX + 2];
};
static const struct field added_fields[] = {
	SHOWN(struct added_user, id),
	SHOWN(struct added_user, email),
	SHOWN(struct added_user, password),
};
static const struct schema added_with_password = SCHEMA("Added", struct added_user, added_fields);
static const struct schema added_row = { "Added", sizeof(struct added_user), added_fields, COUNT(added_fields) - 1 };

/* What the API's field tables check of a request; absent: not to be checked. */
static void
check_names(struct str email, struct str username, struct str name, struct reason *why)
{
	if (email.p != NULL && !is_email(email))
		(void)reason_field(why, "email", "invalid", "must be an e-mail address, in ASCII");
	if (username.p != NULL && !is_username(username))
		(void)reason_field(why, "username", "invalid", "must be 3 to 32 of a-z A-Z 0-9 . _ -");
	if (name.p != NULL && (utf8_length(name) < 1 || utf8_length(name) > 200 || !is_display_name(name)))
		(void)reason_field(why, "name", "invalid",
		                   "must be 1 to 200 characters of visible UTF-8 text without control characters");
}

int
command_user_add(struct app *app, const struct options *options, char **operands)
{
	char password[PASSWORD_BYTES_MAX + 2];
	struct user user;
	struct reason why = { 0 };
	const struct str email = str_of(operands[0]), username = str_of(options->username), name = str_of(options->name);

	check_names(email, username, name, &why);
	if (why.n > 0)
		return complain_err(app, ERR_FIELDS, &why);
	if (!connected(app))
		return EXIT_AWAY;
	if (!get_password(app, options, password, sizeof(password)))
		return EXIT_FAILED;

	const struct registration in = { .email = email, .password = str_of(password), .username = username, .name = name };
	const enum err err = account_register(app, &in, NULL, &user, &why);
	int rc = EXIT_OK;
	if (err == OK) {
		struct added_user added = { .id = user.id };
		const struct schema *shown = options->generate_password ? &added_with_password : &added_row;
		(void)snprintf(added.email, sizeof(added.email), "%s", user.email);
		(void)snprintf(added.password, sizeof(added.password), "%s", options->generate_password ? password : "");
		rc = output_one(options, shown, &added);
		explicit_bzero(&added, sizeof(added));
	}
	explicit_bzero(password, sizeof(password));
	explicit_bzero(&user, sizeof(user));
	return err == OK ? rc : complain_err(app, err, &why);
}

/* ---- user change --------------------------------------------------------------------------------------------------- */

/* Of an option that was given empty: null, which clears. */
static struct maybe_str
maybe(const char *given)
{
	if (given == NULL)
		return (struct maybe_str){ .state = MAYBE_ABSENT };
	return (struct maybe_str){ given[0] == '\0' ? MAYBE_NULL : MAYBE_SET, str_of(given[0] != '\0' ? given : NULL) };
}

static bool
read_change(const struct options *options, struct account_change *out, struct reason *why)
{
	const struct str verified = str_of(options->verified);

	*out = (struct account_change){
		.email = str_of(options->email),
		.profile = { maybe(options->username), maybe(options->name), maybe(options->phone) },
	};
	check_names(out->email, out->profile.username.value, out->profile.name.value, why);
	if (out->profile.phone_number.value.p != NULL && !is_phone_number(out->profile.phone_number.value))
		(void)reason_field(why, "phone", "invalid", "must be an E.164 number such as +442071234567");
	if (verified.p != NULL && !str_eq(verified, STR("yes")) && !str_eq(verified, STR("no")))
		(void)reason_field(why, "verified", "invalid", "must be yes or no");
	if (verified.p != NULL)
		out->email_verified.state = str_eq(verified, STR("yes")) ? BOOL_TRUE : BOOL_FALSE;
	return why->n == 0;
}

int
command_user_change(struct app *app, const struct options *options, char **operands)
{
	struct account_change change;
	struct reason why = { 0 };
	struct user user;

	if (!read_change(options, &change, &why))
		return complain_err(app, ERR_FIELDS, &why);
	const int rc = find(app, operands[0], &user);
	if (rc != EXIT_OK)
		return rc;
	if (options->email == NULL && options->verified == NULL && options->username == NULL && options->name == NULL
	    && options->phone == NULL) {
		(void)complain("nothing to change: give --email, --verified, --username, --name or --phone");
		return EXIT_USAGE;
	}
	struct uuid id = user.id;
	char *changed[] = { id.text, NULL };
	const enum err err = admin_change(app, NULL, &id, &change, &user, &why);
	explicit_bzero(user.password_hash, sizeof(user.password_hash));
	return err == OK ? command_user_show(app, options, changed) : complain_err(app, err, &why);
}

/* ---- user show, user list ----------------------------------------------------------------------------------------- */

struct shown_user {
	struct user user;
	struct holder holder;
	uint32_t failed_logins;
	struct str slowed_until;
};
static const struct field shown_fields[] = {
	SHOWN_IN(struct shown_user, user., id),
	SHOWN_IN(struct shown_user, user., email),
	SHOWN_IN(struct shown_user, user., email_verified),
	SHOWN_IN(struct shown_user, user., username),
	SHOWN_IN(struct shown_user, user., name),
	SHOWN_IN(struct shown_user, user., phone_number),
	SHOWN_IN(struct shown_user, user., status),
	SHOWN_WORDS(struct shown_user, user., roles),
	SHOWN_WORDS(struct shown_user, holder., permissions),
	SHOWN_IN(struct shown_user, user., created_at),
	SHOWN_IN(struct shown_user, user., updated_at),
	SHOWN_IN(struct shown_user, user., last_login_at),
	SHOWN(struct shown_user, failed_logins),
	SHOWN(struct shown_user, slowed_until),
};
static const struct schema shown_row = SCHEMA("User", struct shown_user, shown_fields);

int
command_user_show(struct app *app, const struct options *options, char **operands)
{
	struct shown_user shown = { 0 };
	struct account_throttle throttle;
	char until[TIMESTAMP_SIZE];
	const int rc = find(app, operands[0], &shown.user);

	if (rc != EXIT_OK)
		return rc;
	explicit_bzero(shown.user.password_hash, sizeof(shown.user.password_hash));
	enum err err = roles_holder(app->db, &shown.user.id, &shown.holder);
	if (err == OK)
		err = throttle_of_account(app, &shown.user.id, &throttle);
	if (err != OK)
		return complain_err(app, err, NULL);
	/* Until when wrong passwords keep a log-in of an unknown device out. */
	shown.failed_logins = throttle.failures;
	if (throttle.wait_ms > 0) {
		timestamp_format(throttle.retry_at, until);
		shown.slowed_until = str_of(until);
	}
	if (throttle.ended)
		shown.slowed_until = STR("a device signs in that did before, a new password, or latchctl user enable");
	return output_one(options, &shown_row, &shown);
}

static const struct field listed_fields[] = {
	SHOWN(struct user, id),         SHOWN(struct user, status),        SHOWN(struct user, email),
	SHOWN(struct user, username),   SHOWN(struct user, name),          SHOWN_WORDS(struct user, , roles),
	SHOWN(struct user, created_at), SHOWN(struct user, last_login_at),
};
static const struct schema listed_row = SCHEMA("User", struct user, listed_fields);

static bool
valid_filter(const struct user_filter *filter, struct reason *why)
{
	const struct str query = filter->query, status = filter->status, role = filter->role;

	if (query.p != NULL
	    && (utf8_length(query) < 1 || utf8_length(query) > USER_QUERY_POINTS_MAX || !is_display_name(query)))
		(void)reason_field(why, "--query", "invalid", "takes 1 to 254 characters of visible UTF-8 text");
	if (status.p != NULL && !rule_status.valid(status))
		(void)reason_field(why, "--status", "invalid", rule_status.must);
	if (role.p != NULL && !is_role_name(role))
		(void)reason_field(why, "--role", "invalid", "takes the name of a role");
	return why->n == 0;
}

/* Page by page, each in its own time: a page may be empty, and not be the last. */
static int
list_some(struct app *app, const struct user_filter *filter, struct output *out)
{
	struct arena arena;
	struct user_page page;
	struct reason why = { 0 };
	char cursor[USER_CURSOR_MAX + 1] = "";
	int rc = EXIT_OK;

	if (!arena_open(&arena, LIST_ARENA))
		return complain("out of memory");
	do {
		const struct str from = cursor[0] != '\0' ? str_of(cursor) : (struct str){ 0 };
		enum err err = ERR_INTERNAL;
		if (!connected(app)) {
			rc = EXIT_AWAY;
			break;
		}
		err = user_list(app, filter, from, PAGE, &arena, &page, &why);
		if (err == OK && !str_copy(cursor, sizeof(cursor), page.next_cursor))
			err = ERR_INTERNAL;
		rc = err == OK ? output_rows(out, page.users, page.n) : complain_err(app, err, &why);
		arena_reset(&arena);
	} while (rc == EXIT_OK && cursor[0] != '\0');
	arena_close(&arena);
	return rc;
}

int
command_user_list(struct app *app, const struct options *options, char **operands)
{
	static struct user page[PAGE];
	const struct user_filter filter = { str_of(options->query), str_of(options->status), str_of(options->role) };
	struct output out = output_begin(options, &listed_row);
	struct reason why = { 0 };
	struct str after = { 0 };
	size_t n;
	int rc = EXIT_OK;

	(void)operands;
	if (!valid_filter(&filter, &why))
		return complain_err(app, ERR_FIELDS, &why);
	if (options->query != NULL || options->status != NULL || options->role != NULL)
		return list_some(app, &filter, &out);
	if (!connected(app))
		return EXIT_AWAY;
	do {
		const enum err err = account_list(app, after, page, PAGE, &n);
		rc = err == OK ? output_rows(&out, page, n) : complain_err(app, err, NULL);
		after = str_of(n > 0 ? page[n - 1].id.text : NULL);
	} while (rc == EXIT_OK && n == PAGE);
	explicit_bzero(page, sizeof(page));
	return rc;
}

/* ---- Changing ----------------------------------------------------------------------------------------------------- */

int
command_user_set_password(struct app *app, const struct options *options, char **operands)
{
	char password[PASSWORD_BYTES_MAX + 2];
	struct user user;
	struct reason why = { 0 };
	struct uuid id;
	int rc = find(app, operands[0], &user);

	if (rc != EXIT_OK)
		return rc;
	id = user.id;
	explicit_bzero(user.password_hash, sizeof(user.password_hash));
	if (!get_password(app, options, password, sizeof(password)))
		return EXIT_FAILED;
	rc = find(app, id.text, &user);
	if (rc != EXIT_OK) {
		explicit_bzero(password, sizeof(password));
		return rc;
	}
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
	const bool no_password = user.password_hash[0] == '\0';
	explicit_bzero(user.password_hash, sizeof(user.password_hash));
	if (enabled && no_password && strcmp(user.status, "disabled") != 0)
		return complain(
			"this account has no password yet: latchctl user set-password gives it one, and makes it active");
	const enum err err = account_set_enabled(app, &user.id, enabled);
	if (err != OK)
		return complain_err(app, err, NULL);
	(void)printf(
		"%s is %s\n", user.email,
		enabled && no_password
			? "disabled no more, but has no password yet: latchctl user set-password gives it one, and makes it active"
		: enabled
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
	struct uuid id;
	char question[320];
	int rc = find(app, operands[0], &user);

	if (rc != EXIT_OK)
		return rc;
	explicit_bzero(user.password_hash, sizeof(user.password_hash));
	id = user.id;
	(void)snprintf(question, sizeof(question), "Delete %s and all that is theirs?", user.email);
	if (!confirmed(options, question))
		return EXIT_FAILED;
	rc = find(app, id.text, &user);
	if (rc != EXIT_OK)
		return rc;
	explicit_bzero(user.password_hash, sizeof(user.password_hash));
	const enum err err = account_delete(app, &user, NULL);
	if (err != OK)
		return complain_err(app, err, NULL);
	(void)printf("%s is deleted\n", user.email);
	return EXIT_OK;
}
