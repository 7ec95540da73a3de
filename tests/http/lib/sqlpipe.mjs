/* One connection to the instance's database that stays open: for tests that ask it thousands of times. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { config, DIR, SOCKET, spawn } from "./instance.mjs";

export class SqlPipe {
	#waiting = [];
	#text = "";
	#said = "";

	constructor() {
		const secret = readFileSync(join(DIR, "secrets", "db-owner-password"), "utf8").trim();
		this.child = spawn("mariadb", ["--no-defaults", `--socket=${SOCKET()}`, "--user", config("db_owner_user"), "--batch", "--skip-column-names", "--unbuffered", "--default-character-set=utf8mb4", config("db_name")],
			{ env: { PATH: process.env.PATH, MYSQL_PWD: secret }, stdio: ["pipe", "pipe", "pipe"] });
		this.child.stdin.on("error", () => {});
		this.child.stderr.on("data", (part) => (this.#said += part));
		this.child.stdout.setEncoding("utf8").on("data", (part) => this.#take(part));
		this.child.on("close", () => this.#waiting.splice(0).forEach(({ fail }) => fail(new Error(`mariadb ended: ${this.#said}`))));
	}

	#take(part) {
		this.#text += part;
		for (let at; (at = this.#text.indexOf("end-of-rows\n")) >= 0; this.#text = this.#text.slice(at + 12)) {
			const lines = this.#text.slice(0, at).split("\n").slice(0, -1);
			this.#waiting.shift().done(lines.map((line) => line.split("\t").map((cell) => (cell === "NULL" ? null : cell))));
		}
	}

	/** The rows of one statement, which holds no line break, as sql() gives them. */
	ask(text) {
		return new Promise((done, fail) => {
			this.#waiting.push({ done, fail });
			this.child.stdin.write(`${text};\nSELECT 'end-of-rows';\n`);
		});
	}

	end() {
		this.child.stdin.end();
		return new Promise((done) => this.child.on("close", done));
	}
}
