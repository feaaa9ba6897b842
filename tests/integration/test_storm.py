#!/usr/bin/env python3
"""Streams that are lost together, by our order or by the service: who is back when, and what was
missed, right to the event."""

import harness
from audit_run import AuditRun
from demo_service import Service
from harness import between, check, contains, same, test

STREAM = "/api/v1/events/stream?interval=200ms"


def storms_of(result, kind):
    return [each for each in result.json["storms"] if each["kind"] == kind]


def codes(result):
    return [each["code"] for each in result.json["findings"]]


def check_back(storm):
    """All are back, in the order of the shares."""
    shares = [storm["back_s"][name] for name in ("p50", "p95", "p99", "p100")]
    same((storm["back"], storm["never_back"]), (storm["cut"], 0), f"back of {storm}")
    check(None not in shares and shares == sorted(shares), f"times until back: {shares}")
    return shares


def has_opened(metrics, opened, now):
    """So many streams in all at the least, and just so many now."""
    return metrics["streams_opened_total"] >= opened and metrics["streams_open"] == now


@test
def a_storm_is_no_disconnect_and_all_come_back_at_once(t):
    service = Service(t)
    outcome, result = t.load(service.url(STREAM), "-u", 200, "-r", 1000, "-t", "5s", "--processes",
                             2, "--storm", "1500ms:50%", "--storm-return", "at-once")
    storm, = storms_of(result, "ordered")
    between(storm["cut"], 95, 105, "half of 200 streams")
    check_back(storm)
    same((storm["ratio"], storm["down_s"], storm["return"]), (0.5, 0, "at-once"), "as ordered")
    same((storm["attempts"], storm["statuses"]), (storm["cut"], {"200": storm["cut"]}), "attempts")
    same((storm["missed"], storm["duplicates"]), (0, 0), "of a service that replays")
    same(result.count("sse_reconnects"), storm["cut"], "reconnects")
    same(result.count("sse_disconnects"), 0, "disconnects")
    same(result.count("sse_closed_by_us"), 200 + storm["cut"], "ends by our choice")
    same((outcome.status, codes(result)), (0, []), "exit status and findings")
    contains(outcome.stdout, r"storm at 1\.5 s", "the summary")


@test
def who_is_away_for_long_stays_away_so_long(t):
    service = Service(t)
    _, result = t.load(service.url(STREAM), "-u", 20, "-r", 1000, "-t", "6s", "--storm", "1s:1:2s",
                       "--storm-return", "at-once", "--reconnect", "never")
    storm, = storms_of(result, "ordered")
    same((storm["cut"], storm["open"]), (20, 20), "streams")
    check_back(storm)
    between(result.metrics["sse_recovery"]["min"], 2000, 6000, "ms until back, DOWN included")


@test
def what_the_service_withholds_is_what_the_storm_missed(t):
    service = Service(t, "--fault", "no-replay")
    run = AuditRun(t, service.port, service.url(STREAM), "-u", 40, "-r", 1000, "--processes", 2,
                   "--storm", "2s:50%:500ms", "--storm", "4s:1", "--storm-return", "at-once")
    run.wait_until(lambda: has_opened(service.metrics(), 95, 40), "all are back")
    result = run.stop(service.metrics)
    storms = storms_of(result, "ordered")
    between(storms[0]["cut"], 18, 22, "streams cut first")
    same(storms[1]["cut"], 40, "streams cut then")
    check(storms[0]["missed"] > 0, f"the first storm missed nothing: {storms[0]}")
    same(sum(each["missed"] for each in storms), service.metrics()["fault_withheld_total"],
         "events missed in both storms")
    same(result.count("sse_missed"), service.metrics()["fault_withheld_total"], "in all")
    same([each["duplicates"] for each in storms], [0, 0], "repeated")


@test
def storms_that_cannot_be_are_refused(t):
    url = "http://127.0.0.1:9/"
    contains(t.refused("run", url, "-t", 5, "--storm", "5s"), "after the end of the run", "late")
    contains(t.refused("run", url, "-t", 5, "--storm", "1s:0"), "cuts nobody", "nobody")
    contains(t.refused("run", url, "-t", 5, "--storm", "soon"), r"AT\[:RATIO\[:DOWN\]\]", "no time")
    contains(t.refused("run", url, "-t", 5, "--storm-return", "never"), "storm-return", "no way")


if __name__ == "__main__":
    harness.main()
