# deploy/lib/web.sh: the port, the web server on it, and whether latch answers there.
# Sourced by deploy/up after instance.sh and config.sh.
# shellcheck shell=sh disable=SC2154,SC2034

# check_port: whether $port is ours or free. $old_port is the one of the last run.
check_port() {
	free_from=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024)
	[ "$uid" = 0 ] || [ "$port" -ge "$free_from" ] ||
		die "the port $port needs root; choose one from $free_from upwards with --port"
	if alive web && [ "$port" = "$old_port" ]; then return; fi
	if port_holder "$port"; then
		die "the port $port is taken by $holder; choose another with --port"
	fi
}

# port_holder PORT: true if a process listens on it where we want to; it is named in $holder, as far as /proc tells.
port_holder() {
	inode=$(awk -v port="$(printf ':%04X' "$1")" '
		$4 == "0A" && substr($2, length($2) - 4) == port && ($2 ~ /^(0+|0100007F|0+FFFF00000100007F):/) { print $10; exit }
		' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
	[ -n "$inode" ] || return 1
	# shellcheck disable=SC2012
	holder=$(ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v socket="socket:[$inode]" '
		/^\/proc/ { split($0, path, "/") }
		$NF == socket { print path[3]; exit }')
	if [ -n "$holder" ]; then
		holder="process $holder ($(cat "/proc/$holder/comm" 2>/dev/null))"
	else
		holder='another process'
	fi
}

# web_conf: the configuration of $server, for $prefix. lighttpd's has it from the environment.
web_conf() {
	case $server in
	lighttpd) cat "$here/lighttpd.conf" ;;
	nginx) sed -E "s#^([[:space:]]*location (= )?)/#\\1$prefix/#; s#\\^\\(\\)\\(#^($prefix)(#" "$here/deploy/nginx/nginx.conf" ;;
	esac
}

# start_web: a new text of the configuration is taken over by the running server; a new port or server is a new start, and
# for lighttpd also what its environment says.
start_web() {
	is="$server $port $dir"
	case $server in
	lighttpd) test='lighttpd -tt -f' run='lighttpd -D -f' reload=USR1 is="$is prefix=$prefix" ;;
	nginx) test='nginx -p ./ -e log/web.log -q -t -c' run='nginx -p ./ -e log/web.log -c' reload=HUP ;;
	esac
	conf=$dir/app/$server.conf
	same=no
	if alive web && [ "$(state_get web)" = "$is" ]; then same=yes; fi
	web_conf >"$conf.new"
	if [ $same = yes ] && cmp -s "$conf.new" "$conf"; then
		rm "$conf.new"
		echo 'note: unchanged'
		return
	fi
	install_file "$here/deploy/lighttpd/refused.json" "$dir/app/refused.json"
	printf 'listen 127.0.0.1:%s;\n' "$port" >"$dir/app/listen.conf"
	as mkdir -p "$dir/run/tmp"
	[ "$port" -ge "$free_from" ] || low_port=yes
	# The environment and the working directory that the configuration relies on. lighttpd takes no descriptors at all beyond
	# the soft limit when it cannot have all of its max-fds: so it begins with what may be had.
	# shellcheck disable=SC2016
	set -- sh -c 'ulimit -S -n "$(ulimit -H -n)"; cd "$1" && shift && exec env "$@"' sh "$dir" "LATCH_PORT=$port" "LATCH_SOCKET=$dir/run/latch.sock" \
		"LATCH_PREFIX=$prefix" "LATCH_MOUNT=${prefix:-/}" "LATCH_DOCS=$dir/app/docs" "LATCH_SIGN_IN=$dir/app/sign-in" \
		"LATCH_REFUSED=$dir/app/refused.json" "LATCH_TMP=$dir/run/tmp"
	# shellcheck disable=SC2086
	as "$@" $test "$conf.new"
	state_set prefix "$prefix"
	if [ $same = yes ]; then
		mv -f "$conf.new" "$conf"
		alive web && signal "$reload" "$pid"
		echo "note: $server took the new configuration"
		return
	fi
	stop_web
	mv -f "$conf.new" "$conf"
	state_set server "$server"
	state_set port "$port"
	state_set web "$is"
	# shellcheck disable=SC2086
	launch web web.log "$@" $run "$conf"
	echo "note: $server"
}

wait_until_ready() {
	now
	ready_until=$((now + 3000))
	until curl -fsS -o /dev/null --max-time 5 "http://127.0.0.1:$port$prefix/readyz"; do
		now
		if ! alive web; then
			tail -n 12 "$dir/log/web.log"
			return 1
		fi
		[ "$now" -lt $ready_until ] || die "http://127.0.0.1:$port$prefix/readyz does not answer 200; see $dir/log"
		sleep 0.1
	done
}
