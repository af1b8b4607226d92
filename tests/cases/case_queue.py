# SPDX-License-Identifier: MIT
"""case_queue.py - requests that wait for a place: who comes first, who leaves,
and that nothing is left behind."""
import json
import math
import random
import socket
import struct
import subprocess

from house import Case, Refused, program, until
from speech import ANTHROPIC, CHAT, GEMINI, Answer, ask, ask_bytes

HANG = "hang=1"
# Receipts tell moments in milliseconds.
SLOW = "delay=20"
SESSION = "x-claude-code-session-id"
# What an upstream may do to one request of many, in the last test.
FATES = ("", "", "", "delay=3", "status=500", "status=529", "status=429",
         HANG, "cut=20", "rst=head", "events=20;interval=1", "stall=2")


class Waiting(Case):
    """One account is in use; how many places it has is each test's affair."""
    settings = {"queue_wait": "30s"}

    @classmethod
    def furnish(cls):
        super().furnish()
        for name in "a2", "o2", "g2":
            cls.relay.call("account.hold", name=name)
        cls.keys = {}
        for name, weight in (("k1", 1), ("k2", 1), ("k3", 3)):
            cls.keys[name] = cls.relay.new_key(name, weight=weight)

    def fresh(self):
        super().fresh()
        self.places(0)
        for name in self.keys:
            self.relay.call("key.set", key=name, max_concurrency=0)
        self.was = self.relay.counters()

    def places(self, n, name="a1"):
        self.relay.call("account.set", name=name,
                        fields={"max-concurrency": str(n)})

    def grown(self, name):
        return self.relay.counters()["queue_%s_total" % name] - \
            self.was["queue_%s_total" % name]

    def rows(self):
        return self.relay.control.rows("queue.list")

    def begin(self, key=None, dialect=ANTHROPIC, stream=False, keys=None,
              headers=(), waits=None):
        """Ask on a connection of its own; with `waits`, until that many do."""
        s = self.relay.connect()
        self.addCleanup(s.close)
        s.sendall(ask_bytes(self.keys.get(key, self.relay.key), dialect,
                            stream, keys=keys, headers=headers))
        if waits is not None:
            until(f"{waits} in the queue", lambda: len(self.rows()) == waits)
        return s

    def occupy(self, key=None, **more):
        """Take a place until the connection is closed."""
        before = len(self.requests())
        s = self.begin(key, keys=HANG, **more)
        until("a request at the upstream",
              lambda: len(self.requests()) > before)
        return s

    def left(self):
        """What is counted of requests; nothing at all when none is left."""
        c = self.relay.at_rest()
        counts = {name: c[name] for name in (
            "queue_keys_now", "queue_accounts_now", "body_bytes_now")}
        for a in self.relay.call("account.list"):
            counts["at " + a["name"]] = a["in_flight"]
        for k in self.relay.call("key.list"):
            counts["of " + k["name"]] = k["in_flight"] + k["running"]
        for b in self.relay.call("budget.list"):
            counts["in " + b["id"]] = b["reserved"]
        return {name: n for name, n in counts.items() if n}

    def zero(self):
        """No count is left of anything.  Connections that were begun and left
        may still wait to be accepted."""
        try:
            until("nothing that is counted", lambda: not self.left())
        except AssertionError:
            self.assertEqual(self.left(), {})
            raise
        self.assertEqual(
            self.grown("entered"), self.grown("served") +
            self.grown("late") + self.grown("left"))


class Queue(Waiting):
    # --- who comes first

    def test_of_one_key_the_first_comes_first(self):
        self.places(1)
        first = self.occupy()
        held = [self.begin("k1", keys=SLOW, waits=i + 1) for i in range(3)]
        rows = self.rows()
        self.assertEqual([r["position"] for r in rows], [1, 2, 3])
        self.assertEqual({(r["key"], r["for"]) for r in rows},
                         {("k1", "account")})
        phases = [r["phase"] for r in self.relay.control.rows("session.list")]
        self.assertEqual(phases.count("waiting"), 3)
        self.assertIn("3 for an account", self.ctl("status"))
        first.close()
        answers = [Answer(s) for s in held]
        self.assertEqual([a.status for a in answers], [200] * 3)
        receipts = [self.relay.receipt(a) for a in answers]
        moments = [r["at"] * 1000 + r["wait_us"] for r in receipts]
        self.assertEqual(moments, sorted(moments))
        self.assertEqual((self.grown("entered"), self.grown("served")),
                         (3, 3))
        self.zero()

    def ctl(self, *words):
        return subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            check=True, capture_output=True, text=True).stdout

    def test_no_key_keeps_others_waiting(self):
        self.places(1)
        self.relay.set(queue_size="10")
        self.addCleanup(self.relay.call, "setting.unset", name="queue_size")
        first = self.occupy()
        greedy = [self.begin("k1", keys=SLOW, waits=i + 1)
                  for i in range(6)]
        late = self.begin("k2", keys=SLOW, waits=7)
        row = [r for r in self.rows() if r["key"] == "k2"][0]
        self.assertEqual(row["position"], 2)
        first.close()
        other = self.relay.receipt(Answer(late))
        rest = [self.relay.receipt(Answer(s)) for s in greedy]
        moments = sorted(r["at"] * 1000 + r["wait_us"] for r in rest)
        self.assertLess(other["at"] * 1000 + other["wait_us"], moments[1])
        self.zero()

    def test_weight_is_turns_in_a_round(self):
        self.places(1)
        self.relay.set(queue_size="10")
        self.addCleanup(self.relay.call, "setting.unset", name="queue_size")
        first = self.occupy()
        held = [self.begin("k1" if i < 4 else "k3", waits=i + 1)
                for i in range(8)]
        self.assertEqual([r["position"] for r in self.rows()],
                         [1, 5, 7, 8, 2, 3, 4, 6])
        first.close()
        for s in held:
            self.assertEqual(Answer(s).status, 200)
        self.zero()

    # --- a key's own places

    def test_a_key_has_as_many_as_it_may(self):
        self.relay.call("key.set", key="k1", max_concurrency=2)
        busy = [self.occupy("k1") for _ in range(2)]
        waits = self.begin("k1", waits=1)
        row, = self.rows()
        self.assertEqual((row["key"], row["for"], row["position"]),
                         ("k1", "key", 1))
        # Other keys do not mind.
        self.assertEqual(ask(self.relay, ANTHROPIC, stream=False).status, 200)
        busy[0].close()
        self.assertEqual(Answer(waits).status, 200)
        # More is more at once.
        waits = self.begin("k1")
        self.assertEqual(Answer(waits).status, 200)
        more = self.occupy("k1")
        waits = self.begin("k1", waits=1)
        self.relay.call("key.set", key="k1", max_concurrency=0)
        self.assertEqual(Answer(waits).status, 200)
        for s in busy + [more]:
            s.close()
        self.zero()

    def test_too_many_are_told_when_to_come_back(self):
        for dialect in ANTHROPIC, GEMINI:
            with self.subTest(dialect):
                self.relay.call("key.set", key="k1", max_concurrency=1)
                busy = self.occupy("k1", dialect=dialect)
                held = [self.begin("k1", dialect, waits=i + 1)
                        for i in range(3)]
                last = self.rows()[-1]
                a = Answer(self.begin("k1", dialect))
                self.assertEqual(a.status, 429, a.body)
                told = int(a.header("retry-after"))
                # One more turn than the last one that waits.
                hold_s = last["expected_ms"] / 3000
                self.assertEqual(told, min(60, max(1, math.ceil(4 * hold_s))))
                if dialect is GEMINI:
                    said = json.loads(a.body)["error"]["details"]
                    self.assertIn(f"{told}s",
                                  [d.get("retryDelay") for d in said])
                busy.close()
                for s in held:
                    self.assertEqual(Answer(s).status, 200)
                self.zero()

    def test_who_has_waited_for_too_long_is_told(self):
        self.relay.set(queue_wait="20ms")
        self.addCleanup(self.relay.set, queue_wait="30s")
        self.places(1)
        busy = self.occupy()
        a = ask(self.relay, ANTHROPIC, stream=False)
        self.assertEqual(a.status, 429, a.body)
        self.assertTrue(1 <= int(a.header("retry-after")) <= 60)
        self.assertEqual(self.grown("late"), 1)
        self.assertGreaterEqual(self.relay.receipt(a)["wait_us"], 15000)
        busy.close()
        self.zero()

    def test_pings_keep_a_stream_that_waits(self):
        self.relay.set(ping_before="1s")
        self.addCleanup(self.relay.call, "setting.unset", name="ping_before")
        self.places(1)
        busy = self.occupy()
        s = self.begin("k1", stream=True, waits=1)
        self.assertIn(b"event: ping", s.recv(65536))
        self.assertEqual(len(self.rows()), 1)
        busy.close()
        rest = b""
        while ANTHROPIC.terminal not in rest:
            rest += s.recv(65536)
        s.close()
        self.zero()

    # --- who leaves

    def test_who_leaves_gives_up_the_place_at_once(self):
        self.places(1)
        busy = self.occupy()
        held = [self.begin("k1", waits=i + 1) for i in range(3)]
        held[0].close()
        until("two that wait", lambda: len(self.rows()) == 2)
        self.assertEqual([r["position"] for r in self.rows()], [1, 2])
        # By an operator.
        self.relay.call("session.kill", request=self.rows()[0]["id"])
        self.assertEqual(Answer(held[1]).status, 403)
        # With its key.
        self.relay.call("key.disable", key="k1")
        self.addCleanup(self.relay.call, "key.enable", key="k1")
        self.assertEqual(Answer(held[2]).status, 401)
        self.assertEqual(self.rows(), [])
        self.assertEqual(self.grown("left"), 3)
        busy.close()
        self.zero()

    # --- accounts that rest

    def test_an_account_that_rests_for_a_moment_is_waited_for(self):
        self.rules(("o1", "status=429"))
        self.assertEqual(ask(self.relay, CHAT, stream=False).status, 429)
        self.up.reset()
        s = self.begin("k1", CHAT, waits=1)
        self.relay.call("account.reset", name="o1")
        self.assertEqual(Answer(s).status, 200)
        self.zero()

    def test_a_session_waits_for_its_account_then_moves(self):
        self.relay.call("account.release", name="a2")
        self.addCleanup(self.relay.call, "account.hold", name="a2")
        mine = [(SESSION, "9b2f6c1e-0000-4000-8000-000000000001")]
        one = self.relay.receipt(ask(self.relay, ANTHROPIC, stream=False,
                                     headers=mine))["account"]
        self.assertEqual(one, "a1")
        self.places(1)
        busy = self.occupy(headers=mine)
        s = self.begin(headers=mine, waits=1)
        self.assertEqual(self.rows()[0]["account"], one)
        busy.close()
        self.assertEqual(self.relay.receipt(Answer(s))["account"], one)
        self.relay.set(sticky_wait="20ms")
        self.addCleanup(self.relay.call, "setting.unset", name="sticky_wait")
        busy = self.occupy(headers=mine)
        a = ask(self.relay, ANTHROPIC, stream=False, headers=mine)
        self.assertEqual(self.relay.receipt(a)["account"], "a2")
        row, = [r for r in self.relay.control.rows("sticky.list")]
        self.assertEqual((row["account"], row["moves"]), ("a2", 1))
        busy.close()
        self.relay.call("sticky.clear")
        self.zero()


def leave(s, rng):
    """In order, or by a reset."""
    if rng.random() < .5:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
    s.close()


class Lives(Waiting):
    """Many at once, of which any may leave, be ended or fail at any moment."""
    settings = {"queue_wait": "20ms", "queue_wait_stream": "20ms",
                "queue_size": "8", "sticky_wait": "50ms"}
    count, crowd = 10000, 30
    drains = False

    def begin_any(self, rng, n):
        s = self.relay.connect()
        headers = [] if rng.random() < .5 else [
            (SESSION, "9b2f6c1e-0000-4000-8000-%012d" % rng.randrange(9))]
        s.sendall(ask_bytes(self.keys[rng.choice(("k1", "k2", "k3"))],
                            ANTHROPIC, rng.random() < .5,
                            keys=rng.choice(FATES), headers=headers))
        return s

    def disturb(self, rng, n):
        if n % 25 == 0:
            for name in "a1", "a2":
                self.relay.call("account.reset", name=name)
        if n % 10 == 0:
            rows = self.relay.call("session.list")
            if rows:
                try:
                    self.relay.call("session.kill",
                                    request=rng.choice(rows)["id"])
                except Refused:
                    pass  # It has just ended.
        if n % 200 == 0:
            self.places(rng.randrange(1, 5), rng.choice(("a1", "a2")))
            self.relay.call("key.set", key="k2",
                            max_concurrency=rng.randrange(1, 4))

    def drain(self, rng, n):
        """One of them is not there, or ends what it has."""
        if n % 500 == 0:
            self.relay.call(rng.choice(("account.hold", "account.drain")),
                            name="a2")
        if n % 500 == 250:
            self.relay.call("account.release", name="a2")
        if n % 1000 == 0:
            self.relay.call("account.set", name="a1", fields={
                "serial": rng.choice(("yes", "no"))})

    def test_nothing_is_left_of_many_lives(self):
        rng = random.Random(20261120)
        self.relay.call("account.release", name="a2")
        self.addCleanup(self.relay.call, "account.hold", name="a2")
        self.relay.call("budget.add", scope="all", limit="1000000 usd",
                        per="day")
        self.places(3)
        self.places(2, "a2")
        self.relay.call("key.set", key="k1", max_concurrency=3)
        crowd = []
        for n in range(self.count):
            crowd.append(self.begin_any(rng, n))
            self.disturb(rng, n)
            if self.drains:
                self.drain(rng, n)
            if len(crowd) > self.crowd:
                leave(crowd.pop(rng.randrange(len(crowd))), rng)
        for s in crowd:
            leave(s, rng)
        self.zero()
        for name in "served", "left":
            self.assertGreater(self.grown(name), 0, name)
        # Which of the two depends on how busy the machine is.
        self.assertGreater(self.grown("late") + self.grown("full"), 0)
        self.places(0, "a2")


class Drain(Case):
    def test_who_waits_is_told_when_relayd_stops(self):
        self.relay.set(queue_wait="30s")
        key = self.relay.new_key("one", max_concurrency=1)
        with self.relay.connect() as busy, self.relay.connect() as s:
            busy.sendall(ask_bytes(key, ANTHROPIC, keys=HANG))
            until("it is asked", self.requests)
            s.sendall(ask_bytes(key, ANTHROPIC))
            until("one waits",
                  lambda: self.relay.control.rows("queue.list"))
            self.relay.kill(15)
            a = Answer(s)
            self.assertEqual(a.status, 503)
            self.assertEqual(a.header("retry-after"), "5")
        self.relay.ended()

