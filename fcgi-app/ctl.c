/* ctl.c: latchctl: a table of commands, and what reads a command line by it. See latchctl(1). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/process.h"
#include "ctl/command.h"
#include "ctl/line.h"
#include "http/json.h"

/* ---- The options -------------------------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct options, member)

/* clang-format off */
static const struct command_option
	opt_all = { "all", NULL, AT(all), "all that there are" },
	opt_allow_roles = { "allow-roles", NULL, AT(allow_roles), "take lines that give roles with built-in permissions, such as admin" },
	opt_authorizer = { "authorizer", "ADDRESS", AT(authorizer), "HOST:PORT of the pool that answers Apache's guard" },
	opt_ca = { "ca", "FILE", AT(ca), "with --url: the CA certificates (PEM) to trust, in the place of the system's" },
	opt_description = { "description", "TEXT", AT(description), "what the role is for" },
	opt_actor = { "actor", "WHO", AT(actor), "what this user did" },
	opt_event = { "event", "EVENT", AT(event), "one of latchctl audit events" },
	opt_since = { "since", "TIME", AT(since), "from then on: 2026-01-31T12:00:00Z" },
	opt_subject = { "subject", "WHO", AT(subject), "what was done to this user" },
	opt_until = { "until", "TIME", AT(until), "before then" },
	opt_email = { "email", "EMAIL", AT(email), "another e-mail address, not verified unless --verified says so" },
	opt_new_name = { "name", "NAME", AT(name), "what the user is called; \"\": nothing" },
	opt_new_username = { "username", "USERNAME", AT(username), "another user name; \"\": none" },
	opt_phone = { "phone", "NUMBER", AT(phone), "a telephone number such as +442071234567; \"\": none" },
	opt_verified = { "verified", "YES", AT(verified), "yes or no: whether the e-mail address is known to be theirs" },
	opt_dry_run = { "dry-run", NULL, AT(dry_run), "say what would be done, and do nothing" },
	opt_fastcgi = { "fastcgi", "ADDRESS", AT_GIVEN, "of a guard: what runs programs there, unix:/path or HOST:PORT" },
	opt_follow = { "follow", NULL, AT(follow), "go on with those that come, until it is interrupted; also -f" },
	opt_format = { "format", "FORMAT", AT(format), "jsonl or csv" },
	opt_generate_password = { "generate-password", NULL, AT(generate_password), "make a password, and print it" },
	opt_guard = { "guard", "PAGE", AT(guard), "with --url: a page that latch guards, an address or a path on that host" },
	opt_guard_path = { "guard", "PATH", AT_GIVEN, "let nobody unasked to this path and what is below it; may come again" },
	opt_head = { "head", "HEX", AT(head), "compare with a head that was kept" },
	opt_if_missing = { "if-missing", NULL, AT(if_missing), "do nothing where there is one already" },
	opt_json = { "json", NULL, AT(json), "print a JSON object a line" },
	opt_login = { "login", "WHO", AT(login), "with --url: sign in as this user for what needs an account" },
	opt_name = { "name", "NAME", AT(name), "what the user is called" },
	opt_now = { "now", NULL, AT(now), "let it sign in three seconds, whatever others have cached" },
	opt_pages = { "pages", "DIR", AT(pages), "where docs/ and sign-in/ lie" },
	opt_prefix = { "prefix", "PATH", AT(prefix), "where latch is mounted; else public_url's path" },
	opt_proxy = { "proxy", "URL", AT_GIVEN, "of a guard: the application behind it, http://HOST:PORT" },
	opt_require = { "require", "REQUIREMENT", AT_GIVEN, "of a guard: what it takes, such as user or role:editor" },
	opt_socket = { "socket", "PATH", AT(socket), "where the pool listens" },
	opt_url = { "url", "URL", AT(url), "ask the site at this address, from outside, instead of the installation" },
	opt_query = { "query", "TEXT", AT(query), "those whose e-mail address, user name or name begins with it" },
	opt_role = { "role", "ROLE", AT(role), "those who have it" },
	opt_status = { "status", "STATUS", AT(status), "active, disabled or pending" },
	opt_username = { "username", "USERNAME", AT(username), "a name to log in with, besides the e-mail address" },
	opt_yes = { "yes", NULL, AT(yes), "do not ask" };
/* clang-format on */

const struct command_option *const command_letters[128] = { ['f'] = &opt_follow };

/* ---- The commands ------------------------------------------------------------------------------------------------- */

const struct command commands[] = {
	{ .name = "migrate",
	  .operands = "",
	  .help = "bring the database's schema up to this program's",
	  .run = command_migrate,
	  .needs = NEEDS_OWNER },
	{ .name = "doctor",
	  .operands = "",
	  .options = { &opt_url, &opt_guard, &opt_login, &opt_ca, &opt_json },
	  .help = "say what is wrong with this installation, or with a running site, and the mend",
	  .run = command_doctor,
	  .needs = NEEDS_NOTHING_FOR_URL },
	{ .name = "gc",
	  .operands = "",
	  .options = { &opt_json },
	  .help = "remove old rows, such as those of sessions that ended",
	  .run = command_gc },
	{ .name = "audit events",
	  .operands = "",
	  .help = "print the table of the events that are written down, as Markdown",
	  .run = command_audit_events,
	  .needs = NEEDS_NOTHING },
	{ .name = "audit list",
	  .operands = "",
	  .options = { &opt_actor, &opt_subject, &opt_event, &opt_since, &opt_until, &opt_json },
	  .help = "print lines of the audit, the newest first",
	  .run = command_audit_list },
	{ .name = "audit tail",
	  .operands = "",
	  .options = { &opt_follow, &opt_json },
	  .help = "print the audit's last lines, and those that come",
	  .run = command_audit_tail },
	{ .name = "audit verify",
	  .operands = "",
	  .options = { &opt_head },
	  .help = "say whether a line of the audit was altered, removed or inserted",
	  .run = command_audit_verify },
	{ .name = "keys list",
	  .operands = "",
	  .options = { &opt_json },
	  .help = "list the signing keys",
	  .run = command_keys_list },
	{ .name = "keys create",
	  .operands = "",
	  .options = { &opt_if_missing },
	  .help = "make the first signing key",
	  .run = command_keys_create },
	{ .name = "keys rotate",
	  .operands = "",
	  .options = { &opt_now },
	  .help = "make the next signing key; it signs once caches know it",
	  .run = command_keys_rotate },
	{ .name = "keys retire",
	  .operands = "KID",
	  .options = { &opt_yes },
	  .help = "refuse all tokens of a key",
	  .run = command_keys_retire },
	{ .name = "keys reseal",
	  .operands = "FILE",
	  .help = "seal the signing keys, which that old key file opens, under the new one",
	  .run = command_keys_reseal },
	{ .name = "role list",
	  .operands = "",
	  .options = { &opt_json },
	  .help = "list the roles and what they permit",
	  .run = command_role_list },
	{ .name = "role show",
	  .operands = "ROLE",
	  .options = { &opt_json },
	  .help = "show a role",
	  .run = command_role_show },
	{ .name = "role create",
	  .operands = "ROLE [PERMISSION...]",
	  .options = { &opt_description, &opt_json },
	  .help = "make a role that permits this",
	  .run = command_role_create },
	{ .name = "role change",
	  .operands = "ROLE",
	  .options = { &opt_description, &opt_json },
	  .help = "describe a role otherwise",
	  .run = command_role_change },
	{ .name = "role permit",
	  .operands = "ROLE PERMISSION...",
	  .options = { &opt_json },
	  .help = "let a role permit more",
	  .run = command_role_permit },
	{ .name = "role forbid",
	  .operands = "ROLE PERMISSION...",
	  .options = { &opt_json },
	  .help = "let a role permit less",
	  .run = command_role_forbid },
	{ .name = "role delete",
	  .operands = "ROLE",
	  .options = { &opt_yes },
	  .help = "remove a role that nobody has",
	  .run = command_role_delete },
	{ .name = "role grant", .operands = "WHO ROLE", .help = "give a user a role", .run = command_role_grant },
	{ .name = "role revoke", .operands = "WHO ROLE", .help = "take a role from a user", .run = command_role_revoke },
	{ .name = "rules check",
	  .operands = "[FILE]",
	  .options = { &opt_json },
	  .help = "say whether the rules of guarded pages are right, and list them",
	  .run = command_rules_check },
	{ .name = "rules test",
	  .operands = "METHOD PATH WHO",
	  .help = "say whether somebody (-: who is not signed in) gets a page, and why",
	  .run = command_rules_test },
	{ .name = "session list",
	  .operands = "WHO",
	  .options = { &opt_json },
	  .help = "list where a user is signed in",
	  .run = command_session_list },
	{ .name = "session end",
	  .operands = "WHO [SESSION...]",
	  .options = { &opt_all },
	  .help = "sign a user out there, or everywhere",
	  .run = command_session_end },
	{ .name = "user add",
	  .operands = "EMAIL",
	  .options = { &opt_username, &opt_name, &opt_generate_password, &opt_json },
	  .help = "add a user",
	  .run = command_user_add },
	{ .name = "user show",
	  .operands = "WHO",
	  .options = { &opt_json },
	  .help = "show a user",
	  .run = command_user_show },
	{ .name = "user list",
	  .operands = "",
	  .options = { &opt_query, &opt_status, &opt_role, &opt_json },
	  .help = "list users",
	  .run = command_user_list },
	{ .name = "user change",
	  .operands = "WHO",
	  .options = { &opt_email, &opt_verified, &opt_new_username, &opt_new_name, &opt_phone, &opt_json },
	  .help = "change a user's addresses and names",
	  .run = command_user_change },
	{ .name = "user set-password",
	  .operands = "WHO",
	  .options = { &opt_generate_password },
	  .help = "set a password, and end all sessions",
	  .run = command_user_set_password },
	{ .name = "user disable",
	  .operands = "WHO",
	  .help = "let a user in no more, and end all sessions",
	  .run = command_user_disable },
	{ .name = "user enable", .operands = "WHO", .help = "let a user in again", .run = command_user_enable },
	{ .name = "user delete",
	  .operands = "WHO",
	  .options = { &opt_yes },
	  .help = "remove a user and all that is theirs",
	  .run = command_user_delete },
	{ .name = "user import",
	  .operands = "FILE",
	  .options = { &opt_format, &opt_dry_run, &opt_allow_roles },
	  .help = "add the users of a file, with the password hashes that they have elsewhere",
	  .run = command_user_import },
	{ .name = "user export",
	  .operands = "",
	  .options = { &opt_format, &opt_yes },
	  .help = "write all users to standard output, as user import takes them",
	  .run = command_user_export },
	{ .name = "webserver",
	  .operands = "SERVER",
	  .options = { &opt_prefix, &opt_guard_path, &opt_require, &opt_proxy, &opt_fastcgi, &opt_socket, &opt_pages,
	               &opt_authorizer },
	  .help = "print the configuration for lighttpd, nginx or apache that mounts latch and guards pages",
	  .run = command_webserver },
	{ .name = "help",
	  .operands = "[COMMAND...]",
	  .help = "print how a command is called",
	  .run = command_help,
	  .needs = NEEDS_NOTHING },
	{ .name = "completion",
	  .operands = "",
	  .help = "print what completes these commands in bash",
	  .run = command_completion,
	  .needs = NEEDS_NOTHING },
};
const size_t commands_n = COUNT(commands);

/* ---- The command line --------------------------------------------------------------------------------------------- */

/* A site is asked for, and there is nothing to be read here: nobody named a configuration, and the usual place has none. */
static bool
elsewhere(const struct line *line)
{
	return line->options.url != NULL && line->config == NULL && getenv("LATCH_CONFIG") == NULL
	    && access(config_path(NULL), R_OK) != 0;
}

static int
run(const struct command *command, const struct line *line, char **operands)
{
	const enum app_role role = command->needs == NEEDS_OWNER ? APP_OWNER : APP_COMMAND;
	struct app app;
	int rc = EXIT_FAILED;

	if (command->needs == NEEDS_NOTHING || (command->needs == NEEDS_NOTHING_FOR_URL && elsewhere(line)))
		return command->run(NULL, &line->options, operands);
	if (app_open(&app, config_path(line->config), environ, role, stderr))
		rc = command->run(&app, &line->options, operands);
	app_close(&app);
	return rc;
}

static int
run_command(const struct command *command, int argc, char **argv, struct line *line)
{
	if (!line_read_own(command, argc, argv, line)) {
		help_usage(stderr, command);
		return EXIT_USAGE;
	}
	if (line->help) {
		help_command(stdout, command);
		return EXIT_OK;
	}
	if (!line_takes(command, argc - optind)) {
		help_usage(stderr, command);
		return EXIT_USAGE;
	}
	return run(command, line, argv + optind);
}

/* The complaint last, where it is seen; all commands there are only for who asked for none. */
static int
no_command(char *const *words)
{
	if (words[0] == NULL)
		help_all(stderr);
	else if (!help_group(stderr, words[0]))
		(void)fprintf(stderr, "latchctl: unknown command: %s; latchctl help lists them all\n", words[0]);
	else if (words[1] == NULL)
		(void)fprintf(stderr, "\nlatchctl: %s is followed by one of these words\n", words[0]);
	else
		(void)fprintf(stderr, "\nlatchctl: unknown command: %s %s\n", words[0], words[1]);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct line line = { 0 };
	int words = 0;

	process_harden();
	json_init();
	if (!line_read_general(argc, argv, &line)) {
		(void)fputs("latchctl --help names the commands\n", stderr);
		return EXIT_USAGE;
	}
	if (line.version) {
		(void)puts("latchctl " LATCH_VERSION);
		return EXIT_OK;
	}
	if (line.help) {
		help_all(stdout);
		return EXIT_OK;
	}
	const struct command *command = command_find(argv + optind, &words);
	if (command == NULL)
		return no_command(argv + optind);
	/* getopt takes the word before the first one that it looks at for the program's name. */
	char **rest = argv + optind + words - 1;
	argc -= optind + words - 1;
	rest[0] = argv[0];
	return run_command(command, argc, rest, &line);
}
