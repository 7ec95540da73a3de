/*
 * limit: what a FastCGI program in C can answer at most on this machine: "ok" to everything (limit), or the same after one
 * prepared SELECT of a user by id (limit SOCKET USER PASSWORD-FILE DATABASE ID). With libfcgi, as such programs are written.
 */
#include <fcgiapp.h>
#include <mysql.h>
#include <stdio.h>
#include <string.h>

static const char select_user[] = "SELECT id, email, email_verified, username, name, phone_number, status, created_at, "
								  "updated_at, last_login_at FROM users WHERE id = ?";

enum { COLUMNS = 10, TEXT = 900 };

struct select {
	MYSQL_STMT *stmt;
	MYSQL_BIND parameter, columns[COLUMNS];
	char text[COLUMNS][TEXT];
	my_bool is_null[COLUMNS];
};

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

/* 0 when there is exactly that user. */
static int
run(struct select *s)
{
	if (mysql_stmt_execute(s->stmt) != 0 || mysql_stmt_bind_result(s->stmt, s->columns) != 0
	    || mysql_stmt_fetch(s->stmt) != 0 || mysql_stmt_fetch(s->stmt) != MYSQL_NO_DATA)
		return -1;
	return mysql_stmt_free_result(s->stmt) == 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
	static struct select select;
	FCGX_Request request;

	if (argc == 6 && prepare(&select, argv) != 0)
		return 1;
	if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
		return 1;
	while (FCGX_Accept_r(&request) == 0) {
		const int good = select.stmt == NULL || run(&select) == 0;
		(void)FCGX_PutS(good ? "Content-Type: text/plain\r\n\r\nok" : "Status: 500\r\n\r\n", request.out);
		FCGX_Finish_r(&request);
	}
	return 0;
}
