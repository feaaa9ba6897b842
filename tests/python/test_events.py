"""Hooks and their listeners. The reference runs this, too."""

import logging
import unittest

import support
from support import ours_only

import locust
from locust.env import Environment
from locust.event import EventHook, Events
from locust.exception import InterruptTaskSet, RescheduleTask, StopUser


class Hooks(unittest.TestCase):
    def setUp(self):
        locust.log.unhandled_greenlet_exception = False

    def test_listeners_get_what_is_fired_in_order_or_reversed(self):
        hook, seen = EventHook(), []
        for name in "abc":
            hook.add_listener(lambda value, name=name: seen.append((name, value)))
        hook.fire(value=1)
        hook.fire(reverse=True, value=2)
        self.assertEqual(seen, [("a", 1), ("b", 1), ("c", 1), ("c", 2), ("b", 2), ("a", 2)])

    def test_add_listener_is_a_decorator_and_can_be_undone(self):
        hook, seen = EventHook(), []

        @hook.add_listener
        def hear(**_arguments):
            seen.append(1)

        hook.fire()
        hook.remove_listener(hear)
        hook.fire()
        self.assertEqual(seen, [1])

    def test_a_listener_that_raises_is_logged_and_the_others_run(self):
        for hook in (EventHook(), Events().request):
            seen = []

            def broken(**_arguments):
                raise ValueError("broken")

            hook.add_listener(broken)
            hook.add_listener(lambda **_arguments: seen.append(1))
            locust.log.unhandled_greenlet_exception = False
            with self.assertLogs(level=logging.ERROR) as logs:
                hook.fire(request_type="a", name="b", response_time=1, response_length=0,
                          exception=None, context={})
            self.assertEqual(seen, [1])
            self.assertIn("ValueError: broken", logs.output[0])
            self.assertTrue(locust.log.unhandled_greenlet_exception)

    def test_what_steers_a_task_passes(self):
        for error in (StopUser, RescheduleTask, InterruptTaskSet):
            hook = Events().test_start

            @hook.add_listener
            def steer(**_arguments):
                raise error()

            with self.assertRaises(error):
                hook.fire(environment=None)
        self.assertFalse(locust.log.unhandled_greenlet_exception)

    def test_arguments_are_named(self):
        with self.assertRaises(TypeError):
            EventHook().fire(1)

    @ours_only  # there it has no other hooks
    def test_a_subclass_adds_hooks(self):
        class Mine(Events):
            extra: EventHook

        self.assertIsInstance(Mine().extra, EventHook)

    def test_each_events_object_has_hooks_of_its_own(self):
        one, two = Events(), Events()
        one.init.add_listener(lambda **_arguments: self.fail("not mine"))
        two.init.fire(environment=None)


class Requests(unittest.TestCase):
    """The hook that is fired for every request: what a script may leave out since 2.15."""

    MINIMUM = dict(request_type="X", name="n", response_time=1.5, response_length=2)

    @ours_only
    def test_a_fire_without_exception_and_context_is_counted(self):
        test = support.Test()
        test.environment.events.request.fire(**self.MINIMUM)
        self.assertEqual(test.environment.stats.total.num_requests, 1)
        self.assertFalse(locust.log.unhandled_greenlet_exception)

    @ours_only
    def test_a_listener_that_insists_gets_defaults_others_what_was_fired(self):
        seen = []
        hook = Events().request

        @hook.add_listener
        def insists(request_type, name, response_time, response_length, exception, context,
                    **others):
            seen.append((exception, context, others))

        @hook.add_listener
        def exactly(request_type, name, response_time, response_length):
            seen.append("exactly")

        @hook.add_listener
        def everything(**arguments):
            seen.append(arguments)

        locust.log.unhandled_greenlet_exception = False
        hook.fire(**self.MINIMUM)
        self.assertEqual(seen, [(None, {}, {}), "exactly", self.MINIMUM])
        self.assertFalse(locust.log.unhandled_greenlet_exception)

    def test_a_listener_gets_what_it_asks_for_after_others_have_gone(self):
        hook = Events().request
        for _ in range(200):
            seen = []

            def insists(request_type, name, response_time, response_length, exception, context):
                seen.append("insists")

            hook.add_listener(insists)
            hook.remove_listener(insists)
            del insists

            def exactly(request_type, name, response_time, response_length):
                seen.append("exactly")

            hook.add_listener(exactly)
            hook.fire(**self.MINIMUM)
            hook.remove_listener(exactly)
            self.assertEqual(seen, ["exactly"])

    @ours_only
    def test_a_bound_method_is_forgotten_wholly(self):
        class Listener:
            def hear(self, request_type, name, response_time, response_length, exception):
                pass

        hook, listener = Events().request, Listener()
        hook.add_listener(listener.hear)
        hook.remove_listener(listener.hear)
        self.assertEqual((hook._handlers, hook._wanted), ([], {}))

    @ours_only  # there a listener of the script's own that was added before goes first
    def test_a_listener_that_ends_things_does_not_lose_the_row(self):
        events = Events()

        @events.request.add_listener
        def enough(**_arguments):
            raise StopUser()

        environment = Environment(events=events)
        environment.create_local_runner()
        with self.assertRaises(StopUser):
            events.request.fire(**self.MINIMUM)
        self.assertEqual(environment.stats.total.num_requests, 1)

    def test_a_user_is_stopped_by_a_listener(self):
        @locust.task
        def work(user):
            user.environment.events.request.fire(**self.MINIMUM, exception=None, context={})

        test = support.Test(type("Any", (locust.User,), {"work": work}))

        @test.environment.events.request.add_listener
        def enough(**_arguments):
            raise StopUser()

        test.start()
        self.assertTrue(support.wait_until(lambda: test.runner.state == "running"))
        self.assertTrue(support.wait_until(lambda: test.runner.user_count == 0))
        test.runner.quit()
        self.assertEqual(test.environment.stats.total.num_requests, 1)

    @ours_only
    def test_measure_fires_with_the_time_of_the_block(self):
        hook, seen = Events().request, []
        hook.add_listener(lambda **arguments: seen.append(arguments))
        with hook.measure("X", "n", context={"a": 1}) as meta:
            meta["response_length"] = 7
        with hook.measure("X", "n"):
            raise ValueError("kept inside")
        self.assertEqual(seen[0]["response_length"], 7)
        self.assertEqual(seen[0]["context"], {"a": 1})
        self.assertIsNone(seen[0]["exception"])
        self.assertTrue(0 <= seen[0]["response_time"] < 100)
        self.assertEqual(str(seen[1]["exception"]), "kept inside")
        self.assertEqual(seen[1]["context"], {})


if __name__ == "__main__":
    unittest.main()
