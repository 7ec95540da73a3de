import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { call, get } from "../lib/api.mjs";
import { send } from "../lib/http.mjs";
import { config, DIR, hold, q, sleep, until, up, workers } from "../lib/instance.mjs";
import { newSession, newUser, statusOf, tryLogin } from "../lib/users.mjs";

const size = Number(config("workers"));
const user = await newSession();
const whole = (ms = 5000) => until(() => workers().length === size, ms, `a pool of ${size}`);

test("worker killed: the pool is whole again, and the others go on meanwhile", async () => {
	const before = workers();
	assert.equal(before.length, size);
	process.kill(before[0], "SIGKILL");
	for (let i = 0; i < 20; i++)
		assert.equal(await statusOf(user.token), 200);
	await until(() => !workers().includes(before[0]) && workers().length === size, 5000, "a new worker");
	assert.deepEqual(workers().filter((pid) => before.includes(pid)), before.slice(1));
});

test("worker killed while it hashes: its lane comes back", async () => {
	/* Whoever loses a lane for every death would have none left after this many. Somebody else's log-ins: a user has at most
	 * a hundred sessions. */
	const other = await newUser();
	for (const pid of workers()) {
		const flood = Promise.allSettled(Array.from({ length: 8 }, () => send("POST", "/auth/login", { headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: other.email, password: other.password }) })));
		await sleep(60);
		process.kill(pid, "SIGKILL");
		await flood;
	}
	await whole();
	await sleep(300);
	for (let i = 0; i < 5; i++)
		assert.equal((await tryLogin(user.email, user.password, { patient: false })).status, 200);
	const both = await Promise.all([1, 2].map(() => tryLogin(user.email, user.password, { patient: false })));
	assert.deepEqual(both.map((a) => a.status), [200, 200]);
});

test("all workers killed at once: they come back", async () => {
	for (const pid of workers())
		process.kill(pid, "SIGKILL");
	await whole();
	await until(async () => (await send("GET", "/healthz").catch(() => ({}))).status === 200, 5000, "an answer");
	assert.equal(await statusOf(user.token), 200);
});

test("SIGTERM: a request in hand is finished first", async () => {
	const slow = await newSession();
	const before = workers();
	/* Somebody holds the row for a while, so that the PATCH waits inside its worker. */
	const { released } = await hold(`SELECT id FROM users WHERE id = ${q(slow.id)} FOR UPDATE`, 0.8);
	const patched = call("PATCH", "/users/me", { token: slow.token, json: { name: "Drained" } });
	await sleep(150);
	for (const pid of before)
		process.kill(pid, "SIGTERM");
	const answer = await patched;
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.json().name, "Drained");
	assert.ok(answer.ms > 300, `it did not wait: ${answer.ms.toFixed(0)} ms`);
	await released;
	await until(() => workers().length === size && !workers().some((pid) => before.includes(pid)), 8000, "a pool of new workers");
	assert.equal(await statusOf(slow.token), 200);
});

test("SIGTERM: an idle worker ends at once", async () => {
	const [pid] = workers();
	process.kill(pid, "SIGTERM");
	await until(() => !workers().includes(pid), 3000, "its end");
	await whole();
});

test("a worker ended by SIGTERM under load fails no request", async () => {
	let stop = false;
	const bad = [];
	let good = 0;
	const load = Array.from({ length: 6 }, async () => {
		while (!stop) {
			const answer = await send("GET", "/users/me", { headers: { Authorization: `Bearer ${user.token}` } }).catch((error) => ({ status: error.message }));
			if (answer.status === 200)
				good++;
			else
				bad.push(answer.status);
		}
	});
	for (const pid of workers().slice(0, 4)) {
		process.kill(pid, "SIGTERM");
		await sleep(250);
	}
	await sleep(1500);
	stop = true;
	await Promise.all(load);
	assert.deepEqual(bad, [], `${good} were good`);
	assert.ok(good > 100, String(good));
	await whole();
});

test("deploy/up again: it takes seconds and loses nothing", async () => {
	const someone = await newSession();
	const started = Date.now();
	const done = await up();
	assert.equal(done.code, 0, done.stdout + done.stderr);
	assert.ok(Date.now() - started < 20_000, `${Date.now() - started} ms`);
	assert.equal(await statusOf(someone.token), 200);
	assert.equal((await tryLogin(someone.email, someone.password)).status, 200);
	assert.equal(await statusOf(user.token), 200);
});

test("deploy/up with a change swaps the pool under load without a failed request", async (t) => {
	const before = workers();
	const was = config("hash_wait_ms") ?? "2000";
	const other = String(Number(was) + 1);
	/* Not the one with the token: of a user's sessions the hundred-and-first ends the first. */
	const guest = await newUser();
	let stop = false;
	const bad = [];
	let good = 0;
	const load = Array.from({ length: 8 }, async (_, i) => {
		while (!stop) {
			const request = i === 0
				? send("POST", "/auth/login", { headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: guest.email, password: guest.password }) })
				: send("GET", i % 2 ? "/users/me" : "/healthz", { headers: { Authorization: `Bearer ${user.token}` } });
			const answer = await request.catch((error) => ({ status: error.message, text: "" }));
			if (answer.status === 200)
				good++;
			else
				bad.push(`${answer.status} ${answer.text}`);
		}
	});
	await sleep(300);
	const done = await up(["--set", `hash_wait_ms=${other}`]);
	await sleep(1500);
	stop = true;
	await Promise.all(load);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	t.diagnostic(`${good} requests during the swap`);
	assert.deepEqual(bad, []);
	assert.ok(good > 200, String(good));
	await until(() => workers().length === size, 5000, "one pool of the right size");
	assert.deepEqual(workers().filter((pid) => before.includes(pid)), [], "old workers are still here");
	assert.equal(config("hash_wait_ms"), other);
	assert.equal((await up(["--set", `hash_wait_ms=${was}`])).code, 0);
});

/* Every worker waits for a row, and more requests wait for a worker, while the pool is exchanged: whether it was. */
const socket = () => statSync(join(DIR, "run", "latch.sock"), { throwIfNoEntry: false })?.ino;

/* How long deploy/up takes to the exchange; the machine decides. */
async function exchangeTakes(waitMs) {
	const before = socket(), from = performance.now();
	const swap = up(["--set", `hash_wait_ms=${waitMs}`]);
	await until(() => ![before, undefined].includes(socket()), 60_000, "the new pool's socket");
	const ms = performance.now() - from;
	assert.equal((await swap).code, 0);
	return ms;
}

/* A row is locked for 0.9 s, as nobody waits longer for one, from half of that before the exchange on. */
async function exchangeWhileBusy(waitMs, ms) {
	const slow = await newSession();
	const before = socket();
	const swap = up(["--set", `hash_wait_ms=${waitMs}`]);
	await sleep(Math.max(0, ms - 450));
	const { released } = await hold(`SELECT id FROM users WHERE id = ${q(slow.id)} FOR UPDATE`, 0.9);
	const early = socket() !== before;
	const inHand = Array.from({ length: size }, (_, i) => call("PATCH", "/users/me", { token: slow.token, json: { name: `Slow ${i}` } }));
	await sleep(50);
	const waiting = Array.from({ length: 6 }, () => get("/users/me", { token: slow.token }));
	const all = Promise.allSettled([...inHand, ...waiting]);
	await released;
	const exchanged = !early && socket() !== before;
	const done = await swap;
	assert.equal(done.code, 0, done.stdout + done.stderr);
	assert.deepEqual((await all).map((one) => one.value?.status ?? one.reason.message), Array(size + 6).fill(200));
	return exchanged;
}

test("deploy/up with a change: the old pool finishes what it has in hand and what waits on its socket", async () => {
	const was = config("hash_wait_ms") ?? "2000";
	let exchanged = false;
	for (let i = 1; i <= 8 && !exchanged; i++) {
		const ms = await exchangeTakes(Number(was) + 2 * i);
		exchanged = await exchangeWhileBusy(Number(was) + 2 * i + 1, ms);
	}
	assert.equal((await up(["--set", `hash_wait_ms=${was}`])).code, 0);
	assert.ok(exchanged, "the pool was never exchanged at the right moment");
});

test("deploy/up with a value that cannot be leaves the service as it was", async () => {
	const before = workers();
	const done = await up(["--set", "access_ttl_s=soon"]);
	assert.notEqual(done.code, 0);
	assert.match(done.stdout + done.stderr, /access_ttl_s/);
	assert.deepEqual(workers(), before);
	assert.notEqual(config("access_ttl_s"), "soon");
	assert.equal((await get("/readyz")).status, 200);
	await newUser();
});
