#include "api/openapi_schema.h"

static const char *
json_type(enum kind kind)
{
	switch (kind) {
	case KIND_BOOL:
	case KIND_MAYBE_BOOL:
		return "boolean";
	case KIND_U32:
		return "integer";
	case KIND_STRS:
	case KIND_WORDS:
		return "array";
	case KIND_STR:
	case KIND_MAYBE_STR:
	case KIND_TEXT:
	case KIND_TIMESTAMP:
	case KIND_UUID:
		break;
	}
	return "string";
}

static bool
several(enum kind kind)
{
	return kind == KIND_STRS || kind == KIND_WORDS;
}

static const char *
json_format(const struct field *field)
{
	if (field->kind == KIND_TIMESTAMP)
		return "date-time";
	if (field->kind == KIND_UUID)
		return "uuid";
	return field->rule != NULL ? field->rule->format : NULL;
}

static struct node *
describe_type(struct doc *doc, const struct field *field, bool reply)
{
	/* An input may send null for what it may leave out. */
	if (reply ? !field->nullable : field->required)
		return doc_text(doc, json_type(field->kind));
	struct node *types = doc_array(doc);
	doc_push(doc, types, doc_text(doc, json_type(field->kind)));
	doc_push(doc, types, doc_text(doc, "null"));
	return types;
}

static struct node *
describe_example(struct doc *doc, const struct field *field)
{
	struct node *examples = doc_array(doc);
	uint64_t number;

	if (field->kind == KIND_U32 && parse_u64(str_of(field->example), &number)) {
		doc_push(doc, examples, doc_int(doc, (long long)number));
	} else if (several(field->kind)) {
		struct node *example = doc_array(doc);
		doc_push(doc, example, doc_text(doc, field->example));
		doc_push(doc, examples, example);
	} else {
		doc_push(doc, examples, doc_text(doc, field->example));
	}
	return examples;
}

/* What a text must be like. */
static void
describe_text(struct doc *doc, struct node *node, const struct field *field)
{
	const char *format = json_format(field);

	if (format != NULL)
		doc_set(doc, node, "format", doc_text(doc, format));
	if (field->rule != NULL && field->rule->pattern != NULL)
		doc_set(doc, node, "pattern", doc_text(doc, field->rule->pattern));
	if (field->min != 0)
		doc_set(doc, node, "minLength", doc_int(doc, field->min));
	if (field->max != 0)
		doc_set(doc, node, "maxLength", doc_int(doc, field->max));
}

static void
describe_items(struct doc *doc, struct node *node, const struct field *field)
{
	struct node *item = doc_object(doc);

	doc_set(doc, item, "type", doc_text(doc, "string"));
	describe_text(doc, item, field);
	doc_set(doc, node, "items", item);
	if (field->most != 0)
		doc_set(doc, node, "maxItems", doc_int(doc, field->most));
}

struct node *
openapi_field(struct doc *doc, const struct field *field, bool reply)
{
	struct node *node = doc_object(doc);

	doc_set(doc, node, "type", describe_type(doc, field, reply));
	if (several(field->kind))
		describe_items(doc, node, field);
	else
		describe_text(doc, node, field);
	if (field->help != NULL)
		doc_set(doc, node, "description", doc_text(doc, field->help));
	if (field->example != NULL)
		doc_set(doc, node, "examples", describe_example(doc, field));
	return node;
}

/* A reply always has all its members. */
void
openapi_schema(struct doc *doc, struct node *components, const struct schema *schema, bool reply)
{
	if (schema == NULL || doc_get(components, schema->name) != NULL)
		return;
	struct node *node = doc_object(doc), *properties = doc_object(doc), *required = doc_array(doc);

	for (size_t i = 0; i < schema->n; i++) {
		const struct field *field = &schema->fields[i];
		doc_set(doc, properties, field->name, openapi_field(doc, field, reply));
		if (reply || field->required)
			doc_push(doc, required, doc_text(doc, field->name));
	}
	doc_set(doc, node, "type", doc_text(doc, "object"));
	doc_set(doc, node, "properties", properties);
	doc_set(doc, node, "required", required);
	doc_set(doc, components, schema->name, node);
}

/* The members that dispatch.c writes. */
struct node *
openapi_problem(struct doc *doc)
{
	static const char *const texts[] = { "type", "title", "detail", "code", "request_id" };
	static const char *const members[] = { "field", "code", "detail" };
	struct node *problem = doc_object(doc), *properties = doc_object(doc), *required = doc_array(doc);
	struct node *errors = doc_object(doc), *item = doc_object(doc), *item_properties = doc_object(doc);

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct node *text = doc_object(doc);
		doc_set(doc, text, "type", doc_text(doc, "string"));
		doc_set(doc, properties, texts[i], text);
		doc_push(doc, required, doc_text(doc, texts[i]));
	}
	struct node *status = doc_object(doc);
	doc_set(doc, status, "type", doc_text(doc, "integer"));
	doc_set(doc, properties, "status", status);
	doc_push(doc, required, doc_text(doc, "status"));
	for (size_t i = 0; i < COUNT(members); i++) {
		struct node *text = doc_object(doc);
		doc_set(doc, text, "type", doc_text(doc, "string"));
		doc_set(doc, item_properties, members[i], text);
	}
	doc_set(doc, item, "type", doc_text(doc, "object"));
	doc_set(doc, item, "properties", item_properties);
	doc_set(doc, errors, "type", doc_text(doc, "array"));
	doc_set(doc, errors, "items", item);
	doc_set(doc, properties, "errors", errors);
	doc_set(doc, problem, "type", doc_text(doc, "object"));
	doc_set(doc, problem, "required", required);
	doc_set(doc, problem, "properties", properties);
	return problem;
}

struct node *
openapi_reference(struct doc *doc, struct arena *arena, const char *name)
{
	struct node *node = doc_object(doc);

	doc_set(doc, node, "$ref", doc_str(doc, str_printf(arena, "#/components/schemas/%s", name)));
	return node;
}
