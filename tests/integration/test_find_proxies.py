#!/usr/bin/env python3
"""What real proxies in front of a service do at their limits and without it: HAProxy and nginx as
Debian ships them."""

import harness
from demo_service import Service
from finding_checks import BUSY_S, PATH, alone, found, limit_of, load, load_calmly
from haproxy_server import HAProxy
from harness import Result, between, check, contains, same, test, wait_until
from nginx_server import Nginx
from raw_server import unused_port

LIMIT = 20
QUESTION = '{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'


def nginx_location(port, words=""):
    return f"""
location / {{
    proxy_pass http://127.0.0.1:{port};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;
    {words}
}}
"""


def read_log(t):
    with open(t.path("error.log"), encoding="utf-8", errors="replace") as file:
        return file.read()


# --- HAProxy ---

@test
def haproxys_maxconn_of_a_server_is_found_at_its_number(t):
    proxy = HAProxy(t, Service(t).port, server=f"maxconn {LIMIT}", queue="300ms")
    _, result = load(t, proxy.url(PATH))
    finding = alone(result, "connection-limit")
    same(limit_of(finding), LIMIT, "the limit")
    contains(finding["title"], "status 503", "title")


@test
def haproxys_maxconn_of_a_frontend_leaves_streams_without_an_answer(t):
    proxy = HAProxy(t, Service(t).port, frontend=f"maxconn {LIMIT}")
    result = load_calmly(t, proxy.url(PATH), seconds=10)
    finding = alone(result, "connection-limit")
    same(limit_of(finding), LIMIT, "the limit")
    contains(finding["title"], "get no answer", "title")
    contains(finding["advice"], "From outside the two look the same", "advice")


@test
def haproxys_queue_that_moves_is_told_from_a_limit(t):
    proxy = HAProxy(t, Service(t).port, server=f"maxconn {LIMIT}")
    result = load_calmly(t, proxy.url("/v1/chat/completions?ttft=50ms&interval=20ms&tokens=75"),
                         "--profile", "openai", "--json-data", QUESTION, users=60, rate=20,
                         seconds=12)
    finding = alone(result, "worker-exhaustion")
    between(int(finding["title"].partition("about ")[2].split()[0]), LIMIT - 3, LIMIT, "the places")


@test
def haproxy_without_its_service_gives_gateway_errors(t):
    proxy = HAProxy(t, unused_port())
    _, result = load(t, proxy.url(PATH), users=5, seconds=3)
    contains(alone(result, "gateway-errors")["evidence"], "status 503 5 times", "evidence")


@test
def haproxy_with_room_gives_nothing(t):
    proxy = HAProxy(t, Service(t).port, server=f"maxconn {LIMIT}", queue="300ms")
    _, result = load(t, proxy.url(PATH), users=LIMIT)
    same(found(result), {}, "findings")


# --- nginx ---

@test
def nginx_without_its_service_gives_gateway_errors(t):
    proxy = Nginx(t, nginx_location(unused_port()))
    _, result = load(t, proxy.url(PATH), users=5, seconds=3)
    finding = alone(result, "gateway-errors")
    same(finding["confidence"], "certain", "confidence")
    contains(finding["title"], "a gateway is up, and the service behind it is not", "title")


@test
def what_nginx_answers_while_its_service_restarts_is_the_restarts(t):
    service = Service(t)
    proxy = Nginx(t, nginx_location(service.port))
    path = t.path("result.json")
    process = t.start_cicada("run", proxy.url(PATH), "-u", 40, "-r", 20, "-t", "12s",
                             "--reconnect", "always", "--retry-wait", "300ms",
                             "--retry-max", "1s", "--json", path)
    wait_until(lambda: service.metrics()["streams_open"] == 40, "all streams")
    service.process.kill()
    # Long enough that every stream has asked in vain.
    wait_until(lambda: len(read_log(t).split("connect() failed")) > 80, "answers without a service")
    again = Service(t, "--port", service.port)
    wait_until(lambda: again.metrics()["streams_open"] == 40, "all streams again")
    process.wait(BUSY_S)
    result = Result(path)
    check(result.count("sse_connect_fails{code:502}") >= 40, "answers by nginx alone")
    check("gateway-errors" not in found(result), f"no such finding: {found(result)}")


@test
def nginxs_limit_of_connections_is_found_at_its_number(t):
    proxy = Nginx(t, nginx_location(Service(t).port, f"limit_conn all {LIMIT};"),
                  outside="limit_conn_zone $server_addr zone=all:1m;")
    _, result = load(t, proxy.url(PATH))
    same(limit_of(alone(result, "connection-limit")), LIMIT, "the limit")


@test
def nginxs_worker_connections_count_two_a_stream(t):
    proxy = Nginx(t, nginx_location(Service(t).port), connections=64)
    _, result = load(t, proxy.url(PATH), users=60, rate=10, seconds=8)
    finding = alone(result, "connection-limit")
    between(limit_of(finding), 28, 31, "the limit, nginx's own connections taken off")
    contains(finding["advice"], "worker_connections gives 500", "advice")


@test
def nginxs_limit_of_requests_is_no_limit_of_connections(t):
    proxy = Nginx(t, nginx_location(Service(t).port, "limit_req zone=few;"),
                  outside="limit_req_zone $server_addr zone=few:1m rate=4r/s;")
    _, result = load(t, proxy.url(PATH))
    alone(result, "gateway-errors")


if __name__ == "__main__":
    harness.main(jobs=3)
