"""What Debian's Locust does not have: cicada's additions, newer Locust, several processes."""

from locust_cases import bad, case, get, good
from locust_runner import Anything, Like, Within

case("events by the standard", "additions.py", "Strict", reference=False, facts={
    "rules": [["tick", "1\n2", "7", 2500], ["message", "", "7", None], ["message", "x", "8", None]],
    "crlf_cut": [["message", "one\ntwo", "", None]],
    "blank": [["message", "one", "", None], ["message", "two", "", None]],
    "unfinished": [["message", "one", "", None]], "line_cut": [["message", "one", "", None]],
    "other_ends": [], "angstrom": [["message", "Ångström", "", None]],
    "event": [0, True]})

case("client.sse reads, ends and resumes", "additions.py", "Sources", reference=False, status=1,
     rows={get("until"): good(0, 3), get("whole"): good(0), get("resumed"): good(0),
           get("again"): (Within(1, 2), 0, 0), get("refused"): bad(Anything())},
     errors=[("GET", "refused", Like("503"), 1)],
     facts={"until 3": ["1", "2", "3"], "until name": ["1"], "until call": ["1", "2", "3", "4"],
            "whole": ["1", "2", "3"], "resumed": ["6", "7"], "bounded": [Anything(), 2.5],
            "refused": [[], True, 503]})

case("a Markov chain", "additions.py", "Walks", reference=False,
     after=lambda _, outcome: check_walk(outcome.facts["walk"]))


def check_walk(walk):
    follows = {"first": "second", "second": "third", "third": "first"}
    assert walk[-1] == "third", walk
    assert all(follows[a] == b for a, b in zip(walk, walk[1:])), walk


def check_processes(_, outcome):
    facts = outcome.facts
    assert sorted(facts["roles"]) == ["master", "worker", "worker"], facts["roles"]
    assert sorted(facts["test_start"]) == sorted(facts["roles"]), facts["test_start"]
    assert sorted(facts["test_stop"]) == sorted(facts["roles"]), facts["test_stop"]
    assert sorted(facts["up"]) == [0, 1], facts["up"]
    assert sorted(map(str, facts["down"])) == sorted(
        [str(["worker", {"to all": True}])] * 4), facts["down"]
    assert facts["reports"] and all(facts["reports"]), facts["reports"]
    requests, failures, length = outcome.csv_counts()["X", "row"]
    assert requests > 20 and failures == 0 and length == 2, (requests, failures, length)


case("several processes", "additions.py", "--processes", "2", "Spread", users=4, run_time="3s",
     reference=False, after=check_processes)

case("proxies are refused in a sentence", "surface.py", "Proxies", reference=False, rows={},
     facts={"proxies": ["builtins.NotImplementedError", Like(r"proxies= is not supported")]})
