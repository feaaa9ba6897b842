#!/usr/bin/env python3
"""Locust files in trouble that Locust has no answer for: blocked hubs, killed workers, TLS."""

import os
import re
import signal

import harness
from harness import (Result, check, children_of, contains, is_alive, peak_memory_bytes, same, test,
                     wait_until)
from locust_checks import nginx_over_tls
from locust_runner import SCRIPTS, read_facts, run_cicada_file
from locust_server import LocustServer
from raw_server import RawServer, script
from tls_checks import GOOD
from tls_server import TlsEnd, pem_path, server_context, trust

HELD = """
from locust import HttpUser, task

class Holds(HttpUser):
    @task
    def hold(self):
        with self.client.get("/sse?count=100000&interval_ms=20", stream=True, name="held",
                             catch_response=True) as response:
            for line in response.iter_lines():
                pass
"""
NEVER_YIELDS = """
from locust import HttpUser, task
import gevent

class Spins(HttpUser):
    @task
    def spin(self):
        gevent.sleep(0.3)
        while True:
            sum(range(1000))  # line 10
"""
BLOCKS = """
import time
from locust import HttpUser, task
from gevent import monkey
import gevent

really_sleep = monkey.get_original("time", "sleep")

class Blocks(HttpUser):
    @task
    def block(self):
        for _ in range(4):
            really_sleep(0.25)  # line 13
            gevent.sleep(0.05)
        self.environment.runner.quit()
"""
SWALLOWS = """
import gevent
import probe
from locust import HttpUser, task

class Stubborn(HttpUser):
    @task
    def steps(self):
        while True:
            try:
                probe.note("steps", "sleeps")
                gevent.sleep(60)
            except BaseException:
                probe.note("steps", "swallowed")
"""
GET = """
from locust import HttpUser, task

class Gets(HttpUser):
    OPTIONS

    @task
    def get(self):
        with self.client.get("/events", stream=True, name="events", catch_response=True,
                             headers={"Accept": "text/event-stream"}) as response:
            if response.status_code != 200:
                response.failure(f"status {response.status_code}: {response.error}")
            for event in response.iter_events():
                response.success()
                break
        self.environment.runner.quit()
"""


def start_run(t, text, *words, host):
    """`cicada run` of a script that a test wrote, and its result's path."""
    path = t.path("result.json")
    env = {"PROBE": t.path("probe"), "PYTHONPATH": SCRIPTS, "PYTHONDONTWRITEBYTECODE": "1"}
    process = t.start_cicada("run", t.write("script.py", text), "-H", host, *words,
                             "--json", path, env=env)
    return process, path


def workers_of(process):
    """The ids of the Python workers that a run has started."""
    def is_worker(pid):
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return b"cicada.worker" in file.read()
    return [pid for pid in children_of(process.pid) if is_alive(pid) and is_worker(pid)]


@test
def a_task_that_never_yields_is_named_and_ended(t):
    process, path = start_run(t, NEVER_YIELDS, "-u", 1, "-t", "1s", host=LocustServer(t).url)
    pid = wait_until(lambda: workers_of(process), "a worker")[0]
    status = process.wait(30)
    same(status, 1, f"exit status: {process.stderr}")
    contains(process.stderr, r"script\.py.{0,20}1[01]", "where the script was")
    check(not is_alive(pid), "the worker is gone")
    check(any(worker["lost"] for worker in Result(path).workers), "the worker counts as lost")


@test
def a_block_of_the_hub_is_reported_once_with_its_line(t):
    process, _ = start_run(t, BLOCKS, "-u", 1, "-t", "10s", host=LocustServer(t).url)
    process.wait()
    same(len(re.findall(r"script\.py\S{0,3}.{0,12}13", process.stderr)), 1,
         f"reports of the place: {process.stderr}")


@test
def a_worker_that_is_killed_fails_the_run_and_the_others_go_on(t):
    server = LocustServer(t)
    process, path = start_run(t, HELD, "-u", 4, "-r", 100, "-t", "3s", "--processes", 2,
                              host=server.url)
    server.server.wait_for_open(4)
    pids = wait_until(lambda: workers_of(process), "workers")
    victim = min(pids, key=lambda pid: pid) if len(pids) < 3 else sorted(pids)[0]
    os.kill(victim, signal.SIGKILL)
    same(process.wait(30), 1, f"exit status: {process.stderr}")
    contains(process.stderr, r"worker.*(lost|killed|died|ended)", "what is said")
    result = Result(path)
    check(any(worker["lost"] for worker in result.workers), "a lost worker in the result")
    check(result.count("sse_events") > 50, "the others' events count")


@test
def the_only_worker_is_killed(t):
    server = LocustServer(t)
    process, path = start_run(t, HELD, "-u", 2, "-r", 100, "-t", "20s", host=server.url)
    server.server.wait_for_open(2)
    os.kill(wait_until(lambda: workers_of(process), "the worker")[0], signal.SIGKILL)
    same(process.wait(30), 1, f"exit status: {process.stderr}")
    check(all(worker["lost"] for worker in Result(path).workers), "lost in the result")
    server.wait_for_ends(2)


@test
def a_worker_that_crashes_names_the_line(t):
    text = HELD.replace("            for line in response.iter_lines():\n                pass\n",
                        "            import ctypes\n            ctypes.string_at(0)\n")
    process, path = start_run(t, text, "-u", 1, "-t", "20s", host=LocustServer(t).url)
    same(process.wait(), 1, f"exit status: {process.stderr}")
    contains(process.stderr, r"script\.py\W+line 10", "where it crashed")
    check(all(worker["lost"] for worker in Result(path).workers), "lost in the result")


@test
def the_controller_is_killed_and_all_load_ends(t):
    server = LocustServer(t)
    process, _ = start_run(t, HELD, "-u", 4, "-r", 100, "-t", "60s", "--processes", 2,
                           host=server.url)
    server.server.wait_for_open(4)
    pids = workers_of(process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in pids), "the end of all workers", 5)
    server.wait_for_ends(4)


@test
def an_interrupt_ends_the_run_in_order(t):
    server = LocustServer(t)
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        process, path = start_run(t, HELD, "-u", 2, "-r", 100, "-t", "60s", host=server.url)
        server.server.wait_for_open(2)
        process.signal(number)
        same(process.wait(15), status, f"exit status: {process.stderr}")
        same(Result(path).json["run"]["verdict"], "aborted", "verdict")
        wait_until(lambda: server.server.open_count == 0, "closed streams")


@test
def a_task_that_swallows_its_end_is_ended_by_the_second_interrupt(t):
    """Locust itself waits for such a task for ever."""
    process, path = start_run(t, SWALLOWS, "-u", 1, "-t", "60s", host=LocustServer(t).url)
    facts = t.path("probe")
    wait_until(lambda: read_facts(facts).get("steps"), "the task")
    process.signal(signal.SIGINT)
    wait_until(lambda: "swallowed" in read_facts(facts)["steps"], "the end that it swallows")
    process.signal(signal.SIGINT)
    same(process.wait(10), 130, f"exit status: {process.stderr}")
    same(Result(path).json["run"]["verdict"], "aborted", "verdict")


@test
def streams_that_never_send_are_no_success(t):
    text = HELD.replace("/sse?count=100000&interval_ms=20", "/sse?count=0&then=hold")
    process, path = start_run(t, text, "-u", 3, "-r", 100, "-t", "2s", host=LocustServer(t).url)
    same(process.wait(), 1, f"exit status: {process.stderr}")
    result = Result(path)
    same(result.json["requests"], [], "rows, as in Locust")
    same((result.count("sse_attempts"), result.count("sse_events")), (3, 0), "attempts, events")
    same(result.metrics["sse_open_age"]["count"], 3, "streams open at the end")
    contains(str([finding["code"] for finding in result.json["findings"]]),
             "silent-streams|no-events", "findings")


@test
def streams_open_at_the_end_are_in_the_figures(t):
    server = LocustServer(t)
    process, path = start_run(t, HELD, "-u", 3, "-r", 100, "-t", "2s", host=server.url)
    same(process.wait(), 0, f"exit status: {process.stderr}")
    result = Result(path)
    same(result.json["requests"], [], "rows, as in Locust")
    same((result.count("sse_attempts"), result.metrics["sse_open_age"]["count"]), (3, 3),
         "streams, and those open at the end")
    same(result.metrics["sse_ttfe"]["count"], 3, "first events")
    check(result.count("sse_events") > 100, f"{result.count('sse_events')} events")
    same(result.count("sse_disconnects"), 0, "disconnects")


@test
def unread_floods_hold_little_memory(t):
    text = HELD.replace("/sse?count=100000&interval_ms=20", "/flood").replace(
        "            for line in response.iter_lines():\n                pass\n",
        "            self.environment.runner.user_count\n            import time\n"
        "            time.sleep(30)\n")
    server = LocustServer(t)
    process, path = start_run(t, text, "-u", 20, "-r", 100, "-t", "3s", host=server.url)
    server.server.wait_for_open(20)
    pid = wait_until(lambda: workers_of(process), "the worker")[0]
    most = [0]

    def watch():
        if is_alive(pid):
            most[0] = max(most[0], peak_memory_bytes(pid))
        return process.child.poll() is not None
    wait_until(watch, "the end of the run")
    check(0 < most[0] < 150 << 20, f"{most[0] >> 20} MiB")
    server.wait_for_ends(20)


# --- https ---

def gets(options="pass"):
    return GET.replace("OPTIONS", options)


def run_over_tls(t, url, *words, options="pass"):
    path = t.write("script.py", gets(options))
    return run_cicada_file(t, path, "-u", 1, "-t", "5s", *words, host=url)


def check_tls_failure(outcome, pattern):
    same(outcome.status, 1, f"exit status: {outcome.explain()}")
    errors = outcome.result.json["errors"]
    same({error["class"] for error in errors}, {"tls"}, f"classes of {errors}")
    contains(errors[0]["message"], pattern, "the reason in the result")
    contains(outcome.csv("failures")[0]["Error"], pattern, "the reason in Locust's table")


def tls_server(t, name="server", host="127.0.0.1"):
    server = RawServer(script(GOOD), tls=TlsEnd(server_context(t, name)))
    return t.keep(server, server.stop).url("", host=host).rstrip("/")


@test
def a_certificate_of_the_given_authority_is_accepted(t):
    outcome = run_over_tls(t, tls_server(t), *trust(t))
    same((outcome.status, outcome.csv_counts()["GET", "events"]), (0, (1, 0, 0.0)), "run")


@test
def an_unknown_authority_is_named(t):
    check_tls_failure(run_over_tls(t, tls_server(t)), "unable to get local issuer")


@test
def another_name_than_the_hosts_is_named(t):
    check_tls_failure(run_over_tls(t, tls_server(t, "wrong-host"), *trust(t)),
                      "IP address mismatch")


@test
def a_script_that_does_not_verify(t):
    outcome = run_over_tls(t, tls_server(t),
                           options="def on_start(self):\n        self.client.verify = False")
    same(outcome.status, 0, f"exit status: {outcome.explain()}")


@test
def a_script_that_names_its_authority(t):
    trust(t)
    place = pem_path(t, "ca.pem")
    outcome = run_over_tls(t, tls_server(t),
                           options=f"def on_start(self):\n        self.client.verify = {place!r}")
    same(outcome.status, 0, f"exit status: {outcome.explain()}")


@test
def the_table_over_https_through_nginx(t):
    """A login and its stream, counts exact, through nginx and its certificate."""
    server = LocustServer(t)
    host, words = nginx_over_tls(t, server.port)
    path = t.write("script.py", """
import probe
from locust import HttpUser, task

class Reads(HttpUser):
    done = 0

    @task
    def steps(self):
        self.client.post("/login", json={"password": "correct horse"}, name="login")
        with self.client.get("/sse?count=5&interval_ms=10", stream=True, name="stream",
                             catch_response=True) as response:
            probe.note("events", sum(1 for _ in response.iter_events()))
        Reads.done += 1
        probe.until(lambda: Reads.done == 4)
        probe.end(self)
""")
    outcome = run_cicada_file(t, path, "-u", 4, "-r", 100, "-t", "15s", *words,
                              host=host)
    same(outcome.status, 0, f"exit status: {outcome.explain()}")
    same(outcome.facts["events"], [5] * 4, "events of each user")
    same(outcome.rows["GET", "stream"], (4, 0, 0), "row of the streams")
    same(outcome.rows["POST", "login"][:2], (4, 0), "row of the logins")
    same(outcome.result.count("sse_events"), 20, "events in the result")


if __name__ == "__main__":
    harness.main(jobs=3)
