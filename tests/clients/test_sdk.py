# SPDX-License-Identifier: MIT
"""The providers' own SDKs through the relay."""
import json
import os
import shutil
import subprocess

from stage import ANSWER, HERE, MIDDLE, PIECES, Case, keys
import stage


class Uses:
    """What is tried with every SDK."""

    dialect = "openai"
    module = None
    # What the SDK calls a whole answer.
    finish = None
    # Errors of the SDK: bad key, unknown, too many, not now.
    errors = {401: "AuthenticationError", 404: "NotFoundError",
              429: "RateLimitError", 503: "InternalServerError"}
    output = 50

    def begin(self, use, stdin=subprocess.DEVNULL, **more):
        return self.start(
            [shutil.which("node"), os.path.join(HERE, "sdk", "ask.mjs"),
             self.module, use],
            self.env(BASE=self.base, KEY=self.key, PACKAGES=stage.PACKAGES,
                     **more), stdin)

    def ask(self, use, **more):
        run = self.begin(use, **more).wait()
        self.assertEqual(run.status, 0, run)
        said = json.loads(run.out)
        asked = [r.sha256 for r in self.asked()]
        self.assertEqual(said["sent"], asked, "what the SDK hashed itself")
        return said

    def whole(self, said, text=ANSWER):
        self.assertNotIn("error", said)
        self.assertEqual(said["text"], text)
        self.assertEqual(said["finish"], self.finish)
        self.assertEqual((said["input"], said["output"]), (1000, self.output))

    # --- what works ----------------------------------------------------------

    def test_a_whole_answer(self):
        self.script(keys(text=ANSWER))
        self.whole(self.ask("whole"))
        self.look()
        if self.relay:
            self.assertEqual(self.tries(), [[("one", "ok")]])
            self.assertEqual(self.receipts[0]["status"], 200)
            self.assertEqual(self.receipts[0]["flags"], [])

    def test_a_stream(self):
        self.script(keys(**PIECES))
        said = self.ask("stream")
        self.whole(said, PIECES["text"])
        self.assertEqual(said["shown"], PIECES["text"])
        self.look()
        if self.relay:
            self.assertEqual(self.receipts[0]["flags"], ["stream"])

    def test_a_tool_is_called_and_its_result_told(self):
        self.script(keys(tool="weather", input='{"city":"Oslo"}'))
        said = self.ask("tools")
        self.assertIn("sunny in Oslo", said["text"])
        self.assertEqual(len(self.asked()), 2)

    def test_a_body_of_5_MB(self):
        self.script(keys(text=ANSWER))
        self.whole(self.ask("large"))
        self.assertGreater(self.reached()[0]["body_len"], 5 << 20)

    def test_an_abort_in_the_text_reaches_the_upstream(self):
        self.script(keys(size=20000, events=400, interval=50))
        said = self.ask("abort")
        if "error" in said:
            self.assertIn("bort", str(said["error"]))
        else:
            # OpenAI's just stops saying anything.
            self.assertIsNone(said["finish"])
        self.assertLessEqual(self.gone_ms(), 100)
        self.look()
        if self.relay:
            self.assertEqual(self.outcomes(), ["gone"])

    def test_an_abort_before_the_head_reaches_the_upstream(self):
        self.script(keys(hang=1))
        client = self.begin("hang", subprocess.PIPE)
        self.await_request()
        client.process.stdin.write("now\n")
        client.process.stdin.flush()
        client.wait(10)
        self.assertIn("error", json.loads(client.out))
        self.assertLessEqual(self.gone_ms(), 100)
        self.look()
        if self.relay:
            self.assertEqual(self.outcomes(), ["gone"])

    # --- what breaks ---------------------------------------------------------

    def broken(self, **fault):
        self.script(keys(**fault, **PIECES))
        said = self.ask("stream")
        self.assertIn("error", said)
        self.assertTrue(PIECES["text"].startswith(said["shown"]))
        self.look()
        if self.relay:
            self.assertIn(self.outcomes()[0], ("cut", "upstream"))
            self.assertIn("estimated", self.receipts[0]["flags"])
        return said

    def test_a_connection_cut_in_the_text(self):
        self.broken(cut=MIDDLE)

    def test_a_reset_in_the_text(self):
        self.broken(rst=MIDDLE)

    def test_a_clean_end_in_the_text(self):
        if self.relay:
            self.broken(cut=MIDDLE, untilclose=1)

    def test_a_clean_end_before_the_last_event(self):
        if self.relay:
            self.broken(noterminal=2)

    def test_an_error_in_the_text(self):
        self.broken(errorevent="server_error", errorafter=5,
                    message="the model fell over")

    def unnoticed(self, use, **fault):
        self.script(self.on("one", **fault), keys(text=ANSWER))
        self.whole(self.ask(use))
        self.look()
        if self.relay:
            self.assertEqual(len(self.asked()), 1)
            self.assertEqual([a for a, _ in self.tries()[0]], ["one", "two"])

    def test_of_two_accounts_one_that_limits_is_not_noticed(self):
        self.unnoticed("stream", status=429, retry_after=60)

    def test_of_two_accounts_one_that_resets_is_not_noticed(self):
        self.unnoticed("stream", rst="read")

    def test_of_two_accounts_one_without_credit_is_not_noticed(self):
        self.unnoticed("whole", status=402)

    def test_of_two_accounts_one_that_cuts_a_whole_answer_is_not_noticed(self):
        # The answer is larger than what is cut, and nothing of it was shown.
        self.unnoticed("whole", cut=100, text=ANSWER)

    # --- what the relay refuses ----------------------------------------------

    def refused(self, status, use="whole", retries="0"):
        said = self.ask(use, RETRIES=retries)
        self.assertEqual(said["error"]["status"], status, said)
        self.assertEqual(said["error"]["kind"], self.errors[status])
        self.assertIn(str(status), str(said["error"]))
        return said["error"]

    def test_a_wrong_key_is_an_error_of_authentication(self):
        if not self.relay:
            return
        self.key = "cr_nobodys"
        error = self.refused(401, retries="3")
        self.assertEqual(len(self.asked()), 1)
        self.assertEqual(self.reached(), [])
        self.fields(error)

    def test_a_kind_nobody_has_is_not_found(self):
        if not self.relay:
            return
        for name in self.accounts:
            self.relay.ctl("account", "rm", name)
        error = self.refused(404, retries="3")
        self.assertEqual(len(self.asked()), 1)
        self.fields(error)

    def test_accounts_that_are_held_are_not_there_just_now(self):
        if not self.relay:
            return
        for name in self.accounts:
            self.relay.ctl("account", "hold", name)
        self.fields(self.refused(503))
        self.assertEqual(self.reached(), [])

    def test_too_many_requests_everywhere_says_when(self):
        if not self.relay:
            return
        self.script(keys(status=429, retry_after=7))
        error = self.refused(429)
        self.when(error)
        self.look()
        self.assertIn(self.outcomes()[0], ("failed", "upstream"))

    def when(self, error):
        self.assertEqual(error["after"], "7")

    def fields(self, error):
        """The parts of an error that users of the SDK look at."""
        if error["status"] in (401, 404):
            self.assertEqual(error["retry"], "false")
        self.assertTrue(error["id"].startswith("req_"))


class AnthropicSdk(Uses, Case):
    dialect = "anthropic"
    module = "anthropic"
    finish = "end_turn"
    errors = {**Uses.errors, 503: "ServiceUnavailableError"}

    def fields(self, error):
        super().fields(error)
        self.assertEqual(error["body"]["type"], "error")
        self.assertEqual(error["body"]["error"]["type"], {
            401: "authentication_error", 404: "not_found_error",
            503: "api_error"}[error["status"]])

    def test_tokens_are_counted(self):
        self.assertEqual(self.ask("count")["input"], 1000)


class OpenAI(Uses):
    def fields(self, error):
        super().fields(error)
        self.assertTrue(error["body"]["message"])
        self.assertTrue(error["body"]["type"])


class ResponsesSdk(OpenAI, Case):
    module = "responses"
    finish = "completed"


class ChatSdk(OpenAI, Case):
    module = "chat"
    finish = "stop"

    def test_usage_nobody_asked_for_is_booked_and_not_shown(self):
        # The relay asks for it, and takes it out of the answer again.
        self.changes_bodies = True
        self.script(keys(**PIECES))
        said = self.ask("bare")
        self.assertEqual(said["text"], PIECES["text"])
        self.assertEqual(said["finish"], "stop")
        self.assertEqual(said["choiceless"], 0)
        self.assertNotIn("input", said)
        self.look()
        if self.relay:
            self.assertEqual(self.receipts[0]["input"], 680)
            body = json.loads(self.reached_body(self.reached()[0]["seq"]))
            self.assertEqual(body["stream_options"], {"include_usage": True})


class GoogleSdk(Uses, Case):
    dialect = "gemini"
    module = "gemini"
    finish = "STOP"
    errors = dict.fromkeys((401, 404, 429, 503), "ApiError")

    def broken(self, **fault):
        """Its callers get a clean end, and no finishReason."""
        self.script(keys(**fault, **PIECES))
        said = self.ask("stream")
        if not self.relay:
            return
        self.assertNotIn("error", said)
        self.assertIsNone(said["finish"])
        self.assertTrue(PIECES["text"].startswith(said["text"]))
        self.look()
        self.assertEqual(self.outcomes(), ["cut"])
        self.assertIn("estimated", self.receipts[0]["flags"])

    def test_an_error_in_the_text(self):
        self.skipTest("Google has no such event")

    def when(self, error):
        self.assertIn('"retryDelay":"7s"', error["message"].replace(" ", ""))

    def fields(self, error):
        self.assertIn({401: "UNAUTHENTICATED", 404: "NOT_FOUND",
                       503: "UNAVAILABLE"}[error["status"]],
                      error["message"])

    def test_tokens_are_counted(self):
        self.booked = {(0, 0, 0, 0, 0, 0)}
        self.assertEqual(self.ask("count")["input"], 1000)
