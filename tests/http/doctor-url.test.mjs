/*
 * latchctl doctor --url: it finds nothing wrong with a site that is right, each single thing that is wrong with one, and its end with those that would keep it.
 */
import assert from "node:assert/strict";
import net from "node:net";
import tls from "node:tls";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { CTL, run, sql } from "./lib/instance.mjs";
import { freePort } from "./lib/mount.mjs";
import { Pool } from "./lib/pool.mjs";
import { Site, authority, problem } from "./lib/site.mjs";
import { newUser, uniqueEmail } from "./lib/users.mjs";

const SECRETS = /Sesam-/;
const user = await newUser();
const authorities = authority();

/** Runs it where there is no configuration; {code, lines: [{mark, name, text}], ms}. */
async function doctor(url, args = [], options = {}) {
	const began = performance.now();
	const done = await run(CTL, ["doctor", "--url", url, ...args], { timeout: 90_000, ...options, env: { LATCH_CONFIG: undefined, ...options.env } });
	assert.doesNotMatch(done.stdout + done.stderr, SECRETS);
	assert.doesNotMatch(done.stdout + done.stderr, /Sanitizer|runtime error/);
	// eslint-disable-next-line no-control-regex
	assert.doesNotMatch(done.stdout + done.stderr, /[^\n\x20-\x7e]/, "what a site says is shown as it came");
	const lines = done.stdout.split("\n").slice(0, -1).map((line) => {
		const [, mark, name, text] = /^(ok {2}|hint|FAIL) {2}([^:]+): (.*)$/.exec(line) ?? assert.fail(`no finding: ${line}`);
		return { mark: mark.trim(), name, text };
	});
	return { code: done.code, lines, stderr: done.stderr, ms: performance.now() - began };
}

const said = (lines) => lines.map(({ mark, name, text }) => `${mark} ${name}: ${text}`).join("\n");
const asWho = { input: `${user.password}\n` };
const ACCOUNT = ["--login", user.email], GUARD = (site) => ["--guard", site.guarded];

const cleanUp = [];
after(async () => {
	for (const stop of cleanUp)
		await stop();
});

/** A right site before a pool of its own. */
async function rightSite(options = {}) {
	const port = await freePort(), prefix = options.prefix ?? "";
	const site = await Site.start({ port, ...options });
	const pool = await Pool.start({ public_url: site.base, trusted_proxies: "", metrics_addresses: "10.0.0.1", login_address_free: "0" });
	site.socket = pool.socket;
	cleanUp.push(async () => {
		await site.stop();
		await pool.stop();
	});
	assert.ok(site.base.endsWith(prefix));
	return site;
}

const plain = await rightSite();
const secure = await rightSite({ prefix: "/auth-api", tls: authorities.of(60) });
const CA = ["--ca", authorities.ca];

const EVERY = ["reachable", "TLS", "old TLS", "plain http", "HSTS", "ready", "paths", "public_url", "sign-in page", "Authorization", "forged identity", "encoded paths", "body limit", "methods", "cookies", "caching", "compression", "CORS", "metrics", "clock"];
const SIGNED_IN = ["session cookie", "signed in", "client address"];
const GUARDED = ["guard", "guard, browser", "guard, forged headers", "guard, bad credentials", "guard, methods", "guard, spellings", "guard, signed in"];

/* ---- What is right ---------------------------------------------------------------------------------------------------- */

test("doctor --url: nothing is wrong with a site behind TLS below a prefix, signed in, with a guarded page; the session is ended", async () => {
	const live = async () => Number((await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = '${user.id}' AND ended_at IS NULL`))[0][0]);
	const before = await live();
	const { code, lines, stderr } = await doctor(`${secure.base}/`, [...CA, ...ACCOUNT, ...GUARD(secure)], asWho);
	assert.equal(code, 0, said(lines) + stderr);
	assert.deepEqual(lines.map(({ name }) => name), [...EVERY, ...SIGNED_IN, ...GUARDED]);
	assert.deepEqual(lines.filter(({ mark }) => mark !== "ok").map(({ mark, name }) => [mark, name]), [["hint", "HSTS"]]);
	assert.match(lines.find(({ name }) => name === "session cookie").text, /Secure, __Host-/);
	assert.equal(await live(), before);
});

test("doctor --url: without TLS, on this machine, the same", async () => {
	const { code, lines, stderr } = await doctor(plain.base, [...ACCOUNT, ...GUARD(plain)], asWho);
	assert.equal(code, 0, said(lines) + stderr);
	assert.deepEqual(lines.filter(({ mark }) => mark !== "ok"), []);
});

test("doctor --url: --json prints an object a line", async () => {
	const done = await run(CTL, ["doctor", "--url", plain.base, "--json", ...GUARD(plain)], { env: { LATCH_CONFIG: undefined } });
	assert.equal(done.code, 0, done.stdout + done.stderr);
	const rows = done.stdout.split("\n").slice(0, -1).map((line) => JSON.parse(line));
	assert.equal(rows.length, EVERY.length + GUARDED.length);
	for (const row of rows)
		assert.deepEqual([Object.keys(row), row.ok, typeof row.text], [["ok", "hint", "text"], true, "string"]);
	assert.deepEqual(rows.filter((row) => row.hint).map((row) => row.text.split(":")[0]), ["guard, signed in"]);
});

test("doctor --url: what is no address of a site is not understood", async () => {
	for (const url of ["", "auth.example.org", "ftp://example.org", "https://", "http:///x", "https://a b", "https://user:pw@example.org", "https://example.org/?x", "https://example.org/#x", "file:///etc/passwd", "http://x\n.example", "-"])
		assert.equal((await run(CTL, ["doctor", `--url=${url}`], { env: { LATCH_CONFIG: undefined } })).code, 2, url);
	for (const page of ["private", "https://example.org", "", "ftp://x/y", "/a b"])
		assert.equal((await run(CTL, ["doctor", "--url", plain.base, `--guard=${page}`], { env: { LATCH_CONFIG: undefined } })).code, 2, page);
	assert.equal((await run(CTL, ["doctor", "--url", plain.base, "extra"])).code, 2);
});

/* ---- What is wrong, one thing at a time ------------------------------------------------------------------------------- */

const json = (status, body, more = {}) => ({ status, headers: { "Content-Type": "application/json", ...more }, body: JSON.stringify(body) });
const at = (path, answer) => ({ instead: (asked) => (asked.path.endsWith(path) ? answer : undefined) });
const forgedUser = (asked) => Object.keys(asked.headers).some((name) => /^(x-auth-user|remote-user|variable-remote_user|remote_user)$/.test(name));
const isGuarded = (asked) => asked.path.includes("/private/page");
const PAGE = { status: 200, headers: { "Content-Type": "text/plain" }, body: "what is guarded" };

/* [what is wrong, the fault, the probe that says so, in these words, its arguments] */
const FAULTS = [
	["no worker is there", { instead: () => problem(503) }, "reachable", /pool/],
	["it is not latch", { instead: () => ({ status: 200, headers: { "Content-Type": "text/html" }, body: "<h1>Welcome</h1>" }) }, "reachable", /mounted/],
	["it is not ready", at("/readyz", json(503, { detail: "No database." })), "ready", /503: No database\./],
	["an unknown path is the web server's 404", { after: (asked, answer) => answer.status === 404 && Object.assign(answer, { headers: { "Content-Type": "text/html" }, body: "<h1>404</h1>" }) }, ["paths", "public_url"], /404 text\/html/],
	["public_url is another", { after: (asked, answer) => Site.replace(answer, plain.base, "https://auth.example") }, "public_url", /https:\/\/auth\.example/],
	["/.well-known/ goes elsewhere", at("/.well-known/openid-configuration", problem(404)), "public_url", /ACME/],
	["the sign-in page is not there", { before: (asked) => (asked.path = asked.path.replace("/sign-in/", "/sign-out/")) }, "sign-in page", /404/],
	["the sign-in page has no policy", { after: (asked, answer) => delete answer.headers["Content-Security-Policy"] }, "sign-in page", /Content-Security-Policy/],
	["Authorization is dropped", { before: (asked) => delete asked.headers.authorization }, "Authorization", /CGIPassAuth On/],
	["the challenge is changed", { after: (asked, answer) => answer.headers["WWW-Authenticate"] === "Bearer" && (answer.headers["WWW-Authenticate"] = 'Basic realm="x"') }, "Authorization", /Basic/],
	["a header that names a user is believed", { instead: (asked) => (forgedUser(asked) && /users\/me/.test(asked.path) ? json(200, { id: 1 }) : undefined) }, "forged identity", /X-Auth-User/],
	["the same for /auth/verify", { instead: (asked) => (forgedUser(asked) && /verify/.test(asked.path) ? json(204, {}) : undefined) }, "forged identity", /\/auth\/verify answers 204/],
	["%2f is decoded", { sloppy: true }, "encoded paths", /users%2fme answers 401/],
	["a line's end is cut off a path", { before: (asked) => (asked.path = asked.path.replace(/(%0a)+$/, "")) }, "encoded paths", /me%0a answers 401/],
	["bodies are shortened", { before: (asked) => (asked.body = asked.body.subarray(0, 50_000)) }, "body limit", /60000 bytes answers 400/],
	["bodies are refused early", { instead: (asked) => (asked.body?.length > 8192 ? problem(413) : undefined) }, "body limit", /client_max_body_size/],
	["large bodies are refused by something else", { instead: (asked) => (asked.body?.length > 65536 ? problem(413) : undefined) }, "body limit", /66000 bytes answers 413, not latch's/],
	["DELETE is stopped", { instead: (asked) => (asked.method === "DELETE" ? problem(405) : undefined) }, "methods", /limit_except/],
	["Allow is lost", { after: (asked, answer) => delete answer.headers.Allow }, "methods", /Allow nothing/],
	["HEAD is stopped", { instead: (asked) => (asked.method === "HEAD" ? problem(405) : undefined) }, "methods", /HEAD \/healthz answers 405/],
	["cookies are dropped", { before: (asked) => delete asked.headers.cookie }, "cookies", /does not reach latch/],
	["no-store is replaced", { after: (asked, answer) => answer.status === 401 && (answer.headers["Cache-Control"] = "public, max-age=60") }, "caching", /max-age=60/],
	["a cache answers", { after: (asked, answer) => (answer.headers.Age = "17") }, "caching", /out of a cache/],
	["problems are compressed", { after: (asked, answer) => /gzip/.test(asked.headers["accept-encoding"] ?? "") && /users\/me/.test(asked.path) && (answer.headers["Content-Encoding"] = "gzip", answer.body = gzipSync(answer.body), delete answer.headers["Content-Length"]) }, "compression", /come as gzip/],
	["JSON is compressed", { after: (asked, answer) => /br/.test(asked.headers["accept-encoding"] ?? "") && answer.headers["Content-Type"] === "application/json" && (answer.headers["Content-Encoding"] = "br") }, "compression", /tokens/],
	["CORS is open", { after: (asked, answer) => (answer.headers["Access-Control-Allow-Origin"] = "*") }, "CORS", /Allow-Origin \*/],
	["CORS mirrors the origin, in preflights alone", { after: (asked, answer) => asked.method === "OPTIONS" && (answer.headers["Access-Control-Allow-Origin"] = asked.headers.origin) }, "CORS", /latchctl-doctor\.invalid/],
	["/metrics is open", { before: (asked) => (asked.from = "10.0.0.1") }, "metrics", /metrics_addresses/],
	["X-Forwarded-For is believed, and opens /metrics", { before: (asked) => (asked.from = asked.headers["x-forwarded-for"] ?? asked.from) }, "metrics", /X-Forwarded-For: 10\.0\.0\.1/],
	["the clock is off", { after: (asked, answer) => (answer.headers.Date = new Date(Date.now() - 60_000).toUTCString()) }, "clock", /(59|60|61) s from this machine's/],

	["the password is wrong", { after: (asked, answer) => /login/.test(asked.path) && asked.body.length < 1000 && Object.assign(answer, json(401, { detail: "No such user." })) }, "signing in", /401: No such user/, ACCOUNT],
	["HttpOnly is lost", { after: (asked, answer) => edit(answer, /; HttpOnly/) }, "session cookie", /without HttpOnly/, ACCOUNT],
	["SameSite is lost", { after: (asked, answer) => edit(answer, /; SameSite=Lax/, "; SameSite=None") }, "session cookie", /without SameSite=Lax/, ACCOUNT],
	["the cookie has another path", { after: (asked, answer) => edit(answer, /; Path=\//, "; Path=/auth") }, "session cookie", /without Path=\//, ACCOUNT],
	["the cookie has a domain", { after: (asked, answer) => edit(answer, /$/, "; domain=example.org") }, "session cookie", /Domain/, ACCOUNT],
	["the cookie is lost", { after: (asked, answer) => delete answer.headers["Set-Cookie"] }, "session cookie", /without it/, ACCOUNT],
	["what is personal may be stored", { after: (asked, answer) => answer.status === 200 && /users\/me$/.test(asked.path) && (answer.headers["Cache-Control"] = "private") }, "signed in", /private/, ACCOUNT],
	["the new cookie is good nowhere", { before: (asked) => asked.path === "/users/me" && /latch=(?!nobody)/.test(asked.headers.cookie ?? "") && (asked.headers.cookie = "latch=other") }, "signed in", /answers 401/, ACCOUNT],
	["X-Forwarded-For is believed at the log-in", { before: (asked) => /login/.test(asked.path) && (asked.from = asked.headers["x-forwarded-for"] ?? asked.from) }, "client address", /proxy_set_header/, ACCOUNT],

	["the page is not guarded", { instead: (asked) => (isGuarded(asked) ? PAGE : undefined) }, ["guard", "guard, browser", "guard, forged headers", "guard, bad credentials", "guard, methods", "guard, spellings"], /./, "guard"],
	["the guard is broken", { instead: (asked) => (isGuarded(asked) && asked.headers.accept === "application/json" ? problem(500) : undefined) }, "guard", /500/, "guard"],
	["programs are led to a page", { instead: (asked) => (isGuarded(asked) && asked.headers.accept === "application/json" ? { status: 302, headers: { Location: "/x" } } : undefined) }, "guard", /302 to a program/, "guard"],
	["identity goes to the client", { after: (asked, answer) => isGuarded(asked) && (answer.headers["Variable-REMOTE_USER"] = "ada") }, "guard", /to the client/, "guard"],
	["people are led to another site", { after: (asked, answer) => answer.status === 302 && (answer.headers.Location = "https://evil.example/sign-in/") }, "guard, browser", /evil\.example/, "guard"],
	["people are led to a page whose address only begins like it", { after: (asked, answer) => answer.status === 302 && (answer.headers.Location = answer.headers.Location.replace("/sign-in/", ".evil.example/sign-in/")) }, "guard, browser", /evil\.example/, "guard"],
	...["x-auth-user", "x_auth_user", "remote-user", "remote_user", "x-remote-user", "x-forwarded-user", "variable-remote_user", "x-auth-roles"].map((name) => [`a forged ${name} is believed by the guard`, { instead: (asked) => (isGuarded(asked) && name in asked.headers ? PAGE : undefined) }, "guard, forged headers", new RegExp(name, "i"), "guard"]),
	["any cookie is enough for the guard", { instead: (asked) => (isGuarded(asked) && /__Host-latch=nobody/.test(asked.headers.cookie ?? "") ? PAGE : undefined) }, "guard, bad credentials", /Cookie/, "guard"],
	["any Authorization is enough for the guard", { instead: (asked) => (isGuarded(asked) && asked.headers.authorization ? PAGE : undefined) }, "guard, bad credentials", /Authorization/, "guard"],
	["a malformed cookie passes the guard", { instead: (asked) => (isGuarded(asked) && /=;;/.test(asked.headers.cookie ?? "") ? PAGE : undefined) }, "guard, bad credentials", /Cookie: =;;/, "guard"],
	["the guard looks at GET alone", { instead: (asked) => (isGuarded(asked) && asked.method !== "GET" ? PAGE : undefined) }, "guard, methods", /HEAD/, "guard"],
	["a part of the page comes out", { instead: (asked) => (isGuarded(asked) && asked.headers.range ? { ...PAGE, status: 206 } : undefined) }, "guard, methods", /206 for GET with Range/, "guard"],
	["a cache knows that the page is unchanged", { instead: (asked) => (isGuarded(asked) && asked.headers["if-modified-since"] ? { status: 304, headers: {} } : undefined) }, "guard, methods", /304/, "guard"],
	["a rewriting header leads around the guard", { instead: (asked) => (isGuarded(asked) && asked.headers["x-original-url"] ? PAGE : undefined) }, "guard, methods", /X-Original-URL/, "guard"],
	...["//private/page", "/./private/page", "/%2e/private/page", "/%2f/private/page", "/latchctl/../private/page", "/..;/private/page", "/private/page%00", "/private/page.", "/private/page;x=1", "/private/page%2f", "/private/page/..;/"].map((spelling) => [`${spelling} leads around the guard`, { instead: (asked) => (asked.path === spelling ? PAGE : undefined) }, "guard, spellings", /answers 200/, "guard"]),
];

function edit(answer, from, to = "") {
	if (answer.headers["Set-Cookie"] !== undefined)
		answer.headers["Set-Cookie"] = [answer.headers["Set-Cookie"]].flat().map((one) => (/^latch=/.test(one) ? one.replace(from, to) : one));
}

for (const [what, fault, probes, words, args = []] of FAULTS)
	test(`doctor --url finds it, and nothing else: ${what}`, async () => {
		plain.fault = fault;
		try {
			const { code, lines } = await doctor(plain.base, args === "guard" ? GUARD(plain) : args, args === ACCOUNT ? asWho : {});
			const bad = lines.filter(({ mark }) => mark === "FAIL");
			assert.deepEqual(bad.map(({ name }) => name), [probes].flat(), said(lines));
			assert.match(bad[0].text, words);
			assert.equal(code, 1);
		} finally {
			plain.fault = {};
		}
	});

test("doctor --url: a guarded page that does not let in who is signed in, one that lacks a permission, and one that caches may keep", async () => {
	for (const [answer, mark] of [[problem(401), "FAIL"], [problem(403), "hint"], [PAGE, "hint"]]) {
		plain.fault = { instead: (asked) => (isGuarded(asked) && /^latch=(?!nobody|;)/.test(asked.headers.cookie ?? "") ? answer : undefined) };
		const { lines } = await doctor(plain.base, [...ACCOUNT, ...GUARD(plain)], asWho).finally(() => (plain.fault = {}));
		assert.deepEqual(lines.filter((line) => line.mark !== "ok").map((line) => [line.mark, line.name]), [[mark, "guard, signed in"]], said(lines));
	}
});

test("doctor --url: the session's cookie goes to no other origin", async () => {
	let seen = "";
	const server = net.createServer((socket) => socket.on("data", (part) => (seen += part)).on("error", () => {}).end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"));
	await new Promise((done) => server.listen(0, "127.0.0.1", done));
	const { lines } = await doctor(plain.base, [...ACCOUNT, "--guard", `http://127.0.0.1:${server.address().port}/page`], asWho);
	server.close();
	assert.match(seen, /GET \/page/);
	assert.doesNotMatch(seen, /latch=(?!nobody|;)/);
	assert.match(lines.find(({ name }) => name === "guard, signed in").text, /another origin/);
});

/* ---- TLS -------------------------------------------------------------------------------------------------------------- */

/** What it says of a site with this TLS, before the pool of `secure`. */
async function withTls(options, args = CA) {
	const site = await Site.start({ port: await freePort(), prefix: secure.prefix, ...options });
	site.socket = secure.socket;
	/* Its public URL is that of `secure`. */
	site.fault = { ...options.fault, after(asked, answer) {
		Site.replace(answer, secure.origin, site.origin);
		options.fault?.after?.(asked, answer);
	} };
	try {
		const { code, lines } = await doctor(site.base, args);
		return { code, lines, bad: lines.filter(({ mark }) => mark === "FAIL") };
	} finally {
		await site.stop();
	}
}

test("doctor --url: a certificate that is nobody's, another name's, or of an unknown CA is no certificate, and nothing more is asked", async () => {
	const other = authority().of(60);
	for (const [leaf, args, words] of [[other, CA, /certificate/], [authorities.of(60, "DNS:other.example"), CA, /certificate|name/], [authorities.of(60), [], /certificate/]]) {
		const { code, lines } = await withTls({ tls: leaf }, args);
		assert.equal(code, 1);
		assert.deepEqual(lines.map(({ mark, name }) => [mark, name]), [["FAIL", "TLS"]], said(lines));
		assert.match(lines[0].text, words);
	}
});

test("doctor --url: a certificate that expires soon", async () => {
	const { bad, lines } = await withTls({ tls: authorities.of(5) });
	assert.deepEqual(bad.map(({ name }) => name), ["TLS"], said(lines));
	assert.match(bad[0].text, /expires in [45] days.*certbot/);
});

test("doctor --url: TLS 1.0 and 1.1 beside the new ones, and alone", async () => {
	const old = { ...authorities.of(60), minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" };
	const { bad, lines } = await withTls({ tls: old });
	assert.deepEqual(bad.map(({ name }) => name), ["old TLS"], said(lines));
	const alone = await withTls({ tls: { ...old, maxVersion: "TLSv1.1" } });
	assert.deepEqual(alone.lines.map(({ mark, name }) => [mark, name]), [["FAIL", "TLS"]], said(alone.lines));
	assert.ok(tls.DEFAULT_MAX_VERSION >= "TLSv1.2");
});

test("doctor --url: the same without TLS, unless it leads to https", async () => {
	const leaf = authorities.of(60);
	const open = await withTls({ tls: leaf, plain: true });
	assert.deepEqual(open.bad.map(({ name }) => name), ["plain http"], said(open.lines));
	for (const [location, mark] of [["https://127.0.0.1/", "ok"], ["http://127.0.0.1/", "FAIL"]]) {
		const fault = { instead: (asked) => (asked.tls ? undefined : { status: 301, headers: { Location: location } }) };
		const led = await withTls({ tls: leaf, plain: true, fault });
		assert.equal(led.lines.find(({ name }) => name === "plain http").mark, mark, said(led.lines));
	}
});

test("doctor --url: HSTS where it is sent", async () => {
	const { lines } = await withTls({ tls: authorities.of(60), fault: { after: (asked, answer) => (answer.headers["Strict-Transport-Security"] = "max-age=31536000") } });
	assert.deepEqual(lines.filter(({ mark }) => mark !== "ok"), [], said(lines));
});

test("doctor --url: public_url without https is seen by the cookie's name", async () => {
	const { bad, lines } = await withTls({ tls: authorities.of(60), fault: { before: (asked) => asked.headers.cookie && (asked.headers.cookie = asked.headers.cookie.replace(/(__Host-)?latch=/, (all, prefix) => (prefix ? "x=" : "__Host-latch="))) } });
	assert.deepEqual(bad.map(({ name }) => name), ["cookies"], said(lines));
	assert.match(bad[0].text, /no Secure/);
});

test("doctor --url: over plain http to another machine no password is sent", async () => {
	const site = await Site.start({ port: await freePort(), host: "127.0.0.2" });
	site.socket = plain.socket;
	let posted = "";
	site.fault = { before: (asked) => (posted += asked.body) };
	const { lines } = await doctor(site.base, ACCOUNT, asWho).finally(() => site.stop());
	assert.match(said(lines), /^FAIL TLS: none: passwords and tokens travel in the clear/m);
	assert.match(said(lines), /^FAIL signing in: not tried/m);
	assert.match(posted, /xxxx/);
	assert.ok(!posted.includes(user.password));
});

/* ---- Those that would keep it ----------------------------------------------------------------------------------------- */

const HEALTHY = "HTTP/1.1 200 OK\r\nX-Request-Id: 0123456789abcdef\r\nContent-Length: 0\r\n\r\n";

/** A server that is `how` to whoever comes; what doctor says of it. */
async function hostile(how) {
	const sockets = new Set();
	let visits = 0;
	const server = net.createServer((socket) => {
		visits++;
		sockets.add(socket);
		socket.on("error", () => {});
		how(socket, visits);
	});
	await new Promise((done) => server.listen(0, "127.0.0.1", done));
	const told = await doctor(`http://127.0.0.1:${server.address().port}`, ["--guard", "/private/page"]);
	for (const socket of sockets)
		socket.destroy();
	server.close();
	return told;
}

/** Writes it again and again, as fast as it is taken. */
const endless = (socket, text) => {
	const more = () => {
		while (!socket.destroyed && socket.write(text));
	};
	socket.on("drain", more);
	more();
};
const drip = (socket, text) => {
	const timer = setInterval(() => socket.write(text), 100);
	socket.on("close", () => clearInterval(timer));
};
const asked = (socket, then) => socket.once("data", then);
const every = (socket, answer) => socket.on("data", () => socket.write(answer));

const HOSTILE = {
	"nothing": [() => {}, /time/i],
	"hanging up": [(socket) => socket.destroy(), /./],
	"half an answer": [(socket) => asked(socket, () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\nX-Request-Id: 01234567\r\n\r\nhalf")), /./],
	"garbage": [(socket) => asked(socket, () => socket.end(Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251)))), /./],
	"a terminal's control characters": [(socket) => asked(socket, () => socket.end("HTTP/1.1 500 \x1b[2J\r\nX-Request-Id: \x1b]0;evil\x07\r\nContent-Length: 0\r\n\r\n")), /500/],
	"headers without end": [(socket) => asked(socket, () => socket.write("HTTP/1.1 200 OK\r\n") && endless(socket, "X-More: and more\r\n".repeat(100))), /more than it may/],
	"one header without end": [(socket) => asked(socket, () => socket.write("HTTP/1.1 200 OK\r\nX-More: ") && endless(socket, "more".repeat(1000))), /./],
	"1xx without end": [(socket) => asked(socket, () => endless(socket, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")), /more than it may/],
	"a body without end": [(socket) => asked(socket, () => socket.write("HTTP/1.1 200 OK\r\nX-Request-Id: 01234567\r\nTransfer-Encoding: chunked\r\n\r\n") && endless(socket, `1000\r\n${"x".repeat(4096)}\r\n`)), /more than it may/],
	"a body that is said to be huge": [(socket) => asked(socket, () => socket.write("HTTP/1.1 200 OK\r\nX-Request-Id: 01234567\r\nContent-Length: 99999999999999\r\n\r\n") && endless(socket, "x".repeat(4096))), /more than it may/],
	"a body in drips": [(socket) => asked(socket, () => socket.write("HTTP/1.1 200 OK\r\nX-Request-Id: 01234567\r\nContent-Length: 10000\r\n\r\n") && drip(socket, "x")), /time/i],
	"headers in drips": [(socket) => asked(socket, () => socket.write("HTTP/1.1 200 OK\r\n") && drip(socket, "X-More: x\r\n")), /time/i],
	"a redirect to itself": [(socket) => every(socket, "HTTP/1.1 302 Found\r\nLocation: /healthz\r\nX-Request-Id: 01234567\r\nContent-Length: 0\r\n\r\n"), /302/],
};

test("doctor --url: a site that sends nothing, garbage, redirects or without end is told from the first line, within its time", { timeout: 60_000 }, async () => {
	await Promise.all(Object.entries(HOSTILE).map(async ([what, [how, words]]) => {
		const { code, lines, ms } = await hostile(how);
		assert.equal(code, 1, what);
		assert.deepEqual(lines.map(({ mark, name }) => [mark, name]), [["FAIL", "reachable"]], `${what}:\n${said(lines)}`);
		assert.match(lines[0].text, words, `${what}: ${lines[0].text}`);
		assert.ok(ms < 20_000, `${what}: ${ms} ms`);
	}));
});

test("doctor --url: a site that answers the first question and lets the next one wait is not asked again", { timeout: 60_000 }, async () => {
	const { code, lines, ms } = await hostile((socket, visits) => visits === 1 && asked(socket, () => socket.end(HEALTHY)));
	assert.equal(code, 1);
	assert.equal(lines.at(-1).name, "the rest");
	assert.equal(lines.filter(({ mark }) => mark === "FAIL").length, 2, said(lines));
	assert.ok(ms < 20_000, `${ms} ms`);
});

test("doctor --url: a site that says yes to everything, with odd JSON, is found out by every probe that has a word for it", async () => {
	for (const body of ['{"type":', `{"type":${"[".repeat(50_000)}`, '{"type":5,"code":{},"jwks_uri":null}', '{"type":"a","type":"b"}', "\xff\xfe{}", `{"type":"${"x".repeat(60_000)}","jwks_uri":"\\u001b[2J"}`]) {
		const text = `HTTP/1.1 200 OK\r\nX-Request-Id: 01234567\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body, "latin1")}\r\n\r\n${body}`;
		const { code, lines } = await hostile((socket) => every(socket, Buffer.from(text, "latin1")));
		assert.equal(code, 1);
		const found = lines.filter(({ mark }) => mark === "FAIL").map(({ name }) => name);
		for (const name of ["paths", "public_url", "sign-in page", "Authorization", "forged identity", "encoded paths", "body limit", "methods", "cookies", "caching", "metrics", "guard", "guard, browser", "guard, forged headers", "guard, bad credentials", "guard, methods", "guard, spellings"])
			assert.ok(found.includes(name), `${name}: ${said(lines)}`);
	}
});

test("doctor --url: a wrong account, or no password, is told, and nothing hangs", async () => {
	const { lines, code } = await doctor(plain.base, ["--login", uniqueEmail()], asWho);
	assert.equal(code, 1);
	assert.match(said(lines), /FAIL signing in: POST \/auth\/login answers 401: No such user, or a wrong password\./);
	const none = await doctor(plain.base, ACCOUNT, { input: "" });
	assert.match(said(none.lines), /FAIL signing in: there is no password/);
});
