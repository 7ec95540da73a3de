/*
 * vectors_foreign.h: password hashes that other programs made, each with the command that made it, so that these programs
 * need not be there. None was made by latch.
 */
#ifndef LATCH_TESTS_VECTORS_FOREIGN_H
#define LATCH_TESTS_VECTORS_FOREIGN_H

#define PLAIN "seven-Otters-drum"
#define UNICODE "Pässwörter-日本-🔑"
/* 72 bytes, and some behind them. */
#define LONG_72 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef01234567"
#define LONG LONG_72 "-and-behind-the-72nd-byte"

static const struct foreign_vector {
	const char *password, *hash;
} foreign_vectors[] = {
	/* clang-format off */
	/* php -r 'echo password_hash($argv[1], PASSWORD_BCRYPT, ["cost" => 5]);' (PHP 8.2) */
	{ PLAIN, "$2y$05$DVB3Z.6vlId6jqEBJmIIcu6aPdcEilqPZhPL1iCtZ4MNszKqz5dNu" },
	{ UNICODE, "$2y$05$pp.3c2SeJ8fyaIPHk56NPepxgHnT4ZUUFCuFJSWyQbsJPrUgkEXxS" },
	{ LONG, "$2y$05$DvvaajZhnvnTNpmEyuaCuOV7St86OkXAiW5bWueT.Ce6mXuPRKGYW" },
	/* the same with cost 12, which is Laravel's */
	{ PLAIN, "$2y$12$6hJFVGSLbLBFA8L7k0lcKe0Vk5F6rPpNQh2.dEEICIxX3rFTI9S8O" },
	/* python3-bcrypt 3.2.2: bcrypt.hashpw(password, bcrypt.gensalt(5, prefix=b"2a")), and b"2b" */
	{ PLAIN, "$2a$05$Km.dD.t4GEwE.IfV4CH9Eew4/079lmE8p8oqleJfqbuiKOGqJyvRi" },
	{ PLAIN, "$2b$05$/s4okYDa0spcT6JIXf5eZe1eii2HrYEJpSsWIs9Pehe7c3NwGr4qq" },
	/* mkpasswd -m sha512crypt (whois 5.5.17) */
	{ PLAIN, "$6$Mq4xNK0MEBArogSc$BMVKadgo7PZyTzLQmXEtXQBCmFE2rnS59jKvTHg8moab9adrxoPRxhEonDXZ9oK0TZnFMqKrwi2B.bm//9l581" },
	{ UNICODE, "$6$Q4fC7PbYOLrb69Dm$6S3A42f2A0zdNFTtcqiU/TeLWStLi0aqdlAaBxOwFQZMJmM5mB4Odwasb5zkMhDxmi1mohevzNv1HQPIgt6411" },
	{ LONG, "$6$jaXe5qDqPlTTXSQf$29eeGgzbSrNTudznuID6KSRK/pM00BgE4i3.vSYJFmmknXfdzI5EfMgSfYnXwauE6Hqe8Nz1Tfg6KyiygGsMs." },
	/* mkpasswd -m sha512crypt -R 1000 */
	{ PLAIN, "$6$rounds=1000$mhnM4zkMBUfgIUbw$GMYPVhirYVxfeKjOQo08je4iaoBbUO0tYmKsMEk9um8gr/sLMk//Wkhn5PUh.DqQAg2MAxZ53NUJGzzng8I7P." },
	/* perl -e 'print crypt($ARGV[0], q($6$rounds=1500$a,salt$))' */
	{ PLAIN, "$6$rounds=1500$a,salt$REG0nEAWjK4i91EG8ul2BjePsbnkkTWo6NtUmbxI7fePXEJUx7k97XgBKUml6xylArcR.vVNC8g6mTMjhtfiT/" },
	/* mkpasswd -m yescrypt -R 1 */
	{ PLAIN, "$y$j75$jd68OurSotzqvj1Bfg1BT0$Dze8Idb/SiaqjpIme7uO7jORiTd7a6qulllzI1gvL3C" },
	{ UNICODE, "$y$j75$wv1eNPsVmG7WKMYTWNTuC/$nkRVb3hMWOoMObZ.l8/JQxibOnmz5X/G5vdL5LWJ8IC" },
	{ LONG, "$y$j75$LkF2.bnnSNYa.yXFTUwFv1$43b960yIAeEVQ3z88dfDDM7ETsHcn73o.CPy34z0kh1" },
	/* mkpasswd -m yescrypt, Debian's own cost */
	{ PLAIN, "$y$j9T$BJsfMTSqdmMIOd4wodkK80$sg8uJVcxv5Le1D6xSmtJYRKuwiO9mqwJXny941xZZA/" },
	/* WordPress 6.1.9 (wp-includes/class-phpass.php): (new PasswordHash(8, true))->HashPassword(trim($argv[1])) */
	{ PLAIN, "$P$BtGXJ1VY0n0fZ2ClZxYpHMvkcOk8Ox0" },
	{ UNICODE, "$P$Bx.WT0zM/Xf8ZWA6vluv9ut2pJY3BA0" },
	{ LONG, "$P$BB9M20y9Uc.Z76/5nIMGJrQgUn2qoq." },
	{ " seven-Otters-drum ", "$P$BKihKKduuoPQVpw6XBoAxHlEatSGGV0" },
	/* python3-passlib 1.7.4: phpass.using(rounds=7, ident="H").hash(password) */
	{ "two words ", "$H$5y0XE4/QOeUuyRLerLvWpQgE4urXe3." },
	/* PHP 8.2, as wp_hash_password() of WordPress 6.8 does: '$wp' . password_hash(base64_encode(hash_hmac('sha384', trim($argv[1]),
	   'wp-sha384', true)), PASSWORD_BCRYPT, ["cost" => 5]) */
	{ PLAIN, "$wp$2y$05$f5XCelHATgX4QA7Ga09ufOGfhpvuaUIKQwE/AS7LyvDa71GLtUrc6" },
	{ UNICODE, "$wp$2y$05$cICDS/OIPDANI8jfL8EjlOUNJ5Dx8skNUDMwJHrE1cp/g05H0QQfu" },
	{ LONG, "$wp$2y$05$yeJueXfCm5631h8en8HvWuWnrgTT1dzQvPmXkQjP7Jq0vkQ0ydfBi" },
	{ " seven-Otters-drum ", "$wp$2y$05$rHIRCkcejJwTB8XuWp6Bw.vT56BwcsuX7Wtkdac0k2F0HI3XMuoUy" },
	/* python3-django 3.2.25: PBKDF2PasswordHasher().encode(password, salt(), 1000) */
	{ PLAIN, "pbkdf2_sha256$1000$PsTgu1oiaWnZscy2EhkNy0$BrY+fP/Xuwe3s02gFyAr+pv03CtB/D56+b2OwZRmjRE=" },
	{ UNICODE, "pbkdf2_sha256$1000$zRu6xkBJh9oU1xBqTZiPvP$GSrJaNZdsx54uRQ3tNge2zQS2dS/2aJJ6J79cgBO++o=" },
	{ LONG, "pbkdf2_sha256$1000$OvWCH7ThXeINTHoRXnAen4$dCM8zknAwuM1mTjTbsHrXi6WEfj3/Nv23pLDjZdH2D4=" },
	/* make_password(password), with Django's own number of iterations */
	{ PLAIN, "pbkdf2_sha256$260000$R7nf8hdco2h3OBiXcyLHCf$FXJcva9lsAQG6DgnNkBmkvP8c1cOjKZcFSamoLgSyEc=" },
	/* php -r 'echo password_hash($argv[1], PASSWORD_ARGON2I, ["memory_cost" => 1024, "time_cost" => 2, "threads" => 1]);' */
	{ PLAIN, "$argon2i$v=19$m=1024,t=2,p=1$UmdEQW1ocGNId2ZpTmNEWg$40DtgB4E/ZxgHpXj8QZicpvmeV3ynKzM1PKV4l3jCW4" },
	/* the same with PASSWORD_ARGON2ID, 1 pass, 2 threads */
	{ PLAIN, "$argon2id$v=19$m=1024,t=1,p=2$b24xRmFGbVBKdEpPSy5rRA$p8FGFwjxq61fBPwFcqNMJe58h1XaIuJJk4Ojnw3O0pI" },
	/* python3-argon2 21.1.0: PasswordHasher(memory_cost=2048).hash(password) */
	{ PLAIN, "$argon2id$v=19$m=2048,t=2,p=8$StpFETbBMAhQaIRgAwWPng$l5iBsqucnRoParQ+8MAU/w" },
	/* clang-format on */
};

#endif
