/*
 * A pool of one worker beside the instance's own, on the same database: another node, as it were, with settings of its own.
 * It is asked without a web server, so that a test says what REMOTE_ADDR is.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AUTHORIZER, exchange } from "./fcgi.mjs";
import { anAddress } from "./http.mjs";
import { CONF, FCGI, sleep, until } from "./instance.mjs";

const tmp = mkdtempSync(join(tmpdir(), "latch-pool-"));
chmodSync(tmp, 0o1777);
const running = new Set();
const pids = new Set();

/* The counters of a pool that had a key file of its own: a segment outlives who made it, and here nobody comes after him. */
function removeCounters() {
	for (const line of readFileSync("/proc/sysvipc/shm", "utf8").split("\n").slice(1)) {
		const [, id, , , maker] = line.trim().split(/\s+/);
		if (pids.has(Number(maker)))
			spawnSync("ipcrm", ["-m", id]);
	}
}

process.on("exit", () => {
	for (const child of running)
		child.kill("SIGKILL");
	removeCounters();
	rmSync(tmp, { recursive: true, force: true });
});

const as = process.getuid() === 0 ? ["setpriv", "--reuid", "latch", "--regid", "latch", "--init-groups", "--"] : [];
let started = 0;

export class Pool {
	/** `settings`: {key: value} of latch.conf(5); with a `port` it listens there instead of on a socket of its own. Resolves when it
	 * serves. */
	static async start(settings = {}, options = [], { port } = {}) {
		const pool = new Pool();
		pool.key_file = settings.key_file;
		pool.socket = port ? { port, host: "127.0.0.1" } : join(tmp, `${++started}.sock`);
		const environment = Object.entries(settings).map(([key, value]) => `LATCH_${key.toUpperCase()}=${value}`);
		const asan = Object.entries(process.env).filter(([name]) => /^(ASAN|UBSAN)_OPTIONS$/.test(name)).map(([name, value]) => `${name}=${value}`);
		const words = [...as, "env", "-i", `PATH=${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`, ...asan, ...environment, "spawn-fcgi", "-n", ...(port ? ["-a", "127.0.0.1", "-p", String(port)] : ["-s", pool.socket, "-M", "0666"]), "--", FCGI, "--config", CONF, ...options];
		const child = pool.child = spawn(words[0], words.slice(1), { stdio: ["ignore", "ignore", "pipe"], cwd: "/", detached: true });
		running.add(child);
		/* A test that fails before its pool's end must not keep the runner from its own. */
		child.unref();
		child.stderr.unref();
		pids.add(child.pid); /* each of these words becomes the next, and the last a worker */
		pool.log = "";
		child.stderr.on("data", (part) => (pool.log += part));
		pool.ended = new Promise((done) => child.on("close", (code, signal) => (running.delete(child), done(pool.end = { code, signal }))));
		await until(async () => !running.has(child) || (await pool.ask("GET", "/readyz").catch(() => undefined))?.status === (options.includes("--authorizer") ? 403 : 200), 15_000, "the other pool");
		assert.ok(running.has(child), pool.log);
		pool.serves = true;
		return pool;
	}

	/* No answer from a pool that nobody stopped is told with its end. */
	async exchange(...request) {
		const answer = await exchange(this.socket, ...request);
		if (answer === undefined && this.serves && (await Promise.race([this.ended, sleep(500)])))
			throw new Error(`the pool has ended: ${this.end.signal ?? this.end.code}; it said ${this.log.split("\n").slice(-6).join("\n")}`);
		return answer;
	}

	/** One request. `headers`: {name: value}, or a list of pairs; `from`: REMOTE_ADDR. */
	ask(method, path, { json, token, query = "", headers = {}, from = anAddress(), timeout = 20_000 } = {}) {
		const body = json === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(json));
		const pairs = Array.isArray(headers) ? headers : Object.entries(headers);
		return this.exchange([["REQUEST_METHOD", method], ["PATH_INFO", path], ["SCRIPT_NAME", ""], ["QUERY_STRING", query], ["REMOTE_ADDR", from], ["CONTENT_LENGTH", String(body.length)],
			...(json !== undefined ? [["CONTENT_TYPE", "application/json"]] : []), ...(token !== undefined ? [["HTTP_AUTHORIZATION", `Bearer ${token}`]] : []),
			...pairs.map(([name, value]) => [`HTTP_${name.toUpperCase().replaceAll("-", "_")}`, value])], body, timeout);
	}

	/** As a web server that has a page guarded. `uri`: the request's target; `parameters`: what its configuration says, or anything
	 * else, as pairs. Its input never ends. */
	guard(method, uri, { token, headers = {}, from = anAddress(), parameters = {}, timeout = 5000 } = {}) {
		return this.exchange([["FCGI_ROLE", "AUTHORIZER"], ["REQUEST_METHOD", method], ["REQUEST_URI", uri], ["REMOTE_ADDR", from],
			...Object.entries(parameters), ...(token !== undefined ? [["HTTP_AUTHORIZATION", `Bearer ${token}`]] : []),
			...Object.entries(headers).map(([name, value]) => [`HTTP_${name.toUpperCase().replaceAll("-", "_")}`, value])], null, timeout, AUTHORIZER);
	}

	async stop(signal = "SIGTERM") {
		this.serves = false;
		this.child.ref();
		this.child.stderr.ref();
		this.child.kill(signal);
		await this.ended;
	}

	/** At once, in the middle of what it does. */
	kill() {
		return this.stop("SIGKILL");
	}
}
