import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { expectProblem, get } from "./lib/api.mjs";
import { CHECKOUT, CONF, CTL, config, ctl, ctlOk, q, run, spawn, sql, until } from "./lib/instance.mjs";
import { npm } from "./lib/npm.mjs";
import { login, newAdmin, newPassword, newRole, newSession, newUser, statusOf, tryLogin, unique, uniqueEmail } from "./lib/users.mjs";

const { decodeJwt, decodeProtectedHeader } = await npm("jose");

async function fails(args, code, options) {
	const done = await ctl(args, options);
	assert.equal(done.code, code, `latchctl ${args.join(" ")}: ${done.code} ${done.stdout}${done.stderr}`);
	assert.ok(done.stderr.trim(), `latchctl ${args.join(" ")} says nothing on standard error`);
	assert.doesNotMatch(done.stderr, /Sanitizer/);
	return done.stderr;
}

test("latchctl: user add takes the password from standard input", async () => {
	const [email, password, username] = [uniqueEmail(), newPassword(), unique("Ctl")];
	await ctlOk(["user", "add", email, "--username", username, "--name", "By Hand"], { input: `${password}\n` });
	const { access_token: token } = await login({ email, password });
	const me = (await get("/users/me", { token })).json();
	assert.deepEqual([me.email, me.username, me.name, me.status], [email, username, "By Hand", "active"]);
});

test("latchctl: user add makes a password that works", async () => {
	const email = uniqueEmail();
	const out = await ctlOk(["user", "add", email, "--generate-password"]);
	const password = /^password: (\S+)$/m.exec(out)?.[1];
	assert.ok(password?.length >= 15, out);
	assert.equal((await tryLogin(email, password)).status, 200);
});

test("latchctl: user add keeps the rules of the API", async () => {
	const taken = await newUser({ username: unique() });
	await fails(["user", "add", taken.email], 1, { input: `${newPassword()}\n` });
	await fails(["user", "add", taken.email.toUpperCase()], 1, { input: `${newPassword()}\n` });
	await fails(["user", "add", uniqueEmail(), "--username", taken.username], 1, { input: `${newPassword()}\n` });
	await fails(["user", "add", "nobody"], 1, { input: `${newPassword()}\n` });
	await fails(["user", "add", uniqueEmail(), "--username", "a b"], 1, { input: `${newPassword()}\n` });
	for (const password of ["short", "1234567890", ""])
		await fails(["user", "add", uniqueEmail()], 1, { input: `${password}\n` });
});

test("latchctl: user show finds by id, address and user name, in any case", async () => {
	const user = await newUser({ username: unique("Show") });
	for (const who of [user.id, user.email, user.email.toUpperCase(), user.username, user.username.toLowerCase()]) {
		const out = await ctlOk(["user", "show", who]);
		for (const text of [user.id, user.email, user.username, "active"])
			assert.ok(out.includes(text), out);
		assert.ok(!out.includes("argon2"), out);
	}
	await fails(["user", "show", uniqueEmail()], 3);
});

test("latchctl: user list names everybody", async () => {
	const users = [await newUser(), await newUser()];
	const out = await ctlOk(["user", "list"]);
	for (const { email, id } of users)
		assert.ok(out.includes(email) && out.includes(id), out.slice(0, 2000));
	assert.ok(!out.includes("argon2"));
});

test("latchctl: user change changes what is given and nothing else, or nothing, and writes it down", async () => {
	const [user, other] = [await newUser({ username: unique("Before"), name: "Before" }), await newUser({ username: unique("Taken") })];
	const shown = async () => JSON.parse(await ctlOk(["user", "show", user.id, "--json"]));
	const before = await shown(), email = uniqueEmail();
	const after = JSON.parse(await ctlOk(["user", "change", user.email, "--email", email, "--verified", "yes", "--name", "", "--phone", "+442071234567", "--json"]));
	assert.deepEqual({ ...after, updated_at: 0 }, { ...before, email, email_verified: true, name: null, phone_number: "+442071234567", updated_at: 0 });
	assert.deepEqual(after, await shown());
	assert.equal(JSON.parse(await ctlOk(["user", "change", user.id, "--email", uniqueEmail(), "--json"])).email_verified, false, "another address is not verified");
	assert.deepEqual(await sql(`SELECT target FROM audit WHERE subject = ${q(user.id)} AND event = 'user.profile' ORDER BY at`), [["email,email_verified,name,phone_number"], ["email"]]);
	const now = await shown();
	for (const [args, code, complaint] of [[[], 2, /nothing to change/], [["--email", "no address"], 1, /^latchctl: email must/m], [["--email", ""], 1, /^latchctl: email must/m], [["--phone", "12"], 1, /^latchctl: phone must/m], [["--verified", "1"], 1, /must be yes or no/],
		[["--username", "a b"], 1, /^latchctl: username must/m], [["--name", "\u202e"], 1, /^latchctl: name must/m], [["--name", "Else", "--username", other.username], 1, /^latchctl: username is somebody else's$/m], [["--name", "Else", "--email", other.email.toUpperCase()], 1, /^latchctl: email is registered already$/m]])
		assert.match(await fails(["user", "change", user.id, ...args], code), complaint, args.join(" "));
	assert.deepEqual(await shown(), now, "what is refused changes nothing");
	assert.match(await fails(["user", "change", "nobody", "--name", "x"], 3), /no such user/);
});

test("latchctl: user set-password replaces it and ends the sessions", async () => {
	const user = await newSession();
	const fresh = newPassword();
	await ctlOk(["user", "set-password", user.email], { input: `${fresh}\n` });
	expectProblem(await tryLogin(user.email, user.password), "invalid_credentials");
	assert.equal((await tryLogin(user.email, fresh)).status, 200);
	assert.equal(await statusOf(user.token), 401);
	await fails(["user", "set-password", user.email], 1, { input: "short\n" });
	assert.equal((await tryLogin(user.email, fresh)).status, 200);
	const made = /^password: (\S+)$/m.exec(await ctlOk(["user", "set-password", user.id, "--generate-password"]))[1];
	assert.equal((await tryLogin(user.email, made)).status, 200);
});

test("latchctl: user disable ends sessions and shuts the door, enable opens it, old tokens stay dead", async () => {
	const user = await newSession();
	await ctlOk(["user", "disable", user.email]);
	assert.notEqual(await statusOf(user.token), 200);
	expectProblem(await tryLogin(user.email, user.password), "account_disabled");
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)} AND ended_at IS NULL`), [["0"]]);
	await ctlOk(["user", "enable", user.id]);
	const fresh = (await login(user)).access_token;
	assert.equal(await statusOf(fresh), 200);
	assert.equal(await statusOf(user.token), 401);
});

test("latchctl: user delete removes the account and ends sessions", async () => {
	const user = await newSession();
	await ctlOk(["user", "delete", user.email, "--yes"]);
	assert.equal(await statusOf(user.token), 401);
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM users WHERE id = ${q(user.id)}`), [["0"]]);
	assert.deepEqual(await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(user.id)}`), [["0"]]);
	await fails(["user", "delete", user.email, "--yes"], 3);
});

test("latchctl: user delete without --yes and without a yes deletes nothing", async () => {
	const user = await newUser();
	const done = await ctl(["user", "delete", user.email], { input: "" });
	assert.notEqual(done.code, 0);
	assert.equal((await tryLogin(user.email, user.password)).status, 200);
});

/* The commands as the help has them: {words, least, most, options: [[name, takes a value]]}. */
const table = (await ctlOk(["--help"])).split("\n").filter((line) => /^ {2}[a-z]/.test(line)).map((line) => {
	const call = line.trim(), bare = call.replace(/ \[--[^\]]*\]/g, "");
	const words = /^[a-z-]+( [a-z-]+)?/.exec(bare)[0].split(" ");
	const operands = bare.split(" ").slice(words.length);
	return {
		words,
		least: operands.filter((word) => !word.startsWith("[")).length,
		most: operands.some((word) => word.includes("...")) ? Infinity : operands.length,
		options: [...call.matchAll(/\[(--[a-z-]+)( [A-Z]+)?\]/g)].map(([, name, value]) => [name, Boolean(value)]),
	};
});
const given = (n) => Array.from({ length: n }, (_, i) => `nobody${i}`);

test("latchctl: a command that is none is a usage error", async () => {
	for (const args of [["nothing"], [], ["user"], ["user", "nothing"], ["help", "nothing"], ["help", "user", "nothing"], ["--nothing"], ["--config"], ["user", "--config"]])
		await fails(args, 2);
	assert.match(await fails(["user"], 2), /^ {2}user add EMAIL/m, "a word that begins commands names them");
	assert.doesNotMatch(await fails(["user"], 2), /^ {2}keys/m);
	assert.match(await fails(["usr"], 2), /^latchctl: unknown command: usr; .*\n$/, "a typing error is told in a line, not below eighty");
});

test("latchctl: every command refuses an operand too few, one too many, and an option that it does not know", async () => {
	assert.ok(table.length >= 28, `${table.length} commands`);
	let few = 0, many = 0;
	for (const { words, least, most } of table) {
		const usage = new RegExp(`^Usage: latchctl ${words.join(" ")}`, "m");
		if (least > 0 && ++few)
			assert.match(await fails([...words, ...given(least - 1)], 2), usage);
		if (most < Infinity && ++many)
			assert.match(await fails([...words, ...given(most + 1)], 2), usage);
		assert.match(await fails([...words, ...given(least), "--nothing"], 2), usage);
	}
	assert.ok(few >= 18 && many >= 20, `${few} ${many}`);
});

test("latchctl: an option is refused wherever it does not belong, and without its value", async () => {
	const all = [...new Map(table.flatMap(({ options }) => options))];
	assert.ok(all.length >= 9, String(all));
	for (const { words, least, options } of table)
		for (const [name, takes] of all) {
			if (options.some(([own]) => own !== name && own.startsWith(name)))
				continue; /* getopt_long takes a beginning for the whole */
			const belongs = options.some(([own]) => own === name);
			if (!belongs)
				assert.match(await fails([...words, ...given(least), name, ...(takes ? ["x"] : [])], 2), /unrecognized option/);
			else if (takes)
				assert.match(await fails([...words, ...given(least), name], 2), /requires an argument/);
			else
				assert.match(await fails([...words, ...given(least), `${name}=x`], 2), /doesn't allow an argument/);
		}
});

test("latchctl: COMMAND --help and help COMMAND explain each option, and do nothing", async () => {
	for (const { words, options } of table) {
		const help = await ctlOk([...words, "--help"]);
		assert.equal(await ctlOk(["help", ...words]), help);
		for (const [name] of options)
			assert.match(help, new RegExp(`^ {2}${name}( [A-Z]+)? {2,}\\S`, "m"));
	}
	assert.equal((await run(CTL, ["--config", "/nonexistent", "user", "delete", "x", "--help"])).code, 0, "it needs no configuration");
});

/* ---- What they print ------------------------------------------------------------------------------------------------ */

const objects = (text) => text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
const json = async (...args) => objects(await ctlOk([...args, "--json"]));

/* What latchctl(1) says of a command, under OUTPUT. */
function documented(words) {
	const page = readFileSync(join(CHECKOUT, "fcgi-app", "man", "latchctl.1"), "utf8");
	const [, text] = new RegExp(`^\\.It Ic ${words}\\n([^.]*)`, "m").exec(page);
	return text.replace(", and password where it was made here", " password").trim().split(/\s+/);
}

test("latchctl: --json prints the documented members, an object a line; without it they are fields between tabs", async () => {
	const user = await newSession({ name: "Tab and Line", username: unique("J") }), role = unique("r");
	const made = await json("role", "create", role, "a:b", "c:d", "--description", "Für Ängste");
	assert.deepEqual([made.length, made[0].permissions, made[0].description], [1, ["a:b", "c:d"], "Für Ängste"]);
	await ctlOk(["role", "grant", user.id, role]);
	for (const [words, args] of [["keys list", []], ["role list , show , create , change , permit , forbid", []], ["session list", [user.email]], ["user list", []]]) {
		const command = words.split(" ").slice(0, 2);
		const rows = await json(...command, ...args), lines = (await ctlOk([...command, ...args])).split("\n").slice(0, -1);
		assert.ok(rows.length > 0, words);
		for (const row of rows)
			assert.deepEqual(Object.keys(row), documented(words), words);
		assert.deepEqual(lines.map((line) => line.split("\t").length), rows.map(() => documented(words).length), words);
		lines.forEach((line, i) => Object.values(rows[i]).forEach((value, f) => assert.equal(line.split("\t")[f], value === null ? "" : String(value))));
	}
	const [shown] = await json("user", "show", user.username);
	assert.deepEqual(Object.keys(shown), documented("user show"));
	assert.deepEqual([shown.id, shown.name, shown.roles, shown.permissions, shown.phone_number, shown.failed_logins, shown.slowed_until], [user.id, "Tab and Line", [role], ["a:b", "c:d"], null, 0, null]);
	assert.deepEqual((await ctlOk(["user", "show", user.id])).split("\n").slice(0, -1).map((line) => line.split(":")[0]), documented("user show"));
	const [added] = await json("user", "add", uniqueEmail(), "--generate-password");
	assert.deepEqual(Object.keys(added), documented("user add"));
	assert.equal((await tryLogin(added.email, added.password)).status, 200);
	for (const { ok, hint, text, ...more } of await json("doctor"))
		assert.deepEqual([ok, hint, typeof text, more], [true, false, "string", {}]);
	for (const { what, rows, took_ms, longest_us, ...more } of await json("gc"))
		assert.deepEqual([typeof what, rows >= 0, took_ms >= 0, longest_us >= 0, more], ["string", true, true, true, {}]);
	await ctlOk(["user", "delete", user.id, "--yes"]);
	await ctlOk(["role", "delete", role, "--yes"]);
});

test("latchctl: user list has those with a beginning, a status, a role, or all of these", async () => {
	const mark = unique("flt"), role = await newRole(await newAdmin()), made = [];
	for (let i = 0; i < 4; i++)
		made.push((await newUser({ email: uniqueEmail(i < 3 ? mark : "other"), ...(i === 3 && { username: `${mark}`.slice(0, 30) }) })).id);
	await ctlOk(["user", "disable", made[0]]);
	for (const id of [made[0], made[1]])
		await ctlOk(["role", "grant", id, role]);
	const listed = async (...args) => (await json("user", "list", ...args)).map(({ id }) => id).sort();
	const are = (...which) => which.map((i) => made[i]).sort();
	assert.deepEqual(await listed("--query", mark.toUpperCase()), are(0, 1, 2, 3));
	assert.deepEqual(await listed("--role", role), are(0, 1));
	assert.deepEqual(await listed("--query", mark, "--status", "active"), are(1, 2, 3));
	assert.deepEqual(await listed("--query", mark, "--status", "disabled", "--role", role), are(0));
	assert.deepEqual(await listed("--query", mark, "--status", "pending"), []);
	assert.deepEqual((await listed("--status", "disabled")).filter((id) => made.includes(id)), are(0));
	for (const wrong of [["--query", ""], ["--query", "a\nb"], ["--status", "gone"], ["--role", "A b"]])
		assert.match(await fails(["user", "list", ...wrong], 1), new RegExp(wrong[0]));
});

/* On a terminal of so many columns, with this typed: what it showed. */
async function onTerminal(args, { columns = 80, typed = "" } = {}) {
	const command = [CTL, "--config", CONF, ...args].map((word) => `'${word}'`).join(" ");
	const done = await run("script", ["-qec", `stty cols ${columns}; ${command}`, "/dev/null"], { input: typed });
	return { code: done.code, lines: done.stdout.replaceAll("\r", "").split("\n").slice(0, -1), text: done.stdout };
}

test("latchctl: on a terminal a list has headings and columns, and no line is longer than the terminal", async () => {
	const user = await newUser({ name: "Ä".repeat(100) });
	const wide = (await onTerminal(["user", "list"], { columns: 2000 })).lines;
	assert.match(wide[0], /^ID +STATUS +EMAIL +USERNAME +NAME +ROLES +CREATED AT +LAST LOGIN AT$/);
	const row = wide.find((line) => line.includes(user.email));
	assert.match(row, / - +Ä{100} +- /, "what is empty is a dash");
	for (const line of wide.slice(1, 100)) /* of one page: later ones may need more room */
		assert.deepEqual([line.search(/ (active|disabled|pending) /) + 1, line.search(/\S+@\S+/)], [wide[0].indexOf("STATUS"), wide[0].indexOf("EMAIL")], line);
	const narrow = (await onTerminal(["user", "list"], { columns: 60 })).lines;
	assert.ok(narrow.length === wide.length && narrow.every((line) => [...line].length <= 60), narrow.find((line) => [...line].length > 60));
	assert.ok(narrow[0].length >= 50);
	assert.doesNotMatch(await ctlOk(["user", "list"]), /^ID/m);
	assert.equal(objects((await onTerminal(["keys", "list", "--json"])).lines.join("\n") + "\n").length > 0, true);
});

/* ---- What destroys asks ------------------------------------------------------------------------------------------- */

const count = async (table, where) => Number((await sql(`SELECT COUNT(*) FROM ${table} WHERE ${where}`))[0][0]);

test("latchctl: what waits for a person acts on the user as he is when the answer comes", async () => {
	const role = await newRole(await newAdmin()), user = await newUser(), next = newPassword();
	const asked = async (words, question, answer) => {
		const child = spawn("script", ["-qec", `${CTL} --config ${CONF} ${words}`, "/dev/null"], { stdio: ["pipe", "pipe", "ignore"], env: { PATH: process.env.PATH } });
		let said = "";
		child.stdout.setEncoding("utf8").on("data", (part) => (said += part));
		const ended = new Promise((done) => child.on("exit", done));
		await until(() => question.test(said), 5000, words);
		await ctlOk(["role", answer.role, user.email, role]);
		if (words.startsWith("user set-password"))
			await ctlOk(["user", "set-password", user.email], { input: `${newPassword()}\n` });
		child.stdin.write(answer.first);
		if (answer.second) {
			await until(() => /Again: /.test(said), 5000, "the second question");
			child.stdin.write(answer.second);
		}
		assert.equal(await ended, 0, said);
	};
	await asked(`user set-password ${user.email}`, /Password: /, { role: "grant", first: `${next}\n`, second: `${next}\n` });
	await login({ email: user.email, password: next });
	await asked(`user delete ${user.email}`, /\[y\/N\]/, { role: "revoke", first: "y\n" });
	await fails(["user", "show", user.email], 3);
});

test("latchctl: what destroys asks on a terminal, does nothing for no, and elsewhere needs --yes", async () => {
	assert.deepEqual(table.filter(({ options }) => options.some(([name]) => name === "--yes")).map(({ words }) => words.join(" ")).sort(), ["keys retire", "role delete", "user delete", "user export"]);
	const user = await newUser(), role = unique("r"), kid = unique("k");
	await ctlOk(["role", "create", role]);
	await sql(`INSERT INTO signing_keys (kid, alg, sealed, created_at, sign_from) VALUES (${q(kid)}, 'ES256', 'x', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) - INTERVAL 1 YEAR)`);
	const cases = [
		[["user", "delete", user.email], () => count("users", `id = ${q(user.id)}`), /Delete .* and all that is theirs\? \[y\/N\]/],
		[["role", "delete", role], () => count("roles", `name = ${q(role)}`), /Delete the role .*\? \[y\/N\]/],
		[["keys", "retire", kid], () => count("signing_keys", `kid = ${q(kid)} AND retired_at IS NULL`), /Refuse all tokens of .*\? \[y\/N\]/],
	];
	try {
		for (const [args, left, question] of cases) {
			for (const typed of ["n\n", "\n", "no\n", "Never, you fool\n"]) {
				const done = await onTerminal(args, { typed });
				assert.match(done.text, question);
				assert.equal(done.code, 1, done.text);
				assert.equal(await left(), 1, `${args} after ${typed}`);
			}
			for (const input of ["", "y\n"])
				assert.match(await fails(args, 1, { input }), /add --yes/);
			assert.equal(await left(), 1, args.join(" "));
			const done = await onTerminal(args, { typed: "y\n" });
			assert.equal(done.code, 0, done.text);
			assert.equal(await left(), 0, `${args} after yes`);
		}
	} finally {
		await sql(`DELETE FROM signing_keys WHERE kid = ${q(kid)}`);
	}
});

/* ---- Sessions and roles --------------------------------------------------------------------------------------------- */

test("latchctl: session list shows where somebody is signed in, session end ends those that are named, or all", async () => {
	const user = await newUser(), other = await newSession();
	const tokens = [];
	for (let i = 0; i < 4; i++)
		tokens.push((await login(user)).access_token);
	const ids = tokens.map((token) => decodeJwt(token).sid);
	assert.deepEqual((await json("session", "list", user.email)).map(({ id }) => id).sort(), [...ids].sort());
	await ctlOk(["session", "end", user.email, ids[0], ids[1]]);
	assert.deepEqual(await Promise.all(tokens.map(statusOf)), [401, 401, 200, 200]);
	await fails(["session", "end", user.email, ids[0]], 3);
	await fails(["session", "end", user.email, "nothing"], 3);
	await fails(["session", "end", user.email, decodeJwt(other.token).sid], 3);
	await fails(["session", "end", user.email], 2);
	await fails(["session", "end", user.email, ids[2], "--all"], 2);
	assert.equal(await statusOf(tokens[2]), 200);
	await ctlOk(["session", "end", user.email, "--all"]);
	assert.deepEqual(await Promise.all(tokens.map(statusOf)), [401, 401, 401, 401]);
	assert.deepEqual((await sql(`SELECT DISTINCT ended_for FROM sessions WHERE user_id = ${q(user.id)}`)).flat(), ["admin"]);
	assert.deepEqual(await sql(`SELECT event, actor, through, target FROM audit WHERE subject = ${q(user.id)} AND event LIKE 'session.end%' ORDER BY id`),
		[["session.end", null, "latchctl", ids[0]], ["session.end", null, "latchctl", ids[1]], ["session.end_all", null, "latchctl", null]]);
	assert.equal(await statusOf(other.token), 200, "somebody else's");
	assert.deepEqual(await json("session", "list", user.email), []);
	await fails(["session", "list", uniqueEmail()], 3);
	await fails(["session", "end", uniqueEmail(), "--all"], 3);
});

test("latchctl: role permit and forbid change what a role permits, at once, and nothing else of it", async () => {
	const user = await newSession(), role = unique("r");
	const may = async () => (await get("/users/me", { token: user.token })).json().permissions;
	await ctlOk(["role", "create", role, "a:b", "--description", "first"]);
	await ctlOk(["role", "grant", user.id, role]);
	assert.deepEqual(await may(), ["a:b"]);
	await ctlOk(["role", "permit", role, "c:d", "e:f", "a:b"]);
	assert.deepEqual(await may(), ["a:b", "c:d", "e:f"]);
	await ctlOk(["role", "forbid", role, "a:b", "e:f", "x:y"]);
	assert.deepEqual(await may(), ["c:d"]);
	await ctlOk(["role", "change", role, "--description", "second"]);
	const [shown] = await json("role", "show", role);
	assert.deepEqual([shown.permissions, shown.description], [["c:d"], "second"]);
	await ctlOk(["role", "forbid", role, "c:d"]);
	assert.deepEqual(await may(), []);
	await Promise.all(["p:a", "p:b", "p:c", "p:d", "p:e", "p:f"].map((word) => ctlOk(["role", "permit", role, word])));
	assert.deepEqual(await may(), ["p:a", "p:b", "p:c", "p:d", "p:e", "p:f"], "none of six at once is lost");
	await fails(["role", "delete", role, "--yes"], 1);
	await fails(["role", "create", role], 1);
	await fails(["role", "change", role], 2);
	for (const bad of ["x", "X:y", "a:b:", "a b:c"])
		assert.match(await fails(["role", "permit", role, bad], 1), /permission must be/);
	await fails(["role", "create", "Bad Name"], 1);
	await fails(["role", "create", unique("r"), "--description", "a\tb"], 1);
	for (const words of [["permit", "admin", "a:b"], ["forbid", "admin", "users:read"], ["delete", "admin", "--yes"]])
		await fails(["role", ...words], 1);
	for (const words of [["show", "nothing"], ["permit", "nothing", "a:b"], ["delete", "nothing", "--yes"], ["change", "nothing", "--description", "x"]])
		await fails(["role", ...words], 3);
	await ctlOk(["role", "revoke", user.id, role]);
	await ctlOk(["role", "delete", role, "--yes"]);
});

test("latchctl: where the database is away every command that needs it ends with 4", async () => {
	const env = { LATCH_DB_SOCKET: "/nonexistent/db.sock" };
	for (const { words, least } of table) {
		if (["help", "completion", "audit events", "doctor", "keys reseal", "user import", "rules check", "webserver"].includes(words.join(" ")))
			continue;
		const more = { "session end": ["--all"], "role change": ["--description", "x"] }[words.join(" ")] ?? [];
		const operands = { "role permit": ["x", "a:b"], "role forbid": ["x", "a:b"], "user add": ["a@example.org"] }[words.join(" ")] ?? given(least);
		assert.match(await fails([...words, ...operands, ...more], 4, { env }), /database/, words.join(" "));
	}
	assert.equal((await ctl(["doctor"], { env })).code, 1, "doctor finds it, and that is what it is asked for");
});

/* ---- Completion ----------------------------------------------------------------------------------------------------- */

/* What bash offers for these words, of which the last is being typed. */
async function completes(...words) {
	const script = `source "$1"; shift; complete -p latchctl >/dev/null || exit 9
COMP_WORDS=(latchctl "$@"); COMP_CWORD=$#; _latchctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
	const done = await run("bash", ["--norc", "-uc", script, "bash", completion, ...words], { cwd: join(CHECKOUT, "schema") });
	assert.deepEqual([done.code, done.stderr], [0, ""], words.join(" "));
	return done.stdout.split("\n").slice(0, -1).filter(Boolean).sort();
}
const completion = join(mkdtempSync(join(tmpdir(), "latchctl-")), "latchctl");
process.on("exit", () => rmSync(dirname(completion), { recursive: true, force: true }));
writeFileSync(completion, await ctlOk(["completion"]));

test("latchctl: bash completes every command, every option and file names, and nothing else", async () => {
	const always = ["--config", "--help"];
	const first = [...new Set(table.map(({ words }) => words[0]))];
	assert.deepEqual(await completes(""), [...first, ...always, "--version"].sort());
	assert.deepEqual(await completes("us"), ["user"]);
	assert.deepEqual(await completes("--config", CONF, "ke"), ["keys"]);
	for (const group of first.filter((word) => table.some(({ words }) => words[0] === word && words[1])))
		assert.deepEqual(await completes(group, ""), [...table.filter(({ words }) => words[0] === group).map(({ words }) => words[1]), ...always].sort());
	for (const { words, options } of table)
		assert.deepEqual(await completes(...words, "--"), [...options.map(([name]) => name), ...always].sort(), words.join(" "));
	assert.deepEqual(await completes("user", "delete", "ada@example.org", "--y"), ["--yes"]);
	assert.deepEqual(await completes("--config", "0001"), ["0001_users.sql"]);
	assert.deepEqual(await completes("keys", "reseal", "0001"), ["0001_users.sql"]);
	assert.deepEqual(await completes("user", "add", "--name", ""), []);
	assert.equal((await run("bash", ["-n", completion])).code, 0);
	assert.match(readFileSync(join(CHECKOUT, "Makefile"), "utf8"), /latchctl completion >\$\(DESTDIR\)\$\(COMPLETIONDIR\)\/latchctl/);
});

test("latchctl: help names every command", async () => {
	const done = await ctl(["--help"]);
	const out = done.stdout || done.stderr;
	assert.equal(done.code, 0, out);
	for (const word of ["migrate", "gc", "keys list", "keys create", "keys rotate", "keys retire", "user add", "user show", "user list", "user set-password", "user disable", "user enable", "user delete", "doctor"])
		assert.ok(out.includes(word), `${word} is missing:\n${out}`);
});

test("latchctl: keys list shows the key that signs, and no secret", async () => {
	const { token } = await newSession();
	const out = await ctlOk(["keys", "list"]);
	assert.ok(out.includes(decodeProtectedHeader(token).kid), out);
	assert.ok(out.includes(config("token_alg")), out);
	assert.doesNotMatch(out, /PRIVATE|"d"/);
});

test("latchctl: keys create --if-missing makes nothing where a key is", async () => {
	const count = async () => (await sql("SELECT COUNT(*) FROM signing_keys"))[0][0];
	const before = await count();
	await ctlOk(["keys", "create", "--if-missing"]);
	assert.equal(await count(), before);
});

test("latchctl: keys retire of a kid nobody has fails", async () => {
	await fails(["keys", "retire", "nobody", "--yes"], 3);
});

test("latchctl: doctor finds nothing wrong, a line each", async () => {
	const done = await ctl(["doctor"]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	for (const subject of [/config/i, /database/i, /privilege|rights/i, /schema/i, /key/i, /clock/i, /lane|memory/i])
		assert.match(done.stdout, subject);
});

test("latchctl: migrate on a schema that is there changes nothing", async () => {
	const before = await sql("SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version");
	await ctlOk(["migrate"]);
	assert.deepEqual(await sql("SELECT version, name, checksum, applied_at FROM schema_migrations ORDER BY version"), before);
	assert.ok(before.length > 0);
});
