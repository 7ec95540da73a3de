#include "auth/phc.h"

#include <stdio.h>
#include <string.h>

#include "auth/base64.h"
#include "core/config.h"

enum { KIB_PER_LANE = 8 }; /* at least (RFC 9106, 3.1) */

/* Reads `name` and a number behind it, up to `end`. */
static bool
read_parameter(struct str *rest, const char *name, char end, uint32_t max, uint32_t *out)
{
	uint64_t value;
	struct str part = str_cut(rest, end);

	if (rest->p == NULL || !str_starts(part, str_of(name)))
		return false;
	part.p += strlen(name);
	part.n -= strlen(name);
	if (part.n == 0 || part.p[0] == '0' || !parse_u64(part, &value) || value > max)
		return false;
	*out = (uint32_t)value;
	return true;
}

bool
phc_read(const char *text, struct phc *out)
{
	struct str rest = str_of(text);

	out->argon2i = str_starts(rest, STR("$argon2i$"));
	const struct str head = out->argon2i ? STR("$argon2i$v=19$") : STR("$argon2id$v=19$");
	if (rest.n >= PHC_SIZE || !str_starts(rest, head))
		return false;
	rest.p += head.n;
	rest.n -= head.n;
	if (!read_parameter(&rest, "m=", ',', ARGON2_MEMORY_KIB_MAX, &out->memory_kib)
	    || !read_parameter(&rest, "t=", ',', ARGON2_PASSES_MAX, &out->passes)
	    || !read_parameter(&rest, "p=", '$', ARGON2_PARALLELISM_MAX, &out->parallelism))
		return false;
	const struct str salt = str_cut(&rest, '$');
	return out->memory_kib >= KIB_PER_LANE * out->parallelism && out->memory_kib * out->passes <= ARGON2_WORK_MAX
	    && rest.p != NULL && base64_decode(salt, out->salt, PHC_SALT_MAX, &out->salt_n) && out->salt_n >= PHC_SALT_MIN
	    && base64_decode(rest, out->hash, PHC_HASH_MAX, &out->hash_n) && out->hash_n >= PHC_HASH_MIN;
}

void
phc_write(const struct phc *phc, char out[PHC_SIZE])
{
	char salt[BASE64_SIZE(PHC_SALT_MAX)], hash[BASE64_SIZE(PHC_HASH_MAX)];

	(void)base64_encode(phc->salt, phc->salt_n, salt);
	(void)base64_encode(phc->hash, phc->hash_n, hash);
	(void)snprintf(out, PHC_SIZE, "$argon2%s$v=19$m=%u,t=%u,p=%u$%s$%s", phc->argon2i ? "i" : "id", phc->memory_kib,
	               phc->passes, phc->parallelism, salt, hash);
}
