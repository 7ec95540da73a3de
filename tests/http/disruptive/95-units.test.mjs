/*
 * What latch.service runs, by the lines that stand in it: ExecStart on a socket that systemd's own systemd-socket-activate holds,
 * ExecReload, and the signal that KillMode=mixed sends, to the first process alone. What systemd itself adds to that, tests/deb/run
 * looks at in a system that it starts.
 */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { exchange } from "../lib/fcgi.mjs";
import { anAddress } from "../lib/http.mjs";
import { alive, CHECKOUT, CONF, FCGI, run, sleep, spawn, until } from "../lib/instance.mjs";
import { newUser } from "../lib/users.mjs";

const SIZE = 3;
const root = process.getuid() === 0;
const scratch = mkdtempSync(join(tmpdir(), "latch-units-"));
chmodSync(scratch, 0o755);
const conf = join(scratch, "latch.conf"), pool = join(scratch, "pool"), sockets = join(scratch, "run");

/* The words of a unit's line, with the programs of this instance in the place of the installed ones. */
const unit = readFileSync(join(CHECKOUT, "deploy/systemd/latch.service"), "utf8");
function line(name) {
	const [, value] = new RegExp(`^${name}=(.*)$`, "m").exec(unit);
	return value.replace("/usr/local/lib/latch/pool", pool).split(" ");
}

const good = readFileSync(CONF, "utf8").split("\n").filter((text) => !/^\s*(workers|hash_lanes|hash_queue)\s*=/.test(text)).join("\n");
const write = (more) => writeFileSync(conf, `${good}\n${more}\n`);

before(async () => {
	writeFileSync(pool, readFileSync(join(CHECKOUT, "deploy/systemd/pool"), "utf8").replaceAll("/usr/local/sbin/latch-fcgi", FCGI), { mode: 0o755 });
	write(`\tworkers =  ${SIZE} `);
	assert.equal((await run("mkdir", ["-m", "777", sockets])).code, 0);
	if (root)
		chownSync(conf, 0, statSync(CONF).gid);
	chmodSync(conf, 0o640);
});

/* As the unit has it: the service's user, System V objects of its own, nothing of our environment. */
const user = root ? ["unshare", "--ipc", "setpriv", "--reuid", "latch", "--regid", "latch", "--init-groups", "--no-new-privs"]
	: ["unshare", "--user", "--map-current-user", "--ipc"];
const environment = { PATH: `${process.env.PATH}:/usr/sbin:/sbin`, LATCH_CONFIG: conf, ...(process.env.ASAN_OPTIONS && { ASAN_OPTIONS: process.env.ASAN_OPTIONS }) };
const as = (words) => {
	const [program, ...rest] = [...user, ...words];
	return spawn(program, rest, { stdio: ["ignore", "ignore", "pipe"], cwd: "/", env: environment });
};

const running = new Set();
after(() => {
	for (const service of running)
		service.child.kill("SIGTERM");
	rmSync(scratch, { recursive: true, force: true });
});

let started = 0;
async function start() {
	const service = { socket: join(sockets, `${++started}.sock`), log: "", children: () => readFileSync(`/proc/${service.child.pid}/task/${service.child.pid}/children`, "utf8").trim().split(" ").map(Number).filter(Boolean) };
	service.child = as(["systemd-socket-activate", "--inetd", "--setenv=LATCH_CONFIG", `--listen=${service.socket}`, ...line("ExecStart")]);
	running.add(service);
	service.child.stderr.on("data", (part) => (service.log += part));
	service.ended = new Promise((done) => service.child.on("close", (code) => done(running.delete(service) && code)));
	service.ask = (path, { method = "GET", json } = {}) => {
		const body = Buffer.from(json ? JSON.stringify(json) : "");
		return exchange(service.socket, { REQUEST_METHOD: method, PATH_INFO: path, SCRIPT_NAME: "", REMOTE_ADDR: anAddress(), CONTENT_LENGTH: String(body.length), ...(json && { CONTENT_TYPE: "application/json" }) }, body, 15_000);
	};
	await until(() => /Listening on/.test(service.log) || !running.has(service), 10_000, "the socket");
	return service;
}
const serves = (service) => until(async () => (await service.ask("/readyz"))?.status === 200, 15_000, "the pool");
const whole = (service, without = []) => until(() => {
	const now = service.children();
	return now.length === SIZE && now.every((pid) => !without.includes(pid)) && now;
}, 15_000, "a whole pool");

/* ExecReload=, as the service's user. */
async function reload(service) {
	const child = as(line("ExecReload").map((word) => word.replace("$MAINPID", String(service.child.pid))));
	let said = "";
	child.stderr.on("data", (part) => (said += part));
	return { code: await new Promise((done) => child.on("close", done)), said };
}

test("latch.service: the first connection starts as many workers as latch.conf says", async () => {
	const service = await start();
	await sleep(100);
	assert.deepEqual(service.children(), [], "before anybody asks");
	await serves(service);
	await whole(service);
	service.child.kill("SIGTERM");
	assert.equal(await service.ended, 0, service.log);
});

test("latch.service: a reload exchanges every worker, and no request fails meanwhile", async () => {
	const service = await start();
	await serves(service);
	const before = await whole(service);
	let going = true;
	const seen = {};
	const load = Promise.all(Array.from({ length: 6 }, async () => {
		while (going) {
			const status = (await service.ask("/readyz"))?.status;
			seen[status] = (seen[status] ?? 0) + 1;
		}
	}));
	const { code, said } = await reload(service);
	assert.equal(code, 0, said);
	const then = await whole(service, before);
	const again = await reload(service);
	assert.equal(again.code, 0, again.said);
	await whole(service, [...before, ...then]);
	await until(() => seen[200] > 100, 20_000, "enough requests");
	going = false;
	await load;
	assert.deepEqual(Object.keys(seen), ["200"], JSON.stringify(seen));
	service.child.kill("SIGTERM");
	await service.ended;
});

test("latch.service: a reload with a bad configuration says so, and changes nothing", async () => {
	const service = await start();
	await serves(service);
	const before = await whole(service);
	write("nonsense = 1");
	const { code, said } = await reload(service);
	write(`workers = ${SIZE}`);
	assert.equal(code, 78, said);
	assert.match(said, /nonsense/);
	await sleep(300);
	assert.deepEqual(service.children(), before);
	service.child.kill("SIGTERM");
	await service.ended;
});

test("latch.service: with a bad configuration nothing starts, and it is said once", async () => {
	write("nonsense = 1");
	const service = await start();
	const asked = service.ask("/readyz").catch(() => undefined);
	const code = await service.ended;
	write(`workers = ${SIZE}`);
	assert.equal(await asked, undefined);
	assert.match(unit, new RegExp(`^RestartPreventExitStatus=${code}$`, "m"));
	assert.equal(code, 78);
	assert.equal(service.log.match(/nonsense/g)?.length, 1, service.log);
});

test("latch.service: a worker that is killed has a successor at once", async () => {
	const service = await start();
	await serves(service);
	const [first, ...others] = await whole(service);
	const killed = await run("kill", ["-KILL", String(first)]);
	assert.equal(killed.code, 0, killed.stderr);
	const now = await whole(service, [first]);
	assert.ok(others.every((pid) => now.includes(pid)), "the others go on");
	service.child.kill("SIGTERM");
	await service.ended;
});

test("latch.service: told to end, multiwatch waits for its workers, and they finish what they have in hand", async () => {
	const { email, password } = await newUser();
	const service = await start();
	await serves(service);
	const before = await whole(service);
	/* Each takes tens of milliseconds; some wait for a lane while the signal comes. */
	const logins = Array.from({ length: SIZE - 1 }, () => service.ask("/auth/login", { method: "POST", json: { email, password } }));
	await sleep(15);
	service.child.kill("SIGTERM");
	assert.equal(await service.ended, 0, service.log);
	assert.deepEqual(before.filter(alive), [], "what systemd would kill then");
	assert.deepEqual((await Promise.all(logins)).map((answer) => answer?.status), logins.map(() => 200), service.log);
});
