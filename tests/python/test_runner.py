"""Environment and LocalRunner as a library: ramps, hooks, stops. The reference runs this, too."""

import contextlib
import io
import time
import unittest

import gevent
from support import REFERENCE, Test, ours_only, wait_until

import locust
from locust import LoadTestShape, TaskSet, User, constant, task
from locust.env import Environment
from locust.exception import RunnerAlreadyExistsError, StopUser
from locust.runners import (STATE_INIT, STATE_RUNNING, STATE_SPAWNING, STATE_STOPPED, LocalRunner,
                            MasterRunner, Runner, WorkerRunner)
from locust.user.inspectuser import (_calc_distribution, get_ratio, print_task_ratio,
                                     print_task_ratio_json)


def holding(name="Any", **members):
    """A class whose users hold on for ever."""
    @task
    def hold(self):
        gevent.sleep(60)

    return type(User)(name, (User,), {"hold": hold, "wait_time": constant(0), **members})


class Ramps(unittest.TestCase):
    def test_hooks_and_states_of_a_test(self):
        test = Test(holding())
        self.assertEqual(test.runner.state, STATE_INIT)
        states = []
        test.environment.events.test_start.add_listener(
            lambda environment: states.append(environment.runner.user_count))
        test.start(5)
        self.assertTrue(wait_until(lambda: test.runner.state == STATE_RUNNING))
        self.assertEqual((test.runner.user_count, test.runner.user_classes_count), (5, {"Any": 5}))
        self.assertEqual(test.runner.target_user_count, 5)
        test.runner.stop()
        self.assertEqual((test.runner.state, test.runner.user_count), (STATE_STOPPED, 0))
        self.assertEqual(test.hooks, ["test_start", "spawning_complete", "test_stopping",
                                      "test_stop"])
        self.assertEqual(states, [0])
        test.runner.stop()  # once more does nothing
        self.assertEqual(len(test.hooks), 4)
        test.start(2)
        self.assertTrue(wait_until(lambda: test.runner.state == STATE_RUNNING))
        self.assertEqual(test.hooks.count("test_start"), 2)
        test.runner.quit()
        self.assertEqual(test.hooks.count("test_stop"), 2)

    def test_the_rate_is_users_a_second(self):
        test = Test(holding()).start(3, rate=5)
        gevent.sleep(0.05)
        self.assertIn(test.runner.state, (STATE_SPAWNING, STATE_RUNNING))
        test.runner.quit()
        test = Test(holding()).start(3, rate=1)
        begin = time.time()
        self.assertTrue(wait_until(lambda: test.runner.user_count == 3))
        self.assertTrue(1.9 < time.time() - begin < 4)
        test.runner.quit()

    def test_down_and_up_again(self):
        counts = []
        test = Test(holding("A", weight=3), holding("B"))
        test.environment.events.spawning_complete.add_listener(
            lambda user_count: counts.append(user_count))
        for count, a, b in ((8, 6, 2), (4, 3, 1), (0, 0, 0)):
            test.start(count)
            self.assertTrue(wait_until(lambda: counts and counts[-1] == count))
            self.assertEqual(test.runner.user_classes_count, {"A": a, "B": b})
        self.assertEqual(counts, [8, 4, 0])
        self.assertEqual(test.hooks.count("test_start"), 1)
        test.runner.quit()

    def test_fixed_counts_come_first(self):
        test = Test(holding("A", weight=9), holding("F", fixed_count=2)).start(5)
        self.assertTrue(wait_until(lambda: test.runner.user_count == 5))
        self.assertEqual(test.runner.user_classes_count, {"A": 3, "F": 2})
        test.runner.quit()

    def test_classes_can_be_chosen(self):
        test = Test(holding("A"), holding("B"))
        test.runner.start(3, 100, user_classes=[test.environment.user_classes_by_name["B"]])
        self.assertTrue(wait_until(lambda: test.runner.user_count == 3))
        self.assertEqual(test.runner.user_classes_count, {"A": 0, "B": 3})
        test.runner.quit()

    def test_a_user_that_stops_itself_is_not_replaced(self):
        class Any(User):
            @task
            def once(self):
                gevent.sleep(0.05)
                raise StopUser()

        test = Test(Any).start(3)
        self.assertTrue(wait_until(lambda: test.runner.user_count == 3))
        gevent.sleep(0.3)
        self.assertEqual((test.runner.user_count, test.runner.state), (0, STATE_RUNNING))
        test.runner.quit()

    def test_the_host_of_the_environment_goes_before_the_classs(self):
        any_class = holding(host="http://own")
        test = Test(any_class, host="http://given").start()
        self.assertTrue(wait_until(lambda: test.runner.user_count == 1))
        self.assertEqual(any_class.host, "http://given")
        test.runner.quit()

    def test_two_hundred_users_at_once(self):
        test = Test(holding()).start(200, rate=100000)
        self.assertTrue(wait_until(lambda: test.runner.user_count == 200))
        test.runner.quit()
        self.assertEqual(test.runner.user_count, 0)

    def test_a_test_without_users_in_it_can_be_quit(self):
        test = Test(holding())
        test.runner.quit()
        self.assertEqual(test.runner.state, STATE_STOPPED)


class Stopping(unittest.TestCase):
    def run_with(self, stop_timeout, seconds):
        seen = []

        class Inner(TaskSet):
            @task
            def work(self):
                seen.append("begun")
                gevent.sleep(seconds)
                seen.append("done")

            def on_stop(self):
                seen.append("inner")

        class Any(User):
            tasks = [Inner]

            def on_stop(self):
                seen.append("user")

        test = Test(Any, stop_timeout=stop_timeout).start()
        self.assertTrue(wait_until(lambda: seen))
        begin = time.time()
        test.runner.quit()
        return seen, time.time() - begin

    def test_without_a_timeout_users_are_killed(self):
        seen, took = self.run_with(None, seconds=5)
        self.assertEqual(seen, ["begun", "inner", "user"])
        self.assertLess(took, 2)

    def test_with_a_timeout_a_task_may_end(self):
        seen, took = self.run_with(20, seconds=0.3)
        self.assertEqual(seen, ["begun", "done", "inner", "user"])
        self.assertLess(took, 5)

    def test_after_the_timeout_it_is_killed(self):
        seen, took = self.run_with(0.2, seconds=5)
        self.assertEqual(seen, ["begun", "inner", "user"])
        self.assertTrue(0.19 < took < 3, took)

    def test_a_waiting_user_is_stopped_at_once(self):
        class Any(User):
            wait_time = constant(60)

            @task
            def work(self):
                pass

        test = Test(Any, stop_timeout=10).start()
        gevent.sleep(0.1)
        begin = time.time()
        test.runner.quit()
        self.assertLess(time.time() - begin, 5)

    def test_on_stop_may_take_its_time(self):
        seen = []

        class Any(User):
            @task
            def hold(self):
                gevent.sleep(60)

            def on_stop(self):
                gevent.sleep(0.2)
                seen.append("out")

        Test(Any).run_for(0.1, users=2)
        self.assertEqual(seen, ["out", "out"])

    @ours_only  # there the end never comes
    def test_an_on_stop_that_does_not_end_is_cut_short(self):
        class Any(User):
            @task
            def hold(self):
                gevent.sleep(60)

            def on_stop(self):
                gevent.sleep(60)

        test = Test(Any).start(2)
        self.assertTrue(wait_until(lambda: test.runner.user_count == 2))
        gevent.sleep(0.05)
        pool = test.runner.pool
        with self.assertLogs("locust.runners") as logs:
            pool.stop(pool.take_all(), 0, None, patience=0.2)
        self.assertEqual(len(pool), 0)
        self.assertRegex(logs.output[-1],
                         r"2 users take more than 0\.2 seconds, as at .*test_runner\.py:\d+ "
                         r"\(on_stop\): they are cut short")
        test.runner.quit()

    def test_a_user_that_quits_the_runner_ends(self):
        seen = []

        class Any(User):
            @task
            def work(self):
                self.environment.runner.quit()
                gevent.sleep(0.01)
                seen.append("never")

            def on_stop(self):
                seen.append("on_stop")

        test = Test(Any).start()
        self.assertTrue(wait_until(lambda: test.runner.state == STATE_STOPPED))
        gevent.sleep(0.1)
        self.assertEqual(seen, ["on_stop"])
        self.assertIn("test_stop", test.hooks)

    def test_a_user_that_stops_the_runner_ends_when_it_next_waits(self):
        seen = []

        class Any(User):
            @task
            def work(self):
                self.environment.runner.stop()
                seen.append("goes on")
                gevent.sleep(1)
                seen.append("never")

            def on_stop(self):
                seen.append("on_stop")

        test = Test(Any).start()
        self.assertTrue(wait_until(lambda: test.runner.state == STATE_STOPPED))
        gevent.sleep(0.1)
        self.assertEqual(seen, ["goes on", "on_stop"])
        self.assertIn("test_stop", test.hooks)
        test.runner.quit()

    @ours_only  # there gevent writes it to standard error
    def test_an_exception_in_on_stop_is_logged_with_its_place(self):
        class Any(User):
            @task
            def hold(self):
                gevent.sleep(60)

            def on_stop(self):
                raise ValueError("not stopped")

        test = Test(Any).start()
        self.assertTrue(wait_until(lambda: test.runner.user_count == 1))
        gevent.sleep(0.05)
        with self.assertLogs("locust.user.users") as logs:
            test.runner.quit()
        self.assertRegex(logs.output[0],
                         r"(?s)test_runner\.py.* in on_stop.*ValueError: not stopped")

    def test_the_greenlet_of_the_runner_ends_with_quit(self):
        test = Test(holding()).start()
        gevent.spawn_later(0.1, test.runner.quit)
        with gevent.Timeout(5):
            test.runner.greenlet.join()
        self.assertEqual(test.runner.state, STATE_STOPPED)

    @ours_only  # there the process cannot be quit
    def test_users_that_cannot_be_made_end_the_test(self):
        class Any(User):
            def __init__(self, environment):
                raise ValueError("not made")

        test = Test(Any).start(3)
        self.assertTrue(wait_until(lambda: test.runner.state == STATE_STOPPED))


class Shapes(unittest.TestCase):
    def test_a_shape_leads_and_ends_the_test(self):
        seen = []

        class Shape(LoadTestShape):
            def tick(self):
                seen.append((round(self.get_run_time()), self.get_current_user_count()))
                if self.get_run_time() > 2.5:
                    return None
                return (2, 100) if self.get_run_time() < 1 else (4, 100)

        test = Test(holding(), shape_class=Shape())
        if REFERENCE:  # quits only headless
            test.environment.parsed_options = type("Options", (), {
                "headless": True, "tags": None, "exclude_tags": None})()
        test.runner.start_shape()
        self.assertTrue(wait_until(lambda: test.runner.user_count == 2))
        self.assertTrue(wait_until(lambda: test.runner.user_count == 4))
        self.assertTrue(wait_until(lambda: test.runner.state == STATE_STOPPED))
        self.assertEqual(test.hooks[0], "test_start")
        self.assertEqual(test.hooks[-1], "test_stop")
        self.assertEqual(seen[0][1], 0)

    @ours_only  # there the shape goes on, without users
    def test_a_rate_of_nothing_ends_the_test(self):
        class Shape(LoadTestShape):
            def tick(self):
                return 1, 0

        test = Test(holding(), shape_class=Shape())
        with self.assertLogs("locust.runners") as logs:
            test.runner.start_shape()
            self.assertTrue(wait_until(lambda: test.runner.state == STATE_STOPPED))
        self.assertIn("is a number above 0, not 0", "".join(logs.output))
        self.assertTrue(locust.log.unhandled_greenlet_exception)

    def test_the_environment_wants_an_instance(self):
        class Shape(LoadTestShape):
            pass

        with self.assertRaises(ValueError):
            Environment(user_classes=[holding()], shape_class=Shape)


class Messages(unittest.TestCase):
    def test_a_local_runner_sends_to_itself(self):
        test = Test(holding())
        heard = []
        test.runner.register_message(
            "news", lambda environment, msg, **_others: heard.append(
                (environment is test.environment, msg.type, msg.data, msg.node_id)))
        test.runner.send_message("news", [1])
        test.runner.send_message("nobody", None)
        self.assertEqual(heard, [(True, "news", [1], "local")])
        test.runner.quit()


class Environments(unittest.TestCase):
    def test_one_runner_for_each(self):
        test = Test(holding())
        self.assertIsInstance(test.runner, Runner)
        self.assertIsInstance(test.runner, LocalRunner)
        self.assertNotIsInstance(test.runner, (MasterRunner, WorkerRunner))
        self.assertIs(test.environment.runner, test.runner)
        self.assertIs(test.runner.stats, test.environment.stats)
        self.assertIsNone(test.environment.web_ui)
        with self.assertRaises(RunnerAlreadyExistsError):
            test.environment.create_local_runner()
        test.runner.quit()

    def test_classes_without_weight_are_left_out(self):
        environment = Environment(user_classes=[holding("A", weight=0), holding("B")])
        self.assertEqual(list(environment.user_classes_by_name), ["B"])
        with self.assertRaises(ValueError):
            Environment(user_classes=[holding("A", weight=0)])

    def test_two_classes_cannot_have_one_name(self):
        with self.assertRaises(ValueError):
            Environment(user_classes=[holding("A"), holding("A")])

    def test_equal_weights(self):
        class Inner(TaskSet):
            @task(5)
            def inner(self):
                pass

        class Any(User):
            weight = 7
            tasks = {Inner: 3}

            @task(4)
            def own(self):
                pass

        environment = Environment(user_classes=[Any])
        environment.assign_equal_weights()
        self.assertEqual(Any.weight, 1)
        self.assertEqual(sorted(each.__name__ for each in Any.tasks), ["inner", "own"])

    def test_shares_of_classes(self):
        class Ana(User):
            @task
            def all_there_is(self):
                pass

        class Bo(Ana):
            weight = 3

        class Fixed(Ana):
            fixed_count = 2

        for classes, users, expected in (
                ([Ana, Bo], 8, {"Ana": 2, "Bo": 6}), ([Ana, Bo], None, {"Ana": 1, "Bo": 3}),
                ([Ana, Bo, Fixed], 6, {"Ana": 1, "Bo": 3, "Fixed": 2}),
                ([Fixed], 1, {"Fixed": 2})):
            self.assertEqual(_calc_distribution(classes, users), expected)

    def test_shares_are_printed(self):
        class Any(User):
            fixed_count = 1

            @task
            def all_there_is(self):
                pass

        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            print_task_ratio([Any], 1, True)
            print_task_ratio_json([Any], 1)
        self.assertEqual([line.rstrip() for line in printed.getvalue().splitlines()[:3]], [
            " 100.0      Any", "   100.0      all_there_is", "{"])

    def test_shares_of_tasks(self):
        class Inner(TaskSet):
            @task
            def deep(self):
                pass

        class Any(User):
            tasks = {Inner: 3}

            @task
            def own(self):
                pass

        self.assertEqual(get_ratio([Any], {"Any": 2}, True), {"Any": {"ratio": 1.0, "tasks": {
            "Inner": {"ratio": 0.75, "tasks": {"deep": {"ratio": 0.75}}}, "own": {"ratio": 0.25}}}})
        self.assertEqual(
            get_ratio([Any], {"Any": 2}, False)["Any"]["tasks"]["Inner"]["tasks"],
            {"deep": {"ratio": 1.0}})


if __name__ == "__main__":
    unittest.main()
