"""The rows of the table that are about Locust files. run.py mixes them into its suite."""

import measure_locust

LIMIT_OF_BARE = 1.75
LIMIT_OF_LOCUST = 1 / 3
LIMIT_ADDED = 1 / 6
LIMIT_EVENTS_OF_LINES = 1.05  # no dearer; less than that is noise
LIMIT_BYTES = 10240
LIMIT_LATENCY_US = 150
LIMIT_TIMER_MS = 10
MEMORY_USERS = (100, 2000)
# Name, what the table says, streams, their interval, in --quick too.
CPU = [
    ("locust-100", "script, CPU an event, 100 streams x 10 ms", 100, 10000, True),
    ("locust-1k", "script, CPU an event, 1,000 streams x 100 ms", 1000, 100000, False),
]
NAMES = [*(entry[0] for entry in CPU), "locust-memory", "locust-latency", "locust-flood"]


def microseconds(value):
    return f"{value:.2f} us"


def spread(ratios):
    return f"{ratios['ratio']:.2f} ({ratios['all'][0]:.2f}-{ratios['all'][-1]:.2f})"


class LocustRows:
    """Needs of the suite: wants, guard, say, row, figures, rounds and what the clients need."""

    def kinds(self, *ours):
        return [*ours, "locust"] if measure_locust.has_locust() else list(ours)

    def say_script(self, kind, run):
        if "us" in run:
            self.say(f"{kind:7} {run['us']:8.2f} us  {run['per_s']:8.0f}/s  client core "
                     f"{run['client_busy']:4.0%}  server core {run['server_busy']:4.0%}  "
                     f"disturbed {run['disturbed']:4.0%}")
        elif "bytes" in run:
            self.say(f"{kind:7} {run['bytes']:8.0f} B")
        else:
            self.say(f"{kind:7} {run}")

    def compared(self, text, first, second, taken, limit):
        """A row of the ratio of two kinds; whether its limit held."""
        ratios = measure_locust.ratios(taken, "us", first, second)
        held = None if limit is None else ratios["ratio"] <= limit
        middle = measure_locust.medians(taken, "us")
        self.row(text, microseconds(middle[second]), microseconds(middle[first]), spread(ratios),
                 f"{limit:.2f}" if limit else "", held)
        return ratios, held is not False

    def script_cpu(self, name, text, streams, interval_us):
        kinds = self.kinds("bare", "cicada", "events")
        self.say(f"{name}: {text}")
        taken = measure_locust.alternate(
            kinds, self.rounds, lambda kind: measure_locust.cpu_per_event(
                kind, self, streams, interval_us), self.say_script)
        figures = {"rounds": taken, "median": measure_locust.medians(taken, "us")}
        figures["of_bare"], held = self.compared(f"{text}: bare reader", "cicada", "bare", taken,
                                                 LIMIT_OF_BARE)
        figures["events_of_lines"], also = self.compared(
            "  iter_lines, iter_events", "events", "cicada", taken, LIMIT_EVENTS_OF_LINES)
        held = held and also
        if "locust" in kinds:
            figures["of_locust"], also = self.compared("  Locust, the same script", "cicada",
                                                       "locust", taken, LIMIT_OF_LOCUST)
            added = measure_locust.added_ratio(taken)
            figures["added_of_locust"] = added
            held = held and also and added["ratio"] <= LIMIT_ADDED
            self.row("  above the bare reader: cicada, of Locust", "", "", spread(added),
                     f"{LIMIT_ADDED:.2f}", added["ratio"] <= LIMIT_ADDED)
        self.figures[name] = {**figures, "held": held,
                              "disturbed": measure_locust.disturbance(taken[-1])}

    def script_memory(self):
        low, high = MEMORY_USERS
        self.say(f"locust-memory: {low} to {high} users")
        kinds = self.kinds("cicada")
        taken = measure_locust.alternate(
            kinds, self.rounds, lambda kind: measure_locust.waiting_bytes(kind, self, low, high),
            self.say_script)
        middle = measure_locust.medians(taken, "bytes")
        held = middle["cicada"] <= LIMIT_BYTES
        self.figures["locust-memory"] = {"rounds": taken, "median": middle, "limit": LIMIT_BYTES,
                                         "held": held}
        self.row(f"script, memory a waiting user, {low:,} to {high:,}: Locust",
                 f"{middle['locust']:,.0f} B" if "locust" in middle else "",
                 f"{middle['cicada']:,.0f} B", "", f"{LIMIT_BYTES:,} B", held)

    def script_latency(self):
        self.say("locust-latency: 1,000 streams x 50 ms")
        kinds = self.kinds("bare", "cicada")
        taken = measure_locust.alternate(
            kinds, self.rounds, lambda kind: measure_locust.latency(kind, self), self.say_script)
        middle = measure_locust.medians(taken, "us")
        added = {kind: measure_locust.added(taken, kind) for kind in kinds[1:]}
        held = added["cicada"] <= LIMIT_LATENCY_US
        self.figures["locust-latency"] = {"rounds": taken, "median": middle, "added": added,
                                          "limit": LIMIT_LATENCY_US, "held": held,
                                          "disturbed": measure_locust.disturbance(taken[-1])}
        self.row("script, send to loop at 20,000 events/s, median",
                 f"{middle['bare']:,.0f} us", f"{middle['cicada']:,.0f} us", "", "", None)
        self.row("  above the bare reader: Locust, cicada",
                 f"{added['locust']:,.0f} us" if "locust" in added else "",
                 f"{added['cicada']:,.0f} us", "", f"{LIMIT_LATENCY_US} us", held)

    def script_flood(self):
        self.say("locust-flood: 200 streams without a pause, and a timer of 10 ms")
        taken = {kind: measure_locust.flood(kind, self) for kind in self.kinds("cicada")}
        for kind, run in taken.items():
            self.say_script(kind, run)
        ours, theirs = taken["cicada"], taken.get("locust")
        late = ours["late_max_ms"]
        held = late is not None and late <= LIMIT_TIMER_MS and ours["starved"] == 0
        self.figures["locust-flood"] = {**taken, "held": held}

        def late_of(run):
            return "" if not run else "never" if run["late_max_ms"] is None else \
                f"{run['late_max_ms']:.1f} ms"
        self.row("script, flood: a 10 ms timer late, at most: Locust", late_of(theirs),
                 late_of(ours), "", f"{LIMIT_TIMER_MS} ms", held)
        self.row("  streams of 200 that got nothing", f"{theirs['starved']}" if theirs else "",
                 f"{ours['starved']}", "", "0", ours["starved"] == 0)

    def run_locust(self):
        for name, text, streams, interval_us, in_quick in CPU:
            if self.wants(name, in_quick):
                self.guard(name, lambda n=name, t=text, s=streams, i=interval_us:
                           self.script_cpu(n, t, s, i))
        for name, run, in_quick in (("locust-memory", self.script_memory, False),
                                    ("locust-latency", self.script_latency, True),
                                    ("locust-flood", self.script_flood, True)):
            if self.wants(name, in_quick):
                self.guard(name, run)
