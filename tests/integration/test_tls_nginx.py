#!/usr/bin/env python3
"""Exact counts over the TLS of Debian's nginx: versions, tickets, reloads, deaths, gzip, redirects,
passwords. nginx stands in front of the demo service, or publishes through nchan."""

import os
import re
import signal
import subprocess
import urllib.request

import harness
from harness import between, check, children_of, contains, same, test, wait_until
from nginx_server import NCHAN, Nginx, ask
from raw_server import unused_port
from tls_server import client_context, pem_path, trust

STREAMS, EVENTS, MESSAGES = 20, 40, 30
USER, PASSWORD = "ann", "s3cret-p:ss"
STREAM = "/api/v1/events/stream"
# The service's answers pass as they come; a worker that is told to go cuts them after 100 ms.
OUTSIDE = """
server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    ssl_protocols {protocols};
    ssl_session_tickets on;
    {tickets}
    proxy_pass_header Server;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffering off;
    location /api/ {{ proxy_pass http://127.0.0.1:{upstream}; }}
    location /packed/ {{
        gzip on;
        gzip_types text/event-stream;
        gzip_min_length 0;
        proxy_pass http://127.0.0.1:{upstream}/api/;
    }}
    location /private/ {{
        auth_basic "a realm";
        auth_basic_user_file {folder}/htpasswd;
        proxy_pass http://127.0.0.1:{upstream}/api/;
    }}
    {nchan}
}}
"""


class SecureNginx:
    """nginx with TLS at `port`, before a `cicada serve` of its own."""

    def __init__(self, t, protocols="TLSv1.2 TLSv1.3", tickets=""):
        service = t.start_cicada("serve", "--port", 0)
        match = service.wait_for_output(r"listening on http://127\.0\.0\.1:(\d+)")
        self.upstream = match.group(1)
        self.port = unused_port()
        for name in ("server.pem", "server.key"):
            pem_path(t, name)
        hashed = subprocess.run(["openssl", "passwd", "-apr1", PASSWORD], capture_output=True,
                                check=True).stdout.decode().strip()
        os.chmod(t.write("htpasswd", f"{USER}:{hashed}\n"), 0o644)
        outside = OUTSIDE.format(port=self.port, folder=t.folder, protocols=protocols,
                                 tickets=tickets, upstream=self.upstream, nchan=NCHAN)
        locations = f"location / {{ return 301 https://127.0.0.1:{self.port}$request_uri; }}"
        self.nginx = Nginx(t, locations, outside)
        self.process = self.nginx.process

    def url(self, path, userinfo=""):
        return f"https://{userinfo}127.0.0.1:{self.port}{path}"

    def ask(self, path, body=None):
        with urllib.request.urlopen(self.url(path), data=body, timeout=10,
                                    context=client_context()) as response:
            return response.read().decode()

    def service_count(self, name):
        """A figure of the demo service, which is asked without nginx."""
        metrics = ask(f"http://127.0.0.1:{self.upstream}/metrics")
        return int(re.search(rf"^cicada_serve_{name} (\d+)", metrics, re.MULTILINE).group(1))


def query(count, interval="20ms"):
    return f"?interval={interval}&count={count}"


def start_run(t, url, *options, seconds=4):
    path = t.path("result.json")
    return path, t.start_cicada("run", url, "-u", STREAMS, "-r", 100, "-t", f"{seconds}s", "--json",
                                path, "--processes", 2, *options)


def finish(process, path, status=0):
    ended = process.wait(30)
    harness.check_for_crash(process)
    result = harness.Result(path)
    same(ended, status, f"exit status ({result.json['errors']})")
    return result


def check_exact(result, count):
    same((result.count("sse_events"), result.json["errors"]), (count, []), "events and errors")
    same((result.count("sse_attempts"), result.count("sse_disconnects")), (STREAMS, 0),
         "attempts and disconnects")
    rate = result.metrics["tls_resumed"]
    same((rate["fails"], rate["passes"]), (STREAMS, 0), "full and resumed handshakes")
    same(result.metrics["sse_connecting{part:tls}"]["count"], STREAMS, "samples of part:tls")


def add_version(protocols):
    def exact(t):
        nginx = SecureNginx(t, protocols)
        path, process = start_run(t, nginx.url(STREAM + query(EVENTS)), *trust(t))
        check_exact(finish(process, path), STREAMS * EVENTS)

    harness.tests.append((f"counts are exact through nginx that speaks {protocols}", exact))


add_version("TLSv1.2")
add_version("TLSv1.3")


@test
def nchan_delivers_every_message_over_tls(t):
    nginx = SecureNginx(t)
    path, process = start_run(t, nginx.url("/sub?id=x"), *trust(t))
    wait_until(lambda: f"subscribers: {STREAMS}" in nginx.ask("/nchan"), f"{STREAMS} subscribers")
    for number in range(MESSAGES):
        nginx.ask("/pub?id=x", b'{"number":%d}' % number)
    check_exact(finish(process, path), STREAMS * MESSAGES)


# --- ends of nginx's workers ---

def check_recovered(result, fails, passes):
    same(result.count("sse_attempts"), 2 * STREAMS, "attempts")
    same(result.count("sse_reconnects"), STREAMS, f"reconnects: {result.json['errors']}")
    same(result.metrics["sse_reconnect_success"]["passes"], STREAMS, "reconnects with an event")
    same(result.count("sse_disconnects"), STREAMS, "disconnects")
    check(set(result.classes()) <= {"closed_early", "reset", "tls", "closed"},
          f"classes: {result.json['errors']}")
    rate = result.metrics["tls_resumed"]
    same((rate["fails"], rate["passes"]), (fails, passes), "full and resumed handshakes")


def run_over(t, nginx, action):
    """A run in the middle of which nginx loses the worker that has all its streams."""
    path, process = start_run(t, nginx.url(STREAM + query(10000)), "--retry-wait", "50ms",
                              "--retry-max", "50ms", *trust(t))
    wait_until(lambda: nginx.service_count("streams_open") == STREAMS, f"{STREAMS} streams")
    sent = nginx.service_count("events_sent_total")
    wait_until(lambda: nginx.service_count("events_sent_total") > sent + STREAMS * 20,
               "events that had the time to arrive")
    worker, = children_of(nginx.process.pid)
    action(worker)
    return finish(process, path)


def reload_of(nginx):
    return lambda _: nginx.process.signal(signal.SIGHUP)


@test
def streams_resume_their_sessions_after_a_reload_that_keeps_the_ticket_key(t):
    t.write("ticket.key", os.urandom(80))
    nginx = SecureNginx(t, tickets=f"ssl_session_ticket_key {t.folder}/ticket.key;")
    check_recovered(run_over(t, nginx, reload_of(nginx)), STREAMS, STREAMS)


@test
def streams_come_back_in_full_after_a_reload_that_changes_the_ticket_key(t):
    for protocols in ("TLSv1.2", "TLSv1.3"):
        nginx = SecureNginx(t, protocols)
        check_recovered(run_over(t, nginx, reload_of(nginx)), 2 * STREAMS, 0)


@test
def streams_resume_their_sessions_after_the_death_of_a_worker(t):
    for protocols in ("TLSv1.2", "TLSv1.3"):
        nginx = SecureNginx(t, protocols)
        result = run_over(t, nginx, lambda worker: os.kill(worker, signal.SIGKILL))
        check_recovered(result, STREAMS, STREAMS)


# --- gzip ---

@test
def compressed_events_arrive_as_they_are_flushed(t):
    nginx = SecureNginx(t)
    url = nginx.url("/packed/v1/events/stream" + query(10, "150ms"))
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, context=client_context(), timeout=10) as response:
        same(response.headers["Content-Encoding"], "gzip", "nginx packs")
    path, process = start_run(t, url, "--compressed", *trust(t))
    result = finish(process, path)
    check_exact(result, STREAMS * 10)
    between(result.metrics["sse_event_gap"]["p50"], 75, 300, "ms between events, half of them")


@test
def nothing_is_packed_unless_asked_for(t):
    nginx = SecureNginx(t)
    path, process = start_run(t, nginx.url("/packed/v1/events/stream" + query(EVENTS)), *trust(t))
    check_exact(finish(process, path), STREAMS * EVENTS)


# --- redirects and passwords ---

@test
def a_redirect_from_http_to_https_is_followed(t):
    nginx = SecureNginx(t)
    path, process = start_run(t, nginx.nginx.url(STREAM + query(EVENTS)), *trust(t))
    result = finish(process, path)
    check_exact(result, STREAMS * EVENTS)
    same((result.count("http_status{code:301}"), result.count("http_status{code:200}")),
         (STREAMS, STREAMS), "answers")


PRIVATE = "/private/v1/events/stream" + query(EVENTS)
IN_URL = "ann:s3cret-p%3Ass@"


def check_let_in(t, url, *options):
    path, process = start_run(t, url, *options, *trust(t))
    check_exact(finish(process, path), STREAMS * EVENTS)


@test
def a_password_as_an_option_is_let_in(t):
    nginx = SecureNginx(t)
    check_let_in(t, nginx.url(PRIVATE), "--auth", f"{USER}:{PASSWORD}")


@test
def a_password_in_the_url_is_let_in(t):
    nginx = SecureNginx(t)
    check_let_in(t, nginx.url(PRIVATE, IN_URL))


@test
def the_strongest_scheme_on_offer_is_basic_here(t):
    nginx = SecureNginx(t)
    outcome, lines = t.tap("--timeout", "2s", "--auth-scheme", "any", "--auth",
                           f"{USER}:{PASSWORD}", *trust(t), nginx.url(PRIVATE))
    same(len([line for line in lines if "data" in line]), EVENTS, "events")


@test
def a_wrong_password_is_status_4xx(t):
    nginx = SecureNginx(t)
    for options, userinfo in ((("--auth", f"{USER}:wrong"), ""), ((), "ann:wrong@"), ((), "")):
        url = nginx.url(PRIVATE, userinfo)
        outcome, lines = t.tap("--timeout", "5s", *options, *trust(t), url)
        same((outcome.status, [line.get("error") for line in lines]), (1, ["status_4xx"]), "tap")
        contains(lines[0]["message"], "401", "message")
        path, process = start_run(t, url, *options, *trust(t), seconds=1)
        same(finish(process, path, 1).classes(), {"status_4xx": STREAMS}, "errors of run")


if __name__ == "__main__":
    harness.main(jobs=8)
