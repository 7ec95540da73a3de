/* GET /auth/verify, which web servers ask before they let somebody in: what it says, and how fast it hears that a session ended. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { call, del, expectProblem, get, post } from "./lib/api.mjs";
import { config, ctlOk, hold, q, sleep, sql } from "./lib/instance.mjs";
import { cookieName, cookieSession, newTokens, ORIGIN, refresh, refreshed, signIn, verify, verifyStatuses, withCookie } from "./lib/sessions.mjs";
import { newPassword, statusOf, unique } from "./lib/users.mjs";

const WITHIN_MS = 1000;

/* ---- What it says ---- */

test("verify: 200 without a body says who it is: the user name, the id and the e-mail address", async () => {
	const user = await newTokens({ username: unique("Vera") });
	for (let i = 0; i < 3; i++) {
		const answer = await verify(user.access_token);
		assert.equal(answer.status, 200, answer.text);
		assert.equal(answer.bytes.length, 0);
		assert.equal(answer.headers["x-auth-user"], user.username);
		assert.equal(answer.headers["x-auth-user-id"], user.id);
		assert.equal(answer.headers["x-auth-email"], user.email);
		assert.match(answer.headers["cache-control"], /\bno-store\b/);
		assert.equal(answer.headers["set-cookie"], undefined);
	}
});

test("verify: who has no user name is called by the e-mail address, as typed", async () => {
	const user = await newTokens();
	assert.equal((await verify(user.access_token)).headers["x-auth-user"], user.email);
});

test("verify: by cookie it says the same, from a page of any site, as it changes nothing", async () => {
	const user = await newTokens({ username: unique("Cook") }), cookie = await cookieSession(user);
	for (const from of [{}, { Origin: "http://evil.example", "Sec-Fetch-Site": "cross-site" }]) {
		const answer = await withCookie("GET", "/auth/verify", cookie, { from });
		assert.equal(answer.status, 200, answer.text);
		assert.deepEqual([answer.headers["x-auth-user"], answer.headers["x-auth-user-id"], answer.headers["x-auth-email"]], [user.username, user.id, user.email]);
	}
});

test("verify: a new token of a refreshed session, and the one before it, are good", async () => {
	const user = await newTokens(), fresh = await refreshed(user.refresh_token);
	for (const token of [user.access_token, fresh.access_token])
		assert.deepEqual(await verifyStatuses(token), [200]);
});

test("verify: who takes another user name is called by it within a second, on every worker", async () => {
	const user = await newTokens({ username: unique("Old") }), username = unique("New");
	for (let i = 0; i < 30; i++)
		assert.equal((await verify(user.access_token)).headers["x-auth-user"], user.username);
	assert.equal((await call("PATCH", "/users/me", { token: user.access_token, json: { username } })).status, 200);
	await sleep(WITHIN_MS);
	for (let i = 0; i < 30; i++)
		assert.equal((await verify(user.access_token)).headers["x-auth-user"], username);
});

test("verify: who lacks what is required is 403; what is no requirement lets nobody in", async () => {
	const user = await newTokens();
	const ask = async (query) => (await call("GET", `/auth/verify?${query}`, { token: user.access_token })).status;
	assert.equal(await ask("require=user"), 200);
	for (const query of ["require=role:admin", "require=permission:users:write", "require=verified", "require=nobody", "require=user+verified"])
		assert.equal(await ask(query), 403, query);
	for (const query of ["require=", "require=users", "require=role:", "require=user,verified", "require=user&require=user", `require=${"x".repeat(5000)}`])
		assert.ok([400, 422].includes(await ask(query)), query);
});

test("verify: HEAD works as GET, other methods are 405", async () => {
	const user = await newTokens();
	const answer = await call("HEAD", "/auth/verify", { token: user.access_token });
	assert.equal(answer.status, 200);
	assert.equal(answer.headers["x-auth-user-id"], user.id);
	for (const method of ["POST", "PUT", "PATCH", "DELETE"])
		expectProblem(await call(method, "/auth/verify", { token: user.access_token }), "method_not_allowed");
});

test("verify: nobody is 401 with a bare challenge, a bad token is 401 invalid_token; no header says who", async () => {
	const user = await newTokens(), [header, body, signature] = user.access_token.split(".");
	const turned = Buffer.from(signature, "base64url");
	turned[7] ^= 1;
	const nobody = await get("/auth/verify");
	expectProblem(nobody, "unauthorized");
	assert.equal(nobody.headers["www-authenticate"], "Bearer");
	/* Warm and cold, in this order and the other. */
	for (let i = 0; i < 2; i++) {
		for (const token of ["x", `${header}.${body}.${turned.toString("base64url")}`, `${user.access_token}x`, user.access_token.slice(0, -1), user.refresh_token])
			for (const answer of [await verify(token), await verify(token)]) {
				expectProblem(answer, "invalid_token");
				for (const name of ["x-auth-user", "x-auth-user-id", "x-auth-email"])
					assert.equal(answer.headers[name], undefined);
			}
		assert.deepEqual(await verifyStatuses(user.access_token), [200]);
	}
	expectProblem(await get(`/auth/verify?access_token=${user.access_token}`), "unauthorized");
	expectProblem(await get("/auth/verify", { token: user.access_token, headers: { Cookie: `${cookieName()}=x` } }), "ambiguous_credentials");
	const claimed = await get("/auth/verify", { headers: { "X-Auth-User": user.email, "X-Auth-User-Id": user.id } });
	expectProblem(claimed, "unauthorized");
	assert.equal(claimed.headers["x-auth-user"], undefined);
});

/* ---- What ended is heard of ---- */

/* Each ends the session of `user`; `token` is its current refresh token, `cookie` a cookie of another session of his. */
const ENDS = {
	"logout": (user) => post("/auth/logout", { token: user.access_token }),
	"logout by the refresh token": (user) => post("/auth/logout", { json: { refresh_token: user.refresh_token } }),
	"logout everywhere": (user) => post("/auth/logout", { token: user.other.access_token, json: { everywhere: true } }),
	"a password change": (user) => post("/users/me/password", { token: user.other.access_token, json: { current_password: user.password, new_password: newPassword() } }),
	"latchctl user set-password": (user) => ctlOk(["user", "set-password", user.email, "--generate-password"]),
	"latchctl user disable": (user) => ctlOk(["user", "disable", user.id]),
	"deletion": (user) => post("/users/me/delete", { token: user.other.access_token, json: { current_password: user.password } }),
	"latchctl user delete": (user) => ctlOk(["user", "delete", user.id, "--yes"]),
	"its owner": (user) => del(`/users/me/sessions/${user.sid}`, { token: user.other.access_token }),
	"the end of all others": (user) => del("/users/me/sessions", { token: user.other.access_token }),
	"a replay": async (user) => {
		await refreshed((await refreshed(user.refresh_token)).refresh_token);
		expectProblem(await refresh(user.refresh_token), "invalid_grant");
		return { status: 204 };
	},
};

/* At once, for they wait most of the time. */
describe("verify: the end of a session", { concurrency: 5 }, () => {
	test("verify: a session that ended, whatever ended it, is refused by every worker within 1 s, and at once where the database is read", async () => {
		await Promise.all(Object.entries(ENDS).map(async ([what, end]) => {
			const user = await newTokens();
			user.other = await signIn(user);
			for (let i = 0; i < 2; i++)
				assert.deepEqual(await verifyStatuses(user.access_token), [200], what);
			const done = await end(user);
			const ended = performance.now();
			assert.ok(typeof done === "string" || done.status === 204, `${what}: ${done.text}`);
			assert.equal(await statusOf(user.access_token), 401, `${what}: at once`);
			await sleep(Math.max(0, WITHIN_MS - (performance.now() - ended)));
			for (let i = 0; i < 2; i++)
				assert.deepEqual(await verifyStatuses(user.access_token), [401], `${what}: after ${WITHIN_MS} ms`);
		}));
	});

	test("verify: a cookie whose session ended is refused by every worker within 1 s", async () => {
		const user = await newTokens(), cookie = await cookieSession(user), other = await cookieSession(user);
		const statuses = async (value) => [...new Set((await Promise.all(Array.from({ length: 4 * Number(config("workers")) }, () => withCookie("GET", "/auth/verify", value)))).map((answer) => answer.status))];
		for (let i = 0; i < 2; i++)
			assert.deepEqual(await statuses(cookie), [200]);
		assert.equal((await post("/auth/logout", { headers: { Cookie: `${cookieName()}=${cookie}`, Origin: ORIGIN() } })).status, 204);
		assert.equal((await withCookie("GET", "/users/me", cookie)).status, 401, "at once");
		await sleep(WITHIN_MS);
		assert.deepEqual(await statuses(cookie), [401]);
		assert.deepEqual(await statuses(other), [200]);
	});

	test("verify: a session whose end was written long before it was committed is refused within 1 s of that", async () => {
		const user = await newTokens();
		assert.deepEqual(await verifyStatuses(user.access_token), [200]);
		/* As long as a request may take that waits for the database. */
		const { released } = await hold(`UPDATE sessions SET ended_at = UTC_TIMESTAMP(3), ended_for = 'owner' WHERE id = ${q(user.sid)}`, 4.5);
		const reading = (async () => {
			for (const from = performance.now(); performance.now() - from < 3000;) {
				assert.deepEqual(await verifyStatuses(user.access_token), [200]);
				await sleep(500);
			}
		})();
		await Promise.all([released, reading]);
		await sleep(WITHIN_MS);
		assert.deepEqual(await verifyStatuses(user.access_token), [401]);
	});

	test("verify: a session that expires before its token does is refused from then on, warm or cold", async () => {
		const user = await newTokens(), cold = await newTokens();
		for (const one of [user, cold])
			await sql(`UPDATE sessions SET expires_at = UTC_TIMESTAMP(3) + INTERVAL 2 SECOND WHERE id = ${q(one.sid)}`);
		assert.deepEqual(await verifyStatuses(user.access_token), [200]);
		await sleep(2100);
		assert.deepEqual(await verifyStatuses(user.access_token), [401], "warm");
		assert.deepEqual(await verifyStatuses(cold.access_token), [401], "cold");
	});

	test("verify: others are not refused because somebody's session ended", async () => {
		const user = await newTokens(), others = await Promise.all([newTokens(), newTokens()]);
		for (const one of [user, ...others])
			assert.deepEqual(await verifyStatuses(one.access_token), [200]);
		assert.equal((await post("/auth/logout", { token: user.access_token })).status, 204);
		for (let i = 0; i < 10; i++) {
			for (const one of others)
				assert.deepEqual(await verifyStatuses(one.access_token), [200]);
			await sleep(100);
		}
	});
});
