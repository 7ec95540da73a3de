import assert from "node:assert/strict";
import { test } from "node:test";
import { call, callRaw, expectErrors, expectProblem, post } from "./lib/api.mjs";
import { head, send as plainly } from "./lib/http.mjs";
import { newPassword, newSession, newUser, uniqueEmail } from "./lib/users.mjs";

const JSON_TYPE = { "Content-Type": "application/json" };
const ROUTES_WITH_BODY = [["POST", "/auth/register"], ["POST", "/auth/login"], ["PATCH", "/users/me"], ["POST", "/users/me/password"], ["POST", "/users/me/delete"]];
const { token } = await newSession();

/** A body sent to /auth/register as it is; without e-mail and password, a body that parses is a 422. */
const send = (body, options = {}) => call("POST", "/auth/register", { headers: JSON_TYPE, body, ...options });
const malformed = async (name, body) => expectProblem(await send(body), "malformed_json", name);
const parses = async (name, body) => assert.equal((await send(body)).status, 422, name);

test("body: what is not JSON is 400", async () => {
	for (const text of ["", " ", "{", "}", "{]", '{"a"}', '{"a":}', '{"a":1,}', "{'a':1}", "{a:1}", '{"a":01}', '{"a":+1}', '{"a":.5}', '{"a":NaN}', '{"a":Infinity}',
		'{"a":tru}', '{"a":"\t"}', '{"a":"\\x"}', '{"a":"\\u12"}', '{"a":"unfinished}', "// c\n{}", '{"a":1 /* c */}', "email=a&password=b", "\ufeff{}"])
		await malformed(text, text);
});

test("body: a value that is no object is 400", async () => {
	for (const text of ["[]", '[{"email":"a"}]', '"x"', "1", "true", "null"])
		await malformed(text, text);
});

test("body: bytes after the object are 400, white space is not", async () => {
	for (const text of ["{} x", "{}{}", "{}]", "{},", '{}\n{"email":1}', "{}\0"])
		await malformed(JSON.stringify(text), text);
	for (const text of ["{}", " \r\n\t{ } \r\n\t"])
		await parses(JSON.stringify(text), text);
});

test("body: a key given twice is 400, at every depth and in every spelling", async () => {
	for (const text of ['{"email":"a","email":"b"}', '{"x":1,"x":1}', '{"email":1,"\\u0065mail":2}', '{"x":{"y":1,"y":2}}', '{"x":[{"y":1,"y":2}]}'])
		await malformed(text, text);
	await parses("the same key in two objects", '{"x":{"y":1},"z":{"y":1}}');
});

test("body: NUL is 400, raw or escaped, in keys, values and unknown fields", async () => {
	for (const text of ['{"email":"a\0b"}', '{"email":"a\\u0000b"}', '{"a\\u0000":1}', '{"x":["\\u0000"]}', '{\0}'])
		await malformed(JSON.stringify(text), text);
});

test("body: invalid UTF-8 is 400", async () => {
	for (const hex of ["ff", "c080", "c1bf", "eda080", "edbfbf", "f4908080", "f8888080", "c3", "e282", "80", "fe"])
		await malformed(hex, Buffer.concat([Buffer.from('{"x":"'), Buffer.from(hex, "hex"), Buffer.from('"}')]));
	await malformed("in a key", Buffer.concat([Buffer.from('{"'), Buffer.from("ff", "hex"), Buffer.from('":1}')]));
	for (const text of ['{"x":"\\ud800"}', '{"x":"\\udc00\\ud800"}', '{"x":"\\ud800x"}'])
		await malformed(text, text);
	await parses("the last code point", '{"x":"\\udbff\\udffd \u{10FFFD}"}');
});

test("body: 32 levels pass, 33 are 400", async () => {
	const arrays = (n) => `{"x":${"[".repeat(n - 1)}${"]".repeat(n - 1)}}`;
	const objects = (n) => '{"x":'.repeat(n - 1) + "{}" + "}".repeat(n - 1);
	for (const make of [arrays, objects]) {
		await parses("32", make(32));
		await malformed("33", make(33));
		await malformed("2000", make(2000));
	}
	await malformed("unclosed", `{"x":${"[".repeat(60_000)}`);
});

test("body: 65,536 bytes pass, one more is 413", async () => {
	const sized = (n) => `{"x":"${"a".repeat(n - 8)}"}`;
	assert.equal(Buffer.byteLength(sized(65_536)), 65_536);
	await parses("65,536", sized(65_536));
	expectProblem(await send(sized(65_537)), "payload_too_large");
	expectProblem(await send(sized(65_537), { chunked: true }), "payload_too_large");
	expectProblem(await send(sized(120_000)), "payload_too_large");
	/* Far more is refused by the web server, which has words of its own. */
	for (const chunked of [false, true])
		assert.equal((await plainly("POST", "/auth/register", { headers: JSON_TYPE, body: sized(1_000_000), chunked })).status, 413);
	const { status } = await post("/auth/login", { form: `username=a&password=${"b".repeat(66_000)}` });
	assert.equal(status, 413);
});

test("body: too large comes before everything about its content", async () => {
	expectProblem(await send("x".repeat(65_537)), "payload_too_large");
});

test("body: another content type is 415 on every route that takes a body", async () => {
	for (const [method, path] of ROUTES_WITH_BODY) {
		const form = path === "/auth/login" ? [] : ["application/x-www-form-urlencoded"];
		for (const type of ["text/plain", "application/xml", "application/jsonx", "application/json-patch+json", "multipart/form-data; boundary=x", "json", "", ...form]) {
			const answer = await call(method, path, { token, headers: { "Content-Type": type }, body: "{}" });
			assert.equal(answer.status, 415, `${method} ${path} with ${type || "an empty type"}: ${answer.text}`);
		}
		expectProblem(await call(method, path, { token, body: "{}" }), "unsupported_media_type");
	}
});

test("body: application/json is known in any case and with parameters", async () => {
	for (const type of ["APPLICATION/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8", "application/json ; charset=\"utf-8\""])
		assert.equal((await send("{}", { headers: { "Content-Type": type } })).status, 422, type);
});

test("body: an empty one is 400 on every route that takes one", async () => {
	for (const [method, path] of ROUTES_WITH_BODY)
		expectProblem(await call(method, path, { token, headers: JSON_TYPE, body: "" }), "malformed_json");
});

test("body: a chunked one is read like any other", async () => {
	const { email, password } = await newUser();
	const answer = await post("/auth/login", { json: { email, password, pad: "p".repeat(5000) }, chunked: true });
	assert.equal(answer.status, 200, answer.text);
	assert.equal((await send("{", { chunked: true })).status, 400);
});

test("body: one that arrives in pieces is read to its end", async () => {
	const body = JSON.stringify({ email: uniqueEmail(), password: newPassword() });
	const answer = await callRaw("POST", "/auth/register", [
		head("POST", "/auth/register", { ...JSON_TYPE, "Content-Length": String(body.length) }), 30, body.slice(0, 7), 60, body.slice(7, 20), 60, body.slice(20),
	]);
	assert.equal(answer.status, 201, answer.text);
});

test("body: what follows the announced length is no part of it", async () => {
	const body = JSON.stringify({ email: uniqueEmail(), password: "x" });
	const answer = await callRaw("POST", "/auth/register", [head("POST", "/auth/register", { ...JSON_TYPE, "Content-Length": String(body.length) }) + body + "}}}"]);
	expectErrors(answer, { password: "too_short" });
});

test("body: fields of the wrong kind are 422 on every route", async () => {
	expectErrors(await post("/auth/login", { json: { email: 5, password: false } }), { email: "wrong_type", password: "wrong_type" });
	expectErrors(await post("/users/me/password", { token, json: { current_password: [], new_password: {} } }), { current_password: "wrong_type", new_password: "wrong_type" });
	expectErrors(await post("/users/me/delete", { token, json: { current_password: 1 } }), { current_password: "wrong_type" });
	expectErrors(await post("/users/me/password", { token, json: {} }), { current_password: "required", new_password: "required" });
	expectErrors(await post("/users/me/delete", { token, json: {} }), { current_password: "required" });
});

test("body: credentials are checked before it", async () => {
	for (const [method, path] of ROUTES_WITH_BODY.filter(([, p]) => p.startsWith("/users")))
		expectProblem(await call(method, path, { headers: JSON_TYPE, body: "{" }), "unauthorized");
});
