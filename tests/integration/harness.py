"""The test runner of the integration tests: Python's standard library, processes on loopback.

A test is a function marked with @test; its name is a sentence and its one parameter is a Case,
which starts processes, runs cicada, and ends at the test's end all that the test began, by its id.
Nothing sleeps to wait for something: wait_until polls for the thing itself, with a limit.

Run a file as it stands: `CICADA=build/dev/cicada tests/integration/test_run.py [part of a name]`.
"""

import collections
import concurrent.futures
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

try:
    import jsonschema
except ImportError:
    jsonschema = None

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SCHEMA_PATH = os.path.join(ROOT, "docs", "result.schema.json")
POLL_S = 0.01
# Sanitizers on a busy machine of two cores: a limit is a bound on hanging, not a measure of speed.
LIMIT_S = 20.0
KEPT_OUTPUT_CHARS = 2000

tests = []


class Failure(AssertionError):
    """A check that did not hold; the message says what was seen."""


def test(function):
    """Marks a function as a test; its name with spaces is the test's name."""
    tests.append((function.__name__.replace("_", " "), function))
    return function


def check(holds, message):
    if not holds:
        raise Failure(message)


def same(actual, expected, what):
    check(actual == expected, f"{what}: expected {expected!r}, got {actual!r}")


def between(actual, low, high, what):
    check(low <= actual <= high, f"{what}: expected {low} to {high}, got {actual}")


def contains(text, pattern, what):
    """`pattern` is a regular expression, searched for without regard to case."""
    check(re.search(pattern, text, re.IGNORECASE | re.DOTALL),
          f"{what}: nothing like {pattern!r} in {text[-KEPT_OUTPUT_CHARS:]!r}")


def wait_until(condition, what, limit_s=LIMIT_S):
    """Polls until `condition()` is true and returns its value; fails past the limit."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"waited {limit_s:g} s for {what}")
        time.sleep(POLL_S)


def is_alive(pid):
    """A zombie has ended: only its parent has not asked yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def peak_memory_bytes(pid):
    """The most memory that a process has had resident so far."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
    return int(found.group(1)) << 10 if found else 0  # none: it is about to be gone


class Process:
    """A started process whose two outputs are collected by threads."""

    def __init__(self, command, **options):
        self.command = command
        self.started = time.monotonic()
        options.setdefault("stdin", subprocess.DEVNULL)
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      **options)
        self.pid = self.child.pid
        self.outputs = {"stdout": bytearray(), "stderr": bytearray()}
        self.readers = [self._collect("stdout"), self._collect("stderr")]

    def _collect(self, name):
        pipe = getattr(self.child, name)

        def read():
            with pipe:
                while chunk := os.read(pipe.fileno(), 65536):
                    self.outputs[name] += chunk

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        return reader

    @property
    def stdout(self):
        return bytes(self.outputs["stdout"]).decode("utf-8", "replace")

    @property
    def stderr(self):
        return bytes(self.outputs["stderr"]).decode("utf-8", "replace")

    @property
    def output(self):
        return self.stdout + self.stderr

    def wait_for_output(self, pattern, limit_s=LIMIT_S):
        """The match of a regular expression in either output, as soon as it stands there."""
        def find():
            found = re.search(pattern, self.output)
            if not found and self.child.poll() is not None:
                raise Failure(f"{self.command[0]} ended with {self.child.returncode} before it "
                              f"printed {pattern!r}: {self.output[-KEPT_OUTPUT_CHARS:]}")
            return found
        return wait_until(find, f"{pattern!r} from {self.command[0]}", limit_s)

    def wait(self, limit_s=LIMIT_S):
        """The exit status once the process has ended and its output is whole."""
        try:
            status = self.child.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{' '.join(self.command)} still ran after {limit_s:g} s: "
                          f"{self.output[-KEPT_OUTPUT_CHARS:]}") from None
        self.seconds = time.monotonic() - self.started
        for reader in self.readers:
            reader.join(LIMIT_S)
        return status

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()


Outcome = collections.namedtuple("Outcome", "status stdout stderr seconds")


class Result:
    """A result file of `run`, checked against its schema."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.json = json.load(file)
        validate(self.json)
        self.metrics = self.json["metrics"]
        self.workers = self.json["workers"]

    def count(self, name):
        """The value of a counter; a metric without any sample may be left out and is 0."""
        return self.metrics.get(name, {}).get("count", 0)

    def rate(self, name):
        return self.metrics[name]["rate"]

    def classes(self):
        """How often each error class occurred."""
        counts = collections.Counter()
        for error in self.json["errors"]:
            counts[error["class"]] += error["count"]
        return dict(counts)


class SchemaHolder:
    """Reads the schema once a process; tests run in threads."""
    lock = threading.Lock()
    validator = None


def result_validator():
    with SchemaHolder.lock:
        if not SchemaHolder.validator:
            with open(SCHEMA_PATH, encoding="utf-8") as file:
                schema = json.load(file)
            kind = jsonschema.validators.validator_for(schema)
            kind.check_schema(schema)
            SchemaHolder.validator = kind(schema)
        return SchemaHolder.validator


def validate(result):
    """Fails with the first places where a result does not follow docs/result.schema.json."""
    errors = sorted(result_validator().iter_errors(result), key=lambda error: list(error.path))
    check(not errors, "the result breaks its schema: " + "; ".join(
        f"at /{'/'.join(map(str, error.path))}: {error.message[:200]}" for error in errors[:3]))


class Case:
    """What one test may use: processes, a folder of its own, and things to close at the end."""

    def __init__(self, name):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix="cicada-test-")
        self.closers = []
        self.options = ()  # for every `tap` and `run` that the test starts

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return self.path(name)

    def keep(self, thing, close):
        """`close()` is called when the test ends, last come first."""
        self.closers.append(close)
        return thing

    def start(self, *command, **options):
        process = Process([str(word) for word in command], **options)
        return self.keep(process, process.kill)

    def start_cicada(self, *words, env=None, prefix=(), cwd=None):
        """`prefix` is a command that starts cicada, such as a shell that lowers a limit."""
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith(("CICADA_", "LOCUST_"))}
        clean.update(env or {})
        if words and words[0] in ("tap", "run"):
            words = (words[0], *self.options, *words[1:])
        return self.start(*prefix, cicada_path(), *words, env=clean, cwd=cwd or self.folder)

    def cicada(self, *words, limit_s=LIMIT_S, **options):
        process = self.start_cicada(*words, **options)
        status = process.wait(limit_s)
        check_for_crash(process)
        return Outcome(status, process.stdout, process.stderr, process.seconds)

    def tap(self, *words, **options):
        """`tap --json`: the outcome and its lines as objects."""
        outcome = self.cicada("tap", "--json", *words, **options)
        return outcome, [json.loads(line) for line in outcome.stdout.splitlines()]

    def load(self, *words, **options):
        """`run` with a result file: the outcome and the checked Result."""
        path = self.path("result.json")
        outcome = self.cicada("run", *words, "--json", path, **options)
        check(os.path.exists(path), f"no result, exit {outcome.status}: {outcome.stderr}")
        return outcome, Result(path)

    def refused(self, *words, **options):
        """A command that must end with exit 2 and one sentence, which is returned."""
        outcome = self.cicada(*words, **options)
        same(outcome.status, 2, f"exit status ({outcome.stderr.strip()})")
        same(outcome.stdout, "", "standard output")
        lines = outcome.stderr.strip().splitlines()
        between(len(lines), 1, 2, "lines of the message, a hint included")
        return outcome.stderr.strip()

    def end(self):
        """Every closer runs, whatever the others do; the first complaint is raised then."""
        complaints = []
        for close in reversed(self.closers):
            try:
                close()
            except Exception as error:  # one that fails must not keep the others from their work
                complaints.append(error)
        shutil.rmtree(self.folder, ignore_errors=True)
        if complaints:
            raise complaints[0]


def check_for_crash(process):
    """A sanitizer report is a failure whatever the test looks at."""
    check("Sanitizer" not in process.stderr and "runtime error:" not in process.stderr,
          f"a sanitizer complained: {process.stderr[:4000]}")


def cicada_path():
    return os.path.abspath(os.environ["CICADA"])


def run_one(name, function):
    """The text of the failure, or None."""
    case = Case(name)
    started = time.monotonic()
    try:
        function(case)
        failure = None
    except Failure as error:
        failure = str(error)
    except Exception:  # a broken test is a failed test, and the others still run
        failure = traceback.format_exc()
    try:
        case.end()
    except Exception:
        failure = failure or traceback.format_exc()
    state = "FAILED" if failure else "ok"
    sys.stdout.write(f"{state:6} {time.monotonic() - started:6.2f} s  {name}\n")
    sys.stdout.flush()
    return failure


def need_jsonschema():
    """Starts again with the system's own interpreter where this one has no jsonschema."""
    if jsonschema:
        return
    for name in ("/usr/bin/python3", "python3"):
        python = shutil.which(name)
        if python and subprocess.run([python, "-c", "import jsonschema"], check=False,
                                     capture_output=True).returncode == 0:
            os.execv(python, [python, *sys.argv])
    sys.exit("python3-jsonschema is missing: run `make deps`")


def main(jobs=1):
    """Runs the tests whose name holds the first argument, `jobs` at once, and exits."""
    need_jsonschema()
    if "CICADA" not in os.environ:
        sys.exit("set CICADA to the path of the binary under test")
    wanted = sys.argv[1].replace("_", " ") if len(sys.argv) > 1 else ""
    chosen = [(name, function) for name, function in tests if wanted in name]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        failures = list(pool.map(lambda item: run_one(*item), chosen))
    failed = [(name, text) for (name, _), text in zip(chosen, failures) if text]
    for name, text in failed:
        print(f"\n--- {name}\n{text}")
    print(f"\n{len(chosen) - len(failed)} passed, {len(failed)} failed", flush=True)
    os._exit(1 if failed or not chosen else 0)  # server threads may still wait on a socket
