import assert from "node:assert/strict";
import { test } from "node:test";
import { call, expectProblem, get, post } from "./lib/api.mjs";
import { q, sql } from "./lib/instance.mjs";
import { npm } from "./lib/npm.mjs";
import { login, newSession, newUser, statusOf } from "./lib/users.mjs";

const { decodeJwt } = await npm("jose");

const ended = async (token) => (await sql(`SELECT ended_at IS NOT NULL FROM sessions WHERE id = ${q(decodeJwt(token).sid)}`))[0]?.[0];

test("logout: 204, and the session's row has ended", async () => {
	const { token } = await newSession();
	assert.equal(await ended(token), "0");
	const answer = await post("/auth/logout", { token });
	assert.equal(answer.status, 204, answer.text);
	assert.equal(await ended(token), "1");
});

test("logout: the token is refused from then on, for a second logout too", async () => {
	const { token } = await newSession();
	assert.equal((await post("/auth/logout", { token })).status, 204);
	expectProblem(await get("/users/me", { token }), "invalid_token");
	expectProblem(await post("/auth/logout", { token }), "invalid_token");
});

test("logout: other sessions of the same person live on", async () => {
	const user = await newSession();
	const other = (await login(user)).access_token;
	assert.equal((await post("/auth/logout", { token: user.token })).status, 204);
	assert.equal(await statusOf(other), 200);
	assert.equal(await ended(other), "0");
});

test("logout: it needs no body, and ends this session only", async () => {
	for (const options of [{ json: { session: "x" } }, { json: {} }, { json: { everywhere: false } }, { json: { everywhere: null, refresh_token: null } }, {}, { body: "" }]) {
		const user = await newSession();
		const other = (await login(user)).access_token;
		const answer = await post("/auth/logout", { token: user.token, ...options });
		assert.equal(answer.status, 204, `${JSON.stringify(options)}: ${answer.text}`);
		assert.equal(await statusOf(user.token), 401);
		assert.equal(await statusOf(other), 200);
	}
});

test("logout: without credentials it is 401", async () => {
	expectProblem(await post("/auth/logout"), "unauthorized");
});

test("logout: ten at once end the session once", async () => {
	const { token } = await newSession();
	const answers = await Promise.all(Array.from({ length: 10 }, () => call("POST", "/auth/logout", { token })));
	assert.equal(answers.filter((a) => a.status === 204).length, 1, answers.map((a) => a.status).join(" "));
	assert.equal(answers.filter((a) => a.status === 401).length, 9, answers.map((a) => a.status).join(" "));
});

test("session: one that has expired refuses its tokens", async () => {
	const { token } = await newSession();
	await sql(`UPDATE sessions SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE id = ${q(decodeJwt(token).sid)}`);
	expectProblem(await get("/users/me", { token }), "invalid_token");
});

test("session: one that is not in the database refuses its tokens", async () => {
	const { token } = await newSession();
	await sql(`DELETE FROM sessions WHERE id = ${q(decodeJwt(token).sid)}`);
	expectProblem(await get("/users/me", { token }), "invalid_token");
	expectProblem(await post("/auth/logout", { token }), "invalid_token");
});

test("session: it belongs to the person who logged in", async () => {
	const user = await newUser();
	const tokens = await login(user);
	const { sid, sub } = decodeJwt(tokens.access_token);
	assert.deepEqual(await sql(`SELECT user_id, ended_at FROM sessions WHERE id = ${q(sid)}`), [[sub, null]]);
	assert.equal(sub, user.id);
});
