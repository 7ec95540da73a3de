/* ctl.c: latchctl: a table of commands. See latchctl(1). */
#include <getopt.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ctl/command.h"

static const struct command commands[] = {
	{ "migrate", "", "bring the database's schema up to this program's", 0, "", command_migrate },
	{ "doctor", "", "say what is wrong with this installation, and the mend", 0, "", command_doctor },
	{ "keys list", "", "list the signing keys", 0, "", command_keys_list },
	{ "keys create", "[--if-missing]", "make the first signing key", 0, "m", command_keys_create },
	{ "keys rotate", "[--now]", "make the next signing key; it signs once caches know it", 0, "w",
	  command_keys_rotate },
	{ "keys retire", "KID", "refuse all tokens of a key", 1, "", command_keys_retire },
	{ "user add", "EMAIL [--username USERNAME] [--name NAME] [--generate-password]", "add a user", 1, "ung",
	  command_user_add },
	{ "user show", "WHO", "show a user", 1, "", command_user_show },
	{ "user list", "", "list all users", 0, "", command_user_list },
	{ "user set-password", "WHO [--generate-password]", "set a password, and end all sessions", 1, "g",
	  command_user_set_password },
	{ "user disable", "WHO", "let a user in no more, and end all sessions", 1, "", command_user_disable },
	{ "user enable", "WHO", "let a user in again", 1, "", command_user_enable },
	{ "user delete", "WHO [--yes]", "remove a user and all that is theirs", 1, "y", command_user_delete },
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

	for (int option; (option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1;) {
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
	const struct rlimit none = { 0, 0 };
	struct app app;
	int rc = EXIT_FAILED;

	(void)setrlimit(RLIMIT_CORE, &none);
	if (app_open(&app, config_path(line->config), environ, APP_COMMAND, stderr))
		rc = command->run(&app, &line->options, operands);
	app_close(&app);
	return rc;
}

int
main(int argc, char **argv)
{
	struct line line = { 0 };
	int words = 0;

	read_options(argc, argv, &line);
	if (line.version) {
		(void)puts("latchctl " LATCH_VERSION);
		return EXIT_OK;
	}
	if (line.help)
		return print_help(stdout);
	const struct command *command = line.wrong ? NULL : find_command(argc - optind, argv + optind, &words);
	if (command == NULL)
		return print_help(stderr);
	if (argc - optind - words != command->operands || strspn(line.given, command->options) != strlen(line.given)) {
		(void)fprintf(stderr, "Usage: latchctl %s %s\n", command->name, command->arguments);
		return EXIT_USAGE;
	}
	return run(command, &line, argv + optind + words);
}
