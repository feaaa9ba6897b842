"""Runs a locustfile by real Locust or by cicada with the same words, and reads what came out."""

import csv
import json
import os
import re
import subprocess

from harness import LIMIT_S, ROOT, Result, check, check_for_crash, same

SCRIPTS = os.path.join(ROOT, "tests", "integration", "scripts")
CICADA, LOCUST = "cicada", "locust"
# With CICADA_TEST_RUN=1 the table is run by `cicada run FILE`, else by `cicada locust -f FILE`.
USES_RUN = os.environ.get("CICADA_TEST_RUN") == "1"
# Real Locust is Debian's; a virtual environment's interpreter would not see it.
PYTHON = "/usr/bin/python3"


class Differs:
    """A value that is not the same on both sides, and why: a version or a choice of ours."""

    def __init__(self, *, cicada, locust, why):
        self.values, self.why = {CICADA: cicada, LOCUST: locust}, why


class Within:
    def __init__(self, low, high):
        self.low, self.high = low, high

    def __eq__(self, other):
        return isinstance(other, (int, float)) and self.low <= other <= self.high

    def __repr__(self):
        return f"{self.low} to {self.high}"


class Like:
    """Text in which a regular expression is found."""

    def __init__(self, pattern):
        self.pattern = pattern

    def __eq__(self, other):
        return isinstance(other, str) and bool(re.search(self.pattern, other, re.DOTALL))

    def __repr__(self):
        return f"like {self.pattern!r}"


class Anything:
    def __eq__(self, other):
        return True

    def __repr__(self):
        return "anything"


def resolve(value, kind):
    """`value` with every Differs in it replaced by what holds for `kind`."""
    if isinstance(value, Differs):
        return resolve(value.values[kind], kind)
    if isinstance(value, dict):
        return {key: resolve(each, kind) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(resolve(each, kind) for each in value)
    return value


class Outcome:
    """What a run left behind: its status and outputs, the probe's facts, CSV files, the result."""

    def __init__(self, t, kind, process, status, prefix):
        self.kind, self.status, self.seconds = kind, status, process.seconds
        self.stdout, self.stderr = process.stdout, process.stderr
        self.prefix = prefix
        self.facts = read_facts(f"{prefix}.probe")
        self.rows = {(method, name): (count, failures, length) for
                     method, name, count, failures, length, _ in self.facts.pop("rows", [])}
        self.times = {(method, name): tuple(times)
                      for method, name, *times in self.facts.pop("times", [])}
        self.total = tuple(self.facts.pop("total", ()))
        self.errors = sorted(tuple(each) for each in self.facts.pop("errors", []))
        self.exceptions = sorted(tuple(each) for each in self.facts.pop("exceptions", []))
        path = f"{prefix}.json"
        self.result = Result(path) if os.path.exists(path) else None

    def csv(self, part):
        """The rows of one of the files of --csv, as dicts."""
        with open(f"{self.prefix}_{part}.csv", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def csv_columns(self, part):
        with open(f"{self.prefix}_{part}.csv", encoding="utf-8", newline="") as file:
            return next(csv.reader(file))

    def csv_counts(self):
        """(type, name) to (requests, failures, average content size) of the statistics' file."""
        return {(row["Type"], row["Name"]): (int(row["Request Count"]), int(row["Failure Count"]),
                                             float(row["Average Content Size"]))
                for row in self.csv("stats")}

    def explain(self):
        return self.stderr[-3000:]


def read_facts(path):
    """What the probe was told. A fact has one source: of two, chance says which comes last."""
    facts = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            for line in file:
                kind, name, value = json.loads(line)
                if kind == "note":
                    facts.setdefault(name, []).append(value)
                else:
                    check(name not in facts, f"fact '{name}' was stated twice")
                    facts[name] = value
    return facts


class Runner:
    """Starts one side; every run gets an own prefix in the test's folder."""

    def __init__(self, t, kind):
        self.t, self.kind, self.runs = t, kind, 0

    def command(self):
        if self.kind == LOCUST:
            return [PYTHON, "-m", "locust"]
        return [os.path.abspath(os.environ["CICADA"]), "run" if USES_RUN else "locust"]

    def start(self, script, *words, host=None, env=None, cwd=None):
        """The process and the prefix of what it writes."""
        self.runs += 1
        prefix = self.t.path(f"run{self.runs}")
        path = script if os.path.isabs(script) else os.path.join(SCRIPTS, script)
        place = [path] if USES_RUN and self.kind == CICADA else ["-f", path]
        full = [*self.command(), *place, "--headless",
                "--csv", prefix, *(["-H", host] if host else []), *words]
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith(("CICADA_", "LOCUST_"))}
        clean.update(PROBE=f"{prefix}.probe", PYTHONPATH=SCRIPTS, PYTHONDONTWRITEBYTECODE="1",
                     **(env or {}))
        process = self.t.start(*full, env=clean, cwd=cwd or self.t.folder)
        return process, prefix

    def finish(self, process, prefix, limit_s=LIMIT_S):
        status = process.wait(limit_s)
        if self.kind == CICADA:
            check_for_crash(process)
        return Outcome(self.t, self.kind, process, status, prefix)

    def run(self, script, *words, limit_s=LIMIT_S, **options):
        return self.finish(*self.start(script, *words, **options), limit_s)


def run_cicada_file(t, script, *words, host=None, env=None, limit_s=LIMIT_S, **options):
    """`cicada run FILE`: the outcome, with its --json result."""
    prefix = t.path("run")
    env = {"PROBE": f"{prefix}.probe", "PYTHONPATH": SCRIPTS, "PYTHONDONTWRITEBYTECODE": "1",
           **(env or {})}
    path = script if os.path.isabs(script) else os.path.join(SCRIPTS, script)
    process = t.start_cicada("run", path, *(["-H", host] if host else []), *words,
                             "--csv", prefix, "--json", f"{prefix}.json", env=env, **options)
    status = process.wait(limit_s)
    check_for_crash(process)
    return Outcome(t, CICADA, process, status, prefix)


def real_locust_version():
    """Of Debian's package, which does not say it itself; None where it is not installed."""
    answer = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "python3-locust"],
                            check=False, capture_output=True, text=True)
    return answer.stdout if answer.returncode == 0 else None


def skip(reason):
    """Ends the file: what it needs is not here, which is said and is no failure."""
    print(f"skipped: {reason}")
    raise SystemExit(0)


def check_files(outcome):
    """The CSV files hold the rows and failures that the script itself saw at the end. (Locust
    writes them once a second, and what came last is missing.)"""
    counts = {key: value[:2] for key, value in outcome.csv_counts().items()}
    sums = counts.pop(("", "Aggregated"))
    seen = {key: value[:2] for key, value in outcome.rows.items() if value[0] > 0}
    same(counts, seen, "rows of the CSV file")
    same(sums, outcome.total, "the sum in the CSV file")
    same(sorted((row["Method"], row["Name"], row["Error"], int(row["Occurrences"]))
                for row in outcome.csv("failures")), outcome.errors, "failures of the CSV file")
    same(sorted((row["Message"], int(row["Count"])) for row in outcome.csv("exceptions")),
         outcome.exceptions, "exceptions of the CSV file")


def check_outcome(outcome, case):
    """Everything that a case of locust_cases.py expects, against what came out."""
    expected = resolve(case.expected, outcome.kind)
    same(outcome.status, expected["exit"], f"exit status of {outcome.kind}: {outcome.explain()}")
    for name in ("rows", "errors", "exceptions"):
        if expected[name] is not None:
            value = getattr(outcome, name)
            check(value == (sorted(expected[name]) if name != "rows" else expected[name]),
                  f"{name} of {outcome.kind}: expected {expected[name]!r}, got {value!r}; "
                  f"{outcome.explain()}")
    if outcome.kind == CICADA and outcome.rows:
        check_files(outcome)
    for name, value in expected["facts"].items():
        check(name in outcome.facts, f"fact '{name}' was never stated: {outcome.explain()}")
        check(value == outcome.facts[name],
              f"{name} in {outcome.kind}: expected {value!r}, got {outcome.facts[name]!r}")
    for pattern in expected["stderr"]:
        check(re.search(pattern, outcome.stderr, re.DOTALL),
              f"nothing like {pattern!r} on standard error: {outcome.explain()}")
    for pattern in expected["not_stderr"]:
        check(not re.search(pattern, outcome.stderr, re.DOTALL),
              f"{pattern!r} on standard error: {outcome.explain()}")
