/* The last of all: it drops every table and builds the schema anew. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { get } from "../lib/api.mjs";
import { CHECKOUT, ctl, ctlOk, DIR, logText, sql, until, workers } from "../lib/instance.mjs";
import { login, MAIL_DOMAIN, newUser, PASSWORD_MARK, statusOf } from "../lib/users.mjs";

const files = readdirSync(join(CHECKOUT, "schema")).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort();
const rows = () => sql("SELECT version, name, checksum FROM schema_migrations ORDER BY version");
const tables = async () => (await sql("SHOW TABLES")).map(([name]) => name);
async function shape() {
	const out = {};
	for (const table of await tables())
		out[table] = (await sql(`SHOW CREATE TABLE \`${table}\``))[0][1].replace(/ AUTO_INCREMENT=\d+/, "");
	return out;
}

async function refused(what) {
	const done = await ctl(["migrate"]);
	assert.equal(done.code, 1, `${what}: ${done.stdout}${done.stderr}`);
	assert.ok(done.stderr.trim(), what);
	return done.stderr;
}

test("log: in all that these suites did, no password, no token, no address was written", () => {
	for (const name of ["latch", "up"]) {
		const text = logText(name);
		for (const mark of [PASSWORD_MARK, MAIL_DOMAIN, "eyJ", "argon2id$"])
			assert.ok(!text.includes(mark), `${name}.log holds ${mark}: ${text.split("\n").find((line) => line.includes(mark))}`);
	}
	assert.ok(logText().length > 1000);
});

test("migrate: every file of schema/ is recorded by number, name and checksum", async () => {
	const recorded = await rows();
	assert.deepEqual(recorded.map(([version]) => Number(version)), files.map((name) => Number(name.slice(0, 4))));
	const { createHash } = await import("node:crypto");
	files.forEach((name, i) => assert.equal(recorded[i][2], createHash("sha256").update(readFileSync(join(CHECKOUT, "schema", name), "utf8").replace(/[{}]/g, "")).digest("hex"), name));
});

test("migrate: a changed migration is refused, and nothing is touched", async () => {
	const before = await shape();
	const [[checksum]] = await sql("SELECT checksum FROM schema_migrations WHERE version = 1");
	await sql("UPDATE schema_migrations SET checksum = REPEAT('0', 64) WHERE version = 1");
	try {
		assert.match(await refused("a changed checksum"), /0001|1|checksum|changed/i);
		assert.deepEqual(await shape(), before);
	} finally {
		await sql(`UPDATE schema_migrations SET checksum = '${checksum}' WHERE version = 1`);
	}
	await ctlOk(["migrate"]);
});

test("migrate: a step that was another text when it was applied, and says so, goes on; a part of that checksum does not", async () => {
	const was = /checksum ([0-9a-f]{64})/.exec(readFileSync(join(CHECKOUT, "schema/0010_audit.sql"), "utf8"))[1];
	const [[checksum]] = await sql("SELECT checksum FROM schema_migrations WHERE version = 10");
	try {
		for (const [text, code] of [[was, 0], [was.slice(1), 1], ["", 1]]) {
			await sql(`UPDATE schema_migrations SET checksum = '${text}' WHERE version = 10`);
			assert.equal((await ctl(["migrate"])).code, code, text);
		}
	} finally {
		await sql(`UPDATE schema_migrations SET checksum = '${checksum}' WHERE version = 10`);
	}
	await ctlOk(["migrate"]);
});

test("migrate: a schema newer than the program is refused", async () => {
	await sql("INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (9999, 'future', REPEAT('a', 64), NOW(3))");
	try {
		await refused("a newer schema");
		assert.notEqual((await ctl(["doctor"])).code, 0, "doctor is content with a newer schema");
	} finally {
		await sql("DELETE FROM schema_migrations WHERE version = 9999");
	}
	await ctlOk(["migrate"]);
});

test("readyz: not ready while a migration is missing, ready when it is there", async () => {
	const last = (await sql("SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version DESC LIMIT 1"))[0];
	await sql(`DELETE FROM schema_migrations WHERE version = ${last[0]}`);
	try {
		assert.equal((await get("/readyz")).status, 503);
	} finally {
		await sql(`INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (${last.map((v) => `'${v}'`).join(", ")})`);
	}
	assert.equal((await get("/readyz")).status, 200);
});

test("migrate: four at once on an empty database build one schema", async () => {
	const [before, recorded, pool] = [await shape(), await rows(), workers()];
	await sql(`SET FOREIGN_KEY_CHECKS = 0; ${(await tables()).map((name) => `DROP TABLE \`${name}\`;`).join(" ")}`);
	assert.deepEqual(await tables(), []);
	assert.notEqual((await get("/readyz")).status, 200);
	const done = await Promise.all([1, 2, 3, 4].map(() => ctl(["migrate"])));
	for (const { code, stdout, stderr } of done)
		assert.equal(code, 0, stdout + stderr);
	assert.deepEqual(await shape(), before);
	assert.deepEqual(await rows(), recorded);
	await ctlOk(["keys", "create", "--if-missing"]);
	await ctlOk(["keys", "create", "--if-missing"]);
	assert.deepEqual(await sql("SELECT COUNT(*) FROM signing_keys"), [["1"]]);
	await until(async () => (await get("/readyz")).status === 200, 10_000, "ready");
	const token = await until(async () => {
		const answer = await newUser().then(login, () => null);
		return answer?.access_token;
	}, 10_000, "a login with the new key");
	await until(async () => (await Promise.all(Array.from({ length: 16 }, () => statusOf(token)))).every((s) => s === 200), 10_000, "every worker");
	assert.deepEqual(workers(), pool, "a worker died of it");
});

test("instance: its programs and settings belong to no service user that could change them", async (t) => {
	if (process.getuid() !== 0)
		return t.skip("not root");
	const { statSync } = await import("node:fs");
	for (const name of ["app/latch-fcgi", "app/latchctl", "latch.conf", "secrets", "secrets/key", "secrets/db-password", "secrets/db-owner-password"])
		assert.equal(statSync(join(DIR, name)).uid, 0, name);
});
