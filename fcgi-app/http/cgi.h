/*
 * cgi.h: one request as CGI has it (RFC 3875), and the end: its parameters in the environment, its body on standard input,
 * the response on standard output. For web servers that start a process for each request, as shared hosting has them.
 *
 * It has the same bounds as FastCGI's: what may arrive (http/request.h), and how long that and the answer may take. Of the
 * environment only names that count are read, for clients put their own into it (HTTP_PROXY). An authorizer does not exist
 * here.
 */
#ifndef LATCH_HTTP_CGI_H
#define LATCH_HTTP_CGI_H

#include "http/request.h"
#include "http/response.h"

/* Whether a web server has started this process for one request: the environment says so, and `input` is no listening
 * socket. */
bool cgi_asked(int input, char *const *environment);

/* Reads the request: its text lies in the arena. What else the environment holds is gone afterwards, so that no library
 * takes it for a setting. SIGTERM and SIGPIPE do nothing from here on: a web server that is tired of waiting, or whose client
 * went away, sends one, and what was begun (counting a wrong password, say) is brought to its end; SIGALRM ends the process where
 * that takes longer than all time limits together. False: no request, or one whose body broke off or took too long. */
bool cgi_read(char **environment, struct arena *arena, struct request *out) MUST_USE;

/* Sends the response, and tells the web server that nothing follows; a HEAD's body is left out. */
void cgi_send(const struct request *request, const struct response *response);

/* Goes on in a process of its own, which the web server does not wait for, and which lives CGI_AFTER_S at most. False: it
 * cannot. True: here, and this process alone has what was open. */
enum { CGI_AFTER_S = 5 };
bool cgi_let_go(void) MUST_USE;

#endif
