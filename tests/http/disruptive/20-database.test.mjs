import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { call, expectProblem, get, post } from "../lib/api.mjs";
import { databaseBack, databaseRuns, startDatabase, stopDatabase } from "../lib/database.mjs";
import { send } from "../lib/http.mjs";
import { config, DIR, pidOf, sleep, sql, until, workers } from "../lib/instance.mjs";
import { newPassword, newSession, newUser, statusOf, tryLogin, uniqueEmail } from "../lib/users.mjs";

const user = await newSession();

after(databaseRuns);

test("database stopped: 503 with Retry-After at once, on every route that needs it; 200 within a second of its return; no worker dies", async (t) => {
	const before = workers();
	assert.equal(before.length, Number(config("workers")));
	await stopDatabase();

	/* More rounds than there are workers, so that each has met the loss, and some twice. */
	for (let round = 0; round < 2 * before.length; round++) {
		const answer = await get("/users/me", { token: user.token });
		expectProblem(answer, "unavailable");
		assert.ok(answer.ms < 500, `/users/me: ${answer.ms.toFixed(0)} ms`);
	}
	for (const [name, ask] of Object.entries({
		login: () => tryLogin(user.email, user.password), register: () => post("/auth/register", { json: { email: uniqueEmail(), password: newPassword() } }),
		logout: () => post("/auth/logout", { token: user.token }), readyz: () => get("/readyz"), patch: () => call("PATCH", "/users/me", { token: user.token, json: { name: "x" } }),
		password: () => post("/users/me/password", { token: user.token, json: { current_password: user.password, new_password: newPassword() } }),
		remove: () => post("/users/me/delete", { token: user.token, json: { current_password: user.password } }),
	})) {
		const answer = await ask();
		assert.equal(answer.status, 503, `${name}: ${answer.text}`);
		assert.equal(answer.json().code, "unavailable", name);
		assert.ok(answer.ms < 1000, `${name}: ${answer.ms.toFixed(0)} ms`);
	}
	/* What needs no database goes on. */
	assert.equal((await get("/healthz")).status, 200);
	assert.equal((await get("/openapi.json")).status, 200);
	expectProblem(await call("GET", "/nothing", { documented: false }), "not_found");

	await startDatabase();
	const back = await databaseBack();
	await until(async () => (await statusOf(user.token)) === 200, 1000, "200 after the database's return");
	t.diagnostic(`first 200 ${(performance.now() - back).toFixed(0)} ms after the database's return`);
	await sleep(Math.max(0, 1000 - (performance.now() - back)));
	for (const answer of await Promise.all(Array.from({ length: 4 * before.length }, () => get("/users/me", { token: user.token }))))
		assert.equal(answer.status, 200, "a worker has not come back");
	assert.equal((await get("/readyz")).status, 200);
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
	await newUser();
	assert.deepEqual(workers(), before, "the same workers");
});

test("database restarted between two requests: nobody notices", async () => {
	await stopDatabase();
	await startDatabase();
	await databaseBack();
	for (let i = 0; i < 4 * Number(config("workers")); i++)
		assert.equal(await statusOf(user.token), 200);
});

test("database: connections that it kills are made anew", async () => {
	const rows = await sql("SELECT id FROM information_schema.processlist WHERE user = " + `'${config("db_user")}'`, { as: "service" });
	assert.ok(rows.length >= 1, "no connection at all");
	for (const [id] of rows)
		await sql(`KILL ${id}`, { as: "service" }).catch(() => {});
	for (let i = 0; i < 4 * Number(config("workers")); i++)
		assert.equal(await statusOf(user.token), 200);
});

test("database hung: every answer within 5 s, and all is well after it goes on", async (t) => {
	const before = workers();
	const pid = pidOf("db");
	process.kill(pid, "SIGSTOP");
	try {
		const asked = [];
		for (let i = 0; i < before.length; i++)
			asked.push(send("GET", "/users/me", { headers: { Authorization: `Bearer ${user.token}` } }));
		for (const answer of await Promise.all(asked)) {
			expectProblem(answer, "unavailable");
			assert.ok(answer.ms < 5000, `${answer.ms.toFixed(0)} ms`);
		}
		/* Now connections have to be made anew, to a server that does not answer. */
		for (const answer of await Promise.all([get("/users/me", { token: user.token }), tryLogin(user.email, user.password), get("/readyz"), post("/auth/logout", { token: user.token })])) {
			assert.equal(answer.status, 503, answer.text);
			assert.ok(answer.ms < 5000, `${answer.ms.toFixed(0)} ms`);
		}
		const health = await get("/healthz");
		assert.equal(health.status, 200);
		t.diagnostic(`healthz meanwhile ${health.ms.toFixed(0)} ms`);
	} finally {
		process.kill(pid, "SIGCONT");
	}
	const back = await databaseBack();
	await until(async () => (await statusOf(user.token)) === 200, 1000, "200 after the database goes on");
	t.diagnostic(`first 200 ${(performance.now() - back).toFixed(0)} ms after it went on`);
	await sleep(1000);
	for (const answer of await Promise.all(Array.from({ length: 4 * before.length }, () => get("/users/me", { token: user.token }))))
		assert.equal(answer.status, 200);
	assert.deepEqual(workers(), before, "the same workers");
});

test("database: the log tells of its loss without telling secrets", async () => {
	const text = readFileSync(join(DIR, "log", "latch.log"), "utf8");
	assert.ok(/level=(error|warn) .*\b(database|mariadb|mysql|connect)/i.test(text), "no line at level warn or error tells of it");
	const secret = readFileSync(join(DIR, "secrets", "db-password"), "utf8").trim();
	assert.ok(!text.includes(secret));
});
