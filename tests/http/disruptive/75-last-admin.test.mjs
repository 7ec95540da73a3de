/* Somebody who is active always has the role admin, whatever is tried, and however many try it at once. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { del, expectProblem, patch, post } from "../lib/api.mjs";
import { ctl, ctlOk, q, sql } from "../lib/instance.mjs";
import { login, newAdmin, newSession } from "../lib/users.mjs";

const ROUNDS = 50;
const admins = async () => (await sql("SELECT u.email FROM user_roles r JOIN users u ON u.id = r.user_id WHERE r.role = 'admin' AND u.status = 'active' ORDER BY u.id")).flat();
const agree = async () => assert.deepEqual(await sql("SELECT id FROM users WHERE FIND_IN_SET('admin', roles) <> (id IN (SELECT user_id FROM user_roles WHERE role = 'admin'))"), []);
let theirs, ada, bob;

before(async () => {
	theirs = await admins();
	[ada, bob] = [await newAdmin(), await newAdmin()];
	for (const email of [...theirs, bob.email])
		await ctlOk(["role", "revoke", email, "admin"]);
	assert.deepEqual(await admins(), [ada.email]);
});

after(async () => {
	for (const email of theirs)
		await ctlOk(["role", "grant", email, "admin"]);
});

test("last admin: the role is not taken from him, nor is he disabled or deleted, by himself or by latchctl", async () => {
	expectProblem(await del(`/users/${ada.id}/roles/admin`, { token: ada.token }), "last_admin");
	expectProblem(await post("/users/me/delete", { token: ada.token, json: { current_password: ada.password } }), "last_admin");
	for (const words of [["role", "revoke", ada.email, "admin"], ["user", "disable", ada.email], ["user", "delete", ada.email, "--yes"]]) {
		const done = await ctl(words);
		assert.equal(done.code, 1, words.join(" "));
		assert.match(done.stderr, /last active user with the role admin/);
	}
	assert.deepEqual(await admins(), [ada.email]);
	await agree();
});

test("last admin: one who is disabled does not count", async () => {
	await ctlOk(["role", "grant", bob.email, "admin"]);
	await ctlOk(["user", "disable", bob.email]);
	expectProblem(await del(`/users/${ada.id}/roles/admin`, { token: ada.token }), "last_admin");
	await ctlOk(["user", "enable", bob.email]);
	Object.assign(bob, { token: (await post("/auth/login", { json: { email: bob.email, password: bob.password } })).json().access_token });
});

test(`last admin: two who take the role from each other at once: one keeps it, ${ROUNDS} times`, async (t) => {
	const tally = {};
	for (let i = 0; i < ROUNDS; i++) {
		const answers = await Promise.all([del(`/users/${bob.id}/roles/admin`, { token: ada.token }), del(`/users/${ada.id}/roles/admin`, { token: bob.token })]);
		const codes = answers.map((answer) => (answer.status === 204 ? "204" : answer.json().code)).sort().join(" ");
		tally[codes] = (tally[codes] ?? 0) + 1;
		assert.equal(answers.filter(({ status }) => status === 204).length, 1, codes);
		assert.equal((await admins()).length, 1);
		for (const { email } of [ada, bob])
			await ctlOk(["role", "grant", email, "admin"]);
	}
	t.diagnostic(JSON.stringify(tally));
	await agree();
});

test(`last admin: two who delete themselves at once: one stays, ${ROUNDS / 5} times`, async () => {
	for (let i = 0; i < ROUNDS / 5; i++) {
		const pair = [await newAdmin(), await newAdmin()];
		for (const { email } of [ada, bob])
			await ctl(["role", "revoke", email, "admin"]);
		const answers = await Promise.all(pair.map(({ token, password }) => post("/users/me/delete", { token, json: { current_password: password } })));
		const codes = answers.map((answer) => (answer.status === 204 ? "204" : answer.json().code)).sort();
		assert.deepEqual(codes, ["204", "last_admin"]);
		for (const { email } of [ada, bob])
			await ctlOk(["role", "grant", email, "admin"]);
		for (const { id } of pair)
			await sql(`DELETE FROM users WHERE id = ${q(id)}`);
	}
	await agree();
});

test("last admin: somebody who is given the role while he deletes himself is not both gone and the last", async () => {
	for (let i = 0; i < ROUNDS / 5; i++) {
		const user = await newSession();
		const [gone] = await Promise.all([post("/users/me/delete", { token: user.token, json: { current_password: user.password } }), ctl(["role", "grant", user.id, "admin"])]);
		assert.ok([204, 401, 422].includes(gone.status), gone.text);
		assert.ok((await admins()).length >= 1);
		if (gone.status !== 204)
			await ctl(["user", "delete", user.id, "--yes"]);
	}
	await agree();
});

/* What a request came to: "done", or the code of the refusal. */
const came = (answer) => (answer.status < 300 ? "done" : answer.json().code);
const disable = (whom, by) => patch(`/users/${whom.id}`, { token: by.token, json: { status: "disabled" } });
const remove = (whom, by) => del(`/users/${whom.id}`, { token: by.token });

/* Nobody but these two, whatever the round before left. */
async function alone(pair) {
	for (const email of await admins())
		if (!pair.some((one) => one.email === email))
			await ctl(["role", "revoke", email, "admin"]);
	assert.deepEqual((await admins()).sort(), pair.map(({ email }) => email).sort());
}

test("last admin: over the API he can neither disable nor delete himself, and nothing of such a request is done", async () => {
	await ctlOk(["role", "grant", ada.email, "admin"]);
	for (const email of await admins())
		if (email !== ada.email)
			await ctlOk(["role", "revoke", email, "admin"]);
	expectProblem(await disable(ada, ada), "last_admin");
	expectProblem(await remove(ada, ada), "last_admin");
	expectProblem(await patch(`/users/${ada.id}`, { token: ada.token, json: { status: "disabled", name: "Anders" } }), "last_admin");
	assert.deepEqual(await sql(`SELECT status, name FROM users WHERE id = ${q(ada.id)}`), [["active", null]]);
});

for (const [what, act] of Object.entries({ disable, delete: remove }))
	for (const whom of ["each other", "themselves"])
		test(`last admin: two who ${what} ${whom} over the API at once: one stays, ${ROUNDS} times`, async (t) => {
			const tally = {};
			let pair = [await newAdmin(), await newAdmin()];
			await alone(pair);
			for (let i = 0; i < ROUNDS; i++) {
				const [one, two] = pair;
				const answers = await Promise.all(whom === "themselves" ? [act(one, one), act(two, two)] : [act(two, one), act(one, two)]);
				const codes = answers.map(came).sort().join(" ");
				tally[codes] = (tally[codes] ?? 0) + 1;
				assert.match(codes, whom === "themselves" ? /^done last_admin$/ : /^done (invalid_token|last_admin)$/);
				const [left, ...more] = await admins();
				assert.deepEqual(more, []);
				/* Who is gone is replaced; who is disabled comes back. */
				pair = await Promise.all(pair.map(async (person) => {
					if (person.email === left)
						return person;
					if (what === "delete")
						return newAdmin();
					await ctlOk(["user", "enable", person.email]);
					return { ...person, token: (await login(person)).access_token };
				}));
			}
			t.diagnostic(JSON.stringify(tally));
			await agree();
		});
