# SPDX-License-Identifier: MIT
"""case_why.py - what a request went through: while it does, and afterwards."""
import json
import select
import subprocess

from house import Case, Control, program, until
from speech import ANTHROPIC, ask, ask_bytes


def name(answer):
    return answer.header("x-relay-request-id") or answer.header("request-id")


class Live(Case):
    """What can be seen and heard of requests under way."""

    def follow(self, **params):
        c = Control(self.relay.socket)
        self.addCleanup(c.close)
        c.data("event.follow", **params)
        return c

    def heard(self, c, last):
        """Events up to the one for which last(data) is true."""
        events = []
        while not events or not last(events[-1]):
            events.append(c.read()["params"]["data"])
        return events

    def test_a_request_is_told_phase_by_phase_and_ends_once(self):
        c = self.follow(topic="requests")
        self.rules(("a1", "status=500"))
        a = ask(self.relay, ANTHROPIC)
        self.assertEqual(a.status, 200)
        events = self.heard(c, lambda e: e["event"] == "end")
        self.assertEqual({e["request"]["id"] for e in events},
                         {name(a)})
        phases = [e["request"]["phase"] for e in events[:-1]]
        self.assertEqual(phases[:2], ["opening", "judging"])
        self.assertIn("streaming", phases)
        self.assertEqual([e["event"] for e in events],
                         ["phase"] * len(phases) + ["end"])
        accounts = [e["request"]["account"] for e in events[:-1]]
        self.assertEqual((accounts[0], accounts[-1]), ("a1", "a2"))
        self.assertEqual(events[-1]["request"]["outcome"], "ok")
        # Nothing comes behind the end: the next event is of another one.
        b = ask(self.relay, ANTHROPIC)
        self.assertEqual(self.heard(c, lambda e: True)[0]["request"]["id"],
                         name(b))

    def test_an_account_is_told_when_its_state_changes(self):
        c = self.follow(topic="accounts", account="a1")
        self.rules(("a1", "status=429,retry=30"))
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
        e, = self.heard(c, lambda e: True)
        self.assertEqual((e["event"], e["account"]["name"],
                          e["account"]["state"], e["account"]["was"]),
                         ("state", "a1", "rate", "ready"))
        self.assertGreater(e["account"]["until_at"], 0)

    def test_relayctl_prints_events_as_lines(self):
        p = subprocess.Popen(
            [program("relayctl"), "--socket", self.relay.socket, "events",
             "--topic", "requests"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(p.wait)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.kill)
        # It follows when a request is told of; one before is nobody's.
        until("a line", lambda: ask(self.relay, ANTHROPIC) and
              select.select([p.stdout], [], [], 0)[0])
        e = json.loads(p.stdout.readline())
        self.assertEqual(e["topic"], "requests")

    def test_what_is_under_way_is_listed_with_what_it_has_used(self):
        self.rules(("a1", "hang=1"))
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC))
            row, = until("a request under way", lambda: [
                r for r in self.relay.control.rows("session.list")
                if r["tries"]])
            self.assertEqual((row["key"], row["account"], row["model"]),
                             ("case", "a1", "claude-x"))
            self.assertTrue(row["peer"].startswith("127.0.0.1"), row)
            self.assertGreater(row["age_us"], 0)
            shown = subprocess.run(
                [program("relayctl"), "--socket", self.relay.socket,
                 "sessions"], capture_output=True, text=True,
                env={"COLUMNS": "80", "PATH": "/usr/bin"})
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertIn("a1", shown.stdout)
            self.assertLessEqual(max(map(len, shown.stdout.splitlines())), 80)
