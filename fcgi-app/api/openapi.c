#include "api/openapi.h"

#include <ctype.h>
#include <string.h>

#include "api/credentials.h"
#include "api/dispatch.h"
#include "api/openapi_schema.h"

/* What dispatch itself may answer, by what a route's row says. */
static uint32_t
errors_of(const struct route *route)
{
	uint32_t errors = route->errors | ERROR(ERR_INTERNAL) | ERROR(ERR_BAD_REQUEST) | ERROR(ERR_TOO_LARGE);

	if (route->access != ACCESS_PUBLIC)
		errors |= ERROR(ERR_UNAUTHORIZED) | ERROR(ERR_TOKEN) | ERROR(ERR_AMBIGUOUS);
	if (route->permission != NULL)
		errors |= ERROR(ERR_FORBIDDEN);
	if (route->access != ACCESS_PUBLIC && route->method != METHOD_GET)
		errors |= ERROR(ERR_CROSS_SITE);
	if (route->query != NULL)
		errors |= ERROR(ERR_FIELDS);
	if (route->in != NULL)
		errors |= ERROR(ERR_JSON) | ERROR(ERR_MEDIA_TYPE) | ERROR(ERR_FIELDS);
	if (!route->no_db)
		errors |= ERROR(ERR_DB);
	return errors;
}

/* ---- Operations ------------------------------------------------------------------------------------------------ */

/* {"application/json": {"schema": ...}}, added to a content object; schema NULL: any object. */
static void
add_content(struct doc *doc, struct arena *arena, struct node *content, const char *type, const char *schema)
{
	struct node *media = doc_object(doc), *any = NULL;

	if (schema == NULL) {
		any = doc_object(doc);
		doc_set(doc, any, "type", doc_text(doc, "object"));
		doc_set(doc, any, "additionalProperties", doc_bool(doc, true));
	}
	doc_set(doc, media, "schema", any != NULL ? any : openapi_reference(doc, arena, schema));
	doc_set(doc, content, type, media);
}

static struct node *
describe_body(struct doc *doc, struct arena *arena, const struct route *route)
{
	struct node *body = doc_object(doc), *content = doc_object(doc);

	add_content(doc, arena, content, "application/json", route->in->name);
	if (route->form != NULL)
		add_content(doc, arena, content, "application/x-www-form-urlencoded", route->form->name);
	doc_set(doc, body, "required", doc_bool(doc, !route->in_optional));
	doc_set(doc, body, "content", content);
	return body;
}

/* What json_encode_page writes. */
static struct node *
describe_page(struct doc *doc, struct arena *arena, const char *item)
{
	struct node *media = doc_object(doc), *page = doc_object(doc), *properties = doc_object(doc);
	struct node *items = doc_object(doc), *cursor = doc_object(doc), *types = doc_array(doc),
				*required = doc_array(doc);

	doc_set(doc, items, "type", doc_text(doc, "array"));
	doc_set(doc, items, "items", openapi_reference(doc, arena, item));
	doc_set(doc, properties, "items", items);
	doc_push(doc, types, doc_text(doc, "string"));
	doc_push(doc, types, doc_text(doc, "null"));
	doc_set(doc, cursor, "type", types);
	doc_set(doc, cursor, "description", doc_text(doc, "the cursor of the next page; null on the last one"));
	doc_set(doc, properties, "next_cursor", cursor);
	doc_push(doc, required, doc_text(doc, "items"));
	doc_push(doc, required, doc_text(doc, "next_cursor"));
	doc_set(doc, page, "type", doc_text(doc, "object"));
	doc_set(doc, page, "required", required);
	doc_set(doc, page, "properties", properties);
	doc_set(doc, media, "schema", page);
	return media;
}

static struct node *
describe_either(struct doc *doc, struct arena *arena, const struct route *route)
{
	struct node *media = doc_object(doc), *schema = doc_object(doc), *either = doc_array(doc);

	doc_push(doc, either, openapi_reference(doc, arena, route->out->name));
	doc_push(doc, either, openapi_reference(doc, arena, route->out_or->name));
	doc_set(doc, schema, "oneOf", either);
	doc_set(doc, media, "schema", schema);
	return media;
}

/* The type without its parameters (RFC 9110, 8.3.1). */
static void
describe_text(struct doc *doc, struct node *content, const char *type)
{
	struct node *media = doc_object(doc), *schema = doc_object(doc);
	char name[64] = "";
	struct str rest = str_of(type);

	doc_set(doc, schema, "type", doc_text(doc, "string"));
	doc_set(doc, media, "schema", schema);
	if (str_copy(name, sizeof(name), str_cut(&rest, ';')))
		doc_set(doc, content, name, media);
}

static struct node *
describe_success(struct doc *doc, struct arena *arena, const struct route *route)
{
	struct node *response = doc_object(doc);

	doc_set(doc, response, "description", doc_text(doc, route->status == 204 ? "Done" : route->summary));
	if (route->out == NULL && route->out_type == NULL)
		return response;
	struct node *content = doc_object(doc);
	if (route->list)
		doc_set(doc, content, "application/json", describe_page(doc, arena, route->out->name));
	else if (route->out_or != NULL)
		doc_set(doc, content, "application/json", describe_either(doc, arena, route));
	else if (route->out != NULL)
		add_content(doc, arena, content, "application/json", route->out->name);
	else if (str_starts(str_of(route->out_type), STR("text/")))
		describe_text(doc, content, route->out_type);
	else
		add_content(doc, arena, content, route->out_type, NULL);
	doc_set(doc, response, "content", content);
	return response;
}

/* One response a status: its description names every code that may stand in the problem document. */
static void
describe_errors(struct doc *doc, struct arena *arena, const struct route *route, struct node *responses)
{
	const uint32_t errors = errors_of(route);

	for (unsigned first = 0; first < ERR__COUNT; first++) {
		const struct str status = str_printf(arena, "%d", problems[first].status);
		if ((errors & ERROR(first)) == 0 || status.p == NULL || doc_get(responses, status.p) != NULL)
			continue;
		struct str codes = { 0 };
		for (unsigned e = first; e < ERR__COUNT; e++)
			if ((errors & ERROR(e)) != 0 && problems[e].status == problems[first].status)
				codes = codes.p == NULL ? str_of(problems[e].slug)
				                        : str_printf(arena, "%.*s, %s", (int)codes.n, codes.p, problems[e].slug);
		struct node *response = doc_object(doc), *content = doc_object(doc);
		add_content(doc, arena, content, "application/problem+json", "Problem");
		doc_set(doc, response, "description", doc_str(doc, codes));
		doc_set(doc, response, "content", content);
		doc_set(doc, responses, status.p, response);
	}
}

static struct node *
describe_parameter(struct doc *doc, const char *where, const struct field *field)
{
	struct node *parameter = doc_object(doc);

	doc_set(doc, parameter, "name", doc_text(doc, field->name));
	doc_set(doc, parameter, "in", doc_text(doc, where));
	doc_set(doc, parameter, "required", doc_bool(doc, field->required));
	doc_set(doc, parameter, "schema", openapi_field(doc, field, true));
	return parameter;
}

/* {id} and {role} in the path, and the fields of the query. */
static struct node *
describe_parameters(struct doc *doc, const struct route *route)
{
	static const struct field id = { .name = "id", .kind = KIND_UUID, .required = true };
	static const struct field role = { .name = "role", .kind = KIND_STR, .required = true, .rule = &rule_role };
	struct node *parameters = doc_array(doc);

	if (strstr(route->path, "{id}") != NULL)
		doc_push(doc, parameters, describe_parameter(doc, "path", &id));
	if (strstr(route->path, "{role}") != NULL)
		doc_push(doc, parameters, describe_parameter(doc, "path", &role));
	for (size_t i = 0; route->query != NULL && i < route->query->n; i++)
		doc_push(doc, parameters, describe_parameter(doc, "query", &route->query->fields[i]));
	return parameters;
}

/* Any of these; with ACCESS_OPTIONAL also none. */
static struct node *
describe_security(struct doc *doc, const struct route *route)
{
	static const char *const schemes[] = { "password", "bearer", "cookie" };
	struct node *any = doc_array(doc);

	if (route->access == ACCESS_OPTIONAL)
		doc_push(doc, any, doc_object(doc));
	for (size_t i = 0; i < COUNT(schemes); i++) {
		struct node *one = doc_object(doc);
		doc_set(doc, one, schemes[i], doc_array(doc));
		doc_push(doc, any, one);
	}
	return any;
}

/* "post /auth/login" as an identifier: post_auth_login */
static struct str
operation_id(struct arena *arena, const char *method, const char *path)
{
	const struct str id = str_printf(arena, "%s%s", method, path);
	char *copy = arena_alloc(arena, id.n + 1);

	if (copy == NULL || id.p == NULL)
		return (struct str){ 0 };
	for (size_t i = 0; i < id.n; i++)
		copy[i] = isalnum((unsigned char)id.p[i]) ? id.p[i] : '_';
	return (struct str){ copy, id.n };
}

static struct node *
describe_operation(struct doc *doc, struct arena *arena, const struct route *route, const char *method)
{
	struct node *operation = doc_object(doc), *responses = doc_object(doc), *tags = doc_array(doc);
	struct str rest = str_of(route->path + 1);
	const struct str tag = str_cut(&rest, '/');

	/* "/users/me" belongs to users; "/healthz" and "/.well-known/..." to nobody. */
	doc_push(doc, tags, rest.p != NULL && tag.p[0] != '.' ? doc_str(doc, tag) : doc_text(doc, "meta"));
	doc_set(doc, operation, "tags", tags);
	doc_set(doc, operation, "operationId", doc_str(doc, operation_id(arena, method, route->path)));
	doc_set(doc, operation, "summary", doc_text(doc, route->summary));
	if (route->permission != NULL)
		doc_set(
			doc, operation, "description",
			doc_str(doc, str_printf(arena, "Needs the permission `%s`%s.", route->permission,
		                            route->access == ACCESS_METRICS ? ", or an address of metrics_addresses" : "")));
	if (route->query != NULL || strchr(route->path, '{') != NULL)
		doc_set(doc, operation, "parameters", describe_parameters(doc, route));
	if (route->access != ACCESS_PUBLIC)
		doc_set(doc, operation, "security", describe_security(doc, route));
	if (route->in != NULL)
		doc_set(doc, operation, "requestBody", describe_body(doc, arena, route));
	const struct str status = str_printf(arena, "%d", route->status);
	doc_set(doc, responses, status.p != NULL ? status.p : "default", describe_success(doc, arena, route));
	if (route->conditional) {
		struct node *unchanged = doc_object(doc);
		doc_set(doc, unchanged, "description", doc_text(doc, "What If-None-Match names is still current"));
		doc_set(doc, responses, "304", unchanged);
	}
	describe_errors(doc, arena, route, responses);
	doc_set(doc, operation, "responses", responses);
	return operation;
}

static struct node *
describe_paths(struct doc *doc, struct arena *arena)
{
	struct node *paths = doc_object(doc);

	for (size_t i = 0; i < routes_n; i++) {
		char method[8] = "";
		const char *name = method_name(routes[i].method);
		for (size_t m = 0; m < sizeof(method) - 1 && name[m] != '\0'; m++)
			method[m] = (char)tolower((unsigned char)name[m]);
		if (doc_get(paths, routes[i].path) == NULL)
			doc_set(doc, paths, routes[i].path, doc_object(doc));
		doc_set(doc, doc_get(paths, routes[i].path), method, describe_operation(doc, arena, &routes[i], method));
	}
	return paths;
}

/* ---- The document ---------------------------------------------------------------------------------------------- */

static struct node *
describe_schemes(struct doc *doc, struct str login_path, struct str cookie)
{
	struct node *schemes = doc_object(doc), *oauth2 = doc_object(doc), *flows = doc_object(doc),
				*flow = doc_object(doc);
	struct node *bearer = doc_object(doc), *in_cookie = doc_object(doc);

	doc_set(doc, flow, "tokenUrl", doc_str(doc, login_path));
	doc_set(doc, flow, "scopes", doc_object(doc));
	doc_set(doc, flows, "password", flow);
	doc_set(doc, oauth2, "type", doc_text(doc, "oauth2"));
	doc_set(doc, oauth2, "flows", flows);
	doc_set(doc, schemes, "password", oauth2);
	doc_set(doc, bearer, "type", doc_text(doc, "http"));
	doc_set(doc, bearer, "scheme", doc_text(doc, "bearer"));
	doc_set(doc, bearer, "bearerFormat", doc_text(doc, "JWT"));
	doc_set(doc, schemes, "bearer", bearer);
	doc_set(doc, in_cookie, "type", doc_text(doc, "apiKey"));
	doc_set(doc, in_cookie, "in", doc_text(doc, "cookie"));
	doc_set(doc, in_cookie, "name", doc_str(doc, cookie));
	doc_set(doc, schemes, "cookie", in_cookie);
	return schemes;
}

enum err
openapi_render(const struct ctx *c, struct str *out)
{
	struct doc storage = { false }, *doc = &storage;
	struct node *root = doc_object(doc), *info = doc_object(doc), *servers = doc_array(doc), *server = doc_object(doc);
	struct node *components = doc_object(doc), *schemas = doc_object(doc);
	/* Relative to this host, so that the page works under every name the server has. */
	const struct str mount = c->request->script;

	doc_set(doc, info, "title", doc_text(doc, c->app->config.service_name));
	doc_set(doc, info, "version", doc_text(doc, LATCH_VERSION));
	doc_set(doc, server, "url", doc_str(doc, mount.n > 0 ? mount : STR("/")));
	doc_push(doc, servers, server);
	doc_set(doc, root, "openapi", doc_text(doc, "3.1.0"));
	doc_set(doc, root, "info", info);
	doc_set(doc, root, "servers", servers);
	doc_set(doc, root, "paths", describe_paths(doc, c->arena));
	for (size_t i = 0; i < routes_n; i++) {
		openapi_schema(doc, schemas, routes[i].in, false);
		openapi_schema(doc, schemas, routes[i].form, false);
		openapi_schema(doc, schemas, routes[i].out, true);
	}
	doc_set(doc, schemas, "Problem", openapi_problem(doc));
	doc_set(doc, components, "schemas", schemas);
	doc_set(doc, components, "securitySchemes",
	        describe_schemes(doc, str_printf(c->arena, "%.*s/auth/login", (int)mount.n, mount.p != NULL ? mount.p : ""),
	                         session_cookie_name(&c->app->config)));
	doc_set(doc, root, "components", components);
	return doc_render(doc, root, c->arena, out);
}
