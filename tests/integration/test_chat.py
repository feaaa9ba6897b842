#!/usr/bin/env python3
"""Language models: completions of the demo service, and the figures of `run --profile openai`."""

import contextlib
import http.client
import json
import time

import harness
from harness import between, check, contains, same, test, wait_until
from raw_server import CHUNKED_HEAD, chunk, head_with, serve

PATH = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "why do cicadas sing"}]
ONE = ("--profile", "openai", "-u", 1, "--iterations", 1, "-t", "20s")
LIMIT_S = 15


def body_of(**changes):
    return json.dumps({"model": "demo", "stream": True, "messages": QUESTION, **changes})


class Service:
    """A running `cicada serve`."""

    def __init__(self, t, *options):
        self.process = t.start_cicada("serve", "--port", 0, *options)
        self.port = int(self.process.wait_for_output(r"127\.0\.0\.1:(\d+)").group(1))

    def url(self, query=""):
        return f"http://127.0.0.1:{self.port}{PATH}{query}"

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)

    def ask(self, body, query="", connection=None):
        """Status, the time each line came at, and the lines."""
        connection = connection or self.connect()
        began = time.monotonic()
        connection.request("POST", PATH + query, body, {"Content-Type": "application/json",
                                                        "Authorization": "Bearer anything"})
        response = connection.getresponse()
        times, lines = [], []
        while line := response.readline():
            if line.strip():
                times.append(time.monotonic() - began)
                lines.append(line.decode().rstrip("\n"))
        response.close()
        return response, times, lines

    def chunks(self, body, query=""):
        """The chunks of a stream that ends with [DONE], and when each came."""
        response, times, lines = self.ask(body, query)
        same(response.status, 200, "status")
        contains(response.headers["Content-Type"], "^text/event-stream", "type")
        same(lines[-1], "data: [DONE]", "the last event")
        return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]], times

    def counters(self):
        connection = self.connect()
        connection.request("GET", "/metrics")
        words = [line.split() for line in connection.getresponse().read().decode().splitlines()
                 if not line.startswith("#")]
        return {name.removeprefix("cicada_serve_"): int(value) for name, value in words}


def contents(chunks):
    return [each["choices"][0]["delta"].get("content") for each in chunks if each["choices"]]


def is_near(actual_ms, truth_ms):
    return abs(actual_ms - truth_ms) <= 1


def median_off(actual_ms, truth_ms, what):
    check(is_near(actual_ms, truth_ms), f"{what}: {actual_ms} ms, the truth is {truth_ms}")


# --- the service ---

@test
def a_stream_has_the_form_of_a_completion(t):
    service = Service(t)
    chunks, _ = service.chunks(body_of(stream_options={"include_usage": True}),
                               "?tokens=3&ttft=0&interval=1ms")
    same(len({each["id"] for each in chunks}), 1, "ids of one answer")
    for each in chunks:
        same((each["object"], each["model"]), ("chat.completion.chunk", "demo"), "object, model")
        between(each["created"], time.time() - 60, time.time() + 1, "created")
    same(chunks[0]["choices"], [{"index": 0, "delta": {"role": "assistant", "content": ""},
                                 "finish_reason": None}], "the first chunk")
    same([bool(text) for text in contents(chunks)], [False, True, True, True, False], "texts")
    same(chunks[4]["choices"], [{"index": 0, "delta": {}, "finish_reason": "stop"}], "the last one")
    same([each["usage"] for each in chunks[:-1]], [None] * 5, "usage before the end")
    same(chunks[-1]["choices"], [], "choices beside the usage")
    same(chunks[-1]["usage"], {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7},
         "usage")


@test
def usage_comes_only_when_asked_for(t):
    chunks, _ = Service(t).chunks(body_of(), "?tokens=2&ttft=0&interval=0")
    check(all("usage" not in each for each in chunks), "no usage")
    same(len(chunks), 4, "chunks")


@test
def limits_of_a_request_shorten_the_answer(t):
    service = Service(t, "--chat-tokens", 5, "--chat-ttft", 0, "--chat-interval", 0)
    for changes, count, reason in (({}, 5, "stop"), ({"max_tokens": 2}, 2, "length"),
                                   ({"max_completion_tokens": 3}, 3, "length"),
                                   ({"max_tokens": 5}, 5, "stop"), ({"max_tokens": 9}, 5, "stop"),
                                   ({"max_tokens": None}, 5, "stop")):
        chunks, _ = service.chunks(body_of(**changes))
        same(sum(bool(text) for text in contents(chunks)), count, f"tokens with {changes}")
        same(chunks[-1]["choices"][0]["finish_reason"], reason, f"the reason with {changes}")


@test
def texts_come_at_their_times_and_do_not_drift(t):
    _, times = Service(t).chunks(body_of(), "?tokens=40&ttft=150ms&interval=10ms")
    off = [(came - 0.15 - index * 0.01) * 1000 for index, came in enumerate(times[1:41])]
    # A busy machine makes some late: what drifts makes all of them late.
    between(min(off[:10]), -1, 5, "ms behind the truth at the start")
    between(min(off[30:]), -1, 5, "ms behind the truth at the end")


@test
def answers_are_counted_by_the_status_they_had(t):
    service = Service(t, "--chat-ttft", 0, "--chat-interval", 0)
    for query, changes in (("", {}), ("?fail_after=1", {}), ("?cut_after=1", {}), ("", {"n": 2}),
                           ("?fail_after=1", {"stream": False})):
        with contextlib.suppress(http.client.HTTPException):
            service.ask(body_of(**changes), query)
    with contextlib.suppress(http.client.HTTPException):
        service.ask(body_of(stream=False), "?cut_after=1")
    counters = service.counters()
    same([counters[f'responses_total{{code="{code}"}}'] for code in (200, 400, 500)], [3, 1, 1],
         "responses of 200, 400 and 500: one was cut before its head")


@test
def a_whole_answer_takes_the_time_of_its_tokens(t):
    service = Service(t)
    connection = service.connect()
    response, times, lines = service.ask(body_of(stream=False),
                                         "?tokens=4&ttft=100ms&interval=50ms", connection)
    between(times[0], 0.249, 2, "seconds")
    contains(response.headers["Content-Type"], "^application/json", "type")
    answer = json.loads(lines[0])
    same(answer["object"], "chat.completion", "object")
    same(answer["choices"][0]["message"]["role"], "assistant", "role")
    same(len(answer["choices"][0]["message"]["content"].split()), 4, "words")
    same(answer["choices"][0]["finish_reason"], "stop", "the reason")
    same(answer["usage"], {"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8}, "usage")
    same(service.ask(body_of(), "?tokens=1&ttft=0", connection)[2][-1], "data: [DONE]",
         "the next one on the same connection")
    same(service.ask(body_of(), "?tokens=1&ttft=0", connection)[2][-1], "data: [DONE]",
         "and the one behind a stream")


@test
def faults_come_behind_as_many_tokens_as_asked_for(t):
    service = Service(t, "--chat-ttft", 0, "--chat-interval", "1ms")
    for count in (0, 3, 100):
        _, _, lines = service.ask(body_of(), f"?fail_after={count}")
        same(len(lines), count + 2, "lines with an error")
        error = json.loads(lines[-1].removeprefix("data: "))["error"]
        same(sorted(error), ["code", "message", "param", "type"], "the error's members")
        _, _, lines = service.ask(body_of(), f"?cut_after={count}")
        same(len(lines), count + 1, "lines in front of a cut")
        check("[DONE]" not in lines[-1], "cut in front of the end")
    same(service.ask(body_of(), "?tokens=2&fail_after=3")[2][-1], "data: [DONE]", "none left")
    same(service.ask(body_of(stream=False), "?fail_after=1")[0].status, 500, "a whole answer")


@test
def bad_requests_are_refused_in_openai_form(t):
    service = Service(t)
    for body, query, parameter in (
            ("{", "", None), ("[]", "", None), ("", "", None), ("{}", "", "messages"),
            (body_of(messages=[]), "", "messages"), (body_of(messages="x"), "", "messages"),
            (body_of(messages=[{"content": "x"}]), "", "messages"), (body_of(n=2), "", "n"),
            (body_of(stream="yes"), "", "stream"), (body_of(model=5), "", "model"),
            (body_of(max_tokens=0), "", "max_tokens"), (body_of(max_tokens="5"), "", "max_tokens"),
            (body_of(), "?ttft=x", "ttft"), (body_of(), "?interval=2h", "interval"),
            (body_of(), "?tokens=100001", "tokens"), (body_of(), "?fail_after=-1", "fail_after"),
            (body_of(), "?fail_after=1&cut_after=1", "cut_after")):
        response, _, lines = service.ask(body, query)
        same(response.status, 400, f"status of {body} {query}")
        error = json.loads(lines[0])["error"]
        same((error["param"], error["type"]), (parameter, "invalid_request_error"),
             f"{body} {query}")
    connection = service.connect()
    connection.request("GET", PATH)
    same(connection.getresponse().status, 405, "a GET")


@test
def what_was_answered_is_counted(t):
    service = Service(t, "--chat-ttft", 0, "--chat-interval", 0)
    service.ask(body_of(), "?tokens=200")
    service.ask(body_of(stream=False), "?tokens=5")
    service.ask("{")
    counters = service.counters()
    same((counters["chat_completions_total"], counters["chat_tokens_total"]), (2, 205), "counters")
    same(counters["streams_open"], 0, "streams open")


@test
def peers_that_leave_are_forgotten(t):
    service = Service(t)
    for stream in (True, False):
        connection = service.connect()
        connection.request("POST", PATH + "?tokens=1000&interval=1s", body_of(stream=stream),
                           {"Content-Type": "application/json"})
        wait_until(lambda: service.counters()["chat_completions_total"] == 2 - stream, "the answer")
        connection.close()
    wait_until(lambda: service.counters()["streams_open"] == 0, "the end of the stream")


@test
def bad_options_of_the_service_are_refused(t):
    for words in (("--chat-ttft", "2h"), ("--chat-interval", "none"), ("--chat-tokens", 100001)):
        contains(t.refused("serve", "--port", 0, *words), words[0], "the option")


# --- run ---

@test
def figures_are_within_a_millisecond_of_the_truth(t):
    service = Service(t)
    for _ in range(3):  # a machine busy with other things makes every first token late
        outcome, result = t.load(service.url("?tokens=40&ttft=150ms&interval=25ms"), "--profile",
                                 "openai", "--json-data", body_of(), "-u", 3, "-r", 3, "-t", "6s")
        same(outcome.status, 0, f"exit status ({outcome.stderr})")
        metrics, finished = result.metrics, result.count("sse_completed")
        check(finished >= 6, f"{finished} answers")
        if is_near(metrics["sse_ttft"]["p50"], 150):
            break
    median_off(metrics["sse_ttft"]["p50"], 150, "to the first token")
    median_off(metrics["sse_inter_token"]["p50"], 25, "between tokens")
    between(metrics["sse_tokens_per_s"]["p50"], 39.5, 40.5, "tokens a second")
    same(metrics["sse_tokens_per_s"]["count"], finished, "speeds")
    same(result.count("sse_tokens{counted:usage}"), finished * 40, "tokens by usage")
    same(result.count("sse_disconnects"), 0, "disconnects")
    check(metrics["sse_connecting{part:connect}"]["count"] <= 3, "connections are used again")
    contains(outcome.stdout, r"first token .*between tokens .*tokens/s of an answer .*by usage",
             "the summary")
    same(service.counters()["chat_tokens_total"] >= finished * 40, True, "the service agrees")


def answer(*events, end=b"0\r\n\r\n"):
    """A handler that sends these texts as data, all at once, and then ends the response."""
    def handle(peer, _):
        peer.send(CHUNKED_HEAD + b"".join(chunk(f"data: {event}\n\n".encode())
                                          for event in events) + end)
    return handle


def delta(text):
    return json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]})


@test
def chunks_are_counted_where_the_service_gives_no_usage(t):
    server = serve(t, answer(delta(""), delta("a"), delta("b"), delta("c"), "[DONE]"))
    outcome, result = t.load(server.url(PATH), *ONE, "--json-data", body_of())
    same(outcome.status, 0, "exit status")
    same(result.count("sse_tokens{counted:chunks}"), 3, "tokens by chunks")
    same(result.count("sse_tokens{counted:usage}"), 0, "tokens by usage")
    same(result.metrics["sse_inter_token"]["count"], 2, "times between tokens")
    same(result.metrics["sse_inter_token"]["min"], 0, "two tokens in one read")
    same(result.count("sse_completed"), 1, "completed")


@test
def an_answer_without_its_end_is_a_failure(t):
    server = serve(t, answer(delta("a"), delta("b")))
    outcome, result = t.load(server.url(PATH), *ONE, "--json-data", body_of())
    same(outcome.status, 1, "exit status")
    contains(outcome.stdout, "1 stream ended before the end mark", "the verdict")
    same([(each["class"], each["message"]) for each in result.json["errors"]],
         [("closed_early", "ended without [DONE]")], "errors")
    same(result.metrics["sse_stream_success"]["fails"], 1, "failed streams")
    same(result.count("sse_tokens{counted:chunks}"), 2, "tokens that came")
    check("sse_tokens_per_s" not in result.metrics, "no speed")
    same(len(server.requests), 1, "a POST is not sent again")


@test
def a_cut_answer_keeps_the_class_of_its_cut(t):
    service = Service(t, "--chat-interval", "1ms", "--chat-ttft", "1ms")
    outcome, result = t.load(service.url("?cut_after=3"), *ONE, "--json-data", body_of())
    same(outcome.status, 1, "exit status")
    same(result.classes(), {"closed_early": 1}, "classes")
    same(result.count("sse_incomplete"), 1, "incomplete")
    same(result.count("sse_gave_up"), 0, "users that gave up reconnecting")


@test
def an_error_in_the_stream_is_a_failure(t):
    service = Service(t, "--chat-interval", "1ms", "--chat-ttft", "1ms")
    outcome, result = t.load(service.url("?fail_after=3"), *ONE, "--json-data", body_of())
    same(outcome.status, 1, "exit status")
    same(len(result.json["errors"]), 1, "errors")
    same(result.json["errors"][0]["class"], "closed_early", "class")
    contains(result.json["errors"][0]["message"], "^error in the stream: the answer failed",
             "message")
    same(result.count("sse_incomplete"), 1, "incomplete")
    same(result.metrics["sse_stream_success"]["fails"], 1, "failed streams")


@test
def the_usage_is_asked_for_and_the_rest_of_the_body_kept(t):
    server = serve(t, answer(delta("a"), "[DONE]"))
    feed = t.write("feed.csv", 'question\n"say ""hi"""\n')
    text = ' {"stream" : true,\n "messages":[{"role":"user","content":"{{question}}"}] } \n'
    for words in (("--json-data", text), ("--data", text),
                  ("--json-data", "@" + t.write("b", text)), ("--data", "@" + t.write("c", text))):
        outcome = t.cicada("run", server.url(PATH), *ONE, *words, "--feed", feed)
        same((outcome.status, outcome.stderr), (0, ""), f"{words}")
    for request in server.requests:
        same(json.loads(request.body),
             {"stream": True, "messages": [{"role": "user", "content": 'say "hi"'}],
              "stream_options": {"include_usage": True}}, "the body")
        same(request.header("Content-Type"), b"application/json", "its type")
        check(request.body.startswith(text[:20].encode()), "as it was written")
    same(len(server.requests), 4, "requests")


@test
def bodies_that_cannot_be_added_to_are_left_alone_with_a_warning(t):
    server = serve(t, answer(delta("a"), "[DONE]"))
    feed = t.write("feed.csv", "limit\n7\n")
    own = body_of(stream_options={"include_usage": False})
    for words, body in (
            (("--json-data", '{"stream":true,"max_tokens":{{limit}}}', "--feed", feed),
             b'{"stream":true,"max_tokens":7}'), (("--data", "a=b"), b"a=b"),
            (("--json-data", own), own.encode())):
        outcome = t.cicada("run", server.url(PATH), *ONE, *words)
        same(outcome.status, 0, f"exit status ({outcome.stderr})")
        contains(outcome.stderr, "tokens are counted by chunks", "the warning")
        same(server.requests[-1].body, body, "the body")


@test
def prompts_come_from_a_feed(t):
    server = serve(t, answer(delta("a"), "[DONE]"))
    feed = t.write("feed.csv", "question\none\ntwo\nthree\n")
    body = body_of(messages=[{"role": "user", "content": "{{question}}"}])
    outcome, result = t.load(server.url(PATH), "--profile", "openai", "--json-data", body, "--feed",
                             feed, "-u", 3, "-r", 10, "--iterations", 2, "-t", "20s")
    same(outcome.status, 0, "exit status")
    asked = sorted(json.loads(each.body)["messages"][0]["content"] for each in server.requests)
    same(asked, ["one", "one", "three", "three", "two", "two"], "questions")
    same(result.count("sse_completed"), 6, "completed")


@test
def users_ask_again_until_the_run_ends(t):
    server = serve(t, answer(delta("a"), "[DONE]"))
    outcome, result = t.load(server.url(PATH), "--profile", "openai", "--json-data", body_of(),
                             "--wait", "100ms", "-t", "2s")
    same(outcome.status, 0, "exit status")
    between(result.count("sse_completed"), 3, 21, "answers")


@test
def end_data_ends_a_get_stream_whose_response_stays_open(t):
    def handle(peer, _):
        peer.send(CHUNKED_HEAD + chunk(b"data: a\n\ndata: bye\n\ndata: late\n\n"))
        peer.hold()

    server = serve(t, handle)
    outcome, result = t.load(server.url(), "--end-data", "bye", "--iterations", 2, "-t", "20s")
    same(outcome.status, 0, "exit status")
    check(outcome.seconds < 15, f"the run ends with its users, not after {outcome.seconds} s")
    same(result.count("sse_completed"), 2, "completed")
    same(result.count("sse_events"), 4, "events up to the mark")
    same(result.count("sse_disconnects"), 0, "disconnects")
    same(result.metrics["sse_duration"]["count"], 2, "lives")


@test
def a_get_stream_without_its_end_data_is_taken_up_again(t):
    steps = [answer("a"), answer("b", "bye")]

    def handle(peer, request):
        steps[min(len(server.requests), 2) - 1](peer, request)

    server = serve(t, handle)
    outcome, result = t.load(server.url(), "--end-data", "bye", "--iterations", 1, "--retry-wait",
                             "50ms", "-t", "20s")
    same(outcome.status, 0, "exit status: a disconnect that recovers is no failure")
    same(result.classes(), {"closed_early": 1}, "classes")
    same([each["message"] for each in result.json["errors"]], ["ended without bye"], "messages")
    same((result.count("sse_completed"), result.count("sse_incomplete")), (1, 0), "ends")


@test
def end_data_of_ones_own_replaces_done(t):
    server = serve(t, answer(delta("a"), "[DONE]", delta("b"), "over"))
    outcome, result = t.load(server.url(PATH), *ONE, "--end-data", "over", "--json-data", body_of())
    same(outcome.status, 0, "exit status")
    same(result.count("sse_tokens"), 2, "tokens")
    same(result.metrics["sse_tokens_per_s"]["count"] if "sse_tokens_per_s" in result.metrics else 0,
         0, "speeds of two tokens in one read")


@test
def a_refusal_is_a_failed_attempt(t):
    server = serve(t, lambda peer, _: peer.send(head_with("Content-Length: 0",
                                                          status="429 Too Many Requests")))
    outcome, result = t.load(server.url(PATH), *ONE, "--json-data", body_of())
    same(outcome.status, 1, "exit status")
    same(result.classes(), {"status_4xx": 1}, "classes")


@test
def scripts_get_the_same_figures(t):
    script = t.write("chat.py", """
from locust import HttpUser, task

class Asker(HttpUser):
    @task
    def ask(self):
        question = {"stream": True, "stream_options": {"include_usage": True},
                    "messages": [{"role": "user", "content": "why"}]}
        with self.client.post("%s?tokens=4&ttft=50ms&interval=10ms", stream=True, name="chat",
                              json=question) as response:
            for line in response.iter_lines():
                pass
""" % PATH)
    service = Service(t)
    outcome, result = t.load(script, "--host", f"http://127.0.0.1:{service.port}", "--profile",
                             "openai", "-u", 1, "-t", "2s")
    same(outcome.status, 0, f"exit status ({outcome.stderr})")
    median_off(result.metrics["sse_inter_token"]["p50"], 10, "between tokens")
    count = result.metrics["sse_tokens_per_s"]["count"]
    check(count > 3, f"{count} answers")
    between(result.count("sse_tokens{counted:usage}"), 4 * count, 4 * count + 4, "tokens")


@test
def bad_usage_is_said_in_a_sentence(t):
    url = "http://127.0.0.1:9" + PATH
    for words, pattern in (
            (("--profile", "openai"), "needs a body"),
            (("--profile", "openai", "--json-data", "{}"), '"stream": true'),
            (("--profile", "openai", "--json-data", '{"stream":false}'), '"stream": true'),
            (("--profile", "openai", "--data", '{"stream":"true"}'), '"stream": true'),
            (("--profile", "openai", "--data", '{"stream"'), "not JSON"),
            (("--profile", "gemini", "--json-data", body_of()), "profile.*openai"),
            (("--end-data", ""), "end-data")):
        contains(t.refused("run", url, *words, "-t", "1s"), pattern, f"{words}")


if __name__ == "__main__":
    harness.main(jobs=3)
