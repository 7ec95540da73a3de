/* The instance's own mariadbd as a process: stopped, killed, and started again as deploy/up does it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { alive, CHECKOUT, DIR, pidOf, run, sql, until } from "./instance.mjs";

/* Its own, whatever db_socket says by now. */
const socket = join(DIR, "run", "db.sock");
const command = readFileSync(`/proc/${pidOf("db")}/cmdline`, "utf8").split("\0").slice(0, -1);

/** Starts it with the command line that it had, `first` going before it; resolves at once. */
export async function startDatabase(first = []) {
	const script = 'here=$1 dir=$2 program=test; shift 2; . "$here/deploy/lib/instance.sh"; launch db db.log "$@"';
	const done = await run("sh", ["-c", script, "sh", CHECKOUT, DIR, ...first, ...command]);
	assert.equal(done.code, 0, done.stderr);
}

/** Ends it by SIGTERM, or at once by SIGKILL; resolves when it is gone. */
export async function stopDatabase(signal = "SIGTERM") {
	const pid = pidOf("db");
	process.kill(pid, signal);
	await until(() => !alive(pid), 30_000, "the database's end");
}

/** When it first answers somebody else, in ms of performance.now(). */
export async function databaseBack() {
	await until(() => sql("SELECT 1", { socket }).then(() => true, () => false), 30_000, "the database's return")
		.catch((error) => assert.fail(`${error.message}; its log ends with\n${readFileSync(join(DIR, "log", "db.log"), "utf8").split("\n").slice(-8).join("\n")}`));
	return performance.now();
}

/** For the end of a test file: it runs, whatever happened. */
export async function databaseRuns() {
	if (!alive(pidOf("db")))
		await startDatabase();
	await databaseBack();
}
