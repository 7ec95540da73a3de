/* ctl.c: latchctl: a table of commands. See latchctl(1). */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/process.h"
#include "ctl/command.h"

static const struct command commands[] = {
	{ .name = "migrate",
	  .arguments = "",
	  .help = "bring the database's schema up to this program's",
	  .operands = 0,
	  .options = "",
	  .run = command_migrate,
	  .as_owner = true },
	{ .name = "doctor",
	  .arguments = "",
	  .help = "say what is wrong with this installation, and the mend",
	  .operands = 0,
	  .options = "",
	  .run = command_doctor },
	{ .name = "gc",
	  .arguments = "",
	  .help = "remove old rows, such as those of sessions that ended",
	  .operands = 0,
	  .options = "",
	  .run = command_gc },
	{ .name = "keys list",
	  .arguments = "",
	  .help = "list the signing keys",
	  .operands = 0,
	  .options = "",
	  .run = command_keys_list },
	{ .name = "keys create",
	  .arguments = "[--if-missing]",
	  .help = "make the first signing key",
	  .operands = 0,
	  .options = "m",
	  .run = command_keys_create },
	{ .name = "keys rotate",
	  .arguments = "[--now]",
	  .help = "make the next signing key; it signs once caches know it",
	  .operands = 0,
	  .options = "w",
	  .run = command_keys_rotate },
	{ .name = "keys retire",
	  .arguments = "KID",
	  .help = "refuse all tokens of a key",
	  .operands = 1,
	  .options = "",
	  .run = command_keys_retire },
	{ .name = "role list",
	  .arguments = "",
	  .help = "list the roles and what they permit",
	  .operands = 0,
	  .options = "",
	  .run = command_role_list },
	{ .name = "role grant",
	  .arguments = "WHO ROLE",
	  .help = "give a user a role",
	  .operands = 2,
	  .options = "",
	  .run = command_role_grant },
	{ .name = "role revoke",
	  .arguments = "WHO ROLE",
	  .help = "take a role from a user",
	  .operands = 2,
	  .options = "",
	  .run = command_role_revoke },
	{ .name = "user add",
	  .arguments = "EMAIL [--username USERNAME] [--name NAME] [--generate-password]",
	  .help = "add a user",
	  .operands = 1,
	  .options = "ung",
	  .run = command_user_add },
	{ .name = "user show",
	  .arguments = "WHO",
	  .help = "show a user",
	  .operands = 1,
	  .options = "",
	  .run = command_user_show },
	{ .name = "user list",
	  .arguments = "",
	  .help = "list all users",
	  .operands = 0,
	  .options = "",
	  .run = command_user_list },
	{ .name = "user set-password",
	  .arguments = "WHO [--generate-password]",
	  .help = "set a password, and end all sessions",
	  .operands = 1,
	  .options = "g",
	  .run = command_user_set_password },
	{ .name = "user disable",
	  .arguments = "WHO",
	  .help = "let a user in no more, and end all sessions",
	  .operands = 1,
	  .options = "",
	  .run = command_user_disable },
	{ .name = "user enable",
	  .arguments = "WHO",
	  .help = "let a user in again",
	  .operands = 1,
	  .options = "",
	  .run = command_user_enable },
	{ .name = "user delete",
	  .arguments = "WHO [--yes]",
	  .help = "remove a user and all that is theirs",
	  .operands = 1,
	  .options = "y",
	  .run = command_user_delete },
};

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "generate-password", no_argument, NULL, 'g' },
	{ "help", no_argument, NULL, 'h' },
	{ "if-missing", no_argument, NULL, 'm' },
	{ "name", required_argument, NULL, 'n' },
	{ "now", no_argument, NULL, 'w' },
	{ "username", required_argument, NULL, 'u' },
	{ "version", no_argument, NULL, 'V' },
	{ "yes", no_argument, NULL, 'y' },
	{ NULL, 0, NULL, 0 },
};

static int
print_help(FILE *out)
{
	(void)fputs("Usage: latchctl [--config FILE] COMMAND\n\n", out);
	for (size_t i = 0; i < COUNT(commands); i++)
		(void)fprintf(out, "  %s%s%s\n      %s\n", commands[i].name, commands[i].arguments[0] != '\0' ? " " : "",
		              commands[i].arguments, commands[i].help);
	(void)fputs("\nWHO is an id, an e-mail address or a user name. A password is asked for on a terminal, and is else\n"
	            "the first line of standard input. Exit status: 0 done, 1 failed, 2 not understood.\n",
	            out);
	return out == stdout ? EXIT_OK : EXIT_USAGE;
}

/* The command whose words stand at the beginning of the operands; *words says how many these are. */
static const struct command *
find_command(int n, char **operands, int *words)
{
	for (size_t i = 0; i < COUNT(commands); i++) {
		struct str rest = str_of(commands[i].name);
		int word = 0;

		while (rest.p != NULL && word < n && str_eq(str_cut(&rest, ' '), str_of(operands[word])))
			word++;
		*words = word;
		if (rest.p == NULL && word > 0 && (size_t)word == 1 + (strchr(commands[i].name, ' ') != NULL))
			return &commands[i];
	}
	return NULL;
}

struct line {
	const char *config;
	struct options options;
	char given[16]; /* the letters of the options that were given */
	bool help, version, wrong;
};

static void
read_options(int argc, char **argv, struct line *line)
{
	size_t n = 0;

	for (int option; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		struct options *o = &line->options;
		switch (option) {
		case 'c':
			line->config = optarg;
			continue;
		case 'g':
			o->generate_password = true;
			break;
		case 'm':
			o->if_missing = true;
			break;
		case 'n':
			o->name = optarg;
			break;
		case 'u':
			o->username = optarg;
			break;
		case 'w':
			o->now = true;
			break;
		case 'y':
			o->yes = true;
			break;
		case 'h':
			line->help = true;
			continue;
		case 'V':
			line->version = true;
			continue;
		default:
			line->wrong = true;
			continue;
		}
		if (n < sizeof(line->given) - 1)
			line->given[n++] = (char)option;
	}
}

static int
run(const struct command *command, const struct line *line, char **operands)
{
	const enum app_role role = command->as_owner ? APP_OWNER : APP_COMMAND;
	struct app app;
	int rc = EXIT_FAILED;

	if (app_open(&app, config_path(line->config), environ, role, stderr))
		rc = command->run(&app, &line->options, operands);
	app_close(&app);
	return rc;
}

int
main(int argc, char **argv)
{
	struct line line = { 0 };
	int words = 0;

	process_harden();
	read_options(argc, argv, &line);
	if (line.version) {
		(void)puts("latchctl " LATCH_VERSION);
		return EXIT_OK;
	}
	if (line.help)
		return print_help(stdout);
	const struct command *command = line.wrong ? NULL : find_command(argc - optind, argv + optind, &words);
	if (command == NULL) {
		if (!line.wrong && optind < argc)
			(void)fprintf(stderr, "latchctl: unknown command: %s\n\n", argv[optind]);
		return print_help(stderr);
	}
	if (argc - optind - words != command->operands || strspn(line.given, command->options) != strlen(line.given)) {
		(void)fprintf(stderr, "Usage: latchctl %s %s\n", command->name, command->arguments);
		return EXIT_USAGE;
	}
	return run(command, &line, argv + optind + words);
}
