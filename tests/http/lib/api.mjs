/*
 * The client that the tests use: every answer is held against the conventions of the HTTP contract and against the
 * OpenAPI document before the test sees it.
 */
import assert from "node:assert/strict";
import { raw, send } from "./http.mjs";
import { config, sleep } from "./instance.mjs";
import { checkDocumented, openapi } from "./openapi.mjs";

export const CODES = {
	bad_request: 400, malformed_json: 400, ambiguous_credentials: 400, invalid_credentials: 401, unauthorized: 401,
	invalid_token: 401, account_disabled: 403, cross_site: 403, insufficient_scope: 403, last_admin: 409, invalid_grant: 401, not_found: 404, method_not_allowed: 405, conflict: 409,
	payload_too_large: 413, unsupported_media_type: 415, validation_failed: 422, too_many_requests: 429, internal_error: 500, busy: 503,
	unavailable: 503,
};
export const FIELD_CODES = ["required", "no_password", "wrong_type", "too_short", "too_long", "invalid", "common", "incorrect", "forbidden", "taken", "in_use", "built_in", "too_many"];

export const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** What holds for every answer of latch, whatever was asked. */
export function checkConventions(method, path, answer) {
	const what = `${method} ${path} -> ${answer.status}`;
	assert.match(answer.headers["x-request-id"] ?? "", /^[\w.:-]{8,128}$/, `${what}: X-Request-Id`);
	assert.notEqual(answer.status, 500, `${what}: ${answer.text}`);
	if (/^\/(auth|users)\//.test(path) && method !== "OPTIONS" && answer.status < 400)
		assert.match(answer.headers["cache-control"] ?? "", /\bno-store\b/, `${what}: Cache-Control`);
	if (answer.status === 204)
		assert.equal(answer.bytes.length, 0, `${what}: 204 with a body`);
	if (answer.status === 401)
		assert.ok(answer.headers["www-authenticate"], `${what}: 401 without WWW-Authenticate`);
	if (answer.status === 405)
		assert.ok(answer.headers.allow, `${what}: 405 without Allow`);
	if (answer.status === 503 || answer.status === 429)
		assert.match(answer.headers["retry-after"] ?? "", /^[1-9]\d*$/, `${what}: Retry-After`);
	if (answer.status >= 400 && method !== "HEAD")
		checkProblem(what, answer);
}

function checkProblem(what, answer) {
	assert.equal(answer.headers["content-type"], "application/problem+json", `${what}: content type of a problem`);
	const problem = answer.json();
	assert.equal(problem.status, answer.status, `${what}: status in the problem`);
	assert.equal(CODES[problem.code], answer.status, `${what}: code ${problem.code}`);
	assert.equal(problem.type, `${config("public_url").replace(/\/$/, "")}/problems/${problem.code}`, `${what}: type`);
	assert.equal(problem.request_id, answer.headers["x-request-id"], `${what}: request_id is the header's`);
	assert.ok(typeof problem.title === "string" && problem.title, `${what}: title`);
	assert.ok(typeof problem.detail === "string" && problem.detail, `${what}: detail`);
	const listed = ["conflict", "validation_failed"].includes(problem.code);
	assert.equal(Array.isArray(problem.errors), listed, `${what}: errors ${JSON.stringify(problem.errors)}`);
	for (const error of problem.errors ?? []) {
		assert.deepEqual(Object.keys(error).sort(), ["code", "detail", "field"], `${what}: members of an error`);
		assert.ok(FIELD_CODES.includes(error.code), `${what}: field code ${error.code}`);
	}
	assert.doesNotMatch(answer.text, /SELECT |INSERT |UPDATE `|mariadb|mysql|\.[ch]:\d|\/var\/|\/tmp\/|errno|0x[0-9a-f]{6}/i, `${what}: tells of the inside`);
}

/**
 * One request. `json` and `form` set body and content type; `token` the Authorization header. A 503 "busy" of the
 * hash lanes is waited out unless `patient` is false: other test files hash at the same time.
 */
export async function call(method, path, { json, form, token, headers = {}, body, patient = true, documented = true, ...rest } = {}) {
	const flat = Array.isArray(headers) ? [...headers] : Object.entries(headers).flat();
	const put = (name, value) => {
		if (!flat.some((word, i) => i % 2 === 0 && word.toLowerCase() === name.toLowerCase()))
			flat.push(name, value);
	};
	if (json !== undefined) {
		put("Content-Type", "application/json");
		body = JSON.stringify(json);
	} else if (form !== undefined) {
		put("Content-Type", "application/x-www-form-urlencoded");
		body = typeof form === "string" ? form : new URLSearchParams(form).toString();
	}
	if (token !== undefined)
		put("Authorization", `Bearer ${token}`);
	if (documented)
		await openapi();
	for (let tries = 0; ; tries++) {
		const answer = await send(method, path, { headers: flat, body, ...rest });
		checkConventions(method, path, answer);
		if (documented)
			await checkDocumented(method, path, answer, json);
		if (answer.status === 503 && patient && tries < 10 && answer.json().code === "busy") {
			await sleep(200 + 300 * Math.random());
			continue;
		}
		return answer;
	}
}

/** A raw request held against the conventions too, for answers that latch itself gives. */
export async function callRaw(method, path, parts, options) {
	const answer = await raw(parts, { method, ...options });
	checkConventions(method, path, answer);
	return answer;
}

const verb = (method) => (path, options) => call(method, path, options);
export const get = verb("GET");
export const post = verb("POST");
export const put = verb("PUT");
export const patch = verb("PATCH");
export const del = verb("DELETE");

/** Asserts a problem's status and code; gives the problem. */
export function expectProblem(answer, code) {
	assert.equal(answer.headers["content-type"], "application/problem+json", answer.text);
	const problem = answer.json();
	assert.deepEqual({ status: answer.status, code: problem.code }, { status: CODES[code], code }, answer.text);
	return problem;
}

/** Asserts a 422 or 409 whose errors are exactly these: {field: code or [codes]}. */
export function expectErrors(answer, expected, code = "validation_failed") {
	const problem = expectProblem(answer, code);
	const seen = Object.fromEntries(problem.errors.map((e) => [e.field, e.code]));
	assert.equal(problem.errors.length, Object.keys(seen).length, `a field is named twice: ${answer.text}`);
	assert.deepEqual(Object.keys(seen).sort(), Object.keys(expected).sort(), answer.text);
	for (const [field, codes] of Object.entries(expected))
		assert.ok([codes].flat().includes(seen[field]), `${field}: ${seen[field]}, expected ${codes}`);
	return problem;
}
