"""The locustfile of the benchmarks: the same file, unmodified, for cicada and for Locust.

BENCH_MODE says what its users do, BENCH_OUTPUT where they write what they saw, as JSON.
"""

import array
import json
import os
import time

import gevent
from locust import HttpUser, events, task

MODE, OUTPUT = os.environ["BENCH_MODE"], os.environ["BENCH_OUTPUT"]
TIMER_S = 0.01
STAMP = slice(6, 25)  # behind "data: "
LINES_A_LOOK = 500
clock = time.monotonic_ns


class Seen:
    """What all users of the process saw together."""
    lines = events = opened = 0
    of_each = []
    delays_ns, late_ns = array.array("q"), array.array("q")
    look_ns = 0
    is_marked = False


def read_lines(response):
    seen = Seen
    for _line in response.iter_lines():
        seen.lines += 1


def read_events(response):
    seen = Seen
    for _event in response.iter_events():
        seen.events += 1


def read_delays(response):
    """How long each event took from the server's send to this loop."""
    delays_ns = Seen.delays_ns
    for line in response.iter_lines():
        if line.startswith(b"data: 0"):  # the stamp has leading zeros; the first event has none
            delays_ns.append(clock() - int(line[STAMP]))


def read_flood(response):
    """A reader also writes what was seen, once a second: nobody else may get a turn."""
    index = len(Seen.of_each)
    counts = Seen.of_each
    counts.append(0)
    for _line in response.iter_lines():
        counts[index] += 1
        if counts[index] % LINES_A_LOOK == 0 and clock() > Seen.look_ns:
            Seen.look_ns = clock() + 10**9
            if not Seen.is_marked and os.path.exists(f"{OUTPUT}.mark"):
                forget()
            write()


READ = {"lines": read_lines, "events": read_events, "delays": read_delays, "flood": read_flood}


class Reader(HttpUser):
    @task
    def read(self):
        with self.client.get("/events", stream=True, name="events",
                             catch_response=True) as response:
            Seen.opened += 1
            READ[MODE](response)


if MODE == "flood":
    class Timer(HttpUser):
        """One user that only asks to be woken again after TIMER_S, and notes how late that is."""
        fixed_count = 1

        @task
        def tick(self):
            while True:
                due = clock() + int(TIMER_S * 1e9)
                gevent.sleep(TIMER_S)
                Seen.late_ns.append(clock() - due)


def spread(values):
    """Median, 99th percentile and maximum."""
    ordered = sorted(values)
    if not ordered:
        return None
    return {"count": len(ordered), "p50": ordered[len(ordered) // 2],
            "p99": ordered[len(ordered) * 99 // 100], "max": ordered[-1]}


def write():
    text = json.dumps({
        "lines": Seen.lines, "events": Seen.events, "opened": Seen.opened,
        "delays_ns": spread(Seen.delays_ns), "late_ns": spread(Seen.late_ns),
        "of_each": sorted(Seen.of_each)})
    with open(f"{OUTPUT}.new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(f"{OUTPUT}.new", OUTPUT)


def forget():
    """The driver makes the file OUTPUT.mark when a window begins: what came before is forgotten."""
    Seen.is_marked = True
    del Seen.delays_ns[:]
    del Seen.late_ns[:]
    Seen.of_each[:] = [0] * len(Seen.of_each)


def watch_for_the_mark():
    while not os.path.exists(f"{OUTPUT}.mark"):
        gevent.sleep(0.1)
    forget()


@events.test_start.add_listener
def begin(**_):
    if MODE == "delays":
        gevent.spawn(watch_for_the_mark)


@events.quitting.add_listener
def end(**_):
    write()
