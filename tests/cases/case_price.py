# SPDX-License-Identifier: MIT
"""case_price.py - what requests cost, from the answer to the sums, and how an
operator changes prices."""
import json
import os
import signal
import subprocess

from house import Case, Refused, program, until
from receiver import Hook
from speech import ANTHROPIC, CHAT, GEMINI, RESPONSES, ask, ask_bytes

# The model, the dialect, and what an upstream says was used: in, out, cache
# read, cache writes of 5 minutes and of an hour, reasoning.
EXAMPLES = (
    ("claude-sonnet-4-5-20250929", ANTHROPIC, "1000,500,0,0,0,0", 10500),
    ("claude-sonnet-4-20250514", ANTHROPIC, "1000,500,20000,5000,5000,0",
     65250),
    ("gpt-5", CHAT, "10000,1000,8000,0,0,0", 13500),
    ("gpt-5", RESPONSES, "10000,1000,8000,0,0,900", 13500),
    ("gemini-2.5-pro", GEMINI, "250000,1000,0,0,0,0", 640000),
    # What is cached is not paid twice, and thinking is paid.
    ("gemini-2.5-pro", GEMINI, "10000,1000,8000,0,0,500", 18500),
    ("gpt-5.6", CHAT, "10000,0,8000,1000,0,0", 15250),
    ("gpt-5.6", RESPONSES, "10000,0,8000,1000,0,0", 15250),
    ("claude-opus-4-6", ANTHROPIC, "1000,1000,0,0,0,0;speed=fast", 180000),
    ("claude-opus-4-6", ANTHROPIC,
     "1000,1000,0,0,0,0;speed=fast;geo=us;searches=2", 218000),
    ("gpt-5", CHAT, "10000,1000,8000,0,0,0;tier=priority", 27000),
    ("gpt-5", RESPONSES, "10000,1000,8000,0,0,0;tier=flex", 6750),
    ("us.anthropic.claude-haiku-4-5-20251001-v1:0", ANTHROPIC,
     "1000,100,0,0,0,0", 1500),
)


class Price(Case):
    def ask(self, model, dialect=ANTHROPIC, usage="1000,100,0,0,0,0", **more):
        body, target = dialect.body(more.get("stream", True)), None
        if dialect is GEMINI:
            target = dialect.target(True).replace("gemini-x", model)
        else:
            value = json.loads(body)
            value["model"] = model
            body = json.dumps(value).encode()
        self.rules(*((n, "usage=" + usage) for n in
                     ("a1", "a2", "o1", "o2", "g1", "g2")))
        return ask(self.relay, dialect, body=body, target=target, **more)

    def charged(self, *args, **more):
        return self.relay.receipt(self.ask(*args, **more))

    def ctl(self, *words, status=0):
        ran = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(ran.returncode, status, ran.stdout + ran.stderr)
        return ran.stdout + ran.stderr

    def in_force(self, model):
        return self.relay.call("price.show", model=model)

    def tearDown(self):
        self.relay.set(unpriced="allow", rate="1.00")
        for row in self.relay.call("rate.list"):
            self.relay.call("rate.rm", service=row["service"])
        for row in self.relay.control.rows("price.list", origin="override"):
            self.relay.call("price.override", model=row["name"], rm=True)
        self.relay.call("price.update", rm=True)
        self.assertEqual(self.verified()["differences"], 0)

    def verified(self):
        return self.relay.call("usage.verify")

    def test_every_dialect_is_charged_to_the_micro_dollar(self):
        for model, dialect, usage, micro in EXAMPLES:
            with self.subTest(f"{model} {dialect}"):
                r = self.charged(model, dialect, usage)
                self.assertEqual(r["cost_micro"], micro)
                self.assertEqual(r["rated_micro"], micro)
                self.assertNotIn("unpriced", r["flags"])
                why = self.relay.call("usage.explain", receipt=r["id"])
                self.assertTrue(why["adds_up"])
                self.assertEqual(why["cost_micro"], micro)
                total = sum(float(line["cost"]) for line in why["lines"])
                self.assertAlmostEqual(total * 1e6, micro, places=3)

    def test_a_count_past_belief_is_estimated_and_said(self):
        for model, dialect in (("claude-opus-4-8", ANTHROPIC), ("gpt-5", CHAT),
                               ("gpt-5", RESPONSES),
                               ("gemini-2.5-pro", GEMINI)):
            for stream in (True, False):
                with self.subTest(f"{dialect} stream={stream}"):
                    r = self.charged(model, dialect,
                                     f"{2 ** 62},7,0,0,0,0",
                                     stream=stream)
                    self.assertEqual(r["output"], 7)
                    self.assertIn("estimated", r["flags"])
                    # A quarter of the request's bytes.
                    self.assertTrue(0 < r["input"] < 200, r["input"])
                    self.assertTrue(0 < r["cost_micro"] < 5000)
                    r = self.charged(model, dialect, "100000000,7,0,0,0,0",
                                     stream=stream)
                    self.assertEqual(r["input"], 100000000)
                    self.assertNotIn("estimated", r["flags"])

    def test_counts_are_read_however_they_are_written_or_estimated(self):
        hook = Hook()
        for name in ("a1", "a2"):
            self.relay.call("account.hold", name=name)
        self.relay.account("claude-api", "odd",
                           f"http://127.0.0.1:{hook.port}", "sk-odd")
        try:
            for said, read in (("1000", 1000), ("1e3", 1000), ("1000.0", 1000),
                               ('"1000"', None), ("null", None), ("1.5", None),
                               ("99999999999999999999", None), ("-1", None)):
                hook.answer = (200, {"content-type": "application/json"}, (
                    '{"type":"message","model":"claude-opus-4-8","content":[],'
                    '"usage":{"input_tokens":%s,"output_tokens":7}}' % said)
                    .encode())
                with self.subTest(said):
                    r = self.charged("claude-opus-4-8", stream=False)
                    self.assertEqual((r["status"], r["output"]), (200, 7))
                    self.assertEqual("estimated" in r["flags"], read is None)
                    if read is None:
                        self.assertTrue(0 < r["input"] < 200, r["input"])
                    else:
                        self.assertEqual(r["input"], read)
                    self.assertEqual(r["cost_micro"], r["input"] * 5 + 7 * 25)
        finally:
            self.relay.call("account.rm", name="odd")
            for name in ("a1", "a2"):
                self.relay.call("account.release", name=name)
            hook.stop()

    def test_a_model_without_a_price_is_served_and_said(self):
        r = self.charged("never-heard-of")
        self.assertEqual((r["status"], r["cost_micro"]), (200, 0))
        self.assertIn("unpriced", r["flags"])
        check = self.relay.call("price.check")
        self.assertIn("never-heard-of",
                      [row["model"] for row in check["unpriced"]])

    def test_or_it_is_refused(self):
        self.relay.set(unpriced="deny")
        for dialect in (ANTHROPIC, CHAT, GEMINI):
            a = self.ask("never-heard-of", dialect)
            self.assertEqual(a.status, 403)
            self.assertIn(b"has no price", a.body)
        self.assertEqual(self.requests(), [])
        self.assertEqual(self.ask("claude-opus-4-8").status, 200)

    def test_rates_multiply(self):
        self.relay.set(rate="2")
        self.relay.call("account.set", name="a1", fields={"rate": "1.5"})
        key = self.relay.new_key("rated", rate="0.1")
        try:
            r = self.charged("claude-opus-4-8", key=key)
        finally:
            self.relay.call("account.set", name="a1", fields={"rate": ""})
        self.assertEqual(r["cost_micro"], 7500)
        self.assertEqual(r["rated_micro"], 2250)
        self.assertEqual(r["rate_ppm"], 300000)

    def test_services_have_rates(self):
        self.relay.set(rate="2")
        key = self.relay.new_key("serviced", rate="0.1")
        for service, rate in (("claude*", "9"), ("claude-api", "1.25"),
                              ("gemini*", "3")):
            self.relay.call("rate.set", service=service, rate=rate)
        first = self.charged("claude-opus-4-8", key=key)
        self.assertEqual(first["cost_micro"], 7500)
        self.assertEqual((first["rate_ppm"], first["rated_micro"]),
                         (250000, 1875))
        other = self.charged("gpt-5", CHAT, key=key)
        self.assertEqual(other["rate_ppm"], 200000)
        # What was charged stays as it was, whatever is said later.
        self.relay.call("rate.set", service="claude-api", rate="100")
        self.relay.call("price.override", model="claude-opus-4-8",
                        fields={"input": "10", "output": "50"})
        self.relay.call("usage.recompute", apply=True)
        again = next(r for r in self.relay.receipts()
                     if r["id"] == first["id"])
        self.assertEqual(again["rate_ppm"], 250000)
        self.assertEqual(again["rated_micro"], again["cost_micro"] // 4)
        self.assertNotEqual(again["cost_micro"], 7500)
        why = self.relay.call("usage.explain", receipt=first["id"])
        self.assertEqual(why["rate"], "0.25")
        self.relay.stop()
        self.relay.start()
        rows = self.relay.call("rate.list")
        self.assertEqual([(r["service"], r["rate"]) for r in rows],
                         [("claude*", "9.00"), ("claude-api", "100.00"),
                          ("gemini*", "3.00")])
        # Each kind stands where it counts, whatever kinds there come to be.
        kinds = [r["kinds"].split(", ") for r in rows]
        self.assertEqual(kinds[1], ["claude-api"])
        self.assertNotIn("claude-api", kinds[0])
        self.assertIn("gemini-api", kinds[2])
        self.assertEqual(
            self.charged("claude-opus-4-8", key=key)["rate_ppm"], 20000000)
        for service, rate in (("claude*", "0"), ("claude*", "-1"),
                              ("claude*", "x"), ("claude*", ""),
                              ("claude*", "1000.1"), ("nothing*", "1"),
                              ("", "1"), ("*" * 41, "1")):
            with self.subTest(service + " " + rate), \
                    self.assertRaises(Refused):
                self.relay.call("rate.set", service=service, rate=rate)
        with self.assertRaises(Refused):
            self.relay.call("rate.rm", service="bedrock")
        self.assertIn("claude-api", self.ctl("rate", "ls"))
        self.assertIn("Removed.", self.ctl("rate", "rm", "claude*"))
        rows = self.relay.call("audit.list", type="rate")
        self.assertEqual(rows[0]["changes"], "rate: 9 -> 1 (removed)")
        for bad in ("0", "-1", "much"):
            with self.assertRaises(Refused):
                self.relay.call("account.set", name="a1",
                                fields={"rate": bad})
            with self.assertRaises(Refused):
                self.relay.call("key.set", key="rated", rate=bad)

    def test_an_override_holds_at_once_and_the_past_can_be_priced(self):
        before = self.charged("my-model", usage="1000000,0,0,0,0,0")
        self.assertEqual(before["cost_micro"], 0)
        with self.assertRaises(Refused):
            self.relay.call("price.override", model="my-model",
                            fields={"input": "2"})
        self.ctl("price", "override", "my-model", "--input", "2",
                 "--output", "0", "--cache-read", "0.1", "--dry-run")
        self.assertIn("my-model", self.ctl("price", "override", "my-model",
                                           "input=2", "output=0"))
        after = self.charged("my-model", usage="1000000,0,0,0,0,0")
        self.assertEqual(after["cost_micro"], 2000000)
        shown = self.ctl("usage", "recompute")
        self.assertIn("Nothing was written", shown)
        self.assertIn("+$2.000000", shown)
        self.assertRegex(shown, r"my-model +1 +\+\$2\.000000")
        self.relay.call("usage.recompute", apply=True)
        again = next(r for r in self.relay.receipts(model="my-model")
                     if r["id"] == before["id"])
        self.assertEqual(again["cost_micro"], 2000000)
        self.assertEqual(self.relay.call("usage.recompute")["changed"], 0)
        self.ctl("price", "override", "my-model", "--rm")
        told = self.relay.call("usage.recompute")
        self.assertEqual(told["lost"], 2)
        self.assertEqual(told["difference_micro"], -4000000)
        self.assertIn("2 requests have a price and would have none",
                      " ".join(self.ctl("usage", "recompute").split()))
        self.ctl("price", "override", "my-model", "input=2", "output=0")
        told = self.relay.control.rows("audit.list", type="price")
        self.assertIn("override: input=2 output=0",
                      [row["changes"] for row in told])
        self.assertEqual(len([row for row in told
                              if row["object"] == "my-model"]), 3)
        # The explanation outlives the price.
        self.relay.call("price.override", model="my-model", rm=True)
        why = self.relay.call("usage.explain", receipt=after["id"])
        self.assertTrue(why["adds_up"])

    def test_what_was_under_way_at_a_kill_costs_its_input(self):
        body = json.loads(ANTHROPIC.body(True, said="x" * 40000))
        body["model"] = "claude-opus-4-8"
        self.rules(("a1", "hang=1"))
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC,
                                body=json.dumps(body).encode()))
            until("the upstream to be asked", self.requests)
            self.relay.kill(signal.SIGKILL)
            self.relay.ended()
        self.relay.start()
        r = self.relay.receipts(model="claude-opus-4-8")[0]
        self.assertEqual(r["outcome"], "interrupted")
        self.assertGreater(r["input"], 10000)
        self.assertEqual(r["cost_micro"], r["input"] * 5)
        self.assertTrue(self.relay.call("usage.explain",
                                        receipt=r["id"])["adds_up"])

    def file(self, text):
        path = os.path.join(self.relay.dir, "prices.json")
        with open(path, "w") as f:
            f.write(text)
        return path

    def test_a_file_is_taken_over_whole_or_not_at_all(self):
        good = {"sample_spec": {"version": "mine"},
                "claude-opus-4-8": {"input_cost_per_token": 1e-06,
                                    "output_cost_per_token": 2e-06,
                                    "litellm_provider": "anthropic"},
                "a-new-one": {"input_cost_per_token": 1e-06,
                              "output_cost_per_token": 0}}
        path = self.file(json.dumps(good))
        shown = self.ctl("price", "update", "--from", path, "--dry-run")
        self.assertIn("1 would be added, 1 changed, 0 removed", shown)
        self.assertEqual(self.in_force("claude-opus-4-8")["origin"],
                         "packaged")
        self.ctl("price", "update", "--from", path)
        self.assertEqual(self.in_force("claude-opus-4-8")["version"], "mine")
        self.assertEqual(self.charged("claude-opus-4-8")["cost_micro"], 1200)
        # Cache prices are derived for this provider.
        cached = self.charged("claude-opus-4-8", usage="0,1,1000,1000,1000,0")
        self.assertEqual(cached["cost_micro"], 100 + 1250 + 2000 + 2)
        bad = self.file('{\n "x": {"input_cost_per_token": -1,\n'
                        ' "output_cost_per_token": 0}}')
        said = self.ctl("price", "update", "--from", bad, status=1)
        self.assertIn("line 2: x: input_cost_per_token", said)
        self.assertEqual(self.in_force("a-new-one")["origin"], "updated")

    def test_prices_outlive_a_restart(self):
        self.relay.call("price.override", model="gpt-5",
                        fields={"input": "7"})
        self.relay.stop()
        self.relay.start()
        shown = self.in_force("gpt-5")
        self.assertEqual(shown["stated"]["input"], "7")
        self.assertEqual(shown["stated"]["output"], "10")

    def test_what_was_spent_is_told_in_the_zone(self):
        before = self.relay.call("cost")
        self.charged("claude-opus-4-8")
        after = until("a cost that has grown", lambda: (
            lambda rows: rows[0]["cost_micro"] >
            before[0]["cost_micro"] and rows)(self.relay.call("cost")))
        self.assertEqual([r["period"] for r in after],
                         ["today", "week", "month"])
        for a, b in zip(before, after):
            self.assertEqual(b["cost_micro"] - a["cost_micro"], 7500)
        self.assertEqual(after[0]["zone"], "UTC")
        self.assertIn("$", self.ctl("cost"))
        self.assertIn("COST", self.ctl("usage", "--by", "model"))
        self.assertIn("$0.0075", self.ctl("receipts"))

    def test_what_was_refused_has_a_name_in_the_tables(self):
        self.relay.set(unpriced="deny")
        self.assertEqual(self.ask("never-heard-of").status, 403)
        self.relay.set(unpriced="allow")
        for by in ("account", "model"):
            self.assertIn("\n(none) ", self.ctl("usage", "--by", by))

    def test_a_large_file_fits_through_the_socket(self):
        models = {f"model-{i}": {"input_cost_per_token": i % 97 * 1e-08,
                                 "output_cost_per_token": i % 89 * 1e-08,
                                 "supports_vision": True,
                                 "litellm_provider": "p"}
                  for i in range(3000)}
        self.ctl("price", "update", "--from",
                 self.file(json.dumps(models, indent=4)))
        rows = self.relay.control.rows("price.list", glob="model-*")
        self.assertEqual(len(rows), 3000)
