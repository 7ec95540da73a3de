/*
 * limit: what a FastCGI program in C can answer at most on this machine: "ok" to everything (limit), or the same after one
 * prepared SELECT of a user by id (limit SOCKET USER PASSWORD-FILE DATABASE ID), or after one durable UPDATE of a row that is
 * its own in the table bench_rows (with "update" in the place of the id). Built twice: with latch's own reading and
 * writing of FastCGI, and, as limit-libfcgi (-DLIBFCGI), with the library that such programs are usually written with.
 */
#ifdef LIBFCGI
#include <fcgiapp.h>
#else
#include "http/fcgi.h"
#endif
#include <mysql.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char select_user[] = "SELECT id, email, email_verified, username, name, phone_number, status, created_at, "
								  "updated_at, last_login_at FROM users WHERE id = ?";

static const char update_row[] = "UPDATE bench_rows SET n = n + 1 WHERE id = ?";

enum { COLUMNS = 10, TEXT = 900 };

struct select {
	MYSQL_STMT *stmt;
	MYSQL_BIND parameter, columns[COLUMNS];
	char text[COLUMNS][TEXT];
	my_bool is_null[COLUMNS];
	int row; /* to be updated; 0: there is a SELECT */
};

static int
prepare_update(struct select *s, MYSQL *mysql)
{
	char insert[64];

	s->row = (int)getpid();
	(void)snprintf(insert, sizeof(insert), "REPLACE INTO bench_rows VALUES (%d, 0)", s->row);
	s->parameter = (MYSQL_BIND){ .buffer_type = MYSQL_TYPE_LONG, .buffer = &s->row };
	return mysql_query(mysql, insert) == 0 && mysql_stmt_prepare(s->stmt, update_row, strlen(update_row)) == 0
	            && mysql_stmt_bind_param(s->stmt, &s->parameter) == 0
	         ? 0
	         : -1;
}

static int
prepare(struct select *s, char **argv)
{
	char password[128] = "";
	FILE *file = fopen(argv[3], "r");
	MYSQL *mysql = mysql_init(NULL);

	if (file == NULL || fgets(password, sizeof(password), file) == NULL || fclose(file) != 0)
		return -1;
	password[strcspn(password, "\n")] = '\0';
	if (mysql_real_connect(mysql, NULL, argv[2], password, argv[4], 0, argv[1], 0) == NULL)
		return -1;
	s->stmt = mysql_stmt_init(mysql);
	if (strcmp(argv[5], "update") == 0)
		return prepare_update(s, mysql);
	if (mysql_stmt_prepare(s->stmt, select_user, strlen(select_user)) != 0)
		return -1;
	s->parameter =
		(MYSQL_BIND){ .buffer_type = MYSQL_TYPE_STRING, .buffer = argv[5], .buffer_length = strlen(argv[5]) };
	for (int i = 0; i < COLUMNS; i++)
		s->columns[i] = (MYSQL_BIND){
			.buffer_type = MYSQL_TYPE_STRING, .buffer = s->text[i], .buffer_length = TEXT, .is_null = &s->is_null[i]
		};
	return mysql_stmt_bind_param(s->stmt, &s->parameter) == 0 ? 0 : -1;
}

/* 0 when there is exactly that user, or row. */
static int
run(struct select *s)
{
	if (s->row != 0)
		return mysql_stmt_execute(s->stmt) == 0 && mysql_stmt_affected_rows(s->stmt) == 1 ? 0 : -1;
	if (mysql_stmt_execute(s->stmt) != 0 || mysql_stmt_bind_result(s->stmt, s->columns) != 0
	    || mysql_stmt_fetch(s->stmt) != 0 || mysql_stmt_fetch(s->stmt) != MYSQL_NO_DATA)
		return -1;
	return mysql_stmt_free_result(s->stmt) == 0 ? 0 : -1;
}

/* Whether the answer is "ok". */
static bool
good(struct select *s)
{
	return s->stmt == NULL || run(s) == 0;
}

#ifdef LIBFCGI
static int
serve(struct select *s)
{
	FCGX_Request request;

	if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
		return 1;
	while (FCGX_Accept_r(&request) == 0) {
		(void)FCGX_PutS(good(s) ? "Content-Type: text/plain\r\n\r\nok" : "Status: 500\r\n\r\n", request.out);
		FCGX_Finish_r(&request);
	}
	return 0;
}
#else
static int
serve(struct select *s)
{
	const struct response ok = { .status = 200, .content_type = "text/plain", .body = STR("ok") };
	const struct response bad = { .status = 500 };
	struct fcgi *fcgi = fcgi_open(STDIN_FILENO, false);
	struct request request;
	struct arena arena;

	if (fcgi == NULL || !arena_open(&arena, 512 * 1024))
		return 1;
	while (fcgi_next(fcgi, &arena, &request)) {
		fcgi_send(fcgi, &request, good(s) ? &ok : &bad);
		fcgi_finish(fcgi);
		arena_reset(&arena);
	}
	fcgi_close(fcgi);
	return 0;
}
#endif

int
main(int argc, char **argv)
{
	static struct select select;

	return argc == 6 && prepare(&select, argv) != 0 ? 1 : serve(&select);
}
