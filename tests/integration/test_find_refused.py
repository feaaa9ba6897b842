#!/usr/bin/env python3
"""What a service answers to those who ask for a stream: one finding for each cause, the right
number with a limit on connections, and none for what is our own."""

import harness
from demo_service import CLIENT, LOGIN, Service
from finding_checks import BUSY_S, PATH, alone, found, limit_of, load, load_calmly
from harness import between, check, contains, same, test
from raw_server import head_with, serve

STRICT = "/api/v1/notifications/stream?topics=alerts"


# --- limits on connections ---

@test
def a_limit_on_streams_is_found_at_its_number(t):
    service = Service(t, "--fault", "max-streams=20")
    _, result = load(t, service.url(PATH))
    finding = alone(result, "connection-limit")
    same(limit_of(finding), 20, f"the limit of {finding['title']}")
    contains(finding["title"], "status 503", "title")
    same(result.count("sse_connect_fails{code:503}"), service.metrics()["fault_refused_total"],
         "refusals")


@test
def it_is_certain_where_others_get_in_as_streams_end(t):
    service = Service(t, "--fault", "max-streams=20")
    _, result = load(t, service.url(PATH), "--stream-time", "2s", "--reconnect", "always",
                     "--retry-wait", "200ms", "--retry-max", "300ms", "--processes", 2, seconds=10)
    finding = alone(result, "connection-limit")
    same(finding["confidence"], "certain", "confidence")
    between(limit_of(finding), 18, 20, "the limit, though it is not always reached")


@test
def within_a_second_the_order_of_answers_tells_it_from_chance(t):
    limited = Service(t, "--fault", "max-streams=20")
    _, result = load(t, limited.url(PATH), rate=400, seconds=4)
    finding = alone(result, "connection-limit")
    same((limit_of(finding), finding["confidence"]), (20, "suspected"), "limit and confidence")
    chance = Service(t, "--fault", "status=503:50%")
    _, result = load(t, chance.url(PATH), rate=400, seconds=4)
    alone(result, "gateway-errors")


@test
def the_same_limit_is_found_for_streams_of_a_script(t):
    service = Service(t, "--fault", "max-streams=10")
    script = t.write("locustfile.py", f"""
from locust import HttpUser, constant, task

class Reader(HttpUser):
    wait_time = constant(1)

    @task
    def read(self):
        with self.client.get("{PATH}", headers={{"Accept": "text/event-stream"}}, stream=True,
                             name="stream") as response:
            for line in response.iter_lines():
                pass
""")
    _, result = t.load(script, "-H", service.url(""), "-u", 24, "-r", 4, "-t", "9s", limit_s=BUSY_S)
    same(limit_of(alone(result, "connection-limit")), 10, "the limit")


@test
def a_healthy_service_and_a_limit_that_is_not_reached_give_none(t):
    service = Service(t, "--fault", "max-streams=20")
    _, result = load(t, service.url(PATH), users=20)
    same(found(result), {}, "findings")


# --- answers ---

def check_status(t, status, code):
    service = Service(t, "--fault", f"status={status}:30%")
    _, result = load(t, service.url(PATH), users=100, rate=40, seconds=4)
    finding = alone(result, code)
    contains(finding["evidence"], f"status {status} ", "evidence")
    same(result.count(f"sse_connect_fails{{code:{status}}}"),
         service.metrics()["fault_statuses_total"], "answers of that kind")


@test
def what_a_client_did_wrong_has_its_finding_and_no_other(t):
    check_status(t, 429, "rate-limited")
    check_status(t, 401, "auth-rejections")
    check_status(t, 403, "auth-rejections")


@test
def what_a_service_did_wrong_has_its_finding_and_no_other(t):
    check_status(t, 500, "server-errors")
    check_status(t, 502, "gateway-errors")
    check_status(t, 503, "gateway-errors")


@test
def a_service_that_lets_nobody_in_is_told_so(t):
    service = Service(t)
    _, result = load(t, service.url(STRICT), users=5, seconds=2)
    finding = alone(result, "auth-rejections")
    contains(finding["title"], "rejects who asks", "title")


@test
def a_wrong_url_is_told_so(t):
    service = Service(t)
    _, result = load(t, service.url("/nowhere"), users=10, rate=50, seconds=4)
    finding = alone(result, "client-errors")
    contains(finding["title"], "No stream could be opened.*status 404", "title")
    contains(finding["evidence"], "10 of 10 attempts", "evidence")
    same(result.json["onset"], None, "the concurrency at which it began to fail")


@test
def a_page_instead_of_a_stream_is_named(t):
    server = serve(t, lambda peer, _: peer.send(
        head_with("Content-Type: text/html; charset=utf-8", "Content-Length: 5") + b"Hello"))
    _, result = load(t, server.url("/"), users=5, seconds=2)
    contains(alone(result, "wrong-content-type")["evidence"],
             r"5 of 5 attempts .*content type 'text/html; charset=utf-8'", "evidence")


# --- logins ---

def login_options(service, path="/api/v1/auth/login", body=None):
    fields = body or LOGIN
    text = "{" + ",".join(f'"{name}":"{value}"' for name, value in fields.items()) + "}"
    return ("--login", "POST " + service.url(path), "--login-data", text, "--token",
            "/access_token")


@test
def a_slow_login_is_found(t):
    service = Service(t, "--fault", "slow-login=1500ms")
    result = load_calmly(t, service.url(STRICT), *login_options(service), users=20, rate=10,
                         seconds=4)
    contains(alone(result, "slow-auth")["title"], r"1\.[5-9] s|[2-9]\.\d s", "title")


@test
def a_slow_login_of_a_script_is_likely_by_its_name(t):
    service = Service(t, "--fault", "slow-login=1500ms")
    script = t.write("locustfile.py", f"""
from locust import HttpUser, constant, task

class Reader(HttpUser):
    wait_time = constant(1)

    def on_start(self):
        answer = self.client.post("/api/v1/session/token", json={CLIENT!r})
        self.token = answer.json()["access_token"]

    @task
    def read(self):
        with self.client.get("{PATH}", headers={{"Accept": "text/event-stream"}}, stream=True,
                             name="stream") as response:
            for line in response.iter_lines():
                pass
""")
    result = load_calmly(t, script, "-H", service.url(""), users=10, rate=5)
    same(alone(result, "slow-auth")["confidence"], "likely", "confidence")


@test
def rejected_logins_are_told_as_such(t):
    service = Service(t)
    _, result = load(t, service.url(STRICT),
                     *login_options(service, body={**LOGIN, "password": "wrong"}), users=5,
                     seconds=2)
    contains(alone(result, "auth-rejections")["evidence"], "5 of 5 logins", "evidence")


# --- our own ---

@test
def our_own_limit_of_open_files_is_not_the_services(t):
    service = Service(t)
    # Files that the script opens itself leave its worker too few for its streams.
    script = t.write("locustfile.py", f"""
from locust import HttpUser, constant, events, task

kept = []

@events.test_start.add_listener
def take(**_):
    while len(kept) < 90:
        kept.append(open("/dev/null"))

class Reader(HttpUser):
    wait_time = constant(1)

    @task
    def read(self):
        with self.client.get("{PATH}", headers={{"Accept": "text/event-stream"}}, stream=True,
                             name="stream") as response:
            for line in response.iter_lines():
                pass
""")
    _, result = t.load(script, "-H", service.url(""), "-u", 80, "-r", 12, "-t", "9s",
                       "--processes", 1, limit_s=BUSY_S,
                       prefix=("sh", "-c", 'ulimit -n 160; exec "$@"', "sh"))
    check(result.count("sse_connect_fails{cause:local_limit}") > 5 or
          result.classes().get("local_limit", 0) > 5, f"our own limit, got {result.classes()}")
    same(found(result), {}, "findings")


if __name__ == "__main__":
    harness.main(jobs=3)
