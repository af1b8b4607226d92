# SPDX-License-Identifier: MIT
"""crowd.py - many clients at once, each with a plan of what will happen to its
requests, and a memory of what it saw of their answers."""
import asyncio
import json
import random

from speech import ANTHROPIC, CHAT, GEMINI, RESPONSES, ask_bytes
from oracle import Usage

DIALECTS = (ANTHROPIC, RESPONSES, CHAT, GEMINI)
# Every body of a client has a length of its own, by which its receipt is
# known: this, and the request's number.
BODY = 500

# What happens to a request, and how often.
FATES = (("whole", 60), ("again", 10), ("gone", 12), ("broken", 10),
         ("refused", 4), ("short", 2), ("unpriced", 2))


# What every piece of text in a stream holds.
PIECE = {"anthropic": b"text_delta", "responses": b"output_text.delta\ndata",
         "chat": b'"delta":{"content"', "gemini": b'"text":'}


class Plan:
    """One request: what is asked, what the upstream is told to say, and what
    must come of it."""

    def __init__(self, rng, client, number, prices):
        self.client, self.number = client, number
        self.length = BODY + number
        self.name = f"{client}.{number}"
        self.fate = rng.choices([f for f, _ in FATES],
                                [n for _, n in FATES])[0]
        self.dialect = rng.choice(DIALECTS)
        self.stream = rng.random() < .7
        self.model = rng.choice(prices.of(self.dialect))
        if self.fate == "unpriced":
            self.model = f"no-such-model-{rng.randrange(5)}"
        self.size = rng.choice((40, 400, 3000))
        self.deltas = rng.choice((1, 4, 12))
        self.leaves_at = self.cuts_at = None
        self.usage = self.make_usage(rng)
        self.keys = self.make_keys(rng)
        # What the client sees.
        self.status = self.answered = self.ended = None
        self.heard = 0
        self.sent = False

    def make_usage(self, rng):
        d = self.dialect
        # A guess can only be good where tokens have to do with bytes.
        like = rng.uniform(.7, 1.4)
        counts = {"input": int(self.length / 4 * like),
                  "output": 1 + int(self.size / 4 * like)}
        u = Usage(**counts)
        if self.fate not in ("whole", "again", "unpriced"):
            return u
        u["input"] = rng.choice((1, 999, 12345, 150000, 260000, 1000001))
        u["output"] = rng.choice((1, 77, 5000, 64000))
        u["cache_read"] = rng.choice((0, 0, 333, 100001))
        if d is not GEMINI:
            u["cache_write_5m"] = rng.choice((0, 0, 1234))
        if d is ANTHROPIC:
            u["cache_write_1h"] = rng.choice((0, 0, 4321))
            u.fast, u.us = rng.random() < .1, rng.random() < .1
            u.searches = rng.choice((0, 0, 0, 3))
        if d is not GEMINI:
            u.tier = rng.choice(("standard", "standard", "priority", "flex",
                                 "batch"))
        return u

    def said_usage(self, rng):
        """As the dialect counts it."""
        u, read, out = self.usage, self.usage["input"], self.usage["output"]
        self.reasoning = rng.choice((0, out // 3))
        if self.dialect is not ANTHROPIC:
            read += u["cache_read"] + u["cache_write_5m"]
        if self.dialect is ANTHROPIC:
            self.reasoning = 0
        if self.dialect is GEMINI:
            out -= self.reasoning
        keys = [f"usage={read},{out},{u['cache_read']},"
                f"{u['cache_write_5m']},{u['cache_write_1h']},"
                f"{self.reasoning}"]
        if self.dialect is not GEMINI:
            keys.append(f"tier={u.tier}")
        if u.fast:
            keys.append("speed=fast")
        if u.us:
            keys.append("geo=us")
        if u.searches:
            keys.append(f"searches={u.searches}")
        return keys

    def make_keys(self, rng):
        keys = self.said_usage(rng)
        keys += [f"size={self.size}", f"events={self.deltas}",
                 f"id={self.name}"]
        if self.fate == "again":
            fault = rng.choice(("status=529", "status=500", "fin=head",
                                "rst=read", "status=429;retry-after=1"))
            keys += [fault, f"once={self.name}"]
        elif self.fate == "refused":
            keys.append("status=" + rng.choice(("400", "422")))
        elif self.fate == "broken":
            keys.append(rng.choice(
                (f"cut={rng.randrange(6000)}", f"rst={rng.randrange(6000)}",
                 "noterminal=2", f"badchunk={rng.randrange(3000)}",
                 f"errorevent=overloaded_error;errorafter={self.deltas}")))
        elif self.fate == "gone":
            if rng.random() < .3:
                keys.append(f"delay={rng.randrange(40)}")
                self.leaves_at = 0
            else:
                keys.append(f"interval={rng.randrange(5)}")
                self.leaves_at = rng.randrange(1, 4000)
        elif self.fate == "short":
            self.cuts_at = rng.randrange(BODY)
        return ";".join(keys)

    def request(self, key):
        target = None
        value = json.loads(self.dialect.body(self.stream, said=""))
        if self.dialect is GEMINI:
            target = self.dialect.target(self.stream).replace(
                "gemini-x", self.model)
        else:
            value["model"] = self.model
        # In half of the streams nobody but relayd wants to know.
        if self.dialect is CHAT and (not self.stream or self.number % 2):
            del value["stream_options"]
        body = json.dumps(value).encode()
        body += b" " * (self.length - len(body))
        data = ask_bytes(key, self.dialect, self.stream, body=body,
                         target=target, keys=self.keys)
        return data[:len(data) - self.length + self.cuts_at] \
            if self.cuts_at is not None else data


def is_last(body, terminal):
    """Is the last event of a stream a whole one, and the one at its end?"""
    end = b"\r\n\r\n" if body.endswith(b"\r\n\r\n") else b"\n\n"
    if not body.endswith(end):
        return False
    return terminal in body[body.rfind(end, 0, -len(end)) + 1:]


class Gone(Exception):
    """The client has left."""


class Client:
    """Sends its requests one after the other."""

    def __init__(self, name, plans, key, port, seed):
        self.name, self.plans, self.key, self.port = name, plans, key, port
        self.rng = random.Random(seed)
        self.reader = self.writer = None

    async def connect(self):
        """There is somebody to talk to again after a while."""
        while True:
            try:
                self.reader, self.writer = await asyncio.open_connection(
                    "127.0.0.1", self.port, limit=1 << 20)
                return
            except OSError:
                await asyncio.sleep(.01)

    def leave(self):
        if not self.writer:
            return
        if self.rng.random() < .5:
            self.writer.transport.abort()
        else:
            self.writer.close()
        self.writer = None

    async def run(self):
        for plan in self.plans:
            if not self.writer:
                await self.connect()
            try:
                await self.ask(plan)
            except (OSError, EOFError, Gone):
                self.leave()
        self.leave()

    async def ask(self, plan):
        self.writer.write(plan.request(self.key))
        await self.writer.drain()
        plan.sent = plan.cuts_at is None
        if plan.cuts_at is not None:
            raise Gone
        if plan.leaves_at == 0:
            await asyncio.sleep(self.rng.random() * .03)
            raise Gone
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        plan.status = int(lines[0].split()[1])
        fields = dict(l.split(": ", 1) for l in lines[1:-2])
        plan.answered = fields.get("x-relay-request-id") or \
            fields.get("request-id")
        body = bytearray()
        whole = await self.body(plan, fields, body)
        if plan.status != 200 or not plan.stream:
            plan.ended = whole
        if fields.get("connection") == "close" or not whole:
            self.leave()

    async def body(self, plan, fields, body):
        """Returns whether it came to its end."""
        if "content-length" in fields:
            body += await self.reader.readexactly(
                int(fields["content-length"]))
            return True
        if fields.get("transfer-encoding") != "chunked":
            body += await self.reader.read(-1)
            return False
        while True:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            chunk = await self.reader.readexactly(size + 2)
            if size == 0:
                return True
            body += chunk[:-2]
            plan.heard = body.count(PIECE[plan.dialect.name])
            # Whoever has this may trust that the receipt is kept.
            if plan.stream and is_last(body, plan.dialect.terminal):
                plan.ended = True
            if plan.leaves_at and len(body) > plan.leaves_at:
                raise Gone
