import assert from "node:assert/strict";
import { after, test } from "node:test";
import { expectProblem, get, patch } from "../lib/api.mjs";
import { config, ctlOk, q, sleep, sql, until, up } from "../lib/instance.mjs";
import { npm } from "../lib/npm.mjs";
import { verifyStatuses } from "../lib/sessions.mjs";
import { login, newSession, newUser, statusOf, tryLogin } from "../lib/users.mjs";

const { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } = await npm("jose");

const kidOf = (token) => decodeProtectedHeader(token).kid;
const published = async () => (await get("/.well-known/jwks.json")).json().keys.map((key) => key.kid);
const PASSES = Number(config("argon2_passes"));
const TTL = config("access_ttl_s");
const MEMORY = `m=${config("argon2_memory_kib")}`;
const hashOf = async (email) => (await sql(`SELECT password_hash FROM users WHERE email = ${q(email)}`))[0][0];

/* Short tokens and another cost from here on; the first token is looked at again at the end, when it has expired. */
const early = await newUser();
const untouched = await newUser();
assert.match(await hashOf(early.email), new RegExp(`\\$${MEMORY},t=${PASSES},`));
const changed = await up(["--set", `argon2_passes=${PASSES + 1}`, "--set", "access_ttl_s=30"]);
after(async () => assert.equal((await up(["--set", `argon2_passes=${PASSES}`, "--set", `access_ttl_s=${TTL}`])).code, 0));
const short = (await login(early)).access_token;
const shortFrom = Date.now();

test("settings: a changed cost is applied at the next login, and the password stays", async () => {
	assert.equal(changed.code, 0, changed.stdout + changed.stderr);
	const one = await hashOf(early.email);
	assert.match(one, new RegExp(`\\$${MEMORY},t=${PASSES + 1},`), "the login above");
	await login(early);
	assert.equal(await hashOf(early.email), one, "a second login hashes nothing anew");
	const fresh = await newUser();
	assert.match(await hashOf(fresh.email), new RegExp(`t=${PASSES + 1},`));
});

test("settings: a wrong password leaves the old hash alone", async () => {
	const before = await hashOf(untouched.email);
	assert.match(before, new RegExp(`t=${PASSES},`));
	expectProblem(await tryLogin(untouched.email, `${untouched.password}x`), "invalid_credentials");
	assert.equal(await hashOf(untouched.email), before);
});

test("settings: what is read back from the database is bounded", async () => {
	for (const bad of ["$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g", "$argon2id$v=19$m=19456,t=100000,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g", "$argon2id$v=19$m=19456,t=2,p=1$$", "", "x", "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA"]) {
		const user = await newUser();
		await sql(`UPDATE users SET password_hash = ${q(bad)} WHERE id = ${q(user.id)}`);
		const answer = await tryLogin(user.email, user.password, { documented: false }).catch((error) => error);
		/* A row that cannot be is a failure of ours or a refused login, but never a login and never a long wait. */
		assert.ok(answer instanceof Error || answer.status === 401, `${bad}: ${answer.status}`);
		assert.ok(answer instanceof Error || answer.ms < 2000, `${bad}: ${answer.ms} ms`);
	}
});

test("keys rotate: the new key is published at once and does not sign yet", async () => {
	const user = await newSession();
	const before = await published();
	await ctlOk(["keys", "rotate"]);
	await until(async () => {
		const kids = await published();
		return kids.some((kid) => !before.includes(kid)) && kids.includes(kidOf(user.token));
	}, 10_000, "the new key in the JWKS, beside the one that signs");
	assert.equal(kidOf((await login(user)).access_token), kidOf(user.token));
	assert.equal(await statusOf(user.token), 200);
});

test("keys rotate --now: it signs within seconds, old tokens stay good, and no token is refused meanwhile", async () => {
	const user = await newSession();
	const old = kidOf(user.token);
	await ctlOk(["keys", "rotate", "--now"]);
	const kids = new Set([old]);
	const end = Date.now() + 8000;
	const busy = await newUser(); /* somebody else: a user's 101st session would end the first */
	while (Date.now() < end) {
		const { access_token: token } = await login(busy);
		kids.add(kidOf(token));
		for (const answer of await Promise.all(Array.from({ length: 16 }, () => get("/users/me", { token }))))
			assert.equal(answer.status, 200, `${kidOf(token) === old ? "an old" : "a new"} key's token: ${answer.text}`);
	}
	assert.equal(kids.size, 2, [...kids].join(" "));
	const fresh = (await login(user)).access_token;
	assert.notEqual(kidOf(fresh), old);
	assert.equal(await statusOf(user.token), 200);
	const jwks = (await get("/.well-known/jwks.json")).json();
	if (config("token_alg") !== "HS256")
		for (const token of [user.token, fresh])
			await jwtVerify(token, createLocalJWKSet(jwks), { issuer: config("issuer"), audience: config("audience") });
});

test("keys retire: its tokens are refused within seconds, others are not", async () => {
	const user = await newUser();
	/* Not the key of the token that has to live until the end. */
	user.token = await until(async () => {
		const { access_token: token } = await login(user);
		return kidOf(token) !== kidOf(short) && token;
	}, 10_000, "a token of a newer key");
	const old = kidOf(user.token);
	await ctlOk(["keys", "rotate", "--now"]);
	const fresh = await until(async () => {
		const { access_token: token } = await login(user);
		return kidOf(token) !== old && token;
	}, 10_000, "a token of the new key");
	await sleep(6000);
	for (const token of [user.token, fresh])
		assert.deepEqual(await verifyStatuses(token, 64), [200]);
	await ctlOk(["keys", "retire", old, "--yes"]);
	const refused = async () => (await Promise.all(Array.from({ length: 16 }, () => statusOf(user.token)))).every((status) => status === 401) && (await verifyStatuses(user.token)).join() === "401";
	await until(refused, 10_000, "401 from every worker, also from those that remembered it");
	for (let i = 0; i < 16; i++)
		assert.equal(await statusOf(fresh), 200);
	assert.deepEqual(await verifyStatuses(fresh), [200]);
	assert.ok(!(await published()).includes(old));
	const out = await ctlOk(["keys", "list"]);
	assert.match(out.split("\n").find((line) => line.includes(old)) ?? "", /retired/i);
	assert.equal((await login(user)).token_type, "Bearer");
});

test("keys: other algorithms sign after a rotation, and every token says which", async () => {
	const was = config("token_alg");
	const user = await newSession();
	for (const alg of ["RS256", "HS256", "ES256"].filter((name) => name !== was)) {
		assert.equal((await up(["--set", `token_alg=${alg}`])).code, 0);
		await ctlOk(["keys", "rotate", "--now"]);
		const token = await until(async () => {
			const { access_token: one } = await login(user);
			return decodeProtectedHeader(one).alg === alg && one;
		}, 10_000, `a token signed with ${alg}`);
		await sleep(100);
		assert.equal(await statusOf(token), 200);
		assert.equal(await statusOf(user.token), 200, "the old key's token");
		if (alg === "HS256") {
			await sleep(3000);
			assert.ok(!(await published()).includes(kidOf(token)), "a secret is published");
		} else {
			const keys = await until(async () => {
				const all = (await get("/.well-known/jwks.json")).json().keys;
				return all.some((key) => key.kid === kidOf(token)) && all;
			}, 5000, "the key in the JWKS");
			await jwtVerify(token, createLocalJWKSet({ keys }), { issuer: config("issuer"), audience: config("audience"), algorithms: [alg] });
		}
		const [head, body, signature] = token.split(".");
		const flipped = Buffer.from(signature, "base64url");
		flipped[5] ^= 4;
		assert.equal(await statusOf(`${head}.${body}.${flipped.toString("base64url")}`), 401);
	}
	assert.equal((await up(["--set", `token_alg=${was}`])).code, 0);
	await ctlOk(["keys", "rotate", "--now"]);
	await until(async () => decodeProtectedHeader((await login(user)).access_token).alg === was, 10_000, `${was} again`);
});

test("token: it is refused from the second of its exp on, however often it was accepted before", async () => {
	const { exp, iat } = decodeJwt(short);
	assert.equal(exp - iat, 30);
	if (Date.now() < exp * 1000 - 500) {
		assert.equal(await statusOf(short), 200);
		assert.deepEqual(await verifyStatuses(short, 16), [200]);
	}
	await sleep(Math.max(0, exp * 1000 + 50 - Date.now()));
	for (let i = 0; i < 16; i++)
		for (const path of ["/users/me", "/auth/verify"])
			expectProblem(await get(path, { token: short }), "invalid_token");
	expectProblem(await patch("/users/me", { token: short, json: { name: "late" } }), "invalid_token");
	assert.ok(Date.now() - shortFrom > 29_000);
});
