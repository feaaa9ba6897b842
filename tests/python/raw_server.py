"""A server of plain sockets that keeps what it was sent, byte for byte, and answers by a table."""

import socket
import threading
import time

LIMIT_S = 10


class Asked:
    """One request as it came."""

    def __init__(self, head, body):
        self.head = head
        self.body = body
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = first.split(" ", 2)
        self.headers = [tuple(line.split(": ", 1)) for line in lines if line]

    def names(self):
        return [name for name, _ in self.headers]

    def get(self, name):
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def answer(body=b"", status="200 OK", headers=(), length=True):
    """The bytes of a whole response."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class RawServer:
    """`respond(asked)` gives bytes, or an iterable of bytes and of seconds to wait; None after the
    bytes closes the connection, "reset" breaks it."""

    latest = None  # the one started last

    def __init__(self, respond, tls=None):
        RawServer.latest = self
        self._tls = tls
        self.respond = respond
        self.asked = []
        self.closed = []  # targets whose connection the client has closed
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.settimeout(LIMIT_S)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        target = None
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                while asked := self._read(connection):
                    target = asked.target
                    self.asked.append(asked)
                    if not self._answer(connection, self.respond(asked)):
                        return
        except OSError:
            pass
        self.closed.append(target)

    def _read(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return None
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        asked = Asked(head, b"")
        is_chunked = "chunked" in (asked.get("transfer-encoding") or "")
        length = int(asked.get("content-length") or 0)
        while len(body) < length or (is_chunked and not body.endswith(b"0\r\n\r\n")):
            piece = connection.recv(65536)
            if not piece:
                break
            body += piece
        asked.body = body
        return asked

    def _answer(self, connection, pieces):
        for piece in [pieces] if isinstance(pieces, (bytes, str)) else pieces:
            if piece is None:
                return False
            if piece == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                connection.close()
                return False
            if isinstance(piece, (int, float)):
                time.sleep(piece)
            else:
                connection.sendall(piece)
        return True
