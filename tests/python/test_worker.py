"""The worker process: what a script sees of a run, and what comes of what a script does."""

import signal
import time
import unittest

import support  # noqa: F401: sets the path
from worker_process import Worker

from cicada import messages

NOTING = """
from locust import User, task, constant, events, LoadTestShape
import gevent, os, sys, time

def note(text):
    print(text, flush=True)
"""

HOOKS = NOTING + """
for name in ("init", "test_start", "spawning_complete", "test_stopping", "test_stop", "quitting",
             "quit"):
    getattr(events, name).add_listener(
        lambda name=name, **words: note(f"{name} {sorted(words)}"))

class Any(User):
    def on_start(self):
        note("on_start")

    @task
    def hold(self):
        gevent.sleep(60)

    def on_stop(self):
        note("on_stop")
"""

PLAIN = NOTING + """
class Any(User):
    wait_time = constant(0.05)

    @task
    def work(self):
        pass
"""


class Life(unittest.TestCase):
    def test_hooks_come_in_locusts_order_with_its_arguments(self):
        with Worker(HOOKS) as worker:
            worker.wait("ready")
            worker.users(1)
            worker.wait("users", lambda count: count == 1)
            time.sleep(0.1)
            done, out, err = worker.finish()
        self.assertEqual(out.split("\n")[:-1], [
            "init ['environment', 'runner', 'web_ui']", "test_start ['environment']",
            "spawning_complete ['user_count']", "on_start", "test_stopping ['environment']",
            "on_stop", "test_stop ['environment']", "quitting ['environment']",
            "quit ['exit_code']"])
        self.assertEqual((done, err, worker.process.returncode), ((-1, False), "", 0))

    def test_streams_end_before_the_users_that_hold_them(self):
        with Worker(HOOKS) as worker:
            worker.wait("ready")
            worker.users(1)
            worker.wait("users", lambda count: count == 1)
            worker.stop()
            worker.wait("end_streams")
            worker.wait("users", lambda count: count == 0)
            worker.wait("done")

    def test_orders_are_absolute_and_take_the_youngest_away(self):
        text = NOTING + """
class Any(User):
    made = 0

    def on_start(self):
        Any.made += 1
        self.number = Any.made

    @task
    def hold(self):
        gevent.sleep(60)

    def on_stop(self):
        note(f"gone {self.number}")
"""
        with Worker(text) as worker:
            worker.wait("ready")
            for count in (3, 1, 2):
                worker.users(count)
                worker.users(count)
                worker.wait("users", lambda users: users == count)
                time.sleep(0.1)
            _done, out, _err = worker.finish()
        gone = out.split("\n")[:-1]
        self.assertEqual(gone[:2], ["gone 3", "gone 2"])
        self.assertEqual(sorted(gone[2:]), ["gone 1", "gone 4"])

    def test_classes_are_counted_in_the_order_of_the_plan(self):
        text = NOTING + """
class Base(User):
    abstract = True

    def on_start(self):
        note(type(self).__name__)

    @task
    def hold(self):
        gevent.sleep(60)

class A(Base):
    pass

class B(Base):
    pass
"""
        with Worker(text, classes=("A", "B")) as worker:
            worker.wait("ready")
            worker.users(1, 2)
            worker.wait("users", lambda users: users == 3)
            time.sleep(0.1)
            _done, out, _err = worker.finish()
        self.assertEqual(sorted(out.split()), ["A", "B", "B"])

    def test_a_busy_user_may_end_its_task_within_the_timeout(self):
        text = NOTING + """
class Any(User):
    @task
    def work(self):
        note("begun")
        gevent.sleep(0.5)
        note("finished")
"""
        with Worker(text) as worker:
            worker.wait("ready")
            worker.users(1)
            worker.wait("users", lambda count: count == 1)
            time.sleep(0.2)
            worker.stop(5)
            worker.wait("done")
            out, _err = worker.process.communicate(timeout=10)
        self.assertEqual(out.split(), ["begun", "finished"])

    def test_it_ends_at_once_when_the_controller_is_gone(self):
        with Worker(HOOKS) as worker:
            worker.wait("ready")
            worker.users(1)
            worker.wait("users", lambda count: count == 1)
            worker.hang_up()
            self.assertEqual(worker.process.wait(timeout=2), 1)

    def test_signals_are_the_controllers_to_answer(self):
        with Worker(PLAIN) as worker:
            worker.wait("ready")
            for each in (signal.SIGINT, signal.SIGTERM):
                worker.process.send_signal(each)
            time.sleep(0.2)
            done, _out, _err = worker.finish()
        self.assertEqual(done, (-1, False))

    def test_options_custom_arguments_and_host_reach_the_script(self):
        text = NOTING + """
from pathlib import Path

@events.init_command_line_parser.add_listener
def add(parser):
    parser.add_argument("--tenant", default="none")
    parser.add_argument("--place", type=Path, default=None)
    parser.add_argument("--depth", type=int, default=3, include_in_web_ui=False, env_var="DEPTH")

@events.init.add_listener
def show(environment, **_others):
    options = environment.parsed_options
    note([options.tenant, options.place, options.depth, options.num_users, options.headless,
          environment.host, type(environment.runner).__name__, environment.web_ui,
          environment.locustfile, __name__])

class Any(User):
    @task
    def work(self):
        note(self.host)
        gevent.sleep(60)
"""
        with Worker(text, host="http://h", custom={"tenant": "acme", "place": "/tmp/x"},
                    options={"num_users": 7, "headless": True}) as worker:
            worker.wait("ready")
            worker.users(1)
            worker.wait("users", lambda count: count == 1)
            time.sleep(0.1)
            _done, out, _err = worker.finish()
        self.assertEqual(out.split("\n")[:2], [
            "['acme', PosixPath('/tmp/x'), 3, 7, True, 'http://h', 'LocalRunner', None, "
            "'script.py', 'script']", "http://h"])


class Steering(unittest.TestCase):
    def test_a_shape_asks_for_users_and_ends_the_run(self):
        text = PLAIN + """
class Shape(LoadTestShape):
    ticks = [(2, 10), (5, 10, [Any]), None]

    def tick(self):
        return self.ticks.pop(0)
"""
        with Worker(text) as worker:
            worker.wait("ready")
            self.assertEqual(worker.wait("target"), [2, 10, []])
            worker.users(2)
            worker.wait("users", lambda count: count == 2)
            self.assertEqual(worker.wait("target"), [5, 10, ["Any"]])
            worker.wait("quit")
            done, _out, _err = worker.finish()
        self.assertEqual(done, (-1, False))

    def test_a_shape_that_fails_ends_the_run_with_2(self):
        for answer, error in (("1 / 0", "ZeroDivisionError"), ("5", "TypeError"),
                              ("(1, 2, 3, 4)", "TypeError"), ("('many', 1)", "ValueError")):
            text = PLAIN + f"""
class Shape(LoadTestShape):
    def tick(self):
        return {answer}
"""
            with Worker(text) as worker:
                worker.wait_log(error)
                worker.wait("quit")
                done, _out, _err = worker.finish()
            self.assertEqual(done, (-1, True))

    def test_quit_in_a_task_ends_that_user_at_once(self):
        text = NOTING + """
class Any(User):
    @task
    def work(self):
        self.environment.process_exit_code = 7
        self.environment.runner.quit()
        note("never")

    def on_stop(self):
        note("on_stop")
"""
        with Worker(text) as worker:
            worker.wait("ready")
            worker.users(1)
            worker.wait("quit")
            worker.wait("users", lambda count: count == 0)
            done, out, _err = worker.finish()
        self.assertEqual((done, out), ((7, False), "on_stop\n"))

    def test_quit_in_a_greenlet_of_the_script_returns_after_the_end(self):
        text = PLAIN + """
@events.test_start.add_listener
def watch(environment, **_others):
    def later():
        gevent.sleep(0.2)
        environment.runner.quit()
        note("returned")
    gevent.spawn(later)

@events.test_stop.add_listener
def stopped(**_others):
    note("test_stop")

@events.quitting.add_listener
def last(**_others):
    gevent.sleep(0.1)
"""
        with Worker(text) as worker:
            worker.wait("ready")
            worker.users(1)
            worker.wait("quit")
            _done, out, _err = worker.finish()
        self.assertEqual(out.split(), ["test_stop", "returned"])

    def test_start_and_stop_are_carried_out_by_the_controller(self):
        text = PLAIN + """
@events.spawning_complete.add_listener
def steer(user_count, **_others):
    if user_count == 1:
        gevent.spawn(lambda: runner.start(4, 2.5, user_classes=[Any]))
    if user_count == 4:
        gevent.spawn(runner.stop)

@events.init.add_listener
def keep(environment, **_others):
    global runner
    runner = environment.runner
"""
        with Worker(text) as worker:
            worker.wait("ready")
            worker.users(1)
            self.assertEqual(worker.wait("target"), [4, 2.5, ["Any"]])
            worker.users(4)
            self.assertEqual(worker.wait("target")[0], 0)
            worker.users(3)  # on its way when the script stopped: it starts nobody
            worker.users(0)
            time.sleep(0.2)
            _done, _out, _err = worker.finish()
        counts = [frame[1] for frame in worker.frames if frame[0] == "users"]
        self.assertEqual(counts[counts.index(4):][-1], 0)
        self.assertEqual(max(counts[-counts[::-1].index(4):]), 3)  # only the way down follows


class Trouble(unittest.TestCase):
    def failure(self, text, name="script.py"):
        with Worker(text, name=name) as worker:
            sentence = worker.wait("fail")[0]
            worker.stop()
            worker.wait("done")
        return sentence

    def test_a_script_that_cannot_be_loaded_says_why_in_pythons_words(self):
        self.assertIn("No module named 'not_there'", self.failure("import not_there\n"))
        self.assertIn("SyntaxError", self.failure("def broken(:\n"))
        self.assertIn("script.py", self.failure("def broken(:\n"))
        self.assertIn("sys.exit", self.failure("import sys\nsys.exit(3)\n"))

    def test_a_name_that_is_not_there_is_named_before_the_start(self):
        sentence = self.failure("from locust.stats import StatsCSVFileWriter\n")
        self.assertIn("locust.stats.StatsCSVFileWriter is not part of cicada", sentence)

    def test_an_exception_in_init_marks_the_run(self):
        text = PLAIN + """
@events.init.add_listener
def broken(**_others):
    raise RuntimeError("broken on purpose")
"""
        with Worker(text) as worker:
            worker.wait("ready")
            done, _out, _err = worker.finish()
        self.assertEqual(done, (-1, True))
        self.assertTrue(any("broken on purpose" in frame[1] for frame in worker.frames
                            if frame[0] == "log"))

    def test_sys_exit_ends_the_run_in_order_with_its_status(self):
        task = NOTING + """
class Any(User):
    @task
    def work(self):
        sys.exit(9)

@events.test_stop.add_listener
def stopped(**_others):
    note("test_stop")
"""
        greenlet = PLAIN + """
@events.test_start.add_listener
def begin(**_others):
    gevent.spawn(sys.exit, 9)
"""
        hook = PLAIN + """
@events.quitting.add_listener
def last(environment, **_others):
    sys.exit(9)
"""
        for text in (task, greenlet):
            with Worker(text) as worker:
                worker.wait("ready")
                worker.users(1)
                worker.wait("quit")
                done, _out, _err = worker.finish()
            self.assertEqual(done, (9, False))
        with Worker(hook) as worker:
            worker.wait("ready")
            worker.users(1)
            worker.wait("users", lambda count: count == 1)
            self.assertEqual(worker.finish()[0], (9, False))

    def test_users_that_cannot_be_made_end_the_run(self):
        text = NOTING + """
from locust import HttpUser

class Any(HttpUser):
    @task
    def work(self):
        pass
"""
        with Worker(text) as worker:
            worker.wait("ready")
            worker.users(50)
            worker.wait_log("has no host")
            worker.wait("quit")
            done, _out, _err = worker.finish()
        self.assertEqual(done, (-1, True))
        self.assertEqual(sum("has no host" in frame[1] for frame in worker.frames
                             if frame[0] == "log"), 1)

    def test_a_task_that_never_gives_way_is_named(self):
        text = NOTING + """
class Any(User):
    @task
    def spin(self):
        while True:
            pass
"""
        with Worker(text) as worker:
            worker.wait("ready")
            worker.users(1)
            worker.wait("users", lambda count: count == 1)
            time.sleep(3)
            worker.process.send_signal(signal.SIGABRT)
            _out, err = worker.process.communicate(timeout=10)
        self.assertRegex(err, r"script\.py:\d+ \(spin\) kept all other users")
        self.assertIn("script.py", err.split("Fatal Python error")[1])

    def test_a_task_that_blocks_for_a_while_is_warned_of_once(self):
        text = NOTING + """
from gevent import monkey
sleep = monkey.get_original("time", "sleep")

class Any(User):
    wait_time = constant(0.1)

    @task
    def block(self):
        sleep(0.3)
"""
        with Worker(text) as worker:
            worker.wait("ready")
            worker.users(1)
            line = worker.wait_log("kept all other users")
            time.sleep(1)
            worker.finish()
        self.assertRegex(line, r"WARNING/cicada\.monitor: .*script\.py:16 \(block\)")
        self.assertEqual(sum("kept all" in frame[1] for frame in worker.frames
                             if frame[0] == "log"), 1)

    def test_log_lines_look_like_locusts(self):
        text = PLAIN + """
import logging
logging.info("hello from the script")
logging.debug("not this")
"""
        with Worker(text) as worker:
            line = worker.wait_log("hello from")
        self.assertRegex(
            line, r"^\[\d{4}-\d\d-\d\d [\d:]{8},\d{3}\] \S+/INFO/root: hello from the script$")


class Several(unittest.TestCase):
    def test_a_worker_reports_to_the_lead(self):
        text = NOTING + """
class Any(User):
    wait_time = constant(60)

    @task
    def work(self):
        events.request.fire(request_type="GET", name="/", response_time=5, response_length=2)
        raise ValueError("wrong")

@events.report_to_master.add_listener
def add(client_id, data):
    data["mine"] = {1: b"x"}

@events.init.add_listener
def see(environment, **_others):
    note(f"{type(environment.runner).__name__} {environment.runner.worker_index}")
"""
        with Worker(text, role="worker", index=1, count=2) as worker:
            worker.wait("ready")
            worker.users(1)
            worker.wait("users", lambda count: count == 1)
            time.sleep(0.2)
            _done, out, _err = worker.finish()
        self.assertEqual(out, "WorkerRunner 1\n")
        sent = worker.messages()
        self.assertEqual([kind for kind, _data, _to in sent],
                         ["cicada.spawned", "cicada.report", "cicada.stopped"])
        self.assertEqual({to for _kind, _data, to in sent}, {messages.LEAD})
        report = messages.decode(sent[1][1])
        self.assertEqual(report["mine"], {1: b"x"})
        self.assertEqual(report["stats"][0]["response_times"], {5: 1})
        self.assertEqual(report["exceptions"][0]["msg"], "wrong")

    def test_the_lead_adds_the_reports_up(self):
        text = NOTING + """
class Any(User):
    @task
    def work(self):
        pass

@events.worker_connect.add_listener
def connect(client_id):
    note("connect")

@events.worker_report.add_listener
def report(client_id, data):
    note(f"report {data['mine']}")

@events.quitting.add_listener
def last(environment, **_others):
    total = environment.stats.total
    note((type(environment.runner).__name__, total.num_requests, total.fail_ratio,
          total.avg_response_time, environment.stats.get("/", "GET").num_requests,
          [(str(each.error), each.occurrences) for each in environment.stats.errors.values()],
          [each["count"] for each in environment.runner.exceptions.values()]))
"""
        row = {"name": "/", "method": "GET", "num_requests": 2, "num_none_requests": 0,
               "num_failures": 1, "total_response_time": 30.0, "min_response_time": 10,
               "max_response_time": 20, "total_content_length": 4, "start_time": time.time(),
               "last_request_timestamp": time.time(), "response_times": {10: 1, 20: 1},
               "num_reqs_per_sec": {1: 2}, "num_fail_per_sec": {1: 1}}
        report = {"stats": [row], "stats_total": row, "errors": {"k": {
            "method": "GET", "name": "/", "error": "boom", "occurrences": 1}},
            "exceptions": [{"msg": "m", "traceback": "t", "count": 1}],
            "user_classes_count": {"Any": 2}, "user_count": 2, "mine": "x"}
        with Worker(text, role="lead", count=2) as worker:
            worker.wait("ready")
            worker.users(0)
            for index in (0, 1, 0):  # the second one of a worker takes the place of its first
                worker.message("cicada.report", messages.encode(report), index)
            time.sleep(0.2)
            for index in (0, 1):
                worker.message("cicada.stopped", b"null", index)
            _done, out, _err = worker.finish()
        self.assertEqual(out.split("\n")[:-1], [
            "connect", "connect", "report x", "report x", "report x",
            "('MasterRunner', 4, 0.5, 15.0, 4, [('boom', 2)], [2])"])

    def test_a_worker_that_is_lost_is_not_waited_for_long(self):
        text = PLAIN + """
@events.test_start.add_listener
def look(environment, **_others):
    def later():
        gevent.sleep(7)
        note((environment.runner.user_count, len(environment.runner.clients.missing)))
    gevent.spawn(later)
"""
        alive = messages.encode(
            {"state": "running", "current_cpu_usage": 1, "current_memory_usage": 1})
        with Worker(text, role="lead", count=2) as worker:
            worker.wait("ready")
            worker.users(0)
            for index in (0, 1):
                worker.message("cicada.spawned", b'{"Any": 3}', index)
            for _ in range(8):
                worker.message("cicada.alive", alive, 0)
                time.sleep(1)
            worker.message("cicada.stopped", b"null", 0)
            begin = time.monotonic()
            _done, out, _err = worker.finish()
        self.assertEqual(out, "(3, 1)\n")
        self.assertLess(time.monotonic() - begin, 3)

    def test_messages_of_scripts_go_both_ways(self):
        text = NOTING + """
def hear(environment, msg):
    note(f"{msg.type} {msg.data} {msg.node_id}")
    environment.runner.send_message("answer", [msg.data], msg.node_id)

@events.init.add_listener
def listen(environment, **_others):
    environment.runner.register_message("ask", hear)
    environment.runner.send_message("hello", {"a": 1})

class Any(User):
    @task
    def work(self):
        pass
"""
        with Worker(text, role="lead", count=2) as worker:
            worker.wait("ready")
            worker.message("ask", b'"you"', 1)
            worker.wait("message", lambda kind, _data, _to: kind == "answer")
            _done, out, _err = worker.finish()
        self.assertIn(f"ask you {messages.client_id(1)}", out)
        self.assertEqual(worker.messages(), [
            ("hello", b'{"a": 1}', messages.ALL_WORKERS), ("answer", b'["you"]', 1)])


if __name__ == "__main__":
    unittest.main()
