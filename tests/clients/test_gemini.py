# SPDX-License-Identifier: MIT
"""Gemini CLI through the relay, with an API key and as Code Assist."""
import json
import os
import re
import subprocess
from urllib.parse import urlsplit

import stage

from stage import ANSWER, MIDDLE, PIECES, TOKENS, Case, keys


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


class Assist(Gemini):
    """Its other mode, in which it talks to Code Assist: an account that
    somebody has signed in to.  At its start it shows its key to Google, which
    cannot be switched off; here nobody answers there."""
    conf = "oauth_accounts = yes\ngoogle_client = practice\n"
    up_options = ("--oauth",)
    # What it asks at its start, and tells after an answer.
    ASKED = {"loadCodeAssist", "retrieveUserQuota", "listExperiments"}

    def setUp(self):
        if stage.DIRECT:
            self.skipTest("without a relay nobody signs in")
        super().setUp()
        # These questions cost nothing.
        self.booked.add((0,) * len(TOKENS))

    def add_accounts(self):
        origin = f"http://127.0.0.1:{self.up.ports[0]}"
        ctl = [os.path.join(stage.BUILD, "bin", "relayctl"), "--socket",
               self.relay.socket]
        subprocess.run([*ctl, "oauth", "client", "set", "google_client"],
                       input=b"practice-secret\n", check=True,
                       stdout=subprocess.DEVNULL)
        login = subprocess.Popen(
            [*ctl, "account", "login", "gemini-oauth", "one", "--url", origin,
             "--auth-url", origin, "--allow-private"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        said = b""
        while b"Answer: " not in said:
            said += os.read(login.stdout.fileno(), 65536)
        url = urlsplit(re.search(rb"http://\S+/o/oauth2/v2/auth\S+",
                                 said)[0].decode())
        page = self.up.get(f"{url.path}?{url.query}").json()
        login.communicate(page["callback"].encode() + b"\n")
        self.assertEqual(login.returncode, 0)
        self.signed_in = max(line["seq"] for line in self.up.log())

    def reached(self):
        return [line for line in super().reached()
                if line["seq"] > self.signed_in]

    def begin(self, prompt, *options):
        self.write(".gemini/settings.json", json.dumps({
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
            "general": {"enableAutoUpdate": False}}))
        return self.start(
            [self.bin("gemini"), "-p", prompt, *options],
            self.env(CODE_ASSIST_ENDPOINT=self.base + "/gemini",
                     GOOGLE_CLOUD_ACCESS_TOKEN=self.key,
                     GOOGLE_GENAI_USE_GCA="true",
                     GEMINI_CLI_TRUST_WORKSPACE="true"))

    def look(self):
        told = [a for a in self.wire.asked if "www.googleapis.com" not in a]
        self.wire.asked = told
        super().look()

    def methods(self):
        return [r.path.rsplit(":", 1)[1] for r in self.asked()]

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
        self.assertLessEqual(self.ASKED, set(self.methods()))
        self.assertEqual(self.methods()[0], "loadCodeAssist")
        paid = [r for r in self.receipts if r["output"]]
        self.assertEqual([(r["model"], r["outcome"]) for r in paid],
                         [("gemini-2.5-pro", "ok")])

    def test_its_requests_pass_as_they_are(self):
        """The project that it names is the one it was told: the account's."""
        self.script(keys(text=ANSWER))
        self.answered(self.gemini("say something"))
        ours = {"host", "connection", "accept-encoding", "content-length",
                "authorization"}
        came = {line["body_sha256"] + line["target"]: line
                for line in self.reached()}
        self.assertGreater(len(came), 3)
        for asked in self.asked():
            line = came[asked.sha256 + asked.target[len("/gemini"):]]
            self.assertEqual(
                [(k, v) for k, v in asked.headers if k.lower() not in ours],
                [(k, v) for k, v in line["headers"] if k.lower() not in ours])
            head = {k.lower(): v for k, v in line["headers"]}
            self.assertTrue(head["authorization"].startswith("Bearer ya29."))

    def test_a_file_is_read_and_its_text_told(self):
        path = self.write("work/note.txt", "the hidden word is heron\n")
        self.script(keys(tool="read_file",
                         input=json.dumps({"file_path": path})))
        run = self.gemini("read it")
        self.assertEqual(run.status, 0, run)
        self.assertEqual(self.methods().count("streamGenerateContent"), 2)
        self.assertIn("heron", run.out)

    def test_a_token_that_is_refused_is_nothing_it_sees(self):
        self.script(keys(text=ANSWER))
        with self.up.connect() as s:
            s.sendall(b"POST /_practice/revoke?what=access HTTP/1.1\r\n"
                      b"host: x\r\ncontent-length: 0\r\n\r\n")
            s.recv(65536)
        self.answered(self.gemini("say something"))
        self.assertEqual(self.reached()[0]["status"], 401)
        self.signed_in = self.reached()[1]["seq"] - 1
        self.looked = True

    def test_a_stream_cut_in_the_text_is_asked_for_again(self):
        cut, where = self.once(cut=MIDDLE, **PIECES)
        self.script((cut, {**where, "path": "*:streamGenerateContent*"}),
                    keys(**PIECES))
        run = self.gemini("say something")
        self.assertEqual(run.status, 0, run)
        self.assertTrue(run.out.strip().endswith(PIECES["text"]), run)
        self.look()
        self.assertEqual(
            [r["outcome"] for r in self.receipts if r["output"]],
            ["cut", "ok"])
