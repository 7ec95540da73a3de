/*
 * Tokens with a right signature over anything. The private keys lie sealed in the database (auth/seal.h); with the key
 * file a test can open them, as nobody but the service should.
 */
import { createCipheriv, createDecipheriv, createHmac, createPrivateKey, generateKeyPairSync, hkdfSync, randomBytes, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DIR, q, sql } from "./instance.mjs";

export const b64 = (value) => Buffer.from(typeof value === "string" || Buffer.isBuffer(value) ? value : JSON.stringify(value)).toString("base64url");

const sealingKey = () => Buffer.from(hkdfSync("sha256", Buffer.from(readFileSync(join(DIR, "secrets", "key"), "utf8").trim(), "hex"), "", "latch signing key v1", 32));

function unseal(sealed, label) {
	const cipher = createDecipheriv("aes-256-gcm", sealingKey(), sealed.subarray(0, 12)).setAAD(Buffer.from(label)).setAuthTag(sealed.subarray(-16));
	return Buffer.concat([cipher.update(sealed.subarray(12, -16)), cipher.final()]);
}

function seal(plain, label) {
	const nonce = randomBytes(12);
	const cipher = createCipheriv("aes-256-gcm", sealingKey(), nonce).setAAD(Buffer.from(label));
	return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

const parsed = (kid, alg, plain) => ({ kid, alg, key: alg === "HS256" ? plain : createPrivateKey({ key: plain, format: "der", type: "pkcs8" }) });

/** The key with that kid, opened: {kid, alg, key}; key is a KeyObject, for HS256 the secret's bytes. */
export async function openKey(kid) {
	const [[alg, sealed]] = await sql(`SELECT alg, HEX(sealed) FROM signing_keys WHERE kid = ${q(kid)}`);
	return parsed(kid, alg, unseal(Buffer.from(sealed, "hex"), `${alg} ${kid}`));
}

/** Puts a key of the test's own into the database, older than all others, so that it verifies and never signs. */
export async function plantKey(alg) {
	const kid = randomBytes(10).toString("hex");
	const plain = alg === "HS256" ? randomBytes(32) :
		(alg === "RS256" ? generateKeyPairSync("rsa", { modulusLength: 2048 }) : generateKeyPairSync("ec", { namedCurve: "P-256" })).privateKey.export({ type: "pkcs8", format: "der" });
	await sql(`INSERT INTO signing_keys (kid, alg, sealed, created_at, sign_from) VALUES (${q(kid)}, ${q(alg)}, x'${seal(plain, `${alg} ${kid}`).toString("hex")}', UTC_TIMESTAMP(3), '2000-01-01')`);
	return parsed(kid, alg, plain);
}

export const removeKey = ({ kid }) => sql(`DELETE FROM signing_keys WHERE kid = ${q(kid)}`);

/** The signature's bytes by the key's own algorithm. */
export function signatureOf({ alg, key }, input) {
	if (alg === "HS256")
		return createHmac("sha256", key).update(input).digest();
	return sign("sha256", Buffer.from(input), alg === "ES256" ? { key, dsaEncoding: "ieee-p1363" } : key);
}

/** The header of every token of this key, as text. */
export const headerOf = ({ alg, kid }) => `{"alg":"${alg}","kid":"${kid}","typ":"JWT"}`;

/** Two parts as they stand, and a signature that holds. */
export const signed = (key, head, body) => `${head}.${body}.${signatureOf(key, `${head}.${body}`).toString("base64url")}`;

/** A token of these claims, given as text or bytes. */
export const forge = (key, claims) => signed(key, b64(headerOf(key)), b64(claims));

/** Claims as latch writes them: by name, without white space. `raw` puts text where a value is. */
export const raw = (text) => ({ raw: text });
export const claimsText = (claims) => `{${Object.keys(claims).sort().map((name) => `"${name}":${claims[name]?.raw ?? JSON.stringify(claims[name])}`).join(",")}}`;
