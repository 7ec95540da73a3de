import assert from "node:assert/strict";
import { test } from "node:test";
import { call, expectErrors, expectProblem, get, post, TIME } from "./lib/api.mjs";
import { config, ctlOk } from "./lib/instance.mjs";
import { newPassword, newUser, statusOf, tryLogin, unique, uniqueEmail } from "./lib/users.mjs";

const form = (fields, options) => post("/auth/login", { form: fields, ...options });

/** An answer without what differs by nature: the request id and the date. */
function faceless(answer) {
	const id = answer.headers["x-request-id"];
	return { status: answer.status, headers: answer.all.filter(([name]) => !/^(date|x-request-id)$/i.test(name)), body: answer.text.replaceAll(id, "ID") };
}

function expectTokens(answer, user) {
	assert.equal(answer.status, 200, answer.text);
	const tokens = answer.json();
	assert.deepEqual({ ...tokens, access_token: 0, refresh_token: 0 }, { access_token: 0, token_type: "Bearer", expires_in: Number(config("access_ttl_s")), refresh_token: 0, refresh_expires_in: Number(config("session_idle_s")), user_id: user.id });
	return tokens.access_token;
}

test("login: with the address or the user name, in any case", async () => {
	const user = await newUser({ username: unique("Log") });
	const { password } = user;
	for (const who of [{ email: user.email }, { email: user.email.toUpperCase() }, { username: user.username }, { username: user.username.toLowerCase() }]) {
		const token = expectTokens(await post("/auth/login", { json: { ...who, password } }), user);
		assert.equal(await statusOf(token), 200);
	}
});

test("login: neither or both of address and user name is 422", async () => {
	const user = await newUser({ username: unique("log") });
	const both = await post("/auth/login", { json: { email: user.email, username: user.username, password: user.password } });
	assert.equal(expectProblem(both, "validation_failed").errors.length > 0, true);
	const neither = expectProblem(await post("/auth/login", { json: { password: "x" } }), "validation_failed");
	assert.ok(neither.errors.some((e) => ["email", "username"].includes(e.field) && e.code === "required"), JSON.stringify(neither.errors));
	const nothing = expectProblem(await post("/auth/login", { json: {} }), "validation_failed");
	assert.ok(nothing.errors.some((e) => e.field === "password" && e.code === "required"), JSON.stringify(nothing.errors));
	assert.ok(nothing.errors.some((e) => ["email", "username"].includes(e.field)), JSON.stringify(nothing.errors));
});

test("login: an empty password is 422", async () => {
	const answer = await post("/auth/login", { json: { email: uniqueEmail(), password: "" } });
	assert.ok(["too_short", "required"].includes(expectProblem(answer, "validation_failed").errors[0].code), answer.text);
});

test("login: it is remembered when somebody logged in last", async () => {
	const user = await newUser();
	const first = expectTokens(await tryLogin(user.email, user.password), user);
	const before = (await get("/users/me", { token: first })).json().last_login_at;
	assert.match(before, TIME);
	expectTokens(await tryLogin(user.email, user.password), user);
	const after = (await get("/users/me", { token: first })).json().last_login_at;
	assert.ok(Date.parse(after) > Date.parse(before), `${before} then ${after}`);
});

test("login: the form's username holds an address or a user name", async () => {
	const user = await newUser({ username: unique("Form") });
	const { password } = user;
	for (const username of [user.email, user.email.toUpperCase(), user.username, user.username.toUpperCase()])
		expectTokens(await form({ username, password }), user);
});

test("login: the form takes what an OAuth2 client adds", async () => {
	const user = await newUser();
	const credentials = { username: user.email, password: user.password };
	expectTokens(await form({ grant_type: "password", ...credentials }), user);
	expectTokens(await form({ grant_type: "password", scope: "", client_id: "x", client_secret: "y", ...credentials }), user);
	expectTokens(await form(credentials, { headers: { Authorization: "Basic Og==" } }), user);
	expectTokens(await form(credentials, { headers: { "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8" } }), user);
});

test("login: another grant type is refused", async () => {
	const user = await newUser();
	for (const grant_type of ["client_credentials", "refresh_token", ""]) {
		const answer = await form({ grant_type, username: user.email, password: user.password });
		assert.ok([400, 422].includes(answer.status), `${grant_type}: ${answer.status} ${answer.text}`);
	}
});

test("login: a form's percent signs, pluses and letters beyond ASCII are decoded once", async () => {
	const user = await newUser({ password: `Sesam-&=%41+ é🔐;"${unique()}` });
	expectTokens(await form({ username: user.email, password: user.password }), user);
	const lower = encodeURIComponent(user.password).replace(/%20/g, "+").replace(/%[0-9A-F]{2}/g, (c) => c.toLowerCase());
	expectTokens(await form(`password=${lower}&username=${encodeURIComponent(user.email)}`), user);
	expectTokens(await form(`%70assword=${lower}&us%65rname=${encodeURIComponent(user.email)}`), user);
	expectProblem(await form({ username: user.email, password: encodeURIComponent(user.password) }), "invalid_credentials");
});

test("login: a form field given twice is 400", async () => {
	const user = await newUser();
	const one = new URLSearchParams({ username: user.email, password: user.password }).toString();
	for (const more of ["&password=x", `&username=${encodeURIComponent(user.email)}`, "&%70assword=x"])
		assert.equal((await form(one + more)).status, 400, more);
});

test("login: a form that is badly encoded is 400", async () => {
	for (const text of ["username=a%zz&password=b", "username=a%4&password=b", "username=a%&password=b", "username=%ff&password=b", "username=%c0%80&password=b",
		"username=a%00b&password=b", "username=a\0b&password=b", Buffer.from("username=\xff&password=b", "latin1")])
		assert.equal((await call("POST", "/auth/login", { headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: text })).status, 400, String(text));
});

test("login: a form without its fields is 422", async () => {
	for (const text of ["", "username=a", "password=b", "username=&password=", "a=b", "&&&"]) {
		const answer = await call("POST", "/auth/login", { headers: { "Content-Type": "application/x-www-form-urlencoded" }, body: text });
		assert.equal(answer.status, 422, `${text}: ${answer.text}`);
	}
});

test("login: unknown address and wrong password answer the same bytes", async () => {
	const user = await newUser({ username: unique("log") });
	const wrong = faceless(await tryLogin(user.email, newPassword()));
	assert.equal(wrong.status, 401);
	assert.deepEqual(faceless(await tryLogin(uniqueEmail(), newPassword())), wrong);
	assert.deepEqual(faceless(await post("/auth/login", { json: { username: unique("no"), password: newPassword() } })), wrong);
	assert.deepEqual(faceless(await post("/auth/login", { json: { username: user.username, password: newPassword() } })), wrong);
	assert.deepEqual(faceless(await form({ username: uniqueEmail(), password: newPassword() })), wrong);
	assert.deepEqual(faceless(await form({ username: user.email, password: newPassword() })), wrong);
	expectProblem(await tryLogin(user.email, newPassword()), "invalid_credentials");
});

test("login: unknown and wrong cost one hash each", async (t) => {
	let user, stranger;
	const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
	const times = { known: [], unknown: [] };
	/* Three of each: more would be slowed down. */
	for (let i = 0; i < 15; i++) {
		if (i % 3 === 0)
			[user, stranger] = [await newUser(), uniqueEmail()];
		times.known.push((await tryLogin(user.email, newPassword(), { patient: false })).ms);
		times.unknown.push((await tryLogin(stranger, newPassword(), { patient: false })).ms);
	}
	const [known, unknown] = [median(times.known), median(times.unknown)];
	t.diagnostic(`median of a login: wrong password ${known.toFixed(1)} ms, unknown address ${unknown.toFixed(1)} ms`);
	/* Other files may load the machine, so only a missing or a second hash is called a difference here. */
	assert.ok(unknown / known > 0.5 && unknown / known < 2, `${known} ms, ${unknown} ms`);
});

test("login: disabled is told only after the right password", async () => {
	const user = await newUser();
	await ctlOk(["user", "disable", user.email]);
	const wrong = await tryLogin(user.email, newPassword());
	assert.deepEqual(faceless(wrong), faceless(await tryLogin(uniqueEmail(), newPassword())));
	expectProblem(await tryLogin(user.email, user.password), "account_disabled");
	expectProblem(await form({ username: user.email, password: user.password }), "account_disabled");
	await ctlOk(["user", "enable", user.email]);
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
});

test("login: a token already held changes nothing", async () => {
	const user = await newUser();
	const answer = await post("/auth/login", { token: "nonsense", json: { email: user.email, password: user.password } });
	expectTokens(answer, user);
});

test("login: the answer may not be stored", async () => {
	const user = await newUser();
	const answer = await tryLogin(user.email, user.password);
	assert.match(answer.headers["cache-control"], /\bno-store\b/);
	assert.equal(answer.headers["content-type"], "application/json");
});

test("login: unknown fields are ignored", async () => {
	const user = await newUser();
	expectTokens(await post("/auth/login", { json: { email: user.email, password: user.password, otp: 1, deep: [[{}]] } }), user);
	expectErrors(await post("/auth/login", { json: { email: "", password: "x" } }), { email: ["invalid", "too_short"] });
});
