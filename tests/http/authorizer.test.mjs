/*
 * The guard: the FastCGI role AUTHORIZER, and GET /auth/verify as a web server asks it. Asked without a web server, with what
 * each of them sends; the servers themselves are in the guard's own tests.
 */
import assert from "node:assert/strict";
import { writeFileSync, mkdtempSync, chmodSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { put, patch } from "./lib/api.mjs";
import { config, ctl, ctlOk, sleep } from "./lib/instance.mjs";
import { Pool } from "./lib/pool.mjs";
import { cookieSession } from "./lib/sessions.mjs";
import { newAdmin, newHolder, newSession, newUser } from "./lib/users.mjs";

const HOME = "http://127.0.0.1:9", WIKI = "https://wiki.example";
const PROXY = "192.0.2.80";
const PAGE = { Accept: "text/html,application/xhtml+xml;q=0.9", Host: "127.0.0.1:9", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document" };
const RULES = `# who may see what
GET  /open/           public
*    /admin/          role:admin
*    /reports/*.pdf   permission:reports:read
*    =/exact          user
POST /forms/          verified
*    /shut/           nobody
*    /all/            user
`;
const dir = mkdtempSync(join(tmpdir(), "latch-rules-"));
chmodSync(dir, 0o755);
const rulesFile = join(dir, "rules");
writeFileSync(rulesFile, RULES);

let plain, ruled, only, admin, user, reader, cookie;

before(async () => {
	const settings = { public_url: HOME, issuer: config("issuer") || config("public_url"), return_origins: `${WIKI} https://files.example:8443`, trusted_proxies: PROXY };
	[plain, ruled, only] = await Promise.all([Pool.start(settings), Pool.start({ ...settings, rules_file: rulesFile }), Pool.start(settings, ["--authorizer"])]);
	admin = await newAdmin();
	user = await newSession();
	reader = await newHolder(admin, ["reports:read"]);
	cookie = await cookieSession(await newUser());
});
after(async () => {
	await Promise.all([plain, ruled, only].map((pool) => pool?.stop()));
	rmSync(dir, { recursive: true });
});

const withCookie = (headers = {}) => ({ ...headers, Cookie: `latch=${cookie}` });
const status = async (pool, method, uri, options) => (await pool.guard(method, uri, options)).status;
const identity = (answer) => Object.fromEntries(Object.entries(answer.headers).filter(([name]) => /^(variable-|x-auth)/.test(name)));

test("authorizer: 200 says who it is in Variable headers and nothing else, and nothing else is 2xx", async () => {
	for (const pool of [plain, only]) {
		const answer = await pool.guard("GET", "/x", { token: reader.token });
		assert.equal(answer.status, 200);
		assert.equal(answer.text, "");
		assert.deepEqual(answer.headers, { "variable-remote_user": reader.email, "variable-auth_user_id": reader.id, "variable-auth_email": reader.email, "variable-auth_roles": reader.role });
	}
});

test("authorizer: who has no role has no header that says so", async () => {
	assert.deepEqual(Object.keys(identity(await plain.guard("GET", "/x", { token: user.token }))).sort(), ["variable-auth_email", "variable-auth_user_id", "variable-remote_user"]);
});

test("authorizer: every method passes or not as GET does, OPTIONS too, and a body that never ends is never waited for", async () => {
	for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "X"]) {
		assert.equal(await status(plain, method, "/x", { token: user.token, parameters: { CONTENT_LENGTH: "100000000" } }), 200, method);
		assert.equal(await status(plain, method, "/x"), 401, method);
	}
});

test("authorizer: nobody, and credentials that do not hold, are 401; two at once 400; no identity with it", async () => {
	for (const [options, expected] of [[{}, 401], [{ token: "x" }, 401], [{ headers: { Cookie: "latch=x" } }, 401], [{ headers: withCookie(), token: user.token }, 400], [{ headers: { Authorization: "Basic eDp5" } }, 401]]) {
		const answer = await plain.guard("GET", "/x", options);
		assert.equal(answer.status, expected, JSON.stringify(options));
		assert.deepEqual(identity(answer), {});
		assert.equal(answer.headers["content-type"], "application/problem+json");
	}
});

test("authorizer: what the site's own query says is not asked of latch", async () => {
	for (const parameters of [{ QUERY_STRING: "require=public" }, { QUERY_STRING: "require=public", PATH_INFO: "/healthz", SCRIPT_NAME: "" }, { PATH_INFO: "/auth/return-to", QUERY_STRING: "url=/" }])
		assert.equal(await status(plain, "GET", "/healthz?require=public", { parameters }), 401, JSON.stringify(parameters));
});

test("authorizer: a header of a client's is no parameter of the web server's", async () => {
	const headers = { "Latch-Require": "public", "Latch-Uri": "/open/", "Latch-Method": "GET", "X-Forwarded-Uri": "/open/", "X-Forwarded-Method": "GET", "X-Auth-User": "admin", "Remote-User": "admin" };
	assert.equal(await status(plain, "GET", "/x", { headers }), 401);
	assert.equal(await status(ruled, "GET", "/admin/", { headers }), 401);
	assert.equal(await status(ruled, "GET", "/admin/", { headers, token: user.token }), 403);
});

test("authorizer: with --authorizer a responder's request is refused, whatever it asks for", async () => {
	for (const path of ["/healthz", "/auth/login", "/users/me", "/auth/verify"])
		assert.equal((await only.ask("GET", path, { token: user.token })).status, 403, path);
	assert.equal(await status(only, "GET", "/x", { token: user.token }), 200);
});

test("authorizer: over-long and broken requests let nobody in", async () => {
	for (const uri of ["/".padEnd(9000, "a"), "/a\0b"])
		assert.equal(await status(plain, "GET", uri, { token: user.token }), 400, uri.slice(0, 10));
	assert.equal((await plain.guard("GET", "/x", { headers: { Cookie: "x".repeat(9000) } })).status, 400);
	assert.equal((await plain.guard("GET", "/x", { headers: { Accept: "text/html".padEnd(9000, "x") }, token: user.token })).status, 400);
});

/* ---- What is required ---- */

test("LATCH_REQUIRE: user, verified, roles and permissions, all of them where there are several", async () => {
	const verified = await newSession();
	assert.equal((await patch(`/users/${verified.id}`, { token: admin.token, json: { email_verified: true } })).status, 200);
	const people = { nobody: undefined, user, verified, reader, admin };
	for (const [require, may] of Object.entries({
		user: ["user", "verified", "reader", "admin"], verified: ["verified"], "role:admin": ["admin"], [`role:${reader.role}`]: ["reader"],
		"permission:reports:read": ["reader", "admin"], "permission:users:write": ["admin"], "permission:reports:read user": ["reader", "admin"], [`role:${reader.role} verified`]: [], nobody: [],
		public: Object.keys(people),
	}))
		for (const [name, who] of Object.entries(people)) {
			const expected = may.includes(name) ? 200 : who || require === "nobody" ? 403 : 401;
			assert.equal(await status(plain, "GET", "/x", { token: who?.token, parameters: { LATCH_REQUIRE: require } }), expected, `${name}: ${require}`);
			const asked = await plain.ask("GET", "/auth/verify", { token: who?.token, headers: {}, });
			assert.equal(asked.status, who ? 200 : 401);
		}
});

test("LATCH_REQUIRE: what is no requirement lets nobody in, and the log says so", async () => {
	for (const require of ["", "users", "role:", "user,verified", "PUBLIC", "public user", "permission:x"])
		assert.equal(await status(plain, "GET", "/x", { token: admin.token, parameters: { LATCH_REQUIRE: require } }), 403, require);
	assert.match(plain.log, /LATCH_REQUIRE="PUBLIC" is no requirement/);
});

test("public: whoever is signed in is still named, and credentials that do not hold are nobody's", async () => {
	const parameters = { LATCH_REQUIRE: "public" };
	assert.equal(identity(await plain.guard("GET", "/x", { token: user.token, parameters }))["variable-remote_user"], user.email);
	for (const options of [{}, { token: "x" }, { headers: { Cookie: "latch=x" } }, { headers: withCookie(), token: user.token }]) {
		const answer = await plain.guard("GET", "/x", { ...options, parameters });
		assert.equal(answer.status, 200);
		assert.deepEqual(identity(answer), {});
	}
});

test("a role's permission that comes or goes is in force within a second on a page that asks for it", async () => {
	const holder = await newHolder(admin, ["wiki:read"]);
	const ask = () => status(plain, "GET", "/x", { token: holder.token, parameters: { LATCH_REQUIRE: "permission:wiki:write" } });
	assert.equal(await ask(), 403);
	for (const [permissions, expected] of [[["wiki:write"], 200], [["wiki:read"], 403]]) {
		assert.equal((await patch(`/roles/${holder.role}`, { token: admin.token, json: { permissions } })).status, 200);
		await sleep(1000);
		assert.equal(await ask(), expected, permissions[0]);
	}
});

/* ---- Rules ---- */

test("rules: the first that fits counts; where none fits nobody gets in", async () => {
	for (const [method, uri, who, expected] of [
		["GET", "/open/x?y", undefined, 200], ["HEAD", "/open", undefined, 200], ["POST", "/open/", user, 403],
		["GET", "/admin/x", undefined, 401], ["GET", "/admin/x", user, 403], ["GET", "/admin", admin, 200],
		["GET", "/reports/a.pdf", reader, 200], ["GET", "/reports/a.pdf", user, 403], ["GET", "/reports/a/b.pdf", reader, 403],
		["PUT", "/exact", user, 200], ["PUT", "/exact/x", user, 403], ["POST", "/forms/1", user, 403], ["GET", "/forms/1", user, 403],
		["GET", "/shut/", admin, 403], ["GET", "/all/", user, 200], ["GET", "/elsewhere", admin, 403],
	])
		assert.equal(await status(ruled, method, uri, { token: who?.token }), expected, `${method} ${uri} ${who?.email}`);
});

test("rules: LATCH_REQUIRE comes before them", async () => {
	assert.equal(await status(ruled, "GET", "/admin/", { token: user.token, parameters: { LATCH_REQUIRE: "user" } }), 200);
	assert.equal(await status(ruled, "GET", "/open/", { parameters: { LATCH_REQUIRE: "user" } }), 401);
});

test("rules: an address that can be read in several ways fits none, whoever asks", async () => {
	for (const uri of ["/open/..%2fadmin/", "/open%2f..%2fadmin", "/open/../admin/", "/open/%2e%2e/admin/", "/open/..;/admin/", "/open;/../admin", "//open/", "/open//x", "/open/./x", "/open/%00", "/open/%5c..%5cadmin",
		"/open/\\..\\admin", "/open/%252e%252e/admin", "/open/%ff", "/open/%c0%ae%c0%ae/admin", "open/", "*", "", "http://127.0.0.1/open/", "/open/#/../admin", "/open/%", "/open/%0d%0aX: y"])
		assert.equal(await status(ruled, "GET", uri, { token: admin.token }), 403, uri);
});

test("verify: LATCH_URI and LATCH_METHOD say which page it is; a proxy's X-Forwarded headers where it is trusted, nobody else's", async () => {
	const ask = async (token, { parameters = [], ...options } = {}) => (await ruled.ask("GET", "/auth/verify", { token, ...options, headers: options.headers ?? {} })).status;
	assert.equal(await ask(admin.token), 403, "no page was named");
	for (const [uri, method, who, expected] of [["/open/x", "GET", undefined, 200], ["/admin/", "GET", user, 403], ["/admin/", "GET", admin, 200], ["/open/x", "POST", user, 403]]) {
		const headers = { "X-Forwarded-Uri": uri, "X-Forwarded-Method": method };
		assert.equal(await ask(who?.token, { from: PROXY, headers }), expected, `${method} ${uri}`);
		assert.equal(await ask(who?.token, { headers }), 403, `from a stranger: ${method} ${uri}`);
	}
	const asked = (parameters, token) => ruled.guard("GET", "/open/", { token, parameters });
	assert.equal((await asked({ LATCH_URI: "/admin/" }, user.token)).status, 403);
	assert.equal((await asked({ LATCH_METHOD: "POST" }, user.token)).status, 403);
});

test("verify: ?require= asks for the same, and what is none is 422", async () => {
	const ask = async (require, token) => (await plain.ask("GET", "/auth/verify", { token, headers: {}, query: `require=${encodeURIComponent(require)}` })).status;
	assert.equal(await ask("permission:reports:read", reader.token), 200);
	assert.equal(await ask("permission:reports:read", user.token), 403);
	assert.equal(await ask("public"), 200);
	assert.equal(await ask("role:"), 422);
});

/* ---- People ---- */

test("a person's browser without a session is sent to the sign-in page, and told where to come back to", async () => {
	const to = "/all/a%20b?x=1&y=%26#", escaped = "/all/a%2520b%3Fx%3D1%26y%3D%2526%23";
	for (const headers of [PAGE, { ...PAGE, Cookie: "latch=x" }]) {
		const answer = await plain.guard("GET", to, { headers });
		assert.equal(answer.status, 302);
		assert.equal(answer.headers.location, `${HOME}/sign-in/?return_to=${escaped}`);
		assert.equal(answer.text, "");
		assert.equal(answer.headers["cache-control"], "no-store");
		assert.deepEqual(identity(answer), {});
	}
	const asked = await plain.ask("GET", "/auth/verify", { headers: PAGE });
	assert.equal(asked.status, 401);
	assert.equal(asked.headers["x-auth-sign-in"], `${HOME}/sign-in/`);
});

test("a program, a page's script and an unsafe request get 401", async () => {
	const { Accept, ...noAccept } = PAGE;
	for (const [method, headers] of [["GET", noAccept], ["GET", { ...PAGE, Accept: "*/*" }], ["GET", { ...PAGE, Accept: "application/json" }], ["GET", { ...PAGE, "Sec-Fetch-Mode": "cors" }], ["GET", { ...PAGE, "Sec-Fetch-Dest": "image" }],
		["POST", PAGE], ["GET", { ...PAGE, Authorization: "Bearer x" }]])
		assert.equal((await plain.guard(method, "/x", { headers })).status, 401, JSON.stringify([method, headers]));
});

test("the sign-in page is the host's own where that is a configured origin, else public_url's, and then nobody is sent back", async () => {
	for (const [host, expected] of [["wiki.example", `${WIKI}/sign-in/?return_to=/x`], ["WIKI.example", `${WIKI}/sign-in/?return_to=/x`], ["files.example:8443", "https://files.example:8443/sign-in/?return_to=/x"],
		["files.example", `${HOME}/sign-in/`], ["evil.example", `${HOME}/sign-in/`], ["wiki.example.evil.example", `${HOME}/sign-in/`], ["wiki.example@evil.example", `${HOME}/sign-in/`]])
		assert.equal((await plain.guard("GET", "/x", { headers: { ...PAGE, Host: host } })).headers.location, expected, host);
	for (const uri of ["//evil.example/", "/\\evil.example", "https://evil.example/", "/".padEnd(2100, "a")])
		assert.equal((await plain.guard("GET", uri, { headers: PAGE })).headers.location, `${HOME}/sign-in/`, uri.slice(0, 30));
});

test("who is signed in and may not see a page is told so as a page, and not sent round in circles", async () => {
	const answer = await plain.guard("GET", "/x", { headers: { ...PAGE, Cookie: `latch=${cookie}` }, parameters: { LATCH_REQUIRE: "role:admin" } });
	assert.equal(answer.status, 403);
	assert.equal(answer.headers["content-type"], "text/html; charset=utf-8");
	assert.equal(answer.headers.location, undefined);
	assert.match(answer.text, /<title>Forbidden<\/title>/);
});

test("a session's cookie lets a browser in; an unsafe method, and a WebSocket, only from a page of that very origin", async () => {
	assert.equal(await status(plain, "GET", "/x", { headers: withCookie() }), 200);
	for (const [headers, expected] of [[{}, 403], [{ "Sec-Fetch-Site": "same-origin" }, 200], [{ "Sec-Fetch-Site": "cross-site" }, 403], [{ "Sec-Fetch-Site": "same-site" }, 403], [{ Origin: HOME }, 200],
		[{ Origin: WIKI, Host: "wiki.example" }, 200], [{ Origin: WIKI, Host: "127.0.0.1:9" }, 403], [{ Origin: "https://evil.example", Host: "evil.example" }, 403], [{ Origin: "null" }, 403]])
		for (const [method, more] of [["POST"], ["DELETE"], ["PROPFIND"], ["GET", { "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==" }], ["CONNECT"]])
			assert.equal(await status(plain, method, "/x", { headers: withCookie({ ...headers, ...more }) }), expected, `${method} ${JSON.stringify(headers)}`);
	assert.equal((await plain.guard("GET", "/x", { headers: withCookie(), parameters: { LATCH_METHOD: "POST" } })).status, 403);
});

/* ---- Coming back ---- */

test("return-to: a path, or an address on a configured origin; everything else is home", async () => {
	const ask = async (url, headers = {}) => {
		const answer = await plain.ask("GET", "/auth/return-to", { query: url === undefined ? "" : `url=${encodeURIComponent(url)}`, headers });
		assert.equal(answer.status, 200, answer.text);
		return answer.json().url;
	};
	for (const [url, expected] of [["/a?b#c", `${HOME}/a?b#c`], [`${WIKI}/a`, `${WIKI}/a`], [`${WIKI}`, `${WIKI}/`], [`${HOME}/x`, `${HOME}/x`], ["https://files.example:8443/", "https://files.example:8443/"]])
		assert.equal(await ask(url), expected, url);
	assert.equal(await ask("/a", { Host: "wiki.example" }), `${WIKI}/a`);
	for (const url of [undefined, "", "a", "//evil.example/", "/\\evil.example", "/\t/evil.example", "\\\\evil.example", "https://evil.example/", "https://wiki.example.evil.example/", "https://wiki.example@evil.example/",
		"https://wiki.example:1@evil.example/", "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", `${WIKI}\\@evil.example`, `${WIKI}:444/`, "http:evil.example", "https:/evil.example", `${WIKI}//evil.example`, "/a\nb", " /a", `ftp://wiki.example/`])
		assert.equal(await ask(url), `${HOME}/`, String(url));
	assert.equal((await plain.ask("GET", "/auth/return-to", { query: `url=${"a".repeat(5000)}`, headers: {} })).status, 422);
});

/* ---- latchctl ---- */

test("latchctl rules check: lists the rules, names every bad line, and those that never count", async () => {
	const env = { LATCH_RULES_FILE: rulesFile };
	const listed = await ctlOk(["rules", "check"], { env });
	assert.equal(listed.split("\n").filter(Boolean).length, 7);
	assert.match(listed, /^3\t\*\t\/admin\trole:admin$/m);
	const bad = join(dir, "bad");
	writeFileSync(bad, "GET /a user\nGET /b everybody\n* /c;d user\n");
	const refused = await ctl(["rules", "check", bad]);
	assert.equal(refused.code, 1);
	assert.match(refused.stderr, /bad:2: .*\n.*bad:3: /);
	writeFileSync(bad, "* / user\n* /admin role:admin\n");
	const hidden = await ctl(["rules", "check", bad]);
	assert.equal(hidden.code, 1);
	assert.match(hidden.stderr, /line 2 never counts: line 1/);
	assert.equal((await ctl(["rules", "check"])).code, 1);
	assert.equal((await ctl(["rules", "check", join(dir, "none")])).code, 1);
	assert.equal((await ctl(["doctor"], { env: { LATCH_RULES_FILE: join(dir, "none") } })).code, 1);
});

test("latchctl rules test: says which rule counts, what of it holds, and what comes of it, as the guard does", async () => {
	const env = { LATCH_RULES_FILE: rulesFile };
	for (const [method, path, who, code, says] of [
		["GET", "/open/x", "-", 0, /line 2: .*\npublic: anybody gets in\nlet in\n/], ["GET", "/admin/", user.email, 5, /role:admin: no\nrefused\n/], ["GET", "/admin/", admin.email, 0, /role:admin: yes\nlet in\n/],
		["GET", "/reports/a.pdf", reader.id, 0, /permission:reports:read: yes\n/], ["GET", "/all/", "-", 5, /nobody is signed in\nrefused\n/], ["GET", "/none", admin.email, 5, /No rule lets anybody in/],
		["GET", "/open/../x", "-", 5, /read in several ways/],
	]) {
		const done = await ctl(["rules", "test", method, path, who], { env });
		assert.equal(done.code, code, `${method} ${path} ${who}: ${done.stdout}${done.stderr}`);
		assert.match(done.stdout, says);
	}
	assert.equal((await ctl(["rules", "test", "GET", "/", "nobody@nowhere.example"], { env })).code, 3);
	const gone = await newUser();
	await ctlOk(["user", "disable", gone.email]);
	assert.match((await ctl(["rules", "test", "GET", "/all/", gone.email], { env })).stdout, /not active/);
});
