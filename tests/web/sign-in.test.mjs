/* The sign-in page in a real browser: where it leads, what it says, what it asks of whom, and how it is used without a mouse or a wide screen. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BASE, ctlOk } from "../http/lib/instance.mjs";
import { freePort, mount } from "../http/lib/mount.mjs";
import { npm } from "../http/lib/npm.mjs";
import { Pool } from "../http/lib/pool.mjs";
import { cookieName } from "../http/lib/sessions.mjs";
import { newPassword, newUser, unique } from "../http/lib/users.mjs";

const { chromium } = await npm("playwright-core");

const user = await newUser({ username: unique("Signs"), name: "Browser" });
const ORIGIN = new URL(BASE).origin;
/* A page of the site that there is, and shows that it was reached. */
const HOME = `${new URL(BASE).pathname.replace(/\/$/, "")}/docs/`;
let browser;

before(async () => {
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true,
		args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
	});
});
after(() => browser?.close());

/** A browser of nobody: {context, page, trouble, asked, open(return_to), close()}. */
async function visitor(options = {}, base = BASE) {
	const context = await browser.newContext({ viewport: { width: 1000, height: 800 }, ...options });
	const page = await context.newPage();
	const trouble = [], asked = [];
	if (options.javaScriptEnabled !== false)
		await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`)));
	page.on("console", (message) => {
		/* The browser writes a line for each answer of 400 and more: that there are some is the tests' doing. */
		if (["error", "warning"].includes(message.type()) && !/the server responded with a status of (401|403|422|429|503)/.test(message.text()))
			trouble.push(`console: ${message.text()}`);
	});
	page.on("pageerror", (error) => trouble.push(`page: ${error.message}`));
	page.on("request", (request) => {
		asked.push(`${request.method()} ${request.url()}`);
		if (!request.url().startsWith(`${base}/`))
			trouble.push(`foreign: ${request.url()}`);
	});
	page.setDefaultTimeout(20_000);
	const open = async (to) => {
		await page.goto(`${base}/sign-in/${to === undefined ? "" : `?return_to=${encodeURIComponent(to)}`}`);
		if (options.javaScriptEnabled !== false)
			await page.locator("#fields:not([disabled]), #signed-in:not([hidden])").first().waitFor();
	};
	return { context, page, trouble, asked, open, close: () => context.close() };
}

async function fill(page, name, password) {
	await page.fill("#name", name);
	await page.fill("#password", password);
	await page.press("#password", "Enter");
}

const isAt = (page, url) => page.waitForURL(url, { waitUntil: "commit" });
const cookies = async (context) => (await context.cookies(BASE)).filter(({ name }) => name === cookieName());
const message = (page) => page.locator("#message");

/** The next POST /auth/login is answered so, without latch. */
const answered = (page, status, body, headers = {}) => page.route("**/auth/login", (route) => route.fulfill({ status, contentType: "application/problem+json", headers, body: JSON.stringify(body) }), { times: 1 });

/* ---- There and back ---------------------------------------------------------------------------------------------------- */

test("sign-in: a wrong password is told, the right one leads to where one was going; nothing else is asked of anybody", async () => {
	const { context, page, trouble, asked, open, close } = await visitor();
	await open(`${HOME}?a=b%20c`);
	assert.match(await page.locator("#where").innerText(), new RegExp(HOME));
	assert.equal(await page.evaluate(() => document.activeElement.id), "name", "one can type at once");
	await fill(page, user.email, newPassword());
	await message(page).filter({ hasText: "No such user, or a wrong password." }).waitFor();
	assert.equal(await page.evaluate(() => document.activeElement.id), "password");
	assert.equal(await page.getAttribute("#password", "aria-invalid"), "true");
	assert.deepEqual(await cookies(context), []);
	await fill(page, user.email, user.password);
	await isAt(page, `${ORIGIN}${HOME}?a=b%20c`);
	assert.equal((await cookies(context)).length, 1);
	assert.deepEqual(trouble, []);
	for (const line of asked)
		assert.ok(!line.includes(encodeURIComponent(user.email)) && !line.includes(user.password), line);
	await page.goBack().catch(() => {});
	assert.doesNotMatch(page.url(), /sign-in/, "the page is not left behind in the history");
	await close();
});

test("sign-in: by user name, with the button", async () => {
	const { page, trouble, open, close } = await visitor();
	await open(HOME);
	await page.fill("#name", ` ${user.username} `);
	await page.fill("#password", user.password);
	await page.click("#button");
	await isAt(page, ORIGIN + HOME);
	assert.deepEqual(trouble, []);
	await close();
});

test("sign-in: who is signed in already is led on at once", async () => {
	const { page, trouble, asked, open, close } = await visitor();
	await open(HOME);
	await fill(page, user.email, user.password);
	await isAt(page, ORIGIN + HOME);
	asked.length = 0;
	await page.evaluate(() => sessionStorage.clear()); /* as in another tab */
	await page.goto(`${BASE}/sign-in/?return_to=${encodeURIComponent(`${HOME}?again`)}`, { waitUntil: "commit" });
	await isAt(page, `${ORIGIN}${HOME}?again`);
	assert.ok(!asked.some((line) => line.startsWith("POST")), asked.join("\n"));
	assert.deepEqual(trouble, []);
	await close();
});

test("sign-in: below a prefix, whatever the public URL is", async () => {
	const site = await mount("/auth-api");
	try {
		const { page, trouble, open, close } = await visitor({}, site.base);
		await open();
		await fill(page, user.email, user.password);
		await page.locator("#doing", { hasText: `You are signed in as ${user.username}.` }).waitFor();
		assert.deepEqual(trouble, []);
		await close();
	} finally {
		await site.stop();
	}
});

test("sign-in: from a page that is guarded and back to it, its query included; the session over, it is guarded again", async () => {
	const port = await freePort(), origin = `http://127.0.0.1:${port}`;
	const pool = await Pool.start({ public_url: `${origin}/auth-api` });
	const site = await mount("/auth-api", { port, socket: pool.socket, more: `
$HTTP["url"] =^ "/private/" {
	alias.url = ("/private/" => env.LATCH_DOCS + "/")
	fastcgi.server = ("/private/" => (("socket" => env.LATCH_SOCKET, "mode" => "authorizer", "check-local" => "disable")))
}
` });
	const { context, page, close } = await visitor({}, origin);
	try {
		const to = `${origin}/private/docs.css?a=b%26c&d=%2F`;
		await page.goto(to);
		assert.match(page.url(), /\/auth-api\/sign-in\/\?return_to=/);
		await page.locator("#fields:not([disabled])").waitFor();
		await fill(page, user.email, user.password);
		await isAt(page, to);
		assert.match(await page.locator("body").innerText(), /latch has users/);
		assert.equal((await context.cookies(origin)).length > 0, true);
		await context.clearCookies();
		await page.goto(`${to}&again`);
		assert.match(page.url(), /\/auth-api\/sign-in\//);
	} finally {
		await close();
		await site.stop();
		await pool.stop();
	}
});

/* ---- Where it does not lead --------------------------------------------------------------------------------------------- */

const EVIL = [
	"https://evil.example/x", "//evil.example/x", "/\\evil.example/x", "\\\\evil.example/x", "javascript:document.title='evil'", "JavaScript:document.title='evil'", "data:text/html,<title>evil</title>", `${ORIGIN}.evil.example/`, `http://${new URL(BASE).host}@evil.example/`,
	`http://evil.example/?${BASE}/`, "file:///etc/passwd", "blob:https://evil.example/x", "evil.example", "https:evil.example", "http:/evil.example", " //evil.example/x",
];

test("sign-in: return_to is followed to no other site, and to nothing that is no page, by who signs in and by who is", async () => {
	const { context, page, trouble, open, close } = await visitor();
	await context.route(/evil\.example/, (route) => (new URL(route.request().url()).hostname.endsWith("evil.example") ? route.fulfill({ contentType: "text/html", body: "<title>evil</title>" }) : route.continue()));
	const stays = async (to) => {
		await page.locator("#doing", { hasText: "You are signed in as" }).waitFor();
		await page.waitForTimeout(50);
		assert.ok(page.url().startsWith(`${BASE}/sign-in/`), `${to}: ${page.url()}`);
		assert.deepEqual([await page.title(), await page.locator("#go").isVisible(), await page.locator("#where").isVisible()], ["Sign in", false, false], to);
		assert.match(await message(page).innerText(), /not a page of this site/);
	};
	await open(EVIL[0]);
	await fill(page, user.email, user.password);
	await stays(EVIL[0]);
	for (const to of EVIL) {
		await open(to);
		await stays(to);
	}
	assert.deepEqual(trouble, []);
	await close();
});

test("sign-in: even where the server said so, nothing but http and https is followed", async () => {
	const { page, trouble, open, close } = await visitor();
	for (const url of ["javascript:document.title='evil'", "data:text/html,x", "file:///etc/passwd", "x", 5]) {
		await page.route("**/auth/return-to?*", (route) => route.fulfill({ json: { url } }), { times: 1 });
		await open(String(url));
		assert.equal(await page.locator("#where").isVisible(), false, String(url));
	}
	assert.deepEqual(trouble, []);
	await close();
});

test("sign-in: a page that sends people straight back is not tried for ever", async () => {
	const { context, page, open, close } = await visitor();
	let visits = 0;
	await context.route(`**${HOME}?loop`, (route) => {
		visits++;
		return route.fulfill({ status: 302, headers: { Location: `${BASE}/sign-in/?return_to=${encodeURIComponent(`${HOME}?loop`)}` } });
	});
	await open(`${HOME}?loop`);
	await fill(page, user.email, user.password);
	await message(page).filter({ hasText: "has just sent you back here" }).waitFor();
	await page.waitForTimeout(500);
	assert.equal(visits, 1);
	assert.equal(await page.getAttribute("#go", "href"), `${ORIGIN}${HOME}?loop`);
	await page.click("#go");
	await message(page).filter({ hasText: "has just sent you back here" }).waitFor();
	await page.waitForTimeout(500);
	assert.equal(visits, 2, "a click tries it once more");
	await close();
});

test("sign-in: nor is a row of pages that each send people back", async () => {
	const { context, page, open, close } = await visitor();
	let visits = 0;
	await context.route(`**${HOME}?loop=*`, (route) => {
		visits++;
		return route.fulfill({ status: 302, headers: { Location: `${BASE}/sign-in/?return_to=${encodeURIComponent(`${HOME}?loop=${visits}`)}` } });
	});
	await open(`${HOME}?loop=0`);
	await fill(page, user.email, user.password);
	await message(page).filter({ hasText: "has just sent you back here" }).waitFor();
	await page.waitForTimeout(500);
	assert.ok(visits <= 4, String(visits));
	await close();
});

test("sign-in: where the browser keeps no cookie it is said, and nobody is led on", async () => {
	const { context, page, open, close } = await visitor();
	await context.route("**/auth/login", async (route) => {
		const answer = await route.fetch(), headers = answer.headers();
		delete headers["set-cookie"];
		await context.clearCookies();
		await route.fulfill({ status: answer.status(), headers, body: await answer.body() });
	});
	await context.route("**/users/me", async (route) => {
		const headers = await route.request().allHeaders();
		delete headers.cookie;
		await route.continue({ headers });
	});
	await open(HOME);
	await fill(page, user.email, user.password);
	await message(page).filter({ hasText: "has not kept the cookie" }).waitFor();
	assert.match(page.url(), /sign-in/);
	assert.equal(await page.getAttribute("#button", "aria-disabled"), null, "he can try again");
	await close();
});

test("sign-in: somebody else can sign in in the place of who is", async () => {
	const { context, page, trouble, open, close } = await visitor();
	await open();
	await fill(page, user.email, user.password);
	await page.locator("#other").click();
	await page.locator("#fields:not([disabled])").waitFor();
	assert.equal(await page.locator("#form").isVisible(), true);
	assert.deepEqual(await cookies(context), [], "the session is ended");
	assert.deepEqual(trouble, []);
	await close();
});

/* ---- What it says ------------------------------------------------------------------------------------------------------- */

test("sign-in: after too many attempts it counts down, and lets one try again", async () => {
	const { page, trouble, open, close } = await visitor();
	await open(HOME);
	await answered(page, 429, { detail: "Try again after as many seconds as Retry-After says." }, { "Retry-After": "2" });
	await fill(page, user.email, user.password);
	await page.locator("#wait", { hasText: "2 seconds" }).waitFor();
	assert.equal(await message(page).innerText(), "There were too many attempts.");
	assert.equal(await page.getAttribute("#button", "aria-disabled"), "true");
	let sent = 0;
	page.on("request", (request) => (sent += request.method() === "POST"));
	await page.press("#password", "Enter");
	await page.click("#button", { force: true });
	assert.equal(sent, 0, "meanwhile nothing is sent");
	await page.locator("#wait", { hasText: "1 second." }).waitFor();
	await page.locator("#doing", { hasText: "You can try again now." }).waitFor();
	assert.equal(await page.inputValue("#password"), user.password, "what was typed is kept");
	await page.press("#password", "Enter");
	await isAt(page, ORIGIN + HOME);
	assert.deepEqual(trouble, []);
	await close();
});

test("sign-in: latch's own slowing down is one of these", async () => {
	const victim = await newUser();
	const { page, open, close } = await visitor();
	await open(HOME);
	for (let i = 0; i < 8 && !(await page.locator("#wait").isVisible()); i++) {
		const answer = page.waitForResponse("**/auth/login");
		await fill(page, victim.email, newPassword());
		await answer;
		await message(page).filter({ hasText: /./ }).waitFor();
	}
	assert.match(await page.locator("#wait").innerText(), /^You can try again in \d+ seconds?\.$/);
	await ctlOk(["user", "enable", victim.email]);
	await close();
});

test("sign-in: what is wrong is said in latch's words, or in ours where a web server answers", async () => {
	const { page, open, close } = await visitor();
	await open(HOME);
	for (const [status, body, text] of [
		[503, { detail: "Too many sign-ins are being checked at this moment. Try again shortly." }, "Too many sign-ins are being checked"], [403, { detail: "This account has been disabled." }, "This account has been disabled."],
		[422, { detail: "See errors for each field.", errors: [{ field: "transport", code: "invalid", detail: "needs https: public_url is not" }] }, "transport needs https"], [502, "<h1>Bad Gateway</h1>", "That did not work (502)."], [500, {}, "That did not work (500)."],
		[403, { detail: "<img src=x onerror=alert(1)>" }, "<img src=x onerror=alert(1)>"], [400, { detail: { a: 1 } }, "That did not work (400)."], [401, null, "That did not work (401)."],
	]) {
		await answered(page, status, body);
		await fill(page, user.email, user.password);
		await message(page).filter({ hasText: text }).waitFor();
		if (status === 503)
			await page.locator("#doing", { hasText: "You can try again now." }).waitFor();
	}
	await page.route("**/auth/login", (route) => route.abort(), { times: 1 });
	await fill(page, user.email, user.password);
	await message(page).filter({ hasText: "The server does not answer." }).waitFor();
	assert.equal(await page.locator("img").count(), 0);
	await close();
});

test("sign-in: while it waits it says what it does, and a second Enter sends nothing more", async () => {
	const { page, open, close } = await visitor();
	await open(HOME);
	let sent = 0, go;
	await page.route("**/auth/login", async (route) => {
		sent++;
		await new Promise((done) => (go = done));
		await route.continue();
	});
	await fill(page, user.email, user.password);
	await page.locator("#doing", { hasText: "Checking the password" }).waitFor();
	assert.deepEqual([await page.getAttribute("#form", "aria-busy"), await page.getAttribute("#button", "aria-disabled"), await page.getAttribute("#doing", "role"), await page.getAttribute("#message", "role")], ["true", "true", "status", "alert"]);
	await page.press("#password", "Enter");
	await page.locator("#doing", { hasText: "Still checking" }).waitFor();
	go();
	await isAt(page, ORIGIN + HOME);
	assert.equal(sent, 1);
	await close();
});

/* ---- How it is used ------------------------------------------------------------------------------------------------------ */

test("sign-in: without JavaScript it says what is missing, and the form sends nothing", async () => {
	const { page, asked, open, close } = await visitor({ javaScriptEnabled: false });
	await open(HOME);
	assert.match(await page.locator("noscript").innerText(), /needs JavaScript/);
	assert.equal(await page.locator("#button").isDisabled(), true);
	assert.equal(await page.locator("#password").isDisabled(), true);
	assert.ok(!asked.some((line) => line.startsWith("POST")), asked.join("\n"));
	await close();
});

test("sign-in: what password managers and browsers look for is there", async () => {
	const { page, open, close } = await visitor();
	await open();
	const of = (id) => page.$eval(id, (node) => Object.fromEntries(["name", "type", "autocomplete", "autocapitalize", "spellcheck"].map((name) => [name, node.getAttribute(name)])));
	assert.deepEqual(await of("#name"), { name: "username", type: "text", autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
	assert.deepEqual(await of("#password"), { name: "password", type: "password", autocomplete: "current-password", autocapitalize: "none", spellcheck: "false" });
	assert.deepEqual(await page.$$eval("input", (all) => all.map((one) => one.labels.length)), [1, 1]);
	assert.deepEqual(await page.$$eval("form input", (all) => all.map((one) => one.form.id)), ["form", "form"]);
	await page.fill("#password", "seen");
	await page.click("#show");
	assert.deepEqual([await page.getAttribute("#password", "type"), await page.getAttribute("#show", "aria-pressed")], ["text", "true"]);
	await page.fill("#name", user.email);
	await page.press("#name", "Enter");
	assert.equal(await page.getAttribute("#password", "type"), "password", "a field of plain text would be kept by the browser");
	await close();
});

test("sign-in: the keyboard alone gets everywhere, in order, and one sees where one is", async () => {
	const { page, open, close } = await visitor();
	await open();
	const order = [];
	for (let i = 0; i < 4; i++) {
		order.push(await page.evaluate(() => document.activeElement.id));
		const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
		assert.equal(outline, "solid", order.at(-1));
		await page.keyboard.press("Tab");
	}
	assert.deepEqual(order, ["name", "password", "show", "button"]);
	await close();
});

test("sign-in: Caps Lock is told", async () => {
	const { page, open, close } = await visitor();
	await open();
	await page.focus("#password");
	const press = (caps) => page.$eval("#password", (node, on) => node.dispatchEvent(new KeyboardEvent("keydown", { key: "a", modifierCapsLock: on, bubbles: true })), caps);
	await press(true);
	assert.equal(await page.locator("#caps").isVisible(), true);
	await press(false);
	assert.equal(await page.locator("#caps").isVisible(), false);
	await close();
});

test("sign-in: 320 pixels are enough, letters may be twice as large, and both schemes can be read", async () => {
	for (const colorScheme of ["light", "dark"]) {
		const { page, open, close } = await visitor({ viewport: { width: 320, height: 500 }, colorScheme, reducedMotion: "reduce" });
		await open(`${HOME}?${"very-long-".repeat(30)}`);
		await page.evaluate(() => (document.documentElement.style.fontSize = "32px"));
		assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= 320), true, "it scrolls sideways");
		const contrast = await page.evaluate(() => {
			const light = (text) => {
				const [r, g, b] = text.match(/[\d.]+/g).map((n) => n / 255).map((n) => (n <= 0.03928 ? n / 12.92 : ((n + 0.055) / 1.055) ** 2.4));
				return 0.2126 * r + 0.7152 * g + 0.0722 * b;
			};
			const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
			const style = (selector) => getComputedStyle(document.querySelector(selector));
			const card = light(style("main").backgroundColor);
			return { scheme: card < 0.5 ? "dark" : "light", text: ratio(light(style("label").color), card), faint: ratio(light(style("#where").color), card), wrong: ratio(light(style("#message").color), card), button: ratio(light(style("#button").color), light(style("#button").backgroundColor)), edge: ratio(light(style("#name").borderTopColor), card) };
		});
		assert.equal(contrast.scheme, colorScheme);
		for (const [what, least] of [["text", 7], ["faint", 7], ["wrong", 7], ["button", 7], ["edge", 3]])
			assert.ok(contrast[what] >= least, `${colorScheme}: ${what} ${contrast[what]}`);
		await close();
	}
});

test("sign-in: no page can put it into a frame, and its policy lets in nothing but itself", async () => {
	const { context, page, open, close } = await visitor();
	const answer = await page.goto(`${BASE}/sign-in/`);
	const headers = answer.headers();
	const policy = Object.fromEntries(headers["content-security-policy"].split(";").map((one) => one.trim().split(/\s+/)).map(([name, ...values]) => [name, values.join(" ")]));
	assert.deepEqual(policy, { "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self'", "connect-src": "'self'", "base-uri": "'none'", "form-action": "'none'", "frame-ancestors": "'none'" });
	assert.deepEqual([headers["x-frame-options"], headers["x-content-type-options"], headers["referrer-policy"]], ["DENY", "nosniff", "no-referrer"]);
	assert.doesNotMatch(await answer.text(), /<script>|<style|\sstyle=|\son[a-z]+=|https?:\/\//);
	await open();
	const framing = await context.newPage();
	await framing.goto(`${BASE}/docs/nothing-here`);
	const framed = await framing.evaluate((url) => new Promise((done) => {
		const frame = Object.assign(document.createElement("iframe"), { src: url });
		frame.onload = () => {
			try {
				done(frame.contentDocument?.getElementById("form") ? "shown" : "empty");
			} catch (error) {
				done("kept out");
			}
		};
		document.body.append(frame);
	}), `${BASE}/sign-in/`);
	assert.notEqual(framed, "shown");
	await close();
});
