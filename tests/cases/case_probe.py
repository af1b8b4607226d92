# SPDX-License-Identifier: MIT
"""case_probe.py - account.test of every kind: made and read as clients'
requests are."""
import json
import os
from urllib.parse import quote

from case_bedrock import SECRET, signature
from case_codex import PlanHouse
from house import Case, Refused

# kind, base, further fields, what the upstream calls the model.
KINDS = (
    ("claude-api", "", {}, "m"),
    ("anthropic-compat", "", {}, "m"),
    ("openai-api", "", {}, "m"),
    ("openai-compat", "/v1", {}, "m"),
    ("gemini-api", "", {}, "m"),
    ("azure-openai", "", {"models": "m=there"}, "there"),
    ("ccr", "", {}, "m"),
    ("bedrock", "", {"region": "eu-west-1", "models": "m=us.anthropic.x"},
     "us.anthropic.x"),
)


class Probe(Case):
    accounts = 0

    def test_every_kind_is_asked_in_its_own_way(self):
        for kind, base, fields, there in KINDS:
            with self.subTest(kind):
                self.fresh()
                credential = "AKID:" + SECRET if kind == "bedrock" \
                    else "sk-" + kind
                self.relay.account(
                    kind, kind, f"http://127.0.0.1:{self.up.ports[0]}{base}",
                    credential, **fields)
                self.up.script([{"do": "text=all well;usage=12,3,0,0,0,0"}])
                said = self.relay.call("account.test", name=kind, model="m")
                self.assertTrue(said["ok"], said)
                self.assertEqual(said["text"], "all well")
                self.assertEqual((said["usage"]["input"],
                                  said["usage"]["output"]), (12, 3))
                request = self.requests()[-1]
                path = os.path.join(self.up.dir.name,
                                    f"{request['seq']}.body")
                with open(path, "rb") as f:
                    body = f.read()
                named = json.loads(body).get("model") or request["target"]
                self.assertIn(there, named)
                if kind == "bedrock":
                    self.assertEqual(*signature(request, body, SECRET))

    def test_the_upstreams_own_words_on_failure(self):
        self.relay.account("openai-api", "bad",
                           f"http://127.0.0.1:{self.up.ports[0]}", "sk-x")
        self.up.script([{"do": "status=403;message=not for you"}])
        said = self.relay.call("account.test", name="bad", model="m")
        self.assertEqual((said["ok"], said["status"]), (False, 403))
        self.assertIn("not for you", said["error"])

    def test_the_first_model_that_is_named_is_asked(self):
        self.relay.account("openai-api", "list",
                           f"http://127.0.0.1:{self.up.ports[0]}", "sk-x",
                           models="gpt-*,!gpt-4,alias=real")
        said = self.relay.call("account.test", name="list")
        self.assertEqual((said["ok"], said["model"]), (True, "alias"))


# kind, base, what is asked for, what the upstream says.
LISTS = (
    ("claude-api", "", "/v1/models?limit=1000",
     {"data": [{"id": "claude-opus-4-8"}, {"id": "brand-new"}]}),
    ("anthropic-compat", "/v1/messages", "/v1/models?limit=1000",
     {"data": [{"id": "brand-new"}]}),
    ("ccr", "/api/v1", "/api/v1/models?limit=1000",
     {"data": [{"id": "brand-new"}]}),
    ("openai-api", "/v1", "/v1/models", {"data": [{"id": "brand-new"}]}),
    ("openai-compat", "", "/v1/models", {"data": [{"id": "brand-new"}]}),
    ("gemini-api", "", "/v1beta/models?pageSize=1000",
     {"models": [{"name": "models/brand-new"}]}),
)


class Lists(Case):
    """account.models that asks the provider."""
    accounts = 0

    def asks(self, kind, base, said, **fields):
        self.fresh()
        name = f"{kind}-{len(self.relay.call('account.list'))}"
        self.relay.account(
            kind, name, f"http://127.0.0.1:{self.up.ports[0]}{base}",
            "sk-" + name, **fields)
        self.up.script([{"do": "body=" + quote(json.dumps(said))}])
        return name

    def test_every_kind_that_has_one_is_asked(self):
        for kind, base, target, said in LISTS:
            with self.subTest(kind):
                name = self.asks(kind, base, said)
                rows = {r["model"]: r for r in self.relay.call(
                    "account.models", name=name, ask=True)}
                request = self.requests()[-1]
                self.assertEqual((request["method"], request["target"]),
                                 ("GET", target))
                self.assertIn("sk-" + name, str(request["headers"]))
                row = rows["brand-new"]
                self.assertEqual((row["served"], row["known"], row["told"],
                                  row["priced"]), (True, False, True, False))
                for known in self.relay.call("account.models", name=name):
                    self.assertNotIn("told", known)
                    again = rows[known["model"]]
                    self.assertTrue(again["known"])
                    self.assertEqual(again["told"],
                                     any(known["model"] in str(v)
                                         for v in said.values()))

    def test_what_rules_make_of_it(self):
        name = self.asks("openai-api", "", {"data": [
            {"id": "real"}, {"id": "never"}, {"id": "real"}, {"no": 1}, 7]},
            models="mine=real,!never,lost")
        rows = {r["model"]: (r["there"], r["served"], r["told"])
                for r in self.relay.call("account.models", name=name,
                                         ask=True)}
        self.assertEqual(rows, {"mine": ("real", True, True),
                                "lost": ("lost", True, False),
                                "never": ("never", False, True)})

    def test_a_long_list_is_told_in_part(self):
        name = self.asks("openai-compat", "", {"data": [
            {"id": f"model-{i}"} for i in range(1200)]})
        self.assertEqual(len(self.relay.call("account.models", name=name,
                                             ask=True)), 1000)

    def test_what_is_no_list_is_refused(self):
        name = self.asks("openai-compat", "", {"data": []})
        for do, code in (("status=404", "value"), ("status=503", "again"),
                         ("body=%7B%22other%22:1%7D", "syntax"),
                         ("body=%3Chtml%3E", "syntax")):
            with self.subTest(do):
                self.up.script([{"do": do}])
                with self.assertRaises(Refused) as said:
                    self.relay.call("account.models", name=name, ask=True)
                self.assertEqual(said.exception.code, code)
        self.relay.account("bedrock", "aws", "http://127.0.0.1:1", "AKID:s",
                           region="eu-west-1")
        with self.assertRaises(Refused) as said:
            self.relay.call("account.models", name="aws", ask=True)
        self.assertEqual(said.exception.code, "unsupported")


class ListPlan(PlanHouse):
    def test_a_plan_is_asked_with_a_token_that_is_good(self):
        self.enter()
        self.up.script([
            {"path": "*/codex/models*", "times": 1, "do": "status=401"},
            {"path": "*/codex/models*", "do": "body=" + quote(json.dumps(
                {"models": [{"slug": "gpt-5.5"}, {"slug": "new"}]}))}])
        rows = {r["model"]: r for r in self.relay.call(
            "account.models", name="c", ask=True)}
        self.assertTrue(rows["gpt-5.5"]["told"] and rows["gpt-5.5"]["known"])
        self.assertFalse(rows["new"]["known"])
        asked = self.asked("MODELS")
        self.assertEqual([l["status"] for l in asked], [401, 200])
        tokens = [dict(map(tuple, l["headers"]))["Authorization"]
                  for l in asked]
        self.assertNotEqual(*tokens)
        self.assertIn("client_version=", asked[-1]["target"])
        self.assertIn(["chatgpt-account-id", "acct-practice"],
                      [list(h) for h in asked[-1]["headers"]])


class ProbePlan(PlanHouse):
    def test_a_plan_answers_with_its_streams_end(self):
        self.enter()
        self.up.script([{"do": "text=all well;usage=12,3,0,0,0,0"}])
        said = self.relay.call("account.test", name="c", model="gpt-x")
        self.assertTrue(said["ok"], said)
        self.assertEqual(said["text"], "all well")
        self.assertEqual(said["usage"]["output"], 3)
