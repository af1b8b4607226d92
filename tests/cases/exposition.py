# SPDX-License-Identifier: MIT
"""exposition.py - the text form of Prometheus, read more strictly than
Prometheus does."""
import math
import re

HELP = re.compile(r"# HELP ([a-z_:][a-z0-9_:]*) (\S.*)")
TYPE = re.compile(r"# TYPE ([a-z_:][a-z0-9_:]*) (counter|gauge|histogram)")
SAMPLE = re.compile(r"([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-z_][a-z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(,|$)')
SUFFIXES = ("_bucket", "_sum", "_count")
# Units that have a base unit to be told in instead.
POOR_UNITS = re.compile(
    r"_(milliseconds|ms|us|micros?|minutes|hours|kb|kib|mb|mib|percent|cents)"
    r"(_total)?$")


class Wrong(AssertionError):
    """This is no exposition, or a poor one."""


class Family:
    def __init__(self, name, text):
        self.name, self.help = name, text
        self.type = None
        self.samples = {}  # (name, labels) -> value

    def series(self):
        """Histograms: buckets, sum and count by the labels they share."""
        found = {}
        for (name, labels), value in self.samples.items():
            shared = tuple(l for l in labels if l[0] != "le")
            part = found.setdefault(shared, {"buckets": []})
            if name.endswith("_bucket"):
                part["buckets"].append((dict(labels).get("le"), value))
            else:
                part[name[len(self.name) + 1:]] = value
        return found


def unescape(text):
    return re.sub(r'\\(["\\n])',
                  lambda m: "\n" if m[1] == "n" else m[1], text)


def read_labels(text, line):
    labels, at = [], 0
    while text and at < len(text):
        m = LABEL.match(text, at)
        if not m or (m[3] == "," and m.end() == len(text)):
            raise Wrong("labels: " + line)
        labels.append((m[1], unescape(m[2])))
        at = m.end()
    if text == "" or len({name for name, _ in labels}) != len(labels):
        raise Wrong("empty braces, or a label twice: " + line)
    return tuple(sorted(labels))


def take_sample(family, line):
    m = SAMPLE.fullmatch(line)
    if not m:
        raise Wrong("no sample: " + line)
    name = m[1]
    of = [name[:-len(s)] for s in SUFFIXES if name.endswith(s)]
    own = name == family.name if family.type != "histogram" else \
        family.name in of
    if not own:
        raise Wrong("a sample outside of its family: " + line)
    key = name, read_labels(m[2], line) if m[2] is not None else ()
    if key in family.samples:
        raise Wrong("the same series twice: " + line)
    value = float(m[3])
    if math.isnan(value) or (family.type != "gauge" and value < 0):
        raise Wrong("no value of a " + family.type + ": " + line)
    family.samples[key] = value


def parse(text):
    """Families by name; Wrong."""
    families, family = {}, None
    if not text.endswith("\n"):
        raise Wrong("the last line does not end")
    for line in text[:-1].split("\n"):
        if re.search(r"[^\x20-\x7e]", line):
            raise Wrong("not plain: %r" % line)
        if m := HELP.fullmatch(line):
            if m[1] in families or (family and not family.type):
                raise Wrong("a family twice, or without a type: " + line)
            family = families[m[1]] = Family(m[1], m[2])
        elif m := TYPE.fullmatch(line):
            if not family or family.name != m[1] or family.type:
                raise Wrong("a type without its help: " + line)
            family.type = m[2]
        elif not family or not family.type:
            raise Wrong("before any family: " + line)
        else:
            take_sample(family, line)
    if family and not family.type:
        raise Wrong("the last family has no type")
    return families


def lint_histogram(family):
    for shared, s in family.series().items():
        where = f"{family.name}{dict(shared)}: "
        if "sum" not in s or "count" not in s:
            raise Wrong(where + "no sum or no count")
        if not s["buckets"] or s["buckets"][-1][0] != "+Inf":
            raise Wrong(where + "the last bucket is not +Inf")
        bounds = [float(le) for le, _ in s["buckets"]]
        counts = [n for _, n in s["buckets"]]
        if bounds != sorted(set(bounds)) or counts != sorted(counts):
            raise Wrong(where + "buckets do not grow")
        if counts[-1] != s["count"]:
            raise Wrong(where + "+Inf is not the count")
        if (s["count"] == 0) != (s["sum"] == 0) and s["count"] == 0:
            raise Wrong(where + "a sum of nothing")
        # Each of them took more than the bound below its bucket.
        least = sum((n - m) * b for b, n, m in zip(
            [0] + bounds, counts, [0] + counts))
        if s["sum"] < least * 0.999999:
            raise Wrong(where + "the sum is less than the buckets say")


def lint(text):
    """The families, when all of it is as it should be; Wrong."""
    families = parse(text)
    for name, f in families.items():
        if f.type == "counter" and not name.endswith("_total"):
            raise Wrong("a counter without _total: " + name)
        if f.type != "counter" and name.endswith("_total"):
            raise Wrong("a _total that is no counter: " + name)
        if f.type != "histogram" and name.endswith(SUFFIXES):
            raise Wrong("a histogram's suffix: " + name)
        if POOR_UNITS.search(name):
            raise Wrong("not in base units: " + name)
        if not f.help.endswith(".") or name in f.help:
            raise Wrong("help: " + f.help)
        names = {tuple(l for l, _ in labels if l != "le")
                 for _, labels in f.samples}
        if len(names) > 1:
            raise Wrong("series with different labels: " + name)
        if f.type == "histogram":
            lint_histogram(f)
    return families
