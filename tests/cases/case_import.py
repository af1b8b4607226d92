# SPDX-License-Identifier: MIT
"""case_import.py - keys of another relay, in a whole daemon: clients go on with
the ones they have."""
import hashlib
import json
import os
import signal
import subprocess

from house import Case, Refused, program
from speech import ANTHROPIC, GEMINI, ask, head, raw

SALT = "canary-salt-of-the-other-relay-4"


def hashed(value, salt=SALT):
    return hashlib.sha256((value + salt).encode()).hexdigest()


class Import(Case):
    def setUp(self):
        super().setUp()
        call = self.relay.call
        for row in self.relay.control.rows("key.list"):
            if row["name"] != "case":
                call("key.rm", key=row["id"])
        call("key.purge", all=True)
        for row in call("template.list"):
            call("template.rm", template=row["id"])
        for row in call("salt.list"):
            call("salt.rm", name=row["name"])
        self.relay.set(reveal="off")

    def path(self, name, text):
        path = os.path.join(self.relay.dir, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def ctl(self, *words, status=0, given=None):
        ran = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            capture_output=True, text=True, input=given,
            stdin=None if given is not None else subprocess.DEVNULL)
        self.assertEqual(ran.returncode, status, ran.stdout + ran.stderr)
        return ran

    def take(self, rows, *more, salt=SALT, status=0):
        words = ["--json", "key", "import", "--from", "-", *more]
        if salt:
            words += ["--salt-file", self.path("salt", salt + "\n")]
        ran = self.ctl(*words, given=json.dumps(rows), status=status)
        return json.loads(ran.stdout if not status else ran.stderr)

    def status(self, value):
        return ask(self.relay, ANTHROPIC, key=value, stream=False).status

    def names(self):
        return [r["name"] for r in self.relay.control.rows("key.list")]

    def test_clients_go_on_with_the_keys_they_have(self):
        old = "cr_" + "0123456789abcdef" * 4
        own = "another-prefix-and-as-long-as-it-likes"
        self.relay.call("template.add", name="staff", tags="t",
                        daily="5 usd")
        found = self.take([
            {"name": "alice", "hash": hashed(old), "owner": "uid:7",
             "note": "n", "rate": "2", "like": "staff", "rpm": 60},
            {"name": "bob", "hash": hashed(own).upper(), "disabled": True},
            {"name": "carol", "value": "sk-of-carol-0123456789"}])
        self.assertEqual((found["added"], found["refused"]), (3, 0))
        self.assertEqual([r["row"] for r in found["rows"]], [1, 2, 3])
        row = self.relay.call("key.show", key=found["rows"][0]["id"])
        self.assertEqual((row["name"], row["owner"], row["note"], row["rate"],
                          row["tags"], row["foreign_salt"]),
                         ("alice", "uid:7", "n", "2", "t", "imported"))
        self.assertEqual(len(self.relay.control.rows("budget.list",
                                                     key="alice")), 2)
        for _ in range(2):
            self.assertEqual(self.status(old), 200)
            self.assertEqual(self.status(own), 401)
            self.assertEqual(self.status("sk-of-carol-0123456789"), 200)
            self.assertEqual(self.status(old + "x"), 401)
            self.relay.stop()
            self.relay.start()
        self.relay.call("key.enable", key="bob")
        # Wherever a key may stand.
        self.assertEqual(self.status(own), 200)
        self.assertEqual(ask(self.relay, GEMINI, key=own,
                             stream=False).status, 200)
        answer = raw(self.relay, head("GET", "/v1beta/models?key=" + own,
                                      [("host", "r")]))
        self.assertEqual(answer.status, 200)
        for value, name in (old, "alice"), (own, "bob"):
            self.assertEqual(self.relay.call("key.find",
                                             value=value)["name"], name)
        ran = self.ctl("key", "find", "--value", "-", given=own + "\n")
        self.assertIn("bob", ran.stdout)
        self.assertEqual(self.relay.call("salt.list"),
                         [{"name": "imported", "keys": 2}])
        self.assertRegex(self.ctl("salt", "ls").stdout, r"imported\s+2")
        # A value of ours takes the place of the old one, after its grace.
        new = self.relay.call("key.rotate", key="alice", grace="1h")["value"]
        self.assertEqual((self.status(old), self.status(new)), (200, 200))
        self.relay.call("key.rotate", key="bob")
        self.assertEqual(self.status(own), 401)
        with self.assertRaises(Refused) as no:
            self.relay.call("salt.rm", name="imported")
        self.assertEqual(no.exception.code, "busy")
        self.relay.call("key.rotate", key="alice")
        self.assertEqual(self.status(old), 401)
        self.ctl("salt", "rm", "imported")
        self.assertEqual(self.relay.call("salt.list"), [])
        self.relay.call("template.rm", template="staff")

    def test_a_rehearsal_says_of_each_row_what_would_become_of_it(self):
        self.relay.new_key("taken")
        good = {"name": "x", "hash": hashed("cr_one-of-the-others")}
        table = (
            (good, ""),
            ({"name": "x", "value": "another-value"}, "already"),
            ({"name": "y", "hash": good["hash"]}, "twice"),
            ({"name": "z", "value": "of-two-the-same"}, ""),
            ({"name": "zz", "value": "of-two-the-same"}, "twice"),
            ({"name": "taken", "value": "another-value"}, "already"),
            ({"name": "a", "value": self.relay.key}, "here already"),
            ({"name": "b"}, "either a hash or a value"),
            ({"name": "c", "hash": hashed("c"), "value": "0123456789"},
             "either a hash or a value"),
            ({"name": "d", "hash": "abc"}, "64 hex digits"),
            ({"name": "e", "hash": "g" * 64}, "64 hex digits"),
            ({"name": "f", "value": "short"}, "from 10 to 512"),
            ({"name": "g", "value": "with a blank"}, "letters"),
            ({"name": "h", "value": "0123456789", "rate": "0"}, "rate"),
            ({"name": "i", "value": "0123456789", "rpm": "many"}, "rpm"),
            ({"name": "j", "value": "0123456789", "colour": "red"},
             "colour"),
            ({"name": "k", "value": "0123456789", "count": 3}, "count"),
            ({"name": "l", "value": "0123456789", "disabled": "yes"},
             "disabled"),
            ({"name": "m", "value": "0123456789", "like": "nobody"}, "like"),
            ({"name": "n", "value": "0123456789", "bind": "acct:none"},
             "none"),
            ({"name": 7, "value": "0123456789"}, "name"),
            ({"name": "n", "value": 7}, "texts"),
            ({"value": "0123456789"}, "name"),
            (["name"], "object"),
        )
        rows = [row for row, _ in table]
        for dry in (True, False):
            found = self.take(rows, *(["--dry-run"] if dry else []))
            for (row, want), got in zip(table, found["rows"], strict=True):
                self.assertEqual(got["result"],
                                 "refused" if want else "added", (row, got))
                self.assertIn(want, got.get("why", ""), row)
            self.assertEqual((found["added"], found["refused"]),
                             (2, len(table) - 2))
            self.assertEqual(sorted(self.names()), ["case", "taken"] +
                             ([] if dry else ["x", "z"]))
        found = self.take(rows)
        self.assertEqual(found["added"], 0)

    def test_what_cannot_be_imported_at_all_is_refused_whole(self):
        row = {"name": "x", "hash": hashed("cr_one-of-the-others")}
        many = [{"name": f"n{i}", "value": f"0123456789-{i}"}
                for i in range(501)]
        for rows in ([], {}, {"keys": []}, {"keys": 7}, 7):
            said = self.take(rows, status=1)["error"]
            self.assertEqual((said["code"], said["field"]),
                             ("syntax" if rows == 7 else "value", "from"))
        self.assertIn("501", self.take(many, status=1)["error"]["message"])
        self.ctl("key", "import", "--from", "-", given="[{", status=1)
        self.ctl("key", "import", status=1)
        self.assertEqual(self.take([row], "--salt-name", "a/b",
                                   status=1)["error"]["field"], "salt_name")
        # A hash needs a salt, and a name stands for one salt.
        for more in ((), ("--dry-run",)):
            found = self.take([row], *more, salt=None)
            self.assertIn("--salt-file", found["rows"][0]["why"])
        self.take({"keys": [row]})
        said = self.take([row], salt="another", status=1)["error"]
        self.assertEqual(said["code"], "exists")
        self.take([{"name": "y", "hash": hashed("cr_of-another", "another")}],
                  "--salt-name", "two", salt="another")
        self.take([{"name": "z", "hash": hashed("cr_z-of-another",
                                                "another")}],
                  "--salt-name", "two", salt=None)
        self.assertEqual([self.status(v) for v in (
            "cr_one-of-the-others", "cr_of-another", "cr_z-of-another")],
            [200] * 3)
        for name in ("x", "y", "z"):
            self.relay.call("key.rotate", key=name)

    def test_five_hundred_at_once_and_at_the_terminal(self):
        rows = [{"name": f"n{i:03}", "hash": hashed(f"cr_key-number-{i}"),
                 "daily": "5 usd"} for i in range(500)]
        words = ("key", "import", "--from", self.path("f", json.dumps(rows)),
                 "--salt-file", self.path("salt", SALT))
        self.assertIn("500 would be added, 0 are refused.",
                      self.ctl(*words, "--dry-run").stdout)
        self.assertEqual(self.names(), ["case"])
        self.assertIn("500 added, 0 refused.", self.ctl(*words).stdout)
        for i in (0, 250, 499):
            self.assertEqual(self.status(f"cr_key-number-{i}"), 200)
        self.assertTrue(self.relay.call("audit.verify")["whole"])
        self.assertEqual(self.ctl("--csv", *words).stdout.count("refused"),
                         500)

    def test_values_and_salts_are_nowhere_in_clear(self):
        value = "canary-value-of-dora-4711"
        self.relay.set(reveal="sealed")
        self.take([{"name": "dora", "value": value},
                   {"name": "emil", "hash": hashed("cr_of-emil-0815")}])
        self.assertEqual(self.relay.call("key.reveal",
                                         key="dora")["value"], value)
        with self.assertRaises(Refused) as no:
            self.relay.call("key.reveal", key="emil")
        self.assertEqual(no.exception.code, "unknown")
        self.assertEqual(self.status("cr_of-emil-0815"), 200)
        self.relay.at_rest()
        self.relay.kill(signal.SIGKILL)
        self.relay.ended()
        words = [w.encode() for w in (value, SALT, "cr_of-emil-0815")]
        seen = 0
        for at, _, names in os.walk(self.relay.state):
            for name in names:
                with open(os.path.join(at, name), "rb") as f:
                    seen += 1
                    data = f.read()
                    for word in words:
                        self.assertNotIn(word, data, name)
        self.assertGreater(seen, 2)
        for word in words:
            self.assertNotIn(word, self.relay.all_log.encode())
        self.relay.start()
        self.assertEqual(self.status("cr_of-emil-0815"), 200)
        self.relay.call("key.rotate", key="emil")
