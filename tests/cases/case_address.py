# SPDX-License-Identifier: MIT
"""case_address.py - the account says where requests go, and some places are
never gone to."""
import socket

from house import Case, Refused
from speech import ANTHROPIC, ask

# Where nothing of relayd's has any business, however it is written.
FORBIDDEN = (
    "169.254.169.254", "169.254.1.1", "0.0.0.0", "0", "255.255.255.255",
    "224.0.0.1", "[::]", "[fe80::1]", "[ff02::1]", "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]", "[fd00:ec2::254]", "2852039166", "0xa9fea9fe",
    "0251.0376.0251.0376", "169.16689662", "100.100.100.200",
)
PRIVATE = ("10.0.0.1", "172.16.0.1", "192.168.1.1", "127.0.0.1", "[::1]",
           "127.1", "2130706433", "0x7f000001", "017700000001",
           "[::ffff:127.0.0.1]", "[fd00::1]", "localhost")


class Forbidden(Case):
    accounts = 0

    def refused(self, host, allow_private):
        """Refused when it is set, or when it is dialled; asked of a port where
        the practice upstream listens, so that a slip would be an answer."""
        port = self.up.ports[0]
        name = "x" + "".join(c for c in host if c.isalnum())
        try:
            self.relay.account("anthropic-compat", name,
                               f"http://{host}:{port}", "sk-x",
                               allow_private=allow_private, models="only-x")
        except Refused as no:
            self.assertEqual(no.code, "value")
            return
        try:
            self.no_answer(name)
        finally:
            self.relay.call("account.rm", name=name)

    def no_answer(self, name):
        body = ANTHROPIC.body(False).replace(b"claude-x", b"only-x")
        a = ask(self.relay, ANTHROPIC, False, body=body)
        self.assertIn(a.status, (502, 503))
        shown = self.relay.call("account.show", name=name)
        self.assertTrue(any(word in shown["last_error"] for word in
                            ("not allowed", "not found")), shown["last_error"])

    def test_they_are_refused_even_to_those_who_may_go_to_private_ones(self):
        for host in FORBIDDEN:
            with self.subTest(host):
                self.refused(host, "yes")
        self.assertEqual(self.requests(), [])

    def test_private_ones_need_leave(self):
        for host in FORBIDDEN + PRIVATE:
            with self.subTest(host):
                self.refused(host, "no")
        self.assertEqual(self.requests(), [])

    def test_urls_that_are_none_are_refused_at_once(self):
        for url in ("ftp://a/", "file:///etc/passwd", "http://", "//a", "a",
                    "http://u:p@a/", "http://a/\r\nx: y", "http://a b/",
                    "http://a:0/", "http://a:99999/", "http://a/?q",
                    "http://a/#f", "gopher://a/", "http://[::1/", ""):
            with self.subTest(url), self.assertRaises(Refused) as no:
                self.relay.account("anthropic-compat", "bad", url, "sk-x")
            self.assertEqual(no.exception.code, "value")


class Chosen(Case):
    """A client says where it wants to go, and is not listened to."""
    accounts = 1

    def setUp(self):
        super().setUp()
        self.elsewhere = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.elsewhere.close)
        self.elsewhere.settimeout(0)
        self.other = "127.0.0.1:%d" % self.elsewhere.getsockname()[1]

    def not_there(self, a, statuses=(200,)):
        self.assertIn(a.status, statuses)
        with self.assertRaises(BlockingIOError):
            self.elsewhere.accept()
        for l in self.requests():
            hosts = [v for n, v in l["headers"] if n.lower() == "host"]
            self.assertEqual(hosts, [f"127.0.0.1:{self.up.ports[0]}"])
            self.assertTrue(l["target"].startswith("/v1/messages"))
            self.assertNotIn(self.other, str(l["headers"]))

    def test_by_its_Host(self):
        self.not_there(ask(self.relay, ANTHROPIC, host=self.other))

    def test_by_the_absolute_form(self):
        self.not_there(ask(self.relay, ANTHROPIC, host=self.other,
                           target=f"http://{self.other}/v1/messages"))
        self.not_there(ask(self.relay, ANTHROPIC,
                           target=f"http://{self.other}/v1/messages"), (400,))

    def test_by_fields_of_proxies(self):
        self.not_there(ask(self.relay, ANTHROPIC, headers=[
            ("x-forwarded-host", self.other), ("forwarded",
             f"host={self.other}"), ("x-forwarded-for", self.other),
            ("x-real-ip", self.other), ("proxy-connection", self.other)]))

    def test_by_its_path(self):
        for target in (f"//{self.other}/v1/messages",
                       f"/@{self.other}/v1/messages",
                       f"/v1/messages/../../@{self.other}",
                       f"/v1/messages@{self.other}"):
            self.not_there(ask(self.relay, ANTHROPIC, target=target), (404,))

    def test_a_redirect_is_not_followed(self):
        self.rules(("a1", f"status=307;header=location:http://{self.other}/"))
        a = ask(self.relay, ANTHROPIC)
        self.not_there(a, (503,))
        self.assertIsNone(a.header("location"))


class Environment(Case):
    accounts = 1

    @classmethod
    def setUpClass(cls):
        cls.proxy = socket.create_server(("127.0.0.1", 0))
        cls.addClassCleanup(cls.proxy.close)
        cls.proxy.settimeout(0)
        url = "http://127.0.0.1:%d" % cls.proxy.getsockname()[1]
        cls.environment = {name: url for name in (
            "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY",
            "HTTPS_PROXY", "ALL_PROXY")}
        super().setUpClass()

    def test_a_proxy_of_the_environment_is_not_used(self):
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
        # Nor for what libcurl does by itself.
        self.relay.call("account.test", name="a1")
        self.relay.call("account.set", name="a1",
                        fields={"url": "https://127.0.0.1:1"})
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 502)
        with self.assertRaises(BlockingIOError):
            self.proxy.accept()
