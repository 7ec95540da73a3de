/* The audit as it is read: over the API and by latchctl, and what is left in it of somebody who was deleted. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { before, test } from "node:test";
import { call, del, expectErrors, expectProblem, get, patch, post, put } from "./lib/api.mjs";
import { CONF, CTL, ctl, ctlOk, q, sleep, sql, until, workers } from "./lib/instance.mjs";
import { openapi } from "./lib/openapi.mjs";
import { atOnce, FROM, seenFrom, sidOf } from "./lib/sessions.mjs";
import { login, newAdmin, newPassword, newRole, newSession, newUser, tryLogin, unique, uniqueEmail } from "./lib/users.mjs";

const ask = async (query) => (await get(`/audit${query}`, { token: admin.token })).json();
const of = async (user, more = "") => (await ask(`?subject=${user.id}${more}`)).items;
const names = (items) => items.map((item) => item.event);
let admin;

before(async () => {
	admin = await newAdmin();
});

test("audit: what somebody does is there, newest first, with who, whom, where from and in which session", async () => {
	const user = { email: uniqueEmail(), password: newPassword() };
	const headers = { ...FROM, "User-Agent": 'Tester/1.0 (X11; "a, b")' };
	user.id = (await post("/auth/register", { json: user, headers })).json().id;
	const wrong = await call("POST", "/auth/login", { json: { email: user.email, password: newPassword() }, headers });
	assert.equal(wrong.status, 401);
	const session = (await call("POST", "/auth/login", { json: { email: user.email, password: user.password }, headers })).json();
	const claims = JSON.parse(Buffer.from(session.access_token.split(".")[1], "base64url"));
	await patch("/users/me", { token: session.access_token, json: { name: "Ada", phone_number: null }, headers });
	await post("/auth/logout", { token: session.access_token, json: {}, headers });
	const items = await of(user);
	const line = { outcome: "ok", actor: user.id, subject: user.id, session: claims.sid, through: "api", target: null, ip: seenFrom(), user_agent: 'Tester/1.0 (X11; "a, b")' };
	assert.deepEqual(items.map(({ id, at, ...rest }) => rest), [
		{ ...line, event: "session.logout" },
		{ ...line, event: "user.profile", target: "name,phone_number" },
		{ ...line, event: "session.login" },
		{ ...line, event: "session.login", outcome: "refused", actor: null, session: null },
		{ ...line, event: "user.register", session: null },
	]);
	assert.ok(Math.abs(Date.parse(items[0].at) - Date.now()) < 60_000);
});

test("audit: a page has as many as are asked for, up to 200, and 50 by itself", async () => {
	const user = await newSession();
	const headers = { ...FROM, "User-Agent": "\"long".repeat(60) };
	for (let i = 0; i < 205; i++)
		assert.equal((await patch("/users/me", { token: user.token, json: { name: `N${i}` }, headers })).status, 200);
	for (const [more, n] of [["&limit=200", 200], ["&limit=199", 199], ["", 50]]) {
		const { items, next_cursor } = await ask(`?subject=${user.id}&event=user.profile${more}`);
		assert.equal(items.length, n);
		assert.equal(next_cursor, items.at(-1).id);
	}
});

test("audit: a name that nobody has is refused with a line that does not say it", async () => {
	const name = uniqueEmail("nobody"), since = new Date(Date.now() - 1000).toISOString(), headers = { ...FROM, "User-Agent": unique("nobody-agent") };
	assert.equal((await call("POST", "/auth/login", { json: { email: name, password: newPassword() }, headers })).status, 401);
	const items = (await ask(`?event=session.login&since=${since}&limit=200`)).items.filter((item) => item.user_agent === headers["User-Agent"]);
	assert.equal(items.length, 1);
	const { outcome, actor, subject, session, target, ip } = items[0];
	assert.deepEqual({ outcome, actor, subject, session, target, ip }, { outcome: "refused", actor: null, subject: null, session: null, target: null, ip: seenFrom() });
	const text = JSON.stringify(await sql(`SELECT * FROM audit WHERE id = ${q(items[0].id)}`));
	assert.doesNotMatch(text, new RegExp(name.split("@")[0]));
});

test("audit: somebody whose account is not active is refused, and the line says so", async () => {
	const user = await newUser();
	await ctlOk(["user", "disable", user.email]);
	assert.equal((await tryLogin(user.email, user.password)).status, 403);
	const [refused, disabled] = await of(user);
	assert.deepEqual([refused.event, refused.outcome, refused.target, refused.actor], ["session.login", "refused", "disabled", null]);
	assert.deepEqual([disabled.event, disabled.through, disabled.actor, disabled.ip], ["user.disable", "latchctl", null, null]);
});

test("audit: what an administrator does to somebody is there", async () => {
	const path = `/users/${(await post("/users", { token: admin.token, json: { email: uniqueEmail() } })).json().id}`, id = path.split("/")[2];
	await patch(path, { token: admin.token, json: { email: uniqueEmail(), name: null, status: "disabled" } });
	await patch(path, { token: admin.token, json: { status: "active" } });
	assert.equal((await del(path, { token: admin.token })).status, 204);
	const items = await of({ id });
	/* Those of one millisecond have no order. */
	assert.deepEqual(items.map((item) => `${item.event} ${item.target}`).sort(), ["user.delete null", "user.disable null", "user.enable null", "user.profile email,name", "user.register null"]);
	assert.ok(items.every((item) => item.actor === admin.id && item.ip !== null));
});

test("audit: what was not done is not there", async () => {
	const user = await newSession(), other = await newUser({ username: unique("taken") });
	const before = names(await of(user));
	expectErrors(await patch("/users/me", { token: user.token, json: { username: other.username } }), { username: "taken" }, "conflict");
	expectErrors(await call("POST", "/auth/register", { json: { email: user.email, password: newPassword() } }), { email: "taken" }, "conflict");
	expectProblem(await del("/users/me/sessions/01932c07-209c-7c11-8b0e-6a3f5d2e9c41", { token: user.token }), "not_found");
	await patch("/users/me", { token: user.token, json: {} });
	assert.deepEqual(names(await of(user)), before);
});

test("audit: pages neither repeat nor skip a line while others are written, and every filter holds", async () => {
	const user = await newUser();
	for (let i = 0; i < 7; i++)
		await login(user);
	const all = await of(user, "&limit=200"), seen = [];
	assert.equal(all.length, 8);
	for (let cursor = ""; cursor !== null;) {
		const page = await ask(`?subject=${user.id}&limit=3${cursor && `&cursor=${cursor}`}`);
		assert.ok(page.items.length <= 3);
		seen.push(...page.items);
		cursor = page.next_cursor;
		await login(user);
	}
	assert.deepEqual(seen, all);
	assert.deepEqual(await of(user, "&event=user.register"), all.slice(-1));
	assert.deepEqual((await ask(`?actor=${user.id}&event=user.register`)).items, all.slice(-1));
	assert.deepEqual((await ask(`?actor=${user.id}&subject=${admin.id}`)).items, []);
	assert.deepEqual(await of(user, `&since=${all[3].at}&until=${all[0].at}`), all.filter(({ at }) => at >= all[3].at && at < all[0].at));
	assert.deepEqual(await of(user, "&until=2020-01-01T00:00:00Z"), []);
	for (const [name, value] of [["actor", "x"], ["event", "user.nothing"], ["since", "2026-02-30T00:00:00Z"], ["until", "yesterday"], ["cursor", "x"], ["limit", "201"]])
		expectErrors(await get(`/audit?${name}=${value}`, { token: admin.token }), { [name]: "invalid" });
});

test("audit: of who is deleted the lines stay and hold, and neither address, agent nor name can be read", async () => {
	const agent = unique("agent"), headers = { ...FROM, "User-Agent": agent };
	const user = { email: uniqueEmail(), password: newPassword(), username: unique("gone"), name: unique("Gone"), phone_number: `+49${Math.floor(1e11 + Math.random() * 8e11)}` };
	user.id = (await post("/auth/register", { json: user, headers })).json().id;
	await tryLogin(user.email, "something else", { headers });
	const { access_token: token } = (await call("POST", "/auth/login", { json: { email: user.email, password: user.password }, headers })).json();
	assert.ok((await of(user)).every((item) => item.user_agent === agent && item.ip === seenFrom()));
	assert.equal((await call("POST", "/users/me/delete", { token, json: { current_password: user.password }, headers })).status, 204);
	const items = await of(user);
	assert.deepEqual(names(items), ["user.delete", "session.login", "session.login", "user.register"]);
	assert.ok(items.every((item) => item.ip === null && item.user_agent === null));
	const columns = (await sql("SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'audit'")).flat();
	for (const text of [user.email, user.username, user.name, user.phone_number, agent, seenFrom()])
		for (const column of columns)
			assert.deepEqual(await sql(`SELECT id FROM audit WHERE subject = ${q(user.id)} AND INSTR(CAST(\`${column}\` AS CHAR), ${q(text)}) > 0`), [], `${column} holds ${text}`);
	const done = await ctl(["audit", "verify"]);
	assert.equal(done.code, 0, done.stdout);
});

/* Every route with an {id}, asked with what stands for it; each does something. */
const withId = {
	"GET /users/{id}": async (user, id) => assert.equal((await get(`/users/${id}`, { token: admin.token })).json().id, user.id),
	"GET /users/{id}/sessions": async (user, id) => assert.equal((await get(`/users/${id}/sessions`, { token: admin.token })).json().items.length, 2),
	"DELETE /users/me/sessions/{id}": async (user, id, session) => assert.equal((await del(`/users/me/sessions/${session}`, { token: user.token })).status, 204),
	"PATCH /users/{id}": async (user, id) => assert.equal((await patch(`/users/${id}`, { token: admin.token, json: { name: "Upper", status: "disabled" } })).json().id, user.id),
	"PUT /users/{id}/roles/{role}": async (user, id) => assert.equal((await put(`/users/${id}/roles/${role}`, { token: admin.token })).status, 204),
	"DELETE /users/{id}/roles/{role}": async (user, id) => assert.equal((await del(`/users/${id}/roles/${role}`, { token: admin.token })).status, 204),
	"DELETE /users/{id}/sessions": async (user, id) => assert.equal((await del(`/users/${id}/sessions`, { token: admin.token })).status, 204),
	"DELETE /users/{id}": async (user, id) => assert.equal((await del(`/users/${id}`, { token: admin.token })).status, 204),
};
let role;

test("audit: ids in upper case, in every route that has one and at latchctl, are those in lower case, and the lines hold", async () => {
	const { doc } = await openapi();
	const routes = Object.entries(doc.paths).filter(([path]) => path.includes("{id}")).flatMap(([path, item]) => Object.keys(item).filter((word) => /^(get|put|post|patch|delete)$/.test(word)).map((method) => `${method.toUpperCase()} ${path}`));
	assert.deepEqual(Object.keys(withId).sort(), routes.sort());
	role = await newRole(admin);
	const user = await newSession(), session = sidOf((await login(user)).access_token);
	for (const ask of Object.values(withId))
		await ask(user, user.id.toUpperCase(), session.toUpperCase());
	assert.deepEqual(names(await of(user)).sort(), ["role.grant", "role.revoke", "session.end", "session.end_all", "session.login", "session.login", "user.delete", "user.disable", "user.profile", "user.register"]);
	assert.deepEqual((await of(user, "&event=session.end")).map((item) => item.target), [session]);

	const other = await newSession(), its = sidOf(other.token), upper = other.id.toUpperCase();
	await ctlOk(["role", "grant", upper, role]);
	await ctlOk(["role", "revoke", upper, role]);
	await ctlOk(["session", "end", upper, its.toUpperCase()]);
	await ctlOk(["user", "disable", upper]);
	await ctlOk(["user", "delete", upper, "--yes"]);
	assert.deepEqual((await of(other, "&event=session.end")).map((item) => item.target), [its]);
	const done = await ctl(["audit", "verify"]);
	assert.equal(done.code, 0, done.stdout);
});

test("audit: nobody's key is another's", async () => {
	const made = [(await newUser()).id, (await newUser()).id];
	const keys = (await sql(`SELECT HEX(audit_key) FROM users WHERE id IN (${made.map(q).join()})`)).flat();
	assert.equal(new Set(keys).size, 2);
	const [[users, different]] = await sql("SELECT COUNT(*), COUNT(DISTINCT audit_key) FROM users");
	assert.equal(users, different);
});

test("audit: a wrong password costs as many statements as a name that nobody has", async () => {
	const user = await newUser();
	const asked = async (email) => {
		/* By one worker's connection and no other's, at times at which it reads no keys: the least of several tries. */
		const counts = [];
		for (let i = 0; i < 5; i++) {
			const questions = async () => Number((await sql("SHOW GLOBAL STATUS LIKE 'Questions'"))[0][1]);
			const from = await questions();
			assert.equal((await tryLogin(email, newPassword(), { headers: { "X-Forwarded-For": `10.9.${Math.floor(Math.random() * 250)}.${i + 1}` } })).status, 401);
			counts.push((await questions()) - from);
			await ctlOk(["user", "enable", user.email]);
		}
		return Math.min(...counts);
	};
	assert.equal(await asked(user.email), await asked(uniqueEmail("nobody")));
});

test("audit tail: what a client chose, or who writes to the table, is neither another field nor a terminal's command", async () => {
	const user = await newUser(), agent = 'x" actor=01932c07-209c-7c11-8b0e-6a3f5d2e9c41 ip=203.0.113.9 \\ y="';
	const answer = await tryLogin(user.email, user.password, { headers: { "User-Agent": agent } });
	assert.equal(answer.status, 200);
	const line = (await ctlOk(["audit", "tail"])).split("\n").find((one) => one.includes(`subject=${user.id}`) && one.includes("session.login"));
	assert.ok(line.endsWith(` user_agent="${agent.replace(/["\\]/g, "\\$&")}"`), line);
	const told = (await ctlOk(["audit", "tail", "--json"])).split("\n").filter(Boolean).map((one) => JSON.parse(one)).find((one) => one.subject === user.id && one.event === "session.login");
	assert.deepEqual([told.user_agent, told.actor, told.through, told.target], [agent, user.id, "api", null]);
});

test("latchctl audit list: what somebody did, what was done to him, of an event, in a time; the newest first", async () => {
	const mark = unique("Listed"), user = await newSession({ username: mark }), began = new Date();
	await sleep(5);
	await ctlOk(["user", "disable", mark]);
	await ctlOk(["user", "enable", user.email]);
	const listed = async (...args) => (await ctlOk(["audit", "list", ...args, "--json"])).split("\n").filter(Boolean).map((line) => JSON.parse(line));
	const events = async (...args) => (await listed(...args)).map((item) => item.event);
	assert.deepEqual(await events("--subject", mark), ["user.enable", "user.disable", "session.login", "user.register"]);
	assert.deepEqual(await events("--actor", user.id.toUpperCase()), ["session.login", "user.register"]);
	assert.deepEqual(await events("--subject", user.email, "--event", "user.disable"), ["user.disable"]);
	assert.deepEqual(await events("--subject", mark, "--since", began.toISOString()), ["user.enable", "user.disable"]);
	assert.deepEqual(await events("--subject", mark, "--until", began.toISOString()), ["session.login", "user.register"]);
	assert.deepEqual(await listed("--subject", mark), await of(user));
	assert.match(await ctlOk(["audit", "list", "--subject", mark, "--event", "user.enable"]), new RegExp(`^\\S+Z user\\.enable ok through=latchctl subject=${user.id}\n$`));
	/* More than a page, and each once. */
	const [[all]] = await sql("SELECT COUNT(*) FROM audit"), ids = (await listed("--until", new Date().toISOString())).map((item) => item.id);
	assert.ok(ids.length >= Math.min(Number(all) - 50, 201), `${ids.length} of ${all}`);
	assert.deepEqual(ids, [...new Set(ids)].sort().reverse());
	await ctlOk(["user", "delete", mark, "--yes"]);
	assert.equal((await events("--subject", user.id))[0], "user.delete");
	for (const [args, code, complaint] of [[["--subject", mark], 3, /no such user/], [["--event", "user.flies"], 1, /audit events lists them/], [["--since", "yesterday"], 1, /take a time such as/], [["--until", ""], 1, /take a time such as/], [["--actor", ""], 3, /no such user/]]) {
		const done = await ctl(["audit", "list", ...args]);
		assert.deepEqual([done.code, complaint.test(done.stderr)], [code, true], `${args}: ${done.stderr}`);
	}
});

test("audit tail -f: shows each line once, also of writers that commit late", async () => {
	const users = await Promise.all(Array.from({ length: 3 }, () => newUser()));
	const child = spawn(CTL, ["--config", CONF, "audit", "tail", "--follow"], { stdio: ["ignore", "pipe", "inherit"], env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("LATCH_"))) });
	let out = "";
	child.stdout.on("data", (data) => { out += data; });
	try {
		await until(() => out.includes("\n"), 5000, "the last lines");
		/* The chains of two workers are held by a writer who was first and commits last: of three at once one goes on. */
		const chains = workers().slice(0, 2).map((pid) => pid % 64);
		const late = sql(`BEGIN; SELECT n FROM audit_chains WHERE chain IN (${chains}) ORDER BY chain FOR UPDATE; SELECT SLEEP(0.6); COMMIT`);
		let held = true, meanwhile = 0;
		late.then(() => (held = false));
		await atOnce(Array.from({ length: 24 }, (_, i) => i), (i) => login(users[i % 3]).then(() => (meanwhile += held)), 3);
		await late;
		assert.ok(meanwhile > 0, "nobody went on");
		const wanted = (await Promise.all(users.map((user) => of(user, "&event=session.login")))).flat().map((item) => item.session);
		assert.equal(wanted.length, 24);
		await until(() => wanted.every((sid) => out.includes(`session=${sid} `)), 10_000, "all lines");
		for (const sid of wanted)
			assert.equal(out.split("\n").filter((line) => line.includes(`session=${sid} `)).length, 1, sid);
	} finally {
		child.kill("SIGTERM");
	}
});
