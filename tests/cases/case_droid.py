# SPDX-License-Identifier: MIT
"""case_droid.py - accounts of Factory: signing in by a code to type, several
keys of which some die, and three families of endpoints."""
import hashlib
import json
import os
import signal
import subprocess
from urllib.parse import parse_qs

from case_oauth import LONG, House
from house import Refused, program, until
from speech import ANTHROPIC, CHAT, RESPONSES, ask

DROID = ("user-agent", "factory-cli/0.225.2")
OTHER = ("user-agent", "curl/8")
# What each family is asked at, here and there.
FAMILIES = (
    (ANTHROPIC, "/droid/claude/v1/messages", "/api/llm/a/v1/messages"),
    (RESPONSES, "/droid/openai/responses", "/api/llm/o/v1/responses"),
    (RESPONSES, "/droid/openai/v1/responses", "/api/llm/o/v1/responses"),
    (CHAT, "/droid/comm/v1/chat/completions",
     "/api/llm/o/v1/chat/completions"),
)


class Factory(House):
    def speak(self, family=FAMILIES[0], stream=False, agent=DROID, **more):
        headers = [agent, *more.pop("headers", ())]
        return ask(self.relay, family[0], stream, target=family[1],
                   headers=headers, **more)

    def arrived(self, route="MESSAGES"):
        request = self.asked(route)[-1]
        path = os.path.join(self.up.dir.name, f"{request['seq']}.body")
        with open(path, "rb") as f:
            return request, f.read()

    def head(self, route="MESSAGES"):
        return {n.lower(): v for n, v in self.arrived(route)[0]["headers"]}


class SignIn(Factory):
    def open(self, name="d", keys=LONG):
        self.up.script([{"do": keys}])
        open_ = self.relay.call("oauth.begin", kind="droid", name=name,
                                fields=self.fields())
        self.addCleanup(self.up.script, [])
        return open_

    def poll(self, open_):
        return self.relay.call("oauth.poll", id=open_["id"])

    def said(self, open_):
        return until("the provider has said it", lambda: (
            lambda who: None if who.get("pending") else who)(
                self.poll(open_)))

    def refusal(self, open_):
        """The words with which the sign-in ends."""
        def probe():
            try:
                self.assertTrue(self.poll(open_)["pending"])
            except Refused as e:
                return e
            return None
        return until("a refusal", probe)

    def approve(self, open_):
        self.post(f"/_practice/approve?user_code={open_['user_code']}")

    def enter(self, name="d"):
        open_ = self.open(name)
        self.approve(open_)
        return self.said(open_)

    def test_its_time_also_ends_while_the_provider_is_asked(self):
        open_ = self.open(keys="life=2;delay=1500")
        self.assertIn("begin again", str(self.refusal(open_)))
        self.refused("unknown", "oauth.poll", id=open_["id"])

    def forms(self):
        forms = []
        for line in self.asked("TOKEN_DEVICE"):
            path = os.path.join(self.up.dir.name, f"{line['seq']}.body")
            with open(path) as f:
                forms.append({k: v[0] for k, v in parse_qs(f.read()).items()})
        return forms

    def test_by_a_code_to_type(self):
        open_ = self.open()
        self.assertIn("Factory", open_["notice"])
        self.assertFalse(open_["pastes"])
        self.assertIn(open_["user_code"], open_["url"])
        self.assertTrue(self.poll(open_)["pending"])
        self.approve(open_)
        who = self.said(open_)
        self.assertEqual((who["email"], who["organization"]),
                         ("practice@example.org", "org_practice"))
        # The last token is the organisation's.
        last = self.forms()[-1]
        self.assertEqual((last["grant_type"], last["organization_id"]),
                         ("refresh_token", "org_practice"))
        self.assertTrue(last["client_id"].startswith("client_"))
        a = self.speak()
        self.assertEqual(a.status, 200, a.body)
        self.assertRegex(self.head()["authorization"],
                         "^Bearer practice-access-")
        # It outlives relayd.
        self.assertEqual(self.relay.stop(), 0)
        self.relay.start()
        self.assertEqual(self.speak().status, 200)
        # A renewal says for which organisation, too.
        count = len(self.forms())
        self.relay.call("account.refresh", name="d")
        self.assertEqual([(f["grant_type"], f["organization_id"])
                          for f in self.forms()[count:]],
                         [("refresh_token", "org_practice")])

    def test_a_pace_that_is_too_quick_is_slowed_down(self):
        open_ = self.open(keys=LONG + ";slowdown=1")
        until("the first poll", lambda: self.poll(open_) and
              self.asked("TOKEN_DEVICE"))
        until("its answer was heard",
              lambda: self.poll(open_)["interval_s"] == 6)

    def test_somebody_says_no(self):
        open_ = self.open()
        self.post("/_practice/approve?deny&user_code="
                  + open_["user_code"])
        self.assertIn("access_denied", str(self.refusal(open_)))
        self.assertEqual(self.relay.call("account.list"), [])

    def test_a_code_that_nobody_typed_in_time(self):
        open_ = self.open()
        self.up.script([{"path": "*/authenticate", "do":
                         "status=400;body=" + '{"error":"expired_token"}'}])
        self.assertIn("begin again", str(self.refusal(open_)))

    def test_a_token_is_renewed_before_its_end_and_after_a_401(self):
        self.enter()
        before = self.account("d")["renewed_at"]
        self.relay.call("account.refresh", name="d")
        self.assertGreater(self.account("d")["renewed_at"], before)
        self.assertEqual(self.speak().status, 200)
        self.assertGreater(self.revoke("access"), 0)
        self.assertEqual(self.speak().status, 200)
        self.assertEqual([l["status"] for l in self.asked("MESSAGES")],
                         [200, 401, 200])

    def test_where_subscriptions_are_not_allowed(self):
        self.enter()
        self.relay.configure({})
        self.relay.kill(signal.SIGHUP)
        until("it is not allowed", lambda:
              self.account("d")["state"] == "forbidden")
        self.assertEqual(self.speak().status, 503)
        self.refused("denied", "oauth.begin", kind="droid", name="e",
                     fields=self.fields())


class Families(Factory):
    def setUp(self):
        super().setUp()
        self.relay.account("droid", "d", self.origin, "fk-one-of-them")

    def test_each_family_in_its_dialect(self):
        for family in FAMILIES:
            for stream in False, True:
                with self.subTest(path=family[1], stream=stream):
                    dialect, _, there = family
                    a = self.speak(family, stream)
                    self.assertEqual(a.status, 200, a.body)
                    if stream:
                        self.assertIn(dialect.terminal, a.body)
                    line = self.up.log()[-2 if "end" in self.up.log()[-1]
                                         else -1]
                    self.assertEqual(line["target"], there)
                    r = self.relay.receipt(a)
                    self.assertEqual(r["attempts"][0]["account"], "d")
                    self.assertNotIn("estimated", r["flags"])
                    self.assertGreater(r["input"], 0)
                    self.assertGreater(r["output"], 0)

    def test_droid_arrives_as_it_left(self):
        body = json.dumps({"model": "claude-x", "max_tokens": 9, "metadata":
                           {"a": 1}, "temperature": 1, "top_p": 1,
                           "messages": [{"role": "user", "content": "hi"}]},
                          indent=1).encode()
        headers = [("x-session-id", "s-1"), ("x-factory-client", "cli"),
                   ("anthropic-beta", "effort-2025-11-24"),
                   ("x-api-provider", "bedrock"), ("X_odd", "y"),
                   ("OpenAI-Platform", "org-of-the-client")]
        a = self.speak(body=body, headers=headers)
        self.assertEqual(a.status, 200, a.body)
        request, arrived = self.arrived()
        self.assertEqual(hashlib.sha256(arrived).hexdigest(),
                         hashlib.sha256(body).hexdigest())
        sent = [(n, v) for n, v in request["headers"]]
        for header in [DROID, *headers[:-1]]:
            self.assertIn(header, sent)
        names = [n.lower() for n, _ in sent]
        self.assertEqual(len(names), len(set(names)), names)
        self.assertNotIn("openai-platform", names)
        self.assertNotIn("x-api-key", names)
        self.assertIn(("Authorization", "Bearer fk-one-of-them"), sent)

    def test_whose_machines_are_meant_is_told_where_it_was_not(self):
        for family, model, backend in (
                (FAMILIES[0], "claude-x", "anthropic"),
                (FAMILIES[1], "gpt-x", "azure_openai"),
                (FAMILIES[1], "gpt-x-max", "openai"),
                (FAMILIES[3], "gemini-x", "google"),
                (FAMILIES[3], "glm-4", "fireworks"),
                (FAMILIES[3], "kimi", "baseten")):
            with self.subTest(model=model):
                body = dict(json.loads(family[0].body(False)), model=model)
                a = self.speak(family, body=json.dumps(body).encode())
                self.assertEqual(a.status, 200, a.body)
                route = {"anthropic": "MESSAGES", "chat": "CHAT",
                         "responses": "RESPONSES"}[family[0].name]
                head = self.head(route)
                self.assertEqual(head["x-api-provider"], backend)
                # Nothing is said in the name of a client.
                self.assertNotIn("x-factory-client", head)
                self.assertNotIn("x-session-id", head)

    def test_tokens_are_counted(self):
        a = self.speak((ANTHROPIC, FAMILIES[0][1] + "/count_tokens"))
        self.assertEqual(a.status, 200, a.body)
        self.assertGreater(a.json()["input_tokens"], 0)
        self.assertEqual(self.asked("COUNT_TOKENS")[0]["target"],
                         "/api/llm/a/v1/messages/count_tokens")

    def test_others_are_served_only_when_they_are_let_in(self):
        for family in FAMILIES:
            a = self.speak(family, agent=OTHER)
            self.assertEqual(a.status, 403)
            self.assertTrue(family[0].is_error(a.json()), a.body)
        self.relay.call("account.set", name="d", fields={"clients": "any"})
        for family in FAMILIES:
            self.assertEqual(self.speak(family, agent=OTHER).status, 200)

    def test_the_lists_of_models(self):
        for family in "claude", "openai", "comm":
            a = ask(self.relay, CHAT, method="GET", body=b"", headers=[DROID],
                    target=f"/droid/{family}/v1/models")
            self.assertEqual(a.status, 200, a.body)
            names = [m["id"] for m in a.json()["data"]]
            self.assertIn("gpt-5.5", names)
            self.assertIn("claude-opus-4-5-20251101", names)
            a = ask(self.relay, CHAT, method="GET", body=b"",
                    headers=[OTHER], target=f"/droid/{family}/v1/models")
            self.assertEqual((a.status, a.json()["data"]), (200, []))
        # A glob lists what is known of the kind and fits.
        self.relay.call("account.set", name="d", fields={
            "clients": "any", "models": "gpt-*"})
        a = ask(self.relay, CHAT, method="GET", body=b"", headers=[OTHER],
                target="/droid/comm/models")
        self.assertEqual({m["id"] for m in a.json()["data"]},
                         {"gpt-5.5", "gpt-5-2025-08-07"})

    def test_no_other_account_is_asked_under_droid(self):
        self.relay.account("anthropic-compat", "other", self.origin, "sk-a",
                           priority="1")
        self.assertEqual(self.speak().status, 200)
        self.assertEqual(self.head()["authorization"],
                         "Bearer fk-one-of-them")
        self.relay.call("account.hold", name="d")
        self.assertEqual(self.speak().status, 503)


KEYS = ["fk-first-of-these-0001", "fk-second-of-these-0002",
        "fk-third-of-these-0003"]


class Keys(Factory):
    """One account, three keys."""

    def setUp(self):
        super().setUp()
        self.relay.account("droid", "d", self.origin, "\n".join(KEYS))

    def close(self):
        """Of a key nothing is told but its end."""
        super().close()
        said = self.relay.all_log.encode() + self.relay.seen
        for key in KEYS:
            self.assertNotIn(key[:-4].encode(), said)

    def fault(self, **faults):
        """Keys by number, "k2": what they are answered with."""
        self.up.script([{"credential": KEYS[int(k[1:]) - 1], "do": do}
                        for k, do in faults.items()])

    def used(self):
        return [{n.lower(): v for n, v in line["headers"]}["authorization"]
                .removeprefix("Bearer ") for line in self.asked("MESSAGES")]

    def keys(self):
        return {k["end"]: k["state"] for k in self.account("d")["keys"]}

    def test_they_take_turns(self):
        for _ in range(6):
            self.assertEqual(self.speak().status, 200)
        self.assertEqual(self.used(), KEYS * 2)
        self.assertEqual([k["requests"] for k in self.account("d")["keys"]],
                         [2, 2, 2])

    def test_one_dies_and_nobody_notices(self):
        for status, state in ((401, "auth"), (402, "credit"),
                              (403, "errors"), (429, "rate")):
            with self.subTest(status):
                self.relay.call("account.reset", name="d")
                before = len(self.used())
                self.fault(k2=f"status={status};retry-after=90")
                answers = [self.speak() for _ in range(4)]
                self.assertEqual([a.status for a in answers], [200] * 4)
                used = self.used()[before:]
                self.assertEqual(used.count(KEYS[1]), 1, used)
                self.assertEqual(len(used), 5)
                self.assertEqual(self.keys(), {
                    "0001": "ready", "0002": state, "0003": "ready"})
                row = self.account("d")
                self.assertEqual(row["state"], "ready")
                dead = row["keys"][1]
                self.assertGreaterEqual(dead["until_at"],
                                        dead["since_at"] + 60_000)
                tried = [self.relay.receipt(a)["attempts"] for a in answers]
                self.assertEqual(sorted(map(len, tried)), [1, 1, 1, 2])
                twice = next(t for t in tried if len(t) == 2)
                self.assertEqual([(t["account"], t["status"]) for t in twice],
                                 [("d", status), ("d", 200)])

    def test_a_fault_of_the_service_is_no_keys(self):
        self.fault(k1="status=500", k2="status=500", k3="status=500")
        self.assertEqual(self.speak().status, 500)
        self.assertEqual(set(self.keys().values()), {"ready"})
        self.assertEqual(self.account("d")["state"], "errors")
        self.assertEqual(len(self.used()), 1)

    def test_what_the_account_does_not_have_is_no_keys(self):
        self.fault(k1="status=429;message=extra%20usage%20is%20required")
        self.assertEqual(self.speak().status, 429)
        self.assertEqual(set(self.keys().values()), {"ready"})
        self.assertEqual(len(self.used()), 1)

    def test_a_fault_of_the_request_is_no_keys(self):
        self.fault(k1="status=404")
        self.assertEqual(self.speak().status, 404)
        self.assertEqual(set(self.keys().values()), {"ready"})
        self.assertEqual(self.account("d")["state"], "ready")

    def test_with_the_last_key_the_account_rests(self):
        self.fault(k1="status=401", k2="status=401", k3="status=401")
        a = self.speak()
        self.assertEqual(a.status, 503)
        self.assertEqual(self.used(), KEYS)
        self.assertEqual(set(self.keys().values()), {"auth"})
        self.assertEqual(self.account("d")["state"], "auth")
        self.assertEqual(self.speak().status, 503)
        self.assertEqual(len(self.used()), 3)
        # A fresh one is used at once, and only that one.
        self.relay.call("account.key.add", name="d",
                        credential="fk-fourth-of-these-0004")
        self.assertEqual(self.account("d")["state"], "ready")
        for _ in range(2):
            self.assertEqual(self.speak().status, 200)
        self.assertEqual(self.used()[3:], ["fk-fourth-of-these-0004"] * 2)

    def test_another_account_stands_in_when_no_key_is_left(self):
        self.relay.account("droid", "e", self.origin, "fk-of-the-other-0009",
                           priority="90")
        self.relay.call("account.key.rm", name="d", end="0003")
        self.fault(k1="status=402", k2="status=402")
        self.assertEqual(self.speak().status, 200)
        self.assertEqual(self.used(),
                         [KEYS[0], KEYS[1], "fk-of-the-other-0009"])

    def test_keys_come_and_go(self):
        self.fault(k1="status=401")
        self.assertEqual(self.speak().status, 200)
        self.relay.call("account.key.add", name="d",
                        credential=" fk-fourth-of-these-0004\n")
        self.assertEqual(self.keys(), {"0001": "auth", "0002": "ready",
                                       "0003": "ready", "0004": "ready"})
        self.relay.call("account.key.rm", name="d", end="0001")
        self.assertEqual(list(self.keys()), ["0002", "0003", "0004"])
        self.assertEqual(self.relay.stop(), 0)
        self.relay.start()
        self.assertEqual(list(self.keys()), ["0002", "0003", "0004"])
        self.assertEqual(self.speak().status, 200)

    def test_what_is_no_key_or_not_there_is_refused(self):
        self.refused("exists", "account.key.add", name="d",
                     credential=KEYS[0])
        self.refused("value", "account.key.add", name="d", credential=" ")
        self.refused("value", "account.key.add", name="d", credential="ab c")
        self.refused("unknown", "account.key.rm", name="d", end="9999")
        self.refused("unknown", "account.key.rm", name="d", end="1")
        self.relay.call("account.key.rm", name="d", end="0001")
        self.relay.call("account.key.rm", name="d", end="0002")
        self.refused("value", "account.key.rm", name="d", end="0003")
        self.relay.account("claude-api", "c", self.origin, "sk-ant-api03-x")
        self.refused("unsupported", "account.key.add", name="c",
                     credential="sk-ant-api03-y")

    def test_who_has_signed_in_has_no_keys(self):
        self.up.script([{"do": LONG}])
        open_ = self.relay.call("oauth.begin", kind="droid", name="s",
                                fields=self.fields())
        self.post(f"/_practice/approve?user_code={open_['user_code']}")
        until("it is signed in", lambda: not self.relay.call(
            "oauth.poll", id=open_["id"]).get("pending"))
        self.up.script([])
        self.assertNotIn("keys", self.account("s"))
        for method in "account.key.add", "account.set":
            self.refused("unsupported", method, name="s",
                         credential="fk-fifth-of-these-0005")

    def test_at_the_terminal(self):
        def ctl(*words, given=None):
            ran = subprocess.run(
                [program("relayctl"), "--socket", self.relay.socket, *words],
                input=given, capture_output=True, text=True)
            self.assertEqual(ran.returncode, 0, ran.stderr)
            return ran.stdout

        ctl("account", "key", "add", "d", "--credential", "-",
            given="fk-fourth-of-these-0004\nfk-fifth-of-these-0005\n")
        ctl("account", "key", "rm", "d", "0001")
        said = ctl("account", "show", "d")
        for end in "0002", "0003", "0004", "0005":
            self.assertIn(end, said)
        self.assertNotIn("0001", said)
        self.assertNotIn("fk-", said)
        ctl("account", "test", "d")
