/*
 * route.h: the route table, and what a handler is given.
 *
 * The table (routes.c) is the program: routing, authorization, validation, Allow and the OpenAPI document come from its
 * rows. A new route is a row, a handler of a few lines, its field tables, its statements and its test.
 */
#ifndef LATCH_API_ROUTE_H
#define LATCH_API_ROUTE_H

#include "http/fcgi.h"
#include "http/json.h"
#include "http/schema.h"
#include "service/app.h"
#include "service/login.h"
#include "service/principal.h"

/* 0 is invalid on purpose: a worker with a row that says nothing refuses to start. ACCESS_OPTIONAL: credentials may be left
 * out, and the handler decides; ACCESS_GUARD: the handler asks, for the guarded page
 * says who may; ACCESS_PERMISSION: who has the row's permission; ACCESS_METRICS: who has it, or comes from one of
 * metrics_addresses, and then the database may be away. */
enum access {
	ACCESS_UNSET,
	ACCESS_PUBLIC,
	ACCESS_OPTIONAL,
	ACCESS_USER,
	ACCESS_GUARD,
	ACCESS_PERMISSION,
	ACCESS_METRICS
};

struct route;

/* One request, from dispatch to the log line. Everything it points to lives until the request ends. */
struct ctx {
	struct app *app;
	struct arena *arena;
	const struct request *request;
	struct response *response;
	const struct route *route;
	const void *in;             /* the decoded body: route->in's struct; NULL where the route takes none */
	const void *query;          /* the decoded query: route->query's struct; NULL where the route takes none */
	struct uuid id;             /* what stands at {id} in the path */
	struct str role;            /* what stands at {role}; within the request's path */
	char address[ADDRESS_SIZE]; /* the client's, as text; "" when it is not known */
	struct address from;        /* the same */
	bool from_broken; /* and it is a proxy's, which did not name whom it heard: good enough to count for, no more */
	struct client client;
	struct credential credential; /* CREDENTIAL_NONE where the route asks for none */
	struct principal principal;   /* whose that is */
	struct reason why;
	char request_id[33];
};

typedef enum err handler_fn(struct ctx *c);
/* What no single field can say: complains into c->why about members of c->in that do not go together. Runs also when
 * fields were refused, so that a client hears of everything at once; those members are then absent. */
typedef void check_fn(struct ctx *c);
/* What a refusal says besides the problem, which c->response has already. */
typedef void refuse_fn(struct ctx *c, enum err err);

struct route {
	enum method method;
	const char *path; /* {id} stands for a UUID, {role} for a role's name */
	enum access access;
	const char *permission;      /* with ACCESS_PERMISSION and ACCESS_METRICS */
	bool no_db;                  /* answers without the database */
	uint16_t status;             /* of success */
	const struct schema *in;     /* JSON body, or NULL */
	const struct schema *form;   /* the same struct as a form, or NULL */
	bool in_optional;            /* no body at all is the same as {} */
	check_fn *check;             /* of the whole body, or NULL */
	const struct schema *query;  /* or NULL: then the query is not looked at */
	const struct schema *out;    /* JSON reply, or NULL */
	const struct schema *out_or; /* what it may be instead, or NULL */
	bool list;                   /* the reply is a page of `out` (json_encode_page) */
	const char *out_type;        /* media type where it is not out as application/json */
	bool conditional;            /* answers If-None-Match, so also 304 */
	uint32_t errors;             /* ERROR(...) | that the handler returns; what dispatch returns is known */
	const char *summary;
	handler_fn *handle;
	refuse_fn *refuse; /* or NULL */
};

#define ERROR(err) (UINT32_C(1) << (err))
_Static_assert(ERR__COUNT <= 32, "a route's errors are the bits of a uint32_t");

extern const struct route routes[];
extern const size_t routes_n;

/* The path of the first of n rows that must not be served: it does not say who may, lacks what every row has, or
 * contradicts itself. NULL when all may. */
const char *routes_check(const struct route *table, size_t n);

/* For core/metrics.h: a route's place among routes_n + 1, NULL's too; and a hash of the table's routes. */
size_t route_slot(const struct route *route);
uint32_t routes_layout(void);

/* The one with ACCESS_GUARD: it answers authorizers too. */
size_t route_guard(void);

/* ---- For handlers ------------------------------------------------------------------------------------------------ */

/* Replies with the struct that route->out describes, and route->status. */
enum err reply(struct ctx *c, const void *out) MUST_USE;
/* The same with another schema: route->out_or. */
enum err reply_or(struct ctx *c, const void *out) MUST_USE;
/* Replies with a page of route->out. */
enum err reply_page(struct ctx *c, const struct page *page) MUST_USE;
/* Replies with a document that is there already. */
enum err reply_text(struct ctx *c, const char *content_type, struct str body) MUST_USE;
/* Replies with route->status and no body. */
enum err reply_empty(struct ctx *c) MUST_USE;

/* The client's address, for what limits by it; NULL when it is not known. */
const struct address *client_from(const struct ctx *c);

/* Says to the client why, and returns err. */
enum err fail(struct ctx *c, enum err err, const char *detail) MUST_USE;

/* ---- The handlers -------------------------------------------------------------------------------------------------- */

extern const struct schema register_in, login_in, login_form, refresh_in, logout_in, verify_query, return_query,
	return_out, token_out, user_out, profile_in, password_in, delete_in, session_out, status_out, me_out, role_in,
	role_change_in, role_out, role_page_query, users_query, audit_query, audit_out, user_create_in, user_change_in;

refuse_fn auth_verify_refuse;
check_fn auth_register_check, auth_login_check, me_password_check;
handler_fn auth_register, auth_login, auth_refresh, auth_logout, auth_verify, auth_return_to;
handler_fn me_show, me_change, me_change_password, me_delete;
handler_fn sessions_show, sessions_end_one, sessions_end_others, sessions_show_of, sessions_end_of;
handler_fn users_show, users_create, users_show_one, users_change, users_remove;
handler_fn roles_show, roles_show_one, roles_create, roles_patch, roles_remove, roles_give, roles_take;
handler_fn audit_show_lines;
handler_fn meta_jwks, meta_openid, meta_alive, meta_ready, meta_openapi;
handler_fn metrics_show;

#endif
