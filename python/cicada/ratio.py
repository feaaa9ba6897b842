"""How often each task runs: for --show-task-ratio and --show-task-ratio-json."""

import inspect
import json


def _spread(classes, users):
    """How many of `users` are of each class; without a number the weights stand for it."""
    fixed = sum(each.fixed_count for each in classes if each.fixed_count)
    weights = sum(each.weight for each in classes if not each.fixed_count)
    users = users or (1 if fixed else weights)
    rest = max(0, users - fixed)
    return {each: each.fixed_count or round(each.weight / weights * rest) for each in classes}


def _of_tasks(tasks, task_set_base, whole, of_total):
    counts = {}
    for task in tasks:
        counts[task] = counts.get(task, 0) + 1
    found = {}
    for task, count in counts.items():
        entry = {"ratio": count * whole / len(tasks)}
        if inspect.isclass(task) and issubclass(task, task_set_base):
            entry["tasks"] = _of_tasks(task.tasks, task_set_base,
                                       entry["ratio"] if of_total else 1.0, of_total)
        found[task.__name__] = entry
    return found


def ratios(classes, users, task_set_base, of_total):
    """{name: {"ratio", "tasks": {…}}}: tasks' shares of their class, or of all that runs."""
    spread = _spread(classes, users)
    count = sum(spread.values()) or 1
    return {each.__name__: {"ratio": spread[each] / count,
                            "tasks": _of_tasks(each.tasks, task_set_base,
                                               spread[each] / count if of_total else 1.0,
                                               of_total)}
            for each in classes}


def _lines(table, level=0):
    for name, entry in table.items():
        padding = "  " * level
        yield f" {padding + format(entry['ratio'] * 100, '<6.1f'):<10} {padding + name:<50}"
        yield from _lines(entry.get("tasks", {}), level + 1)


def as_text(classes, users, task_set_base):
    lines = []
    for heading, of_total in (("Task ratio per User class", False), ("Total task ratio", True)):
        lines += ["", f" {heading}", "-" * 80]
        lines += _lines(ratios(classes, users, task_set_base, of_total))
    return "\n".join(lines) + "\n"


def as_json(classes, users, task_set_base):
    return json.dumps({"per_class": ratios(classes, users, task_set_base, False),
                       "total": ratios(classes, users, task_set_base, True)}, indent=4) + "\n"
