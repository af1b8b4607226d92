# SPDX-License-Identifier: MIT
"""case_keys.py - keys as operators run them, in a whole daemon: many at once,
with limits, removed and brought back, and right after a kill."""
import csv
import io
import json
import signal
import subprocess
import threading

from house import Case, Refused, program
from speech import ANTHROPIC, ask


class Keys(Case):
    def setUp(self):
        super().setUp()
        for row in self.relay.control.rows("key.list"):
            if row["name"] != "case":
                self.relay.call("key.rm", key=row["id"])
        self.relay.call("key.purge", all=True)
        self.relay.set(trash_keep="30d")

    def ctl(self, *words, status=0, given=None):
        ran = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            capture_output=True, text=True, input=given,
            stdin=None if given is not None else subprocess.DEVNULL)
        self.assertEqual(ran.returncode, status, ran.stdout + ran.stderr)
        return ran

    def refused(self, error, /, *args, **params):
        with self.assertRaises(Refused) as no:
            self.relay.call(*args, **params)
        self.assertEqual(no.exception.code, error)
        return str(no.exception)

    def ask(self, value):
        return ask(self.relay, ANTHROPIC, key=value, stream=False)

    def names(self, method="key.list", **params):
        return [r["name"] for r in self.relay.control.rows(method, **params)]

    def limits(self, key):
        return sorted((b["limit"], b["window"], b["class"]) for b in
                      self.relay.control.rows("budget.list", key=key))

    # --- many at once

    def test_many_keys_at_once_from_the_terminal(self):
        ran = self.ctl("key", "create", "team", "--count", "12", "--tags",
                       "staff", "--daily", "5usd")
        rows = [line.split("\t") for line in ran.stdout.splitlines()]
        self.assertEqual([r[0] for r in rows],
                         [f"team-{n:02}" for n in range(1, 13)])
        self.assertIn("shown this once", ran.stderr)
        for _, value in (rows[0], rows[11]):
            self.assertEqual(self.ask(value).status, 200)
        self.assertEqual(self.names(tag="staff"), [r[0] for r in rows])
        self.assertEqual(self.limits("team-12"), [("5.00 usd", "day", "")])
        table = self.ctl("--csv", "key", "create", "csv", "--count", "2").stdout
        made = list(csv.DictReader(io.StringIO(table)))
        self.assertEqual([m["name"] for m in made], ["csv-01", "csv-02"])
        self.assertEqual(self.ask(made[1]["value"]).status, 200)
        made = json.loads(self.ctl("--json", "key", "create", "j", "--count",
                                   "2").stdout)["made"]
        self.assertEqual(self.ask(made[0]["value"]).status, 200)

    def test_a_batch_that_cannot_be_is_refused_whole(self):
        self.relay.new_key("a-02")
        for count in (0, 1, 501):
            self.refused("value", "key.create", name="b", count=count)
        said = self.refused("exists", "key.create", name="a", count=2)
        self.assertIn("a-02", said)
        self.refused("value", "key.create", name="x" * 61, count=2)
        self.assertEqual(self.names(), ["case", "a-02"])
        self.relay.call("key.create", name="a", count=100)
        dry = self.relay.call("key.create", name="c", count=120, rpm=7,
                              dry_run=True)
        self.assertEqual((dry["first"], dry["last"], dry["count"]),
                         ("c-001", "c-120", 120))
        self.assertEqual(dry["limits"], [{"limit": "7 requests",
                                          "window": "1m-sliding",
                                          "class": ""}])
        self.assertEqual(len(self.names()), 102)

    def test_five_hundred_are_made_while_clients_are_served(self):
        made = {}

        def make():
            made.update(self.relay.call(
                "key.create", name="big", count=500, daily="5 usd",
                total="100 usd", rpm=60))
        maker = threading.Thread(target=make)
        maker.start()
        while maker.is_alive():
            self.assertEqual(self.ask(self.relay.key).status, 200)
        maker.join()
        self.assertEqual(len({m["value"] for m in made["made"]}), 500)
        self.assertEqual(len(self.names()), 501)
        self.assertEqual(self.ask(made["made"][499]["value"]).status, 200)
        self.assertTrue(self.relay.call("audit.verify")["whole"])

    def test_a_kill_in_the_middle_leaves_all_or_none(self):
        """At many moments: relayd dies after so many slices are kept."""
        seen = set()
        for rows in (0, 1, 40, 90, 200, 340, 700):
            before = len(self.names())
            self.relay.control.send("key.create", {
                "name": f"kill{rows}", "count": 340, "daily": "5 usd"})
            # Its audit tells how far it has come.
            while rows:
                other = type(self.relay.control)(self.relay.socket)
                last = other.data("audit.list", limit=1)
                kept = other.data("key.list", limit=1) and last[0]["number"]
                other.close()
                if rows <= kept:
                    break
            self.relay.kill(signal.SIGKILL)
            self.relay.ended()
            self.relay.start()
            now = len(self.names())
            self.assertIn(now - before, (0, 340))
            seen.add(now - before)
            budgets = [b["subject"] for b in
                       self.relay.control.rows("budget.list")]
            keys = {r["id"] for r in self.relay.control.rows("key.list")}
            self.assertLessEqual(set(budgets), keys)
            self.assertTrue(self.relay.call("audit.verify")["whole"])
        self.assertIn(0, seen)

    # --- limits

    def test_the_limits_of_older_relays_are_said_with_the_key(self):
        self.relay.call("key.create", name="old", daily="5usd",
                        total="100 usd", weekly_opus="20usd",
                        weekly_at="fri/08:00", rpm=60,
                        window="5h: 10usd, 1000 requests", rated=True)
        self.assertEqual(self.limits("old"), sorted([
            ("5.00 usd rated", "day", ""), ("100.00 usd rated", "life", ""),
            ("20.00 usd rated", "week@fri/08:00", "claude-opus*"),
            ("60 requests", "1m-sliding", ""),
            ("10.00 usd rated", "5h", ""), ("1000 requests", "5h", "")]))
        # One like it has them too; what is said beside it goes first.
        self.relay.call("key.create", name="new", like="old", daily="7 usd",
                        rated=True)
        self.assertIn(("7.00 usd rated", "day", ""), self.limits("new"))
        self.assertEqual(len(self.limits("new")), 6)

    def test_a_limit_that_makes_no_sense_is_refused_with_its_name(self):
        for field, params in (
                ("daily", {"daily": "lots"}), ("total", {"total": "5"}),
                ("weekly_opus", {"weekly_opus": "5 requests"}),
                ("weekly_at", {"weekly_at": "mon"}),
                ("weekly_opus", {"weekly_opus": "5usd", "weekly_at": "xyz"}),
                ("window", {"window": "10usd"}), ("window", {"window": "5h:"}),
                ("window", {"window": "5 parsecs: 1usd"}),
                ("rated", {"rated": True})):
            with self.assertRaises(Refused) as no:
                self.relay.call("key.create", name="k", **params)
            self.assertEqual((no.exception.code, no.exception.field),
                             ("value", field))
        self.assertEqual(self.names(), ["case"])

    def test_a_limit_holds_from_the_first_request_on(self):
        value = self.relay.new_key("few", rpm=2)
        self.assertEqual([self.ask(value).status for _ in range(3)][:2],
                         [200, 200])
        self.assertIn(self.ask(value).status, (402, 429))

    # --- the trash

    def test_a_removed_key_is_refused_and_comes_back_as_it_was(self):
        value = self.relay.new_key("mine", daily="5 usd", tags="t", note="n")
        self.assertEqual(self.ask(value).status, 200)
        kid = self.relay.call("key.show", key="mine")["id"]
        said = self.ctl("key", "rm", "mine").stdout
        self.assertIn("key restore " + kid, said)
        answer = self.ask(value)
        self.assertEqual(answer.status, 401)
        self.assertIn(b"this API key was deleted", answer.body)
        self.assertEqual(self.names(), ["case"])
        self.refused("unknown", "key.show", key=kid)
        self.refused("unknown", "key.enable", key="mine")
        row, = self.relay.call("key.trash")
        self.assertEqual((row["name"], row["state"]), ("mine", "deleted"))
        self.assertEqual(row["purge_at"] - row["deleted_at"],
                         30 * 24 * 3600 * 1000)
        listed = self.ctl("key", "trash").stdout
        self.assertIn(kid, listed)
        # What it used is still called by its name, and by its value.
        self.assertIn("mine", self.ctl("usage", "--by", "key").stdout)
        found = self.relay.call("key.find", value=value)
        self.assertEqual((found["id"], found["state"]), (kid, "deleted"))
        # Across a restart too.
        self.relay.stop()
        self.relay.start()
        self.assertEqual(self.ask(value).status, 401)
        # The name is free; then it is not.
        self.relay.new_key("mine")
        self.refused("exists", "key.restore", key=kid)
        self.ctl("key", "restore", kid, "--name", "again")
        self.assertEqual(self.ask(value).status, 200)
        back = self.relay.call("key.show", key=kid)
        self.assertEqual((back["name"], back["tags"], back["note"],
                          back["deleted_at"], back["deleted_by"]),
                         ("again", "t", "n", 0, ""))
        self.assertEqual(self.limits(kid), [("5.00 usd", "day", "")])

    def test_what_is_purged_is_gone_with_its_limits(self):
        values = [self.relay.new_key(f"p{n}", daily="5 usd") for n in range(3)]
        self.refused("value", "key.purge")
        self.refused("value", "key.purge", key="p0", all=True)
        self.refused("unknown", "key.purge", key="p0")
        for n in range(3):
            self.relay.call("key.rm", key=f"p{n}")
        self.assertEqual(len(self.relay.control.rows("budget.list")), 3)
        self.assertIn("1 key is gone",
                      self.ctl("key", "purge", "p0").stdout)
        dry = self.relay.call("key.purge", all=True, dry_run=True)
        self.assertEqual(dry["purged"], 2)
        self.assertEqual(self.names("key.trash"), ["p1", "p2"])
        self.assertIn("2 keys are gone",
                      self.ctl("key", "purge", "--all").stdout)
        self.assertIn("empty", self.ctl("key", "trash").stdout)
        self.assertEqual(self.relay.control.rows("budget.list"), [])
        answer = self.ask(values[1])
        self.assertEqual(answer.status, 401)
        self.assertIn(b"not known", answer.body)
        self.assertTrue(self.relay.call("audit.verify")["whole"])

    def test_only_admins_remove_restore_and_purge(self):
        for method in ("key_rm", "key_restore", "key_purge"):
            self.assertIn(method.replace("_", " "),
                          self.ctl("help", "key").stdout)
