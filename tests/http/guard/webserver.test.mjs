/* latchctl webserver: what it refuses, and what it prints of what it is given. That the servers take it, and guard by it, is in the tests beside this one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ctl, ctlOk } from "../lib/instance.mjs";

const SERVERS = ["lighttpd", "nginx", "apache"];
const print = (server, ...args) => ctlOk(["webserver", server, "--prefix", "/auth-api", ...args]);

/** Refused with a word about it, and nothing printed that could be taken for a configuration. */
async function refused(args, why, code = 1) {
	const done = await ctl(["webserver", ...args]);
	assert.deepEqual([done.code, done.stdout], [code, ""], `${args.join(" ")}: ${done.stderr}`);
	assert.match(done.stderr, why, args.join(" "));
}

test("webserver: a value that could mean something in a configuration is refused", async () => {
	const evil = ["/a b", "/a\"", "/a'", "/a;", "/a{", "/a}", "/a#", "/a$x", "/a\\", "/a\n/b", "/a*", "/a(b", "/a|b", "/a?b", "/a%2f", "/a%", "/ä", "/a<", "/a>", "a", "", "/a//b", "/../a", "/a/..", "/./a", "/a/./b", `/${"x".repeat(201)}`];
	const some = (i) => SERVERS[i % SERVERS.length];
	await Promise.all(evil.map((value, i) => refused([some(i), "--prefix", "/auth-api", "--guard", value], /--guard .*must be a path/s)));
	/* These are held against the same: a third of the values each. */
	await Promise.all(evil.map((value, i) => refused([some(i + 1), ["--prefix", "--socket", "--pages"][i % 3], value], /--(prefix .*must be a path|(socket|pages) .*must be an absolute path)/s)));
	await Promise.all(["127.0.0.1", ":80", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:8x", "a b:80", "a;b:80", "a/b:80", "a:80/", "\"a\":80", "${x}:80"].flatMap((value, i) => [
		refused([some(i), "--prefix", "/auth-api", "--authorizer", value], /--authorizer .*HOST:PORT/s),
		refused([some(i), "--prefix", "/auth-api", "--guard", "/a", "--proxy", `http://${value}`], /--proxy .*HOST:PORT/s)]));
	await Promise.all(["user\"", "user;", "role:", "role:a b\"", "admin", "", "user  user", "public user", "user\nx", "role:a$b"].map((value, i) => refused([some(i), "--prefix", "/auth-api", "--guard", "/a", "--require", value], /--require .*no requirement/s)));
	for (const value of ["unix:x", "unix:/a b", "unix:/a;", "127.0.0.1", "x;y:80", "/run/x.sock"])
		await refused(["nginx", "--prefix", "/auth-api", "--guard", "/a", "--fastcgi", value], /--fastcgi/);
	await refused(["nginx", "--prefix", "/auth-api", "--guard", "/a", "--proxy", "https://127.0.0.1:1"], /--proxy/);
});

test("webserver: what cannot be, or would lock everybody out, is refused", async () => {
	for (const server of SERVERS) {
		await Promise.all(["--require", "--proxy", "--fastcgi"].map((option) => refused([server, option, "user"], /must follow the --guard/)));
		await Promise.all(["/", "/auth", "/auth/verify", "/sign-in/", "/docs", "/.well-known/jwks.json"].map((path) => refused([server, "--prefix", "/", "--guard", path], /latch's own pages/)));
		await Promise.all(["/auth-api", "/auth-api/", "/auth-api/docs"].map((path) => refused([server, "--prefix", "/auth-api", "--guard", path], /latch's own pages/)));
		await refused([server, "--prefix", "/auth-api", "--guard", "/a", "--guard", "/a/"], /twice/);
		await refused([server, "--prefix", "/auth-api", ...Array.from({ length: 17 }, (_, i) => ["--guard", `/g${i}`]).flat()], /one more/);
		await refused([server, "--prefix", "/auth-api", ...Array.from({ length: 80 }, () => ["--require", "user"]).flat()], /too many/);
	}
	await refused(["nginx", "--prefix", "/auth-api", "--guard", "/a", "--proxy", "http://127.0.0.1:1", "--fastcgi", "127.0.0.1:2"], /cannot both/);
	await refused(["apache", "--prefix", "/auth-api", "--guard", "/a", "--fastcgi", "127.0.0.1:2"], /--fastcgi/);
	await refused(["apache", "--prefix", "/auth-api", "--guard", "/a", "--require", "public"], /--require public/);
	await refused(["caddy"], /lighttpd, nginx or apache/, 2);
	await refused([], /Usage/, 2);
});

test("webserver: no hole of a template stays open, and what is asked for is in it", async () => {
	for (const server of SERVERS) {
		const text = await print(server, "--guard", "/a.b", "--require", "role:x verified", "--guard", "/c", "--proxy", "http://localhost:3000", "--socket", "/run/my.sock", "--pages", "/srv/pages");
		assert.doesNotMatch(text, /@[A-Z_]+@|^@(if|each|end)/m, server);
		for (const word of ["role:x verified", "/run/my.sock", "/srv/pages/docs/", "/srv/pages/sign-in/", "localhost", "3000", "/auth-api"])
			assert.ok(text.includes(word), `${server}: ${word}`);
	}
	assert.match(await print("lighttpd", "--guard", "/a.b"), /\^\(\?!\/auth-api\(\?:\/\|\$\)\)\/a\[\.\]b\(\/\|\$\)/, "a dot in a path is a dot");
	assert.match(await print("apache", "--guard", "/a", "--authorizer", "127.0.0.1:9999"), /AuthnzFcgiDefineProvider authnz latch fcgi:\/\/127\.0\.0\.1:9999\//);
});

test("webserver: the shorter guard comes first, in whatever order they are given", async () => {
	for (const server of ["lighttpd", "apache"]) {
		const text = await print(server, "--guard", "/a/b", "--require", "role:x", "--guard", "/a", "--require", "user");
		assert.ok(text.indexOf("LATCH_REQUIRE") > 0 && text.indexOf("role:x") > text.lastIndexOf("guarded: /a "), server);
	}
});

test("webserver: latch is mounted where public_url says, and a prefix that disagrees is warned of", async () => {
	const env = { LATCH_PUBLIC_URL: "https://example.org/latch" };
	const done = await ctl(["webserver", "nginx"], { env });
	assert.deepEqual([done.code, done.stderr], [0, ""]);
	assert.match(done.stdout, /location \^~ \/latch\/ \{/);
	const other = await ctl(["webserver", "nginx", "--prefix", "/auth"], { env });
	assert.equal(other.code, 0);
	assert.match(other.stderr, /warning: public_url is https:\/\/example.org\/latch/);
});
