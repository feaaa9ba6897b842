"""The part of HttpSession that asks: settings that a script may touch, and one request."""

import os
from collections import OrderedDict

import _cicada

from locust import _engine, http_adapters, http_auth, http_cookies, http_errors
from locust.http_body import NO_BODY, body_of, sent_bytes
from locust.http_errors import Failure
from locust.http_exceptions import (InvalidHeader, InvalidSchema, InvalidURL, MissingSchema,
                                    RequestException, TooManyRedirects, requests)
from locust.http_headers import DEFAULTS, merged_headers, packed
from locust.http_request import SentRequest
from locust.http_structures import CaseInsensitiveDict, text_of
from locust.http_url import params_of, target_of

REDIRECT_LIMIT = 30
_WRITTEN_BY_ENGINE = ("content-length", b"content-length")
_NO_PROXIES = ("proxies= is not supported yet: cicada connects to the service itself. Take the "
               "proxies out of the script, or give cicada run --connect-to")


def timeouts_of(timeout):
    """(connect, read) in seconds, or None for never."""
    if timeout is None:
        return None, None
    if isinstance(timeout, tuple):
        if len(timeout) != 2:
            raise ValueError(f"Invalid timeout {timeout}. It is (connect, read), or one number of "
                             "seconds for both")
        pair = timeout
    elif hasattr(timeout, "connect_timeout"):
        return timeout.connect_timeout, timeout.read_timeout  # urllib3's Timeout
    else:
        pair = timeout, timeout
    for name, seconds in zip(("connect", "read"), pair):
        if seconds is None:
            continue
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
            raise ValueError(f"timeout: the value for {name} is {seconds!r}, but a number of "
                             "seconds or None is wanted")
        if seconds <= 0:
            raise ValueError(f"timeout: the value for {name} is {seconds}, which is not more than "
                             "0 seconds: None is for ever")
    return pair


def checked_verify(verify, is_tls):
    """`verify` where it says something about this request; a file that is not there does not."""
    if not isinstance(verify, (str, os.PathLike)) or os.path.isfile(verify):
        return verify
    if not is_tls:
        return True
    if os.path.isdir(verify):
        raise NotImplementedError(
            f"verify={str(verify)!r} is a directory, which cicada does not read yet: name one file "
            "with the certificates of the authorities")
    return verify


def failure_of(native, target, timeouts, redirect_limit):
    """What requests would have raised for the engine's error; None: there is none."""
    if native.error is None:
        return None
    kind, message = native.error
    if redirect_limit and len(native.history) > redirect_limit - 1 and "redirects" in message:
        return Failure(TooManyRedirects(f"Exceeded {redirect_limit} redirects."))
    pool = http_errors.pool_text(*target.pool_key)
    if native.status:
        return Failure(http_errors.body_error(kind, message, pool))
    return http_errors.failure_before_head(kind, message, pool, target.path_url, timeouts)


def new_client(make_error):
    """A user's place in the engine."""
    _engine.ensure()
    return _cicada.Client(make_error)


class SessionSettings(requests.Session if requests is not None else object):
    """Attributes of a session, made when they are touched, and the way to the engine."""

    auth = None
    verify = True
    cert = None
    stream = False
    trust_env = True  # accepted; neither .netrc nor the proxies of the environment are looked at
    max_redirects = REDIRECT_LIMIT
    request_name = None
    _params = None
    _engine_client = None
    _headers = None
    _everywhere = None  # cookies without a domain, by name
    _hooks = None
    _proxies = None
    _adapters = None
    _digest = None

    @property
    def _client(self):
        client = self._engine_client
        if client is None:
            self._body_errors = http_errors.BodyErrors()
            client = self._engine_client = new_client(self._body_errors)
        return client

    @property
    def headers(self):
        """Sent with each request; a request's own go over them."""
        if self._headers is None:
            self._headers = CaseInsensitiveDict(DEFAULTS)
        return self._headers

    @headers.setter
    def headers(self, headers):
        self._headers = headers

    @property
    def params(self):
        """Sent with each request; a request's own go over them."""
        if self._params is None:
            self._params = {}
        return self._params

    @params.setter
    def params(self, params):
        self._params = params

    @property
    def cookies(self):
        """What servers and the script have set; a view that reads and writes the user's jar."""
        if self._everywhere is None:
            self._everywhere = {}
        return http_cookies.SessionCookies(self._client, self._everywhere)

    @cookies.setter
    def cookies(self, cookies):
        jar = self.cookies
        kept = list(cookies) if isinstance(cookies, http_cookies.CookieJar) else cookies
        jar.clear()
        if kept is cookies:
            jar.update(cookies or {})
        else:
            for cookie in kept:
                jar.set_cookie(cookie)

    @property
    def hooks(self):
        if self._hooks is None:
            self._hooks = {"response": []}
        return self._hooks

    @hooks.setter
    def hooks(self, hooks):
        self._hooks = hooks

    @property
    def proxies(self):
        if self._proxies is None:
            self._proxies = {}
        return self._proxies

    @proxies.setter
    def proxies(self, proxies):
        self._proxies = proxies

    @property
    def adapters(self):
        """Of those that are mounted add_headers() and retries are honoured; the engine sends."""
        if self._adapters is None:
            self._adapters = OrderedDict(http_adapters.default_adapters())
        return self._adapters

    @adapters.setter
    def adapters(self, adapters):
        self._adapters = adapters

    def mount(self, prefix, adapter):
        """`adapter` is for URLs that begin with `prefix`; the longest prefix counts."""
        http_adapters.refuse(prefix, adapter)
        self.adapters[prefix] = adapter
        for shorter in [each for each in self.adapters if len(each) < len(prefix)]:
            self.adapters.move_to_end(shorter)

    def get_adapter(self, url):
        for prefix, adapter in self.adapters.items():
            if url.lower().startswith(prefix.lower()):
                return adapter
        raise InvalidSchema(f"No connection adapters were found for {url!r}")

    def __copy__(self):
        """Another session with the same settings, cookies and connections."""
        other = type(self).__new__(type(self))
        self.cookies  # pylint: disable=pointless-statement  # made now, else each makes its own
        other.__dict__.update(self.__dict__)
        return other

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()

    def close(self):
        """Closes connections that are kept."""
        if self._engine_client is not None:
            self._engine_client.close()

    def _settings_for_hooks(self, stream, timeout=None, verify=None, cert=None, **_kwargs):
        """What hooks are called with besides the response."""
        return {"timeout": timeout, "verify": self.verify if verify is None else verify,
                "proxies": OrderedDict(), "stream": stream, "cert": cert or self.cert}

    def _refuse_proxies(self, proxies):
        if any((proxies or {}).values()) or any((self._proxies or {}).values()):
            raise NotImplementedError(_NO_PROXIES)

    def _authorize(self, auth, target, request, headers):
        """Adds credentials to `headers`, makes them the request's, or lets `auth` change it."""
        if auth is None:
            auth = self.auth
        if auth is None and target.user:
            auth = (target.user, target.password)
        is_digest = bool(auth) and http_auth.is_digest(auth)
        if is_digest or self._digest is not None:
            self._prove(auth if is_digest else None)
        basic = http_auth.basic_of(auth) if auth else None
        if basic is not None:
            headers["authorization"] = ("Authorization", basic)
        request.pairs = tuple(headers.values())
        if auth and basic is None and not is_digest:
            request = auth(request)
            request.pairs = tuple(request.headers.items())
        return request

    def _prove(self, digest):
        """The engine answers the challenges of a Digest."""
        if digest is not self._digest:
            self._digest = digest
            if digest is None:
                self._client.set_auth(None, "", "")
            else:
                self._client.set_auth("digest", digest.username, digest.password)

    def _prepared(self, method, target, headers, body, auth):
        method = method if method.isupper() else method.upper()
        request = SentRequest(method, target.url, body=body.content,
                              path_url=target.path_url)
        headers = merged_headers(self._headers, headers)
        if body.content_type and "content-type" not in headers:
            headers["content-type"] = ("Content-Type", body.content_type)
        return self._authorize(auth, target, request, headers)

    def _ask(self, kind, method, url, name, stream, *, params=None, data=None, headers=None,
             cookies=None, files=None, auth=None, timeout=None, allow_redirects=True, proxies=None,
             verify=None, cert=None, json=None, **unknown):
        """One request: its response, of the class `kind`, maybe that of a failure; its path and
        query; the hooks that its credentials have set."""
        if unknown:
            raise TypeError(f"{type(self).__name__}.request() got an unexpected keyword argument "
                            f"{next(iter(unknown))!r}")
        if proxies or self._proxies:
            self._refuse_proxies(proxies)
        timeouts = timeouts_of(timeout)
        if params or (self._params and params != ()):  # (): not even the session's
            params = params_of(self._params, params)
        else:
            params = ""
        target = target_of(url, params)
        try:
            body = body_of(data, json, files) if data or files or json is not None else NO_BODY
            request = self._prepared(method, target, headers, body, auth)
            if request.url != target.url:
                target = target_of(request.url)
                request.path_url = None
            limit = self.max_redirects if allow_redirects else 0
            verify = self.verify if verify is None else verify
            if verify is not True:
                verify = checked_verify(verify, target.pool_key[0])
            cert = cert or self.cert
            if self._adapters is None:
                native = self._send(request, target, name, stream, timeouts, limit, cookies,
                                    verify, cert)
            else:
                adapter = self.get_adapter(target.url)
                http_adapters.add_headers(adapter, request, stream=stream, timeout=timeout,
                                          verify=verify, cert=cert, proxies=OrderedDict())
                native = http_adapters.sent_with_retries(
                    adapter, lambda: self._send(request, target, name, stream, timeouts, limit,
                                                cookies, verify, cert), request.method, target)
        except (MissingSchema, InvalidSchema, InvalidURL):
            raise
        except RequestException as error:
            return kind(None, SentRequest(method, url), Failure(error)), target.path_url, None
        failure = failure_of(native, target, timeouts, limit)
        sent = packed(request) if stream else request
        return (kind(native, sent, failure), target.path_url,
                request.hooks if request.has_hooks else None)

    def _send(self, request, target, name, stream, timeouts, limit, cookies, verify, cert):
        client = self._client
        self._body_errors.pool_key = target.pool_key
        extra = ""
        if cookies or self._everywhere:
            extra = http_cookies.cookie_text(self._everywhere, cookies, target.pool_key,
                                             target.path_url)
        if not stream:
            jar = client.cookies()
            if jar or extra:
                request.keep_cookies(jar, extra)
        # The engine writes the length itself.
        pairs = [(text_of(name), text_of(value)) for name, value in request.pairs
                 if name.lower() not in _WRITTEN_BY_ENGINE]
        try:
            return client.request(
                request.method, target.wire_url, pairs, sent_bytes(request.method, request.body),
                name=name, stream=stream, connect_timeout=timeouts[0], read_timeout=timeouts[1],
                max_redirects=limit, verify=verify, cert=cert, cookies=extra)
        except ValueError as error:
            if "URL" in str(error):
                raise InvalidURL(str(error)) from None
            raise InvalidHeader(str(error)) from None
