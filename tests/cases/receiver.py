# SPDX-License-Identifier: MIT
"""receiver.py - those who are told: a web server and a mail server of the
test's own, that do what they are told to."""
import base64
import os
import socket
import ssl
import subprocess
import threading

from house import PATIENCE, until


class Authority:
    """A certificate authority, and a certificate for 127.0.0.1 under it."""

    def __init__(self, folder):
        self.ca, key = (os.path.join(folder, n) for n in ("ca.pem", "ca.key"))
        self.cert = os.path.join(folder, "cert.pem")
        request = os.path.join(folder, "cert.csr")
        names = os.path.join(folder, "names")
        with open(names, "w") as f:
            f.write("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes")
        self.openssl("req", "-x509", *curve, "-keyout", key, "-out", self.ca,
                     "-subj", "/CN=authority", "-days", "2")
        self.openssl("req", *curve, "-keyout", self.cert, "-out", request,
                     "-subj", "/CN=receiver")
        signed = subprocess.run(
            ["openssl", "x509", "-req", "-in", request, "-CA", self.ca,
             "-CAkey", key, "-CAcreateserial", "-days", "2", "-extfile",
             names], check=True, capture_output=True).stdout
        with open(self.cert, "ab") as f:
            f.write(signed)

    @staticmethod
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def context(self):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(self.cert)
        return c


class Server:
    """Takes connections, each in a thread; `seen` is what came."""

    def __init__(self, port=0):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        self.seen = []
        self.open = []
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            s.settimeout(PATIENCE)
            self.open.append(s)
            threading.Thread(target=self.guard, args=(s,),
                             daemon=True).start()

    def guard(self, s):
        try:
            self.serve(s)
        except (OSError, ValueError, ssl.SSLError):
            pass
        finally:
            s.close()

    def stop(self):
        # Wakes whoever sits in accept().
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for s in self.open:
            s.close()

    def wait(self, count, what="a notice"):
        return until(f"{what}, {count} of them",
                     lambda: self.seen[:count] if len(self.seen) >= count
                     else None)


class Post:
    def __init__(self, target, headers, body):
        self.target, self.headers, self.body = target, headers, body


class Hook(Server):
    """HTTP.  `answer` is (status, fields, body), or None: says nothing."""

    def __init__(self, port=0, context=None):
        self.answer = (200, {}, b"ok")
        self.context = context
        super().__init__(port)

    def serve(self, s):
        if self.context:
            s = self.context.wrap_socket(s, server_side=True)
        file = s.makefile("rb")
        target = file.readline().split()[1].decode()
        headers = {}
        while True:
            line = file.readline().strip().decode()
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = file.read(int(headers["content-length"]))
        answer = self.answer
        self.seen.append(Post(target, headers, body))
        if answer is None:
            file.read()
            return
        status, fields, text = answer
        if callable(text):
            text = text(self.seen[-1])
        fields = {"content-length": len(text), "connection": "close", **fields}
        s.sendall(f"HTTP/1.1 {status} X\r\n".encode() + b"".join(
            f"{k}: {v}\r\n".encode() for k, v in fields.items()) + b"\r\n" +
            text)


class Mail:
    def __init__(self):
        self.sender, self.to, self.login = None, [], None
        self.encrypted, self.data = False, b""


class Mailer(Server):
    """SMTP submission.  `refuse` maps a command to what it is answered."""

    def __init__(self, context, implicit=False, starttls=True):
        self.context, self.implicit, self.starttls = \
            context, implicit, starttls
        self.refuse = {}
        self.talk = []
        super().__init__()

    def serve(self, s):
        m = Mail()
        if self.implicit:
            s = self.context.wrap_socket(s, server_side=True)
            m.encrypted = True
        file = s.makefile("rwb")

        def say(text):
            file.write(text.encode() + b"\r\n")
            file.flush()

        say("220 mail.test")
        while True:
            line = file.readline().strip().decode()
            if not line:
                return
            word = line.split(":")[0].split()[0].upper()
            self.talk.append((m.encrypted, line))
            if word in self.refuse:
                say(self.refuse[word])
            elif word == "EHLO":
                say("250-mail.test")
                if self.starttls and not m.encrypted:
                    say("250-STARTTLS")
                say("250 AUTH PLAIN")
            elif word == "STARTTLS":
                say("220 go")
                s = self.context.wrap_socket(s, server_side=True)
                file, m.encrypted = s.makefile("rwb"), True
            elif word == "AUTH":
                rest = line.split()[2:]
                if not rest:
                    say("334 ")
                    rest = [file.readline().strip().decode()]
                m.login = base64.b64decode(rest[0])
                say("235 welcome")
            elif word == "MAIL":
                m.sender = line
                say("250 ok")
            elif word == "RCPT":
                m.to.append(line)
                say("250 ok")
            elif word == "DATA":
                say("354 go")
                while True:
                    piece = file.readline()
                    if piece in (b".\r\n", b""):
                        break
                    m.data += piece
                self.seen.append(m)
                say("250 2.0.0 queued as 4711")
            elif word == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")
