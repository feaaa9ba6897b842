"""Users: the classes that scripts subclass, and the life of one of their instances.

A user is a greenlet: on_start, tasks until it is stopped, on_stop. An exception in on_start is
logged, counted as one in a task is, and ends that user alone; others are not touched.
"""

import logging
import traceback

from gevent import GreenletExit

from locust.exception import LocustError, StopUser

from .task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    DefaultTaskSet,
    get_tasks_from_base_classes,
)
from .wait_time import constant

logger = logging.getLogger(__name__)


class UserMeta(type):
    """Collects tasks when a class is made; a class is abstract only if it says so itself."""

    def __new__(mcs, classname, bases, class_dict):
        class_dict["tasks"] = get_tasks_from_base_classes(bases, class_dict)
        if not class_dict.get("abstract"):
            class_dict["abstract"] = False
        return type.__new__(mcs, classname, bases, class_dict)


class _NoClient:
    """Stands for the client of a User that has none, and says so when it is used."""

    def __getattr__(self, name):
        raise LocustError(f"this User has no client (asked for .{name}): did you mean HttpUser?")


class User(metaclass=UserMeta):
    """Somebody who uses the service under test. Subclass it, give it tasks and a client."""

    abstract = True  # no users are made of a class that says so
    host = None  # base URL; -H goes before it
    weight = 1  # share of the users, among the classes without fixed_count
    fixed_count = 0  # exactly so many, and these first
    tasks = []
    wait_time = constant(0)
    client = _NoClient()

    # Old names, in milliseconds; wait_time takes their place.
    min_wait = None
    max_wait = None
    wait_function = None

    def __init__(self, environment):
        super().__init__()
        self.environment = environment
        self._state = None
        self._greenlet = None
        self._group = None
        self._taskset_instance = None

    def on_start(self):
        """Called in the user's greenlet before its first task."""

    def on_stop(self):
        """Called in the user's greenlet after its last task, also when it is killed."""

    def run(self):
        """The whole life of the user, in the greenlet that calls this."""
        self._state = LOCUST_STATE_RUNNING
        self._taskset_instance = DefaultTaskSet(self)
        try:
            try:
                self.on_start()
            except (StopUser, GreenletExit):
                raise
            except Exception as error:
                logger.error("%s\n%s", error, traceback.format_exc())
                self.environment.events.user_error.fire(
                    user_instance=self, exception=error, tb=error.__traceback__
                )
                if not self.environment.catch_exceptions:
                    raise
                return
            self._taskset_instance.run()
        except (StopUser, GreenletExit):
            self._call_on_stop()

    def _call_on_stop(self):
        try:
            self.on_stop()
        except Exception:
            logger.error("Uncaught exception in on_stop of %s:\n%s", type(self).__name__,
                         traceback.format_exc())
            if not self.environment.catch_exceptions:
                raise

    def wait(self):
        """Wait as after a task."""
        self._taskset_instance.wait()

    def start(self, group):
        """Start the greenlet that runs this user, in `group`, and return it."""
        self._group = group
        self._greenlet = group.spawn(_run_user, self)
        return self._greenlet

    def stop(self, force=False):
        """Stop the user: at once if `force` or while it waits, else after its current task.

        True if it was killed, False if it was asked.
        """
        if force or self._state == LOCUST_STATE_WAITING:
            self._group.killone(self._greenlet)
            return True
        if self._state == LOCUST_STATE_RUNNING:
            self._state = LOCUST_STATE_STOPPING
            return False
        raise Exception(f"a user cannot be stopped in the state {self._state}")

    @property
    def group(self):
        return self._group

    @property
    def greenlet(self):
        return self._greenlet

    def context(self):
        """Added to the `context` of each request event of this user. Override it."""
        return {}

    @classmethod
    def json(cls):
        return {
            "host": cls.host,
            "weight": cls.weight,
            "fixed_count": cls.fixed_count,
            "tasks": [task.__name__ for task in cls.tasks],
        }

    @classmethod
    def fullname(cls):
        """module.Class, without the functions the class may be defined in."""
        path = f"{cls.__module__}.{cls.__qualname__}"
        return ".".join(part for part in path.split(".") if part != "<locals>")


def _run_user(user):
    """Main function of a user's greenlet. Its only argument is how others find the user."""
    try:
        user.run()
    except Exception as error:
        if not user.environment.catch_exceptions:
            raise
        logger.error("%s ended: %s", type(user).__name__, "".join(
            traceback.format_exception_only(type(error), error)).strip())
    finally:
        runner = user.environment.runner
        if runner is not None:
            runner.user_ended(user)


class HttpUser(User):
    """A user whose `client` is an HttpSession: requests like those of the `requests` package."""

    abstract = True
    pool_manager = None  # accepted for scripts that set it; connections are kept by the engine

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.host is None:
            raise LocustError(
                f"{type(self).__name__} has no host: set its 'host' attribute, or give --host"
            )
        from locust.clients import HttpSession

        self.client = HttpSession(
            base_url=self.host,
            request_event=self.environment.events.request,
            user=self,
            pool_manager=self.pool_manager,
        )
        self.client.trust_env = False
