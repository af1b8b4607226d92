#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""selftest.py - does the practice upstream do what its help says?

Starts one, speaks to it over raw sockets, and looks at every byte.

    tests/upstream/selftest.py [PATH-TO-practice-upstream] [unittest options]
"""
import base64
import gzip
import hashlib
import json
import os
import socket
import struct
import sys
import time
import unittest
import urllib.parse
import zlib

from practice import Answer, Upstream, request_bytes

BINARY = "build/release/bin/practice-upstream"


class Case(unittest.TestCase):
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.up = Upstream(BINARY, *cls.options)

    @classmethod
    def tearDownClass(cls):
        if cls.up.stop() != 0:
            raise AssertionError("it did not end with status 0")

    def ask(self, target, body, keys=None, headers=()):
        headers = list(headers)
        if keys:
            headers.append(("x-practice", keys))
        with self.up.connect() as s:
            s.sendall(request_bytes("POST", target, body, headers))
            return Answer(s)

    def claude(self, keys=None, said="hello", stream=True, **more):
        body = {"model": "claude-x", "stream": stream, "max_tokens": 9,
                "messages": [{"role": "user", "content": said}]}
        body.update(more)
        return self.ask("/v1/messages", body, keys)

    def responses(self, keys=None, stream=True, **more):
        body = {"model": "gpt-x", "stream": stream, "input": [
            {"type": "message", "role": "user",
             "content": [{"type": "input_text", "text": "hello"}]}]}
        body.update(more)
        return self.ask("/v1/responses", body, keys)

    def chat(self, keys=None, stream=True, **more):
        body = {"model": "gpt-x", "stream": stream,
                "messages": [{"role": "user", "content": "hello"}]}
        body.update(more)
        return self.ask("/v1/chat/completions", body, keys)

    def gemini(self, keys=None, method="streamGenerateContent?alt=sse",
               base="/v1beta/models/gemini-x:", **more):
        body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
        body.update(more)
        if "v1internal" in base:
            body = {"model": "gemini-x", "project": "practice-project-1",
                    "request": body}
        return self.ask(base + method, body, keys)


def claude_text(answer):
    return "".join(v["delta"]["text"] for n, v in answer.events()
                   if n == "content_block_delta"
                   and v["delta"]["type"] == "text_delta")


class Anthropic(Case):
    def test_a_stream_has_every_event_in_order(self):
        a = self.claude("events=3;usage=11,22,33,44,55;text=caf%C3%A9 au lait")
        names = [n for n, _ in a.events()]
        self.assertEqual(names, [
            "message_start", "content_block_start", "ping",
            "content_block_delta", "content_block_delta",
            "content_block_delta", "content_block_stop", "message_delta",
            "message_stop"])
        start = a.events()[0][1]["message"]
        self.assertEqual(start["model"], "claude-x")
        self.assertEqual(start["usage"]["input_tokens"], 11)
        self.assertEqual(start["usage"]["cache_read_input_tokens"], 33)
        self.assertEqual(start["usage"]["cache_creation_input_tokens"], 99)
        self.assertEqual(start["usage"]["cache_creation"], {
            "ephemeral_5m_input_tokens": 44,
            "ephemeral_1h_input_tokens": 55})
        self.assertEqual(a.events()[-2][1]["usage"]["output_tokens"], 22)
        self.assertEqual(claude_text(a), "caf\u00e9 au lait")
        self.assertIsNone(a.broken)
        self.assertEqual(len(a.pieces), 9)

    def test_usage_tells_how_it_was_served(self):
        for stream in (True, False):
            a = self.claude("tier=priority;speed=fast;geo=us;searches=3",
                            stream=stream)
            usage = a.events()[0][1]["message"]["usage"] if stream \
                else a.json()["usage"]
            self.assertEqual(usage["service_tier"], "priority")
            self.assertEqual(usage["speed"], "fast")
            self.assertEqual(usage["inference_geo"], "us")
            self.assertEqual(usage["server_tool_use"],
                             {"web_search_requests": 3})
        plain = self.claude("", stream=False).json()["usage"]
        self.assertEqual(plain["service_tier"], "standard")
        self.assertNotIn("speed", plain)

    def test_a_whole_answer_says_the_same(self):
        a = self.claude("usage=1,2;text=hi", stream=False)
        self.assertEqual(a.json()["content"], [{"type": "text", "text": "hi"}])
        self.assertEqual(a.json()["usage"]["output_tokens"], 2)
        self.assertEqual(a.json()["stop_reason"], "end_turn")

    def test_the_default_text_is_honest_and_repeats_a_few_words(self):
        a = self.claude(said="good morning, who are you?")
        self.assertIn("practice upstream", claude_text(a))
        self.assertIn("good morning", claude_text(a))

    def test_thinking_comes_first_and_is_signed(self):
        a = self.claude("thinking=1")
        kinds = [v["delta"]["type"] for n, v in a.events()
                 if n == "content_block_delta"]
        self.assertEqual(kinds[:4], ["thinking_delta", "thinking_delta",
                                     "signature_delta", "text_delta"])

    def test_a_tool_is_called_and_its_result_is_told(self):
        tools = [{"name": "Bash", "input_schema": {"type": "object"}}]
        keys = "tool=Bash;input=" + urllib.parse.quote('{"command":"ls"}')
        a = self.claude(keys, tools=tools)
        parts = "".join(v["delta"]["partial_json"] for n, v in a.events()
                        if n == "content_block_delta")
        self.assertEqual(json.loads(parts), {"command": "ls"})
        block = [v["content_block"] for n, v in a.events()
                 if n == "content_block_start"][0]
        self.assertEqual(block["name"], "Bash")
        self.assertEqual(a.events()[-2][1]["delta"]["stop_reason"],
                         "tool_use")
        again = self.claude(keys, tools=tools, messages=[
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": block["id"], "name": "Bash",
                 "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": block["id"],
                 "content": [{"type": "text", "text": "file"},
                             {"type": "text", "text": ".txt"}]}]}])
        self.assertEqual(claude_text(again), "The tool said: file.txt")

    def test_a_tool_that_is_not_offered_is_not_called(self):
        a = self.claude("tool=Bash", tools=[])
        self.assertIn("practice", claude_text(a))

    def test_a_schema_is_obeyed(self):
        a = self.claude("text=no", output_config={"format": {
            "type": "json_schema", "schema": {
                "type": "object", "properties": {
                    "title": {"type": "string"},
                    "kind": {"enum": ["b", "a"]}}}}})
        self.assertEqual(json.loads(claude_text(a)),
                         {"title": "practice", "kind": "b"})

    def test_tokens_are_counted(self):
        a = self.ask("/api/v1/messages/count_tokens?beta=true",
                     {"messages": []})
        self.assertGreater(a.json()["input_tokens"], 0)

    def test_models_are_listed_natively(self):
        with self.up.connect() as s:
            s.sendall(request_bytes("GET", "/v1/models?limit=1000", None,
                                    [("anthropic-version", "2023-06-01")]))
            a = Answer(s)
        self.assertEqual(a.json()["data"][0]["type"], "model")

    def test_an_error_event_can_come_first_or_later(self):
        first = self.claude("errorevent=overloaded_error")
        self.assertEqual([n for n, _ in first.events()], ["error"])
        self.assertEqual(first.status, 200)
        later = self.claude("errorevent=overloaded_error;errorafter=2")
        self.assertEqual([n for n, _ in later.events()][-3:], [
            "content_block_delta", "content_block_delta", "error"])

    def test_the_terminal_event_can_be_missing(self):
        one = self.claude("noterminal=1")
        self.assertEqual(one.events()[-1][0], "message_delta")
        two = self.claude("noterminal=2")
        self.assertEqual(two.events()[-1][0], "content_block_delta")
        self.assertIsNone(two.broken)

    def test_a_body_that_is_no_json_is_refused(self):
        a = self.ask("/v1/messages", "{nonsense")
        self.assertEqual(a.status, 400)
        self.assertEqual(a.json()["error"]["type"], "invalid_request_error")


class OpenAI(Case):
    def test_responses_have_every_event_in_order(self):
        a = self.responses("events=2;text=hi ho;usage=10,20,3,0,0,7")
        names = [n for n, _ in a.events()]
        self.assertEqual(names, [
            "response.created", "response.in_progress",
            "response.output_item.added", "response.content_part.added",
            "response.output_text.delta", "response.output_text.delta",
            "response.output_text.done", "response.content_part.done",
            "response.output_item.done", "response.completed"])
        self.assertEqual([v["sequence_number"] for _, v in a.events()],
                         list(range(10)))
        done = a.events()[-1][1]["response"]
        self.assertEqual(done["usage"], {
            "input_tokens": 10,
            "input_tokens_details": {"cached_tokens": 3,
                                     "cache_write_tokens": 0},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 7},
            "total_tokens": 30})
        self.assertEqual(done["output"][0]["content"][0]["text"], "hi ho")
        self.assertEqual(a.header("x-codex-primary-window-minutes"), "300")

    def test_reasoning_is_an_item_of_its_own(self):
        a = self.responses("thinking=1")
        names = [n for n, _ in a.events()]
        self.assertEqual(names[2:8], [
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.reasoning_summary_text.done",
            "response.reasoning_summary_part.done",
            "response.output_item.done"])
        self.assertEqual(
            [i["type"] for i in a.events()[-1][1]["response"]["output"]],
            ["reasoning", "message"])

    def test_a_function_is_called_and_its_result_is_told(self):
        tools = [{"type": "function", "name": "shell", "parameters": {}}]
        keys = "tool=shell;input=" + urllib.parse.quote('{"cmd":["ls"]}')
        a = self.responses(keys, tools=tools)
        item = a.events()[-1][1]["response"]["output"][0]
        self.assertEqual(item["type"], "function_call")
        self.assertEqual(json.loads(item["arguments"]), {"cmd": ["ls"]})
        again = self.responses(keys, False, tools=tools, input=[
            {"type": "message", "role": "user", "content": "go"}, item,
            {"type": "function_call_output", "call_id": item["call_id"],
             "output": "file.txt"}])
        self.assertEqual(
            again.json()["output"][0]["content"][0]["text"],
            "The tool said: file.txt")

    def test_a_custom_tool_is_called_as_one(self):
        lite = [{"type": "additional_tools", "role": "developer", "tools": [
            {"type": "namespace", "name": "functions", "tools": [
                {"type": "custom", "name": "exec"}]}]},
            {"type": "message", "role": "user", "content": "go"}]
        a = self.responses("tool=exec;input=text(1)", input=lite)
        item = a.events()[-1][1]["response"]["output"][0]
        self.assertEqual(item["type"], "custom_tool_call")
        self.assertEqual(item["input"], "text(1)")
        again = self.responses("tool=exec", False, input=lite + [
            item, {"type": "custom_tool_call_output",
                   "call_id": item["call_id"], "output": "1"}])
        self.assertEqual(again.json()["output"][0]["content"][0]["text"],
                         "The tool said: 1")

    def test_compaction_gives_exactly_one_item(self):
        a = self.responses(input=[{"type": "compaction_trigger"}])
        self.assertEqual(
            [i["type"] for i in a.events()[-1][1]["response"]["output"]],
            ["compaction"])
        old = self.ask("/responses/compact", {"input": []})
        self.assertEqual(old.json()["output"][0]["type"], "compaction")

    def test_a_websocket_is_refused_with_426(self):
        with self.up.connect() as s:
            s.sendall(request_bytes("GET", "/openai/responses", None, [
                ("connection", "Upgrade"), ("upgrade", "websocket")]))
            self.assertEqual(Answer(s).status, 426)

    def test_a_failed_response_ends_the_stream(self):
        a = self.responses("errorevent=server_is_overloaded;errorafter=1")
        name, value = a.events()[-1]
        self.assertEqual(name, "response.failed")
        self.assertEqual(value["response"]["error"]["code"],
                         "server_is_overloaded")

    def test_responses_can_lack_the_end(self):
        self.assertEqual(self.responses("noterminal=1").events()[-1][0],
                         "response.output_item.done")
        self.assertEqual(self.responses("noterminal=2").events()[-1][0],
                         "response.output_text.delta")

    def test_chat_streams_end_with_done(self):
        a = self.chat("events=2;text=hi ho")
        names = [n for n, _ in a.events()]
        self.assertEqual(names, [None] * 4 + ["[DONE]"])
        values = [v for _, v in a.events()[:-1]]
        self.assertEqual("".join(v["choices"][0]["delta"].get("content", "")
                                 for v in values), "hi ho")
        self.assertEqual(values[-1]["choices"][0]["finish_reason"], "stop")
        self.assertFalse(any("usage" in v for v in values))

    def test_chat_usage_comes_only_when_asked_for(self):
        a = self.chat("usage=5,6,4,0,0,2",
                      stream_options={"include_usage": True})
        values = [v for _, v in a.events()[:-1]]
        self.assertEqual(values[-1]["choices"], [])
        self.assertEqual(values[-1]["usage"]["prompt_tokens"], 5)
        self.assertEqual(
            values[-1]["usage"]["prompt_tokens_details"]["cached_tokens"], 4)
        self.assertTrue(all(v["usage"] is None for v in values[:-1]))

    def test_chat_names_its_tier(self):
        self.assertNotIn("service_tier", self.chat("", False).json())
        a = self.chat("tier=flex;usage=9,6,4,2", False).json()
        self.assertEqual(a["service_tier"], "flex")
        self.assertEqual(a["usage"]["prompt_tokens_details"],
                         {"cached_tokens": 4, "cache_write_tokens": 2,
                          "audio_tokens": 0})
        values = [v for _, v in self.chat("tier=flex").events()[:-1]]
        self.assertTrue(all(v["service_tier"] == "flex" for v in values))

    def test_responses_name_their_tier_at_the_end(self):
        a = [v for _, v in self.responses("tier=priority").events()]
        self.assertEqual(a[0]["response"]["service_tier"], "default")
        self.assertEqual(a[-1]["response"]["service_tier"], "priority")

    def test_chat_calls_tools(self):
        tools = [{"type": "function", "function": {"name": "ls"}}]
        a = self.chat("tool=ls;input={}", tools=tools)
        values = [v["choices"][0] for _, v in a.events()[:-1]]
        self.assertEqual(values[-1]["finish_reason"], "tool_calls")
        parts = "".join(c["delta"]["tool_calls"][0]["function"]["arguments"]
                        for c in values if c["delta"].get("tool_calls"))
        self.assertEqual(parts, "{}")
        whole = self.chat("tool=ls;input={}", False, tools=tools).json()
        call = whole["choices"][0]["message"]["tool_calls"][0]
        self.assertEqual(call["function"]["name"], "ls")
        told = self.chat("tool=ls", False, tools=tools, messages=[
            {"role": "user", "content": "go"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": "x.c"}])
        self.assertEqual(told.json()["choices"][0]["message"]["content"],
                         "The tool said: x.c")

    def test_models_are_listed(self):
        self.assertEqual(self.up.get("/v1/models").json()["object"], "list")
        self.assertEqual(
            self.up.get("/openai/models?client_version=0.1").json(),
            {"models": []})


class Google(Case):
    def test_a_stream_ends_with_a_reason_and_usage(self):
        a = self.gemini("events=3;text=hi ho hum;usage=9,8,7,0,0,6")
        values = [v for _, v in a.events()]
        self.assertEqual(len(values), 3)
        self.assertTrue(a.body.endswith(b"\r\n\r\n"))
        self.assertNotIn("finishReason", values[1]["candidates"][0])
        self.assertEqual(values[2]["candidates"][0]["finishReason"], "STOP")
        self.assertEqual(values[2]["usageMetadata"], {
            "promptTokenCount": 9, "cachedContentTokenCount": 7,
            "candidatesTokenCount": 8, "thoughtsTokenCount": 6,
            "totalTokenCount": 23})
        self.assertEqual("".join(
            v["candidates"][0]["content"]["parts"][0]["text"]
            for v in values), "hi ho hum")
        self.assertEqual(values[0]["modelVersion"], "gemini-x")

    def test_without_sse_the_stream_is_one_array(self):
        a = self.gemini("events=3", "streamGenerateContent")
        self.assertEqual(len(a.json()), 3)

    def test_a_whole_answer(self):
        a = self.gemini("text=hi", "generateContent")
        self.assertEqual(
            a.json()["candidates"][0]["content"]["parts"][0]["text"], "hi")

    def test_tokens_are_counted(self):
        a = self.gemini(None, "countTokens")
        self.assertGreater(a.json()["totalTokens"], 0)

    def test_code_assist_wraps_everything(self):
        a = self.gemini("events=2", base="/v1internal:")
        self.assertEqual(len(a.events()), 2)
        for _, v in a.events():
            self.assertIn("candidates", v["response"])
            self.assertIn("traceId", v)
        load = self.ask("/gemini/v1internal:loadCodeAssist", {})
        self.assertIn("currentTier", load.json())
        self.assertIn("cloudaicompanionProject", load.json())

    def test_functions_are_called(self):
        tools = [{"functionDeclarations": [{"name": "ls"}]}]
        a = self.gemini('tool=ls;input={"a":1}', tools=tools)
        part = a.events()[0][1]["candidates"][0]["content"]["parts"][0]
        self.assertEqual(part["functionCall"], {"name": "ls",
                                                "args": {"a": 1}})
        told = self.gemini("tool=ls", "generateContent", tools=tools,
                           contents=[
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [part]},
            {"role": "user", "parts": [{"functionResponse": {
                "name": "ls", "response": {"output": "x.c"}}}]}])
        text = told.json()["candidates"][0]["content"]["parts"][0]["text"]
        self.assertIn("x.c", text)

    def test_a_stream_can_lack_its_reason(self):
        a = self.gemini("noterminal=1")
        self.assertFalse(any("finishReason" in v["candidates"][0]
                             for _, v in a.events()))

    def test_a_quota_is_told_in_details(self):
        a = self.gemini("status=429;retry-after=4;"
                        "errortype=RequestsPerDayPerProject")
        error = a.json()["error"]
        self.assertEqual(error["status"], "RESOURCE_EXHAUSTED")
        self.assertEqual(error["details"][0]["violations"][0]["quotaId"],
                         "RequestsPerDayPerProject")
        self.assertEqual(error["details"][1]["retryDelay"], "4s")

    def test_models_are_listed(self):
        self.assertIn("models", self.up.get("/v1beta/models").json())


def frames(data):
    """The messages of an AWS event stream: (headers, payload)."""
    found = []
    while data:
        total, head, crc = struct.unpack(">III", data[:12])
        assert zlib.crc32(data[:8]) == crc
        assert zlib.crc32(data[:total - 4]) == \
            struct.unpack(">I", data[total - 4:total])[0]
        at, headers = 12, {}
        while at < 12 + head:
            n = data[at]
            name = data[at + 1:at + 1 + n].decode()
            at += 1 + n
            assert data[at] == 7
            n = struct.unpack(">H", data[at + 1:at + 3])[0]
            headers[name] = data[at + 3:at + 3 + n].decode()
            at += 3 + n
        found.append((headers, json.loads(data[at:total - 4])))
        data = data[total:]
    return found


class Bedrock(Case):
    def invoke(self, method, keys=None):
        return self.ask("/model/anthropic.claude-x/" + method, {
            "anthropic_version": "bedrock-2023-05-31", "messages": [
                {"role": "user", "content": "hello"}]}, keys)

    def test_each_event_is_one_message(self):
        a = self.invoke("invoke-with-response-stream",
                        "events=2;text=hi ho;usage=3,4")
        self.assertEqual(a.header("content-type"),
                         "application/vnd.amazon.eventstream")
        found = frames(a.body)
        self.assertEqual({h[":event-type"] for h, _ in found}, {"chunk"})
        events = [json.loads(base64.b64decode(p["bytes"])) for _, p in found]
        self.assertEqual([e["type"] for e in events], [
            "message_start", "content_block_start", "content_block_delta",
            "content_block_delta", "content_block_stop", "message_delta",
            "message_stop"])
        self.assertEqual(events[0]["message"]["model"], "anthropic.claude-x")
        metrics = events[-1]["amazon-bedrock-invocationMetrics"]
        self.assertEqual(metrics["inputTokenCount"], 3)
        self.assertEqual(len(a.pieces), 7)

    def test_an_error_event_is_an_exception(self):
        a = self.invoke("invoke-with-response-stream",
                        "errorevent=throttlingException;errorafter=1")
        headers, payload = frames(a.body)[-1]
        self.assertEqual(headers[":exception-type"], "throttlingException")
        self.assertIn("message", payload)

    def test_whole_answers_and_errors(self):
        a = self.invoke("invoke", "text=hi")
        self.assertEqual(a.json()["content"][0]["text"], "hi")
        b = self.invoke("invoke", "status=429")
        self.assertEqual(b.header("x-amzn-errortype"), "ThrottlingException")
        c = self.invoke("count-tokens")
        self.assertGreater(c.json()["inputTokens"], 0)


class Faults(Case):
    def test_a_status_speaks_the_dialect(self):
        for status in (400, 401, 402, 403, 404, 413, 429, 500, 503, 529):
            a = self.claude(f"status={status}")
            self.assertEqual(a.status, status)
            self.assertEqual(a.json()["type"], "error")
            o = self.responses(f"status={status}")
            self.assertIn("message", o.json()["error"])
            g = self.gemini(f"status={status}")
            self.assertEqual(g.json()["error"]["code"], status)

    def test_limits_are_told(self):
        a = self.claude("status=429;retry-after=7;reset=1999999999")
        self.assertEqual(a.header("retry-after"), "7")
        self.assertEqual(a.header("anthropic-ratelimit-unified-reset"),
                         "1999999999")
        self.assertEqual(a.header("anthropic-ratelimit-unified-status"),
                         "rejected")
        o = self.responses("status=429;reset=1999999999").json()["error"]
        self.assertEqual(o["type"], "usage_limit_reached")
        self.assertEqual(o["resets_at"], 1999999999)

    def test_headers_and_bodies_are_given(self):
        body = urllib.parse.quote("a;b]]=c", safe="")
        a = self.claude(f"status=418;body={body};header=X-One:1;header=X-Two:2")
        self.assertEqual(a.body, b"a;b]]=c")
        self.assertEqual(a.status, 418)
        self.assertEqual((a.header("x-one"), a.header("x-two")), ("1", "2"))

    def test_an_unknown_key_is_pointed_out(self):
        self.assertEqual(
            self.claude("nonsense=1").header("x-practice-unknown-key"),
            "nonsense")

    def test_the_last_marker_wins_and_beats_the_header(self):
        a = self.claude("status=500",
                        "[[practice:status=501]] no, [[practice:status=502]]")
        self.assertEqual(a.status, 502)

    def test_markers_are_not_repeated(self):
        a = self.claude("echo=1", "one [[practice:events=1]]two")
        self.assertEqual(claude_text(a), "one two")

    def test_delay_comes_before_the_head(self):
        with self.up.connect() as s:
            s.sendall(request_bytes("POST", "/v1/messages", {}, [
                ("x-practice", "delay=150;bodydelay=150;text=x")]))
            begun = time.monotonic()
            first = s.recv(1)
            head = time.monotonic() - begun
            rest = b""
            while b"\r\n\r\n" not in rest:
                rest += s.recv(65536)
            self.assertTrue(rest.endswith(b"\r\n\r\n"))
            s.recv(1)
            body = time.monotonic() - begun
        self.assertTrue(first and 0.14 < head and 0.29 < body)

    def test_intervals_are_kept(self):
        begun = time.monotonic()
        a = self.claude("events=5;interval=40")
        self.assertGreater(time.monotonic() - begun, 0.19)
        self.assertEqual(a.events()[-1][0], "message_stop")

    def test_drip_is_slow(self):
        begun = time.monotonic()
        a = self.claude("status=500;body=0123456789;drip=2/30")
        self.assertGreater(time.monotonic() - begun, 0.11)
        self.assertEqual(a.body, b"0123456789")

    def test_split_changes_nothing_but_the_pieces(self):
        whole = self.claude("text=caf%C3%A9;reset=1")
        for n in (1, 2, 3, 7):
            a = self.claude(f"text=caf%C3%A9;reset=1;split={n}")
            strip = [v for v in a.events() if v[0] != "message_start"]
            self.assertEqual(strip, [v for v in whole.events()
                                     if v[0] != "message_start"])

    def test_cut_is_a_fin_after_n_bytes(self):
        for n in (0, 1, 100, 10 ** 6):
            a = self.claude(f"cut={n};text=abc")
            self.assertEqual(a.broken, "eof", n)
            if n < 10 ** 6:
                self.assertEqual(len(a.body), n)
            else:
                self.assertEqual(a.events()[-1][0], "message_stop")
        plain = self.claude("cut=5", stream=False)
        self.assertEqual((plain.broken, len(plain.body)), ("eof", 5))

    def test_rst_is_a_reset(self):
        self.assertEqual(self.claude("rst=100").broken, "reset")
        self.assertEqual(self.claude("rst=read").broken, "reset")
        self.assertEqual(self.claude("fin=head").broken, "eof")

    def test_rst_at_the_head_does_not_wait_for_the_body(self):
        with self.up.connect() as s:
            s.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n"
                      b"x-practice: rst=head\r\ncontent-length: 99\r\n\r\n")
            self.assertEqual(Answer(s).broken, "reset")

    def test_an_early_answer_does_not_wait_for_the_body(self):
        with self.up.connect() as s:
            s.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n"
                      b"x-practice: early=1;status=413\r\n"
                      b"content-length: 99\r\n\r\nabc")
            a = Answer(s)
            self.assertEqual(a.status, 413)
            self.assertEqual(s.recv(1), b"")

    def test_a_bad_chunk(self):
        a = self.claude("badchunk=50")
        self.assertEqual((a.broken, len(a.body)), ("chunk size", 50))

    def test_wrong_lengths(self):
        more = self.claude("length=%2B5", stream=False)
        self.assertEqual(more.broken, "eof")
        less = self.claude("length=-5", stream=False)
        self.assertIsNone(less.broken)
        with self.assertRaises(json.JSONDecodeError):
            less.json()
        twice = self.claude("dupcl=1", stream=False).all("content-length")
        self.assertEqual(len(set(twice)), 2)

    def test_gzip_though_nobody_asked(self):
        whole = self.claude("gzip=1;text=hi", stream=False)
        self.assertEqual(whole.header("content-encoding"), "gzip")
        self.assertEqual(
            json.loads(gzip.decompress(whole.body))["content"][0]["text"],
            "hi")
        stream = self.claude("gzip=1;text=hi")
        self.assertIn(b"message_stop", gzip.decompress(stream.body))
        # Each event can be read when its chunk is here.
        d = zlib.decompressobj(47)
        self.assertIn(b"message_start", d.decompress(stream.pieces[0]))

    def test_interim_answers(self):
        a = self.claude("interim=3")
        self.assertEqual((a.interim, a.status), (3, 200))
        with self.up.connect() as s:
            s.sendall(request_bytes("POST", "/v1/messages", {}, [
                ("x-practice", "interim=-1")]))
            got = b""
            while len(got) < 100000:
                got += s.recv(65536)
        self.assertNotIn(b"HTTP/1.1 2", got)

    def test_odd_heads(self):
        a = self.claude("headerline=5000;statusline=HTTP/1.1 299 Odd")
        self.assertEqual(a.status_line, "HTTP/1.1 299 Odd")
        self.assertEqual(len(a.header("x-practice-long")) + 17, 5000)
        self.assertIn("\0", self.claude("nul=1").header("x-practice-nul"))
        with self.up.connect() as s:
            s.sendall(request_bytes("POST", "/v1/messages", {}, [
                ("x-practice", "http09=1;status=500")]))
            self.assertEqual(s.recv(1), b"{")

    def test_ends_of_connections(self):
        a = self.claude("close=1", stream=False)
        self.assertEqual(a.header("connection"), "close")
        b = self.claude("untilclose=1;text=hi")
        self.assertIsNone(b.header("transfer-encoding"))
        self.assertIsNone(b.header("content-length"))
        self.assertEqual(b.events()[-1][0], "message_stop")
        c = self.claude("chunked=1", stream=False)
        self.assertEqual(c.header("transfer-encoding"), "chunked")

    def test_a_kept_connection_may_end_unannounced(self):
        with self.up.connect() as s:
            s.sendall(request_bytes("POST", "/v1/messages", {}, [
                ("x-practice", "closeafter=30")]))
            a = Answer(s)
            self.assertIsNone(a.header("connection"))
            self.assertEqual(s.recv(1), b"")
            # What is sent into it now is answered by nobody.
            s.sendall(request_bytes("POST", "/v1/messages", {}))
            self.assertEqual(s.recv(1), b"")
        with self.up.connect() as s:
            s.sendall(request_bytes("POST", "/v1/messages", {}, [
                ("x-practice", "closeafter=10000")]))
            Answer(s)
            s.sendall(request_bytes("POST", "/v1/messages", {}))
            self.assertEqual(Answer(s).status, 200)

    def test_sizes_are_exact(self):
        a = self.claude("size=100000;events=7")
        self.assertEqual(len(claude_text(a)), 100000)
        deltas = [n for n, _ in a.events() if n == "content_block_delta"]
        self.assertEqual(len(deltas), 7)

    def test_once_heals(self):
        keys = "once=heal-1;times=2;status=529;text=well"
        self.assertEqual([self.claude(keys).status for _ in range(4)],
                         [529, 529, 200, 200])
        self.assertEqual(claude_text(self.claude(keys)), "well")

    def test_a_stall_is_silent_and_a_hang_too(self):
        for keys in ("stall=50", "hang=1"):
            before = self.up.stats()["line"]
            with self.up.connect() as s:
                s.sendall(request_bytes("POST", "/v1/messages", {}, [
                    ("x-practice", keys)]))
                self.up.log(before, '"target"')
                self.assertEqual(self.up.stats()["executing"], 1)
            end = self.up.log(before, '"end"')[-1]
            self.assertEqual(end["end"], "client_gone")
            self.assertEqual(self.up.stats()["executing"], 0)


class Witness(Case):
    def setUp(self):
        self.up.reset()
        self.line = self.up.stats()["line"]

    def log(self, until='"end"'):
        return self.up.log(self.line, until)

    def test_a_request_is_told_as_it_came(self):
        body = b'{"a": "\xc3\xa9"}'
        with self.up.connect(1) as s:
            s.sendall(b"POST /v1/messages?x=1 HTTP/1.1\r\nHost: h\r\n"
                      b"x-EMPTY:\r\nB: 1\r\nb: 2\r\ncontent-length: "
                      b"%d\r\n\r\n" % len(body) + body)
            Answer(s)
        line, end = self.log()
        self.assertEqual(line["method"], "POST")
        self.assertEqual(line["target"], "/v1/messages?x=1")
        self.assertEqual(line["headers"][:4], [
            ["Host", "h"], ["x-EMPTY", ""], ["B", "1"], ["b", "2"]])
        self.assertEqual(line["body_len"], len(body))
        self.assertEqual(line["body_sha256"],
                         hashlib.sha256(body).hexdigest())
        self.assertEqual((end["seq"], end["end"]), (line["seq"], "done"))
        with open(f"{self.up.dir.name}/{line['seq']}.body", "rb") as f:
            self.assertEqual(f.read(), body)
        with open(self.up.log_file) as f:
            self.assertIn(line, [json.loads(l) for l in f])

    def leave(self, reset):
        """How many milliseconds passed until a leaving was noted."""
        self.line = self.up.stats()["line"]
        s = self.up.connect()
        s.sendall(request_bytes("POST", "/v1/messages", {"stream": True}, [
            ("x-practice", "events=9;interval=60000")]))
        while b"message_start" not in s.recv(65536):
            pass
        if reset:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         b"\1\0\0\0\0\0\0\0")
        left = time.time()
        s.close()
        end = self.log()[-1]
        self.assertEqual(end["end"], "client_gone")
        return end["ms"] - left * 1000

    def test_a_client_that_leaves_is_seen_at_once(self):
        # The quickest of a few, as a busy machine may be late for any of them;
        # and no delta is written in the meantime that could tell.
        for reset in (False, True):
            self.assertLess(min(self.leave(reset) for _ in range(5)), 10)

    def test_our_own_endings_are_told(self):
        for keys, how in (("cut=5", "cut"), ("rst=5", "reset"),
                          ("close=1", "done")):
            self.line = self.up.stats()["line"]
            self.claude(keys)
            self.assertEqual(self.log()[-1]["end"], how)

    def test_executions_are_counted_by_id(self):
        for _ in range(3):
            self.ask("/v1/messages", {}, None, [("x-request-id", "r-1")])
        self.claude("id=marked")
        stats = self.up.stats()
        self.assertEqual(stats["ids"]["r-1"], {"total": 3, "now": 0})
        self.assertEqual(stats["ids"]["marked"]["total"], 1)
        self.assertEqual(stats["paths"]["/v1/messages"]["total"], 4)

    def test_rules_choose_by_credential_path_and_model(self):
        rules = [
            {"credential": "k-bad", "do": "status=401"},
            {"path": "/v1/mess*", "model": "claude-o*", "times": 1,
             "do": {"status": 529, "retry-after": 2}}]
        self.assertEqual(self.up.script(rules).json(), {"rules": 2})
        self.assertEqual(self.ask("/v1/messages", {}, None, [
            ("authorization", "Bearer k-bad")]).status, 401)
        self.assertEqual(self.ask("/v1/messages", {}, None, [
            ("x-api-key", "k-bad")]).status, 401)
        self.assertEqual(self.claude().status, 200)
        first = self.claude(model="claude-opus")
        self.assertEqual((first.status, first.header("retry-after")),
                         (529, "2"))
        self.assertEqual(self.claude(model="claude-opus").status, 200)
        self.assertEqual(self.up.script([{"do": "nonsense=1"}]).status, 400)

    def test_connections_are_kept(self):
        with self.up.connect() as s:
            for _ in range(3):
                s.sendall(request_bytes("POST", "/v1/messages", {}))
                self.assertEqual(Answer(s).status, 200)
        conns = {l["conn"] for l in self.log() if "conn" in l}
        self.assertEqual(len(conns), 1)

    def test_pipelined_requests_are_answered_in_order(self):
        with self.up.connect() as s:
            s.sendall(request_bytes("POST", "/v1/messages", {}, [
                ("x-practice", "delay=30;status=500")]) +
                request_bytes("POST", "/v1/messages", {}, [
                    ("x-practice", "status=501")]))
            first = Answer(s)
            second = Answer(s, raw=first.raw)
        self.assertEqual((first.status, second.status), (500, 501))

    def test_every_cut_of_a_request_is_the_same_request(self):
        chunked = (b"POST /v1/messages HTTP/1.1\r\nhost: h\r\n"
                   b"transfer-encoding: chunked\r\n\r\n"
                   b"3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\nt: 1\r\n\r\n")
        hashes = set()
        for cut in range(1, len(chunked)):
            self.line = self.up.stats()["line"]
            with self.up.connect() as s:
                s.sendall(chunked[:cut])
                s.sendall(chunked[cut:])
                self.assertEqual(Answer(s).status, 200, cut)
            hashes.add(self.log()[0]["body_sha256"])
        self.assertEqual(hashes, {hashlib.sha256(b'{"a":1}').hexdigest()})

    def test_large_bodies_are_read_whole(self):
        body = json.dumps({"pad": "x" * (20 << 20)}).encode()
        a = self.ask("/v1/messages", body)
        self.assertEqual(a.status, 200)
        self.assertEqual(self.log()[0]["body_sha256"],
                         hashlib.sha256(body).hexdigest())
        with self.up.connect() as s:
            s.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: h\r\n"
                      b"content-length: 67108865\r\n\r\n")
            self.assertEqual(Answer(s).status, 400)

    def test_compressed_bodies_are_understood(self):
        body = gzip.compress(b'{"x":"[[practice:status=418]]"}')
        a = self.ask("/v1/messages", body, None,
                     [("content-encoding", "gzip")])
        self.assertEqual(a.status, 418)
        self.assertEqual(self.log()[0]["body_len"], len(body))
        b = self.ask("/v1/messages", b"nonsense", None,
                     [("content-encoding", "gzip")])
        self.assertEqual(b.status, 400)

    def test_100_continue_is_said_when_it_is_expected(self):
        with self.up.connect() as s:
            s.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: h\r\n"
                      b"expect: 100-continue\r\ncontent-length: 2\r\n\r\n")
            self.assertEqual(s.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
            s.sendall(b"{}")
            self.assertEqual(Answer(s).status, 200)

    def test_what_a_relay_must_not_send_is_noted(self):
        table = [
            (b"content-length: 1\r\ncontent-length: 1\r\n",
             "two content-lengths"),
            (b"content-length: 1\r\ntransfer-encoding: chunked\r\n",
             "content-length beside chunked"),
            (b"content-length: +1\r\n", "content-length is no number"),
            (b"transfer-encoding: gzip, chunked\r\n",
             "transfer-encoding is not chunked"),
            (b"a b: c\r\n", "header line"),
            (b"a : c\r\n", "header line"),
            (b"a: b\rc\r\n", "bare CR"),
            (b"a: b\nc: d\r\n", "bare LF"),
            (b"a: \0\r\n", "NUL in the head"),
        ]
        for lines, why in table:
            self.line = self.up.stats()["line"]
            with self.up.connect() as s:
                s.sendall(b"POST / HTTP/1.1\r\nhost: h\r\n" + lines +
                          b"\r\n")
                self.assertEqual(Answer(s).status, 400, why)
            self.assertEqual(self.log()[0]["bad"], why)

    def test_old_clients_are_served_until_close(self):
        with self.up.connect() as s:
            s.sendall(request_bytes("POST", "/v1/messages", {"stream": True},
                                    version="1.0"))
            a = Answer(s)
        self.assertIsNone(a.header("transfer-encoding"))
        self.assertEqual(a.events()[-1][0], "message_stop")

    def test_a_head_has_no_body(self):
        with self.up.connect() as s:
            s.sendall(request_bytes("HEAD", "/api") +
                      request_bytes("GET", "/_practice/stats"))
            first = Answer(s, head_only=True)
            self.assertEqual(first.status, 200)

    def test_the_log_can_be_waited_for(self):
        with self.up.connect() as watcher:
            watcher.sendall(request_bytes(
                "GET", f"/_practice/log?since={self.line}&wait=5000"
                       "&until=cut"))
            self.claude()
            self.claude("cut=1")
            lines = Answer(watcher).body.splitlines()
        self.assertEqual(json.loads(lines[-1])["end"], "cut")
        empty = self.up.get("/_practice/log?since=99999999&wait=20")
        self.assertEqual(empty.header("x-practice-found"), "0")

    def test_accounts_can_be_asked_about(self):
        self.assertIn("account", self.up.get("/api/oauth/profile").json())
        self.assertIn("limits", self.up.get("/api/oauth/usage").json())
        self.assertIn("rate_limit",
                      self.up.get("/backend-api/wham/usage").json())

    def test_tokens_are_refreshed(self):
        first = self.ask("/v1/oauth/token", {}).json()
        second = self.ask("/v1/oauth/token", {}).json()
        self.assertNotEqual(first["access_token"], second["access_token"])
        self.assertIn("id_token", self.ask("/oauth/token", "a=b").json())
        self.assertTrue(self.ask("/token", "a=b").json()["access_token"]
                        .startswith("ya29."))


class RequiredKey(Case):
    options = ("--require-key", "real-key")

    def test_only_the_right_key_is_let_in(self):
        for headers, status in (
                ([], 401),
                ([("authorization", "Bearer cr_client")], 401),
                ([("authorization", "Bearer real-key")], 200),
                ([("x-api-key", "real-key")], 200),
                ([("x-goog-api-key", "real-key")], 200)):
            a = self.ask("/v1/messages", {}, None, headers)
            self.assertEqual(a.status, status, headers)
        self.assertEqual(self.ask("/v1/messages", {}).json()["error"]["type"],
                         "authentication_error")


class Fast(Case):
    options = ("--fast", "--script", "text=quick")

    def test_ready_made_answers_are_right(self):
        for _ in range(2):
            whole = self.claude(stream=False)
            self.assertEqual(whole.json()["content"][0]["text"], "quick")
            for body in (b'{"stream":true,"messages":[]}',
                         b'{"stream": true, "messages": []}'):
                stream = self.ask("/v1/messages", body)
                self.assertEqual(claude_text(stream), "quick")
        self.assertEqual(self.up.log(), [])
        self.assertEqual(self.up.stats()["requests"], 6)

    def test_the_header_still_counts(self):
        self.assertEqual(self.claude("status=503").status, 503)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-") \
            and os.path.exists(sys.argv[1]):
        BINARY = sys.argv.pop(1)
    unittest.main()
