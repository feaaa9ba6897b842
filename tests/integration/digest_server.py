"""Servers that ask who a client is, and check the answer themselves: Basic and Digest."""

import base64
import hashlib
import re
import threading

from raw_server import head_with, serve

REALM = 'the "realm", of tests'
EVENT = b"data: hello\n\n"
ANSWER = head_with("Content-Type: text/event-stream", f"Content-Length: {len(EVENT)}",
                   "Connection: close") + EVENT
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_digest(line):
    """The parameters of a field `Digest name=value, …`, quotes taken off."""
    scheme, _, rest = line.decode().partition(" ")
    assert scheme == "Digest", line
    found = re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))\s*(?:,|$)', rest)
    return {name: re.sub(r"\\(.)", r"\1", text) or plain for name, text, plain in found}


def digest_response(given, method, algorithm, secret):
    """RFC 7616, section 3.4.1, from the parameters of an answer and the password."""
    def digest(text):
        return HASHES[algorithm.removesuffix("-sess")](text.encode()).hexdigest()

    first = digest(f"{given['username']}:{given['realm']}:{secret}")
    if algorithm.endswith("-sess"):
        first = digest(f"{first}:{given['nonce']}:{given['cnonce']}")
    second = digest(f"{method}:{given['uri']}")
    if "qop" not in given:
        return digest(f"{first}:{given['nonce']}:{second}")
    return digest(":".join((first, given["nonce"], given["nc"], given["cnonce"], given["qop"],
                            second)))


class DigestServer:
    """Lets those in whose Digest answer is right; `uses` is how often a nonce is good, 0: always.

    `statuses` are the answers so far, `answers` the parameters of the right ones."""

    def __init__(self, t, users, algorithm="MD5", qop="auth", uses=0, more=()):
        self.users, self.algorithm, self.qop, self.uses = users, algorithm, qop, uses
        self.more = more  # further lines of a challenge
        self.nonces, self.statuses, self.answers = {}, [], []
        self.reasons, self.lock = [], threading.Lock()
        self.server = serve(t, self.answer)

    def challenge(self, is_stale):
        nonce = f"nonce-{len(self.nonces)}"
        self.nonces[nonce] = 0
        fields = [f"realm={quoted(REALM)}", f'nonce="{nonce}"', 'opaque="to be given back"']
        if self.algorithm != "MD5":
            fields.append(f"algorithm={self.algorithm}")
        if self.qop:
            fields.append(f'qop="{self.qop}"')
        if is_stale:
            fields.append("stale=true")
        return head_with("WWW-Authenticate: Digest " + ", ".join(fields), *self.more,
                         "Content-Length: 0", "Connection: close", status="401 Who are you")

    def fault_of(self, request, given):
        """Why an answer is not right; None: it is."""
        secret = self.users.get(given.get("username"))
        if secret is None:
            return "an unknown user"
        if (given["realm"], given["opaque"], given["uri"]) != (REALM, "to be given back",
                                                               request.target):
            return f"realm, opaque or uri of {given}"
        if self.qop and given.get("qop") != "auth":
            return f"qop of {given}"
        if given["response"] != digest_response(given, request.method, self.algorithm, secret):
            return f"the response of {given}"
        return None

    def judge(self, request):
        """The bytes of the answer."""
        line = request.header("Authorization")
        if line is None:
            return self.challenge(False)
        given = parse_digest(line)
        if given["nonce"] not in self.nonces:
            return self.challenge(True)
        fault = self.fault_of(request, given)
        if fault:
            self.reasons.append(fault)
            return self.challenge(False)
        used = self.nonces[given["nonce"]]
        if self.uses and used >= self.uses:
            return self.challenge(True)
        self.nonces[given["nonce"]] = used + 1
        if self.qop and int(given["nc"], 16) != used + 1:
            self.reasons.append(f"nc of {given}")
            return self.challenge(False)
        self.answers.append(given)
        return ANSWER

    def answer(self, peer, request):
        with self.lock:
            data = self.judge(request)
            self.statuses.append(int(data.split()[1]))
        peer.send(data)


def basic(user, password):
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())
