# SPDX-License-Identifier: MIT
"""case_screens.py - every screen at its sizes, and what keys do on it."""
import subprocess

from house import Case, Relay, until
from screens import SIZES, environment, play, run, width
from house import program
from speech import ANTHROPIC, ask

HOSTILE = ("张伟的账户", "a\u202eb\u2066c", "e\u0301\u0301\u0301" * 20,
           "👩‍👩‍👧‍👦 family", "x" * 200)
TABS = ("overview", "live", "accounts", "keys", "limits", "users")


class Screens(Case):
    @classmethod
    def furnish(cls):
        super().furnish()
        for i, text in enumerate(HOSTILE):
            cls.relay.account("claude-api", f"h{i}",
                              f"http://127.0.0.1:{cls.up.ports[0]}",
                              "sk-h", priority="90", note=text)
            cls.relay.call("account.hold", name=f"h{i}", reason=text)
        cls.relay.receipt(ask(cls.relay, ANTHROPIC))

    def play(self, *lines, **options):
        return play(self.relay.socket, *lines, **options)

    def assertShape(self, rows, size):
        """Nothing sticks out, and nothing in it commands a terminal."""
        self.assertEqual(len(rows), size[1])
        for row in rows:
            self.assertLessEqual(width(row), size[0], row)
            self.assertFalse([c for c in row if ord(c) < 32 or
                              0x7f <= ord(c) < 0xa0 or
                              0x202a <= ord(c) <= 0x202e], row)

    def test_every_screen_at_every_size(self):
        for size in SIZES + ((40, 10), (20, 6), (300, 80)):
            for number, name in enumerate(TABS, 1):
                with self.subTest(size=size, name=name):
                    rows = self.play(f"key {number}", "settle", "dump",
                                     size=size)
                    self.assertShape(rows, size)
                    self.assertIn(name.capitalize(), rows[0])
                    self.assertIn("help", rows[-1])

    def test_it_speaks_chinese(self):
        for locale in ("zh_CN.UTF-8", "zh_CN.utf8"):
            for size in SIZES:
                for number, word in ((1, "今天"), (2, "阶段"),
                                     (3, "名称")):
                    rows = self.play(f"key {number}", "settle", "dump",
                                     size=size, locale=locale)
                    self.assertShape(rows, size)
                    self.assertIn(word, "".join(rows))
                    self.assertIn("帮助", rows[-1])
        self.assertIn("Overview", "".join(self.play("dump", locale="C")))

    def test_a_terminal_too_small_says_so(self):
        rows = self.play("settle", "dump", size=(19, 5))
        self.assertShape(rows, (19, 5))
        self.assertIn("too small", rows[0])

    def test_ascii_only_where_there_is_no_utf8(self):
        for options in (("--ascii",), ()):
            text = "".join(self.play("settle", "dump", options=options,
                                     locale="C.UTF-8" if options else "C"))
            self.assertTrue(text.isascii(), text)

    def test_colour_is_never_alone(self):
        paints = self.play("key 3", "settle", "dump paint")
        texts = self.play("key 3", "settle", "dump")
        row = next(i for i, t in enumerate(texts) if t.startswith("a1"))
        self.assertIn("ready", texts[row])
        other = next(i for i, t in enumerate(texts) if t.startswith("h0"))
        self.assertIn("held", texts[other])
        self.assertIn("wwww", paints[other])

    def test_hostile_names_lie_still(self):
        for i, text in enumerate(HOSTILE):
            rows = self.play("key 3", "settle", f"key / h {i}", "key Enter Enter",
                             "wait-for held because", "settle", "dump",
                             size=(100, 30))
            self.assertShape(rows, (100, 30))

    def test_a_list_is_searched_sorted_and_walked(self):
        rows = self.play("key 3", "settle", "text /h 2", "dump")
        self.assertTrue(rows[2].startswith("h2"), rows)
        self.assertEqual(rows[3], "")
        rows = self.play("key 3", "settle", "text /zzz", "dump")
        self.assertIn("Nothing holds", "".join(rows))
        rows = self.play("key 3", "settle", "key s S", "dump")
        self.assertTrue(rows[2].startswith("o2"), rows)
        rows = self.play("key 3", "settle", "key G Enter", "settle", "dump")
        self.assertIn("o2", rows[1])

    def test_what_was_chosen_stays_chosen(self):
        rows = self.play("key 3", "settle", "key j", "key R", "wait-for released",
                         "key H", "wait-for held:", "settle", "dump")
        self.assertIn("2/", self.play("key 3", "settle", "key j", "settle",
                                      "dump")[-2])
        self.assertEqual(self.state("a2"), "held")
        self.play("key 3", "settle", "key j", "key R", "wait-for released")
        self.assertEqual(self.state("a2"), "ready")

    def state(self, name):
        return self.relay.call("account.show", name=name)["state"]

    def test_what_destroys_asks_before(self):
        self.relay.account("claude-api", "zz", "http://127.0.0.1:1", "sk-z")
        rows = self.play("key 3", "settle", "key G D", "dump", "key n")
        self.assertIn("zz", "".join(rows))
        self.play("key 3", "settle", "key G D", "wait-for Sure?",
                  "key Enter", "settle")
        self.assertEqual(self.state("zz"), "ready")
        self.play("key 3", "settle", "key G D y", "wait-for removed")
        names = [a["name"] for a in self.relay.call("account.list")]
        self.assertNotIn("zz", names)

    def test_an_account_is_added_changed_and_tested(self):
        url = f"http://127.0.0.1:{self.up.ports[0]}"
        self.play("key 3", "settle", "key a", "wait-for claude-api",
                  "text /claude-api", "key Enter Enter",
                  "wait-for credential", "text new", "key Tab",
                  r"paste sk-new\n", "key Tab", "paste " + url,
                  "key C-s", "wait-for added", "wait-for revision")
        show = lambda: self.relay.call("account.show", name="new")
        self.assertEqual(show()["url"], url)
        self.relay.call("account.set", name="new",
                        fields={"allow-private": "yes"})
        self.play("key 3", "settle", "text /new", "key Enter Enter",
                  "wait-for revision", "key t", "wait-for It works")
        edit = ("key 3", "settle", "text /new", "key Enter e",
                "wait-for credential", "key Tab C-u", "text nonsense",
                "key C-s", "settle")
        self.assertIn("bbb", "".join(self.play(*edit, "dump paint")))
        self.assertEqual(show()["url"], url)
        self.play(*edit, "key C-u", "paste " + url, "key Up S-Tab",
                  "text a note", "key C-s", "wait-for changed")
        self.assertEqual((show()["url"], show()["note"]), (url, "a note"))
        self.relay.call("account.rm", name="new")

    def test_a_form_says_what_is_missing(self):
        rows = self.play("key 3", "settle", "key a", "wait-for claude-api",
                         "text /claude-api", "key Enter Enter",
                         "wait-for credential", "key C-s", "dump")
        self.assertIn("this has to be filled in", "".join(rows))

    def test_a_secret_is_not_shown(self):
        rows = self.play("key 3", "settle", "key a", "wait-for claude-api",
                         "text /claude-api", "key Enter Enter",
                         "wait-for credential", "key Tab",
                         "paste sk-very-secret", "dump")
        self.assertNotIn("secret", "".join(rows))
        self.assertIn("•" * len("sk-very-secret"), "".join(rows))

    def test_commands_of_relayctl_are_completed_and_run(self):
        rows = self.play("settle", "text :key li", "key Tab Enter",
                         "wait-for case", "settle", "dump")
        self.assertIn("case", "".join(rows))
        rows = self.play("settle", "text :account show h", "key Tab",
                         "wait-for h4", "dump")
        self.assertIn("h0", "".join(rows))
        rows = self.play("settle", "text :no such", "key Enter", "dump")
        self.assertIn("there is no", rows[-2])
        rows = self.play("settle", "text :accounts", "key Enter", "settle",
                         "dump")
        self.assertIn("NAME", rows[1])
        rows = self.play("settle", "text :account hold o2 because", "key Enter",
                         "wait-for because", "settle", "dump")
        self.assertEqual(self.state("o2"), "held")
        self.relay.call("account.release", name="o2")

    def test_help_tells_every_key(self):
        text = "\n".join(self.play("key 3", "settle", "key ?", "dump",
                                   size=(100, 60)))
        for word in ("take it out of use", "one row down", "C-n",
                     "S-Tab", "type a command"):
            self.assertIn(word, text)

    def hanging(self):
        """A request that no account answers; the connection it is on."""
        self.rules(("a1", "hang=1"), ("a2", "hang=1"))
        s = self.relay.connect()
        body = ANTHROPIC.body(True)
        s.sendall((f"POST /v1/messages HTTP/1.1\r\nhost: x\r\n"
                   f"x-api-key: {self.relay.key}\r\n"
                   f"content-length: {len(body)}\r\n\r\n").encode() + body)
        until("a request under way",
              lambda: self.relay.call("session.list"))
        return s

    def test_a_request_is_seen_while_it_runs_and_can_be_ended(self):
        s = self.hanging()
        rows = self.play("key 2", "wait-for 1 under way", "dump",
                         size=(120, 24))
        self.assertIn("opening", rows[2])
        self.assertIn("case", rows[2])
        rows = self.play("key 2", "wait-for 1 under way", "key K y",
                         "wait-for 0 under way", "settle", "key K", "dump")
        self.assertNotIn("opening", "".join(rows))
        self.assertIn("ended already", rows[-2])
        s.close()
        self.relay.at_rest()

    def test_a_request_tells_its_story(self):
        ask(self.relay, ANTHROPIC)
        self.relay.at_rest()
        rows = self.play("key 2", "settle", "wait-for claude-x", "key Enter",
                         "wait-for a1", "settle", "dump", size=(100, 30))
        self.assertIn("req_", "".join(rows))
        rows = self.play("key 2", "settle", "wait-for claude-x", "key Enter",
                         "wait-for a1", "settle", "key y", "dump clipboard")
        self.assertTrue("req_" in "".join(rows), rows)

    def test_a_tab_is_found_as_it_was_left(self):
        rows = self.play("key 3", "settle", "text /openai", "key Enter j", "key 1",
                         "settle", "key 3", "settle", "dump")
        self.assertIn('with "openai"', rows[-2])
        self.assertTrue(rows[2].startswith("o1"), rows)
        self.assertIn("2/", "".join(self.play(
            "key 3", "settle", "key j", "key Enter", "settle", "key 2",
            "settle", "key 3", "settle", "dump")[-2]))

    def test_what_was_changed_is_undone(self):
        rows = self.play("key 3", "settle", "key j H", "wait-for u undoes it",
                         "key u", "wait-for undone", "settle", "dump")
        self.assertEqual(self.state("a2"), "ready")
        rows = self.play("settle", "key u", "dump")
        self.assertIn("nothing to undo", rows[-2])

    def test_an_account_is_held_with_a_reason(self):
        self.play("key 3", "settle", "text /o2", "key Enter Enter",
                  "wait-for created", "key H", "wait-for reason",
                  "text too dear", "key C-s", "wait-for held:",
                  "wait-for too dear", "key R", "wait-for u undoes it")
        self.assertEqual(self.state("o2"), "ready")

    def test_long_lines_are_broken(self):
        rows = self.play("settle", "key ?", "dump", size=(40, 60))
        text = " ".join(" ".join(rows).split())
        self.assertIn("to where this was opened; ends a search", text)
        self.assertNotIn("…", "".join(rows[1:-2]))

    def test_a_snapshot_is_one_screen(self):
        text = run(self.relay.socket, "--snapshot", "accounts", "--cols",
                   "120", "--rows", "12")
        rows = text.split("\n")[:-1]
        self.assertShape(rows, (120, 12))
        self.assertIn("NAME", rows[1])

    def test_usage_and_failures(self):
        run(self.relay.socket, "--snapshot", "nowhere", status=2)
        run(self.relay.socket, "--cols", "0", status=2)
        run(self.relay.socket, status=2)  # no terminal
        self.assertIn("no relayd",
                      run(self.relay.socket + "x", "--snapshot", status=1))
        self.assertIn("line 3", run(self.relay.socket, status=1, script=
                                    "timeout 0\n\nwait-for never\n"))
        self.assertIn("usage", run(self.relay.socket, "--help"))


class Empty(Case):
    accounts = 0

    def test_the_overview_says_what_comes_next(self):
        for size in SIZES:
            text = " ".join(play(self.relay.socket, "settle", "dump",
                                 size=size))
            self.assertIn("Add an account", text)
            self.assertIn("A key is there", text)

    def test_empty_lists_say_what_to_do(self):
        for key, words in (("3", "Press a to add one"),
                           ("2", "relayctl env CLIENT")):
            rows = play(self.relay.socket, "key " + key, "settle", "dump")
            self.assertIn(words, " ".join(rows))


class Gone(Case):
    accounts = 1

    def test_the_daemon_goes_and_comes_back(self):
        script = ("size 80 24\nkey 3\nsettle\nsay ready\ntimeout 30\n"
                  "wait-for relayd is gone\nwait-for no relayd\nsay gone\n"
                  "wait-for relayd is back\nsettle\ndump\n")
        ran = subprocess.Popen(
            [program("relay-tui"), "--socket", self.relay.socket, "-s", "-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=environment())
        self.addCleanup(ran.stdout.close)
        ran.stdin.write(script)
        ran.stdin.close()
        for word in ("ready", "gone"):
            line = ""
            while line.strip() != word:
                line = ran.stdout.readline()
                self.assertTrue(line, "relay-tui ended before " + word)
            if word == "ready":
                self.relay.stop()
        self.relay.start()
        text = ran.stdout.read()
        self.assertEqual(ran.wait(30), 0, text)
        self.assertIn("a1", text)
        self.assertNotIn("no relayd", text)
