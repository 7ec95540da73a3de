/* Text that looks alike, counts differently or is none: beyond passwords.test.mjs on every route that takes a password. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { call, expectErrors, expectProblem, get, patch, post } from "./lib/api.mjs";
import { config, q, sql } from "./lib/instance.mjs";
import { forgive, login, MAIL_DOMAIN, newAdmin, newPassword, newSession, newUser, PASSWORD_MARK, statusOf, tryLogin, unique, uniqueEmail } from "./lib/users.mjs";

const JSON_TYPE = { "Content-Type": "application/json" };
const MAX = 256;
const min = Number(config("password_min"));
const change = (token, current_password, new_password) => post("/users/me/password", { token, json: { current_password, new_password } });
const register = (password) => post("/auth/register", { json: { email: uniqueEmail(), password } });
const codePoints = (text) => [...text].length;

test("unicode: 256 code points of four bytes each are a password at register, login, form, change and delete", async () => {
	const [first, second] = ["🔐", "🗝"].map((end) => PASSWORD_MARK + "𐍈".repeat(MAX - PASSWORD_MARK.length - 1) + [...end][0]);
	for (const password of [first, second]) {
		assert.equal(codePoints(password), MAX);
		assert.ok(Buffer.byteLength(password) > 4 * 240, "bytes");
	}
	const user = await newSession({ password: first });
	assert.equal((await post("/auth/login", { form: { username: user.email, password: first } })).status, 200);
	assert.equal((await change(user.token, first, second)).status, 204);
	expectProblem(await tryLogin(user.email, first), "invalid_credentials");
	assert.equal((await tryLogin(user.email, second)).status, 200);
	/* The last of 1,000 bytes counts, where others end at 72. */
	expectProblem(await tryLogin(user.email, `${[...second].slice(0, -1).join("")}𐍈`), "invalid_credentials");
	expectProblem(await tryLogin(user.email, [...second].slice(0, 40).join("")), "invalid_credentials");
	expectErrors(await post("/users/me/delete", { token: user.token, json: { current_password: first } }), { current_password: "incorrect" });
	assert.equal((await post("/users/me/delete", { token: user.token, json: { current_password: second } })).status, 204);
});

test("unicode: a change counts code points too: 256 pass, 257 and one less than the minimum do not", async () => {
	const user = await newSession();
	for (const one of ["x", "é", "€", "🔐"]) {
		expectErrors(await change(user.token, user.password, one.repeat(MAX + 1)), { new_password: "too_long" });
		expectErrors(await change(user.token, user.password, one.repeat(min - 1)), { new_password: "too_short" });
	}
	const fresh = `${"€".repeat(MAX - 1)}x`;
	assert.equal((await change(user.token, user.password, fresh)).status, 204);
	assert.equal((await tryLogin(user.email, fresh)).status, 200);
});

test("unicode: what looks like one character counts as the code points that it is made of", async () => {
	const family = "👨‍👩‍👧‍👦", flag = "🇪🇺", thumb = "👍🏽", stacked = "e\u0301\u0302\u0323";
	assert.deepEqual([family, flag, thumb, stacked].map(codePoints), [7, 2, 2, 4]);
	const filled = (start, n) => start + "z".repeat(n - codePoints(start));
	for (const text of [family, flag, thumb, stacked]) {
		expectErrors(await register(filled(text, min - 1)), { password: "too_short" });
		expectErrors(await register(text + "q7".repeat(MAX / 2).slice(0, MAX + 1 - codePoints(text))), { password: "too_long" });
	}
	assert.equal((await register(filled(`9${family}`, Math.max(min, 9)))).status, 201);
	assert.equal((await register(text256(family))).status, 201);
});

const text256 = (start) => start + "q7".repeat(MAX / 2).slice(0, MAX - codePoints(start));

test("unicode: composed and decomposed are different passwords, at the change and as the current one too", async () => {
	const text = `${PASSWORD_MARK}Åéñ-한글-ﬁ`;
	const [nfc, nfd] = [text.normalize("NFC"), text.normalize("NFD")];
	assert.notEqual(nfc, nfd);
	const user = await newSession({ password: nfc });
	expectProblem(await tryLogin(user.email, nfd), "invalid_credentials");
	expectErrors(await change(user.token, nfd, newPassword()), { current_password: "incorrect" });
	assert.equal((await change(user.token, nfc, nfd)).status, 204, "to the other form, which is another password");
	expectProblem(await tryLogin(user.email, nfc), "invalid_credentials");
	assert.equal((await tryLogin(user.email, nfd)).status, 200);
	assert.equal((await post("/auth/login", { form: { username: user.email, password: nfd } })).status, 200);
	expectProblem(await post("/auth/login", { form: { username: user.email, password: nfc } }), "invalid_credentials");
});

test("unicode: nothing is folded: what looks or sorts alike is another password", async () => {
	const pairs = [["fi", "ﬁ"], ["ss", "ß"], ["I", "ı"], ["K", "\u212a"], ["A", "А"], ["1", "１"], ["", "\u200b"], ["", "\ufeff"], ["", "\u00ad"], [" ", "\u00a0"], ["Å", "\u212b"], ["\u0301\u0323", "\u0323\u0301"]];
	const text = (swapped) => `${PASSWORD_MARK}${pairs.map(([one, other], i) => (i === swapped ? one : other)).join("-")}`;
	const user = await newUser({ password: text() });
	for (const i of pairs.keys()) {
		expectProblem(await tryLogin(user.email, text(i)), "invalid_credentials", JSON.stringify(pairs[i]));
		if (i % 4 === 3)
			await forgive(user);
	}
	assert.equal((await tryLogin(user.email, text())).status, 200);
});

test("unicode: the edges of the code space are characters like any other", async () => {
	const text = `${PASSWORD_MARK}\u0001\u007f\u0080\u07ff\u0800\ud7ff\ue000\ufffd\ufffe\uffff\u{10000}\u{1fffe}\u{10ffff}`;
	const user = await newUser({ password: text });
	await login(user);
	for (const i of [0, 4, 6, 12])
		expectProblem(await tryLogin(user.email, [...text].filter((_, at) => at !== PASSWORD_MARK.length + i).join("")), "invalid_credentials");
});

/* Bytes that are no text, as they are or escaped, in the place of a password's or a name's end. */
const NOT_TEXT = {
	"a high surrogate": '\\ud83d', "a low surrogate": '\\udd10', "surrogates turned round": '\\udd10\\ud83d', "two high ones": '\\ud83d\\ud83d', "a high one before a letter": '\\ud83dx', "a high one at the end of a pair": '\\ud83d\\udd10\\ud83d', NUL: '\\u0000', "half an escape": '\\ud83d\\u', "an upper-case escape": '\\UD83D',
	"a surrogate in UTF-8": Buffer.from("eda0bd", "hex"), "a pair in CESU-8": Buffer.from("eda0bdedb490", "hex"), "an overlong NUL": Buffer.from("c080", "hex"), "an overlong slash": Buffer.from("e080af", "hex"), "above the last code point": Buffer.from("f4908080", "hex"), "five bytes": Buffer.from("f888808080", "hex"), "a byte alone": Buffer.from("80", "hex"),
	"a character cut short": Buffer.from("f09f94", "hex"), "Latin-1": Buffer.from("e9", "hex"), "UTF-16": Buffer.from("fffe4100", "hex"), "0xff": Buffer.from("ff", "hex"),
};

test("unicode: what is no text is refused as the body's fault on every route, and changes nothing", async () => {
	const user = await newSession();
	const routes = [["POST", "/auth/register", "password", { email: uniqueEmail() }], ["POST", "/auth/register", "name", { email: uniqueEmail(), password: "x" }], ["POST", "/auth/login", "password", { email: user.email }], ["POST", "/auth/login", "email", { password: user.password }], ["POST", "/users/me/password", "new_password", { current_password: user.password }],
		["POST", "/users/me/password", "current_password", { new_password: newPassword() }], ["POST", "/users/me/delete", "current_password", {}], ["PATCH", "/users/me", "name", {}], ["PATCH", "/users/me", "ignored", { name: "x" }]];
	for (const [method, path, field, others] of routes)
		for (const [what, bytes] of Object.entries(NOT_TEXT)) {
			const body = Buffer.concat([Buffer.from(`${JSON.stringify({ ...others, [field]: user.password }).slice(0, -2)}`), Buffer.from(bytes), Buffer.from('"}')]);
			const answer = await call(method, path, { token: user.token, headers: JSON_TYPE, body });
			assert.equal(answer.status, 400, `${method} ${path}, ${what} in ${field}: ${answer.status} ${answer.text}`);
			expectProblem(answer, "malformed_json");
		}
	assert.equal((await get("/users/me", { token: user.token })).json().name, null);
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
});

test("unicode: in a form what is no text is 400, escaped or not", async () => {
	const user = await newUser();
	const start = `username=${encodeURIComponent(user.email)}&password=${encodeURIComponent(user.password)}`;
	for (const hex of ["eda0bd", "eda0bdedb490", "c080", "e080af", "f4908080", "80", "f09f94", "e9", "ff", "00"])
		for (const bytes of [Buffer.from(hex, "hex"), Buffer.from(hex.replace(/../g, "%$&"))]) {
			const answer = await call("POST", "/auth/login", { headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: Buffer.concat([Buffer.from(start), bytes]) });
			assert.equal(answer.status, 400, `${bytes.toString("latin1")}: ${answer.text}`);
		}
	assert.equal((await post("/auth/login", { form: start })).status, 200);
});

test("unicode: letters that fold to ASCII make nobody else's address or user name", async () => {
	const username = unique("kIss");
	const user = await newUser({ email: `${unique("kiss")}@${MAIL_DOMAIN}`, username });
	for (const [from, to] of [["k", "\u212a"], ["s", "\u017f"], ["i", "ı"], ["s", "ѕ"], ["i", "\u200bi"]]) {
		const email = user.email.replace(from, to), name = username.replace(new RegExp(from, "i"), to);
		for (const one of [email, name])
			expectProblem(await post("/auth/login", { form: { username: one, password: user.password } }), "invalid_credentials");
		expectErrors(await post("/auth/register", { json: { email, username: name, password: "x" } }), { email: "invalid", username: "invalid", password: "too_short" });
	}
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM users WHERE email = ${q(user.email)}`), [["1"]]);
});

test("unicode: what turns text around, breaks the line or is not to be seen is in no name, description or user agent", async () => {
	const admin = await newAdmin(), user = await newSession();
	const signs = ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069", "\u2028", "\u2029", "\u200b", "\u2060", "\ufeff"];
	for (const sign of signs) {
		expectErrors(await patch("/users/me", { token: user.token, json: { name: `a${sign}b` } }), { name: "invalid" });
		expectErrors(await post("/roles", { token: admin.token, json: { name: unique("r"), description: `${sign}b` } }), { description: "invalid" });
	}
	for (const name of ["\u200d", " \u200f\u200e ", "\u00a0\u200c"])
		expectErrors(await patch("/users/me", { token: user.token, json: { name } }), { name: "invalid" });
	for (const agent of ["curl ß8", "curl \u202e8"])
		await post("/auth/login", { json: { email: user.email, password: user.password }, headers: { "User-Agent": Buffer.from(agent).toString("latin1") } });
	const agents = (await get("/users/me/sessions", { token: user.token })).json().items.map((item) => item.user_agent);
	assert.deepEqual(agents.slice(0, 2).sort(), ["curl ß8", null]);
});

test("unicode: a name counts code points, and comes back as it was sent", async () => {
	const { token } = await newSession();
	for (const name of ["🔐".repeat(200), "e\u0301".repeat(100), "é".repeat(200), "שלום", "שלום\u200f 2", "a\u200db", "می\u200cخواهم", "👩\u200d🚀", "𝔏\u{10ffff}"]) {
		assert.equal((await patch("/users/me", { token, json: { name } })).json().name, name);
		assert.equal((await get("/users/me", { token })).json().name, name);
	}
	for (const name of ["🔐".repeat(201), "e\u0301".repeat(101), "é".repeat(201)])
		expectErrors(await patch("/users/me", { token, json: { name } }), { name: "too_long" });
	assert.equal(await statusOf(token), 200);
});
