/* Fifty at once. A 503 "busy" of the hash lanes is an answer to be asked again, so every one comes to its end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { expectErrors, expectProblem, post } from "./lib/api.mjs";
import { q, sleep, sql } from "./lib/instance.mjs";
import { newPassword, tryLogin, unique, uniqueEmail } from "./lib/users.mjs";

const MANY = 50;

async function persistent(json) {
	for (const end = Date.now() + 60_000; ;) {
		const answer = await post("/auth/register", { json, patient: false });
		if (answer.status !== 503 || Date.now() > end)
			return answer;
		assert.equal(answer.json().code, "busy", answer.text);
		await sleep(100 + 300 * Math.random());
	}
}

/** Registers all at once: exactly one is let in, and every other is told that `field` is taken. */
async function oneOf(sent, field) {
	const answers = await Promise.all(sent.map(persistent));
	const statuses = answers.map((answer) => answer.status);
	assert.equal(statuses.filter((status) => status === 201).length, 1, statuses.join(" "));
	for (const answer of answers.filter((one) => one.status !== 201))
		expectErrors(answer, { [field]: "taken" }, "conflict");
	const won = statuses.indexOf(201);
	return { winner: sent[won], body: answers[won].json(), losers: sent.filter((_, i) => i !== won) };
}

test("registering one address fifty times at once, in every case, makes one account", async () => {
	const email = uniqueEmail("Race");
	const spellings = [email, email.toLowerCase(), email.toUpperCase()];
	const { winner, body, losers } = await oneOf(Array.from({ length: MANY }, (_, i) => ({ email: spellings[i % 3], password: newPassword() })), "email");
	assert.deepEqual(await sql(`SELECT id, email FROM users WHERE email = ${q(email)}`), [[body.id, winner.email]]);
	assert.equal((await tryLogin(email, winner.password)).status, 200);
	for (const loser of losers.slice(0, 3))
		expectProblem(await tryLogin(email, loser.password), "invalid_credentials");
});

test("registering one user name fifty times at once makes one account, and leaves the other addresses free", async () => {
	const username = unique("Race");
	const { winner, losers } = await oneOf(Array.from({ length: MANY }, (_, i) => ({ email: uniqueEmail(), username: i % 2 ? username : username.toLowerCase(), password: newPassword() })), "username");
	assert.deepEqual(await sql(`SELECT email FROM users WHERE username = ${q(username)}`), [[winner.email]]);
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM users WHERE email IN (${losers.map(({ email }) => q(email)).join(",")})`), [["0"]]);
});
