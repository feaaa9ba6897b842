"""The measurements. Each returns a dict of figures; bare and cicada go through the same code."""

import json
import math
import signal
import statistics
import subprocess
import time

from procs import (CLIENT_CORE, Failed, Server, Window, cpu_ns, kill, memory_used_bytes,
                   pss_bytes, start, stop, tree, wait_for)

WARM_EVENTS = 50  # younger connections acknowledge at once, which is cheaper
PAYLOADS_PER_S = 30000  # keeps the server under 70 % of its core
TLS_PAYLOADS_PER_S = 15000  # the same, when it encrypts each
STREAMS_PER_S = 5000  # how fast they are opened
TLS_STREAMS_PER_S = 1000  # half of what one core can shake hands with
FILES_PER_PROCESS = 17000  # of 20,000, for streams that the kernel does not spread evenly
CONNECT_CONCURRENCY = 64
DISTURBED_RATIO = 0.05  # on a quiet machine it is 0.01
EXTRA_PAIRS = 2
CONNECT_SOURCES = 14  # as many as 127.0.0.0/28 has hosts
RESUMED_SHARE_MIN = 0.95  # the first connect of each user cannot resume anything


def bare_trust(server):
    return ["--tls", server.certificate.cert] if server.certificate else []


def cicada_trust(server):
    return ["--cacert", server.certificate.cert] if server.certificate else []


class Client:
    """Holds `streams` streams: the bare reader, or cicada with one worker."""

    def __init__(self, kind, bench, server, streams, *, batch=1, chunk_each=False, more=(),
                 processes=1, core=CLIENT_CORE):
        self.kind, self.result = kind, bench.scratch / "result.json"
        self.result.unlink(missing_ok=True)
        rate = min(streams, TLS_STREAMS_PER_S if server.certificate else STREAMS_PER_S)
        if kind == "bare":
            command = [bench.tools / "bare_reader", "--port", server.port, "--streams", streams,
                       "--rate", rate, "--batch", batch, *bare_trust(server)]
            command += ["--chunk-each"] if chunk_each else []
        else:
            command = [bench.cicada, "run", server.url, "-u", streams, "-r", rate, "-t", "900s",
                       "-q", "--json", self.result, *cicada_trust(server), *more]
            command += ["--processes", processes] if processes else []
        self.process = start(command, core, stdout=subprocess.PIPE, text=True)
        wait_for(lambda: server.stats()["open"] >= streams, 30 + streams / rate * 2,
                 f"{streams} open streams ({kind})", self.process)

    def kill(self):
        kill(self.process)
        self.process.stdout.close()

    def finish(self):
        """Ends the client and returns the events it counted and, for cicada, its result."""
        if self.kind == "bare":
            stop(self.process, signal.SIGTERM)
            counted = json.loads(self.process.stdout.read())
            return counted["events"], counted
        status = stop(self.process, signal.SIGINT)
        if status not in (0, 130) or not self.result.exists():
            raise Failed(f"cicada ended with {status} and wrote no result")
        result = json.loads(self.result.read_text(encoding="utf-8"))
        return result["metrics"]["sse_events"]["count"], result


def check_exact(kind, sent, counted):
    if sent != counted:
        raise Failed(f"the server sent {sent} events, {kind} counted {counted}")


def cpu_per_event(kind, bench, streams, batch, *, chunk_each=False, certificate=None, more=()):
    """CPU of the whole tree per event in a steady window, streams warm, every event counted."""
    payloads_per_s = TLS_PAYLOADS_PER_S if certificate else PAYLOADS_PER_S
    interval_us = streams * 1000000 // payloads_per_s
    options = ["--batch", batch] + (["--chunk-each"] if chunk_each else [])
    with Server(bench.tools, *options, certificate=certificate) as server:
        client = Client(kind, bench, server, streams, batch=batch, chunk_each=chunk_each, more=more)
        try:
            server.pace(interval_us)
            wait_for(lambda: server.stats()["payloads"] >= streams * WARM_EVENTS,
                     30 + streams * WARM_EVENTS / payloads_per_s * 3, "warm streams",
                     client.process)
            server.pace(interval_us)  # forgets the lateness of the start
            window = Window(server, client.process.pid)
            time.sleep(bench.window_s)
            figures = window.close("events")
            server.pace(0)
            time.sleep(0.5)
            sent = server.stats()["events"]
            counted, _ = client.finish()
            check_exact(kind, sent, counted)
        finally:
            client.kill()
    return figures


def idle_bytes(kind, bench, low, high, certificate=None):
    """User-space memory a stream: the slope between two numbers of streams that stay silent."""
    sizes = {}
    for streams in (low, high):
        with Server(bench.tools, certificate=certificate) as server:
            client = Client(kind, bench, server, streams)
            try:
                time.sleep(3)  # a few ticks, so that buffers which grow once have grown
                sizes[streams] = pss_bytes(tree(client.process.pid))
                client.finish()
            finally:
                client.kill()
    return {"bytes": (sizes[high] - sizes[low]) / (high - low), "low_bytes": sizes[low],
            "high_bytes": sizes[high]}


def connector(kind, bench, server, rounds, resume):
    """The command that makes `rounds` connects with each of CONNECT_CONCURRENCY users."""
    if kind == "bare":
        return [bench.tools / "bare_connector", "--port", server.port, "--connects",
                rounds * CONNECT_CONCURRENCY, "--concurrency", CONNECT_CONCURRENCY, "--sources",
                CONNECT_SOURCES, *bare_trust(server), *(["--resume"] if resume else [])]
    command = [bench.cicada, "run", server.url, "-u", CONNECT_CONCURRENCY, "-r",
               CONNECT_CONCURRENCY * 100, "-t", "120s", "--processes", 1, "-q", "--events", 1,
               "--iterations", rounds, "--local-address", "127.0.0.0/28", *cicada_trust(server)]
    if server.certificate:
        command += ["--json", bench.scratch / "result.json"]
        command += [] if resume else ["--no-resume"]
    return command


def resumed_share(kind, bench, output, total, resume):
    """The share of handshakes that resumed a session; Failed unless it is what was asked for."""
    if kind == "bare":
        resumed = json.loads(output.read_text(encoding="utf-8"))["resumed"]
    else:
        result = json.loads((bench.scratch / "result.json").read_text(encoding="utf-8"))
        resumed = result["metrics"].get("tls_resumed", {"passes": 0})["passes"]
    if resume and resumed < total * RESUMED_SHARE_MIN or not resume and resumed > 0:
        raise Failed(f"{kind} resumed a session in {resumed} of {total} handshakes, which should "
                     f"be {'nearly all' if resume else 'none'}")
    return resumed / total


def cpu_per_connect(kind, bench, connects, *, certificate=None, resume=False):
    """CPU of the whole tree per connect, between a tenth and nine tenths of the connects."""
    rounds = connects // CONNECT_CONCURRENCY
    total = rounds * CONNECT_CONCURRENCY
    output = bench.scratch / "connector.json"
    (bench.scratch / "result.json").unlink(missing_ok=True)
    with Server(bench.tools, certificate=certificate) as server:
        command = connector(kind, bench, server, rounds, resume)
        with open(output, "wb") as file:
            client = start(command, CLIENT_CORE, stdout=file)
        try:
            wait_for(lambda: server.stats()["streams"] >= total // 10, 60, "first connects", client)
            window = Window(server, client.pid)
            wait_for(lambda: server.stats()["streams"] >= total * 9 // 10, 120, "all connects",
                     client)
            figures = window.close("streams")
            wait_for(lambda: client.poll() is not None, 60, f"end of {kind} after its connects")
            opened = server.stats()["streams"]
        finally:
            kill(client)
    if client.returncode != 0 or opened != total:
        raise Failed(f"{kind} ended with {client.returncode} after {opened} of {total} connects")
    if certificate:
        figures["resumed_share"] = resumed_share(kind, bench, output, total, resume)
    return figures


def hold(bench, streams, interval_s, count, *, processes=None, certificate=None):
    """
    Many streams, `count` events each after the first, and none of them lost: on all cores, with as
    many workers as cicada likes unless `processes` says how many.
    """
    servers = math.ceil(streams / FILES_PER_PROCESS)
    before = memory_used_bytes()
    with Server(bench.tools, "--processes", servers, "--count", count + 1, core=None,
                certificate=certificate) as server:
        client = Client("cicada", bench, server, streams, processes=processes, core=None,
                        more=["--local-address", "127.0.0.0/24"])
        try:
            pids, server_pids = tree(client.process.pid), server.pids()
            spent, served, began = cpu_ns(pids), cpu_ns(server_pids), time.monotonic()
            server.pace(interval_s * 1000000)
            wait_for(lambda: server.stats()["active"] == 0, interval_s * count * 2 + 30,
                     "last event of every stream", client.process)
            held_s = time.monotonic() - began
            spent, served = cpu_ns(pids) - spent, cpu_ns(server_pids) - served
            machine, pss = memory_used_bytes() - before, pss_bytes(pids)
            time.sleep(2)
            stats = server.stats()
            counted, result = client.finish()
        finally:
            client.kill()
    metrics = result["metrics"]
    return {
        "streams": streams, "held_s": held_s, "sent": stats["events"], "counted": counted,
        "open_at_end": stats["open"], "disconnects": metrics["sse_disconnects"]["count"],
        "server_processes": servers, "client_processes": len(pids),
        "client_cores": spent / held_s / 1e9, "server_cores": served / held_s / 1e9,
        "client_us_per_event": spent / (streams * count) / 1e3,
        "client_pss_bytes": pss, "pss_per_stream_bytes": pss / streams,
        "machine_bytes_per_stream": machine / streams,
    }


def disturbance(pair):
    """The share of a window in which something else had the client's core; the worse of the two."""
    return max(run.get("disturbed", 0) for run in pair.values())


def alternate(rounds, measure, say):
    """
    Both kinds by turns, taking turns to go first. A pair in which something else had the client's
    core is measured again, EXTRA_PAIRS at most; the least disturbed count.
    """
    pairs = []
    while len(pairs) < rounds + EXTRA_PAIRS:
        if sum(disturbance(pair) <= DISTURBED_RATIO for pair in pairs) >= rounds:
            break
        pair = {}
        for kind in ("bare", "cicada") if len(pairs) % 2 == 0 else ("cicada", "bare"):
            pair[kind] = measure(kind)
            say(kind, pair[kind])
        pairs.append(pair)
    pairs = sorted(pairs, key=disturbance)[:rounds]
    unit = "us" if "us" in pairs[0]["bare"] else "bytes"
    summary = {"unit": unit, "pairs": pairs, "disturbed": disturbance(pairs[-1])}
    summary["median"] = {kind: statistics.median(pair[kind][unit] for pair in pairs)
                         for kind in ("bare", "cicada")}
    if unit == "us":
        # Of pairs, because the machine drifts: the two runs of a pair are a few seconds apart.
        ratios = sorted(pair["cicada"]["us"] / pair["bare"]["us"] for pair in pairs)
        summary["ratio"], summary["pair_ratios"] = statistics.median(ratios), ratios
    return summary
