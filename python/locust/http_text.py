"""From the bytes of a body to text: which encoding, which lines, which pieces."""

import codecs
import re

from locust.http_exceptions import requests

_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([^\s;"']+)""", re.I)
_LINK = re.compile(r"<([^>]*)>\s*((?:;[^,;\"]*(?:\"[^\"]*\")?)*)")
_LINK_PARAMETER = re.compile(r";\s*([^=;,\s]+)\s*=\s*(?:\"([^\"]*)\"|([^;,\s]*))")


def declared_encoding(content_type):
    """The encoding that a Content-Type says or means; None: not said.

    A text/event-stream is UTF-8, as its standard has it, and not ISO-8859-1 as other text is.
    """
    if not content_type:
        return None
    kind, _, parameters = content_type.partition(";")
    found = _CHARSET.search(parameters)
    if found:
        return found.group(1)
    kind = kind.strip().lower()
    if kind == "text/event-stream" or "application/json" in kind:
        return "utf-8"
    return "ISO-8859-1" if "text" in kind else None


def engine_encoding(encoding):
    """The name under which the engine decodes lines itself, or None."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        return None
    return {"utf-8": "utf-8", "iso8859-1": "latin-1"}.get(name)


def guessed_encoding(content):
    """What bytes without a declared encoding seem to be."""
    if requests is not None:
        return requests.compat.chardet.detect(content)["encoding"]
    try:
        content.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        return "ISO-8859-1"


def json_encoding(content):
    """UTF-8, -16 or -32 by the marks and zeros at the start of JSON."""
    if content.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    start = bytes(1 if byte else 0 for byte in content[:4])
    return {b"\0\1\0\1": "utf-16-be", b"\1\0\1\0": "utf-16-le",
            b"\0\0\0\1": "utf-32-be", b"\1\0\0\0": "utf-32-le"}.get(start, "utf-8")


def decoded_text(content, encoding):
    """`content` as text; what cannot be decoded is replaced."""
    try:
        return str(content, encoding, "replace")
    except (LookupError, TypeError):
        return str(content, errors="replace")


def decoded_pieces(pieces, encoding):
    """Text for pieces of bytes that may be cut inside a character."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for piece in pieces:
        text = decoder.decode(piece)
        if text:
            yield text
    rest = decoder.decode(b"", final=True)
    if rest:
        yield rest


def split_lines(pieces, delimiter):
    """Lines of pieces of text or bytes; one that is cut waits for its rest."""
    pending = None
    for piece in pieces:
        if pending is not None:
            piece = pending + piece
        lines = piece.split(delimiter) if delimiter else piece.splitlines()
        is_cut = bool(lines) and bool(lines[-1]) and bool(piece) and lines[-1][-1] == piece[-1]
        pending = lines.pop() if is_cut else None
        yield from lines
    if pending is not None:
        yield pending


def slices(content, size):
    """`content` in pieces of at most `size`; None: in one."""
    size = size if size and size > 0 else len(content)
    return (content[at:at + size] for at in range(0, len(content), size)) if content else iter(())


def links_of(value):
    """A Link header as {rel or url: {"url": …, parameter: value}}."""
    links = {}
    for url, parameters in _LINK.findall(value or ""):
        link = {"url": url}
        for name, quoted, plain in _LINK_PARAMETER.findall(parameters):
            link[name] = quoted or plain
        links[link.get("rel") or url] = link
    return links
