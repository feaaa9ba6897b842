"""The server that the scripts in scripts/ talk to: every answer is a path, its shape the query.

It remembers each stream: when it began and ended, what was sent, and who ended it.
"""

import base64
import http.client
import json
import select
import threading
import time
import urllib.parse

from harness import wait_until
from raw_server import RawServer, chunk, head_with

STREAM_TYPE = "Content-Type: text/event-stream"
HOLD_LIMIT_S = 30.0
PASSWORD = "correct horse"
# Bodies that are sent piece by piece, PIECE_WAIT_S apart, each piece as a chunk of its own.
PIECE_WAIT_S = 0.03
PIECES = {
    "crlf_cut": [b"data: one\r", b"\ndata: two\r\n\r\n"],
    "blank": [b"data: one\n\ndata: two\n\n"],
    "other_ends": ["a\x0bb\x0cc\x1cd\x85e\u2028f\rg\n".encode()],
    "angstrom": ["data: Ångström\n\n".encode()],
    "unfinished": [b"data: one\n\ndata: tw"],
    "line_cut": [b"data: o", b"n", b"e\n\n"],
    "rules": [b"\xef\xbb\xbf: hello\nretry: 2500\nid: 7\nevent: tick\ndata: 1\ndata: 2\n\n",
              b"data\n\nid: 8\n\nevent: none\n\ndata:x\r\rda", b"ta: lost"],
}


class Stream:
    """One answer that lasts, as the server saw it."""

    def __init__(self, request):
        self.path, self.target = request.path, request.target
        self.began = time.monotonic()
        self.lasted_s = None
        self.sent = 0
        self.left = False  # the client went before the server ended it


def wait_or_gone(peer, seconds):
    """True when the client went within that time."""
    end = time.monotonic() + seconds
    while (rest := end - time.monotonic()) > 0:
        if select.select([peer.sock], [], [], rest)[0]:
            return not peer.sock.recv(65536)
    return False


class LocustServer:
    """`routes` maps paths to methods; a stream's events are numbered and carry their send time."""

    def __init__(self, t, **options):
        self.lock = threading.Lock()
        self.streams, self.connections = [], {}
        self.server = t.keep(RawServer(self._answer, **options), None)
        t.closers[-1] = self.server.stop
        self.port = self.server.port

    @property
    def url(self):
        return self.server.url("").rstrip("/")

    def seen(self, path=None):
        return self.server.seen(path)

    def wait_for_ends(self, count, path=None):
        """That many streams of that path, once all of them have ended."""
        def ended():
            with self.lock:
                own = [each for each in self.streams if path in (None, each.path)]
            return own if len(own) >= count and all(each.lasted_s for each in own) else None
        return wait_until(ended, f"{count} ended streams of {path}", 10.0)

    def _answer(self, peer, request):
        query = dict(urllib.parse.parse_qsl(request.query, keep_blank_values=True))
        with self.lock:
            number = self.connections.setdefault(peer, len(self.connections))
        route = getattr(self, "on_" + request.path.strip("/").split("/")[0], None)
        if route:
            route(peer, request, query, number)
        else:
            self.reply(peer, b"no such path", status="404 Not Found")

    @staticmethod
    def reply(peer, body, *fields, status="200 OK"):
        peer.is_kept = True
        peer.send(head_with(f"Content-Length: {len(body)}", *fields, status=status) + body)

    def reply_json(self, peer, value, *fields, **options):
        self.reply(peer, json.dumps(value).encode(), "Content-Type: application/json", *fields,
                   **options)

    # --- plain answers ---

    def on_body(self, peer, request, query, _):
        self.reply(peer, query.get("text", "hello").encode(), "Content-Type: text/plain")

    def on_status(self, peer, request, query, _):
        code = int(query.get("code", "500"))
        self.reply(peer, b"asked for", status=f"{code} {http.client.responses[code]}")

    def on_phrase(self, peer, *_):
        self.reply(peer, b"ok", status="200 Very Fine")

    def on_echo(self, peer, request, query, number):
        """What came: the head in its order, the body, and which connection it came on."""
        self.reply_json(peer, {
            "method": request.method, "target": request.target, "connection": number,
            "fields": [[part.decode("latin-1") for part in field] for field in request.fields],
            "body": request.body.decode("latin-1")}, "X-Reply: Yes", "Set-Cookie: seen=1; Path=/")

    def on_slow(self, peer, request, query, _):
        if not wait_or_gone(peer, float(query.get("ms", 200)) / 1000):
            self.reply(peer, b"late")

    def on_silent(self, peer, *_):
        wait_or_gone(peer, HOLD_LIMIT_S)

    def on_reset(self, peer, *_):
        peer.reset()

    def on_redirect(self, peer, request, query, _):
        hops = int(query.get("hops", 1))
        target = query.get("to", "/body") if hops <= 1 else f"/redirect?hops={hops - 1}"
        code = int(query.get("code", "302"))
        self.reply(peer, b"go on", f"Location: {target}", f"Set-Cookie: hop{hops}=1; Path=/",
                   status=f"{code} {http.client.responses[code]}")

    def on_cookies(self, peer, request, query, _):
        sent = request.header("Cookie")
        fields = [f"Set-Cookie: {query['set']}; Path=/"] if "set" in query else []
        self.reply_json(peer, sorted(sent.decode().split("; ")) if sent else [], *fields)

    def on_login(self, peer, request, query, number):
        if json.loads(request.body or b"{}").get("password") != PASSWORD:
            self.reply_json(peer, {"error": "wrong password"}, status="401 Unauthorized")
            return
        self.reply_json(peer, {"access_token": f"token-{number}", "connection": number})

    def on_basic(self, peer, request, query, _):
        expected = b"Basic " + base64.b64encode(b"ann:" + PASSWORD.encode())
        if request.header("Authorization") == expected:
            self.reply(peer, b"welcome")
        else:
            self.reply(peer, b"who?", 'WWW-Authenticate: Basic realm="r"',
                       status="401 Unauthorized")

    # --- streams ---

    def _begin(self, peer, request, query):
        stream = Stream(request)
        with self.lock:
            self.streams.append(stream)
        kind = STREAM_TYPE + (f"; charset={query['charset']}" if "charset" in query else "")
        framing = {"close": "Connection: close",
                   "chunked": "Transfer-Encoding: chunked"}[query.get("frame", "chunked")]
        wait_or_gone(peer, float(query.get("head_ms", 0)) / 1000)
        peer.send(head_with(kind, framing))
        return stream

    def _end(self, stream, left):
        stream.left = left
        stream.lasted_s = max(time.monotonic() - stream.began, 1e-9)

    def on_sse(self, peer, request, query, number):
        """`count` events, the first `first_ms` and the others `interval_ms` apart; then `end`,
        `hold` or `cut`. Ids go on after Last-Event-ID."""
        wrap = chunk if query.get("frame", "chunked") == "chunked" else bytes
        stream = self._begin(peer, request, query)
        interval_s = float(query.get("interval_ms", 50)) / 1000
        last = int(request.header("Last-Event-ID") or 0)
        left = wait_or_gone(peer, float(query.get("first_ms", 0)) / 1000)
        try:
            for index in range(int(query.get("count", 5))):
                left = left or (index > 0 and wait_or_gone(peer, interval_s))
                if left:
                    break
                data = (f'{{"n": {index}, "sent": {time.time():.6f}, "connection": {number}, '
                        f'"last": {last}}}')
                peer.send(wrap(f"id: {last + index + 1}\nevent: tick\ndata: {data}\n\n".encode()))
                stream.sent += 1
            after = query.get("then", "end")
            if not left and after == "hold":
                left = wait_or_gone(peer, HOLD_LIMIT_S)
            elif not left and after == "end" and wrap is chunk:
                peer.send(b"0\r\n\r\n")
                peer.is_kept = True
        except OSError:
            left = True
        self._end(stream, left)

    def on_v1(self, peer, request, query, _):
        """A language model's answer: a token a chunk, then the end mark."""
        asked = json.loads(request.body)
        stream = self._begin(peer, request, query)
        for token in f"{asked['model']} says: ten years, or 17".split(" "):
            delta = json.dumps({"choices": [{"index": 0, "delta": {"content": token + " "}}]})
            if wait_or_gone(peer, 0.02):
                break
            peer.send(chunk(f"data: {delta}\n\n".encode()))
            stream.sent += 1
        peer.send(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        peer.is_kept = True
        self._end(stream, False)

    def on_pieces(self, peer, request, query, _):
        """`/pieces?name=…`: one of PIECES, chunked."""
        stream = self._begin(peer, request, query)
        for piece in PIECES[query["name"]]:
            peer.send(chunk(piece))
            time.sleep(PIECE_WAIT_S)  # so that the pieces are read apart
        peer.send(b"0\r\n\r\n")
        peer.is_kept = True
        self._end(stream, False)

    def on_flood(self, peer, request, query, _):
        """Events as fast as the client takes them, until it goes."""
        stream = self._begin(peer, request, query)
        block = chunk(b"data: flood\n\n" * 64)
        try:
            while time.monotonic() - stream.began < HOLD_LIMIT_S:
                peer.send(block)
                stream.sent += 64
        except OSError:
            pass
        self._end(stream, True)
