/*
 * Who guesses passwords gets nowhere, and does not lock anybody out. Each request of these tests comes from an address of its
 * own unless it says another; time is not waited for but moved, in the row that counts (once it is waited for, too).
 */
import assert from "node:assert/strict";
import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { call, expectErrors, expectProblem, post } from "./lib/api.mjs";
import { config, ctlOk, logfmt, logText, q, sleep, sql, until } from "./lib/instance.mjs";
import { Pool } from "./lib/pool.mjs";
import { npm } from "./lib/npm.mjs";
import { login, newPassword, newSession, newUser, tryLogin, unique, uniqueEmail } from "./lib/users.mjs";

const { decodeJwt } = await npm("jose");

const FREE = 5, MOST = 100;

/* ---- What is counted, from the side --------------------------------------------------------------------------------- */

const master = Buffer.from(readFileSync(config("key_file"), "latin1").trim(), "hex");
const key = Buffer.from(hkdfSync("sha256", master, Buffer.alloc(0), "latch throttle v1", 32));
const subject = (kind, name) => createHmac("sha256", key).update(`${kind}\0${name.toLowerCase()}`).digest("hex").slice(0, 32);
const ofAccount = (user) => subject("account", user.id);

/** A row as {failures, wait}, seconds; undefined where there is none. */
async function row(name) {
	const [found] = await sql(`SELECT failures, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), retry_at) / 1e6 FROM throttles WHERE subject = ${q(name)}`);
	return found && { failures: Number(found[0]), wait: Number(found[1]) };
}
const failures = async (name) => (await row(name))?.failures ?? 0;
/** The delay is over. */
const elapse = (name) => sql(`UPDATE throttles SET retry_at = UTC_TIMESTAMP(3) WHERE subject = ${q(name)}`);
/** As if there had been so many failures, and nothing is to be waited for. */
const set = (name, n) => sql(`INSERT INTO throttles VALUES (${q(name)}, ${n}, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), TRUE)
	ON DUPLICATE KEY UPDATE failures = ${n}, retry_at = UTC_TIMESTAMP(3), updated_at = UTC_TIMESTAMP(3)`);

/* ---- Requests --------------------------------------------------------------------------------------------------------- */

const an4 = () => `172.16.${[...randomBytes(2)].join(".")}`;
/* The first half of one, without zeros at the head of a group. */
const an6 = () => `2001:db8:${[1, 2].map(() => (0x1000 + randomBytes(2).readUInt16BE() % 0xe000).toString(16)).join(":")}`;
const from = (address) => ({ headers: { "X-Forwarded-For": address } });
const wrong = (email, options) => tryLogin(email, newPassword(), options);
const withCookie = (cookie) => ({ headers: { Cookie: cookie } });

/** What a browser sends back of an answer's cookies. */
const deviceOf = (answer) => answer.all.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value).find((value) => /^(__Host-)?latch-device=/.test(value));
async function newDevice(user) {
	const answer = await tryLogin(user.email, user.password);
	assert.equal(answer.status, 200, answer.text);
	return deviceOf(answer).split(";")[0];
}

/** Asserts a 429; what Retry-After says. */
function slowed(answer, detail = /Try again after as many seconds as Retry-After says/) {
	const problem = expectProblem(answer, "too_many_requests");
	assert.match(problem.detail, detail);
	assert.match(answer.headers["retry-after"], /^[1-9]\d*$/);
	return Number(answer.headers["retry-after"]);
}

async function wrongTimes(n, email) {
	for (let i = 0; i < n; i++)
		expectProblem(await wrong(email), "invalid_credentials");
}

function faceless(answer) {
	const id = answer.headers["x-request-id"];
	return { status: answer.status, headers: answer.all.filter(([name]) => !/^(date|x-request-id)$/i.test(name)), body: answer.text.replaceAll(id, "ID") };
}

const other = {};
before(async () => Object.assign(other, { pool: await Pool.start({ trusted_proxies: "" }) }));
after(() => other.pool?.stop());

/* ---- An account ------------------------------------------------------------------------------------------------------- */

test("guessing: five wrong passwords make nobody wait, each further one twice as long as the one before, up to a quarter of an hour", async () => {
	const user = await newUser();
	await wrongTimes(FREE, user.email);
	for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]) {
		expectProblem(await wrong(user.email), "invalid_credentials");
		/* The wait began a little before the question about it. */
		const said = slowed(await wrong(user.email));
		assert.ok(said <= seconds && said >= Math.max(1, seconds - 3), `${said} s, not ${seconds}`);
		await elapse(ofAccount(user));
	}
	assert.equal(await failures(ofAccount(user)), FREE + 12);
});

test("guessing: after Retry-After the next one is looked at, and not before", async () => {
	const user = await newUser();
	await set(ofAccount(user), 6);
	const began = performance.now();
	expectProblem(await wrong(user.email), "invalid_credentials");
	slowed(await tryLogin(user.email, user.password));
	const said = slowed(await tryLogin(user.email, user.password));
	await sleep(said * 1000);
	const answer = await tryLogin(user.email, user.password);
	assert.equal(answer.status, 200, answer.text);
	assert.ok(performance.now() - began >= 2000, "it was slowed down for less than two seconds");
	assert.equal(await row(ofAccount(user)), undefined, "a log-in does not end the count");
});

test("guessing: what is refused is not counted and does not move the end of the wait", async () => {
	const user = await newUser();
	await set(ofAccount(user), 10);
	expectProblem(await wrong(user.email), "invalid_credentials");
	const until = async () => (await sql(`SELECT failures, retry_at, updated_at FROM throttles WHERE subject = ${q(ofAccount(user))}`))[0].join();
	const before = await until();
	for (let i = 0; i < 20; i++)
		slowed(await wrong(user.email));
	assert.equal(await until(), before);
});

test("guessing: e-mail address, user name, either case and the form address one account, whose count is one", async () => {
	const user = await newUser({ username: unique("Guess") });
	const password = () => newPassword();
	for (const body of [{ json: { email: user.email, password: password() } }, { json: { email: user.email.toUpperCase(), password: password() } }, { json: { username: user.username, password: password() } },
		{ json: { username: user.username.toUpperCase(), password: password() } }, { form: { username: user.email, password: password() } }, { form: { username: user.username, password: password() } }])
		expectProblem(await post("/auth/login", body), "invalid_credentials");
	assert.equal(await failures(ofAccount(user)), 6);
	for (const body of [{ json: { email: user.email, password: user.password } }, { json: { username: user.username, password: user.password } }, { form: { username: user.username, password: user.password } }])
		slowed(await post("/auth/login", body));
});

test("guessing: a right password ends the count", async () => {
	const user = await newUser();
	await wrongTimes(FREE, user.email);
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
	assert.equal(await row(ofAccount(user)), undefined);
	await wrongTimes(FREE, user.email);
	await elapse(ofAccount(user));
	await ctlOk(["user", "disable", user.id]);
	expectProblem(await tryLogin(user.email, user.password), "account_disabled");
	assert.equal(await row(ofAccount(user)), undefined, "of a disabled account, too");
});

test("guessing: a log-in of somebody who never failed leaves nothing behind", async () => {
	const user = await newUser();
	const address = an4();
	assert.equal((await tryLogin(user.email, user.password, from(address))).status, 200);
	assert.equal(await row(ofAccount(user)), undefined);
	assert.equal(await row(subject("address", address)), undefined);
});

test("guessing: the current password of /users/me/password and /users/me/delete is counted by the session", async () => {
	const user = await newSession(), again = (await login(user)).access_token;
	const name = subject("session", decodeJwt(user.token).sid);
	const change = (current_password) => post("/users/me/password", { token: user.token, json: { current_password, new_password: newPassword() } });
	const remove = (current_password) => post("/users/me/delete", { token: user.token, json: { current_password } });
	for (let i = 0; i < 3; i++) {
		expectErrors(await change(newPassword()), { current_password: "incorrect" });
		expectErrors(await remove(newPassword()), { current_password: "incorrect" });
	}
	assert.equal(await failures(name), 6);
	slowed(await change(user.password), /in this session/);
	slowed(await remove(user.password), /in this session/);
	assert.equal(await row(ofAccount(user)), undefined, "nothing of it counts for the account");
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
	expectErrors(await post("/users/me/delete", { token: again, json: { current_password: newPassword() } }), { current_password: "incorrect" });
	await set(name, MOST);
	slowed(await change(user.password), /Sign in anew/);
	await set(name, 6);
	assert.equal((await change(user.password)).status, 204);
	assert.equal(await row(name), undefined);
});

test("guessing: strangers who guess do not keep somebody who is signed in from a new password", async () => {
	const user = await newSession();
	await set(ofAccount(user), MOST);
	slowed(await tryLogin(user.email, user.password), /in a row.*set anew/);
	const answer = await post("/users/me/password", { token: user.token, json: { current_password: user.password, new_password: newPassword() } });
	assert.equal(answer.status, 204, answer.text);
	assert.equal(await row(ofAccount(user)), undefined, "and the strangers' count is over");
});

test("guessing: of two hundred guesses at once, again and again, with the waits cut short, a hundred are looked at and no more", { timeout: 200_000 }, async (t) => {
	const user = await newUser();
	const device = await newDevice(user);
	const name = ofAccount(user);
	/* Whenever somebody has to wait the wait is over some ms later, while the two hundred go on guessing. */
	let guessing;
	const hurry = async () => {
		while (guessing)
			await sql(`UPDATE throttles SET retry_at = UTC_TIMESTAMP(3) WHERE subject = ${q(name)}; DO SLEEP(0.004);`.repeat(40));
	};
	const volley = async () => {
		guessing = true;
		const hurried = hurry();
		await Promise.all(Array.from({ length: 200 }, guess)).finally(() => (guessing = false));
		await hurried;
	};
	const count = {};
	let volleys = 0;
	const guess = async () => {
		const answer = await wrong(user.email, { patient: false, timeout: 60_000 });
		const kind = answer.status === 503 ? answer.json().code : answer.status;
		count[kind] = (count[kind] ?? 0) + 1;
	};
	const end = Date.now() + 150_000;
	while ((await failures(name)) < MOST && Date.now() < end) {
		volleys++;
		await volley();
	}
	/* Once more, when all are used up. */
	await volley();
	t.diagnostic(`${volleys} volleys of 200: ${JSON.stringify(count)}`);
	assert.deepEqual(Object.keys(count).filter((kind) => !["401", "429", "busy"].includes(kind)), []);
	assert.equal(await failures(name), MOST);
	assert.equal(count[401], MOST, "hashes that were computed, each told by a 401");

	await elapse(name);
	assert.equal(slowed(await tryLogin(user.email, user.password), /in a row.*(browser|set anew)/), 900);
	assert.match(await ctlOk(["user", "show", user.id]), /^failed_logins: 100\nslowed_until: .*latchctl user enable$/m);
	assert.equal((await tryLogin(user.email, user.password, withCookie(device))).status, 200, "a known device");
	assert.equal(await row(name), undefined, "whose log-in ends the count");
});

test("guessing: a hundred wrong ones in a row are ended by a new password or an administrator, not by time", async () => {
	const user = await newUser();
	await sql(`INSERT INTO throttles VALUES (${q(ofAccount(user))}, ${MOST}, '2001-01-01', '2001-01-01', TRUE)`);
	slowed(await tryLogin(user.email, user.password), /in a row/);
	assert.match(await ctlOk(["user", "enable", user.id]), /failed log-ins are forgotten/);
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
	await set(ofAccount(user), MOST);
	const next = newPassword();
	assert.match(await ctlOk(["user", "set-password", user.id], { input: `${next}\n` }), /failed log-ins are forgotten/);
	assert.equal((await tryLogin(user.email, next)).status, 200);
});

test("guessing: latchctl user show tells how many failed and until when it is slowed down", async () => {
	const user = await newUser();
	assert.match(await ctlOk(["user", "show", user.id]), /^failed_logins: 0\nslowed_until: $/m);
	await set(ofAccount(user), 9);
	await wrongTimes(1, user.email);
	const [, n, when] = /^failed_logins: (\d+)\nslowed_until: (\S+)$/m.exec(await ctlOk(["user", "show", user.id]));
	assert.equal(n, "10");
	const ahead = (Date.parse(when) - Date.now()) / 1000;
	assert.ok(ahead > 8 && ahead <= 16, `${ahead} s ahead`);
});

test("guessing: an account's count goes with the account", async () => {
	const user = await newSession();
	await wrongTimes(1, user.email);
	assert.equal(await failures(ofAccount(user)), 1);
	await ctlOk(["user", "delete", user.id, "--yes"]);
	assert.equal(await row(ofAccount(user)), undefined);
});

/* ---- Nobody ----------------------------------------------------------------------------------------------------------- */

test("guessing: a name that nobody has is answered as an account is, byte for byte, at every step", async () => {
	const user = await newUser();
	const stranger = uniqueEmail();
	const names = [ofAccount(user), subject("unknown", stranger)];
	const both = async () => {
		const [one, two] = [await wrong(user.email), await wrong(stranger)].map(faceless);
		assert.deepEqual(two, one);
		return one.status;
	};
	for (let i = 0; i < FREE + 1; i++)
		assert.equal(await both(), 401);
	for (const seconds of [1, 2]) {
		for (const name of names)
			await sql(`UPDATE throttles SET retry_at = UTC_TIMESTAMP(3) + INTERVAL ${seconds} SECOND WHERE subject = ${q(name)}`);
		assert.equal(await both(), 429);
		await Promise.all(names.map(elapse));
		assert.equal(await both(), 401);
	}
	assert.deepEqual(await Promise.all(names.map(failures)), [FREE + 3, FREE + 3]);
	for (const name of names)
		await set(name, MOST);
	assert.equal(await both(), 429);
	expectProblem(await wrong(stranger.toUpperCase()), "too_many_requests");
});

test("guessing: the longest name that a form takes, in any alphabet, is counted as any other", async () => {
	for (const name of ["\u{10ffff}".repeat(254), "x".repeat(254), " ", "a@b@c"])
		expectProblem(await post("/auth/login", { form: { username: name, password: newPassword() } }), "invalid_credentials");
});

/* ---- A known device --------------------------------------------------------------------------------------------------- */

test("device: a stranger's guesses do not lock out a browser that has signed in before, from the same address either", async () => {
	const user = await newUser();
	const device = await newDevice(user);
	const address = an4();
	await set(ofAccount(user), 20);
	await set(subject("address", address), 40);
	await wrongTimes(1, user.email);
	slowed(await tryLogin(user.email, user.password));
	slowed(await tryLogin(user.email, user.password, from(address)).then(async (first) => (first.status === 429 ? first : wrong(user.email, from(address)))));
	const answer = await tryLogin(user.email, user.password, { headers: { Cookie: device, "X-Forwarded-For": address } });
	assert.equal(answer.status, 200, answer.text);
	assert.equal(await row(ofAccount(user)), undefined);
});

test("device: its own wrong passwords are counted for it alone: ten are free, and strangers' count stays", async () => {
	const user = await newUser();
	const device = await newDevice(user);
	for (let i = 0; i < 11; i++)
		expectProblem(await wrong(user.email, withCookie(device)), "invalid_credentials");
	assert.equal(await row(ofAccount(user)), undefined);
	assert.equal(slowed(await tryLogin(user.email, user.password, withCookie(device))), 1);
	assert.equal((await tryLogin(user.email, user.password)).status, 200, "without the cookie it is a stranger, who never failed");
});

test("device: of a device's own guesses a hundred are looked at", async () => {
	const user = await newUser();
	const device = await newDevice(user);
	expectProblem(await wrong(user.email, withCookie(device)), "invalid_credentials");
	const text = Buffer.from(device.split("=")[1], "base64url").toString("hex", 1, 17);
	const name = subject("device", text.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"));
	assert.equal(await failures(name), 1);
	await set(name, MOST - 1);
	expectProblem(await wrong(user.email, withCookie(device)), "invalid_credentials");
	await elapse(name);
	slowed(await tryLogin(user.email, user.password, withCookie(device)), /in a row/);
	assert.equal(await failures(name), MOST);
});

test("device: a cookie that is forged, cut, longer, doubled, of another user or another kind makes nobody known", async () => {
	const user = await newUser(), other = await newUser();
	const device = await newDevice(user), [name, text] = device.split("=");
	const login = (await tryLogin(user.email, user.password)).json();
	const session = (await post("/auth/login", { json: { email: user.email, password: user.password, transport: "cookie" } })).all
		.find(([header, value]) => header.toLowerCase() === "set-cookie" && value.startsWith("latch="))[1].split(";")[0].split("=")[1];
	await set(ofAccount(user), MOST);
	const flipped = (at) => `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
	const bad = {
		empty: `${name}=`, forged: `${name}=${randomBytes(69).toString("base64url")}`, "another kind byte": `${name}=${flipped(0)}`, "another device": `${name}=${flipped(5)}`, "another mac": `${name}=${flipped(80)}`,
		cut: `${name}=${text.slice(0, -1)}`, longer: `${name}=${text}A`, padded: `${name}=${text}==`, "very long": `${name}=${text.repeat(60)}`, twice: `${device}; ${device}`, "two of them": `${name}=x; ${device}`,
		"another user's": await newDevice(other), "a refresh token": `${name}=${login.refresh_token}`, "a session cookie": `${name}=${session}`, "another name": `x${device}`, quoted: `${name}="${text}"`,
	};
	for (const [what, cookie] of Object.entries(bad))
		assert.equal((await tryLogin(user.email, user.password, withCookie(cookie))).status, 429, what);
	assert.equal((await tryLogin(user.email, user.password, withCookie(`a=b; ${device}; c=d`))).status, 200, "and the right one does");
});

test("device: one of the password before is known no more, but the browser that changed the password stays known", async () => {
	const user = await newSession();
	const [old, own] = [await newDevice(user), await newDevice(user)];
	const next = newPassword();
	const changed = await post("/users/me/password", { token: user.token, json: { current_password: user.password, new_password: next }, ...withCookie(own) });
	assert.equal(changed.status, 204, changed.text);
	await set(ofAccount(user), MOST);
	slowed(await tryLogin(user.email, next, withCookie(old)), /in a row/);
	slowed(await tryLogin(user.email, next, withCookie(own)), /in a row/);
	assert.equal((await tryLogin(user.email, next, withCookie(deviceOf(changed).split(";")[0]))).status, 200);
});

test("device: one that is older than half a year is known no more", async () => {
	const user = await newUser();
	const [name, text] = (await newDevice(user)).split("=");
	/* Made as latch makes them, of another time: only who has the key file can. */
	const made = (ms) => {
		const bytes = Buffer.from(text, "base64url").subarray(0, 37);
		bytes.writeUIntBE(ms, 1, 6);
		const mac = createHmac("sha256", Buffer.from(hkdfSync("sha256", master, Buffer.alloc(0), "latch ticket v1", 32))).update(bytes).digest();
		return `${name}=${Buffer.concat([bytes, mac]).toString("base64url")}`;
	};
	const days = (n) => Date.now() - n * 86_400_000;
	await set(ofAccount(user), MOST);
	slowed(await tryLogin(user.email, user.password, withCookie(made(days(181)))), /in a row/);
	assert.equal((await tryLogin(user.email, user.password, withCookie(made(days(179))))).status, 200);
});

test("device: the cookie is for this origin, out of reach of scripts, for 180 days, and set at every log-in but one from another site", async () => {
	const user = await newUser();
	const attributes = (answer) => deviceOf(answer)?.split("; ").slice(1).sort().join("; ");
	assert.equal(attributes(await tryLogin(user.email, user.password)), "HttpOnly; Max-Age=15552000; Path=/; SameSite=Lax");
	assert.equal(attributes(await post("/auth/login", { form: { username: user.email, password: user.password } })), "HttpOnly; Max-Age=15552000; Path=/; SameSite=Lax");
	assert.equal(deviceOf(await wrong(user.email)), undefined);
	assert.equal(deviceOf(await tryLogin(user.email, user.password, { headers: { "Sec-Fetch-Site": "cross-site" } })), undefined);
	const https = await Pool.start({ public_url: "https://auth.example" }), http = await Pool.start({ public_url: "http://auth.example" });
	try {
		const json = { email: user.email, password: user.password };
		const secure = deviceOf(await https.ask("POST", "/auth/login", { json }));
		assert.match(secure, /^__Host-latch-device=[\w-]{92}; /);
		assert.equal(secure.split("; ").slice(1).sort().join("; "), "HttpOnly; Max-Age=15552000; Path=/; SameSite=Lax; Secure");
		await set(ofAccount(user), MOST);
		assert.equal((await https.ask("POST", "/auth/login", { json, headers: { Cookie: secure.split(";")[0].replace("__Host-", "") } })).status, 429, "by the other name it is none");
		assert.equal((await https.ask("POST", "/auth/login", { json, headers: { Cookie: secure.split(";")[0] } })).status, 200);
		assert.equal(deviceOf(await http.ask("POST", "/auth/login", { json })), undefined, "where cookies are not possible");
	} finally {
		await Promise.all([https.stop(), http.stop()]);
	}
});

/* ---- An address ------------------------------------------------------------------------------------------------------- */

test("address: twenty wrong passwords for whatever name are free, then whoever comes from there waits; another address does not", async () => {
	const user = await newUser();
	const address = an4(), name = subject("address", address);
	for (let i = 0; i < 3; i++)
		expectProblem(await wrong(uniqueEmail(), from(address)), "invalid_credentials");
	assert.equal(await failures(name), 3);
	await set(name, 20);
	for (const seconds of [1, 2, 4]) {
		expectProblem(await wrong(uniqueEmail(), from(address)), "invalid_credentials");
		const said = slowed(await wrong(uniqueEmail(), from(address)), /from this address.*Retry-After/);
		assert.ok(said <= seconds && said >= seconds - 1, `${said} s, not ${seconds}`);
		await elapse(name);
	}
	await wrong(uniqueEmail(), from(address));
	slowed(await tryLogin(user.email, user.password, from(address)), /from this address/);
	assert.equal((await tryLogin(user.email, user.password, from(an4()))).status, 200);
});

test("address: a right password does not end its count, nor is it counted", async () => {
	const user = await newUser();
	const address = an4(), name = subject("address", address);
	await set(name, 20);
	for (let i = 0; i < 3; i++) {
		assert.equal((await tryLogin(user.email, user.password, from(address))).status, 200);
		assert.equal(await failures(name), 20);
	}
	expectProblem(await wrong(uniqueEmail(), from(address)), "invalid_credentials");
	slowed(await tryLogin(user.email, user.password, from(address)), /from this address/);
});

test("address: one failure is forgiven each half minute", async () => {
	const address = an4(), name = subject("address", address);
	await set(name, 24);
	await sql(`UPDATE throttles SET updated_at = UTC_TIMESTAMP(3) - INTERVAL 125 SECOND WHERE subject = ${q(name)}`);
	expectProblem(await wrong(uniqueEmail(), from(address)), "invalid_credentials");
	assert.equal(await failures(name), 21);
});

test("address: of IPv6 the first 64 bits count, and an IPv4 address within IPv6 is that IPv4 address", async () => {
	const net = an6();
	for (const address of [`${net}::1`, `${net}:ffff:ffff:ffff:ffff`, `${net}:0:0:8:1`.toUpperCase(), `${an6()}::1`])
		expectProblem(await wrong(uniqueEmail(), from(address)), "invalid_credentials");
	assert.equal(await failures(subject("address", `${net}::/64`)), 3);
	const address = an4();
	expectProblem(await wrong(uniqueEmail(), from(address)), "invalid_credentials");
	expectProblem(await wrong(uniqueEmail(), from(`::ffff:${address}`)), "invalid_credentials");
	assert.equal(await failures(subject("address", address)), 2);
});

test("address: behind a proxy that is trusted the last hop that is not counts, and what the client wrote before it does not", async () => {
	const [forged, real] = [an4(), an4()];
	for (const value of [`${forged}, ${real}`, `unknown, ${forged},${real}`, `${forged}, ${real}, 127.0.0.1`])
		expectProblem(await wrong(uniqueEmail(), from(value)), "invalid_credentials");
	assert.deepEqual([await failures(subject("address", real)), await failures(subject("address", forged))], [3, 0]);
	const answer = await wrong(uniqueEmail(), from(`${forged}, ${real}`));
	const line = await until(() => logText().split("\n").find((one) => one.includes(answer.headers["x-request-id"])), 2000, "its line in the log");
	assert.equal(logfmt(line).addr, real, "and the log tells it");
});

test("address: X-Forwarded-For from who is no trusted proxy does nothing, and twice or in two spellings it is 400", async () => {
	const ask = (pool, headers, address) => pool.ask("POST", "/auth/login", { json: { email: uniqueEmail(), password: newPassword() }, headers, from: address });
	const untrusting = other.pool, trusting = await Pool.start({ trusted_proxies: "127.0.0.1" });
	try {
		const [real, forged] = [an4(), an4()];
		for (const headers of [{}, { "X-Forwarded-For": forged }, { "X-Forwarded-For": `${forged}, ${forged}` }])
			assert.equal((await ask(untrusting, headers, real)).status, 401);
		assert.equal(await failures(subject("address", real)), 3);
		assert.equal((await ask(trusting, { "X-Forwarded-For": forged }, real)).status, 401);
		assert.equal(await failures(subject("address", real)), 4);
		assert.equal(await failures(subject("address", forged)), 0);

		const before = await failures(subject("address", "127.0.0.1"));
		assert.equal((await ask(trusting, [["X-Forwarded-For", real], ["X-Forwarded-For", forged]], "127.0.0.1")).status, 400);
		assert.equal((await ask(trusting, [["X-Forwarded-For", real], ["X_Forwarded_For", forged], ["X-Forwarded-For", forged]], "127.0.0.1")).status, 400);
		assert.equal((await ask(trusting, [["Sec-Fetch-Site", "same-origin"], ["Sec_Fetch_Site", "cross-site"]], "127.0.0.1")).status, 400);
		assert.equal(await failures(subject("address", real)), 4);
		assert.equal(await failures(subject("address", forged)), 0);
		assert.equal(await failures(subject("address", "127.0.0.1")), before, "nor for the proxy");
	} finally {
		await trusting.stop();
	}
});

test("address: who has none is not limited by it", async () => {
	const before = (await sql("SELECT COUNT(*) FROM throttles"))[0][0];
	const email = uniqueEmail();
	for (const address of ["", "unix:", "not-an-address"])
		assert.equal((await other.pool.ask("POST", "/auth/login", { json: { email, password: newPassword() }, from: address })).status, 401);
	assert.equal(await failures(subject("unknown", email)), 3);
	assert.ok(Number((await sql("SELECT COUNT(*) FROM throttles"))[0][0]) >= Number(before) + 1);
});

/* ---- Other limits ----------------------------------------------------------------------------------------------------- */

test("register: an address may ask for so many in an hour, taken names included; another address for its own", async () => {
	const pool = await Pool.start({ register_per_hour: 3, trusted_proxies: "" });
	try {
		const register = (address, email = uniqueEmail()) => pool.ask("POST", "/auth/register", { json: { email, password: newPassword() }, from: address });
		const address = an4(), email = uniqueEmail();
		assert.equal((await register(address, email)).status, 201);
		assert.equal((await register(address, email)).status, 409);
		assert.equal((await register(address)).status, 201);
		const answer = await register(address);
		const said = slowed(answer, /accounts.*from this address.*Retry-After/);
		assert.ok(said > 1190 && said <= 1200, `${said} s`);
		assert.equal((await pool.ask("POST", "/auth/register", { json: { email: "none" }, from: address })).status, 422, "what is no registration is not counted");
		assert.equal((await register(an4())).status, 201);
		assert.equal(await failures(subject("register", address)), 3);
	} finally {
		await pool.stop();
	}
});

test("register: fifty at once from one address, of which three may, make three accounts", async () => {
	const pools = await Promise.all([1, 2, 3].map(() => Pool.start({ register_per_hour: 3, trusted_proxies: "" })));
	try {
		const address = an4(), mark = unique("once");
		const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => pools[i % 3].ask("POST", "/auth/register", { json: { email: `${mark}.${i}@mail-mark.example`, password: newPassword() }, from: address, timeout: 60_000 })));
		const made = Number((await sql(`SELECT COUNT(*) FROM users WHERE email LIKE ${q(`${mark}.%`)}`))[0][0]);
		const charged = await failures(subject("register", address));
		assert.equal(charged, 3);
		assert.ok(answers.every((a) => [201, 429, 503].includes(a.status)), answers.map((a) => a.status).join());
		assert.equal(made, answers.filter((a) => a.status === 201).length);
		assert.ok(made <= 3, `${made} accounts`);
	} finally {
		await Promise.all(pools.map((pool) => pool.stop()));
	}
});

test("refresh: an address may so often in a minute, whichever worker it asks", async () => {
	const pools = await Promise.all([1, 2].map(() => Pool.start({ refresh_per_minute: 10, trusted_proxies: "" })));
	try {
		const user = await newUser();
		let { refresh_token } = (await tryLogin(user.email, user.password)).json();
		const address = an4();
		const began = Date.now();
		const refresh = async (n, from = address) => {
			const answer = await pools[n % 2].ask("POST", "/auth/refresh", { json: { refresh_token }, from });
			if (answer.status === 200)
				refresh_token = answer.json().refresh_token;
			return answer;
		};
		/* What is nobody's token takes nothing of it: a neighbour's junk does not shut anybody out. */
		for (let i = 0; i < 40; i++)
			assert.equal((await pools[i % 2].ask("POST", "/auth/refresh", { json: { refresh_token: "x" }, from: address })).status, 401);
		assert.equal(await row(subject("refresh", address)), undefined);
		const statuses = [];
		for (let i = 0; i < 14 && statuses.at(-1) !== 429; i++)
			statuses.push((await refresh(i)).status);
		assert.deepEqual(statuses.filter((s) => s !== 200), [429]);
		assert.ok(statuses.length === 11 || Date.now() - began > 6000, `the ${statuses.length}th was refused`);
		const said = slowed(await refresh(0), /refreshes.*from this address.*Retry-After/);
		assert.ok(said <= 6, `${said} s`);
		assert.equal((await refresh(0, an4())).status, 200, "the token is still good, from another address");
	} finally {
		await Promise.all(pools.map((pool) => pool.stop()));
	}
});

test("refresh: two addresses that meet in one place of a worker's memory have their share each", async () => {
	const pool = await Pool.start({ refresh_per_minute: 600, trusted_proxies: "" });
	try {
		const user = await newUser(), one = an4(), place = (address) => subject("refresh", address).slice(0, 2);
		let other = an4(), { refresh_token } = (await tryLogin(user.email, user.password)).json();
		while (place(other) !== place(one) || other === one)
			other = an4();
		for (let i = 0; i < 40; i++) {
			const answer = await pool.ask("POST", "/auth/refresh", { json: { refresh_token }, from: i % 2 ? one : other });
			assert.equal(answer.status, 200, answer.text);
			({ refresh_token } = answer.json());
		}
		for (const address of [one, other]) {
			const counted = await failures(subject("refresh", address));
			assert.ok(counted >= 1 && counted <= 20 + 2 * 16, `${counted} counted for 20`);
		}
	} finally {
		await pool.stop();
	}
});

test("refresh: sixteen cost one write to the limit, not sixteen", async () => {
	const pool = await Pool.start({ trusted_proxies: "" });
	try {
		const user = await newUser();
		let { refresh_token } = (await tryLogin(user.email, user.password)).json();
		const address = an4(), seen = [];
		for (let i = 0; i < 33; i++) {
			const answer = await pool.ask("POST", "/auth/refresh", { json: { refresh_token }, from: address });
			assert.equal(answer.status, 200, answer.text);
			({ refresh_token } = answer.json());
			const at = (await sql(`SELECT updated_at, retry_at, failures FROM throttles WHERE subject = ${q(subject("refresh", address))}`))[0].join();
			if (at !== seen.at(-1))
				seen.push(at);
		}
		assert.equal(seen.length, 3, seen.join("; "));
	} finally {
		await pool.stop();
	}
});

test("limits: 0 is none, and nothing is counted", async () => {
	const pool = await Pool.start({ login_address_free: 0, register_per_hour: 0, refresh_per_minute: 0, trusted_proxies: "" });
	try {
		const address = an4(), user = { email: uniqueEmail(), password: newPassword() };
		assert.equal((await pool.ask("POST", "/auth/register", { json: user, from: address })).status, 201);
		const login = await pool.ask("POST", "/auth/login", { json: user, from: address });
		assert.equal((await pool.ask("POST", "/auth/refresh", { json: { refresh_token: login.json().refresh_token }, from: address })).status, 200);
		assert.equal((await pool.ask("POST", "/auth/login", { json: { ...user, password: newPassword() }, from: address })).status, 401);
		for (const kind of ["address", "register", "refresh"])
			assert.equal(await row(subject(kind, address)), undefined, kind);
	} finally {
		await pool.stop();
	}
});

/* ---- Nodes, clocks, the table ----------------------------------------------------------------------------------------- */

test("guessing: two pools on one database count together", async () => {
	const user = await newUser();
	const here = () => wrong(user.email), there = () => other.pool.ask("POST", "/auth/login", { json: { email: user.email, password: newPassword() } });
	for (const guess of [here, there, here, there, here, there])
		assert.equal((await guess()).status, 401);
	slowed(await here());
	slowed(await there());
	await elapse(ofAccount(user));
	assert.equal((await other.pool.ask("POST", "/auth/login", { json: { email: user.email, password: user.password } })).status, 200);
	assert.equal((await here()).status, 401, "what the one has ended, the other has too");
});

test("guessing: a clock that goes back an hour locks nobody out, and lets nobody guess on", async () => {
	const user = await newUser();
	await sql(`INSERT INTO throttles VALUES (${q(ofAccount(user))}, 7, UTC_TIMESTAMP(3) + INTERVAL 3602 SECOND, UTC_TIMESTAMP(3) + INTERVAL 3600 SECOND, TRUE)`);
	expectProblem(await wrong(user.email), "invalid_credentials");
	const { failures: n, wait } = await row(ofAccount(user));
	assert.equal(n, 8);
	assert.ok(wait > 0 && wait <= 4, `${wait} s`);
	slowed(await wrong(user.email));
	await sql(`UPDATE throttles SET retry_at = UTC_TIMESTAMP(3) + INTERVAL 3602 SECOND WHERE subject = ${q(ofAccount(user))}`);
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
});

test("guessing: the table tells no name and no address", async () => {
	const user = await newUser({ username: unique("Table") });
	const address = an4();
	await wrong(user.email, from(address));
	await wrong(uniqueEmail("table"), from(address));
	const [[count, odd]] = await sql("SELECT COUNT(*), SUM(subject NOT REGEXP '^[0-9a-f]{32}$') FROM throttles");
	assert.ok(Number(count) >= 3, `${count} rows`);
	assert.equal(odd, "0");
	const columns = (await sql("SHOW COLUMNS FROM throttles")).map(([name]) => name);
	assert.deepEqual(columns, ["subject", "failures", "retry_at", "updated_at", "lasting"]);
	assert.equal((await sql(`SELECT lasting FROM throttles WHERE subject = ${q(ofAccount(user))}`))[0][0], "1");
});
