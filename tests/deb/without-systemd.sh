# tests/deb/without-systemd.sh: the package where no systemd runs: steps by hand, the pool by the unit's command line.
# Sourced by tests/deb/run.
# shellcheck shell=sh disable=SC2154,SC2034

# The unit's own line, on a socket as latch.socket describes it; systemd-socket-activate holds it until somebody connects.
start_pool() {
	unit=$(enter sh -c 'cat /usr/lib/systemd/system/latch.service')
	command_line=$(printf '%s\n' "$unit" | sed -n 's/^ExecStart=//p')
	[ -n "$command_line" ] || { echo 'the unit has no ExecStart'; return 1; }
	enter rm -f /run/latch/latch.sock # of the pool before
	# shellcheck disable=SC2086
	enter systemd-socket-activate --inetd --listen=/run/latch/latch.sock \
		setpriv --reuid latch --regid latch --clear-groups --no-new-privs $command_line >>"$tmp/pool.log" 2>&1 &
	pool=$!
	wait_for 'the socket' enter test -S /run/latch/latch.sock || return 1
	enter chown root:www-data /run/latch/latch.sock
	enter chmod 660 /run/latch/latch.sock
}

# multiwatch alone is told to end, as KillMode=mixed has it.
stop_pool() {
	first=$(enter pidof multiwatch) && enter kill -TERM "$first" && wait "$pool"
}

reload_pool() {
	words=$(enter sed -n 's/^ExecReload=//p' /usr/lib/systemd/system/latch.service)
	first=$(enter pidof multiwatch)
	# shellcheck disable=SC2086
	enter setpriv --reuid latch --regid latch --clear-groups --no-new-privs $(echo "$words" | sed "s/\$MAINPID/$first/")
}

start_database() {
	enter sh -c 'mkdir -p /run/mysqld && chown mysql /run/mysqld && exec mariadbd --user=mysql --skip-networking' >"$tmp/mariadb.log" 2>&1 &
	wait_for MariaDB enter mariadb --execute 'SELECT 1'
}

fresh() {
	mode /etc/latch '750' root:latch && mode /etc/latch/latch.conf 640 root:latch && mode /etc/latch/key 440 root:latch &&
		enter grep -qE '^[0-9a-f]{64}$' /etc/latch/key && enter test -L /etc/systemd/system/multi-user.target.wants/latch.service &&
		enter test -L /etc/systemd/system/sockets.target.wants/latch.socket &&
		enter sh -c '! test -e /etc/systemd/system/sockets.target.wants/latch-authorizer.socket'
}

add_first() {
	add "$version" >"$tmp/add.log" 2>&1 && return
	cat "$tmp/add.log"
	return 1
}

hidden() {
	if enter setpriv --reuid latch --regid latch --clear-groups cat "$1" >/dev/null 2>&1; then return 1; fi
}

runs_version() { [ "$(installed_version)" = "latch $1" ]; }

accounts() { [ "$(enter mariadb --batch --skip-column-names --execute 'SELECT COUNT(*) FROM latch.users')" = "$1" ]; }

says_what_to_do() { grep -q '^latch is installed, and not set up yet.*latch-setup$' "$tmp/add.log"; }

serves() { wait_for latch answers 200 GET /readyz; }

workers_are() {
	for one in $(enter pidof latch-fcgi); do
		[ "$(enter readlink "/proc/$one/exe")" = /usr/sbin/latch-fcgi ] || { echo "worker $one runs $(enter readlink "/proc/$one/exe")"; return 1; }
	done
}

unchanged() { secrets | diff "$tmp/secrets" -; }

removed() {
	for gone in /usr/sbin/latch-fcgi /usr/bin/latchctl /usr/lib/latch /usr/share/latch; do
		if enter test -e $gone; then echo "$gone is still there"; return 1; fi
	done
}

without_systemd() {
	inventory >"$tmp/before"
	ok 'the same source makes the same package' same_again
	if command -v lintian >/dev/null; then ok 'lintian finds nothing' lintian_finds_nothing; else echo '# there is no lintian here'; fi
	ok 'apt installs it where no database is' add_first
	ok 'it says what to do next' says_what_to_do
	ok 'the key, the configuration and the units are as they should be, and Apache'"'"'s authorizer is not enabled' fresh
	ok 'MariaDB runs, on its socket' start_database
	ok "this release's systemd-analyze says 1.5 or less of both services" exposed_little
	for step in passwords users schema check; do ok "docs/install-debian.md: $step" follow $step; done
	ok 'every check of the doctor is good' enter latchctl doctor
	ok 'the workers cannot read the owner'"'"'s password' hidden /etc/latch/db-owner-password
	ok 'docs/install-debian.md: lighttpd' follow lighttpd
	ok 'the unit'"'"'s command starts the pool' start_pool
	enter lighttpd -D -f /etc/lighttpd/lighttpd.conf >"$tmp/lighttpd.log" 2>&1 &
	ok 'it serves, behind lighttpd' serves
	ok 'somebody registers' answers 201 POST /auth/register "$ada"
	ok 'and signs in' signs_in
	ok 'docs/install-debian.md: administrator' follow administrator
	secrets >"$tmp/secrets"
	ok 'an upgrade' add "$next"
	ok 'it brought the new programs' runs_version "$next"
	ok 'and left configuration, key and passwords alone' unchanged
	ok 'the unit'"'"'s reload exchanges the workers for new ones' reload_pool
	ok 'it serves again' serves
	ok 'by the new program alone' wait_for 'the new workers' workers_are
	ok 'and whoever registered before signs in' signs_in
	ok 'told to end, the pool ends' stop_pool
	ok 'removed, its programs go' enter apt-get -q -y remove latch
	ok 'all of them' removed
	ok 'and configuration, key and passwords stay' unchanged
	ok 'installed again' add "$next"
	ok 'it has the key of before' unchanged
	ok 'it is started' start_pool
	ok 'serves' serves
	ok 'and knows who registered' signs_in
	stop_pool
	ok 'latch-setup changes nothing that is there' enter latch-setup
	ok 'nothing' unchanged
	enter sh -c 'kill -TERM $(pidof lighttpd)'
	ok 'it is purged' enter apt-get -q -y purge latch
	ok 'nothing of it is left but the database' nothing_left "$tmp/before"
	ok 'which is whole' accounts 2
	ok 'docs/install-debian.md: drop' follow drop
	enter mariadb-admin shutdown
}
