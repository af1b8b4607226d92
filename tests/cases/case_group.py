# SPDX-License-Identifier: MIT
"""case_group.py - who answers a key: groups, bindings, strategies, and what
becomes of accounts by the clock."""
import os
import subprocess
import time

from house import Case, Refused, program, until
from speech import ANTHROPIC, ask, raw


class Group(Case):
    """a1, a2, a3 serve the same."""
    accounts = 3

    @classmethod
    def furnish(cls):
        super().furnish()
        for name in "a1", "a2", "a3":
            cls.relay.call("account.set", name=name,
                           fields={"priority": "50"})
        cls.keys = {}

    def fresh(self):
        super().fresh()
        call = self.relay.call
        for k in self.relay.control.rows("key.list"):
            if k["bind"]:
                call("key.set", key=k["id"], bind="")
        for g in self.relay.control.rows("group.list"):
            call("group.rm", name=g["name"])
        for a in self.relay.call("account.list"):
            if a["held"]:
                call("account.release", name=a["name"])
            call("account.reset", name=a["name"])
            call("account.set", name=a["name"], expires="never",
                 fields={"share": "pool", "weight": "1",
                         "max-concurrency": "0"})
        self.relay.set(strategy="lru")

    def another(self):
        self.relay.account("anthropic-compat", "b1",
                           f"http://127.0.0.1:{self.up.ports[0]}", "sk-b1")

    def key(self, name, **more):
        if name not in self.keys:
            self.keys[name] = self.relay.new_key(name)
        if more:
            self.relay.call("key.set", key=name, **more)
        return self.keys[name]

    def who(self, key=None):
        a = ask(self.relay, ANTHROPIC, stream=False, key=key)
        self.assertEqual(a.status, 200, a.body)
        return self.relay.receipt(a)["account"]

    def turns(self, n, key=None):
        return [self.who(key) for _ in range(n)]

    def refused(self, code, method, **params):
        with self.assertRaises(Refused) as caught:
            self.relay.call(method, **params)
        self.assertEqual(caught.exception.code, code)
        return str(caught.exception)

    # --- groups

    def test_a_group_is_made_changed_shown_and_removed(self):
        call = self.relay.call
        g = call("group.add", name="team", members="a2:10, a1",
                 fields={"strategy": "fill", "note": "ours"})
        self.assertEqual(g["accounts"], ["a1", "a2"])
        self.assertEqual((g["strategy"], g["note"], g["count"], g["ready"]),
                         ("fill", "ours", 2, 2))
        call("group.member.add", name="team", account="a3", weight=4)
        rows = {m["account"]: m for m in
                self.relay.control.rows("group.members", name="team")}
        self.assertEqual((rows["a2"]["priority"], rows["a2"]["own_priority"]),
                         (10, True))
        self.assertEqual((rows["a1"]["priority"], rows["a1"]["own_priority"]),
                         (50, False))
        self.assertEqual((rows["a3"]["weight"], rows["a3"]["own_weight"]),
                         (4, True))
        call("group.member.rm", name="team", account="a2")
        g = call("group.show", name="team")
        self.assertEqual(g["accounts"], ["a1", "a3"])
        self.assertEqual(call("account.show", name="a3")["groups"], ["team"])
        rehearsed = call("group.set", name="team", members="a2", dry_run=True)
        self.assertEqual(rehearsed["changes"][0]["field"], "members")
        self.assertIn("stale", self.refused(
            "stale", "group.set", name="team", members="a2", if_rev=1) +
            "stale")
        call("group.set", name="team", members="a2", if_rev=g["rev"])
        self.relay.stop()
        self.relay.start()
        self.assertEqual(call("group.show", name="team")["accounts"], ["a2"])
        call("group.rm", name="team")
        self.refused("unknown", "group.show", name="team")

    def test_what_cannot_be_is_refused_with_what_can(self):
        text = self.refused("unknown", "group.add", name="g", members="a9")
        self.assertIn("a1, a2, a3", text)
        self.refused("value", "group.add", name="g", members="a1:900")
        self.refused("value", "group.add", name="g", fields={
            "strategy": "best"})
        self.refused("value", "group.add", name="no good")
        self.relay.call("group.add", name="g")
        self.refused("exists", "group.add", name="g")
        self.refused("unknown", "group.member.rm", name="g", account="a1")
        text = self.refused("unknown", "group.member.add", name="g",
                            account="a11")
        self.assertIn("a1, a2, a3", text)
        for bind, want in (("acct:a9", "a1, a2, a3"), ("group:h", "are g"),
                           ("a1", "example"), ("pool, acct:a1", "last"),
                           ("acct:a1, acct:a1", "twice")):
            code = "unknown" if want.startswith("a") else "value"
            text = self.refused(code, "key.set", key="case", bind=bind)
            self.assertIn(want, text)

    def test_what_is_named_is_not_removed(self):
        self.relay.call("group.add", name="team", members="a1")
        self.key("named", bind="group:team, acct:a2")
        self.assertIn("named", self.refused("busy", "group.rm", name="team"))
        self.assertIn("named", self.refused("busy", "account.rm", name="a2"))
        self.assertEqual(self.relay.call("group.show", name="team")["keys"],
                         ["named"])
        self.key("named", bind="pool")
        self.assertEqual(self.relay.call("key.show", key="named")["bind"], "")
        # What is made like a template, or restored, would be bound to nothing.
        self.relay.call("template.add", name="form", bind="group:team")
        said = self.refused("busy", "group.rm", name="team")
        self.assertIn("1 template is bound to it: form", said)
        self.relay.call("template.rm", template="form")
        self.key("binned", bind="group:team, acct:a2")
        self.relay.call("key.rm", key="binned")
        said = self.refused("busy", "group.rm", name="team")
        self.assertIn("1 key in the trash is bound to it: binned", said)
        self.refused("busy", "account.rm", name="a2")
        self.relay.call("key.purge", key="binned")
        b = self.relay.call("budget.add", scope="group:team",
                            limit="9 requests", per="day")
        self.assertIn(b["id"], self.refused("busy", "group.rm", name="team"))
        self.relay.call("budget.rm", budget=b["id"])
        self.relay.call("group.rm", name="team")

    def test_an_account_that_is_removed_leaves_its_groups(self):
        self.another()
        self.relay.call("group.add", name="team", members="a1:5:2, b1")
        self.relay.call("account.rm", name="b1")
        self.assertEqual(self.relay.call("group.show", name="team")[
            "accounts"], ["a1"])
        # In the store too: an account of that name to come is another one.
        until("the record is without it", lambda: self.relay.call(
            "group.show", name="team")["rev"] == 2)
        self.another()
        self.addCleanup(self.relay.call, "account.rm", name="b1")
        self.relay.stop()
        self.relay.start()
        self.assertEqual(self.relay.call("group.show", name="team")[
            "accounts"], ["a1"])

    # --- bindings

    def test_tiers_are_asked_in_their_order(self):
        self.relay.call("group.add", name="team", members="a2, a3:9")
        key = self.key("tiers", bind="acct:a1, group:team")
        self.assertEqual(self.turns(3, key), ["a1"] * 3)
        self.relay.call("account.hold", name="a1")
        self.assertEqual(self.turns(3, key), ["a3"] * 3)
        self.relay.call("account.hold", name="a3")
        self.assertEqual(self.who(key), "a2")
        self.relay.call("account.hold", name="a2")
        a = ask(self.relay, ANTHROPIC, stream=False, key=key)
        self.assertEqual(a.status, 503, a.body)
        self.assertIn(b"this key is bound to", a.body)
        self.relay.call("account.release", name="a1")
        self.assertEqual(self.who(key), "a1")

    def test_the_pool_is_asked_only_when_it_is_the_last(self):
        key = self.key("fallback", bind="acct:a1")
        self.relay.call("account.hold", name="a1")
        self.assertEqual(ask(self.relay, ANTHROPIC, stream=False,
                             key=key).status, 503)
        self.key("fallback", bind="acct:a1, pool")
        self.assertIn(self.who(key), ("a2", "a3"))

    def test_a_failure_leads_to_the_next_tier(self):
        key = self.key("failing", bind="acct:a1, acct:a3")
        self.rules(("a1", "status=500"))
        self.assertEqual(self.who(key), "a3")

    def test_an_empty_group_serves_nobody(self):
        self.relay.call("group.add", name="empty")
        key = self.key("nobody", bind="group:empty")
        a = ask(self.relay, ANTHROPIC, stream=False, key=key)
        self.assertEqual(a.status, 503)
        self.assertIn(b"group:empty", a.body)

    def test_how_an_account_is_shared_says_who_may_use_it(self):
        self.relay.call("group.add", name="team", members="a1, a2")
        key = self.key("sharing", bind="group:team")
        named = self.key("naming", bind="acct:a2")
        for name, share in ("a1", "group"), ("a2", "bound"):
            self.relay.call("account.set", name=name, fields={"share": share})
        self.assertEqual(self.turns(3), ["a3"] * 3)
        self.assertEqual(self.turns(3, key), ["a1"] * 3)
        self.assertEqual(self.who(named), "a2")

    def test_lists_of_models_are_those_of_the_keys_accounts(self):
        self.relay.call("account.set", name="a1",
                        fields={"models": "claude-one"})
        self.relay.call("account.set", name="a2",
                        fields={"models": "claude-two"})
        for name in "a1", "a2":
            self.addCleanup(self.relay.call, "account.set", name=name,
                            fields={"models": ""})
        key = self.key("models", bind="acct:a1")
        head = "Host: relay\r\nanthropic-version: 2023-06-01\r\n"
        a = raw(self.relay, f"GET /v1/models HTTP/1.1\r\n{head}"
                f"x-api-key: {key}\r\n\r\n".encode())
        self.assertIn(b"claude-one", a.body)
        self.assertNotIn(b"claude-two", a.body)

    # --- strategies

    def test_turns_by_weight(self):
        self.relay.call("group.add", name="team",
                        members="a1:0:3, a2:0:1",
                        fields={"strategy": "weighted"})
        key = self.key("weights", bind="group:team")
        got = self.turns(8, key)
        self.assertEqual((got.count("a1"), got.count("a2")), (6, 2))

    def test_the_first_that_is_free(self):
        self.relay.set(strategy="fill")
        self.assertEqual(self.turns(4), ["a1"] * 4)
        self.relay.call("account.hold", name="a1")
        self.assertEqual(self.turns(2), ["a2"] * 2)

    # --- budgets

    def test_a_budget_of_a_group_counts_its_accounts_together(self):
        self.relay.call("group.add", name="team", members="a1, a2")
        b = self.relay.call("budget.add", scope="group:team",
                            limit="3 requests", per="day")
        self.addCleanup(self.relay.call, "budget.rm", budget=b["id"])
        key = self.key("limited", bind="group:team, pool")
        got = self.turns(5, key)
        self.assertEqual(got[3:], ["a3"] * 2)
        self.assertEqual(set(got[:3]) - {"a1", "a2"}, set())

    # --- the clock

    def test_a_hold_ends_by_itself(self):
        a = self.relay.call("account.hold", name="a1", reason="tea",
                            until="1s")
        self.assertEqual((a["state"], a["held_reason"]), ("held", "tea"))
        self.assertGreater(a["held_until"], time.time() * 1000 - 5000)
        self.relay.stop()
        self.relay.start()
        until("a1 is released", lambda: self.relay.call(
            "account.show", name="a1")["state"] == "ready")
        a = self.relay.call("account.show", name="a1")
        self.assertEqual((a["held_until"], a["held_reason"]), (0, ""))
        rows = self.relay.control.rows("audit.list", object="a1")
        self.assertEqual(rows[0]["method"], "account_release")
        self.refused("value", "account.hold", name="a1", until="2020-01-01")

    def test_an_account_expires(self):
        self.relay.call("account.set", name="a1", expires="1s")
        until("a1 has expired", lambda: self.relay.call(
            "account.show", name="a1")["state"] == "expired")
        self.assertNotIn("a1", self.turns(3))
        self.relay.stop()
        self.relay.start()
        self.assertEqual(self.relay.call("account.show", name="a1")["state"],
                         "expired")
        self.relay.call("account.set", name="a1", expires="1d")
        self.assertEqual(self.relay.call("account.show", name="a1")["state"],
                         "ready")

    # --- why

    def test_a_dry_run_tells_every_candidate(self):
        self.relay.call("group.add", name="team", members="a1, a2:7")
        self.key("dry", bind="group:team, pool")
        self.relay.call("account.hold", name="a2")
        way = self.relay.call("route.dry.run", key="dry",
                              model="claude-sonnet-4-5")
        self.assertEqual((way["account"], way["tier"]), ("a1", "group:team"))
        rows = [(c["tier"], c["account"], c.get("why_not", ""))
                for c in way["candidates"]
                if c["account"] in ("a1", "a2", "a3")]
        self.assertEqual(rows, [
            ("group:team", "a1", ""),
            ("group:team", "a2", "held by the operator"),
            ("pool", "a1", ""), ("pool", "a2", "held by the operator"),
            ("pool", "a3", "")])
        before = len(self.relay.receipts())
        self.assertEqual(len(self.relay.receipts()), before)
        self.refused("value", "route.dry.run", key="dry")
        self.refused("unknown", "route.dry.run", key="dry", model="m",
                     dialect="latin")

    def test_a_dry_run_tells_what_would_refuse_the_request(self):
        call = self.relay.call

        def dry(model="claude-sonnet-4-5"):
            way = call("route.dry.run", key="guarded", model=model)
            self.assertEqual(bool(way["account"]), "refused" not in way)
            self.assertTrue(way["candidates"])
            return way.get("refused", way["account"])

        key = self.key("guarded", models_deny="claude-opus*",
                       models_map="fast=claude-sonnet-4-5")
        self.assertIn(dry(), ("a1", "a2", "a3"))
        self.assertIn("model", dry("claude-opus-4-1"))
        way = call("route.dry.run", key="guarded", model="fast",
                   dialect="anthropic")
        self.assertEqual(way["served_as"], "claude-sonnet-4-5")
        self.assertIn(way["account"], ("a1", "a2", "a3"))
        call("key.set", key="guarded", platforms="gemini")
        self.assertIn("not for claude", dry())
        call("key.set", key="guarded", platforms="")
        budget = call("budget.add", scope="key:guarded", limit="1 requests",
                      per="week")["id"]
        self.assertIn(dry(), ("a1", "a2", "a3"))
        self.who(key)
        self.assertIn(budget, dry())
        call("budget.rm", budget=budget)
        self.assertIn(dry(), ("a1", "a2", "a3"))
        call("key.disable", key="guarded")
        self.assertIn("disabled", dry())

    def test_a_dry_run_says_its_reasons_whole_in_80_columns(self):
        shown = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, "route",
             "dry-run", "--model", "claude-sonnet-4-5"],
            env={**os.environ, "COLUMNS": "80"}, capture_output=True,
            text=True, check=True).stdout
        self.assertIn("its kind does not serve this", shown)
        for line in shown.split("\n"):
            self.assertLessEqual(len(line), 80, line)
