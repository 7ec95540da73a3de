/* What happens between the moment somebody proves who he is and the moment he acts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { expectProblem, get, patch, post } from "./lib/api.mjs";
import { ctlOk, hold, q, sleep, sql } from "./lib/instance.mjs";
import { login, newPassword, newSession, newUser, statusOf, tryLogin } from "./lib/users.mjs";

const count = async (text) => Number((await sql(text))[0][0]);

test("profile: changes of different fields at once are both kept", async () => {
	const user = await newSession();
	for (let round = 0; round < 20; round++) {
		const [name, phone_number] = [`Name ${round}`, `+49301234${100 + round}`];
		const answers = await Promise.all([patch("/users/me", { token: user.token, json: { name } }), patch("/users/me", { token: user.token, json: { phone_number } })]);
		assert.deepEqual(answers.map((a) => a.status), [200, 200]);
		const now = (await get("/users/me", { token: user.token })).json();
		assert.deepEqual([now.name, now.phone_number], [name, phone_number], `round ${round}`);
	}
});

test("delete: a password that was changed meanwhile deletes nothing", async () => {
	const user = await newSession();
	/* The row is held while the delete waits for it, having checked the old password. */
	const { released } = await hold(`UPDATE users SET password_version = password_version + 1 WHERE id = ${q(user.id)}`, 0.8);
	const answer = await post("/users/me/delete", { token: user.token, json: { current_password: user.password } });
	await released;
	assert.equal(expectProblem(answer, "validation_failed").errors[0].field, "current_password");
	assert.equal(await count(`SELECT COUNT(*) FROM users WHERE id = ${q(user.id)}`), 1);
	assert.equal(await statusOf(user.token), 200, "the session is as good as before");
});

test("password change: of eight in parallel with one token one is made, and the others hear that it is not the password any more", async () => {
	const user = await newSession();
	const answers = await Promise.all(Array.from({ length: 8 }, () => post("/users/me/password", { token: user.token, json: { current_password: user.password, new_password: newPassword() } })));
	assert.deepEqual(answers.map((a) => a.status).filter((s) => s !== 503).sort().slice(0, 2), answers.filter((a) => a.status !== 503).length > 1 ? [204, 422] : [204]);
	assert.equal(answers.filter((a) => a.status === 204).length, 1);
	assert.ok(answers.every((a) => [204, 422, 503].includes(a.status)), answers.map((a) => a.status).join());
	assert.equal(await statusOf(user.token), 200);
});

test("password change: an account that was disabled meanwhile keeps its password", async () => {
	const user = await newSession();
	const { released } = await hold(`UPDATE users SET status = 'disabled' WHERE id = ${q(user.id)}`, 0.8);
	const next = newPassword();
	const answer = await post("/users/me/password", { token: user.token, json: { current_password: user.password, new_password: next } });
	await released;
	assert.equal(answer.status, 401, answer.text);
	assert.equal((await tryLogin(user.email, next)).status, 401, "the new password is right");
	assert.equal((await tryLogin(user.email, user.password)).status, 403, "the old one is not");
	await ctlOk(["user", "enable", user.id]);
});

test("password change: a session that ended meanwhile changes nothing", async () => {
	const user = await newSession();
	const { released } = await hold(`UPDATE sessions SET ended_at = UTC_TIMESTAMP(3) WHERE user_id = ${q(user.id)}`, 0.8);
	const answer = await post("/users/me/password", { token: user.token, json: { current_password: user.password, new_password: newPassword() } });
	await released;
	assert.equal(answer.status, 401, answer.text);
	assert.ok((await login(user)).access_token, "the old password is still right");
});

test("sessions: a user has at most 100, and the newest stay", async () => {
	const user = await newUser();
	const { access_token: first } = await login(user);
	const ms = (Date.now() + 5).toString(16).padStart(12, "0"); /* ids that come after the first one's */
	await sql(`INSERT INTO sessions (id, user_id, created_at, expires_at)
		SELECT CONCAT('${ms.slice(0, 8)}-${ms.slice(8)}-7000-8000-', LPAD(HEX(seq), 12, '0')), user_id, created_at, expires_at
		FROM sessions JOIN seq_1_to_3000 WHERE user_id = ${q(user.id)}`);
	await sleep(50);
	assert.equal(await count(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)}`), 3001);
	const { access_token: last } = await login(user);
	assert.equal(await count(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)} AND ended_at IS NULL`), 100);
	assert.equal(await statusOf(last), 200);
	assert.equal(await statusOf(first), 401);
});

test("sessions: sixty log-ins in parallel beyond the hundred leave a hundred, and each of them is good", async () => {
	const user = await newUser();
	const answers = [];
	for (let i = 0; i < 40; i++)
		answers.push(...await Promise.all(Array.from({ length: 4 }, () => login(user))));
	assert.equal(await count(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)} AND ended_at IS NULL`), 100);
	assert.deepEqual(await Promise.all(answers.slice(-60).map((a) => statusOf(a.access_token))), Array(60).fill(200));
});

test("sessions: after a clock that was ahead the new session is not the one that goes", async () => {
	const user = await newUser();
	await login(user);
	const ms = (Date.now() + 86_400_000).toString(16).padStart(12, "0");
	await sql(`INSERT INTO sessions (id, user_id, created_at, expires_at)
		SELECT CONCAT('${ms.slice(0, 8)}-${ms.slice(8)}-7000-8000-', LPAD(HEX(seq + ${Math.floor(Math.random() * 2 ** 40)}), 12, '0')), user_id, created_at, expires_at
		FROM sessions JOIN seq_1_to_100 WHERE user_id = ${q(user.id)}`);
	const { access_token } = await login(user);
	assert.equal(await statusOf(access_token), 200);
	assert.equal(await count(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)} AND ended_at IS NULL`), 100);
});

test("login: a stored hash that is none is as good as no account", async () => {
	const user = await newUser();
	for (const hash of ["", "*", "!", "x", "$argon2id$v=19$m=262144,t=16,p=4$MDEyMzQ1Njc4OWFiY2RlZg$qhGYb1MyPEE+aES/CN6NCQDLQrWvmzyI+WAxnX2ZLmI"]) {
		await sql(`UPDATE users SET password_hash = ${q(hash)} WHERE id = ${q(user.id)}`);
		assert.equal((await tryLogin(user.email, user.password)).status, 401, hash);
	}
});

test("login: a hash that another program made, with two lanes and another salt, is good and made anew", async () => {
	const user = await newUser();
	const made = "$argon2id$v=19$m=1024,t=3,p=2$MDEyMzQ1Njc4OWFiY2RlZjA$7fR+udJStLcRBqOCR/SHK+mCxdioENj2tNNLKxoqAm37";
	await sql(`UPDATE users SET password_hash = ${q(made)} WHERE id = ${q(user.id)}`);
	assert.equal((await tryLogin(user.email, "px")).status, 401);
	assert.equal((await tryLogin(user.email, "pw")).status, 200);
	assert.match((await sql(`SELECT password_hash FROM users WHERE id = ${q(user.id)}`))[0][0], /p=1\$.{22}\$.{43}$/);
	assert.equal((await tryLogin(user.email, "pw")).status, 200);
});

test("login: names that can be nobody's are 401, as unknown ones are", async () => {
	const user = await newUser();
	for (const username of ["é@example.org", `${user.email}   `, `${user.email}\u00a0`, "a b", "x", "'", "\u{1f510}", `${user.email}.`]) {
		const answer = await post("/auth/login", { form: { username, password: user.password } });
		assert.equal(expectProblem(answer, "invalid_credentials").status, 401, JSON.stringify(username));
	}
});

test("logins of one user in parallel all begin a session", async () => {
	const user = await newUser();
	const answers = await Promise.all(Array.from({ length: 12 }, () => login(user)));
	assert.deepEqual(await Promise.all(answers.map((a) => statusOf(a.access_token))), answers.map(() => 200));
});
