#!/usr/bin/env python3
"""A server that breaks the rules: one way of breaking them a path.

`CASES` says for each path what a client must make of it. As a program, it serves them all on a port
of the kernel's choice, to be looked at by hand.
"""

import gzip
import time

from raw_server import CHUNKED_HEAD, OK_HEAD, RawServer, chunk, head_with

EVENT_STREAM = "Content-Type: text/event-stream"
EVENT = b"data: hello\n\n"
CHUNKED = "Transfer-Encoding: chunked"
LAST_CHUNK = b"0\r\n\r\n"
HEAD_PACE_S = 0.05
BODY_PACE_S = 0.02
# Where the standards, or the race of a close with bytes under way, allow more than one answer.
CLOSED_OR_RESET = ("closed_early", "reset")
FLOOD_OF_1XX = ("too_large", "http_protocol")


class HostileCase:
    """How one path is answered, and the outcomes that are right.

    `classes` are the error classes allowed, none for a clean end; `data` is the data of the events
    that must arrive before that end; `options` are further options for both commands.
    """

    def __init__(self, name, answer, classes=(), data=(), options=()):
        self.name, self.answer = name, answer
        self.classes = (classes,) if isinstance(classes, str) else tuple(classes)
        self.data, self.options = list(data), tuple(options)


CASES = {}


def add(name, answer, classes=(), data=(), options=()):
    CASES[name] = HostileCase(name, answer, classes, data, options)


def add_bytes(name, answer, classes=(), data=(), options=()):
    """The whole answer as bytes, then FIN."""
    add(name, lambda peer, _: peer.send(answer), classes, data, options)


def add_clean(name, answer, data=("hello",), options=()):
    """A legal answer, however odd: the events and a clean end."""
    add_bytes(name, answer, (), data, options)


def flood(start, endless):
    def answer(peer, _):
        peer.send(start)
        peer.flood(endless)
    return answer


def cut(data):
    """The bytes, then RST once the client has had the time to read them."""
    def answer(peer, _):
        peer.send(data)
        time.sleep(0.1)
        peer.reset()
    return answer


def stay(data):
    def answer(peer, _):
        peer.send(data)
        peer.hold()
    return answer


# --- the head ---
add_bytes("garbage-status-line", b"\x16\x03\x01\x02garbage\r\n\r\n", "http_protocol")
add_bytes("empty-reply", b"", "closed_early")
add_bytes("body-without-head", b"data: hello\n\n", "http_protocol")
add_clean("status-without-reason", b"HTTP/1.1 200\r\n" + OK_HEAD.partition(b"\r\n")[2] + EVENT)
add_clean("reason-that-is-odd", head_with(EVENT_STREAM, status="200 All \xe9 is (well)!") + EVENT)
add_clean("http-1-0", OK_HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + EVENT)
add_bytes("wrong-version", OK_HEAD.replace(b"HTTP/1.1", b"HTTP/7.3") + EVENT, "http_protocol")
add_bytes("wrong-protocol", OK_HEAD.replace(b"HTTP/1.1", b"ICY/1.1") + EVENT, "http_protocol")
add_bytes("status-not-a-number", head_with(EVENT_STREAM, status="2x0 OK"), "http_protocol")
add_bytes("status-of-two-digits", head_with(EVENT_STREAM, status="20 OK"), "http_protocol")
add_bytes("second-status-line", b"HTTP/1.1 200 OK\r\n" + OK_HEAD + EVENT, "http_protocol")
add("endless-status-line", flood(b"HTTP/1.1 200 ", b"very "), "too_large")
add("endless-header-line", flood(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"), "too_large")
add("endless-header-name", flood(b"HTTP/1.1 200 OK\r\nX-", b"a"), "too_large")
add("endless-headers", flood(b"HTTP/1.1 200 OK\r\n", b"X-Again: and again\r\n"), "too_large")
add_bytes("too-many-headers", head_with(EVENT_STREAM, *[f"X-{n}: {n}" for n in range(1000)])
          + EVENT, "too_large")
add_bytes("header-without-colon", head_with(EVENT_STREAM, "X-No-Colon") + EVENT, "http_protocol")
add_bytes("header-without-name", head_with(EVENT_STREAM, ": value") + EVENT, "http_protocol")
add_bytes("nul-in-header", head_with(EVENT_STREAM, b"X-Nul: a\x00b") + EVENT, "http_protocol")
add_bytes("bare-cr-in-header", head_with(EVENT_STREAM, b"X-Cr: a\rX-Hidden: b") + EVENT,
          "http_protocol")
add_clean("folded-header", head_with("X-Folded: one\r\n two", EVENT_STREAM) + EVENT)
add("head-cut-by-fin", lambda peer, _: peer.send(OK_HEAD[:-9]), "closed_early")
add("reset-before-head", lambda peer, _: peer.reset(), "reset")
add("reset-in-head", cut(OK_HEAD[:-9]), "reset")
add("never-answers", lambda peer, _: peer.hold(), "timeout_headers")
add("half-a-head", stay(OK_HEAD[:-9]), "timeout_headers")
add("head-a-byte-at-a-time", lambda peer, _: peer.dribble(OK_HEAD * 9, HEAD_PACE_S),
    "timeout_headers")

# --- 1xx ---
add("flood-of-1xx", flood(b"", head_with("Link: </a>", status="103 Early Hints")), FLOOD_OF_1XX)
add("flood-of-bare-100", flood(b"", head_with(status="100 Continue")), FLOOD_OF_1XX)
add_clean("one-100-first", head_with(status="100 Continue") + OK_HEAD + EVENT)
add_clean("one-103-first", head_with("Link: </a>", status="103 Early Hints") + OK_HEAD + EVENT)
add("103-and-silence", stay(head_with(status="103 Early Hints")), "timeout_headers")
add_bytes("101-switch", head_with("Upgrade: websocket", "Connection: Upgrade",
                                  status="101 Switching Protocols") + b"\x81\x00", "http_protocol")

# --- status and type ---
add_clean("status-204", head_with(status="204 No Content"), ())
add_bytes("status-201", head_with(EVENT_STREAM, status="201 Created") + EVENT, "status_2xx")
add_bytes("status-205", head_with("Content-Length: 0", status="205 Reset"), "status_2xx")
add_bytes("status-206", head_with(EVENT_STREAM, status="206 Partial Content") + EVENT, "status_2xx")
add_bytes("status-304", head_with(status="304 Not Modified"), "status_3xx")
add_bytes("status-404", head_with("Content-Length: 0", status="404 Not Found"), "status_4xx")
add_bytes("status-429", head_with("Retry-After: 1", "Content-Length: 0", status="429 Too Many"),
          "status_4xx")
add_bytes("status-500", head_with(EVENT_STREAM, status="500 Oops") + EVENT, "status_5xx")
add_bytes("status-503", head_with("Retry-After: soon", "Content-Length: 0", status="503 Busy"),
          "status_5xx")
add("404-with-endless-body", flood(head_with(EVENT_STREAM, status="404 Not Found"), EVENT),
    "status_4xx")
add_bytes("type-html", head_with("Content-Type: text/html") + EVENT, "content_type")
add_bytes("type-almost", head_with("Content-Type: text/event-streams") + EVENT, "content_type")
add_bytes("type-missing", head_with("X-None: given") + EVENT, "content_type")
add_bytes("type-empty", head_with("Content-Type:") + EVENT, "content_type")
add("type-html-endless", flood(head_with("Content-Type: text/html"), b"<p>"), "content_type")
add_clean("type-odd-but-legal", head_with('cOnTeNt-TyPe:\tTEXT/Event-Stream ; Charset="UTF-8";x=y')
          + EVENT)

# --- redirects ---
add_bytes("redirect-loop", head_with("Location: /redirect-loop", "Content-Length: 0",
                                     status="301 Moved"), "status_3xx")
add_bytes("redirect-nowhere", head_with("Content-Length: 0", status="302 Found"), "status_3xx")
add_bytes("redirect-bad-url", head_with("Location: http://[::bad/", "Content-Length: 0",
                                        status="307 Temporary"), "status_3xx")
add_bytes("redirect-bad-scheme", head_with("Location: gopher://127.0.0.1/", "Content-Length: 0",
                                           status="302 Found"), "status_3xx")
add_bytes("redirect-https", head_with("Location: https://127.0.0.1:1/", "Content-Length: 0",
                                      status="302 Found"), "connect_refused")
add_bytes("redirect-legal", head_with("Location: /redirect-legal-2", "Content-Length: 0",
                                      status="301 Moved"), (), ["hello"])
add_bytes("redirect-legal-2", head_with("Location: chunk-extension?x=1#part", "Content-Length: 0",
                                        status="308 Permanent"), (), ["hello"])

# --- content-length ---
add_bytes("length-negative", head_with(EVENT_STREAM, "Content-Length: -5") + EVENT, "http_protocol")
add_bytes("length-not-digits", head_with(EVENT_STREAM, "Content-Length: ten") + EVENT,
          "http_protocol")
add_bytes("length-overflow", head_with(EVENT_STREAM, "Content-Length: 99999999999999999999999")
          + EVENT, "http_protocol")
add_bytes("length-twice", head_with(EVENT_STREAM, "Content-Length: 13", "Content-Length: 14")
          + EVENT, "http_protocol")
add_bytes("length-and-chunked", head_with(EVENT_STREAM, "Content-Length: 13", CHUNKED)
          + chunk(EVENT) + LAST_CHUNK, "http_protocol")
add_bytes("length-short", head_with(EVENT_STREAM, "Content-Length: 99") + EVENT, "closed_early",
          ["hello"])
add_clean("length-exact", head_with(EVENT_STREAM, f"Content-Length: {len(EVENT)}") + EVENT)
add_clean("length-zero", head_with(EVENT_STREAM, "Content-Length: 0"), ())
add_clean("bytes-after-length", head_with(EVENT_STREAM, f"Content-Length: {len(EVENT)}") + EVENT
          + b"data: not part of it\n\n")
add_clean("close-delimited-keep-alive", head_with(EVENT_STREAM, "Connection: keep-alive") + EVENT)

# --- chunks ---
add_bytes("encoding-unknown", head_with(EVENT_STREAM, "Transfer-Encoding: zebra") + EVENT,
          ("http_protocol", "decode"))
add_bytes("chunk-size-overflow", CHUNKED_HEAD + b"fffffffffffffffff\r\n" + EVENT, "http_protocol")
add_bytes("chunk-size-huge", CHUNKED_HEAD + b"7fffffffffff\r\n" + EVENT, "closed_early", ["hello"])
add_bytes("chunk-size-negative", CHUNKED_HEAD + b"-d\r\n" + EVENT, "http_protocol")
add_bytes("chunk-size-not-hex", CHUNKED_HEAD + b"wide\r\n" + EVENT, "http_protocol")
add_bytes("chunk-size-empty", CHUNKED_HEAD + b"\r\n" + EVENT, "http_protocol")
add("chunk-extension-endless", flood(CHUNKED_HEAD + b"d;x=", b"y"), "too_large")
add("chunk-size-endless-zeros", flood(CHUNKED_HEAD, b"0"), ("too_large", "http_protocol"))
add_clean("chunk-extension", CHUNKED_HEAD + b'd;a="b c"\r\n' + EVENT + b"\r\n0;last\r\n\r\n")
add_clean("trailers", CHUNKED_HEAD + chunk(EVENT) + b"0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n")
add("trailers-endless", flood(CHUNKED_HEAD + chunk(EVENT) + b"0\r\n", b"X-Again: and again\r\n"),
    "too_large", ["hello"])
add_bytes("chunk-without-crlf", CHUNKED_HEAD + b"d\r\n" + EVENT + b"d\r\n" + EVENT, "http_protocol",
          ["hello"])
add_bytes("no-last-chunk", CHUNKED_HEAD + chunk(EVENT), "closed_early", ["hello"])
add_bytes("fin-in-chunk", CHUNKED_HEAD + b"40\r\n" + EVENT, "closed_early", ["hello"])
add_clean("last-chunk", CHUNKED_HEAD + chunk(EVENT[:5]) + chunk(EVENT[5:]) + LAST_CHUNK)
add_clean("garbage-after-last-chunk", CHUNKED_HEAD + chunk(EVENT) + LAST_CHUNK + b"\x00garbage")
add("reset-in-body", cut(OK_HEAD + EVENT), "reset", ["hello"])
add("reset-in-chunk", cut(CHUNKED_HEAD + b"40\r\n" + EVENT), "reset", ["hello"])

# --- the stream ---
add("body-a-byte-at-a-time", lambda peer, _: (peer.send(OK_HEAD), peer.dribble(EVENT, BODY_PACE_S)),
    (), ["hello"])
add("silent-stream", stay(OK_HEAD + EVENT), "timeout_read", ["hello"], ("--read-timeout", "500ms"))
add("endless-line", flood(OK_HEAD + b"data: ", b"a"), "too_large")
add("endless-event", flood(OK_HEAD, b"data: " + b"line " * 20 + b"\n"), "too_large")
add("endless-comment", flood(OK_HEAD + b":", b"a"), "too_large")
add("endless-id", flood(OK_HEAD + b"id: ", b"7"), "too_large")
add("endless-field-name", flood(OK_HEAD, b"x"), "too_large")
add_clean("binary-body", OK_HEAD + bytes(range(256)) * 64, ())
add_clean("nul-and-bad-utf-8", OK_HEAD + b"data: a\x00b\xff\xc3(\n\n", ["a\0b\ufffd\ufffd("])
add_clean("byte-order-mark", OK_HEAD + b"\xef\xbb\xbf" + EVENT)
add_clean("only-cr", OK_HEAD + b"data: hello\rdata: again\r\r", ["hello\nagain"])
add_clean("unfinished-block", OK_HEAD + EVENT + b"data: lost", ["hello"])
add_bytes("gzip-not-asked-for", head_with(EVENT_STREAM, "Content-Encoding: gzip")
          + gzip.compress(EVENT), "decode")


def answer(peer, request):
    """A handler for RawServer: what the path asks for."""
    CASES[request.path.strip("/")].answer(peer, request)


def main():
    server = RawServer(answer)
    for name in CASES:
        print(server.url("/" + name))
    print("Ctrl-C ends it", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
