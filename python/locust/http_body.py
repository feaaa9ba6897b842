"""Bodies of requests: text, bytes, forms, JSON, files, and the header lines that go with them."""

import json as json_module
import os
from collections.abc import Mapping

from locust.http_exceptions import InvalidJSONError
from locust.http_url import encoded_pairs, pairs_of

FORM = "application/x-www-form-urlencoded"
BOUNDARY_BYTES = 16


class Body:
    """`content`: text, bytes, or None for none; `content_type` is a default, None: none."""

    __slots__ = ("content", "content_type")

    def __init__(self, content, content_type=None):
        self.content = content
        self.content_type = content_type


NO_BODY = Body(None)


def _bytes_of(data):
    return data.encode("utf-8") if isinstance(data, str) else bytes(data)


def sent_bytes(method, body):
    """What goes out for a body. A method that may have one says a length of 0 for none."""
    if body is None:
        return None if method in ("GET", "HEAD") else b""
    return body.encode("utf-8") if isinstance(body, str) else bytes(body)


def _json_body(json):
    try:
        text = json_module.dumps(json, allow_nan=False)
    except ValueError as error:
        raise InvalidJSONError(error) from error
    return Body(text.encode("utf-8"), "application/json")


def _read_all(source):
    """What a file or an iterable of pieces has left, read before it is sent."""
    if hasattr(source, "read"):
        return _bytes_of(source.read())
    return b"".join(_bytes_of(piece) for piece in source)


def _is_stream(data):
    return hasattr(data, "__iter__") and not isinstance(
        data, (str, bytes, bytearray, memoryview, list, tuple, Mapping))


def _escaped(name):
    """A name in Content-Disposition, as browsers escape it."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _part(name, content, filename=None, content_type=None, headers=None):
    disposition = f'form-data; name="{_escaped(name)}"'
    if filename is not None:
        disposition += f'; filename="{_escaped(filename)}"'
    lines = [f"Content-Disposition: {disposition}"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    known = ("content-disposition", "content-type")
    lines += [f"{key}: {value}" for key, value in dict(headers or {}).items()
              if key.lower() not in known]
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + content


def _file_name(source):
    name = getattr(source, "name", None)
    return os.path.basename(name) if isinstance(name, str) and not name.startswith("<") else None


def _file_part(name, given):
    content_type, headers = None, None
    if isinstance(given, (tuple, list)):
        filename, content, *rest = given
        content_type = rest[0] if rest else None
        headers = rest[1] if len(rest) > 1 else None
    else:
        content, filename = given, _file_name(given) or name
    if content is None:
        return None
    if not isinstance(content, (str, bytes, bytearray)):
        if not hasattr(content, "read"):
            return None
        content = content.read()
    return _part(name, _bytes_of(content), filename, content_type, headers)


def _fields(data):
    for name, value in pairs_of(data):
        if isinstance(name, bytes):
            name = name.decode("utf-8")
        yield _part(name, _bytes_of(value if isinstance(value, bytes) else str(value)))


def _multipart(data, files):
    if isinstance(data, (str, bytes)):
        raise ValueError("Data must not be a string.")
    parts = list(_fields(data or {}))
    for name, given in files.items() if isinstance(files, Mapping) else files:
        part = _file_part(name, given)
        if part is not None:
            parts.append(part)
    boundary = os.urandom(BOUNDARY_BYTES).hex()
    opening = f"--{boundary}\r\n".encode()
    content = b"".join(opening + part + b"\r\n" for part in parts)
    content += f"--{boundary}--\r\n".encode()
    return Body(content, f"multipart/form-data; boundary={boundary}")


def body_of(data=None, json=None, files=None):
    """The body for the arguments of a request. Raises InvalidJSONError, ValueError."""
    if not data and not files:
        return NO_BODY if json is None else _json_body(json)
    if _is_stream(data):
        if files:
            raise NotImplementedError("Streamed bodies and files are mutually exclusive.")
        return Body(_read_all(data))
    if files:
        return _multipart(data, files)
    if isinstance(data, (str, bytes, bytearray, memoryview)):
        return Body(data)
    return Body(encoded_pairs(data), FORM)
