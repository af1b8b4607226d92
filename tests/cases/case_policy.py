# SPDX-License-Identifier: MIT
"""case_policy.py - what a key is for: platforms, models, addresses, and a time
that begins with its first use."""
import hashlib
import signal

from house import Case, Refused, until
from speech import ALL, ANTHROPIC, CHAT, GEMINI, RESPONSES, ask

PLATFORM = {"a": "claude", "o": "openai", "g": "gemini"}
MODEL = {"a": "claude-x", "o": "gpt-x", "g": "gemini-x"}
N = 0


def name():
    global N
    N += 1
    return f"policy-{N}"


class Policy(Case):
    accounts = 1

    def key(self, **fields):
        return self.relay.new_key(name(), **fields)

    def refused(self, dialect, key, *says, stream=True, **more):
        """A 403 of our own, in the dialect, that clients do not repeat."""
        a = ask(self.relay, dialect, stream, key=key, **more)
        self.assertEqual(a.status, 403, a.body)
        self.assertEqual(a.header("x-should-retry"), "false")
        self.assertTrue(dialect.is_error(a.json()), a.body)
        for text in says:
            self.assertIn(text, a.json()["error"]["message"])
        self.assertEqual(self.requests(), [])

    def refused_fields(self, field, says, **fields):
        for call in (lambda: self.key(**fields),
                     lambda: self.relay.call("key.set", key="case", **fields)):
            with self.assertRaises(Refused) as said:
                call()
            self.assertEqual(said.exception.field, field)
            self.assertIn(says, str(said.exception))


class Platforms(Policy):
    def test_a_key_serves_the_platforms_it_is_for(self):
        for dialect in ALL:
            mine = PLATFORM[dialect.letter]
            others = sorted(set(PLATFORM.values()) - {mine})
            with self.subTest(dialect):
                key = self.key(platforms=mine)
                self.assertEqual(ask(self.relay, dialect, key=key).status, 200)
                self.fresh()
                key = self.key(platforms=", ".join(others))
                for stream in (True, False):
                    self.refused(dialect, key, mine, *others, stream=stream)

    def test_a_path_that_stands_for_a_kind_is_a_platform(self):
        key = self.key(platforms="claude")
        self.refused(ANTHROPIC, key, "for droid",
                     target="/droid/claude/v1/messages")
        self.refused(CHAT, key, "for azure",
                     target="/azure/chat/completions")

    def test_the_list_at_the_root_is_of_who_asks(self):
        key = self.key(platforms="claude")
        a = ask(self.relay, ANTHROPIC, key=key, method="GET", body=b"",
                target="/v1/models",
                headers=[("anthropic-version", "2023-06-01")])
        self.assertEqual(a.status, 200)
        self.refused(CHAT, key, "for openai", method="GET", body=b"",
                     target="/v1/models")

    def test_what_is_none_is_refused(self):
        self.refused_fields("platforms", "claude, openai",
                            platforms="cluade")


class Models(Policy):
    def test_denied_and_unlisted_models_are_refused(self):
        for dialect in ALL:
            model = MODEL[dialect.letter]
            with self.subTest(dialect):
                key = self.key(models_allow="other-*")
                self.refused(dialect, key, model, "other-*")
                key = self.key(models_deny=model[:3] + "*")
                self.refused(dialect, key, model, "not: " + model[:3] + "*")
                key = self.key(models_allow=model, models_deny="other-*")
                self.assertEqual(ask(self.relay, dialect, key=key).status, 200)
                self.fresh()

    def test_an_alias_is_served_and_answered_by_its_name(self):
        for dialect in ALL:
            model = MODEL[dialect.letter]
            target = "served-" + model
            key = self.key(models_map=f"{model}={target}")
            for stream in (True, False):
                with self.subTest(f"{dialect} {stream}"):
                    self.fresh()
                    body = dialect.body(stream)
                    a = ask(self.relay, dialect, stream, key=key, body=body)
                    self.assertEqual(a.status, 200, a.body)
                    self.assertIn(model.encode(), a.body)
                    self.assertNotIn(target.encode(), a.body)
                    asked, = self.requests()
                    if dialect is GEMINI:
                        self.assertIn(f"/{target}:", asked["target"])
                    body = body.replace(b'"%s"' % model.encode(),
                                        b'"%s"' % target.encode())
                    self.assertEqual(asked["body_sha256"],
                                     hashlib.sha256(body).hexdigest())
                    r = self.relay.receipt(a)
                    self.assertEqual((r["model"], r["asked"]),
                                     (target, model))

    def test_an_account_may_rename_what_a_key_has_mapped(self):
        self.relay.call("account.set", name="a1",
                        fields={"models": "claude-*, mid=claude-end"})
        try:
            key = self.key(models_map="first=mid")
            a = ask(self.relay, ANTHROPIC, False, key=key,
                    body=ANTHROPIC.body(False, model="first"))
            self.assertEqual(a.json()["model"], "first")
            r = self.relay.receipt(a)
            self.assertEqual((r["asked"], r["model"], r["upstream_model"]),
                             ("first", "mid", "claude-end"))
        finally:
            self.relay.call("account.set", name="a1", fields={"models": ""})

    def ids(self, key, target="/v1/models", **more):
        a = ask(self.relay, ANTHROPIC, key=key, method="GET", body=b"",
                target=target, headers=[("anthropic-version", "2023-06-01")],
                **more)
        self.assertEqual(a.status, 200, a.body)
        return {m["id"] for m in a.json()["data"]}

    def test_lists_show_what_may_be_used_and_the_aliases(self):
        self.relay.call("account.set", name="a1", fields={
            "models": "claude-a, claude-b, claude-c"})
        try:
            self.assertEqual(self.ids(self.relay.key),
                             {"claude-a", "claude-b", "claude-c"})
            key = self.key(models_allow="claude-a, claude-b",
                           models_map="fast=claude-c, lost=nothing")
            self.assertEqual(self.ids(key), {"claude-a", "claude-b", "fast"})
            shown = ask(self.relay, ANTHROPIC, key=key, method="GET", body=b"",
                        target="/api/v1/models/fast")
            self.assertEqual(shown.json()["id"], "fast")
            self.refused(ANTHROPIC, key, "claude-c", method="GET", body=b"",
                         target="/api/v1/models/claude-c")
        finally:
            self.relay.call("account.set", name="a1", fields={"models": ""})

    def test_what_can_never_match_is_refused(self):
        self.refused_fields("models_deny", "can never match",
                            models_allow="claude-*", models_deny="c*")
        self.refused_fields("models_map", "alias=model", models_map="fast")
        self.refused_fields("models_allow", "claude-*, gpt-5",
                            models_allow="claude-[ab]")


class Sources(Policy):
    def test_only_listed_addresses_are_served(self):
        for dialect in ALL:
            with self.subTest(dialect):
                key = self.key(**{"from": "10.0.0.0/8, 192.0.2.7"})
                self.refused(dialect, key, "127.0.0.1",
                             "10.0.0.0/8, 192.0.2.7")
                key = self.key(**{"from": "127.0.0.0/8"})
                self.assertEqual(ask(self.relay, dialect, key=key).status, 200)
                self.fresh()

    def test_a_stranger_cannot_say_another_address(self):
        key = self.key(**{"from": "10.0.0.0/8"})
        for field in ("x-forwarded-for", "X-Real-IP", "forwarded"):
            self.refused(ANTHROPIC, key, "127.0.0.1",
                         headers=[(field, "10.1.1.1")])

    def test_ranges_that_do_not_parse_are_refused(self):
        self.refused_fields("from", "10.0.0.0/8", **{"from": "10.0.0.1/8"})
        self.refused_fields("from", "examples:", **{"from": "office"})

    def test_whoever_has_the_key_may_ask_about_it(self):
        key = self.key(**{"from": "10.0.0.0/8", "platforms": "openai"})
        a = ask(self.relay, ANTHROPIC, key=key, method="GET", body=b"",
                target="/v1/me")
        self.assertEqual(a.status, 200)


class Activation(Policy):
    def show(self, key):
        return self.relay.call("key.find", value=key)

    def test_a_key_begins_with_its_first_use(self):
        key = self.key(expires_after="30d", platforms="claude")
        before = self.show(key)
        self.assertEqual((before["state"], before["expires_at"]),
                         ("unused", 0))
        # Neither a list nor a refusal is a use.
        self.refused(RESPONSES, key)
        ask(self.relay, ANTHROPIC, key=key, method="GET", body=b"",
            target="/api/v1/models")
        self.assertEqual(self.show(key)["state"], "unused")
        self.assertEqual(ask(self.relay, ANTHROPIC, key=key).status, 200)
        k = until("an active key",
                  lambda: self.show(key)["activated_at"] and self.show(key))
        self.assertEqual(k["state"], "active")
        self.assertEqual(k["expires_at"],
                         k["activated_at"] + 30 * 86400 * 1000)
        self.assertEqual(k["rev"], before["rev"] + 1)
        for _ in range(5):
            self.assertEqual(ask(self.relay, ANTHROPIC, key=key).status, 200)
        self.assertEqual(self.show(key), {**k, "requests": k["requests"] + 5,
                                          "used_at":
                                          self.show(key)["used_at"]})

    def test_it_expires_when_that_time_is_over(self):
        key = self.key(expires_after="1s")
        self.assertEqual(ask(self.relay, ANTHROPIC, key=key).status, 200)
        until("an expired key", lambda: self.show(key)["state"] == "expired")
        a = ask(self.relay, ANTHROPIC, key=key)
        self.assertEqual(a.status, 401)
        self.assertIn("expired", a.json()["error"]["message"])

    def test_a_copy_has_a_first_use_of_its_own(self):
        key = self.key(expires_after="12h")
        self.assertEqual(ask(self.relay, ANTHROPIC, key=key).status, 200)
        until("an active key", lambda: self.show(key)["state"] == "active")
        copy = self.show(self.key(like=self.show(key)["id"]))
        self.assertEqual((copy["state"], copy["expires_at"],
                          copy["expires_after"]),
                         ("unused", 0, 12 * 3600 * 1000))

    def test_an_end_is_fixed_or_begins_with_the_first_use(self):
        self.refused_fields("expires_after", "not both",
                            expires="30d", expires_after="30d")
        self.refused_fields("expires_after", "30", expires_after="30")
        key = self.key(expires_after="12h")
        k = self.show(key)
        k = self.relay.call("key.set", key=k["id"], expires="7d")
        self.assertEqual((k["state"], k["expires_after"]), ("active", 0))
        k = self.relay.call("key.set", key=k["id"], expires_after="7d")
        self.assertEqual((k["state"], k["expires_at"]), ("unused", 0))


class Crash(Case):
    accounts = 1

    def test_the_first_use_outlives_kill_9(self):
        key = self.relay.new_key("crash", expires_after="30d")
        later = self.relay.new_key("later", expires_after="30d")

        def show(value):
            return self.relay.call("key.find", value=value)
        self.assertEqual(ask(self.relay, ANTHROPIC, key=key).status, 200)
        k = until("an active key",
                  lambda: show(key)["activated_at"] and show(key))
        self.relay.kill(signal.SIGKILL)
        self.relay.ended()
        self.relay.start()
        again = show(key)
        for field in ("state", "activated_at", "expires_at", "rev"):
            self.assertEqual(again[field], k[field])
        self.assertEqual(show(later)["state"], "unused")
        self.assertEqual(ask(self.relay, ANTHROPIC, key=later).status, 200)
        until("an active key", lambda: show(later)["state"] == "active")


# What real clients say of themselves (protocols/clients.md).
CLAUDE = [("user-agent", "claude-cli/2.1.197 (external, cli)"),
          ("x-app", "cli")]
CODEX = [("user-agent", "codex_exec/0.169.0 (Debian 12.0.0; x86_64)")]
GEMINI_CLI = [("user-agent", "GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux)")]
CURL = [("user-agent", "curl/8.1")]


class Clients(Policy):
    def test_only_the_named_clients_are_served(self):
        for dialect, name_, mine, other in (
                (ANTHROPIC, "claude-code", CLAUDE, CODEX),
                (RESPONSES, "codex", CODEX, CLAUDE),
                (GEMINI, "gemini-cli", GEMINI_CLI, CLAUDE),
                (CHAT, "droid", [("user-agent", "factory-cli/0.225.2")],
                 CURL)):
            with self.subTest(dialect):
                key = self.key(clients=name_)
                self.assertEqual(ask(self.relay, dialect, key=key,
                                     headers=mine).status, 200)
                self.fresh()
                self.refused(dialect, key, name_,
                             other[0][1].split()[0], headers=other)
                self.refused(dialect, key, name_, "no User-Agent")

    def test_a_client_that_only_says_its_name_is_refused(self):
        key = self.key(clients="claude-code")
        self.refused(ANTHROPIC, key, "claude-code", headers=CLAUDE[:1])
        self.refused(RESPONSES, key, "claude-code", headers=CLAUDE)

    def test_an_added_client_is_one(self):
        relay = self.relay
        added = relay.call("client.add", name="mine", ua="MyTool/*|my-*",
                           path="*/v1/messages")
        self.assertEqual((added["added"], added["keys"]), (True, 0))
        key = self.key(clients="codex, mine")
        mine = [("user-agent", "MyTool/1.0 (x)")]
        self.assertEqual(ask(relay, ANTHROPIC, key=key,
                             headers=mine).status, 200)
        self.fresh()
        self.refused(ANTHROPIC, key, "codex, mine", headers=CURL)
        self.refused(CHAT, key, "codex, mine", headers=mine)
        # It is still one behind a restart, and not removed under a key.
        relay.kill(signal.SIGKILL)
        relay.ended()
        relay.start()
        self.assertEqual(ask(relay, ANTHROPIC, key=key,
                             headers=mine).status, 200)
        self.fresh()
        with self.assertRaises(Refused) as said:
            relay.call("client.rm", name="mine")
        self.assertEqual(said.exception.code, "busy")
        k = relay.call("key.find", value=key)
        self.assertIn(k["name"], str(said.exception))
        relay.call("key.set", key=k["id"], clients="codex")
        relay.call("client.rm", name="mine")
        self.refused(ANTHROPIC, key, "codex", headers=mine)
        listed = {r["name"] for r in relay.call("client.list")}
        self.assertIn("claude-code", listed)
        self.assertNotIn("mine", listed)

    def test_what_is_no_client_is_refused(self):
        self.refused_fields("clients", "claude-code, codex",
                            clients="claude-cod")
        for fields, field in (({"name": "codex", "ua": "x"}, "name"),
                              ({"name": "all"}, "ua"),
                              ({"name": "all", "ua": "a||b"}, "ua")):
            with self.assertRaises(Refused) as said:
                self.relay.call("client.add", **fields)
            self.assertEqual(said.exception.field, field)

    def test_what_was_seen_is_told(self):
        for version in ("1.1", "1.2"):
            ask(self.relay, ANTHROPIC,
                headers=[("user-agent", f"seen-tool/{version} (x)")])
        ask(self.relay, ANTHROPIC, headers=CLAUDE)
        ask(self.relay, ANTHROPIC, key="cr_nobody",
            headers=[("user-agent", "stranger/1")])
        seen = {r["product"]: r
                for r in self.relay.control.rows("client.seen")}
        self.assertEqual(seen["seen-tool"]["requests"], 2)
        self.assertEqual(seen["seen-tool"]["ua"], "seen-tool/1.2 (x)")
        self.assertEqual(seen["seen-tool"]["client"], "")
        self.assertEqual(seen["claude-cli"]["client"], "claude-code")
        self.assertNotIn("stranger", seen)
