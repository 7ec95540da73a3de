/* docs/guarding.md: what it says to do, done with each server; and latch at the root of the site that it guards. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { application, ask, environment, received, site, SERVERS } from "../lib/guarded.mjs";
import { CHECKOUT, CONF, config, CTL, ctlOk, DIR, run } from "../lib/instance.mjs";
import { freePort } from "../lib/mount.mjs";
import { Pool } from "../lib/pool.mjs";
import { newSession } from "../lib/users.mjs";

const text = readFileSync(join(CHECKOUT, "docs", "guarding.md"), "utf8");
const scratch = mkdtempSync(join(tmpdir(), "latch-guide-"));
chmodSync(scratch, 0o755);
let user, app, port, tcp, pool, authorizer;

/* The command of the page, with the file that it writes in this folder, and what this instance has elsewhere than an installation. */
async function command(server) {
	const block = [...text.matchAll(/^<!-- test: (\S+) -->\n```sh\n([\s\S]*?)^```$/gm)].find(([, name]) => name === server)?.[2];
	assert.ok(block, `docs/guarding.md has no command for ${server}`);
	const shim = join(scratch, "latchctl"), out = join(scratch, `${server}.conf`);
	writeFileSync(shim, `#!/bin/sh\nexport LATCH_PUBLIC_URL=http://127.0.0.1:${port}/auth\nexec ${CTL} --config ${CONF} "$@" --socket ${pool.socket} --pages ${DIR}/app --authorizer 127.0.0.1:${tcp}\n`);
	chmodSync(shim, 0o755);
	const mine = block.replace(/>\/etc\/\S+/, `>${out}`).replace("127.0.0.1:3000", `127.0.0.1:${app.port}`);
	const done = await run("sh", ["-euc", mine], { env: { PATH: `${scratch}:${process.env.PATH}` } });
	assert.deepEqual([done.code, done.stderr], [0, ""]);
	return readFileSync(out, "utf8");
}

before(async () => {
	[user, app, port, tcp] = await Promise.all([newSession(), application(), freePort(), freePort()]);
	const settings = { public_url: `http://127.0.0.1:${port}/auth`, issuer: config("issuer") };
	[pool, authorizer] = await Promise.all([Pool.start(settings), Pool.start(settings, ["--authorizer"], { port: tcp })]);
});
after(async () => {
	await Promise.all([pool?.stop(), authorizer?.stop(), app?.stop()]);
	rmSync(scratch, { recursive: true, force: true });
});

for (const server of Object.keys(SERVERS)) {
	test(`docs/guarding.md, ${server}: its command and include guard a site, its check says so, and the doctor finds nothing`, async () => {
		const one = await site(server, { port, app: app.port, authorizer: tcp, conf: await command(server) });
		try {
			const check = /## The check\n\n```sh\n([\s\S]*?)^```/m.exec(text)[1].trim().split("\n");
			assert.equal(check.length, 4);
			for (const line of check) {
				const [, curl, status] = /^(curl .*?)\s+# (\d+)$/.exec(line);
				const done = await run("sh", ["-euc", curl.replace("https://example.org", one.origin)]);
				assert.equal(done.stdout, `${status}\n`, line);
			}
			const page = await ask(one, "/reports/page.html", { token: user.token });
			assert.match(page.text, /the page itself/);
			const doctor = await run(CTL, ["doctor", "--url", `${one.origin}/auth`, "--guard", "/reports/page.html"]);
			assert.doesNotMatch(doctor.stdout, /^(FAIL|warn)/m);
			assert.equal(doctor.code, 0, doctor.stdout);
			assert.equal((await ask(one, "/wiki/x", { token: user.token })).status, 403);
		} finally {
			await one.stop();
		}
	});

	test(`guard, ${server}: latch at the root of a site, and a guard before all of one`, async () => {
		const options = ["--socket", pool.socket, "--pages", join(DIR, "app"), "--authorizer", `127.0.0.1:${tcp}`];
		const root = await site(server, { port, app: app.port, conf: await ctlOk(["webserver", server, "--prefix", "/", ...options, "--guard", "/files", "--require", "user", "--guard", "/app", "--proxy", `http://127.0.0.1:${app.port}`]) });
		try {
			assert.deepEqual((await ask(root, "/healthz")).json(), { status: "ok" });
			assert.equal((await ask(root, "/users/me", { token: user.token })).json().id, user.id);
			assert.match((await ask(root, "/docs/")).text, /swagger-ui/);
			assert.equal((await ask(root, "/docs")).status, 301);
			for (const place of ["/files/page.html", "/app/x", "/files", "/app"])
				assert.equal((await ask(root, place)).status, 401, place);
			assert.match((await ask(root, "/files/page.html", { token: user.token })).text, /the page itself/);
			assert.match(JSON.stringify(received(await ask(root, "/app/x", { token: user.token }))), new RegExp(user.email));
			assert.equal((await ask(root, "/filesystem.html")).json().code, "not_found", "the rest is latch's");
		} finally {
			await root.stop();
		}
		const whole = await site(server, { port, app: app.port, conf: await ctlOk(["webserver", server, "--prefix", "/auth", ...options, "--guard", "/", "--require", "user", ...(SERVERS[server].options ?? [])]) });
		try {
			assert.deepEqual((await ask(whole, "/auth/healthz")).json(), { status: "ok" });
			assert.match((await ask(whole, "/auth/docs/")).text, /swagger-ui/);
			assert.equal((await ask(whole, "/auth/docs")).status, 301);
			for (const place of ["/", "/files/page.html", "/cgi/env.cgi", "/authority", "/nothing"])
				assert.equal((await ask(whole, place)).status, 401, place);
			assert.match((await ask(whole, "/files/page.html", { token: user.token })).text, /the page itself/);
			assert.equal(environment(await ask(whole, "/cgi/env.cgi", { token: user.token })).AUTH_USER_ID, user.id);
			assert.equal((await ask(whole, "/nothing", { token: user.token })).status, 404);
		} finally {
			await whole.stop();
		}
	});
}
