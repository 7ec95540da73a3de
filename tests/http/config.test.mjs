import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { CHECKOUT, CONF, CTL, FCGI, run } from "./lib/instance.mjs";
import { newPassword, uniqueEmail } from "./lib/users.mjs";

const scratch = mkdtempSync(join(tmpdir(), "latch-config-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

let n = 0;
async function check(text, env = {}) {
	const file = join(scratch, `${n++}.conf`);
	writeFileSync(file, text);
	const done = await run(FCGI, ["--config", file, "--check-config"], { env });
	return { ...done, said: done.stdout + done.stderr, file };
}

const good = readFileSync(CONF, "utf8");

test("config: this instance's passes the check", async () => {
	const done = await run(FCGI, ["--config", CONF, "--check-config"]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
});

test("config: every bad key and value is told at once, with its line", async () => {
	const lines = good.trimEnd().split("\n").length;
	const { code, said } = await check(`${good.trimEnd()}\nnonsense = 1\naccess_ttl_s = soon\n\n# fine\npassword_min = 0\njust words\ntoken_alg = none\nhash_lanes = -1\n`);
	assert.equal(code, 78, said);
	for (const [at, word] of [[1, "nonsense"], [2, "access_ttl_s"], [5, "password_min"], [6, ""], [7, "token_alg"], [8, "hash_lanes"]]) {
		const complaint = said.split("\n").find((line) => new RegExp(`\\b${lines + at}\\b`).test(line));
		assert.ok(complaint?.includes(word), `line ${lines + at} (${word}) is not named:\n${said}`);
	}
});

test("config: a prefix of tables is what can stand in SQL, and short", async () => {
	for (const prefix of ["`", "a-b", "A", "a b", "a.b", "ä", "a;b", "{", "x".repeat(17)]) {
		const { code, said } = await check(`${good.trimEnd()}\ndb_table_prefix = ${prefix}\n`);
		assert.equal(code, 78, prefix);
		assert.match(said, /db_table_prefix/);
	}
	for (const prefix of ["", "a", "_", "7", "auth_", "x".repeat(16)])
		assert.equal((await check(`${good.trimEnd()}\ndb_table_prefix = ${prefix}\n`)).code, 0, prefix);
});

test("config: what a web server says of a request is no setting", async () => {
	const said = { LATCH_REQUIRE: "user", LATCH_URI: "/", LATCH_METHOD: "GET" };
	assert.equal((await check(good, said)).code, 0);
	assert.equal((await check(good, { LATCH_REQUIRES: "user" })).code, 78);
});

test("config: a key given twice is told", async () => {
	const { code, said } = await check(`${good.trimEnd()}\npassword_min = 9\npassword_min = 10\n`);
	assert.equal(code, 78, said);
	assert.match(said, /password_min/);
});

test("config: the environment wins over the file, and is checked too", async () => {
	const bad = await check(good, { LATCH_PASSWORD_MIN: "many", LATCH_ACCESS_TTL_S: "0" });
	assert.equal(bad.code, 78, bad.said);
	assert.match(bad.said, /password_min/i);
	assert.match(bad.said, /access_ttl_s/i);
	/* The same short password, with the file's minimum and with the environment's. */
	const add = (env) => run(CTL, ["--config", CONF, "user", "add", uniqueEmail()], { input: `${newPassword()}\n`, env });
	assert.equal((await add({})).code, 0);
	const refused = await add({ LATCH_PASSWORD_MIN: "64" });
	assert.equal(refused.code, 1, refused.stdout + refused.stderr);
});

test("config: a file that is not there, or a key file that others can read, is told", async () => {
	const done = await run(FCGI, ["--config", join(scratch, "nowhere.conf"), "--check-config"]);
	assert.equal(done.code, 78, done.stdout + done.stderr);
	assert.match(done.stdout + done.stderr, /nowhere\.conf/);
	const key = join(scratch, "key");
	writeFileSync(key, `${"ab".repeat(32)}\n`, { mode: 0o644 });
	const open = await check(good.replace(/^key_file.*$/m, `key_file = ${key}`));
	assert.equal(open.code, 78, open.said);
	assert.match(open.said, /key/);
	writeFileSync(join(scratch, "short"), "abcd\n", { mode: 0o600 });
	const short = await check(good.replace(/^key_file.*$/m, `key_file = ${join(scratch, "short")}`));
	assert.equal(short.code, 78, short.said);
});

test("config: complaints hold no secret", async () => {
	const { code, said } = await check(`${good.trimEnd()}\ndb_password\ndb_passwort = Sesam-oeffne\n`);
	assert.equal(code, 78, said);
	assert.ok(!said.includes("Sesam-oeffne"), said);
});

test("config: a worker with a bad one refuses to start", async () => {
	const file = join(scratch, "bad.conf");
	writeFileSync(file, "nonsense = 1\n");
	const done = await run(FCGI, ["--config", file]);
	assert.equal(done.code, 78, done.stdout + done.stderr);
	assert.match(done.stderr, /nonsense/);
});

test("config: the sample names every key, is good by itself, and so says the manual", async () => {
	const sample = (await run(FCGI, ["--sample-config"])).stdout;
	const keys = [...sample.matchAll(/^#?\s*([a-z0-9_]+) =/gm)].map(([, key]) => key);
	assert.ok(keys.length >= 30, sample);
	for (const key of [...good.matchAll(/^\s*([a-z0-9_]+)\s*=/gm)].map(([, k]) => k))
		assert.ok(keys.includes(key), `${key} is not in the sample`);
	const manual = readFileSync(join(CHECKOUT, "fcgi-app/man/latch.conf.5"), "utf8");
	for (const key of keys)
		assert.ok(manual.includes(key), `latch.conf.5 lacks ${key}`);
	for (const line of (await check(sample)).said.split("\n"))
		assert.doesNotMatch(line, /unknown|twice/i);
});

test("config: --version and --help of both programs", async () => {
	for (const program of [FCGI, CTL]) {
		const version = await run(program, ["--version"]);
		assert.equal(version.code, 0);
		assert.match(version.stdout, /latch\S* \d+\.\d+/);
		const help = await run(program, ["--help"]);
		assert.equal(help.code, 0);
		assert.match(help.stdout, /--config/);
		assert.equal((await run(program, ["--nonsense"])).code, 2);
	}
});
