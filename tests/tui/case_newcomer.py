# SPDX-License-Identifier: MIT
"""case_newcomer.py - from an empty store to the first request that is seen, as
somebody goes who follows what the overview says."""
import re

from house import Case, until
from screens import play
from speech import ANTHROPIC, ask

PRESSES_MOST = 60


class Newcomer(Case):
    accounts = 0

    @classmethod
    def furnish(cls):
        cls.relay.set(sticky_content="no")

    def walk(self, *lines):
        """How many presses it took, and what is seen in the end."""
        count = 0
        for line in lines:
            word, _, rest = line.partition(" ")
            count += (len(rest.split()) if word == "key" else
                      len(rest) if word == "text" else word == "paste")
        return count, play(self.relay.socket, *lines, size=(100, 40))

    def test_an_empty_store_leads_to_a_first_request(self):
        url = f"http://127.0.0.1:{self.up.ports[0]}"
        first, _ = self.walk(
            "wait-for press a", "key a", "wait-for claude-api", "key Enter",
            "wait-for credential", "text work", "key Tab", "paste sk-a1",
            "key Tab", "paste " + url, "key C-s", "wait-for added")
        self.relay.call("account.set", name="work",
                        fields={"allow-private": "yes"})
        second, rows = self.walk(
            "key 1", "wait-for press n", "key n", "wait-for owner",
            "text laptop", "key C-s", "wait-for ANTHROPIC_", "dump")
        value = re.search(r"cr_[0-9A-Za-z]+", "\n".join(rows))
        self.assertTrue(value, rows)
        self.relay.key = value[0]
        answer = ask(self.relay, ANTHROPIC)
        self.assertEqual(answer.status, 200, (answer.body, rows))
        until("its receipt", self.relay.receipts)
        third, rows = self.walk("key 2", "wait-for laptop", "wait-for ok",
                                "dump")
        self.assertIn("work", "".join(rows))
        self.assertLessEqual(first + second + third, PRESSES_MOST)
