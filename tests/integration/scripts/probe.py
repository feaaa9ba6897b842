"""What a script of these tests tells its test: lines of JSON in the file that PROBE names.

`fact` states something once, whichever process does, `note` adds to a list; when the run ends, the
statistics of all of it follow.
"""

import json
import os
import time

import gevent
from locust import events
from locust.runners import WorkerRunner

LIMIT_S = 20.0


def _write(kind, name, value):
    line = json.dumps([kind, name, value]) + "\n"
    with open(os.environ["PROBE"], "ab", buffering=0) as file:
        file.write(line.encode())  # whole, beside other processes


def fact(name, value):
    _write("fact", name, value)


def note(name, value):
    _write("note", name, value)


def kind_of(error):
    """The name of an exception's class, with the module it is imported from."""
    return f"{type(error).__module__.split('.')[0]}.{type(error).__name__}"


def raised(call, *words, **options):
    """The class and text of what a call raises, or None."""
    try:
        call(*words, **options)
    except Exception as error:  # that it is raised is the fact
        return [kind_of(error), str(error)]
    return None


def end(user):
    """The script has done what it came for: asks for the end and waits for it."""
    gevent.spawn(user.environment.runner.quit)
    gevent.sleep(LIMIT_S)


def until(condition):
    limit = time.monotonic() + LIMIT_S
    while not condition() and time.monotonic() < limit:
        gevent.sleep(0.01)


def _text_of(error):
    """Of an exception as reports show it; in a master's statistics it is a text already."""
    return error if isinstance(error, str) else repr(error)


@events.quitting.add_listener
def write_statistics(environment, **_):
    if isinstance(environment.runner, WorkerRunner):
        return  # its statistics are a part of those that the master states, sooner or later
    stats = environment.stats
    fact("rows", [[row.method, row.name, row.num_requests, row.num_failures,
                   row.total_content_length, row.num_none_requests]
                  for row in stats.entries.values()])
    fact("times", [[row.method, row.name, row.min_response_time, row.max_response_time,
                    row.median_response_time] for row in stats.entries.values()])
    fact("total", [stats.total.num_requests, stats.total.num_failures])
    fact("errors", [[row.method, row.name, _text_of(row.error), row.occurrences]
                    for row in stats.errors.values()])
    fact("exceptions", [[row["msg"], row["count"]]
                        for row in environment.runner.exceptions.values()])
