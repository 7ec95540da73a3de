# deploy/lib/steps.sh: the steps of deploy/up, each announced, timed and logged; one that fails is explained, and what
# this run has started in vain is stopped again.
# Sourced by deploy/up after instance.sh and directory.sh.
# shellcheck shell=sh disable=SC2154

# steps_begin COUNT; steps_end: between the two, an end of any kind puts things right; $seconds is what it took.
steps_begin() {
	steps=$1 steps_done=0 job=''
	ran_before=''
	for name in db latch web; do
		if alive $name; then ran_before="$ran_before $name"; fi
	done
	now
	steps_began=$now
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}
steps_end() {
	trap - EXIT INT TERM HUP
	seconds "$steps_began"
}

# step TITLE COMMAND...: runs it with its output in the log, and shows that it lives. If the command's last line is
# "note: ...", that is shown beside the time; a line "deploy/up: ..." is the sentence that explains a failure.
step() {
	begin "$1"
	shift
	("$@") </dev/null >>"$log" 2>&1 &
	job=$!
	if [ -t 1 ]; then
		while kill -s 0 $job 2>/dev/null; do
			seconds "$step_began"
			printf '\r\033[K%s %s  %.60s' "$title" "$seconds" "$(tail -n 1 "$log" | tr -cd '[:print:]')"
			sleep 0.2
		done
	fi
	status=0
	wait $job || status=$?
	job=''
	[ $status = 0 ] || step_failed
	note=$(tail -n 1 "$log")
	case $note in
	'note: '*) end "${note#note: }" ;;
	*) end ;;
	esac
}

# begin TITLE; end [NOTE]: for a step that talks to the terminal itself.
begin() {
	steps_done=$((steps_done + 1))
	title="[$steps_done/$steps] $1 ..."
	printf '%s' "$title"
	printf '== %s\n' "$1" >>"$log" || disk_full_or "cannot write $log"
	now
	step_began=$now
}
end() {
	seconds "$step_began"
	[ ! -t 1 ] || printf '\r\033[K%s' "$title"
	printf ' %s%s\n' "${1:+$1, }" "$seconds"
}

step_failed() {
	end failed
	said=$(step_log | grep "^$program: " | tail -n 1)
	[ -z "$said" ] || die "${said#"$program: "}"
	said=$(step_log | grep -E 'No space left on device|Errcode: 28|enough free space' | tail -n 1)
	[ -z "$said" ] || die "the disk is full: $said"
	step_log | tail -n 15 | sed 's/^/  | /' >&2
	disk_full_or "the step failed; the whole log is $log"
}

# step_log: what the present step has written.
step_log() {
	sed -n 'H; /^== /h; ${ x; p; }' "$log"
}

finish() {
	status=$?
	trap '' INT TERM HUP
	if [ -n "$job" ]; then
		echo
		# shellcheck disable=SC2046
		kill -s TERM $(family "$job") 2>/dev/null || :
		wait "$job" || :
	fi
	if [ $status != 0 ]; then
		case $ran_before in *web*) ;; *) stop_web ;; esac
		case $ran_before in *latch*) stop_new_pool ;; *) stop_pool ;; esac
		case $ran_before in *db*) ;; *) stop_db ;; esac
	fi
	rm -f "$dir/latch.conf.new" "$dir/app/latch-fcgi.new" "$dir/app/latchctl.new" "$dir/app/latch-outbound.new"
	exit $status
}

# family PID: that process and all that it has started, but for an installation of packages: broken off, it would leave
# the system's packages in pieces, so it goes on to its end.
family() {
	if grep -qsF deploy/lib/install-packages "/proc/$1/cmdline"; then
		echo 'packages are being installed: that goes on to its end in the background' >&2
		return
	fi
	echo "$1"
	for process in /proc/[0-9]*; do
		if began "${process#/proc/}" && [ "$parent" = "$1" ]; then (family "${process#/proc/}"); fi
	done
}
