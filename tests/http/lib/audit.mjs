/* The audit's MACs, made once more from their description in docs/audit.md: with the key file at hand a test can do what nobody else can. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { config, DIR, q, sql } from "./instance.mjs";

const derive = (from, purpose) => Buffer.from(hkdfSync("sha256", from, Buffer.alloc(0), purpose, 32));

const unseal = (sealed, under, label) => {
	const open = createDecipheriv("aes-256-gcm", under, sealed.subarray(0, 12)).setAAD(Buffer.from(label)).setAuthTag(sealed.subarray(-16));
	return Buffer.concat([open.update(sealed.subarray(12, -16)), open.final()]);
};
const seal = (plain, under, label) => {
	const nonce = randomBytes(12), close = createCipheriv("aes-256-gcm", under, nonce).setAAD(Buffer.from(label));
	return Buffer.concat([nonce, close.update(plain), close.final(), close.getAuthTag()]);
};

/* It lies in the database, sealed under the key file. */
const secret = await (async () => {
	const master = Buffer.from(readFileSync(config("key_file") ?? join(DIR, "secrets", "key"), "utf8").trim(), "hex");
	const [[text]] = await sql("SELECT HEX(sealed) FROM audit_secret");
	return unseal(Buffer.from(text, "hex"), derive(master, "latch audit secret v1"), "audit");
})(), key = derive(secret, "latch audit v1");

const u64 = (value) => {
	const bytes = Buffer.alloc(8);
	bytes.writeBigUInt64BE(BigInt(value));
	return bytes;
};

/* Absent, or the length and the bytes. */
function field(value) {
	if (value === null)
		return Buffer.from([0]);
	const bytes = Buffer.from(value), head = Buffer.from([1, 0, 0, 0, 0]);
	head.writeUInt32BE(bytes.length, 1);
	return Buffer.concat([head, bytes]);
}

const mac = (...fields) => createHmac("sha256", key).update(Buffer.concat(fields.map(field))).digest("hex");

const lineMac = (line, before) => mac("line", u64(line.chain), u64(line.n), before, line.id, u64(line.ms), line.event, line.outcome,
	line.actor, line.subject, line.session, line.through, line.target, line.sealed === null ? null : Buffer.from(line.sealed, "hex"));

/* A UUIDv7 of so many days before. */
function agedId(id, days) {
	const ms = Number.parseInt(id.replace("-", "").slice(0, 12), 16) - days * 86_400_000, hex = ms.toString(16).padStart(12, "0");
	return `${hex.slice(0, 8)}-${hex.slice(8)}${id.slice(13)}`;
}

/* What is sealed is bound to the line's id. Of somebody who was deleted nobody can open it, and none has to: also where an import
 * brought his id back, with another key. */
function resealed(line, id) {
	const lost = line.key === "" && (line.actor ?? line.subject) !== null;
	if (line.sealed === null || lost)
		return line.sealed;
	const under = derive(secret, `latch audit from v1 ${line.key}`);
	try {
		return seal(unseal(Buffer.from(line.sealed, "hex"), under, line.id), under, id).toString("hex");
	} catch {
		return line.sealed;
	}
}

/** Moves the first `old` lines of a chain so many days back, with the time in their ids or without, and signs it anew as if they
 * had been written then. */
export async function age(chain, old, days, { ids = true } = {}) {
	const [[first, n, begin]] = await sql(`SELECT first, n, LOWER(HEX(before_mac)) FROM audit_chains WHERE chain = ${chain}`);
	const end = Number(first) + old;
	await sql(`UPDATE audit SET at = at - INTERVAL ${days} DAY WHERE chain = ${chain} AND n < ${end}`);
	const rows = await sql(`SELECT id, CAST(ROUND(UNIX_TIMESTAMP(CONVERT_TZ(at, '+00:00', @@session.time_zone)) * 1000) AS UNSIGNED), n, event, outcome, actor, subject, session, through, target, HEX(sealed), COALESCE((SELECT LOWER(HEX(audit_key)) FROM users u WHERE u.id = COALESCE(actor, subject)), '') FROM audit WHERE chain = ${chain} AND n >= ${first} ORDER BY n`);
	let before = begin;
	const updates = [];
	for (const [id, ms, at, event, outcome, actor, subject, session, through, target, sealed, key] of rows) {
		const moved = ids && Number(at) < end, line = { chain, n: at, ms, id, event, outcome, actor, subject, session, through, target, sealed, key };
		if (moved)
			Object.assign(line, { id: agedId(id, days), sealed: resealed(line, agedId(id, days)) });
		before = lineMac(line, before);
		updates.push(`UPDATE audit SET mac = UNHEX('${before}')${moved ? `, id = ${q(line.id)}, sealed = UNHEX(${line.sealed === null ? "NULL" : q(line.sealed)})` : ""} WHERE id = ${q(id)}`);
	}
	const head = mac("head", u64(chain), u64(first), u64(n), begin, before);
	/* An argument has room for so much. */
	while (updates.length > 200)
		await sql(updates.splice(0, 200).join("; "));
	await sql([...updates, `UPDATE audit_chains SET mac = UNHEX('${before}'), seal = UNHEX('${head}') WHERE chain = ${chain}`].join("; "));
}
