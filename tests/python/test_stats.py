"""The statistics as scripts read them. The reference runs this, too."""

import time
import unittest

import support
from support import ours_only

from locust import stats
from locust.env import Environment
from locust.event import Events
from locust.exception import CatchResponseError
from locust.stats import RequestStats, StatsEntry, StatsError


class Live(unittest.TestCase):
    def setUp(self):
        self.test = support.Test()
        self.stats = self.test.environment.stats

    def fire(self, name="/", response_time=10, length=5, exception=None, kind="GET"):
        self.test.environment.events.request.fire(
            request_type=kind, name=name, response_time=response_time, response_length=length,
            exception=exception, context={})

    def test_rows_and_their_total(self):
        for value in (10, 20, 147, 3432):
            self.fire(response_time=value)
        self.fire("/b", 5, kind="POST")
        row = self.stats.get("/", "GET")
        self.assertEqual((row.num_requests, row.num_failures, row.name, row.method),
                         (4, 0, "/", "GET"))
        self.assertEqual(row.response_times, {10: 1, 20: 1, 150: 1, 3400: 1})
        self.assertEqual((row.min_response_time, row.max_response_time), (10, 3432))
        self.assertAlmostEqual(row.avg_response_time, (10 + 20 + 147 + 3432) / 4)
        self.assertEqual(row.median_response_time, 20)
        self.assertEqual(row.total_content_length, 20)
        self.assertEqual(row.avg_content_length, 5)
        self.assertEqual(self.stats.total.num_requests, 5)
        self.assertEqual(self.stats.num_requests, 5)
        self.assertEqual(self.stats.total.name, "Aggregated")
        self.assertEqual(self.stats.total.min_response_time, 5)
        self.assertEqual(set(self.stats.entries), {("/", "GET"), ("/b", "POST")})
        self.assertEqual(self.stats.entries["/", "GET"].num_requests, 4)

    def test_percentiles_are_of_bins(self):
        for value in range(1, 101):
            self.fire(response_time=value * 10)
        row = self.stats.total
        for share, expected in ((0.5, 500), (0.95, 950), (0.99, 990), (1.0, 1000), (0.01, 10)):
            self.assertAlmostEqual(row.get_response_time_percentile(share), expected, delta=10)
        self.assertEqual(row.get_response_time_percentile(0.5),
                         stats.calculate_response_time_percentile(row.response_times, 100, 0.5))

    def test_a_request_without_a_time_is_counted_alone(self):
        self.fire(response_time=None)
        row = self.stats.get("/", "GET")
        self.assertEqual((row.num_requests, row.num_none_requests), (1, 1))
        self.assertEqual((row.avg_response_time, row.median_response_time), (0, 0))
        self.assertIsNone(row.min_response_time)
        self.fire(response_time=30)
        self.assertEqual(row.avg_response_time, 30)

    def test_failures_and_their_texts(self):
        self.fire()
        self.assertEqual(self.stats.total.fail_ratio, 0)
        self.fire(exception=CatchResponseError("no"))
        self.fire(exception=CatchResponseError("no"))
        self.fire(exception=ValueError(object()))
        self.assertEqual(self.stats.total.num_failures, 3)
        self.assertEqual(self.stats.total.fail_ratio, 0.75)
        found = {StatsError.parse_error(each.error): (each.method, each.name, each.occurrences)
                 for each in self.stats.errors.values()}
        self.assertEqual(found, {
            "CatchResponseError('no')": ("GET", "/", 2),
            "ValueError(<object object at 0x....>)": ("GET", "/", 1)})

    def test_a_row_that_was_never_counted_is_empty(self):
        row = self.stats.get("/none", "GET")
        self.assertEqual((row.num_requests, row.fail_ratio, row.avg_response_time,
                          row.median_response_time, row.total_rps, row.current_rps),
                         (0, 0, 0, 0, 0, 0))

    def test_rates(self):
        begin = time.time()
        self.fire(exception=ValueError())
        time.sleep(0.5)
        self.fire()
        rate = 2 / (time.time() - begin)
        self.assertAlmostEqual(self.stats.total.total_rps, rate, delta=rate / 4)
        self.assertAlmostEqual(self.stats.total.total_fail_per_sec, rate / 2, delta=rate / 4)
        self.assertEqual(self.stats.total.current_rps, 0)  # its seconds are not over yet
        self.assertEqual(sum(self.stats.total.num_reqs_per_sec.values()), 2)

    @ours_only  # there the cache is filled by requests, not by time
    def test_current_percentiles_are_of_the_last_seconds(self):
        self.assertIsNone(self.stats.total.get_current_response_time_percentile(0.5))
        self.fire(response_time=500)
        self.stats.total.cache_response_times(int(time.time()) - 9)
        for _ in range(3):
            self.fire(response_time=20)
        self.assertEqual(self.stats.total.get_current_response_time_percentile(0.9), 20)
        self.assertEqual(self.stats.total.get_response_time_percentile(0.9), 500)

    def test_rows_are_counted_by_hand(self):
        self.fire()
        self.stats.log_request("GET", "/", 30, 7)
        self.stats.get("/", "GET").log(20, 5)
        self.stats.get("/", "GET").log_error(ValueError("by the row"))
        self.stats.log_error("POST", "/login", "Login failed")
        row = self.stats.get("/", "GET")
        self.assertEqual((row.num_requests, row.num_failures, row.max_response_time), (3, 1, 30))
        row = self.stats.get("/login", "POST")
        self.assertEqual((row.num_requests, row.num_failures, row.fail_ratio), (0, 1, 1.0))
        self.assertIn(("/login", "POST"), self.stats.entries)
        self.assertEqual(
            [(each.method, each.name, each.occurrences, StatsError.parse_error(each.error))
             for each in self.stats.errors.values() if each.method == "POST"],
            [("POST", "/login", 1, "'Login failed'")])

    def test_an_error_is_shown_as_its_exception_is(self):
        self.fire(exception=CatchResponseError("no"))
        self.fire(name="/b", exception=ValueError("a", 1))
        self.stats.log_error("X", "c", "plain")
        for each, (shown, text) in zip(self.stats.errors.values(), (
                ("no", "CatchResponseError('no')"), ("('a', 1)", "ValueError('a', 1)"),
                ("plain", "'plain'"))):
            self.assertEqual((str(each.error), f"{each.error}", repr(each.error)),
                             (shown, shown, text))
            self.assertEqual(each.serialize()["error"], text)

    def test_the_total_alone_is_reset(self):
        self.fire(response_time=500)
        before = time.time()
        self.stats.total.reset()
        total = self.stats.total
        self.assertEqual((total.num_requests, total.response_times, total.max_response_time),
                         (0, {}, 0))
        self.assertIsNone(total.min_response_time)
        self.assertIsNone(total.last_request_timestamp)
        self.assertTrue(before <= total.start_time <= time.time())
        self.fire(response_time=20, exception=ValueError())
        self.assertEqual((total.num_requests, total.num_failures, total.response_times,
                          total.min_response_time, total.avg_response_time),
                         (1, 1, {20: 1}, 20, 20))
        self.assertEqual(self.stats.get("/", "GET").num_requests, 2)
        self.stats.reset_all()
        self.fire(response_time=500)
        self.assertEqual(self.stats.total.response_times, {500: 1})

    def test_clearing_and_resetting(self):
        self.fire(exception=ValueError("x"))
        self.stats.reset_all()
        self.assertEqual((self.stats.total.num_requests, len(self.stats.errors)), (0, 0))
        self.fire()
        self.stats.clear_all()
        self.assertEqual(self.stats.total.num_requests, 0)
        self.assertEqual([each.num_requests for each in self.stats.entries.values()], [])
        self.fire()
        self.assertEqual(self.stats.total.num_requests, 1)

    def test_a_length_or_a_time_that_is_none_marks_the_run(self):
        support.locust.log.unhandled_greenlet_exception = False
        self.fire(length=2.0)
        self.assertFalse(support.locust.log.unhandled_greenlet_exception)
        self.assertEqual(self.stats.total.total_content_length, 2)
        with self.assertLogs(level="ERROR"):
            self.fire(length=None)
        self.assertTrue(support.locust.log.unhandled_greenlet_exception)
        with self.assertLogs(level="ERROR"):
            self.fire(response_time="5")

    def test_tables_can_be_printed(self):
        self.fire("/a", 12, exception=ValueError("x"))
        with self.assertLogs("locust.stats_logger", "INFO") as logs:
            stats.print_stats(self.stats)
            stats.print_percentile_stats(self.stats)
            stats.print_error_report(self.stats)
        text = "\n".join(logs.output)
        for part in ("1(100.00%)", "Aggregated", "Response time percentiles", "99.99%",
                     "Error report", "GET /a: ValueError('x')"):
            self.assertIn(part, text)
        self.assertIn("/a", str(self.stats.get("/a", "GET")))


class Own(unittest.TestCase):
    """Statistics that a script makes for itself."""

    def test_they_count_by_themselves(self):
        own = RequestStats()
        for value in (1, 2, 3, None):
            own.log_request("GET", "/", value, 10)
        own.log_error("GET", "/", ValueError("x"))
        own.log_error("GET", "/", ValueError("x"))
        row = own.get("/", "GET")
        self.assertEqual((row.num_requests, row.num_none_requests, row.num_failures,
                          row.avg_response_time, row.median_response_time), (4, 1, 2, 2, 2))
        self.assertEqual(own.total.num_requests, 4)
        self.assertEqual([each.occurrences for each in own.errors.values()], [2])
        own.reset_all()
        self.assertEqual((row.num_requests, len(own.errors)), (0, 0))

    def test_entries_add_up_and_travel(self):
        one, two = StatsEntry(None, "/", "GET"), StatsEntry(None, "/", "GET")
        one.log(10, 1)
        two.log(500, 2)
        two.log_error(None)
        one.extend(two)
        again = StatsEntry.unserialize(one.serialize())
        for entry in (one, again):
            self.assertEqual((entry.num_requests, entry.num_failures, entry.min_response_time,
                              entry.max_response_time, entry.total_content_length),
                             (2, 1, 10, 500, 3))
        self.assertEqual(two.get_stripped_report()["num_requests"], 1)
        self.assertEqual(two.num_requests, 0)

    def test_small_helpers(self):
        self.assertEqual(
            stats.get_readable_percentiles([0.5, 0.999, 1.0]), ["50%", "99.9%", "100%"])
        self.assertEqual(stats.diff_response_time_dicts({1: 5, 2: 2}, {1: 3, 2: 2}), {1: 2})
        self.assertEqual(stats.median_from_dict(3, {10: 1, 20: 2}), 20)
        self.assertEqual(stats.avg([1, 2]), 1.5)
        self.assertEqual(stats.avg([]), 0)


class Apart(Live):
    """The same, of an Environment that a script makes beside that of a run."""

    def setUp(self):
        super().setUp()
        environment = Environment(events=self.test.environment.events)
        environment.create_local_runner()
        self.stats = environment.stats


class Environments(unittest.TestCase):
    MINIMUM = dict(request_type="X", name="n", response_time=1, response_length=2, exception=None,
                   context={})

    def test_each_has_figures_of_its_own(self):
        one, two = Environment(events=Events()), Environment(events=Events())
        for environment in (one, two):
            environment.create_local_runner()
        one.events.request.fire(**self.MINIMUM)
        one.events.request.fire(**{**self.MINIMUM, "exception": ValueError()})
        two.events.request.fire(**{**self.MINIMUM, "name": "m"})
        self.assertEqual((one.stats.total.num_requests, list(one.stats.entries),
                          len(one.stats.errors)), (2, [("n", "X")], 1))
        self.assertEqual((two.stats.total.num_requests, list(two.stats.entries),
                          len(two.stats.errors)), (1, [("m", "X")], 0))
        one.stats.reset_all()
        self.assertEqual((one.stats.total.num_requests, two.stats.total.num_requests), (0, 1))

    def test_a_request_counts_once_in_each_that_shares_the_events(self):
        events = Events()
        one, two = Environment(events=events), Environment(events=events)
        one.create_local_runner()
        two.create_local_runner()
        events.request.fire(**self.MINIMUM)
        self.assertEqual((one.stats.total.num_requests, two.stats.total.num_requests), (1, 1))

    def test_a_runner_that_has_ended_does_not_count_for_the_next(self):
        events = Events()
        one = Environment(events=events)
        one.create_local_runner().quit()
        two = Environment(events=events)
        two.create_local_runner()
        events.request.fire(**self.MINIMUM)
        self.assertEqual(two.stats.total.num_requests, 1)
        if not support.REFERENCE:  # there its listener stays
            self.assertEqual(one.stats.total.num_requests, 0)

    def test_a_script_may_take_the_listeners_away(self):
        environment = Environment(events=Events())
        runner = environment.create_local_runner()
        environment.events.request._handlers.clear()
        runner.quit()
        self.assertEqual(runner.state, "stopped")

    def test_exceptions_of_tasks_are_apart_too(self):
        one, two = Environment(events=Events()), Environment(events=Events())
        for environment in (one, two):
            environment.create_local_runner()
        one.runner.log_exception("local", "mine", "where")
        self.assertEqual([each["msg"] for each in one.runner.exceptions.values()], ["mine"])
        self.assertEqual(two.runner.exceptions, {})


if __name__ == "__main__":
    unittest.main()
