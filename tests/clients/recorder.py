# SPDX-License-Identifier: MIT
"""recorder.py - a TCP proxy that writes down what a client asked.

It stands between a client and the relay and passes every byte on as it comes,
ends and resets too.  What the client sent is read along: methods, paths,
headers, and the SHA-256 of every body, to be compared with what reached the
upstream.
"""
import hashlib
import re
import socket
import struct
import threading
import time


class Request:
    """One request as the client sent it; `sha256` once its body was whole."""

    def __init__(self, conn, head):
        lines = head.decode("latin-1").split("\r\n")
        self.conn = conn
        self.method, self.target = lines[0].split(" ")[:2]
        self.path = self.target.split("?")[0]
        self.headers = [tuple(part.strip() for part in line.split(":", 1))
                        for line in lines[1:] if line]
        self.body = b""
        self.sha256 = None

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None


class Reader:
    """Cuts a client's bytes into requests."""

    def __init__(self, conn, requests):
        self.conn, self.requests = conn, requests
        self.raw = b""
        self.request = None
        self.left = 0  # bytes of the body; None: chunked

    def feed(self, data):
        self.raw += data
        while self.step():
            pass

    def step(self):
        if self.request is None:
            end = self.raw.find(b"\r\n\r\n")
            if end < 0:
                return False
            self.request = Request(self.conn, self.raw[:end])
            self.raw = self.raw[end + 4:]
            self.requests.append(self.request)
            if self.request.header("transfer-encoding"):
                self.left = None
            else:
                self.left = int(self.request.header("content-length") or 0)
        return self.chunk() if self.left is None else self.plain()

    def plain(self):
        if len(self.raw) < self.left:
            return False
        self.request.body = self.raw[:self.left]
        self.raw = self.raw[self.left:]
        return self.done()

    def chunk(self):
        line = re.match(rb"([0-9a-fA-F]+)[^\r]*\r\n", self.raw)
        if not line:
            return False
        size, begin = int(line[1], 16), line.end()
        if len(self.raw) < begin + size + 2:
            return False
        self.request.body += self.raw[begin:begin + size]
        self.raw = self.raw[begin + size + 2:]
        return self.done() if size == 0 else True

    def done(self):
        self.request.sha256 = hashlib.sha256(self.request.body).hexdigest()
        self.request = None
        return True


class Recorder:
    """Listens on a port of its own, for connections to `port`."""

    def __init__(self, port):
        self.to = port
        self.requests = []
        self.left_at = {}  # connection: when the client closed it
        self.received = {}  # connection: bytes of answers
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.sockets = set()
        self.conns = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                reset(client)
                continue
            self.conns += 1
            with self.lock:
                self.sockets |= {client, server}
            for s in (client, server):
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conn = self.conns
            self.received[conn] = 0
            reader = Reader(conn, self.requests)
            both = {"open": 2}
            for args in ((conn, client, server, reader, both),
                         (conn, server, client, None, both)):
                threading.Thread(target=self.copy, args=args,
                                 daemon=True).start()

    def copy(self, conn, source, sink, reader, both):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                if reader:
                    reader.feed(data)
                else:
                    self.received[conn] += len(data)
                sink.sendall(data)
            if reader:
                self.left_at[conn] = time.time()
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            if reader:
                self.left_at.setdefault(conn, time.time())
            reset(sink)
        with self.lock:
            both["open"] -= 1
            if both["open"]:
                return
            self.sockets -= {source, sink}
        source.close()
        sink.close()

    def stop(self):
        # Only a shutdown wakes a thread that waits in accept().
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for s in self.sockets:
                reset(s)


def reset(s):
    """End both directions; the peer sees a reset when bytes were lost."""
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
        # Another thread may wait in recv(); close() alone would not wake it.
        s.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
