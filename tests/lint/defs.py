#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tables against what must agree with them.

* every row has as many columns as the rows before it, and a name of its own;
* a table is included somewhere;
* what a row promises to exist (a provider, a control call) is defined;
* options, settings, commands and metrics stand in their manual page with their
  default, and the page has none that the tables lack; so does the sample;
* each kind of account has its section, with an example;
* the moves of a request agree with states and events, and with their page.

A page that is not written yet is skipped with a note, and so is an option
that nobody reads yet."""

import glob
import os
import re
import sys

# table: (definition a row promises, where), {} is the row's first column.
PROMISES = {
    'proto/dialect.def':
        (r'^const struct dialect dialect_{}\b', 'proto/dialect/{}.c'),
    'relayd/provider.def':
        (r'^const struct provider provider_{}\b', 'relayd/provider/{}.c'),
    'relayd/messenger.def':
        (r'^const struct messenger messenger_{}\b', 'relayd/messenger/{}.c'),
    'proto/ctl.def': (r'^ctl_{}\(', 'relayd/ctl/*.c'),
}
# Tables whose first column is not a name that may stand only once.
REPEATING = {'plan.def', 'route.def', 'verdict.def', 'headers.def'}

failures = []
notes = []


def fail(where, text):
    failures.append('%s: %s' % (where, text))


def read(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def without_comments(text):
    """Comments blanked out, but not inside strings."""
    pattern = re.compile(r'"(?:\\.|[^"\\])*"|/\*.*?\*/', re.S)
    return pattern.sub(
        lambda m: m.group(0) if m.group(0)[0] == '"' else ' ', text)


def columns(text):
    """Split what stands between a row's parentheses at its own commas."""
    out, depth, at = [], 0, 0
    for m in re.finditer(r'"(?:\\.|[^"\\])*"|[(),{}]', text):
        if m.group(0) in '({':
            depth += 1
        elif m.group(0) in ')}':
            depth -= 1
        elif m.group(0) == ',' and depth == 0:
            out.append(text[at:m.start()].strip())
            at = m.end()
    out.append(text[at:].strip())
    return out


def rows(path, macro='X'):
    text = without_comments(read(path))
    out = []
    for m in re.finditer(r'^%s\(' % macro, text, re.M):
        depth, end = 1, m.end()
        for t in re.finditer(r'"(?:\\.|[^"\\])*"|[()]', text[m.end():]):
            if t.group(0) == '(':
                depth += 1
            elif t.group(0) == ')':
                depth -= 1
            end = m.end() + t.start()
            if depth == 0:
                break
        if depth:
            fail(path, 'a row is not closed: %s' % text[m.start():][:40])
        out.append(columns(text[m.end():end]))
    return out


def tables():
    return sorted(path for floor in ('proto', 'store', 'relayd', 'relay-tui')
                  for path in glob.glob(floor + '/**/*.def', recursive=True))


def sources():
    return [path for floor in ('proto', 'store', 'relayd', 'relay-tui')
            for path in glob.glob(floor + '/**/*.[ch]', recursive=True)]


def name_column(path):
    """In typed tables the name comes second."""
    text = read(path)
    m = re.search(r'X\((\w+)', text)
    return 1 if m and m.group(1) in ('type', 'kind') else 0


def check_rows(path):
    found = rows(path)
    if not found and not re.search(r'^\w+\(', read(path), re.M):
        fail(path, 'a table without rows')
    lengths = {len(row) for row in found}
    if len(lengths) > 1:
        fail(path, 'rows of %s columns' % sorted(lengths))
    if os.path.basename(path) in REPEATING:
        return
    at, seen = name_column(path), set()
    for row in found:
        if len(row) <= at:
            continue
        if row[at] in seen:
            fail(path, '%s stands twice' % row[at])
        seen.add(row[at])


def check_promises(path):
    if path not in PROMISES:
        return
    pattern, where = PROMISES[path]
    for row in rows(path):
        files = glob.glob(where.format(row[0]))
        if not files:
            notes.append('%s: nothing at %s yet for %s'
                         % (path, where.format(row[0]), row[0]))
            continue
        want = re.compile(pattern.format(row[0]), re.M)
        if not any(want.search(read(file)) for file in files):
            fail(path, '%s is not defined in %s'
                 % (row[0], where.format(row[0])))


def plain(text):
    """mdoc text as it is read: without macros, escapes and quotes."""
    text = re.sub(r'\\&|\\-', lambda m: m.group(0)[1:].strip('&'), text)
    return text.replace('"', '')


def items(page, section):
    """The `.It Ic name` items of a section: name -> text."""
    out, text = {}, read(page)
    m = re.search(r'^\.Sh %s\n(.*?)(?=^\.Sh |\Z)' % section, text, re.M | re.S)
    if not m:
        fail(page, 'has no section %s' % section)
        return out
    for part in re.split(r'^\.It Ic ', m.group(1), flags=re.M)[1:]:
        head, _, body = part.partition('\n')
        out[head.split()[0]] = plain(part)
    return out


def check_page(path, page, section, preset_at):
    if not os.path.exists(page):
        notes.append('%s: %s is not written yet' % (path, page))
        return
    documented = items(page, section)
    known = {row[1]: row for row in rows(path)}
    for name, row in known.items():
        preset = row[preset_at].strip('"')
        if name not in documented:
            fail(page, '%s of %s is missing' % (name, path))
        elif preset and preset not in documented[name]:
            fail(page, '%s: its default %s is not told' % (name, preset))
    for name in documented:
        if name not in known:
            fail(page, '%s is not in %s' % (name, path))


def check_sample(path, sample):
    """The sample has every option, commented out, with its default."""
    if not os.path.exists(sample):
        notes.append('%s: %s is not written yet' % (path, sample))
        return
    shown = dict(re.findall(r'^#(\w+) =[ ]?(.*)$', read(sample), re.M))
    for row in rows(path):
        name, preset = row[1], row[2].strip('"')
        if name not in shown:
            fail(sample, '%s of %s is missing' % (name, path))
        elif preset and shown[name] != preset:
            fail(sample, '%s: the default is %s' % (name, preset))
    for name in shown:
        if name not in {row[1] for row in rows(path)}:
            fail(sample, '%s is not in %s' % (name, path))


def check_commands(path, page):
    if not os.path.exists(path):
        return
    if not os.path.exists(page):
        notes.append('%s: %s is not written yet' % (path, page))
        return
    text = re.sub(r'\bFl -', '--', read(page))
    text = plain(re.sub(r'^\.\w+ |\b(Cm|Ar|Op|Ic|Fl) ', '', text, flags=re.M))
    text = re.sub(r'\s+', ' ', text)
    for row in rows(path):
        words = [w.split('|')[0] for w in row[1].strip('"').split()
                 if w.split('|')[0].islower()]
        if words and ' '.join(words) not in text:
            fail(page, 'relayctl %s of %s is missing' % (' '.join(words), path))


def parameters(row):
    """Names of a method's parameters, as on the wire."""
    groups = {'+write': 'if_rev dry_run', '+page': 'limit cursor'}
    words = [w.strip('[].').lower() for w in row[1].strip('"').split()
             if w.strip('[].').isupper()]
    for word in row[3].strip('"').split():
        words += groups.get(word, word.split('=')[0]).split()
    return words


def check_methods(path, page):
    """Each method with its role and parameters, and no others."""
    if not os.path.exists(page):
        notes.append('%s: %s is not written yet' % (path, page))
        return
    told = {}
    for m in re.finditer(r'^\.It Ic (\S+) No \((\w+)\)(?: Li (.*))?$',
                         read(page), re.M):
        told[m.group(1)] = (m.group(2), re.findall(r'\w+', m.group(3) or ''))
    known = {row[0].replace('_', '.'): row for row in rows(path)}
    for name, row in known.items():
        want = (row[2].lower(), sorted(parameters(row)))
        if name not in told:
            fail(page, '%s of %s is missing' % (name, path))
        elif (told[name][0], sorted(told[name][1])) != want:
            fail(page, '%s is told otherwise than in %s' % (name, path))
    for name in told:
        if name not in known:
            fail(page, '%s is not in %s' % (name, path))


def metrics():
    """What is exposed, and as what."""
    told = {row[2].strip('"'): row[1].lower()
            for row in rows('relayd/metric.def')}
    told.update({row[2].strip('"'):
                 {'TOTAL': 'counter', 'NOW': 'gauge'}[row[1]]
                 for row in rows('relayd/counters.def')})
    told.update({row[1].strip('"'): 'histogram'
                 for row in rows('relayd/histogram.def')})
    return {name: kind for name, kind in told.items() if name}


def check_metrics(page):
    told = dict(re.findall(r'^\.It Li (\S+) No \((\w+)\)', read(page), re.M))
    known = metrics()
    for name in sorted(set(told) | set(known)):
        if told.get(name) != known.get(name):
            fail(page, '%s: the tables say %s, the page %s' % (
                name, known.get(name), told.get(name)))


def check_moves(path, events, states, page):
    """The table of moves has a column per event and a row per state, in their
    order, and stands in the page as it is."""
    text = read(path)
    head = re.search(r'^ \*(\t+[A-Z][A-Z\t]+) \*/$', text, re.M)
    if not head:
        fail(path, 'the line that names the columns is missing')
        return
    if head.group(1).split() != [row[0] for row in rows(events)]:
        fail(path, 'the columns are not those of %s' % events)
    if [row[0] for row in rows(path)] != [row[0] for row in rows(states)]:
        fail(path, 'the rows are not those of %s' % states)
    if not os.path.exists(page):
        notes.append('%s: %s is not written yet' % (path, page))
        return
    table = '\n'.join(['.Bd -literal', head.group(1)] +
                      re.findall(r'^X\(.*$', text, re.M) + ['.Ed', ''])
    if table not in read(page):
        fail(page, 'the table of moves is not that of %s' % path)


def check_readers(path, member):
    """An option that nobody reads does nothing."""
    own = os.path.splitext(path)[0]
    text = ''.join(read(file) for file in sources()
                   if not file.startswith((own + '.', own + '_')))
    for row in rows(path):
        names = [m.format(row[1]) for m in member[row[0]]]
        if not any(re.search(r'(->|\.)%s\b' % n, text) for n in names):
            notes.append('%s: nobody reads %s yet' % (path, row[1]))


def check_included():
    text = ''.join(read(file) for file in sources())
    for path in tables():
        if '"%s"' % path not in text:
            notes.append('%s: nobody includes it yet' % path)


def check_kinds(path, page):
    """Each kind of account has a section of its own, in which it is added or
    signed in to and a key for a client is made."""
    parts = re.split(r'^\.Ss ', read(page), flags=re.M)
    told = {part.partition('\n')[0]: part for part in parts[1:]}
    for row in rows(path):
        name = row[0].replace('_', '-')
        text = told.get(name, '')
        if not text:
            fail(page, 'a section on the kind %s is missing' % name)
        elif not (re.search(r'^\$ relayctl account (add|login|import) %s '
                            % name, text, re.M) and '--env' in text):
            fail(page, '%s: there is no example, from account to client'
                 % name)


def main():
    for path in tables():
        check_rows(path)
        check_promises(path)
    check_included()
    check_page('relayd/conf.def', 'man/relayd.conf.5', 'OPTIONS', 2)
    check_page('relayd/setting.def', 'man/relayd.conf.5', 'SETTINGS', 2)
    check_moves('relayd/relay_moves.def', 'relayd/relay_events.def',
                'relayd/relay_states.def', 'man/relayd-internals.7')
    check_sample('relayd/conf.def', 'contrib/relayd.conf')
    check_commands('proto/ctl.def', 'man/relayctl.8')
    check_methods('proto/ctl.def', 'man/relayd-control.7')
    check_metrics('man/relayd-metrics.7')
    check_kinds('relayd/provider.def', 'man/relayd-accounts.7')
    check_readers('relayd/conf.def', {
        row[0]: ['{}'] for row in rows('relayd/conf.def')})
    check_readers('relayd/setting.def', {
        'TIME': ['{}_ms'], 'BYTES': ['{}_bytes'], 'COUNT': ['{}'],
        'RATE': ['{}_ppm'], 'MONEY': ['{}_micro'], 'CHOICE': ['{}'], 'TEXT': ['{}']})
    if '--quiet' not in sys.argv:
        for text in notes:
            print('note: ' + text)
    for text in failures:
        print(text)
    if not failures:
        print('defs: %d tables agree' % len(tables()))
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
