# SPDX-License-Identifier: MIT
"""case_proxy.py - whose way out is a proxy goes through it with everything, or
does not go."""
import base64
import os
import select
import socket
import struct
import subprocess
import threading
import unittest

from case_oauth import LONG, NATIVE, House
from house import PATIENCE, Case, Refused, program, until
from speech import ANTHROPIC, ask, ask_bytes

PASSWORD = "proxy-Pa55-word"


class Proxy:
    """A SOCKS 5 and HTTP proxy, on one port, for one user.  Every name leads
    to this machine, and is noted with its port."""

    def __init__(self, user=None, password=PASSWORD):
        self.user, self.password = user, password
        self.asked, self.socks = [], []
        self.lock = threading.Lock()
        self.port = 0
        self.open()

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, args=(self.listener,),
                         daemon=True).start()

    def close(self):
        """No new connections, and the old ones end."""
        # Only that ends an accept() of another thread.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for s in self.socks:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def url(self, scheme="socks5h"):
        user = f"{self.user}@" if self.user else ""
        return f"{scheme}://{user}127.0.0.1:{self.port}"

    def serve(self, listener):
        while True:
            try:
                s, _ = listener.accept()
            except OSError:
                return
            with self.lock:
                self.socks.append(s)
            threading.Thread(target=self.one, args=(s,), daemon=True).start()

    def one(self, s):
        try:
            first = s.recv(1, socket.MSG_PEEK)
            out = self.socks5(s) if first == b"\x05" else self.connect(s)
            if out:
                self.pump(s, out)
        except OSError:
            pass
        finally:
            s.close()

    @staticmethod
    def exactly(s, n):
        data = b""
        while len(data) < n:
            more = s.recv(n - len(data))
            if not more:
                raise ConnectionResetError
            data += more
        return data

    def reach(self, host, port):
        with self.lock:
            self.asked.append((host, port))
        return socket.create_connection(("127.0.0.1", port), PATIENCE)

    def socks5(self, s):
        methods = self.exactly(s, self.exactly(s, 2)[1])
        wanted = 2 if self.user else 0
        if wanted not in methods:
            s.sendall(b"\x05\xff")
            return None
        s.sendall(bytes((5, wanted)))
        if self.user:
            name = self.exactly(s, self.exactly(s, 2)[1]).decode()
            word = self.exactly(s, self.exactly(s, 1)[0]).decode()
            if (name, word) != (self.user, self.password):
                s.sendall(b"\x01\x01")
                return None
            s.sendall(b"\x01\x00")
        kind = self.exactly(s, 4)[3]
        if kind == 3:
            host = self.exactly(s, self.exactly(s, 1)[0]).decode()
        else:
            family, size = ((socket.AF_INET, 4) if kind == 1 else
                            (socket.AF_INET6, 16))
            host = socket.inet_ntop(family, self.exactly(s, size))
        port, = struct.unpack("!H", self.exactly(s, 2))
        out = self.reach(host, port)
        s.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        return out

    def connect(self, s):
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.exactly(s, 1)
        lines = head.decode().split("\r\n")
        if self.user:
            pair = f"{self.user}:{self.password}".encode()
            want = "basic " + base64.b64encode(pair).decode()
            if not any(l.lower().startswith("proxy-authorization:") and
                       l.split(":", 1)[1].strip().lower() == want.lower()
                       for l in lines):
                s.sendall(b"HTTP/1.1 407 no\r\ncontent-length: 0\r\n\r\n")
                return None
        method, target = lines[0].split()[:2]
        if method != "CONNECT":
            raise ConnectionResetError
        host, port = target.rsplit(":", 1)
        out = self.reach(host.strip("[]"), int(port))
        s.sendall(b"HTTP/1.1 200 there\r\n\r\n")
        return out

    @staticmethod
    def pump(a, b):
        with b:
            while True:
                for s in select.select((a, b), (), ())[0]:
                    data = s.recv(65536)
                    if not data:
                        return
                    (b if s is a else a).sendall(data)


class Proxied(Case):
    """a1 and a2 at a host that only the proxy can find."""
    accounts = 0

    def setUp(self):
        super().setUp()
        self.proxy = Proxy("alice")
        self.addCleanup(self.proxy.close)
        self.host = ("provider.invalid", self.up.ports[0])

    def tearDown(self):
        self.relay.at_rest()
        for a in self.relay.call("account.list"):
            self.relay.call("account.rm", name=a["name"])
        self.relay.call("setting.unset", name="proxy_default")
        for p in self.relay.call("proxy.list"):
            self.relay.call("proxy.rm", name=p["name"])
        with self.relay.said:
            said = self.relay.log().encode()
        self.assertNotIn(PASSWORD.encode(), said)
        self.assertNotIn(PASSWORD.encode(), self.relay.control.seen)

    def add(self, name="tokyo", scheme="socks5h", **more):
        return self.relay.call("proxy.add", name=name,
                               url=self.proxy.url(scheme),
                               password=PASSWORD, **more)

    def account(self, name="a1", host="provider.invalid", **fields):
        return self.relay.account(
            "claude-api", name, f"http://{host}:{self.up.ports[0]}",
            "sk-" + name, **fields)

    def answered(self, **more):
        a = ask(self.relay, ANTHROPIC, False, **more)
        self.assertEqual(a.status, 200, a.body)
        return a

    def show(self, name="a1"):
        return self.relay.call("account.show", name=name)

    def refused(self, code, method, **params):
        with self.assertRaises(Refused) as said:
            self.relay.call(method, **params)
        self.assertEqual(said.exception.code, code, said.exception)
        return str(said.exception)

    # --- each kind of proxy

    def test_requests_and_tests_go_through_each_kind_and_it_finds_the_name(self):
        for scheme in ("socks5h", "socks5", "http"):
            with self.subTest(scheme):
                del self.proxy.asked[:]
                self.add(scheme, scheme)
                self.account(scheme, proxy=scheme, priority="1")
                self.answered()
                self.assertEqual(self.proxy.asked, [self.host])
                test = self.relay.call("account.test", name=scheme,
                                       model="claude-x")
                self.assertTrue(test["ok"], test)
                self.assertEqual(self.proxy.asked, [self.host] * 2)
                self.assertEqual(self.show(scheme)["way"], scheme)
                self.relay.call("account.rm", name=scheme)

    def test_a_url_is_a_way_out_as_well(self):
        self.relay.call("account.add", kind="claude-api", name="a1",
                        credential="sk-a1", proxy_password=PASSWORD,
                        fields={"url": "http://provider.invalid:%d" %
                                self.up.ports[0],
                                "proxy": self.proxy.url("http")})
        self.answered()
        self.assertEqual(self.proxy.asked, [self.host])
        self.assertEqual(self.show()["way"], self.proxy.url("http"))

    # --- it is not there

    def test_when_it_is_down_nothing_goes_past_it(self):
        # An address that could be reached without the proxy, too.
        self.add()
        self.account("a1", "127.0.0.1", proxy="tokyo")
        self.proxy.close()
        a = ask(self.relay, ANTHROPIC, False)
        self.assertIn(a.status, (502, 503))
        # The client hears what failed, and not where the proxy is.
        self.assertIn(b"proxy failed", a.body)
        self.assertNotIn(b"127.0.0.1", a.body)
        self.assertIn("proxy", self.show()["last_error"])
        self.assertIn("proxy", self.relay.call(
            "proxy.show", name="tokyo")["last_error"])
        test = self.relay.call("account.test", name="a1", model="claude-x")
        self.assertFalse(test["ok"])
        self.assertIn("proxy", test["error"])
        test = self.relay.call("proxy.test", name="tokyo")
        self.assertFalse(test["ok"])
        self.assertEqual(self.requests(), [])
        self.proxy.open()

    def test_another_way_out_is_tried_at_once(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        self.account("a1", "127.0.0.1", proxy=f"socks5h://127.0.0.1:{port}")
        ask(self.relay, ANTHROPIC, False)
        self.assertEqual(self.show()["state"], "unreachable")
        self.relay.call("account.set", name="a1", fields={"note": "same way"})
        self.assertEqual(self.show()["state"], "unreachable")
        self.relay.call("account.set", name="a1", fields={"proxy": "direct"})
        self.assertEqual(self.show()["state"], "ready")
        self.answered()

    def test_another_account_answers_meanwhile(self):
        self.add()
        self.account("a1", proxy="tokyo", priority="1")
        self.account("a2", "127.0.0.1", priority="2")
        self.proxy.close()
        self.answered()
        keys = [v for l in self.requests() for n, v in l["headers"]
                if n.lower() == "x-api-key"]
        self.assertEqual(len(keys), 1)
        self.assertEqual(self.proxy.asked, [])
        self.assertEqual(self.show("a2")["requests"], 1)
        self.proxy.open()

    def test_a_proxy_that_is_gone_takes_its_accounts_out_of_use(self):
        self.add()
        self.account("a1", "127.0.0.1", proxy="tokyo")
        self.assertIn("a1", self.refused("busy", "proxy.rm", name="tokyo"))
        self.relay.call("proxy.rm", name="tokyo", force=True)
        shown = self.show()
        self.assertEqual(shown["state"], "no-proxy")
        self.assertIn("tokyo", shown["no_way"])
        self.assertEqual(shown["way"], "")
        a = ask(self.relay, ANTHROPIC, False)
        self.assertEqual(a.status, 503)
        self.assertIn(b"1 without their proxy", a.body)
        test = self.relay.call("account.test", name="a1", model="claude-x")
        self.assertIn("no proxy \"tokyo\"", test["error"])
        self.assertEqual(self.requests(), [])
        # Other fields of it can be changed, and it stays so over a start.
        self.relay.call("account.set", name="a1", fields={"note": "x"})
        self.assertEqual(self.relay.stop(), 0)
        self.relay.start()
        self.assertEqual(self.show()["state"], "no-proxy")
        # There again, it is used at once.
        self.add()
        self.assertEqual(self.show()["state"], "ready")
        self.answered()
        self.assertEqual(self.proxy.asked, [("127.0.0.1", self.host[1])])

    def test_a_wrong_password_is_told_and_a_right_one_mends_it(self):
        self.relay.call("proxy.add", name="tokyo", url=self.proxy.url(),
                        password="wrong")
        self.account(proxy="tokyo")
        self.assertNotEqual(ask(self.relay, ANTHROPIC, False).status, 200)
        self.assertIn("credentials", self.show()["last_error"])
        self.relay.call("proxy.set", name="tokyo", password=PASSWORD)
        self.relay.call("account.reset", name="a1")
        self.answered()

    # --- the default

    def test_accounts_that_name_none_take_the_default(self):
        self.add()
        self.account("a1", "127.0.0.1")
        self.account("a2", "127.0.0.1", proxy="direct", priority="99")
        self.assertEqual(self.show()["way"], "direct")
        self.refused("unknown", "setting.set", name="proxy_default",
                     value="osaka")
        self.relay.set(proxy_default="tokyo")
        self.assertEqual(self.show()["way"], "tokyo")
        self.assertEqual(self.show("a2")["way"], "direct")
        self.answered()
        self.assertEqual(len(self.proxy.asked), 1)
        self.relay.call("account.hold", name="a1")
        self.answered()
        self.assertEqual(len(self.proxy.asked), 1)
        # Removed by force it leaves a hole, not an open door.
        self.relay.call("proxy.rm", name="tokyo", force=True)
        self.relay.call("account.release", name="a1")
        self.assertEqual(self.show()["state"], "no-proxy")
        self.assertEqual(self.show("a2")["state"], "ready")

    def test_a_default_that_nobody_uses_is_not_removed_unsaid(self):
        self.add()
        self.relay.set(proxy_default="tokyo")
        self.assertIn("proxy_default",
                      self.refused("busy", "proxy.rm", name="tokyo"))

    # --- changed

    def test_a_change_is_for_the_next_request_and_streams_go_on(self):
        other = Proxy("alice")
        self.addCleanup(other.close)
        self.add()
        self.account(proxy="tokyo")
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC,
                                keys="pause=3:1500"))
            until("the stream to begin", lambda: self.proxy.asked)
            self.relay.call("proxy.set", name="tokyo", url=other.url())
            self.answered()
            self.assertEqual(other.asked, [self.host])
            data = b""
            while ANTHROPIC.terminal not in data:
                more = s.recv(65536)
                self.assertTrue(more, data)
                data += more
        self.assertEqual(self.proxy.asked, [self.host])

    def test_one_that_fails_is_left_alone_for_a_while(self):
        self.add()
        self.account("a1", "127.0.0.1", proxy="tokyo")
        self.account("a2", "127.0.0.1", proxy="direct", priority="99")
        self.assertNotIn("rests_until", self.relay.call(
            "proxy.show", name="tokyo"))
        self.proxy.close()
        for _ in range(2):
            self.relay.call("account.reset", name="a1")
            self.answered()
        shown = self.relay.call("proxy.show", name="tokyo")
        self.assertIn("rests_until", shown)
        rows = {r["name"]: r for r in self.relay.control.rows("metrics")}
        self.assertEqual(rows["relayd_proxies_resting"]["samples"][0]
                         ["value"], 1)
        # It is there again, but nobody goes: another account answers.
        self.proxy.open()
        del self.proxy.asked[:]
        self.relay.call("account.reset", name="a1")
        self.answered()
        self.assertEqual(self.proxy.asked, [])
        # A test goes all the same, and ends it.
        self.assertTrue(self.relay.call("proxy.test", name="tokyo")["ok"])
        self.assertNotIn("rests_until", self.relay.call(
            "proxy.show", name="tokyo"))
        self.relay.call("account.reset", name="a1")
        del self.proxy.asked[:]
        self.answered()
        self.assertEqual(len(self.proxy.asked), 1)

    def test_nobody_is_told_who_goes_through(self):
        self.relay.call("proxy.add", name="tokyo",
                        url="socks5h://proxy-mallory@a.test:1",
                        password=PASSWORD)
        row = self.relay.call("proxy.list")[0]
        self.assertEqual((row["url"], row["has_user"], row["has_password"]),
                         ("socks5h://a.test:1", True, True))
        said = self.relay.call("proxy.set", name="tokyo", dry_run=True,
                               url="socks5h://proxy-other@a.test:1")
        self.assertEqual([c["field"] for c in said["changes"]], ["user"])
        said = self.relay.call("proxy.set", name="tokyo",
                               fields={"note": "x"})
        self.assertTrue(said["has_user"])
        rows = self.relay.call("audit.list")
        self.assertIn("note", str(rows[0]))
        self.assertNotIn("login", str(rows[0]))
        self.assertEqual(self.relay.stop(), 0)
        with open(os.path.join(self.relay.state, "data.mdb"), "rb") as f:
            self.assertNotIn(b"proxy-mallory", f.read())
        said = self.relay.all_log.encode() + self.relay.seen
        for user in (b"proxy-mallory", b"proxy-other"):
            self.assertNotIn(user, said)
        self.relay.start()

    def test_what_is_said_of_a_proxy_is_checked(self):
        for url in ("", "tokyo", "ftp://a:1", "socks4://a:1", "socks5h://",
                    "socks5h://u:p@a:1", "http://a:0", "http://a/path",
                    "http://a?q", "http://a b:1", "http://0x7f.1:1",
                    "socks5h://127.1:1"):
            with self.subTest(url):
                self.refused("value", "proxy.add", name="bad", url=url)
        for name in ("direct", "", "a b", "-x", "a/b"):
            with self.subTest(name):
                self.refused("value", "proxy.add", name=name,
                             url="socks5h://a:1")
        self.refused("value", "proxy.add", name="bad", url="http://a:1",
                     password="nobody's")
        self.refused("value", "proxy.add", name="bad", url="http://a:1",
                     fields={"family": "5"})
        self.refused("unknown", "account.add", kind="claude-api", name="a1",
                     credential="sk-x", fields={"proxy": "osaka"})
        self.add()
        self.refused("exists", "proxy.add", name="tokyo", url="http://a:1")
        self.refused("stale", "proxy.set", name="tokyo", if_rev=7,
                     fields={"note": "x"})
        said = self.relay.call("proxy.set", name="tokyo", dry_run=True,
                               fields={"note": "x"})
        self.assertEqual(said["changes"][0]["field"], "note")

    # --- trying it

    def test_a_test_tells_times_and_the_address_that_is_seen(self):
        self.add()
        self.refused("value", "proxy.test", name="tokyo")
        test = self.relay.call(
            "proxy.test", name="tokyo",
            url="http://provider.invalid:%d/_practice/address" %
            self.up.ports[0])
        self.assertTrue(test["ok"], test)
        self.assertEqual(test["status"], 200)
        self.assertEqual(test["address"], "127.0.0.1")
        self.assertGreater(test["connect_us"], 0)
        self.assertGreaterEqual(test["total_us"], test["connect_us"])
        shown = self.relay.call("proxy.show", name="tokyo")
        self.assertEqual(shown["tested_us"], test["total_us"])
        self.assertEqual(shown["address"], "127.0.0.1")
        # Nothing said: where an account of its goes.
        self.account(proxy="tokyo")
        test = self.relay.call("proxy.test", name="tokyo")
        self.assertEqual(test["url"], "http://%s:%d/" % self.host)
        self.assertTrue(test["ok"])
        keys = [n for l in self.requests() for n, _ in l["headers"]
                if n.lower() in ("x-api-key", "authorization")]
        self.assertEqual(keys, [])

    def test_only_its_own_faults_are_the_proxys(self):
        self.add()
        for url in "nonsense", "http://10.1.2.3/", "gopher://x/":
            test = self.relay.call("proxy.test", name="tokyo", url=url)
            self.assertFalse(test["ok"], test)
            self.assertTrue(test["error"])
        shown = self.relay.call("proxy.show", name="tokyo")
        self.assertFalse(shown.get("last_error"), shown)
        self.proxy.close()
        self.addCleanup(self.proxy.open)
        self.relay.call("proxy.test", name="tokyo",
                        url="http://provider.invalid/")
        self.assertIn("proxy", self.relay.call(
            "proxy.show", name="tokyo")["last_error"])

    # --- channels

    def test_notices_take_the_proxy_that_their_channel_names(self):
        self.refused("unknown", "notify.add", kind="webhook", name="hook",
                     secret="https://provider.invalid/x",
                     fields={"proxy": "tokyo"})
        self.add()
        self.relay.call(
            "notify.add", kind="webhook", name="hook",
            secret="http://provider.invalid:%d/hook" % self.host[1],
            fields={"proxy": "tokyo", "events": "test",
                    "allow_private": "yes"})
        self.relay.call("notify.test", name="hook")
        self.assertEqual(self.proxy.asked, [self.host])
        self.assertIn("hook", self.refused("busy", "proxy.rm", name="tokyo"))
        self.relay.call("proxy.rm", name="tokyo", force=True)
        said = self.relay.call("notify.test", name="hook")
        self.assertIn("no proxy", said["error"])
        self.assertEqual(self.proxy.asked, [self.host])
        self.relay.call("notify.rm", name="hook")

    # --- families

    def test_only_addresses_of_the_family_are_connected_to(self):
        self.account("a1", "127.0.0.1", family="6")
        self.assertNotEqual(ask(self.relay, ANTHROPIC, False).status, 200)
        self.assertIn("no IPv6 address", self.show()["last_error"])
        self.relay.call("account.set", name="a1", fields={"family": "4"})
        self.relay.call("account.reset", name="a1")
        self.answered()
        # Of a proxy it is the proxy's address that counts.
        self.add(fields={"family": "6"})
        self.relay.call("account.set", name="a1", fields={"proxy": "tokyo"})
        self.assertNotEqual(ask(self.relay, ANTHROPIC, False).status, 200)
        self.assertEqual(self.proxy.asked, [])
        self.relay.call("proxy.set", name="tokyo", fields={"family": "any"})
        self.relay.call("account.reset", name="a1")
        self.answered()
        self.assertEqual(len(self.proxy.asked), 1)

    # --- own header fields

    def test_the_accounts_own_fields_are_sent(self):
        self.account("a1", "127.0.0.1",
                     headers="X-Team: blue | -X-Noise | OpenAI-Project: p1")
        self.answered(headers=[("x-noise", "1"), ("x-team", "red"),
                               ("x-kept", "2"), ("openai-project", "theirs")])
        test = self.relay.call("account.test", name="a1", model="claude-x")
        self.assertTrue(test["ok"], test)
        for l in self.requests():
            got = {n.lower(): v for n, v in l["headers"]}
            self.assertEqual(got["x-team"], "blue")
            self.assertEqual(got["openai-project"], "p1")
            self.assertNotIn("x-noise", got)
        self.assertEqual(len(self.requests()), 2)
        self.assertIn("x-kept", {n.lower() for n, _ in
                                 self.requests()[0]["headers"]})
        for bad in ("Authorization: x", "-Host", "a: b\r\nc: d", "a",
                    "Content-Length: 1", "a b: c"):
            with self.subTest(bad):
                self.refused("value", "account.set", name="a1",
                             fields={"headers": bad})
        said = self.refused(
            "value", "account.add", kind="bedrock", name="b1",
            credential="AKIAIOSFODNN7EXAMPLE:" + "x" * 40,
            fields={"region": "us-east-1", "headers": "a: b"})
        self.assertIn("writes them itself", said)

    # --- relayctl

    def relayctl(self, *words, stdin=None):
        return subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            input=stdin, capture_output=True, text=True, timeout=PATIENCE)

    def test_with_relayctl(self):
        done = self.relayctl("proxy", "add", "tokyo", self.proxy.url(),
                             "--password", "-", "--note", "rented",
                             stdin=PASSWORD + "\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"socks5h://127.0.0.1:{self.proxy.port}", done.stdout)
        self.assertNotIn("alice", done.stdout)
        self.account(proxy="tokyo")
        said = self.relayctl("proxy", "ls")
        self.assertIn("a1", said.stdout)
        said = self.relayctl("proxy", "test", "tokyo")
        self.assertEqual(said.returncode, 0, said.stdout)
        said = self.relayctl(
            "proxy", "test", "tokyo", "--url",
            "http://provider.invalid:%d/_practice/address" % self.host[1])
        self.assertIn("127.0.0.1", said.stdout)
        said = self.relayctl("proxy", "set", "tokyo", "--url",
                             self.proxy.url("http"))
        self.assertIn(f"http://127.0.0.1:{self.proxy.port}", said.stdout)
        said = self.relayctl("proxy", "rm", "tokyo")
        self.assertNotEqual(said.returncode, 0)
        self.assertIn("--force", said.stderr)
        self.assertNotIn(PASSWORD, done.stdout + done.stderr + said.stderr)
        self.answered()


class SignedIn(House):
    """Where somebody signs in: every call of the account."""

    def setUp(self):
        super().setUp()
        self.proxy = Proxy("proxy-alice")
        self.addCleanup(self.proxy.close)
        self.relay.call("proxy.add", name="tokyo", url=self.proxy.url(),
                        password=PASSWORD)
        self.host = ("provider.invalid", self.up.ports[0])
        self.place = "http://%s:%d" % self.host

    def close(self):
        super().close()
        said = self.relay.all_log.encode() + self.relay.seen
        self.assertNotIn(PASSWORD.encode(), said)
        self.assertNotIn(b"proxy-alice", said)

    def fields(self, **more):
        return {"url": self.place, "auth_url": self.place, "proxy": "tokyo",
                **more}

    def through(self):
        """Connections through the proxy since the last time."""
        n = len(self.proxy.asked)
        self.assertEqual(self.proxy.asked, [self.host] * n)
        del self.proxy.asked[:]
        return n

    def test_sign_in_requests_refresh_and_limits_go_through(self):
        self.sign_in()
        self.assertGreaterEqual(self.through(), 1)
        self.works()
        self.assertEqual(self.through(), 1)
        self.up.script([{"path": "*/oauth/token", "do": LONG}])
        self.relay.call("account.refresh", name="c")
        self.assertGreaterEqual(self.through(), 1)
        self.relay.call("account.windows", name="c", ask=True)
        self.assertGreaterEqual(self.through(), 1)
        self.assertEqual(len(self.asked("USAGE")), 1)

    def test_without_it_none_of_them_goes_anywhere(self):
        self.sign_in()
        self.through()
        before = self.up.stats()["line"]
        self.relay.call("proxy.rm", name="tokyo", force=True)
        # Where it could be reached straight.
        self.relay.call("account.set", name="c", fields={
            "url": self.origin, "auth_url": self.origin,
            "allow_private": "yes"})
        for method, more in (("account.refresh", {}),
                             ("account.windows", {"ask": True}),
                             ("account.test", {"model": "claude-x"})):
            with self.subTest(method):
                try:
                    said = self.relay.call(method, name="c", **more)
                    self.assertFalse(said["ok"])
                except Refused as no:
                    self.assertIn("proxy", str(no))
        open_ = self.relay.call("oauth.again", name="c")
        with self.assertRaises(Refused) as said:
            self.relay.call("oauth.finish", id=open_["id"],
                            answer="practice-code#x")
        self.assertNotEqual(self.message().status, 200)
        self.assertEqual([l for l in self.up.log(before) if "target" in l and
                          "_practice" not in l["target"]], [])
        self.assertFalse(self.account()["held"], "it was not its fault")


if __name__ == "__main__":
    unittest.main()
