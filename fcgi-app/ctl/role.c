/* role.c: latchctl role ... */
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"
#include "service/account.h"
#include "service/role.h"

enum { PAGE = 20 };

int
command_role_list(struct app *app, const struct options *options, char **operands)
{
	static struct role page[PAGE];
	struct str after = { 0 };
	size_t n;

	(void)options;
	(void)operands;
	if (!connected(app))
		return EXIT_AWAY;
	do {
		const enum err err = role_list(app, after, page, PAGE, &n);
		if (err != OK)
			return complain_err(app, err, NULL);
		for (size_t i = 0; i < n; i++)
			(void)printf("%-32s %s\n", page[i].name, page[i].permissions[0] != '\0' ? page[i].permissions : "-");
		after = str_of(n > 0 ? page[n - 1].name : NULL);
	} while (n == PAGE);
	return EXIT_OK;
}

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
