"""From what a script asks for to the URL that is sent, with the escapes that requests makes."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

from locust.http_exceptions import InvalidSchema, InvalidURL, MissingSchema

is_absolute = re.compile(r"https?://", re.I).match

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_IN_PATH = _UNRESERVED | frozenset(b"!$&'()*+,;=:@/")
_IN_QUERY = _IN_PATH | frozenset(b"?")
_IN_USER = _UNRESERVED | frozenset(b"!$&'()*+,;=:")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_PARTS = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):(?://([^\\/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?",
                    re.S)
_AUTHORITY = re.compile(r"(?:(.*)@)?(\[[0-9a-fA-F:.]+(?:%[^\]]+)?\]|[^\[\]:@%]*)(?::([0-9]{0,5}))?",
                        re.S)
# A URL that needs no work at all.
_CLEAN = re.compile(r"(https?)://([a-z0-9-][a-z0-9._-]*|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,3}))?"
                    r"(/[A-Za-z0-9._~!$&'()*+,;=:@/-]*)(\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]*)?")


def without_credentials(base_url):
    """(the URL without user and password, user, password); both None where not both are given."""
    parts = urlsplit(base_url)
    if not (parts.username and parts.password):
        return base_url, None, None
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=netloc)), parts.username, parts.password


class Target:
    """A URL ready to be sent."""

    __slots__ = ("url", "wire_url", "path_url", "pool_key", "user", "password")

    def __init__(self, url, wire_url, path_url, pool_key, user=None, password=None):
        self.url = url  # as responses show it, with user and fragment
        self.wire_url = wire_url  # without them
        self.path_url = path_url  # path and query: the row's name where none is given
        self.pool_key = pool_key  # (is_tls, host, port)
        self.user = user
        self.password = password


def _escape(text, kept):
    """Escapes what may not stand there; escapes that are there stay where all of them are whole."""
    escape_count = 0

    def upper(match):
        nonlocal escape_count
        escape_count += 1
        return match.group(0).upper()

    encoded = _ESCAPE.sub(upper, text).encode("utf-8", "surrogatepass")
    is_escaped = escape_count == encoded.count(b"%")
    return "".join(
        chr(byte) if byte in kept or (byte == 0x25 and is_escaped) else f"%{byte:02X}"
        for byte in encoded)


def _plain_letters(text):
    """Escapes of letters, digits and the like are written out."""
    def letter(match):
        byte = int(match.group(1), 16)
        return chr(byte) if byte in _UNRESERVED else match.group(0)

    return _ESCAPE.sub(letter, text)


def _without_dots(path):
    kept = []
    for segment in path.split("/"):
        if segment == ".":
            continue
        if segment != "..":
            kept.append(segment)
        elif kept:
            kept.pop()
    if path.startswith("/") and (not kept or kept[0]):
        kept.insert(0, "")
    if path.endswith(("/.", "/..")):
        kept.append("")
    return "/".join(kept)


def _ascii_host(host):
    if host.isascii():
        if host.startswith(("*", ".")):
            raise InvalidURL("URL has an invalid label.")
        return host.lower()
    try:
        import idna
        return idna.encode(host, uts46=True).decode("ascii")
    except ImportError:
        pass
    except UnicodeError:
        raise InvalidURL("URL has an invalid label.") from None
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise InvalidURL("URL has an invalid label.") from None


def _split(url):
    match = _PARTS.fullmatch(url)
    if not match:
        perhaps = url if url.startswith("/") else f"https://{url}"
        raise MissingSchema(
            f"Invalid URL {url!r}: No scheme supplied. Perhaps you meant {perhaps}?")
    scheme, authority, path, query, fragment = match.groups()
    parts = _AUTHORITY.fullmatch(authority or "")
    if not parts or int(parts.group(3) or 0) > 65535:
        raise InvalidURL(f"Failed to parse: {url}")
    if not parts.group(2):
        raise InvalidURL(f"Invalid URL {url!r}: No host supplied")
    if scheme.lower() not in ("http", "https"):
        raise InvalidSchema(f"No connection adapters were found for {url!r}")
    user, host, port = parts.groups()
    return scheme.lower(), user, host, port, path, query, fragment


@lru_cache(maxsize=1024)
def target_of(url, params=""):
    """`params` is encoded text to go behind the query; raises what requests raises."""
    clean = None if params else _CLEAN.fullmatch(url)
    if clean and "/." not in url:
        scheme, host, port, path, query = clean.groups()
        is_tls = scheme == "https"
        key = (is_tls, host.strip("[]"), int(port) if port else 443 if is_tls else 80)
        return Target(url, url, path + (query or ""), key)
    if ":" in url and not url.lower().startswith("http"):
        raise InvalidSchema(f"No connection adapters were found for {url!r}")
    scheme, user, host, port, path, query, fragment = _split(url)
    host = host.lower() if host.startswith("[") else _ascii_host(host)
    path = _plain_letters(_escape(_without_dots(path), _IN_PATH)) or "/"
    query = _plain_letters(_escape(query, _IN_QUERY)) if query is not None else ""
    if params:
        query = f"{query}&{params}" if query else params
        query = _plain_letters(_escape(query, _IN_QUERY | frozenset(b"[]#")))
    origin = f"{scheme}://{host}" + (f":{int(port)}" if port else "")
    path_url = path + (f"?{query}" if query else "")
    shown = origin
    if user:
        shown = f"{scheme}://{_escape(user, _IN_USER)}@{origin.partition('://')[2]}"
    shown += path_url + (f"#{_escape(fragment, _IN_QUERY)}" if fragment else "")
    is_tls = scheme == "https"
    key = (is_tls, host.strip("[]"), int(port) if port else 443 if is_tls else 80)
    name, _, password = (user or "").partition(":")
    return Target(shown, origin + path_url, path_url, key,
                  unquote(name) if user else None, unquote(password) if user else None)


def pairs_of(data):
    """(name, value) for each value of a mapping or of pairs; values that are lists are many."""
    for name, values in data.items() if isinstance(data, Mapping) else data:
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            values = [values]
        for value in values:
            if value is not None:
                yield name, value


def encoded_pairs(data):
    """application/x-www-form-urlencoded text; text and bytes stay as they are."""
    if isinstance(data, bytes):
        return data.decode("utf-8")
    if isinstance(data, str):
        return data
    return urlencode(list(pairs_of(data)))


def params_of(session_params, params):
    """Parameters of the session, with those of one request over them, as encoded text."""
    if params is None:
        merged = session_params
    elif session_params and isinstance(session_params, Mapping) and isinstance(params, Mapping):
        merged = {**session_params, **params}
    else:
        merged = params
    if not merged:
        return ""
    if isinstance(merged, Mapping):
        merged = {name: value for name, value in merged.items() if value is not None}
    return encoded_pairs(merged)
