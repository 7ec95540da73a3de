/* A second web server in front of the instance's pool, or of another, with the project's own configuration for it: below a prefix, or at the root. */
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECKOUT, DIR, sleep } from "./instance.mjs";

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

const as = process.getuid() === 0 ? ["setpriv", "--reuid", "latch", "--regid", "latch", "--init-groups", "--"] : [];

/** The configuration that deploy/up would have this server run with. */
function configuration(server, prefix) {
	const done = spawnSync("sh", ["-euc", '. "$here/deploy/lib/web.sh"; web_conf'], { env: { PATH: process.env.PATH, here: CHECKOUT, server, prefix }, encoding: "utf8" });
	if (done.status !== 0)
		throw new Error(`no configuration for ${server}: ${done.stderr}`);
	return done.stdout;
}

/** {base, stop()}; `prefix` such as "/auth-api", or "". `more`: text behind the configuration. */
export async function mount(prefix, { server = "lighttpd", socket = join(DIR, "run", "latch.sock"), port, more = "" } = {}) {
	const scratch = mkdtempSync(join(tmpdir(), "latch-mount-"));
	port ??= await freePort();
	for (const path of ["app", "run", "run/tmp", "log"]) {
		mkdirSync(join(scratch, path));
		chmodSync(join(scratch, path), 0o1777);
	}
	chmodSync(scratch, 0o755);
	for (const pages of ["docs", "sign-in"])
		symlinkSync(join(DIR, "app", pages), join(scratch, "app", pages));
	symlinkSync(socket, join(scratch, "run/latch.sock"));
	writeFileSync(join(scratch, "app/listen.conf"), `listen 127.0.0.1:${port};\n`);
	writeFileSync(join(scratch, "app/web.conf"), configuration(server, prefix) + more);
	const words = [...as, ...(server === "nginx" ? ["nginx", "-p", "./", "-e", "log/web.log", "-c", "app/web.conf"] : ["lighttpd", "-D", "-f", "app/web.conf"])];
	const child = spawn(words[0], words.slice(1), {
		stdio: ["ignore", "ignore", "pipe"], cwd: scratch,
		env: { PATH: `${process.env.PATH}:/usr/sbin`, LATCH_PORT: String(port), LATCH_SOCKET: socket, LATCH_PREFIX: prefix, LATCH_MOUNT: prefix || "/", LATCH_DOCS: join(DIR, "app/docs"), LATCH_SIGN_IN: join(DIR, "app/sign-in"),
			LATCH_REFUSED: join(CHECKOUT, "deploy/lighttpd/refused.json"), LATCH_TMP: join(scratch, "run/tmp") },
	});
	let said = "";
	child.stderr.on("data", (part) => (said += part));
	const gone = new Promise((done) => child.on("exit", done));
	const stop = async () => {
		child.kill(server === "nginx" ? "SIGQUIT" : "SIGINT");
		await gone;
		rmSync(scratch, { recursive: true, force: true });
	};
	for (let i = 0; !(await listens(port)); i++) {
		if (i > 100 || child.exitCode !== null) {
			const log = server === "nginx" ? readFileSync(join(scratch, "log/web.log"), "utf8") : "";
			await stop();
			throw new Error(`${server} for the mount does not start: ${said}${log}`);
		}
		await sleep(50);
	}
	return { base: `http://127.0.0.1:${port}${prefix}`, stop };
}
