#!/usr/bin/env python3
"""The exit status of `cicada run`: each line of its table, and which line comes first where several
hold. A CI job sees nothing else."""

import collections
import os
import signal

import harness
from demo_service import Service
from harness import check, children_of, contains, same, test, wait_until
from script_runner import HEAD

PATH = "/api/v1/events/stream?interval=50ms"
LOAD = ("-u", 4, "-r", 100, "--processes", 2)
HELD, CROSSED = "sse_events: count>0", "sse_events: count<1"
UNMEASURED = "sse_ttft: p(95)<500"
REFUSED = {"status": "503:1"}

SCRIPT = HEAD + """
class Ana(User):
    wait_time = constant(0.1)

    @task
    def work(self):
        events.request.fire(request_type="X", name="row", response_time=5, response_length=1,
                            exception=%s, context={})

@events.quitting.add_listener
def end(environment, **_others):
    environment.process_exit_code = %s
"""

# What is done to a run, and how it must end. `script` is None for a URL, else whether a request of
# it fails and the exit code that it sets.
Case = collections.namedtuple("Case", "options faults signal kills_worker script status verdict",
                              defaults=((), {}, None, False, None, 0, "pass"))

CASES = {
    "all well is 0": Case(),
    "thresholds that hold are 0": Case(("--threshold", HELD)),
    "thresholds that hold are 0 though attempts failed":
        Case(("--threshold", "sse_attempts: count>0"), REFUSED),
    "failures are 1": Case((), REFUSED, status=1, verdict="fail"),
    "failures are what is asked for":
        Case(("--exit-code-on-error", 9), REFUSED, status=9, verdict="fail"),
    "failures may be asked to be 0":
        Case(("--exit-code-on-error", 0), REFUSED, status=0, verdict="fail"),
    "no event at all is 1":
        Case(("--no-progress",), {"clump": 3600}, status=1, verdict="fail"),
    "a lost worker is 1": Case(kills_worker=True, status=1, verdict="fail"),
    "a lost worker is 1 though thresholds held":
        Case(("--threshold", HELD), kills_worker=True, status=1, verdict="fail"),
    "a crossed threshold is 99": Case(("--threshold", CROSSED), status=99, verdict="fail"),
    "a threshold without samples is 99":
        Case(("--threshold", UNMEASURED), status=99, verdict="fail"),
    "one of two crossed is 99":
        Case(("--threshold", HELD, "--threshold", CROSSED), status=99, verdict="fail"),
    "a crossed threshold comes before failures":
        Case(("--threshold", CROSSED.replace("<1", ">0"), "--exit-code-on-error", 9), REFUSED,
             status=99, verdict="fail"),
    "a crossed threshold comes before a lost worker":
        Case(("--threshold", CROSSED), kills_worker=True, status=99, verdict="fail"),
    "a limit search that holds all its users is 0": Case(("--find-limit", "-u", 1, "-t", "60s")),
    "a limit search whose first step fails is 99":
        Case(("--find-limit", "-t", "60s"), REFUSED, status=99, verdict="fail"),
    "a limit search that was interrupted is 130":
        Case(("--find-limit", "-u", 1), signal=signal.SIGINT, status=130, verdict="aborted"),
    "Ctrl-C is 130": Case(signal=signal.SIGINT, status=130, verdict="aborted"),
    "SIGTERM is 143": Case(signal=signal.SIGTERM, status=143, verdict="aborted"),
    "Ctrl-C comes before a crossed threshold":
        Case(("--threshold", CROSSED), signal=signal.SIGINT, status=130, verdict="aborted"),
    "SIGTERM comes before failures":
        Case(("--reconnect", "always"), REFUSED, signal.SIGTERM, status=143, verdict="aborted"),
    "a script without failures is 0": Case(script=("None", "None")),
    "a script with failures is 1":
        Case(script=("ValueError('wrong')", "None"), status=1, verdict="fail"),
    "a script's own exit code is taken": Case(script=("None", "7"), status=7, verdict="fail"),
    "a script's own 0 comes before failures":
        Case(script=("ValueError('wrong')", "0"), status=0, verdict="pass"),
    "a script's own exit code comes before a crossed threshold":
        Case(("--threshold", CROSSED.replace("<1", ">0")), script=("None", "7"), status=7,
             verdict="fail"),
    "a script's own exit code comes before Ctrl-C":
        Case(signal=signal.SIGINT, script=("None", "7"), status=7, verdict="aborted"),
    "a script that was interrupted is 130":
        Case(signal=signal.SIGINT, script=("None", "None"), status=130, verdict="aborted"),
}


def run_time(case):
    """One that is disturbed goes on until that has happened."""
    return "60s" if case.signal else "5s" if case.kills_worker else "2s"


def start(t, case):
    """The run, and the service where there is one."""
    words = ("--json", t.path("result.json"), "-t", run_time(case), *case.options)
    if case.script:
        t.write("script.py", SCRIPT % case.script)
        return t.start_cicada("run", "script.py", *words), None
    service = Service(t)
    service.control(**case.faults)
    return t.start_cicada("run", service.url(PATH), *LOAD, *words), service


def wait_until_loaded(run, service):
    if service is None:
        run.wait_for_output("All users spawned", 60)
    else:
        wait_until(lambda: sum(service.metrics()[name] for name in
                               ("events_sent_total", "fault_statuses_total")) >= 4, "the load")


def disturb(case, run, service):
    if not case.signal and not case.kills_worker:
        return
    wait_until_loaded(run, service)
    if case.kills_worker:
        os.kill(children_of(run.pid)[0], signal.SIGKILL)
    else:
        run.signal(case.signal)


def check_case(t, case):
    run, service = start(t, case)
    disturb(case, run, service)
    same(run.wait(60), case.status, f"exit status ({run.output[-1000:]})")
    harness.check_for_crash(run)
    result = harness.Result(t.path("result.json")).json
    same(result["run"]["verdict"], case.verdict, "verdict in the result")
    contains(run.stdout, rf"verdict +{case.verdict}", "summary")


for name, each in CASES.items():
    def one(t, case=each):
        check_case(t, case)
    one.__name__ = name
    test(one)


@test
def bad_usage_is_2_and_nothing_is_measured(t):
    service = Service(t)
    path = t.path("result.json")
    for words in (("--threshold", "sse_ttfe: p(95)<500kb"), ("--threshold", "no_metric: count>1"),
                  ("-t", "soon"), ("--user", 4), ("--json", "/no/such/folder/result.json")):
        said = t.refused("run", service.url(PATH), *LOAD, "-t", "1s", "--json", path, *words)
        contains(said, "^cicada: ", "its sentence")
    check(not os.path.exists(path), "there is a result")
    same(service.metrics()["events_sent_total"], 0, "events sent")


@test
def a_script_that_cannot_be_read_is_2(t):
    t.write("script.py", "import locust\nraise RuntimeError('broken here')\n")
    outcome = t.cicada("run", "script.py", "-t", "1s", "--json", t.path("result.json"), limit_s=60)
    same(outcome.status, 2, f"exit status ({outcome.stderr})")
    contains(outcome.stderr, "broken here", "what is wrong")
    check(not os.path.exists(t.path("result.json")), "there is a result")


if __name__ == "__main__":
    harness.main(2)
