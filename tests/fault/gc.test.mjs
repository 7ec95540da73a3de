/* Millions of old sessions are cleaned up while latch serves. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import { after, test } from "node:test";
import { databaseRuns, stopDatabase } from "../http/lib/database.mjs";
import { send } from "../http/lib/http.mjs";
import { config, ctl, logText, pidOf, sleep, sql, up, workers } from "../http/lib/instance.mjs";
import { login, newSession, newUser, tryLogin } from "../http/lib/users.mjs";
import { form, FULL, progress, quantile, say, worst } from "./lib/fault.mjs";
import { watchStalls } from "./lib/stalls.mjs";
import { addOldSessions, admin, OLD } from "./lib/old-sessions.mjs";

const TOTAL = form(5_000_000, 50_000), LIVE_EVERY = 50, LONGEST_S = 0.1;
const number = async (where) => Number((await sql(`SELECT COUNT(*) FROM sessions WHERE ${where}`))[0][0]);
/* Which ones: a sum over their ids, which is another one if one is exchanged. */
const living = async () => (await sql(`SELECT COUNT(*), BIT_XOR(CRC32(id)), SUM(CRC32(CONCAT(id, user_id, expires_at))) FROM sessions WHERE NOT ${OLD} AND created_at < ${`'${began}'`}`))[0];
const [[began]] = await sql("SELECT UTC_TIMESTAMP(3)");
const watched = ["slow_query_log", "long_query_time", "log_output"];
const before = await admin(`SELECT ${watched.map((name) => `@@global.${name}`).join(", ")}`);

/* How long a statement takes is to be MariaDB's doing, not that of whatever else runs on this machine: only root can see to that. */
function prefer(pid, nice) {
	try {
		for (const thread of readdirSync(`/proc/${pid}/task`))
			setPriority(Number(thread), nice);
		writeFileSync(`/proc/${pid}/autogroup`, String(nice));
	} catch (error) {
		say(`the database runs at the priority of everybody else: ${error.message}`);
	}
}

/* Everything that takes longer from here on is written down by MariaDB itself; connections that are there already do not
 * know of it, so they are ended, and the workers make new ones. */
async function watch() {
	await admin(`TRUNCATE TABLE mysql.slow_log; SET GLOBAL log_output = 'TABLE', GLOBAL long_query_time = ${LONGEST_S}, GLOBAL slow_query_log = ON`);
	for (const [id] of await admin(`SELECT id FROM information_schema.processlist WHERE user = '${config("db_user")}'`))
		await admin(`KILL ${id}`).catch(() => {});
}
const slow = async () => (await admin("SELECT ROUND(1000 * UNIX_TIMESTAMP(start_time)), TIME_TO_SEC(query_time), REPLACE(LEFT(sql_text, 200), '\\n', ' ') FROM mysql.slow_log")).map(([at, seconds, text]) => ({ at: Number(at), seconds: Number(seconds), text }));

after(async () => {
	const [[log, time, output]] = before;
	prefer(pidOf("db"), 0);
	await admin(`SET GLOBAL slow_query_log = ${log}, GLOBAL long_query_time = ${time}, GLOBAL log_output = '${output}'`);
	await sql(`DELETE FROM sessions WHERE created_at < '${began}'`).catch(() => {});
});

test(`latchctl gc removes ${TOTAL} sessions while requests run: no statement of it takes ${LONGEST_S * 1000} ms, and no living session goes`, { timeout: 3_600_000 }, async (t) => {
	const user = await newSession();
	const other = await newUser();
	await addOldSessions(TOTAL, LIVE_EVERY);
	const alive = await living(), old = await number(OLD);
	assert.equal(Number(alive[0]) >= TOTAL / LIVE_EVERY, true, `${alive[0]} live`);
	assert.equal(old, TOTAL - TOTAL / LIVE_EVERY, "the old ones");
	prefer(pidOf("db"), -15);
	await watch();
	await sql("SELECT SLEEP(0.15)", { as: "service" });
	assert.equal((await slow()).filter(({ text }) => text.includes("SLEEP(0.15)")).length, 1, "MariaDB does not write down what is slow");

	const quietly = [], times = [], logins = [], failures = [];
	let over = false, begun = false, token = user.token;
	const ask = async (list, one) => {
		const from = performance.now();
		const answer = await one().catch((error) => ({ status: error.message }));
		list.push(performance.now() - from);
		if (answer.status !== 200)
			failures.push([answer.status, answer.text]);
	};
	const clients = [...Array.from({ length: 4 }, async () => {
		while (!over) {
			await ask(begun ? times : quietly, () => send("GET", "/users/me", { headers: { Authorization: `Bearer ${token}` } }));
			await sleep(5);
		}
	}), (async () => {
		for (let i = 0; !over; i++) {
			await ask(logins, () => tryLogin(other.email, other.password));
			await sleep(300);
			if (i % 500 === 499)
				token = (await login(user)).access_token;
		}
	})()];
	const quiet = progress(() => `${times.length} requests, p99 ${quantile(times, 0.99).toFixed(1)} ms`, 30_000);
	const stalls = watchStalls((pid) => prefer(pid, -15));
	let done;
	try {
		await sleep(form(15_000, 1000));
		begun = true;
		done = await ctl(["gc"], { timeout: 3_000_000 });
	} finally {
		over = true;
		quiet();
		await Promise.all(clients);
	}
	if (FULL)
		say(done.stdout);
	assert.equal(done.code, 0, done.stderr);
	const [, rows, seconds, rate, longest] = /^(\d+) rows removed in ([\d.]+) s \((\d+)\/s\), longest statement ([\d.]+) ms$/m.exec(done.stdout);
	const statements = await slow(), deletes = statements.filter(({ text }) => /DELETE/i.test(text));
	await stalls.stop();
	/* But for the time in which a program that did next to nothing was not served either. */
	const long = deletes.filter(({ at, seconds }) => 1000 * seconds - stalls.during(at, 1000 * seconds) > 1000 * LONGEST_S);
	t.diagnostic(`${rows} rows in ${seconds} s, ${rate} rows/s, longest statement ${longest} ms; GET /users/me before: median ${quantile(quietly, 0.5).toFixed(1)} ms, p99 ${quantile(quietly, 0.99).toFixed(1)} ms, longest ${worst(quietly).toFixed(0)} ms; meanwhile: ${times.length}, median ${quantile(times, 0.5).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms, longest ${worst(times).toFixed(0)} ms; log-ins: ${logins.length}, p99 ${quantile(logins, 0.99).toFixed(0)} ms; statements of all kinds above 100 ms: ${statements.length - 1}, DELETEs: ${deletes.map(({ at, seconds }) => `${(1000 * seconds).toFixed(0)} ms, of which the machine stood still ${stalls.during(at, 1000 * seconds)}`).join("; ") || "none"}; its longest stall ${stalls.worst()} ms`);
	assert.deepEqual(long, [], "DELETEs above 100 ms, as MariaDB counts");
	/* It waits for a processor as well, so its own count is for orientation. */
	assert.ok(Number(longest) > 0, done.stdout);
	assert.deepEqual(failures.slice(0, 3), [], `${failures.length} requests failed`);
	assert.ok(times.length > 20 && logins.length > 0, "hardly any load");
	assert.equal(await number(OLD), 0, "old ones are left");
	assert.deepEqual(await living(), alive, "living ones are gone");
	/* The workers may have taken some themselves. */
	assert.ok(Number(rows) <= old && Number(rows) > old / 2, `${rows} of ${old}`);
});

/* Of two workers, so that both would be seen to wait. */
test("the clean-up makes no worker wait for a database that hangs or is away, and the log stays short", { timeout: 300_000 }, async (t) => {
	const size = config("workers");
	const resize = async (to) => {
		const done = await up(["--set", `workers=${to}`]);
		assert.equal(done.code, 0, done.stdout + done.stderr);
	};
	const lines = () => logText().split("\n").filter((line) => line.includes("clean-up")).length;
	const told = lines();
	const during = async (what, ms) => {
		const times = [];
		const end = Date.now() + ms;
		await Promise.all(Array.from({ length: 4 }, async () => {
			while (Date.now() < end) {
				const from = performance.now();
				assert.equal((await send("GET", "/healthz")).status, 200);
				times.push(performance.now() - from);
				await sleep(5);
			}
		}));
		t.diagnostic(`${what} for ${ms} ms: ${times.length} requests, p99 ${quantile(times, 0.99).toFixed(1)} ms, longest ${worst(times).toFixed(0)} ms`);
		assert.ok(times.length > 100 && worst(times) < 700, `${what}: the longest took ${worst(times).toFixed(0)} ms`);
	};
	await resize(2);
	/* Turns for the taking, so that every look comes to something. */
	await sql("UPDATE housekeeping SET due_at = UTC_TIMESTAMP(3)");
	const pool = workers();
	try {
		const pid = pidOf("db");
		process.kill(pid, "SIGSTOP");
		try {
			/* By then both are due to look for work, after their first reply, and there is no third who could answer. */
			await sleep(6500);
			await during("a database that hangs", form(30_000, 2000));
		} finally {
			process.kill(pid, "SIGCONT");
		}
		if (FULL) {
			await stopDatabase();
			await during("a database that is away", 30_000).finally(databaseRuns);
		}
		assert.deepEqual(workers(), pool, "the same workers");
		assert.ok(lines() - told <= 2, `${lines() - told} lines`);
	} finally {
		await resize(size);
	}
});
