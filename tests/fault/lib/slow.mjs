/* Debian's slowhttptest, and healthy clients beside it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { send } from "../../http/lib/http.mjs";
import { BASE } from "../../http/lib/instance.mjs";

/* Each keeps its connections open for as long as the server lets it. What is read slowly is not the largest file: over the
 * loopback, whose packets are 64 KB long, the kernel takes megabytes for a reader that takes none, and a thousand of those
 * are all that it grants to TCP. */
const MODES = {
	header: ["-H", "-x", "24", "/users/me"],
	body: ["-B", "-x", "24", "-s", "60000", "-f", "application/json", "/auth/login"],
	read: ["-X", "-w", "10", "-y", "20", "-n", "5", "-z", "32", "/docs/swagger-ui.css"],
};
export const SLOW_MODES = Object.keys(MODES);

/** A program that takes connections and does nothing with them: the attacker's own cost is the same there. {base, stop()} */
export async function sink() {
	const child = spawn(process.execPath, ["-e", `require("net").createServer((s) => s.on("error", () => {}).resume()).listen(0, "127.0.0.1", function () { console.log(this.address().port); })`], { stdio: ["ignore", "pipe", "inherit"] });
	const [port] = await once(child.stdout, "data");
	return { base: `http://127.0.0.1:${Number(port)}`, stop: () => child.kill("SIGKILL") };
}

/** So many connections in that mode, opened within two seconds. {crawl(), stop()} */
export function attack(mode, connections, base = BASE) {
	const [path, ...options] = [...MODES[mode]].reverse();
	const child = spawn("slowhttptest", [...options.reverse(), "-u", base + path, "-c", String(connections), "-r", String(Math.ceil(connections / 2)), "-i", "4", "-l", "120", "-p", "3"], { stdio: "ignore" });
	const gone = new Promise((done, fail) => child.on("error", fail).on("exit", done));
	gone.catch(() => {});
	let timer;
	const turn = (on) => {
		child.kill(on ? "SIGCONT" : "SIGSTOP");
		timer = setTimeout(turn, on ? 2 : 98, !on);
	};
	return {
		/** From now on it gets a fiftieth of a processor. What it does is as slow as before; but it looks at all its connections
		 * over and over once a server has answered any, and takes two thirds of one for that. */
		crawl: () => turn(false),
		async stop() {
			clearTimeout(timer);
			child.kill("SIGKILL");
			await gone;
		},
	};
}

/** How many connections somebody has to the server there. */
export function connections(base = BASE) {
	const port = `:${Number(new URL(base).port).toString(16).toUpperCase().padStart(4, "0")}`;
	return readFileSync("/proc/net/tcp", "latin1").split("\n").filter((line) => {
		const [, , to, state] = line.trim().split(/\s+/);
		return state === "01" && to.endsWith(port);
	}).length;
}

/** What so many healthy clients get in so many ms: {rate, times, refused}. */
export async function healthy(token, ms, clients = 4) {
	const end = performance.now() + ms, times = [], refused = [];
	await Promise.all(Array.from({ length: clients }, async () => {
		while (performance.now() < end) {
			const answer = await send("GET", "/users/me", { headers: { Authorization: `Bearer ${token}` }, timeout: 5000 }).catch((error) => ({ status: error.message, ms: 5000 }));
			times.push(answer.ms);
			if (answer.status !== 200)
				refused.push(answer.status);
		}
	}));
	assert.ok(times.length > 0);
	return { rate: (1000 * times.length) / ms, times, refused };
}
