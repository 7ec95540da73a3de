/* One's sessions: the list, and the ways to end them. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { call, del, expectErrors, expectProblem, get, post, TIME, UUID7 } from "./lib/api.mjs";
import { q, sql } from "./lib/instance.mjs";
import { cookieLogin, cookieSession, cookieStatus, FROM, newTokens, refresh, refreshed, seenFrom, setCookie, signIn, stateOf, withCookie } from "./lib/sessions.mjs";
import { newUser, statusOf } from "./lib/users.mjs";

const PATH = "/users/me/sessions";
const list = async (token, query = "") => {
	const answer = await get(PATH + query, { token });
	assert.equal(answer.status, 200, answer.text);
	return answer.json();
};
const idsOf = ({ items }) => items.map((item) => item.id);

/** So many live sessions more, made in the database: a log-in each takes long. The n-th is n seconds older than now. */
async function plant(user, n, { first = 1 } = {}) {
	const ids = [];
	const rows = Array.from({ length: n }, (_, i) => {
		const ms = (Date.now() - 1000 * (first + i)).toString(16).padStart(12, "0");
		const id = `${ms.slice(0, 8)}-${ms.slice(8)}-7${randomUUID().slice(15)}`;
		ids.push(id);
		return `(${q(id)}, ${q(user.id)}, UTC_TIMESTAMP(3) - INTERVAL ${first + i} SECOND, UTC_TIMESTAMP(3) - INTERVAL ${first + i} SECOND, UTC_TIMESTAMP(3) + INTERVAL 1 DAY)`;
	});
	await sql(`INSERT INTO sessions (id, user_id, created_at, last_seen_at, expires_at) VALUES ${rows.join()}`);
	return ids;
}

/* ---- The list ---- */

test("sessions: each has its id, times, address, program, transport, and whether it is the one that asks", async () => {
	const user = await newUser();
	const one = await post("/auth/login", { json: { email: user.email, password: user.password }, headers: { ...FROM, "User-Agent": "Phone/2.0" } });
	const token = one.json().access_token;
	const cookie = setCookie(await cookieLogin(user, { headers: FROM })).value;
	const { items, next_cursor } = await list(token);
	assert.equal(next_cursor, null);
	assert.equal(items.length, 2);
	for (const item of items) {
		assert.deepEqual(Object.keys(item).sort(), ["created_at", "current", "id", "ip", "last_seen_at", "transport", "user_agent"]);
		assert.match(item.id, UUID7);
		assert.match(item.created_at, TIME);
		assert.match(item.last_seen_at, TIME);
		assert.equal(item.ip, seenFrom());
		assert.ok(Math.abs(Date.parse(item.created_at) - Date.now()) < 20_000);
	}
	assert.deepEqual(items.map((item) => [item.transport, item.current]), [["cookie", false], ["bearer", true]], "newest first");
	assert.equal(items[1].user_agent, "Phone/2.0");
	const byCookie = (await withCookie("GET", PATH, cookie)).json();
	assert.deepEqual(byCookie.items.map((item) => item.current), [true, false]);
	assert.deepEqual(byCookie.items.map(({ current, last_seen_at, ...item }) => item), items.map(({ current, last_seen_at, ...item }) => item));
});

test("sessions: what a browser calls itself is kept as text that cannot do harm, and is bounded", async () => {
	for (const agent of ["x".repeat(3000), "<script>alert(1)</script>", "a\u00e9\u00ff", "' OR 1=1 --", ""]) {
		const user = await newUser();
		const answer = await post("/auth/login", { json: { email: user.email, password: user.password }, headers: { "User-Agent": agent } });
		assert.equal(answer.status, 200, answer.text);
		const { items: [item] } = await list(answer.json().access_token);
		assert.ok(item.user_agent === null || item.user_agent.length <= 200, JSON.stringify(item.user_agent));
		if (/^[ -~]+$/.test(agent))
			assert.ok(agent.startsWith(item.user_agent) && item.user_agent.length >= Math.min(agent.length, 100), item.user_agent);
	}
});

test("sessions: a refresh is a use, and stays the same session", async () => {
	const user = await newTokens();
	await sql(`UPDATE sessions SET last_seen_at = last_seen_at - INTERVAL 1 HOUR, created_at = created_at - INTERVAL 1 HOUR WHERE id = ${q(user.sid)}`);
	const before = (await list(user.access_token)).items[0];
	const fresh = await refreshed(user.refresh_token);
	const { items } = await list(fresh.access_token);
	assert.equal(items.length, 1);
	assert.equal(items[0].id, before.id);
	assert.equal(items[0].created_at, before.created_at);
	assert.ok(Date.parse(items[0].last_seen_at) - Date.parse(before.last_seen_at) > 3_500_000);
});

test("sessions: only those that live, and only one's own", async () => {
	const user = await newTokens(), stranger = await newTokens();
	const others = [await signIn(user), await signIn(user), await signIn(user)];
	await post("/auth/logout", { token: others[0].access_token });
	await sql(`UPDATE sessions SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE id = ${q(others[1].sid)}`);
	assert.deepEqual(idsOf(await list(user.access_token)).sort(), [user.sid, others[2].sid].sort());
	assert.deepEqual(idsOf(await list(stranger.access_token)), [stranger.sid]);
});

test("sessions: pages of any size give each once, newest first, and end with null", async () => {
	const user = await newTokens(), ids = [user.sid, ...await plant(user, 60)];
	for (const limit of [1, 2, 7, 30, 60, 61, 62, 200]) {
		const seen = [], pages = [];
		for (let cursor = null; pages.length === 0 || cursor;) {
			const page = await list(user.access_token, `?limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
			pages.push(page.items.length);
			seen.push(...idsOf(page));
			cursor = page.next_cursor;
			assert.ok(pages.length <= 70, "no end");
		}
		assert.deepEqual(seen, ids, `limit ${limit}`);
		assert.ok(pages.slice(0, -1).every((n) => n === limit), `limit ${limit}: ${pages}`);
		assert.ok(pages.at(-1) > 0 && pages.at(-1) <= limit, `limit ${limit}: ${pages}`);
	}
	assert.equal((await list(user.access_token)).items.length, 50, "without a limit");
});

test("sessions: a page goes on where the last ended, whatever began or ended meanwhile", async () => {
	const user = await newTokens(), ids = await plant(user, 20);
	const first = await list(user.access_token, "?limit=5");
	assert.deepEqual(idsOf(first), [user.sid, ...ids.slice(0, 4)]);
	await signIn(user);
	assert.equal((await del(`${PATH}/${ids[3]}`, { token: user.access_token })).status, 204, "the last one of the page");
	assert.equal((await del(`${PATH}/${ids[5]}`, { token: user.access_token })).status, 204);
	const second = await list(user.access_token, `?limit=5&cursor=${encodeURIComponent(first.next_cursor)}`);
	assert.deepEqual(idsOf(second), [ids[4], ids[6], ids[7], ids[8], ids[9]]);
});

test("sessions: a cursor of one user shows another nothing but his own", async () => {
	const user = await newTokens(), stranger = await newTokens();
	await plant(user, 5);
	const { next_cursor } = await list(user.access_token, "?limit=2");
	const answer = await get(`${PATH}?cursor=${encodeURIComponent(next_cursor)}`, { token: stranger.access_token });
	assert.ok([200, 422].includes(answer.status));
	if (answer.status === 200)
		assert.ok(idsOf(answer.json()).every((id) => id === stranger.sid), answer.text);
});

test("sessions: a limit that is none, and a cursor that is none, are 422", async () => {
	const { access_token: token } = await newTokens();
	for (const limit of ["0", "201", "-1", "", "x", "1.5", "1e2", "0x10", " 5", "5%20", "%2b5", "99999999999999999999", "4294967297", "18446744073709551617", "NaN", "\u0665"])
		expectErrors(await get(`${PATH}?limit=${encodeURI(limit)}`, { token }), { limit: ["invalid", "wrong_type", "too_short", "too_long", "required"] });
	for (const cursor of ["x", "0", "null", "../..", "'%20OR%201=1", "A".repeat(3000), "AAAA"])
		expectErrors(await get(`${PATH}?cursor=${cursor}`, { token }), { cursor: ["invalid", "too_long", "too_short", "wrong_type"] });
	expectErrors(await get(`${PATH}?limit=0&cursor=x`, { token }), { limit: ["invalid", "wrong_type"], cursor: ["invalid", "too_short", "wrong_type"] });
	for (const query of ["?limit=1", "?limit=200", "?other=1", "?", "?limit=2&other=limit"])
		assert.equal((await get(PATH + query, { token })).status, 200, query);
});

test("sessions: the list and their end want credentials", async () => {
	expectProblem(await get(PATH), "unauthorized");
	expectProblem(await del(PATH), "unauthorized");
	expectProblem(await del(`${PATH}/01900000-0000-7000-8000-000000000000`), "unauthorized");
});

/* ---- Their end ---- */

test("sessions: one of one's own is ended by its id: 204, its tokens are refused at once; again it is 404", async () => {
	const user = await newTokens(), other = await signIn(user);
	const answer = await del(`${PATH}/${other.sid}`, { token: user.access_token });
	assert.equal(answer.status, 204, answer.text);
	expectProblem(await get("/users/me", { token: other.access_token }), "invalid_token");
	expectProblem(await refresh(other.refresh_token), "invalid_grant");
	assert.equal(await stateOf(other.sid), "owner");
	expectProblem(await del(`${PATH}/${other.sid}`, { token: user.access_token }), "not_found");
	assert.equal(await statusOf(user.access_token), 200);
	assert.deepEqual(idsOf(await list(user.access_token)), [user.sid]);
});

test("sessions: a cookie's session is ended so too, and by a cookie", async () => {
	const user = await newTokens(), first = await cookieSession(user), second = await cookieSession(user);
	const ids = idsOf(await list(user.access_token));
	assert.equal((await del(`${PATH}/${ids[1]}`, { token: user.access_token })).status, 204);
	assert.deepEqual([await cookieStatus(first), await cookieStatus(second)], [401, 200]);
	assert.equal((await withCookie("DELETE", `${PATH}/${user.sid}`, second)).status, 204);
	assert.equal(await statusOf(user.access_token), 401);
});

test("sessions: the one that asks can be ended too", async () => {
	const user = await newTokens();
	assert.equal((await del(`${PATH}/${user.sid}`, { token: user.access_token })).status, 204);
	expectProblem(await get("/users/me", { token: user.access_token }), "invalid_token");
	expectProblem(await del(`${PATH}/${user.sid}`, { token: user.access_token }), "invalid_token");
});

test("sessions: a stranger's is 404, exactly as one that never was, and lives on", async () => {
	const user = await newTokens(), stranger = await newTokens();
	const [his, nobodys] = [await del(`${PATH}/${stranger.sid}`, { token: user.access_token }), await del(`${PATH}/01900000-0000-7000-8000-000000000000`, { token: user.access_token })];
	const [one, two] = [expectProblem(his, "not_found"), expectProblem(nobodys, "not_found")];
	assert.deepEqual({ ...one, request_id: "" }, { ...two, request_id: "" });
	assert.equal(await statusOf(stranger.access_token), 200);
	assert.equal(await stateOf(stranger.sid), "live");
	const over = await signIn(user);
	await sql(`UPDATE sessions SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE id = ${q(over.sid)}`);
	expectProblem(await del(`${PATH}/${over.sid}`, { token: user.access_token }), "not_found");
});

test("sessions: an id that is none is 404 or 422, and ends nothing", async () => {
	const user = await newTokens(), other = await signIn(user);
	for (const id of ["x", "null", "*", "%25", "%2a", other.sid.slice(0, -1), `${other.sid}0`, other.sid.replaceAll("-", ""), `%7b${other.sid}%7d`, `urn:uuid:${other.sid}`, "'%20OR%20'1'='1", `${other.sid},${user.sid}`, "00000000-0000-0000-0000-000000000000", "%d9%a0", "A".repeat(4000)]) {
		const answer = await del(`${PATH}/${id}`, { token: user.access_token, documented: false });
		assert.ok([404, 422].includes(answer.status), `${id}: ${answer.status}`);
	}
	for (const one of [user, other])
		assert.equal(await stateOf(one.sid), "live");
});

test("sessions: all the others are ended at once, one's own and strangers' are not", async () => {
	const user = await newTokens(), others = [await signIn(user), await signIn(user)], cookie = await cookieSession(user), stranger = await newTokens();
	await post("/auth/logout", { token: others[1].access_token });
	assert.equal((await del(PATH, { token: user.access_token })).status, 204);
	assert.equal(await statusOf(others[0].access_token), 401);
	assert.equal(await cookieStatus(cookie), 401);
	assert.equal(await stateOf(others[0].sid), "owner");
	assert.equal(await stateOf(others[1].sid), "logout", "what had ended before stays as it ended");
	assert.equal(await statusOf(user.access_token), 200);
	assert.equal(await statusOf(stranger.access_token), 200);
	await refreshed(user.refresh_token);
	assert.equal((await del(PATH, { token: user.access_token })).status, 204, "when there is none");
});

test("sessions: their path takes GET and DELETE, one of them DELETE", async () => {
	const { access_token: token, sid } = await newTokens();
	for (const [method, path] of [["POST", PATH], ["PATCH", PATH], ["PUT", PATH], ["GET", `${PATH}/${sid}`], ["POST", `${PATH}/${sid}`], ["PATCH", `${PATH}/${sid}`]]) {
		const answer = await call(method, path, { token });
		expectProblem(answer, "method_not_allowed");
		assert.match(answer.headers.allow, path === PATH ? /GET.*DELETE|DELETE.*GET/ : /DELETE/);
	}
	expectProblem(await call("DELETE", `${PATH}/${sid}/x`, { token, documented: false }), "not_found");
	assert.equal(await statusOf(token), 200);
});

/* ---- Log-out everywhere ---- */

for (const way of ["bearer", "cookie", "refresh token"])
	test(`logout everywhere, by ${way}: every session of theirs ends, and nobody else's`, async () => {
		const user = await newTokens(), other = await signIn(user), cookie = await cookieSession(user), stranger = await newTokens();
		const json = { everywhere: true };
		const answer = way === "bearer" ? await post("/auth/logout", { token: user.access_token, json }) : way === "cookie" ? await withCookie("POST", "/auth/logout", cookie, { json }) :
			await post("/auth/logout", { json: { ...json, refresh_token: user.refresh_token } });
		assert.equal(answer.status, 204, answer.text);
		assert.equal(await statusOf(user.access_token), 401);
		assert.equal(await statusOf(other.access_token), 401);
		assert.equal(await cookieStatus(cookie), 401);
		expectProblem(await refresh(other.refresh_token), "invalid_grant");
		assert.deepEqual(await sql(`SELECT DISTINCT ended_for FROM sessions WHERE user_id = ${q(user.id)}`), [["logout"]]);
		assert.equal(await statusOf(stranger.access_token), 200);
		const again = way === "bearer" ? await post("/auth/logout", { token: user.access_token, json }) : way === "cookie" ? await withCookie("POST", "/auth/logout", cookie, { json }) :
			await post("/auth/logout", { json: { ...json, refresh_token: user.refresh_token } });
		expectProblem(again, way === "refresh token" ? "invalid_grant" : "invalid_token");
		assert.equal(await statusOf((await signIn(user)).access_token), 200, "a new log-in");
	});

for (const [what, everywhere] of Object.entries({ false: false, null: null, "left out": undefined }))
	test(`logout with everywhere ${what}: this session only`, async () => {
		const user = await newTokens(), other = await signIn(user);
		assert.equal((await post("/auth/logout", { token: user.access_token, json: { everywhere } })).status, 204);
		assert.equal(await statusOf(user.access_token), 401);
		assert.equal(await statusOf(other.access_token), 200);
	});

test("logout: everywhere of another type is 422, and ends nothing", async () => {
	const user = await newTokens();
	for (const everywhere of ["true", 1, [], {}])
		expectErrors(await post("/auth/logout", { token: user.access_token, json: { everywhere } }), { everywhere: "wrong_type" });
	expectErrors(await post("/auth/logout", { json: { refresh_token: 5 } }), { refresh_token: "wrong_type" });
	assert.equal(await statusOf(user.access_token), 200);
	await refreshed(user.refresh_token);
});

test("logout by refresh token: 204, once, and that session alone", async () => {
	const user = await newTokens(), other = await signIn(user);
	const { refresh_token: next } = await refreshed(user.refresh_token);
	assert.equal((await post("/auth/logout", { json: { refresh_token: next } })).status, 204);
	assert.equal(await stateOf(user.sid), "logout");
	for (const token of [next, user.refresh_token])
		expectProblem(await post("/auth/logout", { json: { refresh_token: token } }), "invalid_grant");
	assert.equal(await statusOf(user.access_token), 401);
	assert.equal(await statusOf(other.access_token), 200);
});

test("logout by a refresh token that is not current any more ends the session too", async () => {
	for (const rotations of [1, 3]) {
		const user = await newTokens();
		let token = user.refresh_token;
		for (let i = 0; i < rotations; i++)
			({ refresh_token: token } = await refreshed(token));
		const answer = await post("/auth/logout", { json: { refresh_token: user.refresh_token } });
		assert.ok(answer.status === 204 || answer.json().code === "invalid_grant", answer.text);
		assert.ok(["logout", "replay"].includes(await stateOf(user.sid)), `${rotations} rotations ago`);
		assert.equal(await statusOf(user.access_token), 401);
	}
});

test("logout by a refresh token that is none is 401 invalid_grant", async () => {
	const user = await newTokens();
	for (const token of ["x", user.refresh_token.slice(0, -1), `${user.refresh_token}A`, "A".repeat(user.refresh_token.length)])
		expectProblem(await post("/auth/logout", { json: { refresh_token: token } }), "invalid_grant");
	assert.equal(await statusOf(user.access_token), 200);
});

test("sessions: what is current is told by the session and not by the token", async () => {
	const user = await newTokens();
	const fresh = await refreshed(user.refresh_token);
	for (const token of [user.access_token, fresh.access_token])
		assert.deepEqual((await list(token)).items.map((item) => item.current), [true]);
});
