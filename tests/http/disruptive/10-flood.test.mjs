import assert from "node:assert/strict";
import { test } from "node:test";
import { call, get } from "../lib/api.mjs";
import { config, sleep, workers } from "../lib/instance.mjs";
import { newPassword, newSession, tryLogin, uniqueEmail } from "../lib/users.mjs";

test("lanes: a flood of logins gives 200, 401 or 503 busy with Retry-After, while /users/me keeps answering", async (t) => {
	const user = await newSession(), other = await newSession();
	const one = (i) => {
		const [email, password] = [[user.email, user.password], [other.email, newPassword()], [uniqueEmail(), newPassword()]][i % 3];
		return tryLogin(email, password, { patient: false, timeout: 30_000 }).then((answer) => ({ answer, i }));
	};
	/* 60 clients log in without pause, for as long as it takes to ask who I am twenty times. */
	let over = false;
	const flood = Promise.all(Array.from({ length: 60 }, async (_, i) => {
		const done = [];
		do
			done.push(await one(i));
		while (!over);
		return done;
	}));
	flood.catch(() => {});
	const times = [];
	for (let n = 0; n < 20; n++) {
		const answer = await get("/users/me", { token: user.token });
		assert.equal(answer.status, 200, answer.text);
		times.push(answer.ms);
		await sleep(10);
	}
	over = true;
	const count = {};
	for (const { answer, i } of (await flood).flat()) {
		const kind = answer.status === 503 ? answer.json().code : String(answer.status);
		count[kind] = (count[kind] ?? 0) + 1;
		/* Whose password is guessed so often is slowed down: see guessing.test.mjs. */
		assert.ok(["busy", ["200", "401", "401"][i % 3]].includes(kind) || (i % 3 === 1 && kind === "429"), `login ${i}: ${answer.status} ${answer.text}`);
	}
	times.sort((a, b) => a - b);
	t.diagnostic(`logins: ${JSON.stringify(count)}; /users/me meanwhile: ${times.length} answers, median ${times[times.length >> 1].toFixed(0)} ms, worst ${times.at(-1).toFixed(0)} ms`);
	assert.ok(count.busy > 0, `nothing was refused: ${JSON.stringify(count)}`);
	assert.ok(count[200] > 0 && count[401] > 0, JSON.stringify(count));
	assert.ok(times.length >= 5, `only ${times.length} answers meanwhile`);
	assert.ok(times[Math.floor(times.length * 0.9)] < 2000, `a tenth of /users/me took more than ${times[Math.floor(times.length * 0.9)].toFixed(0)} ms`);
});

test("lanes: after the flood every login succeeds again", async () => {
	const user = await newSession();
	for (let i = 0; i < 10; i++)
		assert.equal((await tryLogin(user.email, user.password, { patient: false })).status, 200);
	assert.equal(workers().length, Number(config("workers")));
});

test("lanes: what is refused before a hash is needed is refused at once", async () => {
	const user = await newSession();
	const flood = Promise.all(Array.from({ length: 60 }, () => tryLogin(user.email, newPassword(), { patient: false, timeout: 30_000 })));
	for (let i = 0; i < 10; i++)
		assert.equal((await call("POST", "/auth/login", { json: {}, patient: false })).status, 422);
	await flood;
});

test("lanes: whoever signs in from one address without pause, with a right password, keeps nobody from another address out", async (t) => {
	const busy = await newSession(), user = await newSession();
	const from = (address) => ({ headers: { "X-Forwarded-For": address }, patient: false, timeout: 30_000 });
	let over = false;
	const count = {};
	const flood = Promise.all(Array.from({ length: 30 }, async () => {
		while (!over) {
			const { status } = await tryLogin(busy.email, busy.password, from("198.51.100.7"));
			count[status] = (count[status] ?? 0) + 1;
		}
	}));
	await sleep(500);
	const statuses = [], times = [];
	/* An address whose share is another one, as nearly every address is. */
	for (let i = 0; i < 20; i++) {
		const answer = await tryLogin(user.email, user.password, from("203.0.113.9"));
		statuses.push(answer.status);
		times.push(answer.ms);
	}
	over = true;
	await flood;
	t.diagnostic(`meanwhile: ${JSON.stringify(count)}; the other: median ${times.sort((a, b) => a - b)[10].toFixed(0)} ms, worst ${times.at(-1).toFixed(0)} ms`);
	assert.ok(count[503] > 20, "nobody was refused: this was no flood");
	assert.deepEqual(statuses, Array(20).fill(200));
});
