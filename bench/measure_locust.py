"""Locust files: what a script's user costs under cicada and under Locust, beside the bare reader.

All run the same work by turns. The locustfile is locust_script.py, the same file for both.
"""

import json
import os
import signal
import statistics
import subprocess
import time
from pathlib import Path

from measure import DISTURBED_RATIO, EXTRA_PAIRS, WARM_EVENTS, check_exact, disturbance
from procs import CLIENT_CORE, Failed, Server, Window, kill, pss_bytes, start, stop, tree, wait_for

SCRIPT = Path(__file__).resolve().parent / "locust_script.py"
LOCUST_PYTHON = "/usr/bin/python3"  # Debian's, which has its locust package
LINES_AN_EVENT = 3  # id, data, the blank line
LATENCY_STREAMS, LATENCY_INTERVAL_US = 1000, 50000  # 20,000 events a second
FLOOD_STREAMS = 200
FLOOD_OPEN_S = 15
END_S = 30


def has_locust():
    return subprocess.run([LOCUST_PYTHON, "-c", "import locust"], capture_output=True,
                          check=False).returncode == 0


class ScriptClient:
    """The locustfile with `users` users: `kind` is cicada, events (cicada, by iter_events) or
    locust."""

    def __init__(self, kind, bench, server, users, mode, *, wait=True):
        self.kind, self.output = kind, bench.scratch / "script.json"
        self.mark = Path(f"{self.output}.mark")
        for path in (self.output, self.mark):
            path.unlink(missing_ok=True)
        host = server.url.rpartition("/")[0]
        rate = min(users, 500)
        if kind == "locust":
            command = [LOCUST_PYTHON, "-m", "locust", "-f", SCRIPT, "--headless", "-u", users,
                       "-r", rate, "-H", host, "--only-summary"]
        else:
            command = [bench.cicada, "run", SCRIPT, "-u", users, "-r", rate, "-H", host,
                       "-t", "900s", "-q"]
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith(("CICADA_", "LOCUST_"))}
        env = {**clean, "BENCH_MODE": mode, "BENCH_OUTPUT": str(self.output),
               "PYTHONDONTWRITEBYTECODE": "1"}
        self.log = open(bench.scratch / "script.log", "wb")
        self.process = start(command, CLIENT_CORE, stdout=self.log, stderr=self.log, env=env)
        self.pid = self.process.pid
        if wait:
            wait_for(lambda: server.stats()["open"] >= users, 30 + users / rate * 3,
                     f"{users} open streams ({kind})", self.process)

    def begin_window(self):
        """What the script saw so far is forgotten within a tenth of a second."""
        self.mark.touch()
        time.sleep(0.3)

    def finish(self):
        """What the script saw. Ends the client."""
        # Once for Locust and its SIGTERM; cicada ends its users at the first SIGINT.
        stop(self.process, signal.SIGTERM if self.kind == "locust" else signal.SIGINT, END_S)
        return self.seen()

    def seen(self):
        """What the script wrote last."""
        if not self.output.exists():
            raise Failed(f"the script wrote nothing under {self.kind}; its exit status is "
                         f"{self.process.poll()}")
        return json.loads(self.output.read_text(encoding="utf-8"))

    def kill(self):
        kill(self.process)
        self.log.close()


class BareClient:
    """The bare reader behind the same face."""

    def __init__(self, bench, server, streams, *options):
        command = [bench.tools / "bare_reader", "--port", server.port, "--streams", streams,
                   "--rate", streams, *options]
        self.process = start(command, CLIENT_CORE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid
        wait_for(lambda: server.stats()["open"] >= streams, 30, f"{streams} open streams (bare)",
                 self.process)

    def begin_window(self):
        self.process.send_signal(signal.SIGUSR1)
        time.sleep(0.3)

    def finish(self):
        stop(self.process, signal.SIGTERM)
        return json.loads(self.process.stdout.read())

    def kill(self):
        kill(self.process)
        self.process.stdout.close()


def open_client(kind, bench, server, users):
    if kind == "bare":
        return BareClient(bench, server, users)
    return ScriptClient(kind, bench, server, users, "events" if kind == "events" else "lines")


def counted(kind, seen):
    return seen["lines"] // LINES_AN_EVENT if kind in ("cicada", "locust") else seen["events"]


def cpu_per_event(kind, bench, streams, interval_us):
    """CPU of the whole tree per event in a steady window; every event is counted by the script."""
    with Server(bench.tools) as server:
        client = open_client(kind, bench, server, streams)
        try:
            server.pace(interval_us)
            warm = streams * WARM_EVENTS
            wait_for(lambda: server.stats()["payloads"] >= warm,
                     30 + WARM_EVENTS * interval_us / 1e6 * 3, "warm streams", client.process)
            server.pace(interval_us)  # forgets the lateness of the start
            window = Window(server, client.pid)
            time.sleep(bench.window_s)
            figures = window.close("events")
            server.pace(0)
            time.sleep(1)
            sent = server.stats()["events"]
            check_exact(kind, sent, counted(kind, client.finish()))
        finally:
            client.kill()
    return figures


def waiting_bytes(kind, bench, low, high):
    """Memory a user that waits for its stream: the slope of PSS between two numbers of users."""
    sizes = {}
    for users in (low, high):
        with Server(bench.tools) as server:
            client = open_client(kind, bench, server, users)
            try:
                time.sleep(3)  # a few ticks, so that buffers which grow once have grown
                sizes[users] = pss_bytes(tree(client.pid))
                client.finish()
            finally:
                client.kill()
    return {"bytes": (sizes[high] - sizes[low]) / (high - low), "low_bytes": sizes[low],
            "high_bytes": sizes[high]}


def open_stamped(kind, bench, server):
    if kind == "bare":
        return BareClient(bench, server, LATENCY_STREAMS, "--stamps")
    return ScriptClient(kind, bench, server, LATENCY_STREAMS, "delays")


def median_us(kind, seen):
    if kind == "bare":
        return seen["delay_p50_us"]
    if not seen["delays_ns"]:
        raise Failed(f"{kind}: no event came in the window")
    return seen["delays_ns"]["p50"] / 1e3


def latency(kind, bench):
    """From the server's send to the loop that reads, at 20,000 events a second on one core."""
    with Server(bench.tools, "--stamps") as server:
        client = open_stamped(kind, bench, server)
        try:
            server.pace(LATENCY_INTERVAL_US)
            wait_for(lambda: server.stats()["payloads"] >= LATENCY_STREAMS * WARM_EVENTS,
                     30 + WARM_EVENTS * LATENCY_INTERVAL_US / 1e6 * 3, "warm streams",
                     client.process)
            client.begin_window()
            window = Window(server, client.pid)
            time.sleep(bench.window_s)
            figures = window.close("events")
            server.pace(0)
            time.sleep(1)
            seen = client.finish()
        finally:
            client.kill()
    return {**figures, "us": median_us(kind, seen), "cpu_us": figures["us"],
            "delays_ns": seen.get("delays_ns")}


def flood(kind, bench):
    """Streams that never pause: how late a 10 ms timer is, and how evenly streams are served."""
    with Server(bench.tools, "--interval-us", "1") as server:
        client = ScriptClient(kind, bench, server, FLOOD_STREAMS + 1, "flood", wait=False)
        try:
            began = time.monotonic()
            while server.stats()["streams"] < FLOOD_STREAMS:
                if time.monotonic() - began > FLOOD_OPEN_S:
                    break
                time.sleep(0.1)
            opened_s = time.monotonic() - began
            client.begin_window()
            time.sleep(bench.window_s + 1)
            seen = client.seen()
        finally:
            client.kill()  # what is flooded may not hear that it should end
    each, late = seen["of_each"], seen["late_ns"]
    return {"opened": seen["opened"], "streams": FLOOD_STREAMS, "opened_s": opened_s,
            "starved": FLOOD_STREAMS - sum(count > 0 for count in each),
            "least": each[0] if each else 0, "median": each[len(each) // 2] if each else 0,
            "late_p50_ms": late["p50"] / 1e6 if late else None,
            "late_max_ms": late["max"] / 1e6 if late else None,
            "timer_ticks": late["count"] if late else 0}


def alternate(kinds, rounds, measure, say):
    """
    All kinds by turns, another one first each round. A round in which something else had the
    client's core is measured again, EXTRA_PAIRS at most; the least disturbed count.
    """
    taken = []
    while len(taken) < rounds + EXTRA_PAIRS:
        if sum(disturbance(each) <= DISTURBED_RATIO for each in taken) >= rounds:
            break
        first = len(taken) % len(kinds)
        one = {}
        for kind in kinds[first:] + kinds[:first]:
            one[kind] = measure(kind)
            say(kind, one[kind])
        taken.append(one)
    return sorted(taken, key=disturbance)[:rounds]


def ratios(taken, unit, over, under):
    """The median over rounds of one kind's figure over another's, with the least and the most."""
    values = sorted(one[over][unit] / one[under][unit] for one in taken)
    return {"ratio": statistics.median(values), "all": values}


def added(taken, kind):
    """What a kind's figure is above the bare reader's: the median over rounds."""
    return statistics.median(one[kind]["us"] - one["bare"]["us"] for one in taken)


def added_ratio(taken):
    """What cicada adds above the bare reader, by what Locust adds."""
    values = sorted((one["cicada"]["us"] - one["bare"]["us"]) /
                    (one["locust"]["us"] - one["bare"]["us"]) for one in taken)
    return {"ratio": statistics.median(values), "all": values}


def medians(taken, unit):
    return {kind: statistics.median(one[kind][unit] for one in taken) for kind in taken[0]}
