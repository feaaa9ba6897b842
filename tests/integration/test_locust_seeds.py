#!/usr/bin/env python3
"""The guide's four scripts, unmodified, on the demo service: by real Locust and by cicada.

Over the same number of tasks the counts must be the same.
"""

import os

import harness
from harness import check, same, test
from locust_cases import OLDER, bad, good
from locust_checks import (check_csv, check_result_rows, check_stream_metrics, guide_folder,
                           nginx_over_tls, serve)
from locust_runner import (CICADA, LOCUST, Anything, Differs, Runner, Within, real_locust_version,
                           resolve, run_cicada_file, skip)
from raw_server import unused_port

USERS = 4
LOST = Differs(locust=2, cicada=0, why=OLDER)
# Rows of TASKS tasks each of USERS users; lengths are sums. Without the rows of type SSE, which
# Debian's Locust loses.
TASKS = {"basic": 2, "auth": 2, "orders": 1, "tenants": 2}
ROWS = {
    "basic": {("GET", "GET /api/v1/events/stream"): good(0, 8)},
    "auth": {("POST", "POST /api/v1/auth/login"): (4, 0, Within(200, 2000)),
             ("GET", "GET /api/v1/notifications/stream"): good(0, 8)},
    "orders": {("GET", "GET /api/v1/orders/:id/events"): good(0, 8)},
    "tenants": {("POST", "POST /api/v1/session/token"): (4, 0, Within(200, 2000)),
                ("GET", "GET /api/v1/analytics/stream"): good(0, 8)},
}
SSE_ROWS = {
    "basic": {("SSE", "time_to_first_event"): (8, 0, Within(8 * 16, 8 * 19))},
    "auth": {},
    "orders": {("SSE", "stream_session_duration"): good(4 * (3 + 6), 8),
               ("SSE", "reconnect_validation"): good(4 * 6, 4)},
    "tenants": {},
}
STATUS = {"basic": LOST, "auth": 0, "orders": LOST, "tenants": 0}
# Events a stream at least; streams a task.
EVENTS = {"basic": 3, "auth": 10, "orders": 3, "tenants": 12}
# What a script says when nobody answers with 200, and how often.
FAILED = {
    "basic": ("GET", "GET /api/v1/events/stream", "Unexpected status code: {}", 8),
    "auth": ("POST", "POST /api/v1/auth/login", "Login failed: {}", 4 * 3),
    "orders": ("GET", "GET /api/v1/orders/:id/events", "Order stream failed: {}", 4),
    "tenants": ("POST", "POST /api/v1/session/token", "Token creation failed: {}", 4 * 3),
}


def seed(name):
    return os.path.join(guide_folder(), f"seed_{name}.py")


def limits(name):
    return {"SCRIPT": seed(name), "TASKS": str(TASKS[name]), "USERS": str(USERS)}


WORDS = ("-u", str(USERS), "-r", "100", "-t", "20s")


def rows_of(name, kind):
    rows = dict(ROWS[name])
    if kind == CICADA:
        rows.update(SSE_ROWS[name])
    return rows


def check_limited(t, kind, name):
    outcome = Runner(t, kind).run("limited.py", *WORDS, host=serve(t), env=limits(name))
    same(outcome.status, resolve(STATUS[name], kind), f"exit status: {outcome.explain()}")
    check(rows_of(name, kind) == outcome.rows,
          f"rows: expected {rows_of(name, kind)}, got {outcome.rows}")
    same((outcome.errors, outcome.exceptions), ([], []), "errors and exceptions")
    return outcome


def check_failing(t, kind, name, host, status):
    """Nobody answers with 200: the script's own words, and exit 1."""
    outcome = Runner(t, kind).run("limited.py", *WORDS, host=host, env=limits(name))
    method, row, text, count = FAILED[name]
    error = f"CatchResponseError('{text.format(status)}')"
    same(outcome.errors, [(method, row, error, count)], "errors")
    check({(method, row): bad(Anything(), count)} == outcome.rows if not SSE_ROWS[name] else
          (method, row) in outcome.rows, f"rows: {outcome.rows}")
    same(outcome.status, 1, f"exit status: {outcome.explain()}")


def check_whole(t, name):
    """`cicada run` of the file itself: reports and stream metrics."""
    outcome = run_cicada_file(t, seed(name), "-u", USERS, "-r", 4, "-t", "4s", host=serve(t))
    same(outcome.status, 0, f"exit status: {outcome.explain()}")
    counts = {key: value for key, value in outcome.csv_counts().items() if key[0]}
    same(sorted(counts), sorted(rows_of(name, CICADA)), "rows")
    for key, (requests, failures, _) in counts.items():
        check(requests >= USERS and failures == 0, f"{key}: {requests} with {failures} failures")
    check_csv(outcome)
    check_result_rows(outcome)
    streams = [count for (method, _), (count, *_) in counts.items() if method == "GET"][0]
    attempts = outcome.result.count("sse_attempts")
    # Streams still open when the run ended have no row, as in Locust, but are in the metrics.
    check(streams <= attempts <= streams + USERS, f"{attempts} attempts, {streams} rows")
    check_stream_metrics(outcome, attempts, streams * EVENTS[name])


def check_over_tls(t, name):
    """The same counts over https, through nginx with a certificate of the test's own."""
    host, words = nginx_over_tls(t, serve(t).rpartition(":")[2])
    outcome = run_cicada_file(t, "limited.py", *WORDS, *words, host=host, env=limits(name))
    same(outcome.status, 0, f"exit status: {outcome.explain()}")
    check(rows_of(name, CICADA) == outcome.rows,
          f"rows: expected {rows_of(name, CICADA)}, got {outcome.rows}")
    check(outcome.result.metrics["sse_connecting{part:tls}"]["count"] > 0,
          "no handshake was measured")


def add_tests():
    kinds = [CICADA] + ([LOCUST] if real_locust_version() else [])
    for name in ROWS:
        for kind in kinds:
            for title, function in (
                    (f"{name} counts on {kind}", check_limited),
                    (f"{name} with nobody there on {kind}", lambda t, kind, name: check_failing(
                        t, kind, name, f"http://127.0.0.1:{unused_port()}", 0)),
                    (f"{name} with 404 on {kind}", lambda t, kind, name: check_failing(
                        t, kind, name, serve(t) + "/nope", 404))):
                harness.tests.append((title, lambda t, f=function, k=kind, n=name: f(t, k, n)))
        harness.tests.append((f"{name} as it stands", lambda t, n=name: check_whole(t, n)))
        harness.tests.append((f"{name} over https", lambda t, n=name: check_over_tls(t, n)))


@test
def a_resume_that_gets_too_little_is_a_failure(t):
    """The service forgets: `?count=` cannot be put into the script, so a faulty server answers."""
    from locust_server import LocustServer

    class Forgetful(LocustServer):
        def on_api(self, peer, request, query, number):
            query.update(count="2", interval_ms="10")
            self.on_sse(peer, request, query, number)
    outcome = Runner(t, CICADA).run("limited.py", *WORDS, host=Forgetful(t).url,
                                    env=limits("orders"))
    same(outcome.status, 1, f"exit status: {outcome.explain()}")
    same(outcome.errors, [("SSE", "reconnect_validation", "Exception('Reconnect did not receive "
                           "enough resumed events')", 4)], "errors")


if __name__ == "__main__":
    if not guide_folder():
        skip("the guide's scripts are not here; CICADA_GUIDE names their folder")
    add_tests()
    harness.main(jobs=3)
