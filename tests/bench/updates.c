/*
 * updates SECONDS CONNECTIONS SOCKET USER PASSWORD-FILE DATABASE: durable one-row UPDATEs, each connection on a row of its
 * own of the table bench_rows (id INT, n INT); prints UPDATEs a second in all.
 */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/str.h"

static unsigned
number(const char *text)
{
	uint64_t value = 0;

	if (!parse_u64(str_of(text), &value))
		_exit(2);
	return (unsigned)value;
}

static double
now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
loop(double seconds, int row, char **argv, int out)
{
	static const char sql[] = "UPDATE bench_rows SET n = n + 1 WHERE id = ?";
	char password[128] = "";
	FILE *file = fopen(argv[5], "r");
	MYSQL *mysql = mysql_init(NULL);
	MYSQL_BIND id = { .buffer_type = MYSQL_TYPE_LONG, .buffer = &row };
	int n = 0;

	if (file == NULL || fgets(password, sizeof(password), file) == NULL)
		_exit(1);
	password[strcspn(password, "\n")] = '\0';
	if (mysql_real_connect(mysql, NULL, argv[4], password, argv[6], 0, argv[3], 0) == NULL)
		_exit(1);
	MYSQL_STMT *stmt = mysql_stmt_init(mysql);
	if (mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0 || mysql_stmt_bind_param(stmt, &id) != 0)
		_exit(1);
	const double start = now_s();
	double end = start;
	for (; end - start < seconds; n++, end = now_s())
		if (mysql_stmt_execute(stmt) != 0 || mysql_stmt_affected_rows(stmt) != 1)
			_exit(1);
	const double rate = n / (end - start);
	_exit(write(out, &rate, sizeof(rate)) == sizeof(rate) ? 0 : 1);
}

int
main(int argc, char **argv)
{
	double sum = 0, rate;
	int ends[2], status;

	if (argc != 7 || pipe(ends) != 0)
		return 2;
	const unsigned connections = number(argv[2]);
	for (unsigned i = 0; i < connections; i++)
		if (fork() == 0)
			loop(number(argv[1]), (int)i + 1, argv, ends[1]);
	for (unsigned i = 0; i < connections; i++)
		if (wait(&status) < 0 || status != 0 || read(ends[0], &rate, sizeof(rate)) != sizeof(rate))
			return 1;
		else
			sum += rate;
	(void)printf("%.1f\n", sum);
	return 0;
}
