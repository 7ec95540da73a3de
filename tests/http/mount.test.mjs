/*
 * latch below a prefix, and at the root: the project's own configurations of lighttpd and nginx, each before a pool whose public URL is where they are. And
 * before the instance's own pool, whose public URL is another: no rebuild, no setting.
 */
import assert from "node:assert/strict";
import http from "node:http";
import { after, test } from "node:test";
import { freePort, mount } from "./lib/mount.mjs";
import { Pool } from "./lib/pool.mjs";
import { newPassword, uniqueEmail } from "./lib/users.mjs";

const asker = (base) => async (path, { json, token, ...options } = {}) => {
	const answer = await fetch(base + path, {
		redirect: "manual", ...(json && { method: "POST", body: JSON.stringify(json) }), ...options,
		headers: { ...(json && { "Content-Type": "application/json" }), ...(token && { Authorization: `Bearer ${token}` }), ...options.headers },
	});
	return { status: answer.status, headers: answer.headers, body: /json/.test(answer.headers.get("content-type") ?? "") ? await answer.json() : await answer.text() };
};

/** The Location of a path that is sent as it stands. */
const locationOf = (base, path) => new Promise((done, fail) => {
	const { hostname: host, port, pathname } = new URL(base);
	http.get({ host, port, path: pathname.replace(/\/$/, "") + path, agent: false }, (answer) => answer.resume().on("end", () => done(answer.headers.location))).on("error", fail);
});

/** An account made through this site: {email, password, made}. */
async function register(ask) {
	const json = { email: uniqueEmail(), password: newPassword() };
	let made = await ask("/auth/register", { json });
	for (let i = 0; i < 10 && made.status === 503; i++)
		made = await ask("/auth/register", { json });
	assert.equal(made.status, 201, JSON.stringify(made.body));
	return { ...json, made };
}

const PAGES = ["/docs/", "/docs/swagger-ui.css", "/sign-in/", "/sign-in/sign-in.js"];
const ROUTES = ["/healthz", "/readyz", "/openapi.json", "/.well-known/jwks.json", "/.well-known/openid-configuration"];

function tests(name, prefix, base) {
	const ask = asker(base), origin = new URL(base).origin;

	test(`${name}: register, login, me and logout work`, async () => {
		const { email, password } = await register(ask);
		const tokens = await ask("/auth/login", { json: { email, password } });
		assert.equal(tokens.status, 200);
		const me = await ask("/users/me", { token: tokens.body.access_token });
		assert.deepEqual([me.status, me.body.email], [200, email]);
		assert.equal((await ask("/auth/login", { method: "POST", body: new URLSearchParams({ username: email, password }) })).status, 200);
		assert.equal((await ask("/auth/logout", { method: "POST", token: tokens.body.access_token })).status, 204);
	});

	test(`${name}: every other route answers, and every page`, async () => {
		for (const path of [...ROUTES, ...PAGES])
			assert.equal((await ask(path)).status, 200, path);
		for (const page of ["/docs", "/sign-in"])
			for (const to of [undefined, "/a?b=c d&e=%f+#g", "//evil.example/"]) {
				const answer = await ask(page + (to ? `?return_to=${encodeURIComponent(to)}` : ""));
				const led = new URL(answer.headers.get("location"), origin);
				assert.deepEqual([answer.status, led.origin + led.pathname, led.searchParams.get("return_to") ?? undefined, led.hash], [301, `${base}${page}/`, to, ""], page);
			}
		for (const path of ["//evil.example/../docs", "/evil.example/%2e%2e/sign-in", "//docs"])
			assert.equal(new URL(await locationOf(base, path) ?? "", `${base}/`).origin, origin, path);
	});

	test(`${name}: what is not below it is not latch`, async () => {
		const paths = prefix === "" ? ["/", "/docsx/", "/sign-inx", "/auth-api/healthz"] : ["", "/", "x/healthz", `${prefix}/healthz`, "-x/users/me"];
		for (const path of paths) {
			const answer = await ask(path);
			/* nginx leads from the prefix alone to what is below it. */
			if (path === "" && answer.status === 301)
				assert.equal(answer.headers.get("location"), `${base}/`);
			else
				assert.equal(answer.status, 404, path);
		}
		if (prefix !== "")
			for (const path of [...ROUTES, ...PAGES, "/"])
				assert.equal((await asker(origin)(path)).status, 404, path);
		assert.equal((await ask("/users/me", { method: "PUT" })).status, 405);
	});
	return ask;
}

const cleanUp = [];
after(async () => {
	for (const stop of cleanUp)
		await stop();
});

for (const [server, prefix] of [["lighttpd", ""], ["lighttpd", "/auth-api"], ["lighttpd", "/a/b_c-1"], ["nginx", ""], ["nginx", "/auth-api"], ["nginx", "/a/b_c-1"]]) {
	const name = `mount, ${server} at ${prefix || "/"}`;
	const port = await freePort(), base = `http://127.0.0.1:${port}${prefix}`;
	const pool = await Pool.start({ public_url: base, register_per_hour: "0", login_address_free: "0" });
	cleanUp.push(() => pool.stop());
	const site = await mount(prefix, { server, socket: pool.socket, port });
	cleanUp.unshift(site.stop);
	const ask = tests(name, prefix, base);

	test(`${name}: all links lead there: Location, problems, the issuer's, OpenAPI's`, async () => {
		const { made } = await register(ask);
		assert.equal(made.headers.get("location"), `${base}/users/${made.body.id}`);
		assert.equal((await ask("/nothing")).body.type, `${base}/problems/not_found`);
		const { body: known } = await ask("/.well-known/openid-configuration");
		assert.equal(known.issuer, base);
		for (const [key, value] of Object.entries(known).filter(([key]) => /_(uri|endpoint)$/.test(key))) {
			assert.ok(value.startsWith(`${base}/`), `${key}: ${value}`);
			assert.notEqual((await fetch(value, { redirect: "manual" })).status, 404, `${key}: ${value}`);
		}
		const { body: openapi } = await ask("/openapi.json");
		assert.deepEqual(openapi.servers.map(({ url }) => new URL(url, `${base}/`).href.replace(/\/$/, "")), [base]);
		const { tokenUrl } = Object.values(openapi.components.securitySchemes).find(({ type }) => type === "oauth2").flows.password;
		assert.equal(new URL(tokenUrl, `${base}/`).href, `${base}/auth/login`);
	});

	test(`${name}: the session cookie is for the whole host, and is taken`, async () => {
		const { email, password } = await register(ask);
		const answer = await ask("/auth/login", { json: { email, password, transport: "cookie" } });
		assert.equal(answer.status, 200);
		const cookie = answer.headers.getSetCookie ? answer.headers.getSetCookie().find((one) => /^latch=/.test(one)) : /(?:^|, )(latch=[^,]*)/.exec(answer.headers.get("set-cookie"))[1];
		assert.match(cookie, /; Path=\/;/);
		const headers = { Cookie: cookie.split(";")[0] };
		assert.equal((await ask("/users/me", { headers })).status, 200);
		assert.equal((await ask("/auth/logout", { method: "POST", headers })).status, 403, "without an origin");
		assert.equal((await ask("/auth/logout", { method: "POST", headers: { ...headers, Origin: origin(base) } })).status, 204);
		assert.equal((await ask("/users/me", { headers })).status, 401);
	});
}

function origin(url) {
	return new URL(url).origin;
}

const other = await mount("/auth-api");
cleanUp.unshift(other.stop);
const askOther = tests("mount, elsewhere than the public URL", "/auth-api", other.base);

test("mount, elsewhere than the public URL: that stays what others are told", async () => {
	const answer = await askOther("/nothing");
	assert.equal(answer.status, 404);
	assert.match(answer.body.type, /\/problems\/not_found$/);
	assert.ok(!answer.body.type.startsWith(other.base));
});
