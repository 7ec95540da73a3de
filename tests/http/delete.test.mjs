import assert from "node:assert/strict";
import { test } from "node:test";
import { call, expectErrors, expectProblem, get, post } from "./lib/api.mjs";
import { q, sql } from "./lib/instance.mjs";
import { login, newPassword, newSession, newUser, statusOf, tryLogin, unique } from "./lib/users.mjs";

const remove = (token, current_password) => post("/users/me/delete", { token, json: { current_password } });

test("delete: 204; the row, the sessions, the login and the tokens are gone", async () => {
	const user = await newSession();
	const other = (await login(user)).access_token;
	const answer = await remove(user.token, user.password);
	assert.equal(answer.status, 204, answer.text);
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM users WHERE email = ${q(user.email)} OR id = ${q(user.id)}`), [["0"]]);
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)}`), [["0"]]);
	expectProblem(await tryLogin(user.email, user.password), "invalid_credentials");
	for (const token of [user.token, other])
		expectProblem(await get("/users/me", { token }), "invalid_token");
	expectProblem(await remove(user.token, user.password), "invalid_token");
});

test("delete: a wrong password is 422 and deletes nothing", async () => {
	const user = await newSession();
	expectErrors(await remove(user.token, newPassword()), { current_password: "incorrect" });
	assert.equal(await statusOf(user.token), 200);
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
});

test("delete: without credentials it is 401, without a password 422", async () => {
	expectProblem(await post("/users/me/delete", { json: { current_password: "x" } }), "unauthorized");
	const { token } = await newSession();
	expectErrors(await post("/users/me/delete", { token, json: {} }), { current_password: "required" });
	assert.equal(await statusOf(token), 200);
});

test("delete: address and user name are free again", async () => {
	const user = await newSession({ username: unique() });
	assert.equal((await remove(user.token, user.password)).status, 204);
	const again = await newUser({ email: user.email, username: user.username });
	assert.notEqual(again.id, user.id);
	assert.equal(await statusOf(user.token), 401);
});

test("delete: others are left alone", async () => {
	const [user, other] = [await newSession(), await newSession()];
	assert.equal((await remove(user.token, user.password)).status, 204);
	assert.equal(await statusOf(other.token), 200);
});

test("delete: nothing of the person is left in any table; the audit knows his id and no more", async () => {
	const user = await newSession({ username: unique("gone"), name: unique("Gone"), phone_number: `+49${Math.floor(1e11 + Math.random() * 8e11)}` });
	assert.equal((await remove(user.token, user.password)).status, 204);
	const tables = (await sql("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()"));
	for (const [table, column] of tables) {
		const theirs = [user.email, user.username, user.name, user.phone_number, ...(table === "audit" && ["actor", "subject"].includes(column) ? [] : [user.id])];
		const [[count]] = await sql(`SELECT COUNT(*) FROM \`${table}\` WHERE CAST(\`${column}\` AS CHAR) IN (${theirs.map(q).join(", ")})`);
		assert.equal(count, "0", `${table}.${column} still holds something of a deleted person`);
	}
});

test("delete: while a login runs, no session survives", async () => {
	const user = await newSession();
	const [removed, ...logins] = await Promise.all([remove(user.token, user.password), ...Array.from({ length: 4 }, () => tryLogin(user.email, user.password))]);
	assert.equal(removed.status, 204, removed.text);
	for (const answer of logins) {
		assert.ok([200, 401].includes(answer.status), answer.text);
		if (answer.status === 200)
			assert.equal(await statusOf(answer.json().access_token), 401);
	}
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)}`), [["0"]]);
});

test("delete: twice at once is once", async () => {
	const user = await newSession();
	const answers = await Promise.all([1, 2].map(() => call("POST", "/users/me/delete", { token: user.token, json: { current_password: user.password } })));
	assert.deepEqual(answers.map((a) => a.status).sort(), [204, 401]);
});
