#!/usr/bin/env python3
"""`--read-rate` and `--abort`: clients that are slow, and clients that leave rudely."""

import errno
import signal
import socket
import threading
import time

import harness
from harness import between, check, contains, same, test, wait_until
from raw_server import CHUNKED_HEAD, OK_HEAD, chunk, serve

EVENT = b"data: " + b"x" * 90 + b"\n\n"


class Flood:
    """Sends events as fast as each client takes them, and remembers how much that was."""

    def __init__(self, t):
        self.lock, self.taken = threading.Lock(), {}
        self.server = serve(t, self._answer)

    def _answer(self, peer, request):
        peer.raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
        peer.send(OK_HEAD)
        while True:
            peer.send(EVENT * 10)
            with self.lock:
                self.taken[peer] = self.taken.get(peer, 0) + len(EVENT) * 10


def interrupt(process):
    process.signal(signal.SIGINT)
    same(process.wait(30), 130, f"exit status ({process.stderr})")
    harness.check_for_crash(process)


def start(t, url, *options):
    path = t.path("result.json")
    return path, t.start_cicada("run", url, "-r", 1000, "-t", "60s", "--json", path, *options)


@test
def a_slow_reader_takes_no_more_than_its_rate(t):
    flood, rate = Flood(t), 50 * 1000
    path, process = start(t, flood.server.url("/"), "--read-rate", "50000")
    wait_until(lambda: sum(flood.taken.values()) > 0, "the first bytes")
    began, before = time.monotonic(), sum(flood.taken.values())
    wait_until(lambda: sum(flood.taken.values()) >= before + 3 * rate, "three seconds' worth")
    taken, took = sum(flood.taken.values()) - before, time.monotonic() - began
    # What the two kernels hold, and a read that is due at either end.
    check(taken <= rate * took + 100 * 1000, f"{taken} bytes in {took:.2f} s")
    interrupt(process)
    result = harness.Result(path)
    age_s = result.metrics["sse_open_age"]["max"] / 1000
    check(result.count("sse_bytes") <= rate * age_s + 64 * 1000,
          f"{result.count('sse_bytes')} bytes read in {age_s} s")
    same(result.count("sse_slow_readers"), 1, "slow readers")
    same([row["name"] for row in result.json["endpoints"]],
         [flood.server.url("/") + " (slow readers)"], "endpoints")
    same(result.count("sse_disconnects"), 0, "disconnects")


@test
def our_own_silence_is_no_missed_heartbeat(t):
    flood = Flood(t)
    path, process = start(t, flood.server.url("/"), "-u", 2, "--read-rate", "20k", "--heartbeat",
                          "50ms")
    # Between two reads of 4 KiB at least there are 200 ms of silence.
    wait_until(lambda: len(flood.taken) == 2 and min(flood.taken.values()) > 100 * 1000,
               "many reads")
    interrupt(process)
    same(harness.Result(path).count("sse_missed_heartbeats"), 0, "missed heartbeats")


@test
def a_quiet_stream_is_not_slowed_and_its_end_is_seen(t):
    def answer(peer, request):
        peer.send(CHUNKED_HEAD + chunk(b"data: 1\n\n") + b"0\r\n\r\n")

    outcome, result = t.load(serve(t, answer).url("/"), "-t", "10s", "--read-rate", "1k",
                             "--reconnect", "never")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    same(result.count("sse_events"), 1, "events")
    same(result.count("sse_disconnects{cause:closed}"), 1, "ends")


@test
def slow_readers_do_not_hold_up_the_others_and_stand_apart(t):
    flood = Flood(t)
    url = flood.server.url("/")
    path, process = start(t, url, "-u", 10, "--read-rate", "20k:50%", "--processes", 1)
    wait_until(lambda: len(flood.taken) == 10 and
               sorted(flood.taken.values())[6] > 4 * 1000 * 1000, "what the fast ones take")
    slow = {peer: taken for peer, taken in flood.taken.items() if taken < 1000 * 1000}
    between(len(slow), 4, 6, "slow readers")
    wait_until(lambda: all(flood.taken[peer] > taken for peer, taken in slow.items()),
               "more for the slow ones")
    interrupt(process)
    result = harness.Result(path)
    same(result.count("sse_slow_readers"), len(slow), "slow readers in the result")
    rows = {row["name"]: row["metrics"]["sse_attempts"]["count"]
            for row in result.json["endpoints"]}
    same(rows, {url: 10 - len(slow), f"{url} (slow readers)": len(slow)}, "streams by endpoint")


class Leavers:
    """Sends an event and waits for the client to go; counts how they went."""

    def __init__(self, t):
        self.lock, self.resets, self.ends = threading.Lock(), 0, 0
        self.server = serve(t, self._answer)

    def _answer(self, peer, request):
        peer.send(OK_HEAD + b"data: 1\n\n")
        try:
            while peer.sock.recv(4096):
                pass
            is_reset = False
        except OSError as error:
            is_reset = error.errno == errno.ECONNRESET
        with self.lock:
            self.resets += is_reset
            self.ends += not is_reset


@test
def leavers_leave_by_reset_and_the_rest_stays(t):
    service = Leavers(t)
    outcome, result = t.load(service.server.url("/"), "-u", 20, "-r", 1000, "-t", "3s",
                             "--abort", "25%@100ms", "--iterations", 1)
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    between(result.count("sse_aborted"), 4, 6, "streams that left")
    wait_until(lambda: service.resets + service.ends == 20, "every end")
    same(service.resets, result.count("sse_aborted"), "resets that the server saw")
    same(result.count("sse_closed_by_us"), 20, "closed by us")
    same(result.count("sse_disconnects"), 0, "disconnects")
    contains(outcome.stdout, r"left by reset +\d", "the summary")


@test
def a_leaver_comes_back_as_a_new_stream(t):
    service = Leavers(t)
    path, process = start(t, service.server.url("/"), "-u", 4, "--abort", "100%@50ms")
    wait_until(lambda: service.resets >= 40, "40 resets")
    interrupt(process)
    result = harness.Result(path)
    # One left between the last look and the end at most, of each user.
    same(result.count("sse_attempts"), result.count("sse_aborted") + 4, "streams opened")
    same([request.header("Last-Event-ID") for request in service.server.seen()],
         [None] * len(service.server.seen()), "what they resume")
    same(result.count("sse_attempts{phase:resume}"), 0, "reconnects")


@test
def nobody_leaves_unless_asked_to(t):
    service = Leavers(t)
    outcome, result = t.load(service.server.url("/"), "-u", 20, "-r", 1000, "-t", "1s",
                             "--abort", "0@100ms")
    same(result.count("sse_attempts"), 20, "streams")
    same(result.count("sse_aborted"), 0, "streams that left")
    same(service.resets, 0, "resets")


@test
def bad_options_are_named(t):
    for words, pattern in ((["--read-rate", "0"], r"'--read-rate': a rate is from 1 byte"),
                           (["--read-rate", "2G"], r"'--read-rate': a rate is from 1 byte"),
                           (["--read-rate", "1k:2"], r"'--read-rate'"),
                           (["--read-rate", "fast"], r"'--read-rate'"),
                           (["--abort", "50%"], r"'--abort': '50%' is not of the form RATIO@D"),
                           (["--abort", "200%@1s"], r"'--abort'"),
                           (["--abort", "50%@0"], r"'--abort': the time behind the @"),
                           (["--abort", "50%@none"], r"'--abort': the time behind the @")):
        contains(t.refused("run", "http://127.0.0.1:1/", "-t", "1s", *words), pattern, f"{words}")


if __name__ == "__main__":
    harness.main(jobs=4)
