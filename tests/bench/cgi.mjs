/*
 * What a request costs on shared hosting: GET /users/me as a CGI program under Apache and under lighttpd, and under mod_fcgid, as
 * docs/shared-hosting.md installs it. One after the other, on a stack of deploy/up that lends its database:
 *   LATCH_TEST_URL=http://127.0.0.1:8080 LATCH_TEST_DIR=var node tests/bench/cgi.mjs
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Host, pack, rentDatabase, Site } from "../http/lib/hosting.mjs";

const REQUESTS = 200;
const json = { email: "bench@example.org", password: "seven-Otters-drum" };

async function measure(what, url, token) {
	const times = [];
	for (let i = 0; i < REQUESTS; i++) {
		const since = performance.now();
		const answer = await fetch(`${url}/users/me`, { headers: { Authorization: `Bearer ${token}` } });
		await answer.arrayBuffer();
		assert.equal(answer.status, 200);
		times.push(performance.now() - since);
	}
	times.sort((a, b) => a - b);
	const at = (part) => times[Math.floor(part * REQUESTS)].toFixed(1);
	console.log(`${what}: median ${at(0.5)} ms, nine of ten ${at(0.9)} ms, fastest ${at(0)} ms`);
}

await pack();
const database = await rentDatabase(`bench_${randomBytes(4).toString("hex")}`);
const host = await Host.start();
const cgi = new Site(host, "cgi", database, "cgi_"), fcgid = new Site(host, "auth", database);
try {
	for (const [site, how] of [[cgi, "cgi"], [fcgid, "fcgid"]]) {
		await site.install(how);
		assert.equal((await site.ask("/auth/register", { json })).status, 201);
		site.token = (await site.ask("/auth/login", { json })).body.access_token;
	}
	await measure("Apache, mod_cgi", cgi.url, cgi.token);
	const lighttpd = await host.lighttpd();
	await measure("lighttpd, mod_cgi", `${lighttpd.base}/cgi/latch.cgi`, cgi.token);
	await lighttpd.stop();
	await measure("Apache, mod_fcgid", fcgid.url, fcgid.token);
} finally {
	await host.remove();
	await database.drop();
}
