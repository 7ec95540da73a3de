/* webserver_templates.h: deploy/NAME/site.conf.in of each web server, as the Makefile puts them into the program. */
#ifndef LATCH_CTL_WEBSERVER_TEMPLATES_H
#define LATCH_CTL_WEBSERVER_TEMPLATES_H

#include <stddef.h>

struct webserver_template {
	const char *server, *text;
};

extern const struct webserver_template webserver_templates[];
extern const size_t webserver_templates_n;

#endif
