#!/usr/bin/env python3
"""Each fault of the demo service gives its finding and no other; a healthy service gives none.

A run that was short of something itself says so (generator-saturated), and is made again: what the
machine of a test does beside it is no fault of the service."""

import collections

import harness
from demo_service import LOGIN, Service
from harness import check, same, test

STREAM, LOGGED_IN = "/api/v1/events/stream", "/api/v1/notifications/stream"
TRIES = 4

# `serve` are options of the service, `load` those of the run beside the usual ones.
Case = collections.namedtuple("Case", "faults codes query serve load",
                              defaults=("?interval=50ms", (), ()))

# Streams begin over four seconds, so that one age and one moment can be told apart.
USUAL = ("-u", 40, "-r", 10, "-t", "9s", "--event-time", "/sent_ms", "--stale", "5s")
EAGER = ("--retry-wait", "500ms")
STORM = ("--storm", "5s:0.5:500ms", "--storm-return", "at-once")
ALWAYS = ("--reconnect", "always", "--retry-wait", "500ms")

CASES = {
    "a healthy service": Case({}, ()),
    "a healthy service with little to say": Case({}, (), "?interval=1s"),
    "a healthy service under a storm": Case({}, (), load=STORM),
    "a healthy service whose streams end by choice": Case({}, (), load=("--stream-time", "2s")),
    "lose": Case({"lose": 0.02}, ("event-loss",)),
    "duplicate": Case({"duplicate": 0.02}, ("event-duplicates",)),
    "reorder": Case({"reorder": 0.02}, ("event-reordered",)),
    "reorder of few events": Case({"reorder": 0.005}, ("event-reordered",), "?interval=100ms"),
    "malform": Case({"malform": 0.02}, ("malformed-events",)),
    "malform with expectations": Case({"malform": 0.02}, ("malformed-events",),
                                      load=("--expect-json",)),
    "malform with ids that leave out numbers":
        Case({"malform": 0.02}, ("malformed-events",), "?interval=50ms&ids=random"),
    "lose without ids": Case({"lose": 0.02}, ("event-loss",), "?interval=50ms&ids=none"),
    "drop": Case({"drop": "40%@2s"}, ("abrupt-disconnects",), load=EAGER),
    "clump": Case({"clump": 0.5}, ("proxy-buffering",), "?interval=10ms"),
    "clump of few events": Case({"clump": 3}, ("proxy-buffering",), "?interval=1s",
                                load=("-t", "15s")),
    "stall": Case({"stall": 0.7}, ("no-heartbeat",), load=("--heartbeat", "500ms")),
    "stall shorter than the time between events": Case({"stall": 0.3}, (), "?interval=400ms"),
    "status 503": Case({"status": "503:0.3"}, ("gateway-errors",), load=ALWAYS),
    "status 503 for all": Case({"status": "503:1"}, ("gateway-errors",), load=ALWAYS),
    "status 502": Case({"status": "502:0.3"}, ("gateway-errors",), load=ALWAYS),
    "status 429": Case({"status": "429:0.3"}, ("rate-limited",), load=ALWAYS),
    "status 401": Case({"status": "401:0.3"}, ("auth-rejections",), load=ALWAYS),
    "status 403": Case({"status": "403:0.3"}, ("auth-rejections",), load=ALWAYS),
    "status 500": Case({"status": "500:0.3"}, ("server-errors",), load=ALWAYS),
    "max-streams": Case({"max-streams": 25}, ("connection-limit",), load=ALWAYS),
    "idle-cut": Case({"idle-cut": 1.5}, ("idle-timeout",), "?interval=50ms&count={{count}}",
                     ("--heartbeat", "1h"), EAGER),
    "age-cut": Case({"age-cut": 3}, ("max-age",), load=EAGER),
    "age-cut of streams that came at once": Case({"age-cut": 3}, ("max-age",),
                                                 load=("-r", 100, *EAGER)),
    "no-replay": Case({"no-replay": True}, ("replay-missing",),
                      load=STORM),
    "slow-login": Case({"slow-login": 2}, ("slow-auth",)),
}


def target(t, service, case):
    """The words of the run that say where."""
    if "slow-login" in case.faults:
        return (service.url(LOGGED_IN + "?topics=alerts&interval=50ms"), "--login",
                "POST " + service.url("/api/v1/auth/login"), "--login-data",
                '{{"email":"{email}","password":"{password}"}}'.format(**LOGIN),
                "--token", "/access_token")
    if "{{count}}" in case.query:
        rows = "\n".join(str(count) for count in range(5, 45))
        return service.url(STREAM + case.query), "--feed", t.write("feed.csv", "count\n" + rows)
    return (service.url(STREAM + case.query),)


def found(t, case):
    """The findings of one run."""
    service = Service(t, *case.serve)
    service.control(**case.faults)
    _, result = t.load(*target(t, service, case), *USUAL, *case.load, limit_s=60)
    service.process.kill()
    return result.json["findings"]


def check_case(t, case):
    for _ in range(TRIES):
        findings = found(t, case)
        codes = [each["code"] for each in findings]
        if "generator-saturated" not in codes:
            break
    same(tuple(codes), case.codes, f"findings, of which it says {findings}")
    check(all(each["confidence"] != "suspected" for each in findings), f"doubts in {findings}")


for name, each in CASES.items():
    def one(t, case=each):
        check_case(t, case)
    one.__name__ = f"{name}_{'gives ' + each.codes[0] if each.codes else 'gives none'}"
    test(one)


if __name__ == "__main__":
    harness.main(6)
