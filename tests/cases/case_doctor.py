# SPDX-License-Identifier: MIT
"""case_doctor.py - what is wrong is found, and what to do is said."""
import json
import os
import socket
import subprocess

from house import Case, program


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Doctor(Case):
    def findings(self, check):
        return [f for f in self.relay.call("doctor") if f["check"] == check]

    def test_a_sound_relay_has_nothing_broken(self):
        broken = [f for f in self.relay.call("doctor")
                  if f["state"] == "broken"]
        self.assertEqual(broken, [])
        checks = {f["check"] for f in self.relay.call("doctor")}
        self.assertLessEqual({"clock", "store", "disk", "permissions",
                              "descriptors", "loop", "listening", "accounts",
                              "keys", "notices", "names and TLS"}, checks)

    def test_each_place_is_tried_once(self):
        tried = self.findings("names and TLS")
        self.assertEqual(len(tried), 1, tried)
        self.assertIn("connection", tried[0]["text"])

    def test_a_place_that_is_not_there_is_broken(self):
        r = self.relay
        port = free_port()
        r.account("claude-api", "gone", f"http://127.0.0.1:{port}", "sk-gone")
        self.addCleanup(r.call, "account.rm", name="gone")
        found = {f["object"]: f for f in self.findings("names and TLS")}
        self.assertEqual(found["gone"]["state"], "broken")
        self.assertIn(f"127.0.0.1:{port}", found["gone"]["text"])
        self.assertIn("firewall", found["gone"]["advice"])

    def test_a_private_place_needs_leave(self):
        r = self.relay
        r.account("claude-api", "inside", "http://127.0.0.1:9", "sk-i",
                  allow_private="no")
        self.addCleanup(r.call, "account.rm", name="inside")
        found = {f["object"]: f for f in self.findings("names and TLS")}
        self.assertEqual(found["inside"]["state"], "broken")
        self.assertIn("allow_private", found["inside"]["advice"])

    def test_a_held_account_is_told_with_its_reason(self):
        r = self.relay
        r.call("account.hold", name="a1", reason="too dear")
        self.addCleanup(r.call, "account.release", name="a1")
        held, = (f for f in self.findings("accounts") if f["object"] == "a1")
        self.assertEqual(held["state"], "note")
        self.assertIn("too dear", held["text"])
        self.assertEqual(held["advice"], "relayctl account release a1")

    def test_state_that_others_can_look_into_is_broken(self):
        os.chmod(self.relay.state, 0o755)
        self.addCleanup(os.chmod, self.relay.state, 0o700)
        open_, = (f for f in self.findings("permissions"))
        self.assertEqual(open_["state"], "broken")
        self.assertIn("755", open_["text"])

    def test_relayctl_says_it_to_people_and_to_programs(self):
        def said(*words):
            return subprocess.run(
                [program("relayctl"), "--socket", self.relay.socket,
                 "doctor", *words], capture_output=True, text=True,
                timeout=60, check=True, env={"COLUMNS": "80"}).stdout
        self.relay.call("account.hold", name="o1", reason="much too dear " * 12)
        self.addCleanup(self.relay.call, "account.release", name="o1")
        text = said()
        self.assertIn("note    accounts: o1: held", text)
        self.assertIn("        relayctl account release o1\n", text)
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80, line)
        rows = json.loads(said("--json"))
        self.assertEqual({"check", "state", "object", "text", "advice"},
                         set(rows["data"][0] if "data" in rows else rows[0]))
