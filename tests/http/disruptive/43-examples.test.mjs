/* The programs of docs/tokens.md as they stand there, against this instance: they accept what is good, and nothing else. */
import assert from "node:assert/strict";
import { createHmac, createPublicKey, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:net";
import { after, test } from "node:test";
import { folderWith, programs, programText, start } from "../lib/examples.mjs";
import { b64, claimsText, forge, headerOf, openKey, signed } from "../lib/forge.mjs";
import { BASE, config, ctlOk, logText, run, sleep, until } from "../lib/instance.mjs";
import { npm } from "../lib/npm.mjs";
import { login, newSession } from "../lib/users.mjs";

const { decodeJwt, decodeProtectedHeader } = await npm("jose");

const env = { AUTH_URL: BASE, AUTH_ISSUER: config("issuer"), AUTH_AUDIENCE: config("audience") };
const fetches = () => logText().split("route=/.well-known/jwks.json ").length - 1;
const skip = (config("token_alg") !== "ES256" && "the programs accept ES256") || (process.env.LATCH_BUILD === "asan" && "they do not depend on latch's build");

const user = skip ? null : await newSession();
const key = skip ? null : await openKey(decodeProtectedHeader(user.token).kid);
const claims = skip ? {} : decodeJwt(user.token);
const now = Math.floor(Date.now() / 1000);

/* Tokens that are good but for one thing. */
function bad() {
	const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const pem = createPublicKey(key.key).export({ type: "spki", format: "pem" });
	const [head, body, signature] = user.token.split(".");
	const but = (changes) => forge(key, claimsText(Object.fromEntries(Object.entries({ ...claims, ...changes }).filter(([, value]) => value !== undefined))));
	const withHmac = (secret) => {
		const input = `${b64({ alg: "HS256", kid: key.kid, typ: "JWT" })}.${body}`;
		return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
	};
	return {
		"expired": but({ exp: now - 30, iat: now - 930 }),
		"without exp": but({ exp: undefined }),
		"with an exp that is a text": but({ exp: "tomorrow" }),
		"for another audience": but({ aud: "another" }),
		"without audience": but({ aud: undefined }),
		"of another issuer": but({ iss: "https://evil.example" }),
		"of an issuer with a slash more": but({ iss: `${claims.iss}/` }),
		"without issuer": but({ iss: undefined }),
		"without subject": but({ sub: undefined }),
		"alg none": `${b64({ alg: "none", kid: key.kid, typ: "JWT" })}.${body}.`,
		"alg none with the signature": `${b64({ alg: "none", kid: key.kid, typ: "JWT" })}.${body}.${signature}`,
		"alg nOnE": `${b64({ alg: "nOnE", kid: key.kid, typ: "JWT" })}.${body}.`,
		"HS256 keyed with the public key in PEM": withHmac(pem),
		"HS256 keyed with the public key in PEM, trimmed": withHmac(pem.trim()),
		"HS256 keyed with nothing": withHmac(""),
		"of a key that is not in the set": forge({ ...key, key: other.privateKey, kid: "0123456789abcdef0123" }, claimsText(claims)),
		"of another key under this kid": forge({ ...key, key: other.privateKey }, claimsText(claims)),
		"of the key in its own header": signed({ ...key, key: other.privateKey }, b64({ ...JSON.parse(headerOf(key)), jwk: other.publicKey.export({ format: "jwk" }) }), body),
		"without kid, of another key": signed({ ...key, key: other.privateKey }, b64({ alg: "ES256", typ: "JWT" }), body),
		"with another body": `${head}.${b64({ ...claims, sub: "01a20000-0000-7000-8000-000000000000" })}.${signature}`,
		"without signature": `${head}.${body}.`,
		"cut": user.token.slice(0, -1),
		"doubled": `${user.token}.${user.token}`,
		"of two parts": `${head}.${body}`,
		"nothing": "",
		"dots": "..",
		"a word": "garbage",
		"other letters": "gärbäge.gärbäge.gärbäge",
		"JSON": JSON.stringify(claims),
		"a header that is a list": `${b64([1])}.${body}.${signature}`,
		"a kid that is a list": `${b64({ alg: "ES256", kid: [key.kid], typ: "JWT" })}.${body}.${signature}`,
		"100 KB": `${head}.${"A".repeat(100_000)}.${signature}`,
	};
}

const silent = createServer(() => {}).listen(0, "127.0.0.1");
after(() => silent.close());

for (const [name, program] of Object.entries(programs)) {
	test(`docs/tokens.md: ${name}: accepts what is good, and refuses all else with a reason`, { skip: skip || program.lacks, timeout: 60_000 }, async (t) => {
		program.command = await program.prepare(folderWith(program.file));
		const running = start(program.command, env);
		t.after(running.kill);
		const before = fetches();
		assert.equal(await running.ask(user.token), user.id);
		for (const [what, token] of Object.entries(bad()))
			assert.match(await running.ask(token), /^refused: (?!no keys).{5}/, what);
		const other = await newSession();
		assert.equal(await running.ask(other.token), other.id);
		assert.equal(await running.end(), 1, "its exit status");
		assert.equal(fetches() - before, 1, "the set is kept, and a made-up kid does not fetch it again within ten seconds");
		const content = start(program.command, env);
		assert.equal(await content.ask(user.token), user.id);
		assert.equal(await content.end(), 0);
	});
}

test("docs/tokens.md: each learns of a key that keys rotate --now made, and none lets in or waits for ever where there are no keys", { skip, timeout: 90_000 }, async (t) => {
	const able = Object.entries(programs).filter(([, { command }]) => command);
	const set = (url) => able.map(([name, { command }]) => ({ name, ...start(command, { ...env, AUTH_URL: url }) }));
	const running = set(BASE), deaf = set(`http://127.0.0.1:${silent.address().port}`), nowhere = set("http://127.0.0.1:1");
	t.after(() => [...running, ...deaf, ...nowhere].forEach(({ kill }) => kill()));
	assert.ok(running.length >= 1);

	const deafSince = Date.now();
	const deafAnswers = deaf.map(async ({ name, ask }) => {
		assert.match(await ask(user.token), /^refused: .*(key|timed|time|fetch)/i, name);
		assert.ok(Date.now() - deafSince > 4000 && Date.now() - deafSince < 9000, `${name}: ${Date.now() - deafSince} ms`);
	});
	for (const { name, ask } of nowhere)
		assert.match(await ask(user.token), /^refused: .*(key|fetch)/i, name);
	for (const { name, ask } of running)
		assert.equal(await ask(user.token), user.id, name);
	await ctlOk(["keys", "rotate", "--now"]);
	const fresh = await until(async () => {
		const { access_token: token } = await login(user);
		return decodeProtectedHeader(token).kid !== key.kid && token;
	}, 10_000, "a token of the new key");
	/* Ten seconds after the first fetch at the latest; what the set has is good all the while. */
	await Promise.all(running.map(async ({ name, ask }) => {
		for (const end = Date.now() + 12_000; await ask(fresh) !== user.id; await sleep(250)) {
			assert.ok(Date.now() < end, `${name} does not learn of the new key`);
			assert.equal(await ask(user.token), user.id, name);
		}
		assert.equal(await ask(user.token), user.id, name);
	}));
	await Promise.all(deafAnswers);
});

test("docs/tokens.md: the PHP program is PHP", { skip: skip || ((await run("php", ["-v"]).catch(() => ({ code: 1 }))).code !== 0 && "php-cli is not installed") }, async () => {
	const done = await run("php", ["-d", "display_errors=stderr", "-l"], { input: programText("check.php") });
	assert.equal(done.code, 0, done.stderr + done.stdout);
});
