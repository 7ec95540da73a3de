/*
 * A server that is asked over HTTPS and misbehaves on demand: the path says how. Nothing that it does ends by itself.
 */
import tls from "node:tls";
import net from "node:net";

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

/** What is written to the socket, which then stays open unless it is ended here. */
const WAYS = {
	"/ok": (socket, asked) => {
		const body = JSON.stringify(asked);
		socket.write(`${HEAD}X-Way: ok\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
	},
	"/chunked": (socket) => socket.end(`${HEAD}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`),
	"/hang-before-head": () => {},
	"/hang-in-head": (socket) => socket.write(`${HEAD}X-Half`),
	"/hang-in-body": (socket) => socket.write(`${HEAD}Content-Length: 100\r\n\r\n{"half":`),
	"/drip-head": (socket) => drip(socket, HEAD, "X"),
	"/drip-body": (socket) => drip(socket, `${HEAD}Content-Length: 100000\r\n\r\n`, "a"),
	"/endless-headers": (socket) => pour(socket, HEAD, "X-Again: and again\r\n"),
	"/one-endless-header": (socket) => pour(socket, `${HEAD}X-Long: `, "a".repeat(64)),
	"/endless-heads": (socket) => pour(socket, "", "HTTP/1.1 100 Continue\r\n\r\n"),
	"/endless-body": (socket) => pour(socket, `${HEAD}Transfer-Encoding: chunked\r\n\r\n`, `1000\r\n${"b".repeat(4096)}\r\n`),
	"/body-beyond": (socket, asked) => socket.end(`${HEAD}Connection: close\r\n\r\n${"b".repeat(Number(asked.query))}`),
	"/says-too-much": (socket) => socket.end(`${HEAD}Content-Length: 9999999999999\r\n\r\n{}`),
	"/length-too-long": (socket) => socket.end(`${HEAD}Content-Length: 10\r\n\r\n{}`),
	"/length-too-short": (socket) => socket.end(`${HEAD}Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged`),
	"/length-negative": (socket) => socket.end(`${HEAD}Content-Length: -1\r\n\r\n{}`),
	"/lengths-differ": (socket) => socket.end(`${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x`),
	"/redirect": (socket) => socket.end("HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"),
	"/closes": (socket) => socket.destroy(),
	"/closes-in-head": (socket) => socket.end(`${HEAD}X-Ha`),
	"/closes-in-body": (socket) => socket.end(`${HEAD}Transfer-Encoding: chunked\r\n\r\n100\r\nabc`),
	"/rubbish": (socket) => socket.end(Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 89 + 7) % 256))),
	"/endless-rubbish": (socket) => pour(socket, "", "\0\xff\r".repeat(1000)),
	"/old-http": (socket) => socket.end("{\"no\":\"head\"}"),
	"/no-status": (socket) => socket.end("HTTP/1.1 abc\r\n\r\n{}"),
	"/upgrade": (socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
	"/nul": (socket) => socket.end(`${HEAD}X-Nul: a\0b\r\nContent-Length: 3\r\n\r\na\0b`),
};

function drip(socket, begin, more) {
	socket.write(begin);
	const timer = setInterval(() => socket.write(more), 20);
	socket.once("close", () => clearInterval(timer));
}

function pour(socket, begin, more) {
	const lot = more.repeat(Math.ceil(16384 / more.length));
	socket.write(begin);
	const go = () => {
		while (!socket.destroyed && socket.write(lot, "latin1"))
			;
	};
	socket.on("drain", go);
	go();
}

export class Hostile {
	/** Every request that came: {method, path, query, headers, body, reused}. */
	asked = [];
	#sockets = new Set();
	#servers = [];

	/** A server with this certificate, of https.createServer; without one it speaks no TLS. Its port. */
	async listen(certificate, host = "127.0.0.1") {
		const server = certificate ? tls.createServer(certificate, (socket) => this.#serve(socket)) : net.createServer((socket) => this.#serve(socket));
		server.on("tlsClientError", () => {});
		return this.#start(server, host);
	}

	/** One that takes the connection and never says a word of TLS. */
	silent() {
		return this.#start(net.createServer(() => {}), "127.0.0.1");
	}

	async #start(server, host) {
		server.on("connection", (socket) => {
			this.#sockets.add(socket.on("error", () => {}));
			socket.once("close", () => this.#sockets.delete(socket));
		});
		this.#servers.push(server);
		await new Promise((done) => server.listen(0, host, done));
		return server.address().port;
	}

	#serve(socket) {
		let came = Buffer.alloc(0), before = 0;
		socket.on("error", () => {});
		socket.on("data", (bytes) => {
			came = Buffer.concat([came, bytes]);
			const end = came.indexOf("\r\n\r\n");
			if (end < 0)
				return;
			const [first, ...lines] = came.subarray(0, end).toString("latin1").split("\r\n");
			const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
			const size = Number(headers["content-length"] ?? 0);
			if (came.length < end + 4 + size)
				return;
			const [method, target] = first.split(" "), [path, query = ""] = target.split("?");
			const asked = { method, path, query, headers, body: came.subarray(end + 4, end + 4 + size).toString("latin1"), reused: before++ > 0 };
			came = came.subarray(end + 4 + size);
			this.asked.push(asked);
			(WAYS[path] ?? WAYS["/ok"])(socket, asked);
		});
	}

	async stop() {
		for (const socket of this.#sockets)
			socket.destroy();
		await Promise.all(this.#servers.map((server) => new Promise((done) => server.close(done))));
	}
}
