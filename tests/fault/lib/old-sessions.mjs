/*
 * A table of very many sessions, most of them old, as months of log-ins leave it: some ended within three days, some expired
 * after two weeks to a month, so that the order in which they are removed is not that in which they lie there.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { config, DIR, run, sql } from "../../http/lib/instance.mjs";
import { say } from "./fault.mjs";

const CHUNK = 250_000;
const COLUMNS = "id, user_id, created_at, last_seen_at, expires_at, ended_at";

/** SQL as the private database's administrator, who is whoever made the instance; rows as arrays of strings. */
export async function admin(text) {
	const { stdout: name } = await run("id", ["-un"]);
	const done = await run("mariadb", ["--no-defaults", `--socket=${join(DIR, "run", "db.sock")}`, `--user=${name.trim()}`, "--batch", "--skip-column-names", "--execute", text], { timeout: 900_000 });
	assert.equal(done.code, 0, done.stderr);
	return done.stdout.split("\n").slice(0, -1).map((line) => line.split("\t"));
}

/* A UUIDv7 of the moment `at`; MD5 gives what looks random in it. */
const id = (at, mark) => `CONCAT_WS('-', LEFT(${at}, 8), SUBSTR(${at}, 9), CONCAT('7', SUBSTR(${mark}, 1, 3)), CONCAT('8', SUBSTR(${mark}, 4, 3)), SUBSTR(${mark}, 7, 12))`;
const owner = (mark) => `CONCAT_WS('-', LEFT(${mark}, 8), SUBSTR(${mark}, 9, 4), CONCAT('7', SUBSTR(${mark}, 13, 3)), CONCAT('8', SUBSTR(${mark}, 16, 3)), SUBSTR(${mark}, 19, 12))`;

/* Rows from..to of `total`. Every `every`th lives; of the others two thirds have ended and one third has expired. */
const rows = (into, from, to, total, every) => `
	INSERT INTO ${into} (${COLUMNS})
	SELECT ${id("at", "mark")}, ${owner("MD5(seq * 7919 % 100003)")}, created, created,
		CASE WHEN seq % ${every} = 0 THEN UTC_TIMESTAMP(3) + INTERVAL 10 + seq % 20 DAY
			WHEN seq % 3 = 0 THEN created + INTERVAL 14 * 86400 + FLOOR(POW(RAND(), 3) * 16 * 86400) SECOND
			ELSE created + INTERVAL 90 DAY END,
		CASE WHEN seq % ${every} = 0 OR seq % 3 = 0 THEN NULL
			ELSE created + INTERVAL FLOOR(POW(RAND(), 3) * 3 * 86400) SECOND END
	FROM (SELECT seq, created, LPAD(LOWER(HEX(ROUND(UNIX_TIMESTAMP(created) * 1000))), 12, '0') AS at, MD5(CONCAT('seed', seq)) AS mark
		FROM (SELECT seq, UTC_TIMESTAMP(3) - INTERVAL 100 DAY + INTERVAL FLOOR(seq * 65 * 86400 / ${total}) SECOND AS created
			FROM seq_${from}_to_${to}) moments) marked`;

/** Adds `total` sessions, every `every`th of them a living one. Very many are written beside the table, which then gets its keys at once. */
export async function addOldSessions(total, every) {
	const beside = total > CHUNK;
	const into = beside ? "sessions_filled" : "sessions";
	if (beside)
		await sql(`DROP TABLE IF EXISTS sessions_filled; CREATE TABLE sessions_filled LIKE sessions;
			ALTER TABLE sessions_filled DROP KEY sessions_owner, DROP KEY sessions_ended, DROP KEY sessions_expiry`);
	for (let from = 1; from <= total; from += CHUNK) {
		await sql(rows(into, from, Math.min(total, from + CHUNK - 1), total, every));
		if (beside)
			say(`${Math.min(total, from + CHUNK - 1)} sessions written`);
	}
	if (!beside)
		return;
	await admin(`USE ${config("db_name")}; ALTER TABLE sessions_filled ADD KEY sessions_owner (user_id, ended_at), ADD KEY sessions_ended (ended_at), ADD KEY sessions_expiry (expires_at);
		INSERT INTO sessions_filled SELECT * FROM sessions;
		RENAME TABLE sessions TO sessions_before, sessions_filled TO sessions;
		DROP TABLE sessions_before; ANALYZE TABLE sessions`);
}

/** What must be left when all that is old is gone, and what must not. */
export const OLD = "COALESCE(ended_at < UTC_TIMESTAMP(3) - INTERVAL 1 DAY OR expires_at < UTC_TIMESTAMP(3) - INTERVAL 1 DAY, FALSE)";
