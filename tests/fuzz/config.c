/*
 * config.c: a configuration is within its bounds, or there is a complaint; and no complaint tells a secret.
 *
 * The input is the file; after a line "%%", the environment, a variable a line; after another, what stands in a secret's
 * file. The linker puts __wrap_open in the place of open(2), so that no path from the input is ever opened.
 */
#include "core/config.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/config_keys.h"
#include "core/lanes.h"
#include "fuzz.h"

enum { VARIABLES_MAX = 32, INPUT_MAX = 16 * 1024, COMPLAINTS_MAX = 4096 * 1024 };

/* Begins every secret, so that it is known where it must not be. */
#define MARK STR("only-for-the-database")

int __wrap_open(const char *name, int flags, ...);

static int file = -1, secret = -1;
static char path[64];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	file = memfd_create("latch.conf", MFD_CLOEXEC);
	secret = memfd_create("secret", MFD_CLOEXEC);
	if (file < 0 || secret < 0)
		abort();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return 0;
}

int
__wrap_open(const char *name, int flags, ...)
{
	(void)flags;
	if (strcmp(name, "/secret") == 0)
		return lseek(secret, 0, SEEK_SET) == 0 ? dup(secret) : -1;
	errno = ENOENT;
	return -1;
}

static void
fill(int fd, struct str head, struct str text)
{
	if (ftruncate(fd, 0) != 0 || pwrite(fd, head.p, head.n, 0) != (ssize_t)head.n
	    || (text.n > 0 && pwrite(fd, text.p, text.n, (off_t)head.n) != (ssize_t)text.n))
		abort();
}

static char *
text_of(struct str s)
{
	char *text = malloc(s.n + 1);

	if (text == NULL || !str_copy(text, s.n + 1, s))
		abort();
	return text;
}

/* What is before the first line "%%"; the rest stays. */
static struct str
section(struct str *rest)
{
	const struct str all = *rest;
	const char *mark = all.n > 0 ? memmem(all.p, all.n, "%%\n", 3) : NULL;

	if (mark == NULL) {
		*rest = (struct str){ 0 };
		return all;
	}
	*rest = (struct str){ mark + 3, all.n - (size_t)(mark + 3 - all.p) };
	return (struct str){ all.p, (size_t)(mark - all.p) };
}

static void
value_is_within_bounds(const struct config *config, const struct config_key *key)
{
	const char *member = (const char *)config + key->at;
	uint32_t number;

	if (key->size == CONFIG_TEXT_MAX || key->size == CONFIG_LIST_MAX) {
		const struct str text = { member, strnlen(member, key->size) };
		HOLDS(text.n < key->size && utf8_length(text) >= 0 && text.n >= key->min);
		for (size_t i = 0; i < text.n; i++)
			HOLDS((unsigned char)text.p[i] >= ' ' && text.p[i] != 0x7f);
		HOLDS(!key->path || text.n == 0 || text.p[0] == '/');
	} else if (key->max != 0) {
		memcpy(&number, member, sizeof(number));
		HOLDS(number >= key->min && number <= key->max);
	}
}

/* What only several keys together can break. */
static void
keys_agree(const struct config *c, enum config_role role)
{
	for (size_t i = 0; i < config_keys_n; i++)
		value_is_within_bounds(c, &config_keys[i]);
	HOLDS(c->token_alg == TOKEN_ES256 || c->token_alg == TOKEN_RS256 || c->token_alg == TOKEN_HS256);
	HOLDS(c->argon2_memory_kib * c->argon2_passes <= ARGON2_WORK_MAX);
	HOLDS(c->hash_lanes >= 1 && c->hash_lanes + c->hash_queue < c->workers);
	HOLDS(c->outbound_lanes == 0
	      || c->hash_lanes + c->hash_queue + c->outbound_lanes + c->outbound_queue + lanes_spared(c->workers)
	             <= c->workers);
	HOLDS(c->issuer[0] != '\0');
	HOLDS(strncmp(c->public_url, "http://", 7) == 0 || strncmp(c->public_url, "https://", 8) == 0);
	HOLDS(c->public_url[strlen(c->public_url) - 1] != '/');
	HOLDS(role == CONFIG_OWNER || strnlen(c->db_owner_password, sizeof(c->db_owner_password)) == 0);
}

static bool
load(char *const *environment, enum config_role role, struct str input)
{
	static char complaints[COMPLAINTS_MAX];
	static struct config config;
	FILE *out = fmemopen(complaints, sizeof(complaints), "w");

	if (out == NULL)
		abort();
	const bool ok = config_load(path, environment, role, &config, out);
	const long n = ftell(out);
	HOLDS(n >= 0 && (size_t)n < sizeof(complaints) && fclose(out) == 0);
	const struct str said = { complaints, (size_t)n };
	HOLDS(ok == (n == 0));
	HOLDS(ok || complaints[n - 1] == '\n');
	HOLDS(has_bytes(input, MARK) || !has_bytes(said, MARK));
	if (ok)
		keys_agree(&config, role);
	config_wipe(&config);
	return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str input = { (const char *)data, size };
	struct str rest = input;
	char *environment[VARIABLES_MAX + 1] = { NULL };
	size_t n = 0;

	if (size > INPUT_MAX)
		return 0;
	fill(file, STR(""), section(&rest));
	struct str variables = section(&rest);
	fill(secret, MARK, rest);
	while (variables.n > 0 && n < VARIABLES_MAX) {
		const struct str line = str_cut(&variables, '\n');
		environment[n++] = text_of(line);
	}
	/* Who has no use for the owner's password is not stopped by it. */
	const bool owner = load(environment, CONFIG_OWNER, input), service = load(environment, CONFIG_SERVICE, input);
	HOLDS(!owner || service);
	while (n > 0)
		free(environment[--n]);
	return 0;
}
