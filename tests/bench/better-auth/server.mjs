/* What latch is compared with: better-auth with e-mail and password, as its documentation sets it up, in two processes. */
import cluster from "node:cluster";
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { bearer } from "better-auth/plugins";
import { createPool } from "mysql2/promise";

const { PORT, BENCH_SECRET, BENCH_SOCKET, BENCH_USER, BENCH_PASSWORD, BENCH_NAME } = process.env;
const options = {
	baseURL: `http://127.0.0.1:${PORT}`,
	secret: BENCH_SECRET,
	database: createPool({ socketPath: BENCH_SOCKET, user: BENCH_USER, password: BENCH_PASSWORD, database: BENCH_NAME, timezone: "Z" }),
	emailAndPassword: { enabled: true },
	rateLimit: { enabled: false },
	telemetry: { enabled: false },
	plugins: [bearer()],
};

if (cluster.isPrimary) {
	await (await getMigrations(options)).runMigrations();
	for (let i = 0; i < 2; i++)
		cluster.fork();
	process.on("SIGTERM", () => process.exit(0));
} else {
	createServer(toNodeHandler(betterAuth(options))).listen(Number(PORT), "127.0.0.1");
}
