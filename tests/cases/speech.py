# SPDX-License-Identifier: MIT
"""speech.py - the four dialects as a client speaks them, over raw sockets."""
import json

from practice import Answer


class Dialect:
    def __init__(self, name, letter, credential, terminal, path, stream_path,
                 body):
        self.name, self.letter = name, letter
        self.credential = credential
        self.terminal = terminal  # what the last event of a stream holds
        self.path, self.stream_path = path, stream_path
        self.make_body = body

    def __repr__(self):
        return self.name

    def target(self, stream):
        return self.stream_path if stream else self.path

    def body(self, stream, said="hello", **more):
        body = self.make_body(said)
        if self.path == self.stream_path:
            body["stream"] = stream
        body.update(more)
        return json.dumps(body).encode()

    def is_error(self, value):
        """Does this JSON say an error in the dialect's words?"""
        e = value.get("error") if isinstance(value, dict) else None
        if not isinstance(e, dict) or not isinstance(e.get("message"), str):
            return False
        if self.letter == "a":
            return value["type"] == "error" and isinstance(e["type"], str)
        if self.letter == "o":
            return isinstance(e["type"], str) and "code" in e
        return isinstance(e["code"], int) and isinstance(e["status"], str)

    def stream_error(self, body):
        """Is the last event of a broken stream the dialect's error?"""
        last = body.rstrip(b"\n").rsplit(b"\n\n", 1)[-1]
        data = [l[6:] for l in last.split(b"\n") if l.startswith(b"data: ")]
        if not data:
            return False
        try:
            value = json.loads(b"".join(data))
        except ValueError:
            return False
        if self.name == "responses":
            return value["type"] in ("response.failed", "error")
        return self.is_error(value)


ANTHROPIC = Dialect(
    "anthropic", "a", ("x-api-key", "%s"), b"message_stop",
    "/v1/messages", "/v1/messages",
    lambda said: {"model": "claude-x", "max_tokens": 9,
                  "messages": [{"role": "user", "content": said}]})
RESPONSES = Dialect(
    "responses", "o", ("authorization", "Bearer %s"), b"response.completed",
    "/openai/v1/responses", "/openai/v1/responses",
    lambda said: {"model": "gpt-x", "input": [
        {"type": "message", "role": "user",
         "content": [{"type": "input_text", "text": said}]}]})
CHAT = Dialect(
    "chat", "o", ("Authorization", "bearer %s"), b"[DONE]",
    "/v1/chat/completions", "/v1/chat/completions",
    lambda said: {"model": "gpt-x", "stream_options": {"include_usage": True},
                  "messages": [{"role": "user", "content": said}]})
GEMINI = Dialect(
    "gemini", "g", ("x-goog-api-key", "%s"), b"finishReason",
    "/v1beta/models/gemini-x:generateContent",
    "/v1beta/models/gemini-x:streamGenerateContent?alt=sse",
    lambda said: {"contents": [{"role": "user", "parts": [{"text": said}]}]})
ALL = (ANTHROPIC, RESPONSES, CHAT, GEMINI)


def head(method, target, headers, version="1.1"):
    lines = [f"{method} {target} HTTP/{version}"]
    lines += [f"{k}: {v}" for k, v in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def ask_bytes(key, dialect, stream=True, body=None, keys=None, headers=(),
              method="POST", target=None, host="relay"):
    """One request as bytes; `keys` is the fault script."""
    if body is None:
        body = dialect.body(stream)
        if dialect is CHAT and not stream:
            body = dialect.body(stream, stream_options=None)
    fields = [("host", host), (dialect.credential[0],
                               dialect.credential[1] % key)]
    fields += list(headers)
    if keys:
        fields.append(("x-practice", keys))
    fields += [("content-type", "application/json"),
               ("content-length", str(len(body)))]
    return head(method, target or dialect.target(stream), fields) + body


def ask(relay, dialect, stream=True, sock=None, key=None, **more):
    """Send it and read the whole answer."""
    data = ask_bytes(relay.key if key is None else key, dialect, stream,
                     **more)
    s = sock or relay.connect()
    try:
        s.sendall(data)
        return Answer(s)
    finally:
        if sock is None:
            s.close()


def raw(relay, data, head_only=False):
    """Send bytes as they are; the answer, and whether the connection was
    closed behind it."""
    with relay.connect() as s:
        s.sendall(data)
        a = Answer(s, head_only=head_only)
        a.closed = False
        if a.header("connection") == "close":
            a.closed = not a.fill()
        return a
