/*
 * site.h: the running site that latchctl doctor --url asks, from outside.
 *
 * What it answers is somebody else's text: it is bounded here, and shown() makes it fit for a line. Once it lets a question wait
 * to its end, or all of them took longer than SITE_ALL_MS, nothing more is asked.
 */
#ifndef LATCH_CTL_SITE_H
#define LATCH_CTL_SITE_H

#include "core/outbound.h"
#include "ctl/finding.h"

enum { SITE_ALL_MS = 60000, SITE_URL_SIZE = 512, SITE_SECRET_SIZE = 512, ASK_HEADERS_MAX = 16 };

struct site {
	const struct options *options;
	struct app *app; /* NULL: there is no configuration here */
	struct outbound *outbound;
	struct arena *arena;
	char url[SITE_URL_SIZE];   /* no slash at its end */
	char guard[SITE_URL_SIZE]; /* "": none */
	uint64_t until_us;
	bool silent;
	enum outbound_result result;   /* of the last question */
	char why[OUTBOUND_WHY_SIZE];   /* the same in words */
	char cookie[SITE_SECRET_SIZE]; /* "Cookie: ..." of the account that was signed in to; "" */
	char forged[ADDRESS_SIZE];     /* from where that was said to be */
};

/* A question. Its path is below site->url; with `url` it is that instead. */
struct ask {
	const char *method, *path, *url;
	const char *headers[ASK_HEADERS_MAX];
	struct str body;
	bool fresh, old_tls; /* see outbound.h */
	bool apart;          /* not what people use: that it keeps us waiting says nothing about the site */
};

/* Each calls complain() where it fails. A URL is http or https, a host, and perhaps a path. */
bool site_open(struct site *site, struct app *app, const struct options *options) MUST_USE;
void site_close(struct site *site);

/* False: no answer, see site->result and why. The answer is in the arena, which a probe's end resets. */
bool site_ask(struct site *site, const struct ask *ask, struct outbound_response *out) MUST_USE;
/* What to find where there was none. */
struct finding no_answer(const struct site *site, const char *probe);

bool site_is_https(const struct site *site);

/* Text of the site's, as printable ASCII and not too long; "nothing" for what is absent or empty. In the arena. */
const char *shown(const struct site *site, struct str text);

/* The members of latch's JSON that probes look at; all absent where it is none. */
struct answer_json {
	struct str type, code, detail, jwks_uri;
};
const struct answer_json *json_of(const struct site *site, const struct outbound_response *answer);
/* Whether it is latch's problem of this status and code. */
bool is_problem(const struct site *site, const struct outbound_response *answer, unsigned status, const char *code);

#define JSON_TYPE "Content-Type: application/json"
/* No token of anybody's. */
#define BAD_BEARER "Authorization: Bearer latchctl-doctor.is.nobody"
/* Headers that say who somebody is: as this latch, and what else stands before sites, tells them. NULL behind the last. */
extern const char *const forged_headers[];

/* A row of a table of probes; each tells one thing. */
struct probe {
	struct finding (*run)(struct site *site);
};
/* Runs them, and tells; how many failures it was. */
int probes_run(struct site *site, const struct probe *probes, size_t n);

extern const struct probe tls_probes[], answers_probes[], login_probes[], guard_probes[];
extern const size_t tls_probes_n, answers_probes_n, login_probes_n, guard_probes_n;

/* Signs out, where something was signed in to. */
void login_end(struct site *site);

#endif
