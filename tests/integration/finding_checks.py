"""What the tests of findings have in common."""

import harness
from harness import same

PATH = "/api/v1/events/stream"
BUSY_S = 40


def found(result):
    """The findings about the service by code; that this machine is busy is no news of it."""
    return {each["code"]: each for each in result.json["findings"]
            if each["code"] not in ("generator-saturated", "too-short-run")}


def alone(result, code):
    """The one finding there is."""
    findings = found(result)
    same(sorted(findings), [code], "findings")
    return findings[code]


def load(t, url, *options, users=40, rate=8, seconds=7, **more):
    return t.load(url, "-u", users, "-r", rate, "-t", f"{seconds}s", *options, limit_s=BUSY_S,
                  **more)


def load_calmly(t, url, *options, **more):
    """What rests on times is not said where this machine was late itself: that run is repeated."""
    for _ in range(3):
        _, result = load(t, url, *options, **more)
        if all(each["code"] != "generator-saturated" for each in result.json["findings"]):
            return result
    raise harness.Failure("three runs on a machine that is too busy")


def limit_of(finding):
    """The number in the title of a limit on connections."""
    return int(finding["title"].partition(" while ")[2].split()[0])
