/* form.c: a form is what percent-decoding, done again here, says it is. */
#include "http/form.h"
#include "fuzz.h"

enum { ARENA_SIZE = 512 * 1024, BODY_MAX = 64 * 1024 };

struct login {
	struct str grant_type, username, password;
	struct maybe_str note;
};

static const struct field fields[] = {
	FIELD(struct login, grant_type, .rule = &rule_grant_type),
	FIELD(struct login, username, .required = true, .min = 1, .max = 254),
	FIELD(struct login, password, .required = true, .min = 8, .max = 256),
	FIELD(struct login, note, .max = 3, .rule = &rule_name),
};
static const struct schema schema = SCHEMA("Login", struct login, fields);

/* What the body says: pairs of decoded bytes. */
struct said {
	size_t n;
	struct {
		struct str name, value;
	} pairs[FORM_FIELDS_MAX];
};

static struct arena arena;
static char text[2 * BODY_MAX];

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!arena_open(&arena, ARENA_SIZE))
		abort();
	return 0;
}

/* The byte that "%41" stands for; -1 where there is none. */
static int
percent_byte(struct str raw, size_t at)
{
	static const char hex[] = "0123456789ABCDEF0123456789abcdef";
	const char *high = at + 2 < raw.n ? memchr(hex, raw.p[at + 1], sizeof(hex) - 1) : NULL;
	const char *low = at + 2 < raw.n ? memchr(hex, raw.p[at + 2], sizeof(hex) - 1) : NULL;

	return high == NULL || low == NULL ? -1 : (int)((high - hex) % 16 << 4 | (low - hex) % 16);
}

/* WHATWG URL, 5.1, without its forgiveness: appends the decoded bytes to text; false where they are not text. */
static bool
percent_decode(struct str raw, size_t *used, struct str *out)
{
	char *start = text + *used;

	for (size_t i = 0; i < raw.n; i++) {
		const bool escape = raw.p[i] == '%';
		const int byte = escape ? percent_byte(raw, i) : raw.p[i];
		if (escape && byte < 0)
			return false;
		text[(*used)++] = !escape && byte == '+' ? ' ' : (char)byte;
		i += escape ? 2 : 0;
	}
	*out = (struct str){ start, (size_t)(text + *used - start) };
	return utf8_length(*out) >= 0;
}

static const struct str *
said_value(const struct said *said, struct str name)
{
	for (size_t i = 0; i < said->n; i++)
		if (str_eq(said->pairs[i].name, name))
			return &said->pairs[i].value;
	return NULL;
}

/* One "name=value"; an empty one says nothing. False: in no form that may be accepted. */
static bool
understand_pair(struct str raw, size_t *used, struct said *said)
{
	const char *equals = raw.n > 0 ? memchr(raw.p, '=', raw.n) : NULL;
	const struct str name = { raw.p, equals != NULL ? (size_t)(equals - raw.p) : raw.n };
	const size_t before = name.n + (equals != NULL ? 1 : 0);
	const struct str value = { raw.p + before, raw.n - before };

	if (name.n == 0 && value.n == 0)
		return true;
	if (said->n == FORM_FIELDS_MAX)
		return false;
	const size_t i = said->n;
	if (!percent_decode(name, used, &said->pairs[i].name) || !percent_decode(value, used, &said->pairs[i].value)
	    || said_value(said, said->pairs[i].name) != NULL)
		return false;
	said->n++;
	return true;
}

static bool
understand(struct str body, struct said *said)
{
	size_t used = 0, start = 0;

	said->n = 0;
	for (size_t i = 0; i <= body.n; i++) {
		if (i < body.n && body.p[i] != '&')
			continue;
		if (!understand_pair((struct str){ body.p + start, i - start }, &used, said))
			return false;
		start = i + 1;
	}
	return true;
}

/* A field that was not complained about is what was said, or was not sent. */
static void
field_is_what_was_said(const struct field *field, const struct said *said, const void *out, const struct reason *why)
{
	const void *member = (const char *)out + field->at;
	const struct str value =
		field->kind == KIND_STR ? *(const struct str *)member : ((const struct maybe_str *)member)->value;
	const struct str *expected = said_value(said, str_of(field->name));
	const bool complained = reason_names(why, field->name);

	HOLDS(!complained || value.p == NULL);
	HOLDS(field->kind != KIND_MAYBE_STR
	      || ((const struct maybe_str *)member)->state == (value.p != NULL ? MAYBE_SET : MAYBE_ABSENT));
	if (expected == NULL) {
		HOLDS(value.p == NULL && complained == field->required);
		return;
	}
	const uint64_t points = (uint64_t)utf8_length(*expected);
	const bool fits = points >= field->min && (field->max == 0 || points <= field->max)
	               && (field->rule == NULL || field->rule->valid(*expected));
	HOLDS(complained == !fits);
	HOLDS(complained || (value.p != NULL && str_eq(value, *expected)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct said said;
	const struct str body = { (const char *)data, size };
	struct reason why = { 0 };
	void *out = NULL;

	if (size > BODY_MAX)
		return 0;
	arena_reset(&arena);
	const bool form = understand(body, &said);
	const enum err err = form_decode(&schema, body, &arena, &out, &why);
	HOLDS((err == ERR_BAD_REQUEST) == !form);
	if (!form)
		return 0;
	HOLDS(err == (why.n > 0 ? ERR_FIELDS : OK));
	for (size_t i = 0; i < COUNT(fields); i++)
		field_is_what_was_said(&fields[i], &said, out, &why);
	return 0;
}
