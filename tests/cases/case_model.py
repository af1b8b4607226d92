# SPDX-License-Identifier: MIT
"""case_model.py - accounts that call a model otherwise: the request goes out
under the account's name, the answer comes back under the client's."""
import json
import os
import urllib.parse

from house import Case, Refused
from speech import ALL, ANTHROPIC, CHAT, GEMINI, RESPONSES, ask

WHERE = {"anthropic": lambda v: (v.get("message") or v).get("model"),
         "responses": lambda v: (v.get("response") or v).get("model"),
         "chat": lambda v: v.get("model"),
         "gemini": lambda v: v.get("modelVersion")}


class Model(Case):
    accounts = 1

    @classmethod
    def furnish(cls):
        super().furnish()
        for name in "a1", "o1", "g1":
            cls.relay.call("account.set", name=name, fields={
                "models": "mine=gpt-5,!never,*"})
        url = f"http://127.0.0.1:{cls.up.ports[0]}"
        cls.relay.account("ccr", "c1", url, "sk-c1", models="claude-haiku-*")
        cls.relay.account("azure-openai", "z1", url, "sk-z1", priority="90",
                          models="mine=prod one,gpt-x".replace(" ", "-"))
        cls.relay.account("azure-openai", "z2", url + "/openai/v1", "sk-z2",
                          priority="91", models="newest=second")

    def body(self, request):
        path = os.path.join(self.up.dir.name, f"{request['seq']}.body")
        with open(path, "rb") as f:
            return json.load(f)

    def speak(self, dialect, stream, model, prefix="", **more):
        value = json.loads(dialect.body(stream))
        target = dialect.target(stream)
        if dialect is GEMINI:
            target = target.replace("gemini-x", model)
        else:
            value["model"] = model
        value.update(more)
        return ask(self.relay, dialect, stream, body=json.dumps(value).encode(),
                   target=prefix or target)

    def test_an_alias_goes_out_and_comes_back(self):
        for dialect in ALL:
            for stream in True, False:
                with self.subTest(f"{dialect} {stream}"):
                    self.fresh()
                    a = self.speak(dialect, stream, "mine")
                    self.assertEqual(a.status, 200, a.body)
                    request = self.requests()[-1]
                    if dialect is GEMINI:
                        self.assertIn("/models/gpt-5:", request["target"])
                    else:
                        self.assertEqual(self.body(request)["model"], "gpt-5")
                    values = [v for n, v in a.events()] if stream \
                        else [a.json()]
                    names = {WHERE[dialect.name](v) for v in values if v}
                    self.assertEqual(names - {None}, {"mine"})
                    self.assertNotIn(b"gpt-5", a.body)
                    r = self.relay.receipt(a)
                    self.assertEqual((r["model"], r["upstream_model"]),
                                     ("mine", "gpt-5"))
                    self.assertGreater(r["cost_micro"], 0)

    def test_the_rest_of_the_body_stays_as_it_was(self):
        body = (b'{ "messages" : [{"role":"user","content":"\\u00e4 \\"model'
                b'\\": "}],\n "model":\t"mine" , "max_tokens":9,"x":{"model":'
                b'"mine"}}')
        a = ask(self.relay, ANTHROPIC, False, body=body)
        self.assertEqual(a.status, 200)
        path = os.path.join(self.up.dir.name,
                            f"{self.requests()[-1]['seq']}.body")
        with open(path, "rb") as f:
            self.assertEqual(f.read(), body.replace(b'\t"mine"', b'\t"gpt-5"'))

    def test_an_account_tells_its_models(self):
        rows = {r["model"]: r for r in
                self.relay.call("account.models", name="o1")}
        self.assertEqual(rows["mine"]["there"], "gpt-5")
        self.assertTrue(rows["mine"]["priced"])
        self.assertNotIn("never", rows)
        self.assertGreater(len(rows), 1)
        rows = self.relay.call("account.models", name="z1")
        self.assertEqual([(r["model"], r["there"], r["priced"])
                          for r in rows],
                         [("mine", "prod-one", False),
                          ("gpt-x", "gpt-x", False)])
        with self.assertRaises(Refused):
            self.relay.call("account.models", name="nobody")

    def test_what_is_excluded_is_not_there(self):
        a = self.speak(ANTHROPIC, True, "never")
        self.assertEqual(a.status, 404)
        self.assertTrue(ANTHROPIC.is_error(a.json()))
        names = [m["id"] for m in ask(
            self.relay, CHAT, method="GET", body=b"", target="/v1/models")
            .json()["data"]]
        self.assertIn("mine", names)
        self.assertNotIn("never", names)
        self.assertNotIn("!never", names)

    def test_ccr_is_chosen_by_its_models_or_by_name(self):
        for model, account, sent in (
                ("claude-haiku-9", "a1", "claude-haiku-9"),
                ("ccr,claude-haiku-9", "c1", "claude-haiku-9")):
            with self.subTest(model):
                self.fresh()
                a = self.speak(ANTHROPIC, True, model)
                self.assertEqual(a.status, 200)
                r = self.relay.receipt(a)
                self.assertEqual((r["account"], r["model"]), (account, sent))
                self.assertEqual(self.body(self.requests()[-1])["model"],
                                 sent)
        a = self.speak(ANTHROPIC, True, "ccr,claude-opus-9")
        self.assertEqual(a.status, 404)

    def test_azure_by_deployment_and_by_v1(self):
        for dialect, model, path, target in (
                (CHAT, "mine", "/azure/chat/completions",
                 "/openai/deployments/prod-one/chat/completions"
                 "?api-version=2024-10-21"),
                (CHAT, "gpt-x", "/azure/v1/chat/completions/",
                 "/openai/deployments/gpt-x/chat/completions"
                 "?api-version=2024-10-21"),
                (RESPONSES, "mine", "/azure//responses",
                 "/openai/responses?api-version=2025-04-01-preview"),
                (RESPONSES, "newest", "/azure/responses",
                 "/openai/v1/responses"),
                (CHAT, "newest", "/azure/chat/completions",
                 "/openai/v1/chat/completions"),
                # As Azure's own clients ask, told of /azure as their endpoint.
                (CHAT, "mine", "/azure/openai/deployments/mine/chat/"
                 "completions?api-version=2025-01-01-preview",
                 "/openai/deployments/prod-one/chat/completions"
                 "?api-version=2024-10-21"),
                (RESPONSES, "mine",
                 "/azure/openai/responses?api-version=2025-03-01-preview",
                 "/openai/responses?api-version=2025-04-01-preview"),
                (RESPONSES, "newest", "/azure/openai/v1/responses",
                 "/openai/v1/responses")):
            with self.subTest((path, model)):
                self.fresh()
                a = self.speak(dialect, True, model, prefix=path)
                self.assertEqual(a.status, 200, a.body)
                self.assertIn(dialect.terminal, a.body)
                request = self.requests()[-1]
                self.assertEqual(request["target"], target)
                fields = {n.lower(): v for n, v in request["headers"]}
                self.assertEqual(fields["api-key"],
                                 "sk-z2" if model == "newest" else "sk-z1")
                self.assertNotIn("authorization", fields)
                self.assertGreater(self.relay.receipt(a)["input"], 0)

    def test_azure_tells_usage_that_nobody_asked_for(self):
        a = self.speak(CHAT, True, "mine", prefix="/azure/chat/completions",
                       stream_options=None)
        self.assertEqual(a.status, 200)
        body = self.body(self.requests()[-1])
        self.assertEqual((body["model"], body["stream_options"]),
                         ("prod-one", {"include_usage": True}))
        self.assertFalse([v for n, v in a.events()
                          if v and v.get("usage")])
        self.assertGreater(self.relay.receipt(a)["output"], 0)

    def test_azures_names_are_its_own(self):
        names = [m["id"] for m in ask(
            self.relay, CHAT, method="GET", body=b"", target="/azure/models")
            .json()["data"]]
        self.assertEqual(sorted(names), ["gpt-x", "mine", "newest"])
        a = self.speak(CHAT, True, "other", prefix="/azure/chat/completions")
        self.assertEqual(a.status, 404)

    def test_rules_that_cannot_match_are_refused(self):
        for rules in "a=", "!", "a=b*", "a b":
            with self.subTest(rules):
                with self.assertRaises(Refused) as refused:
                    self.relay.call("account.set", name="a1",
                                    fields={"models": rules})
                self.assertEqual(refused.exception.field, "models")
