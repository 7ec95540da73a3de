/* A hundred thousand users are brought along, through kills and beside log-ins. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { counts, exported, fileOf, hashOf, jsonl, PLAIN } from "../http/lib/import.mjs";
import { CONF, ctl, CTL, ctlOk, run, sleep, spawn, sql } from "../http/lib/instance.mjs";
import { login, newAdmin, newRole, newUser, tryLogin, unique } from "../http/lib/users.mjs";
import { form, quantile, worst } from "./lib/fault.mjs";

const TOTAL = form(100_000, 20_000), KILLS = form(50, 5), SECONDS = form(60, 30), HASH = hashOf("$2y$05$");
const marks = [];

after(async () => {
	for (const mark of marks)
		await sql(`DELETE FROM users WHERE email LIKE '${mark}%'`);
});

const countOf = async (where) => Number((await sql(`SELECT COUNT(*) FROM users WHERE ${where}`))[0][0]);

function users(role) {
	const mark = unique("many");
	marks.push(mark);
	const rows = Array.from({ length: TOTAL }, (_, i) => ({ email: `${mark}-${i}@mail-mark.example`, username: `${mark}-${i}`, name: `Näme ${i}`, password_hash: HASH, roles: i % 10 ? [] : [role], created_at: "2024-01-02T03:04:05.678Z" }));
	return { mark, rows, file: fileOf(jsonl(rows)), mine: `email LIKE '${mark}%'` };
}

test(`import: ${TOTAL} users within ${SECONDS} seconds, while others log in`, { timeout: 600_000 }, async (t) => {
	const { file, mine, mark } = users(await newRole(await newAdmin())), other = await newUser();
	const times = [], failures = [];
	let over = false;
	const client = (async () => {
		while (!over) {
			const from = performance.now();
			const { status, text } = await tryLogin(other.email, other.password);
			times.push(performance.now() - from);
			if (status !== 200)
				failures.push([status, text]);
			await sleep(200);
		}
	})();
	const from = performance.now();
	let done;
	try {
		done = await ctl(["user", "import", file], { timeout: 300_000 });
	} finally {
		over = true;
		await client;
	}
	const seconds = (performance.now() - from) / 1000;
	assert.equal(done.code, 0, done.stderr);
	assert.deepEqual([done.stderr, counts(done.stdout).added, await countOf(mine)], ["", TOTAL, TOTAL]);
	t.diagnostic(`${TOTAL} users in ${seconds.toFixed(1)} s, ${counts(done.stdout).rate} a second; ${times.length} log-ins meanwhile: median ${quantile(times, 0.5).toFixed(0)} ms, longest ${worst(times).toFixed(0)} ms`);
	assert.ok(seconds < SECONDS, `${seconds} s`);
	assert.deepEqual(failures, []);
	assert.ok(times.length > 0);
	await login({ email: `${mark}-${TOTAL - 1}@mail-mark.example`, password: PLAIN });
});

test(`import: killed ${KILLS} times at any moment, it comes to the same as one that is not`, { timeout: 1_800_000 }, async (t) => {
	const role = await newRole(await newAdmin()), { file, rows, mine } = users(role);
	let ended = 0, before = 0;
	for (let i = 0; i < KILLS; i++) {
		const child = spawn(CTL, ["--config", CONF, "user", "import", file], { stdio: "ignore", env: { PATH: process.env.PATH } });
		const gone = new Promise((done) => child.on("exit", (code, signal) => done(signal)));
		/* What is there already is passed over, row by row: so each goes on a little further. */
		await sleep(30 + Math.random() * form(1000, 400) + before / 10);
		child.kill("SIGKILL");
		ended += (await gone) === "SIGKILL";
		const now = await countOf(mine);
		assert.ok(now >= before && now % 500 === 0, `${now} after ${before}: a batch is whole or not there`);
		before = now;
	}
	t.diagnostic(`${ended} of ${KILLS} were killed before their end; ${before} of ${TOTAL} users were there then`);
	assert.ok(ended > KILLS / 5 && before > 0, "hardly any was killed at work");
	const last = counts(await ctlOk(["user", "import", file], { timeout: 300_000 }));
	assert.deepEqual([last.there, last.added, last.refused], [before, TOTAL - before, 0]);
	assert.equal(await countOf(mine), TOTAL);
	assert.equal(await countOf(`${mine} AND password_hash = '${HASH}' AND status = 'active' AND created_at = '2024-01-02 03:04:05.678'`), TOTAL);
	assert.equal(Number((await sql(`SELECT COUNT(*) FROM user_roles r JOIN users u ON u.id = r.user_id WHERE u.${mine} AND u.roles = r.role`))[0][0]), rows.filter(({ roles }) => roles.length).length);
});

test(`export: ${TOTAL} users and more, without memory that grows with them, and back byte for byte`, { timeout: 600_000 }, async (t) => {
	const { file, mark, mine } = users(await newRole(await newAdmin()));
	await ctlOk(["user", "import", file], { timeout: 300_000 });
	const first = await exported(mark);
	assert.equal(first.split("\n").length - 1, TOTAL);
	/* Of its address space: what it could not have is not there. */
	const bound = await run("/bin/sh", ["-c", `ulimit -v 65536; exec ${CTL} --config ${CONF} user export | wc -l`], { timeout: 120_000 });
	assert.equal(bound.code, 0, bound.stderr);
	assert.ok(Number(bound.stdout) >= TOTAL, `${bound.stdout} lines in 64 MiB: ${bound.stderr}`);
	t.diagnostic(`${bound.stdout.trim()} users in 64 MiB of address space; ${first.length} bytes of ${TOTAL} users`);
	await sql(`DELETE FROM users WHERE ${mine}`);
	const back = counts(await ctlOk(["user", "import", fileOf(first)], { timeout: 300_000 }));
	assert.equal(back.added, TOTAL);
	assert.ok(await exported(mark) === first, "not byte for byte");
});
