/*
 * The instance under test: where it answers, where it lives, and the ways to look at it from the side.
 *   LATCH_TEST_URL  its base URL, a mount prefix included
 *   LATCH_TEST_DIR  its directory, as `deploy/up --dir` made it
 */
import { execFile, spawn } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

function need(name) {
	const value = process.env[name];
	if (!value) {
		console.error(`${name} is not set: start a stack with deploy/up and name it, or run deploy/check`);
		process.exit(2);
	}
	return value;
}

export const CHECKOUT = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
export const BASE = need("LATCH_TEST_URL").replace(/\/+$/, "");
export const DIR = resolve(need("LATCH_TEST_DIR"));
export const MOUNT = new URL(BASE).pathname.replace(/\/+$/, "");

const DEFAULTS = {
	public_url: "http://127.0.0.1:8080", service_name: "latch", audience: "latch", cors_origins: "", trusted_proxies: "", login_address_free: "20", register_per_hour: "30", refresh_per_minute: "600", openapi: "on",
	workers: "8", db_socket: "", db_name: "latch", db_user: "latch", db_owner_user: "latch_owner", db_timeout_s: "2",
	token_alg: "ES256", access_ttl_s: "900", session_ttl_s: "2592000", session_idle_s: "1209600",
	refresh_grace_s: "10", revocation_max_age_s: "30", jwks_max_age_s: "300", password_min: "8", argon2_memory_kib: "19456",
	argon2_passes: "2", audit_days: "365",
};

/** A config key as the workers read it: latch.conf, else the default. Read anew at each call. */
export function config(key) {
	const lines = readFileSync(join(DIR, "latch.conf"), "utf8").split("\n");
	let value = key === "issuer" ? undefined : DEFAULTS[key];
	for (const line of lines) {
		const match = /^\s*([a-z0-9_]+)\s*=\s*(.*?)\s*$/.exec(line);
		if (match && match[1] === key)
			value = match[2];
	}
	return value === undefined && key === "issuer" ? config("public_url") : value;
}

/* To latch's programs every LATCH_* is a setting: what is meant for these tests stays here. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^LATCH_(TEST|FAULT)_/.test(name)));
const { LATCH_BUILD, ...settings } = environment;

/** Runs a program to its end: {code, signal, stdout, stderr}. Never throws for an exit code. */
export function run(file, args = [], { input = "", env = {}, cwd = CHECKOUT, timeout = 60_000 } = {}) {
	return new Promise((done, fail) => {
		const child = execFile(file, args, { cwd, timeout, maxBuffer: 64 << 20, env: { ...settings, ...env } },
			(error, stdout, stderr) => {
				if (error && typeof error.code === "string")
					return fail(error);
				done({ code: error ? error.code : 0, signal: error?.signal ?? null, stdout, stderr });
			});
		child.stdin.on("error", () => {});
		child.stdin.end(input);
	});
}

export const FCGI = join(DIR, "app", "latch-fcgi");
export const CTL = join(DIR, "app", "latchctl");
export const CONF = join(DIR, "latch.conf");

/** latchctl on this instance. */
export const ctl = (args, options) => run(CTL, ["--config", CONF, ...args], options);

/** latchctl that must succeed; its standard output. */
export async function ctlOk(args, options) {
	const done = await ctl(args, options);
	if (done.code !== 0)
		throw new Error(`latchctl ${args.join(" ")}: exit ${done.code}: ${done.stderr || done.stdout}`);
	return done.stdout;
}

export const SOCKET = () => config("db_socket") || join(DIR, "run", "db.sock");

/** One SQL text as the schema's owner (or `as` "service", or by another `socket`); rows as arrays of strings, NULL as null. */
export async function sql(text, { as = "owner", socket = SOCKET() } = {}) {
	const [user, secret] = as === "owner" ? [config("db_owner_user"), "db-owner-password"] : [config("db_user"), "db-password"];
	const done = await run("mariadb", ["--no-defaults", `--socket=${socket}`, "--user", user, "--batch",
		"--skip-column-names", "--default-character-set=utf8mb4", config("db_name"), "--execute", text],
	{ env: { MYSQL_PWD: readFileSync(join(DIR, "secrets", secret), "utf8").trim() } });
	if (done.code !== 0)
		throw new Error(`SQL failed: ${done.stderr.trim()}`);
	return done.stdout.split("\n").slice(0, -1).map((line) => line.split("\t").map((cell) => (cell === "NULL" ? null : cell)));
}

/** Runs a statement and keeps its transaction, and so its row locks, open for so long; resolves when it is held. */
export async function hold(statement, seconds) {
	const done = sql(`BEGIN; ${statement}; SELECT SLEEP(${seconds}); COMMIT`);
	done.catch(() => {});
	await sleep(150);
	return { released: done };
}

/** Quotes a string for SQL. */
export const q = (value) => `'${String(value).replace(/[\\']/g, (c) => `\\${c}`)}'`;

/** deploy/up on this instance again; it remembers the options that it was started with. */
export const up = (args = [], options = {}) => run(join(CHECKOUT, "deploy", "up"),
	["--dir", DIR, ...args], { timeout: 120_000, ...options, env: { ...(LATCH_BUILD && { LATCH_BUILD }), ...options.env } });

const processes = (file) => readdirSync("/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
	let words;
	try {
		words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
	} catch {
		return [];
	}
	return words[0].endsWith(`/${file}`) && words.includes(CONF) && !words.includes("--check-config") ? [Number(pid)] : [];
});

/** The pids of this instance's workers, in order. */
export const workers = () => processes("latch-fcgi").sort((a, b) => a - b);

/**
 * Whether that process runs; one that has ended and was not waited for does not. One that was killed holds its files and
 * locks until its last thread is gone, which may be in a fsync(), while the first is a zombie already.
 */
export function alive(pid) {
	try {
		const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1).split(" ");
		return state !== "Z" || Number(fields[16]) > 1; /* num_threads */
	} catch {
		return false;
	}
}

export const pidOf = (name) => Number(readFileSync(join(DIR, "run", `${name}.pid`), "utf8").trim());

export const logText = (name = "latch") => {
	const file = join(DIR, "log", `${name}.log`);
	return existsSync(file) ? readFileSync(file, "utf8") : "";
};

/** One logfmt line as an object. */
export function logfmt(line) {
	const out = {};
	for (const [, key, quoted, bare] of line.matchAll(/([A-Za-z0-9_.-]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g))
		out[key] = quoted === undefined ? bare : quoted.replace(/\\(.)/g, "$1");
	return out;
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Waits until `probe` gives something true; gives that, or throws after `ms`. */
export async function until(probe, ms, what) {
	const end = Date.now() + ms;
	for (;;) {
		const value = await probe();
		if (value)
			return value;
		if (Date.now() > end)
			throw new Error(`${what}: not within ${ms} ms`);
		await sleep(20);
	}
}

export { spawn };
