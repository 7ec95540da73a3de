/*
 * command.h: one latchctl command, and what it is given. The table is in ctl.c.
 *
 * A command writes its result to standard output, its complaints to standard error, and returns the exit status.
 */
#ifndef LATCH_CTL_COMMAND_H
#define LATCH_CTL_COMMAND_H

#include "service/app.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* The options that any command may name in its row. */
struct options {
	const char *username, *name;
	bool generate_password, if_missing, now, yes;
};

struct command {
	const char *name;      /* "user add" */
	const char *arguments; /* for the help: "EMAIL [--username USERNAME]" */
	const char *help;
	int operands;        /* how many it takes */
	const char *options; /* the letters it takes of ctl.c's options */
	int (*run)(struct app *app, const struct options *options, char **operands);
	bool as_owner; /* needs the password of the database's owner */
};

/* Says on standard error what went wrong, in words that fit the error, and returns EXIT_FAILED. */
int complain_err(const struct app *app, enum err err, const struct reason *why);
int complain(const char *sentence);

/* A service call needs a connection; false, with a complaint, when there is none. */
bool connected(struct app *app) MUST_USE;

/* From a terminal, asked twice without echo; else the first line of standard input. False, with a complaint, when there
 * is none. Wipe it after use. */
bool read_password(char *password, size_t size) MUST_USE;
/* `length` random characters of base64url, 6 bits each, and a NUL; at most 64. */
void generate_password(char *password, size_t length);
/* Asks on a terminal; elsewhere only --yes is an answer. */
bool confirmed(const struct options *options, const char *question) MUST_USE;

int command_migrate(struct app *app, const struct options *options, char **operands);
int command_doctor(struct app *app, const struct options *options, char **operands);
int command_gc(struct app *app, const struct options *options, char **operands);
int command_keys_list(struct app *app, const struct options *options, char **operands);
int command_keys_create(struct app *app, const struct options *options, char **operands);
int command_keys_rotate(struct app *app, const struct options *options, char **operands);
int command_keys_retire(struct app *app, const struct options *options, char **operands);
int command_role_list(struct app *app, const struct options *options, char **operands);
int command_role_grant(struct app *app, const struct options *options, char **operands);
int command_role_revoke(struct app *app, const struct options *options, char **operands);
int command_user_add(struct app *app, const struct options *options, char **operands);
int command_user_show(struct app *app, const struct options *options, char **operands);
int command_user_list(struct app *app, const struct options *options, char **operands);
int command_user_set_password(struct app *app, const struct options *options, char **operands);
int command_user_disable(struct app *app, const struct options *options, char **operands);
int command_user_enable(struct app *app, const struct options *options, char **operands);
int command_user_delete(struct app *app, const struct options *options, char **operands);

#endif
