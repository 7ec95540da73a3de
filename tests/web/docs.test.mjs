/* The documentation page in a real browser: it shows the API, logs in through the password form, and asks. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { npm } from "../http/lib/npm.mjs";
import { newPassword, newUser } from "../http/lib/users.mjs";
import { BASE } from "../http/lib/instance.mjs";
import { mount } from "../http/lib/mount.mjs";

const { chromium } = await npm("playwright-core");

const user = await newUser({ username: undefined, name: "Browser" });
let browser;

before(async () => {
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM || "/usr/bin/chromium", headless: true,
		args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
	});
});
after(() => browser?.close());

/** A page on /docs/, and what it complained of or asked of others meanwhile. */
async function open(path = "/docs/", base = BASE) {
	const context = await browser.newContext({ viewport: { width: 1280, height: 1600 } });
	const page = await context.newPage();
	const trouble = [];
	await page.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`)));
	page.on("console", (message) => {
		if (["error", "warning"].includes(message.type()))
			trouble.push(`console: ${message.text()}`);
	});
	page.on("pageerror", (error) => trouble.push(`page: ${error.message}`));
	page.on("requestfailed", (request) => trouble.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
	page.on("request", (request) => {
		if (!request.url().startsWith(`${base}/`) && !request.url().startsWith("data:"))
			trouble.push(`foreign: ${request.url()}`);
	});
	page.setDefaultTimeout(20_000);
	await page.goto(base + path);
	await page.waitForSelector(".opblock");
	return { page, trouble, close: () => context.close() };
}

async function authorize(page, username, password) {
	await page.click(".scheme-container button.authorize");
	const form = page.locator(".modal-ux .auth-container").filter({ has: page.locator("input[name=username], #oauth_username") });
	await form.locator("#oauth_username").fill(username);
	await form.locator("#oauth_password").fill(password);
	await form.locator("button.authorize").click();
	return form;
}

const STATUS = ".live-responses-table tbody tr.response .response-col_status";

async function tryOut(page, id) {
	const block = page.locator(id);
	if (!/is-open/.test(await block.getAttribute("class")))
		await block.locator(".opblock-summary-control").click();
	const button = block.locator("button.try-out__btn:not(.cancel)");
	if (await button.count())
		await button.click();
	await block.locator("button.execute").click();
	await block.locator(STATUS).waitFor();
	return block;
}

const statusIn = async (block) => (await block.locator(STATUS).innerText()).trim().split(/\s/)[0];

test("docs page: it shows every route, without a complaint and without asking another host", async () => {
	const { page, trouble, close } = await open();
	const shown = await page.locator(".opblock-summary-path").evaluateAll((nodes) => nodes.map((n) => n.getAttribute("data-path")));
	for (const path of ["/auth/register", "/auth/login", "/auth/logout", "/users/me", "/users/me/password", "/users/me/delete", "/healthz", "/readyz", "/.well-known/jwks.json"])
		assert.ok(shown.includes(path), `${path} is not shown: ${shown.join(" ")}`);
	assert.ok((await page.title()).length > 0);
	await page.locator(".opblock").first().locator(".opblock-summary-control").click();
	await page.waitForSelector(".opblock.is-open .responses-table");
	assert.deepEqual(trouble, []);
	await close();
});

test("docs page: /docs leads there", async () => {
	const { page, close } = await open("/docs");
	assert.equal(page.url(), `${BASE}/docs/`);
	await close();
});

async function whoAmI(base) {
	const { page, trouble, close } = await open("/docs/", base);
	await authorize(page, user.email, user.password);
	await page.locator(".modal-ux button", { hasText: "Logout" }).waitFor();
	await page.locator(".modal-ux .close-modal, .modal-ux button.btn-done").first().click();
	const path = page.locator(".opblock-get .opblock-summary-path[data-path='/users/me']");
	const id = await path.evaluate((node) => node.closest(".opblock").id);
	const block = await tryOut(page, `[id="${id}"]`);
	assert.equal(await statusIn(block), "200");
	assert.ok((await block.locator(".live-responses-table").innerText()).includes(user.email));
	assert.deepEqual(trouble, []);
	await close();
}

test("docs page: Authorize logs in with the password form, and Try it out shows who one is", () => whoAmI(BASE));

test("docs page: the same below a prefix, whatever the public URL is", async () => {
	const site = await mount("/auth-api");
	try {
		await whoAmI(site.base);
	} finally {
		await site.stop();
	}
});

test("docs page: a wrong password is told and nobody is logged in", async () => {
	const { page, close } = await open();
	const form = await authorize(page, user.email, newPassword());
	await form.locator(".errors").first().waitFor();
	assert.match(await form.locator(".errors").first().innerText(), /auth|credential|unauthorized|password/i);
	assert.equal(await page.locator(".modal-ux button", { hasText: "Logout" }).count(), 0);
	await close();
});

test("docs page: without Authorize, Try it out shows 401", async () => {
	const { page, close } = await open();
	const id = await page.locator(".opblock-get .opblock-summary-path[data-path='/users/me']").evaluate((node) => node.closest(".opblock").id);
	const block = await tryOut(page, `[id="${id}"]`);
	assert.equal(await statusIn(block), "401");
	await close();
});

test("docs page: registering through it works", async () => {
	const { page, close } = await open();
	const id = await page.locator(".opblock-post .opblock-summary-path[data-path='/auth/register']").evaluate((node) => node.closest(".opblock").id);
	const block = page.locator(`[id="${id}"]`);
	await block.locator(".opblock-summary-control").click();
	const email = `docs-${Date.now()}@mail-mark.example`;
	await block.locator("textarea").first().fill(JSON.stringify({ email, password: newPassword() }));
	await block.locator("button.execute").click();
	await block.locator(STATUS).waitFor();
	assert.equal(await statusIn(block), "201");
	await close();
});
