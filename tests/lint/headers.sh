#!/bin/sh
# SPDX-License-Identifier: MIT
# headers.sh 'COMPILER FLAGS' HEADER...
# Every header stands alone: it compiles as the only thing in a file, twice over.
compile=$1
shift
failed=0
for header in "$@"; do
    printf '#include "%s"\n#include "%s"\nextern int stands_alone;\n' \
        "$header" "$header" |
        $compile -Werror -fsyntax-only -x c - || {
        echo "$header: does not stand alone"
        failed=$((failed + 1))
    }
done
[ "$failed" -eq 0 ] || { echo "$failed headers failed"; exit 1; }
echo "headers: $# stand alone"
