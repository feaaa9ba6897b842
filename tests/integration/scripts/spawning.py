"""How many users of which class start, and when."""

import gevent
import probe
from locust import User, constant, events, task


class Spawned(User):
    abstract = True
    wait_time = constant(0.1)

    def on_start(self):
        probe.note("started", type(self).__name__)

    def on_stop(self):
        probe.note("stopped", type(self).__name__)

    @task
    def wait_on(self):
        gevent.sleep(0.05)


class Heavy(Spawned):
    weight = 3


class Light(Spawned):
    weight = 1


class Fixed(Spawned):
    fixed_count = 2


class Alone(Spawned):
    """Not run unless named."""
    weight = 0


@events.spawning_complete.add_listener
def spawned(user_count, **_):
    probe.note("complete", user_count)
