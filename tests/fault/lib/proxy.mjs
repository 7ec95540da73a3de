/*
 * A proxy on a unix socket between the workers and mariadbd, which does to the bytes what its `mode` says. `way` is "up"
 * (to the database) or "down" (from it). The modes:
 *   {kind: "pass"}
 *   {kind: "delay", ms}            each packet waits, in both ways
 *   {kind: "trickle", ms, bytes}   down it gives so many bytes at a time
 *   {kind: "cut", way, bytes}      closes a connection after so many bytes more that way
 *   {kind: "half", way}            closes that way alone at its next packet, and swallows it
 *   {kind: "silent"}               accepts, and passes nothing on
 *   {kind: "hush", bytes}          passes so many bytes more down, then nothing, in the middle of a packet or not
 *   {kind: "garbage", random}      down come as many bytes as the database sent, and others
 *   {kind: "refuse"}               closes what it accepts
 * A mode that is set holds for open connections and new ones alike; what waited is passed on when it ends.
 */
import { chmodSync, rmSync } from "node:fs";
import net from "node:net";
import { sleep } from "../../http/lib/instance.mjs";

const PASS = { kind: "pass" };

class Link {
	constructor(proxy, worker, database) {
		Object.assign(this, { proxy, ends: { up: { from: worker, to: database }, down: { from: database, to: worker } }, left: {}, mode: PASS });
		for (const way of ["up", "down"])
			this.carry(way);
	}

	close() {
		this.closed = true;
		this.ends.up.from.destroy();
		this.ends.up.to.destroy();
		this.proxy.links.delete(this);
	}

	/* One packet after the other, so that a late one is not overtaken. */
	carry(way) {
		const { from, to } = this.ends[way];
		let last = Promise.resolve();
		const then = (step) => {
			last = last.then(async () => this.closed || step()).catch(() => this.close());
		};
		from.on("data", (chunk) => then(() => this.pass(way, to, chunk)));
		from.on("end", () => then(async () => {
			await this.voice();
			to.end();
		}));
		from.on("error", () => this.close());
		from.on("close", () => then(() => (this.ends.up.from.destroyed && this.ends.up.to.destroyed ? this.close() : to.end())));
	}

	/* Resolves when bytes may pass. */
	async voice() {
		while (this.proxy.mode.kind === "silent" && !this.closed)
			await this.proxy.changed;
	}

	async pass(way, to, chunk) {
		await this.voice();
		const { mode } = this.proxy;
		if (this.mode !== mode)
			Object.assign(this, { mode, left: {} });
		const write = (bytes) => this.closed || to.destroyed || to.writableEnded || to.write(bytes);
		if (mode.kind === "delay") {
			await sleep(mode.ms);
			write(chunk);
		} else if (mode.kind === "trickle" && way === "down") {
			for (let at = 0; at < chunk.length && !this.closed; at += mode.bytes) {
				await (this.proxy.mode === mode && sleep(mode.ms));
				write(chunk.subarray(at, at + mode.bytes));
			}
		} else if (mode.kind === "cut" && way === mode.way) {
			const left = this.left[way] ?? mode.bytes;
			this.left[way] = left - chunk.length;
			if (left >= chunk.length)
				return write(chunk);
			/* destroySoon: what was written still arrives. */
			write(chunk.subarray(0, left));
			this.closed = true;
			this.proxy.links.delete(this);
			this.ends.up.from.destroySoon();
			this.ends.up.to.destroySoon();
			this.proxy.hits++;
		} else if (mode.kind === "half" && way === mode.way) {
			to.end();
			this.proxy.hits++;
		} else if (mode.kind === "hush" && way === "down") {
			const left = this.left[way] ?? mode.bytes;
			this.left[way] = Math.max(0, left - chunk.length);
			write(chunk.subarray(0, left));
			if (left >= chunk.length)
				return;
			this.proxy.hits++;
			while (this.proxy.mode === mode && !this.closed)
				await this.proxy.changed;
			write(chunk.subarray(left));
		} else if (mode.kind === "garbage" && way === "down") {
			write(mode.random(chunk));
			this.proxy.hits++;
		} else {
			write(chunk);
		}
	}
}

export class Proxy {
	constructor(path, target) {
		Object.assign(this, { path, links: new Set(), hits: 0 });
		this.set(PASS);
		this.server = net.createServer({ allowHalfOpen: true }, (worker) => {
			worker.on("error", () => {});
			if (this.mode.kind === "refuse") {
				this.hits++;
				return worker.destroy();
			}
			const database = net.connect({ path: target, allowHalfOpen: true });
			database.on("error", () => worker.destroy());
			this.links.add(new Link(this, worker, database));
		});
	}

	async listen() {
		rmSync(this.path, { force: true });
		await new Promise((done, fail) => this.server.on("error", fail).listen(this.path, done));
		chmodSync(this.path, 0o777);
	}

	/* `hits` counts from here what the mode did to somebody, where that is one thing at a time. */
	set(mode) {
		const wake = this.wake;
		this.mode = mode;
		this.hits = 0;
		this.changed = new Promise((done) => {
			this.wake = done;
		});
		wake?.();
	}

	async close() {
		for (const link of [...this.links])
			link.close();
		await new Promise((done) => this.server.close(done));
		rmSync(this.path, { force: true });
	}
}
