"""A server on bare sockets, one thread a connection, for tests that say every byte themselves.

With CICADA_TEST_TLS=1 in the environment the servers of `serve` speak TLS, and what a test starts
trusts their certificate: whole files of tests run over https that way.
"""

import os
import socket
import struct
import threading
import time

import tls_server
from harness import wait_until

IS_OVER_TLS = os.environ.get("CICADA_TEST_TLS") == "1"
SCHEME = "https" if IS_OVER_TLS else "http"

PEER_TIMEOUT_S = 30.0
HEAD_LIMIT_BYTES = 256 * 1024

OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
CHUNKED_HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n")


def head_with(*lines, status="200 OK"):
    """A response head; the lines are text or bytes."""
    parts = [f"HTTP/1.1 {status}".encode()]
    parts += [line if isinstance(line, bytes) else line.encode() for line in lines]
    return b"\r\n".join(parts) + b"\r\n\r\n"


def chunk(body):
    return f"{len(body):x}".encode() + b"\r\n" + body + b"\r\n"


class Request:
    """The head of a request as it came, and its body."""

    def __init__(self, head, body, peer_name):
        lines = head.split(b"\r\n")
        method, target, _ = lines[0].split(b" ", 2)
        self.method, self.target = method.decode(), target.decode("latin-1")
        self.path, _, self.query = self.target.partition("?")
        self.fields = [tuple(part.strip() for part in line.split(b":", 1)) for line in lines[1:]]
        self.body = body
        self.peer_name = peer_name
        self.at = time.monotonic()

    def header(self, name):
        """The raw bytes of the only field of that name, or None."""
        values = [value for key, value in self.fields if key.lower() == name.lower().encode()]
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


class Peer:
    """The server's end of one connection; `raw` is its TCP socket, `sock` may be TLS over it."""

    def __init__(self, raw):
        self.raw = self.sock = raw
        self.rest = b""
        self.is_kept = False

    def send(self, data):
        self.sock.sendall(data)

    def dribble(self, data, interval_s):
        """One byte at a time."""
        for index in range(len(data)):
            self.send(data[index:index + 1])
            time.sleep(interval_s)

    def flood(self, data, limit_bytes=64 << 20):
        """The same bytes over and over, until the client goes or the limit is reached."""
        block = data * max(1, 65536 // len(data))
        for _ in range(limit_bytes // len(block)):
            self.send(block)

    def reset(self):
        """Close by RST."""
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.raw.close()

    def hold(self):
        """Stay silent until the client goes."""
        while self.sock.recv(65536):
            pass

    def read_request(self):
        """None when the client has gone."""
        data = self.rest
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(65536)
            if not more or len(data) > HEAD_LIMIT_BYTES:
                return None
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        length, body = 0, bytearray(rest)
        for line in head.split(b"\r\n")[1:]:
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            more = self.sock.recv(1 << 20)
            if not more:
                return None
            body += more
        self.rest = bytes(body[length:])
        return Request(head, bytes(body[:length]), self.sock.getpeername())


class RawServer:
    """`handler(peer, request)` answers each request; the connection is closed when it returns,
    unless it set peer.is_kept. With reads_request=False it is called with None at once. `tls` is a
    TlsEnd for a server of https."""

    def __init__(self, handler, unix_path=None, reads_request=True, host="127.0.0.1", tls=None):
        self.handler, self.reads_request, self.tls = handler, reads_request, tls
        self.requests, self.open_peers, self.lock = [], set(), threading.Lock()
        self.is_stopping = False
        if unix_path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(unix_path)
        else:
            self.listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind((host, 0))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(1024)
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path="/", host="127.0.0.1"):
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    @property
    def open_count(self):
        with self.lock:
            return len(self.open_peers)

    def seen(self, path=None):
        """The requests so far, of one path or of all."""
        with self.lock:
            return [each for each in self.requests if path in (None, each.path)]

    def wait_for_requests(self, count, limit_s=20.0):
        wait_until(lambda: len(self.seen()) >= count, f"{count} requests", limit_s)
        return self.seen()

    def wait_for_open(self, count, limit_s=20.0):
        wait_until(lambda: self.open_count >= count, f"{count} open connections", limit_s)

    def stop(self):
        self.is_stopping = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            peers = list(self.open_peers)
        for peer in peers:
            try:
                peer.raw.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self):
        while not self.is_stopping:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.settimeout(PEER_TIMEOUT_S)
            if sock.family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(Peer(sock),), daemon=True).start()

    def _serve(self, peer):
        with self.lock:
            self.open_peers.add(peer)
        try:
            if self.tls:
                peer.sock = self.tls.accept(peer.raw)
            self._answer(peer)
        except OSError:
            pass  # the client went, which every handler must expect
        finally:
            peer.sock.close()
            with self.lock:
                self.open_peers.discard(peer)

    def _answer(self, peer):
        if not self.reads_request:
            self.handler(peer, None)
            return
        while request := peer.read_request():
            with self.lock:
                self.requests.append(request)
            peer.is_kept = False
            self.handler(peer, request)
            if not peer.is_kept:
                return


def script(*steps):
    """A handler that answers the first request by the first step and so on; the last repeats."""
    lock, remaining = threading.Lock(), list(steps)

    def handle(peer, request):
        with lock:
            step = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        if callable(step):
            step(peer, request)
        else:
            peer.send(step)

    return handle


def serve(case, handler, **options):
    """A RawServer that ends with the test."""
    if IS_OVER_TLS:
        options.setdefault("tls", tls_server.TlsEnd(tls_server.server_context(case)))
        case.options = tls_server.trust(case)
    server = RawServer(handler, **options)
    return case.keep(server, server.stop)


held_ports = []


def unused_port():
    """A port on which nothing listens and which the kernel gives to nobody else, neither to a
    listener nor to a connection that leaves, until this process ends: a bound socket holds it.

    Connections to it are refused until the test starts a server there that sets SO_REUSEADDR, as
    all servers do: such sockets share a port as long as none of the others listens."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", 0))
    held_ports.append(sock)
    return sock.getsockname()[1]


def full_listener(case):
    """A port whose backlog is full: a further connect gets no answer at all."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    case.keep(listener, lambda: [sock.close() for sock in (listener, *fillers)])
    return listener.getsockname()[1]


def unix_path(case):
    """Short enough for sockaddr_un, which a folder of the build may not be."""
    return os.path.join(case.folder, "s")
