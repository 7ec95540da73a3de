#include "auth/password.h"

#include <argon2.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "auth/foreign.h"
#include "core/log.h"
#include "core/random.h"

enum { HASH = 32, SALT = crypto_pwhash_argon2id_SALTBYTES, KIB = 1024 };

enum err
hasher_init(struct hasher *hasher, const struct config *config, struct lanes *lanes)
{
	*hasher = (struct hasher){
		.today = {
			.memory_kib = config->argon2_memory_kib,
			.passes = config->argon2_passes,
			.parallelism = 1, /* several hashes at once fill the cores; libsodium makes no other */
			.salt_n = SALT,
			.hash_n = HASH,
		},
		.lanes = lanes,
	};
	return sodium_init() >= 0 ? OK : ERR_INTERNAL; /* looks which vector instructions there are */
}

/* The lanes are counted for hashes of today. */
static enum err
enter(struct hasher *hasher, uint32_t memory_kib)
{
	return hasher->lanes != NULL ? lanes_enter(hasher->lanes, memory_kib > hasher->today.memory_kib) : OK;
}

static void
leave(struct hasher *hasher)
{
	if (hasher->lanes != NULL)
		lanes_leave(hasher->lanes);
}

bool
password_busy(const struct hasher *hasher)
{
	return hasher->lanes != NULL && lanes_full(hasher->lanes);
}

/* Of salt and cost of `phc`, into phc->hash. libsodium maps the memory for each hash and unmaps it: a worker stays small. */
static enum err
argon2id(struct hasher *hasher, struct phc *phc, struct str password)
{
	const enum err err = enter(hasher, phc->memory_kib);

	if (err != OK)
		return err;
	const int rc = crypto_pwhash_argon2id(phc->hash, phc->hash_n, password.p, password.n, phc->salt, phc->passes,
	                                      (size_t)phc->memory_kib * KIB, crypto_pwhash_argon2id_ALG_ARGON2ID13);
	const int why = errno;
	leave(hasher);
	if (rc == 0)
		return OK;
	log_error("argon2: %s", strerror(why));
	return ERR_INTERNAL;
}

enum err
password_hash(struct hasher *hasher, struct str password, char out[PHC_SIZE])
{
	struct phc phc = hasher->today;

	random_bytes(phc.salt, phc.salt_n);
	const enum err err = argon2id(hasher, &phc, password);
	if (err == OK)
		phc_write(&phc, out);
	return err;
}

static enum err
verify(struct hasher *hasher, const struct phc *phc, struct str password)
{
	struct phc tried = *phc;
	enum err err = argon2id(hasher, &tried, password);

	if (err == OK && sodium_memcmp(tried.hash, phc->hash, phc->hash_n) != 0)
		err = ERR_CREDENTIALS;
	sodium_memzero(&tried, sizeof(tried));
	return err;
}

/* A hash that another program made: argon2i, or with several lanes or a salt of another length. libsodium compares it too, but
 * says of a lack of memory that the password is wrong. */
static enum err
verify_argon2(struct hasher *hasher, const struct phc *phc, struct str password)
{
	unsigned char hash[PHC_HASH_MAX];
	argon2_context context = {
		.out = hash,
		.outlen = (uint32_t)phc->hash_n,
		.pwd = unconst(password.p),
		.pwdlen = (uint32_t)password.n,
		.salt = unconst(phc->salt),
		.saltlen = (uint32_t)phc->salt_n,
		.t_cost = phc->passes,
		.m_cost = phc->memory_kib,
		.lanes = phc->parallelism,
		.threads = 1, /* one hash lane is one core; and pthread_exit ends a process that has no memory left */
		.version = ARGON2_VERSION_13,
	};
	const enum err err = enter(hasher, phc->memory_kib);

	if (err != OK)
		return err;
	/* In constant time. */
	const int rc = argon2_verify_ctx(&context, (const char *)phc->hash, phc->argon2i ? Argon2_i : Argon2_id);
	leave(hasher);
	sodium_memzero(hash, sizeof(hash));
	if (rc == ARGON2_OK)
		return OK;
	if (rc == ARGON2_VERIFY_MISMATCH)
		return ERR_CREDENTIALS;
	log_error("argon2: %s", argon2_error_message(rc));
	return ERR_INTERNAL;
}

/* A wrong password costs a hash of today besides, as a right one does, which is hashed anew: so a refusal takes no less time
 * than one of somebody who is not there, however cheap the old hash is. That there is no lane for it changes nothing: else who
 * guesses would hear "busy" and not be counted. */
static enum err
verify_foreign(struct hasher *hasher, const struct foreign *foreign, struct str password)
{
	enum err err = enter(hasher, foreign->kind == FOREIGN_YESCRYPT ? foreign->cost : 0);

	if (err != OK)
		return err;
	err = foreign_verify(foreign, password);
	leave(hasher);
	if (err == ERR_CREDENTIALS && verify(hasher, &hasher->today, password) != ERR_CREDENTIALS)
		log_warn("a wrong password for a hash of another kind was refused without the usual delay");
	return err;
}

enum err
password_verify(struct hasher *hasher, const char *text, struct str password)
{
	struct phc phc;
	struct foreign foreign;

	if (phc_read(text, &phc)) {
		const bool ours = !phc.argon2i && phc.parallelism == 1 && phc.salt_n == SALT;
		return ours ? verify(hasher, &phc, password) : verify_argon2(hasher, &phc, password);
	}
	const char *wrong = foreign_read(text, &foreign);
	if (wrong == NULL)
		return verify_foreign(hasher, &foreign, password);
	/* As if there were no such user: that there is one is nobody's business. An account may have no password yet. */
	if (text[0] != '\0')
		log_error("a stored password hash %s", wrong);
	return password_verify_nobody(hasher, password);
}

const char *
password_hash_refused(const char *text)
{
	struct phc phc;
	struct foreign foreign;

	if (phc_read(text, &phc))
		return NULL;
	if (str_starts(str_of(text), STR("$argon2")))
		return "is no argon2 hash that latch takes: malformed, of another kind or too costly; see latchctl(1)";
	return foreign_read(text, &foreign);
}

/* Today's with salt and hash all zero, a hash that no password is known for: it costs what a real one costs. */
enum err
password_verify_nobody(struct hasher *hasher, struct str password)
{
	const enum err err = verify(hasher, &hasher->today, password);

	return err == OK ? ERR_CREDENTIALS : err;
}

bool
password_outdated(const struct hasher *hasher, const char *text)
{
	struct phc phc;

	return !phc_read(text, &phc) || phc.argon2i || phc.memory_kib != hasher->today.memory_kib
	    || phc.passes != hasher->today.passes || phc.parallelism != 1 || phc.salt_n != SALT;
}
