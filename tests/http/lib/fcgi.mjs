/* A web server's part in FastCGI 1.0: one request of id 1, on a connection that is not kept. */
import assert from "node:assert/strict";
import net from "node:net";
import { parse } from "./http.mjs";

function record(type, content) {
	const parts = [];
	for (let at = 0; at < content.length; at += 65528) {
		const part = content.subarray(at, at + 65528);
		parts.push(Buffer.from([1, type, 0, 1, part.length >> 8, part.length & 255, 0, 0]), part);
	}
	return Buffer.concat([...parts, Buffer.from([1, type, 0, 1, 0, 0, 0, 0])]);
}

function pair(name, value) {
	const length = (n) => (n < 128 ? Buffer.from([n]) : Buffer.from([128 | (n >> 24), n >> 16, n >> 8, n]));
	return Buffer.concat([length(name.length), length(value.length), Buffer.from(name), Buffer.from(value)]);
}

export const RESPONDER = 1, AUTHORIZER = 2;

/** Sends a request: as http.mjs's answers, or undefined when it ended without one. `parameters`: an object, or pairs. Without a
 * body (null) its input never ends, as lighttpd has it with an authorizer. */
export function exchange(socketPath, parameters, body, timeout, role = RESPONDER) {
	const pairs = Array.isArray(parameters) ? parameters : Object.entries(parameters);
	const { REQUEST_METHOD: method, PATH_INFO: path } = Object.fromEntries(pairs);
	return new Promise((done, fail) => {
		const startedAt = performance.now();
		const received = [];
		const socket = net.connect(socketPath);
		socket.setTimeout(timeout, () => {
			socket.destroy();
			fail(new Error(`${method} ${path}: no answer within ${timeout} ms`));
		});
		socket.on("connect", () => {
			socket.write(Buffer.concat([Buffer.from([1, 1, 0, 1, 0, 8, 0, 0, 0, role, 0, 0, 0, 0, 0, 0]),
				record(4, Buffer.concat(pairs.map(([k, v]) => pair(k, v)))), ...(body ? [record(5, body)] : [])]));
			if (body)
				socket.end();
		});
		socket.on("data", (part) => received.push(part));
		socket.on("error", () => {}); /* what came before it counts */
		socket.on("close", () => done(unwrap(Buffer.concat(received), startedAt)));
	});
}

/* The standard output among the records, as an HTTP answer; undefined without a request's end. */
function unwrap(bytes, startedAt) {
	const out = [];
	let ended = false;
	for (let at = 0; at + 8 <= bytes.length;) {
		const size = bytes.readUInt16BE(at + 4), next = at + 8 + size + bytes[at + 6];
		if (bytes[at + 1] === 6)
			out.push(bytes.subarray(at + 8, at + 8 + size));
		ended = ended || bytes[at + 1] === 3;
		at = next;
	}
	const text = Buffer.concat(out);
	if (!ended || text.length === 0)
		return undefined;
	assert.equal(text.toString("latin1", 0, 8), "Status: ", text.toString("latin1", 0, 100));
	return parse(Buffer.concat([Buffer.from("HTTP/1.1 "), text.subarray(8)]), startedAt);
}
