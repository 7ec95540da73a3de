/*
 * What a worker is asked while the Nth of its calls fails, and what must hold whatever fails: the answer is right or an
 * error of the contract's, the worker serves on, and what it left in the database is whole.
 */
import assert from "node:assert/strict";
import { ctl, q, sql } from "../http/lib/instance.mjs";
import { newPassword, unique } from "../http/lib/users.mjs";
import { FULL, MEMORY, Worker } from "./inject-worker.mjs";

const AGAIN_MS = 3000; /* within that it serves again */
const WRONG_MAX = Number(process.env.LATCH_FAULT_MAX ?? 20);
const QUIET = 3; /* so many runs in which nothing failed end a walk: the number of calls varies by a few */

/* A worker in which nothing fails, to look at what the others left. */
export const witness = new Worker({ shim: false });

const signIn = (worker, user, password = user.password) => worker.ask("POST", "/auth/login", { json: { email: user.email, password } });
const me = (worker, token) => worker.ask("GET", "/users/me", { token });

/** An account with a session, made by the witness. */
export async function somebody() {
	const user = { email: `${unique("f")}@fault.example`, password: newPassword() };
	const made = await witness.ask("POST", "/auth/register", { json: user });
	assert.equal(made.status, 201, made.text);
	return { ...user, id: made.json().id, token: await session(user) };
}

async function session(user) {
	const answer = await signIn(witness, user);
	assert.equal(answer.status, 200, answer.text);
	return answer.json().access_token;
}

/** Whether that password signs in, asked of the witness. */
async function fits(user, password) {
	const answer = await signIn(witness, user, password);
	assert.ok([200, 401].includes(answer.status), answer.text);
	return answer.status === 200;
}

/*
 * Each: begin(user) makes what one request needs, ask(worker, it) is that request, good(answer, it) throws unless a
 * success is a true one, and left(it, failed) says what is there after an error, or throws where that must not be.
 */
export const scenes = {
	"POST /auth/register": {
		begin: async () => ({ email: `${unique("f")}@fault.example`, password: newPassword() }),
		ask: (worker, it) => worker.ask("POST", "/auth/register", { json: { ...it, name: "Ada" } }),
		async good(answer, it) {
			assert.equal(answer.status, 201, answer.text);
			assert.equal(answer.json().email, it.email);
			assert.match(answer.headers.location, new RegExp(`/users/${answer.json().id}$`));
			assert.ok(await fits(it, it.password), "201, and the account cannot sign in");
		},
		async left(it) {
			if (!(await fits(it, it.password))) {
				const again = await witness.ask("POST", "/auth/register", { json: it });
				assert.equal(again.status, 201, `the account is neither there nor free: ${again.text}`);
				return "no account";
			}
			const { name, email } = (await me(witness, await session(it))).json();
			assert.deepEqual({ name, email }, { name: "Ada", email: it.email });
			return "whole account";
		},
	},
	"POST /auth/login": {
		begin: async (user) => user,
		ask: (worker, it) => signIn(worker, it),
		async good(answer, it) {
			assert.equal(answer.status, 200, answer.text);
			const shown = await me(witness, answer.json().access_token);
			assert.equal(shown.status, 200, shown.text);
			assert.equal(shown.json().id, it.id);
		},
		async left(it, answer) {
			assert.doesNotMatch(answer?.text ?? "", /eyJ/, "an error with a token");
			return "no token";
		},
	},
	"POST /auth/login after a wrong password": {
		async begin(user) {
			await session(user); /* what was counted before is over */
			assert.ok(!(await fits(user, newPassword())));
			return user;
		},
		ask: (worker, it) => signIn(worker, it),
		good: (answer, it) => scenes["POST /auth/login"].good(answer, it),
		left: (it, answer) => scenes["POST /auth/login"].left(it, answer),
	},
	"POST /auth/login with a hash of another program": {
		async begin(user) {
			/* Of two lanes, of the password "pw"; a success makes it anew. */
			await sql(`UPDATE users SET password_hash = '$argon2id$v=19$m=1024,t=3,p=2$MDEyMzQ1Njc4OWFiY2RlZjA$7fR+udJStLcRBqOCR/SHK+mCxdioENj2tNNLKxoqAm37' WHERE id = ${q(user.id)}`);
			return { ...user, password: "pw" };
		},
		ask: (worker, it) => signIn(worker, it),
		good: (answer, it) => scenes["POST /auth/login"].good(answer, it),
		left: (it, answer) => scenes["POST /auth/login"].left(it, answer),
	},
	"POST /auth/login beyond a hundred sessions": {
		async begin(user) {
			await sql(`INSERT INTO sessions (id, user_id, created_at, expires_at) SELECT CONCAT('00000000-0000-7000-8000-', LPAD(HEX(seq + ${Math.floor(Math.random() * 2 ** 40)}), 12, '0')),
				${q(user.id)}, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL 1 DAY FROM seq_1_to_100`);
			return user;
		},
		ask: (worker, it) => signIn(worker, it),
		async good(answer, it) {
			await scenes["POST /auth/login"].good(answer, it);
			assert.deepEqual(await sql(`SELECT COUNT(*) FROM sessions WHERE user_id = ${q(it.id)} AND ended_at IS NULL`), [["100"]]);
		},
		left: (it, answer) => scenes["POST /auth/login"].left(it, answer),
	},
	"POST /auth/logout": {
		begin: async (user) => ({ ...user, token: await session(user) }),
		ask: (worker, it) => worker.ask("POST", "/auth/logout", { token: it.token }),
		async good(answer, it) {
			assert.equal(answer.status, 204, answer.text);
			assert.equal(await this.left(it), "logged out");
		},
		async left(it) {
			const { status } = await me(witness, it.token);
			assert.ok([200, 401].includes(status));
			return status === 401 ? "logged out" : "as before";
		},
	},
	"POST /auth/login for a cookie": {
		begin: async (user) => user,
		ask: (worker, it) => worker.ask("POST", "/auth/login", { json: { email: it.email, password: it.password, transport: "cookie" } }),
		async good(answer, it) {
			assert.equal(answer.status, 200, answer.text);
			const cookie = answer.headers["set-cookie"].split(";")[0];
			const shown = await witness.ask("GET", "/users/me", { cookie });
			assert.equal(shown.json().id, it.id, shown.text);
		},
		async left(it, answer) {
			assert.equal(answer?.headers["set-cookie"], undefined, "an error with a cookie");
			return "no cookie";
		},
	},
	/* A lack of memory must not make a good token a bad one, nor a retry a replay: the same token is used until it works. */
	"POST /auth/refresh": {
		async begin(user) {
			const { refresh_token } = (await signIn(witness, user)).json();
			return { ...user, refresh_token };
		},
		ask: (worker, it) => worker.ask("POST", "/auth/refresh", { json: { refresh_token: it.refresh_token } }),
		async good(answer, it) {
			assert.equal(answer.status, 200, answer.text);
			assert.equal((await me(witness, answer.json().access_token)).json().id, it.id);
			assert.notEqual(answer.json().refresh_token, it.refresh_token);
		},
		async left(it, answer) {
			assert.doesNotMatch(answer?.text ?? "", /eyJ|AQ/, "an error with a token");
			const again = await witness.ask("POST", "/auth/refresh", { json: { refresh_token: it.refresh_token } });
			await this.good(again, it);
			return "the session goes on";
		},
	},
	"POST /auth/logout everywhere by a refresh token": {
		async begin(user) {
			const [one, two] = [(await signIn(witness, user)).json(), (await signIn(witness, user)).json()];
			return { ...user, token: one.access_token, refresh_token: two.refresh_token, second: two.access_token };
		},
		ask: (worker, it) => worker.ask("POST", "/auth/logout", { json: { refresh_token: it.refresh_token, everywhere: true } }),
		async good(answer, it) {
			assert.equal(answer.status, 204, answer.text);
			assert.equal(await this.left(it), "logged out");
		},
		async left(it) {
			const [one, two] = [(await me(witness, it.token)).status, (await me(witness, it.second)).status];
			assert.equal(one, two, "half logged out");
			return one === 401 ? "logged out" : "as before";
		},
	},
	"GET /users/me/sessions": {
		begin: async (user) => ({ ...user, token: await session(user) }),
		ask: (worker, it) => worker.ask("GET", "/users/me/sessions?limit=5", { token: it.token }),
		async good(answer) {
			assert.equal(answer.status, 200, answer.text);
			assert.ok(answer.json().items.length > 0);
		},
		left: async () => "nothing to leave",
	},
	"GET /auth/verify": {
		begin: async (user) => ({ ...user, token: await session(user) }),
		ask: (worker, it) => worker.ask("GET", "/auth/verify", { token: it.token }),
		async good(answer, it) {
			assert.equal(answer.status, 200, answer.text);
			assert.equal(answer.headers["x-auth-user-id"], it.id);
		},
		async left(it, answer) {
			assert.equal(answer?.headers["x-auth-user-id"], undefined, "an error that says who it is");
			return "nobody let in";
		},
	},
	"POST /users/me/delete": {
		begin: somebody,
		ask: (worker, it) => worker.ask("POST", "/users/me/delete", { token: it.token, json: { current_password: it.password } }),
		async good(answer, it) {
			assert.equal(answer.status, 204, answer.text);
			assert.equal(await this.left(it), "no account");
		},
		async left(it) {
			const account = await fits(it, it.password), token = (await me(witness, it.token)).status === 200;
			assert.equal(account, token, "half an account");
			return account ? "whole account" : "no account";
		},
	},
	"GET /users/me": {
		/* Each time another token: one that was seen before is not looked into again. */
		begin: async (user) => ({ ...user, token: await session(user) }),
		ask: (worker, it) => me(worker, it.token),
		async good(answer, it) {
			assert.equal(answer.status, 200, answer.text);
			assert.equal(answer.json().email, it.email);
		},
		left: async () => "nothing to leave",
	},
	"PATCH /users/me": {
		begin: async (user) => ({ ...user, old: (await me(witness, user.token)).json(), name: unique("n"), phone_number: `+49${String(Math.random()).slice(2, 11)}` }),
		ask: (worker, it) => worker.ask("PATCH", "/users/me", { token: it.token, json: { name: it.name, phone_number: it.phone_number } }),
		async good(answer, it) {
			assert.equal(answer.status, 200, answer.text);
			assert.equal(await this.left(it), "all of the change");
			assert.equal(answer.json().name, it.name);
		},
		async left(it) {
			const { name, phone_number } = (await me(witness, it.token)).json();
			if (name === it.old.name && phone_number === it.old.phone_number)
				return "nothing of the change";
			assert.deepEqual({ name, phone_number }, { name: it.name, phone_number: it.phone_number }, "half of the change");
			return "all of the change";
		},
	},
	"POST /users/me/password": {
		begin: async (user) => ({ ...(user.now ??= { ...user }), next: newPassword(), owner: user }),
		ask: (worker, it) => worker.ask("POST", "/users/me/password", { token: it.token, json: { current_password: it.password, new_password: it.next } }),
		async good(answer, it) {
			assert.equal(answer.status, 204, answer.text);
			assert.equal(await this.left(it), "the new password");
		},
		async left(it) {
			const old = await fits(it, it.password), fresh = await fits(it, it.next);
			assert.notEqual(old, fresh, old ? "both passwords sign in" : "neither password signs in");
			it.owner.now.password = old ? it.password : it.next;
			return old ? "the old password" : "the new password";
		},
	},
};

/** An answer that may be given to a client when something failed here. */
function checkError(answer) {
	assert.ok(answer.status >= 500, `${answer.status} ${answer.text}`);
	assert.equal(answer.headers["content-type"], "application/problem+json");
	assert.match(answer.headers["x-request-id"] ?? "", /^[\w.:-]{8,128}$/);
	const problem = answer.json();
	assert.equal(problem.status, answer.status, answer.text);
	assert.ok(["500 internal_error", "503 unavailable", "503 busy"].includes(`${problem.status} ${problem.code}`), answer.text);
}

/** It ends when it is told to, and no sanitizer has complained. */
export async function checkClean(worker) {
	const end = await worker.stop();
	assert.equal(worker.reports(), "");
	assert.deepEqual(end, { code: 0, signal: null }, worker.log.slice(-2000));
}

/** Whatever failed: each account made since then and session of these tests has the one line that tells of it, no line tells of what was not done, and the chains hold. */
export async function checkAudit(since) {
	const done = await ctl(["audit", "verify"]);
	assert.equal(done.code, 0, done.stdout + done.stderr);
	const lines = (event, about) => `(SELECT COUNT(*) FROM audit a WHERE a.event = '${event}' AND a.outcome = 'ok' AND ${about})`;
	/* Of others, whose clock went wrong, sessions may have been cleaned up. */
	const theirs = `u.email LIKE '%@fault.example' AND u.created_at >= ${q(since)}`;
	assert.deepEqual(await sql(`SELECT u.id FROM users u WHERE ${theirs} AND ${lines("user.register", "a.subject = u.id")} <> 1`), [], "an account without its line");
	assert.deepEqual(await sql(`SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE ${theirs} AND s.id NOT LIKE '00000000-%' AND ${lines("session.login", "a.actor = u.id AND a.session = s.id")} <> 1`), [], "a session without its line");
	assert.deepEqual(await sql(`SELECT a.id FROM audit a JOIN users u ON u.id = a.subject WHERE ${theirs} AND a.event = 'session.login' AND a.outcome = 'ok' AND a.session NOT IN (SELECT id FROM sessions)`), [], "a line of a session that never was");
	assert.deepEqual(await sql(`SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id WHERE ${theirs} AND s.ended_for = 'logout' AND (SELECT COUNT(*) FROM audit a WHERE a.event LIKE 'session.logout%' AND a.subject = u.id AND (a.session = s.id OR a.event = 'session.logout_everywhere')) = 0`), [], "a session that was ended without a line");
	assert.deepEqual(await sql(`SELECT a.id FROM audit a JOIN users u ON u.id = a.subject JOIN sessions s ON s.id = a.session WHERE ${theirs} AND a.event LIKE 'session.logout%' AND s.ended_at IS NULL`), [], "a line of a log-out that never was");
	assert.deepEqual(await sql(`SELECT u.id FROM users u WHERE ${theirs} AND u.password_version <> 1 + ${lines("user.password", "a.subject = u.id")}`), [], "a password without its line");
}

const TOKEN_MS = 300_000; /* a walk takes longer than a token is good for */

async function servesAgain(worker, user) {
	if (Date.now() > (user.until ?? 0))
		Object.assign(user, { token: await session(user), until: Date.now() + TOKEN_MS });
	for (const end = Date.now() + AGAIN_MS; ;) {
		const answer = await me(worker, user.token);
		if (answer?.status === 200)
			return;
		assert.equal(answer?.status, 503, `then it answers ${answer?.status} ${answer?.text}`);
		assert.ok(Date.now() < end, `not again within ${AGAIN_MS} ms`);
		await new Promise((done) => setTimeout(done, 50));
	}
}

const words = (tally) => [...tally].sort().map(([what, n]) => `${n} ${what}`).join(", ");

/** The numbers that are tried: every one, or in the short form every so many from a random one on. */
export function* numbers(every) {
	const from = Number(process.env.LATCH_FAULT_FROM ?? (FULL ? 1 : 1 + Math.floor(Math.random() * every)));
	for (let n = from; ; n += FULL ? 1 : every)
		yield n;
}

/** One scene with its Nth call failing, for N = 1, 2, 3, ... until nothing fails; tells what came of it. */
export async function walk(t, name, fault, { every = 7 } = {}) {
	const scene = scenes[name], other = await somebody();
	let user;
	const tally = new Map(), wrong = [], add = (what) => tally.set(what, (tally.get(what) ?? 0) + 1);
	let worker = await new Worker().start(), first, last;
	await servesAgain(worker, other);

	async function once(n) {
		/* An old session ends when its user has too many new ones. */
		user = n % 16 === 1 || user === undefined ? await somebody() : user;
		const it = await scene.begin(user);
		worker.inject({ ...fault, nth: n });
		const answer = await scene.ask(worker, it);
		const { hits, what } = worker.result();
		const which = `${name}, call ${n} (${what})`;
		try {
			assert.ok(answer, `no answer: ${worker.log.slice(-1000)}`);
			if (answer.status < 300 || hits === 0) {
				await scene.good(answer, it);
				add(hits > 0 ? "answered all the same" : "without a fault");
			} else {
				checkError(answer);
				add(`${answer.status}; ${await scene.left(it, answer)}`);
			}
			await servesAgain(worker, other);
		} catch (error) {
			wrong.push(`${which}: ${error.message.split("\n").slice(0, 12).join(" ")}`);
			if (worker.end)
				worker = await new Worker().start();
		}
		return hits;
	}

	let quiet = 0;
	for (const n of numbers(every)) {
		first ??= n;
		last = n;
		quiet = (await once(n)) > 0 ? 0 : quiet + 1;
		if (quiet === QUIET || wrong.length >= WRONG_MAX)
			break;
	}
	t.diagnostic(`${name}: calls ${first} to ${last}${FULL ? "" : `, every ${every}th (LATCH_FAULT_FROM=${first} repeats it)`}: ${words(tally)}`);
	try {
		await checkClean(worker);
	} catch (error) {
		wrong.push(error.message);
	}
	assert.deepEqual(wrong, []);
}

/*
 * libmariadb 3.3 dereferences a few allocations of its own that were refused while it connects, and so does glibc's
 * getservbyname(), which it calls. That is theirs; fcgi-app/db/connection.c sees to it that it is not met in life.
 */
const CRASHES_MAX = 6, LIBRARY = "crashed in a library while it connected";
const firstOfOurs = (report) => /#\d+ \S+ in (\w+ fcgi-app\/[^:]+)/.exec(report)?.[1];
const connecting = ["connect_now fcgi-app/db/connection.c", "db_disconnect fcgi-app/db/connection.c"];
const crashedInLibrary = (worker) => (/ SEGV /.test(worker.reports()) && connecting.includes(firstOfOurs(worker.reports()))) ||
	/: nss_database\.c:.* Assertion/.test(worker.log);

/** The boot with its Nth call failing: it serves, or ends and says why. */
export async function walkBoot(t, fault, { every, jobs = 4 } = {}) {
	const user = await somebody();
	const tally = new Map(), wrong = [], add = (what) => tally.set(what, (tally.get(what) ?? 0) + 1);
	const all = numbers(every);
	let over = false, first, last;

	async function once(n, deep = false) {
		const worker = new Worker({ deep });
		await worker.boot({ ...fault, nth: n });
		try {
			const serves = await worker.booted();
			const { hits, what } = worker.result();
			over = over || hits === 0;
			worker.which = `boot, call ${n} (${what})`;
			if (serves)
				await servesAgain(worker, user);
			await worker.stop();
			/* Whose leak it is takes long to find out. */
			if (!deep && worker.reports().includes("LeakSanitizer"))
				return once(n, true);
			if (fault.domain === MEMORY && crashedInLibrary(worker)) {
				add(LIBRARY);
				return;
			}
			assert.equal(worker.reports(), "");
			if (serves) {
				assert.deepEqual(worker.end, { code: 0, signal: null }, worker.log);
				add(hits > 0 ? "served" : "without a fault");
			} else {
				assert.equal(worker.end.signal, null, worker.log);
				assert.notEqual(worker.end.code, 0, worker.log);
				assert.match(worker.log, /\w/, "it ends, and says nothing");
				add(`ended with ${worker.end.code}`);
			}
		} catch (error) {
			wrong.push(`${worker.which}: ${error.message.split("\n").slice(0, 40).join("\n")}`);
		} finally {
			if (!worker.end)
				await worker.stop();
		}
	}

	await Promise.all(Array.from({ length: jobs }, async () => {
		while (!over && wrong.length < WRONG_MAX) {
			const n = all.next().value;
			first ??= n;
			last = n;
			await once(n);
		}
	}));
	t.diagnostic(`boot: calls ${first} to ${last}${FULL ? "" : `, every ${every}th (LATCH_FAULT_FROM=${first} repeats it)`}: ${words(tally)}`);
	assert.deepEqual(wrong, []);
	assert.ok((tally.get(LIBRARY) ?? 0) <= CRASHES_MAX, words(tally));
}
