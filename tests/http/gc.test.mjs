/* Old rows are cleaned up: which ones, by the workers and by latchctl, and with others at the same table. */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, test } from "node:test";
import { get, post } from "./lib/api.mjs";
import { CONF, CTL, ctl, ctlOk, hold, q, run, sleep, sql, until } from "./lib/instance.mjs";
import { login, newSession, newUser, statusOf } from "./lib/users.mjs";

const DAY = 86_400;
const owners = [];
const newOwner = () => owners[owners.push(randomUUID()) - 1];
after(() => sql(`DELETE FROM sessions WHERE user_id IN (${owners.map(q).join()})`));

/* A moment so many seconds ago; in the future where they are negative; null is NULL. */
const ago = (seconds) => (seconds === null ? "NULL" : `UTC_TIMESTAMP(3) - INTERVAL ${seconds} SECOND`);

/** A session's row; its id. */
async function row(owner, { ended = null, expires = -DAY }) {
	const id = randomUUID();
	await sql(`INSERT INTO sessions (id, user_id, created_at, last_seen_at, expires_at, ended_at) VALUES (${q(id)}, ${q(owner)}, ${ago(40 * DAY)}, ${ago(40 * DAY)}, ${ago(expires)}, ${ago(ended)})`);
	return id;
}

/** n rows that ended and n that expired, from two to three days ago. */
async function oldRows(owner, n) {
	const mark = randomBytes(3).toString("hex");
	for (const [kind, expires, ended] of [["a", `${ago(-DAY)}`, `${ago(2 * DAY)} - INTERVAL seq SECOND`], ["b", `${ago(2 * DAY)} - INTERVAL seq SECOND`, "NULL"]])
		await sql(`INSERT INTO sessions (id, user_id, created_at, last_seen_at, expires_at, ended_at)
			SELECT CONCAT('00000000-0000-7000-8${kind}00-', ${q(mark)}, LPAD(HEX(seq), 6, '0')), ${q(owner)}, ${ago(40 * DAY)}, ${ago(40 * DAY)}, ${expires}, ${ended} FROM seq_1_to_${n}`);
}

const left = async (owner) => Number((await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(owner)}`))[0][0]);
const ids = async (owner) => (await sql(`SELECT id FROM sessions WHERE user_id = ${q(owner)}`)).map(([id]) => id).sort();
const removed = (out) => Number(/^(\d+) rows removed in [\d.]+ s \(\d+\/s\), longest statement [\d.]+ ms$/m.exec(out)?.[1] ?? NaN);

/* As of the second minute of its day, and not yet: what each kind of row is, and whether it stays. */
const KINDS = [
	["lives", { ended: null, expires: -DAY }, true],
	["has lived for long", { ended: null, expires: -60 }, true],
	["ended a minute ago", { ended: 60 }, true],
	["ended nearly a day ago", { ended: DAY - 60 }, true],
	["ended a day ago", { ended: DAY + 60 }, false],
	["ended a month ago", { ended: 30 * DAY }, false],
	["expired a minute ago", { expires: 60 }, true],
	["expired nearly a day ago", { expires: DAY - 60 }, true],
	["expired a day ago", { expires: DAY + 60 }, false],
	["expired a month ago", { expires: 30 * DAY }, false],
	["ended and expired nearly a day ago", { ended: DAY - 60, expires: DAY - 90 }, true],
	["ended and expired a day ago", { ended: DAY + 90, expires: DAY + 60 }, false],
];

test("gc: a row goes a day after its end and not before, whatever ended it", async () => {
	const owner = newOwner();
	const made = await Promise.all(KINDS.map(async ([what, times, stays]) => ({ what, stays, id: await row(owner, times) })));
	const out = await ctlOk(["gc"]);
	const there = new Set(await ids(owner));
	for (const { what, stays, id } of made)
		assert.equal(there.has(id), stays, `a session that ${what}`);
	for (const what of ["sessions that ended more than a day ago", "sessions that expired more than a day ago"])
		assert.match(out, new RegExp(`^${what}: \\d+ rows, [\\d.]+ s, longest statement [\\d.]+ ms$`, "m"), "plain lines, where there is no terminal");
	assert.ok(removed(out) >= 0, out);
	assert.equal(removed(await ctlOk(["gc"])), 0, "there was more");
});

test("gc: a count of failed attempts goes a day after the last, unless it lasts until a success", async () => {
	const mark = randomBytes(8).toString("hex");
	const rows = [["a day ago", DAY + 60, 0, false], ["nearly a day ago", DAY - 60, 0, true], ["a month ago, which lasts", 30 * DAY, 1, true]];
	for (const [i, [, age, lasting]] of rows.entries())
		await sql(`INSERT INTO throttles (subject, failures, retry_at, updated_at, lasting) VALUES (${q(`${mark}${i}`)}, 3, ${ago(age)}, ${ago(age)}, ${lasting})`);
	try {
		await ctlOk(["gc"]);
		const there = (await sql(`SELECT subject FROM throttles WHERE subject LIKE '${mark}%'`)).map(([subject]) => subject);
		for (const [i, [what, , , stays]] of rows.entries())
			assert.equal(there.includes(`${mark}${i}`), stays, what);
	} finally {
		await sql(`DELETE FROM throttles WHERE subject LIKE '${mark}%'`);
	}
});

/* GET requests by so many clients until it is so. */
async function askUntil(probe, ms, what) {
	let over = false;
	const clients = Array.from({ length: 12 }, async () => {
		while (!over) {
			assert.equal((await get("/healthz")).status, 200);
			await sleep(10);
		}
	});
	try {
		return await until(async () => (await probe()) || sleep(100), ms, what);
	} finally {
		over = true;
		await Promise.all(clients);
	}
}

test("gc: the workers clean up by themselves, slice after slice, while there are requests", { timeout: 120_000 }, async () => {
	const [owner, other] = [newOwner(), await newSession()];
	await oldRows(owner, 350);
	const kept = await row(owner, { ended: DAY - 600 });
	/* Each slice is of 100 rows at first: these are seven and more, and with a minute between two it would take six. */
	await sql("UPDATE housekeeping SET due_at = UTC_TIMESTAMP(3), begun_at = '1970-01-01'");
	await askUntil(async () => (await left(owner)) === 1, 50_000, "700 old rows gone");
	assert.deepEqual(await ids(owner), [kept]);
	assert.equal(await statusOf(other.token), 200);
	const [[ahead]] = await until(async () => {
		const rows = await sql("SELECT MIN(due_at) > UTC_TIMESTAMP(3) FROM housekeeping");
		return rows[0][0] === "1" && rows;
	}, 20_000, "no turn in the next minute").catch(() => [["0"]]);
	assert.equal(ahead, "1", "when nothing is left the next turn is a minute off");
});

test("gc: a worker whose turn it is not removes nothing", { timeout: 60_000 }, async () => {
	const owner = newOwner();
	await sql("UPDATE housekeeping SET due_at = UTC_TIMESTAMP(3) + INTERVAL 1 HOUR");
	try {
		await oldRows(owner, 5);
		const end = Date.now() + 8000;
		await askUntil(() => Date.now() > end, 20_000, "eight seconds");
		assert.equal(await left(owner), 10);
	} finally {
		await sql("UPDATE housekeeping SET due_at = UTC_TIMESTAMP(3)");
	}
	await ctlOk(["gc"]);
});

test("gc: two at once remove each row once, while the rows' owner logs in, refreshes, logs out and ends all his sessions", { timeout: 120_000 }, async () => {
	const user = await newUser();
	owners.push(user.id);
	await oldRows(user.id, 4000);
	let over = false, rounds = 0;
	const expect = async (status, asked) => {
		const answer = await asked;
		assert.equal(answer.status, status, answer.text);
		return answer;
	};
	const busy = (async () => {
		for (; !over || rounds < 3; rounds++) {
			const { access_token: token, refresh_token } = await login(user);
			const next = (await expect(200, post("/auth/refresh", { json: { refresh_token } }))).json();
			assert.equal(await statusOf(next.access_token), 200);
			await expect(200, get("/users/me/sessions", { token }));
			await expect(204, post("/auth/logout", { token, json: { everywhere: rounds % 2 === 0 } }));
		}
	})();
	const both = await Promise.all([ctl(["gc"]), ctl(["gc"])]);
	over = true;
	await busy;
	for (const done of both)
		assert.equal(done.code, 0, done.stdout + done.stderr);
	assert.ok(removed(both[0].stdout) + removed(both[1].stdout) <= 8000, both.map(({ stdout }) => stdout).join());
	assert.equal(Number((await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)} AND created_at < ${ago(DAY)}`))[0][0]), 0);
});

/* Somebody holds a row that is to go, for so long; the others may be gone meanwhile. */
async function held(owner, seconds) {
	await oldRows(owner, 3);
	return hold(`UPDATE sessions SET last_seen_at = ${ago(DAY)} WHERE user_id = ${q(owner)}`, seconds);
}

test("gc: a row that somebody holds is waited for, and then removed", async () => {
	const owner = newOwner();
	const { released } = await held(owner, 1.5);
	const from = performance.now();
	await ctlOk(["gc"]);
	assert.ok(performance.now() - from > 700, "it did not wait");
	await released;
	assert.equal(await left(owner), 0);
});

test("gc: ^C ends it at once, with what was done and an exit status that says so", async () => {
	const owner = newOwner();
	const { released } = await held(owner, 3);
	const from = performance.now();
	const done = await run("timeout", ["--preserve-status", "--signal=INT", "0.6", CTL, "--config", CONF, "gc"]);
	assert.deepEqual([done.code, done.signal], [1, null], done.stdout + done.stderr);
	assert.ok(performance.now() - from < 1600, "it went on");
	assert.match(done.stderr, /interrupted/);
	assert.ok(removed(done.stdout) >= 0, done.stdout);
	await released;
	await ctlOk(["gc"]);
	assert.equal(await left(owner), 0);
});

test("gc: on a terminal there is a bar, and in the end the same lines", async () => {
	const owner = newOwner();
	const { released } = await held(owner, 1.5);
	const done = await run("script", ["-qec", `${CTL} --config ${CONF} gc`, "/dev/null"]);
	await released;
	assert.equal(done.code, 0, done.stdout);
	assert.match(done.stdout, /\rsessions ended: \[[#.]{30}\] {1,3}\d+% \d+ of about \d+, \d+\/s/);
	assert.match(done.stdout, /\d+ rows removed in /);
});

test("gc: doctor says how much waits, and what to do where the workers do not keep up", async () => {
	assert.match(await ctlOk(["doctor"]), /^ok {4}clean-up: \d+ old rows wait$/m);
});
