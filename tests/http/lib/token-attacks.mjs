/*
 * What can be wrong with a token, each as {what: token}: for a key of any algorithm (lib/forge.mjs) and the claims of a
 * good token. Each differs from a good one in the one thing that its name says; where it can, with a right signature.
 */
import { constants, createHmac, createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { b64, claimsText, forge, headerOf, raw, signatureOf, signed } from "./forge.mjs";

const p1363 = (hash, input, key) => sign(hash, Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
const named = (list, make) => Object.fromEntries(list.map((one) => [`${one}`.slice(0, 60), make(one)]));

/** A good token, to show that it is the attack that is refused. */
export const good = (key, claims) => forge(key, claimsText(claims));

/** alg none in every spelling and type, with no signature, another's, and an empty key's. */
export function none(key, claims) {
	const out = {};
	const body = b64(claimsText(claims));
	const spellings = ['"none"', '"None"', '"NONE"', '"nOnE"', '"none "', '" none"', '"no\\u006ee"', '"none\\u0000"', '""', "null", "true", "false", "0", "1", "[]", '["none"]', "{}", '{"alg":"none"}'];
	const heads = { missing: `{"kid":"${key.kid}","typ":"JWT"}`, "without kid": '{"alg":"none"}', "alone": '{"alg":"none","typ":"JWT"}',
		"and ours": `{"alg":"none","alg":"${key.alg}","kid":"${key.kid}","typ":"JWT"}`, "ours and": `{"alg":"${key.alg}","alg":"none","kid":"${key.kid}","typ":"JWT"}` };
	for (const spelling of spellings)
		heads[spelling] = `{"alg":${spelling},"kid":"${key.kid}","typ":"JWT"}`;
	for (const [what, head] of Object.entries(heads)) {
		const input = `${b64(head)}.${body}`;
		Object.assign(out, {
			[`none: ${what}, unsigned`]: `${input}.`, [`none: ${what}, without the last dot`]: input, [`none: ${what}, signed`]: signed(key, b64(head), body),
			[`none: ${what}, with the empty key's MAC`]: `${input}.${createHmac("sha256", "").update(input).digest("base64url")}`,
		});
	}
	return out;
}

/** HS256 keyed with everything that is public of an asymmetric key; `jwks` is the published set's text. */
export function confusion(key, claims, jwks) {
	const out = {};
	const publicKey = createPublicKey(key.key);
	const jwk = JSON.parse(jwks).keys.find((one) => one.kid === key.kid);
	const pem = publicKey.export({ type: "spki", format: "pem" });
	const start = jwks.lastIndexOf("{", jwks.indexOf(key.kid));
	const secrets = {
		PEM: pem, "PEM without newline": pem.trimEnd(), "PEM with CRLF": pem.replaceAll("\n", "\r\n"), "PEM in one line": pem.replaceAll("\n", ""),
		"the PEM's middle": pem.split("\n").slice(1, -2).join("\n"), DER: publicKey.export({ type: "spki", format: "der" }),
		"JWK as published": jwks.slice(start, jwks.indexOf("}", start) + 1), "JWK as node writes it": JSON.stringify(publicKey.export({ format: "jwk" })),
		"JWK with kid": JSON.stringify(jwk), "JWK Set": jwks, "its first number": Buffer.from(jwk.x ?? jwk.n, "base64url"), "its first number's text": jwk.x ?? jwk.n, kid: key.kid, empty: "", zeros: Buffer.alloc(32),
	};
	if (jwk.kty === "EC")
		secrets.point = Buffer.concat([Buffer.from([4]), Buffer.from(jwk.x, "base64url"), Buffer.from(jwk.y, "base64url")]);
	else
		secrets["PKCS #1"] = publicKey.export({ type: "pkcs1", format: "pem" });
	for (const [what, secret] of Object.entries(secrets))
		for (const [where, head] of Object.entries({ "its kid": `{"alg":"HS256","kid":"${key.kid}","typ":"JWT"}`, "no kid": '{"alg":"HS256","typ":"JWT"}', "its own header": headerOf(key) })) {
			const input = `${b64(head)}.${b64(claimsText(claims))}`;
			out[`HS256 keyed with ${what}, ${where}`] = `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
		}
	return out;
}

const algorithms = ["ES256", "ES256K", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "HS256", "HS384", "HS512", "EdDSA"];

/** Signatures by this key, or one of its kind, in another algorithm than its own. */
function otherSignatures(key, input) {
	if (key.alg === "HS256")
		return { HS384: createHmac("sha384", key.key).update(input).digest(), HS512: createHmac("sha512", key.key).update(input).digest(), "HS256 of its hex": createHmac("sha256", key.key.toString("hex")).update(input).digest() };
	if (key.alg === "RS256")
		return {
			PS256: sign("sha256", Buffer.from(input), { key: key.key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }), RS384: sign("sha384", Buffer.from(input), key.key), RS512: sign("sha512", Buffer.from(input), key.key),
		};
	const k1 = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey, p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey, ed = generateKeyPairSync("ed25519").privateKey;
	return { ES256K: p1363("sha256", input, k1), ES384: p1363("sha384", input, p384), "ES384 with P-256": p1363("sha384", input, key.key), EdDSA: sign(null, Buffer.from(input), ed) };
}

/** Another algorithm in the header, over its own signature; and another's signature under its own header. */
export function swapped(key, claims) {
	const body = b64(claimsText(claims));
	const own = `${b64(headerOf(key))}.${body}`;
	const out = {};
	for (const alg of [...algorithms.filter((name) => name !== key.alg), key.alg.toLowerCase(), `${key.alg} `, `${key.alg}\u0000`])
		out[`alg ${JSON.stringify(alg)} over a signature of ${key.alg}`] = signed(key, b64({ alg, kid: key.kid, typ: "JWT" }), body);
	for (const [what, bytes] of Object.entries(otherSignatures(key, own)))
		out[`${what} under a header of ${key.alg}`] = `${own}.${bytes.toString("base64url")}`;
	for (const alg of algorithms.filter((name) => name !== key.alg)) {
		const input = `${b64({ alg, kid: key.kid, typ: "JWT" })}.${body}`;
		const bytes = otherSignatures(key, input)[alg];
		if (bytes)
			out[`${alg} throughout`] = `${input}.${bytes.toString("base64url")}`;
	}
	return out;
}

/** kid of every sort, signed with the key. */
export function kids(key, claims) {
	const body = b64(claimsText(claims));
	const texts = {};
	for (const kid of ["", "unknown", "../../../../dev/null", "/etc/passwd", "file:///dev/null", `./${key.kid}`, "' OR '1'='1", `${key.kid}' -- `, `x' UNION SELECT '${key.kid}`, `${key.kid}\u0000`, `\u0000${key.kid}`, "\u0000", ` ${key.kid}`, `${key.kid} `, `${key.kid}\n`,
		key.kid.toUpperCase().replace(/^[0-9]*$/, (digits) => `${digits}A`), key.kid.slice(1), `${key.kid}0`, "%s%s%n", "${jndi:ldap://127.0.0.1/x}", "\u{1f510}", "k".repeat(2000), 5, -1, 0.5, 1e300, true, false, null, [], [key.kid], {}, { kid: key.kid }])
		texts[`kid ${JSON.stringify(kid)}`] = `{"alg":"${key.alg}","kid":${JSON.stringify(kid)},"typ":"JWT"}`;
	Object.assign(texts, {
		"kid missing": `{"alg":"${key.alg}","typ":"JWT"}`, "kid twice": `{"alg":"${key.alg}","kid":"x","kid":"${key.kid}","typ":"JWT"}`, "kid, then another": `{"alg":"${key.alg}","kid":"${key.kid}","kid":"x","typ":"JWT"}`,
		"kid with an escape": `{"alg":"${key.alg}","kid":"\\u00${key.kid.charCodeAt(0).toString(16)}${key.kid.slice(1)}","typ":"JWT"}`, "KID": `{"alg":"${key.alg}","KID":"${key.kid}","typ":"JWT"}`,
	});
	return Object.fromEntries(Object.entries(texts).map(([what, text]) => [what, signed(key, b64(text), body)]));
}

/** Headers that bring a key along, or where to get one, at `url`; signed with the stranger's key and with ours. */
export function bringers(key, claims, url) {
	const body = b64(claimsText(claims));
	const stranger = { alg: "ES256", kid: key.kid, key: generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey };
	const jwk = createPublicKey(stranger.key).export({ format: "jwk" });
	const x5c = [createPublicKey(stranger.key).export({ type: "spki", format: "der" }).toString("base64")];
	const out = {};
	const members = { jwk: { jwk }, "jwk with our kid": { jwk: { ...jwk, kid: key.kid, alg: "ES256" } }, "jwk of a secret": { jwk: { kty: "oct", k: "" } }, jku: { jku: `${url}/jwks.json` }, x5u: { x5u: `${url}/cert.pem` }, x5c: { x5c },
		x5t: { x5t: "AAAA", "x5t#S256": "AAAA" }, "jku and x5u": { jku: url, x5u: url }, "kid as address": { kid: `${url}/key` } };
	for (const [what, more] of Object.entries(members))
		for (const [whose, by] of Object.entries({ stranger, ours: key })) {
			out[`${what}, signed by ${whose}`] = signed(by, b64({ alg: by.alg, kid: key.kid, typ: "JWT", ...more }), body);
			if (!more.kid)
				out[`${what}, signed by ${whose}, without kid`] = signed(by, b64({ alg: by.alg, typ: "JWT", ...more }), body);
		}
	out["iss as address"] = forge(key, claimsText({ ...claims, iss: url }));
	return out;
}

/** Headers that ask for something, or are written otherwise; signed with the key. */
export function headers(key, claims) {
	const body = b64(claimsText(claims));
	const plain = { alg: key.alg, kid: key.kid, typ: "JWT" };
	const texts = {
		"crit exp": { ...plain, crit: ["exp"] }, "crit b64, b64 false": { ...plain, b64: false, crit: ["b64"] }, "b64 false": { ...plain, b64: false }, "b64 true": { ...plain, b64: true }, "crit empty": { ...plain, crit: [] }, "crit text": { ...plain, crit: "exp" }, "crit unknown": { ...plain, crit: ["x"], x: 1 },
		"typ at+jwt": { ...plain, typ: "at+jwt" }, "typ jwt": { ...plain, typ: "jwt" }, "typ JOSE": { ...plain, typ: "JOSE" }, "typ null": { ...plain, typ: null }, "typ missing": { alg: key.alg, kid: key.kid }, cty: { ...plain, cty: "JWT" }, zip: { ...plain, zip: "DEF" }, enc: { ...plain, enc: "A128GCM" },
		"another order": { typ: "JWT", alg: key.alg, kid: key.kid }, "white space": ` ${headerOf(key)}`, "trailing bytes": `${headerOf(key)}x`, "trailing NUL": `${headerOf(key)}\0`, "a byte order mark": `\ufeff${headerOf(key)}`, "an array": `[${headerOf(key)}]`, null: "null", text: '"JWT"', "no JSON": "{", nothing: "",
		"a lone surrogate": headerOf(key).replace("}", ',"x":"\\ud800"}'), "depth": `{"alg":${"[".repeat(2500)}`,
	};
	return { ...Object.fromEntries(Object.entries(texts).map(([what, text]) => [`header: ${what}`, signed(key, b64(text), body)])),
		"b64 false, the claims as they are": signed(key, b64({ ...plain, b64: false, crit: ["b64"] }), "claims") };
}

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const bytes32 = (number) => Buffer.from(number.toString(16).padStart(64, "0"), "hex");

/** DER of two numbers (RFC 3279, 2.2.3). */
function der(raw) {
	const number = (bytes) => {
		const trimmed = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
		const whole = trimmed[0] & 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed;
		return Buffer.concat([Buffer.from([2, whole.length]), whole]);
	};
	const body = Buffer.concat([number(raw.subarray(0, 32)), number(raw.subarray(32))]);
	return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

function es256Signatures(right) {
	const [r, s] = [right.subarray(0, 32), right.subarray(32)];
	const zero = Buffer.from([0]);
	const out = { DER: der(right), "s and r": Buffer.concat([s, r]), "a zero before each number": Buffer.concat([zero, r, zero, s]), "132 bytes": Buffer.concat([Buffer.alloc(34), r, Buffer.alloc(34), s]) };
	const numbers = { 0: 0n, 1: 1n, "n-1": ORDER - 1n, n: ORDER, "n+1": ORDER + 1n, "2^256-1": (1n << 256n) - 1n };
	for (const [a, one] of Object.entries(numbers)) {
		out[`r ${a}`] = Buffer.concat([bytes32(one), s]);
		out[`s ${a}`] = Buffer.concat([r, bytes32(one)]);
		for (const [b, two] of Object.entries(numbers))
			out[`r ${a}, s ${b}`] = Buffer.concat([bytes32(one), bytes32(two)]);
	}
	return out;
}

function rs256Signatures(right, key) {
	const n = Buffer.from(createPublicKey(key).export({ format: "jwk" }).n, "base64url");
	const number = (value) => Buffer.from(value.toString(16).padStart(2 * n.length, "0"), "hex");
	const modulus = BigInt(`0x${n.toString("hex")}`);
	return { one: number(1n), "n-1": number(modulus - 1n), n, "n and more": number(modulus + BigInt(`0x${right.toString("hex")}`)), "a long signature": Buffer.alloc(512, 1), "longer": Buffer.alloc(900, 1) };
}

/** Signatures that are none, under the right header and claims. */
export function signatures(key, claims) {
	const input = `${b64(headerOf(key))}.${b64(claimsText(claims))}`;
	const right = signatureOf(key, input);
	const changed = (at) => Buffer.from(right.map((byte, i) => (i === at ? byte ^ 1 : byte)));
	const all = {
		nothing: Buffer.alloc(0), "all zero": Buffer.alloc(right.length), "all one": Buffer.alloc(right.length, 255), "a byte less": right.subarray(0, -1), "the first byte gone": right.subarray(1), "half": right.subarray(0, right.length / 2), "a byte more": Buffer.concat([right, Buffer.from([0])]),
		"a byte before": Buffer.concat([Buffer.from([0]), right]), twice: Buffer.concat([right, right]), "the first byte changed": changed(0), "the last byte changed": changed(right.length - 1), "its text": Buffer.from(right.toString("base64url")), "another's": signatureOf(key, `${input}x`),
		...(key.alg === "ES256" ? es256Signatures(right) : key.alg === "RS256" ? rs256Signatures(right, key.key) : {}),
	};
	return Object.fromEntries(Object.entries(all).map(([what, bytes]) => [`signature: ${what}`, `${input}.${bytes.toString("base64url")}`]));
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/** The same bytes with the bits set that the last letter has to spare. */
const twin = (text) => text.slice(0, -1) + ALPHABET[ALPHABET.indexOf(text.at(-1)) ^ 1];
const plain = (text) => text.replaceAll("-", "+").replaceAll("_", "/");

/** Every part in other base64 than the canonical, the signature being over the text as it is sent. */
export function encodings(key, claims) {
	const out = {};
	const head = b64(headerOf(key));
	let text, body, sig;
	/* Claims whose length leaves bits to spare; and they and their signature have a letter that plain base64 writes otherwise. */
	for (let n = 0; n === 0 || Buffer.byteLength(text) % 3 === 0 || plain(body) === body || plain(sig) === sig; n++) {
		text = claimsText({ ...claims, pad: `\u00ff\u00fe\u00ff~?${n}${"x".repeat(n % 3)}` });
		body = b64(text);
		sig = signatureOf(key, `${head}.${body}`).toString("base64url");
	}
	const ways = { "padded": (part) => `${part}=`, "padded twice": (part) => `${part}==`, "with a space in it": (part) => `${part.slice(0, 9)} ${part.slice(9)}`, "with a tab in it": (part) => `${part.slice(0, 9)}\t${part.slice(9)}`, "with %3D": (part) => `${part}%3D`, "with a letter more": (part) => `${part}A`,
		"with a star": (part) => `${part}*`, "with a letter beyond ASCII": (part) => `${part}\u00e9`, "with bits to spare": (part) => (part.length % 4 === 0 ? null : twin(part)), "in plain base64": (part) => (plain(part) === part ? null : plain(part)) };
	for (const [what, way] of Object.entries(ways)) {
		if (way(head))
			out[`header ${what}`] = signed(key, way(head), body);
		if (way(body))
			out[`claims ${what}`] = signed(key, head, way(body));
		if (way(sig))
			out[`signature ${what}`] = `${head}.${body}.${way(sig)}`;
	}
	return out;
}

/** Other numbers of dots, and the JSON serialisations (RFC 7515, 7.2). */
export function shapes(key, claims) {
	const token = good(key, claims);
	const [head, body, sig] = token.split(".");
	const flat = { payload: body, protected: head, signature: sig };
	return {
		"no dot": token.replaceAll(".", ""), "the header alone": head, "one dot": `${head}.${body}`, "one dot, no header": `${body}.${sig}`, "three dots": `${token}.${sig}`, "four dots": `${token}.${sig}.${sig}`, "a dot behind": `${token}.`, "a dot before": `.${token}`, "two dots between": `${head}..${body}.${sig}`,
		"two dots alone": "..", "a dot alone": ".", "four dots alone": "....", "as encrypted": `${head}..${body}.${sig}.${sig}`, "no header": `.${body}.${sig}`, "detached": `${head}..${sig}`, "no signature": `${head}.${body}.`,
		"JSON, flattened": JSON.stringify(flat), "JSON, general": JSON.stringify({ payload: body, signatures: [{ protected: head, signature: sig }] }), "JSON with spaces": JSON.stringify(flat, null, 1).replaceAll("\n", " "), "JSON of one member": `{"token":"${token}"}`, "in quotes": `"${token}"`, "in brackets": `<${token}>`,
		"the token in base64": b64(token), "a token in a token": signed(key, head, b64(token)), "a quote behind a comma": `${token},"x"`,
	};
}

/** Claims that do not hold, with a right signature: latch's own way of writing, but for what the name says. */
export function claimsAttacks(key, claims) {
	const now = Math.floor(Date.now() / 1000);
	const text = claimsText(claims);
	const withClaim = (name, values) => named(values, (value) => claimsText({ ...claims, [name]: raw(value) }));
	const texts = {};
	const add = (name, values) => Object.entries(withClaim(name, values)).forEach(([value, one]) => (texts[`${name} ${value}`] = one));
	add("exp", [`"${claims.exp}"`, "-1", "0", `-${claims.exp}`, "1e400", "-1e400", "9223372036854775808", "18446744073709551616", "1".repeat(400), `${now}`, `${now - 1}`, `${claims.exp}.5`, `${claims.exp}.0`, "1e10", "null", "true", "[]", `[${claims.exp}]`, "{}", "NaN", "Infinity", "0x7fffffff", '""']);
	add("iat", [`${now + 3600}`, "9223372036854775807", "9223372036854775808", "1e400", `"${claims.iat}"`, "null", "true", "[]", `${claims.iat}.5`, "-1", "0"]);
	add("nbf", [`${now + 3600}`, "9223372036854775807", "9223372036854775808", "1e400", `"${claims.iat}"`, "null", "true", "[0]", `${claims.iat}.5`]);
	for (const name of ["aud", "iss"]) {
		const value = claims[name];
		add(name, ['""', "null", "true", "5", `["${value}"]`, `["${value}","x"]`, "[]", "{}", `{"${value}":1}`, `"${value} "`, `" ${value}"`, `"${value}/"`, `"${value}\\u0000"`, `"${value.toUpperCase()}X"`, '"http://evil.example"', '"*"']);
	}
	for (const name of ["sub", "sid"])
		add(name, ['""', "null", "5", "true", `["${claims[name]}"]`, "{}", '"admin"', `"${claims[name]}\\u0000"`, `"${claims[name]} "`, `"{${claims[name]}}"`, `"' OR '1'='1"`, `"${claims[name].slice(0, -1)}"`, '"%s"', "0"]);
	for (const name of ["aud", "exp", "iat", "iss", "sid", "sub"])
		texts[`${name} missing`] = claimsText(Object.fromEntries(Object.entries(claims).filter(([one]) => one !== name)));
	for (const [name, other] of [["exp", "1"], ["exp", `${claims.exp}`], ["sub", '"x"'], ["iss", '"x"'], ["jti", '"x"']]) {
		const at = text.indexOf(`"${name}":`);
		texts[`${name} twice, ${other} first`] = `${text.slice(0, at)}"${name}":${other},${text.slice(at)}`;
		texts[`${name} twice, ${other} last`] = `${text.slice(0, -1)},"${name}":${other}}`;
	}
	Object.assign(texts, {
		"a claim twice inside another": text.replace("}", ',"x":{"y":1,"y":2}}'), "a name with an escape": text.replace('"exp"', '"\\u0065xp"'), "a lone surrogate": claimsText({ ...claims, n: raw('"\\ud800"') }), "surrogates turned round": claimsText({ ...claims, n: raw('"\\udc00\\ud800"') }),
		"a lone surrogate in a name": text.replace("}", ',"\\udfff":1}'), "a byte order mark": `\ufeff${text}`, "white space before": ` ${text}`, "white space within": text.replace(",", ", "), "a newline behind": `${text}\n`, "bytes behind": `${text}x`, "an object behind": `${text}{}`, "NUL behind": `${text}\0`, "NUL and more behind": `${text}\0${text}`,
		"another order": `{"sub":${JSON.stringify(claims.sub)},${text.slice(1).replace(/,"sub":"[^"]*"/, "")}`, "an array": `[${text}]`, "an empty object": "{}", null: "null", "a number": "1", "no JSON": "{", text: "claims", nothing: "", "a comment": text.replace("{", "{/**/"), "a comma too many": text.replace("}", ",}"),
		"NaN": claimsText({ ...claims, n: raw("NaN") }), "depth that fits, open": `{"aud":${"[".repeat(2500)}`, "depth that fits, in aud": claimsText({ ...claims, aud: raw("[".repeat(1000) + "]".repeat(1000)) }),
	});
	const bytes = { "a surrogate in UTF-8": "eda080", "an overlong NUL": "c080", "a lone byte": "ff", "beyond the last code point": "f4908080" };
	const out = Object.fromEntries(Object.entries(texts).map(([what, one]) => [`claims: ${what}`, forge(key, one)]));
	for (const [what, hex] of Object.entries(bytes))
		out[`claims: ${what}`] = forge(key, Buffer.from(claimsText({ ...claims, n: "MARK" }).replace("MARK", Buffer.from(hex, "hex").toString("latin1")), "latin1"));
	return out;
}

/** More than any token may have; a web server need not let these through. */
export const endless = (key, claims) => ({
	"kid of 64 KiB": signed(key, b64({ alg: key.alg, kid: "k".repeat(65_536), typ: "JWT" }), b64(claimsText(claims))),
	"depth 100,000": forge(key, `{"a":${"[".repeat(100_000)}`),
	"depth 100,000, closed": forge(key, claimsText({ ...claims, nest: raw("[".repeat(100_000) + "]".repeat(100_000)) })),
});
