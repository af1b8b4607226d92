# SPDX-License-Identifier: MIT
"""Codex CLI through the relay."""
import base64
import json

import stage

from stage import ANSWER, MIDDLE, PIECES, Case, keys

# Nothing but the model is to be asked for (protocols: outside calls).
QUIET = """
check_for_update_on_startup = false
[analytics]
enabled = false
[feedback]
enabled = false
[otel]
exporter = "none"
metrics_exporter = "none"
trace_exporter = "none"
[features]
plugins = false
apps = false
"""


class Codex(Case):
    dialect = "openai"
    # A provider of the user's, as README tells; %s is the relay.
    config = """
model = "gpt-5.5"
model_provider = "relay"
""" + QUIET + """
[model_providers.relay]
name = "relay"
base_url = "%s/openai"
env_key = "RELAY_KEY"
wire_api = "responses"
"""

    def begin(self, prompt, *options):
        self.write(".codex/config.toml", self.config % self.base)
        return self.start(
            [self.bin("codex"), "exec", "--skip-git-repo-check", "--json",
             "-s", "danger-full-access", *options, prompt],
            self.env(RELAY_KEY=self.key, CODEX_HOME=self.home + "/.codex"))

    def codex(self, prompt, *options):
        return self.begin(prompt, *options).wait()

    def items(self, run, kind):
        found = []
        for line in run.out.splitlines():
            said = json.loads(line)
            item = said.get("item", {})
            if said["type"] == "item.completed" and item["type"] == kind:
                found.append(item)
        return found

    def answered(self, run, text=ANSWER):
        self.assertEqual(run.status, 0, run)
        self.assertEqual([i["text"] for i in
                          self.items(run, "agent_message")], [text], run)


class Honest(Codex):
    """What works."""

    def test_a_prompt_is_answered_and_its_price_told(self):
        self.script(keys(text=ANSWER))
        run = self.codex("say something")
        self.answered(run)
        done = json.loads(run.out.splitlines()[-1])
        self.assertEqual(done["type"], "turn.completed")
        self.assertEqual(done["usage"]["input_tokens"], 1000)
        self.assertEqual(done["usage"]["cached_input_tokens"], 300)
        self.look()
        if self.relay:
            self.assertEqual(self.tries(), [[("one", "ok")]])
            self.assertTrue(self.receipts[0]["client"].startswith("codex"))

    def test_a_command_runs_and_its_output_is_told(self):
        self.script(keys(tool="exec_command",
                         input=json.dumps({"cmd": "echo $((6 * 7)) apples"})))
        run = self.codex("count")
        self.assertEqual(run.status, 0, run)
        self.assertEqual(len(self.asked()), 2)
        ran = self.items(run, "command_execution")
        self.assertEqual(ran[0]["aggregated_output"], "42 apples\n")
        self.assertIn("42 apples",
                      self.items(run, "agent_message")[-1]["text"])

    def test_the_light_form_of_requests_passes(self):
        # The default model's requests have neither tools nor instructions.
        self.script(keys(text=ANSWER))
        self.answered(self.codex("say something", "-m", "gpt-6.1-sol"))
        body = json.loads(self.asked()[0].body)
        self.assertNotIn("tools", body)
        self.assertNotIn("instructions", body)

    def test_a_conversation_is_resumed(self):
        self.script(keys(text="pleased to meet you"))
        self.answered(self.codex("my name is Ada"), "pleased to meet you")
        self.script(keys(text=ANSWER))
        client = self.start(
            [self.bin("codex"), "exec", "resume", "--last", "--json",
             "--skip-git-repo-check", "who am I"],
            self.env(RELAY_KEY=self.key, CODEX_HOME=self.home + "/.codex"))
        self.answered(client.wait())
        self.assertIn("my name is Ada", self.asked()[1].body.decode())

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

    def test_an_interrupt_before_the_head_reaches_the_upstream(self):
        self.script(keys(hang=1))
        client = self.begin("say nothing")
        self.await_request()
        client.interrupt()
        client.wait(10)
        self.assertLessEqual(self.gone_ms(), 100)


class BuiltIn(Codex):
    """The built-in provider, pointed at the relay: it tries a websocket."""

    config = """
model = "gpt-5.5"
openai_base_url = "%s/openai/v1"
""" + QUIET

    def begin(self, prompt, *options):
        self.write(".codex/auth.json", json.dumps(
            {"OPENAI_API_KEY": self.key}))
        return super().begin(prompt, *options)

    def test_a_refused_websocket_costs_nothing(self):
        self.script(keys(text=ANSWER))
        run = self.codex("say something")
        self.answered(run)
        tried = [r for r in self.asked("GET") if r.header("upgrade")]
        self.assertEqual(len(tried), 1)
        self.assertEqual(tried[0].path, "/openai/v1/responses")
        self.assertEqual(len(self.asked()), 1)
        # Any other refusal than 426 is retried for some seconds, or fatal.
        self.assertLess(run.took, 5)


class SignedIn(Codex):
    """The built-in provider as one who has signed in: bodies in zstd."""

    changes_bodies = True
    config = BuiltIn.config

    def begin(self, prompt, *options):
        def part(value):
            text = json.dumps(value).encode()
            return base64.urlsafe_b64encode(text).rstrip(b"=").decode()

        claims = {"email": "ada@example.org", "exp": 4102444800,
                  "https://api.openai.com/auth": {
                      "chatgpt_plan_type": "pro", "chatgpt_user_id": "u",
                      "chatgpt_account_id": "acc", "user_id": "u"}}
        token = ".".join((part({"alg": "none", "typ": "JWT"}), part(claims),
                          part("x")))
        self.write(".codex/auth.json", json.dumps({
            "auth_mode": "chatgpt", "OPENAI_API_KEY": None,
            "last_refresh": "2099-01-01T00:00:00Z",
            "tokens": {"id_token": token, "access_token": self.key,
                       "refresh_token": "none", "account_id": "acc"}}))
        self.config = self.config.replace(
            "openai_base_url", 'chatgpt_base_url = "' + self.base
            + '/backend-api"\nopenai_base_url')
        return super().begin(prompt, *options)

    def test_a_compressed_request_is_understood(self):
        self.script(keys(text=ANSWER))
        run = self.codex("say something")
        self.answered(run)
        asked = [r for r in self.asked() if r.path.endswith("/responses")]
        self.assertEqual(asked[0].header("content-encoding"), "zstd")
        self.assertEqual(asked[0].body[:4], b"\x28\xb5\x2f\xfd")
        line = self.reached()[0]
        names = {name.lower(): value for name, value in line["headers"]}
        self.assertNotIn("acc", names.values())
        if "content-encoding" in names:
            self.assertEqual(line["body_sha256"], asked[0].sha256)
        else:
            body = self.reached_body(line["seq"])
            self.assertIn("say something", body.decode())


class Plan(SignedIn):
    """An account of a ChatGPT plan that somebody has signed in to: requests
    pass as they are, with that account's token and id in place of the
    relay's key."""
    changes_bodies = False
    conf = "oauth_accounts = yes\n"
    up_options = ("--oauth",)
    # What relayd says itself, in each request.
    OURS = {"host", "connection", "accept-encoding", "content-length",
            "authorization", "chatgpt-account-id"}

    def setUp(self):
        if stage.DIRECT:
            self.skipTest("without a relay nobody signs in")
        super().setUp()

    def add_accounts(self):
        self.sign_in("codex-oauth", "callback")

    def reached(self):
        return [line for line in super().reached()
                if line["route"] == "RESPONSES"]

    def turns(self):
        return [r for r in self.asked() if r.path.endswith("/responses")]

    def same_but_for_the_account(self):
        """What the client sent, and what arrived."""
        self.assertEqual(len(self.turns()), len(self.reached()))
        for asked, line in zip(self.turns(), self.reached()):
            sent = [(k, v) for k, v in asked.headers
                    if k.lower() not in self.OURS]
            came = [tuple(h) for h in line["headers"]
                    if h[0].lower() not in self.OURS]
            self.assertEqual(sent, came)
            self.assertEqual(asked.sha256, line["body_sha256"])
            self.assertEqual(line["target"], "/backend-api/codex/responses")
            ours = [(k.lower(), v) for k, v in line["headers"]
                    if k.lower() in ("authorization", "chatgpt-account-id")]
            self.assertEqual(len(ours), 2, ours)
            self.assertEqual(dict(ours)["chatgpt-account-id"],
                             "acct-practice")
            self.assertTrue(dict(ours)["authorization"].startswith(
                "Bearer practice-access-"), ours)

    def test_its_requests_pass_as_they_are(self):
        self.script(keys(text=ANSWER))
        self.answered(self.codex("say something"))
        # In zstd, and so they arrive.
        self.assertEqual(self.turns()[0].header("content-encoding"), "zstd")
        self.same_but_for_the_account()
        windows = self.relay.ctl("account", "windows")
        self.assertEqual({w["window"]: w["used_ppm"] for w in windows},
                         {"5h": 250000, "7d": 590000})

    def test_a_custom_provider_passes_as_it_is_too(self):
        self.config = Codex.config
        self.script(keys(text=ANSWER))
        self.answered(Codex.begin(self, "say something").wait())
        self.assertIsNone(self.turns()[0].header("content-encoding"))
        self.same_but_for_the_account()

    def test_the_state_of_a_turn_goes_both_ways(self):
        # What the backend tells with the first answer of a turn comes back
        # with the next request of it.
        self.script(keys(header="x-codex-turn-state:opaque-42",
                         tool="exec_command",
                         input=json.dumps({"cmd": "echo apples"})))
        run = self.codex("use it")
        self.assertEqual(run.status, 0, run)
        self.assertEqual(len(self.turns()), 2)
        self.assertIsNone(self.turns()[0].header("x-codex-turn-state"))
        self.assertEqual(self.turns()[1].header("x-codex-turn-state"),
                         "opaque-42")
        self.same_but_for_the_account()

    def test_a_token_that_is_refused_is_nothing_it_sees(self):
        self.script(keys(text=ANSWER))
        with self.up.connect() as s:
            s.sendall(b"POST /_practice/revoke?what=access HTTP/1.1\r\n"
                      b"host: x\r\ncontent-length: 0\r\n\r\n")
            s.recv(65536)
        self.answered(self.codex("say something"))
        self.assertEqual([line["status"] for line in self.reached()],
                         [401, 200])
        self.assertEqual(len(self.turns()), 1)

    def test_a_stream_that_broke_is_asked_for_again(self):
        self.script((keys(cut=MIDDLE, **PIECES),
                     {"times": 1, "path": "*/responses"}), keys(**PIECES))
        self.answered(self.codex("say something"), PIECES["text"])
        self.look()
        self.assertEqual(self.outcomes(), ["cut", "ok"])
        self.same_but_for_the_account()

    def test_a_plan_that_is_used_up_is_told_in_its_words(self):
        self.script(keys(status=429, errortype="usage_limit_reached",
                         reset=4102444800))
        run = self.codex("say something")
        self.assertNotEqual(run.status, 0, run)
        self.assertIn("usage limit", run.out + run.err)
        self.assertEqual(self.relay.ctl("account", "show", "one")["state"],
                         "rate")


class Broken(Codex):
    """An upstream that breaks after text was shown: asked again."""

    def again(self, how, **fault):
        self.script(self.once(**fault, **PIECES), keys(**PIECES))
        self.answered(self.codex("say something"), PIECES["text"])
        self.look()
        self.assertEqual(len(self.asked()), 2)
        if self.relay:
            self.assertEqual(self.outcomes(),
                             ["cut" if how == "cut" else "upstream", "ok"])
            self.assertEqual(self.tries(), [[("one", how)], [("one", "ok")]])
            self.assertIn("estimated", self.receipts[0]["flags"])

    def test_a_connection_cut_in_the_text(self):
        self.again("cut", cut=MIDDLE)

    def test_a_reset_in_the_text(self):
        self.again("cut", rst=MIDDLE)

    def test_a_clean_end_in_the_text(self):
        self.again("cut", cut=MIDDLE, untilclose=1)

    def test_a_clean_end_before_the_last_event(self):
        self.again("cut", noterminal=2)

    def test_an_error_in_the_text(self):
        self.again("stream_error", errorevent="server_error", errorafter=5)


class Standby(Codex):
    """An account that fails before it said anything is not noticed."""

    def unnoticed(self, how, **fault):
        self.script(self.on("one", **fault), keys(text=ANSWER))
        self.answered(self.codex("say something"))
        self.look()
        if self.relay:
            self.assertEqual(len(self.asked()), 1)
            self.assertEqual(self.tries(), [[("one", how), ("two", "ok")]])

    def test_too_many_requests(self):
        # Without retry-after codex would give up at once.
        self.unnoticed("error_status", status=429)

    def test_a_bad_credential(self):
        self.unnoticed("error_status", status=401)

    def test_no_quota(self):
        self.unnoticed("error_status", status=429,
                       errortype="insufficient_quota")

    def test_a_broken_server(self):
        self.unnoticed("error_status", status=503)

    def test_a_reset_before_the_head(self):
        self.unnoticed("reset", rst="read")

    def test_an_error_as_the_first_event(self):
        self.unnoticed("error_status", errorevent="server_error",
                       errorafter=0)

    def test_a_stream_cut_before_its_text(self):
        self.unnoticed("cut", cut=300, text=ANSWER)
