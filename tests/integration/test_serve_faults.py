#!/usr/bin/env python3
"""The faults of the demo service: what a client sees of each is what the service says it did."""

import collections

import harness
from demo_service import Reader, Service, read_all
from harness import between, check, same, test

EVENTS = 1500
QUERY = f"interval=1ms&count={EVENTS}"
PEERS = 4


KINDS = ("json", "unknown_field", "invalid_utf8")


def check_audit(service, readers):
    """The audit of all streams equals the counters; returns it."""
    seen = collections.Counter()
    for reader in readers:
        seen += reader.audit() + reader.damage
    seen["received"] = sum(len(reader.ids) for reader in readers)
    metrics = service.metrics()
    said = {name: metrics[f"fault_{name}_total"] for name in ("lost", "duplicated", "reordered")}
    said.update({kind: metrics[f'fault_malformed_total{{kind="{kind}"}}'] for kind in KINDS})
    said["received"] = metrics["events_sent_total"]
    same({name: seen[name] for name in said}, said, "what was seen, by what was counted")
    return said


def check_one_fault(t, name, counters):
    for ratio in (0.1, 0.01):
        service = Service(t, "--fault", f"{name}={ratio}")
        said = check_audit(service, read_all(service, QUERY, EVENTS, PEERS))
        hits = sum(said[each] for each in counters)
        expected = EVENTS * PEERS * ratio
        between(hits, expected * 0.6, expected * 1.4, f"events with {name}={ratio}")
        others = set(said) - set(counters) - {"received"}
        same(sum(said[each] for each in others), 0, "other faults")


@test
def lost_events_are_missed_and_nothing_else(t):
    check_one_fault(t, "lose", ["lost"])


@test
def duplicated_events_come_twice_and_nothing_else(t):
    check_one_fault(t, "duplicate", ["duplicated"])


@test
def reordered_events_come_behind_their_successor(t):
    check_one_fault(t, "reorder", ["reordered"])


@test
def malformed_events_keep_their_ids_and_are_counted_by_kind(t):
    check_one_fault(t, "malform", KINDS)


@test
def all_faults_of_events_together_add_up(t):
    service = Service(t, "--fault", "lose=10%,duplicate=10%", "--fault", "reorder=10%",
                      "--fault", "malform=0.1", "--processes", 2)
    said = check_audit(service, read_all(service, QUERY, EVENTS, PEERS))
    check(all(said.values()), f"each fault was there: {said}")


@test
def a_service_without_faults_has_none(t):
    service = Service(t)
    said = check_audit(service, read_all(service, QUERY, EVENTS, PEERS))
    same(said, {**dict.fromkeys(said, 0), "received": EVENTS * PEERS}, "counters")


def pattern(t, *options):
    service = Service(t, "--fault", "lose=0.2,reorder=0.2", *options)
    numbers = Reader(service, "interval=1ms&count=300").read_count(300).numbers()
    return [number - numbers[0] for number in numbers]


@test
def a_seed_hits_the_same_events_again(t):
    first = pattern(t)
    same(pattern(t), first, "events of another service of the same seed")
    check(pattern(t, "--seed", 2) != first, "events of another seed differ")


@test
def the_first_and_the_last_event_are_spared(t):
    service = Service(t, "--fault", "lose=1")
    for count in (1, 2, 3, 10):
        reader = Reader(service, f"interval=5ms&count={count}").read_count(count)
        same(len(reader.ids), min(count, 2), f"events of {count}")
    service.control(lose=0, reorder=1)
    reader = Reader(service, "interval=5ms&count=6").read_count(6)
    first = reader.numbers()[0]
    same([number - first for number in reader.numbers()], [0, 2, 1, 4, 3, 5], "order")


@test
def faults_change_under_open_streams(t):
    service = Service(t)
    reader = Reader(service, "interval=2ms&count=1200")
    faults = ({"lose": 0.2, "reorder": 0.2}, {"reorder": None, "lose": None},
              {"duplicate": "30%", "clump": "50ms"}, {"duplicate": "off", "malform": 0.5},
              {"clump": False, "malform": 0})
    for step, change in enumerate(faults):
        reader.read_until(lambda step=step: len(reader.ids) > 100 * (step + 1))
        service.control(**change)
    said = check_audit(service, [reader.read_count(1200)])
    check(all(said.values()), f"each fault was there: {said}")


def passing(service, query, last_id=None):
    """A stream whose ids and numbers are read until twenty have come."""
    reader = Reader(service, query, last_id)
    return reader.read_until(lambda: len(reader.seqs) >= 20)


@test
def redis_ids_are_in_order_with_gaps_and_resume(t):
    service = Service(t)
    first = passing(service, "interval=7ms&ids=redis")
    pairs = [tuple(map(int, each.split("-"))) for each in first.ids]
    check(all(low < high for low, high in zip(pairs, pairs[1:])), f"in order: {pairs}")
    check(all(pair[1] == 0 for pair in pairs), f"second halves: {pairs}")
    same({high[0] - low[0] for low, high in zip(pairs, pairs[1:])}, {7}, "steps in ms")
    again = passing(service, "interval=7ms&ids=redis", first.ids[9])
    same(again.ids[:10], first.ids[10:20], "ids after the resume")
    same(again.seqs[:10], first.seqs[10:20], "events after the resume")


@test
def random_ids_agree_on_all_streams_and_do_not_resume(t):
    service = Service(t)
    first, second = (Reader(service, "interval=5ms&ids=random") for _ in range(2))
    for reader in (first, second):
        reader.read_until(lambda reader=reader: len(reader.seqs) >= 50)
    same(len(set(first.ids)), len(first.ids), "ids that differ")
    common = dict(zip(first.seqs, first.ids)).items() & dict(zip(second.seqs, second.ids)).items()
    check(len(common) > 20, f"ids that two streams share: {len(common)}")
    resumed = passing(service, "interval=5ms&ids=random", first.ids[0])
    check(resumed.seqs[0] > first.seqs[40], "a stream that begins where the feed is")


@test
def streams_without_ids_have_no_such_line(t):
    same(set(passing(Service(t), "interval=2ms&ids=none").ids), {None}, "ids")


@test
def a_filtered_stream_keeps_the_numbers_and_resumes(t):
    service = Service(t)
    whole = Reader(service, "interval=2ms")
    whole.read_until(lambda: len(whole.ids) > 2)
    first = passing(service, "interval=2ms&filter=5")
    whole.read_until(lambda: whole.numbers()[-1] >= first.numbers()[-1])
    check(set(first.numbers()) < set(whole.numbers()), "numbers of the whole feed")
    span = first.numbers()[-1] - first.numbers()[0]
    between(span, 40, 300, "numbers that twenty events span")
    again = passing(service, "interval=2ms&filter=5", first.ids[4])
    same(again.ids[:15], first.ids[5:20], "events after the resume")
    count = Reader(service, "interval=1ms&filter=3&count=5")
    count.read_until(lambda: len(count.ids) == 5)
    same(service.get("/api/v1/events/stream?filter=x")[0], 400, "status of a bad filter")
    same(service.get("/api/v1/events/stream?ids=x")[0], 400, "status of bad ids")


@test
def a_filtered_stream_that_is_silent_has_heartbeats(t):
    service = Service(t, "--heartbeat", "50ms")
    reader = Reader(service, "interval=10ms&filter=1000000")
    reader.read_until(lambda: reader.comments >= 3)


if __name__ == "__main__":
    harness.main(jobs=4)
