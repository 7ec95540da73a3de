#include "service/audit_mac.h"

#include <openssl/crypto.h>
#include <string.h>

/* ---- MACs ----------------------------------------------------------------------------------------------------------- */

/* Absent: one byte, 0. Else 1, the length in four bytes, and the bytes. */
static bool
put(struct audit_bytes *out, struct str field)
{
	if (field.n > UINT32_MAX || out->n + 5 + field.n > sizeof(out->p))
		return false;
	out->p[out->n++] = field.p != NULL;
	if (field.p == NULL)
		return true;
	for (int i = 3; i >= 0; i--)
		out->p[out->n++] = (unsigned char)(field.n >> 8 * i);
	memcpy(out->p + out->n, field.p, field.n);
	out->n += field.n;
	return true;
}

static bool
put_u64(struct audit_bytes *out, uint64_t value)
{
	char bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (char)(value >> 8 * (7 - i));
	return put(out, (struct str){ bytes, sizeof(bytes) });
}

/* "" is NULL in the table. */
static bool
put_text(struct audit_bytes *out, const char *text)
{
	return put(out, text[0] != '\0' ? str_of(text) : (struct str){ 0 });
}

bool
audit_line_bytes(const struct audit_line *line, const char *before, struct audit_bytes *out)
{
	const struct str sealed = { (const char *)line->sealed.p, line->sealed.n };

	out->n = 0;
	return put(out, STR("line")) && put_u64(out, line->chain) && put_u64(out, line->n) && put_text(out, before)
	    && put_text(out, line->id.text) && put_u64(out, (uint64_t)line->at.ms) && put_text(out, line->event)
	    && put_text(out, line->outcome) && put_text(out, line->actor.text) && put_text(out, line->subject.text)
	    && put_text(out, line->session.text) && put_text(out, line->through) && put_text(out, line->target)
	    && put(out, line->sealed.n > 0 ? sealed : (struct str){ 0 });
}

bool
audit_head_bytes(const struct audit_head *head, struct audit_bytes *out)
{
	out->n = 0;
	return put(out, STR("head")) && put_u64(out, head->chain) && put_u64(out, head->first) && put_u64(out, head->n)
	    && put_text(out, head->before) && put_text(out, head->mac);
}

static enum err
mac_of(const struct jws_key *key, const struct audit_bytes *bytes, char out[AUDIT_MAC_SIZE])
{
	unsigned char mac[JWS_SIGNATURE_MAX];
	size_t n = 0;

	if (key == NULL)
		return ERR_DB;
	const enum err err = jws_sign(key, (struct str){ (const char *)bytes->p, bytes->n }, mac, &n);

	if (err != OK || 2 * n != AUDIT_MAC_SIZE - 1)
		return ERR_INTERNAL;
	hex_encode(mac, n, out);
	return OK;
}

enum err
audit_line_mac(const struct jws_key *key, const struct audit_line *line, const char *before, char out[AUDIT_MAC_SIZE])
{
	struct audit_bytes bytes;

	return audit_line_bytes(line, before, &bytes) ? mac_of(key, &bytes, out) : ERR_INTERNAL;
}

enum err
audit_head_seal(const struct jws_key *key, const struct audit_head *head, char out[AUDIT_MAC_SIZE])
{
	struct audit_bytes bytes;

	return audit_head_bytes(head, &bytes) ? mac_of(key, &bytes, out) : ERR_INTERNAL;
}

enum err
audit_head_check(const struct jws_key *key, const struct audit_head *head, bool *good)
{
	static const struct audit_head unused = { .first = 1, .before = AUDIT_MAC_NONE, .mac = AUDIT_MAC_NONE };
	char seal[AUDIT_MAC_SIZE];
	const enum err err = audit_head_seal(key, head, seal);

	*good = err == OK && CRYPTO_memcmp(seal, head->seal, AUDIT_MAC_SIZE - 1) == 0;
	if (err == OK && strcmp(head->seal, AUDIT_MAC_NONE) == 0)
		*good = head->first == unused.first && head->n == unused.n && strcmp(head->before, unused.before) == 0
		     && strcmp(head->mac, unused.mac) == 0;
	return err;
}

/* ---- Whom it tells of ------------------------------------------------------------------------------------------------ */

enum { PURPOSE_SIZE = 64 };

static struct str
purpose_of(const struct audit_line *line, char out[PURPOSE_SIZE])
{
	(void)snprintf(out, PURPOSE_SIZE, "latch audit from v1 %s", line->key);
	return str_of(out);
}

/* The address's length in one byte, the address, the user agent. */
enum err
audit_hide(const struct master_key *secret, const struct client *client, struct audit_line *line)
{
	char plain[1 + sizeof(struct audit_from)], purpose[PURPOSE_SIZE];
	const struct str ip = client->ip, agent = client->user_agent;

	line->sealed.n = 0;
	if (ip.n + agent.n == 0)
		return OK;
	if (ip.n >= sizeof(((struct audit_from *)0)->ip) || agent.n >= sizeof(((struct audit_from *)0)->user_agent))
		return ERR_INTERNAL;
	plain[0] = (char)ip.n;
	if (ip.n > 0)
		memcpy(plain + 1, ip.p, ip.n);
	if (agent.n > 0)
		memcpy(plain + 1 + ip.n, agent.p, agent.n);
	const enum err err =
		seal(secret, purpose_of(line, purpose), str_of(line->id.text), plain, 1 + ip.n + agent.n, &line->sealed);
	explicit_bzero(plain, sizeof(plain));
	return err;
}

/* Of somebody whose row is gone, and his key with it. */
static bool
lost(const struct audit_line *line)
{
	return line->key[0] == '\0' && (line->actor.text[0] != '\0' || line->subject.text[0] != '\0');
}

static enum err
open_line(const struct master_key *secret, const struct audit_line *line, struct bytes *out)
{
	char purpose[PURPOSE_SIZE];

	return unseal(secret, purpose_of(line, purpose), str_of(line->id.text), &line->sealed, out);
}

bool
audit_opens(const struct master_key *secret, const struct audit_line *line)
{
	struct bytes plain;
	const bool good = line->sealed.n == 0 || lost(line) || open_line(secret, line, &plain) == OK;

	explicit_bzero(&plain, sizeof(plain));
	return good;
}

void
audit_show(const struct master_key *secret, const struct audit_line *line, struct audit_from *out)
{
	struct bytes plain;

	*out = (struct audit_from){ 0 };
	if (line->sealed.n == 0 || lost(line) || open_line(secret, line, &plain) != OK)
		return;
	const char *text = (const char *)plain.p;
	const size_t ip = plain.n > 0 ? plain.p[0] : 0;
	if (plain.n > ip
	    && (!str_copy(out->ip, sizeof(out->ip), (struct str){ text + 1, ip })
	        || !str_copy(out->user_agent, sizeof(out->user_agent), (struct str){ text + 1 + ip, plain.n - 1 - ip })))
		*out = (struct audit_from){ 0 };
	explicit_bzero(&plain, sizeof(plain));
}
