#!/usr/bin/env python3
"""Exact counts on services that others wrote: nginx with the nchan module, Node with better-sse."""

import errno
import os
import re
import socket

import harness
from harness import check, same, test, wait_until
from nginx_server import NCHAN, Nginx, ask
from raw_server import unused_port

STREAMS, MESSAGES = 50, 100


def nchan_subscribers(port):
    return int(re.search(r"subscribers: (\d+)", ask(f"http://127.0.0.1:{port}/nchan")).group(1))


def start_run(t, url, *options):
    path = t.path("result.json")
    return path, t.start_cicada("run", url, "-u", STREAMS, "-r", 50, "-t", "10s", "--json", path,
                                *options)


def check_counts(process, path, count):
    same(process.wait(30), 0, f"exit status ({process.stderr})")
    harness.check_for_crash(process)
    result = harness.Result(path)
    same(result.count("sse_events"), count, "events")
    same(result.count("sse_attempts"), STREAMS, "attempts")
    same(result.count("sse_disconnects"), 0, "disconnects")
    return result


@test
def a_port_for_a_peer_is_nobody_elses(t):
    port = unused_port()
    for host in ("127.0.0.1", "127.0.0.9"):
        with socket.socket() as other:
            same(other.connect_ex((host, port)), errno.ECONNREFUSED, "an early client")
        with socket.socket() as other:
            try:
                other.bind((host, port))
            except OSError as error:
                same(error.errno, errno.EADDRINUSE, "another program's bind")
            else:
                raise harness.Failure(f"{host}:{port} is anybody's")
        with socket.create_server((host, port)):  # as nginx does it
            pass


@test
def nchan_delivers_every_message_to_every_stream(t):
    port = Nginx(t, NCHAN).port
    path, process = start_run(t, f"http://127.0.0.1:{port}/sub?id=x")
    wait_until(lambda: nchan_subscribers(port) == STREAMS, f"{STREAMS} subscribers")
    for number in range(MESSAGES):
        ask(f"http://127.0.0.1:{port}/pub?id=x", f'{{"number":{number}}}'.encode())
    check_counts(process, path, STREAMS * MESSAGES)


@test
def nchan_resumes_after_a_reconnect(t):
    port = Nginx(t, NCHAN).port
    for number in range(6):
        ask(f"http://127.0.0.1:{port}/pub?id=y", b"message %d" % number)
    # Its subscribers are told the oldest message first, so a lost id would show as a repetition.
    outcome, lines = t.tap("--timeout", "1s", f"http://127.0.0.1:{port}/sub?id=y")
    same([line["data"] for line in lines if "data" in line], [f"message {n}" for n in range(6)],
         "messages of the first stream")
    third = [line["id"] for line in lines if "data" in line][2]
    outcome, lines = t.tap("--timeout", "1s", "-H", f"Last-Event-ID: {third}",
                           f"http://127.0.0.1:{port}/sub?id=y")
    same([line["data"] for line in lines if "data" in line], [f"message {n}" for n in (3, 4, 5)],
         "messages after the third")


@test
def better_sse_broadcasts_every_event_to_every_stream(t):
    check(os.path.isdir(os.path.join(harness.HERE, "node_modules", "better-sse")),
          "better-sse is missing: run `make deps`")
    server = t.start("node", os.path.join(harness.HERE, "better_sse_server.mjs"))
    port = server.wait_for_output(r"port (\d+)").group(1)
    path, process = start_run(t, f"http://127.0.0.1:{port}/sse")
    wait_until(lambda: ask(f"http://127.0.0.1:{port}/sessions") == str(STREAMS), "all sessions")
    ask(f"http://127.0.0.1:{port}/broadcast?count={MESSAGES}", b"")
    result = check_counts(process, path, STREAMS * MESSAGES)
    same(result.count("sse_events{event:tick}"), STREAMS * MESSAGES, "events named tick")


if __name__ == "__main__":
    harness.main(jobs=3)
