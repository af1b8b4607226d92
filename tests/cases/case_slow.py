# SPDX-License-Identifier: MIT
"""case_slow.py - clients that are slow, greedy or many cost little."""
import resource
import socket
import time

from house import Case, until
from practice import Answer
from speech import ALL, ANTHROPIC, CHAT, ask, ask_bytes


def small(relay):
    """A client's socket that holds little by itself."""
    return relay.connect(SO_RCVBUF=4096)


class Readers(Case):
    accounts = 1
    count = 12
    # More than the kernel's buffers on both ways hold.
    size = 24 << 20

    def test_one_who_stops_reading_holds_its_upstream_back(self):
        """Bounded memory, a paused upstream, other streams that go on, and
        everything arrives when reading goes on."""
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
        before = self.relay.rss_kb()
        slow = []
        for i in range(self.count):
            s = small(self.relay)
            s.sendall(ask_bytes(self.relay.key, (ANTHROPIC, CHAT)[i % 2],
                                keys=f"size={self.size};events=4000"))
            slow.append(s)
        until("streams that have begun",
              lambda: self.up.stats()["executing"] == self.count)
        began = time.monotonic()
        for dialect in ALL:
            a = ask(self.relay, dialect)
            self.assertEqual((a.status, a.broken), (200, None))
        self.assertLess(time.monotonic() - began, 3)
        # Nothing of the large ones has been sent to its end.
        self.assertEqual(self.up.stats()["executing"], self.count)
        self.assertLess(self.relay.rss_kb() - before, self.count * 768)
        for i in (0, 1):
            a = Answer(slow[i])
            self.assertEqual((a.status, a.broken), (200, None))
            self.assertIn((ANTHROPIC, CHAT)[i].terminal, a.body[-3000:])
            self.assertGreater(len(a.body), self.size)
        for s in slow:
            s.close()
        self.relay.at_rest()
        until("an upstream at rest",
              lambda: self.up.stats()["executing"] == 0)

    def test_one_who_never_reads_on_is_cut(self):
        self.relay.set(write_stall="1s")
        self.addCleanup(self.relay.set, write_stall="1m")
        s = small(self.relay)
        place = self.relay.mark()
        s.sendall(ask_bytes(self.relay.key, ANTHROPIC,
                            keys=f"size={self.size};events=4000"))
        self.relay.wait_log("outcome=gone", place, 10)
        s.close()
        until("an upstream at rest",
              lambda: self.up.stats()["executing"] == 0)


class Floods(Case):
    accounts = 1

    def test_who_floods_during_a_reply_fills_its_own_buffers(self):
        before = self.relay.rss_kb()
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC,
                                keys="events=30;interval=50"))
            while b"200 OK" not in s.recv(20):
                pass
            s.setblocking(False)
            sent, flood = 0, b"POST /v1/messages HTTP/1.1\r\n" + b"x" * 65000
            end = time.monotonic() + 1
            while time.monotonic() < end:
                try:
                    sent += s.send(flood)
                except BlockingIOError:
                    break
            self.assertLess(sent, 32 << 20)
            s.settimeout(30)
            seen = b""
            while ANTHROPIC.terminal not in seen:
                seen += s.recv(65536)
        self.assertLess(self.relay.rss_kb() - before, 4096)

    def test_requests_behind_a_stream_wait_and_are_answered(self):
        with self.relay.connect() as s:
            one = ask_bytes(self.relay.key, ANTHROPIC,
                            keys="events=5;interval=20")
            s.sendall(one * 30)
            rest = b""
            for _ in range(30):
                a = Answer(s, raw=rest)
                rest = a.raw
                self.assertEqual((a.status, a.broken), (200, None))


class Slowness(Case):
    accounts = 1
    settings = {"request_head_wait": "1s", "body_rate_grace": "1s",
                "keepalive_idle": "1s"}

    def closed(self, s):
        try:
            while s.recv(65536):
                pass
        except ConnectionResetError:
            pass

    def test_heads_that_never_end_are_cut(self):
        began = time.monotonic()
        crowd = [self.relay.connect() for _ in range(200)]
        for i, s in enumerate(crowd):
            s.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: a\r\nx: "[:i % 40])
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
        for s in crowd:
            self.closed(s)
            s.close()
        self.assertLess(time.monotonic() - began, 4)

    def test_a_head_byte_by_byte_gets_no_longer(self):
        with self.relay.connect() as s:
            began = time.monotonic()
            s.settimeout(0.1)
            data = ask_bytes(self.relay.key, ANTHROPIC)
            with self.assertRaises(ConnectionError):
                for i in range(len(data)):
                    s.sendall(data[i:i + 1])
                    try:
                        if not s.recv(1):
                            raise ConnectionResetError
                    except TimeoutError:
                        pass
            self.assertLess(time.monotonic() - began, 3)

    def test_a_body_that_crawls_is_told_so(self):
        for dialect in ALL:
            with self.subTest(dialect), self.relay.connect() as s:
                data = ask_bytes(self.relay.key, dialect)
                s.sendall(data[:-10])
                began = time.monotonic()
                a = Answer(s)
                self.assertEqual(a.status, 408)
                self.assertTrue(dialect.is_error(a.json()))
                self.assertFalse(a.fill())
                self.assertLess(time.monotonic() - began, 5)

    def test_idle_connections_are_closed(self):
        with self.relay.connect() as s:
            self.assertEqual(ask(self.relay, CHAT, sock=s).status, 200)
            self.closed(s)


class Descriptors(Case):
    accounts = 1
    before = staticmethod(lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                     (256, 256)))

    def test_a_crowd_over_the_limit_costs_nothing(self):
        crowd = []
        for _ in range(1000):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.relay.ports[0]))
            crowd.append(s)
        until("a rest", lambda: self.relay.counters()["accept_rests_total"])
        rests = self.relay.counters()["accept_rests_total"]
        cpu, began = self.relay.cpu_s(), time.monotonic()
        place = self.relay.mark()
        self.relay.wait_log("accept-rest", place)
        self.relay.wait_log("accept-rest", self.relay.mark())
        took = time.monotonic() - began
        self.assertLess(self.relay.cpu_s() - cpu, 0.05 * took + 0.05)
        lines = [l for l in self.relay.lines[place:] if "accept-rest" in l]
        self.assertLessEqual(len(lines), took + 2)
        self.assertGreater(rests, 0)
        for s in crowd:
            s.close()
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)

    def test_a_crowd_of_requests_is_served_in_the_end(self):
        """More than there is room for: those inside are served, the others
        wait their turn."""
        crowd = [self.relay.connect() for _ in range(300)]
        for s in crowd:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC, False,
                                headers=[("connection", "close")]))
        for s in crowd:
            a = Answer(s)
            self.assertEqual((a.status, a.broken), (200, None))
            s.close()
