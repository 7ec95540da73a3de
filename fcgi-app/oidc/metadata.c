#include "oidc/metadata.h"

#include <string.h>

#include "core/config.h"
#include "http/json.h"

static const char *const complaints[METADATA__COUNT] = {
	[METADATA_GOOD] = "is good",
	[METADATA_FAILED] = "could not be read: out of memory",
	[METADATA_FORM] = "is no JSON object, or too large",
	[METADATA_ISSUER] = "is another issuer's than the configuration says",
	[METADATA_AUTHORIZATION_ENDPOINT] = "has no authorization_endpoint that may be used",
	[METADATA_TOKEN_ENDPOINT] = "has no token_endpoint that may be used",
	[METADATA_USERINFO_ENDPOINT] = "has a userinfo_endpoint that may not be used",
	[METADATA_JWKS_URI] = "has no jwks_uri that may be used",
};

const char *
metadata_complaint(enum metadata_verdict verdict)
{
	return complaints[verdict];
}

bool
endpoint_usable(struct str url, bool loopback)
{
	const struct str origin = url_origin(url);
	const size_t scheme = url_is_https(url) ? 8 : 7;

	if (!url_is_https(url) && !(loopback && url_is_loopback(url)))
		return false;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || strchr("\"#<>\\^`{|}", url.p[i]) != NULL)
			return false;
	return url.n <= ENDPOINT_MAX && origin.n > scheme && strchr(":?", origin.p[scheme]) == NULL
	    && memchr(origin.p, '@', origin.n) == NULL && memchr(origin.p, '?', origin.n) == NULL;
}

struct str
metadata_url(struct str issuer, struct arena *arena)
{
	const size_t n = issuer.n > 0 && issuer.p[issuer.n - 1] == '/' ? issuer.n - 1 : issuer.n;

	return str_printf(arena, "%.*s/.well-known/openid-configuration", (int)n, issuer.p);
}

static enum metadata_verdict
read_members(struct node *document, struct str issuer, bool loopback, struct arena *arena, struct metadata *out)
{
	const struct {
		const char *name;
		struct str *to;
		bool required;
		enum metadata_verdict otherwise;
	} endpoints[] = {
		{ "authorization_endpoint", &out->authorization_endpoint, true, METADATA_AUTHORIZATION_ENDPOINT },
		{ "token_endpoint", &out->token_endpoint, true, METADATA_TOKEN_ENDPOINT },
		{ "userinfo_endpoint", &out->userinfo_endpoint, false, METADATA_USERINFO_ENDPOINT },
		{ "jwks_uri", &out->jwks_uri, true, METADATA_JWKS_URI },
	};

	const struct str named = node_text(doc_get(document, "issuer"));
	if (named.p == NULL || !str_eq(named, issuer))
		return METADATA_ISSUER;
	for (size_t i = 0; i < COUNT(endpoints); i++) {
		struct node *member = doc_get(document, endpoints[i].name);
		if (member == NULL && !endpoints[i].required)
			continue;
		if (!endpoint_usable(node_text(member), loopback))
			return endpoints[i].otherwise;
		*endpoints[i].to = str_dup(arena, node_text(member));
		if (endpoints[i].to->p == NULL)
			return METADATA_FAILED;
	}
	/* Anything but true is no promise. */
	if (!node_bool(doc_get(document, "authorization_response_iss_parameter_supported"), &out->names_itself))
		out->names_itself = false;
	return METADATA_GOOD;
}

enum metadata_verdict
metadata_read(struct str text, struct str issuer, bool loopback, struct arena *arena, struct metadata *out)
{
	struct node *document;

	*out = (struct metadata){ 0 };
	const enum err err = text.n <= METADATA_TEXT_MAX ? doc_parse(text, &document) : ERR_JSON;
	if (err != OK)
		return err == ERR_JSON ? METADATA_FORM : METADATA_FAILED;
	const enum metadata_verdict verdict = read_members(document, issuer, loopback, arena, out);
	doc_free(document);
	return verdict;
}
