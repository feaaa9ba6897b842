#!/usr/bin/env python3
"""The locustfiles of examples/, each run as its head says."""

import os

import harness
from harness import between, check, same, test
from locust_checks import EXAMPLES, check_csv, check_result_rows, check_stream_metrics, serve
from locust_runner import LOCUST, Runner, real_locust_version, run_cicada_file
from locust_server import LocustServer

WORDS = ("-u", 4, "-r", 10, "-t", "5s")


def run(t, name, *words, host=None, interval="50ms", events_min=4):
    """No failures, reports that agree, streams in the metrics; the counts by row."""
    outcome = run_cicada_file(t, os.path.join(EXAMPLES, name), *words,
                              host=host or serve(t, interval=interval))
    same(outcome.status, 0, f"exit status: {outcome.explain()}")
    check_csv(outcome)
    check_result_rows(outcome)
    same(outcome.csv("failures"), [], "failures")
    check_stream_metrics(outcome, outcome.result.count("sse_attempts"), events_min)
    counts = {key: value for key, value in outcome.csv_counts().items() if key[0]}
    for key, (requests, *_) in counts.items():
        check(requests > 0, f"nothing in {key}")
    return outcome, counts


@test
def basic_stream(t):
    _, counts = run(t, "basic_stream.py", *WORDS)
    same(sorted(counts), [("GET", "events"), ("SSE", "first event")], "rows")


@test
def login_stream(t):
    _, counts = run(t, "login_stream.py", *WORDS)
    same(sorted(counts), [("GET", "notifications"), ("POST", "log in")], "rows")
    same(counts["POST", "log in"][0], 4, "one login a user")


@test
def login_stream_with_a_wrong_password(t):
    path = os.path.join(EXAMPLES, "login_stream.py")
    outcome = run_cicada_file(t, path, "-u", 1, "-t", "2s", "--password", "wrong", host=serve(t))
    same(outcome.status, 1, "exit status")
    same({(row["Name"], row["Error"]) for row in outcome.csv("failures")},
         {("log in", "CatchResponseError('log in: status 401')")}, "failures")


@test
def portable_examples_run_under_locust(t):
    if not real_locust_version():
        return
    for name, words in (("basic_stream.py", ()), ("login_stream.py", ("--email",
                                                  "loadtest.user@example.com"))):
        outcome = Runner(t, LOCUST).run(os.path.join(EXAMPLES, name), "-u", "2", "-r", "10",
                                        "-t", "2s", *words, host=serve(t))
        check(outcome.csv_columns("stats"), "no statistics")
        check("(0.00%)" in outcome.stderr and "Error report" not in outcome.stderr,
              f"failures under Locust: {outcome.explain()}")


@test
def resume_stream(t):
    outcome, counts = run(t, "resume_stream.py", *WORDS)
    same(sorted(counts), [("GET", "order events"), ("SSE", "resumed without a gap")], "rows")
    resumed = outcome.result.count("sse_attempts{phase:resume}")
    check(resumed >= counts["SSE", "resumed without a gap"][0], f"{resumed} resumes linked")


@test
def tenants(t):
    _, counts = run(t, "tenants.py", "-u", 6, "-r", 50, "-t", "4s")
    same(sorted(counts), [("GET", f"analytics of {name}") for name in ("acme-co", "globex",
                                                                        "initech")] +
         [("POST", "token")], "rows")
    same(counts["POST", "token"][0], 6, "one token a user")


@test
def tenants_by_tag(t):
    outcome, _ = run(t, "tenants.py", "-u", 3, "-r", 50, "-t", "3s", "--tags", "alerts")
    same(outcome.result.count("sse_events{event:metrics}"), 0, "events of other channels")


@test
def chat_stream(t):
    server = LocustServer(t)
    _, counts = run(t, "chat_stream.py", "-u", 2, "-r", 10, "-t", "3s", "--model", "tiny",
                    host=server.url)
    same(sorted(counts), [("POST", "chat"), ("chat", "between tokens"), ("chat", "first token"),
                          ("chat", "whole answer")], "rows")
    whole = counts["chat", "whole answer"][0]  # the run's end cuts those of two users at most
    between(counts["chat", "first token"][0], whole, whole + 2, "answers")
    check(b'"model": "tiny"' in server.seen("/v1/chat/completions")[0].body, "the model asked for")


@test
def chat_stream_on_the_demo_service(t):
    outcome, counts = run(t, "chat_stream.py", "-u", 2, "-r", 10, "-t", "4s", "--profile", "openai",
                          host=serve(t, "--chat-tokens", 20))
    answers = counts["chat", "whole answer"][0]
    check(answers > 0, "answers")
    between(counts["chat", "between tokens"][0], answers * 19, answers * 19 + 38,
            "times between tokens")
    between(outcome.result.metrics["sse_tokens_per_s"]["count"], answers, answers + 2, "speeds")


@test
def mixed(t):
    outcome, counts = run(t, "mixed.py", "--day", "5")
    names = {name for _, name in counts}
    check({"log in", "look around", "clock", "delivery"} <= names, f"rows: {names}")
    same(outcome.result.json["run"]["users_max"], 20, "most users")


if __name__ == "__main__":
    harness.main(jobs=3)
