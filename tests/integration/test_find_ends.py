#!/usr/bin/env python3
"""Why streams end or fall silent, found by ages and silences: behind Debian's nginx, by the faults
of the demo service, on servers of the test's own; and nothing found beside it."""

import time

import harness
import script_runner
from demo_service import Service
from harness import between, check, contains, same, test
from nginx_server import Nginx
from raw_server import CHUNKED_HEAD, chunk, serve

STREAM = "/api/v1/events/stream"
COUNTS = (2, 6, 12, 20, 30)
LOCATIONS = """
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_buffering off;
location /two/ {{ proxy_read_timeout 2s; proxy_pass http://127.0.0.1:{upstream}/; }}
location /three/ {{ proxy_read_timeout 3s; proxy_pass http://127.0.0.1:{upstream}/; }}
"""
READER = """
from itertools import cycle
from locust import HttpUser, constant

counts = cycle({counts})

class Reader(HttpUser):
    host = "{host}"
    wait_time = constant(0)

    @task
    def read(self):
        path = "/two{stream}?interval=50ms&count=" + str(next(counts))
        with self.client.get(path, stream=True, name="stream", catch_response=True) as response:
            try:
                for line in response.iter_lines():
                    pass
            except OSError:
                pass
            response.success()
"""
GAP_S = 0.2
ATTEMPTS = 3


def findings_of(result):
    """By code. A machine that was busy for a moment is no matter of these tests."""
    found = {each["code"]: each for each in result.json["findings"]}
    found.pop("generator-saturated", None)
    return found


def only(result, code):
    found = findings_of(result)
    same(sorted(found), [code], f"findings ({result.json['findings']}, ends {result.json['ends']})")
    return found[code]


def load(t, *words, users=40, seconds=9):
    return t.load(*words, "-u", users, "-r", users / 2, "-t", f"{seconds}s", "--processes", 2,
                  limit_s=60)[1]


def found(run):
    """The result of `run()`; again while it has no finding: a machine that stood still for a moment
    makes ages and silences differ, and what is not sure is not said."""
    for _ in range(ATTEMPTS):
        result = run()
        if findings_of(result):
            break
    return result


def load_found(t, *words, **options):
    return found(lambda: load(t, *words, **options))


def silent_at_many_ages(t, *options):
    """A service whose streams fall silent for good behind their last event."""
    return Service(t, "--heartbeat", "1h", *options)


def nginx_before(t, service):
    return Nginx(t, LOCATIONS.format(upstream=service.port))


def urls_of(server, prefix):
    return [server.url(f"{prefix}{STREAM}?interval=50ms&count={count}") for count in COUNTS]


def check_idle(result, seconds):
    """Cut after so many seconds of silence: nginx does so up to 300 ms earlier, a busy machine
    later."""
    finding = only(result, "idle-timeout")
    check(finding["confidence"] in ("certain", "likely"), f"it is sure: {finding}")
    contains(finding["title"], rf"after {seconds}(\.[0-4]\d?)? s without a byte", "title")
    group = result.json["ends"][0]
    same(group["same"], "silence", "what the ends have in common")
    between(group["silence_s"]["p50"], seconds - 0.35, seconds + 0.5, "median silence")
    check(group["age_s"]["p90"] > group["age_s"]["p10"] + 0.5, f"many ages: {group}")


def check_proxy_timeout(t, prefix, seconds):
    nginx = nginx_before(t, silent_at_many_ages(t))
    result = load_found(t, *urls_of(nginx, prefix), seconds=seconds * 3 + 3)
    check_idle(result, seconds)
    same(result.json["ends"][0]["class"], "closed_early", "how the proxy ends a stream")


@test
def a_proxys_timeout_of_two_seconds_is_told(t):
    check_proxy_timeout(t, "/two", 2)


@test
def a_proxys_timeout_of_three_seconds_is_told(t):
    check_proxy_timeout(t, "/three", 3)


@test
def it_is_told_from_the_streams_of_one_endpoint_too(t):
    rows = t.write("rows.csv", "n\n" + "".join(f"{count}\n" for count in COUNTS))
    nginx = nginx_before(t, silent_at_many_ages(t))
    url = nginx.url(f"/two{STREAM}?interval=50ms&count={{{{n}}}}")
    check_idle(load_found(t, url, "--feed", rows), 2)


@test
def it_is_told_from_a_locust_file_too(t):
    nginx = nginx_before(t, silent_at_many_ages(t))
    text = READER.format(host=nginx.url(""), counts=COUNTS, stream=STREAM)
    check_idle(found(lambda: script_runner.run(t, text, "-u", 20, "-r", 10, "-t", "9s")[1]), 2)


@test
def streams_that_stay_busy_meet_no_timeout(t):
    nginx = nginx_before(t, Service(t))
    result = load(t, nginx.url(f"/two{STREAM}?interval=100ms"), seconds=5)
    same(findings_of(result), {}, "findings")
    same(result.json["ends"], [], "ends")


@test
def a_service_that_ends_idle_streams_is_told_the_same(t):
    service = silent_at_many_ages(t, "--fault", "idle-cut=2s")
    check_idle(load_found(t, *urls_of(service, "")), 2)


@test
def a_maximum_age_is_told_while_events_flow(t):
    service = Service(t, "--fault", "age-cut=2s")
    result = load_found(t, service.url(STREAM + "?interval=50ms"))
    finding = only(result, "max-age")
    check(finding["confidence"] in ("certain", "likely"), f"it is sure: {finding}")
    contains(finding["title"], r"at an age of 2(\.\d+)? s", "title")
    same(result.json["ends"][0]["same"], "age", "what the ends have in common")


@test
def silence_and_age_that_are_one_cannot_be_told_apart(t):
    service = silent_at_many_ages(t, "--fault", "idle-cut=2s,age-cut=4s")
    finding = only(load_found(t, service.url(STREAM + "?interval=20ms&count=1")), "idle-timeout")
    same(finding["confidence"], "suspected", "confidence")
    contains(finding["title"], "idle timeout or a maximum age", "title")
    contains(finding["advice"], "A run that would tell", "advice")


@test
def some_that_are_dropped_are_broken_off(t):
    service = Service(t, "--fault", "drop=30%@2s")
    result = load(t, service.url(STREAM + "?interval=50ms"))
    finding = only(result, "abrupt-disconnects")
    dropped = service.metrics()["fault_dropped_total"]
    contains(finding["title"], rf"^{dropped} streams of", "title")


class Shared:
    """The same events for all, one each GAP_S. The first connection gets none (`silent`), or none
    behind the first ten (`dead`), and stays open."""

    def __init__(self, t, first):
        self.started, self.first = time.monotonic(), first
        self.server = serve(t, self._answer)

    def _answer(self, peer, _request):
        is_first, self.first, how = self.first is not None, None, self.first
        peer.send(CHUNKED_HEAD)
        number = int((time.monotonic() - self.started) / GAP_S)
        last = {"silent": number, "dead": number + 10}.get(how) if is_first else None
        while number != last:
            number += 1
            time.sleep(max(0.0, self.started + number * GAP_S - time.monotonic()))
            peer.send(chunk(f"data: event {number}\n\n".encode()))
        peer.hold()


def judge(t, make, code, *words):
    """The one finding; again where the machine was too busy to say anything of silence."""
    for _ in range(ATTEMPTS):
        result = t.load(*words, make(), "-u", 8, "-r", 8, limit_s=60)[1]
        if not any(each["code"] == "generator-saturated" for each in result.json["findings"]):
            break
    return only(result, code)


@test
def a_stream_that_never_gets_an_event_is_told(t):
    finding = judge(t, lambda: Shared(t, "silent").server.url(), "silent-streams", "-t", "14s")
    contains(finding["title"], "^1 stream never got an event", "title")


@test
def a_stream_that_gets_nothing_any_more_is_told(t):
    finding = judge(t, lambda: Shared(t, "dead").server.url(), "dead-streams", "-t", "15s")
    contains(finding["title"], "^1 open stream gets nothing any more", "title")


@test
def a_service_that_accepts_and_never_answers_is_told(t):
    server = serve(t, lambda peer, _: peer.hold())
    outcome, result = t.load(server.url(), "-u", 10, "-r", 10, "-t", "11s", limit_s=60)
    contains(only(result, "silent-streams")["evidence"], "^10 of 10 requests", "evidence")
    contains(outcome.stdout, r"no event arrived in 10 attempts,\s+which nobody answered", "reason")
    same(outcome.status, 1, "exit status")


@test
def streams_that_all_get_their_events_are_well(t):
    result = t.load(Shared(t, None).server.url(), "-u", 8, "-r", 8, "-t", "12s", limit_s=60)[1]
    same(findings_of(result), {}, "findings")


@test
def a_stalled_service_misses_heartbeats(t):
    def make():
        service = Service(t, "--fault", "stall=800ms")
        return service.url(STREAM + "?interval=50ms")

    finding = judge(t, make, "no-heartbeat", "--heartbeat", "500ms", "-t", "10s")
    contains(finding["evidence"], "on 8 streams", "evidence")


@test
def streams_with_retry_lines_alone_are_told_so(t):
    service = Service(t, "--interval", "30s")
    result = t.load(service.url(STREAM), "-u", 5, "-r", 50, "-t", "2s")[1]
    same(result.count("sse_retry_lines"), 5, "retry lines")
    contains(only(result, "no-events")["advice"], "Only `retry:` lines came", "advice")


@test
def a_run_that_ends_before_its_ramp_is_told(t):
    service = Service(t)
    result = t.load(service.url(STREAM + "?interval=50ms"), "-u", 100, "-r", 10, "-t", "2s")[1]
    finding = only(result, "too-short-run")
    same(finding["severity"], "info", "severity")
    contains(finding["evidence"], "of 100 users", "evidence")


@test
def a_run_of_one_event_a_stream_is_told(t):
    service = Service(t)
    result = t.load(service.url(STREAM + "?interval=50ms&count=1"), "-u", 10, "-t", "2s")[1]
    only(result, "too-short-run")


if __name__ == "__main__":
    harness.main(jobs=4)
