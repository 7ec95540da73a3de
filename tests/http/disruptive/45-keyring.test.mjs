/* More keys than the ring holds, keys of another key file, no keys at all: nothing of it stops the service for good. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { get } from "../lib/api.mjs";
import { ctl, ctlOk, sleep, sql } from "../lib/instance.mjs";
import { newSession, statusOf } from "../lib/users.mjs";

const keys = () => sql("SELECT kid FROM signing_keys WHERE retired_at IS NULL AND sign_from <= UTC_TIMESTAMP(3) ORDER BY sign_from, kid");

test("keys: rotations at once stop at 16 live keys, and all of it can be mended with latchctl", async () => {
	await Promise.all(Array.from({ length: 24 }, () => ctl(["keys", "rotate", "--now"])));
	assert.ok((await keys()).length <= 16, `${(await keys()).length} keys`);
	await sleep(2500);
	assert.equal((await get("/readyz")).status, 200);
	const user = await newSession();
	assert.equal(await statusOf(user.token), 200);
	const full = await ctl(["keys", "rotate", "--now"]);
	assert.ok(full.code === 0 || /retire one/.test(full.stderr), full.stderr);
	for (const [kid] of (await keys()).slice(0, -1))
		await ctlOk(["keys", "retire", kid, "--yes"]);
	const last = (await keys())[0][0];
	const refused = await ctl(["keys", "retire", last, "--yes"]);
	assert.equal(refused.code, 1);
	assert.match(refused.stderr, /nothing else could sign/);
});

test("keys: more rows than fit are left out, not fatal", async () => {
	await sql("INSERT INTO signing_keys (kid, alg, sealed, created_at, sign_from) SELECT CONCAT('old', seq), 'ES256', x'00', UTC_TIMESTAMP(3), '2000-01-01' FROM seq_1_to_30");
	try {
		await sleep(2500);
		assert.equal((await get("/readyz")).status, 200);
		assert.equal(await statusOf((await newSession()).token), 200);
		const doctor = await ctl(["doctor"]);
		assert.equal(doctor.code, 1);
		assert.match(doctor.stdout, /FAIL {2}signing keys: \d+ do not open/);
	} finally {
		await sql("DELETE FROM signing_keys WHERE kid LIKE 'old%'");
	}
});

test("keys: without one that opens readyz and jwks say 503, keys create says why, and rotate --now mends it", async () => {
	const before = await sql("SELECT kid, HEX(sealed) FROM signing_keys WHERE retired_at IS NULL");
	await sql("UPDATE signing_keys SET retired_at = UTC_TIMESTAMP(3) WHERE retired_at IS NULL");
	await sql("INSERT INTO signing_keys (kid, alg, sealed, created_at, sign_from) VALUES ('alien', 'ES256', x'00', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))");
	try {
		await sleep(2500);
		assert.equal((await get("/readyz")).status, 503);
		assert.equal((await get("/.well-known/jwks.json")).status, 503);
		const create = await ctl(["keys", "create", "--if-missing"]);
		assert.equal(create.code, 1);
		assert.match(create.stderr, /do not open/);
		await ctlOk(["keys", "rotate", "--now"]);
		await sleep(2500);
		assert.equal((await get("/readyz")).status, 200);
		assert.equal(await statusOf((await newSession()).token), 200);
	} finally {
		await sql("DELETE FROM signing_keys WHERE kid = 'alien'");
		for (const [kid] of before)
			await sql(`UPDATE signing_keys SET retired_at = NULL WHERE kid = '${kid}'`);
	}
});
