/* keys.h: the life of signing keys: made, published, used, superseded, retired. */
#ifndef LATCH_SERVICE_KEYS_H
#define LATCH_SERVICE_KEYS_H

#include "db/signing_keys.h"
#include "service/app.h"

/*
 * KEYS_SPREAD_S: within this every worker has read a change. KEYS_CACHES_S: what a key that others may have cached the set
 * without waits beyond the set's max-age: a worker that has not read it yet, the two seconds that clocks may differ
 * (latchctl doctor), and an answer on its way. KEYS_LEEWAY_S: how much longer than its tokens a superseded key stays,
 * for clocks that differ and for the leeway that others grant.
 */
enum { KEYS_REFRESH_MS = 2000, KEYS_UNKNOWN_MS = 250, KEYS_SPREAD_S = 3, KEYS_CACHES_S = 6, KEYS_LEEWAY_S = 60 };

/* Begins a request on the database (db_begin_request), and reads the keys where that was done more than KEYS_REFRESH_MS
 * ago, so that a rotation reaches every worker within seconds. ERR_DB: the old ones stay in use. */
enum err keys_refresh(struct app *app) MUST_USE;
/* The same for who needs nothing else of the database, and does not look at it where the keys are fresh. */
enum err keys_fresh(struct app *app) MUST_USE;
/* Reads the keys, within a request. Also writes down, where it is not, how long the tokens live that are signed from now
 * on, and retires the keys that have been superseded for longer than what they signed can be valid: by the database's clock and by
 * this machine's, so that one of them, set wrongly, ends nothing. */
enum err keys_read(struct app *app) MUST_USE;
/* The same for a token whose key is not known here: it may be newer than what was read. At most every KEYS_UNKNOWN_MS, so
 * that tokens of nobody's do not make statements; true when the keys were read. */
bool keys_read_for_unknown(struct app *app);

/* Makes a key of the configured algorithm that signs in delay_s seconds: 0 for the first one; at least KEYS_SPREAD_S where
 * there are others, so that every worker shows it before one signs with it; more where others may have cached the set. A
 * key that was to sign later than this one is retired: it would take over from it. Its kid into kid_out. ERR_CONFLICT: KEYRING_MAX
 * keys are live. */
enum err keys_create(struct app *app, uint32_t delay_s, char kid_out[KID_SIZE]) MUST_USE;

/* Takes a key out of use at once: its tokens are refused. ERR_NO_ROW: no such key. ERR_CONFLICT: it is the only one that
 * can sign at this moment. */
enum err keys_retire(struct app *app, struct str kid) MUST_USE;

/* Seals every live key that opens with `old` under the key file in use: what was held with the one is of no use without the
 * other. *n_out: how many. ERR_CONFLICT: one opens with neither; nothing has changed. */
enum err keys_reseal(struct app *app, const struct master_key *old, size_t *n_out) MUST_USE;

/* What a key is doing at this moment, as the keyring has it: "next", "signing", "verifying", "retired", or "unusable" for
 * one that does not open with this key file. */
const char *keys_state(const struct app *app, const struct signing_key *key, struct timestamp now);

/* How long others may cache the set that was read last, in seconds: jwks_max_age_s; less where it could not be read for a
 * while, for a key may have been published that is not in it. */
uint32_t keys_max_age_s(const struct app *app);

/* Until when a key verifies: when it was retired, or when that is due because of a newer one of these n; ms 0 where there is
 * none. */
struct timestamp keys_until(const struct signing_key *key, const struct signing_key *all, size_t n);

/* The newest keys, retired ones included; reads the keyring too. */
enum err keys_list(struct app *app, struct signing_key *out, size_t max, size_t *n_out) MUST_USE;

#endif
