# SPDX-License-Identifier: MIT
"""case_oauth.py - accounts that somebody signs in to: how that goes, what goes
wrong, and that no token is lost whenever relayd dies."""
import base64
import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import termios
import threading
import unittest
from urllib.parse import parse_qs, urlsplit

from house import Refused, Relay, Upstream, program, until
from practice import Answer, request_bytes
from speech import ANTHROPIC, ask

NATIVE = ("user-agent", "claude-cli/2.1.220 (external, cli)")
LONG = "life=28800"


class House(unittest.TestCase):
    """A relayd, and an upstream that keeps a book of tokens."""
    conf = {"oauth_accounts": "yes"}

    def setUp(self):
        self.up = Upstream(program("practice-upstream"), "--oauth")
        self.addCleanup(self.up.stop)
        self.origin = f"http://127.0.0.1:{self.up.ports[0]}"
        self.relay = Relay(self.conf)
        self.addCleanup(self.close)
        self.relay.key = self.relay.new_key("case")
        self.relay.set(retry_budget_floor=1000)

    def close(self):
        """No secret was ever told: not in the log, not over the socket."""
        self.relay.close()
        said = self.relay.all_log.encode() + self.relay.seen
        for secret in (b"sk-ant-oat01", b"sk-ant-ort01", b"practice-code-"):
            self.assertNotIn(secret, said)

    # --- the provider's side

    def post(self, target, body=None):
        with self.up.connect() as s:
            s.sendall(request_bytes("POST", target, body))
            return Answer(s).json()

    def revoke(self, what):
        return self.post("/_practice/revoke?what=" + what)["count"]

    def say_yes(self, url, login="practice"):
        """What a person does in the browser; what the page shows them."""
        self.up.script([{"path": "/oauth/authorize",
                         "do": "login=" + login}])
        parts = urlsplit(url)
        page = self.up.get(f"{parts.path}?{parts.query}")
        self.assertEqual(page.status, 200, page.body)
        self.up.script([])
        return page.json()

    def asked(self, route):
        return [l for l in self.up.log() if l.get("route") == route]

    # --- ours

    def fields(self, **more):
        return {"url": self.origin, "auth_url": self.origin,
                "allow_private": "yes", **more}

    def begin(self, name="c", kind="claude-oauth", **more):
        return self.relay.call("oauth.begin", kind=kind, name=name,
                               fields=self.fields(**more))

    def sign_in(self, name="c", login="practice", life=LONG, **more):
        open_ = self.begin(name, **more)
        page = self.say_yes(open_["url"], login)
        self.up.script([{"path": "*/oauth/token", "do": life}])
        who = self.relay.call("oauth.finish", id=open_["id"],
                              answer=page["paste"])
        self.up.script([])
        return who

    def account(self, name="c"):
        return self.relay.call("account.show", name=name)

    def message(self, **more):
        return ask(self.relay, ANTHROPIC, stream=False, headers=[NATIVE],
                   **more)

    def models(self):
        a = ask(self.relay, ANTHROPIC, method="GET", body=b"",
                target="/v1/models", headers=[NATIVE])
        self.assertEqual(a.status, 200, a.body)
        return a.json()["data"]

    def works(self):
        a = self.message()
        self.assertEqual(a.status, 200, a.body)
        return a

    def refused(self, code, method, **params):
        with self.assertRaises(Refused) as said:
            self.relay.call(method, **params)
        self.assertEqual(said.exception.code, code, said.exception)
        return str(said.exception)


class SignIn(House):
    def test_from_the_address_to_an_answer(self):
        open_ = self.begin()
        self.assertIn("Anthropic's terms", open_["notice"])
        query = parse_qs(urlsplit(open_["url"]).query)
        self.assertEqual(query["code_challenge_method"], ["S256"])
        self.assertEqual(query["code"], ["true"])
        page = self.say_yes(open_["url"])
        who = self.relay.call("oauth.finish", id=open_["id"],
                              answer=page["callback"])
        self.assertEqual(who["email"], "practice@example.org")
        self.assertEqual(who["plan"], "claude_max")
        self.assertIn("user:inference", who["scopes"])
        self.assertGreater(who["expires_at"], who["renewed_at"])
        self.works()
        # It outlives relayd.
        self.assertEqual(self.relay.stop(), 0)
        self.relay.start()
        self.works()

    def test_a_setup_token_is_asked_for_a_year_and_never_renewed(self):
        open_ = self.begin(kind="claude-setup-token")
        page = self.say_yes(open_["url"])
        who = self.relay.call("oauth.finish", id=open_["id"],
                              answer=page["paste"])
        self.assertEqual(who["scopes"], "user:inference")
        token = self.asked("TOKEN_CLAUDE")[0]
        with open(f"{self.up.dir.name}/{token['seq']}.body") as f:
            self.assertEqual(json.load(f)["expires_in"], 31536000)
        self.works()

    def test_a_token_of_a_year_can_be_pasted(self):
        made = self.begin(kind="claude-setup-token", name="other")
        page = self.say_yes(made["url"])
        query = parse_qs(urlsplit(made["url"]).query)
        self.relay.call("oauth.cancel", id=made["id"])
        self.assertTrue(page["code"] and query["state"])
        self.relay.call("account.add", kind="claude-setup-token", name="c",
                        credential="a-token-of-somebody",
                        fields=self.fields())
        self.works()
        self.assertEqual(self.asked("MESSAGES")[0]["status"], 200)

    def test_nothing_wrong_is_stored(self):
        """Each wrong answer says what is wrong, and how to go on."""
        open_ = self.begin()
        page = self.say_yes(open_["url"])
        wrong = {"answer": "nonsense with ://", "another":
                 page["code"] + "#another", "no":
                 "http://x/cb?error=access_denied&state=x"}
        self.assertIn("no code", self.refused(
            "syntax", "oauth.finish", id=open_["id"], answer=wrong["answer"]))
        self.assertIn("another sign-in", self.refused(
            "stale", "oauth.finish", id=open_["id"], answer=wrong["another"]))
        self.assertIn("access_denied", self.refused(
            "value", "oauth.finish", id=open_["id"], answer=wrong["no"]))
        # The provider was not bothered, and the right one still works.
        self.assertEqual(self.asked("TOKEN_CLAUDE"), [])
        self.relay.call("oauth.finish", id=open_["id"], answer=page["paste"])
        # A used one does not; nor does the sign-in that is over.
        self.assertIn("begin again", self.refused(
            "unknown", "oauth.finish", id=open_["id"],
            answer=page["paste"]))
        again = self.begin("d")
        said = self.refused("value", "oauth.finish", id=again["id"],
                            answer=page["code"])
        self.assertIn("used before", said)
        self.assertIn("nothing was stored; begin again: relayctl account "
                      "login claude-oauth d", said)
        self.assertEqual([a["name"] for a in
                          self.relay.call("account.list")], ["c"])

    def test_a_provider_in_trouble_leaves_nothing(self):
        for keys in ("status=500", "body=%3Chtml%3E", "fin=head"):
            with self.subTest(keys):
                open_ = self.begin()
                page = self.say_yes(open_["url"])
                self.up.script([{"path": "*/oauth/token", "do": keys}])
                with self.assertRaises(Refused):
                    self.relay.call("oauth.finish", id=open_["id"],
                                    answer=page["paste"])
                self.up.script([])
                self.assertEqual(self.relay.call("account.list"), [])

    def test_only_when_the_owner_of_the_host_allows_it(self):
        self.relay.stop()
        self.relay.configure({})
        self.relay.start()
        for method in ("oauth.begin",):
            self.assertIn("oauth_accounts", self.refused(
                "denied", method, kind="claude-oauth", name="c",
                fields=self.fields()))
        self.refused("denied", "account.add", kind="claude-setup-token",
                     name="c", credential="x" * 20, fields=self.fields())
        self.refused("unsupported", "oauth.begin", kind="claude-api",
                     name="c", fields=self.fields())

    def test_a_code_to_type_is_not_promised_where_there_is_none(self):
        self.assertIn("claude-oauth gives no code", self.refused(
            "unsupported", "oauth.begin", kind="claude-oauth", name="c",
            fields=self.fields(), device=True))
        self.assertEqual(self.relay.call("oauth.list"), [])

    def test_what_is_no_longer_allowed_is_not_used(self):
        self.sign_in()
        self.works()
        self.relay.configure({})
        mark = self.relay.mark()
        self.relay.kill(signal.SIGHUP)
        self.relay.wait_log("1 accounts that were signed in to", mark)
        self.assertEqual(self.account()["state"], "forbidden")
        self.assertEqual(self.message().status, 503)
        # Nor by those who run relayd, nor is it told to clients.
        told = len(self.up.log())
        for method, more in (("account.test", {"model": "claude-sonnet-4-5"}),
                             ("account.refresh", {}),
                             ("account.windows", {"ask": True})):
            self.assertIn("oauth_accounts", self.refused(
                "denied", method, name="c", **more))
        self.assertEqual(self.models(), [])
        self.assertEqual(len(self.up.log()), told)
        self.relay.configure(self.conf)
        self.relay.kill(signal.SIGHUP)
        until("it to be allowed again",
              lambda: self.account()["state"] == "ready")
        self.works()
        self.assertNotEqual(self.models(), [])

    def test_there_is_an_end_to_open_sign_ins(self):
        ids = [self.begin(f"n{i}")["id"] for i in range(64)]
        self.assertIn("ten minutes", self.refused(
            "limit", "oauth.begin", kind="claude-oauth", name="more",
            fields=self.fields()))
        self.relay.call("oauth.cancel", id=ids[0])
        self.begin("more")
        self.refused("unknown", "oauth.cancel", id=ids[0])

    def test_somebody_else_cannot_take_the_account_over(self):
        self.sign_in(login="alice")
        self.works()
        open_ = self.relay.call("oauth.again", name="c")
        page = self.say_yes(open_["url"], "bob")
        said = self.refused("value", "oauth.finish", id=open_["id"],
                            answer=page["paste"])
        self.assertIn("bob@example.org", said)
        self.assertIn("alice@example.org", said)
        self.assertEqual(self.account()["email"], "alice@example.org")
        self.works()
        # Unless that is what is wanted.
        open_ = self.relay.call("oauth.again", name="c", replace=True)
        page = self.say_yes(open_["url"], "bob")
        self.relay.call("oauth.finish", id=open_["id"], answer=page["paste"])
        self.assertEqual(self.account()["email"], "bob@example.org")
        self.works()

    def test_the_way_out_is_the_accounts_proxy_or_none(self):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        open_ = self.begin(proxy=f"http://127.0.0.1:{port}")
        page = self.say_yes(open_["url"])
        with self.assertRaises(Refused):
            self.relay.call("oauth.finish", id=open_["id"],
                            answer=page["paste"])
        self.assertEqual(self.asked("TOKEN_CLAUDE"), [])


class Secrets(House):
    def sent(self):
        seq = self.asked("TOKEN_CLAUDE")[-1]["seq"]
        with open(f"{self.up.dir.name}/{seq}.body") as f:
            return json.load(f).get("client_secret")

    def row(self):
        return next(r for r in self.relay.call("oauth.client.list")
                    if r["option"] == "claude_client")

    def test_of_oauth_clients_are_kept_and_never_told(self):
        self.assertFalse(self.row()["secret"])
        self.assertIn("claude-oauth", self.row()["kinds"])
        self.relay.call("oauth.client.set", option="claude_client",
                        secret="the-first-secret")
        self.assertTrue(self.row()["secret"])
        self.sign_in()
        self.assertEqual(self.sent(), "the-first-secret")
        self.assertEqual(self.relay.stop(), 0)
        self.relay.start()
        self.relay.call("account.refresh", name="c")
        self.assertEqual(self.sent(), "the-first-secret")
        # A sign-in that is open meanwhile has the new one.
        open_ = self.begin("d")
        self.relay.call("oauth.client.set", option="claude_client",
                        secret="another-secret")
        page = self.say_yes(open_["url"])
        self.relay.call("oauth.finish", id=open_["id"], answer=page["paste"])
        self.assertEqual(self.sent(), "another-secret")
        self.relay.call("oauth.client.rm", option="claude_client")
        self.assertFalse(self.row()["secret"])
        self.relay.call("account.refresh", name="d")
        self.assertIsNone(self.sent())
        self.refused("unknown", "oauth.client.rm", option="claude_client")
        self.refused("unknown", "oauth.client.set", option="state_dir",
                     secret="x")
        for kept in ("state/data.mdb", "relayd.conf"):
            with open(os.path.join(self.relay.dir, kept), "rb") as f:
                self.assertNotIn(b"-secret", f.read())
        self.relay.stop()
        said = self.relay.all_log.encode() + self.relay.seen
        self.assertNotIn(b"first-secret", said)

    def test_of_systemd_count_more(self):
        self.relay.stop()
        where = os.path.join(self.relay.dir, "credentials")
        os.mkdir(where)
        with open(os.path.join(where, "claude_client_secret"), "w") as f:
            f.write("of-systemd\n")
        self.relay.environment["CREDENTIALS_DIRECTORY"] = where
        self.relay.start()
        self.assertTrue(self.row()["given"])
        self.relay.call("oauth.client.set", option="claude_client",
                        secret="of-the-store")
        self.sign_in()
        self.assertEqual(self.sent(), "of-systemd")


class Ending(House):
    """A provider that hangs does not keep relayd from ending."""

    def test_in_the_middle_of_a_renewal(self):
        self.sign_in()
        self.up.script([{"path": "*/oauth/token", "do": "hang"}])
        line = self.up.stats()["line"]
        self.relay.control.send("account.refresh", {"name": "c"})
        self.up.log(line, until="TOKEN_CLAUDE")
        self.assertEqual(self.relay.stop(), 0)
        self.up.script([])
        self.relay.start()
        self.works()

    def test_in_the_middle_of_a_sign_in(self):
        open_ = self.begin()
        page = self.say_yes(open_["url"])
        self.begin("another")
        self.up.script([{"path": "*/oauth/token", "do": "hang"}])
        line = self.up.stats()["line"]
        self.relay.control.send("oauth.finish", {
            "id": open_["id"], "answer": page["paste"]})
        self.up.log(line, until="TOKEN_CLAUDE")
        self.assertEqual(self.relay.stop(), 0)
        self.up.script([])
        self.relay.start()
        self.assertEqual(self.relay.call("account.list"), [])


class Clients(House):
    def test_only_the_providers_own_client_is_served(self):
        self.sign_in()
        a = ask(self.relay, ANTHROPIC, stream=False)
        self.assertEqual(a.status, 403)
        self.assertEqual(a.json()["error"]["type"], "permission_error")
        self.assertIn("own client", a.json()["error"]["message"])
        self.assertEqual(a.header("x-should-retry"), "false")
        self.works()
        # An account with an API key serves the others.
        self.relay.account("claude-api", "key", self.origin, "sk-a1")
        self.assertEqual(ask(self.relay, ANTHROPIC, stream=False).status, 200)

    def test_what_is_sent_is_what_the_client_said(self):
        """Body byte for byte; of the headers, the credential changes, and
        one beta is added."""
        self.sign_in()
        body = (b'{ "model":"claude-x",\n "max_tokens": 9, "system": '
                b'[{"type":"text","text":"x-anthropic-billing-header: a"}],'
                b'"messages":[{"role":"user","content":"hi \\u00e9"}]}')
        for betas, sent in ((None, "oauth-2025-04-20"),
                            ("a-1,b-2", "a-1,b-2,oauth-2025-04-20"),
                            ("oauth-2025-04-20,b-2",
                             "oauth-2025-04-20,b-2")):
            headers = [NATIVE, ("X-App", "cli"),
                       ("X-Claude-Code-Session-Id", "s-1")]
            if betas:
                headers.append(("anthropic-beta", betas))
            a = ask(self.relay, ANTHROPIC, stream=False, body=body,
                    headers=headers, target="/v1/messages?beta=true")
            self.assertEqual(a.status, 200)
            seen = self.asked("MESSAGES")[-1]
            self.assertEqual(seen["target"], "/v1/messages?beta=true")
            with open(f"{self.up.dir.name}/{seen['seq']}.body", "rb") as f:
                self.assertEqual(f.read(), body)
            got = {k.lower(): v for k, v in seen["headers"]}
            self.assertEqual(got["anthropic-beta"], sent)
            self.assertTrue(got["authorization"].startswith(
                "Bearer sk-ant-oat01-"))
            self.assertNotIn("x-api-key", got)
            self.assertEqual(got["user-agent"], NATIVE[1])
            self.assertEqual(got["x-app"], "cli")
            self.assertEqual(got["x-claude-code-session-id"], "s-1")
            known = {"anthropic-beta", "authorization", "user-agent", "x-app",
                     "x-claude-code-session-id", "host", "content-type",
                     "content-length", "accept-encoding"}
            self.assertEqual(set(got) - known, set())

    def test_headers_keep_name_case_value_and_order(self):
        """As Claude Code sends them; those that headers.def names are the
        connection's, the credential is the account's."""
        self.sign_in()
        ours = {"host", "x-api-key", "authorization", "content-length",
                "anthropic-beta"}
        headers = [("Accept", "application/json"),
                   ("User-Agent", NATIVE[1]),
                   ("X-Claude-Code-Session-Id", "s-1"),
                   ("X-Stainless-Arch", "x64"),
                   ("x-stainless-Lang", "js"),
                   ("X-Empty", ""),
                   ("x_odd", " spaced  out"),
                   ("anthropic-beta", "b-2"),
                   ("anthropic-dangerous-direct-browser-access", "true"),
                   ("anthropic-version", "2023-06-01"),
                   ("x-twice", "1"), ("x-app", "cli"), ("X-Twice", "2"),
                   ("x-client-request-id", "r-1")]
        a = ask(self.relay, ANTHROPIC, stream=False, headers=headers)
        self.assertEqual(a.status, 200, a.body)
        sent = [(n, v.strip()) for n, v in headers if n not in ours]
        sent.append(("content-type", "application/json"))
        came = [(n, v) for n, v in self.asked("MESSAGES")[-1]["headers"]
                if n.lower() not in ours]
        self.assertEqual([h for h in came if h[0].lower() !=
                          "accept-encoding"], sent)

    def test_any_client_with_the_operators_own_preamble(self):
        self.sign_in(clients="any", preamble='Say "please".')
        block = {"type": "text", "text": 'Say "please".'}
        own = {"type": "text", "text": "mine"}
        base = {"model": "claude-x", "max_tokens": 9,
                "messages": [{"role": "user", "content": "hi"}]}
        for system, becomes in ((None, [block]), ("mine", [block, own]),
                                ([own], [block, own]), ([], [block])):
            said = dict(base) if system is None else \
                dict(base, system=system)
            a = ask(self.relay, ANTHROPIC, stream=False,
                    body=json.dumps(said).encode())
            self.assertEqual(a.status, 200, a.body)
            seen = self.asked("MESSAGES")[-1]
            with open(f"{self.up.dir.name}/{seen['seq']}.body", "rb") as f:
                self.assertEqual(json.load(f), dict(base, system=becomes))
        # The provider's own client is left alone.
        self.works()
        seen = self.asked("MESSAGES")[-1]
        with open(f"{self.up.dir.name}/{seen['seq']}.body", "rb") as f:
            self.assertNotIn(b"please", f.read())

    def test_limits_are_kept_and_can_be_asked_for(self):
        self.sign_in()
        self.assertEqual(self.relay.call("account.windows"), [])
        self.works()
        rows = {r["window"]: r for r in self.relay.call("account.windows")}
        self.assertEqual(rows["5h"]["used_ppm"], 250000)
        self.assertEqual(rows["7d"]["used_ppm"], 590000)
        self.assertEqual(rows["5h"]["status"], "allowed")
        self.assertGreater(rows["7d"]["reset_at"], rows["5h"]["reset_at"])
        rows = {r["window"]: r for r in
                self.relay.call("account.windows", name="c", ask=True)}
        self.assertEqual(rows["5h"]["reset_at"], 1893474000000)
        self.assertEqual(len(self.asked("USAGE")), 1)

    def test_limits_are_asked_for_with_a_token_that_is_good(self):
        self.sign_in()
        self.assertGreater(self.revoke("access"), 0)
        self.up.script([{"path": "*/oauth/token", "do": LONG}])
        rows = self.relay.call("account.windows", name="c", ask=True)
        self.assertIn("5h", [r["window"] for r in rows])
        self.assertEqual(len(self.asked("TOKEN_CLAUDE")), 2)
        self.assertGreater(self.revoke("access"), 0)
        self.assertTrue(self.relay.call(
            "account.test", name="c", model="claude-sonnet-4-5")["ok"])
        self.assertEqual(len(self.asked("TOKEN_CLAUDE")), 3)
        # A refused one is renewed once, not again and again.
        self.up.script([{"path": "*/usage", "do": "status=401"},
                        {"path": "*/oauth/token", "do": LONG}])
        with self.assertRaises(Refused):
            self.relay.call("account.windows", name="c", ask=True)
        self.assertEqual(len(self.asked("TOKEN_CLAUDE")), 4)


class Renewing(House):
    def test_before_the_token_ends(self):
        """A token of a minute is due at once when relayd starts again late;
        here it is made due by a life that is all lead."""
        self.sign_in(life="life=1")
        first = self.account()["renewed_at"]
        self.up.script([{"path": "*/oauth/token", "do": LONG}])
        until("a renewed token",
              lambda: self.account()["renewed_at"] > first)
        self.works()
        self.assertEqual(len(self.asked("TOKEN_CLAUDE")), 2)

    def test_a_refused_token_is_renewed_once_for_all_who_wait(self):
        self.sign_in()
        self.works()
        self.assertGreater(self.revoke("access"), 0)
        self.up.script([{"path": "*/oauth/token", "do": LONG + ";delay=200"}])
        answers = []
        threads = [threading.Thread(
            target=lambda: answers.append(self.message())) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual([a.status for a in answers], [200] * 8)
        # One at the sign-in, one now.
        self.assertEqual(len(self.asked("TOKEN_CLAUDE")), 2)
        self.assertEqual(self.account()["state"], "ready")

    def test_an_account_that_is_signed_out_is_held_and_says_so(self):
        self.sign_in()
        self.revoke("access")
        self.revoke("refresh")
        a = self.message()
        self.assertEqual(a.status, 503, a.body)
        self.assertNotIn(b"invalid_grant", a.body)
        # Nobody knows when somebody will sign in.
        self.assertIsNone(a.header("retry-after"))
        held = until("held", lambda: self.account()
                     if self.account()["state"] == "held" else None)
        self.assertIn("auth: ", held["held_reason"])
        self.assertIn("account reauth c", held["held_reason"])
        self.assertIn("invalid_grant", held["held_reason"])
        self.assertEqual(held["held_by"], "relayd")
        self.relay.wait_log("event=sign_in_needed")
        # Asked twice, five seconds apart, then left alone.
        self.assertEqual(len(self.asked("TOKEN_CLAUDE")), 3)
        # Signing in again is all it needs.
        open_ = self.relay.call("oauth.again", name="c")
        page = self.say_yes(open_["url"])
        self.relay.call("oauth.finish", id=open_["id"], answer=page["paste"])
        self.assertEqual(self.account()["state"], "ready")
        self.works()

    def test_trouble_of_the_token_endpoint_is_waited_out(self):
        self.sign_in()
        self.up.script([{"path": "*/oauth/token", "do": "status=500"}])
        said = self.refused("again", "account.refresh", name="c")
        self.assertIn("500", said)
        # The old token is good still.
        self.works()
        self.assertEqual(self.account()["state"], "ready")
        self.up.script([])
        who = self.relay.call("account.refresh", name="c")
        self.assertEqual(who["email"], "practice@example.org")
        self.works()

    def test_held_accounts_are_renewed_too(self):
        self.sign_in(life="life=1")
        self.relay.call("account.hold", name="c", reason="holidays")
        first = self.account()["renewed_at"]
        self.up.script([{"path": "*/oauth/token", "do": LONG}])
        until("a renewed token",
              lambda: self.account()["renewed_at"] > first)
        self.assertEqual(self.account()["held_reason"], "holidays")

    def test_a_key_has_nothing_to_renew(self):
        self.relay.account("claude-api", "key", self.origin, "sk-a1")
        self.assertIn("API key", self.refused(
            "unsupported", "account.refresh", name="key"))


class Terminal(House):
    """relayctl at a terminal, as a person has it."""

    def talk(self, *words, size=(24, 80)):
        """Start it; what it says, up to the first question."""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(program("relayctl"),
                      ["relayctl", "--socket", self.relay.socket, *words],
                      {"TERM": "xterm", "LANG": "C.UTF-8", "HOME": "/"})
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", *size, 0, 0))
        self.addCleanup(os.close, self.fd)
        self.said = b""
        return self.hear(b"Answer: ")

    def hear(self, mark=None):
        """Read on, to the mark or to the end."""
        begin = len(self.said)
        while mark is None or mark not in self.said[begin:]:
            try:
                piece = os.read(self.fd, 65536)
            except OSError:
                piece = b""
            if not piece:
                self.assertIsNone(mark, self.said)
                break
            self.said += piece
        return self.said[begin:].decode()

    def answer(self, text, mark=None):
        os.write(self.fd, text.encode() + b"\n")
        return self.hear(mark)

    def status(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def login(self, *more):
        return self.talk("account", "login", "claude-oauth", "c", "--url",
                         self.origin, "--auth-url", self.origin,
                         "--allow-private", *more)

    def test_from_the_notice_to_who_it_is(self):
        said = self.login("--copy")
        flat = " ".join(said.split())
        self.assertIn("Anthropic's terms", flat)
        url = re.search(r"\x1b]8;;(http\S+?)\x1b\\(\S+?)\x1b]8;;", said)
        self.assertEqual(url[1], url[2])
        copied = re.search(r"\x1b]52;c;(\S+?)\a", said)
        self.assertEqual(base64.b64decode(copied[1]).decode(), url[1])
        # A slip can be mended.
        again = self.answer("nonsense://", b"Answer: ")
        self.assertIn("no code in this", again)
        page = self.say_yes(url[1], "alice")
        end = self.answer("\x1b[200~" + page["paste"] + "\x1b[201~")
        for word in ("Signed in.", "alice@example.org", "claude_max",
                     "user:inference", "token until"):
            self.assertIn(word, end)
        self.assertEqual(self.status(), 0)
        self.assertNotIn("sk-ant", self.said.decode())
        self.works()

    def test_a_refused_code_ends_it(self):
        self.login()
        end = self.answer("a-code-of-nobody")
        self.assertIn("nothing was stored", end)
        self.assertEqual(self.status(), 1)
        self.assertEqual(self.relay.call("account.list"), [])

    def test_enter_alone_gives_up(self):
        self.login()
        self.assertIn("given up", self.answer(""))
        self.assertEqual(self.status(), 1)
        # Its place is free again.
        for i in range(64):
            self.begin(f"n{i}")

    def vanish(self):
        """The terminal is gone, and relayctl without a word."""
        os.kill(self.pid, signal.SIGKILL)
        self.assertEqual(self.status(), -signal.SIGKILL)

    def run_it(self, *words):
        return subprocess.run([program("relayctl"), "--socket",
                               self.relay.socket, *words], text=True,
                              capture_output=True, stdin=subprocess.DEVNULL)

    def test_a_terminal_that_is_gone_costs_no_sign_in(self):
        said = self.login()
        url = re.search(r"\x1b]8;;(http\S+?)\x1b", said)[1]
        page = self.say_yes(url, "alice")
        self.vanish()
        rows = self.relay.call("oauth.list")
        self.assertEqual([(r["name"], r["kind"], r["state"], r["again"])
                          for r in rows],
                         [("c", "claude-oauth", "answer to paste", False)])
        self.assertTrue(0 < rows[0]["left_ms"] <= 600000)
        self.assertNotIn("url", rows[0])
        told = self.run_it("account", "logins")
        self.assertIn(rows[0]["id"], told.stdout)
        self.assertIn("claude-oauth", told.stdout)
        # The same address, with the same state: what was shown still counts.
        again = self.talk("account", "login", "--resume", rows[0]["id"])
        self.assertEqual(re.search(r"\x1b]8;;(http\S+?)\x1b", again)[1], url)
        end = self.answer(page["paste"])
        self.assertIn("alice@example.org", end)
        self.assertEqual(self.status(), 0)
        self.assertEqual(self.relay.call("oauth.list"), [])
        self.works()

    def test_a_code_to_type_is_shown_again(self):
        words = ("account", "login", "codex-oauth", "plan", "--device",
                 "--url", self.origin, "--auth-url", self.origin,
                 "--allow-private")
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(program("relayctl"),
                      ["relayctl", "--socket", self.relay.socket, *words],
                      {"TERM": "xterm", "LANG": "C.UTF-8", "HOME": "/"})
        self.addCleanup(os.close, self.fd)
        self.said = b""
        said = self.hear(b"Waiting for you")
        code = re.search(r"Type this code there: (\S+)", said)[1]
        self.vanish()
        self.assertEqual(self.relay.call("oauth.list")[0]["state"],
                         "code to type")
        self.post("/_practice/approve?user_code=" + code)
        # Nothing is said: it is the only one there is.
        done = self.run_it("account", "login", "--resume")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(code, done.stdout)
        self.assertIn("Signed in.", done.stdout)

    def test_which_sign_in_is_meant_must_be_clear(self):
        self.assertIn("begin again", self.refused("unknown", "oauth.resume"))
        first = self.begin("c")
        second = self.begin("d")
        self.assertIn("account logins", self.refused("value",
                                                     "oauth.resume"))
        for said in (second["id"], "d"):
            again = self.relay.call("oauth.resume", id=said)
            self.assertEqual(again["url"], second["url"])
        self.relay.call("oauth.cancel", id=second["id"])
        self.refused("unknown", "oauth.resume", id="d")
        self.assertEqual(self.relay.call("oauth.resume")["id"], first["id"])

    def test_input_that_ends_gives_nothing_up(self):
        left = self.run_it("account", "login", "claude-oauth", "c", "--url",
                           self.origin, "--auth-url", self.origin,
                           "--allow-private")
        self.assertEqual(left.returncode, 1)
        self.assertIn("--resume", left.stderr)
        self.assertEqual(len(self.relay.call("oauth.list")), 1)

    def test_a_qr_code_is_drawn_or_told_why_not(self):
        said = self.login("--qr")
        self.assertIn("QR code takes", said)
        self.assertIn("80 and 24", " ".join(said.split()))
        os.write(self.fd, b"\n")
        self.hear()
        self.status()
        said = self.talk("account", "login", "claude-oauth", "c", "--qr",
                         size=(100, 200))
        lines = [l for l in said.replace("\r", "").split("\n")
                 if l and set(l) <= set("\u2580\u2584\u2588 ")]
        # As wide as it is high, two modules to a line.
        self.assertEqual((len(lines[0]) + 1) // 2, len(lines))
        self.assertTrue(all(len(l) == len(lines[0]) for l in lines))
        os.write(self.fd, b"\n")
        self.hear()
        self.status()

    def take_over(self, name="c", until=4102444800000, refresh="refresh",
                  plan="max"):
        """Import a file as Claude Code keeps it."""
        path = os.path.join(self.relay.dir, "credentials.json")
        with open(path, "w") as f:
            json.dump({"claudeAiOauth": {
                "accessToken": "of-somebody", "refreshToken": refresh,
                "expiresAt": until, "scopes": ["user:inference"],
                "subscriptionType": plan}}, f)
        return self.run_it("account", "import", name, "--from", path, "--url",
                           self.origin, "--auth-url", self.origin,
                           "--allow-private")

    def test_a_file_of_claude_code_is_taken_over(self):
        r = self.take_over()
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("user:inference", r.stdout)
        self.works()

    def test_a_file_that_is_too_old_is_renewed_at_once(self):
        new = {"access_token": "of-somebody-new", "expires_in": 28800,
               "refresh_token": "refresh-2"}
        for ended in (1700000000000, 1700000000):
            with self.subTest(ended):
                self.up.script([{"path": "*/oauth/token",
                                 "do": "body=" + json.dumps(new)}])
                r = self.take_over(until=ended)
                self.assertEqual(r.returncode, 0, r.stderr)
                self.assertRegex(r.stdout, "token ended +2023-11-14")
                self.assertIn("renewed at once", r.stdout)
                self.assertNotIn("1970", r.stdout)
                until("a new token", lambda: self.account()["expires_at"] >
                      1700000000000)
                self.relay.call("account.rm", name="c")
        r = self.take_over(until=1700000000000, refresh="")
        self.assertEqual(r.returncode, 1)
        self.assertIn("2023-11-14", r.stderr)
        self.assertIn("no refresh token", r.stderr)
        self.assertEqual(self.relay.call("account.list"), [])

    def test_a_plan_is_asked_for_what_it_holds(self):
        self.assertEqual(self.take_over(plan="pro").returncode, 0)
        self.works()
        body = json.loads(ANTHROPIC.body(False))
        body["model"] = "claude-opus-4-1-20250805"
        asks = lambda: self.message(body=json.dumps(body).encode()).status
        self.assertEqual(asks(), 404)
        # The operator knows better.
        self.relay.call("account.set", name="c",
                        fields={"models": "claude-*"})
        self.assertEqual(asks(), 200)
        # What is known of the kind, and not of the plan, is told as such.
        self.relay.call("account.set", name="c", fields={"models": ""})
        self.assertEqual(self.take_over("f", plan="free").returncode, 0)
        rows = {r["model"]: r
                for r in self.relay.call("account.models", name="f")}
        opus = rows["claude-opus-4-8"]
        self.assertEqual((opus["served"], opus["not_of"]), (False, "free"))
        self.assertTrue(rows["claude-sonnet-5"]["served"])
        self.assertNotIn("not_of", rows["claude-sonnet-5"])
        self.assertIn("NOT OF PLAN",
                      self.run_it("account", "models", "f").stdout)


class Gate:
    """Stands before the token endpoint and lets a request go as far as the
    test says: "heard" (the provider never learns of it), "done" (it has
    answered, nobody hears that), "told" (the answer is on its way)."""

    def __init__(self, upstream, stop_at):
        self.upstream, self.stop_at = upstream, stop_at
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.there = threading.Event()
        self.kept = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.kept.append(client)
            self.serve(client)

    def serve(self, client):
        said = b""
        while not self.is_whole(said):
            piece = client.recv(65536)
            if not piece:
                return
            said += piece
        if self.stop_at == "heard":
            self.there.set()
            return
        with self.upstream.connect() as up:
            up.sendall(said)
            up.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := up.recv(65536):
                answer += piece
        if self.stop_at == "done":
            self.there.set()
            return
        client.sendall(answer)
        client.close()
        self.there.set()

    @staticmethod
    def is_whole(said):
        head, mark, body = said.partition(b"\r\n\r\n")
        lengths = [int(l.split(b":")[1]) for l in head.split(b"\r\n")
                   if l.lower().startswith(b"content-length:")]
        return bool(mark) and len(body) >= (lengths or [0])[0]

    def close(self):
        self.listener.close()
        for s in self.kept:
            s.close()


class Crash(House):
    """kill -9 at each step of a renewal: no token is lost that a provider
    had not already made worthless, and then the account says so."""

    def renew_and_kill(self, stop_at):
        gate = Gate(self.up, stop_at)
        self.addCleanup(gate.close)
        self.relay.call("account.set", name="c", fields={
            "auth_url": f"http://127.0.0.1:{gate.port}"})
        self.relay.control.send("account.refresh", {"name": "c"})
        self.assertTrue(gate.there.wait(30))
        self.relay.kill(9)
        self.relay.ended()
        gate.close()
        self.relay.start()
        self.relay.call("account.set", name="c",
                        fields={"auth_url": self.origin})

    def test_before_the_provider_heard_of_it(self):
        self.sign_in()
        self.renew_and_kill("heard")
        self.works()
        self.relay.call("account.refresh", name="c")
        self.works()

    def test_after_the_provider_rotated_and_before_relayd_knew(self):
        self.sign_in()
        self.renew_and_kill("done")
        # The old tokens are worth nothing, the new ones are lost.
        self.assertEqual(self.message().status, 503)
        held = self.account()
        self.assertEqual(held["state"], "held")
        self.assertIn("lost", held["held_reason"])
        self.assertIn("account reauth c", held["held_reason"])

    def test_while_the_new_tokens_are_being_written(self):
        """Wherever it dies there: it works, or is held and says why."""
        ends = set()
        for _ in range(3):
            if not self.relay.call("account.list"):
                self.sign_in()
            self.renew_and_kill("told")
            a = self.message()
            state = self.account()["state"]
            self.assertIn((a.status, state), {(200, "ready"), (503, "held")})
            ends.add(state)
            if state == "held":
                self.assertIn("lost", self.account()["held_reason"])
                self.relay.call("account.rm", name="c")
        self.assertTrue(ends)

    def test_right_after_they_were_written(self):
        self.sign_in()
        self.relay.call("account.refresh", name="c")
        self.relay.kill(9)
        self.relay.ended()
        self.relay.start()
        self.works()
        self.relay.call("account.refresh", name="c")
        self.works()


if __name__ == "__main__":
    unittest.main()
