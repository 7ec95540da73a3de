/*
 * Two HTTP clients without opinions: `send` on node's own, `raw` on a bare socket for what no client would send.
 * Both give {status, headers, all, bytes, text, json(), ms}: headers by lower-case name (repeats joined by ", "),
 * `all` as a list of [name, value] in the order received.
 */
import { randomBytes } from "node:crypto";
import http from "node:http";
import net from "node:net";
import { BASE, config, MOUNT } from "./instance.mjs";

const origin = new URL(BASE);

/* What many tests do together looks like an attack from one address. So each request comes from an address of its own, as
 * the stack, which trusts 127.0.0.1 as a proxy, believes. */
if (!config("trusted_proxies").split(" ").includes("127.0.0.1")) {
	console.error("the stack must have been started with: deploy/up --set trusted_proxies=127.0.0.1");
	process.exit(2);
}
const FORWARDED = "X-Forwarded-For";
export const anAddress = () => `10.${[...randomBytes(3)].join(".")}`;

function response(status, all, bytes, started) {
	const headers = {};
	for (const [name, value] of all) {
		const key = name.toLowerCase();
		headers[key] = key in headers ? `${headers[key]}, ${value}` : value;
	}
	return {
		status, all, headers, bytes, ms: performance.now() - started,
		get text() {
			return bytes.toString("utf8");
		},
		json() {
			return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
		},
	};
}

/**
 * `path` is below the mount. `headers` is an object, or a flat list [name, value, ...] to repeat a name. Without an
 * X-Forwarded-For among them the request comes from a random address.
 */
export function send(method, path, { headers = {}, body, chunked = false, timeout = 20_000, signal } = {}) {
	return new Promise((done, fail) => {
		const started = performance.now();
		let flat = Array.isArray(headers) ? [...headers] : Object.entries(headers).flatMap(([k, v]) => [k, v]);
		const has = (name) => flat.some((word, i) => i % 2 === 0 && word.toLowerCase() === name);
		if (!has("host"))
			flat.push("Host", origin.host);
		if (!has(FORWARDED.toLowerCase()))
			flat.push(FORWARDED, anAddress());
		const bytes = body === undefined ? undefined : Buffer.isBuffer(body) ? body : Buffer.from(body, "utf8");
		if (bytes !== undefined && !has("content-length") && !has("transfer-encoding"))
			flat.push(...(chunked ? ["Transfer-Encoding", "chunked"] : ["Content-Length", String(bytes.length)]));
		else if (bytes === undefined && /^(POST|PUT|PATCH)$/.test(method) && !has("content-length"))
			flat.push("Content-Length", "0");
		flat.push("Connection", "close");
		const request = http.request({ host: origin.hostname, port: origin.port || 80, method, path: MOUNT + path, headers: flat, agent: false, setHost: false, signal }, (answer) => {
			const parts = [];
			answer.on("data", (part) => parts.push(part));
			answer.on("error", fail);
			answer.on("end", () => {
				const all = [];
				for (let i = 0; i < answer.rawHeaders.length; i += 2)
					all.push([answer.rawHeaders[i], answer.rawHeaders[i + 1]]);
				done(response(answer.statusCode, all, Buffer.concat(parts), started));
			});
		});
		request.setTimeout(timeout, () => request.destroy(new Error(`${method} ${path}: no answer within ${timeout} ms`)));
		request.on("error", fail);
		if (bytes !== undefined && chunked) {
			for (let at = 0; at < bytes.length; at += 1000)
				request.write(bytes.subarray(at, at + 1000));
		} else if (bytes !== undefined) {
			request.write(bytes);
		}
		request.end();
	});
}

function unchunk(bytes) {
	const parts = [];
	for (let at = 0; ;) {
		const end = bytes.indexOf("\r\n", at);
		if (end < 0)
			throw new Error("chunked body cut short");
		const size = parseInt(bytes.toString("latin1", at, end), 16);
		if (!(size >= 0))
			throw new Error("bad chunk size");
		if (size === 0)
			return Buffer.concat(parts);
		parts.push(bytes.subarray(end + 2, end + 2 + size));
		at = end + 2 + size + 2;
	}
}

/** Takes apart one HTTP/1.x answer that ends with the connection. */
export function parse(bytes, started = performance.now(), method = "GET") {
	const split = bytes.indexOf("\r\n\r\n");
	if (split < 0)
		throw new Error(`no HTTP answer: ${JSON.stringify(bytes.toString("latin1").slice(0, 200))}`);
	const [first, ...lines] = bytes.toString("latin1", 0, split).split("\r\n");
	const status = /^HTTP\/1\.[01] (\d{3})/.exec(first);
	if (!status)
		throw new Error(`no HTTP status line: ${JSON.stringify(first.slice(0, 200))}`);
	const all = lines.map((line) => {
		const colon = line.indexOf(":");
		return [line.slice(0, colon), line.slice(colon + 1).trim()];
	});
	const get = (name) => all.find(([n]) => n.toLowerCase() === name)?.[1];
	let body = bytes.subarray(split + 4);
	if (/chunked/i.test(get("transfer-encoding") ?? ""))
		body = unchunk(body);
	else if (get("content-length") !== undefined && method !== "HEAD")
		body = body.subarray(0, Number(get("content-length")));
	return response(Number(status[1]), all, body, started);
}

/**
 * Sends exactly these parts (strings are latin1, numbers are pauses in ms) and reads until the peer closes.
 * The text should ask for `Connection: close`.
 */
export function raw(parts, { timeout = 10_000, method = "GET" } = {}) {
	return new Promise((done, fail) => {
		const started = performance.now();
		const received = [];
		const socket = net.connect({ host: origin.hostname, port: Number(origin.port || 80) });
		socket.setTimeout(timeout, () => socket.destroy(new Error(`no answer within ${timeout} ms`)));
		socket.on("data", (part) => received.push(part));
		socket.on("error", (error) => (received.length ? end() : fail(error)));
		socket.on("end", () => socket.end());
		socket.on("close", end);
		function end() {
			try {
				done(parse(Buffer.concat(received), started, method));
			} catch (error) {
				fail(error);
			}
		}
		socket.on("connect", async () => {
			for (const part of [parts].flat()) {
				if (typeof part === "number")
					await new Promise((next) => setTimeout(next, part));
				else if (!socket.destroyed)
					socket.write(typeof part === "string" ? Buffer.from(part, "latin1") : part);
			}
		});
	});
}

/** The head of a request as `raw` wants it: host, Connection: close and an address as of `send` are added. */
export function head(method, path, headers = {}) {
	const from = Object.keys(headers).some((name) => name.toLowerCase() === FORWARDED.toLowerCase()) ? {} : { [FORWARDED]: anAddress() };
	const lines = Object.entries({ ...from, ...headers }).flatMap(([name, value]) => [value].flat().map((v) => `${name}: ${v}\r\n`));
	return `${method} ${MOUNT}${path} HTTP/1.1\r\nHost: ${origin.host}\r\nConnection: close\r\n${lines.join("")}\r\n`;
}
