"""A shop's day: people who browse, people who keep a stream open meanwhile, a load that changes.

    cicada run examples/mixed.py --host http://127.0.0.1:8080 --day 60

Shows ordinary requests beside streams: a journey in steps (`SequentialTaskSet`), a second greenlet
that listens while the user does other things, a fixed number of watchers, and a `LoadTestShape` in
place of `-u`, `-r` and `-t`.
"""

import time

import gevent
from locust import HttpUser, LoadTestShape, SequentialTaskSet, between, constant, events, task

# Until that share of the day: so many users, started or stopped at that rate a second.
STAGES = [(0.25, 6, 6), (0.75, 20, 10), (1, 8, 10)]
LATE_MS = 500


@events.init_command_line_parser.add_listener
def add_arguments(parser):
    parser.add_argument("--day", type=float, default=12, help="how many seconds the day has")


class Visit(SequentialTaskSet):
    """Log in, look at the account while notifications come in, leave."""

    def on_start(self):
        self.heard = 0

    @task
    def log_in(self):
        answer = self.client.post("/api/v1/auth/login", name="log in", json={
            "email": "loadtest.user@example.com", "password": "Str0ngP@ssword!"})
        if not answer.ok:
            self.interrupt()
        self.user.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        self.listener = gevent.spawn(self.listen)

    def listen(self):
        with self.client.get("/api/v1/notifications/stream?topics=orders", stream=True,
                             name="notifications", catch_response=True) as response:
            for _ in response.iter_events():
                self.heard += 1
                response.success()

    @task(3)
    def look_around(self):
        self.client.get("/healthz", name="look around")

    @task
    def leave(self):
        self.listener.kill()
        events.request.fire(request_type="visit", name="events heard in a visit",
                            response_time=None, response_length=self.heard, exception=None)
        self.interrupt()

    def on_stop(self):
        if getattr(self, "listener", None):
            self.listener.kill()


class Visitor(HttpUser):
    wait_time = between(0.2, 0.8)
    tasks = [Visit]


class Watcher(HttpUser):
    """Two of them, whatever the load: they hold one stream and judge how late its events are."""
    fixed_count = 2
    wait_time = constant(1)

    @task
    def watch(self):
        offset_ms = self.client.get("/time", name="clock").json()["unix_ms"] - self.now_ms()
        with self.client.get("/api/v1/events/stream", stream=True, name="watched stream",
                             catch_response=True) as response:
            for event in response.iter_events():
                late_ms = event.received * 1000 + offset_ms - event.json()["sent_ms"]
                events.request.fire(
                    request_type="SSE", name="delivery", response_time=max(late_ms, 0),
                    response_length=len(event.data),
                    exception=None if late_ms < LATE_MS else TimeoutError("a late event"))

    @staticmethod
    def now_ms():
        return time.time() * 1000


class Day(LoadTestShape):
    def tick(self):
        day_s = self.runner.environment.parsed_options.day
        for share, users, rate in STAGES:
            if self.get_run_time() < share * day_s:
                return users, rate
        return None
