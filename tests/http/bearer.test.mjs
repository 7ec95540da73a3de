import assert from "node:assert/strict";
import { test } from "node:test";
import { call, callRaw, expectProblem, get, patch, post } from "./lib/api.mjs";
import { head, raw } from "./lib/http.mjs";
import { newSession, statusOf } from "./lib/users.mjs";

const user = await newSession();
const other = await newSession();
const withHeader = (value) => get("/users/me", { headers: { Authorization: value } });

test("bearer: no credentials are 401 with a bare challenge", async () => {
	for (const answer of [await get("/users/me"), await patch("/users/me", { json: {} }), await post("/auth/logout"), await post("/users/me/delete", { json: {} }), await post("/users/me/password", { json: {} })]) {
		expectProblem(answer, "unauthorized");
		assert.equal(answer.headers["www-authenticate"], "Bearer");
	}
});

test("bearer: a bad token is 401 with error=invalid_token", async () => {
	for (const token of ["x", "a.b.c", "a.b", `${user.token}x`, "null", "-._~+/=", "x".repeat(3000)]) {
		const answer = await get("/users/me", { token });
		expectProblem(answer, "invalid_token");
		assert.match(answer.headers["www-authenticate"], /^Bearer .*error="invalid_token"/);
	}
});

test("bearer: the scheme is known in any case", async () => {
	for (const scheme of ["Bearer", "bearer", "BEARER", "bEaReR"])
		assert.equal((await withHeader(`${scheme} ${user.token}`)).status, 200, scheme);
});

test("bearer: another scheme is as good as none", async () => {
	for (const value of ["Basic Og==", `Basic ${user.token}`, `Token ${user.token}`, "Digest username=\"x\""]) {
		const answer = await withHeader(value);
		assert.equal(answer.status, 401, value);
		assert.match(answer.headers["www-authenticate"], /^Bearer/);
	}
});

test("bearer: a malformed header is never let in", async () => {
	const { token } = user;
	for (const value of ["Bearer", "Bearer ", "Bearer  ", `Bearer${token}`, `Bearer\t${token}`, `Bearer ${token} ${token}`, `Bearer ${token},`, `Bearer ${token}, Bearer ${token}`,
		`Bearer "${token}"`, `Bearer ${token};`, `Bearer token=${token}`, token, `${token} Bearer`, `Bearer ${token}\u00e9`, `Bearer ${token}%20`, `Bearer ${token}=`]) {
		const answer = await withHeader(value);
		assert.ok([400, 401].includes(answer.status), `${value.replaceAll(token, "TOKEN")}: ${answer.status}`);
	}
});

test("bearer: more than one space before the token is one way of writing it, or refused", async () => {
	assert.ok([200, 401].includes((await withHeader(`Bearer   ${user.token}`)).status));
});

test("bearer: a token in the query is ignored", async () => {
	for (const name of ["access_token", "token", "bearer_token"]) {
		expectProblem(await get(`/users/me?${name}=${user.token}`), "unauthorized");
		const both = await get(`/users/me?${name}=${other.token}`, { token: user.token });
		assert.equal(both.status, 200);
		assert.equal(both.json().id, user.id);
	}
});

test("bearer: a token in the body is ignored", async () => {
	expectProblem(await patch("/users/me", { json: { access_token: user.token, name: "x" } }), "unauthorized");
	expectProblem(await call("POST", "/auth/logout", { json: { access_token: user.token } }), "unauthorized");
	assert.equal(await statusOf(user.token), 200);
});

test("bearer: two Authorization headers are refused, even equal ones", async () => {
	for (const [one, two] of [[user.token, other.token], [user.token, user.token], [user.token, "x"], ["x", user.token]]) {
		/* The web server may refuse this before latch sees it, so the conventions are not asked for here. */
		const answer = await raw(head("GET", "/users/me", { Authorization: [`Bearer ${one}`, `Bearer ${two}`] }));
		assert.equal(answer.status, 400, answer.text);
		assert.ok(!answer.text.includes(user.email) && !answer.text.includes(other.email));
	}
	const answer = await raw(head("GET", "/users/me", { Authorization: ["Basic Og==", `Bearer ${user.token}`] }));
	assert.ok([400, 401].includes(answer.status), answer.text);
});

test("bearer: an empty Authorization header is as good as none", async () => {
	const answer = await callRaw("GET", "/users/me", head("GET", "/users/me", { Authorization: "" }));
	assert.equal(answer.status, 401);
});

test("bearer: headers that look alike are not it", async () => {
	for (const name of ["X-Authorization", "Proxy-Authorization", "Authorization-", "HTTP_AUTHORIZATION", "Authorisation"]) {
		const answer = await raw(head("GET", "/users/me", { [name]: `Bearer ${user.token}` }));
		assert.ok([400, 401].includes(answer.status), `${name}: ${answer.status}`);
	}
});

test("bearer: what a proxy would say of the user counts for nothing", async () => {
	const headers = { "Remote-User": user.email, "X-Remote-User": user.email, "X-Auth-User": user.email, "X-Auth-User-Id": user.id, Cookie: `latchx=${user.token}; Latch=${user.token}; access_token=${user.token}` };
	expectProblem(await get("/users/me", { headers }), "unauthorized");
});
