/* openapi_schema.h: field tables as the schemas of an OpenAPI document (JSON Schema 2020-12). */
#ifndef LATCH_API_OPENAPI_SCHEMA_H
#define LATCH_API_OPENAPI_SCHEMA_H

#include "http/json.h"

/* Of one field, as a reply or as an input. */
struct node *openapi_field(struct doc *doc, const struct field *field, bool reply);
/* Adds the struct to components, once. NULL adds nothing. */
void openapi_schema(struct doc *doc, struct node *components, const struct schema *schema, bool reply);
/* RFC 9457. */
struct node *openapi_problem(struct doc *doc);
/* {"$ref": "#/components/schemas/NAME"} */
struct node *openapi_reference(struct doc *doc, struct arena *arena, const char *name);

#endif
