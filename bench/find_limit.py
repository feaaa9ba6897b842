#!/usr/bin/env python3
"""Searches for limits that are known: how close `--find-limit` comes, and how long it takes.

Services whose limit is one of streams, and one whose answers slow down with their number, each
three times. Exit status 0: every search came within 5 % in 3 minutes; 1: one did not; 2: bad usage.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from procs import Failed
from soak import Service

ROOT = Path(__file__).resolve().parent.parent
SLACK = 0.05
LIMIT_S = 180
# Name, fault of the service, its edge in users, more options of the search.
CASES = [
    ("max-streams=200", "max-streams=200", 200, []),
    ("max-streams=1500", "max-streams=1500", 1500, []),
    ("max-streams=4096", "max-streams=4096", 4096, []),
    ("p95 of sse_connecting < 500 ms", "load-delay=1ms", 500,
     ["--threshold", "sse_connecting: p(95)<500"]),
]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=3, metavar="N",
                        help="searches of each (default: 3)")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", metavar="DIR",
                        help="the build to try (default: build/release)")
    return parser.parse_args()


def search(cicada, path, fault, options):
    with Service(cicada, "--fault", fault) as service:
        url = f"http://127.0.0.1:{service.port}/api/v1/events/stream"
        subprocess.run([cicada, "run", url, "--find-limit", "-q", "--json", path, *options],
                       check=False)
    result = json.loads(path.read_text(encoding="utf-8"))
    return result["limit"], result["run"]["duration_s"]


def measure(cicada, path, case, number):
    name, fault, edge, options = case
    limit, seconds = search(cicada, path, fault, options)
    holds, fails = limit["holds"] or 0, limit["fails"] or 0
    is_good = (limit["end"] == "edge" and seconds <= LIMIT_S and
               all(abs(users - edge) <= edge * SLACK + 1 for users in (holds, fails)))
    print(f"{name:32} {number:3} {holds:7,} {fails:7,} {holds / edge - 1:+7.1%} "
          f"{limit['confirmed']:5} {len(limit['curve']):5} {seconds:6.0f} s  "
          f"{'held' if is_good else 'OVER'}  {limit['first_broken']}", flush=True)
    return is_good


def main():
    arguments = parse_arguments()
    cicada, is_good = arguments.build.resolve() / "cicada", True
    print(f"{'service':32} {'no.':>3} {'holds':>7} {'fails':>7} {'off':>7} {'again':>5} "
          f"{'steps':>5} {'time':>8}")
    with tempfile.TemporaryDirectory(prefix="cicada-limit-") as scratch:
        for case in CASES:
            for number in range(1, arguments.rounds + 1):
                try:
                    found = measure(cicada, Path(scratch) / "result.json", case, number)
                except (Failed, OSError) as error:
                    print(f"{case[0]}: {error}", file=sys.stderr)
                    found = False
                is_good = is_good and found
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
