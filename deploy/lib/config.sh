# deploy/lib/config.sh: an instance's secrets, programs and latch.conf.
# Sourced by deploy/up after instance.sh.
# shellcheck shell=sh disable=SC2154,SC2034

# configure: nothing that runs sees the new programs and the new latch.conf before they have passed the check.
configure() {
	for name in key db-password db-owner-password; do make_secret $name; done
	install_file "$here/build/common-passwords.txt" "$dir/app/common-passwords.txt"
	for file in latch-fcgi latchctl latch-outbound; do cp "$bin/$file" "$dir/app/$file.new"; done
	draft_conf
	check_conf
	made=changed
	[ -e "$dir/latch.conf" ] || made=made
	! cmp -s "$dir/latch.conf.new" "$dir/latch.conf" || made=unchanged
	for file in latch.conf app/latch-fcgi app/latchctl app/latch-outbound; do adopt "$dir/$file"; done
	install_pages
	echo "note: $made"
}

# make_secret NAME: 64 random hex digits, made once. Under root the service user may read and not change it.
make_secret() {
	secret=$dir/secrets/$1
	if [ -s "$secret" ]; then return; fi
	(umask 077 && { od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' && echo; } >"$secret.new")
	if [ -n "$user" ]; then
		chgrp "$user" "$secret.new"
		chmod 440 "$secret.new"
	fi
	mv "$secret.new" "$secret"
}

# install_file FROM TO; adopt TO (from TO.new): at one stroke, and only if they differ: the workers share what is the same.
install_file() {
	cp "$1" "$2.new"
	adopt "$2"
}
adopt() {
	if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv -f "$1.new" "$1"; fi
}

# install_pages: the documentation, and what a person sees.
install_pages() {
	for pages in docs sign-in; do
		if diff -rq "$here/build/$pages" "$dir/app/$pages" >/dev/null 2>&1; then continue; fi
		rm -rf "$dir/app/$pages.new"
		cp -r "$here/build/$pages" "$dir/app/$pages.new"
		rm -rf "$dir/app/${pages:?}"
		mv "$dir/app/$pages.new" "$dir/app/$pages"
	done
}

# draft_conf: latch.conf.new, from latch.conf or else from the sample, and what was asked for.
draft_conf() {
	if [ -e "$dir/latch.conf" ]; then
		cp "$dir/latch.conf" "$dir/latch.conf.new"
	else
		as "$dir/app/latch-fcgi.new" --sample-config >"$dir/latch.conf.new"
	fi
	# The paths within the instance; corrected when the instance has been moved.
	for pair in key_file=secrets/key db_socket=run/db.sock db_password_file=secrets/db-password \
		db_owner_password_file=secrets/db-owner-password common_passwords=app/common-passwords.txt outbound_program=app/latch-outbound; do
		path=${pair#*=}
		value=$(conf_get "${pair%%=*}" "$dir/latch.conf.new")
		base=${value%"/$path"}
		# Empty may be somebody's wish; but not of this one, which is younger than some instances.
		if [ ! -e "$dir/latch.conf" ] || [ "$pair$value" = outbound_program=app/latch-outbound ] || { [ "$base" != "$value" ] && [ ! -e "$base" ]; }; then
			conf_set "${pair%%=*}" "$dir/$path"
		fi
	done
	case $(conf_get public_url "$dir/latch.conf.new") in
	'' | "http://127.0.0.1:${old_port:-8080}${old_prefix%/}") conf_set public_url "http://127.0.0.1:$port$prefix" ;;
	esac
	printf %s "$settings" | while IFS= read -r setting; do
		conf_set "${setting%%=*}" "${setting#*=}"
	done
	chmod 640 "$dir/latch.conf.new"
	[ -z "$user" ] || chgrp "$user" "$dir/latch.conf.new"
}

check_conf() {
	if said=$(as "$dir/app/latch-fcgi.new" --config "$dir/latch.conf.new" --check-config 2>&1); then return; fi
	said=$(printf '%s\n' "$said" | grep . | tail -n 8 | paste -s -d ';' | sed "s|$dir/latch.conf.new|latch.conf|g; s/;/; /g")
	die "the configuration is refused, and nothing is changed: $said"
}

# conf_get KEY [FILE]: the value that latch.conf gives it, or nothing.
conf_get() {
	sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*//p" "${2:-$dir/latch.conf}" | tail -n 1
}

# conf_set KEY VALUE: in latch.conf.new, in the place of the old value, or below the sample's commented line, or at the end.
conf_set() {
	key=$1 value=$2 awk '
		{ line[NR] = $0 }
		$0 ~ "^[ \t]*" ENVIRON["key"] "[ \t]*=" { at = NR; set = 1 }
		!set && $0 ~ "^#[ \t]*" ENVIRON["key"] "[ \t]*=" { at = NR }
		END {
			new = ENVIRON["key"] " = " ENVIRON["value"]
			for (i = 1; i <= NR; i++)
				if (i != at) print line[i]
				else print set ? new : line[i] "\n" new
			if (!at) print new
		}' "$dir/latch.conf.new" >"$dir/latch.conf.tmp"
	mv -f "$dir/latch.conf.tmp" "$dir/latch.conf.new"
}
