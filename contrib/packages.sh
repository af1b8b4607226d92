# SPDX-License-Identifier: MIT
# packages.sh - what Debian 12 packages relayd needs, and how they get there.
# Sourced by quickstart.sh and check.sh; this is the only list.
# shellcheck shell=sh disable=SC2034

# To build and to run it.
packages_build='build-essential pkg-config libevent-dev libcurl4-openssl-dev
	libc-ares-dev liblmdb-dev libcjson-dev libsodium-dev libzstd-dev
	zlib1g-dev libinih-dev libqrencode-dev libncurses-dev
	gettext ca-certificates'

# To see an answer arrive.
packages_demo='curl'

# To test it: the second compiler with its sanitizers, the linters, and what
# the tests link with or run.
packages_test='clang clang-format clang-tidy libclang-rt-14-dev libcmocka-dev
	libssl-dev mandoc python3 curl zstd tmux zsh fish'

# packages_missing NAME... - those that are not installed.
packages_missing()
{
	for package_ in "$@"; do
		case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package_" \
			2>/dev/null) in
		ii*) ;;
		*) printf '%s ' "$package_" ;;
		esac
	done
}

# packages_install MAY NAME... - install what is missing.  Where that cannot
# be done (MAY is no, or we are nobody), says the command that would do it.
# Without dpkg nothing is known, and the build will tell.
packages_install()
{
	may_=$1
	shift
	command -v dpkg-query >/dev/null || return 0
	missing_=$(packages_missing "$@")
	[ -n "$missing_" ] || return 0
	as_root_=
	if [ "$(id -u)" != 0 ]; then
		as_root_='sudo '
		# Without a terminal there is nobody to ask for a password.
		if ! command -v sudo >/dev/null ||
			{ ! [ -t 0 ] && ! sudo -n true 2>/dev/null; }; then
			may_=no
		fi
	fi
	if [ "$may_" = no ]; then
		echo "packages are missing; as root, run:" \
			"apt-get install -y $missing_" >&2
		return 1
	fi
	echo "installing $missing_"
	# A list that cannot be renewed may still do.
	${as_root_}apt-get -q update || true
	# shellcheck disable=SC2086
	${as_root_}env DEBIAN_FRONTEND=noninteractive \
		apt-get -q install -y --no-install-recommends $missing_ || {
		echo "apt-get could not install $missing_" >&2
		return 1
	}
}
