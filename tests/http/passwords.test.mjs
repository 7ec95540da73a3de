import assert from "node:assert/strict";
import { test } from "node:test";
import { expectErrors, expectProblem, post } from "./lib/api.mjs";
import { config, q, sql } from "./lib/instance.mjs";
import { MAIL_DOMAIN, newPassword, newUser, PASSWORD_MARK, tryLogin, unique, uniqueEmail } from "./lib/users.mjs";

const register = (password, fields = {}) => post("/auth/register", { json: { email: uniqueEmail(), ...fields, password } });
const min = Number(config("password_min"));

/** Whether `right` logs in and every one of `wrong` does not. */
async function only(right, wrong) {
	const { email } = await newUser({ password: right });
	assert.equal((await tryLogin(email, right)).status, 200, "the right password");
	for (const other of wrong)
		expectProblem(await tryLogin(email, other), "invalid_credentials");
}

test("password: the minimum counts code points, not bytes", async () => {
	expectErrors(await register("x7Kq9vTz2mWp4LsB".slice(0, min - 1)), { password: "too_short" });
	expectErrors(await register("🔐".repeat(min - 1)), { password: "too_short" });
	assert.equal((await register(`🗝${"🔐".repeat(min - 1)}`)).status, 201);
	assert.equal((await register("x7Kq9vTz2mWp4LsB".slice(0, min))).status, 201);
});

test("password: the maximum is 256 code points, not bytes", async () => {
	const emoji = PASSWORD_MARK + "🔐".repeat(256 - PASSWORD_MARK.length);
	expectErrors(await register(`${emoji}x`), { password: "too_long" });
	expectErrors(await register("x".repeat(257)), { password: "too_long" });
	await only(emoji, [emoji.slice(0, -2), emoji.replace(/🔐$/u, "🔑")]);
});

test("password: the bytes after the seventy-second matter", async () => {
	const right = PASSWORD_MARK + "abcdefgh".repeat(31).slice(0, 256 - PASSWORD_MARK.length);
	const differ = (at) => `${right.slice(0, at)}Z${right.slice(at + 1)}`;
	await only(right, [right.slice(0, 72), differ(72), differ(100), differ(right.length - 1)]);
});

test("password: composed and decomposed letters are different passwords", async () => {
	const text = `${PASSWORD_MARK}éàü-Å`;
	await only(text.normalize("NFC"), [text.normalize("NFD")]);
	await only(text.normalize("NFD"), [text.normalize("NFC")]);
});

test("password: it is used exactly as received", async () => {
	const plain = newPassword();
	await only(` ${plain}\t`, [plain, ` ${plain}`, `${plain}\t`, ` ${plain.toUpperCase()}\t`]);
});

test("password: common ones are refused", async () => {
	for (const password of ["password", "12345678", "password1", "qwertyuiop", "iloveyou", "1q2w3e4r", "sunshine1", "football1"])
		if (password.length >= min)
			expectErrors(await register(password), { password: "common" });
});

test("password: the e-mail, the user name and the service name are forbidden in every case", async () => {
	const email = `${unique("Owner")}@${MAIL_DOMAIN}`;
	const username = unique("Own");
	for (const password of [email, email.toLowerCase(), email.toUpperCase(), username, username.toUpperCase()])
		expectErrors(await register(password, { email, username }), { password: "forbidden" });
	if (config("service_name").length >= min)
		for (const password of [config("service_name"), config("service_name").toUpperCase()])
			expectErrors(await register(password), { password: "forbidden" });
});

test("password: a stored hash is argon2id with the configured cost and a salt of its own", async () => {
	const password = newPassword();
	const [one, two] = [await newUser({ password }), await newUser({ password })];
	const rows = await sql(`SELECT password_hash FROM users WHERE email IN (${q(one.email)}, ${q(two.email)})`);
	assert.equal(rows.length, 2);
	for (const [hash] of rows)
		assert.ok(hash.startsWith(`$argon2id$v=19$m=${config("argon2_memory_kib")},t=${config("argon2_passes")},p=1$`), hash);
	assert.notEqual(rows[0][0], rows[1][0]);
});
