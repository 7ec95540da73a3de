/* A second lighttpd in front of the instance's pool, which mounts it at a prefix. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DIR, sleep } from "./instance.mjs";

export const freePort = () => new Promise((done, fail) => {
	const server = net.createServer().on("error", fail);
	server.listen(0, "127.0.0.1", () => {
		const { port } = server.address();
		server.close(() => done(port));
	});
});

const listens = (port) => new Promise((done) => {
	const socket = net.connect(port, "127.0.0.1", () => done(true) || socket.destroy()).on("error", () => done(false));
});

/** {base, stop()}; `prefix` such as "/auth-api". */
export async function mount(prefix) {
	const scratch = mkdtempSync(join(tmpdir(), "latch-mount-"));
	const port = await freePort();
	writeFileSync(join(scratch, "lighttpd.conf"), `
server.modules = ("mod_setenv", "mod_redirect", "mod_alias", "mod_fastcgi")
server.bind = "127.0.0.1"
server.port = ${port}
server.document-root = "${scratch}"
server.upload-dirs = ("${scratch}")
mimetype.assign = (".html" => "text/html; charset=utf-8", ".css" => "text/css", ".js" => "text/javascript", ".png" => "image/png")
index-file.names = ("index.html")
url.redirect = ("^${prefix}/docs$" => "${prefix}/docs/")
alias.url = ("${prefix}/docs/" => "${DIR}/app/docs/")
$HTTP["url"] =^ "${prefix}/docs/" {
	setenv.set-response-header = ("Content-Security-Policy" => "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'")
}
else $HTTP["url"] =~ "^${prefix}(/|$)" {
	fastcgi.server = ("${prefix}" => (("socket" => "${DIR}/run/latch.sock", "check-local" => "disable")))
}
`);
	const server = spawn("lighttpd", ["-D", "-f", join(scratch, "lighttpd.conf")], { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
	let said = "";
	server.stderr.on("data", (part) => (said += part));
	const gone = new Promise((done) => server.on("exit", done));
	for (let i = 0; !(await listens(port)); i++) {
		if (i > 100 || server.exitCode !== null)
			throw new Error(`lighttpd for the mount does not start: ${said}`);
		await sleep(50);
	}
	return {
		base: `http://127.0.0.1:${port}${prefix}`,
		async stop() {
			server.kill("SIGINT");
			await gone;
			rmSync(scratch, { recursive: true, force: true });
		},
	};
}
