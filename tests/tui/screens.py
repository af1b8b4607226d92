# SPDX-License-Identifier: MIT
"""screens.py - keystrokes in, screens out: relay-tui played by a script, against
a daemon of the test's own (house.py)."""
import os
import subprocess

from house import program

SIZES = ((80, 24), (200, 50))


def environment(locale="C.UTF-8", **more):
    return {"PATH": os.environ["PATH"], "LC_ALL": locale, "TERM": "xterm",
            **{k: v for k, v in os.environ.items() if "SAN" in k}, **more}


def run(socket, *options, script=None, locale="C.UTF-8", status=0):
    """What relay-tui prints."""
    words = [program("relay-tui"), "--socket", socket, *options]
    if script is not None:
        words += ["-s", "-"]
    ran = subprocess.run(words, input=(script or "").encode(),
                         capture_output=True, timeout=60,
                         env=environment(locale))
    if ran.returncode != status:
        raise AssertionError(f"relay-tui ended with {ran.returncode}:\n" +
                             (ran.stderr + ran.stdout).decode("utf-8",
                                                              "replace"))
    return (ran.stdout if status == 0 else ran.stderr).decode()


def play(socket, *lines, size=(80, 24), options=(), locale="C.UTF-8"):
    """Play lines of a script; the text of its last `dump`, as rows."""
    text = run(socket, *options, locale=locale,
               script="\n".join([f"size {size[0]} {size[1]}", *lines, ""]))
    return text.split("\n")[-size[1] - 1:-1]


def width(text):
    """Columns of a terminal, of the characters that tests use."""
    import unicodedata
    return sum(0 if unicodedata.combining(c) else
               2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)
