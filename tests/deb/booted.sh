# tests/deb/booted.sh: the package where systemd runs: in namespaces of its own, as process 1, with a cgroup of its own.
# Sourced by tests/deb/run after without-systemd.sh.
# shellcheck shell=sh disable=SC2154,SC2034

# boot: the same tree, with systemd. It has a cgroup of its own for its root, and no network but its own lo.
boot() {
	rm "$tree/usr/sbin/policy-rc.d"
	mkdir "$tmp/cgroup" "$tree/old"
	ln -s /dev/null "$tree/etc/systemd/system/getty.target" # the terminals are ours
	# shellcheck disable=SC2016
	unshare --mount sh -c '
		mount -t cgroup2 cgroup2 "$1/cgroup" && mkdir "$1/cgroup/${1##*/}" && echo 0 >"$1/cgroup/${1##*/}/cgroup.procs" &&
		exec unshare --mount --pid --ipc --uts --net --cgroup --fork --kill-child sh -c "$2" sh "$3"' sh "$tmp" '
		hostname latch-deb && ip link set lo up && mount --bind "$1" "$1" && cd "$1" &&
		mount -t proc proc proc && mount -t sysfs -o ro sysfs sys && mount -t cgroup2 cgroup2 sys/fs/cgroup && mount -t tmpfs -o mode=755 tmpfs run &&
		mkdir -p dev/pts dev/shm && mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts && mount -t tmpfs tmpfs dev/shm &&
		pivot_root . old && umount -l /old &&
		exec env -i container=latch-deb-check PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --log-target=journal' "$tree" >"$tmp/space.log" 2>&1 &
	holder=$!
	root=/
	leader "$holder" || return 1
	wait_for systemd enter systemctl is-system-running --quiet || enter systemctl --failed --no-pager
	wait_for MariaDB enter mariadb --execute 'SELECT 1'
}

state() {
	is=$(enter systemctl is-active "$1")
	[ "$is" = "$2" ] && return
	enter systemctl status --no-pager "$1"
	return 1
}
states() { state latch.socket "$1" && state latch.service "$2"; }

# not_started: before latch-setup, and nothing has failed.
not_started() { states inactive inactive && enter systemctl is-enabled latch.socket latch.service; }

setup_twice() {
	enter latch-setup || return 1
	secrets >"$tmp/secrets"
	enter latch-setup && unchanged
}

web_server() { follow lighttpd && follow lighttpd-restart; }

# Who is not in the web server's group cannot connect.
socket_closed() {
	mode /run/latch/latch.sock 660 root:www-data || return 1
	enter setpriv --reuid www-data --regid www-data --clear-groups curl -s -o /dev/null --max-time 2 --unix-socket /run/latch/latch.sock http://x/
	[ $? != 7 ] || { echo 'the web server cannot connect'; return 1; }
	for other in nobody:nogroup latch:latch; do
		enter setpriv --reuid "${other%:*}" --regid "${other#*:}" --clear-groups curl -s --max-time 2 --unix-socket /run/latch/latch.sock http://x/
		[ $? = 7 ] || { echo "$other can connect"; return 1; }
	done
}

workers() { enter sh -c 'cat "/sys/fs/cgroup$(systemctl show -P ControlGroup latch.service)/cgroup.procs"'; }

# What the unit promises, as the kernel has it.
locked_up() {
	seen=0
	for one in $(workers); do
		status=$(enter cat "/proc/$one/status") || return 1
		for line in 'NoNewPrivs:	1' 'Seccomp:	2' 'CapBnd:	0000000000000000' 'CapEff:	0000000000000000'; do
			printf '%s\n' "$status" | grep -qxF "$line" || { echo "$one lacks $line"; return 1; }
		done
		for name in ipc mnt user; do
			[ "$(enter readlink "/proc/$one/ns/$name")" != "$(enter readlink "/proc/1/ns/$name")" ] || { echo "$one is in the system's $name namespace"; return 1; }
		done
		seen=$((seen + 1))
	done
	[ $seen = 9 ] || { echo "$seen processes, not multiwatch and eight workers"; return 1; }
}

# Of its namespaces: it has no way to write, and sees no secret that is not its own.
cannot() {
	set -- $(workers)
	enter nsenter --target "$2" --mount --user --setuid "$(enter id -u latch)" --setgid "$(enter id -g latch)" sh -c '
		for file in /etc/latch/latch.conf /usr/share/latch/x /var/x /run/latch/x; do
			if true 2>/dev/null >>"$file"; then echo "writes $file"; exit 1; fi
		done
		if cat /etc/latch/db-owner-password; then exit 1; fi
		cat /etc/latch/key >/dev/null'
}

# load_begin: eight requests at a time, until load_end, which is good if every one of them was answered 200 (or N were not).
load_begin() {
	printf 'header = "Authorization: Bearer %s"\n' "$token" >"$tree/check/header"
	: >"$tree/check/on"
	enter sh -c 'while [ -e /check/on ]; do
		curl -s -Z --parallel-max 8 -o /dev/null -w "%{http_code}\n" --max-time 30 -K /check/header "http://127.0.0.1:8080/users/me?[1-200]" 2>/dev/null
	done >/check/codes' &
	load=$!
	sleep 1
}
load_end() {
	sleep 1
	rm "$tree/check/on"
	wait "$load"
	total=$(wc -l <"$tree/check/codes") bad=$(grep -vc '^200$' "$tree/check/codes")
	echo "$total requests, $bad failed"
	sort "$tree/check/codes" | uniq -c
	[ "$total" -gt 500 ] && [ "$bad" -le "${1:-0}" ]
}

# under_load TIMES COMMAND...: so often, a second apart.
under_load() {
	times=$1
	shift
	load_begin
	while [ "$times" -gt 0 ]; do
		"$@" || { load_end; echo "$* failed"; return 1; }
		sleep 1
		times=$((times - 1))
	done
	load_end
}

# replaced COMMAND...: the pool is whole after it, and has no worker of before.
replaced() {
	workers >"$tmp/workers"
	"$@" && wait_for 'a pool of new workers' all_new
}
all_new() {
	nine && main=$(enter systemctl show -P MainPID latch.service) && ! workers | grep -vx "$main" | grep -qxF -f "$tmp/workers"
}
nine() { [ "$(workers | wc -l)" = 9 ]; }
restart() { replaced enter systemctl restart latch.service; }
reload() { replaced enter systemctl reload latch.service; }

kill_three() {
	load_begin
	for _ in 1 2 3; do
		# shellcheck disable=SC2046
		set -- $(workers)
		enter kill -KILL "$3"
		sleep 1
	done
	load_end 3 && wait_for 'a whole pool' nine
}

kill_all_of_it() {
	enter systemctl kill --signal=KILL latch.service
	wait_for 'a new pool' nine && serves
}

# The socket alone is there; who connects starts the workers.
activated() {
	enter systemctl stop latch.service
	states active inactive && answers 200 GET /readyz && states active active
}

refuses_bad() {
	enter sh -c 'cp -p /etc/latch/latch.conf /check/good && echo nonsense = 1 >>/etc/latch/latch.conf'
	workers >"$tmp/workers"
	if enter systemctl reload latch.service; then bad=1; else bad=0; fi
	workers | diff "$tmp/workers" - || bad=1
	enter journalctl --sync
	enter journalctl --no-pager -o cat -u latch.service -n 100 | grep nonsense || bad=1
	return $bad
}

# The workers end by themselves, though a reload has failed: they are not killed after TimeoutStopSec.
fails_bad() {
	enter timeout 10 systemctl stop latch.service || { echo 'they do not end'; return 1; }
	if enter systemctl restart latch.service && sleep 2 && ! state latch.service failed; then return 1; fi
	enter cp -p /check/good /etc/latch/latch.conf
	# What the page says.
	enter systemctl restart latch.socket latch.service && serves
}

upgrade_under_load() {
	workers >"$tmp/workers"
	load_begin
	add "$next" || { load_end; return 1; }
	load_end && runs_version "$next" && wait_for 'the new workers' workers_are && states active active
}

log_is_good() {
	enter journalctl --no-pager -o cat -u latch.service >"$tmp/journal"
	if enter journalctl --no-pager -o cat | grep 'Suppressed [0-9]* messages from latch'; then return 1; fi
	grep -q 'route=/auth/login status=200' "$tmp/journal" || { echo 'no log-in'; return 1; }
	! grep -e eve@example.org -e seven-Otters -e "$(enter cat /etc/latch/db-password)" "$tmp/journal"
}

authorizer() {
	enter systemctl enable --now latch-authorizer.socket || return 1
	enter env REQUEST_METHOD=GET SCRIPT_NAME= PATH_INFO=/readyz REQUEST_URI=/readyz QUERY_STRING= SERVER_PROTOCOL=HTTP/1.1 REMOTE_ADDR=127.0.0.1 \
		cgi-fcgi -bind -connect 127.0.0.1:9045 </dev/null >"$tmp/authorizer"
	grep -q '^Status: 403' "$tmp/authorizer" || { cat "$tmp/authorizer"; return 1; }
	one=$(enter systemctl show -P MainPID latch-authorizer.service) && service=$(enter systemctl show -P MainPID latch.service)
	[ "$(enter readlink "/proc/$one/ns/ipc")" = "$(enter readlink "/proc/$service/ns/ipc")" ] || { echo 'counts for itself'; return 1; }
	enter systemctl restart latch.service && wait_for 'the authorizer' state latch-authorizer.service active
}

gone() {
	if enter test -e /run/latch/latch.sock; then echo 'the socket is there'; return 1; fi
	for unit in latch.socket latch.service latch-authorizer.socket latch-authorizer.service; do
		state $unit inactive || return 1
	done
	if enter pidof latch-fcgi multiwatch; then return 1; fi
}

booted() {
	inventory >"$tmp/before"
	ok 'apt installs it where systemd runs' add_first
	ok 'its units are enabled, and wait' not_started
	ok 'latch-setup sets it up, and a second time changes nothing' setup_twice
	ok 'the units run' states active active
	ok 'docs/install-debian.md: lighttpd' web_server
	ok 'it serves' serves
	ok 'somebody registers' answers 201 POST /auth/register "$ada"
	ok 'and signs in' signs_in
	ok 'docs/install-debian.md: check' follow check
	ok 'docs/install-debian.md: start, once more' follow start
	ok 'the web server may connect, and nobody else' socket_closed
	ok 'multiwatch and every worker are locked up' locked_up
	ok 'a worker can write nowhere' cannot
	ok 'three restarts under load: every request is answered' under_load 3 restart
	ok 'three reloads under load: every request is answered' under_load 3 reload
	ok 'three workers killed under load: at most the request of each is lost' kill_three
	ok 'all of it killed: systemd starts it again' kill_all_of_it
	ok 'with the socket alone, the first request starts the workers' activated
	ok 'a reload with a bad configuration fails, says why, and changes nothing' refuses_bad
	ok 'a start with one fails, and what the page says mends it' fails_bad
	secrets >"$tmp/secrets"
	ok 'an upgrade under load: every request is answered' upgrade_under_load
	ok 'configuration, key and passwords are those of before' unchanged
	ok 'and whoever registered before signs in' signs_in
	ok 'the log has the requests, and no secret' log_is_good
	if enter latch-fcgi --help | grep -q -- --authorizer; then
		ok 'the authorizer starts with its first connection, counts with the service, and is restarted with it' authorizer
	else
		echo '# this latch-fcgi has no --authorizer'
	fi
	ok 'removed' enter apt-get -q -y remove latch
	ok 'nothing of it runs' gone
	ok 'configuration, key and passwords stay' unchanged
	ok 'installed again, it is started' add "$next"
	ok 'serves' serves
	ok 'and knows who registered' signs_in
	ok 'purged' enter apt-get -q -y purge latch
	ok 'nothing of it runs any more' gone
	ok 'nothing of it is left but the database' nothing_left "$tmp/before"
}
