#include "auth/password.h"

#include <argon2.h>
#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/process.h"
#include "core/random.h"

enum { SALT = 16, HASH = 32 };

struct cost {
	uint32_t memory_kib, passes, parallelism;
};

void
hasher_init(struct hasher *hasher, const struct config *config, struct lanes *lanes)
{
	*hasher = (struct hasher){
		.memory_kib = config->argon2_memory_kib,
		.passes = config->argon2_passes,
		.parallelism = config->argon2_parallelism,
		.lanes = lanes,
	};
	/* A well-formed hash that no password is known for: it costs what a real one costs. */
	(void)snprintf(hasher->decoy, sizeof(hasher->decoy),
	               "$argon2id$v=19$m=%u,t=%u,p=%u$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	               hasher->memory_kib, hasher->passes, hasher->parallelism);
}

/* Reads what follows `name=` up to `end`; false when it is not there. */
static bool
read_parameter(struct str *rest, const char *name, char end, uint32_t max, uint32_t *out)
{
	uint64_t value;
	struct str part = str_cut(rest, end);

	if (rest->p == NULL || !str_starts(part, str_of(name)))
		return false;
	part.p += strlen(name);
	part.n -= strlen(name);
	if (!parse_u64(part, &value) || value < 1 || value > max)
		return false;
	*out = (uint32_t)value;
	return true;
}

/* $argon2id$v=19$m=19456,t=2,p=1$salt$hash; libargon2 checks salt and hash, this what they cost. */
static bool
read_cost(const char *phc, struct cost *out)
{
	const struct str head = STR("$argon2id$v=19$");
	struct str rest = str_of(phc);

	if (rest.n >= PASSWORD_HASH_SIZE || !str_starts(rest, head))
		return false;
	rest.p += head.n;
	rest.n -= head.n;
	return read_parameter(&rest, "m=", ',', ARGON2_MEMORY_KIB_MAX, &out->memory_kib)
	    && read_parameter(&rest, "t=", ',', ARGON2_PASSES_MAX, &out->passes)
	    && read_parameter(&rest, "p=", '$', ARGON2_PARALLELISM_MAX, &out->parallelism);
}

/* libargon2 wipes its memory itself. */
static enum err
enter(struct hasher *hasher)
{
	const enum err err = hasher->lanes != NULL ? lanes_enter(hasher->lanes) : OK;

	if (err == OK)
		process_wipe_freed(false);
	return err;
}

static void
leave(struct hasher *hasher)
{
	process_wipe_freed(true);
	if (hasher->lanes != NULL)
		lanes_leave(hasher->lanes);
}

enum err
password_hash(struct hasher *hasher, struct str password, char out[PASSWORD_HASH_SIZE])
{
	unsigned char salt[SALT];
	const enum err err = enter(hasher);

	if (err != OK)
		return err;
	random_bytes(salt, sizeof(salt));
	const int rc = argon2id_hash_encoded(hasher->passes, hasher->memory_kib, hasher->parallelism, password.p,
	                                     password.n, salt, sizeof(salt), HASH, out, PASSWORD_HASH_SIZE);
	leave(hasher);
	if (rc == ARGON2_OK)
		return OK;
	log_error("argon2: %s", argon2_error_message(rc));
	return ERR_INTERNAL;
}

enum err
password_verify(struct hasher *hasher, const char *phc, struct str password)
{
	struct cost cost;

	if (!read_cost(phc, &cost)) {
		log_error("argon2: a stored hash is malformed or too costly");
		return ERR_INTERNAL;
	}
	const enum err err = enter(hasher);
	if (err != OK)
		return err;
	const int rc = argon2id_verify(phc, password.p, password.n);
	leave(hasher);
	if (rc == ARGON2_OK)
		return OK;
	if (rc == ARGON2_VERIFY_MISMATCH)
		return ERR_CREDENTIALS;
	log_error("argon2: %s", argon2_error_message(rc));
	return ERR_INTERNAL;
}

enum err
password_verify_nobody(struct hasher *hasher, struct str password)
{
	const enum err err = password_verify(hasher, hasher->decoy, password);

	return err == OK ? ERR_CREDENTIALS : err;
}

bool
password_outdated(const struct hasher *hasher, const char *phc)
{
	struct cost cost;

	return !read_cost(phc, &cost) || cost.memory_kib != hasher->memory_kib || cost.passes != hasher->passes
	    || cost.parallelism != hasher->parallelism;
}
