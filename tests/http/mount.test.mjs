/* latch below a prefix, as a site with other things on it would have it: no rebuild, no setting. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { mount } from "./lib/mount.mjs";
import { newPassword, uniqueEmail } from "./lib/users.mjs";

const site = await mount("/auth-api");
after(() => site.stop());

const ask = async (path, { json, token, ...options } = {}) => {
	const answer = await fetch(site.base + path, {
		redirect: "manual", ...(json && { method: "POST", body: JSON.stringify(json) }), ...options,
		headers: { ...(json && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }), ...options.headers },
	});
	return { status: answer.status, headers: answer.headers, body: /json/.test(answer.headers.get("content-type") ?? "") ? await answer.json() : await answer.text() };
};

test("mount: register, login and me work below a prefix", async () => {
	const [email, password] = [uniqueEmail(), newPassword()];
	let made = await ask("/auth/register", { json: { email, password } });
	for (let i = 0; i < 10 && made.status === 503; i++)
		made = await ask("/auth/register", { json: { email, password } });
	assert.equal(made.status, 201);
	const tokens = await ask("/auth/login", { json: { email, password } });
	assert.equal(tokens.status, 200);
	const me = await ask("/users/me", { token: tokens.body.access_token });
	assert.deepEqual([me.status, me.body.email], [200, email]);
	assert.equal((await ask("/auth/login", { method: "POST", body: new URLSearchParams({ username: email, password }) })).status, 200);
	assert.equal((await ask("/auth/logout", { method: "POST", token: tokens.body.access_token })).status, 204);
});

test("mount: every other route answers there", async () => {
	for (const path of ["/healthz", "/readyz", "/openapi.json", "/.well-known/jwks.json", "/docs/", "/docs/swagger-ui.css"])
		assert.equal((await ask(path)).status, 200, path);
	assert.equal((await ask("/docs")).status, 301);
});

test("mount: the prefix alone, and what only begins like it, are not latch", async () => {
	for (const path of ["", "/", "x/healthz", "/auth-api/healthz", "-x/users/me"])
		assert.equal((await ask(path)).status, 404, path);
	assert.equal((await ask("/users/me", { method: "PUT" })).status, 405);
});

test("mount: the public URL of the configuration stays what others are told", async () => {
	const answer = await ask("/nothing");
	assert.equal(answer.status, 404);
	assert.match(answer.body.type, /\/problems\/not_found$/);
});
