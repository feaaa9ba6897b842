"""Processes and what they cost: trees, CPU time, memory, the bare server, its certificate."""

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

SERVER_CORE = 0
CLIENT_CORE = 1
ALL_CORES = os.sched_getaffinity(0)


class Failed(Exception):
    """A measurement that cannot give a figure; the text is a sentence for a person."""


def _parents():
    """Process id to parent id, for every process there is now."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                    parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                pass
    return parents


def tree(root):
    """The process ids of `root` and all its descendants, sorted."""
    parents, members, grew = _parents(), {root}, True
    while grew:
        more = {pid for pid, parent in parents.items() if parent in members} - members
        members |= more
        grew = bool(more)
    return sorted(members)


def _scheduled(pids, field):
    total = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[field])
    return total


def cpu_ns(pids):
    """User and system time so far, all threads: from the scheduler's own nanoseconds."""
    return _scheduled(pids, 0)


def delay_ns(pids):
    """How long they were ready to run but something else had their core."""
    return _scheduled(pids, 1)


def pss_bytes(pids):
    """Proportional set size: pages shared by several processes count once in all."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def memory_used_bytes():
    """What the whole machine uses, kernel included."""
    with open("/proc/meminfo", encoding="ascii") as file:
        fields = {line.split(":")[0]: int(line.split()[1]) for line in file}
    return (fields["MemTotal"] - fields["MemAvailable"]) * 1024


def start(command, core=None, **options):
    """Starts `command`, pinned to `core` (None: free) with everything that it will start."""
    cores = ALL_CORES if core is None else {core}
    return subprocess.Popen([str(word) for word in command],
                            preexec_fn=lambda: os.sched_setaffinity(0, cores), **options)


def kill(process):
    """Ends the process, if it still runs, and all that it started, at once."""
    if process.poll() is None:
        for pid in tree(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    process.wait()


def stop(process, how=signal.SIGINT, seconds=30):
    """Asks the process to end; after `seconds` it is killed. Returns the exit status."""
    if process.poll() is None:
        process.send_signal(how)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill(process)
        raise Failed(f"{process.args[0]} did not end within {seconds} s") from None


def wait_for(condition, seconds, what, process=None):
    """Polls until `condition()`; Failed after `seconds` or when `process` has ended before."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process is not None and process.poll() is not None and not condition():
            raise Failed(f"{process.args[0]} ended with {process.returncode} before {what}")
        if time.monotonic() > deadline:
            raise Failed(f"no {what} within {seconds:.0f} s")
        time.sleep(0.02)


class Certificate(NamedTuple):
    """Files of a server's certificate, which is its own authority, and of its key."""
    cert: Path
    key: Path


def make_certificate(folder):
    """A new one for 127.0.0.1 and localhost: ECDSA on P-256, valid for two days."""
    made = Certificate(Path(folder) / "cert.pem", Path(folder) / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
               "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
               "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
               "-out", str(made.cert), "-keyout", str(made.key)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Failed("a certificate needs the openssl command, which is not there") from None
    if answer.returncode != 0:
        raise Failed(f"openssl made no certificate: {answer.stderr.strip()}")
    return made


class Server:
    """A bare_server of our own, on its core unless `core` is None; TLS with a `certificate`."""

    def __init__(self, tools, *options, core=SERVER_CORE, certificate=None):
        command = [tools / "bare_server", *options]
        command += ["--tls", certificate.cert, certificate.key] if certificate else []
        self.certificate = certificate
        self.process = start(command, core, stdout=subprocess.PIPE)
        ports = [int(word) for word in self.process.stdout.readline().split()]
        if not ports:
            raise Failed(f"bare_server ended with {self.process.wait()} before it listened")
        # With TLS there are two: the control paths are answered without TLS on the second.
        self.port, self.control_port = ports[0], ports[-1]
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}/events"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def _get(self, path):
        url = f"http://127.0.0.1:{self.control_port}{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    def stats(self):
        return self._get("/stats")

    def pace(self, interval_us):
        return self._get(f"/pace?interval_us={interval_us}")

    def pids(self):
        return tree(self.process.pid)


class Window:
    """What a client's process tree spends between two moments, beside what the server sent."""

    def __init__(self, server, root):
        self.server, self.pids = server, tree(root)
        self.root = root
        self.first = self._sample()

    def _sample(self):
        stats = self.server.stats()
        return (stats, cpu_ns(self.pids), cpu_ns([self.server.process.pid]), time.monotonic_ns(),
                delay_ns(self.pids))

    def close(self, counter):
        """Figures per unit of the server's `counter`, and how busy both cores were."""
        last = self._sample()
        if tree(self.root) != self.pids:
            raise Failed("a process came or went inside the measured window")
        count = last[0][counter] - self.first[0][counter]
        spent, served, wall, delay = (last[i] - self.first[i] for i in (1, 2, 3, 4))
        if count == 0:
            raise Failed(f"the server counted no {counter} inside the measured window")
        return {
            "us": spent / count / 1e3,
            "per_s": count / wall * 1e9,
            "client_busy": spent / wall,
            "server_busy": served / wall,
            "disturbed": delay / wall,
            "late_ms": last[0]["late_max_us"] / 1e3,
            "processes": len(self.pids),
        }
