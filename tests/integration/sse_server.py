"""A well-behaved SSE service for tests of `run`, that counts what it sent."""

import threading
import time
import urllib.parse

from raw_server import CHUNKED_HEAD, chunk, head_with, serve

HEARTBEAT_S = 0.05


class SseService:
    """`/any?count=N&interval_ms=M&end=1`: N numbered events, then comments until the client goes,
    or the last chunk with `end`."""

    def __init__(self, case, **options):
        self.lock = threading.Lock()
        self.sent = 0
        self.server = serve(case, self._answer, **options)

    def url(self, target="/events?count=3"):
        return self.server.url(target)

    def __getattr__(self, name):
        return getattr(self.server, name)

    def _answer(self, peer, request):
        query = dict(urllib.parse.parse_qsl(request.query))
        if "status" in query:
            peer.send(head_with("Content-Length: 0", status=query["status"] + " Asked For"))
            return
        peer.send(CHUNKED_HEAD)
        interval_s = float(query.get("interval_ms", 0)) / 1000
        for number in range(int(query.get("count", 3))):
            peer.send(chunk(f"id: {number}\ndata: {{\"n\":{number}}}\n\n".encode()))
            with self.lock:
                self.sent += 1
            time.sleep(interval_s)
        if "end" in query:
            peer.send(b"0\r\n\r\n")
            return
        while True:
            peer.send(chunk(b":\n"))
            time.sleep(HEARTBEAT_S)
