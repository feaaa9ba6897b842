"""Cookies as scripts see them: those that a user keeps, and those that a response set.

The jar itself is the engine's. A cookie that a script sets without a domain goes to every server,
as with requests; the engine has no such cookies, so they are kept here and go along by hand.
"""

import time
from http.cookiejar import Cookie, CookieJar
from http.cookies import Morsel
from urllib.parse import urlsplit
from urllib.request import Request

from locust.http_exceptions import requests

if requests is not None:
    from requests.cookies import CookieConflictError, RequestsCookieJar as _Jar
else:
    _Jar = CookieJar

    class CookieConflictError(RuntimeError):
        """Several cookies have this name: say the domain or the path too."""

_NONE = object()


def make_cookie(name, value, domain="", path="/", expires=None, secure=False, rest=None):
    """A cookie of the standard library from the parts that matter."""
    return Cookie(
        version=0, name=name, value=value, port=None, port_specified=False, domain=domain or "",
        domain_specified=bool(domain), domain_initial_dot=(domain or "").startswith("."),
        path=path or "/", path_specified=bool(path), secure=bool(secure), expires=expires,
        discard=expires is None, comment=None, comment_url=None,
        rest={"HttpOnly": None} if rest is None else rest, rfc2109=False)


def _cookie_of_morsel(morsel):
    expires = None
    if morsel["max-age"]:
        expires = int(time.time() + int(morsel["max-age"]))
    return make_cookie(morsel.key, morsel.value, morsel["domain"], morsel["path"] or "/", expires,
                       morsel["secure"])


class _Mapping:
    """A jar read and written by name, over __iter__, set_cookie and clear of a CookieJar."""

    def _matching(self, name=None, domain=None, path=None):
        return [cookie for cookie in self
                if (name is None or cookie.name == name)
                and (domain is None or cookie.domain == domain)
                and (path is None or cookie.path == path)]

    def get(self, name, default=None, domain=None, path=None):
        found = self._matching(name, domain, path)
        if len(found) > 1:
            raise CookieConflictError(f"There are multiple cookies with name, {name!r}")
        return found[0].value if found else default

    def set(self, name, value, **kwargs):
        if value is None:
            for cookie in self._matching(name, kwargs.get("domain"), kwargs.get("path")):
                self.clear(cookie.domain, cookie.path, cookie.name)
            return None
        if isinstance(value, Morsel):
            cookie = _cookie_of_morsel(value)
        else:
            cookie = make_cookie(name, value, **kwargs)
        self.set_cookie(cookie)
        return cookie

    def __getitem__(self, name):
        found = self._matching(name)
        if not found:
            raise KeyError(f"name={name!r}, domain=None, path=None")
        return self.get(name)

    def __setitem__(self, name, value):
        self.set(name, value)

    def __delitem__(self, name):
        for cookie in self._matching(name):
            self.clear(cookie.domain, cookie.path, cookie.name)

    def __contains__(self, name):
        return any(cookie.name == name or cookie is name for cookie in self)

    def update(self, other):
        if isinstance(other, CookieJar):
            for cookie in other:
                self.set_cookie(cookie)
        else:
            for name, value in dict(other).items():
                self.set(name, value)

    def pop(self, name, default=_NONE):
        """The value of a cookie that is not there any more."""
        found = self._matching(name)
        if not found:
            if default is _NONE:
                raise KeyError(name)
            return default
        value = self.get(name)
        del self[name]
        return value

    def popitem(self):
        for name in self.keys():
            return name, self.pop(name)
        raise KeyError("there are no cookies")

    def setdefault(self, name, default=None):
        if name not in self:
            self[name] = default
        return self.get(name)

    def keys(self):
        return [cookie.name for cookie in self]

    def values(self):
        return [cookie.value for cookie in self]

    def items(self):
        return [(cookie.name, cookie.value) for cookie in self]

    def iterkeys(self):
        return iter(self.keys())

    def itervalues(self):
        return iter(self.values())

    def iteritems(self):
        return iter(self.items())

    def list_domains(self):
        return list(dict.fromkeys(cookie.domain for cookie in self))

    def list_paths(self):
        return list(dict.fromkeys(cookie.path for cookie in self))

    def multiple_domains(self):
        domains = [cookie.domain for cookie in self if cookie.domain]
        return len(domains) != len(set(domains))

    def get_dict(self, domain=None, path=None):
        return {cookie.name: cookie.value for cookie in self._matching(None, domain, path)}

    def copy(self):
        other = Cookies()
        other.update(self)
        return other


class Cookies(_Mapping, _Jar):
    """A jar of its own: what a response set, or a copy."""


def _jar_of(cookies):
    jar = Cookies()
    for cookie in cookies:
        jar.set_cookie(cookie)
    return jar


class SessionCookies(_Mapping, _Jar):
    """A user's cookies: a view of the engine's jar, and the cookies without a domain."""

    def __init__(self, client, everywhere):
        # Not CookieJar's __init__: nothing is kept here.
        self._client = client
        self._everywhere = everywhere  # name -> cookie

    def __reduce_ex__(self, protocol):
        return _jar_of, (list(self),)  # the view itself is of this process

    def __iter__(self):
        for name, value, domain, path, expires, secure in self._client.cookies():
            yield make_cookie(name, value, domain, path, expires, secure)
        yield from list(self._everywhere.values())

    def __len__(self):
        return len(self._client.cookies()) + len(self._everywhere)

    def __bool__(self):
        return len(self) > 0

    def __repr__(self):
        return f"<{type(self).__name__}[{', '.join(str(cookie) for cookie in self)}]>"

    __str__ = __repr__

    def set_cookie(self, cookie, *_args, **_kwargs):
        value = "" if cookie.value is None else cookie.value
        if not cookie.domain:
            self._everywhere[cookie.name] = cookie
        elif not self._client.set_cookie(cookie.name, value, cookie.domain, cookie.path,
                                         cookie.expires, cookie.secure):
            raise ValueError(f"cookie {cookie.name!r} cannot be kept for {cookie.domain!r}")

    def clear(self, domain=None, path=None, name=None):
        if domain is None:
            self._client.clear_cookies()
            self._everywhere.clear()
            return
        found = self._matching(name, domain, path)
        if not found and name is not None:
            raise KeyError(name)
        for cookie in found:
            if cookie.domain:
                self._client.set_cookie(cookie.name, "", cookie.domain, cookie.path, 1,
                                        cookie.secure)
            else:
                self._everywhere.pop(cookie.name, None)

    def clear_session_cookies(self):
        for cookie in [cookie for cookie in self if cookie.discard]:
            self.clear(cookie.domain, cookie.path, cookie.name)

    def clear_expired_cookies(self):
        """The engine lets go of them by itself."""

    def get_policy(self):
        return None


def _goes_to(cookie, host, path, is_tls):
    domain = cookie.domain.lower().lstrip(".").removesuffix(".local")
    if domain and host != domain and not host.endswith("." + domain):
        return False
    return path.startswith(cookie.path) and (is_tls or not cookie.secure)


def cookie_text(everywhere, cookies, pool_key, path):
    """The Cookie pairs that go along besides the engine's: of the session and of one request."""
    pairs = {name: cookie.value for name, cookie in everywhere.items()} if everywhere else {}
    if isinstance(cookies, CookieJar):
        is_tls, host, _ = pool_key
        pairs.update((cookie.name, cookie.value) for cookie in cookies
                     if _goes_to(cookie, host, path, is_tls))
    elif cookies:
        pairs.update(cookies)
    return "; ".join(f"{name}={value}" for name, value in pairs.items() if value is not None)


def header_of(jar, others, url):
    """The Cookie header that went to `url`: of the engine's jar as it was, and of other pairs."""
    parts = urlsplit(url)
    place = parts.hostname or "", parts.path or "/", parts.scheme.lower() == "https"
    found = [cookie for cookie in (make_cookie(*each) for each in jar) if _goes_to(cookie, *place)]
    found.sort(key=lambda cookie: -len(cookie.path))
    return "; ".join([f"{cookie.name}={cookie.value}" for cookie in found]
                     + ([others] if others else []))


class _SetCookies:
    """What CookieJar.extract_cookies asks of a response."""

    def __init__(self, lines):
        self._lines = lines

    def info(self):
        return self

    def get_all(self, name, default=None):
        return self._lines if name.lower() == "set-cookie" else default


def cookies_set_by(url, headers):
    """A jar of the cookies that a response from `url` set; `headers` are the engine's or none."""
    jar = Cookies()
    lines = headers.get_all("Set-Cookie") if hasattr(headers, "get_all") else []
    if lines:
        jar.extract_cookies(_SetCookies(lines), Request(url))
    return jar
