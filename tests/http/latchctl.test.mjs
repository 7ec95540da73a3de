import assert from "node:assert/strict";
import { test } from "node:test";
import { expectProblem, get } from "./lib/api.mjs";
import { config, ctl, ctlOk, q, sql } from "./lib/instance.mjs";
import { npm } from "./lib/npm.mjs";
import { login, newPassword, newSession, newUser, statusOf, tryLogin, unique, uniqueEmail } from "./lib/users.mjs";

const { decodeProtectedHeader } = await npm("jose");

async function fails(args, code, options) {
	const done = await ctl(args, options);
	assert.equal(done.code, code, `latchctl ${args.join(" ")}: ${done.code} ${done.stdout}${done.stderr}`);
	assert.ok(done.stderr.trim(), `latchctl ${args.join(" ")} says nothing on standard error`);
	assert.doesNotMatch(done.stderr, /Sanitizer/);
	return done.stderr;
}

test("latchctl: user add takes the password from standard input", async () => {
	const [email, password, username] = [uniqueEmail(), newPassword(), unique("Ctl")];
	await ctlOk(["user", "add", email, "--username", username, "--name", "By Hand"], { input: `${password}\n` });
	const { access_token: token } = await login({ email, password });
	const me = (await get("/users/me", { token })).json();
	assert.deepEqual([me.email, me.username, me.name, me.status], [email, username, "By Hand", "active"]);
});

test("latchctl: user add makes a password that works", async () => {
	const email = uniqueEmail();
	const out = await ctlOk(["user", "add", email, "--generate-password"]);
	const password = /^password: (\S+)$/m.exec(out)?.[1];
	assert.ok(password?.length >= 15, out);
	assert.equal((await tryLogin(email, password)).status, 200);
});

test("latchctl: user add keeps the rules of the API", async () => {
	const taken = await newUser({ username: unique() });
	await fails(["user", "add", taken.email], 1, { input: `${newPassword()}\n` });
	await fails(["user", "add", taken.email.toUpperCase()], 1, { input: `${newPassword()}\n` });
	await fails(["user", "add", uniqueEmail(), "--username", taken.username], 1, { input: `${newPassword()}\n` });
	await fails(["user", "add", "nobody"], 1, { input: `${newPassword()}\n` });
	await fails(["user", "add", uniqueEmail(), "--username", "a b"], 1, { input: `${newPassword()}\n` });
	for (const password of ["short", "1234567890", ""])
		await fails(["user", "add", uniqueEmail()], 1, { input: `${password}\n` });
});

test("latchctl: user show finds by id, address and user name, in any case", async () => {
	const user = await newUser({ username: unique("Show") });
	for (const who of [user.id, user.email, user.email.toUpperCase(), user.username, user.username.toLowerCase()]) {
		const out = await ctlOk(["user", "show", who]);
		for (const text of [user.id, user.email, user.username, "active"])
			assert.ok(out.includes(text), out);
		assert.ok(!out.includes("argon2"), out);
	}
	await fails(["user", "show", uniqueEmail()], 3);
});

test("latchctl: user list names everybody", async () => {
	const users = [await newUser(), await newUser()];
	const out = await ctlOk(["user", "list"]);
	for (const { email, id } of users)
		assert.ok(out.includes(email) && out.includes(id), out.slice(0, 2000));
	assert.ok(!out.includes("argon2"));
});

test("latchctl: user set-password replaces it and ends the sessions", async () => {
	const user = await newSession();
	const fresh = newPassword();
	await ctlOk(["user", "set-password", user.email], { input: `${fresh}\n` });
	expectProblem(await tryLogin(user.email, user.password), "invalid_credentials");
	assert.equal((await tryLogin(user.email, fresh)).status, 200);
	assert.equal(await statusOf(user.token), 401);
	await fails(["user", "set-password", user.email], 1, { input: "short\n" });
	assert.equal((await tryLogin(user.email, fresh)).status, 200);
	const made = /^password: (\S+)$/m.exec(await ctlOk(["user", "set-password", user.id, "--generate-password"]))[1];
	assert.equal((await tryLogin(user.email, made)).status, 200);
});

test("latchctl: user disable ends sessions and shuts the door, enable opens it, old tokens stay dead", async () => {
	const user = await newSession();
	await ctlOk(["user", "disable", user.email]);
	assert.notEqual(await statusOf(user.token), 200);
	expectProblem(await tryLogin(user.email, user.password), "account_disabled");
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)} AND ended_at IS NULL`), [["0"]]);
	await ctlOk(["user", "enable", user.id]);
	const fresh = (await login(user)).access_token;
	assert.equal(await statusOf(fresh), 200);
	assert.equal(await statusOf(user.token), 401);
});

test("latchctl: user delete removes the account and ends sessions", async () => {
	const user = await newSession();
	await ctlOk(["user", "delete", user.email, "--yes"]);
	assert.equal(await statusOf(user.token), 401);
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM users WHERE id = ${q(user.id)}`), [["0"]]);
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)}`), [["0"]]);
	await fails(["user", "delete", user.email, "--yes"], 3);
});

test("latchctl: user delete without --yes and without a yes deletes nothing", async () => {
	const user = await newUser();
	const done = await ctl(["user", "delete", user.email], { input: "" });
	assert.notEqual(done.code, 0);
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
});

test("latchctl: a command that is none is a usage error", async () => {
	for (const args of [["nothing"], [], ["user"], ["user", "nothing"], ["user", "show"], ["user", "add", "a@x.example", "--nothing"], ["user", "show", "a", "b"], ["keys", "retire"], ["migrate", "x"]])
		await fails(args, 2);
});

test("latchctl: help names every command", async () => {
	const done = await ctl(["--help"]);
	const out = done.stdout || done.stderr;
	assert.equal(done.code, 0, out);
	for (const word of ["migrate", "gc", "keys list", "keys create", "keys rotate", "keys retire", "user add", "user show", "user list", "user set-password", "user disable", "user enable", "user delete", "doctor"])
		assert.ok(out.includes(word), `${word} is missing:\n${out}`);
});

test("latchctl: keys list shows the key that signs, and no secret", async () => {
	const { token } = await newSession();
	const out = await ctlOk(["keys", "list"]);
	assert.ok(out.includes(decodeProtectedHeader(token).kid), out);
	assert.ok(out.includes(config("token_alg")), out);
	assert.doesNotMatch(out, /PRIVATE|"d"/);
});

test("latchctl: keys create --if-missing makes nothing where a key is", async () => {
	const count = async () => (await sql("SELECT COUNT(*) FROM signing_keys"))[0][0];
	const before = await count();
	await ctlOk(["keys", "create", "--if-missing"]);
	assert.equal(await count(), before);
});

test("latchctl: keys retire of a kid nobody has fails", async () => {
	await fails(["keys", "retire", "nobody"], 3);
});

test("latchctl: doctor finds nothing wrong, a line each", async () => {
	const done = await ctl(["doctor"]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	for (const subject of [/config/i, /database/i, /privilege|rights/i, /schema/i, /key/i, /clock/i, /lane|memory/i])
		assert.match(done.stdout, subject);
});

test("latchctl: migrate on a schema that is there changes nothing", async () => {
	const before = await sql("SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version");
	await ctlOk(["migrate"]);
	assert.deepEqual(await sql("SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version"), before);
	assert.ok(before.length > 0);
});
