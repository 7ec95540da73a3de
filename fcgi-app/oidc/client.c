#include "oidc/client.h"

#include <openssl/evp.h>
#include <string.h>

#include "auth/base64.h"
#include "core/random.h"
#include "http/json.h"

/* Who Apple's JWTs are for (Sign in with Apple, "Creating a client secret"). */
static const struct str apple = { "https://appleid.apple.com", 25 };

/* A query or a form under construction; absent once the arena was full. */
static void
add(struct arena *arena, struct str *to, const char *name, struct str value)
{
	const struct str encoded = str_percent_encode(arena, value, "");

	if (to->p == NULL || encoded.p == NULL)
		*to = (struct str){ 0 };
	else
		*to = str_printf(arena, "%.*s%s%s=%.*s", (int)to->n, to->p, to->n > 0 ? "&" : "", name, (int)encoded.n,
		                 encoded.p);
}

enum err
pkce_challenge(struct str verifier, char out[PKCE_CHALLENGE_LENGTH + 1])
{
	unsigned char digest[32];
	size_t n = 0;

	if (EVP_Q_digest(NULL, "SHA256", NULL, verifier.p, verifier.n, digest, &n) != 1 || n != sizeof(digest))
		return ERR_INTERNAL;
	(void)base64url_encode(digest, n, out);
	return OK;
}

struct str
authorization_url(const struct authorization_request *request, struct arena *arena)
{
	const struct {
		const char *name;
		struct str value;
	} members[] = {
		{ "response_type", STR("code") },
		{ "client_id", request->client_id },
		{ "redirect_uri", request->redirect_uri },
		{ "scope", request->scope },
		{ "state", request->state },
		{ "nonce", request->nonce },
		{ "code_challenge", request->code_challenge },
		{ "code_challenge_method", STR("S256") },
		{ "prompt", request->prompt },
		{ "response_mode", request->response_mode },
	};
	struct str query = STR("");

	for (size_t i = 0; i < COUNT(members); i++)
		if (members[i].value.p != NULL)
			add(arena, &query, members[i].name, members[i].value);
	if (query.p == NULL)
		return query;
	/* What the provider's own address asks for stays (RFC 6749, 3.1). */
	const char *mark = memchr(request->endpoint.p, '?', request->endpoint.n) != NULL ? "&" : "?";
	return str_printf(arena, "%.*s%s%.*s", (int)request->endpoint.n, request->endpoint.p, mark, (int)query.n, query.p);
}

/* ---- Client authentication ----------------------------------------------------------------------------------------- */

/* RFC 6749, 2.3.1: both are form-encoded first, so that a colon in the id is none between the two. */
static struct str
basic(const struct client *client, struct arena *arena)
{
	const struct str id = str_percent_encode(arena, client->id, "");
	const struct str secret = str_percent_encode(arena, client->secret, "");
	const struct str both = str_printf(arena, "%.*s:%.*s", (int)id.n, id.p, (int)secret.n, secret.p);
	char *text = both.p != NULL ? arena_alloc(arena, BASE64_SIZE(both.n) + 2) : NULL;

	if (id.p == NULL || secret.p == NULL || text == NULL)
		return (struct str){ 0 };
	for (size_t n = base64_encode(both.p, both.n, text); n % 4 != 0; n++)
		text[n] = '=';
	return str_printf(arena, "Authorization: Basic %s", text);
}

static struct str
encode(struct arena *arena, struct str bytes)
{
	char *out = bytes.p != NULL ? arena_alloc(arena, BASE64_SIZE(bytes.n)) : NULL;

	return out != NULL ? (struct str){ out, base64url_encode(bytes.p, bytes.n, out) } : (struct str){ 0 };
}

static struct str
render(struct doc *doc, struct node *root, struct arena *arena)
{
	struct str text;

	return encode(arena, doc_render(doc, root, arena, &text) == OK ? text : (struct str){ 0 });
}

/* A JWT of the client's own (RFC 7523, 3), good once, as its jti is new. */
static struct str
assertion(const struct client *client, struct str issuer, struct str audience, struct timestamp now,
          struct arena *arena)
{
	unsigned char signature[JWS_SIGNATURE_MAX];
	const struct uuid id = uuid_new();
	struct doc doc = { false };
	size_t n;

	struct node *root = doc_object(&doc);
	doc_set(&doc, root, "alg", doc_text(&doc, token_alg_name(jws_key_alg(client->key))));
	doc_set(&doc, root, "typ", doc_text(&doc, "JWT"));
	if (client->key_id.p != NULL)
		doc_set(&doc, root, "kid", doc_str(&doc, client->key_id));
	const struct str header = render(&doc, root, arena);
	root = doc_object(&doc);
	doc_set(&doc, root, "iss", doc_str(&doc, issuer));
	doc_set(&doc, root, "sub", doc_str(&doc, client->id));
	doc_set(&doc, root, "aud", doc_str(&doc, audience));
	doc_set(&doc, root, "jti", doc_text(&doc, id.text));
	doc_set(&doc, root, "iat", doc_int(&doc, now.ms / 1000));
	doc_set(&doc, root, "exp", doc_int(&doc, now.ms / 1000 + ASSERTION_TTL_S));
	const struct str payload = render(&doc, root, arena);
	if (header.p == NULL || payload.p == NULL)
		return (struct str){ 0 };
	const struct str input = str_printf(arena, "%.*s.%.*s", (int)header.n, header.p, (int)payload.n, payload.p);
	if (input.p == NULL || jws_sign(client->key, input, signature, &n) != OK)
		return (struct str){ 0 };
	const struct str last = encode(arena, (struct str){ (const char *)signature, n });
	return last.p != NULL ? str_printf(arena, "%.*s.%.*s", (int)input.n, input.p, (int)last.n, last.p) : last;
}

static void
authenticate(const struct client *client, struct str endpoint, struct timestamp now, struct arena *arena,
             struct str *body, struct str *header)
{
	struct str jwt;

	switch (client->auth) {
	case CLIENT_AUTH_BASIC:
		*header = basic(client, arena);
		if (header->p == NULL)
			*body = (struct str){ 0 };
		return;
	case CLIENT_AUTH_POST:
		add(arena, body, "client_id", client->id);
		add(arena, body, "client_secret", client->secret);
		return;
	case CLIENT_AUTH_PRIVATE_KEY:
		jwt = assertion(client, client->id, endpoint, now, arena);
		add(arena, body, "client_id", client->id);
		add(arena, body, "client_assertion_type", STR("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
		add(arena, body, "client_assertion", jwt);
		break;
	case CLIENT_AUTH_APPLE:
		jwt = assertion(client, client->team_id, apple, now, arena);
		add(arena, body, "client_id", client->id);
		add(arena, body, "client_secret", jwt);
		break;
	}
	if (jwt.p == NULL)
		*body = (struct str){ 0 };
}

enum err
token_request_write(const struct client *client, const struct token_request *request, struct timestamp now,
                    struct arena *arena, struct str *body_out, struct str *header_out)
{
	*body_out = STR("");
	*header_out = (struct str){ 0 };
	add(arena, body_out, "grant_type", STR("authorization_code"));
	add(arena, body_out, "code", request->code);
	add(arena, body_out, "redirect_uri", request->redirect_uri);
	add(arena, body_out, "code_verifier", request->code_verifier);
	authenticate(client, request->endpoint, now, arena, body_out, header_out);
	return body_out->p != NULL ? OK : ERR_INTERNAL;
}
