import assert from "node:assert/strict";
import { test } from "node:test";
import { call, get } from "./lib/api.mjs";
import { config } from "./lib/instance.mjs";
import { npm } from "./lib/npm.mjs";
import { newSession } from "./lib/users.mjs";

const { calculateJwkThumbprint, decodeProtectedHeader, importJWK } = await npm("jose");

const PATH = "/.well-known/jwks.json";
const asymmetric = config("token_alg") !== "HS256";

test("jwks: public keys only, each with kid, alg and use", async () => {
	const answer = await get(PATH);
	assert.equal(answer.status, 200);
	const { keys } = answer.json();
	assert.ok(keys.length > 0 || !asymmetric);
	for (const key of keys) {
		for (const secret of ["d", "p", "q", "dp", "dq", "qi", "k", "oth"])
			assert.ok(!(secret in key), `${secret} is published`);
		assert.equal(key.use, "sig");
		assert.ok(["ES256", "RS256"].includes(key.alg));
		if (key.alg === "ES256")
			assert.deepEqual([key.kty, key.crv, key.x.length, key.y.length], ["EC", "P-256", 43, 43]);
		await importJWK(key, key.alg);
		await calculateJwkThumbprint(key);
	}
	assert.equal(new Set(keys.map((key) => key.kid)).size, keys.length, "two keys share a kid");
});

test("jwks: the key that signs is among them", { skip: !asymmetric && "HS256" }, async () => {
	const { token } = await newSession();
	const { kid } = decodeProtectedHeader(token);
	assert.ok((await get(PATH)).json().keys.some((key) => key.kid === kid));
});

test("jwks: it may be cached for as long as configured", async () => {
	const answer = await get(PATH);
	const cache = answer.headers["cache-control"];
	assert.match(cache, /\bpublic\b/);
	assert.match(cache, new RegExp(`\\bmax-age=${config("jwks_max_age_s")}\\b`));
	assert.doesNotMatch(cache, /no-store/);
});

test("jwks: its ETag answers 304 without a body", async () => {
	const { headers } = await get(PATH);
	assert.match(headers.etag, /^(W\/)?"[^"]+"$/);
	for (const value of [headers.etag, `W/${headers.etag.replace(/^W\//, "")}`, `"other", ${headers.etag}`, "*"]) {
		const answer = await get(PATH, { headers: { "If-None-Match": value } });
		assert.equal(answer.status, 304, value);
		assert.equal(answer.bytes.length, 0);
		assert.equal(answer.headers.etag, headers.etag);
		assert.match(answer.headers["cache-control"], /max-age/);
	}
	for (const value of ['"other"', headers.etag.replaceAll('"', ""), `${headers.etag.slice(0, -1)}x"`])
		assert.equal((await get(PATH, { headers: { "If-None-Match": value } })).status, 200, value);
});

test("jwks: every worker gives the same ETag", async () => {
	const answers = await Promise.all(Array.from({ length: 40 }, () => get(PATH)));
	assert.equal(new Set(answers.map((answer) => answer.headers.etag)).size, 1);
});

test("jwks: HEAD has the headers of GET", async () => {
	const [one, two] = [await get(PATH), await call("HEAD", PATH)];
	for (const name of ["etag", "cache-control", "content-type"])
		assert.equal(two.headers[name], one.headers[name], name);
	assert.equal((await call("HEAD", PATH, { headers: { "If-None-Match": one.headers.etag } })).status, 304);
});
