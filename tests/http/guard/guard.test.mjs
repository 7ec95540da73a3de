/*
 * Guarded sites behind lighttpd, nginx and Apache, configured by what latchctl webserver prints: who gets what, who the site is
 * told it is, and what leads around the guard: nothing. The pools are these tests' own, with a way to the database that can be cut.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { AROUND, readings } from "../lib/around.mjs";
import { application, ask, environment, PREFIX, received, site, SERVERS } from "../lib/guarded.mjs";
import { config, q, sleep, sql, until } from "../lib/instance.mjs";
import { freePort } from "../lib/mount.mjs";
import { Pool } from "../lib/pool.mjs";
import { newAdmin, newHolder, newSession, unique } from "../lib/users.mjs";
import { Way } from "../lib/way.mjs";

const NAMES = Object.keys(SERVERS), MAX_AGE_S = 3;
const PLACES = ["/files/page.html", "/cgi/env.cgi", "/app/x"];
const CONTENT = /the page itself|GATEWAY_INTERFACE=|"url":/;
const PAGE = [["Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"]];

const dir = mkdtempSync(join(tmpdir(), "latch-guard-"));
chmodSync(dir, 0o1777);

const way = new Way(join(dir, "db.sock"));
const sites = {};
let pool, authorizer, app, user, editor, admin, settings, tcp;
const socket = join(dir, "latch.sock");

/* The socket of each pool has another name; the servers know one. */
async function startPools() {
	[pool, authorizer] = await Promise.all([Pool.start(settings), Pool.start(settings, ["--authorizer"], { port: tcp })]);
	rmSync(socket, { force: true });
	symlinkSync(pool.socket, socket);
}

before(async () => {
	await way.lay();
	const ports = Object.fromEntries(await Promise.all(NAMES.map(async (name) => [name, await freePort()])));
	tcp = await freePort();
	const origins = Object.values(ports).map((port) => `http://127.0.0.1:${port}`);
	writeFileSync(join(dir, "rules"), "*  /ruled/shut  nobody\nGET  /ruled  user\n");
	chmodSync(join(dir, "rules"), 0o644);
	settings = { public_url: origins[0] + PREFIX, issuer: config("issuer"), return_origins: origins.slice(1).join(" "), db_socket: way.path, revocation_max_age_s: MAX_AGE_S, rules_file: join(dir, "rules") };
	[admin, user, app] = await Promise.all([newAdmin(), newSession({ username: unique("Guarded") }), application(), startPools()]);
	editor = await newHolder(admin, ["reports:read"]);
	for (const name of NAMES)
		sites[name] = await site(name, { port: ports[name], socket, app: app.port, role: editor.role, authorizer: tcp });
});
after(async () => {
	await Promise.all([...Object.values(sites).map((one) => one.stop()), pool?.stop(), authorizer?.stop(), app?.stop(), way.cut()]);
	rmSync(dir, { recursive: true, force: true });
});

/** A claim about each of the servers. */
function each(what, check) {
	for (const name of NAMES)
		test(`guard, ${name}: ${what}`, (t) => check(sites[name], t));
}

function notServed(answer, what, statuses = [401]) {
	assert.ok(statuses.includes(answer.status), `${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
	assert.doesNotMatch(answer.text, CONTENT, what);
}

/** Who the application was told it is; lighttpd has one header for it. */
function toldTo(one, answer) {
	const headers = received(answer);
	if (one.server === "lighttpd")
		return { user: /(?:^|;)remote_user="?([^";]*)"?(?:;|$)/.exec(headers.forwarded ?? "")?.[1] };
	return { user: headers["x-auth-user"], id: headers["x-auth-user-id"], email: headers["x-auth-email"], roles: headers["x-auth-roles"] };
}
const whoIs = (one, who) => (one.server === "lighttpd" ? { user: who.username ?? who.email } : { user: who.username ?? who.email, id: who.id, email: who.email, roles: who.role });

/* ---- Who gets what ---- */

each("files, a CGI program and an application are served to who is signed in, and told who it is", async (one) => {
	for (const who of [user, editor]) {
		const page = await ask(one, "/files/page.html", { token: who.token });
		assert.deepEqual([page.status, page.text], [200, "files/page.html: the page itself\n"]);
		/* lighttpd and nginx run .php by FastCGI. */
		for (const program of ["env.cgi", "env.php"]) {
			const cgi = await ask(one, `/cgi/${program}/more?a=b`, { token: who.token });
			assert.equal(cgi.status, 200);
			const { REMOTE_USER, AUTH_USER_ID, AUTH_EMAIL, AUTH_ROLES, QUERY_STRING, PATH_INFO } = environment(cgi);
			assert.deepEqual({ REMOTE_USER, AUTH_USER_ID, AUTH_EMAIL, AUTH_ROLES, QUERY_STRING, PATH_INFO }, { REMOTE_USER: who.username ?? who.email, AUTH_USER_ID: who.id, AUTH_EMAIL: who.email, AUTH_ROLES: who.role, QUERY_STRING: "a=b", PATH_INFO: "/more" });
		}
		if (one.server === "nginx")
			notServed(await ask(one, "/files/env.php", { token: who.token }), "a program's text", [404]);
		const proxied = await ask(one, "/app/x?y=1", { token: who.token });
		assert.equal(proxied.status, 200);
		assert.equal(proxied.json().url, "/app/x?y=1");
		assert.deepEqual(toldTo(one, proxied), whoIs(one, who));
	}
});

each("nobody, and who has a bad token or cookie, gets none of it by any method, and a program is told 401", async (one) => {
	const asked = app.asked();
	for (const place of [...PLACES, "/files/", "/files", "/cgi/env.cgi/more", "/cgi/env.php", "/cgi/env.php/more", "/app", "/app/", "/files/env.cgi", "/files/env.php"])
		for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
			notServed(await ask(one, place, { method }), `${method} ${place}`, /^\/files\/env/.test(place) && one.server === "nginx" ? [404] : [401]); /* where nothing runs it */
	for (const place of PLACES)
		for (const credential of [{ token: "x" }, { token: `${user.token}x` }, { token: user.token.slice(0, -4) }, { cookie: "x" }, { headers: [["Authorization", "Basic eDp5"]] }, { headers: [["Authorization", "Bearer"]] }]) {
			const answer = await ask(one, place, credential);
			notServed(answer, `${place} ${JSON.stringify(credential)}`);
			assert.match(answer.headers["www-authenticate"] ?? "", /^Bearer/);
		}
	assert.equal(app.asked(), asked, "the application was asked");
});

each("a role that is required is required, and of two guards the longer counts", async (one) => {
	for (const place of ["/editors/page.html", "/files/deeper/page.html"]) {
		notServed(await ask(one, place, { token: user.token }), place, [403]);
		notServed(await ask(one, place), place, [401]);
		assert.equal((await ask(one, place, { token: editor.token })).status, 200, place);
	}
	for (const target of ["/files//deeper/page.html", "/files/./deeper/page.html", "/files/x/../deeper/page.html", "/files/%64eeper/page.html", "/files/%2e/deeper/page.html", "/files/deeper//page.html", "/files/;/deeper/page.html", "/files/deeper%2fpage.html", "/files\\deeper/page.html"])
		notServed(await ask(one, target, { token: user.token }), target, [400, 403, 404]);
	notServed(await ask(one, "/verified/page.html", { token: user.token }), "verified", [403]);
});

each("without a requirement the rules say what it takes, and what they cannot tell is refused", async (one) => {
	assert.equal((await ask(one, "/ruled/page.html", { token: user.token })).status, 200);
	notServed(await ask(one, "/ruled/page.html"), "nobody", [401]);
	notServed(await ask(one, "/ruled/shut/page.html", { token: user.token }), "shut", [403]);
	notServed(await ask(one, "/ruled/page.html", { token: user.token, method: "POST" }), "POST", [403]);
	notServed(await ask(one, "/ruled//page.html", { token: user.token }), "//", [403]);
});

each("what is open to anybody, where the server can have it, says who is there when somebody is", async (one) => {
	if (one.server === "apache")
		return notServed(await ask(one, "/editors/page.html"), "apache has no such guard");
	for (const options of [{}, { token: user.token }, { token: "x" }, { cookie: "x" }])
		assert.match((await ask(one, "/anybody/page.html", options)).text, CONTENT);
});

each("what is not guarded is served, and latch below its prefix too, with its pages", async (one) => {
	assert.equal((await ask(one, "/open/page.html")).text, "open/page.html: the page itself\n");
	assert.equal((await ask(one, "/filesystem.html")).text, "not guarded\n");
	assert.equal((await ask(one, `${PREFIX}/healthz`)).status, 200);
	assert.equal((await ask(one, `${PREFIX}/users/me`, { token: user.token })).json().id, user.id);
	notServed(await ask(one, `${PREFIX}/users/me`), "me", [401]);
	assert.match((await ask(one, `${PREFIX}/docs/`)).text, /swagger-ui/);
	const docs = await ask(one, `${PREFIX}/docs`);
	assert.equal(docs.status, 301);
	assert.equal(new URL(docs.headers.location, one.origin).href, `${one.origin}${PREFIX}/docs/`);
	for (const inside of ["/.latch-guard-1", "/.latch-guard-2/", "/@latch_sign_in"])
		notServed(await ask(one, inside, { token: user.token }), inside, [404]);
});

each("a body arrives whole behind the guard, and a WebSocket is opened for who is let in alone", async (one) => {
	const body = "latch ".repeat(20_000);
	const posted = await ask(one, "/cgi/env.cgi", { method: "POST", body, token: user.token });
	assert.equal(environment(posted).BODY, body);
	const proxied = await ask(one, "/app/x", { method: "POST", body, token: user.token });
	assert.deepEqual([proxied.status, proxied.headers["x-body"]], [200, String(body.length)]);
	assert.deepEqual(toldTo(one, proxied), whoIs(one, user));
	const opened = await ask(one, "/app/socket", { token: user.token, upgrade: true, headers: [["X-Auth-User", "forged"]] });
	assert.equal(opened.status, 101, opened.text);
	assert.deepEqual(toldTo(one, opened), whoIs(one, user));
	notServed(await ask(one, "/app/socket", { upgrade: true }), "a WebSocket");
	const { headers } = await ask(one, `${PREFIX}/auth/login`, { method: "POST", body: JSON.stringify({ email: user.email, password: user.password, transport: "cookie" }), headers: [["Content-Type", "application/json"]] });
	const cookie = /^latch=([^;]+)/.exec(headers["set-cookie"])[1], from = (origin) => ask(one, "/app/socket", { cookie, upgrade: true, headers: [["Origin", origin]] });
	assert.equal((await from(one.origin)).status, 101, "from a page of this site");
	notServed(await from("https://evil.example"), "from another site's page", [403]);
});

/* lighttpd speaks h2c itself, to the client alone: its 101. */
each("an upgrade to something other than a WebSocket, behind which requests would pass unasked, does not reach the application", async (one) => {
	for (const protocol of ["h2c", "h2c, websocket", "websocket, h2c", "websocket/13", "TLS/1.2"]) {
		const asked = app.upgrades.length;
		const answer = await ask(one, "/app/x", { token: user.token, headers: [["Upgrade", protocol], ["Connection", "Upgrade, HTTP2-Settings, close"], ["HTTP2-Settings", "AAMAAABkAAQAAP__"]] });
		assert.ok(answer.status === 200 || (one === sites.lighttpd && answer.status === 101), `${protocol}: ${answer.status}`);
		assert.deepEqual(app.upgrades.slice(asked), [undefined], protocol);
	}
});

each("on one connection each request is for itself, and who has a copy of a page is asked again", async (one) => {
	const agent = new http.Agent({ keepAlive: true, maxSockets: 1 }), sockets = new Set();
	const get = (path, headers) => new Promise((done, fail) => http.get({ host: "127.0.0.1", port: one.port, path, agent, headers }, (answer) => {
		sockets.add(answer.socket);
		const parts = [];
		answer.on("data", (part) => parts.push(part)).on("end", () => done({ status: answer.statusCode, headers: answer.headers, text: String(Buffer.concat(parts)) }));
	}).on("error", fail));
	const as = (who) => ({ Authorization: `Bearer ${who.token}` });
	try {
		for (const who of [user, editor, user]) {
			assert.equal(environment(await get("/cgi/env.cgi", as(who))).AUTH_USER_ID, who.id);
			notServed(await get("/cgi/env.cgi", {}), "after it");
			notServed(await get("/app/x", {}), "after it");
		}
		const { headers } = await get("/files/page.html", as(user)), copy = { "If-None-Match": headers.etag, "If-Modified-Since": headers["last-modified"] };
		assert.ok(headers.etag);
		notServed(await get("/files/page.html", copy), "a copy");
		notServed(await get("/files/page.html", { ...copy, Range: "bytes=0-3" }), "a part");
		assert.equal((await get("/files/page.html", { ...copy, ...as(user) })).status, 304);
		assert.ok(sockets.size < 4, `${sockets.size} connections`);
	} finally {
		agent.destroy();
	}
});

each("a guarded page is for no cache between, and a refusal for none at all", async (one) => {
	for (const place of PLACES) {
		assert.match((await ask(one, place, { token: user.token })).headers["cache-control"], /\bprivate\b.*\bno-cache\b/, place);
		assert.match((await ask(one, place)).headers["cache-control"], /\bno-store\b/, place);
		assert.match((await ask(one, place, { headers: PAGE })).headers["cache-control"], /\bno-store\b/, place);
	}
});

/* ---- A person's browser ---- */

each("a person's browser goes to the sign-in page, and with its session comes back to where it was", async (one) => {
	for (const place of ["/files/page.html?a=b&c=%2Fd%20e", "/cgi/env.cgi/more?x", "/app/x?y=%26", "/files/"]) {
		const away = await ask(one, place, { headers: [...PAGE, ["Sec-Fetch-Mode", "navigate"], ["Sec-Fetch-Dest", "document"]] });
		notServed(away, place, [302]);
		const to = new URL(away.headers.location);
		assert.equal(to.origin + to.pathname, `${one.origin}${PREFIX}/sign-in/`);
		assert.equal(to.searchParams.get("return_to"), place);
		assert.deepEqual([...to.searchParams.keys()], ["return_to"]);
	}
	const json = JSON.stringify({ email: user.email, password: user.password, transport: "cookie" });
	const signed = await ask(one, `${PREFIX}/auth/login`, { method: "POST", body: json, headers: [["Content-Type", "application/json"], ["Sec-Fetch-Site", "same-origin"], ["Origin", one.origin]] });
	assert.equal(signed.status, 200, signed.text);
	const cookie = /^latch=([^;]+)/.exec(signed.headers["set-cookie"])[1];
	const where = (await ask(one, `${PREFIX}/auth/return-to?url=${encodeURIComponent("/cgi/env.cgi/more?x")}`, { cookie })).json().url;
	assert.equal(where, `${one.origin}/cgi/env.cgi/more?x`);
	assert.equal(environment(await ask(one, where.slice(one.origin.length), { cookie, headers: PAGE })).REMOTE_USER, user.username);
});

each("a script's request, a form's, an image's, and one with a bad token are told 401, not sent elsewhere", async (one) => {
	for (const options of [{ headers: [["Accept", "*/*"]] }, { headers: [["Accept", "application/json"]] }, { headers: [...PAGE, ["Sec-Fetch-Mode", "cors"]] }, { headers: [...PAGE, ["Sec-Fetch-Dest", "image"]] }, { headers: PAGE, method: "POST" }, { headers: PAGE, token: "x" }]) {
		const answer = await ask(one, "/app/x", options);
		notServed(answer, JSON.stringify(options));
		assert.equal(answer.headers.location, undefined, JSON.stringify(options));
	}
});

each("a host that is not configured is sent to no page of that host's", async (one) => {
	for (const host of ["evil.example", "evil.example:80", "127.0.0.1.", `127.0.0.1:${one.port}.evil.example`]) {
		const answer = await ask(one, "/files/page.html", { headers: [["Host", host], ...PAGE] });
		assert.doesNotMatch(answer.text, CONTENT);
		assert.doesNotMatch(answer.headers.location ?? "", /evil|\.:|return_to/, host);
	}
});

/* ---- Forged identity ---- */

const CLAIMS = ["X-Auth-User", "X-Auth-User-Id", "X-Auth-Email", "X-Auth-Roles", "Remote-User", "Auth-User-Id", "Auth-Email", "Auth-Roles", "Variable-Remote-User", "Variable-Auth-User-Id", "Variable-Auth-Email", "Variable-Auth-Roles"];
/* Every dash and underscore of a name by itself. */
const dashed = (name) => name.split("-").slice(1).reduce((all, word) => all.flatMap((begin) => [`${begin}-${word}`, `${begin}_${word}`]), [name.split("-")[0]]);
const SPELLINGS = {
	"as it is": (name) => [name],
	"lower case": (name) => [name.toLowerCase()],
	"upper case": (name) => [name.toUpperCase()],
	"underscores": (name) => dashed(name).slice(1),
	"upper case, underscores": (name) => dashed(name).slice(1).map((one) => one.toUpperCase()),
	"twice": (name) => [name, name],
	"twice, once with underscores": (name) => [name, name.replaceAll("-", "_")],
	"twice, first with underscores": (name) => [name.replaceAll("-", "_").toUpperCase(), name],
};

/** Nothing of what the client claimed, and the truth. */
function truth(one, cgi, proxied, who, what) {
	assert.equal(cgi.status, 200, `${what}: ${cgi.status}`);
	assert.equal(proxied.status, 200, `${what}: ${proxied.status}`);
	const { REMOTE_USER, AUTH_USER_ID, AUTH_EMAIL, AUTH_ROLES } = environment(cgi);
	assert.deepEqual({ REMOTE_USER, AUTH_USER_ID, AUTH_EMAIL, AUTH_ROLES }, { REMOTE_USER: who.username, AUTH_USER_ID: who.id, AUTH_EMAIL: who.email, AUTH_ROLES: undefined }, what);
	assert.deepEqual(toldTo(one, proxied), whoIs(one, who), what);
	assert.doesNotMatch(cgi.text + proxied.text, /forged/, what);
}

for (const [spelling, spell] of Object.entries(SPELLINGS))
	each(`identity that a client claims reaches no program, whoever it is: ${spelling}`, async (one) => {
		for (const headers of [CLAIMS.flatMap(spell).map((name) => [name, "forged"]), ...(spelling === "as it is" ? CLAIMS.map((name) => [[name, "forged"]]) : [])]) {
			const [cgi, proxied] = await Promise.all(["/cgi/env.cgi", "/app/x"].map((place) => ask(one, place, { token: user.token, headers })));
			truth(one, cgi, proxied, user, JSON.stringify(headers).slice(0, 60));
			for (const place of PLACES)
				notServed(await ask(one, place, { headers }), place);
			const free = await ask(one, "/free/x", { headers });
			assert.equal(free.status, 200);
			assert.doesNotMatch(free.text, /forged/, "not guarded, the same application");
		}
	});

each("headers that have a server forget, replace or look elsewhere do neither change who it is nor let anybody in", async (one) => {
	const claims = ["X-Auth-User", "X-Auth-User-Id", "X-Auth-Email", "Authorization", "Forwarded"];
	for (const headers of [[["Connection", `close, ${claims.join(", ")}`]], [["Connection", "X-Auth-User"], ["Connection", "close"]], [["Forwarded", "remote_user=forged"]], [["Forwarded", 'for=1;remote_user="forged"'], ["forwarded", "remote_user=forged"]],
		[["REMOTE_USER", "forged"], ["Variable-REMOTE_USER", "forged"], ["AUTH_USER_ID", "forged"], ["auth_email", "forged"]],
		[["X-Auth-Sign-In", "http://evil.example/"]]]) {
		const [cgi, proxied] = await Promise.all(["/cgi/env.cgi", "/app/x"].map((place) => ask(one, place, { token: user.token, headers })));
		truth(one, cgi, proxied, user, JSON.stringify(headers));
		assert.doesNotMatch(received(proxied).connection ?? "", /auth|forwarded/i, "what the application is told to drop");
		notServed(await ask(one, "/app/x", { headers }), JSON.stringify(headers));
	}
	for (const [name, value] of [["LATCH_REQUIRE", "public"], ["LATCH-REQUIRE", "public"], ["Latch-Uri", "/open/page.html"], ["X-Forwarded-Uri", "/open/page.html"], ["X-Original-URL", "/open/page.html"], ["X-Rewrite-URL", "/open/page.html"], ["X-Original-URI", "/open/page.html"], ["X-Forwarded-Method", "OPTIONS"], ["X-HTTP-Method-Override", "OPTIONS"],
		["X-Forwarded-User", "admin"], ["X-Forwarded-For", "127.0.0.1"], ["X-Forwarded-Prefix", PREFIX], ["Proxy", "http://evil.example/"]]) {
		for (const place of [...PLACES, "/ruled/page.html"])
			notServed(await ask(one, place, { headers: [[name, value]] }), `${name} ${place}`);
		notServed(await ask(one, "/editors/page.html", { token: user.token, headers: [[name, value]] }), name, [403]);
	}
	const away = await ask(one, "/app/x", { headers: [...PAGE, ["X-Auth-Sign-In", "http://evil.example/"], ["X-Forwarded-Uri", "//evil.example/"]] });
	assert.equal(new URL(away.headers.location).href, `${one.origin}${PREFIX}/sign-in/?return_to=/app/x`);
});

each("malformed credentials and headers get nothing, and a good one beside a bad one neither", async (one) => {
	const good = ["Authorization", `Bearer ${user.token}`];
	for (const headers of [[good, ["Authorization", "Bearer x"]], [["Authorization", "Bearer x"], good], [good, ["Cookie", "latch=x"]], [["Authorization", `Bearer ${user.token} x`]], [["Authorization", `Bearer  `]], [["Authorization", `Bearer ${"x".repeat(7000)}`]],
		[["Cookie", "latch"]], [["Cookie", "latch="]], [["Cookie", "latch=%00; latch=a"]], [["Cookie", "latch=a; latch=b"]], [["Cookie", `=;;;latch=${"A".repeat(3000)}`]], [["Cookie", "latch=\xff\xfe"]], [["Accept", "\xff".repeat(100)]], [["Host", "a b"]], [["Host", "127.0.0.1"], ["Host", "other"]],
		[["X Auth", "a"]], [["Content-Length", "x"]], [["Transfer-Encoding", "x"]]])
		for (const place of PLACES) {
			const answer = await ask(one, place, { headers }).catch(() => undefined); /* closed without an answer */
			if (answer)
				notServed(answer, `${place} ${JSON.stringify(headers).slice(0, 90)}`, [400, 401, 403, 413, 414, 431, 501]);
		}
});

each("a name with other characters than dashes is no identity to a program either", async (one) => {
	for (const dash of [".", "~", "!", "+", "|", "*"]) {
		const headers = CLAIMS.map((name) => [name.replaceAll("-", dash), "forged"]);
		const cgi = await ask(one, "/cgi/env.cgi", { token: user.token, headers }), { REMOTE_USER, AUTH_USER_ID, AUTH_EMAIL, AUTH_ROLES, ...rest } = environment(cgi);
		assert.deepEqual({ REMOTE_USER, AUTH_USER_ID, AUTH_EMAIL, AUTH_ROLES }, { REMOTE_USER: user.username, AUTH_USER_ID: user.id, AUTH_EMAIL: user.email, AUTH_ROLES: undefined });
		/* lighttpd makes HTTP_X_AUTH_USER of them, which docs/guarding.md tells programs not to read. */
		if (one.server !== "lighttpd")
			assert.doesNotMatch(JSON.stringify(rest), /forged/, dash);
		assert.deepEqual(toldTo(one, await ask(one, "/app/x", { token: user.token, headers })), whoIs(one, user));
	}
});

/* ---- Ways around ---- */

each("no spelling of an address leads around the guard: not to a file, a program or the application", async (one, t) => {
	let refused = 0;
	for (const place of PLACES) {
		const [, folder, name] = place.split("/");
		for (const target of AROUND(folder, name)) {
			const answer = await ask(one, target).catch((error) => error);
			if (answer instanceof Error) { /* closed, or what is no HTTP/1 */
				assert.doesNotMatch(answer.message, CONTENT, target);
				continue;
			}
			/* What is open is open: the last part of a target may be a query of it. */
			if (/^\/open\/page\.html\?/.test(target)) {
				assert.equal(answer.text, "open/page.html: the page itself\n");
				continue;
			}
			refused++;
			assert.doesNotMatch(answer.text, /(files|editors)\/\w+.html: the page itself|GATEWAY_INTERFACE=/, `${target}: ${answer.status}`);
			if (answer.text.includes('"url":'))
				for (const reading of readings(answer.json().url))
					assert.doesNotMatch(reading, /^(app|files|cgi)(\/|$)/i, `${target}: the application, unasked, got ${answer.json().url}`);
			assert.ok(answer.status !== 200 || answer.text.includes('"url":') || CONTENT.test(answer.text) === false, `${target}: ${answer.status} ${answer.text}`);
		}
	}
	t.diagnostic(`${refused} addresses`);
	assert.ok(refused > 200);
	assert.equal((await ask(one, "/files/page.html", { token: user.token })).status, 200);
});

/* ---- latch away ---- */

each("a request that hides behind another is asked about too", async (one) => {
	for (const place of PLACES)
		for (const head of ["", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "Content-Length: 0\r\nContent-Length: 0\r\n", "Content-Length : 5\r\n", `Authorization: Bearer ${user.token}\r\n`]) {
			const said = await ask(one, `/open/page.html HTTP/1.1\r\nHost: 127.0.0.1:${one.port}\r\n${head}\r\n${head.startsWith("T") ? "0\r\n\r\n" : ""}GET ${place}`, { whole: true });
			assert.doesNotMatch(said, /(files|cgi)\/\w+\.html: the page|GATEWAY_INTERFACE=|"url":/, `${place} ${head}`);
			if (head === "")
				assert.match(said, /^HTTP\/1\.1 200 [^]*open\/page\.html: the page itself\n.*HTTP\/1\.1 401 /, "both were answered");
		}
});

test("guard: an ended session is let in nowhere, a second later, by any of the servers", async () => {
	const other = await newSession(), all = Object.values(sites);
	for (const one of all)
		assert.equal((await ask(one, "/files/page.html", { token: other.token })).status, 200);
	await sql(`UPDATE sessions SET ended_at = UTC_TIMESTAMP(3), ended_for = 'owner' WHERE user_id = ${q(other.id)}`);
	await sleep(1100);
	for (const one of all)
		for (const place of PLACES)
			notServed(await ask(one, place, { token: other.token }), `${one.server} ${place}`);
});

/** Again, within a few seconds. */
const served = (one, place, who) => until(async () => (await ask(one, place, { token: who.token })).status === 200, 5000, `${one.server}: 200 for ${place}`);

/* In this order. */
describe("guard: latch away", () => {
	test(`guard: nobody new is let in while the database is away, and whoever was let in before for ${MAX_AGE_S} s, and then no more, by any of the servers`, async () => {
		const late = await newSession(), all = Object.values(sites);
		for (const one of all)
			assert.equal((await ask(one, "/files/page.html", { token: user.token })).status, 200);
		const cut = performance.now();
		await way.cut();
		try {
			const seconds = () => (performance.now() - cut) / 1000;
			for (const one of all) {
				notServed(await ask(one, "/files/page.html", { token: late.token }), `${one.server}: new`, [500, 503]);
				const known = await ask(one, "/files/page.html", { token: user.token });
				assert.ok(known.status === 200 || seconds() > MAX_AGE_S - 1, `${one.server}: known, after ${seconds().toFixed(1)} s: ${known.status}`);
			}
			await sleep(Math.max(0, 1000 * (MAX_AGE_S + 0.3 - seconds())));
			for (const one of all)
				for (const place of PLACES)
					notServed(await ask(one, place, { token: user.token }), `${one.server} ${place}: known, after ${seconds().toFixed(1)} s`, [500, 503]);
		} finally {
			await way.lay();
		}
		for (const one of all)
			await served(one, "/files/page.html", late);
	});

	test("guard: without a pool no server serves what is guarded, all serve what is open, and all is well when it is back", async () => {
		await Promise.all([pool.stop(), authorizer.stop()]);
		const asked = app.asked();
		for (const one of Object.values(sites)) {
			for (const place of PLACES)
				for (const options of [{}, { token: user.token }, { headers: PAGE }])
					notServed(await ask(one, place, options), `${one.server} ${place}`, [500, 503]);
			assert.equal((await ask(one, "/open/page.html")).status, 200, one.server);
			notServed(await ask(one, `${PREFIX}/healthz`), one.server, [503]);
		}
		assert.equal(app.asked(), asked);
		await startPools();
		for (const one of Object.values(sites))
			for (const place of PLACES)
				await served(one, place, user);
	});
});
