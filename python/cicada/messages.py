"""Messages between the processes of a run: what they carry, and whom they go to.

Data is JSON on the way. What JSON lacks and msgpack (which Locust uses) has is kept all the same:
bytes, and keys of dicts that are no text.
"""

import base64
import json
import socket

LEAD = 2**32 - 1
ALL_WORKERS = 2**32 - 2
OWN_TYPES = "cicada."  # types of our own runners begin so

_BYTES, _MAP = "\0bytes", "\0map"
_PREFIX = socket.gethostname() + "_"


def client_id(index):
    """The name by which scripts know a worker, or the lead."""
    return "master" if index == LEAD else f"{_PREFIX}{index}"


def index_of(name):
    """The other way round. A name that is nobody's raises ValueError."""
    if not str(name).startswith(_PREFIX):
        raise ValueError(f"there is no worker called {name!r}")
    return int(name[len(_PREFIX):])


def encode(data):
    """Bytes to send. TypeError when something is of a kind that cannot be sent."""
    return json.dumps(_plain(data), ensure_ascii=True).encode("ascii")


def decode(raw):
    return json.loads(raw, object_hook=_revive)


def _plain(value):
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return {_BYTES: base64.b64encode(value).decode("ascii")}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value):
            return {key: _plain(each) for key, each in value.items()}
        return {_MAP: [[_plain(key), _plain(each)] for key, each in value.items()]}
    raise TypeError(f"a message cannot carry a {type(value).__name__}")


def _revive(found):
    if _MAP in found and len(found) == 1:
        return {_key(key): value for key, value in found[_MAP]}
    if _BYTES in found and len(found) == 1:
        return base64.b64decode(found[_BYTES])
    return found


def _key(key):
    return tuple(key) if isinstance(key, list) else key
