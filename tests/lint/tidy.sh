#!/bin/sh
# SPDX-License-Identifier: MIT
# tidy.sh BUILD 'FLAGS' FILE...
# clang-tidy over the files that changed since they were last found clean, two
# at a time.  A file's hash covers what it includes (as the preprocessor sees
# it), the flags and the checks; the hashes of clean files are kept in
# build/tidy/.  Without clang-tidy it says so and is content.
build=$1
flags=$2
shift 2
command -v clang-tidy >/dev/null || { echo 'tidy: no clang-tidy here'; exit 0; }
cache=$(dirname "$build")/tidy
mkdir -p "$cache"
export cache flags

check='
file=$1
mark=$cache/$(printf %s "$file" | tr / _)
hash=$({ clang $flags -D__clang_analyzer__ -E -P "$file" 2>/dev/null; grep -n NOLINT "$file"
    cat .clang-tidy; echo "$flags"; } | sha256sum)
[ "$(cat "$mark" 2>/dev/null)" = "$hash" ] && exit 0
if out=$(clang-tidy --quiet "$file" -- $flags 2>/dev/null); then
    printf "%s\n" "$hash" >"$mark"
    printf "  TIDY  %s\n" "$file"
else
    printf "%s\n" "$out"
    exit 1
fi'

# xargs ends with 123 when one of them failed.
printf '%s\n' "$@" | xargs -P 2 -n 1 sh -c "$check" tidy ||
    { echo 'tidy: findings above'; exit 1; }
echo "tidy: $# files are clean"
