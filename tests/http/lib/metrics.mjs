/* GET /metrics, read; and pools that count apart from the instance, so that a sum is what a test did and nothing else. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anAddress } from "./http.mjs";
import { config } from "./instance.mjs";
import { Pool } from "./pool.mjs";

export const SCRAPER = "192.0.2.99";
export const TYPE = "text/plain; version=0.0.4; charset=utf-8";

const tmp = mkdtempSync(join(tmpdir(), "latch-metrics-"));
chmodSync(tmp, 0o755);
process.on("exit", () => rmSync(tmp, { recursive: true, force: true }));
let copies = 0;

/** Another file with the same key: whoever is given it opens the same signing keys, and has lanes and counters of his own. */
export function anotherKeyFile() {
	const file = join(tmp, `key${++copies}`);
	copyFileSync(config("key_file"), file);
	chmodSync(file, 0o600);
	if (process.getuid() === 0) {
		const id = (flag) => Number(execFileSync("id", [flag, "latch"], { encoding: "utf8" }));
		chownSync(file, id("-u"), id("-g"));
	}
	return file;
}

/** `n` workers that count together, and apart from all others. */
export function together(n, settings = {}) {
	const shared = { key_file: anotherKeyFile(), trusted_proxies: "", metrics_addresses: SCRAPER, register_per_hour: 0, ...settings };
	return Promise.all(Array.from({ length: n }, () => Pool.start(shared)));
}

/** The text as {types: {name: type}, series: Map of 'name{label="value",...}' to numbers}. Throws at what is not of the format. */
export function parse(text) {
	const types = {}, helps = {}, series = new Map();
	assert.ok(text.endsWith("\n"), "the last line has no end");
	for (const line of text.split("\n").slice(0, -1)) {
		const said = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line);
		if (said) {
			const kind = said[1] === "TYPE" ? types : helps;
			assert.ok(!(said[2] in kind), `${line}: a second time`);
			kind[said[2]] = said[3];
			continue;
		}
		const sample = /^([a-z_]+)(\{[^{}]*(?:\{[a-z]+\}[^{}]*)*\})? (\d+(?:\.\d+)?)$/.exec(line);
		assert.ok(sample, `not a sample: ${line}`);
		const family = sample[1] in types ? sample[1] : sample[1].replace(/_(bucket|sum|count)$/, "");
		assert.ok(family in types && family in helps, `${line}: no TYPE or HELP before it`);
		const key = sample[1] + (sample[2] ?? "");
		assert.ok(!series.has(key), `${key}: a second time`);
		series.set(key, Number(sample[3]));
	}
	return { types, helps, series, text, get: (key) => series.get(key) ?? 0 };
}

/** What a pool says, as one who may read it. */
export async function scrape(pool) {
	const answer = await pool.ask("GET", "/metrics", { from: SCRAPER });
	assert.equal(answer.status, 200, answer.text);
	assert.equal(answer.headers["content-type"], TYPE);
	return parse(answer.text);
}

/** {key: by how much it has grown} of what has grown. */
export function grown(before, after) {
	const out = {};
	for (const [key, value] of after.series)
		if (value !== before.get(key))
			out[key] = Math.round((value - before.get(key)) * 1e6) / 1e6;
	return out;
}

/** The same of one metric, by the value of its label: {wrong: 20}. */
export function grownBy(before, after, name) {
	const out = {};
	for (const [key, by] of Object.entries(grown(before, after))) {
		const match = new RegExp(`^${name}(?:\\{[a-z]+="([^"]*)"\\})?$`).exec(key);
		if (match)
			out[match[1] ?? ""] = by;
	}
	return out;
}

export const tryOn = (pool, email, password, options = {}) => pool.ask("POST", "/auth/login", { json: { email, password }, from: anAddress(), ...options });
