/*
 * How a worker asks somebody else's server: core/courier.c and latch-outbound, against one that does whatever it can to hold or to hurt who asks. No route is
 * needed for it, and no stack: tests/unit/ask.c is a worker as far as this goes.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { CHECKOUT, run } from "./lib/instance.mjs";
import { Hostile } from "./lib/hostile.mjs";
import { freePort } from "./lib/mount.mjs";
import { authority } from "./lib/site.mjs";

const SANITIZED = process.env.LATCH_BUILD === "asan";
const BUILD = SANITIZED ? "build/asan" : "build";
const PROGRAM = join(CHECKOUT, BUILD, "latch-outbound");
const built = await run("make", ["-s", ...(SANITIZED ? ["asan", `GOALS=${BUILD}/unit/ask`] : [`${BUILD}/unit/ask`])], { timeout: 200_000 });
assert.equal(built.code, 0, built.stderr);

/* What is beyond the time that was asked for: core/courier.h, and two busy cores. */
const GRACE_MS = 500 + 400;
const HEAD_MAX = 4096, BODY_MAX = 16384, TOTAL_MS = 700;

const scratch = mkdtempSync(join(tmpdir(), "latch-outbound-"));
const ours = authority(), theirs = authority();
const hostile = new Hostile();
const port = await hostile.listen(ours.of(30, "IP:127.0.0.1,IP:::1,DNS:localhost"));
let lanes = 0;
const children = new Set();
after(async () => {
	for (const child of children)
		child.kill("SIGKILL");
	await hostile.stop();
	rmSync(scratch, { recursive: true });
});

/** Another set of lanes for each: tests do not wait for each other. */
function laneFile() {
	const path = join(scratch, `lanes${++lanes}`);
	writeFileSync(path, "");
	return path;
}

/** A worker that has opened a courier: {open, pid, ask(), close()}. */
class Worker {
	static async start({ file = laneFile(), places = 1, total = 60_000, program = PROGRAM } = {}) {
		const worker = new Worker();
		worker.child = spawn(join(CHECKOUT, BUILD, "unit/ask"), [program, file, String(places), String(total)], { stdio: ["pipe", "pipe", "pipe"] });
		worker.lines = createInterface({ input: worker.child.stdout })[Symbol.asyncIterator]();
		worker.stderr = "";
		worker.child.stderr.on("data", (text) => worker.stderr += text);
		children.add(worker.child);
		worker.child.on("close", () => children.delete(worker.child));
		worker.ended = new Promise((done) => worker.child.on("close", (code, signal) => done({ code, signal })));
		Object.assign(worker, await worker.#line());
		return worker;
	}

	async #line() {
		const { value, done } = await this.lines.next();
		assert.ok(!done, `a line: ${this.stderr}`);
		return JSON.parse(value);
	}

	async ask(url, { method = "-", ca = ours.ca, allow = true, connect = TOTAL_MS, total = TOTAL_MS, head = HEAD_MAX, body = BODY_MAX, send = "-" } = {}) {
		const began = performance.now();
		this.child.stdin.write(`${[method, url, ca, allow ? 1 : 0, connect, total, head, body, send].join(" ")}\n`);
		const answer = await this.#line();
		return { ...answer, ms: performance.now() - began };
	}

	/** The end: nothing is left of the program. */
	async close() {
		this.child.stdin.end();
		const last = await this.#line();
		const { code, signal } = await this.ended;
		assert.deepEqual([code, signal], [0, null], this.stderr);
		assert.doesNotMatch(this.stderr, /Sanitizer|runtime error/);
		assert.equal(last.childless, true, "no child is left, nor a zombie");
		return last;
	}
}

/** One question, of a worker of its own. */
async function ask(url, options) {
	const worker = await Worker.start();
	assert.equal(worker.open, "ok");
	const answer = await worker.ask(url, options);
	await worker.close();
	return answer;
}

const at = (path) => `https://127.0.0.1:${port}${path}`;

test("outbound: what is asked arrives as it was given, and the answer as it was sent", async () => {
	const answer = await ask(at("/ok?x=%2e%2E/../y"), { method: "POST", send: "grant_type=authorization_code&code=a b" });
	assert.equal(answer.result, "ok");
	assert.equal(answer.status, 200);
	assert.match(answer.head, /^HTTP\/1\.1 200 OK\r\n[^]*X-Way: ok\r\n/);
	const asked = JSON.parse(answer.body);
	assert.deepEqual([asked.method, asked.query, asked.body], ["POST", "x=%2e%2E/../y", "grant_type=authorization_code&code=a b"]);
	assert.match(asked.headers["user-agent"], /^latch\//);
	assert.equal(asked.headers["accept-encoding"], undefined, "nothing is unpacked");
	assert.equal(answer.why, "");
});

test("outbound: the questions of one sign-in share a connection", async () => {
	const worker = await Worker.start();
	const first = JSON.parse((await worker.ask(at("/ok"))).body), second = JSON.parse((await worker.ask(at("/ok"))).body);
	assert.deepEqual([first.reused, second.reused], [false, true]);
	await worker.close();
});

/* [path, result, what else is right] */
const held = { from: TOTAL_MS - 50, to: TOTAL_MS + GRACE_MS }, atOnce = { from: 0, to: TOTAL_MS + GRACE_MS };
const WAYS = [
	["/chunked", "ok", { body: "abcde", ...atOnce }],
	["/hang-before-head", "timeout", held],
	["/hang-in-head", "timeout", held],
	["/hang-in-body", "timeout", held],
	["/drip-head", "timeout", held],
	["/drip-body", "timeout", held],
	["/endless-headers", "too_large", atOnce],
	["/one-endless-header", /^(too_large|broken)$/, atOnce],
	["/endless-heads", "too_large", atOnce],
	["/endless-body", "too_large", atOnce],
	[`/body-beyond?${BODY_MAX}`, "ok", { length: BODY_MAX, ...atOnce }],
	[`/body-beyond?${BODY_MAX + 1}`, "too_large", atOnce],
	["/says-too-much", "broken", atOnce],
	["/length-too-long", "broken", atOnce],
	["/length-too-short", "ok", { body: "{}", ...atOnce }],
	["/length-negative", /^(broken|ok)$/, atOnce],
	["/redirect", "ok", { status: 302, body: "", ...atOnce }],
	["/closes", "broken", atOnce],
	["/closes-in-head", "broken", atOnce],
	["/closes-in-body", "broken", atOnce],
	["/rubbish", "broken", atOnce],
	["/endless-rubbish", "broken", atOnce],
	["/old-http", "broken", atOnce],
	["/no-status", "broken", atOnce],
	["/upgrade", /^(timeout|broken|too_large|ok)$/, { from: 0, to: held.to }],
	["/nul", /^(ok|broken)$/, atOnce],
];

for (const [path, result, { from, to, body, length, status }] of WAYS)
	test(`outbound: a server's ${path} is ${result instanceof RegExp ? "over" : result} within its time, and no harm to the next question`, async () => {
		const worker = await Worker.start();
		const answer = await worker.ask(at(path));
		result instanceof RegExp ? assert.match(answer.result, result) : assert.equal(answer.result, result, answer.why);
		assert.ok(answer.ms >= from && answer.ms <= to, `${answer.ms} ms`);
		if (result === "ok") {
			assert.equal(answer.status, status ?? 200);
			body === undefined || assert.equal(answer.body, body);
			length === undefined || assert.equal(answer.body.length, length);
		}
		if (answer.result !== "ok")
			assert.deepEqual([answer.status, answer.head, answer.body], [0, "", ""], "half an answer is none");
		assert.ok(answer.result === "ok" || answer.why.length > 0);
		const next = await worker.ask(at("/ok?after"));
		assert.deepEqual([next.result, next.result === "ok" && JSON.parse(next.body).query], ["ok", "after"]);
		await worker.close();
	});

test("outbound: a server that takes the connection and says nothing of TLS is left in time, and so is one that is not there", async () => {
	const silent = await hostile.silent();
	const mute = await ask(`https://127.0.0.1:${silent}/`);
	assert.equal(mute.result, "timeout");
	assert.ok(mute.ms >= held.from && mute.ms <= held.to, `${mute.ms} ms`);
	const nobody = await ask(`https://127.0.0.1:${await freePort()}/`);
	assert.equal(nobody.result, "unreachable");
	/* Nobody answers for .invalid (RFC 6761), where there is no resolver as well. */
	const nameless = await ask("https://op.invalid/", { total: 2000, connect: 2000 });
	assert.ok(["unreachable", "timeout"].includes(nameless.result), nameless.result);
	assert.ok(nameless.ms <= 2000 + GRACE_MS, `${nameless.ms} ms`);
});

test("outbound: a certificate that is expired, another host's, another authority's or its own is refused before anything is said", async () => {
	for (const [what, certificate] of Object.entries({
		"expired": ours.of(-1), "another host's": ours.of(30, "DNS:op.example"), "another address's": ours.of(30, "IP:127.0.0.2"),
		"another authority's": theirs.of(30), "without a name": ours.of(30, "email:a@b.example"),
	})) {
		const other = await hostile.listen(certificate), before = hostile.asked.length;
		const answer = await ask(`https://127.0.0.1:${other}/ok`, { method: "POST", send: "client_secret=Sesam" });
		assert.equal(answer.result, "not_trusted", what);
		assert.equal(hostile.asked.length, before, `${what}: nothing arrived`);
	}
	const right = await ask(`https://127.0.0.1:${port}/ok`, { ca: "-" });
	assert.equal(right.result, "not_trusted", "the system's authorities do not have ours");
	const none = await ask(`https://127.0.0.1:${port}/ok`, { ca: join(scratch, "none.pem") });
	assert.equal(none.result, "not_trusted", "a file of authorities that is not there");
	const plain = await hostile.listen();
	assert.equal((await ask(`https://127.0.0.1:${plain}/ok`)).result, "timeout", "no TLS at all: it waits for more");
	for (const [maxVersion, minVersion] of [["TLSv1.1", "TLSv1"], ["TLSv1", "TLSv1"]]) {
		const old = await hostile.listen({ ...ours.of(30), minVersion, maxVersion, ciphers: "DEFAULT@SECLEVEL=0" });
		assert.equal((await ask(`https://127.0.0.1:${old}/ok`)).result, "not_trusted", maxVersion);
	}
});

test("outbound: no spelling and no name leads to this machine or its network, unless it is allowed", async () => {
	const plain = await hostile.listen(), six = await hostile.listen(ours.of(30, "IP:::1"), "::1").catch(() => null);
	const before = hostile.asked.length;
	const worker = await Worker.start();
	for (const host of ["127.0.0.1", "localhost", "LOCALHOST.", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "169.254.169.254",
		"10.0.0.1", "192.168.0.1", "100.64.0.1", "[fd00:ec2::254]", "[fe80::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "255.255.255.255", "224.0.0.1"]) {
		const answer = await worker.ask(`https://${host}:${port}/ok`, { allow: false });
		assert.ok(["forbidden", "unreachable", "no_url"].includes(answer.result), `${host}: ${answer.result} ${answer.why}`);
		/* The rest are forbidden too, or the resolver does not know them. */
		if (/^([1-9][\d.]*|localhost)$/.test(host))
			assert.equal(answer.result, "forbidden", `${host}: ${answer.why}`);
		assert.ok(answer.ms < TOTAL_MS, `${host}: ${answer.ms} ms`);
	}
	await worker.close();
	assert.equal(hostile.asked.length, before, "nobody was connected to");
	/* The same, allowed: what was refused was the address. */
	assert.equal((await ask(`https://localhost:${port}/ok`)).result, "ok");
	if (six)
		assert.equal((await ask(`https://[::1]:${six}/ok`)).result, "ok");
	assert.equal((await ask(`http://127.0.0.1:${plain}/ok`)).result, "ok", "http, where private addresses are allowed");
});

test("outbound: a connection that was allowed is not used by a question for which it is not", async () => {
	const worker = await Worker.start();
	for (const [allow, result] of [[true, "ok"], [false, "forbidden"], [true, "ok"], [false, "forbidden"]])
		assert.equal((await worker.ask(at("/ok"), { allow })).result, result);
	await worker.close();
});

test("outbound: http, other schemes and what is no URL are not asked", async () => {
	const plain = await hostile.listen(), before = hostile.asked.length;
	const worker = await Worker.start();
	for (const [url, allow] of [[`http://127.0.0.1:${plain}/ok`, false], ["http://op.example/", false], ["file:///etc/passwd", true], ["ftp://127.0.0.1/", true], ["gopher://127.0.0.1:1/_x", true],
		["dict://127.0.0.1/", true], [`https://user:pass@127.0.0.1:${port}/ok`, true], ["https://", true], [`https://127.0.0.1:99999/`, true], ["", true], ["-", true], ["x".repeat(5000), true]])
		assert.equal((await worker.ask(url, { allow })).result, "no_url", url.slice(0, 60));
	await worker.close();
	assert.equal(hostile.asked.length, before);
});

test("outbound: all questions of a sign-in together have a time, and so has the last of them", async () => {
	const worker = await Worker.start({ total: 1000 });
	const began = performance.now();
	assert.equal((await worker.ask(at("/hang-before-head"), { total: 600, connect: 600 })).result, "timeout");
	assert.equal((await worker.ask(at("/hang-before-head"), { total: 5000, connect: 5000 })).result, "timeout");
	assert.equal((await worker.ask(at("/ok"))).result, "timeout");
	assert.ok(performance.now() - began < 1000 + GRACE_MS, `${performance.now() - began} ms`);
	await worker.close();
});

test("outbound: the program killed in the middle of a question is told at once, and leaves the lane", async () => {
	const file = laneFile();
	const worker = await Worker.start({ file });
	const answer = worker.ask(at("/hang-before-head"), { total: 20_000, connect: 20_000 });
	await new Promise((done) => setTimeout(done, 300));
	const killed = performance.now();
	process.kill(worker.pid, "SIGKILL");
	assert.equal((await answer).result, "no_program");
	assert.ok(performance.now() - killed < GRACE_MS);
	const busy = await Worker.start({ file });
	assert.equal(busy.open, "busy", "the lane is held until the courier is closed");
	await busy.close();
	await worker.close();
	const next = await Worker.start({ file });
	assert.equal(next.open, "ok");
	assert.equal((await next.ask(at("/ok"))).result, "ok");
	await next.close();
});

test("outbound: of the program nothing is seen in the list of processes, and it has two ends of one socket, the log and nothing else", async () => {
	const worker = await Worker.start();
	const answer = worker.ask(at("/hang-before-head"), { total: 1500, connect: 1500, method: "POST", send: "client_secret=Sesam" });
	await new Promise((done) => setTimeout(done, 500));
	const of = (name) => readFileSync(`/proc/${worker.pid}/${name}`, "latin1");
	assert.equal(of("cmdline"), "latch-outbound\0");
	if (process.getuid() === 0) {
		assert.equal(of("environ"), "");
		const open = Object.fromEntries(readdirSync(`/proc/${worker.pid}/fd`).map((fd) => [fd, readlinkSync(`/proc/${worker.pid}/fd/${fd}`)]));
		assert.equal(open[0], open[1]);
		assert.match(open[0], /^socket:/);
		/* Of libcurl: the connection, and what its threads wake it by. */
		for (const [fd, what] of Object.entries(open))
			assert.ok(fd <= 2 || /^(socket:|anon_inode:\[event(fd|poll)\])/.test(what), `${fd}: ${what}`);
	}
	const limits = Object.fromEntries([...of("limits").matchAll(/^(Max [a-z ]+?) {2,}(\S+) +(\S+)/gm)].map(([, name, soft, hard]) => [name, [soft, hard]]));
	assert.deepEqual(limits["Max cpu time"], ["10", "10"]);
	assert.deepEqual(limits["Max file size"], ["0", "0"]);
	assert.deepEqual(limits["Max core file size"], ["0", "0"]);
	assert.deepEqual(limits["Max open files"], ["64", "64"]);
	SANITIZED || assert.deepEqual(limits["Max address space"], [String(512 << 20), String(512 << 20)]);
	assert.match(of("status"), /^NoNewPrivs:\t1$/m);
	assert.equal((await answer).result, "timeout");
	await worker.close();
});

test("outbound: of fifty at once each hears its own answer", async () => {
	const file = laneFile();
	const workers = await Promise.all(Array.from({ length: 50 }, () => Worker.start({ file, places: 50 })));
	assert.ok(workers.every(({ open }) => open === "ok"));
	const options = { total: 25_000, connect: 25_000 };
	const answers = await Promise.all(workers.map((worker, i) => worker.ask(at(`/ok?number-${i}`), options)));
	answers.forEach(({ result, body }, i) => assert.deepEqual([result, JSON.parse(body).query], ["ok", `number-${i}`]));
	for (const worker of workers)
		await worker.close();
});

test("outbound: while others hold every lane, fifty hear busy at once, and no program is started for them", async () => {
	const file = laneFile();
	const holders = await Promise.all([1, 2].map(() => Worker.start({ file, places: 2 })));
	const hung = holders.map((worker) => worker.ask(at("/hang-before-head"), { total: 30_000, connect: 30_000 }));
	const others = await Promise.all(Array.from({ length: 50 }, () => Worker.start({ file, places: 2 })));
	for (const { open, pid, us } of others) {
		assert.deepEqual([open, pid], ["busy", 0]);
		assert.ok(us < 300_000, `${us} us`);
	}
	await Promise.all(others.map((worker) => worker.close()));
	for (const { pid } of holders)
		process.kill(pid, "SIGKILL");
	for (const answer of await Promise.all(hung))
		assert.equal(answer.result, "no_program");
	for (const worker of holders)
		await worker.close();
});
