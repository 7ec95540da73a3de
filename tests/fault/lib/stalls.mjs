/*
 * When the machine itself stood still: a program that only sleeps, and writes and syncs 4 KiB beside the database's files, at
 * the database's priority. What it waits for, every statement waits for too.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { DIR } from "../../http/lib/instance.mjs";

const SLEEP_MS = 5, WORTH_MS = 10;

if (process.argv[2] === "probe") {
	const { fdatasyncSync, openSync, unlinkSync, writeSync } = await import("node:fs");
	const file = openSync(process.argv[3], "w"), page = Buffer.alloc(4096), never = new Int32Array(new SharedArrayBuffer(4));
	unlinkSync(process.argv[3]);
	for (;;) {
		const from = performance.now(), at = Date.now();
		Atomics.wait(never, 0, 0, SLEEP_MS);
		writeSync(file, page, 0, page.length, 0);
		fdatasyncSync(file);
		const ms = performance.now() - from - SLEEP_MS;
		if (ms > WORTH_MS)
			writeSync(1, `${at} ${Math.round(ms)}\n`);
	}
}

/** From now on; `prefer(pid)` gives it its priority. {stop(), during(at, ms)}: of so many ms from then on (in ms since 1970), how
 * many the machine stood still; {worst()}. */
export function watchStalls(prefer) {
	const child = spawn(process.execPath, [new URL(import.meta.url).pathname, "probe", join(DIR, "db", "probe")], { stdio: ["ignore", "pipe", "inherit"] });
	let text = "";
	child.stdout.on("data", (part) => (text += part));
	process.on("exit", () => child.kill("SIGKILL"));
	prefer(child.pid);
	const all = () => text.split("\n").slice(0, -1).map((line) => line.split(" ").map(Number));
	return {
		stop: () => new Promise((done) => {
			child.on("close", done);
			child.kill("SIGKILL");
		}),
		during: (at, ms) => all().reduce((sum, [from, length]) => sum + Math.max(0, Math.min(at + ms, from + SLEEP_MS + length) - Math.max(at, from)), 0),
		worst: () => all().reduce((most, [, length]) => Math.max(most, length), 0),
	};
}
