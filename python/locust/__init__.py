"""Locust's interface for scripts, on cicada's engine.

Importing it patches the standard library for gevent, as Locust does: sleeping and waiting in one
user lets the others go on.
"""

import os

from gevent import monkey

if os.environ.get("LOCUST_PLAYWRIGHT"):
    import trio  # noqa: F401: it has to come before the patching

if not monkey.is_module_patched("socket"):
    monkey.patch_all()

from ._missing import absent  # noqa: E402
from ._version import version as __version__  # noqa: E402, F401
from .event import Events  # noqa: E402

events = Events()

from .shape import LoadTestShape  # noqa: E402
from .user import wait_time  # noqa: E402
from .user.markov_taskset import MarkovTaskSet, transition, transitions  # noqa: E402
from .user.sequential_taskset import SequentialTaskSet  # noqa: E402
from .user.task import TaskSet, tag, task  # noqa: E402
from .user.users import HttpUser, User  # noqa: E402
from .user.wait_time import between, constant, constant_pacing, constant_throughput  # noqa: E402

__all__ = (
    "FastHttpUser", "HttpUser", "LoadTestShape", "MarkovTaskSet", "SequentialTaskSet", "TaskSet",
    "User", "between", "constant", "constant_pacing", "constant_throughput", "events",
    "run_single_user", "tag", "task", "transition", "transitions", "wait_time",
)

_LATE = {  # loaded when first asked for: most scripts do without
    "FastHttpUser": ("contrib.fasthttp", "FastHttpUser"),
    "run_single_user": ("debug", "run_single_user"),
    "Environment": ("env", "Environment"),
}

_SUBMODULES = (
    "argument_parser", "clients", "contrib", "debug", "dispatch", "env", "exception", "log", "main",
    "rpc", "runners", "stats", "util", "web",
)

_absent = absent(__name__, {
    "Locust": "it is called User since Locust 1.0",
    "HttpLocust": "it is called HttpUser since Locust 1.0",
    "FastHttpLocust": "it is called FastHttpUser since Locust 1.0",
    "TaskSequence": "it is called SequentialTaskSet since Locust 1.0",
    "seq_task": "declare the tasks of a SequentialTaskSet in their order",
    "PytestUser": "cicada has HttpUser, FastHttpUser and User",
    "PostgresUser": "cicada has HttpUser, FastHttpUser and User",
    "SocketIOUser": "cicada has HttpUser, FastHttpUser and User",
})


def __getattr__(name):
    from importlib import import_module

    if name in _SUBMODULES:
        return import_module(f".{name}", __name__)
    if name not in _LATE:
        return _absent(name)
    module, attribute = _LATE[name]
    value = getattr(import_module(f".{module}", __name__), attribute)
    globals()[name] = value
    return value
