#!/bin/sh
# replay.sh BUILD_DIR - run every fuzz target over its saved corpus, print one
# line for each, and fail when one of them fails or has no corpus.
build=$1
corpus=$(dirname "$0")/corpus
failed=0
for program in "$build"/replay/fuzz_*; do
    case $program in *.o | *.d | *'*') continue ;; esac
    target=${program##*/fuzz_}
    set -- "$corpus/$target"/*
    if [ ! -e "$1" ]; then
        echo "fuzz_$target: no corpus in $corpus/$target"
        failed=$((failed + 1))
    elif out=$("$program" "$@" 2>&1); then
        echo "fuzz_$target: $# inputs"
    else
        printf '%s\n' "$out" | tail -n 30
        echo "fuzz_$target: failed"
        failed=$((failed + 1))
    fi
done
[ "$failed" -eq 0 ] || { echo "$failed fuzz targets failed"; exit 1; }
