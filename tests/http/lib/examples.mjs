/* The programs of docs/tokens.md: a block is one when the comment <!-- program: NAME --> stands before it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { CHECKOUT, run } from "./instance.mjs";

const GO_JWT = "/usr/share/gocode/src/github.com/golang-jwt/jwt";
const PHP_JWT = process.env.LATCH_TEST_PHP_JWT;

const onPath = (name) => process.env.PATH.split(delimiter).some((folder) => existsSync(join(folder, name)));

/** The text of the program of that name. */
export function programText(name) {
	const text = readFileSync(join(CHECKOUT, "docs", "tokens.md"), "utf8");
	const block = [...text.matchAll(/^<!-- program: (\S+) -->\n```\w+\n([\s\S]*?)^```$/gm)].find(([, found]) => found === name);
	assert.ok(block, `docs/tokens.md has no program ${name}`);
	return block[2];
}

/** A folder of its own with that program in it; what it needs is put there by `prepare`. */
export function folderWith(name) {
	const folder = mkdtempSync(join(tmpdir(), "latch-example-"));
	process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
	writeFileSync(join(folder, name), programText(name));
	return folder;
}

async function made(command, args, cwd) {
	const done = await run(command, args, { cwd });
	assert.equal(done.code, 0, `${command} ${args.join(" ")}: ${done.stderr || done.stdout}`);
}

/* gccgo, because it is half the size of golang-go and has the standard library compiled. */
async function buildGo(folder) {
	const sources = readdirSync(GO_JWT).filter((file) => file.endsWith(".go") && !file.endsWith("_test.go")).map((file) => join(GO_JWT, file));
	mkdirSync(join(folder, "github.com/golang-jwt/jwt"), { recursive: true });
	const library = join(folder, "github.com/golang-jwt/jwt/v4.o");
	await made("gccgo", ["-c", "-fgo-pkgpath=github.com/golang-jwt/jwt/v4", "-o", library, ...sources], folder);
	await made("gccgo", ["-I", folder, "-o", join(folder, "check"), join(folder, "check.go"), library], folder);
	return [join(folder, "check")];
}

function preparePhp(folder) {
	mkdirSync(join(folder, "vendor"));
	writeFileSync(join(folder, "vendor", "autoload.php"), `<?php
spl_autoload_register(fn ($name) => require ${JSON.stringify(PHP_JWT)} . '/' . basename(strtr($name, '\\\\', '/')) . '.php');\n`);
	return ["php", join(folder, "check.php")];
}

/** By name: the file, why it cannot run here, and how it is made ready, which gives the command. */
export const programs = {
	Python: { file: "check.py", lacks: !existsSync("/usr/lib/python3/dist-packages/jwt") && "python3-jwt is not installed",
		prepare: (folder) => ["/usr/bin/python3", join(folder, "check.py")] },
	Node: { file: "check.mjs", lacks: false,
		prepare(folder) {
			symlinkSync(join(CHECKOUT, "node_modules"), join(folder, "node_modules"));
			return [process.execPath, join(folder, "check.mjs")];
		} },
	Go: { file: "check.go", lacks: !(onPath("gccgo") && existsSync(GO_JWT)) && "gccgo or golang-github-golang-jwt-jwt-dev is not installed", prepare: buildGo },
	PHP: { file: "check.php", lacks: !(PHP_JWT && onPath("php")) && "LATCH_TEST_PHP_JWT names no firebase/php-jwt", prepare: preparePhp },
};

/** Starts a program: ask(token) gives its line for it, end() its exit status. */
export function start([command, ...args], env) {
	const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], env: { PATH: process.env.PATH, ...env } });
	const waiting = [];
	const ended = new Promise((done) => child.on("close", (code, signal) => {
		waiting.splice(0).forEach(({ fail }) => fail(new Error(`it ended (${signal ?? code}) without an answer`)));
		done(code ?? signal);
	}));
	child.stdin.on("error", () => {});
	createInterface({ input: child.stdout }).on("line", (line) => waiting.shift()?.done(line));
	return {
		ask: (token) => new Promise((done, fail) => {
			waiting.push({ done, fail });
			child.stdin.write(`${token}\n`);
		}),
		end() {
			child.stdin.end();
			return ended;
		},
		kill: () => child.kill("SIGKILL"),
	};
}
