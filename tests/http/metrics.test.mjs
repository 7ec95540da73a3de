/*
 * GET /metrics: every sum is held against what the test did. Most of it on pools of this file's own, which nobody else's requests
 * reach; several of them are the workers of one installation.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { expectProblem, get } from "./lib/api.mjs";
import { anAddress } from "./lib/http.mjs";
import { CHECKOUT, ctlOk, FCGI, run, sleep, until } from "./lib/instance.mjs";
import { anotherKeyFile, grown, grownBy, parse, SCRAPER, scrape, together, tryOn, TYPE } from "./lib/metrics.mjs";
import { Pool } from "./lib/pool.mjs";
import { newAdmin, newHolder, newPassword, newSession, newUser, unique, uniqueEmail } from "./lib/users.mjs";

let workers;

before(async () => (workers = await together(3)));
after(() => Promise.all(workers.map((worker) => worker.stop())));
const scratch = mkdtempSync(join(tmpdir(), "latch-metrics-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const each = (list, work) => Promise.all(list.map(work));
/* One after the other, over the workers in turn: never more at once than there are lanes. */
async function inTurn(n, work) {
	const answers = [];
	for (let i = 0; i < n; i++)
		answers.push(await work(workers[i % workers.length], i));
	return answers;
}

/* ---- Who may ---- */

test("metrics: 401 without credentials, 403 without the permission, 200 with metrics:read", async () => {
	expectProblem(await get("/metrics"), "unauthorized");
	const admin = await newAdmin();
	expectProblem(await get("/metrics", { token: (await newSession()).token }), "insufficient_scope");
	expectProblem(await get("/metrics", { token: (await newHolder(admin, ["audit:read"])).token }), "insufficient_scope");
	const answer = await get("/metrics", { token: (await newHolder(admin, ["metrics:read"])).token });
	assert.equal(answer.status, 200);
	assert.equal(answer.headers["content-type"], TYPE);
	assert.match(answer.headers["cache-control"], /no-store/);
});

test("metrics: who comes from metrics_addresses needs no credentials; who says so in X-Forwarded-For is believed of a trusted proxy alone", async () => {
	const key_file = anotherKeyFile();
	const [closed, open, behind] = await each([{ metrics_addresses: "" }, { metrics_addresses: "192.0.2.0/24 2001:db8:5::/48" },
		{ metrics_addresses: "192.0.2.0/24", trusted_proxies: "127.0.0.1" }], (settings) => Pool.start({ key_file, trusted_proxies: "", ...settings }));
	const ask = async (pool, from, forwarded) => (await pool.ask("GET", "/metrics", { from, ...(forwarded && { headers: { "X-Forwarded-For": forwarded } }) })).status;
	for (const from of ["127.0.0.1", "::1", "192.0.2.7"])
		assert.equal(await ask(closed, from), 401, `nobody is let in by default, ${from}`);
	for (const [from, status] of [["192.0.2.7", 200], ["192.0.3.7", 401], ["2001:db8:5:1::7", 200], ["2001:db8:6::7", 401], ["", 401], ["unix:", 401]])
		assert.equal(await ask(open, from), status, from);
	assert.equal(await ask(open, "198.51.100.1", "192.0.2.7"), 401, "of a stranger");
	assert.equal(await ask(behind, "127.0.0.1", "192.0.2.7"), 200, "of a trusted proxy");
	assert.equal(await ask(behind, "127.0.0.1", "192.0.2.7, 198.51.100.1"), 401, "who writes it into the header himself");
	/* The proxy is one of the addresses: it may ask itself, and whom it does not name may not. */
	const itself = await Pool.start({ key_file, trusted_proxies: "127.0.0.1 10.0.0.0/8", metrics_addresses: "127.0.0.1 10.0.0.0/8" });
	for (const forwarded of ["unknown", "unix:", "_hidden", "198.51.100.1, unknown", "unknown, 10.1.2.3", ",", "203.0.113.9 198.51.100.1", Array(40).fill("10.1.2.3").join()])
		assert.equal(await ask(itself, "127.0.0.1", forwarded), 401, forwarded);
	for (const [forwarded, status] of [[undefined, 200], ["10.1.2.3", 200], ["10.1.2.3:4711", 200], ["198.51.100.1:4711", 401], ["unknown, 198.51.100.1", 401]])
		assert.equal(await ask(itself, "127.0.0.1", forwarded), status, forwarded);
	await itself.stop();
	/* It opens this route and no other. */
	assert.equal((await open.ask("GET", "/roles", { from: "192.0.2.7" })).status, 401);
	await each([closed, open, behind], (pool) => pool.stop());
});

/* ---- The text ---- */

test("metrics: promtool takes the text, and has nothing to say about it", async () => {
	await inTurn(6, (worker, i) => worker.ask("GET", i % 2 ? "/healthz" : "/nothing"));
	const done = await run("promtool", ["check", "metrics"], { input: (await scrape(workers[0])).text });
	assert.deepEqual([done.code, done.stdout, done.stderr], [0, "", ""]);
});

test("metrics: HEAD gives the same head and no body", async () => {
	const answer = await workers[0].ask("HEAD", "/metrics", { from: SCRAPER });
	assert.deepEqual([answer.status, answer.headers["content-type"], answer.bytes.length], [200, TYPE, 0]);
});

test("metrics: nothing that a client sends becomes a label, and no series is added by it", async () => {
	const mark = unique("mark"), seen = await scrape(workers[0]);
	await inTurn(3, (worker) => worker.ask("GET", `/${mark}`));
	const once = await scrape(workers[0]);
	for (const [method, path, options] of [["GET", `/${mark}/x`], [mark.toUpperCase(), "/healthz"], ["DELETE", "/healthz"], ["GET", `/roles/${mark}`], ["GET", `/healthz?${mark}`],
		["GET", "/healthz", { headers: { "User-Agent": mark, "X-Request-Id": mark } }], ["POST", "/auth/login", { json: { email: `${mark}@example.org`, password: mark } }],
		["DELETE", "/users/me/sessions/01932c07-209c-7c11-8b0e-6a3f5d2e9c41"], ["GET", `/metrics"} 1\n${mark}`]])
		await each(workers, (worker) => worker.ask(method, path, options));
	const all = await scrape(workers[0]);
	assert.ok(!all.text.toLowerCase().includes(mark), mark);
	assert.ok(!all.text.includes("01932c07"), "an id in a path");
	const before = new Set([...once.series.keys()]);
	const added = [...all.series.keys()].filter((key) => !before.has(key)).map((key) => /route="([^"]*)"/.exec(key)?.[1]);
	assert.deepEqual([...new Set(added)].sort(), ["/auth/login", "/roles/{role}", "/users/me/sessions/{id}"].filter((route) => !seen.text.includes(`"${route}"`)).sort(),
		"only routes of the table, the first time that they are asked");
});

/* ---- Requests ---- */

test("requests: each is counted once, by route, method and status, whichever worker had it; so are their durations", async () => {
	const user = await newSession();
	const seen = await scrape(workers[0]), began = performance.now();
	await inTurn(30, (worker) => worker.ask("GET", "/healthz"));
	await inTurn(12, (worker) => worker.ask("GET", "/users/me", { token: user.token }));
	await inTurn(6, (worker) => worker.ask("GET", "/users/me"));
	await inTurn(9, (worker) => worker.ask("HEAD", "/healthz"));
	await inTurn(3, (worker) => worker.ask("PATCH", "/users/me", { token: user.token, json: { name: "" } }));
	await inTurn(4, (worker) => worker.ask("GET", "/nothing"));
	await inTurn(5, (worker) => worker.ask("DELETE", "/healthz"));
	const took = (performance.now() - began) / 1000;
	const expected = { "GET /healthz 2xx": 39, "GET /users/me 2xx": 12, "GET /users/me 4xx": 6, "PATCH /users/me 4xx": 3, "other other 4xx": 9 };
	for (const worker of workers) {
		const now = await scrape(worker), requests = {};
		for (const [key, by] of Object.entries(grown(seen, now))) {
			const match = /^latch_http_requests_total\{method="(.*)",route="(.*)",status="(.*)"\}$/.exec(key);
			if (match && match[2] !== "/metrics")
				requests[match.slice(1).join(" ")] = by;
		}
		assert.deepEqual(requests, expected);
		let sum = 0;
		for (const [method, route, n] of [["GET", "/healthz", 39], ["GET", "/users/me", 18], ["PATCH", "/users/me", 3], ["other", "other", 9]]) {
			const name = "latch_http_request_duration_seconds", labels = `method="${method}",route="${route}"`;
			assert.equal(grown(seen, now)[`${name}_count{${labels}}`], n, `${route}: as many durations as requests`);
			sum += grown(seen, now)[`${name}_sum{${labels}}`];
		}
		assert.ok(sum > 0 && sum < took, `${sum} s of ${took} s`);
	}
});

test("requests: in each histogram buckets only grow, the last is the count, and the count is the sum over the statuses", async () => {
	const { series } = await scrape(workers[0]), name = "latch_http_request_duration_seconds";
	const routes = [...series.keys()].filter((key) => key.startsWith(`${name}_count{`)).map((key) => key.slice(`${name}_count{`.length, -1));
	assert.ok(routes.length >= 3, routes.join());
	for (const labels of routes) {
		const buckets = [...series].filter(([key]) => key.startsWith(`${name}_bucket{${labels},le=`));
		const bounds = buckets.map(([key]) => Number(/le="(.*)"/.exec(key)[1].replace("+Inf", "Infinity"))), values = buckets.map(([, value]) => value);
		assert.deepEqual(bounds, [...bounds].sort((a, b) => a - b), labels);
		assert.deepEqual(values, [...values].sort((a, b) => a - b), labels);
		assert.ok(bounds[0] === 0.0001 && bounds.at(-2) === 5 && bounds.at(-1) === Infinity, bounds.join());
		assert.equal(values.at(-1), series.get(`${name}_count{${labels}}`), labels);
		const statuses = [...series].filter(([key]) => key.startsWith(`latch_http_requests_total{${labels},`));
		assert.equal(statuses.length, 4, labels);
		assert.equal(statuses.reduce((sum, [, value]) => sum + value, 0), values.at(-1), labels);
	}
});

/* ---- Log-ins, refreshes ---- */

test("log-ins: 20 wrong ones over all workers are 20 more, in what each of them says", async () => {
	const seen = await scrape(workers[0]);
	for (const answer of await inTurn(20, (worker) => tryOn(worker, uniqueEmail(), newPassword())))
		assert.equal(answer.status, 401);
	for (const worker of workers)
		assert.deepEqual(grownBy(seen, await scrape(worker), "latch_logins_total"), { wrong: 20 });
	assert.deepEqual(grownBy(seen, await scrape(workers[1]), "latch_hashes_total"), { "": 20 });
});

test("log-ins: each outcome is counted as what it was", async () => {
	const [good, guessed, gone] = await each([1, 2, 3], () => newUser());
	await ctlOk(["user", "disable", gone.email]);
	const seen = await scrape(workers[0]);
	await inTurn(4, async (worker) => assert.equal((await tryOn(worker, good.email, good.password)).status, 200));
	await inTurn(2, async (worker) => assert.equal((await tryOn(worker, gone.email, gone.password)).status, 403));
	const statuses = (await inTurn(9, (worker) => tryOn(worker, guessed.email, newPassword()))).map(({ status }) => status);
	const slowed = statuses.filter((status) => status === 429).length;
	assert.ok(slowed >= 1 && statuses.every((status) => status === 401 || status === 429), statuses.join());
	assert.deepEqual(grownBy(seen, await scrape(workers[2]), "latch_logins_total"), { ok: 4, disabled: 2, wrong: 9 - slowed, slowed_down: slowed });
});

test("log-ins: what is answered 503 for want of a lane is busy, and refused, as often; what waited, waited", async () => {
	const costly = { argon2_memory_kib: 65536, argon2_passes: 4, hash_lanes: 1, hash_queue: 1, workers: 4, hash_wait_ms: 10000 };
	const pools = await together(4, costly), seen = await scrape(pools[0]);
	const began = performance.now();
	const answers = (await each([...pools, ...pools], (pool) => tryOn(pool, uniqueEmail(), newPassword()))).map(({ status }) => status);
	const took = (performance.now() - began) / 1000;
	const busy = answers.filter((status) => status === 503).length, wrong = answers.filter((status) => status === 401).length;
	assert.ok(busy >= 1 && wrong >= 2 && busy + wrong === 8, answers.join());
	const now = await scrape(pools[1]);
	assert.deepEqual(grownBy(seen, now, "latch_logins_total"), { wrong, busy });
	assert.deepEqual(grownBy(seen, now, "latch_hash_refused_total"), { "": busy });
	assert.deepEqual(grownBy(seen, now, "latch_hashes_total"), { "": wrong });
	const waited = grownBy(seen, now, "latch_hash_wait_seconds_total")[""];
	assert.ok(waited > 0.02 && waited < took * 4, `${waited} s in ${took} s`);
	await each(pools, (pool) => pool.stop());
});

test("lanes: one in use and one that waits are seen from another worker; of a worker that is killed nothing stays", async () => {
	const settings = { argon2_memory_kib: 262144, argon2_passes: 4, hash_lanes: 1, hash_queue: 1, workers: 4, hash_wait_ms: 10000 };
	const pools = await together(3, settings), [watch, first, second] = pools;
	const lanes = async () => {
		const { get: value } = await scrape(watch);
		return [value("latch_hash_lanes"), value("latch_hash_lanes_in_use"), value("latch_hash_lanes_waiting")].join();
	};
	assert.equal(await lanes(), "1,0,0");
	const hashing = tryOn(first, uniqueEmail(), newPassword()).catch(() => undefined);
	await until(async () => (await lanes()) === "1,1,0", 5000, "a lane in use");
	const waiting = tryOn(second, uniqueEmail(), newPassword()).catch(() => undefined);
	await until(async () => (await lanes()) === "1,1,1", 5000, "one that waits");
	await each([first, second], (pool) => pool.kill());
	assert.equal(await lanes(), "1,0,0");
	await each([hashing, waiting], (one) => one);
	await watch.stop();
});

test("refreshes: ok, replay and refused are told apart", async () => {
	const sessions = await each([1, 2], () => newUser());
	const tokens = await inTurn(2, async (worker, i) => (await tryOn(worker, sessions[i].email, sessions[i].password)).json().refresh_token);
	const seen = await scrape(workers[0]);
	const refresh = async (token) => (await workers[1].ask("POST", "/auth/refresh", { json: { refresh_token: token } }));
	const chain = [tokens[0]];
	for (let i = 0; i < 3; i++)
		chain.push((await refresh(chain.at(-1))).json().refresh_token);
	assert.equal((await refresh(chain[2])).status, 200, "the one before, within the grace period");
	assert.equal((await refresh(chain[0])).status, 401, "an old one");
	assert.equal((await refresh(chain[3])).status, 401, "of a session that has ended");
	assert.equal((await refresh("nonsense")).status, 401);
	assert.deepEqual(grownBy(seen, await scrape(workers[2]), "latch_refreshes_total"), { ok: 4, replay: 1, refused: 2 });
});

/* ---- Caches ---- */

test("caches: a worker's first sight of a token is a miss, and each further one a hit", async () => {
	const user = await newUser(), [worker] = workers;
	const { access_token: token } = (await tryOn(worker, user.email, user.password)).json();
	const seen = await scrape(worker);
	for (let i = 0; i < 6; i++)
		assert.equal((await worker.ask("GET", "/users/me", { token })).status, 200);
	const asked = await scrape(worker);
	assert.deepEqual(grownBy(seen, asked, "latch_token_cache_lookups_total"), { hit: 5, miss: 1 });
	for (let i = 0; i < 6; i++)
		assert.equal((await worker.ask("GET", "/auth/verify", { token })).status, 200);
	assert.deepEqual(grownBy(asked, await scrape(worker), "latch_verify_memory_lookups_total"), { hit: 5, miss: 1 });
});

/* ---- What lasts ---- */

test("counters: a worker that is killed takes none with it, and the one that comes goes on", async () => {
	const pools = await together(2), fresh = await scrape(pools[0]);
	await each(pools, async (pool) => {
		for (let i = 0; i < 10; i++)
			await pool.ask("GET", "/openapi.json");
	});
	const seen = await scrape(pools[0]), key = 'latch_http_requests_total{method="GET",route="/openapi.json",status="2xx"}';
	assert.equal(seen.get(key) - fresh.get(key), 20);
	const { key_file } = pools[0];
	await each(pools, (pool) => pool.kill());
	const next = await Pool.start({ key_file, trusted_proxies: "", metrics_addresses: SCRAPER });
	await next.ask("GET", "/openapi.json");
	const now = await scrape(next);
	assert.equal(now.get(key), seen.get(key) + 1);
	assert.equal(now.get("latch_worker_starts_total"), seen.get("latch_worker_starts_total") + 1);
	assert.equal(now.get("latch_counters_start_time_seconds"), seen.get("latch_counters_start_time_seconds"));
	assert.equal(now.get("latch_counters_shared"), 1);
	await next.stop();
});

test("gauges: version, schema, keys and connections are what the programs say", async () => {
	const now = await scrape(workers[0]);
	const version = (await run(FCGI, ["--version"])).stdout.trim().replace("latch ", "");
	assert.equal(now.get(`latch_build_info{version="${version}"}`), 1);
	assert.ok(now.get('latch_schema_version{of="program"}') >= 8);
	assert.equal(now.get('latch_schema_version{of="database"}'), now.get('latch_schema_version{of="program"}'));
	assert.equal(now.get('latch_signing_keys{state="signing"}'), 1);
	assert.equal(now.get("latch_database_up"), 1);
	assert.ok(now.get("latch_worker_starts_total") >= workers.length);
	assert.ok(now.get("latch_database_connections_total") >= workers.length);
	const since = now.get("latch_counters_start_time_seconds");
	assert.ok(Date.now() / 1000 - since >= 0 && since > 1.7e9, `${since}`);
});

/* ---- What is made of them ---- */

const named = (text) => [...new Set(text.match(/\blatch_[a-z_]+(?=[{[ )<>]|$)/g))];
const expressions = (dashboard) => dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

test("dashboard: each expression is PromQL, and names metrics and labels that there are", async () => {
	const dashboard = JSON.parse(readFileSync(join(CHECKOUT, "deploy/grafana/latch.json"), "utf8"));
	const { types, text } = await scrape(workers[0]);
	const all = expressions(dashboard);
	assert.ok(all.length >= 20, `${all.length} expressions`);
	for (const expression of all) {
		const names = named(expression);
		assert.ok(names.length >= 1, expression);
		for (const name of names) {
			const family = name in types ? name : name.replace(/_(bucket|sum|count)$/, "");
			assert.ok(family in types, `${name}, in ${expression}`);
			assert.equal(family !== name, types[family] === "histogram", `${name} is of a ${types[family]}`);
		}
		const labels = [...expression.matchAll(/([a-z_]+)=~?"/g), ...[...expression.matchAll(/by \(([a-z, ]+)\)/g)].flatMap(([, list]) => list.split(", ").map((one) => [one, one]))].map(([, one]) => one);
		for (const label of labels.filter((one) => one !== "job"))
			assert.match(text, new RegExp(`[{,]${label}="`), `label ${label}, in ${expression}`);
	}
	const rules = all.map((expr, i) => `      - record: test:${i}\n        expr: ${JSON.stringify(expr.replaceAll("$job", ".*").replaceAll("$__rate_interval", "5m"))}\n`);
	const file = join(scratch, "rules.yml");
	writeFileSync(file, `groups:\n  - name: dashboard\n    rules:\n${rules.join("")}`);
	const done = await run("promtool", ["check", "rules", file]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	for (const [word, expected] of Object.entries({ "0\\.5,": 1, "0\\.99,": 1, latch_logins_total: 1, latch_hash_lanes_in_use: 1, latch_database_errors_total: 1, 'result="hit"': 2, latch_sessions_live: 1 }))
		assert.ok(all.filter((expression) => new RegExp(word).test(expression)).length >= expected, `nothing shows ${word}`);
});

test("alerts: promtool takes the rules, and they name metrics that there are", async () => {
	const file = join(CHECKOUT, "deploy/prometheus/latch-alerts.yml");
	const done = await run("promtool", ["check", "rules", file]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	const { types } = await scrape(workers[0]);
	const names = named(readFileSync(file, "utf8"));
	assert.ok(names.length >= 4, names.join());
	for (const name of names)
		assert.ok(name in types, name);
});
