# SPDX-License-Identifier: MIT
"""stage.py - what a client is tried on: client - recorder - relayd - upstream.

Every test has a stage of its own, so whatever relayd counts, and whatever its
ledger holds, is of that test alone.  Case.tearDown looks at what must be true
after any test: nothing in flight, one receipt for each request, the tokens
the upstream told, no body changed, nobody else called.
"""
import collections
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "upstream"))

from practice import Upstream  # noqa: E402
from recorder import Recorder  # noqa: E402

# Set by run.py.
BUILD = os.path.join(HERE, "..", "..", "build", "release")
PACKAGES = None
DIRECT = False

# What the upstream says it cost unless a test says otherwise: input, output,
# cache_read, cache_5m, cache_1h, reasoning, as the dialects' own fields.
USAGE = "1000,50,300,20,10,7"
# The same as relayd must book it, by dialect: classes that do not overlap.
BOOKED = {
    "anthropic": (1000, 50, 300, 20, 10, 0),
    "openai": (680, 50, 300, 20, 0, 7),
    "gemini": (700, 57, 300, 0, 0, 7),
}
KIND_OF = {"anthropic": "anthropic-compat", "openai": "openai-compat",
           "gemini": "gemini-api"}
TOKENS = ("input", "output", "cache_read", "cache_write_5m",
          "cache_write_1h", "reasoning")
PATIENCE = 5.0

ANSWER = "the answer of the day"
# A text in pieces, so that there is a middle to break; it does not repeat
# itself, for that is where some clients stop reading.
PIECES = {"text": ANSWER + "".join(f" {i}" for i in range(800)),
          "events": 20, "interval": 5}
MIDDLE = 2500


def keys(**said):
    """Keys for the practice upstream; `_` stands for `-`."""
    return ";".join(
        f"{name.replace('_', '-')}={urllib.parse.quote(str(value))}"
        for name, value in said.items())


def await_that(what, ask, patience=PATIENCE):
    """Ask until the answer is true, and return it."""
    until = time.monotonic() + patience
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError("in vain awaited: " + what)
        time.sleep(0.005)


class Tripwire:
    """The proxy that clients are told to ask for all the rest of the world."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.asked = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            s.settimeout(2)
            try:
                self.asked.append(s.recv(4096).split(b"\r\n")[0].decode())
                # Without a word some clients wait for ever.
                s.sendall(b"HTTP/1.1 403 Forbidden\r\n"
                          b"content-length: 0\r\nconnection: close\r\n\r\n")
            except OSError:
                self.asked.append("(nothing said)")
            s.close()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Daemon:
    """relayd in a directory of its own, and relayctl."""

    def __init__(self, where, more=""):
        self.dir = where
        self.socket = os.path.join(where, "control.sock")
        self.log = os.path.join(where, "relayd.log")
        conf = os.path.join(where, "relayd.conf")
        with open(conf, "w") as f:
            f.write(f"listen = 127.0.0.1:0\nstate_dir = {where}/state\n"
                    f"control = {self.socket}\nlog_file = {self.log}\n"
                    "log_level = debug\n" + more)
        ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        ready.bind(os.path.join(where, "notify"))
        ready.settimeout(PATIENCE)
        self.err = open(os.path.join(where, "relayd.err"), "wb")
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "bin", "relayd"), "-c", conf],
            stderr=self.err,
            env={"NOTIFY_SOCKET": os.path.join(where, "notify")})
        try:
            while b"READY=1" not in ready.recv(4096):
                pass
        except TimeoutError:
            self.process.kill()
            self.process.wait()
            raise RuntimeError("relayd did not start:\n" + self.told())
        finally:
            ready.close()
        self.port = int(self.status()["listeners"][0].rsplit(":", 1)[1])

    def told(self):
        text = ""
        for name in (self.err.name, self.log):
            if os.path.exists(name):
                with open(name, errors="replace") as f:
                    text += f.read()
        return text

    def ctl(self, *words):
        run = subprocess.run(
            [os.path.join(BUILD, "bin", "relayctl"), "--socket", self.socket,
             "--json", *words],
            capture_output=True, timeout=10, text=True)
        if run.returncode:
            raise AssertionError(f"relayctl {' '.join(words)}: {run.stderr}")
        return json.loads(run.stdout) if run.stdout.strip() else None

    def status(self):
        return self.ctl("status")

    def add_account(self, kind, name, url, credential, priority):
        secret = os.path.join(self.dir, name + ".secret")
        with open(secret, "w") as f:
            f.write(credential)
        self.ctl("account", "add", kind, name, "--url", url,
                 "--allow-private", "yes", "--priority", str(priority),
                 "--credential-file", secret)

    def receipts(self):
        """Oldest first."""
        return self.ctl("receipts", "--limit", "200")[::-1]

    def stop(self):
        """Returns the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "killed: it did not end within 10 s"
        finally:
            self.err.close()


class Client:
    """A run of a client program, in a process group of its own."""

    def __init__(self, argv, env, cwd, stdin):
        self.argv = argv
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            argv, env=env, cwd=cwd, start_new_session=True, text=True,
            errors="replace", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=stdin)

    def wait(self, patience=60):
        try:
            self.out, self.err = self.process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(
                f"no end after {patience} s: {self.argv}\n"
                f"{self.out}\n{self.err}")
        self.status = self.process.returncode
        self.took = time.monotonic() - self.began
        return self

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.out, self.err = self.process.communicate()

    def __str__(self):
        return (f"\nexit {self.status} after {self.took:.1f} s"
                f"\n--- stdout\n{self.out}\n--- stderr\n{self.err}")


class Case(unittest.TestCase):
    """A stage, two accounts of one kind, a key, and an empty home."""

    dialect = None  # of BOOKED
    accounts = ("one", "two")
    # Bodies that the relay has to change on purpose.
    changes_bodies = False
    # Further options of relayd and of the upstream.
    conf = ""
    up_options = ()

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="relayd-clients-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.home = os.path.join(self.dir, "home")
        self.work = os.path.join(self.home, "work")
        os.makedirs(self.work)
        os.makedirs(os.path.join(self.home, "tmp"))
        self.up = Upstream(os.path.join(BUILD, "bin", "practice-upstream"),
                           "--script", "usage=" + USAGE, *self.up_options)
        self.addCleanup(self.up.stop)
        self.relay = None
        self.key = "cr_direct"
        if DIRECT:
            self.front = Recorder(self.up.ports[0])
        else:
            self.raise_relay()
            self.front = Recorder(self.relay.port)
        self.addCleanup(self.front.stop)
        self.wire = Tripwire()
        self.addCleanup(self.wire.stop)
        self.clients = []
        self.base = f"http://127.0.0.1:{self.front.port}"
        self.booked = {BOOKED[self.dialect]}
        self.looked = False

    def raise_relay(self):
        self.relay = Daemon(self.dir, self.conf)
        self.addCleanup(self.end_relay)
        self.add_accounts()
        self.own_key = self.relay.ctl("key", "create", "me")["value"]
        self.key = self.own_key

    def add_accounts(self):
        for i, name in enumerate(self.accounts):
            self.relay.add_account(
                KIND_OF[self.dialect], name,
                f"http://127.0.0.1:{self.up.ports[0]}", "upstream-" + name,
                10 + 10 * i)

    def sign_in(self, kind, shown):
        """An account "one" that somebody signs in to at the terminal; `shown`
        is what of the provider's page they paste."""
        origin = f"http://127.0.0.1:{self.up.ports[0]}"
        login = subprocess.Popen(
            [os.path.join(BUILD, "bin", "relayctl"), "--socket",
             self.relay.socket, "account", "login", kind, "one",
             "--url", origin, "--auth-url", origin, "--allow-private"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        said = b""
        while b"Answer: " not in said:
            more = os.read(login.stdout.fileno(), 65536)
            self.assertTrue(more, said)
            said += more
        url = urllib.parse.urlsplit(re.search(
            rb"http://\S+/oauth/authorize\S+", said)[0].decode())
        page = self.up.get(f"{url.path}?{url.query}").json()
        login.communicate(page[shown].encode() + b"\n")
        self.assertEqual(login.returncode, 0)

    def end_relay(self):
        status = self.relay.stop()
        if status != 0:
            raise AssertionError(f"relayd ended with {status}:\n"
                                 + self.relay.told())

    def tearDown(self):
        for client in self.clients:
            if client.process.poll() is None:
                client.kill()
        try:
            if not self.looked:
                self.look()
        except AssertionError:
            if self.relay:
                sys.stderr.write(self.relay.told())
            raise

    # --- what a test says ----------------------------------------------------

    def script(self, *rules):
        """Rules for the upstream; each is keys(), or (keys, where)."""
        made = []
        for rule in rules:
            do, where = rule if isinstance(rule, tuple) else (rule, {})
            made.append({"do": do, **where})
        self.assertEqual(self.up.script(made).status, 200)

    def once(self, **do):
        """A rule for the first request only."""
        return keys(**do), {"times": 1}

    def on(self, account, **do):
        """A rule for all requests of an account."""
        return keys(**do), {"credential": "upstream-" + account}

    def env(self, **more):
        """The environment of a client: nothing of ours but the path."""
        node = shutil.which("node")
        env = {
            "PATH": os.path.dirname(node) + ":/usr/local/bin:/usr/bin:/bin",
            "HOME": self.home,
            "TMPDIR": os.path.join(self.home, "tmp"),
            "TERM": "dumb", "LANG": "C.UTF-8", "NO_COLOR": "1",
            "USER": "tester", "SHELL": "/bin/sh",
            "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1",
        }
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            env[name] = env[name.upper()] = self.wire.url
        env.update(more)
        return env

    def start(self, argv, env, stdin=subprocess.DEVNULL):
        client = Client(argv, env, self.work, stdin)
        self.clients.append(client)
        return client

    def bin(self, name):
        return os.path.join(PACKAGES, "node_modules", ".bin", name)

    def write(self, path, text):
        path = os.path.join(self.home, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    # --- what was seen -------------------------------------------------------

    def asked(self, method="POST"):
        """Requests of the client, in order."""
        return [r for r in self.front.requests if r.method == method]

    def reached(self):
        """Requests at the upstream, in order."""
        return [line for line in self.up.log() if "target" in line]

    def reached_body(self, seq):
        with open(os.path.join(self.up.dir.name, f"{seq}.body"), "rb") as f:
            return f.read()

    def outcomes(self):
        return [r["outcome"] for r in self.receipts]

    def tries(self):
        """For each receipt the accounts' names and how they ended."""
        return [[(a["account"], a["outcome"]) for a in r["attempts"]]
                for r in self.receipts]

    def await_request(self, number=1, patience=30):
        """The upstream's line of the request of that number."""
        return await_that(f"request {number} at the upstream",
                          lambda: (self.reached() + [None] * number)
                          [number - 1], patience)

    def await_answer(self, number=1, size=1000):
        """The client's request of that number, when so much of the answer
        has come."""
        self.await_request(number)
        request = self.asked()[number - 1]
        await_that("the beginning of the answer", lambda:
                   self.front.received[request.conn] >= size)
        return request

    def gone_ms(self, number=1):
        """How long after the client's close the upstream saw one."""
        seq = self.reached()[number - 1]["seq"]
        conn = self.asked()[number - 1].conn
        line = await_that("the end of the request at the upstream", lambda: [
            x for x in self.up.log() if x["seq"] == seq and "end" in x])[0]
        self.assertEqual(line["end"], "client_gone")
        left = await_that("the client's close",
                          lambda: self.front.left_at.get(conn))
        return line["ms"] - left * 1000

    # --- what must be true after every test ----------------------------------

    def look(self):
        """Also to be called by a test that wants to see the receipts."""
        self.looked = True
        self.assertEqual(self.wire.asked, [], "it called somebody else")
        await_that("every request at the upstream to end", self.all_ended)
        if not self.relay:
            self.receipts = []
            return
        await_that("nothing in flight", self.nothing_in_flight)
        self.read_receipts()
        self.look_at_counts()
        self.look_at_bodies()
        self.look_at_tokens()

    def all_ended(self):
        log = self.up.log()
        return {x["seq"] for x in log if "target" in x} == \
            {x["seq"] for x in log if "end" in x}

    def nothing_in_flight(self):
        status = self.relay.status()
        counters = status["counters"]
        self.assertGreaterEqual(counters["requests_now"], 0)
        return (counters["requests_now"] == 0
                and counters["body_bytes_now"] == 0
                and counters["upstream_now"] == counters["upstream_idle_now"]
                and status["accounts"]["in_flight"] == 0
                and self.relay.ctl("key", "show", "me")["in_flight"] == 0)

    def read_receipts(self):
        """They are in the ledger some milliseconds after the answer."""
        wanted = sum(1 for r in self.asked() if r.sha256
                     and self.own_key in json.dumps(r.headers))

        def enough():
            self.receipts = self.relay.receipts()
            return len(self.receipts) >= wanted

        await_that("a receipt for each request", enough)
        self.assertEqual(len(self.receipts), wanted,
                         "receipts, and requests of the client")

    def look_at_counts(self):
        tried = sum(len(r["attempts"]) for r in self.receipts)
        self.assertEqual(tried, len(self.reached()),
                         "attempts in receipts, and requests upstream")
        ids = {r["id"] for r in self.receipts}
        self.assertEqual(len(ids), len(self.receipts))

    def look_at_bodies(self):
        asked = collections.Counter(r.sha256 for r in self.asked())
        reached = collections.Counter(
            line["body_sha256"] for line in self.reached())
        if not self.changes_bodies:
            for sha256 in reached:
                self.assertIn(sha256, asked, "a body was changed")
        for line in self.reached():
            names = [name.lower() for name, _ in line["headers"]]
            text = json.dumps(line["headers"]) + line["target"]
            self.assertNotIn(self.own_key, text, "the client's key went out")
            self.assertNotIn("cookie", names)

    def look_at_tokens(self):
        for r in self.receipts:
            tokens = tuple(r.get(name, 0) for name in TOKENS)
            if "count" in r["route"]:
                self.assertEqual(tokens, (0,) * len(TOKENS), r)
                continue
            if r["outcome"] != "ok":
                continue
            self.assertNotIn("estimated", r["flags"])
            self.assertIn(tokens, self.booked, r)
