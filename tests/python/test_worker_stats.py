"""The statistics of a run in a worker process: what it keeps, and what it says of settings."""

import time
import unittest

import support  # noqa: F401: sets the path
from worker_process import Worker

PLAIN = """
from locust import User, task, constant, events

class Any(User):
    wait_time = constant(0.05)

    @task
    def work(self):
        pass
"""


class Statistics(unittest.TestCase):
    def test_the_history_is_kept(self):
        with Worker(PLAIN + """
from locust import stats
stats.HISTORY_STATS_INTERVAL_SEC = 0.1

@events.test_stop.add_listener
def note_history(environment, **_others):
    print([each["user_count"] for each in environment.stats.history][-1])
""") as worker:
            worker.wait("ready")
            worker.users(1)
            worker.wait("users", lambda count: count == 1)
            time.sleep(0.4)
            _done, out, _err = worker.finish()
        self.assertEqual(out, "1\n")

    def test_settings_without_effect_are_told_once(self):
        with Worker(PLAIN + """
from locust import stats
stats.PERCENTILES_TO_REPORT.append(0.42)
stats.CONSOLE_STATS_INTERVAL_SEC = 7
""") as worker:
            line = worker.wait_log("/WARNING/locust.stats: ")
            worker.wait("ready")
            worker.finish()
        self.assertIn("sets PERCENTILES_TO_REPORT and CONSOLE_STATS_INTERVAL_SEC in locust.stats",
                      line)
        with Worker(PLAIN) as worker:
            worker.wait("ready")
            worker.finish()
        self.assertFalse([each for each in worker.frames if "WARNING" in str(each)])


if __name__ == "__main__":
    unittest.main()
