#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The longest files and functions: numbers to be ashamed of, not a law."""

import glob
import re

FILE_LINES, FUNCTION_LINES, SHOWN = 600, 60, 10

# A definition stands at the left margin with its body: "name(...)\n{ ... }".
FUNCTION = re.compile(r'^(\w+)\((?:[^;{}]*)\)\n\{\n(.*?)^\}', re.M | re.S)


def main():
    files, functions = [], []
    for floor in ('proto', 'store', 'relayd', 'relay-tui', 'tests'):
        for path in glob.glob(floor + '/**/*.c', recursive=True):
            with open(path, encoding='utf-8') as file:
                text = file.read()
            files.append((text.count('\n'), path))
            for m in FUNCTION.finditer(text):
                functions.append((m.group(2).count('\n') + 3,
                                  '%s: %s' % (path, m.group(1))))
    for title, found, most in (('files', files, FILE_LINES),
                               ('functions', functions, FUNCTION_LINES)):
        found.sort(reverse=True)
        over = sum(lines > most for lines, _ in found)
        print('sizes: %d %s, %d over %d lines' % (len(found), title, over,
                                                  most))
        for lines, name in found[:SHOWN]:
            print('%8d  %s' % (lines, name))


if __name__ == '__main__':
    main()
