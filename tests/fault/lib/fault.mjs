/*
 * What the fault tests share. Each has a short form, for deploy/check, and a full one (LATCH_FAULT_FULL=1), which
 * `make fault` runs: the same claims and the same checks, for longer.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { config, run, workers } from "../../http/lib/instance.mjs";

export const FULL = process.env.LATCH_FAULT_FULL === "1";

/** The figure that belongs to the form which runs. */
export const form = (full, short) => (FULL ? full : short);

/** A line that is seen at once, not at the end of the test. */
export const say = (text) => process.stderr.write(`${text}\n`);

/** A call every so often while a long test goes on; the returned function ends it. */
export function progress(tell, ms = 10_000) {
	const timer = setInterval(() => say(tell()), ms);
	return () => clearInterval(timer);
}

/** The largest, and the one that `share` of them do not exceed. */
export const worst = (numbers) => numbers.reduce((most, n) => Math.max(most, n), 0);
export function quantile(numbers, share) {
	const sorted = [...numbers].sort((a, b) => a - b);
	return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/* The key of core/lanes.c: FNV-1a of the key file's device and inode, of the workers' user, and of how many members the set has. */
const MEMBERS = 8 + 64;
function lanesKey() {
	const { dev, ino } = statSync(config("key_file"), { bigint: true });
	const [, uid] = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${workers()[0]}/status`, "utf8"));
	let hash = 2166136261;
	for (const number of [dev, ino, BigInt(uid), BigInt(MEMBERS)])
		for (let bits = 0n; bits < 64n; bits += 8n)
			hash = Math.imul(hash ^ Number((number >> bits) & 0xffn), 16777619) >>> 0;
	return hash & 0x7fffffff;
}

/** The hash lanes as the kernel has them: {free, places, size, room, resizing, dear, shares}; idle, free is size, places is room, dear is 1, and
 * nothing is taken of any share. */
export async function lanes() {
	/* GETALL is 13 on Linux. */
	const script = "my $set = semget($ARGV[0], $ARGV[1], 0); defined $set or die $!; my $all = ''; semctl($set, 0, 13, $all) or die $!; print join ' ', unpack('S!*', $all)";
	const done = await run("perl", ["-e", script, String(lanesKey()), String(MEMBERS)]);
	assert.equal(done.code, 0, `the set of semaphores: ${done.stderr}`);
	const [free, places, size, room, share, resizing, dear, , ...left] = done.stdout.split(" ").map(Number);
	return { free, places, size, room, resizing, dear, shares: left.reduce((taken, one) => taken + share - one, 0) };
}

/** The figures of /proc/PID/status in KiB, by name; anybody may read them. */
export function memory(pid) {
	const text = readFileSync(`/proc/${pid}/status`, "utf8");
	return Object.fromEntries([...text.matchAll(/^(\w+):\s+(\d+) kB$/gm)].map(([, name, kib]) => [name, Number(kib)]));
}

/* A worker's descriptors and shares are for root alone: it is not dumpable. */
const asRoot = async (command) => {
	const done = process.getuid() === 0 ? await run(command[0], command.slice(1)) : await run("sudo", ["-n", ...command]);
	return done.code === 0 ? done.stdout : null;
};

/** PSS in KiB; null when this user may not see it. */
export async function pss(pid) {
	const text = await asRoot(["cat", `/proc/${pid}/smaps_rollup`]);
	return text === null ? null : Number(/^Pss:\s+(\d+) kB$/m.exec(text)[1]);
}

/** How many descriptors it has open; null when this user may not see it. */
export async function descriptors(pid) {
	if (process.getuid() === 0)
		return readdirSync(`/proc/${pid}/fd`).length;
	return (await asRoot(["ls", `/proc/${pid}/fd`]))?.split("\n").filter(Boolean).length ?? null;
}
