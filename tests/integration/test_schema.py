#!/usr/bin/env python3
"""docs/result.schema.json: sound, strict enough to notice mistakes, and kept by runs of every kind.

Every result that the other tests make is validated too: harness.Result does it.
"""

import base64
import copy
import json
import os
import re
import signal

import harness
from harness import Failure, check, same, test, validate
from raw_server import OK_HEAD, head_with, script, serve, unused_port
from sse_server import SseService

TOP_LEVEL_KEYS = ("cicada", "format", "run", "metrics", "endpoints", "requests", "errors",
                  "thresholds", "storms", "limit", "clock", "findings", "series", "workers")
TREND_KEYS = ("count", "min", "max", "mean", "p50", "p90", "p95", "p99", "p99_9", "unit",
              "overflow")
VALUE_KEYS = {"counter": ("count", "rate"), "gauge": ("value", "min", "max"),
              "rate": ("rate", "passes", "fails"), "trend": TREND_KEYS}
QUICK = ("-u", 2, "-r", 50, "-t", "1s", "--processes", 1)


def plain_result(t):
    return t.load(SseService(t).url("/x?count=9&interval_ms=10"), *QUICK)[1]


@test
def the_schema_itself_is_sound(t):
    harness.result_validator()
    with open(harness.SCHEMA_PATH, encoding="utf-8") as file:
        check("$schema" in json.load(file), "it names its own standard")


@test
def a_result_has_the_keys_and_values_of_the_manual(t):
    result = plain_result(t)
    missing = [key for key in TOP_LEVEL_KEYS if key not in result.json]
    same(missing, [], "top-level keys that are missing")
    for name, metric in result.metrics.items():
        for key in VALUE_KEYS[metric["kind"]]:
            check(key in metric, f"{key} of {name} in {metric}")
    for key in "id target started ended duration_s users_max command verdict".split():
        check(key in result.json["run"], f"{key} of run")


@test
def a_tagged_metric_stands_beside_its_whole(t):
    result = plain_result(t)
    for name in result.metrics:
        check(re.sub(r"\{.*\}$", "", name) in result.metrics, f"the whole of {name}")


@test
def trends_carry_their_histogram(t):
    for name, metric in plain_result(t).metrics.items():
        if metric["kind"] == "trend" and metric["count"]:
            check(base64.b64decode(metric["hdr"], validate=True), f"histogram of {name}")
            check(metric["min"] <= metric["p50"] <= metric["p95"] <= metric["max"] * 1.001,
                  f"order of the percentiles of {name}: {metric}")


@test
def the_series_has_one_point_for_every_time(t):
    series = plain_result(t).json["series"]
    for name, points in series.items():
        if isinstance(points, list):
            same(len(points), len(series["t"]), f"points of {name}")


def breakages(result):
    """Wrong results: a name and a copy that the schema must refuse."""
    def changed(change):
        broken = copy.deepcopy(result)
        change(broken)
        return broken

    for key in ("cicada", "format", "run", "metrics", "errors", "workers"):
        yield f"no {key}", changed(lambda each, key=key: each.pop(key))
    yield "a bad verdict", changed(lambda each: each["run"].update(verdict="maybe"))
    yield "a bad kind", changed(lambda each: each["metrics"]["sse_events"].update(kind="sum"))
    yield "a text as count", changed(lambda each: each["metrics"]["sse_events"].update(count="9"))
    yield "an unknown key", changed(lambda each: each.update(surprise=1))
    yield "a bad class", changed(lambda each: each["errors"].append(
        {"class": "other", "message": "m", "endpoint": "e", "count": 1, "first": 0, "last": 0}))
    yield "lost as a number", changed(lambda each: each["workers"][0].update(lost=0))


@test
def the_schema_notices_mistakes(t):
    for name, broken in breakages(plain_result(t).json):
        try:
            validate(broken)
        except Failure:
            continue
        raise Failure(f"the schema accepts {name}")


# --- results of every kind; t.load validates each ---

@test
def a_result_without_any_connection_follows_the_schema(t):
    t.load(f"http://127.0.0.1:{unused_port()}/", *QUICK, "--retry-wait", "50ms")


@test
def a_result_with_many_kinds_of_errors_follows_the_schema(t):
    server = serve(t, script(head_with(status="404 Not Found"), head_with("Content-Type: a/b"),
                             OK_HEAD + b"data: a\n\n", b"junk\r\n\r\n",
                             head_with(status="503 Busy"), OK_HEAD + b"event: x\"{}\ndata: b\n\n"))
    _, result = t.load(server.url('/a"b{c}?d=<e>'), *QUICK, "--reconnect", "always", "--retry-wait",
                       "20ms")
    check(len(result.json["errors"]) >= 2, f"errors {result.json['errors']}")


@test
def a_result_with_odd_event_names_follows_the_schema(t):
    names = [f"name-{number}" for number in range(80)] + list('"}\\\x01é\ud7ff ')
    body = "".join(f"event: {name}\ndata: x\n\n" for name in names).encode()
    server = serve(t, script(OK_HEAD + body + b"event: \xff\xfe\ndata: x\n\n"))
    _, result = t.load(server.url(), *QUICK, "--reconnect", "never")
    same(result.count("sse_events"), 2 * (len(names) + 1), "events")
    tagged = [name for name in result.metrics if name.startswith("sse_events{")]
    check(10 <= len(tagged) <= 51, f"at most 50 names and the rest, got {len(tagged)}")


@test
def an_interrupted_result_follows_the_schema(t):
    service = SseService(t)
    path = t.path("result.json")
    process = t.start_cicada("run", service.url(), "-u", 3, "-r", 50, "-t", "1h", "--json", path)
    service.wait_for_open(3)
    process.signal(signal.SIGINT)
    same(process.wait(), 130, "exit status")
    same(harness.Result(path).json["run"]["verdict"], "aborted", "verdict")


@test
def many_endpoints_share_a_row_with_a_warning(t):
    service = SseService(t)
    urls = [service.url(f"/{number}") for number in range(505)]
    outcome, result = t.load(*urls, "-u", 505, "-r", 500, "-t", "60s", "--events", 1,
                             "--iterations", 1, limit_s=60)
    same(result.count("sse_events"), 505, "events")
    check(len(result.json["endpoints"]) <= 501, f"{len(result.json['endpoints'])} endpoints")
    check("500" in outcome.stderr, f"the warning, got {outcome.stderr}")


@test
def a_result_is_written_beside_and_renamed(t):
    path = t.write("result.json", "the old one")
    inode = os.stat(path).st_ino
    plain_result(t)
    check(os.stat(path).st_ino != inode, "a new file took the place of the old one")
    same([each for each in os.listdir(t.folder) if each.startswith("result")], ["result.json"],
         "files of the result")


if __name__ == "__main__":
    harness.main(jobs=4)
