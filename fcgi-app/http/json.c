#include "http/json.h"

#include <jansson.h>
#include <string.h>

#include "core/pool.h"

enum { RENDER_GUESS = 2048 };

void
json_init(void)
{
	json_set_alloc_funcs(pool_alloc, pool_free);
}

/* ---- Decoding -------------------------------------------------------------------------------------------------- */

static bool
deeper_than(json_t *value, unsigned levels)
{
	const char *key;
	size_t i;
	json_t *child;
	bool deeper = false;

	if (levels == 0)
		return json_is_object(value) || json_is_array(value);
	if (json_is_object(value))
		json_object_foreach(value, key, child) deeper = deeper || deeper_than(child, levels - 1);
	else if (json_is_array(value))
		json_array_foreach(value, i, child) deeper = deeper || deeper_than(child, levels - 1);
	return deeper;
}

static struct str
string_of(const json_t *value)
{
	return (struct str){ json_string_value(value), json_string_length(value) };
}

static void
decode_strs(const struct field *field, const json_t *array, struct arena *arena, struct strs *out, struct reason *why)
{
	const size_t n = json_array_size(array);

	if (!json_is_array(array)) {
		(void)reason_field(why, field->name, "wrong_type", "must be an array of strings");
		return;
	}
	struct str *items = n <= field->most ? arena_alloc(arena, (n + 1) * sizeof(*items)) : NULL;
	if (items == NULL) {
		(void)reason_field(why, field->name, "too_long", "has too many items");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *item = json_array_get(array, i);
		if (json_is_string(item))
			field_accept_item(field, string_of(item), arena, &items[i], why);
		else
			(void)reason_field(why, field->name, "wrong_type", "must be an array of strings");
	}
	*out = (struct strs){ items, n };
}

static void
decode_bool(const struct field *field, const json_t *value, void *member, struct reason *why)
{
	if (!json_is_boolean(value))
		(void)reason_field(why, field->name, "wrong_type", "must be true or false");
	else if (field->kind == KIND_BOOL)
		*(bool *)member = json_is_true(value);
	else
		((struct maybe_bool *)member)->state = json_is_true(value) ? BOOL_TRUE : BOOL_FALSE;
}

/* Null is the same as not sent, but for a required string. */
static void
decode_null(const struct field *field, void *member, struct reason *why)
{
	if (field->kind == KIND_MAYBE_STR)
		((struct maybe_str *)member)->state = MAYBE_NULL;
	else if (field->required)
		(void)reason_field(why, field->name, "wrong_type", "must be a string");
}

static void
decode_field(const struct field *field, const json_t *value, struct arena *arena, void *out, struct reason *why)
{
	void *member = (char *)out + field->at;

	if (value == NULL)
		field_missing(field, why);
	else if (json_is_null(value))
		decode_null(field, member, why);
	else if (field->kind == KIND_BOOL || field->kind == KIND_MAYBE_BOOL)
		decode_bool(field, value, member, why);
	else if (field->kind == KIND_STRS)
		decode_strs(field, value, arena, member, why);
	else if (json_is_string(value))
		field_accept(field, string_of(value), arena, out, why);
	else
		(void)reason_field(why, field->name, "wrong_type", "must be a string");
}

/* One object, read strictly. */
static enum err
load(struct str text, json_t **out)
{
	/* jansson 2.14 leaves out a NUL behind a number: what it has put back it takes for the end of its buffer. */
	if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
		return ERR_JSON;
	(void)pool_failed();
	json_t *root = json_loadb(text.n > 0 ? text.p : "", text.n, JSON_REJECT_DUPLICATES, NULL);
	const enum err err = pool_failed() ? ERR_INTERNAL : ERR_JSON;
	if (err == ERR_INTERNAL || !json_is_object(root) || deeper_than(root, JSON_DEPTH_MAX)) {
		json_decref(root);
		return err;
	}
	*out = root;
	return OK;
}

enum err
json_decode(const struct schema *schema, struct str body, struct arena *arena, void **out, struct reason *why)
{
	json_t *root;

	*out = arena_alloc(arena, schema->size);
	if (*out == NULL)
		return ERR_INTERNAL;
	const enum err err = load(body, &root);
	if (err != OK)
		return err;
	for (size_t i = 0; i < schema->n; i++)
		decode_field(&schema->fields[i], json_object_get(root, schema->fields[i].name), arena, *out, why);
	json_decref(root);
	return why->n > 0 ? ERR_FIELDS : OK;
}

static bool
names(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->n; i++)
		if (strcmp(schema->fields[i].name, name) == 0)
			return true;
	return false;
}

struct str
json_others(const struct schema *schema, struct str body, struct arena *arena)
{
	struct str others = { 0 };
	const char *name;
	json_t *root, *value;

	if (load(body, &root) != OK)
		return others;
	json_object_foreach(root, name, value) if (!names(schema, name)) others =
		str_printf(arena, "%.*s%s%s", (int)others.n, others.p != NULL ? others.p : "", others.n > 0 ? "," : "", name);
	json_decref(root);
	return others;
}

/* ---- Documents ------------------------------------------------------------------------------------------------- */

/* struct node is never defined: it is jansson's json_t under a name that may leave this file. */
static json_t *
json_of(struct node *node)
{
	return (json_t *)(void *)node;
}

static struct node *
node_of(struct doc *doc, json_t *json)
{
	doc->failed = doc->failed || json == NULL;
	return (struct node *)(void *)json;
}

struct node *
doc_object(struct doc *doc)
{
	return node_of(doc, json_object());
}

struct node *
doc_array(struct doc *doc)
{
	return node_of(doc, json_array());
}

struct node *
doc_str(struct doc *doc, struct str value)
{
	return node_of(doc, value.p != NULL ? json_stringn(value.p, value.n) : json_null());
}

struct node *
doc_text(struct doc *doc, const char *value)
{
	return doc_str(doc, str_of(value));
}

struct node *
doc_int(struct doc *doc, long long value)
{
	return node_of(doc, json_integer(value));
}

struct node *
doc_bool(struct doc *doc, bool value)
{
	return node_of(doc, json_boolean(value));
}

struct node *
doc_null(struct doc *doc)
{
	return node_of(doc, json_null());
}

void
doc_set(struct doc *doc, struct node *object, const char *key, struct node *value)
{
	if (json_object_set_new_nocheck(json_of(object), key, json_of(value)) != 0)
		doc->failed = true;
}

void
doc_push(struct doc *doc, struct node *array, struct node *value)
{
	if (json_array_append_new(json_of(array), json_of(value)) != 0)
		doc->failed = true;
}

struct node *
doc_get(struct node *object, const char *key)
{
	return (struct node *)(void *)json_object_get(json_of(object), key);
}

enum err
doc_parse(struct str text, struct node **out)
{
	json_t *root = NULL;
	const enum err err = load(text, &root);

	*out = (struct node *)(void *)root;
	return err;
}

void
doc_free(struct node *root)
{
	json_decref(json_of(root));
}

static const json_t *
json_in(const struct node *node)
{
	return (const json_t *)(const void *)node;
}

struct str
node_text(const struct node *node)
{
	return json_is_string(json_in(node)) ? string_of(json_in(node)) : (struct str){ 0 };
}

bool
node_integer(const struct node *node, int64_t *out)
{
	static const double most = 9007199254740992; /* 2^53 */
	const double number = json_number_value(json_in(node));

	if (!json_is_number(json_in(node)) || number > most || number < -most)
		return false;
	*out = (int64_t)number;
	return true;
}

bool
node_bool(const struct node *node, bool *out)
{
	*out = json_is_true(json_in(node));
	return json_is_boolean(json_in(node));
}

bool
node_is_array(const struct node *node)
{
	return json_is_array(json_in(node));
}

size_t
node_items(const struct node *array)
{
	return json_array_size(json_in(array));
}

struct node *
node_item(const struct node *array, size_t i)
{
	return (struct node *)(void *)json_array_get(json_in(array), i);
}

enum err
doc_render(struct doc *doc, struct node *root, struct arena *arena, struct str *out)
{
	size_t size = RENDER_GUESS, n = 0;
	char *text = doc->failed ? NULL : arena_alloc(arena, size);

	if (text != NULL)
		n = json_dumpb(json_of(root), text, size, JSON_COMPACT);
	if (n > size) {
		size = n;
		text = arena_alloc(arena, size);
		n = text != NULL ? json_dumpb(json_of(root), text, size, JSON_COMPACT) : 0;
	}
	json_decref(json_of(root));
	*out = (struct str){ text, n };
	return n > 0 ? OK : ERR_INTERNAL;
}

/* ---- Encoding -------------------------------------------------------------------------------------------------- */

static struct node *
encode_words(struct doc *doc, struct str words)
{
	struct node *array = doc_array(doc);

	while (words.p != NULL && words.n > 0)
		doc_push(doc, array, doc_str(doc, str_cut(&words, ',')));
	return array;
}

static struct node *
encode_strs(struct doc *doc, const struct strs *strs)
{
	struct node *array = doc_array(doc);

	for (size_t i = 0; i < strs->n; i++)
		doc_push(doc, array, doc_str(doc, strs->p[i]));
	return array;
}

static struct node *
encode_field(struct doc *doc, const struct field *field, const void *in)
{
	const void *member = (const char *)in + field->at;
	char time[TIMESTAMP_SIZE];

	switch (field->kind) {
	case KIND_STR:
		return doc_str(doc, *(const struct str *)member);
	case KIND_MAYBE_STR:
		return doc_str(doc, ((const struct maybe_str *)member)->value);
	case KIND_STRS:
		return encode_strs(doc, member);
	case KIND_WORDS:
		return encode_words(doc, str_of(member));
	case KIND_TEXT:
	case KIND_UUID:
		return field->nullable && *(const char *)member == '\0' ? doc_null(doc) : doc_text(doc, member);
	case KIND_BOOL:
		return doc_bool(doc, *(const bool *)member);
	case KIND_MAYBE_BOOL:
		return ((const struct maybe_bool *)member)->state == BOOL_ABSENT
		         ? doc_null(doc)
		         : doc_bool(doc, ((const struct maybe_bool *)member)->state == BOOL_TRUE);
	case KIND_U32:
		return doc_int(doc, *(const uint32_t *)member);
	case KIND_TIMESTAMP:
		if (field->nullable && ((const struct timestamp *)member)->ms == 0)
			return doc_null(doc);
		timestamp_format(*(const struct timestamp *)member, time);
		return doc_text(doc, time);
	}
	return NULL;
}

static struct node *
encode_struct(struct doc *doc, const struct schema *schema, const void *in)
{
	struct node *node = doc_object(doc);

	for (size_t i = 0; i < schema->n; i++)
		doc_set(doc, node, schema->fields[i].name, encode_field(doc, &schema->fields[i], in));
	return node;
}

enum err
json_encode(const struct schema *schema, const void *in, struct arena *arena, struct str *out)
{
	struct doc doc = { false };

	return doc_render(&doc, encode_struct(&doc, schema, in), arena, out);
}

enum err
json_encode_page(const struct schema *schema, const struct page *page, struct arena *arena, struct str *out)
{
	struct doc doc = { false };
	struct node *root = doc_object(&doc), *items = doc_array(&doc);
	const char *item = page->items;

	for (size_t i = 0; i < page->n; i++, item += schema->size)
		doc_push(&doc, items, encode_struct(&doc, schema, item));
	doc_set(&doc, root, "items", items);
	doc_set(&doc, root, "next_cursor", doc_str(&doc, page->next_cursor));
	return doc_render(&doc, root, arena, out);
}
