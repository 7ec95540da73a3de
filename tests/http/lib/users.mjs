/* Accounts for tests. Every password and address carries a mark, so that a test can look for them where they must not be. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { call, get, post, put } from "./api.mjs";
import { ctlOk } from "./instance.mjs";

export const PASSWORD_MARK = "Sesam-";
export const MAIL_DOMAIN = "mail-mark.example";

export const unique = (prefix = "u") => prefix + randomBytes(7).toString("hex");
export const uniqueEmail = (prefix = "p") => `${unique(prefix)}@${MAIL_DOMAIN}`;
export const newPassword = () => PASSWORD_MARK + randomBytes(9).toString("base64url");

/** Registers somebody new: {email, password, id, body, ...what was sent}. */
export async function newUser(fields = {}) {
	const sent = { email: uniqueEmail(), password: newPassword(), ...fields };
	const answer = await post("/auth/register", { json: sent });
	assert.equal(answer.status, 201, answer.text);
	const body = answer.json();
	return { ...sent, id: body.id, body };
}

/** Logs in; the TokenResponse. */
export async function login({ email, password }) {
	const answer = await post("/auth/login", { json: { email, password } });
	assert.equal(answer.status, 200, answer.text);
	return answer.json();
}

/** Somebody new with a session: newUser() and {token}. */
export async function newSession(fields) {
	const user = await newUser(fields);
	return { ...user, token: (await login(user)).access_token };
}

/** Somebody new with a session and the role admin. */
export async function newAdmin(fields) {
	const user = await newSession(fields);
	await ctlOk(["role", "grant", user.email, "admin"]);
	return user;
}

/** A new role, made by an administrator's token: its name. */
export async function newRole(admin, permissions = [], fields = {}) {
	const name = unique("r");
	const answer = await post("/roles", { token: admin.token, json: { name, permissions, ...fields } });
	assert.equal(answer.status, 201, answer.text);
	return name;
}

/** Somebody new with a session and a role that permits this. */
export async function newHolder(admin, permissions) {
	const user = await newSession(), role = await newRole(admin, permissions);
	const answer = await put(`/users/${user.id}/roles/${role}`, { token: admin.token });
	assert.equal(answer.status, 204, answer.text);
	return { ...user, role };
}

/** Has an account's wrong passwords forgotten, for who sends more of them than a stranger may. */
export const forgive = ({ email }) => ctlOk(["user", "enable", email]);

/** The status that a token gets from GET /users/me. */
export const statusOf = async (token) => (await get("/users/me", { token })).status;

export const tryLogin = (email, password, options = {}) => call("POST", "/auth/login", { json: { email, password }, ...options });
