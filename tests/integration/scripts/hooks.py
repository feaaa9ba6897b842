"""Hooks and their arguments, own command-line arguments, own rows, and how a run ends."""

import logging

import gevent
import probe
from locust import HttpUser, User, events, task
from locust.exception import StopUser
from locust.runners import LocalRunner, MasterRunner, WorkerRunner


@events.init_command_line_parser.add_listener
def add_arguments(parser):
    parser.add_argument("--tenant", default="none", env_var="PROBE_TENANT", help="whose events")
    parser.add_argument("--depth", type=int, default=1)
    parser.add_argument("--verbose-rows", action="store_true")


@events.init.add_listener
def at_init(environment, runner, web_ui, **_):
    probe.fact("init", [environment.runner is runner, web_ui, isinstance(runner, LocalRunner),
                        isinstance(runner, (MasterRunner, WorkerRunner))])


@events.test_start.add_listener
def at_start(environment, **_):
    options = environment.parsed_options
    probe.fact("arguments", [options.tenant, options.depth, options.verbose_rows])
    probe.fact("options", [options.num_users, options.spawn_rate, options.headless,
                           options.host, environment.host])


@events.quit.add_listener
def at_quit(exit_code, **_):
    probe.fact("quit", exit_code)


class Arguments(HttpUser):
    @task
    def steps(self):
        probe.fact("host", [self.host == self.environment.host, self.client.base_url == self.host])
        probe.end(self)


class Rows(User):
    """events.request.fire by hand: what each argument does."""
    fire = events.request.fire

    @task
    def steps(self):
        base = {"request_type": "SSE", "response_length": 10}
        self.fire(name="with context", response_time=20, exception=None, context={}, **base)
        self.fire(name="no context", response_time=20, exception=None, **base)
        self.fire(name="no exception", response_time=20, context={}, **base)
        self.fire(name="no time", response_time=None, exception=None, context={}, **base)
        self.fire(name="failed", response_time=30, exception=ValueError("wrong"), context={},
                  **base)
        self.fire(name="text failed", response_time=30, exception="as text", context={}, **base)
        for response_time in (1, 2, 3, 4, 100.4, 1234.5):
            self.fire(name="many", response_time=response_time, exception=None, context={},
                      request_type="SSE", response_length=response_time // 1)
        self.facts()
        probe.end(self)

    def facts(self):
        many = self.environment.stats.get("many", "SSE")
        probe.fact("many", [many.num_requests, many.min_response_time, many.max_response_time,
                            many.median_response_time, round(many.avg_response_time, 3),
                            many.get_response_time_percentile(0.95), many.avg_content_length])
        none = self.environment.stats.get("no time", "SSE")
        probe.fact("no time", [none.num_requests, none.num_none_requests, none.max_response_time])
        probe.fact("fail_ratio", self.environment.stats.get("failed", "SSE").fail_ratio)


class Listeners(User):
    """A listener that raises does not stop the others, nor the run; the exit code is 2."""

    def on_start(self):
        def broken(**_):
            raise RuntimeError("a listener broke")
        self.environment.events.request.add_listener(broken)
        self.environment.events.request.add_listener(lambda name, **_: probe.note("heard", name))

    @task
    def steps(self):
        events.request.fire(request_type="X", name="row", response_time=1, response_length=0,
                            exception=None, context={})
        probe.end(self)


class ListenerStops(User):
    """StopUser raised in a listener reaches the task that fired."""

    def on_stop(self):
        probe.note("order", "on_stop")
        gevent.spawn_later(0.1, self.environment.runner.quit)

    @task
    def steps(self):
        def stop(name, **_):
            raise StopUser()
        events.request.add_listener(stop)
        events.request.fire(request_type="X", name="row", response_time=1, response_length=0,
                            exception=None, context={})
        probe.note("order", "went on")
        gevent.sleep(10)


class OwnEvents(User):
    """EventHook: listeners in order, the reverse, keyword arguments, decorators."""

    @task
    def steps(self):
        from locust.event import EventHook
        hook = EventHook()
        hook.add_listener(lambda **_: probe.note("heard", "one"))

        @hook.add_listener
        def two(number, **_):
            probe.note("heard", f"two {number}")
        hook.fire(number=1)
        hook.fire(reverse=True, number=2)
        hook.remove_listener(two)
        hook.fire(number=3)
        probe.fact("decorated", two.__name__)
        probe.end(self)


class Measure(User):
    """EventHook.measure, as in newer Locust."""

    @task
    def steps(self):
        with events.request.measure("X", "good") as meta:
            gevent.sleep(0.05)
            meta["response_length"] = 7
        try:
            with events.request.measure("X", "bad"):
                raise ValueError("inside")
        except ValueError as error:
            probe.fact("came out", str(error))
        probe.fact("least", self.environment.stats.get("good", "X").min_response_time)
        probe.end(self)


class ExitCode(User):
    @task
    def steps(self):
        self.environment.process_exit_code = 7
        events.request.fire(request_type="X", name="row", response_time=1, response_length=0,
                            exception=ValueError("no matter"), context={})
        probe.end(self)


class FailsOnce(User):
    @task
    def steps(self):
        events.request.fire(request_type="X", name="row", response_time=1, response_length=0,
                            exception=ValueError("wrong"), context={})
        probe.end(self)


class QuitsInTask(User):
    """runner.quit() in the task itself."""

    def on_stop(self):
        probe.note("order", "on_stop")

    @task
    def steps(self):
        probe.note("order", "quit")
        self.environment.runner.quit()
        gevent.sleep(10)


class Background(User):
    """An exception in a greenlet that the script spawned."""

    def on_start(self):
        gevent.spawn(lambda: 1 / 0)

    @task
    def steps(self):
        gevent.sleep(0.2)
        probe.end(self)


class Logs(User):
    @task
    def steps(self):
        logging.info("told by info")
        logging.getLogger("mine").warning("told by warning")
        logging.debug("told by debug")
        print("printed")
        probe.end(self)


class Runner(User):
    """What scripts ask of environment.runner, and of the statistics."""

    @task
    def steps(self):
        runner = self.environment.runner
        probe.fact("runner", [runner.user_count, runner.state, runner.target_user_count,
                              runner.stats is self.environment.stats,
                              self.environment.user_classes == [Runner],
                              runner.user_classes_count])
        events.request.fire(request_type="X", name="row", response_time=1, response_length=3,
                            exception=None, context={})
        probe.fact("before", self.environment.stats.total.num_requests)
        self.environment.stats.reset_all()
        probe.fact("after", self.environment.stats.total.num_requests)
        probe.fact("entries", sorted(self.environment.stats.entries))
        probe.end(self)


class Messages(User):
    """register_message and send_message within one process."""

    def on_start(self):
        runner = self.environment.runner
        runner.register_message("probe", lambda environment, msg, **_: probe.note(
            "got", [msg.type, msg.data, environment is self.environment]))

    @task
    def steps(self):
        self.environment.runner.send_message("probe", {"n": 1})
        gevent.sleep(0.1)
        probe.end(self)
