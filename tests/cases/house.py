# SPDX-License-Identifier: MIT
"""house.py - a relayd of the test's own, with the practice upstream behind it.

Waiting is always for something: a line of the log, an answer of the control
socket, what the upstream saw.
"""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "upstream"))
from practice import Upstream  # noqa: E402

# Set by run.py.
BUILD = "build/release"
# What any wait may take before the test fails; machines of tests are slow.
PATIENCE = 30


def program(name):
    return os.path.join(BUILD, "bin", name)


def until(what, probe, patience=PATIENCE):
    """Ask until the answer is true, and return it."""
    end = time.monotonic() + patience
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError("this never came to be: " + what)
        time.sleep(0.002)


class Refused(Exception):
    """The control socket said no."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.code = error["data"]["code"]
        self.field = error["data"].get("field")


class Control:
    """One connection to the control socket."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(path)
        self.file = self.sock.makefile("rwb")
        self.seen = b""

    def close(self):
        self.file.close()
        self.sock.close()

    def send(self, method, params):
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        self.file.write(json.dumps(call).encode() + b"\n")
        self.file.flush()

    def read(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("the control socket was closed")
        # Everything it ever said, except the one showing of a new key.
        self.seen += re.sub(rb'"value":"cr_[0-9A-Za-z]+"', b"", line)
        return json.loads(line)

    def call(self, method, **params):
        self.send(method, params)
        while True:
            said = self.read()
            if "id" in said:
                break
        if "error" in said:
            raise Refused(said["error"])
        return said["result"]

    def data(self, method, **params):
        return self.call(method, **params)["data"]

    def rows(self, method, **params):
        """All pages of a list."""
        found, cursor = [], None
        while True:
            more = {"cursor": cursor} if cursor else {}
            result = self.call(method, limit=200, **params, **more)
            data = result["data"]
            found += data["rows"] if isinstance(data, dict) else data
            cursor = result.get("next")
            if not cursor:
                return found


class Relay:
    """A running relayd; its folder outlives it, so that it can be started
    again."""

    def __init__(self, conf=(), start=True, before=None, environment=()):
        self.home = tempfile.TemporaryDirectory(prefix="relayd-case-")
        self.dir = self.home.name
        self.state = os.path.join(self.dir, "state")
        self.socket = os.path.join(self.dir, "control.sock")
        self.conf_file = os.path.join(self.dir, "relayd.conf")
        self.before = before
        self.environment = dict(environment)
        os.mkdir(self.state, 0o700)
        self.configure(conf)
        self.process = self.control = self.key = None
        self.all_log = ""
        self.seen = b""
        if start:
            self.start()

    def configure(self, conf):
        options = {"listen": "127.0.0.1:0", "state_dir": self.state,
                   "control": self.socket, "log_level": "debug"}
        options.update(conf)
        self.options = options
        with open(self.conf_file, "w") as f:
            f.writelines(f"{k} = {v}\n" for k, v in options.items())

    # --- the process

    def spawn(self):
        self.lines = []
        self.said = threading.Condition()
        self.process = subprocess.Popen(
            [program("relayd"), "-c", self.conf_file],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", preexec_fn=self.before,
            env={"PATH": os.environ["PATH"], **self.environment,
                 **{k: v for k, v in os.environ.items() if "SAN" in k}})
        self.reader = threading.Thread(target=self.read_log, daemon=True,
                                       args=(self.process.stdout,))
        self.reader.start()

    def start(self):
        self.spawn()
        self.wait_log(" ready ")
        found = [re.search(r"http://\S+?:(\d+)$", l) for l in self.lines]
        self.ports = [int(m.group(1)) for m in found if m]
        self.control = Control(self.socket)

    def read_log(self, pipe):
        for line in pipe:
            with self.said:
                self.lines.append(line.rstrip("\n"))
                self.said.notify_all()
        with self.said:
            self.lines.append(None)
            self.said.notify_all()

    def mark(self):
        """A place in the log, for wait_log()."""
        with self.said:
            return len(self.lines)

    def wait_log(self, text, since=0, patience=PATIENCE):
        """The first line behind `since` that holds the text."""
        end = time.monotonic() + patience
        with self.said:
            while True:
                for line in self.lines[since:]:
                    if line is None:
                        raise AssertionError(
                            "relayd ended before it said: " + text + "\n" +
                            self.log()[-2000:])
                    if text in line:
                        return line
                since = len(self.lines)
                if not self.said.wait(end - time.monotonic()):
                    raise AssertionError("the log never said: " + text)

    def log(self):
        return "\n".join(l for l in self.lines if l is not None)

    def kill(self, number):
        self.process.send_signal(number)

    def ended(self, patience=PATIENCE):
        """Wait for its end; the exit status."""
        status = self.process.wait(patience)
        self.reader.join(patience)
        self.process.stdout.close()
        self.all_log += self.log() + "\n"
        if self.control:
            self.seen += self.control.seen
            self.control.close()
            self.control = None
        self.process = None
        return status

    def stop(self, number=signal.SIGTERM):
        if not self.process:
            return 0
        self.kill(number)
        return self.ended()

    def close(self):
        status = self.stop()
        self.home.cleanup()
        if status:
            raise AssertionError(f"relayd ended with {status}:\n" +
                                 self.all_log[-3000:])

    # --- what is asked of it

    def call(self, method, **params):
        return self.control.data(method, **params)

    def set(self, **settings):
        for name, value in settings.items():
            self.call("setting.set", name=name, value=str(value))

    def account(self, kind, name, url, credential, **fields):
        fields = {"url": url, "allow_private": "yes", **fields}
        return self.call("account.add", kind=kind, name=name,
                         credential=credential, fields=fields)

    def new_key(self, name, **more):
        return self.call("key.create", name=name, **more)["value"]

    def counters(self):
        return self.call("status")["counters"]

    def at_rest(self):
        """Wait until nothing is under way, and say the counters."""
        def probe():
            c = self.counters()
            return c if c["requests_now"] == 0 else None
        return until("a relay at rest", probe)

    def receipts(self, **params):
        return self.control.rows("receipt.list", **params)

    def receipt(self, answer):
        """The receipt of an answer; it comes to the store a little after."""
        name = answer.header("x-relay-request-id") or \
            answer.header("request-id")
        return until("a receipt of " + str(name), lambda: next(
            (r for r in self.call("receipt.list", limit=20)
             if r["id"] == name), None))

    def connect(self, **options):
        s = socket.socket()
        for name, value in options.items():
            s.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        s.settimeout(PATIENCE)
        s.connect(("127.0.0.1", self.ports[0]))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def proc(self, name):
        with open(f"/proc/{self.process.pid}/{name}", "rb") as f:
            return f.read()

    def rss_kb(self):
        return int(re.search(rb"VmRSS:\s+(\d+)", self.proc("status"))[1])

    def cpu_s(self):
        fields = self.proc("stat").rsplit(b") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


KINDS = (("claude-api", "a", ""), ("openai-api", "o", "/v1"),
         ("gemini-api", "g", ""))


class Case(unittest.TestCase):
    """A relayd and an upstream for all tests of a class; two accounts of each
    kind, the first preferred: a1 a2 o1 o2 g1 g2, whose credentials are
    sk-a1 and so on."""
    conf = {}
    settings = {}
    before = None
    environment = {}
    accounts = 2

    @classmethod
    def setUpClass(cls):
        cls.up = Upstream(program("practice-upstream"))
        cls.addClassCleanup(cls.up.stop)
        cls.relay = Relay(cls.conf, before=cls.before,
                          environment=cls.environment)
        cls.addClassCleanup(cls.relay.close)
        cls.furnish()

    @classmethod
    def tearDownClass(cls):
        """Whatever a test did: every request has ended in one way."""
        if not cls.relay.process:
            return
        asked = cls.relay.at_rest()["requests_total"]
        rows = {r["name"]: r for r in cls.relay.control.rows("metrics")}
        ends = rows["relayd_requests_total"]["samples"]
        ended = sum(s["value"] for s in ends)
        unsaid = sum(s["value"] for s in ends
                     if s["labels"]["outcome"] == "interrupted")
        if ended != asked or unsaid:
            raise AssertionError(f"{asked} requests, {ended} ends of them, "
                                 f"{unsaid} without a word how")

    @classmethod
    def furnish(cls):
        r = cls.relay
        # What tests ask begins alike, and is no conversation.
        r.set(retry_budget_floor=1000,
              **{"sticky_content": "no", **cls.settings})
        for kind, letter, base in KINDS:
            for i in range(1, cls.accounts + 1):
                r.account(kind, f"{letter}{i}",
                          f"http://127.0.0.1:{cls.up.ports[0]}{base}",
                          f"sk-{letter}{i}", priority=str(i))
        r.key = r.new_key("case")

    def setUp(self):
        self.fresh()

    def fresh(self):
        """Nothing that happened before matters any more."""
        self.relay.at_rest()
        for a in self.relay.call("account.list"):
            if a["state"] != "ready" or a["gates"] or a.get("last_until_at"):
                self.relay.call("account.reset", name=a["name"])
        self.up.reset()
        self.line = self.up.stats()["line"]

    def rules(self, *rules):
        """Fault scripts by account: ("a1", keys) ..."""
        answer = self.up.script([{"credential": "sk-" + name, "do": keys}
                                 for name, keys in rules])
        self.assertEqual(answer.status, 200)

    def requests(self):
        """What the upstream was asked since fresh()."""
        return [l for l in self.up.log(self.line) if "target" in l]
