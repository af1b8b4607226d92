# SPDX-License-Identifier: MIT
"""case_manual.py - what the manual tells people to type is what works."""
import os
import re
import shlex
import subprocess
import unittest

from house import HERE, PATIENCE, Relay, program

PAGE = os.path.join(HERE, "..", "..", "man", "relayd-accounts.7")
# What is asked for at a terminal, by kind; others take anything.
CREDENTIAL = {"bedrock": "AKIDEXAMPLE:secret\n"}
# These reach for the provider.
OUTSIDE = ("account test", "account windows", "--device", "login droid")


def sections():
    """Kind -> the commands of its section."""
    with open(PAGE) as f:
        text = f.read().replace("\\e\n", "")
    found = {}
    for part in re.split(r"^\.S[sh] ", text, flags=re.M)[1:]:
        lines = re.findall(r"^\$ relayctl (.*)$", part, re.M)
        if lines:
            found[part.partition("\n")[0]] = lines
    return found


class Manual(unittest.TestCase):
    def setUp(self):
        self.relay = Relay({"oauth_accounts": "yes",
                            "google_client": "mine",
                            "antigravity_client": "mine"})
        self.addCleanup(self.relay.close)

    def run_it(self, kind, line):
        with open(os.path.join(self.relay.dir, "FILE"), "w") as f:
            f.write("fk-one-of-them\nfk-that-ends-in-a1b2\n")
        words = shlex.split(line)
        # There is no terminal to be asked at.
        if "add" in words and "--credential-file" not in words:
            words += ["--credential", "-"]
        if line.startswith("oauth client set"):
            words += ["--secret", "-"]
        return subprocess.run(
            [os.path.abspath(program("relayctl")), "--socket",
             self.relay.socket, *words],
            input=CREDENTIAL.get(kind, "fk-or-anything\n"),
            capture_output=True, text=True, timeout=PATIENCE,
            cwd=self.relay.dir)

    def test_examples_of_each_kind_of_account(self):
        kinds = [k["name"] for k in self.relay.call("account.kinds")]
        told = sections()
        self.assertLessEqual(set(kinds), set(told))
        for kind in kinds:
            for line in told[kind]:
                if any(words in line for words in OUTSIDE):
                    continue
                with self.subTest(line):
                    done = self.run_it(kind, line)
                    if " login " in line:
                        # Nobody is there to open the address.
                        self.assertIn("https://", done.stdout)
                        self.assertNotIn("usage:", done.stderr)
                        continue
                    self.assertEqual(done.returncode, 0,
                                     done.stdout + done.stderr)
                    if "--env" in line:
                        self.assertIn("127.0.0.1", done.stdout)
                        self.assertIn("cr_", done.stdout)

    def test_each_client_is_pointed_to_routes_there_are(self):
        """Where Droid's settings point, only accounts of its kind answer."""
        shown = self.run_it("", "env droid").stdout
        for under in ("/droid/claude\"", "/droid/openai\"",
                      "/droid/comm/v1/\""):
            self.assertIn(under, shown)


if __name__ == "__main__":
    unittest.main()
