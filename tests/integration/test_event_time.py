#!/usr/bin/env python3
"""How late events are: times in events, clocks that differ, replays, stamps of the kernel."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time

import harness
import script_runner
from harness import between, check, children_of, contains, same, test, wait_until
from raw_server import IS_OVER_TLS, OK_HEAD, head_with, serve

AHEAD_S = 5
LIVE, REPLAY = "sse_event_latency", "sse_event_latency{delivery:replay}"
HELD = "sse_event_latency{delivery:held}"
ABOVE, NEGATIVE = "sse_event_latency{above:fastest}", "sse_event_latency_negative"
# No address of an interface, and yet one that leads back: what a server elsewhere looks like.
ELSEWHERE = "192.0.2.1"


def event(sent_s, number=None):
    id_line = f"id: {number}\n" if number is not None else ""
    return f'{id_line}data: {{"sent_ms":{sent_s * 1000:.3f}}}\n\n'.encode()


def clock_answer(now_s):
    body = f'{{"status":"ok","unix_ms":{now_s * 1000:.3f}}}'.encode()
    return head_with("Content-Type: application/json", f"Content-Length: {len(body)}") + body


class Service:
    """Sends `count` events 10 ms apart, `pause_s` after the head; its clock is ahead of ours."""

    def __init__(self, t, ahead_s=0.0, count=50, pause_s=0.0):
        self.ahead_s, self.count, self.pause_s = ahead_s, count, pause_s
        self.server = serve(t, self.answer)

    def now_s(self):
        return time.time() + self.ahead_s

    def url(self, path):
        return self.server.url(path)

    def answer(self, peer, request):
        if request.path == "/time":
            peer.send(clock_answer(self.now_s()))
            peer.is_kept = True
            return
        peer.send(OK_HEAD)
        time.sleep(self.pause_s)
        for _ in range(self.count):
            peer.send(event(self.now_s()))
            time.sleep(0.01)
        peer.hold()


def samples(result, name):
    return result.metrics.get(name, {"count": 0})["count"]


def findings(result):
    return {finding["code"]: finding for finding in result.json["findings"]}


def load(t, url, *words, run_time="3s"):
    outcome, result = t.load(url, "-t", run_time, "--processes", "1", *words)
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    return outcome, result


@test
def events_of_the_demo_service_are_a_little_late(t):
    process = t.start_cicada("serve", "--port", 0, "--interval", "20ms")
    port = process.wait_for_output(r"127\.0\.0\.1:(\d+)").group(1)
    outcome, result = t.load(f"http://127.0.0.1:{port}/api/v1/events/stream", "-u", "10", "-r",
                             "10", "-t", "3s", "--event-time", "/sent_ms:ms", "--stale", "1m")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    same(result.json["clock"], {"offset_ms": 0, "error_ms": 0, "source": "same-host"}, "clock")
    same(result.count("sse_timed"), result.count("sse_events"), "events with a time")
    same(result.count("sse_timed{unit:ms}"), result.count("sse_events"), "in milliseconds")
    same(sum(samples(result, each) for each in (LIVE, REPLAY, HELD)), result.count("sse_events"),
         "latencies")
    check(samples(result, LIVE) > samples(result, REPLAY), "few are older than their connection")
    between(result.metrics[LIVE]["p50"], 0, 1000, "median latency")
    same((samples(result, NEGATIVE), samples(result, ABOVE)), (0, 0), "below zero, above fastest")
    same(result.count("sse_stale"), 0, "stale events")
    check("clock-uncertain" not in findings(result), f"no finding: {findings(result)}")
    contains(outcome.stdout, r"event latency +\d.*with a time of sending.*in ms.*clock +ours",
             "summary")


@test
def a_clock_ahead_is_seen_by_events_from_the_future(t):
    service = Service(t, ahead_s=AHEAD_S)
    outcome, result = load(t, service.url("/events"), "--event-time", "/sent_ms")
    same(samples(result, NEGATIVE), 50, "events from the future")
    between(result.metrics[NEGATIVE]["max"], 4000, 5000, "the one from farthest, in ms")
    same((samples(result, LIVE), samples(result, REPLAY)), (0, 0), "other latencies")
    same(result.count("sse_timed{unit:ms}"), 50, "events with a time, its unit guessed")
    contains(findings(result)["clock-uncertain"]["evidence"], "50 of them came before they were",
             "evidence")
    contains(outcome.stdout, "clock-uncertain", "summary")


@test
def a_clock_behind_makes_events_look_older_than_their_stream(t):
    service = Service(t, ahead_s=-AHEAD_S)
    _, result = load(t, service.url("/events"), "--event-time", "/sent_ms")
    same((samples(result, REPLAY), samples(result, LIVE)), (50, 0), "replayed and live")
    between(result.metrics[REPLAY]["min"], 5000, 6000, "the least latency, in ms")


@test
def the_clock_that_is_asked_corrects_by_no_more_than_its_error(t):
    for ahead_s in (AHEAD_S, -AHEAD_S):
        service = Service(t, ahead_s=ahead_s, pause_s=1)
        outcome, result = load(t, service.url("/events"), "--event-time", "/sent_ms", "--clock",
                               service.url("/time"), run_time="4s")
        clock = result.json["clock"]
        same(clock["source"], service.url("/time"), "source")
        between(clock["error_ms"], 0, 1000, "error")
        between(clock["offset_ms"], ahead_s * 1000 - clock["error_ms"] - 0.01,
                ahead_s * 1000 + clock["error_ms"] + 0.01, f"offset of {clock}")
        same(samples(result, REPLAY), 0, "replayed")
        same(samples(result, LIVE) + samples(result, NEGATIVE), 50, "live")
        between(result.metrics[LIVE]["p50"], 0, 1000, "median latency")
        same(result.count("http_reqs"), 1, "requests in the figures")
        same(len(result.json["endpoints"]), 1, "endpoints")
        contains(outcome.stdout, r"clock +[+-]\d+\.\d+ ms +ahead of ours", "summary")
        asked = len(service.server.seen("/time"))
        between(asked, 9, 10, "questions: one before the run, eight at once, one after 5 s")


@test
def a_clock_that_gives_no_time_is_told_before_the_start(t):
    service = Service(t)
    words = ("run", service.url("/events"), "-t", "1s", "--event-time", "/sent_ms", "--clock")
    text = serve(t, lambda peer, _: peer.send(head_with("Content-Length: 3") + b"no\n"))
    contains(t.refused(*words, text.url("/t")), "'--clock': no time from .*/t': its answer is no "
             r"time: 'no\\n'", "the sentence")
    codes = serve(t, lambda peer, _: peer.send(head_with("Content-Length: 6") + b"\x9b31m\x1b["))
    contains(t.refused(*words, codes.url("/t")), r"is no time: '\\x9b31m\\x1b\['", "the sentence")
    gone = serve(t, lambda peer, _: peer.send(head_with("Content-Length: 0", status="404 No")))
    contains(t.refused(*words, gone.url("/t")), "'--clock': no time from .*status 404",
             "the sentence")
    contains(t.refused(*words, "ftp://x/"), "'--clock'.*ftp://x/", "the sentence")
    same(service.server.seen("/events"), [], "requests for streams")


@test
def what_cannot_be_is_refused(t):
    run = ("run", "http://127.0.0.1:1/", "-t", "1s")
    contains(t.refused(*run, "--stale", "1s"), "'--stale' needs --event-time", "the sentence")
    contains(t.refused(*run, "--clock", "http://x/"), "'--clock' needs --event-time",
             "the sentence")
    contains(t.refused(*run, "--event-time", "sent_ms"), "'--event-time': .*sent_ms",
             "the sentence")
    contains(t.refused(*run, "--event-time", "id:h"), "'--event-time': 'h' is no unit",
             "the sentence")
    contains(t.refused(*run, "--event-time", "/t", "--stale", "0"), "'--stale'", "the sentence")


@test
def stale_events_are_counted_exactly(t):
    def answer(peer, _):
        peer.send(OK_HEAD)
        time.sleep(4)  # the connection has to be older than what is late on it
        for number in range(50):
            late_s = 3.5 if number % 5 == 0 else 0
            peer.send(event(time.time() - late_s))
        peer.hold()

    outcome, result = load(t, serve(t, answer).url(), "--event-time", "/sent_ms", "--stale", "3s",
                           run_time="6s")
    same(result.count("sse_stale"), 10, "stale events")
    same(samples(result, LIVE), 50, "live events")
    between(result.metrics[LIVE]["max"], 3500, 6000, "the latest, in ms")
    contains(outcome.stdout, r"stale +10\b", "summary")


@test
def what_a_resume_brings_again_is_kept_apart(t):
    missed, streams = [], []

    def answer(peer, request):
        streams.append(request.header("Last-Event-ID"))
        peer.send(head_with("Content-Type: text/event-stream") + b"retry: 10\n\n")
        for number, sent_s in missed:
            peer.send(event(sent_s, number))
        time.sleep(1)  # until the head has been read: what is sent then is live
        first = len(streams) * 100
        for number in range(first, first + 5):
            peer.send(event(time.time(), number))
        if len(streams) == 1:
            missed.extend((900 + number, time.time()) for number in range(7))
            return
        peer.hold()

    _, result = load(t, serve(t, answer).url(), "--event-time", "/sent_ms", run_time="4s")
    same(streams, [None, b"104"], "Last-Event-IDs")
    same(samples(result, REPLAY), 7, "replayed events")
    same(samples(result, LIVE), 10, "live events")
    same(result.count("sse_events"), 17, "events")


@test
def events_without_a_time_are_told(t):
    def answer(peer, _):
        peer.send(OK_HEAD)
        time.sleep(1)
        peer.send(f"id: {int(time.time() * 1000)}-0\ndata: a\n\n".encode())
        peer.send(b"data: no id of its own\n\n")
        peer.send(b"id: x\ndata: b\n\n" * 3)
        peer.hold()

    outcome, result = load(t, serve(t, answer).url(), "--event-time", "id")
    same(result.count("sse_timed{unit:ms}"), 1, "events with a time")
    same(result.count("sse_untimed"), 4, "events without")
    same(samples(result, LIVE), 1, "latencies")
    contains(outcome.stdout, r"without one +4\b", "summary")


@test
def a_server_elsewhere_has_a_clock_of_its_own(t):
    if IS_OVER_TLS:
        return  # the same once more would show nothing new
    check(shutil.which("unshare") and shutil.which("ip"), "unshare and ip are there")
    if subprocess.run(["unshare", "-Urn", "true"], check=False, capture_output=True).returncode:
        print("       this system lets nobody have a network of his own: not tested")
        return
    cicada, path = harness.cicada_path(), t.path("result.json")
    script = t.write("elsewhere.sh", f"""
set -e
ip link set lo up
ip route add local {ELSEWHERE} dev lo
{cicada} serve --host {ELSEWHERE} --port 8080 --interval 20ms >&2 &
trap 'kill $!' EXIT
until {cicada} tap http://{ELSEWHERE}:8080/healthz 2>&1 | grep -q content; do sleep 0.05; done
{cicada} run http://{ELSEWHERE}:8080/api/v1/events/stream -t 2s --event-time /sent_ms \\
    --processes 1 --json {path}
""")
    process = t.start("unshare", "-Urn", "sh", script)
    same(process.wait(60), 0, f"exit status ({process.output})")
    result = harness.Result(path)
    same(result.json["clock"], {"offset_ms": None, "error_ms": None, "source": "none"}, "clock")
    check(samples(result, LIVE) > 0, "there are live events")
    same(samples(result, ABOVE), samples(result, LIVE) + samples(result, NEGATIVE),
         "latencies above the fastest")
    same(result.metrics[ABOVE]["min"], 0, "the fastest itself")
    contains(findings(result)["clock-uncertain"]["title"], "nobody compared", "finding")
    contains(process.stdout, r"above the fastest.*clock +not compared", "summary")


def run_with_a_slow_worker(t, *words):
    """The worker is kept from running until 1.5 s after an event was sent."""
    may_send, has_sent = threading.Event(), threading.Event()

    def answer(peer, _):
        peer.send(OK_HEAD)
        peer.send(b"data: {}\n\n")
        may_send.wait(harness.LIMIT_S)
        peer.send(event(time.time()))
        has_sent.set()
        peer.hold()

    server, path = serve(t, answer), t.path("result.json")
    process = t.start_cicada("run", server.url(), "-t", "5s", "--processes", "1", "--event-time",
                             "/sent_ms", "--json", path, *words)
    server.wait_for_requests(1)
    wait_until(lambda: children_of(process.pid), "the worker")
    time.sleep(1)  # the connection is to be older than the event, by all clocks
    worker = children_of(process.pid)[0]
    os.kill(worker, signal.SIGSTOP)
    may_send.set()
    check(has_sent.wait(harness.LIMIT_S), "the event was sent")
    time.sleep(1.5)
    os.kill(worker, signal.SIGCONT)
    same(process.wait(), 0, f"exit status ({process.stderr})")
    harness.check_for_crash(process)
    return process, harness.Result(path)


@test
def the_kernel_knows_when_a_slow_worker_should_have_read(t):
    _, plain = run_with_a_slow_worker(t)
    between(plain.metrics[LIVE]["max"], 1400, 4000, "latency with our own delay, in ms")
    check("worker_receive_delay" not in plain.metrics, "nobody asked for stamps")

    process, stamped = run_with_a_slow_worker(t, "--kernel-timestamps")
    between(stamped.metrics[LIVE]["max"], 0, 1000, "latency by the kernel's time, in ms")
    between(stamped.metrics["worker_receive_delay"]["max"], 1400, 4000, "our delay, in ms")
    contains(process.stdout, r"event latency.*our delay in reading", "summary")


@test
def a_unix_socket_has_no_stamps_which_is_said(t):
    def answer(peer, _):
        peer.send(OK_HEAD)
        time.sleep(0.5)
        peer.send(event(time.time()))
        peer.hold()

    serve(t, answer, unix_path=t.path("socket"), tls=None)
    t.options = ()
    outcome, result = load(t, "http://localhost/", "--unix-socket", t.path("socket"),
                           "--event-time", "/sent_ms", "--kernel-timestamps")
    same(result.json["clock"]["source"], "same-host", "clock")
    same(samples(result, LIVE), 1, "latencies")
    check("worker_receive_delay" not in result.metrics, "there are no stamps")
    check(result.count("worker_receive_unstamped") > 0, "which is counted")
    contains(outcome.stdout, r"reads without a stamp +\d", "summary")


@test
def a_locust_file_has_the_same_figures(t):
    if IS_OVER_TLS:
        return  # how scripts trust certificates is tested elsewhere
    service = Service(t, ahead_s=AHEAD_S, pause_s=1)
    outcome, result, _ = script_runner.run(t, """
from locust import HttpUser

class Reader(HttpUser):
    @task
    def read(self):
        with self.client.get("/events", stream=True) as response:
            for _line in response.iter_lines():
                pass
""", "--host", service.url(""), "-t", "4s", "--event-time", "/sent_ms", "--stale", "1m",
                                           "--kernel-timestamps", "--clock", service.url("/time"))
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    clock = result.json["clock"]
    between(clock["offset_ms"], AHEAD_S * 1000 - clock["error_ms"] - 0.01,
            AHEAD_S * 1000 + clock["error_ms"] + 0.01, f"offset of {clock}")
    same(samples(result, LIVE) + samples(result, NEGATIVE), 50, "latencies")
    same(samples(result, REPLAY), 0, "replayed")
    check(samples(result, "worker_receive_delay") > 0, "delays")
    same([row["name"] for row in result.json["requests"]], ["/events"], "the script's requests")
    same(json.dumps(result.json["endpoints"]).count("/time"), 0, "questions in the figures")


if __name__ == "__main__":
    harness.main(jobs=4)
