"""Credentials of a request: Basic as a header line, Digest by the engine, anything else by call."""

from base64 import b64encode

from locust.http_exceptions import requests

if requests is not None:
    from requests.auth import HTTPBasicAuth, HTTPDigestAuth
else:
    class HTTPBasicAuth:
        """User and password, sent with each request."""

        def __init__(self, username, password):
            self.username = username
            self.password = password

        def __eq__(self, other):
            return (self.username == getattr(other, "username", None)
                    and self.password == getattr(other, "password", None))

        __hash__ = None

        def __call__(self, request):
            request.headers["Authorization"] = basic(self.username, self.password)
            return request

    class HTTPDigestAuth(HTTPBasicAuth):
        """User and password, proven to a server that asks."""


def _latin(text):
    return text if isinstance(text, bytes) else str(text).encode("latin-1")


def basic(user, password):
    """The value of an Authorization header."""
    return "Basic " + b64encode(_latin(user) + b":" + _latin(password)).decode("ascii")


def is_digest(auth):
    return isinstance(auth, HTTPDigestAuth)


def basic_of(auth):
    """The header's value where `auth` is Basic, else None."""
    if isinstance(auth, tuple) and len(auth) == 2:
        return basic(*auth)
    if type(auth) is HTTPBasicAuth:
        return basic(auth.username, auth.password)
    return None
