import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { get } from "./lib/api.mjs";
import { config, DIR, logText, sql } from "./lib/instance.mjs";
import { newUser } from "./lib/users.mjs";

const refuses = (text) => assert.rejects(sql(text, { as: "service" }), /denied/i, text);

test("database: the service's user reads and writes rows", async () => {
	const { email } = await newUser();
	const rows = await sql("SELECT email FROM users", { as: "service" });
	assert.ok(rows.some(([one]) => one === email));
});

test("database: the service's user has no right to define, grant or look elsewhere", async () => {
	for (const text of ["CREATE TABLE intruder (i INT)", "ALTER TABLE users ADD COLUMN intruder INT", "DROP TABLE nothing_here", "TRUNCATE TABLE schema_migrations", "CREATE INDEX intruder ON users (name)",
		"CREATE DATABASE intruder", "CREATE USER intruder", `GRANT ALL ON ${config("db_name")}.* TO ${config("db_user")}@localhost`, "CREATE PROCEDURE intruder() SELECT 1", "SELECT * FROM mysql.global_priv",
		"SELECT 1 INTO OUTFILE '/tmp/latch-intruder'", "SET GLOBAL max_connections = 10", "SHOW GRANTS FOR latch_owner@localhost"])
		await refuses(text);
});

test("database: it listens on a unix socket only", async () => {
	const [[, networking]] = await sql("SHOW VARIABLES LIKE 'skip_networking'");
	assert.equal(networking, "ON");
	assert.ok(statSync(config("db_socket")).isSocket());
});

test("database: private keys lie there encrypted", async () => {
	const rows = await sql("SELECT kid, alg, HEX(sealed) FROM signing_keys");
	assert.ok(rows.length > 0);
	const { keys } = (await get("/.well-known/jwks.json")).json();
	const hex = (text) => Buffer.from(text).toString("hex").toUpperCase();
	for (const [kid, alg, sealed] of rows) {
		assert.ok(sealed.length >= 2 * (32 + 28), `${kid}: ${sealed.length / 2} bytes`);
		/* PEM and JWK texts, the ASN.1 names of P-256, of EC and RSA keys, and the start of PKCS#8. */
		for (const plain of [hex("-----BEGIN"), hex("PRIVATE"), hex('"d"'), "2A8648CE3D030107", "2A8648CE3D0201", "2A864886F70D010101", "020100301306"])
			assert.ok(!sealed.includes(plain), `${kid} (${alg}): ${plain} in the clear`);
		const jwk = keys.find((key) => key.kid === kid);
		for (const part of [jwk?.x, jwk?.y, jwk?.n].filter(Boolean))
			assert.ok(!sealed.includes(Buffer.from(part, "base64url").toString("hex").toUpperCase()), `${kid}: its public half in the clear`);
	}
	assert.equal(new Set(rows.map(([, , sealed]) => sealed.slice(0, 24))).size, rows.length, "a nonce was used twice");
});

test("instance: secrets are nobody else's to read", () => {
	const mode = (path) => statSync(path).mode & 0o777;
	/* Under root they are root's, and the service's group may read them. */
	const open = process.getuid() === 0 ? 0o027 : 0o077;
	assert.equal(mode(join(DIR, "secrets")) & open, 0);
	const files = readdirSync(join(DIR, "secrets"));
	for (const name of ["key", "db-password", "db-owner-password"])
		assert.ok(files.includes(name), name);
	for (const name of files)
		assert.equal(mode(join(DIR, "secrets", name)) & open, 0, name);
	assert.equal(mode(join(DIR, "db")) & 0o007, 0, "db/");
	assert.equal(mode(join(DIR, "run", "latch.sock")) & 0o007, 0, "run/latch.sock");
	assert.equal(mode(join(DIR, "log", "latch.log")) & 0o007, 0, "log/latch.log");
	assert.ok(!existsSync("/tmp/latch-intruder"));
});

test("instance: the log holds no failure of the program in the last minute", () => {
	const since = new Date(Date.now() - 60_000).toISOString();
	const bad = logText().split("\n").filter((line) => /level=error|status=500|Sanitizer|runtime error/.test(line) && !(/time=(\S+)/.exec(line)?.[1] < since));
	assert.deepEqual(bad.slice(0, 5), []);
});
