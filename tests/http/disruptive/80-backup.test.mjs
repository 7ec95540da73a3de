/* Backup, restore and rotation, by the very commands of docs/operations.md. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { get, post } from "../lib/api.mjs";
import { config, ctl, ctlOk, DIR, q, sql, until, workers } from "../lib/instance.mjs";
import { npm } from "../lib/npm.mjs";
import { administrator, follow, followInVain } from "../lib/operations.mjs";
import { login, newSession, newUser, statusOf, tryLogin } from "../lib/users.mjs";

const { decodeProtectedHeader } = await npm("jose");

const BACKUP = mkdtempSync(join(tmpdir(), "latch-backup-")), SECRETS = mkdtempSync(join(tmpdir(), "latch-secrets-"));
after(() => [BACKUP, SECRETS, join(DIR, "secrets", "key.old")].forEach((one) => rmSync(one, { recursive: true, force: true })));
const where = { BACKUP, SECRETS };
const kidOf = (token) => decodeProtectedHeader(token).kid;
const secret = (name) => readFileSync(join(DIR, "secrets", name), "utf8").trim();
const ready = () => until(async () => (await get("/readyz")).status === 200, 20_000, "ready");
const refresh = (token) => post("/auth/refresh", { json: { refresh_token: token }, documented: false });
const counts = async () => sql("SELECT (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM sessions), (SELECT COUNT(*) FROM signing_keys), (SELECT COUNT(*) FROM role_permissions)");

test("backup: what the page says keeps everything, and restores it after the database and the key file are lost", async () => {
	const early = await newUser(), tokens = await login(early);
	const before = await counts();
	await follow("backup", where);
	assert.match(readFileSync(join(BACKUP, "latch.sql"), "utf8"), /-- Dump completed/);
	assert.equal(statSync(join(BACKUP, "latch.sql")).mode & 0o077, 0, "a backup is for nobody else");
	assert.ok(!readFileSync(join(BACKUP, "latch.sql"), "utf8").includes(secret("key")), "the key is in the backup of the database");
	const late = await newUser();
	await ctlOk(["user", "set-password", early.email], { input: `${early.password}2\n` });
	const then = await login({ ...early, password: `${early.password}2` });

	await administrator("DROP DATABASE latch");
	rmSync(join(DIR, "secrets", "key"));
	assert.equal((await get("/readyz")).status, 503);
	assert.notEqual((await ctl(["doctor"])).code, 0);

	assert.match(await follow("restore", where), /^ok +signing keys/m);
	await ready();
	assert.deepEqual(await counts(), before);
	assert.equal((await tryLogin(early.email, early.password)).status, 200, "the password of then");
	assert.equal((await tryLogin(early.email, `${early.password}2`)).status, 401);
	assert.equal((await tryLogin(late.email, late.password)).status, 401, "who registered afterwards is not there");
	for (const token of [tokens.access_token, then.access_token])
		assert.equal(await statusOf(token), 401, "sessions of before ended");
	for (const token of [tokens.refresh_token, then.refresh_token])
		assert.equal((await refresh(token)).status, 401);
	assert.equal(kidOf((await login(early)).access_token), kidOf(tokens.access_token), "the signing key is the one of before");
});

test("backup: one that fails leaves the last good one, and a restore of one that is not whole leaves all as it is", async () => {
	const good = readFileSync(join(BACKUP, "latch.sql")), before = await counts(), key = secret("key"), pool = workers();
	/* Nobody answers there. */
	await followInVain("backup", { ...where, DIR: join(BACKUP, "nothing") });
	assert.deepEqual(readFileSync(join(BACKUP, "latch.sql")), good);
	await follow("backup", where);
	assert.deepEqual(readFileSync(join(BACKUP, "latch.sql.before")), good, "the one before is kept");

	const broken = join(BACKUP, "broken"), without = join(BACKUP, "without");
	for (const folder of [broken, without])
		mkdirSync(folder);
	writeFileSync(join(broken, "latch.sql"), good.subarray(0, good.length / 2));
	copyFileSync(join(BACKUP, "latch.sql"), join(without, "latch.sql"));
	for (const wrong of [{ BACKUP: broken }, { BACKUP: join(BACKUP, "nothing") }, { BACKUP: without, SECRETS: without }])
		await followInVain("restore", { ...where, ...wrong });
	/* Whole at its end, and of it a line that is none. */
	writeFileSync(join(broken, "latch.sql"), String(good).replace(/^INSERT INTO `users`.*$/m, "INSERT INTO nothing"));
	assert.match(await followInVain("restore", { ...where, BACKUP: broken }), /ERROR/);
	assert.deepEqual([await counts(), secret("key"), workers()], [before, key, pool], "nothing was touched");
	await administrator("DROP DATABASE latch_restored");
});

test("a lost key file: without it nothing is ready; by what the page says accounts go on, and the audit begins anew", async () => {
	const user = await newUser(), tokens = await login(user);
	const [[lines]] = await sql("SELECT COUNT(*) FROM audit");
	await sql("CREATE TABLE audit_secret_kept AS SELECT * FROM audit_secret; UPDATE audit_secret SET sealed = REVERSE(sealed)");
	const found = await ctl(["doctor"]);
	await sql("DELETE FROM audit_secret; INSERT INTO audit_secret SELECT * FROM audit_secret_kept; DROP TABLE audit_secret_kept");
	assert.match(found.stdout, /^FAIL .*audit's secret does not open/m);
	assert.equal(found.code, 1);

	rmSync(join(DIR, "secrets", "key"));
	assert.notEqual((await ctl(["doctor"])).code, 0);
	assert.match(await follow("lost-key"), /^ok +signing keys/m);
	await ready();
	assert.equal((await tryLogin(user.email, user.password)).status, 200, "the password is what it was");
	assert.equal(await statusOf(tokens.access_token), 401);
	assert.equal((await refresh(tokens.refresh_token)).status, 401);
	assert.match((await ctlOk(["audit", "verify"])), /: all as they were written$/m);
	const [[table]] = await sql("SHOW TABLES LIKE 'audit\\_until%'");
	assert.ok(Number((await sql(`SELECT COUNT(*) FROM ${table}`))[0][0]) >= Number(lines), "the lines of before are kept");
	await administrator(`DROP TABLE ${table}`, "latch");
});

test("an audit that was altered: by what the page says it is kept as evidence, and the next fault shows", async () => {
	const user = await newUser();
	const alter = () => sql(`UPDATE audit SET event = 'user.enable' WHERE subject = ${q(user.id)} LIMIT 1`);
	await alter();
	assert.equal((await ctl(["audit", "verify"])).code, 1);
	assert.match(await follow("new-audit", where), /: all as they were written$/m);
	assert.match(readFileSync(join(BACKUP, "audit-verify.txt"), "utf8"), /1 faults/);
	assert.match(String(readFileSync(join(BACKUP, "audit.sql"))), /'user\.enable'/, "the altered line is in the dump");
	await login(user);
	assert.match(await ctlOk(["audit", "verify"]), /^[1-9]\d* lines .*: all as they were written$/m);
	await alter();
	assert.equal((await ctl(["audit", "verify"])).code, 1);
	await follow("new-audit", where);
});

test("rotation: signing keys, as the page says: the next one is there, and nobody is refused", async () => {
	const user = await newSession();
	const before = (await sql("SELECT COUNT(*) FROM signing_keys WHERE retired_at IS NULL"))[0][0];
	await follow("rotate-signing-keys");
	assert.equal((await sql("SELECT COUNT(*) FROM signing_keys WHERE retired_at IS NULL"))[0][0], String(Number(before) + 1));
	assert.equal(await statusOf(user.token), 200);
});

test("rotation: a signing key that was seen, as the page says: its tokens are refused, others sign", async () => {
	const user = await newUser(), { access_token: old } = await login(user);
	await follow("replace-signing-key", { KID: kidOf(old) });
	await until(async () => await statusOf(old) === 401, 10_000, "refused");
	const { access_token: fresh } = await login(user);
	assert.notEqual(kidOf(fresh), kidOf(old));
	assert.equal(await statusOf(fresh), 200);
});

test("rotation: the key file, as the page says: signing keys go on under the new one, and what hangs on the old one ends", async () => {
	const user = await newUser(), tokens = await login(user);
	const [old, pool] = [secret("key"), workers()];
	assert.match(await follow("rotate-key-file"), /signing keys are sealed under/);
	await ready();
	assert.notEqual(secret("key"), old);
	assert.equal(secret("key.old"), old);
	assert.equal(statSync(join(DIR, "secrets", "key")).mode, statSync(join(DIR, "secrets", "key.old")).mode);
	assert.ok(workers().every((pid) => !pool.includes(pid)), "a worker of before runs on with the old key file");
	assert.equal(await statusOf(tokens.access_token), 200, "access tokens are the signing keys', and good until they expire");
	assert.equal((await refresh(tokens.refresh_token)).status, 401, "a refresh token of before");
	const fresh = await login(user);
	assert.equal(kidOf(fresh.access_token), kidOf(tokens.access_token), "the signing key is the same");
	assert.equal((await refresh(fresh.refresh_token)).status, 200);
	assert.match(await ctlOk(["keys", "reseal", join(DIR, "secrets", "key.old")]), /^0 signing keys/, "a second time there is nothing to do");
	const both = ["key", "key.old"].map(secret);
	assert.match(await followInVain("rotate-key-file"), /key\.old is there/);
	assert.deepEqual(["key", "key.old"].map(secret), both, "and the whole of it again would leave no key that opens anything");
});

test("keys reseal: a key that neither file opens stops it, and no other is changed", async () => {
	const rows = () => sql("SELECT kid, HEX(sealed) FROM signing_keys ORDER BY kid");
	await sql("INSERT INTO signing_keys (kid, alg, sealed, created_at, sign_from) VALUES ('zz-broken', 'ES256', REPEAT('x', 100), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) - INTERVAL 1 YEAR)");
	try {
		const before = await rows();
		const done = await ctl(["keys", "reseal", join(DIR, "secrets", "key.old")]);
		assert.equal(done.code, 1);
		assert.match(done.stderr, /neither/);
		assert.deepEqual(await rows(), before);
		for (const [file, complaint] of [["nothing", /nothing/], ["../latch.conf", /latch\.conf/]])
			assert.match((await ctl(["keys", "reseal", join(DIR, "secrets", file)])).stderr, complaint);
	} finally {
		await sql("DELETE FROM signing_keys WHERE kid = 'zz-broken'");
	}
});

test("rotation: the database's passwords, as the page says: the pool goes on with the new ones", async () => {
	const user = await newSession();
	const old = ["db-password", "db-owner-password"].map(secret), pool = workers();
	await follow("rotate-database-passwords");
	await ready();
	["db-password", "db-owner-password"].forEach((name, i) => assert.notEqual(secret(name), old[i], name));
	assert.ok(workers().every((pid) => !pool.includes(pid)), "a worker of before cannot connect again");
	assert.equal(await statusOf(user.token), 200);
	/* Connections of before are cut: whoever connects anew needs the new password. */
	for (const [id] of await administrator(`SELECT id FROM information_schema.processlist WHERE user = ${q(config("db_user"))}`))
		await administrator(`KILL ${id}`);
	await until(async () => await statusOf(user.token) === 200, 5000, "a new connection");
	await ctlOk(["migrate"]);
});
