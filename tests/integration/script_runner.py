"""Runs of Locust files that a test has written itself, and what these say on standard output."""

import os

import harness

# Each says what it hears on standard output, one fact a line.
HEAD = """
import os
import time
import gevent
from locust import LoadTestShape, User, constant, events, task
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

def say(*facts):
    os.write(1, (" ".join(map(str, facts)) + "\\n").encode())  # whole, beside other processes

def row(name="row"):
    events.request.fire(request_type="X", name=name, response_time=5, response_length=1,
                        exception=None, context={})
"""
USERS = """
class Ana(User):
    wait_time = constant(0.1)

    def on_start(self):
        say("start", type(self).__name__)

    @task
    def work(self):
        row()

class Bo(Ana):
    weight = 2

class Few(Ana):
    fixed_count = 1
"""
HOOKS = """
@events.init.add_listener
def init(environment, **_others):
    say("init", type(environment.runner).__name__)

@events.test_start.add_listener
def start(environment, **_others):
    say("test_start", type(environment.runner).__name__)

@events.spawning_complete.add_listener
def spawned(user_count, **_others):
    say("spawned", user_count)

@events.test_stop.add_listener
def stop(environment, **_others):
    say("test_stop", type(environment.runner).__name__)

@events.quitting.add_listener
def quitting(environment, **_others):
    say("quitting", type(environment.runner).__name__, environment.stats.total.num_requests)
"""


def run(t, text, *words, limit_s=60, **options):
    """The outcome, the result (None when there is none) and the script's facts."""
    t.write("script.py", HEAD + text)
    path = t.path("result.json")
    outcome = t.cicada("run", "script.py", "--no-progress", "--json", path, *words,
                       limit_s=limit_s, **options)
    facts = [line for line in outcome.stdout.split("\ncicada ")[0].splitlines() if line]
    return outcome, harness.Result(path) if os.path.exists(path) else None, facts


def start(t, text, *words, **options):
    t.write("script.py", HEAD + text)
    return t.start_cicada("run", "script.py", "--no-progress", "--json", t.path("result.json"),
                          *words, **options)


def status_of(process, limit_s=30):
    status = process.wait(limit_s)
    harness.check_for_crash(process)
    return status
