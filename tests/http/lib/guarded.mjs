/*
 * A site behind a web server that asks latch: files, a CGI program that prints its environment, and an application that prints
 * the request that it gets. The server's own configuration is short, and as unfavourable as a site's may be; what guards it is
 * what latchctl webserver prints.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "./http.mjs";
import { ctlOk, DIR, sleep } from "./instance.mjs";
import { freePort } from "./mount.mjs";

export const PREFIX = "/auth-api";
const service = process.getuid() === 0 ? ["setpriv", "--reuid", "latch", "--regid", "latch", "--init-groups", "--"] : [];
const PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;
const running = new Set();
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** A program that runs until it is stopped: {child, said(), stop()}. */
function launch(words, options = {}) {
	const child = spawn(words[0], words.slice(1), { stdio: ["ignore", "pipe", "pipe"], ...options, env: { PATH, LC_ALL: "C" } });
	let said = "";
	for (const stream of [child.stdout, child.stderr])
		stream.on("data", (part) => (said += part));
	running.add(child);
	const gone = new Promise((done) => child.on("exit", () => done(running.delete(child))));
	return { child, said: () => said, gone, stop: (signal = "SIGTERM") => (child.kill(signal), gone) };
}

const listens = (where) => new Promise((done) => {
	const socket = net.connect(where, () => done(true) || socket.destroy()).on("error", () => done(false));
});

async function untilListens(program, where) {
	for (let i = 0; !(await listens(where)); i++) {
		if (i > 200 || program.child.exitCode !== null)
			throw new Error(`does not start: ${program.child.spawnargs.join(" ")}: ${program.said()}`);
		await sleep(25);
	}
}

/* ---- What is guarded ---- */

/** An application: it answers with the request as JSON, header names as they came, in lower case; a WebSocket with 101. `upgrades`: the Upgrade of
 * each request. */
export async function application() {
	const port = await freePort();
	let asked = 0;
	const upgrades = [];
	const show = (request) => JSON.stringify({ method: request.method, url: request.url, headers: request.rawHeaders.filter((_, i) => i % 2 === 0).map((name, i) => [name.toLowerCase(), request.rawHeaders[2 * i + 1]]) });
	const server = http.createServer((request, answer) => {
		asked++;
		upgrades.push(request.headers.upgrade);
		let size = 0;
		request.on("data", (part) => (size += part.length)).on("end", () => answer.writeHead(200, { "Content-Type": "application/json", "X-Body": String(size) }).end(show(request)));
	});
	server.on("upgrade", (request, socket) => {
		asked++;
		upgrades.push(request.headers.upgrade);
		socket.end(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n${show(request)}`);
	});
	await new Promise((done) => server.listen(port, "127.0.0.1", done));
	return { port, asked: () => asked, upgrades, stop: () => new Promise((done) => (server.close(done), server.closeAllConnections?.())) };
}

const CGI = "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\nenv\n[ \"${CONTENT_LENGTH:-0}\" = 0 ] || { printf BODY=; head -c \"$CONTENT_LENGTH\"; echo; }\n";

function content(www) {
	for (const place of ["files", "files/deeper", "editors", "anybody", "verified", "open", "cgi", "reports", "ruled", "ruled/shut"]) {
		mkdirSync(join(www, place), { recursive: true });
		for (const name of ["index.html", "page.html"])
			writeFileSync(join(www, place, name), `${place}/${name}: the page itself\n`);
	}
	writeFileSync(join(www, "filesystem.html"), "not guarded\n");
	for (const place of ["cgi", "open", "files"]) {
		for (const name of ["env.cgi", "env.php"]) {
			writeFileSync(join(www, place, name), CGI);
			chmodSync(join(www, place, name), 0o755);
		}
	}
}

/* ---- The servers ---- */

/* It runs what is executable, whatever its name: so a shell script does for PHP. */
async function fcgiwrap({ at }) {
	const wrap = launch([...service, "spawn-fcgi", "-n", "-s", `${at}/fcgiwrap.sock`, "--", "/usr/sbin/fcgiwrap"]);
	await untilListens(wrap, `${at}/fcgiwrap.sock`);
	return wrap;
}

const MODULES = "mpm_event authn_core authz_core authz_user authnz_fcgi alias cgid dir headers mime proxy proxy_fcgi proxy_http setenvif";

/** By name: the configuration of the site, and how it is started. `at`: the folder; latch.conf in there is what latchctl printed. */
export const SERVERS = {
	lighttpd: {
		/* For .php; it runs .cgi itself. */
		options: ["--fastcgi", "unix:/fcgiwrap.sock"],
		helper: fcgiwrap,
		/* mod_cgi and mod_proxy first, which without latch.conf's own order serve unasked. */
		configuration: ({ at, port, app }) => `
server.modules = ("mod_cgi", "mod_proxy")
server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${at}/www"
server.upload-dirs = ("${at}/tmp")
server.http-parseopts = ("url-normalize" => "disable", "url-normalize-unreserved" => "disable", "url-normalize-required" => "disable", "url-ctrls-reject" => "disable")
mimetype.assign = (".html" => "text/html", "" => "text/plain")
index-file.names = ("index.html")
cgi.assign = (".cgi" => "")
$HTTP["url"] =~ "^/free(/|$)" { proxy.server = ("" => (("host" => "127.0.0.1", "port" => ${app}))) }
include "latch.conf"
`,
		test: ["lighttpd", "-tt", "-f", "site.conf"],
		run: ["lighttpd", "-D", "-f", "site.conf"],
		stop: "SIGINT",
	},
	nginx: {
		options: ["--fastcgi", "unix:/fcgiwrap.sock"],
		helper: fcgiwrap,
		configuration: ({ at, port, app }) => `
daemon off; worker_processes 1; pid nginx.pid; error_log error.log warn;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path tmp/body; fastcgi_temp_path tmp/fastcgi; proxy_temp_path tmp/proxy; scgi_temp_path tmp/scgi; uwsgi_temp_path tmp/uwsgi;
	types { text/html html; }
	default_type text/plain;
	server {
		listen 127.0.0.1:${port};
		root ${at}/www;
		index index.html;
		include latch.conf;
		location ~ \\.cgi$ { include ${at}/programs; }
		location ~ ^/files/.*html$ { add_header X-Unguarded yes; }
		location ^~ /free/ { proxy_pass http://127.0.0.1:${app}; }
	}
}
`,
		files: ({ at }) => ({ programs: `fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_param REQUEST_METHOD $request_method; fastcgi_param QUERY_STRING $query_string; fastcgi_pass unix:${at}/fcgiwrap.sock;\n` }),
		test: ["nginx", "-p", "./", "-e", "error.log", "-q", "-t", "-c", "site.conf"],
		run: ["nginx", "-p", "./", "-e", "error.log", "-c", "site.conf"],
		stop: "SIGTERM",
	},
	apache: {
		authorizer: true,
		configuration: ({ at, port, app }) => `
ServerRoot "${at}"
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
PidFile apache.pid
DefaultRuntimeDir ${at}
ErrorLog error.log
LogLevel warn
${MODULES.split(" ").map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n")}
ThreadsPerChild 16
StartServers 1
MinSpareThreads 1
MaxSpareThreads 32
MaxRequestWorkers 32
ScriptSock cgid.sock
TypesConfig /dev/null
AddType text/html .html
DirectoryIndex index.html
<Directory "/">
	Require all denied
	AllowOverride None
</Directory>
<Directory "${at}/www">
	Require all granted
	Options +ExecCGI +FollowSymLinks
	AddHandler cgi-script .cgi .php
</Directory>
Include latch.conf
<VirtualHost *:${port}>
	DocumentRoot "${at}/www"
	ProxyPass "/free" "http://127.0.0.1:${app}/free"
</VirtualHost>
`,
		test: ["apache2", "-d", ".", "-f", "site.conf", "-t"],
		run: ["apache2", "-d", ".", "-f", "site.conf", "-DFOREGROUND"],
		stop: "SIGTERM",
	},
};

/** What latchctl prints for this site. `role`: of /editors. */
export const printed = (server, { at, socket, app, role, authorizer }) => ctlOk(["webserver", server, "--prefix", PREFIX, "--socket", socket, "--pages", join(DIR, "app"), ...(authorizer ? ["--authorizer", `127.0.0.1:${authorizer}`] : []),
	"--guard", "/files/", "--require", "user", "--guard", "/files/deeper", "--require", `role:${role}`, "--guard", "/editors", "--require", `role:${role}`, "--guard", "/verified", "--require", "verified", ...(server === "apache" ? [] : ["--guard", "/anybody", "--require", "public"]),
	"--guard", "/ruled", "--guard", "/cgi", "--require", "user", ...(SERVERS[server].options ?? []).map((word) => word.replace("unix:", `unix:${at}`)),
	"--guard", "/app", "--require", "user", "--proxy", `http://127.0.0.1:${app}`]);

/** A running site: {origin, port, at, stop()}. `conf`: in the place of what is printed above. */
export async function site(server, { port, socket, app, role, authorizer, conf }) {
	const own = SERVERS[server], at = mkdtempSync(join(tmpdir(), "latch-guarded-"));
	chmodSync(at, 0o1777);
	for (const folder of ["www", "tmp"])
		mkdirSync(join(at, folder));
	chmodSync(join(at, "tmp"), 0o1777);
	content(join(at, "www"));
	const known = { at, port, socket, app, role, authorizer };
	writeFileSync(join(at, "latch.conf"), conf?.replaceAll("unix:/fcgiwrap.sock", `unix:${at}/fcgiwrap.sock`) ?? await printed(server, known));
	for (const [name, text] of Object.entries({ "site.conf": own.configuration(known), ...own.files?.(known) }))
		writeFileSync(join(at, name), text);
	const [program, ...rest] = [...service, ...own.test];
	try {
		execFileSync(program, rest, { cwd: at, env: { PATH, LC_ALL: "C" }, stdio: ["ignore", "pipe", "pipe"] });
	} catch (error) {
		assert.fail(`${server} refuses its configuration: ${error.stdout}${error.stderr}`);
	}
	const helper = await own.helper?.(known);
	const main = launch([...service, ...own.run], { cwd: at });
	await untilListens(main, { port, host: "127.0.0.1" });
	return {
		server, at, port, origin: `http://127.0.0.1:${port}`,
		async stop() {
			await Promise.all([main.stop(own.stop), helper?.stop()]);
			rmSync(at, { recursive: true, force: true });
		},
	};
}

/* ---- Asking it ---- */

const named = (headers, name) => headers.some(([other]) => other.toLowerCase() === name);
const UPGRADE = [["Upgrade", "websocket"], ["Connection", "Upgrade"], ["Sec-WebSocket-Version", "13"], ["Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="]];

/** Sends exactly this target and these headers ([name, value] pairs, latin1), and reads until the server closes. Host and Connection
 * are added where they are not among them. `whole`: gives all that came, as text. */
export function ask({ port }, target, { method = "GET", headers = [], body = "", token, cookie, timeout = 10_000, upgrade = false, whole = false } = {}) {
	const all = [...headers, ...(upgrade ? UPGRADE : []), ...(token ? [["Authorization", `Bearer ${token}`]] : []), ...(cookie ? [["Cookie", `latch=${cookie}`]] : [])];
	if (!named(all, "host"))
		all.unshift(["Host", `127.0.0.1:${port}`]);
	if (!named(all, "connection"))
		all.push(["Connection", "close"]);
	if (body || /^(POST|PUT)$/.test(method))
		all.push(["Content-Length", String(Buffer.byteLength(body, "latin1"))]);
	return new Promise((done, fail) => {
		const started = performance.now(), parts = [];
		const socket = net.connect(port, "127.0.0.1");
		socket.setTimeout(timeout, () => socket.destroy(new Error(`${method} ${target}: no end within ${timeout} ms`)));
		socket.on("connect", () => socket.write(Buffer.from(`${method} ${target} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${body}`, "latin1")));
		/* With an upgrade nobody closes: what has come in a moment is all. */
		socket.on("data", (part) => parts.push(part) && upgrade && setTimeout(() => socket.destroy(), 100));
		socket.on("error", (error) => parts.length || fail(error));
		socket.on("close", () => {
			try {
				done(whole ? Buffer.concat(parts).toString("latin1") : parse(Buffer.concat(parts), started, method));
			} catch (error) {
				fail(error);
			}
		});
	});
}

/** What a CGI program printed, by name. */
export const environment = (answer) => Object.fromEntries(answer.text.split("\n").filter((line) => line.includes("=")).map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
/** The headers that the application got, by lower-case name; repeats are joined. */
export const received = (answer) => {
	const out = {};
	for (const [name, value] of answer.json().headers)
		out[name] = name in out ? `${out[name]}, ${value}` : value;
	return out;
};
