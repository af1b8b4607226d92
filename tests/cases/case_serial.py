# SPDX-License-Identifier: MIT
"""case_serial.py - whose turn it is: accounts that serve one person's turn at a
time, what waits before what, and what ends a wait."""
import time

import case_queue
from case_queue import HANG, SESSION
from speech import ANTHROPIC, Answer, ask, ask_bytes

GAP_S = .2
TOOL = [{"role": "user", "content": [
    {"type": "tool_result", "tool_use_id": "t1", "content": "42"}]}]


def session(n):
    return [(SESSION, "9b2f6c1e-0000-4000-8000-%012d" % n)]


class Turns(case_queue.Waiting):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.relay.call, "sticky.clear")

    def put(self, name, **fields):
        self.relay.call("account.set", name=name,
                        fields={k.replace("_", "-"): v
                                for k, v in fields.items()})

    def use(self, name):
        self.relay.call("account.release", name=name)
        self.addCleanup(self.relay.call, "account.hold", name=name)

    def say(self, n, key=None, body=None, stream=False, keys=None):
        s = self.relay.connect()
        self.addCleanup(s.close)
        s.sendall(ask_bytes(self.keys.get(key, self.relay.key), ANTHROPIC,
                            stream, body=body, keys=keys,
                            headers=session(n) if n else ()))
        return s

    def waits(self, n):
        case_queue.until(f"{n} in the queue", lambda: len(self.rows()) == n)
        return self.rows()

    def why(self, answer):
        receipt = self.relay.receipt(answer)
        return self.relay.call("why", request=receipt["id"])["steps"]

    def show(self, name):
        return self.relay.call("account.show", name=name)


class Serial(Turns):
    def fresh(self):
        super().fresh()
        self.put("a1", serial="yes")

    def test_one_turn_after_the_other(self):
        first = self.say(1, keys=HANG)
        case_queue.until("the first turn", lambda: self.requests())
        s = self.say(2)
        row, = self.waits(1)
        self.assertEqual((row["for"], row["position"]), ("turn", 1))
        busy = [r for r in self.relay.call("session.list")
                if r["phase"] != "waiting"]
        self.assertEqual(self.show("a1")["turn"], busy[0]["id"])
        self.assertTrue(self.show("a1")["serial"])
        # Tools, and who names no session, do not wait.
        self.assertEqual(Answer(self.say(3, body=ANTHROPIC.body(
            False, messages=TOOL))).status, 200)
        self.assertEqual(Answer(self.say(0)).status, 200)
        self.assertEqual(len(self.rows()), 1)
        began = time.monotonic()
        first.close()
        a = Answer(s)
        self.assertEqual(a.status, 200)
        self.assertGreaterEqual(time.monotonic() - began, GAP_S - .01)
        waited, = [p for p in self.why(a) if p["what"] == "waited"]
        self.assertEqual(waited["word"], "its turn at an account")
        self.zero()
        self.assertNotIn("turn", self.show("a1"))

    def test_the_next_turn_begins_with_the_answer(self):
        first = self.say(1, stream=True, keys="stall=20")
        case_queue.until("an answer that has begun", lambda: [
            r for r in self.relay.call("session.list")
            if r["phase"] == "holding"])
        self.assertNotIn("turn", self.show("a1"))
        self.assertEqual(Answer(self.say(2)).status, 200)
        self.assertEqual(self.show("a1")["in_flight"], 1)
        first.close()
        self.zero()

    def test_turns_come_in_the_order_of_the_queue(self):
        first = self.say(1, keys=HANG)
        case_queue.until("the first turn", lambda: self.requests())
        held = []
        for n in 2, 3, 4:
            held.append(self.say(n, "k1"))
            self.waits(len(held))
        first.close()
        receipts = [self.relay.receipt(Answer(s)) for s in held]
        moments = [r["at"] * 1000 + r["wait_us"] for r in receipts]
        for one, two in zip(moments, moments[1:]):
            self.assertGreaterEqual(two - one, GAP_S * 1e6 - 10000)
        self.zero()

    def test_another_account_is_asked_meanwhile(self):
        self.use("a2")
        first = self.say(1, keys=HANG)
        case_queue.until("the first turn", lambda: self.requests())
        a = Answer(self.say(2))
        self.assertEqual(self.relay.receipt(a)["account"], "a2")
        # The session itself stays.
        s = self.say(1)
        row, = self.waits(1)
        self.assertEqual((row["for"], row["account"]), ("turn", "a1"))
        first.close()
        self.assertEqual(self.relay.receipt(Answer(s))["account"], "a1")
        self.zero()

    def test_who_waits_goes_on_when_it_is_serial_no_more(self):
        first = self.say(1, keys=HANG)
        case_queue.until("the first turn", lambda: self.requests())
        s = self.say(2)
        self.waits(1)
        self.put("a1", serial="no")
        self.assertEqual(Answer(s).status, 200)
        first.close()
        self.zero()


class Order(Turns):
    def fresh(self):
        super().fresh()
        self.put("a1", serial="no")
        self.places(0, "a2")

    def test_people_wait_before_tools_when_that_is_wanted(self):
        self.places(1)
        for wanted, positions in ("no", [1, 2]), ("yes", [2, 1]):
            with self.subTest(wanted):
                self.relay.set(turn_boost=wanted)
                busy = self.occupy()
                tool = self.say(1, "k1", ANTHROPIC.body(False, messages=TOOL))
                self.waits(1)
                person = self.say(2, "k1")
                rows = self.waits(2)
                self.assertEqual([r["position"] for r in rows], positions)
                busy.close()
                for s in tool, person:
                    self.assertEqual(Answer(s).status, 200)
                self.zero()
        self.relay.call("setting.unset", name="turn_boost")

    def test_a_tier_is_waited_for_so_long_and_no_longer(self):
        self.use("a2")
        self.places(1)
        key = self.relay.new_key("tiers", bind="acct:a1,acct:a2")
        self.keys["tiers"] = key
        self.relay.set(tier_wait="30s")
        busy = self.occupy("tiers")
        s = self.say(0, "tiers")
        self.waits(1)
        busy.close()
        self.assertEqual(self.relay.receipt(Answer(s))["account"], "a1")
        self.relay.set(tier_wait="1s")
        busy = self.occupy("tiers")
        a = Answer(self.say(0, "tiers"))
        receipt = self.relay.receipt(a)
        self.assertEqual(receipt["account"], "a2")
        self.assertGreaterEqual(receipt["wait_us"], 900000)
        self.relay.set(tier_wait="0")
        a = Answer(self.say(0, "tiers"))
        receipt = self.relay.receipt(a)
        self.assertEqual(receipt["account"], "a2")
        self.assertLess(receipt["wait_us"], 900000)
        busy.close()
        self.relay.call("setting.unset", name="tier_wait")
        self.relay.call("key.rm", key="tiers")
        del self.keys["tiers"]
        self.zero()


class Failed(Turns):
    """The first account has failed, and the other one has no place."""
    def fresh(self):
        super().fresh()
        self.put("a1", serial="no")
        self.use("a2")
        self.places(1, "a2")
        if "second" not in self.keys:
            self.keys["second"] = self.relay.new_key("second", bind="acct:a2")

    def test_it_waits_for_the_other_one(self):
        busy = self.occupy("second")
        for status in "500", "401", "529":
            with self.subTest(status):
                self.fresh_but_busy()
                self.rules(("a1", f"status={status}"))
                if status == "529":
                    # It is asked again itself, and nobody else.
                    self.assertEqual(Answer(self.say(0, "k1")).status, 529)
                    continue
                s = self.say(0, "k1")
                self.waits(1)
                busy.close()
                a = Answer(s)
                self.assertEqual(a.status, 200, a.body)
                receipt = self.relay.receipt(a)
                self.assertEqual([(t["account"], t["outcome"])
                                  for t in receipt["attempts"]],
                                 [("a1", "error_status"), ("a2", "ok")])
                steps = [p["what"] for p in self.why(a)]
                self.assertLess(steps.index("judged"), steps.index("waited"))
                self.relay.at_rest()
                self.up.reset()
                busy = self.occupy("second")
        busy.close()
        self.zero()

    def fresh_but_busy(self):
        self.relay.call("account.reset", name="a1")

    def test_it_waits_no_longer_than_there_is_time_for_tries(self):
        self.relay.set(attempts_time="500ms")
        self.addCleanup(self.relay.call, "setting.unset", name="attempts_time")
        busy = self.occupy("second")
        self.rules(("a1", "status=500"))
        a = Answer(self.say(0, "k1"))
        self.assertEqual(a.status, 429, a.body)
        self.assertTrue(1 <= int(a.header("retry-after")) <= 60)
        self.assertEqual(self.grown("late"), 1)
        self.assertEqual(self.relay.receipt(a)["outcome"], "failed")
        busy.close()
        self.zero()


class Budgets(Turns):
    """The first account's budget is used up, and the other one has no place."""
    def fresh(self):
        super().fresh()
        self.put("a1", serial="no")
        self.use("a2")
        self.places(1, "a2")
        if "second" not in self.keys:
            self.keys["second"] = self.relay.new_key("second", bind="acct:a2")
        for b in self.relay.call("budget.list"):
            self.relay.call("budget.rm", budget=b["id"])

    def limit(self, n):
        return self.relay.call("budget.add", scope="account:a1",
                               limit=f"{n} requests", per="life",
                               action="hold")["id"]

    def test_more_of_it_ends_the_wait(self):
        changes = {
            "raised": lambda b: self.relay.call(
                "budget.set", budget=b, limit="2 requests"),
            "removed": lambda b: self.relay.call("budget.rm", budget=b),
        }
        for name, change in changes.items():
            with self.subTest(name):
                self.fresh()
                budget = self.limit(1)
                a = ask(self.relay, ANTHROPIC, stream=False)
                self.assertEqual(self.relay.receipt(a)["account"], "a1")
                busy = self.occupy("second")
                s = self.say(0, "k1")
                self.waits(1)
                change(budget)
                self.assertEqual(self.relay.receipt(Answer(s))["account"],
                                 "a1")
                busy.close()
                self.zero()

    def test_what_was_reserved_for_nothing_ends_the_wait(self):
        self.limit(1)
        first = self.occupy()
        busy = self.occupy("second")
        s = self.say(0, "k1")
        self.waits(1)
        mine, = [r for r in self.relay.call("session.list")
                 if r["account"] == "a1"]
        self.relay.call("session.kill", request=mine["id"])
        self.assertEqual(Answer(first).status, 403)
        self.assertEqual(self.relay.receipt(Answer(s))["account"], "a1")
        busy.close()
        self.zero()

    def test_a_window_that_begins_anew_ends_the_wait(self):
        self.relay.call("budget.add", scope="account:a1", limit="1 requests",
                        per="2s", action="hold")
        a = ask(self.relay, ANTHROPIC, stream=False)
        self.assertEqual(self.relay.receipt(a)["account"], "a1")
        busy = self.occupy("second")
        self.assertEqual(self.relay.receipt(Answer(
            self.say(0, "k1")))["account"], "a1")
        busy.close()
        self.zero()


class Dear(Turns):
    """What a session has in the cache of its account is worth a wait."""
    def fresh(self):
        super().fresh()
        self.put("a1", serial="no")
        self.places(0, "a2")
        self.use("a2")
        self.relay.call("price.override", model="claude-x", fields={
            "input": "10", "output": "10", "cache_read": "1",
            "cache_write_5m": "12.5", "cache_write_1h": "20"})
        self.relay.set(sticky_wait="20ms")
        for name in "sticky_wait", "sticky_cost_guard":
            self.addCleanup(self.relay.call, "setting.unset", name=name)

    def tearDown(self):
        self.relay.call("price.override", model="claude-x", rm=True)

    def row(self):
        row, = self.relay.call("sticky.list")
        return row

    def bind(self, usage="10,5,100000,0,0"):
        self.relay.call("sticky.clear")
        a = Answer(self.say(1, keys="usage=" + usage))
        self.assertEqual(self.relay.receipt(a)["account"], "a1")

    def test_the_cost_is_the_difference_for_what_is_cached(self):
        for usage, micro in (("10,5,100000,0,0", 1150000),
                             ("10,5,60000,40000,0", 1150000),
                             ("10,5,60000,0,40000", 1900000),
                             ("10,5,0,0,0", 0)):
            with self.subTest(usage):
                self.bind(usage)
                self.assertEqual(self.row()["switch_micro"], micro)

    def test_a_busy_account_is_waited_for_when_that_is_cheaper(self):
        self.places(1)
        for guard, stays in ("1usd", True), ("2usd", False), ("0", False):
            with self.subTest(guard):
                self.relay.set(sticky_cost_guard=guard)
                self.bind()
                busy = self.occupy(headers=session(1))
                s = self.say(1, stream=True)
                if stays:
                    # Twice as long as it would wait otherwise, and more.
                    time_is_up = time.monotonic() + .04
                    case_queue.until("it waits for longer", lambda:
                                     time.monotonic() > time_is_up)
                    self.assertEqual(self.waits(1)[0]["account"], "a1")
                    busy.close()
                a = Answer(s)
                self.assertEqual(self.relay.receipt(a)["account"],
                                 "a1" if stays else "a2")
                step = [p for p in self.why(a) if p["what"] == "waited"][0]
                self.assertEqual((step["word"], step["cost_micro"]),
                                 ("the account of its session", 1150000))
                self.assertEqual(self.row()["moves"], 0 if stays else 1)
                busy.close()
                self.zero()

    def test_an_account_that_rests_is_waited_for_when_that_is_cheaper(self):
        for guard, stays in ("0.50usd", True), ("0", False):
            with self.subTest(guard):
                self.relay.set(sticky_cost_guard=guard)
                self.bind()
                ends = int(time.time()) + 22
                self.rules(("a1", f"status=429;retry-after=22;reset={ends}"))
                a = Answer(self.say(0))
                self.assertEqual(self.relay.receipt(a)["account"], "a2")
                self.up.reset()
                s = self.say(1, stream=True)
                if stays:
                    self.assertEqual(self.waits(1)[0]["account"], "a1")
                    self.relay.call("account.reset", name="a1")
                a = Answer(s)
                self.assertEqual(self.relay.receipt(a)["account"],
                                 "a1" if stays else "a2")
                self.relay.call("account.reset", name="a1")
                self.zero()
