/* The commands of docs/: a block is one when the comment <!-- test: NAME --> stands before it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { CHECKOUT, DIR, run, SOCKET } from "./instance.mjs";

/** The text of the block of that name. */
export function block(name, page = "operations.md") {
	const text = readFileSync(join(CHECKOUT, "docs", page), "utf8");
	const found = [...text.matchAll(/^<!-- test: (\S+) -->\n+```sh\n([\s\S]*?)^```$/gm)].find(([, one]) => one === name);
	assert.ok(found, `docs/${page} has no block ${name}`);
	return found[2];
}

/* As somebody pastes it, whose shell does not end at the first failure; in the checkout, with the variables that the page sets at
 * its head. */
function paste(name, env) {
	const build = process.env.LATCH_BUILD ? { LATCH_BUILD: process.env.LATCH_BUILD } : {};
	return run("sh", ["-c", block(name)], { timeout: 180_000, env: { DIR, ...build, ...env } });
}

/** Runs it; what it printed. */
export async function follow(name, env = {}) {
	const done = await paste(name, env);
	assert.equal(done.code, 0, `${name}: ${done.stdout}${done.stderr}`);
	return done.stdout;
}

/** Runs it where it cannot be done; what it complained of. */
export async function followInVain(name, env = {}) {
	const done = await paste(name, env);
	assert.notEqual(done.code, 0, `${name}: ${done.stdout}${done.stderr}`);
	return done.stderr;
}

/** SQL as the private database's administrator, whom the socket knows; the rows. */
export async function administrator(text, database = "") {
	const done = await run("mariadb", ["--no-defaults", `--socket=${SOCKET()}`, `--user=${userInfo().username}`, "--batch", "--skip-column-names", ...(database ? [database] : [])], { input: text, timeout: 120_000 });
	assert.equal(done.code, 0, done.stderr);
	return done.stdout.split("\n").slice(0, -1).map((line) => line.split("\t"));
}
