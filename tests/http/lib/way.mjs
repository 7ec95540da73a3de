/* A way to the database, for a pool of the tests' own, which can be cut without stopping the database. */
import { chmodSync, rmSync } from "node:fs";
import net from "node:net";
import { SOCKET } from "./instance.mjs";

export class Way {
	open = new Set();

	/** `path`: of the socket that it begins at. */
	constructor(path) {
		this.path = path;
	}

	lay() {
		rmSync(this.path, { force: true });
		this.server = net.createServer((here) => {
			const there = net.connect(SOCKET());
			for (const [a, b] of [[here, there], [there, here]]) {
				this.open.add(a);
				a.pipe(b);
				a.on("error", () => {}).on("close", () => (this.open.delete(a), b.destroy()));
			}
		});
		return new Promise((done) => this.server.listen(this.path, () => done(chmodSync(this.path, 0o666))));
	}

	async cut() {
		const closed = new Promise((done) => this.server.close(done));
		this.open.forEach((socket) => socket.destroy());
		await closed;
	}
}
