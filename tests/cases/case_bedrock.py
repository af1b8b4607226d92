# SPDX-License-Identifier: MIT
"""case_bedrock.py - Claude's models at AWS: signed requests, framed streams,
and Anthropic's words for all of it."""
import hashlib
import hmac
import json
import os
import urllib.parse

from house import Case, Refused, until
from speech import ANTHROPIC, ask, ask_bytes

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
MODEL = "claude-sonnet-4-5-20250929"
ID = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
USAGE = "120,45,2000,300,0,0"


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(request, body, secret):
    """As AWS computes it, from what arrived."""
    fields = {n.lower(): v for n, v in request["headers"]}
    algorithm, rest = fields["authorization"].split(" ", 1)
    parts = dict(p.strip().split("=", 1) for p in rest.split(","))
    scope = parts["Credential"].split("/", 1)[1]
    day, region, service, end = scope.split("/")
    path = urllib.parse.quote(request["target"], safe="/-_.~")
    names = parts["SignedHeaders"].split(";")
    canonical = "\n".join(
        [request["method"], path, "",
         *(f"{n}:{' '.join(fields[n].split())}" for n in names), "",
         ";".join(names), hashlib.sha256(body).hexdigest()])
    text = "\n".join([algorithm, fields["x-amz-date"], scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in (day, region, service, end):
        key = digest(key, part)
    return (hmac.new(key, text.encode(), hashlib.sha256).hexdigest(),
            parts["Signature"])


class Bedrock(Case):
    # Bodies change hands here: what was freed must not look as it did.
    environment = {"MALLOC_PERTURB_": "165"}

    @classmethod
    def furnish(cls):
        r = cls.relay
        r.set(retry_budget_floor=1000, stream_idle="1s", sticky_content="no")
        for i, credential in (1, f"AKIDEXAMPLE:{SECRET}"), (2, "ABSKkey"):
            r.account("bedrock", f"b{i}",
                      f"http://127.0.0.1:{cls.up.ports[0]}/b{i}", credential,
                      priority=str(i), region="eu-central-1")
        r.key = r.new_key("case")

    def rules(self, *rules):
        answer = self.up.script([{"path": f"/{name}/*", "do": keys}
                                 for name, keys in rules])
        self.assertEqual(answer.status, 200)

    def ask(self, stream=True, model=MODEL, headers=(), **more):
        value = json.loads(ANTHROPIC.body(stream))
        value["model"] = model
        value.update(more)
        return ask(self.relay, ANTHROPIC, stream, headers=headers,
                   body=json.dumps(value).encode())

    def arrived(self, which=-1):
        request = self.requests()[which]
        path = os.path.join(self.up.dir.name, f"{request['seq']}.body")
        with open(path, "rb") as f:
            return request, f.read()

    def test_a_stream_comes_as_anthropic_sends_it(self):
        self.rules(("b1", "events=5;usage=" + USAGE))
        a = self.ask()
        self.assertEqual(a.status, 200)
        self.assertTrue(a.header("content-type").startswith(
            "text/event-stream"))
        events = [value for name, value in a.events()]
        kinds = [e["type"] for e in events]
        self.assertEqual(kinds[0], "message_start")
        self.assertEqual(kinds[-1], "message_stop")
        self.assertEqual(kinds.count("content_block_delta"), 5)
        self.assertNotIn(b"invocationMetrics", a.body)
        self.assertNotIn(b"anthropic.claude", a.body)
        self.assertFalse([n for n, v in a.headers
                          if n.lower().startswith("x-amzn")])
        r = self.relay.receipt(a)
        self.assertEqual((r["input"], r["output"], r["cache_read"],
                          r["cache_write_5m"]), (120, 45, 2000, 300))
        self.assertEqual(r["flags"], ["stream"])

    def test_an_answer_that_is_no_stream_and_a_count(self):
        self.rules(("b1", "usage=" + USAGE))
        a = self.ask(stream=False)
        self.assertEqual(a.status, 200)
        self.assertEqual(a.header("content-type"), "application/json")
        self.assertEqual(a.json()["model"], MODEL)
        self.assertEqual(self.relay.receipt(a)["output"], 45)
        a = ask(self.relay, ANTHROPIC, False,
                target="/v1/messages/count_tokens")
        self.assertEqual((a.status, list(a.json())), (200, ["input_tokens"]))
        request, body = self.arrived()
        self.assertTrue(request["target"].endswith("/count-tokens"))
        self.assertIn("invokeModel", json.loads(body)["input"])

    def test_what_arrives_is_signed_and_bears_nothing_of_the_client(self):
        a = self.ask(headers=(("anthropic-beta",
                               "claude-code-20250219,context-1m-2025-08-07"),
                              ("anthropic-version", "2023-06-01"),
                              ("x-app", "cli")),
                     service_tier="auto",
                     system=[{"type": "text", "text": "s", "cache_control":
                              {"type": "ephemeral", "ttl": "1h",
                               "scope": "global"}}])
        self.assertEqual(a.status, 200)
        request, body = self.arrived()
        self.assertEqual(
            request["target"],
            f"/b1/model/{urllib.parse.quote(ID, safe='')}"
            "/invoke-with-response-stream")
        ours, theirs = signature(request, body, SECRET)
        self.assertEqual(ours, theirs)
        names = {n.lower() for n, v in request["headers"]}
        self.assertEqual(names, {"host", "content-type", "accept",
                                 "accept-encoding", "x-amz-date",
                                 "authorization", "content-length"})
        value = json.loads(body)
        self.assertEqual(value["anthropic_version"], "bedrock-2023-05-31")
        self.assertEqual(value["anthropic_beta"], ["context-1m-2025-08-07"])
        for gone in "model", "stream", "service_tier":
            self.assertNotIn(gone, value)
        self.assertEqual(value["system"][0]["cache_control"],
                         {"type": "ephemeral", "ttl": "1h"})

    def test_an_api_key_is_no_signature(self):
        self.rules(("b1", "status=500"))
        a = self.ask()
        self.assertEqual(a.status, 200)
        fields = dict((n.lower(), v) for n, v in self.arrived()[0]["headers"])
        self.assertEqual(fields["authorization"], "Bearer ABSKkey")
        self.assertNotIn("x-amz-date", fields)

    def test_an_exception_before_the_first_word_goes_to_the_next(self):
        for name in "throttlingException", "internalServerException":
            with self.subTest(name):
                self.fresh()
                self.rules(("b1", f"errorevent={name};errorafter=0"))
                a = self.ask()
                self.assertEqual(a.status, 200)
                self.assertIn(b"message_stop", a.body)
                self.assertNotIn(b"error", a.body)
                self.assertEqual(self.relay.receipt(a)["account"], "b2")

    def test_an_exception_in_the_middle_is_anthropics_error(self):
        self.rules(("b1", "errorevent=modelStreamErrorException;errorafter=2;"
                    "message=say \"this\""))
        a = self.ask()
        last = a.events()[-1][1]
        self.assertEqual(last["type"], "error")
        self.assertEqual(last["error"], {"type": "api_error",
                                         "message": 'say "this"'})
        self.assertNotIn(b"message_stop", a.body)

    def test_refusals_are_in_anthropics_words(self):
        both = lambda keys: self.rules(("b1", keys), ("b2", keys))
        for keys, status, kind in (
                ("status=400;errortype=ValidationException", 400,
                 "invalid_request_error"),
                ("status=404;errortype=ResourceNotFoundException:http://x",
                 404, "not_found_error"),
                ("status=429;errortype=ThrottlingException", 429,
                 "rate_limit_error"),
                ("status=403;errortype=AccessDeniedException", 503,
                 "api_error"),
                ("status=424;errortype=ModelErrorException", 502,
                 "api_error")):
            with self.subTest(keys):
                self.fresh()
                both(keys)
                a = self.ask()
                self.assertEqual(a.status, status)
                self.assertTrue(ANTHROPIC.is_error(a.json()), a.body)
                self.assertIn(a.json()["error"]["type"],
                              (kind, "overloaded_error"))

    def test_no_part_of_a_credential_is_told_on(self):
        r, token = self.relay, "IQoJb3JpZ2luX2VjEJ//token=="
        r.account("bedrock", "b3",
                  f"http://127.0.0.1:{self.up.ports[0]}/b3",
                  f"AKIDTHIRD:{SECRET}:{token}", priority="1",
                  region="eu-central-1")
        r.call("account.hold", name="b1")
        self.addCleanup(r.call, "account.release", name="b1")
        self.addCleanup(r.call, "account.rm", name="b3")
        trace = r.call("trace.start", account="b3", bodies=True,
                       **{"for": "10m"})["id"]
        self.addCleanup(r.call, "trace.rm", trace=trace)
        self.rules(("b3", f"status=500;message=bad {token} of {SECRET}"))
        a = self.ask()
        self.assertEqual(a.status, 200)
        until("the request is in the trace",
              lambda: r.control.rows("trace.show", trace=trace))
        kept = r.control.rows("trace.show", trace=trace)[0]["id"]
        told = (json.dumps(r.call("account.test", name="b3")),
                json.dumps(r.call("trace.show", trace=trace, request=kept)),
                json.dumps(r.receipt(a)) + r.log())
        self.assertIn("bad ***", told[0])
        self.assertIn("bad ***", told[1])
        for said in told:
            self.assertNotIn(token, said)
            self.assertNotIn(SECRET, said)

    def test_a_stream_that_is_cut_is_never_whole(self):
        for cut in 300, 2500, 3001:
            with self.subTest(cut):
                self.fresh()
                keys = f"events=40;size=4000;cut={cut}"
                self.rules(("b1", keys), ("b2", keys))
                a = self.ask()
                self.assertNotIn(b"message_stop", a.body)
                self.assertTrue(a.status != 200 or
                                ANTHROPIC.stream_error(a.body), a.body[-300:])

    def test_an_end_inside_a_frame_is_no_end(self):
        self.rules(("b1", "untilclose=1;cut=100"))
        a = self.ask()
        self.assertEqual(a.status, 200)
        self.assertEqual(self.relay.receipt(a)["account"], "b2")

    def test_a_large_body_does_not_stop_the_others(self):
        text = "x" * (3 << 20)
        a = self.ask(messages=[{"role": "user", "content": text}])
        self.assertEqual(a.status, 200)
        request, body = self.arrived()
        self.assertEqual(len(json.loads(body)["messages"][0]["content"]),
                         len(text))
        ours, theirs = signature(request, body, SECRET)
        self.assertEqual(ours, theirs)
        # And on failover it is shaped once more, from the client's bytes.
        self.rules(("b1", "status=500"))
        a = self.ask(messages=[{"role": "user", "content": text}])
        self.assertEqual(a.status, 200)
        self.assertEqual(len(json.loads(self.arrived()[1])["messages"][0]
                             ["content"]), len(text))

    def test_who_leaves_while_a_large_body_is_shaped_harms_nobody(self):
        value = json.loads(ANTHROPIC.body(True))
        value["messages"][0]["content"] = "x" * (3 << 20)
        data = ask_bytes(self.relay.key, ANTHROPIC,
                         body=json.dumps(value).encode())
        for _ in range(20):
            with self.relay.connect() as s:
                s.sendall(data)
        self.assertEqual(self.ask().status, 200)
        self.relay.at_rest()
        until("no body is held any more",
              lambda: self.relay.counters()["body_bytes_now"] == 0)

    def test_what_could_never_work_is_refused_when_it_is_added(self):
        for credential, fields, field in (
                ("AKID:", {"region": "us-east-1"}, "credential"),
                (":x", {"region": "us-east-1"}, "credential"),
                ("AKID:x", {"region": "US EAST"}, "region"),
                ("AKID:x", {"region": ""}, "region"),
                ("AKID:x", {"region": "us-east-1", "profile": "moon"},
                 "profile")):
            with self.subTest((credential, fields)):
                with self.assertRaises(Refused) as refused:
                    self.relay.account("bedrock", "bx", "", credential,
                                       **fields)
                self.assertEqual(refused.exception.field, field)
                self.assertNotIn("AKID:x", str(refused.exception))
