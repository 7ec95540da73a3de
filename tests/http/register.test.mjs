import assert from "node:assert/strict";
import { test } from "node:test";
import { call, expectErrors, get, post, TIME, UUID7 } from "./lib/api.mjs";
import { q, sql } from "./lib/instance.mjs";
import { login, MAIL_DOMAIN, newPassword, newUser, unique, uniqueEmail } from "./lib/users.mjs";

const register = (json, options) => post("/auth/register", { json, ...options });

/* A password that is too short keeps the answer at 422 and spares the hash; what matters is whether `field` is named. */
async function complains(field, value) {
	const answer = await register({ email: uniqueEmail(), password: "x", [field]: value });
	assert.equal(answer.status, 422, answer.text);
	return answer.json().errors.find((error) => error.field === field)?.code;
}

test("register: 201 gives the account, its Location, and no secret", async () => {
	const email = uniqueEmail();
	const password = newPassword();
	const answer = await register({ email, password });
	assert.equal(answer.status, 201, answer.text);
	const user = answer.json();
	assert.match(user.id, UUID7);
	assert.match(user.created_at, TIME);
	assert.match(user.updated_at, TIME);
	assert.deepEqual({ ...user, id: 0, created_at: 0, updated_at: 0 }, {
		id: 0, email, email_verified: false, username: null, name: null, phone_number: null, status: "active", roles: [],
		created_at: 0, updated_at: 0, last_login_at: null,
	});
	assert.ok(Math.abs(Date.parse(user.created_at) - Date.now()) < 60_000, user.created_at);
	assert.ok(!answer.text.includes(password));
	const location = new URL(answer.headers.location ?? "", "http://host.invalid/");
	assert.match(location.pathname, new RegExp(`/users/(me|${user.id})$`), `Location: ${answer.headers.location}`);
});

test("register: user name, name and phone number are kept as given", async () => {
	const given = { username: unique("User.N-_"), name: "Zoë 名前 O'Hara", phone_number: "+4915112345678" };
	const { body } = await newUser(given);
	for (const [key, value] of Object.entries(given))
		assert.equal(body[key], value);
});

test("register: an optional field may be null", async () => {
	const { body } = await newUser({ username: null, name: null, phone_number: null });
	assert.deepEqual([body.username, body.name, body.phone_number], [null, null, null]);
});

test("register: unknown fields are ignored, and set nothing", async () => {
	const { body } = await newUser({ status: "disabled", email_verified: true, id: "1", is_admin: true, roles: ["admin"], nested: { a: [1] } });
	assert.equal(body.status, "active");
	assert.equal(body.email_verified, false);
	assert.match(body.id, UUID7);
	assert.ok(!("is_admin" in body));
});

test("register: an address is kept as typed and taken in every other case", async () => {
	const email = `${unique("Mixed.Case")}@${MAIL_DOMAIN}`.replace("mail", "Mail");
	const { body } = await newUser({ email });
	assert.equal(body.email, email);
	for (const again of [email, email.toLowerCase(), email.toUpperCase()])
		expectErrors(await register({ email: again, password: newPassword() }), { email: "taken" }, "conflict");
});

test("register: a user name is taken in every other case", async () => {
	const username = unique("Name");
	await newUser({ username });
	for (const again of [username, username.toLowerCase(), username.toUpperCase()])
		expectErrors(await register({ email: uniqueEmail(), password: newPassword(), username: again }), { username: "taken" }, "conflict");
});

test("register: every taken field is named at once", async () => {
	const one = await newUser({ username: unique() });
	expectErrors(await register({ email: one.email, username: one.username, password: newPassword() }), { email: "taken", username: "taken" }, "conflict");
	const two = await newUser({ username: unique() });
	expectErrors(await register({ email: one.email, username: two.username, password: newPassword() }), { email: "taken", username: "taken" }, "conflict");
});

test("register: a conflict writes nothing", async () => {
	const one = await newUser({ username: unique() });
	const email = uniqueEmail();
	assert.equal((await register({ email, username: one.username, password: newPassword() })).status, 409);
	assert.equal((await register({ email, password: newPassword() })).status, 201);
});

test("register: twenty at once with one address make one account", async () => {
	const email = uniqueEmail();
	const answers = await Promise.all(Array.from({ length: 20 }, () =>
		register({ email, password: newPassword() }, { patient: false })));
	const count = (status) => answers.filter((a) => a.status === status).length;
	assert.equal(count(201), 1, answers.map((a) => a.status).join(" "));
	assert.equal(count(201) + count(409) + count(503), 20, answers.map((a) => a.status).join(" "));
	for (const answer of answers.filter((a) => a.status === 503))
		assert.equal(answer.json().code, "busy");
	for (const answer of answers.filter((a) => a.status === 409))
		expectErrors(answer, { email: "taken" }, "conflict");
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM users WHERE email = ${q(email)}`), [["1"]]);
});

test("register: every bad field is named in one 422", async () => {
	expectErrors(await register({ email: "nobody", username: "a b", password: "short", name: 5, phone_number: "12" }), {
		email: "invalid", username: "invalid", password: "too_short", name: "wrong_type", phone_number: "invalid",
	});
	expectErrors(await register({ email: 1, username: true, password: ["x"], name: {}, phone_number: 49 }), {
		email: "wrong_type", username: "wrong_type", password: "wrong_type", name: "wrong_type", phone_number: "wrong_type",
	});
});

test("register: an empty object names what is required, and only that", async () => {
	expectErrors(await register({}), { email: "required", password: "required" });
	expectErrors(await register({ email: null, password: null }), { email: ["required", "wrong_type"], password: ["required", "wrong_type"] });
});

test("register: addresses that are none are refused", async () => {
	const bad = ["", "a", "a@", "@b.example", "a b@x.example", "a@@x.example", "a@b@x.example", "a@x..example", "a@.example",
		"a@x.example\n", " a@x.example", "a@x.example ", "ä@x.example", "a@ä.example", "a@-x.example", "a@x_y.example",
		"a\t@x.example", "a<b@x.example", "a@x.example.", ".a@x.example", "a..b@x.example", "a,b@x.example", "a@[127.0.0.1]"];
	for (const email of bad)
		assert.ok(["invalid", "too_short"].includes(await complains("email", email)), `${JSON.stringify(email)} passed`);
});

test("register: addresses that are good pass", async () => {
	for (const email of ["a@x.example", "a+b@x.example", "first.last@sub.x.example", "o'hara@x.example", "a_b-c@x-y.example", "1@2.example", `${"a".repeat(64)}@x.example`])
		assert.equal(await complains("email", email), undefined, email);
});

test("register: an address has at most 254 characters", async () => {
	const domain = `${`${"b".repeat(60)}.`.repeat(4)}bb.example`.slice(2);
	assert.equal(`a@${domain}`.length, 254);
	assert.equal(await complains("email", `a@${domain}`), undefined);
	assert.ok(["too_long", "invalid"].includes(await complains("email", `aa@${domain}`)));
});

test("register: user names are 3 to 32 of a-z A-Z 0-9 . _ -", async () => {
	for (const username of ["abc", "A.b_c-9", "x".repeat(32), "...", "123"])
		assert.equal(await complains("username", username), undefined, username);
	for (const [username, codes] of [["ab", ["too_short", "invalid"]], ["", ["too_short", "invalid"]], ["x".repeat(33), ["too_long", "invalid"]], ["a b", "invalid"], ["a@b", "invalid"],
		["äbc", "invalid"], ["abc\n", "invalid"], ["a/b", "invalid"], ["abc%00", "invalid"], ["аbc", "invalid"]])
		assert.ok([codes].flat().includes(await complains("username", username)), JSON.stringify(username));
});

test("register: phone numbers are E.164", async () => {
	for (const phone of ["+4915112345678", "+15551234567", "+123456789012345"])
		assert.equal(await complains("phone_number", phone), undefined, phone);
	for (const phone of ["", "0049151123456", "+0123456789", "4915112345678", "+1234567890123456", "+49 151 1234", "+49-151", "+", "+49151x", "+4915112345678\n"])
		assert.ok(["invalid", "too_short", "too_long"].includes(await complains("phone_number", phone)), JSON.stringify(phone));
});

test("register: a name without end is refused", async () => {
	assert.equal(await complains("name", "n".repeat(10_000)), "too_long");
});

test("register: text outside the basic plane survives the database", async () => {
	const name = "𝔏𝔞𝔱𝔠𝔥 🔐 \u{10FFFD}";
	const user = await newUser({ name });
	const { access_token: token } = await login(user);
	assert.equal((await get("/users/me", { token })).json().name, name);
});

test("register: what looks like SQL stays text", async () => {
	const name = "'; DROP TABLE users; -- \\' OR \"1\"=\"1";
	const user = await newUser({ name, email: `o'${unique("h")}@${MAIL_DOMAIN}` });
	const { access_token: token } = await login(user);
	assert.equal((await get("/users/me", { token })).json().name, name);
});

test("register: credentials of somebody else do not matter", async () => {
	const answer = await call("POST", "/auth/register", { token: "nonsense", json: { email: uniqueEmail(), password: newPassword() } });
	assert.equal(answer.status, 201, answer.text);
});
