import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BASE, CHECKOUT, run } from "./lib/instance.mjs";
import { MAIL_DOMAIN, unique } from "./lib/users.mjs";

/* A block of README.md is run when the comment <!-- test --> stands before it; a block after <!-- answer --> is what it prints. */
const blocks = [...readFileSync(join(CHECKOUT, "README.md"), "utf8").matchAll(/^<!-- (test|answer) -->\n+```(\w*)\n([\s\S]*?)^```/gm)]
	.map(([, kind, language, text]) => ({ kind, language, text }));

/* What differs from run to run becomes its kind. */
const shape = (text) => text
	.replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "<id>")
	.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>")
	.replace(/eyJ[\w-]+\.[\w-]+\.[\w-]+|eyJ[\w.-]*(\.\.\.|…)/g, "<token>")
	.replace(/("refresh_token":\s*")[^"]*/g, "$1<refresh>")
	.replace(/("request_id":\s*")[^"]*/g, "$1<request>")
	.replaceAll(BASE, "<url>")
	.replace(/http:\/\/127\.0\.0\.1:\d+/g, "<url>")
	.replace(/[\w.+-]+@[\w.-]+\.(example|org|com)/g, "<mail>")
	.replace(/\s+/g, "");

test("readme: its commands do what it says", async () => {
	assert.ok(blocks.some((b) => b.kind === "test"), "README.md has no block marked <!-- test -->");
	/* One shell for all, so that a variable set in one block is there in the next; the mark separates the answers. */
	const mark = `--- ${unique("block")} ---`;
	const commands = blocks.filter((b) => b.kind === "test");
	const mail = `${unique("reader")}@${MAIL_DOMAIN}`;
	const script = commands.map((b) => `${b.text.replace(/[\w.+-]+@[\w.-]+\.(example|org|com)/g, mail)}\nprintf '\\n%s\\n' '${mark}'\n`).join("");
	const done = await run("sh", ["-eu", "-c", script], { env: { LATCH: BASE } });
	assert.equal(done.code, 0, `${done.stdout}\n${done.stderr}`);
	const printed = done.stdout.split(`${mark}\n`);
	let at = -1;
	for (const block of blocks) {
		if (block.kind === "test")
			at++;
		else
			assert.equal(shape(printed[at]), shape(block.text), `README.md says\n${block.text}\nand it printed\n${printed[at]}`);
	}
});
