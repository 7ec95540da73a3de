/* inject-database.c: calls to libmariadb that fail, with what a real failure leaves in the handle and on the server. */
#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "inject.h"

static const struct failure {
	unsigned code;
	const char *state;
} failures[KIND__COUNT] = {
	[KIND_LOST] = { CR_SERVER_LOST, "HY000" },       [KIND_LOST_AFTER] = { CR_SERVER_LOST, "HY000" },
	[KIND_GONE] = { CR_SERVER_GONE_ERROR, "HY000" }, [KIND_NO_MEMORY] = { CR_OUT_OF_MEMORY, "HY000" },
	[KIND_DEADLOCK] = { ER_LOCK_DEADLOCK, "40001" }, [KIND_INTERRUPTED] = { ER_STATEMENT_TIMEOUT, "70100" },
};

static const struct failure *
failure(void)
{
	return &failures[control->kind < KIND__COUNT ? control->kind : 0];
}

static void
fill(unsigned *code, char *text, size_t text_size, char *state)
{
	*code = failure()->code;
	(void)snprintf(text, text_size, "injected");
	memcpy(state, failure()->state, SQLSTATE_LENGTH + 1);
}

static void
fail_connection(MYSQL *mysql)
{
	fill(&mysql->net.last_errno, mysql->net.last_error, sizeof(mysql->net.last_error), mysql->net.sqlstate);
}

static void
fail_statement(MYSQL_STMT *stmt)
{
	fill(&stmt->last_errno, stmt->last_error, sizeof(stmt->last_error), stmt->sqlstate);
}

/* What the failure does to the connection. */
static void
harm(MYSQL *mysql)
{
	const bool lost = control->kind == KIND_LOST || control->kind == KIND_LOST_AFTER || control->kind == KIND_GONE;

	if (mysql != NULL && lost)
		(void)shutdown((int)mysql_get_socket(mysql), SHUT_RDWR);
}

/* The loser of a deadlock has lost its whole transaction. */
static void
roll_back(MYSQL *mysql)
{
	static int (*next)(MYSQL *, const char *);

	if (next == NULL)
		RESOLVE(next, "mysql_query");
	if (control->kind == KIND_DEADLOCK)
		(void)next(mysql, "ROLLBACK");
}

/* Wraps a function of the library: RESULT NAME(PARAMETERS), called with ARGUMENTS. It counts; when it is due, AFTER is
 * called if the server is to carry it out all the same, then HARM and FAILED make it a failure, which BAD tells. */
/* clang-format off */
#define WRAP(result, name, parameters, arguments, server, failed, bad) \
	result STDCALL name parameters \
	{ \
		static result (*next) parameters; \
		if (next == NULL) \
			RESOLVE(next, #name); \
		const bool due = inject_due(DOMAIN_DATABASE, #name); \
		inject_enter(); \
		if (due && (server)) \
			(void)next arguments; \
		if (due) { \
			failed; \
			inject_leave(); \
			return bad; \
		} \
		const result out = next arguments; \
		inject_leave(); \
		return out; \
	}

#define AFTER (control->kind == KIND_LOST_AFTER)
#define OF_CONNECTION harm(mysql), fail_connection(mysql)
#define OF_STATEMENT harm(stmt->mysql), fail_statement(stmt)
/* clang-format on */

typedef MYSQL *mysql_ptr;
typedef MYSQL_STMT *stmt_ptr;

WRAP(mysql_ptr, mysql_init, (MYSQL * mysql), (mysql), false, (void)0, NULL)
WRAP(mysql_ptr, mysql_real_connect,
     (MYSQL * mysql, const char *host, const char *user, const char *password, const char *db, unsigned port,
      const char *path, unsigned long flags),
     (mysql, host, user, password, db, port, path, flags), AFTER, OF_CONNECTION, NULL)
WRAP(int, mysql_query, (MYSQL * mysql, const char *sql), (mysql, sql), AFTER, (roll_back(mysql), OF_CONNECTION), 1)
WRAP(my_bool, mysql_rollback, (MYSQL * mysql), (mysql), AFTER, OF_CONNECTION, 1)
WRAP(stmt_ptr, mysql_stmt_init, (MYSQL * mysql), (mysql), false, OF_CONNECTION, NULL)
WRAP(int, mysql_stmt_prepare, (MYSQL_STMT * stmt, const char *sql, unsigned long n), (stmt, sql, n), AFTER,
     OF_STATEMENT, 1)
WRAP(my_bool, mysql_stmt_bind_param, (MYSQL_STMT * stmt, MYSQL_BIND *binds), (stmt, binds), false, OF_STATEMENT, 1)
WRAP(int, mysql_stmt_execute, (MYSQL_STMT * stmt), (stmt), AFTER, (roll_back(stmt->mysql), OF_STATEMENT), 1)
WRAP(my_bool, mysql_stmt_bind_result, (MYSQL_STMT * stmt, MYSQL_BIND *binds), (stmt, binds), false, OF_STATEMENT, 1)
WRAP(int, mysql_stmt_fetch, (MYSQL_STMT * stmt), (stmt), AFTER, OF_STATEMENT, 1)
WRAP(my_bool, mysql_stmt_free_result, (MYSQL_STMT * stmt), (stmt), AFTER, OF_STATEMENT, 1)

static int
fail_option(MYSQL *mysql)
{
	fail_connection(mysql);
	return 1;
}

int
mysql_options(MYSQL *mysql, enum mysql_option option, const void *value)
{
	static int (*next)(MYSQL *, enum mysql_option, const void *);

	if (next == NULL)
		RESOLVE(next, "mysql_options");
	return inject_due(DOMAIN_DATABASE, "mysql_options") ? fail_option(mysql) : next(mysql, option, value);
}

/* Closing cannot fail; it is here for the calls that it makes. */
my_bool STDCALL
mysql_stmt_close(MYSQL_STMT *stmt)
{
	static my_bool (*next)(MYSQL_STMT *);

	if (next == NULL)
		RESOLVE(next, "mysql_stmt_close");
	inject_enter();
	const my_bool out = next(stmt);
	inject_leave();
	return out;
}

void STDCALL
mysql_close(MYSQL *mysql)
{
	static void (*next)(MYSQL *);

	if (next == NULL)
		RESOLVE(next, "mysql_close");
	inject_enter();
	next(mysql);
	inject_leave();
}
