"""How often each task runs, as shares: what --show-task-ratio prints."""

import json
from collections import Counter

from .task import TaskSet


def print_task_ratio(user_classes, num_users, total):
    """`total`: shares of all users instead of shares within each class."""
    for line in _lines(get_ratio(user_classes, _calc_distribution(user_classes, num_users), total)):
        print(line)


def print_task_ratio_json(user_classes, num_users):
    print(ratio_json(user_classes, num_users), end="")


def ratio_text(user_classes, num_users):
    """Both tables, as --show-task-ratio prints them."""
    spread = _calc_distribution(user_classes, num_users)
    lines = []
    for heading, total in (("Task ratio per User class", False), ("Total task ratio", True)):
        lines += ["", f" {heading}", "-" * 80]
        lines += _lines(get_ratio(user_classes, spread, total))
    return "\n".join(lines) + "\n"


def ratio_json(user_classes, num_users):
    """The same for --show-task-ratio-json."""
    spread = _calc_distribution(user_classes, num_users)
    return json.dumps({
        "per_class": get_ratio(user_classes, spread, False),
        "total": get_ratio(user_classes, spread, True),
    }, indent=4) + "\n"


def _calc_distribution(user_classes, num_users):
    """{class name: users}; without a number of users the weights stand for it."""
    fixed = sum(each.fixed_count for each in user_classes)
    total_weight = sum(each.weight for each in user_classes if not each.fixed_count)
    num_users = num_users or (1 if fixed else total_weight)
    weighted = max(num_users - fixed, 0)
    return {
        each.__name__: each.fixed_count or round(each.weight / (total_weight or 1) * weighted)
        for each in user_classes
    }


def _lines(shares, level=0):
    padding = "  " * level
    for name, share in shares.items():
        yield f" {padding + format(share['ratio'] * 100, '<6.1f'):<10} {padding + name:<50}"
        yield from _lines(share.get("tasks", {}), level + 1)


def get_ratio(user_classes, user_spawned, total):
    """{class: {"ratio": share, "tasks": {task: {"ratio": share, "tasks": …}}}}"""
    user_count = sum(user_spawned.values()) or 1
    ratios = {}
    for each in user_classes:
        share = user_spawned.get(each.__name__, 0) / user_count
        ratios[each.__name__] = {"ratio": share, "tasks": _get_task_ratio(each.tasks, total, share)}
    return ratios


def _get_task_ratio(tasks, total, parent_ratio):
    whole = parent_ratio if total else 1.0
    ratios = {}
    for task, count in Counter(tasks).items():
        share = count * whole / len(tasks)
        ratios[task.__name__] = {"ratio": share}
        if isinstance(task, type) and issubclass(task, TaskSet):
            ratios[task.__name__]["tasks"] = _get_task_ratio(task.tasks, total, share)
    return ratios
