"""Shared by the tests of the Python side.

They run on our `locust`, with the engine in the folder CICADA_PYTHON_DIR or else a stand-in. With
CICADA_REFERENCE=1 in the environment they run on the real Locust of the interpreter instead: what
passes there proves the test. Tests of what that version (2.12.1) lacks or does otherwise carry
@ours_only.
"""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.path.join(HERE, "..", "..", "python")
STAND_IN = os.path.join(HERE, "stand_in_engine")
REFERENCE = os.environ.get("CICADA_REFERENCE") == "1"

if not REFERENCE:
    sys.path[:0] = [os.path.abspath(PYTHON), os.environ.get("CICADA_PYTHON_DIR", STAND_IN)]

import locust  # noqa: E402
import gevent  # noqa: E402
from locust.env import Environment  # noqa: E402
from locust.event import Events  # noqa: E402

ours_only = unittest.skipIf(REFERENCE, "not so in the reference's version")


class Test:
    """A test on a LocalRunner of its own: start it, look, and stop()."""

    def __init__(self, *user_classes, **options):
        if not REFERENCE:
            forget()
        locust.log.unhandled_greenlet_exception = False
        self.environment = Environment(user_classes=list(user_classes), events=Events(), **options)
        if not REFERENCE:
            count_in_engine(self.environment)
        self.runner = self.environment.create_local_runner()
        self._old = dict(self.runner.exceptions)  # they outlive a test: the process keeps them
        self.hooks = []
        for name in ("test_start", "spawning_complete", "test_stopping", "test_stop"):
            getattr(self.environment.events, name).add_listener(self._noting(name))

    def _noting(self, name):
        return lambda **_arguments: self.hooks.append(name)

    def start(self, users=1, rate=1000):
        self.runner.start(users, rate)
        return self

    def run_for(self, seconds, users=1, rate=1000):
        """Start, wait, stop."""
        self.start(users, rate)
        gevent.sleep(seconds)
        self.runner.quit()
        return self

    @property
    def exception_rows(self):
        return [each for key, each in self.runner.exceptions.items() if key not in self._old]

    @property
    def exceptions(self):
        return {each["msg"]: each["count"] for each in self.exception_rows}


def count_in_engine(environment):
    """What a worker does with the environment of its run."""
    import _cicada
    from locust.stats import LiveStats

    environment.stats = LiveStats(_cicada)
    environment.stats.clear_all()  # the engine keeps the rows of the tests before, empty


def forget():
    """Forget the rows of the test before: they are the process's."""
    import _cicada
    from locust import _engine

    _engine.ensure()
    _cicada.reset_rows()


def wait_until(condition, timeout=5):
    """True as soon as the condition holds."""
    with gevent.Timeout(timeout, False):
        while not condition():
            gevent.sleep(0.01)
        return True
    return False


if __name__ == "__main__":
    sys.exit("this module is for the tests")
