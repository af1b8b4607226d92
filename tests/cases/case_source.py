# SPDX-License-Identifier: MIT
"""case_source.py - whose requests are, behind proxies: X-Forwarded-For and the
PROXY protocol, from those that are trusted and from those that are not."""
import socket
import struct

from house import PATIENCE, Case, Refused, until
from practice import Answer
from speech import ALL, ANTHROPIC, ask, ask_bytes

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"


def v1(address, family="TCP4", to="10.0.0.1"):
    return f"PROXY {family} {address} {to} 5000 3000\r\n".encode()


def v2(address, command=1, more=b""):
    six = ":" in address
    family = socket.AF_INET6 if six else socket.AF_INET
    said = socket.inet_pton(family, address) * 2 + \
        struct.pack(">HH", 5000, 3000) + more
    return SIGNATURE + struct.pack(
        ">BBH", 0x20 | command, 0x21 if six else 0x11, len(said)) + said


class Source(Case):
    accounts = 1

    @classmethod
    def furnish(cls):
        super().furnish()
        cls.only = cls.relay.new_key("only", **{
            "from": "192.0.2.0/24, 2001:db8::/32"})

    def connect(self, peer=HERE):
        s = socket.socket()
        s.settimeout(PATIENCE)
        s.bind((peer, 0))
        s.connect((HERE, self.relay.ports[0]))
        return s

    def ask(self, peer=HERE, before=b"", said=(), dialect=ANTHROPIC):
        fields = [("X-Forwarded-For", s) for s in said]
        with self.connect(peer) as s:
            s.sendall(before + ask_bytes(self.only, dialect, headers=fields))
            return Answer(s)

    def served(self, **more):
        self.assertEqual(self.ask(**more).status, 200)

    def refused(self, where, dialect=ANTHROPIC, **more):
        a = self.ask(dialect=dialect, **more)
        self.assertEqual(a.status, 403, a.body)
        self.assertTrue(dialect.is_error(a.json()))
        self.assertIn(f" from {where};", a.json()["error"]["message"])


class Forwarded(Source):
    conf = {"trusted_proxies": "127.0.0.1, 10.0.0.0/8"}

    def test_a_trusted_proxy_is_believed(self):
        for dialect in ALL:
            with self.subTest(dialect):
                self.served(said=["192.0.2.7"], dialect=dialect)
                self.refused("198.51.100.7", said=["198.51.100.7"],
                             dialect=dialect)
        self.served(said=["[2001:db8::7]:443"])
        self.served(said=["192.0.2.7, 10.0.0.9"])
        self.refused("127.0.0.1")

    def test_what_a_client_says_of_itself_is_not_believed(self):
        self.refused("198.51.100.7", said=["192.0.2.7, 198.51.100.7"])
        self.refused("198.51.100.7", said=["192.0.2.7", "198.51.100.7"])
        self.refused("unknown", said=["192.0.2.7, nonsense"])

    def test_a_stranger_is_not_believed(self):
        self.refused(ELSEWHERE, peer=ELSEWHERE, said=["192.0.2.7"])

    def test_each_request_of_a_connection_is_its_own(self):
        with self.connect() as s:
            for address, status in (("192.0.2.7", 200), ("192.0.2.8", 200),
                                    ("192.0.3.7", 403)):
                s.sendall(ask_bytes(self.only, ANTHROPIC, False, headers=[
                    ("x-forwarded-for", address)]))
                self.assertEqual(Answer(s).status, status)

    def test_the_log_tells_the_address(self):
        mark = self.relay.mark()
        self.served(said=["192.0.2.77"])
        self.relay.wait_log("peer=192.0.2.77 ", mark)

    def test_what_was_said_is_not_passed_on(self):
        self.fresh()
        self.served(said=["192.0.2.7"])
        asked, = self.requests()
        self.assertNotIn("192.0.2.7", repr(asked))

    def test_a_reload_takes_effect(self):
        relay = self.relay
        relay.configure({"trusted_proxies": "10.0.0.0/8"})
        try:
            relay.call("reload")
            self.refused(HERE, said=["192.0.2.7"])
        finally:
            relay.configure(self.conf)
            relay.call("reload")
        self.served(said=["192.0.2.7"])


class Proxied(Source):
    conf = {"trusted_proxies": "127.0.0.1, 10.0.0.0/8",
            "proxy_protocol": "on"}

    def requests_seen(self):
        return self.relay.counters()["requests_total"]

    def test_both_versions_are_understood(self):
        for before in (v1("192.0.2.7"), v2("192.0.2.7"),
                       v1("2001:db8::7", "TCP6", "::1"), v2("2001:db8::7"),
                       v2("192.0.2.7", more=b"\x04\0\x01!")):
            with self.subTest(before):
                self.served(before=before)
        for before in (v1("198.51.100.7"), v2("198.51.100.7")):
            with self.subTest(before):
                self.refused("198.51.100.7", before=before)

    def test_every_cut_of_a_header_is_the_same_header(self):
        for before in (v1("192.0.2.7"), v2("192.0.2.7")):
            whole = before + ask_bytes(self.only, ANTHROPIC, False)
            for cut in range(1, len(before) + 2):
                with self.subTest(cut), self.connect() as s:
                    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    s.sendall(whole[:cut])
                    s.sendall(whole[cut:])
                    self.assertEqual(Answer(s).status, 200)

    def test_it_is_said_once_for_a_connection(self):
        with self.connect() as s:
            s.sendall(v2("192.0.2.7"))
            for _ in range(3):
                s.sendall(ask_bytes(self.only, ANTHROPIC, False))
                self.assertEqual(Answer(s).status, 200)

    def test_a_connection_of_the_proxy_itself_is_the_proxys(self):
        for before in (b"PROXY UNKNOWN\r\n", v2("192.0.2.7", command=0),
                       SIGNATURE + b"\x21\0\0\0"):
            with self.subTest(before):
                self.refused(HERE, before=before)

    def test_the_proxys_client_may_be_a_proxy_too(self):
        self.served(before=v1("10.0.0.9"), said=["192.0.2.7"])
        self.refused("198.51.100.7", before=v1("198.51.100.7"),
                     said=["192.0.2.7"])

    def spoilt(self, data, peer=HERE):
        seen = self.requests_seen()
        with self.connect(peer) as s:
            s.sendall(data)
            a = Answer(s)
            self.assertEqual(a.status, 400)
            self.assertFalse(a.fill())
        self.assertEqual(self.requests_seen(), seen)

    def test_a_trusted_proxy_that_does_not_say_is_refused(self):
        mark = self.relay.mark()
        self.spoilt(ask_bytes(self.only, ANTHROPIC))
        self.relay.wait_log("proxy-protocol", mark)
        self.spoilt(b"PROXY TCP4 192.0.2.7 10.0.0.1 5000\r\n" +
                    ask_bytes(self.only, ANTHROPIC))
        self.spoilt(SIGNATURE + b"\x21\x11\xff\xff")

    def test_a_stranger_that_says_so_is_refused(self):
        for before in (v1("192.0.2.7"), v2("192.0.2.7")):
            self.spoilt(before + ask_bytes(self.only, ANTHROPIC), ELSEWHERE)

    def test_a_stranger_that_does_not_is_served_as_itself(self):
        with self.connect(ELSEWHERE) as s:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC))
            self.assertEqual(Answer(s).status, 200)
        self.refused(ELSEWHERE, peer=ELSEWHERE)

    def test_a_sessions_address_is_the_clients(self):
        self.rules(("a1", "stall=600"))
        mark = self.relay.mark()
        with self.connect() as s:
            s.sendall(v1("192.0.2.7") + ask_bytes(self.only, ANTHROPIC))
            row = until("a session under way", lambda: next(
                iter(self.relay.control.rows("session.list")), None))
            self.assertEqual(row["peer"], "192.0.2.7:5000")
        self.relay.wait_log("peer=192.0.2.7:5000 ", mark)


class Off(Source):
    def test_nobody_is_believed_by_default(self):
        self.refused(HERE, said=["192.0.2.7"])
        with self.connect() as s:
            s.sendall(v1("192.0.2.7") + ask_bytes(self.only, ANTHROPIC))
            self.assertEqual(Answer(s).status, 400)

    def test_options_that_make_no_sense_are_refused(self):
        for conf, says in (({"trusted_proxies": "10.0.0.1/8"}, "10.0.0.0/8"),
                           ({"trusted_proxies": "lb"}, "examples:"),
                           ({"proxy_protocol": "on"}, "trusted_proxies"),
                           ({"proxy_protocol": "yes"}, "off, on")):
            with self.subTest(conf):
                self.relay.configure(conf)
                try:
                    with self.assertRaises(Refused) as said:
                        self.relay.call("reload")
                    self.assertIn(says, str(said.exception))
                    self.assertIn(*conf, str(said.exception))
                finally:
                    self.relay.configure({})
