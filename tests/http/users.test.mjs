/* People as administrators list, make, change and remove them. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { call, del, expectErrors, expectProblem, get, patch, post, TIME, UUID7 } from "./lib/api.mjs";
import { ctl, ctlOk, hold, logText, q, sql, until } from "./lib/instance.mjs";
import { cookieLogin, setCookie } from "./lib/sessions.mjs";
import { login, newAdmin, newHolder, newPassword, newRole, newSession, newUser, statusOf, tryLogin, unique, uniqueEmail } from "./lib/users.mjs";

const NOBODY = "01932c07-209c-7c11-8b0e-6a3f5d2e9c41";
const SHOWN = ["created_at", "email", "email_verified", "id", "last_login_at", "name", "phone_number", "roles", "status", "updated_at", "username"];
const one = (id) => `/users/${id}`;
let admin, as;

const status = async (promise) => (await promise).status;
const shown = async (id) => (await get(one(id), as)).json();
async function list(filter, options = as) {
	const answer = await get(`/users?${new URLSearchParams(filter)}`, options);
	assert.equal(answer.status, 200, answer.text);
	return answer.json();
}
/** All pages: the ids, in their order. */
async function all(filter) {
	const ids = [];
	for (let cursor; cursor !== null;) {
		const page = await list({ ...filter, ...(cursor && { cursor }) });
		assert.ok(page.items.length <= Number(filter.limit ?? 50));
		ids.push(...page.items.map((item) => item.id));
		cursor = page.next_cursor;
	}
	return ids;
}

before(async () => {
	admin = await newAdmin();
	as = { token: admin.token };
});

/* ---- Making ---- */

test("users: one is made with a password, and signs in with it", async () => {
	const sent = { email: uniqueEmail(), password: newPassword(), username: unique(), name: "Neu 🔐", phone_number: "+4915112345678" };
	const answer = await post("/users", { ...as, json: sent });
	assert.equal(answer.status, 201, answer.text);
	const user = answer.json();
	assert.deepEqual(Object.keys(user).sort(), SHOWN);
	assert.match(user.id, UUID7);
	assert.match(user.created_at, TIME);
	assert.match(answer.headers.location, new RegExp(`/users/${user.id}$`));
	const { password, ...kept } = sent;
	assert.deepEqual({ ...user, ...kept, status: "active", email_verified: false, roles: [], last_login_at: null }, user);
	assert.deepEqual(await shown(user.id), user);
	await login(sent);
});

test("users: one is made without a password: pending, no password fits, and nobody hears of it", async () => {
	const email = uniqueEmail(), lines = () => logText().split("\n").filter((line) => line.includes("stored hash")).length;
	const made = (await post("/users", { ...as, json: { email } })).json();
	assert.equal(made.status, "pending");
	assert.deepEqual(await sql(`SELECT status, password_hash, password_version FROM users WHERE id = ${q(made.id)}`), [["pending", "", "1"]]);
	const before = lines();
	const unknown = await tryLogin(uniqueEmail(), newPassword());
	for (const password of [newPassword(), "x", " "]) {
		const answer = await tryLogin(email, password);
		expectProblem(answer, "invalid_credentials");
		assert.deepEqual({ ...answer.json(), request_id: 0 }, { ...unknown.json(), request_id: 0 });
	}
	assert.equal(lines(), before);
	/* To be active it takes a password: neither way says that it is, nor writes that down. */
	const refused = await patch(one(made.id), { ...as, json: { status: "active" } });
	expectProblem(refused, "conflict");
	assert.deepEqual(refused.json().errors.map(({ field, code }) => [field, code]), [["status", "no_password"]]);
	const told = await ctl(["user", "enable", email]);
	assert.deepEqual([told.code, /set-password/.test(told.stderr)], [1, true], told.stderr);
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM audit WHERE subject = ${q(made.id)} AND event = 'user.enable'`), [["0"]]);
	assert.equal((await patch(one(made.id), { ...as, json: { status: "disabled" } })).json().status, "disabled");
	assert.match(await ctlOk(["user", "enable", email]), /has no password yet/);
	assert.equal((await shown(made.id)).status, "pending");
	const password = newPassword();
	await ctlOk(["user", "set-password", email], { input: `${password}\n` });
	assert.equal((await shown(made.id)).status, "active");
	await login({ email, password });
});

test("users: POST refuses what is wrong, each field by its name, and makes nobody", async () => {
	const before = await sql("SELECT COUNT(*) FROM users WHERE email LIKE 'refused-%'");
	const bad = async (json, expected) => expectErrors(await post("/users", { ...as, json: { email: `refused-${unique()}@x.example`, ...json } }), expected);
	await bad({ email: undefined }, { email: "required" });
	await bad({ email: null }, { email: "wrong_type" });
	for (const email of ["", "x", "a@b", "a b@c.example", "ä@x.example", "a@x.example\n", `${"x".repeat(65)}@x.example`, `refused-${"x".repeat(260)}@x.example`])
		await bad({ email }, { email: ["invalid", "too_long"] });
	await bad({ email: 1, username: [], name: {}, phone_number: true, password: 7 }, { email: "wrong_type", username: "wrong_type", name: "wrong_type", phone_number: "wrong_type", password: "wrong_type" });
	await bad({ username: "ab" }, { username: "too_short" });
	await bad({ username: "x".repeat(33) }, { username: "too_long" });
	await bad({ username: "a@b" }, { username: "invalid" });
	await bad({ name: "" }, { name: "too_short" });
	await bad({ name: "x".repeat(201) }, { name: "too_long" });
	await bad({ name: "\u0007" }, { name: "invalid" });
	await bad({ phone_number: "12" }, { phone_number: "invalid" });
	await bad({ password: "" }, { password: "too_short" });
	await bad({ password: "kurz" }, { password: "too_short" });
	await bad({ password: "x".repeat(257) }, { password: "too_long" });
	await bad({ password: "password" }, { password: "common" });
	await bad({ username: "gleich-gleich", password: "gleich-gleich" }, { password: "forbidden" });
	expectProblem(await post("/users", { ...as, body: "{", headers: { "Content-Type": "application/json" } }), "malformed_json");
	expectProblem(await post("/users", { ...as, body: '{"email":"refused-a@x.example","email":"refused-b@x.example"}', headers: { "Content-Type": "application/json" } }), "malformed_json");
	expectProblem(await post("/users", { ...as, body: Buffer.from('{"email":"refused-a@x.example","name":"\xff"}', "latin1"), headers: { "Content-Type": "application/json" } }), "malformed_json");
	expectProblem(await post("/users", { ...as, form: { email: "refused-a@x.example" } }), "unsupported_media_type");
	expectProblem(await post("/users", { ...as, body: "x".repeat(70_000), headers: { "Content-Type": "application/json" } }), "payload_too_large");
	assert.deepEqual(await sql("SELECT COUNT(*) FROM users WHERE email LIKE 'refused-%'"), before);
});

test("users: what is taken is named, all of it at once", async () => {
	const user = await newUser({ username: unique() });
	const { email } = user, username = user.username.toUpperCase();
	expectErrors(await post("/users", { ...as, json: { email: email.toUpperCase() } }), { email: "taken" }, "conflict");
	expectErrors(await post("/users", { ...as, json: { email, username, password: newPassword() } }), { email: "taken", username: "taken" }, "conflict");
	const other = await newUser();
	expectErrors(await patch(one(other.id), { ...as, json: { email: email.toUpperCase(), username, name: "X", status: "disabled" } }), { email: "taken", username: "taken" }, "conflict");
	assert.deepEqual(await shown(other.id), { ...other.body, last_login_at: null });
});

test("users: of twelve who are made with one address at once there is one", async () => {
	const email = uniqueEmail();
	const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => post("/users", { ...as, json: { email: i % 2 ? email : email.toUpperCase() } })));
	assert.deepEqual(answers.map((answer) => answer.status).sort(), [201, ...Array(11).fill(409)]);
	assert.equal((await sql(`SELECT COUNT(*) FROM users WHERE email = ${q(email)}`))[0][0], "1");
});

/* ---- Changing ---- */

test("users: PATCH changes what is sent and nothing else; null clears; the user sees it with the next request", async () => {
	const user = await newSession({ username: unique(), name: "Vorher", phone_number: "+4915112345678" });
	const was = await shown(user.id), rest = { updated_at: 0 };
	const wanted = { username: unique(), name: "Nachher ʎ", phone_number: "+15551234567" };
	let now = (await patch(one(user.id), { ...as, json: wanted })).json();
	assert.deepEqual({ ...now, ...rest }, { ...was, ...wanted, ...rest });
	assert.deepEqual((await get("/users/me", { token: user.token })).json().name, "Nachher ʎ");
	now = (await patch(one(user.id), { ...as, json: { name: null, username: null, phone_number: null } })).json();
	assert.deepEqual({ ...now, ...rest }, { ...was, name: null, username: null, phone_number: null, ...rest });
	now = (await patch(one(user.id), { ...as, json: {} })).json();
	assert.deepEqual({ ...now, ...rest }, { ...was, name: null, username: null, phone_number: null, ...rest });
	/* What it does not know it leaves alone, a password and its hash above all. */
	const [secret] = await sql(`SELECT password_hash, password_version, roles FROM users WHERE id = ${q(user.id)}`);
	assert.equal(await status(patch(one(user.id), { ...as, json: { password: newPassword(), password_hash: "x", roles: ["admin"], id: NOBODY, created_at: "2020-01-01T00:00:00.000Z" } })), 200);
	assert.deepEqual(await sql(`SELECT password_hash, password_version, roles FROM users WHERE id = ${q(user.id)}`), [secret]);
	assert.equal((await shown(user.id)).created_at, was.created_at);
	assert.equal(await statusOf(user.token), 200);
});

test("users: an address that becomes another one is not verified any more, unless the same request says so", async () => {
	const user = await newUser();
	const change = async (json) => (await patch(one(user.id), { ...as, json })).json();
	const verified = async (json) => (await change(json)).email_verified;
	assert.equal(await verified({ email_verified: true }), true);
	assert.equal(await verified({ name: "N" }), true);
	assert.equal(await verified({ email: user.email.toUpperCase() }), true, "the same address");
	assert.equal((await shown(user.id)).email, user.email.toUpperCase(), "kept as typed");
	assert.equal(await verified({ email: uniqueEmail() }), false);
	assert.equal(await verified({ email: uniqueEmail(), email_verified: true }), true);
	const email = uniqueEmail();
	assert.equal(await verified({ email, email_verified: false }), false);
	await login({ email, password: user.password });
	expectProblem(await tryLogin(user.email, user.password), "invalid_credentials");
});

test("users: PATCH refuses what is wrong, each field by its name, and changes nothing", async () => {
	const user = await newUser({ username: unique(), name: "Bleibt" }), was = await shown(user.id);
	const bad = async (json, expected) => expectErrors(await patch(one(user.id), { ...as, json: { name: "Anders", ...json } }), expected);
	for (const email of ["", "x", "a@b", "ä@x.example", " a@x.example", "x".repeat(300)])
		await bad({ email }, { email: ["invalid", "too_long"] });
	for (const value of ["pending", "", "Active", "deleted", "active ", "x".repeat(100)])
		await bad({ status: value }, { status: "invalid" });
	for (const value of ["true", 1, 0, [], {}])
		await bad({ email_verified: value }, { email_verified: "wrong_type" });
	await bad({ email: 1, username: 2, name: 3, phone_number: 4, status: 5, email_verified: 6 }, { email: "wrong_type", username: "wrong_type", name: "wrong_type", phone_number: "wrong_type", status: "wrong_type", email_verified: "wrong_type" });
	await bad({ username: "a b", phone_number: "0", name: "n".repeat(201) }, { username: "invalid", phone_number: "invalid", name: "too_long" });
	expectProblem(await patch(one(user.id), { ...as, body: '{"name":"A","name":"B"}', headers: { "Content-Type": "application/json" } }), "malformed_json");
	expectProblem(await patch(one(user.id), { ...as, form: { name: "A" } }), "unsupported_media_type");
	assert.deepEqual(await shown(user.id), was);
});

test("users: a count of wrong passwords is forgotten where an account becomes active, and not where it is", async () => {
	const user = await newUser();
	const failed = async () => Number(/^failed_logins: (\d+)$/m.exec(await ctlOk(["user", "show", user.id]))[1]);
	const set = async (status) => assert.equal((await patch(`/users/${user.id}`, { ...as, json: { status } })).status, 200);
	for (let i = 0; i < 3; i++)
		assert.equal((await tryLogin(user.email, newPassword())).status, 401);
	assert.equal(await failed(), 3);
	await set("active");
	assert.equal(await failed(), 3);
	await set("disabled");
	await set("active");
	assert.equal(await failed(), 0);
	const lines = (await get(`/audit?subject=${user.id}&actor=${admin.id}`, as)).json().items.map((item) => item.event);
	assert.deepEqual(lines, ["user.enable", "user.disable"]);
});

test("users: who is disabled has no session any more, and is told so after the right password alone; active again he signs in", async () => {
	const user = await newSession(), cookie = setCookie(await cookieLogin(user)).value;
	assert.equal((await patch(one(user.id), { ...as, json: { status: "disabled" } })).json().status, "disabled");
	expectProblem(await get("/users/me", { token: user.token }), "invalid_token");
	assert.equal(await status(get("/users/me", { headers: { Cookie: `latch=${cookie}` } })), 401);
	assert.deepEqual(await sql(`SELECT DISTINCT ended_for FROM sessions WHERE user_id = ${q(user.id)}`), [["disabled"]]);
	expectProblem(await tryLogin(user.email, user.password), "account_disabled");
	expectProblem(await tryLogin(user.email, newPassword()), "invalid_credentials");
	for (let twice = 0; twice < 2; twice++)
		assert.equal(await status(patch(one(user.id), { ...as, json: { status: "active" } })), 200);
	await login(user);
	expectProblem(await get("/users/me", { token: user.token }), "invalid_token");
});

test("users: to disable one and make him active again forgets wrong passwords; to make an active one active does not", async () => {
	const user = await newUser();
	for (let i = 0; i < 6; i++)
		await tryLogin(user.email, newPassword());
	expectProblem(await tryLogin(user.email, user.password), "too_many_requests");
	assert.equal(await status(patch(one(user.id), { ...as, json: { status: "active" } })), 200);
	expectProblem(await tryLogin(user.email, user.password), "too_many_requests");
	for (const now of ["disabled", "active"])
		assert.equal(await status(patch(one(user.id), { ...as, json: { status: now } })), 200);
	await login(user);
});

/* ---- Removing, and sessions ---- */

test("users: who is deleted is gone: row, sessions, roles; his address is free; a second time is 404", async () => {
	const role = await newRole(admin), user = await newSession();
	assert.equal(await status(call("PUT", `/users/${user.id}/roles/${role}`, as)), 204);
	assert.equal(await status(del(one(user.id), as)), 204);
	expectProblem(await get("/users/me", { token: user.token }), "invalid_token");
	for (const how of [get, del, (path, options) => patch(path, { ...options, json: { name: "X" } })])
		expectProblem(await how(one(user.id), as), "not_found");
	assert.deepEqual(await sql(`SELECT (SELECT COUNT(*) FROM users WHERE id = ${q(user.id)}), (SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)}), (SELECT COUNT(*) FROM user_roles WHERE user_id = ${q(user.id)})`), [["0", "0", "0"]]);
	assert.equal((await post("/users", { ...as, json: { email: user.email } })).status, 201);
});

test("users: somebody's sessions are shown, and all of them ended", async () => {
	const user = await newSession(), second = await login(user);
	await cookieLogin(user);
	const path = `/users/${user.id}/sessions`;
	const { items, next_cursor } = (await get(`${path}?limit=2`, as)).json();
	assert.deepEqual(items.map((item) => [item.transport, item.current]), [["cookie", false], ["bearer", false]]);
	assert.equal((await get(`${path}?limit=2&cursor=${next_cursor}`, as)).json().items.length, 1);
	assert.deepEqual((await get("/users/me/sessions", { token: user.token })).json().items.map((item) => item.id), (await get(path, as)).json().items.map((item) => item.id));
	assert.equal((await get(`/users/${admin.id}/sessions`, as)).json().items.filter((item) => item.current).length, 1);
	for (let twice = 0; twice < 2; twice++)
		assert.equal(await status(del(path, as)), 204);
	for (const token of [user.token, second.access_token])
		expectProblem(await get("/users/me", { token }), "invalid_token");
	expectProblem(await post("/auth/refresh", { json: { refresh_token: second.refresh_token } }), "invalid_grant");
	assert.deepEqual(await sql(`SELECT ended_for, COUNT(*) FROM sessions WHERE user_id = ${q(user.id)} GROUP BY ended_for`), [["admin", "3"]]);
	assert.deepEqual((await get(path, as)).json(), { items: [], next_cursor: null });
	await login(user);
	expectErrors(await get(`${path}?limit=0`, as), { limit: "invalid" });
	expectErrors(await get(`${path}?cursor=x`, as), { cursor: "invalid" });
});

test("users: nobody is not found, whatever is asked of him, and what is no id is no path", async () => {
	const asked = [["GET", ""], ["PATCH", "", {}], ["PATCH", "", { status: "disabled", email: uniqueEmail() }], ["DELETE", ""], ["GET", "/sessions"], ["DELETE", "/sessions"]];
	for (const [method, rest, json] of asked) {
		expectProblem(await call(method, `/users/${NOBODY}${rest}`, { ...as, json }), "not_found");
		for (const id of ["", "x", "0", NOBODY.toUpperCase(), `${NOBODY}0`, "..", "%2e%2e"])
			assert.ok([400, 404, 405, 301].includes((await call(method, `/users/${id}${rest}`, { ...as, json, documented: false })).status), `${method} ${id}${rest}`);
	}
});

/* ---- Who may ---- */

test("users: who lacks a permission that somebody holds changes nothing of his: 403", async () => {
	const helper = await newHolder(admin, ["users:read", "users:write", "sessions:write", "x:y"]);
	const [plain, same, more] = [await newSession(), await newHolder(admin, ["x:y"]), await newHolder(admin, ["x:z"])];
	const by = { token: helper.token };
	for (const { id } of [more, admin]) {
		expectProblem(await patch(one(id), { ...by, json: { email: uniqueEmail() } }), "insufficient_scope");
		expectProblem(await patch(one(id), { ...by, json: {} }), "insufficient_scope");
		expectProblem(await patch(one(id), { ...by, json: { status: "disabled" } }), "insufficient_scope");
		expectProblem(await del(one(id), by), "insufficient_scope");
		expectProblem(await del(`/users/${id}/sessions`, by), "insufficient_scope");
		assert.equal(await status(get(one(id), by)), 200);
	}
	assert.deepEqual([(await shown(more.id)).email, (await shown(admin.id)).email], [more.email, admin.email]);
	assert.deepEqual([await statusOf(more.token), await statusOf(admin.token)], [200, 200]);
	for (const { id, token } of [plain, same]) {
		assert.equal(await status(patch(one(id), { ...by, json: { name: "Anders" } })), 200);
		assert.equal(await status(del(`/users/${id}/sessions`, by)), 204);
		assert.equal(await statusOf(token), 401);
		assert.equal(await status(del(one(id), by)), 204);
	}
});

test("users: who is given a permission while he is changed is safe from who lacks it", async () => {
	const helper = await newHolder(admin, ["users:write"]), role = await newRole(admin, ["x:y"]);
	const by = { token: helper.token }, user = await newUser();
	for (let round = 0; round < 20; round++) {
		const email = uniqueEmail();
		const [change, grant] = await Promise.all([patch(one(user.id), { ...by, json: { email } }), call("PUT", `/users/${user.id}/roles/${role}`, as)]);
		assert.equal(grant.status, 204);
		assert.ok([200, 403].includes(change.status), change.text);
		assert.equal((await shown(user.id)).email === email, change.status === 200);
		expectProblem(await patch(one(user.id), { ...by, json: { email: uniqueEmail() } }), "insufficient_scope");
		assert.equal(await status(del(`/users/${user.id}/roles/${role}`, as)), 204);
	}
});

test("users: whoever acts may until the end: the role that was taken while he waited lets nothing through", async () => {
	const second = await newAdmin(), user = await newUser({ name: "Bleibt" });
	const acts = [
		() => patch(one(user.id), { token: second.token, json: { name: "Anders" } }), () => del(one(user.id), { token: second.token }),
		() => del(`/users/${user.id}/sessions`, { token: second.token }), () => post("/users", { token: second.token, json: { email: uniqueEmail() } }),
	];
	for (const act of acts) {
		await ctlOk(["role", "grant", second.email, "admin"]);
		/* The row that everybody waits for is held, and with it the role goes. */
		const { released } = await hold(`UPDATE roles SET changes = changes + 1 WHERE name = 'admin'; DELETE FROM user_roles WHERE user_id = ${q(second.id)}; UPDATE users SET roles = '' WHERE id = ${q(second.id)}`, 0.7);
		expectProblem(await act(), "insufficient_scope");
		await released;
	}
	assert.equal((await shown(user.id)).name, "Bleibt");
});

test("users: of two administrators who give two users one address at once one has his way: one 200, one 409, 50 times", async () => {
	const second = await newAdmin(), [one1, two] = [await newUser(), await newUser()];
	for (let round = 0; round < 50; round++) {
		const email = uniqueEmail();
		const answers = await Promise.all([patch(one(one1.id), { ...as, json: { email } }), patch(one(two.id), { token: second.token, json: { email } })]);
		assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 409], answers.map((answer) => answer.text).join());
		expectErrors(answers.find((answer) => answer.status === 409), { email: "taken" }, "conflict");
		assert.equal((await sql(`SELECT COUNT(*) FROM users WHERE email = ${q(email)}`))[0][0], "1");
	}
});

test("users: changed, disabled and deleted at once by many: every answer is one of the contract's, and what is left is whole", async () => {
	for (let round = 0; round < 10; round++) {
		const user = await newSession();
		const answers = await Promise.all([
			...Array.from({ length: 4 }, (_, i) => patch(one(user.id), { ...as, json: { name: `N${i}` } })), patch(one(user.id), { ...as, json: { status: "disabled" } }),
			del(`/users/${user.id}/sessions`, as), del(one(user.id), as), del(one(user.id), as), login(user).then(() => ({ status: 200 }), () => ({ status: 401 })),
		]);
		assert.ok(answers.every((answer) => [200, 204, 404, 401].includes(answer.status)), answers.map((answer) => answer.status).join());
		assert.equal(answers.slice(6, 8).filter((answer) => answer.status === 204).length, 1, "deleted once");
		assert.deepEqual(await sql(`SELECT COUNT(*) FROM users WHERE id = ${q(user.id)}`), [["0"]]);
		assert.equal(await statusOf(user.token), 401);
	}
});

/* ---- Listing ---- */

test("users: a list has who begins with the query by address, user name or name, each once, whatever the case", async () => {
	const mark = unique("zz");
	const people = [
		await newUser({ email: `${mark}-b@mail-mark.example`, username: `${mark}-x`.slice(0, 32), name: `${mark} C` }),
		await newUser({ email: `${mark}-A@mail-mark.example` }),
		await newUser({ username: `${mark.toUpperCase()}-a`, name: `${mark} B` }),
		await newUser({ name: `${mark.toUpperCase()} a` }),
	];
	await newUser({ email: `x${mark}@mail-mark.example`, name: `x ${mark}` });
	const expected = [people[1], people[0], people[2], people[3]].map(({ id }) => id);
	for (const limit of ["1", "2", "3", "200"])
		for (const query of [mark, mark.toUpperCase()])
			assert.deepEqual(await all({ query, limit }), expected, `${query}, ${limit} a page`);
	/* On a busy machine a page may end before all has been looked at. */
	await until(async () => (await list({ query: mark })).next_cursor === null, 10_000, "a page with all of them, and no next");
	assert.deepEqual(await all({ query: `${mark}-a@mail` }), [people[1].id]);
	assert.deepEqual(Object.keys((await list({ query: mark })).items[0]).sort(), SHOWN);
});

test("users: what LIKE takes for any character is itself in a query, and so are quotes and emoji", async () => {
	const mark = unique("w");
	const made = {};
	for (const name of [`${mark}%a`, `${mark}_a`, `${mark}\\a`, `${mark}'a`, `${mark}"a`, `${mark}xa`, `${mark}😀a`, `${mark}😎a`, `${mark} a`])
		made[name] = (await newUser({ name })).id;
	for (const [name, id] of Object.entries(made))
		assert.deepEqual(await all({ query: name.slice(0, -1) }), [id], name);
	assert.equal((await all({ query: mark, limit: "4" })).length, Object.keys(made).length);
	const umlaut = await newUser({ email: `emil${mark}@mail-mark.example`, name: `Émil${mark}` });
	for (const query of [`émil${mark}`, `ÉMIL${mark}`, `emil${mark}`])
		assert.deepEqual(await all({ query }), [umlaut.id], query);
	for (const query of ["%", "_", "\\", `${mark}\\%`, "' OR '1'='1"])
		assert.ok(!(await all({ query })).includes(umlaut.id), query);
});

test("users: status and role, alone and with a query, leave out everybody else", async () => {
	const mark = unique("q"), role = await newRole(admin, ["x:y"]);
	const people = await Promise.all(Array.from({ length: 8 }, () => newUser({ email: `${unique(mark)}@mail-mark.example` })));
	for (const [i, { id }] of people.entries()) {
		if (i % 2)
			assert.equal(await status(call("PUT", `/users/${id}/roles/${role}`, as)), 204);
		if (i % 4 > 1)
			assert.equal(await status(patch(one(id), { ...as, json: { status: "disabled" } })), 200);
	}
	const expected = (want) => people.filter((_, i) => want(i)).map(({ id }) => id).sort();
	const found = async (filter) => (await all({ limit: "3", ...filter })).sort();
	assert.deepEqual(await found({ query: mark }), expected(() => true));
	assert.deepEqual(await found({ role }), expected((i) => i % 2));
	assert.deepEqual(await found({ query: mark, role }), expected((i) => i % 2));
	assert.deepEqual(await found({ query: mark, status: "disabled" }), expected((i) => i % 4 > 1));
	assert.deepEqual(await found({ query: mark, status: "active" }), expected((i) => i % 4 < 2));
	assert.deepEqual(await found({ role, status: "disabled" }), expected((i) => i % 2 && i % 4 > 1));
	assert.deepEqual(await found({ query: mark, role, status: "active" }), expected((i) => i % 2 && i % 4 < 2));
	assert.deepEqual(await found({ query: mark, status: "pending" }), []);
	assert.deepEqual(await found({ role: "nobody-has-it" }), []);
	const everybody = await found({ limit: "200" });
	for (const { id } of people)
		assert.ok(everybody.includes(id));
	assert.deepEqual(await found({ status: "disabled", limit: "200" }).then((ids) => ids.filter((id) => people.some((person) => person.id === id))), expected((i) => i % 4 > 1));
});

test("users: names that compare as the same are each on a page, one a page", async () => {
	const mark = unique("n"), ids = [];
	for (const name of [`${mark} é`, `${mark} E`, `${mark} e`, `${mark} È`, `${mark} e `])
		ids.push((await newUser({ name })).id);
	assert.deepEqual((await all({ query: mark, limit: "1" })).sort(), ids.sort());
});

test("users: a page has as many as are asked for, up to 200, and 50 by itself, where there is time, and however long their names are", async () => {
	const mark = unique("full"), name = "\\".repeat(150) + "🖋".repeat(50);
	await sql(`INSERT INTO users (id, email, name, roles, password_hash, created_at, updated_at) SELECT CONCAT('01932c07-209c-7c11-8', LPAD(seq, 3, '0'), '-', LEFT(MD5('${mark}'), 12)), CONCAT('${mark}', seq, '@${"x".repeat(60)}.${"y".repeat(60)}.example'), ${q(name)}, '', '', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) FROM seq_1_to_205`);
	try {
		for (const [limit, n] of [["200", 200], ["199", 199], [undefined, 50]])
			await until(async () => {
				const { items, next_cursor } = await list(limit === undefined ? {} : { limit });
				assert.ok(items.length <= n && next_cursor !== null);
				return items.length === n && items.filter((item) => item.name === name).length > n - 10;
			}, 20_000, `a page of ${n}`);
	} finally {
		await sql(`DELETE FROM users WHERE email LIKE '${mark}%'`);
	}
});

test("users: a query, status, role, limit or cursor that is none is refused by its name", async () => {
	const bad = async (text, expected) => expectErrors(await get(`/users?${text}`, as), expected);
	await bad("query=", { query: "too_short" });
	await bad(`query=${"x".repeat(255)}`, { query: "too_long" });
	await bad("query=a%C2%85", { query: "invalid" });
	for (const text of ["", "Active", "gone", "x".repeat(1000)])
		await bad(`status=${text}`, { status: "invalid" });
	for (const text of ["", "Admin", "a%20b", "%C3%A4", "x".repeat(33)])
		await bad(`role=${text}`, { role: ["invalid", "too_long"] });
	for (const text of ["", "0", "201", "-1", "1.5", "x", "1e2", "%201"])
		await bad(`limit=${text}`, { limit: "invalid" });
	await bad("query=&status=x&role=A&limit=0&cursor=!", { query: "too_short", status: "invalid", role: "invalid", limit: "invalid", cursor: "invalid" });
	for (const text of ["query=%C3", "query=a&query=b", "status=active&status=active", "limit=1&limit=1"])
		expectProblem(await get(`/users?${text}`, as), "bad_request");
	assert.equal((await list({ unknown: "x", limit: "1" })).items.length, 1);
});

test("users: a cursor is good for the list it is of, and for no other; nobody can make one or read an address in it", async () => {
	const mark = unique("c");
	for (let i = 0; i < 3; i++)
		await newUser({ email: `${mark}${i}@mail-mark.example` });
	const { items, next_cursor: cursor } = await list({ query: mark, limit: "1" });
	assert.equal((await list({ query: mark, limit: "1", cursor })).items.length, 1);
	assert.ok(!Buffer.from(cursor, "base64url").toString("latin1").includes(mark), "the address is in it");
	const refused = async (filter, what) => expectErrors(await get(`/users?${new URLSearchParams(filter)}`, as), { cursor: ["invalid", "too_long"] }, "validation_failed", what);
	for (const other of [{}, { query: `${mark}0` }, { query: mark, status: "active" }, { query: mark, role: "admin" }, { status: "active" }])
		await refused({ ...other, cursor });
	const bytes = Buffer.from(cursor, "base64url");
	for (let at = 0; at < bytes.length; at++) {
		const forged = Buffer.from(bytes);
		forged[at] ^= 1;
		await refused({ query: mark, cursor: forged.toString("base64url") });
	}
	for (const text of ["", "x", `${cursor}A`, `${cursor}=`, cursor.slice(1), cursor.slice(0, -4), ` ${cursor}`, items[0].id, "A".repeat(1366), "A".repeat(1367), "A".repeat(4000)])
		await refused({ query: mark, cursor: text });
});

test("users: a list goes on where its last one was deleted", async () => {
	const mark = unique("g"), people = [];
	for (let i = 0; i < 4; i++)
		people.push(await newUser({ email: `${mark}${i}@mail-mark.example` }));
	const first = await list({ query: mark, limit: "2" });
	assert.deepEqual(first.items.map(({ id }) => id), [people[0].id, people[1].id]);
	assert.equal(await status(del(one(people[1].id), as)), 204);
	assert.deepEqual((await list({ query: mark, limit: "2", cursor: first.next_cursor })).items.map(({ id }) => id), [people[2].id, people[3].id]);
});

test("users: no answer and no log line holds a password hash", async () => {
	const user = await newUser(), [[hash]] = await sql(`SELECT password_hash FROM users WHERE id = ${q(user.id)}`);
	const answers = [await get(one(user.id), as), await get(`/users?query=${user.email}`, as), await patch(one(user.id), { ...as, json: { name: "X" } }), await post("/users", { ...as, json: { email: uniqueEmail(), password: newPassword() } })];
	for (const answer of answers)
		assert.ok(!/argon2|password/i.test(answer.text) && !answer.text.includes(hash), answer.text);
	assert.ok(!logText().includes(hash));
});
