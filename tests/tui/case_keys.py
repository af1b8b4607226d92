# SPDX-License-Identifier: MIT
"""case_keys.py - keys, templates, the trash, limits and users, as an operator
lives with them."""
import os
import re
import subprocess
import unittest

from case_users import IS_ROOT, NEED_ROOT, some_group, two_people
from house import Case, Refused, program
from screens import SIZES, environment, play, run, width
from speech import ANTHROPIC, ask

CYCLE = ("keys", "templates", "trash", "budgets", "users")
ZH = {"keys": "名称", "templates": "模板", "trash": "删除于", "budgets": "剩余",
      "users": "用户"}
EN = {"keys": "NAME", "templates": "TEMPLATE", "trash": "REMOVED",
      "budgets": "LEFT", "users": "USER"}


class Keys(Case):
    accounts = 1

    @classmethod
    def furnish(cls):
        super().furnish()
        r = cls.relay
        r.rich = r.new_key("rich", owner="uid:0", tags="dev,team",
                           daily="5 usd", expires="30d", note="the first")
        r.new_key("poor", owner="张伟\u202e", tags="dev", rpm=2)
        r.call("template.add", name="team", tags="team", daily="10 usd")
        r.call("budget.add", scope="tag:dev", limit="100 usd", per="month")
        r.new_key("gone")
        r.call("key.rm", key="gone")
        for _ in range(3):
            r.receipt(ask(r, ANTHROPIC))

    def play(self, *lines, **options):
        return play(self.relay.socket, *lines, **options)

    def text(self, *lines, **options):
        return "\n".join(self.play(*lines, **options))

    def key(self, name):
        return self.relay.call("key.show", key=name)

    def names(self):
        return [k["name"] for k in self.relay.call("key.list")]

    def made(self, name):
        """Remove what a test has made, whatever became of it."""
        def remove():
            try:
                self.relay.call("key.rm", key=name)
            except Refused:
                pass
        self.addCleanup(remove)
        return name

    def shape(self, rows, size):
        self.assertEqual(len(rows), size[1])
        for row in rows:
            self.assertLessEqual(width(row), size[0], row)
            self.assertFalse([c for c in row if ord(c) < 32 or
                              0x202a <= ord(c) <= 0x202e], row)

    # --- every screen

    def test_every_screen_at_every_size_in_both_languages(self):
        for size in SIZES + ((40, 10), (20, 6)):
            for name in CYCLE:
                for locale in ("C.UTF-8", "zh_CN.UTF-8"):
                    with self.subTest(name, size=size, locale=locale):
                        text = run(self.relay.socket, "--snapshot", name,
                                   "--cols", str(size[0]), "--rows",
                                   str(size[1]), locale=locale)
                        self.shape(text.split("\n")[:-1], size)
                        if size in SIZES:
                            said = EN if locale[0] == "C" else ZH
                            self.assertIn(said[name], text.split("\n")[1])

    def test_every_page_at_every_size_in_both_languages(self):
        pages = {"key": ("key 4", "settle", "text /case", "key Enter Enter",
                         "wait-for case: active", "settle"),
                 "key_new": ("key 4", "settle", "key a", "settle"),
                 "key_edit": ("key 4", "settle", "text /rich",
                              "key Enter e", "wait-for team", "settle"),
                 "rotate": ("key 4", "settle", "key R", "settle"),
                 "template": ("text :templates", "key Enter", "settle",
                              "key Enter", "wait-for team", "settle"),
                 "template_new": ("text :templates", "key Enter", "settle",
                                  "key a", "settle"),
                 "budget_new": ("key 5", "settle", "key a", "settle"),
                 "budget_edit": ("key 5", "settle", "key e", "settle"),
                 "user": ("key 6", "settle", "key Enter", "settle"),
                 "user_disable": ("key 6", "settle", "key d", "settle")}
        for name, script in pages.items():
            for size in SIZES:
                seen = []
                for locale in ("C.UTF-8", "zh_CN.UTF-8"):
                    with self.subTest(name, size=size, locale=locale):
                        rows = self.play(*script, "dump", size=size,
                                         locale=locale)
                        self.shape(rows, size)
                        seen.append(rows)
                self.assertNotEqual(seen[0], seen[1])
                self.assertIn("帮助", seen[1][-1])

    def test_colour_says_what_the_bars_and_words_say(self):
        script = ("key 4", "settle", "wait-for 100%")
        rows = self.play(*script, "dump")
        paints = self.play(*script, "dump paint")
        row = next(i for i, r in enumerate(rows) if r.startswith("poor"))
        self.assertRegex(rows[row], "active.* 100%")
        self.assertRegex(paints[row], "g{6}.*g{6}")
        ascii_only = self.text(*script[:2], "dump", options=("--ascii",))
        self.assertIn("####", ascii_only)

    # --- the list

    def test_search_by_name_tag_and_owner(self):
        for typed, found, lost in (("ric", "rich", "poor"),
                                   ("team", "rich", "poor"),
                                   ("root", "rich", "poor"),
                                   ("张伟", "poor", "rich")):
            text = self.text("key 4", "settle", "text /" + typed, "dump")
            self.assertIn(found, text)
            self.assertNotIn(lost, text)

    def test_a_value_that_is_pasted_finds_its_key_and_is_not_shown(self):
        value = self.relay.rich
        for before in ((), ("key /",)):
            rows = self.play("key 4", "settle", "key G", *before,
                             "paste " + value + r"\n",
                             "wait-for that is the value of rich", "dump",
                             "key Enter", "wait-for revision", "dump",
                             size=(100, 60))
            self.assertNotIn(value[:12], "".join(rows))
            self.assertIn("rich", rows[-2])
        rows = self.play("key 4", "settle", "paste cr_nonsense",
                         "wait-for no key of a relayd", "dump")
        self.assertNotIn("nonsense", "".join(rows))
        self.assertNotIn("poor", self.text("key 4", "settle", "paste ric",
                                           "dump"))

    def test_states_are_chosen_one_after_the_other(self):
        self.assertIn("poor", self.text("key 4", "settle", "key f", "settle",
                                        "wait-for only state active", "dump"))
        text = self.text("key 4", "settle", "key f f f",
                         "wait-for No key is in that state", "dump")
        self.assertNotIn("poor", text)

    def test_a_key_is_disabled_enabled_removed_and_brought_back(self):
        self.made("brief")
        self.relay.new_key("brief")
        to = ("key 4", "settle", "text /brief", "key Enter")
        self.play(*to, "key d", "wait-for disabled:")
        self.assertEqual(self.key("brief")["state"], "disabled")
        self.play(*to, "key E", "wait-for enabled")
        self.assertEqual(self.key("brief")["state"], "active")
        self.assertIn("it is not disabled", self.text(*to, "key E", "dump"))
        self.play(*to, "key D", "wait-for in the trash (u undoes it)", "key u",
                  "wait-for undone", "settle", "wait-for brief")
        self.assertEqual(self.key("brief")["state"], "active")

    # --- one of them

    def test_a_key_tells_limits_usage_and_requests(self):
        text = self.text("key 4", "settle", "text /case",
                         "key Enter Enter", "wait-for claude-x", "settle",
                         "dump", size=(200, 50))
        self.assertIn("in 3 requests", text)
        self.assertIn("It has none. Press b to set one.", text)
        self.assertEqual(text.count("claude-x"), 3)
        text = self.text("key 4", "settle", "text /rich",
                         "key Enter Enter", "wait-for usd per day", "settle",
                         "dump", size=(200, 50))
        for word in ("5.00 usd per day", "100.00 usd per month (tag dev)",
                     "100%", "the first", "team", "There were none yet."):
            self.assertIn(word, text)

    def test_a_key_is_changed_by_its_form(self):
        self.made("draft")
        self.relay.new_key("draft", expires="30d", max_concurrency=2)
        self.play("key 4", "settle", "text /draft", "key Enter e",
                  "wait-for 20", "key Tab Tab", "text a note", "key Tab Tab",
                  "key C-u", "key C-s", "wait-for changed")
        self.assertEqual(self.key("draft")["note"], "a note")
        self.assertEqual(self.key("draft")["expires_at"], 0)
        self.assertEqual(self.key("draft")["max_concurrency"], 2)
        self.play("key 4", "settle", "text /draft", "key Enter Enter",
                  "wait-for draft", "settle", "key b", "wait-for key:",
                  "key Tab", "text 7 usd", "key Tab", "text day", "key C-s",
                  "wait-for the limit of key draft is set")
        self.assertEqual([b["limit"] for b in self.relay.call(
            "budget.list", key="draft", scope="key")], ["7.00 usd"])

    def test_a_form_shows_what_the_daemon_does_not_like(self):
        to = ("key 4", "settle", "key a", "settle", "text bad")
        self.play(*to, "key S-Tab", "text many", "key C-s",
                  "wait-for has to be a number")
        rows = self.play(*to, "key Tab Tab Tab Tab Tab", "text yesterdayish",
                         "key C-s", "settle", "dump paint")
        self.assertIn("bbbbbbb", "".join(rows))
        self.assertNotIn("bad", self.names())

    def test_a_key_is_rotated_and_given_more_time(self):
        self.made("turn")
        old = self.relay.new_key("turn", expires="10d")
        text = self.text("key 4", "settle", "text /turn", "key Enter R",
                         "settle", "text 1h", "key C-s",
                         "wait-for shown this once", "dump")
        new = re.search(r"cr_\w{20,}", text)[0]
        self.assertNotEqual(new, old)
        for value in (old, new):
            self.assertEqual(self.relay.call("key.find", value=value)["name"],
                             "turn")
        before = self.key("turn")["expires_at"]
        self.play("key 4", "settle", "text /turn", "key Enter Enter",
                  "wait-for turn", "settle", "key x", "settle", "text 5d",
                  "key C-s", "wait-for changed")
        self.assertEqual(self.key("turn")["expires_at"], before + 5 * 86400000)

    def test_a_key_in_the_trash_says_so_on_its_page(self):
        self.made("rag")
        self.relay.new_key("rag")
        text = self.text("key 4", "settle", "text /rag", "key Enter Enter",
                         "wait-for rag:", "settle", "key D",
                         "wait-for u brings it back", "key e", "dump",
                         "key u", "wait-for back as it was")
        self.assertIn("rag", self.names())
        self.assertIn("it is in the trash", text)

    def test_a_value_is_revealed_where_copies_are_kept(self):
        self.made("shown")
        to = ("key 4", "settle", "text /shown", "key Enter Enter",
              "wait-for shown: active", "settle")
        self.relay.set(reveal="off")
        value = self.relay.new_key("shown")
        text = self.text(*to, "key v", "dump")
        self.assertIn("the setting reveal is off", text)
        self.relay.call("key.rm", key="shown")
        self.relay.set(reveal="sealed")
        self.addCleanup(self.relay.set, reveal="off")
        value = self.relay.new_key("shown")
        text = self.text(*to, "key v y", "wait-for sealed copy", "dump",
                         "key Esc", "wait-for shown: active")
        self.assertIn(value, text)

    # --- making

    def test_a_key_is_made_and_its_snippet_copied(self):
        self.made("fresh")
        script = ("key 4", "settle", "key a", "wait-for like", "settle",
                  "text fresh", "key Tab Space", "key C-s",
                  "wait-for shown this once", "settle")
        text = self.text(*script, "dump")
        value = re.search(r"cr_\w{20,}", text)[0]
        self.assertIn("Claude Code", text)
        self.assertIn(f"http://127.0.0.1:{self.relay.ports[0]}/api", text)
        self.assertEqual(self.key("fresh")["tags"], "team")
        self.assertEqual(self.relay.call("key.find", value=value)["name"],
                         "fresh")
        self.relay.call("key.rm", key="fresh")
        copied = run(self.relay.socket, script="\n".join(
            [*script, "key n n", "settle", "wait-for Codex", "key Esc",
             "wait-for Sure?", "key n", "key c", "dump clipboard", "key v",
             "dump clipboard", "key Esc", "settle",
             "wait-gone shown this once", "wait-for fresh", ""]))
        value = re.search(r"cr_\w{20,}", copied)[0]
        self.assertIn(f'export RELAY_KEY="{value}"', copied)
        self.assertEqual(copied.strip().split("\n")[-1], value)

    def test_many_keys_are_made_at_once(self):
        for i in (1, 2, 3):
            self.made(f"bulk-{i}")
        text = self.text("key 4", "settle", "key a", "settle", "text bulk",
                         "key S-Tab", "text 3", "key C-s",
                         "wait-for These values", "dump", "key v",
                         size=(100, 30))
        self.assertEqual(len(re.findall(r"bulk\S*\s+cr_\w{20,}", text)), 3)
        for name in self.names():
            if name.startswith("bulk"):
                self.made(name)

    # --- templates, trash

    def test_templates_are_made_changed_used_and_removed(self):
        to = ("text :templates", "key Enter", "wait-for team", "settle")
        self.play(*to, "key a", "settle", "text interns", "key Tab Tab Tab",
                  "text for July", "key C-s", "wait-for made",
                  "wait-for interns")
        show = lambda: self.relay.call("template.show", template="interns")
        self.assertEqual(show()["note"], "for July")
        self.play(*to, "text /interns", "key Enter e", "wait-for July",
                  "key Tab Tab C-u", "text for August", "key C-s",
                  "wait-for changed")
        self.assertEqual(show()["note"], "for August")
        self.made("intern1")
        self.play(*to, "text /interns", "key Enter n", "wait-for interns",
                  "text intern1", "key C-s", "wait-for shown this once")
        self.assertEqual(self.key("intern1")["note"], "for August")
        self.play(*to, "text /interns", "key Enter D y", "wait-for removed")
        self.assertRaises(Refused, show)
        text = self.text(*to, "key Enter", "wait-for limits", "settle",
                         "dump", size=(80, 40))
        self.assertIn("10.00 usd", text)

    def test_the_trash_gives_back_and_forgets(self):
        self.made("lost"), self.made("found")
        to = ("text :trash", "key Enter", "wait-for gone", "settle")
        trash = lambda: [k["name"] for k in self.relay.call("key.trash")]
        self.relay.new_key("lost")
        self.relay.call("key.rm", key="lost")
        self.play(*to, "text /lost", "key Enter r", "wait-for back as it was")
        self.assertIn("lost", self.names())
        self.relay.call("key.rm", key="lost")
        self.play(*to, "text /lost", "key Enter n", "settle", "text found",
                  "key C-s", "wait-for it is back")
        self.assertIn("found", self.names())
        self.relay.call("key.rm", key="found")
        self.play(*to, "text /found", "key Enter D", "wait-for Sure?",
                  "key Enter", "settle")
        self.assertIn("found", trash())
        self.play(*to, "text /found", "key Enter D y", "wait-for gone for good")
        self.assertNotIn("found", trash())

    # --- limits, users

    def test_limits_are_set_changed_and_removed(self):
        self.play("key 5", "settle", "key a", "settle", "text key:poor",
                  "key Tab", "text 50 requests", "key Tab", "text week",
                  "key Tab Tab Space Space", "key C-s",
                  "wait-for the limit of key poor is set")
        limit = lambda: next((b for b in self.relay.call(
            "budget.list", key="poor") if b["window"].startswith("week")),
            None)
        self.assertEqual((limit()["amount"], limit()["action"]), (50, "warn"))
        to = ("key 5", "settle", "text /50", "key Enter")
        self.play(*to, "key e", "wait-for 50 requests", "settle", "key Tab",
                  "text 10 requests", "key C-s", "wait-for is set")
        self.assertEqual(limit()["amount"], 60)
        self.play("key 5", "settle", "text /60", "key Enter D y",
                  "wait-for removed")
        self.assertIsNone(limit())

    def test_what_is_used_up_is_seen(self):
        self.made("tight")
        value = self.relay.new_key("tight", rpm=1)
        was, self.relay.key = self.relay.key, value
        try:
            self.relay.receipt(ask(self.relay, ANTHROPIC))
        finally:
            self.relay.key = was
        text = self.text("key 4", "settle", "text /tight", "key Enter",
                         "wait-for 0%", "dump")
        self.assertRegex(text, r"tight.* 0%")

    def test_a_user_is_shown_disabled_and_enabled(self):
        user = lambda: self.relay.call("user.show", user="uid:0")["state"]
        to = ("key 6", "settle", "text /root", "key Enter")
        text = self.text(*to, "key Enter", "wait-for rich", "settle", "dump")
        self.assertIn("rich", text)
        self.play(*to, "key d", "settle", "text left us", "key C-s",
                  "wait-gone reason")
        self.assertEqual(user(), "disabled")
        self.play(*to, "key E", "wait-for accepted again")
        self.assertEqual(user(), "active")


@unittest.skipUnless(IS_ROOT, NEED_ROOT)
class Person(Case):
    """Somebody without a role sees their own, and why the rest is grey."""
    conf = {"control_group": some_group().gr_name} if IS_ROOT else {}
    accounts = 1

    @classmethod
    def furnish(cls):
        super().furnish()
        cls.alice = two_people()[0]
        os.chmod(cls.relay.dir, 0o711)
        cls.relay.new_key("hers", owner=f"uid:{cls.alice.pw_uid}")

    def play(self, *lines):
        def become():
            os.setgroups([some_group().gr_gid])
            os.setgid(self.alice.pw_gid)
            os.setuid(self.alice.pw_uid)
        script = "\n".join(["size 80 24", *lines, ""])
        with open(program("relay-tui"), "rb") as binary:
            ran = subprocess.run(
                ["relay-tui", "--socket", self.relay.socket, "-s", "-"],
                executable=f"/proc/self/fd/{binary.fileno()}",
                pass_fds=(binary.fileno(),), input=script, text=True,
                capture_output=True, cwd="/", env=environment(),
                preexec_fn=become)
        self.assertEqual(ran.returncode, 0, ran.stderr + ran.stdout)
        return ran.stdout.split("\n")[-25:-1]

    def test_what_a_role_may_not_do_is_grey_with_the_reason(self):
        to = ("key 4", "settle", "wait-for hers")
        rows = self.play(*to, "dump")
        self.assertNotIn("case", "".join(rows[1:-2]))
        paints = self.play(*to, "dump paint")
        at = rows[-1].index("a add")
        self.assertEqual(paints[-1][at:at + 5].strip("d "), "")
        at = rows[-1].index("Enter")
        self.assertEqual(paints[-1][at:at + 5], "kkkkk")
        for key in "adDR":
            text = "".join(self.play(*to, "key " + key, "dump"))
            self.assertIn("this needs the role admin; yours is self", text)
        text = "".join(self.play(*to, "key Enter", "wait-for hers:", "settle",
                                 "key v", "dump"))
        self.assertIn("this needs the role admin; yours is self", text)
        text = "".join(self.play("key 6", "settle", "dump"))
        self.assertIn("Your role does not let you see this.", text)


class Fresh(Case):
    accounts = 0

    @classmethod
    def furnish(cls):
        pass

    def test_empty_lists_say_what_to_do(self):
        for name, words in (("keys", "Press a to make one"),
                            ("templates", "Press a to make one"),
                            ("trash", "Nothing is in the trash"),
                            ("budgets", "Press a to set one"),
                            ("users", "Nobody owns a key yet")):
            text = run(self.relay.socket, "--snapshot", name)
            self.assertIn(words, " ".join(text.split()))
        text = play(self.relay.socket, "text :trash", "key Enter", "settle",
                    "key P", "dump")
        self.assertIn("nothing is in the trash", " ".join(text))
