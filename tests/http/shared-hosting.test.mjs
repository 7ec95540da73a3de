/*
 * latch on shared hosting, by the commands and files of docs/shared-hosting.md: twice on one host and in one database, under
 * mod_fcgid and as CGI, with table prefixes of their own.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { follow, Host, pack, pageFile, rentDatabase, Site } from "./lib/hosting.mjs";
import { CHECKOUT, run, sleep, until } from "./lib/instance.mjs";
import { administrator } from "./lib/operations.mjs";
import { newPassword, uniqueEmail } from "./lib/users.mjs";

const [, database] = await Promise.all([pack(), rentDatabase(`hosted_${randomBytes(4).toString("hex")}`)]);
after(() => database.drop());
const host = await Host.start();
after(() => host.remove());
const fcgid = new Site(host, "auth", database), cgi = new Site(host, "cgi", database, "web2_");
const sites = [fcgid, cgi];
try {
	await fcgid.install("fcgid");
	await cgi.install("cgi");
} catch (error) {
	await host.remove(); /* no hook runs where a file does not come to its end */
	await database.drop();
	throw error;
}

const secrets = (site) => ["key", "db-password"].map((name) => readFileSync(join(site.home, "latch", name), "utf8").trim());
const admin = (text) => administrator(text, database.name);

async function newUser(site) {
	const user = { email: uniqueEmail(), password: newPassword() };
	const made = await site.ask("/auth/register", { json: user });
	assert.equal(made.status, 201, made.text + host.log().slice(-2000));
	return { ...user, id: made.body.id };
}

async function signIn(site, { email, password }) {
	const answer = await site.ask("/auth/login", { json: { email, password } });
	assert.equal(answer.status, 200, answer.text);
	return answer.body;
}

/* Processes of a site, with what the kernel says of them. */
const processes = (site) => readdirSync("/proc").filter((name) => /^\d+$/.test(name)).filter((pid) => {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").includes(`${site.home}/latch/bin/latch-fcgi`);
	} catch {
		return false;
	}
});

for (const [how, site] of [["mod_fcgid", fcgid], ["CGI", cgi]])
	describe(how, () => {
		test(`shared hosting, ${how}: register, login, me, refresh and logout, below a folder`, async () => {
			const user = await newUser(site), tokens = await signIn(site, user);
			assert.equal((await site.ask("/users/me", { token: tokens.access_token })).body.email, user.email);
			const next = await site.ask("/auth/refresh", { json: { refresh_token: tokens.refresh_token } });
			assert.equal(next.status, 200, next.text);
			assert.equal((await site.ask("/auth/logout", { method: "POST", token: next.body.access_token })).status, 204);
			assert.equal((await site.ask("/users/me", { token: next.body.access_token })).status, 401);
			assert.equal((await site.ask("/auth/login", { json: { ...user, password: "wrong" } })).status, 401);
			const cookie = await site.ask("/auth/login", { json: { ...user, transport: "cookie" } });
			const value = cookie.headers.getSetCookie?.().find((one) => one.startsWith("latch=")) ?? cookie.headers.get("set-cookie");
			assert.equal((await site.ask("/users/me", { headers: { Cookie: value.split(";")[0] } })).body.email, user.email);
		});

		test(`shared hosting, ${how}: what the page tries answers as the page says, and doctor is content`, async () => {
			const said = await site.follow("try");
			assert.match(said, /^\{"status":"ready"\}$/m);
			assert.match(said, /"code":"invalid_credentials"/);
			const doctor = await site.ctl("doctor");
			assert.equal(doctor.code, 0, doctor.stdout);
			assert.match(doctor.stdout, /^ok .*privileges: .* as it migrates too/m);
			assert.match(site.said, /^password: /m);
		});

		test(`shared hosting, ${how}: methods, queries, HEAD and the documentation come through`, async () => {
			assert.equal((await site.ask("/users/me", { method: "PUT" })).status, 405);
			assert.match((await site.ask("/users?limit=1")).headers.get("www-authenticate"), /^Bearer/);
			const head = await site.ask("/.well-known/jwks.json", { method: "HEAD" });
			assert.deepEqual([head.status, head.text], [200, ""]);
			const etag = (await site.ask("/.well-known/jwks.json")).headers.get("etag");
			assert.equal((await site.ask("/.well-known/jwks.json", { headers: { "If-None-Match": etag } })).status, 304);
			for (const path of ["/docs/", "/sign-in/", "/sign-in/sign-in.js"]) {
				const page = await site.ask(path);
				assert.equal(page.status, 200, path);
				assert.match(page.headers.get("content-security-policy"), /default-src 'none'.*frame-ancestors 'none'/);
			}
			assert.equal((await site.ask("/auth/return-to?url=/private/")).body.url, `${new URL(site.url).origin}/private/`);
			assert.equal((await site.ask("/")).status, 404);
			assert.equal((await site.ask("/nothing")).body.code, "not_found");
		});

		test(`shared hosting, ${how}: seen from outside nothing is wrong with it`, async () => {
			const said = await follow("outside", { URL: site.url });
			assert.ok(said.match(/^ok /gm).length >= 18, said);
		});

		test(`shared hosting, ${how}: a body of 64 KiB is taken, and one byte more is 413`, async () => {
			const padded = (size) => JSON.stringify({ email: "x@example.org", password: "wrong" }).padEnd(size);
			const send = (size) => site.ask("/auth/login", { method: "POST", body: padded(size), headers: { "Content-Type": "application/json" } });
			assert.equal((await send(64 * 1024)).status, 401);
			const refused = await send(64 * 1024 + 1);
			assert.deepEqual([refused.status, refused.body.code], [413, "payload_too_large"]);
		});

		test(`shared hosting, ${how}: where CGIPassAuth may not be said, what the page has in its place brings tokens too`, async (t) => {
			const { access_token: token } = await signIn(site, await newUser(site));
			const file = join(site.folder, ".htaccess"), text = readFileSync(file, "utf8");
			t.after(() => writeFileSync(file, text));
			writeFileSync(file, text.replace("CGIPassAuth On", ""));
			assert.equal((await site.ask("/users/me", { token })).status, 401);
			writeFileSync(file, text.replace("CGIPassAuth On\n", pageFile("authorization")));
			assert.equal((await site.ask("/users/me", { token })).status, 200);
		});

		test(`shared hosting, ${how}: a path is read once, however it is escaped`, async () => {
			for (const path of ["/users/me%3Flimit=1", "/users/%256de", "/users/%25", "/users/me%253F", "/users/me%00", "/users%2Fme"])
				assert.ok([404, 400, 403].includes((await site.ask(path)).status), `${path}: ${(await site.ask(path)).status}`);
			assert.equal((await site.ask("/users/%6de")).status, 401, "%6d is m");
		});

		test(`shared hosting, ${how}: no configuration, key or script can be read by an address`, async () => {
			const name = site.name, folder = `/${name}`;
			const script = how === "CGI" ? "latch.cgi" : "dispatch.fcgi";
			const paths = ["/.htaccess", "/latch.conf", "/key", "/../latch/key", "/../../latch/latch.conf", "/%2e%2e/%2e%2e/latch/key", "/..%2f..%2flatch/key", "/docs/../../../latch/key", "/docs/.htaccess", `/${script}`, `/${script}/../../../latch/key`, "/docs/..;/key"];
			for (const path of paths) {
				const said = await rawGet(`${folder}${path}`);
				for (const secret of [...secrets(site), "db_password_file", "exec /", "AddHandler"])
					assert.ok(!said.includes(secret), `${path} shows ${secret}`);
				assert.doesNotMatch(said, /^HTTP\/1\.1 200/, path);
			}
			for (const [file, mode] of [["", 0o700], ["key", 0o600], ["db-password", 0o600], ["latch.conf", 0o600]])
				assert.equal(statSync(join(site.home, "latch", file)).mode & 0o777, mode, file);
		});
	});

/* As written: a client of our own would resolve the path first. */
function rawGet(path, headers = "") {
	return new Promise((done, fail) => {
		const socket = net.connect(host.port, "127.0.0.1", () => socket.write(`GET ${path} HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n${headers}\r\n`));
		let all = "";
		socket.setTimeout(10_000, () => socket.destroy(new Error(`${path}: no answer`)));
		socket.on("data", (part) => (all += part)).on("error", fail).on("close", () => done(all));
	});
}

test("mod_fcgid: a folder is guarded from .htaccess, and its programs hear who it is", async () => {
	const folder = join(host.home, "public_html", "private");
	const guard = (require) => writeFileSync(join(folder, ".htaccess"), `Options +ExecCGI\nAddHandler cgi-script .cgi\n${pageFile("guarded").replace("/home/YOU", host.home).replace("=user", `=${require}`)}`);
	await host.shOk(`mkdir -p ${folder}`);
	writeFileSync(join(folder, "page.html"), "for members");
	writeFileSync(join(folder, "who.cgi"), "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n%s %s' \"$REMOTE_USER\" \"$AUTH_USER_ID\"\n", { mode: 0o755 });
	const user = await newUser(fcgid), { access_token: token } = await signIn(fcgid, user);
	const ask = async (path, headers = {}) => {
		const answer = await fetch(`http://127.0.0.1:${host.port}/private/${path}`, { headers, redirect: "manual", signal: AbortSignal.timeout(10_000) });
		return { status: answer.status, headers: answer.headers, text: await answer.text() };
	};
	guard("user");
	for (const headers of [{}, { Authorization: "Bearer x" }, { Cookie: "latch=x" }, { "X-Auth-User": "admin", "Remote-User": "admin", "Variable-REMOTE_USER": "admin", "Latch-Require": "public" }])
		for (const path of ["page.html", "who.cgi", "", "nothing"]) {
			const refused = await ask(path, headers);
			assert.equal(refused.status, 401, `${path} ${JSON.stringify(headers)}: ${refused.text}`);
			assert.equal(refused.text, "<p><a href='/auth/sign-in/?return_to=/private/'>Sign in</a></p>");
		}
	const page = await ask("page.html", { Authorization: `Bearer ${token}` });
	assert.deepEqual([page.status, page.text], [200, "for members"]);
	const who = await ask("who.cgi", { Authorization: `Bearer ${token}`, "Remote-User": "admin" });
	assert.deepEqual([who.status, who.text], [200, `${user.email} ${user.id}`]);
	const tried = await run(join(CHECKOUT, "build", "latchctl"), ["doctor", "--url", fcgid.url, "--guard", "/private/page.html"]);
	assert.equal(tried.code, 0, tried.stdout);
	guard("role:admin");
	assert.equal((await ask("page.html", { Authorization: `Bearer ${token}` })).status, 401, "mod_fcgid makes 401 of every refusal");
	guard("no-such-word");
	assert.notEqual((await ask("page.html", { Authorization: `Bearer ${token}` })).status, 200);
});

test("shared hosting: the files are those that the page shows", () => {
	for (const name of ["dispatch.fcgi", "htaccess-fcgid"])
		assert.equal(readFileSync(join(CHECKOUT, "deploy", "shared-hosting", name), "utf8"), pageFile(name), name);
	const file = (name) => readFileSync(join(CHECKOUT, "deploy", "shared-hosting", name), "utf8");
	assert.equal(file("latch.cgi"), file("dispatch.fcgi"));
	assert.equal(file("htaccess-cgi"), file("htaccess-fcgid").replace("by mod_fcgid.", "as a CGI program.").replace("fcgid-script .fcgi", "cgi-script .cgi").replace("dispatch.fcgi", "latch.cgi"));
});

test("table prefix: two installations in one database know nothing of each other, and no table is without prefix", async () => {
	const tables = (await admin("SHOW TABLES")).map(([name]) => name);
	assert.ok(tables.length > 20);
	assert.deepEqual(tables.filter((name) => !/^(auth|web2)_/.test(name)), []);
	assert.deepEqual(tables.filter((name) => name.startsWith("auth_")).map((name) => name.slice(5)), tables.filter((name) => name.startsWith("web2_")).map((name) => name.slice(5)));
	const user = await newUser(fcgid);
	assert.equal((await cgi.ask("/auth/login", { json: user })).status, 401);
	const { access_token: token } = await signIn(fcgid, user);
	assert.equal((await cgi.ask("/users/me", { token })).status, 401);
	assert.equal((await admin(`SELECT COUNT(*) FROM auth_users WHERE id = '${user.id}'`))[0][0], "1");
});

test("table prefix: migrate again changes nothing", async () => {
	for (const site of sites) {
		const said = await site.ctl("migrate");
		assert.equal(said.code, 0, said.stderr);
		assert.doesNotMatch(said.stdout, /applied/);
	}
});

test("database user: with all rights on its database and none besides everything works, and one more is told", async () => {
	for (const site of sites)
		for (const args of [["gc"], ["keys", "list"], ["keys", "rotate"], ["audit", "verify"], ["user", "list"], ["doctor"]]) {
			const done = await site.ctl(...args);
			assert.equal(done.code, 0, `${args}: ${done.stdout}${done.stderr}`);
		}
	await administrator(`GRANT PROCESS ON *.* TO '${database.user}'@'localhost'`);
	const doctor = await cgi.ctl("doctor");
	await administrator(`REVOKE PROCESS ON *.* FROM '${database.user}'@'localhost'`);
	assert.equal(doctor.code, 1);
	assert.match(doctor.stdout, /^FAIL +privileges: .* outside of the database/m);
});

test("shared hosting: a program brings all its libraries", async () => {
	await fcgid.ask("/healthz");
	const [pid] = processes(fcgid);
	assert.ok(pid, "a worker of mod_fcgid");
	const mapped = new Set(readFileSync(`/proc/${pid}/maps`, "utf8").split("\n").map((line) => line.split(/\s+/)[5] ?? "").filter((path) => /\.so/.test(path)));
	assert.ok(mapped.size > 5, [...mapped].join(" "));
	assert.deepEqual([...mapped].filter((path) => !path.startsWith(`${fcgid.home}/latch/`)), []);
});

test("mod_fcgid: SIGTERM ends a worker, and the next request is answered", async () => {
	const [pid] = processes(fcgid);
	process.kill(Number(pid), "SIGTERM");
	await until(() => !processes(fcgid).includes(pid), 5_000, "its end");
	assert.equal((await fcgid.ask("/readyz")).status, 200);
});

test("upgrade: the page's commands leave configuration and accounts, and end the old workers", async () => {
	const user = await newUser(fcgid), old = processes(fcgid);
	assert.ok(old.length > 0);
	await fcgid.follow("upgrade");
	await until(() => processes(fcgid).every((pid) => !old.includes(pid)), 5_000, "the old workers' end");
	assert.equal((await fcgid.ask("/auth/login", { json: user })).status, 200);
	assert.equal(statSync(join(fcgid.home, "latch")).mode & 0o777, 0o700);
});

/* What another process may read of it; undefined when it has ended. */
function environmentOf(pid) {
	try {
		return readFileSync(`/proc/${pid}/environ`, "latin1").replaceAll("\0", "");
	} catch {
		return undefined;
	}
}

/* A request whose body has not come: {pid, socket}. */
async function begun(headers = "") {
	const before = processes(cgi);
	const socket = net.connect(host.port, "127.0.0.1", () => socket.write(`POST /cgi/auth/login HTTP/1.1\r\nHost: www.example.org\r\nContent-Type: application/json\r\nContent-Length: 100\r\n${headers}\r\n{"email`));
	socket.on("error", () => {});
	const pid = await until(() => processes(cgi).find((one) => !before.includes(one)), 5_000, "the process");
	return { pid, socket };
}

test("CGI: a forged Proxy header sets nothing, and a token is in no process's environment", async () => {
	const { pid, socket } = await begun("Proxy: http://192.0.2.1:3128\r\nAuthorization: Bearer not-for-others\r\n");
	await until(() => environmentOf(pid) === "", 5_000, "an empty environment");
	socket.destroy();
	const answer = await cgi.ask("/users/me", { headers: { Proxy: "http://192.0.2.1:3128", "Latch-Config": "/nowhere", "Latch-Db-Name": "other" } });
	assert.equal(answer.status, 401);
});

test("CGI: a client that goes away in the middle of its body leaves no process", async () => {
	const { pid, socket } = await begun();
	socket.destroy();
	await until(() => !processes(cgi).includes(pid), 3_000, "its end");
});

test("CGI: what SIGTERM finds at work is brought to its end", async () => {
	const user = await newUser(cgi);
	let ended = false;
	const answers = Promise.all([1, 2, 3, 4, 5, 6].map(() => cgi.ask("/auth/login", { json: user }))).finally(() => (ended = true));
	let hit = 0;
	for (; !ended; await sleep(1))
		for (const pid of processes(cgi))
			/* Not before it has seen to it: until then there is nothing to be brought to an end. */
			if (environmentOf(pid) === "") {
				process.kill(Number(pid), "SIGTERM");
				hit++;
			}
	assert.ok(hit > 0);
	for (const { status } of await answers)
		assert.ok(status === 200 || status === 503, String(status));
});

for (const [what, start, folder] of [["lighttpd's mod_cgi", () => host.lighttpd(), "/cgi/latch.cgi"], ["an Apache with threads, and its mod_cgid", () => host.threaded(), "/cgi"]])
	test(`CGI: it answers under ${what}`, async (t) => {
		const user = await newUser(cgi), other = await start();
		t.after(() => other.stop());
		const ask = async (path, json, headers) => {
			const answer = await fetch(`${other.base}${folder}${path}`, { ...(json && { method: "POST", body: JSON.stringify(json) }), headers: { ...(json && { "Content-Type": "application/json" }), ...headers }, signal: AbortSignal.timeout(10_000) });
			return { status: answer.status, body: await answer.json() };
		};
		const { body: tokens } = await ask("/auth/login", user);
		assert.equal((await ask("/users/me", undefined, { Authorization: `Bearer ${tokens.access_token}` })).body.email, user.email);
		for (const size of [64 * 1024, 8 * 1024 * 1024])
			assert.equal((await ask("/auth/login", { ...user, name: "x".repeat(size) })).status, 413, `${size}`);
		assert.equal((await ask("/auth/login", { ...user, name: "x".repeat(40 * 1024) })).status, 200);
	});

test("CGI: a query is no argument", async () => {
	/* As who calls the program without the three lines would have it. */
	writeFileSync(join(cgi.folder, "direct.cgi"), `#!/bin/sh\nexport LATCH_CONFIG=${cgi.home}/latch/latch.conf\nexec ${cgi.home}/latch/latch-fcgi "$@"\n`, { mode: 0o755 });
	for (const query of ["--version", "--sample-config", "--config+/etc/passwd", "--help", "--list-metrics"]) {
		const answer = await cgi.ask(`/direct.cgi/healthz?${query}`);
		assert.deepEqual([answer.status, answer.text], [200, '{"status":"ok"}'], query);
	}
});

test("CGI: a bad configuration is a 500 that tells nothing, and the error log tells what", async () => {
	writeFileSync(join(cgi.folder, "bad.cgi"), `#!/bin/sh\nexport LATCH_CONFIG=${cgi.home}/latch/none.conf\nexec ${cgi.home}/latch/latch-fcgi\n`, { mode: 0o755 });
	const answer = await cgi.ask("/bad.cgi/healthz");
	assert.equal(answer.status, 500);
	assert.ok(!answer.text.includes(cgi.home), answer.text);
	assert.match(host.log(), /none\.conf: No such file/);
});

test("CGI: old rows are removed after replies, without a cron", async () => {
	await admin("INSERT INTO web2_throttles (subject, failures, lasting, retry_at, updated_at) SELECT MD5(seq), 1, 0, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) - INTERVAL 2 DAY FROM seq_1_to_20");
	await admin("UPDATE web2_housekeeping SET due_at = UTC_TIMESTAMP(3) WHERE name = 'throttles'");
	const left = async () => Number((await admin("SELECT COUNT(*) FROM web2_throttles WHERE updated_at < UTC_TIMESTAMP(3) - INTERVAL 1 DAY"))[0][0]);
	assert.equal(await left(), 20);
	for (let i = 0; (await left()) > 0; i++) {
		/* One in ten would be this unlucky once in 10^13 times. */
		assert.ok(i < 30, "300 requests, and they are still there");
		await Promise.all(Array.from({ length: 10 }, () => cgi.ask("/readyz")));
	}
	await until(() => processes(cgi).length === 0, 6_000, "the end of what went on");
});

test("CGI: what its processes count comes together, and none counts as a worker's start", async () => {
	const user = await newUser(cgi);
	assert.equal((await cgi.ctl("role", "grant", user.email, "admin")).code, 0);
	const { access_token: token } = await signIn(cgi, user);
	const count = async (name) => Number((await cgi.ask("/metrics", { token })).text.split("\n").find((line) => line.startsWith(`${name} `))?.split(" ")[1]);
	const before = await count('latch_logins_total{outcome="ok"}');
	await signIn(cgi, user);
	await signIn(cgi, user);
	assert.equal(await count('latch_logins_total{outcome="ok"}'), before + 2);
	assert.equal(await count("latch_worker_starts_total"), 0);
	assert.ok(await count("latch_database_up") === 1);
});

/* Of processor time, for what a clock says depends on what else the machine does: tests/bench/cgi.mjs looks at that. */
test("CGI: a request takes 25 ms or less", async (t) => {
	const { access_token: token } = await signIn(cgi, await newUser(cgi)), times = 20;
	const env = { GATEWAY_INTERFACE: "CGI/1.1", REQUEST_METHOD: "GET", PATH_INFO: "/users/me", REMOTE_ADDR: "192.0.2.7", HTTP_AUTHORIZATION: `Bearer ${token}` };
	const said = await host.shOk(`for i in $(seq ${times}); do ${cgi.folder}/latch.cgi </dev/null 2>/dev/null; echo; done; times`, { env });
	assert.equal(said.match(/^Status: 200 OK/gm)?.length, times, said);
	/* The last line: what the children took in user mode, and in the kernel. */
	const parts = [...said.trim().split("\n").at(-1).matchAll(/(\d+)m([\d.]+)s/g)].map(([, min, s]) => Number(min) * 60 + Number(s));
	const ms = 1000 * (parts[0] + parts[1]) / times;
	t.diagnostic(`${ms.toFixed(1)} ms`);
	assert.ok(parts.length === 2 && ms > 0 && ms <= 25, said.slice(-200));
});

test("shared hosting: the error log has no secret", () => {
	for (const site of sites)
		for (const secret of secrets(site))
			assert.ok(!host.log().includes(secret));
	assert.doesNotMatch(host.log(), /eyJ|Sesam-|mail-mark|not-for-others|Sanitizer/);
});
