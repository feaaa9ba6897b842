#!/usr/bin/env python3
"""Runs of Locust files as the controller drives them: processes and their messages, ramps and
shapes, exit codes, signals, deaths. What scripts themselves may do is tested elsewhere."""

import collections
import os
import signal
import time

import harness
from harness import between, check, children_of, contains, is_alive, same, test, wait_until
from script_runner import HOOKS, USERS, run, start, status_of

@test
def one_process_runs_every_class_by_weight_and_fixed_count(t):
    outcome, result, facts = run(t, USERS + HOOKS, "-u", "7", "-r", "7", "-t", "2s")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    starts = collections.Counter(fact for fact in facts if fact.startswith("start "))
    same(starts, {"start Few": 1, "start Ana": 2, "start Bo": 4}, "users of each class")
    order = [fact.split()[0] for fact in facts if not fact.startswith("start ")]
    same(order, ["init", "test_start", "spawned", "test_stop", "quitting"], "hooks")
    check("init LocalRunner" in facts, f"the runner: {facts}")
    same(result.json["run"]["users_max"], 7, "most users")
    same(len(result.json["workers"]), 1, "workers")


@test
def users_come_in_steps_of_the_rate_the_first_at_once(t):
    _, result, facts = run(t, """
began = time.monotonic()
class Ana(User):
    wait_time = constant(10)
    def on_start(self):
        say("at", time.monotonic() - began)
    @task
    def work(self):
        pass

@events.test_start.add_listener
def begin(**_others):
    global began
    began = time.monotonic()
""", "-u", "5", "-r", "2", "-t", "4s")
    times = [float(fact.split()[1]) for fact in facts if fact.startswith("at ")]
    same(len(times), 5, "users that started")
    for time_s, expected in zip(times, (0, 0, 1, 1, 2)):
        between(time_s, expected - 0.2, expected + 0.8, f"start of a user, in {times}")
    same(result.json["run"]["users_max"], 5, "most users")


@test
def several_processes_share_users_and_have_a_lead(t):
    outcome, result, facts = run(t, USERS + HOOKS + """
@events.quitting.add_listener
def set_code(environment, **_others):
    if isinstance(environment.runner, MasterRunner):
        environment.process_exit_code = 7
""", "-u", "8", "-r", "8", "-t", "3s", "--processes", "2")
    same(outcome.status, 7, f"the master's exit code ({outcome.stderr})")
    starts = collections.Counter(fact for fact in facts if fact.startswith("start "))
    same(sum(starts.values()), 8, "users")
    same(starts["start Few"], 1, "users of the fixed count, over both processes")
    same(sorted(fact for fact in facts if fact.startswith("init")),
         ["init MasterRunner", "init WorkerRunner", "init WorkerRunner"], "runners")
    same(len(result.json["workers"]), 2, "workers in the result, the lead not among them")
    check("spawned 8" in facts, f"the master hears of all users: {facts}")
    last = [fact for fact in facts if fact.startswith("quitting MasterRunner")]
    same(len(last), 1, "ends of the master")
    total = [each for each in result.json["requests"] if each["name"] == "row"]
    same(int(last[0].split()[2]), total[0]["num_requests"], "the master's figures are whole")


@test
def messages_go_both_ways_between_processes(t):
    outcome, _, facts = run(t, """
def heard(environment, msg, **_others):
    say("heard", type(environment.runner).__name__, msg.type, msg.data)

@events.init.add_listener
def init(environment, **_others):
    environment.runner.register_message("up", heard)
    environment.runner.register_message("down", heard)

@events.test_start.add_listener
def begin(environment, **_others):
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        runner.send_message("up", {"text": "Ångström", "list": [1, None]})
    else:
        runner.send_message("down", [1.5])
""" + USERS, "-t", "3s", "-u", "2", "-r", "2", "--processes", "2")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    heard = sorted(fact for fact in facts if fact.startswith("heard"))
    same(heard, ["heard MasterRunner up {'text': 'Ångström', 'list': [1, None]}"] * 2 +
         ["heard WorkerRunner down [1.5]"] * 2, "messages")


SHAPE = """
class Shape(LoadTestShape):
    def tick(self):
        now = self.get_run_time()
        if now < 1.5:
            return 3, 3
        if now < 3:
            return 6, 100, [Bo]
        if now < 4.5:
            return 1, 100
        return None
"""


def check_shape(t, *words):
    outcome, result, facts = run(t, USERS + SHAPE + HOOKS, *words)
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    between(result.json["run"]["duration_s"], 4, 8, "seconds until the shape ended the run")
    same(result.json["run"]["users_max"], 6, "most users")
    starts = collections.Counter(fact for fact in facts if fact.startswith("start "))
    same(starts, {"start Few": 1, "start Ana": 1, "start Bo": 4}, "users that started")
    return outcome


@test
def a_shape_says_how_many_users_there_are_and_of_which_class(t):
    outcome = check_shape(t, "-u", "50")
    contains(outcome.stderr, "--users has no effect", "warning")


@test
def a_shape_is_led_over_several_processes(t):
    check_shape(t, "--processes", "2")


@test
def a_script_may_end_the_run(t):
    outcome, result, _ = run(t, USERS + """
@events.test_start.add_listener
def begin(environment, **_others):
    gevent.spawn_later(0.5, environment.runner.quit)
""", "-t", "1m")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    between(result.json["run"]["duration_s"], 0.3, 10, "seconds")


@test
def a_script_may_end_the_run_before_it_began(t):
    outcome, _, _ = run(t, USERS + """
@events.init.add_listener
def begin(environment, **_others):
    environment.runner.quit()
""", "-t", "1m")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    between(outcome.seconds, 0, 30, "seconds")


@test
def exit_codes_follow_locust(t):
    cases = (
        ("    environment.process_exit_code = 42", (), 42),
        ("    environment.process_exit_code = 0", (), 0),
        ("    pass", (), 1),
        ("    pass", ("--exit-code-on-error", "9"), 9),
    )
    for line, words, expected in cases:
        outcome, result, _ = run(t, """
class Ana(User):
    wait_time = constant(0.1)
    @task
    def work(self):
        events.request.fire(request_type="X", name="row", response_time=5, response_length=1,
                            exception=ValueError("wrong"), context={})

@events.quitting.add_listener
def end(environment, **_others):
""" + line, "-t", "1s", *words)
        same(outcome.status, expected, f"exit status with {line.strip()!r} and {words}")
        same(result.json["run"]["verdict"], "fail" if expected else "pass", "verdict")


@test
def an_unhandled_exception_in_a_hook_is_status_2_with_a_whole_result(t):
    outcome, result, _ = run(t, USERS + """
@events.test_start.add_listener
def begin(**_others):
    raise ValueError("boom")
""", "-t", "2s")
    same(outcome.status, 2, f"exit status ({outcome.stderr})")
    contains(outcome.stderr, "ValueError: boom", "log")
    check(result.json["requests"], "the result has the requests")


@test
def an_exception_in_init_still_starts_the_run(t):
    outcome, result, _ = run(t, USERS + """
@events.init.add_listener
def begin(**_others):
    raise ValueError("boom")
""", "-t", "1s")
    same(outcome.status, 2, f"exit status ({outcome.stderr})")
    check(result, "there is a result")


@test
def ctrl_c_ends_the_run_in_order(t):
    process = start(t, USERS + HOOKS, "-u", "3", "-r", "3")
    process.wait_for_output("spawned 3")
    process.child.send_signal(signal.SIGINT)
    same(status_of(process), 130, "exit status")
    contains(process.stdout, "test_stop LocalRunner.*quitting LocalRunner", "hooks")
    same(harness.Result(t.path("result.json")).json["run"]["verdict"], "aborted", "verdict")


@test
def ctrl_c_over_several_processes_leaves_none_behind(t):
    process = start(t, USERS + HOOKS, "-u", "4", "-r", "4", "--processes", "2")
    process.wait_for_output("spawned 4")
    members = children_of(process.pid)
    same(len(members), 3, "processes: two workers and the lead")
    os.killpg(os.getpgid(process.pid), 0)
    process.child.send_signal(signal.SIGTERM)
    same(status_of(process), 143, "exit status")
    check(not any(is_alive(pid) for pid in members), "no process is left")


@test
def a_second_ctrl_c_ends_at_once(t):
    process = start(t, USERS.replace("row()", "say('busy')\n        gevent.sleep(60)"), "-s", "60")
    process.wait_for_output("busy")
    process.child.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.child.send_signal(signal.SIGINT)
    same(status_of(process, 10), 130, "exit status")


@test
def a_worker_that_dies_is_told_and_fails_the_run(t):
    process = start(t, USERS + HOOKS, "-u", "4", "-r", "4", "-t", "4s", "--processes", "2")
    process.wait_for_output("spawned 4")
    os.kill(children_of(process.pid)[0], signal.SIGKILL)
    same(status_of(process), 1, "exit status")
    contains(process.stderr, "worker 0 was lost: ended by signal 9.*the run goes on", "message")
    workers = harness.Result(t.path("result.json")).json["workers"]
    same([each["lost"] for each in workers], [True, False], "lost workers")


@test
def a_run_ends_when_its_only_worker_dies(t):
    outcome, result, _ = run(t, USERS.replace("row()", "os.kill(os.getpid(), 9)"), "-t", "1m")
    same(outcome.status, 1, "exit status")
    contains(outcome.stderr, "worker 0 was lost.*the run ends", "message")
    check(result.json["workers"][0]["lost"], "it is marked as lost")


@test
def a_run_ends_when_its_lead_dies(t):
    process = start(t, USERS + HOOKS, "-u", "2", "-r", "2", "-t", "1m", "--processes", "2")
    process.wait_for_output("spawned 2")
    os.kill(children_of(process.pid)[2], signal.SIGKILL)
    same(status_of(process), 1, "exit status")
    contains(process.stderr, "the process of the script's hooks was lost", "message")


@test
def workers_end_when_the_controller_is_killed(t):
    process = start(t, USERS + HOOKS, "-u", "2", "-r", "2", "--processes", "2")
    process.wait_for_output("spawned 2")
    members = children_of(process.pid)
    process.child.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in members), "the members to end", 5)


@test
def a_script_that_loads_for_inspection_alone_fails_the_start(t):
    outcome, result, _ = run(t, """
import sys
if "cicada.monitor" in sys.modules:
    raise ValueError("not here")
""" + USERS, "-t", "1m")
    same((outcome.status, result), (2, None), f"exit status and result ({outcome.stderr})")
    contains(outcome.stderr, "ValueError: not here.*\ncicada: .*cannot be loaded: ValueError",
             "message")


@test
def a_task_that_never_gives_way_is_named_and_ended(t):
    outcome, _, _ = run(t, """
class Ana(User):
    @task
    def spin(self):
        while True:
            pass
""", "-t", "2s", limit_s=90)
    same(outcome.status, 1, f"exit status ({outcome.stderr})")
    contains(outcome.stderr, r"script\.py:\d+.*kept all other users", "the place")
    contains(outcome.stderr, "worker 0 has said nothing for 15 s", "message")


@test
def a_task_that_never_gives_way_ends_with_the_controller(t):
    process = start(t, """
class Ana(User):
    @task
    def spin(self):
        print("spinning", flush=True)
        while True:
            pass
""")
    process.wait_for_output("spinning")
    members = children_of(process.pid)
    process.child.kill()
    wait_until(lambda: not any(is_alive(pid) for pid in members), "the worker to end", 5)


@test
def the_log_of_a_script_stays_as_it_is(t):
    outcome, _, _ = run(t, """
import logging

class Ana(User):
    wait_time = constant(10)
    @task
    def work(self):
        logging.info("one\\n  two")
        logging.debug("three")
""", "-t", "1s")
    contains(outcome.stderr, r"\n\[[-\d]+ [:\d]+,\d{3}\] \S+/INFO/root: one\n  two\n", "log")
    check("three" not in outcome.stderr, "debug is below the level")


SUBPROCESS = """
import subprocess
import sys
TELL = ("import os, sys; print([os.environ.get('PYTHONPATH'), os.environ.get('PYTHONSAFEPATH'),"
        " [name for name in os.environ if name.startswith('CICADA_HAD')],"
        " any('cicada' in path for path in sys.path)])")

def tell(where):
    found = subprocess.run([sys.executable, "-c", TELL], capture_output=True, text=True)
    with open("told.txt", "a") as file:
        file.write(where + " " + found.stdout)

tell("module")

@events.test_start.add_listener
def begin(environment, **_others):
    tell("run")
    environment.runner.quit()
"""


@test
def programs_of_a_script_have_the_users_environment(t):
    for env, expected in (({}, "[None, None, [], False]"),
                          ({"PYTHONPATH": "/nowhere", "PYTHONSAFEPATH": ""},
                           "['/nowhere', '', [], False]")):
        outcome, _, _ = run(t, SUBPROCESS + USERS, "-t", "10s", env=env)
        same(outcome.status, 0, f"exit status ({outcome.stderr})")
        with open(t.path("told.txt"), encoding="utf-8") as file:
            same(file.read().splitlines(), [f"{where} {expected}" for where in
                                            ("module", "module", "run")], "what they see")
        os.remove(t.path("told.txt"))


CHILDREN = """
import atexit
import multiprocessing
import socket
import sys

is_inspection = "cicada.monitor" not in sys.modules

def serve():
    with open("children.txt", "a") as file:
        file.write(str(os.getpid()) + "\\n")
    time.sleep(50)

def fork_in_c():
    import ctypes
    return ctypes.CDLL(None).fork()

if is_inspection:
    multiprocessing.Process(target=serve, daemon=True).start()
    multiprocessing.Process(target=serve).start()
    atexit.register(print, "the end of the inspection", file=open("end.txt", "w"))
    if fork_in_c() == 0:
        time.sleep(20)
        os._exit(0)
    while not os.path.exists("children.txt") or open("children.txt").read().count("\\n") < 2:
        time.sleep(0.01)
"""


@test
def processes_that_a_script_starts_when_it_is_loaded_do_not_delay_the_run(t):
    outcome, _, _ = run(t, CHILDREN + USERS, "-t", "1s")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    between(outcome.seconds, 0, 10, "seconds")
    with open(t.path("children.txt"), encoding="utf-8") as file:
        children = [int(line) for line in file]
    same(len(children), 2, "processes of the script")
    check(not any(is_alive(pid) for pid in children), "none is left of the inspection")
    with open(t.path("end.txt"), encoding="utf-8") as file:
        same(file.read(), "the end of the inspection\n", "what its exit handler wrote")


@test
def names_past_the_limit_share_a_row_with_a_warning(t):
    outcome, result, _ = run(t, """
from locust import events
class Ana(User):
    @task
    def fire(self):
        for number in range(2100):
            events.request.fire(request_type="X", name=f"n{number}", response_time=1,
                                response_length=0)
        self.environment.runner.quit()
""", "-t", "20s")
    contains(outcome.stderr, "more than 2000 different requests.*name=", "the warning")
    names = [row["name"] for row in result.json["requests"]]
    check("(other)" in names, f"the shared row in {len(names)} rows")


@test
def daemon_processes_of_a_script_end_with_the_run(t):
    began = time.monotonic()
    outcome, _, facts = run(t, """
import multiprocessing

@events.test_start.add_listener
def begin(**_others):
    child = multiprocessing.Process(target=time.sleep, args=(30,), daemon=True)
    child.start()
    say("child", child.pid)
""" + USERS, "-t", "1s")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    between(time.monotonic() - began, 0, 15, "seconds until nobody holds its output")
    children = [int(fact.split()[1]) for fact in facts if fact.startswith("child ")]
    same(len(children), 1, "processes of the script")
    wait_until(lambda: not is_alive(children[0]), "the script's process to end", 3)


@test
def csv_files_are_those_of_locust(t):
    outcome, _, _ = run(t, USERS, "-t", "2s", "--csv", "out", "--csv-full-history")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    for part in ("stats", "stats_history", "failures", "exceptions"):
        check(os.path.exists(t.path(f"out_{part}.csv")), f"out_{part}.csv is there")


@test
def a_run_that_cannot_start_leaves_earlier_csv_files_alone(t):
    parts = ("stats", "stats_history", "failures", "exceptions")
    for part in parts:
        t.write(f"out_{part}.csv", "of an earlier run")
    outcome, _, _ = run(t, USERS + """
@events.init.add_listener
def init(**_others):
    raise SystemExit(3)
""", "-t", "2s", "--csv", "out")
    same(outcome.status, 2, f"exit status ({outcome.stderr})")
    for part in parts:
        with open(t.path(f"out_{part}.csv"), encoding="utf-8") as file:
            same(file.read(), "of an earlier run", f"out_{part}.csv")


if __name__ == "__main__":
    for each in ("PYTHONPATH", "PYTHONSAFEPATH"):
        os.environ.pop(each, None)
    harness.main(jobs=3)
