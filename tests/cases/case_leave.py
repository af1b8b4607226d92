# SPDX-License-Identifier: MIT
"""case_leave.py - a client that leaves takes its request with it, at once."""
import os
import random
import select
import socket
import struct
import threading
import time

from house import Case, until
from practice import Answer
from speech import ALL, ANTHROPIC, CHAT, ask, ask_bytes

# From the client's close to the upstream's, in ms; tests share the machine, so
# a phase is judged by the best of a few tries.
SOON_MS = 100
TRIES = 5


def leave(s, abruptly):
    """FIN or RST."""
    if abruptly:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
    s.close()


class Leave(Case):
    settings = {"hold_time": "1m", "first_event_wait": "1m"}

    def zero(self):
        """Nobody is left behind anywhere."""
        c = self.relay.at_rest()
        until("connections closed",
              lambda: self.relay.counters()["connections_now"] == 0)
        c = self.relay.counters()
        self.assertEqual(c["body_bytes_now"], 0)
        self.assertEqual(c["upstream_now"], c["upstream_idle_now"])
        for a in self.relay.call("account.list"):
            self.assertEqual(a["in_flight"], 0, a["name"])
        for k in self.relay.call("key.list"):
            self.assertEqual(k["in_flight"], 0)
        until("an upstream at rest",
              lambda: self.up.stats()["executing"] == 0)
        # Control, listener, log, store, loop, idle upstreams; no more.
        fds = len(os.listdir(f"/proc/{self.relay.process.pid}/fd"))
        self.assertLess(fds - c["upstream_now"], 40)


class Phases(Leave):
    def cancelled(self, dialect, keys, arrived, abruptly):
        """How long the upstream's side of it lived on."""
        self.fresh()
        s = self.relay.connect()
        s.sendall(ask_bytes(self.relay.key, dialect, keys=keys))
        arrived(s)
        line = self.up.stats()["line"]
        began = time.time() * 1000
        leave(s, abruptly)
        end = [l for l in self.up.log(line, until='"end"') if "end" in l][0]
        self.assertNotEqual(end["end"], "done")
        return end["ms"] - began

    def asked(self, s):
        self.up.log(self.line, until='"target"')

    def in_state(self, word):
        def probe(s):
            self.asked(s)
            self.relay.wait_log(f"-> {word}", self.place)
        return probe

    def streaming(self, s):
        while b"hunk" not in s.recv(65536):
            pass

    def test_every_phase_ends_at_once(self):
        table = (("opening", "hang=1", self.asked),
                 ("delayed", "delay=60000", self.asked),
                 ("holding", "stall=20", self.in_state("holding")),
                 ("judging", "status=400;stall=5",
                  self.in_state("judging")),
                 ("streaming", "events=50;interval=1000;text=" + "chunk" * 50,
                  self.streaming))
        for name, keys, arrived in table:
            for abruptly in (False, True):
                for dialect in ALL:
                    with self.subTest(name, dialect=dialect, rst=abruptly):
                        took = []
                        for _ in range(TRIES):
                            self.place = self.relay.mark()
                            took.append(self.cancelled(dialect, keys, arrived,
                                                       abruptly))
                            if took[-1] < SOON_MS:
                                break
                        self.assertLess(min(took), SOON_MS)
        self.zero()

    def test_while_the_body_is_read(self):
        for cut in (1, 50, 100, 300):
            for abruptly in (False, True):
                s = self.relay.connect()
                s.sendall(ask_bytes(self.relay.key, ANTHROPIC,
                                    headers=[("x-pad", "y" * 200)])[:cut])
                leave(s, abruptly)
        self.zero()
        self.assertEqual(self.requests(), [])

    def test_while_the_same_account_is_waited_for(self):
        self.rules(("a1", "status=529"))
        place = self.relay.mark()
        s = self.relay.connect()
        s.sendall(ask_bytes(self.relay.key, ANTHROPIC))
        self.relay.wait_log("-> backoff", place)
        began = time.monotonic()
        leave(s, False)
        self.relay.wait_log("outcome=gone", place)
        self.assertLess(time.monotonic() - began, 0.9)
        self.zero()
        self.assertEqual(len(self.requests()), 1)

    def test_while_an_upstream_is_connected_to(self):
        """One that accepts and never begins with TLS."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.relay.call("account.set", name="a1", fields={
                "url": f"https://127.0.0.1:{port}"})
            self.addCleanup(
                self.relay.call, "account.set", name="a1",
                fields={"url": f"http://127.0.0.1:{self.up.ports[0]}"})
            took = []
            for _ in range(TRIES):
                s = self.relay.connect()
                s.sendall(ask_bytes(self.relay.key, ANTHROPIC))
                peer, _ = server.accept()
                peer.settimeout(10)
                peer.recv(1)
                began = time.monotonic()
                leave(s, False)
                try:
                    while peer.recv(65536):
                        pass
                except ConnectionResetError:
                    pass
                took.append((time.monotonic() - began) * 1000)
                peer.close()
        self.assertLess(min(took), SOON_MS)
        self.zero()

    def test_a_client_that_leaves_after_the_end_has_had_a_success(self):
        for dialect in ALL:
            if dialect.letter == "g":
                continue
            with self.subTest(dialect):
                s = self.relay.connect()
                place = self.relay.mark()
                s.sendall(ask_bytes(self.relay.key, dialect, keys="events=2"))
                seen = b""
                while dialect.terminal not in seen:
                    seen += s.recv(65536)
                leave(s, True)
                self.relay.wait_log("outcome=ok", place)
        self.zero()

    def test_who_leaves_is_charged_by_estimate_and_flagged(self):
        s = self.relay.connect()
        s.sendall(ask_bytes(self.relay.key, ANTHROPIC,
                            keys="events=50;interval=1000;usage=70,9;text=" +
                            "chunk" * 50))
        self.streaming(s)
        place = self.relay.mark()
        leave(s, False)
        # Only this one was shown anything: lines of others may come late.
        line = self.relay.wait_log("status=200 outcome=gone", place)
        name = line.split(" id=")[1].split()[0]
        r = until("its receipt", lambda: next(
            (r for r in self.relay.call("receipt.list") if r["id"] == name),
            None))
        self.assertEqual(set(r["flags"]) - {"unpriced"},
                         {"stream", "estimated", "disconnected"})
        self.assertEqual(r["input"], 70)
        self.assertEqual(r["attempts"][0]["outcome"], "gone")


class Crowd(Leave):
    settings = {"hold_time": "50ms"}
    count = 2000
    threads = 8

    KEYS = ("hang=1", "delay=5", "events=20;interval=2", "stall=700;events=9",
            "status=529", "status=500", "status=400", "rst=read", "drip=50/2",
            "cut=900;events=9", "size=300000", "", "", "gzip=1")

    def one(self, r):
        """Go away at a random moment, in a random way."""
        dialect, stream = r.choice(ALL), r.random() < 0.8
        data = ask_bytes(self.relay.key, dialect, stream,
                         keys=r.choice(self.KEYS))
        with self.relay.connect() as s:
            if r.random() < 0.2:
                data = data[:r.randrange(1, len(data))]
            s.sendall(data)
            patience = r.choice((0, 0.001, 0.005, 0.02))
            for _ in range(r.randrange(5)):
                if not select.select([s], [], [], patience)[0]:
                    break
                try:
                    if not s.recv(r.choice((1, 100, 65536))):
                        break
                except ConnectionResetError:
                    break
            leave(s, r.random() < 0.5)

    def test_random_leavers_leave_nothing(self):
        failures = []

        def work(seed):
            r = random.Random(seed)
            try:
                for _ in range(self.count // self.threads):
                    self.one(r)
            except Exception as e:  # told by the test itself
                failures.append(e)
        crowd = [threading.Thread(target=work, args=(i,))
                 for i in range(self.threads)]
        for t in crowd:
            t.start()
        for t in crowd:
            t.join()
        self.assertEqual(failures, [])
        self.zero()
        self.assertNotIn(" bug ", self.relay.log())
        self.fresh()
        for dialect in ALL:
            self.assertEqual(ask(self.relay, dialect).status, 200)
        # Sums and receipts tell the same, and each request once.
        rows = self.relay.receipts()
        self.assertEqual(len({r["id"] for r in rows}), len(rows))


class Kept(Case):
    """Connections that are kept for an account go with what it was."""
    accounts = 0

    def kept(self):
        c = self.relay.counters()
        return c["upstream_now"], c["upstream_idle_now"]

    def one(self, name):
        self.fresh()
        self.relay.account("openai-api", name,
                           f"http://127.0.0.1:{self.up.ports[0]}", "sk-" + name)
        self.assertEqual(ask(self.relay, CHAT, False).status, 200)
        self.assertEqual(self.kept(), (1, 1))

    def test_an_account_that_changes_or_goes_keeps_none(self):
        for method, more in (("account.set", {"fields": {"note": "x"}}),
                             ("account.hold", {}), ("account.rm", {})):
            with self.subTest(method):
                self.one("k")
                self.relay.call(method, name="k", **more)
                self.assertEqual(self.kept(), (0, 0))
                if method != "account.rm":
                    self.relay.call("account.rm", name="k")

    def test_one_in_use_ends_where_it_is_and_is_not_kept(self):
        self.one("u")
        self.up.script([{"do": "delay=200"}])
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, CHAT))
            until("a request under way",
                  lambda: self.relay.counters()["upstream_idle_now"] == 0)
            self.relay.call("account.set", name="u", fields={"note": "y"})
            a = Answer(s)
            self.assertEqual(a.status, 200)
            self.assertIn(b"[DONE]", a.body)
        self.relay.at_rest()
        self.assertEqual(self.kept(), (0, 0))
        self.assertEqual(ask(self.relay, CHAT, False).status, 200)
        self.assertEqual(self.kept(), (1, 1))
