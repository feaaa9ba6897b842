"""Tasks: which run, in which order, with which waits, and what their exceptions do."""

import time

import gevent
import probe
from locust import (SequentialTaskSet, TaskSet, User, between, constant, constant_pacing,
                    constant_throughput, tag, task)
from locust.exception import (InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately,
                              StopUser)

STEPS = 12


class Counted(User):
    """Ends the run after STEPS notes."""
    abstract = True
    steps = 0

    def step(self, name):
        probe.note("steps", name)
        self.steps += 1
        if self.steps >= STEPS:
            probe.end(self)


class Base(User):
    abstract = True

    @task
    def inherited(self):
        pass

    @task(3)
    def weighted(self):
        pass


class Weights(Base):
    """How weights become a list of tasks."""

    @task(2)
    def own(self):
        pass

    def on_start(self):
        class Listed(User):
            tasks = [(self.own, 2), self.own]

        class Mapped(User):
            tasks = {self.own: 3}

        probe.fact("tasks", sorted(each.__name__ for each in self.tasks))
        probe.fact("lists", [len(Listed.tasks), len(Mapped.tasks)])
        probe.end(self)


class InOrder(Counted):
    @task
    class Steps(SequentialTaskSet):
        def on_start(self):
            probe.note("hooks", "start")

        def on_stop(self):
            probe.note("hooks", "stop")

        @task
        def first(self):
            self.user.step("first")

        @task(2)
        def second(self):
            self.user.step("second")

        @task
        class Inner(SequentialTaskSet):
            @task
            def inner(self):
                self.user.step("inner")
                self.interrupt()

        @task
        def last(self):
            self.user.step("last")


class Nested(Counted):
    """interrupt() leaves a set; `parent`, `user` and `client` are where scripts look for them."""
    wait_time = constant(0.01)

    @task
    class Outer(TaskSet):
        def on_start(self):
            probe.note("hooks", f"outer start {type(self.parent).__name__}")

        def on_stop(self):
            probe.note("hooks", "outer stop")

        @task
        class Inner(TaskSet):
            wait_time = constant(0.02)

            def on_start(self):
                probe.note("hooks", f"inner start {type(self.parent).__name__} "
                                    f"{self.user is self.parent.user}")
                self.turns = 0

            def on_stop(self):
                probe.note("hooks", "inner stop")

            @task
            def turn(self):
                self.turns += 1
                if self.turns > 2:
                    self.interrupt(reschedule=False)
                self.user.step("turn")


class Waits(User):
    """The time between two tasks, by each of Locust's functions."""

    @staticmethod
    def measure(name, wait_time, busy_s, turns=4):
        class Turns(TaskSet):
            def on_start(self):
                self.starts = []

            @task
            def turn(self):
                self.starts.append(time.monotonic())
                if len(self.starts) > turns:
                    gaps = [b - a for a, b in zip(self.starts, self.starts[1:])]
                    probe.fact(name, [min(gaps), max(gaps)])
                    self.interrupt()
                gevent.sleep(busy_s)

        Turns.wait_time = wait_time
        return Turns

    @task
    def all_of_them(self):
        sets = [self.measure("constant", constant(0.1), 0.05),
                self.measure("between", between(0.05, 0.1), 0),
                self.measure("pacing", constant_pacing(0.1), 0.05),
                self.measure("pacing, late", constant_pacing(0.05), 0.1),
                self.measure("throughput", constant_throughput(10), 0.05),
                self.measure("own", lambda self: 0.08, 0)]
        done = []

        def run(each):
            try:
                each(self).run()
            except RescheduleTaskImmediately:
                done.append(each)
        for each in sets:
            gevent.spawn(run, each)
        probe.until(lambda: len(done) == len(sets))
        draws = [between(1, 2)(self) for _ in range(100)]
        probe.fact("draws", [min(draws) >= 1, max(draws) <= 2, len(set(draws)) > 50])
        probe.fact("first pacing", constant_pacing(3)(self))
        probe.end(self)


class Reschedules(Counted):
    """RescheduleTask waits, RescheduleTaskImmediately does not."""
    wait_time = constant(0.2)
    last = None

    def gap(self, name):
        now = time.monotonic()
        if self.last:
            probe.fact(name, now - self.last)
        self.last = now

    @task
    class Steps(SequentialTaskSet):
        @task
        def one(self):
            self.user.gap("unused")
            raise RescheduleTaskImmediately()

        @task
        def two(self):
            self.user.gap("after immediately")
            raise RescheduleTask()

        @task
        def three(self):
            self.user.gap("after reschedule")
            self.user.wait()
            self.user.gap("after wait()")
            probe.end(self.user)


class Stops(User):
    """StopUser ends the user, and on_stop runs; the run goes on."""
    wait_time = constant(0.01)

    def on_stop(self):
        probe.note("order", "on_stop")
        gevent.spawn_later(0.2, self.environment.runner.quit)

    @task
    def stop(self):
        probe.note("order", "task")
        raise StopUser()


class Raises(Counted):
    """Exceptions in tasks: counted by text, the user goes on, `user_error` is told."""
    wait_time = constant(0.01)

    def on_start(self):
        def heard(user_instance, exception, tb, **_):
            probe.note("heard", [type(user_instance).__name__, str(exception), tb is not None])
        self.environment.events.user_error.add_listener(heard)

    @task
    class Steps(SequentialTaskSet):
        @task
        def one(self):
            raise ValueError("first")

        @task
        def two(self):
            raise KeyError("second")

        @task
        def three(self):
            if self.user.steps:
                probe.end(self.user)
            self.user.step("again")


class NoTasks(User):
    wait_time = constant(0.05)

    def on_start(self):
        gevent.spawn_later(0.3, self.environment.runner.quit)


class Tagged(User):
    """Run with -T and -E: what is left of the tasks."""

    @tag("a")
    @task
    def only_a(self):
        pass

    @tag("a", "b")
    @task
    def both(self):
        pass

    @task
    def untagged(self):
        pass

    @tag("c")
    @task
    class Inside(TaskSet):
        @tag("d")
        @task
        def deep(self):
            pass

        @task
        def shallow(self):
            pass

    def on_start(self):
        probe.fact("left", sorted(each.__name__ for each in self.tasks))
        inner = [each for each in self.tasks if each.__name__ == "Inside"]
        probe.fact("inside", sorted(each.__name__ for each in inner[0].tasks) if inner else None)
        probe.end(self)


class OnStartStops(User):
    """StopUser in on_start; InterruptTaskSet in a task set's on_start."""

    @task
    class Refuses(TaskSet):
        turns = 0

        def on_start(self):
            type(self).turns += 1
            probe.note("refused", self.turns)
            if self.turns >= 3:
                probe.end(self.user)
            raise InterruptTaskSet()

        @task
        def never(self):
            probe.fact("never", True)
