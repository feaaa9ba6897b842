"""The exceptions of requests: its own classes where it is installed, so that `except` in a script
works, elsewhere classes of the same names and the same kinship."""

import json

try:
    import requests
    from requests.exceptions import (
        ChunkedEncodingError, ConnectionError, ConnectTimeout, ContentDecodingError, HTTPError,
        InvalidHeader, InvalidJSONError, InvalidSchema, InvalidURL, JSONDecodeError, MissingSchema,
        ProxyError, ReadTimeout, RequestException, RetryError, SSLError, StreamConsumedError,
        Timeout, TooManyRedirects)
except ImportError:
    requests = None

    class RequestException(IOError):
        """Any failure of a request; `response` and `request` where there are any."""

        def __init__(self, *args, response=None, request=None):
            self.response = response
            self.request = request or getattr(response, "request", None)
            super().__init__(*args)

    class HTTPError(RequestException):
        """A status of 400 or more."""

    class ConnectionError(RequestException):
        """No connection, or one that was silent for too long."""

    class SSLError(ConnectionError):
        """TLS refused."""

    class ProxyError(ConnectionError):
        """The proxy refused."""

    class Timeout(RequestException):
        """Either of the two below."""

    class ConnectTimeout(ConnectionError, Timeout):
        """No connection in time."""

    class ReadTimeout(Timeout):
        """No head in time."""

    class TooManyRedirects(RequestException):
        """More redirects than the session follows."""

    class MissingSchema(RequestException, ValueError):
        """A URL without http: or https:."""

    class InvalidSchema(RequestException, ValueError):
        """A URL of another scheme."""

    class InvalidURL(RequestException, ValueError):
        """A URL that cannot be asked for."""

    class InvalidHeader(RequestException, ValueError):
        """A header that cannot be sent."""

    class InvalidJSONError(RequestException):
        """What JSON cannot say."""

    class JSONDecodeError(InvalidJSONError, json.JSONDecodeError):
        """A body that is no JSON."""

        def __init__(self, msg, doc, pos):
            json.JSONDecodeError.__init__(self, msg, doc, pos)
            self.response = self.request = None

    class ChunkedEncodingError(RequestException):
        """A body that broke off."""

    class ContentDecodingError(RequestException):
        """A compressed body that cannot be read."""

    class StreamConsumedError(RequestException, TypeError):
        """A body that was read already."""

    class RetryError(RequestException):
        """An adapter's retries are used up."""

__all__ = [
    "ChunkedEncodingError", "ConnectTimeout", "ConnectionError", "ContentDecodingError",
    "HTTPError", "InvalidHeader", "InvalidJSONError", "InvalidSchema", "InvalidURL",
    "JSONDecodeError", "MissingSchema", "ProxyError", "ReadTimeout", "RequestException",
    "RetryError", "SSLError", "StreamConsumedError", "Timeout", "TooManyRedirects", "requests",
]
