#!/usr/bin/env python3
"""What real proxies in front of a service do at their limits and without it: HAProxy and nginx as
Debian ships them."""

import harness
from demo_service import Service
from finding_checks import PATH, alone, found, limit_of, load, load_calmly
from haproxy_server import HAProxy
from harness import between, contains, same, test
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
def nginxs_limit_of_connections_is_found_at_its_number(t):
    proxy = Nginx(t, nginx_location(Service(t).port, f"limit_conn all {LIMIT};"),
                  outside="limit_conn_zone $server_addr zone=all:1m;")
    _, result = load(t, proxy.url(PATH))
    same(limit_of(alone(result, "connection-limit")), LIMIT, "the limit")


@test
def nginxs_limit_of_requests_is_no_limit_of_connections(t):
    proxy = Nginx(t, nginx_location(Service(t).port, "limit_req zone=few;"),
                  outside="limit_req_zone $server_addr zone=few:1m rate=4r/s;")
    _, result = load(t, proxy.url(PATH))
    alone(result, "gateway-errors")


if __name__ == "__main__":
    harness.main(jobs=3)
