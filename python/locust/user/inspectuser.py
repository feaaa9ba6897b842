"""How often each task runs, as shares: what --show-task-ratio prints."""

import json
from collections import Counter

from .task import TaskSet


def print_task_ratio(user_classes, num_users, total):
    """`total`: shares of all users instead of shares within each class."""
    _print_level(get_ratio(user_classes, _calc_distribution(user_classes, num_users), total))


def print_task_ratio_json(user_classes, num_users):
    spread = _calc_distribution(user_classes, num_users)
    print(json.dumps({
        "per_class": get_ratio(user_classes, spread, False),
        "total": get_ratio(user_classes, spread, True),
    }, indent=4))


def _calc_distribution(user_classes, num_users):
    fixed = sum(each.fixed_count for each in user_classes)
    total_weight = sum(each.weight for each in user_classes if not each.fixed_count)
    num_users = num_users or (1 if fixed else total_weight)
    weighted = max(num_users - fixed, 0)
    return {
        each.__name__: round(each.fixed_count or each.weight / total_weight * weighted)
        for each in user_classes
    }


def _print_level(shares, level=0):
    for name, share in shares.items():
        indent = "  " * level
        print(" %-10s %-50s" % (f"{indent}{share.get('ratio', 1) * 100:<6.1f}", indent + name))
        _print_level(share.get("tasks", {}), level + 1)


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
