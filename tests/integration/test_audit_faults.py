#!/usr/bin/env python3
"""The audit of `run` by the faults of `serve`: what it counts is what was injected, all else is 0.

Each case has 100,000 events and more under its fault, on streams of one endpoint. All are open when
the first event goes out, and nothing is sent any more when the run ends: the service holds back
what happens before and after. So every event has as many receivers as there are streams."""

import harness
from audit_run import AuditRun, audit_of, check_audit, check_peers, take_sum
from demo_service import Service
from harness import between, check, same, test

EVENTS, STREAMS = 100000, 100
DROPPED_STREAMS = 1000  # so many that there is one in a thousand
DROP_SEED = 3           # by which that is not nobody
PATH = "/api/v1/events/stream"
# However slow the machine is, a stream's events are fewer than the service can hold back.
QUERY = "?interval=4ms&count=4000"
RATIOS = (0.001, 0.01, 0.1)
KINDS = ("json", "unknown_field", "invalid_utf8")


class Injected:
    """What the service says it did."""

    def __init__(self, service):
        said = service.metrics()
        self.sent, self.open = said["events_sent_total"], said["streams_open"]
        self.lost, self.duplicated, self.reordered, self.withheld, self.dropped, self.refused = (
            said[f"fault_{name}_total"] for name in
            ("lost", "duplicated", "reordered", "withheld", "dropped", "replays_refused"))
        self.malformed = {kind: said[f'fault_malformed_total{{kind="{kind}"}}'] for kind in KINDS}
        self.clumps, self.stalled = said["fault_clumps_total"], said["fault_stalled_total"]


class Load:
    """A run on a service: all streams are open, and no event has been sent yet."""

    def __init__(self, t, *options, streams=STREAMS, query=QUERY, target=None, serve=()):
        self.streams = streams
        self.service = Service(t, "--fault", "clump=1h", *serve)
        self.run = AuditRun(t, self.service.port, target or self.service.url(PATH) + query,
                            "-u", streams, "-r", 1000, *options,
                            *(("-H", self.service.url("")) if target else ()))
        self.wait_for_all()

    def wait_for_all(self):
        self.wait(lambda said: said.open == self.streams, "all streams are open")

    def wait(self, condition, what):
        self.run.wait_until(lambda: condition(Injected(self.service)), what)

    def wait_for(self, name, count):
        """So many more."""
        end = getattr(Injected(self.service), name) + count
        self.wait(lambda said: getattr(said, name) >= end, f"{count} {name}")

    def let_go(self, clump="off", **faults):
        self.service.control(clump=clump, **faults)

    def end_faults(self, faults):
        """What they hit is far behind when the run ends."""
        self.service.control(**dict.fromkeys(faults))
        self.wait_for("sent", 100 * self.streams)

    def stop(self):
        """The result, and what was injected."""
        self.service.control(clump="1h")
        result, injected = self.run.stop(self.service.metrics), Injected(self.service)
        same(result.count("sse_events"), injected.sent, "events")
        return result, injected


def load(t, processes, *options, serve=(), query=QUERY, **faults):
    """The result of EVENTS under these faults, and what was injected."""
    under = Load(t, "--processes", processes, *options, serve=serve, query=query)
    under.let_go(**faults)
    under.wait_for("sent", EVENTS)
    under.end_faults(faults)
    return under.stop()


def of_stream(count):
    return count, "where:stream"


def on_resume(count):
    return count, "where:resume"


def fault_table(name, check_case):
    """A test for each ratio and number of worker processes."""
    for index, ratio in enumerate(RATIOS):
        for processes in (1, 2):
            def case(t, ratio=ratio, processes=processes, seed=str(1 + index)):
                options = ("--expect-json",) if name == "malform" else ()
                result, injected = load(t, processes, *options, serve=("--seed", seed),
                                        **{name: ratio})
                hits = check_case(result, injected)
                between(hits, EVENTS * ratio * 0.6, injected.sent * ratio * 1.4, "hits")
            case.__name__ = f"{name}_of_{ratio * 100:g}_percent_in_{processes}_processes"
            test(case)


def check_lost(result, injected):
    check_audit(result, injected.lost, sse_missed=of_stream(injected.lost))
    loss = result.metrics["sse_loss"]
    same((loss["passes"], loss["fails"]), (injected.lost, injected.sent), "parts of the loss")
    return injected.lost


def check_duplicated(result, injected):
    check_audit(result, sse_duplicates=of_stream(injected.duplicated))
    return injected.duplicated


def check_reordered(result, injected):
    check_audit(result, sse_reordered=of_stream(injected.reordered))
    return injected.reordered


def check_malformed(result, injected):
    """What is not UTF-8 is no JSON either. To an audit by peers an event whose data differs is
    another event, so that the one that it should have been is missed; and several streams may get
    one that is broken in the same way."""
    kinds = dict(injected.malformed)
    kinds["json"] += kinds["invalid_utf8"]
    check_audit(result, kinds["json"],
                sse_malformed=(sum(kinds.values()),
                               {f"kind:{kind}": count for kind, count in kinds.items()}))
    return sum(injected.malformed.values())


fault_table("lose", check_lost)
fault_table("duplicate", check_duplicated)
fault_table("reorder", check_reordered)
fault_table("malform", check_malformed)


def peers_test(ids):
    def case(t):
        result, injected = load(t, 2, query=f"{QUERY}&ids={ids}", lose=0.01)
        check(injected.lost > 0, "events were lost")
        check_audit(result, sse_peer_missed=of_stream(injected.lost))
    case.__name__ = f"losses_by_peers_of_events_whose_ids_are_{ids}"
    test(case)


for each_ids in ("redis", "random", "none"):
    peers_test(each_ids)


def check_nothing(t, *serve, **faults):
    result, injected = load(t, 2, serve=serve, **faults)
    check_audit(result)
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
    check(check_nothing(t, clump="70ms").clumps > 100, "there were clumps")


@test
def stalls_are_no_finding(t):
    check(check_nothing(t, stall="30ms").stalled > 100, "there were stalls")


@test
def a_service_that_does_not_replay_withholds_nothing_from_open_streams(t):
    check_nothing(t, no_replay=True)


def drop(t, ratio, processes, *options, **faults):
    """The result of streams that are dropped at an age and come back, and what was injected. At the
    end every stream is open and has got events since its return. Peers excuse a stream for what
    came within a second of its end, so none is dropped twice within that."""
    under = Load(t, "--retry-max", "50ms", "--processes", processes, *options,
                 streams=DROPPED_STREAMS, query="?interval=50ms", serve=("--seed", DROP_SEED))
    under.let_go(clump="250ms", drop=f"{ratio}@1200ms", **faults)
    under.wait_for("sent", EVENTS)
    under.service.control(drop="off")
    # Time for the last of those that are being dropped, and then for the last that are back.
    under.wait_for("sent", 10 * DROPPED_STREAMS)
    under.wait_for_all()
    under.wait_for("sent", 25 * DROPPED_STREAMS)
    result, injected = under.stop()
    check(injected.dropped > 0, "streams were dropped")
    for name in ("sse_disconnects", "sse_disconnects{cause:reset}", "sse_reconnects"):
        same(result.count(name), injected.dropped, name)
    resumed = result.metrics["sse_reconnect_success"]
    same((resumed["passes"], resumed["fails"]), (injected.dropped, 0), "resumes")
    return result, injected


def drop_tests(ratio, processes):
    def resumed(t):
        check_audit(drop(t, ratio, processes)[0])

    def not_replayed(t):
        result, injected = drop(t, ratio, processes, no_replay=True)
        same(injected.refused, injected.dropped, "replays refused")
        check(injected.withheld > 0, "events were withheld")
        check_audit(result, sse_missed=on_resume(injected.withheld),
                    sse_peer_missed=on_resume(injected.withheld))
    name = f"of_{ratio * 100:g}_percent_in_{processes}_processes"
    resumed.__name__ = f"drops_{name}_lose_nothing"
    not_replayed.__name__ = f"drops_without_replay_{name}_lose_what_passed"
    test(resumed)
    test(not_replayed)


for each_ratio in RATIOS:
    drop_tests(each_ratio, 2)
drop_tests(0.1, 1)


def check_sums(result, injected):
    """Several faults at once: what was lost in a replay counts there."""
    found = audit_of(result)
    for name, count in (("missed", injected.lost), ("duplicates", injected.duplicated),
                        ("reordered", injected.reordered)):
        check(count > 0, f"events {name} were there")
        same(take_sum(found, f"sse_{name}"), count, f"events {name}")
    check_peers(result, found, injected.lost)
    same(found, {}, "the rest of the audit")


@test
def all_faults_at_once_add_up(t):
    check_sums(*drop(t, 0.1, 2, lose="3%", duplicate="3%", reorder="3%"))


@test
def faults_that_change_during_a_run_add_up(t):
    under = Load(t, "--processes", 2)
    under.let_go()
    under.wait_for("sent", 10000)
    for name, changes in (("lost", {"lose": 0.2, "reorder": 0.2}),
                          ("sent", {"reorder": None, "lose": None}),
                          ("duplicated", {"duplicate": "30%", "clump": "20ms"}),
                          ("sent", {"duplicate": "off"}),
                          ("lost", {"clump": False, "lose": "5%"}),
                          ("sent", {"lose": 0})):
        under.service.control(**changes)
        under.wait_for(name, 20000 if name == "sent" else 1000)
    check_sums(*under.stop())


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
    t.write("script.py", SCRIPT % (PATH + QUERY))
    under = Load(t, target="script.py")
    faults = {"lose": 0.01, "duplicate": 0.01, "reorder": 0.01}
    under.let_go(**faults)
    under.wait_for("sent", EVENTS)
    under.end_faults(faults)
    check_sums(*under.stop())


if __name__ == "__main__":
    harness.main(jobs=2)
