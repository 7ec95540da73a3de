/*
 * Slow clients (slowhttptest: slow headers, slow bodies, slow reading) through the shipped lighttpd.conf and nginx.conf.
 * Asserted in both forms: every healthy request is answered with 200, and in time. What share of their throughput healthy
 * clients keep is told by the full form, against the same attack on a server that is none of ours. The attacker, who works on
 * the same processors, then gets a fiftieth of one: what is measured is the server that has those connections. It is asserted
 * nowhere.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sleep, until, up, workers } from "../http/lib/instance.mjs";
import { login, newUser } from "../http/lib/users.mjs";
import { FULL, form, quantile, say } from "./lib/fault.mjs";
import { attack, connections, healthy, sink, SLOW_MODES } from "./lib/slow.mjs";

/* Altogether more than either server had room for before its limits were chosen. */
const EACH = form(1500, 1100), MEASURE_MS = form(6000, 2000), P99_MS = 1000, PAIRS = 5;
let user;

before(async () => {
	user = await newUser();
});
after(async () => {
	const done = await up(["--server", "lighttpd"]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
});

/** What healthy clients get while so many connections are held there. */
async function during(modes, each, { base, crawl = false } = {}) {
	const attacks = modes.map((mode) => attack(mode, each, base));
	try {
		/* Below that it is no attack. Slow readers may be gone again: nginx resets who has not read for some seconds. */
		const held = await until(() => connections(base) >= 0.6 * each * modes.length && connections(base), 20_000, "the slow connections");
		if (crawl)
			attacks.forEach((one) => one.crawl());
		return { held, ...await healthy(user.token, MEASURE_MS), still: connections(base) };
	} finally {
		await Promise.all(attacks.map((one) => one.stop()));
		await sleep(1000);
	}
}

/* The share that they keep, by pairs of measurements, so that what else the machine does meets both alike. */
async function share(t, modes, each) {
	const elsewhere = await sink(), ratios = [];
	for (let i = 0; i < PAIRS; i++) {
		const calm = await during(modes, each, { base: elsewhere.base, crawl: true });
		const slow = await during(modes, each, { crawl: true });
		ratios.push(slow.rate / calm.rate);
	}
	elsewhere.stop();
	t.diagnostic(`healthy clients keep ${(100 * quantile(ratios, 0.5)).toFixed(1)}% of their throughput (median of ${ratios.map((ratio) => (100 * ratio).toFixed(0)).join(", ")})`);
}

async function under(t, modes, each) {
	const pool = workers();
	const { held, still, rate, times, refused } = await during(modes, each);
	t.diagnostic(`${held} slow connections at first, ${still} at the end; ${times.length} healthy requests, ${rate.toFixed(0)}/s, p99 ${quantile(times, 0.99).toFixed(0)} ms`);
	assert.deepEqual(refused, [], "healthy requests refused");
	assert.ok(quantile(times, 0.99) < P99_MS, `p99 ${quantile(times, 0.99).toFixed(0)} ms`);
	assert.ok(still >= 0.5 * each * modes.length, `only ${still} slow connections at the end`);
	assert.deepEqual(workers(), pool, "the same workers");
	if (FULL)
		await share(t, modes, each);
}

/* Switched once, at the first of its tests. */
let serving;
async function serve(server) {
	if (serving === server)
		return;
	say(`slow clients: ${server}`);
	const done = await up(["--server", server]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	serving = server;
}

for (const server of ["lighttpd", "nginx"])
	for (const [modes, each] of [...(FULL ? SLOW_MODES.map((mode) => [[mode], 1000]) : []), [SLOW_MODES, EACH]])
		test(`${server}: ${modes.length * each} connections that are slow (${modes.join(", ")}): every healthy request is answered`, { timeout: 600_000 }, async (t) => {
			await serve(server);
			/* Anew: all together takes longer than a token is good for. */
			user.token = (await login(user)).access_token;
			await under(t, modes, each);
		});
