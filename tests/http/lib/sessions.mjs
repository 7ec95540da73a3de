/* Sessions for tests: their two tokens, their cookie, and their row. */
import assert from "node:assert/strict";
import { call, get, post } from "./api.mjs";
import { config, q, sql } from "./instance.mjs";
import { npm } from "./npm.mjs";
import { login, newUser } from "./users.mjs";

const { decodeJwt } = await npm("jose");

export const sidOf = (accessToken) => decodeJwt(accessToken).sid;

/** The TokenResponse of one more session of theirs, and its {sid}. */
export async function signIn(user) {
	const tokens = await login(user);
	return { ...tokens, sid: sidOf(tokens.access_token) };
}

/** Somebody new with a session: newUser() and signIn(). */
export async function newTokens(fields) {
	const user = await newUser(fields);
	return { ...user, ...await signIn(user) };
}

export const refresh = (refresh_token, options = {}) => post("/auth/refresh", { json: { refresh_token }, ...options });

/** A refresh that must succeed; its TokenResponse. */
export async function refreshed(token) {
	const answer = await refresh(token);
	assert.equal(answer.status, 200, answer.text);
	return answer.json();
}

export const ROW = ["user_id", "counter", "created_at", "expires_at", "last_seen_at", "ended_at", "ended_for", "transport", "ip", "user_agent"];

/** The session's row by column, times in ms since 1970; undefined when there is none. */
export async function rowOf(sid) {
	const [row] = await sql(`SELECT ${ROW.map((name) => (/_at$/.test(name) ? `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ${name}) DIV 1000` : name)).join()} FROM sessions WHERE id = ${q(sid)}`);
	return row && Object.fromEntries(ROW.map((name, i) => [name, row[i] !== null && (/_at$/.test(name) || name === "counter") ? Number(row[i]) : row[i]]));
}

/** What the row says of the session: "live", or why it ended. */
export async function stateOf(sid) {
	const row = await rowOf(sid);
	if (row === undefined)
		return "gone";
	assert.equal(row.ended_at === null, row.ended_for === null, JSON.stringify(row));
	return row.ended_at === null ? "live" : row.ended_for;
}

/** Headers of a request from that address, as a trusted proxy names it, and the address that latch then sees. */
export const FROM = { "X-Forwarded-For": "203.0.113.7" };
export const seenFrom = () => (config("trusted_proxies").split(" ").includes("127.0.0.1") ? FROM["X-Forwarded-For"] : "127.0.0.1");

/* ---- Cookies ---- */

const publicUrl = () => new URL(config("public_url"));
export const ORIGIN = () => publicUrl().origin;
export const cookieName = () => (publicUrl().protocol === "https:" ? "__Host-latch" : "latch");

/** That Set-Cookie header taken apart, the session's unless another is named: {name, value, attributes by lower-case name}. */
export function setCookie(answer, wanted = cookieName()) {
	const all = answer.all.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => {
		const [pair, ...rest] = value.split(/; ?/);
		return { name: pair.split("=")[0], value: pair.slice(pair.indexOf("=") + 1), attributes: Object.fromEntries(rest.map((word) => [word.split("=")[0].toLowerCase(), word.includes("=") ? word.slice(word.indexOf("=") + 1) : true])) };
	}).filter(({ name }) => name === wanted);
	assert.ok(all.length <= 1, `${all.length} Set-Cookie for ${wanted}`);
	return all[0];
}

export const cookieLogin = ({ email, password }, options = {}) => post("/auth/login", { json: { email, password, transport: "cookie" }, ...options });

/** One more session of theirs, by cookie: the cookie's value. */
export async function cookieSession(user) {
	const answer = await cookieLogin(user);
	assert.equal(answer.status, 200, answer.text);
	return setCookie(answer).value;
}

/** A request with that cookie, from a page of latch's own origin unless `from` says otherwise. */
export const withCookie = (method, path, value, { from = { "Sec-Fetch-Site": "same-origin" }, headers = {}, ...options } = {}) =>
	call(method, path, { headers: { Cookie: `${cookieName()}=${value}`, ...from, ...headers }, ...options });

export const cookieStatus = async (value) => (await withCookie("GET", "/users/me", value)).status;

/* ---- The stateless path ---- */

export const verify = (token) => get("/auth/verify", { token });

/** The statuses that as many checks as four for each worker get at once, each once. */
export async function verifyStatuses(token, times = 4 * Number(config("workers"))) {
	const answers = await Promise.all(Array.from({ length: times }, () => verify(token)));
	return [...new Set(answers.map((answer) => answer.status))].sort();
}

/** Does it for each of many, some at a time. */
export async function atOnce(all, act, lanes = 8) {
	const left = all[Symbol.iterator]();
	await Promise.all(Array.from({ length: lanes }, async () => {
		for (const one of left)
			await act(one);
	}));
}
