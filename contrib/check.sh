#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh - on a fresh Debian 12: install what is missing, run all the tests.
#
#	sh contrib/check.sh [--no-install]
#
# Every suite runs, whatever became of the one before; what each said is in
# build/check/.  The last line is "N passed, N failed".
set -u

install=yes
case ${1:-} in
'') ;;
--no-install) install=no ;;
*)
	echo "usage: sh contrib/check.sh [--no-install]" >&2
	exit 2
	;;
esac
tree=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
cd "$tree" || exit 1
# shellcheck source=contrib/packages.sh
. contrib/packages.sh
# shellcheck source=contrib/suite.sh
. contrib/suite.sh

# shellcheck disable=SC2086
packages_install "$install" $packages_build $packages_test || {
	echo "0 passed, 1 failed"
	exit 1
}

# Tests look at time zones, languages and umasks of their own choice only.
LC_ALL=C.UTF-8
export LC_ALL
unset RELAYD_SOCKET MAKEFLAGS
umask 022
jobs=-j$(nproc)
san=SAN=address,undefined

suite 'format' make format-check
suite 'build, gcc' make "$jobs" WERROR=1 all
suite 'build, clang' make "$jobs" WERROR=1 CC=clang all
suite 'unit' make "$jobs" WERROR=1 check-unit
suite 'fuzz corpus' make "$jobs" WERROR=1 check-corpus
suite 'practice upstream' python3 -B tests/upstream/selftest.py \
	build/release/bin/practice-upstream
suite 'cases' make WERROR=1 check-cases
suite 'screens' make WERROR=1 check-tui
for part in floors defs catalogues headers sizes man-lint tidy; do
	suite "lint: $part" make WERROR=1 $part
done
suite 'unit, sanitizers' make "$jobs" $san check-unit
suite 'fuzz corpus, sanitizers' make "$jobs" $san check-corpus
suite_sum
