"""Runs whose result is held against what the service says it did, to the last event: a run ends
only when nothing is on its way any more."""

import signal

import harness
from harness import between, same, wait_until

# What the audit counts; each also by tag.
COUNTS = ("sse_missed", "sse_duplicates", "sse_reordered", "sse_sequence_resets",
          "sse_inclusive_replays", "sse_peer_missed", "sse_skipped", "sse_publish_missed",
          "sse_publish_duplicates", "sse_malformed", "sse_stale", "sse_missed_heartbeats",
          "sse_event_latency_negative")
RUN_LIMIT_S = 120


def queued_bytes(port):
    """Bytes that the kernel holds of all connections to or from a port of this machine."""
    total = 0
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file.readlines()[1:]:
            _, local, remote, state, queues = line.split()[:5]
            if state != "0A" and port in (int(local[-4:], 16), int(remote[-4:], 16)):
                total += sum(int(each, 16) for each in queues.split(":"))
    return total


class AuditRun:
    """A running `cicada run` against one port."""

    def __init__(self, t, port, target, *options):
        self.port, self.path = port, t.path("result.json")
        self.process = t.start_cicada("run", target, "--no-progress", "--json", self.path,
                                      "-t", f"{RUN_LIMIT_S}s", *options)

    def wait_until(self, condition, what):
        def holds():
            status = self.process.child.poll()
            harness.check(status is None, f"the run ended with {status} before {what}: "
                                          f"{self.process.output[-2000:]}")
            return condition()
        wait_until(holds, what, RUN_LIMIT_S)

    def wait_until_read(self, port):
        """Nothing is on its way through this port."""
        self.wait_until(lambda: queued_bytes(port) == 0, "all bytes are read")

    def stop(self, speaks):
        """The result, once all that was sent has been read. `speaks` asks the service something: a
        turn of its loop, in which what it still held back reaches the kernel."""
        for _ in range(2):
            self.wait_until_read(self.port)
            speaks()
        self.process.signal(signal.SIGINT)
        same(self.process.wait(RUN_LIMIT_S), 130, f"exit status ({self.process.stderr})")
        harness.check_for_crash(self.process)
        return harness.Result(self.path)


def audit_of(result):
    """All that the audit found, whole and by tag: what is not there is 0."""
    return {name: value["count"] for name, value in result.metrics.items()
            if name.partition("{")[0] in COUNTS and value["count"] > 0}


def check_audit(result, peers=None, **counts):
    """What must have been found, all else being 0: `sse_missed=(3, "where:stream")` stands for the
    whole and its one part, a dict in that place for parts that differ. `peers` is what they missed,
    of which less may be found by as much as the result says that they could not decide; or the
    least and the most."""
    found, wanted = audit_of(result), {}
    for name, value in counts.items():
        count, parts = value if isinstance(value, tuple) else (value, {})
        parts = {parts: count} if isinstance(parts, str) else parts
        wanted[name] = count
        wanted.update({f"{name}{{{tag}}}": part for tag, part in parts.items()})
    if peers:
        check_peers(result, found, peers)
    same(found, {name: count for name, count in wanted.items() if count}, "the audit")


def check_peers(result, found, lost):
    """Never more than was lost, and less only where the result says so."""
    bounds = lost if isinstance(lost, tuple) else (lost - result.count("sse_peer_undecided"), lost)
    between(take_sum(found, "sse_peer_missed"), *bounds, "events missed by peers")


def take_sum(found, name):
    """The whole of a count, which its parts add up to, taken out of `found`."""
    whole = found.pop(name, 0)
    parts = [found.pop(f"{name}{{where:{where}}}", 0) for where in ("stream", "resume")]
    same(sum(parts), whole, f"{name} by where")
    return whole
