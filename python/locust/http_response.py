"""The response of HttpSession: what requests.Response offers, over the engine's response."""

import json as json_module
from datetime import timedelta
from http.client import responses as phrases
from urllib.parse import urldefrag, urljoin

from locust import http_text
from locust.exception import LocustError
from locust.http_cookies import cookies_set_by
from locust.http_errors import status_error
from locust.http_exceptions import JSONDecodeError, StreamConsumedError, requests
from locust.http_headers import unpacked
from locust.http_report import NEEDS_CATCH
from locust.http_request import SentRequest
from locust.http_structures import AnswerHeaders, CaseInsensitiveDict, text_of
from locust.http_url import target_of

REDIRECTS = frozenset((301, 302, 303, 307, 308))
DROPPING = frozenset((301, 302, 303))  # what follows has no body
_UNREAD = object()  # the content was not asked for yet


class Raw:
    """response.raw: the decoded body, read by hand."""

    __slots__ = ("_native",)

    def __init__(self, native):
        self._native = native

    status = property(lambda self: self._native.status)
    reason = property(lambda self: self._native.reason)
    headers = property(lambda self: AnswerHeaders(self._native.headers))
    version = 11
    closed = property(lambda self: not self._native.is_open and not self._native.buffered)

    def read(self, amt=None, decode_content=None, cache_content=False):
        """All that is left, or `amt` bytes unless the body ends before."""
        pieces, left = [], amt
        while left is None or left > 0:
            piece = self._native.read(-1 if left is None else left)
            if not piece:
                break
            pieces.append(piece)
            left = None if left is None else left - len(piece)
        return b"".join(pieces)

    def stream(self, amt=65536, decode_content=None):
        return iter(lambda: self._native.read(amt or -1), b"")

    def isclosed(self):
        return self.closed

    def close(self):
        self._native.close()

    release_conn = close


class Hop:
    """The engine's side of a response that was a redirect: a status, a head, no body."""

    __slots__ = ("status", "url", "headers", "history", "content")
    elapsed = total = 0.0
    is_open = False
    buffered = 0
    error = audit = None

    def __init__(self, status, url, headers):
        self.status = status
        self.url = url
        self.headers = headers
        self.history = []
        self.content = b""

    reason = property(lambda self: phrases.get(self.status, ""))

    def read(self, most=-1):
        return b""

    def close(self, aborted=False):
        """There is nothing to close."""


def last_url(native, asked):
    """The URL that answered, with the fragment that was named last."""
    if not native.history:
        return asked
    fragment = urldefrag(asked).fragment
    for status, _, headers in native.history:
        if status in REDIRECTS:
            fragment = urldefrag(headers["location"]).fragment or fragment
    return native.url + (f"#{fragment}" if fragment else "")


def _is_of_a_body(name):
    return name.startswith(("content-", "transfer-"))


def request_behind(sent, method, url, hops):
    """The request that follows these hops; the engine has said its method and URL."""
    pairs, body = sent.pairs, sent.body
    if any(status in DROPPING for status, _, _ in hops):
        pairs, body = [pair for pair in pairs if not _is_of_a_body(text_of(pair[0]).lower())], None
    request = SentRequest(method, url, pairs, body)
    request.keep_cookies(*sent.kept_cookies)
    return request


class LocustResponse(requests.Response if requests is not None else object):
    """One answer, or with status 0 the lack of one."""

    __slots__ = ("_native", "_content", "_encoding", "_is_consumed", "_cookies", "_failure",
                 "_history", "_sent", "status_code", "url"
                 ) + (("__weakref__",) if requests is None else ())

    connection = None  # the engine's own affair

    # Not the parent's __init__: an open stream pays for what a script touches, no more.
    def __init__(self, native, request, failure=None):  # pylint: disable=super-init-not-called
        self._native = native
        self._sent = request
        self._failure = failure
        self._content = _UNREAD
        self._is_consumed = False
        if failure is not None:
            self.status_code = 0
            self.url = self._asked_url()
        else:
            self.status_code = native.status
            self.url = last_url(native, self._asked_url())

    def _asked_url(self):
        return self._sent[1] if isinstance(self._sent, tuple) else self._sent.url

    def __getstate__(self):
        return {"_content": self.content, "status_code": self.status_code, "url": self.url,
                "headers": dict(self.headers), "encoding": self.encoding}

    def __setstate__(self, state):
        native = Hop(state["status_code"], state["url"], CaseInsensitiveDict(state["headers"]))
        LocustResponse.__init__(self, native, SentRequest(None, state["url"]))
        self._content = state["_content"]
        self.encoding = state["encoding"]

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()

    def __repr__(self):
        return f"<Response [{self.status_code}]>"

    def __bool__(self):
        return self.ok

    __nonzero__ = __bool__

    def __iter__(self):
        return self.iter_content(128)

    # The head.

    @property
    def error(self):
        """What requests would have raised; None where there is an answer."""
        return self._failure.error if self._failure is not None else None

    @property
    def headers(self):
        """Those of the answer; a copy() of them can be changed."""
        return AnswerHeaders(self._native.headers) if self._failure is None else \
            CaseInsensitiveDict()

    def _header(self, name):
        return self._native.headers.get(name) if self._failure is None else None

    @property
    def reason(self):
        return self._native.reason if self._failure is None else None

    @property
    def ok(self):
        return self._failure is None and not 400 <= self.status_code < 600

    def _fault(self, name):
        """What its row reports when nobody says otherwise; None: a success. Not raised, so that it
        holds no frames, and with `name` for a URL, so that one name gives one error."""
        if self._failure is not None:
            return self._failure.root
        if self.status_code < 400:
            return None
        return status_error(self.status_code, self.reason, name, self)

    def raise_for_status(self):
        if self._failure is not None:
            raise self._failure.error
        error = status_error(self.status_code, self.reason, self.url, self)
        if error is not None:
            raise error

    @property
    def request(self):
        """The request that this answers: behind redirects not the one that was asked for."""
        sent = self._sent = unpacked(self._sent)
        hops = self._native.history if self._failure is None else ()
        if hops:
            sent = request_behind(sent, self._native.method, self.url, hops)
        return sent.complete()

    @property
    def is_redirect(self):
        return self._header("location") is not None and self.status_code in REDIRECTS

    @property
    def is_permanent_redirect(self):
        return self._header("location") is not None and self.status_code in (301, 308)

    @property
    def history(self):
        """Responses that led to this one, redirects and challenges, first first."""
        if hasattr(self, "_history"):
            return self._history
        found, hops = [], self._native.history if self._failure is None else ()
        sent = self._sent = unpacked(self._sent)
        method = sent.method
        for status, url, headers in hops:
            request = request_behind(sent, method, url, hops[:len(found)]) if found else sent
            found.append(LocustResponse(Hop(status, url, headers), request))
            if status in DROPPING:  # if one changed the method, the first
                method = self._native.method
        return found

    @history.setter
    def history(self, history):
        self._history = history

    @property
    def next(self):
        """The request that this redirect asks for; None where it is none."""
        if requests is None or not self.is_redirect:
            return None
        url = target_of(urljoin(self.url, self._header("location"))).url
        sent, turned = self.request, SentRequest(self.request.method, url)
        requests.sessions.SessionRedirectMixin().rebuild_method(turned, self)
        return request_behind(sent, turned.method, url, [(self.status_code, url, None)])

    @property
    def elapsed(self):
        return timedelta(seconds=self._native.elapsed if self._failure is None else 0)

    @property
    def links(self):
        return http_text.links_of(self._header("link"))

    @property
    def cookies(self):
        """Cookies that this response set."""
        try:
            return self._cookies
        except AttributeError:
            headers = self._native.headers if self._failure is None else None
            self._cookies = cookies_set_by(self.url, headers)
            return self._cookies

    # The body.

    @property
    def encoding(self):
        try:
            return self._encoding
        except AttributeError:
            return http_text.declared_encoding(self._header("content-type"))

    @encoding.setter
    def encoding(self, encoding):
        self._encoding = encoding

    @property
    def apparent_encoding(self):
        return http_text.guessed_encoding(self.content or b"")

    @property
    def content(self):
        """The whole body; waits for it. None where there is no answer."""
        if self._content is _UNREAD:
            if self._failure is not None:
                self._content = None
            elif self._is_used_up():
                raise RuntimeError("The content for this response was already consumed")
            else:
                self._content = self._native.content
        return self._content

    @property
    def text(self):
        content = self.content
        if not content:
            return ""
        return http_text.decoded_text(content, self.encoding or self.apparent_encoding)

    def json(self, **kwargs):
        content = self.content
        encoding = self.encoding
        if content and encoding is None:
            encoding = http_text.json_encoding(content)
        try:
            text = content.decode(encoding) if content else ""
        except (UnicodeDecodeError, LookupError):
            text = self.text
        try:
            return json_module.loads(text, **kwargs)
        except json_module.JSONDecodeError as error:
            raise JSONDecodeError(error.msg, error.doc, error.pos) from None

    @property
    def raw(self):
        return Raw(self._native) if self._failure is None else None

    def _is_used_up(self):
        return self._is_consumed and not (self._native.is_open or self._native.buffered)

    def _consume(self):
        """Bytes are about to be taken from the engine; says whether there are any to take."""
        if self._failure is not None:
            return False
        if self._is_used_up():
            raise StreamConsumedError()
        self._is_consumed = True
        return True

    def iter_content(self, chunk_size=1, decode_unicode=False):
        """The body in pieces of at most `chunk_size` bytes, as they arrive."""
        if chunk_size is not None and not isinstance(chunk_size, int):
            raise TypeError(f"chunk_size must be an int, it is instead a {type(chunk_size)}.")
        if self._content is not _UNREAD:
            pieces = http_text.slices(self._content, chunk_size)
        elif self._consume():
            native, most = self._native, chunk_size or -1
            pieces = iter(lambda: native.read(most), b"")
        else:
            return iter(())
        encoding = self.encoding if decode_unicode else None
        return pieces if encoding is None else http_text.decoded_pieces(pieces, encoding)

    def iter_lines(self, chunk_size=512, decode_unicode=False, delimiter=None):
        """Lines as they arrive: the engine's own iterator, but for encodings it does not have."""
        encoding = self.encoding if decode_unicode else None
        known = http_text.engine_encoding(encoding) if encoding is not None else None
        if self._content is not _UNREAD or (encoding is not None and known is None):
            return http_text.split_lines(self.iter_content(chunk_size, decode_unicode), delimiter)
        return self._native.lines(known, delimiter) if self._consume() else iter(())

    def iter_events(self):
        """Events as the standard for text/event-stream has them, as they arrive."""
        return self._native.events() if self._consume() else iter(())

    @property
    def audit(self):
        """What was found about the events of the stream so far; None where it is no event stream."""
        return self._native.audit if self._native is not None else None

    def close(self):
        """Ends the stream; what was not read is lost."""
        if self._failure is None:
            self._native.close()

    def success(self):
        raise LocustError(NEEDS_CATCH)

    def failure(self, exc=None):
        raise LocustError(NEEDS_CATCH)
