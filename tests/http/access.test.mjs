/*
 * Who may: every route of the table (as /openapi.json has it, which is made from it) asked by nobody, by a plain user, by
 * holders of each single permission and by an administrator, and by each of them disabled, deleted and logged out. What a
 * route does beyond that is not meant here: ids are nobody's, and bodies empty.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { call, post } from "./lib/api.mjs";
import { ctlOk } from "./lib/instance.mjs";
import { openapi, somePath } from "./lib/openapi.mjs";
import { login, newAdmin, newHolder, newSession } from "./lib/users.mjs";

const PERMISSIONS = ["users:read", "users:write", "roles:read", "roles:write", "sessions:write", "audit:read", "keys:write", "providers:read", "metrics:read"];
let operations, people;

/* {method, path, permission} of each; permission undefined: none is needed; `anybody`: not even a session. */
async function table() {
	const { doc: { paths } } = await openapi();
	return Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({
		method: method.toUpperCase(), path: somePath(path), body: operation.requestBody !== undefined,
		permission: /Needs the permission `([^`]+)`/.exec(operation.description ?? "")?.[1],
		anybody: !operation.security || operation.security.some((one) => Object.keys(one).length === 0),
	})));
}

/* What a route says of somebody: "in", or the code of the refusal. An end of the session is not meant: log-out is asked apart. */
async function asked({ method, path, body }, token) {
	const answer = await call(method, path, { token, ...(body && { json: {} }), patient: false });
	if (answer.status === 401 || answer.status === 403)
		return answer.json().code;
	return "in";
}

before(async () => {
	operations = (await table()).filter(({ path }) => path !== "/auth/logout");
	const admin = await newAdmin();
	const holders = await Promise.all(PERMISSIONS.map(async (permission) => [permission, await newHolder(admin, [permission])]));
	people = { "a plain user": { ...await newSession(), may: [] }, "an administrator": { ...await newAdmin(), may: PERMISSIONS } };
	for (const [permission, holder] of holders)
		people[`who may ${permission}`] = { ...holder, may: [permission] };
});

test("access: the table has routes that anybody may ask, that need a session, and that need a permission", () => {
	const kinds = operations.map(({ anybody, permission }) => (permission ? "permission" : anybody ? "anybody" : "session"));
	for (const kind of ["anybody", "session", "permission"])
		assert.ok(kinds.filter((one) => one === kind).length >= 3, `${kind}: ${kinds.join()}`);
	for (const { permission } of operations)
		assert.ok(permission === undefined || PERMISSIONS.includes(permission), permission);
});

test("access: without credentials every route is 401 but those that are for anybody", async () => {
	for (const operation of operations)
		if (!operation.anybody)
			assert.equal(await asked(operation), "unauthorized", `${operation.method} ${operation.path}`);
});

test("access: a route that needs a permission lets in who holds it, and nobody else; the others let in everybody", async () => {
	for (const [who, { token, may }] of Object.entries(people))
		for (const operation of operations.filter(({ anybody }) => !anybody)) {
			const expected = operation.permission === undefined || may.includes(operation.permission) ? "in" : "insufficient_scope";
			assert.equal(await asked(operation, token), expected, `${operation.method} ${operation.path}, by ${who}`);
		}
});

test("access: of who is logged out, disabled or deleted every route says that the token is no good", async () => {
	const ends = {
		"logged out": async ({ token }) => assert.equal((await post("/auth/logout", { token })).status, 204),
		disabled: ({ email }) => ctlOk(["user", "disable", email]),
		deleted: ({ email }) => ctlOk(["user", "delete", email, "--yes"]),
	};
	for (const [end, go] of Object.entries(ends))
		for (const [who, person] of Object.entries(people)) {
			const { access_token: token } = end === "deleted" ? { access_token: person.token } : await login(person);
			await go({ ...person, token });
			for (const operation of operations.filter(({ anybody }) => !anybody))
				assert.equal(await asked(operation, token), "invalid_token", `${operation.method} ${operation.path}, by ${who}, ${end}`);
			if (end === "disabled")
				await ctlOk(["user", "enable", person.email]);
		}
});
