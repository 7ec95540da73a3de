/*
 * command.h: one latchctl command, and what it is given. The table is in ctl.c.
 *
 * A command writes its result to standard output, its complaints to standard error, and returns the exit status.
 */
#ifndef LATCH_CTL_COMMAND_H
#define LATCH_CTL_COMMAND_H

#include "service/app.h"

/* Failed: nothing more is to be had from trying again. Missing: there is no such user, role, key or session. Away: the
 * database is not to be had, or did not do it; another time it may. Refused: done, but for some of what was asked for. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_MISSING = 3, EXIT_AWAY = 4, EXIT_REFUSED = 5 };

/* An option that may come several times, and whose place among the others counts. */
struct given {
	const char *name, *value;
};

enum { GIVEN_MAX = 64 };

/* The values of the options that were given: false and NULL where one was not. */
struct options {
	const char *actor, *authorizer, *ca, *description, *email, *event, *format, *guard, *head, *login, *name, *pages,
		*phone, *prefix, *query, *role, *since, *socket, *status, *subject, *until, *url, *username, *verified;
	bool all, allow_roles, dry_run, follow, generate_password, if_missing, json, now, yes;
	struct given given[GIVEN_MAX]; /* those that are not members of their own, in order */
	size_t given_n;                /* beyond GIVEN_MAX: there were more */
};

/* An option that commands name in their rows. */
struct command_option {
	const char *name;  /* without its dashes */
	const char *value; /* what it takes, for the help; NULL: nothing */
	size_t
		at; /* in struct options: of a const char * where it takes a value, else of a bool; AT_GIVEN: among the given */
	const char *help;
};

enum { COMMAND_OPTIONS_MAX = 8, AT_GIVEN = 0xffff };

/* What has to be there before a command runs: the configuration and what it names; that and the password of the database's
 * owner; nothing, and its app is NULL; the same as the first, but nothing where --url is given and no configuration. */
enum needs { NEEDS_SERVICE, NEEDS_OWNER, NEEDS_NOTHING, NEEDS_NOTHING_FOR_URL };

struct command {
	const char *name;     /* one or two words: "user add" */
	const char *operands; /* what follows them, a word each: "WHO [SESSION...]"; "": nothing */
	const char *help;
	const struct command_option *options[COMMAND_OPTIONS_MAX + 1];               /* those that it takes, and NULL */
	int (*run)(struct app *app, const struct options *options, char **operands); /* operands end with NULL */
	enum needs needs;
};

/* The table: parsing, help, completion and a rule about latchctl(1) come from it. */
extern const struct command commands[];
extern const size_t commands_n;
/* The options that have a letter, too, at it. */
extern const struct command_option *const command_letters[128];

/* The command whose words stand at the beginning of these; *words_out says how many it has. NULL: there is none. */
const struct command *command_find(char *const *words, int *words_out);
/* ctl/help.c: what latchctl --help prints; a command and its options; how a command is called, in a line; the lines of all
 * commands that begin with this word, false where there is none. */
void help_all(FILE *out);
void help_command(FILE *out, const struct command *command);
void help_usage(FILE *out, const struct command *command);
bool help_group(FILE *out, const char *word);

/* Says on standard error what went wrong, in words that fit the error, and returns the exit status that does. */
int complain_err(const struct app *app, enum err err, const struct reason *why);
/* Returns EXIT_FAILED. */
int complain(const char *sentence);
/* The same about a text that is somebody else's, cut short, with a question mark for each byte of what is not to be shown. */
int complain_of(const char *what, struct str text);

/* A service call needs a connection; false, with a complaint, when there is none: EXIT_AWAY. */
bool connected(struct app *app) MUST_USE;
/* The same without the audit's secret, which may not open yet. */
bool reached(struct app *app) MUST_USE;

/* From a terminal, asked twice without echo; else the first line of standard input. False, with a complaint, when there
 * is none. Wipe it after use. */
bool read_password(char *password, size_t size) MUST_USE;
/* The same of a password that there is already: asked once. */
bool read_known_password(char *password, size_t size) MUST_USE;
/* `length` random characters of base64url, 6 bits each, and a NUL; at most 64. */
void generate_password(char *password, size_t length);
/* Asks on a terminal; elsewhere only --yes is an answer. */
bool confirmed(const struct options *options, const char *question) MUST_USE;

int command_help(struct app *app, const struct options *options, char **operands);
int command_completion(struct app *app, const struct options *options, char **operands);
int command_migrate(struct app *app, const struct options *options, char **operands);
int command_doctor(struct app *app, const struct options *options, char **operands);
int command_audit_events(struct app *app, const struct options *options, char **operands);
int command_audit_list(struct app *app, const struct options *options, char **operands);
int command_audit_tail(struct app *app, const struct options *options, char **operands);
int command_audit_verify(struct app *app, const struct options *options, char **operands);
int command_gc(struct app *app, const struct options *options, char **operands);
int command_keys_list(struct app *app, const struct options *options, char **operands);
int command_keys_create(struct app *app, const struct options *options, char **operands);
int command_keys_rotate(struct app *app, const struct options *options, char **operands);
int command_keys_retire(struct app *app, const struct options *options, char **operands);
int command_keys_reseal(struct app *app, const struct options *options, char **operands);
int command_role_list(struct app *app, const struct options *options, char **operands);
int command_role_show(struct app *app, const struct options *options, char **operands);
int command_role_create(struct app *app, const struct options *options, char **operands);
int command_role_change(struct app *app, const struct options *options, char **operands);
int command_role_permit(struct app *app, const struct options *options, char **operands);
int command_role_forbid(struct app *app, const struct options *options, char **operands);
int command_role_delete(struct app *app, const struct options *options, char **operands);
int command_role_grant(struct app *app, const struct options *options, char **operands);
int command_role_revoke(struct app *app, const struct options *options, char **operands);
int command_rules_check(struct app *app, const struct options *options, char **operands);
int command_rules_test(struct app *app, const struct options *options, char **operands);
int command_session_list(struct app *app, const struct options *options, char **operands);
int command_session_end(struct app *app, const struct options *options, char **operands);
int command_user_add(struct app *app, const struct options *options, char **operands);
int command_user_change(struct app *app, const struct options *options, char **operands);
int command_user_show(struct app *app, const struct options *options, char **operands);
int command_user_list(struct app *app, const struct options *options, char **operands);
int command_user_set_password(struct app *app, const struct options *options, char **operands);
int command_user_disable(struct app *app, const struct options *options, char **operands);
int command_user_enable(struct app *app, const struct options *options, char **operands);
int command_user_import(struct app *app, const struct options *options, char **operands);
int command_webserver(struct app *app, const struct options *options, char **operands);
int command_user_export(struct app *app, const struct options *options, char **operands);
int command_user_delete(struct app *app, const struct options *options, char **operands);

#endif
