# SPDX-License-Identifier: MIT
"""Droid through the relay, with an account of Factory that has two keys."""
import json
import os

import stage

from stage import ANSWER, MIDDLE, PIECES, Case, keys

KEYS = ("fk-upstream-key-0001", "fk-upstream-key-0002")


def program():
    # Without the package that only chooses among the systems' own.
    return os.path.join(stage.PACKAGES, "node_modules", "@factory",
                        "cli-linux-x64", "bin", "droid")


class Droid:
    """What is tried in each of the three families."""
    conf = "oauth_accounts = yes\n"
    # What relayd says itself, or leaves out.
    OURS = {"host", "connection", "accept-encoding", "content-length",
            "authorization", "x-api-key", "x-api-provider",
            "openai-platform"}

    def add_accounts(self):
        self.relay.add_account(
            "droid", "one", f"http://127.0.0.1:{self.up.ports[0]}",
            "\n".join(KEYS), 10)

    def begin(self, prompt, *options):
        under = "/droid" + self.under if self.relay else self.direct
        self.write(".factory/settings.json", json.dumps({
            "customModels": [{
                "displayName": "mine", "model": self.model,
                "baseUrl": self.base + under, "apiKey": self.key,
                "provider": self.provider, "maxOutputTokens": 8192}]}))
        return self.start(
            [program(), "exec", "-m", "custom:mine-0", *options,
             prompt],
            self.env(FACTORY_AIRGAP_ENABLED="true",
                     FACTORY_DROID_AUTO_UPDATE_ENABLED="false"))

    def droid(self, prompt, *options):
        return self.begin(prompt, *options).wait()

    def answered(self, run, text=ANSWER):
        self.assertEqual(run.status, 0, run)
        self.assertEqual(run.out.strip(), text, run)

    def same_but_for_the_key(self):
        """What Droid sent is what arrived; returns the keys it came with."""
        used = []
        self.assertEqual(len(self.asked()), len(self.reached()))
        for asked, line in zip(self.asked(), self.reached()):
            sent = [(k, v) for k, v in asked.headers
                    if k.lower() not in self.OURS]
            came = [tuple(h) for h in line["headers"]
                    if h[0].lower() not in self.OURS]
            self.assertEqual(sent, came)
            self.assertTrue(asked.header("user-agent").startswith(
                "factory-cli/"))
            self.assertEqual(asked.sha256, line["body_sha256"])
            self.assertEqual(line["target"], "/api/llm" + self.there)
            head = {k.lower(): v for k, v in line["headers"]}
            self.assertNotIn("x-api-key", head)
            self.assertEqual(head["x-api-provider"], self.backend)
            used.append(head["authorization"].removeprefix("Bearer "))
        return used

    def test_a_prompt_is_answered_and_passes_as_it_is(self):
        self.script(keys(text=ANSWER))
        self.answered(self.droid("say something"))
        self.look()
        if self.relay:
            self.assertEqual(self.same_but_for_the_key()[0], KEYS[0])
            for r in self.receipts:
                self.assertTrue(r["client"].startswith("factory-cli/"), r)

    def test_a_file_is_read_and_its_text_told(self):
        path = self.write("work/note.txt", "the hidden word is heron\n")
        self.script(keys(tool="Read", input=json.dumps(
            {"file_path": path})))
        run = self.droid("read it")
        self.assertEqual(run.status, 0, run)
        self.assertIn("heron", run.out, run)
        if self.relay:
            self.same_but_for_the_key()

    def test_a_stream_that_broke_is_asked_for_again(self):
        # Ended cleanly, the half would have been taken for the whole.
        self.script(self.once(cut=MIDDLE, **PIECES), keys(**PIECES))
        self.answered(self.droid("say something"), PIECES["text"])
        self.look()
        if self.relay:
            self.assertEqual(self.outcomes(), ["cut", "ok"])

    def test_a_key_that_died_is_not_noticed(self):
        self.script((keys(status=402), {"credential": KEYS[0]}),
                    keys(text=ANSWER))
        self.answered(self.droid("say something"))
        self.look()
        if self.relay:
            self.assertEqual(self.tries()[0], [("one", "error_status"),
                                               ("one", "ok")])
            shown = self.relay.ctl("account", "show", "one")
            self.assertEqual([k["state"] for k in shown["keys"]],
                             ["credit", "ready"])


class Claude(Droid, Case):
    dialect = "anthropic"
    under, direct, there = "/claude", "", "/a/v1/messages"
    provider, model = "anthropic", "claude-opus-4-5-20251101"
    backend = "anthropic"


class OpenAI(Droid, Case):
    dialect = "openai"
    under, direct, there = "/openai", "", "/o/v1/responses"
    provider, model = "openai", "gpt-5.5"
    backend = "azure_openai"


class Comm(Droid, Case):
    dialect = "openai"
    under, direct, there = "/comm/v1/", "/v1/", "/o/v1/chat/completions"
    provider, model = "generic-chat-completion-api", "glm-4.6"
    backend = "fireworks"
