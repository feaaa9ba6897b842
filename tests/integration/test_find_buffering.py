#!/usr/bin/env python3
"""Events that are held back on their way, by Debian's nginx and others: found, and nothing else."""

import random
import time

import harness
import script_runner
from demo_service import Service
from harness import between, check, contains, same, test
from nginx_server import Nginx
from raw_server import RawServer, unused_port
from tls_server import pem_path, trust

STREAMS, SECONDS, ATTEMPTS = 5, 4, 4
TIMED = ("--event-time", "/sent_ms:ms")
# Found beside what is looked for on a machine that is too busy, which the tests allow for.
BUSY = "generator-saturated"
HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
        b"Connection: close\r\n\r\n")
# What nginx holds back is what comes to it without chunks, as from a service that speaks HTTP/1.0
# to it; and what its gzip packs, unless it is told not to buffer.
LOCATIONS = """
proxy_http_version 1.1;
gzip_types text/event-stream;
gzip_min_length 0;
location /on/ {{ proxy_pass http://127.0.0.1:{upstream}/; }}
location /off/ {{ proxy_buffering off; proxy_pass http://127.0.0.1:{upstream}/; }}
location /on/gzip/ {{ gzip on; proxy_pass http://127.0.0.1:{upstream}/; }}
location /off/gzip/ {{ gzip on; proxy_buffering off; proxy_pass http://127.0.0.1:{upstream}/; }}
"""
OVER_TLS = """
server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    {locations}
}}
"""


def event(size):
    """About `size` bytes that a packer cannot halve twice, with the time they are made."""
    start = f'data: {{"sent_ms":{time.time() * 1000:.3f},"text":"'
    text = random.randbytes((size - len(start)) // 2).hex()
    return f'{start}{text}"}}\n\n'.encode()


class Source:
    """Each `gap_ms` `burst` events of `size` bytes, as one write, on each stream by itself."""

    def __init__(self, t, size=200, gap_ms=10, burst=1):
        self.size, self.gap_s, self.burst = size, gap_ms / 1000, burst
        self.server = RawServer(self._answer)
        t.keep(self.server, self.server.stop)

    def _answer(self, peer, _request):
        peer.send(HEAD)
        due = time.monotonic()
        while True:
            peer.send(b"".join(event(self.size) for _ in range(self.burst)))
            due += self.gap_s
            time.sleep(max(0.0, due - time.monotonic()))


def bursting(t):
    """A source that gathers by itself: events that are made together."""
    return Source(t, gap_ms=100, burst=20)


def large(t):
    """Enough for a packer's buffers to fill several times a second."""
    return Source(t, size=1000, gap_ms=5)


def judge(run):
    """The result of `run()` and its findings by code; again where this machine was too busy to
    read in time, which may void what is looked for here."""
    for _ in range(ATTEMPTS):
        result = run()
        findings = {each["code"]: each for each in result.json["findings"]}
        if BUSY not in findings:
            break
    findings.pop(BUSY, None)
    return result, findings


def load(t, url, *words, streams=STREAMS, seconds=SECONDS):
    def run():
        outcome, result = t.load(url, "-u", streams, "-r", 50, "-t", f"{seconds}s", *words)
        same(outcome.status, 0, f"exit status ({outcome.stderr})")
        return result

    return judge(run)


def check_found(findings, code, confidence, title):
    same({each: findings[each]["confidence"] for each in findings}, {code: confidence}, "findings")
    contains(findings[code]["title"], title, "title")


def check_silent(findings):
    same(findings, {}, "findings")


def nginx_before(t, source):
    return Nginx(t, LOCATIONS.format(upstream=source.server.port))


def tls_nginx_before(t, source):
    """The URL of nginx with TLS."""
    port = unused_port()
    for name in ("server.pem", "server.key"):
        pem_path(t, name)
    locations = LOCATIONS.format(upstream=source.server.port)
    Nginx(t, "", OVER_TLS.format(port=port, folder=t.folder, locations=locations))
    return f"https://127.0.0.1:{port}"


# --- nginx ---

@test
def a_proxy_that_buffers_is_found_by_times_of_sending(t):
    result, findings = load(t, nginx_before(t, Source(t)).url("/on/"), *TIMED)
    check_found(findings, "proxy-buffering", "certain", r"bursts of (19|2\d) that were sent over")
    contains(findings["proxy-buffering"]["advice"], "a buffer of 4,096 bytes", "advice")
    same(result.metrics["sse_burst_bytes"]["p50"], 4096, "bytes of a burst")
    between(result.metrics["sse_burst_span"]["p50"], 150, 1000, "ms between the events of one")


@test
def a_proxy_that_buffers_is_suspected_without_them(t):
    result, findings = load(t, nginx_before(t, Source(t)).url("/on/"))
    check_found(findings, "proxy-buffering", "suspected", "end inside an event")
    contains(findings["proxy-buffering"]["advice"], "a run that would tell.*--event-time", "advice")
    check("sse_burst_span" not in result.metrics, "nobody knows when they were sent")


@test
def a_proxy_that_buffers_is_found_through_tls(t):
    url = tls_nginx_before(t, Source(t))
    _, findings = load(t, url + "/on/", *TIMED, *trust(t))
    check_found(findings, "proxy-buffering", "certain", "sent over")
    _, findings = load(t, url + "/on/", *trust(t))
    check_found(findings, "proxy-buffering", "suspected", "end inside an event")


@test
def a_proxy_that_does_not_buffer_raises_nothing(t):
    nginx = nginx_before(t, Source(t))
    for words in (TIMED, ()):
        _, findings = load(t, nginx.url("/off/"), *words)
        check_silent(findings)


@test
def a_source_that_bursts_itself_raises_nothing(t):
    nginx = nginx_before(t, bursting(t))
    for words in (TIMED, ()):
        result, findings = load(t, nginx.url("/off/"), *words)
        check_silent(findings)
        between(result.metrics["sse_burst_events"]["p50"], 15, 25, "events of a burst")


@test
def a_compressor_that_waits_is_found(t):
    nginx = nginx_before(t, large(t))
    result, findings = load(t, nginx.url("/on/gzip/"), "--compressed", *TIMED)
    check_found(findings, "buffered-compression", "likely", "compressor waits")
    same(result.count("sse_compressed{coding:gzip}"), STREAMS, "compressed streams")
    _, findings = load(t, nginx.url("/on/gzip/"), "--compressed")
    check_found(findings, "buffered-compression", "suspected", "end inside an event")


@test
def a_response_that_is_held_back_is_no_replay(t):
    """Of events this small a compressor's block takes seconds to fill; until it is full, not even
    the headers go out."""
    nginx = nginx_before(t, Source(t, size=60, gap_ms=10, burst=4))
    result, findings = load(t, nginx.url("/on/gzip/"), "--compressed", *TIMED, streams=15,
                            seconds=10)
    check_found(findings, "buffered-compression", "likely", "compressor waits")
    finding = findings["buffered-compression"]
    same(finding["severity"], "critical", "severity")
    contains(finding["evidence"], r"\d were held back with the headers of their response, for up "
             r"to \d+(\.\d+)?s", "evidence")
    check(result.metrics["sse_event_latency{delivery:held}"]["max"] > 1000, "ms held")
    check("sse_event_latency{delivery:replay}" not in result.metrics, "nothing is a replay")


@test
def headers_that_take_a_moment_raise_nothing(t):
    service = Service(t, "--interval", "10ms", "--fault", "load-delay=100ms")
    result, findings = load(t, service.url("/api/v1/events/stream"), *TIMED)
    check_silent(findings)
    check(result.metrics["sse_connecting"]["max"] > 300, "ms to the headers")


@test
def a_compressor_that_flushes_raises_nothing(t):
    nginx = nginx_before(t, Source(t))
    for words in (TIMED, ()):
        result, findings = load(t, nginx.url("/off/gzip/"), "--compressed", *words)
        check_silent(findings)
        same(result.count("sse_compressed"), STREAMS, "compressed streams")


# --- others who hold back ---

@test
def events_gathered_by_the_clock_are_likely_held_back(t):
    service = Service(t, "--interval", "10ms", "--fault", "clump=200ms")
    _, findings = load(t, service.url("/api/v1/events/stream"), *TIMED)
    check_found(findings, "proxy-buffering", "likely", "something on their way gathers them")


@test
def a_stall_now_and_then_is_not_buffering(t):
    service = Service(t, "--interval", "10ms", "--fault", "stall=100ms")
    result, findings = load(t, service.url("/api/v1/events/stream"), *TIMED)
    check("sse_burst_events{sent:apart}" in result.metrics, "some events were held back")
    check("proxy-buffering" not in findings, f"findings: {findings}")


@test
def slow_readers_hold_back_themselves(t):
    source = Source(t, size=1000, gap_ms=2)
    _, findings = load(t, source.server.url("/"), "--read-rate", "20k", *TIMED)
    check("proxy-buffering" not in findings, f"findings: {findings}")


# --- Locust files ---

READER = """
from locust import HttpUser

class Reader(HttpUser):
    host = "{host}"

    @task
    def read(self):
        with self.client.get("{path}", stream=True, name="stream") as response:
            for line in response.iter_lines():
                gevent.sleep({pause_s})
"""


def load_script(t, text):
    def run():
        outcome, result, _ = script_runner.run(t, text, "-u", STREAMS, "-r", 50, "-t",
                                               f"{SECONDS}s", *TIMED)
        same(outcome.status, 0, f"exit status ({outcome.stderr})")
        return result

    return judge(run)


@test
def a_proxy_that_buffers_is_found_from_a_locust_file(t):
    nginx = nginx_before(t, Source(t))
    _, findings = load_script(t, READER.format(host=nginx.url(""), path="/on/", pause_s=0))
    check_found(findings, "proxy-buffering", "certain", "sent over")


@test
def a_script_that_reads_slowly_holds_back_itself(t):
    source = Source(t, size=2000, gap_ms=1)
    text = READER.format(host=source.server.url(""), path="/", pause_s=0.01)
    _, findings = load_script(t, text)
    check("proxy-buffering" not in findings, f"findings: {findings}")


if __name__ == "__main__":
    harness.main(jobs=3)
