# deploy/lib/instance.sh: what deploy/up and deploy/down share: an instance directory and the processes that run in it.
# Sourced, with $here (the checkout) and $program (its name in messages) set.
#
# An instance is a directory:
#   latch.conf          the configuration, see latch.conf(5)
#   secrets/            the key file and the two database passwords
#   db/                 MariaDB's data
#   run/                sockets; NAME.pid and NAME.start (the process and when it began: see alive)
#   log/                latch.log, db.log, web.log, and up.log of the last deploy/up
#   app/                what runs: programs, documentation pages, the front server's configuration
#   up.state            what deploy/up remembers
#
# Under root nothing runs as root: the user latch owns db, run and the logs, and root owns the rest, so that what runs
# cannot change its own program, secrets or configuration, or make root follow its links or signal foreign processes.
# shellcheck shell=sh disable=SC2154,SC2034

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
unset CDPATH
uid=$(id -u)
user='' # whom the services run as; empty: as us
[ "$uid" != 0 ] || user=latch

die() {
	printf '%s: %s\n' "$program" "$*" >&2
	exit 1
}

# as COMMAND...: runs it as the service user, with a clean environment (the sanitizers' settings pass, for the tests).
low_port='' # not empty: and with the right to listen on a port below 1024
as_how=''   # exec: in the place of this shell
as() {
	set -- env -i PATH="$PATH" LC_ALL=C.UTF-8 ${ASAN_OPTIONS+"ASAN_OPTIONS=$ASAN_OPTIONS"} \
		${LSAN_OPTIONS+"LSAN_OPTIONS=$LSAN_OPTIONS"} ${UBSAN_OPTIONS+"UBSAN_OPTIONS=$UBSAN_OPTIONS"} "$@"
	[ -z "$low_port" ] || set -- --inh-caps +net_bind_service --ambient-caps +net_bind_service -- "$@"
	if [ -n "$user" ]; then
		set -- setpriv --reuid "$user" --regid "$user" --init-groups --no-new-privs "$@"
	fi
	$as_how "$@"
}

# lock: one deploy/up or deploy/down at a time for an instance. Whatever is launched must not inherit fd 9.
lock() {
	exec 9>>"$dir/.latch-lock"
	flock -n 9 || die "another deploy/up or deploy/down is at work in $dir; wait until it is done"
}

# now: hundredths of a second, from an arbitrary moment, in $now.
now() {
	read -r now _ </proc/uptime
	now=${now%.*}${now#*.}
}

# seconds SINCE: the time that has passed since then, as "1.2 s", in $seconds.
seconds() {
	now
	seconds=$(((now - $1) / 100)).$(((now - $1) % 100 / 10))
	seconds="$seconds s"
}

# began PID: when that process began, in clock ticks since boot, in $began, and its $parent and $session; false if there
# is none (or a zombie). One whose first thread is a zombie still holds its files and locks while another thread is in a
# fsync(): a killed mariadbd, whose successor would end with "Unable to lock ./ibdata1".
began() {
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
	# shellcheck disable=SC2086
	set -- ${stat##*) }
	[ "$1" != Z ] || [ "${18}" -gt 1 ] || return 1
	parent=$2
	session=$4
	began=${20}
}

# alive NAME: whether the process that was launched under NAME runs, and is still that process; its id in $pid.
alive() {
	pid='' start=''
	{ read -r pid <"$dir/run/$1.pid" && read -r start <"$dir/run/$1.start"; } 2>/dev/null || return 1
	began "$pid" && [ "$began" = "$start" ]
}

# members NAME: the processes of the session that was launched under NAME, in $members, and its first process, if that
# still runs, in $leader. If it has been killed, the others are recognised by the instance's path in their command line.
members() {
	members='' leader=''
	if alive "$1"; then leader=$pid; fi
	[ -n "$pid" ] || return 0
	for member in /proc/[0-9]*; do
		member=${member#/proc/}
		if began "$member" && [ "$session" = "$pid" ]; then
			if [ -n "$leader" ] || grep -qsF -- "$dir/" "/proc/$member/cmdline"; then members="$members $member"; fi
		fi
	done
}

# launch NAME LOG COMMAND...: starts a daemon in a session of its own.
launch() {
	launch_name=$1 launch_log=$2
	shift 2
	(
		exec 8>&- 9>&- </dev/null
		as_how='exec'
		# shellcheck disable=SC2016
		as setsid sh -c '
			exec >>"$2" 2>&1
			read -r stat </proc/$$/stat
			pid=$$ run=$1
			shift 2
			start() { echo "${20}" >"$run.start"; }
			start ${stat##*) }
			echo "$pid" >"$run.pid"
			exec "$@"' sh "$dir/run/$launch_name" "$dir/log/$launch_log" "$@"
	) &
	until alive "$launch_name" || ! began $!; do sleep 0.05; done
}

# signal SIGNAL PID...: as the service user, who can harm nobody else's processes.
signal() {
	# shellcheck disable=SC2016
	as sh -c 'signal=$1; shift; kill -s "$signal" -- "$@"' sh "$@" 2>/dev/null || :
}

# stop NAME SIGNAL SECONDS: asks it to end, waits that long for all of it to be gone, then kills what is left.
stop() {
	members "$1"
	# shellcheck disable=SC2086
	[ -z "$members" ] || signal "$2" ${leader:-$members}
	now
	stop_until=$((now + $3 * 100))
	while [ -n "$members" ]; do
		# shellcheck disable=SC2086
		[ "$now" -lt $stop_until ] || signal KILL $members
		[ "$now" -lt $((stop_until + 1000)) ] || die "cannot stop the processes$members"
		sleep 0.05
		members "$1"
		now
	done
	as rm -f "$dir/run/$1.pid" "$dir/run/$1.start"
}

# stop_web, stop_pool, stop_db: in this order nothing is refused that was accepted.
stop_web() {
	if [ "$(state_get server)" = nginx ]; then stop web QUIT 10; else stop web INT 10; fi
}
stop_pool() {
	for pool in latch-new latch-old latch; do stop $pool TERM 15; done
	as rm -f "$dir/run/latch.sock" "$dir/run/latch.new"
}
stop_db() {
	stop db TERM 60
}

# state_get KEY; state_set KEY VALUE: up.state, one "KEY VALUE" a line.
state_get() {
	if [ -f "$dir/up.state" ]; then sed -n "s/^$1 //p" "$dir/up.state"; fi
}
state_set() {
	{
		if [ -f "$dir/up.state" ]; then grep -v "^$1 " "$dir/up.state" || :; fi
		printf '%s %s\n' "$1" "$2"
	} >"$dir/up.state.new"
	mv -f "$dir/up.state.new" "$dir/up.state"
}
