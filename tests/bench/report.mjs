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

/** The table, with the rows of what was measured. */
export function table(r) {
	const out = ["| what | measured | bar | reached |", "| --- | --- | --- | --- |"];
	const alternatives = Object.entries(r.alternatives ?? {});
	const row = (what, measured, bar, reached) => out.push(`| ${what} | ${measured} | ${bar} | ${reached ? "yes" : "**no**"} |`);
	for (const server of ["lighttpd", "nginx"].filter((name) => r[name])) {
		const s = r[server];
		row(`GET /users/me through ${server}`, `${n(s.me)}/s; one SELECT: ${n(s.select)}/s; ratio ${n(s.meRatio, 2)}`, "0.85", s.meRatio >= 0.85);
		row("- beside one SELECT with libfcgi", `${n(s.selectLibfcgi)}/s; ratio ${n(s.meRatioLibfcgi, 2)}`, "0.85", s.meRatioLibfcgi >= 0.85);
		row(`jwks.json through ${server}`, `${n(s.jwks)}/s; an empty reply: ${n(s.reply)}/s; ratio ${n(s.jwksRatio, 2)}`, "0.9", s.jwksRatio >= 0.9);
		row("- beside an empty reply with libfcgi", `${n(s.replyLibfcgi)}/s; ratio ${n(s.jwksRatioLibfcgi, 2)}`, "0.9", s.jwksRatioLibfcgi >= 0.9);
	}
	for (const [name, it] of alternatives)
		if (name === "FastAPI")
			row("GET /users/me beside FastAPI", `${n(it.me)}/s; latch: ${n(it.meRatio, 1)} times that`, "30 times", it.meRatio >= 30);
		else
			out.push(`| GET /users/me beside ${name} | ${n(it.me)}/s; latch: ${n(it.meRatio, 1)} times that | - | - |`);
	if (r.login) {
		row("login", `${n(r.login.login, 1)}/s; bare argon2id on ${r.cores} cores: ${n(r.login.bare, 1)}/s; ratio ${n(r.login.ratio, 2)}`, "0.95",
			r.login.ratio >= 0.95);
		row("- beside bare argon2id of libargon2", `${n(r.login.bareLibargon2, 1)}/s; ratio ${n(r.login.ratioLibargon2, 2)}`, "0.95",
			r.login.ratioLibargon2 >= 0.95);
	}
	for (const [name, it] of alternatives)
		out.push(`| login of ${name} (its own hash) | ${n(it.login, 1)}/s | - | - |`);
	if (r.timing)
		row("login: wrong password against unknown address, medians, ratio", `${n(r.timing.known_ms, 2)} ms and ${n(r.timing.unknown_ms, 2)} ms ` +
			`in ${n(r.timing.pairs)} pairs; ratio ${n(r.timing.ratio, 3)}`, "within 2%", Math.abs(r.timing.ratio - 1) <= 0.02);
	if (r.tokens) {
		row("ES256: build and sign", `${n(r.tokens.ES256.sign_us, 1)} us`, "50 us", r.tokens.ES256.sign_us <= 50);
		row("ES256: check for the first time", `${n(r.tokens.ES256.check_us, 1)} us`, "110 us", r.tokens.ES256.check_us <= 110);
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
			"1.2 times", slower <= 1.2);
	}
	if (r.updates)
		out.push(`| durable one-row UPDATEs, ${r.WORKERS} connections | ${n(r.updates)}/s | - | - |`);
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

Written by \`make bench\`, all in one run: latch and what it is compared with behind the same web server, on the same machine, with
the same number of workers, in turns (medians of ${r.rounds} rounds of ${r.seconds} s; a ratio is the median of the rounds' ratios). Load
generator, web server, workers and database share the cores.

![Requests a second](bench.svg)

${machine(r).join("\n")}

${table(r)}

The limit programs (tests/bench/limit.c) are FastCGI programs in C: one answers "ok", the other does so after one prepared SELECT of
the user's row by its id. They are built with latch's own reading and writing of FastCGI, which is the harder limit, and with libfcgi. FastAPI (tests/bench/fastapi) and better-auth (tests/bench/better-auth) answer HTTP themselves, in
two processes each, from the same database. FastAPI's token is HS256 and its password hash bcrypt, as in its tutorial; better-auth's hash is scrypt.

${MARK}${kept}`);
	draw(r, join(CHECKOUT, "docs/bench.svg"));
}

function draw(r, file) {
	const bars = [
		...Object.entries(r.alternatives).map(([name, it]) => [name, it.me]),
		["latch", r.lighttpd.me], ["one SELECT, libfcgi", r.lighttpd.selectLibfcgi], ["one SELECT, nothing else", r.lighttpd.select],
	];
	const data = bars.map(([name, value], i) => `${i} ${value} "${name}" "${n(value)}"`).join("\n");
	run("gnuplot", [], { input: `
set terminal svg size 760,${90 + 46 * bars.length} font "sans-serif,14" background "white"
set output "${file}"
set title "GET /users/me: requests a second, ${r.cores} cores, web server and database included"
set style fill solid 0.85 noborder
unset key
unset xtics
set border 0
set lmargin 24
set rmargin 10
set yrange [${bars.length - 0.4}:-0.6]
set xrange [0:*]
set ytics nomirror scale 0
$bars << END
${data}
END
plot $bars using ($2/2):0:($2/2):(0.32):ytic(3) with boxxyerror linecolor rgb "#2f6f9f", \\
     $bars using 2:0:4 with labels left offset 0.6,0 notitle
` });
}
