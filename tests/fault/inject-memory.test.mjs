/* Every allocation fails in turn, alone and with all that follow it, in a worker with the sanitizers. */
import { after, before, describe, test } from "node:test";
import { MEMORY } from "./inject-worker.mjs";
import { checkClean, scenes, walk, walkBoot, witness } from "./inject-walk.mjs";

before(() => witness.start());

after(() => checkClean(witness));

describe("every allocation fails", { concurrency: 4 }, () => {
	for (const name of Object.keys(scenes)) {
		test(`${name}: one allocation fails: an error or the right answer, and the next request is served`, (t) =>
			walk(t, name, { domain: MEMORY }));
		test(`${name}: an allocation and all after it fail: the same`, (t) =>
			walk(t, name, { domain: MEMORY, forever: 1 }));
	}
	test("boot: one allocation fails: the worker serves, or ends and says why", (t) => walkBoot(t, { domain: MEMORY }, { every: 397 }));
});
