# SPDX-License-Identifier: MIT
"""case_fault.py - what a client gets when its upstream fails: every fault, in
every dialect, with and without a second account.

The three ends of a fault before the client has seen a byte of content:
next	another account answers; alone, relayd says `alone` in the dialect
same	the same account is asked again, once, on a fresh connection
pass	the upstream's own answer reaches the client as it is
and of one behind it: cut, an answer that a client can tell from a whole one.
"""
import concurrent.futures
import re
import time

from house import Case
from practice import Answer
from speech import ALL, ANTHROPIC, CHAT, GEMINI, RESPONSES, ask, ask_bytes

# Settings are as short as they can be; an answer must come within this.
DEADLINE = 8
SHORT = {"stream_head_wait": "1s", "head_wait": "1s", "first_event_wait": "1s",
         "stream_idle": "1s", "hold_time": "500ms", "connect_wait": "1s"}

# name, fault script, streams?, what a second account changes, status alone.
BEFORE = (
    ("a reset at the head", "rst=head", None, "next", 502),
    ("a reset when all is read", "rst=read", None, "next", 502),
    ("a close without an answer", "fin=head", None, "next", 502),
    ("no answer in time", "hang=1", None, "next", 504),
    ("HTTP/0.9", "http09=1", None, "next", 502),
    ("two lengths", "dupcl=1", None, "next", 502),
    ("a NUL in a field", "nul=1", None, "next", 502),
    ("a head of 300 KB", "headerline=300000", None, "next", 502),
    ("interim answers without end", "interim=-1", None, "next", 502),
    ("2,000 interim answers", "interim=2000", None, "next", 502),
    ("no HTTP at all", "statusline=SSH-2.0-x", None, "next", 502),
    ("the status 0", "statusline=HTTP/1.1 000 No", None, "next", 502),
    ("the status 999", "statusline=HTTP/1.1 999 No", None, "next", 502),
    ("a status of four digits", "statusline=HTTP/1.1 2000 No", None, "next",
     502),
    ("another protocol's answer", "statusline=HTTP/2.0 200 OK", None, "next",
     502),
    ("a bad chunk at once", "badchunk=0", True, "next", 502),
    ("a cut before the first event", "cut=20", True, "next", 502),
    ("a reset before the first event", "rst=20", True, "next", 502),
    ("silence before the first event", "stall=20", True, "next", 504),
    ("an empty stream", "cut=0", True, "next", 502),
    ("rubbish for gzip", "header=content-encoding:gzip", True, "next", 502),
    ("a cut in a whole answer", "cut=50", False, "next", 502),
    ("a reset in a whole answer", "rst=50", False, "next", 502),
    ("a length that is too great", "length=%2B10;close=1", False, "next", 502),
    ("silence in a whole answer", "stall=50", False, "next", 504),
    ("the status 500", "status=500", None, "next", 500),
    ("the status 502", "status=502", None, "next", 502),
    ("the status 503", "status=503", None, "next", 503),
    ("the status 504", "status=504", None, "next", 504),
    ("the status 401", "status=401", None, "next", 503),
    ("the status 402", "status=402", None, "next", 503),
    ("the status 429", "status=429;retry-after=7", None, "next", 429),
    ("a redirect", "status=302;header=location:http://127.0.0.1:1/", None,
     "next", 503),
    ("the status 400", "status=400", None, "pass", 400),
    ("the status 404", "status=404", None, "pass", 404),
    ("the status 413", "status=413", None, "pass", 413),
    ("the status 422", "status=422", None, "pass", 422),
)

# Behind the first content: name, fault script with the byte at %d.
AFTER = (
    ("a close", "cut=%d"),
    ("a reset", "rst=%d"),
    ("silence", "stall=%d"),
    ("a bad chunk", "badchunk=%d"),
    ("an end without the terminal event", "noterminal=2"),
    ("an error event", "errorevent=overloaded_error;errorafter=2"),
)
CONTENT = "events=8;size=400;"


class Fault(Case):
    settings = SHORT

    def ask(self, dialect, stream, **more):
        began = time.monotonic()
        a = ask(self.relay, dialect, stream, **more)
        self.assertLess(time.monotonic() - began, DEADLINE)
        return a

    def tried(self):
        """Credentials in the order in which the upstream met them."""
        return [re.search(r"sk-(\w+)", str(l["headers"]))[1]
                for l in self.requests()]

    def good(self, dialect, stream, a):
        self.assertEqual((a.status, a.broken), (200, None))
        if stream:
            self.assertIn(dialect.terminal, a.body)
        else:
            self.assertTrue(a.json())


def each(table):
    for row in table:
        for stream in (True, False) if row[2] is None else (row[2],):
            for dialect in ALL:
                yield dialect, stream, row


class Before(Fault):
    # A kept connection would be tried once more on a fresh one.
    settings = {**SHORT, "upstream_idle": "0"}

    def next_answers(self, dialect, stream, a, credentials):
        letter = dialect.letter
        self.good(dialect, stream, a)
        self.assertEqual(credentials, [letter + "1", letter + "2"])
        r = self.relay.receipt(a)
        self.assertEqual((r["outcome"], r["account"], len(r["attempts"])),
                         ("ok", letter + "2", 2))
        self.assertIn("retried", r["flags"])

    def test_the_next_account_answers_once(self):
        for dialect, stream, (name, keys, _, end, alone) in each(BEFORE):
            if alone == 504 and "status" not in keys:
                continue
            with self.subTest(name, dialect=dialect, stream=stream):
                self.fresh()
                self.rules((dialect.letter + "1", keys))
                a = self.ask(dialect, stream)
                if end == "next":
                    self.next_answers(dialect, stream, a, self.tried())
                    continue
                self.assertEqual(self.tried(), [dialect.letter + "1"])
                self.assertEqual(a.status, alone)
                self.assertTrue(dialect.is_error(a.json()))

    def told_alone(self, dialect, a, alone, tries):
        self.assertEqual((a.status, a.broken), (alone, None))
        self.assertTrue(dialect.is_error(a.json()), a.body)
        if alone == 429:
            self.assertGreater(int(a.header("retry-after")), 0)
        r = self.relay.receipt(a)
        self.assertEqual(len(r["attempts"]), tries)
        self.assertNotEqual(r["outcome"], "ok")

    def test_alone_the_client_is_told_in_its_words(self):
        for dialect, stream, (name, keys, _, end, alone) in each(BEFORE):
            if alone == 504 and "status" not in keys:
                continue
            with self.subTest(name, dialect=dialect, stream=stream):
                self.fresh()
                self.rules(*((dialect.letter + i, keys) for i in "12"))
                a = self.ask(dialect, stream)
                tries = 1 if end == "pass" else 2
                self.told_alone(dialect, a, alone, tries)
                self.assertEqual(len(self.tried()), tries)
                if alone == 503 and "503" not in keys:
                    # Its own words would blame the client's key.
                    self.assertNotIn(b"practice", a.body)

    def test_a_compressed_refusal_is_judged_by_its_words(self):
        self.rules(("a1", "status=400;gzip=1;message=your%20sk-a1%20says%3a%20"
                          "credit%20balance%20is%20too%20low"))
        a = self.ask(ANTHROPIC, False)
        self.next_answers(ANTHROPIC, False, a, self.tried())
        found = self.relay.call("account.show", name="a1")
        self.assertEqual(found["state"], "credit")
        self.assertIn("your *** says", found["last_error"])

    def at_once(self, keys, rules):
        """All dialects in parallel: these take their time."""
        self.fresh()
        self.rules(*rules)
        wants = [(d, s) for d, s, row in each(BEFORE) if row[1] == keys]
        with concurrent.futures.ThreadPoolExecutor(len(wants)) as pool:
            answers = list(pool.map(lambda w: self.ask(*w), wants))
        return zip(wants, answers)

    def test_silence_is_a_failure_in_time(self):
        for name, keys, _, _, alone in BEFORE:
            if alone != 504 or "status" in keys:
                continue
            with self.subTest(name, alone=False):
                firsts = [(letter + "1", keys) for letter in "aog"]
                for (dialect, stream), a in self.at_once(keys, firsts):
                    self.next_answers(dialect, stream, a,
                                      [dialect.letter + i for i in "12"])
            with self.subTest(name, alone=True):
                both = [(letter + i, keys) for letter in "aog" for i in "12"]
                for (dialect, stream), a in self.at_once(keys, both):
                    self.told_alone(dialect, a, 504, 2)

    def test_nobody_listens(self):
        r = self.relay
        for dialect in ALL:
            letter = dialect.letter
            base = "/v1" if letter == "o" else ""

            def point(port):
                r.call("account.set", name=letter + "1", fields={
                    "url": f"http://127.0.0.1:{port}{base}"})
            with self.subTest(dialect):
                self.fresh()
                point(1)
                self.good(dialect, True, self.ask(dialect, True))
                self.assertEqual(self.tried(), [letter + "2"])
                r.call("account.hold", name=letter + "2")
                r.call("account.reset", name=letter + "1")
                a = self.ask(dialect, True)
                self.told_alone(dialect, a, 502, 1)
                r.call("account.release", name=letter + "2")
                point(self.up.ports[0])


class Overload(Fault):
    def test_403_is_a_slip_until_it_comes_twice(self):
        self.rules(("a1", "status=403;once=x;times=1"))
        a = self.ask(ANTHROPIC, False)
        self.assertEqual((a.status, self.tried()), (200, ["a1"] * 2))
        self.assertEqual(self.relay.call("account.show", name="a1")["gates"],
                         [])
        self.fresh()
        self.rules(("a1", "status=403"))
        a = self.ask(ANTHROPIC, False)
        self.assertEqual((a.status, self.tried()), (200, ["a1", "a1", "a2"]))
        gate, = self.relay.call("account.show", name="a1")["gates"]
        self.assertEqual(gate["gate"], "errors")

    def test_529_is_asked_again_twice_on_the_same_account(self):
        self.rules(("a1", "status=529"))
        began = time.monotonic()
        a = ask(self.relay, ANTHROPIC)
        # After a second, then two, a tenth less or more; not when its window
        # ends, which it told besides.
        self.assertGreaterEqual(time.monotonic() - began, 2.6)
        self.assertLess(time.monotonic() - began, DEADLINE)
        self.assertEqual(a.status, 529)
        self.assertTrue(ANTHROPIC.is_error(a.json()))
        self.assertEqual(self.tried(), ["a1"] * 3)
        # Not the account's fault.
        self.assertEqual(self.relay.call("account.show",
                                         name="a1")["state"], "ready")

    def test_529_that_ends_in_time_is_not_seen(self):
        self.rules(("a1", "status=529;once=x;times=1"))
        self.good(ANTHROPIC, True, ask(self.relay, ANTHROPIC))
        self.assertEqual(self.tried(), ["a1"] * 2)

    def test_an_error_event_before_content_is_a_failure_as_any(self):
        self.rules(("a1", "errorevent=api_error;errorafter=0"))
        self.good(ANTHROPIC, True, ask(self.relay, ANTHROPIC))
        self.assertEqual(self.tried(), ["a1", "a2"])

    def test_a_storm_is_no_storm_of_retries(self):
        self.relay.set(retry_budget_floor=3)
        self.addCleanup(self.relay.set, retry_budget_floor=1000)
        self.fresh()
        self.rules(("o1", "status=500"), ("o2", "status=500"))
        with self.relay.connect() as s:
            for _ in range(100):
                self.relay.call("account.reset", name="o1")
                self.relay.call("account.reset", name="o2")
                self.assertGreaterEqual(ask(self.relay, CHAT,
                                            sock=s).status, 500)
        # 10 % of what was asked, first tries and others, and the floor;
        # the minute may have turned once meanwhile.
        self.assertLessEqual(len(self.requests()), 100 + 2 * (12 + 3))


class Storm(Fault):
    """All of a provider says for some seconds that it is overloaded."""
    settings = {**SHORT, "upstream_idle": "0"}
    BEFORE, WITHIN, BEHIND = 200, 120, 100

    def crowd(self, count):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda _: ask(self.relay, ANTHROPIC),
                               range(count))
            return [a.status for a in answers]

    def test_nobody_storms_back_and_all_is_well_two_seconds_after_it(self):
        self.relay.set(retry_budget_floor=3)
        self.assertEqual(set(self.crowd(self.BEFORE)), {200})
        self.fresh()
        self.rules(("a1", "status=529"), ("a2", "status=529"))
        self.assertEqual(set(self.crowd(self.WITHIN)), {529})
        again = len(self.requests()) - self.WITHIN
        # Of all that was asked in that minute; and they are made use of.
        self.assertLessEqual(again, (self.BEFORE + self.WITHIN) // 10 + 3)
        self.assertGreater(again, self.WITHIN // 10)
        self.up.reset()
        over = time.monotonic()
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
        self.assertLess(time.monotonic() - over, 2)
        self.assertEqual(set(self.crowd(self.BEHIND)), {200})
        for a in self.relay.call("account.list"):
            self.assertEqual((a["state"], a["gates"]), ("ready", []))


class Recovery(Fault):
    settings = {**SHORT, "upstream_idle": "0"}

    def state(self, name):
        return self.relay.call("account.show", name=name)

    def test_failures_of_one_moment_are_one(self):
        self.rules(("a1", "status=500;delay=300"))
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = pool.map(lambda _: ask(self.relay, ANTHROPIC), range(12))
            self.assertEqual({a.status for a in answers}, {200})
        self.assertEqual(self.tried().count("a1"), 12)
        gate, = self.state("a1")["gates"]
        # Five seconds and a tenth, not five minutes.
        self.assertLess(gate["until_at"] - time.time() * 1000, 5600)

    def test_one_has_not_recovered_while_models_of_it_are_limited(self):
        since = self.relay.mark()
        self.rules(("a1", "status=429;retry-after=900"))
        body = ANTHROPIC.body(True, model="claude-opus-9")
        self.good(ANTHROPIC, True, self.ask(ANTHROPIC, True, body=body))
        self.relay.wait_log("account_limited", since)
        self.up.reset()
        self.good(ANTHROPIC, True, self.ask(ANTHROPIC, True))
        self.assertIn("sk-a1", str(self.requests()[-1]["headers"]))
        self.relay.at_rest()
        self.assertNotIn("account_recovered",
                         "\n".join(map(str, self.relay.lines[since:])))
        self.relay.call("cooldown.clear", account="a1")


class After(Fault):
    def test_a_broken_stream_is_never_a_success(self):
        for dialect in ALL:
            whole = ask(self.relay, dialect, keys=CONTENT)
            at = len(whole.body) * 2 // 3
            for name, keys in AFTER:
                if "errorevent" in keys and dialect is GEMINI:
                    continue
                with self.subTest(name, dialect=dialect):
                    self.fresh()
                    keys = keys % at if "%d" in keys else keys
                    self.rules((dialect.letter + "1", CONTENT + keys))
                    a = self.ask(dialect, True)
                    self.broken(dialect, a, "errorevent" in keys)

    def broken(self, dialect, a, told):
        self.assertEqual(a.status, 200)
        self.assertNotIn(dialect.terminal, a.body)
        self.assertGreater(len(a.body), 100)
        # Nobody else was asked: the client had seen some of it.
        self.assertEqual(self.tried(), [dialect.letter + "1"])
        r = self.relay.receipt(a)
        if dialect is GEMINI:
            self.assertIsNone(a.broken)
            self.assertNotIn(b"error", a.body)
            return
        self.assertTrue(dialect.stream_error(a.body), a.body[-300:])
        self.assertIn(r["outcome"], ("upstream", "cut") if told else ("cut",))
        # An error that the upstream told ends its stream as it ended it.
        if told:
            self.assertEqual(r["attempts"][0]["outcome"], "stream_error")
        else:
            self.assertIsNotNone(a.broken)

    def test_an_answer_that_is_no_stream_has_its_length(self):
        """However it came, what the client gets is framed so that a cut can
        be told."""
        for dialect in ALL:
            for keys in ("chunked=1", "untilclose=1", "split=1", "close=1"):
                with self.subTest(keys, dialect=dialect):
                    a = self.ask(dialect, False, keys=keys)
                    self.good(dialect, False, a)
                    self.assertEqual(int(a.header("content-length")),
                                     len(a.body))

    def test_events_over_every_ceiling_pass(self):
        size = 9 << 20
        for dialect in ALL:
            with self.subTest(dialect):
                a = ask(self.relay, dialect, keys="events=1;size=%d" % size)
                self.good(dialect, True, a)
                self.assertGreater(len(a.body), size)

    def test_an_early_413_reaches_a_client_that_is_still_sending(self):
        body = ANTHROPIC.body(True, "x" * (4 << 20))
        a = self.ask(ANTHROPIC, True, body=body, keys="early=1;status=413")
        self.assertEqual(a.status, 413)


class Stale(Fault):
    def test_a_connection_that_was_closed_meanwhile_is_replaced_once(self):
        """The upstream says keep-alive and closes when the next request has
        come: executed at most once more, by the same account."""
        for dialect in ALL:
            with self.subTest(dialect):
                self.fresh()
                letter = dialect.letter
                self.good(dialect, True, self.ask(dialect, True))
                self.rules((letter + "1", "fin=head;once=stale"))
                a = self.ask(dialect, True)
                self.good(dialect, True, a)
                self.assertEqual(self.tried(), [letter + "1"] * 3)
                r = self.relay.receipt(a)
                self.assertEqual(
                    [t["outcome"] for t in r["attempts"]], ["stale", "ok"])

    def test_one_that_is_closed_at_rest_is_not_used(self):
        """closeafter: no request is lost to it, none is sent twice."""
        for _ in range(20):
            self.good(ANTHROPIC, True,
                      self.ask(ANTHROPIC, True, keys="closeafter=1"))
        self.assertEqual(self.up.stats()["paths"]["/v1/messages"]["total"],
                         len(self.requests()))
        ids = [l["target"] for l in self.requests()]
        self.assertLessEqual(len(ids), 40)


class Fresh(Fault):
    settings = {**SHORT, "upstream_idle": "0"}

    def test_a_fresh_connection_that_breaks_is_not_replaced(self):
        self.rules(("a1", "fin=head"), ("a2", "fin=head"))
        self.assertEqual(self.ask(ANTHROPIC, True).status, 502)
        self.assertEqual(self.tried(), ["a1", "a2"])


class Pings(Fault):
    settings = {"ping_before": "1s", "ping_after": "1s"}

    def test_silence_is_filled_and_the_stream_is_whole(self):
        words = {"anthropic": b"event: ping", "responses": b": ping",
                 "chat": b": ping", "gemini": b"\n"}
        for dialect in ALL:
            with self.subTest(dialect):
                a = self.ask(dialect, True, keys="delay=1500")
                self.good(dialect, True, a)
                self.assertTrue(a.body.startswith(words[dialect.name]))
                self.assertGreater(int(self.relay.receipt(a)["bytes_out"]), 0)

    def test_a_refusal_behind_a_ping_is_an_error_event(self):
        for dialect in (ANTHROPIC, RESPONSES, CHAT):
            with self.subTest(dialect):
                self.fresh()
                for i in "12":
                    self.relay.call("account.reset", name=dialect.letter + i)
                a = self.ask(dialect, True, keys="delay=1500;status=400")
                # The next one would refuse it, too.
                self.assertEqual(self.tried(), [dialect.letter + "1"])
                self.assertEqual(a.status, 200)
                self.assertIsNotNone(a.broken)
                self.assertTrue(dialect.stream_error(a.body), a.body)

    def test_who_wants_no_events_gets_no_ping(self):
        a = self.ask(GEMINI, True, keys="delay=1500",
                     target="/v1beta/models/m:streamGenerateContent")
        self.assertEqual((a.status, a.broken), (200, None))
        self.assertTrue(a.header("content-type").startswith(
            "application/json"))
        self.assertIsInstance(a.json(), list)
