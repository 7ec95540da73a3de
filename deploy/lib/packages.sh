# deploy/lib/packages.sh: what latch needs of Debian, what of it is missing, and how that is installed.
# Sourced by deploy/up, after instance.sh, and by deploy/check, which takes the lists and lacking alone.
# shellcheck shell=sh disable=SC2154,SC2034

# COMMAND, or COMMAND:PACKAGE where the package is called otherwise.
build_commands='gcc make pkg-config'
run_commands='curl spawn-fcgi multiwatch mariadbd:mariadb-server-core mariadb:mariadb-client-core cgi-fcgi:libfcgi-bin'
libraries='libc6-dev libmariadb-dev libjwt-dev libjansson-dev libsodium-dev libargon2-dev libssl-dev libcrypt-dev libcurl4-openssl-dev'

# lacking COMMANDS PACKAGES: the packages that this machine lacks of them, in $missing.
lacking() {
	missing=''
	for need in $1; do
		command -v "${need%:*}" >/dev/null || missing="$missing ${need#*:}"
	done
	for package in $2; do
		installed "$package" || missing="$missing $package"
	done
	missing=${missing# }
}

installed() {
	case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in
	installed) ;;
	*) return 1 ;;
	esac
}

# lacking_npm: the same for npm, in $missing_npm. It is slow to install, and only the documentation pages and the
# password list need it, so it is installed while the compiler works.
lacking_npm() {
	missing_npm=''
	command -v npm >/dev/null || missing_npm='nodejs npm ca-certificates'
}

# may_install: asks for the password of sudo now rather than in the middle of a step.
may_install() {
	[ -n "$missing$missing_npm" ] || return 0
	[ "$uid" != 0 ] || return 0
	if command -v sudo >/dev/null; then
		if [ -t 0 ] && sudo -v; then return; fi
		if sudo -n true 2>/dev/null; then return; fi
	fi
	die "no right to install packages; as root run: apt-get install --no-install-recommends${missing:+ $missing}${missing_npm:+ $missing_npm}"
}

# install_packages [--no-update] PACKAGE...: in a session of its own, which neither Ctrl-C nor a closed terminal breaks off.
install_packages() {
	[ "$uid" = 0 ] && as_root='' || as_root='sudo -n'
	$as_root setsid -w "$here/deploy/lib/install-packages" "$@" && return
	why=$(tail -n 40 "$log" | grep -E '^[EW]: .*(Failed to fetch|Unable to locate package|no installation candidate|no source of packages)' |
		head -n 1)
	[ -z "$why" ] || die "no package mirror gave what is needed ($*): ${why#*: }"
	return 1
}

install_missing() {
	if [ -z "$missing" ]; then
		echo 'note: nothing to install'
		return
	fi
	# shellcheck disable=SC2086
	install_packages $missing
	echo "note: $(echo "$missing" | wc -w) and what they need"
}
