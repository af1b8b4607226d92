# SPDX-License-Identifier: MIT
"""case_trace.py - request details: kept when they are asked for, sealed,
bounded, without the credentials, and never in the way of a request."""
import base64
import gzip
import json
import os
import signal
import subprocess

from house import Case, Refused, program, until
from speech import ALL, ANTHROPIC, CHAT, ask, ask_bytes, head, raw

# Of accounts and of the client: in no trace, in no file.
SECRETS = {n: f"canary-{n}-credential-4711-wxyz"
           for n in ("a1", "a2", "o1", "o2", "g1", "g2")}
COOKIE = "canary-cookie-4711-canary-cookie-4711"


class Traced(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name, value in SECRETS.items():
            cls.relay.call("account.set", name=name, credential=value)

    def setUp(self):
        super().setUp()
        for t in self.traces():
            self.relay.call("trace.rm", trace=t["id"])
        until("room for the next", lambda: not self.traces())

    def rules(self, *rules):
        answer = self.up.script([{"credential": SECRETS[name], "do": keys}
                                 for name, keys in rules])
        self.assertEqual(answer.status, 200)

    def traces(self):
        return self.relay.control.rows("trace.list")

    def start(self, **more):
        more = {"key": "case", "for": "10m", **more}
        return self.relay.call(
            "trace.start", **{k: v for k, v in more.items()
                              if v is not None})["id"]

    def trace(self, name):
        return next(t for t in self.traces() if t["id"] == name)

    def held(self, name, count=1):
        """So many requests are kept; their rows."""
        until(f"{count} requests in the trace",
              lambda: self.trace(name)["count"] >= count)
        rows = self.relay.control.rows("trace.show", trace=name)
        self.assertEqual(len(rows), count)
        return rows

    def shown(self, name, request):
        """Its parts by name, with their bytes."""
        data = self.relay.call("trace.show", trace=name, request=request)
        parts = {}
        for p in data["parts"]:
            p["bytes"] = self.bytes_of(name, request, p["part"])
            if "text" in p:
                self.assertEqual(p["bytes"], p["text"].encode())
            parts[p["part"]] = p
        for p in parts.values():
            if "same" in p:
                p["bytes"] = parts[p["same"]]["bytes"]
        return data["request"], parts

    def bytes_of(self, name, request, part):
        got, offset = b"", 0
        while offset is not None:
            piece = self.relay.call("trace.show", trace=name, raw=part,
                                    request=request, offset=offset)
            got += base64.b64decode(piece["base64"])
            offset = piece.get("offset")
        return got

    def only(self, name):
        return self.shown(name, self.held(name)[0]["id"])

    def control(self, *words, ok=True):
        p = subprocess.run([program("relayctl"), "--socket",
                            self.relay.socket, *words],
                           capture_output=True, check=False)
        self.assertEqual(p.returncode == 0, ok, p.stderr)
        return p.stdout if ok else p.stderr

    def audit(self):
        return [(r["method"], r["changes"]) for r in
                self.relay.control.rows("audit.list", type="trace")]


class Captured(Traced):
    def test_every_dialect_as_it_went_by(self):
        for dialect in ALL:
            for stream in (False, True):
                with self.subTest(f"{dialect} {stream}"):
                    self.setUp()
                    t = self.start(bodies=True)
                    a = ask(self.relay, dialect, stream,
                            headers=[("X-Odd", "As It Came"),
                                     ("Cookie", COOKIE)])
                    self.assertEqual(a.status, 200)
                    row, parts = self.only(t)
                    self.assertEqual(row["outcome"], "ok")
                    self.assertEqual(row["status"], 200)
                    self.assertEqual(len(row["attempts"]), 1)
                    asked = parts["client.head"]["text"]
                    self.assertTrue(asked.startswith(
                        f"POST {dialect.target(stream)} HTTP/1.1\r\n"))
                    self.assertIn("\r\nX-Odd: As It Came\r\n", asked)
                    self.assertIn("****" + self.relay.key[-4:], asked)
                    sent = parts["up1.head"]["text"]
                    self.assertIn("****wxyz", sent)
                    self.assertIn("X-Odd: As It Came", sent)
                    for text in (asked, sent):
                        self.assertNotIn(COOKIE, text)
                    self.assertIn(b" 200 ",
                                  parts["up1.answer.head"]["bytes"])
                    self.assertIn(b"x-relay-request-id: req_",
                                  parts["answer.head"]["bytes"])
                    self.assertEqual(parts["answer.body"]["bytes"], a.body)
                    seen = parts.get("up1.body", parts["client.body"])
                    sent = {k.lower(): v for k, v in
                            self.requests()[-1]["headers"]}
                    self.assertEqual(len(seen["bytes"]),
                                     int(sent["content-length"]))

    def test_without_bodies_there_are_none(self):
        t = self.start()
        ask(self.relay, ANTHROPIC)
        _, parts = self.only(t)
        self.assertEqual(sorted(parts), [
            "answer.head", "client.head", "up1.answer.head", "up1.head"])

    def test_others_are_not_captured(self):
        other = self.relay.new_key("other")
        t = self.start()
        ask(self.relay, ANTHROPIC, key=other)
        ask(self.relay, ANTHROPIC)
        self.assertEqual(self.held(t)[0]["key"], "case")

    def test_of_an_account_from_the_try_on_that_reaches_it(self):
        self.rules(("a1", "status=500"))
        t = self.start(key=None, account="a2", bodies=True)
        a = ask(self.relay, ANTHROPIC)
        self.assertEqual(a.status, 200)
        row, parts = self.only(t)
        self.assertEqual([x["account"] for x in row["attempts"]][-1], "a2")
        self.assertEqual(parts["client.body"]["bytes"],
                         ANTHROPIC.body(True))
        self.assertEqual(parts["answer.body"]["bytes"], a.body)
        n = len(row["attempts"])
        self.assertIn(f"up{n}.head", parts)
        self.assertNotIn("up1.head", parts)

    def test_both_tries_of_a_failover(self):
        self.rules(("a1", "status=500;message=first-account-says-no"))
        t = self.start(bodies=True)
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
        row, parts = self.only(t)
        self.assertEqual([x["account"] for x in row["attempts"]],
                         ["a1", "a2"])
        self.assertIn(b"first-account-says-no",
                      parts["up1.answer.body"]["bytes"])
        self.assertIn(b" 500 ", parts["up1.answer.head"]["bytes"])
        self.assertIn(b" 200 ", parts["up2.answer.head"]["bytes"])

    def test_refusals_of_the_key(self):
        t = self.start(bodies=True)
        bad = ask(self.relay, ANTHROPIC, body=b'{"model":')
        self.assertEqual(bad.status, 400)
        nowhere = ask(self.relay, ANTHROPIC, target="/v1/nowhere")
        self.assertEqual(nowhere.status, 404)
        rows = self.held(t, 2)
        self.assertEqual([r["outcome"] for r in rows], ["refused"] * 2)
        _, parts = self.shown(t, bad.header("request-id"))
        self.assertEqual(parts["client.body"]["bytes"], b'{"model":')
        self.assertEqual(parts["answer.body"]["bytes"], bad.body)
        _, parts = self.shown(t, nowhere.header("request-id"))
        self.assertIn(b"/v1/nowhere", parts["client.head"]["bytes"])
        self.assertIn(b" 404 ", parts["answer.head"]["bytes"])

    def test_of_all(self):
        t = self.start(key=None, all=True)
        ask(self.relay, ANTHROPIC)
        no = ask(self.relay, CHAT, key="unknown-canary-4711-canary")
        rows = self.held(t, 2)
        self.assertEqual(sorted(r["status"] for r in rows), [200, 401])
        _, parts = self.shown(t, no.header("request-id"))
        self.assertNotIn(b"unknown-canary", parts["client.head"]["bytes"])

    def test_what_was_compressed_is_readable(self):
        t = self.start(bodies=True)
        self.rules(("a1", "gzip=1"))
        a = ask(self.relay, ANTHROPIC, stream=False, headers=[
            ("content-encoding", "gzip"), ("accept-encoding", "gzip")],
            body=gzip.compress(ANTHROPIC.body(False, said="canary-in")))
        self.assertEqual(a.status, 200)
        _, parts = self.only(t)
        self.assertEqual(parts["client.body"]["coding"], "gzip")
        self.assertIn(b"canary-in", parts["client.body"]["bytes"])
        said = parts["up1.answer.body"]
        self.assertEqual(said["coding"], "gzip")
        json.loads(said["bytes"])

    def test_a_client_that_leaves(self):
        self.rules(("a1", "events=2000;interval=5"))
        t = self.start(bodies=True)
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC))
            got = b""
            while b"delta" not in got:
                got += s.recv(4096)
        self.relay.at_rest()
        row, parts = self.only(t)
        self.assertEqual(row["outcome"], "gone")
        self.assertIn(b"message_start", parts["answer.body"]["bytes"])


class Bounds(Traced):
    def tearDown(self):
        for name in ("trace_part", "trace_size", "trace_total"):
            self.relay.call("setting.unset", name=name)

    def test_so_many_requests_and_no_more(self):
        t = self.start(max=2)
        for _ in range(4):
            self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
        self.held(t, 2)
        self.assertEqual(self.trace(t)["state"], "done")

    def test_a_large_part_is_cut(self):
        self.relay.set(trace_part="4K")
        t = self.start(bodies=True)
        body = ANTHROPIC.body(False, said="x" * 300000)
        self.assertEqual(ask(self.relay, ANTHROPIC, body=body).status, 200)
        _, parts = self.only(t)
        self.assertTrue(parts["client.body"]["cut"])
        self.assertEqual(parts["client.body"]["bytes"], body[:4096])

    def test_a_part_of_many_frames_is_whole(self):
        self.relay.set(trace_part="1M")
        t = self.start(bodies=True)
        body = ANTHROPIC.body(False, said="x\\\"" * 150000)
        self.assertEqual(ask(self.relay, ANTHROPIC, body=body).status, 200)
        row, parts = self.only(t)
        self.assertEqual(parts["client.body"]["bytes"], body)
        got = self.control("trace", "show", t, row["id"], "--raw",
                           "client.body")
        self.assertEqual(got, body)

    def test_a_full_trace_says_so_and_harms_nobody(self):
        self.relay.set(trace_size="64K")
        t = self.start(bodies=True)
        body = ANTHROPIC.body(False, said="x" * 40000)
        for _ in range(5):
            self.assertEqual(ask(self.relay, ANTHROPIC, body=body).status, 200)
        self.relay.at_rest()
        row = until("a full trace", lambda: next(
            (r for r in self.traces() if r["state"] == "full" and
             not r["waiting_bytes"] and r["count"]), None))
        self.assertLessEqual(row["bytes"], 65536)
        self.assertGreater(row["lost"], 0)

    def test_all_together_have_an_end(self):
        self.relay.set(trace_total="64K")
        self.start(bodies=True)
        other = self.relay.new_key("total")
        second = self.start(key="total", bodies=True)
        body = ANTHROPIC.body(False, said="x" * 60000)
        ask(self.relay, ANTHROPIC, body=body)
        until("it to be kept", lambda: self.traces()[0]["count"] == 1)
        ask(self.relay, ANTHROPIC, body=body, key=other)
        self.assertEqual(self.trace(second)["state"], "full")
        self.assertLessEqual(sum(r["bytes"] for r in self.traces()), 65536)

    def test_nonsense_is_refused(self):
        table = (
            (dict(key=None), "value", "key"),
            (dict(account="a1"), "value", "key"),
            (dict(key="nobody"), "unknown", "key"),
            (dict(key=None, account="nobody"), "unknown", "account"),
            ({"for": "25h"}, "value", "for"),
            ({"for": "0"}, "value", "for"),
            ({"for": "soon"}, None, "for"),
            ({"for": None}, "value", "for"),
            (dict(max=0), "value", "max"),
            (dict(max=1001), "value", "max"),
        )
        for more, code, field in table:
            with self.subTest(str(more)):
                with self.assertRaises(Refused) as no:
                    self.start(**more)
                if code:
                    self.assertEqual(no.exception.code, code)
                self.assertEqual(no.exception.field, field)
        t = self.start()
        with self.assertRaises(Refused) as no:
            self.start()
        self.assertEqual(no.exception.code, "exists")
        for more, field in ((dict(trace="tnowhere"), "trace"),
                            (dict(trace=t, request="req_x"), "request"),
                            (dict(trace=t, request="0" * 26), "request"),
                            (dict(trace=t, request="0" * 26, raw="x"), "raw"),
                            (dict(trace=t, raw="client.head"), "request")):
            with self.subTest(str(more)):
                with self.assertRaises(Refused) as no:
                    self.relay.call("trace.show", **more)
                self.assertEqual(no.exception.field, field)


class Kept(Traced):
    def test_stopped_and_removed_with_a_row_each(self):
        before = len(self.audit())
        t = self.start(bodies=True)
        ask(self.relay, ANTHROPIC)
        request = self.held(t)[0]["id"]
        self.relay.call("trace.show", trace=t, request=request)
        self.bytes_of(t, request, "answer.body")
        self.assertEqual(self.relay.call("trace.stop", trace=t)["state"],
                         "stopped")
        ask(self.relay, ANTHROPIC)
        self.relay.at_rest()
        self.assertEqual(self.trace(t)["count"], 1)
        self.relay.call("trace.rm", trace=t)
        self.assertEqual(self.traces(), [])
        rows = self.audit()
        rows = rows[:len(rows) - before]
        said = [text for _, text in reversed(rows)]
        self.assertTrue(said[0].startswith("started: key k"), said)
        self.assertEqual(said[1:], [
            "requests listed", "shown: " + request,
            f"shown: {request} answer.body", "stopped", "removed"])

    def test_gone_when_its_time_is_over(self):
        self.relay.set(trace_keep="1m")
        self.addCleanup(self.relay.call, "setting.unset", name="trace_keep")
        t = self.start()
        row = self.trace(t)
        self.assertEqual(row["goes_at"], row["until_at"] + 60000)

    def test_a_kill_loses_no_more_than_what_was_under_way(self):
        t = self.start(bodies=True)
        ask(self.relay, ANTHROPIC)
        self.held(t)
        self.relay.kill(signal.SIGKILL)
        self.relay.ended()
        self.relay.start()
        self.assertEqual(self.trace(t)["state"], "active")
        ask(self.relay, ANTHROPIC)
        rows = self.held(t, 2)
        for row in rows:
            self.shown(t, row["id"])

    def test_credentials_are_nowhere(self):
        key = self.relay.key
        t = self.start(bodies=True)
        for dialect in ALL:
            self.rules(*((n, "status=400;message=" + s + key)
                         for n, s in SECRETS.items()))
            echo = "bad key " + SECRETS[dialect.letter + "1"] + " of " + key
            ask(self.relay, dialect, body=dialect.body(True, said=echo),
                headers=[("X-API-KEY", key), ("api_key", key),
                         ("Cookie", "sid=" + COOKIE),
                         ("Proxy-Authorization", "Bearer " + key)])
            self.fresh()
            raw(self.relay, head("POST", dialect.target(False) +
                                 ("&" if "?" in dialect.target(False)
                                  else "?") + "key=" + key, [
                ("host", "x"), ("connection", "close"),
                ("x-api-key", key), ("content-length", "2")]) + b"{}")
        rows = self.held(t, 8)
        told = b""
        for row in rows:
            request, parts = self.shown(t, row["id"])
            told += json.dumps(request).encode()
            told += b"".join(p["bytes"] for p in parts.values())
        told += self.control("trace", "show", t)
        for row in rows:
            told += self.control("trace", "show", t, row["id"])
            told += self.control("--json", "trace", "show", t, row["id"])
        self.assertIn(b"bad key ****", told)
        secrets = [s.encode() for s in (*SECRETS.values(), COOKIE, key)]
        for secret in secrets:
            self.assertNotIn(secret, told)
            self.assertNotIn(secret, self.relay.log().encode())
        # Bodies are sealed in the store, and nowhere else.
        self.relay.at_rest()
        for at, _, names in os.walk(self.relay.state):
            for name in names:
                with open(os.path.join(at, name), "rb") as f:
                    data = f.read()
                for word in (*secrets, b"bad key"):
                    self.assertNotIn(word, data, name)
        self.assertNotIn("bad key", self.relay.log())

    def test_it_is_readable(self):
        t = self.start(bodies=True)
        ask(self.relay, ANTHROPIC, stream=False,
            body=ANTHROPIC.body(False, said="\x1b[31mred\u202e"))
        request = self.held(t)[0]["id"]
        out = self.control("trace", "show", t, request).decode()
        self.assertIn("> POST /v1/messages HTTP/1.1\n", out)
        self.assertIn(">> POST /v1/messages HTTP/1.1\n", out)
        self.assertIn("<< HTTP/1.1 200 OK\n", out)
        self.assertIn("< HTTP/1.1 200 OK\n", out)
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\u202e", out)
        said = json.loads(self.control("--json", "trace", "show", t, request))
        self.assertEqual(said["request"]["id"], request)
        self.assertEqual({p["part"] for p in said["parts"]} >= {
            "client.head", "client.body", "answer.body"}, True)
        self.assertIn(t, self.control("trace", "ls").decode())
        self.assertIn(b"of whose requests?",
                      self.control("trace", "start", ok=False))
