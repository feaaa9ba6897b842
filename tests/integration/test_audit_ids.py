#!/usr/bin/env python3
"""The audit of `run` by kinds of ids: where numbers are left out or have no order nothing is
missed, and what a resume repeats is told from what a stream repeats."""

import harness
from audit_run import AuditRun, check_audit
from demo_service import Service
from harness import between, same, test
from raw_server import OK_HEAD, head_with, serve

PATH = "/api/v1/events/stream"


def count(t, query, streams, events, *faults):
    """The result of streams that got `events` of the feed each, and what the service counted."""
    service = Service(t, *[word for each in faults for word in ("--fault", each)])
    run = AuditRun(t, service.port, service.url(f"{PATH}?interval=1ms&count={events}&{query}"),
                   "-u", streams, "-r", 1000, "--processes", min(streams, 2))

    def different():
        said = service.metrics()
        return said["events_sent_total"] + said["fault_lost_total"] - said["fault_duplicated_total"]
    run.wait_until(lambda: different() == streams * events, "all is sent")
    result = run.stop(service.metrics)
    said = service.metrics()
    same(result.count("sse_events"), said["events_sent_total"], "events")
    return result, said


# The query of a feed, and the order that its ids have.
IDS = {"filtered to a quarter": ("filter=4", "sparse"),
       "filtered to a half": ("filter=2", "sparse"),
       "as of redis": ("ids=redis", "sparse"),
       "without order": ("ids=random", "none"),
       "that are not there": ("ids=none", None)}


def false_alarm_test(name, query, order, streams):
    def case(t):
        result, _ = count(t, query, streams, 2000 if streams > 1 else 1000)
        check_audit(result)
        found = {"sse_sequenced", f"sse_sequenced{{order:{order}}}"} if order else set()
        same({each for each in result.metrics
              if each.startswith("sse_sequenced") and result.count(each) > 0}, found, "the order")
    case.__name__ = f"ids {name} are no alarm on {streams} streams"
    test(case)


for each_name, (each_query, each_order) in IDS.items():
    for each_streams in (1, 50):
        false_alarm_test(each_name, each_query, each_order, each_streams)


@test
def sparse_ids_show_repeats_and_order_and_no_loss_without_peers(t):
    result, said = count(t, "ids=redis", 1, 3000, "duplicate=3%,reorder=3%,lose=3%")
    between(said["fault_lost_total"], 50, 150, "events lost, by nobody's knowledge")
    check_audit(result, sse_duplicates=(said["fault_duplicated_total"], "where:stream"),
                sse_reordered=(said["fault_reordered_total"], "where:stream"))


@test
def ids_without_order_show_repeats(t):
    result, said = count(t, "ids=random", 50, 2000, "duplicate=1%,reorder=1%")
    check_audit(result, sse_duplicates=(said["fault_duplicated_total"], "where:stream"))


class Numbers:
    """A server of numbered events: `answer(n, last)` has the numbers of its n-th connection, of
    which the client knows `last` (0: none); None ends it all."""

    def __init__(self, t, answer, line="id: {0}\ndata: {{\"n\":{0}}}\n\n"):
        self.answer, self.line = answer, line
        self.connections = self.sent = 0
        self.server = serve(t, self._serve)

    def _serve(self, peer, request):
        numbers = self.answer(self.connections, int(request.header("Last-Event-ID") or 0))
        if numbers is None:
            peer.send(head_with(status="204 No Content"))
            return
        self.connections += 1
        numbers = list(numbers)
        self.sent += len(numbers)
        peer.send(OK_HEAD + b"retry: 10\n\n" +
                  "".join([self.line.format(number) for number in numbers]).encode())


def read_numbers(t, numbers, *options):
    """The result of one stream to its end."""
    outcome, result = t.load(numbers.server.url("/numbers"), "-u", 1, "--processes", 1, "-t", "30s",
                             "--reconnect", "auto", "--no-progress", *options)
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    same(result.count("sse_events"), numbers.sent, "events")
    return result


CONNECTIONS, EACH = 11, 300


def resuming(first_of):
    """EACH new numbers a connection, behind those from `first_of(last)` on that are known."""
    def answer(connection, last):
        return range(first_of(last), last + EACH + 1) if connection < CONNECTIONS else None
    return answer


@test
def a_resume_behind_the_last_event_is_no_finding(t):
    result = read_numbers(t, Numbers(t, resuming(lambda last: last + 1)))
    check_audit(result)
    same(result.count("sse_reconnects"), CONNECTIONS, "resumes")


@test
def a_resume_that_repeats_the_last_event_is_inclusive(t):
    result = read_numbers(t, Numbers(t, resuming(lambda last: max(last, 1))))
    check_audit(result, sse_inclusive_replays=CONNECTIONS - 1,
                sse_duplicates=(CONNECTIONS - 1, "where:resume"))


@test
def a_resume_that_repeats_two_events_is_not_inclusive(t):
    result = read_numbers(t, Numbers(t, resuming(lambda last: max(last - 1, 1))))
    check_audit(result, sse_duplicates=(2 * (CONNECTIONS - 1), "where:resume"))


@test
def a_replay_from_the_start_repeats_all_at_every_resume(t):
    result = read_numbers(t, Numbers(t, resuming(lambda last: 1)))
    check_audit(result, sse_duplicates=(EACH * sum(range(CONNECTIONS)), "where:resume"))


@test
def a_resume_that_leaves_out_events_misses_them(t):
    result = read_numbers(t, Numbers(t, resuming(lambda last: last + 8 if last else 1)))
    check_audit(result, sse_missed=(7 * (CONNECTIONS - 1), "where:resume"))


@test
def numbers_that_begin_anew_at_a_resume_are_a_reset(t):
    def answer(connection, _):  # a replay would have got as far as the numbers before
        return (range(1, EACH + 1), range(1, EACH), None)[connection]
    check_audit(read_numbers(t, Numbers(t, answer)), sse_sequence_resets=1)


@test
def numbers_that_begin_anew_within_a_stream_are_resets(t):
    def answer(connection, _):
        return list(range(1, EACH + 1)) * 5 if connection == 0 else None
    check_audit(read_numbers(t, Numbers(t, answer)), sse_sequence_resets=4)


@test
def numbers_in_the_data_alone_are_no_loss_across_a_reconnect(t):
    def answer(connection, _):  # without ids the client cannot say where it was
        first = 1000 * connection
        return range(first, first + EACH) if connection < CONNECTIONS else None
    numbers = Numbers(t, answer, line="data: {{\"n\":{0}}}\n\n")
    check_audit(read_numbers(t, numbers, "--event-seq", "/n"))


@test
def numbers_in_the_data_show_loss_within_a_stream(t):
    def answer(connection, _):
        return (each for each in range(EACH) if each % 10 != 5) if connection == 0 else None
    numbers = Numbers(t, answer, line="data: {{\"n\":{0}}}\n\n")
    check_audit(read_numbers(t, numbers, "--event-seq", "/n"),
                sse_missed=(EACH // 10, "where:stream"))


@test
def an_audit_that_is_turned_off_finds_nothing(t):
    numbers = Numbers(t, resuming(lambda last: 1 if last < EACH else last + 8))
    check_audit(read_numbers(t, numbers, "--event-seq", "none"))


if __name__ == "__main__":
    harness.main(jobs=2)
