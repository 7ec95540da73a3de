# deploy/lib/build.sh: builds what deploy/up runs.
# Sourced by deploy/up after instance.sh and packages.sh.
# shellcheck shell=sh disable=SC2154

# build: the compiler works while npm is being installed.
build() {
	exec 8<"$here/Makefile"
	flock 8 # two instances may be made from one checkout at once
	npm_job=''
	if [ -n "$missing_npm" ]; then
		# shellcheck disable=SC2086
		install_packages ${missing:+--no-update} $missing_npm &
		npm_job=$!
	fi
	make -C "$here" -j "$(nproc)" "$programs"
	[ -z "$npm_job" ] || wait $npm_job
	# Its own limits are five minutes a try, and three tries.
	export npm_config_fetch_timeout=60000 npm_config_fetch_retries=1
	if ! make -C "$here" web; then
		make -C "$here" -q node_modules/.package-lock.json ||
			die 'npm cannot fetch what package-lock.json names (Swagger UI, the list of common passwords): is its registry within reach?'
		return 1
	fi
}
