"""MarkovTaskSet, which the reference's version does not have."""

import unittest

from support import Test

from locust import MarkovTaskSet, User, constant, tag, transition, transitions
from locust.exception import StopUser
from locust.user.markov_taskset import (InvalidTransitionError, MarkovTaskTagError,
                                        NoMarkovTasksError, NonMarkovTaskTransitionError)


class Chains(unittest.TestCase):
    def test_a_user_begins_with_the_first_and_follows_the_transitions(self):
        seen = []

        class Walk(MarkovTaskSet):
            @transition("second")
            def first(self):
                seen.append("first")

            @transitions({"third": 1})
            def second(self):
                seen.append("second")

            @transitions(["first", ("second", 0)])
            def third(self):
                seen.append("third")
                if len(seen) > 8:
                    raise StopUser()

        class Any(User):
            tasks = [Walk]
            wait_time = constant(0)

        Test(Any).run_for(0.1, users=1)
        self.assertEqual(seen, ["first", "second", "third"] * 3)

    def test_weights_are_odds(self):
        seen = {"often": 0, "seldom": 0}

        class Walk(MarkovTaskSet):
            @transition("often", weight=9)
            @transition("seldom")
            def choose(self):
                if sum(seen.values()) > 500:
                    raise StopUser()

            @transition("choose")
            def often(self):
                seen["often"] += 1

            @transition("choose")
            def seldom(self):
                seen["seldom"] += 1

        class Any(User):
            tasks = [Walk]

        Test(Any).run_for(0.5)
        self.assertGreater(seen["often"], 4 * seen["seldom"])
        self.assertGreater(seen["seldom"], 10)

    def test_users_walk_by_themselves(self):
        class Walk(MarkovTaskSet):
            @transition("b")
            def a(self):
                pass

            @transition("a")
            def b(self):
                pass

        user = User(Test().environment)
        one, two = Walk(user), Walk(user)
        self.assertEqual([one.get_next_task().__name__ for _ in range(3)], ["a", "b", "a"])
        self.assertEqual(two.get_next_task().__name__, "a")


class Mistakes(unittest.TestCase):
    """A broken chain is found when the class is made: before anything runs."""

    def test_no_tasks(self):
        with self.assertRaises(NoMarkovTasksError):
            class Walk(MarkovTaskSet):
                pass

    def test_a_transition_to_nothing(self):
        with self.assertRaises(InvalidTransitionError):
            class Walk(MarkovTaskSet):
                @transition("nowhere")
                def a(self):
                    pass

    def test_a_dead_end(self):
        with self.assertRaises(NonMarkovTaskTransitionError):
            class Walk(MarkovTaskSet):
                @transition("b")
                def a(self):
                    pass

                def b(self):
                    pass

    def test_tags(self):
        with self.assertRaises(MarkovTaskTagError):
            class Walk(MarkovTaskSet):
                @tag("x")
                @transition("a")
                def a(self):
                    pass

    def test_a_task_that_is_never_reached_is_warned_of(self):
        with self.assertLogs(level="WARNING") as logs:
            class Walk(MarkovTaskSet):
                @transition("a")
                def a(self):
                    pass

                @transition("a")
                def lost(self):
                    pass

        self.assertIn("Walk never reaches lost", logs.output[0])


if __name__ == "__main__":
    unittest.main()
