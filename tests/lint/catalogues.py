#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is said in other languages, and what the sources say.

A translation of a text that no source holds any more fails; so does a text of
relay-tui's own (its frame, keys and screens) that a catalogue does not have.
What relayctl alone says is counted only.

    tests/lint/catalogues.py [--update]     bring in what the sources say anew
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

# Of these every text has to be translated.
OWN = ('relay-tui/app*.c', 'relay-tui/dialog.c', 'relay-tui/form.c',
       'relay-tui/form_view.c', 'relay-tui/limits.c',
       'relay-tui/key.def', 'relay-tui/list.c',
       'relay-tui/view.c', 'relay-tui/link.c', 'relay-tui/calls.c',
       'relay-tui/main.c', 'relay-tui/record_view.c',
       'relay-tui/form_page.c', 'relay-tui/list_view.c',
       'relay-tui/screen/*.c')
ALL = ('relay-tui/*.c', 'relay-tui/*.def', 'relay-tui/*/*.c',
       'proto/*.c', 'proto/*.def', 'relayd/*.c', 'relayd/*.def',
       'relayd/*/*.c')


def files(patterns):
    return sorted(f for p in patterns for f in glob.glob(p))


def template(patterns, to):
    subprocess.run(['xgettext', '--from-code=UTF-8', '-L', 'C', '-k', '-k_',
                    '-kN_', '--no-location', '--omit-header', '-o', to,
                    *files(patterns)], check=True, stderr=subprocess.DEVNULL)


def texts(path):
    """The texts of a catalogue, with what they are translated to."""
    found, text = {}, open(path, encoding='utf-8').read()
    for block in re.split(r'\n\s*\n', text):
        if re.search(r'^#,.*fuzzy', block, re.M) or '#~' in block:
            continue
        parts = re.search(r'^msgid ((?:".*"\s*)+)^msgstr ((?:".*"\s*)+)',
                          block, re.M)
        if parts:
            key, value = (''.join(re.findall(r'"(.*)"', p))
                          for p in parts.groups())
            found[key] = value
    found.pop('', None)
    return found


def main():
    with tempfile.TemporaryDirectory() as folder:
        own, every = (os.path.join(folder, n) for n in ('own', 'every'))
        template(OWN, own)
        template(ALL, every)
        failed = 0
        for path in sorted(glob.glob('po/*.po')):
            if '--update' in sys.argv:
                subprocess.run(['msgmerge', '-q', '--no-fuzzy-matching',
                                '--backup=off', '-U', path, every], check=True)
            told = {k for k, v in texts(path).items() if v}
            said = set(texts(every))
            for text in sorted(told - said):
                print(f'{path}: no source says "{text}"')
            for text in sorted(set(texts(own)) - told):
                print(f'{path}: "{text}" is missing')
            failed += len(told - said) + len(set(texts(own)) - told)
            print(f'{path}: {len(told)} of {len(said)} texts')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
