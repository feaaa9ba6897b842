#!/usr/bin/env python3
"""`cicada run --find-limit`: edges of services whose edge is known, what gave way, exits."""

import itertools
import signal
import threading
import time

import harness
from demo_service import Service
from harness import between, check, contains, same, test
from raw_server import CHUNKED_HEAD, chunk, serve, unused_port

QUERY = "/api/v1/events/stream?interval=20ms"
SEARCH_LIMIT_S = 170


def search(t, service, *words):
    outcome, result = t.load(service.url(QUERY), "--find-limit", *words, limit_s=SEARCH_LIMIT_S)
    return outcome, result.json["limit"], result


def check_edge(limit, edge, slack):
    """The edge lies between the two numbers or within `slack` of them, a share of it."""
    between(limit["holds"], edge * (1 - slack), edge * (1 + slack), "users that hold")
    between(limit["fails"], limit["holds"] + 1, edge * (1 + slack) + 1, "users that do not")


def check_curve(limit):
    """What was found stands in the curve."""
    steps = limit["curve"]
    held = [each["users"] for each in steps if each["held"]]
    failed = [each for each in steps if not each["held"]]
    check(limit["holds"] in held, f"{limit['holds']} is among those that held: {held}")
    reasons = [each["broken"] for each in failed]
    check(limit["first_broken"] in reasons, "the reason is that of a step")
    check(all(reasons), "each that failed says why")
    same([each["at_s"] for each in steps], sorted(each["at_s"] for each in steps), "moments")


@test
def a_limit_of_streams_is_found_and_named(t):
    service = Service(t, "--fault", "max-streams=30")
    # Who is turned away breaks no bound of a time.
    outcome, limit, result = search(t, service, "-u", 1280, "--threshold", "sse_ttfe: p(95)<5s")
    same((outcome.status, result.json["run"]["verdict"]), (0, "pass"), "exit status")
    same(limit["end"], "edge", "how it ended")
    check_edge(limit, 30, 0.05)
    check_curve(limit)
    contains(limit["first_broken"], r"^sse_connect_success: rate>0.99 is .*\(status_5xx\)$",
             "what gave way")
    same(len(result.json["stages"]), len(limit["curve"]), "each step is a stage")
    for step in limit["curve"]:
        check(step["attempts"] > 0, f"somebody is new: {step}")
        if step["held"]:
            same((step["open"], step["connect_success"]), (step["users"], 1), "of those that held")
    contains(outcome.stdout, r"users +at most \d+ at once \(1,280 allowed\)", "summary")
    same([each["code"] for each in result.json["findings"]], ["connection-limit"], "findings")
    contains(outcome.stdout, rf"{limit['holds']} users hold; {limit['fails']} do not", "verdict")
    contains(outcome.stderr, r": \d+ users, \d+ open, .*step \d+: holding \d+ users", "progress")


@test
def a_time_that_grows_with_the_number_of_streams_ends_it_at_its_threshold(t):
    service = Service(t, "--fault", "load-delay=60ms")
    outcome, limit, _ = search(t, service, "-u", 1280, "--threshold", "sse_connecting: p(95)<1.8s")
    same((outcome.status, limit["end"]), (0, "edge"), "exit status")
    check_edge(limit, 30, 0.05)
    check_curve(limit)
    same(limit["rules"][0], "sse_connecting: p(95)<1.8s", "the first rule")
    same(limit["rules"][1][:20], "sse_connect_success:", "who is turned away counts all the same")
    contains(limit["first_broken"], r"^sse_connecting: p\(95\)<1.8s is \d+ ms$", "what gave way")


class Picky:
    """A service that turns every fourth request away."""

    def __init__(self, t):
        self.requests = itertools.count(1)
        self.server = serve(t, self._answer)

    def url(self, path):
        return self.server.url(path)

    def _answer(self, peer, _request):
        if next(self.requests) % 4 == 0:
            peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            return
        peer.send(CHUNKED_HEAD)
        for i in range(10**6):
            peer.send(chunk(b"data: %d\n\n" % i))
            time.sleep(0.02)


@test
def more_may_be_turned_away_where_a_threshold_says_so(t):
    words = ("-u", 8, "--reconnect", "never")
    outcome, limit, _ = search(t, Picky(t), *words, "--threshold", "sse_connect_success: rate>0.5")
    same((outcome.status, limit["end"], limit["holds"]), (0, "ceiling", 8), "with one")
    same(limit["rules"], ["sse_connect_success: rate>0.5", "sse_stream_success: rate>0.99"],
         "rules")
    _, limit, _ = search(t, Picky(t), *words, "--threshold", "sse_stream_success: rate>0.5")
    contains(limit["first_broken"], r"^sse_connect_success: rate>0.99 is .*status_5xx", "without")


@test
def a_wait_for_the_source_is_not_measured_with_a_handful_of_users(t):
    service = Service(t)
    outcome, result = t.load(service.url("/api/v1/events/stream"), "--find-limit", "-u", 1600,
                             "--threshold", "sse_ttfe: p(95)<500", limit_s=SEARCH_LIMIT_S)
    limit = result.json["limit"]
    same((outcome.status, limit["end"], limit["fails"]), (99, "nothing-holds", 20), "end")
    contains(limit["first_broken"], r"^sse_ttfe: p\(95\)<500 is \d+ ms$", "what gave way")
    contains(outcome.stdout, "verdict   fail: not even 20 users hold", "verdict")


class Fragile:
    """A service that drops all its streams when there are more than `cap`, and asks them to stay
    away for a minute."""

    def __init__(self, t, cap):
        self.cap, self.lock = cap, threading.Lock()
        self.open, self.falls = 0, 0
        self.server = serve(t, self._answer)

    def url(self, path):
        return self.server.url(path)

    def _answer(self, peer, _request):
        with self.lock:
            self.open += 1
            if self.open > self.cap:
                self.falls += 1
                self.open = 0
                return
            life = self.falls
        peer.send(CHUNKED_HEAD + chunk(b"retry: 60000\ndata: 0\n\n"))
        try:
            while self.falls == life:
                time.sleep(0.02)
                peer.send(chunk(b":\n"))
        finally:
            with self.lock:
                self.open -= self.falls == life


@test
def a_service_that_falls_over_is_filled_again_before_the_next_step(t):
    service = Fragile(t, 3)
    outcome, limit, _ = search(t, service, "-u", 4)
    same((outcome.status, limit["end"], limit["confirmed"]), (0, "edge", 2), "how it ended")
    same((limit["holds"], limit["fails"]), (3, 4), "edge")
    contains(limit["first_broken"], r"^sse_.*_success: rate>0.99 is ", "what gave way")
    same([(each["users"], each["held"]) for each in limit["curve"]],
         [(1, True), (2, True), (4, False), (3, True)] + [(3, True), (4, False)] * 2, "steps")
    same(service.falls, 3, "falls")
    same([each["open"] for each in limit["curve"] if each["held"]], [1, 2, 3, 3, 3], "open streams")


@test
def as_many_as_are_allowed_may_hold(t):
    outcome, limit, result = search(t, Service(t), "-u", 8)
    same((outcome.status, limit["end"]), (0, "ceiling"), "exit status")
    same((limit["holds"], limit["fails"], limit["first_broken"]), (8, None, None), "edge")
    same([each["users"] for each in limit["curve"]], [1, 2, 4, 8], "curve")
    same(result.json["run"]["users_max"], 8, "most users")
    same(result.json["findings"], [], "findings")


@test
def a_service_that_holds_nobody_ends_with_99(t):
    service = Service(t, "--fault", "status=503:1")
    outcome, limit, result = search(t, service, "-u", 640)
    same((outcome.status, result.json["run"]["verdict"]), (99, "fail"), "exit status")
    same((limit["end"], limit["holds"], limit["fails"]), ("nothing-holds", None, 1), "edge")
    contains(outcome.stdout, "verdict   fail: not even one user holds", "verdict")
    url = f"http://127.0.0.1:{unused_port()}/"
    outcome, result = t.load(url, "--find-limit", "-u", 640, limit_s=SEARCH_LIMIT_S)
    same((outcome.status, result.json["limit"]["end"]), (99, "nothing-holds"), "nobody listens")


@test
def ctrl_c_leaves_what_is_known(t):
    service = Service(t)
    path = t.path("result.json")
    process = t.start_cicada("run", service.url(QUERY), "--find-limit", "-u", 640, "--json", path)
    process.wait_for_output(r"step 2: ")
    process.signal(signal.SIGINT)
    same(process.wait(), 130, "exit status")
    limit = harness.Result(path).json["limit"]
    same((limit["end"], limit["holds"]), ("unfinished", 10), "what is known")
    contains(process.stdout, r"aborted: interrupted by Ctrl-C \(SIGINT\); 10 users hold", "verdict")


@test
def a_search_without_time_is_no_pass(t):
    outcome, limit, _ = search(t, Service(t), "-u", 640, "-t", "2s")
    same((outcome.status, limit["end"]), (1, "unfinished"), "exit status")


@test
def what_a_search_has_no_use_for_is_refused(t):
    url = f"http://127.0.0.1:{unused_port()}/"
    for words, sentence in (
            (("--stages", "1s:1"), "leave out --stages"),
            (("--storm", "1s"), "leave out --storm"),
            (("--iterations", 2), "leave out --iterations"),
            (("--threshold", "sse_ttfe: p(95)<500 over 10s"), "has 'over', and with --find-limit"),
            (("--threshold", "sse_ttfe{endpoint:x}: p(95)<5"), "has an endpoint, and with")):
        contains(t.refused("run", url, "--find-limit", *words), sentence, f"sentence of {words[0]}")


if __name__ == "__main__":
    harness.main(jobs=5)
