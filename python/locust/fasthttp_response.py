"""The response of FastHttpSession: a smaller surface than that of requests."""

import json as json_module

from locust.exception import LocustError
from locust.http_report import NEEDS_CATCH, REPORTED_SLOTS, Reported
from locust.http_request import SentRequest
from locust.http_response import Raw
from locust.http_structures import AnswerHeaders
from locust.http_text import declared_encoding, engine_encoding, split_lines

VALID_STATUSES = frozenset((*range(200, 209), 226, 301, 302, 303, 304, 307))
BLOCK_BYTES = 4096


class _AskError(Exception):
    """A request that failed, with the URL in front and what is known behind."""

    def __init__(self, url, *args, **known):
        super().__init__(url, *args)
        self.url = url
        self.__dict__.update(known)
        self._known = ", ".join(f"{name}={value}" for name, value in known.items())

    def __str__(self):
        return f"URL {self.url}" + (f": {self._known}" if self._known else "")

    def __repr__(self):
        text = super().__repr__()
        return f"{text[:-1]}, {self._known})" if self._known else text


class BadStatusCode(_AskError):
    """An answer whose status counts as a failure."""


class RetriesExceeded(_AskError):
    """No answer in time, or too many redirects."""


class BodyStream(Raw):
    """response.stream: the body, read as it comes."""

    __slots__ = ("_rest",)

    def __init__(self, native):
        super().__init__(native)
        self._rest = b""

    def read(self, length=None, *_unused):
        """All that is left, or `length` bytes unless the body ends before."""
        first, self._rest = self._rest, b""
        if length is None:
            return first + super().read()
        if len(first) < length:
            return first + super().read(length - len(first))
        self._rest = first[length:]
        return first[:length]

    def readline(self, sep=b"\r\n"):
        """Up to the next `sep`, and it; b"" where the body ends without one."""
        line, searched = self._rest, 0
        while (at := line.find(sep, searched)) < 0:
            searched = max(len(line) - len(sep) + 1, 0)
            piece = self._native.read()
            if not piece:
                self._rest = b""
                return b""
            line += piece
        at += len(sep)
        self._rest = line[at:]
        return line[:at]

    def __iter__(self):
        return self

    def __next__(self):
        piece = self.read(BLOCK_BYTES)
        if not piece:
            raise StopIteration
        return piece

    def release(self):
        self._native.close()


class FastHeaders(AnswerHeaders):
    """Names in lower case; a name that came more than once has a list of values."""

    __slots__ = ()

    def __getitem__(self, name):
        values = self._lines.get_all(name)
        if not values:
            raise KeyError(name.lower())
        return values if len(values) > 1 else values[0]

    def __iter__(self):
        return (name.lower() for name in self._lines)

    def get(self, name, default=None):
        return self[name] if name in self._lines else default

    def items(self):
        return [(name, value) for name in self for value in self._lines.get_all(name)]


class FastResponse:
    """One answer, or with status 0 the lack of one: then headers, content and text are None."""

    __slots__ = ("_native", "_error", "_content", "_stream", "_url", "request", "status_code",
                 "encoding", "__weakref__")

    def __init__(self, native, request, error=None):
        self._native = native
        self._error = error
        self._content = self._stream = None
        self._url = request.url
        if native is not None and native.history:
            request = SentRequest(native.method, native.url, request.pairs,
                                  request.body if native.method == request.method else None)
        self.request = request
        self.encoding = None
        self.status_code = native.status if native is not None else 0

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()

    def __len__(self):
        return int(self._header("content-length") or len(self.content or b""))

    def __bool__(self):
        return True

    def __repr__(self):
        return f"<{type(self).__name__} {self.status_code} {self.url}>"

    @property
    def url(self):
        """The URL that answered; behind redirects the last one."""
        return self.request.url

    @property
    def status(self):
        return str(self.status_code)

    @property
    def ok(self):
        return self._native is not None and self.status_code < 400

    @property
    def error(self):
        """Why the request counts as failed; None: it does not."""
        if self._error is None and self.status_code not in VALID_STATUSES:
            self._error = BadStatusCode(self.url, code=self.status_code)
        return self._error

    def _asked_url(self):
        return self._url

    def _fault(self, _name):
        return self.error

    def raise_for_status(self):
        if self.error is not None:
            raise self.error

    @property
    def headers(self):
        return FastHeaders(self._native.headers) if self._native is not None else None

    def _header(self, name):
        return self._native.headers.get(name) if self._native is not None else None

    def info(self):
        return self.headers

    @property
    def content(self):
        """The whole body; waits for it."""
        if self._content is None and self._native is not None:
            self._content = self.stream.read()
        return self._content

    @property
    def text(self):
        content = self.content
        if content is None:
            return None
        if self.encoding is None:
            kind = self._header("content-type") or ""
            self.encoding = kind.partition("charset=")[2].strip('" ') or "utf-8"
        return str(content, self.encoding, errors="replace")

    def json(self):
        return json_module.loads(self.text)

    @property
    def stream(self):
        """The body as it comes: read(n), readline(), a loop over blocks."""
        if self._stream is None and self._native is not None:
            self._stream = BodyStream(self._native)
        return self._stream

    def read(self, n=None):
        return self.stream.read(n)

    def readline(self):
        return self.stream.readline()

    def iter_lines(self, decode_unicode=True, delimiter=None):
        """Lines as they arrive; the engine's own iterator, but for encodings it does not have."""
        if self._native is None:
            return iter(())
        encoding = None
        if decode_unicode:
            declared = declared_encoding(self._header("content-type"))
            encoding = self.encoding or declared or "utf-8"
        known = engine_encoding(encoding) if encoding else None
        if self._content is None and (encoding is None or known):
            return self._native.lines(known, delimiter)
        content = self.content
        return split_lines([str(content, encoding, "replace") if encoding else content], delimiter)

    @property
    def audit(self):
        """What was found about the events of the stream so far; None where it is no event stream."""
        return self._native.audit if self._native is not None else None

    def iter_events(self):
        """Events as the standard for text/event-stream has them, as they arrive."""
        return self._native.events() if self._native is not None else iter(())

    def close(self):
        """Ends the stream; what was not read is lost."""
        if self._native is not None:
            self._native.close()

    release = close

    def success(self):
        raise LocustError(NEEDS_CATCH)

    def failure(self, exc=None):
        raise LocustError(NEEDS_CATCH)


class ErrorResponse(FastResponse):
    """The lack of an answer, under the name that scripts know."""

    __slots__ = ()


class ResponseContextManager(Reported, FastResponse):
    """The response of a request with catch_response=True: reported when its with block is left."""

    __slots__ = REPORTED_SLOTS


class RestResponseContextManager(ResponseContextManager):
    """What FastHttpUser.rest() gives: `js` is the JSON document of the response, or None."""

    __slots__ = ("js",)
