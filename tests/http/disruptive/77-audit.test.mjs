/* The audit: every event is written, and whatever is done to a line or a chain shows. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { before, test } from "node:test";
import { call, del, get, patch, post, put } from "../lib/api.mjs";
import { alive, CONF, CTL, ctl, ctlOk, DIR, logText, q, run, sleep, sql, until, workers } from "../lib/instance.mjs";
import { importRows } from "../lib/import.mjs";
import { refresh, sidOf } from "../lib/sessions.mjs";
import { login, newAdmin, newPassword, newRole, newSession, newUser, tryLogin, unique, uniqueEmail } from "../lib/users.mjs";

const COLUMNS = "id, at, chain, n, event, outcome, actor, subject, session, through, target, sealed, mac";
const verify = (args = []) => ctl(["audit", "verify", ...args]);
let admin;

/** The verdict: what it says line by line, without the last two. */
async function faults(args) {
	const done = await verify(args);
	const lines = done.stdout.split("\n").slice(0, -1), head = lines.pop(), sum = lines.pop();
	assert.match(head, /^head: [0-9a-f]+$/);
	assert.match(sum, lines.length === 0 ? /^\d+ lines in 64 chains: all as they were written$/ : new RegExp(`^\\d+ lines in 64 chains: ${lines.length} faults$`));
	assert.equal(done.code, lines.length === 0 ? 0 : 1);
	return lines;
}

before(async () => {
	admin = await newAdmin();
});

/* ---- Every event ----------------------------------------------------------------------------------------------------- */

const lines = (where) => sql(`SELECT event, outcome, actor, subject, session, through, target FROM audit WHERE ${where} ORDER BY id`);
const kids = async () => (await sql("SELECT kid FROM signing_keys WHERE retired_at IS NULL ORDER BY sign_from")).flat();
const madeKid = (out) => /^([0-9a-f]{20}) /m.exec(out)[1];

/** Each does one thing, and says which line tells of it: [outcome, actor, subject, session, through, target]. */
const deeds = {
	async "user.register"() {
		const user = await newUser();
		return ["ok", user.id, user.id, null, "api", null];
	},
	async "user.import"() {
		const rows = Array.from({ length: 217 }, () => ({ email: uniqueEmail("i") }));
		assert.equal((await importRows(rows, ["--dry-run"])).code, 0);
		assert.equal((await importRows(rows)).code, 0);
		assert.equal((await importRows(rows)).code, 0); /* they are there already */
		return ["ok", null, null, null, "latchctl", "217"];
	},
	async "user.profile"() {
		const user = await newSession();
		assert.equal((await patch("/users/me", { token: user.token, json: { username: unique("n") } })).status, 200);
		return ["ok", user.id, user.id, sidOf(user.token), "api", "username"];
	},
	async "user.password"() {
		const user = await newSession();
		assert.equal((await post("/users/me/password", { token: user.token, json: { current_password: user.password, new_password: newPassword() } })).status, 204);
		return ["ok", user.id, user.id, sidOf(user.token), "api", null];
	},
	async "user.confirm"() {
		const user = await newSession();
		assert.equal((await post("/users/me/delete", { token: user.token, json: { current_password: newPassword() } })).status, 422);
		return ["refused", user.id, user.id, sidOf(user.token), "api", null];
	},
	async "user.disable"() {
		const user = await newUser();
		await ctlOk(["user", "disable", user.email]);
		return ["ok", null, user.id, null, "latchctl", null];
	},
	async "user.enable"() {
		const user = await newUser();
		await ctlOk(["user", "enable", user.email]);
		return ["ok", null, user.id, null, "latchctl", null];
	},
	async "user.export"() {
		assert.notEqual(await ctlOk(["user", "export", "--format", "csv"]), "");
		return ["ok", null, null, null, "latchctl", "csv"];
	},
	async "user.delete"() {
		const user = await newSession();
		assert.equal((await post("/users/me/delete", { token: user.token, json: { current_password: user.password } })).status, 204);
		return ["ok", user.id, user.id, sidOf(user.token), "api", null];
	},
	async "session.login"() {
		const user = await newUser(), { access_token: token } = await login(user);
		return ["ok", user.id, user.id, sidOf(token), "api", null];
	},
	async "session.logout"() {
		const user = await newSession();
		assert.equal((await post("/auth/logout", { token: user.token, json: {} })).status, 204);
		return ["ok", user.id, user.id, sidOf(user.token), "api", null];
	},
	async "session.logout_everywhere"() {
		const user = await newUser(), session = await login(user);
		assert.equal((await post("/auth/logout", { json: { refresh_token: session.refresh_token, everywhere: true } })).status, 204);
		return ["ok", user.id, user.id, sidOf(session.access_token), "api", null];
	},
	async "session.end"() {
		const user = await newSession(), other = sidOf((await login(user)).access_token);
		assert.equal((await del(`/users/me/sessions/${other}`, { token: user.token })).status, 204);
		return ["ok", user.id, user.id, sidOf(user.token), "api", other];
	},
	async "session.end_others"() {
		const user = await newSession();
		assert.equal((await del("/users/me/sessions", { token: user.token })).status, 204);
		return ["ok", user.id, user.id, sidOf(user.token), "api", null];
	},
	async "session.end_all"() {
		const user = await newSession();
		assert.equal((await del(`/users/${user.id}/sessions`, { token: admin.token })).status, 204);
		return ["ok", admin.id, user.id, sidOf(admin.token), "api", null];
	},
	async "session.replay"() {
		const user = await newUser(), first = await login(user);
		const second = (await refresh(first.refresh_token)).json();
		await refresh(second.refresh_token);
		assert.equal((await refresh(first.refresh_token)).status, 401);
		assert.equal((await refresh(first.refresh_token)).status, 401);
		return ["refused", null, user.id, sidOf(first.access_token), "api", null];
	},
	async "role.create"() {
		return ["ok", admin.id, null, sidOf(admin.token), "api", await newRole(admin)];
	},
	async "role.change"() {
		const name = await newRole(admin);
		await patch(`/roles/${name}`, { token: admin.token, json: { permissions: ["a:b"] } });
		return ["ok", admin.id, null, sidOf(admin.token), "api", name];
	},
	async "role.permit"() {
		const name = await newRole(admin, ["a:b"]);
		assert.equal((await patch(`/roles/${name}`, { token: admin.token, json: { permissions: ["a:b", "c:d"] } })).status, 200);
		assert.deepEqual((await lines(`target LIKE ${q(`${name}%`)}`)).sort(), [["role.change", name], ["role.create", name], ["role.permit", `${name} a:b`], ["role.permit", `${name} c:d`]]
			.map(([event, target]) => [event, "ok", admin.id, null, sidOf(admin.token), "api", target]));
		return ["ok", admin.id, null, sidOf(admin.token), "api", `${name} c:d`];
	},
	async "role.forbid"() {
		const name = "r".repeat(26) + randomBytes(3).toString("hex"), longest = (letter) => `${letter.repeat(20)}:${letter.repeat(19)}`;
		await ctlOk(["role", "create", name, longest("a"), longest("b")]);
		await ctlOk(["role", "forbid", name, longest("a")]);
		return ["ok", null, null, null, "latchctl", `${name} ${longest("a")}`];
	},
	async "role.remove"() {
		const name = await newRole(admin);
		assert.equal((await del(`/roles/${name}`, { token: admin.token })).status, 204);
		return ["ok", admin.id, null, sidOf(admin.token), "api", name];
	},
	async "role.grant"() {
		const name = await newRole(admin), user = await newUser();
		for (let i = 0; i < 2; i++) /* the second changes nothing */
			assert.equal((await put(`/users/${user.id}/roles/${name}`, { token: admin.token })).status, 204);
		return ["ok", admin.id, user.id, sidOf(admin.token), "api", name];
	},
	async "role.revoke"() {
		const name = await newRole(admin), user = await newUser();
		await ctlOk(["role", "grant", user.email, name]);
		for (let i = 0; i < 2; i++)
			await ctlOk(["role", "revoke", user.email, name]);
		return ["ok", null, user.id, null, "latchctl", name];
	},
	async "key.create"() {
		const live = await kids();
		await sql("UPDATE signing_keys SET retired_at = UTC_TIMESTAMP(3) WHERE retired_at IS NULL");
		const kid = madeKid(await ctlOk(["keys", "create"]));
		await sql(`UPDATE signing_keys SET retired_at = NULL WHERE kid IN (${live.map(q).join()})`);
		return ["ok", null, null, null, "latchctl", kid];
	},
	async "key.rotate"() {
		return ["ok", null, null, null, "latchctl", madeKid(await ctlOk(["keys", "rotate", "--now"]))];
	},
	async "key.reseal"() {
		await ctlOk(["keys", "reseal", join(DIR, "secrets/key")]);
		return ["ok", null, null, null, "latchctl", "0"];
	},
	/* By itself; and all workers see at once that it is due. */
	async "key.retire"() {
		const [older] = await kids();
		await ctlOk(["keys", "rotate", "--now"]);
		await sql(`UPDATE signing_keys SET token_ttl_s = 1, sign_from = sign_from - INTERVAL 1000 SECOND WHERE kid = ${q(older)}`);
		await sql(`UPDATE signing_keys SET sign_from = UTC_TIMESTAMP(3) - INTERVAL 100 SECOND WHERE kid = ${q((await kids()).at(-1))}`);
		await until(async () => {
			await Promise.all(Array.from({ length: 32 }, () => get("/readyz")));
			return !(await kids()).includes(older);
		}, 15_000, "the key's retirement");
		return ["ok", null, null, null, "itself", older];
	},
};

test("audit: each event of the table is written once by what it tells of, and there is no other", async (t) => {
	const table = await ctlOk(["audit", "events"]);
	const events = [...table.matchAll(/^\| `([a-z._]+)` /gm)].map(([, name]) => name);
	assert.ok(events.length >= 21);
	assert.deepEqual([...events].sort(), Object.keys(deeds).sort(), "every event has its deed here");
	for (const event of events)
		await t.test(event, async () => {
			const [[before]] = await sql("SELECT COALESCE(MAX(id), '00000000-0000-0000-0000-000000000000') FROM audit");
			const [outcome, actor, subject, session, through, target] = await deeds[event]();
			const about = subject ? `subject = ${q(subject)}` : `target = ${q(target)}`;
			assert.deepEqual(await lines(`event = ${q(event)} AND ${about} AND id > ${q(before)}`), [[event, outcome, actor, subject, session, through, target]]);
		});
	assert.deepEqual(await sql(`SELECT DISTINCT event FROM audit WHERE event NOT IN (${events.map(q).join()})`), []);
	assert.deepEqual(await faults(), []);
});

test("audit: latchctl retires a key, with a line that says so", async () => {
	const [older] = await kids();
	await ctlOk(["keys", "rotate", "--now"]);
	await ctlOk(["keys", "retire", older, "--yes"]);
	assert.deepEqual(await lines(`event = 'key.retire' AND target = ${q(older)}`), [["key.retire", "ok", null, null, null, "latchctl", older]]);
});

/* Of users, not of the audit: what opens the address and agent of who acted. */
test("audit: a user's key that was exchanged shows at each line that it does not open; one that came with a new row for a deleted user's id does not", async () => {
	const user = await newSession(), other = await newUser();
	await del("/users/me/sessions", { token: user.token });
	const ids = (await sql(`SELECT id, chain, n FROM audit WHERE subject = ${q(user.id)} AND sealed IS NOT NULL ORDER BY chain, n`));
	assert.equal(ids.length, 3);
	const [[kept]] = await sql(`SELECT HEX(audit_key) FROM users WHERE id = ${q(user.id)}`);
	for (const key of ["RANDOM_BYTES(16)", `(SELECT audit_key FROM users WHERE id = ${q(other.id)})`]) {
		await sql(`UPDATE users SET audit_key = ${key} WHERE id = ${q(user.id)}`);
		const said = await faults();
		await sql(`UPDATE users SET audit_key = UNHEX('${kept}') WHERE id = ${q(user.id)}`);
		assert.deepEqual(said, ids.map(([id, chain, n]) => `chain ${chain} line ${n} (${id}): its address and agent do not open, as the audit_key of user ${user.id} was exchanged`));
	}
	assert.deepEqual(await faults(), []);
	await ctlOk(["user", "delete", user.id, "--yes"]);
	assert.equal((await importRows([{ id: user.id, email: user.email }])).code, 0);
	assert.deepEqual(await faults(), []);
});

/* ---- Tampering ------------------------------------------------------------------------------------------------------- */

/** Does something to the tables, sees what shows, and puts everything back. */
async function tampered(statements, args) {
	await sql(`DROP TABLE IF EXISTS audit_kept, audit_chains_kept; CREATE TABLE audit_kept AS SELECT * FROM audit; CREATE TABLE audit_chains_kept AS SELECT * FROM audit_chains`);
	try {
		await sql(statements);
		return await faults(args);
	} finally {
		await sql("DELETE FROM audit; INSERT INTO audit SELECT * FROM audit_kept; DELETE FROM audit_chains; INSERT INTO audit_chains SELECT * FROM audit_chains_kept; DROP TABLE audit_kept, audit_chains_kept");
		assert.deepEqual(await faults(), [], "put back, it holds again");
	}
}

/** The longest chain: its number, how many lines, and their ids by n. */
async function longChain() {
	const [[chain, n]] = await sql("SELECT chain, n FROM audit_chains ORDER BY n DESC LIMIT 1");
	return { chain: Number(chain), n: Number(n), first: Number((await sql(`SELECT first FROM audit_chains WHERE chain = ${chain}`))[0][0]) };
}
const idOf = async (chain, n) => (await sql(`SELECT id FROM audit WHERE chain = ${chain} AND n = ${n}`))[0][0];
const here = (chain, n) => `chain = ${chain} AND n = ${n}`;

test("audit: a changed value of any column shows, and which line", async () => {
	const { chain, first } = await longChain();
	const n = first + 2, at = here(chain, n), id = await idOf(chain, n), other = "01932c07-209c-7c11-8b0e-6a3f5d2e9c41";
	const changes = { at: "at + INTERVAL 1000 MICROSECOND", event: "IF(event = 'role.grant', 'role.revoke', 'role.grant')", outcome: "IF(outcome = 'ok', 'refused', 'ok')", actor: q(other), subject: q(other), session: q(other), through: "IF(through = 'itself', 'api', 'itself')", target: "IF(target <=> 'admin', 'editor', 'admin')", sealed: "CONCAT(COALESCE(sealed, ''), 'x')", mac: "UNHEX(SHA2('', 256))" };
	for (const [column, value] of Object.entries(changes))
		assert.deepEqual(await tampered(`UPDATE audit SET ${column} = ${value} WHERE ${at}`), [`chain ${chain} line ${n} (${id}): altered`], column);
	for (const column of ["actor", "subject", "session", "target", "sealed"].filter(async (name) => (await sql(`SELECT ${name} FROM audit WHERE ${at}`))[0][0] !== null))
		if ((await sql(`SELECT ${column} IS NULL FROM audit WHERE ${at}`))[0][0] === "0")
			assert.deepEqual(await tampered(`UPDATE audit SET ${column} = NULL WHERE ${at}`), [`chain ${chain} line ${n} (${id}): altered`], `${column} taken away`);
	assert.deepEqual(await tampered(`UPDATE audit SET id = ${q(other)} WHERE ${at}`), [`chain ${chain} line ${n} (${other}): altered`]);
	const elsewhere = await tampered(`UPDATE audit SET chain = 63 - ${chain}, n = 4000000 WHERE ${at}`);
	assert.equal(elsewhere.length, 2);
	assert.ok(elsewhere.includes(`chain ${63 - chain} line 4000000 (${id}): inserted, behind the chain's last line`));
	assert.deepEqual((await tampered(`UPDATE audit SET chain = 64 WHERE ${at}`))[0], `chain 64 line ${n} (${id}): inserted, there is no such chain`);
	/* That is every column there is. */
	assert.deepEqual((await sql("SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'audit'")).flat().sort(), COLUMNS.split(", ").sort());
	assert.deepEqual([...Object.keys(changes), "id", "chain", "n"].sort(), COLUMNS.split(", ").sort());
});

test("audit: a line that was removed shows, be it the first, the last, or between", async () => {
	const { chain, first, n } = await longChain();
	assert.ok(n - first >= 4);
	const gap = "; the line behind, which hangs on it, cannot be checked";
	assert.deepEqual(await tampered(`DELETE FROM audit WHERE ${here(chain, first)}`), [`chain ${chain} line ${first}: removed${gap}`]);
	assert.deepEqual(await tampered(`DELETE FROM audit WHERE ${here(chain, first + 2)}`), [`chain ${chain} line ${first + 2}: removed${gap}`]);
	assert.deepEqual(await tampered(`DELETE FROM audit WHERE ${here(chain, n)}`), [`chain ${chain} line ${n}: removed`]);
	assert.deepEqual(await tampered(`DELETE FROM audit WHERE chain = ${chain} AND n >= ${n - 1}`), [`chain ${chain} lines ${n - 1} to ${n}: removed`]);
	assert.deepEqual(await tampered(`DELETE FROM audit WHERE chain = ${chain}`), [`chain ${chain} lines ${first} to ${n}: removed`]);
});

test("audit: lines that were exchanged or put in show", async () => {
	const { chain, first, n } = await longChain();
	const [a, b] = [await idOf(chain, first + 1), await idOf(chain, first + 2)];
	const exchanged = await tampered(`UPDATE audit SET n = 4000000 WHERE ${here(chain, first + 1)}; UPDATE audit SET n = ${first + 1} WHERE ${here(chain, first + 2)}; UPDATE audit SET n = ${first + 2} WHERE ${here(chain, 4000000)}`);
	assert.deepEqual(exchanged.slice(0, 2), [`chain ${chain} line ${first + 1} (${b}): altered`, `chain ${chain} line ${first + 2} (${a}): altered`]);
	const id = "01932c07-209c-7c11-8b0e-6a3f5d2e9c41", copy = (place) => `INSERT INTO audit (${COLUMNS}) SELECT ${COLUMNS.replace("id,", `${q(id)},`).replace(" n,", ` ${place},`)} FROM audit WHERE ${here(chain, n)}`;
	assert.deepEqual(await tampered(copy(n + 1)), [`chain ${chain} line ${n + 1} (${id}): inserted, behind the chain's last line`]);
	assert.deepEqual(await tampered(copy(0)), [`chain ${chain} line 0 (${id}): inserted, before the chain's first line`]);
	/* As many as a page has, up to the last number that there is: behind it the walk would begin anew. */
	const full = Array.from({ length: 200 }, (_, i) => `INSERT INTO audit (${COLUMNS}) SELECT ${COLUMNS.replace("id,", "UUID(),").replace(" n,", ` ${4294967295 - i},`)} FROM audit WHERE ${here(chain, n)}`).join(";");
	assert.equal((await tampered(full)).length, 200);
	const made = await tampered(`${copy(n + 1)}; UPDATE audit_chains SET n = n + 1 WHERE chain = ${chain}`);
	assert.ok(made.includes(`chain ${chain} line ${n + 1} (${id}): altered`), made.join("\n"));
});

test("audit: a second line with a number shows without the table's key too, and at a page's border", async () => {
	const role = unique("r"), id = "ffffffff-ffff-7fff-bfff-ffffffffffff", rows = Array.from({ length: 450 }, () => ({ email: uniqueEmail("i"), roles: [role] }));
	await ctlOk(["role", "create", role, "audit:read"]);
	assert.equal((await importRows(rows, ["--allow-roles"])).code, 0); /* one process, one chain */
	const [[chain]] = await sql(`SELECT chain FROM audit WHERE target = ${q(role)} AND event = 'role.grant' LIMIT 1`);
	const [[first, n]] = (await sql(`SELECT first, n FROM audit_chains WHERE chain = ${chain}`)).map((row) => row.map(Number));
	assert.ok(n - first >= 420);
	const place = first + 399; /* the last of the second page */
	await sql("ALTER TABLE audit DROP KEY audit_chain, ADD KEY audit_chain_bare (chain, n)");
	try {
		await sql(`INSERT INTO audit (${COLUMNS}) SELECT ${COLUMNS.replace("id,", `${q(id)},`).replace("outcome", "'refused'")} FROM audit WHERE ${here(chain, place)}`);
		assert.deepEqual(await faults(), [`chain ${chain} line ${place}: inserted, there is another with this number`]);
	} finally {
		await sql(`DELETE FROM audit WHERE id = ${q(id)}; ALTER TABLE audit DROP KEY audit_chain_bare, ADD UNIQUE KEY audit_chain (chain, n)`);
	}
	assert.deepEqual(await faults(), []);
});

test("audit: a chain's row that was made up, set back or removed shows", async () => {
	const { chain, first, n } = await longChain();
	const altered = `chain ${chain}: its row in audit_chains was altered; what is missing at its ends cannot be told`;
	for (const change of ["n = n - 1", "first = first + 1", "mac = UNHEX(SHA2('', 256))", "before_mac = UNHEX(SHA2('', 256))", "seal = UNHEX(SHA2('', 256))", "seal = ''"])
		assert.equal((await tampered(`UPDATE audit_chains SET ${change} WHERE chain = ${chain}`))[0], altered, change);
	assert.ok((await tampered(`DELETE FROM audit WHERE ${here(chain, n)}; UPDATE audit_chains SET n = n - 1, mac = (SELECT mac FROM audit WHERE ${here(chain, n - 1)}) WHERE chain = ${chain}`)).includes(altered));
	const virgin = await tampered(`UPDATE audit_chains SET first = 1, n = 0, before_mac = '', mac = '', seal = '' WHERE chain = ${chain}`);
	assert.equal(virgin.length, n - first + 1, "its lines are still there");
	assert.ok((await tampered(`DELETE FROM audit_chains WHERE chain = ${chain}`)).includes(`chain ${chain}: its row in audit_chains is missing`));
});

test("audit: a chain set back to a true older state shows against the head that was kept, and only there", async () => {
	const user = await newUser();
	/* One that a worker of now writes to. */
	await login(user);
	const [row] = await sql("SELECT chain, first, n, HEX(before_mac), HEX(mac), HEX(seal) FROM audit_chains WHERE chain = (SELECT chain FROM audit WHERE event = 'session.login' AND subject = '" + user.id + "' ORDER BY id DESC LIMIT 1)");
	const [chain, first, n, before_mac, mac, seal] = row;
	/* Several at once: one after the other they may all go to another worker. */
	await until(async () => {
		await Promise.all([1, 2, 3, 4].map(() => login(user)));
		return Number((await sql(`SELECT n FROM audit_chains WHERE chain = ${chain}`))[0][0]) > Number(n);
	}, 30_000, "a line more in the chain");
	const head = /^head: (\w+)$/m.exec((await verify()).stdout)[1];
	const back = `DELETE FROM audit WHERE chain = ${chain} AND n > ${n}; UPDATE audit_chains SET first = ${first}, n = ${n}, before_mac = UNHEX('${before_mac}'), mac = UNHEX('${mac}'), seal = UNHEX('${seal}') WHERE chain = ${chain}`;
	await login(user);
	assert.deepEqual(await faults(["--head", head]), [], "lines that were added since do no harm");
	assert.deepEqual(await tampered(back), []);
	const [fault, ...more] = await tampered(back, ["--head", head]);
	assert.match(fault, new RegExp(`^chain ${chain}: set back, it had \\d+ lines when the head was kept, and has ${n} now$`));
	assert.deepEqual(more, []);
	for (const wrong of ["", "x", `${head}00`]) {
		const done = await verify(["--head", wrong]);
		assert.equal(done.code, 1);
		assert.match(done.stderr, /--head takes/);
	}
	const forged = head.slice(0, -1) + (head.endsWith("0") ? "1" : "0");
	assert.deepEqual(await faults(["--head", forged]), ["the lines are not those that were there when the head was kept"]);
});

test("audit: a chain that was tampered with is left as it is, and nobody is kept out", async () => {
	const user = await newUser();
	const bad = "UPDATE audit_chains SET seal = UNHEX(SHA2('', 256))", even = () => sql("SELECT chain, n FROM audit_chains WHERE chain % 2 = 0 ORDER BY chain");
	const keep = () => sql("DROP TABLE IF EXISTS audit_chains_kept; CREATE TABLE audit_chains_kept AS SELECT * FROM audit_chains");
	const mend = (which = "") => sql(`UPDATE audit_chains c JOIN audit_chains_kept k USING (chain) SET c.seal = k.seal ${which}; DROP TABLE audit_chains_kept`);
	await keep();
	try {
		await sql(`${bad} WHERE chain % 2 = 0`);
		const broken = await even();
		for (let i = 0; i < 40; i++)
			await login(user);
		assert.deepEqual(await even(), broken);
	} finally {
		await mend("WHERE chain % 2 = 0");
	}
	await keep();
	try {
		await sql(bad);
		assert.equal((await tryLogin(user.email, user.password, { patient: false })).status, 503, "where no chain holds, nothing is done that cannot be written down");
		assert.equal((await tryLogin(user.email, "another password", { patient: false })).status, 503);
	} finally {
		await mend();
	}
	assert.deepEqual(await faults(), []);
	assert.match(logText(), /audit: chain \d+ was tampered with/);
});
