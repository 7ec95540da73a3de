/* docs/bench.md and docs/bench.svg, from one run's results. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cpus, totalmem } from "node:os";
import { CHECKOUT, run } from "./lib.mjs";

const n = (value, digits = 0) => value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
/** Of a Debian package; "?" where it is not one here. */
function version(name) {
	try {
		return run("dpkg-query", ["-W", "-f", "${Version}", name]).trim();
	} catch {
		return "?";
	}
}

/* A ratio, as it is printed, that is no farther than this from its bar says neither yes nor no on this machine. */
const NOISE_PERCENT = 5;

/** The table, with the rows of what was measured. */
export function table(r) {
	const out = ["| what | measured | bar | reached |", "| --- | --- | --- | --- |"];
	const alternatives = Object.entries(r.alternatives ?? {});
	const row = (what, measured, bar, reached, note = "") =>
		out.push(`| ${what} | ${measured} | ${bar} | ${reached ? "yes" : "**no**"}${note} |`);
	const noise = (value, bar) => (Math.abs(Math.round(100 * value) - Math.round(100 * bar)) <= NOISE_PERCENT ? ", within the noise" : "");
	const ratio = (what, measured, value, bar) =>
		row(what, `${measured}; ratio ${n(value, 2)}`, String(bar), value >= bar, noise(value, bar));
	for (const server of ["lighttpd", "nginx"].filter((name) => r[name])) {
		const s = r[server];
		ratio(`GET /users/me through ${server}`, `${n(s.me)}/s; one SELECT: ${n(s.select)}/s`, s.meRatio, 0.85);
		ratio("- beside one SELECT with libfcgi", `${n(s.selectLibfcgi)}/s`, s.meRatioLibfcgi, 0.85);
		ratio(`jwks.json through ${server}`, `${n(s.jwks)}/s; an empty reply: ${n(s.reply)}/s`, s.jwksRatio, 0.9);
		ratio("- beside an empty reply with libfcgi", `${n(s.replyLibfcgi)}/s`, s.jwksRatioLibfcgi, 0.9);
	}
	for (const [server, s] of Object.entries(r.verify ?? {})) {
		ratio(`GET /auth/verify through ${server}, warm, a bearer token`, `${n(s.bearer)}/s; an empty reply: ${n(s.reply)}/s`, s.ratio, 0.9);
		ratio("- beside an empty reply with libfcgi", `${n(s.replyLibfcgi)}/s`, s.ratioLibfcgi, 0.9);
		ratio("- with the session cookie, beside an empty reply", `${n(s.cookie)}/s`, s.cookieRatio, 0.9);
		out.push(`| - cold: ES256 tokens, each used once; beside one SELECT | ${n(s.cold)}/s; ${n(s.select)}/s; ratio ${n(s.coldRatio, 2)} | - | - |`);
	}
	for (const [server, s] of Object.entries(r.guard ?? {})) {
		ratio(`a static page of 1 KiB that latch guards, through ${server}`, `${n(s.latch)}/s; a guard that does nothing: ${n(s.nothing)}/s`, s.ratio, 0.9);
		out.push(`| - the same page unguarded | ${n(s.unguarded)}/s | - | - |`);
	}
	if (r.refresh) {
		ratio(`POST /auth/refresh through lighttpd, ${r.WORKERS} connections`, `${n(r.refresh.lighttpd)}/s; durable one-row UPDATEs: ` +
			`${n(r.refresh.updates)}/s`, r.refresh.ratio, 0.6);
		ratio("- through nginx", `${n(r.refresh.nginx)}/s`, r.refresh.nginxRatio, 0.6);
		out.push(`| - a FastCGI program that does such an UPDATE and no more, through lighttpd | ${n(r.refresh.limit)}/s; ratio ${n(r.refresh.limitRatio, 2)} | - | - |`);
	}
	for (const [name, it] of alternatives)
		if (name === "FastAPI")
			row("GET /users/me beside FastAPI", `${n(it.me)}/s; latch: ${n(it.meRatio, 1)} times that`, "30 times", it.meRatio >= 30);
		else
			out.push(`| GET /users/me beside ${name} | ${n(it.me)}/s; latch: ${n(it.meRatio, 1)} times that | - | - |`);
	if (r.login) {
		ratio("login", `${n(r.login.login, 1)}/s; bare argon2id on ${r.cores} cores: ${n(r.login.bare, 1)}/s`, r.login.ratio, 0.95);
		ratio("- beside bare argon2id of libargon2", `${n(r.login.bareLibargon2, 1)}/s`, r.login.ratioLibargon2, 0.95);
	}
	for (const [name, it] of alternatives)
		out.push(`| login of ${name} (its own hash) | ${n(it.login, 1)}/s | - | - |`);
	if (r.timing)
		row("login: wrong password against unknown address, medians, ratio", `${n(r.timing.known_ms, 2)} ms and ${n(r.timing.unknown_ms, 2)} ms ` +
			`in ${n(r.timing.pairs)} pairs; ratio ${n(r.timing.ratio, 3)}`, "within 2%", Math.abs(r.timing.ratio - 1) <= 0.02);
	if (r.tokens) {
		row("ES256: build and sign", `${n(r.tokens.ES256.sign_us, 1)} us`, "50 us", r.tokens.ES256.sign_us <= 50);
		row("ES256: check for the first time (cold)", `${n(r.tokens.ES256.check_us, 1)} us`, "110 us", r.tokens.ES256.check_us <= 110);
		for (const alg of ["RS256", "HS256"])
			out.push(`| ${alg}: build and sign; check | ${n(r.tokens[alg].sign_us, 1)} us; ${n(r.tokens[alg].check_us, 1)} us | - | - |`);
	}
	if (r.memory) {
		const [early, late] = r.memory;
		row("a worker's memory (largest PSS)", `${n(early.pss_mb, 2)} MB after ${n(early.requests)} requests, ${n(late.pss_mb, 2)} MB after ${n(late.requests)}`,
			"3 MB, and the same", late.pss_mb <= 3 && late.pss_mb <= early.pss_mb * 1.05);
	}
	if (r.start_ms)
		row("a worker's start to its first answer", `${n(r.start_ms, 1)} ms`, "15 ms", r.start_ms <= 15);
	if (r.flood) {
		const { lanes, "no lanes": without, limits } = r.flood;
		row("p99 of GET /users/me while 64 clients log in", `${n(lanes.p99_ms, 1)} ms, ${lanes.failed} failed (${n(lanes.rate)}/s)`, "20 ms, none fails",
			lanes.p99_ms <= 20 && lanes.failed === 0);
		out.push(`| the same with lanes off (${r.WORKERS - 1} hashes at once) | ${n(without.p99_ms, 1)} ms, ${without.failed} failed (${n(without.rate)}/s) | - | - |`);
		out.push(`| the one-SELECT program beside 2 bare argon2id loops; beside 64 | ${n(limits[2], 1)} ms; ${n(limits[64], 1)} ms | - | - |`);
	}
	if (r.users) {
		const [few, many] = r.users;
		const slower = Math.max(few.me / many.me, few.login / many.login);
		row("1,000,000 users against 1,000", `me ${n(few.me)}/s and ${n(many.me)}/s, login ${n(few.login, 1)}/s and ${n(many.login, 1)}/s: ${n(slower, 2)} times`,
			"1.2 times", slower <= 1.2, noise(slower, 1.2));
	}
	if (r.build) {
		out.push(`| source to stripped binary; its size | ${n(r.build.seconds, 1)} s; ${n(r.build.bytes / 1024)} KiB | - | - |`);
		out.push(`| shared libraries | ${r.build.libraries.length}: ${r.build.libraries.join(", ")} | - | - |`);
	}
	return out.join("\n");
}

function machine(r) {
	return [
		`- ${r.cores} cores (${cpus()[0].model}), ${n(totalmem() / 2 ** 30)} GiB; Linux ${run("uname", ["-r"]).trim()}; ` +
			/^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))[1],
		`- MariaDB ${version("mariadb-server-core")}, lighttpd ${version("lighttpd")}, nginx ${version("nginx")}, ${run("openssl", ["version"]).trim().split(" ").slice(0, 2).join(" ")}, ` +
			`libsodium ${version("libsodium23")}, libargon2 ${version("libargon2-1")}, wrk ${version("wrk")}`,
		...Object.values(r.alternatives).map((it) => `- ${it.versions}`),
		`- ${run(join(CHECKOUT, "build/latch-fcgi"), ["--version"]).trim()}, ${r.WORKERS} workers; ${run("git", ["rev-parse", "--short", "HEAD"]).trim()}, ` +
			new Date().toISOString().slice(0, 10),
	];
}

/** What follows this line in the document is written by people, and kept. */
const MARK = "<!-- Below this line the document is written by hand. -->";

export function write(r) {
	const file = join(CHECKOUT, "docs/bench.md");
	mkdirSync(join(CHECKOUT, "docs"), { recursive: true });
	const kept = (existsSync(file) && readFileSync(file, "utf8").split(MARK)[1]) || "\n";
	writeFileSync(file, `# Measurements

Written by \`${r.command}\`, all in one run: latch and the limit programs behind the same web server, with the same
number of workers. What is compared takes turns (medians of ${r.rounds} rounds of ${r.seconds} s; a ratio is the median of the rounds' ratios). Load
generator, web server, workers and database share the cores.

![GET /users/me, requests a second: ${bars(r).map(([name]) => name).join("; ")}](bench.svg)

${machine(r).join("\n")}

${table(r)}

- **bar**: the project's own goal. **within the noise**: the ratio is within ${n(NOISE_PERCENT / 100, 2)} of its bar, so another run may say otherwise.
- **limit program** (tests/bench/limit.c): a FastCGI program in C that answers "ok" to everything, or does so after one prepared
  SELECT of the user's row by its id. Each is built twice, and both are shown: with latch's own reading and writing of FastCGI, and
  with libfcgi where the row says so. Now the one is faster, now the other.
- **cold** check: of a token that the worker has not seen before, so that nothing of it is remembered. In microseconds it is
  token_check alone, in one process (tests/bench/tokens.c): the signature and the claims, without HTTP and without the database.
  Through a web server it is all that GET /auth/verify does then: that, and one SELECT of the session and its user. The tokens
  are made beforehand (tests/bench/grants.c), of 2,000 sessions, each with an id of its own, and none is sent twice.
- **warm** check: GET /auth/verify with one token, or one session cookie, that each worker has seen: no SELECT but that of the
  sessions which ended lately, at most every 800 ms a worker.
- **PSS**: the memory of a process, with what it shares divided by the number of those that share it.
- **p99**: of a hundred requests, 99 are answered in this time or less.
- **lanes**: how many passwords are hashed at once. The other log-ins wait, so that requests without a password find a free
  worker and a core.
- **durable one-row UPDATE** (tests/bench/updates.c): it is on the disk before it is answered. Each connection sends one after the
  other, of a row of its own and by its key, in a table of two numbers; there is no HTTP. A log-in and a refresh go to the disk
  once, too. A limit program does the same in the place of the SELECT.
- **refresh**: each connection goes down the chain of a session of its own, and sends the refresh token that it got last.
- **FastAPI** (tests/bench/fastapi) and **better-auth** (tests/bench/better-auth) answer HTTP themselves, with no web server before
  them, in two processes each, from the same database. FastAPI's token is HS256 and its password hash bcrypt, as in its tutorial;
  better-auth's hash is scrypt.

${MARK}${kept}`);
	draw(r, join(CHECKOUT, "docs/bench.svg"));
}

/** [name, requests a second], from above to below. */
const bars = (r) => [
	...Object.entries(r.alternatives).map(([name, it]) => [name, it.me]),
	["latch", r.lighttpd.me],
	["limit: one SELECT in C", r.lighttpd.select],
	["the same with libfcgi", r.lighttpd.selectLibfcgi],
];

export function draw(r, file) {
	const all = bars(r), height = 100 + 46 * all.length;
	const data = all.map(([name, value], i) => `${i} ${value} "${name}" "${n(value)}" ${name === "latch" ? 0xc8552b : 0x7f97a8}`).join("\n");
	const title = "GET /users/me: requests a second";
	run("gnuplot", [], { input: `
set terminal svg size 760,${height} font "sans-serif,14" background "white" name "latch"
set output "${file}"
set label "${title}" at screen 0.03, screen ${1 - 24 / height} left font ",16"
set label "${r.cores} cores for all of it, database included. latch and the limit are behind lighttpd, the others answer HTTP themselves." \\
	at screen 0.03, screen ${1 - 48 / height} left font ",12" textcolor rgb "#555555"
set style fill solid 1 noborder
unset key
unset xtics
set border 0
set tmargin at screen ${1 - 70 / height}
set bmargin at screen ${12 / height}
set lmargin 26
set rmargin 10
set yrange [${all.length - 0.4}:-0.6]
set xrange [0:*]
set ytics nomirror scale 0
$bars << END
${data}
END
plot $bars using ($2/2):0:($2/2):(0.32):5:ytic(3) with boxxyerror linecolor rgb variable title "${title}", \\
     $bars using 2:0:4 with labels left offset 0.6,0 title "${title}"
` });
}
