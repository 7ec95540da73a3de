/* The code of docs/tokens.md for a browser, in a browser: several tabs, lost answers, a clock that is wrong, signing out. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { programText } from "../http/lib/examples.mjs";
import { get } from "../http/lib/api.mjs";
import { BASE, q, sql, until } from "../http/lib/instance.mjs";
import { npm } from "../http/lib/npm.mjs";
import { newUser } from "../http/lib/users.mjs";

const { chromium } = await npm("playwright-core");

const APP = `${new URL(BASE).origin}/app-of-the-tests/`;
let browser;

before(async () => {
	browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
});
after(() => browser?.close());

/** A browser of somebody new. Its tabs have `session` and `cookie`, and count in `ended` how often onEnd was called; a
 * tab's refreshes are counted for all of them. */
async function somebody() {
	const user = await newUser();
	const context = await browser.newContext();
	const refreshes = [];
	context.on("request", (request) => request.url().endsWith("/auth/refresh") && refreshes.push(request));
	await context.route(`${APP}**`, (route) => {
		const name = new URL(route.request().url()).pathname.split("/").pop();
		return name === "" ? route.fulfill({ contentType: "text/html", body: "<!doctype html><title>app</title>" }) : route.fulfill({ contentType: "text/javascript", body: programText(name) });
	});
	const tab = async () => {
		const page = await context.newPage();
		await page.goto(APP);
		await page.evaluate(async ([base]) => {
			const { Session, SignedOut } = await import("./session.js");
			window.ended = 0;
			window.session = new Session(base, () => window.ended++);
			window.cookie = await import("./cookie.js");
			window.me = async () => (await (await window.session.fetch("/users/me")).json()).id;
			window.end = () => window.me().catch((error) => (error instanceof SignedOut ? "signed out" : error.message));
		}, [BASE]);
		return page;
	};
	const first = await tab();
	const signIn = (page = first) => page.evaluate(([mail, password]) => window.session.signIn(mail, password).then(({ status }) => status), [user.email, user.password]);
	return { user, context, refreshes, tab, first, signIn, close: () => context.close() };
}

const live = async (user) => Number((await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)} AND ended_at IS NULL`))[0][0]);

test("session.js: it outlives a reload, and what is refused once is asked again with a new token", { timeout: 60_000 }, async (t) => {
	const { user, first, refreshes, signIn, tab, close } = await somebody();
	t.after(close);
	assert.equal(await first.evaluate(() => window.end()), "signed out");
	assert.equal(await signIn(), 200);
	assert.equal(await first.evaluate(() => window.me()), user.id);
	assert.equal(refreshes.length, 0, "a fresh token is not exchanged");
	await first.close();
	const again = await tab();
	assert.equal(await again.evaluate(() => window.me()), user.id);
	assert.equal(refreshes.length, 1);
	/* As when the token has ended by latch's clock and not by this one: the first answer is 401. */
	let refused = 0;
	await again.route("**/users/me", (route) => (refused++ === 0 ? route.fulfill({ status: 401, json: { code: "invalid_token" } }) : route.continue()));
	assert.equal(await again.evaluate(() => window.me()), user.id);
	assert.deepEqual([refused, refreshes.length], [2, 2]);
	/* And when that changes nothing, the answer is 401, and no endless round. */
	await again.route("**/users/me", (route) => route.fulfill({ status: 401, json: { code: "invalid_token" } }));
	assert.equal(await again.evaluate(() => window.session.fetch("/users/me").then(({ status }) => status)), 401);
	assert.equal(refreshes.length, 3);
});

test("session.js: many requests in four tabs at once: one refresh a tab, none of them a replay", { timeout: 60_000 }, async (t) => {
	const { user, tab, refreshes, signIn, close } = await somebody();
	t.after(close);
	await signIn();
	const tabs = await Promise.all(Array.from({ length: 4 }, tab));
	for (let round = 1; round <= 3; round++) {
		const ids = await Promise.all(tabs.map((page) => page.evaluate(() => Promise.all(Array.from({ length: 10 }, () => window.me())))));
		assert.deepEqual(new Set(ids.flat()), new Set([user.id]));
		await until(() => refreshes.length >= 4 * round, 2000, `${4 * round} refreshes`);
		const sent = refreshes.map((request) => request.postDataJSON().refresh_token);
		assert.equal(new Set(sent).size, sent.length, "a token was used twice");
		/* Each tab's access token is over. */
		await Promise.all(tabs.map((page) => page.evaluate(([base]) => {
			const own = window.session;
			window.session = new own.constructor(base, () => window.ended++);
		}, [BASE])));
	}
	assert.equal(refreshes.length, 12);
	assert.equal(await live(user), 1);
	assert.deepEqual(await Promise.all(tabs.map((page) => page.evaluate(() => window.ended))), [0, 0, 0, 0]);
});

test("session.js: an answer that is lost costs nothing; latch away, or with an error, does not sign anybody out", { timeout: 60_000 }, async (t) => {
	const { user, first, signIn, tab, refreshes, close } = await somebody();
	t.after(close);
	await signIn();
	await first.close();
	const page = await tab();
	/* latch has exchanged the token when the connection breaks. */
	let lost = 0;
	await page.route("**/auth/refresh", async (route) => {
		if (lost++ > 0)
			return route.continue();
		assert.equal((await route.fetch()).status(), 200);
		return route.abort("connectionreset");
	});
	assert.equal(await page.evaluate(() => window.me()), user.id);
	assert.equal(lost, 2);
	assert.equal(new Set(refreshes.slice(-2).map((request) => request.postDataJSON().refresh_token)).size, 1, "the same token again");
	await page.unroute("**/auth/refresh");

	for (const refuse of [(route) => route.abort("connectionrefused"), (route) => route.fulfill({ status: 503 }), (route) => route.fulfill({ status: 429 }), (route) => route.fulfill({ status: 502 })]) {
		await page.route("**/auth/refresh", refuse);
		await page.reload();
		const seen = await page.evaluate(async ([base]) => {
			const { Session, SignedOut } = await import("./session.js");
			window.ended = 0;
			window.session = new Session(base, () => window.ended++);
			const said = await window.session.fetch("/users/me").then(() => "an answer", (error) => (error instanceof SignedOut ? "signed out" : "try again"));
			return [said, window.ended];
		}, [BASE]);
		assert.deepEqual(seen, ["try again", 0]);
		await page.unroute("**/auth/refresh");
		assert.equal(await page.evaluate(async () => (await (await window.session.fetch("/users/me")).json()).id), user.id);
	}
	assert.equal(await live(user), 1);
});

test("session.js: a clock that is an hour wrong, either way, changes nothing", { timeout: 60_000 }, async (t) => {
	const { user, context, signIn, tab, refreshes, close } = await somebody();
	t.after(close);
	await signIn();
	for (const hours of [1, -1]) {
		const page = await tab();
		await page.evaluate((ms) => {
			const right = Date.now;
			Date.now = () => right() + ms;
		}, hours * 3_600_000);
		const before = refreshes.length;
		for (let i = 0; i < 3; i++)
			assert.equal(await page.evaluate(() => window.me()), user.id);
		assert.equal(refreshes.length - before, 1, "it takes a fresh token for one that is over, or refreshes each time");
	}
	assert.ok(context.pages().length >= 3);
});

test("session.js: signing out ends every tab; a session that was ended elsewhere ends at the next refresh", { timeout: 60_000 }, async (t) => {
	const { user, first, signIn, tab, close } = await somebody();
	t.after(close);
	await signIn();
	const second = await tab();
	assert.equal(await second.evaluate(() => window.me()), user.id);
	await first.evaluate(() => window.session.signOut());
	assert.equal(await live(user), 0);
	await until(() => second.evaluate(() => window.ended === 1), 5000, "the other tab's end");
	assert.equal(await second.evaluate(() => window.end()), "signed out");
	assert.equal(await first.evaluate(() => window.end()), "signed out");

	assert.equal(await signIn(), 200);
	assert.equal(await second.evaluate(() => window.me()), user.id, "signed in again in one tab is signed in in the other");
	const elsewhere = await somebody();
	t.after(elsewhere.close);
	await elsewhere.first.evaluate(([mail, password]) => window.session.signIn(mail, password), [user.email, user.password]);
	assert.equal(await live(user), 2);
	await elsewhere.first.evaluate(() => window.session.signOut(true));
	assert.equal(await live(user), 0);
	assert.equal(await second.evaluate(() => window.end()), "signed out");
	await until(() => first.evaluate(() => window.ended >= 2), 5000, "the end in the first tab");
	assert.equal(await first.evaluate(() => new Promise((done) => {
		const opening = indexedDB.open("latch", 1);
		opening.onsuccess = () => {
			const count = opening.result.transaction("kept").objectStore("kept").count();
			count.onsuccess = () => done(count.result);
		};
	})), 0, "the refresh token is still there");
});

test("cookie.js: signs in, asks and signs out; no script sees the cookie", { timeout: 60_000, skip: new URL(BASE).pathname !== "/" && "latch is mounted under a path" }, async (t) => {
	const { user, first, close, context } = await somebody();
	t.after(close);
	const status = (what, ...args) => first.evaluate(([name, list]) => window.cookie[name](...list).then((answer) => answer.status), [what, args]);
	assert.equal(await status("me"), 401);
	assert.equal(await status("signIn", user.email, user.password), 200);
	assert.equal(await status("me"), 200);
	assert.equal(await first.evaluate(() => document.cookie), "");
	const [cookie] = (await context.cookies()).filter(({ name }) => /latch$/.test(name));
	assert.ok(cookie.httpOnly);
	assert.equal((await get("/users/me", { headers: { Cookie: `${cookie.name}=${cookie.value}` } })).status, 200);
	assert.equal(await status("signOut"), 204);
	assert.equal(await status("me"), 401);
	assert.equal((await get("/users/me", { headers: { Cookie: `${cookie.name}=${cookie.value}` } })).status, 401);
});
