/* Rotations of the signing key under load, seen by clients that cache the key set for as long as they may. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { get } from "../http/lib/api.mjs";
import { BASE, config, ctlOk, logText, sleep, until, up } from "../http/lib/instance.mjs";
import { npm } from "../http/lib/npm.mjs";
import { newUser, tryLogin } from "../http/lib/users.mjs";
import { form, progress } from "./lib/fault.mjs";

const { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } = await npm("jose");

const ROTATIONS = form(3, 1);
const CLIENTS = 8;
const MAX_AGE_S = 10;
const PATH = "/.well-known/jwks.json";
const was = config("jwks_max_age_s");

after(async () => assert.equal((await up(["--set", `jwks_max_age_s=${was}`])).code, 0));

const fetches = () => logText().split(`route=${PATH} `).length - 1;

test(`keys rotate: ${ROTATIONS} under load, and no client that caches the set by its max-age refuses a token`, { timeout: 200_000 }, async (t) => {
	assert.equal((await up(["--set", `jwks_max_age_s=${MAX_AGE_S}`])).code, 0);
	assert.equal((await get(PATH)).headers["cache-control"], `public, max-age=${MAX_AGE_S}`);
	const users = await Promise.all(Array.from({ length: 3 }, () => newUser()));
	/* They do not ask again for a key that they lack before the max-age is over: nothing but the waiting helps them. */
	const sets = Array.from({ length: CLIENTS }, () => createRemoteJWKSet(new URL(BASE + PATH), { cacheMaxAge: MAX_AGE_S * 1000, cooldownDuration: MAX_AGE_S * 1000 }));
	const expected = { issuer: config("issuer"), audience: config("audience"), algorithms: [config("token_alg")] };
	const firstSeen = new Map(), failures = [], waits = [];
	let over = false, checks = 0;

	const check = async (name, doing) => {
		await doing().then(() => checks++, (error) => failures.push(`${name}: ${error.message}`));
	};
	const latest = [];
	const load = users.map(async (user) => {
		while (!over) {
			const answer = await tryLogin(user.email, user.password);
			const token = answer.status === 200 ? answer.json().access_token : null;
			if (token === null) {
				failures.push(`login: ${answer.text}`);
				continue;
			}
			const { kid } = decodeProtectedHeader(token);
			firstSeen.set(kid, firstSeen.get(kid) ?? Date.now());
			latest.unshift(token);
			latest.length = Math.min(latest.length, 50);
			await check(`${kid} at latch`, async () => assert.equal((await get("/users/me", { token })).status, 200));
		}
	});
	/* Each begins at a time of its own, so that their sets expire at different times before and after a rotation. */
	const clients = sets.map(async (set, i) => {
		for (await sleep(i * MAX_AGE_S * 1000 / CLIENTS); !over; await sleep(20)) {
			const token = latest[0];
			if (token)
				await check(`${decodeProtectedHeader(token).kid} at client ${i}`, () => jwtVerify(token, set, expected));
		}
	});
	const from = Date.now(), before = fetches();
	const quiet = progress(() => `${firstSeen.size} keys, ${checks} checks, ${failures.length} failed`);
	try {
		await until(() => firstSeen.size > 0, 5000, "a token");
		await sleep(1000);
		for (let i = 1; i <= ROTATIONS; i++) {
			const asked = Date.now();
			await ctlOk(["keys", "rotate"]);
			await until(() => firstSeen.size > i, (MAX_AGE_S + 15) * 1000, "a token of the new key");
			waits.push([...firstSeen.values()].at(-1) - asked);
		}
		await sleep(3000);
	} finally {
		over = true;
		quiet();
		await Promise.all([...load, ...clients]);
	}
	const asked = fetches() - before, seconds = (Date.now() - from) / 1000;
	t.diagnostic(`${ROTATIONS} rotations in ${seconds.toFixed(0)} s, ${checks} checks, ${failures.length} failed, ${asked} fetches of the set by ${CLIENTS} clients`);
	assert.deepEqual(failures.slice(0, 5), [], `${failures.length} of ${checks + failures.length}`);
	assert.equal(firstSeen.size, ROTATIONS + 1);
	for (const wait of waits)
		assert.ok(wait >= MAX_AGE_S * 1000, `a key signed ${wait} ms after the command`);
	assert.ok(checks > 100 * ROTATIONS, "hardly any load");
	assert.ok(asked >= CLIENTS && asked <= CLIENTS * (seconds / MAX_AGE_S + 1), `${asked} fetches of the set: they do not cache it`);
});
