#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""case_rule.py - what failures mean: operators' rules, limits of some models
alone, gates that outlive the daemon, windows that stop before their end."""
import os
import signal
import subprocess
import tempfile
import unittest

from house import Case, Refused, program, until
from speech import ANTHROPIC, ask


class Rules(Case):
    settings = {"upstream_idle": "0"}

    def ctl(self, *words):
        return subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False).stdout

    def setUp(self):
        super().setUp()
        for r in self.relay.call("rule.list"):
            self.relay.call("rule.rm", rule=r["id"])

    def add(self, **said):
        return self.relay.call("rule.add", **said)

    def ask(self, model="claude-x"):
        return ask(self.relay, ANTHROPIC, False,
                   body=ANTHROPIC.body(False, model=model))

    def gates(self, name="a1"):
        return self.relay.call("account.show", name=name)["gates"]

    def test_a_rule_stands_between_the_providers_rows_and_the_rest(self):
        rule = self.add(status="400", action="cool", text="come back later",
                        **{"for": "10m"})
        self.rules(("a1", "status=400;message=come Back later"))
        self.assertEqual(self.ask().status, 200)
        gate, = self.gates()
        self.assertEqual((gate["gate"], "come Back later" in gate["reason"]),
                         ("rate", True))
        self.assertEqual(self.relay.call("rule.show", rule=rule["id"])
                         ["judged"], 1)
        self.relay.wait_log("rule operator " + rule["id"])
        # Without those words it is the request's own fault again.
        self.fresh()
        self.rules(("a1", "status=400;message=no"))
        self.assertEqual(self.ask().status, 400)
        self.assertEqual(self.gates(), [])

    def test_each_action_does_what_it_says(self):
        rule = self.add(status="503", action="return")
        self.rules(("a1", "status=503"))
        self.assertEqual(self.ask().status, 503)
        self.assertEqual(self.gates(), [])
        self.relay.call("rule.set", rule=rule["id"], action="other")
        self.fresh()
        self.rules(("a1", "status=503"))
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.gates(), [])
        self.relay.call("rule.set", rule=rule["id"], action="cool",
                        scope="family", **{"for": "5m"})
        self.fresh()
        self.rules(("a1", "status=503"))
        self.assertEqual(self.ask("claude-opus-9").status, 200)
        self.assertEqual([g["family"] for g in self.gates()], ["opus"])
        self.relay.call("rule.set", rule=rule["id"], action="hold")
        self.fresh()
        self.rules(("a1", "status=503"))
        self.assertEqual(self.ask().status, 200)
        held = until("a1 is held", lambda: (
            lambda a: a if a["held"] else None)(
                self.relay.call("account.show", name="a1")))
        self.assertIn(rule["id"], held["held_reason"])
        self.relay.call("account.release", name="a1")

    def test_what_can_never_match_is_refused_with_its_field(self):
        self.add(status="500-599", action="other", place=20)
        for field, said in (
                ("status", {"status": "200", "action": "other"}),
                ("status", {"status": "599-500", "action": "other"}),
                ("status", {"action": "other"}),
                ("kind", {"status": "429", "kind": "clod*", "action": "other"}),
                ("model", {"status": "429", "model": "a[bc]",
                           "action": "other"}),
                ("model", {"status": "429", "model": "claud-opus*",
                           "action": "other"}),
                ("for", {"status": "429", "action": "cool", "for": "10"}),
                ("for", {"status": "429", "action": "cool"}),
                ("for", {"status": "429", "action": "other", "for": "5m"}),
                ("scope", {"status": "429", "action": "cool", "for": "5m",
                           "scope": "world"}),
                ("action", {"status": "429", "action": "shout"}),
                ("header", {"status": "429", "action": "other",
                            "header": "x-y"}),
                ("text", {"status": "400", "action": "other",
                          "text": "your credit balance is too low"}),
                ("place", {"status": "503", "action": "return"}),
                ("place", {"status": "500-599", "action": "return",
                           "place": 10})):
            with self.subTest(said), self.assertRaises(Refused) as refused:
                self.add(**said)
            self.assertEqual(refused.exception.field, field,
                             str(refused.exception))
        self.assertEqual(len(self.relay.call("rule.list")), 1)

    def test_one_can_be_tried_before_it_is_needed(self):
        rule = self.add(status="429", kind="claude*", action="other")
        with tempfile.TemporaryDirectory() as folder:
            body = os.path.join(folder, "body.json")
            with open(body, "w", encoding="utf-8") as f:
                f.write('{"error":{"message":"extra usage is required"}}')
            said = self.ctl("rule", "test", "--status", "429", "--kind",
                            "claude-api", "--body", body)
        self.assertIn("extra_usage", said)
        said = self.ctl("rule", "test", "--status", "429", "--kind",
                        "claude-api")
        self.assertIn(rule["id"], said)
        self.assertIn("rate", self.ctl("rule", "test", "--status", "429",
                                       "--kind", "openai-api"))
        with self.assertRaises(Refused):
            self.relay.call("rule.test", status=429, kind="nothing")
        with self.assertRaises(Refused) as caught:
            self.relay.call("rule.test", status=429)
        self.assertIn("--kind claude-api", str(caught.exception))

    def test_changes_need_the_newest_revision_and_are_noted(self):
        rule = self.add(status="429", action="other", note="mine")
        self.relay.call("rule.set", rule=rule["id"], note="ours", if_rev=1)
        with self.assertRaises(Refused):
            self.relay.call("rule.set", rule=rule["id"], note="x", if_rev=1)
        said = self.relay.call("rule.set", rule=rule["id"], action="return",
                               dry_run=True)
        self.assertEqual([c["field"] for c in said["changes"]], ["action"])
        rows = self.relay.call("audit.list", type="rule")
        self.assertIn("note: mine -> ours",
                      rows[0]["changes"].replace('"', ""))

    def test_a_limit_of_a_family_leaves_the_others(self):
        self.rules(("a1", "status=429;retry-after=50"))
        self.assertEqual(self.ask("claude-opus-9").status, 200)
        self.assertEqual([g["family"] for g in self.gates()], ["opus"])
        self.up.reset()
        self.line = self.up.stats()["line"]
        self.ask("claude-sonnet-9")
        self.ask("claude-opus-9")
        who = [str(l["headers"]).count("sk-a1") for l in self.requests()]
        self.assertEqual(who, [1, 0])

    def test_own_waits_and_no_protection(self):
        self.relay.call("account.set", name="a1",
                        fields={"cooldown": "rate=2m, errors=0"})
        self.rules(("a1", "status=500"))
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.gates(), [])
        self.fresh()
        self.relay.call("account.set", name="a1",
                        fields={"cooldown": "", "protect": "off"})
        self.rules(("a1", "status=401"))
        self.assertEqual(self.ask().status, 200)
        self.assertEqual(self.gates(), [])
        self.relay.call("account.set", name="a1", fields={"protect": "on"})
        for bad in ("errors", "errors=10", "noise=5s", "rate=1s,rate=2s"):
            with self.subTest(bad), self.assertRaises(Refused) as refused:
                self.relay.call("account.set", name="a1",
                                fields={"cooldown": bad})
            self.assertEqual(refused.exception.field, "cooldown")


class Rests(Case):
    settings = {"upstream_idle": "0"}

    def ask(self, model="claude-x"):
        return ask(self.relay, ANTHROPIC, False,
                   body=ANTHROPIC.body(False, model=model))

    def cooldowns(self):
        return {(c["account"], c["gate"], c["family"]): c["until_at"]
                for c in self.relay.call("cooldown.list")}

    def test_long_rests_outlive_the_daemon_and_can_be_ended(self):
        self.rules(("a1", "status=429;retry-after=900"),
                   ("a2", "status=402"))
        self.ask("claude-opus-9")
        self.ask()
        before = self.cooldowns()
        self.assertEqual(set(before), {("a1", "rate", "opus"),
                                       ("a1", "rate", ""),
                                       ("a2", "credit", "")})
        self.assertEqual(self.relay.stop(signal.SIGTERM), 0)
        self.relay.start()
        after = self.cooldowns()
        self.assertEqual(set(after), set(before))
        for gate, at in before.items():
            self.assertLess(abs(after[gate] - at), 3000, gate)
        with self.assertRaises(Refused):
            self.relay.call("cooldown.clear", gate="door")
        said = self.relay.call("cooldown.clear", account="a1", gate="rate")
        self.assertEqual(said["cleared"], 2)
        self.assertEqual(set(self.cooldowns()), {("a2", "credit", "")})
        self.assertEqual(self.relay.call("cooldown.clear")["cleared"], 1)
        self.assertEqual(self.relay.stop(signal.SIGTERM), 0)
        self.relay.start()
        self.assertEqual(self.cooldowns(), {})


if __name__ == "__main__":
    unittest.main()
