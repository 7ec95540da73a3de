/* Every call to the database's library fails in turn, in every way that it may. */
import { after, before, describe, test } from "node:test";
import { sql } from "../http/lib/instance.mjs";
import { DATABASE, FULL, KINDS } from "./inject-worker.mjs";
import { checkAudit, checkClean, scenes, walk, walkBoot, witness } from "./inject-walk.mjs";

let since;
before(async () => {
	[[since]] = await sql("SELECT UTC_TIMESTAMP(3)");
	await witness.start();
});

after(async () => {
	await checkClean(witness);
	await checkAudit(since);
});

/* The short form takes two of the ways; their numbers in LATCH_FAULT_KINDS repeat it. */
const first = Math.floor(Math.random() * KINDS.length);
const short = process.env.LATCH_FAULT_KINDS?.split(",").map(Number) ?? [first, (first + 1) % KINDS.length];

describe("every call to the database fails", { concurrency: 4 }, () => {
	for (const [kind, how] of KINDS.entries()) {
		if (!FULL && !short.includes(kind))
			continue;
		for (const name of Object.keys(scenes))
			test(`${name}: a call fails (${kind}, ${how}): 503 or 500, nothing half-written, and the connection is usable after`, (t) =>
				walk(t, name, { domain: DATABASE, kind }));
		test(`boot: a call fails (${kind}, ${how}): the worker serves, or ends and says why`, (t) => walkBoot(t, { domain: DATABASE, kind }, { every: 19 }));
	}
});
