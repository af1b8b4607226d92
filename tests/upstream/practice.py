# SPDX-License-Identifier: MIT
"""practice.py - start a practice upstream, speak to it, read what it saw.

Raw sockets, because an HTTP library would hide what the tests look at.
"""
import json
import os
import socket
import subprocess
import tempfile
import time


class Upstream:
    """A running practice upstream, on two ports."""

    def __init__(self, binary, *options):
        self.dir = tempfile.TemporaryDirectory()
        port_file = os.path.join(self.dir.name, "port")
        self.log_file = os.path.join(self.dir.name, "log")
        self.process = subprocess.Popen(
            [binary, "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0",
             "--port-file", port_file, "--log", self.log_file,
             "--bodies", self.dir.name, *options])
        # The file appears whole, when the ports can be connected to.
        while not os.path.exists(port_file):
            if self.process.poll() is not None:
                raise RuntimeError("practice-upstream did not start")
            time.sleep(0.002)
        with open(port_file) as f:
            self.ports = [int(line) for line in f]

    def stop(self):
        self.process.terminate()
        status = self.process.wait(10)
        self.dir.cleanup()
        return status

    def connect(self, port=0):
        s = socket.create_connection(("127.0.0.1", self.ports[port]), 10)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def get(self, target):
        with self.connect() as s:
            s.sendall(request_bytes("GET", target))
            return Answer(s)

    def stats(self):
        return self.get("/_practice/stats").json()

    def log(self, since=0, until=None):
        target = f"/_practice/log?since={since}"
        if until is not None:
            target += "&wait=5000&until=" + until
        answer = self.get(target)
        if until is not None and answer.header("x-practice-found") != "1":
            raise AssertionError("the log never said " + until)
        return [json.loads(line) for line in answer.body.splitlines()]

    def script(self, rules):
        with self.connect() as s:
            s.sendall(request_bytes("POST", "/_practice/script",
                                    json.dumps({"rules": rules})))
            return Answer(s)

    def reset(self):
        with self.connect() as s:
            s.sendall(request_bytes("POST", "/_practice/reset"))
            return Answer(s)


def request_bytes(method, target, body=None, headers=(), version="1.1"):
    lines = [f"{method} {target} HTTP/{version}", "host: practice"]
    lines += [f"{k}: {v}" for k, v in headers]
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
    if isinstance(body, str):
        body = body.encode()
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b"")


class Answer:
    """One response, read from a socket; keeps what was wrong with it."""

    def __init__(self, sock, head_only=False, raw=b""):
        self.raw, self.broken = raw, None
        self.sock = sock
        self.chunks = []
        self.interim = 0
        while True:
            head = self.until(b"\r\n\r\n")
            if self.broken:
                self.status, self.headers, self.body = 0, [], b""
                return
            lines = head.decode("latin-1").split("\r\n")
            self.status_line = lines[0]
            self.status = int(lines[0].split()[1])
            if self.status >= 200:
                break
            self.interim += 1
        self.headers = [tuple(part.strip(" ") for part in l.split(":", 1))
                        for l in lines[1:-2]]
        self.body = b"" if head_only else self.read_body()
        self.pieces = self.chunks

    def fill(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            self.broken = "reset"
            return False
        if not data:
            self.broken = "eof"
            return False
        self.raw += data
        return True

    def until(self, mark):
        while mark not in self.raw:
            if not self.fill():
                return b""
        end = self.raw.index(mark) + len(mark)
        found, self.raw = self.raw[:end], self.raw[end:]
        return found

    def exactly(self, n):
        while len(self.raw) < n:
            if not self.fill():
                break
        found, self.raw = self.raw[:n], self.raw[n:]
        return found

    def read_body(self):
        if self.header("transfer-encoding") == "chunked":
            return self.read_chunks()
        if self.header("content-length") is not None:
            return self.exactly(int(self.header("content-length")))
        while self.fill():
            pass
        if self.broken == "eof":
            self.broken = None
        body, self.raw = self.raw, b""
        return body

    def read_chunks(self):
        # Joined once: adding piece by piece costs seconds at 9 MB.
        parts = []
        while True:
            line = self.until(b"\r\n")
            if self.broken:
                parts.append(self.raw)
                break
            try:
                n = int(line, 16)
            except ValueError:
                self.broken = "chunk size"
                break
            parts.append(self.exactly(n))
            if self.broken or self.exactly(2) != b"\r\n" or n == 0:
                break
            self.chunks.append(parts[-1])
        return b"".join(parts)

    def header(self, name):
        for k, v in self.headers:
            if k.lower() == name:
                return v
        return None

    def all(self, name):
        return [v for k, v in self.headers if k.lower() == name]

    def json(self):
        return json.loads(self.body)

    def events(self):
        found = []
        for block in self.body.decode().replace("\r\n", "\n").split("\n\n"):
            data = [l[6:] for l in block.split("\n")
                    if l.startswith("data: ")]
            name = [l[7:] for l in block.split("\n")
                    if l.startswith("event: ")]
            if not data:
                continue
            if data[0] == "[DONE]":
                found.append(("[DONE]", None))
                continue
            value = json.loads(data[0])
            if name:
                assert value["type"] == name[0], block
            found.append((name[0] if name else None, value))
        return found
