#!/usr/bin/env python3
"""Streams with the same request are compared: what one did not get was missed, whatever ids say."""

import signal

import harness
from demo_service import Service
from harness import Result, between, check, same, test, wait_until

STREAMS, EVENTS = 24, 1000
DOUBT_EVENTS = 2700  # at 2 ms each more than the 5 s that a stream may begin in doubt
QUIET_EVENTS = 800  # at 2 ms each more than the second behind which an end accuses nobody


def words(t, service, query, processes, seconds, event_seq="id"):
    return ("run", "--event-seq", event_seq, service.url(f"/api/v1/events/stream?{query}"),
            "-u", STREAMS, "-r", 200, "-t", f"{seconds}s", "--processes", processes, "-q",
            "--json", t.path("result.json"))


def finish(t, process, status=0):
    same(process.wait(40), status, f"exit status ({process.stderr})")
    return Result(t.path("result.json"))


def run(t, service, query, processes=2, **options):
    return finish(t, t.start_cicada(*words(t, service, query, processes, **options)))


def wait_for_events(service, count):
    """Until each stream was sent so many more."""
    start = service.metrics()["events_sent_total"]
    wait_until(lambda: service.metrics()["events_sent_total"] > start + STREAMS * count, "events")


def run_with_losses(t, service, query, ratio, processes=2):
    """Nothing is lost before all streams are open, nor at their end."""
    process = t.start_cicada(*words(t, service, query, processes, 60))
    wait_until(lambda: service.metrics()["streams_open"] == STREAMS, "the streams")
    wait_for_events(service, DOUBT_EVENTS)
    service.control(lose=ratio)
    wait_for_events(service, EVENTS)
    service.control(lose="off")
    wait_for_events(service, QUIET_EVENTS)
    process.signal(signal.SIGINT)
    result = finish(t, process, 130)
    lost = service.metrics()["fault_lost_total"]
    between(lost, STREAMS * EVENTS * ratio * 0.7, STREAMS * EVENTS * ratio * 2, "losses")
    return result, lost


def check_calm(result, what):
    for name in ("sse_peer_missed", "sse_missed", "sse_unshared", "sse_uncompared"):
        same(result.count(name), 0, f"{name} with {what}")


def check_complete(result, what):
    check_calm(result, what)
    rate = result.metrics["sse_peer_completeness"]
    same(rate["fails"], 0, f"events that did not reach all with {what}")
    check(rate["passes"] > result.count("sse_events") * 0.9,
          f"nearly all was compared with {what}: {rate}")


@test
def losses_without_any_id_are_counted_to_the_last(t):
    for processes in (1, 2):
        for ratio in (0.01, 0.1):
            service = Service(t, "--seed", 5)
            result, lost = run_with_losses(t, service, "ids=none&interval=2ms", ratio, processes)
            what = f"lose={ratio} and {processes} processes"
            same(result.count("sse_peer_missed"), lost, f"missed with {what}")
            same(result.count("sse_peer_missed{where:stream}"), lost, f"on streams with {what}")
            same(result.metrics["sse_peer_completeness"]["fails"], lost, f"not got with {what}")
            same(result.count("sse_missed"), 0, "nothing has a number")


@test
def random_ids_are_compared_as_well(t):
    result, lost = run_with_losses(t, Service(t, "--seed", 6), "ids=random&interval=2ms", 0.02)
    same(result.count("sse_peer_missed"), lost, "missed")


@test
def numbers_and_peers_agree(t):
    result, lost = run_with_losses(t, Service(t, "--seed", 7), "interval=2ms", 0.05)
    same(result.count("sse_peer_missed"), lost, "missed among peers")
    same(result.count("sse_missed"), lost, "missed by numbers")
    same(result.count("sse_skipped"), 0, "skipped")


@test
def streams_of_a_healthy_service_are_complete(t):
    service = Service(t)
    for query in ("ids=none", "ids=random", "ids=redis", "ids=count", "filter=2", "filter=4"):
        result = run(t, service, f"{query}&interval=4ms", seconds=3)
        check_complete(result, query)
        spread = result.metrics["sse_fanout_spread"]
        check(0 < spread["p50"] < 1000, f"a spread: {spread}")


@test
def a_gap_common_to_all_is_skipped_and_missed_by_nobody(t):
    # About every second number is left out for all, and the user says that none is.
    service = Service(t)
    result = run(t, service, "filter=2&interval=4ms", seconds=4, event_seq="/seq")
    check_complete(result, "a filter")
    check(result.count("sse_skipped") > 100, f"skipped: {result.count('sse_skipped')}")


@test
def resumed_streams_that_are_told_all_miss_nothing(t):
    service = Service(t, "--fault", "drop=50%@700ms", "--seed", 3)
    result = run(t, service, "interval=5ms", seconds=8)
    check(result.count("sse_resumes") > STREAMS / 4, "streams resumed")
    check_calm(result, "resumes")


@test
def what_is_not_replayed_is_missed_at_the_resume(t):
    service = Service(t, "--fault", "drop=50%@700ms,no-replay", "--seed", 3)
    result = run(t, service, "interval=5ms", seconds=8)
    missed = result.count("sse_peer_missed{where:resume}")
    withheld = service.metrics()["fault_withheld_total"]
    between(missed, 1, withheld, "missed at resumes, of what was withheld")
    same(result.count("sse_peer_missed{where:stream}"), 0, "missed on open streams")
    same(result.count("sse_missed{where:resume}"), withheld, "by numbers")


@test
def doubled_and_swapped_events_are_no_misses_among_peers(t):
    for fault in ("duplicate=5%", "reorder=5%", "clump=200ms", "stall=100ms"):
        service = Service(t, "--fault", fault, "--seed", 4)
        result = run(t, service, f"interval=2ms&count={EVENTS}", seconds=5)
        check_complete(result, fault)


if __name__ == "__main__":
    harness.main(jobs=2)
