/*
 * A shared host: an Apache of an ordinary user, with what providers allow in .htaccess, and a home folder in which the
 * commands of docs/shared-hosting.md are run as that user; its database is the instance's MariaDB, by a user who has one database
 * and no right besides.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKOUT, run, sleep, SOCKET } from "./instance.mjs";
import { freePort } from "./mount.mjs";
import { administrator, block } from "./operations.mjs";

const PAGE = "shared-hosting.md";
const MODULES = "/usr/lib/apache2/modules";
const root = process.getuid() === 0;
const as = root ? ["setpriv", "--reuid", "latch", "--regid", "latch", "--init-groups", "--no-new-privs", "--"] : [];
/* The semaphores and counters of its installations outlive them, and go with this. */
const alone = root ? ["unshare", "--ipc", "--"] : [];

const listens = (port) => new Promise((done) => {
	const socket = net.connect(port, "127.0.0.1", () => done(true) || socket.destroy()).on("error", () => done(false));
});

/** What stands in the page as the file of that name: a block is one when <!-- file: NAME --> stands before it. */
export function pageFile(name) {
	const text = readFileSync(join(CHECKOUT, "docs", PAGE), "utf8");
	const found = [...text.matchAll(/^<!-- file: (\S+) -->\n+```\w+\n([\s\S]*?)^```$/gm)].find(([, one]) => one === name);
	assert.ok(found, `docs/${PAGE} has no file ${name}`);
	return found[2];
}

/** A block of the page, run in the checkout; what it printed. */
export async function follow(name, env = {}) {
	const done = await run("sh", ["-eu", "-c", block(name, PAGE)], { timeout: 120_000, env });
	assert.equal(done.code, 0, done.stdout + done.stderr);
	return done.stdout;
}

/** make hosting, as the page says; once. */
export const pack = () => follow("pack");

/** A database, and a user who may do everything in it and nothing else: {name, user, password, drop()}. */
export async function rentDatabase(name) {
	const password = "Only-here-7";
	await administrator(`CREATE DATABASE ${name} CHARACTER SET utf8mb4; CREATE USER '${name}'@'localhost' IDENTIFIED BY '${password}'; GRANT ALL PRIVILEGES ON ${name}.* TO '${name}'@'localhost'`);
	return { name, user: name, password, drop: () => administrator(`DROP DATABASE IF EXISTS ${name}; DROP USER IF EXISTS '${name}'@'localhost'`) };
}

export class Host {
	#server;

	/** An Apache with an empty document root. */
	static async start() {
		const host = new Host();
		host.dir = mkdtempSync(join(tmpdir(), "latch-host-"));
		host.home = join(host.dir, "home");
		host.port = await freePort();
		for (const name of ["", "run", "home", "home/public_html"])
			host.#own(join(host.dir, name));
		chmodSync(host.dir, 0o755);
		writeFileSync(join(host.dir, "mime.types"), "text/html html\ntext/css css\ntext/javascript js\nimage/png png\n");
		host.#server = await host.#apache("apache", host.port, ["mpm_prefork", "cgi", "fcgid"]);
		return host;
	}

	/** Another on the same document root, with threads, and so mod_cgid: {base, stop()}. */
	async threaded() {
		const port = await freePort();
		return { base: `http://127.0.0.1:${port}`, ...(await this.#apache("threaded", port, ["mpm_event", "cgid"])) };
	}

	#own(path) {
		mkdirSync(path, { recursive: true });
		if (root)
			chownSync(path, ...["-u", "-g"].map((what) => Host.#id(what)));
	}

	static #id(what) {
		const line = readFileSync("/etc/passwd", "utf8").split("\n").find((one) => one.startsWith("latch:"));
		return Number(line.split(":")[what === "-u" ? 2 : 3]);
	}

	#conf(name, port, modules) {
		const all = ["authn_core", "authz_core", "mime", "dir", "env", "setenvif", "headers", "rewrite", ...modules];
		return `
ServerRoot ${this.dir}
ServerName www.example.org
Listen 127.0.0.1:${port}
PidFile run/${name}.pid
ErrorLog error.log
LogLevel warn
${all.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join("\n")}
Mutex file:${this.dir}/run
TypesConfig ${this.dir}/mime.types
<IfModule mpm_prefork_module>
	StartServers 3
	MaxRequestWorkers 16
</IfModule>
<IfModule cgid_module>
	ScriptSock ${this.dir}/run/cgid
</IfModule>
<IfModule fcgid_module>
	FcgidIPCDir ${this.dir}/run/fcgid
	FcgidProcessTableFile ${this.dir}/run/fcgid.shm
	FcgidMaxProcessesPerClass 3
</IfModule>
DocumentRoot ${this.home}/public_html
DirectoryIndex index.html
<Directory />
	Options None
	AllowOverride None
	Require all denied
</Directory>
<Directory ${this.home}/public_html>
	Options SymLinksIfOwnerMatch
	AllowOverride AuthConfig FileInfo Indexes Options
	Require all granted
</Directory>
<FilesMatch "^\\.ht">
	Require all denied
</FilesMatch>
`;
	}

	async #apache(name, port, modules) {
		const file = join(this.dir, `${name}.conf`);
		writeFileSync(file, this.#conf(name, port, modules));
		const server = spawn("env", ["-i", `PATH=${process.env.PATH}:/usr/sbin`, ...alone, ...as, "apache2", "-f", file, "-D", "FOREGROUND"], { stdio: ["ignore", "ignore", "pipe"], cwd: "/" });
		let said = "";
		server.stderr.on("data", (part) => (said += part));
		const ended = new Promise((done) => server.on("close", done));
		for (let i = 0; !(await listens(port)); i++) {
			if (i > 200 || server.exitCode !== null)
				throw new Error(`Apache does not start: ${said}${this.log()}`);
			await sleep(25);
		}
		return { stop: () => server.kill("SIGTERM") && ended };
	}

	async remove() {
		await this.#server.stop();
		rmSync(this.dir, { recursive: true, force: true });
	}

	log() {
		try {
			return readFileSync(join(this.dir, "error.log"), "utf8");
		} catch {
			return "";
		}
	}

	/** A lighttpd on the same document root, which starts .cgi files: {base, stop()}. */
	async lighttpd() {
		const port = await freePort(), file = join(this.dir, "lighttpd.conf");
		writeFileSync(file, `
server.modules = ("mod_cgi")
server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${this.home}/public_html"
server.upload-dirs = ("${this.dir}/run")
cgi.assign = (".cgi" => "")
`);
		const server = spawn("env", ["-i", `PATH=${process.env.PATH}:/usr/sbin`, ...alone, ...as, "lighttpd", "-D", "-f", file], { stdio: ["ignore", "ignore", "ignore"], cwd: "/" });
		const ended = new Promise((done) => server.on("close", done));
		for (let i = 0; !(await listens(port)); i++) {
			assert.ok(i < 200 && server.exitCode === null, "lighttpd does not start");
			await sleep(25);
		}
		return { base: `http://127.0.0.1:${port}`, stop: () => server.kill("SIGTERM") && ended };
	}

	/** Runs a shell text on the host, as its user. */
	sh(text, { home = this.home, env = {} } = {}) {
		const words = Object.entries({ HOME: home, PATH: "/usr/local/bin:/usr/bin:/bin", ...env }).map(([name, value]) => `${name}=${value}`);
		const [file, ...args] = ["env", "-i", ...words, ...as, "sh", "-eu", "-c", text];
		return run(file, args, { cwd: this.home, timeout: 60_000 });
	}

	async shOk(text, options) {
		const done = await this.sh(text, options);
		assert.equal(done.code, 0, `${text}: ${done.stdout}${done.stderr}`);
		return done.stdout;
	}
}

/** One latch there, in a home folder of its own below the host's, answering below /NAME. */
export class Site {
	constructor(host, name, database, prefix = "auth_") {
		Object.assign(this, { host, name, database, prefix, home: name === "auth" ? host.home : join(host.home, name) });
		this.folder = join(host.home, "public_html", name);
		this.url = `http://127.0.0.1:${host.port}/${name}`;
		this.env = { SITE: this.folder, URL: this.url, DB_SOCKET: SOCKET(), DB_NAME: database.name, DB_USER: database.user };
	}

	/** A block of the page, run there; what it printed. */
	follow(name) {
		return this.sh(block(name, PAGE));
	}

	sh(text) {
		return this.host.shOk(text, { home: this.home, env: this.env });
	}

	/** All that the page says, `how` being "fcgid" or "cgi". */
	async install(how) {
		await this.host.shOk(`mkdir -p ${this.home}`);
		copyFileSync(join(CHECKOUT, "build", "latch-hosting.tar.gz"), join(this.home, "latch-hosting.tar.gz"));
		await this.follow("unpack");
		await this.sh(`printf '%s\\n' '${this.database.password}' >latch/db-password`.replaceAll("latch/", `${this.home}/latch/`));
		if (this.prefix !== "auth_")
			await this.sh(`sed -i 's/^db_table_prefix = .*/db_table_prefix = ${this.prefix}/' ${this.home}/latch/latch.conf`);
		this.said = await this.follow("migrate");
		await this.follow(`site-${how}`);
	}

	ctl(...args) {
		return this.host.sh(`cd ${this.home}/latch && LATCH_CONFIG=${this.home}/latch/latch.conf ./latchctl ${args.join(" ")}`, { home: this.home });
	}

	/** One request: {status, headers, text, body}. */
	async ask(path, { json, token, headers = {}, ...options } = {}) {
		const answer = await fetch(this.url + path, {
			redirect: "manual", ...(json !== undefined && { method: "POST", body: JSON.stringify(json) }), ...options, signal: AbortSignal.timeout(20_000),
			headers: { ...(json !== undefined && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }), ...headers },
		});
		const text = await answer.text();
		return { status: answer.status, headers: answer.headers, text, get body() { return JSON.parse(text); } };
	}
}
