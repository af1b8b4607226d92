# SPDX-License-Identifier: MIT
"""case_sticky.py - a session stays with its account until that is at fault."""
import json

from house import Case, Refused, until
from speech import ANTHROPIC, CHAT, GEMINI, RESPONSES, ask, ask_bytes

UUID = "9b2f6c1e-0000-4000-8000-%012d"
# How real clients name their sessions (protocol, headers, body).
CLIENTS = {
    "Claude Code": (ANTHROPIC, lambda n: [
        ("X-Claude-Code-Session-Id", UUID % n)], lambda n: {}),
    "Claude Code behind a proxy": (ANTHROPIC, lambda n: [], lambda n: {
        "metadata": {"user_id": json.dumps(
            {"device_id": "d", "account_uuid": "",
             "session_id": UUID % n})}}),
    "Claude Code of old": (ANTHROPIC, lambda n: [], lambda n: {
        "metadata": {"user_id": "user_" + "0" * 64 + "_account__session_" +
                     UUID % n}}),
    "Codex": (RESPONSES, lambda n: [
        ("session-id", UUID % n), ("thread-id", UUID % n),
        ("x-client-request-id", UUID % n)],
        lambda n: {"prompt_cache_key": UUID % n}),
    "Codex of old": (RESPONSES, lambda n: [
        ("session_id", UUID % n), ("conversation_id", UUID % n)],
        lambda n: {}),
    "an SDK": (CHAT, lambda n: [], lambda n: {"prompt_cache_key": UUID % n}),
    "a library": (CHAT, lambda n: [], lambda n: {
        "messages": [{"role": "user", "content": "I am " + UUID % n}]}),
    "Gemini's": (GEMINI, lambda n: [("x-session-id", UUID % n)],
                 lambda n: {}),
}


class Sticky(Case):
    # Who waits for what is case_queue.py's.
    settings = {"sticky_content": "yes", "queue_wait": "0"}

    @classmethod
    def furnish(cls):
        super().furnish()
        for name in "a1", "a2", "o1", "o2", "g1", "g2":
            cls.relay.call("account.set", name=name,
                           fields={"priority": "50"})

    def fresh(self):
        super().fresh()
        self.relay.call("sticky.clear")
        for a in self.relay.call("account.list"):
            if a["held"]:
                self.relay.call("account.release", name=a["name"])
            if a["max_concurrency"]:
                self.relay.call("account.set", name=a["name"],
                                fields={"max-concurrency": "0"})

    def ask(self, session=1, client="Claude Code", more=(), model=None,
            key=None):
        dialect, headers, body = CLIENTS[client]
        said = json.loads(dialect.body(False, **body(session)))
        if dialect is CHAT:
            del said["stream_options"]
        if model:
            said["model"] = model
        return ask(self.relay, dialect, stream=False, key=key,
                   headers=headers(session) + list(more),
                   body=json.dumps(said).encode())

    def who(self, *args, **more):
        a = self.ask(*args, **more)
        self.assertEqual(a.status, 200, a.body)
        return self.relay.receipt(a)["account"]

    def other(self, name):
        return name[0] + ("2" if name[1] == "1" else "1")

    # --- staying

    def test_every_client_stays_and_the_next_one_goes_elsewhere(self):
        for client in CLIENTS:
            with self.subTest(client):
                one = self.who(1, client)
                two = self.who(2, client)
                self.assertEqual(two, self.other(one))
                for _ in range(3):
                    self.assertEqual(self.who(1, client), one)
                    self.assertEqual(self.who(2, client), two)

    def test_another_key_is_another_session(self):
        one = self.who()
        key = self.relay.new_key("another")
        self.assertEqual(self.who(key=key), self.other(one))
        rows = self.relay.control.rows("sticky.list")
        self.assertEqual(len(rows), 2)
        self.assertEqual([r["key"] for r in rows], ["another", "case"])
        self.assertEqual([r["key"] for r in self.relay.control.rows(
            "sticky.list", key="case")], ["case"])

    def test_what_names_no_session_is_nowhere_bound_when_that_is_off(self):
        self.relay.set(sticky_content="no")
        self.addCleanup(self.relay.set, sticky_content="yes")
        one = self.who(1, "a library")
        self.assertEqual(self.who(1, "a library"), self.other(one))

    # --- going on from an answer

    def go_on(self, previous=None, cache_key=None, **more):
        said = json.loads(RESPONSES.body(False, **more))
        if previous:
            said["previous_response_id"] = previous
        if cache_key:
            said["prompt_cache_key"] = cache_key
        a = ask(self.relay, RESPONSES, stream=False,
                body=json.dumps(said).encode())
        account = self.relay.receipt(a)["account"]
        return a, account, json.loads(a.body).get("id")

    def test_only_who_gave_an_answer_can_go_on_from_it(self):
        one = self.who(7, "Codex")
        _, two, first = self.go_on(cache_key="mine")
        self.assertEqual(two, self.other(one))
        for _ in range(3):
            # The name of the session would lead to the other account.
            _, who, first = self.go_on(first, UUID % 7)
            self.assertEqual(who, two)
        sources = [r["source"] for r in self.relay.control.rows("sticky.list")]
        # That of the first conversation, too.
        self.assertEqual(sources.count("previous_response_id"), 5)
        self.relay.call("account.hold", name=two)
        a, who, _ = self.go_on(first)
        self.assertEqual((a.status, who), (503, ""))

    def test_an_answer_that_is_not_kept_binds_nobody(self):
        self.go_on(cache_key="mine", store=False)
        row, = self.relay.control.rows("sticky.list")
        self.assertEqual(row["source"], "prompt_cache_key")

    def test_an_answer_that_nobody_knows_of_binds_nobody(self):
        a, _, _ = self.go_on("resp_of_long_ago", "mine")
        self.assertEqual(a.status, 200)

    # --- leaving

    def test_an_account_that_fails_is_left_for_good(self):
        one = self.who()
        self.rules((one, "status=500"))
        self.assertEqual(self.who(), self.other(one))
        self.relay.wait_log("moves from account " + one)
        self.rules((one, "status=200"))
        self.relay.call("account.reset", name=one)
        for _ in range(3):
            self.assertEqual(self.who(), self.other(one))
        row, = self.relay.control.rows("sticky.list")
        self.assertEqual((row["account"], row["moves"], row["source"]),
                         (self.other(one), 1, "x-claude-code-session-id"))

    def test_a_held_account_is_left_for_good(self):
        one = self.who()
        self.relay.call("account.hold", name=one)
        self.assertEqual(self.who(), self.other(one))
        self.relay.call("account.release", name=one)
        self.assertEqual(self.who(), self.other(one))

    def test_a_refusal_of_the_request_moves_nobody(self):
        one = self.who()
        self.rules((one, "status=400"))
        self.assertEqual(self.ask().status, 400)
        self.up.reset()
        self.assertEqual(self.who(), one)

    def test_an_account_without_the_model_is_come_back_to(self):
        one = self.who()
        self.relay.call("account.set", name=one, fields={"models": "claude-x"})
        self.addCleanup(self.relay.call, "account.set", name=one,
                        fields={"models": ""})
        self.assertEqual(self.who(model="claude-y"), self.other(one))
        self.assertEqual(self.who(), one)

    def test_an_account_that_is_removed_is_forgotten(self):
        self.relay.account("claude-api", "gone",
                           f"http://127.0.0.1:{self.up.ports[0]}", "sk-gone",
                           priority="1")
        self.assertEqual(self.who(), "gone")
        self.relay.call("account.rm", name="gone")
        self.assertEqual(self.relay.control.rows("sticky.list"), [])
        self.assertIn(self.who(), ("a1", "a2"))

    def test_within_a_turn_of_codex_nobody_else_is_asked(self):
        state = [("x-codex-turn-state", "opaque")]
        one = self.who(1, "Codex")
        self.rules((one, "status=429,retry=30"))
        first = self.ask(1, "Codex", more=state)
        self.assertEqual(first.status, 429, first.body)
        again = self.ask(1, "Codex", more=state)
        self.assertEqual(again.status, 503, again.body)
        self.assertGreater(int(again.header("retry-after")), 0)
        # In the next turn the session moves.
        self.assertEqual(self.who(1, "Codex"), self.other(one))

    # --- as many as it may

    def test_a_busy_account_is_passed_by_and_come_back_to(self):
        one = self.who()
        self.relay.call("account.set", name=one,
                        fields={"max-concurrency": "1"})
        self.rules((one, "hang=1"))
        dialect, headers, _ = CLIENTS["Claude Code"]
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, dialect, headers=headers(1)))
            until("a request under way", lambda: self.account(
                one)["in_flight"] == 1)
            self.assertEqual(self.who(), self.other(one))
            self.relay.call("account.hold", name=self.other(one))
            a = self.ask()
            self.assertEqual(a.status, 429)
            self.assertIn(b"has a place just now", a.body)
            self.assertGreater(int(a.header("retry-after")), 0)
        self.up.reset()
        until("a place that is free", lambda: self.account(
            one)["in_flight"] == 0)
        self.assertEqual(self.who(), one)

    def account(self, name):
        return self.relay.call("account.show", name=name)

    # --- what operators do

    def test_a_pinned_session_comes_back_whatever_happened(self):
        one = self.who()
        row, = self.relay.control.rows("sticky.list")
        self.relay.call("sticky.pin", session=row["session"],
                        account=self.other(one))
        self.assertEqual(self.who(), self.other(one))
        self.relay.call("account.hold", name=self.other(one))
        self.assertEqual(self.who(), one)
        self.relay.call("account.release", name=self.other(one))
        self.assertEqual(self.who(), self.other(one))
        self.assertEqual(
            self.relay.call("sticky.clear", session=row["session"]),
            {"cleared": 1})
        with self.assertRaises(Refused) as no:
            self.relay.call("sticky.pin", session=row["session"], account=one)
        self.assertEqual(no.exception.field, "session")

    def test_receipts_tell_the_session(self):
        a, b = (self.relay.receipt(self.ask()) for _ in range(2))
        self.assertEqual(a["session"], b["session"])
        row, = self.relay.control.rows("sticky.list")
        self.assertEqual(row["session"], a["session"])
        self.assertEqual(row["requests"], 2)

    def test_pages_of_sessions_hold_each_once(self):
        for n in range(7):
            self.ask(n)
        seen, cursor = [], None
        while True:
            page = self.relay.control.call(
                "sticky.list", limit=2, **({"cursor": cursor} if cursor
                                           else {}))
            seen += [r["session"] for r in page["data"]]
            cursor = page.get("next")
            if not cursor:
                break
        self.assertEqual(len(seen), 7)
        self.assertEqual(len(set(seen)), 7)

    def test_a_request_under_way_is_listed_and_can_be_ended(self):
        self.rules(("a1", "hang=1"), ("a2", "hang=1"))
        dialect, headers, _ = CLIENTS["Claude Code"]
        with self.relay.connect() as s:
            s.sendall(ask_bytes(self.relay.key, dialect, headers=headers(1)))
            row, = until("a request under way", lambda: [
                r for r in self.relay.control.rows("session.list")
                if r["tries"]])
            self.assertEqual((row["key"], row["model"]), ("case", "claude-x"))
            self.assertIn(row["account"], ("a1", "a2"))
            self.relay.call("session.kill", request=row["id"])
            said = b""
            while True:
                piece = s.recv(4096)
                said += piece
                if not piece or b"operator of this relay" in said:
                    break
            self.assertIn(b"HTTP/1.1 403", said)
            self.assertIn(b"x-should-retry: false", said)
        with self.assertRaises(Refused):
            self.relay.call("session.kill", request=row["id"])
        noted = until("a row of the audit", lambda: self.relay.control.rows(
            "audit.list", type="request"))
        self.assertEqual(noted[0]["object"], row["id"])

    # --- forgetting

    def test_a_restart_forgets_and_knows_sessions_by_the_same_name(self):
        before = self.relay.receipt(self.ask())
        self.assertEqual(self.relay.stop(), 0)
        self.relay.start()
        self.assertEqual(self.relay.control.rows("sticky.list"), [])
        self.assertEqual(self.relay.receipt(self.ask())["session"],
                         before["session"])

    def test_a_session_that_is_not_used_is_forgotten(self):
        self.ask()
        self.relay.set(sticky_ttl="10ms")
        self.addCleanup(self.relay.set, sticky_ttl="1h")
        self.ask(2)
        until("both to be over", lambda: not self.relay.control.rows(
            "sticky.list"))
