#include "service/audit_verify.h"

#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PAGE = 200, DIGEST = 16 };

static void fault(struct audit_verify *v, const char *format, ...) PRINTF(2, 3);

static void
fault(struct audit_verify *v, const char *format, ...)
{
	char sentence[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	v->faults++;
	v->say(v->argument, sentence);
}

/* ---- One chain ------------------------------------------------------------------------------------------------------- */

struct page {
	struct app *app;
	const struct audit_walk *walk;
	struct audit_head head;
	bool headless;
	struct audit_line lines[PAGE];
	size_t n;
	uint32_t all; /* that have these lines' numbers */
};

/* One consistent read: the lines as of the chain's row. */
static enum err
read_page(struct db *db, void *argument)
{
	struct page *page = argument;
	enum err err = audit_head(db, page->walk->chain, &page->head);

	page->headless = err == ERR_NO_ROW;
	if (err != OK && err != ERR_NO_ROW)
		return err;
	const uint32_t chain = page->walk->chain, from = page->walk->from;
	err = audit_lines(db, chain, from, page->lines, PAGE, &page->n);
	page->all = (uint32_t)page->n;
	return err == OK && page->n == PAGE ? audit_count(db, chain, from, page->lines[PAGE - 1].n, &page->all) : err;
}

/* The MAC is the one that follows from what is before; or from what the line before should have had for its own. */
static enum err
holds(const struct app *app, struct audit_walk *walk, const struct audit_line *line, bool *good)
{
	char mac[AUDIT_MAC_SIZE], other[AUDIT_MAC_SIZE] = "";
	enum err err = audit_line_mac(app->audit.key, line, walk->before, mac);

	if (err == OK && walk->instead[0] != '\0')
		err = audit_line_mac(app->audit.key, line, walk->instead, other);
	*good = strcmp(mac, line->mac) == 0 || strcmp(other, line->mac) == 0;
	memcpy(walk->before, line->mac, sizeof(walk->before));
	memcpy(walk->instead, *good ? "" : mac, *good ? 1 : sizeof(mac));
	return err;
}

static void
missing(struct audit_verify *v, const struct audit_walk *walk, uint32_t last, const char *then)
{
	if (last == walk->next)
		fault(v, "chain %u line %u: removed%s", walk->chain, last, then);
	else
		fault(v, "chain %u lines %u to %u: removed%s", walk->chain, walk->next, last, then);
}

static void
note_place(struct audit_verify *v, uint32_t chain, uint32_t n, const char *mac)
{
	struct audit_place *asked = &v->kept_head[chain];

	if (v->kept && asked->n == n)
		memcpy(asked->mac, mac, sizeof(asked->mac));
}

/* No MAC is over users.audit_key. Somebody who was deleted may have come again with his id, by an import, and a key of his own. */
static enum err
check_sealed(struct app *app, struct audit_verify *v, const struct audit_line *line)
{
	const struct uuid *whose = line->actor.text[0] != '\0' ? &line->actor : &line->subject;
	const struct audit_filter deletion = { .subject = str_of(whose->text),
		                                   .event = str_of(audit_events[AUDIT_DELETE].name) };
	struct audit_line later;
	size_t n = 0;
	enum err err = OK;

	if (audit_opens(&app->audit.secret, line))
		return OK;
	if (whose->text[0] != '\0')
		err = audit_find(app->db, &deletion, STR(UUID_MAX), STR(UUID_NIL), &later, 1, &n);
	if (err == OK && n == 0)
		fault(v, "chain %u line %u (%s): its address and agent do not open, as the audit_key of user %s was exchanged",
		      line->chain, line->n, line->id.text, whose->text);
	return err;
}

static enum err
check_line(struct app *app, struct audit_verify *v, struct audit_walk *walk, const struct audit_head *head,
           const struct audit_line *line)
{
	bool good = true;
	enum err err = OK;

	walk->from = line->n + 1;
	if (!walk->head_bad && (line->n < head->first || line->n > head->n)) {
		fault(v, "chain %u line %u (%s): inserted, %s", walk->chain, line->n, line->id.text,
		      line->n < head->first ? "before the chain's first line" : "behind the chain's last line");
		return OK;
	}
	v->lines++;
	note_place(v, walk->chain, line->n, line->mac);
	if (line->n > walk->next) {
		missing(v, walk, line->n - 1, "; the line behind, which hangs on it, cannot be checked");
		walk->known = false;
	}
	walk->next = line->n + 1;
	if (walk->known) {
		err = holds(app, walk, line, &good);
	} else {
		memcpy(walk->before, line->mac, sizeof(walk->before));
		walk->instead[0] = '\0';
		walk->known = true;
	}
	if (!good)
		fault(v, "chain %u line %u (%s): altered", walk->chain, line->n, line->id.text);
	return err == OK && good ? check_sealed(app, v, line) : err;
}

/* The chain's row: whether it is what was written, and where its lines begin by now. */
static enum err
check_head(struct app *app, struct audit_verify *v, struct audit_walk *walk, const struct audit_head *head)
{
	bool good = false;
	const enum err err = audit_head_check(app->audit.key, head, &good);

	if (err != OK)
		return err;
	if (!good && !walk->head_bad)
		fault(v, "chain %u: its row in audit_chains was altered; what is missing at its ends cannot be told",
		      walk->chain);
	walk->head_bad = !good;
	if (!walk->begun || (good && head->first > walk->next)) {
		walk->next = head->first;
		memcpy(walk->before, head->before, sizeof(walk->before));
		walk->instead[0] = '\0';
		walk->known = true;
		note_place(v, walk->chain, head->first - 1, head->before);
		v->trimmed = v->trimmed || (v->kept && good && v->kept_head[walk->chain].n + 1 < head->first);
	}
	walk->begun = true;
	return OK;
}

static void
check_end(struct audit_verify *v, struct audit_walk *walk, const struct audit_head *head)
{
	struct audit_place *place = &v->head[walk->chain];

	walk->done = true;
	place->n = head->n;
	memcpy(place->mac, head->mac, sizeof(place->mac));
	if (walk->head_bad)
		return;
	if (walk->next <= head->n)
		missing(v, walk, head->n, "");
	else if (walk->known && strcmp(walk->before, head->mac) != 0 && strcmp(walk->instead, head->mac) != 0)
		fault(v, "chain %u line %u: not the one that was written", walk->chain, head->n);
}

enum err
audit_verify_page(struct app *app, struct audit_verify *v, struct audit_walk *walk)
{
	static struct page page;

	page.app = app;
	page.walk = walk;
	enum err err = db_transaction_at(app->db, DB_REPEATABLE_READ, read_page, &page);
	if (err != OK)
		return err;
	if (page.headless) {
		fault(v, "chain %u: its row in audit_chains is missing", walk->chain);
		walk->done = true;
		return OK;
	}
	err = check_head(app, v, walk, &page.head);
	for (size_t i = 0; i < page.n && err == OK; i++)
		err = check_line(app, v, walk, &page.head, &page.lines[i]);
	/* Without the table's key there may be one more with the last one's number, and the next page begins behind it. */
	if (err == OK && page.all > page.n)
		fault(v, "chain %u line %u: inserted, there is another with this number", walk->chain, page.lines[PAGE - 1].n);
	/* Behind the last number that there is, which only who put a line in there has reached, it would begin anew. */
	if (err == OK && (page.n < PAGE || walk->from == 0))
		check_end(v, walk, &page.head);
	return err;
}

/* ---- All of them ----------------------------------------------------------------------------------------------------- */

enum err
audit_verify_begin(struct app *app, struct audit_verify *v, uint64_t *lines_out)
{
	struct audit_head heads[AUDIT_CHAINS + 1];
	struct audit_line stray;
	size_t n;
	enum err err = audit_heads(app->db, heads, &n);

	*lines_out = 0;
	if (err != OK)
		return err;
	for (size_t i = 0; i < n; i++) {
		*lines_out += heads[i].n + 1 - heads[i].first;
		if (heads[i].chain >= AUDIT_CHAINS)
			fault(v, "chain %u: there is no such chain; its row was inserted", heads[i].chain);
	}
	err = audit_stray(app->db, &stray);
	if (err == OK)
		fault(v, "chain %u line %u (%s): inserted, there is no such chain", stray.chain, stray.n, stray.id.text);
	return err == ERR_NO_ROW ? OK : err;
}

/* ---- Heads ----------------------------------------------------------------------------------------------------------- */

static void
digest_of(const struct audit_place head[AUDIT_CHAINS], unsigned char out[DIGEST])
{
	unsigned char text[AUDIT_CHAINS * (4 + AUDIT_MAC_SIZE - 1)], digest[SHA256_DIGEST_LENGTH], *p = text;

	for (size_t i = 0; i < AUDIT_CHAINS; i++) {
		for (int shift = 24; shift >= 0; shift -= 8)
			*p++ = (unsigned char)(head[i].n >> shift);
		memcpy(p, head[i].mac, AUDIT_MAC_SIZE - 1);
		p += AUDIT_MAC_SIZE - 1;
	}
	(void)SHA256(text, sizeof(text), digest);
	memcpy(out, digest, DIGEST);
}

/* Seven bits a byte, the lowest first; the high bit says that there are more. */
static void
write_head(const struct audit_place head[AUDIT_CHAINS], char out[AUDIT_HEAD_TEXT])
{
	unsigned char bytes[AUDIT_HEAD_BYTES];
	size_t used = 0;

	for (size_t i = 0; i < AUDIT_CHAINS; i++) {
		uint32_t n = head[i].n;
		for (; n >= 0x80; n >>= 7)
			bytes[used++] = (unsigned char)(n | 0x80);
		bytes[used++] = (unsigned char)n;
	}
	digest_of(head, bytes + used);
	hex_encode(bytes, used + DIGEST, out);
}

static uint32_t
read_number(const unsigned char *bytes, size_t n, size_t *at)
{
	uint32_t value = 0;

	for (unsigned shift = 0; shift < 35 && *at < n; shift += 7) {
		const unsigned char byte = bytes[(*at)++];
		value |= (uint32_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			break;
	}
	return value;
}

bool
audit_verify_against(struct audit_verify *v, struct str head)
{
	unsigned char bytes[AUDIT_HEAD_BYTES] = { 0 };
	const size_t n = head.n / 2;
	size_t at = 0;

	if (head.n % 2 != 0 || n > sizeof(bytes) || n < AUDIT_CHAINS + DIGEST)
		return false;
	for (size_t i = 0; i < n; i++) {
		const int high = hex_digit(head.p[2 * i]), low = hex_digit(head.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		bytes[i] = (unsigned char)(high * 16 + low);
	}
	for (size_t i = 0; i < AUDIT_CHAINS; i++)
		v->kept_head[i] = (struct audit_place){ .n = read_number(bytes, n, &at), .mac = AUDIT_MAC_NONE };
	if (at + DIGEST != n)
		return false;
	memcpy(v->kept_digest, bytes + at, DIGEST);
	v->kept = true;
	return true;
}

void
audit_verify_end(struct audit_verify *v, char head_out[AUDIT_HEAD_TEXT])
{
	unsigned char digest[DIGEST];
	const uint64_t before = v->faults;

	write_head(v->head, head_out);
	if (!v->kept)
		return;
	for (unsigned i = 0; i < AUDIT_CHAINS; i++)
		if (v->head[i].n < v->kept_head[i].n)
			fault(v, "chain %u: set back, it had %u lines when the head was kept, and has %u now", i, v->kept_head[i].n,
			      v->head[i].n);
	if (v->trimmed)
		fault(v, "the head that was kept is older than what audit_days keeps: it cannot be compared");
	digest_of(v->kept_head, digest);
	if (v->faults == before && memcmp(digest, v->kept_digest, DIGEST) != 0)
		fault(v, "the lines are not those that were there when the head was kept");
}
