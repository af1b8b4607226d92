# SPDX-License-Identifier: MIT
"""case_life.py - how relayd begins, is told new things, and ends."""
import hashlib
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from house import KINDS, Case, Control, Relay, Upstream, program, until
from practice import Answer
from speech import ALL, ANTHROPIC, ask, ask_bytes


def contents(folder):
    """Names and contents of all files, but for LMDB's table of who reads."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            if os.path.isfile(path) and name != "lock.mdb":
                with open(path, "rb") as f:
                    found[path] = hashlib.sha256(f.read()).hexdigest()
    return found


class Start(unittest.TestCase):
    """What cannot be: one line, exit status 1, nothing touched."""

    def setUp(self):
        self.relay = Relay(start=False)
        self.addCleanup(self.relay.close)

    def refused(self, *words):
        r = self.relay
        before = contents(r.state)
        r.spawn()
        status = r.ended()
        lines = [l for l in r.lines if l]
        # Notes of the log may stand before it.
        said = [l for l in lines if l.startswith("relayd: ")]
        self.assertEqual((status, len(said)), (1, 1), lines)
        self.assertEqual(said[0], lines[-1])
        for word in words:
            self.assertIn(word, said[0])
        self.assertEqual(contents(r.state), before)

    def once(self):
        """So that there is a store."""
        self.relay.start()
        self.relay.new_key("one")
        self.assertEqual(self.relay.stop(), 0)

    def test_bad_configuration(self):
        self.once()
        for option, value, word in (
                ("listen", "here", "listen"), ("max_body", "x", "max_body"),
                ("nothing", "1", "nothing"), ("durable", "yes", "durable"),
                ("timezone", "Nowhere/City", "timezone"),
                ("state_dir", "relative", "state_dir"),
                ("log_level", "loud", "log_level")):
            with self.subTest(option):
                self.relay.configure({option: value})
                self.refused(word)
        self.relay.configure({})
        self.relay.start()

    def test_no_file(self):
        os.unlink(self.relay.conf_file)
        self.refused("relayd.conf")

    def test_a_check_says_the_same_and_starts_nothing(self):
        def check():
            return subprocess.run([program("relayd"), "-t", "-c",
                                   self.relay.conf_file],
                                  capture_output=True, text=True)
        self.assertEqual(check().returncode, 0)
        self.relay.configure({"listen": "here"})
        bad = check()
        self.assertEqual(bad.returncode, 1)
        self.assertIn("listen", bad.stderr)
        self.assertEqual(os.listdir(self.relay.state), [])

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
            self.relay.configure({"listen": f"127.0.0.1:{port}"})
            self.refused(str(port))

    def test_a_store_in_use(self):
        self.relay.start()
        second = Relay({"state_dir": self.relay.state}, start=False)
        self.addCleanup(second.close)
        second.spawn()
        self.assertEqual(second.ended(), 1)
        said = [l for l in second.lines if l and l.startswith("relayd: ")]
        self.assertEqual(len(said), 1)
        self.assertIn("use", said[0])
        # The first one lives on.
        self.assertTrue(self.relay.call("status"))

    def test_the_wrong_master_key(self):
        self.once()
        path = os.path.join(self.relay.state, "master.key")
        with open(path, "rb") as f:
            right = f.read()
        wrong = right.replace(right[:1], b"0" if right[:1] != b"0" else b"1")
        for name, data in (("another", os.urandom(len(right))),
                           ("changed", wrong), ("short", right[:5]),
                           ("empty", b"")):
            with self.subTest(name):
                with open(path, "wb") as f:
                    f.write(data)
                self.refused()
        with open(path, "wb") as f:
            f.write(right)
        self.relay.start()
        self.assertEqual(len(self.relay.call("key.list")), 1)

    def test_threads_have_names(self):
        """Whoever looks at top(1) knows what is busy."""
        self.relay.start()
        tasks = f"/proc/{self.relay.process.pid}/task"

        def names():
            return {open(f"{tasks}/{t}/comm").read().strip()
                    for t in os.listdir(tasks)}
        until("all threads to have said theirs", lambda: names() == {
            "relayd", "relayd-log", "store-writer", "store-reader"})

    def test_a_bad_master_key_leaves_nothing_behind(self):
        path = os.path.join(self.relay.dir, "key")
        self.relay.configure({"master_key": path})
        self.refused("master key")
        with open(path, "wb") as f:
            f.write(b"short")
        os.chmod(path, 0o400)
        self.refused("master key")
        self.assertEqual(os.listdir(self.relay.state), [])
        os.unlink(path)
        with open(path, "wb") as f:
            f.write(os.urandom(32))
        os.chmod(path, 0o400)
        self.relay.start()

    def test_a_state_directory_that_others_can_read(self):
        os.chmod(self.relay.state, 0o755)
        r = self.relay
        r.spawn()
        # Refused, or made private: never left open.
        try:
            r.wait_log(" ready ")
        except AssertionError:
            r.ended()
            return
        self.assertEqual(os.stat(r.state).st_mode & 0o077, 0)

    def test_a_socket_that_a_dead_one_left_is_replaced(self):
        self.relay.start()
        self.relay.stop(signal.SIGKILL)
        self.assertTrue(os.path.exists(self.relay.socket))
        self.relay.start()
        self.assertTrue(self.relay.call("status"))
        self.assertEqual(self.relay.stop(), 0)
        self.assertFalse(os.path.exists(self.relay.socket))


class Reload(Case):
    accounts = 1

    def test_it_is_taken_over_under_load_and_bad_ones_are_not(self):
        self.addCleanup(self.relay.configure, {})
        stop, failures, served = threading.Event(), [], []

        def load():
            with self.relay.connect() as s:
                while not stop.is_set():
                    a = ask(self.relay, ANTHROPIC, sock=s)
                    served.append(a.status)
                    if a.status != 200 or a.broken:
                        failures.append(a)
        crowd = [threading.Thread(target=load) for _ in range(4)]
        for t in crowd:
            t.start()
        for i in range(40):
            place = self.relay.mark()
            if i % 10 == 9:
                self.relay.configure({"max_body": "rubbish"})
                self.relay.kill(signal.SIGHUP)
                self.relay.wait_log("the old one is kept", place)
            else:
                self.relay.configure({"max_body": f"{i + 1}M"})
                self.relay.kill(signal.SIGHUP)
                self.relay.wait_log("max_body is now", place)
        stop.set()
        for t in crowd:
            t.join()
        self.assertEqual(failures, [])
        self.assertGreater(len(served), 40)
        shown = {r["name"]: r["value"]
                 for r in self.relay.call("config.show")["options"]}
        self.assertEqual(shown["max_body"], "39M")

    def test_the_limit_of_a_body_changes_at_once(self):
        self.addCleanup(self.relay.configure, {})
        body = ANTHROPIC.body(False, "x" * 3000)
        for limit, status in (("2K", 413), ("4K", 200)):
            place = self.relay.mark()
            self.relay.configure({"max_body": limit})
            self.relay.kill(signal.SIGHUP)
            self.relay.wait_log("max_body is now", place)
            self.assertEqual(ask(self.relay, ANTHROPIC, False,
                                 body=body).status, status)


class Drain(Case):
    accounts = 1

    def setUp(self):
        if not self.relay.process:
            self.relay.start()
        super().setUp()

    def streams(self, count, keys):
        found = []
        for i in range(count):
            s = self.relay.connect()
            s.sendall(ask_bytes(self.relay.key, ALL[i % 4], keys=keys))
            found.append(s)
        until("streams under way",
              lambda: self.up.stats()["executing"] == count)
        return found

    def test_answers_under_way_are_finished(self):
        crowd = self.streams(40, "events=20;interval=50")
        idle = self.relay.connect()
        self.assertEqual(ask(self.relay, ANTHROPIC, sock=idle).status, 200)
        self.relay.kill(signal.SIGTERM)
        self.relay.wait_log(" drain ")
        # Idle ones are closed, new ones refused.
        self.assertEqual(idle.recv(1), b"")
        with self.assertRaises(ConnectionRefusedError):
            self.relay.connect()
        for i, s in enumerate(crowd):
            a = Answer(s)
            self.assertEqual((a.status, a.broken), (200, None))
            self.assertIn(ALL[i % 4].terminal, a.body)
            s.close()
        self.assertEqual(self.relay.ended(), 0)

    def test_a_second_signal_ends_at_once_and_breaks_streams(self):
        crowd = self.streams(8, "events=1000;interval=50")
        self.relay.kill(signal.SIGTERM)
        self.relay.wait_log(" drain ")
        self.relay.kill(signal.SIGTERM)
        self.assertEqual(self.relay.ended(), 0)
        for i, s in enumerate(crowd):
            a = Answer(s)
            if a.status:
                self.assertIsNotNone(a.broken)
                self.assertNotIn(ALL[i % 4].terminal, a.body)
            s.close()

    def test_the_limit_of_the_drain_ends_it(self):
        self.relay.set(drain_max="1s")
        (s,) = self.streams(1, "events=1000;interval=50")
        self.relay.kill(signal.SIGTERM)
        a = Answer(s)
        self.assertEqual(a.status, 200)
        self.assertIsNotNone(a.broken)
        self.assertTrue(ANTHROPIC.stream_error(a.body), a.body[-200:])
        s.close()
        self.assertEqual(self.relay.ended(), 0)
        self.relay.start()
        (r,) = [r for r in self.relay.receipts()
                if r["id"] == a.header("x-relay-request-id")]
        self.assertIn(r["outcome"], ("interrupted", "cut"))
        self.relay.set(drain_max="15m")


class Killed(Case):
    """kill -9 under load: what a client saw the end of is in the books."""
    kills = 20
    threads = 8

    def client(self, seed, stop, ended, begun):
        r = random.Random(seed)
        while not stop.is_set():
            dialect, stream = r.choice(ALL), r.random() < 0.7
            keys = r.choice(("events=2", "events=9;interval=2", "delay=3",
                             "status=500;once=%d" % r.randrange(1 << 60)))
            try:
                a = ask(self.relay, dialect, stream,
                        keys=keys + ";usage=3,5")
            except OSError:
                continue
            name = a.header("x-relay-request-id") if a.status else None
            if not name:
                continue
            begun.append(name)
            whole = a.status == 200 and not a.broken and (
                not stream or dialect.terminal in a.body)
            if whole:
                ended.append(name)

    def one_life(self, seed, ended, begun):
        stop = threading.Event()
        crowd = [threading.Thread(target=self.client,
                                  args=(seed * 100 + i, stop, ended, begun))
                 for i in range(self.threads)]
        had = len(ended)
        for t in crowd:
            t.start()
        more = 5 + random.Random(seed).randrange(60)
        until("answers", lambda: len(ended) >= had + more)
        self.relay.kill(signal.SIGKILL)
        stop.set()
        self.assertEqual(self.relay.ended(), -signal.SIGKILL)
        for t in crowd:
            t.join()
        began = time.monotonic()
        self.relay.start()
        self.assertLess(time.monotonic() - began, 3)

    def test_no_receipt_is_lost_and_none_is_there_twice(self):
        ended, begun = [], []
        keys = {k["id"] for k in self.relay.call("key.list")}
        for life in range(self.kills):
            self.one_life(life, ended, begun)
        self.assertEqual({k["id"] for k in self.relay.call("key.list")}, keys)
        self.assertEqual(len(self.relay.call("account.list")), 6)
        for dialect in ALL:
            self.assertEqual(ask(self.relay, dialect).status, 200)
        self.relay.at_rest()
        # A restart folds the last receipts into the store.
        self.assertEqual(self.relay.stop(), 0)
        self.relay.start()
        rows = self.relay.receipts()
        names = [r["id"] for r in rows]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(set(ended) - set(names), set(), "lost")
        by_name = {r["id"]: r for r in rows}
        for name in ended:
            r = by_name[name]
            self.assertEqual((r["outcome"], r["output"]), ("ok", 5))
        for name in set(names) - set(ended):
            r = by_name[name]
            if r["outcome"] == "interrupted":
                self.assertIn("interrupted", r["flags"])
        self.sums_agree(rows)
        counters = self.relay.counters()
        self.assertEqual(counters["requests_now"], 0)

    def sums_agree(self, rows):
        """What usage says is the sum of the receipts, in every dimension."""
        fields = ("input", "output", "cache_read", "bytes_in", "bytes_out")
        for by in ("key", "account", "model", "client", "user",
                   "key-model", "account-model"):
            shown = self.relay.control.rows("usage.show", by=by)
            for f in fields:
                self.assertEqual(sum(u[f] for u in shown),
                                 sum(r[f] for r in rows), (by, f))
            # An account's are its tries.
            count = sum(
                len(r["attempts"]) or 1 for r in rows) \
                if by.startswith("account") else len(rows)
            self.assertEqual(sum(u["requests"] for u in shown), count, by)


class Powered(Killed):
    """The same when receipts have to survive the machine."""
    conf = {"durable": "power"}
    kills = 3
