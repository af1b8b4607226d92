# SPDX-License-Identifier: MIT
"""case_completion.py - what stands behind the Tab key: the words of the table of
commands, the names of the daemon, in three shells."""
import os
import shutil
import subprocess
import unittest

from house import Case, program

CONTRIB = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       "..", "..", "contrib")

BASH = """
. "$1"
shift
COMP_WORDS=(relayctl "$@")
COMP_CWORD=$#
compopt() { :; }
_relayctl
printf '%s\\n' "${COMPREPLY[@]}"
"""
# The function is a file of its own; its last line calls it.
ZSH = """
compadd() { shift; print -l -- ${(P)1} }
_files() { print -l -- FILES }
file=$1
shift
words=(relayctl "$@")
CURRENT=${#words}
autoload -U +X compinit 2>/dev/null
compdef() { : }
. $file
"""


class Completion(Case):
    @classmethod
    def furnish(cls):
        super().furnish()
        for i in range(450):
            cls.relay.call("key.create", name=f"crowd-{i:03}")

    def offered(self, *words):
        return self.run_with([program("relayctl"), "--complete", *words])

    def run_with(self, argv, **more):
        path = os.path.dirname(program("relayctl")) + ":" + os.environ["PATH"]
        ran = subprocess.run(
            argv, capture_output=True, text=True, timeout=60,
            env={"PATH": path, "LC_ALL": "C.UTF-8", "HOME": self.relay.dir,
                 "RELAYD_SOCKET": self.relay.socket}, **more)
        self.assertEqual(ran.stderr, "")
        return ran.stdout.splitlines()

    def test_words_come_from_the_table(self):
        self.assertIn("account", self.offered(""))
        self.assertIn("list", self.offered("account", ""))
        self.assertIn("login", self.offered("account", ""))
        self.assertIn("--json", self.in_bash("account", "list", ""))

    def test_names_of_things_that_are_there(self):
        for words in (("account", "show"), ("account", "set"),
                      ("account", "key", "add"), ("usage", "--account"),
                      ("receipts", "--account"), ("account", "key", "rm")):
            self.assertIn("a1", self.offered(*words, ""), words)
        for words in (("key", "show"), ("key", "create", "new", "--like"),
                      ("usage", "--key")):
            self.assertIn("case", self.offered(*words, ""), words)
        self.assertIn("claude-api", self.offered("account", "add", ""))
        self.assertIn("attempts_max", self.offered("set", ""))
        self.assertIn("claude-opus-4-8", self.offered("usage", "--model", ""))
        self.assertIn("--priority", self.offered("account", "set", "a1", ""))
        self.assertIn("claude", self.offered("env", ""))

    def test_what_was_removed_is_offered_where_it_can_be_had_back(self):
        self.relay.new_key("binned")
        self.relay.call("key.rm", key="binned")
        for verb in ("restore", "purge"):
            offered = self.offered("key", verb, "")
            self.assertIn("binned", offered)
            self.assertNotIn("case", offered)
        self.assertNotIn("binned", self.offered("key", "show", ""))
        self.assertNotIn("binned",
                         self.offered("key", "restore", "x", "--name", ""))

    def test_a_template_is_offered_to_be_like_it(self):
        self.relay.call("template.add", name="form")
        for words in (("key", "create", "x", "--like"), ("template", "rm")):
            self.assertIn("form", self.offered(*words, ""), words)

    def test_a_new_thing_has_no_name_to_offer(self):
        self.assertNotIn("a1", self.offered("account", "add", "claude-api", ""))
        self.assertNotIn("case", self.offered("key", "create", ""))

    def test_a_name_on_a_later_page_is_offered_too(self):
        offered = self.offered("key", "show", "")
        self.assertIn("crowd-449", offered)
        self.assertEqual(len(offered), len(set(offered)))

    def test_without_a_daemon_the_words_remain(self):
        words = subprocess.run(
            [program("relayctl"), "--complete", "account", "show", ""],
            capture_output=True, text=True, timeout=60,
            env={"RELAYD_SOCKET": self.relay.socket + ".no"})
        self.assertEqual((words.stdout, words.stderr, words.returncode),
                         ("", "", 0))

    def in_bash(self, *words):
        return self.run_with(["bash", "-c", BASH, "bash",
                              os.path.join(CONTRIB, "relayctl.bash"), *words])

    def check_shell(self, said):
        self.assertIn("show", said("account", "s"))
        self.assertIn("a1", said("account", "show", "a"))
        self.assertIn("a1", said("--socket", self.relay.socket, "account",
                                 "show", "a"))
        self.assertIn("codex", said("key", "create", "new", "--env", "c"))

    def test_bash(self):
        self.check_shell(self.in_bash)
        self.assertNotIn("o1", self.in_bash("account", "show", "a"))

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh(self):
        def said(*words):
            return self.run_with(
                ["zsh", "-f", "-c", ZSH, "zsh",
                 os.path.join(CONTRIB, "relayctl.zsh"), *words])
        self.check_shell(said)
        self.assertEqual(said("price", "update", "--from", ""), ["FILES"])

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish(self):
        def said(*words):
            line = " ".join(("relayctl",) + words)
            return self.run_with(
                ["fish", "--no-config", "-c",
                 "source $argv[1]; complete -C $argv[2]",
                 os.path.join(CONTRIB, "relayctl.fish"), line])
        self.check_shell(said)
        self.assertNotIn("o1", said("account", "show", "a"))
