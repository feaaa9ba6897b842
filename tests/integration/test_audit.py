#!/usr/bin/env python3
"""The sequence audit of `run`: it counts what `serve` says it injected, and nothing else."""

import harness
from demo_service import Service
from harness import between, check, same, test

STREAMS, EVENTS = 4, 1500
FINDINGS = ("sse_missed", "sse_duplicates", "sse_reordered", "sse_sequence_resets",
            "sse_inclusive_replays", "sse_unnumbered")
INJECTED = {"lose": ("sse_missed", "fault_lost_total"),
            "duplicate": ("sse_duplicates", "fault_duplicated_total"),
            "reorder": ("sse_reordered", "fault_reordered_total")}


def run(t, service, query, *options, seconds=4):
    outcome, result = t.load(service.url(f"/api/v1/events/stream?{query}"), "-u", STREAMS,
                             "-r", 100, "-t", f"{seconds}s", "--processes", 2, "-q", *options,
                             limit_s=30)
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    return result


def findings(result):
    return {name: result.count(name) for name in FINDINGS if result.count(name) > 0}


def check_order(result, order, what="ids judged"):
    same(result.count("sse_sequenced"), result.count(f"sse_sequenced{{order:{order}}}"), what)
    check(result.count("sse_sequenced") > 0, "something was judged")


def check_fault(t, fault, ratio):
    service = Service(t, "--fault", f"{fault}={ratio}", "--seed", 3)
    result = run(t, service, f"interval=1ms&count={EVENTS}")
    metric, counter = INJECTED[fault]
    injected = service.metrics()[counter]
    same(findings(result), {metric: injected}, f"findings with {fault}={ratio}")
    same(result.count(f"{metric}{{where:stream}}"), injected, "of them on open streams")
    between(injected, STREAMS * EVENTS * ratio * 0.5, STREAMS * EVENTS * ratio * 1.5, "faults")
    check_order(result, "dense")
    loss = result.metrics["sse_loss"]
    same((loss["passes"], loss["passes"] + loss["fails"]),
         (injected if fault == "lose" else 0, STREAMS * EVENTS), "loss and its whole")


@test
def injected_losses_are_missed_and_nothing_else(t):
    for ratio in (0.01, 0.1):
        check_fault(t, "lose", ratio)


@test
def injected_duplicates_are_counted_and_nothing_else(t):
    for ratio in (0.01, 0.1):
        check_fault(t, "duplicate", ratio)


@test
def injected_reorders_are_counted_and_nothing_else(t):
    for ratio in (0.01, 0.1):
        check_fault(t, "reorder", ratio)


@test
def a_service_without_faults_has_no_findings(t):
    result = run(t, Service(t), f"interval=1ms&count={EVENTS}")
    same(findings(result), {}, "findings")
    same(result.count("sse_sequenced"), STREAMS * EVENTS, "ids judged")
    check_order(result, "dense")


@test
def ids_that_leave_out_numbers_are_no_losses(t):
    service = Service(t)
    for query, order in (("ids=redis", "sparse"), ("filter=2", "sparse"), ("filter=4", "sparse"),
                         ("ids=random", "none")):
        result = run(t, service, f"interval=1ms&{query}", seconds=2)
        same(findings(result), {}, f"findings with {query}")
        check_order(result, order, f"ids judged with {query}")
        check("sse_loss" not in result.metrics, "a loss that nothing can prove is not given")


@test
def numbers_in_data_are_found_by_a_pointer(t):
    service = Service(t, "--fault", "lose=1%")
    query = f"interval=1ms&count={EVENTS}&ids=random"
    result = run(t, service, query, "--event-seq", "/seq")
    same(findings(result), {"sse_missed": service.metrics()["fault_lost_total"]}, "findings")
    check_order(result, "declared")
    result = run(t, service, query, "--event-seq", "/nowhere", seconds=2)
    same(findings(result), {"sse_unnumbered": result.count("sse_events")}, "findings")
    result = run(t, service, query, "--event-seq", "none", seconds=2)
    same(findings(result), {}, "findings of an audit that is off")
    same(result.count("sse_sequenced"), 0, "ids judged")


@test
def resumed_streams_are_audited_over_the_gap(t):
    service = Service(t, "--fault", "drop=100%@500ms")
    result = run(t, service, "interval=5ms", seconds=6)
    same(findings(result), {}, "findings")
    check(result.count("sse_resumes") >= STREAMS, "streams resumed")
    same(result.count("sse_resumes"), result.count("sse_reconnects"), "resumes")


@test
def what_is_not_replayed_is_missed_at_the_resume(t):
    service = Service(t, "--fault", "drop=100%@500ms,no-replay")
    result = run(t, service, "interval=5ms", seconds=6)
    missed = result.count("sse_missed")
    same(findings(result), {"sse_missed": missed}, "findings")
    same(result.count("sse_missed{where:resume}"), missed, "all of it at resumes")
    same(missed, service.metrics()["fault_withheld_total"], "missed, by what was withheld")


@test
def a_wrong_place_of_the_number_is_refused(t):
    message = t.refused("run", "http://127.0.0.1:1/", "-t", "1s", "--event-seq", "seq")
    same(message.split("\n", maxsplit=1)[0], "cicada: option '--event-seq': JSON Pointer 'seq' "
         "does not start with '/'", "message")


if __name__ == "__main__":
    harness.main(jobs=2)
