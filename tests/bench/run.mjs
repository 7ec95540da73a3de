/*
 * make bench: latch beside what the machine can do at most and beside what people use instead. All figures come from this
 * run; docs/bench.md and docs/bench.svg are written by it alone.
 *
 * BENCH_ROUNDS (5) and BENCH_SECONDS (2): turns of each contest, and the length of one.
 * BENCH_ONLY: some of the names of the measurements below, separated by commas; the document is then left as it is.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { constants, cpus, tmpdir } from "node:os";
import { BUILD, CHECKOUT, contest, eachTokenOnce, ended, front, freePort, guarded, keep, latch, listen, load, lock, median, must, pool,
	post, pss, refreshing, root, run, say, scratch, sleep, stopAll, until } from "./lib.mjs";
import { PAIRS, timing } from "./login-timing.mjs";
import { table, write } from "./report.mjs";

const DEFAULTS = { BENCH_ROUNDS: "5", BENCH_SECONDS: "2" };
const given = (name) => process.env[name] ?? DEFAULTS[name];
const rounds = Number(given("BENCH_ROUNDS")), seconds = Number(given("BENCH_SECONDS"));
const only = process.env.BENCH_ONLY?.split(",");
const cores = cpus().length, WORKERS = 8;
const bin = (name) => join(BUILD, "bench", name);
const account = { email: "bench@example.org", password: "seven-Otters-drum" };
/* Whose log-ins are measured. */
const guests = Array.from({ length: 32 }, (_, i) => ({ ...account, email: `guest${i}@example.org` }));

let top, dir, dbSocket;
const command = ["make bench", ...Object.keys(DEFAULTS).filter((name) => given(name) !== DEFAULTS[name]).map((name) => `${name}=${given(name)}`)];
const results = { command: command.join(" "), rounds, seconds, cores, WORKERS };

const sql = (text) => run("mariadb", ["--no-defaults", `--socket=${dbSocket}`, "-ulatch_owner", "latch", "-N", "-e", text],
	{ env: { MYSQL_PWD: ownerPassword() } }).trim();
/* As the programs in C connect. */
const owner = () => [dbSocket, "latch_owner", join(dir, "secrets/db-owner-password"), "latch"];
const ownerPassword = () => readFileSync(join(dir, "secrets/db-owner-password"), "utf8").trim();

/* ---- The stacks ------------------------------------------------------------------------------------------------------ */

const stage = {};

async function begin() {
	top = mkdtempSync(join(tmpdir(), "latch-bench."));
	dir = join(top, "latch");
	dbSocket = join(dir, "run/db.sock");
	say("stacks: latch behind lighttpd and nginx, the limit programs behind the same");
	run("chmod", ["755", top]);
	stage.url = latch(dir, await freePort(), "--workers", String(WORKERS));
	for (const one of [account, ...guests])
		await post(`${stage.url}/auth/register`, one);
	const { body } = await post(`${stage.url}/auth/login`, account);
	stage.id = body.user_id;
	stage.auth = { Authorization: `Bearer ${body.access_token}` };
	const { headers } = await post(`${stage.url}/auth/login`, { ...account, transport: "cookie" });
	stage.cookie = { Cookie: /(?:^|, )(latch=[^;]+)/.exec(headers.get("set-cookie"))[1] };
	const sockets = {};
	for (const program of ["limit", "limit-libfcgi"]) {
		sockets[`${program} reply`] = await pool(dir, WORKERS, bin(program));
		sockets[`${program} select`] = await pool(dir, WORKERS, bin(program), [dbSocket, "latch", join(dir, "secrets/db-password"), "latch",
			stage.id]);
	}
	/* The table that the UPDATEs go to. */
	sql(`CREATE OR REPLACE TABLE bench_rows (id INT PRIMARY KEY, n INT NOT NULL) SELECT seq AS id, 0 AS n FROM seq_1_to_${WORKERS}`);
	sockets["limit update"] = await pool(dir, WORKERS, bin("limit"), [...owner(), "update"], "update");
	stage.fronts = {};
	for (const server of ["lighttpd", "nginx"]) {
		stage.fronts[server] = {
			latch: server === "lighttpd" ? stage.url : await front(server, dir, join(dir, "run/latch.sock"), "/healthz"),
		};
		for (const [name, socket] of Object.entries(sockets))
			stage.fronts[server][name] = await front(server, dir, socket);
	}
}

/* ---- Sessions without a log-in ---------------------------------------------------------------------------------------- */

/** `count` pairs [access token, refresh token] of `sessions` new sessions, in turns. The rows are the user's own `grants`. */
async function grants(count, sessions) {
	if (stage.grantee === undefined)
		stage.grantee = (await post(`${stage.url}/auth/register`, { ...account, email: "grants@example.org" })).body.id;
	await listen();
	const ids = sql(`DELETE FROM sessions WHERE user_id = '${stage.grantee}'; INSERT INTO sessions (id, user_id, created_at, last_seen_at, ` +
		`expires_at) SELECT UUID(), '${stage.grantee}', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL 1 DAY ` +
		`FROM seq_1_to_${sessions}; SELECT id FROM sessions WHERE user_id = '${stage.grantee}'`);
	return run(bin("grants"), [join(dir, "latch.conf"), stage.grantee, String(count)], { input: `${ids}\n` }).trim().split("\n")
		.map((line) => line.split(" "));
}

/* ---- What people use instead ------------------------------------------------------------------------------------------ */

async function fastapi() {
	const port = await freePort();
	keep("/usr/bin/python3", ["-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", String(port), "--workers", "2", "--log-level",
		"warning", "--no-access-log"], { cwd: join(CHECKOUT, "tests/bench/fastapi"), as: null, env: {
		BENCH_SECRET: "0123456789abcdef0123456789abcdef",
		PYTHONDONTWRITEBYTECODE: "1",
		BENCH_DATABASE: `mysql+pymysql://latch_owner:${ownerPassword()}@localhost/latch?unix_socket=${dbSocket}`,
	} });
	const url = `http://127.0.0.1:${port}`;
	await until(async () => (await fetch(`${url}/openapi.json`)).ok, "FastAPI");
	await post(`${url}/auth/register`, account);
	const { body } = await post(`${url}/auth/login`, account);
	return { me: `${url}/users/me`, login: `${url}/auth/login`, headers: { Authorization: `Bearer ${body.access_token}` },
		versions: run("/usr/bin/python3", ["-c", "import fastapi, uvicorn, sys; print('FastAPI', fastapi.__version__ + ', uvicorn', " +
			"uvicorn.__version__ + ', Python', sys.version.split()[0])"]).trim() };
}

async function betterAuth() {
	const home = join(BUILD, "bench/better-auth"), port = await freePort();
	mkdirSync(home, { recursive: true });
	run("cp", ["-r", ...["package.json", "package-lock.json", "server.mjs"].map((f) => join(CHECKOUT, "tests/bench/better-auth", f)), home]);
	say("better-auth: npm ci");
	try {
		run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: home });
	} catch (error) {
		await listen();
		say(`better-auth is left out, npm ci: ${String(error.stderr).trim().split("\n").pop()}`);
		return null;
	}
	keep(process.execPath, ["server.mjs"], { cwd: home, as: null, env: { PORT: String(port), NODE_ENV: "production",
		BENCH_SECRET: "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a6978", BENCH_SOCKET: dbSocket, BENCH_USER: "latch_owner",
		BENCH_PASSWORD: ownerPassword(), BENCH_NAME: "latch" } });
	const url = `http://127.0.0.1:${port}/api/auth`;
	await until(async () => (await fetch(`${url}/ok`)).ok, "better-auth");
	const { headers } = await post(`${url}/sign-up/email`, { ...account, name: "Bench" }, { Origin: `http://127.0.0.1:${port}` });
	return { me: `${url}/get-session`, login: `${url}/sign-in/email`, headers: { Authorization: `Bearer ${headers.get("set-auth-token")}` },
		versions: `better-auth ${JSON.parse(readFileSync(join(home, "node_modules/better-auth/package.json"))).version}, Node.js ${process.version}` };
}

/* ---- The measurements ------------------------------------------------------------------------------------------------- */

const measurements = {
	async requests() {
		for (const [server, urls] of Object.entries(stage.fronts)) {
			say(`GET /users/me and jwks.json through ${server}`);
			const got = await contest({
				me: { url: `${urls.latch}/users/me`, headers: stage.auth },
				select: { url: `${urls["limit select"]}/limit`, headers: stage.auth },
				selectLibfcgi: { url: `${urls["limit-libfcgi select"]}/limit`, headers: stage.auth },
				jwks: { url: `${urls.latch}/.well-known/jwks.json` },
				reply: { url: `${urls["limit reply"]}/limit` },
				replyLibfcgi: { url: `${urls["limit-libfcgi reply"]}/limit` },
			}, { rounds, seconds });
			results[server] = { ...got.rate, meRatio: got.ratio("me", "select"), meRatioLibfcgi: got.ratio("me", "selectLibfcgi"),
				jwksRatio: got.ratio("jwks", "reply"), jwksRatioLibfcgi: got.ratio("jwks", "replyLibfcgi") };
		}
	},

	async verify() {
		/* Far more than can be asked about in one turn. */
		const count = 8000 * cores * seconds;
		for (const [server, urls] of Object.entries(stage.fronts)) {
			say(`GET /auth/verify through ${server}`);
			const cold = async () => {
				const file = scratch((await grants(count, 2000)).map(([token]) => token).join("\n"));
				try {
					return await must(`${urls.latch}/auth/verify`, { seconds, lua: eachTokenOnce(file) });
				} finally {
					rmSync(file);
				}
			};
			const got = await contest({
				bearer: { url: `${urls.latch}/auth/verify`, headers: stage.auth },
				cookie: { url: `${urls.latch}/auth/verify`, headers: stage.cookie },
				reply: { url: `${urls["limit reply"]}/limit` },
				replyLibfcgi: { url: `${urls["limit-libfcgi reply"]}/limit` },
				cold: { measure: cold },
				select: { url: `${urls["limit select"]}/limit` },
			}, { rounds, seconds });
			results.verify = { ...results.verify, [server]: { ...got.rate, ratio: got.ratio("bearer", "reply"),
				ratioLibfcgi: got.ratio("bearer", "replyLibfcgi"), cookieRatio: got.ratio("cookie", "reply"),
				coldRatio: got.ratio("cold", "select") } };
		}
	},

	async guard() {
		const sockets = { latch: join(dir, "run/latch.sock"), nothing: await pool(dir, WORKERS, bin("limit"), [], "guard"), unguarded: null };
		results.guard = {};
		for (const server of ["lighttpd", "nginx"]) {
			say(`a guarded page of 1 KiB through ${server}`);
			const contestants = {};
			for (const [name, socket] of Object.entries(sockets))
				contestants[name] = { url: `${await guarded(server, dir, socket, stage.auth)}/page`, headers: stage.auth };
			const got = await contest(contestants, { rounds, seconds });
			results.guard[server] = { ...got.rate, ratio: got.ratio("latch", "nothing") };
		}
	},

	async refresh() {
		say(`refreshes beside durable one-row UPDATEs, ${WORKERS} connections`);
		const chains = (server) => ({ async measure() {
			const tokens = (await grants(WORKERS, WORKERS)).map(([, token]) => token);
			return must(`${stage.fronts[server].latch}/auth/refresh`, { seconds, connections: WORKERS, threads: WORKERS, lua: refreshing(tokens) });
		} });
		const got = await contest({
			lighttpd: chains("lighttpd"),
			nginx: chains("nginx"),
			updates: { async measure() {
				await listen();
				return { rate: Number(run(bin("updates"), [String(seconds), String(WORKERS), ...owner()])) };
			} },
			limit: { url: `${stage.fronts.lighttpd["limit update"]}/limit`, connections: WORKERS },
		}, { rounds, seconds });
		results.refresh = { ...got.rate, ratio: got.ratio("lighttpd", "updates"), nginxRatio: got.ratio("nginx", "updates"),
			limitRatio: got.ratio("limit", "updates") };
	},

	async login() {
		say("logins beside bare argon2id");
		const loop = (program) => ({ async measure() {
			await sleep(200);
			return { rate: Number(run(bin(program), [String(seconds), String(cores), "19456", "2"])) };
		} });
		const got = await contest({
			login: { url: `${stage.url}/auth/login`, body: guests.map((one) => JSON.stringify(one)), connections: 2 * cores },
			bare: loop("hashes"),
			bareLibargon2: loop("hashes-libargon2"),
		}, { rounds, seconds });
		results.login = { ...got.rate, ratio: got.ratio("login", "bare"), ratioLibargon2: got.ratio("login", "bareLibargon2") };
	},

	async timing() {
		say(`login: wrong password against unknown address, ${PAIRS} pairs`);
		results.timing = await timing(stage.url, PAIRS, (done) => {
			if (done % 500 === 0 && done < PAIRS)
				say(`login: ${done} of ${PAIRS} pairs`);
		});
	},

	async alternatives() {
		say("FastAPI and better-auth, two processes each");
		const them = { FastAPI: await fastapi(), "better-auth": await betterAuth() };
		results.alternatives = {};
		for (const [name, it] of Object.entries(them)) {
			if (it === null)
				continue;
			const me = await contest({
				them: { url: it.me, headers: it.headers },
				latch: { url: `${stage.url}/users/me`, headers: stage.auth },
			}, { rounds, seconds });
			const login = await must(it.login, { seconds: 5 * seconds, connections: 2 * cores, body: JSON.stringify(account) });
			results.alternatives[name] = { versions: it.versions, me: me.rate.them, meRatio: me.ratio("latch", "them"),
				login: login.rate };
		}
	},

	async tokens() {
		results.tokens = {};
		for (const alg of ["ES256", "RS256", "HS256"]) {
			await listen();
			say(`tokens: ${alg}, build and sign, check`);
			results.tokens[alg] = JSON.parse(run(bin("tokens"), [alg]));
		}
	},

	async start() {
		say("a worker's start to its first answer");
		const all = [];
		for (let i = 0; i < 21; i++) {
			await listen();
			const words = [bin("start"), join(dir, "run/start.sock"), join(dir, "app/latch-fcgi"), "--config", join(dir, "latch.conf")];
			all.push(Number(root ? run("setpriv", ["--reuid=latch", "--regid=latch", "--clear-groups", ...words])
				: run(words[0], words.slice(1))) / 1000);
		}
		results.start_ms = median(all);
	},

	async flood() {
		results.flood = {};
		for (const [name, settings] of Object.entries({
			lanes: [],
			"no lanes": ["--set", `hash_lanes=${WORKERS - 1}`, "--set", "hash_queue=0"],
		})) {
			say(`GET /users/me while 64 clients log in (${name})`);
			latch(dir, new URL(stage.url).port, "--workers", String(WORKERS), ...settings);
			const length = 5 * seconds;
			const flood = load(`${stage.url}/auth/login`, { seconds: length + 2, connections: 64, body: guests.map((one) => JSON.stringify(one)) });
			await sleep(1000);
			const me = await load(`${stage.url}/users/me`, { seconds: length, connections: 4, headers: stage.auth });
			results.flood[name] = { p99_ms: me.p99_ms, rate: me.rate, failed: me.failed, logins: (await flood).rate };
		}
		latch(dir, new URL(stage.url).port, "--set", "hash_lanes=auto", "--set", "hash_queue=auto");
		results.flood.limits = {};
		for (const loops of [2, 64]) {
			say(`the one-SELECT program beside ${loops} bare argon2id loops`);
			const child = keep(bin("hashes"), [String(5 * seconds + 2), String(loops), "19456", "2"]);
			await sleep(1000);
			const me = await must(`${stage.fronts.lighttpd["limit select"]}/limit`, { seconds: 5 * seconds, connections: 4 });
			results.flood.limits[loops] = me.p99_ms;
			await new Promise((done) => (ended(child) ? done() : child.on("exit", done)));
		}
	},

	async memory() {
		results.memory = [];
		let done = 0;
		for (const goal of [1e5, 1e6]) {
			while (done < goal) {
				say(`memory: ${done} of ${goal} requests`);
				for (const options of [{ url: `${stage.url}/users/me`, headers: stage.auth }, { url: `${stage.url}/.well-known/jwks.json` }])
					done += (await must(options.url, { ...options, seconds: goal > 1e5 ? 8 : 2 })).requests;
			}
			results.memory.push({ requests: done, pss_mb: pss(dir) });
		}
	},

	async users() {
		results.users = [];
		/* Two hundred of them, spread over the table, get a password that is known, and are asked for in turns. */
		const one = async (n) => {
			say(`${n} users: 200 of them log in`);
			const ids = Array.from({ length: 200 }, (_, i) => 1 + Math.floor((i * (n - 1)) / 199));
			const bodies = ids.map((id) => JSON.stringify({ ...account, email: `user${id}@example.org` }));
			sql(`UPDATE users SET password_hash = (SELECT h FROM (SELECT password_hash AS h FROM users WHERE email = '${account.email}') AS x) ` +
				`WHERE email IN (${ids.map((id) => `'user${id}@example.org'`).join(",")})`);
			const headers = [];
			for (const body of bodies)
				headers.push({ Authorization: `Bearer ${(await post(`${stage.url}/auth/login`, JSON.parse(body))).body.access_token}` });
			await sleep(10_000); /* what was filled in is still being written */
			const me = [], login = [];
			for (let i = 0; i < rounds; i++) {
				me.push((await must(`${stage.url}/users/me`, { seconds, headers })).rate);
				login.push((await must(`${stage.url}/auth/login`, { seconds, connections: 2 * cores, body: bodies })).rate);
			}
			results.users.push({ n, me: median(me), login: median(login) });
		};
		const fill = (from, to) => sql("INSERT INTO users (id, email, name, password_hash, created_at, updated_at) SELECT UUID(), " +
			`CONCAT('user', seq, '@example.org'), CONCAT('User ', seq), CONCAT('$argon2id$v=19$m=19456,t=2,p=1$', MD5(seq), '$', MD5(seq)), ` +
			`UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) FROM seq_${from}_to_${to}`);
		say("1,000 users");
		fill(1, 1000);
		await one(1000);
		for (let at = 1000; at < 1e6; at += 99900) {
			await listen();
			say(`users: ${at} of 1000000`);
			fill(at + 1, Math.min(1e6, at + 99900));
		}
		await one(1e6);
	},

	async build() {
		say("from source to stripped binary");
		const start = Date.now();
		run("make", ["-B", "-s", `-j${cores}`, "programs", `BUILD=${join(top, "build")}`]);
		const binary = join(top, "build/latch-fcgi");
		run("strip", [binary]);
		results.build = { seconds: (Date.now() - start) / 1000, bytes: statSync(binary).size,
			libraries: run("ldd", [binary]).trim().split("\n").map((line) => line.trim().split(/\s/)[0].split("/").pop()).sort() };
	},
};

/* ---- From the beginning to the end ------------------------------------------------------------------------------------ */

/** Ends with one line about what is wrong with how this was called. */
function refuse(text) {
	console.error(text);
	process.exit(2);
}

for (const name of Object.keys(DEFAULTS))
	if (!/^[1-9]\d*$/.test(given(name)))
		refuse(`${name}: "${given(name)}" is no whole number above 0`);
const unknown = only?.find((name) => !Object.hasOwn(measurements, name));
if (unknown !== undefined)
	refuse(`BENCH_ONLY: there is no "${unknown}", there are ${Object.keys(measurements).join(", ")}`);
mkdirSync(BUILD, { recursive: true });
if (!await lock(join(BUILD, "bench.lock")))
	refuse("another `make bench` is going on");

async function all() {
	say("building");
	run("make", ["-s", `-j${cores}`, "bench-programs"], { stdio: "inherit" });
	await begin();
	for (const [name, measure] of Object.entries(measurements))
		if (only === undefined || only.includes(name))
			await measure();
	console.log(JSON.stringify(results, null, 2));
	console.log(table(results));
	if (only === undefined)
		write(results);
}

let status = 0;
const interrupted = new Promise((_, fail) => {
	const interrupt = (signal) => {
		if (status === 0)
			console.error("interrupted");
		status = 128 + constants.signals[signal];
		fail();
	};
	for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"])
		process.on(signal, interrupt);
	/* A lost terminal is not told to a program that make runs, but nothing can be written there any more. */
	for (const stream of [process.stdout, process.stderr])
		stream.on("error", () => interrupt("SIGHUP"));
});

try {
	await Promise.race([all(), interrupted]);
} catch (error) {
	if (status === 0)
		await sleep(100); /* a Ctrl-C that ended the program that was just being run is heard of only now */
	if (status === 0) {
		status = 1;
		console.error(error.stack);
	}
}
await stopAll();
if (top !== undefined)
	rmSync(top, { recursive: true, force: true, maxRetries: 5 });
process.exit(status);
