# SPDX-License-Identifier: MIT
"""case_metrics.py - what relayd tells about itself in numbers, and to whom."""
import json
import re
import subprocess
import unittest

import exposition
from house import Case, Relay, program, until
from practice import Answer, Upstream
from speech import ALL, ANTHROPIC, CHAT, ask, ask_bytes, head, raw

CONF = {"metrics": "127.0.0.1:0, [::1]:0"}


def metric_ports(relay):
    found = [re.search(r" metrics .*:(\d+)/metrics", l)
             for l in relay.lines if l]
    return [int(m.group(1)) for m in found if m]


def connect(relay):
    """To the metrics' own address."""
    ports, relay.ports = relay.ports, metric_ports(relay)
    try:
        return relay.connect()
    finally:
        relay.ports = ports


def get(relay, target="/metrics", method="GET", sock=None, **more):
    data = head(method, target, [("host", "relay")], **more)
    s = sock or connect(relay)
    try:
        s.sendall(data)
        return Answer(s, head_only=method == "HEAD")
    finally:
        if sock is None:
            s.close()


def scrape(relay):
    answer = get(relay)
    assert answer.status == 200, answer.status
    return exposition.lint(answer.body.decode())


def value(families, name, **labels):
    """The sum of the samples with these labels."""
    base = re.sub("_(bucket|sum|count)$", "", name)
    family = families[base] if base in families else families[name]
    found = [v for (n, have), v in family.samples.items()
             if n == name and labels.items() <= dict(have).items()]
    assert found, (name, labels)
    return sum(found)


class Lint(unittest.TestCase):
    """The lint sees what it is there for."""
    GOOD = ("# HELP a_total A.\n# TYPE a_total counter\n"
            'a_total{x="\\"\\\\\\n",y="2"} 1\na_total{x="",y="2"} 0\n'
            "# HELP h_seconds H.\n# TYPE h_seconds histogram\n"
            'h_seconds_bucket{le="0.5"} 1\nh_seconds_bucket{le="+Inf"} 2\n'
            "h_seconds_sum 1.5\nh_seconds_count 2\n")
    BAD = (
        ("the last line cut", "count 2\n", "count 2"),
        ("no help", "# HELP a_total A.\n", ""),
        ("no type", "# TYPE a_total counter\n", ""),
        ("a counter without _total", "a_total", "a"),
        ("a gauge with _total", "counter", "gauge"),
        ("a series twice", 'x="",', 'x="\\"\\\\\\n",'),
        ("a label twice", 'y="2"} 1', 'x="2"} 1'),
        ("series of other labels", 'x="",', ""),
        ("an open quote", '\\n",y', '\\n"",y'),
        ("a bare backslash", 'x=""', 'x="\\"'),
        ("a strange escape", "\\n", "\\r"),
        ("a comma at the end", '"2"} 1', '"2",} 1'),
        ("a control byte", 'x=""', 'x="\x1b"'),
        ("no number", "} 0", "} none"),
        ("not a number", "} 0", "} NaN"),
        ("a counter below zero", "} 0", "} -1"),
        ("no +Inf", 'h_seconds_bucket{le="+Inf"} 2\n', ""),
        ("no sum", "h_seconds_sum 1.5\n", ""),
        ("no count", "h_seconds_count 2\n", ""),
        ("another count", "count 2", "count 3"),
        ("buckets that shrink", '"0.5"} 1', '"0.5"} 3'),
        ("a sum too small", "sum 1.5", "sum 0.1"),
        ("a family twice", "# HELP h_seconds", "# HELP a_total"),
        ("a stranger's sample", "h_seconds_sum", "g_seconds_sum"),
        ("milliseconds", "h_seconds", "h_milliseconds"),
    )

    def test_what_is_good_is_read_back(self):
        a = exposition.lint(self.GOOD)["a_total"]
        self.assertEqual(
            a.samples[("a_total", (("x", '"\\\n'), ("y", "2")))], 1)

    def test_what_is_bad_is_found(self):
        for name, old, new in self.BAD:
            with self.subTest(name):
                self.assertIn(old, self.GOOD)
                with self.assertRaises((exposition.Wrong, ValueError)):
                    exposition.lint(self.GOOD.replace(old, new))


class Metrics(Case):
    conf = CONF

    def scrape(self):
        self.relay.at_rest()
        return scrape(self.relay)

    def rise(self, before, name, **labels):
        return value(self.scrape(), name, **labels) - \
            value(before, name, **labels)

    # --- the address

    def test_only_the_metrics_are_there(self):
        for method, target in (("GET", "/"), ("GET", "/metrics/"),
                               ("POST", "/metrics"), ("GET", "/v1/models"),
                               ("OPTIONS", "/metrics"), ("GET", "/health"),
                               ("GET", "/METRICS")):
            with self.subTest(f"{method} {target}"):
                self.assertEqual(get(self.relay, target, method).status, 404)

    def test_clients_never_see_them(self):
        self.assertEqual(
            raw(self.relay, head("GET", "/metrics", [
                ("host", "relay"), ("x-api-key", self.relay.key)])).status,
            404)

    def test_head_says_the_length_and_nothing_else(self):
        with connect(self.relay) as s:
            first = get(self.relay, method="HEAD", sock=s)
            self.assertEqual(first.status, 200)
            self.assertGreater(int(first.header("content-length")), 1000)
            # What came next would be taken for the next answer.
            self.assertEqual(get(self.relay, sock=s).status, 200)

    def test_a_query_does_not_matter(self):
        self.assertEqual(get(self.relay, "/metrics?x=1").status, 200)

    def test_a_connection_serves_again_and_again(self):
        with connect(self.relay) as s:
            for _ in range(20):
                exposition.lint(get(self.relay, sock=s).body.decode())

    def test_questions_in_one_piece_are_all_answered(self):
        with connect(self.relay) as s:
            s.sendall(head("GET", "/metrics", [("host", "relay")]) * 3)
            rest = b""
            for _ in range(3):
                a = Answer(s, raw=rest)
                self.assertEqual(a.status, 200)
                rest = a.raw

    def test_a_body_is_not_taken_for_the_next_question(self):
        with connect(self.relay) as s:
            s.sendall(head("GET", "/metrics", [
                ("host", "relay"), ("content-length", "4")]) + b"GET ")
            self.assertEqual(Answer(s).status, 200)
            self.assertEqual(s.recv(1), b"")

    def test_what_is_no_http_is_refused_and_is_no_client(self):
        before = self.scrape()
        with connect(self.relay) as s:
            s.sendall(b"\x16\x03\x01 hello\r\n\r\n")
            self.assertEqual(Answer(s).status, 400)
        self.assertEqual(self.rise(before, "relayd_bad_heads_total"), 0)
        self.assertEqual(self.rise(before, "relayd_connections_total"), 0)

    def test_reading_them_is_no_request(self):
        before = self.scrape()
        after = self.scrape()
        self.assertEqual(value(after, "relayd_scrapes_total") -
                         value(before, "relayd_scrapes_total"), 1)
        self.assertEqual(value(after, "relayd_requests_total"),
                         value(before, "relayd_requests_total"))

    # --- values

    def test_every_answer_is_counted_once(self):
        names = {"responses": "openai_responses", "chat": "openai_chat"}
        for dialect in ALL:
            for stream in (True, False):
                with self.subTest(f"{dialect} {stream}"):
                    before = self.scrape()
                    self.assertEqual(
                        ask(self.relay, dialect, stream).status, 200)
                    after = self.scrape()
                    name = names.get(dialect.name, dialect.name)
                    told = "true" if stream else "false"
                    for metric, labels in (
                            ("relayd_requests_total", {
                                "dialect": name, "op": "generate",
                                "outcome": "ok"}),
                            ("relayd_requests_total", {}),
                            ("relayd_attempts_total", {"outcome": "ok"}),
                            ("relayd_attempts_total", {}),
                            ("relayd_account_attempts_total", {}),
                            ("relayd_request_wait_seconds_count", {}),
                            ("relayd_request_overhead_seconds_count", {}),
                            ("relayd_request_head_seconds_count",
                             {"stream": told}),
                            ("relayd_request_first_content_seconds_count",
                             {"stream": told}),
                            ("relayd_request_duration_seconds_count",
                             {"stream": told}),
                            ("relayd_request_duration_seconds_count", {})):
                        self.assertEqual(value(after, metric, **labels) -
                                         value(before, metric, **labels), 1,
                                         (metric, labels))

    def test_tokens_are_those_of_the_receipt(self):
        before = self.scrape()
        answer = ask(self.relay, ANTHROPIC,
                     keys="usage=11,7,5,3,2")
        receipt = self.relay.receipt(answer)
        after = self.scrape()
        for name in ("input", "output", "cache_read", "cache_write_5m",
                     "cache_write_1h"):
            told = value(after, "relayd_tokens_total", dialect="anthropic",
                         **{"class": name}) - \
                value(before, "relayd_tokens_total", dialect="anthropic",
                      **{"class": name})
            self.assertEqual(told, receipt[name], name)
            self.assertGreater(told, 0, name)

    def test_costs_are_those_of_the_receipt(self):
        self.relay.set(rate="1.5")
        try:
            before = self.scrape()
            priced = ask(self.relay, ANTHROPIC, keys="usage=1000,100",
                         body=ANTHROPIC.body(True, model="claude-opus-4-8"))
            unpriced = ask(self.relay, CHAT, keys="usage=1000,100")
            receipt = self.relay.receipt(priced)
            self.relay.receipt(unpriced)
            after = self.scrape()
        finally:
            self.relay.set(rate="1")
        self.assertEqual(receipt["rated_micro"],
                         receipt["cost_micro"] * 3 // 2)
        for name, labels, rise in (
                ("relayd_cost_usd_total", {"dialect": "anthropic"},
                 receipt["cost_micro"] / 1e6),
                ("relayd_cost_usd_total", {}, receipt["cost_micro"] / 1e6),
                ("relayd_rated_cost_usd_total", {},
                 receipt["rated_micro"] / 1e6),
                ("relayd_unpriced_requests_total", {}, 1)):
            self.assertGreater(rise, 0)
            self.assertAlmostEqual(value(after, name, **labels) -
                                   value(before, name, **labels), rise, 7,
                                   (name, labels))

    def test_what_a_client_asks_makes_no_series(self):
        before = self.scrape()
        for i in range(5):
            ask(self.relay, ANTHROPIC, headers=[("user-agent", f"x{i}")],
                body=ANTHROPIC.body(True, model=f"model-{i}"))
            raw(self.relay, head("GET", f"/none/{i}", [("host", "r")]))
        after = self.scrape()
        self.assertEqual({n: set(f.samples) for n, f in before.items()},
                         {n: set(f.samples) for n, f in after.items()})
        self.assertEqual(value(after, "relayd_requests_total", op="none",
                               outcome="refused") -
                         value(before, "relayd_requests_total", op="none",
                               outcome="refused"), 5)

    def test_local_answers_are_counted_but_not_timed(self):
        before = self.scrape()
        self.assertEqual(
            raw(self.relay, head("GET", "/health", [("host", "r")])).status,
            200)
        self.assertEqual(self.rise(before, "relayd_requests_total",
                                   op="health", outcome="ok"), 1)
        self.assertEqual(
            self.rise(before, "relayd_request_duration_seconds_count"), 0)

    def test_a_refused_account_is_seen(self):
        before = self.scrape()
        self.rules(("a1", "status=401"))
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
        after = self.scrape()
        for name, labels, rise in (
                ("relayd_verdicts_total", {"rule": "unauthorized"}, 1),
                ("relayd_verdicts_total", {}, 1),
                ("relayd_attempts_total", {"outcome": "error_status"}, 1),
                ("relayd_attempts_total", {"outcome": "ok"}, 1),
                ("relayd_retries_total", {}, 1),
                ("relayd_account_failures_total", {"account": "a1"}, 1),
                ("relayd_account_failures_total", {"account": "a2"}, 0),
                ("relayd_account_gate_shut",
                 {"account": "a1", "gate": "auth"}, 1),
                ("relayd_account_gate_shut", {}, 1),
                ("relayd_account_ready", {"account": "a1"}, -1),
                ("relayd_accounts", {"state": "ready"}, -1),
                ("relayd_accounts", {"state": "auth"}, 1),
                ("relayd_accounts", {}, 0),
                ("relayd_requests_total", {"outcome": "ok"}, 1)):
            self.assertEqual(value(after, name, **labels) -
                             value(before, name, **labels), rise,
                             (name, labels))

    def test_an_error_that_is_passed_on_is_a_rule_too(self):
        before = self.scrape()
        self.rules(("a1", "status=422"))
        self.assertEqual(ask(self.relay, ANTHROPIC).status, 422)
        self.assertEqual(
            self.rise(before, "relayd_verdicts_total", rule="request"), 1)
        self.assertEqual(self.rise(before, "relayd_requests_total",
                                   outcome="upstream"), 1)

    def test_a_request_under_way_is_seen(self):
        before = self.scrape()
        self.rules(("a1", "events=8;size=4000;stall=2000"))
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, ANTHROPIC))
            s.recv(1)
            for name, labels in (
                    ("relayd_requests_in_flight", {}),
                    ("relayd_account_in_flight", {"account": "a1"}),
                    ("relayd_keys_in_use", {}),
                    ("relayd_connections", {})):
                now = scrape(self.relay)
                self.assertEqual(value(now, name, **labels), 1, name)
        self.assertEqual(
            self.rise(before, "relayd_requests_total", outcome="gone"), 1)
        self.assertEqual(
            self.rise(before, "relayd_estimated_requests_total"), 1)

    def test_the_process_is_told_as_the_kernel_does(self):
        now = self.scrape()
        rss = self.relay.rss_kb() * 1024
        self.assertLess(abs(value(now, "process_resident_memory_bytes") -
                            rss), rss / 4)
        self.assertGreater(value(now, "process_open_fds"), 10)
        self.assertLess(value(now, "process_open_fds"),
                        value(now, "process_max_fds"))
        began = self.relay.call("status")["started_at"] / 1000
        self.assertAlmostEqual(value(now, "process_start_time_seconds"),
                               began, 2)
        self.assertGreater(value(now, "relayd_loop_turn_seconds_count"), 0)
        self.assertGreater(value(now, "relayd_loop_turn_longest_seconds"), 0)

    def test_commits_are_timed(self):
        before = self.scrape()
        self.relay.set(ping_after="9s")
        after = self.scrape()
        self.assertGreater(
            value(after, "relayd_store_commit_seconds_count"),
            value(before, "relayd_store_commit_seconds_count"))
        self.assertGreater(
            value(after, "relayd_store_busy_seconds_total"),
            value(before, "relayd_store_busy_seconds_total"))

    # --- the control socket

    def relayctl(self, *words):
        return subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, "metrics",
             *words], capture_output=True, text=True, check=True).stdout

    def test_relayctl_prints_what_prometheus_reads(self):
        over_http = self.scrape()
        printed = exposition.lint(self.relayctl())
        self.assertEqual(list(printed), list(over_http))
        for name, family in over_http.items():
            self.assertEqual(set(printed[name].samples), set(family.samples))
            self.assertEqual((printed[name].help, printed[name].type),
                             (family.help, family.type))
        for name in ("relayd_requests_total", "relayd_tokens_total",
                     "relayd_request_duration_seconds", "relayd_keys"):
            self.assertEqual(printed[name].samples, over_http[name].samples)

    def test_json_holds_the_same(self):
        ask(self.relay, CHAT)
        over_http = self.scrape()
        rows = json.loads(self.relayctl("--json"))
        self.assertEqual([r["name"] for r in rows], list(over_http))
        told = {(s["name"], tuple(sorted(s["labels"].items()))): s["value"]
                for r in rows for s in r["samples"]
                if r["name"] == "relayd_requests_total"}
        self.assertEqual(told, over_http["relayd_requests_total"].samples)

    def test_pages_do_not_split_a_family(self):
        families = self.scrape()
        found, cursor = [], {}
        while True:
            result = self.relay.control.call("metrics", limit=7, **cursor)
            found += result["data"]
            if not result.get("next"):
                break
            cursor = {"cursor": result["next"]}
        self.assertEqual([(r["name"], len(r["samples"])) for r in found],
                         [(n, len(f.samples)) for n, f in families.items()])


class ManyAccounts(Case):
    conf = CONF
    accounts = 1
    MANY = 203

    @staticmethod
    def name(i):
        """As long as a name may be: then the pages are at their largest."""
        return f"n{i:063}"

    @classmethod
    def furnish(cls):
        for i in range(cls.MANY):
            cls.relay.account("claude-api", cls.name(i),
                              f"http://127.0.0.1:{cls.up.ports[0]}", "sk-a")
        cls.relay.key = cls.relay.new_key("case")

    def test_two_hundred_have_a_name_and_the_others_one(self):
        for i in (0, 201, 202):
            self.relay.call("account.hold", name=self.name(i))
        now = scrape(self.relay)
        ready = now["relayd_account_ready"].samples
        self.assertEqual(len(ready), 201)
        other = ("relayd_account_ready", (("account", "(other)"),))
        self.assertEqual(ready[other], 1)
        self.assertEqual(sum(ready.values()), self.MANY - 3)
        self.assertEqual(len(now["relayd_account_gate_shut"].samples) % 201,
                         0)
        # It all comes through the control socket as well.
        rows = self.relay.control.rows("metrics")
        self.assertEqual([r["name"] for r in rows], list(now))


class Full(Case):
    conf = {**CONF, "max_connections": "2"}

    def test_metrics_are_read_when_no_client_gets_in(self):
        with self.relay.connect(), self.relay.connect(), self.relay.connect():
            until("a listener that rests", lambda: value(
                scrape(self.relay), "relayd_accept_rests_total") > 0)
            self.assertEqual(
                value(scrape(self.relay), "relayd_connections"), 2)

    def test_readers_take_no_place_from_clients(self):
        socks = [connect(self.relay) for _ in range(30)]
        try:
            self.assertEqual(ask(self.relay, ANTHROPIC).status, 200)
        finally:
            for s in socks:
                s.close()


class End(unittest.TestCase):
    def test_without_the_option_there_is_no_address(self):
        relay = Relay()
        self.addCleanup(relay.close)
        self.assertEqual(metric_ports(relay), [])
        self.assertIn("relayd_build_info",
                      {r["name"] for r in relay.control.rows("metrics")})

    def test_draining_is_told_until_the_end(self):
        up = Upstream(program("practice-upstream"))
        self.addCleanup(up.stop)
        relay = Relay(CONF)
        self.addCleanup(relay.close)
        relay.account("claude-api", "a1", f"http://127.0.0.1:{up.ports[0]}",
                      "sk-a1")
        key = relay.new_key("k")
        with relay.connect() as s:
            s.sendall(ask_bytes(key, ANTHROPIC,
                                keys="events=8;size=4000;stall=2000"))
            s.recv(1)
            self.assertEqual(value(scrape(relay), "relayd_draining"), 0)
            relay.kill(15)
            relay.wait_log(" drain ")
            self.assertEqual(value(scrape(relay), "relayd_draining"), 1)
        self.assertEqual(relay.ended(), 0)
