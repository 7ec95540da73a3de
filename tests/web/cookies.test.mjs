/* The session cookie in a real browser: what a page of latch's own origin can do with it, and pages of others cannot. */
import assert from "node:assert/strict";
import http from "node:http";
import { after, before, test } from "node:test";
import { BASE } from "../http/lib/instance.mjs";
import { npm } from "../http/lib/npm.mjs";
import { cookieName, cookieStatus } from "../http/lib/sessions.mjs";
import { newUser } from "../http/lib/users.mjs";

const { chromium } = await npm("playwright-core");

const user = await newUser({ name: "Browser" });
let browser, evil;

before(async () => {
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true,
		args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
	});
	/* Another site's web server: a page with nothing on it, to which any script may be given. */
	evil = http.createServer((request, answer) => answer.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><title>another site</title>"));
	await new Promise((done) => evil.listen(0, "127.0.0.1", done));
});
after(async () => {
	await browser?.close();
	evil?.close();
});

/* To a browser another port is another origin and the same site, so the cookie is sent; another name is another site. */
const ORIGINS = { "the same site": () => `http://${new URL(BASE).hostname}:${evil.address().port}`, "another site": () => `http://localhost:${evil.address().port}` };

/** fetch() in the page: {status, body}, or {error}. */
const ask = (page, path, options = {}) => page.evaluate(async ({ url, init }) => {
	try {
		const answer = await fetch(url, init);
		return { status: answer.status, type: answer.type, body: await answer.text() };
	} catch (error) {
		return { error: error.name };
	}
}, { url: path.startsWith("http") ? path : BASE + path, init: options });

const json = (body) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** A browser that is logged in by a page of latch's own origin: {context, page, cookie}. */
async function loggedIn() {
	const context = await browser.newContext(), page = await context.newPage();
	page.setDefaultTimeout(20_000);
	await page.goto(`${BASE}/docs/`);
	const answer = await ask(page, "/auth/login", json({ email: user.email, password: user.password, transport: "cookie" }));
	assert.equal(answer.status, 200, answer.body);
	const cookies = (await context.cookies(BASE)).filter(({ name }) => name === cookieName());
	assert.equal(cookies.length, 1, "the browser keeps the cookie");
	return { context, page, cookie: cookies[0] };
}

test("cookie in a browser: log in, ask, change, and log out, by fetch alone", async () => {
	const { context, page, cookie } = await loggedIn();
	assert.equal(cookie.httpOnly, true);
	assert.equal(cookie.sameSite, "Lax");
	assert.equal(cookie.path, "/");
	assert.equal(await page.evaluate(() => document.cookie), "", "a script can read it");
	const me = await ask(page, "/users/me");
	assert.equal(me.status, 200, me.body);
	assert.equal(JSON.parse(me.body).id, user.id);
	const changed = await ask(page, "/users/me", { ...json({ name: "By cookie" }), method: "PATCH" });
	assert.equal(changed.status, 200, changed.body);
	assert.equal(JSON.parse((await ask(page, "/users/me/sessions")).body).items.filter((item) => item.current)[0].transport, "cookie");
	await page.reload();
	assert.equal((await ask(page, "/users/me")).status, 200, "after a reload");
	assert.equal((await ask(page, "/auth/logout", { method: "POST" })).status, 204);
	assert.equal((await context.cookies(BASE)).filter(({ name }) => name === cookieName()).length, 0, "the browser keeps it no more");
	assert.equal((await ask(page, "/users/me")).status, 401);
	assert.equal(await cookieStatus(cookie.value), 401);
	await context.close();
});

for (const [name, origin] of Object.entries(ORIGINS)) {
	test(`cookie in a browser: a page of ${name} can neither read nor act by fetch, with credentials or without`, async () => {
		const { context, cookie } = await loggedIn(), page = await context.newPage();
		await page.goto(origin());
		for (const credentials of ["include", "same-origin"])
			for (const path of ["/users/me", "/users/me/sessions", "/auth/verify"])
				assert.deepEqual(await ask(page, path, { credentials }), { error: "TypeError" }, path);
		for (const mode of ["cors", "no-cors"])
			for (const [path, init] of [["/auth/logout", { method: "POST" }], ["/auth/logout", { method: "POST", headers: { "Content-Type": "text/plain" }, body: '{"everywhere":true}' }], ["/users/me/delete", { method: "POST", body: JSON.stringify({ current_password: user.password }) }], ["/users/me", { ...json({ name: "Evil" }), method: "PATCH" }], ["/users/me/sessions", { method: "DELETE" }]]) {
				const answer = await ask(page, path, { ...init, mode, credentials: "include" });
				assert.ok(answer.error || (answer.type === "opaque" && answer.body === ""), `${mode} ${path}: ${JSON.stringify(answer)}`);
			}
		assert.equal(await page.evaluate((url) => navigator.sendBeacon(url, "x"), `${BASE}/auth/logout`), true);
		await page.waitForTimeout(200);
		assert.equal(await cookieStatus(cookie.value), 200, "the session has ended");
		const mine = await context.newPage();
		await mine.goto(`${BASE}/docs/`);
		const me = await ask(mine, "/users/me");
		assert.equal(me.status, 200);
		assert.notEqual(JSON.parse(me.body).name, "Evil");
		await context.close();
	});

	test(`cookie in a browser: a form of ${name} changes nothing`, async () => {
		const { context, cookie } = await loggedIn(), page = await context.newPage();
		for (const [path, enctype] of [["/auth/logout", "application/x-www-form-urlencoded"], ["/auth/logout", "text/plain"], ["/users/me/delete", "text/plain"]]) {
			await page.goto(origin());
			const [answer] = await Promise.all([page.waitForNavigation({ url: BASE + path }), page.evaluate(([action, kind]) => {
				const form = Object.assign(document.createElement("form"), { method: "post", action, enctype: kind });
				form.append(Object.assign(document.createElement("input"), { name: '{"everywhere":true,"x":"', value: '"}' }));
				document.body.append(form);
				form.submit();
			}, [BASE + path, enctype])]);
			/* From the same site it is sent, and refused; SameSite=Lax keeps it from another site's POST, which is then nobody's, or
			 * of a type that is not taken. */
			assert.ok((name === "the same site" ? [403] : [401, 415]).includes(answer.status()), `${path}: ${answer.status()}`);
		}
		assert.equal(await cookieStatus(cookie.value), 200);
		await context.close();
	});
}

test("cookie in a browser: a link from another site finds one logged in, and its page cannot look", async () => {
	const { context } = await loggedIn(), page = await context.newPage();
	await page.goto(ORIGINS["another site"]());
	const [popup] = await Promise.all([context.waitForEvent("page"), page.evaluate((url) => void (window.other = window.open(url)), `${BASE}/users/me`)]);
	await popup.waitForLoadState();
	assert.ok((await popup.evaluate(() => document.body.innerText)).includes(user.email), "a link is followed with the cookie");
	assert.equal(await page.evaluate(() => {
		try {
			return window.other.document.body.innerText;
		} catch (error) {
			return error.name;
		}
	}), "SecurityError");
	await context.close();
});
