#!/usr/bin/env python3
"""The sequence audit of streams that a Locust file reads: in the result, and for the script."""

import harness
from demo_service import Service
from harness import check, same, test
from script_runner import run

COUNT = 600
READER = """
from locust import HttpUser

class Reader(HttpUser):
    host = "{host}"

    @task
    def read(self):
        path = "/api/v1/events/stream?interval=1ms&count={count}{more}"
        with self.client.get(path, stream=True, name="stream", catch_response=True) as response:
            for line in response.iter_lines():
                if line == b": heartbeat":
                    break  # the last of the count has come
            response.success()
        say("audit", *map(str, response.audit[:8]))
        gevent.sleep(60)
"""
RESUMER = """
from locust import HttpUser

class Resumer(HttpUser):
    host = "{host}"

    @task
    def read(self):
        source = self.client.sse("/api/v1/events/stream?interval=2ms", reconnect=True,
                                 duration=3, name="stream")
        source.retry = 0.1
        for event in source:
            source.retry = 0.1
        audit = source.audit
        say("audit", source.reconnects, audit.resumes, audit.missed, audit.resume.missed,
            audit.duplicates, audit.order)
        gevent.sleep(60)
"""


def read(t, service, *words, more=""):
    """The result, and what each of two users was told: audit[:8]."""
    text = READER.format(host=service.url(""), count=COUNT, more=more)
    outcome, result, facts = run(t, text, "-u", 2, "-r", 10, "-t", "4s", *words)
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    told = [fact.split()[1:] for fact in facts if fact.startswith("audit ")]
    same(len(told), 2, f"audits of two users: {facts}")
    return result, told


@test
def faults_are_counted_for_scripts_as_for_urls(t):
    service = Service(t, "--heartbeat", "300ms", "--fault", "lose=2%,duplicate=2%,reorder=2%")
    result, told = read(t, service)
    metrics = service.metrics()
    injected = [metrics[f"fault_{name}_total"] for name in ("lost", "duplicated", "reordered")]
    check(min(injected) > 0, "faults were injected")
    same([result.count(f"sse_{name}") for name in ("missed", "duplicates", "reordered")], injected,
         "findings in the result")
    same([sum(int(each[at]) for each in told) for at in (1, 2, 3)], injected,
         "findings that the users were told")
    same({each[7] for each in told}, {"dense"}, "order")
    same(result.count("sse_sequenced{order:dense}"), sum(int(each[0]) for each in told), "received")


@test
def a_pointer_is_for_scripts_too(t):
    service = Service(t, "--heartbeat", "300ms", "--fault", "lose=2%")
    result, told = read(t, service, "--event-seq", "/seq", more="&ids=random")
    lost = service.metrics()["fault_lost_total"]
    same(result.count("sse_missed"), lost, "missed")
    same(sum(int(each[1]) for each in told), lost, "missed as told")
    same(result.count("sse_sequenced{order:declared}"), result.count("sse_sequenced"), "declared")


@test
def a_script_that_resumes_is_audited_over_the_gap(t):
    service = Service(t, "--fault", "drop=100%@400ms")
    outcome, result, facts = run(t, RESUMER.format(host=service.url("")), "-t", "5s")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    audits = [fact.split()[1:] for fact in facts if fact.startswith("audit ")]
    reconnects, resumes, *found = audits[0]
    check(int(reconnects) >= 1 and int(resumes) >= int(reconnects) - 1, f"resumes: {audits[0]}")
    same(found, ["0", "0", "0", "dense"], "findings that the user was told")
    same(result.count("sse_missed") + result.count("sse_duplicates"), 0, "findings in the result")


@test
def losses_of_streams_that_a_script_leaves_open_are_decided_at_the_end(t):
    service = Service(t, "--heartbeat", "300ms", "--fault", "lose=10%")
    text = READER.format(host=service.url(""), count=COUNT, more="")
    text = text.replace("break ", "pass ")  # reads heartbeats until the run ends
    outcome, result, _ = run(t, text, "-u", 2, "-r", 10, "-t", "4s")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    same(result.count("sse_missed"), service.metrics()["fault_lost_total"], "missed")


if __name__ == "__main__":
    harness.main(jobs=2)
