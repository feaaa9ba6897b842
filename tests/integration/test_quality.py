#!/usr/bin/env python3
"""What is wrong with events, counted and shown; what was expected of them; who answered."""

import threading
import time

import harness
from harness import between, check, contains, same, test
from raw_server import OK_HEAD, head_with, serve

STREAM = "Content-Type: text/event-stream"
BIG_BYTES = 1536 * 1024  # over the limit of a line
KINDS = ("unknown_field", "invalid_utf8", "json", "data", "too_large", "missing_event")


def holding(body, head=OK_HEAD):
    """Every connection gets the same bytes, then silence."""
    def answer(peer, _):
        peer.send(head + body)
        peer.hold()
    return answer


def ending(body):
    def answer(peer, _):
        peer.send(OK_HEAD + body)
    return answer


def load(t, server, *options, path="/", users=4, processes=1, **more):
    return t.load(server.url(path), "-u", users, "-r", 50, "-t", "2s", "--processes", processes,
                  *options, **more)


def kinds(result):
    """The malformed events by kind; the whole must be their sum."""
    counts = {kind: result.count(f"sse_malformed{{kind:{kind}}}") for kind in KINDS}
    same(result.count("sse_malformed"), sum(counts.values()), "malformed in all")
    return {kind: count for kind, count in counts.items() if count}


def texts(result, kind):
    return [example["text"] for example in result.json["examples"] if example["kind"] == kind]


# --- what is always looked at ---

SOUND = (b"\xef\xbb\xbf: hi\nretry: 5\nevent\nid: 1\ndata: gr\xc3\xbc\xc3\x9fe\n\n:\n\nid: \0\n"
         b"data:\ndata: {\n\n")
UNSOUND = (b"x: 1\ny: 2\ndata: two lines, one block\n\n"
           b"Data: no event\n\n"
           b"data: \xff\n\n"
           b"event: \xc0\xaf\ndata: \xff in both\n\n"
           b"event: \xe2\x82\ndata: only the name\n\n"
           b"z\ndata: \xfe two faults\n\n")


@test
def a_sound_stream_has_no_fault(t):
    server = serve(t, holding(SOUND))
    outcome, result = load(t, server)
    same((outcome.status, result.count("sse_events")), (0, 8), "exit status and events")
    same((kinds(result), result.json["examples"]), ({}, []), "faults and examples")
    check("malformed" not in outcome.stdout, f"nothing is said of it: {outcome.stdout}")


def count_unsound(t, processes):
    server = serve(t, holding(UNSOUND))
    outcome, result = load(t, server, processes=processes)
    same(outcome.status, 0, f"exit status: they are counted, not failures ({outcome.stdout})")
    same(result.count("sse_events"), 4 * 5, "events")
    same(kinds(result), {"unknown_field": 4 * 3, "invalid_utf8": 4 * 4}, "faults")
    same(len(texts(result, "unknown_field")), 3, "examples of a kind")
    same(len(result.json["examples"]), 6, "examples")
    check(set(texts(result, "unknown_field")) <= {"x: 1", "Data: no event", "z"}, "lines")
    check(set(texts(result, "invalid_utf8")) <=
          {"\\xff", "\\xff in both", "\\xe2\\x82", "\\xfe two faults"}, "data")
    contains(outcome.stdout,
             r"malformed +28 +unknown_field 12, invalid_utf8 16\n    unknown_field ", "summary")


@test
def each_fault_is_counted_once_a_block(t):
    count_unsound(t, 1)


@test
def two_processes_count_the_same_and_keep_three_examples_together(t):
    count_unsound(t, 2)


@test
def a_line_over_the_limit_is_counted_and_its_start_shown(t):
    server = serve(t, ending(b"data: a\n\ndata: begin " + b"- " * (BIG_BYTES // 2)))
    outcome, result = load(t, server, "--reconnect", "never", users=2)
    same((kinds(result), result.classes()), ({"too_large": 2}, {"too_large": 2}), "faults")
    same(outcome.status, 1, "exit status: a stream that is not taken up again")
    for text in texts(result, "too_large"):
        contains(text, r"^data: begin (- ?)+…$", "example")
        check(len(text.encode()) <= 200, "at most 200 bytes")


@test
def examples_are_short_and_hold_no_secrets(t):
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dBjftJeZ4CVPmB92K27uhbUJU1p1r"
    server = serve(t, holding(
        b'data: \xff{"user":"ana","password":"hunter2","n":1}\n\n'
        b"Authorization: Basic hunter2\n\n"
        b"data: \xff\x1b[31m " + token.encode() + b"\n\n"
        b"data: \xff" + "ü ".encode() * 300 + b"\n\n"))
    _, result = load(t, server, users=1)
    first, second, third = texts(result, "invalid_utf8")
    same(first, '\\xff{"user":"ana","password":"***","n":1}', "JSON")
    same(second, "\\xff\\x1b[31m ***", "a token and an escape")
    contains(third, r"^\\xff(ü )+ü?…$", "a long one")
    check(len(third.encode()) <= 200, "at most 200 bytes")
    same(texts(result, "unknown_field"), ["Authorization: ***"], "a header")
    for example in result.json["examples"]:
        same(example["endpoint"], server.url("/"), "endpoint")


# --- what is expected ---

@test
def data_that_is_no_json_fails_the_run(t):
    server = serve(t, holding(b'data: {"a":1}\n\ndata: {"a":\ndata: 2}\n\ndata: {"a":1,}\n\n'
                              b'data: 123456789012345678901234567890\n\ndata: "\\ud83e\\udd97"\n\n'
                              b"data: \n\ndata: {'a':1}\n\ndata: 01\n\ndata: \"\xff\"\n\n"))
    outcome, result = load(t, server, "--expect-json", users=2, processes=2)
    same(outcome.status, 1, "exit status")
    same(kinds(result), {"json": 2 * 5, "invalid_utf8": 2}, "faults")
    same(result.json["run"]["verdict"], "fail", "verdict")
    contains(outcome.stdout, r"10 events were not JSON \(--expect-json\)", "the reason")
    outcome, result = load(t, server, "--expect-json", "--events", 2, users=1)
    same((outcome.status, kinds(result)), (0, {}), "only sound ones")


@test
def every_value_must_be_there_and_be_the_same(t):
    server = serve(t, holding(
        b'data: {"tenant":"a","n":5,"ok":true,"no":null,"l":[{"x":"\\u0061"}]}\n\n'
        b'data: {"tenant":"b","n":5,"ok":true,"no":null,"l":[{"x":"a"}]}\n\n'
        b'data: {"tenant":"a","n":5.0,"ok":true,"no":null,"l":[{"x":"a"}]}\n\n'
        b'data: {"tenant":"a","n":5,"no":null,"l":[{"x":"a"}]}\n\n'
        b"data: no JSON\n\n"))
    wanted = [word for pair in ("/tenant=a", "/n=5", "/ok=true", "/no=null", "/l/0/x=a")
              for word in ("--expect-data", pair)]
    outcome, result = load(t, server, *wanted, users=3)
    same((outcome.status, kinds(result)), (1, {"data": 3 * 4}), "exit status and faults")
    contains(outcome.stdout, r"12 events did not hold what they should \(--expect-data\)", "reason")
    outcome, result = load(t, server, *wanted, "--events", 1, users=3)
    same((outcome.status, kinds(result)), (0, {}), "only sound ones")


@test
def each_user_sees_its_own_tenant_alone(t):
    def answer(peer, request):
        tenant = request.query.partition("=")[2]
        stray = b'data: {"tenant":"green"}\n\n' if tenant == "red" else b""
        peer.send(OK_HEAD + f'data: {{"tenant":"{tenant}"}}\n\n'.encode() * 3 + stray)
        peer.hold()

    server = serve(t, answer)
    feed = t.write("feed.csv", "tenant\nred\ngreen\nblue\n")
    outcome, result = load(t, server, "--feed", feed, "--expect-data", "/tenant={{tenant}}",
                           path="/?t={{tenant}}", users=6, processes=2)
    same(result.count("sse_events"), 20, "events")
    same((outcome.status, kinds(result)), (1, {"data": 2}), "exit status and faults")
    same(set(texts(result, "data")), {'{"tenant":"green"}'}, "examples")


@test
def a_stream_without_an_event_it_should_bring_has_failed(t):
    server = serve(t, holding(b"data: a\n\nevent: tick\ndata: b\n\n"))
    wanted = ("--expect-event", "message", "--expect-event", "tick", "--events", 2,
              "--iterations", 1)
    outcome, result = load(t, server, *wanted, users=3)
    same((outcome.status, kinds(result)), (0, {}), "both came")
    same(result.rate("sse_stream_success"), 1, "success")
    outcome, result = load(t, server, *wanted, "--expect-event", "done", users=3)
    same((outcome.status, kinds(result)), (1, {"missing_event": 3}), "one is missing")
    same(result.rate("sse_stream_success"), 0, "success")
    same(set(texts(result, "missing_event")), {"no 'done'"}, "examples")
    same(result.json["errors"], [], "errors of the network")
    contains(outcome.stdout, r"3 streams ended without an event they should bring", "the reason")


@test
def each_connection_must_bring_its_events_whoever_ends_it(t):
    lock, count = threading.Lock(), [0]

    def answer(peer, _):
        with lock:
            count[0] += 1
            turn = count[0]
        done = b"event: done\ndata: x\n\n" if turn == 2 else b""
        peer.send(OK_HEAD + b"retry: 1\ndata: a\n\n" + done)
        if turn > 2:
            peer.hold()

    server = serve(t, answer)
    outcome, result = load(t, server, "--expect-event", "done", "-t", "4s", users=1)
    same(len(server.seen()), 3, "connections")
    # The first was cut without it; the second had it; the last was open for more than a second.
    same((outcome.status, kinds(result)), (1, {"missing_event": 2}), "exit status and faults")


@test
def a_stream_that_reached_its_end_mark_must_have_brought_its_events_too(t):
    server = serve(t, holding(b"event: a\ndata: x\n\ndata: [DONE]\n\n"))
    words = ("--end-data", "[DONE]", "--iterations", 1, "--expect-event", "a")
    outcome, result = load(t, server, *words, users=2)
    same((outcome.status, result.count("sse_completed")), (0, 2), "all there")
    same(result.rate("sse_stream_success"), 1, "success")
    outcome, result = load(t, server, *words, "--expect-event", "b", users=2)
    same((outcome.status, kinds(result)), (1, {"missing_event": 2}), "one is missing")
    same((result.count("sse_completed"), result.rate("sse_stream_success")), (2, 0), "success")


# --- signs of life ---

@test
def a_silence_is_counted_once(t):
    served = threading.Event()

    def answer(peer, request):
        peer.send(OK_HEAD + b"data: a\n\n")
        served.wait(0.6)  # the silence itself: nobody sets this
        peer.send(b":\n" if request.path == "/comments" else b"data: b\n\n")
        peer.hold()

    server = serve(t, answer)
    for path in ("/", "/comments"):
        outcome, result = load(t, server, "--heartbeat", "250ms", "-t", "3s", path=path, users=2)
        same(outcome.status, 0, "exit status")
        same(result.count("sse_missed_heartbeats"), 2 * 2, "one between and one at the end")
        contains(outcome.stdout, r"missed heartbeats +4 ", "the summary")
    outcome, result = load(t, server, "--heartbeat", "10s", "-t", "2s", users=2)
    same(result.count("sse_missed_heartbeats"), 0, "none was as long as that")
    same(load(t, server, users=1)[1].count("sse_missed_heartbeats"), 0, "nobody asked")


@test
def bytes_of_any_kind_are_a_sign_of_life(t):
    def answer(peer, _):
        peer.send(OK_HEAD)
        peer.dribble(b":0123456789\n" * 20, 0.02)

    server = serve(t, answer)
    _, result = load(t, server, "--heartbeat", "2s", "-t", "3s", users=2)
    check(result.count("sse_comments") > 3, "comments")
    same(result.count("sse_missed_heartbeats"), 0, "silences")


# --- who answered ---

def alternating(*names, events=1):
    """Each attempt is answered by the next server, which ends the stream behind its events."""
    lock, count, log = threading.Lock(), [0], []

    def answer(peer, request):
        with lock:
            name = names[count[0] % len(names)]
            count[0] += 1
            log.append((name, request.header("Last-Event-ID") is not None))
        head = head_with(STREAM, b"X-Served-By: " + name)
        peer.send(head + b"retry: 20\n" + b"id: 1\ndata: x\n\n" * events)

    return answer, log


def by_server(result, metric):
    """count of a counter, passes of a rate, by server."""
    prefix = f"{metric}{{server:"
    return {name[len(prefix):-1]: value.get("count", value.get("passes"))
            for name, value in result.metrics.items() if name.startswith(prefix)}


@test
def figures_stand_by_server(t):
    answer, log = alternating(b"a", b"b", events=3)
    server = serve(t, answer)
    outcome, result = load(t, server, "--server-id", "header:x-served-by", users=1)
    names = [name.decode() for name, _ in log]
    check(len(names) > 4, f"reconnects: {names}")
    asked = {name: names.count(name) for name in ("a", "b")}
    attempts = by_server(result, "sse_attempts")
    same(set(attempts), {"a", "b"}, "servers")
    for name in attempts:  # the last answer may have come when the run was over
        between(attempts[name], asked[name] - 1, asked[name], f"attempts of {name}")
    same(by_server(result, "sse_connect_success"), attempts, "connected")
    events = by_server(result, "sse_events")
    same(sum(events.values()), result.count("sse_events"), "events")
    same(sum(by_server(result, "sse_disconnects").values()), result.count("sse_disconnects"),
         "disconnects")
    same(result.count("sse_resumed_elsewhere"), sum(attempts.values()) - 1, "resumed elsewhere")
    contains(outcome.stdout, r"Servers .*\n  [ab] +\d", "the summary")
    contains(outcome.stdout, r"attempts are spread evenly", "the summary")
    contains(outcome.stdout, r"resumed on another server than before", "the summary")


@test
def one_server_is_never_elsewhere_and_refusals_count_too(t):
    def answer(peer, request):
        if request.path == "/no":
            peer.send(head_with("X-Served-By: a{1}\tb", "Content-Length: 0",
                                status="503 Service Unavailable"))
        else:
            peer.send(head_with(STREAM, "X-Served-By: a{1}\tb") + b"retry: 20\nid: 1\ndata: x\n\n")

    server = serve(t, answer)
    _, result = load(t, server, "--server-id", "header:X-Served-By", users=1)
    check(result.count("sse_reconnects") > 2, "reconnects")
    same(list(by_server(result, "sse_events")), ["a?1??b"], "the name as a tag")
    same(result.count("sse_resumed_elsewhere"), 0, "resumed elsewhere")
    _, result = load(t, server, "--server-id", "header:X-Served-By", path="/no", users=3)
    same(by_server(result, "sse_attempts"), {"a?1??b": 3}, "attempts")
    same(result.metrics["sse_connect_success{server:a?1??b}"]["fails"], 3, "refused")
    _, result = load(t, server, "--server-id", "header:other", path="/no", users=3)
    same(by_server(result, "sse_attempts"), {}, "no such header")


@test
def what_is_missed_repeated_or_late_stands_by_server(t):
    numbers = {b"a": (1, 2, 4, 5), b"b": (1, 2, 2, 3), b"c": (1, 2, 3)}
    lock, pause, names = threading.Lock(), threading.Event(), list(numbers)

    def answer(peer, _):
        with lock:
            name = names.pop(0)
        peer.send(head_with(STREAM, b"X-Served-By: " + name))
        pause.wait(0.5)  # nobody sets this: what is sent behind the head's arrival is live
        for number in numbers[name]:
            data = f'{{"seq":{number},"at":{time.time() * 1000}}}'
            peer.send(f"data: {data}\n\n".encode())
        peer.hold()

    server = serve(t, answer)
    _, result = load(t, server, "--server-id", "header:x-served-by", "--event-seq", "/seq",
                     "--event-time", "/at:ms", users=3)
    same(by_server(result, "sse_missed"), {"a": 1}, "missed")
    same(by_server(result, "sse_duplicates"), {"b": 1}, "duplicates")
    same(by_server(result, "sse_events"), {"a": 4, "b": 4, "c": 3}, "events")
    live = by_server(result, "sse_event_latency")
    same(sum(live.values()), result.metrics["sse_event_latency"]["count"], "latencies")
    check(set(live) <= set("abc") and live, f"servers of latencies: {live}")


@test
def servers_past_the_limit_share_a_name(t):
    for processes in (1, 2):  # of two, each sees fewer than that
        answer, _ = alternating(*[f"host-{index:02}".encode() for index in range(60)])
        _, result = load(t, serve(t, answer), "--server-id", "header:x-served-by", "--reconnect",
                         "never", users=60, processes=processes)
        attempts = by_server(result, "sse_attempts")
        same((len(attempts), attempts["(other)"], sum(attempts.values())), (51, 10, 60), "servers")


# --- Locust files ---

SCRIPT = """
from locust import FastHttpUser, task

class Reader(FastHttpUser):
    @task
    def read(self):
        with self.client.get("/", stream=True, catch_response=True, name="/s") as response:
            for line in response.iter_lines():
                pass
            response.success()
        self.environment.runner.quit()
"""


def script_of(server):
    return SCRIPT.replace("    @task", f'    host = "{server.url("")}"\n\n    @task')


@test
def a_locust_file_has_the_same_figures_without_a_changed_line(t):
    server = serve(t, ending(b'x: 1\nevent: a\ndata: {"tenant":"b"}\n\ndata: {\n\n'))
    t.write("script.py", script_of(server))
    outcome, result = t.load("script.py", "-u", 1, "-t", "20s", "--expect-json", "--expect-data",
                             "/tenant=a", "--expect-event", "done", "--server-id", "header:x-none")
    same(kinds(result), {"unknown_field": 1, "json": 1, "data": 2, "missing_event": 1},
         f"faults ({outcome.stderr})")
    same(outcome.status, 1, "exit status")
    same(texts(result, "missing_event"), ["no 'done'"], "example")
    same({example["endpoint"] for example in result.json["examples"]}, {"/s"}, "endpoint")


@test
def a_locust_file_misses_heartbeats_too(t):
    ended = threading.Event()

    def answer(peer, _):
        peer.send(OK_HEAD + b"data: a\n\n")
        ended.wait(0.6)  # the silence itself: nobody sets this
        peer.send(b"data: b\n\n")

    server = serve(t, answer)
    t.write("script.py", script_of(server))
    _, result = t.load("script.py", "-u", 1, "-t", "20s", "--heartbeat", "200ms")
    same((result.count("sse_missed_heartbeats"), result.count("sse_events")), (1, 2), "silences")


# --- usage ---

@test
def wrong_values_are_told_before_the_start(t):
    for option, values, sentence in (
            ("--expect-data", ["/a"], "'/a' is not of the form POINTER=VALUE"),
            ("--expect-data", ["a=b"], "JSON Pointer 'a' does not start with '/'"),
            ("--expect-data", ["/a={{x}}"], "'{{x}}' needs a feed"),
            ("--expect-event", ["a", "a"], "'a' is given twice"),
            ("--expect-event", range(33), "more than 32 times"),
            ("--heartbeat", ["0"], ""),
            ("--server-id", ["x-served-by"], "'x-served-by' is not of the form header:NAME"),
            ("--server-id", ["header:"], "'header:' is not of the form header:NAME"),
            ("--server-id", ["header:a b"], "'header:a b' is not of the form header:NAME")):
        words = [word for value in values for word in (option, value)]
        message = t.refused("run", "http://127.0.0.1:1/", "-t", "1s", *words)
        check(f"option '{option}': {sentence}" in message, f"the sentence: {message}")
    t.write("script.py", SCRIPT)
    contains(t.refused("run", "script.py", "-t", "1s", "--expect-data", "/a={{x}}"),
             r"option '--expect-data': '/a=\{\{x\}\}' has a \{\{column\}\}", "of a Locust file")


if __name__ == "__main__":
    harness.main(jobs=4)
