# SPDX-License-Identifier: MIT
"""case_keys.py - keys as operators run them, in a whole daemon: many at once,
with limits, removed and brought back, and right after a kill."""
import csv
import io
import json
import signal
import subprocess
import threading

from house import Case, Refused, program, until
from speech import ANTHROPIC, ask


class Keys(Case):
    def setUp(self):
        super().setUp()
        for row in self.relay.control.rows("key.list"):
            if row["name"] != "case":
                self.relay.call("key.rm", key=row["id"])
        self.relay.call("key.purge", all=True)
        for row in self.relay.control.rows("budget.list"):
            self.relay.call("budget.rm", budget=row["id"])
        for row in self.relay.call("template.list"):
            self.relay.call("template.rm", template=row["id"])
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
        self.assertEqual(sorted(self.names("key.trash")), ["p1", "p2"])
        self.assertIn("2 keys are gone",
                      self.ctl("key", "purge", "--all").stdout)
        self.assertIn("empty", self.ctl("key", "trash").stdout)
        self.assertEqual(self.relay.control.rows("budget.list"), [])
        answer = self.ask(values[1])
        self.assertEqual(answer.status, 401)
        self.assertIn(b"not known", answer.body)
        self.assertTrue(self.relay.call("audit.verify")["whole"])

    def test_what_has_lain_long_enough_is_purged_by_itself(self):
        self.relay.new_key("soon", daily="5 usd")
        self.relay.call("key.rm", key="soon")
        self.assertIn("purge_at", self.relay.call("key.trash")[0])
        self.relay.set(trash_keep="0")
        self.assertNotIn("purge_at", self.relay.call("key.trash")[0])
        self.relay.set(trash_keep="1ms")
        until("an empty trash", lambda: not self.relay.call("key.trash"))
        self.assertEqual(self.relay.control.rows("budget.list"), [])
        last, = self.relay.call("audit.list", type="key", limit=1)
        self.assertEqual(last["method"], "trash_keep")

    # --- many that are there

    def test_many_keys_are_changed_at_once_each_by_itself(self):
        self.relay.call("key.create", name="t", count=40, tags="staff,a")
        self.relay.new_key("other", tags="b")
        said = self.ctl("key", "set", "--match", "t-*", "--tags", "+b,-a",
                        "--dry-run").stdout
        self.assertIn("t-40:", said)
        self.assertIn("staff,b", said)
        self.assertIn("40 would change, 0 would not, 0 are refused", said)
        self.assertEqual(self.names(tag="b"), ["other"])
        said = self.ctl("key", "set", "--match", "t-*", "--tags", "+b,-a",
                        "--note", "x").stdout
        self.assertIn("40 changed, 0 were so already, 0 refused.", said)
        self.assertEqual(self.names(tag="a"), [])
        rows = self.relay.control.rows("key.list", tag="b")
        self.assertEqual(len(rows), 41)
        self.assertEqual({r["tags"] for r in rows}, {"staff,b", "b"})
        # Those that cannot are told, and hold nobody up.
        self.relay.call("key.set", key="other", tags="y" * 190)
        self.relay.call("key.set", key="t-07", owner="uid:1")
        found = self.relay.call("key.set", match="*",
                                tags="+" + "z" * 20)
        self.assertEqual((found["changed"], found["refused"]), (41, 1))
        why, = [r for r in found["rows"] if r["result"] == "refused"]
        self.assertEqual(why["name"], "other")
        self.assertIn("200 bytes", why["why"])
        found = self.relay.call("key.set", owned_by="uid:1", note="mine")
        self.assertEqual([r["name"] for r in found["rows"]], ["t-07"])
        found = self.relay.call("key.set", owned_by="uid:1", note="mine")
        self.assertEqual(found["unchanged"], 1)
        self.refused("unknown", "key.set", match="nobody*", note="x")
        self.refused("value", "key.set", note="x")
        self.refused("value", "key.set", key="other", tag="b", note="x")
        self.refused("value", "key.set", tag="b", name="x")
        self.refused("value", "key.set", key="other", tags="+a,b")

    def test_five_hundred_are_changed_while_clients_are_served(self):
        self.relay.call("key.create", name="n", count=500)
        over = {}

        def change():
            over.update(self.relay.call("key.set", match="n-*", rate="2"))
        changer = threading.Thread(target=change)
        changer.start()
        while changer.is_alive():
            self.assertEqual(self.ask(self.relay.key).status, 200)
        changer.join()
        self.assertEqual((over["changed"], len(over["rows"])), (500, 500))
        said = self.refused("limit", "key.set", match="*", rate="1")
        self.assertIn("501", said)

    def test_a_tag_is_renamed_with_its_limits(self):
        value = self.relay.new_key("k", tags="old,x")
        self.relay.new_key("gone", tags="old")
        self.relay.call("key.rm", key="gone")
        self.relay.call("template.add", name="tt", tags="old")
        limit = self.relay.call("budget.add", scope="tag:old",
                                limit="1 requests", per="day")["id"]
        self.assertEqual(self.ask(value).status, 200)
        row = {r["tag"]: r for r in self.relay.call("tag.list")}["old"]
        self.assertEqual((row["keys"], row["deleted"], row["templates"],
                          row["budgets"]), (1, 1, 1, 1))
        self.refused("exists", "tag.rm", tag="old")
        self.refused("value", "tag.rename", tag="old", to="a,b")
        self.refused("unknown", "tag.rename", tag="nothing", to="b")
        said = self.ctl("tag", "rename", "old", "new", "--dry-run").stdout
        self.assertIn("3 would change", said)
        said = self.ctl("tag", "rename", "old", "new").stdout
        self.assertIn("3 changed", said)
        self.assertEqual(self.relay.call("key.show", key="k")["tags"],
                         "new,x")
        # The limit goes on where it was.
        found = self.relay.call("budget.show", budget=limit)
        self.assertEqual((found["subject"], found["used"]), ("new", 1))
        self.assertIn(self.ask(value).status, (402, 429))
        self.relay.stop()
        self.relay.start()
        self.assertIn(self.ask(value).status, (402, 429))
        self.relay.call("budget.rm", budget=limit)
        self.assertEqual(self.relay.call("tag.rm", tag="new")["changed"], 3)
        self.assertEqual([r["tag"] for r in self.relay.call("tag.list")],
                         ["x"])
        self.relay.call("template.rm", template="tt")

    # --- templates

    def test_a_template_keeps_all_and_is_no_key(self):
        said = self.ctl("template", "add", "team", "--tags", "t", "--rate",
                        "2", "--daily", "5usd", "--weekly-opus", "20 usd",
                        "--expires-after", "30d", "--models-allow",
                        "claude-*").stdout
        self.assertNotIn("cr_", said)
        shown = self.ctl("template", "show", "team").stdout
        self.assertIn("limit: 5.00 usd per day", shown)
        self.assertIn("of claude-opus*", shown)
        self.assertEqual(self.names(), ["case"])
        self.refused("unknown", "key.show", key="team")
        self.refused("unknown", "key.rotate", key="team")
        self.refused("unknown", "key.rm", key="team")
        self.refused("exists", "key.create", name="team")
        self.relay.call("template.set", template="team", note="n")
        made = self.relay.call("key.create", name="k", like="team",
                               count=3)["made"]
        row = self.relay.call("key.show", key="k-03")
        self.assertEqual((row["tags"], row["rate"], row["note"],
                          row["models_allow"], row["state"]),
                         ("t", "2", "n", "claude-*", "unused"))
        self.assertEqual(self.limits("k-02"), sorted([
            ("5.00 usd", "day", ""), ("20.00 usd", "week", "claude-opus*")]))
        self.assertEqual(self.ask(made[0]["value"]).status, 200)
        self.relay.call("budget.add", scope="key:team", limit="9 requests",
                        per="hour")
        self.relay.set(self_keys_max=3, self_keys_template="team")
        self.refused("busy", "template.rm", template="team")
        mine = self.relay.call("my.key.create", name="own")
        self.assertEqual(len(self.limits("own")), 3)
        self.assertEqual(mine["key"]["tags"], "t")
        self.relay.set(self_keys_max=0, self_keys_template="")
        budgets = len(self.relay.control.rows("budget.list"))
        self.assertIn("team", self.ctl("template", "ls").stdout)
        self.ctl("template", "rm", "team")
        self.assertEqual(len(self.relay.control.rows("budget.list")),
                         budgets - 3)
        self.assertEqual(self.relay.call("template.list"), [])

    # --- time

    def test_a_key_lives_for_longer_when_it_is_extended(self):
        day = 24 * 3600 * 1000
        self.relay.new_key("k", expires="5d")
        was = self.relay.call("key.show", key="k")["expires_at"]
        self.ctl("key", "extend", "k", "--by", "30d")
        now = self.relay.call("key.show", key="k")["expires_at"]
        self.assertEqual(now - was, 30 * day)
        value = self.relay.new_key("short", expires="1s")
        until("its end", lambda: self.ask(value).status == 401)
        self.relay.call("key.extend", key="short", by="1h")
        self.assertEqual(self.ask(value).status, 200)
        self.relay.new_key("ever")
        self.refused("value", "key.extend", key="ever", by="1d")
        for by in ("0", "soon", "30"):
            self.refused("value", "key.extend", key="k", by=by)
        self.refused("value", "key.extend", key="k")
        self.refused("limit", "key.extend", key="k", by="36500d")
        # One that was not used yet has more when it is.
        self.relay.new_key("later", expires_after="2d")
        self.relay.call("key.extend", key="later", by="1d")
        row = self.relay.call("key.activate", key="later")
        self.assertEqual(row["expires_at"] - row["activated_at"], 3 * day)
        self.assertEqual(row["state"], "active")
        self.refused("value", "key.activate", key="later")
        self.refused("value", "key.activate", key="k")
