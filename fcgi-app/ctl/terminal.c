/* terminal.c: what the commands say to a person and ask of one. */
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "auth/base64.h"
#include "core/random.h"
#include "core/text.h"
#include "ctl/command.h"

enum { FOREIGN_POINTS_MAX = 200 };

int
complain(const char *sentence)
{
	(void)fprintf(stderr, "latchctl: %s\n", sentence);
	return EXIT_FAILED;
}

int
complain_of(const char *what, struct str text)
{
	const struct str shown = text_shown(text, FOREIGN_POINTS_MAX);
	const size_t n = shown.p != NULL ? shown.n : text.n < FOREIGN_POINTS_MAX ? text.n : FOREIGN_POINTS_MAX;

	(void)fprintf(stderr, "latchctl: %s: ", what);
	for (size_t i = 0; i < n; i++)
		(void)fputc(shown.p != NULL || (text.p[i] >= ' ' && text.p[i] <= '~') ? text.p[i] : '?', stderr);
	(void)fputs(n < text.n ? "...\n" : "\n", stderr);
	return EXIT_FAILED;
}

int
complain_err(const struct app *app, enum err err, const struct reason *why)
{
	if (why != NULL && why->n > 0) {
		for (size_t i = 0; i < why->n; i++)
			(void)fprintf(stderr, "latchctl: %s %s\n", why->fields[i].field, why->fields[i].detail);
		return EXIT_FAILED;
	}
	if (err == ERR_NO_ROW) {
		(void)complain("no such user");
		return EXIT_MISSING;
	}
	if (err == ERR_DB && db_error(app->db)[0] == '\0' && app->audit.key == NULL)
		return complain(
			"this cannot be written down, and so is not done: the audit's secret does not open with this key_file; "
			"see \"When the key file is lost\" in docs/operations.md");
	if (err == ERR_DB) {
		(void)fprintf(stderr, "latchctl: database: %s\n", db_error(app->db));
		return EXIT_AWAY;
	}
	if (err == ERR_NOT_FOUND) {
		(void)complain(why != NULL && why->detail != NULL ? why->detail : problems[err].detail);
		return EXIT_MISSING;
	}
	return complain(why != NULL && why->detail != NULL ? why->detail : problems[err].detail);
}

bool
reached(struct app *app)
{
	if (db_begin_request(app->db) != OK) {
		(void)fprintf(stderr, "latchctl: database: %s%s\n", db_error(app->db),
		              db_schema_disagrees(app->db) ? " (run latchctl migrate)" : "");
		return false;
	}
	return true;
}

bool
connected(struct app *app)
{
	if (!reached(app))
		return false;
	/* Without the audit's secret nothing is changed that would have to be written down, and each such command says so. */
	if (audit_ready(app) == ERR_INTERNAL) {
		(void)complain("out of memory");
		return false;
	}
	return true;
}

/* One line without its newline; false at the end of input or when it does not fit. */
static bool
read_line(char *line, size_t size)
{
	if (fgets(line, (int)size, stdin) == NULL)
		return false;
	const size_t n = strcspn(line, "\n");
	const bool whole = line[n] == '\n' || feof(stdin);
	line[n] = '\0';
	return whole;
}

static bool
ask_hidden(const char *prompt, char *line, size_t size)
{
	struct termios shown, hidden;

	if (tcgetattr(STDIN_FILENO, &shown) != 0)
		return false;
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	(void)fputs(prompt, stderr);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	const bool got = read_line(line, size);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
	(void)fputc('\n', stderr);
	return got;
}

static bool
read_piped(char *password, size_t size, const char *none)
{
	if (read_line(password, size))
		return true;
	(void)complain(feof(stdin) ? none : "the password is too long: it may have at most 256 characters");
	return false;
}

bool
read_known_password(char *password, size_t size)
{
	if (!isatty(STDIN_FILENO))
		return read_piped(password, size, "no password: give it as the first line of standard input");
	return ask_hidden("Password: ", password, size) || complain("no password") == EXIT_OK;
}

bool
read_password(char *password, size_t size)
{
	char again[PASSWORD_BYTES_MAX + 2];

	if (!isatty(STDIN_FILENO))
		return read_piped(password, size,
		                  "no password: give it as the first line of standard input, or use --generate-password");
	const bool same = ask_hidden("Password: ", password, size) && ask_hidden("Again: ", again, sizeof(again))
	               && strcmp(password, again) == 0;
	explicit_bzero(again, sizeof(again));
	if (!same)
		(void)complain("the two are not the same");
	return same;
}

void
generate_password(char *password, size_t length)
{
	unsigned char bits[48];
	char text[BASE64_SIZE(sizeof(bits))];

	random_bytes(bits, sizeof(bits));
	(void)base64url_encode(bits, sizeof(bits), text);
	(void)snprintf(password, length + 1, "%s", text);
	explicit_bzero(bits, sizeof(bits));
	explicit_bzero(text, sizeof(text));
}

bool
confirmed(const struct options *options, const char *question)
{
	char answer[8] = "";

	if (options->yes)
		return true;
	if (!isatty(STDIN_FILENO)) {
		(void)complain("standard input is no terminal, so there is nobody to ask: add --yes");
		return false;
	}
	(void)fprintf(stderr, "%s [y/N] ", question);
	return read_line(answer, sizeof(answer)) && (answer[0] == 'y' || answer[0] == 'Y');
}
