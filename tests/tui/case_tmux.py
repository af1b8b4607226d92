# SPDX-License-Identifier: MIT
"""case_tmux.py - relay-tui on a real terminal, which tmux plays."""
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from house import Case, program, until
from screens import environment


class Tmux:
    """A terminal of its own; `run` tells when a command in it has ended."""

    def __init__(self, columns=80, rows=24, **more):
        self.dir = tempfile.TemporaryDirectory(prefix="relay-tmux-")
        self.socket = os.path.join(self.dir.name, "tmux")
        self.environment = environment(**more)
        self("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y",
             str(rows), "env", "PS1=ready$ ", "sh")
        self.until("ready$")

    def __call__(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], check=True,
                              capture_output=True, text=True,
                              env=self.environment).stdout

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"],
                       capture_output=True)
        self.dir.cleanup()

    def keys(self, *names):
        self("send-keys", *names)

    def screen(self, *options):
        return self("capture-pane", "-p", *options)

    def until(self, text):
        return until("on the screen: " + text + "\n" + self.screen(),
                     lambda: self.screen() if text in self.screen() else None)

    def modes(self):
        """What a program may have left behind: alternate screen, no cursor,
        mouse, and how the line is edited."""
        flags = self("display-message", "-p", "#{alternate_on}"
                     "#{cursor_flag}#{mouse_any_flag}#{keypad_flag}")
        return flags.strip()


@unittest.skipUnless(shutil.which("tmux"), "tmux is not here")
class Terminal(Case):
    accounts = 1

    def setUp(self):
        super().setUp()
        self.tmux = Tmux()
        self.addCleanup(self.tmux.close)
        self.before = self.tmux.modes()

    def begin(self, *options, shows="accounts ready"):
        self.tmux.keys(" ".join([program("relay-tui"), "--socket",
                                 self.relay.socket, *options]),
                       "Enter")
        self.tmux.until(shows)

    def pid(self):
        """Of the relay-tui in the terminal."""
        shell = self.tmux("display-message", "-p", "#{pane_pid}").strip()
        found = subprocess.run(["pgrep", "-P", shell, "relay-tui"],
                               capture_output=True, text=True).stdout.split()
        return int(found[0]) if found else None

    def restored(self):
        """The shell has the terminal again, as it was."""
        until("its end", lambda: not self.pid())
        self.tmux.until("ready$")
        until("the modes of before", lambda: self.tmux.modes() == self.before)
        self.tmux.keys("stty -a | grep -c ' echo '; echo 'st''ill' here",
                       "Enter")
        text = self.tmux.until("still here")
        self.assertRegex(text, r"(?m)(^|\s)1$")

    def test_it_starts_and_is_left(self):
        self.begin()
        self.tmux.keys("3")
        self.tmux.until("NAME")
        self.tmux.keys("?")
        self.tmux.until("take it out of use")
        self.tmux.keys("Escape")
        self.tmux.until("NAME")
        self.tmux.keys("q")
        self.restored()

    def test_signals_give_the_terminal_back(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT,
                       signal.SIGABRT, signal.SIGSEGV):
            with self.subTest(number):
                self.begin()
                os.kill(until("its process", self.pid), number)
                until("its end", lambda: not self.pid())
                self.restored()
                self.tmux.keys("clear", "Enter")
                until("a clear screen",
                      lambda: "still" not in self.tmux.screen())

    def test_stopped_it_is_the_shell_s_terminal(self):
        self.begin()
        self.tmux.keys("C-z")
        self.tmux.until("Stopped")
        until("the modes of before", lambda: self.tmux.modes() == self.before)
        self.tmux("resize-window", "-x", "100", "-y", "30")
        self.tmux.keys("fg", "Enter")
        self.tmux.until("accounts ready")
        until("the new size", lambda: "q quit" in
              self.tmux.screen().rstrip("\n").split("\n")[-1])
        self.assertEqual(len(self.tmux.screen().rstrip("\n").split("\n")), 30)
        self.tmux.keys("q")
        self.restored()

    def test_a_storm_of_sizes(self):
        self.begin()
        for i in range(60):
            self.tmux("resize-window", "-x", str(20 + i * 37 % 180), "-y",
                      str(5 + i * 13 % 60))
        self.tmux("resize-window", "-x", "90", "-y", "28")
        until("the last size", lambda: "q quit" in
              (self.tmux.screen().rstrip("\n").split("\n") + [""] * 28)[27])
        self.assertIn("Overview", self.tmux.screen().split("\n")[0])
        self.tmux.keys("q")
        self.restored()

    def test_the_daemon_is_killed_and_comes_back(self):
        self.begin()
        self.relay.kill(signal.SIGKILL)
        self.relay.ended()
        self.tmux.until("no relayd")
        self.relay.start()
        self.tmux.until("relayd is back")
        until("no more complaint",
              lambda: "no relayd" not in self.tmux.screen())
        self.tmux.keys("q")
        self.restored()

    def test_a_form_is_saved_and_a_value_copied(self):
        """C-s is a key of forms, not the terminal's; the clipboard is the
        terminal's."""
        self.begin("--screen", "keys", shows="case")
        self.tmux("set", "-s", "set-clipboard", "on")
        self.tmux.keys("a")
        self.tmux.until("A new key")
        self.tmux.keys("by-hand", "C-s")
        self.tmux.until("shown this once")
        self.tmux.until("Claude Code")
        self.tmux.keys("v")
        value = self.tmux.until("cr_").split("cr_")[1].split()[0]
        self.tmux.until("clipboard")
        until("a buffer", lambda: self.tmux("list-buffers"))
        self.assertEqual(self.tmux("show-buffer"), "cr_" + value)
        self.tmux.keys("q")
        self.tmux.until("by-hand")
        self.tmux.keys("q")
        self.restored()
        self.relay.call("key.rm", key="by-hand")

    def test_a_paste_is_no_command(self):
        self.begin()
        self.tmux("set-buffer", "q\nq\n:quit\n")
        self.tmux("paste-buffer", "-p")
        self.tmux.until("nothing here to paste into")
        self.tmux.keys("3")
        self.tmux.until("NAME")
        self.tmux.keys("q")
        self.restored()

    def test_colours_only_where_they_are_wanted(self):
        self.begin()
        self.assertRegex(self.tmux.screen("-e"), "\x1b\\[[0-9;]*3[0-9]m")
        self.tmux.keys("q")
        self.restored()
        self.begin("--theme", "mono")
        self.assertNotRegex(self.tmux.screen("-e"), "\x1b\\[[0-9;]*3[0-8]")
        self.tmux.keys("q")
        self.restored()

    def test_wide_characters_stand_in_line(self):
        self.relay.call("account.set", name="a1", fields={"note": "x"})
        self.relay.call("account.hold", name="a1", reason="张伟说😀停")
        self.begin()
        self.tmux.keys("3")
        self.tmux.until("held")
        self.tmux.keys("Enter")
        self.tmux.until("张伟说😀停")
        self.tmux.keys("q", "q")
        self.restored()
        self.relay.call("account.release", name="a1")
