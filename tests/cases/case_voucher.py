# SPDX-License-Identifier: MIT
"""case_voucher.py - vouchers in a whole daemon: made, redeemed once by whoever is
first, taken back, and right after a kill."""
import json
import os
import signal
import subprocess
import threading

from house import Case, Control, Refused, program, until
from speech import ANTHROPIC, ask, head, raw

OWNER = f"uid:{os.getuid()}"
USD = 1000000


class Voucher(Case):
    def setUp(self):
        super().setUp()
        for row in self.relay.control.rows("budget.list"):
            self.relay.call("budget.rm", budget=row["id"])
        for row in self.relay.call("key.list"):
            if row["name"] != "case":
                self.relay.call("key.rm", key=row["id"])
        self.relay.set(voucher_enabled="yes", voucher_quota_max="1000",
                       voucher_time_max="90d")

    def make(self, **params):
        return [r["code"] for r in
                self.relay.call("voucher.create", **params)["made"]]

    def key(self, name="mine", **more):
        return self.relay.new_key(name, owner=OWNER, **more)

    def quota(self, key="mine"):
        return self.relay.control.rows("budget.list", key=key)

    def redeem(self, code, **more):
        return self.relay.call("my.redeem", code=code, **more)

    def refused(self, error, /, *args, **params):
        with self.assertRaises(Refused) as no:
            self.relay.call(*args, **params)
        self.assertEqual(no.exception.code, error)

    def ctl(self, *words, status=0, given=None):
        ran = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            capture_output=True, text=True, input=given,
            stdin=None if given is not None else subprocess.DEVNULL)
        self.assertEqual(ran.returncode, status, ran.stdout + ran.stderr)
        return ran

    def test_from_the_terminal(self):
        made = self.ctl("voucher", "create", "--count", "2", "--quota",
                        "20 usd", "--time", "30d", "--note", "for friends")
        codes = made.stdout.split()
        self.assertEqual(len(codes), 2)
        self.assertIn("shown this once", made.stderr)
        self.key(expires="5d")
        # Whoever runs relayd is an operator; under `my` they are a person.
        no = self.ctl("my", "redeem", given=codes[0] + "\n", status=1)
        self.assertIn("begin", no.stderr)
        typed = codes[0].lower().replace("-", " ")
        yes = self.ctl("my", "redeem", "mine", "--begin", given=typed + "\n")
        self.assertIn("redeemed", yes.stdout)
        self.assertNotIn("for friends", yes.stdout)
        self.assertEqual([(b["limit"], b["window"]) for b in self.quota()],
                         [("20.00 usd rated", "life")])
        self.assertIn("vouchers", self.ctl("help", "voucher").stdout)
        seen = self.ctl("my", "redeem", codes[1], status=2)
        self.assertNotIn(codes[1], seen.stdout + seen.stderr)
        again = self.ctl("my", "redeem", given=codes[0], status=1)
        self.assertIn("for this key already", again.stderr)
        listed = self.ctl("voucher", "ls", "--state", "unused").stdout
        self.assertIn("..." + codes[1][-4:], listed)
        self.assertNotIn(codes[1], listed)
        voucher = self.relay.call("voucher.history")[-1]["id"]
        self.ctl("voucher", "revoke", voucher, "--reason", "lost")
        self.assertIn("lost", self.ctl("voucher", "show", voucher).stdout)
        self.ctl("voucher", "rm", "--code", "-", given=codes[1])
        rows = self.relay.call("audit.list", type="voucher")
        self.assertEqual([r["method"] for r in rows[:5]],
                         ["voucher_rm", "voucher_revoke", "my_redeem",
                          "voucher_create", "voucher_create"])
        self.assertTrue(self.relay.call("audit.verify")["whole"])

    def test_no_code_is_kept_or_told_twice(self):
        codes = self.make(count=3, quota="1 usd")
        self.key()
        self.redeem(codes[0], begin=True)
        self.relay.call("voucher.list")
        self.relay.call("audit.list")
        said = self.relay.control.seen
        self.relay.stop()
        kept = b"".join(open(os.path.join(folder, name), "rb").read()
                        for folder, _, names in os.walk(self.relay.state)
                        for name in names) + self.relay.log().encode()
        self.relay.start()
        for code in codes:
            self.assertEqual(said.count(code.encode()), 1)
            for form in (code, code.replace("-", "")):
                self.assertNotIn(form.encode(), kept)

    def test_a_voucher_pays_for_requests(self):
        value = self.key(rate="2")
        budget = self.relay.call("budget.add", scope="key:mine",
                                 limit="0 usd", per="life", rated=True)["id"]
        # Each costs 7500 millionths, times two.
        self.rules(*((n, "usage=1000,100,0,0,0,0") for n in ("a1", "a2")))
        body = json.loads(ANTHROPIC.body(False))
        body.update(model="claude-opus-4-8", max_tokens=100)

        def once():
            return ask(self.relay, ANTHROPIC, key=value,
                       body=json.dumps(body).encode(), stream=False)
        self.assertEqual(once().status, 402)
        code, = self.make(quota="0.1 usd")
        self.redeem(code)
        answer = once()
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.relay.receipt(answer)["rated_micro"], 15000)
        until("the budget to be charged", lambda:
              self.relay.call("budget.show", budget=budget)["used"] == 15000)
        voucher = self.relay.call("voucher.history", key="mine")[-1]
        done = self.relay.call("voucher.revoke", voucher=voucher["id"])
        self.assertEqual(done["quota_back_micro"], 85000)
        row = self.relay.call("budget.show", budget=budget)
        self.assertEqual((row["amount"], row["left"]), (15000, 0))
        self.assertEqual(once().status, 402)

    def test_four_at_once_and_one_gets_it(self):
        self.key()
        self.relay.call("budget.add", scope="key:mine", limit="1 usd",
                        per="life", rated=True)
        for _ in range(10):
            code, = self.make(quota="1 usd")
            ends = []

            def attempt():
                c = Control(self.relay.socket)
                try:
                    c.data("my.redeem", code=code)
                    ends.append("ok")
                except Refused as no:
                    ends.append(no.code)
                finally:
                    c.close()
            threads = [threading.Thread(target=attempt) for _ in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(sorted(ends), ["exists"] * 3 + ["ok"])
        self.assertEqual(self.quota()[0]["amount"], 11 * USD)

    def test_a_kill_leaves_each_of_them_whole(self):
        """Four redeem one after the other, and relayd is killed meanwhile."""
        self.key()
        self.relay.call("budget.add", scope="key:mine", limit="0 usd",
                        per="life", rated=True)
        for round_ in range(3):
            codes = self.make(count=120, quota="1 usd")
            told, enough = [], threading.Event()

            def attempt(mine):
                try:
                    c = Control(self.relay.socket)
                    for code in mine:
                        c.data("my.redeem", code=code)
                        told.append(code)
                        if len(told) > 10 + 7 * round_:
                            enough.set()
                    c.close()
                except (ConnectionError, OSError, ValueError):
                    pass
                enough.set()
            threads = [threading.Thread(target=attempt, args=(codes[i::4],))
                       for i in range(4)]
            for t in threads:
                t.start()
            enough.wait(30)
            self.relay.kill(signal.SIGKILL)
            for t in threads:
                t.join()
            self.relay.ended()
            self.relay.start()
            rows = self.relay.control.rows("voucher.history", key="mine")
            self.assertEqual(self.quota()[0]["amount"], len(rows) * USD)
            for code in told:
                self.assertEqual(self.relay.call(
                    "voucher.show", code=code)["state"], "redeemed")
            self.assertEqual(sorted(r["limit_micro"] for r in rows),
                             [(i + 1) * USD for i in range(len(rows))])
            self.assertTrue(self.relay.call("audit.verify")["whole"])
            for row in self.relay.control.rows("voucher.list",
                                               state="unused"):
                self.relay.call("voucher.rm", voucher=row["id"])

    def test_what_is_wrong_is_said(self):
        for params in ({}, {"quota": "5"}, {"quota": "5 tokens"},
                       {"quota": "0 usd"}, {"time": "0"}, {"time": "soon"},
                       {"quota": "-1 usd"}, {"time": "1d", "count": 0},
                       {"time": "1d", "count": 201}, {"time": "1d",
                       "expires": "2020-01-01"}, {"time": "1d",
                       "note": "a\x1bb"}):
            with self.subTest(str(params)):
                self.refused("value", "voucher.create", **params)
        self.refused("limit", "voucher.create", quota="1000.01 usd")
        self.refused("limit", "voucher.create", time="91d")
        code, = self.make(quota="1 usd")
        self.refused("value", "my.redeem", code=code)
        self.relay.new_key("hers", owner="uid:4711")
        self.refused("unknown", "my.redeem", code=code, key="hers")
        self.key()
        self.relay.call("key.disable", key="mine")
        self.refused("denied", "my.redeem", code=code, begin=True)
        self.relay.call("key.enable", key="mine")
        self.relay.set(voucher_enabled="no")
        self.refused("denied", "my.redeem", code=code, begin=True)
        self.relay.set(voucher_enabled="yes", voucher_quota_max="0")
        self.make(quota="5000 usd")
        self.redeem(code, begin=True)
        voucher = self.relay.call("voucher.show", code=code)["id"]
        self.refused("exists", "voucher.rm", voucher=voucher)
        self.refused("stale", "voucher.revoke", voucher=voucher, if_rev=99)
        self.refused("value", "voucher.show")
        self.refused("value", "voucher.show", voucher=voucher, code=code)
        self.refused("unknown", "voucher.show", voucher="vnothing0")

    def test_wrong_codes_are_bounded(self):
        self.key()
        # At most two minutes see them.
        codes = []
        for _ in range(21):
            try:
                self.redeem("2222-2222-2222-2223", begin=True)
            except Refused as no:
                codes.append(no.code)
        self.assertIn("again", codes)
        self.assertLessEqual(codes.count("syntax"), 20)
        self.relay.stop()
        self.relay.start()

    def test_pages_of_the_list(self):
        before = len(self.relay.control.rows("voucher.list"))
        self.make(count=200, quota="1 usd")
        self.make(count=55, time="1d")
        page = self.relay.control.call("voucher.list", limit=7)
        self.assertEqual(len(page["data"]), 7)
        rows = self.relay.control.rows("voucher.list")
        self.assertEqual(len(rows), before + 255)
        self.assertEqual(len({r["id"] for r in rows}), before + 255)

    # --- over HTTP

    def post(self, key, **body):
        text = json.dumps(body).encode()
        fields = [("host", "relay"), ("content-length", str(len(text)))]
        if key:
            fields.append(("x-api-key", key))
        return raw(self.relay, head(
            "POST", "/apiStats/api/redeem-card", fields) + text)

    def history(self, key, more=""):
        answer = raw(self.relay, head(
            "GET", "/apiStats/api/redemption-history" + more,
            [("host", "relay"), ("x-api-key", key)]))
        return answer, json.loads(answer.body)

    def test_its_holder_redeems_over_http(self):
        value = self.key("lent")
        self.relay.call("budget.add", scope="key:lent", limit="1 usd",
                        per="life", rated=True)
        self.relay.call("key.set", key="lent", expires="1d")
        code, = self.make(quota="2.5 usd", time="36h")
        no = self.post(None, code=code)
        self.assertEqual(no.status, 401)
        answer = self.post(value, code=code)
        self.assertEqual(answer.status, 200, answer.body)
        said = json.loads(answer.body)
        self.assertTrue(said["success"])
        data = said["data"]
        self.assertEqual(
            (data["type"], data["quotaAdded"], data["timeAdded"],
             data["timeUnit"], data["newTotalCostLimit"], data["status"]),
            ("combo", 2.5, 36, "hours", 3.5, "active"))
        self.assertEqual(self.quota("lent")[0]["amount"], 3500000)
        again = self.post(value, code=code)
        self.assertEqual(again.status, 400)
        self.assertIn(b"for this key already", again.body)
        # The key in the body counts, and an id names no other one.
        self.assertEqual(self.post(None, code=code, apiKey=value).status, 400)
        self.assertEqual(self.post(value, code=code,
                                   apiId="kother123").status, 403)
        answer, said = self.history(value)
        self.assertEqual(answer.status, 200)
        self.assertEqual(said["data"]["total"], 1)
        self.assertEqual(said["data"]["redemptions"][0], data)
        self.assertEqual(self.history(value, "?apiId=kother123")[0].status,
                         403)
        self.assertEqual(self.history(self.relay.key)[1]["data"]["total"], 0)
        self.relay.call("voucher.revoke", voucher=data["id"])
        row = self.history(value)[1]["data"]["redemptions"][0]
        self.assertEqual((row["status"], row["quotaRevoked"]),
                         ("revoked", 2.5))
        audit = self.relay.call("audit.list", type="voucher")[1]
        self.assertEqual((audit["method"], audit["uid"]),
                         ("http_redeem", os.getuid()))

    def test_over_http_too_a_limit_is_begun_only_when_asked_for(self):
        value = self.key("free")
        code, = self.make(quota="1 usd")
        answer = self.post(value, code=code)
        self.assertEqual(answer.status, 400)
        self.assertIn(b"begin", answer.body)
        self.assertEqual(self.quota("free"), [])
        self.assertEqual(self.post(value, code=code, begin=True).status, 200)
        self.assertEqual(len(self.quota("free")), 1)

    def test_guesses_over_http_are_429_soon(self):
        value = self.key("guess")
        seen = [self.post(value, code="2222-2222-2222-2223")
                for _ in range(21)]
        self.assertEqual({a.status for a in seen}, {400, 429})
        self.assertLessEqual(sum(a.status == 400 for a in seen), 20)
        late = next(a for a in seen if a.status == 429)
        self.assertIn(int(late.header("retry-after")), range(1, 61))
        self.relay.call("key.disable", key="guess")
        self.assertEqual(self.post(value, code="x").status, 403)

    def test_a_client_that_leaves_has_redeemed_it_all_the_same(self):
        value = self.key("gone")
        self.relay.call("budget.add", scope="key:gone", limit="0 usd",
                        per="life", rated=True)
        codes = self.make(count=40, quota="1 usd")
        for code in codes:
            text = json.dumps({"code": code}).encode()
            s = self.relay.connect()
            s.sendall(head("POST", "/apiStats/api/redeem-card", [
                ("host", "relay"), ("x-api-key", value),
                ("content-length", str(len(text)))]) + text)
            s.close()
        # Some left before they were read at all; each is whole or not at all.
        self.relay.at_rest()
        last = self.post(value, code=self.make(quota="1 usd")[0])
        self.assertEqual(last.status, 200)
        done = self.relay.control.rows("voucher.history", key="gone")
        self.assertIn(len(done), range(1, 42))
        self.assertEqual(self.quota("gone")[0]["amount"], len(done) * USD)
