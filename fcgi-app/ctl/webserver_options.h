/*
 * webserver_options.h: what latchctl webserver is asked for, held against what may stand in a web server's configuration: no value
 * has a character that means anything there.
 */
#ifndef LATCH_CTL_WEBSERVER_OPTIONS_H
#define LATCH_CTL_WEBSERVER_OPTIONS_H

#include "ctl/command.h"

enum { GUARDS_MAX = 16, PLACE_MAX = 200, NETWORK_MAX = 256 };

struct endpoint {
	char host[NETWORK_MAX]; /* "": none is set */
	char port[6];
};

/* A path, and all below it. */
struct guarded_place {
	char path[PLACE_MAX + 1]; /* without a slash at the end; "" is the whole site */
	const char *require;      /* NULL: what the rules say, else "user" */
	struct endpoint proxy;
	const char *fastcgi; /* "unix:/path" or HOST:PORT; NULL: none */
};

struct webserver_options {
	const char *server;
	char prefix[PLACE_MAX + 1]; /* "" or "/auth-api" */
	const char *socket, *pages;
	struct endpoint authorizer;
	struct guarded_place guards[GUARDS_MAX]; /* the shorter first: where two fit, the later counts */
	size_t guards_n;
};

/* False, with a complaint, where something cannot be so. Texts are those of the command line. */
bool webserver_options_read(const struct config *config, const char *server, const struct options *options,
                            struct webserver_options *out) MUST_USE;

#endif
