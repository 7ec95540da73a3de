/* How long a key stays: while what it signed can be valid, and no longer. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { get } from "../lib/api.mjs";
import { databaseRuns, startDatabase, stopDatabase } from "../lib/database.mjs";
import { config, ctlOk, q, sleep, sql, until, up } from "../lib/instance.mjs";
import { npm } from "../lib/npm.mjs";
import { login, newSession, statusOf } from "../lib/users.mjs";

const { decodeProtectedHeader } = await npm("jose");

const PATH = "/.well-known/jwks.json";
const TTL = config("access_ttl_s");
const LEEWAY_S = 60;
const kidOf = (token) => decodeProtectedHeader(token).kid;
const published = async () => (await get(PATH)).json().keys.map((key) => key.kid);
const row = async (kid) => (await sql(`SELECT token_ttl_s, retired_at IS NOT NULL FROM signing_keys WHERE kid = ${q(kid)}`))[0].map(Number);
const maxAge = async () => Number(/max-age=(\d+)/.exec((await get(PATH)).headers["cache-control"])[1]);

after(async () => {
	await databaseRuns();
	assert.equal((await up(["--set", `access_ttl_s=${TTL}`])).code, 0);
});

test("keys: a superseded key stays for the longest token that it signed, whatever access_ttl_s is now; then it goes by itself", async () => {
	assert.equal((await up(["--set", "access_ttl_s=7200"])).code, 0);
	const user = await newSession();
	const old = kidOf(user.token);
	assert.deepEqual(await row(old), [7200, 0], "what it signs from now on lives for two hours");
	assert.equal((await up(["--set", "access_ttl_s=30"])).code, 0);
	await login(user);
	assert.deepEqual(await row(old), [7200, 0], "what it signed before goes on");
	const out = await ctlOk(["keys", "rotate", "--now"]);
	assert.match(out, /signs now/);
	const young = await until(async () => {
		const { access_token: token } = await login(user);
		return kidOf(token) !== old && kidOf(token);
	}, 10_000, "a token of the new key");

	/* The newer key has been signing for two hours, to all but some seconds of the minute that comes on top. */
	const moved = Date.now();
	await sql(`UPDATE signing_keys SET sign_from = sign_from - INTERVAL ${7200 + LEEWAY_S - 8} SECOND`);
	for (await sleep(2200); Date.now() < moved + 4500; await sleep(100)) {
		assert.equal(await statusOf(user.token), 200, "its token is refused while it is good");
		assert.ok((await published()).includes(old), "it is not published while a token of it is good");
	}
	const [, said] = new RegExp(`^${old}\\t.*verifying.*Z\\t(\\S+)$`, "m").exec(await ctlOk(["keys", "list"]));
	const end = Date.parse(said);
	assert.ok(end > moved + 3000 && end < moved + 9000, `keys list says ${said}`);
	await until(async () => !(await published()).includes(old), 10_000, "it goes");
	assert.ok(Date.now() > end - 50);
	await until(async () => (await Promise.all(Array.from({ length: 16 }, () => statusOf(user.token)))).every((status) => status === 401), 4000, "401 from every worker");
	assert.deepEqual(await row(old), [7200, 1]);
	assert.deepEqual(await row(young), [30, 0]);
	assert.match(await ctlOk(["keys", "list"]), new RegExp(`^${young}\\t.*signing\\t.*\\t$`, "m"));
});

test("jwks: while the database is away the set may be cached for less long, by as much as it is old", async () => {
	const full = Number(config("jwks_max_age_s"));
	for (let i = 0; i < 16; i++)
		assert.equal(await maxAge(), full);
	await stopDatabase();
	const stopped = Date.now();
	try {
		await sleep(4000);
		for (let i = 0; i < 16; i++) {
			const said = await maxAge();
			assert.ok(said <= full - 3 && said >= full - (Date.now() - stopped) / 1000 - 60, `max-age=${said} after four seconds`);
		}
	} finally {
		await startDatabase();
	}
	await until(async () => await maxAge() === full, 10_000, "the whole max-age again");
});
