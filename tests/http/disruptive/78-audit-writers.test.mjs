/* The audit with many writers at once, with workers that are killed while they write, with a database that refuses, and when its time is over. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { call, post } from "../lib/api.mjs";
import { age } from "../lib/audit.mjs";
import { ctl, ctlOk, logText, q, sleep, sql, until, up, workers } from "../lib/instance.mjs";
import { administrator } from "../lib/operations.mjs";
import { atOnce } from "../lib/sessions.mjs";
import { login, newPassword, newUser, tryLogin, uniqueEmail } from "../lib/users.mjs";

const count = async (where) => Number((await sql(`SELECT COUNT(*) FROM audit WHERE ${where}`))[0][0]);
const holds = async () => {
	const done = await ctl(["audit", "verify"]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
};
const deadlocks = async () => Number((await sql("SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'INNODB_DEADLOCKS'"))[0]?.[0] ?? 0);
let user;

before(async () => {
	user = await newUser();
});

test("audit: eight at once, 500 log-outs, then 100 accounts: each has its one line, nobody loses a deadlock, the chains hold", async () => {
	const before = await deadlocks(), accounts = [];
	for (let i = 0; i < 10; i++) { /* nobody has more than a hundred sessions */
		const tokens = [];
		await atOnce(Array.from({ length: 50 }), async () => tokens.push((await login(user)).access_token), 3);
		await atOnce(tokens, async (token) => assert.equal((await post("/auth/logout", { token, json: {} })).status, 204), 8);
	}
	await atOnce(Array.from({ length: 100 }), async () => accounts.push((await newUser()).id), 3);
	assert.equal(await count(`event = 'session.logout' AND subject = ${q(user.id)}`), 500);
	assert.equal(await count(`event = 'session.login' AND outcome = 'ok' AND subject = ${q(user.id)}`), 500);
	assert.deepEqual(await sql(`SELECT COUNT(*), COUNT(DISTINCT subject) FROM audit WHERE event = 'user.register' AND subject IN (${accounts.map(q).join()})`), [["100", "100"]]);
	assert.equal(await deadlocks(), before);
	assert.doesNotMatch(logText(), /error 1213/);
	await holds();
});

test("audit: workers killed by SIGKILL while they write, 30 times: every account that is there has its one line, and the chains hold", async () => {
	const emails = [];
	let going = true;
	const [[since]] = await sql("SELECT COALESCE(MAX(id), '') FROM audit");
	const writers = Array.from({ length: 6 }, async () => {
		while (going) {
			const email = uniqueEmail("killed");
			emails.push(email);
			await call("POST", "/auth/register", { json: { email, password: newPassword() }, documented: false, patient: false }).catch(() => {});
		}
	});
	for (let i = 0; i < 30; i++) {
		await sleep(100);
		const all = workers();
		if (all.length > 0)
			process.kill(all[i % all.length], "SIGKILL");
		if (workers().length < 4)
			await up();
	}
	going = false;
	await Promise.all(writers);
	await up();
	const [[there, lines]] = await sql(`SELECT COUNT(*), COALESCE(SUM((SELECT COUNT(*) FROM audit a WHERE a.subject = u.id AND a.event = 'user.register')), 0) FROM users u WHERE u.email IN (${emails.map(q).join()})`);
	assert.ok(Number(there) > 20, `only ${there} accounts were made`);
	assert.equal(lines, there);
	assert.equal(await count(`event = 'user.register' AND id > ${q(since)} AND subject NOT IN (SELECT id FROM users)`), 0, "a line of an account that was never made");
	await holds();
});

test("audit: where the line cannot be written nothing is done, and a wrong password is no success", async () => {
	const session = await login(user), email = uniqueEmail("unwritten");
	await sql("RENAME TABLE audit TO audit_away");
	try {
		assert.equal((await call("POST", "/auth/register", { json: { email, password: newPassword() }, patient: false })).status, 503);
		assert.equal((await tryLogin(user.email, user.password, { patient: false })).status, 503);
		assert.equal((await tryLogin(user.email, "not that one", { patient: false })).status, 503);
		assert.equal((await call("POST", "/auth/logout", { token: session.access_token, json: {}, patient: false })).status, 503);
	} finally {
		await sql("RENAME TABLE audit_away TO audit");
	}
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM users WHERE email = ${q(email)}`), [["0"]]);
	const again = await until(async () => {
		const answer = await call("POST", "/auth/logout", { token: session.access_token, json: {}, patient: false });
		return answer.status !== 503 && answer;
	}, 10_000, "the service's return");
	assert.equal(again.status, 204, "the session had not ended");
	await ctlOk(["user", "enable", user.email]);
	await holds();
});

/* ---- Retention --------------------------------------------------------------------------------------------------------- */

const longest = async () => (await sql("SELECT chain, first, n FROM audit_chains ORDER BY n + 1 - first DESC LIMIT 1"))[0].map(Number);

test("audit: what is older than audit_days goes from a chain's beginning, by latchctl gc; the rest holds", async () => {
	const [chain, first, n] = await longest();
	const kept = await count(`chain <> ${chain}`);
	assert.ok(n - first >= 20);
	await age(chain, 3, 364);
	await ctlOk(["gc"]);
	assert.equal(await count(`chain = ${chain} AND n < ${first + 3}`), 3, "a day early");
	await age(chain, 12, 2);
	await holds();
	assert.match(await ctlOk(["gc"]), /^lines of the audit older than audit_days: 3 rows,/m);
	assert.deepEqual(await sql(`SELECT first FROM audit_chains WHERE chain = ${chain}`), [[String(first + 3)]]);
	assert.equal(await count(`chain = ${chain} AND n < ${first + 3}`), 0);
	assert.ok(await count(`chain <> ${chain}`) >= kept);
	await holds();
});

test("audit: the workers remove what is old, too", async () => {
	const [chain, first] = await longest();
	await age(chain, 5, 400);
	await sql("UPDATE housekeeping SET due_at = '1970-01-01' WHERE name = 'audit'");
	await until(async () => {
		await Promise.all(Array.from({ length: 16 }, () => call("GET", "/readyz")));
		return (await count(`chain = ${chain} AND n < ${first + 5}`)) === 0;
	}, 60_000, "the removal");
	await holds();
});

test("audit: a line whose age was forged stays, and what lies behind it", async () => {
	const [chain, first] = await longest();
	await sql(`UPDATE audit SET at = at - INTERVAL 4000 DAY WHERE chain = ${chain} AND n IN (${first}, ${first + 1})`);
	try {
		assert.match(await ctlOk(["gc"]), /^lines of the audit older than audit_days: 0 rows,/m);
		assert.equal(await count(`chain = ${chain} AND n IN (${first}, ${first + 1})`), 2, "evidence is not removed");
	} finally {
		await sql(`UPDATE audit SET at = at + INTERVAL 4000 DAY WHERE chain = ${chain} AND n IN (${first}, ${first + 1})`);
	}
	await holds();
});

test("clean-up: where the database's clock is a year from this machine's nothing is removed, and it says so", async () => {
	const session = await login(user), counted = async () => (await sql("SELECT (SELECT COUNT(*) FROM audit), (SELECT COUNT(*) FROM sessions), (SELECT COUNT(*) FROM throttles)"))[0];
	assert.equal((await tryLogin(user.email, "not that one")).status, 401);
	for (const [days, times] of [[400, 4], [-400, 3]]) { /* behind, no line of the audit looks old */
		const before = await counted();
		await administrator(`SET GLOBAL init_connect = 'SET timestamp = UNIX_TIMESTAMP() + ${days} * 86400'`);
		try {
			const done = await ctl(["gc"]);
			assert.equal(done.code, 0, done.stderr);
			assert.match(done.stdout, /^0 rows removed /m);
			assert.equal(done.stderr.match(/the database's clock is -?\d{11} ms ahead of this machine's: nothing is removed/g)?.length, times, done.stderr);
		} finally {
			await administrator("SET GLOBAL init_connect = ''");
		}
		assert.deepEqual(await counted(), before);
	}
	assert.equal((await call("POST", "/auth/logout", { token: session.access_token, json: {} })).status, 204);
	await holds();
});

test("audit: a line that the database's clock dated too early stays as long as its id says", async () => {
	const [chain, first] = await longest();
	await age(chain, 4, 400, { ids: false });
	await holds();
	assert.match(await ctlOk(["gc"]), /^lines of the audit older than audit_days: 0 rows,/m);
	assert.equal(await count(`chain = ${chain} AND n < ${first + 4}`), 4);
	await age(chain, 4, -400, { ids: false });
	await holds();
});
