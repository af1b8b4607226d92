# SPDX-License-Identifier: MIT
"""case_gemini.py - accounts of Google's Code Assist: signed in to, with the
project that is theirs; the Gemini API put into their envelope, and what Gemini
CLI sends in its own left as it is."""
import base64
import hashlib
import json
import os
import subprocess
import time
import unittest

from case_oauth import House
from house import Refused, program
from speech import ANTHROPIC, GEMINI, ask

CLI = ("user-agent", "GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux; x64; "
       "terminal) google-api-nodejs-client/10.9.0")
OTHER = ("user-agent", "curl/8")
PROJECT = "practice-project-1"


class Assist(House):
    conf = {"oauth_accounts": "yes", "google_client": "the-client-id"}
    kind = "gemini-oauth"
    option = "google_client"

    def setUp(self):
        super().setUp()
        self.relay.call("oauth.client.set", option=self.option,
                        secret="the-client-secret")

    def close(self):
        super().close()
        said = self.relay.all_log.encode() + self.relay.seen
        for secret in (b"ya29.", b"practice-refresh", b"the-client-secret"):
            self.assertNotIn(secret, said)

    def enter(self, name="c", rules=(), **more):
        open_ = self.begin(name, kind=self.kind, **more)
        page = self.say_yes(open_["url"])
        self.up.script(list(rules))
        who = self.relay.call("oauth.finish", id=open_["id"],
                              answer=page["callback"])
        self.up.script([])
        return who

    def speak(self, stream=True, agent=CLI, headers=(), **more):
        return ask(self.relay, GEMINI, stream, headers=[agent, *headers],
                   **more)

    def arrived(self, route):
        request = self.asked(route)[-1]
        path = os.path.join(self.up.dir.name, f"{request['seq']}.body")
        with open(path, "rb") as f:
            return request, f.read()

    def call(self, method, value=None, http="POST", path=":", **more):
        body = b"" if value is None else json.dumps(value).encode()
        return ask(self.relay, GEMINI, body=body, method=http,
                   headers=[CLI], target="/gemini/v1internal" + path + method,
                   **more)


class SignIn(Assist):
    def test_from_the_address_to_an_answer(self):
        open_ = self.begin(kind="gemini-oauth")
        self.assertIn("client_id=the-client-id", open_["url"])
        self.assertIn("access_type=offline", open_["url"])
        self.assertIn("Google's terms", open_["notice"])
        who = self.enter("d")
        self.assertEqual((who["email"], who["plan"], who["project_found"]),
                         ("practice@example.org", "standard-tier", PROJECT))
        token, body = self.arrived("TOKEN_GOOGLE")
        self.assertIn(b"client_secret=the-client-secret", body)
        self.assertEqual(self.speak().status, 200)
        # It outlives relayd, and a renewal.
        self.assertEqual(self.relay.stop(), 0)
        self.relay.start()
        self.relay.call("account.refresh", name="d")
        a = self.speak()
        self.assertEqual(a.status, 200, a.body)
        self.assertEqual(json.loads(self.arrived("CA_STREAM")[1])["project"],
                         PROJECT)

    def test_without_a_client_or_its_secret_it_is_said(self):
        self.relay.call("oauth.client.rm", option="google_client")
        self.assertIn("oauth client set google_client", self.refused(
            "value", "oauth.begin", kind="gemini-oauth", name="c",
            fields=self.fields()))
        self.relay.stop()
        self.relay.configure({"oauth_accounts": "yes"})
        self.relay.start()
        self.assertIn("names no OAuth client", self.refused(
            "value", "oauth.begin", kind="gemini-oauth", name="c",
            fields=self.fields()))

    def test_who_has_no_project_gets_one(self):
        load = {"allowedTiers": [{"id": "legacy-tier"},
                                 {"id": "free-tier", "isDefault": True}]}
        who = self.enter(rules=[
            {"path": "*:loadCodeAssist",
             "do": "body=" + json.dumps(load).replace("%", "%25")},
            {"path": "*:onboardUser",
             "do": 'body={"name":"operations/practice"}'}],
            project="")
        self.assertEqual((who["plan"], who["project_found"]),
                         ("free-tier", PROJECT))
        body = json.loads(self.arrived("CA_ONBOARD")[1])
        self.assertEqual(body["tierId"], "free-tier")
        self.assertNotIn("cloudaicompanionProject", body)
        self.assertEqual(len(self.asked("CA_OPERATION")), 1)

    def test_the_operators_project_is_asked_for_and_used(self):
        self.enter(project="practice-project-9", rules=[
            {"path": "*:loadCodeAssist",
             "do": 'body={"currentTier":{"id":"standard-tier"}}'}])
        body = json.loads(self.arrived("CA_LOAD")[1])
        self.assertEqual(body["cloudaicompanionProject"],
                         "practice-project-9")
        self.assertEqual(self.speak(stream=False).status, 200)
        self.assertEqual(json.loads(self.arrived("CA_GENERATE")[1])["project"],
                         "practice-project-9")
        self.refused("value", "account.set", name="c",
                     fields={"project": "1234567890"})

    def test_why_there_is_no_project_is_said(self):
        for said, answer in (
                ("--project ID", {"currentTier": {"id": "standard-tier"}}),
                ("https://verify.example/x", {"ineligibleTiers": [
                    {"reasonCode": "VALIDATION_REQUIRED",
                     "validationUrl": "https://verify.example/x"}]}),
                ("not in your country", {"ineligibleTiers": [
                    {"reasonCode": "UNSUPPORTED_LOCATION",
                     "reasonMessage": "not in your country"}]})):
            with self.subTest(said):
                open_ = self.begin("c", kind="gemini-oauth")
                page = self.say_yes(open_["url"])
                self.up.script([{"path": "*:loadCodeAssist", "do": "body=" +
                                 json.dumps(answer)}])
                self.assertIn(said, self.refused(
                    "value", "oauth.finish", id=open_["id"],
                    answer=page["callback"]))
                self.up.script([])
        self.assertEqual(self.relay.call("account.list"), [])

    def tokens_of_another(self):
        """What Google gives to another program on this machine."""
        verifier = "practice" * 6
        challenge = base64.urlsafe_b64encode(hashlib.sha256(
            verifier.encode()).digest()).rstrip(b"=").decode()
        page = self.up.get("/o/oauth2/v2/auth?redirect_uri=r&state=s"
                           "&code_challenge_method=S256&code_challenge="
                           + challenge).json()
        return self.post("/token", "grant_type=authorization_code&"
                         f"redirect_uri=r&code_verifier={verifier}&"
                         f"code={page['code']}")

    def test_a_file_of_gemini_cli_is_taken_over(self):
        refresh = self.tokens_of_another()["refresh_token"]
        file = json.dumps({"access_token": "ya29.too-old", "scope": "x",
                           "token_type": "Bearer", "refresh_token": refresh,
                           "expiry_date": 1})
        ran = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, "--json",
             "account", "import", "taken", "--from", "-",
             "--url", self.origin, "--auth-url", self.origin,
             "--allow-private"], input=file, capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        who = json.loads(ran.stdout)
        who = who.get("data", who)
        self.assertEqual((who["kind"], who["project_found"], who["email"]),
                         ("gemini-oauth", PROJECT, "practice@example.org"))
        self.assertEqual(self.speak().status, 200)

    def test_a_service_in_trouble_leaves_nothing(self):
        for rule in ("status=503", "status=403;message=not+for+you",
                     "body=%3Chtml%3E", "fin=head"):
            with self.subTest(rule):
                open_ = self.begin("c", kind="gemini-oauth")
                page = self.say_yes(open_["url"])
                self.up.script([{"path": "*:loadCodeAssist", "do": rule}])
                with self.assertRaises(Refused) as said:
                    self.relay.call("oauth.finish", id=open_["id"],
                                    answer=page["callback"])
                self.assertIn("Code Assist", str(said.exception))
                self.up.script([])
                self.assertEqual(self.relay.call("account.list"), [])

    def test_quotas_are_told_when_asked(self):
        self.enter()
        rows = self.relay.call("account.windows", name="c", ask=True)
        self.assertEqual([(r["window"], r["used_ppm"]) for r in rows],
                         [("gemini-2.5-pro", 250000)])
        self.assertEqual(json.loads(self.arrived("CA_QUOTA")[1]),
                         {"project": PROJECT})


class Wrapped(Assist):
    """The Gemini API through an account of Code Assist."""

    def test_requests_go_in_the_envelope_and_answers_come_out_of_it(self):
        self.enter()
        self.up.script([{"do": "text=one two three;events=3;"
                         "usage=100,20,40,0,0,5"}])
        body = b'{"contents" : [{"role":"user","parts":[{"text":"\\u00e9"}]}]}'
        for stream in True, False:
            with self.subTest(stream=stream):
                a = self.speak(stream, body=body)
                self.assertEqual(a.status, 200, a.body)
                request, sent = self.arrived(
                    "CA_STREAM" if stream else "CA_GENERATE")
                self.assertEqual(sent, b'{"model":"gemini-x","project":"' +
                                 PROJECT.encode() + b'","request":' + body +
                                 b"}")
                events = [json.loads(l[6:]) for l in a.body.split(b"\r\n")
                          if l.startswith(b"data: ")] \
                    if stream else [a.json()]
                self.assertEqual(len(events), 3 if stream else 1)
                said = ""
                for event in events:
                    self.assertNotIn("response", event)
                    self.assertEqual(event["modelVersion"], "gemini-x")
                    said += event["candidates"][0]["content"]["parts"][0][
                        "text"]
                self.assertEqual(said, "one two three")
                r = self.relay.receipt(a)
                self.assertEqual((r["input"], r["output"], r["cache_read"],
                                  r["reasoning"]), (60, 25, 40, 5))
                self.assertNotIn("estimated", r["flags"])

    def test_a_stream_without_events_is_an_array(self):
        self.enter()
        self.up.script([{"do": "text=one two;events=2"}])
        a = self.speak(target="/v1beta/models/gemini-x:streamGenerateContent")
        self.assertEqual(a.status, 200, a.body)
        value = a.json()
        self.assertEqual(len(value), 2)
        self.assertIn("candidates", value[0])

    def test_tokens_are_counted(self):
        self.enter()
        for body in ({"contents": [{"parts": [{"text": "a"}]}]},
                     {"generateContentRequest": {
                         "model": "models/gemini-x", "contents":
                         [{"parts": [{"text": "a"}]}], "tools": []}}):
            a = self.speak(body=json.dumps(body).encode(),
                           target="/v1beta/models/gemini-x:countTokens")
            self.assertEqual(a.status, 200, a.body)
            self.assertIn("totalTokens", a.json())
            self.assertEqual(json.loads(self.arrived("CA_COUNT")[1]), {
                "request": {"model": "models/gemini-x",
                            "contents": [{"parts": [{"text": "a"}]}]}})

    def test_a_large_body_arrives_whole(self):
        self.enter()
        body = json.dumps({"contents": [{"role": "user", "parts": [
            {"text": "x" * 3_000_000}]}]}).encode()
        a = self.speak(False, body=body)
        self.assertEqual(a.status, 200, a.body)
        sent = self.arrived("CA_GENERATE")[1]
        self.assertEqual(hashlib.sha256(sent[-len(body) - 1:-1]).hexdigest(),
                         hashlib.sha256(body).hexdigest())

    def test_another_name_for_a_model(self):
        self.enter(models="mine=gemini-x")
        a = self.speak(target="/v1beta/models/mine:streamGenerateContent"
                       "?alt=sse")
        self.assertEqual(a.status, 200, a.body)
        self.assertIn(b'"modelVersion":"mine"', a.body)
        self.assertNotIn(b"gemini-x", a.body)
        self.assertEqual(json.loads(self.arrived("CA_STREAM")[1])["model"],
                         "gemini-x")

    def test_others_are_served_only_when_they_are_let_in(self):
        self.enter()
        a = self.speak(agent=OTHER)
        self.assertEqual(a.status, 403)
        self.assertEqual(a.json()["error"]["status"], "PERMISSION_DENIED")
        self.relay.call("account.set", name="c", fields={"clients": "any"})
        self.assertEqual(self.speak(agent=OTHER).status, 200)

    def test_what_google_says_of_waiting_counts(self):
        self.enter()
        for keys, least, most in (
                ("status=429;retry-after=34", 33, 38),
                ("status=429;errortype=GenerateRequestsPerDayPerProject",
                 3200, 86401)):
            with self.subTest(keys):
                self.relay.call("account.reset", name="c")
                self.up.script([{"path": "*Content*", "do": keys}])
                a = self.speak()
                self.assertEqual(a.status, 429, a.body)
                self.assertEqual(a.json()["error"]["status"],
                                 "RESOURCE_EXHAUSTED")
                row = self.account()
                # A day's quota is of one model, a moment's of the account.
                gate, = row["gates"]
                self.assertEqual(gate["gate"], "rate")
                self.assertEqual("family" in gate, "PerDay" in keys)
                wait = gate["until_at"] / 1000 - time.time()
                self.assertTrue(least <= wait <= most, wait)

    def test_a_stream_that_is_cut_is_ended_and_nothing_invented(self):
        self.enter()
        self.up.script([{"do": "text=one two three four;events=4;"
                         "noterminal=2"}])
        a = self.speak()
        self.assertEqual(a.status, 200)
        self.assertNotIn(b"finishReason", a.body)
        self.assertNotIn(b'"response"', a.body)


class Native(Assist):
    """Gemini CLI in its mode of Code Assist."""
    body = (b'{ "model":"gemini-2.5-pro", "project" : "somebody-elses",\n'
            b' "user_prompt_id":"u########0",  "request":{"contents":'
            b'[{"role":"user","parts":[{"text":"hi \\u00e9"}]}],'
            b'"session_id":"s"}, "unknown": [1, 2.50]}')

    def test_only_the_project_changes(self):
        self.enter()
        for name, route, query in (
                ("streamGenerateContent", "CA_STREAM", "?alt=sse"),
                ("generateContent", "CA_GENERATE", "")):
            for prefix in "/gemini", "":
                own = [CLI, ("X-Odd", "1"), ("x-goog-api-client", "gl-node"),
                       ("accept", "*/*")]
                a = ask(self.relay, GEMINI, body=self.body, headers=own,
                        target=f"{prefix}/v1internal:{name}{query}")
                self.assertEqual(a.status, 200, a.body)
                request, sent = self.arrived(route)
                ours = {"host", "authorization", "content-length",
                        "accept-encoding"}
                self.assertEqual(
                    [(n, v) for n, v in request["headers"]
                     if n.lower() not in ours],
                    own + [("content-type", "application/json")])
                self.assertEqual(sent, self.body.replace(
                    b"somebody-elses", PROJECT.encode()))
                self.assertEqual(request["target"],
                                 f"/v1internal:{name}{query}")
                headers = {k.lower(): v for k, v in request["headers"]}
                self.assertEqual(headers["user-agent"], CLI[1])
                self.assertTrue(headers["authorization"].startswith(
                    "Bearer ya29."))
                self.assertNotIn("x-goog-api-key", headers)
                # The answer keeps its envelope, and is listened to in it.
                self.assertIn(b'"response":', a.body)
                self.assertIn(b'"traceId":', a.body)
                r = self.relay.receipt(a)
                self.assertEqual(r["model"], "gemini-2.5-pro")
                self.assertGreater(r["output"], 0)
                self.assertNotIn("estimated", r["flags"])

    def test_every_method_that_carries_a_project(self):
        self.enter(project="practice-project-2")
        mine = "practice-project-2"
        theirs = {"project": "theirs"}
        meta = {"metadata": {"duetProject": "theirs", "ideType": "X"}}
        for method, route, asked, sent in (
                ("loadCodeAssist", "CA_LOAD",
                 {"cloudaicompanionProject": "theirs", **meta},
                 {"cloudaicompanionProject": mine, "metadata":
                  {"duetProject": mine, "ideType": "X"}}),
                ("loadCodeAssist", "CA_LOAD", {"metadata": {}},
                 {"cloudaicompanionProject": mine, "metadata": {}}),
                ("onboardUser", "CA_ONBOARD", {"tierId": "free-tier"},
                 {"tierId": "free-tier"}),
                ("retrieveUserQuota", "CA_QUOTA", theirs, {"project": mine}),
                ("retrieveUserQuota", "CA_QUOTA", {}, {"project": mine}),
                ("listExperiments", "CA_TRIALS", {**theirs, **meta},
                 {"project": mine, "metadata":
                  {"duetProject": mine, "ideType": "X"}}),
                ("fetchAdminControls", "CA_CONTROLS", theirs,
                 {"project": mine}),
                ("recordCodeAssistMetrics", "CA_METRICS",
                 {**theirs, "metrics": [1]},
                 {"project": mine, "metrics": [1]}),
                ("setCodeAssistGlobalUserSetting", "CA_SET",
                 {"cloudaicompanionProject": "theirs",
                  "freeTierDataCollectionOptin": False},
                 {"cloudaicompanionProject": mine,
                  "freeTierDataCollectionOptin": False})):
            with self.subTest(method, asked=asked):
                a = self.call(method, asked)
                self.assertEqual(a.status, 200, a.body)
                self.assertEqual(json.loads(self.arrived(route)[1]), sent)
                self.assertEqual(self.relay.receipt(a)["output"], 0)

    def test_what_is_asked_without_a_body(self):
        self.enter()
        a = self.call("getCodeAssistGlobalUserSetting", http="GET")
        self.assertEqual(a.status, 200, a.body)
        self.assertIn("freeTierDataCollectionOptin", a.json())
        a = self.call("practice", http="GET", path="/operations/")
        self.assertEqual(a.status, 200, a.body)
        self.assertTrue(a.json()["done"])

    def test_what_is_none_of_its_methods(self):
        self.enter()
        self.assertEqual(self.call("deleteEverything", {}).status, 404)
        self.assertEqual(self.call("embedContent", {}).status, 404)
        self.assertEqual(self.call("generateContent", http="GET").status, 405)
        self.assertEqual(
            self.call("getCodeAssistGlobalUserSetting", {}).status, 405)
        self.assertEqual(self.call("x/../y", http="GET",
                                   path="/operations/").status, 404)

    def test_tokens_are_counted(self):
        self.enter(models="mine=gemini-x")
        a = self.call("countTokens", {"request": {
            "model": "models/mine", "contents": []}})
        self.assertEqual(a.status, 200, a.body)
        self.assertEqual(
            json.loads(self.arrived("CA_COUNT")[1])["request"]["model"],
            "models/gemini-x")

    def test_an_account_with_a_key_is_not_asked(self):
        self.relay.account("gemini-api", "key", self.origin, "sk-g1")
        self.assertEqual(self.call("loadCodeAssist", {}).status, 404)

    def test_two_projects_are_none(self):
        self.enter()
        a = ask(self.relay, GEMINI, headers=[CLI],
                body=b'{"model":"gemini-x","project":"a","project":"b",'
                b'"request":{}}',
                target="/v1internal:generateContent")
        self.assertEqual(a.status, 400)
        self.assertEqual(self.asked("CA_GENERATE"), [])


class Antigravity(Assist):
    conf = {"oauth_accounts": "yes", "antigravity_client": "the-client-id"}
    kind = "antigravity"
    option = "antigravity_client"
    path = "/antigravity/v1beta/models/gemini-3-flash:"

    def test_requests_go_in_its_envelope(self):
        who = self.enter(clients="any", user_agent="mine/1.2 linux/amd64")
        self.assertEqual(who["project_found"], PROJECT)
        self.assertEqual(json.loads(self.arrived("CA_LOAD")[1])["metadata"],
                         {"ideType": "ANTIGRAVITY"})
        body = {"contents": [{"role": "user", "parts": [{"text": "a"}]}],
                "safetySettings": [{"category": "X"}],
                "generationConfig": {"maxOutputTokens": 9, "topK": 3}}
        a = self.speak(agent=OTHER, body=json.dumps(body).encode(),
                       target=self.path + "streamGenerateContent?alt=sse")
        self.assertEqual(a.status, 200, a.body)
        self.assertNotIn(b'"response":', a.body)
        request, sent = self.arrived("CA_STREAM")
        sent = json.loads(sent)
        self.assertRegex(sent.pop("requestId"), r"^agent-[0-9a-f-]{36}$")
        self.assertEqual(sent, {
            "model": "gemini-3-flash", "project": PROJECT,
            "requestType": "agent", "userAgent": "mine",
            "request": {"contents": body["contents"],
                        "generationConfig": {"topK": 3}}})
        headers = {k.lower(): v for k, v in request["headers"]}
        self.assertEqual(headers["user-agent"], "mine/1.2 linux/amd64")
        self.assertGreater(self.relay.receipt(a)["output"], 0)

    NO_PROJECT = {"path": "*:loadCodeAssist", "do": 'body={"allowedTiers":'
                  '[{"id":"g1-pro","isDefault":true}]}'}

    def test_who_has_no_project_is_let_in_its_own_way(self):
        who = self.enter(
            user_agent="antigravity/hub/2.9.1 darwin/arm64",
            rules=[self.NO_PROJECT, {"path": "*:onboardUser", "times": 1,
                                     "do": 'body={"name":"operations/x"}'}])
        self.assertEqual((who["plan"], who["project_found"]),
                         ("g1-pro", PROJECT))
        self.assertEqual(json.loads(self.arrived("CA_ONBOARD")[1]), {
            "tier_id": "g1-pro", "metadata": {
                "ide_type": "ANTIGRAVITY", "ide_version": "2.9.1",
                "ide_name": "antigravity"}})
        # It was asked twice, and no operation by name.
        self.assertEqual(len(self.asked("CA_ONBOARD")), 2)
        self.assertEqual(self.asked("CA_OPERATION"), [])

    def test_an_operation_that_fails_says_so(self):
        open_ = self.begin("c", kind=self.kind)
        page = self.say_yes(open_["url"])
        self.up.script([self.NO_PROJECT, {
            "path": "*:onboardUser", "do": "body=" + json.dumps(
                {"done": True, "error": {"code": 7,
                                         "message": "not this account"}})}])
        self.assertIn("not this account", self.refused(
            "value", "oauth.finish", id=open_["id"],
            answer=page["callback"]))
        self.assertNotIn("ide_version", json.loads(
            self.arrived("CA_ONBOARD")[1])["metadata"])
        self.up.script([])

    def test_nobody_is_invented(self):
        self.enter(clients="any")
        self.assertEqual(self.speak(agent=OTHER).status, 200)
        request, sent = self.arrived("CA_STREAM")
        self.assertNotIn("userAgent", json.loads(sent))
        self.assertIn(list(OTHER), [[k.lower(), v] for k, v in
                                    request["headers"]])

    def test_only_its_own_client_unless_others_are_let_in(self):
        self.enter()
        own = ("user-agent", "antigravity/hub/2.9.1 darwin/arm64")
        target = self.path + "generateContent"
        self.assertEqual(self.speak(False, target=target).status, 403)
        self.assertEqual(self.speak(False, own, target=target).status, 200)
        body = {"model": "gemini-3-flash", "project": "theirs",
                "requestId": "r", "request": {"contents": []}}
        a = self.speak(agent=own, body=json.dumps(body).encode(),
                       target="/antigravity/v1internal:generateContent")
        self.assertEqual(a.status, 200, a.body)
        self.assertEqual(json.loads(self.arrived("CA_GENERATE")[1]),
                         dict(body, project=PROJECT))

    def test_other_dialects_are_not_offered(self):
        self.enter(clients="any")
        for path in ("/antigravity/api/v1/messages",
                     "/antigravity/api/v1/messages/count_tokens",
                     "/gemini-cli/api/v1/messages"):
            a = ask(self.relay, ANTHROPIC, stream=False, target=path)
            self.assertEqual(a.status, 501, a.body)
            self.assertTrue(ANTHROPIC.is_error(a.json()))
            self.assertEqual(a.header("x-should-retry"), "false")
        for path in ("/antigravity/api/v1/models", "/gemini-cli/api/models",
                     "/antigravity/api/v1/models/gemini-3-flash"):
            a = ask(self.relay, ANTHROPIC, body=b"", method="GET",
                    target=path)
            self.assertEqual(a.status, 501, a.body)
            self.assertTrue(ANTHROPIC.is_error(a.json()))

    def test_quotas_by_family(self):
        self.enter()
        rows = self.relay.call("account.windows", name="c", ask=True)
        self.assertEqual({r["window"]: r["used_ppm"] for r in rows},
                         {"gemini-flash": 500000, "gemini-pro": 750000,
                          "claude": 0})
        again = self.relay.call("account.windows", name="c", ask=True)
        self.assertEqual({r["window"]: r["used_ppm"] for r in again},
                         {r["window"]: r["used_ppm"] for r in rows})


if __name__ == "__main__":
    unittest.main()
