/* main.c: a worker of the pool: boot, serve, drain. See latch-fcgi(8). */
#include <getopt.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "api/dispatch.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/process.h"
#include "core/random.h"
#include "http/cgi.h"
#include "http/fcgi.h"
#include "http/json.h"
#include "service/gc.h"
#include "service/keys.h"

/* A body of 64 KiB is in there once as it came and once decoded; the OpenAPI document is smaller. */
/* A page of 200 roles has 5 KB of each as a row, and at most as much again of each as JSON. */
enum { ARENA_SIZE = 4 * 1024 * 1024 };

enum { FAILED_BOOT_S = 2 };

/* As CGI one request in so many looks whether old rows are to be removed, of which a request leaves three or four at most and a
 * slice takes a hundred. */
enum { GC_ONE_IN = 10 };

static const char usage[] =
	"Usage: latch-fcgi [--config FILE] [--authorizer | --check-config | --sample-config | --list-metrics | --version | "
	"--help]\n"
	"A FastCGI worker of latch; spawn-fcgi and multiwatch start it with a listening socket as standard input.\n"
	"Started as a CGI program it answers that request, and takes no options: $LATCH_CONFIG names the configuration.\n"
	"  --authorizer      answer requests of the FastCGI role AUTHORIZER only, and any other with 403\n"
	"  --config FILE     the configuration; else $LATCH_CONFIG, else the one the program was built with\n"
	"  --check-config    report every bad key and value, and end: 0 when all is well, 78 when not\n"
	"  --sample-config   print a configuration with every key at its default\n"
	"  --list-metrics    print what GET /metrics has\n"
	"  --version\n"
	"  --help\n";

static void
log_request(const struct ctx *c, enum err err, uint64_t start_us)
{
	const struct request *request = c->request;
	const struct str addr = c->client.ip.p != NULL ? c->client.ip : STR("-");
	const char *user = c->principal.user.id.text, *method = request->head ? "HEAD" : method_name(request->method);
	char line[512];

	/* Whom the guard lets in, and to what, the web server's own log tells; here it would be a line for each file. */
	if (err == OK && c->route != NULL && c->route->access == ACCESS_GUARD)
		return;
	(void)snprintf(line, sizeof(line), "request=%s method=%s route=%s status=%u us=%llu lane_us=%llu addr=%.*s%s%s",
	               c->request_id, method, c->route != NULL ? c->route->path : "-", c->response->status,
	               (unsigned long long)(clock_mono_us() - start_us),
	               (unsigned long long)(lanes_waited_us(&c->app->lanes) + lanes_waited_us(&c->app->outbound_lanes)),
	               (int)addr.n, addr.p, user[0] != '\0' ? " user=" : "", user);
	if (err == ERR_DB)
		log_warn("%s error=\"%s\"", line, db_error(c->app->db));
	else if (err == ERR_INTERNAL)
		log_error("%s error=\"%s\"", line, db_error(c->app->db));
	else
		log_info("%s", line);
}

/* ---- As a FastCGI worker ----------------------------------------------------------------------------------------- */

static void
serve(struct fcgi *fcgi, struct app *app, struct arena *arena)
{
	struct request request;
	struct response response;
	struct ctx c;
	struct gc gc;

	gc_init(&gc);
	while (fcgi_next(fcgi, arena, &request)) {
		const uint64_t start_us = clock_mono_us();
		const enum err err = dispatch(&c, app, arena, &request, &response);
		/* Before it is sent: who has an answer finds it counted. */
		metrics_request(route_slot(c.route), response.status, clock_mono_us() - start_us);
		fcgi_send(fcgi, &request, &response);
		log_request(&c, err, start_us);
		fcgi_finish(fcgi);
		explicit_bzero(&c, sizeof(c));
		arena_reset(arena);
		/* Nobody waits now, but for the next request. */
		if (gc_due(&gc) && !fcgi_stopping(fcgi))
			gc_work(&gc, app);
	}
}

/* With the database away the worker serves, and says 503; with a schema that does not fit, or without keys, it must not. */
static bool
first_look(struct app *app)
{
	const enum err err = keys_refresh(app);

	if (err == OK)
		return true;
	if (db_schema_disagrees(app->db)) {
		log_error("the database does not fit this program (latchctl migrate?): %s", db_error(app->db));
		return false;
	}
	/* The next one may have more luck; this one would refuse good tokens. */
	if (err == ERR_INTERNAL) {
		log_error("the signing keys cannot be read: out of memory?");
		return false;
	}
	log_warn("starting without the database: %s", db_error(app->db));
	return true;
}

/* What every request needs. */
static bool
ready_to_serve(struct arena *arena)
{
	const char *unset = routes_check(routes, routes_n);

	if (unset != NULL) {
		log_error("route %s: its row lacks something, or contradicts itself", unset);
		return false;
	}
	if (arena_open(arena, ARENA_SIZE))
		return true;
	log_error("out of memory");
	return false;
}

static int
run(struct app *app, bool authorizer_only)
{
	struct arena arena;

	if (!ready_to_serve(&arena))
		return EXIT_FAILURE;
	struct fcgi *fcgi = fcgi_open(STDIN_FILENO, authorizer_only);
	if (fcgi != NULL)
		metrics_open(app->config.key_file, routes_n + 1, routes_layout(), METRICS_OF_A_WORKER);
	const bool ok = fcgi != NULL && first_look(app);
	if (ok)
		serve(fcgi, app, &arena);
	metrics_close();
	fcgi_close(fcgi);
	arena_close(&arena);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* multiwatch starts a worker again at once: one that cannot serve must not make it spin. */
static void
pause_under_supervision(void)
{
	struct stat st;

	if (fstat(STDIN_FILENO, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)sleep(FAILED_BOOT_S);
}

/* ---- As a CGI program -------------------------------------------------------------------------------------------- */

/* There is no next request to do it before: so chance takes turns, and the web server does not wait. */
static void
clean_up(struct app *app)
{
	struct gc gc;
	uint32_t random;

	random_bytes(&random, sizeof(random));
	if (random % GC_ONE_IN != 0 || !cgi_let_go())
		return;
	gc_init(&gc);
	gc_work(&gc, app);
}

static int
answer_one(struct app *app)
{
	struct request request = { 0 };
	struct response response;
	struct arena arena = { 0 };
	struct ctx c;

	const bool ready = ready_to_serve(&arena);
	if (!ready || !cgi_read(environ, &arena, &request)) {
		cgi_send(&request, &(const struct response){ .status = ready ? 400 : 500 });
		return EXIT_FAILURE;
	}
	metrics_open(app->config.key_file, routes_n + 1, routes_layout(), METRICS_OF_ONE_REQUEST);
	const uint64_t start_us = clock_mono_us();
	const enum err err = dispatch(&c, app, &arena, &request, &response);
	metrics_request(route_slot(c.route), response.status, clock_mono_us() - start_us);
	cgi_send(&request, &response);
	log_request(&c, err, start_us);
	explicit_bzero(&c, sizeof(c));
	arena_close(&arena);
	clean_up(app);
	metrics_close();
	return EXIT_SUCCESS;
}

/* No argument is looked at: of a query without "=" a web server makes some (RFC 3875, 4.4), and so a client would choose the
 * configuration. */
static int
run_as_cgi(void)
{
	struct app app;
	int rc = EX_CONFIG;

	json_init();
	if (app_open(&app, config_path(NULL), environ, APP_REQUEST, stderr))
		rc = answer_one(&app);
	else
		cgi_send(&(const struct request){ 0 }, &(const struct response){ .status = 500 });
	app_close(&app);
	return rc;
}

int
main(int argc, char **argv)
{
	enum { AUTHORIZER = 256, CHECK, SAMPLE, METRICS };
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "authorizer", no_argument, NULL, AUTHORIZER },
		{ "check-config", no_argument, NULL, CHECK },
		{ "sample-config", no_argument, NULL, SAMPLE },
		{ "list-metrics", no_argument, NULL, METRICS },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config = NULL;
	bool check = false, authorizer_only = false;

	process_harden();
	if (cgi_asked(STDIN_FILENO, environ))
		return run_as_cgi();
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 'c':
			config = optarg;
			break;
		case AUTHORIZER:
			authorizer_only = true;
			break;
		case CHECK:
			check = true;
			break;
		case SAMPLE:
			config_sample(stdout);
			return EXIT_SUCCESS;
		case METRICS:
			metrics_list(stdout);
			return EXIT_SUCCESS;
		case 'V':
			(void)puts("latch " LATCH_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			(void)fputs(usage, stdout);
			return EXIT_SUCCESS;
		default:
			(void)fputs(usage, stderr);
			return 2;
		}
	}
	if (optind != argc) {
		(void)fputs(usage, stderr);
		return 2;
	}

	struct app app;
	json_init();
	const bool opened = app_open(&app, config_path(config), environ, check ? APP_COMMAND : APP_WORKER, stderr);
	const int rc = !opened ? EX_CONFIG : check ? EXIT_SUCCESS : run(&app, authorizer_only);
	app_close(&app);
	if (rc != EXIT_SUCCESS && !check)
		pause_under_supervision();
	return rc;
}
