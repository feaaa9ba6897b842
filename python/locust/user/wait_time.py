"""Functions for a class's `wait_time`: how many seconds a user waits after each task."""

import random
from time import time


def between(min_wait, max_wait):
    """A random time from `min_wait` to `max_wait`, evenly spread."""
    return lambda instance: min_wait + random.random() * (max_wait - min_wait)


def constant(wait_time):
    """Always the same time."""
    return lambda instance: wait_time


def constant_pacing(wait_time):
    """The time that is left of `wait_time` after the task: tasks begin every `wait_time` seconds.

    The first wait is a whole period; a task that took longer is followed by the next at once.
    """

    def remaining(self):
        now = time()
        if not hasattr(self, "_cp_last_wait_time"):
            self._cp_last_wait_time = wait_time
        else:
            run_time = now - self._cp_last_run - self._cp_last_wait_time
            self._cp_last_wait_time = max(0, wait_time - run_time)
        self._cp_last_run = now
        return self._cp_last_wait_time

    return remaining


def constant_throughput(task_runs_per_second):
    """So many task runs a second for each user: constant_pacing, turned round."""
    return constant_pacing(1 / task_runs_per_second)
