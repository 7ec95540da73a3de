/*
 * A reporter for `node --test` that reads the same under every node from 18 on: a line a file, whole stories for
 * failures only, and a last line "N passed, N failed". A file that runs no test has failed. With LATCH_TEST_SUMMARY
 * the figures "passed failed skipped" are also written to that file; those that failed are added, each with the beginning
 * of its story, to the one that LATCH_TEST_FAILED names; with V=1 every test is named. LATCH_TEST_LANE stands before each
 * line: other runs may write at the same time.
 */
import { appendFileSync, writeFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

const local = (file) => (file?.startsWith("file:") ? fileURLToPath(file) : file ?? "");
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

function story(error) {
	const cause = error?.cause && typeof error.cause === "object" ? error.cause : error;
	const text = cause?.stack ?? cause?.message ?? String(cause ?? error);
	const lines = text.split("\n").filter((line) => !/^\s+at .*\bnode:internal\//.test(line)).map((line) => `        ${line.slice(0, 1000)}`);
	return (lines.length > 40 ? [...lines.slice(0, 40), `        ... and ${lines.length - 40} lines more`] : lines).join("\n");
}

const beginning = (text) => text.split("\n").slice(0, 12).filter(Boolean).map((line) => `${line}\n`).join("");

async function* report(source) {
	const sums = { passed: 0, failed: 0, skipped: 0 };
	const files = new Map();
	const started = Date.now();
	const of = (file) => files.get(file) ?? files.set(file, { passed: 0, failed: 0, skipped: 0, ms: 0 }).get(file);
	let open = null;

	function* close(next) {
		if (open && open !== next) {
			const f = of(open);
			yield `  ${relative(process.cwd(), open)}: ${f.passed} passed${f.failed ? `, ${f.failed} FAILED` : ""}${f.skipped ? `, ${f.skipped} skipped` : ""} (${seconds(f.ms)})\n`;
		}
		open = next;
	}

	for await (const { type, data } of source) {
		if (type === "test:stderr" || type === "test:stdout") {
			yield `      | ${data.message.trimEnd()}\n`;
			continue;
		}
		if (type === "test:diagnostic" && data.nesting > -1 && data.file)
			yield `      ${data.message}\n`;
		if (type !== "test:pass" && type !== "test:fail")
			continue;
		const file = local(data.file);
		const wrapper = data.name === file || local(data.name) === file;
		yield* close(file);
		const f = of(file);
		if (data.nesting === 0)
			f.ms += data.details?.duration_ms ?? 0;
		const failed = type === "test:fail" || (wrapper && type === "test:pass");
		const kind = failed ? "failed" : data.skip !== undefined ? "skipped" : "passed";
		/* A test that fails only because its subtests did is told by them; a suite counts only when what goes before or after
		 * its tests fails. */
		if (failed ? data.details?.error?.failureType === "subtestsFailed" : data.details?.type === "suite")
			continue;
		sums[kind]++;
		f[kind]++;
		if (failed) {
			const name = wrapper && type === "test:pass" ? `${relative(process.cwd(), file)} ran no test` : data.name;
			const why = type === "test:fail" ? `${story(data.details?.error)}\n` : "";
			if (process.env.LATCH_TEST_FAILED)
				appendFileSync(process.env.LATCH_TEST_FAILED, `${process.env.LATCH_TEST_LANE ?? ""}${relative(process.cwd(), file)}: ${name}\n${beginning(why)}`);
			yield `    not ok: ${name}\n${why}`;
		} else if (kind === "skipped")
			yield `    skipped: ${data.name}${typeof data.skip === "string" && data.skip ? ` (${data.skip})` : ""}\n`;
		else if (process.env.V === "1")
			yield `    ok: ${data.name} (${seconds(data.details?.duration_ms ?? 0)})\n`;
	}
	yield* close(null);
	if (process.env.LATCH_TEST_SUMMARY)
		writeFileSync(process.env.LATCH_TEST_SUMMARY, `${sums.passed} ${sums.failed} ${sums.skipped}\n`);
	yield `${sums.passed} passed, ${sums.failed} failed${sums.skipped ? `, ${sums.skipped} skipped` : ""} (${seconds(Date.now() - started)})\n`;
}

export default async function* (source) {
	for await (const text of report(source))
		yield text.replace(/^(?=.)/gm, process.env.LATCH_TEST_LANE ?? "");
}
