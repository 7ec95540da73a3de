/* What runs out, and what is wrong with the clock: the behaviour that docs/operations.md names. */
import assert from "node:assert/strict";
import { chmodSync, closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { CHECKOUT, CONF, CTL, run, sleep, until } from "../http/lib/instance.mjs";
import { newPassword, unique } from "../http/lib/users.mjs";
import { as, FULL, SHIM, Worker } from "./inject-worker.mjs";
import { checkClean, somebody, witness } from "./inject-walk.mjs";

const DAY_S = 86_400;
const me = (worker, token) => worker.ask("GET", "/users/me", { token });
const signIn = (worker, { email, password }) => worker.ask("POST", "/auth/login", { json: { email, password } });

const tmp = mkdtempSync(join(tmpdir(), "latch-limits-"));
chmodSync(tmp, 0o755);
before(() => witness.start());
after(async () => {
	await checkClean(witness);
	rmSync(tmp, { recursive: true, force: true });
});

/* ---- Logs ---- */

/** Every kind of request, with the answer that it has on a good day. */
async function aGoodDay(worker) {
	const user = await somebody();
	const fresh = { email: `${unique("l")}@fault.example`, password: newPassword() };
	assert.equal((await worker.ask("POST", "/auth/register", { json: fresh })).status, 201);
	const login = await signIn(worker, fresh);
	assert.equal(login.status, 200, login.text);
	assert.equal((await me(worker, login.json().access_token)).status, 200);
	assert.equal((await me(worker, user.token)).status, 200);
	assert.equal((await signIn(worker, { ...user, password: "wrong-password" })).status, 401);
	assert.equal((await worker.ask("GET", "/nothing")).status, 404);
}

test("the log's disk is full: every request is answered as ever, and the worker ends as ever", async () => {
	const full = openSync("/dev/full", "w");
	const worker = await new Worker({ shim: false, stderr: full }).start();
	closeSync(full);
	await aGoodDay(worker);
	await checkClean(worker);
});

test("the log has reached the size it may have (RLIMIT_FSIZE): every request is answered as ever", async () => {
	const file = join(tmp, "size.log"), log = openSync(file, "a");
	const worker = await new Worker({ shim: false, stderr: log, limits: ["prlimit", "--fsize=1000", "--"] }).start();
	closeSync(log);
	for (let i = 0; i < 3; i++)
		await aGoodDay(worker);
	assert.equal(statSync(file).size, 1000, "the log has not reached its limit");
	await checkClean(worker);
});

/* ---- Descriptors ---- */

const ticks = (pid) => readFileSync(`/proc/${pid}/stat`, "latin1").replace(/^.*\) /s, "").split(" ").slice(11, 13).map(Number).reduce((a, b) => a + b);

async function limitFiles(pid, soft) {
	const [file, ...words] = [...as, "prlimit", "--pid", String(pid), `--nofile=${soft}:`];
	const done = await run(file, words);
	assert.equal(done.code, 0, done.stderr);
}

test("no descriptor is left for a connection: requests wait, the log says why, the processor is idle; then they are answered", async (t) => {
	const worker = await new Worker({ shim: false }).start();
	const user = await somebody();
	assert.equal((await me(worker, user.token)).status, 200);
	await sleep(500); /* its last connection lingers */
	const open = readdirSync(`/proc/${worker.pid}/fd`).map(Number);
	await limitFiles(worker.pid, [...Array(64).keys()].find((fd) => !open.includes(fd)));

	let answered = false;
	const asked = me(worker, user.token).finally(() => (answered = true));
	await sleep(200);
	const before = ticks(worker.pid);
	await sleep(2000);
	const spent = ticks(worker.pid) - before;
	assert.ok(!answered, "answered without a descriptor");
	assert.match(worker.log, /level=error FastCGI accept: Too many open files/);
	const lines = worker.log.match(/FastCGI accept/g).length;
	assert.ok(lines >= 5 && lines <= 40, `${lines} lines about it in 2.2 s`);
	assert.ok(spent <= 20, `it used ${spent} of 200 ticks of the processor`);

	await limitFiles(worker.pid, 256);
	const answer = await asked;
	assert.equal(answer.status, 200, answer.text);
	t.diagnostic(`${spent} of 200 ticks, ${lines} lines in 2.2 s; answered after ${answer.ms.toFixed(0)} ms`);
	await aGoodDay(worker);
	await checkClean(worker);
});

/* ---- The clock ---- */

/** latchctl doctor's line about the clock, with the clock so far off. */
async function doctor(shift_s) {
	const control = join(tmp, "doctor.control"), bytes = Buffer.alloc(8 * 9 + 64);
	bytes.writeBigInt64LE(BigInt(shift_s), 8 * 8);
	writeFileSync(control, bytes);
	chmodSync(control, 0o666);
	const { stdout, stderr } = await run(CTL, ["--config", CONF, "doctor"], { env: { LD_PRELOAD: SHIM, INJECT_FILE: control, ASAN_OPTIONS: "verify_asan_link_order=0:detect_leaks=0" } });
	return /^.*clock: .*$/m.exec(stdout + stderr)?.[0] ?? stdout + stderr;
}

test("a clock a day ahead: nobody else's token is good there, nor its own elsewhere; set right, all is as before", async () => {
	const worker = await new Worker().start(), user = await somebody();
	assert.equal((await me(worker, user.token)).status, 200);
	worker.inject({ shift_s: DAY_S });
	const old = await me(worker, user.token);
	assert.equal(old.status, 401);
	assert.equal(old.json().code, "invalid_token");
	assert.equal((await worker.ask("GET", "/readyz")).status, 200);
	const login = await signIn(worker, user);
	assert.equal(login.status, 200, login.text);
	const token = login.json().access_token;
	assert.equal((await me(worker, token)).status, 200, "its own token, there");
	assert.equal((await me(witness, token)).status, 401, "a token from tomorrow");
	assert.equal((await me(witness, user.token)).status, 200, "the others");
	assert.match(await doctor(DAY_S), /clock: 86\d{6} ms from the database's; let both follow NTP/);

	worker.inject({});
	assert.equal((await me(worker, user.token)).status, 200, "set right");
	assert.equal((await me(witness, (await signIn(worker, user)).json().access_token)).status, 200);
	assert.doesNotMatch(await doctor(0), /NTP/);
	await checkClean(worker);
});

test("a clock a day behind: tokens from its future are refused, keys from its future do not sign; set right, all is as before", async () => {
	const worker = await new Worker().start(), user = await somebody();
	worker.inject({ shift_s: -DAY_S });
	const early = await me(worker, user.token);
	assert.equal(early.status, 401);
	assert.equal(early.json().code, "invalid_token");
	/* The instance's key was made today. */
	assert.equal((await worker.ask("GET", "/readyz")).status, 503);
	const login = await signIn(worker, user);
	assert.equal(login.status, 503, login.text);
	assert.match(worker.log, /level=error no signing key can be used/);
	assert.equal((await worker.ask("GET", "/healthz")).status, 200);
	assert.match(await doctor(-DAY_S), /clock: 86\d{6} ms from the database's; let both follow NTP/);

	worker.inject({});
	assert.equal((await me(worker, user.token)).status, 200, "set right");
	assert.equal((await signIn(worker, user)).status, 200);
	await checkClean(worker);
});

/* ---- The database's disk ---- */

const freePort = () => new Promise((done) => {
	const server = net.createServer().listen(0, "127.0.0.1", () => {
		const { port } = server.address();
		server.close(() => done(port));
	});
});

/** One request on a connection of its own, to whatever instance: a POST where there is a body. */
const request = (url, json, token) => new Promise((done, fail) => {
	const body = json && JSON.stringify(json);
	const headers = { ...(body && { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) }), ...(token && { Authorization: `Bearer ${token}` }) };
	http.request(url, { method: body ? "POST" : "GET", headers, agent: false, timeout: 10_000 }, (answer) => {
		const parts = [];
		answer.on("data", (part) => parts.push(part));
		answer.on("end", () => {
			const text = Buffer.concat(parts).toString();
			done({ status: answer.statusCode, body: text, json: () => JSON.parse(text) });
		});
	}).on("timeout", function () {
		this.destroy(new Error(`${url}: no answer within 10 s`));
	}).on("error", fail).end(body);
});

/** Takes what is left of that disk; the file that holds it. */
function fillDisk(directory) {
	const file = join(directory, "filler"), fd = openSync(file, "w");
	for (let size = 1 << 20; size >= 1;) {
		try {
			if (writeSync(fd, Buffer.alloc(size)) < size)
				size >>= 1;
		} catch (error) {
			assert.equal(error.code, "ENOSPC");
			size >>= 1;
		}
	}
	closeSync(fd);
	return file;
}

test("the disk of the database and of the log is full: who reads is served, who writes gets 503 in time; what was promised is there", async (t) => {
	const disk = join(tmp, "disk"), dir = join(disk, "stack"), MOST = FULL ? 5000 : 1500;
	const mounted = await run("sh", ["-c", 'mkdir "$1" && mount -t tmpfs -o size=450m,mode=755 latch-limits "$1"', "sh", disk]).catch((error) => ({ code: 1, stderr: error.message }));
	if (mounted.code !== 0)
		return t.skip(`a small disk of its own cannot be mounted here: ${mounted.stderr.trim()}`);
	const port = await freePort(), url = `http://127.0.0.1:${port}`;
	const up = (...words) => run(join(CHECKOUT, "deploy", words[0]), ["--dir", dir, ...words.slice(1)], { timeout: 120_000 });
	try {
		const started = await up("up", "--port", String(port), "--workers", "3", "--set", "argon2_memory_kib=1024", "--set", "argon2_passes=1", "--set", "login_address_free=0", "--set", "register_per_hour=0");
		assert.equal(started.code, 0, started.stdout + started.stderr);
		const ask = async (path, json, token) => {
			const began = performance.now();
			const answer = await request(url + path, json, token);
			assert.ok(performance.now() - began < 6000, `${path}: ${(performance.now() - began).toFixed(0)} ms`);
			return answer;
		};
		const made = [], refused = [];
		const register = async () => {
			const user = { email: `${unique("d")}@fault.example`, password: newPassword() };
			const answer = await ask("/auth/register", user);
			assert.ok([201, 503].includes(answer.status), answer.body);
			(answer.status === 201 ? made : refused).push(user);
			return answer;
		};
		assert.equal((await register()).status, 201);
		const { access_token: token } = (await ask("/auth/login", made[0])).json();

		const filler = fillDisk(disk);
		while (refused.length < 3 && made.length < MOST)
			await register();
		assert.ok(refused.length > 0, `${made.length} accounts on a full disk, and none refused`);
		assert.equal((await ask("/users/me", null, token)).status, 200, "who reads");
		assert.equal((await ask("/healthz")).status, 200);
		const login = await ask("/auth/login", made[0]);
		assert.ok([200, 503].includes(login.status), login.body);
		const logged = statSync(join(dir, "log", "latch.log")).size;
		t.diagnostic(`${made.length} accounts were made before one was refused; a log-in then: ${login.status}`);

		rmSync(filler);
		await until(async () => (await register()).status === 201, 10_000, "a registration after there is room again");
		await until(() => statSync(join(dir, "log", "latch.log")).size > logged, 5000, "the log going on");
		for (const user of [made[0], made[made.length >> 1], ...made.slice(-5)])
			assert.equal((await ask("/auth/login", user)).status, 200, "a 201 that was none");
		for (const user of refused)
			assert.ok([200, 401].includes((await ask("/auth/login", user)).status));
		const rows = await run("sh", ["-c", 'mariadb --no-defaults -N --socket="$1/run/db.sock" --user="$(id -un)" latch -e "SELECT COUNT(*) FROM users WHERE email LIKE \'d%@fault.example\'; CHECK TABLE users, sessions"', "sh", dir]);
		const [count, ...checks] = rows.stdout.trim().split("\n");
		assert.ok(Number(count) >= made.length && Number(count) <= made.length + refused.length, `${count} rows for ${made.length} accounts`);
		assert.deepEqual(checks.map((line) => line.split("\t").pop()), ["OK", "OK"], rows.stdout + rows.stderr);
	} finally {
		const stopped = await up("down");
		await run("umount", [disk]);
		assert.equal(stopped.code, 0, stopped.stdout + stopped.stderr);
	}
});
