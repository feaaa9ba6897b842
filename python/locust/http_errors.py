"""From the engine's error classes to the exceptions that requests raises, and their texts."""

import errno
import os
import re
import socket
import ssl
from http.client import RemoteDisconnected

from locust.http_exceptions import (ChunkedEncodingError, ConnectionError, ConnectTimeout,
                                    ContentDecodingError, HTTPError, ProxyError, ReadTimeout,
                                    SSLError)

_NO_NAME = "Name or service not known"
_UNREACHABLE = {
    "network is unreachable": errno.ENETUNREACH,
    "no route to host": errno.EHOSTUNREACH,
}


def _os_error(number):
    return OSError(number, os.strerror(number))  # becomes ConnectionRefusedError and the like


def _unreachable_error(message):
    for text, number in _UNREACHABLE.items():
        if text in message.lower():
            return _os_error(number)
    found = re.search(r"errno (\d+)", message)
    return _os_error(int(found.group(1))) if found else OSError(message)


def _tls_error(message):
    is_certificate = re.search(r"certificate|host ?name|self.signed", message, re.I)
    kind = ssl.SSLCertVerificationError if is_certificate else ssl.SSLError
    return kind(1, message)


def _root_of(kind, message):
    """The innermost error of a connection, as the operating system and Python name it."""
    if kind == "connect_refused":
        return _os_error(errno.ECONNREFUSED)
    if kind == "reset":
        return _os_error(errno.ECONNRESET)
    if kind == "dns":
        return socket.gaierror(socket.EAI_NONAME, _NO_NAME)
    if kind == "unreachable":
        return _unreachable_error(message)
    if kind == "tls":
        return _tls_error(message)
    if kind in ("closed", "closed_early"):
        return RemoteDisconnected("Remote end closed connection without response")
    return None


def _inner(name):
    """Errors of the library below requests; scripts meet them in texts alone."""
    return type(name, (Exception,), {"__module__": __name__})


_ReadTimeoutError = _inner("ReadTimeoutError")
_ConnectTimeoutError = _inner("ConnectTimeoutError")
_NewConnectionError = _inner("NewConnectionError")
_MaxRetryError = _inner("MaxRetryError")
_ProtocolError = _inner("ProtocolError")


def _too_often(pool, path, cause):
    return _MaxRetryError(f"{pool}: Max retries exceeded with url: {path} (Caused by {cause!r})")


def pool_text(is_tls, host, port):
    """How requests names a server in its messages."""
    return f"HTTP{'S' if is_tls else ''}ConnectionPool(host={host!r}, port={port})"


class Failure:
    """Why a request got no answer: `error` is what requests raises, `root` what is in a row."""

    __slots__ = ("error", "root")

    def __init__(self, error, root=None):
        self.error = error
        self.root = error if root is None else root
        if root is not None:
            error.__context__ = root


def _seconds(timeout):
    return f"{timeout:g}" if timeout is not None else "None"


def failure_before_head(kind, message, pool, path, timeouts):
    """An error of the engine before any head: `kind` is its class, `pool` of pool_text."""
    if kind in ("timeout_headers", "timeout_read"):
        return Failure(ReadTimeout(_ReadTimeoutError(
            f"{pool}: Read timed out. (read timeout={_seconds(timeouts[1])})")))
    if kind == "decode":
        return Failure(ContentDecodingError(message))
    if kind == "proxy":
        return Failure(ProxyError(message))
    if kind == "connect_timeout":
        host = pool.partition("host='")[2].partition("'")[0]
        root = _ConnectTimeoutError(
            f"Connection to {host} timed out. (connect timeout={_seconds(timeouts[0])})")
        return Failure(ConnectTimeout(_too_often(pool, path, root)), root)
    root = _root_of(kind, message)
    if kind in ("reset", "closed", "closed_early"):
        return Failure(ConnectionError(_ProtocolError("Connection aborted.", root)), root)
    if root is None:
        root = _ProtocolError("Connection aborted.", message)
        return Failure(ConnectionError(root), root)
    if kind == "tls":
        return Failure(SSLError(_too_often(pool, path, root)), root)
    cause = _NewConnectionError(f"Failed to establish a new connection: {root}")
    return Failure(ConnectionError(_too_often(pool, path, cause)), root)


def body_error(kind, message, pool):
    """An error of the engine while a body is read, as requests raises it from iter_lines."""
    if kind in ("timeout_read", "timeout_headers"):
        return ConnectionError(_ReadTimeoutError(f"{pool}: Read timed out."))
    if kind == "decode":
        return ContentDecodingError(message)
    if kind == "tls":
        return SSLError(message)
    if kind == "reset":
        root = _root_of(kind, message)
        return ChunkedEncodingError(_ProtocolError(f"Connection broken: {root!r}", root))
    return ChunkedEncodingError(_ProtocolError(f"Connection broken: {message}"))


class BodyErrors:
    """Given to the engine's client: makes the error of a body. Knows the server, not the user."""

    __slots__ = ("pool_key",)

    def __call__(self, kind, message, *_rest):
        return body_error(kind, message, pool_text(*self.pool_key))


def status_error(status, reason, url, response):
    """HTTPError for a status of 400 and more, else None; made, not raised: no traceback."""
    if not 400 <= status < 600:
        return None
    side = "Client" if status < 500 else "Server"
    return HTTPError(f"{status} {side} Error: {reason} for url: {url}", response=response)
