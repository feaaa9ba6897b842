#!/usr/bin/env python3
"""TLS that breaks or is cut at odd places: an error class each, no hang, and the same events."""

import fcntl
import random
import socket
import struct
import subprocess
import termios

import harness
from harness import between, check, contains, same, test
from hostile import LAST_CHUNK
from raw_server import CHUNKED_HEAD, OK_HEAD, RawServer, chunk, head_with, script
from tls_checks import EVENT, GOOD, check_fails, check_works, serve_tls
from tls_server import GARBAGE_RECORD, TlsEnd, Version, pem_path, server_context, trust

SLACK_S = 8
FATAL_ALERT = b"\x15\x03\x03\x00\x02\x02\x28"  # handshake_failure, in the clear
RECORD_BYTES = 16384
WORDS_OF_PLAIN = "not TLS.*plain HTTP"
VERSIONS = ((Version.TLSv1_2, "1.2"), (Version.TLSv1_3, "1.3"))


def serve_plain(t, handler, **options):
    """Bare sockets: what it answers to a ClientHello is the test's business."""
    server = RawServer(handler, **options)
    t.keep(server, server.stop)
    return server, f"https://127.0.0.1:{server.port}/"


def hold_back(sock):
    """What is sent from here on goes out in full segments, or with the FIN, or after 200 ms."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)


# --- the handshake ---

@test
def a_port_of_plain_http_is_told_in_words(t):
    def answer(peer, _):
        peer.sock.recv(65536)
        peer.send(head_with("Content-Length: 0", status="400 Bad Request"))

    check_fails(t, serve_plain(t, answer, reads_request=False)[1], WORDS_OF_PLAIN, *trust(t))


@test
def a_port_that_speaks_first_is_told_in_words(t):
    def greet(peer, _):
        peer.send(b"220 mail.test ESMTP\r\n")
        peer.hold()

    check_fails(t, serve_plain(t, greet, reads_request=False)[1], WORDS_OF_PLAIN, *trust(t))


@test
def plain_http_to_a_port_of_tls_ends_with_a_class(t):
    url = serve_tls(t).url().replace("https", "http")
    check_fails(t, url, ".", "--headers-timeout", "2s",
                classes=("http_protocol", "closed_early", "reset"))


@test
def a_close_in_the_handshake_is_tls(t):
    def close(peer, _):
        peer.sock.recv(65536)

    check_fails(t, serve_plain(t, close, reads_request=False)[1], "closed during the handshake",
                *trust(t))


@test
def a_reset_in_the_handshake_is_reset(t):
    def reset(peer, _):
        peer.sock.recv(65536)
        peer.reset()

    check_fails(t, serve_plain(t, reset, reads_request=False)[1], "reset", *trust(t),
                classes=("reset",))


@test
def a_handshake_without_answer_ends_with_the_connect_timeout(t):
    url = serve_plain(t, lambda peer, _: peer.hold(), reads_request=False)[1]
    outcome, lines = t.tap("--connect-timeout", "500ms", *trust(t), url)
    between(outcome.seconds, 0.5, SLACK_S, "seconds")
    contains(lines[0]["message"], "TLS handshake", "message")
    check_fails(t, url, "TLS handshake", "--connect-timeout", "500ms", *trust(t),
                classes=("connect_timeout",))


@test
def a_handshake_that_stops_half_way_ends_with_the_connect_timeout(t):
    """The first bytes of a real answer, then silence."""
    def half(peer, _):
        end = TlsEnd(server_context(t))
        answered = []

        class HalfSocket:
            recv = staticmethod(peer.raw.recv)

            @staticmethod
            def sendall(data):
                if data and not answered:
                    answered.append(peer.raw.sendall(data[:len(data) // 2]))

        end.accept(HalfSocket)

    url = serve_plain(t, half, reads_request=False)[1]
    check_fails(t, url, "TLS handshake", "--connect-timeout", "500ms", *trust(t),
                classes=("connect_timeout",))


@test
def an_alert_instead_of_an_answer_is_told(t):
    def alert(peer, _):
        peer.sock.recv(65536)
        peer.send(FATAL_ALERT)

    check_fails(t, serve_plain(t, alert, reads_request=False)[1], "handshake failure", *trust(t))


@test
def an_endless_handshake_record_is_tls(t):
    def flood(peer, _):
        peer.sock.recv(65536)
        peer.send(b"\x16\x03\x03\x40\x00\x02\xff\xff\xff")
        peer.flood(b"\x00" * 4096)

    check_fails(t, serve_plain(t, flood, reads_request=False)[1], ".", *trust(t))


@test
def a_handshake_a_byte_at_a_time_succeeds(t):
    class Slow(TlsEnd):
        def accept(self, raw):
            class Dribbling:
                recv, getpeername, shutdown, close = (raw.recv, raw.getpeername, raw.shutdown,
                                                      raw.close)

                @staticmethod
                def sendall(data):
                    for index in range(len(data)):
                        raw.sendall(data[index:index + 1])
            return super().accept(Dribbling)

    for only, _ in VERSIONS:
        server = RawServer(script(GOOD), tls=Slow(server_context(t, only=only)))
        t.keep(server, server.stop)
        check_works(t, server.url(), *trust(t))


@test
def an_end_right_behind_the_tickets_is_seen(t):
    """Tickets are no data for the client, and nothing will ever wake it again."""
    class HeldBack(TlsEnd):
        def accept(self, raw):
            hold_back(raw)
            return super().accept(raw)

    def end(peer, _):
        peer.sock.says_goodbye = False
        peer.raw.shutdown(socket.SHUT_WR)

    server = RawServer(end, tls=HeldBack(server_context(t)))
    t.keep(server, server.stop)
    check_fails(t, server.url(), ".", "--headers-timeout", "3s", *trust(t),
                classes=("closed_early",))


# --- ends in mid-stream ---

def spoil(*steps):
    """A handler of an https server; each step is given to its function."""
    def answer(peer, _):
        for step in steps:
            step(peer)
    return answer


def sends(data):
    return lambda peer: peer.send(data)


def sends_raw(data):
    return lambda peer: peer.raw.sendall(data)


def cut_end(peer):
    """FIN without close_notify."""
    peer.sock.says_goodbye = False


def stays(peer):
    peer.sock.says_goodbye = False
    peer.hold()


def half_a_record(peer):
    """The half and the FIN in one segment, so that one wake-up tells the client of both."""
    sealed = peer.sock.seal(EVENT)
    hold_back(peer.raw)
    peer.raw.sendall(sealed[:len(sealed) // 2])
    cut_end(peer)
    peer.raw.shutdown(socket.SHUT_WR)


def resets(peer):
    peer.reset()


CHUNKED = CHUNKED_HEAD + chunk(EVENT)
LENGTH = head_with("Content-Type: text/event-stream", f"Content-Length: {len(EVENT)}") + EVENT
LENGTH_SHORT = head_with("Content-Type: text/event-stream", "Content-Length: 99") + EVENT
# What is sent after the handshake, the classes that are right (none: a clean end), the message.
ENDS = {
    "close without goodbye in a chunked stream": ((sends(CHUNKED), cut_end), ("closed_early",),
                                                  "before the end"),
    "close without goodbye in a close delimited stream": ((sends(GOOD), cut_end), ("tls",),
                                                          "close_notify"),
    "close without goodbye inside content length": ((sends(LENGTH_SHORT), cut_end),
                                                    ("closed_early",), "."),
    "close without goodbye behind the last chunk": ((sends(CHUNKED + LAST_CHUNK), cut_end), (),
                                                    ""),
    "close without goodbye behind content length": ((sends(LENGTH), cut_end), (), ""),
    "goodbye in a close delimited stream": ((sends(GOOD),), (), ""),
    "goodbye in a chunked stream": ((sends(CHUNKED),), ("closed_early",), "."),
    "close inside a record of a chunked stream": ((sends(CHUNKED), half_a_record),
                                                  ("closed_early", "tls"), "."),
    "close inside a record of a close delimited stream": ((sends(GOOD), half_a_record), ("tls",),
                                                          "."),
    "garbage record": ((sends(GOOD), sends_raw(GARBAGE_RECORD), stays), ("tls",), "."),
    "garbage record behind a goodbye": ((sends(GOOD), lambda peer: peer.raw.sendall(
        peer.sock.goodbye() + GARBAGE_RECORD), stays), (), ""),
    "plain text in mid stream": ((sends(GOOD), sends_raw(b"data: plain\n\n" * 9), stays), ("tls",),
                                 "."),
    "fatal alert in the clear": ((sends(GOOD), sends_raw(FATAL_ALERT), stays), ("tls",), "."),
    "reset in mid stream": ((sends(CHUNKED), resets), ("reset",), "."),
}


def add_end(name, only, version, steps, classes, pattern):
    def ends(t):
        url = serve_tls(t, spoil(*steps), only=only).url()
        outcome, lines = t.tap("--timeout", "9s", *trust(t), url)
        data = [line["data"] for line in lines if "data" in line]
        errors = [line for line in lines if "error" in line]
        # A reset may overtake the data.
        check(data == ["hello"] or classes == ("reset",) and not data, f"events: {lines}")
        same((outcome.status, len(errors)), (1, 1) if classes else (0, 0), f"{lines}")
        if errors:
            check(errors[0]["error"] in classes, f"expected {classes}, got {errors}")
            contains(errors[0]["message"], pattern, "message")
        _, result = t.load(*trust(t), "-u", 3, "-r", 50, "-t", "2s", "--reconnect", "never",
                           "--processes", 1, "--stop-timeout", "1s", url)
        check(set(result.classes()) <= set(classes or ("closed",)), f"{result.json['errors']}")
        same(sum(result.classes().values()), 3, f"ends of run: {result.json['errors']}")

    harness.tests.append((f"{name} over {version}", ends))


for each_name, each_end in ENDS.items():
    for each_only, each_version in VERSIONS:
        add_end(each_name, each_only, each_version, *each_end)


# --- cuts ---

def queued(file, question):
    """Bytes in a pipe (FIONREAD), or sent and not yet acknowledged (TIOCOUTQ)."""
    return struct.unpack("i", fcntl.ioctl(file, question, b"\0" * 4))[0]


def sends_in_cuts(body, size_of):
    """The records of the body in pieces of the sizes that `size_of()` says."""
    def answer(peer, _):
        sealed = peer.sock.seal(OK_HEAD + body) + peer.sock.goodbye()
        peer.sock.says_goodbye = False
        while sealed:
            size = size_of()
            peer.raw.sendall(sealed[:size])
            sealed = sealed[size:]
    return answer


def check_events(t, url, count, options=()):
    outcome, lines = t.tap("--timeout", "15s", *trust(t), *options, url)
    same((outcome.status, [line.get("data", line) for line in lines]),
         (0, [f"{number}" for number in range(count)]), "exit status and events")


@test
def records_of_one_byte_give_the_same_events(t):
    body = b"".join(b"data: %d\n\n" % number for number in range(20))

    def answer(peer, _):
        for byte in OK_HEAD + body:
            peer.send(bytes([byte]))

    for only, _ in VERSIONS:
        check_events(t, serve_tls(t, answer, only=only).url(), 20)


@test
def records_cut_into_single_bytes_give_the_same_events(t):
    body = b"".join(b"data: %d\n\n" % number for number in range(50))
    for only, _ in VERSIONS:
        check_events(t, serve_tls(t, sends_in_cuts(body, lambda: 1), only=only).url(), 50)


@test
def a_record_cut_at_every_place_gives_the_same_events(t):
    """One record a stream, cut once, with a pause for the client to see the first part."""
    def answer(peer, request):
        sealed = peer.sock.seal(OK_HEAD + b"retry: 1\nid: x\n" + EVENT)
        cut = int(request.query)
        peer.raw.sendall(sealed[:cut])
        harness.wait_until(lambda: queued(peer.raw, termios.TIOCOUTQ) == 0, "an acknowledgement")
        peer.raw.sendall(sealed[cut:])

    server = serve_tls(t, answer)
    urls = [server.url(f"/?{cut}") for cut in range(1, 120, 3)]
    _, result = t.load(*trust(t), "-u", len(urls), "-r", 200, "-t", "20s", "--iterations", 1,
                       "--events", 1, "--reconnect", "never", "--processes", 1, *urls)
    same((result.count("sse_events"), result.json["errors"]), (len(urls), []), "events, errors")


@test
def records_of_16_kib_back_to_back_give_every_event(t):
    line = b"x" * 100
    block = b"".join(b"data: %d\n: %s\n\n" % (number, line) for number in range(20000))
    check(len(block) > 100 * RECORD_BYTES, "many full records")
    for only, _ in VERSIONS:
        server = serve_tls(t, lambda peer, _: peer.send(OK_HEAD + block), only=only)
        check_events(t, server.url(), 20000)


@test
def random_cuts_of_many_records_give_every_event(t):
    body = b"".join(b"id: %d\ndata: %d\n\n" % (number, number) for number in range(3000))
    chance = random.Random(7)
    for only, _ in VERSIONS:
        server = serve_tls(t, sends_in_cuts(body, lambda: chance.choice((1, 4, 5, 700, 20000))),
                           only=only)
        check_events(t, server.url(), 3000)


# --- the format, over TLS as over TCP ---

TRICKY = (
    b"\xef\xbb\xbfdata: bom\n\n", b"\xef\xbb\xbf\xef\xbb\xbfdata: two boms\n\ndata: x\n\n",
    b"data: a\r\n\r\ndata: b\n\ndata: c\r\rdata: d\r\n\n", b"data: a\r\rdata: b\r\n\r\n\r\n",
    b"data: a\rdata: b\r\ndata: c\n\r", "data: Δ€😀\n\n".encode(), b"data: \xff\xfe\xc3\n\n",
    "data: 😀".encode()[:-1] + b"\n\n", b"data:\n\n", b"data\n\n", b"data: \n\n", b"data:  two\n\n",
    b"event: e\ndata: 1\n\ndata: 2\n\n", b"event: only\n\ndata: x\n\n", b"id: 1\n\ndata: x\n\n",
    b"id: a\0b\ndata: x\n\n", b"id\ndata: x\n\n", b":comment\n:\n\ndata: x\n\n", b": \r\n" * 99,
    b"retry: 10\n\ndata: x\n\n", b"retry: x\ndata: y\n\n", b"data: unfinished", b"data: x\n",
    b"Data: x\ndata : y\ndata: z\n\n", b"data: a\ndata: b\ndata:\ndata: c\n\n", b"\n\n\n\r\r\r\n",
    b"data: " + b"long " * 9999 + b"\n\n", bytes(range(256)) * 5 + b"\n\ndata: x\n\n",
    b"data: nul\0nul\n\n", b"field\nother: x\ndata: y\n\n", b"")


@test
def tricky_bytes_in_random_cuts_are_the_same_over_tls_and_tcp(t):
    chance = random.Random(11)

    def cuts(data):
        while data:
            size = chance.choice((1, 2, 3, 5, 8, 1000, 20000))
            yield data[:size]
            data = data[size:]

    def over_tcp(peer, request):
        peer.send(OK_HEAD + TRICKY[int(request.query)])

    def over_tls(peer, request):
        sealed = b"".join(map(peer.sock.seal, cuts(OK_HEAD + TRICKY[int(request.query)])))
        for piece in cuts(sealed):
            peer.raw.sendall(piece)

    tcp, _ = serve_plain(t, over_tcp)
    tls = serve_tls(t, over_tls)
    for number, sent in enumerate(TRICKY):
        plain, expected = t.tap(tcp.url(f"/?{number}"))
        outcome, lines = t.tap(*trust(t), tls.url(f"/?{number}"))
        same((outcome.status, lines), (plain.status, expected), f"events of {sent[:60]}")
        same(outcome.status, 0, f"exit status of {sent[:60]}")


# --- key updates ---

@test
def events_go_on_over_key_updates(t):
    """`openssl s_server` sends what it reads, and takes a K at the start of it for the order."""
    server = t.start("openssl", "s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-naccept", "1",
                     "-cert", pem_path(t, "server.pem"), "-key", pem_path(t, "server.key"),
                     stdin=subprocess.PIPE)
    port = server.wait_for_output(r"ACCEPT 127\.0\.0\.1:(\d+)").group(1)
    client = t.start_cicada("tap", "--json", *trust(t), f"https://127.0.0.1:{port}/")
    server.wait_for_output("Accept: text/event-stream")

    def say(data):
        server.child.stdin.write(data)
        server.child.stdin.flush()
        harness.wait_until(lambda: queued(server.child.stdin, termios.FIONREAD) == 0, "s_server")

    say(OK_HEAD + b"data: before\n\n")
    client.wait_for_output("before")
    for number in range(3):
        say(b"K\n")
        say(b"data: after %d\n\n" % number)
        client.wait_for_output(f"after {number}")
    harness.check_for_crash(client)
    check("error" not in client.output, f"no error: {client.output}")


if __name__ == "__main__":
    harness.main(jobs=8)
