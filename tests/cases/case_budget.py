# SPDX-License-Identifier: MIT
"""case_budget.py - limits: nobody gets more than there is, whatever happens on
the way, and what was used is known after a kill."""
import json
import re
import signal
import subprocess
import threading

from house import Case, Refused, program, until
from speech import ALL, ANTHROPIC, GEMINI, ask, ask_bytes, raw

NAMES = ("a1", "a2", "o1", "o2", "g1", "g2")


class Budget(Case):
    def setUp(self):
        super().setUp()
        for row in self.budgets():
            self.relay.call("budget.rm", budget=row["id"])
        self.usage("1000,100,0,0,0,0")

    def tearDown(self):
        """Nothing under way, nothing reserved; and what is used is what the
        receipts say, no more and no less."""
        self.relay.at_rest()
        for row in self.budgets():
            self.assertEqual(row["reserved"], 0)
            until(f"the receipts of {row['used']} used: {row}",
                  lambda: self.told(row) == row["used"])

    def budgets(self, **params):
        return self.relay.control.rows("budget.list", **params)

    def add(self, scope, limit, per, **more):
        return self.relay.call("budget.add", scope=scope, limit=limit,
                               per=per, **more)["id"]

    def show(self, budget):
        return self.relay.call("budget.show", budget=budget)

    def usage(self, text):
        self.rules(*((n, "usage=" + text) for n in NAMES))

    def told(self, row):
        """What the receipts were charged with, in the window under way."""
        of = {"requests": lambda r: 1,
              "tokens": lambda r: r["input"] + r["cache_read"] +
              r["cache_write_5m"] + r["cache_write_1h"] + r["output"],
              "cost_real": lambda r: r["cost_micro"],
              "cost_rated": lambda r: r["rated_micro"]}[row["unit"]]
        total = 0
        for r in self.relay.receipts():
            at = re.search(row["id"] + r"@(\d+)", r["budgets"])
            if at and r["outcome"] not in ("refused", "failed") and \
                    ("begins_at" not in row or
                     int(at[1]) >= row["begins_at"]):
                total += of(r)
        return total

    def ask(self, model="claude-opus-4-8", dialect=ANTHROPIC, **more):
        body = json.loads(dialect.body(more.pop("stream", False)))
        body["model"] = model
        return ask(self.relay, dialect, body=json.dumps(body).encode(), **more)

    # --- shapes

    def test_money_and_tokens_are_402_in_every_dialect(self):
        budget = self.add("key:case", "0 tokens", "day")
        for dialect in ALL:
            for stream in (False, True):
                with self.subTest(f"{dialect} {stream}"):
                    a = ask(self.relay, dialect, stream=stream)
                    self.assertEqual(a.status, 402)
                    self.assertEqual(a.header("x-should-retry"), "false")
                    self.assertIsNone(a.header("retry-after"))
                    said = json.loads(a.body)
                    self.assertTrue(dialect.is_error(said), said)
                    text = said["error"]["message"]
                    for word in ("this key", "0 tokens per day", budget):
                        self.assertIn(word, text)
        self.assertEqual(self.requests(), [])
        self.assertEqual(self.show(budget)["used"], 0)

    def test_requests_are_429_with_the_time_to_wait(self):
        self.add("all", "1 request", "1h")
        self.assertEqual(self.ask().status, 200)
        for dialect in ALL:
            with self.subTest(str(dialect)):
                a = ask(self.relay, dialect)
                self.assertEqual(a.status, 429)
                self.assertIn(int(a.header("retry-after")), range(3500, 3601))
                said = json.loads(a.body)
                self.assertTrue(dialect.is_error(said), said)
                self.assertIn("1 request per 1h", said["error"]["message"])
                if dialect is GEMINI:
                    self.assertEqual(said["error"]["details"][0]["retryDelay"],
                                     a.header("retry-after") + "s")
        self.assertEqual(len(self.requests()), 1)

    def test_a_wait_is_as_long_as_it_is(self):
        self.add("all", "1 request", "30d")
        self.assertEqual(self.ask().status, 200)
        a = self.ask()
        self.assertEqual(a.status, 429)
        self.assertGreater(int(a.header("retry-after")), 29 * 86400)

    def test_nothing_is_waited_for_in_vain(self):
        for per in ("day", "life"):
            budget = self.add("all", "0 requests", per)
            a = self.ask()
            self.assertEqual(a.status, 402)
            self.assertEqual(a.header("x-should-retry"), "false")
            self.assertIn(b"more than all of it", a.body)
            self.relay.call("budget.rm", budget=budget)

    def test_a_price_that_is_not_known_is_no_way_past_it(self):
        self.usage("1000,1000,0,0,0,0")
        key = self.relay.new_key("thrifty")
        self.add("key:thrifty", "0.02 usd", "day")
        self.assertEqual(self.ask("never-heard-of", key=key).status, 200)
        # It costs $0.03, and was thought to cost less.
        self.assertEqual(self.ask(key=key).status, 200)
        for model in ("claude-opus-4-8", "never-heard-of"):
            with self.subTest(model):
                a = self.ask(model, key=key)
                self.assertEqual(a.status, 402)
                self.assertIn(b"over budget", a.body)

    def test_what_needs_no_account_is_free(self):
        self.add("all", "0 requests", "day")
        self.add("all", "0 tokens", "day")
        for target in ("/v1/models", "/health"):
            a = raw(self.relay, f"GET {target} HTTP/1.1\r\nhost: x\r\n"
                    f"x-api-key: {self.relay.key}\r\n"
                    "connection: close\r\n\r\n".encode())
            self.assertEqual(a.status, 200)
        count = ask(self.relay, ANTHROPIC, stream=False,
                    target="/v1/messages/count_tokens")
        self.assertEqual(count.status, 200, count.body)
        self.assertIn(self.ask().status, (402, 429))

    # --- never more than there is

    def test_many_at_once_get_what_there_is_for_a_few(self):
        self.rules(("a1", "hang=1"), ("a2", "hang=1"))
        budget = self.add("key:case", "5 requests", "day")
        body = ANTHROPIC.body(True)
        socks = [self.relay.connect() for _ in range(20)]
        for s in socks:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC, body=body))
        until("five to be let in", lambda: len(self.requests()) == 5)
        until("the others to be refused", lambda: sum(
            self.relay.counters()[k] for k in ("requests_now",)) == 5)
        row = self.show(budget)
        self.assertEqual((row["used"], row["reserved"], row["left"]),
                         (0, 5, 0))
        for s in socks:
            s.close()
        self.relay.at_rest()
        # They were sent, so they count.
        self.assertEqual(self.show(budget)["used"], 5)
        self.assertEqual(len(self.requests()), 5)

    def test_money_is_never_spent_twice(self):
        budget = self.add("key:case", "0.15 usd", "day", **{"class": "claude*"})
        body = json.loads(ANTHROPIC.body(False, said="x" * 3500))
        body.update(model="claude-opus-4-8", max_tokens=200)
        body = json.dumps(body).encode()
        statuses = []

        def client():
            for _ in range(12):
                statuses.append(ask(self.relay, ANTHROPIC, stream=False,
                                    body=body).status)
        threads = [threading.Thread(target=client) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        row = self.show(budget)
        self.assertEqual(set(statuses), {200, 402})
        self.assertEqual(row["used"], statuses.count(200) * 7500)
        # Nine in ten would come to less than the next may come to.
        self.assertLessEqual(row["used"], 150000)
        self.assertGreater(row["used"], 120000)
        # A budget of Claude's models is not one of others.
        self.assertEqual(ask(self.relay, GEMINI).status, 200)

    def test_a_disconnect_is_charged_what_was_estimated(self):
        self.rules(("a1", "stall=600"))
        budget = self.add("key:case", "1M tokens", "month")
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC,
                                body=ANTHROPIC.body(True, said="x" * 9000)))
            s.recv(100)
            self.assertGreater(self.show(budget)["reserved"], 0)
        self.relay.at_rest()
        row = self.show(budget)
        self.assertEqual(row["reserved"], 0)
        self.assertGreater(row["used"], 1000)

    def test_a_failure_costs_nothing(self):
        self.rules(*((n, "status=500") for n in NAMES))
        requests = self.add("key:case", "100 requests", "day")
        money = self.add("key:case", "1 usd", "day")
        self.assertGreaterEqual(self.ask().status, 500)
        self.relay.at_rest()
        self.assertEqual(self.show(money)["used"], 0)
        self.assertEqual(self.show(money)["reserved"], 0)
        self.assertEqual(self.show(requests)["reserved"], 0)

    # --- accounts

    def test_an_account_over_budget_rests_and_others_answer(self):
        one = self.add("account:a1", "1500 tokens", "2s")
        self.rules(("a1", "usage=1500,0,0,0,0,0"),
                   ("a2", "usage=10,10,0,0,0,0"))
        # Nobody waits in the queue for the window's end.
        self.relay.set(attempts_max=1, queue_wait="0", queue_wait_stream="0")
        self.addCleanup(self.relay.set, attempts_max=3, queue_wait="10s",
                        queue_wait_stream="30s")
        first = self.ask()
        self.assertEqual(first.status, 200)
        self.assertEqual(self.relay.receipt(first)["account"], "a1")
        self.assertEqual(self.relay.receipt(self.ask())["account"], "a2")
        two = self.add("account:a2", "0 tokens", "life")
        a = self.ask()
        self.assertEqual(a.status, 503)
        self.assertIn(a.header("retry-after"), ("1", "2"))
        self.assertIn(b"2 over budget", a.body)
        # It is used again when its window ends.
        back = until("an account that is used again", lambda: (
            lambda a: a if a.status == 200 else None)(self.ask()))
        self.assertEqual(self.relay.receipt(back)["account"], "a1")
        self.assertEqual(self.show(two)["used"], 0)
        self.relay.call("budget.rm", budget=one)

    def test_the_account_that_answers_is_charged(self):
        self.rules(("a1", "status=529"), ("a2", "usage=1000,100,0,0,0,0"))
        one = self.add("account:a1", "1M tokens", "day")
        two = self.add("account:a2", "1M tokens", "day")
        kinds = self.add("platform:claude*", "1M tokens", "day")
        self.rules(("a1", "status=500"), ("a2", "usage=1000,100,0,0,0,0"))
        a = self.ask()
        self.assertEqual(a.status, 200)
        self.assertEqual(self.relay.receipt(a)["account"], "a2")
        self.assertEqual([self.show(b)["used"] for b in (one, two, kinds)],
                         [0, 1100, 1100])

    # --- time

    def test_a_window_ends(self):
        budget = self.add("key:case", "1 request", "1s")
        self.assertEqual(self.ask().status, 200)
        statuses = []

        def again():
            statuses.append(self.ask().status)
            return statuses[-1] == 200
        until("a new window", again)
        self.assertLessEqual(set(statuses), {200, 429})
        row = self.show(budget)
        self.assertLessEqual(row["used"], 1)

    def test_what_was_used_outlives_a_kill(self):
        budgets = [self.add("key:case", *words) for words in (
            ("1 usd", "day"), ("1M tokens", "1h"), ("100 requests", "life"),
            ("2 usd", "1d-sliding"))]
        for _ in range(5):
            self.assertEqual(self.ask().status, 200)
        self.rules(("a1", "hang=1"))
        with self.relay.connect() as s:
            body = json.loads(ANTHROPIC.body(True, said="x" * 4000))
            body["model"] = "claude-opus-4-8"
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC,
                                body=json.dumps(body).encode()))
            until("the upstream to be asked", lambda: len([
                r for r in self.requests()]) == 6)
            before = [self.show(b) for b in budgets]
            self.relay.kill(signal.SIGKILL)
            self.relay.ended()
        self.relay.start()
        after = [self.show(b) for b in budgets]
        self.assertEqual([r["used"] for r in before],
                         [37500, 5500, 5, 37500])
        # The one under way was booked as what it cost at least.
        last, = (r for r in self.relay.receipts()
                 if r["outcome"] == "interrupted")
        more = [last["cost_micro"], last["input"], 1, last["cost_micro"]]
        self.assertGreater(last["cost_micro"], 0)
        self.assertEqual([r["used"] for r in after],
                         [b["used"] + m for b, m in zip(before, more)])
        self.assertEqual([r["reserved"] for r in after], [0] * 4)
        self.assertEqual([r.get("resets_at") for r in after[:1]],
                         [r.get("resets_at") for r in before[:1]])

    # --- people

    def ctl(self, *words, status=0):
        ran = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(ran.returncode, status, ran.stdout + ran.stderr)
        return ran.stdout + ran.stderr

    def test_what_can_never_match_is_refused(self):
        good = {"scope": "all", "limit": "2 usd", "per": "month"}
        for field, value, said in (
                ("scope", "key:nobody", "no key"),
                ("scope", "key", "key:KEY"),
                ("scope", "all:x", "stands alone"),
                ("scope", "tag:none", "has the tag"),
                ("scope", "user:none", "owned by"),
                ("scope", "account:none", "no account"),
                ("scope", "platform:none", "no kind"),
                ("scope", "group:x", "no group"),
                ("scope", "team:x", "key:NAME"),
                ("limit", "20", "20 usd"),
                ("limit", None, "how much"),
                ("per", "fortnight", "week@mon/08:00"),
                ("per", None, "how long"),
                ("class", "cluade*", "claude*"),
                ("action", "hold", "account:NAME"),
                ("action", "explode", "deny"),
                ("rated", True, None)):
            params = {**good, field: value}
            if value is None:
                del params[field]
            with self.subTest(f"{field} {value}"):
                if said is None:
                    params["limit"] = "2 tokens"
                    said = "only money"
                with self.assertRaises(Refused) as no:
                    self.relay.call("budget.add", **params)
                self.assertIn(said, str(no.exception))
        with self.assertRaises(Refused):
            self.relay.call("budget.add", scope="account:a1", limit="1 usd",
                            per="day", action="deny")
        self.assertEqual(self.budgets(), [])

    def test_at_the_terminal(self):
        said = self.ctl("budget", "add", "key:case", "--limit", "0.0001 usd",
                        "--per", "week@mon/08:00", "--class", "claude*",
                        "--rated", "--note", "for trying")
        budget = re.search(r"\bb[a-z]{8}\b", said)[0]
        self.assertIn("0.0001 usd rated", said)
        # Its week has begun before it, without it.
        self.assertRegex(said, r"counts only from +20\d\d-")
        self.assertIn("limits the same", self.ctl(
            "budget", "add", "key:case", "--limit", "5 usd rated", "--per",
            "week@mon/8:00", "--class", "claude*", status=1))
        self.assertEqual(self.ask().status, 402)
        self.ctl("budget", "set", budget, "--add", "1 usd")
        self.assertEqual(self.ask().status, 200)
        listed = self.ctl("budget", "ls", "--key", "case")
        for word in (budget, "key case", "1.0001 usd rated", "0.0075"):
            self.assertIn(word, listed)
        self.assertIn("1000100", self.ctl("budget", "set", budget, "--limit",
                                          "2 usd", "--dry-run"))
        self.assertEqual(self.show(budget)["amount"], 1000100)
        self.assertIn("another unit", self.ctl(
            "budget", "set", budget, "--limit", "2 tokens", status=1))
        self.assertIn("Removed", self.ctl("budget", "rm", budget))
        self.ctl("budget", "show", budget, status=1)
        told = self.relay.control.rows("audit.list", type="budget",
                                       object=budget)
        self.assertEqual([r["method"] for r in told],
                         ["budget_rm", "budget_set", "budget_add"])

    def test_a_budget_says_from_when_it_counts(self):
        self.assertEqual(self.ask().status, 200)
        made = self.relay.call("budget.show",
                               budget=self.add("key:case", "5 usd", "month"))
        self.assertEqual(made["used"], 0)
        self.assertGreater(made["counts_from"], made["begins_at"])
        self.assertEqual(made["counts_from"], made["created_at"])
        for window in ("5h", "life", "5h-sliding"):
            self.assertNotIn("counts_from", self.show(
                self.add("key:case", "5 usd", window)))

    def test_warnings_are_told_once_and_refuse_nobody(self):
        since = self.relay.mark()
        budget = self.add("key:case", "1100 tokens", "day", action="warn")
        for _ in range(3):
            self.assertEqual(self.ask().status, 200)
        line = self.relay.wait_log("event=budget_reached", since)
        self.assertIn(f"{budget}, key case at 100 %", line)
        self.relay.at_rest()
        self.assertEqual(len([l for l in self.relay.lines[since:]
                              if l and "budget_reached" in l]), 1)

    def test_a_revision_that_is_old_is_refused(self):
        budget = self.add("all", "5 usd", "day")
        self.relay.call("budget.set", budget=budget, note="new")
        for method in ("budget.set", "budget.rm"):
            with self.assertRaises(Refused) as no:
                self.relay.call(method, budget=budget, if_rev=1)
            self.assertEqual(no.exception.code, "stale")
