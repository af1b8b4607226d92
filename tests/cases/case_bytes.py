# SPDX-License-Identifier: MIT
"""case_bytes.py - what passes through arrives as it was sent."""
import gzip
import hashlib
import json
import os
import random
import re
import subprocess
import urllib.parse
import zlib

from house import HERE, Case
from practice import Answer
from speech import ALL, ANTHROPIC, CHAT, GEMINI, RESPONSES, ask, ask_bytes

SEED = 20


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# --- bodies ------------------------------------------------------------------

NUMBERS = ("0", "-0", "1e400", "9223372036854775807", "18446744073709551615",
           "-9223372036854775808", "0.1", "1E-7", "3.141592653589793238462643")
TEXTS = ("", "\\u0041", "\\ud83d\\ude00", "\\\"\\\\\\/\\b\\f\\n\\r\\t", "caf\u00e9",
         "\u4f60\u597d", "\U0001f600", "\\u0000", "</script>", "\\ud800",
         "\u2028", "model", "stream\\\":true")
BLANKS = ("", "", "", " ", "\n", "\t\t", "\r\n  ")


def value(r, depth):
    """Random JSON as text, in ways that no library would write it."""
    kind = r.randrange(7 if depth else 4)
    if kind == 0:
        return r.choice(NUMBERS)
    if kind == 1:
        return r.choice(("true", "false", "null"))
    if kind in (2, 3):
        return '"' + r.choice(TEXTS) * r.randrange(1, 4) + '"'
    inner = [value(r, depth - 1) for _ in range(r.randrange(5))]
    if kind == 4:
        return blank(r, "[" + blank(r, ",".join(inner)) + "]")
    return blank(r, "{" + blank(r, ",".join(
        f'"{r.choice(TEXTS)}{i}"{r.choice(BLANKS)}:{r.choice(BLANKS)}{v}'
        for i, v in enumerate(inner))) + "}")


def blank(r, text):
    return r.choice(BLANKS) + text + r.choice(BLANKS)


def body(r, dialect, size):
    """A request that is good enough to be routed and otherwise wild."""
    members = [f'"x-{i}":{value(r, 6)}' for i in range(r.randrange(6))]
    members += [f'"{k}":{json.dumps(v)}'
                for k, v in json.loads(dialect.body(False)).items()
                if k != "stream_options"]
    filler = r.choice(("a", "\\n", "\u00e9", "\\ud83d\\ude00", "\\\"", "{[,:"))
    repeat = size // len(filler.encode())
    members.append('"' + "filler" + '":"' + filler * repeat + '"')
    r.shuffle(members)
    return blank(r, "{" + ",".join(blank(r, m) for m in members) +
                 "}").encode()


def size_of(r, i):
    if i % 97 == 0:
        return r.randrange(1 << 20, 2 << 20)
    return int(2 ** r.uniform(0, 17))


class Bodies(Case):
    accounts = 1
    count = 1000
    large = 5 << 20

    def send_all(self, made):
        """(dialect, body, expected) in order on one connection; an answer
        comes behind each, so that the log has them in the same order."""
        expected = []
        # What the upstream makes of it does not matter here.
        self.rules(*((a, "body=%7B%7D") for a in ("a1", "o1", "g1")))
        with self.relay.connect() as s:
            for dialect, data, want in made:
                expected.append((len(want), sha256(want)))
                a = ask(self.relay, dialect, False, sock=s, body=data)
                self.assertEqual(a.status, 200, (dialect, data[:2000], a.body))
        found = [(l["body_len"], l["body_sha256"]) for l in self.requests()]
        self.assertEqual(found, expected)

    def test_random_bodies_arrive_as_they_were(self):
        r = random.Random(SEED)

        def make():
            for i in range(self.count):
                dialect = ALL[i % 4]
                data = body(r, dialect, size_of(r, i))
                yield dialect, data, data
        self.send_all(make())

    def test_large_bodies_arrive_as_they_were(self):
        r = random.Random(SEED)

        def make():
            for dialect in ALL:
                data = body(r, dialect, self.large)
                yield dialect, data, data
        self.send_all(make())

    def test_one_byte_at_a_time_is_the_same_body(self):
        data = body(random.Random(SEED), ANTHROPIC, 100)
        whole = ask_bytes(self.relay.key, ANTHROPIC, False, body=data)
        self.rules(("a1", "body=%7B%7D"))
        with self.relay.connect() as s:
            for i in range(len(whole)):
                s.sendall(whole[i:i + 1])
            self.assertEqual(Answer(s).status, 200)
        self.assertEqual(self.requests()[0]["body_sha256"], sha256(data))

    def test_chunks_of_a_body_are_put_together(self):
        data = body(random.Random(SEED), ANTHROPIC, 3000)
        for size in (1, 7, 100, 65536):
            lines = ask_bytes(self.relay.key, ANTHROPIC, False,
                              body=b"").replace(b"content-length: 0",
                                                b"transfer-encoding: chunked")
            parts = [data[i:i + size] for i in range(0, len(data), size)]
            framed = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in parts)
            self.rules(("a1", "body=%7B%7D"))
            with self.relay.connect() as s:
                s.sendall(lines + framed + b"0\r\n\r\n")
                self.assertEqual(Answer(s).status, 200)
        seen = self.requests()
        self.assertEqual([l["body_sha256"] for l in seen], [sha256(data)] * 4)
        for l in seen:
            names = [n.lower() for n, _ in l["headers"]]
            self.assertEqual(names.count("content-length"), 1)
            self.assertNotIn("transfer-encoding", names)

    def test_chat_streams_ask_for_usage_by_one_splice(self):
        asks = b'"stream_options":{"include_usage":true},'
        inner = b'"include_usage":true'
        table = (
            (b'{"model":"gpt-x","stream":true}',
             b'{' + asks + b'"model":"gpt-x","stream":true}'),
            (b' \n{ "stream" : true ,"model":"gpt-x","n":18446744073709551615}',
             b' \n{' + asks +
             b' "stream" : true ,"model":"gpt-x","n":18446744073709551615}'),
            (b'{"model":"gpt-x","stream":true,"stream_options":{}}',
             b'{"model":"gpt-x","stream":true,"stream_options":{' + inner +
             b'}}'),
            (b'{"model":"gpt-x","stream":true,"stream_options":{"a":1}}',
             b'{"model":"gpt-x","stream":true,"stream_options":{' + inner +
             b',"a":1}}'),
            (b'{"stream_options":{"include_usage":false},"model":"gpt-x",'
             b'"stream":true}',
             b'{"stream_options":{"include_usage":true},"model":"gpt-x",'
             b'"stream":true}'),
            (b'{"model":"gpt-x","stream":true,"stream_options":'
             b'{"include_usage":true}}',) * 2,
        )
        for data, want in table:
            with self.subTest(data):
                self.fresh()
                a = ask(self.relay, CHAT, body=data)
                self.assertEqual(a.status, 200)
                l = self.requests()[0]
                self.assertEqual((l["body_len"], l["body_sha256"]),
                                 (len(want), sha256(want)))
                told = [v for _, v in a.events()
                        if v and not v["choices"] and v.get("usage")]
                self.assertEqual(len(told), 1 if data == want else 0)


# --- compressed bodies -------------------------------------------------------


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


CODINGS = (("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstd))


class Compressed(Case):
    accounts = 1

    def send(self, coding, data, dialect=ANTHROPIC):
        return ask(self.relay, dialect, False, body=data,
                   headers=[("content-encoding", coding)])

    def test_they_are_read_and_arrive_as_one_body(self):
        r = random.Random(SEED)
        plain = ANTHROPIC.body(False, r.randbytes(200000).hex())
        for coding, pack in CODINGS:
            with self.subTest(coding):
                self.fresh()
                packed = pack(plain)
                self.assertEqual(self.send(coding, packed).status, 200)
                l = self.requests()[0]
                said = dict((n.lower(), v) for n, v in l["headers"])
                # As it came where the provider takes it, else unpacked.
                want = packed if "content-encoding" in said else plain
                self.assertEqual(l["body_sha256"], sha256(want))
                self.assertEqual(said["content-length"], str(len(want)))

    def test_codex_sends_zstd_to_its_provider(self):
        plain = RESPONSES.body(False, "x" * 5000)
        self.assertEqual(self.send("zstd", zstd(plain), RESPONSES).status, 200)
        l = self.requests()[0]
        said = dict((n.lower(), v) for n, v in l["headers"])
        self.assertIn(l["body_sha256"], (sha256(plain), sha256(zstd(plain))))
        self.assertEqual("content-encoding" in said,
                         l["body_sha256"] != sha256(plain))

    def test_bombs_are_refused(self):
        bomb = b'{"model":"claude-x","x":"' + b"a" * (40 << 20) + b'"}'
        for coding, pack in CODINGS:
            with self.subTest(coding):
                before = self.relay.rss_kb()
                a = self.send(coding, pack(bomb))
                self.assertEqual(a.status, 413)
                self.assertTrue(ANTHROPIC.is_error(a.json()))
                self.assertLess(self.relay.rss_kb() - before, 64 << 10)
        self.assertEqual(self.requests(), [])

    def test_damaged_ones_are_refused(self):
        plain = body(random.Random(SEED), ANTHROPIC, 3000)
        for coding, pack in CODINGS:
            packed = pack(plain)
            middle = len(packed) // 2
            table = {"cut": packed[:-5], "empty": b"", "plain": plain,
                     "changed": packed[:2] + b"\xff\xff\xff" + packed[5:]}
            if coding != "deflate":
                table["more behind it"] = packed + plain[:middle]
            for what, data in table.items():
                with self.subTest(what, coding=coding):
                    a = self.send(coding, data)
                    self.assertEqual(a.status, 400, a.body)
        self.assertEqual(self.requests(), [])

    def test_unknown_ones_are_refused_before_they_are_read(self):
        for coding in ("br", "compress", "gzip, zstd", "x"):
            with self.subTest(coding):
                self.assertEqual(self.send(coding, b"?").status, 415)
        self.assertEqual(self.send("identity",
                                   ANTHROPIC.body(False)).status, 200)


# --- header fields -----------------------------------------------------------


def header_rows():
    with open(os.path.join(HERE, "../../relayd/headers.def")) as f:
        return re.findall(r'^X\("([^"]+)",\s*(\w+),\s*(\w+)\)', f.read(), re.M)


class Fields(Case):
    accounts = 1

    def asked(self, headers, dialect=ANTHROPIC, **more):
        self.fresh()
        a = ask(self.relay, dialect, headers=headers, **more)
        self.assertEqual(a.status, 200, a.body)
        return self.requests()[0]["headers"]

    def test_unknown_fields_keep_name_case_value_and_order(self):
        mine = [["ANTHROPIC-Beta", "a,b"], ["x-empty", ""], ["X-Stainless-OS",
                "Linux; \tx"], ["anthropic-version", "2026-10-21"],
                ["x-Twice", "1"], ["x-twice", "2"], ["session_id", "\u00e9"],
                ["Accept", "*/*"], ["user-agent", "a/1 (b)"]]
        sent = [(n, v.encode().decode("latin-1")) for n, v in mine]
        found = self.asked(sent)
        self.assertEqual([f for f in found if f[0] in dict(mine)], mine)

    def test_the_whole_head_is_what_it_should_be(self):
        found = self.asked([("Accept-Encoding", "gzip, br"), ("a", "1"),
                            ("Connection", "keep-alive, x-hop"),
                            ("x-hop", "gone"), ("b", "2")])
        port = self.up.ports[0]
        self.assertEqual(found, [
            ["host", f"127.0.0.1:{port}"], ["x-api-key", "sk-a1"],
            ["Accept-Encoding", "identity"], ["a", "1"], ["b", "2"],
            ["content-type", "application/json"],
            ["content-length", str(len(ANTHROPIC.body(True)))]])

    def test_every_row_of_the_table_on_the_way_up(self):
        skip = ("host", "connection", "content-length", "transfer-encoding",
                "content-encoding", "expect", "upgrade", "accept-encoding",
                "authorization", "x-api-key", "api-key", "x-goog-api-key")
        rows = [r for r in header_rows() if r[0] not in skip]
        mine = [(name.title(), "v-" + name) for name, _, _ in rows]
        found = dict(map(tuple, self.asked(mine)))
        for name, up, _ in rows:
            with self.subTest(name):
                if up == "DROP":
                    self.assertNotIn(name.title(), found)
                else:
                    self.assertEqual(found[name.title()], "v-" + name)

    def test_every_row_of_the_table_on_the_way_down(self):
        rows = [r for r in header_rows()
                if r[2] != "OURS" and r[0] not in
                ("transfer-encoding", "connection", "trailer", "keep-alive",
                 "x-relay-request-id")]
        keys = "".join(f"header={n}:v-{n};" for n, _, _ in rows)
        self.rules(("a1", keys + "header=x-relay-request-id:theirs;"
                           "header=x-Unknown:  kept"))
        a = ask(self.relay, ANTHROPIC)
        self.assertEqual(a.header("x-unknown"), "kept")
        for name, _, down in rows:
            with self.subTest(name):
                want = [] if down == "DROP" else ["v-" + name]
                self.assertEqual(a.all(name), want)
        (mine,) = a.all("x-relay-request-id")
        self.assertTrue(mine.startswith("req_01"))

    def test_credentials_are_replaced_whichever_were_sent(self):
        key = self.relay.key
        sent = [("authorization", "Bearer wrong"), ("x-api-key", key),
                ("x-goog-api-key", "other"), ("api-key", "more"),
                ("x-cr-api-key", "k"), ("cookie", "c=" + key),
                ("openai-organization", "org-client"),
                ("x-goog-user-project", "p-client")]
        wire = {"a": ["x-api-key", "sk-a1"],
                "o": ["Authorization", "Bearer sk-o1"],
                "g": ["x-goog-api-key", "sk-g1"]}
        for dialect in ALL:
            with self.subTest(dialect):
                self.fresh()
                data = ask_bytes("wrong", dialect, False, headers=sent)
                with self.relay.connect() as s:
                    s.sendall(data)
                    self.assertEqual(Answer(s).status, 200)
                found = self.requests()[0]["headers"]
                for bad in (key, "wrong", "other", "more", "client"):
                    self.assertNotIn(bad, json.dumps(found))
                self.assertIn([n.lower() for n in wire[dialect.letter][:1]] +
                              wire[dialect.letter][1:],
                              [[n.lower(), v] for n, v in found])

    def test_a_key_in_the_query_is_taken_out_of_it(self):
        target = "/v1beta/models/gemini-x:streamGenerateContent?key=%s&alt=sse"
        data = ask_bytes("none", GEMINI, target=target % self.relay.key)
        with self.relay.connect() as s:
            s.sendall(data.replace(b"x-goog-api-key: none\r\n", b""))
            self.assertEqual(Answer(s).status, 200)
        target = self.requests()[0]["target"]
        self.assertTrue(target.endswith(":streamGenerateContent?alt=sse"),
                        target)

    def test_the_query_passes(self):
        self.asked([], target="/v1/messages?beta=true&x=%2F")
        self.assertEqual(self.requests()[0]["target"],
                         "/v1/messages?beta=true&x=%2F")

    def test_gzip_is_asked_for_only_when_the_caller_takes_it(self):
        for said, stream, want in (("gzip, br", False, "gzip"),
                                   ("gzip;q=0", False, "identity"),
                                   ("br", False, "identity"),
                                   ("gzip", True, "identity"),
                                   (None, False, "identity")):
            with self.subTest(said, stream=stream):
                found = self.asked([("Accept-Encoding", said)] if said else [],
                                   stream=stream)
                names = {n.lower(): v for n, v in found}
                self.assertEqual(names["accept-encoding"], want)


# --- streams -----------------------------------------------------------------


def nameless(body):
    """Without the number that the upstream gives to each answer."""
    return re.sub(rb"[Pp]ractice\D?\d{12}", b"practice", body)


class Streams(Case):
    accounts = 1
    step = 1

    # Escapes, UTF-8 of every length, and usage.
    said = "events=3;usage=5,6;text=" + urllib.parse.quote(
        "a\u00e9\u4f60\U0001f600") + ";"

    def whole(self, dialect):
        """The stream as the upstream tells it to those who ask directly."""
        body = dialect.body(True)
        with self.up.connect() as s:
            s.sendall(ask_bytes("none", dialect, body=body, keys=self.said))
            a = Answer(s)
        self.assertIn(dialect.terminal, a.body)
        return nameless(a.body)

    def same(self, dialect, whole, keys, **more):
        a = ask(self.relay, dialect, keys=self.said + keys, **more)
        if a.broken or nameless(a.body) != whole:
            self.fail(f"{dialect} with {keys}: {a.broken} {a.body[-300:]}")
        return a

    def test_they_are_the_same_however_they_are_cut(self):
        for dialect in ALL:
            whole = self.whole(dialect)
            with self.relay.connect() as s:
                for n in range(1, len(whole) + 400, self.step):
                    self.same(dialect, whole, f"split={n}", sock=s)

    def test_they_are_the_same_byte_by_byte_with_pauses(self):
        for dialect in ALL:
            self.same(dialect, self.whole(dialect), "drip=1/1")

    def test_a_compressed_one_is_unpacked(self):
        for dialect in ALL:
            whole = self.whole(dialect)
            for n in (1, 2, 3, 7, 50, 10000):
                a = self.same(dialect, whole, f"gzip=1;split={n}",
                              headers=[("accept-encoding", "gzip")])
                self.assertIsNone(a.header("content-encoding"))

    def test_another_answer_stays_compressed_for_a_caller_who_takes_it(self):
        for dialect in ALL:
            with self.subTest(dialect):
                a = ask(self.relay, dialect, False, keys="gzip=1",
                        headers=[("accept-encoding", "gzip")])
                self.assertEqual(a.header("content-encoding"), "gzip")
                self.assertTrue(json.loads(gzip.decompress(a.body)))
                b = ask(self.relay, dialect, False, keys="gzip=1")
                self.assertIsNone(b.header("content-encoding"))
                self.assertTrue(b.json())

    def test_usage_is_what_the_upstream_said(self):
        keys = "usage=100,200,30,40,50,60"
        for dialect in ALL:
            for stream in (True, False):
                with self.subTest(dialect, stream=stream):
                    a = ask(self.relay, dialect, stream, keys=keys)
                    self.assertEqual(a.status, 200)
                    r = self.relay.receipt(a)
                    self.assertEqual(r["outcome"], "ok")
                    self.assertNotIn("estimated", str(r["flags"]))
                    total = sum(r[k] for k in ("input", "cache_read",
                                "cache_write_5m", "cache_write_1h"))
                    # Dialects count what was cached inside or beside.
                    self.assertEqual(
                        total, 220 if dialect is ANTHROPIC else 100)
                    self.assertEqual(r["cache_read"], 30)
                    self.assertGreaterEqual(r["output"], 200)
