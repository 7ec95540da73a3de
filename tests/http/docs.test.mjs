import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { head, raw, send } from "./lib/http.mjs";
import { CHECKOUT, MOUNT } from "./lib/instance.mjs";

const FILES = { "": "text/html", "index.html": "text/html", "swagger-initializer.js": "javascript", "swagger-ui-bundle.js": "javascript", "swagger-ui.css": "text/css", "docs.css": "text/css", "favicon-32x32.png": "image/png" };

test("docs: the page and all its parts are served with their types", async () => {
	for (const [name, type] of Object.entries(FILES)) {
		const answer = await send("GET", `/docs/${name}`);
		assert.equal(answer.status, 200, name);
		assert.match(answer.headers["content-type"] ?? "", new RegExp(type), name);
		assert.equal(answer.headers["x-content-type-options"], "nosniff", name);
		assert.ok(answer.bytes.length > 100, name);
	}
});

test("docs: the page names no file that is not there, and no other host", async () => {
	const page = (await send("GET", "/docs/")).text;
	const links = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link]) => link);
	assert.ok(links.length >= 4);
	for (const link of links) {
		assert.doesNotMatch(link, /^([a-z]+:|\/)/, link);
		assert.equal((await send("GET", new URL(link, "http://x.invalid/docs/").pathname)).status, 200, link);
	}
	assert.doesNotMatch(page, /<script>|<style|\son[a-z]+=/);
});

test("docs: the content security policy lets no foreign or inline script in", async () => {
	const policy = (await send("GET", "/docs/")).headers["content-security-policy"] ?? "";
	const directives = Object.fromEntries(policy.split(";").map((d) => d.trim().split(/\s+/)).map(([name, ...values]) => [name, values]));
	assert.ok(directives["default-src"], policy);
	for (const values of [directives["default-src"], directives["script-src"] ?? directives["default-src"], directives["connect-src"] ?? directives["default-src"]])
		for (const value of values)
			assert.ok(["'self'", "'none'"].includes(value), policy);
	assert.ok(directives["frame-ancestors"]?.includes("'none'"), policy);
});

test("docs: without the slash one is led to it", async () => {
	const answer = await send("GET", "/docs");
	assert.ok([301, 302, 307, 308].includes(answer.status), String(answer.status));
	assert.match(new URL(answer.headers.location, `http://x.invalid${MOUNT}/docs`).pathname, new RegExp(`^${MOUNT}/docs/$`));
});

test("docs: nothing but the files of the page is served from there", async () => {
	for (const path of ["/docs/../latch.conf", "/docs/../../latch.conf", "/docs/%2e%2e/latch.conf", "/docs/..%2flatch.conf", "/docs/%2e%2e%2f%2e%2e%2fsecrets/key", "/docs/....//latch.conf", "/docs/..\\latch.conf",
		"/docs../latch.conf", "/docs/common-passwords.txt", "/docs/../latch-fcgi", "/docs/package.json", "/docs/nothing.js", "/latch.conf", "/secrets/key", "/app/latchctl"]) {
		const answer = await raw(head("GET", path));
		assert.ok([400, 403, 404].includes(answer.status), `${path}: ${answer.status}`);
		assert.doesNotMatch(answer.text, /public_url|key_file|ELF/);
	}
});

test("docs: they cannot be written to", async () => {
	for (const method of ["PUT", "DELETE", "PATCH"])
		assert.ok([403, 404, 405, 501].includes((await send(method, "/docs/index.html", { body: "x" })).status), method);
	await send("POST", "/docs/index.html", { body: "x" });
	assert.deepEqual((await send("GET", "/docs/index.html")).bytes, readFileSync(join(CHECKOUT, "web/docs/index.html")));
});
