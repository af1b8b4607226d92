# SPDX-License-Identifier: MIT
"""case_long.py - more of the same: larger crowds, more bodies, more deaths."""
import os
import subprocess
import unittest

import case_bytes
import case_fault
import case_leave
import case_life
import case_oracle
import case_queue
import case_slow
import house
from house import Case
from speech import ALL, ANTHROPIC, ask


class Bodies(case_bytes.Bodies):
    count = 10000
    large = 30 << 20


class Crowd(case_leave.Crowd):
    count = 10000


class Killed(case_life.Killed):
    kills = 100


class Oracle(case_oracle.Oracle):
    count = 100000
    clients = 100
    kills = 40
    tells = True


class Powered(case_life.Powered):
    kills = 50


class Readers(case_slow.Readers):
    count = 100


class Stale(Case):
    """Read the request, then close: never executed more than once more."""

    def test_nothing_is_executed_twice_unasked(self):
        tries = 2500
        for dialect in ALL:
            with self.subTest(dialect):
                self.fresh()
                letter = dialect.letter
                with self.relay.connect() as s:
                    for i in range(tries):
                        a = ask(self.relay, dialect, sock=s, keys=(
                            f"fin=head;once=s{i};id=s{letter}{i}"
                            if i % 2 else f"id=s{letter}{i}"))
                        self.assertEqual((a.status, a.broken), (200, None))
                        if i % 500 == 499:
                            ids = self.up.stats()["ids"]
                            self.assertLessEqual(
                                max(v["total"] for v in ids.values()), 2)
                            self.fresh()


class Steady(Case):
    """Mixed load does not grow what it lives in."""
    rounds = 40

    def one_round(self):
        for dialect in ALL:
            for keys in ("", "", "", "status=400", "cut=700;events=9"):
                with self.relay.connect() as s:
                    for _ in range(25):
                        a = ask(self.relay, dialect, sock=s, keys=keys)
                        if a.broken or a.header("connection") == "close":
                            break
        for a in self.relay.call("account.list"):
            self.relay.call("account.reset", name=a["name"])

    def test_memory_and_descriptors_stay(self):
        sizes = []
        for _ in range(self.rounds):
            self.one_round()
            self.relay.at_rest()
            sizes.append(self.relay.rss_kb())
        middle = sizes[self.rounds // 4]
        self.assertLess(sizes[-1] - middle, 4096, sizes)
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)


class Faults(case_fault.After):
    """Streams that break at every hundredth of their way."""

    def test_a_broken_stream_is_never_a_success(self):
        for dialect in ALL:
            whole = ask(self.relay, dialect, keys=case_fault.CONTENT)
            for percent in range(50, 95):
                at = len(whole.body) * percent // 100
                for keys in ("cut=%d", "rst=%d", "badchunk=%d"):
                    with self.subTest(keys % at, dialect=dialect):
                        self.fresh()
                        a = ask(self.relay, dialect,
                                keys=case_fault.CONTENT + keys % at)
                        if dialect.terminal in a.body:
                            continue
                        if dialect.name == "gemini":
                            self.assertIsNone(a.broken)
                        else:
                            self.assertIsNotNone(a.broken)
                            self.assertTrue(dialect.stream_error(a.body))


class Presses(unittest.TestCase):
    """What test_app does at random, ten times as often."""

    def test_a_hundred_seeds(self):
        program = os.path.join(house.BUILD, "unit", "test_app")
        ran = subprocess.run([program], capture_output=True, text=True,
                             env={**os.environ, "TUI_SEEDS": "100"})
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)


class Lives(case_queue.Lives):
    """Ten times as many; accounts are held, drained and made serial meanwhile."""
    count, crowd = 100000, 60
    drains = True
