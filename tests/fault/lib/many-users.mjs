/*
 * A table of very many users, as years of registrations leave it: their ids in the order of time, their addresses and names
 * in no order; of fifty 47 active, two pending, one disabled; every second with a role that half of all have, and every
 * thousandth with a rare one. An address that begins with MASS have 6 of 100, a user name 2, of whom one has such an address,
 * and a name 2, of whom one has such a user name. None of them can sign in.
 */
import { sql } from "../../http/lib/instance.mjs";
import { say } from "./fault.mjs";

export const MASS = "Zq", HALF = "many-half", RARE = "many-rare", DOMAIN = "many.example";
const CHUNK = 50_000;
const at = "LPAD(LOWER(HEX(1577836800000 + seq * 100000)), 12, '0')";
const id = `CONCAT_WS('-', LEFT(${at}, 8), SUBSTR(${at}, 9), CONCAT('7', SUBSTR(mark, 1, 3)), CONCAT('8', SUBSTR(mark, 4, 3)), SUBSTR(mark, 7, 12))`;

const rows = (from, to) => `INSERT INTO users (id, email, username, name, status, roles, password_hash, created_at, updated_at)
	SELECT ${id}, CONCAT(IF(seq % 50 < 3, 'zq', ''), 'x', mark, '@${DOMAIN}'),
		IF(seq % 100 IN (50, 60), CONCAT('zQ', LEFT(mark, 20)), IF(seq % 4 = 0, CONCAT('u', LEFT(mark, 20)), NULL)),
		IF(seq % 100 IN (60, 77), CONCAT('ZQ ', mark), IF(seq % 3 = 0, CONCAT('Name ', mark), NULL)),
		CASE WHEN seq % 50 = 7 THEN 'disabled' WHEN seq % 50 < 2 THEN 'pending' ELSE 'active' END,
		CONCAT_WS(',', IF(seq % 2 = 0, '${HALF}', NULL), IF(seq % 1000 = 0, '${RARE}', NULL)),
		'', FROM_UNIXTIME(1577836800 + seq * 100), FROM_UNIXTIME(1577836800 + seq * 100)
	FROM (SELECT seq, MD5(CONCAT('many', seq)) AS mark FROM seq_${from}_to_${to}) marked`;

/** Adds `total` of them. */
export async function addManyUsers(total) {
	await sql(`INSERT IGNORE INTO roles (name, created_at, updated_at) VALUES ('${HALF}', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3)), ('${RARE}', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`);
	for (let from = 1; from <= total; from += CHUNK) {
		await sql(rows(from, Math.min(total, from + CHUNK - 1)));
		if (total > 2 * CHUNK)
			say(`${Math.min(total, from + CHUNK - 1)} users written`);
	}
	for (const role of [HALF, RARE])
		await sql(`INSERT INTO user_roles (user_id, role) SELECT id, '${role}' FROM users WHERE email LIKE '%@${DOMAIN}' AND FIND_IN_SET('${role}', roles)`);
	await sql("ANALYZE TABLE users, user_roles");
}

/** Removes them, and those that a test added to them. */
export async function removeManyUsers() {
	for (let gone = 1; gone > 0;)
		gone = Number((await sql(`DELETE FROM users WHERE email LIKE '%@${DOMAIN}' LIMIT ${CHUNK}; SELECT ROW_COUNT()`))[0][0]);
	await sql(`DELETE FROM roles WHERE name IN ('${HALF}', '${RARE}')`);
}
