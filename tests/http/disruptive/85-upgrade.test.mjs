/* The schema of an older release, with its rows, brought to the newest by the commands of docs/operations.md. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { get, post } from "../lib/api.mjs";
import { CHECKOUT, ctlOk, sql, until } from "../lib/instance.mjs";
import { administrator, follow } from "../lib/operations.mjs";
import { login, newUser, statusOf, tryLogin } from "../lib/users.mjs";

const THEN = 7;
const files = readdirSync(join(CHECKOUT, "schema")).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort();
const rows = async (text) => (await administrator(text)).map(([value]) => value);

async function shape() {
	const out = {};
	for (const [table] of await sql("SHOW TABLES"))
		out[table] = (await sql(`SHOW CREATE TABLE \`${table}\``))[0][1].replace(/ AUTO_INCREMENT=\d+/, "");
	return out;
}

/* A database beside, as step THEN of schema/ left it, with what the one in use has of its columns. */
async function build() {
	await administrator("DROP DATABASE IF EXISTS latch_then; CREATE DATABASE latch_then CHARACTER SET utf8mb4; CREATE TABLE latch_then.schema_migrations LIKE latch.schema_migrations;");
	for (const name of files.slice(0, THEN)) {
		const text = readFileSync(join(CHECKOUT, "schema", name), "utf8").replace(/[{}]/g, ""); /* as it was before there were prefixes */
		await administrator(text, "latch_then");
		const sum = createHash("sha256").update(text).digest("hex");
		await administrator(`INSERT INTO latch_then.schema_migrations (version, name, checksum, applied_at) VALUES (${Number(name.slice(0, 4))}, '${name.slice(0, -4)}', '${sum}', UTC_TIMESTAMP(3))`);
	}
	for (const table of ["users", "sessions", "signing_keys"]) {
		const columns = (await rows(`SELECT column_name FROM information_schema.columns WHERE table_schema = 'latch_then' AND table_name = '${table}' AND is_generated = 'NEVER'`)).join(", ");
		await administrator(`INSERT INTO latch_then.${table} (${columns}) SELECT ${columns} FROM latch.${table}`);
	}
}

/* In the place of the one in use. */
async function exchange() {
	const [now, then] = await Promise.all(["latch", "latch_then"].map((name) => rows(`SELECT table_name FROM information_schema.tables WHERE table_schema = '${name}'`)));
	await administrator(`SET FOREIGN_KEY_CHECKS = 0; DROP TABLE ${now.map((table) => `latch.${table}`).join(", ")};
RENAME TABLE ${then.map((table) => `latch_then.${table} TO latch.${table}`).join(", ")}; DROP DATABASE latch_then;`);
}

const CROWD = 100_000;

/** Until told to stop, what log-ins and registrations do to the table of users, as a program of before would; how often. */
async function hammer(one) {
	let going = true, n = 0;
	const done = (async () => {
		for (; going; n++)
			await sql(`SET innodb_lock_wait_timeout = 1; UPDATE users SET last_login_at = UTC_TIMESTAMP(3) WHERE id = '${one}';
UPDATE users SET last_login_at = UTC_TIMESTAMP(3) WHERE email = 'crowd${1 + (n * 7919) % CROWD}@crowd.example';
INSERT INTO users (id, email, password_hash, created_at, updated_at) VALUES (UUID(), 'late${n}@crowd.example', '', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`);
	})();
	return async () => {
		going = false;
		await done;
		return n;
	};
}

test(`upgrade: a database of step ${THEN} with people, sessions and keys is brought to the newest while people sign in, and everybody goes on`, async (t) => {
	const user = await newUser({ name: "Of Before" }), tokens = await login(user);
	const before = await shape(), people = (await sql("SELECT COUNT(*) FROM users"))[0][0];
	await build();
	await exchange();
	assert.notDeepEqual(Object.keys(await shape()), Object.keys(before));
	assert.equal((await get("/readyz")).status, 503, "an old schema is not ready");

	await sql(`INSERT INTO users (id, email, password_hash, created_at, updated_at) SELECT UUID(), CONCAT('crowd', seq, '@crowd.example'), '', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) FROM seq_1_to_${CROWD}`);
	const stop = await hammer(user.id);
	assert.match(await follow("upgrade"), new RegExp(`^ok +schema: version ${Number(files.at(-1).slice(0, 4))}$`, "m"));
	await until(async () => (await get("/readyz")).status === 200, 10_000, "ready");
	const late = await stop();
	t.diagnostic(`${late} log-ins and registrations during the upgrade of ${CROWD} users, none of which waited for 1 s`);
	assert.ok(late >= 10);
	assert.deepEqual(await sql("SELECT COUNT(*), SUM(audit_key IS NULL), COUNT(DISTINCT audit_key) = COUNT(*) FROM users"), [[String(Number(people) + CROWD + late), "0", "1"]]);
	await sql("DELETE FROM users WHERE email LIKE '%@crowd.example'");
	assert.deepEqual(await shape(), before, "the same schema as one that was made at once");
	assert.equal((await sql("SELECT COUNT(*) FROM users"))[0][0], people);
	assert.equal(await statusOf(tokens.access_token), 200, "a token of before");
	assert.equal((await post("/auth/refresh", { json: { refresh_token: tokens.refresh_token } })).status, 200, "a session of before");
	assert.equal((await tryLogin(user.email, user.password)).status, 200, "a password of before");
	assert.equal((await get("/users/me", { token: (await login(user)).access_token })).json().name, "Of Before");
	await ctlOk(["role", "grant", user.email, "admin"]);
});
