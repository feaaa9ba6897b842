"""Transport adapters that scripts mount: what they add to a request and how often it is retried.

The engine does what adapters do with connections, so one that changes that is refused at mount().
"""

from locust import http_errors
from locust.http_exceptions import RetryError, requests

if requests is not None:
    from requests.adapters import HTTPAdapter
    from urllib3 import exceptions as causes
else:
    HTTPAdapter = None

_HONOURED = frozenset(("add_headers", "close"))
_REFUSED = (
    "mount({prefix!r}, {kind}) is not supported: its own {names} would not be called, since "
    "cicada's engine is what sends. add_headers() and max_retries= of an adapter are honoured")


def default_adapters():
    """(prefix, adapter) as each session has them."""
    make = HTTPAdapter or (lambda: None)
    return [("https://", make()), ("http://", make())]


def refuse(prefix, adapter):
    """Raises NotImplementedError where `adapter` does what cannot be honoured."""
    if prefix and not prefix.lower().startswith("http"):
        return  # of a scheme that no request can have
    kind = type(adapter)
    if HTTPAdapter is None or not isinstance(adapter, HTTPAdapter):
        names = ["send"]
    else:
        names = [name for name in dir(HTTPAdapter)
                 if not name.startswith("__") and callable(getattr(HTTPAdapter, name))
                 and name not in _HONOURED
                 and getattr(kind, name) is not getattr(HTTPAdapter, name)]
    if names:
        raise NotImplementedError(_REFUSED.format(
            prefix=prefix, kind=kind.__name__, names=", ".join(f"{name}()" for name in names)))


def add_headers(adapter, request, **settings):
    """Lets an adapter change the request."""
    if HTTPAdapter is None or type(adapter).add_headers is HTTPAdapter.add_headers:
        return
    adapter.add_headers(request, **settings)
    request.pairs = tuple(request.headers.items())


class _Answer:
    """What a Retry looks at of an answer."""

    def __init__(self, native):
        self.status = native.status
        self.headers = native.headers

    def getheader(self, name, default=None):
        return self.headers.get(name, default)

    def get_redirect_location(self):
        return False  # redirects are followed already


def _cause(native, pool):
    """The error of a request without an answer, of the kinds that a Retry tells apart."""
    kind, message = native.error
    if kind in ("connect_refused", "connect_timeout", "dns", "unreachable"):
        return causes.ConnectTimeoutError(message)
    if kind in ("timeout_headers", "timeout_read"):
        return causes.ReadTimeoutError(pool, None, message)
    return causes.SSLError(message) if kind == "tls" else causes.ProtocolError(message)


def sent_with_retries(adapter, send, method, target):
    """What the last `send()` gave, repeated as the adapter's Retry says; raises RetryError."""
    retries = getattr(adapter, "max_retries", None)
    pool = http_errors.pool_text(*target.pool_key)
    while True:
        native = send()
        if not retries:
            return native
        known, answer = {"error": None}, None
        if native.status == 0:
            if native.error is None or native.history:
                return native
            known = {"error": _cause(native, pool)}
        else:
            answer = _Answer(native)
            if not retries.is_retry(method, native.status, "retry-after" in native.headers):
                return native
            known = {"response": answer}
        try:
            retries = retries.increment(method, target.path_url, _pool=pool, **known)
        except causes.HTTPError as error:
            if answer is None or not retries.raise_on_status:
                return native
            native.close()
            raise RetryError(error) from None
        native.close()
        retries.sleep(answer)
