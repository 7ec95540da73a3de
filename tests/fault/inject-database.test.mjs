/* Every call to the database's library fails in turn, in every way that it may. */
import { after, before, describe, test } from "node:test";
import { DATABASE, KINDS } from "./inject-worker.mjs";
import { checkClean, scenes, walk, walkBoot, witness } from "./inject-walk.mjs";

before(() => witness.start());

after(() => checkClean(witness));

describe("every call to the database fails", { concurrency: 4 }, () => {
	for (const [kind, how] of KINDS.entries()) {
		for (const name of Object.keys(scenes))
			test(`${name}: a call fails (${how}): 503 or 500, nothing half-written, and the connection is usable after`, (t) =>
				walk(t, name, { domain: DATABASE, kind }));
		test(`boot: a call fails (${how}): the worker serves, or ends and says why`, (t) => walkBoot(t, { domain: DATABASE, kind }, { every: 19 }));
	}
});
