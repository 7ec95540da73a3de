#include "auth/ticket.h"

#include <openssl/crypto.h>
#include <string.h>

#include "auth/base64.h"
#include "auth/jws.h"

enum {
	UUID_BYTES = 16,
	COUNTER_BYTES = 4,
	MAC = 32,
	CLAIMS = 1 + 2 * UUID_BYTES + COUNTER_BYTES,
	BYTES = CLAIMS + MAC
};

_Static_assert(BASE64_SIZE(BYTES) == TICKET_LENGTH + 1, "ticket.h says how long one is");

enum err
tickets_open(struct tickets *tickets, const struct master_key *master)
{
	struct bytes secret = { .n = 32 };

	tickets->key = NULL;
	if (seal_derive(master, STR("latch ticket v1"), secret.p))
		tickets->key = jws_key_import(TOKEN_HS256, &secret);
	explicit_bzero(&secret, sizeof(secret));
	return tickets->key != NULL ? OK : ERR_INTERNAL;
}

void
tickets_close(struct tickets *tickets)
{
	jws_key_free(tickets->key);
	tickets->key = NULL;
}

enum err
ticket_make(const struct tickets *tickets, enum ticket_kind kind, const struct ticket *ticket,
            char out[TICKET_LENGTH + 1])
{
	unsigned char bytes[CLAIMS + JWS_SIGNATURE_MAX], *p = bytes;
	size_t n = 0;

	*p++ = (unsigned char)kind;
	uuid_pack(&ticket->session, p);
	uuid_pack(&ticket->user, p + UUID_BYTES);
	p += (size_t)2 * UUID_BYTES;
	for (int i = COUNTER_BYTES - 1; i >= 0; i--)
		*p++ = (unsigned char)(ticket->counter >> 8 * i);
	const enum err err = jws_sign(tickets->key, (struct str){ (const char *)bytes, CLAIMS }, p, &n);
	if (err != OK || n != MAC)
		return ERR_INTERNAL;
	(void)base64url_encode(bytes, BYTES, out);
	return OK;
}

enum err
ticket_issue(const struct tickets *tickets, enum ticket_kind kind, const struct ticket *ticket, struct arena *arena,
             struct str *out)
{
	char *text = arena_alloc(arena, TICKET_LENGTH + 1);

	if (text == NULL || ticket_make(tickets, kind, ticket, text) != OK)
		return ERR_INTERNAL;
	*out = (struct str){ text, TICKET_LENGTH };
	return OK;
}

/* Not by jws_verify: that would say of a lack of memory that the ticket is none. */
static enum err
check_mac(const struct tickets *tickets, const unsigned char bytes[BYTES])
{
	unsigned char expected[JWS_SIGNATURE_MAX];
	size_t n = 0;

	if (jws_sign(tickets->key, (struct str){ (const char *)bytes, CLAIMS }, expected, &n) != OK || n != MAC)
		return ERR_INTERNAL;
	const bool same = CRYPTO_memcmp(expected, bytes + CLAIMS, MAC) == 0;
	explicit_bzero(expected, sizeof(expected));
	return same ? OK : ERR_TOKEN;
}

enum err
ticket_read(const struct tickets *tickets, enum ticket_kind kind, struct str text, struct ticket *out)
{
	unsigned char bytes[BYTES];
	const unsigned char *counter = bytes + 1 + (size_t)2 * UUID_BYTES;
	size_t n;

	if (text.n != TICKET_LENGTH || !base64url_decode(text, bytes, sizeof(bytes), &n) || n != BYTES || bytes[0] != kind)
		return ERR_TOKEN;
	const enum err err = check_mac(tickets, bytes);
	if (err != OK)
		return err;
	*out = (struct ticket){ .session = uuid_unpack(bytes + 1), .user = uuid_unpack(bytes + 1 + UUID_BYTES) };
	for (size_t i = 0; i < COUNTER_BYTES; i++)
		out->counter = out->counter << 8 | counter[i];
	return OK;
}
