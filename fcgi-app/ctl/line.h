/* line.h: a command line, read by the table of commands. */
#ifndef LATCH_CTL_LINE_H
#define LATCH_CTL_LINE_H

#include "ctl/command.h"

struct line {
	const char *config;
	struct options options;
	bool help, version;
};

/* Up to the command, which is then at optind; false, with getopt's complaint, where there is an option that it does not know. */
bool line_read_general(int argc, char **argv, struct line *line) MUST_USE;
/* The same behind the command's words: its own options too, before, between or behind its operands, which begin at optind. */
bool line_read_own(const struct command *command, int argc, char **argv, struct line *line) MUST_USE;

/* Whether the row's operands can be so many: a word each, in brackets where it may be left out, with dots where there may be
 * more. */
bool line_takes(const struct command *command, int n) MUST_USE;

#endif
