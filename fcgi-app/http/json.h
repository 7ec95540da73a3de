/*
 * json.h: JSON in and out; the one module that sees jansson.
 *
 * jansson and not json-c: measured, json-c 0.16 in strict mode accepts single quotes, NaN, raw control characters, -01,
 * overlong UTF-8 and duplicate keys; jansson refuses all of these, and libjwt brings it into the process anyway.
 */
#ifndef LATCH_HTTP_JSON_H
#define LATCH_HTTP_JSON_H

#include "http/schema.h"

enum { JSON_DEPTH_MAX = 32 };

/* Has jansson take its memory from core/pool.h, which wipes it. Call once, before anything else uses jansson. */
void json_init(void);

/* Decodes one JSON object (RFC 8259) into a zeroed struct of schema->size in the arena. Members that the schema does not
 * name are ignored. ERR_JSON: not that, duplicate keys, NUL, invalid UTF-8, trailing bytes, nested deeper than
 * JSON_DEPTH_MAX, or a number beyond 64 bits. ERR_FIELDS: why says of each field what is wrong. */
enum err json_decode(const struct schema *schema, struct str body, struct arena *arena, void **out,
                     struct reason *why) MUST_USE;

/* The names of an object's members that the schema does not name, with commas between; absent: there are none, it is no object, or the
 * arena is full. */
struct str json_others(const struct schema *schema, struct str body, struct arena *arena);

/* Encodes the struct into the arena. */
enum err json_encode(const struct schema *schema, const void *in, struct arena *arena, struct str *out) MUST_USE;

/* A list: {"items": [...], "next_cursor": text or null}. `items` are n structs of schema->size. */
struct page {
	const void *items;
	size_t n;
	struct str next_cursor; /* absent: there is no more */
};
enum err json_encode_page(const struct schema *schema, const struct page *page, struct arena *arena,
                          struct str *out) MUST_USE;

/* ---- Documents that no struct describes -------------------------------------------------------------------------- */

/* A document under construction. Running out of memory is remembered here and reported by doc_render. */
struct doc {
	bool failed;
};
struct node;

struct node *doc_object(struct doc *doc);
struct node *doc_array(struct doc *doc);
struct node *doc_str(struct doc *doc, struct str value);
struct node *doc_text(struct doc *doc, const char *value);
struct node *doc_int(struct doc *doc, long long value);
struct node *doc_bool(struct doc *doc, bool value);
struct node *doc_null(struct doc *doc);
/* Both take `value` over. Keys are literals of ours or known to be UTF-8. */
void doc_set(struct doc *doc, struct node *object, const char *key, struct node *value);
void doc_push(struct doc *doc, struct node *array, struct node *value);
/* The member, or NULL; also of what is no object. */
struct node *doc_get(struct node *object, const char *key);

/* Reads one JSON object, as strictly as json_decode. ERR_JSON: it is none. ERR_INTERNAL: memory ran out. doc_free(*out), with
 * which all that was read from it goes. */
enum err doc_parse(struct str text, struct node **out) MUST_USE;
void doc_free(struct node *root);

/* What a node is; of NULL, and of one of another type, absent and false. A number with a fraction loses it; one beyond 2^53 is
 * none. */
struct str node_text(const struct node *node);
bool node_integer(const struct node *node, int64_t *out) MUST_USE;
bool node_bool(const struct node *node, bool *out) MUST_USE;
bool node_is_array(const struct node *node);
/* An array's items; 0 and NULL of what is none. */
size_t node_items(const struct node *array);
struct node *node_item(const struct node *array, size_t i);

/* The document's text in the arena; frees the document. ERR_INTERNAL: memory ran out on the way. */
enum err doc_render(struct doc *doc, struct node *root, struct arena *arena, struct str *out) MUST_USE;

#endif
