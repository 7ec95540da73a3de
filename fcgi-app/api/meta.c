/* meta.c: what the service says of itself: its keys, its health, its description. */
#include "api/openapi.h"
#include "api/route.h"
#include "service/health.h"
#include "service/keys.h"

/* ---- GET /.well-known/jwks.json ---------------------------------------------------------------------------------- */

/* RFC 9110, 13.1.2: a list, or "*"; compared weakly, as a server that compresses makes a tag weak. */
static bool
etag_matches(struct str header, struct str etag)
{
	while (header.p != NULL) {
		struct str tag = str_trim(str_cut(&header, ','));
		if (str_starts(tag, STR("W/")))
			tag = (struct str){ tag.p + 2, tag.n - 2 };
		if (str_eq(tag, etag) || str_eq(tag, STR("*")))
			return true;
	}
	return false;
}

enum err
meta_jwks(struct ctx *c)
{
	const struct keyring *ring = &c->app->keyring;
	const enum err err = keys_fresh(c->app);
	const struct str etag = str_of(ring->etag);

	/* The keys of a moment ago are good while the database is away; no keys are not to be cached. */
	if (ring->n == 0)
		return err != OK ? err : fail(c, ERR_DB, "No signing key can be used.");
	c->response->cacheable = true;
	response_header(c->response, "Cache-Control",
	                str_printf(c->arena, "public, max-age=%u", c->app->config.jwks_max_age_s));
	response_header(c->response, "ETag", etag);
	if (etag_matches(c->request->if_none_match, etag)) {
		c->response->status = 304;
		return OK;
	}
	return reply_text(c, c->route->out_type, (struct str){ ring->jwks, ring->jwks_n });
}

/* ---- GET /healthz, GET /readyz ----------------------------------------------------------------------------------- */

struct status_response {
	struct str status;
};

static const struct field status_fields[] = {
	FIELD(struct status_response, status, .example = "ok"),
};
const struct schema status_out = SCHEMA("StatusResponse", struct status_response, status_fields);

enum err
meta_alive(struct ctx *c)
{
	return reply(c, &(const struct status_response){ STR("ok") });
}

enum err
meta_ready(struct ctx *c)
{
	const char *missing = NULL;

	if (health_ready(c->app, &missing) != OK)
		return fail(c, ERR_DB, missing);
	return reply(c, &(const struct status_response){ STR("ready") });
}

/* ---- GET /openapi.json ------------------------------------------------------------------------------------------- */

enum err
meta_openapi(struct ctx *c)
{
	struct str document;

	if (!c->app->config.openapi)
		return ERR_NOT_FOUND;
	const enum err err = openapi_render(c, &document);
	return err == OK ? reply_text(c, c->route->out_type, document) : err;
}
