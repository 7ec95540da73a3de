/* The session cookie: what it looks like, where it is good, and what a page of another site can do with it: nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { call, expectErrors, expectProblem, get, patch, post } from "./lib/api.mjs";
import { head, raw } from "./lib/http.mjs";
import { config, logText, q, sql } from "./lib/instance.mjs";
import { openapi, somePath } from "./lib/openapi.mjs";
import { atOnce, cookieLogin, cookieName, cookieSession, cookieStatus, FROM, newTokens, ORIGIN, rowOf, seenFrom, setCookie, withCookie } from "./lib/sessions.mjs";
import { newAdmin, newPassword, newUser, tryLogin } from "./lib/users.mjs";

const user = await newTokens({ name: "Cookie" });
const cookie = await cookieSession(user);
const NAME = cookieName();
const LIFE_S = Math.min(Number(config("session_idle_s")), Number(config("session_ttl_s")));
const withHeader = (value) => get("/users/me", { headers: { Cookie: value } });
const sessions = async (id) => Number((await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(id)} AND ended_at IS NULL`))[0][0]);

/* ---- Log-in ---- */

test("cookie: log-in with the transport cookie gives the user, the cookie, and no token", async () => {
	const answer = await cookieLogin(user);
	assert.equal(answer.status, 200, answer.text);
	const body = answer.json();
	assert.equal(body.id, user.id);
	assert.equal(body.email, user.email);
	assert.ok(body.last_login_at, "the log-in counts");
	assert.doesNotMatch(answer.text, /token|eyJ/);
	const { name, value, attributes } = setCookie(answer);
	assert.equal(name, NAME);
	assert.match(value, /^[A-Za-z0-9_-]{40,200}$/);
	const { "max-age": age, ...others } = attributes;
	assert.deepEqual(others, { path: "/", httponly: true, samesite: "Lax", ...(NAME === "latch" ? {} : { secure: true }) });
	if (age !== undefined)
		assert.ok(Number(age) >= LIFE_S && Number(age) <= Number(config("session_ttl_s")), `Max-Age=${age}`);
	assert.doesNotMatch(logText(), new RegExp(value), "the log holds the cookie");
});

test("cookie: its session's row says so, from where and with what", async () => {
	const other = await newUser();
	const answer = await cookieLogin(other, { headers: { ...FROM, "User-Agent": "Testbrowser/1.0 (X11)" } });
	assert.equal(answer.status, 200, answer.text);
	const [[sid]] = await sql(`SELECT id FROM sessions WHERE user_id = ${q(other.id)}`);
	const row = await rowOf(sid);
	assert.equal(row.transport, "cookie");
	assert.equal(row.ip, seenFrom());
	assert.equal(row.user_agent, "Testbrowser/1.0 (X11)");
	assert.equal(row.expires_at - row.created_at, 1000 * LIFE_S);
});

test("cookie: log-in without the transport, or with the transport bearer, sets no session cookie", async () => {
	for (const json of [{}, { transport: "bearer" }, { transport: null }]) {
		const answer = await post("/auth/login", { json: { email: user.email, password: user.password, ...json } });
		assert.equal(answer.status, 200, answer.text);
		assert.ok(answer.json().access_token, JSON.stringify(json));
		assert.equal(setCookie(answer), undefined, JSON.stringify(json));
	}
});

test("cookie: another transport is 422, and no session", async () => {
	const other = await newUser();
	for (const transport of ["Cookie", "COOKIE", "cookies", "", " cookie", "cookie ", "header", "bearer,cookie", "x".repeat(1000)])
		expectErrors(await post("/auth/login", { json: { email: other.email, password: other.password, transport } }), { transport: ["invalid", "too_short", "too_long"] });
	for (const transport of [1, true, ["cookie"], { cookie: true }])
		expectErrors(await post("/auth/login", { json: { email: other.email, password: other.password, transport } }), { transport: "wrong_type" });
	assert.equal(await sessions(other.id), 0);
});

test("cookie: a log-in that fails sets none", async () => {
	const answer = await cookieLogin({ email: user.email, password: newPassword() });
	expectProblem(answer, "invalid_credentials");
	assert.equal(answer.headers["set-cookie"], undefined);
});

test("cookie: a form, which any site can send, sets none", async () => {
	for (const form of [{ username: user.email, password: user.password, transport: "cookie" }, { username: user.email, password: user.password, transport: "cookie", grant_type: "password" }]) {
		const answer = await post("/auth/login", { form, headers: { Origin: "http://evil.example", "Sec-Fetch-Site": "cross-site" } });
		assert.equal(setCookie(answer), undefined, answer.text);
	}
	const text = await call("POST", "/auth/login", { headers: { "Content-Type": "text/plain" }, body: JSON.stringify({ email: user.email, password: user.password, transport: "cookie" }) });
	expectProblem(text, "unsupported_media_type");
});

test("cookie: a stale or forged one does not hinder a log-in, and the new one is another", async () => {
	for (const [value, code] of [["x", 200], [`${cookie.slice(0, -2)}AA`, 200], [cookie, 200]]) {
		const answer = await cookieLogin(user, { headers: { Cookie: `${NAME}=${value}` } });
		assert.equal(answer.status, code, answer.text);
		assert.notEqual(setCookie(answer).value, value);
		assert.equal((await tryLogin(user.email, user.password, { headers: { Cookie: `${NAME}=${value}` } })).status, 200);
	}
});

/* ---- Where it is good ---- */

/** Every route that wants a user, with what to send: {method, path, options}. */
async function userRoutes() {
	const { doc } = await openapi();
	return Object.entries(doc.paths).flatMap(([path, item]) => Object.entries(item).filter(([, one]) => one.security?.length > 0 && !one.security.some((way) => Object.keys(way).length === 0)).map(([name, one]) => ({
		method: name.toUpperCase(), path: somePath(path), options: one.requestBody ? { json: {} } : {},
	})));
}

test("cookie: it is good on every route that wants a user, where nothing at all is 401", async () => {
	const routes = await userRoutes();
	const named = routes.map(({ method, path }) => `${method} ${path.split("/01932c07")[0]}`);
	for (const name of ["GET /users/me", "PATCH /users/me", "POST /users/me/delete", "POST /users/me/password", "GET /users/me/sessions", "DELETE /users/me/sessions", "GET /auth/verify"])
		assert.ok(named.includes(name), `${name} is not among ${named.join(", ")}`);
	const other = await newAdmin();
	for (const { method, path, options } of [...routes, { method: "POST", path: "/auth/logout", options: {} }]) {
		assert.equal((await call(method, path, options)).status, 401, `${method} ${path} without credentials`);
		const value = await cookieSession(other);
		const answer = await withCookie(method, path, value, options);
		assert.ok(![400, 401, 403].includes(answer.status), `${method} ${path}: ${answer.status} ${answer.text}`);
	}
});

test("cookie: every unsafe route refuses it from a page of another site, and does nothing", async () => {
	const other = await newUser(), value = await cookieSession(other);
	const unsafe = (await userRoutes()).filter(({ method }) => !["GET", "HEAD"].includes(method));
	assert.ok(unsafe.length >= 5);
	const before = (await withCookie("GET", "/users/me", value)).text;
	const bodies = { "/users/me": { name: "Evil" }, "/users/me/delete": { current_password: other.password }, "/users/me/password": { current_password: other.password, new_password: newPassword() } };
	for (const { method, path, options } of [...unsafe, { method: "POST", path: "/auth/logout", options: {} }, { method: "POST", path: "/auth/logout", options: { json: { everywhere: true } } }])
		for (const from of [{}, { Origin: "http://evil.example" }, { "Sec-Fetch-Site": "cross-site", Origin: "null" }])
			expectProblem(await withCookie(method, path, value, { ...options, ...(bodies[path] && { json: bodies[path] }), from }), "cross_site");
	assert.equal((await withCookie("GET", "/users/me", value)).text, before);
	assert.equal((await tryLogin(other.email, other.password)).status, 200);
});

test("cookie: an unsafe method needs Sec-Fetch-Site: same-origin, or without that header latch's own Origin, written exactly so", async () => {
	const { protocol, hostname, port } = new URL(config("public_url")), own = ORIGIN();
	const other = protocol === "https:" ? "http:" : "https:";
	const origins = [undefined, own, "null", "", `${protocol}//${hostname}:${Number(port || 80) + 1}`, `${other}//${hostname}${port && `:${port}`}`, `${protocol}//${hostname}`, `${own}.evil.example`, `${own}@evil.example`, `${own}/`, `${own}/x`, `${own}0`, own.slice(0, -1),
		own.toUpperCase(), `${own} ${own}`, `${own}, ${own}`, `${own}, http://evil.example`, `http://evil.example/${own}`, `http://evil.example?${own}`, `http://evil.example#${own}`, "http://evil.example", "https://app.example", hostname, `//${hostname}:${port}`, `${protocol}//localhost:${port}`, `${protocol}//[::1]:${port}`, "file://", "*"];
	const sites = [undefined, "same-origin", "same-site", "cross-site", "none", "Same-Origin", "same-origin-x", "xsame-origin", "same-origin, cross-site", "same-origin;x", ""];
	let refused = 0;
	for (const origin of origins)
		for (const site of sites) {
			const from = { ...(origin !== undefined && { Origin: origin }), ...(site !== undefined && { "Sec-Fetch-Site": site }) };
			const answer = await withCookie("PATCH", "/users/me", cookie, { from, json: {} });
			const good = site ? site === "same-origin" : origin === own;
			assert.equal(answer.status, good ? 200 : 403, `${JSON.stringify(from)}: ${answer.status}`);
			if (!good)
				expectProblem(answer, "cross_site");
			refused += good ? 0 : 1;
		}
	assert.equal(refused, origins.length * (sites.length - 1) - 2);
});

test("cookie: a safe method needs neither", async () => {
	for (const from of [{}, { Origin: "http://evil.example", "Sec-Fetch-Site": "cross-site" }, { Origin: "null" }])
		for (const [method, path] of [["GET", "/users/me"], ["HEAD", "/users/me"], ["GET", "/users/me/sessions"], ["GET", "/auth/verify"]]) {
			const answer = await withCookie(method, path, cookie, { from });
			assert.equal(answer.status, 200, `${method} ${path}`);
			assert.equal(answer.headers["access-control-allow-credentials"], undefined);
			assert.notEqual(answer.headers["access-control-allow-origin"], "http://evil.example");
		}
});

test("cookie: a bearer token is asked for neither, wherever it is sent from", async () => {
	for (const headers of [{}, { Origin: "http://evil.example", "Sec-Fetch-Site": "cross-site" }])
		assert.equal((await patch("/users/me", { token: user.access_token, json: {}, headers })).status, 200);
});

test("cookie: CORS is as it is without one: no origin is ever allowed to send it", async () => {
	for (const origin of (config("cors_origins") || "https://app.example").split(" ")) {
		const preflight = await call("OPTIONS", "/users/me", { headers: { Origin: origin, "Access-Control-Request-Method": "PATCH", Cookie: `${NAME}=${cookie}` } });
		assert.equal(preflight.headers["access-control-allow-credentials"], undefined);
		const answer = await withCookie("GET", "/users/me", cookie, { from: { Origin: origin, "Sec-Fetch-Site": "cross-site" } });
		assert.equal(answer.headers["access-control-allow-credentials"], undefined);
		const without = await get("/users/me", { token: user.access_token, headers: { Origin: origin } });
		assert.equal(answer.headers["access-control-allow-origin"], without.headers["access-control-allow-origin"]);
		expectProblem(await withCookie("PATCH", "/users/me", cookie, { from: { Origin: origin }, json: {} }), "cross_site");
	}
});

/* ---- Once, and in one way ---- */

test("cookie: with an Authorization: Bearer beside it, good or bad, the request is 400", async () => {
	for (const [value, token] of [[cookie, user.access_token], [cookie, "x"], ["x", user.access_token], ["x", "x"]])
		for (const [method, path] of [["GET", "/users/me"], ["PATCH", "/users/me"], ["POST", "/auth/logout"], ["GET", "/auth/verify"]])
			expectProblem(await withCookie(method, path, value, { token, ...(method === "PATCH" && { json: {} }) }), "ambiguous_credentials");
	assert.equal(await cookieStatus(cookie), 200);
});

test("cookie: log-out by cookie and refresh token at once is 400, and ends neither", async () => {
	const other = await newTokens(), value = await cookieSession(other);
	for (const options of [{ token: other.access_token }, { headers: { Cookie: `${NAME}=${value}`, Origin: ORIGIN() } }])
		expectProblem(await post("/auth/logout", { ...options, json: { refresh_token: other.refresh_token } }), "ambiguous_credentials");
	assert.equal(await sessions(other.id), 2);
});

test("cookie: twice in one request it is 400, even with the same value", async () => {
	const second = await cookieSession(user);
	for (const [one, two] of [[cookie, cookie], [cookie, second], [cookie, "x"], ["x", cookie], ["", cookie], [cookie, ""]]) {
		expectProblem(await withHeader(`${NAME}=${one}; ${NAME}=${two}`), "ambiguous_credentials");
		expectProblem(await withHeader(`a=b; ${NAME}=${one}; c=d; ${NAME}=${two}; e=f`), "ambiguous_credentials");
		/* In two headers: how they are joined is the web server's. */
		const answer = await raw(head("GET", "/users/me", { Cookie: [`${NAME}=${one}`, `${NAME}=${two}`] }));
		assert.ok([400, 401].includes(answer.status), `two headers: ${answer.status}`);
		assert.ok(!answer.text.includes(user.email));
	}
});

/* ---- How it is written ---- */

test("cookie: other cookies around it, of whatever form, are no matter", async () => {
	for (const value of [`a=b; ${NAME}=${cookie}`, `${NAME}=${cookie}; a=b`, `a=b; ${NAME}=${cookie}; c="d e"; f=`, `x${NAME}=y; ${NAME}=${cookie}`, `${NAME}x=y; ${NAME}=${cookie}`, `a==${NAME}=; ${NAME}=${cookie}`, `${NAME.toUpperCase()}=x; ${NAME}=${cookie}`, `=; ${NAME}=${cookie}`, `noequals; ${NAME}=${cookie}`,
		`a="; ${NAME}=${cookie}`, `big=${"x".repeat(4000)}; ${NAME}=${cookie}`, `${Array.from({ length: 150 }, (_, i) => `c${i}=${i}`).join("; ")}; ${NAME}=${cookie}`, `${NAME}=${cookie}; big=${"y".repeat(4000)}`, `${NAME === "latch" ? "__Host-latch" : "latch"}=x; ${NAME}=${cookie}`]) {
		const answer = await withHeader(value);
		assert.equal(answer.status, 200, `${value.replaceAll(cookie, "COOKIE").slice(0, 80)}: ${answer.text}`);
		assert.equal(answer.json().id, user.id);
	}
});

test("cookie: written otherwise it lets nobody in", async () => {
	for (const value of [`${NAME}="${cookie}"x`, `${NAME}=${cookie}x`, `${NAME}=x${cookie}`, `${NAME}=${cookie}=`, `${NAME}=${cookie}%20`, `${NAME}==${cookie}`, `${NAME}=${cookie} x`, `${NAME}=${cookie},a=b`, `${NAME}:${cookie}`, `${NAME} ${cookie}`, cookie, `=${cookie}`, `${NAME}`, `${NAME}=`, `${NAME}=; a=b`, `x${NAME}=${cookie}`, `${NAME}x=${cookie}`, `${NAME.toUpperCase()}=${cookie}`,
		`$${NAME}=${cookie}`, `a=b ${NAME}=${cookie}`, `a="b; c"${NAME}=${cookie}`, `${NAME}[]=${cookie}`, `${NAME}=[${cookie}]`, `${encodeURIComponent(NAME)}%3D${cookie}`, "", ";", ";;;;", "=", "; ", `${NAME}=${cookie.slice(0, 20)} ${cookie.slice(20)}`, `${NAME}=${cookie.slice(0, 20)};${cookie.slice(20)}`, `${NAME}=${"A".repeat(5000)}`, `${NAME}=${cookie}\u00e9`,
		`${NAME === "latch" ? "__Host-latch" : "latch"}=${cookie}`, `__Secure-latch=${cookie}`]) {
		const answer = await withHeader(value);
		assert.ok([400, 401].includes(answer.status), `${value.replaceAll(cookie, "COOKIE").slice(0, 80)}: ${answer.status}`);
	}
	assert.equal(await cookieStatus(cookie), 200);
});

test("cookie: none at all, or one of another name, is 401 unauthorized; one that is no good is 401 invalid_token", async () => {
	for (const value of ["a=b", `x${NAME}=${cookie}`, ""])
		expectProblem(await withHeader(value), "unauthorized");
	for (const value of ["x", cookie.slice(0, -1), `${cookie}A`])
		expectProblem(await withHeader(`${NAME}=${value}`), "invalid_token");
});

test("cookie: with one bit of any byte turned, or cut anywhere, it is 401", async () => {
	const bytes = Buffer.from(cookie, "base64url");
	const others = Array.from(bytes, (_, i) => Buffer.from(bytes.map((byte, at) => (at === i ? byte ^ (1 << (i & 7)) : byte))).toString("base64url"));
	others.push(...Array.from({ length: cookie.length - 1 }, (_, n) => cookie.slice(0, n + 1)));
	await atOnce(others, async (value) => assert.equal(await cookieStatus(value), 401, value));
	assert.equal(await cookieStatus(cookie), 200);
});

/* ---- Its end ---- */

test("cookie: log-out clears it, and it is good no more", async () => {
	const value = await cookieSession(user);
	const answer = await withCookie("POST", "/auth/logout", value);
	assert.equal(answer.status, 204, answer.text);
	const { value: left, attributes } = setCookie(answer);
	assert.equal(left, "");
	assert.equal(attributes["max-age"], "0");
	assert.equal(attributes.path, "/");
	assert.equal(attributes.domain, undefined);
	assert.equal(attributes.secure ?? false, NAME !== "latch", "a __Host- cookie is only cleared with Secure");
	expectProblem(await withCookie("GET", "/users/me", value), "invalid_token");
	expectProblem(await withCookie("POST", "/auth/logout", value), "invalid_token");
	assert.equal(await cookieStatus(cookie), 200, "another session of theirs");
});

test("cookie: log-out by bearer or refresh token sets no cookie", async () => {
	const other = await newTokens();
	const by = await post("/auth/logout", { json: { refresh_token: other.refresh_token } });
	assert.equal(by.status, 204, by.text);
	assert.equal(by.headers["set-cookie"], undefined);
});

test("cookie: its session ends by idle time and at its latest end, and use moves the first and not the second", async () => {
	const other = await newUser(), value = await cookieSession(other);
	const [[sid]] = await sql(`SELECT id FROM sessions WHERE user_id = ${q(other.id)}`);
	/* Seen long ago: a use moves the end. */
	await sql(`UPDATE sessions SET last_seen_at = last_seen_at - INTERVAL 1 DAY, expires_at = UTC_TIMESTAMP(3) + INTERVAL 60 SECOND WHERE id = ${q(sid)}`);
	assert.equal(await cookieStatus(value), 200);
	const row = await rowOf(sid);
	assert.ok(Math.abs(row.expires_at - Date.now() - 1000 * LIFE_S) < 10_000, `used, it ends in ${row.expires_at - Date.now()} ms`);
	await sql(`UPDATE sessions SET created_at = created_at - INTERVAL ${config("session_ttl_s")} SECOND + INTERVAL 60 SECOND, last_seen_at = last_seen_at - INTERVAL 1 DAY, expires_at = UTC_TIMESTAMP(3) + INTERVAL 30 SECOND WHERE id = ${q(sid)}`);
	assert.equal(await cookieStatus(value), 200);
	const late = await rowOf(sid);
	assert.ok(late.expires_at <= late.created_at + 1000 * Number(config("session_ttl_s")), "beyond its latest end");
	await sql(`UPDATE sessions SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE id = ${q(sid)}`);
	expectProblem(await withCookie("GET", "/users/me", value), "invalid_token");
	expectProblem(await withCookie("PATCH", "/users/me", value, { json: {} }), "invalid_token");
});

/* ---- Where it counts for nothing ---- */

test("cookie: public routes ignore it, good or bad, from wherever", async () => {
	for (const value of [cookie, "x", ""])
		for (const from of [{}, { Origin: "http://evil.example", "Sec-Fetch-Site": "cross-site" }]) {
			for (const path of ["/healthz", "/readyz", "/openapi.json", "/.well-known/jwks.json", "/.well-known/openid-configuration"])
				assert.equal((await withCookie("GET", path, value, { from })).status, 200, path);
			expectErrors(await withCookie("POST", "/auth/register", value, { from, json: { email: "x" } }), { email: "invalid", password: "required" });
			expectProblem(await withCookie("POST", "/auth/refresh", value, { from, json: { refresh_token: "x" } }), "invalid_grant");
		}
	const answer = await withCookie("POST", "/auth/login", cookie, { from: { Origin: "https://app.example" }, json: { email: user.email, password: user.password } });
	assert.equal(answer.status, 200, answer.text);
});

test("cookie: in a query, a body, or a bearer token's place it is ignored or refused", async () => {
	expectProblem(await get(`/users/me?${NAME}=${cookie}`), "unauthorized");
	expectProblem(await patch("/users/me", { json: { [NAME]: cookie } }), "unauthorized");
	expectProblem(await get("/users/me", { token: cookie }), "invalid_token");
});
