/*
 * Holds every answer against GET /openapi.json: an undocumented status, content type or member fails the test that
 * saw it, so the document cannot drift from the program.
 */
import assert from "node:assert/strict";
import { send } from "./http.mjs";
import { npm } from "./npm.mjs";

const { default: Ajv2020 } = await npm("ajv/dist/2020.js");
const { default: addFormats } = await npm("ajv-formats");

let loading;

/** The document and its validator, fetched once a process. */
export function openapi() {
	loading ??= (async () => {
		const answer = await send("GET", "/openapi.json");
		assert.equal(answer.status, 200, "GET /openapi.json");
		const doc = answer.json();
		return { doc, routes: routesOf(doc), ...validators(doc) };
	})();
	return loading;
}

const escapeRegExp = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function routesOf(doc) {
	return Object.entries(doc.paths).map(([path, item]) => ({
		path, item,
		match: new RegExp(`^${path.split(/\{[^}]*\}/).map(escapeRegExp).join("[^/]+")}$`),
	}));
}

const pointer = (...parts) => `latch:openapi#/${parts.map((p) => encodeURIComponent(String(p).replace(/~/g, "~0").replace(/\//g, "~1"))).join("/")}`;

function validators(doc) {
	const ajv = new Ajv2020.default({ strict: false, allErrors: true, validateFormats: true });
	addFormats.default(ajv);
	ajv.addSchema({ $id: "latch:openapi", ...doc });
	const made = new Map();
	/* Members that the schema does not name fail too: that is how a document falls behind. */
	function validate(where, value, closed) {
		const key = `${where} ${closed}`;
		if (!made.has(key))
			made.set(key, ajv.compile(closed ? { $ref: where, unevaluatedProperties: false } : { $ref: where }));
		const check = made.get(key);
		return check(value) ? [] : check.errors.map((e) => `${e.instancePath || "/"} ${e.message} ${JSON.stringify(e.params)}`);
	}
	return { validate };
}

function resolve(doc, node) {
	while (node && node.$ref)
		node = node.$ref.slice(2).split("/").reduce((at, part) => at[decodeURIComponent(part).replace(/~1/g, "/").replace(/~0/g, "~")], doc);
	return node;
}

/** A path of the document with something in its places that is nobody's and nothing. */
export const somePath = (path) => path.replace("{id}", "01932c07-209c-7c11-8b0e-6a3f5d2e9c41").replace("{role}", "nothing");

/** The documented operation for a request, or undefined. */
export async function operation(method, path) {
	const { routes } = await openapi();
	const bare = path.split("?")[0];
	const route = routes.find((r) => r.path === bare) ?? routes.find((r) => r.match.test(bare));
	return route && { route, name: method === "HEAD" ? "get" : method.toLowerCase() };
}

/** Throws when `answer` is not what the document says of `method path`; `sent` is the JSON body, if any. */
export async function checkDocumented(method, path, answer, sent) {
	const { doc, validate } = await openapi();
	const what = `${method} ${path} -> ${answer.status}`;
	const found = await operation(method, path);
	if (!found) {
		assert.equal(answer.status, 404, `${what}: an undocumented path must be 404`);
		return;
	}
	const described = found.route.item[found.name];
	if (!described) {
		if (method !== "OPTIONS")
			assert.equal(answer.status, 405, `${what}: an undocumented method must be 405`);
		return;
	}
	const documented = described.responses[answer.status];
	assert.ok(documented, `${what}: status not documented (${Object.keys(described.responses).join(", ")})`);
	const one = resolve(doc, documented);
	for (const [name, header] of Object.entries(one.headers ?? {}))
		if (resolve(doc, header).required)
			assert.ok(answer.headers[name.toLowerCase()] !== undefined, `${what}: documented header ${name} is missing`);
	const types = Object.keys(one.content ?? {});
	if (types.length === 0) {
		assert.equal(answer.bytes.length, 0, `${what}: documented without a body`);
		return;
	}
	const type = (answer.headers["content-type"] ?? "").split(";")[0].trim();
	assert.ok(types.includes(type), `${what}: content type ${type || "(none)"}, documented ${types.join(", ")}`);
	if (method === "HEAD") {
		assert.equal(answer.bytes.length, 0, `${what}: HEAD with a body`);
		return;
	}
	/* A shared response object hangs under components; its pointer is its own. */
	const at = documented.$ref ? documented.$ref.slice(2).split("/") : ["paths", found.route.path, found.name, "responses", answer.status];
	if (one.content[type].schema)
		assert.deepEqual(validate(pointer(...at, "content", type, "schema"), type.startsWith("text/") ? answer.text : answer.json(), true), [], `${what}: body does not match its schema: ${answer.text}`);
	if (answer.status < 300 && sent !== undefined && described.requestBody)
		assert.deepEqual(validate(pointer("paths", found.route.path, found.name, "requestBody", "content", "application/json", "schema"), sent, false), [],
			`${what}: accepted a body that the document refuses`);
}
