"""Runs probes: small functions that use a session, here with this package and with real Locust.

A test file lists probes and the server's answers. `both(FILE)` runs the file as a program twice,
with our package and with the real one, each in a process of its own, and gives what each probe
returned there. Where Locust is not installed the second is None and tests skip the comparison.
"""

import json
import os
import subprocess
import sys
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
REAL_PATH = "/usr/lib/python3/dist-packages"
LIMIT_S = 100


def engine_folder():
    """Where the engine was built; None: nowhere."""
    folders = [os.environ.get("CICADA_PYTHON_DIR")]
    folders += [os.path.join(ROOT, "build", preset, "python") for preset in ("dev", "release")]
    for folder in folders:
        if folder and os.path.isdir(folder) and any(
                name.startswith("_cicada.") for name in os.listdir(folder)):
            return folder
    return None


def our_path():
    """Folders of our package and of the engine."""
    return [os.path.join(ROOT, "python"), engine_folder()]


def is_real_there():
    return os.path.isfile(os.path.join(REAL_PATH, "locust", "clients.py"))


class Rows:
    """Stands for environment.events.request: keeps what was fired."""

    def __init__(self):
        self.fired = []

    def fire(self, **row):
        self.fired.append(row)

    def told(self):
        """The rows as JSON can hold them, without times."""
        return [[row["request_type"], row["name"], row["response_length"],
                 repr(row["exception"]) if row["exception"] else None, row["context"], row["url"]]
                for row in self.fired]


class Forgetful:
    """A listener that keeps nothing, so that responses can go."""

    def fire(self, **row):
        """Heard."""


def _folders(which):
    return os.pathsep.join(our_path() if which == "ours" else [REAL_PATH])


def run(path, which, *arguments):
    """The results of the probes of `path` as {name: result}."""
    environment = {**os.environ, "PYTHONPATH": _folders(which), "PYTHONDONTWRITEBYTECODE": "1",
                   "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, path, "--probe", which, *arguments], env=environment,
                          capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if done.returncode != 0 or not done.stdout:
        raise AssertionError(f"probes of {which} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def told(error):
    return f"{type(error).__name__}: {error}"


def without_ports(results, port):
    """Results of two servers become comparable."""
    text = json.dumps(results).replace(f":{port}", ":PORT").replace(f"={port}", "=PORT")
    return json.loads(text)


def same_as_locust(name):
    """A test: the probe gave here what it gave with real Locust."""
    def test(self):
        if not self.pair.has("real"):
            self.skipTest("real Locust is not installed")
        told = {which: without_ports(self.pair.results[which][name], self.pair.port[which])
                for which in ("ours", "real")}
        self.assertEqual(told["ours"], told["real"])

    return test


def probe_main(probes, make):
    """Main program of a probing process: calls each probe with what `make` gives, prints JSON."""
    results = {}
    for name, probe in probes.items():
        try:
            results[name] = probe(*make(name))
        except Exception as error:  # pylint: disable=broad-except
            results[name] = {"raised": told(error), "trace": traceback.format_exc()}
    print(json.dumps(results, default=repr))


class Pair:
    """What both packages did: `results` by probe, and what a server was asked in each."""

    def __init__(self, path, respond, server_class, has_real=None, arguments=()):
        self.results, self.asked = {}, {}
        self.port, self.closed = {}, {}
        if engine_folder() is None:
            raise unittest.SkipTest("the engine was not built as an extension")
        has_real = is_real_there() if has_real is None else has_real
        for which in ("ours", "real") if has_real else ("ours",):
            with server_class(respond) as server:
                self.results[which] = run(path, which, server.url, *arguments)
            self.asked[which], self.closed[which] = server.asked, server.closed
            self.port[which] = server.port

    def has(self, which):
        return which in self.results

    def requests_of(self, which, probe):
        """What the server was asked by one probe."""
        return [asked for asked in self.asked[which]
                if asked.target.split("/")[1].split("?")[0] == probe]
