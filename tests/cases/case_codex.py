# SPDX-License-Identifier: MIT
"""case_codex.py - ChatGPT plans: Codex passes as it is; others, where they are
let in, get what their request can be made into."""
import hashlib
import json
import os
import subprocess
import time

from case_oauth import LONG, House
from house import program, until
from speech import RESPONSES, ask

CODEX = ("user-agent", "codex_cli_rs/0.142.0 (Debian 12; x86_64) xterm")
OTHER = ("user-agent", "curl/8")


class PlanHouse(House):
    """A relayd with an account of a plan, once somebody enters."""

    def setUp(self):
        super().setUp()
        self.relay.set(stream_idle="2s")

    def enter(self, name="c", **more):
        open_ = self.begin(name, kind="codex-oauth", **more)
        page = self.say_yes(open_["url"])
        self.up.script([{"path": "*/oauth/token", "do": LONG}])
        who = self.relay.call("oauth.finish", id=open_["id"],
                              answer=page["callback"])
        self.up.script([])
        return who

    def speak(self, body=None, stream=True, agent=CODEX, headers=(), **more):
        value = json.loads(RESPONSES.body(stream))
        value.update(body or {})
        return ask(self.relay, RESPONSES, stream,
                   headers=[agent, *headers], body=json.dumps(value).encode(),
                   **more)

    def arrived(self, route="RESPONSES"):
        request = self.asked(route)[-1]
        path = os.path.join(self.up.dir.name, f"{request['seq']}.body")
        with open(path, "rb") as f:
            return request, f.read()


class Plan(PlanHouse):
    def test_from_the_address_to_an_answer(self):
        open_ = self.begin(kind="codex-oauth")
        self.assertIn("codex_cli_simplified_flow=true", open_["url"])
        self.assertTrue(open_["pastes"])
        who = self.enter("d")
        self.assertEqual((who["email"], who["plan"], who["organization"]),
                         ("practice@example.org", "plus", "acct-practice"))
        a = self.speak()
        self.assertEqual(a.status, 200, a.body)
        self.assertIn(b"response.completed", a.body)

    def test_by_a_code_to_type(self):
        open_ = self.relay.call("oauth.begin", kind="codex-oauth", name="c",
                                device=True, fields=self.fields())
        self.assertFalse(open_["pastes"])
        self.assertEqual(open_["url"], self.origin + "/codex/device")
        poll = lambda: self.relay.call("oauth.poll", id=open_["id"])
        self.assertTrue(poll()["pending"])
        self.post(f"/_practice/approve?user_code={open_['user_code']}")
        who = until("the code was typed",
                    lambda: (lambda said: None if said.get("pending")
                             else said)(poll()))
        self.assertEqual(who["plan"], "plus")
        self.assertEqual(self.speak().status, 200)

    def test_codex_arrives_as_it_left(self):
        self.enter()
        value = json.loads(RESPONSES.body(True))
        value.update(store=False, instructions="x", metadata={"a": 1})
        body = json.dumps(value, indent=1).encode()
        headers = [CODEX, ("originator", "codex_cli_rs"),
                   ("session-id", "s-1"), ("X-Codex-Turn-State", "opaque"),
                   ("x_odd", "y"), ("chatgpt-account-id", "the client's")]
        a = ask(self.relay, RESPONSES, headers=headers, body=body)
        self.assertEqual(a.status, 200, a.body)
        request, arrived = self.arrived()
        self.assertEqual(hashlib.sha256(arrived).hexdigest(),
                         hashlib.sha256(body).hexdigest())
        self.assertEqual(request["target"], "/backend-api/codex/responses")
        sent = [(n, v) for n, v in request["headers"]]
        ours = {"host", "authorization", "content-length",
                "chatgpt-account-id", "accept-encoding"}
        self.assertEqual([h for h in sent if h[0].lower() not in ours],
                         headers[:-1] + [("content-type", "application/json")])
        ids = [v for n, v in sent if n.lower() == "chatgpt-account-id"]
        self.assertEqual(ids, ["acct-practice"])
        keys = [v for n, v in sent if n.lower() == "authorization"]
        self.assertEqual(len(keys), 1)
        self.assertTrue(keys[0].startswith("Bearer practice-access-"))

    def test_others_are_served_only_when_they_are_let_in(self):
        self.enter()
        a = self.speak(agent=OTHER)
        self.assertEqual(a.status, 403)
        self.assertIn("own client", a.json()["error"]["message"])
        self.relay.call("account.set", name="c", fields={"clients": "any"})
        self.assertEqual(self.speak(agent=OTHER).status, 200)

    def test_a_foreign_body_is_made_what_the_backend_takes(self):
        self.enter(clients="any")
        a = self.speak({"input": "say \"hi\"", "temperature": 1,
                        "max_output_tokens": 5, "store": True,
                        "metadata": {"a": "b"}, "reasoning":
                        {"effort": "low"}}, agent=OTHER)
        self.assertEqual(a.status, 200, a.body)
        body = json.loads(self.arrived()[1])
        self.assertEqual(
            body, {"model": "gpt-x", "instructions": "", "stream": True,
                   "store": False, "reasoning": {"effort": "low"},
                   "input": [{"type": "message", "role": "user", "content": [
                       {"type": "input_text", "text": "say \"hi\""}]}]})

    def test_who_does_not_stream_gets_the_streams_end(self):
        self.enter(clients="any")
        self.up.script([{"do": "text=gathered words;usage=20,7,5,0,0,3"}])
        a = self.speak(stream=False, agent=OTHER)
        self.assertEqual(a.status, 200, a.body)
        self.assertEqual(a.header("content-type"), "application/json")
        value = a.json()
        self.assertEqual(value["object"], "response")
        self.assertIn("gathered words", json.dumps(value["output"]))
        r = self.relay.receipt(a)
        self.assertEqual((r["output"], r["cache_read"], r["reasoning"]),
                         (7, 5, 3))
        self.assertEqual(r["input"], 15)
        self.assertNotIn("estimated", r["flags"])

    def test_a_compaction_is_passed_on(self):
        """Codex's own as it is; of others, without what it does not take.
        Nothing about it streams."""
        self.enter(clients="any")
        body = (b'{ "model":"gpt-5.5","input":[{"type":"message","role":'
                b'"user","content":"h\\u00e9"}], "instructions": "x" }')
        for target in ("/openai/responses/compact",
                       "/backend-api/codex/responses/compact/"):
            a = ask(self.relay, RESPONSES, body=body, headers=[CODEX],
                    target=target)
            self.assertEqual(a.status, 200, a.body)
            request, sent = self.arrived("COMPACT")
            self.assertEqual(request["target"],
                             "/backend-api/codex/responses/compact")
            self.assertEqual(sent, body)
            self.assertEqual(a.json()["object"], "response.compaction")
        a = self.speak({"stream": False, "store": True}, agent=OTHER,
                       target="/v1/responses/compact")
        self.assertEqual(a.status, 200, a.body)
        sent = json.loads(self.arrived("COMPACT")[1])
        self.assertEqual({"stream", "store"} & set(sent), set())
        # Where there is only a key.
        self.relay.call("account.rm", name="c")
        self.relay.account("openai-api", "key", self.origin + "/v1", "sk-o1")
        a = ask(self.relay, RESPONSES, body=body,
                target="/openai/v1/responses/compact")
        self.assertEqual(a.status, 200, a.body)
        request, sent = self.arrived("COMPACT")
        self.assertEqual((request["target"], sent),
                         ("/v1/responses/compact", body))

    def test_an_error_in_the_stream_is_a_refusal_of_the_whole(self):
        self.enter(clients="any")
        self.up.script([{"do": "errorevent=server_error;errorafter=2"}])
        a = self.speak(stream=False, agent=OTHER)
        self.assertGreaterEqual(a.status, 500)
        self.assertTrue(RESPONSES.is_error(a.json()), a.body)

    def test_a_stream_that_is_cut_is_no_answer(self):
        self.enter(clients="any")
        for keys in "noterminal=1", "noterminal=2":
            with self.subTest(keys):
                self.relay.call("account.reset", name="c")
                self.up.script([{"do": keys}])
                a = self.speak(stream=False, agent=OTHER)
                self.assertGreaterEqual(a.status, 500)
                self.assertTrue(RESPONSES.is_error(a.json()), a.body)

    def test_what_cannot_be_done_is_said(self):
        self.enter(clients="any")
        a = self.speak({"previous_response_id": "resp_1"}, agent=OTHER)
        self.assertEqual(a.status, 400)
        self.assertIn("previous_response_id", a.json()["error"]["message"])

    def test_a_plan_that_is_used_up_rests_until_the_told_moment(self):
        self.enter()
        self.up.script([{"do": "status=429;errortype=usage_limit_reached;"
                         "reset=4102444800"}])
        a = self.speak()
        self.assertEqual(a.status, 429)
        row = self.account()
        self.assertEqual(row["state"], "rate")
        self.assertGreater(row["until_at"], time.time() * 1000 + 86400_000)

    def test_windows_by_their_length(self):
        self.enter()
        self.up.script([{"do": ";".join(
            "header=" + h for h in (
                "x-codex-bengalfox-primary-used-percent:1",
                "x-codex-bengalfox-primary-window-minutes:1440"))}])
        self.assertEqual(self.speak().status, 200)
        told = self.relay.call("account.windows", name="c")
        windows = {row["window"]: row["used_ppm"] for row in told}
        self.assertEqual(windows, {"1d-bengalfox": 10000, "5h": 250000,
                                   "7d": 590000})

    def test_a_file_of_codex_is_taken_over(self):
        file = json.dumps({"OPENAI_API_KEY": None, "tokens": {
            "access_token": "a.b.c", "refresh_token": "r",
            "account_id": "acct-7"}, "last_refresh": "2026-01-01T00:00:00Z"})
        ran = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, "--json",
             "account", "import", "taken", "--from", "-",
             "--url", self.origin, "--auth-url", self.origin,
             "--allow-private"], input=file, capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        who = json.loads(ran.stdout)
        who = who.get("data", who)
        self.assertEqual(who["organization"], "acct-7")
        self.assertEqual(who["kind"], "codex-oauth")
