/*
 * Requests that no client sends, on bare sockets. Each is refused by the web server (a 4xx, or the connection closed) or
 * by latch (a problem); none is a 5xx, and no worker dies of it.
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { call, checkConventions, expectErrors, expectProblem, get, post } from "./lib/api.mjs";
import { head, raw } from "./lib/http.mjs";
import { BASE, MOUNT, workers } from "./lib/instance.mjs";
import { newSession, tryLogin } from "./lib/users.mjs";

const user = await newSession();
const { token } = user;
const bearer = { Authorization: `Bearer ${token}` };
const { host } = new URL(BASE);
const before = workers();
const CLOSED = { status: 0, headers: {}, text: "" };
const FORM = { "Content-Type": "application/x-www-form-urlencoded" };

after(async () => {
	assert.deepEqual(workers(), before, "a worker died");
	assert.equal((await get("/healthz")).status, 200);
});

/** Sends these bytes; an answer, or CLOSED. */
async function sent(bytes, options) {
	try {
		return await raw(bytes, options);
	} catch (error) {
		if (["ECONNRESET", "EPIPE"].includes(error.code) || /^no HTTP answer: ""$/.test(error.message))
			return CLOSED;
		throw error;
	}
}

/* What RFC 9110 has for a method (15.6.2), a transfer coding, or a version (15.6.6) that nobody knows: the web servers' words. */
const UNKNOWN = [501, 505];

/** Asserts that it was refused, and told so in latch's way where latch did. `also`: other statuses of the web server's. */
function refused(what, path, answer, { method = "GET", also = [] } = {}) {
	const byServer = also.includes(answer.status) && !answer.headers["x-request-id"];
	assert.ok(answer === CLOSED || byServer || (answer.status >= 400 && answer.status < 500), `${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
	assert.ok(!answer.text.includes(user.email), `${what}: tells the account`);
	if (answer.headers["x-request-id"])
		checkConventions(method, path, answer);
}

const refuse = async (what, bytes, path = "/", options = {}) => refused(what, path, await sent(bytes), options);

/* Nobody but latch answers under this heading: the web server passes these on. */
async function problem(what, bytes, code) {
	const answer = await sent(bytes);
	checkConventions("GET", "/", answer);
	assert.equal(expectProblem(answer, code).status, answer.status, what);
}

/** What RFC 3986, 5.2.4 and the folding of slashes make of a path. */
const resolved = (path) => new URL(path.replaceAll("\\", "%5C").replace(/\/\/+/g, "/"), "http://host.invalid").pathname;

async function reachesNothingElse(paths) {
	for (const path of paths) {
		for (const headers of [bearer, {}]) {
			const answer = await sent(head("GET", path, headers));
			/* A web server may resolve the path first: then it is /users/me, with /users/me's own rights. */
			if (headers === bearer && answer.status === 200 && resolved(path) === "/users/me")
				assert.equal(answer.json().email, user.email, path);
			else
				refused(path, path, answer);
			assert.doesNotMatch(answer.text, /root:|key_file/, path);
		}
	}
}

test("request: an encoded slash is no slash", async () => {
	for (const path of ["/users%2fme", "/users%2Fme", "/%2fusers/me", "/%2Fusers%2Fme", "/users/me%2f", "/users/%2fme", "/users%252fme", "/users%255cme", "/users%5cme", "/users\\me", "/users%c0%afme", "/users%e2%88%95me", "/users%ef%bc%8fme", "/docs%2f..%2fusers/me", "/..%2f..%2fetc%2fpasswd"])
		for (const headers of [bearer, {}])
			await refuse(path, head("GET", path, headers), path);
});

test("request: dot segments reach no other resource, and pass no check by", async () => {
	await reachesNothingElse(["/users/./me", "/./users/me", "/users/x/../me", "/users/%2e/me", "/users/x/%2e%2e/me", "/users/x/%2E./me", "/healthz/../users/me", "/.well-known/../users/me", "/docs/../users/me", "/docs/%2e%2e/users/me", "/users/me/.", "/users/me/..", "/users/me/./", "/../users/me",
		"/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/docs/../../etc/passwd", "/docs/%2e%2e/%2e%2e/latch.conf", "/users/..;/users/me", "/users/;x/me", "/users/.../me", "/users/..%00/me", "/users/%252e%252e/users/me", "/users/.\\..\\me", "/.%2e/.%2e/", "/..", "/.", `/${"../".repeat(500)}users/me`, `/${"x/../".repeat(500)}users/me`]);
});

test("request: double slashes reach no other resource, and pass no check by", async () => {
	await reachesNothingElse(["//users/me", "/users//me", "/users/me//", "///users///me", "//evil.example/users/me", "//healthz//../users/me", "/users/me//..//me", `/${"/".repeat(2000)}users/me`]);
});

test("request: NUL and other control characters are refused wherever they stand", async () => {
	for (const [what, byte] of Object.entries({ NUL: "\0", "^A": "\x01", tab: "\t", CR: "\r", LF: "\n", escape: "\x1b", DEL: "\x7f" })) {
		const line = (text) => `${text}\r\nHost: ${host}\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n\r\n`;
		/* With a line's end in it, it is a request line of HTTP/0.9, whose answers have no head. */
		if (byte !== "\n")
			await refuse(`${what} in the path`, line(`GET ${MOUNT}/users/m${byte}e HTTP/1.1`));
		await refuse(`${what} in the method`, line(`GE${byte}T ${MOUNT}/users/me HTTP/1.1`), "/", { also: UNKNOWN });
		await refuse(`${what} in a header's name`, head("GET", "/users/me", { [`X-${byte}Y`]: "v", ...bearer }).replace(`Bearer ${token}`, "Bearer x"));
	}
	for (const path of ["/users/me%00", "/users/%00me", "/%00/users/me", "/users/me%00.html", "/users/me%01", "/users/me%0a", "/users/me%0d%0aX-Y:1", "/users/me%7f", "/users/me%ff", "/users/me%", "/users/me%0", "/users/me%zz"])
		await refuse(path, head("GET", path, bearer), path);
	for (const byte of ["\0", "\x01", "\x1b", "\x7f"])
		await refuse(`${JSON.stringify(byte)} in the credentials`, head("GET", "/users/me", { Authorization: `Bearer ${token}${byte}` }));
	for (const value of ["a\0b", "\0", "a\0\r\nAuthorization: Bearer x"])
		await refuse(JSON.stringify(value), head("GET", "/users/me", { "X-Any": value }));
});

test("request: what is no request line is refused", async () => {
	for (const line of ["", "GET", "GET /healthz HTTP/9.9", "GET /healthz HTTP/1.1 HTTP/1.1", "GET healthz HTTP/1.1", "GET ?x HTTP/1.1", "GET \\healthz HTTP/1.1", "GET ftp:/healthz HTTP/1.1", "/healthz GET HTTP/1.1", "\u00ffGET /healthz HTTP/1.1", "G".repeat(20_000), `${"G".repeat(4000)} /healthz HTTP/1.1`])
		await refuse(line.slice(0, 60), `${line}\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, "/", { also: UNKNOWN });
	for (const hosts of ["", "Host: a\r\nHost: b\r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: a\0b\r\n"])
		await refuse(JSON.stringify(hosts), `GET ${MOUNT}/healthz HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
});

test("request: a body whose end two servers could see at two places is refused", async () => {
	const smuggled = `GET ${MOUNT}/users/me HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
	const post_ = (lines, body) => `POST ${MOUNT}/auth/register HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Type: application/json\r\n${lines.map((one) => `${one}\r\n`).join("")}\r\n${body}`;
	for (const lines of [["Content-Length: 2", "Content-Length: 3"], ["Content-Length: 2, 3"], ["Content-Length: -1"], ["Content-Length: +2"], ["Content-Length: 0x2"], ["Content-Length: 2x"], ["Content-Length: 2 2"], ["Content-Length: "], ["Content-Length: 9223372036854775808"], ["Content-Length: 18446744073709551618"], [`Content-Length: ${"9".repeat(1000)}`],
		["Transfer-Encoding: xchunked"], ["Transfer-Encoding: gzip"], ["Transfer-Encoding: identity", "Content-Length: -5"], ["Content-Length : 2"]]) {
		const answer = await sent(post_(lines, `{}${smuggled}`), { method: "POST" });
		refused(lines.join(), "/auth/register", answer, { method: "POST", also: UNKNOWN });
		assert.equal((answer.text.match(/HTTP\/1\.1 \d{3}/g) ?? []).length, 0, `${lines}: a second answer`);
	}
	for (const chunks of [`-1\r\n{}\r\n0\r\n\r\n`, `0x2\r\n{}\r\n0\r\n\r\n`, `ffffffffffffffff2\r\n{}\r\n0\r\n\r\n`, `2\r\n{}x\r\n0\r\n\r\n`, `g\r\n{}\r\n0\r\n\r\n`, `2;${"x".repeat(20_000)}\r\n{}\r\n0\r\n\r\n`])
		refused(chunks.slice(0, 20), "/auth/register", await sent(post_(["Transfer-Encoding: chunked"], chunks), { method: "POST" }), { method: "POST" });
});

test("request: a path without end is refused, by latch as long as it reaches latch", async () => {
	for (const n of [100, 1000, 4000, 7000])
		await problem(`${n} bytes`, head("GET", `/${"a".repeat(n)}`), "not_found");
	await problem("segments", head("GET", "/a".repeat(3000)), "not_found");
	await problem("escapes", head("GET", `/${"%61".repeat(2000)}`), "not_found");
	for (const n of [9000, 20_000, 70_000, 1_000_000]) {
		await refuse(`${n} bytes`, head("GET", `/${"a".repeat(n)}`));
		await refuse(`${n} bytes below a resource`, head("GET", `/users/me/${"a".repeat(n)}`, bearer));
		await refuse(`${n} bytes of query`, head("GET", `/users/me?${"q".repeat(n)}`, bearer));
	}
});

const many = (n, make) => Array.from({ length: n }, (_, i) => make(i));
const flood = (n, make = (i) => `X-Flood-${i}: v`) => `GET ${MOUNT}/users/me HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n${many(n, make).map((one) => `${one}\r\n`).join("")}\r\n`;

test("request: a flood of headers is served up to a measure, and 400 beyond it", async () => {
	for (const n of [1, 50, 100, 150])
		assert.equal((await sent(flood(n))).status, 200, `${n} headers`);
	for (const n of [220, 300, 400])
		await problem(`${n} headers`, flood(n), "bad_request");
	for (const n of [1000, 5000, 20_000])
		await refuse(`${n} headers`, flood(n));
});

test("request: one header many times, and one without end, are served or refused", async () => {
	for (const name of ["Cookie", "Accept", "X-Forwarded-For", "Origin", "If-None-Match", "Content-Type"])
		for (const n of [300, 3000]) {
			const answer = await sent(flood(n, () => `${name}: v`));
			if (answer.status !== 200)
				refused(`${n} times ${name}`, "/users/me", answer);
		}
	for (const name of ["Authorization", "Host", "Content-Length"])
		await refuse(`300 times ${name}`, flood(300, () => `${name}: v`));
	for (const n of [9000, 70_000, 1_000_000])
		for (const line of [`X-Long: ${"v".repeat(n)}`, `${"N".repeat(n)}: v`, `Cookie: ${"c=d; ".repeat(n / 5)}`, `Origin: ${"o".repeat(n)}`])
			await refuse(`${n} bytes of ${line.slice(0, 8)}`, flood(1, () => line));
	for (const line of [": v", "v", "X Y: v", "X-Y : v", "(): v", "X-\u00e9: v"]) {
		const answer = await sent(flood(1, () => line));
		if (answer.status !== 200)
			refused(line, "/users/me", answer);
	}
});

test("request: a flood of parameters in the query is ignored", async () => {
	for (const query of [many(900, (i) => `a${i}=b`).join("&"), "a=b&".repeat(1500), "&".repeat(6000), "=".repeat(6000), "%41".repeat(2000), "a[]=".repeat(1500), "[".repeat(6000)]) {
		const answer = await sent(head("GET", `/users/me?${query}`, bearer));
		assert.equal(answer.status, 200, `${query.slice(0, 30)}: ${answer.status}`);
	}
});

test("request: a flood of parameters in a body is read in no time, and changes nothing", async () => {
	const credentials = new URLSearchParams({ username: user.email, password: user.password }).toString();
	const login = (body, type = FORM) => call("POST", "/auth/login", { headers: type, body });
	const JSON_TYPE = { "Content-Type": "application/json" };
	/* Empty pairs are none; 32 fields are more than any client has. */
	for (const body of [`${"&".repeat(60_000)}${credentials}`, `${credentials}&${"=&".repeat(30_000)}`, `${credentials}&${many(30, (i) => `p${i}=v`).join("&")}`])
		assert.equal((await login(body)).status, 200, body.slice(0, 30));
	for (const body of [`${credentials}&${many(31, (i) => `p${i}=v`).join("&")}`, `${credentials}&${many(6000, (i) => `p${i}=v`).join("&")}`, `${many(6000, (i) => `p${i}=v`).join("&")}&${credentials}`, `${credentials}&${"a=&".repeat(15_000)}`, `${credentials}&${"username=x&".repeat(4000)}`, `${"password=x&".repeat(4000)}${credentials}`,
		`${credentials}&${"%41=&".repeat(10_000)}`]) {
		assert.ok(body.length < 65_536, String(body.length));
		const answer = await login(body);
		expectProblem(answer, "bad_request");
		assert.ok(answer.ms < 2000, `${body.slice(0, 30)}: ${answer.ms} ms`);
	}
	const members = (n) => many(n, (i) => `"m${i}":${i}`).join(",");
	assert.equal((await login(`{${members(4500)},"email":${JSON.stringify(user.email)},"password":${JSON.stringify(user.password)}}`, JSON_TYPE)).status, 200);
	for (const body of [`{${members(4500)}}`, `{"x":[${"0,".repeat(30_000)}0]}`, `{"x":${JSON.stringify("\u0001".repeat(10_000))}}`, `{${many(3000, (i) => `"${"k".repeat(10)}${i}":{}`).join(",")}}`]) {
		assert.ok(body.length < 65_536, String(body.length));
		const answer = await login(body, JSON_TYPE);
		expectErrors(answer, { email: "required", password: "required" });
		assert.ok(answer.ms < 2000, `${body.slice(0, 30)}: ${answer.ms} ms`);
	}
	expectProblem(await login(`{${many(3000, () => '"same":1').join(",")}}`, JSON_TYPE), "malformed_json");
});

test("request: a malformed Authorization header lets nobody in, and is told apart from none", async () => {
	const basic = Buffer.from(`${user.email}:${user.password}`).toString("base64");
	const [a, b, c] = token.split(".");
	const invalid = [`Bearer ${token}\u00e9`, `Bearer \u00ff${token}`, `Bearer\t${token}`, `Bearer ${token}\t${token}`, `Bearer ${token} `.repeat(2).trim(), `Bearer ${a} ${b} ${c}`, `Bearer ${a}. ${b}.${c}`, `Bearer ${token};q=1`, `Bearer realm="x"`, `Bearer error="invalid_token"`, `Bearer "${token}"`, `Bearer '${token}'`, `Bearer <${token}>`,
		`Bearer [${token}]`, `Bearer {"access_token":"${token}"}`, `Bearer ${encodeURIComponent(`${token} `)}`, `Bearer ${basic}`, `Bearer Bearer ${token}`, `Bearer ${"a".repeat(4097)}`, `Bearer ${".".repeat(4000)}`, `Bearer ${"a.".repeat(2000)}`, `Bearer ${token}.`, `Bearer .`, "Bearer ..", "Bearer =", "Bearer null", "Bearer undefined",
		"Bearer 0", "Bearer -1", "Bearer %00", "Bearer \\0", "Bearer ' OR 1=1 --", "Bearer ../../secrets/key", "Bearer ${token}", `Bearer ${token}\\`, `Bearer ${token.toUpperCase()}`, `Bearer ${[...token].reverse().join("")}`];
	for (const value of invalid) {
		const answer = await sent(head("GET", "/users/me", { Authorization: value }));
		const what = value.replaceAll(token, "TOKEN").slice(0, 80);
		assert.ok([400, 401].includes(answer.status), `${what}: ${answer.status}`);
		refused(what, "/users/me", answer);
		if (answer.status === 401)
			assert.ok(["invalid_token", "unauthorized"].includes(answer.json().code), what);
	}
	const others = [`Basic ${basic}`, `basic ${basic}`, `Token ${token}`, `JWT ${token}`, `Bearer: ${token}`, `Bearer=${token}`, `Bearer,${token}`, `Bearer${token}`, `BearerX ${token}`, `XBearer ${token}`, `Bearer\u00a0${token}`, token, "Negotiate", "Negotiate YII=", "NTLM", "Digest", `Digest username="${user.email}", realm="x", nonce="", uri="/", response=""`, "?", "\u00ff", '"', "=", "Basic", "Basic ====", "Hawk id=1",
		`DPoP ${token}`, `${"A".repeat(4000)} ${token}`, ",", ",,,,", " ", `"Bearer ${token}"`, `"x",Basic x`];
	for (const value of others) {
		const answer = await sent(head("GET", "/users/me", { Authorization: value }));
		const what = value.replaceAll(token, "TOKEN").slice(0, 80);
		assert.ok([400, 401].includes(answer.status), `${what}: ${answer.status}`);
		refused(what, "/users/me", answer);
	}
	for (const value of [`Bearer ${token}, Bearer ${token}`, `Bearer ${token},`, `,Bearer ${token}`, `Basic ${basic}, Bearer ${token}`, `Bearer ${token}, x`, `Bearer ${token}${",".repeat(2000)}`, "Bearer x,".repeat(400)])
		await problem(value.replaceAll(token, "TOKEN").slice(0, 60), head("GET", "/users/me", { Authorization: value }), "ambiguous_credentials");
});

test("request: an Authorization header in pieces, or under another spelling, lets nobody in by mistake", async () => {
	const get_ = (lines) => sent(`GET ${MOUNT}/users/me HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${lines}\r\n\r\n`);
	for (const lines of [`Authorization : Bearer ${token}`, ` Authorization: Bearer ${token}`, `Authorization\t: Bearer ${token}`, `Authorization Bearer ${token}`, `Authorization\0: Bearer ${token}`, `Authorization:\r\n Bearer\r\n x`, `X-Any: v\r\n Authorization: Bearer ${token}`, `X-Any: v\rAuthorization: Bearer ${token}`, `Authorization: Bearer x\r\nAUTHORIZATION: Bearer ${token}`,
		`authorization: Bearer ${token}\r\nAuthorization: Bearer ${token}`, `Authorization:\r\nAuthorization: Bearer ${token},x`, `Redirect-Http-Authorization: Bearer ${token}`, `X_HTTP_AUTHORIZATION: Bearer ${token}`])
		refused(lines.replaceAll(token, "TOKEN"), "/users/me", await get_(lines));
	/* One header, spelled in another case, is the header. */
	assert.equal((await get_(`aUTHORIZATION: bEARER ${token}`)).status, 200);
});

test("request: after all of this the account is as it was", async () => {
	assert.equal((await get("/users/me", { token })).json().email, user.email);
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
	assert.equal((await post("/auth/logout", { token })).status, 204);
});
