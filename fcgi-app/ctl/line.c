#include "ctl/line.h"

#include <getopt.h>
#include <string.h>

/* What stands before the command, and may stand behind it. */
enum { CONFIG = 'c', HELP = 'h', VERSION = 'V', OF_COMMAND = 256 };
static const struct option general[] = {
	{ "config", required_argument, NULL, CONFIG },
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, VERSION },
};

/* Whether it was one of these. */
static bool
general_option(int option, struct line *line)
{
	if (option == CONFIG)
		line->config = optarg;
	line->help = line->help || option == HELP;
	line->version = line->version || option == VERSION;
	return option == CONFIG || option == HELP || option == VERSION;
}

static void
set_option(const struct command_option *option, struct options *options)
{
	if (option->at == AT_GIVEN) {
		if (options->given_n < GIVEN_MAX)
			options->given[options->given_n] = (struct given){ option->name, optarg };
		options->given_n++;
		return;
	}
	char *member = (char *)options + option->at;
	if (option->value != NULL)
		*(const char **)(void *)member = optarg;
	else
		*(bool *)(void *)member = true;
}

bool
line_read_general(int argc, char **argv, struct line *line)
{
	struct option known[COUNT(general) + 1] = { 0 };

	memcpy(known, general, sizeof(general));
	for (int option; (option = getopt_long(argc, argv, "+", known, NULL)) != -1;)
		if (!general_option(option, line))
			return false;
	return true;
}

/* The letters of these options, as getopt takes them. */
static void
letters_of(const struct command *command, char out[COMMAND_OPTIONS_MAX + 1])
{
	for (size_t i = 0; command->options[i] != NULL; i++)
		for (int c = 'a'; c <= 'z'; c++)
			if (command_letters[c] == command->options[i])
				*out++ = (char)c;
	*out = '\0';
}

bool
line_read_own(const struct command *command, int argc, char **argv, struct line *line)
{
	struct option known[COUNT(general) + COMMAND_OPTIONS_MAX + 1] = { 0 };
	char own_letters[COMMAND_OPTIONS_MAX + 1];

	memcpy(known, general, sizeof(general));
	for (size_t i = 0; command->options[i] != NULL; i++) {
		const struct command_option *own = command->options[i];
		known[COUNT(general) + i] = (struct option){ own->name, own->value != NULL ? required_argument : no_argument,
			                                         NULL, OF_COMMAND + (int)i };
	}
	letters_of(command, own_letters);
	optind = 0; /* getopt(3): begins anew */
	for (int option; (option = getopt_long(argc, argv, own_letters, known, NULL)) != -1;) {
		if (option >= OF_COMMAND)
			set_option(command->options[option - OF_COMMAND], &line->options);
		else if (option >= 'a' && option <= 'z' && command_letters[option] != NULL)
			set_option(command_letters[option], &line->options);
		else if (!general_option(option, line))
			return false;
	}
	return true;
}

bool
line_takes(const struct command *command, int n)
{
	struct str rest = str_of(command->operands);
	int least = 0, most = 0;

	while (rest.p != NULL && rest.n > 0) {
		const struct str word = str_cut(&rest, ' ');
		least += word.p[0] != '[';
		most = memchr(word.p, '.', word.n) != NULL ? n : most + 1;
	}
	return n >= least && n <= most;
}
