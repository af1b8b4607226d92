# SPDX-License-Identifier: MIT
"""case_notice.py - what people are told, that they are told it once and at
last, and that nobody hears the secrets."""
import base64
import datetime
import email
import email.header
import hashlib
import hmac
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

from house import Case, Refused, Relay, program, until
from receiver import Authority, Hook, Mailer
from speech import ANTHROPIC, ask

KEY = "signing-key-canary-4711"
TOKEN = "canary-url-token-4711"
BOT = "4711:canary-bot-token"
PASSWORD = "canary-password-4711"


class Notice(Case):
    """Each test has channels of its own, and removes them."""
    accounts = 1
    settings = {"notice_repeat": 0}
    servers = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.authority = Authority(cls.folder.name)
        cls.conf = {"ca_file": cls.authority.ca, "timezone": "UTC"}
        super().setUpClass()

    def setUp(self):
        super().setUp()
        self.relay.set(notice_repeat=0)
        self.servers = []

    def tearDown(self):
        for c in self.relay.call("notify.list"):
            self.relay.call("notify.rm", name=c["name"])
        for s in self.servers:
            s.stop()
        for a in self.relay.call("account.list"):
            if a["held"]:
                self.relay.call("account.release", name=a["name"])
        self.assertEqual(self.queue(), [])

    def hook(self, **more):
        h = Hook(**more)
        self.servers.append(h)
        return h

    def add(self, kind, name, **more):
        fields = {"allow_private": "yes", "events": "account_*",
                  **more.pop("fields", {})}
        return self.relay.call("notify.add", kind=kind, name=name,
                               fields=fields, **more)

    def webhook(self, name, hook, **more):
        scheme = "https" if hook.context else "http"
        return self.add(
            "webhook", name,
            secret=f"{scheme}://127.0.0.1:{hook.port}/{TOKEN}?x={TOKEN}",
            **more)

    def hold(self, reason=""):
        self.relay.call("account.hold", name="a1", reason=reason)

    def queue(self, **params):
        return self.relay.control.rows("notify.queue", **params)

    def stored(self):
        """What was raised so far is on disk: the writer keeps the order, and
        this is answered after its commit."""
        self.relay.set(notice_repeat=0)

    def failing(self):
        """The one notice that waits for its next try."""
        return until("a try that failed", lambda: next(
            (r for r in self.queue() if r["attempts"] and
             r["state"] == "waiting"), None))

    def show(self, name):
        return self.relay.call("notify.show", name=name)

    def at_rest(self, name):
        return until("an empty queue", lambda: self.show(name)
                     if not self.show(name)["waiting"] else None)

    # --- what is told

    def test_a_webhook_is_told_and_can_check_who_says_it(self):
        h = self.hook()
        self.webhook("w", h, sign=KEY)
        self.hold("by <@all> & \u202eco")
        self.relay.call("account.release", name="a1")
        posts = h.wait(2)
        for post in posts:
            signed = post.headers["x-relayd-timestamp"] + "." + \
                post.body.decode()
            self.assertEqual(
                post.headers["x-relayd-signature"], "v1=" + hmac.new(
                    KEY.encode(), signed.encode(), hashlib.sha256).hexdigest())
            self.assertLess(abs(int(post.headers["x-relayd-timestamp"]) -
                                time.time()), 60)
            self.assertEqual(post.target, f"/{TOKEN}?x={TOKEN}")
        first, second = (json.loads(p.body) for p in posts)
        self.assertEqual((first["event"], first["object"], first["severity"],
                          first["attempt"], first["missed"]),
                         ("account_held", "a1", "info", 1, 0))
        self.assertIn("by <@all> & co", first["text"])
        self.assertEqual(second["event"], "account_released")
        self.assertEqual(first["id"], posts[0].headers["x-relayd-id"])
        self.assertNotEqual(first["id"], second["id"])
        self.assertEqual(self.at_rest("w")["sent"], 2)

    def test_every_kind_of_post_arrives(self):
        h = self.hook()
        base = f"http://127.0.0.1:{h.port}"
        kinds = {
            "slack": dict(secret=f"{base}/slack"),
            "discord": dict(secret=f"{base}/discord"),
            "telegram": dict(secret=BOT, fields=dict(to="-1", url=base)),
            "ntfy": dict(secret="tk_1", fields=dict(to="t", url=base + "/")),
            "bark": dict(secret="device", fields=dict(url=base)),
            "feishu": dict(secret=f"{base}/feishu", sign=KEY),
            "dingtalk": dict(secret=f"{base}/dingtalk?a=1", sign=KEY),
            "wecom": dict(secret=f"{base}/wecom"),
        }
        good = {"bark": b'{"code":200}', "feishu": b'{"code":0}',
                "dingtalk": b'{"errcode":0}', "wecom": b'{"errcode":0}'}
        targets = {"telegram": f"/bot{BOT}/sendMessage", "ntfy": "/",
                   "bark": "/push"}
        for kind, more in kinds.items():
            with self.subTest(kind):
                h.answer = (200, {}, good.get(kind, b"ok"))
                self.add(kind, kind, **more)
                said = self.relay.call("notify.test", name=kind)
                self.assertEqual((said["ok"], said["status"]), (True, 200))
                post = h.seen[-1]
                self.assertEqual(post.target.split("?")[0],
                                 targets.get(kind, "/" + kind))
                json.loads(post.body)
                if kind in good:
                    h.answer = (200, {}, b'{"code":9,"errcode":9}')
                    self.assertFalse(
                        self.relay.call("notify.test", name=kind)["ok"])
                self.relay.call("notify.rm", name=kind)
        self.assertEqual(
            {k["name"] for k in self.relay.call("notify.kinds")},
            {*kinds, "webhook", "email"})

    def test_filters_decide_who_is_told_what(self):
        held, all_of_it, critical = (self.hook() for _ in range(3))
        self.webhook("held", held, fields={"events": "*_held, st*"})
        self.webhook("all", all_of_it, fields={"events": ""})
        self.webhook("critical", critical, fields={"severity": "critical"})
        self.hold()
        self.relay.call("account.release", name="a1")
        self.rules(("a1", "status=401"))
        ask(self.relay, ANTHROPIC)
        self.assertEqual([json.loads(p.body)["event"]
                          for p in all_of_it.wait(3)],
                         ["account_held", "account_released",
                          "account_blocked"])
        self.assertEqual(json.loads(critical.wait(1)[0].body)["object"], "a1")
        for name in ("held", "all", "critical"):
            self.at_rest(name)
        self.assertEqual((len(held.seen), len(critical.seen)), (1, 1))

    def test_an_account_that_works_again_is_told(self):
        h = self.hook()
        self.webhook("w", h)
        self.rules(("a1", "status=401"))
        ask(self.relay, ANTHROPIC)
        self.assertEqual(json.loads(h.wait(1)[0].body)["event"],
                         "account_blocked")
        self.up.reset()
        self.relay.set(notice_repeat="1h")
        # The gate is open again by hand, and then nothing is taken back.
        self.relay.call("account.reset", name="a1")
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
        self.assertEqual(self.at_rest("w")["sent"], 1)

    def test_repetition_is_counted_and_told_with_the_next(self):
        h = self.hook()
        self.webhook("w", h)
        self.relay.set(notice_repeat="1h")
        before = self.metric("relayd_notices_held_back_total")
        for _ in range(3):
            self.relay.call("account.reset", name="a1")
            self.rules(("a1", "status=401"))
            ask(self.relay, ANTHROPIC)
        self.assertEqual(
            self.metric("relayd_notices_held_back_total") - before, 2)
        self.assertEqual(self.at_rest("w")["sent"], 1)

    def test_a_model_without_a_price_is_told_once_a_day(self):
        h = self.hook()
        self.webhook("w", h, fields={"events": "model_unpriced"})
        for _ in range(2):
            self.assertEqual(ask(self.relay, ANTHROPIC, body=json.dumps(
                {"model": "no-such-price", "max_tokens": 1,
                 "messages": [{"role": "user", "content": "x"}]}
            ).encode(), stream=False).status, 200)
        post = json.loads(h.wait(1)[0].body)
        self.assertEqual(post["object"], "no-such-price")
        self.assertEqual(self.at_rest("w")["sent"], 1)

    # --- receivers that do not take it

    def test_a_receiver_that_is_down_hears_it_when_it_is_up(self):
        h = self.hook()
        port = h.port
        h.stop()
        self.webhook("w", h)
        self.hold()
        row = self.failing()
        self.assertGreater(row["next_at"], time.time() * 1000 - 1000)
        self.assertLess(row["next_at"], time.time() * 1000 + 7000)
        self.assertIn("127.0.0.1", row["error"])
        self.assertEqual(self.show("w")["state"], "resting")
        h = self.hook(port=port)
        post = json.loads(h.wait(1)[0].body)
        self.assertGreaterEqual(post["attempt"], 2)
        self.assertEqual(post["id"], row["id"])

    def test_retry_after_is_honoured_and_a_change_tries_at_once(self):
        h = self.hook()
        h.answer = (429, {"retry-after": "600"}, b"slowly")
        self.webhook("w", h)
        self.hold()
        row = self.failing()
        self.assertAlmostEqual(row["next_at"] / 1000, time.time() + 600,
                               delta=20)
        self.assertIn("429: slowly", row["error"])
        h.answer = (200, {}, b"ok")
        self.relay.call("notify.set", name="w", fields={"note": "again"})
        posts = h.wait(2)
        self.assertEqual([json.loads(p.body)["attempt"] for p in posts],
                         [1, 2])
        self.assertEqual(posts[0].headers["x-relayd-id"],
                         posts[1].headers["x-relayd-id"])
        self.at_rest("w")

    def test_a_no_is_final_and_its_words_are_kept(self):
        h = self.hook()
        h.answer = (404, {}, lambda post: b"no \x1b[31m hook " +
                    post.target.encode() + b"x" * 9000)
        self.webhook("w", h)
        self.hold()
        row = until("a failure", lambda: next(iter(
            self.queue(failed=True)), None))
        self.assertEqual((row["state"], row["attempts"]), ("failed", 1))
        self.assertTrue(row["error"].startswith("404: no [31m hook /***"))
        self.assertNotIn("canary", row["error"])
        self.assertLess(len(row["error"]), 200)
        self.assertEqual(self.show("w")["failed"], 1)
        self.assertEqual(self.metric("relayd_notices_failed_total",
                                     channel="w"), 1)
        self.assertEqual(self.relay.call("notify.clear")["cleared"], 1)
        self.assertEqual(self.queue(), [])

    def test_one_that_is_refused_lets_the_others_pass(self):
        h = self.hook()
        h.answer = (500, {}, b"not this one")
        self.webhook("w", h)
        self.hold()
        first = self.failing()
        h.answer = (200, {}, b"ok")
        self.relay.call("account.release", name="a1")
        # Both wait for the channel's rest; the new one goes first.
        posts = h.wait(3)
        self.assertNotEqual(json.loads(posts[1].body)["id"], first["id"])
        self.assertEqual(json.loads(posts[2].body)["id"], first["id"])

    def test_a_redirect_is_not_followed(self):
        h, other = self.hook(), self.hook()
        h.answer = (302, {"location": f"http://127.0.0.1:{other.port}/"}, b"")
        self.webhook("w", h)
        said = self.relay.call("notify.test", name="w")
        self.assertEqual((said["ok"], said["status"]), (False, 302))
        self.assertEqual(other.seen, [])

    def test_a_held_channel_tells_it_when_released(self):
        h = self.hook()
        self.webhook("w", h)
        self.relay.call("notify.hold", name="w", reason="holidays")
        self.hold()
        self.assertEqual([r["state"] for r in self.queue()], ["waiting"])
        self.assertTrue(self.relay.call("notify.test", name="w")["ok"])
        self.assertEqual(len(h.seen), 1)
        self.relay.call("notify.release", name="w")
        self.assertEqual(json.loads(h.wait(2)[1].body)["event"],
                         "account_held")

    def test_quiet_hours_let_pass_what_is_critical(self):
        h = self.hook()
        now = datetime.datetime.now(datetime.timezone.utc)
        hours = "-".join((now + datetime.timedelta(hours=d)).strftime("%H:%M")
                         for d in (-1, 2))
        self.webhook("w", h, fields={"quiet": hours})
        self.assertEqual(self.show("w")["state"], "quiet")
        self.hold()
        self.relay.call("account.release", name="a1")
        self.rules(("a1", "status=401"))
        ask(self.relay, ANTHROPIC)
        self.assertEqual(json.loads(h.wait(1)[0].body)["event"],
                         "account_blocked")
        until("only the others waiting",
              lambda: len(self.queue(channel="w")) == 2)
        self.relay.call("notify.set", name="w", fields={"quiet": ""})
        self.assertEqual([json.loads(p.body)["event"] for p in h.wait(3)[1:]],
                         ["account_held", "account_released"])

    # --- death

    def test_a_kill_between_raise_and_delivery_loses_nothing(self):
        h = self.hook()
        h.answer = None
        self.webhook("w", h, fields={"events": "account_held"})
        self.hold()
        first = h.wait(1)[0]
        self.stored()
        self.relay.kill(signal.SIGKILL)
        self.relay.ended()
        h.answer = (200, {}, b"ok")
        self.relay.start()
        again = h.wait(2)[1]
        self.assertEqual(first.headers["x-relayd-id"],
                         again.headers["x-relayd-id"])
        self.assertEqual(first.body, again.body)
        self.at_rest("w")
        self.stored()
        self.relay.kill(signal.SIGKILL)
        self.relay.ended()
        self.relay.start()
        self.assertEqual((self.queue(), len(h.seen)), ([], 2))

    def test_a_receiver_that_hangs_does_not_keep_relayd_from_stopping(self):
        h = self.hook()
        h.answer = None
        self.webhook("w", h, fields={"events": "stop, start"})
        began = time.monotonic()
        self.relay.kill(signal.SIGTERM)
        self.assertEqual(self.relay.ended(), 0)
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual(json.loads(h.seen[0].body)["event"], "stop")
        h.answer = (200, {}, b"ok")
        self.relay.start()
        events = [json.loads(p.body)["event"] for p in h.wait(3)]
        self.assertEqual(events, ["stop", "stop", "start"])
        self.at_rest("w")

    def test_a_stop_is_told_before_the_end(self):
        h = self.hook()
        self.webhook("w", h, fields={"events": "stop"})
        self.assertEqual(self.relay.stop(), 0)
        self.assertEqual(json.loads(h.seen[0].body)["event"], "stop")
        self.relay.start()
        self.assertEqual(self.queue(), [])

    # --- mail

    def mailer(self, **more):
        m = Mailer(self.authority.context(), **more)
        self.servers.append(m)
        return m

    def mail_channel(self, m, **more):
        scheme = "smtps" if m.implicit else "smtp"
        return self.add("email", "m", secret=PASSWORD, fields={
            "url": f"{scheme}://127.0.0.1:{m.port}",
            "from": "relay@example.com", "user": "relay",
            "to": "ann@example.com,bob@example.com", **more})

    def test_mail_goes_over_tls_with_a_login(self):
        for implicit in (True, False):
            with self.subTest(implicit=implicit):
                m = self.mailer(implicit=implicit)
                self.mail_channel(m)
                self.hold("caf\u00e9 Bcc: eve@example.com")
                got = m.wait(1)[0]
                self.assertTrue(got.encrypted)
                self.assertEqual(got.login,
                                 b"\0relay\0" + PASSWORD.encode())
                self.assertIn("<relay@example.com>", got.sender)
                self.assertEqual(len(got.to), 2)
                text = email.message_from_bytes(got.data)
                subject = str(email.header.make_header(
                    email.header.decode_header(text["subject"])))
                self.assertIn("account held: a1", subject)
                self.assertIsNone(text["bcc"])
                body = text.get_payload(decode=True).decode()
                self.assertIn("caf\u00e9", body)
                self.assertRegex(text["message-id"],
                                 r"^<[0-9A-Z]{26}@example.com>$")
                self.at_rest("m")
                self.assertFalse(any(
                    PASSWORD in line or "AUTH" in line
                    for encrypted, line in m.talk if not encrypted))
                self.relay.call("notify.rm", name="m")
                self.relay.call("account.release", name="a1")

    def test_no_word_is_said_to_a_mail_server_without_tls(self):
        m = self.mailer(starttls=False)
        self.mail_channel(m)
        said = self.relay.call("notify.test", name="m")
        self.assertFalse(said["ok"])
        self.assertEqual(m.seen, [])
        self.assertFalse([l for _, l in m.talk
                          if l.split()[0] not in ("EHLO", "QUIT")])

    def test_a_mail_that_is_refused_tells_the_servers_words(self):
        m = self.mailer(implicit=True)
        m.refuse = {"RCPT": "550 5.1.1 nobody of that name"}
        self.mail_channel(m)
        self.hold()
        row = until("a failure", lambda: next(iter(
            self.queue(failed=True)), None))
        self.assertIn("550 5.1.1 nobody of that name", row["error"])
        m.refuse = {"RCPT": "451 4.7.1 later"}
        self.relay.call("account.release", name="a1")
        self.assertIn("451 4.7.1 later", self.failing()["error"])

    # --- what must not be

    def test_certificates_are_verified(self):
        with tempfile.TemporaryDirectory() as folder:
            h = self.hook(context=Authority(folder).context())
            self.webhook("w", h)
            said = self.relay.call("notify.test", name="w")
            self.assertFalse(said["ok"])
            self.assertIn("not trusted", said["error"])
            self.assertEqual(h.seen, [])
        good = self.hook(context=self.authority.context())
        self.webhook("good", good)
        self.assertTrue(self.relay.call("notify.test", name="good")["ok"])

    def test_private_addresses_are_refused_unless_allowed(self):
        h = self.hook(context=self.authority.context())
        self.webhook("w", h, fields={"allow_private": "no"})
        said = self.relay.call("notify.test", name="w")
        self.assertFalse(said["ok"])
        self.assertIn("loopback", said["error"])
        self.assertEqual(h.seen, [])

    def test_an_address_that_is_not_connected_to_is_tried_once(self):
        h = self.hook(context=self.authority.context())
        self.webhook("w", h, fields={"allow_private": "no"})
        self.hold()
        row = until("a failure", lambda: next(iter(
            self.queue(failed=True)), None))
        self.assertEqual((row["state"], row["attempts"]), ("failed", 1))
        self.assertIn("loopback", row["error"])
        self.assertEqual(h.seen, [])
        self.assertEqual(self.relay.call("notify.clear")["cleared"], 1)

    def test_what_makes_no_sense_is_refused_with_the_field(self):
        secret = "https://h.test/x"
        table = (
            ("webhook", dict(secret="ftp://h.test/x"), "value"),
            ("webhook", dict(secret="http://h.test/x"), "value"),
            ("webhook", dict(secret="https://u:p@h.test/x"), "value"),
            ("webhook", dict(secret="http://169.254.169.254/x"), "value"),
            ("slack", dict(secret="https://[::ffff:169.254.169.254]/x"),
             "value"),
            ("webhook", dict(secret=""), "value"),
            ("webhook", dict(), "value"),
            ("webhook", dict(secret=secret, sign="short"), "value"),
            ("slack", dict(secret=secret, sign=KEY), "value"),
            ("webhook", dict(secret=secret, fields={"events": "acount*"}),
             "value"),
            ("webhook", dict(secret=secret, fields={"quiet": "22-7"}),
             "value"),
            ("webhook", dict(secret=secret, fields={"severity": "loud"}),
             "value"),
            ("webhook", dict(secret=secret, fields={"sound": "x"}),
             "unknown"),
            ("webhook", dict(secret=secret, fields={"secret": "x"}),
             "unknown"),
            ("telegram", dict(secret=BOT), "value"),
            ("email", dict(fields={"url": "smtps://m", "from": "a@b"}),
             "value"),
            ("pigeon", dict(secret=secret), "unknown"),
        )
        for kind, more, code in table:
            with self.subTest(kind=kind, more=more):
                with self.assertRaises(Refused) as said:
                    self.relay.call("notify.add", kind=kind, name="bad",
                                    **more)
                self.assertEqual(said.exception.code, code)
        self.assertEqual(self.relay.call("notify.list"), [])

    def test_secrets_are_nowhere(self):
        h = self.hook()
        echo = lambda post: post.target.encode() + b" " + post.body + \
            json.dumps(dict(post.headers)).encode()
        h.answer = (500, {}, echo)
        base = f"http://127.0.0.1:{h.port}"
        m = self.mailer(implicit=True)
        m.refuse = {"AUTH": f"535 not {PASSWORD}"}
        self.webhook("w", h, sign=KEY)
        self.add("telegram", "t", secret=BOT, fields=dict(to="1", url=base))
        self.add("bark", "b", secret=TOKEN, fields=dict(url=base))
        self.mail_channel(m)
        self.hold()
        for name in "wtbm":
            self.relay.call("notify.test", name=name)
            self.show(name)
        until("all to have failed", lambda: all(
            r["attempts"] for r in self.queue()) and self.queue())
        self.relay.call("audit.list")
        self.relay.call("notify.set", name="w", secret=f"{base}/{TOKEN}2")
        self.stored()
        words = [w.encode() for w in (TOKEN, BOT, PASSWORD, KEY)]
        words += [base64.b64encode(b"\0relay\0" + PASSWORD.encode())]
        for what, data in (
                ("the log", self.relay.log().encode()),
                ("the control socket", self.relay.control.seen),
                ("the command line", self.relay.proc("cmdline")),
                *self.files()):
            for word in words:
                self.assertNotIn(word, data, what)

    def files(self):
        for at, _, names in os.walk(self.relay.dir):
            for name in names:
                path = os.path.join(at, name)
                if os.path.isfile(path):
                    with open(path, "rb") as f:
                        yield name, f.read()

    # --- numbers, and relayctl

    def metric(self, name, **labels):
        rows = {r["name"]: r for r in self.relay.control.rows("metrics")}
        return sum(s["value"] for s in rows[name]["samples"]
                   if labels.items() <= s["labels"].items())

    def test_numbers_tell_how_it_goes(self):
        h = self.hook()
        self.webhook("w", h)
        raised = self.metric("relayd_notices_raised_total",
                             event="account_held")
        self.hold()
        self.at_rest("w")
        self.assertEqual(self.metric("relayd_notices_raised_total",
                                     event="account_held"), raised + 1)
        self.assertEqual(
            self.metric("relayd_notices_sent_total", channel="w"), 1)
        self.relay.call("notify.hold", name="w")
        self.relay.call("account.release", name="a1")
        self.assertEqual(
            self.metric("relayd_notices_waiting", channel="w"), 1)
        self.assertEqual(self.metric("relayd_notices_dropped_total"), 0)

    def ctl(self, *words, status=0, stdin=""):
        ran = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            capture_output=True, text=True, input=stdin)
        self.assertEqual(ran.returncode, status, ran.stdout + ran.stderr)
        return ran.stdout + ran.stderr

    def test_relayctl_does_all_of_it(self):
        h = self.hook()
        url = f"http://127.0.0.1:{h.port}/{TOKEN}"
        said = self.ctl("notify", "add", "slack", "ops", "--secret", "-",
                        "allow-private=yes", "severity=info", stdin=url + "\n")
        said += self.ctl("notify", "ls") + self.ctl("notify", "show", "ops")
        self.assertIn(f"http://127.0.0.1:{h.port}", said)
        self.assertIn("It was told.", self.ctl("notify", "test", "ops"))
        h.answer = (403, {}, b"invalid_token")
        said += self.ctl("notify", "test", "ops", status=1)
        self.assertIn("invalid_token", said)
        self.hold()
        until("a failure", lambda: self.queue(failed=True))
        said += self.ctl("notify", "queue", "--failed")
        self.assertIn("account_held", said)
        self.assertIn("403: invalid_token", said)
        self.assertIn("1 removed.", self.ctl("notify", "queue", "clear"))
        said += self.ctl("notify", "hold", "ops", "why not")
        said += self.ctl("notify", "release", "ops")
        said += self.ctl("notify", "kinds", "email")
        self.assertIn("smtps://", said)
        self.ctl("notify", "add", "slack", "x", "--secret", url, status=2)
        self.assertIn("Removed.", self.ctl("notify", "rm", "ops"))
        self.assertNotIn(TOKEN, said)


if __name__ == "__main__":
    unittest.main()
