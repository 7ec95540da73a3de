/* What the measurements stand on: processes that end with this one, stacks, load, medians. */
import { execFileSync, spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const CHECKOUT = resolve(fileURLToPath(import.meta.url), "../../..");
export const BUILD = join(CHECKOUT, "build");
export const root = process.getuid() === 0;
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const began = Date.now();
export function say(text) {
	const s = Math.floor((Date.now() - began) / 1000);
	process.stderr.write(`[${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}] ${text}\n`);
}

/** Runs a program to its end and gives what it printed; throws with what it said when it fails. */
export function run(file, args = [], { env = {}, cwd = CHECKOUT, input = "", timeout = 600_000, stdio = "pipe" } = {}) {
	unlessOver();
	return execFileSync(file, args, { cwd, input, timeout, encoding: "utf8", maxBuffer: 64 << 20, env: { ...process.env, ...env }, stdio });
}

/* A terminal's Ctrl-C would leave half of what these do. */
const deploy = (program, ...args) => run("setsid", ["--wait", join(CHECKOUT, "deploy", program), ...args]);

/* What was interrupted starts nothing any more while it is being stopped. */
let over = false;
function unlessOver() {
	if (over)
		throw new Error("it is over");
}

/** A signal is heard of between two programs that are run to their end, while this waits. */
export async function listen() {
	await sleep(1);
	unlessOver();
}

/** Whether the lock could be had. flock(1) holds it until this process ends, and with it its standard input. */
export function lock(file) {
	const child = spawn("flock", ["--nonblock", file, "sh", "-c", "echo; exec cat"], { detached: true, stdio: ["pipe", "pipe", "ignore"] });
	return new Promise((done, fail) => {
		child.stdout.once("data", () => done(true));
		child.on("exit", () => done(false));
		child.on("error", fail);
	});
}

/* ---- Processes that stay ------------------------------------------------------------------------------------------- */

const children = new Set();

/* In this session: the kernel shares the cores out by session, and one of its own would be measured as well. */
function start(words, options) {
	unlessOver();
	const child = spawn(words[0], words.slice(1), options);
	children.add(child);
	return child;
}

/** Starts a program in the background, as the service user where this runs as root. */
export function keep(file, args, { env = {}, cwd = CHECKOUT, as = "latch" } = {}) {
	const words = root && as ? ["setpriv", `--reuid=${as}`, `--regid=${as}`, "--clear-groups", file, ...args] : [file, ...args];
	const child = start(words, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "ignore"] });
	child.on("error", (error) => say(`${file}: ${error.message}`));
	return child;
}

const stacks = [];

/* All requests of a measurement come from one address, as no client's would. */
const LIMITS = ["login_address_free=0", "register_per_hour=0", "refresh_per_minute=0"].flatMap((one) => ["--set", one]);

/* Everything here comes from one address; and the token's life is long enough for every measurement. */
const SETTINGS = ["login_address_free=0", "register_per_hour=0", "refresh_per_minute=0", "access_ttl_s=86400"];

/** A stack of latch in `dir`; its URL. */
export function latch(dir, port, ...args) {
	if (!stacks.includes(dir))
		stacks.push(dir);
	deploy("up", "--dir", dir, "--port", String(port), "--set", "access_ttl_s=86400", ...LIMITS, ...args);
	return `http://127.0.0.1:${port}`;
}

/** Whether a process that `keep` started has ended. */
export const ended = (child) => child.exitCode !== null || child.signalCode !== null;

export async function stopAll() {
	signal("SIGTERM");
	for (const dir of stacks)
		try {
			deploy("down", "--dir", dir);
		} catch (error) {
			say(`deploy/down: ${error.stderr || error.message}`);
		}
	over = true;
	await sleep(300);
	signal("SIGKILL");
}

function signal(name) {
	for (const child of children)
		if (!ended(child))
			child.kill(name);
}

export const freePort = () => new Promise((done) => {
	const server = createServer().listen(0, "127.0.0.1", () => {
		const { port } = server.address();
		server.close(() => done(port));
	});
});

export async function until(probe, what, ms = 15_000) {
	for (const end = Date.now() + ms; ;) {
		if (await Promise.resolve().then(probe).catch(() => false))
			return;
		if (Date.now() > end)
			throw new Error(`${what}: not within ${ms} ms`);
		await sleep(50);
	}
}

export const answers = (url, headers = {}) => until(async () => (await fetch(url, { headers })).ok, url);

/* ---- The same web server before another pool ------------------------------------------------------------------------ */

/** A pool of `program` on a socket of its own under `dir`; the socket. */
export async function pool(dir, workers, program, args = [], name = args.length) {
	const socket = join(dir, `run/${program.split("/").pop()}-${name}.sock`);
	keep("spawn-fcgi", ["-n", "-s", socket, "-M", "0600", "-b", "1024", "--", "/usr/bin/multiwatch", "-f", String(workers), "--",
		program, ...args]);
	await until(() => existsSync(socket), `${program} on its socket`);
	return socket;
}

/** lighttpd or nginx with that configuration; its URL, once that answers 200. */
async function serve(server, dir, socket, probe, text, { headers, fill = () => {} } = {}) {
	const port = await freePort();
	const home = join(dir, `run/front-${port}`);
	for (const part of ["app", "log", "run/tmp"])
		mkdirSync(join(home, part), { recursive: true });
	writeFileSync(join(home, "app/listen.conf"), `listen 127.0.0.1:${port};\n`);
	writeFileSync(join(home, "app/web.conf"), text);
	cpSync(join(CHECKOUT, "deploy/lighttpd/refused.json"), join(home, "app/refused.json"));
	fill(home);
	if (root)
		run("chown", ["-R", "latch:", home]);
	const env = { LATCH_PORT: String(port), LATCH_SOCKET: socket, LATCH_PREFIX: "", LATCH_MOUNT: "/", LATCH_DOCS: home, LATCH_SIGN_IN: home, LATCH_REFUSED: join(home, "app/refused.json"),
		LATCH_TMP: join(home, "run/tmp") };
	const words = server === "nginx" ? ["nginx", "-p", "./", "-e", "log/web.log", "-c", join(home, "app/web.conf")]
		: ["lighttpd", "-D", "-f", join(home, "app/web.conf")];
	keep(words[0], words.slice(1), { env, cwd: home });
	await answers(`http://127.0.0.1:${port}${probe}`, headers);
	return `http://127.0.0.1:${port}`;
}

/** With latch's own configuration before that socket. */
export function front(server, dir, socket, probe = "/limit") {
	const conf = join(CHECKOUT, server === "nginx" ? "deploy/nginx/nginx.conf" : "lighttpd.conf");
	return serve(server, dir, socket, probe, readFileSync(conf, "utf8").replace("unix:run/latch.sock", `unix:${socket}`));
}

const guards = {
	lighttpd: (socket) => `server.modules = ("mod_fastcgi")
server.bind = "127.0.0.1"
server.port = env.LATCH_PORT
server.document-root = env.LATCH_DOCS + "/site"
${socket ? '$HTTP["url"] =^ "/" { fastcgi.server = ("/" => (("socket" => env.LATCH_SOCKET, "mode" => "authorizer", "docroot" => env.LATCH_DOCS + "/site", "check-local" => "disable"))) }' : ""}
`,
	nginx: (socket) => `daemon off;
pid run/nginx.pid;
error_log log/web.log warn;
worker_processes auto;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path run/tmp/body; fastcgi_temp_path run/tmp/fastcgi; proxy_temp_path run/tmp/proxy; scgi_temp_path run/tmp/scgi; uwsgi_temp_path run/tmp/uwsgi;
	server {
		include listen.conf;
		location / {
			root site;
			${socket ? "auth_request /.latch;" : ""}
		}
		location = /.latch {
			internal;
			fastcgi_param REQUEST_METHOD GET;
			fastcgi_param SCRIPT_NAME "";
			fastcgi_param PATH_INFO /auth/verify;
			fastcgi_param REMOTE_ADDR $remote_addr;
			fastcgi_param LATCH_REQUIRE user;
			fastcgi_param LATCH_URI $request_uri;
			fastcgi_param LATCH_METHOD $request_method;
			fastcgi_param CONTENT_LENGTH "";
			fastcgi_pass_request_body off;
			fastcgi_pass unix:${socket ?? "none"};
		}
	}
}
`,
};

/** Before a static file of 1 KiB, /page, and that socket's program asked before each request; null: nobody is asked. */
export function guarded(server, dir, socket, headers) {
	return serve(server, dir, socket ?? "none", "/page", guards[server](socket), { headers, fill(home) {
		mkdirSync(join(home, "site"));
		writeFileSync(join(home, "site/page"), "x".repeat(1024));
	} });
}

/* ---- Load ---------------------------------------------------------------------------------------------------------- */

let scripts = 0;

/** A file for wrk; its path. Whoever makes it removes it. */
export function scratch(text) {
	const file = join(BUILD, "bench", `wrk-${process.pid}-${scripts++}`);
	writeFileSync(file, text);
	return file;
}

/** What wrk runs for each request: the next of these headers, or, as a POST, the next of these bodies. */
function script(headers, bodies) {
	const table = (values) => `{${values.map((value) => `[==[${value}]==]`).join(",")}}`;
	return `local auth, bodies, n = ${table(headers.map((h) => h.Authorization ?? ""))}, ${table(bodies)}, 0
request = function()
	n = n + 1
	local h = { ["Content-Type"] = "application/json" }
	if #auth > 0 then h["Authorization"] = auth[n % #auth + 1] end
	if #bodies > 0 then return wrk.format("POST", nil, h, bodies[n % #bodies + 1]) end
	return wrk.format("GET", nil, h)
end
`;
}

/** GETs, each with the next line of `file` as its bearer token; when they are used up, with a bad one, which fails. */
export const eachTokenOnce = (file) => `local lines = io.lines([==[${file}]==])
request = function()
	local line = lines and lines()
	if line == nil then lines = nil end
	return wrk.format("GET", nil, { ["Authorization"] = "Bearer " .. (line or "used.up") })
end
`;

/** As many threads as tokens, each with one connection: it refreshes from its token on, each time with what it got last. */
export const refreshing = (tokens) => `local tokens, n = {${tokens.map((token) => `"${token}"`).join(",")}}, 0
function setup(thread)
	n = n + 1
	thread:set("token", tokens[n])
end
function request()
	return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, '{"refresh_token":"' .. token .. '"}')
end
function response(status, headers, body)
	token = body:match('"refresh_token":"([^"]+)"') or "none"
end
`;

/**
 * Asks `url` from `connections` connections for `seconds`: {rate, requests, failed, p99_ms}. A body makes it a POST of JSON. With
 * arrays each request takes the next of the headers ({Authorization}), and of the bodies. Or it is what `lua` says.
 */
export async function load(url, { seconds = 2, connections = 16, threads = 1, headers = {}, body = [], lua } = {}) {
	const args = [`-t${threads}`, `-c${connections}`, `-d${seconds}s`, "--latency", "--timeout", "10s"];
	const bodies = [body].flat();
	let file;
	if (lua !== undefined || bodies.length > 0 || Array.isArray(headers))
		args.push("-s", (file = scratch(lua ?? script([headers].flat().filter((h) => h.Authorization), bodies))));
	else
		for (const [name, value] of Object.entries(headers))
			args.push("-H", `${name}: ${value}`);
	try {
		return parse(await wrk([...args, url]));
	} finally {
		if (file !== undefined)
			rmSync(file);
	}
}

/** The same; a request that failed, or none at all, ends the run: a fast refusal is no result. */
export async function must(url, options) {
	const got = await load(url, options);
	if (got.failed > 0 || got.requests === 0)
		throw new Error(`${url}: of ${got.requests} requests ${got.failed} failed`);
	return got;
}

function wrk(args) {
	return new Promise((done, fail) => {
		const child = start(["wrk", ...args], { stdio: ["ignore", "pipe", "ignore"] });
		let text = "";
		child.stdout.on("data", (data) => (text += data));
		child.on("error", fail);
		child.on("close", () => {
			children.delete(child);
			done(text);
		});
	});
}

const MS = { us: 1e-3, ms: 1, s: 1e3, m: 6e4 };

function parse(text) {
	const [, requests, time, unit] = /(\d+) requests in ([\d.]+)(\w+),/.exec(text) ?? [];
	if (requests === undefined)
		throw new Error(`wrk said: ${text}`);
	const [, p99, p99Unit] = /99%\s+([\d.]+)(us|ms|s|m)/.exec(text) ?? [, "Infinity", "ms"];
	const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
	const [, ...errors] = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text) ?? [, 0, 0, 0, 0];
	const failed = refused + errors.reduce((sum, n) => sum + Number(n), 0);
	return { rate: Number(requests) / (Number(time) * MS[unit] / 1e3), requests: Number(requests), failed, p99_ms: Number(p99) * MS[p99Unit] };
}

/**
 * Contestants {name: {url, ...load's options}} in turns, `rounds` times: {name: median rate}, and `ratio(a, b)`: the median
 * over the rounds of a's rate to b's in the same round.
 */
export async function contest(contestants, { rounds, seconds }) {
	const rates = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
	for (let round = 0; round < rounds; round++)
		for (const [name, options] of Object.entries(contestants)) {
			const { rate } = await (options.measure ? options.measure() : must(options.url, { seconds, ...options }));
			rates[name].push(rate);
		}
	return {
		rate: Object.fromEntries(Object.entries(rates).map(([name, all]) => [name, median(all)])),
		ratio: (a, b) => median(rates[a].map((rate, i) => rate / rates[b][i])),
	};
}

/* ---- Looking at processes -------------------------------------------------------------------------------------------- */

/** Pids of the workers of the stack in `dir`. */
export const workers = (dir) => readdirSync("/proc").filter((pid) => /^\d+$/.test(pid)).filter((pid) => {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith(`${join(dir, "app/latch-fcgi")}\0`);
	} catch {
		return false;
	}
});

/** The largest PSS among them, in MB. */
export const pss = (dir) => Math.max(...workers(dir).map((pid) =>
	Number(/^Pss:\s+(\d+)/m.exec(smaps(pid))[1]) / 1024));
/* A worker does not let itself be looked at, by its own user either. */
const smaps = (pid) => run(root ? "cat" : "sudo", [...(root ? [] : ["-n", "cat"]), `/proc/${pid}/smaps_rollup`]);

export async function post(url, body, headers = {}) {
	const answer = await fetch(url, { method: "POST", body: JSON.stringify(body),
		headers: { "Content-Type": "application/json", ...headers } });
	if (!answer.ok)
		throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
	return { headers: answer.headers, body: await answer.json() };
}
