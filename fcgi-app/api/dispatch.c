#include "api/dispatch.h"

#include <string.h>

#include "api/credentials.h"
#include "core/random.h"
#include "core/text.h"
#include "http/form.h"
#include "service/keys.h"

/* ---- Replies --------------------------------------------------------------------------------------------------- */

enum err
reply_text(struct ctx *c, const char *content_type, struct str body)
{
	c->response->status = c->route->status;
	c->response->content_type = content_type;
	c->response->body = body;
	return OK;
}

static enum err
reply_as(struct ctx *c, const struct schema *schema, const void *out)
{
	struct str body;
	const enum err err = json_encode(schema, out, c->arena, &body);

	return err == OK ? reply_text(c, "application/json", body) : err;
}

enum err
reply(struct ctx *c, const void *out)
{
	return reply_as(c, c->route->out, out);
}

enum err
reply_or(struct ctx *c, const void *out)
{
	return reply_as(c, c->route->out_or, out);
}

enum err
reply_page(struct ctx *c, const struct page *page)
{
	struct str body;
	const enum err err = json_encode_page(c->route->out, page, c->arena, &body);

	return err == OK ? reply_text(c, "application/json", body) : err;
}

enum err
reply_empty(struct ctx *c)
{
	c->response->status = c->route->status;
	return OK;
}

enum err
fail(struct ctx *c, enum err err, const char *detail)
{
	c->why.detail = detail;
	return err;
}

/* RFC 9457. */
static enum err
write_problem(struct ctx *c, const struct problem *problem, struct str *out)
{
	struct doc doc = { false };
	struct node *root = doc_object(&doc);
	const struct str type = str_printf(c->arena, "%s/problems/%s", c->app->config.public_url, problem->slug);

	doc_set(&doc, root, "type", doc_str(&doc, type));
	doc_set(&doc, root, "title", doc_text(&doc, problem->title));
	doc_set(&doc, root, "status", doc_int(&doc, problem->status));
	doc_set(&doc, root, "detail", doc_text(&doc, c->why.detail != NULL ? c->why.detail : problem->detail));
	doc_set(&doc, root, "code", doc_text(&doc, problem->slug));
	doc_set(&doc, root, "request_id", doc_text(&doc, c->request_id));
	if (c->why.n > 0) {
		struct node *errors = doc_array(&doc);
		for (size_t i = 0; i < c->why.n; i++) {
			struct node *item = doc_object(&doc);
			doc_set(&doc, item, "field", doc_text(&doc, c->why.fields[i].field));
			doc_set(&doc, item, "code", doc_text(&doc, c->why.fields[i].code));
			doc_set(&doc, item, "detail", doc_text(&doc, c->why.fields[i].detail));
			doc_push(&doc, errors, item);
		}
		doc_set(&doc, root, "errors", errors);
	}
	return doc_render(&doc, root, c->arena, out);
}

/* The one place where an error becomes a response. */
static void
reply_problem(struct ctx *c, enum err err)
{
	const struct problem *problem = &problems[err];
	struct str body;

	if (write_problem(c, problem, &body) != OK) {
		problem = &problems[ERR_INTERNAL];
		body = STR("{\"title\":\"Internal error\",\"status\":500,\"code\":\"internal_error\"}");
	}
	c->response->status = problem->status;
	c->response->content_type = "application/problem+json";
	c->response->body = body;
	if (problem->challenge != NULL)
		response_header(c->response, "WWW-Authenticate", str_of(problem->challenge));
	const unsigned retry_after_s = c->why.retry_after_s != 0 ? c->why.retry_after_s : problem->retry_after_s;
	if (retry_after_s != 0)
		response_header(c->response, "Retry-After", str_printf(c->arena, "%u", retry_after_s));
}

/* ---- Routing --------------------------------------------------------------------------------------------------- */

/* A segment against its pattern; what stands for something goes into c. */
static bool
segment_matches(struct ctx *c, struct str wanted, struct str segment)
{
	if (str_eq(wanted, STR("{id}")))
		return uuid_parse(segment, &c->id);
	if (!str_eq(wanted, STR("{role}")))
		return str_eq(wanted, segment);
	c->role = segment;
	return is_role_name(segment);
}

static bool
path_matches(struct ctx *c, const char *pattern, struct str path)
{
	struct str rest = str_of(pattern);

	while (rest.p != NULL && path.p != NULL) {
		const struct str wanted = str_cut(&rest, '/'), segment = str_cut(&path, '/');
		if (!segment_matches(c, wanted, segment))
			return false;
	}
	return rest.p == NULL && path.p == NULL;
}

/* What a path takes, for Allow (RFC 9110, 10.2.1). */
static struct str
allowed_methods(struct ctx *c, struct str path)
{
	struct str all = STR("OPTIONS");

	for (size_t i = 0; i < routes_n; i++)
		if (path_matches(c, routes[i].path, path))
			all = str_printf(c->arena, "%.*s, %s%s", (int)all.n, all.p, method_name(routes[i].method),
			                 routes[i].method == METHOD_GET ? ", HEAD" : "");
	return all;
}

static enum err
find_route(struct ctx *c)
{
	const struct request *request = c->request;
	bool path_known = false;

	if (request->authorizer) {
		c->route = &routes[route_guard()];
		return OK;
	}
	for (size_t i = 0; i < routes_n; i++) {
		if (!path_matches(c, routes[i].path, request->path))
			continue;
		path_known = true;
		if (routes[i].method != request->method)
			continue;
		c->route = &routes[i];
		return OK;
	}
	if (!path_known)
		return ERR_NOT_FOUND;
	response_header(c->response, "Allow", allowed_methods(c, request->path));
	return ERR_METHOD;
}

/* ---- Cross-origin requests (Fetch, 3.2) ------------------------------------------------------------------------ */

static bool
origin_allowed(const struct ctx *c)
{
	struct str rest = str_of(c->app->config.cors_origins);

	while (c->request->origin.n > 0 && rest.p != NULL && rest.n > 0)
		if (str_eq(str_cut(&rest, ' '), c->request->origin))
			return true;
	return false;
}

static void
write_cors(struct ctx *c)
{
	if (c->app->config.cors_origins[0] == '\0')
		return;
	/* Also where this origin gets nothing: a cache must not give one origin's answer to another. */
	response_header(c->response, "Vary", STR("Origin"));
	if (!origin_allowed(c))
		return;
	response_header(c->response, "Access-Control-Allow-Origin", c->request->origin);
	response_header(c->response, "Access-Control-Expose-Headers", STR("X-Request-Id, Location, Retry-After"));
}

/* A preflight, or a question what a path takes: 204 either way, and the permission only for configured origins. */
static enum err
answer_options(struct ctx *c)
{
	const struct str allow = allowed_methods(c, c->request->path);

	if (str_eq(allow, STR("OPTIONS")))
		return ERR_NOT_FOUND;
	response_header(c->response, "Allow", allow);
	if (origin_allowed(c)) {
		response_header(c->response, "Access-Control-Allow-Methods", allow);
		response_header(c->response, "Access-Control-Allow-Headers", STR("Authorization, Content-Type"));
		response_header(c->response, "Access-Control-Max-Age", STR("600"));
	}
	c->response->status = 204;
	return OK;
}

/* ---- Who --------------------------------------------------------------------------------------------------------- */

static enum err
check_permission(struct ctx *c)
{
	const struct principal *who = &c->principal;

	if (permits(who->user.roles, who->permissions, str_of(c->route->permission)))
		return OK;
	const struct str detail = str_printf(c->arena, "This needs the permission %s.", c->route->permission);
	return fail(c, ERR_FORBIDDEN, detail.p);
}

static enum err
prove(struct ctx *c)
{
	enum err err = credential_of(c, c->request->method != METHOD_GET, &c->credential);

	if (err != OK)
		return err;
	if (c->credential.kind == CREDENTIAL_NONE)
		return c->route->access == ACCESS_OPTIONAL ? OK : ERR_UNAUTHORIZED;
	err = principal_of(c->app, &c->credential, &c->client, &c->principal);
	c->app->acting.user = err == OK ? &c->principal.user.id : NULL;
	c->app->acting.session = err == OK ? &c->principal.session : NULL;
	return err == OK && c->route->permission != NULL ? check_permission(c) : err;
}

/* Whether it is enough where he comes from, whoever he is: so it must not need the database. */
static bool
from_there(const struct ctx *c)
{
	const struct address *from = client_from(c);

	return c->route->access == ACCESS_METRICS && from != NULL && !c->from_broken
	    && address_in(&c->app->config.metrics_from, from);
}

/* ---- The body -------------------------------------------------------------------------------------------------- */

/* The type without its parameters (RFC 9110, 8.3.1). */
static bool
media_type_is(const struct request *request, struct str type)
{
	struct str rest = request->content_type;

	return str_eq_nocase(str_trim(str_cut(&rest, ';')), type);
}

static enum err
decode_body(struct ctx *c)
{
	const struct route *route = c->route;
	const struct request *request = c->request;
	void *in = NULL;
	enum err err = ERR_MEDIA_TYPE;

	if (request->body_large)
		return ERR_TOO_LARGE;
	if (route->in == NULL)
		return OK;
	if (route->in_optional && request->body.n == 0) {
		c->in = arena_alloc(c->arena, route->in->size);
		return c->in != NULL ? OK : ERR_INTERNAL;
	}
	if (media_type_is(request, STR("application/json")))
		err = json_decode(route->in, request->body, c->arena, &in, &c->why);
	else if (route->form != NULL && media_type_is(request, STR("application/x-www-form-urlencoded")))
		err = form_decode(route->form, request->body, c->arena, &in, &c->why);
	c->in = in;
	if ((err != OK && err != ERR_FIELDS) || route->check == NULL)
		return err;
	route->check(c);
	return c->why.n > 0 ? ERR_FIELDS : OK;
}

static enum err
decode_query(struct ctx *c)
{
	void *query = NULL;

	if (c->route->query == NULL)
		return OK;
	const struct str text = c->request->query.p != NULL ? c->request->query : STR("");
	const enum err err = form_decode(c->route->query, text, c->arena, &query, &c->why);
	c->query = query;
	return err;
}

/* ---- The whole way --------------------------------------------------------------------------------------------- */

static enum err
serve(struct ctx *c)
{
	if (c->request->malformed)
		return ERR_BAD_REQUEST;
	if (c->request->method == METHOD_OPTIONS && !c->request->authorizer)
		return answer_options(c);
	enum err err = find_route(c);
	if (err != OK)
		return err;
	const bool let_in = from_there(c);
	if (!c->route->no_db && !let_in)
		err = keys_refresh(c->app);
	/* Whatever is not for everybody is for somebody who proves who he is. */
	if (err == OK && c->route->access != ACCESS_PUBLIC && c->route->access != ACCESS_GUARD && !let_in)
		err = prove(c);
	if (err == OK)
		err = decode_query(c);
	if (err == OK)
		err = decode_body(c);
	if (err != OK)
		return err;
	/* What a handler said in headers does not outlive its failure. */
	const size_t before = c->response->nheaders;
	err = c->route->handle(c);
	if (err != OK)
		c->response->nheaders = before;
	return err;
}

/* What goes into a log line and a row is written here, and not taken from the web server. */
static void
find_client(struct ctx *c)
{
	const struct request *request = c->request;
	char prefix[ADDRESS_SIZE] = "";

	if (client_address(request->remote_addr, request->x_forwarded_for, &c->app->config.proxies, &c->from,
	                   &c->from_broken)) {
		address_format(&c->from, c->address);
		address_prefix(&c->from, prefix);
	}
	lanes_for(&c->app->lanes, prefix[0] != '\0' ? prefix : NULL);
	lanes_for(&c->app->outbound_lanes, prefix[0] != '\0' ? prefix : NULL);
	c->client = (struct client){ .ip = c->address[0] != '\0' ? str_of(c->address) : (struct str){ 0 },
		                         .user_agent = text_shown(request->user_agent, USER_AGENT_POINTS_MAX) };
	c->app->acting = (struct acting){ .request = true, .client = c->client };
}

const struct address *
client_from(const struct ctx *c)
{
	return c->address[0] != '\0' ? &c->from : NULL;
}

enum err
dispatch(struct ctx *c, struct app *app, struct arena *arena, const struct request *request, struct response *response)
{
	unsigned char id[16];

	*c = (struct ctx){ .app = app, .arena = arena, .request = request, .response = response };
	*response = (struct response){ 0 };
	random_bytes(id, sizeof(id));
	hex_encode(id, sizeof(id), c->request_id);
	response_header(response, "X-Request-Id", str_of(c->request_id));
	response_header(response, "X-Content-Type-Options", STR("nosniff"));
	write_cors(c);
	find_client(c);

	const enum err err = serve(c);
	app->acting = (struct acting){ 0 };
	if (err != OK)
		reply_problem(c, err);
	if (err != OK && c->route != NULL && c->route->refuse != NULL)
		c->route->refuse(c, err);
	if (err != OK || !response->cacheable)
		response_header(response, "Cache-Control", STR("no-store"));
	return err;
}
