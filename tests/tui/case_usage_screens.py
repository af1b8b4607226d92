# SPDX-License-Identifier: MIT
"""case_usage_screens.py - what was used and what it costs, from the sums to one
request; prices, rates, vouchers, the audit.  Sums are relayctl's."""
import grp
import json
import os
import subprocess
import tempfile
import unittest

from house import Case, program
from screens import SIZES, environment, play, run, width
from speech import ANTHROPIC, RESPONSES, ask

WIDE = "张伟的密钥😀"
# How each is reached, and a word of it in English and in Chinese.
SCREENS = (
    (("text :usage", "key Enter"), "by key", "按 密钥"),
    (("text :usage", "key Enter", "settle", "key v"), "columns over time",
     "随时间的柱状图"),
    (("text :usage", "key Enter", "settle", "key v v"), "hours of the week",
     "一周各小时"),
    (("text :usage", "key Enter", "settle", "key c"), "Usage of which time?",
     "哪段时间的用量？"),
    (("text :usage", "key Enter", "settle", "key x"),
     "Write what is shown to a file", "把显示的内容写入文件"),
    (("text :usage", "key Enter", "settle", "key Enter"), "OUTCOME", "结果"),
    (("text :receipts", "key Enter"), "OUTCOME", "结果"),
    (("text :receipts", "key Enter", "settle", "key Enter"), "stored cost",
     "保存的费用"),
    (("text :prices", "key Enter"), "Used in the last 30 days",
     "最近 30 天用过"),
    (("text :prices", "key Enter", "settle", "text /claude-x",
      "key Enter Enter"), "STANDARD", "标准"),
    (("text :prices", "key Enter", "settle", "key o"), "State prices of",
     "设定价格"),
    (("text :rates", "key Enter"), "SERVICE", "服务"),
    (("text :rates", "key Enter", "settle", "key a"),
     "The factor of a service", "服务的倍率"),
    (("text :vouchers", "key Enter"), "VOUCHER", "兑换码"),
    (("text :vouchers", "key Enter", "settle", "key Enter"), "code ends",
     "兑换码末尾"),
    (("text :vouchers", "key Enter", "settle", "key a"), "New vouchers",
     "新建兑换码"),
    (("text :vouchers", "key Enter", "settle", "key V"),
     "Revoke the voucher", "作废兑换码"),
    (("text :vouchers", "key Enter", "settle", "key H"),
     "None was redeemed yet", "还没有兑换过"),
    (("text :audit", "key Enter"), "CHANGES", "变更"),
    (("text :audit", "key Enter", "settle", "key Enter"), "BEFORE", "之前"),
    (("text :audit", "key Enter", "settle", "key f"), "Which changes?",
     "哪些变更？"),
)


class Spent(Case):
    @classmethod
    def furnish(cls):
        super().furnish()
        r = cls.relay
        cls.ann = r.new_key("ann", owner="uid:4001", tags="ci,night")
        cls.wide = r.new_key(WIDE, owner="uid:4002", tags="ci")
        r.receipt(ask(r, ANTHROPIC, key=cls.ann))  # has no price
        r.call("price.override", model="claude-x",
               fields={"input": "3000", "output": "9000"})
        for key, times in ((cls.ann, 3), (cls.wide, 2)):
            for _ in range(times):
                r.receipt(ask(r, ANTHROPIC, key=key))
        r.receipt(ask(r, RESPONSES))
        r.receipt(ask(r, ANTHROPIC, body=b"{"))
        r.call("rate.set", service="claude-api", rate="1.5")
        r.call("voucher.create", count=2, quota="20 usd", note=WIDE)

    def play(self, *lines, **options):
        return play(self.relay.socket, *lines, **options)

    def relayctl(self, *words, columns="200"):
        ran = subprocess.run(
            [program("relayctl"), "--socket", self.relay.socket, *words],
            capture_output=True, text=True, timeout=60,
            env=environment(COLUMNS=columns))
        self.assertEqual(ran.returncode, 0, ran.stderr)
        return ran.stdout

    def assertShape(self, rows, size):
        self.assertEqual(len(rows), size[1])
        for row in rows:
            self.assertLessEqual(width(row), size[0], row)

    # --- all of them

    def test_every_screen_at_every_size_in_both_languages(self):
        for lines, *words in SCREENS:
            for size in SIZES + ((30, 8),):
                for locale, word in zip(("C.UTF-8", "zh_CN.UTF-8"), words):
                    with self.subTest(lines=lines, size=size, locale=locale):
                        rows = self.play(*lines, "settle", "dump", size=size,
                                         locale=locale)
                        self.assertShape(rows, size)
                        if size in SIZES:
                            self.assertIn(word, "\n".join(rows))

    def test_what_colour_says_is_there_without_it(self):
        for lines, word, _ in SCREENS:
            with self.subTest(lines=lines):
                text, mono = (self.play(*lines, "settle", "dump",
                                        options=("--theme", theme))
                              for theme in ("16", "mono"))
                self.assertIn(word, "\n".join(mono))
                self.assertEqual(text, mono)
                paint = self.play(*lines, "settle", "dump paint")
                self.assertTrue("".join(paint).strip())
        rows = self.play("text :receipts", "key Enter", "settle", "dump")
        paint = self.play("text :receipts", "key Enter", "settle",
                          "dump paint")
        at = next(i for i, row in enumerate(rows) if " ok " in row)
        self.assertIn("gg", paint[at].lower())

    def test_ascii_only_where_there_is_no_utf8(self):
        for lines, _, _ in SCREENS[1:3]:
            rows = self.play(*lines, "settle", "dump", options=("--ascii",))
            for row in rows:
                self.assertTrue(row.replace(WIDE, "").isascii(), row)

    # --- sums

    def words_of(self, line):
        """The cells of a row; bars and shares are drawn in their own ways."""
        return [w for w in line.split("  ") if w.strip() and
                not set(w.strip()) & set("█▏▎▍▌▋▊▉·%▾▴")]

    def test_sums_are_those_of_relayctl(self):
        for part, by in enumerate(("key", "model", "account", "client",
                                   "user", "tag")):
            for span, since in ((0, "7d"), (1, "30d"), (3, "today")):
                with self.subTest(by=by, since=since):
                    told = self.relayctl("usage", "--by", by, "--since",
                                         since).split("\n")
                    keys = " ".join(["b"] * part + ["p"] * span)
                    rows = self.play(
                        "text :usage", "key Enter", "settle",
                        *(["key " + keys, "settle"] if keys else []), "dump",
                        size=(200, 50))
                    shown = [[c.strip() for c in self.words_of(r)]
                             for r in rows]
                    lines = [l for l in told[2:] if l and
                             not l.startswith(("total", "(without", "(no "))]
                    self.assertTrue(lines)
                    for line in lines:
                        cells = [c.strip() for c in self.words_of(line)]
                        self.assertIn(cells, shown)
                    total = json.loads(self.relayctl(
                        "usage", "--by", by, "--since", since,
                        "--json"))["total"]
                    self.assertIn(f"requests {total['requests']} ", rows[2])
                    self.assertIn(f"errors {total['errors']} ", rows[2])

    def test_pictures_are_those_of_relayctl(self):
        rows = self.play("text :usage", "key Enter", "settle", "key v v",
                         "settle", "dump")
        for line in self.relayctl("usage", "heat", "--since", "7d",
                                  columns="80").split("\n"):
            self.assertIn(line.rstrip(), rows)
        rows = self.play("text :usage", "key Enter", "settle", "key v",
                         "settle", "dump")
        for line in self.relayctl("usage", "--by", "key", "--since", "7d",
                                  "--chart", columns="80").split("\n"):
            self.assertIn(line.rstrip(), rows)
        self.assertTrue(any("█" in row for row in rows[4:10]))

    def test_bars_of_wide_names_stand_in_line(self):
        for size in SIZES:
            rows = self.play("text :usage", "key Enter", "settle", "dump",
                             size=size)
            starts = {width(row[:row.index(min((c for c in row
                                                if c in "█·▏▎▍▌▋▊▉"),
                                               key=row.index))])
                      for row in rows[5:8]}
            self.assertEqual(len(starts), 1, rows)

    def test_a_range_is_typed(self):
        rows = self.play("text :usage", "key Enter", "settle", "key c",
                         "text yesterday", "key Tab", "text yesterday",
                         "key C-s", "settle", "dump")
        self.assertIn("range", rows[1])
        self.assertIn("p looks further back", "\n".join(rows))
        rows = self.play("text :usage", "key Enter", "settle", "key c",
                         "text today", "key C-s", "settle", "dump")
        self.assertIn("requests 8 ", rows[2])

    def test_amounts_change_what_is_drawn(self):
        rows = self.play("text :usage", "key Enter", "settle", "key o",
                         "settle", "dump")
        self.assertIn("amount requests", rows[1])
        self.assertIn("REQUESTS    ", rows[4])
        self.assertTrue(rows[5].startswith("ann"), rows)

    # --- down to one request

    def test_from_a_row_to_its_requests_to_one_with_why(self):
        for part, count in (("", 4), ("b", 6), ("b b", 6), ("b b b b", 4),
                            ("b b b b b", 6)):
            with self.subTest(part=part):
                rows = self.play("text :usage", "key Enter", "settle",
                                 *(["key " + part, "settle"] if part else []),
                                 "key o", "settle", "key Enter", "settle",
                                 "dump", size=(100, 30))
                self.assertIn(f"1/{count}", rows[-2])
        rows = self.play("text :usage", "key Enter", "settle", "text /ann",
                         "key Enter Enter", "settle", "dump")
        self.assertTrue(rows[1].startswith("key ann"), rows)
        newest = self.relay.receipts(key="ann")[0]["id"]
        rows = self.play("text :usage", "key Enter", "settle", "text /ann",
                         "key Enter Enter", "settle", "key Enter", "settle",
                         "dump", size=(100, 80))
        text = "\n".join(rows)
        self.assertIn(newest, text)
        for command in ("usage", "explain"), ("why",):
            for line in self.relayctl(*command, newest,
                                      columns="100").split("\n"):
                if command == ("why",) and not line.startswith("+"):
                    continue
                self.assertIn(line.rstrip(), rows)
        self.assertIn("until the first words", text)
        rows = self.play("text :receipts", "key Enter", "settle", "text /ann",
                         "key Enter Enter", "settle", "key a", "settle",
                         "dump")
        self.assertIn("a1", rows[1])

    # --- files

    def test_what_is_shown_is_written_to_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            for keys, words, name in (
                    ("", ("usage", "--by", "key"), "a.csv"),
                    ("b", ("usage", "--by", "model"), "b.json"),
                    ("v", ("usage", "--by", "key", "--per", "hour"), "c.csv"),
                    ("v v", ("usage", "heat"), "d.csv"),
                    ("v v", ("usage", "heat"), "e.json")):
                with self.subTest(words=words, name=name):
                    path = os.path.join(folder, name)
                    self.play("text :usage", "key Enter", "settle",
                              *(["key " + keys, "settle"] if keys else []),
                              "key x", "text " + path, "key C-s",
                              "wait-for written to")
                    how = "--csv" if name.endswith("csv") else "--json"
                    with open(path, newline="") as f:
                        written = f.read()
                    told = subprocess.run(
                        [program("relayctl"), "--socket", self.relay.socket,
                         *words, "--since", "7d", how], capture_output=True,
                        env=environment()).stdout.decode()
                    if how == "--json":
                        written, told = (json.loads(t)
                                         for t in (written, told))
                        for answer in written, told:
                            answer.pop("until")
                    self.assertEqual(written, told)
                    self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            path = os.path.join(folder, "a.csv")
            before = os.stat(path).st_size
            rows = self.play("text :receipts", "key Enter", "settle", "key x",
                             "text " + path, "key C-s", "dump")
            self.assertIn("File exists", "\n".join(rows))
            self.assertEqual(os.stat(path).st_size, before)

    # --- prices, rates

    def test_what_has_no_price_comes_first_and_gets_one(self):
        rows = self.play("text :prices", "key Enter", "settle", "dump")
        self.assertTrue(rows[3].startswith("gpt-x"), rows)
        self.play("text :prices", "key Enter", "settle", "key Enter",
                  "wait-for State prices of gpt-x", "text 2", "key Tab",
                  "text 8", "key C-s", "wait-for stated")
        self.addCleanup(self.relay.call, "price.override", model="gpt-x",
                        rm=True)
        self.assertEqual(self.relay.call("price.show", model="gpt-x")
                         ["stated"], {"input": "2", "output": "8"})
        rows = self.play("text :prices", "key Enter", "settle", "text /gpt-x",
                         "key Enter o", "settle", "dump")
        self.assertRegex("\n".join(rows), r"output +8\n")
        rows = self.play("text :prices", "key Enter", "settle", "text /gpt-x",
                         "key Enter o", "settle", "key C-u", "text moon",
                         "key C-s", "settle", "dump")
        self.assertIn("is a price in dollars", "\n".join(rows))

    def test_a_rate_is_set_and_taken_away(self):
        self.play("text :rates", "key Enter", "settle", "key a",
                  "text openai-api", "key Tab", "text 2", "key C-s",
                  "wait-for set:")
        rates = {r["service"]: float(r["rate"])
                 for r in self.relay.call("rate.list")}
        self.assertEqual(rates, {"claude-api": 1.5, "openai-api": 2})
        self.play("text :rates", "key Enter", "settle", "text /openai",
                  "key Enter D", "wait-for Sure?", "key y",
                  "wait-for it counts once")
        self.assertEqual([r["service"] for r in self.relay.call("rate.list")],
                         ["claude-api"])

    # --- vouchers

    def test_vouchers_are_made_shown_once_and_revoked(self):
        before = {v["id"] for v in self.relay.call("voucher.list")}
        rows = self.play("text :vouchers", "key Enter", "settle", "key a",
                         "text 5 usd", "key Tab", "text 3d", "key Tab",
                         "text 2", "key C-s", "wait-for kept nowhere", "dump")
        made = [v for v in self.relay.call("voucher.list")
                if v["id"] not in before]
        self.assertEqual([v["quota_micro"] for v in made], [5000000] * 2)
        for v in made:
            self.assertIn(v["code_end"], "\n".join(rows))
        one = made[0]["id"]
        self.play("text :vouchers", "key Enter", "settle", "text /" + one,
                  "key Enter V", "text lost in the post", "key C-s",
                  "wait-for revoked")
        self.assertEqual(self.relay.call("voucher.show", voucher=one)
                         ["reason"], "lost in the post")
        two = made[1]["id"]
        self.play("text :vouchers", "key Enter", "settle", "text /" + two,
                  "key Enter D", "wait-for Sure?", "key y",
                  "wait-for removed")
        self.assertNotIn(two, {v["id"]
                               for v in self.relay.call("voucher.list")})

    # --- audit

    def test_the_audit_is_filtered_shown_and_verified(self):
        rows = self.play("text :audit", "key Enter", "settle", "key f",
                         "text rate", "key C-s", "wait-for only of", "settle",
                         "dump")
        told = self.relay.control.rows("audit.list", type="rate")
        self.assertIn(f"1/{len(told)}", rows[-2])
        rows = self.play("text :audit", "key Enter", "settle", "key f",
                         "text account", "key Tab", "text a1", "key C-s",
                         "wait-for only of", "settle", "key Enter", "settle",
                         "dump")
        text = "\n".join(rows)
        self.assertRegex(text, r"FIELD +BEFORE +AFTER")
        self.assertRegex(text, r"did +account add")
        self.assertRegex(text, r"object +a1")
        rows = self.play("text :audit", "key Enter", "settle", "key v",
                         "wait-for are whole", "dump")
        self.assertRegex(rows[-2], r"all \d+ rows are whole")


@unittest.skipUnless(os.geteuid() == 0, "only root becomes somebody else")
class Looking(Case):
    """Somebody who may look, and change nothing."""
    group = next(g for g in grp.getgrall() if g.gr_gid)
    conf = {"control_group": group.gr_name, "view_groups": group.gr_name}
    accounts = 1

    @classmethod
    def furnish(cls):
        super().furnish()
        os.chmod(cls.relay.dir, 0o711)
        cls.relay.call("voucher.create", count=1, quota="20 usd")
        cls.binary = os.open(program("relay-tui"), os.O_RDONLY)
        cls.addClassCleanup(os.close, cls.binary)

    def play(self, *lines):
        """From its descriptor: they need not get to where it was built."""
        def become():
            os.setgroups([self.group.gr_gid])
            os.setgid(65534)
            os.setuid(65534)
        ran = subprocess.run(
            ["relay-tui", "--socket", self.relay.socket, "-s", "-"],
            executable=f"/proc/self/fd/{self.binary}",
            pass_fds=(self.binary,), preexec_fn=become, cwd="/",
            input="\n".join(["size 80 24", *lines, ""]), text=True,
            capture_output=True, timeout=60, env=environment())
        self.assertEqual(ran.returncode, 0, ran.stderr + ran.stdout)
        return ran.stdout.split("\n")[-25:-1]

    def test_what_they_may_not_is_grey_and_says_why(self):
        for name, key, word in (("prices", "o", "override"),
                                ("rates", "a", "add"),
                                ("vouchers", "V", "revoke")):
            with self.subTest(name):
                lines = ("text :" + name, "key Enter", "settle")
                rows = self.play(*lines, "dump")
                paint = self.play(*lines, "dump paint")
                at = rows[-1].index(word)
                self.assertEqual(paint[-1][at:at + len(word)],
                                 "d" * len(word))
                rows = self.play(*lines, "key " + key, "dump")
                self.assertIn("this needs the role admin; yours is view",
                              rows[-2])
        self.assertEqual(self.relay.call("voucher.list")[0]["state"],
                         "unused")
        rows = self.play("text :audit", "key Enter", "settle", "dump")
        self.assertIn("Your role does not let you see this",
                      "\n".join(rows))


class Nothing(Case):
    accounts = 0

    def test_empty_lists_say_what_to_do(self):
        for name, words in (("usage", "p looks further back"),
                            ("receipts", "relayctl env CLIENT"),
                            ("rates", "Press a to give one"),
                            ("vouchers", "Press a to make some"),
                            ("voucher_history", "None was redeemed")):
            with self.subTest(name):
                text = " ".join(run(self.relay.socket, "--snapshot",
                                    name).split())
                self.assertIn(words, text)
