"""Runners: what starts and stops the users of a test, and how scripts steer a test.

    LocalRunner    the users run in this process: the usual case
    WorkerRunner   one of several processes with users (--processes N)
    MasterRunner   the process that leads them and has no users

In a run of cicada the controller decides how many users there are; it gives orders, in absolute
numbers, to the runner of each process (Runner.order), and start(), quit() and shapes ask it for
them. A LocalRunner without a controller (a script that runs as a program) ramps by itself.
"""

import contextlib
import logging
import time
import traceback

import gevent
from gevent import GreenletExit
from gevent.event import Event
from gevent.pool import Group

from . import log
from ._missing import absent
from ._pool import UserPool
from ._steering import Messaging, ShapeSteering
from ._usage import CPU_MONITOR_INTERVAL, CPU_WARNING_THRESHOLD, UsageMonitor  # noqa: F401
from .dispatch import class_counts
from .log import greenlet_exception_logger

logger = logging.getLogger(__name__)

STATE_INIT = "ready"
STATE_SPAWNING = "spawning"
STATE_RUNNING = "running"
STATE_CLEANUP = "cleanup"
STATE_STOPPING = "stopping"
STATE_STOPPED = "stopped"
STATE_MISSING = "missing"

WORKER_REPORT_INTERVAL = 3.0
HEARTBEAT_INTERVAL = 1
HEARTBEAT_LIVENESS = 3
ON_STOP_PATIENCE_S = 30  # of a run at its end, with users' on_stop methods
SPAWN_BATCH = 25  # users that are made before the others get a turn

greenlet_exception_handler = greenlet_exception_logger(logger)


class Runner(ShapeSteering, Messaging):
    """What all runners have in common."""

    worker_index = -1
    node_id = "local"

    def __init__(self, environment):
        self.environment = environment
        self.state = STATE_INIT
        self.engine = None  # set where a controller gives the orders
        self.pool = UserPool(self._users_changed)
        self.greenlet = Group()
        self.spawning_greenlet = None
        self.shape_greenlet = None
        self.shape_last_tick = None
        self.target_user_count = 0
        self.target_user_classes_count = {}
        self.final_user_classes_count = {}
        self.spawn_rate = 0
        self.has_stages = False  # of `--stages`: no ramp is told of that there is not
        self.custom_messages = {}
        self.usage = UsageMonitor(self)
        self.ended = Event()  # set when the test has been stopped
        self._order = None  # that nobody has taken up yet
        self._last_order = None
        self._has_begun = False
        self._is_paused = False
        self._refused = set()  # names of classes whose users cannot be made
        self._listens = False
        self._listen()
        self.spawn(self._keep_house)

    def _listen(self):
        """Count from now on. Ours is the first listener of requests: no other can lose a row."""
        if not self._listens:
            self._listens = True
            events = self.environment.events
            events.request.add_first(self.stats.record)
            events.user_error.add_listener(self._on_user_error)
            events.spawning_complete.add_listener(self._on_spawning_complete)

    def _turn_away(self):
        """The opposite, for events that outlive the runner."""
        if self._listens:
            self._listens = False
            events = self.environment.events
            for hook, listener in ((events.request, self.stats.record),
                                   (events.user_error, self._on_user_error),
                                   (events.spawning_complete, self._on_spawning_complete)):
                with contextlib.suppress(ValueError):  # a script may have taken it away
                    hook.remove_listener(listener)

    def spawn(self, function, *args):
        """Run something beside the test; it ends with the runner. Exceptions mark the run."""
        greenlet = self.greenlet.spawn(function, *args)
        greenlet.link_exception(greenlet_exception_handler)
        return greenlet

    # What scripts read

    @property
    def stats(self):
        return self.environment.stats

    @property
    def errors(self):
        return self.stats.errors

    @property
    def exceptions(self):
        """{key: {"count", "msg", "traceback", "nodes"}} of the exceptions in tasks until now."""
        return self.stats.exceptions(self.node_id)

    @property
    def user_greenlets(self):
        return self.pool.greenlets

    @property
    def user_classes(self):
        return self.environment.user_classes

    @property
    def user_classes_by_name(self):
        return self.environment.user_classes_by_name

    @property
    def user_count(self):
        """Users running now."""
        return len(self.pool)

    @property
    def user_classes_count(self):
        """{class name: users running now}"""
        return {each.__name__: self.pool.count(each.__name__) for each in self.user_classes}

    current_cpu_usage = property(lambda self: self.usage.cpu_pct)
    current_memory_usage = property(lambda self: self.usage.memory_bytes)
    cpu_warning_emitted = property(lambda self: self.usage.has_warned)
    worker_cpu_warning_emitted = False

    # Steps of a test

    def update_state(self, new_state):
        self.state = new_state

    def begin(self):
        """The test starts: everything counted before is forgotten, `test_start` is fired."""
        self._has_begun = True
        self._listen()
        self.ended.clear()
        self.update_state(STATE_SPAWNING)
        self.stats.clear_all()
        self.usage.has_warned = False
        self.environment._filter_tasks_by_tags()
        for user_class in self.user_classes:
            if self.environment.host:
                user_class.host = self.environment.host
        self.environment.events.test_start.fire(environment=self.environment)

    def order(self, counts, is_final):
        """Be {class name: users}. Returns at once; a later order replaces one that is not done.

        `is_final`: the ramp ends with this order, so `spawning_complete` follows it.
        """
        order = (dict(counts), is_final)
        if order == self._last_order or (self._is_paused and any(counts.values())):
            return
        self._order = self._last_order = order
        if self.spawning_greenlet is None or self.spawning_greenlet.ready():
            self.spawning_greenlet = self.spawn(self._carry_out_orders)

    def _carry_out_orders(self):
        while self._order is not None:
            (counts, is_final), self._order = self._order, None
            if self._is_paused:
                continue
            if self.state in (STATE_INIT, STATE_STOPPED):
                self.begin()
            self.update_state(STATE_SPAWNING)
            user_count = self._be(counts)
            if is_final and self._order is None:
                self._tell_complete(user_count)

    def _tell_complete(self, user_count):
        self.target_user_classes_count = self.user_classes_count
        logger.info("All users spawned: %s", users_text(self.target_user_classes_count))
        self.environment.events.spawning_complete.fire(user_count=user_count)

    def _be(self, counts):
        """Start users that are missing, then stop those that are too many. How many there are."""
        missing = {name: count - self.pool.count(name) for name, count in counts.items()}
        self.spawn_users({name: count for name, count in missing.items() if count > 0})
        self.stop_users({name: -count for name, count in missing.items() if count < 0})
        return sum(counts.values())

    def spawn_users(self, user_classes_spawn_count, wait=False):
        """Start so many users more of each class, and return them. `wait`: until all have ended."""
        started = []
        by_name = self.user_classes_by_name
        for name, count in user_classes_spawn_count.items():
            for _ in range(count):
                if name in self._refused:
                    break
                try:
                    started.append(self.pool.start(by_name[name], self.environment))
                except Exception:
                    self._refuse(name)
                if len(started) % SPAWN_BATCH == 0:
                    gevent.sleep(0)
        if wait:
            self.user_greenlets.join()
        return started

    def _refuse(self, name):
        """A class whose constructor raises is given up; without any other the run is over."""
        log.unhandled_greenlet_exception = True
        self._refused.add(name)
        logger.critical("Users of the class %s cannot be made:\n%s", name, traceback.format_exc())
        if self._refused >= set(self.user_classes_by_name) and not len(self.pool):
            gevent.spawn(self.quit)

    def stop_users(self, user_classes_stop_count):
        """Stop so many users of each class, the youngest first, and wait until they have ended."""
        users = [user for name, count in user_classes_stop_count.items()
                 for user in self.pool.take(name, count)]
        if users:
            self.pool.stop(users, self.environment.stop_timeout)

    def stop(self):
        """Stop the test: all users end, `test_stopping` and `test_stop` are fired.

        Called by a user it returns at once, and that user ends, too, when it next waits.
        """
        if self.pool.holds_current():
            self.spawn(self.stop)
            return
        self.stop_within(self.environment.stop_timeout)
        if self.engine is not None:
            self._is_paused = True  # orders under way are of the test that has ended
            self.engine.target(0, 1e6, [])

    def stop_within(self, timeout):
        """As stop(), with `timeout` seconds for users that are in the middle of a task."""
        if self.state in (STATE_STOPPED, STATE_CLEANUP) or not self._has_begun:
            if self.state == STATE_CLEANUP:
                self.ended.wait()
            self.update_state(STATE_STOPPED)
            return
        self.environment.events.test_stopping.fire(environment=self.environment)
        self.final_user_classes_count = self.user_classes_count
        self.update_state(STATE_CLEANUP)
        self._end_orders()
        patience = ON_STOP_PATIENCE_S if self.engine is not None else None
        self.pool.stop(self.pool.take_all(), timeout, self._end_streams, patience)
        self._has_begun = False
        self.update_state(STATE_STOPPED)
        if self.cpu_warning_emitted:
            logger.warning("CPU usage was too high at some point during the test")
        self.environment.events.test_stop.fire(environment=self.environment)
        self.ended.set()

    def _end_orders(self):
        self._order = self._last_order = None
        current = gevent.getcurrent()
        for greenlet in (self.spawning_greenlet, self.shape_greenlet):
            if greenlet is not None and greenlet is not current:
                greenlet.kill(block=True)
        self.shape_greenlet = None
        self.shape_last_tick = None

    def _end_streams(self):
        """Streams that are open when their users are killed are open at the end, not cut short."""
        if self.engine is not None:
            self.engine.end_streams()

    def quit(self):
        """End the run. Called by a user it does not return: that user ends at once.

        Where a controller leads, it is asked to, and the call returns when the test has stopped.
        """
        if self.pool.holds_current():
            self._ask_to_quit()
            raise GreenletExit()
        self._ask_to_quit()
        if self.engine is None:
            return
        if self._has_begun and self.state != STATE_CLEANUP:
            self.ended.wait()

    def _ask_to_quit(self):
        if self.engine is not None:
            self.engine.quit()
        elif self.pool.holds_current():
            gevent.spawn(self._quit_alone)
        else:
            self._quit_alone()

    def _quit_alone(self):
        self.stop()
        self._turn_away()
        self.greenlet.kill(block=True)

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        raise NotImplementedError("this runner takes its users from the one that leads")

    # Housekeeping

    def user_ended(self, user):
        self.pool.ended(user)

    def _users_changed(self, count):
        if self.engine is not None:
            self.engine.users = count

    def _on_user_error(self, user_instance, exception, tb, **_others):
        self.stats.record_exception(str(exception), "".join(traceback.format_tb(tb)))

    def log_exception(self, node_id, msg, formatted_tb):
        self.stats.record_exception(msg, formatted_tb)

    def _on_spawning_complete(self, user_count, **_others):
        self.update_state(STATE_RUNNING)
        if self.environment.reset_stats:
            logger.info("Resetting stats\n")
            self._reset_stats()

    def _reset_stats(self):
        self.stats.reset_all()

    def _keep_house(self):
        """Once a second: what "current" percentiles are measured against, CPU and memory."""
        while True:
            self.stats.sample()
            self.usage.sample()
            gevent.sleep(1)


class LocalRunner(Runner):
    """The users run in this process, and it leads the test as well."""

    worker_index = 0
    _has_told_ramp = False

    def _tell_ramp(self):
        self._has_told_ramp = True
        logger.info("Ramping to %d users at a rate of %.2f per second", self.target_user_count,
                    self.spawn_rate)

    def order(self, counts, is_final):
        """The first order is the plan's, unless a script has asked for users by itself."""
        if not self._has_told_ramp and not self.has_stages and self.environment.shape_class is None:
            self._tell_ramp()
        super().order(counts, is_final)

    def start(self, user_count, spawn_rate, wait=False, user_classes=None):
        """Ramp to `user_count` users, `spawn_rate` a second; returns at once.

        `user_classes`: only users of these classes are started or stopped.
        """
        self.target_user_count = user_count
        self.spawn_rate = spawn_rate
        self._is_paused = False
        self._last_order = None
        self._tell_ramp()
        if self.engine is not None:
            self.engine.target(user_count, spawn_rate, class_names(user_classes))
            return
        if self.spawning_greenlet is not None:
            self.spawning_greenlet.kill(block=True)
        self.spawning_greenlet = self.spawn(self._ramp, user_count, spawn_rate, user_classes)

    def _ramp(self, user_count, spawn_rate, user_classes):
        """Without a controller: as many users a second as `spawn_rate` says."""
        if self.state in (STATE_INIT, STATE_STOPPED):
            self.begin()
        self.update_state(STATE_SPAWNING)
        classes = self.user_classes if user_classes is None else list(user_classes)
        step, pause = max(1, int(spawn_rate)), 1 / min(1, spawn_rate)
        now = sum(self.pool.count(each.__name__) for each in classes)
        while True:
            now = min(now + step, user_count) if now < user_count else max(now - step, user_count)
            began = time.monotonic()
            self._be(class_counts(classes, now))
            if now == user_count:
                break
            gevent.sleep(max(0, pause - (time.monotonic() - began)))
        self._tell_complete(sum(self.user_classes_count.values()))

    def send_message(self, msg_type, data=None, client_id=None):
        """There is nobody else: the listener of this process gets it."""
        self.receive(msg_type, data, self.node_id)


def class_names(user_classes):
    """User classes, or their names, as names; nothing for all of them."""
    return [each if isinstance(each, str) else each.__name__ for each in user_classes or ()]


def users_text(counts):
    names = ", ".join(f'"{name}": {count}' for name, count in sorted(counts.items()))
    return f"{{{names}}} ({sum(counts.values())} total users)"


from ._distributed import (  # noqa: E402, F401: they build on the classes above
    DistributedRunner,
    MasterRunner,
    WorkerNode,
    WorkerNodes,
    WorkerRunner,
)

__getattr__ = absent(__name__, {
    "UsersDispatcher": "cicada spreads the users itself",
    **dict.fromkeys(
        ("rpc", "CONNECT_RETRY_COUNT", "CONNECT_TIMEOUT", "FALLBACK_INTERVAL",
         "HEARTBEAT_DEAD_INTERNAL"), "messages travel over cicada's own channel"),
    **dict.fromkeys(("CustomMessageListener", "ExceptionDict"), "it is a type of Locust's own"),
})
