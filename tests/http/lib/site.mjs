/*
 * A web server before a pool, in node, as right as can be: latch below a prefix, its sign-in page, and a guarded page, which asks GET /auth/verify. One thing of it
 * at a time can be made wrong: see `fault`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exchange } from "./fcgi.mjs";
import { CHECKOUT } from "./instance.mjs";

const BODY_MOST = 128 << 10;

/** The body, or undefined when it is too large. */
async function bodyOf(request) {
	const parts = [];
	let size = 0;
	for await (const part of request) {
		size += part.length;
		if (size <= BODY_MOST)
			parts.push(part);
	}
	return size <= BODY_MOST ? Buffer.concat(parts) : undefined;
}

const odd = (path) => /%(2f|5c|0\d|00|2e)|\\|\/\/|\/\.{1,2}(\/|;|$)|;/i.test(path);

export const problem = (status) => ({ status, headers: { "Content-Type": "application/problem+json" }, body: JSON.stringify({ type: "about:blank", title: "Refused", status }) });

export class Site {
	/**
	 * `fault`: {before(asked), after(asked, answer), instead(asked)}, each may be left out. `asked`: {method, path, query, headers, body, from, tls}, to be changed
	 * before it goes to latch; `answer`: {status, headers, body}, before it goes to the client; instead() gives an answer of its own, or nothing.
	 */
	fault = {};

	/** `socket`, of the pool, is set later. `tls`: of https.createServer; `plain`: on the same port, also without TLS. */
	static async start({ port, prefix = "", host = "127.0.0.1", tls, plain = false }) {
		const site = new Site();
		const listener = (request, answer) => site.#serve(request, answer).catch((error) => answer.destroy(error));
		const inner = tls ? https.createServer(tls, listener) : http.createServer(listener);
		site.prefix = prefix;
		inner.on("tlsClientError", () => {});
		site.server = inner;
		if (plain) {
			for (const one of site.behind = [inner, http.createServer(listener)])
				await new Promise((done) => one.listen(0, "127.0.0.1", done));
			/* The first byte of TLS is 22. */
			site.server = net.createServer((socket) => socket.on("error", () => {}).once("data", (first) => {
				const other = net.connect(site.behind[first[0] === 22 ? 0 : 1].address().port, "127.0.0.1").on("error", () => socket.destroy());
				other.write(first);
				socket.pipe(other).pipe(socket);
			}));
		}
		await new Promise((done) => site.server.listen(port, host, done));
		site.origin = `http${tls ? "s" : ""}://${host}:${port}`;
		site.base = site.origin + prefix;
		site.guarded = "/private/page";
		return site;
	}

	/** For a fault: the answer with another body. */
	static replace(answer, from, to) {
		answer.body = Buffer.from(String(answer.body).replaceAll(from, to));
		delete answer.headers["Content-Length"];
	}

	async stop() {
		for (const server of [this.server, ...(this.behind ?? [])]) {
			server.closeAllConnections?.();
			await new Promise((done) => server.close(done));
		}
	}

	async #serve(request, response) {
		const [path, ...query] = request.url.split("?");
		const asked = { method: request.method, path, query: query.join("?"), headers: { ...request.headers }, tls: Boolean(request.socket.encrypted), from: "127.0.0.1", body: await bodyOf(request) };
		let answer = this.fault.instead?.(asked, this);
		if (!answer) {
			this.fault.before?.(asked, this);
			answer = await this.#answer(asked);
			this.fault.after?.(asked, answer, this);
		}
		response.writeHead(answer.status, answer.headers);
		response.end(request.method === "HEAD" ? undefined : answer.body);
	}

	async #answer(asked) {
		if (asked.body === undefined)
			return problem(413);
		if (odd(asked.path) && !this.fault.sloppy)
			return problem(400);
		if (asked.path === this.guarded)
			return this.#guarded(asked);
		if (asked.path === `${this.prefix}/sign-in/`) {
			const headers = { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'; script-src 'self'; frame-ancestors 'none'" };
			return { status: 200, headers, body: readFileSync(join(CHECKOUT, "web/sign-in/index.html")) };
		}
		return asked.path.startsWith(`${this.prefix}/`) ? this.#latch(asked, asked.path.slice(this.prefix.length)) : problem(404);
	}

	async #latch({ method, query, headers, body, from }, path) {
		const { "content-type": type, ...others } = headers;
		const answer = await exchange(this.socket, [["REQUEST_METHOD", method], ["PATH_INFO", this.fault.sloppy ? decodeURIComponent(path) : path], ["SCRIPT_NAME", this.prefix], ["QUERY_STRING", query], ["REMOTE_ADDR", from],
			["CONTENT_LENGTH", String(body.length)], ...(type ? [["CONTENT_TYPE", type]] : []), ...Object.entries(others).map(([name, value]) => [`HTTP_${name.toUpperCase().replaceAll("-", "_")}`, value])], body, 10_000);
		const list = {};
		for (const [name, value] of answer.all)
			list[name] = name in list ? [list[name], value].flat() : value;
		return { status: answer.status, headers: list, body: answer.bytes };
	}

	async #guarded(asked) {
		const { authorization, cookie } = asked.headers;
		const headers = { ...(authorization !== undefined && { authorization }), ...(cookie !== undefined && { cookie }) };
		const said = await this.#latch({ method: "GET", query: "", headers, body: Buffer.alloc(0), from: asked.from }, "/auth/verify");
		if (said.status === 200)
			return { status: 200, headers: { "Content-Type": "text/plain", "Cache-Control": "private, no-cache" }, body: "what is guarded" };
		if (/text\/html/.test(asked.headers.accept ?? ""))
			return { status: 302, headers: { Location: `${this.base}/sign-in/?return_to=${encodeURIComponent(asked.path)}` }, body: "" };
		return problem(401);
	}
}

/** Keys and certificates for 127.0.0.1: {ca: file, of(days, name)}, the latter as https.createServer takes them. */
export function authority() {
	const dir = mkdtempSync(join(tmpdir(), "latch-ca-"));
	const openssl = (...words) => {
		const done = spawnSync("openssl", words, { cwd: dir, encoding: "utf8" });
		if (done.status !== 0)
			throw new Error(`openssl ${words[0]}: ${done.stderr}`);
	};
	const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
	openssl("req", "-x509", ...key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=latch tests", "-days", "30");
	process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
	let made = 0;
	return {
		ca: join(dir, "ca.pem"),
		of(days, name = "IP:127.0.0.1") {
			const at = `leaf${++made}`;
			writeFileSync(join(dir, `${at}.ext`), `subjectAltName=${name}\n`);
			openssl("req", ...key, "-keyout", `${at}.key`, "-out", `${at}.csr`, "-subj", `/CN=${at}`);
			openssl("x509", "-req", "-in", `${at}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", String(days), "-extfile", `${at}.ext`, "-out", `${at}.pem`);
			return { key: readFileSync(join(dir, `${at}.key`)), cert: readFileSync(join(dir, `${at}.pem`)) };
		},
	};
}
