/* A clock that jumps by an hour, latch's or the database's, while people are signed in: the behaviour that docs/operations.md names. */
import assert from "node:assert/strict";
import { chmodSync, closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { post } from "../http/lib/api.mjs";
import { databaseBack, databaseRuns, startDatabase, stopDatabase } from "../http/lib/database.mjs";
import { config, q, sleep, SOCKET, sql, until } from "../http/lib/instance.mjs";
import { newTokens, refresh, refreshed, signIn, stateOf, verifyStatuses, sidOf } from "../http/lib/sessions.mjs";
import { statusOf } from "../http/lib/users.mjs";
import { SHIM, Worker } from "./inject-worker.mjs";
import { checkClean, somebody, witness } from "./inject-walk.mjs";
import { Proxy } from "./lib/proxy.mjs";

const HOUR_S = 3600, WITHIN_MS = 1000, MAX_AGE_S = 3;
const me = (worker, token) => worker.ask("GET", "/users/me", { token });
const verify = (worker, token) => worker.ask("GET", "/auth/verify", { token });
const refreshOn = (worker, refresh_token) => worker.ask("POST", "/auth/refresh", { json: { refresh_token } });
const logout = async (worker, token) => assert.equal((await worker.ask("POST", "/auth/logout", { token })).status, 204);

/** A session made by that worker: {access_token, refresh_token, ...}. */
async function sessionOn(worker, { email, password }) {
	const answer = await worker.ask("POST", "/auth/login", { json: { email, password } });
	assert.equal(answer.status, 200, answer.text);
	return answer.json();
}

const tmp = mkdtempSync(join(tmpdir(), "latch-clock-"));
chmodSync(tmp, 0o755);
before(() => witness.start());
after(async () => {
	await checkClean(witness);
	rmSync(tmp, { recursive: true, force: true });
});

/* ---- The clock of a machine that latch runs on ---- */

test("latch's clock an hour ahead: old access tokens have expired there, refreshing goes on with the very same successor in the grace, the end of a session is heard of within 1 s", async () => {
	const worker = await new Worker().start(), user = await somebody();
	const old = await sessionOn(worker, user), other = await sessionOn(witness, user);
	assert.equal((await verify(worker, old.access_token)).status, 200);
	worker.inject({ shift_s: HOUR_S });
	assert.equal((await me(worker, old.access_token)).status, 401);
	assert.equal((await verify(worker, old.access_token)).status, 401, "who is remembered expires too");
	const fresh = (await refreshOn(worker, old.refresh_token)).json();
	assert.equal((await refreshOn(worker, old.refresh_token)).json().refresh_token, fresh.refresh_token);
	for (const ask of [me, verify])
		assert.equal((await ask(worker, fresh.access_token)).status, 200, "its own token, there");
	assert.equal((await me(witness, fresh.access_token)).status, 401, "a token from the hour to come");
	assert.equal((await me(witness, old.access_token)).status, 200, "the others");

	const third = (await refreshOn(worker, other.refresh_token)).json();
	assert.equal((await verify(worker, third.access_token)).status, 200);
	await logout(witness, other.access_token);
	await sleep(WITHIN_MS);
	assert.equal((await verify(worker, third.access_token)).status, 401, "an end that it has not heard of");

	worker.inject({});
	const right = (await refreshOn(worker, fresh.refresh_token)).json();
	for (const where of [worker, witness])
		assert.equal((await me(where, right.access_token)).status, 200, "set right");
	assert.equal((await me(worker, old.access_token)).status, 200);
	await checkClean(worker);
});

test("latch's clock an hour behind: a refresh there loses nothing, and the end of a session is heard of within 1 s", async () => {
	const worker = await new Worker().start(), user = await somebody();
	const old = await sessionOn(witness, user), other = await sessionOn(witness, user), warm = await sessionOn(witness, user);
	assert.equal((await verify(worker, warm.access_token)).status, 200);
	worker.inject({ shift_s: -HOUR_S });
	assert.equal((await me(worker, old.access_token)).status, 401, "a token from its future");
	/* The instance's key was made less than an hour ago: no token can be signed. What was begun is not lost. */
	const failed = await refreshOn(worker, old.refresh_token);
	assert.equal(failed.status, 503, failed.text);
	const fresh = (await refreshOn(witness, old.refresh_token)).json();
	assert.equal((await me(witness, fresh.access_token)).status, 200);
	await logout(witness, warm.access_token);
	await sleep(WITHIN_MS);
	assert.equal((await verify(worker, warm.access_token)).status, 401, "an end that it has not heard of");

	/* With a key that is old enough. */
	await sql("UPDATE signing_keys SET created_at = created_at - INTERVAL 2 HOUR, sign_from = sign_from - INTERVAL 2 HOUR");
	try {
		const its = await until(async () => {
			const answer = await refreshOn(worker, other.refresh_token);
			return answer.status === 200 && answer.json();
		}, 8000, "a refresh with an older key");
		for (const ask of [me, verify])
			assert.equal((await ask(worker, its.access_token)).status, 200, "its own token, there");
		assert.equal((await me(witness, its.access_token)).status, 401, "to the others it expired long ago");
		worker.inject({});
		for (const where of [worker, witness])
			assert.equal((await me(where, (await refreshOn(where, its.refresh_token)).json().access_token)).status, 200, "set right");
	} finally {
		await sql("UPDATE signing_keys SET created_at = created_at + INTERVAL 2 HOUR, sign_from = sign_from + INTERVAL 2 HOUR");
	}
	await checkClean(worker);
});

test("latch's clock an hour off, either way, while the database is away: who is remembered is let in until revocation_max_age_s and no longer", () => Promise.all([["ahead", HOUR_S], ["behind", -HOUR_S]].map(async ([way, shift_s]) => {
	const proxy = new Proxy(join(tmp, `${way}.sock`), SOCKET());
	await proxy.listen();
	/* Tokens that outlive the hour. */
	const worker = await new Worker({ settings: { LATCH_DB_SOCKET: proxy.path, LATCH_REVOCATION_MAX_AGE_S: String(MAX_AGE_S), LATCH_ACCESS_TTL_S: "86400" } }).start();
	const { access_token: token } = await sessionOn(worker, await somebody());
	assert.equal((await verify(worker, token)).status, 200);
	const from = performance.now();
	proxy.set({ kind: "refuse" });
	for (const link of [...proxy.links])
		link.close();
	worker.inject({ shift_s });
	const seen = [];
	for (let at = 0; at < 1000 * MAX_AGE_S + 1500; at = performance.now() - from) {
		seen.push([at, (await verify(worker, token)).status]);
		await sleep(50);
	}
	const last = Math.max(...seen.filter(([, status]) => status === 200).map(([at]) => at));
	assert.deepEqual([...new Set(seen.map(([, status]) => status))].sort(), [200, 503], way);
	assert.ok(last <= 1000 * MAX_AGE_S + 100, `${way}: let in after ${last.toFixed(0)} ms`);
	assert.ok(last >= 1000 * (MAX_AGE_S - 2), `${way}: refused after ${last.toFixed(0)} ms`);
	proxy.set({ kind: "pass" });
	worker.inject({});
	await until(async () => (await verify(worker, token)).status === 200, 5000, "the database's return");
	await checkClean(worker);
	await proxy.close();
})));

/* ---- The database's clock ---- */

const endOf = ({ access_token }) => post("/auth/logout", { token: access_token });

/* As inject.h has it; written in place, for the database has it mapped. */
const control = join(tmp, "database.control");
writeFileSync(control, Buffer.alloc(8 * 9 + 64));
chmodSync(control, 0o666);

/** So far off is the database's clock from now on. */
function shift(seconds) {
	const bytes = Buffer.alloc(8), fd = openSync(control, "r+");
	bytes.writeBigInt64LE(BigInt(seconds));
	writeSync(fd, bytes, 0, 8, 8 * 8);
	closeSync(fd);
}
const databaseTime = async () => Number((await sql("SELECT TIMESTAMPDIFF(SECOND, '1970-01-01', UTC_TIMESTAMP())"))[0][0]);

async function jump(seconds) {
	shift(seconds);
	const off = await databaseTime() - Date.now() / 1000;
	assert.ok(Math.abs(off - seconds) < 5, `the database's clock is ${off.toFixed(0)} s off`);
}

test("the database's clock jumps by an hour, ahead and back: sessions go on, what ended is refused within 1 s, nothing comes to life again", async (t) => {
	shift(0);
	await stopDatabase();
	await startDatabase(["env", `LD_PRELOAD=${SHIM}`, `INJECT_FILE=${control}`]);
	t.after(async () => {
		shift(0);
		await stopDatabase();
		await databaseRuns();
	});
	await databaseBack();
	const life_s = Math.min(Number(config("session_idle_s")), Number(config("session_ttl_s")));
	const user = await newTokens();
	let long = user.refresh_token;

	for (const [what, seconds] of [["an hour ahead", HOUR_S], ["right again", 0], ["an hour behind", -HOUR_S], ["right once more", 0]]) {
		/* Of each: one that ended just before the jump, one that ends after it, one whose refresh is asked for twice across it. */
		const [before, later, retried, remembered] = [await signIn(user), await signIn(user), await signIn(user), await signIn(user)];
		for (const one of [before, later, remembered])
			assert.deepEqual(await verifyStatuses(one.access_token), [200], what);
		const next = await refreshed(retried.refresh_token);
		assert.equal((await endOf(before)).status, 204, what);
		await jump(seconds);
		assert.equal((await endOf(later)).status, 204, what);
		await sleep(WITHIN_MS);
		assert.deepEqual(await verifyStatuses(before.access_token), [401], `${what}: it ended just before the jump`);
		assert.deepEqual(await verifyStatuses(remembered.access_token), [200], `${what}: and this one did not end`);
		assert.deepEqual(await verifyStatuses(later.access_token), [401], `${what}: it ended after the jump`);
		for (const one of [before, later]) {
			assert.equal(await statusOf(one.access_token), 401, what);
			assert.equal((await refresh(one.refresh_token)).status, 401, what);
			assert.equal(await stateOf(one.sid), "logout", what);
		}

		/* A retry across the jump is late: the session ends, which is safe. */
		assert.equal((await refresh(retried.refresh_token)).status, 401, what);
		assert.equal(await stateOf(retried.sid), "replay", what);
		assert.equal((await refresh(next.refresh_token)).status, 401, what);

		/* What goes on, goes on; and in the new time the grace is what it was. */
		assert.equal(await statusOf(remembered.access_token), 200, what);
		const successor = await refreshed(long);
		assert.equal((await refreshed(long)).refresh_token, successor.refresh_token, what);
		assert.ok(Math.abs(successor.refresh_expires_in - life_s) < HOUR_S + 5, what);
		assert.equal(await statusOf(successor.access_token), 200, what);
		assert.equal(sidOf(successor.access_token), user.sid);
		long = successor.refresh_token;
		const [[live]] = await sql(`SELECT COUNT(*) FROM sessions WHERE ended_at IS NOT NULL AND ended_for IS NULL OR user_id = ${q(user.id)} AND expires_at < created_at`);
		assert.equal(live, "0", what);
	}
	assert.equal(await stateOf(user.sid), "live");
});
