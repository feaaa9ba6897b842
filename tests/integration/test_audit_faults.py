#!/usr/bin/env python3
"""The audit of `run` by the faults of `serve`: what it counts is what was injected, all else is 0.

Each case has 100,000 events and more, on streams of one endpoint."""

import harness
from audit_run import AuditRun, audit_of, check_audit
from demo_service import Service
from harness import between, check, same, test

STREAMS, EVENTS = 100, 1000
PATH = "/api/v1/events/stream"
QUERY = f"?interval=1ms&count={EVENTS}"
RATIOS = (0.001, 0.01, 0.1)
DROP_SEED = 3  # by which 0.1 % of the first thousand streams is not nobody


class Injected:
    """What the service says it did."""

    def __init__(self, service):
        said = service.metrics()
        self.sent = said["events_sent_total"]
        self.lost, self.duplicated, self.reordered, self.withheld, self.dropped, self.refused = (
            said[f"fault_{name}_total"] for name in
            ("lost", "duplicated", "reordered", "withheld", "dropped", "replays_refused"))
        self.clumps, self.stalled = said["fault_clumps_total"], said["fault_stalled_total"]
        self.open = said["streams_open"]
        self.different = self.sent + self.lost - self.duplicated


def start(t, service, query, streams, *options):
    return AuditRun(t, service.port, service.url(PATH) + query, "-u", streams, "-r", 1000, *options)


def count_all(t, service, *options, query=QUERY, run=None):
    """The result of streams that got all of `?count=`, and what was injected."""
    run = run or start(t, service, query, STREAMS, *options)
    run.wait_until(lambda: Injected(service).different == STREAMS * EVENTS, "all is sent")
    result = run.stop(service.metrics)
    return result, Injected(service)


def check_found(result, injected, **counts):
    same(result.count("sse_events"), injected.sent, "events")
    check_audit(result, **counts)


def of_stream(count):
    return count, "where:stream"


def fault_table(name, check_case):
    """A test for each ratio and number of worker processes."""
    for index, ratio in enumerate(RATIOS):
        for processes in (1, 2):
            def case(t, ratio=ratio, processes=processes, seed=1 + index):
                service = Service(t, "--fault", f"{name}={ratio}", "--seed", seed)
                check_case(t, service, STREAMS * EVENTS * ratio, processes)
            case.__name__ = f"{name}_of_{ratio * 100:g}_percent_in_{processes}_processes"
            test(case)


def check_lost(t, service, about, processes):
    result, injected = count_all(t, service, "--processes", processes)
    between(injected.lost, about * 0.6, about * 1.4, "events lost")
    check_found(result, injected, sse_missed=of_stream(injected.lost))
    loss = result.metrics["sse_loss"]
    same((loss["passes"], loss["fails"]), (injected.lost, injected.sent), "parts of the loss")


def check_duplicated(t, service, about, processes):
    result, injected = count_all(t, service, "--processes", processes)
    between(injected.duplicated, about * 0.6, about * 1.4, "events duplicated")
    check_found(result, injected, sse_duplicates=of_stream(injected.duplicated))


def check_reordered(t, service, about, processes):
    result, injected = count_all(t, service, "--processes", processes)
    between(injected.reordered, about * 0.6, about * 1.4, "events reordered")
    check_found(result, injected, sse_reordered=of_stream(injected.reordered))


fault_table("lose", check_lost)
fault_table("duplicate", check_duplicated)
fault_table("reorder", check_reordered)


def check_nothing(t, *options):
    result, injected = count_all(t, Service(t, *options), "--processes", 2)
    check_found(result, injected)
    same(result.rate("sse_loss"), 0, "the loss")
    return injected


@test
def no_fault_no_finding(t):
    check_nothing(t)


@test
def no_finding_of_a_service_of_two_processes(t):
    check_nothing(t, "--processes", 2)


@test
def clumps_are_no_finding(t):
    check(check_nothing(t, "--fault", "clump=70ms").clumps > 100, "there were clumps")


@test
def stalls_are_no_finding(t):
    check(check_nothing(t, "--fault", "stall=30ms").stalled > 100, "there were stalls")


def freeze(run, service):
    """The result of a run to which nothing is sent any more, and what was injected."""
    service.control(clump="1h")
    return run.stop(service.metrics), Injected(service)


DROPPED_STREAMS = 1000  # so many that there is one in a thousand


def count_drops(t, ratio, processes, *faults):
    """The result of streams that are dropped at an age and come back, and what was injected. At
    the end every stream is open and has got events since its return."""
    words = [word for each in (f"drop={ratio}@600ms", "clump=250ms", *faults)
             for word in ("--fault", each)]
    service = Service(t, "--seed", DROP_SEED, *words)
    run = start(t, service, "?interval=50ms", DROPPED_STREAMS, "--retry-max", "50ms",
                "--processes", processes)

    def passed(events):
        until = Injected(service).sent + events * DROPPED_STREAMS
        run.wait_until(lambda: Injected(service).sent >= until, f"{events} events a stream")
    passed(100)
    service.control(drop="off")
    passed(10)  # the last of those that were to be dropped are, 50 ms later
    run.wait_until(lambda: Injected(service).open == DROPPED_STREAMS, "all have come back")
    passed(3)
    result, injected = freeze(run, service)
    check(injected.dropped > 0, "streams were dropped")
    for name in ("sse_disconnects", "sse_disconnects{cause:reset}", "sse_reconnects"):
        same(result.count(name), injected.dropped, name)
    resumed = result.metrics["sse_reconnect_success"]
    same((resumed["passes"], resumed["fails"]), (injected.dropped, 0), "resumes")
    return result, injected


def drop_tests(ratio, processes):
    def resumed(t):
        check_found(*count_drops(t, ratio, processes))

    def not_replayed(t):
        result, injected = count_drops(t, ratio, processes, "no-replay")
        same(injected.refused, injected.dropped, "replays refused")
        check(injected.withheld > 0, "events were withheld")
        check_found(result, injected, sse_missed=(injected.withheld, "where:resume"))
    name = f"of_{ratio * 100:g}_percent_in_{processes}_processes"
    resumed.__name__ = f"drops_{name}_lose_nothing"
    not_replayed.__name__ = f"drops_without_replay_{name}_lose_what_passed"
    test(resumed)
    test(not_replayed)


for each_ratio in RATIOS:
    drop_tests(each_ratio, 2)
drop_tests(0.1, 1)


@test
def no_replay_alone_withholds_nothing(t):
    check_nothing(t, "--fault", "no-replay")


def check_sums(result, injected):
    """Every fault at once: what was lost in a replay counts there."""
    same(result.count("sse_events"), injected.sent, "events")
    found = audit_of(result)
    for name, count in (("missed", injected.lost), ("duplicates", injected.duplicated),
                        ("reordered", injected.reordered)):
        check(count > 0, f"events {name} were there")
        parts = [found.pop(f"sse_{name}{{where:{where}}}", 0) for where in ("stream", "resume")]
        same(found.pop(f"sse_{name}", 0), count, f"events {name}")
        same(sum(parts), count, f"events {name} by where")
    same(found, {}, "the rest of the audit")


@test
def all_faults_at_once_add_up(t):
    check_sums(*count_drops(t, 0.1, 2, "lose=3%,duplicate=3%,reorder=3%"))


@test
def faults_that_change_during_a_run_add_up(t):
    service = Service(t)
    run = start(t, service, "?interval=5ms", STREAMS, "--processes", 2)

    def wait_for(name, count):
        until = getattr(Injected(service), name) + count
        run.wait_until(lambda: getattr(Injected(service), name) >= until, f"{count} {name}")
    wait_for("sent", 10000)
    for name, changes in (("lost", {"lose": 0.2, "reorder": 0.2}),
                          ("sent", {"reorder": None, "lose": None}),
                          ("duplicated", {"duplicate": "30%", "clump": "20ms"}),
                          ("sent", {"duplicate": "off"}),
                          ("lost", {"clump": False, "lose": "5%"}),
                          ("sent", {"lose": 0})):
        service.control(**changes)
        wait_for(name, 20000 if name == "sent" else 1000)
    check_sums(*freeze(run, service))


SCRIPT = """
from locust import HttpUser, constant, task

class Reader(HttpUser):
    wait_time = constant(0)

    @task
    def read(self):
        with self.client.get("%s", stream=True) as response:
            for line in response.iter_lines():
                pass
"""


@test
def a_locust_file_has_the_same_figures(t):
    service = Service(t, "--fault", "lose=1%,duplicate=1%,reorder=1%")
    t.write("script.py", SCRIPT % (PATH + f"?interval=2ms&count={EVENTS}"))
    run = AuditRun(t, service.port, "script.py", "-H", service.url(""), "-u", STREAMS, "-r", 1000)
    result, injected = count_all(t, service, run=run)
    check_found(result, injected, sse_missed=of_stream(injected.lost),
                sse_duplicates=of_stream(injected.duplicated),
                sse_reordered=of_stream(injected.reordered))


if __name__ == "__main__":
    harness.main(jobs=2)
