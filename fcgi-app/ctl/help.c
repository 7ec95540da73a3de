/* help.c: what is derived from the table of commands: the help, and the script that completes them in bash. */
#include <stdio.h>
#include <string.h>

#include "ctl/command.h"

const struct command *
command_find(char *const *words, int *words_out)
{
	for (size_t i = 0; i < commands_n; i++) {
		struct str rest = str_of(commands[i].name);
		int n = 0;

		while (rest.p != NULL && words[n] != NULL && str_eq(str_of(words[n]), str_cut(&rest, ' ')))
			n++;
		if (rest.p == NULL && n > 0 && n == 1 + (strchr(commands[i].name, ' ') != NULL)) {
			*words_out = n;
			return &commands[i];
		}
	}
	return NULL;
}

/* ---- Help --------------------------------------------------------------------------------------------------------- */

/* "user add EMAIL [--username USERNAME]" */
static void
synopsis(FILE *out, const struct command *command)
{
	(void)fprintf(out, "%s%s%s", command->name, command->operands[0] != '\0' ? " " : "", command->operands);
	for (size_t i = 0; command->options[i] != NULL; i++) {
		const struct command_option *option = command->options[i];
		(void)fprintf(out, " [--%s%s%s]", option->name, option->value != NULL ? " " : "",
		              option->value != NULL ? option->value : "");
	}
}

void
help_usage(FILE *out, const struct command *command)
{
	(void)fputs("Usage: latchctl ", out);
	synopsis(out, command);
	(void)fputc('\n', out);
}

static void
help_row(FILE *out, const struct command *command)
{
	(void)fputs("  ", out);
	synopsis(out, command);
	(void)fprintf(out, "\n      %s\n", command->help);
}

void
help_all(FILE *out)
{
	(void)fputs("Usage: latchctl [--config FILE] COMMAND\n\n", out);
	for (size_t i = 0; i < commands_n; i++)
		help_row(out, &commands[i]);
	(void)fputs("\nWHO is an id, an e-mail address or a user name. A password is asked for on a terminal, and is else\n"
	            "the first line of standard input. latchctl help COMMAND explains its options; latchctl(1) all of it.\n"
	            "Exit status: 0 done, 1 failed, 2 not understood, 3 there is no such thing, 4 the database is away.\n",
	            out);
}

static void
help_option(FILE *out, const char *name, const char *value, const char *help)
{
	char left[40];

	(void)snprintf(left, sizeof(left), "--%s%s%s", name, value != NULL ? " " : "", value != NULL ? value : "");
	(void)fprintf(out, "  %-24s %s\n", left, help);
}

void
help_command(FILE *out, const struct command *command)
{
	help_usage(out, command);
	(void)fprintf(out, "\n%s\n\n", command->help);
	for (size_t i = 0; command->options[i] != NULL; i++)
		help_option(out, command->options[i]->name, command->options[i]->value, command->options[i]->help);
	if (command->needs != NEEDS_NOTHING)
		help_option(out, "config", "FILE", "the configuration; else $LATCH_CONFIG, else the usual place");
	help_option(out, "help", NULL, "print this");
}

/* Whether the command's first word of two is this one. */
static bool
in_group(const struct command *command, struct str word)
{
	struct str rest = str_of(command->name);

	return str_eq(word, str_cut(&rest, ' ')) && rest.p != NULL;
}

bool
help_group(FILE *out, const char *word)
{
	bool found = false;

	for (size_t i = 0; i < commands_n; i++)
		if (in_group(&commands[i], str_of(word))) {
			(void)fputs(found ? "" : "Usage: latchctl [--config FILE] COMMAND\n\n", out);
			found = true;
			help_row(out, &commands[i]);
		}
	return found;
}

int
command_help(struct app *app, const struct options *options, char **operands)
{
	int words = 0;
	const struct command *command = command_find(operands, &words);

	(void)app;
	(void)options;
	if (operands[0] == NULL)
		help_all(stdout);
	else if (command != NULL && operands[words] == NULL)
		help_command(stdout, command);
	else if (operands[1] != NULL || !help_group(stdout, operands[0])) {
		(void)fprintf(stderr, "latchctl: unknown command: %s\n", operands[0]);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

/* ---- Completion --------------------------------------------------------------------------------------------------- */

static const char completion_head[] =
	"# bash completion for latchctl; what it knows is latchctl's table of commands: latchctl completion\n"
	"_latchctl()\n"
	"{\n"
	"\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} choices='' files='' value='' i\n"
	"\tlocal -a words=()\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tif [[ ${COMP_WORDS[i]} == --config ]]; then ((i++)); elif [[ ${COMP_WORDS[i]} != -* ]]; then\n"
	"\t\t\twords+=(\"${COMP_WORDS[i]}\")\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tcase \"${words[0]-} ${words[1]-}\" in\n";

static const char completion_tail[] =
	"\tesac\n"
	"\tif [[ $before == --config ]]; then value=FILE; fi\n"
	"\tif [[ $value == FILE || (-z $value && -n $files && $word != -*) ]]; then\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
	"\telif [[ -z $value ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$choices --config --help\" -- \"$word\")\n"
	"\tfi\n"
	"}\n"
	"complete -F _latchctl latchctl\n";

/* The first words: each once. */
static void
completion_first(void)
{
	(void)fputs("\t' ') choices='", stdout);
	for (size_t i = 0; i < commands_n; i++) {
		struct str name = str_of(commands[i].name);
		const struct str word = str_cut(&name, ' ');

		if (i == 0 || name.p == NULL || !in_group(&commands[i - 1], word))
			(void)printf("%.*s ", (int)word.n, word.p);
	}
	(void)fputs("--version' ;;\n", stdout);
}

/* The second words behind the first of this command, where it begins a group. */
static void
completion_second(size_t at)
{
	struct str name = str_of(commands[at].name);
	const struct str group = str_cut(&name, ' ');

	if (name.p == NULL || (at > 0 && in_group(&commands[at - 1], group)))
		return;
	(void)printf("\t'%.*s ') choices='", (int)group.n, group.p);
	for (size_t i = at; i < commands_n && in_group(&commands[i], group); i++)
		(void)printf("%s%s", i > at ? " " : "", commands[i].name + group.n + 1);
	(void)fputs("' ;;\n", stdout);
}

static void
completion_command(const struct command *command)
{
	const bool two = strchr(command->name, ' ') != NULL;

	(void)printf("\t'%s'%s)\n\t\tchoices='", command->name, two ? "" : "\\ *");
	for (size_t i = 0; command->options[i] != NULL; i++)
		(void)printf("%s--%s", i > 0 ? " " : "", command->options[i]->name);
	(void)fputs("'\n", stdout);
	if (strstr(command->operands, "FILE") != NULL)
		(void)fputs("\t\tfiles=yes\n", stdout);
	for (size_t i = 0; command->options[i] != NULL; i++)
		if (command->options[i]->value != NULL)
			(void)printf("\t\tif [[ $before == --%s ]]; then value=%s; fi\n", command->options[i]->name,
			             command->options[i]->value);
	(void)fputs("\t\t;;\n", stdout);
}

int
command_completion(struct app *app, const struct options *options, char **operands)
{
	(void)app;
	(void)options;
	(void)operands;
	(void)fputs(completion_head, stdout);
	completion_first();
	for (size_t i = 0; i < commands_n; i++) {
		completion_second(i);
		completion_command(&commands[i]);
	}
	(void)fputs(completion_tail, stdout);
	return EXIT_OK;
}
