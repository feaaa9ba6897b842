"""Header lines of a request: those that each has, those of a session, those of one call."""

import re

import _cicada

from locust.http_exceptions import InvalidHeader
from locust.http_request import SentRequest
from locust.http_structures import spelled

AGENT = f"cicada/{_cicada.__version__}"
DEFAULTS = {
    "User-Agent": AGENT,
    "Accept-Encoding": "gzip, deflate, br",
    "Accept": "*/*",
    "Connection": "keep-alive",
}
_SPELLED = spelled(DEFAULTS)
_is_value = re.compile(r"\S[^\r\n]*|", re.S).fullmatch
_is_bytes_value = re.compile(rb"\S[^\r\n]*|", re.S).fullmatch


def _check(name, value):
    for part in (name, value):
        if not isinstance(part, (str, bytes)):
            raise InvalidHeader(f"Header part ({part!r}) from {{{name!r}: {value!r}}} must be of "
                                f"type str or bytes, not {type(part)}")
        if not (_is_value if isinstance(part, str) else _is_bytes_value)(part):
            raise InvalidHeader("Invalid leading whitespace, reserved character(s), or return "
                                f"character(s) in header value: {part!r}")


def merged_headers(session_headers, headers):
    """Headers of the session with those of one request over them, spelled; None takes one off.

    `session_headers` is None where nobody has touched them.
    """
    merged = dict(_SPELLED) if session_headers is None else spelled(session_headers)
    if headers:
        merged.update(spelled(headers))
    if session_headers is not None or headers:
        for lower, (name, value) in list(merged.items()):
            if value is None:
                del merged[lower]
            elif merged[lower] is not _SPELLED.get(lower):
                _check(name, value)
    if "accept-encoding" not in merged:
        return {"accept-encoding": ("Accept-Encoding", "identity"), **merged}
    return merged


def packed(request):
    """A request in one tuple, for as long as a stream is open and nobody asks for it: method, URL,
    body, and of the headers what is not in each request. One that is no plain one stays."""
    pairs = request.pairs
    if request.has_hooks or [name.lower() for name, _ in pairs[:len(_SPELLED)]] != list(_SPELLED):
        return request
    known = _SPELLED.values()
    own = [part for pair in pairs if pair not in known for part in pair]
    return (request.method, request.url, request.body, *own)


def unpacked(sent):
    """The request again."""
    if not isinstance(sent, tuple):
        return sent
    method, url, body, *own = sent
    merged = {**_SPELLED, **spelled(dict(zip(own[::2], own[1::2])))}
    return SentRequest(method, url, tuple(merged.values()), body)
