# SPDX-License-Identifier: MIT
"""Claude Code through the relay."""
import json

import stage

from stage import ANSWER, MIDDLE, PIECES, Case, keys

class ClaudeCode(Case):
    dialect = "anthropic"

    def begin(self, prompt, *options, **env):
        return self.start(
            [self.bin("claude"), "-p", prompt, *options],
            self.env(ANTHROPIC_BASE_URL=self.base + "/api",
                     ANTHROPIC_AUTH_TOKEN=self.key,
                     CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC="1",
                     DISABLE_AUTOUPDATER="1", **env))

    def claude(self, prompt, *options, **env):
        return self.begin(prompt, *options, **env).wait()

    def answered(self, run, text=ANSWER):
        self.assertEqual(run.status, 0, run)
        self.assertEqual(run.out.strip(), text, run)


class Honest(ClaudeCode):
    """What works."""

    def test_a_prompt_is_answered_and_its_price_told(self):
        self.script(keys(text=ANSWER))
        run = self.claude("say something", "--output-format", "json")
        self.assertEqual(run.status, 0, run)
        said = json.loads(run.out)
        self.assertEqual(said["result"], ANSWER)
        self.assertFalse(said["is_error"])
        self.assertEqual(said["usage"]["input_tokens"], 1000)
        self.assertEqual(said["usage"]["output_tokens"], 50)
        self.look()
        if self.relay:
            self.assertEqual(self.tries(), [[("one", "ok")]])
            r = self.receipts[0]
            self.assertEqual(r["client"], "claude-cli/2.1.197")
            self.assertEqual(r["status"], 200)
            self.assertEqual(r["bytes_in"], len(self.asked()[0].body))

    def test_of_two_credentials_the_relays_key_is_found(self):
        self.script(keys(text=ANSWER))
        self.answered(self.claude("hello", ANTHROPIC_API_KEY="sk-ant-other"))
        sent = [name.lower() for name, _ in self.asked()[0].headers]
        self.assertIn("x-api-key", sent)
        self.assertIn("authorization", sent)
        if self.relay:
            for line in self.reached():
                self.assertNotIn("sk-ant-other", json.dumps(line))

    def tool(self, name, **given):
        self.script(keys(tool=name, input=json.dumps(given)))
        run = self.claude("use it", "--allowedTools", name)
        self.assertEqual(run.status, 0, run)
        self.assertEqual(len(self.asked()), 2)
        return run.out

    def test_a_bash_command_runs_and_its_output_is_told(self):
        out = self.tool("Bash", command="echo $((6 * 7)) apples",
                        description="count")
        self.assertIn("42 apples", out)

    def test_a_file_is_read_and_its_text_told(self):
        path = self.write("work/note.txt", "the hidden word is heron\n")
        self.assertIn("heron", self.tool("Read", file_path=path))

    def test_the_context_is_counted_without_paid_calls(self):
        self.script(keys(text=ANSWER))
        run = self.claude("/context")
        self.assertEqual(run.status, 0, run)
        self.assertGreater(len(self.asked()), 0)
        self.assertEqual({r.path for r in self.asked()},
                         {"/api/v1/messages/count_tokens"})

    def test_a_conversation_is_continued(self):
        self.script(keys(text="pleased to meet you"))
        self.answered(self.claude("my name is Ada"), "pleased to meet you")
        self.script(keys(text=ANSWER))
        self.answered(self.claude("who am I", "--continue"))
        body = self.asked()[1].body.decode()
        self.assertIn("my name is Ada", body)
        self.assertIn("pleased to meet you", body)

    def test_an_interrupt_reaches_the_upstream_at_once(self):
        self.script(keys(size=20000, events=400, interval=50))
        client = self.begin("write on and on")
        self.await_answer()
        client.interrupt()
        client.wait(10)
        self.assertLessEqual(self.gone_ms(), 100)
        self.look()
        if self.relay:
            self.assertEqual(self.outcomes(), ["gone"])
            self.assertIn("estimated", self.receipts[0]["flags"])
            self.assertIn("disconnected", self.receipts[0]["flags"])

    def test_an_interrupt_before_the_head_reaches_the_upstream(self):
        self.script(keys(hang=1))
        client = self.begin("say nothing")
        self.await_request()
        client.interrupt()
        client.wait(10)
        self.assertLessEqual(self.gone_ms(), 100)


class Broken(ClaudeCode):
    """An upstream that breaks after text was shown: said, never hidden."""

    def broken(self, **fault):
        # At first left to itself: it asks again, for the whole at once.
        self.script(self.once(**fault, **PIECES), keys(**PIECES))
        self.answered(self.claude("say something"), PIECES["text"])
        self.assertEqual(len(self.asked()), 2)
        # Then without that way out: it has to say that something is missing.
        self.script(keys(**fault, **PIECES))
        run = self.claude("say something",
                          CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK="1")
        self.assertEqual(len(self.asked()), 3)
        self.assertNotEqual(run.status, 0, run)
        self.assertIn("API Error", run.out, run)
        self.look()
        if self.relay:
            self.assertEqual(self.outcomes()[1], "ok")
            for r in (self.receipts[0], self.receipts[2]):
                self.assertIn("estimated", r["flags"])
                self.assertEqual(len(r["attempts"]), 1)
        return run

    def cut(self, **fault):
        self.broken(**fault)
        if self.relay:
            self.assertEqual(self.outcomes(), ["cut", "ok", "cut"])
            self.assertEqual(self.tries()[0], [("one", "cut")])

    def test_a_connection_cut_in_the_text(self):
        self.cut(cut=MIDDLE)

    def test_a_reset_in_the_text(self):
        self.cut(rst=MIDDLE)

    def test_a_clean_end_in_the_text(self):
        # Passed on as it is, this would be an empty success.
        self.cut(cut=MIDDLE, untilclose=1)

    def test_a_clean_end_after_the_text(self):
        self.cut(noterminal=2)

    def test_a_clean_end_before_the_last_event(self):
        # The text is whole and the client takes it as it is; the relay cannot
        # know that nothing was to come, and says so.
        self.script(keys(noterminal=1, **PIECES))
        run = self.claude("say something")
        self.look()
        if self.relay:
            self.assertNotEqual(run.status, 0, run)
            self.assertIn("broke off", run.out, run)
            self.assertEqual(self.outcomes(), ["cut"])
        else:
            self.answered(run, PIECES["text"])

    def test_an_error_in_the_text(self):
        run = self.broken(errorevent="overloaded_error", errorafter=5,
                          message="Overloaded")
        self.assertIn("Overloaded", run.out, run)
        if self.relay:
            self.assertEqual(self.tries()[0], [("one", "stream_error")])


class Standby(ClaudeCode):
    """An account that fails before it said anything is not noticed."""

    def unnoticed(self, how, **fault):
        self.script(self.on("one", **fault), keys(text=ANSWER))
        self.answered(self.claude("say something"))
        self.look()
        if self.relay:
            self.assertEqual(len(self.asked()), 1)
            self.assertEqual(self.outcomes(), ["ok"])
            self.assertEqual(self.tries()[0][-1], ("two", "ok"))
            self.assertEqual(self.tries()[0][0], ("one", how))

    def test_too_many_requests(self):
        self.unnoticed("error_status", status=429, retry_after=60)

    def test_a_bad_credential(self):
        self.unnoticed("error_status", status=401)

    def test_a_forbidden_account(self):
        self.unnoticed("error_status", status=403)

    def test_an_empty_purse(self):
        self.unnoticed("error_status", status=400,
                       message="Your credit balance is too low")

    def test_a_broken_server(self):
        self.unnoticed("error_status", status=500)

    def test_a_reset_before_the_head(self):
        self.unnoticed("reset", rst="read")

    def test_an_end_without_an_answer(self):
        self.unnoticed("reset", fin="head")

    def test_an_error_as_the_first_event(self):
        self.unnoticed("error_status", errorevent="api_error", errorafter=0)

    def test_a_stream_cut_before_its_text(self):
        self.unnoticed("cut", cut=300, text=ANSWER)

    def test_a_stream_that_ends_before_its_text(self):
        self.unnoticed("cut", cut=300, untilclose=1, text=ANSWER)

    def test_something_that_is_no_http(self):
        self.unnoticed("bad_response", statusline="HTTP/1.1 hello")

    def test_an_overloaded_provider_is_asked_again(self):
        # 529 speaks of the provider, not of the account: the same one again.
        self.script(self.once(status=529), keys(text=ANSWER))
        self.answered(self.claude("say something"))
        self.look()
        if self.relay:
            self.assertEqual(len(self.asked()), 1)
            self.assertEqual(self.tries(), [[("one", "error_status"),
                                             ("one", "ok")]])

    def test_a_moment_without_any_account_is_waited_for(self):
        self.script((keys(rst="read"), {"times": 2}), keys(text=ANSWER))
        self.answered(self.claude("say something"))
        self.look()
        if self.relay:
            self.assertEqual(self.outcomes(), ["failed", "ok"])
            self.assertIn(self.receipts[0]["status"], (502, 503))


class Subscription(ClaudeCode):
    """An account that somebody has signed in to: the requests pass as they
    are, with the account's token in place of the relay's key."""
    conf = "oauth_accounts = yes\n"
    up_options = ("--oauth",)

    def add_accounts(self):
        self.sign_in("claude-oauth", "paste")

    def reached(self):
        return [line for line in super().reached()
                if line["route"] in ("MESSAGES", "COUNT_TOKENS")]

    def setUp(self):
        if stage.DIRECT:
            self.skipTest("without a relay nobody signs in")
        super().setUp()

    def same_but_for_the_token(self, asked, line):
        """Of two heads; returns the credential that arrived."""
        ours = {"host", "connection", "accept-encoding", "content-length",
                "authorization", "x-api-key", "anthropic-beta"}
        sent = [(k, v) for k, v in asked.headers if k.lower() not in ours]
        came = [tuple(h) for h in line["headers"]
                if h[0].lower() not in ours]
        self.assertEqual(sent, came)
        self.assertEqual(asked.target, "/api" + line["target"])
        self.assertEqual(asked.sha256, line["body_sha256"])
        head = {k.lower(): v for k, v in line["headers"]}
        betas = [b for b in head["anthropic-beta"].split(",")
                 if b != "oauth-2025-04-20"]
        self.assertEqual(betas, [
            b for b in (asked.header("anthropic-beta") or "").split(",")
            if b and b != "oauth-2025-04-20"])
        self.assertNotIn("x-api-key", head)
        return head["authorization"]

    def test_its_requests_pass_as_they_are(self):
        self.script(keys(text=ANSWER))
        self.answered(self.claude("say something"))
        self.assertEqual(len(self.reached()), len(self.asked()))
        for asked, line in zip(self.asked(), self.reached()):
            token = self.same_but_for_the_token(asked, line)
            self.assertTrue(token.startswith("Bearer sk-ant-oat01-"), token)
        windows = self.relay.ctl("account", "windows")
        self.assertEqual({w["window"] for w in windows}, {"5h", "7d"})

    def test_a_token_that_is_refused_is_nothing_it_sees(self):
        self.script(keys(text=ANSWER))
        with self.up.connect() as s:
            s.sendall(b"POST /_practice/revoke?what=access HTTP/1.1\r\n"
                      b"host: x\r\ncontent-length: 0\r\n\r\n")
            s.recv(65536)
        self.answered(self.claude("say something"))
        self.assertEqual([line["status"] for line in self.reached()][:2],
                         [401, 200])
        self.assertEqual(len(self.asked()), len(self.reached()) - 1)
