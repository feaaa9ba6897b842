"""What cicada adds to Locust's interface, and what several processes see."""

import json

import gevent
import probe
from locust import HttpUser, MarkovTaskSet, User, events, task, transition
from locust.runners import LocalRunner, MasterRunner, WorkerRunner


class Strict(HttpUser):
    """iter_events(): the standard's rules, whatever iter_lines makes of the same bytes."""

    def read(self, name):
        with self.client.get(f"/pieces?name={name}", stream=True, name=name) as response:
            probe.fact(name, [[event.event, event.data, event.id, event.retry]
                              for event in response.iter_events()])

    @task
    def steps(self):
        for name in ("rules", "crlf_cut", "blank", "unfinished", "line_cut", "other_ends",
                     "angstrom"):
            self.read(name)
        with self.client.get("/sse?count=1", stream=True, name="sse") as response:
            event = next(iter(response.iter_events()))
            probe.fact("event", [event.json()["n"], 0 <= event.received - event.json()["sent"] < 1])
        probe.end(self)


class Sources(HttpUser):
    """client.sse(): until, duration, reconnect with Last-Event-ID, refusals."""

    @task
    def steps(self):
        sse = self.client.sse
        probe.fact("until 3", [event.id for event in sse("/sse?count=9", until=3, name="until")])
        probe.fact("until name", [event.id for event in sse("/sse?count=9", until="tick",
                                                            name="until")])
        probe.fact("until call", [event.id for event in sse(
            "/sse?count=9&interval_ms=5", until=lambda event: event.id == "4", name="until")])
        probe.fact("whole", [event.id for event in sse("/sse?count=3&interval_ms=1",
                                                       name="whole")])
        probe.fact("resumed", [event.id for event in sse(
            "/sse?count=2&interval_ms=1", last_event_id="5", name="resumed")])
        source = sse("/pieces?name=rules", reconnect=1, name="again", duration=1)
        probe.fact("bounded", [len(list(source)) <= 2, source.retry])
        refused = sse("/status?code=503", name="refused")
        probe.fact("refused", [list(refused), refused.error is not None,
                               refused.response.status_code])
        probe.end(self)


class Walks(User):
    """A Markov chain with one way through it."""

    @task
    class Chain(MarkovTaskSet):
        @transition("second")
        def first(self):
            probe.note("walk", "first")

        @transition("third")
        def second(self):
            probe.note("walk", "second")

        @transition("first")
        def third(self):
            probe.note("walk", "third")
            probe.end(self.user)


class Spread(User):
    """Users over several processes, and messages between them."""
    told = False

    @task
    def steps(self):
        runner = self.environment.runner
        if not Spread.told:
            Spread.told = True
            runner.send_message("up", {"worker": runner.worker_index})
        events.request.fire(request_type="X", name="row", response_time=1, response_length=2,
                            exception=None, context={})
        gevent.sleep(0.1)


def role_of(runner):
    return [name for name, kind in (("master", MasterRunner), ("worker", WorkerRunner),
                                    ("local", LocalRunner)) if isinstance(runner, kind)][0]


@events.init.add_listener
def at_init(environment, **_):
    runner = environment.runner
    probe.note("roles", role_of(runner))

    def at_master(environment, msg, **_):
        probe.note("up", msg.data["worker"])
        environment.runner.send_message("down", {"to all": True})

    runner.register_message("up", at_master)
    runner.register_message("down", lambda environment, msg, **_: probe.note(
        "down", [role_of(environment.runner), msg.data]))


@events.test_start.add_listener
def at_start(environment, **_):
    probe.note("test_start", role_of(environment.runner))


@events.test_stop.add_listener
def at_stop(environment, **_):
    probe.note("test_stop", role_of(environment.runner))


@events.report_to_master.add_listener
def report(client_id, data):
    data["greeting"] = "hello"


@events.worker_report.add_listener
def reported(client_id, data):
    if data.get("greeting") == "hello":
        probe.note("reports", json.dumps(client_id) != "null")
