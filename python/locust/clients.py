"""HttpSession: what `self.client` of an HttpUser is.

Used like a requests.Session, and an instance of it where requests is installed, but nothing of
that is made: cookies, connections and waiting are the engine's. A user pays for what it touches.
"""

import time
from contextlib import contextmanager

from locust._missing import absent
from locust.http_auth import HTTPBasicAuth
from locust.http_report import REPORTED_SLOTS, Reported, Row, report, row_of_stream
from locust.http_response import LocustResponse
from locust.http_session import SessionSettings
from locust.http_sse import EventSource
from locust.http_url import is_absolute, without_credentials

__all__ = ["HttpSession", "LocustResponse", "ResponseContextManager"]

class ResponseContextManager(Reported, LocustResponse):
    """The response of a request with catch_response=True: reported when its with block is left.

    Leaving the block also closes a stream.
    """

    __slots__ = REPORTED_SLOTS


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
        # Also what comes later: attributes of all sessions in one order share their names.
        self.trust_env = True
        self._body_errors = self._engine_client = None
        if base_url and "@" in base_url:
            self._take_credentials()

    def _take_credentials(self):
        self.base_url, user, password = without_credentials(self.base_url)
        if user:
            self.auth = HTTPBasicAuth(user, password)

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

    def send(self, request, *, stream=None, **kwargs):
        """Sends a prepared request of `requests`; raises what it fails with, and is no row."""
        headers = {**dict.fromkeys(self.headers), **request.headers}
        headers.pop("Cookie", None)  # the engine has the same
        stream = self.stream if stream is None else stream
        response, _, _ = self._ask(
            LocustResponse, request.method, request.url, None, stream, headers=headers,
            data=request.body, auth=(), params=(), **kwargs)
        if response.error is not None:
            raise response.error
        if not stream:
            response._content = response._native.content
        return response

    def sse(self, url, *, until=None, timeout=None, reconnect=False, last_event_id=None,
            headers=None, name=None, duration=None, method="GET", **kwargs):
        """The events of a stream, to iterate over; cicada's own addition to Locust.

        until: the last event: how many, the name of its type, or a function that knows it
        timeout: longest silence in seconds, or (connect, silence)
        reconnect: True, or how often: ask again with Last-Event-ID when the stream ends
        last_event_id: where an earlier stream ended
        duration: seconds after which there are no more events
        Other arguments are those of request(). See EventSource for rows and errors.
        """
        return EventSource(
            self, url, until=until, timeout=timeout, reconnect=reconnect,
            last_event_id=last_event_id, headers=headers, name=name, duration=duration,
            method=method, **kwargs)

    def request(self, method, url, name=None, catch_response=False, context=None, *, stream=None,
                hooks=None, **kwargs):
        """Sends a request and returns its response. See the stub file for all arguments.

        `name` groups rows. With `catch_response` the response is for a with block, whose
        success() and failure() decide about the row. `context` goes to the listeners.
        """
        name = name or self.request_name
        if name and not isinstance(name, str):
            name = str(name)
        url = self._build_url(url)
        stream = self.stream if stream is None else stream
        start_time, began = time.time(), time.perf_counter()
        kind = ResponseContextManager if catch_response else LocustResponse
        response, path_url, own_hooks = self._ask(kind, method, url, name, stream, **kwargs)
        response_time = (time.perf_counter() - began) * 1000
        if own_hooks or hooks or self._hooks:
            of_request = hooks if hooks and hooks.get("response") else self._hooks
            response = call_hooks((own_hooks, of_request), response,
                                  self._settings_for_hooks(stream, **kwargs))
        if self.user:
            context = {**self.user.context(), **context} if context else self.user.context()
        context, named = context or None, name or path_url
        row = None  # a stream has one when it is needed
        if response._failure is not None:
            row = Row(method, named, response_time, 0, context, start_time, response._asked_url())
        elif not stream:
            row = Row(method, named, response._native.total * 1000, len(response.content), context,
                      start_time, response._asked_url())
        if catch_response:
            response._watch(self.request_event, method, named, context, row)
        else:
            row = row or row_of_stream(response, method, named, context)
            report(self.request_event, row, response, response._fault(name or response.url))
        return response


def call_hooks(sources, response, kwargs):
    """Calls what `sources` have for a response; what a hook gives takes the response's place."""
    for source in sources:
        found = (source or {}).get("response") or ()
        for hook in (found,) if callable(found) else tuple(found):
            result = hook(response, **kwargs)
            response = response if result is None else result
    return response


__getattr__ = absent(__name__, {"LocustHttpAdapter": "the engine keeps the connections"})
