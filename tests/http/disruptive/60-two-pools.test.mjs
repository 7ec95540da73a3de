/*
 * Two pools of workers on one database, each behind a web server of its own, as two machines would be: what ends on one is
 * heard of on the other. And what /auth/verify asks the database, and does without it.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { expectProblem, get } from "../lib/api.mjs";
import { databaseBack, databaseRuns, startDatabase, stopDatabase } from "../lib/database.mjs";
import { BASE, CHECKOUT, config, ctlOk, DIR, pidOf, q, run, sleep, SOCKET, sql, until, up } from "../lib/instance.mjs";
import { freePort } from "../lib/mount.mjs";
import { newTokens, signIn, verify, verifyStatuses } from "../lib/sessions.mjs";
import { newPassword, statusOf } from "../lib/users.mjs";

const WITHIN_MS = 1000;
const MAX_AGE_S = 2;
const size = Number(config("workers"));

/* ---- The other pool ---- */

const scratch = mkdtempSync(join(tmpdir(), "latch-pool-"));
chmodSync(scratch, 0o755);
const other = { dir: join(scratch, "stack") };
const deploy = (program, ...words) => run(join(CHECKOUT, "deploy", program), ["--dir", other.dir, ...words], { timeout: 120_000, env: { ...(process.env.LATCH_BUILD && { LATCH_BUILD: process.env.LATCH_BUILD }) } });

const WAS = config("revocation_max_age_s");
before(async () => {
	assert.equal((await up(["--set", `revocation_max_age_s=${MAX_AGE_S}`])).code, 0);
	const port = await freePort();
	other.base = `http://127.0.0.1:${port}`;
	const settings = { db_socket: SOCKET(), key_file: join(DIR, "secrets", "key"), db_password_file: join(DIR, "secrets", "db-password"), db_owner_password_file: join(DIR, "secrets", "db-owner-password"),
		public_url: config("public_url"), service_name: config("service_name"), argon2_memory_kib: config("argon2_memory_kib"), argon2_passes: config("argon2_passes") };
	const done = await deploy("up", "--port", String(port), "--workers", String(size), ...Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]));
	assert.equal(done.code, 0, done.stdout + done.stderr);
	const stopped = await stopOwnDatabase();
	assert.equal(stopped.code, 0, stopped.stderr);
});
after(async () => {
	const stopped = await deploy("down");
	rmSync(scratch, { recursive: true, force: true });
	await databaseRuns();
	assert.equal((await up(["--set", `revocation_max_age_s=${WAS}`])).code, 0);
	assert.equal(stopped.code, 0, stopped.stdout + stopped.stderr);
});

/* deploy/up has started one that nobody uses: its end shows that. */
const stopOwnDatabase = () => run("sh", ["-c", 'here=$1 dir=$2 program=test; . "$here/deploy/lib/instance.sh"; stop_db', "sh", CHECKOUT, other.dir]);

/* Without the conventions' checks, which look at this instance alone. */
const POOLS = { "one pool": BASE, get "the other"() { return other.base; } };
const ask = (base, path, { token, cookie, method = "GET", json } = {}) => fetch(base + path, { method, headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(cookie && { Cookie: cookie }), ...(json && { "Content-Type": "application/json" }) }, ...(json && { body: JSON.stringify(json) }), signal: AbortSignal.timeout(10_000) });
async function statuses(base, token, times = 3 * size) {
	const all = await Promise.all(Array.from({ length: times }, async () => {
		const answer = await ask(base, "/auth/verify", { token });
		await answer.arrayBuffer();
		return answer.status;
	}));
	return [...new Set(all)].sort();
}

/* Each ends a session of `user` by the pool at `base`; latchctl is neither. */
const ENDS = {
	"logout": (base, user) => ask(base, "/auth/logout", { method: "POST", token: user.access_token }),
	"logout by the refresh token": (base, user) => ask(base, "/auth/logout", { method: "POST", json: { refresh_token: user.refresh_token } }),
	"logout everywhere": (base, user) => ask(base, "/auth/logout", { method: "POST", token: user.other.access_token, json: { everywhere: true } }),
	"a password change": (base, user) => ask(base, "/users/me/password", { method: "POST", token: user.other.access_token, json: { current_password: user.password, new_password: newPassword() } }),
	"deletion": (base, user) => ask(base, "/users/me/delete", { method: "POST", token: user.other.access_token, json: { current_password: user.password } }),
	"its owner": (base, user) => ask(base, `/users/me/sessions/${user.sid}`, { method: "DELETE", token: user.other.access_token }),
	"the end of all others": (base, user) => ask(base, "/users/me/sessions", { method: "DELETE", token: user.other.access_token }),
	"a replay": async (base, user) => {
		let token = user.refresh_token;
		for (let i = 0; i < 2; i++)
			token = (await (await ask(base, "/auth/refresh", { method: "POST", json: { refresh_token: token } })).json()).refresh_token;
		const answer = await ask(base, "/auth/refresh", { method: "POST", json: { refresh_token: user.refresh_token } });
		return { status: answer.status === 401 ? 204 : answer.status };
	},
	"latchctl user disable": async (base, user) => ({ status: (await ctlOk(["user", "disable", user.id])) && 204 }),
	"latchctl user set-password": async (base, user) => ({ status: (await ctlOk(["user", "set-password", user.email, "--generate-password"])) && 204 }),
	"latchctl user delete": async (base, user) => ({ status: (await ctlOk(["user", "delete", user.id, "--yes"])) && 204 }),
};

test("two pools: a token of the one is good on the other", async () => {
	const user = await newTokens();
	for (const base of Object.values(POOLS)) {
		assert.deepEqual(await statuses(base, user.access_token), [200]);
		const fresh = await ask(base, "/auth/refresh", { method: "POST", json: { refresh_token: (await signIn(user)).refresh_token } });
		assert.equal(fresh.status, 200);
		assert.equal(await statusOf((await fresh.json()).access_token), 200);
	}
	assert.equal(readFileSync(join(other.dir, "log", "latch.log"), "utf8").includes("level=error"), false);
});

test("two pools: a session that ended, whatever ended it and on which, is refused by every worker of both within 1 s, and at once where the database is read", async (t) => {
	let slowest = 0;
	/* Some at a time: what is measured is latch, and not this machine's queue. */
	const rounds = Object.entries(ENDS).flatMap(([what, end]) => (what.startsWith("latchctl") ? [[what, end, BASE]] : Object.entries(POOLS).map(([name, base]) => [`${what}, on ${name}`, end, base])));
	for (let at = 0; at < rounds.length; at += 10)
		await Promise.all(rounds.slice(at, at + 10).map(async ([what, end, where]) => {
			const user = await newTokens();
			user.other = await signIn(user);
			for (const base of [...Object.values(POOLS), ...Object.values(POOLS)])
				assert.deepEqual(await statuses(base, user.access_token), [200], what);
			const done = await end(where, user);
			const ended = performance.now();
			assert.equal(done.status, 204, what);
			for (const base of Object.values(POOLS))
				assert.equal((await ask(base, "/users/me", { token: user.access_token })).status, 401, `${what}: at once`);
			await sleep(Math.max(0, WITHIN_MS - (performance.now() - ended)));
			slowest = Math.max(slowest, performance.now() - ended);
			for (const [name, base] of Object.entries(POOLS))
				assert.deepEqual(await statuses(base, user.access_token), [401], `${what}: ${name} after ${WITHIN_MS} ms`);
		}));
	t.diagnostic(`${rounds.length} ends, looked at no later than ${slowest.toFixed(0)} ms after`);
});

/* For the test at the end: the other pool knows both, the first session ends on this one, and until then nobody asks the other. */
const idle = {};
test("two pools: a session ends while nobody asks the other pool", async () => {
	const user = await newTokens();
	Object.assign(idle, { gone: await signIn(user), stays: await signIn(user) });
	for (const tokens of [idle.gone, idle.stays, idle.gone])
		assert.deepEqual(await statuses(other.base, tokens.access_token), [200]);
	await sleep(1000);
	assert.equal((await ENDS.logout(BASE, idle.gone)).status, 204);
	/* As by a transaction that took so long; with the time until the end of this file more than the feed reaches back for a
	 * worker that reads it all the time. */
	await sql(`UPDATE sessions SET ended_at = ended_at - INTERVAL 8 SECOND WHERE id = ${q(idle.gone.sid)}`);
	idle.since = performance.now();
});

/* ---- The database and /auth/verify ---- */

/* To as good as all workers: who of them takes a request is the kernel's choice. After an outage each asks again within 2 s. */
async function known(token) {
	for (let i = 0; i < 4; i++)
		await until(async () => (await statuses(BASE, token, 16 * size)).join() === "200", 4000, "200 from every worker");
}

async function statements() {
	const rows = await sql("SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_stmt_execute', 'Com_stmt_prepare', 'Com_select', 'Com_update', 'Com_insert', 'Com_delete', 'Com_commit', 'Com_begin')");
	return Object.fromEntries(rows.map(([name, value]) => [name, Number(value)]));
}

/* How often a worker looks at the feed, at the signing keys, and whether it is its turn to clean up: at least so long apart. */
const FEED_S = 0.8, KEYS_S = 2, CLEAN_UP_S = 2;

test("verify: a warm check makes no statement but the feed's, at most once in 800 ms a worker, and a look at the keys and the clean-up now and then", async (t) => {
	const user = await newTokens();
	await known(user.access_token);
	/* Nothing is to be cleaned up meanwhile: that is a few statements for whoever does it. */
	await sql("UPDATE housekeeping SET due_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR");
	t.after(() => sql("UPDATE housekeeping SET due_at = UTC_TIMESTAMP(3)"));
	await sleep(100);
	const before = await statements(), from = performance.now();
	let checks = 0;
	while (performance.now() - from < 2000) {
		assert.deepEqual(await statuses(BASE, user.access_token, 2 * size), [200]);
		checks += 2 * size;
	}
	const seconds = (performance.now() - from) / 1000, done = await statements();
	const executed = done.Com_stmt_execute - before.Com_stmt_execute, most = size * (Math.ceil(seconds / FEED_S) + 1 + Math.ceil(seconds / KEYS_S) + Math.ceil(seconds / CLEAN_UP_S));
	t.diagnostic(`${checks} warm checks in ${seconds.toFixed(1)} s: ${executed} statements executed, ${most} allowed`);
	assert.ok(checks > 20 * size, "hardly any checks");
	assert.ok(executed > 0, "the feed was never read");
	assert.ok(executed <= most, `${executed} statements for ${checks} checks, ${most} allowed`);
	for (const name of ["Com_stmt_prepare", "Com_update", "Com_insert", "Com_delete", "Com_commit", "Com_begin"])
		assert.equal(done[name] - before[name], 0, name);
});

/* Checks on and on until `ms` have passed: [{at, status}], by when they began, from now on. */
async function watch(token, ms) {
	const from = performance.now(), seen = [];
	while (performance.now() - from < ms) {
		const at = performance.now() - from;
		const answers = await Promise.all(Array.from({ length: size }, () => verify(token)));
		seen.push(...answers.map((answer) => ({ at, status: answer.status, end: performance.now() - from })));
		await sleep(50);
	}
	return seen;
}

test("verify: without the database who is known is let in until revocation_max_age_s and no longer, who is not known never", async (t) => {
	try {
		const user = await newTokens(), cold = await signIn(user);
		await known(user.access_token);
		await stopDatabase("SIGKILL");
		const seen = watch(user.access_token, 1000 * MAX_AGE_S + 1200);
		for (let i = 0; i < 2 * size; i++)
			expectProblem(await verify(cold.access_token), "unavailable");
		const checks = await seen;
		assert.deepEqual([...new Set(checks.map(({ status }) => status))].sort(), [200, 503]);
		const last = Math.max(...checks.filter(({ status }) => status === 200).map(({ at }) => at)), first = Math.min(...checks.filter(({ status }) => status === 503).map(({ at }) => at));
		t.diagnostic(`let in until ${last.toFixed(0)} ms after the database's death, refused from ${first.toFixed(0)} ms on`);
		assert.ok(last <= 1000 * MAX_AGE_S, `let in after ${last.toFixed(0)} ms`);
		const early = checks.filter(({ at }) => at < 1000 * MAX_AGE_S - 1500), let_in = early.filter(({ status }) => status === 200);
		assert.ok(early.length >= size && let_in.length > early.length / 2, `${let_in.length} of ${early.length} let in at first`);
		assert.ok(last >= 1000 * MAX_AGE_S - 1300, `refused too soon: let in until ${last.toFixed(0)} ms only`);
		expectProblem(await verify(user.access_token), "unavailable");
		assert.ok([401, 503].includes((await verify("x")).status));
		expectProblem(await get("/auth/verify"), "unauthorized");
		await startDatabase();
		await databaseBack();
		await until(async () => (await verifyStatuses(user.access_token)).join() === "200", 2000, "200 after the database's return");
		assert.deepEqual(await verifyStatuses(cold.access_token), [200]);
	} finally {
		await databaseRuns();
	}
});

test("verify: while the database hangs it is answered within 5 s, and who is known is let in until revocation_max_age_s and no longer", async () => {
	const pid = pidOf("db");
	try {
		const user = await newTokens();
		await known(user.access_token);
		process.kill(pid, "SIGSTOP");
		const checks = await watch(user.access_token, 1000 * MAX_AGE_S + 1200);
		for (const { at, end, status } of checks) {
			assert.ok([200, 503].includes(status), String(status));
			assert.ok(end - at < 5000, `${(end - at).toFixed(0)} ms`);
			assert.ok(status === 503 || at <= 1000 * MAX_AGE_S, `let in ${at.toFixed(0)} ms after`);
		}
		assert.ok(checks.some(({ status }) => status === 200) && checks.some(({ status }) => status === 503));
	} finally {
		process.kill(pid, "SIGCONT");
		await databaseBack();
	}
});

test("two pools: workers that nobody asked for a while know what ended meanwhile", async (t) => {
	await sleep(Math.max(0, 9000 - (performance.now() - idle.since)));
	t.diagnostic(`nobody asked them for ${((performance.now() - idle.since) / 1000).toFixed(1)} s`);
	assert.deepEqual(await statuses(other.base, idle.gone.access_token), [401]);
	assert.deepEqual(await statuses(other.base, idle.stays.access_token), [200]);
});
