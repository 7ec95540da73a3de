import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { expectProblem, get } from "../lib/api.mjs";
import { databaseBack, databaseRuns, startDatabase, stopDatabase } from "../lib/database.mjs";
import { send } from "../lib/http.mjs";
import { BASE, CHECKOUT, config, hold, q, sleep, sql, until, workers } from "../lib/instance.mjs";
import { grown, grownBy, parse, SCRAPER, scrape, together, tryOn } from "../lib/metrics.mjs";
import { newAdmin, newHolder, newPassword, newSession, newUser, uniqueEmail } from "../lib/users.mjs";

after(databaseRuns);
const scratch = mkdtempSync(join(tmpdir(), "latch-metrics-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const live = async () => Number((await sql("SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL AND expires_at > UTC_TIMESTAMP(3)"))[0][0]);
/* What lies in the database, and so is not there without it. */
const OF_THE_DATABASE = ["latch_sessions_live", 'latch_schema_version{of="database"}'];

test("metrics: live sessions are those that the database has, without expired and ended ones, and counted once a minute for all workers", async () => {
	const pools = await together(3), user = await newUser();
	const begin = async () => (await tryOn(pools[0], user.email, user.password)).json();
	const [expired, ended] = [await begin(), await begin(), await begin()];
	const session = ({ access_token: token }) => JSON.parse(Buffer.from(token.split(".")[1], "base64url")).sid;
	await sql(`UPDATE sessions SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE id = '${session(expired)}'`);
	assert.equal((await pools[0].ask("POST", "/auth/logout", { token: ended.access_token })).status, 204);
	const expected = await live();
	assert.ok(expected >= 1);
	assert.equal((await scrape(pools[0])).get("latch_sessions_live"), expected);
	await begin();
	for (const pool of pools)
		assert.equal((await scrape(pool)).series.get("latch_sessions_live"), expected, "not counted again within the minute");
	assert.equal(await live(), expected + 1);
	await Promise.all(pools.map((pool) => pool.stop()));
});

test("metrics: without the database the counters are told, and count that it is away; the gauges of it are not there", async () => {
	const pools = await together(2), holder = await newHolder(await newAdmin(), ["metrics:read"]);
	const seen = await scrape(pools[0]);
	for (const name of OF_THE_DATABASE)
		assert.ok(seen.series.has(name), name);
	await stopDatabase();
	for (const pool of pools)
		assert.equal((await tryOn(pool, uniqueEmail(), newPassword())).status, 503);
	for (const pool of pools) {
		const began = performance.now(), away = await scrape(pool);
		assert.ok(performance.now() - began < 1000, "at once");
		assert.equal(away.get("latch_database_up"), 0);
		for (const name of OF_THE_DATABASE)
			assert.ok(!away.series.has(name), name);
		assert.ok(away.get("latch_hash_lanes") >= 1);
		const counted = Object.values(grownBy(seen, away, "latch_database_errors_total")).reduce((sum, n) => sum + n, 0);
		assert.ok(counted >= 1, "database errors");
		assert.equal(grown(seen, away)['latch_http_requests_total{method="POST",route="/auth/login",status="5xx"}'], 2);
	}
	/* By a permission, which only the database can prove. */
	expectProblem(await get("/metrics", { token: holder.token }), "unavailable");
	await startDatabase();
	await databaseBack();
	await until(async () => (await scrape(pools[0])).get("latch_database_up") === 1, 5000, "its return");
	const back = await scrape(pools[0]);
	assert.ok(back.get("latch_database_connections_total") > seen.get("latch_database_connections_total"), "a connection was made anew");
	assert.ok(grownBy(seen, back, "latch_database_errors_total").connect >= 1, JSON.stringify(grownBy(seen, back, "latch_database_errors_total")));
	await Promise.all(pools.map((pool) => pool.stop()));
});

test("metrics: a request that meets a row which another holds too long is an error of the database; clean-up that does is none", async () => {
	const pools = await together(2), user = await newSession();
	await sql("UPDATE housekeeping SET due_at = UTC_TIMESTAMP(3)");
	const { released } = await hold("SELECT * FROM housekeeping FOR UPDATE", 9);
	const seen = await scrape(pools[0]), end = performance.now() + 8000;
	/* Longer than a worker waits from one look to the next. */
	while (performance.now() < end) {
		for (const pool of pools)
			assert.equal((await pool.ask("GET", "/healthz")).status, 200);
		await sleep(200);
	}
	assert.deepEqual(grownBy(seen, await scrape(pools[1]), "latch_database_errors_total"), {});
	await released;
	const held = await hold(`SELECT id FROM users WHERE id = ${q(user.id)} FOR UPDATE`, 2.5);
	assert.equal((await pools[1].ask("PATCH", "/users/me", { token: user.token, json: { name: "Held" } })).status, 503);
	assert.deepEqual(grownBy(seen, await scrape(pools[0]), "latch_database_errors_total"), { locked: 1 });
	await held.released;
	await Promise.all(pools.map((pool) => pool.stop()));
});

test("metrics: a pool whose workers were all killed goes on counting where it was", async () => {
	const { token } = await newHolder(await newAdmin(), ["metrics:read"]), size = Number(config("workers"));
	const ours = async () => parse((await get("/metrics", { token })).text);
	for (let i = 0; i < 25; i++)
		await get("/openapi.json");
	const seen = await ours(), key = 'latch_http_requests_total{method="GET",route="/openapi.json",status="2xx"}';
	assert.ok(seen.get(key) >= 25);
	for (const pid of workers())
		process.kill(pid, "SIGKILL");
	await until(async () => workers().length === size && (await send("GET", "/readyz").catch(() => ({}))).status === 200, 8000, "a whole pool");
	await until(async () => (await ours()).get("latch_worker_starts_total") === seen.get("latch_worker_starts_total") + size, 8000, `${size} starts`);
	const now = await ours();
	assert.equal(now.get(key), seen.get(key));
	assert.equal(now.get("latch_counters_start_time_seconds"), seen.get("latch_counters_start_time_seconds"));
});

const freePort = () => new Promise((done) => {
	const server = createServer().listen(0, "127.0.0.1", () => {
		const { port } = server.address();
		server.close(() => done(port));
	});
});

/* As docs/metrics.md has it, with this instance for a target. It sends no X-Forwarded-For, so it is what trusted_proxies has as 127.0.0.1. */
test("metrics: Prometheus with the documented configuration scrapes them, and loads the alerts", async () => {
	const { token } = await newHolder(await newAdmin(), ["metrics:read"]), { host, pathname } = new URL(BASE);
	const documented = /```yaml\n([^]*?)```/.exec(readFileSync(join(CHECKOUT, "docs/metrics.md"), "utf8"))[1];
	const ours = documented.replace("scheme: https", `scheme: http\n    metrics_path: ${pathname.replace(/\/$/, "")}/metrics\n    authorization: { credentials: ${token} }`)
		.replace("15s", "1s").replace("login.example.org", host).replace("latch-alerts.yml", join(CHECKOUT, "deploy/prometheus/latch-alerts.yml"));
	assert.ok(ours.includes(host) && ours.includes(CHECKOUT), ours);
	writeFileSync(join(scratch, "prometheus.yml"), ours);
	const port = await freePort();
	const child = spawn("prometheus", [`--config.file=${join(scratch, "prometheus.yml")}`, `--storage.tsdb.path=${join(scratch, "data")}`, `--web.listen-address=127.0.0.1:${port}`], { stdio: ["ignore", "ignore", "pipe"] });
	let log = "";
	child.stderr.on("data", (part) => (log += part));
	const ended = new Promise((done) => child.on("close", done));
	try {
		const ask = async (path) => (await (await fetch(`http://127.0.0.1:${port}/api/v1/${path}`)).json()).data;
		const query = async (text) => (await ask(`query?query=${encodeURIComponent(text)}`)).result;
		const up = await until(() => query('up{job="latch"} == 1').then(([one]) => one, () => undefined), 20_000, `a scrape: ${log}`);
		assert.equal(up.metric.instance, host);
		assert.equal((await query("latch_build_info")).length, 1);
		assert.ok((await query('sum(latch_http_request_duration_seconds_count) > 0 and histogram_quantile(0.99, sum by (le) (latch_http_request_duration_seconds_bucket)) > 0')).length === 1);
		const { groups } = await ask("rules"), { query: away } = groups.flatMap(({ rules }) => rules).find(({ name }) => name === "LatchAway");
		assert.deepEqual(await query(away), [], "it is not away");
		assert.equal((await query(away.replaceAll('"latch"', '"another"'))).length, 1, "one that is not scraped is");
		assert.deepEqual(groups.flatMap(({ rules }) => rules.map(({ name }) => name)).sort(), ["LatchAway", "LatchDatabaseFailing", "LatchLogInsTurnedAway", "LatchPasswordsGuessed"]);
	} finally {
		child.kill("SIGTERM");
		await ended;
	}
});
