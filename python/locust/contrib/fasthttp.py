"""FastHttpUser: Locust's other HTTP user, with its own surface; the same engine as HttpUser's.

Scripts that use it run as they stand, and are about as fast as those of HttpUser here.
"""

import json as json_module
import logging
import re
import time
import traceback
from contextlib import contextmanager
from urllib.parse import urlencode

from locust import http_auth, http_cookies, http_errors
from locust._missing import absent
from locust.exception import LocustError
from locust.fasthttp_response import (BadStatusCode, ErrorResponse, FastResponse,
                                      ResponseContextManager, RestResponseContextManager,
                                      RetriesExceeded)
from locust.http_body import body_of, sent_bytes
from locust.http_report import Row, report, row_of_stream
from locust.http_request import SentRequest
from locust.http_headers import AGENT
from locust.http_session import new_client
from locust.http_sse import EventSource
from locust.http_structures import text_of
from locust.http_url import is_absolute, params_of, target_of, without_credentials
from locust.user.users import User

__all__ = ["BadStatusCode", "ErrorResponse", "FastHttpSession", "FastHttpUser", "FastResponse",
           "ResponseContextManager", "RestResponseContextManager", "RetriesExceeded"]

SHOWN_CHARS = 250  # of a response in the text of a failure
_logger = logging.getLogger(__name__)
_told_names = set()  # of arguments that mean nothing here, told about already


def _tell_unused(names):
    for name in names:
        if name not in _told_names:
            _told_names.add(name)
            _logger.warning("FastHttpUser makes nothing of the argument %s= of a request: it is "
                            "left out", name)


class FastHttpSession:
    """A user's way to the service: requests, each reported as one row."""

    auth_header = None

    def __init__(self, environment, base_url, user=None, insecure=True, client_pool=None,
                 ssl_context_factory=None, connection_timeout=60.0, network_timeout=60.0,
                 max_redirects=5, max_retries=1, default_headers=None, **_unused):
        if ssl_context_factory is not None:
            raise NotImplementedError(
                "ssl_context_factory is not supported: the engine makes its own TLS. Use "
                "insecure=False, or the options --cacert, --cert and --key of cicada run")
        self.environment = environment
        self.base_url = base_url
        self.user = user
        self.insecure = insecure
        self.connection_timeout = connection_timeout
        self.network_timeout = network_timeout
        self.max_redirects = max_redirects
        self.max_retries = max_retries
        self.default_headers = default_headers
        self._body_errors = self._engine_client = None
        if base_url and "@" in base_url:
            self._take_credentials()

    def _take_credentials(self):
        self.base_url, user, password = without_credentials(self.base_url)
        if user:
            self.auth_header = http_auth.basic(user, password)

    @property
    def _client(self):
        if self._engine_client is None:
            self._body_errors = http_errors.BodyErrors()
            self._engine_client = new_client(self._body_errors)
        return self._engine_client

    @property
    def cookiejar(self):
        """The user's cookies: a view that reads and writes."""
        return http_cookies.SessionCookies(self._client, {})

    @property
    def client(self):
        """Stands for Locust's user agent where scripts close it."""
        return self

    def close(self):
        if self._engine_client is not None:
            self._engine_client.close()

    def _build_url(self, path):
        return path if is_absolute(path) else f"{self.base_url}{path}"

    def _headers(self, headers, auth, data, json):
        """Header lines of one request by lower-case name, and its body."""
        merged = {"user-agent": ("User-Agent", AGENT)}
        for source in (self.default_headers, headers):
            merged.update((text_of(name).lower(), (name, value))
                          for name, value in (source or {}).items())
        if auth:
            merged["authorization"] = ("Authorization", http_auth.basic(*auth))
        elif self.auth_header:
            merged["authorization"] = ("Authorization", self.auth_header)
        merged.setdefault("accept-encoding", ("Accept-Encoding", "gzip, deflate, br"))
        kind = None
        if not data and json is not None:
            data = json_module.dumps(json)
            kind = "application/json"
            merged.setdefault("accept", ("Accept", "application/json"))
        elif isinstance(data, str):
            kind = "text/plain; charset=utf-8"
        elif isinstance(data, dict):
            kind = "application/x-www-form-urlencoded; charset=utf-8"
        elif data:
            kind = "application/octet-stream"
        return merged, data, kind

    def _ask(self, kind, method, url, name, stream, data, json, headers, auth, allow_redirects,
             params=None, files=None, timeout=None, **unused):
        if unused:
            _tell_unused(unused)
        target = target_of(url, params_of(None, params) if params else "")
        headers, data, content_type = self._headers(headers, auth, data, json)
        if isinstance(data, dict) and not files:
            data = urlencode(data)
        body = body_of(data, None, files)
        content_type = body.content_type if files else content_type
        if content_type and body.content is not None:
            headers.setdefault("content-type", ("Content-Type", content_type))
        pairs = [(text_of(key), str(text_of(value))) for key, value in headers.values()
                 if value is not None and text_of(key).lower() != "content-length"]
        request = SentRequest(method.upper(), url, pairs, body.content, target.path_url)
        limits = (self.connection_timeout, self.network_timeout) if timeout is None else (
            timeout if isinstance(timeout, tuple) else (timeout, timeout))
        redirects = max(self.max_redirects - 1, 0) if allow_redirects else 0
        client = self._client
        self._body_errors.pool_key = target.pool_key
        for attempt in range(max(self.max_retries, 1)):
            native = client.request(
                request.method, target.wire_url, pairs, sent_bytes(request.method, body.content),
                name=name, stream=stream, connect_timeout=limits[0], read_timeout=limits[1],
                max_redirects=redirects, verify=not self.insecure)
            if native.error is None:
                return kind(native, request)
            if "timeout" not in native.error[0]:
                break
        return kind(None, request, self._error_of(native, target, limits))

    def _error_of(self, native, target, limits):
        name, message = native.error
        if "redirects" in message and native.history:
            return RetriesExceeded(target.url, self.max_retries, original=message)
        if "timeout" in name:
            return RetriesExceeded(target.url, self.max_retries, original="timed out")
        pool = http_errors.pool_text(*target.pool_key)
        if native.status:
            return http_errors.body_error(name, message, pool)
        return http_errors.failure_before_head(name, message, pool, target.path_url, limits).root

    def request(self, method, url, name=None, data=None, catch_response=False, stream=False,
                headers=None, auth=None, json=None, allow_redirects=True, context=None, **kwargs):
        """Sends a request and returns its response; further arguments: params, files, timeout.
        Others are left out, with a warning.

        `name` groups rows. With `catch_response` the response is for a with block, whose
        success() and failure() decide about the row. `context` goes to the listeners.
        """
        kind = ResponseContextManager if catch_response else FastResponse
        return self._request(kind, method, url, name, data, stream, headers, auth, json,
                             allow_redirects, context, kwargs)

    def _request(self, kind, method, url, name, data, stream, headers, auth, json, allow_redirects,
                 context, kwargs):
        built_url = self._build_url(url)
        if name and not isinstance(name, str):
            name = str(name)
        start_time, began = time.time(), time.perf_counter()
        response = self._ask(kind, method, built_url, name or url, stream, data, json, headers,
                             auth, allow_redirects, **kwargs)
        response_time = (time.perf_counter() - began) * 1000
        if self.user:
            context = {**self.user.context(), **context} if context else self.user.context()
        context, named = context or None, name or url
        row = None  # a stream has one when it is needed
        if response._native is None:
            row = Row(method, named, response_time, 0, context, start_time, built_url)
        elif not stream:
            response._content = response._native.content
            row = Row(method, named, response._native.total * 1000, len(response._content),
                      context, start_time, built_url)
        event = self.environment.events.request
        if kind is FastResponse:
            row = row or row_of_stream(response, method, named, context)
            report(event, row, response, response.error)
        else:
            response._watch(event, method, named, context, row)
        return response

    def get(self, url, **kwargs):
        return self.request("GET", url, **kwargs)

    def head(self, url, **kwargs):
        return self.request("HEAD", url, **kwargs)

    def options(self, url, **kwargs):
        return self.request("OPTIONS", url, **kwargs)

    def delete(self, url, **kwargs):
        return self.request("DELETE", url, **kwargs)

    def patch(self, url, data=None, **kwargs):
        return self.request("PATCH", url, data=data, **kwargs)

    def post(self, url, data=None, **kwargs):
        return self.request("POST", url, data=data, **kwargs)

    def put(self, url, data=None, **kwargs):
        return self.request("PUT", url, data=data, **kwargs)

    def iter_lines(self, url, method="GET", **kwargs):
        """The lines of a streamed response; the stream is closed behind the last."""
        with self.request(method, url, stream=True, **kwargs) as response:
            yield from response.iter_lines()

    def sse(self, url, *, until=None, timeout=None, reconnect=False, last_event_id=None,
            headers=None, name=None, duration=None, method="GET", **kwargs):
        """The events of a stream, to iterate over: see HttpSession.sse."""
        return EventSource(
            self, url, until=until, timeout=timeout, reconnect=reconnect,
            last_event_id=last_event_id, headers=headers, name=name, duration=duration,
            method=method, **kwargs)


class FastHttpUser(User):
    """A user whose `client` is a FastHttpSession."""

    abstract = True
    network_timeout = 60.0  # seconds of silence
    connection_timeout = 60.0
    max_redirects = 5  # requests in all, so one fewer redirects
    max_retries = 1  # requests in all, after timeouts
    insecure = True  # certificates are not checked
    default_headers = None
    concurrency = 10  # accepted; greenlets of a user may ask side by side without a limit
    client_pool = None  # accepted; connections are kept by the engine
    ssl_context_factory = None  # refused with a sentence

    def __init__(self, environment):
        super().__init__(environment)
        if self.host is None:
            raise LocustError(
                f"{type(self).__name__} has no host: set its 'host' attribute, or give --host")
        if not re.match(r"https?://[^/]+", self.host, re.I):
            raise LocustError(f"'{self.host}' is no host: give a base URL as http://example.com")
        self.client = FastHttpSession(
            self.environment, base_url=self.host, user=self, insecure=self.insecure,
            client_pool=self.client_pool, ssl_context_factory=self.ssl_context_factory,
            connection_timeout=self.connection_timeout, network_timeout=self.network_timeout,
            max_redirects=self.max_redirects, max_retries=self.max_retries,
            default_headers=self.default_headers)

    @contextmanager
    def rest(self, method, url, headers=None, **kwargs):
        """A JSON request for a with block: `js` of the response is the document that came.

        Asks for JSON unless told otherwise. A body that is no JSON is a failure, and so is any
        exception in the block, an assertion with its message alone; the task goes on behind it.
        """
        headers = dict(headers or {})
        names = {name.lower() for name in headers}
        for name in ("Content-Type", "Accept"):
            if name.lower() not in names:
                headers[name] = "application/json"
        with self._rest_response(method, url, headers, **kwargs) as response:
            try:
                yield response
            except AssertionError as error:
                response.failure(_assertion_text(error, response))
            except Exception as error:
                response.failure(_exception_text(error))

    def _rest_response(self, method, url, headers, name=None, data=None, stream=False, auth=None,
                       json=None, allow_redirects=True, context=None, **kwargs):
        kwargs.pop("catch_response", None)
        response = self.client._request(
            RestResponseContextManager, method, url, name, data, stream, headers, auth, json,
            allow_redirects, context, kwargs)
        response.js = None
        response._entered = True
        if response.content is None:
            response.failure(str(response.error))
        elif response.text:
            try:
                response.js = response.json()
            except ValueError as error:
                response.failure(
                    f"Could not parse response as JSON. {response.text[:SHOWN_CHARS]}, "
                    f"response code {response.status_code}, error {error}")
        return response

    @contextmanager
    def rest_(self, method, url, name=None, **kwargs):
        """rest() for a URL that caches must not know: with the time as parameter `_`."""
        mark = "&" if "?" in url else "?"
        with self.rest(method, f"{url}{mark}_={int(time.time() * 1000)}", name=name or url,
                       **kwargs) as response:
            yield response


def _assertion_text(error, response):
    """The assertion's message; one that ends in a comma wants the response behind it."""
    text = str(error.args[0]) if error.args else "Assertion failed"
    if text.endswith(","):
        text = f"{text[:-1]}, response was {(response.text or '')[:SHOWN_CHARS]}"
    return text


def _exception_text(error):
    """The exception, and the line of the script that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if frame.filename != __file__]
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


__getattr__ = absent(__name__, {
    "FastHttpLocust": "it is called FastHttpUser since Locust 1.0",
    **dict.fromkeys(
        ("FAILURE_EXCEPTIONS", "FastRequest", "LocustUserAgent", "insecure_ssl_context_factory"),
        "the engine is the client"),
})
