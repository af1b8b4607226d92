# SPDX-License-Identifier: MIT
"""case_why.py - what a request went through: while it does, and afterwards."""
import json
import select
import subprocess

from house import Case, Control, Refused, program, until
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
        self.assertEqual(phases[:3], ["opening", "judging", "opening"])
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


SECRET = "canary-credential-4711-%s-wxyz"


class Why(Case):
    """The story of a request that has ended."""
    settings = {"sticky_content": "yes"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for a in cls.relay.call("account.list"):
            cls.relay.call("account.set", name=a["name"],
                           credential=SECRET % a["name"])

    def rules(self, *rules):
        answer = self.up.script([{"credential": SECRET % n, "do": keys}
                                 for n, keys in rules])
        self.assertEqual(answer.status, 200)

    def fresh(self):
        super().fresh()
        self.relay.call("sticky.clear")

    def why(self, answer, role=None):
        self.relay.receipt(answer)
        return self.relay.call("why", request=name(answer))

    def steps(self, told):
        return [s["what"] for s in told["steps"]]

    def shown(self, request, *more):
        p = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *more,
             "why", request], capture_output=True, text=True,
            env={"COLUMNS": "80", "PATH": "/usr/bin"})
        self.assertEqual(p.returncode, 0, p.stderr)
        return p.stdout

    def test_a_plain_request_is_told_from_its_receipt_alone(self):
        a = ask(self.relay, ANTHROPIC)
        told = self.why(a)
        self.assertFalse(told["live"])
        self.assertFalse(told["kept"])
        self.assertEqual(self.steps(told), ["tried", "answered"])
        self.assertEqual(told["receipt"]["outcome"], "ok")

    def test_a_budget_of_other_models_is_no_part_of_it(self):
        for glob, reserves in (("claude-opus*", False), ("*", True)):
            b = self.relay.call("budget.add", scope="key:case", per="day",
                                limit="1000 requests", **{"class": glob})
            self.rules(("a1", "status=500"))
            steps = self.steps(self.why(ask(self.relay, ANTHROPIC)))
            self.relay.call("budget.rm", budget=b["id"])
            self.assertEqual("reserved" in steps, reserves)
            self.fresh()

    def test_who_was_ended_is_told_by_whom(self):
        self.rules(("a1", "hang=1"))
        body = ANTHROPIC.body(False)
        with self.relay.connect() as s:
            s.sendall((f"POST /v1/messages HTTP/1.1\r\nHost: x\r\n"
                       f"x-api-key: {self.relay.key}\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n"
                       ).encode() + body)
            row = until("a request that is asked", lambda: next(
                (r for r in self.relay.control.rows("session.list")
                 if r["account"] == "a1"), None))
            until("the upstream has it", self.requests)
            self.relay.call("session.kill", request=row["id"])
            self.assertIn(b" 403 ", s.recv(65536))
        self.relay.at_rest()
        told = until("its story", lambda: next(
            (r for r in self.relay.receipts() if r["id"] == row["id"]), None))
        self.assertEqual(told["outcome"], "failed")
        shown = self.shown(row["id"])
        self.assertNotIn("relayd is stopping", shown)
        self.assertIn("ended by the operator", " ".join(shown.split()))

    def test_a_failover_is_told_with_rule_and_sample(self):
        self.rules(("a1", "status=429,retry=30"))
        a = ask(self.relay, ANTHROPIC)
        self.assertEqual(a.status, 200)
        told = self.why(a)
        self.assertTrue(told["kept"])
        self.assertEqual(self.steps(told), [
            "chose", "tried", "judged", "chose", "tried", "answered",
            "ended"])
        first, tried, judged, second = told["steps"][:4]
        self.assertEqual((first["account"], first["bond"]), ("a1", "new"))
        self.assertEqual((tried["account"], tried["status"]), ("a1", 429))
        self.assertEqual((judged["rule"], judged["next"], judged["status"],
                          judged["reason"]),
                         ("rate", "other", 429, "rate limited"))
        self.assertIn("rate_limit", judged["sample"])
        self.assertGreater(judged["took_us"], 25_000_000)
        self.assertEqual((second["account"], second["bond"], second["from"]),
                         ("a2", "moved", "a1"))
        self.assertEqual([s["at_us"] for s in told["steps"]],
                         sorted(s["at_us"] for s in told["steps"]))
        text = self.shown(name(a))
        self.assertIn('The rule "rate" judges', text)
        self.assertIn("It said:", text)
        self.assertIn("The session moves there from a1", text)
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        self.assertEqual(json.loads(self.shown(name(a), "--json")), told)

    def test_a_refusal_is_told_with_its_words(self):
        self.rules(("a1", "status=401"), ("a2", "status=401"))
        a = ask(self.relay, ANTHROPIC)
        self.assertEqual(a.status, 503)
        told = self.why(a)
        self.assertEqual(told["steps"][-1]["what"], "ended")
        self.assertEqual(told["steps"][-1]["status"], 503)
        self.assertTrue(told["steps"][-1]["text"])
        self.assertEqual([s["rule"] for s in told["steps"]
                          if s["what"] == "judged"], ["unauthorized"] * 2)

    def test_nobody_is_told_with_the_sieves(self):
        for n in "a1", "a2":
            self.relay.call("account.hold", name=n)
            self.addCleanup(self.relay.call, "account.release", name=n)
        told = self.why(ask(self.relay, ANTHROPIC))
        nobody = told["steps"][0]
        self.assertEqual(nobody["what"], "nobody")
        self.assertIn({"sieve": "held", "count": 2}, nobody["fell"])

    def test_a_budget_refusal_is_told(self):
        b = self.relay.call("budget.add", scope="key:case",
                            limit="1 token", per="day")
        self.addCleanup(self.relay.call, "budget.rm", budget=b["id"])
        a = ask(self.relay, ANTHROPIC)
        self.assertEqual(a.status, 402)
        told = self.why(a)
        self.assertEqual(self.steps(told), ["ended"])
        self.assertIn(b["id"], told["steps"][0]["text"])

    def test_a_wait_is_told(self):
        self.rules(("a1", "status=529"), ("a2", "status=529"))
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC))
            row, = until("a wait", lambda: [
                r for r in self.relay.control.rows("session.list")
                if r["phase"] == "backoff"])
            told = self.relay.call("why", request=row["id"])
        *_, judged, wait = told["steps"]
        self.assertEqual((judged["rule"], judged["next"]),
                         ("overloaded", "same"))
        self.assertEqual((wait["what"], wait["word"]), ("waited", "backoff"))
        self.assertGreater(wait["took_us"], 500_000)

    def test_what_is_told_survives_a_restart_and_goes_when_it_is_old(self):
        self.rules(("a1", "status=500"))
        a = ask(self.relay, ANTHROPIC)
        told = self.why(a)
        self.assertTrue(told["kept"])
        self.assertEqual(self.relay.stop(), 0)
        self.relay.start()
        self.assertEqual(self.relay.call("why", request=name(a)), told)

    def test_a_live_request_is_told_as_far_as_it_has_come(self):
        self.rules(("a1", "status=500"), ("a2", "hang=1"))
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC))
            row, = until("the second try", lambda: [
                r for r in self.relay.control.rows("session.list")
                if r["tries"] == 2])
            told = self.relay.call("why", request=row["id"])
            self.assertTrue(told["live"])
            self.assertEqual(self.steps(told),
                             ["chose", "tried", "judged", "chose"])
            self.assertEqual(told["session"]["account"], "a2")
            self.assertIn("opening", self.shown(row["id"]))

    def test_credentials_that_are_echoed_are_in_no_story(self):
        self.rules(("a1", "status=401"))
        a = ask(self.relay, ANTHROPIC)
        told = json.dumps(self.why(a))
        self.assertNotIn("canary", told)
        self.assertNotIn("canary", self.shown(name(a)))

    def test_what_is_no_request_is_refused(self):
        for said, code in (("nonsense", "value"), ("req_1", "value"),
                           ("req_" + "0" * 26, "unknown")):
            with self.assertRaises(Refused) as no:
                self.relay.call("why", request=said)
            self.assertEqual(no.exception.code, code)


class Drain(Case):
    """No more requests, for one account or for all."""

    def hang(self, s):
        s.sendall(ask_bytes(self.relay.key, ANTHROPIC))
        row, = until("a request under way", lambda: [
            r for r in self.relay.control.rows("session.list")
            if r["tries"]])
        return row

    def test_an_account_that_is_drained_says_when_it_is_empty(self):
        self.rules(("a1", "hang=1"))
        with self.relay.connect() as s:
            row = self.hang(s)
            a = self.relay.call("account.drain", name="a1", reason="repair")
            self.addCleanup(self.relay.call, "account.release", name="a1")
            self.assertEqual((a["state"], a["held_reason"], a["draining"],
                              a["in_flight"]), ("held", "repair", True, 1))
            self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
            mark = self.relay.mark()
            self.relay.call("session.kill", request=row["id"])
            self.relay.wait_log("its last request has ended", mark)
        a = self.relay.call("account.show", name="a1")
        self.assertEqual((a["state"], a["draining"]), ("held", False))

    def test_an_empty_account_says_so_at_once(self):
        mark = self.relay.mark()
        a = self.relay.call("account.drain", name="a2")
        self.addCleanup(self.relay.call, "account.release", name="a2")
        self.assertFalse(a["draining"])
        self.relay.wait_log("its last request has ended", mark)

    def test_a_release_forgets_who_waited_for_the_end(self):
        self.rules(("a1", "hang=1"))
        with self.relay.connect() as s:
            row = self.hang(s)
            self.relay.call("account.drain", name="a1")
            a = self.relay.call("account.release", name="a1")
            self.assertFalse(a["draining"])
            mark = self.relay.mark()
            self.relay.call("session.kill", request=row["id"])
            self.relay.at_rest()
            self.assertNotIn("last request has ended",
                             "\n".join(self.relay.lines[mark:]))

    def test_draining_is_taken_back_and_then_it_ends(self):
        self.rules(("a1", "hang=1"))
        with self.relay.connect() as s:
            row = self.hang(s)
            said = self.relay.call("drain")
            self.assertEqual((said["draining"], said["requests"]), (True, 1))
            status = self.relay.call("status")
            self.assertTrue(status["draining"])
            self.assertGreater(status["draining_since_at"], 0)
            no = ask(self.relay, ANTHROPIC)
            self.assertEqual(no.status, 503)
            self.assertGreater(int(no.header("retry-after")), 0)
            with self.assertRaises(Refused) as again:
                self.relay.call("drain")
            self.assertEqual(again.exception.code, "exists")
            said = self.relay.call("drain", undo=True)
            self.assertFalse(said["draining"])
            with self.assertRaises(Refused) as nothing:
                self.relay.call("drain", undo=True)
            self.assertEqual(nothing.exception.code, "unknown")
            self.up.reset()
            self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
            self.relay.call("drain")
            self.relay.call("session.kill", request=row["id"])
            self.assertEqual(self.relay.ended(), 0)
        self.relay.start()
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
