# deploy/lib/directory.sh: makes the directory of an instance, or says why it cannot be.
# Sourced by deploy/up after instance.sh, which tells what lies in it. Sets $log, where the steps write.
# shellcheck shell=sh disable=SC2154,SC2034

# make_directory: $dir (empty: var/ in the checkout) becomes an absolute path, laid out, and ours alone (see lock).
make_directory() {
	if [ -n "$user" ] && ! getent passwd "$user" >/dev/null; then
		useradd --system --user-group --home-dir /nonexistent --shell /usr/sbin/nologin "$user" ||
			die "cannot make the system user $user"
	fi
	if [ -z "$dir" ]; then default_directory; fi
	mkdir -p "$dir" 2>/dev/null || die "cannot make the directory $dir"
	path=$(cd -P "$dir" 2>/dev/null && pwd) ||
		die "no right to enter $dir, which belongs to $(stat -c %U "$dir"): run deploy/up as that user, or choose another --dir"
	dir=$path
	check_directory
	[ "$(free_kib "$dir")" -gt 1024 ] || die "the disk that holds $dir is full"
	chmod 750 "$dir"
	[ -z "$user" ] || chgrp "$user" "$dir"
	if ! as test -x "$dir"; then
		rmdir "$dir" 2>/dev/null || :
		die "the user $user cannot reach $dir: a directory above it is closed; choose another --dir"
	fi
	lock
	log=$dir/log/up.log
	(lay_out) 2>/dev/null || disk_full_or "cannot make the directories in $dir"
}

# default_directory: var/. The checkout may be closed to the service user (/root/latch): then it is a link out of it.
default_directory() {
	dir=$here/var
	if [ -n "$user" ] && [ ! -e "$dir" ] && ! as test -x "$here"; then
		mkdir -p /var/lib/latch || die 'cannot make /var/lib/latch'
		ln -s /var/lib/latch "$dir" || die "cannot make $dir"
	fi
}

check_directory() {
	case $dir in
	*[\"\'\\\#\$]*) die "the path $dir holds one of \" ' \\ # \$, which configuration files cannot take; choose another --dir" ;;
	esac
	socket_max=107 # Linux's limit for the path of a unix socket
	[ "$(printf %s/run/latch.sock "$dir" | wc -c)" -le $socket_max ] ||
		die "the path $dir is too long for the unix sockets in it; choose a --dir of at most 91 bytes"
	[ -w "$dir" ] || die "the directory $dir is not writable for $(id -un); choose another --dir"
	[ "$(stat -c %u "$dir")" = "$uid" ] ||
		die "the directory $dir belongs to $(stat -c %U "$dir"): run deploy/up as that user, or choose another --dir"
	[ -e "$dir/.latch-lock" ] || [ -z "$(ls -A "$dir")" ] ||
		die "the directory $dir holds something else; choose a new or an empty one for --dir"
}

lay_out() {
	set -e
	for sub in app log run secrets; do mkdir -p "$dir/$sub"; done
	for name in latch db web; do [ -e "$dir/log/$name.log" ] || : >"$dir/log/$name.log"; done
	: >"$log"
	chmod 700 "$dir/run" "$dir/secrets"
	chmod 640 "$dir/log/"*.log
	if [ -n "$user" ]; then
		chgrp "$user" "$dir/secrets"
		chmod 750 "$dir/secrets"
		chown "$user:$user" "$dir/run" "$dir/log/latch.log" "$dir/log/db.log" "$dir/log/web.log"
	fi
}

# free_kib PATH: how much the disk that holds it has left.
free_kib() {
	df -Pk "$1" | awk 'NR == 2 { print $4 }'
}

# disk_full_or MESSAGE: dies with the message, or with the reason for it.
disk_full_or() {
	for place in "$dir" "$here" /var/cache/apt /tmp; do
		[ "$(free_kib "$place")" -gt 1024 ] || die "the disk that holds $place is full"
	done
	die "$1"
}
