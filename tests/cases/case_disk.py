# SPDX-License-Identifier: MIT
"""case_disk.py - a disk that is full, and has room again."""
import asyncio
import os
import signal
import subprocess
import unittest

from house import KINDS, Refused, Relay, program, until
from practice import Upstream
from speech import ALL, ANTHROPIC, CHAT, ask, ask_bytes

DISK = 24 << 20


def mount(folder):
    """A small disk of the test's own; why not, if not."""
    if os.geteuid() != 0:
        return "only root can mount a small disk"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=700", "relayd-case",
         folder], capture_output=True, text=True)
    return done.stderr.strip()


class Disk(unittest.TestCase):
    def setUp(self):
        self.up = Upstream(program("practice-upstream"))
        self.addCleanup(self.up.stop)
        self.relay = Relay({"log_level": "info"}, start=False)
        self.addCleanup(self.relay.home.cleanup)
        why = mount(self.relay.state)
        if why:
            self.skipTest("no disk to fill: " + why)
        self.addCleanup(subprocess.run, ["umount", self.relay.state],
                        check=True)
        self.addCleanup(self.relay.stop)
        self.relay.start()
        for kind, letter, base in KINDS:
            self.relay.account(kind, letter, "http://127.0.0.1:"
                               f"{self.up.ports[0]}{base}", "sk-" + letter)
        self.relay.key = self.relay.new_key("case")
        self.asked, self.refused = 0, 0

    # --- the disk

    @property
    def ballast(self):
        return os.path.join(self.relay.state, "ballast")

    def fill(self):
        """Until there is no block left."""
        with open(self.ballast, "ab", buffering=0) as f:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError:
                    pass

    def make_room(self):
        os.unlink(self.ballast)

    # --- who asks

    async def one_client(self, limit):
        """Ask until refused; texts are long, so that the journal fills
        soon."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.relay.ports[0])
        data = ask_bytes(
            self.relay.key, ANTHROPIC, False,
            body=ANTHROPIC.body(False, model="m" * 200),
            headers=[("user-agent", "u" * 200 + "/1")], keys="usage=10,3")
        while self.asked < limit and not self.refused:
            self.asked += 1
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split()[1])
            length = int(head.lower().split(b"content-length: ")[1]
                         .split(b"\r\n")[0])
            await reader.readexactly(length)
            if status != 200:
                self.assertEqual(status, 503)
                self.refused += 1
        writer.close()

    def ask_much(self, limit):
        async def all_of_them():
            await asyncio.gather(*(self.one_client(limit) for _ in range(20)))
        asyncio.run(all_of_them())

    def fill_journal(self):
        self.fill()
        self.ask_much(60000)
        self.assertTrue(self.refused, f"{self.asked} requests, and no refusal")

    def store(self):
        return self.relay.call("status")["store"]

    def assert_all_there(self, answered):
        """Every answer has a receipt, every receipt is in the sums."""
        until("all of the journal in the store",
              lambda: self.store()["journal_percent"] == 0, 5)
        self.relay.set(ping_after="9s")
        rows = self.relay.receipts()
        self.assertEqual(sum(r["outcome"] == "ok" for r in rows), answered)
        self.assertEqual(sum(r["input"] for r in rows if r["model"][:1] == "m"
                             and r["outcome"] == "ok"),
                         10 * sum(r["model"][:1] == "m" for r in rows
                                  if r["outcome"] == "ok"))
        check = self.relay.call("usage.verify")
        self.assertEqual(check["differences"], 0, check)
        self.assertEqual(self.store()["trouble"], "")

    def ctl(self, *words):
        return subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            capture_output=True, text=True)

    # --- the cases

    def test_a_full_disk_loses_nothing_and_mends_itself(self):
        self.fill_journal()
        # Nobody is let in, and each is told so in its own words.
        for dialect in ALL:
            a = ask(self.relay, dialect)
            self.assertEqual(a.status, 503, dialect)
            self.assertTrue(dialect.is_error(a.json()))
            self.assertGreaterEqual(int(a.header("retry-after")), 1)
            self.assertIn("disk", a.body.decode())
        # For a refusal there is no room in the journal, which is counted.
        self.assertGreaterEqual(self.relay.counters()["unbooked_total"],
                                len(ALL))
        # So are the people.
        status = self.store()
        self.assertTrue(status["journal_tight"])
        self.assertIn("No space left", status["trouble"])
        said = self.ctl("status").stdout
        self.assertIn("The store cannot write", said)
        self.assertIn("No space left on device", said)
        self.assertIn("requests are refused", said)
        # A small change may still find an old page, which mends nothing.
        try:
            self.relay.new_key("small")
        except Refused as e:
            self.assertIn("No space left", str(e))
        self.assertIn("No space left", self.store()["trouble"])
        self.relay.wait_log("store_trouble")
        self.make_room()
        until("requests to be let in again",
              lambda: ask(self.relay, CHAT).status == 200, 5)
        self.assertNotIn("cannot write", self.ctl("status").stdout)
        self.assert_all_there(self.asked - self.refused + 1)

    def test_a_kill_on_a_full_disk_loses_nothing(self):
        self.fill_journal()
        self.relay.kill(signal.SIGKILL)
        self.relay.ended()
        # There is no room for a new journal beside the old one.
        self.relay.spawn()
        self.assertNotEqual(self.relay.ended(), 0)
        self.assertIn("No space left", self.relay.all_log[-2000:])
        self.make_room()
        self.relay.start()
        self.assertEqual(ask(self.relay, CHAT).status, 200)
        self.assert_all_there(self.asked - self.refused + 1)

    def test_streams_that_are_within_end_well(self):
        within = []
        for dialect in ALL:
            s = self.relay.connect()
            self.addCleanup(s.close)
            s.sendall(ask_bytes(self.relay.key, dialect,
                                keys="events=8;size=4000;interval=700"))
            s.recv(1)
            within.append((dialect, s))
        self.fill_journal()
        for dialect, s in within:
            data = b""
            while dialect.terminal not in data:
                more = s.recv(65536)
                self.assertTrue(more, f"{dialect} broke off")
                data += more
        self.assertTrue(self.store()["journal_tight"])
        self.make_room()
        until("requests to be let in again",
              lambda: ask(self.relay, CHAT).status == 200, 5)
        self.assert_all_there(self.asked - self.refused + 1 + len(within))
