/* GET /.well-known/openid-configuration (OpenID Connect Discovery 1.0, 4.2; RFC 8414): what a client's library asks for first. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { call, expectProblem, get } from "./lib/api.mjs";
import { BASE, config } from "./lib/instance.mjs";
import { npm } from "./lib/npm.mjs";
import { newSession } from "./lib/users.mjs";

const { createRemoteJWKSet, jwtVerify } = await npm("jose");

const PATH = "/.well-known/openid-configuration";
const document = async () => {
	const answer = await get(PATH);
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.headers["content-type"], "application/json");
	return answer.json();
};

test("openid-configuration: issuer is the tokens' iss, and every address is below the public URL", async () => {
	const doc = await document();
	assert.equal(doc.issuer, config("issuer"));
	const urls = Object.entries(doc).filter(([name]) => /_(endpoint|uri)$/.test(name));
	assert.ok(urls.some(([name]) => name === "jwks_uri"));
	for (const [name, value] of urls)
		assert.ok(value.startsWith(`${config("public_url")}/`), `${name}: ${value}`);
});

test("openid-configuration: it names what the metadata's readers require, and nothing that latch does not do", async () => {
	const doc = await document();
	assert.equal(doc.jwks_uri, `${config("public_url")}/.well-known/jwks.json`);
	assert.ok(Array.isArray(doc.response_types_supported), "RFC 8414, 2: required");
	assert.deepEqual(doc.subject_types_supported, ["public"]);
	assert.ok(doc.id_token_signing_alg_values_supported.includes(config("token_alg")));
	for (const [name, value] of Object.entries(doc)) {
		assert.ok(value !== null && value !== "", `${name} is empty`);
		if (/_(endpoint|uri)$/.test(name)) {
			const answer = await call(name === "jwks_uri" ? "GET" : "OPTIONS", value.slice(config("public_url").length), { documented: false });
			assert.notEqual(answer.status, 404, `${name}: there is nothing at ${value}`);
		}
	}
});

test("openid-configuration: a library that knows the issuer alone comes to the keys and verifies a token", { skip: config("token_alg") === "HS256" && "HS256 publishes no key" }, async () => {
	const { token, id } = await newSession();
	const doc = await (await fetch(`${BASE}${PATH}`)).json();
	/* public_url may name another way to this stack. */
	const keys = createRemoteJWKSet(new URL(doc.jwks_uri.replace(config("public_url"), BASE)));
	const { payload } = await jwtVerify(token, keys, { issuer: doc.issuer, audience: config("audience"), algorithms: doc.id_token_signing_alg_values_supported });
	assert.equal(payload.sub, id);
});

test("openid-configuration: it may be cached, and its ETag answers 304 without a body", async () => {
	const { headers } = await get(PATH);
	assert.match(headers["cache-control"], /\bpublic\b/);
	assert.match(headers["cache-control"], /\bmax-age=[1-9]\d*\b/);
	assert.doesNotMatch(headers["cache-control"], /no-store/);
	assert.match(headers.etag, /^(W\/)?"[^"]+"$/);
	for (const value of [headers.etag, `"other", ${headers.etag}`, "*"]) {
		const answer = await get(PATH, { headers: { "If-None-Match": value } });
		assert.equal(answer.status, 304, value);
		assert.equal(answer.bytes.length, 0);
		assert.equal(answer.headers.etag, headers.etag);
	}
	for (const value of ['"other"', `${headers.etag.slice(0, -1)}x"`])
		assert.equal((await get(PATH, { headers: { "If-None-Match": value } })).status, 200, value);
	assert.equal(new Set((await Promise.all(Array.from({ length: 40 }, () => get(PATH)))).map((answer) => answer.headers.etag)).size, 1, "every worker's");
});

test("openid-configuration: HEAD has the headers of GET; it is for GET alone, and public", async () => {
	const [one, two] = [await get(PATH), await call("HEAD", PATH)];
	for (const name of ["etag", "cache-control", "content-type"])
		assert.equal(two.headers[name], one.headers[name], name);
	assert.equal(two.bytes.length, 0);
	expectProblem(await call("POST", PATH), "method_not_allowed");
	assert.equal((await get(PATH, { token: "x" })).status, 200);
	assert.equal((await get(PATH, { headers: { Cookie: "latch=x; __Host-latch=x" } })).status, 200);
});
