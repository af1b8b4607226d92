# SPDX-License-Identifier: MIT
"""case_refuse.py - bad input, and what relayd answers by itself."""
import json
import os
import re
import time

from house import HERE, Case, Refused, until
from practice import Answer
from speech import (ALL, ANTHROPIC, CHAT, GEMINI, RESPONSES, ask, ask_bytes,
                    head, raw)

N = b"\r\n"


class Grammar(Case):
    accounts = 1

    # One request each; all are answered with the status and a closed
    # connection, and nothing behind them is executed.
    BAD = (
        (400, b"POST /v1/messages HTTP/1.1\r\ncontent-length: 0\r\n\r\n"),
        (400, b"GET / HTTP/1.1\nhost: a\n\n"),
        (400, b"GET /\0 HTTP/1.1\r\nhost: a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nhost: a\r\nx : b\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nhost: a\r\n x\r\n\r\n"),
        (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n"
         b"content-length: 2\r\n\r\nx"),
        (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n"
         b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        (501, b"POST / HTTP/1.1\r\nhost: a\r\n"
         b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (501, b"CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n"),
        (505, b"GET / HTTP/2.0\r\nhost: a\r\n\r\n"),
        (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        (400, b"GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 2000 + N),
        (431, b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 200000 + N + N),
        (414, b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nhost: a\r\n\r\n"),
    )

    def test_what_is_no_request_is_refused_and_ends_the_connection(self):
        second = ask_bytes(self.relay.key, ANTHROPIC)
        for status, data in self.BAD:
            with self.subTest(data[:60]):
                with self.relay.connect() as s:
                    try:
                        s.sendall(data + second)
                    except OSError:
                        pass  # it has said no already
                    a = Answer(s)
                    self.assertIn(a.status, (status, 431)
                                  if status == 414 else (status,))
                    self.assertFalse(a.fill())
        self.assertEqual(self.requests(), [])

    def test_bad_chunks_are_refused_in_the_dialect(self):
        before = ask_bytes(self.relay.key, ANTHROPIC, body=b"").replace(
            b"content-length: 0", b"transfer-encoding: chunked")
        body = ANTHROPIC.body(True)
        good = b"%x\r\n%s\r\n" % (len(body), body)
        for bad in (b"x\r\n", b"-1\r\n", b"0x5\r\n", b"5\nhello\n",
                    b"3\r\nabcd\r\n", b"fffffffffffffffff\r\n", b" 5\r\n",
                    b"5 \r\nhello\r\n", b"\r\n"):
            with self.subTest(bad):
                a = raw(self.relay, before + good + bad + N)
                self.assertEqual((a.status, a.closed), (400, True))
                self.assertTrue(ANTHROPIC.is_error(a.json()))
        self.assertEqual(self.requests(), [])

    def test_every_cut_of_a_request_is_the_same_request(self):
        data = ask_bytes(self.relay.key, ANTHROPIC, False)
        for i in range(1, len(data)):
            with self.relay.connect() as s:
                s.sendall(data[:i])
                s.sendall(data[i:])
                self.assertEqual(Answer(s).status, 200, i)
        self.assertEqual(len(self.requests()), len(data) - 1)


class Unread(Case):
    accounts = 0
    ASK = b"GET /health HTTP/1.1\r\nhost: relay\r\n\r\n"
    LONG = b"OPTIONS / HTTP/1.1\r\nhost: relay\r\n" \
        b"content-length: 99999999\r\n\r\n"

    def unread(self, count):
        """A client that asks so often and reads nothing; and how many of its
        requests are answered until its socket is full."""
        before = self.relay.counters()["requests_total"]
        s = self.relay.connect(SO_RCVBUF=2048)
        s.sendall(self.ASK * count)

        def probe():
            # Others are served and this one is not: it waits.
            seen = self.relay.counters()["requests_total"]
            for _ in range(3):
                self.assertEqual(raw(self.relay, self.ASK).status, 200)
            done = self.relay.counters()["requests_total"] == seen + 3
            asked.append(seen)
            return done and seen > before
        asked = []
        until("requests that wait", probe)
        return s, asked[-1] - before - 3 * (len(asked) - 1)

    def test_a_body_is_refused_once_though_nobody_reads_the_refusal(self):
        s, most = self.unread(30000)
        s.close()
        self.assertLess(most, 30000)
        # The refusal of the body has to be the answer that finds no room.
        for count in range(most - 4, most + 2):
            s, _ = self.unread(count)
            with s:
                s.sendall(self.LONG)
                s.settimeout(0.2)
                try:
                    s.sendall(b"x" * (4 << 20))
                except OSError:
                    pass  # it does not read what it has refused
            self.assertIsNone(self.relay.process.poll())


class Routes(Case):
    accounts = 1

    def test_unknown_paths_are_refused_in_the_nearest_dialect(self):
        table = ((ANTHROPIC, "/v1/nothing"), (ANTHROPIC, "/x"),
                 (RESPONSES, "/openai/v1/nothing"), (GEMINI, "/v1beta/x"),
                 (GEMINI, "/gemini/v1beta/models/m:fly"),
                 (GEMINI, "/v1beta/models/../m:generateContent"),
                 (GEMINI, "/v1beta/models/m/%2E./n:generateContent"),
                 (RESPONSES, "/x/responses"), (CHAT, "/x/chat/completions"),
                 (RESPONSES, "/backend-api/wham/usage"))
        for dialect, target in table:
            with self.subTest(target):
                # Nobody has to send a body for that.
                a = raw(self.relay, head("POST", target, [
                    ("host", "a"), ("x-api-key", "none"),
                    ("content-length", "1000000")]))
                self.assertEqual((a.status, a.closed), (404, True))
                self.assertTrue(dialect.is_error(a.json()), a.body)
                self.assertEqual(a.header("x-should-retry"), "false")

    def test_no_name_of_a_model_leads_elsewhere(self):
        for name in ("..%2fcachedContents", "x%5c..%5cy", "x%3fy=1%23",
                     "x%00", "%252e%252e%252fy"):
            for target in (f"/gemini/v1beta/models/{name}:generateContent",
                           f"/v1internal/operations/{name}"):
                with self.subTest(target):
                    a = ask(self.relay, GEMINI, target=target,
                            method="GET" if "operations" in target
                            else "POST")
                    self.assertEqual(a.status, 404)
                    self.assertTrue(GEMINI.is_error(a.json()), a.body)
        self.assertEqual(self.requests(), [])
        # An escape that means nothing but itself stays as it is.
        target = "/v1beta/models/org%2fgemini-x:generateContent"
        self.assertEqual(ask(self.relay, GEMINI, target=target).status, 200)
        self.assertEqual(self.requests()[-1]["target"], target)

    def test_a_path_is_forgiven_its_slashes(self):
        for target in ("//v1//messages", "/v1/messages/", "/v1/v1/messages",
                       "/api/v1/messages?beta=true", "/claude/v1/messages",
                       "/messages", "/claude/messages?beta=true"):
            with self.subTest(target):
                self.assertEqual(ask(self.relay, ANTHROPIC,
                                     target=target).status, 200)
                self.assertTrue(self.requests()[-1]["target"].startswith(
                    "/v1/messages"))

    def test_a_method_that_a_path_has_not(self):
        for method in ("GET", "PUT", "DELETE", "BREW"):
            with self.subTest(method):
                a = ask(self.relay, ANTHROPIC, method=method)
                self.assertEqual(a.status, 405)
                self.assertTrue(ANTHROPIC.is_error(a.json()))

    def test_every_row_of_the_table_is_served_and_asks_for_a_key(self):
        with open(os.path.join(HERE, "../../relayd/route.def")) as f:
            rows = re.findall(
                r'^X\((\w+),\s*"([^"]+)",\s*(\w+),\s*(\w+),\s*(\w+)\)',
                f.read(), re.M)
        self.assertGreater(len(rows), 50)
        dialects = {"anthropic": ANTHROPIC, "openai_responses": RESPONSES,
                    "openai_chat": CHAT, "gemini": GEMINI}
        for methods, pattern, name, op, credential in rows:
            method = "POST" if methods == "POST" else "GET"
            target = pattern.replace("MODEL", "a-model").replace(
                ":action", ":generateContent" if method == "POST"
                else ":getCodeAssistGlobalUserSetting")
            with self.subTest(target):
                data = head(method, target, [("host", "a"),
                                             ("content-length", "0")])
                a = raw(self.relay, data)
                if credential == "OPEN":
                    self.assertEqual(a.status, 200)
                    continue
                self.assertEqual(a.status, 401)
                self.assertTrue(dialects[name].is_error(a.json()), a.body)

    def test_websockets_are_told_to_ask_plainly(self):
        for target in ("/openai/responses", "/v1/responses"):
            a = raw(self.relay, head("GET", target, [
                ("host", "a"), ("connection", "Upgrade"),
                ("upgrade", "websocket"), ("sec-websocket-version", "13"),
                ("authorization", "Bearer " + self.relay.key)]))
            self.assertEqual(a.status, 426, (target, a.body))
            self.assertTrue(RESPONSES.is_error(a.json()))

    def test_a_browser_may_ask_first(self):
        a = raw(self.relay, head("OPTIONS", "/v1/messages", [("host", "a")]),
                head_only=True)
        self.assertEqual(a.status, 204)
        self.assertEqual(a.header("access-control-allow-origin"), "*")
        self.assertEqual(a.raw, b"")

    def test_HEAD_is_GET_without_a_body(self):
        for target in ("/", "/api", "/health", "/api/hello"):
            with self.subTest(target):
                with self.relay.connect() as s:
                    s.sendall(head("HEAD", target, [("host", "a")]))
                    a = Answer(s, head_only=True)
                    self.assertEqual((a.status, a.raw), (200, b""))
                    # Nothing stands between it and the next answer.
                    s.sendall(head("GET", target, [("host", "a")]))
                    b = Answer(s)
                    self.assertEqual(len(b.body),
                                     int(a.header("content-length")))

    def test_the_sink_swallows_event_logs(self):
        for path in ("/api/event_logging/batch",
                     "/claude/api/event_logging/batch"):
            body = b'{"events":[' + b"1," * 50000 + b"1]}"
            a = raw(self.relay, head("POST", path, [
                ("host", "a"), ("content-length", len(body))]) + body)
            self.assertEqual(a.status, 200)
        self.assertEqual(self.requests(), [])

    def test_models_are_listed_in_every_shape(self):
        names = {"a1": "claude-x,claude-x*", "o1": "gpt-x", "g1": "gemini-x"}
        for account, models in names.items():
            self.relay.call("account.set", name=account,
                            fields={"models": models})
            self.addCleanup(self.relay.call, "account.set", name=account,
                            fields={"models": ""})

        def get(target, *headers):
            a = raw(self.relay, head("GET", target, [
                ("host", "a"), ("x-api-key", self.relay.key), *headers]))
            self.assertEqual(a.status, 200, target)
            return a.json()
        claude = get("/api/v1/models?limit=1000")
        self.assertEqual([m["id"] for m in claude["data"]], ["claude-x"])
        self.assertEqual(claude["data"][0]["type"], "model")
        self.assertIn("has_more", claude)
        version = ("anthropic-version", "2023-06-01")
        self.assertEqual(get("/v1/models", version), claude)
        openai = get("/v1/models")
        self.assertEqual(openai["object"], "list")
        self.assertEqual([m["id"] for m in openai["data"]], ["gpt-x"])
        self.assertEqual(openai["data"][0]["object"], "model")
        codex = get("/openai/models?client_version=0.169.0")
        self.assertIsInstance(codex["models"], list)
        for target in "/models", "/openai/models":
            self.assertEqual(get(target), openai)
        self.assertEqual(get("/claude/models"), claude)
        self.assertEqual(
            get("/backend-api/codex/models?client_version=0.169.0"), codex)
        google = get("/v1beta/models")
        self.assertEqual(get("/gemini/models"), google)
        self.assertEqual([m["name"] for m in google["models"]],
                         ["models/gemini-x"])
        self.assertEqual(get("/api/v1/models/claude-x"), claude["data"][0])
        self.assertEqual(get("/v1beta/models/gemini-x"), google["models"][0])
        a = raw(self.relay, head("GET", "/v1beta/models/none", [
            ("host", "a"), ("x-api-key", self.relay.key)]))
        self.assertEqual(a.status, 404)
        self.assertTrue(GEMINI.is_error(a.json()))

    def test_a_model_that_no_account_has(self):
        self.relay.call("account.set", name="a1", fields={"models": "other"})
        self.addCleanup(self.relay.call, "account.set", name="a1",
                        fields={"models": ""})
        a = ask(self.relay, ANTHROPIC)
        self.assertEqual((a.status, a.header("x-should-retry")),
                         (404, "false"))
        self.assertIn(b"claude-x", a.body)

    def test_the_last_refusal_of_all_says_when_to_come_back(self):
        self.rules(("a1", "status=401"))
        for _ in range(2):
            a = ask(self.relay, ANTHROPIC, False)
            self.assertEqual(a.status, 503, a.body)
            self.assertGreater(int(a.header("retry-after")), 60)
        self.assertEqual(len(self.requests()), 1)

    def test_held_accounts_are_not_asked(self):
        self.relay.call("account.hold", name="a1")
        self.addCleanup(self.relay.call, "account.release", name="a1")
        a = ask(self.relay, ANTHROPIC)
        self.assertEqual(a.status, 503)
        self.assertTrue(ANTHROPIC.is_error(a.json()))
        self.assertEqual(self.requests(), [])


class Keys(Case):
    accounts = 1

    def refused(self, dialect, a, text):
        self.assertEqual(a.status, 401)
        self.assertEqual(a.header("x-should-retry"), "false")
        self.assertTrue(dialect.is_error(a.json()), a.body)
        self.assertIn(text, a.body)
        self.assertIsNotNone(a.header("request-id"))

    def test_bad_keys_are_refused_in_every_dialect(self):
        r = self.relay
        disabled, expired = r.new_key("off"), r.new_key("old", expires="1s")
        r.call("key.disable", key="off")
        good = r.key
        bad = {"another": ("x" * 50, b"known"),
               "changed": (good[:-1] + ("a" if good[-1] != "a" else "b"),
                           b"known"),
               "short": (good[:10], b"known"), "long": (good + "a", b"known"),
               "64 KB": (good * 500, b"known"), "upper": (good.upper(),
                                                         b"known"),
               "off": (disabled, b"disabled")}
        for dialect in ALL:
            for name, (key, text) in bad.items():
                with self.subTest(name, dialect=dialect):
                    self.refused(dialect, ask(r, dialect, key=key), text)
            data = ask_bytes("", dialect)
            name = dialect.credential[0].encode()
            self.refused(dialect, raw(r, data.replace(name, b"x-none")),
                         b"needed")
        end = time.monotonic() + 10
        while ask(r, ANTHROPIC, key=expired).status == 200:
            self.assertLess(time.monotonic(), end)
        for dialect in ALL:
            self.refused(dialect, ask(r, dialect, key=expired), b"expired")
            self.assertEqual(len([l for l in self.requests()
                                  if l["target"] == dialect.target(True) and
                                  dialect is not ANTHROPIC]), 0)

    def test_a_key_is_refused_before_its_body_is_read(self):
        a = raw(self.relay, ask_bytes("wrong", ANTHROPIC)[:-50])
        self.assertEqual((a.status, a.closed), (401, True))

    def test_a_key_that_is_removed_stops_at_once(self):
        key = self.relay.new_key("brief")
        with self.relay.connect() as s:
            self.assertEqual(ask(self.relay, CHAT, key=key, sock=s).status,
                             200)
            self.relay.call("key.rm", key="brief")
            self.assertEqual(ask(self.relay, CHAT, key=key, sock=s).status,
                             401)

    def test_any_credential_field_will_do(self):
        for dialect in ALL:
            for name, form in (("x-api-key", "%s"), ("api-key", "%s"),
                               ("x-goog-api-key", "%s"),
                               ("Authorization", "Bearer %s"),
                               ("authorization", "bearer   %s")):
                with self.subTest(name, dialect=dialect):
                    data = ask_bytes("none", dialect, headers=[
                        (name, form % self.relay.key)])
                    self.assertEqual(raw(self.relay, data).status, 200)


class Bodies(Case):
    accounts = 1
    conf = {"max_body": "1M"}

    def test_what_is_not_acceptable_is_said(self):
        m = b'"model":"claude-x"'
        table = {
            "nothing": b"", "no JSON": b"hello", "cut": b"{" + m,
            "an array": b"[]", "a string": b'"x"', "two": b"{" + m + b"}{}",
            "no model": b"{}", "no name": b'{"model":""}',
            "a number": b'{"model":5}', "null": b'{"model":null}',
            "two models": b"{" + m + b"," + m + b"}",
            "two streams": b"{" + m + b',"stream":true,"stream":false}',
            "an escaped twin": b"{" + m + b',"mod\\u0065l":"x"}',
            "no boolean": b"{" + m + b',"stream":"yes"}',
            "a comma": b"{" + m + b",}", "a NUL": b"{" + m + b"}\0",
            "bad escape": b'{"x":"\\q",' + m + b"}",
            "a bare control byte": b'{"x":"\n",' + m + b"}",
            "too deep": b'{"x":' + b"[" * 100000 + b"]" * 100000 + b"," + m +
            b"}",
            "NaN": b'{"x":NaN,' + m + b"}", "01": b'{"x":01,' + m + b"}",
        }
        for name, body in table.items():
            with self.subTest(name):
                a = ask(self.relay, ANTHROPIC, body=body)
                self.assertEqual(a.status, 400, a.body)
                self.assertTrue(ANTHROPIC.is_error(a.json()))
                # Others behind it on the connection are served.
                self.assertNotEqual(a.header("connection"), "close")
        self.assertEqual(self.requests(), [])

    def test_a_body_over_the_limit_is_refused_at_once(self):
        for dialect in ALL:
            a = raw(self.relay, ask_bytes(
                self.relay.key, dialect, body=b"").replace(
                    b"content-length: 0", b"content-length: 1048577"))
            self.assertEqual((a.status, a.closed), (413, True))
            self.assertTrue(dialect.is_error(a.json()))

    def test_chunks_over_the_limit_are_refused_when_they_come(self):
        before = ask_bytes(self.relay.key, ANTHROPIC, body=b"").replace(
            b"content-length: 0", b"transfer-encoding: chunked")
        body = b'{"x":"' + b"a" * (1 << 20)
        a = raw(self.relay, before + b"%x\r\n%s\r\n" % (len(body), body))
        self.assertEqual((a.status, a.closed), (413, True))

    def test_the_limit_itself_is_no_limit(self):
        body = ANTHROPIC.body(False)
        body = body[:-1] + b" " * ((1 << 20) - len(body)) + b"}"
        a = ask(self.relay, ANTHROPIC, False, body=body)
        self.assertEqual(a.status, 200)
        self.assertEqual(self.requests()[0]["body_len"], 1 << 20)


class Framing(Case):
    accounts = 1

    def test_expect_is_answered_before_the_body(self):
        data = ask_bytes(self.relay.key, ANTHROPIC, False,
                         headers=[("expect", "100-continue")])
        before, body = data.split(b"\r\n\r\n", 1)
        with self.relay.connect() as s:
            s.sendall(before + b"\r\n\r\n")
            self.assertEqual(s.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
            s.sendall(body)
            a = Answer(s)
            self.assertEqual((a.status, a.interim), (200, 0))
        self.assertNotIn("expect", [n.lower() for n, _ in
                                    self.requests()[0]["headers"]])

    def test_expect_is_refused_without_the_body(self):
        data = ask_bytes("wrong", ANTHROPIC,
                         headers=[("expect", "100-continue")])
        a = raw(self.relay, data.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n")
        self.assertEqual((a.status, a.interim, a.closed), (401, 0, True))

    def test_requests_behind_each_other_are_answered_in_order(self):
        asks = [ask_bytes(self.relay.key, d, s, keys=f"events=1;text=number-{i}")
                for i, (d, s) in enumerate((d, s) for d in ALL
                                           for s in (True, False))]
        with self.relay.connect() as s:
            s.sendall(b"".join(asks))
            rest = b""
            for i in range(len(asks)):
                a = Answer(s, raw=rest)
                rest = a.raw
                self.assertEqual((a.status, a.broken), (200, None))
                self.assertIn(b"number-%d" % i, a.body)
            self.assertEqual(rest, b"")

    def test_the_old_version_ends_with_the_connection(self):
        for dialect in ALL:
            for stream in (True, False):
                with self.subTest(dialect, stream=stream):
                    data = ask_bytes(self.relay.key, dialect, stream).replace(
                        b"HTTP/1.1", b"HTTP/1.0", 1)
                    a = raw(self.relay, data)
                    self.assertEqual(a.status, 200)
                    self.assertIsNone(a.header("transfer-encoding"))
                    if stream:
                        self.assertIn(dialect.terminal, a.body)
                    else:
                        self.assertTrue(a.json())

    def test_and_a_reset_where_it_broke_off(self):
        """The old version has no other way to tell; Gemini's callers are not
        told at all."""
        for dialect in ALL:
            with self.subTest(dialect):
                data = ask_bytes(self.relay.key, dialect,
                                 keys="events=8;size=4000;cut=3000").replace(
                    b"HTTP/1.1", b"HTTP/1.0", 1)
                with self.relay.connect() as s:
                    s.sendall(data)
                    a = Answer(s)
                self.assertEqual(a.status, 200)
                self.assertIsNone(a.header("content-length"))
                self.assertEqual(a.broken,
                                 None if dialect is GEMINI else "reset")
                self.assertEqual(self.relay.receipt(a)["outcome"], "cut")

    def test_what_is_no_stream_is_whole_for_it_or_refused(self):
        for dialect in ALL:
            for keys, status in (("", 200), ("size=4000;cut=3000", 502)):
                with self.subTest(dialect, keys=keys):
                    self.fresh()
                    data = ask_bytes(
                        self.relay.key, dialect, False, keys=keys).replace(
                        b"HTTP/1.1", b"HTTP/1.0", 1)
                    a = raw(self.relay, data)
                    self.assertEqual(a.status, status)
                    self.assertEqual(int(a.header("content-length")),
                                     len(a.body))

    def test_close_is_obeyed(self):
        data = ask_bytes(self.relay.key, ANTHROPIC, False,
                         headers=[("connection", "close")])
        a = raw(self.relay, data)
        self.assertEqual((a.status, a.closed), (200, True))

    def test_a_refused_method_of_the_control_socket_changes_nothing(self):
        with self.assertRaises(Refused):
            self.relay.call("account.add", kind="none", name="x", fields={})
        self.assertEqual(len(self.relay.call("account.list")), 3)
