# SPDX-License-Identifier: MIT
"""case_running.py - screens of what is under way and how it is run: sessions,
groups, rules, proxies, notices, clients, traces, settings, doctor, about."""
import grp
import os
import pwd
import subprocess
import unittest

from house import Case, program, until
from screens import SIZES, environment, play, width
from speech import ANTHROPIC, ask

SESSION = (("x-claude-code-session-id",
            "11111111-2222-4333-8444-555555555555"),)

# Screen, a word of it in English and in Chinese.
TABS = (
    ("sessions", "SESSION", "会话"),
    ("queue", "Nobody waits", "没有请求在等待"),
    ("cooldowns", "Nothing rests", "没有冷却中的账户"),
    ("groups", "team", "分组"),
    ("rules", "429", "规则"),
    ("proxies", "way", "代理"),
    ("notices", "bell", "通知"),
    ("clients", "PRODUCT", "客户端"),
    ("traces", "active", "跟踪"),
    ("settings", "keepalive_idle", "设置"),
    ("log", "Nothing has happened", "日志"),
    ("doctor", "clock", "诊断"),
    ("about", "what your role may", "您的角色可以做什么"),
)


class Running(Case):
    @classmethod
    def furnish(cls):
        super().furnish()
        r, url = cls.relay, f"http://127.0.0.1:{cls.up.ports[0]}"
        r.call("group.add", name="team", members="a1:5:2, a2",
               fields={"strategy": "fill", "note": "the team's"})
        r.call("rule.add", status="429", text="try again", action="cool",
               **{"for": "2m"})
        r.call("proxy.add", name="way",
               url=f"http://127.0.0.1:{cls.up.ports[0]}")
        r.call("notify.add", kind="webhook", name="bell", secret=url,
               fields={"allow-private": "yes"})
        r.call("trace.start", key="case", **{"for": "10m"})
        r.receipt(ask(r, ANTHROPIC, headers=SESSION))
        until("a session", lambda: r.call("sticky.list"))

    def setUp(self):
        # Traces and rests are what is looked at here: they stay.
        self.relay.at_rest()

    def play(self, *lines, **options):
        return play(self.relay.socket, *lines, **options)

    def on(self, screen, *lines, **options):
        """Lines played on a screen, and what is seen then."""
        return self.play("text :" + screen, "key Enter", "settle", *lines,
                         "dump", **options)

    def text(self, screen, *lines, **options):
        return "\n".join(self.on(screen, *lines, **options))

    def assertShape(self, rows, size):
        self.assertEqual(len(rows), size[1])
        for row in rows:
            self.assertLessEqual(width(row), size[0], row)
            self.assertFalse([c for c in row if ord(c) < 32 or
                              0x7f <= ord(c) < 0xa0], row)

    def test_every_screen_at_every_size_in_both_languages(self):
        for size in SIZES + ((40, 10), (20, 6)):
            for name, english, chinese in TABS:
                for locale, word, helps in (
                        ("C.UTF-8", english, "help"),
                        ("zh_CN.UTF-8", chinese, "帮助")):
                    with self.subTest(size=size, name=name, locale=locale):
                        rows = self.on(name, size=size, locale=locale)
                        self.assertShape(rows, size)
                        self.assertIn(helps, rows[-1])
                        if size in SIZES:
                            self.assertIn(word, "\n".join(rows))

    def test_mono_shows_the_same_words(self):
        for size in SIZES:
            for name, _, _ in TABS:
                shown = [self.on(name, size=size,
                                 options=("--theme", theme))[1]
                         for theme in ("mono", "16", "dark", "light")]
                self.assertEqual(len(set(shown)), 1, shown)

    def test_all_screens_are_listed_and_gone_to(self):
        rows = self.play("settle", "key m", "settle", "dump", size=(100, 40))
        text = "\n".join(rows)
        for name, _, _ in TABS:
            self.assertIn(":" + name, text)
        rows = self.play("settle", "key m", "text /settings",
                         "key Enter Enter", "wait-for keepalive_idle", "dump")
        self.assertIn("Settings", rows[0])

    def test_the_open_tab_is_always_seen(self):
        for columns in (30, 50, 80, 120):
            for name, _, _ in TABS:
                row = self.on(name, size=(columns, 24))[0]
                self.assertIn(name.capitalize(), row)

    # --- sessions

    def test_a_session_is_pinned_and_cleared(self):
        show = lambda: self.relay.call("sticky.list")
        self.on("sessions", "key p", "wait-for caches do not move", "settle",
                "text /a2", "key Enter Enter", "wait-for pinned",
                "wait-for yes")
        self.assertEqual([(s["account"], s["pinned"]) for s in show()],
                         [("a2", True)])
        self.on("sessions", "key c", "wait-for paid in full", "key n",
                "settle")
        self.assertTrue(show())
        rows = self.on("sessions", "key c y", "wait-for it chooses anew",
                       "wait-for No session is bound")
        self.assertFalse(show())
        self.relay.receipt(ask(self.relay, ANTHROPIC,
                               headers=SESSION))
        until("a session", show)
        self.on("sessions", "key Enter", "wait-for claude-api")

    def test_what_rests_is_used_again(self):
        self.rules(("a1", "status=429;retry-after=900"),
                   ("a2", "status=402"))
        ask(self.relay, ANTHROPIC)
        until("rests", lambda: len(self.relay.call("cooldown.list")) > 1)
        rows = self.on("cooldowns", "wait-for a1")
        self.assertIn("GATE", rows[1])
        self.on("cooldowns", "key c", "wait-for it is used again", "settle")
        self.on("cooldowns", "key C y", "wait-for all are used again",
                "wait-for Nothing rests")
        self.assertFalse(self.relay.call("cooldown.list"))
        self.fresh()

    # --- groups and rules

    def test_a_group_is_made_filled_and_removed(self):
        self.on("groups", "key a", "wait-for A new group", "text crew",
                "key Tab Tab", "key Space", "key C-s",
                "wait-for Press a to put one in", "key a", "settle",
                "text /a2", "key Enter Enter",
                "wait-for crew/a2", "text 7", "key Tab", "text 3", "key C-s",
                "wait-for it is in the group", "wait-for claude-api")
        members = lambda: [(m["account"], m["priority"], m["weight"]) for m in
                           self.relay.call("group.members", name="crew")]
        self.assertEqual(members(), [("a2", 7, 3)])
        self.assertEqual(self.relay.call("group.show", name="crew")
                         ["strategy"], "lru")
        group = ("text /crew", "key Enter Enter", "wait-for Group crew",
                 "wait-for claude-api")
        self.on("groups", *group, "key p", "wait-for crew/a2", "text 9",
                "key C-s", "wait-for it is in the group")
        self.assertEqual(members()[0][1], 9)
        self.on("groups", *group, "key e", "wait-for strategy", "key Space",
                "key Tab", "text of us all", "key C-s", "wait-for changed",
                "wait-for of us all")
        self.on("groups", *group, "key D y", "wait-for taken out",
                "wait-for Press a to put one in")
        self.on("groups", "text /crew", "key Enter D y", "wait-for removed")
        self.assertEqual([g["name"] for g in self.relay.call("group.list")],
                         ["team"])

    def test_a_rule_is_added_changed_tried_and_removed(self):
        self.on("rules", "key a", "wait-for A new rule", "text 5", "key C-s",
                "wait-for has to be filled in")
        self.on("rules", "key a", "wait-for A new rule", "text 503",
                "key Tab Space Space", "key C-s", "wait-for added",
                "wait-for 503")
        rule = lambda: next(r for r in self.relay.call("rule.list")
                            if r["status"] == "503")
        self.assertEqual(rule()["action"], "other")
        self.on("rules", "key j e", "wait-for status", "settle",
                "key Up C-u", "text nonsense", "key C-s", "settle")
        self.on("rules", "key G e", "wait-for 503", "key S-Tab",
                "text seen on Monday", "key C-s", "wait-for changed")
        self.assertEqual(rule()["note"], "seen on Monday")
        text = self.text("rules", "key t", "wait-for What judges",
                         "text 503", "key Tab", "text claude-api",
                         "key C-s", "wait-for judged by", "settle")
        self.assertIn(str(rule()["id"]), text)
        self.assertIn("other", text)
        text = self.text("rules", "key t", "wait-for What judges",
                         "text 429", "key Tab", "text claude-api",
                         "key Tab Tab Tab", r"paste {\n\"x\":\"try again\"}",
                         "key C-s", "wait-for judged by")
        self.assertIn("2m", text)
        self.on("rules", "key G Enter", "wait-for seen on Monday")
        self.on("rules", "key G D y", "wait-for removed")
        self.assertEqual([r["status"] for r in self.relay.call("rule.list")],
                         ["429"])

    # --- proxies and notices

    def test_a_proxy_is_added_tried_and_removed(self):
        url = f"http://127.0.0.1:{self.up.ports[0]}"
        self.on("proxies", "key a", "wait-for A new proxy", "text other",
                "key Tab", "paste " + url, "key C-s", "wait-for added",
                "wait-for other")
        self.on("proxies", "text /other", "key Enter e", "wait-for family",
                "settle", "key S-Tab", "text slow", "key C-s",
                "wait-for changed")
        self.assertEqual(self.relay.call("proxy.show", name="other")["note"],
                         "slow")
        text = self.text("proxies", "text /other", "key Enter Enter",
                         "wait-for revision", "key T", "wait-for Ask for",
                         "paste " + url, "key Tab Space", "key C-s",
                         "timeout 40", "wait-for asked")
        self.assertIn("total", text)
        self.relay.call("account.set", name="g2", fields={"proxy": "other"})
        self.on("proxies", "text /other", "key Enter t", "timeout 40",
                "wait-for asked")
        self.on("proxies", "text /other", "key Enter D y", "wait-for g2")
        self.on("proxies", "text /other", "key Enter X y", "wait-for removed")
        self.relay.call("account.set", name="g2", fields={"proxy": ""})

    def test_a_channel_is_added_tried_held_and_removed(self):
        url = f"http://127.0.0.1:{self.up.ports[0]}/hook"
        self.on("notices", "key a", "wait-for webhook", "text /webhook",
                "key Enter Enter", "wait-for name", "settle", "text horn",
                "key Tab", "paste " + url, "key Tab Tab Tab Tab Tab Tab Tab",
                "key Space", "key C-s", "wait-for added", "wait-for horn")
        channel = lambda: self.relay.call("notify.show", name="horn")
        self.assertEqual(channel()["kind"], "webhook")
        horn = ("text /horn", "key Enter")
        self.on("notices", *horn, "key H", "wait-for held:", "wait-for held")
        self.assertEqual(channel()["state"], "held")
        self.on("notices", *horn, "key R", "wait-for released")
        self.on("notices", *horn, "key e", "wait-for note", "settle",
                "key Up", "key C-s", "wait-for changed")
        text = self.text("notices", "text /bell", "key Enter t",
                         "timeout 40", "wait-for channel", "settle")
        self.assertIn("total", text)
        self.on("notices", *horn, "key Enter", "wait-for revision")
        self.on("notices", *horn, "key D y", "wait-for removed")

    def test_what_waits_to_be_told_is_listed_and_cleared(self):
        self.relay.call("notify.hold", name="bell", reason="night")
        self.relay.call("account.hold", name="g1", reason="for a case")
        until("a notice", lambda: self.relay.call("notify.queue"))
        self.on("notices", "key w", "wait-for bell", "key c y",
                "wait-for removed", "settle")
        self.assertTrue(self.relay.call("notify.queue"))
        self.on("notices", "key w", "wait-for bell", "key C y",
                "wait-for Nothing waits")
        self.relay.call("account.release", name="g1")
        self.relay.call("notify.release", name="bell")

    # --- clients and traces

    def test_clients_are_told_apart(self):
        self.on("clients", "key r", "wait-for NAME", "settle", "key a",
                "wait-for A new client", "text ours", "key Tab",
                "text ours/*", "key C-s", "wait-for added")
        self.assertIn("ours", [c["name"] for c in
                               self.relay.call("client.list")])
        self.on("clients", "key r", "settle", "text /ours", "key Enter D y",
                "wait-for removed")

    def test_a_trace_is_started_looked_at_and_stopped(self):
        self.on("traces", "key a", "wait-for A new trace", "key Tab",
                "text a1", "key C-s", "wait-for started", "wait-for a1")
        traces = lambda: {t["of"]: t for t in self.relay.call("trace.list")}
        trace = next(t for of, t in traces().items() if "a1" in of)
        self.assertEqual(trace["state"], "active")
        self.on("traces", "key G x", "wait-for stopped;")
        self.on("traces", "key G D y", "wait-for removed")
        self.assertEqual(len(traces()), 1)
        text = self.text("traces", "key Enter", "wait-for case", "settle",
                         "key Enter", "wait-for client.head", size=(100, 60))
        self.assertIn("POST /v1/messages", text)
        self.assertIn("of whose requests?", self.text(
            "traces", "key a", "wait-for A new trace", "key C-s", "settle"))

    # --- the log

    def log(self, *lines, size=(120, 24)):
        """A relay-tui that shows the log, and waits for each `say`."""
        ran = subprocess.Popen(
            [program("relay-tui"), "--socket", self.relay.socket, "-s", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment())
        self.addCleanup(ran.stdout.close)
        ran.stdin.write("\n".join([f"size {size[0]} {size[1]}", "text :log",
                                   "key Enter", "timeout 30", "settle",
                                   *lines, ""]))
        ran.stdin.close()
        return ran

    def heard(self, ran, word):
        """What it printed until it said that."""
        text = ""
        for line in ran.stdout:
            if line.strip() == word:
                return text
            text += line
        self.fail("relay-tui ended before " + word + "\n" + text)

    def test_the_log_tells_what_happens(self):
        ran = self.log("say ready", "wait-for o1", "wait-for ok", "settle",
                       "key k Enter", "wait-for 200", "dump", "say story",
                       "key Esc t", "wait-for ended", "key t",
                       "wait-for now on: accounts", "say accounts",
                       "wait-for held", "wait-for o2", "dump", "say done")
        self.heard(ran, "ready")
        self.relay.receipt(ask(self.relay, ANTHROPIC))
        self.relay.call("account.hold", name="o1")
        self.assertIn("claude-x", self.heard(ran, "story"))
        self.heard(ran, "accounts")
        ask(self.relay, ANTHROPIC)
        self.relay.call("account.hold", name="o2")
        rows = self.heard(ran, "done").split("\n")
        for name in ("o1", "o2"):
            self.relay.call("account.release", name=name)
        row = next(r for r in rows if " o2" in r)
        self.assertIn("account", row)
        self.assertEqual(len([r for r in rows if " end " in r]), 1)
        self.assertEqual(ran.wait(30), 0)

    def test_a_log_that_is_paused_goes_on_later(self):
        ran = self.log("say ready", "wait-for ok", "key p", "say paused",
                       "wait-for paused:", "wait-gone paused: 0", "dump",
                       "say held", "key p", "wait-gone paused", "key x",
                       "wait-for Nothing has happened", "say done")
        self.heard(ran, "ready")
        ask(self.relay, ANTHROPIC)
        self.heard(ran, "paused")
        ask(self.relay, ANTHROPIC, key="cr_wrong")
        ask(self.relay, ANTHROPIC)
        text = self.heard(ran, "held")
        self.assertEqual(text.count(" ok "), 1)
        self.heard(ran, "done")
        self.assertEqual(ran.wait(30), 0)

    # --- settings, doctor, about

    def test_a_setting_is_changed_and_put_back(self):
        value = lambda name: next(
            s["value"] for s in self.relay.call("setting.list")
            if s["name"] == name)
        edit = ("text /keepalive_idle", "key Enter Enter",
                "wait-for default 75s, from 0 to 1h", "key C-u")
        self.on("settings", *edit, "text 2h", "key C-s", "settle",
                "wait-for 1h")
        self.assertEqual(value("keepalive_idle"), "75s")
        self.on("settings", *edit, "text 80s", "key C-s",
                "wait-for in force at once", "wait-for 80s")
        self.assertEqual(value("keepalive_idle"), "80s")
        self.on("settings", "text /keepalive_idle", "key Enter d y",
                "wait-for as it was made")
        self.assertEqual(value("keepalive_idle"), "75s")
        self.on("settings", "text /strategy", "key Enter Enter",
                "wait-for default lru", "key Space", "key C-s",
                "wait-for in force at once")
        self.assertNotEqual(value("strategy"), "lru")
        self.relay.call("setting.unset", name="strategy")

    def test_what_the_file_sets_is_shown_with_its_line(self):
        text = self.text("settings", "key f", "wait-for state_dir", "settle",
                         "text /state_dir", size=(120, 30))
        self.assertIn("LINE", text)
        self.assertIn("relayd.conf", text)
        self.assertIn("relayctl reload", text)

    def test_doctor_tells_the_worst_first(self):
        rows = self.on("doctor", size=(120, 40))
        states = [r.split()[0] for r in rows[2:30] if r.split() and
                  r.split()[0] in ("broken", "smell", "note", "fine")]
        order = ["broken", "smell", "note", "fine"]
        self.assertEqual(states, sorted(states, key=order.index))
        self.assertGreater(len(states), 5)
        self.on("doctor", "key r", "wait-for being looked at", "settle")

    def test_about_tells_who_one_is(self):
        text = self.text("about")
        for word in ("uid", "admin", "time zone", "relayctl(8)"):
            self.assertIn(word, text)
        self.assertIn("account add", self.text("about", "key H", "settle",
                                               size=(100, 200)))


def stranger():
    """A user of this host who has nothing to do with it, and a group of
    others."""
    person = next(p for p in pwd.getpwall() if 0 < p.pw_uid < 65534)
    return person, next(g for g in grp.getgrall()
                        if g.gr_gid and g.gr_gid != person.pw_gid)


@unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
class Reader(Case):
    """Who may only look, or sees no more than their own."""

    @classmethod
    def setUpClass(cls):
        cls.person, cls.group = stranger()
        cls.conf = {"control_group": cls.group.gr_name}
        super().setUpClass()
        os.chmod(cls.relay.dir, 0o711)
        cls.binary = os.open(program("relay-tui"), os.O_RDONLY)
        cls.addClassCleanup(os.close, cls.binary)
        cls.relay.call("group.add", name="team", members="a1")

    def role(self, name):
        self.relay.configure({"control_group": self.group.gr_name,
                              **({f"{name}_groups": self.group.gr_name}
                                 if name != "self" else {})})
        self.relay.call("reload")

    def play(self, *lines, locale="C.UTF-8"):
        def become():
            os.setgroups([self.group.gr_gid])
            os.setgid(self.person.pw_gid)
            os.setuid(self.person.pw_uid)
        ran = subprocess.run(
            ["relay-tui", "--socket", self.relay.socket, "-s", "-"],
            executable=f"/proc/self/fd/{self.binary}",
            pass_fds=(self.binary,), cwd="/", preexec_fn=become,
            input="\n".join(["size 80 24", *lines, ""]), text=True,
            capture_output=True, env=environment(locale), timeout=60)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        return ran.stdout.split("\n")[:-1]

    def on(self, screen, *lines, **more):
        return self.play("settle", "text :" + screen, "key Enter", "settle",
                         *lines, **more)

    def test_what_a_reader_may_not_do_is_dim_and_says_why(self):
        self.role("view")
        rows = self.on("groups", "dump", "dump paint")
        self.assertIn("team", "".join(rows))
        texts, paints = rows[23], rows[47]
        for word, dim in (("Enter open", False), ("a add", True),
                          ("D remove", True)):
            at = texts.index(word) + len(word) - 1
            self.assertEqual(paints[at] == "d", dim, (word, paints))
        text = "".join(self.on("groups", "key a", "dump"))
        self.assertIn("this needs the role admin; yours is view", text)
        text = "".join(self.on("groups", "key D", "dump",
                               locale="zh_CN.UTF-8"))
        self.assertIn("admin", text)
        self.assertEqual([g["name"] for g in self.relay.call("group.list")],
                         ["team"])
        self.assertIn("Your role", "".join(self.on("doctor", "dump")))

    def test_a_person_without_a_role_sees_their_own(self):
        self.role("self")
        self.assertIn("Your role", "".join(self.on("groups", "dump")))
        for name, word in (("sessions", "No session"), ("queue", "Nobody"),
                           ("log", "Nothing has happened"),
                           ("about", "- view")):
            self.assertIn(word, "".join(self.on(name, "dump")))
        text = "".join(self.play("settle", "key m", "dump"))
        self.assertIn("view", text)

    def test_an_operator_tests_and_changes_nothing(self):
        self.role("ops")
        rows = self.on("rules", "key t", "wait-for What judges", "text 429",
                       "key Tab", "text claude-api", "key C-s",
                       "wait-for judged by", "dump")
        self.assertIn("rate", "".join(rows))
        self.assertIn("needs the role admin",
                      "".join(self.on("settings", "key e", "dump")))


class Nothing(Case):
    accounts = 0

    def test_empty_lists_say_what_to_do(self):
        for name, words in (
                ("sessions", "No session is bound"),
                ("groups", "Press a to make one"),
                ("rules", "Press a to add one"),
                ("proxies", "Press a to add"),
                ("notices", "Press a to"),
                ("clients", "relayctl"),
                ("traces", "Press a to keep")):
            rows = play(self.relay.socket, "text :" + name, "key Enter",
                        "settle", "dump")
            self.assertIn(words, " ".join(r.strip() for r in rows))
