#!/usr/bin/env python3
"""The demo service: every endpoint, who may read what, resumption, heartbeats, processes."""

import json
import re
import signal
import socket
import time

import harness
from demo_service import CLIENT, LOGIN, STREAM_LIMIT_S, Service
from harness import between, check, contains, same, test, wait_until

FAST = "interval=10ms"
NOTIFICATIONS = "/api/v1/notifications/stream"
ANALYTICS = "/api/v1/analytics/stream"


def ids_of(events):
    return [int(each["id"]) for each in events]


def check_counts_up(events):
    ids = ids_of(events)
    same(ids, list(range(ids[0], ids[0] + len(ids))), "ids")


@test
def the_public_stream_counts_up_and_sets_retry(t):
    service = Service(t)
    stream = service.stream("/api/v1/events/stream?" + FAST)
    events = stream.take(10)
    check_counts_up(events)
    check(stream.retry and int(stream.retry) > 0, f"retry: is sent, got {stream.retry!r}")
    for each in events:
        contains(each["data"], r'^\{"seq":\d+,"sent_ms":\d+(\.\d+)?[,}]', "start of the data")
        data = json.loads(each["data"])
        between(data["sent_ms"], time.time() * 1000 - 60000, time.time() * 1000 + 100, "sent_ms")
    seqs = [json.loads(each["data"])["seq"] for each in events]
    same(seqs, list(range(seqs[0], seqs[0] + 10)), "seq")


@test
def interval_and_count_shape_one_stream(t):
    service = Service(t, "--heartbeat", "100ms")
    began = time.monotonic()
    stream = service.stream("/api/v1/events/stream?interval=100ms&count=4")
    stream.take(4)
    between(time.monotonic() - began, 0.25, 3, "seconds for four events")
    beats = len(stream.events) + len(stream.comments)
    stream.read_until(lambda: len(stream.events) + len(stream.comments) >= beats + 3)
    same(len(stream.real()), 4, "events, with the stream still open")


@test
def a_bad_interval_or_count_is_400(t):
    service = Service(t)
    for query in ("interval=soon", "interval=0", "count=-1", "count=many"):
        same(service.get("/api/v1/events/stream?" + query)[0], 400, f"status of {query}")


@test
def login_checks_what_it_is_sent(t):
    service = Service(t)
    path = "/api/v1/auth/login"
    status, headers, body = service.post(path, LOGIN)
    same(status, 200, "status")
    contains(headers["Content-Type"], "application/json", "type")
    answer = json.loads(body)
    check(answer["access_token"], "a token")
    same(answer["token_type"].lower(), "bearer", "kind of token")
    same(service.post(path, {**LOGIN, "password": "wrong"})[0], 401, "status of a wrong password")
    same(service.post(path, {**LOGIN, "email": "else@example.com"})[0], 401, "status of a stranger")
    same(service.post(path, "{not json")[0], 400, "status of bad JSON")
    same(service.post(path, "[1]")[0], 400, "status of another shape")
    same(service.get(path)[0], 405, "status of GET")


@test
def session_checks_what_it_is_sent(t):
    service = Service(t)
    path = "/api/v1/session/token"
    check(service.session(), "a token")
    # Published scripts bring this one.
    same(service.post(path, {**CLIENT, "client_id": "loadforge-sse-test-client"})[0], 200,
         "status of the older client")
    same(service.post(path, {**CLIENT, "client_secret": "x"})[0], 401, "status of a wrong secret")
    same(service.post(path, {**CLIENT, "client_id": "x"})[0], 401, "status of a wrong client")
    same(service.post(path, {**CLIENT, "grant_type": "x"})[0], 400, "status of another grant")


@test
def notifications_need_a_token_and_keep_to_their_topics(t):
    service = Service(t)
    same(service.status_of(NOTIFICATIONS), 401, "status without token")
    same(service.status_of(NOTIFICATIONS, "forged"), 401, "status of a forged token")
    token = service.token()
    changed = ("A" if token[-1] != "A" else "B")
    same(service.status_of(NOTIFICATIONS, token[:-1] + changed), 401, "status of a changed token")
    for topics in ("orders", "billing,alerts", "orders,billing,alerts"):
        events = service.stream(f"{NOTIFICATIONS}?topics={topics}&{FAST}", token).take(12)
        seen = {json.loads(each["data"])["topic"] for each in events}
        same(seen, set(topics.split(",")), f"topics of {topics}")
        same({each["event"] for each in events}, {"notification"}, "event names")


@test
def orders_resume_after_the_last_event_id(t):
    service = Service(t)
    path = "/api/v1/orders/ORD-10482/events?" + FAST
    first = service.stream(path).take(5)
    check_counts_up(first)
    resumed = service.stream(path, Last_Event_ID=first[2]["id"]).take(5)
    check_counts_up(resumed)
    same(ids_of(resumed)[0], ids_of(first)[2] + 1, "first id after the resume")
    same(resumed[:2], first[3:5], "events that come again")
    other = service.stream("/api/v1/orders/ORD-2/events?" + FAST).take(3)
    check(all("ORD-2" in each["data"] for each in other), "events name their own order")


@test
def the_history_of_an_order_is_bounded(t):
    service = Service(t, "--history", 5)
    path = "/api/v1/orders/ORD-7/events?" + FAST
    last = ids_of(service.stream(path).take(60))[-1]
    first = ids_of(service.stream(path, Last_Event_ID="1").take(3))[0]
    check(first > last - 20, f"events {first} on of {last}: at most five old ones were kept")


@test
def a_last_event_id_that_is_nonsense_does_no_harm(t):
    service = Service(t)
    for last_id in ("x", "-1", "99999999999999999999", "%00"):
        stream = service.stream("/api/v1/orders/ORD-8/events?" + FAST, Last_Event_ID=last_id)
        check_counts_up(stream.take(3))


def analytics(tenant="acme-co", region="us-east-1", channels="metrics,alerts"):
    return f"{ANALYTICS}?tenant={tenant}&region={region}&channels={channels}&{FAST}"


@test
def analytics_checks_token_scope_and_tenant(t):
    service = Service(t)
    token = service.session()
    same(service.status_of(analytics()), 401, "status without token")
    same(service.status_of(analytics(), "forged"), 401, "status of a forged token")
    same(service.status_of(analytics(), token), 200, "status of a good token")
    same(service.status_of(analytics(), service.token()), 403, "status without the scope")
    same(service.status_of(analytics("umbrella"), token), 403, "status of a foreign tenant")
    same(service.status_of(analytics(), token, X_Tenant_ID="globex"), 403,
         "status of two different tenants")
    same(service.status_of(analytics("globex"), token, X_Tenant_ID="globex"), 200,
         "status of the same tenant twice")


@test
def a_tenant_never_sees_the_events_of_another(t):
    service = Service(t)
    token = service.session()
    for tenant in ("acme-co", "globex", "initech"):
        for region in ("us-east-1", "eu-west-1"):
            for event in service.stream(analytics(tenant, region), token).take(15):
                data = json.loads(event["data"])
                same((data["tenant"], data["region"]), (tenant, region), "tenant and region")


@test
def analytics_keeps_to_its_channels(t):
    service = Service(t)
    token = service.session()
    for channels in ("alerts", "metrics,deployments", "metrics,alerts,deployments"):
        events = service.stream(analytics(channels=channels), token).take(18)
        same({each["event"] for each in events}, set(channels.split(",")), f"events of {channels}")


@test
def time_health_and_metrics_answer(t):
    service = Service(t)
    status, headers, body = service.get("/time")
    numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", body)]
    same(status, 200, "status of /time")
    check(any(abs(number - time.time() * 1000) < 60000 for number in numbers),
          f"the time in ms, got {body}")
    same(service.get("/healthz")[0], 200, "status of /healthz")
    stream = service.stream("/api/v1/events/stream?" + FAST)
    stream.take(5)
    status, headers, body = service.get("/metrics")
    same(status, 200, "status of /metrics")
    contains(headers["Content-Type"], "text/plain", "type of /metrics")
    for line in body.splitlines():
        check(re.fullmatch(r"(# (HELP|TYPE) .+|[a-z_]+(\{.*\})? [0-9.e+]+)", line),
              f"a line of Prometheus text: {line!r}")
    contains(body, r"events\w* [1-9]", "events that were sent")


@test
def what_is_not_there_is_404_or_405(t):
    service = Service(t)
    same(service.get("/nothing/here")[0], 404, "status of a strange path")
    same(service.post("/api/v1/events/stream", {})[0], 405, "status of POST to a stream")
    same(service.request("DELETE", "/time")[0], 405, "status of DELETE")


@test
def heartbeats_keep_a_silent_stream_alive(t):
    service = Service(t, "--heartbeat", "100ms", "--interval", "1h")
    stream = service.stream("/api/v1/events/stream")
    began = time.monotonic()
    stream.read_until(lambda: len(stream.comments) + len(stream.events) >= 5)
    between(time.monotonic() - began, 0.2, 5, "seconds for five heartbeats")


@test
def the_interval_option_is_the_default_pace(t):
    service = Service(t, "--interval", "20ms")
    began = time.monotonic()
    service.stream("/api/v1/events/stream").take(20)
    between(time.monotonic() - began, 0.2, 5, "seconds for twenty events")


@test
def two_processes_share_a_port_and_their_streams_resume(t):
    service = Service(t, "--processes", 2)
    same(len(harness.children_of(service.process.pid)) in (1, 2), True, "processes of one's own")
    path = "/api/v1/orders/ORD-9/events?" + FAST
    last, expected = None, None
    for _ in range(12):
        headers = {"Last_Event_ID": last} if last else {}
        events = service.stream(path, **headers).take(4)
        check_counts_up(events)
        if expected:
            same(ids_of(events)[0], expected, "first id after the resume")
        last, expected = events[-1]["id"], ids_of(events)[-1] + 1
    token, session = service.token(), service.session()
    for _ in range(8):
        same(service.status_of(NOTIFICATIONS, token), 200, "status of any process")
        same(service.status_of(analytics(), session), 200, "status of any process")


@test
def the_service_ends_with_its_signal(t):
    for number in (signal.SIGINT, signal.SIGTERM):
        service = Service(t, "--processes", 2)
        stream = service.stream("/api/v1/events/stream?" + FAST)
        stream.take(2)
        children = harness.children_of(service.process.pid)
        service.process.signal(number)
        service.process.wait(5)
        harness.check_for_crash(service.process)
        wait_until(lambda: not any(map(harness.is_alive, children)), "the children's end", 2)


@test
def the_service_and_run_agree_on_every_event(t):
    service = Service(t)
    outcome, result = t.load(service.url(f"/api/v1/events/stream?count=20&{FAST}"), "-u", 50, "-r",
                             500, "-t", "4s")
    same((outcome.status, result.count("sse_events")), (0, 1000), "exit status and events")


@test
def garbage_does_not_stop_the_service(t):
    service = Service(t)
    for junk in (b"\x00\xff\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100000,
                 b"GET " + b"a" * 200000,
                 b"POST /api/v1/auth/login HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
                 b"GET /time HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"):
        sock = socket.create_connection(("127.0.0.1", service.port), STREAM_LIMIT_S)
        with sock:
            try:
                sock.sendall(junk)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass
            except OSError:
                pass  # the service may cut such a peer
    same(service.get("/healthz")[0], 200, "status afterwards")
    harness.check_for_crash(service.process)


if __name__ == "__main__":
    harness.main(jobs=4)
