/* latchctl doctor --url on the stack itself, whatever web server it has and wherever it is mounted. What it finds elsewhere: doctor-url.test.mjs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BASE, CTL, ctl, run } from "./lib/instance.mjs";
import { newUser } from "./lib/users.mjs";

const EVERY = ["reachable", "TLS", "old TLS", "plain http", "HSTS", "ready", "paths", "public_url", "sign-in page", "Authorization", "forged identity", "encoded paths", "body limit", "methods", "cookies", "caching", "compression", "CORS", "metrics", "clock"];

test("doctor --url: nothing is wrong with this stack, seen from outside; each probe has its line", async () => {
	const done = await run(CTL, ["doctor", "--url", BASE], { env: { LATCH_CONFIG: undefined } });
	assert.equal(done.code, 0, done.stdout + done.stderr);
	assert.deepEqual(done.stdout.split("\n").slice(0, -1).map((line) => line.split(":")[0]), EVERY.map((name) => `ok    ${name}`));
});

test("doctor --url: where a configuration is, the database's clock is looked at too; its proxies are no fault of the site's", async () => {
	const user = await newUser();
	const done = await ctl(["doctor", "--url", BASE, "--login", user.email], { input: `${user.password}\n` });
	assert.equal(done.code, 0, done.stdout + done.stderr);
	assert.match(done.stdout, /^ok {4}clock: .* and the database's$/m);
	assert.match(done.stdout, /^hint {2}client address: .*this very machine is in trusted_proxies/m);
});
