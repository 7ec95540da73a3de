/* The audit's MACs, made once more from their description in docs/audit.md: with the key file at hand a test can do what nobody else can. */
import { createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { config, DIR, q, sql } from "./instance.mjs";

const derive = (from, purpose) => Buffer.from(hkdfSync("sha256", from, Buffer.alloc(0), purpose, 32));

/* Under the secret that lies in the database, sealed under the key file. */
const key = await (async () => {
	const master = Buffer.from(readFileSync(config("key_file") ?? join(DIR, "secrets", "key"), "utf8").trim(), "hex");
	const [[text]] = await sql("SELECT HEX(sealed) FROM audit_secret"), sealed = Buffer.from(text, "hex");
	const open = createDecipheriv("aes-256-gcm", derive(master, "latch audit secret v1"), sealed.subarray(0, 12)).setAAD(Buffer.from("audit")).setAuthTag(sealed.subarray(-16));
	return derive(Buffer.concat([open.update(sealed.subarray(12, -16)), open.final()]), "latch audit v1");
})();

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

/** Moves the first `old` lines of a chain so many days back, and signs it anew as if they had been written then. */
export async function age(chain, old, days) {
	const [[first, n, begin]] = await sql(`SELECT first, n, LOWER(HEX(before_mac)) FROM audit_chains WHERE chain = ${chain}`);
	await sql(`UPDATE audit SET at = at - INTERVAL ${days} DAY WHERE chain = ${chain} AND n < ${Number(first) + old}`);
	const rows = await sql(`SELECT id, CAST(ROUND(UNIX_TIMESTAMP(CONVERT_TZ(at, '+00:00', @@session.time_zone)) * 1000) AS UNSIGNED), n, event, outcome, actor, subject, session, through, target, HEX(sealed) FROM audit WHERE chain = ${chain} AND n >= ${first} ORDER BY n`);
	let before = begin;
	const updates = [];
	for (const [id, ms, at, event, outcome, actor, subject, session, through, target, sealed] of rows) {
		before = lineMac({ chain, n: at, ms, id, event, outcome, actor, subject, session, through, target, sealed }, before);
		updates.push(`UPDATE audit SET mac = UNHEX('${before}') WHERE id = ${q(id)}`);
	}
	const seal = mac("head", u64(chain), u64(first), u64(n), begin, before);
	/* An argument has room for so much. */
	while (updates.length > 500)
		await sql(updates.splice(0, 500).join("; "));
	await sql([...updates, `UPDATE audit_chains SET mac = UNHEX('${before}'), seal = UNHEX('${seal}') WHERE chain = ${chain}`].join("; "));
}
