"""A load shape: called about once a second until it returns None."""

import gevent
import probe
from locust import LoadTestShape, User, task


class Waits(User):
    def on_start(self):
        probe.note("users", "+")

    def on_stop(self):
        probe.note("users", "-")

    @task
    def steps(self):
        gevent.sleep(0.1)


class Steps(LoadTestShape):
    """2 users, then 4, then 1, then the end; told what it sees each time."""
    plan = [(1.2, (2, 10)), (2.4, (4, 10)), (3.6, (1, 10))]
    calls = 0

    def tick(self):
        self.calls += 1
        now = self.get_run_time()
        for until_s, step in self.plan:
            if now < until_s:
                return step
        probe.fact("last", [self.get_current_user_count(), now])
        probe.fact("calls", self.calls)
        return None
