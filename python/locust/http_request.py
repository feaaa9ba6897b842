"""A request as it was sent: what response.request shows, and what auth callables may change."""

from urllib.parse import urlsplit

from locust.http_body import sent_bytes
from locust.http_cookies import Cookies, header_of
from locust.http_structures import CaseInsensitiveDict


class SentRequest:
    """Looks like a PreparedRequest. `pairs` are the header lines in the order they were sent."""

    __slots__ = ("method", "url", "pairs", "body", "_path_url", "_headers", "_hooks", "_jar",
                 "_own_jar", "__weakref__")
    _body_position = None  # bodies are whole

    def __init__(self, method, url, pairs=(), body=None, path_url=None):
        self.method = method
        self.url = url
        self.pairs = pairs
        self.body = body
        self._path_url = path_url

    @property
    def headers(self):
        try:
            return self._headers
        except AttributeError:
            self._headers = CaseInsensitiveDict(self.pairs)
            return self._headers

    @headers.setter
    def headers(self, headers):
        self._headers = CaseInsensitiveDict(headers)

    def keep_cookies(self, jar, others):
        """`jar` is what the engine had when it sent this, `others` the pairs that went along."""
        self._jar = jar, others

    @property
    def _cookies(self):
        """A jar for those who follow redirects by hand; the engine sends the user's own."""
        try:
            return self._own_jar
        except AttributeError:
            self._own_jar = Cookies()
            return self._own_jar

    def prepare_cookies(self, cookies):
        """The engine does."""

    @property
    def kept_cookies(self):
        return getattr(self, "_jar", ((), ""))

    def complete(self):
        """Adds the headers that the engine wrote, for those who look at them; returns itself."""
        headers = self.headers
        length = len(sent_bytes(self.method, self.body) or b"")
        if self.body is not None or self.method not in ("GET", "HEAD"):
            headers.setdefault("Content-Length", str(length))
        jar, others = self.kept_cookies
        if (jar or others) and "cookie" not in headers:
            text = header_of(jar, others, self.url)
            if text:
                headers["Cookie"] = text
        return self

    @property
    def path_url(self):
        if self._path_url is not None:
            return self._path_url
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @path_url.setter
    def path_url(self, path_url):
        self._path_url = path_url

    @property
    def hooks(self):
        try:
            return self._hooks
        except AttributeError:
            self._hooks = {"response": []}
            return self._hooks

    @property
    def has_hooks(self):
        return hasattr(self, "_hooks")

    def register_hook(self, event, hook):
        """`hook(response, **kwargs)` is called with the response, before the script gets it."""
        hooks = [hook] if callable(hook) else list(hook)
        self.hooks.setdefault(event, []).extend(hooks)

    def deregister_hook(self, event, hook):
        try:
            self.hooks[event].remove(hook)
        except (KeyError, ValueError):
            return False
        return True

    def prepare_content_length(self, body):
        if body:
            self.headers["Content-Length"] = str(len(body))

    def copy(self):
        return SentRequest(self.method, self.url, list(self.headers.items()), self.body)

    def __repr__(self):
        return f"<PreparedRequest [{self.method}]>"
