/* The session cookie where public_url is https, as in a real install, or http elsewhere, where there is none; and lifetimes other than those that latch comes with. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { call, expectErrors, expectProblem, get } from "../lib/api.mjs";
import { config, sleep, up } from "../lib/instance.mjs";
import { cookieLogin, refresh, refreshed, rowOf, setCookie, sidOf } from "../lib/sessions.mjs";
import { login, newUser } from "../lib/users.mjs";

const KEYS = ["public_url", "session_ttl_s", "session_idle_s", "refresh_grace_s"];
const was = Object.fromEntries(KEYS.map((key) => [key, config(key)]));
const set = async (values) => {
	const done = await up(Object.entries(values).flatMap(([key, value]) => ["--set", `${key}=${value}`]));
	assert.equal(done.code, 0, done.stdout + done.stderr);
};
const user = await newUser();
after(() => set(was));

test("cookie behind https: __Host-latch with Secure, and its own origin is the public URL's", async () => {
	await set({ public_url: "https://auth.example/latch" });
	const answer = await cookieLogin(user);
	assert.equal(answer.status, 200, answer.text);
	const { name, value, attributes } = setCookie(answer);
	assert.equal(name, "__Host-latch");
	delete attributes["max-age"];
	assert.deepEqual(attributes, { path: "/", httponly: true, secure: true, samesite: "Lax" }, "what a browser asks of the prefix: Secure, Path=/, no Domain");
	const ask = (origin) => call("PATCH", "/users/me", { json: {}, headers: { Cookie: `__Host-latch=${value}`, ...(origin && { Origin: origin }) } });
	assert.equal((await ask("https://auth.example")).status, 200);
	for (const origin of [undefined, "http://auth.example", "https://auth.example:8443", "https://auth.example/latch", "https://x.auth.example", "https://auth.example.evil.example", "http://127.0.0.1", "null"])
		expectProblem(await ask(origin), "cross_site");
	expectProblem(await get("/users/me", { headers: { Cookie: `latch=${value}` } }), "unauthorized");
	const out = await call("POST", "/auth/logout", { headers: { Cookie: `__Host-latch=${value}`, Origin: "https://auth.example" } });
	assert.equal(out.status, 204, out.text);
	const cleared = setCookie(out);
	assert.deepEqual([cleared.name, cleared.value, cleared.attributes.secure, cleared.attributes["max-age"], cleared.attributes.path], ["__Host-latch", "", true, "0", "/"]);
});

test("cookie behind plain http that is not this machine's: log-in with it is 422, without it goes on", async () => {
	await set({ public_url: "http://127.0.0.1.example:8080" });
	const answer = await cookieLogin(user);
	expectErrors(answer, { transport: "invalid" });
	assert.equal(answer.headers["set-cookie"], undefined);
	assert.ok((await login(user)).access_token);
});

test("refresh with other lifetimes: the idle time, and another grace: that long, and no longer", async () => {
	await set({ public_url: was.public_url, session_ttl_s: "120", session_idle_s: "60", refresh_grace_s: "2" });
	const tokens = await login(user), { refresh_token: next } = await refreshed(tokens.refresh_token);
	assert.equal(tokens.refresh_expires_in, 60);
	assert.equal((await refreshed(tokens.refresh_token)).refresh_token, next);
	await sleep(2100);
	expectProblem(await refresh(tokens.refresh_token), "invalid_grant");
	expectProblem(await refresh(next), "invalid_grant");
});

test("refresh with other lifetimes: a session's longest time, where that is shorter, is what is left; without a grace a second use is a replay", async () => {
	await set({ session_ttl_s: "60", session_idle_s: "3600", refresh_grace_s: "0" });
	const tokens = await login(user);
	assert.equal(tokens.refresh_expires_in, 60);
	await sleep(1500);
	const fresh = await refreshed(tokens.refresh_token), row = await rowOf(sidOf(fresh.access_token));
	assert.ok(fresh.refresh_expires_in >= 50 && fresh.refresh_expires_in <= 59, String(fresh.refresh_expires_in));
	assert.equal(row.expires_at, row.created_at + 60_000);
	await sleep(10);
	expectProblem(await refresh(tokens.refresh_token), "invalid_grant");
	expectProblem(await refresh(fresh.refresh_token), "invalid_grant");
	const cookie = setCookie(await cookieLogin(user));
	assert.ok(Number(cookie.attributes["max-age"]) <= 60, "a browser keeps it no longer than the session may last");
});
