# deploy/lib/pool.sh: starts the pool of workers, or exchanges it for a changed one.
# Sourced by deploy/up after instance.sh and config.sh.
# shellcheck shell=sh disable=SC2154,SC2034

# start_pool: a changed pool is started beside the old one, on a socket of its own, which takes the old one's name when it
# answers. The old one then ends by itself: it finishes what it has in hand and what waits on its socket.
start_pool() {
	# What a worker reads when it starts, its secrets too: one of before could not connect again, or read new tokens.
	running=$(cat "$dir/app/latch-fcgi" "$dir/latch.conf" "$dir/app/common-passwords.txt" "$dir/secrets/key" \
		"$dir/secrets/db-password" | sha256sum)
	if alive latch && [ "$(state_get pool)" = "$running" ] && pool_answers "$dir/run/latch.sock"; then
		echo 'note: unchanged'
		return
	fi
	workers=$(conf_get workers)
	workers=${workers:-8}
	stop latch-old TERM 15
	stop_new_pool
	# No -s: multiwatch sends another signal than -s names (QUIT for TERM). Its default, USR1, drains a worker like TERM.
	launch latch-new latch.log spawn-fcgi -n -s "$dir/run/latch.new" -M 0600 -b 1024 -- \
		"$(command -v multiwatch)" -f "$workers" -r 1000000 -t 1000 -- \
		"$dir/app/latch-fcgi" --config "$dir/latch.conf"
	now
	pool_until=$((now + 2000))
	until pool_answers "$dir/run/latch.new"; do
		now
		if ! alive latch-new || [ "$now" -ge $pool_until ]; then
			tail -n 12 "$dir/log/latch.log"
			return 1
		fi
		sleep 0.1
	done
	made="$workers workers"
	! alive latch || made="exchanged, $made"
	# shellcheck disable=SC2016
	as sh -c 'cd "$1"
		for part in pid start; do if [ -e latch.$part ]; then mv latch.$part latch-old.$part; fi; done
		for part in pid start; do mv latch-new.$part latch.$part; done
		mv latch.new latch.sock' sh "$dir/run"
	state_set pool "$running"
	stop latch-old TERM 30
	echo "note: $made"
}

# stop_new_pool: one that has not taken the place of the old one.
stop_new_pool() {
	stop latch-new TERM 15
	as rm -f "$dir/run/latch.new"
}

# pool_answers SOCKET: whether a pool answers GET /readyz with 200 there.
pool_answers() {
	answer=$(as timeout 5 env -i PATH="$PATH" REQUEST_METHOD=GET SCRIPT_NAME= PATH_INFO=/readyz REQUEST_URI=/readyz \
		QUERY_STRING= SERVER_PROTOCOL=HTTP/1.1 GATEWAY_INTERFACE=CGI/1.1 REMOTE_ADDR=127.0.0.1 SERVER_NAME=127.0.0.1 \
		SERVER_PORT="$port" cgi-fcgi -bind -connect "$1" </dev/null 2>/dev/null | head -n 1) || return 1
	case $answer in
	'Status: 200'*) ;;
	*) return 1 ;;
	esac
}
