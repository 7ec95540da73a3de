/* POST /auth/refresh: the chain of refresh tokens, what breaks it, and what does not. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { call, callRaw, del, expectErrors, expectProblem, get, post } from "./lib/api.mjs";
import { head } from "./lib/http.mjs";
import { config, ctlOk, DIR, logText, q, run, SOCKET, sql, until } from "./lib/instance.mjs";
import { atOnce, cookieName, cookieSession, newTokens, refresh, refreshed, rowOf, setCookie, sidOf, signIn, stateOf, withCookie } from "./lib/sessions.mjs";
import { newPassword, newUser, statusOf, tryLogin } from "./lib/users.mjs";

const GRACE_S = Number(config("refresh_grace_s")), IDLE_S = Number(config("session_idle_s")), TTL_S = Number(config("session_ttl_s"));
const LIFE_S = Math.min(IDLE_S, TTL_S);
const bytesOf = (token) => Buffer.from(token, "base64url");
const back = (sid, columns, seconds) => sql(`UPDATE sessions SET ${columns.map((name) => `${name} = ${name} - INTERVAL ${seconds} SECOND`).join()} WHERE id = ${q(sid)}`);
const refused = async (token, what) => expectProblem(await refresh(token), "invalid_grant", what);

/** Not one more token, and not one less: what was said of a session that nobody should have touched. */
async function untouched(user, token) {
	assert.equal(await stateOf(user.sid), "live");
	return refreshed(token);
}

test("login: the TokenResponse has a refresh token and says how long it is good", async () => {
	const user = await newTokens();
	assert.deepEqual(Object.keys(user).filter((name) => !["email", "password", "id", "body", "sid"].includes(name)).sort(), ["access_token", "expires_in", "refresh_expires_in", "refresh_token", "token_type", "user_id"]);
	assert.match(user.refresh_token, /^[A-Za-z0-9_-]{40,200}$/);
	assert.equal(user.refresh_expires_in, LIFE_S);
	const row = await rowOf(user.sid);
	assert.equal(row.expires_at - row.created_at, 1000 * LIFE_S);
	assert.equal(row.counter, 0);
	assert.equal(row.transport, "bearer");
});

test("refresh: a TokenResponse of the same session, whose access token is good, and a refresh token that is another", async () => {
	const user = await newTokens();
	const answer = await refresh(user.refresh_token);
	assert.equal(answer.status, 200, answer.text);
	assert.match(answer.headers["cache-control"], /\bno-store\b/);
	const fresh = answer.json();
	assert.deepEqual(Object.keys(fresh).sort(), ["access_token", "expires_in", "refresh_expires_in", "refresh_token", "token_type", "user_id"]);
	assert.equal(fresh.token_type, "Bearer");
	assert.equal(fresh.expires_in, Number(config("access_ttl_s")));
	assert.equal(fresh.user_id, user.id);
	assert.ok(Math.abs(fresh.refresh_expires_in - LIFE_S) <= 1, String(fresh.refresh_expires_in));
	assert.notEqual(fresh.refresh_token, user.refresh_token);
	assert.notEqual(fresh.access_token, user.access_token);
	assert.equal(sidOf(fresh.access_token), user.sid);
	assert.equal((await get("/users/me", { token: fresh.access_token })).json().id, user.id);
	assert.equal(await statusOf(user.access_token), 200, "the access token before it is good until it expires");
	assert.equal((await rowOf(user.sid)).counter, 1);
	assert.equal((await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)}`))[0][0], "1", "no session more");
});

test("refresh: the chain goes on, each token another than all before it, and the counter is the number of rotations", async () => {
	const user = await newTokens();
	const seen = new Set([user.refresh_token]);
	let token = user.refresh_token;
	for (let i = 1; i <= 25; i++) {
		({ refresh_token: token } = await refreshed(token));
		assert.ok(!seen.has(token), `the token of rotation ${i} was there before`);
		seen.add(token);
	}
	assert.equal((await rowOf(user.sid)).counter, 25);
});

test("refresh: the token before the current one gets the very same successor within the grace, as often as it asks", async () => {
	const user = await newTokens();
	const first = await refreshed(user.refresh_token);
	for (let i = 0; i < 5; i++) {
		const again = await refreshed(user.refresh_token);
		assert.equal(again.refresh_token, first.refresh_token);
		assert.equal(await statusOf(again.access_token), 200);
	}
	assert.equal((await rowOf(user.sid)).counter, 1, "no rotation more");
	const second = await refreshed(first.refresh_token);
	assert.equal((await refreshed(first.refresh_token)).refresh_token, second.refresh_token);
	assert.equal((await rowOf(user.sid)).counter, 2);
});

test("refresh: the grace is counted from the rotation; a retry does not lengthen it", async () => {
	const user = await newTokens();
	const { refresh_token: next } = await refreshed(user.refresh_token);
	await back(user.sid, ["last_seen_at"], GRACE_S - 3);
	assert.equal((await refreshed(user.refresh_token)).refresh_token, next, "3 s before its end");
	await back(user.sid, ["last_seen_at"], 3.5);
	await refused(user.refresh_token);
	assert.equal(await stateOf(user.sid), "replay");
	await refused(next);
});

/* The token that is used twice, with a session that has gone on since; what came of it. */
async function replayed(user, token, others) {
	const before = logText().length;
	const answer = await refresh(token);
	expectProblem(answer, "invalid_grant");
	const row = await rowOf(user.sid);
	assert.equal(row.ended_for, "replay");
	assert.ok(Math.abs(row.ended_at - Date.now()) < 5000, "ended_at is now");
	assert.deepEqual([row.ip, row.user_agent], [null, null], "what it said of the person is wiped");
	for (const one of others.access)
		expectProblem(await get("/users/me", { token: one }), "invalid_token");
	for (const one of others.refresh)
		await refused(one);
	assert.equal((await rowOf(user.sid)).ended_at, row.ended_at, "it ended once");
	const said = await until(() => logText().slice(before).split("\n").find((line) => line.includes(user.sid)), 2000, "a line about it");
	assert.match(said, /level=warn .*refresh token/);
	assert.ok(said.includes(user.id), "the warning says whose it is");
	for (const secret of [token, ...others.refresh, ...others.access])
		assert.ok(!logText().slice(before).includes(secret), "the log holds a token");
}

test("refresh: a token two before the current one is a replay, which ends the session and is written down", async () => {
	const user = await newTokens();
	const first = await refreshed(user.refresh_token), second = await refreshed(first.refresh_token);
	await replayed(user, user.refresh_token, { access: [user.access_token, first.access_token, second.access_token], refresh: [first.refresh_token, second.refresh_token, user.refresh_token] });
});

test("refresh: after the grace the token before the current one is a replay too", async () => {
	const user = await newTokens();
	const first = await refreshed(user.refresh_token);
	await back(user.sid, ["last_seen_at"], GRACE_S + 1);
	await replayed(user, user.refresh_token, { access: [user.access_token, first.access_token], refresh: [first.refresh_token, user.refresh_token] });
});

test("refresh: a replay ends that session alone", async () => {
	const user = await newTokens(), other = await signIn(user), stranger = await newTokens();
	const first = await refreshed(user.refresh_token);
	await refreshed(first.refresh_token);
	await refused(user.refresh_token);
	assert.equal(await stateOf(user.sid), "replay");
	for (const one of [other, stranger]) {
		assert.equal(await statusOf(one.access_token), 200);
		await untouched(one, one.refresh_token);
	}
});

/* All of them are with the web server but for their last byte, which then comes for all at once. */
async function volley(token, times) {
	const body = JSON.stringify({ refresh_token: token });
	const text = head("POST", "/auth/refresh", { "Content-Type": "application/json", "Content-Length": body.length }) + body;
	return Promise.all(Array.from({ length: times }, () => callRaw("POST", "/auth/refresh", [text.slice(0, -1), 250, text.slice(-1)])));
}

test("refresh: fifty uses of one token at once are all 200 with the same successor, and the chain goes on", async () => {
	const user = await newTokens();
	let token = user.refresh_token;
	for (let round = 1; round <= 4; round++) {
		const answers = await volley(token, 50);
		assert.deepEqual(answers.map((answer) => answer.status), Array(50).fill(200), `round ${round}: ${answers.find((answer) => answer.status !== 200)?.text}`);
		const successors = new Set(answers.map((answer) => answer.json().refresh_token));
		assert.equal(successors.size, 1, `round ${round}: ${successors.size} successors`);
		assert.equal((await rowOf(user.sid)).counter, round);
		assert.notEqual([...successors][0], token);
		token = [...successors][0];
		for (const answer of answers.slice(0, 3))
			assert.equal(await statusOf(answer.json().access_token), 200);
	}
	await untouched(user, token);
});

/* ---- Lifetimes ---- */

test("refresh: each moves the end of the session by its idle time", async () => {
	const user = await newTokens();
	await sql(`UPDATE sessions SET expires_at = UTC_TIMESTAMP(3) + INTERVAL 30 SECOND WHERE id = ${q(user.sid)}`);
	const fresh = await refreshed(user.refresh_token), row = await rowOf(user.sid);
	assert.ok(Math.abs(row.expires_at - Date.now() - 1000 * LIFE_S) < 5000, `${row.expires_at - Date.now()} ms ahead`);
	assert.ok(Math.abs(row.last_seen_at - Date.now()) < 5000, "last_seen_at is now");
	assert.ok(Math.abs(fresh.refresh_expires_in - LIFE_S) <= 2);
});

test("refresh: but never beyond the time that a session lasts at most", async () => {
	const user = await newTokens();
	await sql(`UPDATE sessions SET created_at = UTC_TIMESTAMP(3) - INTERVAL ${TTL_S - 100} SECOND, expires_at = UTC_TIMESTAMP(3) + INTERVAL 50 SECOND WHERE id = ${q(user.sid)}`);
	let token = user.refresh_token;
	for (let i = 0; i < 3; i++) {
		({ refresh_token: token } = await refreshed(token));
		const row = await rowOf(user.sid);
		assert.equal(row.expires_at, row.created_at + 1000 * TTL_S);
	}
});

test("refresh: an access token is not good for longer than its session", async () => {
	const user = await newTokens();
	await sql(`UPDATE sessions SET created_at = UTC_TIMESTAMP(3) - INTERVAL ${TTL_S - 1} SECOND, expires_at = UTC_TIMESTAMP(3) + INTERVAL 1 SECOND WHERE id = ${q(user.sid)}`);
	const fresh = await refreshed(user.refresh_token);
	assert.equal(await statusOf(fresh.access_token), 200);
	await until(async () => (await statusOf(fresh.access_token)) === 401, 4000, "401 where the session is over");
	await refused(fresh.refresh_token);
});

test("refresh: a session that was not used for its idle time, or has lasted its time, is over", async () => {
	for (const [what, change] of Object.entries({ idle: ["expires_at"], old: ["created_at", "expires_at"] })) {
		const user = await newTokens();
		const { refresh_token: next } = await refreshed(user.refresh_token);
		await back(user.sid, change, LIFE_S + 1);
		await refused(next, what);
		await refused(user.refresh_token, `${what}: the one before it, within the grace`);
		assert.equal(await statusOf(user.access_token), 401, what);
		const row = await rowOf(user.sid);
		assert.ok(row === undefined || row.expires_at < Date.now(), `${what}: it came to life again`);
	}
});

/* ---- What ends a session ---- */

const ENDS = {
	"logout": { act: (user) => post("/auth/logout", { token: user.access_token }), why: "logout" },
	"logout by the refresh token": { act: (user, token) => post("/auth/logout", { json: { refresh_token: token } }), why: "logout" },
	"logout everywhere, from another session": { act: async (user) => post("/auth/logout", { token: (await signIn(user)).access_token, json: { everywhere: true } }), why: "logout" },
	"a password change in another session": { act: async (user) => post("/users/me/password", { token: (await signIn(user)).access_token, json: { current_password: user.password, new_password: newPassword() } }), why: "password" },
	"latchctl user set-password": { act: (user) => ctlOk(["user", "set-password", user.email, "--generate-password"]), why: "password" },
	"latchctl user disable": { act: (user) => ctlOk(["user", "disable", user.id]), why: "disabled" },
	"deletion by its owner": { act: (user) => post("/users/me/delete", { token: user.access_token, json: { current_password: user.password } }), why: "deleted" },
	"latchctl user delete": { act: (user) => ctlOk(["user", "delete", user.id, "--yes"]), why: "deleted" },
	"its end by its owner": { act: async (user) => del(`/users/me/sessions/${user.sid}`, { token: (await signIn(user)).access_token }), why: "owner" },
	"the end of all other sessions by its owner": { act: async (user) => del("/users/me/sessions", { token: (await signIn(user)).access_token }), why: "owner" },
};
const bystander = await newTokens();
for (const [what, { act, why }] of Object.entries(ENDS))
	test(`refresh: after ${what} it is 401 invalid_grant, for the token before it within the grace too`, async () => {
		const user = await newTokens();
		const { refresh_token: next } = await refreshed(user.refresh_token);
		const done = await act(user, next);
		assert.ok(typeof done === "string" || done.status === 204, done.text);
		const row = await rowOf(user.sid);
		assert.ok(row, "the row stays a day: it tells the other workers");
		assert.equal(row.ended_for, why);
		assert.deepEqual([row.ip, row.user_agent], [null, null], "what it said of the person is wiped");
		await refused(next);
		await refused(user.refresh_token);
		assert.equal(await statusOf(user.access_token), 401);
		assert.deepEqual(await rowOf(user.sid), row, "what has ended stays as it ended");
		bystander.refresh_token = (await untouched(bystander, bystander.refresh_token)).refresh_token;
	});

test("refresh: the session that changed the password goes on", async () => {
	const user = await newTokens(), next_password = newPassword();
	assert.equal((await post("/users/me/password", { token: user.access_token, json: { current_password: user.password, new_password: next_password } })).status, 204);
	await untouched(user, user.refresh_token);
});

test("refresh: what ended when the account was disabled does not begin again when it is enabled", async () => {
	const user = await newTokens();
	await ctlOk(["user", "disable", user.id]);
	await ctlOk(["user", "enable", user.id]);
	await refused(user.refresh_token);
	assert.equal(await statusOf(user.access_token), 401);
	assert.equal(await statusOf((await signIn(user)).access_token), 200);
});

test("refresh: a cookie's session has no refresh token, and its end is the same", async () => {
	const user = await newTokens(), cookie = await cookieSession(user);
	await refused(cookie);
	assert.equal((await withCookie("POST", "/auth/logout", cookie)).status, 204);
	await untouched(user, user.refresh_token);
});

/* ---- What is no refresh token ---- */

test("refresh: without the field, with another type, or with nothing in it, it is 422", async () => {
	expectErrors(await post("/auth/refresh", { json: {} }), { refresh_token: "required" });
	expectErrors(await post("/auth/refresh", { json: { refresh_token: null } }), { refresh_token: ["required", "wrong_type"] });
	for (const value of [1, true, [], {}, ["x"], { token: "x" }])
		expectErrors(await post("/auth/refresh", { json: { refresh_token: value } }), { refresh_token: "wrong_type" });
	expectErrors(await refresh(""), { refresh_token: ["required", "too_short"] });
});

test("refresh: the body is JSON with the field once", async () => {
	const user = await newTokens();
	const body = `{"refresh_token":"${user.refresh_token}","refresh_token":"${user.refresh_token}"}`;
	expectProblem(await call("POST", "/auth/refresh", { headers: { "Content-Type": "application/json" }, body }), "malformed_json");
	expectProblem(await call("POST", "/auth/refresh", { headers: { "Content-Type": "application/json" }, body: "" }), "malformed_json");
	expectProblem(await call("POST", "/auth/refresh", { headers: { "Content-Type": "application/json" }, body: `"${user.refresh_token}"` }), "malformed_json");
	for (const form of [{ refresh_token: user.refresh_token }, { grant_type: "refresh_token", refresh_token: user.refresh_token }])
		expectProblem(await post("/auth/refresh", { form }), "unsupported_media_type");
	expectProblem(await call("POST", "/auth/refresh", { headers: { "Content-Type": "text/plain" }, body: JSON.stringify({ refresh_token: user.refresh_token }) }), "unsupported_media_type");
	assert.ok([400, 415, 422].includes((await post("/auth/refresh")).status), "no body");
	assert.ok([400, 415, 422].includes((await post(`/auth/refresh?refresh_token=${user.refresh_token}`)).status), "in the query");
	expectProblem(await call("GET", `/auth/refresh?refresh_token=${user.refresh_token}`), "method_not_allowed");
	await untouched(user, user.refresh_token);
});

test("refresh: a token as long as a body may be is refused, and a longer body is 413", async () => {
	for (const size of [201, 4096, 8192, 60_000]) {
		const answer = await refresh("A".repeat(size));
		assert.ok([401, 422].includes(answer.status), `${size}: ${answer.status}`);
		expectProblem(answer, answer.status === 401 ? "invalid_grant" : "validation_failed");
	}
	expectProblem(await refresh("A".repeat(70_000)), "payload_too_large");
});

/** Each is 401 invalid_grant, and nobody's session is the worse for it. */
async function nobodys(user, tokens) {
	const before = await rowOf(user.sid);
	await atOnce(Object.entries(tokens), async ([what, token]) => {
		const answer = await refresh(token);
		assert.ok(answer.status === 401, `${what}: ${answer.status} ${answer.text}`);
		expectProblem(answer, "invalid_grant");
	});
	assert.deepEqual(await rowOf(user.sid), before, "a token that is none has changed the session");
	await untouched(user, user.refresh_token);
}

test("refresh: a token with one bit turned, whichever, is nobody's, and ends nobody's session", async () => {
	const user = await newTokens(), bytes = bytesOf(user.refresh_token), tokens = {};
	for (let bit = 0; bit < 8 * bytes.length; bit++) {
		const turned = Buffer.from(bytes);
		turned[bit >> 3] ^= 1 << (bit & 7);
		tokens[`bit ${bit}`] = turned.toString("base64url");
	}
	await nobodys(user, tokens);
});

test("refresh: a token that is cut, longer, or in other letters is nobody's", async () => {
	const user = await newTokens(), token = user.refresh_token, bytes = bytesOf(token), tokens = {};
	const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	assert.equal(bytes.toString("base64url"), token, "it is base64url of so many bytes");
	for (let n = 1; n < token.length; n++)
		tokens[`the first ${n}`] = token.slice(0, n);
	for (let n = 0; n < bytes.length; n += 5)
		tokens[`${n} bytes, then none`] = Buffer.concat([bytes.subarray(0, n), Buffer.alloc(bytes.length - n)]).toString("base64url");
	Object.assign(tokens, {
		"one letter more": `${token}A`, "four letters more": `${token}AAAA`, padded: `${token}=`, "padded twice": `${token}==`, "a space before": ` ${token}`, "a space behind": `${token} `, "a line's end": `${token}\n`, twice: token + token,
		"twice, with a comma": `${token},${token}`, "in hex": bytes.toString("hex"), "in quotes": `"${token}"`, "as a bearer token": `Bearer ${token}`, "with a dot": `${token.slice(0, 20)}.${token.slice(20)}`, "with a star": `*${token.slice(1)}`, "with a letter beyond ASCII": `\u00e9${token.slice(1)}`,
		"in upper case": token.toUpperCase(), "in lower case": token.toLowerCase(), reversed: [...token].reverse().join(""), zeros: Buffer.alloc(bytes.length).toString("base64url"), ones: Buffer.alloc(bytes.length, 255).toString("base64url"), "random bytes": randomBytes(bytes.length).toString("base64url"),
		"the session's id": user.sid, "the user's id": user.id, "%s": "%s%s%s%n", "an SQL text": "' OR '1'='1", null: "null",
	});
	if (token.length % 4 !== 0) {
		const spare = token.length % 4 === 2 ? 16 : 4;
		for (let i = 1; i < spare; i++)
			tokens[`spare bits ${i}`] = token.slice(0, -1) + ALPHABET[ALPHABET.indexOf(token.at(-1)) ^ i];
	}
	/* Of a random token nearly every one has a letter that plain base64 writes otherwise. */
	if (/[-_]/.test(token))
		tokens["in plain base64"] = token.replaceAll("-", "+").replaceAll("_", "/");
	await nobodys(user, tokens);
});

test("refresh: a token put together of two others is nobody's", async () => {
	const user = await newTokens(), other = await signIn(user), stranger = await newTokens();
	const { refresh_token: later } = await refreshed(other.refresh_token);
	const tokens = {};
	for (const [what, one] of Object.entries({ "one's other session": other.refresh_token, "that session later": later, "a stranger's": stranger.refresh_token })) {
		const [a, b] = [bytesOf(user.refresh_token), bytesOf(one)];
		assert.equal(a.length, b.length);
		for (let n = 1; n < a.length; n += 2)
			for (const [way, mixed] of [["before", Buffer.concat([a.subarray(0, n), b.subarray(n)])], ["behind", Buffer.concat([b.subarray(0, n), a.subarray(n)])]])
				if (!mixed.equals(a) && !mixed.equals(b))
					tokens[`${what}, ${n} bytes ${way}`] = mixed.toString("base64url");
	}
	await nobodys(user, tokens);
	await untouched(other, later);
	await untouched(stranger, stranger.refresh_token);
});

test("refresh: tokens of the four kinds are not to be exchanged for one another", async () => {
	const user = await newTokens(), cookie = await cookieSession(user);
	const device = setCookie(await tryLogin(user.email, user.password), `${cookieName()}-device`).value;
	await nobodys(user, { "an access token": user.access_token, "its signature": user.access_token.split(".")[2], "a cookie": cookie, "a device's cookie": device });
	for (const token of [user.refresh_token, cookie, device])
		expectProblem(await get("/users/me", { token }), "invalid_token");
	for (const value of [user.refresh_token, user.access_token, device]) {
		expectProblem(await withCookie("GET", "/users/me", value), "invalid_token");
		expectProblem(await withCookie("POST", "/auth/logout", value), "invalid_token");
	}
	for (const token of [user.access_token, cookie, device])
		expectProblem(await post("/auth/logout", { json: { refresh_token: token } }), "invalid_grant");
	await untouched(user, (await refreshed(user.refresh_token)).refresh_token);
	assert.equal((await withCookie("GET", "/users/me", cookie)).status, 200);
});

test("refresh: a token that is ahead of its session's counter is refused", async () => {
	const user = await newTokens();
	let token = user.refresh_token;
	for (let i = 0; i < 3; i++)
		({ refresh_token: token } = await refreshed(token));
	await sql(`UPDATE sessions SET counter = 0 WHERE id = ${q(user.sid)}`);
	await refused(token);
	assert.equal((await rowOf(user.sid)).counter, 0);
});

test("refresh: a session without a row, or of another user, is 401 invalid_grant", async () => {
	const user = await newTokens(), other = await newTokens();
	await sql(`DELETE FROM sessions WHERE id = ${q(user.sid)}`);
	await refused(user.refresh_token);
	await sql(`UPDATE sessions SET user_id = ${q(user.id)} WHERE id = ${q(other.sid)}`);
	await refused(other.refresh_token);
	assert.equal(await statusOf(other.access_token), 401);
});

test("refresh: it is public: credentials that come along count for nothing", async () => {
	const user = await newTokens(), stranger = await newTokens();
	const answer = await refresh(user.refresh_token, { token: stranger.access_token, headers: { Cookie: "latch=x; __Host-latch=x", Origin: "http://evil.example" } });
	assert.equal(answer.status, 200, answer.text);
	assert.equal(sidOf(answer.json().access_token), user.sid);
	assert.equal((await refresh(answer.json().refresh_token, { token: "x" })).status, 200);
});

/* ---- Where it must not be ---- */

test("refresh: tokens are neither in the log nor in the database, nor is what signs them", async () => {
	const user = await newUser(), tokens = await signIn(user), cookie = await cookieSession(user);
	const { refresh_token: next } = await refreshed(tokens.refresh_token);
	const { refresh_token: last } = await refreshed(next);
	await refused(tokens.refresh_token);
	await refused(last);
	assert.equal((await withCookie("GET", "/users/me", cookie)).status, 200);
	const other = await signIn(user);
	await post("/auth/logout", { json: { refresh_token: other.refresh_token } });
	const dumped = await run("mariadb-dump", ["--no-defaults", `--socket=${SOCKET()}`, "--user", config("db_owner_user"), "--hex-blob", "--skip-lock-tables", "--single-transaction", config("db_name")],
		{ env: { MYSQL_PWD: readFileSync(`${DIR}/secrets/db-owner-password`, "utf8").trim() } });
	assert.equal(dumped.code, 0, dumped.stderr);
	assert.ok(dumped.stdout.includes(tokens.sid), "the dump has the session");
	const places = { "the database": dumped.stdout.toLowerCase(), "the log": logText().toLowerCase(), "the web server's log": logText("web").toLowerCase() };
	for (const token of [tokens.refresh_token, next, last, cookie, other.refresh_token]) {
		const bytes = bytesOf(token), mac = bytes.subarray(-32);
		for (const shape of [token, token.slice(-30), bytes.toString("hex"), mac.toString("hex"), mac.toString("base64url"), mac.toString("base64").slice(0, 42), mac.subarray(0, 16).toString("hex")])
			for (const [where, text] of Object.entries(places))
				assert.ok(!text.includes(shape.toLowerCase()), `${where} holds a token, or its signature: ${shape}`);
	}
});
