/* tokens ALG: microseconds to build and sign an access token, and to check one that was not seen before; medians of blocks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/token.h"
#include "core/clock.h"
#include "http/json.h"

enum { BLOCKS = 15, BLOCK = 400, ARENA = 4 << 20 };

static int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v)
{
	qsort(v, BLOCKS, sizeof(*v), by_value);
	return v[BLOCKS / 2];
}

int
main(int argc, char **argv)
{
	static struct str made[BLOCK];
	static struct keyring ring;
	static struct config config = { .issuer = "https://auth.example.org", .audience = "latch", .access_ttl_s = 900 };
	double sign_us[BLOCKS], check_us[BLOCKS];
	const struct uuid subject = uuid_new(), session = uuid_new();
	enum token_alg alg;
	struct tokens tokens;
	struct arena arena;
	struct key key;

	json_init();
	if (argc != 2 || !token_alg_parse(str_of(argv[1]), &alg)
	    || key_init(&key, STR("bench"), alg, (struct timestamp){ 0 }, jws_key_generate(alg)) != OK
	    || keyring_replace(&ring, &key, 1) != OK || tokens_open(&tokens, &config, &ring) != OK
	    || !arena_open(&arena, ARENA))
		return 1;
	for (int block = 0; block < BLOCKS; block++) {
		struct token_claims claims;
		uint64_t start = clock_mono_us();
		for (int i = 0; i < BLOCK; i++)
			if (token_issue(&tokens, &(const struct token_subject){ &subject, &session, STR("") }, clock_now(), &arena,
			                &made[i])
			    != OK)
				return 1;
		sign_us[block] = (double)(clock_mono_us() - start) / BLOCK;
		start = clock_mono_us();
		for (int i = 0; i < BLOCK; i++)
			if (token_check(&tokens, made[i], clock_now(), &claims) != OK)
				return 1;
		check_us[block] = (double)(clock_mono_us() - start) / BLOCK;
		arena_reset(&arena);
	}
	(void)printf("{\"sign_us\": %.1f, \"check_us\": %.1f}\n", median(sign_us), median(check_us));
	return 0;
}
