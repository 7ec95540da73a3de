#include "core/outbound.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct outbound {
	CURL *curl;
};

/* ---- What comes --------------------------------------------------------------------------------------------------- */

struct buffer {
	char *p;
	size_t n, size;
	bool full;
};

struct transfer {
	const struct outbound_request *request;
	struct buffer head, body;
	size_t heads;   /* bytes of all heads: there may be several (RFC 9110, 15.2) */
	bool forbidden; /* the address */
};

static bool
append(struct buffer *buffer, const char *bytes, size_t n)
{
	buffer->full = buffer->full || n > buffer->size - buffer->n;
	if (buffer->full)
		return false;
	memcpy(buffer->p + buffer->n, bytes, n);
	buffer->n += n;
	return true;
}

/* libcurl gives a header at a time; a number other than theirs breaks the transfer off. */
static size_t
take_header(char *bytes, size_t size, size_t n, void *state)
{
	struct transfer *transfer = state;

	if (n * size >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
		transfer->head.n = 0;
	transfer->heads += n * size;
	transfer->head.full = transfer->head.full || transfer->heads > transfer->head.size;
	return append(&transfer->head, bytes, n * size) ? n * size : 0;
}

static size_t
take_body(char *bytes, size_t size, size_t n, void *state)
{
	struct transfer *transfer = state;

	return append(&transfer->body, bytes, n * size) ? n * size : 0;
}

/* ---- Where to ----------------------------------------------------------------------------------------------------- */

static bool
address_of(const struct curl_sockaddr *from, struct address *out)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (from->family == AF_INET) {
		memcpy(&v4, &from->addr, sizeof(v4));
		return inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text)) != NULL && address_parse(str_of(text), out);
	}
	if (from->family != AF_INET6 || from->addrlen < sizeof(v6))
		return false;
	memcpy(&v6, (const void *)&from->addr, sizeof(v6));
	return inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text)) != NULL && address_parse(str_of(text), out);
}

static curl_socket_t
open_socket(void *state, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct transfer *transfer = state;
	const struct address_list *never = transfer->request->never;
	struct address address;

	(void)purpose;
	if (never != NULL && (!address_of(to, &address) || address_in(never, &address))) {
		transfer->forbidden = true;
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* ---- The request -------------------------------------------------------------------------------------------------- */

struct outbound *
outbound_open(void)
{
	struct outbound *outbound = calloc(1, sizeof(*outbound));

	if (outbound == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(outbound);
		return NULL;
	}
	outbound->curl = curl_easy_init();
	if (outbound->curl != NULL)
		return outbound;
	outbound_close(outbound);
	return NULL;
}

void
outbound_close(struct outbound *outbound)
{
	if (outbound == NULL)
		return;
	curl_easy_cleanup(outbound->curl);
	curl_global_cleanup();
	free(outbound);
}

static bool
set_bounds(CURL *curl, struct transfer *transfer)
{
	const struct outbound_request *request = transfer->request;
	/* 0 would be no bound. */
	const long connect_ms = request->connect_ms > 0 ? request->connect_ms : 1;
	const long total_ms = request->total_ms > 0 ? request->total_ms : 1;

	return curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, total_ms) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, transfer) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, request->https_only ? "https" : "http,https") == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
}

/* Protocols that OpenSSL itself has not switched off need its lowest level: for the question whether they are taken. */
static bool
set_tls(CURL *curl, const struct outbound_request *request)
{
	const long versions = request->old_tls ? (long)CURL_SSLVERSION_TLSv1 | (long)CURL_SSLVERSION_MAX_TLSv1_1
	                                       : (long)CURL_SSLVERSION_TLSv1_2;

	return curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_CERTINFO, 1L) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_SSLVERSION, versions) == CURLE_OK
	    && (!request->old_tls || curl_easy_setopt(curl, CURLOPT_SSL_CIPHER_LIST, "DEFAULT@SECLEVEL=0") == CURLE_OK)
	    && (request->ca_file == NULL || curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file) == CURLE_OK);
}

static bool
set_request(CURL *curl, const struct outbound_request *request, struct curl_slist *headers)
{
	const char *method = request->method != NULL ? request->method : "GET";

	if (request->body.p != NULL
	    && (curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n) != CURLE_OK
	        || curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.p) != CURLE_OK))
		return false;
	if (strcmp(method, "HEAD") == 0 && curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) != CURLE_OK)
		return false;
	return curl_easy_setopt(curl, CURLOPT_URL, request->url) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_USERAGENT, "latch/" LATCH_VERSION) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK
	    && curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
}

/* "Expect:" with nothing behind it: libcurl is not to wait for a 100. NULL: no memory. */
static struct curl_slist *
header_list(const char *const *headers)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	for (size_t i = 0; list != NULL && headers != NULL && headers[i] != NULL; i++) {
		struct curl_slist *longer = curl_slist_append(list, headers[i]);
		if (longer == NULL)
			curl_slist_free_all(list);
		list = longer;
	}
	return list;
}

/* ---- The answer --------------------------------------------------------------------------------------------------- */

/* libcurl takes a head that breaks off, and then no body, for an answer. */
static bool
ends(struct str head)
{
	static const struct str empty[] = { { "\n\r\n", 3 }, { "\n\n", 2 } };

	for (size_t i = 0; i < COUNT(empty); i++)
		if (head.n > empty[i].n && memcmp(head.p + head.n - empty[i].n, empty[i].p, empty[i].n) == 0)
			return true;
	return false;
}

static enum outbound_result
result_of(CURL *curl, CURLcode code, const struct transfer *transfer)
{
	curl_off_t asked_us = 0;

	if (transfer->forbidden)
		return OUTBOUND_FORBIDDEN;
	if (transfer->head.full || transfer->body.full)
		return OUTBOUND_TOO_LARGE;
	switch ((int)code) {
	case CURLE_OK:
		return ends((struct str){ transfer->head.p, transfer->head.n }) ? OUTBOUND_OK : OUTBOUND_BROKEN;
	case CURLE_UNSUPPORTED_PROTOCOL:
		/* Also what comes without a head, which would be HTTP/0.9. */
		(void)curl_easy_getinfo(curl, CURLINFO_PRETRANSFER_TIME_T, &asked_us);
		return asked_us > 0 ? OUTBOUND_BROKEN : OUTBOUND_NO_URL;
	case CURLE_URL_MALFORMAT:
	case CURLE_LOGIN_DENIED:
		return OUTBOUND_NO_URL;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return OUTBOUND_UNREACHABLE;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
		return OUTBOUND_NOT_TRUSTED;
	case CURLE_OPERATION_TIMEDOUT:
		return OUTBOUND_TIMEOUT;
	default:
		return OUTBOUND_BROKEN;
	}
}

/* Of the server's own certificate, which comes first. */
static struct timestamp
certificate_until(CURL *curl)
{
	static const char name[] = "Expire date:";
	struct curl_certinfo *info = NULL;

	if (curl_easy_getinfo(curl, CURLINFO_CERTINFO, &info) != CURLE_OK || info == NULL || info->num_of_certs < 1)
		return (struct timestamp){ 0 };
	for (const struct curl_slist *line = info->certinfo[0]; line != NULL; line = line->next) {
		struct timestamp until;
		if (strncmp(line->data, name, strlen(name)) == 0 && outbound_date(str_of(line->data + strlen(name)), &until))
			return until;
	}
	return (struct timestamp){ 0 };
}

static void
read_answer(CURL *curl, const struct transfer *transfer, struct outbound_response *out)
{
	const char *peer = NULL;
	curl_off_t took_us = 0;
	long status = 0;

	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &took_us);
	(void)curl_easy_getinfo(curl, CURLINFO_PRIMARY_IP, &peer);
	*out = (struct outbound_response){
		.status = (uint16_t)status,
		.head = { transfer->head.p, transfer->head.n },
		.body = { transfer->body.p, transfer->body.n },
		.took_ms = (uint32_t)(took_us / 1000),
		.certificate_until = certificate_until(curl),
	};
	out->peer_known = peer != NULL && address_parse(str_of(peer), &out->peer);
}

/* libcurl's own words, where they say more than that we broke it off. */
static void
explain(enum outbound_result result, CURLcode code, const char *said, char why[OUTBOUND_WHY_SIZE])
{
	const char *words = said[0] != '\0' ? said : curl_easy_strerror(code);

	if (result == OUTBOUND_FORBIDDEN)
		words = "its address is one that is not connected to";
	if (result == OUTBOUND_BROKEN && code == CURLE_OK)
		words = "its head breaks off";
	if (result == OUTBOUND_TOO_LARGE)
		words = "it sends more than it may";
	(void)snprintf(why, OUTBOUND_WHY_SIZE, "%s", words);
}

enum outbound_result
outbound_ask(struct outbound *outbound, const struct outbound_request *request, struct arena *arena,
             struct outbound_response *out, char why[OUTBOUND_WHY_SIZE])
{
	struct transfer transfer = { .request = request };
	char said[CURL_ERROR_SIZE] = "";
	CURLcode code = CURLE_OUT_OF_MEMORY;
	CURL *curl = outbound->curl;

	*out = (struct outbound_response){ 0 };
	transfer.head = (struct buffer){ .p = arena_alloc(arena, request->head_max), .size = request->head_max };
	transfer.body = (struct buffer){ .p = arena_alloc(arena, request->body_max), .size = request->body_max };
	curl_easy_reset(curl);
	struct curl_slist *headers = header_list(request->headers);
	if (transfer.head.p != NULL && transfer.body.p != NULL && headers != NULL && set_bounds(curl, &transfer)
	    && set_tls(curl, request) && set_request(curl, request, headers)
	    && curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, said) == CURLE_OK)
		code = curl_easy_perform(curl);
	if (transfer.body.p != NULL)
		arena_trim(arena, transfer.body.p, transfer.body.n);
	const enum outbound_result result = result_of(curl, code, &transfer);
	if (result == OUTBOUND_OK)
		read_answer(curl, &transfer, out);
	explain(result, code, said, why);
	/* Neither these nor `said` outlive this call. */
	curl_easy_reset(curl);
	curl_slist_free_all(headers);
	return result;
}

struct str
outbound_header(const struct outbound_response *response, const char *name, unsigned nth)
{
	struct str rest = response->head;

	while (rest.p != NULL && rest.n > 0) {
		struct str line = str_cut(&rest, '\n');
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		const struct str found = str_trim(str_cut(&line, ':'));
		if (line.p != NULL && str_eq_nocase(found, str_of(name)) && nth-- == 0)
			return str_trim(line);
	}
	return (struct str){ 0 };
}

bool
outbound_date(struct str text, struct timestamp *out)
{
	char copy[64];
	time_t seconds;

	if (!str_copy(copy, sizeof(copy), text))
		return false;
	seconds = curl_getdate(copy, NULL);
	*out = (struct timestamp){ (int64_t)seconds * 1000 };
	return seconds != -1;
}
