# SPDX-License-Identifier: MIT
"""case_screen.py - what relayctl tells of real requests: the same to people, to
spreadsheets and to programs."""
import csv
import datetime
import io
import json
import os
import subprocess
import zoneinfo

from house import Case, program, until
from speech import ANTHROPIC, CHAT, ask

WIDE = "张伟的笔记本电脑"
FORMULA = "=SUM(A1)"
# Model, dialect, usage: in, out, cache read, writes of 5 minutes and an hour.
ASKED = (
    ("case", "claude-sonnet-4-5-20250929", ANTHROPIC, "1000,500,20000,50,5,0"),
    (WIDE, "claude-opus-4-8", ANTHROPIC, "90000,5000,0,0,700,0"),
    (WIDE, "gpt-5", CHAT, "10000,1000,8000,0,0,0"),
    (FORMULA, "never-heard-of", ANTHROPIC, "7,3,0,0,0,0"),
)
NUMBERS = ("requests", "errors", "input", "output", "cache_read",
           "cache_write_5m", "cache_write_1h", "reasoning", "searches",
           "estimated", "unpriced")
BYS = ("key", "model", "account", "client", "user", "tag", "key-model",
       "account-model", "all")
PERS = ("total", "minute", "hour", "day", "week", "month")


class Screen(Case):
    # Not ours, and with days of 23 and 25 hours.
    conf = {"timezone": "Pacific/Auckland"}

    @classmethod
    def furnish(cls):
        super().furnish()
        r = cls.relay
        keys = {"case": r.key}
        for name in (WIDE, FORMULA):
            keys[name] = r.new_key(name, owner="=owner", tags="red,blue")
        for key, model, dialect, usage in ASKED:
            cls.up.script([{"credential": "sk-" + a, "do": "usage=" + usage}
                           for a in ("a1", "o1")])
            body = json.loads(dialect.body(True))
            body["model"] = model
            answer = ask(r, dialect, body=json.dumps(body).encode(),
                         key=keys[key])
            r.receipt(answer)
        until("all sums", lambda: r.call("usage.show", by="all")["total"]
              ["requests"] == len(ASKED))

    def ctl(self, *words, status=0, columns=None, locale="C.UTF-8"):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": locale,
                       "TERM": "xterm",
                       **{k: v for k, v in os.environ.items() if "SAN" in k}}
        if columns:
            environment["COLUMNS"] = str(columns)
        ran = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            capture_output=True, stdin=subprocess.DEVNULL, env=environment)
        self.assertEqual(ran.returncode, status, ran.stdout + ran.stderr)
        self.assertNotIn(b"\033", ran.stdout + ran.stderr)
        return (ran.stderr if status else ran.stdout).decode()

    def table(self, *words):
        text = self.ctl(*words, "--csv")
        self.assertTrue(text.endswith("\r\n"))
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def test_csv_and_json_tell_the_same(self):
        for by in BYS:
            for per in PERS:
                if per == "minute" and (by in ("client", "tag") or
                                        "-" in by):
                    continue  # These are kept by the hour.
                with self.subTest(by=by, per=per):
                    words = ("usage", "--by", by, "--per", per)
                    told = json.loads(self.ctl(*words, "--json"))
                    rows = self.table(*words)
                    self.assertEqual(len(rows), len(told["rows"]))
                    self.assertGreater(len(rows), 0)
                    for a, b in zip(rows, told["rows"]):
                        for n in NUMBERS:
                            self.assertEqual(int(a[n]), b[n])
                        for n in ("cost", "rated"):
                            whole, part = a[n + "_usd"].split(".")
                            self.assertEqual(len(part), 6)
                            self.assertEqual(int(whole + part),
                                             b[n + "_micro"])
                        for n in ("name", "model", "at"):
                            self.assertEqual(a[n].lstrip("'"), b.get(n, ""))
                    # Under two tags a request is counted twice.
                    if by != "tag":
                        self.assertEqual(sum(r["cost_micro"]
                                             for r in told["rows"]),
                                         told["total"]["cost_micro"])

    def test_a_name_is_never_a_formula(self):
        rows = self.table("usage", "--by", "key")
        self.assertIn("'" + FORMULA, [r["label"] for r in rows])
        self.assertIn("'" + FORMULA,
                      [r["name"] for r in self.table("key", "list")])
        for list_of in (("account", "list"), ("receipts",), ("routes",),
                        ("price", "list"), ("settings",), ("cost",),
                        ("account", "kinds"), ("config", "show"),
                        ("audit", "list"), ("usage", "top")):
            with self.subTest(list_of):
                for row in self.table(*list_of):
                    self.assertNotIn(None, row)
                    for cell in row.values():
                        self.assertFalse(cell.startswith(
                            ("=", "+", "-", "@", "\t")), cell)

    def test_what_is_no_list_is_no_csv(self):
        self.assertIn("no list", self.ctl("status", "--csv", status=2))
        self.assertIn("not both", self.ctl("usage", "--csv", "--json",
                                           status=2))
        self.assertIn("there are at, label, name",
                      self.ctl("usage", "--columns", "x", status=2))

    def test_columns_are_chosen(self):
        self.assertEqual(
            self.ctl("usage", "--key", WIDE, "--csv", "--columns",
                     "requests,INPUT"), "requests,input\r\n2,92000\r\n")

    def test_a_column_is_called_as_its_heading(self):
        for by, name in (("model", "gpt-5"), ("account", "o1"),
                         ("user", "=owner")):
            rows = self.ctl("usage", "--by", by, "--columns", by + ",cost",
                            columns=80)
            self.assertIn(name, rows)
        self.assertIn("gpt-5", [r["model"] for r in
                                self.table("usage", "--by", "model")])

    def test_screens_fit(self):
        for words in (("usage",), ("usage", "--per", "hour"),
                      ("usage", "--by", "key-model"), ("usage", "--chart"),
                      ("usage", "heat"), ("usage", "top"), ("cost",),
                      ("receipts",), ("audit", "list"), ("status",),
                      ("routes",), ("price", "check"), ("settings",),
                      ("usage", "recompute"), ("key", "list"),
                      ("help",), ("help", "--all"), ("help", "usage")):
            for columns in (80, 120, 200):
                with self.subTest(words, columns=columns):
                    for line in self.ctl(*words, columns=columns).split("\n"):
                        wide = sum("一" <= c <= "鿿" for c in line)
                        self.assertLessEqual(len(line) + wide, columns)
                        self.assertEqual(line, line.rstrip())

    def test_times_are_of_the_daemons_zone(self):
        zone = zoneinfo.ZoneInfo("Pacific/Auckland")
        at = self.relay.receipts()[0]["at"] / 1000
        text = f"{datetime.datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M}"
        for words in (("receipts",), ("audit", "list")):
            shown = self.ctl(*words, columns=80)
            self.assertIn("(times of Pacific/Auckland)", shown)
        self.assertIn(text, self.ctl("receipts", columns=80))
        self.assertRegex(self.ctl("status"), r"since +\S+ \S+ NZ[DS]T")
        self.assertIn(text.replace(" ", "T"), self.ctl("receipts", "--csv"))

    def test_what_has_no_price_is_said(self):
        for words in (("usage",), ("usage", "top"), ("usage", "--by", "model")):
            shown = self.ctl(*words, columns=80)
            self.assertRegex(shown, r"without a price: \d")
            self.assertIn("no price", shown)
        for row in self.table("usage", "top"):
            self.assertGreaterEqual(int(row["unpriced"]), 0)

    def test_a_filter_alone_says_by_what(self):
        for part, name in (("account", "a1"), ("client", "unknown"),
                           ("user", "=owner"), ("tag", "red")):
            told = json.loads(self.ctl("usage", "--" + part, name, "--json"))
            self.assertEqual(told["by"], part)
        self.assertIn("leave out --by",
                      self.ctl("usage", "--by", "key", "--tag", "red",
                               status=1))

    def test_help_of_a_command_that_begins_others_is_its_own(self):
        for words in (("help", "usage"), ("usage", "--help")):
            shown = self.ctl(*words)
            self.assertIn("[--by ", shown)
            self.assertIn("--per     total, minute, hour, day", shown)
            self.assertIn("usage recompute", shown)

    def test_an_option_is_explained_as_its_command_means_it(self):
        rule, budget = (self.ctl("help", noun, "add", columns=80)
                        for noun in ("rule", "budget"))
        self.assertRegex(rule, r"(?s)--action +return .*--for\), hold\n")
        self.assertRegex(rule, r"--scope +what cools: account, or family")
        self.assertNotIn("deny", rule)
        self.assertRegex(budget, r"--action +deny, warn")
        self.assertIn("group:NAME", budget)

    def test_a_key_that_does_not_expire_says_no_time(self):
        call = self.relay.call
        call("key.create", name="endless")
        self.assertNotIn("expires", self.ctl("key", "show", "endless"))
        call("key.set", key="endless", expires_after="3d")
        self.assertRegex(self.ctl("key", "show", "endless"),
                         r"expires after +3d")

    def test_what_went_wrong_stays_where_it_is_narrow(self):
        shown = self.ctl("receipts", columns=80).split("\n")
        for title in ("AT", "KEY", "MODEL", "OUTCOME", "STATUS", "COST"):
            self.assertIn(title, shown[0])
        self.assertIn("key create", self.ctl("audit", "list", columns=80))

    def test_ascii_is_enough(self):
        shown = self.ctl("usage", columns=80, locale="C").replace(WIDE, "")
        self.assertIn("#", shown)
        shown += self.ctl("usage", "heat", columns=80, locale="C")
        shown += self.ctl("cost", columns=80, locale="C")
        shown.encode("ascii")
        self.assertIn("█", self.ctl("usage", columns=80))

    def test_people_see_the_largest_first_and_a_total(self):
        lines = self.ctl("usage", columns=80).split("\n")
        self.assertIn("(Pacific/Auckland)", lines[0])
        self.assertTrue(lines[2].startswith(WIDE))
        total = next(l for l in lines if l.startswith("total"))
        micro = self.relay.call("usage.show")["total"]["cost_micro"]
        self.assertIn(f"${micro / 1e6:.2f}", total)

    def test_requests_are_told_as_they_end(self):
        for words in (("tail",), ("usage", "tail")):
            tail = subprocess.Popen(
                [program("relayctl"), "--socket", self.relay.socket, *words,
                 "--csv"], stdout=subprocess.PIPE, text=True)
            try:
                names = tail.stdout.readline().rstrip().split(",")
                answer = ask(self.relay, ANTHROPIC,
                             body=ANTHROPIC.body(True))
                row = dict(zip(names, next(csv.reader(
                    [tail.stdout.readline()]))))
            finally:
                tail.kill()
                tail.wait()
                tail.stdout.close()
            self.assertEqual(row["id"], self.relay.receipt(answer)["id"])
            self.assertEqual(row["outcome"], "ok")
            self.assertEqual(row["flags"], "stream unpriced")

    def test_a_sum_explains_itself(self):
        paid = next(r for r in self.relay.receipts()
                    if r["model"] == ASKED[0][1])
        shown = self.ctl("usage", "explain", paid["id"])
        self.assertRegex(shown, r"input tokens +1000 +x +3 +per million +=")
        self.assertRegex(shown, r"together +=")
        self.assertIn(f"${paid['cost_micro'] / 1e6:.6f}", shown)
        self.assertRegex(shown, r"key +case\n")
        self.assertRegex(shown, r"from +packaged\nversion +\S+")
        free = next(r for r in self.relay.receipts()
                    if r["model"] == ASKED[3][1])
        shown = self.ctl("usage", "explain", free["id"])
        self.assertRegex(shown, r"input tokens +7 +no price")
        self.assertIn("no price list had the model", " ".join(shown.split()))

    def test_what_is_empty_says_what_to_do(self):
        self.assertIn("relayctl usage --since",
                      self.ctl("usage", "--key", "case", "--until",
                               "2020-01-02", "--since", "2020-01-01"))
        self.assertIn("relayctl tail",
                      self.ctl("receipts", "--until", "2020-01-01"))
        self.assertIn("relayctl account add",
                      " ".join(self.ctl("account", "list", "--state",
                                        "gone").split()))
