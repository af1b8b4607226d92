# SPDX-License-Identifier: MIT
"""case_holder.py - what a key's holder can ask about it, and what nobody is
told that way."""
import datetime
import json
import threading

from house import Case, until
from practice import Answer
from speech import ANTHROPIC, CHAT, GEMINI, ask, ask_bytes, head, raw

GETS = [p + "/v1/" + t for p in ("", "/api", "/claude")
        for t in ("me", "key-info", "usage", "organizations/org-1/usage")] + \
    ["/openai/key-info", "/openai/usage", "/openai/v1/key-info",
     "/openai/v1/usage", "/gemini/key-info", "/gemini/usage", "/stats"]
POSTS = ["/apiStats/api/" + t for t in
         ("get-key-id", "user-stats", "user-model-stats", "batch-stats",
          "batch-model-stats")]
HEADERS = (("x-api-key", "%s"), ("X-Goog-Api-Key", "%s"),
           ("authorization", "Bearer %s"), ("AUTHORIZATION", "bearer   %s"),
           ("authorization", "%s"), ("api-key", "%s"))


def get(relay, target, key, method="GET", headers=()):
    fields = [("host", "relay"), *headers]
    if key:
        fields.append(("x-api-key", key))
    return raw(relay, head(method, target, fields),
               head_only=method == "HEAD")


def post(relay, target, body, key=None, headers=()):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    fields = [("host", "relay"), ("content-type", "application/json"),
              ("content-length", str(len(body))), *headers]
    if key:
        fields.append(("x-api-key", key))
    return raw(relay, head("POST", target, fields) + body)


class Holder(Case):
    accounts = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        r = cls.relay
        cls.owner, cls.other = {}, {}
        for it, name in ((cls.owner, "canary-mine"),
                         (cls.other, "canary-other")):
            made = r.call("key.create", name=name, owner="canary-" + name,
                          note="canary-note", tags="canary-tag")
            it.update(made["key"], value=made["value"])
        cls.mine, cls.theirs = cls.owner["value"], cls.other["value"]
        cls.up.reset()
        # 2 requests of mine, 1 of theirs; each costs what the table says.
        cls.answers = [
            ask(r, ANTHROPIC, key=cls.mine, keys="usage=1000,70,50,30,20"),
            ask(r, CHAT, key=cls.mine, stream=False),
            ask(r, ANTHROPIC, key=cls.theirs, keys="usage=777777,7,5,3,2")]
        cls.receipts = [r.receipt(a) for a in cls.answers]
        # The other one's sums are there as well before anything is asked.
        until("three receipts", lambda: sum(
            row["requests"] for row in r.control.data(
                "usage.show", by="key")["rows"]) == 3)

    def sum(self, name):
        return sum(r[name] for r in self.receipts[:2])

    def get(self, target, key=None, **more):
        return get(self.relay, target, self.mine if key is None else key,
                   **more)

    # --- the routes

    def test_every_route_answers_its_holder(self):
        for target in GETS:
            for path in (target, target + "/", target + "?x=1",
                         "/" + target):
                with self.subTest(path):
                    a = self.get(path)
                    self.assertEqual(a.status, 200)
                    self.assertEqual(a.header("cache-control"), "no-store")
                    if target != "/stats":
                        a.json()
        for target in POSTS:
            with self.subTest(target):
                a = post(self.relay, target, {"apiKey": self.mine})
                self.assertEqual(a.status, 200)
                self.assertIs(a.json()["success"], True)

    def test_the_key_may_be_in_every_header(self):
        for target in GETS:
            for name, spelled in HEADERS:
                with self.subTest(f"{target} {name}: {spelled}"):
                    a = self.get(target, key="",
                                 headers=[(name, spelled % self.mine)])
                    self.assertEqual(a.status, 200)
            # An address is no place for a secret, but Google's callers know
            # no other.
            self.assertEqual(
                self.get(target + "?key=" + self.mine, key="").status,
                200 if target.startswith("/gemini") else 401)

    def test_the_first_known_key_wins(self):
        a = self.get("/v1/me", key="", headers=[
            ("authorization", "Bearer nothing-known"),
            ("x-api-key", self.mine)])
        self.assertEqual(a.json()["display_name"], "canary-mine")

    def test_without_a_known_key_nothing_is_told(self):
        wrong = self.mine[:-1] + ("a" if self.mine[-1] != "a" else "b")
        for target in GETS:
            dialect = CHAT if target.startswith("/openai") else \
                GEMINI if target.startswith("/gemini") else ANTHROPIC
            for key in ("", wrong, self.owner["id"], "cr_x"):
                with self.subTest(f"{target} {key}"):
                    a = self.get(target, key=key)
                    self.assertEqual(a.status, 401)
                    self.assertTrue(dialect.is_error(a.json()), a.body)
                    self.assertEqual(a.header("x-should-retry"), "false")
                    self.assertNotIn(b"canary", a.body)
        for target in POSTS:
            for body in ({}, {"apiKey": wrong}, {"apiKey": ""},
                         {"apiId": self.owner["id"]}, b"",
                         {"apiIds": [self.owner["id"]]}):
                with self.subTest(f"{target} {body}"):
                    a = post(self.relay, target, body)
                    self.assertEqual(a.status, 401)
                    self.assertTrue(ANTHROPIC.is_error(a.json()), a.body)
                    self.assertNotIn(b"canary", a.body)

    def test_other_methods_are_refused(self):
        for target in GETS:
            a = post(self.relay, target, {}, key=self.mine)
            self.assertEqual(a.status, 405, target)
        for target in POSTS:
            self.assertEqual(self.get(target).status, 405, target)

    def test_head_tells_the_length_only(self):
        for target in GETS:
            with self.subTest(target), self.relay.connect() as s:
                for method in ("HEAD", "GET"):
                    s.sendall(head(method, target, [
                        ("host", "r"), ("x-api-key", self.mine)]))
                    a = Answer(s, head_only=method == "HEAD")
                    self.assertEqual(a.status, 200)
                    self.assertGreater(int(a.header("content-length")), 20)

    def test_any_organization_is_the_keys(self):
        for name in ("org-1", "%2e%2eorg", "a%2Fb", "%ff%00", "x" * 1000,
                     "kabcdefgh", "M", "ID"):
            with self.subTest(name):
                a = self.get(f"/v1/organizations/{name}/usage")
                self.assertEqual(a.status, 200)
                self.assertEqual(a.json()["data"][0]["type"],
                                 "credit_balance")
        for path in ("/v1/organizations/usage", "/v1/organizations//usage",
                     "/v1/organizations/a/b/usage",
                     "/v1/organizations/../usage",
                     "/v1/organizations/%2e%2E/usage",
                     "/v1/organizations/a/usage/x"):
            with self.subTest(path):
                self.assertEqual(self.get(path).status, 404)

    # --- the figures

    def test_sums_are_those_of_the_receipts(self):
        doc = self.get("/v1/usage").json()
        for period in ("today", "daily", "monthly", "total"):
            with self.subTest(period):
                s = doc["usage"][period]
                self.assertEqual(s["requests"], 2)
                self.assertEqual(s["input_tokens"], self.sum("input"))
                self.assertEqual(s["inputTokens"], self.sum("input"))
                self.assertEqual(s["output_tokens"], self.sum("output"))
                self.assertEqual(s["cache_read_tokens"],
                                 self.sum("cache_read"))
                self.assertEqual(s["cacheCreateTokens"],
                                 self.sum("cache_write_5m") +
                                 self.sum("cache_write_1h"))
                self.assertEqual(s["tokens"],
                                 self.sum("input") + self.sum("output"))
                self.assertEqual(round(s["cost"] * 1e6),
                                 self.sum("rated_micro"))
        self.assertGreater(self.sum("cache_read"), 0)
        self.assertGreater(self.sum("cache_write_1h"), 0)
        self.assertEqual(len(doc["daily_usage"]), 14)
        self.assertEqual(doc["daily_usage"][-1]["requests"], 2)
        self.assertEqual([d["requests"] for d in doc["daily_usage"][:-1]],
                         [0] * 13)
        days = [datetime.date.fromisoformat(d["date"])
                for d in doc["daily_usage"]]
        self.assertEqual((days[-1] - days[0]).days, 13)
        self.assertIs(doc["isValid"], True)
        self.assertEqual(doc["total_requests"], 2)

    def test_the_same_everywhere(self):
        usage = self.get("/v1/usage").json()["usage"]
        self.assertEqual(
            self.get("/openai/key-info").json()["keyInfo"]["usage"], usage)
        stats = post(self.relay, "/apiStats/api/user-stats",
                     {"apiKey": self.mine}).json()["data"]
        self.assertEqual(stats["usage"]["total"], usage["total"])
        self.assertEqual(stats["limits"]["currentDailyCost"],
                         usage["today"]["cost"])
        self.assertEqual(self.get("/stats?json").json()["usage"], usage)
        self.assertEqual(self.get("/stats", headers=[
            ("accept", "text/html, application/json")]).json()["usage"],
            usage)

    def test_models_are_told_one_by_one(self):
        models = {m["model"]: m
                  for m in self.get("/v1/usage").json()["model_stats"]}
        self.assertEqual({n: m["requests"] for n, m in models.items()},
                         {"claude-x": 1, "gpt-x": 1})
        self.assertEqual(models["claude-x"]["input_tokens"],
                         self.receipts[0]["input"])
        for target in ("user-model-stats", "batch-model-stats"):
            for period in ("daily", "monthly", "alltime"):
                doc = post(self.relay, "/apiStats/api/" + target,
                           {"period": period}, key=self.mine).json()
                self.assertEqual(doc["period"], period)
                self.assertEqual({m["model"]: m["requests"]
                                  for m in doc["data"]},
                                 {"claude-x": 1, "gpt-x": 1})
        doc = post(self.relay, "/apiStats/api/batch-model-stats",
                   {"apiIds": [self.other["id"]]}, key=self.mine).json()
        self.assertEqual(doc["data"], [])
        page = self.get("/stats").body.decode()
        self.assertRegex(page, r"claude-x +1 ")
        self.assertRegex(page, r"gpt-x +1 ")

    def test_text_fits_a_terminal(self):
        for target in ("/stats", "/stats?ascii"):
            a = self.get(target)
            text = a.body.decode()
            self.assertEqual(a.header("content-type"),
                             "text/plain; charset=utf-8")
            self.assertIn("canary-mine", text)
            self.assertIn("active", text)
            for line in text.split("\n"):
                self.assertLessEqual(len(line), 80, line)
            self.assertTrue(text.endswith("\n"))
            self.assertEqual(text.isascii(), target.endswith("ascii"))
            self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")

    # --- below /apiStats

    def test_an_id_is_no_authority(self):
        mine, other = self.owner["id"], self.other["id"]
        target = "/apiStats/api/user-stats"
        a = post(self.relay, target, {"apiId": mine}, key=self.mine)
        self.assertEqual(a.json()["data"]["name"], "canary-mine")
        refused = []
        for known in (other, "kzzzzzzzz",
                      "3f2504e0-4f89-11d3-9a0c-0305e82c3301"):
            a = post(self.relay, target, {"apiId": known}, key=self.mine)
            self.assertEqual(a.status, 403)
            self.assertNotIn(b"canary", a.body)
            refused.append(a.json()["error"]["message"])
        # Nor does the refusal tell which ids there are.
        self.assertEqual(len(set(refused)), 1)

    def test_the_key_of_the_body_comes_first(self):
        target = "/apiStats/api/user-stats"
        a = post(self.relay, target, {"apiKey": self.theirs}, key=self.mine)
        self.assertEqual(a.json()["data"]["name"], "canary-other")
        a = post(self.relay, target, {"apiKey": "cr_nothing_known"},
                 key=self.mine)
        self.assertEqual(a.status, 401)

    def test_a_batch_holds_the_own_key_only(self):
        target = "/apiStats/api/batch-stats"
        ids = [self.other["id"], self.owner["id"], "kzzzzzzzz"]
        data = post(self.relay, target, {"apiIds": ids},
                    key=self.mine).json()["data"]
        self.assertEqual([i["name"] for i in data["individual"]],
                         ["canary-mine"])
        self.assertEqual(data["aggregated"]["usage"]["requests"], 2)
        self.assertEqual(data["aggregated"]["totalKeys"], 3)
        data = post(self.relay, target, {"apiIds": ids[:1]},
                    key=self.mine).json()["data"]
        self.assertEqual(data["individual"], [])
        self.assertEqual(data["aggregated"]["usage"]["requests"], 0)

    def test_bad_bodies_are_refused(self):
        for body, status in (
                (b"{", 400), (b"[]", 400), (b"null", 400), (b"\xff", 400),
                ({"apiKey": 7}, 400), ({"apiKey": self.mine, "period": 1},
                                       400),
                ({"apiKey": self.mine, "period": "yearly"}, 400),
                ({"apiKey": self.mine, "apiIds": "x"}, 400),
                ({"apiKey": self.mine, "apiIds": [1]}, 400),
                ({"apiKey": self.mine, "apiIds": ["k"] * 31}, 400),
                ({"apiKey": self.mine, "x": "y" * 20000}, 413),
                (b'{"apiKey":"a","apiKey":"b"}', 400)):
            for target in POSTS:
                with self.subTest(f"{target} {str(body)[:40]}"):
                    a = post(self.relay, target, body, key=self.mine)
                    self.assertEqual(a.status, status, a.body)
                    self.assertTrue(ANTHROPIC.is_error(a.json()))
        a = post(self.relay, POSTS[0], b"x", key=self.mine,
                 headers=[("content-encoding", "gzip")])
        self.assertEqual(a.status, 415)

    # --- what is not told

    def test_nothing_but_the_own_key_is_told(self):
        said = b""
        for target in GETS + ["/stats?json"]:
            a = self.get(target)
            said += str(a.headers).encode() + a.body
        for target in POSTS:
            for body in ({"apiKey": self.mine},
                         {"apiKey": self.mine, "apiId": self.other["id"]},
                         {"apiKey": self.mine,
                          "apiIds": [self.other["id"]]}):
                a = post(self.relay, target, body)
                said += str(a.headers).encode() + a.body
        words = ["canary-other", "canary-note", "canary-tag", self.mine,
                 self.other["id"], "777777", "127.0.0.1",
                 str(self.up.ports[0]), '"a1"', "'a1'", "sk-a1", '"o1"',
                 "claude-api", "openai-api", "anthropic-compat"]
        for word in words:
            self.assertNotIn(word.encode(), said)
        self.assertIn(b"canary-mine", said)

    def test_looking_is_no_use(self):
        shown = self.relay.call("key.show", key=self.owner["id"])
        count = len(self.relay.receipts())
        for target in GETS:
            self.assertEqual(self.get(target).status, 200)
        post(self.relay, POSTS[1], {"apiId": "k"}, key=self.mine)
        # A use that comes after: when it is stored, so were those before.
        self.relay.receipt(ask(self.relay, ANTHROPIC))
        self.assertEqual(len(self.relay.receipts()), count + 1)
        again = self.relay.call("key.show", key=self.owner["id"])
        self.assertEqual(again, shown)

    def test_it_is_counted_in_the_metrics(self):
        def count():
            rows = {r["name"]: r for r in self.relay.control.rows("metrics")}
            return sum(s["value"]
                       for s in rows["relayd_requests_total"]["samples"]
                       if s["labels"]["op"] == "stats" and
                       s["labels"]["outcome"] == "ok")
        before = count()
        self.get("/stats")
        self.relay.at_rest()
        self.assertEqual(count(), before + 1)

    # --- limits

    def limits(self, key):
        doc = self.get("/v1/usage", key=key).json()
        return doc, {(l["window"], l["unit"]): l for l in doc["rate_limits"]}

    def test_limits_and_what_is_left_of_them(self):
        made = self.relay.call("key.create", name="limited",
                               owner="canary-limits")
        name, key = made["key"]["id"], made["value"]
        budgets = [self.relay.call("budget.add", scope=scope, limit=limit,
                                   per=per, **more)["id"]
                   for scope, limit, per, more in (
                       ("key:" + name, "3 requests", "day", {}),
                       ("key:" + name, "$20", "life", {"rated": True}),
                       ("key:" + name, "771177 tokens", "month",
                        {"action": "warn"}),
                       ("user:canary-limits", "882288 tokens", "week", {}))]
        try:
            doc, limits = self.limits(key)
            self.assertEqual(set(limits), {("1d", "requests"),
                                           ("life", "usd"), ("7d", "tokens")})
            self.assertEqual(doc["mode"], "quota_limited")
            self.assertEqual(doc["remaining"], 20)
            for left in (2, 1, 0):
                self.assertEqual(
                    ask(self.relay, ANTHROPIC, key=key).status, 200)
                doc, limits = self.limits(key)
                day = limits["1d", "requests"]
                self.assertEqual((day["limit"], day["used"],
                                  day["remaining"], day["exhausted"]),
                                 (3, 3 - left, left, left == 0))
            self.assertNotIn("limit", limits["7d", "tokens"])
            self.assertNotEqual(
                ask(self.relay, ANTHROPIC, key=key).status, 200)
            # To look is no use of a limit that is used up.
            page = self.get("/stats", key=key).body.decode()
            self.assertRegex(page, r"day +requests +3 +3 +0 +20\d\d-")
            self.assertRegex(page, r"week +tokens +shared ")
            stats = post(self.relay, POSTS[1], {"apiKey": key}).json()
            self.assertEqual(stats["data"]["limits"]["totalCostLimit"], 20)
            said = page + json.dumps(stats) + json.dumps(doc)
            for word in ("771177", "882288", *budgets):
                self.assertNotIn(word, said)
        finally:
            for b in budgets:
                self.relay.call("budget.rm", budget=b)
        self.assertEqual(self.limits(key)[1], {})

    # --- states

    def test_a_key_that_is_out_of_use_is_told_so(self):
        key = self.relay.call("key.create", name="canary-state")
        name = key["key"]["id"]
        for change, more, state in (
                ("key.disable", {}, "disabled"), ("key.enable", {}, "active"),
                ("key.set", {"expires": "1s"}, "expired")):
            self.relay.call(change, key=name, **more)
            until(state, lambda: self.get(
                "/v1/me", key=key["value"]).json()["status"] == state)
            if state == "active":
                continue
            with self.subTest(state):
                self.assertEqual(ask(self.relay, ANTHROPIC,
                                     key=key["value"]).status, 401)
                doc = self.get("/v1/usage", key=key["value"]).json()
                self.assertIs(doc["isValid"], False)
                self.assertEqual(doc["status"], state)
                self.assertIn(state, self.get(
                    "/stats", key=key["value"]).body.decode())
                a = post(self.relay, POSTS[1], {"apiKey": key["value"]})
                self.assertIs(a.json()["data"]["isActive"], False)
        self.relay.call("key.rm", key=name)
        self.assertEqual(self.get("/stats", key=key["value"]).status, 401)

    def test_a_name_cannot_steer_a_terminal(self):
        key = self.relay.call("key.create", name="na\u00efve \u6e2c\u8a66",
                              owner="\u00e9" * 30)
        text = self.get("/stats", key=key["value"]).body.decode()
        self.assertIn("na\u00efve \u6e2c\u8a66", text)
        text = self.get("/stats?ascii", key=key["value"]).body.decode()
        self.assertIn("na?ve ??", text)

    # --- many at once

    def test_many_may_ask_at_once(self):
        fresh = self.relay.call("key.create", name="crowd")["value"]
        seen, fails = [], []

        def look():
            try:
                with self.relay.connect() as s:
                    for _ in range(20):
                        s.sendall(head("GET", "/v1/usage", [
                            ("host", "r"), ("x-api-key", fresh)]))
                        a = Answer(s)
                        seen.append((a.status, a.body.count(b"canary")))
            except Exception as e:  # noqa: BLE001
                fails.append(e)

        threads = [threading.Thread(target=look) for _ in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(fails, [])
        self.assertEqual(seen, [(200, 0)] * 320)

    def test_questions_in_one_piece_are_all_answered(self):
        with self.relay.connect() as s:
            s.sendall(head("GET", "/stats", [
                ("host", "r"), ("x-api-key", self.mine)]) * 5)
            rest = b""
            for _ in range(5):
                a = Answer(s, raw=rest)
                self.assertEqual(a.status, 200)
                rest = a.raw

    def test_clients_may_leave_at_once(self):
        keys = [self.relay.new_key(f"leaver-{i}") for i in range(20)]
        for key in keys:
            with self.relay.connect() as s:
                s.sendall(head("GET", "/stats", [
                    ("host", "r"), ("x-api-key", key)]))
        # Every one of them ends; nothing waits for ever.
        self.relay.at_rest()
        for key in keys:
            self.assertEqual(self.get("/stats", key=key).status, 200)

    def test_what_was_used_since_is_seen(self):
        key = self.relay.new_key("later")
        for count in (1, 2):
            self.assertEqual(ask(self.relay, ANTHROPIC, key=key).status, 200)
            until(f"{count} requests in the figures", lambda: self.get(
                "/v1/usage", key=key).json()["total_requests"] == count)


class Stopping(Case):
    accounts = 1

    def test_a_relay_that_ends_answers_what_was_asked(self):
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC)[:40])
            asked = self.relay.connect()
            asked.sendall(head("GET", "/stats", [
                ("host", "r"), ("x-api-key", self.relay.key)]))
            self.assertEqual(Answer(asked).status, 200)
            asked.close()
        self.assertEqual(self.relay.stop(), 0)
