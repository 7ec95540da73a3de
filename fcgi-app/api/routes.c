#include "api/route.h"

#include "core/text.h"

const struct route routes[] = {
	{
		.method = METHOD_POST,
		.path = "/auth/register",
		.access = ACCESS_PUBLIC,
		.status = 201,
		.in = &register_in,
		.check = auth_register_check,
		.out = &user_out,
		.errors = ERROR(ERR_CONFLICT) | ERROR(ERR_BUSY) | ERROR(ERR_SLOW_DOWN),
		.summary = "Make an account",
		.handle = auth_register,
	},
	{
		.method = METHOD_POST,
		.path = "/auth/login",
		.access = ACCESS_PUBLIC,
		.status = 200,
		.in = &login_in,
		.form = &login_form,
		.check = auth_login_check,
		.out = &token_out,
		.out_or = &user_out,
		.errors = ERROR(ERR_CREDENTIALS) | ERROR(ERR_DISABLED) | ERROR(ERR_BUSY) | ERROR(ERR_CROSS_SITE)
	            | ERROR(ERR_SLOW_DOWN),
		.summary = "Sign in with a password",
		.handle = auth_login,
	},
	{
		.method = METHOD_POST,
		.path = "/auth/refresh",
		.access = ACCESS_PUBLIC,
		.status = 200,
		.in = &refresh_in,
		.out = &token_out,
		.errors = ERROR(ERR_GRANT) | ERROR(ERR_SLOW_DOWN),
		.summary = "Exchange a refresh token for the next one and a new access token",
		.handle = auth_refresh,
	},
	{
		.method = METHOD_POST,
		.path = "/auth/logout",
		.access = ACCESS_OPTIONAL,
		.status = 204,
		.in = &logout_in,
		.in_optional = true,
		.errors = ERROR(ERR_GRANT),
		.summary = "End this session, or the refresh token's; with everywhere all of mine",
		.handle = auth_logout,
	},
	{
		.method = METHOD_GET,
		.path = "/auth/verify",
		.access = ACCESS_REMEMBERED,
		.no_db = true,
		.status = 200,
		.query = &verify_query,
		.errors = ERROR(ERR_DB),
		.summary =
			"Whether a request may pass: X-Auth-User, X-Auth-User-Id, X-Auth-Email and X-Auth-Roles say whose it is",
		.handle = auth_verify,
	},
	{
		.method = METHOD_GET,
		.path = "/users/me",
		.access = ACCESS_USER,
		.status = 200,
		.out = &me_out,
		.summary = "Who am I, and what may I do",
		.handle = me_show,
	},
	{
		.method = METHOD_PATCH,
		.path = "/users/me",
		.access = ACCESS_USER,
		.status = 200,
		.in = &profile_in,
		.out = &me_out,
		.errors = ERROR(ERR_CONFLICT),
		.summary = "Change my profile; null clears a field",
		.handle = me_change,
	},
	{
		.method = METHOD_POST,
		.path = "/users/me/password",
		.access = ACCESS_USER,
		.status = 204,
		.in = &password_in,
		.check = me_password_check,
		.errors = ERROR(ERR_BUSY) | ERROR(ERR_SLOW_DOWN),
		.summary = "Change my password; my other sessions end",
		.handle = me_change_password,
	},
	{
		.method = METHOD_POST,
		.path = "/users/me/delete",
		.access = ACCESS_USER,
		.status = 204,
		.in = &delete_in,
		.errors = ERROR(ERR_BUSY) | ERROR(ERR_SLOW_DOWN) | ERROR(ERR_LAST_ADMIN),
		.summary = "Remove my account and all that is mine",
		.handle = me_delete,
	},
	{
		.method = METHOD_GET,
		.path = "/users/me/sessions",
		.access = ACCESS_USER,
		.status = 200,
		.query = &page_query,
		.out = &session_out,
		.list = true,
		.summary = "Where I am signed in, the latest first",
		.handle = sessions_show,
	},
	{
		.method = METHOD_DELETE,
		.path = "/users/me/sessions",
		.access = ACCESS_USER,
		.status = 204,
		.summary = "End all my sessions but this one",
		.handle = sessions_end_others,
	},
	{
		.method = METHOD_DELETE,
		.path = "/users/me/sessions/{id}",
		.access = ACCESS_USER,
		.status = 204,
		.errors = ERROR(ERR_NOT_FOUND),
		.summary = "End one of my sessions",
		.handle = sessions_end_one,
	},
	{
		.method = METHOD_PUT,
		.path = "/users/{id}/roles/{role}",
		.access = ACCESS_PERMISSION,
		.permission = "roles:write",
		.status = 204,
		.errors = ERROR(ERR_NOT_FOUND) | ERROR(ERR_CONFLICT),
		.summary = "Give a user a role",
		.handle = roles_give,
	},
	{
		.method = METHOD_DELETE,
		.path = "/users/{id}/roles/{role}",
		.access = ACCESS_PERMISSION,
		.permission = "roles:write",
		.status = 204,
		.errors = ERROR(ERR_NOT_FOUND) | ERROR(ERR_LAST_ADMIN),
		.summary = "Take a role from a user",
		.handle = roles_take,
	},
	{
		.method = METHOD_GET,
		.path = "/roles",
		.access = ACCESS_PERMISSION,
		.permission = "roles:read",
		.status = 200,
		.query = &role_page_query,
		.out = &role_out,
		.list = true,
		.summary = "All roles, by name",
		.handle = roles_show,
	},
	{
		.method = METHOD_POST,
		.path = "/roles",
		.access = ACCESS_PERMISSION,
		.permission = "roles:write",
		.status = 201,
		.in = &role_in,
		.out = &role_out,
		.errors = ERROR(ERR_CONFLICT),
		.summary = "Make a role",
		.handle = roles_create,
	},
	{
		.method = METHOD_GET,
		.path = "/roles/{role}",
		.access = ACCESS_PERMISSION,
		.permission = "roles:read",
		.status = 200,
		.out = &role_out,
		.errors = ERROR(ERR_NOT_FOUND),
		.summary = "One role",
		.handle = roles_show_one,
	},
	{
		.method = METHOD_PATCH,
		.path = "/roles/{role}",
		.access = ACCESS_PERMISSION,
		.permission = "roles:write",
		.status = 200,
		.in = &role_change_in,
		.out = &role_out,
		.errors = ERROR(ERR_NOT_FOUND) | ERROR(ERR_CONFLICT),
		.summary = "Change what a role permits, or its description",
		.handle = roles_patch,
	},
	{
		.method = METHOD_DELETE,
		.path = "/roles/{role}",
		.access = ACCESS_PERMISSION,
		.permission = "roles:write",
		.status = 204,
		.errors = ERROR(ERR_NOT_FOUND) | ERROR(ERR_CONFLICT),
		.summary = "Remove a role that nobody has",
		.handle = roles_remove,
	},
	{
		.method = METHOD_GET,
		.path = "/.well-known/jwks.json",
		.access = ACCESS_PUBLIC,
		.no_db = true,
		.status = 200,
		.out_type = "application/jwk-set+json",
		.conditional = true,
		.errors = ERROR(ERR_DB),
		.summary = "The public keys that verify access tokens (RFC 7517)",
		.handle = meta_jwks,
	},
	{
		.method = METHOD_GET,
		.path = "/.well-known/openid-configuration",
		.access = ACCESS_PUBLIC,
		.no_db = true,
		.status = 200,
		.out_type = "application/json",
		.conditional = true,
		.summary = "Where the keys are and what signs (OpenID Connect Discovery 1.0; RFC 8414)",
		.handle = meta_openid,
	},
	{
		.method = METHOD_GET,
		.path = "/healthz",
		.access = ACCESS_PUBLIC,
		.no_db = true,
		.status = 200,
		.out = &status_out,
		.summary = "Whether a worker is alive",
		.handle = meta_alive,
	},
	{
		.method = METHOD_GET,
		.path = "/readyz",
		.access = ACCESS_PUBLIC,
		.status = 200,
		.out = &status_out,
		.errors = ERROR(ERR_DB),
		.summary = "Whether requests can be served: database, schema and keys",
		.handle = meta_ready,
	},
	{
		.method = METHOD_GET,
		.path = "/metrics",
		.access = ACCESS_METRICS,
		.permission = "metrics:read",
		.status = 200,
		.out_type = "text/plain; version=0.0.4; charset=utf-8",
		.summary = "What is counted, for Prometheus",
		.handle = metrics_show,
	},
	{
		.method = METHOD_GET,
		.path = "/openapi.json",
		.access = ACCESS_PUBLIC,
		.no_db = true,
		.status = 200,
		.out_type = "application/json",
		.errors = ERROR(ERR_NOT_FOUND),
		.summary = "This description (OpenAPI 3.1)",
		.handle = meta_openapi,
	},
};

const size_t routes_n = COUNT(routes);

static bool
says_who_may(const struct route *r)
{
	if (r->access == ACCESS_PERMISSION || r->access == ACCESS_METRICS)
		return r->permission != NULL && is_permission(str_of(r->permission)) && !r->no_db;
	if (r->no_db && r->access != ACCESS_PUBLIC && r->access != ACCESS_REMEMBERED)
		return false;
	return r->access != ACCESS_UNSET && r->permission == NULL;
}

const char *
routes_check(const struct route *table, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct route *r = &table[i];
		if (!says_who_may(r) || r->method == METHOD_OTHER || r->status == 0 || r->handle == NULL)
			return r->path;
		if (r->list && r->query == NULL)
			return r->path;
		if (r->form != NULL && (r->in == NULL || r->form->size != r->in->size))
			return r->path;
	}
	return NULL;
}
