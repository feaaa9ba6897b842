#!/usr/bin/env python3
"""What cicada says of itself: the machine it ran on, and failures that are its own."""

import os
import resource

import harness
from demo_service import Service
from harness import between, check, children_of, contains, same, test, wait_until

PATH = "/api/v1/events/stream?interval=100ms"
FILES = 24  # of which a worker has about ten open before its first stream


@test
def the_machine_is_in_the_result(t):
    service = Service(t)
    outcome, result = t.load(service.url(PATH), "-u", 4, "-r", 100, "-t", "5s")
    machine = result.json["machine"]
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    same(machine["cores"], os.sysconf("SC_NPROCESSORS_ONLN"), "cores")
    same(machine["memory"], os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "memory")
    for name in ("cpu_busy", "cpu_stolen", "memory_used"):
        between(machine[name], 0, 1, name)
    between(machine["cpu_others"], 0, machine["cores"], "cores in use by others")
    between(machine["controller_cpu"], 0, 1.5, "cores in use by the controller")
    between(machine["controller_lag"], 0, 5000, "lag of the controller")


@test
def what_holds_for_less_than_three_seconds_is_not_said(t):
    service = Service(t)
    machine = t.load(service.url(PATH), "-u", 4, "-r", 100, "-t", "2s")[1].json["machine"]
    same((machine["cpu_busy"], machine["controller_lag"]), (None, None), "figures of 2 s")


@test
def failures_for_want_of_files_are_not_the_services(t):
    service = Service(t)
    path = t.path("result.json")
    run = t.start_cicada("run", service.url(PATH), "--processes", 1, "-u", 60, "-r", 20, "-t",
                         "6s", "--no-progress", "--json", path)
    worker, = wait_until(lambda: children_of(run.pid), "the worker")
    wait_until(lambda: service.metrics()["streams_open"] >= 1, "the first stream")
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (FILES, FILES))
    status = run.wait(90)
    result = harness.Result(path)
    check(status != 0, f"exit status {status}")
    check(result.classes().get("local_limit", 0) > 0, f"classes: {result.classes()}")
    finding, = result.json["findings"]
    same(finding["code"], "generator-saturated", "code")
    contains(finding["evidence"], "local_limit errors .*open files.*failures that never reached",
             "evidence")


if __name__ == "__main__":
    harness.main(2)
