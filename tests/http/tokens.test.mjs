import assert from "node:assert/strict";
import { createHmac, createPublicKey, generateKeyPairSync, sign as cryptoSign } from "node:crypto";
import { test } from "node:test";
import { expectProblem, get, UUID7 } from "./lib/api.mjs";
import { config } from "./lib/instance.mjs";
import { npm } from "./lib/npm.mjs";
import { login, newSession, newUser, statusOf } from "./lib/users.mjs";

const { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } = await npm("jose");

const user = await newSession();
const [HEAD, BODY, SIGNATURE] = user.token.split(".");
const jwks = (await get("/.well-known/jwks.json")).json();
const asymmetric = config("token_alg") !== "HS256";
const b64 = (value) => Buffer.from(typeof value === "string" || Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString("base64url");
const header = decodeProtectedHeader(user.token);
const claims = decodeJwt(user.token);

async function refused(tokens) {
	assert.equal(await statusOf(user.token), 200, "the token itself must be good, or nothing is shown");
	for (const [what, token] of Object.entries(tokens)) {
		const answer = await get("/users/me", { token });
		assert.equal(answer.status, 401, `${what}: ${answer.status} ${answer.text}`);
		expectProblem(answer, "invalid_token");
	}
}

test("token: an independent library verifies it with the published keys", { skip: !asymmetric && "HS256 publishes no key" }, async () => {
	const { payload, protectedHeader } = await jwtVerify(user.token, createLocalJWKSet(jwks), {
		issuer: config("issuer"), audience: config("audience"), algorithms: [config("token_alg")], typ: "JWT", clockTolerance: 0,
		requiredClaims: ["iss", "sub", "aud", "exp", "iat", "jti", "sid"],
	});
	assert.equal(payload.sub, user.id);
	assert.equal(protectedHeader.alg, config("token_alg"));
});

test("token: its header is alg, kid and typ", () => {
	assert.deepEqual(Object.keys(header).sort(), ["alg", "kid", "typ"]);
	assert.equal(header.typ, "JWT");
	assert.equal(header.alg, config("token_alg"));
	if (asymmetric)
		assert.ok(jwks.keys.some((key) => key.kid === header.kid));
});

test("token: its claims are iss, sub, aud, exp, iat, jti, sid and roles, and no personal data", () => {
	assert.deepEqual(Object.keys(claims).sort(), ["aud", "exp", "iat", "iss", "jti", "roles", "sid", "sub"]);
	assert.equal(claims.iss, config("issuer"));
	assert.equal(claims.aud, config("audience"));
	assert.equal(claims.sub, user.id);
	assert.match(claims.sid, UUID7);
	assert.ok(Number.isInteger(claims.iat) && Number.isInteger(claims.exp));
	assert.equal(claims.exp - claims.iat, Number(config("access_ttl_s")));
	assert.ok(Math.abs(claims.iat - Date.now() / 1000) < 60);
});

test("token: every login has a session and a token id of its own", async () => {
	const someone = await newUser();
	const seen = [];
	for (let i = 0; i < 3; i++)
		seen.push(decodeJwt((await login(someone)).access_token));
	for (const claim of ["jti", "sid"])
		assert.equal(new Set(seen.map((c) => c[claim])).size, 3, claim);
});

test("token: it stays under 4 KB", () => assert.ok(user.token.length < 4096));

test("token: alg none is refused in every spelling", async () => {
	const tokens = {};
	for (const alg of ["none", "None", "NONE", "nOnE", ""]) {
		tokens[`${alg} unsigned`] = `${b64({ ...header, alg })}.${BODY}.`;
		tokens[`${alg} with the old signature`] = `${b64({ ...header, alg })}.${BODY}.${SIGNATURE}`;
		tokens[`${alg} without kid`] = `${b64({ alg, typ: "JWT" })}.${BODY}.`;
	}
	await refused(tokens);
});

test("token: HS256 with the public key as its secret is refused", { skip: !asymmetric && "HS256 itself" }, async () => {
	const jwk = jwks.keys.find((key) => key.kid === header.kid);
	const key = createPublicKey({ key: jwk, format: "jwk" });
	const pem = key.export({ type: "spki", format: "pem" });
	const input = `${b64({ ...header, alg: "HS256" })}.${BODY}`;
	const tokens = {};
	for (const [what, secret] of Object.entries({
		PEM: pem, "PEM without its last newline": pem.trimEnd(), DER: key.export({ type: "spki", format: "der" }), JWK: JSON.stringify(jwk),
		x: Buffer.from(jwk.x ?? jwk.n, "base64url"), "an empty secret": "",
	}))
		tokens[what] = `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
	await refused(tokens);
});

test("token: another algorithm than the key's is refused", async () => {
	const tokens = {};
	for (const alg of ["ES256", "ES384", "ES512", "RS256", "PS256", "HS256", "HS384", "HS512", "EdDSA", "ES256K", "es256"].filter((name) => name !== header.alg))
		tokens[alg] = `${b64({ ...header, alg })}.${BODY}.${SIGNATURE}`;
	await refused(tokens);
});

test("token: somebody else's key under our kid is refused", async () => {
	const input = `${HEAD}.${BODY}`;
	const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
	const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
	await refused({
		ES256: `${input}.${cryptoSign("sha256", Buffer.from(input), { key: ec, dsaEncoding: "ieee-p1363" }).toString("base64url")}`,
		"ES256, DER": `${input}.${cryptoSign("sha256", Buffer.from(input), ec).toString("base64url")}`,
		RS256: `${input}.${cryptoSign("sha256", Buffer.from(input), rsa).toString("base64url")}`,
		HS256: `${input}.${createHmac("sha256", "secret").update(input).digest("base64url")}`,
		"a key that it brings along": (() => {
			const jwk = createPublicKey(ec).export({ format: "jwk" });
			const own = `${b64({ ...header, jwk })}.${BODY}`;
			return `${own}.${cryptoSign("sha256", Buffer.from(own), { key: ec, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
		})(),
	});
});

test("token: an unknown, missing or strange kid is refused", async () => {
	const tokens = { missing: `${b64({ alg: header.alg, typ: "JWT" })}.${BODY}.${SIGNATURE}` };
	for (const kid of ["unknown", "", "../../etc/passwd", "' OR 1=1 --", 5, null, [header.kid], { kid: header.kid }, `${header.kid} `, header.kid.toUpperCase() + "x", "k".repeat(2000)])
		tokens[JSON.stringify(kid).slice(0, 40)] = `${b64({ ...header, kid })}.${BODY}.${SIGNATURE}`;
	await refused(tokens);
});

test("token: changed claims are refused", async () => {
	const tokens = {};
	for (const [name, value] of Object.entries({ sub: "0190b6a4-0000-7000-8000-000000000000", sid: claims.jti, exp: claims.exp + 1000, iat: claims.iat - 1, iss: "http://evil.example", aud: "other", jti: "x", roles: ["admin"] }))
		tokens[name] = `${HEAD}.${b64({ ...claims, [name]: value })}.${SIGNATURE}`;
	for (const name of Object.keys(claims)) {
		const { [name]: _, ...rest } = claims;
		tokens[`without ${name}`] = `${HEAD}.${b64(rest)}.${SIGNATURE}`;
	}
	await refused(tokens);
});

test("token: the parts of two tokens do not mix", async () => {
	const [head2, body2, signature2] = (await newSession()).token.split(".");
	await refused({
		"another's claims": `${HEAD}.${body2}.${SIGNATURE}`,
		"another's signature": `${HEAD}.${BODY}.${signature2}`,
		"parts turned round": `${BODY}.${HEAD}.${SIGNATURE}`,
		"another's header and signature": `${head2}.${BODY}.${signature2}`,
	});
});

test("token: every bit of the signature counts", async () => {
	const bytes = Buffer.from(SIGNATURE, "base64url");
	const tokens = {};
	for (const at of [0, 1, bytes.length >> 1, bytes.length - 1]) {
		const changed = Buffer.from(bytes);
		changed[at] ^= 1;
		tokens[`byte ${at}`] = `${HEAD}.${BODY}.${changed.toString("base64url")}`;
	}
	Object.assign(tokens, {
		empty: `${HEAD}.${BODY}.`,
		"all zero": `${HEAD}.${BODY}.${Buffer.alloc(bytes.length).toString("base64url")}`,
		"one byte less": `${HEAD}.${BODY}.${bytes.subarray(0, -1).toString("base64url")}`,
		"one byte more": `${HEAD}.${BODY}.${Buffer.concat([bytes, Buffer.from([0])]).toString("base64url")}`,
		"padded to 132 bytes": `${HEAD}.${BODY}.${Buffer.concat([Buffer.alloc(34), bytes.subarray(0, 32), Buffer.alloc(34), bytes.subarray(32)]).toString("base64url")}`,
		twice: `${HEAD}.${BODY}.${SIGNATURE}${SIGNATURE}`,
	});
	await refused(tokens);
});

test("token: base64url that is not canonical is refused", async () => {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const last = SIGNATURE.at(-1);
	const twin = alphabet[alphabet.indexOf(last) ^ 1];
	assert.deepEqual(Buffer.from(SIGNATURE.slice(0, -1) + twin, "base64url"), Buffer.from(SIGNATURE, "base64url"), "the same bytes, written otherwise");
	const tokens = {
		"unused bits set": `${HEAD}.${BODY}.${SIGNATURE.slice(0, -1)}${twin}`,
		"padding": `${HEAD}.${BODY}.${SIGNATURE}==`, "padded header": `${HEAD}=.${BODY}.${SIGNATURE}`,
		"a newline": `${HEAD}.${BODY}.${SIGNATURE}%0A`,
		"a dot more": `${user.token}.`, "a dot before": `.${user.token}`, "four parts": `${user.token}.${SIGNATURE}`, "five parts": `${HEAD}.${BODY}.${SIGNATURE}.${BODY}.${SIGNATURE}`,
		"two parts": `${HEAD}.${BODY}`, "one part": HEAD, "no header": `.${BODY}.${SIGNATURE}`, "no claims": `${HEAD}..${SIGNATURE}`, dots: "..",
	};
	const plain = SIGNATURE.replace(/-/g, "+").replace(/_/g, "/");
	if (plain !== SIGNATURE)
		tokens["plain base64"] = `${HEAD}.${BODY}.${plain}`;
	await refused(tokens);
});

test("token: a header that is not ours is refused", async () => {
	const with_ = (h) => `${typeof h === "string" ? b64(h) : b64(h)}.${BODY}.${SIGNATURE}`;
	await refused({
		crit: with_({ ...header, crit: ["exp"] }), typ: with_({ ...header, typ: "at+jwt" }), jku: with_({ ...header, jku: "http://evil.example/jwks.json" }),
		"not JSON": with_("{"), "an array": with_("[]"), "duplicate alg": with_(`{"alg":"none","alg":"${header.alg}","kid":"${header.kid}","typ":"JWT"}`),
		"trailing bytes": with_(`${JSON.stringify(header)}x`), "white space": with_(JSON.stringify(header, null, 1)), "an empty object": with_("{}"),
		"deep nesting": with_(`{"alg":${"[".repeat(500)}`),
	});
});

test("token: claims that are no JSON are refused, signed or not", async () => {
	await refused({ text: `${HEAD}.${b64("claims")}.${SIGNATURE}`, "an array": `${HEAD}.${b64("[]")}.${SIGNATURE}`, "long": `${HEAD}.${b64("x".repeat(2500))}.${SIGNATURE}` });
});
