#!/usr/bin/env python3
"""Measures cicada's claims against bare tools: a table on standard output, every figure as JSON.

Exit status 0: every limit held; 1: a limit was passed or a measurement failed; 2: bad usage.
"""

import argparse
import datetime
import functools
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import audit_rows
import locust_rows
import measure
from procs import ALL_CORES, CLIENT_CORE, SERVER_CORE, Failed, make_certificate

ROOT = Path(__file__).resolve().parent.parent
MB = 1e6

# Name, what the table says, limit, (streams, events a send, a chunk for each), in --quick too.
EVENTS = [
    ("events-1k", "CPU an event, each alone, 1,000 streams", 1.15, (1000, 1, False), True),
    ("events-10k", "CPU an event, each alone, 10,000 streams", 1.15, (10000, 1, False), False),
    ("chunk16-1k", "CPU an event, 16 in one chunk, 1,000 streams", 1.6, (1000, 16, False), True),
    ("chunk16-10k", "CPU an event, 16 in one chunk, 10,000", 1.6, (10000, 16, False), False),
    ("chunks16-1k", "CPU an event, 16 in a chunk each, 1,000", None, (1000, 16, True), False),
    ("chunks16-10k", "CPU an event, 16 in a chunk each, 10,000", None, (10000, 16, True), False),
]
OTHERS = ["memory", "connect", "hold"]
TLS_EVENTS = [
    ("tls-events-1k", "CPU an event by TLS, each alone, 1,000 streams", 1.15, (1000, 1, False),
     True),
    ("tls-events-10k", "CPU an event by TLS, each alone, 10,000 streams", 1.15, (10000, 1, False),
     False),
    ("tls-chunk16-1k", "CPU an event by TLS, 16 in one chunk, 1,000", None, (1000, 16, False),
     False),
]
TLS_OTHERS = ["tls-memory", "tls-connect-full", "tls-connect-resumed", "tls-hold"]
LIMIT_BYTES = 900  # 700 for the stream, 200 for the audit of what arrives on it
LIMIT_TLS_BYTES = 19500
LIMIT_CONNECT = 1.2
LIMIT_TLS_CONNECT = 1.15


def machine():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": models[0] if models else platform.processor(), "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1), "kernel": platform.release(),
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    }


def parse_arguments():
    names = [*(entry[0] for entry in EVENTS), *OTHERS,
             *(entry[0] for entry in TLS_EVENTS), *TLS_OTHERS, *audit_rows.NAMES,
             *locust_rows.NAMES]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--quick", action="store_true",
                        help="three rounds and fewer streams: within 12 minutes instead of 60")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", metavar="DIR",
                        help="the build to measure (default: build/release)")
    parser.add_argument("--output", type=Path, metavar="FILE",
                        help="where the JSON goes (default: bench/results/TIME.json)")
    parser.add_argument("--rounds", type=int, metavar="N", help="pairs of runs a measurement")
    parser.add_argument("--only", metavar="NAME,…", help=f"of: {' '.join(names)}")
    arguments = parser.parse_args()
    arguments.names = arguments.only.split(",") if arguments.only else None
    for name in arguments.names or []:
        if name not in names:
            parser.error(f"--only '{name}' is none of: {' '.join(names)}")
    return arguments


class Bench(audit_rows.AuditRows, locust_rows.LocustRows):
    """One run of the suite: where things are, how much to do, what came out."""

    def __init__(self, arguments, scratch):
        build = arguments.build.resolve()
        self.cicada, self.tools, self.scratch = build / "cicada", build / "bench", Path(scratch)
        self.quick, self.names = arguments.quick, arguments.names
        self.rounds = arguments.rounds or (3 if arguments.quick else 5)
        self.window_s = 3 if arguments.quick else 5
        self.rows, self.figures = [], {}

    @functools.cached_property
    def certificate(self):
        return make_certificate(self.scratch)

    def wants(self, name, in_quick=True):
        return name in self.names if self.names else in_quick or not self.quick

    @staticmethod
    def say(text):
        print(f"  {text}", file=sys.stderr, flush=True)

    def say_run(self, kind, run):
        if "us" in run:
            self.say(f"{kind:6} {run['us']:7.3f} us  {run['per_s']:8.0f}/s  client core "
                     f"{run['client_busy']:4.0%}  server core {run['server_busy']:4.0%}  "
                     f"disturbed {run['disturbed']:4.0%}")
        else:
            self.say(f"{kind:6} {run['bytes']:7.1f} B")

    def row(self, text, bare, cicada, ratio, limit, held):
        self.rows.append((text, bare, cicada, ratio, limit, "" if held is None else
                          "held" if held else "OVER"))

    def compare(self, name, text, limit, run):
        """A ratio of CPU times: bare and cicada by turns."""
        self.say(f"{name}: {text}")
        summary = measure.alternate(self.rounds, run, self.say_run)
        held = None if limit is None else summary["ratio"] <= limit
        self.figures[name] = {**summary, "limit": limit, "held": held}
        pairs = summary["pair_ratios"]
        self.row(text, f"{summary['median']['bare']:.3f} us",
                 f"{summary['median']['cicada']:.3f} us",
                 f"{summary['ratio']:.2f} ({pairs[0]:.2f}-{pairs[-1]:.2f})",
                 f"{limit:.2f}" if limit else "", held)

    def run_events(self, table, with_tls):
        for name, text, limit, (streams, batch, chunk_each), in_quick in table:
            def measured(kind, streams=streams, batch=batch, chunk_each=chunk_each):
                return measure.cpu_per_event(kind, self, streams, batch, chunk_each=chunk_each,
                                             certificate=self.certificate if with_tls else None)
            if self.wants(name, in_quick):
                self.guard(name, lambda n=name, t=text, l=limit, m=measured:
                           self.compare(n, t, l, m))

    def run_connect(self):
        connects = 10000 if self.quick else 30000
        self.compare("connect", "CPU a connect, to the first byte", LIMIT_CONNECT,
                     lambda kind: measure.cpu_per_connect(kind, self, connects))

    def compare_tls_connect(self, name, text, connects, resume):
        self.compare(name, text, LIMIT_TLS_CONNECT, lambda kind: measure.cpu_per_connect(
            kind, self, connects, certificate=self.certificate, resume=resume))
        shares = {kind: min(pair[kind]["resumed_share"] for pair in self.figures[name]["pairs"])
                  for kind in ("bare", "cicada")}
        self.row("  share of the handshakes that resumed a session",
                 f"{shares['bare']:.1%}", f"{shares['cicada']:.1%}", "", "", None)

    def run_tls_connect_full(self):
        self.compare_tls_connect("tls-connect-full", "CPU a TLS connect, full handshake",
                                 4000 if self.quick else 10000, False)

    def run_tls_connect_resumed(self):
        self.compare_tls_connect("tls-connect-resumed", "CPU a TLS connect, resumed",
                                 8000 if self.quick else 20000, True)

    def compare_memory(self, name, what, sizes, limit, *, with_tls=False):
        """The slope between two numbers of streams; the limit is cicada's own, not a ratio."""
        low, high = sizes
        text = f"{what}, {low:,} to {high:,}"
        self.say(f"{name}: {text}")
        summary = measure.alternate(self.rounds, lambda kind: measure.idle_bytes(
            kind, self, low, high, self.certificate if with_tls else None), self.say_run)
        held = summary["median"]["cicada"] <= limit
        self.figures[name] = {**summary, "limit": limit, "held": held}
        self.row(text, f"{summary['median']['bare']:.0f} B", f"{summary['median']['cicada']:.0f} B",
                 "", f"{limit} B", held)

    def run_memory(self):
        self.compare_memory("memory", "user-space memory an idle stream",
                            (1000, 6000) if self.quick else (1000, 15000), LIMIT_BYTES)

    def run_tls_memory(self):
        self.compare_memory("tls-memory", "user-space memory an idle TLS stream",
                            (1000, 4000) if self.quick else (1000, 10000), LIMIT_TLS_BYTES,
                            with_tls=True)

    def hold(self, name, text, amounts, **options):
        streams, interval_s, count = amounts
        self.say(f"{name}: {streams} streams, an event each every {interval_s} s, {count} times")
        held = measure.hold(self, streams, interval_s, count, **options)
        lost = held["sent"] - held["counted"]
        ok = lost == 0 and held["disconnects"] == 0 and held["open_at_end"] == streams
        self.figures[name] = {**held, "lost": lost, "held": ok}
        self.row(text.format(**held), f"{held['sent']:,} sent", f"{lost}, {held['disconnects']}",
                 "", "0, 0", ok)
        processes = f"{held['server_processes']} + {held['client_processes']} processes"
        self.row(f"  cores busy, server and cicada ({processes})",
                 f"{held['server_cores']:.2f}", f"{held['client_cores']:.2f}", "", "", None)
        self.row("  memory: the machine a stream, both ends; PSS of cicada",
                 f"{held['machine_bytes_per_stream'] / 1e3:.1f} kB",
                 f"{held['client_pss_bytes'] / MB:.0f} MB", "", "", None)

    def run_hold(self):
        self.hold("hold", "{streams:,} streams held {held_s:.0f} s: events lost, disconnects",
                  (10000, 2, 10) if self.quick else (100000, 10, 6))

    def run_tls_hold(self):
        self.hold("tls-hold",
                  "{streams:,} TLS streams on 1 worker, {held_s:.0f} s: lost, disconnects",
                  (2000, 2, 5) if self.quick else (15000, 10, 6), processes=1,
                  certificate=self.certificate)

    def guard(self, name, run):
        """A measurement that fails is a row of the table; the others still run."""
        try:
            run()
        except (Failed, OSError, KeyError, ValueError) as error:
            reason = str(error) if isinstance(error, Failed) else repr(error)
            self.say(f"{name} failed: {reason}")
            self.figures[name] = {"error": reason, "held": False}
            self.row(name, "", "", "", "", "failed")
            self.rows[-1] = (f"{name}: {reason}", "", "", "", "", "FAILED")

    def run(self):
        for table, others, with_tls in ((EVENTS, OTHERS, False), (TLS_EVENTS, TLS_OTHERS, True)):
            self.run_events(table, with_tls)
            for name in others:
                if self.wants(name):
                    self.guard(name, getattr(self, f"run_{name.replace('-', '_')}"))
        self.run_audit()
        self.run_locust()
        return all(figure.get("held") is not False for figure in self.figures.values())


def print_table(rows, host):
    head = ("measurement", "bare", "cicada", "ratio", "limit", "")
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    widths[0] = min(widths[0], 56)
    print(f"{host['cpu']}, {host['cores']} cores, {host['memory_gib']} GiB, Linux {host['kernel']}")
    for row in [head, *rows]:
        cells = [row[0].ljust(widths[0])] + [row[i].rjust(widths[i]) for i in range(1, 5)]
        print("  ".join([*cells, row[5]]).rstrip())


def print_notes(figures):
    """What makes a figure doubtful, or nothing."""
    for name, figure in figures.items():
        if figure.get("disturbed", 0) > measure.DISTURBED_RATIO:
            print(f"note: {name}: something else had the client's core for up to "
                  f"{figure['disturbed']:.0%} of a run")


def describe_cicada(cicada):
    answer = subprocess.run([str(cicada), "--version"], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def main():
    arguments = parse_arguments()
    if not {SERVER_CORE, CLIENT_CORE} <= ALL_CORES:
        sys.exit("bench: needs two cores: one for the server, one for the client")
    with tempfile.TemporaryDirectory(prefix="cicada-bench-") as scratch:
        bench = Bench(arguments, scratch)
        for program in (bench.cicada, bench.tools / "bare_server"):
            if not program.exists():
                print(f"bench: {program} is not there: build first", file=sys.stderr)
                return 2
        host, started = machine(), time.time()
        # The driver shares the server's core, and only looks on while a window is open.
        os.sched_setaffinity(0, {SERVER_CORE})
        held = bench.run()
        os.sched_setaffinity(0, ALL_CORES)
    print_table(bench.rows, host)
    print_notes(bench.figures)
    stamp = datetime.datetime.fromtimestamp(started).strftime("%Y%m%d-%H%M%S")
    output = arguments.output or ROOT / "bench" / "results" / f"{stamp}.json"
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps({
        "machine": host, "cicada": describe_cicada(bench.cicada), "quick": bench.quick,
        "rounds": bench.rounds, "took_s": round(time.time() - started), "figures": bench.figures,
    }, indent=1) + "\n", encoding="utf-8")
    print(f"{time.time() - started:.0f} s; every figure is in {os.path.relpath(output)}")
    return 0 if held else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
