# SPDX-License-Identifier: MIT
"""case_oracle.py - do the numbers add up, whatever happens?

A crowd of clients asks for answers of all dialects, from accounts of all
kinds, while clients leave, upstreams break and die, and relayd is killed.
What every answer must cost is computed apart from relayd (oracle.py).  Then:

- whoever saw the end of an answer has a receipt that is right to the
  micro-dollar;
- whatever else reached an upstream has one receipt, which says that it is an
  estimate;
- the sums by key, model, account and day are those of the receipts.
"""
import asyncio
import collections
import json
import os
import random
import signal
import socket
import subprocess
import time
import unittest

import crowd
from house import Control, Relay, program
from oracle import CLASSES, Prices, rated
from practice import Answer, request_bytes
from speech import GEMINI

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGED = os.path.join(HERE, "..", "..", "contrib", "prices.json")
KINDS = (("claude-api", ""), ("anthropic-compat", ""), ("openai-api", "/v1"),
         ("openai-compat", "/v1"), ("gemini-api", ""))
RATES = ("1", "1.25", "0.5", "2.125")  # of accounts
KEY_RATES = ("1", "0.8", "1.6")
RATE = "1.1"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Mortal:
    """A practice upstream that comes back at its old address."""

    def __init__(self):
        self.port = free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [program("practice-upstream"), "--listen",
             f"127.0.0.1:{self.port}"])

    def kill(self):
        self.process.kill()
        self.process.wait()

    def asked(self):
        """The ids of what it was asked."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as s:
            s.sendall(request_bytes("GET", "/_practice/stats"))
            return set(Answer(s).json()["ids"])


class Shelf:
    """Models with a price, by the dialect they are asked for in."""

    def __init__(self, prices, odd):
        anthropic = [n for n in prices.entries
                     if n.startswith("claude") and "*" not in n]
        openai = [n for n in prices.entries if n.startswith(("gpt", "o3"))]
        gemini = [n for n in prices.entries
                  if n.startswith("gemini") and "image" not in n]
        self.by = {"anthropic": anthropic + odd, "gemini": gemini + odd}
        self.openai = openai + odd

    def of(self, dialect):
        return self.by.get(dialect.name, self.openai)


def odd_prices(rng):
    """Prices that are no round numbers, in every shape a file has them."""
    made = {}
    for i in range(12):
        e = {"litellm_provider": rng.choice(("anthropic", "somebody"))}
        for kind, field in (("in", "input_cost_per_token"),
                            ("out", "output_cost_per_token"),
                            ("read", "cache_read_input_token_cost"),
                            ("w5", "cache_creation_input_token_cost")):
            for suffix in ("", "_above_200k_tokens", "_priority",
                           "_above_200k_tokens_priority", "_flex",
                           "_batches"):
                needed = kind in ("in", "out") and not suffix
                if needed or rng.random() < .5:
                    e[field + suffix] = rng.randrange(1, 9999) * 1e-9
        if rng.random() < .5:
            e["cache_creation_input_token_cost_above_1hr"] = \
                rng.randrange(1, 9999) * 1e-9
        if rng.random() < .5:
            e["search_context_cost_per_query"] = {
                "search_context_size_medium": rng.randrange(1, 99) * 1e-4}
        if rng.random() < .5:
            e["provider_specific_entry"] = {
                "fast": rng.randrange(11, 60) / 10, "us": 1.1}
        made[f"odd-{i}"] = {k: (float(f"{v:.9g}")
                                if isinstance(v, float) else v)
                            for k, v in e.items()}
    return made


class Oracle(unittest.TestCase):
    count = 2000
    clients = 50
    kills = 3
    seed = 20261120
    tells = False

    def setUp(self):
        self.rng = random.Random(self.seed)
        self.mortals = [Mortal(), Mortal()]
        for m in self.mortals:
            self.addCleanup(m.kill)
        self.relay = Relay({"listen": f"127.0.0.1:{free_port()}",
                            "log_level": "warning"}, start=False)
        self.addCleanup(self.relay.close)
        self.start()
        self.furnish()

    def start(self):
        """Without the log: a line for every request is more than enough."""
        r = self.relay
        r.spawn()
        while True:
            try:
                r.control = Control(r.socket)
                return
            except OSError:
                self.assertIsNone(r.process.poll(), r.log())
                time.sleep(.002)

    def furnish(self):
        r = self.relay
        r.set(retry_budget_floor=1000, retry_budget_percent=100, rate=RATE,
              attempts_max=4)
        self.rates = {}
        for kind, base in KINDS:
            for i in range(4):
                name = f"{kind}-{i}"
                self.rates[name] = RATES[i]
                r.account(kind, name, "http://127.0.0.1:"
                          f"{self.mortals[i % 2].port}{base}", f"sk-{name}",
                          rate=RATES[i])
        odd = os.path.join(r.dir, "odd.json")
        with open(odd, "w") as f:
            json.dump(odd_prices(self.rng), f)
        subprocess.run([program("relayctl"), "--socket", r.socket, "price",
                        "update", "--from", odd], check=True,
                       capture_output=True)
        self.prices = Prices(PACKAGED, odd)
        self.keys, self.key_rates = {}, {}
        for i in range(self.clients):
            name = f"c{i}"
            self.key_rates[name] = KEY_RATES[i % len(KEY_RATES)]
            self.keys[name] = r.new_key(name, rate=self.key_rates[name])

    # --- what happens

    def make_plans(self):
        odd = [n for n in self.prices.entries if n.startswith("odd-")]
        shelf = Shelf(self.prices, odd)
        each = self.count // self.clients
        return {name: [crowd.Plan(self.rng, name, n, shelf)
                       for n in range(each)] for name in self.keys}

    async def torment(self, done):
        """Kill relayd and the second upstream, again and again, by how far
        the crowd has come."""
        at = [(i + 1) * self.count // (self.kills + 1)
              for i in range(self.kills)]
        while at and not done.is_set():
            if self.so_far() >= at[0]:
                at.pop(0)
                await asyncio.to_thread(self.kill_all)
            await asyncio.sleep(.005)

    def so_far(self):
        return sum(p.sent for plans in self.plans.values() for p in plans)

    def kill_all(self):
        self.mortals[1].kill()
        self.relay.kill(signal.SIGKILL)
        self.relay.ended()
        self.start()
        self.mortals[1].start()
        self.killed += 1

    async def heal(self, done):
        """No account is held back for long: this is not about that."""
        while not done.is_set():
            try:
                await asyncio.to_thread(self.reset_all)
            except (OSError, ValueError, AttributeError):
                pass  # it was killed meanwhile
            await asyncio.sleep(.01)

    def reset_all(self):
        control = Control(self.relay.socket)
        try:
            for a in control.data("account.list"):
                if a["state"] != "ready":
                    control.data("account.reset", name=a["name"])
        finally:
            control.close()

    async def run_all(self):
        done = asyncio.Event()
        port = int(self.relay.options["listen"].split(":")[1])
        others = [asyncio.create_task(self.torment(done)),
                  asyncio.create_task(self.heal(done))]
        await asyncio.gather(*(
            crowd.Client(name, plans, self.keys[name], port,
                         self.rng.random()).run()
            for name, plans in self.plans.items()))
        done.set()
        await asyncio.gather(*others)

    # --- what must be

    def due(self, plan, row, usage=None):
        """(cost, rated cost, whether all of it has a price)."""
        cost, whole = self.prices.cost(plan.model, usage or plan.usage)
        return cost, rated(cost, RATE, self.rates[row["account"]],
                           self.key_rates[plan.client]), whole

    def check_exact(self, plan, row):
        said = {c: row[c] for c in CLASSES}
        self.assertEqual(said, dict(plan.usage))
        self.assertEqual(row["reasoning"], plan.reasoning)
        self.assertEqual(row["searches"], plan.usage.searches)
        cost, rated_cost, whole = self.due(plan, row)
        self.assertEqual((row["cost_micro"], row["rated_micro"]),
                         (cost, rated_cost), plan.model)
        self.assertEqual("unpriced" in row["flags"], not whole)
        self.assertNotIn("estimated", row["flags"])

    def check_error(self, plan, row):
        self.assertEqual(row["status"], plan.status)
        self.assertIn(row["outcome"], ("upstream", "refused", "failed"))
        self.assertEqual((row["cost_micro"], row["rated_micro"]), (0, 0))

    def check_unfinished(self, plan, row):
        """It says itself that it is not exact, or it is."""
        if row["outcome"] == "ok":
            self.check_exact(plan, row)
            return "whole, unheard"
        if row["outcome"] in ("upstream", "refused", "failed") and \
                "estimated" not in row["flags"]:
            self.assertEqual(row["cost_micro"], 0)
            return row["outcome"]
        self.assertIn(row["outcome"],
                      ("cut", "gone", "interrupted", "upstream"))
        if "estimated" in row["flags"] and plan.fate in ("gone", "broken"):
            # What had been said when it ended; nobody hears half a body.
            share = min(1, plan.heard / plan.deltas)
            due = self.due(plan, row, plan.usage.share(share))[0]
            if due and row["cost_micro"]:
                self.errors.append(row["cost_micro"] / due - 1)
        elif row["cost_micro"]:
            self.assertIn("estimated", row["flags"])
        return row["outcome"]

    def check_plan(self, plan, rows, asked):
        self.assertLessEqual(len(rows), 1)
        if plan.answered or plan.name in asked:
            self.assertEqual(len(rows), 1, "no receipt")
        if not rows:
            return "never came in"
        if plan.answered:
            self.assertIn(rows[0]["id"].lower(), plan.answered)
        # Only the end of its body ends Gemini's: relayd may have been killed
        # between the last event and that.
        if not plan.ended or (plan.dialect is GEMINI and
                              rows[0]["outcome"] == "interrupted"):
            return self.check_unfinished(plan, rows[0])
        if plan.status == 200:
            # Behind a finishReason there is nothing that could be missed.
            self.assertIn(rows[0]["outcome"],
                          ("ok", "cut") if plan.dialect is GEMINI else ("ok",))
            self.check_exact(plan, rows[0])
            return "seen to its end"
        self.check_error(plan, rows[0])
        return f"answered {plan.status}"

    def check_sums(self, rows):
        fields = (*CLASSES, "reasoning", "searches", "cost_micro",
                  "rated_micro", "bytes_in")
        began = time.strftime("%Y-%m-%d", time.gmtime(rows[-1]["at"] / 1000))

        def moment(form):
            return lambda r: time.strftime(form, time.gmtime(r["at"] / 1000))

        def tried(field):
            return lambda r: r["account"] and r[field]

        for by, per, name_of in (
                ("key", "total", lambda r: r["key_id"]),
                ("model", "total", tried("model")),
                ("account", "total", lambda r: r["account"]),
                ("client", "total", tried("client")),
                ("all", "day", moment("%Y-%m-%dT00:00")),
                ("all", "hour", moment("%Y-%m-%dT%H:00")),
                ("all", "minute", moment("%Y-%m-%dT%H:%M"))):
            sums = collections.defaultdict(collections.Counter)
            for r in rows:
                sums[name_of(r)].update({f: r[f] for f in fields})
            told = {}
            for r in self.relay.control.rows("usage.show", by=by, per=per,
                                             since=began):
                told[r["at"][:16] if by == "all" else r["name"]] = r
            self.assertEqual(set(told), set(sums), (by, per))
            for name, sum_ in sums.items():
                self.assertEqual({f: told[name][f] for f in fields},
                                 {f: sum_[f] for f in fields}, (by, name))
            if by != "account":
                self.assertEqual(sum(t["requests"] for t in told.values()),
                                 len(rows))

    def test_every_answer_costs_what_it_must(self):
        self.killed, self.errors = 0, []
        self.plans = self.make_plans()
        began = time.monotonic()
        asyncio.run(self.run_all())
        took = time.monotonic() - began
        self.assertEqual(self.killed, self.kills)
        self.relay.at_rest()
        # What is written takes along what the journal holds.
        self.relay.set(rate=RATE)
        rows = self.relay.receipts()
        self.assertEqual(len({r["id"] for r in rows}), len(rows))
        by_plan = collections.defaultdict(list)
        for r in rows:
            by_plan[r["key"], r["bytes_in"]].append(r)
        # What the second one was asked before its last death, it forgot.
        asked = self.mortals[0].asked() | self.mortals[1].asked()
        ends = collections.Counter()
        for plans in self.plans.values():
            for plan in plans:
                with self.subTest(plan.name, keys=plan.keys):
                    ends[self.check_plan(
                        plan, by_plan.pop((plan.client, plan.length), []),
                        asked)] += 1
        # What is left are bodies that never came whole.
        for left in by_plan.values():
            for r in left:
                self.assertLess(r["bytes_in"], crowd.BODY)
                self.assertEqual((r["account"], r["cost_micro"]), ("", 0))
        self.check_sums(rows)
        check = self.relay.call("usage.verify")
        self.assertEqual(check["differences"], 0, check)
        self.assertGreater(ends["seen to its end"], self.count // 2)
        if self.tells:
            self.tell(took, rows, ends, check)

    def tell(self, took, rows, ends, check):
        e = sorted(self.errors)
        at = {q: e[int(len(e) * q / 100)] for q in (1, 5, 25, 50, 75, 95, 99)}
        print(f"\n{self.count} requests in {took:.0f} s, {self.killed} kills; "
              f"{len(rows)} receipts, "
              f"{sum(r['cost_micro'] for r in rows) / 1e6:.6f} $; "
              f"{check['differences']} differences")
        print(", ".join(f"{n} {how}" for how, n in ends.most_common()))
        print(f"{len(e)} estimates are off by (percentile: error) " +
              ", ".join(f"{q}: {x:+.0%}" for q, x in at.items()))


