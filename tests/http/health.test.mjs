import assert from "node:assert/strict";
import { test } from "node:test";
import { call, get } from "./lib/api.mjs";

test("healthz: alive", async () => {
	const answer = await get("/healthz");
	assert.deepEqual([answer.status, answer.json()], [200, { status: "ok" }]);
});

test("readyz: ready", async () => {
	const answer = await get("/readyz");
	assert.deepEqual([answer.status, answer.json()], [200, { status: "ready" }]);
});

test("healthz and readyz: HEAD works, credentials do not matter, nothing is cached", async () => {
	for (const path of ["/healthz", "/readyz"]) {
		assert.equal((await call("HEAD", path)).status, 200);
		assert.equal((await get(path, { token: "nonsense" })).status, 200);
		assert.match((await get(path)).headers["cache-control"] ?? "", /no-store|no-cache/);
	}
});
