import assert from "node:assert/strict";
import { test } from "node:test";
import { expectErrors, expectProblem, post } from "./lib/api.mjs";
import { config, hold, q, sql } from "./lib/instance.mjs";
import { login, newPassword, newSession, newUser, statusOf, tryLogin, unique } from "./lib/users.mjs";

const change = (token, current_password, new_password) => post("/users/me/password", { token, json: { current_password, new_password } });

test("password change: 204; the new one logs in, the old one no more", async () => {
	const user = await newSession();
	const fresh = newPassword();
	const answer = await change(user.token, user.password, fresh);
	assert.equal(answer.status, 204, answer.text);
	expectProblem(await tryLogin(user.email, user.password), "invalid_credentials");
	assert.equal((await tryLogin(user.email, fresh)).status, 200);
});

test("password change: other sessions end, one's own stays, strangers' too", async () => {
	const user = await newSession();
	const others = [(await login(user)).access_token, (await login(user)).access_token];
	const stranger = await newSession();
	assert.equal((await change(user.token, user.password, newPassword())).status, 204);
	for (const token of others)
		assert.equal(await statusOf(token), 401);
	assert.equal(await statusOf(user.token), 200);
	assert.equal(await statusOf(stranger.token), 200);
});

test("password change: a wrong current password is 422 and changes nothing", async () => {
	const user = await newSession();
	const other = (await login(user)).access_token;
	expectErrors(await change(user.token, newPassword(), newPassword()), { current_password: "incorrect" });
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
	assert.equal(await statusOf(other), 200);
});

test("password change: the new one is held against the rules", async () => {
	const user = await newSession({ username: unique("Pw") });
	const min = Number(config("password_min"));
	for (const [fresh, code] of [["x".repeat(min - 1), "too_short"], ["x".repeat(257), "too_long"], ["password1password", undefined], ["1234567890", "common"], [user.email, "forbidden"],
		[user.username.toUpperCase(), "forbidden"]].filter(([, code]) => code))
		expectErrors(await change(user.token, user.password, fresh), { new_password: code });
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
});

test("password change: what is wrong with the new one is told beside what is wrong with the other fields", async () => {
	const user = await newSession();
	expectErrors(await change(user.token, 5, "x"), { current_password: "wrong_type", new_password: "too_short" });
});

test("password change: without credentials it is 401", async () => {
	expectProblem(await post("/users/me/password", { json: { current_password: "a", new_password: newPassword() } }), "unauthorized");
});

test("password change: two at once leave one password that works", async () => {
	const user = await newSession();
	const wanted = [newPassword(), newPassword()];
	const answers = await Promise.all(wanted.map((fresh) => change(user.token, user.password, fresh)));
	assert.equal(answers.filter((a) => a.status === 204).length, 1, answers.map((a) => a.status).join(" "));
	const good = [];
	for (const password of wanted)
		good.push((await tryLogin(user.email, password)).status === 200);
	assert.equal(good.filter(Boolean).length, 1, `${answers.map((a) => a.status)} ${good}`);
	assert.equal(answers[good.indexOf(true)].status, 204);
	expectProblem(await tryLogin(user.email, user.password), "invalid_credentials");
});

/* Somebody's row changes, and is kept locked, while a request for them is under way. */
async function meanwhile(user, change_, request) {
	const { released } = await hold(`UPDATE users SET ${change_} WHERE id = ${q(user.id)}`, 0.8);
	const answer = await request();
	await released;
	assert.ok(answer.ms > 200, `it did not meet the change: ${answer.ms} ms`);
	return answer;
}

test("password change: one that has changed since it was looked at is not changed again", async () => {
	const user = await newSession();
	const answer = await meanwhile(user, "password_version = password_version + 1", () => change(user.token, user.password, newPassword()));
	assert.equal(expectProblem(answer, "validation_failed").errors[0].field, "current_password");
	assert.equal(await statusOf(user.token), 200, "the session is as good as before");
	assert.equal((await tryLogin(user.email, user.password)).status, 200, "the password is still the one before");
});

test("login: a password that changed, or an account that was disabled, while it was checked gives no session", async () => {
	for (const change_ of ["password_version = password_version + 1", "status = 'disabled'"]) {
		const user = await newUser();
		const answer = await meanwhile(user, change_, () => tryLogin(user.email, user.password));
		assert.ok([401, 403].includes(answer.status), `${change_}: ${answer.status}`);
		assert.deepEqual(await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)}`), [["0"]], change_);
	}
});

test("password change: a login that began before it leaves no session behind", async () => {
	const user = await newSession();
	const fresh = newPassword();
	const [changed, ...logins] = await Promise.all([change(user.token, user.password, fresh), ...Array.from({ length: 6 }, () => tryLogin(user.email, user.password))]);
	assert.equal(changed.status, 204, changed.text);
	for (const answer of logins.filter((a) => a.status === 200))
		assert.equal(await statusOf(answer.json().access_token), 401, "a session made with the old password lives on");
});
