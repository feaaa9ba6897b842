"""MarkovTaskSet: every task says which tasks may follow it, and with what odds."""

import logging
import random

from locust.exception import LocustError

from .task import TaskSet, TaskSetMeta


class NoMarkovTasksError(LocustError):
    """A MarkovTaskSet without a single task that has transitions."""


class InvalidTransitionError(LocustError):
    """A transition leads to something the class does not have."""


class NonMarkovTaskTransitionError(LocustError):
    """A transition leads to a task from which none leads on."""


class MarkovTaskTagError(LocustError):
    """Tags on such tasks: leaving some out would break the chain."""


def transition(func_name, weight=1):
    """This task may be followed by the method `func_name`."""
    return transitions({func_name: weight})


def transitions(weights):
    """Several followers at once: {name: weight}, or a list of names and (name, weight) pairs."""
    if not isinstance(weights, dict):
        weights = dict(each if isinstance(each, tuple) else (each, 1) for each in weights)

    def mark(function):
        if not hasattr(function, "transitions"):
            function.transitions = {}
        function.transitions.update(weights)
        return function

    return mark


def is_markov_task(task):
    return "transitions" in dir(task)


def _check_task(task, members, classname):
    name = task.__name__
    if name == "run":
        raise Exception("run() drives a task set: it cannot have transitions")
    if name in ("on_start", "on_stop"):
        logging.warning("%s.%s has transitions: it will run as a task, too", classname, name)
    if hasattr(task, "locust_tag_set"):
        raise MarkovTaskTagError(
            f"{classname}.{name} has tags: they would break a MarkovTaskSet's chain"
        )
    for follower in task.transitions:
        target = members.get(follower)
        if not target:
            raise InvalidTransitionError(
                f"{classname}.{name} leads to {follower}, which {classname} does not have"
            )
        if not is_markov_task(target):
            raise NonMarkovTaskTransitionError(
                f"{classname}.{name} leads to {follower}, which has no transitions of its own"
            )


def _reachable(first, members):
    seen, todo = set(), [first.__name__]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += [each for each, weight in members[name].transitions.items() if weight > 0]
    return seen


class MarkovTaskSetMeta(TaskSetMeta):
    """Checks the chain when the class is made, so that a run never meets a broken one."""

    def __new__(mcs, classname, bases, class_dict):
        if not class_dict.get("abstract"):
            tasks = [each for each in class_dict.values() if is_markov_task(each)]
            if not tasks:
                raise NoMarkovTasksError(
                    f"{classname} has no tasks: give its methods @transition or @transitions"
                )
            for task in tasks:
                _check_task(task, class_dict, classname)
            lost = {task.__name__ for task in tasks} - _reachable(tasks[0], class_dict)
            if lost:
                logging.warning("%s never reaches %s", classname, ", ".join(sorted(lost)))
            for task in tasks:
                task.transitions = [
                    name for name, weight in task.transitions.items() for _ in range(weight)
                ]
            class_dict["tasks"] = tasks  # for those who look at a class; the chain decides
            class_dict["current"] = tasks[0]
            class_dict.setdefault("abstract", False)
        return type.__new__(mcs, classname, bases, class_dict)


class MarkovTaskSet(TaskSet, metaclass=MarkovTaskSetMeta):
    """Starts with the first task that has transitions and follows them at random."""

    abstract = True
    current = None

    def get_next_task(self):
        task = self.current
        self.current = getattr(self, random.choice(task.transitions))
        return task
