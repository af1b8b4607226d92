# SPDX-License-Identifier: MIT
"""case_usage.py - what was used, by whom and when, in the zone of the owner of
the host, also after that changed."""
import re

from house import Case, Refused, until
from speech import ANTHROPIC, ask

SINGLE = ("all", "key", "account", "model", "client", "user")
PAIRS = ("key-model", "account-model")


class Usage(Case):
    conf = {"timezone": "Asia/Kolkata"}

    @classmethod
    def furnish(cls):
        super().furnish()
        cls.ann = cls.relay.new_key("ann", owner="uid:4001", tags="ci,night")
        cls.ben = cls.relay.new_key("ben", owner="uid:4002", tags="ci")
        for key, times in ((cls.ann, 3), (cls.ben, 2)):
            for _ in range(times):
                cls.relay.receipt(ask(cls.relay, ANTHROPIC, key=key))

    def shown(self, **params):
        return self.relay.call("usage.show", since="1d", **params)

    def requests_by(self, **params):
        return {r["name"]: r["requests"] for r in self.shown(**params)["rows"]}

    def verified(self):
        def probe():
            # Whoever asks right after a start is before the move.
            if self.shown(by="all")["moving"]:
                return None
            try:
                return self.relay.call("usage.verify")
            except Refused as e:
                if e.code != "busy":
                    raise
        return until("sums that are not moving", probe)

    def test_each_request_is_told_by_whatever_one_asks(self):
        for by in SINGLE + PAIRS:
            for per in ("total", "hour", "day", "week", "month"):
                data = self.shown(by=by, per=per)
                told = sum(r["requests"] for r in data["rows"])
                self.assertEqual((told, data["total"]["requests"]), (5, 5),
                                 (by, per))
        self.assertEqual(self.requests_by(by="user"),
                         {"uid:4001": 3, "uid:4002": 2})
        self.assertEqual(self.requests_by(by="tag"), {"ci": 5, "night": 3})
        self.assertEqual(self.requests_by(by="key", top=1),
                         {self.relay.call("key.show", key="ann")["id"]: 3})
        self.assertEqual(self.shown(by="model", key="ben")["total"]
                         ["requests"], 2)

    def test_receipts_are_found_by_what_usage_is_told_by(self):
        relay = self.relay
        client = relay.receipts()[0]["client"]
        for params, count in (({"user": "uid:4001"}, 3), ({"tag": "ci"}, 5),
                              ({"tag": "night"}, 3), ({"tag": "nigh"}, 0),
                              ({"client": client}, 5), ({"client": "none"}, 0),
                              ({"user": ""}, 0), ({"account": ""}, 0),
                              ({"outcome": "ok"}, 5), ({"outcome": "cut"}, 0),
                              ({"tag": "ci", "key": "ben"}, 2)):
            self.assertEqual(len(relay.receipts(**params)), count, params)
        with self.assertRaises(Refused) as r:
            relay.receipts(outcome="moon")
        self.assertRegex(str(r.exception), "interrupted")

    def test_periods_begin_in_the_zone(self):
        data = self.shown(by="all", per="hour")
        self.assertEqual(data["zone"], "Asia/Kolkata")
        for row in data["rows"]:
            self.assertRegex(row["at"], r"T\d\d:00\+05:30$")
        day, = self.shown(by="all", per="day")["rows"]
        self.assertRegex(day["at"], r"T00:00\+05:30$")
        self.assertNotIn("at", self.shown(by="all")["rows"][0])

    def test_what_cannot_be_told_is_refused_with_what_can(self):
        for params, code, words in (
                ({"by": "moon"}, "value", "account-model"),
                ({"per": "year"}, "value", "month"),
                ({"by": "user", "model": "x"}, "unsupported", "leave out --by"),
                ({"by": "tag", "per": "minute"}, "unsupported", "hour"),
                ({"by": "key", "until": "yesterday"}, "value", "before")):
            with self.assertRaises(Refused) as r:
                self.shown(**params)
            self.assertEqual(r.exception.code, code)
            self.assertRegex(str(r.exception), words)

    def test_another_zone_moves_the_sums(self):
        self.addCleanup(self.restart, "Asia/Kolkata")
        self.restart("America/New_York")
        self.assertEqual(self.verified()["differences"], 0)
        for by in SINGLE + PAIRS:
            data = self.shown(by=by, per="hour")
            self.assertEqual(data["zone"], "America/New_York")
            self.assertFalse(data["moving"])
            self.assertEqual(sum(r["requests"] for r in data["rows"]), 5, by)
            for row in data["rows"]:
                self.assertTrue(re.search(r"T\d\d:00-0[45]:00$", row["at"]))

    def restart(self, zone):
        self.relay.stop()
        self.relay.configure({"timezone": zone})
        self.relay.start()
        self.assertEqual(self.verified()["differences"], 0)


class Errors(Case):
    def test_all_that_did_not_end_with_a_whole_answer(self):
        self.relay.receipt(ask(self.relay, ANTHROPIC))
        self.relay.receipt(ask(self.relay, ANTHROPIC, body=b"{"))
        self.rules(*((n, "status=400") for n in ("a1", "a2")))
        self.relay.receipt(ask(self.relay, ANTHROPIC))
        total = self.relay.call("usage.show", by="all", since="1d")["total"]
        self.assertEqual((total["requests"], total["errors"]), (3, 2))
        told = [r["outcome"] for r in self.relay.receipts()]
        self.assertEqual(sorted(told), ["ok", "refused", "upstream"])
