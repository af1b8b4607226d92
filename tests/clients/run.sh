#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - real clients through relayd.
#
#	sh tests/clients/run.sh BUILD_DIR [--direct] [NAME...]
#
# The clients of versions.txt are installed once, into the user's cache; each
# list of versions has a folder of its own there.  Needs node 20; Debian's is
# installed when there is none and we are root.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
build=$1
shift

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
	test "$(id -u)" = 0 || {
		echo "run.sh: node 20 and npm are needed" >&2
		exit 1
	}
	apt-get update -q
	apt-get install -q -y --no-install-recommends nodejs npm
fi
node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || {
	echo "run.sh: node 20 or newer is needed, this is $(node --version)" >&2
	exit 1
}

hash=$(sha256sum <"$here/versions.txt" | cut -c1-16)
packages=${XDG_CACHE_HOME:-$HOME/.cache}/relayd-clients/$hash

# Whole or not there: a folder appears under its name when all is in it.
if ! test -e "$packages/complete"; then
	mkdir -p "$(dirname "$packages")"
	part=$(mktemp -d "$packages.XXXXXX")
	trap 'rm -rf "$part"' EXIT
	# No scripts of strangers, but for the one that puts Claude Code's
	# program into its place.
	# shellcheck disable=SC2046
	npm install --prefix "$part" --ignore-scripts --no-audit --no-fund \
		--loglevel=error $(grep -v '^#' "$here/versions.txt")
	(cd "$part/node_modules/@anthropic-ai/claude-code" && node install.cjs)
	touch "$part/complete"
	rm -rf "$packages"
	mv "$part" "$packages"
	trap - EXIT
fi

exec "${PYTHON:-python3}" -B "$here/run.py" --build "$build" \
	--packages "$packages" "$@"
