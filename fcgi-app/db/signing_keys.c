#include "db/signing_keys.h"

#define KEY_COLUMNS_SQL "kid, alg, sealed, created_at, sign_from, retired_at, token_ttl_s"

static const struct column columns[] = {
	COLUMN(struct signing_key, kid),         COLUMN(struct signing_key, alg),
	COLUMN(struct signing_key, sealed),      COLUMN(struct signing_key, created_at),
	COLUMN(struct signing_key, sign_from),   COLUMN(struct signing_key, retired_at),
	COLUMN(struct signing_key, token_ttl_s),
};

static const struct column kid_column[] = { COLUMN(struct signing_kid, text) };

enum { LIVE, ALL, INSERT, RESEAL, RAISE_TTL, RETIRE, RETIRE_THIS, NEXT, SUPERSEDED };

static const struct stmt stmts[] = {
	[LIVE] = { .name = "signing_keys live",
	           .sql = "SELECT " KEY_COLUMNS_SQL " FROM (SELECT " KEY_COLUMNS_SQL
	                  " FROM {signing_keys} WHERE retired_at IS "
	                  "NULL ORDER BY sign_from DESC, kid LIMIT ?) newest ORDER BY sign_from, kid",
	           .params = 1,
	           .columns = columns,
	           .n = COUNT(columns) },
	[ALL] = { .name = "signing_keys all",
	          .sql = "SELECT " KEY_COLUMNS_SQL " FROM {signing_keys} ORDER BY created_at DESC, kid LIMIT ?",
	          .params = 1,
	          .columns = columns,
	          .n = COUNT(columns) },
	[INSERT] = { .name = "signing_keys insert",
	             .sql =
	                 "INSERT INTO {signing_keys} (kid, alg, sealed, token_ttl_s, created_at, sign_from) SELECT ?, ?, "
	                 "?, ?, "
	                 "UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL ? SECOND FROM DUAL "
	                 "WHERE (SELECT COUNT(*) FROM {signing_keys} WHERE retired_at IS NULL) < ?",
	             .params = 6 },
	[RESEAL] = { .name = "signing_keys reseal",
	             .sql = "UPDATE {signing_keys} SET sealed = ? WHERE kid = ?",
	             .params = 2 },
	[RAISE_TTL] = { .name = "signing_keys raise ttl",
	                .sql = "UPDATE {signing_keys} SET token_ttl_s = ? WHERE kid = ? AND token_ttl_s < ?",
	                .params = 3 },
	[RETIRE] = { .name = "signing_keys retire",
	             .sql = "UPDATE {signing_keys} SET retired_at = UTC_TIMESTAMP(3) WHERE kid = ? AND retired_at IS NULL "
	                    "AND EXISTS (SELECT 1 FROM {signing_keys} other WHERE other.kid <> ? "
	                    "AND other.retired_at IS NULL AND other.sign_from <= UTC_TIMESTAMP(3))",
	             .params = 2 },
	[RETIRE_THIS] = { .name = "signing_keys retire this",
	                  .sql = "UPDATE {signing_keys} SET retired_at = UTC_TIMESTAMP(3) WHERE kid = ? AND retired_at IS "
	                         "NULL",
	                  .params = 1 },
	[NEXT] = { .name = "signing_keys next",
	           .sql = "SELECT kid FROM {signing_keys} WHERE retired_at IS NULL "
	                  "AND sign_from > UTC_TIMESTAMP(3) + INTERVAL ? SECOND ORDER BY kid LIMIT ? FOR UPDATE",
	           .params = 2,
	           .columns = kid_column,
	           .n = COUNT(kid_column) },
	/* The newer one has to be live: where it was retired, the older one signs again. */
	[SUPERSEDED] = { .name = "signing_keys superseded",
	                 .sql = "SELECT kid FROM {signing_keys} WHERE retired_at IS NULL "
	                        "AND EXISTS (SELECT 1 FROM {signing_keys} newer WHERE newer.retired_at IS NULL "
	                        "AND newer.sign_from > {signing_keys}.sign_from AND newer.sign_from <= "
	                        "UTC_TIMESTAMP(3) - INTERVAL {signing_keys}.token_ttl_s + ? SECOND) ORDER BY kid LIMIT ? "
	                        "FOR UPDATE",
	                 .params = 2,
	                 .columns = kid_column,
	                 .n = COUNT(kid_column) },
};

const struct stmt_table signing_keys_statements = { .stmts = stmts, .n = COUNT(stmts), .rare = true };

enum err
signing_keys_live(struct db *db, struct signing_key *out, size_t max, size_t *n_out)
{
	return db_rows(db, &stmts[LIVE], ARGS(arg_u64(max)), out, sizeof(*out), max, n_out);
}

enum err
signing_keys_all(struct db *db, struct signing_key *out, size_t max, size_t *n_out)
{
	return db_rows(db, &stmts[ALL], ARGS(arg_u64(max)), out, sizeof(*out), max, n_out);
}

enum err
signing_keys_insert(struct db *db, const struct signing_key *key, uint32_t delay_s, size_t max)
{
	return db_run_one(db, &stmts[INSERT],
	                  ARGS(arg_text(key->kid), arg_text(key->alg), arg_bytes(&key->sealed), arg_u64(key->token_ttl_s),
	                       arg_u64(delay_s), arg_u64(max)));
}

enum err
signing_keys_reseal(struct db *db, struct str kid, const struct bytes *sealed)
{
	return db_run_one(db, &stmts[RESEAL], ARGS(arg_bytes(sealed), arg_str(kid)));
}

enum err
signing_keys_raise_ttl(struct db *db, struct str kid, uint32_t ttl_s)
{
	return db_run(db, &stmts[RAISE_TTL], ARGS(arg_u64(ttl_s), arg_str(kid), arg_u64(ttl_s)), NULL);
}

enum err
signing_keys_retire(struct db *db, struct str kid)
{
	return db_run_one(db, &stmts[RETIRE], ARGS(arg_str(kid), arg_str(kid)));
}

enum err
signing_keys_retire_this(struct db *db, struct str kid)
{
	return db_run_one(db, &stmts[RETIRE_THIS], ARGS(arg_str(kid)));
}

enum err
signing_keys_next(struct db *db, uint32_t age_s, struct signing_kid *out, size_t max, size_t *n_out)
{
	return db_rows(db, &stmts[NEXT], ARGS(arg_u64(age_s), arg_u64(max)), out, sizeof(*out), max, n_out);
}

enum err
signing_keys_superseded(struct db *db, uint32_t slack_s, struct signing_kid *out, size_t max, size_t *n_out)
{
	return db_rows(db, &stmts[SUPERSEDED], ARGS(arg_u64(slack_s), arg_u64(max)), out, sizeof(*out), max, n_out);
}
