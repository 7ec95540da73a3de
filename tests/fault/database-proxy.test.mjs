/* Between the workers and the database stands somebody who delays, cuts, half-closes, falls silent and talks nonsense. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { send } from "../http/lib/http.mjs";
import { config, DIR, q, sleep, sql, up, workers } from "../http/lib/instance.mjs";
import { newPassword, newSession, newUser, uniqueEmail } from "../http/lib/users.mjs";
import { FULL, form, say, worst } from "./lib/fault.mjs";
import { Proxy } from "./lib/proxy.mjs";

const LONGEST_MS = 6000, RECOVERY_MS = 1000;
const direct = join(DIR, "run", "db.sock");
const proxy = new Proxy(join(DIR, "run", "proxy.sock"), direct);
const size = Number(config("workers"));
const timeout = 1000 * Number(config("db_timeout_s"));
let user, other, pool;

before(async () => {
	/* One is asked about, the other logs in: somebody's many log-ins end his oldest session. */
	user = await newSession();
	other = await newUser();
	await proxy.listen();
	const done = await up(["--set", `db_socket=${proxy.path}`]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	pool = workers();
	assert.equal(pool.length, size);
	assert.ok(proxy.links.size >= size, "the workers are not behind the proxy");
});
after(async () => {
	proxy.set({ kind: "pass" });
	const done = await up(["--set", `db_socket=${direct}`]);
	await proxy.close();
	assert.equal(done.code, 0, done.stdout + done.stderr);
});

const post = (path, json) => send("POST", path, { headers: { "Content-Type": "application/json" }, body: JSON.stringify(json) });
const me = () => send("GET", "/users/me", { headers: { Authorization: `Bearer ${user.token}` } });
const sid = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url")).sid;
const rows = (text) => sql(text, { socket: direct });

/* Each asks one thing; what it may answer besides 503, and what must then be in the database. */
const ASK = {
	async register() {
		const email = uniqueEmail("proxy");
		const answer = await post("/auth/register", { email, password: newPassword(), name: "Somebody" });
		return { answer, good: 201, sql: (body) => `SELECT 1 FROM users WHERE email = ${q(email)} AND id = ${q(body.id)} AND name = 'Somebody'` };
	},
	async login() {
		const answer = await post("/auth/login", { email: other.email, password: other.password });
		return { answer, good: 200, sql: (body) => `SELECT 1 FROM sessions WHERE id = ${q(sid(body.access_token))} AND user_id = ${q(other.id)}` };
	},
	async me() {
		const answer = await me();
		return { answer, good: 200, sql: (body) => `SELECT 1 FROM users WHERE id = ${q(body.id)} AND email = ${q(body.email)} AND id = ${q(user.id)}` };
	},
	async readyz() {
		return { answer: await send("GET", "/readyz"), good: 200 };
	},
};

/** Asks all of it `rounds` times, several at once; what came is right or 503, in time, and true. Gives how many of each. */
async function storm(rounds = 1, clients = 2) {
	const count = { good: 0, unavailable: 0, longest: 0 };
	await Promise.all(Object.entries(ASK).flatMap(([name, ask]) => Array.from({ length: clients }, async () => {
		for (let i = 0; i < rounds; i++) {
			const { answer, good, sql: proof } = await ask();
			count.longest = Math.max(count.longest, answer.ms);
			assert.ok(answer.ms < LONGEST_MS, `${name}: ${answer.ms.toFixed(0)} ms`);
			if (answer.status === 503) {
				assert.match(answer.json().code, /^(unavailable|busy)$/, name);
				count.unavailable++;
				continue;
			}
			assert.equal(answer.status, good, `${name}: ${answer.text}`);
			count.good++;
			if (proof)
				assert.deepEqual(await rows(proof(answer.json())), [["1"]], `${name}: a success that is not in the database: ${answer.text}`);
		}
	})));
	return count;
}

/** Back to normal: how many ms later the last request began that failed. (When its answer came says more of the machine.) */
async function recovery() {
	const from = performance.now();
	let last = 0;
	proxy.set({ kind: "pass" });
	for (;;) {
		const ms = performance.now() - from;
		const answers = await Promise.all(Array.from({ length: 2 * size }, me));
		if (answers.every((answer) => answer.status === 200))
			return last;
		last = ms;
		assert.ok(ms < RECOVERY_MS + LONGEST_MS, `no recovery: ${answers.map((answer) => answer.status)}`);
		await sleep(20);
	}
}

function cutAll() {
	for (const link of [...proxy.links])
		link.close();
}

async function under(t, mode, { rounds, clients } = {}) {
	proxy.set(mode);
	/* So many bytes go over a connection only while it is made. */
	if (mode.bytes > 250)
		cutAll();
	const count = await storm(rounds, clients);
	const hits = proxy.hits, ms = await recovery();
	if (t)
		t.diagnostic(`${count.good} good, ${count.unavailable} unavailable, the longest took ${count.longest.toFixed(0)} ms; normal after ${ms.toFixed(0)} ms`);
	assert.ok(ms < RECOVERY_MS, `back to normal after ${ms.toFixed(0)} ms`);
	assert.deepEqual(workers(), pool, "the same workers");
	return { ...count, hits, ms };
}

test("a database that answers late, but in time: everything works", async (t) => {
	const { good } = await under(t, { kind: "delay", ms: 5 });
	assert.ok(good > 0);
});

for (const ms of form([200, 500, 900, 1500, 3000], [500]))
	test(`each packet ${ms} ms late: no request takes over 6 s, and no success is wrong`, async (t) => {
		const { longest } = await under(t, { kind: "delay", ms }, { rounds: form(3, 1) });
		assert.ok(longest >= Math.min(ms, timeout), "nothing was late");
	});

for (const [bytes, ms] of form([[1, 20], [1, 100], [1, 500], [16, 100], [40, 900]], [[1, 100]]))
	test(`answers that trickle, ${bytes} bytes every ${ms} ms: no request takes over 6 s`, async (t) => {
		const { longest } = await under(t, { kind: "trickle", ms, bytes }, { rounds: form(3, 1) });
		assert.ok(longest >= 1000, "nothing trickled");
	});

/* A connection is made with some thousands of bytes each way, and a request of a few hundred. */
const cuts = FULL
	? [...Array.from({ length: 80 }, (_, i) => i), ...Array.from({ length: 60 }, (_, i) => 80 + 13 * i), ...Array.from({ length: 40 }, (_, i) => 860 + 211 * i)]
	: [0, 3, 5, 60, 400, 3000];
for (const way of ["up", "down"])
	test(`cut after N bytes ${way === "up" ? "to" : "from"} the database, ${cuts.length} values of N: right or 503, and normal within a second`, { timeout: 1_200_000 }, async (t) => {
		const slowest = { longest: [], ms: [] };
		let met = 0, refused = 0;
		for (const [i, bytes] of cuts.entries()) {
			const { hits, longest, ms, unavailable } = await under(null, { kind: "cut", way, bytes }, { clients: form(2, 1) });
			met += hits;
			refused += unavailable;
			slowest.longest.push(longest);
			slowest.ms.push(ms);
			if (FULL && i % 20 === 19)
				say(`${i + 1} of ${cuts.length} values of N`);
		}
		t.diagnostic(`${met} connections cut, ${refused} requests unavailable; the longest took ${worst(slowest.longest).toFixed(0)} ms; normal after ${worst(slowest.ms).toFixed(0)} ms at most`);
		assert.ok(met >= cuts.length && refused > 0, "hardly a connection was cut");
	});

for (const way of ["up", "down"])
	test(`half-closed ${way === "up" ? "to" : "from"} the database: right or 503, and normal within a second`, async (t) => {
		const { hits } = await under(t, { kind: "half", way }, { rounds: form(4, 1) });
		assert.ok(hits > 0);
	});

test("a database that accepts and says nothing: 503 within 6 s", async (t) => {
	const { good, longest } = await under(t, { kind: "silent" }, { rounds: form(4, 1), clients: form(4, 2) });
	assert.equal(good, 0);
	assert.ok(longest >= 1000, "nobody waited");
});

for (const bytes of form([0, 1, 3, 4, 7, 11, 40, 100, 250, 700, 2000, 6000], [11]))
	test(`a database that falls silent after ${bytes} bytes: right or 503 within 6 s`, async (t) => {
		const { hits } = await under(t, { kind: "hush", bytes });
		assert.ok(hits > 0);
	});

test("a socket that accepts and closes: 503 at once", async (t) => {
	cutAll();
	const { good, hits } = await under(t, { kind: "refuse" }, { rounds: form(4, 1) });
	assert.equal(good, 0);
	assert.ok(hits > 0);
});

/* Bytes that look random, and are the same in each run. */
function bytesFrom(seed) {
	let state = seed >>> 0;
	return () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state >>> 24;
	};
}
const NONSENSE = {
	"random bytes": (seed) => (chunk) => Buffer.from(chunk.map(bytesFrom(seed + chunk.length))),
	"right headers with random bytes": (seed) => (chunk) => Buffer.from(chunk.map((byte, at) => (at < 5 ? byte : bytesFrom(seed + at)()))),
	"one byte in twenty wrong": (seed) => {
		const next = bytesFrom(seed);
		return (chunk) => Buffer.from(chunk.map((byte) => (next() < 13 ? next() : byte)));
	},
};
for (const [name, make] of Object.entries(NONSENSE))
	test(`nonsense from the database (${name}): no worker dies, no request takes over 6 s, and the pool recovers`, { timeout: 600_000 }, async (t) => {
		let met = 0;
		for (let seed = 1; seed <= form(25, 1); seed++) {
			proxy.set({ kind: "garbage", random: make(seed) });
			/* What a database that lies says is true is not to be told from the truth: no status is asked for here. */
			for (const { answer } of await Promise.all(Object.values(ASK).flatMap((ask) => [ask(), ask()])))
				assert.ok(answer.ms < LONGEST_MS, `seed ${seed}: ${answer.ms.toFixed(0)} ms`);
			met += proxy.hits;
			/* A worker that believed a false length waits for the rest once more, one statement's time-out long. */
			const ms = await recovery();
			assert.ok(ms < timeout + RECOVERY_MS, `seed ${seed}: back to normal after ${ms.toFixed(0)} ms`);
			assert.deepEqual(workers(), pool, `seed ${seed}: the same workers`);
		}
		t.diagnostic(`${met} packets falsified`);
		assert.ok(met > 0);
	});
