"""The rows of the table that are about the audit of deliveries: its cost, and that it is silent
where nothing is wrong. The yardstick is cicada itself with --event-seq none."""

import json
import subprocess
import time

import measure
from procs import Failed, Server, wait_for

LIMIT_COST = 1.10
LIMIT_STREAM_BYTES = 200
MANY_STREAMS, MANY_BATCH, MANY_PER_S = 1000, 16, 400000
OFF = ["--event-seq", "none"]
# Name, what the table says, streams, events a send, in --quick too.
COST = [
    ("audit-cost", "CPU an event, audit off and on, each alone", 1000, 1, True),
    ("audit-cost-16", "CPU an event, audit off and on, 16 in one chunk", 1000, 16, False),
]
NAMES = [*(entry[0] for entry in COST), "audit-memory", "audit-10m"]
FINDINGS = ("sse_missed", "sse_duplicates", "sse_reordered", "sse_sequence_resets", "sse_skipped",
            "sse_unnumbered")


def many_events(bench, count):
    """At least `count` events without a fault, to one worker: what the audit says of them."""
    with Server(bench.tools, "--batch", MANY_BATCH) as server:
        client = measure.Client("cicada", bench, server, MANY_STREAMS)
        try:
            began = time.monotonic()
            server.pace(MANY_STREAMS * MANY_BATCH * 1000000 // MANY_PER_S)
            wait_for(lambda: server.stats()["events"] >= count, 60 + count / MANY_PER_S * 5,
                     f"{count:,} events", client.process)
            server.pace(0)
            took_s = time.monotonic() - began
            time.sleep(1)
            sent = server.stats()["events"]
            counted, result = client.finish()
        finally:
            client.kill()
    measure.check_exact("cicada", sent, counted)
    metrics = result["metrics"]
    return {"sent": sent, "took_s": took_s,
            "judged": metrics.get("sse_sequenced{order:dense}", {}).get("count", 0),
            "findings": {name: metrics[name]["count"] for name in FINDINGS
                         if metrics[name]["count"] > 0}}


class AuditRows:
    """Needs of the suite: wants, guard, say, row, compare, figures and what the clients need."""

    def audit_cost(self, name, text, streams, batch):
        self.compare(name, text, LIMIT_COST, lambda kind: measure.cpu_per_event(
            "cicada", self, streams, batch, more=OFF if kind == "bare" else []))

    def audit_memory(self):
        self.say("audit-memory: bytes a stream, nanoseconds an event by order of ids")
        answer = subprocess.run([str(self.tools / "bench_audit")], capture_output=True, text=True,
                                check=False)
        if answer.returncode != 0:
            raise Failed(f"bench_audit: {answer.stderr.strip()}")
        figures = json.loads(answer.stdout)
        held = figures["stream_bytes"] <= LIMIT_STREAM_BYTES
        self.figures["audit-memory"] = {**figures, "limit": LIMIT_STREAM_BYTES, "held": held}
        self.row("what the audits keep of a stream", "", f"{figures['stream_bytes']:.0f} B", "",
                 f"{LIMIT_STREAM_BYTES} B", held)
        for order in ("dense", "sparse", "no_order", "pointer"):
            self.row(f"  time of the audit alone an event, {order.replace('_', ' ')}",
                     f"{figures['off_ns']:.0f} ns", f"{figures[f'{order}_ns']:.0f} ns", "", "",
                     None)

    def audit_many(self):
        count = 1000000 if self.quick else 10000000
        self.say(f"audit-10m: {count:,} events without a fault")
        figures = many_events(self, count)
        held = not figures["findings"] and figures["judged"] == figures["sent"]
        self.figures["audit-10m"] = {**figures, "held": held}
        self.row(f"{figures['sent']:,} events without a fault: findings",
                 f"{figures['judged']:,} judged", f"{sum(figures['findings'].values())}", "", "0",
                 held)

    def run_audit(self):
        for name, text, streams, batch, in_quick in COST:
            if self.wants(name, in_quick):
                self.guard(name, lambda n=name, t=text, s=streams, b=batch:
                           self.audit_cost(n, t, s, b))
        for name, run in (("audit-memory", self.audit_memory), ("audit-10m", self.audit_many)):
            if self.wants(name):
                self.guard(name, run)
