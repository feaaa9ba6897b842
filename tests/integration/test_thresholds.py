#!/usr/bin/env python3
"""`cicada run --threshold`: values, windows, ends by abort, exit statuses, where they come from."""

import signal
import time

import harness
from demo_service import Service
from harness import between, check, contains, same, test
from raw_server import CHUNKED_HEAD, chunk, serve, unused_port
from script_runner import run as run_script

STREAM = "/api/v1/events/stream?interval=50ms"


def load(t, service, *words, **more):
    """A run of four users for three seconds; later options win."""
    return t.load(service.url(STREAM), "-u", 4, "-r", 100, "-t", "3s", "--processes", 2, *words,
                  **more)


def thresholds_of(*texts):
    return [word for text in texts for word in ("--threshold", text)]


def verdict(result):
    return result.json["run"]["verdict"]


def held(result):
    return [each["held"] for each in result.json["thresholds"]]


# --- judged at the end ---

@test
def thresholds_that_hold_pass_and_stand_in_result_and_summary(t):
    outcome, result = load(t, Service(t), *thresholds_of(
        "sse_ttfe: p(95)<10s", "sse_connect_success{phase:first}: rate>99%", "sse_events: rate>10",
        "sse_open: max==4", "sse_bytes: count>1k", "http_status{code:503}: count==0",
        "sse_events_per_stream_s: min>0 abort after 1m"))
    same(held(result)[:6], [True] * 6, "those with samples")
    same((outcome.status, verdict(result)), (99, "fail"), "a run too short for the last metric")
    same(result.json["thresholds"][6]["value"], None, "its value")
    first = result.json["thresholds"][0]
    same((first["metric"], first["expr"], first["bound"], first["unit"]),
         ("sse_ttfe", "p(95)<10s", 10000, "ms"), "the first")
    same(first["value"], result.metrics["sse_ttfe"]["p95"], "its value is that of the metric")
    same(result.json["thresholds"][2]["value"] > 10, True, "events a second")
    contains(outcome.stdout, r"held    sse_ttfe: p\(95\)<10s +[0-9.]+ ms +< 10,000 ms", "summary")
    contains(outcome.stdout, r"\{code:503\}: count==0 +0 +== 0  never counted", "summary")
    contains(outcome.stdout, r"missing sse_events_per_stream_s.* not measured +> 0/s", "summary")
    contains(outcome.stdout, "verdict   fail: 1 of 7 thresholds was not measured", "verdict")


@test
def thresholds_alone_decide(t):
    url = f"http://127.0.0.1:{unused_port()}/"
    words = (url, "-u", 2, "-r", 100, "-t", "1s", "--exit-code-on-error", 5)
    outcome, result = t.load(*words)
    same((outcome.status, verdict(result)), (5, "fail"), "without")
    outcome, result = t.load(*words, "--threshold", "sse_connect_success: rate==0")
    same((outcome.status, verdict(result)), (0, "pass"), "with one that holds")
    contains(outcome.stdout, "verdict   pass: the threshold held", "summary")
    outcome, result = t.load(*words, "--threshold", "sse_connect_success: rate>0.99")
    same((outcome.status, verdict(result)), (99, "fail"), "with one that does not")


def _without_numbers(peer, _request):
    """Events that say nothing of their order."""
    peer.send(CHUNKED_HEAD)
    for i in range(10**6):
        peer.send(chunk(b"data: %d\n\n" % i))
        time.sleep(0.02)


@test
def a_zero_that_nothing_could_have_counted_holds_nothing(t):
    rules = thresholds_of("sse_missed: count==0", "sse_duplicates{where:resume}: count==0",
                          "sse_publish_missed: count==0", "sse_disconnects: count==0",
                          "sse_disconnects: count==0 over 1s", "sse_connect_fails: count>0",
                          "http_status{code:503}: count==0")
    url = f"http://127.0.0.1:{unused_port()}/"
    outcome, result = t.load(url, "-u", 2, "-r", 100, "-t", "2s", *rules)
    same((outcome.status, held(result)), (99, [False] * 5 + [True] * 2), "nobody listens")
    same([each["value"] for each in result.json["thresholds"]][:5], [None] * 5, "values")
    contains(outcome.stdout, r"missing sse_missed: count==0 +not measured", "summary")
    server = serve(t, _without_numbers)
    outcome, result = t.load(server.url("/"), "-u", 2, "-r", 100, "-t", "2s", *rules[:2],
                             *rules[6:10])
    same((outcome.status, held(result)), (99, [False, True, True]), "events without an order")
    outcome, result = load(t, Service(t), *rules[:2], *rules[6:10])
    same((outcome.status, held(result)), (0, [True] * 3), "events with one")


@test
def one_endpoint_has_a_threshold_of_its_own(t):
    service = Service(t)
    slow, quick = service.url("/api/v1/events/stream?interval=500ms"), service.url(STREAM)
    outcome, result = t.load(slow, quick, "-u", 4, "-r", 100, "-t", "3s", "--processes", 2,
                             *thresholds_of(f"sse_event_gap{{endpoint:{slow}}}: min>300",
                                            f"sse_event_gap{{name:{quick}}}: med<300 over 1s",
                                            f"sse_event_gap{{endpoint:GET {quick}}}: med<300",
                                            "sse_events{endpoint:http://h/}: count==0"))
    same(held(result), [True, True, True, False], f"held: {result.json['thresholds']}")
    same(result.json["thresholds"][3]["value"], None, "an endpoint that nobody asked")
    same(outcome.status, 99, "exit status")


# --- windows ---

@test
def a_window_sees_what_the_whole_run_hides(t):
    def silence(peer, _request):
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        for number in range(200):
            peer.send(b"data: %d\n\n" % number)
        peer.hold()

    outcome, result = t.load(serve(t, silence).url("/"), "-u", 1, "-t", "4s", *thresholds_of(
        "sse_events: rate>5", "sse_events: rate>5 over 2s", "sse_open: min>=1 over 2s after 1s"))
    same(held(result), [True, False, True], "over the run, over a window, of a gauge")
    window = result.json["thresholds"][1]
    same((outcome.status, window["value"]), (99, 0), "exit status and the worst window")
    contains(outcome.stdout, r"CROSSED sse_events: rate>5 over 2s +0/s +> 5/s  at \d", "summary")
    between(window["crossed_s"], 3, 4, "the end of the first window that crosses it")


@test
def a_run_without_a_whole_window_is_refused(t):
    contains(t.refused("run", "http://127.0.0.1:1/", "-t", "5s", "--threshold",
                       "sse_events: rate>1 over 10s"),
             "--threshold.*a run of 5s has no whole window.*10s", "message")


# --- abort ---

@test
def an_abort_ends_the_run_within_about_a_second(t):
    service = Service(t)
    process = t.start_cicada("run", service.url(STREAM), "-u", 4, "-r", 100, "-t", "60s",
                             "--processes", 2, "--json", t.path("result.json"), "--threshold",
                             "sse_connect_success: rate>=1 abort", "--reconnect", "always",
                             "--retry-wait", "50ms")
    harness.wait_until(lambda: service.metrics()["streams_open"] == 4, "four streams")
    service.control(status="503:1", age_cut="100ms")
    crossed = time.monotonic()
    same(process.wait(), 99, "exit status")
    harness.check_for_crash(process)
    result = harness.Result(t.path("result.json"))
    between(time.monotonic() - crossed, 0, 6, "seconds until every report stood")
    between(result.json["run"]["duration_s"], 1, 10, "seconds of the run")
    threshold = result.json["thresholds"][0]
    same((verdict(result), threshold["held"], threshold["ended_run"]), ("fail", False, True), "end")
    between(result.json["run"]["duration_s"] - threshold["crossed_s"], 0, 0.99, "seconds behind it")
    contains(process.stdout, r"verdict   fail: ended after \d+ s by a threshold", "summary")
    contains(process.stdout, r"CROSSED sse_connect_success.* ended at \d", "summary")


@test
def an_abort_waits_for_after(t):
    outcome, result = load(t, Service(t), "-t", "60s", "--threshold",
                           "sse_events: count<1 abort after 2s")
    same(outcome.status, 99, "exit status")
    same(result.json["thresholds"][0]["crossed_s"], 2, "when it ended the run")
    between(result.json["run"]["duration_s"], 2, 3, "seconds of the run")


# --- exit statuses ---

@test
def an_interrupted_run_prints_its_thresholds(t):
    service = Service(t)
    process = t.start_cicada("run", service.url(STREAM), "-u", 2, "-r", 100, "-t", "60s",
                             "--json", t.path("result.json"), "--threshold", "sse_events: count<1")
    harness.wait_until(lambda: service.metrics()["events_sent_total"] > 20, "events")
    process.signal(signal.SIGINT)
    same(process.wait(), 130, "exit status")
    harness.check_for_crash(process)
    result = harness.Result(t.path("result.json"))
    same((verdict(result), held(result)), ("aborted", [False]), "verdict and threshold")
    contains(process.stdout, "interrupted by .*; 1 of 1 threshold was crossed", "summary")
    contains(process.stdout, "CROSSED sse_events: count<1", "summary")


@test
def a_locust_file_is_judged_by_its_streams(t):
    service = Service(t)
    text = f"""
from locust import HttpUser

class Ana(HttpUser):
    host = {service.url("")!r}
    @task
    def listen(self):
        with self.client.get({STREAM!r}, stream=True, catch_response=True) as response:
            for number, _line in enumerate(response.iter_lines()):
                if number > 40:
                    break
            response.failure("to be no matter")
"""
    words = ("-u", "2", "-r", "2", "-t", "3s")
    outcome, result, _ = run_script(t, text, *words, *thresholds_of(
        "sse_ttfe: p(95)<10s", "sse_events: rate>1 over 1s after 1s"))
    same((outcome.status, verdict(result)), (0, "pass"), f"with failures ({outcome.stderr})")
    same(held(result), [True, True], "held")
    outcome, result, _ = run_script(t, text, *words, "--threshold", "sse_events: count<1 abort")
    same((outcome.status, verdict(result)), (99, "fail"), "ended by a threshold")
    check(result.json["run"]["duration_s"] < 3, "it ended before its time")
    outcome, result, _ = run_script(t, text + """
@events.quitting.add_listener
def set_code(environment, **_others):
    environment.process_exit_code = 7
""", *words, "--threshold", "sse_events: count<1")
    same(outcome.status, 7, "the script's own exit status")


# --- where they come from ---

@test
def they_come_from_file_and_environment_too(t):
    service = Service(t)
    t.write("cicada.conf", "threshold = sse_ttfe: max<10s\nthreshold = sse_events: count>0\n")
    _, result = load(t, service, "-t", "1s")
    same([each["metric"] for each in result.json["thresholds"]], ["sse_ttfe", "sse_events"], "file")
    _, result = load(t, service, "-t", "1s", env={"CICADA_THRESHOLD": "sse_bytes: count>0"})
    same([each["metric"] for each in result.json["thresholds"]], ["sse_bytes"], "environment")
    _, result = load(t, service, "-t", "1s", "--threshold", "sse_open: max>0",
                     env={"CICADA_THRESHOLD": "sse_bytes: count>0"})
    same([each["metric"] for each in result.json["thresholds"]], ["sse_open"], "command line")


@test
def a_wrong_one_is_refused_at_its_column_whatever_its_source(t):
    words = ("run", "http://127.0.0.1:1/", "-t", "1s")
    same(t.refused(*words, "--threshold", "sse_event_gaps: max<5"),
         "cicada: option '--threshold': column 1 of 'sse_event_gaps: max<5': there is no metric "
         "'sse_event_gaps'; did you mean 'sse_event_gap'?", "an unknown metric")
    contains(t.refused(*words, env={"CICADA_THRESHOLD": "sse_ttfe: p(95)<5kb"}),
             "CICADA_THRESHOLD: column 18 of .*'kb' is no unit here", "a wrong unit")
    t.write("cicada.conf", "users = 1\nthreshold = sse_events: p(95)<5\n")
    contains(t.refused(*words), "cicada.conf line 2: threshold: column 13 of .*a counter, which "
             "has count and rate", "an aggregation of another kind")


if __name__ == "__main__":
    harness.main(jobs=4)
