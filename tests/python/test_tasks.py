"""Tasks: choosing, nesting, waiting, leaving. The reference runs this, too."""

import collections
import time
import unittest
import unittest.mock

import gevent
from support import REFERENCE, Test, ours_only, wait_until

from locust import SequentialTaskSet, TaskSet, User, constant, constant_pacing, tag, task
from locust import between, constant_throughput
from locust.exception import (InterruptTaskSet, LocustError, RescheduleTask,
                              RescheduleTaskImmediately, StopUser)
from locust.user.task import DefaultTaskSet, filter_tasks_by_tags
from locust.user.wait_time import constant as same_constant


class Choosing(unittest.TestCase):
    def test_a_weight_is_a_number_of_places_in_the_list(self):
        def other(user):
            pass

        class Base(User):
            @task
            def one(self):
                pass

        class Any(Base):
            tasks = {other: 2}

            @task(3)
            def three(self):
                pass

        names = collections.Counter(each.__name__ for each in Any.tasks)
        self.assertEqual(names, {"one": 1, "other": 2, "three": 3})
        self.assertEqual([each.__name__ for each in Any.tasks],
                         ["one", "other", "other", "three", "three", "three"])

    def test_pairs_in_a_list_have_weights(self):
        def a(user):
            pass

        class Any(TaskSet):
            tasks = [(a, 2), a]

        self.assertEqual(Any.tasks, [a, a, a])

    def test_a_class_is_abstract_only_if_it_says_so(self):
        class Base(User):
            abstract = True

        class Any(Base):
            pass

        self.assertTrue(Base.abstract)
        self.assertFalse(Any.abstract)

    def test_choice_follows_the_weights(self):
        seen = collections.Counter()

        class Any(User):
            @task(9)
            def often(self):
                seen["often"] += 1

            @task
            def seldom(self):
                seen["seldom"] += 1
                if sum(seen.values()) > 1000:
                    raise StopUser()

        test = Test(Any).start()
        self.assertTrue(wait_until(lambda: sum(seen.values()) > 1000))
        test.runner.quit()
        self.assertGreater(seen["often"], 4 * seen["seldom"])

    def test_run_cannot_be_a_task(self):
        with self.assertRaises(Exception):
            class Any(User):
                @task
                def run(self):
                    pass

    def test_sequential_tasks_keep_their_order_and_begin_again(self):
        seen = []

        def listed(task_set):
            seen.append("listed")

        class Steps(SequentialTaskSet):
            @task
            def first(self):
                seen.append("first")

            tasks = [listed]

            @task(2)
            def last(self):
                seen.append("last")
                if len(seen) > 6:
                    raise StopUser()

        class Any(User):
            tasks = [Steps]

        Test(Any).run_for(0.1)
        self.assertEqual(
            seen, ["first", "listed", "last", "last", "first", "listed", "last"])

    def test_sequential_tasks_are_a_list(self):
        with self.assertRaises(ValueError):
            class Any(SequentialTaskSet):
                tasks = {print: 1}

    def test_a_scheduled_task_goes_before_the_choice(self):
        seen = []

        class Inner(TaskSet):
            def on_start(self):
                self.schedule_task(self.b)
                self.schedule_task(self.a, first=True)

            def a(self):
                seen.append("a")

            def b(self):
                seen.append("b")

            @task
            def chosen(self):
                seen.append("chosen")
                raise StopUser()

        class Any(User):
            tasks = [Inner]

        Test(Any).run_for(0.1)
        self.assertEqual(seen, ["a", "b", "chosen"])

    def test_no_tasks_is_an_error_that_is_reported_and_the_user_goes_on(self):
        class Any(User):
            wait_time = constant(0.02)

        test = Test(Any).start()
        self.assertTrue(wait_until(lambda: sum(test.exceptions.values()) > 2))
        self.assertEqual(test.runner.user_count, 1)
        test.runner.quit()
        self.assertIn("No tasks defined on Any", list(test.exceptions)[0])


class Leaving(unittest.TestCase):
    def nested(self, leave, wait=0.6):
        """Times at which an outer task and the inner set ran, when the inner one leaves so."""
        seen = []

        class Outer(SequentialTaskSet):
            @task
            class Inner(TaskSet):
                wait_time = constant(0)

                def on_start(self):
                    seen.append("in")

                def on_stop(self):
                    seen.append("out")

                @task
                def work(self):
                    seen.append("work")
                    leave(self)

            @task
            def after(self):
                seen.append(time.time() - begin)
                raise StopUser()

            def on_stop(self):
                seen.append("outer out")

        class Any(User):
            wait_time = constant(wait)
            tasks = [Outer]

            def on_stop(self):
                seen.append("user out")

        begin = time.time()
        test = Test(Any).start()
        wait_until(lambda: "user out" in seen, 1.2)
        test.runner.quit()
        return seen

    def test_interrupt_goes_on_at_once(self):
        seen = self.nested(lambda inner: inner.interrupt())
        self.assertEqual(seen[:3] + seen[4:], ["in", "work", "out", "outer out", "user out"])
        self.assertLess(seen[3], 0.5)

    def test_interrupt_without_reschedule_waits(self):
        seen = self.nested(lambda inner: inner.interrupt(reschedule=False))
        self.assertEqual(seen[:3] + seen[4:], ["in", "work", "out", "outer out", "user out"])
        self.assertGreater(seen[3], 0.59)

    def test_stop_user_passes_every_level(self):
        def leave(inner):
            raise StopUser()

        self.assertEqual(self.nested(leave), ["in", "work", "out", "outer out", "user out"])

    def test_a_killed_user_passes_every_level(self):
        seen = self.nested(lambda inner: gevent.sleep(60))
        self.assertEqual(seen, ["in", "work", "out", "outer out", "user out"])

    def test_interrupt_in_on_start_hands_back(self):
        seen = []

        class Outer(SequentialTaskSet):
            @task
            class Inner(TaskSet):
                def on_start(self):
                    self.interrupt()

                @task
                def never(self):
                    seen.append("never")

            @task
            def after(self):
                seen.append("after")
                raise StopUser()

        class Any(User):
            tasks = [Outer]

        Test(Any).run_for(0.1)
        self.assertEqual(seen, ["after"])

    def test_who_is_who_in_a_nested_set(self):
        seen = []

        class Inner(TaskSet):
            @task
            def look(self):
                seen.append((type(self.user).__name__, type(self.parent).__name__,
                             type(self.parent.parent).__name__, self.client))
                raise StopUser()

        class Outer(TaskSet):
            tasks = [Inner]

        class Any(User):
            tasks = [Outer]
            client = "the client"

        Test(Any).run_for(0.1)
        self.assertEqual(seen, [("Any", "Outer", "Any", "the client")])

    def test_reschedule_waits_and_immediately_does_not(self):
        for error, low, high in ((RescheduleTask, 1, 4), (RescheduleTaskImmediately, 9, 10**9)):
            seen = []

            class Any(User):
                wait_time = constant(0.1)

                @task
                def work(self):
                    seen.append(1)
                    gevent.sleep(0.001)
                    raise error()

            Test(Any).run_for(0.25)
            self.assertTrue(low <= len(seen) <= high, (error, len(seen)))

    def test_an_exception_is_reported_counted_and_waited_after(self):
        times, errors = [], []

        class Any(User):
            wait_time = constant(0.1)

            @task
            def work(self):
                times.append(time.time())
                raise ValueError("wrong")

        test = Test(Any)
        test.environment.events.user_error.add_listener(
            lambda user_instance, exception, tb: errors.append((user_instance, exception, tb)))
        test.run_for(0.25)
        self.assertIn(len(times), (1, 2, 3))
        self.assertEqual(test.exceptions, {"wrong": len(times)})
        user_instance, exception, tb = errors[0]
        self.assertIsInstance(user_instance, DefaultTaskSet)
        self.assertEqual(str(exception), "wrong")
        row = test.exception_rows[0]
        self.assertIn('raise ValueError("wrong")', row["traceback"])
        self.assertTrue(row["traceback"].startswith("  File "))
        self.assertEqual(row["nodes"], {"local"})

    def test_without_catch_exceptions_it_ends_the_user(self):
        class Any(User):
            @task
            def work(self):
                raise ValueError("wrong")

        test = Test(Any, catch_exceptions=False).start()
        self.assertTrue(wait_until(lambda: test.runner.state == "running"))
        gevent.sleep(0.1)
        self.assertEqual(test.runner.user_count, 0)
        test.runner.quit()

    def test_an_exception_in_on_start_ends_that_user_alone(self):
        class Any(User):
            made = 0
            wait_time = constant(0.05)

            def on_start(self):
                Any.made += 1
                if Any.made == 2:
                    raise ValueError("no start")

            @task
            def work(self):
                pass

        test = Test(Any).start(3)
        gevent.sleep(0.3)
        self.assertEqual(test.runner.user_count, 2)
        test.runner.quit()
        if not REFERENCE:  # which counts nothing, and would end with exit status 0
            self.assertEqual(test.exceptions, {"no start": 1})

    def test_a_wait_time_that_is_text_is_reported_and_ends_the_user(self):
        class Any(User):
            wait_time = constant("long")

            @task
            def work(self):
                pass

        test = Test(Any).start()
        gevent.sleep(0.2)
        self.assertEqual(test.runner.user_count, 0)
        test.runner.quit()
        self.assertEqual(sum(test.exceptions.values()), 1)

    @ours_only  # there it ends the greenlet
    def test_an_exception_in_on_stop_of_a_task_set_does_not_end_the_way_out(self):
        seen = []

        class Inner(TaskSet):
            @task
            def work(self):
                self.interrupt(reschedule=False)

            def on_stop(self):
                raise ValueError("no stop")

        class Any(User):
            tasks = [Inner]
            wait_time = constant(0.02)

            def on_stop(self):
                seen.append("out")

        test = Test(Any).run_for(0.1)
        self.assertEqual((seen, test.exceptions), (["out"], {}))

    def test_interrupt_of_the_outermost_set_ends_the_user(self):
        class Any(User):
            @task
            def work(self):
                raise InterruptTaskSet()

        test = Test(Any).start()
        gevent.sleep(0.1)
        self.assertEqual(test.runner.user_count, 0)
        test.runner.quit()


class Waiting(unittest.TestCase):
    def test_between_and_constant(self):
        values = [between(2, 3)(None) for _ in range(100)]
        self.assertTrue(all(2 <= each < 3 for each in values))
        self.assertGreater(max(values) - min(values), 0.5)
        self.assertEqual(constant(7)(None), 7)
        self.assertIs(constant, same_constant)

    def test_pacing_waits_a_whole_period_first_then_what_is_left(self):
        class Holder:
            pass

        now = 100.0
        with unittest.mock.patch("locust.user.wait_time.time", lambda: now):
            for function in (constant_pacing(2), constant_throughput(0.5)):
                holder = Holder()
                self.assertEqual(function(holder), 2)
                now += 2 + 0.5  # the wait itself, then a task
                self.assertEqual(function(holder), 1.5)
                now += 1.5 + 3  # a task that takes longer than the period
                self.assertEqual(function(holder), 0)
                now += 0.5
                self.assertEqual(function(holder), 1.5)

    def test_every_task_is_waited_after_in_nested_sets_too(self):
        times = []

        class Inner(TaskSet):
            wait_time = constant(0.1)

            @task
            def work(self):
                times.append(time.time())
                if len(times) == 3:
                    raise StopUser()

        class Any(User):
            tasks = [Inner]
            wait_time = constant(10)

        test = Test(Any).start()
        self.assertTrue(wait_until(lambda: len(times) == 3))
        test.runner.quit()
        for one, two in zip(times, times[1:]):
            self.assertTrue(0.099 < two - one < 5, two - one)

    def test_a_wait_time_method_gets_its_owner(self):
        seen = []

        class Any(User):
            def wait_time(self):
                seen.append(type(self).__name__)
                return 0.05

            @task
            def work(self):
                self.wait()

        test = Test(Any).start()
        self.assertTrue(wait_until(lambda: len(seen) > 1))
        test.runner.quit()
        self.assertEqual(set(seen), {"Any"})

    def test_the_old_names_of_a_task_set(self):
        class Any(User):
            wait_time = None
            min_wait = 10
            max_wait = 20

        environment = Test(Any).environment
        value = DefaultTaskSet(Any(environment)).wait_time()
        self.assertTrue(0.01 <= value <= 0.02)

    def test_no_wait_time_at_all_is_an_error(self):
        class Any(User):
            wait_time = None

        with self.assertRaises(LocustError):
            DefaultTaskSet(Any(Test(Any).environment)).wait_time()


class Tags(unittest.TestCase):
    def classes(self):
        class Any(User):
            @tag("a")
            @task
            def a(self):
                pass

            @task(2)
            @tag("a", "b")
            def both(self):
                pass

            @task
            def none(self):
                pass

            @tag("c")
            @task
            class Inner(TaskSet):
                @task
                def c(self):
                    pass

                @tag("a")
                @task
                def ca(self):
                    pass

            @task
            class Other(TaskSet):
                @task
                def plain(self):
                    pass

        return Any

    def left(self, holder):
        return [each.__name__ if not hasattr(each, "tasks") else self.left(each)
                for each in holder.tasks]

    def test_tags_are_filtered_at_every_level(self):
        for tags, exclude, expected in (
                ({"a"}, None, ["a", "both", "both", ["ca"]]),
                ({"b", "c"}, None, ["both", "both", ["c", "ca"]]),
                (None, {"a"}, ["none", ["c"], ["plain"]]),
                ({"a"}, {"c"}, ["a", "both", "both"]),
                ({"nobody"}, None, [])):
            holder = self.classes()
            filter_tasks_by_tags(holder, tags, exclude)
            self.assertEqual(self.left(holder), expected, (tags, exclude))

    def test_the_environment_filters_once_the_test_begins(self):
        holder = self.classes()
        holder.wait_time = constant(1)
        Test(holder, tags=["b"]).run_for(0.05)
        self.assertEqual(self.left(holder), ["both", "both"])

    def test_a_tag_needs_a_name(self):
        for arguments in ((), (print,)):
            with self.assertRaises(ValueError):
                tag(*arguments)


if __name__ == "__main__":
    unittest.main()
