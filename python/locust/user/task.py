"""Tasks and task sets: what a user does, in which order, and how it leaves.

A task is a function of its user or task set, or a TaskSet class, which takes over until it is
interrupted. Everything that leaves a task passes TaskSet.run():

    returns, RescheduleTask          wait, then the next task
    RescheduleTaskImmediately        the next task
    InterruptTaskSet                 on_stop; the parent goes on (with or without waiting)
    StopUser, GreenletExit           on_stop at every level, the user ends
    any other exception              user_error event, counted, logged; wait, then the next task
    SystemExit                       passes everything and ends the run with its exit status

An exception in wait_time (a function that returns text, say) is reported as one in a task is; as
there is no way to wait after it, it then ends its user.
"""

import logging
import random
import traceback
from typing import Protocol, runtime_checkable

import gevent
from gevent import GreenletExit

from locust.exception import (
    InterruptTaskSet,
    MissingWaitTimeError,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopUser,
)

logger = logging.getLogger(__name__)

LOCUST_STATE_RUNNING = "running"
LOCUST_STATE_WAITING = "waiting"
LOCUST_STATE_STOPPING = "stopping"


@runtime_checkable
class TaskHolder(Protocol):
    """Anything with tasks: a User or a TaskSet."""

    tasks: list


def task(weight=1):
    """Mark a method or a nested TaskSet as a task: @task, or @task(3) for thrice the odds."""

    def mark(function, weight):
        if function.__name__ in ("on_start", "on_stop"):
            logging.warning(
                "%s has the mark @task: it will run as a task, too, not only when a user starts "
                "or stops", function.__qualname__)
        if function.__name__ == "run":
            raise Exception("run() drives a user's tasks: it cannot be a task itself")
        function.locust_task_weight = weight
        return function

    if callable(weight):
        return mark(weight, 1)
    return lambda function: mark(function, weight)


def tag(*tags):
    """Name a task, or all tasks of a TaskSet, for --tags and --exclude-tags."""
    if not tags or callable(tags[0]):
        raise ValueError("No tag name was supplied")

    def mark(decorated):
        if hasattr(decorated, "tasks"):
            decorated.tasks = [mark(each) for each in decorated.tasks]
        else:
            if "locust_tag_set" not in vars(decorated):
                decorated.locust_tag_set = set()
            decorated.locust_tag_set |= set(tags)
        return decorated

    return mark


def get_tasks_from_base_classes(bases, class_dict):
    """All tasks of a new class: its bases' first, then its `tasks`, then its marked members."""
    found = []
    for base in bases:
        found += getattr(base, "tasks", None) or []
    declared = class_dict.get("tasks") or []
    for each in declared.items() if isinstance(declared, dict) else declared:
        if isinstance(each, tuple):
            found += [each[0]] * each[1]
        else:
            found.append(each)
    for member in class_dict.values():
        found += [member] * task_weight(member)
    return found


def task_weight(member):
    """How often a class's member counts as a task: 0 if it is none. Asks dir(), which runs no code
    of members that answer to any attribute."""
    return member.locust_task_weight if "locust_task_weight" in dir(member) else 0


def filter_tasks_by_tags(task_holder, tags=None, exclude_tags=None, checked=None):
    """Drop the tasks that the tag options leave out, in nested TaskSets, too."""
    checked = {} if checked is None else checked
    for each in task_holder.tasks:
        if each in checked:
            continue
        if hasattr(each, "tasks"):
            filter_tasks_by_tags(each, tags, exclude_tags, checked)
            checked[each] = len(each.tasks) > 0
        else:
            names = getattr(each, "locust_tag_set", set())
            wanted = tags is None or bool(names & tags)
            checked[each] = wanted and not names & (exclude_tags or set())
    task_holder.tasks = [each for each in task_holder.tasks if checked[each]]
    if not task_holder.tasks:
        logging.warning("%s has no tasks left after filtering by tags", task_holder.__name__)


class TaskSetMeta(type):
    """Collects the tasks of a class when the class is made."""

    def __new__(mcs, classname, bases, class_dict):
        class_dict["tasks"] = get_tasks_from_base_classes(bases, class_dict)
        return type.__new__(mcs, classname, bases, class_dict)


class TaskSet(metaclass=TaskSetMeta):
    """A set of tasks, picked at random by weight until interrupt() hands back to the parent."""

    tasks = []  # functions and TaskSet classes; also a dict {task: weight} or a list of such pairs

    # Old names, in milliseconds; wait_time takes their place.
    min_wait = None
    max_wait = None
    wait_function = None

    def __init__(self, parent):
        self._task_queue = []
        self._parent = parent
        self._user = parent.user if isinstance(parent, TaskSet) else parent
        for name in ("min_wait", "max_wait", "wait_function"):
            inherited = getattr(self._user, name)
            if inherited and not getattr(self, name):
                setattr(self, name, inherited)

    @property
    def user(self):
        """The user that runs this."""
        return self._user

    @property
    def parent(self):
        """The TaskSet around this one, or the user."""
        return self._parent

    @property
    def client(self):
        """The user's client."""
        return self._user.client

    def on_start(self):
        """Called when a user enters this TaskSet."""

    def on_stop(self):
        """Called when a user leaves it: interrupted, stopped or killed."""

    def run(self):
        """Run tasks until an exception says that this ends. Never returns."""
        try:
            self.on_start()
        except InterruptTaskSet as interrupt:
            raise _leave(interrupt) from interrupt
        while True:
            try:
                self._run_one()
            except InterruptTaskSet as interrupt:
                self._call_on_stop()
                raise _leave(interrupt) from interrupt
            except (StopUser, GreenletExit):
                self._call_on_stop()
                raise
            except Exception as error:
                environment = self._user.environment
                environment.events.user_error.fire(
                    user_instance=self, exception=error, tb=error.__traceback__
                )
                if not environment.catch_exceptions:
                    raise
                logger.error("%s\n%s", error, traceback.format_exc())
                self._wait_after_error()

    def _run_one(self):
        if not self._task_queue:
            self.schedule_task(self.get_next_task())
        try:
            if self._user._state == LOCUST_STATE_STOPPING:
                raise StopUser()
            self.execute_next_task()
        except RescheduleTaskImmediately:
            return
        except RescheduleTask:
            pass
        self.wait()

    def _wait_after_error(self):
        try:
            self.wait()
        except (StopUser, GreenletExit):
            self._call_on_stop()
            raise

    def _call_on_stop(self):
        try:
            self.on_stop()
        except (StopUser, GreenletExit):
            raise
        except Exception:
            logging.error("Uncaught exception in on_stop: \n%s", traceback.format_exc())

    def execute_next_task(self):
        self.execute_task(self._task_queue.pop(0))

    def execute_task(self, task):
        if getattr(task, "__self__", None) is self:
            task()
        elif isinstance(task, type) and issubclass(task, TaskSet):
            task(self).run()
        else:
            task(self)

    def schedule_task(self, task_callable, first=False):
        """Put a task into the queue of this set. `first`: in front of those that wait there."""
        if first:
            self._task_queue.insert(0, task_callable)
        else:
            self._task_queue.append(task_callable)

    def get_next_task(self):
        if not self.tasks:
            raise Exception(no_tasks_message(self))
        return random.choice(self.tasks)

    def wait_time(self):
        """Seconds to wait after a task: the user's, unless this is overridden."""
        if self._user.wait_time:
            return self._user.wait_time()
        if self.min_wait is not None and self.max_wait is not None:
            return random.randint(self.min_wait, self.max_wait) / 1000
        raise MissingWaitTimeError(
            f"neither {type(self._user).__name__} nor {type(self).__name__} has a wait_time"
        )

    def wait(self):
        """Wait as after a task. A user that waits here can be stopped at once, mid-task, too."""
        user = self._user
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser()
        user._state = LOCUST_STATE_WAITING
        self._sleep(self.wait_time())
        if user._state == LOCUST_STATE_STOPPING:
            raise StopUser()
        user._state = LOCUST_STATE_RUNNING

    def _sleep(self, seconds):
        gevent.sleep(seconds)

    def interrupt(self, reschedule=True):
        """Hand back to the parent. `reschedule`: it goes on without waiting first."""
        raise InterruptTaskSet(reschedule)


def _leave(interrupt):
    kind = RescheduleTaskImmediately if interrupt.reschedule else RescheduleTask
    return kind(interrupt.reschedule)


def no_tasks_message(holder):
    name = type(holder).__name__
    text = f"No tasks defined on {name}: use the @task decorator or set its 'tasks' attribute"
    if getattr(holder, "task", None):
        text += " (it has a 'task' attribute: did you mean 'tasks'?)"
    return text


class DefaultTaskSet(TaskSet):
    """The outermost set of every user: runs the user's own tasks, with the user as argument."""

    def get_next_task(self):
        if not self._user.tasks:
            raise Exception(no_tasks_message(self._user))
        return random.choice(self._user.tasks)

    def execute_task(self, task):
        if isinstance(task, type) and issubclass(task, TaskSet):
            task(self._user).run()
        else:
            task(self._user)
