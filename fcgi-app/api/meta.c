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

static enum err
reply_cacheable(struct ctx *c, uint32_t max_age_s, struct str etag, struct str body)
{
	c->response->cacheable = true;
	response_header(c->response, "Cache-Control", str_printf(c->arena, "public, max-age=%u", max_age_s));
	response_header(c->response, "ETag", etag);
	if (etag_matches(c->request->if_none_match, etag)) {
		c->response->status = 304;
		return OK;
	}
	return reply_text(c, c->route->out_type, body);
}

enum err
meta_jwks(struct ctx *c)
{
	const struct keyring *ring = &c->app->keyring;
	const enum err err = keys_fresh(c->app);

	/* The keys of a while ago are good while the database is away, but not for as long; no keys are not to be cached. */
	if (ring->n == 0)
		return err != OK ? err : fail(c, ERR_DB, "No signing key can be used.");
	return reply_cacheable(c, keys_max_age_s(c->app), str_of(ring->etag), (struct str){ ring->jwks, ring->jwks_n });
}

/* ---- GET /.well-known/openid-configuration ----------------------------------------------------------------------- */

static void
set_url(struct ctx *c, struct doc *doc, struct node *object, const char *name, const char *path)
{
	doc_set(doc, object, name, doc_str(doc, str_printf(c->arena, "%s%s", c->app->config.public_url, path)));
}

/* "RS256" or the like in an array. */
static struct node *
one_text(struct doc *doc, const char *text)
{
	struct node *array = doc_array(doc);

	doc_push(doc, array, doc_text(doc, text));
	return array;
}

/* What a library needs that verifies our tokens: it reads this to find the keys. There is no authorization endpoint: latch
 * signs people in itself. */
enum err
meta_openid(struct ctx *c)
{
	const struct config *config = &c->app->config;
	struct doc storage = { false }, *doc = &storage;
	struct node *root = doc_object(doc);
	struct str body;
	unsigned char digest[TOKEN_DIGEST_SIZE];
	char etag[2 * TOKEN_DIGEST_SIZE + 3];

	doc_set(doc, root, "issuer", doc_text(doc, config->issuer));
	set_url(c, doc, root, "jwks_uri", "/.well-known/jwks.json");
	set_url(c, doc, root, "token_endpoint", "/auth/login");
	set_url(c, doc, root, "userinfo_endpoint", "/users/me");
	doc_set(doc, root, "response_types_supported", doc_array(doc));
	doc_set(doc, root, "grant_types_supported", one_text(doc, "password"));
	doc_set(doc, root, "subject_types_supported", one_text(doc, "public"));
	doc_set(doc, root, "token_endpoint_auth_methods_supported", one_text(doc, "none"));
	doc_set(doc, root, "id_token_signing_alg_values_supported", one_text(doc, token_alg_name(config->token_alg)));
	enum err err = doc_render(doc, root, c->arena, &body);
	if (err == OK)
		err = token_digest(&c->app->tokens, STR(""), body, digest);
	if (err != OK)
		return err;
	etag[0] = '"';
	hex_encode(digest, sizeof(digest), etag + 1);
	etag[sizeof(etag) - 2] = '"';
	etag[sizeof(etag) - 1] = '\0';
	const struct str tag = str_dup(c->arena, str_of(etag));
	return tag.p != NULL ? reply_cacheable(c, c->app->config.jwks_max_age_s, tag, body) : ERR_INTERNAL;
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
