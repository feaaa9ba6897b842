"""HttpSession: what `self.client` of an HttpUser is.

Used like a requests.Session, and an instance of it where requests is installed, but nothing of
that is made: cookies, connections and waiting are the engine's. A user pays for what it touches.
"""

import time
import weakref
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from locust.exception import CatchResponseError, LocustError, ResponseError
from locust.http_auth import HTTPBasicAuth
from locust.http_response import LocustResponse
from locust.http_session import SessionSettings
from locust.http_url import is_absolute

__all__ = ["HttpSession", "LocustResponse", "ResponseContextManager"]

_OUTSIDE_WITH = (
    "success() and failure() decide about a request inside its with block: write "
    "`with self.client.get(..., catch_response=True) as response:` and call them there")


class RequestMeta(dict):
    """What will be reported about a request. Knows its response without holding it."""

    __slots__ = ("_owner",)

    def __init__(self, owner, **values):
        super().__init__(values)
        self._owner = owner

    def __missing__(self, name):
        if name == "response":
            return self._owner()
        raise KeyError(name)

    def __contains__(self, name):
        return name == "response" or super().__contains__(name)

    def get(self, name, default=None):
        return self[name] if name in self else default


class ResponseContextManager(LocustResponse):
    """The response of a request with catch_response=True: reported when its with block is left.

    Leaving the block also closes a stream.
    """

    __slots__ = ("request_meta", "_request_event", "_manual_result", "_entered")

    def _watch(self, request_event, request_meta):
        self._request_event = request_event
        self.request_meta = request_meta
        self._manual_result = None
        self._entered = False

    def __enter__(self):
        self._entered = True
        return self

    def __exit__(self, kind, value, traceback):
        try:
            return self._conclude(value)
        finally:
            self.close()

    def _conclude(self, raised):
        manual = self._manual_result
        if manual is not None:
            self.request_meta["exception"] = None if manual is True else manual
        elif raised is None:
            self.request_meta["exception"] = self._fault(self.request_meta["name"])
        elif isinstance(raised, ResponseError):
            self.request_meta["exception"] = raised
        else:
            return False
        self._report_request()
        return raised is None or manual is None

    def _report_request(self):
        self._request_event.fire(**{**self.request_meta, "response": self})

    def success(self):
        """Whatever the status says: a success."""
        if not self._entered:
            raise LocustError(_OUTSIDE_WITH)
        self._manual_result = True

    def failure(self, exc):
        """A failure; `exc` is an exception, or a text that says why."""
        if not self._entered:
            raise LocustError(_OUTSIDE_WITH)
        self._manual_result = exc if isinstance(exc, Exception) else CatchResponseError(exc)


class HttpSession(SessionSettings):
    """A user's way to the service: requests, each reported as one row.

    Paths are appended to `base_url` as they stand; a URL with http:// or https:// goes where it
    says. `request_event` is the hook that hears of each request, `user` may be None.
    """

    # Not the parent's __init__: it builds adapters, a pool and a jar for each user.
    def __init__(self, base_url, request_event, user, *, pool_manager=None):
        # pylint: disable=super-init-not-called
        self.base_url = base_url
        self.request_event = request_event
        self.user = user
        if base_url and "@" in base_url:
            self._take_credentials()

    def _take_credentials(self):
        parts = urlsplit(self.base_url)
        if parts.username and parts.password:
            netloc = parts.netloc.rpartition("@")[2]
            self.base_url = urlunsplit(parts._replace(netloc=netloc))
            self.auth = HTTPBasicAuth(parts.username, parts.password)

    def _build_url(self, path):
        return path if is_absolute(path) else f"{self.base_url}{path}"

    @contextmanager
    def rename_request(self, name):
        """Requests inside the with block are reported as `name`."""
        self.request_name = name
        try:
            yield
        finally:
            self.request_name = None

    def get(self, url, **kwargs):
        return self.request("GET", url, **kwargs)

    def options(self, url, **kwargs):
        return self.request("OPTIONS", url, **kwargs)

    def head(self, url, **kwargs):
        """Unlike the others does not follow redirects unless told to."""
        kwargs.setdefault("allow_redirects", False)
        return self.request("HEAD", url, **kwargs)

    def post(self, url, data=None, json=None, **kwargs):
        return self.request("POST", url, data=data, json=json, **kwargs)

    def put(self, url, data=None, **kwargs):
        return self.request("PUT", url, data=data, **kwargs)

    def patch(self, url, data=None, **kwargs):
        return self.request("PATCH", url, data=data, **kwargs)

    def delete(self, url, **kwargs):
        return self.request("DELETE", url, **kwargs)

    def request(self, method, url, name=None, catch_response=False, context=None, *, stream=None,
                hooks=None, **kwargs):
        """Sends a request and returns its response. See the stub file for all arguments.

        `name` groups rows. With `catch_response` the response is for a with block, whose
        success() and failure() decide about the row. `context` goes to the listeners.
        """
        name = name or self.request_name
        url = self._build_url(url)
        stream = self.stream if stream is None else stream
        start_time, began = time.time(), time.perf_counter()
        kind = ResponseContextManager if catch_response else LocustResponse
        response = self._ask(kind, method, url, name, stream, **kwargs)
        response_time = (time.perf_counter() - began) * 1000
        length = 0
        if response._failure is None:
            native = response._native
            response_time = (native.elapsed if stream else native.total) * 1000
            if stream:
                length = int(native.headers.get("content-length") or 0)
            else:
                length = len(native.content)
                response._content = native.content
        if hooks or self._hooks or response._sent.has_hooks:
            response = self._call_hooks(hooks, response, kwargs)
        if self.user:
            context = {**self.user.context(), **(context or {})}
        sent = response._sent
        meta = RequestMeta(
            weakref.ref(response), request_type=method, name=name or sent.path_url,
            response_time=response_time, response_length=length, exception=None,
            context=context or {}, start_time=start_time, url=sent.url)
        if catch_response:
            response._watch(self.request_event, meta)
        else:
            meta["exception"] = response._fault(meta["name"])
            self.request_event.fire(**meta, response=response)
        return response

    def _call_hooks(self, hooks, response, kwargs):
        """Those of the session, of the request and of its credentials, in this order."""
        sources = [self._hooks, hooks]
        if response._sent.has_hooks:
            sources.append(response._sent.hooks)
        for source in sources:
            found = (source or {}).get("response") or ()
            for hook in (found,) if callable(found) else tuple(found):
                result = hook(response, **kwargs)
                response = response if result is None else result
        return response
