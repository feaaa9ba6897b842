#!/usr/bin/env python3
"""Compressed streams: what comes out, when, and what is refused, with curl beside it."""

import threading

import harness
from curl_client import curl, start_curl
from encoders import (bare_deflate, brotli, brotli_pieces, deflate, gzip_bytes, gzip_pieces,
                      zlib_pieces)
from harness import check, peak_memory_bytes, same, test
from raw_server import CHUNKED_HEAD, chunk, head_with, serve

STREAM = "Content-Type: text/event-stream"
TEXTS = [f"event number {number} \u00e9 " + "and so on " * number for number in range(40)]
BODY = "".join(f"data: {text}\n\n" for text in TEXTS).encode()
HALF = BODY.index(b"data: event number 20")
MEMORY_LIMIT_BYTES = 24 << 20
BOMB_BYTES = 64 << 20


def head_of(coding, *lines):
    return head_with(STREAM, f"Content-Encoding: {coding}", *lines)


class Coded:
    """A body in a coding; `data` is what must come of it, `error` the class of its end.

    `curl_status` is curl's exit status: 0, or that of a broken coding (61) or body (23, 56)."""

    def __init__(self, coding, body, data=None, error=None, curl_statuses=(0,)):
        self.coding, self.body, self.error = coding, body, error
        self.data = TEXTS if data is None else data
        self.curl_statuses = curl_statuses


BROKEN = (23, 56, 61)
CODED = {}


def add(name, *args, **options):
    CODED[name] = Coded(*args, **options)


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1:]


def add_cases():
    packed, br = gzip_bytes(BODY), brotli(BODY)
    half = gzip_pieces([BODY[:HALF], BODY[HALF:]])
    br_half = brotli_pieces([BODY[:HALF], BODY[HALF:]])
    add("gzip", "gzip", packed)
    add("gzip in capitals", "GZip", packed)
    add("x-gzip", "x-gzip", packed)
    add("deflate", "deflate", deflate(BODY))
    add("bare deflate", "deflate", bare_deflate(BODY))
    add("br", "br", br)
    add("identity", "identity", BODY)
    add("gzip, then br", "gzip, br", brotli(packed))
    add("br, then gzip", "br, gzip", gzip_bytes(br))
    # curl takes what follows the first member for rubbish.
    add("gzip in two members", "gzip", gzip_bytes(BODY[:HALF]) + gzip_bytes(BODY[HALF:]),
        curl_statuses=BROKEN)
    add("nothing at all", "gzip", b"", [])
    add("gzip of nothing", "gzip", gzip_bytes(b""), [])
    add("br of nothing", "br", brotli(b""), [])
    # curl says nothing of an end that is missing.
    add("gzip cut after a flush", "gzip", half[0], TEXTS[:20], "decode")
    add("br cut after a flush", "br", br_half[0], TEXTS[:20], "decode")
    add("deflate cut after a flush", "deflate", zlib_pieces([BODY[:HALF]], 15)[0], TEXTS[:20],
        "decode")
    add("gzip with a wrong checksum", "gzip", flipped(packed, len(packed) - 6), TEXTS, "decode",
        BROKEN)
    add("gzip with a wrong byte after a flush", "gzip", half[0] + b"\xff" * 40, TEXTS[:20],
        "decode", BROKEN)
    add("gzip that is none", "gzip", BODY, [], "decode", BROKEN)
    add("br that is none", "br", b"\xff" * 64, [], "decode", BROKEN)
    add("gzip with rubbish behind it", "gzip", packed + b"rubbish", TEXTS, "decode", BROKEN)
    add("zstd", "zstd", BODY, [], "decode", BROKEN)
    add("a coding nobody knows", "rot13", BODY, [], "decode", BROKEN)
    add("five codings", "gzip, gzip, gzip, gzip, gzip", BODY, [], "decode", BROKEN)


def check_coded(t, case):
    server = serve(t, lambda peer, _: peer.send(head_of(case.coding) + case.body))
    outcome, lines = t.tap("--compressed", "--timeout", "15s", server.url())
    same([line["data"] for line in lines if "data" in line], case.data, "data of the events")
    same([line["error"] for line in lines if "error" in line], [case.error] if case.error else [],
         "errors")
    same(outcome.status, 1 if case.error else 0, "exit status")
    ours, = server.seen()
    same(ours.header("Accept-Encoding"), b"gzip, deflate, br", "Accept-Encoding")
    theirs = curl(t, "--compressed", "--no-buffer", server.url())
    check(theirs.status in case.curl_statuses, f"status of curl: expected {case.curl_statuses}, "
          f"got {theirs.status} ({theirs.stderr})")
    if theirs.status == 0:
        same(theirs.body, "".join(f"data: {text}\n\n" for text in case.data).encode(),
             "body of curl")


def add_tests():
    add_cases()
    for name, case in CODED.items():
        harness.tests.append((name, lambda t, case=case: check_coded(t, case)))


add_tests()


@test
def a_cut_at_any_byte_loses_no_event_that_was_flushed(t):
    """One byte a chunk: the codings meet every cut."""
    packed = gzip_bytes(BODY)
    chunks = b"".join(chunk(packed[index:index + 1]) for index in range(len(packed)))
    head = CHUNKED_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    server = serve(t, lambda peer, _: peer.send(head + chunks + b"0\r\n\r\n"))
    outcome, lines = t.tap("--compressed", server.url())
    same((outcome.status, [line["data"] for line in lines]), (0, TEXTS), "exit status, data")


@test
def a_coding_nobody_asked_for_is_refused(t):
    for coding, body in (("gzip", gzip_bytes(BODY)), ("br", brotli(BODY))):
        server = serve(t, lambda peer, _, c=coding, b=body: peer.send(head_of(c) + b))
        outcome, lines = t.tap(server.url())
        same((outcome.status, [line.get("error") for line in lines]), (1, ["decode"]),
             f"exit status and errors of {coding}")
        same(server.seen()[0].header("Accept-Encoding"), None, "Accept-Encoding")


@test
def a_status_says_more_than_a_coding_nobody_asked_for(t):
    for status, classes in (("404 No", ["status_4xx"]), ("500 Oops", ["status_5xx"]),
                            ("204 Stop", [])):
        for coding in ("gzip", "zstd"):
            server = serve(t, lambda peer, _, status=status, coding=coding: peer.send(
                head_with(f"Content-Encoding: {coding}", status=status)))
            _, lines = t.tap(server.url())
            same([line.get("error") for line in lines], classes, f"errors of {status}, {coding}")


@test
def a_header_of_ones_own_asks_as_well(t):
    server = serve(t, lambda peer, _: peer.send(head_of("gzip") + gzip_bytes(BODY)))
    outcome, lines = t.tap("-H", "Accept-Encoding: gzip", server.url())
    same((outcome.status, [line["data"] for line in lines]), (0, TEXTS), "exit status, data")
    same(server.seen()[0].header("Accept-Encoding"), b"gzip", "Accept-Encoding")


@test
def a_run_counts_decoded_bytes_and_events(t):
    server = serve(t, lambda peer, _: peer.send(head_of("br") + brotli(BODY)))
    outcome, result = t.load("--compressed", server.url(), "-u", 3, "--processes", 1, "-t", "10s",
                             "--events", len(TEXTS), "--iterations", 1)
    same((outcome.status, result.json["errors"]), (0, []), "exit status and errors")
    same(result.count("sse_events"), 3 * len(TEXTS), "events")
    same(result.count("sse_bytes"), 3 * len(BODY), "bytes")


@test
def what_a_coding_breaks_is_no_reconnect(t):
    server = serve(t, lambda peer, _: peer.send(head_of("zstd") + BODY))
    outcome, result = t.load("--compressed", server.url(), "-u", 1, "--processes", 1, "-t", "2s",
                             "--retry-wait", "50ms")
    same((outcome.status, result.classes()), (1, {"decode": 1}), "exit status and errors")
    same(len(server.seen()), 1, "requests")


# --- bombs ---

def check_bomb(t, coding, body):
    """The process waits before it reconnects, so its memory can be looked at."""
    server = serve(t, lambda peer, _: peer.send(head_of(coding) + body))
    process = t.start_cicada("tap", "--json", "--compressed", "--reconnect", "--retry-wait", "60s",
                             "--retry-max", "60s", server.url())
    process.wait_for_output('"error":"too_large"')
    peak_bytes = peak_memory_bytes(process.pid)
    process.kill()
    quiet = t.start_cicada("tap", "--json", "--reconnect", "--retry-wait", "60s", "--retry-max",
                           "60s", serve(t, lambda peer, _: peer.reset()).url())
    quiet.wait_for_output('"error"')
    check(peak_bytes - peak_memory_bytes(quiet.pid) < MEMORY_LIMIT_BYTES,
          f"{peak_bytes} bytes of memory, {peak_memory_bytes(quiet.pid)} without a bomb")


COMMENTS = b":" + b"a" * 1022 + b"\n"


@test
def a_bomb_of_gzip_is_too_large(t):
    check_bomb(t, "gzip", gzip_bytes(COMMENTS * (BOMB_BYTES >> 10)))


@test
def a_bomb_of_gzip_in_gzip_is_too_large(t):
    check_bomb(t, "gzip, gzip", gzip_bytes(gzip_bytes(COMMENTS * (BOMB_BYTES >> 10))))


@test
def a_bomb_of_br_is_too_large(t):
    check_bomb(t, "br", brotli(COMMENTS * (BOMB_BYTES >> 10)))


# --- as it comes ---

PIECES = [f"data: piece {number}\n\n".encode() for number in range(12)]


class Turns:
    """A server that sends the next piece only when the one before was seen to have arrived."""

    def __init__(self, t, coding, pieces):
        self.head, self.pieces = head_of(coding), pieces
        self.process, self.is_started = None, threading.Event()
        self.server = serve(t, self.answer)

    def answer(self, peer, _):
        peer.send(self.head)
        self.is_started.wait(harness.LIMIT_S)
        for number, piece in enumerate(self.pieces[:-1]):
            peer.send(piece)
            self.process.wait_for_output(f"piece {number}\\b")
        peer.send(self.pieces[-1])

    def watch(self, process):
        self.process = process
        self.is_started.set()
        same(process.wait(), 0, f"exit status ({process.output})")
        for number in range(len(PIECES)):
            check(f"piece {number}" in process.stdout, f"piece {number} came")


def check_turns(t, coding, pieces):
    ours = Turns(t, coding, pieces)
    ours.watch(t.start_cicada("tap", "--json", "--compressed", ours.server.url()))
    theirs = Turns(t, coding, pieces)
    theirs.watch(start_curl(t, "--compressed", "--no-buffer", theirs.server.url()))


@test
def each_flushed_piece_of_gzip_is_seen_at_once(t):
    check_turns(t, "gzip", gzip_pieces(PIECES))


@test
def each_flushed_piece_of_deflate_is_seen_at_once(t):
    check_turns(t, "deflate", zlib_pieces(PIECES, 15))


@test
def each_flushed_piece_of_bare_deflate_is_seen_at_once(t):
    check_turns(t, "deflate", zlib_pieces(PIECES, -15))


@test
def each_flushed_piece_of_br_is_seen_at_once(t):
    check_turns(t, "br", brotli_pieces(PIECES))


if __name__ == "__main__":
    harness.main(jobs=8)
