/* deploy/up and deploy/down, tried with a second instance beside the one under test. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { get } from "node:http";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { send } from "../lib/http.mjs";
import { freePort } from "../lib/mount.mjs";
import { alive, BASE, CHECKOUT, DIR, run, workers } from "../lib/instance.mjs";
import { newSession, statusOf, uniqueEmail } from "../lib/users.mjs";

/* Next to the first instance: the service user can reach that place. */
const root = mkdtempSync(join(dirname(DIR), "second-"));
chmodSync(root, 0o755);
const dir = join(root, "i");
const build = process.env.LATCH_BUILD ? { LATCH_BUILD: process.env.LATCH_BUILD } : {};
const deploy = (program, args) => run(join(CHECKOUT, "deploy", program), args, { env: build, timeout: 120_000 });
after(async () => {
	await deploy("down", ["--dir", dir]);
	rmSync(root, { recursive: true, force: true });
});

const port = await freePort();
const user = await newSession();

async function refused(args, expected) {
	const before = workers();
	const done = await deploy("up", args);
	assert.notEqual(done.code, 0, `${args.join(" ")}: ${done.stdout}`);
	const said = done.stderr.trim().split("\n");
	assert.equal(said.length, 1, `one sentence, not\n${done.stderr}`);
	assert.match(said[0], expected);
	assert.deepEqual(workers(), before);
	assert.equal(await statusOf(user.token), 200);
}

test("deploy/up: a taken port is told in one sentence, and nothing is started", async () => {
	await refused(["--dir", dir, "--port", new URL(BASE).port], new RegExp(`port ${new URL(BASE).port} is taken by`));
	assert.ok(!existsSync(join(dir, "db")), "a database was made all the same");
});

test("deploy/up: an option that is none, a value that is missing or cannot be, is told in one sentence", async () => {
	await refused(["--nonsense"], /--nonsense/);
	await refused(["--dir", dir, "--port"], /--port/);
	await refused(["--dir", dir, "--port", "http"], /http/);
	await refused(["--dir", dir, "--port", "70000"], /70000/);
	await refused(["--dir", dir, "--server", "caddy"], /caddy/);
	for (const prefix of ["auth-api", "/auth-api/", "//x", "/a//b", "/a b", "/a/../b", "/%2f", "/a;b", "/a'b", "/a$b"])
		await refused(["--dir", dir, "--prefix", prefix], /--prefix wants a path/);
	await refused(["--dir", dir, "--set", "nonsense"], /nonsense/);
	await refused(["--dir", dir, "--port", String(port), "--set", "nonsense=1"], /nonsense/);
	await refused(["--dir", dir, "--port", String(port), "--workers", "none"], /workers/);
});

test("deploy/up: it prints an address, a first account that works, and curl lines that work", async () => {
	const done = await deploy("up", ["--dir", dir, "--port", String(port), "--workers", "3"]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	const url = `http://127.0.0.1:${port}`;
	assert.ok(done.stdout.includes(url), done.stdout);
	const email = /(\S+@\S+\.\w+)/.exec(done.stdout.split("First account")[1])[1];
	const password = /password: *(\S+)/i.exec(done.stdout)[1];
	const tokens = await fetch(`${url}/auth/login`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email, password }) });
	assert.equal(tokens.status, 200);
	const lines = done.stdout.split("\n").filter((line) => /^\s*(\w+=\$\()?curl /.test(line));
	assert.equal(lines.length, 3, done.stdout);
	const shell = await run("sh", ["-eu", "-c", lines.join("\n")]);
	assert.equal(shell.code, 0, shell.stderr);
	const answers = shell.stdout.trim().split("\n");
	assert.equal(JSON.parse(answers[0]).status, "active");
	assert.equal(JSON.parse(answers.at(-1)).id, JSON.parse(answers[0]).id);
	/* Steps with their times. */
	assert.ok(done.stdout.split("\n").filter((line) => /\d+\.\d s$/.test(line)).length >= 5, done.stdout);
	assert.ok(!readFileSync(join(dir, "log", "up.log"), "utf8").includes(password), "up.log holds the first account's password");
});

test("deploy/up: fewer lanes and a shorter queue, while log-ins flood in", async (t) => {
	const url = new URL(`http://127.0.0.1:${port}/auth/login`);
	const up = (...args) => deploy("up", ["--dir", dir, ...args]);
	const wide = await up("--workers", "8", "--set", "hash_lanes=2", "--set", "hash_queue=4", "--set", "login_address_free=0");
	assert.equal(wide.code, 0, wide.stdout + wide.stderr);
	let over = false;
	const statuses = new Map();
	const flood = Promise.all(Array.from({ length: 16 }, async () => {
		while (!over) {
			const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: uniqueEmail(), password: "seven-Otters-drum" }) });
			await answer.arrayBuffer();
			statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
		}
	}));
	const began = performance.now();
	const narrow = await up("--set", "hash_lanes=1", "--set", "hash_queue=1");
	const ms = performance.now() - began;
	over = true;
	await flood;
	t.diagnostic(`deploy/up took ${(ms / 1000).toFixed(1)} s; answers: ${JSON.stringify([...statuses])}`);
	assert.equal(narrow.code, 0, narrow.stdout + narrow.stderr);
	assert.deepEqual([...statuses.keys()].filter((status) => ![401, 503].includes(status)), []);
	const back = await up("--workers", "3", "--set", "hash_lanes=auto", "--set", "hash_queue=auto");
	assert.equal(back.code, 0, back.stdout + back.stderr);
});

test("deploy/up: what runs does not run as root", { skip: process.getuid() !== 0 && "not root" }, () => {
	for (const name of ["db", "latch", "web"]) {
		const pid = readFileSync(join(dir, "run", `${name}.pid`), "utf8").trim();
		const uids = /^Uid:\s+(\d+)\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
		assert.ok(Number(uids[1]) !== 0 && Number(uids[2]) !== 0, `${name} runs as root`);
	}
	assert.notEqual(statSync(`/proc/${workers()[0]}`).uid, 0);
});

test("deploy/up: it remembers its options, and an unchanged instance goes on as it is", async () => {
	const pid = readFileSync(join(dir, "run", "latch.pid"), "utf8");
	const done = await deploy("up", ["--dir", dir]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	assert.ok(done.stdout.includes(`http://127.0.0.1:${port}`), done.stdout);
	assert.equal(readFileSync(join(dir, "run", "latch.pid"), "utf8"), pid);
});

test("deploy/up: --prefix moves latch, its public URL with it, is remembered, and / moves it back", async () => {
	/* Each on a connection of its own: one that was kept may still be with a worker of nginx that has the configuration of before. */
	const ask = (path) => new Promise((done, fail) => get({ host: "127.0.0.1", port, path, agent: false }, async (answer) => done([answer.statusCode, (await answer.toArray()).join("")])).on("error", fail));
	const status = async (path) => (await ask(path))[0];
	const problem = async (path) => JSON.parse((await ask(path))[1]).type;
	for (const server of ["lighttpd", "nginx"])
		for (const [args, prefix] of [[["--prefix", "/auth-api", "--server", server], "/auth-api"], [[], "/auth-api"], [["--prefix=/"], ""]]) {
			const done = await deploy("up", ["--dir", dir, ...args]);
			assert.equal(done.code, 0, done.stdout + done.stderr);
			assert.ok(done.stdout.includes(`latch runs at http://127.0.0.1:${port}${prefix} after`), done.stdout);
			assert.match(done.stdout, args.length === 0 ? /web server \.\.\. unchanged/ : /web server \.\.\. (lighttpd|nginx)/);
			assert.deepEqual([await status(`${prefix}/readyz`), await status(`${prefix}/sign-in/`), prefix ? await status("/readyz") : 404], [200, 200, 404]);
			assert.equal(await problem(`${prefix}/nothing`), `http://127.0.0.1:${port}${prefix}/problems/not_found`);
		}
	assert.equal((await deploy("up", ["--dir", dir, "--set", "public_url=https://auth.example", "--prefix", "/auth-api"])).code, 0);
	assert.equal(await problem("/auth-api/nothing"), "https://auth.example/problems/not_found", "one that was set stays as it was set");
	assert.equal((await deploy("up", ["--dir", dir, "--set", `public_url=http://127.0.0.1:${port}`, "--prefix", "/", "--server", "lighttpd"])).code, 0);
});

test("deploy/down: it stops its own instance, and no other", async () => {
	const before = workers();
	const pids = ["db", "latch", "web"].map((name) => Number(readFileSync(join(dir, "run", `${name}.pid`), "utf8").trim()));
	const done = await deploy("down", ["--dir", dir]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	for (const pid of pids)
		assert.ok(!alive(pid), `process ${pid} is still here`);
	await assert.rejects(fetch(`http://127.0.0.1:${port}/healthz`));
	assert.deepEqual(workers(), before);
	assert.equal((await send("GET", "/readyz")).status, 200);
	assert.equal(await statusOf(user.token), 200);
	const again = await deploy("down", ["--dir", dir]);
	assert.equal(again.code, 0, "twice is no failure");
});

test("deploy/up after deploy/down: everything is still there", async () => {
	const done = await deploy("up", ["--dir", dir]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	assert.ok(!/First account/.test(done.stdout));
	const ada = /"email": "([^"]+)", "password": "([^"]+)"/.exec(done.stdout);
	const answer = await fetch(`http://127.0.0.1:${port}/auth/login`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: ada[1], password: ada[2] }) });
	assert.equal(answer.status, 200);
});
