"""Stands in for the engine where the extension was not built: its client, over the standard library.

Honest but slow: real sockets, real HTTP. It keeps cookies, follows redirects, reads bodies as they
come; it knows no Digest, no compression and no metrics.
"""

import codecs
import http.client
import io
import json
import socket
import ssl
import time
from collections.abc import Mapping
from http.cookiejar import Cookie, CookieJar
from urllib.parse import urljoin, urlsplit
from urllib.request import Request

__version__ = "0.1.0"
READ_BYTES = 65536


class Headers(Mapping):
    def __init__(self, pairs):
        self._pairs = pairs

    def get_all(self, name):
        return [value for key, value in self._pairs if key.lower() == name.lower()]

    def __getitem__(self, name):
        found = self.get_all(name)
        if not found:
            raise KeyError(name)
        return ", ".join(found)

    def __iter__(self):
        return iter(dict.fromkeys(key for key, _ in self._pairs))

    def __len__(self):
        return len(list(iter(self)))


class Event:
    def __init__(self, event, data, id, retry):
        self.event, self.data, self.id, self.retry = event, data, id, retry
        self.received = time.time()

    def json(self):
        return json.loads(self.data)


class Client:
    def __init__(self, make_error):
        self.make_error = make_error
        self.jar = CookieJar()
        self.kept = {}

    def cookies(self):
        return [(c.name, c.value, c.domain, c.path, c.expires, c.secure) for c in self.jar]

    def set_cookie(self, name, value, domain, path="/", expires=None, secure=False):
        self.jar.set_cookie(Cookie(0, name, value, None, False, domain, True, False, path, True,
                                   secure, expires, expires is None, None, None, {}))
        self.jar.clear_expired_cookies()
        return True

    def clear_cookies(self):
        self.jar.clear()

    def set_auth(self, scheme, user, password):
        """Not here."""

    def close(self):
        for connection in self.kept.values():
            connection.close()
        self.kept.clear()

    def _cookie_text(self, url, extra):
        request = Request(url)
        self.jar.add_cookie_header(request)
        return "; ".join(part for part in (request.get_header("Cookie"), extra) if part)

    def _exchange(self, method, url, headers, body, connect_timeout, read_timeout, cookies):
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        place = (parts.scheme, parts.netloc)
        for is_last in (False, True):
            connection = self.kept.pop(place, None)
            is_last = is_last or connection is None
            if connection is None:
                connection = kind(parts.hostname, parts.port, timeout=connect_timeout)
                connection.connect()
            connection.sock.settimeout(read_timeout)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            has_host = any(name.lower() == "host" for name, _ in headers)
            connection.putrequest(method, target, skip_host=has_host, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            text = self._cookie_text(url, cookies)
            if text:
                connection.putheader("Cookie", text)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            try:
                connection.endheaders(body or None)
                answer = connection.getresponse()
            except (ConnectionError, http.client.RemoteDisconnected):
                if is_last:
                    raise
                continue
            return connection, answer

    def request(self, method, url, headers, body=None, *, name=None, stream=False,
                connect_timeout=None, read_timeout=None, max_redirects=30, decode=True, verify=True,
                cert=None, cookies=""):
        for line in headers:
            if any(char in part for part in line for char in "\r\n\0"):
                raise ValueError(f"header {line!r} cannot be sent")
        response = Response(self, method, url, read_timeout)
        try:
            while True:
                connection, answer = self._exchange(response.method, response.url, headers, body,
                                                    connect_timeout, read_timeout, cookies)
                pairs = Headers(answer.getheaders())
                self.jar.extract_cookies(answer, Request(response.url))
                location = pairs.get("location")
                if not max_redirects or answer.status not in (301, 302, 303, 307, 308) \
                        or not location:
                    break
                answer.read()
                response.history.append((answer.status, response.url, pairs))
                if len(response.history) > max_redirects:
                    response.error = ("status_3xx", f"more than {max_redirects} redirects")
                    return response
                response.url = urljoin(response.url, location)
                if answer.status < 307 and response.method != "HEAD":
                    response.method, body = "GET", None
                    headers = [(n, v) for n, v in headers if n.lower() != "content-type"]
        except (OSError, http.client.HTTPException) as error:
            response.error = error_of(error, connect=True)
            return response
        finally:
            response.elapsed = time.time() - response.started
            response.total = response.elapsed
        response.begin(connection, answer, pairs)
        if not stream:
            try:
                response.content
            except Exception as error:
                response.error = getattr(error, "as_pair", ("closed_early", str(error)))
            response.total = time.time() - response.started
        return response


def error_of(error, connect=False):
    if isinstance(error, ConnectionRefusedError):
        return "connect_refused", "Connection refused"
    if isinstance(error, ConnectionResetError) and \
            not isinstance(error, http.client.RemoteDisconnected):
        return "reset", "Connection reset by peer"
    if isinstance(error, TimeoutError):
        return "timeout_headers" if connect else "timeout_read", "timed out"
    if isinstance(error, socket.gaierror):
        return "dns", str(error)
    if isinstance(error, ssl.SSLError):
        return "tls", str(error)
    if isinstance(error, http.client.BadStatusLine) and \
            not isinstance(error, http.client.RemoteDisconnected):
        return "http_protocol", str(error)
    return "closed_early", str(error)


class Response:
    reason = ""
    status = 0
    headers = Headers([])
    connect_s = dns_s = tls_s = 0.0

    def __init__(self, client, method, url, read_timeout):
        self._client, self.method, self.url = client, method, url
        self.read_timeout = read_timeout
        self.history, self.error = [], None
        self.started = time.time()
        self.elapsed = self.total = 0.0
        self._answer = self._content = None
        self._rest = b""

    def begin(self, connection, answer, pairs):
        self._connection, self._answer, self.headers = connection, answer, pairs
        self.status = answer.status
        self.reason = http.client.responses.get(answer.status, "")

    @property
    def is_open(self):
        return self._answer is not None

    @property
    def buffered(self):
        return len(self._rest)

    def _end(self, is_whole):
        place = urlsplit(self.url)
        self._answer.close()
        if is_whole and not self._answer.will_close:
            self._client.kept[(place.scheme, place.netloc)] = self._connection
        else:
            self._connection.close()
        self._answer = None

    def read(self, most=-1):
        if not self._rest and self._answer is not None:
            try:
                self._rest = self._answer.read1(READ_BYTES)
                if not self._rest and self._answer.length:
                    raise http.client.IncompleteRead(b"", self._answer.length)
                if not self._rest:
                    self._end(True)
            except (OSError, http.client.HTTPException) as error:
                self._end(False)
                pair = error_of(error)
                raised = self._client.make_error(*pair, True)
                raised.as_pair = pair
                raise raised from None
        most = len(self._rest) if most < 0 else most
        piece, self._rest = self._rest[:most], self._rest[most:]
        return piece

    @property
    def content(self):
        if self._content is None:
            out = io.BytesIO()
            while piece := self.read():
                out.write(piece)
            self._content = out.getvalue()
        return self._content

    def lines(self, encoding, delimiter=None):
        if encoding not in (None, "utf-8", "latin-1"):
            raise LookupError(encoding)
        decoder = codecs.getincrementaldecoder(encoding or "latin-1")("replace")
        carry = "" if encoding else b""
        while piece := self.read():
            carry += decoder.decode(piece) if encoding else piece
            lines = carry.split(delimiter) if delimiter else carry.splitlines(True)
            carry = carry[:0]
            end = ("\n", "\r") if encoding else (b"\n", b"\r")
            if delimiter or (lines and not lines[-1].endswith(end)):
                carry = lines.pop()
            for line in lines:
                yield line if delimiter else line.splitlines()[0]
        if carry:
            yield carry

    def events(self):
        fields, last_id = {"data": []}, ""
        for line in self.lines("utf-8"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                if fields["data"]:
                    yield Event(fields.get("event") or "message", "\n".join(fields["data"]),
                                last_id, fields.get("retry"))
                fields = {"data": []}
            elif name == "data":
                fields["data"].append(value)
            elif name == "id":
                last_id = value
            elif name == "retry" and value.isdigit():
                fields["retry"] = int(value)
            elif name == "event":
                fields["event"] = value

    def close(self, aborted=False):
        if self._answer is not None:
            self._end(False)

    __del__ = close
