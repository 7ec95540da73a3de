/* kill -9 of workers under load: what it costs, and that it costs nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { send } from "../http/lib/http.mjs";
import { config, sleep, until, workers } from "../http/lib/instance.mjs";
import { newSession, newUser, tryLogin } from "../http/lib/users.mjs";
import { form, lanes, memory, progress, quantile, worst } from "./lib/fault.mjs";

const SECONDS = form(60, 8);
const PAUSE_MS = 150;
const size = Number(config("workers"));
const hashKib = Number(config("argon2_memory_kib"));
/* One asks, the other logs in: somebody's many log-ins end his oldest session. */
const user = await newSession();
const other = await newUser();

const login = () => send("POST", "/auth/login", { headers: { "Content-Type": "application/json" }, body: JSON.stringify({ email: other.email, password: other.password }) });
const me = () => send("GET", "/users/me", { headers: { Authorization: `Bearer ${user.token}` } });

/* What memory of its own a worker has says whether it is at a hash, and so in a lane; stopped, it stays there. */
function hashes(pid) {
	try {
		return memory(pid).RssAnon > hashKib / 2;
	} catch {
		return false;
	}
}

/** Kills one worker, in the middle of a hash where there is one, when that is asked for: whether it was in a lane. */
async function killOne(inLane) {
	const all = workers();
	let victim = all[Math.floor(Math.random() * all.length)];
	for (const end = Date.now() + 500; inLane && Date.now() < end; await sleep(1)) {
		const found = all.find(hashes);
		if (found) {
			victim = found;
			break;
		}
	}
	process.kill(victim, "SIGSTOP");
	const held = hashes(victim);
	process.kill(victim, "SIGKILL");
	return { victim, held, at: performance.now() };
}

test(`kill -9 of random workers under load for ${SECONDS} s: each costs one request at most, the pool is whole within a second, no lane is lost`, { timeout: 300_000 }, async (t) => {
	const idle = await lanes();
	assert.deepEqual([idle.free, idle.places, idle.shares], [idle.size, idle.room, 0], "the lanes before");
	assert.ok(idle.size >= 1);
	const kills = [], failures = [];
	let over = false, good = 0;
	const client = async (ask) => {
		while (!over) {
			const from = performance.now();
			const answer = await ask().catch((error) => ({ status: error.message, text: "" }));
			if (answer.status === 200)
				good++;
			else
				failures.push({ status: answer.status, text: answer.text, from, to: performance.now() });
		}
	};
	/* As many log-ins as there are lanes, and one that waits: none is refused as busy, and every lane is always taken. */
	const load = Promise.all([...Array.from({ length: idle.size + 1 }, () => client(login)), ...Array.from({ length: 5 }, () => client(me))]);
	const quiet = progress(() => `${kills.length} kills, ${good} requests answered, ${failures.length} failed`);
	try {
		for (const end = Date.now() + SECONDS * 1000; Date.now() < end; await sleep(PAUSE_MS * Math.random())) {
			const kill = await killOne(kills.length % 2 === 0);
			await until(() => !workers().includes(kill.victim) && workers().length === size, 5000, "a whole pool");
			kills.push({ ...kill, whole: performance.now() - kill.at });
		}
	} finally {
		over = true;
		quiet();
	}
	await load;
	const held = kills.filter((kill) => kill.held).length, whole = kills.map((kill) => kill.whole);
	t.diagnostic(`${kills.length} kills, ${held} of them in a lane; ${good} requests answered, ${failures.length} failed; the pool was whole again after ${quantile(whole, 0.5).toFixed(0)} ms (median), ${worst(whole).toFixed(0)} ms (worst)`);
	assert.ok(kills.length >= SECONDS && held >= kills.length / 10, "too few kills, or too few of them in a lane");
	assert.ok(good > 2 * kills.length, "hardly any load");
	assert.ok(failures.length <= kills.length, `${failures.length} requests failed by ${kills.length} kills: ${JSON.stringify(failures.slice(0, 5))}`);
	/* Each failure has a kill of its own that happened while it was asked. */
	const free = new Set(kills);
	for (const failure of failures) {
		const cause = [...free].find((kill) => kill.at >= failure.from - 5 && kill.at <= failure.to);
		assert.ok(cause, `a request failed without a kill: ${JSON.stringify(failure)}`);
		free.delete(cause);
	}
	assert.ok(worst(whole) < 1000, `the pool was not whole for ${worst(whole).toFixed(0)} ms`);

	const after = await until(async () => {
		const now = await lanes();
		return now.free === now.size && now.places === now.room && now.shares === 0 && now;
	}, 2000, "the lanes full again");
	assert.deepEqual(after, idle, "the lanes afterwards");
	/* And they can all be used: as many log-ins at once as may be in a lane or wait for one. */
	for (const answer of await Promise.all(Array.from({ length: idle.room }, () => tryLogin(other.email, other.password, { patient: false }))))
		assert.equal(answer.status, 200, answer.text);
});
