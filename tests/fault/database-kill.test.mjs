/* kill -9 of mariadbd in the middle of registrations, again and again: what was promised is there, and nothing half. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { databaseBack, databaseRuns, startDatabase, stopDatabase } from "../http/lib/database.mjs";
import { send } from "../http/lib/http.mjs";
import { config, q, sleep, sql, until, workers } from "../http/lib/instance.mjs";
import { newPassword, uniqueEmail } from "../http/lib/users.mjs";
import { form, progress, quantile, worst } from "./lib/fault.mjs";

const KILLS = form(50, 5);
const CLIENTS = 6;

const post = (path, json) => send("POST", path, { headers: { "Content-Type": "application/json" }, body: JSON.stringify(json) });
const mark = `kill${Date.now().toString(36)}`; /* of this run: others may have left theirs */
const sid = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url")).sid;

/* Everybody whom a client tried to register: {email, password, status, id}, and the session that some of them got. */
const tried = [];
const odd = [];

async function attempt(withLogin) {
	const user = { email: uniqueEmail(mark), password: newPassword() };
	tried.push(user);
	const answer = await post("/auth/register", { email: user.email, password: user.password, name: "Kill Nine", username: `${mark}.${tried.length}` });
	user.status = answer.status;
	if (answer.status === 201)
		user.id = answer.json().id;
	else if (answer.status !== 503)
		odd.push(`register: ${answer.status} ${answer.text}`);
	if (answer.status !== 201 || !withLogin)
		return;
	const login = await post("/auth/login", { email: user.email, password: user.password });
	if (login.status === 200)
		user.session = sid(login.json().access_token);
	else if (login.status !== 503)
		odd.push(`login: ${login.status} ${login.text}`);
}

const promised = () => tried.filter((user) => user.status === 201);

/* Kills it at a moment that nobody chose, and starts it again as deploy/up does. */
async function killOnce(gaps) {
	const enough = promised().length + 1 + Math.floor(Math.random() * 5);
	await until(() => promised().length >= enough, 30_000, "registrations between two kills");
	await sleep(Math.random() * 150);
	await stopDatabase("SIGKILL");
	await sleep(Math.random() * 100);
	const down = performance.now();
	await startDatabase();
	const back = await databaseBack();
	const known = promised().length;
	await until(() => promised().length > known, 10_000, "a registration after the database's return");
	gaps.push({ recovery: back - down, first: performance.now() - back });
}

after(databaseRuns);

test(`kill -9 of mariadbd ${KILLS} times in the middle of registrations: every 201 is there afterwards, and nothing half`, { timeout: 1_500_000 }, async (t) => {
	const before = workers();
	const gaps = [];
	let over = false;
	const clients = Promise.all(Array.from({ length: CLIENTS }, async (_, i) => {
		for (let n = i; !over; n++)
			await attempt(n % 3 === 0);
	}));
	clients.catch(() => {});
	const quiet = progress(() => `${gaps.length} of ${KILLS} kills, ${promised().length} of ${tried.length} registrations promised`);
	try {
		while (gaps.length < KILLS)
			await killOnce(gaps);
	} finally {
		over = true;
		quiet();
	}
	await clients;
	assert.deepEqual(odd, [], "an answer that is neither the promise nor 503");
	assert.deepEqual(workers(), before, "the same workers");

	/* What the database holds of those who were tried. */
	const rows = new Map((await sql(`SELECT u.email, u.id, u.status, u.password_hash, u.last_login_at IS NOT NULL, COUNT(s.id) FROM users u LEFT JOIN sessions s ON s.user_id = u.id WHERE u.email LIKE '${mark}%' GROUP BY u.id`))
		.map(([email, id, status, hash, seen, sessions]) => [email, { id, status, hash, seen: seen === "1", sessions: Number(sessions) }]));
	const sessions = new Set((await sql("SELECT id FROM sessions")).map(([id]) => id));
	const lost = promised().filter((user) => rows.get(user.email)?.id !== user.id);
	assert.deepEqual(lost, [], "a 201 whose account is not there");
	assert.deepEqual(tried.filter((user) => user.session && !sessions.has(user.session)), [], "a 200 whose session is not there");
	const unpromised = tried.filter((user) => user.status !== 201 && rows.has(user.email));
	assert.equal(rows.size, promised().length + unpromised.length, "an account that nobody asked for");
	for (const [email, row] of rows) {
		assert.match(row.hash, /^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$[\w+/]{22}\$[\w+/]{43}$/, `${email}: its hash`);
		assert.equal(row.status, "active", email);
		/* One transaction writes the session and the time of the log-in. */
		assert.equal(row.seen, row.sessions > 0, `${email}: half a log-in: ${JSON.stringify(row)}`);
	}
	assert.deepEqual(await sql("SELECT s.id FROM sessions s LEFT JOIN users u ON u.id = s.user_id WHERE u.id IS NULL AND s.ended_at IS NULL"), [], "sessions of nobody");

	/* A worker that could not connect says 503 for 250 ms and then tries again: docs/operations.md. */
	await sleep(300);
	/* Whoever was promised can log in, and whoever is there without a promise is there whole. */
	const sample = [...promised().filter((_, i, all) => i % Math.ceil(all.length / 20) === 0), ...unpromised.slice(0, 20)];
	for (const user of sample)
		assert.equal((await post("/auth/login", { email: user.email, password: user.password })).status, 200, `${user.email}, registered with ${user.status}`);
	for (const user of tried.filter(({ email }) => !rows.has(email)).slice(0, 10))
		assert.equal((await post("/auth/login", { email: user.email, password: user.password })).status, 401, user.email);

	const tables = (await sql(`SELECT table_name FROM information_schema.tables WHERE table_schema = ${q(config("db_name"))}`)).flat();
	for (const [table, , kind, text] of await sql(`CHECK TABLE ${tables.join(", ")} EXTENDED`))
		assert.deepEqual([kind, text], ["status", "OK"], table);
	const { recovery, first } = { recovery: gaps.map((gap) => gap.recovery), first: gaps.map((gap) => gap.first) };
	t.diagnostic(`${KILLS} kills; ${promised().length} promised of ${tried.length} tried, ${unpromised.length} there without a promise; ${sample.length} logged in; recovery median ${quantile(recovery, 0.5).toFixed(0)} ms, worst ${worst(recovery).toFixed(0)} ms; first 201 after it: median ${quantile(first, 0.5).toFixed(0)} ms, worst ${worst(first).toFixed(0)} ms`);
	assert.ok(promised().length > KILLS, "hardly a registration went through");
	assert.ok(tried.some((user) => user.status === 503), "no kill met a registration");
	assert.ok(quantile(first, 0.5) < 1500, "the pool recovers too slowly");
});
