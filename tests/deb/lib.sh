# tests/deb/lib.sh: a system in a directory ($tree), the namespaces it runs in, and how a test counts.
# Sourced by tests/deb/run.
# shellcheck shell=sh disable=SC2154,SC2034
passed=0 failed=0 holder='' init='' token=''

say() { echo "[$(date +%H:%M:%S)] $*"; }

# ok NAME COMMAND...: a test; what the command prints is shown if it fails.
ok() {
	ok_name=$1
	shift
	if "$@" >"$tmp/said" 2>&1; then
		echo "ok - $ok_name"
		passed=$((passed + 1))
	else
		echo "not ok - $ok_name"
		tail -n 20 "$tmp/said" | sed 's/^/    /'
		failed=$((failed + 1))
	fi
}

# quiet LOG COMMAND...: something that has to work for the tests to be.
quiet() {
	quiet_log=$tmp/$1.log
	shift
	"$@" >"$quiet_log" 2>&1 </dev/null && return
	tail -n 30 "$quiet_log"
	echo "not ok - $*"
	failed=$((failed + 1))
	return 1
}

# shellcheck disable=SC2317
finish() {
	trap '' INT TERM HUP
	leave_space
	if [ "$failed" = 0 ] && [ "$passed" -gt 0 ] && [ "${KEEP:-}" != 1 ]; then
		rm -rf --one-file-system "$tmp"
	else
		echo "the system is in $tmp"
		[ "$passed" -gt 0 ] || failed=$((failed + 1))
	fi
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] || exit 1
	exit 0
}

# base: a minimal system in $tree.
base() {
	if [ -n "${LATCH_DEB_BASE:-}" ]; then
		mkdir "$tree"
		case $(tar -tf "$LATCH_DEB_BASE" | head -n 1) in
		./ | ./?*) quiet base tar -C "$tree" -xf "$LATCH_DEB_BASE" ;;
		*) quiet base tar -C "$tree" --strip-components=1 -xf "$LATCH_DEB_BASE" ;;
		esac || return 1
	else
		command -v debootstrap >/dev/null || { echo 'tests/deb/run: debootstrap is missing' >&2; return 1; }
		quiet debootstrap debootstrap --variant=minbase "$suite" "$tree" || return 1
	fi
	cp /etc/resolv.conf "$tree/etc/resolv.conf"
	# No package starts a daemon while there is no init.
	printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
	chmod 755 "$tree/usr/sbin/policy-rc.d"
	grep -q "VERSION_ID=\"$release\"" "$tree/etc/os-release" || { echo "that is no Debian $release"; return 1; }
}

in_tree() {
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive ${http_proxy+"http_proxy=$http_proxy"} ${https_proxy+"https_proxy=$https_proxy"} "$@"
}

# online COMMAND...: in a system, with our network, and with an end to what it leaves running.
online() {
	# shellcheck disable=SC2016
	online_tree=${online_tree:-$tree} in_tree unshare --mount --pid --ipc --fork --kill-child sh -c '
		mount -t proc proc "$1/proc" && tree=$1 && shift && exec chroot "$tree" "$@"' sh "${online_tree:-$tree}" "$@"
}

apt() {
	online apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-unsafe-io -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 "$@"
}

# build_package VERSION: on this machine where it is of that release, else in a second system that has the compiler.
build_package() {
	# shellcheck disable=SC1091
	if [ "$(. /etc/os-release && echo "${VERSION_ID:-}")" = "$release" ] && command -v dh >/dev/null; then
		quiet "build-$1" deploy/debian/build "$1" "$tmp/packages"
		return
	fi
	builder=$tmp/builder
	if [ ! -d "$builder" ]; then
		cp -a "$tree" "$builder"
		online_tree=$builder
		quiet builder-update apt update || return 1
		# shellcheck disable=SC2046
		quiet builder apt install build-essential $(sed -n '/^Build-Depends:/,/^Standards-Version/{s/^Build-Depends: debhelper-compat.*/debhelper/p;s/^ \([a-z0-9-]*\).*/\1/p;}' deploy/debian/control) || return 1
		mkdir -p "$builder/src/build"
		cp -R Makefile README.md lighttpd.conf package.json package-lock.json fcgi-app schema docs web deploy "$builder/src/"
		cp -R build/docs build/sign-in build/common-passwords.txt "$builder/src/build/"
	fi
	online_tree=$builder
	quiet "build-$1" online env SOURCE_DATE_EPOCH="$(git log -1 --format=%ct 2>/dev/null || date +%s)" /src/deploy/debian/build "$1" /packages
	made=$?
	online_tree=$tree
	[ $made = 0 ] || return 1
	mkdir -p "$tmp/packages"
	cp "$builder/packages/"*.deb "$tmp/packages/"
}

# package VERSION: its path in $tree.
package() {
	echo "/packages/latch_$1_$(dpkg --print-architecture).deb"
}

# From another directory, too: no path of it is in the package.
same_again() {
	# shellcheck disable=SC1091
	if [ "$(. /etc/os-release && echo "${VERSION_ID:-}")" = "$release" ]; then
		deploy/debian/build "$version" "$tmp/packages/again" && cmp "$tmp/packages/again/latch_$version"_*.deb "$tmp/packages/latch_$version"_*.deb
	else
		online_tree=$tmp/builder
		quiet build-again online env SOURCE_DATE_EPOCH="$(git log -1 --format=%ct 2>/dev/null || date +%s)" /src/deploy/debian/build "$version" /again
		made=$?
		online_tree=$tree
		[ $made = 0 ] && cmp "$tmp/builder/again/latch_$version"_*.deb "$tmp/packages/latch_$version"_*.deb
	fi
}

lintian_finds_nothing() {
	found=$(lintian --allow-root --fail-on error,warning "$tmp/packages/latch_$version"_*.deb 2>&1)
	status=$?
	printf '%s\n' "$found"
	[ $status = 0 ]
}

exposed_little() {
	for one in latch.service latch-authorizer.service; do
		enter systemd-analyze security --no-pager --offline=true --threshold=15 /usr/lib/systemd/system/$one | tail -n 1 || return 1
		enter systemd-analyze security --no-pager --offline=true --threshold=15 /usr/lib/systemd/system/$one >/dev/null || return 1
	done
}

# prepare: what latch works with, from Debian, and the packages.
prepare() {
	online_tree=$tree
	quiet update apt update || return 1
	quiet install apt install mariadb-server lighttpd curl libfcgi-bin systemd-sysv || return 1
	mkdir "$tree/packages" "$tree/check"
	cp "$tmp/packages/"*.deb "$tree/packages/"
	# Before the inventory: what latch depends on stays when latch goes, until apt autoremove.
	quiet depends apt satisfy "$(dpkg-deb -f "$tree$(package "$version")" Depends)"
}

# space: namespaces without a network, in which daemons may run; enter COMMAND... runs something there.
space() {
	# shellcheck disable=SC2016
	unshare --mount --pid --ipc --uts --net --fork --kill-child sh -c '
		mount -t proc proc "$1/proc" && mount -t tmpfs tmpfs "$1/run" && mkdir "$1/run/lock" && ip link set lo up && touch "$1/run/space" &&
		exec sleep infinity' sh "$tree" >"$tmp/space.log" 2>&1 &
	holder=$!
	root=$tree
	leader "$holder" || return 1
	wait_for 'the namespaces' enter test -e /run/space
}

# leader PID: the first process in the namespaces that this unshare made, in $init.
leader() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		init=$(cat "/proc/$1/task/$1/children" 2>/dev/null) && init=${init%% *}
		# What comes before it, a mount say, is in ours.
		if [ -n "$init" ] && there=$(readlink "/proc/$init/ns/pid") && [ "$there" != "$(readlink /proc/self/ns/pid)" ]; then return; fi
		sleep 0.2
	done
	cat "$tmp/space.log"
	return 1
}

leave_space() {
	[ -n "$holder" ] || return 0
	# With its first process all of it ends.
	[ -z "$init" ] || kill -KILL "$init" 2>/dev/null
	sleep 0.2
	kill -KILL "$holder" 2>/dev/null
	wait "$holder" 2>/dev/null
	holder='' init=''
	# shellcheck disable=SC2016
	[ ! -d "$tmp/cgroup" ] || unshare --mount sh -c 'mount -t cgroup2 cgroup2 "$1" && find "$1/$2" -depth -type d -exec rmdir {} +' sh "$tmp/cgroup" "${tmp##*/}" || :
}

enter() {
	in_tree nsenter --target "$init" --mount --pid --ipc --uts --net -- chroot "$root" "$@"
}

# wait_for WHAT COMMAND...: until it succeeds, for 30 seconds.
wait_for() {
	wait_what=$1
	shift
	wait_left=150
	until "$@" >"$tmp/waited" 2>&1; do
		wait_left=$((wait_left - 1))
		if [ $wait_left = 0 ]; then
			cat "$tmp/waited"
			echo "$wait_what: not within 30 s"
			return 1
		fi
		sleep 0.2
	done
}

# follow NAME: the block of docs/install-debian.md of that name, as it stands there.
follow() {
	text=$(awk -v mark="<!-- test: $1 -->" '$0 == mark { at = 1 } at && /^```$/ { exit } at && inside { print } at && /^```sh$/ { inside = 1 }' docs/install-debian.md)
	[ -n "$text" ] || { echo "docs/install-debian.md has no block $1"; return 1; }
	enter sh -euc "$text"
}

# http METHOD PATH [JSON]: the status; the answer is in $tree/check/answer. With $token as who that is.
http() {
	enter curl -s -o /check/answer -w '%{http_code}' --max-time 20 -X "$1" ${3+-H 'Content-Type: application/json' -d "$3"} \
		${token:+-H "Authorization: Bearer $token"} "http://127.0.0.1:8080$2"
}

# answers STATUS METHOD PATH [JSON]
answers() {
	want=$1
	shift
	got=$(http "$@")
	[ "$got" = "$want" ] && return
	echo "$* gave $got, not $want: $(cat "$tree/check/answer")"
	return 1
}

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$tree/check/answer"; }

ada='{"email": "eve@example.org", "password": "seven-Otters-drum"}'
# signs_in: somebody who registered before; his token in $token.
signs_in() {
	token=''
	answers 200 POST /auth/login "$ada" || return 1
	token=$(field access_token)
	[ -n "$token" ] && answers 200 GET /users/me && [ "$(field email)" = eve@example.org ]
}

# mode FILE MODE OWNER:GROUP
mode() {
	is=$(enter stat -c '%a %U:%G' "$1") && [ "$is" = "$2 $3" ] && return
	echo "$1 is $is, not $2 $3"
	return 1
}

# secrets: what no upgrade may change.
secrets() { enter sha256sum /etc/latch/key /etc/latch/db-password /etc/latch/db-owner-password /etc/latch/latch.conf; }

# add VERSION: as a person would.
add() { enter apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 install --no-install-recommends "$(package "$1")"; }

installed_version() { enter latch-fcgi --version; }

# inventory: everything in the system that a package may leave behind, but for what others keep (the database; apt's and systemd's own).
inventory() {
	enter find / \( -path /proc -o -path /sys -o -path /tmp -o -path /var/tmp -o -path /var/lib/mysql -o -path /var/lib/dpkg -o -path /var/lib/apt \
		-o -path /var/cache -o -path /var/log -o -path /run/mysqld -o -path /run/systemd -o -path /run/udev -o -path /run/log -o -path /run/lighttpd -o -path /root \
		-o -path '/etc/*-' -o -path /var/lib/lighttpd -o -path /var/lib/systemd -o -path /dev -o -path /run/lighttpd.pid -o -path /run/credentials \
		-o -path /check -o -path /run/adduser -o -path /run/space -o -path /run/lock -o -path /run/user -o -path /run/dbus -o -path /etc/lighttpd \) -prune -o -print | sort
	enter sh -c 'cut -d: -f1 /etc/passwd /etc/group /etc/shadow /etc/gshadow | sort'
}

# nothing_left BEFORE
nothing_left() {
	inventory >"$tmp/after"
	diff "$1" "$tmp/after"
}
