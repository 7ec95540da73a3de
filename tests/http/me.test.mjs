import assert from "node:assert/strict";
import { test } from "node:test";
import { call, expectErrors, expectProblem, get, patch, TIME } from "./lib/api.mjs";
import { login, newPassword, newSession, newUser, statusOf, unique, uniqueEmail } from "./lib/users.mjs";

const me = async (token) => (await get("/users/me", { token })).json();

test("me: the account that the token speaks for", async () => {
	const user = await newSession({ username: unique(), name: "Me", phone_number: "+4915112345678" });
	const answer = await get("/users/me", { token: user.token });
	assert.equal(answer.status, 200, answer.text);
	const body = answer.json();
	assert.match(body.last_login_at, TIME);
	assert.deepEqual({ ...body, last_login_at: null }, { ...user.body, permissions: [], updated_at: body.updated_at });
	assert.ok(!answer.text.includes("argon2"));
});

test("me: without credentials it is 401", async () => {
	expectProblem(await get("/users/me"), "unauthorized");
	expectProblem(await patch("/users/me", { json: { name: "x" } }), "unauthorized");
});

test("me: PATCH changes what is sent and nothing else", async () => {
	const { token, body } = await newSession({ username: unique(), name: "Before", phone_number: "+4915112345678" });
	const answer = await patch("/users/me", { token, json: { name: "After 🔐" } });
	assert.equal(answer.status, 200, answer.text);
	const now = answer.json();
	assert.deepEqual({ ...now, updated_at: 0, last_login_at: 0 }, { ...body, permissions: [], name: "After 🔐", updated_at: 0, last_login_at: 0 });
	assert.ok(Date.parse(now.updated_at) >= Date.parse(body.updated_at));
	assert.deepEqual(await me(token), now);
});

test("me: PATCH changes all three at once", async () => {
	const { token } = await newSession();
	const wanted = { username: unique(), name: "N", phone_number: "+15551234567" };
	const now = (await patch("/users/me", { token, json: wanted })).json();
	for (const [key, value] of Object.entries(wanted))
		assert.equal(now[key], value);
	assert.deepEqual(await me(token), now);
});

test("me: null clears", async () => {
	const { token } = await newSession({ username: unique(), name: "N", phone_number: "+15551234567" });
	let now = (await patch("/users/me", { token, json: { name: null } })).json();
	assert.equal(now.name, null);
	assert.notEqual(now.username, null);
	assert.notEqual(now.phone_number, null);
	now = (await patch("/users/me", { token, json: { username: null, phone_number: null } })).json();
	assert.deepEqual([now.username, now.phone_number], [null, null]);
	assert.deepEqual(await me(token), now);
});

test("me: an empty PATCH changes nothing", async () => {
	const { token } = await newSession({ name: "Same" });
	const before = await me(token);
	const answer = await patch("/users/me", { token, json: {} });
	assert.equal(answer.status, 200, answer.text);
	assert.deepEqual({ ...answer.json(), updated_at: 0 }, { ...before, updated_at: 0 });
});

test("me: PATCH ignores what is not to be changed here", async () => {
	const { token, email } = await newSession();
	const before = await me(token);
	const answer = await patch("/users/me", { token, json: { email: uniqueEmail(), id: "x", status: "disabled", email_verified: true, password: newPassword(), created_at: null, extra: { deep: [] } } });
	assert.equal(answer.status, 200, answer.text);
	assert.deepEqual({ ...answer.json(), updated_at: 0 }, { ...before, updated_at: 0 });
	assert.equal((await me(token)).email, email);
});

test("me: a user name that somebody has is 409 in every case", async () => {
	const one = await newUser({ username: unique("Taken") });
	const { token } = await newSession({ name: "Kept" });
	for (const username of [one.username, one.username.toLowerCase(), one.username.toUpperCase()])
		expectErrors(await patch("/users/me", { token, json: { username, name: "Lost" } }), { username: "taken" }, "conflict");
	assert.equal((await me(token)).name, "Kept");
});

test("me: one's own user name may change its case", async () => {
	const username = unique("own");
	const { token } = await newSession({ username });
	for (const wanted of [username, username.toUpperCase()]) {
		const answer = await patch("/users/me", { token, json: { username: wanted } });
		assert.equal(answer.status, 200, answer.text);
		assert.equal(answer.json().username, wanted);
	}
});

test("me: a user name that was given up is free", async () => {
	const username = unique("free");
	const first = await newSession({ username });
	await patch("/users/me", { token: first.token, json: { username: null } });
	const second = await newSession();
	assert.equal((await patch("/users/me", { token: second.token, json: { username } })).status, 200);
});

test("me: two who want one user name at once: one gets it", async () => {
	const username = unique("race");
	const people = await Promise.all([newSession(), newSession(), newSession()]);
	const answers = await Promise.all(people.map(({ token }) => patch("/users/me", { token, json: { username } })));
	assert.deepEqual(answers.map((a) => a.status).sort(), [200, 409, 409]);
});

test("me: every wrong field is named at once", async () => {
	const { token } = await newSession();
	expectErrors(await patch("/users/me", { token, json: { username: 5, name: [], phone_number: true } }), { username: "wrong_type", name: "wrong_type", phone_number: "wrong_type" });
	expectErrors(await patch("/users/me", { token, json: { username: "a b", name: "n".repeat(10_000), phone_number: "12" } }), { username: "invalid", name: "too_long", phone_number: "invalid" });
	const now = await me(token);
	assert.deepEqual([now.username, now.name, now.phone_number], [null, null, null]);
});

test("me: a user name equal to somebody's address cannot be", async () => {
	const one = await newUser();
	const { token } = await newSession();
	expectErrors(await patch("/users/me", { token, json: { username: one.email } }), { username: ["invalid", "too_long"] });
});

test("me: each sees their own", async () => {
	const [one, two] = [await newSession(), await newSession()];
	const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => get("/users/me", { token: i % 2 ? one.token : two.token })));
	answers.forEach((answer, i) => assert.equal(answer.json().id, i % 2 ? one.id : two.id));
});

test("me: an account that is gone or disabled is not served from memory", async () => {
	const user = await newSession();
	assert.equal(await statusOf(user.token), 200);
	await call("POST", "/users/me/delete", { token: user.token, json: { current_password: user.password } });
	for (let i = 0; i < 20; i++)
		assert.equal(await statusOf(user.token), 401);
});

test("me: a new login sees the change", async () => {
	const user = await newSession();
	await patch("/users/me", { token: user.token, json: { name: "Changed" } });
	const { access_token: token } = await login(user);
	assert.equal((await me(token)).name, "Changed");
});
