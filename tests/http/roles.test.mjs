/* Roles: made, changed, given and taken, and what they permit. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { call, del, expectErrors, expectProblem, get, patch, post, put } from "./lib/api.mjs";
import { ctl, ctlOk, q, sleep, sql, until } from "./lib/instance.mjs";
import { verify } from "./lib/sessions.mjs";
import { SqlPipe } from "./lib/sqlpipe.mjs";
import { login, newAdmin, newHolder, newRole, newSession, newUser, statusOf, unique } from "./lib/users.mjs";

const BUILT_IN = ["audit:read", "keys:write", "metrics:read", "providers:read", "roles:read", "roles:write", "sessions:write", "users:read", "users:write"];
const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
const me = async ({ token }) => (await get("/users/me", { token })).json();
const status = async (promise) => (await promise).status;
let admin;

before(async () => {
	admin = await newAdmin();
});

test("roles: admin may do everything, and cannot be changed or removed", async () => {
	const role = (await get("/roles/admin", { token: admin.token })).json();
	for (const permission of BUILT_IN)
		assert.ok(role.permissions.includes(permission), permission);
	assert.deepEqual((await me(admin)).roles, ["admin"]);
	expectErrors(await patch("/roles/admin", { token: admin.token, json: { permissions: [] } }), { name: "built_in" }, "conflict");
	expectErrors(await del("/roles/admin", { token: admin.token }), { name: "built_in" }, "conflict");
});

test("roles: one is made, shown, listed, changed and removed", async () => {
	const name = unique("r");
	const made = await post("/roles", { token: admin.token, json: { name, description: "Schreibt 🖋", permissions: ["b:x", "a:x", "b:x"] } });
	assert.equal(made.status, 201, made.text);
	assert.match(made.headers.location, new RegExp(`/roles/${name}$`));
	const role = made.json();
	assert.deepEqual({ ...role, created_at: 0, updated_at: 0 }, { name, description: "Schreibt 🖋", permissions: ["a:x", "b:x"], created_at: 0, updated_at: 0 });
	assert.deepEqual((await get(`/roles/${name}`, { token: admin.token })).json(), role);
	const seen = [];
	for (let cursor = ""; cursor !== null;) {
		const page = (await get(`/roles?limit=2${cursor && `&cursor=${cursor}`}`, { token: admin.token })).json();
		assert.ok(page.items.length <= 2);
		seen.push(...page.items.map((one) => one.name));
		cursor = page.next_cursor;
	}
	assert.ok(seen.includes(name) && seen.includes("admin"));
	assert.deepEqual(seen, [...new Set(seen)].sort());
	const changed = (await patch(`/roles/${name}`, { token: admin.token, json: { permissions: ["c:x"] } })).json();
	assert.deepEqual({ permissions: changed.permissions, description: changed.description }, { permissions: ["c:x"], description: "Schreibt 🖋" });
	assert.equal((await patch(`/roles/${name}`, { token: admin.token, json: { description: "" } })).json().description, "");
	assert.equal(await status(del(`/roles/${name}`, { token: admin.token })), 204);
	expectProblem(await get(`/roles/${name}`, { token: admin.token }), "not_found");
	expectProblem(await patch(`/roles/${name}`, { token: admin.token, json: {} }), "not_found");
	expectProblem(await del(`/roles/${name}`, { token: admin.token }), "not_found");
});

test("roles: a permission that no role gives any more is nobody's", async () => {
	const word = `${unique("p")}:read`, name = await newRole(admin, [word]);
	assert.ok((await me(admin)).permissions.includes(word));
	await patch(`/roles/${name}`, { token: admin.token, json: { permissions: [] } });
	assert.ok(!(await me(admin)).permissions.includes(word));
});

test("roles: bad names, permissions and descriptions are refused, each field by its name", async () => {
	const bad = async (json, expected) => expectErrors(await post("/roles", { token: admin.token, json }), expected);
	await bad({}, { name: "required" });
	for (const name of ["", "Editor", "a b", "ä", "-x", ".x", "a,b", "a/b", "x".repeat(33), "a\n"])
		await bad({ name }, { name: ["invalid", "too_long"] });
	await bad({ name: 7 }, { name: "wrong_type" });
	for (const permission of ["", "users", "users:", ":read", "Users:read", "a b:c", "a:b,c:d", "ä:b", `a:${"b".repeat(39)}`])
		await bad({ name: unique("r"), permissions: [permission] }, { permissions: ["invalid", "too_long"] });
	for (const permissions of ["users:read", 1, true, {}, [1], [null], [["a:b"]]])
		await bad({ name: unique("r"), permissions }, { permissions: "wrong_type" });
	await bad({ name: unique("r"), permissions: Array.from({ length: 51 }, (_, i) => `a:b${i}`) }, { permissions: "too_long" });
	await bad({ name: unique("r"), description: "x".repeat(201) }, { description: "too_long" });
	await bad({ name: unique("r"), description: "a\u0007" }, { description: "invalid" });
	const name = await newRole(admin);
	expectErrors(await post("/roles", { token: admin.token, json: { name } }), { name: "taken" }, "conflict");
	expectProblem(await get("/roles/Editor", { token: admin.token }), "not_found");
});

test("roles: what is given is in force with the next request, and so is what is taken", async () => {
	const user = await newSession(), role = await newRole(admin, ["roles:read", "x:y"]);
	expectProblem(await get("/roles", { token: user.token }), "insufficient_scope");
	for (let twice = 0; twice < 2; twice++)
		assert.equal(await status(put(`/users/${user.id}/roles/${role}`, { token: admin.token })), 204);
	assert.equal(await status(get("/roles", { token: user.token })), 200);
	const shown = await me(user);
	assert.deepEqual([shown.roles, shown.permissions], [[role], ["roles:read", "x:y"]]);
	await patch(`/roles/${role}`, { token: admin.token, json: { permissions: ["x:y"] } });
	expectProblem(await get("/roles", { token: user.token }), "insufficient_scope");
	await patch(`/roles/${role}`, { token: admin.token, json: { permissions: ["roles:read"] } });
	assert.equal(await status(get("/roles", { token: user.token })), 200);
	for (let twice = 0; twice < 2; twice++)
		assert.equal(await status(del(`/users/${user.id}/roles/${role}`, { token: admin.token })), 204);
	expectProblem(await get("/roles", { token: user.token }), "insufficient_scope");
	assert.deepEqual((await me(user)).permissions, []);
});

test("roles: /auth/verify and new access tokens name them; who is remembered has new ones within a second", async () => {
	const user = await newSession(), [first, second] = [await newRole(admin), await newRole(admin)].sort();
	const header = async () => (await verify(user.token)).headers["x-auth-roles"] ?? "";
	assert.equal(await header(), "");
	for (const role of [second, first]) {
		await put(`/users/${user.id}/roles/${role}`, { token: admin.token });
		await until(async () => (await Promise.all(Array.from({ length: 24 }, header))).every((roles) => roles.split(",").includes(role)), 1000, "the new role on every worker");
	}
	await until(async () => (await header()) === `${first},${second}`, 1000, "both");
	const tokens = await login(user);
	assert.deepEqual(claims(tokens.access_token).roles, [first, second]);
	await del(`/users/${user.id}/roles/${first}`, { token: admin.token });
	const fresh = (await post("/auth/refresh", { json: { refresh_token: tokens.refresh_token } })).json();
	assert.deepEqual(claims(fresh.access_token).roles, [second]);
});

test("roles: nobody gives, takes, makes or changes a permission that he does not hold himself; a role without any is anybody's with roles:write", async () => {
	const helper = await newHolder(admin, ["roles:write", "roles:read", "x:y"]), other = await newUser();
	const [less, more] = [await newRole(admin, ["x:y"]), await newRole(admin, ["x:y", "users:write"])];
	const as = { token: helper.token };
	assert.equal(await status(put(`/users/${other.id}/roles/${less}`, as)), 204);
	assert.equal(await status(del(`/users/${other.id}/roles/${less}`, as)), 204);
	for (const role of [more, "admin"])
		for (const id of [other.id, helper.id])
			expectProblem(await put(`/users/${id}/roles/${role}`, as), "insufficient_scope");
	expectProblem(await del(`/users/${admin.id}/roles/admin`, as), "insufficient_scope");
	expectProblem(await post("/roles", { ...as, json: { name: unique("r"), permissions: ["x:y", "users:write"] } }), "insufficient_scope");
	expectProblem(await post("/roles", { ...as, json: { name: unique("r"), permissions: [`${unique("n")}:new`] } }), "insufficient_scope");
	expectProblem(await patch(`/roles/${less}`, { ...as, json: { permissions: ["users:write"] } }), "insufficient_scope");
	expectProblem(await patch(`/roles/${more}`, { ...as, json: { permissions: [] } }), "insufficient_scope");
	expectProblem(await del(`/roles/${more}`, as), "insufficient_scope");
	assert.deepEqual((await get(`/roles/${more}`, as)).json().permissions, ["users:write", "x:y"]);
	assert.deepEqual((await me(helper)).permissions, ["roles:read", "roles:write", "x:y"]);
	assert.equal(await status(patch(`/roles/${less}`, { ...as, json: { description: "mine" } })), 200);
	const name = await newRole(admin);
	assert.equal(await status(put(`/users/${helper.id}/roles/${name}`, as)), 204);
	assert.equal((await verify(helper.token)).headers["x-auth-roles"], [helper.role, name].sort().join());
});

test("roles: who holds every permission that there is, and not admin, neither gives nor takes admin, nor touches an administrator", async () => {
	const helper = await newHolder(admin, BUILT_IN), other = await newUser(), second = await newAdmin(), as = { token: helper.token };
	/* Other tests make more of them all the time: as many as admin has now, and once more if there were more since. */
	const holdsAll = async () => {
		await ctlOk(["role", "permit", helper.role, ...(await get("/roles/admin", { token: admin.token })).json().permissions]);
		const all = (await get("/roles/admin", { token: admin.token })).json().permissions;
		return (await me(helper)).permissions.join() === all.join();
	};
	const attempts = [
		() => put(`/users/${other.id}/roles/admin`, as), () => put(`/users/${helper.id}/roles/admin`, as), () => del(`/users/${second.id}/roles/admin`, as),
		() => patch(`/users/${second.id}`, { ...as, json: { email: `${unique("taken")}@example.org` } }), () => patch(`/users/${second.id}`, { ...as, json: { status: "disabled" } }),
		() => del(`/users/${second.id}/sessions`, as), () => del(`/users/${second.id}`, as),
	];
	for (const attempt of attempts) {
		await until(holdsAll, 10_000, "a holder of all");
		expectProblem(await attempt(), "insufficient_scope");
	}
	assert.deepEqual([(await me(second)).roles, (await me(second)).email], [["admin"], second.email]);
	assert.equal(await status(patch(`/users/${other.id}`, { ...as, json: { name: "Helped" } })), 200);
	assert.equal(await status(put(`/users/${second.id}/roles/admin`, { token: admin.token })), 204);
});

test("roles: to make one costs hardly more statements than it has permissions, each of which is a line of the audit", async () => {
	const permissions = Array.from({ length: 40 }, (_, i) => `forty:p${i}`);
	const count = async () => Number((await sql("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'"))[0][1]);
	const cost = async (json) => {
		const before = await count(), answer = await post("/roles", { token: admin.token, json: { name: unique("r"), ...json } });
		const after = await count();
		assert.equal(answer.status, 201, answer.text);
		assert.equal(await status(del(`/roles/${answer.json().name}`, { token: admin.token })), 204);
		assert.deepEqual(answer.json().permissions, [...json.permissions].sort());
		return after - before;
	};
	/* Other tests have theirs executed meanwhile: only once in a while so few. */
	await until(async () => await cost({ permissions }) < 60, 15_000, "little more than a statement a permission");
});

test("roles: a role that somebody has stays", async () => {
	const { id, role } = await newHolder(admin, ["x:y"]);
	expectErrors(await del(`/roles/${role}`, { token: admin.token }), { name: "in_use" }, "conflict");
	await ctlOk(["user", "delete", id, "--yes"]);
	assert.equal(await status(del(`/roles/${role}`, { token: admin.token })), 204);
});

test("roles: a page has as many as are asked for, up to 200, and 50 by itself, however much each permits and says", async () => {
	const mark = unique("lim"), description = "🖋".repeat(200), words = Array.from({ length: 90 }, (_, i) => `${String(i + 10).padStart(19, "p")}:${"x".repeat(20)}`);
	await sql(`INSERT INTO roles (name, description, created_at, updated_at) SELECT CONCAT('${mark}-', LPAD(seq, 3, '0')), '${description}', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) FROM seq_1_to_205;
		INSERT INTO role_permissions (role, permission) SELECT name, word FROM roles, (${words.map((word) => `SELECT '${word}' AS word`).join(" UNION ALL ")}) words WHERE name LIKE '${mark}-%'`);
	try {
		const page = async (query) => (await get(`/roles?cursor=${mark}${query}`, { token: admin.token })).json();
		for (const [query, n] of [["&limit=200", 200], ["&limit=199", 199], ["&limit=1", 1], ["", 50]]) {
			const { items, next_cursor } = await page(query);
			assert.equal(items.length, n, query);
			assert.equal(next_cursor, items.at(-1).name);
			assert.deepEqual(items.map(({ name }) => name), Array.from({ length: n }, (_, i) => `${mark}-${String(i + 1).padStart(3, "0")}`));
			for (const role of items)
				assert.deepEqual([role.description, role.permissions], [description, words]);
		}
	} finally {
		await sql(`DELETE FROM roles WHERE name LIKE '${mark}-%'`);
	}
});

test("roles: nobody and nothing is not found", async () => {
	const role = await newRole(admin), nobody = "01932c07-209c-7c11-8b0e-6a3f5d2e9c41";
	for (const how of [put, del]) {
		expectProblem(await how(`/users/${nobody}/roles/${role}`, { token: admin.token }), "not_found");
		expectProblem(await how(`/users/${admin.id}/roles/${unique("r")}`, { token: admin.token }), "not_found");
	}
});

test("roles: one that is given to somebody who is just removing himself is given to nobody, and nothing is written down", async () => {
	const user = await newSession(), role = await newRole(admin);
	/* His row is gone, but not for others yet: the grant sees it, and then waits for it. */
	const pipe = new SqlPipe();
	await pipe.ask(`BEGIN; DELETE FROM users WHERE id = ${q(user.id)}`);
	const answer = put(`/users/${user.id}/roles/${role}`, { token: admin.token });
	await sleep(400);
	await pipe.ask("COMMIT");
	await pipe.end();
	expectProblem(await answer, "not_found");
	assert.equal((await sql(`SELECT COUNT(*) FROM audit WHERE subject = ${q(user.id)} AND event = 'role.grant'`))[0][0], "0");
});

test("roles: their names have room for 255 characters, and one more role is refused with nothing changed", async () => {
	const user = await newSession(), names = Array.from({ length: 8 }, () => unique("r").padEnd(32, "x"));
	for (const name of names)
		assert.equal(await status(post("/roles", { token: admin.token, json: { name } })), 201);
	for (const name of names.slice(0, 7))
		assert.equal(await status(put(`/users/${user.id}/roles/${name}`, { token: admin.token })), 204);
	expectErrors(await put(`/users/${user.id}/roles/${names[7]}`, { token: admin.token }), { role: "too_many" }, "conflict");
	const shown = await me(user);
	assert.deepEqual(shown.roles, names.slice(0, 7).sort());
	assert.deepEqual(claims((await login(user)).access_token).roles, shown.roles);
});

test("roles: 20 given at once to one user are all there, in both tables", async () => {
	const user = await newSession(), names = await Promise.all(Array.from({ length: 10 }, () => newRole(admin)));
	const answers = await Promise.all([...names, ...names].map((name) => put(`/users/${user.id}/roles/${name}`, { token: admin.token })));
	assert.deepEqual(answers.map((answer) => answer.status), Array(20).fill(204));
	assert.deepEqual((await me(user)).roles, [...names].sort());
	assert.deepEqual((await sql(`SELECT role FROM user_roles WHERE user_id = ${q(user.id)} ORDER BY role`)).flat(), [...names].sort());
});

test("roles: latchctl gives, takes and lists them", async () => {
	const user = await newSession(), role = await newRole(admin, ["x:y"]);
	assert.match(await ctlOk(["role", "grant", user.email, role]), new RegExp(`${user.email} has the role ${role}`));
	assert.deepEqual((await me(user)).roles, [role]);
	assert.match(await ctlOk(["role", "list"]), new RegExp(`^${role}\\tx:y\\t`, "m"));
	await ctlOk(["role", "revoke", user.id, role]);
	assert.deepEqual((await me(user)).roles, []);
	for (const [words, complaint] of [[["role", "grant", user.email, "nothing"], /no such role/], [["role", "grant", "nobody@example.org", role], /no such user/]]) {
		const done = await ctl(words);
		assert.equal(done.code, 3);
		assert.match(done.stderr, complaint);
	}
});

test("roles: a name with blanks behind it is nobody's, although the database compares without them", async () => {
	const user = await newSession(), role = await newRole(admin), unused = await newRole(admin);
	await ctlOk(["role", "grant", user.email, role]);
	for (const words of [["grant", user.email, "admin "], ["grant", user.email, `${unused} `], ["revoke", user.email, `${role} `], ["delete", `${unused}  `, "--yes"], ["delete", "admin ", "--yes"], ["show", `${role} `]]) {
		const done = await ctl(["role", ...words]);
		assert.deepEqual([done.code, done.stderr], [3, "latchctl: There is no such role.\n"], words.join(" "));
	}
	assert.deepEqual(await sql(`SELECT CONCAT('[', role, ']') FROM user_roles WHERE user_id = ${q(user.id)}`), [[`[${role}]`]]);
	assert.deepEqual((await me(user)).roles, [role]);
	assert.equal((await get(`/roles/${unused}`, { token: admin.token })).status, 200);
	assert.equal((await get(`/audit?subject=${user.id}&event=role.grant`, { token: admin.token })).json().items.length, 1);
});

test("roles: a session that was looked at as an administrator's is a plain user's with the next request after the role was taken", async () => {
	const second = await newAdmin();
	assert.equal(await status(get("/roles", { token: second.token })), 200);
	await del(`/users/${second.id}/roles/admin`, { token: admin.token });
	expectProblem(await get("/roles", { token: second.token }), "insufficient_scope");
	assert.equal(await statusOf(second.token), 200);
	assert.equal(await status(call("PUT", `/users/${second.id}/roles/admin`, { token: second.token })), 403);
});
