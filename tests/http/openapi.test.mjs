import assert from "node:assert/strict";
import { test } from "node:test";
import { call, get } from "./lib/api.mjs";
import { config } from "./lib/instance.mjs";
import { npm } from "./lib/npm.mjs";
import { openapi, somePath } from "./lib/openapi.mjs";

const { Validator } = await npm("@seriousme/openapi-schema-validator");

const ROUTES = {
	"/auth/register": ["post"], "/auth/login": ["post"], "/auth/logout": ["post"], "/auth/refresh": ["post"], "/auth/verify": ["get"], "/auth/return-to": ["get"],
	"/users": ["get", "post"], "/users/{id}": ["get", "patch", "delete"], "/users/{id}/sessions": ["get", "delete"],
	"/users/{id}/roles/{role}": ["put", "delete"], "/audit": ["get"], "/roles": ["get", "post"], "/roles/{role}": ["get", "patch", "delete"],
	"/users/me": ["get", "patch"], "/users/me/password": ["post"], "/users/me/delete": ["post"],
	"/users/me/sessions": ["get", "delete"], "/users/me/sessions/{id}": ["delete"], "/.well-known/openid-configuration": ["get"],
	"/.well-known/jwks.json": ["get"], "/healthz": ["get"], "/readyz": ["get"], "/openapi.json": ["get"], "/metrics": ["get"],
};
const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
const { doc } = await openapi();
const operations = Object.entries(doc.paths).flatMap(([path, item]) => METHODS.filter((m) => m in item).map((m) => [`${m.toUpperCase()} ${path}`, item[m]]));

function follow(node) {
	while (node?.$ref)
		node = node.$ref.slice(2).split("/").reduce((at, part) => at[part.replace(/~1/g, "/").replace(/~0/g, "~")], doc);
	return node;
}

test("openapi: the document is valid OpenAPI 3.1", async () => {
	assert.match(doc.openapi, /^3\.1\.\d+$/);
	const result = await new Validator().validate(structuredClone(doc));
	assert.ok(result.valid, JSON.stringify(result.errors, null, 1));
});

test("openapi: it is JSON that needs no credentials", async () => {
	const answer = await get("/openapi.json");
	assert.match(answer.headers["content-type"], /^application\/(json|vnd\.oai\.openapi\+json)/);
	assert.equal((await get("/openapi.json", { token: "nonsense" })).status, 200);
});

test("openapi: it names the routes of this service and no others", () => {
	assert.deepEqual(Object.keys(doc.paths).sort(), Object.keys(ROUTES).sort());
	for (const [path, methods] of Object.entries(ROUTES))
		assert.deepEqual(METHODS.filter((m) => m in doc.paths[path]), METHODS.filter((m) => methods.includes(m)), path);
});

test("openapi: every documented operation exists, and answers without a 404, 405 or 500", async () => {
	for (const [name] of operations) {
		const [method, path] = name.split(" ");
		const answer = await call(method, somePath(path));
		assert.ok(![404, 405, 500].includes(answer.status), `${name}: ${answer.status}`);
	}
});

test("openapi: every operation has a summary, an id of its own and a tag or more", () => {
	const ids = operations.map(([, op]) => op.operationId);
	assert.equal(new Set(ids).size, operations.length, ids.join(" "));
	for (const [name, op] of operations) {
		assert.ok(op.summary?.length > 3, name);
		assert.ok(op.operationId, name);
	}
});

test("openapi: every failure is a problem, every body has a schema with properties", () => {
	for (const [name, op] of operations) {
		for (const [status, described] of Object.entries(op.responses)) {
			const one = follow(described);
			assert.ok(one.description, `${name} ${status}`);
			if (Number(status) >= 400)
				assert.deepEqual(Object.keys(one.content), ["application/problem+json"], `${name} ${status}`);
			for (const [type, { schema }] of Object.entries(one.content ?? {}))
				assert.ok(follow(schema), `${name} ${status} ${type}`);
		}
		for (const [type, { schema }] of Object.entries(follow(op.requestBody)?.content ?? {}))
			assert.ok(Object.keys(follow(schema).properties ?? {}).length > 0, `${name} ${type}`);
	}
});

test("openapi: what needs a token says so and documents 401; the rest does not", () => {
	for (const [name, op] of operations) {
		const needs = /\/users|\/roles|verify|\/audit|\/metrics/.test(name), takes = /logout/.test(name);
		const security = op.security ?? doc.security ?? [];
		assert.equal(security.length > 0 && !security.some((s) => Object.keys(s).length === 0), needs, name);
		assert.equal(security.length > 0, needs || takes, name);
		if (needs || takes)
			assert.ok(op.responses["401"], name);
	}
});

test("openapi: the password flow for Authorize points at the login", () => {
	const schemes = Object.values(doc.components.securitySchemes);
	const flow = schemes.find((s) => s.type === "oauth2")?.flows?.password;
	assert.ok(flow, JSON.stringify(schemes));
	assert.match(flow.tokenUrl, /\/?auth\/login$/);
	const form = follow(doc.paths["/auth/login"].post.requestBody).content["application/x-www-form-urlencoded"];
	assert.deepEqual(["username", "password"].filter((f) => !(f in follow(form.schema).properties)), []);
});

test("openapi: the server is the public URL", () => {
	assert.ok(doc.servers?.length >= 1);
	const url = new URL(doc.servers[0].url, `${config("public_url")}/`).href.replace(/\/$/, "");
	assert.equal(url, config("public_url").replace(/\/$/, ""));
	assert.ok(doc.info.title && doc.info.version);
});

test("openapi: examples keep to their schemas", async () => {
	const { default: Ajv2020 } = await import("ajv/dist/2020.js");
	const { default: addFormats } = await import("ajv-formats");
	const ajv = new Ajv2020.default({ strict: false, allErrors: true });
	addFormats.default(ajv);
	ajv.addSchema({ $id: "latch:examples", ...doc });
	let seen = 0;
	const walk = (node, at) => {
		if (!node || typeof node !== "object")
			return;
		const examples = [...(Array.isArray(node.examples) ? node.examples : []), ...("example" in node && ("type" in node || "$ref" in node) ? [node.example] : [])];
		for (const example of "type" in node || "properties" in node ? examples : []) {
			seen++;
			const check = ajv.compile({ $ref: `latch:examples#${at}` });
			assert.ok(check(example), `${at}: ${JSON.stringify(example)} ${JSON.stringify(check.errors)}`);
		}
		for (const [key, value] of Object.entries(node))
			if (key !== "examples" && key !== "example")
				walk(value, `${at}/${encodeURIComponent(key.replace(/~/g, "~0").replace(/\//g, "~1"))}`);
	};
	walk(doc, "");
	assert.ok(seen > 0, "no example in the whole document");
});
