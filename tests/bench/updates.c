/*
 * updates SECONDS CONNECTIONS SOCKET USER PASSWORD-FILE DATABASE: durable one-row UPDATEs, each connection on a row of its
 * own of the table bench_rows (id INT, n INT); prints UPDATEs a second in all.
 */
#include <mysql.h>
#include <string.h>

#include "rates.h"

static int row;
static MYSQL_STMT *stmt;

static int
begin(unsigned i, char **argv)
{
	static const char sql[] = "UPDATE bench_rows SET n = n + 1 WHERE id = ?";
	char password[128] = "";
	FILE *file = fopen(argv[5], "r");
	MYSQL *mysql = mysql_init(NULL);
	MYSQL_BIND id = { .buffer_type = MYSQL_TYPE_LONG, .buffer = &row };

	row = (int)i + 1;
	if (file == NULL || fgets(password, sizeof(password), file) == NULL || fclose(file) != 0)
		return -1;
	password[strcspn(password, "\n")] = '\0';
	if (mysql_real_connect(mysql, NULL, argv[4], password, argv[6], 0, argv[3], 0) == NULL)
		return -1;
	stmt = mysql_stmt_init(mysql);
	return mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0 || mysql_stmt_bind_param(stmt, &id) != 0;
}

static int
once(void)
{
	return mysql_stmt_execute(stmt) != 0 || mysql_stmt_affected_rows(stmt) != 1;
}

int
main(int argc, char **argv)
{
	const struct work work = { begin, once, argv };

	return argc == 7 ? print_rate(&work, number(argv[2]), number(argv[1])) : 2;
}
