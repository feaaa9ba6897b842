#!/usr/bin/env python3
"""A soak: a healthy service under ramps, storms, streams that leave and come again. Nothing may be
found, nothing may be lost.

Exit status 0: so it was; 1: something was found, or a figure that must be 0 is not; 2: bad usage.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from procs import Failed, start, stop, wait_for

ROOT = Path(__file__).resolve().parent.parent
LEAST_S = 20  # below, stages are too short to hold anything
# Share of the length, share of the users: up, hold, half down, up again, hold, down.
STAGES = [(0.15, 1), (0.2, 1), (0.1, 0.5), (0.1, 1), (0.35, 1), (0.1, 0)]
# When, which share of the streams, for how many seconds.
STORMS = [(0.25, 0.5, 0), (0.65, 1, 2)]
ZEROS = ["sse_missed", "sse_duplicates", "sse_reordered", "sse_peer_missed", "sse_malformed",
         "sse_disconnects", "sse_gave_up", "sse_lost", "sse_missed_heartbeats", "sse_stale"]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("length", type=int, nargs="?", default=600, metavar="SECONDS",
                        help=f"how long: {LEAST_S} and more (default: 600)")
    parser.add_argument("--users", type=int, default=1000, metavar="N",
                        help="streams at the most (default: 1000)")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", metavar="DIR",
                        help="the build to soak (default: build/release)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="where the result goes")
    arguments = parser.parse_args()
    if arguments.length < LEAST_S or arguments.users < 2:
        parser.error(f"at least {LEAST_S} s and 2 users")
    return arguments


class Service:
    """The demo service; without faults unless `options` order some."""

    def __init__(self, cicada, *options):
        self.process = start([cicada, "serve", "--port", "0", "--interval", "500ms", "--heartbeat",
                              "2s", "--processes", "2", *options],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.port = None
        while self.port is None:
            line = self.process.stdout.readline()
            if not line:
                raise Failed("the service did not start")
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            self.port = found and found[1]

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        stop(self.process)


def load_of(arguments, url, result):
    length, users = arguments.length, arguments.users
    stages = ",".join(f"{length * share:.0f}s:{round(users * of)}" for share, of in STAGES)
    storms = [word for at, ratio, down in STORMS
              for word in ("--storm", f"{length * at:.0f}s:{ratio}:{down}s")]
    return ["run", url, "--stages", stages, *storms, "--abort", "20%@7s", "--event-time",
            "/sent_ms", "--stale", "10s", "--heartbeat", "10s", "--expect-json", "--no-progress",
            "--json", result]


def complaints_about(result, status):
    if status != 0:
        yield f"exit status {status}, verdict {result['run']['verdict']}"
    for finding in result["findings"]:
        yield (f"{finding['code']} ({finding['severity']}, {finding['confidence']}): "
               f"{finding['title']}: {finding['evidence']}")
    for name in ZEROS:
        count = result["metrics"].get(name, {}).get("count", 0)
        if count:
            yield f"{name} is {count}"
    if len(result["storms"]) != len(STORMS):
        yield f"{len(result['storms'])} storms, not {len(STORMS)}"
    for storm in result["storms"]:
        if storm["never_back"]:
            yield f"{storm['never_back']} of {storm['cut']} cut at {storm['at_s']} s did not return"


def soak(arguments, scratch):
    cicada = arguments.build.resolve() / "cicada"
    path = arguments.output or Path(scratch) / "result.json"
    with Service(cicada) as service:
        url = f"http://127.0.0.1:{service.port}/api/v1/events/stream"
        status = subprocess.run([cicada, *load_of(arguments, url, path)], check=False).returncode
    result = json.loads(path.read_text(encoding="utf-8"))
    return list(complaints_about(result, status))


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="cicada-soak-") as scratch:
        try:
            complaints = soak(arguments, scratch)
        except (Failed, OSError) as error:
            complaints = [str(error)]
    for complaint in complaints:
        print(f"soak: {complaint}", file=sys.stderr)
    print("soak: FAILED" if complaints else f"soak: nothing was found in {arguments.length} s")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
