import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import { expectProblem } from "./lib/api.mjs";
import { counts, exported, fileOf, hashOf, importRows, importText, jsonl, LONG, LONG_72, PLAIN, UNICODE, vectors } from "./lib/import.mjs";
import { CONF, ctl, CTL, ctlOk, q, run, spawn, sql, until } from "./lib/instance.mjs";
import { forgive, login, newAdmin, newPassword, newRole, newUser, tryLogin, unique, uniqueEmail } from "./lib/users.mjs";

const hashIn = async (email) => (await sql(`SELECT password_hash FROM users WHERE email = ${q(email)}`))[0]?.[0];
const countOf = async (where) => Number((await sql(`SELECT COUNT(*) FROM users WHERE ${where}`))[0][0]);

async function imported(rows, args) {
	const done = await importRows(rows, args);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	assert.equal(done.stderr, "");
	assert.deepEqual(counts(done.stdout).added, rows.length, done.stdout);
	return done;
}

/* ---- Log-in with what came along ----------------------------------------------------------------------------------- */

test("import: whoever is brought along logs in with the old password, once by the old hash and from then on by argon2id", async () => {
	const users = vectors.map(({ password, hash }) => ({ email: uniqueEmail(), password, hash }));
	await imported(users.map(({ email, hash }) => ({ email, password_hash: hash })));
	for (const user of users) {
		assert.equal(await hashIn(user.email), user.hash);
		expectProblem(await tryLogin(user.email, `${user.password.slice(0, 10)}x`), "invalid_credentials");
		await login(user);
		const renewed = await hashIn(user.email);
		assert.match(renewed, /^\$argon2id\$v=19\$m=\d+,t=\d+,p=1\$/, user.hash);
		await login(user);
		assert.equal(await hashIn(user.email), renewed, "not once more");
		expectProblem(await tryLogin(user.email, `${user.password.slice(0, 10)}x`), "invalid_credentials");
	}
});

test("import: what bcrypt cut off counts once the password was hashed anew", async () => {
	const email = uniqueEmail();
	await imported([{ email, password_hash: hashOf("$2y$", LONG) }]);
	await login({ email, password: LONG });
	for (const password of [LONG_72, `${LONG_72}-and-something-else`])
		expectProblem(await tryLogin(email, password), "invalid_credentials");
	await forgive({ email });
	await login({ email, password: LONG });
});

test("import: a password of code points beyond ASCII is compared byte by byte", async () => {
	const email = uniqueEmail();
	await imported([{ email, password_hash: hashOf("$6$", UNICODE) }]);
	expectProblem(await tryLogin(email, UNICODE.normalize("NFD")), "invalid_credentials");
	await login({ email, password: UNICODE });
});

test("import: hashes that cost too much or that nobody knows are refused, and put there by hand they fit no password", async () => {
	const hashes = [hashOf("$2y$05$").replace("$05$", "$15$"), hashOf("$6$").replace("$6$", "$6$rounds=1000001$"), hashOf("pbkdf2_sha256$1000").replace("$1000$", "$2000001$"), hashOf("$y$j75$").replace("$j75$", "$jET$"), hashOf("$P$B").replace("$P$B", "$P$H"), hashOf("$wp$2y$05$").replace("$05$", "$31$"), "$1$salt$qJH7.N4xYta3aEG/dfqo/0", "5f4dcc3b5aa765d61d8327deb882cf99", "x", hashOf("$2y$").slice(0, -1)];
	const done = await importRows(hashes.map((hash) => ({ email: uniqueEmail(), password_hash: hash })));
	assert.equal(done.code, 5, done.stderr);
	const lines = done.stderr.trim().split("\n");
	assert.equal(lines.length, hashes.length, done.stderr);
	lines.forEach((line, i) => assert.match(line, new RegExp(`^line ${i + 1}: password_hash is (malformed|of a kind|costs more)|^line ${i + 1}: password_hash costs more`), line));
	assert.ok(!done.stderr.includes(hashes[7]), "a hash is no business of a log");
	for (const hash of hashes) {
		const user = await newUser();
		await sql(`UPDATE users SET password_hash = ${q(hash)} WHERE id = ${q(user.id)}`);
		const from = performance.now();
		expectProblem(await tryLogin(user.email, PLAIN), "invalid_credentials");
		assert.ok(performance.now() - from < 10_000, hash);
	}
});

test("import: a refusal by a cheap old hash takes about as long as one of somebody who is not there", async () => {
	const email = uniqueEmail(), times = { there: [], nobody: [] };
	await imported([{ email, password_hash: hashOf("pbkdf2_sha256$1000") }]);
	for (let i = 0; i < 5; i++) {
		for (const [what, who] of [["there", email], ["nobody", uniqueEmail()]]) {
			const from = performance.now();
			expectProblem(await tryLogin(who, newPassword()), "invalid_credentials");
			times[what].push(performance.now() - from);
		}
	}
	const least = (list) => Math.min(...list);
	assert.ok(least(times.there) > least(times.nobody) * 0.5, `${least(times.there)} ms, nobody ${least(times.nobody)} ms`);
});

/* ---- What is taken ------------------------------------------------------------------------------------------------- */

test("import: every member arrives, and roles agree in both places", async () => {
	const admin = await newAdmin(), roles = [await newRole(admin), await newRole(admin)].sort();
	const row = { id: "01932c07-209c-7c11-8b0e-6a3f5d2e9c41".replace("6a3f5d2e9c41", unique("").slice(0, 12)), email: uniqueEmail("Kept.As.Typed"), username: unique("Imp"), name: "Jürgen \"Q\", Müller", phone_number: "+4930123456", email_verified: true, status: "disabled", password_hash: hashOf("$2y$"), roles: [...roles].reverse().concat(roles[0]), created_at: "2019-02-28T23:59:59.123+01:00", last_login_at: "2020-02-29 12:00:00" };
	await imported([row]);
	const [[id, email, username, name, phone, verified, status, list, created, updated, seen]] = await sql(`SELECT id, email, username, name, phone_number, email_verified, status, roles, created_at, updated_at, last_login_at FROM users WHERE email = ${q(row.email)}`);
	assert.deepEqual([id, email, username, name, phone, verified, status, list], [row.id, row.email, row.username, row.name, row.phone_number, "1", "disabled", roles.join(",")]);
	assert.deepEqual([created, updated, seen], ["2019-02-28 22:59:59.123", "2019-02-28 22:59:59.123", "2020-02-29 12:00:00.000"]);
	assert.deepEqual((await sql(`SELECT role FROM user_roles WHERE user_id = ${q(id)} ORDER BY role`)).flat(), roles);
	assert.equal(Number((await sql("SELECT COUNT(*) FROM users u WHERE roles <> COALESCE((SELECT GROUP_CONCAT(role ORDER BY role) FROM user_roles r WHERE r.user_id = u.id), '')"))[0][0]), 0);
});

test("import: a time that is to come is refused, but for a day; and no account counts as changed later than now", async () => {
	const hour = 3600_000, at = (ms) => new Date(Date.now() + ms).toISOString(), email = uniqueEmail(), mark = { password_hash: hashOf("$2y$") };
	const done = await importRows([{ email, created_at: at(2 * hour), last_login_at: at(23 * hour), ...mark }, { email: uniqueEmail(), created_at: at(25 * hour), ...mark }, { email: uniqueEmail(), last_login_at: "9999-12-31T23:59:59Z", ...mark }]);
	assert.equal(done.code, 5, done.stderr);
	assert.deepEqual(done.stderr.trim().split("\n"), ["line 2: created_at is in the future, by more than a day", "line 3: last_login_at is in the future, by more than a day"]);
	assert.equal(await countOf(`email = ${q(email)} AND created_at > UTC_TIMESTAMP() + INTERVAL 1 HOUR AND last_login_at > UTC_TIMESTAMP() + INTERVAL 22 HOUR`), 1);
	/* Who asks for what was changed since a moment ago would get it for ever: see db/changes.c. */
	assert.equal(await countOf(`email = ${q(email)} AND updated_at > UTC_TIMESTAMP() + INTERVAL 1 MINUTE`), 0);
});

test("import: members that are not taken are told, once", async () => {
	const users = [{ email: uniqueEmail() }, { email: uniqueEmail(), password: hashOf("$2y$"), "role\u001b[2J": "admin" }, { email: uniqueEmail(), passwordHash: "x" }];
	for (const args of [["--dry-run"], []]) {
		const done = await importRows(users, args);
		assert.deepEqual([done.code, done.stderr], [0, "line 2, and perhaps others:\nlatchctl: members that are not taken: password,role?[2J\n"]);
		assert.match(done.stdout, /^3 without a password/m);
	}
});

test("import: without a hash an account is pending, and no password fits", async () => {
	const users = [{ email: uniqueEmail() }, { email: uniqueEmail(), password_hash: "" }, { email: uniqueEmail(), password_hash: null, username: null }];
	assert.match((await importRows([...users, { email: uniqueEmail(), password_hash: hashOf("$2y$") }])).stdout, /^3 without a password: /m);
	for (const { email } of users) {
		assert.equal(await countOf(`email = ${q(email)} AND status = 'pending' AND password_hash = ''`), 1);
		expectProblem(await tryLogin(email, "x"), "invalid_credentials");
	}
});

test("import: CSV with a byte order mark, CRLF, quotes, line ends in cells and columns in any order", async () => {
	const emails = Array.from({ length: 4 }, () => uniqueEmail()), hash = hashOf("$2y$"), username = unique("csv");
	const text = `\ufeffpassword_hash,name,EMAIL,"email_verified",note,username\r\n`
		+ `${hash},"Doe, ""J"" Jane",${emails[0]},TRUE,"two\r\nlines",${username}\r\n`
		+ `"${hash}",,"${emails[1]}",0,,\r\n`
		+ "\r\n"
		+ `${hash},Last,${emails[2]},1,x,"two\nlines"\n`
		+ `${hash},Very Last,${emails[3]},false,,`;
	const done = await importText(text);
	assert.equal(done.code, 5, done.stderr);
	assert.match(done.stderr, /columns that are not taken: note\n/);
	assert.match(done.stderr, /^line 6: username must be/m, "numbers count the lines of the file");
	assert.deepEqual([counts(done.stdout).added, counts(done.stdout).refused], [3, 1]);
	assert.deepEqual(await sql(`SELECT name, email_verified, username FROM users WHERE email IN (${emails.map(q)}) ORDER BY FIELD(email, ${emails.map(q)})`),
		[["Doe, \"J\" Jane", "1", username], [null, "0", null], ["Very Last", "0", null]]);
	await login({ email: emails[0], password: PLAIN });
});

test("import: from standard input", async () => {
	const email = uniqueEmail();
	const done = await ctl(["user", "import", "-"], { input: jsonl([{ email, password_hash: hashOf("$P$") }]) });
	assert.equal(done.code, 0, done.stderr);
	assert.equal(await countOf(`email = ${q(email)}`), 1);
});

/* ---- What is refused ----------------------------------------------------------------------------------------------- */

test("import: every line that is refused is named with its field and why, and the rest is taken", async () => {
	const taken = await newUser({ username: unique("taken") });
	const good = { email: uniqueEmail(), username: unique("good"), password_hash: hashOf("$2y$") };
	const bad = [
		["{", /^is not a JSON object$/], ["[]", /^is not a JSON object$/], ['{"email":"a@b.example","email":"c@d.example"}', /^is not a JSON object$/],
		[{}, /^email is required$/], [{ email: "nobody" }, /^email must be an e-mail/], [{ email: `${"x".repeat(300)}@a.example` }, /^email is too long$/], [{ email: 5 }, /^email must be a string$/],
		[{ username: "a b" }, /^username must be/], [{ username: taken.username.toUpperCase() }, /^username is somebody else's$/], [{ username: good.username }, /^username is that of line 1 as well$/], [{ email: good.email.toUpperCase() }, /^email is that of line 1 as well$/],
		[{ name: "\u0007" }, /^name must be/], [{ name: "x".repeat(201) }, /^name is too long$/], [{ phone_number: "12" }, /^phone_number must be/], [{ email_verified: "true" }, /^email_verified must be true or false$/],
		[{ status: "deleted" }, /^status must be active, disabled or pending$/], [{ status: "active", password_hash: "" }, /^status cannot be active without/],
		[{ roles: [unique("norole")] }, /^roles name a role that there is not$/], [{ roles: "x" }, /^roles must be an array/], [{ roles: ["A"] }, /^roles must be/], [{ roles: ["admin"] }, /^roles have one with built-in permissions, which needs --allow-roles$/], [{ roles: Array.from({ length: 20 }, (_, i) => `a-long-name-of-a-role-${i}`) }, /^roles are too many/],
		[{ created_at: "2023-02-29T00:00:00Z" }, /^created_at must be a time/], [{ created_at: "yesterday" }, /^created_at must be a time/], [{ last_login_at: "2023-01-01T25:00:00Z" }, /^last_login_at must be a time/],
		[{ id: "x" }, /^id must be a UUIDv7$/], [{ id: "01932c07-209c-4c11-8b0e-6a3f5d2e9c41" }, /^id must be a UUIDv7$/], [{ id: taken.id }, /^id is somebody else's$/],
		[{ password_hash: "plain text" }, /^password_hash is of a kind/], [`{"email":"${"x".repeat(70_000)}"}`, /^is longer than 64 KiB/],
	];
	const lines = bad.map(([row]) => (typeof row === "string" ? row : JSON.stringify(Object.keys(row).length === 0 ? {} : { email: uniqueEmail(), password_hash: hashOf("$2y$"), ...row })));
	const done = await importText([JSON.stringify(good), ...lines].join("\n"));
	assert.equal(done.code, 5, done.stdout + done.stderr);
	assert.deepEqual([counts(done.stdout).added, counts(done.stdout).refused], [1, bad.length], done.stdout);
	const said = Object.fromEntries(done.stderr.trim().split("\n").map((line) => /^line (\d+): (.*)$/.exec(line).slice(1)));
	bad.forEach(([row, why], i) => assert.match(said[i + 2] ?? "", why, `${JSON.stringify(row).slice(0, 100)}: ${said[i + 2]}`));
	assert.equal(Object.keys(said).length, bad.length);
	await login({ email: good.email, password: PLAIN });
});

test("import: a file's heading cannot steer the terminal, nor fill it", async () => {
	const told = async (heading) => {
		const done = await importText(`email,${heading}\n${uniqueEmail()}${heading.replace(/[^,]+/g, "1").replace(/^/, ",")}\n`, ["--dry-run"]);
		assert.equal(done.code, 0, done.stderr);
		assert.equal(done.stderr.split("\n").length, 2, "one line");
		return /^latchctl: columns that are not taken: (.*)\n$/.exec(done.stderr)[1];
	};
	assert.equal(await told("Straße,Größe"), "Straße, Größe");
	assert.equal(await told("\x1b]0;gone\x07\x1b[31mboo"), "?]0;gone??[31mboo");
	assert.equal(await told("a\u009b31mb"), "a??31mb");
	assert.equal(await told('"two\nlines"'), "two?lines");
	assert.equal(await told("x".repeat(5000)), `${"x".repeat(200)}...`);
	assert.equal(await told("ß".repeat(201)), `${"ß".repeat(200)}...`);
});

test("import: all that is wrong with a line is told at once", async () => {
	const done = await importRows([{ email: "x", username: "", phone_number: "1", password_hash: "no" }]);
	for (const field of ["email", "username", "phone_number"])
		assert.match(done.stderr, new RegExp(`^line 1: ${field} `, "m"));
	assert.equal(counts(done.stdout).refused, 1);
});

test("import: a CSV file that does not name its columns, or that is none, is refused as a whole or by its lines", async () => {
	for (const text of [`${uniqueEmail()},x\n`, "email,email\n", '"email\n'])
		assert.equal((await importText(text)).code, 1, text);
	const email = uniqueEmail();
	const done = await importText(`email,name\n${uniqueEmail()}\n${uniqueEmail()},a,b\n${uniqueEmail()},a"b\n${uniqueEmail()},"a"b\n${email},good\n`);
	assert.equal(done.code, 5);
	assert.deepEqual(done.stderr.trim().split("\n").map((line) => line.replace(/:.*/, "")), ["line 2", "line 3", "line 4", "line 5"], done.stderr);
	assert.equal(await countOf(`email = ${q(email)}`), 1);
	assert.equal((await importText(`email,name\n${uniqueEmail()},"never closed\n${uniqueEmail()},x\n`)).code, 5);
	assert.equal((await ctl(["user", "import", "/nonexistent/file"])).code, 1);
	assert.equal((await ctl(["user", "import", "/"])).code, 1);
	assert.equal((await ctl(["user", "import", fileOf(""), "--format", "xml"])).code, 2);
	assert.equal((await ctl(["user", "import"])).code, 2);
});

test("import: a quote that stands where none can costs its own line, and none of those that follow", async () => {
	const hash = hashOf("$2y$"), lines = (name) => Array.from({ length: 20 }, (_, i) => `${name}-${i}@mail-mark.example,${hash},${i % 2 ? `"N ${i}"` : ""}\n`).join("");
	const cases = [["open", '"never closed'], ["plain", 'x"",'], ["behind", '"a"b"'], ["plain-two", 'a""b'], ["three", '"""'], ["cr", '"never closed\r']];
	for (const [name, cell] of cases) {
		const mark = unique(name), other = unique(name);
		const done = await importText(`email,password_hash,name\n${mark}-bad@mail-mark.example,${hash},${cell}\n${lines(mark)}${other}-bad@mail-mark.example,${hash},${cell}\n${lines(other)}`);
		assert.equal(done.code, 5, done.stderr);
		assert.deepEqual(done.stderr.trim().split("\n").map((line) => line.replace(/:.*/, "")), ["line 2", "line 23"], `${cell}: ${done.stderr}`);
		assert.deepEqual([counts(done.stdout).added, counts(done.stdout).refused], [40, 2], cell);
		assert.equal(await countOf(`email LIKE '${mark}-%' OR email LIKE '${other}-%'`), 40);
	}
	/* Where nothing closes it in all that one record can hold, what follows may be somebody's text. */
	const mark = unique("long"), many = Array.from({ length: 2000 }, (_, i) => `${mark}-${i}@mail-mark.example,${hash},\n`).join("");
	const done = await importText(`email,password_hash,name\n${mark}-first@mail-mark.example,${hash},\n${mark}-bad@mail-mark.example,${hash},"never closed\n${many}`);
	assert.deepEqual([done.stderr, counts(done.stdout).added, done.code], ["line 3: has a quote that is not closed: nothing behind it was read\n", 1, 5]);
});

test("import: lines within somebody's text are no records, however long it is", async () => {
	const hash = hashOf("$2y$"), mark = unique("within"), row = (name, cell) => `${mark}-${name}@mail-mark.example,${hash},${cell}\n`;
	const inner = row("inner", "").repeat(3);
	for (const cell of [`x${"y".repeat(70_000)}`, `"${"y".repeat(70_000)}"`, `"\n${inner}${"y".repeat(70_000)}\n${inner}"`, `"${"y\n".repeat(70_000)}\n""\n${inner}"`]) {
		const last = unique("last"), done = await importText(`email,password_hash,name\n${row("big", cell)}${row(last, "")}`);
		assert.deepEqual([done.stderr, counts(done.stdout).added, done.code], ["line 2: is longer than 64 KiB\n", 1, 5]);
		assert.equal(await countOf(`email LIKE '${mark}-${last}@%'`), 1);
	}
	assert.equal(await countOf(`email LIKE '${mark}-inner@%'`), 0);
});

test("import: a role with any built-in permission, admin above all, is given with --allow-roles alone, and the audit says so", async () => {
	const admin = await newAdmin(), plain = await newRole(admin, ["articles:write"]), reader = await newRole(admin, ["articles:write", "audit:read"]);
	const nine = await newRole(admin, ["users:read", "users:write", "roles:read", "roles:write", "sessions:write", "audit:read", "keys:write", "providers:read", "metrics:read"]);
	const rows = [["admin"], [plain], [plain, reader], [nine]].map((roles) => ({ email: uniqueEmail(), password_hash: hashOf("$2y$"), roles }));
	for (const args of [["--dry-run"], []]) {
		const done = await importRows(rows, args);
		assert.equal(done.code, 5, done.stdout);
		assert.deepEqual(done.stderr.trim().split("\n"), [1, 3, 4].map((n) => `line ${n}: roles have one with built-in permissions, which needs --allow-roles`));
	}
	assert.equal(await countOf(`email IN (${rows.map((row) => q(row.email)).join()})`), 1);
	await imported(rows.filter((row) => row !== rows[1]), ["--allow-roles"]);
	const lines = async (row) => (await sql(`SELECT event, outcome, through, target FROM audit WHERE subject = (SELECT id FROM users WHERE email = ${q(row.email)})`)).map((line) => line.join(" "));
	assert.deepEqual(await Promise.all(rows.map(lines)), [["role.grant ok latchctl admin"], [], [`role.grant ok latchctl ${reader}`], [`role.grant ok latchctl ${nine}`]]);
	await sql(`DELETE FROM users WHERE email = ${q(rows[0].email)}`);
});

/* ---- Again, beside another, and half done -------------------------------------------------------------------------- */

test("import: an account that is there is never changed; where the line says something else that is reported", async () => {
	const user = await newUser({ name: "Before" });
	const before = await sql(`SELECT * FROM users WHERE id = ${q(user.id)}`);
	const done = await importRows([{ email: user.email.toUpperCase(), name: "After", password_hash: hashOf("$2y$"), status: "disabled" }]);
	assert.equal(done.code, 0, done.stderr);
	assert.equal(counts(done.stdout).there, 1);
	assert.match(done.stderr, /^line 1: name is not as in the account that there is: left as it is$/m);
	assert.deepEqual(await sql(`SELECT * FROM users WHERE id = ${q(user.id)}`), before);
	await login(user);
});

test("import: a dry run reports the same and writes nothing", async () => {
	const there = await newUser();
	const rows = [...Array.from({ length: 700 }, () => ({ email: uniqueEmail("dry"), password_hash: hashOf("$2y$") })), { email: "bad" }, { email: there.email }, { email: uniqueEmail(), roles: [unique("norole")] }];
	rows.push({ ...rows[0] });
	const before = await sql("SELECT COUNT(*), MAX(updated_at) FROM users");
	const dry = await importRows(rows, ["--dry-run"]);
	assert.equal(dry.code, 5, dry.stderr);
	assert.deepEqual(await sql("SELECT COUNT(*), MAX(updated_at) FROM users"), before);
	const wet = await importRows(rows);
	assert.deepEqual({ ...counts(wet.stdout), rate: 0 }, { ...counts(dry.stdout), rate: 0 });
	assert.equal(wet.stderr, dry.stderr);
	assert.equal(counts(wet.stdout).added, 700);
});

test("import: twice is once", async () => {
	const mark = unique("twice"), rows = Array.from({ length: 1200 }, (_, i) => ({ email: `${mark}-${i}@mail-mark.example`, username: `${mark}-${i}`, password_hash: hashOf("$2y$") }));
	await imported(rows);
	const before = await sql(`SELECT * FROM users WHERE email LIKE '${mark}%' ORDER BY id`);
	const again = await importRows(rows);
	assert.deepEqual([again.code, again.stderr, counts(again.stdout).there, counts(again.stdout).added], [0, "", 1200, 0]);
	assert.deepEqual(await sql(`SELECT * FROM users WHERE email LIKE '${mark}%' ORDER BY id`), before);
});

test("import: two at once of the same file, in another order each, add everybody once and neither fails", async () => {
	const mark = unique("pair"), admin = await newAdmin(), role = await newRole(admin);
	const rows = Array.from({ length: 3000 }, (_, i) => ({ email: `${mark}-${i}@mail-mark.example`, username: `${mark}-${i}`, password_hash: hashOf("$2y$"), roles: [role] }));
	const both = await Promise.all([importRows(rows), importRows([...rows].reverse())]);
	for (const done of both)
		assert.equal(done.code, 0, done.stdout + done.stderr);
	const [a, b] = both.map((done) => counts(done.stdout));
	assert.deepEqual([a.users, b.users, a.added + b.added, a.there + b.there], [3000, 3000, 3000, 3000]);
	assert.ok(a.added > 0 && b.added > 0, `they did not run at the same time: ${a.added}, ${b.added}`);
	assert.equal(await countOf(`email LIKE '${mark}%' AND roles = ${q(role)}`), 3000);
	assert.equal(Number((await sql(`SELECT COUNT(*) FROM user_roles WHERE role = ${q(role)}`))[0][0]), 3000);
});

test("import: killed in the middle and run again it comes to the same", async () => {
	const mark = unique("kill"), rows = Array.from({ length: 40_000 }, (_, i) => ({ email: `${mark}-${i}@mail-mark.example`, username: `${mark}-${i}`, password_hash: hashOf("$2y$") }));
	const file = fileOf(jsonl(rows)), mine = `email LIKE '${mark}%'`;
	const child = spawn(CTL, ["--config", CONF, "user", "import", file], { stdio: "ignore", env: { PATH: process.env.PATH } });
	const gone = new Promise((done) => child.on("exit", (code, signal) => done(signal)));
	await until(() => countOf(mine), 20_000, "the first batch");
	child.kill("SIGKILL");
	assert.equal(await gone, "SIGKILL");
	const half = await countOf(mine);
	assert.ok(half > 0 && half < rows.length, `${half} of ${rows.length} when it was killed`);
	assert.equal(half % 500, 0, "a batch is whole or not there");
	const before = await sql(`SELECT * FROM users WHERE ${mine} ORDER BY id`);
	const again = counts(await ctlOk(["user", "import", file]));
	assert.deepEqual([again.there, again.added], [half, rows.length - half]);
	assert.deepEqual((await sql(`SELECT * FROM users WHERE ${mine} ORDER BY id`)).slice(0, half), before);
	assert.equal(await countOf(mine), rows.length);
});

/* ---- And back ------------------------------------------------------------------------------------------------------ */

test("export: it names its file's mode where others can open it, and refuses a terminal", async () => {
	const file = fileOf("");
	const written = await run("sh", ["-c", `umask 022; rm -f ${file}; ${CTL} --config ${CONF} user export > ${file}`]);
	assert.equal(written.code, 0, written.stderr);
	assert.match(written.stderr, /may be opened by others \(mode 644\)/);
	assert.equal(statSync(file).mode & 0o777, 0o644);
	const quiet = await run("sh", ["-c", `umask 077; rm -f ${file}; ${CTL} --config ${CONF} user export > ${file}`]);
	assert.equal(quiet.stderr, "");
	const terminal = await run("script", ["-qec", `${CTL} --config ${CONF} user export`, "/dev/null"]);
	assert.equal(terminal.code, 1, terminal.stdout);
	assert.match(terminal.stdout, /standard output is a terminal/);
	assert.doesNotMatch(terminal.stdout, /password_hash"/);
	assert.equal((await run("script", ["-qec", `${CTL} --config ${CONF} user export --yes`, "/dev/null"])).code, 0);
	assert.equal((await run("sh", ["-c", `${CTL} --config ${CONF} user export > /dev/full`])).code, 1);
	assert.equal((await ctl(["user", "export", "--format", "xml"])).code, 2);
});

/* The users of this test alone are removed and come back. */
for (const format of ["jsonl", "csv"])
	test(`export: what it writes as ${format} import brings back byte for byte`, async () => {
		const mark = unique("trip"), admin = await newAdmin(), role = await newRole(admin);
		const names = ["Ada", "Doe, \"J\" Jane", " leading and trailing ", "日本語 🔑", "a;b=c", "=1+1", null];
		const rows = names.map((name, i) => ({ email: `${mark}-${i}@mail-mark.example`, username: i % 2 ? null : `${mark}-${i}`, name, email_verified: i % 3 === 0, password_hash: vectors[i].hash, roles: i % 2 ? [role] : [], status: ["active", "disabled", "pending"][i % 3], phone_number: i === 2 ? "+4930123456" : null, created_at: "2020-01-02T03:04:05.678Z", last_login_at: i === 4 ? "2021-01-01T00:00:00.001Z" : null }));
		rows.push({ email: `${mark}-none@mail-mark.example` });
		const done = await importRows(rows);
		assert.equal(done.code, 0, done.stderr);
		const first = await exported(mark, format);
		assert.equal(first.trim().split("\n").length, rows.length + (format === "csv" ? 1 : 0));
		await sql(`DELETE FROM users WHERE email LIKE '${mark}%'`);
		assert.equal(await countOf(`email LIKE '${mark}%'`), 0);
		const back = await importText(first, ["--format", format]);
		assert.equal(back.code, 0, back.stderr);
		assert.equal(counts(back.stdout).added, rows.length);
		assert.equal(await exported(mark, format), first);
	});

test("import: a terminal gets a bar, and lines of refusal of their own", async () => {
	const file = fileOf(jsonl(Array.from({ length: 200_000 }, () => ({ email: "x" }))));
	const done = await run("script", ["-qec", `${CTL} --config ${CONF} user import ${file} 2>/dev/null`, "/dev/null"]);
	assert.match(done.stdout, /\rimport: \[#*\.*\] +\d+% \d+ of about \d+, \d+\/s, \d+ s left/);
	const elsewhere = await ctl(["user", "import", file]);
	assert.doesNotMatch(elsewhere.stdout, /\r/);
	assert.ok(readFileSync(file).length > 0);
});
