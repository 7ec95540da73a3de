import assert from "node:assert/strict";
import { test } from "node:test";
import { call, get, patch, post } from "./lib/api.mjs";
import { config, logfmt, logText, until } from "./lib/instance.mjs";
import { newPassword, newSession, newUser, tryLogin, unique, uniqueEmail } from "./lib/users.mjs";

const linesOf = (answer) => logText().split("\n").filter((line) => line.includes(answer.headers["x-request-id"]));

async function lineOf(answer) {
	await until(() => linesOf(answer).length > 0, 2000, `a log line for ${answer.headers["x-request-id"]}`);
	return logfmt(linesOf(answer)[0]);
}

test("log: one line a request, with its id, route, status, microseconds and lane wait", async () => {
	const user = await newSession();
	for (const [answer, route] of [
		[await get("/healthz"), "/healthz"], [await get("/users/me", { token: user.token }), "/users/me"], [await get("/users/me"), "/users/me"],
		[await tryLogin(user.email, user.password), "/auth/login"], [await tryLogin(user.email, newPassword()), "/auth/login"],
		[await post("/auth/register", { json: {} }), "/auth/register"], [await patch("/users/me", { token: user.token, json: { name: "x" } }), "/users/me"],
		[await post("/auth/logout", { token: user.token }), "/auth/logout"],
	]) {
		const line = await lineOf(answer);
		assert.equal(linesOf(answer).length, 1, "one line, no more");
		const values = Object.values(line);
		assert.ok(values.includes(String(answer.status)), JSON.stringify(line));
		assert.ok(values.some((v) => v.endsWith(route)), JSON.stringify(line));
		const us = Object.entries(line).filter(([key]) => /(^|_)us$/.test(key));
		assert.equal(us.length, 2, `microseconds and lane wait: ${JSON.stringify(line)}`);
		for (const [, value] of us)
			assert.match(value, /^\d+$/);
		const [total, wait] = us.map(([, v]) => Number(v)).sort((a, b) => b - a);
		/* It is written when the answer has been sent: on a busy machine the client may be done before. */
		assert.ok(total <= answer.ms * 1000 + 200_000, `${total} us of ${answer.ms} ms`);
		assert.ok(wait <= total, JSON.stringify(line));
	}
});

test("log: a route with no match is not written as it was sent", async () => {
	const path = `/${unique("secret-path")}`;
	const answer = await call("GET", `${path}?token=abc`, { documented: false });
	await lineOf(answer);
	assert.ok(!logText().includes(path));
});

test("log: no password, token, address, name or body, whatever happens", async () => {
	const secrets = [];
	const keep = (...values) => secrets.push(...values);
	const user = await newUser({ username: unique("loguser"), name: unique("Logname"), phone_number: "+4915100022233" });
	keep(user.email, user.password, user.username, user.name, user.phone_number);
	const tokens = (await tryLogin(user.email, user.password)).json();
	keep(tokens.access_token, tokens.access_token.split(".")[1], tokens.access_token.split(".")[2]);
	const token = tokens.access_token;
	const wrong = newPassword();
	const stranger = uniqueEmail("stranger");
	keep(wrong, stranger);
	await tryLogin(user.email, wrong);
	await tryLogin(stranger, wrong);
	await post("/auth/login", { form: { username: user.email, password: wrong } });
	await post("/auth/login", { form: `username=${user.email}&password=${wrong}&password=${wrong}` });
	await post("/auth/register", { json: { email: user.email, password: wrong } });
	await post("/auth/register", { json: { email: `${stranger}@`, password: wrong, username: `${user.username}!` } });
	await call("POST", "/auth/register", { headers: { "Content-Type": "application/json" }, body: `{"email":"${stranger}","password":"${wrong}"` });
	await call("POST", "/auth/register", { headers: { "Content-Type": `text/${wrong}` }, body: wrong });
	await get(`/users/me?access_token=${token}&email=${user.email}`, { token });
	await call("GET", `/${wrong}?${stranger}`, { documented: false });
	await get("/users/me", { token: `${token}x` });
	await get("/users/me", { headers: { Authorization: `Basic ${wrong}`, "User-Agent": wrong, Referer: `http://x.example/${wrong}`, "X-Request-Id": wrong } });
	const fresh = newPassword();
	keep(fresh);
	await post("/users/me/password", { token, json: { current_password: user.password, new_password: fresh } });
	await post("/users/me/password", { token, json: { current_password: wrong, new_password: fresh } });
	const last = await post("/users/me/delete", { token, json: { current_password: fresh } });
	assert.equal(last.status, 204);
	await lineOf(last);
	const text = logText();
	for (const secret of secrets)
		for (const shape of [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64url")])
			assert.ok(!text.includes(shape), `the log holds ${shape}`);
	const web = logText("web");
	for (const secret of [user.password, wrong, fresh])
		assert.ok(!web.includes(secret) || !config("public_url"), "the web server's log holds a password");
});

test("log: what a client sends cannot forge a line", async () => {
	const mark = unique("forged");
	const answer = await call("GET", `/x%0alevel=error%20msg=${mark}`, { documented: false, headers: { "User-Agent": `a" msg=${mark}`, "X-Request-Id": `x msg=${mark}` } }).catch(() => null);
	if (answer)
		await lineOf(answer);
	for (const line of logText().split("\n").filter((l) => l.includes(mark)))
		assert.fail(line);
});
