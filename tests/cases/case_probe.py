# SPDX-License-Identifier: MIT
"""case_probe.py - account.test of every kind: made and read as clients'
requests are."""
import json
import os

from case_bedrock import SECRET, signature
from case_codex import PlanHouse
from house import Case

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


class ProbePlan(PlanHouse):
    def test_a_plan_answers_with_its_streams_end(self):
        self.enter()
        self.up.script([{"do": "text=all well;usage=12,3,0,0,0,0"}])
        said = self.relay.call("account.test", name="c", model="gpt-x")
        self.assertTrue(said["ok"], said)
        self.assertEqual(said["text"], "all well")
        self.assertEqual(said["usage"]["output"], 3)
