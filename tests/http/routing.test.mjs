import assert from "node:assert/strict";
import { test } from "node:test";
import { call, callRaw, checkConventions, expectProblem, get } from "./lib/api.mjs";
import { head, raw, send } from "./lib/http.mjs";
import { config } from "./lib/instance.mjs";
import { newSession } from "./lib/users.mjs";

const { token } = await newSession();
const origins = config("cors_origins").split(/\s+/).filter(Boolean);
const noCors = origins.length === 0 && "no cors_origins configured";

test("routing: an unknown path is 404", async () => {
	for (const path of ["/", "/nothing", "/auth", "/auth/", "/auth/nothing", "/users/", "/users/you", "/.well-known", "/.well-known/", "/authx/login", "/auth/loginx", "/index.html", "/favicon.ico", "/problems/nothing"])
		expectProblem(await call("GET", path, { documented: false }), "not_found");
	expectProblem(await call("POST", "/nothing", { json: {}, documented: false }), "not_found");
	expectProblem(await call("DELETE", "/nothing", { documented: false }), "not_found");
});

test("routing: paths of later versions are not there yet", async () => {
	for (const [method, path] of [["GET", "/auth/providers"]])
		expectProblem(await call(method, path, { token, documented: false }), "not_found");
});

test("routing: a path's letters, slashes and end are taken exactly", async () => {
	for (const path of ["/Users/me", "/users/ME", "/users/me/", "/healthz/", "/auth/login/", "/users/me/x", "/openapi.json/", "/healthz.json", "/healthz;x=1", "/users/me%20", "/healthz%00", "/healthz%0a"]) {
		const answer = await send("GET", path, { headers: { Authorization: `Bearer ${token}` } });
		assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
	}
});

test("routing: encoded slashes, dot segments and double slashes reach no other resource and crash nothing", async () => {
	for (const path of ["/users%2fme", "/users%2Fme", "/users/./me", "/users/x/../me", "/users/%2e%2e/users/me", "/users//me", "//users/me", "/users/me/.", "/users/me/..", "/../users/me", "/%2e%2e/%2e%2e/etc/passwd", "/users\\me", "/users/me%2f", "/%", "/%zz", "/%ff%fe"]) {
		const answer = await raw(head("GET", path, { Authorization: `Bearer ${token}` }));
		assert.ok([200, 301, 302, 400, 403, 404].includes(answer.status), `${path}: ${answer.status}`);
		/* The web server resolves these: what it makes of them may be /users/me itself, and nothing else. */
		if (answer.status === 200)
			assert.ok(answer.json().email, path);
		assert.doesNotMatch(answer.text, /root:|public_url/);
	}
	assert.equal((await get("/healthz")).status, 200);
});

test("routing: a very long path or header is refused, and the next request is served", async () => {
	for (const request of [head("GET", `/${"a".repeat(6000)}`), head("GET", `/${"a".repeat(100_000)}`), head("GET", `/healthz?${"q".repeat(100_000)}`), head("GET", "/healthz", { "X-Long": "h".repeat(100_000) }),
		head("GET", "/users/me", { Authorization: `Bearer ${"t".repeat(100_000)}` })]) {
		const answer = await raw(request).catch((error) => error);
		assert.ok(answer instanceof Error || [400, 401, 404, 413, 414, 431].includes(answer.status), String(answer.status));
		assert.equal((await get("/healthz")).status, 200);
	}
	assert.equal((await get(`/healthz?${"q".repeat(4000)}`)).status, 200);
});

test("routing: many headers are no matter", async () => {
	const headers = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`X-Many-${i}`, "v"]));
	assert.ok([200, 400, 431].includes((await send("GET", "/healthz", { headers })).status));
});

test("routing: a known path with another method is 405 with Allow", async () => {
	for (const [method, path, allow] of [
		["GET", "/auth/login", ["POST"]], ["PUT", "/users/me", ["GET", "PATCH"]], ["DELETE", "/users/me", ["GET", "PATCH"]], ["POST", "/users/me", ["GET", "PATCH"]], ["GET", "/users/me/password", ["POST"]],
		["POST", "/healthz", ["GET"]], ["PATCH", "/auth/register", ["POST"]], ["DELETE", "/.well-known/jwks.json", ["GET"]], ["PUT", "/openapi.json", ["GET"]],
	]) {
		const answer = await call(method, path, { token, ...(method === "GET" ? {} : { json: {} }) });
		expectProblem(answer, "method_not_allowed");
		const listed = answer.headers.allow.split(",").map((m) => m.trim());
		for (const one of allow)
			assert.ok(listed.includes(one), `${path}: Allow ${answer.headers.allow}`);
		assert.equal(listed.includes("HEAD"), allow.includes("GET"), `${path}: Allow ${answer.headers.allow}`);
		assert.ok(!listed.includes(method), `${path}: Allow ${answer.headers.allow}`);
	}
});

test("routing: a method nobody knows is refused", async () => {
	for (const method of ["BREW", "get", "PROPFIND", "TRACE", "GETX"]) {
		const answer = await raw(head(method, "/healthz"));
		assert.ok([400, 405, 501].includes(answer.status), `${method}: ${answer.status}`);
	}
	for (const method of ["HEAD"])
		assert.equal((await call(method, "/auth/login")).status, 405);
});

test("routing: HEAD gives the status and headers of GET, and no body", async () => {
	for (const path of ["/healthz", "/readyz", "/users/me", "/.well-known/jwks.json", "/openapi.json", "/nothing"]) {
		const documented = path !== "/nothing";
		const one = await call("GET", path, { token, documented });
		const two = await call("HEAD", path, { token, documented });
		assert.equal(two.status, one.status, path);
		assert.equal(two.bytes.length, 0, path);
		for (const name of ["content-type", "cache-control", "etag"])
			assert.equal(two.headers[name], one.headers[name], `${path} ${name}`);
		const bare = await callRaw("HEAD", path, head("HEAD", path, { Authorization: `Bearer ${token}` }));
		assert.equal(bare.bytes.length, 0, `${path}: bytes after the head`);
	}
	expectHead401(await call("HEAD", "/users/me"));
});

function expectHead401(answer) {
	assert.equal(answer.status, 401);
	assert.equal(answer.headers["www-authenticate"], "Bearer");
}

test("routing: every answer has a request id of its own", async () => {
	const answers = await Promise.all(Array.from({ length: 50 }, () => get("/healthz")));
	assert.equal(new Set(answers.map((a) => a.headers["x-request-id"])).size, 50);
});

test("routing: a client cannot put a line or a page into the request id", async () => {
	for (const id of ["x".repeat(4000), 'a" b=c level=error', "<script>", "a\tb", "é"]) {
		const answer = await send("GET", "/nothing", { headers: { "X-Request-Id": id } });
		checkConventions("GET", "/nothing", answer);
		assert.notEqual(answer.headers["x-request-id"], id);
	}
});

test("routing: a query changes nothing", async () => {
	assert.equal((await get("/healthz?x=1&y=%zz&&=")).status, 200);
	assert.equal((await get("/users/me?id=x", { token })).status, 200);
});

test("cors: a configured origin may call, with what it needs", { skip: noCors }, async () => {
	for (const origin of origins) {
		for (const [method, path] of [/*X*/["PATCH", "/users/me"], ["GET", "/users/me"], ["POST", "/auth/login"]]) {
			const answer = await call("OPTIONS", path, { headers: { Origin: origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization, content-type" } });
			assert.ok([200, 204].includes(answer.status), answer.text);
			assert.equal(answer.headers["access-control-allow-origin"], origin);
			assert.match(answer.headers["access-control-allow-methods"], new RegExp(`\\b${method}\\b`));
			for (const name of ["authorization", "content-type"])
				assert.match(answer.headers["access-control-allow-headers"], new RegExp(name, "i"));
			assert.match(answer.headers.vary ?? "", /\borigin\b/i);
		}
		const answer = await get("/users/me", { token, headers: { Origin: origin } });
		assert.equal(answer.headers["access-control-allow-origin"], origin);
		assert.match(answer.headers.vary ?? "", /\borigin\b/i);
	}
});

test("cors: a failure can be read by a configured origin too", { skip: noCors }, async () => {
	for (const [path, status] of [["/users/me", 401], ["/nothing", 404]]) {
		const answer = await call("GET", path, { headers: { Origin: origins[0] }, documented: false });
		assert.equal(answer.status, status);
		assert.equal(answer.headers["access-control-allow-origin"], origins[0]);
	}
});

test("cors: other origins get nothing", async () => {
	const others = ["https://evil.example", "null", "", "http://localhost", "file://"];
	for (const origin of origins)
		others.push(`${origin}.evil.example`, `${origin}x`, `${origin}:444`, origin.replace("https:", "http:").replace("://", "://evil."), origin.toUpperCase().replace("HTTPS", "HTTP"), `${origin}/`, `${origin}, https://evil.example`);
	for (const origin of others) {
		const preflight = await call("OPTIONS", "/users/me", { headers: { Origin: origin, "Access-Control-Request-Method": "PATCH" } });
		const plain = await get("/healthz", { headers: { Origin: origin } });
		for (const answer of [preflight, plain])
			for (const name of Object.keys(answer.headers))
				assert.ok(!name.startsWith("access-control-"), `${origin}: ${name}`);
	}
});

test("cors: never a wildcard, never with credentials", { skip: noCors }, async () => {
	const answer = await call("OPTIONS", "/auth/login", { headers: { Origin: origins[0], "Access-Control-Request-Method": "POST" } });
	assert.ok(!Object.values(answer.headers).includes("*"));
	assert.equal(answer.headers["access-control-allow-credentials"], undefined);
});

test("cors: OPTIONS without an origin tells the methods, on an unknown path 404", async () => {
	const answer = await call("OPTIONS", "/users/me");
	assert.ok([200, 204, 405].includes(answer.status), String(answer.status));
	for (const method of ["GET", "PATCH"])
		assert.match(answer.headers.allow ?? "", new RegExp(`\\b${method}\\b`));
	assert.equal((await call("OPTIONS", "/nothing", { headers: { Origin: origins[0] ?? "https://a.example", "Access-Control-Request-Method": "GET" }, documented: false })).status, 404);
});

test("headers: no cookie is set, and no version of a server told", async () => {
	for (const answer of [await get("/healthz"), await call("GET", "/nothing", { documented: false })]) {
		assert.equal(answer.headers["set-cookie"], undefined);
		assert.equal(answer.headers["x-powered-by"], undefined);
		assert.doesNotMatch(answer.headers.server ?? "", /\d\.\d/, "the server's version");
	}
});
