/* Files of users for latchctl user import, and the hashes that other programs made for them. */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { CHECKOUT, CONF, CTL, run } from "./instance.mjs";
import { unique } from "./users.mjs";

const source = readFileSync(join(CHECKOUT, "tests", "unit", "vectors_foreign.h"), "utf8");
const words = Object.fromEntries([...source.matchAll(/^#define (\w+) "(.*)"$/gm)].map(([, name, text]) => [name, text]));

/** 72 bytes. */
export const LONG_72 = words.LONG_72;
words.LONG = `${LONG_72}${/^#define LONG LONG_72 "(.*)"$/m.exec(source)[1]}`;
export const { PLAIN, UNICODE, LONG } = words;

/** What the unit tests verify: [{password, hash}]. */
export const vectors = [...source.matchAll(/^\s*\{ (?:"([^"]*)"|(\w+)),\s+"([^"]*)" \},$/gm)].map(([, text, word, hash]) => ({ password: text ?? words[word], hash }));
if (vectors.length < 25 || vectors.some(({ password }) => !password))
	throw new Error(`vectors_foreign.h is not read: ${vectors.length}`);

/** The first vector whose hash begins so, of this password. */
export const hashOf = (prefix, password = PLAIN) => vectors.find((one) => one.hash.startsWith(prefix) && one.password === password).hash;

const files = [];
after(() => files.forEach((file) => rmSync(file, { force: true })));

/** A file of this text, which goes when the tests end: its path. */
export function fileOf(text) {
	const file = join(tmpdir(), `${unique("import-")}.txt`);
	writeFileSync(file, text, { mode: 0o600 });
	files.push(file);
	return file;
}

/** Objects as JSON lines. */
export const jsonl = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

/** latchctl user import of a text. */
export const importText = (text, args = [], options = {}) => run(CTL, ["--config", CONF, "user", "import", fileOf(text), ...args], options);
export const importRows = (rows, args, options) => importText(jsonl(rows), args, options);

/** What the last line says: {users, added, there, refused, rate}. */
export function counts(stdout) {
	const match = /^(\d+) users: (\d+) (?:would be )?added, (\d+) already there, (\d+) refused; [\d.]+ s, (\d+)\/s$/m.exec(stdout);
	if (!match)
		throw new Error(`no summary: ${stdout}`);
	const [users, added, there, refused, rate] = match.slice(1).map(Number);
	return { users, added, there, refused, rate };
}

/** The lines of latchctl user export that have this mark, and the columns' names; all of them may be too many for here. */
export async function exported(mark, format = "jsonl") {
	const done = await run("sh", ["-c", `${CTL} --config ${CONF} user export --format ${format} | grep -a -e ${mark} -e '^id,'`], { timeout: 120_000 });
	if (done.code !== 0)
		throw new Error(`user export: ${done.code} ${done.stderr}`);
	return done.stdout;
}
