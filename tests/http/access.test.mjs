/*
 * Who may: every route asked by nobody, by a plain user, by holders of each single permission and by an administrator, and by
 * each of them disabled, deleted and logged out. What a route does beyond that is not meant here: ids are nobody's, and bodies
 * empty. What is expected stands here as the contract has it; /openapi.json, which is made from the column that the program asks
 * by, must say the same.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { call, post } from "./lib/api.mjs";
import { ctlOk } from "./lib/instance.mjs";
import { openapi, somePath } from "./lib/openapi.mjs";
import { login, newAdmin, newHolder, newSession } from "./lib/users.mjs";

const PERMISSIONS = ["users:read", "users:write", "roles:read", "roles:write", "sessions:write", "audit:read", "keys:write", "providers:read", "metrics:read"];
let all, operations, people;

/* Who may ask it: a permission; "session": who has one; "anybody". */
const CONTRACT = {
	"POST /auth/register": "anybody", "POST /auth/login": "anybody", "POST /auth/refresh": "anybody",
	"POST /auth/logout": "anybody", /* but with what to end */
	"GET /auth/verify": "session", "GET /auth/return-to": "anybody",
	"GET /users/me": "session", "PATCH /users/me": "session", "POST /users/me/password": "session", "POST /users/me/delete": "session",
	"GET /users/me/sessions": "session", "DELETE /users/me/sessions": "session", "DELETE /users/me/sessions/{id}": "session",
	"GET /users": "users:read", "POST /users": "users:write",
	"GET /users/{id}": "users:read", "PATCH /users/{id}": "users:write", "DELETE /users/{id}": "users:write",
	"PUT /users/{id}/roles/{role}": "roles:write", "DELETE /users/{id}/roles/{role}": "roles:write",
	"GET /users/{id}/sessions": "users:read", "DELETE /users/{id}/sessions": "sessions:write",
	"GET /roles": "roles:read", "POST /roles": "roles:write",
	"GET /roles/{role}": "roles:read", "PATCH /roles/{role}": "roles:write", "DELETE /roles/{role}": "roles:write",
	"GET /audit": "audit:read", "GET /metrics": "metrics:read",
	"GET /.well-known/jwks.json": "anybody", "GET /.well-known/openid-configuration": "anybody",
	"GET /healthz": "anybody", "GET /readyz": "anybody", "GET /openapi.json": "anybody",
};

/* What /openapi.json says of it. */
function documented(operation) {
	const permission = /Needs the permission `([^`]+)`/.exec(operation.description ?? "")?.[1];
	const anybody = !operation.security || operation.security.some((one) => Object.keys(one).length === 0);
	return permission ?? (anybody ? "anybody" : "session");
}

/* {name, method, path, body, permission, anybody, documented} of each that the document has. */
async function table() {
	const { doc: { paths } } = await openapi();
	return Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => {
		const name = `${method.toUpperCase()} ${path}`, access = CONTRACT[name];
		return {
			name, method: method.toUpperCase(), path: somePath(path), body: operation.requestBody !== undefined, documented: documented(operation),
			anybody: access === "anybody", permission: ["anybody", "session"].includes(access) ? undefined : access,
		};
	}));
}

/* What a route says of somebody: "in", or the code of the refusal. What ends the session is asked apart. */
async function asked({ method, path, body }, token) {
	const answer = await call(method, path, { token, ...(body && { json: {} }), patient: false });
	if (answer.status === 401 || answer.status === 403)
		return answer.json().code;
	assert.ok(answer.status < 500, `${method} ${path}: ${answer.status} ${answer.text}`);
	return "in";
}

before(async () => {
	all = await table();
	operations = all.filter(({ path }) => path !== "/auth/logout");
	const admin = await newAdmin();
	const holders = await Promise.all(PERMISSIONS.map(async (permission) => [permission, await newHolder(admin, [permission])]));
	people = { "a plain user": { ...await newSession(), may: [] }, "an administrator": { ...await newAdmin(), may: PERMISSIONS } };
	for (const [permission, holder] of holders)
		people[`who may ${permission}`] = { ...holder, may: [permission] };
});

test("access: the program has the routes of the contract, each for whom the contract says, and no others", () => {
	assert.deepEqual(Object.fromEntries(all.map(({ name, documented }) => [name, documented])), CONTRACT);
	for (const { permission } of operations)
		assert.ok(permission === undefined || PERMISSIONS.includes(permission), permission);
});

test("access: who has a session, whoever he is, logs out once; who has none, or one that is over, has nothing to log out of", async () => {
	const logout = (token) => call("POST", "/auth/logout", { token, json: {} });
	assert.equal((await logout()).json().code, "unauthorized");
	for (const [who, person] of Object.entries(people)) {
		const { access_token: token } = await login(person);
		assert.equal((await logout(token)).status, 204, who);
		assert.equal((await logout(token)).json().code, "invalid_token", who);
	}
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
			for (const operation of all.filter(({ anybody, path }) => !anybody || path === "/auth/logout"))
				assert.equal(await asked(operation, token), "invalid_token", `${operation.method} ${operation.path}, by ${who}, ${end}`);
			if (end === "disabled")
				await ctlOk(["user", "enable", person.email]);
		}
});
