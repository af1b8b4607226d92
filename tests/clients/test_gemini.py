# SPDX-License-Identifier: MIT
"""Gemini CLI, with an API key, through the relay."""
import json

from stage import ANSWER, MIDDLE, PIECES, Case, keys


class Gemini(Case):
    dialect = "gemini"

    def begin(self, prompt, *options):
        # Without a type the base URL alone selects a way to sign in that
        # does not work without a screen.
        self.write(".gemini/settings.json", json.dumps({
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
            "general": {"enableAutoUpdate": False}}))
        return self.start(
            [self.bin("gemini"), "-p", prompt, *options],
            self.env(GOOGLE_GEMINI_BASE_URL=self.base + "/gemini",
                     GEMINI_API_KEY=self.key,
                     GEMINI_CLI_TRUST_WORKSPACE="true"))

    def gemini(self, prompt, *options):
        return self.begin(prompt, "-m", "gemini-2.5-pro", *options).wait()

    def answered(self, run, text=ANSWER):
        self.assertEqual(run.status, 0, run)
        self.assertEqual(run.out.strip(), text, run)


class Honest(Gemini):
    """What works."""

    def test_a_prompt_is_answered_and_its_price_told(self):
        self.script(keys(text=ANSWER))
        run = self.gemini("say something", "-o", "json")
        self.assertEqual(run.status, 0, run)
        said = json.loads(run.out)
        self.assertEqual(said["response"], ANSWER)
        tokens = said["stats"]["models"]["gemini-2.5-pro"]["tokens"]
        self.assertEqual((tokens["prompt"], tokens["cached"],
                          tokens["candidates"], tokens["thoughts"]),
                         (1000, 300, 50, 7))
        self.look()
        if self.relay:
            self.assertEqual(self.tries(), [[("one", "ok")]])

    def test_the_router_asks_a_small_model_first(self):
        self.script(keys(text=ANSWER))
        run = self.begin("say something").wait()
        self.assertEqual(run.status, 0, run)
        self.assertIn(ANSWER, run.out)
        ways = [r.path.rsplit(":", 1)[1] for r in self.asked()]
        self.assertEqual(ways[0], "generateContent")
        self.assertEqual(ways[-1], "streamGenerateContent")

    def test_a_file_is_read_and_its_text_told(self):
        path = self.write("work/note.txt", "the hidden word is heron\n")
        self.script(keys(tool="read_file",
                         input=json.dumps({"file_path": path})))
        run = self.gemini("read it")
        self.assertEqual(run.status, 0, run)
        self.assertEqual(len(self.asked()), 2)
        self.assertIn("heron", run.out)

    def test_a_file_is_written(self):
        path = self.home + "/work/made.txt"
        self.script(keys(tool="write_file", input=json.dumps(
            {"file_path": path, "content": "forty-two\n"})))
        run = self.gemini("write it", "--approval-mode", "yolo")
        self.assertEqual(run.status, 0, run)
        with open(path) as f:
            self.assertEqual(f.read(), "forty-two\n")

    def test_an_interrupt_reaches_the_upstream_at_once(self):
        self.script(keys(size=20000, events=400, interval=50))
        client = self.begin("write on and on", "-m", "gemini-2.5-pro")
        self.await_answer()
        client.interrupt()
        client.wait(10)
        self.assertLessEqual(self.gone_ms(), 100)
        self.look()
        if self.relay:
            self.assertEqual(self.outcomes(), ["gone"])


class Broken(Gemini):
    """An upstream that breaks after text was shown: the relay ends the body
    cleanly, without a finishReason, and the client asks again."""

    def again(self, **fault):
        self.script(self.once(**fault, **PIECES), keys(**PIECES))
        run = self.gemini("say something")
        self.assertEqual(run.status, 0, run)
        # What came of the first answer stays on the screen.
        self.assertTrue(run.out.strip().endswith(PIECES["text"]), run)
        self.look()
        self.assertEqual(len(self.asked()), 2)
        if self.relay:
            self.assertEqual(self.outcomes(), ["cut", "ok"])
            self.assertEqual(self.tries()[0], [("one", "cut")])
            self.assertIn("estimated", self.receipts[0]["flags"])

    def test_a_connection_cut_in_the_text(self):
        self.again(cut=MIDDLE)

    def test_a_reset_in_the_text(self):
        self.again(rst=MIDDLE)

    def test_a_clean_end_in_the_text(self):
        self.again(noterminal=2)


class Standby(Gemini):
    """An account that fails before it said anything is not noticed."""

    def unnoticed(self, how, **fault):
        self.script(self.on("one", **fault), keys(text=ANSWER))
        self.answered(self.gemini("say something"))
        self.look()
        if self.relay:
            self.assertEqual(len(self.asked()), 1)
            self.assertEqual(self.tries(), [[("one", how), ("two", "ok")]])

    def test_too_many_requests(self):
        self.unnoticed("error_status", status=429, retry_after=60)

    def test_a_bad_credential(self):
        self.unnoticed("error_status", status=401)

    def test_a_bad_key_as_google_says_it(self):
        self.unnoticed("error_status", status=400,
                       message="API key not valid. API_KEY_INVALID")

    def test_a_broken_server(self):
        self.unnoticed("error_status", status=500)

    def test_a_reset_before_the_head(self):
        self.unnoticed("reset", rst="read")

    def test_a_stream_cut_before_its_text(self):
        self.unnoticed("cut", cut=20, text=ANSWER)
