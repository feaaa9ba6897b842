#!/usr/bin/env python3
"""Requests, reconnects and redirects as the WHATWG standard has them for EventSource."""

import harness
from harness import between, check, contains, same, test
from raw_server import CHUNKED_HEAD, OK_HEAD, SCHEME, chunk, head_with, script, serve, unused_port

NO_CONTENT = head_with(status="204 No Content")
STREAM = "Content-Type: text/event-stream"
TAP = ("--reconnect", "--timeout", "15s")
ONE_USER = ("-u", 1, "-r", 10, "--processes", 1)
# A timer may fire this much before the server sees the gap, and a busy machine this much after.
EARLY_S, LATE_S = 0.03, 1.5


def refusal(status, *headers):
    return head_with("Content-Length: 0", *headers, status=status)


def then_hold(data):
    def answer(peer, _):
        peer.send(data)
        peer.hold()
    return answer


def gaps(requests):
    """Seconds between the requests, as the server saw them."""
    return [later.at - earlier.at for earlier, later in zip(requests, requests[1:])]


def events_of(lines):
    return [(line["data"], line["id"]) for line in lines if "data" in line]


def errors_of(lines):
    return [line["error"] for line in lines if "error" in line]


@test
def the_request_is_that_of_an_event_source(t):
    server = serve(t, script(OK_HEAD))
    t.tap(server.url("/a/b?c=d%20e"))
    t.load(server.url("/a/b?c=d%20e"), *ONE_USER, "-t", "1s", "--reconnect", "never")
    requests = server.seen()
    same(len(requests), 2, "requests")
    for request in requests:
        same((request.method, request.target), ("GET", "/a/b?c=d%20e"), "request line")
        same(request.header("Accept"), b"text/event-stream", "Accept")
        same(request.header("Cache-Control"), b"no-cache", "Cache-Control")
        same(request.header("Host"), f"127.0.0.1:{server.port}".encode(), "Host")
        same(request.header("Last-Event-ID"), None, "Last-Event-ID of a first attempt")


@test
def headers_of_the_user_replace_the_usual_ones(t):
    server = serve(t, script(OK_HEAD))
    t.tap(server.url(), "-H", "Accept: */*", "-H", "X-Mine: a: b")
    t.load(server.url(), *ONE_USER, "-t", "1s", "--reconnect", "never", "--header", "Accept: */*",
           "--header", "X-Mine: a: b")
    for request in server.seen():
        same((request.header("Accept"), request.header("X-Mine")), (b"*/*", b"a: b"), "headers")


@test
def tap_prints_events_before_the_server_closes(t):
    server = serve(t, script(then_hold(OK_HEAD + b"event: named\nid: 1\ndata: early\n\n")))
    process = t.start_cicada("tap", "--json", server.url())
    process.wait_for_output(r'\{"event": ?"named", ?"data": ?"early", ?"id": ?"1"\}\n')


@test
def reconnect_sends_the_last_event_id_as_utf_8(t):
    server = serve(t, script(OK_HEAD + "retry: 20\nid: Δ-ключ-7\ndata: a\n\n".encode(), NO_CONTENT))
    outcome, lines = t.tap(*TAP, server.url())
    same(events_of(lines), [("a", "Δ-ключ-7")], "events")
    same(outcome.status, 0, "exit status after 204")
    first, second = server.seen()
    same(first.header("Last-Event-ID"), None, "first Last-Event-ID")
    same(second.header("Last-Event-ID"), "Δ-ключ-7".encode(), "second Last-Event-ID")


@test
def last_event_id_goes_on_through_streams_without_ids(t):
    server = serve(t, script(OK_HEAD + b"retry: 20\nid: 7\ndata: a\n\n", OK_HEAD + b"data: b\n\n",
                             OK_HEAD + b"id\ndata: c\n\n", NO_CONTENT))
    _, lines = t.tap(*TAP, server.url())
    same(events_of(lines), [("a", "7"), ("b", "7"), ("c", "")], "events")
    same([each.header("Last-Event-ID") for each in server.seen()], [None, b"7", b"7", None],
         "Last-Event-ID of each attempt")


@test
def nothing_of_a_partial_block_leaks_into_the_next_stream(t):
    server = serve(t, script(OK_HEAD + b"retry: 20\nid: 7\ndata: a\n\nevent: x\nid: 8\ndata: part",
                             OK_HEAD + b"\xef\xbb\xbfdata: b\n\nevent: y\ndata: part\n",
                             OK_HEAD + b"\ndata: c\n\ndata: d\r", OK_HEAD + b"\n\ndata: e\n\n\xc3",
                             OK_HEAD + b"\xa4data\ndata: f\n\n", NO_CONTENT))
    _, lines = t.tap(*TAP, server.url())
    same(events_of(lines), [(letter, "7") for letter in "abcef"], "events")
    check(all(line["event"] == "message" for line in lines if "data" in line), "event names")
    same({each.header("Last-Event-ID") for each in server.seen()[1:]}, {b"7"}, "Last-Event-ID")


@test
def retry_of_the_server_is_honoured(t):
    server = serve(t, script(OK_HEAD + b"retry: 400\n\n", OK_HEAD + b"retry: 4x\n\n", NO_CONTENT))
    t.tap(*TAP, "--retry-wait", "20ms", server.url())
    for gap in gaps(server.seen()):
        between(gap, 0.4 - EARLY_S, 0.4 + LATE_S, "seconds between attempts")


@test
def retry_wait_holds_until_the_server_says_otherwise(t):
    server = serve(t, script(OK_HEAD, OK_HEAD, NO_CONTENT))
    t.tap(*TAP, "--retry-wait", "300ms", server.url())
    for gap in gaps(server.seen()):
        between(gap, 0.3 - EARLY_S, 0.3 + LATE_S, "seconds between attempts")


@test
def the_wait_is_three_seconds_by_default(t):
    server = serve(t, script(OK_HEAD, NO_CONTENT))
    t.tap(*TAP, server.url())
    between(gaps(server.seen())[0], 3 - EARLY_S, 3 + LATE_S, "seconds between attempts")


@test
def retry_max_caps_what_the_server_asks_for(t):
    server = serve(t, script(OK_HEAD + b"retry: 60000\ndata: a\n\n"))
    outcome, result = t.load(server.url(), *ONE_USER, "-t", "2s", "--retry-max", "200ms")
    same(outcome.status, 0, "exit status")
    between(result.count("sse_reconnects"), 2, 10, "reconnects in two seconds")


@test
def a_204_stops_a_stream_for_good(t):
    server = serve(t, script(OK_HEAD + b"retry: 20\ndata: a\n\n", NO_CONTENT))
    _, result = t.load(server.url(), *ONE_USER, "-t", "1s")
    same(len(server.seen()), 2, "requests")
    check("status_2xx" not in result.classes(), "204 is no error")


def check_final(t, first, expected):
    server = serve(t, script(first, OK_HEAD + b"data: never\n\n"))
    outcome, result = t.load(server.url(), *ONE_USER, "-t", "1s", "--retry-wait", "20ms")
    same(len(server.seen()), 1, "requests of run")
    same((outcome.status, result.classes()), (1, {expected: 1}), "exit status and errors")
    server = serve(t, script(first, OK_HEAD + b"data: never\n\n"))
    outcome, lines = t.tap(*TAP, "--retry-wait", "20ms", server.url())
    same(len(server.seen()), 1, "requests of tap")
    same((outcome.status, errors_of(lines)), (1, [expected]), "exit status and errors of tap")


@test
def a_wrong_status_is_final_under_auto(t):
    check_final(t, refusal("503 Busy", "Retry-After: 0"), "status_5xx")


@test
def a_wrong_content_type_is_final_under_auto(t):
    check_final(t, head_with("Content-Type: text/plain", "Content-Length: 0"), "content_type")


@test
def a_wrong_status_on_a_resume_gives_up(t):
    server = serve(t, script(OK_HEAD + b"data: a\n\n", refusal("500 Oops")))
    outcome, result = t.load(server.url(), *ONE_USER, "-t", "1s", "--retry-wait", "20ms")
    same(len(server.seen()), 2, "requests")
    same((result.count("sse_gave_up"), outcome.status), (1, 1), "gave up, exit status")
    same(result.classes().get("status_5xx"), 1, "errors of class status_5xx")


@test
def network_errors_reconnect_under_auto(t):
    def reset(peer, _):
        peer.reset()

    def half_a_chunk(peer, _):
        peer.send(CHUNKED_HEAD + b"ff\r\nid: 5\ndata: a\n\n")

    server = serve(t, script(reset, half_a_chunk, OK_HEAD + b"data: b\n\n", NO_CONTENT))
    _, lines = t.tap(*TAP, "--retry-wait", "20ms", server.url())
    same(events_of(lines), [("a", "5"), ("b", "5")], "events")
    same([each.header("Last-Event-ID") for each in server.seen()], [None, None, b"5", b"5"],
         "Last-Event-ID of each attempt")
    same(errors_of(lines)[:2], ["reset", "closed_early"], "error lines")


@test
def a_refused_connection_is_tried_again_under_auto(t):
    outcome, result = t.load(f"{SCHEME}://127.0.0.1:{unused_port()}/", *ONE_USER, "-t", "1s",
                             "--retry-wait", "50ms")
    same(outcome.status, 1, "exit status")
    between(result.classes()["connect_refused"], 3, 21, "refused connections")
    same(result.count("sse_attempts"), result.count("sse_attempts{phase:first}")
         + result.count("sse_attempts{phase:resume}"), "attempts of both phases")


@test
def always_retries_and_honours_retry_after(t):
    server = serve(t, script(refusal("503 Busy", "Retry-After: 1"),
                             refusal("429 Slow", "Retry-After: 1"), refusal("408 Late"),
                             then_hold(OK_HEAD + b"data: a\n\n")))
    _, result = t.load(server.url(), *ONE_USER, "-t", "5s", "--reconnect", "always",
                       "--retry-wait", "100ms")
    requests = server.seen()
    same(len(requests), 4, "requests")
    for gap, low in zip(gaps(requests), (1.0, 1.0, 0.1)):
        between(gap, low - EARLY_S, low + LATE_S, "seconds between attempts")
    same(result.count("sse_events"), 1, "events")


@test
def always_does_not_retry_what_would_fail_again(t):
    server = serve(t, script(refusal("404 Not Found")))
    outcome, _ = t.load(server.url(), *ONE_USER, "-t", "1s", "--reconnect", "always",
                        "--retry-wait", "20ms")
    same((len(server.seen()), outcome.status), (1, 1), "requests and exit status")


@test
def never_opens_one_stream(t):
    server = serve(t, script(OK_HEAD + b"retry: 10\ndata: a\n\n"))
    outcome, result = t.load(server.url(), *ONE_USER, "-t", "1s", "--reconnect", "never")
    same(len(server.seen()), 1, "requests")
    same(result.count("sse_disconnects{cause:closed}"), 1, "disconnects")
    same((outcome.status, result.count("sse_reconnects")), (0, 0), "exit status and reconnects")


@test
def post_never_reconnects_under_auto(t):
    server = serve(t, script(OK_HEAD + b"retry: 10\ndata: a\n\n"))
    t.load(server.url(), *ONE_USER, "-t", "1s", "--method", "POST", "--data", "ask")
    requests = server.seen()
    same([(each.method, each.body) for each in requests], [("POST", b"ask")], "requests")


@test
def every_attempt_is_counted(t):
    ends, holds = OK_HEAD + b"retry: 50\nid: 1\ndata: a\n\n", then_hold(OK_HEAD + b"data: b\n\n")
    server = serve(t, script(*[ends] * 36, holds))
    outcome, result = t.load(server.url(), "-u", 4, "-r", 100, "-t", "3s")
    same(outcome.status, 0, "exit status")
    same(len(server.seen()), 40, "requests: the last four streams stay open")
    same(result.count("sse_attempts"), 40, "attempts")
    same(result.count("sse_attempts{phase:first}"), 4, "first attempts")
    same(result.count("sse_attempts{phase:resume}"), 36, "resumed attempts")
    same(result.count("sse_reconnects"), 36, "reconnects")
    same(result.count("sse_events"), 40, "events")
    same(result.count("sse_disconnects{cause:closed}"), 36, "disconnects")
    same(result.rate("sse_reconnect_success"), 1, "share of reconnects with an event")
    between(result.metrics["sse_recovery"]["min"], 49, 500, "shortest recovery in ms")
    resumed = [each.header("Last-Event-ID") for each in server.seen()]
    same((resumed.count(None), resumed.count(b"1")), (4, 36), "Last-Event-ID headers")


def check_redirect(t, status):
    handlers = {"/old": refusal(status, "Location: /new?x=1"),
                "/new": OK_HEAD + "retry: 20\nid: й\ndata: a\n\n".encode()}
    server = serve(t, lambda peer, request: peer.send(
        NO_CONTENT if len(server.seen()) > 4 else handlers[request.path]))
    _, lines = t.tap(*TAP, server.url("/old"))
    same(events_of(lines), [("a", "й")] * 2, "events")
    asked = [(each.target, each.header("Last-Event-ID")) for each in server.seen()[:4]]
    last_id = "й".encode()
    same(asked, [("/old", None), ("/new?x=1", None), ("/old", last_id), ("/new?x=1", last_id)],
         "requests")


for each_status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"):
    harness.tests.append((f"redirect {each_status} keeps the last event id",
                          lambda t, status=each_status: check_redirect(t, status)))


@test
def a_303_makes_a_get_of_a_post_and_a_307_does_not(t):
    for status, expected in (("303 See Other", ("GET", b"")), ("307 Again", ("POST", b"ask"))):
        server = serve(t, script(refusal(status, "Location: /new"), OK_HEAD + b"data: a\n\n"))
        outcome, _ = t.tap("-X", "POST", "-d", "ask", server.url("/old"))
        same(outcome.status, 0, "exit status")
        same([(each.method, each.body) for each in server.seen()], [("POST", b"ask"), expected],
             "requests")


@test
def a_redirect_to_another_origin_drops_credentials(t):
    other = serve(t, script(OK_HEAD + b"data: a\n\n"))
    server = serve(t, script(refusal("302 Found", f"Location: {other.url('/there')}")))
    t.tap("-H", "Authorization: Bearer secret", "-H", "X-Plain: kept", server.url())
    same(server.seen()[0].header("Authorization"), b"Bearer secret", "Authorization at first")
    same(other.seen()[0].header("Authorization"), None, "Authorization elsewhere")
    same(other.seen()[0].header("X-Plain"), b"kept", "other headers")
    same(other.seen()[0].header("Host"), f"127.0.0.1:{other.port}".encode(), "Host")


@test
def keep_alive_connections_are_used_again(t):
    def answer(peer, request):
        peer.send(CHUNKED_HEAD + chunk(b"retry: 20\ndata: a\n\n") + b"0\r\n\r\n")
        peer.is_kept = True

    server = serve(t, answer)
    t.load(server.url(), *ONE_USER, "-t", "1s")
    requests = server.seen()
    check(len(requests) >= 3, f"several streams, got {len(requests)}")
    same(len({each.peer_name for each in requests}), 1, "connections")


@test
def a_kept_connection_that_went_away_is_replaced(t):
    server = serve(t, script(head_with(STREAM, "Content-Length: 9") + b"data: a\n\n",
                             head_with(STREAM, "Content-Length: 9") + b"data: b\n\n", NO_CONTENT))
    outcome, lines = t.tap(*TAP, "--retry-wait", "50ms", server.url())
    same(([data for data, _ in events_of(lines)], errors_of(lines)), (["a", "b"], []), "events")
    same(outcome.status, 0, "exit status")


@test
def the_plain_view_shows_events_and_headers(t):
    server = serve(t, script(OK_HEAD + b"event: price\nid: 4\ndata: 17\n\n"))
    outcome = t.cicada("tap", server.url())
    same(outcome.status, 0, "exit status")
    for pattern in ("200", "text/event-stream", "price", "17"):
        contains(outcome.stdout + outcome.stderr, pattern, "the view")
    check("\x1b" not in outcome.stdout, "no colour where standard output is no terminal")


if __name__ == "__main__":
    harness.main(jobs=8)
