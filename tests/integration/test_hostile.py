#!/usr/bin/env python3
"""What `tap` and `run` make of servers that break rules: a class each, bounded memory, no hang."""

import harness
from harness import between, check, same, test
from hostile import CASES, EVENT, answer
from raw_server import OK_HEAD, SCHEME, full_listener, serve, unix_path, unused_port

USERS = 5
TAP_TIME_S = 4
RUN_TIME_S = 6
# What a graceful end and a sanitized start on a busy machine may add.
SLACK_S = 8
RSS_LIMIT_BYTES = 256 << 20
TAP_OPTIONS = ("--timeout", f"{TAP_TIME_S}s", "--headers-timeout", "1s", "--connect-timeout", "1s")
RUN_OPTIONS = ("-u", USERS, "-r", 50, "-t", f"{RUN_TIME_S}s", "--reconnect", "never",
               "--headers-timeout", "1s", "--connect-timeout", "1s", "--processes", 1)


def check_tap(outcome, lines, classes, data):
    """The events, then the error or the clean end, and nothing behind it."""
    events = [line["data"] for line in lines if "data" in line]
    same(events, list(data), "event data")
    errors = [line for line in lines if "error" in line]
    if not classes:
        same((outcome.status, errors), (0, []), "exit status and errors")
        return
    same([outcome.status, len(errors)], [1, 1], f"exit status and errors ({errors})")
    check(errors[0]["error"] in classes, f"expected {classes}, got {errors[0]}")
    check(errors[0]["message"], "the error has a message")
    check("error" in lines[-1], "the error is the last line")


def check_run(outcome, result, classes, data):
    seen = result.classes()
    if classes:
        check(seen and set(seen) <= set(classes),
              f"expected {classes}, got {result.json['errors']}")
        same(sum(seen.values()), USERS, "errors, one a user")
    else:
        check(set(seen) <= {"closed"}, f"expected no error, got {result.json['errors']}")
    same(result.count("sse_attempts"), USERS, "attempts")
    same(result.count("sse_events"), USERS * len(data), "events")
    # A stream that breaks and may not reconnect has failed, and so has a run without any event.
    passes = data and not classes
    same(outcome.status, 0 if passes else 1, f"exit status ({outcome.stderr})")
    same(result.json["run"]["verdict"], "pass" if passes else "fail", "verdict")
    for worker in result.workers:
        between(worker["rss"], 1, RSS_LIMIT_BYTES, "bytes of memory of a worker")
    between(outcome.seconds, 0, RUN_TIME_S + SLACK_S, "seconds that the run took")


def add_tests(case):
    def tap_test(t):
        server = serve(t, answer)
        outcome, lines = t.tap(*TAP_OPTIONS, *case.options, server.url("/" + case.name))
        check_tap(outcome, lines, case.classes, case.data)
        between(outcome.seconds, 0, TAP_TIME_S + SLACK_S, "seconds that tap took")

    def run_test(t):
        server = serve(t, answer)
        outcome, result = t.load(server.url("/" + case.name), *RUN_OPTIONS, *case.options)
        check_run(outcome, result, case.classes, case.data)

    harness.tests.append((f"tap on {case.name}".replace("_", " "), tap_test))
    harness.tests.append((f"run on {case.name}".replace("_", " "), run_test))


for each in CASES.values():
    add_tests(each)


def both(t, url, classes, data=(), options=()):
    """The same through tap and through run."""
    outcome, lines = t.tap(*TAP_OPTIONS, *options, url)
    check_tap(outcome, lines, classes, data)
    outcome, result = t.load(url, *RUN_OPTIONS, *options)
    check_run(outcome, result, classes, data)


@test
def a_closed_port_is_connect_refused(t):
    both(t, f"{SCHEME}://127.0.0.1:{unused_port()}/", ["connect_refused"])


@test
def a_missing_unix_socket_is_connect_refused(t):
    both(t, f"{SCHEME}://localhost/", ["connect_refused"], options=("--unix-socket", unix_path(t)))


@test
def a_network_that_cannot_be_reached_is_unreachable(t):
    # The broadcast address of the loopback network: TCP cannot go there, and nothing leaves it.
    both(t, f"{SCHEME}://127.255.255.255:9/", ["unreachable"])


@test
def a_full_backlog_is_connect_timeout(t):
    both(t, f"{SCHEME}://127.0.0.1:{full_listener(t)}/", ["connect_timeout"])


@test
def a_close_before_the_request_is_closed_early_or_reset(t):
    server = serve(t, lambda peer, _: None, reads_request=False)
    both(t, server.url(), ["closed_early", "reset"])


@test
def a_reset_before_the_request_is_reset_or_closed_early(t):
    server = serve(t, lambda peer, _: peer.reset(), reads_request=False)
    both(t, server.url(), ["reset", "closed_early"])


@test
def an_answer_before_the_request_counts(t):
    def early(peer, _):
        peer.send(OK_HEAD + EVENT)
        peer.read_request()

    both(t, serve(t, early, reads_request=False).url(), [], ["hello"])


@test
def the_whole_time_of_tap_is_bounded_on_a_stream_that_never_ends(t):
    def tick(peer, _):
        peer.send(OK_HEAD)
        peer.dribble(b":\n" * 1000, 0.02)

    outcome = t.cicada("tap", "--json", "--timeout", "1s", serve(t, tick).url())
    same(outcome.status, 1, "exit status")
    between(outcome.seconds, 0.9, 1 + SLACK_S, "seconds that tap took")


if __name__ == "__main__":
    harness.main(jobs=16)
