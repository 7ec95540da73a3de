/* json.c: what is accepted is UTF-8, shallow, and within the schema's bounds; and what is encoded is accepted again. */
#include "http/json.h"
#include "core/text.h"
#include "fuzz.h"

enum { ARENA_SIZE = 2 * 1024 * 1024, BODY_MAX = 64 * 1024 };

/* Every rule there is, and both kinds that an input has. */
struct in {
	struct str email, password, grant_type, free;
	struct maybe_str username, name, phone_number, note;
};

static const struct field in_fields[] = {
	FIELD(struct in, email, .required = true, .max = 254, .rule = &rule_email),
	FIELD(struct in, password, .required = true, .min = 8, .max = 256, .rule = &rule_password),
	FIELD(struct in, grant_type, .rule = &rule_grant_type),
	FIELD(struct in, free, .help = ""),
	FIELD(struct in, username, .rule = &rule_username),
	FIELD(struct in, name, .min = 1, .max = 5, .rule = &rule_name),
	FIELD(struct in, phone_number, .rule = &rule_phone_number),
	FIELD(struct in, note, .max = 4),
};
static const struct schema in_schema = SCHEMA("In", struct in, in_fields);

/* The kinds that only an output has. */
struct out {
	char text[64], empty[8];
	bool yes;
	uint32_t number;
	struct timestamp then, never;
	struct uuid id;
};

static const struct field out_fields[] = {
	FIELD(struct out, text, .nullable = true), FIELD(struct out, empty, .help = ""),
	FIELD(struct out, yes, .help = ""),        FIELD(struct out, number, .help = ""),
	FIELD(struct out, then, .help = ""),       FIELD(struct out, never, .nullable = true),
	FIELD(struct out, id, .help = ""),
};
static const struct schema out_schema = SCHEMA("Out", struct out, out_fields);

/* What can be read back of it. */
struct back {
	struct maybe_str text;
	struct str empty, then, id;
	struct maybe_str never;
};

static const struct field back_fields[] = {
	FIELD(struct back, text, .help = ""),
	FIELD(struct back, empty, .required = true, .max = 7),
	FIELD(struct back, then, .required = true, .min = TIMESTAMP_SIZE - 1, .max = TIMESTAMP_SIZE - 1),
	FIELD(struct back, id, .required = true, .max = 36),
	FIELD(struct back, never, .help = ""),
};
static const struct schema back_schema = SCHEMA("Back", struct back, back_fields);

static struct arena arena;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	json_init();
	if (!arena_open(&arena, ARENA_SIZE))
		abort();
	return 0;
}

/* The deepest nesting, brackets in strings not counted. */
static unsigned
depth(struct str body)
{
	unsigned level = 0, deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < body.n; i++) {
		const char c = body.p[i];
		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			level++;
		else if (!in_string && (c == '}' || c == ']'))
			level--;
		deepest = level > deepest ? level : deepest;
	}
	return deepest;
}

/* What any accepted body is, whatever the schema says of it. */
static void
is_one_object(struct str body)
{
	size_t first = 0, last = body.n;

	while (first < body.n && strchr(" \t\r\n", body.p[first]) != NULL)
		first++;
	while (last > first && strchr(" \t\r\n", body.p[last - 1]) != NULL)
		last--;
	HOLDS(last > first + 1 && body.p[first] == '{' && body.p[last - 1] == '}');
	HOLDS(utf8_length(body) >= 0);
	HOLDS(depth(body) <= JSON_DEPTH_MAX);
}

static struct str
value_of(const struct field *field, const void *in)
{
	const void *member = (const char *)in + field->at;

	return field->kind == KIND_STR ? *(const struct str *)member : ((const struct maybe_str *)member)->value;
}

static void
field_is_within_bounds(const struct field *field, const void *in, const struct reason *why)
{
	const struct str value = value_of(field, in);

	HOLDS(!reason_names(why, field->name) || value.p == NULL);
	HOLDS(!field->required || value.p != NULL || reason_names(why, field->name));
	if (value.p == NULL)
		return;
	const long points = utf8_length(value);
	HOLDS(points >= (long)field->min && (field->max == 0 || points <= (long)field->max));
	HOLDS(memchr(value.p, '\0', value.n) == NULL && value.p[value.n] == '\0');
	HOLDS(field->rule == NULL || field->rule->valid == NULL || field->rule->valid(value));
}

static void
complaints_are_of_the_schema(const struct reason *why)
{
	for (size_t i = 0; i < why->n; i++) {
		bool known = false;
		for (size_t f = 0; f < COUNT(in_fields); f++)
			known = known || strcmp(in_fields[f].name, why->fields[i].field) == 0;
		HOLDS(known);
		for (size_t j = 0; j < i; j++)
			HOLDS(strcmp(why->fields[j].field, why->fields[i].field) != 0);
	}
}

/* What was accepted is encoded, and is then the same again, but for what was absent and is null now. */
static void
comes_back(const struct in *in)
{
	struct reason why = { 0 };
	struct str text;
	void *again = NULL;

	HOLDS(json_encode(&in_schema, in, &arena, &text) == OK);
	is_one_object(text);
	HOLDS(json_decode(&in_schema, text, &arena, &again, &why) == OK);
	for (size_t i = 0; i < COUNT(in_fields); i++) {
		const struct str before = value_of(&in_fields[i], in), after = value_of(&in_fields[i], again);
		HOLDS((before.p == NULL) == (after.p == NULL) && str_eq(before, after));
	}
}

/* A struct of all the kinds that only an output has, filled with the input's bytes. */
static void
any_struct_becomes_json(const uint8_t *data, size_t size)
{
	struct out out = { .id = { UUID_NIL } };
	struct reason why = { 0 };
	struct str text;
	void *in = NULL;

	if (size < 21)
		return;
	out.yes = data[0] % 2 == 1;
	memcpy(&out.number, data + 1, sizeof(out.number));
	memcpy(&out.then, data + 5, sizeof(out.then));
	memcpy(&out.never, data + 13, sizeof(out.never));
	const struct str tail = { (const char *)data + 21,
		                      size - 21 < sizeof(out.text) ? size - 21 : sizeof(out.text) - 1 };
	if (utf8_length(tail) < 0)
		return;
	memcpy(out.text, tail.p, tail.n);
	HOLDS(json_encode(&out_schema, &out, &arena, &text) == OK);
	is_one_object(text);
	HOLDS(json_decode(&back_schema, text, &arena, &in, &why) == OK);
	const struct back *back = in;
	HOLDS(back->text.state == (tail.n > 0 ? MAYBE_SET : MAYBE_NULL) && str_eq(back->text.value, tail));
	HOLDS(back->never.state == (out.never.ms != 0 ? MAYBE_SET : MAYBE_NULL));
	HOLDS(back->empty.n == 0 && str_eq(back->id, STR(UUID_NIL)));
	HOLDS(back->then.p[10] == 'T' && back->then.p[back->then.n - 1] == 'Z');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct str body = { (const char *)data, size };
	struct reason why = { 0 };
	void *in = NULL;

	if (size > BODY_MAX)
		return 0;
	arena_reset(&arena);
	any_struct_becomes_json(data, size);
	const enum err err = json_decode(&in_schema, body, &arena, &in, &why);
	HOLDS(err == OK || err == ERR_JSON || err == ERR_FIELDS);
	HOLDS((err == ERR_FIELDS) == (why.n > 0));
	if (err == ERR_JSON)
		return 0;
	is_one_object(body);
	complaints_are_of_the_schema(&why);
	for (size_t i = 0; i < COUNT(in_fields); i++)
		field_is_within_bounds(&in_fields[i], in, &why);
	if (err == OK)
		comes_back(in);
	return 0;
}
