/* doctor_tls.c: latchctl doctor --url: how a site is reached: TLS, and what there is beside it. */
#include <string.h>

#include "ctl/site.h"

enum { DAY_MS = 86400000, DAYS_LEFT_MIN = 14 };

/* That it holds was seen when the site was reached. */
static struct finding
certificate(struct site *site)
{
	struct outbound_response answer;

	if (!site_is_https(site) && url_is_loopback(str_of(site->url)))
		return good("TLS: none, and on this machine it needs none");
	if (!site_is_https(site))
		return bad("TLS: none: passwords and tokens travel in the clear. Let the web server, or another one before it, "
		           "end TLS, and say https in public_url");
	if (!site_ask(site, &(const struct ask){ .path = "/healthz", .fresh = true }, &answer))
		return no_answer(site, "TLS");
	if (answer.certificate_until.ms == 0)
		return hint("TLS: the certificate holds; it cannot be read until when");
	const long long days = (answer.certificate_until.ms - clock_now().ms) / DAY_MS;
	if (days < DAYS_LEFT_MIN)
		return bad("TLS: the certificate expires in %lld days. Renew it (certbot renew), and see why that did not "
		           "happen by itself (systemctl list-timers)",
		           days);
	return good("TLS: 1.2 or later, and a certificate that is good for %lld days", days);
}

static struct finding
old_tls(struct site *site)
{
	struct outbound_response answer;
	const struct ask ask = { .path = "/healthz", .old_tls = true, .apart = true };

	if (!site_is_https(site))
		return good("old TLS: no TLS");
	if (site_ask(site, &ask, &answer))
		return bad(
			"old TLS: 1.0 or 1.1 is taken. nginx: ssl_protocols TLSv1.2 TLSv1.3; lighttpd: ssl.openssl.ssl-conf-cmd "
			"= (\"MinProtocol\" => \"TLSv1.2\"); Apache: SSLProtocol -all +TLSv1.2 +TLSv1.3");
	return good("old TLS: 1.0 and 1.1 are refused");
}

/* The same host without TLS: port 80 where https has its own port, else the same port. */
static const char *
plain_url(const struct site *site)
{
	struct str host = url_origin(str_of(site->url));

	host = (struct str){ host.p + 8, host.n - 8 };
	if (host.n > 4 && memcmp(host.p + host.n - 4, ":443", 4) == 0)
		host.n -= 4;
	return str_printf(site->arena, "http://%.*s%s/healthz", (int)host.n, host.p,
	                  site->url + url_origin(str_of(site->url)).n)
	    .p;
}

static struct finding
plain_http(struct site *site)
{
	struct outbound_response answer;
	struct ask ask = { .apart = true };

	if (!site_is_https(site))
		return good("plain http: it is what the site speaks");
	ask.url = plain_url(site);
	if (!site_ask(site, &ask, &answer))
		return good("plain http: refused");
	const struct str location = outbound_header(&answer, "Location", 0);
	if (answer.status >= 400 || (answer.status >= 300 && str_starts(location, STR("https://"))))
		return good("plain http: %s", answer.status >= 400 ? "refused" : "redirected to https");
	return bad("plain http: %s answers %u, without TLS. Redirect all of http:// to https://, or do not listen there",
	           ask.url, answer.status);
}

static struct finding
strict_transport(struct site *site)
{
	struct outbound_response answer;

	if (!site_is_https(site))
		return good("HSTS: no TLS");
	if (!site_ask(site, &(const struct ask){ .path = "/healthz" }, &answer))
		return no_answer(site, "HSTS");
	const struct str value = outbound_header(&answer, "Strict-Transport-Security", 0);
	if (value.n == 0)
		return hint("HSTS: not sent, so a browser's first visit may go without TLS. Once all of the host is on https, "
		            "send Strict-Transport-Security: max-age=31536000");
	return good("HSTS: %s", shown(site, value));
}

const struct probe tls_probes[] = { { certificate }, { old_tls }, { plain_http }, { strict_transport } };
const size_t tls_probes_n = COUNT(tls_probes);
