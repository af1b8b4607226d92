#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may include whom.

Folders are floors: an include points to the own floor or to one below it.
Inside relayd/ the nouns stand on storeys, again pointing down only.  A folder
inside a floor is a family behind one vtable: its members never include each
other, and nobody outside includes a member.  No header includes itself by a
detour.  Includes are written in full: "proto/buf.h".
"""

import os
import re
import sys

# A floor and what it may include.
FLOORS = {
    'proto': {'proto'},
    'store': {'proto', 'store'},
    'relayd': {'proto', 'store', 'relayd'},
    'relay-tui': {'proto', 'relay-tui'},
    'tests': {'proto', 'store', 'relayd', 'relay-tui', 'tests'},
}

# The storeys of relayd/, lowest first.  A new noun is added here; a file
# "noun_more.c" stands with its noun.
STOREYS = [
    'daemon log conf source field inert mask sample place unit decimal price rates setting counters op vitals '
    'zone period cycle',
    'loop sandbox sdnotify',
    'listen conn curl upstream dial dialer wire way dns egress fetch mail',
    'audit family gate window oauth clientsecret grant verdict cooldown rule codex assist bedrock reshape rename modelrule plan sigv4 provider proxy headrule account apikey group binding strategy record voucher user repeat quiet notice notices messenger channel delivery limit budget spent habit platform policy client trace queue prices sticky keyring salt keycopy keybatch trash pool',
    'renew sched sieve retry route headers outbound probe openai_target',
    'relay waiting why why_step admit attempt capture shape answer reserve receipt outcome rollup dimension keeping entry ledger models '
    'charge tally histogram figures holder session',
    'control follow topic drain peer ctl signin question notify lookout due expose metric metrics scrape doctor',
    'main',
]

# Families, and on which storey of relayd/ they stand.
FAMILIES = {
    'proto/dialect': None,
    'relayd/provider': 5,
    'relayd/messenger': 5,
    'relayd/ctl': 7,
    'relay-tui/noun': None,
    'relay-tui/screen': None,
}
# What the members of a family share among themselves.
SHELF = 'common.h'

STOREY_OF = {noun: number for number, nouns in enumerate(STOREYS, 1)
             for noun in nouns.split()}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)

failures = []


def fail(path, text):
    failures.append('%s: %s' % (path, text))


def sources():
    for floor in FLOORS:
        for folder, _, names in sorted(os.walk(floor)):
            for name in sorted(names):
                if name.endswith(('.c', '.h', '.def')):
                    yield os.path.join(folder, name)


def family(path):
    folder = os.path.dirname(path)
    return folder if folder in FAMILIES else None


def storey(path):
    """The storey of a file in relayd/, or None when its noun is unknown."""
    noun = os.path.splitext(os.path.basename(path))[0]
    if family(path):
        return FAMILIES[family(path)]
    while noun not in STOREY_OF and '_' in noun:
        noun = noun.rsplit('_', 1)[0]
    return STOREY_OF.get(noun)


def check_arrow(path, to):
    floor, below = path.split('/')[0], to.split('/')[0]
    if '/' not in to:
        fail(path, 'include "%s" is not written in full' % to)
        return
    if below not in FLOORS[floor]:
        fail(path, '%s/ may not include %s/ ("%s")' % (floor, below, to))
        return
    if not os.path.exists(to):
        fail(path, 'include "%s" does not exist' % to)
        return
    mine, other = family(path), family(to)
    stem = os.path.splitext(os.path.basename(path))[0]
    if other and mine == other:
        if os.path.basename(to) not in (SHELF, stem + '.h', stem + '.def'):
            fail(path, 'siblings never meet ("%s"); what they share is %s/%s'
                 % (to, mine, SHELF))
    elif other and floor != 'tests':
        fail(path, 'a family is reached through its vtable only ("%s")' % to)
    if floor == below == 'relayd':
        here, there = storey(path), storey(to)
        if here and there and there > here:
            fail(path, 'storey %d may not include storey %d ("%s")'
                 % (here, there, to))


def check_cycles(arrows):
    done = set()

    def walk(path, trail):
        if path in trail:
            loop = trail[trail.index(path):] + [path]
            fail(path, 'headers in a circle: ' + ' -> '.join(loop))
            return
        if path in done:
            return
        for to in arrows.get(path, []):
            walk(to, trail + [path])
        done.add(path)

    for path in sorted(arrows):
        walk(path, [])


def main():
    headers = {}
    count = 0
    for path in sources():
        with open(path, encoding='utf-8') as file:
            arrows = INCLUDE.findall(file.read())
        count += len(arrows)
        if path.startswith('relayd/') and storey(path) is None:
            fail(path, 'on no storey: add its noun to STOREYS in '
                 'tests/lint/floors.py')
        if os.path.dirname(path) not in FLOORS and not family(path) \
                and not path.startswith('tests/') and path.endswith('.c'):
            fail(path, 'in no family: add its folder to FAMILIES in '
                 'tests/lint/floors.py')
        for to in arrows:
            check_arrow(path, to)
        if path.endswith('.h'):
            headers[path] = [to for to in arrows if to.endswith('.h')]
    check_cycles(headers)
    for text in failures:
        print(text)
    if not failures:
        print('floors: %d includes point down' % count)
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
