"""SequentialTaskSet: tasks in the order they are written, again from the first after the last."""

from locust.exception import LocustError

from .task import TaskSet, TaskSetMeta, task_weight


class SequentialTaskSetMeta(TaskSetMeta):
    """Keeps the order of declaration, of a `tasks` list among the methods, too."""

    def __new__(mcs, classname, bases, class_dict):
        ordered = []
        for base in bases:
            ordered += getattr(base, "tasks", None) or []
        for name, value in class_dict.items():
            if name == "tasks":
                if not isinstance(value, list):
                    raise ValueError("the tasks of a SequentialTaskSet must be a list")
                ordered += value
            ordered += [value] * task_weight(value)
        class_dict["tasks"] = ordered
        return type.__new__(mcs, classname, bases, class_dict)


class SequentialTaskSet(TaskSet, metaclass=SequentialTaskSetMeta):
    """Runs its tasks one after the other; a task's weight says how often in a row."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._task_index = 0

    def get_next_task(self):
        if not self.tasks:
            raise LocustError(
                f"No tasks defined on {type(self).__name__}: use the @task decorator or set its "
                "'tasks' attribute"
            )
        task = self.tasks[self._task_index % len(self.tasks)]
        self._task_index += 1
        return task
