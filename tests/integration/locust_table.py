"""Makes a test of each case of the table, for one side."""

import harness
import raw_server
import locust_own_cases  # noqa: F401 - adds its cases to the table, as the next does
import locust_wrong_cases  # noqa: F401
from locust_cases import cases
from locust_runner import LOCUST, Runner, check_outcome
from locust_server import LocustServer


def host_of(t, name):
    """The server of a case, if it has one, and the base URL."""
    if name is None:
        return None, None
    if name == "refused":
        return None, f"http://127.0.0.1:{raw_server.unused_port()}"
    server = LocustServer(t)
    return server, server.url


def run_case(t, kind, case):
    server, host = host_of(t, case.host)
    script = t.write("script.py", case.script) if "\n" in case.script else case.script
    outcome = Runner(t, kind).run(script, *case.words, host=host)
    check_outcome(outcome, case)
    if case.after:
        try:
            case.after(server, outcome)
        except AssertionError as error:
            raise harness.Failure(f"{error} ({outcome.explain()})") from None


def add_tests(kind):
    for case in cases:
        if kind != LOCUST or case.reference:
            harness.tests.append((case.name, lambda t, case=case: run_case(t, kind, case)))
