#!/bin/sh
# Run each unit test program; print its closing lines; fail when one fails.
# A program that crashes counts as one failure.
failed=0
for program in "$@"; do
    out=$("$program" 2>&1)
    status=$?
    if [ $status -eq 0 ]; then
        printf '%s: %s\n' "${program##*/}" "$(printf '%s\n' "$out" | grep -a 'PASSED')"
    else
        printf '%s\n' "$out"
        printf '%s: exit status %d\n' "${program##*/}" "$status"
        failed=$((failed + 1))
    fi
done
[ "$failed" -eq 0 ] || { echo "$failed unit test programs failed"; exit 1; }
