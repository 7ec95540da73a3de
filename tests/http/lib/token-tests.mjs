/* The attacks of lib/token-attacks.mjs as tests, for a key of any algorithm. */
import assert from "node:assert/strict";
import net from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { expectProblem, get } from "./api.mjs";
import { head, raw } from "./http.mjs";
import { DIR, run, workers } from "./instance.mjs";
import { npm } from "./npm.mjs";
import * as attacks from "./token-attacks.mjs";
import { statusOf } from "./users.mjs";

const { decodeJwt } = await npm("jose");

const AT_ONCE = 8;

/** A server on 127.0.0.1 that only counts who comes: {url, count(), stop()}. */
async function trap() {
	let visits = 0;
	const server = net.createServer((socket) => {
		visits++;
		socket.destroy();
	});
	await new Promise((done) => server.listen(0, "127.0.0.1", done));
	return { url: `http://127.0.0.1:${server.address().port}`, port: server.address().port, count: () => visits, stop: () => new Promise((done) => server.close(done)) };
}

const visit = (port) => new Promise((done) => net.connect(port, "127.0.0.1").on("error", done).on("close", done));

async function isRefused(what, token) {
	const answer = await get("/users/me", { token });
	assert.equal(answer.status, 401, `${what}: ${answer.status} ${answer.text}`);
	expectProblem(answer, "invalid_token");
	assert.match(answer.headers["www-authenticate"], /^Bearer .*error="invalid_token"/, what);
}

/** What latch says to this token when no web server stands before it: {status, text}. */
async function directly(token) {
	const { stdout } = await run("cgi-fcgi", ["-bind", "-connect", join(DIR, "run", "latch.sock")],
		{ env: { REQUEST_METHOD: "GET", PATH_INFO: "/users/me", SCRIPT_NAME: "", QUERY_STRING: "", REMOTE_ADDR: "127.0.0.1", HTTP_AUTHORIZATION: `Bearer ${token}` } });
	return { status: Number(/^Status: (\d+)/.exec(stdout)?.[1]), text: stdout };
}

/** Tests every attack on tokens of `key` (lib/forge.mjs); `user` has a session whose claims are used. */
export function tokenTests(key, user, jwks) {
	const claims = decodeJwt(user.token);
	const before = workers();

	async function refused(tokens, least) {
		const list = Object.entries(tokens);
		assert.ok(list.length >= least, `${list.length} attacks, not ${least}`);
		assert.equal(await statusOf(attacks.good(key, claims)), 200, "a forged token without a fault must be good, or nothing is shown");
		for (let i = 0; i < list.length; i += AT_ONCE)
			await Promise.all(list.slice(i, i + AT_ONCE).map(([what, token]) => isRefused(what, token)));
		assert.equal(await statusOf(user.token), 200);
		assert.deepEqual(workers(), before, "a worker died");
	}

	const attack = (what, tokens, least, options = {}) => test(`${key.alg} token: ${what}`, options, () => refused(tokens(), least));
	const secret = key.alg === "HS256";

	attack("alg none is refused in every spelling and type, signed or not", () => attacks.none(key, claims), 80);
	attack("HS256 keyed with what is public of the key is refused", () => attacks.confusion(key, claims, jwks), 45, { skip: secret && "nothing of a secret is public" });
	attack("another algorithm than the key's is refused, in the header and in the signature", () => attacks.swapped(key, claims), 18);
	attack("a kid that is missing, strange or of another type is refused", () => attacks.kids(key, claims), 35);
	attack("crit, b64, typ and any other header than ours is refused", () => attacks.headers(key, claims), 25);
	attack("a signature that is none is refused", () => attacks.signatures(key, claims), secret ? 13 : 18);
	attack("base64 that is not canonical is refused in every part, though the signature holds", () => attacks.encodings(key, claims), 24);
	attack("another number of parts, and JSON serialisation, are refused", () => attacks.shapes(key, claims), 20);
	attack("claims that are missing, of another type or do not hold are refused", () => attacks.claimsAttacks(key, claims), 120);

	test(`${key.alg} token: keys that it brings along or names an address for are not used, nor fetched`, async () => {
		const listener = await trap();
		try {
			await refused(attacks.bringers(key, claims, listener.url), 30);
			assert.equal(listener.count(), 0, "somebody came for the key");
			await visit(listener.port);
			assert.equal(listener.count(), 1, "the listener does not count");
		} finally {
			await listener.stop();
		}
	});

	test(`${key.alg} token: one without end is refused, with a web server before latch and without`, async () => {
		for (const [what, token] of Object.entries(attacks.endless(key, claims))) {
			const answer = await raw(head("GET", "/users/me", { Authorization: `Bearer ${token}` }));
			assert.ok([400, 401, 431].includes(answer.status), `${what}: ${answer.status}`);
			/* One word of an environment holds 128 KiB. */
			const { status, text } = await directly(token.slice(0, 120_000));
			assert.ok([400, 401].includes(status), `${what}: ${text.slice(0, 300)}`);
		}
		assert.equal((await directly(attacks.good(key, claims))).status, 200, "what is good passes this way too");
		assert.deepEqual(workers(), before, "a worker died");
	});
}
