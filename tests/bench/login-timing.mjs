#!/usr/bin/env node
/*
 * Does the time of a refused login tell whether the address is known? Pairs of logins with a wrong password, one with an
 * unknown address and one with a known one, one request at a time, in turns of either order.
 *
 *   LATCH_TEST_URL=http://127.0.0.1:8080 node tests/bench/login-timing.mjs [PAIRS]     (2000 pairs)
 *
 * Prints one line: {"pairs", "unknown_ms", "known_ms": medians, "ratio": of unknown to known}. It says something on a
 * machine that does nothing else. Makes one account. A part of make bench, too. The server must not limit log-ins by address
 * (deploy/up --set login_address_free=0).
 */
import { randomBytes } from "node:crypto";
import { realpathSync } from "node:fs";
import http from "node:http";
import { fileURLToPath } from "node:url";

export const PAIRS = 2000;
const WARM_UP = 10;
/* So many wrong passwords for one name: a further one would be slowed down. Then another unknown one, and the known one logs
 * in: so both have failed as often, and latch does the same for both. */
const ROUND = 4;

/** Posts JSON and reads the answer: {status, ms}. */
function post({ base, agent }, path, fields) {
	const body = JSON.stringify(fields);
	return new Promise((done, fail) => {
		const started = performance.now();
		const request = http.request(base + path, { agent, method: "POST", timeout: 20_000, headers: { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) } }, (answer) => {
			answer.resume();
			answer.on("end", () => done({ status: answer.statusCode, ms: performance.now() - started }));
			answer.on("error", fail);
		});
		request.on("timeout", () => request.destroy(new Error(`${path}: no answer within 20 s`)));
		request.on("error", fail);
		request.end(body);
	});
}

async function must(server, status, path, fields) {
	const answer = await post(server, path, fields);
	if (answer.status !== status)
		throw new Error(`${path}: ${answer.status}, not ${status}`);
	return answer.ms;
}

/* All of one length, so that nothing but being known differs. */
const address = () => `timing-${randomBytes(8).toString("hex")}@timing.example`;
const password = () => randomBytes(12).toString("base64url");
const refused = (server, email) => must(server, 401, "/auth/login", { email, password: password() });

/** One login of each, the unknown address first or second. */
async function pair(server, { known, unknown }, unknownFirst) {
	const one = await refused(server, unknownFirst ? unknown : known);
	const two = await refused(server, unknownFirst ? known : unknown);
	return unknownFirst ? [one, two] : [two, one];
}

function median(list) {
	const sorted = [...list].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What is printed above, for the server at `base`; `progress` is told after each pair how many there were. */
export async function timing(base, pairs, progress = () => {}) {
	const server = { base, agent: new http.Agent({ keepAlive: true, maxSockets: 1 }) };
	const names = { known: address() }, secret = password();
	await must(server, 201, "/auth/register", { email: names.known, password: secret });
	const next = async (i) => {
		if (i % ROUND === 0) {
			names.unknown = address();
			await must(server, 200, "/auth/login", { email: names.known, password: secret });
		}
		return pair(server, names, i % 2 === 0);
	};
	for (let i = 0; i < WARM_UP; i++)
		await next(i);
	const times = { unknown: [], known: [] };
	for (let i = 0; i < pairs; i++) {
		const [unknown, other] = await next(i);
		times.unknown.push(unknown);
		times.known.push(other);
		progress(i + 1);
	}
	server.agent.destroy();
	const [unknown_ms, known_ms] = [median(times.unknown), median(times.known)];
	return { pairs, unknown_ms: Number(unknown_ms.toFixed(3)), known_ms: Number(known_ms.toFixed(3)), ratio: Number((unknown_ms / known_ms).toFixed(4)) };
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
	const base = process.env.LATCH_TEST_URL?.replace(/\/+$/, "");
	const pairs = Number(process.argv[2] ?? PAIRS);
	if (!base || !Number.isInteger(pairs) || pairs < 1 || process.argv.length > 3) {
		console.error("Usage: LATCH_TEST_URL=http://... node tests/bench/login-timing.mjs [PAIRS]");
		process.exit(2);
	}
	console.log(JSON.stringify(await timing(base, pairs)));
}
