#!/usr/bin/env python3
"""The audit of `run` on services that others wrote, nginx with the nchan module and Node with
better-sse: subscribers are dropped and resume, and what they lose is known to the event."""

import http.client
import os
import re

import harness
from audit_run import AuditRun, check_audit
from harness import between, check, same, test, wait_until
from nginx_server import Nginx, ask, nchan_locations
from relay import Relay

STREAMS = 100
BETWEEN, AWAY = 200, 100  # messages while all are there, and while some are dropped
LONG, SHORT = 1000, 70    # histories of a channel
OPTIONS = ("-u", STREAMS, "-r", 1000, "--retry-max", "50ms", "--retry-wait", "50ms")


class Nchan:
    """nginx with one channel, to which the test publishes, and a relay in front of it."""

    def __init__(self, t, history=LONG):
        self.nginx = Nginx(t, nchan_locations(history))
        self.relay = Relay(t, self.nginx.port)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=10)
        t.keep(self.connection, self.connection.close)
        self.published = 0

    def status(self):
        return ask(self.nginx.url("/nchan"))

    def published_count(self):
        return int(re.search(r"total published messages: (\d+)", self.status()).group(1))

    def wait_for(self, subscribers):
        wait_until(lambda: int(re.search(r"subscribers: (\d+)", self.status()).group(1)) ==
                   subscribers, f"{subscribers} subscribers")

    def publish(self, count):
        for _ in range(count):
            body = f'{{"seq":{self.published},"text":"message"}}'
            self.connection.request("POST", "/pub?id=x", body)
            response = self.connection.getresponse()
            response.read()
            check(response.status in (201, 202), f"status of a publication: {response.status}")
            self.published += 1

    def run(self, t, *options):
        port = self.relay.port
        run = AuditRun(t, port, f"http://127.0.0.1:{port}/sub?id=x", *OPTIONS, *options)
        self.wait_for(STREAMS)
        return run

    def stop(self, run):
        self.wait_until_read(run)
        return run.stop(self.status)

    def wait_until_read(self, run):
        """Behind the relay too."""
        run.wait_until_read(self.nginx.port)
        run.wait_until_read(self.relay.port)


def check_drops(result, dropped):
    same(result.count("sse_disconnects"), dropped, "disconnects")
    resumed = result.metrics["sse_reconnect_success"]
    same((resumed["passes"], resumed["fails"]), (dropped, 0), "resumes")


def absences(t, history, one_of, *options):
    """Every `one_of`th subscriber is dropped three times, and away while AWAY messages are
    published. The result, and what they lost of what was behind the channel's history."""
    nchan = Nchan(t, history)
    run = nchan.run(t, *options)
    dropped = STREAMS // one_of
    for _ in range(3):
        nchan.publish(BETWEEN)
        if history == SHORT:
            nchan.wait_until_read(run)  # what is dropped on its way could be forgotten too
        nchan.relay.hold()
        same(nchan.relay.drop(one_of), dropped, "subscribers dropped")
        nchan.publish(AWAY)
        nchan.wait_for(STREAMS - dropped)
        nchan.relay.release()
        nchan.wait_for(STREAMS)
    nchan.publish(BETWEEN)
    result = nchan.stop(run)
    lost = 3 * dropped * max(0, AWAY - history)
    same(result.count("sse_events"), STREAMS * nchan.published - lost, "events")
    check_drops(result, 3 * dropped)
    return result, lost


@test
def nchan_that_drops_everybody_loses_nothing_by_sequence(t):
    check_audit(absences(t, LONG, 1, "--event-seq", "/seq")[0])


@test
def nchan_that_drops_half_loses_nothing_by_peers(t):
    check_audit(absences(t, LONG, 2)[0])


@test
def nchan_with_a_short_history_loses_what_it_forgot_by_sequence(t):
    result, lost = absences(t, SHORT, 1, "--event-seq", "/seq")
    check_audit(result, sse_missed=(lost, "where:resume"))


@test
def nchan_with_a_short_history_loses_what_it_forgot_by_peers(t):
    result, lost = absences(t, SHORT, 2)
    check_audit(result, sse_peer_missed=(lost, "where:resume"))


@test
def nchan_with_a_short_history_loses_the_same_by_sequence_and_peers(t):
    result, lost = absences(t, SHORT, 2, "--event-seq", "/seq")
    check_audit(result, sse_missed=(lost, "where:resume"), sse_peer_missed=(lost, "where:resume"))


def published(t, history):
    """Every subscriber is away while cicada publishes more than a short history keeps. The result,
    and how many messages were lost: each went to every subscriber that was there."""
    nchan = Nchan(t, history)
    publisher = Relay(t, nchan.nginx.port)
    run = nchan.run(t, "--publish", f"POST http://127.0.0.1:{publisher.port}/pub?id=x",
                    "--publish-rate", 400, "--publish-data", '{"text":"{{mark}}"}')

    def wait_for(more):
        end = nchan.published_count() + more
        run.wait_until(lambda: nchan.published_count() >= end, f"{more} messages")
    for _ in range(3):
        wait_for(BETWEEN)
        nchan.relay.hold()
        same(nchan.relay.drop(), STREAMS, "subscribers dropped")
        wait_for(AWAY)
        nchan.wait_for(0)
        nchan.relay.release()
        nchan.wait_for(STREAMS)
    wait_for(BETWEEN)
    publisher.hold()
    publisher.drop()
    nchan.wait_until_read(run)
    result = nchan.stop(run)
    check_drops(result, 3 * STREAMS)
    return result, STREAMS * nchan.published_count() - result.count("sse_events")


@test
def nchan_loses_nothing_by_publishing(t):
    result, lost = published(t, LONG)
    same(lost, 0, "messages lost")
    check_audit(result)


@test
def nchan_with_a_short_history_loses_what_it_forgot_by_publishing(t):
    result, lost = published(t, SHORT)
    between(lost, 3 * STREAMS, 3 * STREAMS * AWAY * 4, "messages lost")
    # Not all come back at the same moment: what one of them got, the others missed by peers too.
    check_audit(result, (0, lost), sse_publish_missed=(lost, "where:resume"))


@test
def better_sse_with_history_loses_nothing(t):
    check(os.path.isdir(os.path.join(harness.HERE, "node_modules", "better-sse")),
          "better-sse is missing: run `make deps`")
    server = t.start("node", os.path.join(harness.HERE, "better_sse_server.mjs"))
    port = int(server.wait_for_output(r"port (\d+)").group(1))
    url = f"http://127.0.0.1:{port}"

    def wait_for_all():
        wait_until(lambda: ask(f"{url}/sessions") == str(STREAMS), "all sessions")
    run = AuditRun(t, port, f"{url}/sse", *OPTIONS, "--event-seq", "/number")
    wait_for_all()
    ask(f"{url}/broadcast?count=400", b"")
    for _ in range(2):
        same(ask(f"{url}/drop", b""), str(STREAMS), "subscribers dropped")
        ask(f"{url}/broadcast?count=300", b"")
        wait_for_all()
        ask(f"{url}/broadcast?count=100", b"")
    result = run.stop(lambda: ask(f"{url}/sessions"))
    same(result.count("sse_events"), STREAMS * 1200, "events")
    check_drops(result, 2 * STREAMS)
    check_audit(result)


if __name__ == "__main__":
    harness.main(jobs=3)
