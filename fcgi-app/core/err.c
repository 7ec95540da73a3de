#include "core/err.h"

#include <string.h>

const struct problem problems[ERR__COUNT] = {
	[OK] = { 200, "ok", "OK", "", NULL, 0 },
	[ERR_NO_ROW] = { 500, "internal_error", "Internal error", "Something failed here. It has been logged.", NULL, 0 },
	[ERR_DUPLICATE] = { 500, "internal_error", "Internal error", "Something failed here. It has been logged.", NULL,
	                    0 },
	[ERR_INTERNAL] = { 500, "internal_error", "Internal error", "Something failed here. It has been logged.", NULL, 0 },
	[ERR_DB] = { 503, "unavailable", "Temporarily unavailable", "The service cannot reach its data. Try again shortly.",
	             NULL, 1 },
	[ERR_BUSY] = { 503, "busy", "Too busy", "Too many sign-ins are being checked at this moment. Try again shortly.",
	               NULL, 1 },
	[ERR_NOT_FOUND] = { 404, "not_found", "Not found", "There is nothing at this path.", NULL, 0 },
	[ERR_METHOD] = { 405, "method_not_allowed", "Method not allowed", "See the Allow header for what this path takes.",
	                 NULL, 0 },
	[ERR_BAD_REQUEST] = { 400, "bad_request", "Bad request", "The request is malformed.", NULL, 0 },
	[ERR_JSON] = { 400, "malformed_json", "Malformed JSON",
	               "The body must be one JSON object (RFC 8259): UTF-8, no name twice, no \\u0000, no lone surrogate.",
	               NULL, 0 },
	[ERR_TOO_LARGE] = { 413, "payload_too_large", "Payload too large", "A body may have at most 65536 bytes.", NULL,
	                    0 },
	[ERR_MEDIA_TYPE] = { 415, "unsupported_media_type", "Unsupported media type",
	                     "Send the body as application/json, or as a form where the route takes one.", NULL, 0 },
	[ERR_FIELDS] = { 422, "validation_failed", "Validation failed", "See errors for each field.", NULL, 0 },
	[ERR_CONFLICT] = { 409, "conflict", "Conflict", "See errors for what is taken.", NULL, 0 },
	[ERR_UNAUTHORIZED] = { 401, "unauthorized", "Unauthorized", "This needs a bearer token, or the session cookie.",
	                       "Bearer", 0 },
	[ERR_TOKEN] = { 401, "invalid_token", "Invalid token", "The token is malformed, expired or revoked.",
	                "Bearer error=\"invalid_token\"", 0 },
	[ERR_AMBIGUOUS] = { 400, "ambiguous_credentials", "Ambiguous credentials", "Present credentials once, in one way.",
	                    "Bearer error=\"invalid_request\"", 0 },
	[ERR_CREDENTIALS] = { 401, "invalid_credentials", "Invalid credentials", "No such user, or a wrong password.",
	                      "Bearer", 0 },
	[ERR_GRANT] = { 401, "invalid_grant", "Invalid grant",
	                "The refresh token is malformed, expired, used before or revoked. Sign in again.", "Bearer", 0 },
	[ERR_CROSS_SITE] = { 403, "cross_site", "Cross-site request",
	                     "With a session cookie, only a page of public_url's origin may do this: send Sec-Fetch-Site: "
	                     "same-origin, as "
	                     "browsers do, or that Origin.",
	                     NULL, 0 },
	[ERR_DISABLED] = { 403, "account_disabled", "Account disabled", "This account has been disabled.", NULL, 0 },
	[ERR_FORBIDDEN] = { 403, "insufficient_scope", "Forbidden", "You lack a permission that this needs.",
	                    "Bearer error=\"insufficient_scope\"", 0 },
	[ERR_LAST_ADMIN] = { 409, "last_admin", "Last administrator",
	                     "This is the last active user with the role admin. Give that role to somebody else first.",
	                     NULL, 0 },
	[ERR_SLOW_DOWN] = { 429, "too_many_requests", "Too many requests",
	                    "Try again after as many seconds as Retry-After says.", NULL, 1 },
};

bool
reason_names(const struct reason *why, const char *field)
{
	for (size_t i = 0; i < why->n; i++)
		if (strcmp(why->fields[i].field, field) == 0)
			return true;
	return false;
}

enum err
reason_field(struct reason *why, const char *field, const char *code, const char *detail)
{
	if (!reason_names(why, field) && why->n < REASON_FIELDS_MAX)
		why->fields[why->n++] = (struct field_error){ field, code, detail };
	return ERR_FIELDS;
}
