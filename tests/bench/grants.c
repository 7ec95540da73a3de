/*
 * grants CONFIG USER COUNT: prints COUNT access tokens of this user, each with the first refresh token of its session behind
 * it, as a worker of this configuration would make them: of the sessions whose ids stand on standard input, one a line, in
 * turns. The sessions' rows somebody else has written.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "http/json.h"
#include "service/keys.h"

enum { SESSIONS_MAX = 10000, ARENA = 1 << 20 };

static struct uuid sessions[SESSIONS_MAX];

static size_t
read_sessions(void)
{
	char line[64];
	size_t n = 0;

	while (n < SESSIONS_MAX && fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (!uuid_valid(str_of(line)) || !str_copy(sessions[n].text, sizeof(sessions[n].text), str_of(line)))
			return 0;
		n++;
	}
	return n;
}

static bool
print_grant(struct app *app, struct arena *arena, const struct uuid *user, const struct uuid *session)
{
	const struct ticket ticket = { .session = *session, .user = *user };
	char refresh[TICKET_LENGTH + 1];
	struct str access;

	const bool ok =
		token_issue(&app->tokens, &(const struct token_subject){ user, session, STR("") }, clock_now(), arena, &access)
			== OK
		&& ticket_make(&app->tickets, TICKET_REFRESH, &ticket, refresh) == OK
		&& printf("%.*s %s\n", (int)access.n, access.p, refresh) > 0;
	arena_reset(arena);
	return ok;
}

int
main(int argc, char **argv)
{
	static struct app app;
	struct arena arena;
	struct uuid user;
	uint64_t count;

	if (argc != 4 || !parse_u64(str_of(argv[3]), &count) || !uuid_valid(str_of(argv[2]))
	    || !str_copy(user.text, sizeof(user.text), str_of(argv[2])))
		return 2;
	const size_t n = read_sessions();
	json_init();
	if (n == 0 || !app_open(&app, argv[1], environ, APP_COMMAND, stderr) || keys_refresh(&app) != OK
	    || !arena_open(&arena, ARENA))
		return 1;
	for (uint64_t i = 0; i < count; i++)
		if (!print_grant(&app, &arena, &user, &sessions[i % n]))
			return 1;
	arena_close(&arena);
	app_close(&app);
	return fflush(stdout) == 0 ? 0 : 1;
}
