/*
 * One worker with the sanitizers, with the configuration and the database of the instance under test, on a socket of its
 * own, and with build/inject.so preloaded: the test asks it by FastCGI and says, through the file that inject.h describes,
 * which of its calls fail.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, closeSync, copyFileSync, existsSync, mkdtempSync, openSync, readFileSync, readdirSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exchange } from "../http/lib/fcgi.mjs";
import { anAddress } from "../http/lib/http.mjs";
import { CHECKOUT, CONF, until } from "../http/lib/instance.mjs";

export const FULL = process.env.LATCH_FAULT_FULL === "1";
export const MEMORY = 1, DATABASE = 2;
export const KINDS = ["lost", "lost after", "gone", "no memory", "deadlock", "interrupted"];

const WORDS = ["domain", "at_main", "nth", "forever", "kind", "trace", "counted", "hits", "shift_s"];
const WHAT = 8 * WORDS.length, SIZE = WHAT + 64;
const ANSWER_MS = 10_000;

/* The service's user has to reach all of it. */
const tmp = mkdtempSync(join(tmpdir(), "latch-inject-"));
chmodSync(tmp, 0o1777);
export const PROGRAM = join(tmp, "latch-fcgi"), SHIM = join(tmp, "inject.so");

/*
 * What the libraries themselves lose when memory is out, and no object of ours: OpenSSL a few bytes, once, while it loads its
 * tables; libmariadb 3.3 the columns' descriptions, when it cannot copy them as it executes (what we might forget, a result or
 * a statement, is allocated elsewhere). Written once: a worker that starts while the file is being written would know of none.
 */
const LEAKS = join(tmp, "lsan");
writeFileSync(LEAKS, "leak:EVP_*_fetch\nleak:*_do_all_provided\nleak:OSSL_LIB_CTX_get0_global_default\nleak:mysql_stmt_execute\n");

/* The checkout may be where the service's user cannot go. */
function build() {
	if (existsSync(PROGRAM))
		return;
	execFileSync("make", ["-s", "asan", "GOALS=build/asan/latch-fcgi"], { cwd: CHECKOUT, stdio: ["ignore", "ignore", "inherit"] });
	execFileSync("make", ["-s", "build/inject.so"], { cwd: CHECKOUT, stdio: ["ignore", "ignore", "inherit"] });
	copyFileSync(join(CHECKOUT, "build", "inject.so"), SHIM);
	copyFileSync(join(CHECKOUT, "build", "asan", "latch-fcgi"), PROGRAM);
}

const running = new Set();
process.on("exit", () => {
	for (const child of running)
		child.kill("SIGKILL");
	rmSync(tmp, { recursive: true, force: true });
});

/** What goes before a command that the service's user is to run. */
export const as = process.getuid() === 0 ? ["setpriv", "--reuid", "latch", "--regid", "latch", "--init-groups", "--no-new-privs", "--"] : [];

let started = 0;

export class Worker {
	/**
	 * `shim` false: nothing is preloaded. `limits`: words that go before the program's name, prlimit(1) say. `deep`: the
	 * sanitizer looks deep into each call stack, which takes long, so that it can tell whose a leak is.
	 */
	constructor({ shim = true, settings = {}, limits = [], stderr = "pipe", deep = false } = {}) {
		Object.assign(this, { shim, settings, limits, log: "", where: stderr, deep });
		this.name = join(tmp, String(++started));
	}

	/** Starts it, and waits until it answers. */
	async start() {
		await this.boot();
		await until(async () => this.end || (await this.ask("GET", "/healthz")), 10_000, "the worker's first answer");
		assert.equal(this.end, undefined, this.log);
		return this;
	}

	/** Starts it with a fault, which counts from the first line of main(). */
	async boot(fault = {}) {
		build();
		writeFileSync(`${this.name}.control`, Buffer.alloc(SIZE));
		chmodSync(`${this.name}.control`, 0o666);
		rmSync(`${this.name}.sock`, { force: true });
		this.control = openSync(`${this.name}.control`, "r+");
		this.inject({ ...fault, domain: 0, at_main: fault.domain ?? 0 });
		const asan = `verify_asan_link_order=0:detect_leaks=1:detect_stack_use_after_return=1:log_path=${this.name}.asan${this.deep ? ":fast_unwind_on_malloc=0" : ""}`;
		const environment = { PATH: process.env.PATH, ASAN_OPTIONS: asan, UBSAN_OPTIONS: `halt_on_error=1:print_stacktrace=1:log_path=${this.name}.ubsan`,
			LSAN_OPTIONS: `suppressions=${LEAKS}:print_suppressions=0`,
			LATCH_ARGON2_MEMORY_KIB: "1024", LATCH_ARGON2_PASSES: "1", ...this.settings };
		const inner = this.shim ? [`LD_PRELOAD=${SHIM}`, `INJECT_FILE=${this.name}.control`] : [];
		const words = [...as, "env", "-i", ...Object.entries(environment).map(([k, v]) => `${k}=${v}`), "spawn-fcgi", "-n", "-s", `${this.name}.sock`, "-M", "0666", "--",
			"/usr/bin/env", ...this.limits, "env", ...inner, PROGRAM, "--config", CONF];
		const child = this.child = spawn(words[0], words.slice(1), { stdio: ["ignore", "ignore", this.where], cwd: "/" });
		running.add(child);
		this.log = "";
		this.child.stderr?.on("data", (part) => (this.log += part));
		this.end = undefined;
		this.ended = new Promise((done) => child.on("close", (code, signal) => {
			running.delete(child);
			done((this.end = { code, signal }));
		}));
	}

	get pid() {
		return this.child.pid;
	}

	/** What fails from now on: {domain, nth, forever, kind, trace}; {} for nothing. The counters begin at 0. */
	inject(fault = {}) {
		const bytes = Buffer.alloc(SIZE);
		WORDS.forEach((word, i) => bytes.writeBigInt64LE(BigInt(fault[word] ?? 0), 8 * i));
		/* Last what switches it on. */
		writeSync(this.control, bytes, 8, SIZE - 8, 8);
		writeSync(this.control, bytes, 0, 8, 0);
	}

	/** Nothing fails any more; what the library counted: {counted, hits, what}. */
	result() {
		writeSync(this.control, Buffer.alloc(8), 0, 8, 0);
		return this.#read();
	}

	#read() {
		const bytes = Buffer.alloc(SIZE);
		readSync(this.control, bytes, 0, SIZE, 0);
		const word = (name) => Number(bytes.readBigInt64LE(8 * WORDS.indexOf(name)));
		return { booting: word("at_main") !== 0, counted: word("counted"), hits: word("hits"), what: bytes.toString("latin1", WHAT).replace(/\0.*/s, "") };
	}

	/** After boot(): waits until it serves or has ended; true when it serves. */
	async booted() {
		await until(() => this.end || !this.#read().booting, 30_000, "the worker's boot");
		return !this.end;
	}

	/** One request on a connection of its own: as http.mjs's answers, or undefined when it ended without one. */
	async ask(method, target, { json, token, cookie, timeout = ANSWER_MS } = {}) {
		await until(() => this.end || existsSync(`${this.name}.sock`), 10_000, "the worker's socket");
		const body = json === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(json));
		const [path, query = ""] = target.split("?");
		const parameters = { REQUEST_METHOD: method, PATH_INFO: path, QUERY_STRING: query, SCRIPT_NAME: "", REMOTE_ADDR: anAddress(), CONTENT_LENGTH: String(body.length),
			...(json !== undefined && { CONTENT_TYPE: "application/json" }), ...(token !== undefined && { HTTP_AUTHORIZATION: `Bearer ${token}` }), ...(cookie !== undefined && { HTTP_COOKIE: cookie }) };
		return exchange(`${this.name}.sock`, parameters, body, timeout);
	}

	/** SIGTERM, and how it ended: {code, signal}. */
	async stop() {
		if (!this.end)
			this.child.kill("SIGTERM");
		const late = setTimeout(() => this.child.kill("SIGKILL"), 20_000);
		await this.ended;
		clearTimeout(late);
		closeSync(this.control);
		return this.end;
	}

	/** What the sanitizers said: text, "" when nothing. */
	reports() {
		return readdirSync(tmp).filter((file) => new RegExp(`^${this.name.split("/").pop()}\\.(asan|ubsan)\\.`).test(file))
			.map((file) => readFileSync(join(tmp, file), "utf8")).join("\n");
	}
}
