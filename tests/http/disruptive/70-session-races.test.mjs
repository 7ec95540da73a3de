/*
 * Races by force: a session is refreshed while it ends, or by many at once. What must hold is looked up in the database
 * after every single round.
 */
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { BASE, config, MOUNT, q, run, FCGI, sleep, up } from "../lib/instance.mjs";
import { sidOf } from "../lib/sessions.mjs";
import { SqlPipe } from "../lib/sqlpipe.mjs";
import { newPassword, uniqueEmail } from "../lib/users.mjs";

/* The sanitizers make it slow, and the same code races either way. */
const ROUNDS = process.env.LATCH_BUILD === "asan" ? 150 : 1000;
const LANES = 8; /* so many rounds are in flight at once, each of an account of its own */

/* Cheap hashes; and what bounds guessing would bound these too. */
const CHEAP = { argon2_memory_kib: "1024", argon2_passes: "1", register_per_hour: "0", refresh_per_minute: "0", login_address_free: "0" };
const known = (await run(FCGI, ["--sample-config"])).stdout;
const keys = Object.keys(CHEAP).filter((key) => new RegExp(`^#?\\s*${key}\\s*=`, "m").test(known));
const was = Object.fromEntries(keys.map((key) => [key, config(key) ?? new RegExp(`^#?\\s*${key}\\s*=\\s*(.*?)\\s*$`, "m").exec(known)[1]]));
const set = (values) => up(keys.flatMap((key) => ["--set", `${key}=${values[key]}`]));

let database;
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
before(async () => {
	const done = await set(CHEAP);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	database = new SqlPipe();
});
after(async () => {
	agent.destroy();
	await database.end();
	assert.equal((await set(was)).code, 0);
});

/** As post() of api.mjs: a 503 of the hash lanes is waited out. {status, text, json(), from, to} */
async function post(...request) {
	for (;;) {
		const answer = await postOnce(...request);
		if (answer.status !== 503 || answer.json().code !== "busy")
			return answer;
		await sleep(10 + 20 * Math.random());
	}
}

/* On connections that are kept, and without the conventions' checks, which other tests make. */
function postOnce(path, json, token) {
	return new Promise((done, fail) => {
		const from = performance.now(), body = json === undefined ? "" : JSON.stringify(json);
		const headers = { "Content-Length": Buffer.byteLength(body), ...(json !== undefined && { "Content-Type": "application/json" }), ...(token !== undefined && { Authorization: `Bearer ${token}` }) };
		const request = http.request(`${new URL(BASE).origin}${MOUNT}${path}`, { method: "POST", agent, headers, timeout: 20_000 }, (answer) => {
			const parts = [];
			answer.on("data", (part) => parts.push(part));
			answer.on("error", fail);
			answer.on("end", () => {
				const text = Buffer.concat(parts).toString();
				done({ status: answer.statusCode, text, json: () => JSON.parse(text), from, to: performance.now() });
			});
		});
		request.on("timeout", () => request.destroy(new Error(`${path}: no answer within 20 s`)));
		/* A kept connection that the server closed just then: nothing of it was read. */
		request.on("error", (error) => (request.reusedSocket && error.code === "ECONNRESET" && !request.res ? done(postOnce(path, json, token)) : fail(error)));
		request.end(body);
	});
}

async function good(promise, status) {
	const answer = await promise;
	assert.equal(answer.status, status, answer.text);
	return answer;
}

async function account() {
	const user = { email: uniqueEmail("race"), password: newPassword() };
	const answer = await good(post("/auth/register", user), 201);
	return { ...user, id: answer.json().id };
}

async function session({ email, password }) {
	const tokens = (await good(post("/auth/login", { email, password }), 200)).json();
	return { ...tokens, sid: sidOf(tokens.access_token) };
}

const pause = (ms) => (ms < 0.3 ? undefined : sleep(ms));

/** Refreshes on and on until it is refused: the answers that were 200. */
async function chain(token, most = 2000) {
	const answers = [];
	for (;;) {
		const answer = await post("/auth/refresh", { refresh_token: token });
		if (answer.status !== 200) {
			assert.equal(answer.status, 401, answer.text);
			assert.equal(answer.json().code, "invalid_grant");
			return answers;
		}
		answers.push(answer);
		({ refresh_token: token } = answer.json());
		assert.ok(answers.length < most, "it is refreshed without end");
	}
}

const row = async (sid) => {
	const [one] = await database.ask(`SELECT user_id, counter, ended_at, ended_for FROM sessions WHERE id = ${q(sid)}`);
	return one && { user: one[0], counter: Number(one[1]), ended_at: one[2], ended_for: one[3] };
};

const ended = []; /* [id, the row as it was] of every session that has ended, for the end of the test */

/**
 * One round: the session is refreshed while `end` ends it (a request that answers 204). The row has ended, for that reason
 * and once; its counter is the number of rotations; and no refresh that began after the 204 was answered with 200.
 */
async function against(victim, end, why, round) {
	const one = chain(victim.refresh_token);
	await pause((round % 16) * 0.25);
	const last = await good(end(), 204);
	const answers = await one;
	const late = answers.filter((answer) => answer.from > last.to);
	assert.equal(late.length, 0, `round ${round}: ${late.length} refreshes after the 204 were answered with 200`);
	const now = await row(victim.sid);
	assert.ok(now, `round ${round}: the session's row is gone`);
	assert.deepEqual([now.ended_for, now.counter], [why, answers.length], `round ${round}`);
	ended.push([victim.sid, now]);
	return answers.length;
}

/** All rounds, several at once: `lane(i)` makes what one needs and gives the function that is a round. */
async function race(t, lane) {
	const began = performance.now();
	let next = 0, rotations = 0, met = 0;
	await Promise.all(Array.from({ length: LANES }, async (_, i) => {
		const round = await lane(i);
		while (next < ROUNDS) {
			const n = await round(next++);
			rotations += n;
			met += n > 0 ? 1 : 0;
		}
	}));
	t.diagnostic(`${ROUNDS} rounds in ${((performance.now() - began) / 1000).toFixed(1)} s, ${rotations} rotations, ${met} rounds with at least one`);
	return { rotations, met };
}

/** The end won, and so did the refresh, often enough for this to have been a race. */
function wasRace({ met }) {
	assert.ok(met > ROUNDS / 20, `in ${met} of ${ROUNDS} rounds only was there a refresh before the end`);
}

test(`refresh against logout, ${ROUNDS} rounds: what was logged out stays so`, async (t) => {
	wasRace(await race(t, async () => {
		const user = await account();
		return async (round) => {
			const victim = await session(user);
			return against(victim, () => post("/auth/logout", round % 2 ? undefined : { everywhere: true }, victim.access_token), "logout", round);
		};
	}));
});

test(`refresh against a password change, ${ROUNDS} rounds: no other session survives it, and one's own does`, async (t) => {
	wasRace(await race(t, async () => {
		const user = await account();
		const own = await session(user);
		return async (round) => {
			const victim = await session(user), new_password = newPassword();
			const rotations = await against(victim, () => post("/users/me/password", { current_password: user.password, new_password }, own.access_token), "password", round);
			user.password = new_password;
			const { ended_at } = await row(own.sid);
			assert.equal(ended_at, null, `round ${round}: one's own session ended`);
			return rotations;
		};
	}));
});

test(`refresh against deletion, ${ROUNDS} rounds: no session outlives its user`, async (t) => {
	wasRace(await race(t, async () => async (round) => {
		const user = await account(), victim = await session(user);
		const rotations = await against(victim, () => post("/users/me/delete", { current_password: user.password }, victim.access_token), "deleted", round);
		const [[users, live]] = await database.ask(`SELECT (SELECT COUNT(*) FROM users WHERE id = ${q(user.id)}), (SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)} AND ended_at IS NULL)`);
		assert.deepEqual([users, live], ["0", "0"], `round ${round}`);
		return rotations;
	}));
});

test(`refresh against itself, ${ROUNDS} rounds of four at once: one successor, one rotation, and the chain goes on`, async (t) => {
	await race(t, async () => {
		let tokens = await session(await account()), counter = 0;
		return async (round) => {
			const answers = await Promise.all(Array.from({ length: 4 }, () => good(post("/auth/refresh", { refresh_token: tokens.refresh_token }), 200)));
			const successors = new Set(answers.map((answer) => answer.json().refresh_token));
			assert.equal(successors.size, 1, `round ${round}: ${successors.size} successors`);
			assert.ok(!successors.has(tokens.refresh_token), `round ${round}: no rotation`);
			const now = await row(tokens.sid);
			assert.deepEqual([now.counter, now.ended_at], [++counter, null], `round ${round}`);
			tokens = { ...tokens, ...answers[round % 4].json() };
			return 1;
		};
	});
});

test("what ended in those rounds has stayed ended, as it was", async () => {
	assert.ok(ended.length >= 3 * ROUNDS);
	for (let at = 0; at < ended.length; at += 500) {
		const some = ended.slice(at, at + 500);
		const rows = await database.ask(`SELECT id, counter, ended_at, ended_for FROM sessions WHERE id IN (${some.map(([sid]) => q(sid)).join()}) ORDER BY id`);
		assert.deepEqual(rows, some.map(([sid, one]) => [sid, String(one.counter), one.ended_at, one.ended_for]).sort(([a], [b]) => (a < b ? -1 : 1)));
	}
});
