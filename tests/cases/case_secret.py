# SPDX-License-Identifier: MIT
"""case_secret.py - secrets are nowhere they do not belong, and outside text
is inert."""
import base64
import os
import re
import resource
import signal
import socket
import threading

from house import Case, Refused
from speech import ALL, ANTHROPIC, CHAT, GEMINI, ask, ask_bytes, head, raw

# Text that no request must leave behind.
PROMPT = "canary-prompt-4711"
ANSWER = "canary-answer-4711"
PROXY_PASSWORD = "canary-proxy-4711"
FAULTS = ("", "status=400", "status=401", "status=403", "status=429",
          "status=500", "status=529;once=one", "rst=read", "fin=head",
          "cut=700;events=8", "rst=700;events=8", "badchunk=0", "nul=1",
          "http09=1", "noterminal=2", "errorevent=api_error;errorafter=1",
          "gzip=1", "interim=3", "header=content-encoding:gzip",
          "statusline=SSH-2.0-x", "length=%2B10;close=1")


class Proxy(threading.Thread):
    """A CONNECT proxy that takes what it is told and says no."""

    def __init__(self):
        super().__init__(daemon=True)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.heads = []
        self.start()

    def run(self):
        while True:
            try:
                s, _ = self.server.accept()
            except OSError:
                return
            with s:
                self.heads.append(s.recv(4096))
                s.sendall(b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n")


class Secrets(Case):
    before = staticmethod(lambda: resource.setrlimit(
        resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.proxy = Proxy()
        cls.addClassCleanup(cls.proxy.server.close)
        # Nothing of these may appear anywhere.
        cls.credentials = {f"{k}1": f"canary-{k}-credential-4711"
                           for k in "aog"}
        for name, value in cls.credentials.items():
            cls.relay.call("account.set", name=name, credential=value)
        cls.relay.account(
            "anthropic-compat", "p1", "https://127.0.0.1:1", "canary-p-4711",
            proxy=f"http://user@127.0.0.1:{cls.proxy.port}", priority="1",
            models="through-proxy")
        cls.relay.call("account.set", name="p1",
                       proxy_password=PROXY_PASSWORD)

    def every_kind_of_request(self):
        r = self.relay
        for dialect in ALL:
            for stream in (True, False):
                for keys in FAULTS:
                    for a in r.call("account.list"):
                        if a["state"] != "ready":
                            r.call("account.reset", name=a["name"])
                    ask(r, dialect, stream, body=dialect.body(
                        stream, PROMPT), keys=keys + ";text=" + ANSWER)
        for body in (b'{"model":"' + PROMPT.encode() + b'"', b"\x00",
                     PROMPT.encode(), b'{"x":"' + PROMPT.encode() + b'"}'):
            ask(r, CHAT, body=body)
        ask(r, ANTHROPIC, key="x" + r.key)
        raw(r, ask_bytes("none", GEMINI, target=(
            "/v1beta/models/gemini-x:generateContent?key=" + r.key)))
        ask(r, ANTHROPIC, body=ANTHROPIC.body(
            True, PROMPT).replace(b"claude-x", b"through-proxy"))
        for body in ('{"apiKey":"%s"}', '{"%s":1,"%s":2}' % ("%s", r.key),
                     '{"apiKey":"x%s"}', '"%s"'):
            said = (body % r.key).encode()
            raw(r, head("POST", "/apiStats/api/user-stats", [
                ("host", "r"), ("content-length", str(len(said)))]) + said)
        self.assertTrue(any(b"Proxy-Authorization: Basic" in h
                            for h in self.proxy.heads))
        r.call("account.test", name="a1")
        for method in ("account.list", "key.list", "status", "setting.list",
                       "config.show", "receipt.list", "usage.show"):
            r.call(method)
        for a in r.call("account.list"):
            r.call("account.show", name=a["name"])
        with self.assertRaises(Refused):
            r.call("account.add", kind="claude-api", name="bad name!",
                   credential="canary-refused-4711", fields={})

    def canaries(self):
        words = [*self.credentials.values(), PROXY_PASSWORD, self.relay.key,
                 PROMPT, ANSWER, "canary-p-4711", "canary-refused-4711"]
        words.append(base64.b64encode(
            f"user:{PROXY_PASSWORD}".encode()).decode())
        return [w.encode() for w in words]

    def nowhere(self, what, data):
        for word in self.canaries():
            # A model's name is no secret: it was sent as one.
            if word in data:
                at = data.index(word)
                self.fail(f"{what} holds {word}: "
                          f"{data[max(0, at - 200):at + 100]}")

    def test_they_are_nowhere(self):
        r = self.relay
        self.every_kind_of_request()
        r.at_rest()
        self.nowhere("the command line", r.proc("cmdline"))
        self.nowhere("the environment", r.proc("environ"))
        self.nowhere("the maps", r.proc("maps"))
        self.nowhere("the control socket", r.control.seen)
        self.nowhere("the log", r.log().encode())
        self.state("while it runs")
        # It dies without a core, and nothing is left then either.
        r.kill(signal.SIGABRT)
        r.ended()
        self.state("after its death")
        self.assertEqual([f for f in os.listdir(r.dir) + os.listdir(".") +
                          os.listdir(r.state) if f.startswith("core")], [])
        r.start()
        self.assertEqual(ask(r, ANTHROPIC).status, 200)
        self.nowhere("the log", r.log().encode())

    def state(self, when):
        seen = 0
        for at, _, names in os.walk(self.relay.dir):
            for name in names:
                path = os.path.join(at, name)
                if os.path.isfile(path):
                    seen += 1
                    with open(path, "rb") as f:
                        self.nowhere(f"{name} {when}", f.read())
        self.assertGreater(seen, 2)

    def test_no_memory_is_for_others(self):
        limits = self.relay.proc("limits").decode()
        self.assertRegex(limits, r"Max core file size\s+0\s+0")


class Hostile(Case):
    """Control bytes and endless names from outside."""
    accounts = 1
    BYTES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")

    def test_log_and_receipts_are_plain_text(self):
        bad = "\x1b]0;x\x07\x9b31m\r\nfake line"
        model = "".join(f"\\u{ord(c):04x}" for c in bad)
        table = (
            dict(headers=[("user-agent", "a\tb\u009b31m/1")]),
            dict(headers=[("user-agent", "u" * 20000)]),
            dict(body=b'{"model":"' + model.encode() + b'"}'),
            dict(body=b'{"model":"' + b"m" * 20000 + b'"}'),
            dict(body=b'{"model":"\xff\xfe\x9b"}'),
            dict(target="/v1/" + "%1b%0d%0a" * 500),
            dict(target="/" + "x" * 20000),
            dict(keys="status=400;message=%1b[31m%0d%0afake"),
            dict(keys="status=500;message=%1b[31m%0d%0afake"),
            dict(keys="errorevent=%1b%0afake;errorafter=0"),
            dict(keys="statusline=HTTP/1.1 500 %1b[31m"),
        )
        for more in table:
            for a in self.relay.call("account.list"):
                self.relay.call("account.reset", name=a["name"])
            ask(self.relay, ANTHROPIC, **more)
        self.relay.at_rest()
        for line in self.relay.lines:
            self.assertIsNone(self.BYTES.search(line), repr(line))
            self.assertLessEqual(len(line), 4096)
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT")
        for a in self.relay.call("account.list"):
            self.assertIsNone(self.BYTES.search(a["last_error"]))
        for r in self.relay.receipts():
            for k in ("client", "route", "fault"):
                self.assertIsNone(self.BYTES.search(r[k]), (k, r[k]))
