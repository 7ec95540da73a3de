/* role.c: latchctl role ... */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "ctl/output.h"
#include "service/account.h"
#include "service/role.h"

enum { PAGE = 20 };

static const struct field role_fields[] = {
	SHOWN(struct role, name),       SHOWN_WORDS(struct role, , permissions), SHOWN(struct role, description),
	SHOWN(struct role, created_at), SHOWN(struct role, updated_at),
};
static const struct schema role_row = SCHEMA("Role", struct role, role_fields);

int
command_role_list(struct app *app, const struct options *options, char **operands)
{
	static struct role page[PAGE];
	struct output out = output_begin(options, &role_row);
	struct str after = { 0 };
	size_t n;

	(void)operands;
	if (!connected(app))
		return EXIT_AWAY;
	do {
		const enum err err = role_list(app, after, page, PAGE, &n);
		const int rc = err == OK ? output_rows(&out, page, n) : complain_err(app, err, NULL);
		if (rc != EXIT_OK)
			return rc;
		after = str_of(n > 0 ? page[n - 1].name : NULL);
	} while (n == PAGE);
	return EXIT_OK;
}

int
command_role_show(struct app *app, const struct options *options, char **operands)
{
	struct role role;
	struct reason why = { 0 };

	if (!connected(app))
		return EXIT_AWAY;
	const enum err err = role_find(app, str_of(operands[0]), &role, &why);
	return err == OK ? output_one(options, &role_row, &role) : complain_err(app, err, &why);
}

/* ---- Changing ----------------------------------------------------------------------------------------------------- */

/* What the API's field tables check of a request. */
static bool
valid(struct str name, const struct role_change *change, struct reason *why)
{
	const struct str text = change->description;

	if (!is_role_name(name))
		(void)reason_field(why, "name", "invalid", "must be 1 to 32 of a-z 0-9 . _ -, a letter or digit first");
	if (text.p != NULL && text.n > 0 && (!is_display_name(text) || utf8_length(text) > ROLE_DESCRIPTION_POINTS_MAX))
		(void)reason_field(why, "description", "invalid",
		                   "must be up to 200 characters of visible UTF-8 text without control characters");
	for (size_t i = 0; i < change->permissions.n; i++)
		if (!is_permission(change->permissions.p[i]))
			(void)reason_field(why, "permission", "invalid",
			                   "must be an area and an action, such as articles:write, of a-z 0-9 . _ - and colons");
	return why->n == 0;
}

typedef enum err write_fn(struct app *app, const struct uuid *by, struct str name, const struct role_change *change,
                          struct role *out, struct reason *why);

/* operands: the role, then permissions. */
static int
write_role(struct app *app, const struct options *options, char **operands, enum role_how how, write_fn *write)
{
	struct str words[ROLE_PERMISSIONS_MAX];
	struct role_change change = { .description = str_of(options->description),
		                          .permissions = { words, 0 },
		                          .how = how };
	struct reason why = { 0 };
	struct role role;

	for (size_t i = 1; operands[i] != NULL; i++) {
		if (change.permissions.n == ROLE_PERMISSIONS_MAX)
			return complain("more than 50 permissions at once");
		words[change.permissions.n++] = str_of(operands[i]);
	}
	if (!valid(str_of(operands[0]), &change, &why))
		return complain_err(app, ERR_FIELDS, &why);
	if (!connected(app))
		return EXIT_AWAY;
	const enum err err = write(app, NULL, str_of(operands[0]), &change, &role, &why);
	return err == OK ? output_one(options, &role_row, &role) : complain_err(app, err, &why);
}

int
command_role_create(struct app *app, const struct options *options, char **operands)
{
	return write_role(app, options, operands, ROLE_REPLACE, role_create);
}

/* Without a permission among its operands, so that it adds none. */
int
command_role_change(struct app *app, const struct options *options, char **operands)
{
	if (options->description == NULL) {
		(void)complain("say what to change: --description TEXT (permissions: role permit, role forbid)");
		return EXIT_USAGE;
	}
	return write_role(app, options, operands, ROLE_ADD, role_patch);
}

int
command_role_permit(struct app *app, const struct options *options, char **operands)
{
	return write_role(app, options, operands, ROLE_ADD, role_patch);
}

int
command_role_forbid(struct app *app, const struct options *options, char **operands)
{
	return write_role(app, options, operands, ROLE_TAKE, role_patch);
}

int
command_role_delete(struct app *app, const struct options *options, char **operands)
{
	char question[80];
	struct role role;
	struct reason why = { 0 };

	if (!connected(app))
		return EXIT_AWAY;
	enum err err = role_find(app, str_of(operands[0]), &role, &why);
	if (err != OK)
		return complain_err(app, err, &why);
	(void)snprintf(question, sizeof(question), "Delete the role %s?", role.name);
	if (!confirmed(options, question))
		return EXIT_FAILED;
	if (!connected(app))
		return EXIT_AWAY;
	err = role_remove(app, NULL, str_of(operands[0]), &why);
	if (err != OK)
		return complain_err(app, err, &why);
	(void)printf("%s is deleted\n", role.name);
	return EXIT_OK;
}

/* ---- Who has them ------------------------------------------------------------------------------------------------- */

typedef enum err change_fn(struct app *app, const struct uuid *by, const struct uuid *user, struct str name,
                           struct reason *why);

static int
change(struct app *app, char **operands, change_fn *how, const char *done)
{
	struct user user;
	struct reason why = { 0 };

	if (!connected(app))
		return EXIT_AWAY;
	enum err err = account_find(app, str_of(operands[0]), &user);
	explicit_bzero(user.password_hash, sizeof(user.password_hash));
	if (err == OK)
		err = how(app, NULL, &user.id, str_of(operands[1]), &why);
	if (err != OK)
		return complain_err(app, err, &why);
	(void)printf("%s %s %s\n", user.email, done, operands[1]);
	return EXIT_OK;
}

int
command_role_grant(struct app *app, const struct options *options, char **operands)
{
	(void)options;
	return change(app, operands, role_grant, "has the role");
}

int
command_role_revoke(struct app *app, const struct options *options, char **operands)
{
	(void)options;
	return change(app, operands, role_revoke, "does not have the role");
}
