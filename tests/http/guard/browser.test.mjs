/* A person with a real browser at a guarded site: from the page to the sign-in page, and back to the page. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { application, PREFIX, site, SERVERS } from "../lib/guarded.mjs";
import { config } from "../lib/instance.mjs";
import { freePort } from "../lib/mount.mjs";
import { npm } from "../lib/npm.mjs";
import { Pool } from "../lib/pool.mjs";
import { newSession, unique } from "../lib/users.mjs";

const { chromium } = await npm("playwright-core");
const sites = {};
let browser, user, app, pool, authorizer;

before(async () => {
	const names = Object.keys(SERVERS);
	const ports = await Promise.all(names.map(() => freePort())), tcp = await freePort();
	const [home, ...others] = ports.map((port) => `http://127.0.0.1:${port}`);
	const settings = { public_url: home + PREFIX, issuer: config("issuer"), return_origins: others.join(" ") };
	[browser, user, app, pool, authorizer] = await Promise.all([
		chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] }),
		newSession({ username: unique("Browser") }), application(), Pool.start(settings), Pool.start(settings, ["--authorizer"], { port: tcp })]);
	for (const [i, name] of names.entries())
		sites[name] = await site(name, { port: ports[i], socket: pool.socket, app: app.port, role: "editor", authorizer: tcp });
});
after(async () => {
	await browser?.close();
	await Promise.all([...Object.values(sites).map((one) => one.stop()), pool?.stop(), authorizer?.stop(), app?.stop()]);
});

for (const name of Object.keys(SERVERS))
	test(`guard, ${name}: in a browser one signs in, and is back where one was, known to every part of the site; what is not allowed is told without a loop`, { timeout: 30_000 }, async () => {
		const { origin } = sites[name], context = await browser.newContext(), page = await context.newPage();
		page.setDefaultTimeout(10_000);
		try {
			const there = `${origin}/cgi/env.cgi/more?a=b%26c&d=%C3%A4`;
			await page.goto(there);
			assert.ok(page.url().startsWith(`${origin}${PREFIX}/sign-in/?return_to=`), page.url());
			await page.fill("#name", user.username);
			await page.fill("#password", user.password);
			await page.press("#password", "Enter");
			await page.waitForURL(there);
			assert.match(await page.textContent("body"), new RegExp(`^REMOTE_USER=${user.username}$`, "m"));
			await page.goto(`${origin}/files/page.html`);
			assert.match(await page.textContent("body"), /files\/page.html: the page itself/);
			/* A page's own script has the session too, and without one is told so rather than sent to a page. */
			assert.equal(await page.evaluate(() => fetch("/app/x").then((answer) => answer.status)), 200);
			const refused = await page.goto(`${origin}/editors/page.html`);
			assert.equal(refused.status(), 403);
			assert.equal(page.url(), `${origin}/editors/page.html`);
			await page.goto(`${origin}/files/page.html`);
			await context.clearCookies();
			assert.equal(await page.evaluate(() => fetch("/app/x").then((answer) => answer.status)), 401);
			/* Nor does the browser show what it had before. */
			await page.goto(`${origin}/files/page.html`);
			assert.ok(page.url().startsWith(`${origin}${PREFIX}/sign-in/`), page.url());
		} finally {
			await context.close();
		}
	});
