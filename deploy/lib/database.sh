# deploy/lib/database.sh: the private MariaDB of an instance, its two users, and the first account in it.
# Sourced by deploy/up after instance.sh, directory.sh, steps.sh and config.sh.
# shellcheck shell=sh disable=SC2154,SC2034

start_database() {
	if [ "$(conf_get db_socket)" != "$dir/run/db.sock" ]; then
		echo 'note: not ours, latch.conf names another'
		return
	fi
	name=$(conf_get db_name) service=$(conf_get db_user) owner=$(conf_get db_owner_user)
	name=${name:-latch} service=${service:-latch} owner=${owner:-latch_owner}
	case $(id -un) in
	"$service" | "$owner")
		die "your user name $(id -un) is the name of one of latch's database users; add --set db_user=latch_service --set db_owner_user=latch_schema" ;;
	esac
	made='ran already'
	if ! alive db; then
		made=started
		# Of its own: a server that starts removes what others have in a directory that they share.
		if [ ! -d "$dir/run/db-tmp" ]; then
			mkdir -m 700 "$dir/run/db-tmp"
			[ -z "$user" ] || chown "$user:$user" "$dir/run/db-tmp"
		fi
		if [ ! -d "$dir/db" ]; then
			made='created and started'
			create_database
		fi
		launch_database
	fi
	grant_rights
	echo "note: $made"
}

create_database() {
	# An empty one takes 150 MB.
	[ "$(free_kib "$dir")" -ge 307200 ] ||
		die "the disk that holds $dir has $(($(free_kib "$dir") / 1024)) MB free, and a new database needs 300"
	rm -rf "$dir/db.new"
	mkdir -m 700 "$dir/db.new"
	[ -z "$user" ] || chown "$user:$user" "$dir/db.new"
	as env TMPDIR="$dir/run/db-tmp" mariadb-install-db --no-defaults --datadir="$dir/db.new" --skip-test-db --skip-name-resolve --force \
		--auth-root-authentication-method=socket --auth-root-socket-user="$(id -un)"
	: >"$dir/first-run"
	mv "$dir/db.new" "$dir/db"
}

launch_database() {
	# 500 connections: one for each worker, twice while pools are exchanged, and some for people.
	launch db db.log mariadbd --no-defaults --datadir="$dir/db" --socket="$dir/run/db.sock" \
		--pid-file="$dir/run/mariadbd.pid" --tmpdir="$dir/run/db-tmp" --skip-networking --character-set-server=utf8mb4 \
		--innodb-buffer-pool-size=128M --innodb-flush-log-at-trx-commit=1 --max-connections=500
	now
	db_until=$((now + 12000)) # a recovery after a power cut takes its time
	until answer=$(echo 'DO 0;' | sql 2>&1); do
		now
		if ! alive db || [ "$now" -ge $db_until ]; then
			tail -n 12 "$dir/log/db.log"
			die "the database does not start: $answer; its log is $dir/log/db.log"
		fi
		case $answer in *'Access denied'*) die "the database refuses its owner: $answer" ;; esac
		sleep 0.1
	done
}

# sql: as the private database's administrator, which is whoever made the instance, known by the socket; SQL comes from
# stdin. (MariaDB gives that account the name of the system's user. Under root, the service user is not it.)
sql() {
	timeout 20 mariadb --no-defaults --batch --socket="$dir/run/db.sock" --user="$(id -un)" && return
	[ $? != 124 ] || die "the database hangs; end it with kill -KILL $(cat "$dir/run/db.pid"), and run this again"
	return 1
}

# grant_rights: the passwords travel by pipe: no argument, environment or log ever holds them.
grant_rights() {
	service_password=$(cat "$dir/secrets/db-password") owner_password=$(cat "$dir/secrets/db-owner-password")
	# They become SQL that the administrator's client runs, and that client has commands of its own.
	case $service_password,$owner_password in
	,* | *, | *[!0-9a-f,]*) die "the files in $dir/secrets must hold hexadecimal digits only: move the damaged one away" ;;
	esac
	sql <<EOF
CREATE DATABASE IF NOT EXISTS \`$name\` CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS '$service'@'localhost', '$owner'@'localhost';
ALTER USER '$service'@'localhost' IDENTIFIED BY '$service_password', '$owner'@'localhost' IDENTIFIED BY '$owner_password';
GRANT SELECT, INSERT, UPDATE, DELETE ON \`$name\`.* TO '$service'@'localhost';
GRANT ALL ON \`$name\`.* TO '$owner'@'localhost';
EOF
}

ctl() {
	as "$dir/app/latchctl" --config "$dir/latch.conf" "$@"
}

# first_account: made once; its password ($password) goes to the terminal and nowhere else.
first_account() {
	password=''
	begin 'first account'
	if [ ! -e "$dir/first-run" ]; then
		end 'there already'
		return
	fi
	# A run that was interrupted right here has made the account already.
	if out=$(ctl user add "$email" --generate-password 2>>"$log") ||
		out=$(ctl user set-password "$email" --generate-password 2>>"$log"); then
		password=$(printf '%s\n' "$out" | sed -n 's/^password: //p')
	fi
	[ -n "$password" ] || step_failed
	ctl role grant "$email" admin >>"$log" 2>&1 || step_failed
	end "$email, with the role admin"
}
