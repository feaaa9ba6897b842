"""Environment: everything one test consists of, as scripts see it."""

from . import _engine
from .event import Events
from .exception import RunnerAlreadyExistsError
from .runners import LocalRunner, MasterRunner, WorkerRunner
from .shape import LoadTestShape
from .stats import LiveStats
from .user.task import TaskSet, filter_tasks_by_tags


class Environment:
    """The user classes, hooks, options, statistics and runner of a test.

    A run makes one and hands it to the listeners of `init`. A script used as a program makes its
    own and calls create_local_runner(). Each has figures of its own; those of a run are counted by
    the engine.
    """

    def __init__(self, *, user_classes=None, shape_class=None, tags=None, locustfile=None,
                 exclude_tags=None, events=None, host=None, reset_stats=False, stop_timeout=None,
                 catch_exceptions=True, parsed_options=None, parsed_locustfiles=None,
                 available_user_classes=None, available_shape_classes=None,
                 available_user_tasks=None, dispatcher_class=None, profile=None):
        _engine.ensure()
        self.runner = None
        self.web_ui = None
        self.process_exit_code = None  # if set, the exit status of the run
        self.locustfile = locustfile  # name of the file, without its path
        self.user_classes = user_classes or []
        self.shape_class = shape_class  # an instance of a LoadTestShape
        self.tags = tags  # None: those of parsed_options
        self.exclude_tags = exclude_tags
        self.events = events or Events()
        self.host = host
        self.reset_stats = reset_stats
        self.stop_timeout = stop_timeout or 0.0  # s that users get to end their task
        self.catch_exceptions = catch_exceptions  # False: an exception in a task ends the user
        self.parsed_options = parsed_options
        self.parsed_locustfiles = parsed_locustfiles
        self.available_user_classes = available_user_classes
        self.available_shape_classes = available_shape_classes
        self.available_user_tasks = available_user_tasks
        self.dispatcher_class = dispatcher_class
        self.profile = profile
        self.worker_logs = {}
        self.stats = LiveStats()
        self._tasks_filtered = False

        self._remove_user_classes_with_weight_zero()
        self._validate_user_class_name_uniqueness()
        self._validate_shape_class_instance()

    def _create_runner(self, runner_class, *args, **kwargs):
        if self.runner is not None:
            raise RunnerAlreadyExistsError(f"Environment.runner already exists ({self.runner})")
        self.runner = runner_class(self, *args, **kwargs)
        if self.shape_class:
            self.shape_class.runner = self.runner
        return self.runner

    def create_local_runner(self):
        """A runner whose users run in this process."""
        return self._create_runner(LocalRunner)

    def create_master_runner(self, master_bind_host="*", master_bind_port=5557):
        """Made by `cicada run --processes N` in the process that leads the others."""
        return self._create_runner(MasterRunner, master_bind_host, master_bind_port)

    def create_worker_runner(self, master_host, master_port):
        """Made by `cicada run --processes N` in each process with users."""
        return self._create_runner(WorkerRunner, master_host, master_port)

    def create_web_ui(self, *args, **kwargs):
        from .web import WebUI

        self.web_ui = WebUI(self, *args, **kwargs)
        return self.web_ui

    def update_user_class(self, user_settings):
        """Change attributes of a class in a running test: {"user_class_name": …, name: value}."""
        settings = dict(user_settings)
        user_class = self.user_classes_by_name[settings.pop("user_class_name")]
        for name, value in settings.items():
            if name == "tasks":
                known = {task.__name__: task for task in user_class.tasks}
                value = [known[each] for each in value if each in known]
            setattr(user_class, name, value)

    def _filter_tasks_by_tags(self):
        if self._tasks_filtered:
            return
        self._tasks_filtered = True
        tags = _names(self.tags, self.parsed_options, "tags")
        exclude_tags = _names(self.exclude_tags, self.parsed_options, "exclude_tags")
        for user_class in self.user_classes:
            filter_tasks_by_tags(user_class, tags, exclude_tags)

    def _remove_user_classes_with_weight_zero(self):
        if not self.user_classes:
            return
        kept = [each for each in self.user_classes if each.weight > 0 or each.fixed_count > 0]
        if not kept:
            raise ValueError("There are no users with weight > 0.")
        self.user_classes[:] = kept

    def assign_equal_weights(self):
        """Give every class the same weight, and within a class every task, nested ones, too."""
        for user_class in self.user_classes:
            user_class.weight = 1
            found, todo = [], list(user_class.tasks)
            while todo:
                task = todo.pop()
                if isinstance(task, type) and issubclass(task, TaskSet):
                    todo.extend(task.tasks)
                elif not callable(task):
                    raise ValueError(f"{user_class.__name__}: a task cannot be called: {task}")
                elif task not in found:
                    found.append(task)
            user_class.tasks = found

    def _validate_user_class_name_uniqueness(self):
        if len(self.user_classes_by_name) != len(self.user_classes):
            names = ", ".join(each.fullname() for each in self.user_classes)
            raise ValueError(f"The following user classes have the same class name: {names}")

    def _validate_shape_class_instance(self):
        if self.shape_class is not None and not isinstance(self.shape_class, LoadTestShape):
            raise ValueError(
                "shape_class should be instance of LoadTestShape or subclass LoadTestShape, "
                f"but got: {self.shape_class}"
            )

    @property
    def user_classes_by_name(self):
        return {each.__name__: each for each in self.user_classes}


def _names(own, options, name):
    """A set of tags, or None for no filter: the environment's own, else the command line's."""
    chosen = own if own is not None else getattr(options, name, None) or None
    return set(chosen) if chosen is not None else None
