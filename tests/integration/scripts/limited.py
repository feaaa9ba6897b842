"""The users of another locustfile, each for so many tasks and without waits: then counts are exact.

SCRIPT names the file, TASKS is the number of tasks a user, USERS how many users there are.
"""

import functools
import importlib.util
import os
import sys

import gevent
import probe
from locust import HttpUser, constant

SCRIPT, TASKS, USERS = os.environ["SCRIPT"], int(os.environ["TASKS"]), int(os.environ["USERS"])


class Done:
    users = 0


def limited(function):
    @functools.wraps(function)
    def run(user):
        function(user)
        user.turns = getattr(user, "turns", 0) + 1
        if user.turns == TASKS:
            Done.users += 1
            if Done.users == USERS:
                probe.end(user)
            gevent.sleep(probe.LIMIT_S)
    return run


def users_of(path):
    sys.path.insert(0, os.path.dirname(path))
    spec = importlib.util.spec_from_file_location("limited_script", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [value for value in vars(module).values() if isinstance(value, type)
            and issubclass(value, HttpUser) and not value.abstract]


def limit(user_class):
    user_class.tasks = [limited(each) for each in user_class.tasks]
    user_class.wait_time = constant(0)
    return user_class


for _index, _class in enumerate(users_of(SCRIPT)):
    globals()[f"Limited{_index}"] = limit(_class)
del _class
